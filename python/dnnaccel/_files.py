"""Files written whole or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from dnnaccel.errors import DnnAccelError

__all__ = ["check_writable", "write_atomically"]


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
    check_writable(path)
    data = content.encode("utf-8") if isinstance(content, str) else content
    try:
        target = _target(path)
        if target is None:
            Path(path).write_bytes(data)
            return
        temporary = target.with_name(f".dnnaccel-{secrets.token_hex(8)}.tmp")
        try:
            with open(temporary, "xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            if target.exists():
                temporary.chmod(target.stat().st_mode & 0o777)
            os.replace(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)
    except (OSError, ValueError) as error:
        raise _unwritable(os.fspath(path), error) from None


def _target(path: str | os.PathLike[str]) -> Path | None:
    """Return the file to replace (what a link points to, not the link), or None for a device or a pipe."""
    if Path(path).exists() and not Path(path).is_file():
        return None
    return Path(os.path.realpath(path))


def _unwritable(path: str, error: Exception) -> DnnAccelError:
    if isinstance(error, OSError) and error.errno is not None:
        return DnnAccelError(f"cannot write {path}: {os.strerror(error.errno).lower()}")
    return DnnAccelError(f"cannot write {path!r}: {error}")
