"""One network in one line: what its layers are, what they take, and what is published of it."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dnnaccel.layers import Conv2d, DepthwiseConv2d, Layer, Linear, Shape
from dnnaccel.network import Network

__all__ = ["NetworkRow"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkRow:
    """A network's size and accuracy.

    Weights and MACs exclude biases, and are for the batch that the network was built for; weights that layers
    share count once. Accuracies are in %. `channels` and `filters` are the fewest and the most input and
    output channels of a convolution; None without convolutions. What is not known is None.
    """

    name: str
    title: str
    year: int | None
    source: str | None
    dataset: str | None
    input_shapes: tuple[Shape, ...]
    layers: int
    conv_layers: int
    filter_sizes: tuple[tuple[int, int], ...]
    channels: tuple[int, int] | None
    filters: tuple[int, int] | None
    strides: tuple[tuple[int, int], ...]
    conv_weights: int
    conv_macs: int
    fc_layers: int
    fc_weights: int
    fc_macs: int
    other_weights: int
    other_macs: int
    parameters: int
    top1: float | None
    top5: float | None
    accuracy_source: str | None
    quoted_weights: int | None
    quoted_macs: int | None
    quoted_top5_error: float | None
    quoted_source: str | None
    note: str | None

    @property
    def weights(self) -> int:
        """Weights of all layers."""
        return self.conv_weights + self.fc_weights + self.other_weights

    @property
    def macs(self) -> int:
        """Multiply-accumulates of all layers."""
        return self.conv_macs + self.fc_macs + self.other_macs

    @property
    def input(self) -> str:
        """Sizes of the inputs without their batch: "3x224x224"; "16 + 2 of 8x4" for three."""
        sizes = Counter("x".join(map(str, shape[1:])) for shape in self.input_shapes)
        return " + ".join(size if number == 1 else f"{number} of {size}" for size, number in sizes.items())

    @property
    def quoted_top5(self) -> float | None:
        """Quoted top-5 accuracy in %."""
        return None if self.quoted_top5_error is None else 100 - self.quoted_top5_error

    @property
    def quoted_differs(self) -> bool:
        """Whether a quoted total is none that the computed one can be rounded to."""
        return _differs(self.quoted_weights, self.weights) or _differs(self.quoted_macs, self.macs)

    @classmethod
    def of(cls, net: Network) -> NetworkRow:
        """Return the row of any network."""
        convs, fcs, rest = _sorted(net.layers)
        shapes = [(layer.input_shapes[0][1], layer.output_shape[1]) for layer in convs]
        own = net.own_weights()
        conv_weights, conv_macs = _sizes(convs, own)
        fc_weights, fc_macs = _sizes(fcs, own)
        other_weights, other_macs = _sizes(rest, own)
        return cls(
            name=net.name,
            title=_text(net, "title") or net.name,
            year=_whole(net, "year"),
            source=_text(net, "source"),
            dataset=_text(net, "dataset"),
            input_shapes=tuple(net.inputs.values()),
            layers=len(net),
            conv_layers=len(convs),
            filter_sizes=_distinct(layer.kernel for layer in convs),
            channels=_span([before for before, _ in shapes]),
            filters=_span([after for _, after in shapes]),
            strides=_distinct(layer.stride for layer in convs),
            conv_weights=conv_weights,
            conv_macs=conv_macs,
            fc_layers=len(fcs),
            fc_weights=fc_weights,
            fc_macs=fc_macs,
            other_weights=other_weights,
            other_macs=other_macs,
            parameters=net.total_parameters,
            top1=_real(net, "top1"),
            top5=_real(net, "top5"),
            accuracy_source=_text(net, "accuracy_source"),
            quoted_weights=_whole(net, "quoted_weights"),
            quoted_macs=_whole(net, "quoted_macs"),
            quoted_top5_error=_real(net, "quoted_top5_error"),
            quoted_source=_text(net, "quoted_source"),
            note=_text(net, "note"),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return every field by name, the totals, and whether quoted totals differ."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)} | {
            "weights": self.weights,
            "macs": self.macs,
            "quoted_differs": self.quoted_differs,
        }

    def to_flat(self) -> dict[str, Any]:
        """Return `to_dict()` with lists as text: "1x1 3x3", "3-256"."""
        flat = self.to_dict()
        for key in ("filter_sizes", "strides"):
            flat[key] = " ".join(f"{rows}x{columns}" for rows, columns in flat[key])
        for key in ("channels", "filters"):
            flat[key] = flat[key] and f"{flat[key][0]}-{flat[key][1]}"
        flat["input_shapes"] = " ".join("x".join(map(str, shape)) for shape in flat["input_shapes"])
        return flat


def _sorted(
    layers: Iterable[Layer],
) -> tuple[list[Conv2d | DepthwiseConv2d], list[Linear], list[Layer]]:
    by_kind: dict[type[Layer], list[Any]] = {}
    for layer in layers:
        by_kind.setdefault(type(layer), []).append(layer)
    convs: list[Conv2d | DepthwiseConv2d] = []
    fcs: list[Linear] = []
    rest: list[Layer] = []
    for kind, those in by_kind.items():
        if issubclass(kind, (Conv2d, DepthwiseConv2d)):
            convs += those
        elif issubclass(kind, Linear):
            fcs += those
        else:
            rest += those
    return convs, fcs, rest


def _sizes(layers: Sequence[Layer], own: Mapping[str, int]) -> tuple[int, int]:
    return sum(own[layer.name] for layer in layers), sum(layer.macs for layer in layers)


def _distinct(values: Iterable[Any]) -> tuple[tuple[int, int], ...]:
    return tuple(sorted(set(values)))


def _span(sizes: list[int]) -> tuple[int, int] | None:
    return (min(sizes), max(sizes)) if sizes else None


def _differs(quoted: int | None, computed: int) -> bool:
    if not quoted:
        return False
    # The zeros at the end of a quoted figure say to what it was rounded.
    unit = 1
    while quoted % (unit * 10) == 0:
        unit *= 10
    return 2 * abs(quoted - computed) > unit


def _text(net: Network, key: str) -> str | None:
    value = net.metadata.get(key)
    return None if value is None else str(value)


def _whole(net: Network, key: str) -> int | None:
    value = net.metadata.get(key)
    return int(value) if isinstance(value, int | float) else None


def _real(net: Network, key: str) -> float | None:
    value = net.metadata.get(key)
    return float(value) if isinstance(value, int | float) else None
