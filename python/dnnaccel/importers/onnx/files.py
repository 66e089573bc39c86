"""Opening ONNX files."""

from __future__ import annotations

import importlib
import mmap
import os
import stat
from collections.abc import Iterator
from types import ModuleType
from typing import TYPE_CHECKING

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


def read_model(file: str, *, with_places: bool = False) -> onnx.ModelProto:
    """Return the model in `file` without the data of its large tensors, which stays on the disk.

    `with_places`: as data outside the model, of which is said where it stands. Raises `ImportedFileError` for
    a file that cannot be read or is no ONNX model, and `MissingExtraError`.
    """
    onnx_package()
    check_file(file)
    try:
        with open(file, "rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            name = os.path.basename(file) if with_places else None
            return parse(without_weights(data, max_bytes=_MAX_GRAPH_BYTES, file=name), file)
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
    # Protobuf hands over what is no text as bytes.
    if not all(isinstance(text, str) for text in _texts(model)):
        raise ImportedFileError(f"{file}: is no ONNX model: a name in it is no UTF-8 text")
    if not model.graph.node:
        raise ImportedFileError(f"{file}: holds no ONNX graph with nodes")
    return model


def _texts(model: onnx.ModelProto) -> Iterator[object]:
    """Yield every text of the model that is read."""
    graph = model.graph
    yield from (model.producer_name, model.producer_version)
    yield from (one.domain for one in model.opset_import)
    for node in graph.node:
        yield from (node.name, node.op_type, node.domain, *node.input, *node.output)
        for attribute in node.attribute:
            yield from (attribute.name, attribute.t.name)
    for tensor in (*graph.initializer, *(one.values for one in graph.sparse_initializer)):
        yield tensor.name
        for entry in tensor.external_data:
            yield from (entry.key, entry.value)
    for value in (*graph.input, *graph.output, *graph.value_info):
        yield value.name
        yield from (dim.dim_param for dim in value.type.tensor_type.shape.dim)
