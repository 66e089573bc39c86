"""ONNX files: `from_onnx` reads the network, `load_onnx_weights` its numbers.

Neither evaluates anything in the file. `from_onnx` looks at sizes alone: what its weights hold stays unread,
inside the file and in files beside it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from dnnaccel.errors import ImportedFileError, LayerError, NetworkError
from dnnaccel.importers.onnx.build import build_network
from dnnaccel.importers.onnx.files import read_model
from dnnaccel.importers.onnx.weights import load_onnx_weights
from dnnaccel.network import Network

__all__ = ["from_onnx", "load_onnx_weights"]


def from_onnx(
    path: str | os.PathLike[str], *, dims: Mapping[str, int] | None = None, name: str | None = None
) -> Network:
    """Read the network in an ONNX file.

    Operators that dnnaccel has no layer for become `layers.Opaque`: without MACs, with their traffic.
    `metadata["unknown_operators"]` lists them with their counts, `metadata["note"]` says it in a sentence.

    Parameters
    ----------
    path
        The file.
    dims
        Sizes that the file leaves open, by their names in the file, as ``{"batch": 1}``; a size without a
        name is called by its input and axis, as ``"input.0"``.
    name
        What reports call the network; None: the file's name without its suffix.

    Raises
    ------
    ImportedFileError
        For a file that cannot be read, is corrupt, cut short or cyclic, and for a size that is left open.
    MissingExtraError
        If onnx is not installed.
    """
    file = os.fspath(path)
    try:
        return build_network(read_model(file), file, dims=dims or {}, name=name)
    except (LayerError, NetworkError) as error:
        raise ImportedFileError(f"{file}: {error}") from None
