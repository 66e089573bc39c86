"""Results as files, in the format that the suffix says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from dnnaccel._files import check_writable, write_atomically
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
