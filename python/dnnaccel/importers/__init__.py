"""Networks out of other tools' files: `read_network` takes any of them, by suffix."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from dnnaccel._lazy import getter
from dnnaccel.errors import ImportedFileError, unknown_name
from dnnaccel.network import Network

if TYPE_CHECKING:
    from dnnaccel.importers.onnx import from_onnx, load_onnx_weights
    from dnnaccel.importers.scalesim import from_scalesim
    from dnnaccel.importers.torch import from_torch

__all__ = [
    "READERS",
    "from_onnx",
    "from_scalesim",
    "from_torch",
    "is_network_file",
    "load_onnx_weights",
    "read_network",
]


class Reader(Protocol):
    """What stands in `READERS`."""

    def __call__(
        self, path: str | os.PathLike[str], *, dims: Mapping[str, int] | None = None, name: str | None = None
    ) -> Network: ...


def _own(
    path: str | os.PathLike[str], *, dims: Mapping[str, int] | None = None, name: str | None = None
) -> Network:
    """Read a file that `Network.save` wrote."""
    if dims:
        raise ImportedFileError(f"{os.fspath(path)}: all sizes in such a file are given; leave dims out")
    net = Network.load(path)
    return net if name is None else Network(name, net.layers, inputs=net.inputs, metadata=net.metadata)


def _onnx(
    path: str | os.PathLike[str], *, dims: Mapping[str, int] | None = None, name: str | None = None
) -> Network:
    """Read an ONNX file; who reads none is spared the reader and NumPy."""
    from dnnaccel.importers.onnx import from_onnx

    return from_onnx(path, dims=dims, name=name)


def _scalesim(
    path: str | os.PathLike[str], *, dims: Mapping[str, int] | None = None, name: str | None = None
) -> Network:
    """Read a topology of SCALE-Sim."""
    from dnnaccel.importers.scalesim import from_scalesim

    return from_scalesim(path, dims=dims, name=name)


# Adding a format: its suffix and its reader here, which loads what it needs when it is called.
READERS: dict[str, Reader] = {
    ".onnx": _onnx,
    ".csv": _scalesim,
    ".yaml": _own,
    ".yml": _own,
}
"""The reader of every suffix, in lower case."""


def read_network(
    path: str | os.PathLike[str], *, dims: Mapping[str, int] | None = None, name: str | None = None
) -> Network:
    """Read the network in the file `path`, whose suffix says its format.

    `dims` gives the sizes that the file leaves open, by name; `name` is what reports call the network (by
    default the file's name). Raises `UnknownNameError` for a suffix that is none of `READERS`, and what the
    format's reader raises.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in READERS:
        raise unknown_name("suffix of a network's file", suffix, READERS)
    return READERS[suffix](path, dims=dims, name=name)


def is_network_file(path: str | os.PathLike[str]) -> bool:
    """Return whether `path` is for `read_network`: by its suffix, and a YAML file by how it starts.

    YAML files may be chips or dataflows instead; one that cannot be read is none of a network.
    """
    reader = READERS.get(Path(path).suffix.lower())
    if reader is not _own:
        return reader is not None
    from dnnaccel._netfile import starts_as_network  # brings the YAML library

    return starts_as_network(path)


_HOME_OF = {
    "from_onnx": "onnx",
    "from_scalesim": "scalesim",
    "from_torch": "torch",
    "load_onnx_weights": "onnx",
}

if not TYPE_CHECKING:  # who checks types should be told of a name that is not there
    __getattr__ = getter(__name__, _HOME_OF)


def __dir__() -> list[str]:
    return sorted(__all__)
