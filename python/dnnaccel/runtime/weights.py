"""Weights out of files and mappings, checked against the network that they are for."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dnnaccel._files import written_whole
from dnnaccel.errors import WeightsError, did_you_mean
from dnnaccel.layers import PositionEmbedding
from dnnaccel.network import Network
from dnnaccel.runtime.matching import match
from dnnaccel.runtime.parameters import parameter_shapes, parameters_of
from dnnaccel.runtime.random import sinusoids
from dnnaccel.runtime.sources import Entry, Lazy, as_floats, mapping_entries, npz_entries, safetensors_entries

__all__ = ["load_weights", "open_weights", "save_weights"]

Floats = NDArray[np.float32]


def load_weights(source: str | os.PathLike[str] | Mapping[str, Any], net: Network) -> dict[str, Floats]:
    """Return the parameters of `net` as float32 arrays by ``"layer.parameter"``.

    Parameters
    ----------
    source
        A mapping of arrays or of torch tensors (a state dict), or a file: .npz, .safetensors, or the .onnx
        file that the network was read from. Names are those of `runtime.parameter_shapes`; if the source
        uses none of them, order and shapes must say which array is which. Nothing is unpickled.
    net
        The network; shapes are checked before numbers are read.

    Raises
    ------
    WeightsError
        For a parameter that is missing, unknown, has another shape or cannot be told from another, and for a
        file that cannot be read or is corrupt.
    ImportedFileError
        For an .onnx file that cannot be read, or says what the network's layers do not compute.
    MissingExtraError
        For an .onnx file if onnx is not installed.
    """
    return dict(open_weights(source, net))


def open_weights(source: str | os.PathLike[str] | Mapping[str, Any], net: Network) -> Mapping[str, Floats]:
    """Return what `load_weights` does, but with each array read when it is asked for, and not kept.

    So that a network whose weights are packed one after the other takes little more memory than those. Names
    and shapes are checked at once. Raises as `load_weights`, and for damaged numbers when they are read.
    """
    if isinstance(source, Mapping):
        return _checked(mapping_entries(source), net, "weights")
    file = os.fspath(source)
    suffix = Path(file).suffix.lower()
    if suffix in (".pt", ".pth", ".pkl", ".bin"):
        raise WeightsError(
            f"{file}: is a pickle, which could run anything and is not read; load it with torch.load(..., "
            "weights_only=True) and give the state dict"
        )
    if suffix not in _READERS:
        raise WeightsError(f"{file}: unknown suffix {suffix!r}; {did_you_mean(suffix, _READERS)}")
    return _READERS[suffix](file, net)


def save_weights(path: str | os.PathLike[str], weights: Mapping[str, Any]) -> None:
    """Write arrays to the .npz file `path`, whole or not at all; `load_weights` reads it.

    Raises `WeightsError` for another suffix or for what is no array of numbers, `DnnAccelError` if the file
    cannot be written.
    """
    file = os.fspath(path)
    if Path(file).suffix.lower() != ".npz":
        raise WeightsError(f"{file}: weights are written to .npz files; give such a name")
    arrays = {entry.name: as_floats(entry.read(), repr(entry.name)) for entry in mapping_entries(weights)}
    with written_whole(file) as name, zipfile.ZipFile(name, "w") as archive:
        for entry, array in arrays.items():
            # As numpy.savez does, but the same arrays give the same bytes, and any name may be one.
            with archive.open(zipfile.ZipInfo(f"{entry}.npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def _checked(entries: list[Entry], net: Network, source: str) -> Lazy:
    required = parameter_shapes(net)
    constant = _constant_tables(net)
    allowed = parameter_shapes(net, optional=True)
    needed = {name: shape for name, shape in required.items() if name not in constant}
    found = match(entries, needed, allowed, source=source, network=net.name)
    _check_statistics(found, source)
    readers = {name: partial(_read, found[name], source) for name in allowed if name in found}
    for name, first in constant.items():
        if name not in readers:
            readers[name] = partial(sinusoids, required[name][0], required[name][1], first)
    return Lazy(readers)


def _read(entry: Entry, source: str) -> Floats:
    return as_floats(entry.read(), f"{source}: {entry.name!r}")


def _constant_tables(net: Network) -> dict[str, int]:
    """Return the parameters that are constants, with the positions that they start at."""
    return {
        f"{layer.name}.weight": layer.first
        for layer in net.layers
        if isinstance(layer, PositionEmbedding) and not layer.learned and layer.weights_from is None
    }


def _check_statistics(found: Mapping[str, Entry], source: str) -> None:
    for name in found:
        owner, _, word = name.rpartition(".")
        other = {"running_mean": "running_var", "running_var": "running_mean"}.get(word)
        if other is not None and f"{owner}.{other}" not in found:
            raise WeightsError(f"{source}: has {name!r} but no {other!r} of that layer")


def _npz(file: str, net: Network) -> Lazy:
    return _checked(npz_entries(file), net, file)


def _safetensors(file: str, net: Network) -> Lazy:
    return _checked(safetensors_entries(file), net, file)


def _onnx(file: str, net: Network) -> Lazy:
    from dnnaccel.importers.onnx.parameters import read_parameters

    found = read_parameters(file, like=net.inputs)
    entries = [
        Entry(f"{layer.name}.{word}", shape, partial(found.read, layer.name, word, shape))
        for layer in found.net
        if layer.weights_from is None
        for word, shape in parameters_of(layer, optional=True).items()
        if found.has(layer.name, word) or word in parameters_of(layer)
    ]
    return _checked(entries, net, file)


_READERS: dict[str, Callable[[str, Network], Lazy]] = {
    ".npz": _npz,
    ".onnx": _onnx,
    ".safetensors": _safetensors,
}
