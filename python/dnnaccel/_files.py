"""Files written whole or not at all, and texts read up to a bound."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from dnnaccel.errors import DnnAccelError

__all__ = ["check_writable", "read_text", "write_atomically", "written_whole"]


def check_writable(path: str | os.PathLike[str]) -> None:
    """Raise `DnnAccelError` if `path` can plainly not be written, so that a long run need not end in that."""
    shown = os.fspath(path)
    try:
        if Path(path).is_dir():
            raise DnnAccelError(f"cannot write {shown}: it is a directory")
        target = _target(path)
        if target is None:
            return
        if not target.parent.is_dir():
            raise DnnAccelError(f"cannot write {shown}: there is no directory {Path(path).parent}")
        if not os.access(target.parent, os.W_OK | os.X_OK):
            raise DnnAccelError(f"cannot write {shown}: no permission to write in {Path(path).parent}")
    except (OSError, ValueError) as error:
        raise _unwritable(shown, error) from None


def write_atomically(path: str | os.PathLike[str], content: str | bytes) -> None:
    """Write `content` (text as UTF-8) to `path` so that a reader sees the old file or the new one, whole.

    A device or a pipe is written to as it is. Raises `DnnAccelError` with the reason if it cannot be written.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    with written_whole(path) as name, open(name, "wb") as file:
        file.write(data)


@contextlib.contextmanager
def written_whole(path: str | os.PathLike[str]) -> Iterator[str]:
    """Give the name of a new file beside `path` to write to, which takes its place if no exception passes.

    A device or a pipe is given as it is. Raises `DnnAccelError` with the reason if it cannot be written.
    """
    check_writable(path)
    try:
        target = _target(path)
        if target is None:
            yield os.fspath(path)
            return
        temporary = target.with_name(f".dnnaccel-{secrets.token_hex(8)}.tmp")
        try:
            temporary.touch(exist_ok=False)
            yield str(temporary)
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            if target.exists():
                temporary.chmod(target.stat().st_mode & 0o777)
            os.replace(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(os.fspath(path), error) from None


def read_text(
    path: str | os.PathLike[str], *, kind: str, usual_size: str, max_bytes: int, error: type[Exception]
) -> str:
    """Return the UTF-8 text of a file of at most `max_bytes`, which is to be a `kind` ("mapping file").

    Raises `error` with one sentence that starts with the path, and with the line where it is not UTF-8.
    """
    name = os.fspath(path)
    try:
        with Path(name).open("rb") as file:
            raw = file.read(max_bytes + 1)
    except FileNotFoundError:
        raise error(f"{name}: no such file; give the path of a {kind}") from None
    except IsADirectoryError:
        raise error(f"{name}: is a directory; give the path of a {kind}") from None
    except (OSError, ValueError) as fault:
        reason = getattr(fault, "strerror", None) or fault
        raise error(f"{name}: cannot be read: {reason}") from None
    if len(raw) > max_bytes:
        raise error(f"{name}: larger than {max_bytes} bytes; a {kind} is {usual_size}")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = raw.count(b"\n", 0, fault.start) + 1
        raise error(f"{name}:{line}: is not UTF-8 text (byte {fault.start})") from None


def _target(path: str | os.PathLike[str]) -> Path | None:
    """Return the file to replace (what a link points to, not the link), or None for a device or a pipe."""
    if Path(path).exists() and not Path(path).is_file():
        return None
    return Path(os.path.realpath(path))


def _unwritable(path: str, error: Exception) -> DnnAccelError:
    if isinstance(error, OSError) and error.errno is not None:
        return DnnAccelError(f"cannot write {path}: {os.strerror(error.errno).lower()}")
    return DnnAccelError(f"cannot write {path!r}: {error}")
