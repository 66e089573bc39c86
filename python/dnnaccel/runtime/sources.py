"""Files and mappings that hold arrays: what is in them is known before any number is read."""

from __future__ import annotations

import json
import math
import os
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from dnnaccel.errors import WeightsError
from dnnaccel.layers import Shape

__all__ = ["Entry", "Lazy", "as_floats", "mapping_entries", "npz_entries", "safetensors_entries"]

Array = NDArray[Any]

MAX_ENTRIES = 100_000
"""Most arrays in a file."""

_MAX_HEADER = 32_000_000


@dataclass(frozen=True, slots=True)
class Entry:
    """An array of a source: its name there, its shape, and what reads its numbers."""

    name: str
    shape: Shape
    read: Callable[[], Array]


class Lazy(Mapping[str, NDArray[np.float32]]):
    """Arrays by name, each of which is read when it is asked for, and not kept."""

    def __init__(self, readers: Mapping[str, Callable[[], NDArray[np.float32]]]) -> None:
        """Take what gives each array."""
        self._readers = dict(readers)

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        return self._readers[name]()

    def __contains__(self, name: object) -> bool:
        """Return whether there is such an array, without reading it."""
        return name in self._readers

    def __iter__(self) -> Iterator[str]:
        return iter(self._readers)

    def __len__(self) -> int:
        """Return how many arrays there are."""
        return len(self._readers)


def as_floats(array: Array, what: str) -> NDArray[np.float32]:
    """Return an array of numbers as float32, row by row; it is copied only if it is something else."""
    if array.dtype.kind not in "fiu":
        raise WeightsError(f"{what}: holds {array.dtype} and no real numbers")
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(array, np.float32)


def mapping_entries(source: Mapping[Any, Any]) -> list[Entry]:
    """Return what a mapping of arrays or of torch's tensors holds."""
    entries: list[Entry] = []
    for name, value in source.items():
        if not isinstance(name, str):
            raise WeightsError(f"weights: names must be texts, given {name!r}")
        shape = getattr(value, "shape", None)
        if shape is None:
            value = _array(name, value)
            shape = value.shape
        entries.append(Entry(name, tuple(shape), lambda name=name, value=value: _array(name, value)))  # type: ignore[misc]
    return entries


def _array(name: str, value: Any) -> Array:
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        # NumPy has no bfloat16.
        value = (value.float() if value.is_floating_point() else value).numpy()
    try:
        return np.asarray(value)
    except (ValueError, TypeError):
        raise WeightsError(f"weights: {name!r} is no array, but {type(value).__name__}") from None


def npz_entries(file: str) -> list[Entry]:
    """Return what an .npz file holds; objects are never unpickled."""
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            if len(members) > MAX_ENTRIES:
                raise WeightsError(f"{file}: holds {len(members)} arrays; at most {MAX_ENTRIES} are read")
            return [_npy_entry(file, archive, member) for member in members]
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
        raise (
            error
            if isinstance(error, WeightsError)
            else WeightsError(f"{file}: is no sound .npz file: {error}")
        ) from None
    except OSError as error:
        raise unreadable(file, error) from None


def _npy_entry(file: str, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Entry:
    with archive.open(member) as stream:
        shape, _, dtype = _npy_header(file, member.filename, stream)

    def read() -> Array:
        # The size was checked: it is that of the parameter.
        try:
            with zipfile.ZipFile(file) as again, again.open(member) as stream:
                shape, columns_first, dtype = _npy_header(file, member.filename, stream)
                data = stream.read(math.prod(shape) * dtype.itemsize)
                return np.frombuffer(data, dtype).reshape(shape, order="F" if columns_first else "C")
        except OSError as error:
            raise unreadable(file, error) from None
        except (ValueError, zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
            raise WeightsError(f"{file}: {member.filename!r} is cut short or corrupt: {error}") from None

    name = member.filename.removesuffix(".npy")
    if dtype.hasobject:
        raise WeightsError(f"{file}: {name!r} holds Python objects, which are not read")
    return Entry(name, shape, read)


def _npy_header(file: str, name: str, stream: IO[bytes]) -> tuple[Shape, bool, np.dtype[Any]]:
    reader = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    try:
        version = np.lib.format.read_magic(stream)
        shape, columns_first, dtype = reader[version](stream)
    except (ValueError, KeyError, SyntaxError, TypeError):
        raise WeightsError(f"{file}: {name!r} is no .npy array") from None
    return tuple(shape), bool(columns_first), dtype


_SAFETENSORS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I8": "i1", "U8": "u1", "I32": "<i4", "I64": "<i8"}


def safetensors_entries(file: str) -> list[Entry]:
    """Return what a .safetensors file holds: a JSON header with places, and the numbers behind it."""
    try:
        size = os.path.getsize(file)
        with Path(file).open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            if not 2 <= length <= min(_MAX_HEADER, size - 8):
                raise WeightsError(f"{file}: is no .safetensors file: its header would be {length} bytes")
            header = json.loads(stream.read(length))
    except OSError as error:
        raise unreadable(file, error) from None
    except (ValueError, RecursionError) as error:
        if isinstance(error, WeightsError):
            raise
        raise WeightsError(f"{file}: is no .safetensors file: its header is no JSON") from None
    if not isinstance(header, dict) or len(header) > MAX_ENTRIES:
        raise WeightsError(f"{file}: its header must map at most {MAX_ENTRIES} names to tensors")
    places = {name: told for name, told in header.items() if name != "__metadata__"}
    return [_tensor_entry(file, name, told, 8 + length, size) for name, told in places.items()]


def _tensor_entry(file: str, name: str, told: Any, start: int, size: int) -> Entry:
    try:
        shape = tuple(told["shape"])
        begin, end = told["data_offsets"]
        kind = told["dtype"]
        dtype = np.dtype("<u2" if kind == "BF16" else _SAFETENSORS[kind])
        whole = all(type(one) is int and one >= 0 for one in (*shape, begin, end))
    except (KeyError, TypeError, ValueError):
        raise WeightsError(
            f"{file}: {name!r} must say a shape, data_offsets and a dtype of real numbers"
        ) from None
    if not whole or end > size - start or end - begin != math.prod(shape) * dtype.itemsize:
        raise WeightsError(f"{file}: {name!r} of shape {shape} does not lie at {begin}..{end} of the file")

    def read() -> Array:
        try:
            with Path(file).open("rb") as stream:
                stream.seek(start + begin)
                array = np.frombuffer(stream.read(end - begin), dtype)
                if kind == "BF16":  # the upper half of a float32
                    array = (array.astype(np.uint32) << 16).view(np.float32)
                return array.reshape(shape)
        except OSError as error:
            raise unreadable(file, error) from None

    return Entry(name, shape, read)


def unreadable(file: str, error: OSError) -> WeightsError:
    """Return the error for a file that cannot be read."""
    if isinstance(error, FileNotFoundError):
        return WeightsError(f"{file}: no such file; give the path of the weights")
    return WeightsError(f"{file}: cannot be read: {error.strerror or error}")
