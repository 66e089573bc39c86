"""Networks: layers in a graph without cycles, in an order in which they can run, with their shapes."""

from __future__ import annotations

import dataclasses
import functools
import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from dnnaccel import layers as kinds
from dnnaccel.errors import MissingExtraError, NetworkError, did_you_mean, unknown_name
from dnnaccel.layers import Layer, Pair, Shape, whole_number

if TYPE_CHECKING:
    import pandas

__all__ = ["Metadata", "Network", "NetworkBuilder"]

Metadata = Mapping[str, str | int | float | None]
"""What is known of a network besides its layers.

Keys in use: title, year, source; top1, top5 (ImageNet accuracy in %) and accuracy_source; quoted_weights,
quoted_macs, quoted_top5_error (%) and quoted_source, the totals as the literature rounds them; note.
"""


@dataclass(frozen=True, slots=True)
class Network:
    """A directed graph of layers without cycles; immutable, its layers in an order in which they can run.

    Parameters
    ----------
    name
        What reports call it.
    layers
        In any order; those that can keep the given order keep it. Each gets its `input_shapes`.
    inputs
        Name and shape (batch first) of every input; the batch is the first size of all of them.
    metadata
        See `Metadata`.

    Raises
    ------
    NetworkError
        For two layers of one name, an input that no layer produces, a cycle, no layers at all, or an input
        that is unused or has no usable shape.
    LayerError
        For shapes that do not meet; names the layer.

    Examples
    --------
    >>> from dnnaccel.layers import Linear, ReLU
    >>> fc = Linear(name="fc", inputs=("x",), out_features=10)
    >>> relu = ReLU(name="relu", inputs=("fc",))
    >>> net = Network("tiny", (fc, relu), inputs={"x": (1, 20)})
    >>> net.total_macs
    200
    """

    name: str
    layers: tuple[Layer, ...]
    inputs: Mapping[str, Shape] = field(kw_only=True)
    metadata: Metadata = field(default_factory=dict, kw_only=True)
    _by_name: Mapping[str, Layer] = field(init=False, repr=False, compare=False)
    _consumers: Mapping[str, tuple[Layer, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        inputs = _check_inputs(self.name, self.inputs)
        bound: dict[str, Layer] = {}
        consumers: dict[str, list[Layer]] = {name: [] for name in inputs}
        shapes = dict(inputs)
        for layer in _in_order(self.name, self.layers, inputs):
            bound[layer.name] = _bind(layer, shapes)
            shapes[layer.name] = bound[layer.name].output_shape
            consumers[layer.name] = []
            for producer in dict.fromkeys(layer.inputs):
                consumers[producer].append(bound[layer.name])
        for name in inputs:
            if not consumers[name]:
                raise NetworkError(
                    f"network {self.name!r}: no layer reads input {name!r}; use it or leave it out"
                )
        for attribute, value in (
            ("layers", tuple(bound.values())),
            ("inputs", MappingProxyType(inputs)),
            ("metadata", MappingProxyType(dict(self.metadata))),
            ("_by_name", MappingProxyType(bound)),
            ("_consumers", MappingProxyType({name: tuple(those) for name, those in consumers.items()})),
        ):
            object.__setattr__(self, attribute, value)

    def __hash__(self) -> int:
        return hash((self.name, self.layers, tuple(self.inputs.items())))

    def __reduce__(self) -> tuple[Callable[..., Network], tuple[str, tuple[Layer, ...]]]:
        # Read-only views of dicts cannot be pickled, and a network must reach another process.
        rebuild = functools.partial(Network, inputs=dict(self.inputs), metadata=dict(self.metadata))
        return rebuild, (self.name, self.layers)

    def __getitem__(self, name: str) -> Layer:
        """Return the layer `name`; raises `UnknownNameError` with the nearest name."""
        if name not in self._by_name:
            raise unknown_name(f"layer of {self.name}", name, self._by_name)
        return self._by_name[name]

    def __contains__(self, name: object) -> bool:
        """Whether there is a layer of that name."""
        return name in self._by_name

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    @property
    def outputs(self) -> Mapping[str, Shape]:
        """Name and shape of every layer that no other layer reads."""
        return MappingProxyType(
            {layer.name: layer.output_shape for layer in self.layers if not self._consumers[layer.name]}
        )

    @property
    def batch(self) -> int:
        """Number of samples that one run takes."""
        return next(iter(self.inputs.values()))[0]

    @property
    def total_macs(self) -> int:
        """Multiply-accumulates of one run, for the whole batch."""
        return sum(layer.macs for layer in self.layers)

    @property
    def total_weights(self) -> int:
        """Elements of all weights of convolutions and matrix products, biases not counted."""
        return sum(layer.weights for layer in self.layers)

    @property
    def total_parameters(self) -> int:
        """Learned numbers: weights, biases, scales and shifts of normalisations."""
        return sum(layer.parameters for layer in self.layers)

    def consumers(self, name: str) -> tuple[Layer, ...]:
        """Return the layers that read the layer or input `name`, in running order; each once.

        Raises `UnknownNameError` with the nearest name.
        """
        if name not in self._consumers:
            raise unknown_name(f"layer or input of {self.name}", name, self._consumers)
        return self._consumers[name]

    def summary(self) -> str:
        """Return the table of layers with shapes, weights, MACs and vector operations, and the totals."""
        head = ("layer", "kind", "filter", "output shape", "parameters", "weights", "MACs", "vector ops")
        body = [
            (
                layer.name,
                layer.kind,
                _filter_text(layer),
                str(layer.output_shape),
                *(f"{number:,}" for number in (layer.parameters, layer.weights, layer.macs, layer.ops)),
            )
            for layer in self.layers
        ]
        totals = (self.total_parameters, self.total_weights, self.total_macs, sum(x.ops for x in self.layers))
        foot = ("total", f"{len(self)} layers", "", "", *(f"{number:,}" for number in totals))
        widths = [max(map(len, column)) for column in zip(head, foot, *body, strict=True)]
        rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
        title = self.metadata.get("title") or self.name
        given = ", ".join(f"{name} {shape}" for name, shape in self.inputs.items())
        return "\n".join(
            [
                f"{title}: input {given}",
                rule,
                _table_row(head, widths),
                rule,
                *(_table_row(row, widths) for row in body),
                rule,
                _table_row(foot, widths),
                *self._quoted(),
            ]
        )

    def _quoted(self) -> list[str]:
        # Where the literature's totals differ from the computed ones, the reader should see both.
        weights, macs = self.metadata.get("quoted_weights"), self.metadata.get("quoted_macs")
        if weights is None or macs is None:
            return []
        source = self.metadata.get("quoted_source", "the literature")
        return [f"quoted at batch 1: {weights:,} weights, {macs:,} MACs ({source})"]

    def to_dataframe(self) -> pandas.DataFrame:
        """Return one row per layer: name, kind, shapes, parameters, weights, macs, ops.

        Raises `MissingExtraError` if pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise MissingExtraError("to_dataframe needs pandas: pip install 'dnnaccel[data]'") from error
        columns = ("name", "kind", "input_shapes", "output_shape", "parameters", "weights", "macs", "ops")
        frame: pandas.DataFrame = pandas.DataFrame(
            {key: [getattr(layer, key) for layer in self.layers] for key in columns}
        )
        return frame

    def __str__(self) -> str:
        return self.summary()

    def __repr__(self) -> str:
        return (
            f"<Network {self.name}: {len(self)} layers, {self.total_macs:,} MACs, "
            f"{self.total_weights:,} weights, batch {self.batch}>"
        )


def _table_row(cells: Sequence[str], widths: Sequence[int]) -> str:
    texts = [cell.ljust(width) for cell, width in zip(cells[:4], widths[:4], strict=True)]
    numbers = [cell.rjust(width) for cell, width in zip(cells[4:], widths[4:], strict=True)]
    return "  ".join([*texts, *numbers]).rstrip()


def _filter_text(layer: Layer) -> str:
    kernel, stride = getattr(layer, "kernel", None), getattr(layer, "stride", None)
    if kernel is None or stride is None:
        return ""
    step = str(stride[0]) if stride[0] == stride[1] else f"{stride[0]}x{stride[1]}"
    return f"{kernel[0]}x{kernel[1]}/{step}"


def _check_inputs(network: str, inputs: Mapping[str, Shape]) -> dict[str, Shape]:
    if not isinstance(inputs, Mapping):
        raise NetworkError(f"network {network!r}: inputs must map names to shapes, given {inputs!r}")
    checked: dict[str, Shape] = {}
    for name, shape in inputs.items():
        sizes = [whole_number(size, minimum=1) for size in shape] if isinstance(shape, (tuple, list)) else []
        sound = tuple(size for size in sizes if size is not None)
        if len(sizes) < 2 or len(sound) < len(sizes):
            raise NetworkError(
                f"network {network!r}: input {name!r} has shape {shape!r}; it must be two or more whole "
                "numbers, each at least 1, batch first, as (1, 3, 224, 224)"
            )
        checked[name] = sound
    if not checked:
        raise NetworkError(f"network {network!r} has no inputs; it needs one at least")
    batches = {name: shape[0] for name, shape in checked.items()}
    if len(set(batches.values())) > 1:
        given = ", ".join(f"{name} {batch}" for name, batch in batches.items())
        raise NetworkError(
            f"network {network!r}: all inputs must have one batch as their first size, given {given}"
        )
    return checked


def _bind(layer: Layer, shapes: Mapping[str, Shape]) -> Layer:
    return dataclasses.replace(layer, input_shapes=tuple(shapes[name] for name in layer.inputs))


def _check_links(network: str, layer: Layer, known: Mapping[str, object]) -> None:
    if not layer.inputs:
        raise NetworkError(f"network {network!r}: layer {layer.name!r} reads nothing; name its inputs")
    for name in layer.inputs:
        if name not in known:
            raise NetworkError(
                f"network {network!r}: layer {layer.name!r} reads {name!r}, which does not exist; "
                f"{did_you_mean(name, known)}"
            )


def _check_new(network: str, name: str, known: Mapping[str, object]) -> None:
    if name in known:
        raise NetworkError(
            f"network {network!r}: two layers or inputs are named {name!r}; names must be unique"
        )


def _in_order(network: str, layers: Iterable[Layer], inputs: Mapping[str, Shape]) -> list[Layer]:
    """Return `layers` such that each stands after what it reads, otherwise as given."""
    given = list(layers)
    # An input is always there: it stands before every layer.
    position = dict.fromkeys(inputs, -1)
    for index, layer in enumerate(given):
        if not isinstance(layer, Layer):
            raise NetworkError(
                f"network {network!r}: layers must be layers, as layers.Conv2d(...), given {layer!r}"
            )
        _check_new(network, layer.name, position)
        position[layer.name] = index
    if not given:
        raise NetworkError(f"network {network!r} has no layers; it needs one at least")
    waits: list[int] = []
    readers: dict[str, list[int]] = {layer.name: [] for layer in given}
    for index, layer in enumerate(given):
        _check_links(network, layer, position)
        producers = {name for name in layer.inputs if position[name] >= 0}
        waits.append(len(producers))
        for name in producers:
            readers[name].append(index)
    ready = [index for index, count in enumerate(waits) if count == 0]
    order: list[Layer] = []
    while ready:
        layer = given[heapq.heappop(ready)]
        order.append(layer)
        for index in readers[layer.name]:
            waits[index] -= 1
            if waits[index] == 0:
                heapq.heappush(ready, index)
    if len(order) < len(given):
        cycle = _find_cycle({layer.name: layer for index, layer in enumerate(given) if waits[index]})
        raise NetworkError(f"network {network!r} has a cycle: {' reads '.join(map(repr, cycle))}")
    return order


def _find_cycle(stuck: Mapping[str, Layer]) -> list[str]:
    # Every stuck layer reads a stuck layer, so walking up must come back to where it has been.
    path = [next(iter(stuck))]
    while path[-1] not in path[:-1]:
        path.append(next(name for name in stuck[path[-1]].inputs if name in stuck))
    return path[path.index(path[-1]) :]


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
        _check_new(self._name, name, self._shapes)
        self._inputs = _check_inputs(self._name, {**self._inputs, name: shape})
        self._shapes[name] = self._inputs[name]
        return name

    def append(self, layer: Layer) -> str:
        """Add a layer of any kind; one without `inputs` reads the layer added before it."""
        _check_new(self._name, layer.name, self._shapes)
        if not layer.inputs:
            layer = dataclasses.replace(layer, inputs=(self._last,), input_shapes=())
        _check_links(self._name, layer, self._shapes)
        self._shapes[layer.name] = _bind(layer, self._shapes).output_shape
        self._layers.append(layer)
        self._last = layer.name
        return layer.name

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
        return self.append(
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
        return self.append(
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
        return self.append(
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

    def lrn(self, name: str, *, size: int = 5, after: str | None = None) -> str:
        """Add a `layers.LRN` over `size` channels."""
        return self.append(kinds.LRN(name=name, inputs=_names(after), size=size))

    def relu(self, name: str, *, after: str | None = None) -> str:
        """Add a `layers.ReLU`."""
        return self.append(kinds.ReLU(name=name, inputs=_names(after)))

    def sigmoid(self, name: str, *, after: str | None = None) -> str:
        """Add a `layers.Sigmoid`."""
        return self.append(kinds.Sigmoid(name=name, inputs=_names(after)))

    def tanh(self, name: str, *, after: str | None = None) -> str:
        """Add a `layers.Tanh`."""
        return self.append(kinds.Tanh(name=name, inputs=_names(after)))

    def batch_norm(self, name: str, *, after: str | None = None) -> str:
        """Add a `layers.BatchNorm`."""
        return self.append(kinds.BatchNorm(name=name, inputs=_names(after)))

    def add(self, name: str, *, after: Sequence[str]) -> str:
        """Add a `layers.Add` of the layers that `after` names."""
        return self.append(kinds.Add(name=name, inputs=_names(after)))

    def concat(self, name: str, *, after: Sequence[str], axis: int = 1) -> str:
        """Add a `layers.Concat` of the layers that `after` names."""
        return self.append(kinds.Concat(name=name, inputs=_names(after), axis=axis))

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
