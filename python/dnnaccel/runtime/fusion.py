"""Which layers are computed in one step: those whose work fits into the store of the one before them."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from dnnaccel.layers import (
    Add,
    AvgPool2d,
    BatchNorm,
    Conv2d,
    DepthwiseConv2d,
    Layer,
    LayerNorm,
    Linear,
    MatMul,
    Multiply,
    Pad2d,
    ReLU,
    ReLU6,
    Scale,
    Sigmoid,
    Softmax,
    Tanh,
)
from dnnaccel.network import Network

__all__ = ["CLAMPS", "NO_CLAMP", "Node", "fuse"]

NO_CLAMP = (-math.inf, math.inf)
CLAMPS: Mapping[type[Layer], tuple[float, float]] = {ReLU: (0.0, math.inf), ReLU6: (0.0, 6.0)}
"""Activations that are a clamp, with its ends."""

_FUNCTIONS = (Sigmoid, Tanh)
_PRODUCTS = (Conv2d, DepthwiseConv2d, Linear)
_SUMS = (Add, Multiply)


@dataclass(slots=True)
class Node:
    """Layers that become one step (or none, if no word moves).

    Parameters
    ----------
    layers
        What it computes, in order; the first says the kind of step.
    inputs
        The layers and inputs of the network that it reads, a residual left out.
    residual
        What is added to its results before the activation.
    activation
        The last of its layers, if that is one.
    scales
        The layers that multiply its results by constants and add some, channel by channel.
    pads
        Rows above and below, columns left and right of the image that are zeros and not stored.
    attention
        Whether it is the two products of an attention with what lies between them.
    """

    layers: list[Layer]
    inputs: tuple[str, ...]
    residual: str | None = None
    activation: Layer | None = None
    scales: list[Layer] = field(default_factory=list)
    pads: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0))
    attention: bool = False

    @property
    def layer(self) -> Layer:
        """The layer that says the kind of step."""
        return self.layers[0]

    @property
    def name(self) -> str:
        """The layer whose output it makes."""
        return self.layers[-1].name

    @property
    def clamp(self) -> tuple[float, float]:
        """What its results are clamped to."""
        return CLAMPS.get(type(self.activation), NO_CLAMP) if self.activation is not None else NO_CLAMP

    @property
    def function(self) -> str:
        """The activation that is no clamp, as operators name it; "" if there is none."""
        return self.activation.kind if isinstance(self.activation, _FUNCTIONS) else ""


def fuse(net: Network, keep: Collection[str] = ()) -> list[Node]:
    """Return the steps of `net`, in an order in which they can run.

    Layers in `keep` are computed as they stand in the network: nothing that follows them is fused with them.
    """
    return _Fusion(net, keep).run()


class _Fusion:
    def __init__(self, net: Network, keep: Collection[str]) -> None:
        self.net = net
        self.keep = {*keep, *net.outputs}
        self.place = {layer.name: index for index, layer in enumerate(net.layers)}
        self.taken: dict[str, Node] = {}

    def run(self) -> list[Node]:
        for layer in self.net.layers:
            if isinstance(layer, MatMul) and layer.name not in self.taken:
                self._start_attention(layer)
        # The later of two products that are added gets the sum, when the other one's results are there.
        for layer in reversed(self.net.layers):
            if isinstance(layer, _PRODUCTS):
                self._grow_product(layer)
        for layer in self.net.layers:
            if layer.name not in self.taken:
                self._grow_other(layer)
        nodes = {id(node): node for node in self.taken.values()}
        self._fold_pads(nodes)
        return sorted(nodes.values(), key=lambda node: self.place[node.name])

    def _next(self, layer: Layer) -> Layer | None:
        """Return the only layer that reads `layer`, once, if nobody else needs its output."""
        readers = self.net.consumers(layer.name)
        if len(readers) != 1 or layer.name in self.keep or readers[0].name in self.taken:
            return None
        return readers[0] if readers[0].inputs.count(layer.name) == 1 else None

    def _take(self, node: Node) -> None:
        for layer in node.layers:
            self.taken[layer.name] = node

    def _grow_product(self, layer: Layer) -> None:
        node = Node([layer], layer.inputs)
        following = self._next(layer)
        while following is not None and _scales_channels(following, node):
            node.layers.append(following)
            node.scales.append(following)
            following = self._next(following)
        if isinstance(following, Add) and len(following.inputs) == 2:
            node.residual = next(name for name in following.inputs if name != node.name)
            node.layers.append(following)
            following = self._next(following)
        self._activate(node, following, (*CLAMPS, *_FUNCTIONS))
        self._take(node)

    def _grow_other(self, layer: Layer) -> None:
        node = Node([layer], layer.inputs)
        following = self._next(layer)
        if isinstance(layer, BatchNorm):
            self._activate(node, following, tuple(CLAMPS))
        elif isinstance(layer, _SUMS):
            if isinstance(following, LayerNorm) and type(layer) is Add and len(layer.inputs) == 2:
                node.layers.append(following)
            else:
                self._activate(node, following, tuple(CLAMPS))
        self._take(node)

    def _activate(self, node: Node, following: Layer | None, kinds: tuple[type[Layer], ...]) -> None:
        if isinstance(following, kinds):
            node.activation = following
            node.layers.append(following)

    def _start_attention(self, layer: Layer) -> None:
        """Take scores = matmul, maybe scaled, softmax of them and the product of that with the values."""
        layers = [layer]
        following = self._next(layer)
        if isinstance(following, Scale):
            layers.append(following)
            following = self._next(following)
        if not isinstance(following, Softmax) or following.axis not in (-1, len(following.output_shape) - 1):
            return
        layers.append(following)
        product = self._next(following)
        if not isinstance(product, MatMul) or product.inputs[0] != following.name:
            return
        layers.append(product)
        if len(layer.output_shape) not in (3, 4):
            return
        self._take(Node(layers, (*layer.inputs, product.inputs[1]), attention=True))

    def _fold_pads(self, nodes: dict[int, Node]) -> None:
        for pad in self.net.layers:
            if not isinstance(pad, Pad2d) or pad.name in self.keep:
                continue
            readers = [self.taken[layer.name] for layer in self.net.consumers(pad.name)]
            if not all(_takes_pads(node, pad.name) for node in readers):
                continue
            for node in readers:
                node.inputs = tuple(pad.inputs[0] if name == pad.name else name for name in node.inputs)
                node.pads = (pad.rows, pad.columns)  # type: ignore[assignment]
            del nodes[id(self.taken[pad.name])]


def _scales_channels(layer: Layer, node: Node) -> bool:
    if isinstance(layer, Scale):
        return True
    # A matrix gives outputs along the last axis; a normalisation has its channels along the second.
    return isinstance(layer, BatchNorm) and (
        not isinstance(node.layer, Linear) or len(layer.output_shape) == 2
    )


def _takes_pads(node: Node, name: str) -> bool:
    if node.residual == name or node.pads != ((0, 0), (0, 0)):
        return False
    layer = node.layer
    # An average that counts padding counts these zeros, too.
    return isinstance(layer, (Conv2d, DepthwiseConv2d)) or (
        isinstance(layer, AvgPool2d) and layer.count_include_pad and not layer.ceil_mode
    )
