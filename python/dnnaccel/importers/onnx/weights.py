"""The numbers of an ONNX model, which are read only when they are asked for."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dnnaccel.errors import ImportedFileError, unknown_name
from dnnaccel.importers.onnx.files import check_file, onnx_package, parse
from dnnaccel.importers.onnx.values import short

if TYPE_CHECKING:
    import onnx

__all__ = ["load_onnx_weights", "stored_array", "tensor_array"]


def load_onnx_weights(
    path: str | os.PathLike[str], *, names: Iterable[str] | None = None
) -> dict[str, NDArray[np.generic]]:
    """Read the initialisers of an ONNX file: arrays by name, `names` None for all of them.

    Data outside the file is read only from files in its folder or below.

    Raises
    ------
    ImportedFileError
        For a file that cannot be read or is corrupt, and for data that is missing, lies elsewhere or has
        another size than its shape says.
    UnknownNameError
        For a name that is no initialiser.
    MissingExtraError
        If onnx is not installed.
    """
    file = os.fspath(path)
    onnx_package()
    check_file(file)
    try:
        data = Path(file).read_bytes()
    except OSError as error:
        raise ImportedFileError(f"{file}: cannot be read: {error.strerror}") from None
    tensors = {tensor.name: tensor for tensor in parse(data, file).graph.initializer}
    wanted = list(tensors) if names is None else list(names)
    for name in wanted:
        if name not in tensors:
            raise unknown_name("initialiser", name, tensors)
    return {name: stored_array(file, tensors[name]) for name in wanted}


def tensor_array(file: str, tensor: onnx.TensorProto) -> NDArray[np.generic]:
    """Return the array that `tensor` holds in itself; raises `ImportedFileError` if it does not fit."""
    try:
        array = np.asarray(onnx_package().numpy_helper.to_array(tensor))
    except Exception:
        # What to_array raises for corrupt tensors is not documented: ValueError, TypeError and KeyError so
        # far. None of them is a fault of ours, as nothing but the tensor is handed over.
        raise _other_size(file, tensor) from None
    return array


def _other_size(file: str, tensor: onnx.TensorProto) -> ImportedFileError:
    return ImportedFileError(
        f"{file}: initialiser {short(tensor.name)} does not hold what its shape {tuple(tensor.dims)} says"
    )


_PLAIN = {1: "<f4", 2: "u1", 3: "i1", 6: "<i4", 7: "<i8", 10: "<f2", 11: "<f8"}
"""Types whose data NumPy reads as it stands."""


def stored_array(file: str, tensor: onnx.TensorProto) -> NDArray[np.generic]:
    """Return the array of `tensor`, wherever it is stored; raises `ImportedFileError` if it is not there."""
    onnx = onnx_package()
    if tensor.data_location != onnx.TensorProto.EXTERNAL:
        return tensor_array(file, tensor)
    if tensor.data_type in _PLAIN:
        dtype = np.dtype(_PLAIN[tensor.data_type])
        data = _external(file, tensor)
        if len(data) != math.prod(tensor.dims) * dtype.itemsize:
            raise _other_size(file, tensor)
        return np.frombuffer(data, dtype).reshape(tuple(tensor.dims))
    inside = onnx.TensorProto()
    inside.name, inside.data_type = tensor.name, tensor.data_type
    inside.dims.extend(tensor.dims)
    inside.raw_data = _external(file, tensor)
    return tensor_array(file, inside)


def _external(file: str, tensor: onnx.TensorProto) -> bytes:
    told: dict[str, str] = {entry.key: entry.value for entry in tensor.external_data}
    what = f"{file}: data of initialiser {short(tensor.name)}"
    folder = Path(file).resolve().parent
    try:
        place = (folder / told["location"]).resolve()
        offset, length = int(told.get("offset", 0)), int(told["length"]) if "length" in told else None
    except (KeyError, ValueError, OSError, RuntimeError):
        raise ImportedFileError(f"{what} lies outside the file, but where is not said clearly") from None
    if not place.is_relative_to(folder):
        raise ImportedFileError(f"{what} lies outside the model's folder; only files in it are read")
    try:
        size = place.stat().st_size
        if not place.is_file() or offset < 0 or not 0 <= (length or 0) <= size - offset:
            raise ImportedFileError(f"{what} is no part of {short(told['location'])}, which has {size} bytes")
        with place.open("rb") as stream:
            stream.seek(offset)
            return stream.read(size - offset if length is None else length)
    except OSError as error:
        raise ImportedFileError(
            f"{what} cannot be read from {short(told['location'])}: {error.strerror}"
        ) from None
