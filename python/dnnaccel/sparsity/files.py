"""Tensors in .npz files: checked at the door, and never unpickled."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from dnnaccel.errors import DensityError, unknown_name
from dnnaccel.layers import Layer, Shape
from dnnaccel.problem import ROLES, unknown_role
from dnnaccel.sparsity.density import Density
from dnnaccel.sparsity.formats import FORMATS, Format
from dnnaccel.sparsity.measure import measure, tensor_shapes

if TYPE_CHECKING:
    import zipfile

    from numpy.typing import NDArray

__all__ = ["load_npz"]

MAX_BYTES = 2**33
"""Most bytes of arrays, uncompressed, that are read from one file."""


def load_npz(
    path: str | os.PathLike[str], layers: Iterable[Layer], *, formats: Sequence[Format | str] = FORMATS
) -> dict[str, Density]:
    """Measure the tensors in an .npz file, whose arrays are named as ``conv1.inputs``, ``conv1.weights``.

    Returns the densities by layer name. Nothing in the file is executed (pickled objects are refused), and
    every array's header is checked against its layer before its data is read. Raises `DensityError` for a
    file that cannot be read, more than 8 GiB of arrays, or an array that is not its layer's, and
    `UnknownNameError` for a layer that is not there.
    """
    import zipfile  # here, as NumPy in `_read`: few runs read tensors
    import zlib

    name = os.fspath(path)
    known = {layer.name: layer for layer in layers if layer.problem is not None}
    try:
        with zipfile.ZipFile(name) as file:
            return _measure_all(file, name, known, formats)
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise DensityError(f"{name} cannot be read as .npz: {error}") from None


def _measure_all(
    file: zipfile.ZipFile, name: str, known: dict[str, Layer], formats: Sequence[Format | str]
) -> dict[str, Density]:
    total = sum(info.file_size for info in file.infolist())
    if total > MAX_BYTES:
        raise DensityError(f"{name} holds {total} bytes of arrays; at most {MAX_BYTES} are read")
    members: dict[str, dict[str, zipfile.ZipInfo]] = {}
    for info in file.infolist():
        layer, _, role = info.filename.removesuffix(".npy").rpartition(".")
        if layer not in known:
            raise unknown_name("layer with MACs", layer or info.filename, known)
        if role not in ROLES:
            raise DensityError(f"{name}: {info.filename}: {unknown_role(role)}")
        members.setdefault(layer, {})[role] = info
    found = {}
    for layer, infos in members.items():
        shapes = tensor_shapes(known[layer])
        arrays: dict[str, Any] = {
            role: _read(file, info, f"{name}: {layer}.{role}", shapes[role]) for role, info in infos.items()
        }
        found[layer] = measure(known[layer], **arrays, formats=formats, source=name)
    return found


def _read(file: zipfile.ZipFile, info: zipfile.ZipInfo, what: str, shape: Shape) -> NDArray[Any]:
    import numpy as np

    headers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    # A header that lies must not make NumPy reserve memory for what is not there.
    with file.open(info) as stream:
        try:
            version = np.lib.format.read_magic(stream)
            read = headers.get(version)
            if read is None:
                raise DensityError(f"{what} is written in version {version} of the format, not 1.0 or 2.0")
            given, _, dtype = read(stream)
        except ValueError as error:
            raise DensityError(f"{what} is no array of NumPy: {error}") from None
        if dtype.hasobject:
            raise DensityError(f"{what} holds pickled objects, which are not read")
        if given != shape:
            raise DensityError(f"{what} must have shape {shape}, given {given}")
        if stream.tell() + math.prod(shape) * dtype.itemsize > info.file_size:
            raise DensityError(f"{what} is cut short")
    with file.open(info) as stream:
        array: NDArray[Any] = np.lib.format.read_array(stream, allow_pickle=False)
    return array
