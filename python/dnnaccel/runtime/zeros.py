"""How many zeros the tensors of a network's layers have, as the sparsity model wants to know it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dnnaccel.kernels import empty
from dnnaccel.layers import Layer, MatMul
from dnnaccel.network import Network
from dnnaccel.runtime.assemble import Assembled, assemble
from dnnaccel.runtime.fusion import fuse
from dnnaccel.runtime.lower import Floats, Lowering, lower
from dnnaccel.runtime.parameters import owner_of, parameters_of
from dnnaccel.runtime.steps import Tensor
from dnnaccel.sparsity import Density

__all__ = ["ZeroCounter"]

_SOURCE = "measured by the runtime"


class ZeroCounter:
    """A program of a network that counts the zeros in the operands and results of its layers with MACs."""

    def __init__(self, net: Network, weights: Mapping[str, Floats], *, threads: int, isa: str) -> None:
        self.net = net
        self.layers = [layer for layer in net.layers if layer.problem is not None]
        read = {name for layer in self.layers for name in layer.inputs}
        nodes = fuse(net, read - set(net.inputs))
        # Outputs are counted behind what is fused with the layer: its activation.
        self.finished = {layer.name: node.name for node in nodes for layer in node.layers}
        self.weights = {layer.name: _nonzeros(net, layer, weights) for layer in self.layers}
        state = lower(net, nodes, weights, threads=threads, isa=isa)
        wanted = read.union(self.finished[layer.name] for layer in self.layers) - set(net.inputs)
        self._sources = {name: _counted(state, state.tensors[name]) for name in wanted}
        # What is a slice of something counted is written out, and counted there.
        slices = [name for name, tensor in self._sources.items() if tensor is None]
        outputs = dict.fromkeys((*net.outputs, *slices))
        self._made: Assembled = assemble(state, tuple(outputs))
        self._writers = state.writers
        self._of_step = {id(step): index for index, step in enumerate(self._made.steps)}

    def count(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, Density]:
        """Return the densities of every layer with MACs for these inputs."""
        zeros = np.zeros(len(self._made.steps), np.int64)
        results = {name: empty(shape) for name, shape in self._made.outputs}
        self._made.program.run(tuple(inputs.values()), tuple(results.values()), zeros=zeros)
        found: dict[str, int] = {name: int(np.count_nonzero(array)) for name, array in inputs.items()}
        for name, tensor in self._sources.items():
            if tensor is None:
                found[name] = int(np.count_nonzero(results[name]))
            else:
                steps = {id(step): self._of_step[id(step)] for step in self._writers[tensor]}
                size = math.prod(self.net[name].output_shape)
                found[name] = size - int(sum(zeros[index] for index in steps.values()))
        return {layer.name: self._density(layer, found) for layer in self.layers}

    def _density(self, layer: Layer, found: Mapping[str, int]) -> Density:
        words = math.prod(layer.input_shapes[0])
        nonzeros = found[layer.inputs[0]]
        outputs = found[self.finished[layer.name]]
        size = math.prod(layer.output_shape)
        if layer.kind in ("rnn", "lstm", "gru"):  # which read their states, too
            words, nonzeros = words + size, nonzeros + outputs
        if isinstance(layer, MatMul):
            weights = _share(found[layer.inputs[1]], math.prod(layer.input_shapes[1]))
        else:
            weights = _share(*self.weights[layer.name])
        return Density(
            inputs=_share(nonzeros, words),
            weights=weights,
            outputs=_share(outputs, size),
            inputs_source=_SOURCE,
            weights_source=_SOURCE,
            outputs_source=_SOURCE,
        )


def _share(nonzeros: int, words: int) -> float:
    # The model has no use for a tensor of zeros alone: one of its words is taken not to be.
    return max(nonzeros, 1) / words


def _nonzeros(net: Network, layer: Layer, weights: Mapping[str, Floats]) -> tuple[int, int]:
    names = [name for name in parameters_of(layer) if name.startswith("weight")]
    arrays = [weights[f"{owner_of(net, layer)}.{name}"] for name in names]
    return sum(int(np.count_nonzero(array)) for array in arrays), sum(array.size for array in arrays)


def _counted(state: Lowering, tensor: Tensor) -> Tensor | None:
    """Return the tensor whose writing steps write the values of this one and no others, if there is one."""
    while tensor not in state.writers:
        if tensor.base is None or tensor.values != tensor.base.values:
            return None
        tensor = tensor.base
    return tensor
