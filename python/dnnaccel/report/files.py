"""Files written whole or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Protocol

from dnnaccel.errors import DnnAccelError, unknown_name

__all__ = ["FORMATS", "check_writable", "format_of", "render", "save", "write_atomically"]

FORMATS: dict[str, str] = {"json": "json", "csv": "csv", "txt": "table", "html": "html"}
"""File suffix, without its dot, and the format that it stands for."""


def format_of(path: str | os.PathLike[str]) -> str:
    """Return the format that the suffix of `path` stands for; raises `DnnAccelError` with the valid ones."""
    suffix = Path(path).suffix.removeprefix(".").lower()
    if suffix in FORMATS:
        return FORMATS[suffix]
    valid = ", ".join(f".{known}" for known in FORMATS)
    given = f"has the suffix .{suffix}" if suffix else "has no suffix"
    raise DnnAccelError(
        f"cannot save {os.fspath(path)}: it {given}, and the suffix says the format ({valid})"
    )


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


class Renderable(Protocol):
    """What can be saved: anything with these four ways out."""

    def to_text(self) -> str: ...

    def to_json(self) -> str: ...

    def to_csv(self) -> str: ...

    def to_html(self) -> str: ...


def render(result: Renderable, format: str) -> str:
    """Return `result` as "table", "json", "csv" or "html" text; raises `DnnAccelError` for another format."""
    if format == "table":
        return result.to_text() + "\n"
    if format == "json":
        return result.to_json()
    if format == "csv":
        return result.to_csv()
    if format == "html":
        return result.to_html()
    raise unknown_name("format", format, FORMATS.values())


def save(result: Renderable, path: str | os.PathLike[str], format: str | None = None) -> None:
    """Write `result` to `path` in `format`, or as the suffix says; raises `DnnAccelError` if it cannot."""
    write_atomically(path, render(result, format_of(path) if format is None else format))
