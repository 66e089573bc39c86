"""Files of datasets, read no further than they may be long."""

from __future__ import annotations

import gzip
import os
import stat
import zlib
from pathlib import Path
from typing import BinaryIO

from dnnaccel.errors import DatasetError, unknown_name

__all__ = ["Bytes", "check_split", "folder", "read_regular"]

Bytes = bytes | bytearray

_CHUNK = 1 << 20
_GZIP_MAGIC = b"\x1f\x8b"


def folder(path: str | os.PathLike[str]) -> Path:
    """Return `path` if it is a folder; raises `DatasetError` otherwise."""
    found = Path(path)
    if not found.is_dir():
        raise DatasetError(f"{found}: {'not a folder' if found.exists() else 'no such folder'}")
    return found


def check_split(split: str) -> None:
    """Raise `UnknownNameError` unless `split` is "train" or "test"."""
    if split not in ("train", "test"):
        raise unknown_name("split", split, ("train", "test"))


def read_regular(path: Path, *, limit: int, header: int = 0) -> Bytes:
    """Return the bytes of a file that may be compressed with gzip, at most `limit` of them unpacked.

    With `header`, stop after so many bytes: to learn from them how long the rest may be. Raises
    `DatasetError` for a file that is missing, no regular file, longer than `limit`, or damaged in its
    compression.
    """
    try:
        # A pipe would block, a device never end.
        if not stat.S_ISREG(path.stat().st_mode):
            raise DatasetError(f"{path}: not a regular file")
        with path.open("rb") as raw:
            packed = raw.read(2) == _GZIP_MAGIC
            raw.seek(0)
            if packed:
                with gzip.GzipFile(fileobj=raw) as unpacked:
                    return _read(unpacked, path, limit, header)
            return _read(raw, path, limit, header)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DatasetError(f"{path}: its gzip compression is damaged or cut short: {error}") from error
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror or error}") from error


def _read(stream: gzip.GzipFile | BinaryIO, path: Path, limit: int, header: int) -> Bytes:
    if header:
        return stream.read(header)
    # In pieces, so that memory grows with what is there and not with what a header promises.
    content = bytearray()
    while len(content) <= limit:
        piece = stream.read(min(_CHUNK, limit + 1 - len(content)))
        if not piece:
            return content
        content += piece
    raise DatasetError(f"{path}: longer than the {limit:,} bytes that it should have")
