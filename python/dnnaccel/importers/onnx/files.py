"""Opening ONNX files."""

from __future__ import annotations

import importlib
import mmap
import os
import stat
from types import ModuleType
from typing import TYPE_CHECKING, Any

from dnnaccel.errors import ImportedFileError, MissingExtraError
from dnnaccel.importers.onnx.wire import WireError, without_weights

if TYPE_CHECKING:
    import onnx

__all__ = ["MAX_BYTES", "check_file", "onnx_package", "parse", "read_model"]

MAX_BYTES = 2**31 - 1
"""Largest file: protobuf's own limit."""

# Without weights the largest networks take a few megabytes.
_MAX_GRAPH_BYTES = 64 * 2**20


def onnx_package() -> ModuleType:
    """Return the onnx package; raises `MissingExtraError` if it is not installed."""
    try:
        import onnx
    except ImportError as error:
        raise MissingExtraError("reading ONNX files needs onnx: pip install 'dnnaccel[onnx]'") from error
    return onnx


def check_file(file: str) -> int:
    """Return the size of `file` in bytes; raises `ImportedFileError` unless it is a file of sound size."""
    try:
        status = os.stat(file)
    except OSError as error:
        raise ImportedFileError(f"{file}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ImportedFileError(f"{file!r}: is no path: {error}") from None
    if not stat.S_ISREG(status.st_mode):
        raise ImportedFileError(f"{file}: is no regular file")
    if not 0 < status.st_size <= MAX_BYTES:
        raise ImportedFileError(
            f"{file}: has {status.st_size} bytes; an ONNX file has at least 1 and at most {MAX_BYTES}"
        )
    return status.st_size


def read_model(file: str) -> onnx.ModelProto:
    """Return the model in `file` without the data of its large tensors, which stays on the disk.

    Raises `ImportedFileError` for a file that cannot be read or is no ONNX model, and `MissingExtraError`.
    """
    onnx_package()
    check_file(file)
    try:
        with open(file, "rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return parse(without_weights(data, max_bytes=_MAX_GRAPH_BYTES), file)
    except WireError as error:
        raise ImportedFileError(f"{file}: is no ONNX model, or is cut short: {error}") from None
    except OSError as error:
        raise ImportedFileError(f"{file}: cannot be read: {error.strerror}") from None


def parse(data: bytes, file: str) -> onnx.ModelProto:
    """Return the model that `data` holds; raises `ImportedFileError`."""
    # onnx brings protobuf, which has no types of its own.
    decode_error = importlib.import_module("google.protobuf.message").DecodeError
    model: onnx.ModelProto = onnx_package().ModelProto()
    try:
        model.ParseFromString(data)
    except (decode_error, UnicodeDecodeError):
        raise ImportedFileError(f"{file}: is no ONNX model, or is cut short") from None
    if not model.graph.node:
        raise ImportedFileError(f"{file}: holds no ONNX graph with nodes")
    _check_texts(model, file)
    return model


def _check_texts(message: Any, file: str) -> None:
    """Refuse names that are no UTF-8: protobuf hands them over as bytes, which nothing here expects."""
    for field, value in message.ListFields():
        values = [value] if isinstance(value, str | bytes) or hasattr(value, "ListFields") else value
        if field.type == field.TYPE_MESSAGE:
            for one in values:
                _check_texts(one, file)
        elif field.type == field.TYPE_STRING and field.name != "doc_string":
            for one in values:
                if isinstance(one, bytes):
                    raise ImportedFileError(f"{file}: {field.name} {one[:40]!r} is no text in UTF-8")
