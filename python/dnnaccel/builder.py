"""Building a network layer by layer."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

from dnnaccel import layers as kinds
from dnnaccel._graph import bind, check_inputs, check_links, check_new
from dnnaccel.errors import LayerError, unknown_name
from dnnaccel.layers import Layer, Pair, Shape
from dnnaccel.network import Metadata, Network

__all__ = ["NetworkBuilder"]


class NetworkBuilder:
    """Builds a `Network` layer by layer; each method adds one layer and returns its name.

    A layer reads the one added before it (the first one reads the network's first input) unless `after` names
    what it reads. Mistakes raise `LayerError` or `NetworkError` at the line that makes them.

    Examples
    --------
    >>> b = NetworkBuilder("block", input_shape=(1, 64, 56, 56))
    >>> conv = b.conv2d("conv", out_channels=64, kernel=3, padding=1)
    >>> out = b.add("sum", after=(conv, "input"))
    >>> b.build().total_macs
    115605504
    """

    def __init__(
        self, name: str, *, input_shape: Shape, input_name: str = "input", metadata: Metadata | None = None
    ) -> None:
        """Start a network with one input of shape `input_shape`, batch first."""
        self._name = name
        self._metadata: Metadata = dict(metadata or {})
        self._inputs: dict[str, Shape] = {}
        self._layers: list[Layer] = []
        self._shapes: dict[str, Shape] = {}
        self.input(input_name, shape=input_shape)
        self._last = input_name

    def input(self, name: str, *, shape: Shape) -> str:
        """Add a further input of the network; it is read only by layers that name it."""
        check_new(self._name, name, self._shapes)
        self._inputs = check_inputs(self._name, {**self._inputs, name: shape})
        self._shapes[name] = self._inputs[name]
        return name

    def shape(self, name: str) -> Shape:
        """Return the shape of an input or a layer added before, or raise `UnknownNameError`."""
        if name not in self._shapes:
            raise unknown_name(f"layer or input of {self._name}", name, self._shapes)
        return self._shapes[name]

    def append(self, layer: Layer) -> str:
        """Add a layer of any kind; one without `inputs` reads the layer added before it."""
        check_new(self._name, layer.name, self._shapes)
        check_links(self._name, layer, self._shapes)
        return self._take(bind(layer, layer.inputs or (self._last,), self._shapes))

    def _make(self, kind: type[Layer], name: str, after: str | Sequence[str] | None, **fields: Any) -> str:
        """Make and add a layer of a kind that networks repeat: one that equals an earlier one is its copy."""
        inputs = _names(after)
        reads = inputs or (self._last,)
        if _exact(fields):
            try:
                like = _like(kind, tuple(map(self._shapes.__getitem__, reads)), **fields)
            except (KeyError, TypeError, LayerError):
                pass  # making the layer itself, below, tells what is wrong, by its name
            else:
                layer = like.renamed(name, reads)
                check_new(self._name, name, self._shapes)
                return self._take(layer)
        return self.append(kind(name=name, inputs=inputs, **fields))

    def _take(self, bound: Layer) -> str:
        self._shapes[bound.name] = bound.output_shape
        self._layers.append(bound)
        self._last = bound.name
        return bound.name

    def build(self) -> Network:
        """Return the network; the builder can go on and build a longer one.

        Raises `NetworkError` if there are no layers, an input is unused or weights cannot be shared.
        """
        if not self._layers:
            return Network(self._name, (), inputs=self._inputs, metadata=self._metadata)
        return Network.of_bound(self._name, self._layers, inputs=self._inputs, metadata=self._metadata)

    def conv2d(
        self,
        name: str,
        *,
        out_channels: int,
        kernel: Pair,
        stride: Pair = 1,
        padding: Pair = 0,
        dilation: Pair = 1,
        groups: int = 1,
        bias: bool = True,
        after: str | None = None,
    ) -> str:
        """Add a `layers.Conv2d`."""
        return self._make(
            kinds.Conv2d,
            name,
            after,
            out_channels=out_channels,
            kernel=kernel,
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=groups,
            bias=bias,
        )

    def depthwise(
        self,
        name: str,
        *,
        kernel: Pair,
        multiplier: int = 1,
        stride: Pair = 1,
        padding: Pair = 0,
        dilation: Pair = 1,
        bias: bool = True,
        after: str | None = None,
    ) -> str:
        """Add a `layers.DepthwiseConv2d`."""
        return self._make(
            kinds.DepthwiseConv2d,
            name,
            after,
            kernel=kernel,
            multiplier=multiplier,
            stride=stride,
            padding=padding,
            dilation=dilation,
            bias=bias,
        )

    def linear(
        self,
        name: str,
        *,
        out_features: int,
        in_features: int | None = None,
        bias: bool = True,
        after: str | None = None,
    ) -> str:
        """Add a `layers.Linear`; an image must be flattened before it."""
        return self._make(
            kinds.Linear,
            name,
            after,
            out_features=out_features,
            in_features=in_features,
            bias=bias,
        )

    def matmul(self, name: str, *, after: Sequence[str]) -> str:
        """Add a `layers.MatMul` of the two activations that `after` names, left and right."""
        return self.append(kinds.MatMul(name=name, inputs=_names(after)))

    def max_pool(
        self,
        name: str,
        *,
        kernel: Pair,
        stride: Pair | None = None,
        padding: Pair = 0,
        ceil_mode: bool = False,
        after: str | None = None,
    ) -> str:
        """Add a `layers.MaxPool2d`; the stride is the kernel unless given."""
        return self.append(
            kinds.MaxPool2d(
                name=name,
                inputs=_names(after),
                kernel=kernel,
                stride=stride,
                padding=padding,
                ceil_mode=ceil_mode,
            )
        )

    def avg_pool(
        self,
        name: str,
        *,
        kernel: Pair,
        stride: Pair | None = None,
        padding: Pair = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        after: str | None = None,
    ) -> str:
        """Add a `layers.AvgPool2d`; the stride is the kernel unless given."""
        return self.append(
            kinds.AvgPool2d(
                name=name,
                inputs=_names(after),
                kernel=kernel,
                stride=stride,
                padding=padding,
                ceil_mode=ceil_mode,
                count_include_pad=count_include_pad,
            )
        )

    def global_avg_pool(self, name: str, *, after: str | None = None) -> str:
        """Add a `layers.GlobalAvgPool2d`."""
        return self.append(kinds.GlobalAvgPool2d(name=name, inputs=_names(after)))

    def global_max_pool(self, name: str, *, after: str | None = None) -> str:
        """Add a `layers.GlobalMaxPool2d`."""
        return self.append(kinds.GlobalMaxPool2d(name=name, inputs=_names(after)))

    def lrn(
        self,
        name: str,
        *,
        size: int = 5,
        alpha: float = 1e-4,
        beta: float = 0.75,
        k: float = 1.0,
        after: str | None = None,
    ) -> str:
        """Add a `layers.LRN` over `size` channels."""
        inputs = _names(after)
        return self.append(kinds.LRN(name=name, inputs=inputs, size=size, alpha=alpha, beta=beta, k=k))

    def relu(self, name: str, *, after: str | None = None) -> str:
        """Add a `layers.ReLU`."""
        return self._make(kinds.ReLU, name, after)

    def sigmoid(self, name: str, *, after: str | None = None) -> str:
        """Add a `layers.Sigmoid`."""
        return self.append(kinds.Sigmoid(name=name, inputs=_names(after)))

    def tanh(self, name: str, *, after: str | None = None) -> str:
        """Add a `layers.Tanh`."""
        return self.append(kinds.Tanh(name=name, inputs=_names(after)))

    def batch_norm(self, name: str, *, epsilon: float = 1e-5, after: str | None = None) -> str:
        """Add a `layers.BatchNorm`."""
        return self._make(kinds.BatchNorm, name, after, epsilon=epsilon)

    def add(self, name: str, *, after: Sequence[str]) -> str:
        """Add a `layers.Add` of the layers that `after` names."""
        return self._make(kinds.Add, name, after)

    def concat(self, name: str, *, after: Sequence[str], axis: int = 1) -> str:
        """Add a `layers.Concat` of the layers that `after` names."""
        return self._make(kinds.Concat, name, after, axis=axis)

    def relu6(self, name: str, *, after: str | None = None) -> str:
        """Add a `layers.ReLU6`."""
        return self.append(kinds.ReLU6(name=name, inputs=_names(after)))

    def gelu(self, name: str, *, approximate: str = "none", after: str | None = None) -> str:
        """Add a `layers.GELU`."""
        return self.append(kinds.GELU(name=name, inputs=_names(after), approximate=approximate))

    def scale(self, name: str, *, factor: float, after: str | None = None) -> str:
        """Add a `layers.Scale` by `factor`."""
        return self.append(kinds.Scale(name=name, inputs=_names(after), factor=factor))

    def multiply(self, name: str, *, after: Sequence[str]) -> str:
        """Add a `layers.Multiply` of the layers that `after` names."""
        return self.append(kinds.Multiply(name=name, inputs=_names(after)))

    def reshape(self, name: str, *, shape: Shape, after: str | None = None) -> str:
        """Add a `layers.Reshape` to `shape`, batch first."""
        return self.append(kinds.Reshape(name=name, inputs=_names(after), shape=shape))

    def permute(self, name: str, *, axes: tuple[int, ...], after: str | None = None) -> str:
        """Add a `layers.Permute`: axis `axes[i]` becomes axis i."""
        return self.append(kinds.Permute(name=name, inputs=_names(after), axes=axes))

    def slice(
        self, name: str, *, start: int = 0, stop: int | None = None, axis: int = 1, after: str | None = None
    ) -> str:
        """Add a `layers.Slice` of one axis."""
        return self.append(kinds.Slice(name=name, inputs=_names(after), start=start, stop=stop, axis=axis))

    def pad(self, name: str, *, rows: Pair, columns: Pair, after: str | None = None) -> str:
        """Add a `layers.Pad2d`: zeros before and after the rows and the columns."""
        return self.append(kinds.Pad2d(name=name, inputs=_names(after), rows=rows, columns=columns))

    def channel_shuffle(self, name: str, *, groups: int, after: str | None = None) -> str:
        """Add a `layers.ChannelShuffle`."""
        return self.append(kinds.ChannelShuffle(name=name, inputs=_names(after), groups=groups))

    def layer_norm(self, name: str, *, epsilon: float = 1e-5, after: str | None = None) -> str:
        """Add a `layers.LayerNorm` over the last axis."""
        return self.append(kinds.LayerNorm(name=name, inputs=_names(after), epsilon=epsilon))

    def rnn(
        self,
        name: str,
        *,
        hidden_size: int,
        reverse: bool = False,
        biases: int = 1,
        after: str | None = None,
    ) -> str:
        """Add a `layers.RNN` over a sequence (N, L, features)."""
        return self.append(
            kinds.RNN(
                name=name, inputs=_names(after), hidden_size=hidden_size, reverse=reverse, biases=biases
            )
        )

    def lstm(
        self,
        name: str,
        *,
        hidden_size: int,
        reverse: bool = False,
        biases: int = 1,
        after: str | None = None,
    ) -> str:
        """Add a `layers.LSTM` over a sequence (N, L, features)."""
        return self.append(
            kinds.LSTM(
                name=name, inputs=_names(after), hidden_size=hidden_size, reverse=reverse, biases=biases
            )
        )

    def gru(
        self,
        name: str,
        *,
        hidden_size: int,
        reverse: bool = False,
        biases: int = 1,
        after: str | None = None,
    ) -> str:
        """Add a `layers.GRU` over a sequence (N, L, features)."""
        return self.append(
            kinds.GRU(
                name=name, inputs=_names(after), hidden_size=hidden_size, reverse=reverse, biases=biases
            )
        )

    def embedding(
        self,
        name: str,
        *,
        entries: int,
        features: int,
        weights_from: str | None = None,
        after: str | None = None,
    ) -> str:
        """Add a `layers.Embedding` of tokens (N, L)."""
        return self.append(
            kinds.Embedding(
                name=name,
                inputs=_names(after),
                entries=entries,
                features=features,
                weights_from=weights_from,
            )
        )

    def position_embedding(
        self, name: str, *, entries: int, first: int = 0, learned: bool = True, after: str | None = None
    ) -> str:
        """Add a `layers.PositionEmbedding` to a sequence of at most `entries` positions."""
        return self.append(
            kinds.PositionEmbedding(
                name=name, inputs=_names(after), entries=entries, first=first, learned=learned
            )
        )

    def class_token(self, name: str, *, after: str | None = None) -> str:
        """Add a `layers.ClassToken` before a sequence."""
        return self.append(kinds.ClassToken(name=name, inputs=_names(after)))

    def flatten(self, name: str, *, after: str | None = None) -> str:
        """Add a `layers.Flatten`."""
        return self.append(kinds.Flatten(name=name, inputs=_names(after)))

    def softmax(self, name: str, *, axis: int = -1, after: str | None = None) -> str:
        """Add a `layers.Softmax` along `axis`."""
        return self.append(kinds.Softmax(name=name, inputs=_names(after), axis=axis))


def _names(after: str | Sequence[str] | None) -> tuple[str, ...]:
    if after is None:
        return ()
    return (after,) if isinstance(after, str) else tuple(after)


@functools.lru_cache(maxsize=4096, typed=True)
def _like(kind: type[Layer], input_shapes: tuple[Shape, ...], **fields: Any) -> Layer:
    return kind(name="like", input_shapes=input_shapes, **fields)


def _exact(fields: Mapping[str, object]) -> bool:
    # What is right for (1, 1) is not for (True, 1), which equals it: the cache sees types, but not in tuples.
    for value in fields.values():
        if type(value) is tuple and not all(type(size) is int for size in value):
            return False
    return True
