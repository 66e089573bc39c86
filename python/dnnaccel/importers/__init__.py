"""Networks out of other tools' files: `read_network` takes any of them, by suffix."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from dnnaccel._netfile import starts_as_network
from dnnaccel.errors import ImportedFileError, unknown_name
from dnnaccel.importers.onnx import from_onnx, load_onnx_weights
from dnnaccel.importers.scalesim import from_scalesim
from dnnaccel.importers.torch import from_torch
from dnnaccel.network import Network

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


# Adding a format: its suffix and its reader here.
READERS: dict[str, Reader] = {
    ".onnx": from_onnx,
    ".csv": from_scalesim,
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
    return starts_as_network(path) if reader is _own else reader is not None
