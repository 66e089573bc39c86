"""Building a network layer by layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from dnnaccel import layers as kinds
from dnnaccel.errors import unknown_name
from dnnaccel.layers import Layer, Pair, Shape
from dnnaccel.network import Metadata, Network, bind, bind_new, check_inputs, check_links, check_new

__all__ = ["NetworkBuilder"]

_Bind = Callable[[Layer, tuple[str, ...], Mapping[str, Shape]], Layer]


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
        return self._add(layer, bind)

    def _add(self, layer: Layer, bind: _Bind = bind_new) -> str:
        name, shapes = layer.name, self._shapes
        check_new(self._name, name, shapes)
        check_links(self._name, layer, shapes)
        layer = bind(layer, layer.inputs or (self._last,), shapes)
        shapes[name] = layer.output_shape
        self._layers.append(layer)
        self._last = name
        return name

    def build(self) -> Network:
        """Return the network; the builder can go on and build a longer one."""
        return Network(self._name, tuple(self._layers), inputs=self._inputs, metadata=self._metadata)

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
        return self._add(
            kinds.Conv2d(
                name=name,
                inputs=_names(after),
                out_channels=out_channels,
                kernel=kernel,
                stride=stride,
                padding=padding,
                dilation=dilation,
                groups=groups,
                bias=bias,
            )
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
        return self._add(
            kinds.DepthwiseConv2d(
                name=name,
                inputs=_names(after),
                kernel=kernel,
                multiplier=multiplier,
                stride=stride,
                padding=padding,
                dilation=dilation,
                bias=bias,
            )
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
        return self._add(
            kinds.Linear(
                name=name,
                inputs=_names(after),
                out_features=out_features,
                in_features=in_features,
                bias=bias,
            )
        )

    def matmul(self, name: str, *, after: Sequence[str]) -> str:
        """Add a `layers.MatMul` of the two activations that `after` names, left and right."""
        return self._add(kinds.MatMul(name=name, inputs=_names(after)))

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
        return self._add(
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
        return self._add(
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
        return self._add(kinds.GlobalAvgPool2d(name=name, inputs=_names(after)))

    def global_max_pool(self, name: str, *, after: str | None = None) -> str:
        """Add a `layers.GlobalMaxPool2d`."""
        return self._add(kinds.GlobalMaxPool2d(name=name, inputs=_names(after)))

    def lrn(self, name: str, *, size: int = 5, after: str | None = None) -> str:
        """Add a `layers.LRN` over `size` channels."""
        return self._add(kinds.LRN(name=name, inputs=_names(after), size=size))

    def relu(self, name: str, *, after: str | None = None) -> str:
        """Add a `layers.ReLU`."""
        return self._add(kinds.ReLU(name=name, inputs=_names(after)))

    def sigmoid(self, name: str, *, after: str | None = None) -> str:
        """Add a `layers.Sigmoid`."""
        return self._add(kinds.Sigmoid(name=name, inputs=_names(after)))

    def tanh(self, name: str, *, after: str | None = None) -> str:
        """Add a `layers.Tanh`."""
        return self._add(kinds.Tanh(name=name, inputs=_names(after)))

    def batch_norm(self, name: str, *, after: str | None = None) -> str:
        """Add a `layers.BatchNorm`."""
        return self._add(kinds.BatchNorm(name=name, inputs=_names(after)))

    def add(self, name: str, *, after: Sequence[str]) -> str:
        """Add a `layers.Add` of the layers that `after` names."""
        return self._add(kinds.Add(name=name, inputs=_names(after)))

    def concat(self, name: str, *, after: Sequence[str], axis: int = 1) -> str:
        """Add a `layers.Concat` of the layers that `after` names."""
        return self._add(kinds.Concat(name=name, inputs=_names(after), axis=axis))

    def relu6(self, name: str, *, after: str | None = None) -> str:
        """Add a `layers.ReLU6`."""
        return self._add(kinds.ReLU6(name=name, inputs=_names(after)))

    def gelu(self, name: str, *, after: str | None = None) -> str:
        """Add a `layers.GELU`."""
        return self._add(kinds.GELU(name=name, inputs=_names(after)))

    def scale(self, name: str, *, factor: float, after: str | None = None) -> str:
        """Add a `layers.Scale` by `factor`."""
        return self._add(kinds.Scale(name=name, inputs=_names(after), factor=factor))

    def multiply(self, name: str, *, after: Sequence[str]) -> str:
        """Add a `layers.Multiply` of the layers that `after` names."""
        return self._add(kinds.Multiply(name=name, inputs=_names(after)))

    def reshape(self, name: str, *, shape: Shape, after: str | None = None) -> str:
        """Add a `layers.Reshape` to `shape`, batch first."""
        return self._add(kinds.Reshape(name=name, inputs=_names(after), shape=shape))

    def permute(self, name: str, *, axes: tuple[int, ...], after: str | None = None) -> str:
        """Add a `layers.Permute`: axis `axes[i]` becomes axis i."""
        return self._add(kinds.Permute(name=name, inputs=_names(after), axes=axes))

    def slice(
        self, name: str, *, start: int = 0, stop: int | None = None, axis: int = 1, after: str | None = None
    ) -> str:
        """Add a `layers.Slice` of one axis."""
        return self._add(kinds.Slice(name=name, inputs=_names(after), start=start, stop=stop, axis=axis))

    def pad(self, name: str, *, rows: Pair, columns: Pair, after: str | None = None) -> str:
        """Add a `layers.Pad2d`: zeros before and after the rows and the columns."""
        return self._add(kinds.Pad2d(name=name, inputs=_names(after), rows=rows, columns=columns))

    def channel_shuffle(self, name: str, *, groups: int, after: str | None = None) -> str:
        """Add a `layers.ChannelShuffle`."""
        return self._add(kinds.ChannelShuffle(name=name, inputs=_names(after), groups=groups))

    def layer_norm(self, name: str, *, after: str | None = None) -> str:
        """Add a `layers.LayerNorm` over the last axis."""
        return self._add(kinds.LayerNorm(name=name, inputs=_names(after)))

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
        return self._add(
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
        return self._add(
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
        return self._add(
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
        return self._add(
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
        return self._add(
            kinds.PositionEmbedding(
                name=name, inputs=_names(after), entries=entries, first=first, learned=learned
            )
        )

    def class_token(self, name: str, *, after: str | None = None) -> str:
        """Add a `layers.ClassToken` before a sequence."""
        return self._add(kinds.ClassToken(name=name, inputs=_names(after)))

    def flatten(self, name: str, *, after: str | None = None) -> str:
        """Add a `layers.Flatten`."""
        return self._add(kinds.Flatten(name=name, inputs=_names(after)))

    def softmax(self, name: str, *, axis: int = -1, after: str | None = None) -> str:
        """Add a `layers.Softmax` along `axis`."""
        return self._add(kinds.Softmax(name=name, inputs=_names(after), axis=axis))


def _names(after: str | Sequence[str] | None) -> tuple[str, ...]:
    if after is None:
        return ()
    return (after,) if isinstance(after, str) else tuple(after)
