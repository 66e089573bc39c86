"""The numbers of an ONNX file as the parameters of the layers that were made of it."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from dnnaccel.errors import ImportedFileError
from dnnaccel.importers.onnx.build import read_graph
from dnnaccel.importers.onnx.files import read_model
from dnnaccel.importers.onnx.graph import Graph
from dnnaccel.importers.onnx.values import Array, UnknownNumbersError
from dnnaccel.layers import Shape
from dnnaccel.network import Network

if TYPE_CHECKING:
    import onnx

__all__ = ["OnnxParameters", "read_parameters"]

_MAX_NAMED = 3


class OnnxParameters:
    """The network in a file, and what gives the numbers of its layers' parameters."""

    def __init__(self, file: str, net: Network, graph: Graph) -> None:
        self.net = net
        self._file = file
        self._graph = graph

    def read(self, layer: str, parameter: str, shape: Shape) -> Array:
        """Return a parameter; raises `ImportedFileError` if its numbers are not known, or do not fit."""
        what = f"{self._file}: parameter {parameter!r} of layer {layer!r}"
        source = self._graph.learned.get(layer, {}).get(parameter)
        if source is None:
            raise ImportedFileError(f"{what} is not in the file")
        try:
            array = source()
        except UnknownNumbersError:
            raise ImportedFileError(f"{what} is made by operators that are not computed here") from None
        if array.size != np.prod(shape):
            raise ImportedFileError(f"{what} has shape {array.shape} in the file; its layer has {shape}")
        return array.reshape(shape)

    def has(self, layer: str, parameter: str) -> bool:
        """Return whether the file gives a parameter."""
        return parameter in self._graph.learned.get(layer, {})

    def check_shared(self) -> None:
        """Raise `ImportedFileError` for a layer that has other numbers than the one whose it uses."""
        for layer in self.net:
            owner = layer
            while owner.weights_from is not None:
                owner = self.net[owner.weights_from]
            for parameter, source in self._graph.learned.get(layer.name, {}).items():
                theirs = self._graph.learned[owner.name].get(parameter)
                if owner is not layer and theirs is not None and not _same(source, theirs):
                    raise ImportedFileError(
                        f"{self._file}: layers {owner.name!r} and {layer.name!r} read one initialiser "
                        f"in two ways, so that they do not share {parameter!r}"
                    )


def read_parameters(path: str | os.PathLike[str], *, like: Mapping[str, Shape]) -> OnnxParameters:
    """Return the parameters of the network in an ONNX file.

    `like` are the network's inputs and shapes: sizes that the file leaves open are those. Raises
    `ImportedFileError` for a file that cannot be read, or that computes what its layers do not.
    """
    file = os.fspath(path)
    model = read_model(file, with_places=True)
    # No weights are larger than all tensors together.
    readable = min(sum(math.prod(one.dims) for one in _tensors(model)), 2**31 - 1)
    net, graph = read_graph(model, file, dims=_dims(model, like), name=None, readable=readable)
    if graph.inexact:
        more = len(graph.inexact) - _MAX_NAMED
        said = "; ".join(graph.inexact[:_MAX_NAMED]) + (f"; and {more} more" if more > 0 else "")
        raise ImportedFileError(f"{file}: its network gives other numbers than the file's: {said}")
    found = OnnxParameters(file, net, graph)
    found.check_shared()
    return found


def _tensors(model: onnx.ModelProto) -> list[onnx.TensorProto]:
    inside = [one.t for node in model.graph.node for one in node.attribute if one.HasField("t")]
    return [*model.graph.initializer, *inside]


def _same(one: Callable[[], Array], other: Callable[[], Array]) -> bool:
    try:
        first, second = one(), other()
    except UnknownNumbersError:
        return True
    return first is second or bool(np.array_equal(first.reshape(-1), second.reshape(-1)))


def _dims(model: onnx.ModelProto, like: Mapping[str, Shape]) -> dict[str, int]:
    """Return a size for every one that the file leaves open: that of the network's input of that name."""
    initialisers = {tensor.name for tensor in model.graph.initializer}
    given = [one for one in model.graph.input if one.name not in initialisers]
    dims: dict[str, int] = {}
    # An input that no layer reads is none of the network's: its size does not matter.
    for value in given:
        shape = like.get(value.name) or (next(iter(like.values())) if len(given) == 1 else ())
        for axis, dim in enumerate(value.type.tensor_type.shape.dim):
            if dim.dim_param or dim.dim_value < 1:
                key = dim.dim_param or f"{value.name}.{axis}"
                if axis < len(shape):
                    dims[key] = shape[axis]
                dims.setdefault(key, 1)
    return dims
