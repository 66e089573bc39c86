"""Convolutions and poolings; those over one axis are read as over images of one row."""

from __future__ import annotations

from dnnaccel.importers.onnx.graph import Graph, Operator, Results
from dnnaccel.importers.onnx.values import Activation, Node, NotCounted, short
from dnnaccel.layers import (
    AvgPool2d,
    Conv2d,
    DepthwiseConv2d,
    GlobalAvgPool2d,
    GlobalMaxPool2d,
    MaxPool2d,
    Pad2d,
    Shape,
)

__all__ = ["OPERATORS"]

_Two = tuple[int, int]


def _image(graph: Graph, node: Node) -> Activation:
    """Return the first input as an image; raises `NotCounted` for a volume."""
    x = graph.activation(node, 0)
    if len(x.shape) == 3:
        return graph.reshape(x, (*x.shape[:2], 1, x.shape[2]), f"{node.name}:in", asked=False)
    if len(x.shape) != 4:
        raise NotCounted(f"{node.operator} ({len(x.shape) - 2}-D)")
    return x


def _result(graph: Graph, node: Node, image: Activation) -> Results:
    """Return the image with as many axes as the node's input had."""
    if len(graph.activation(node, 0).shape) == 4:
        return (image,)
    batch, channels, _, columns = image.shape
    return (graph.reshape(image, (batch, channels, columns), f"{node.name}:out", asked=False),)


def _pair(node: Node, attribute: str, shape: Shape, default: int) -> _Two:
    """Return an attribute with one number per axis of the window, as (rows, columns)."""
    numbers = node.integers(attribute)
    if numbers is None:
        return (default, default)
    axes = len(shape) - 2
    if len(numbers) != axes:
        raise node.error(f"attribute {attribute} must hold {axes} numbers, given {len(numbers)}")
    # A single row is one step away from itself, whatever the columns do.
    return (numbers[0], numbers[1]) if axes == 2 else (1, numbers[0])


def _pads(
    node: Node, x: Activation, given: Shape, kernel: _Two, stride: _Two, dilation: _Two
) -> tuple[_Two, _Two]:
    """Return what is padded before and after the rows, and before and after the columns."""
    mode = node.text("auto_pad", "NOTSET")
    if mode in ("SAME_UPPER", "SAME_LOWER"):
        rows, columns = (
            _same(x.shape[2 + axis], kernel[axis], stride[axis], dilation[axis], late=mode == "SAME_UPPER")
            for axis in (0, 1)
        )
        return rows, columns
    if mode not in ("NOTSET", "VALID", ""):
        raise node.error(f"auto_pad {mode[:40]!r} must be NOTSET, VALID, SAME_UPPER or SAME_LOWER")
    axes = len(given) - 2
    pads = node.integers("pads") if mode != "VALID" else None
    if pads is None:
        return (0, 0), (0, 0)
    if len(pads) != 2 * axes or min(pads) < 0:
        raise node.error(f"attribute pads must hold {2 * axes} numbers, none negative, given {pads}")
    return ((pads[0], pads[2]), (pads[1], pads[3])) if axes == 2 else ((0, 0), (pads[0], pads[1]))


def _same(size: int, kernel: int, stride: int, dilation: int, *, late: bool) -> _Two:
    # The output has size / stride elements, rounded up; an odd padding has its larger half late or early.
    outputs = -(-size // max(stride, 1))
    total = max((outputs - 1) * stride + dilation * (kernel - 1) + 1 - size, 0)
    return (total // 2, total - total // 2) if late else (total - total // 2, total // 2)


def _padded(
    graph: Graph, node: Node, x: Activation, pads: tuple[_Two, _Two], most: _Two | None = None
) -> tuple[Activation, _Two]:
    """Return the image and the padding that the layer itself does: by a layer before it if that cannot."""
    rows, columns = pads
    even = rows[0] == rows[1] and columns[0] == columns[1]
    if even and (most is None or (rows[0] <= most[0] and columns[0] <= most[1])):
        return x, (rows[0], columns[0])
    layer = Pad2d(
        name=f"{node.name}:pad", inputs=(x.layer,), input_shapes=(x.shape,), rows=rows, columns=columns
    )
    return graph.add(layer), (0, 0)


def _convolution(graph: Graph, node: Node) -> Results:
    x, filters = _image(graph, node), graph.constant(node, 1)
    given = graph.activation(node, 0).shape
    if len(filters.shape) != len(given):
        raise node.error(f"filters {filters.shape} do not meet input {given}")
    kernel = filters.shape[2:] if len(given) == 4 else (1, filters.shape[2])
    if _pair(node, "kernel_shape", given, 1) != kernel and "kernel_shape" in node.attributes:
        raise node.error(f"kernel_shape is not that of filters {filters.shape}")
    groups, channels = node.integer("group", 1), x.shape[1]
    if groups < 1 or filters.shape[1] * groups != channels:
        raise node.error(f"filters {filters.shape} in {groups} groups do not meet the {channels} channels")
    stride, dilation = _pair(node, "strides", given, 1), _pair(node, "dilations", given, 1)
    two = (kernel[0], kernel[1])
    x, padding = _padded(graph, node, x, _pads(node, x, given, two, stride, dilation))
    bias = graph.has_constant(node, 2)
    layer: Conv2d | DepthwiseConv2d
    if groups == channels > 1 and filters.shape[0] % groups == 0:
        layer = DepthwiseConv2d(
            name=node.name,
            inputs=(x.layer,),
            input_shapes=(x.shape,),
            multiplier=filters.shape[0] // groups,
            kernel=two,
            stride=stride,
            padding=padding,
            dilation=dilation,
            bias=bias,
        )
    else:
        layer = Conv2d(
            name=node.name,
            inputs=(x.layer,),
            input_shapes=(x.shape,),
            out_channels=filters.shape[0],
            kernel=two,
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=groups,
            bias=bias,
        )
    biases = graph.constant(node, 2) if bias else None
    result = graph.add_shared(layer, filters, biases)
    graph.learn(result.layer, weight=filters, bias=biases)
    return _result(graph, node, result)


def _by_ceil_mode(shape: Shape, pads: tuple[_Two, _Two], kernel: _Two, stride: _Two) -> bool:
    """Return whether more padding behind than before is that of windows that are not full (ceil_mode)."""
    more = False
    for size, (before, behind), reach, step in zip(shape[2:], pads, kernel, stride, strict=True):
        if before > reach // 2 or size + 2 * before < reach:
            return False
        count = (size + before + behind - reach) // step + 1
        full = (size + 2 * before - reach) // step + 1
        rest = (size + 2 * before - reach) % step and full * step < size + before
        if count != full + bool(rest):
            return False
        more |= count != full or behind > before
    return more


_POSITIVE = ("relu", "relu6", "sigmoid", "softmax")
_KEEPING = ("max_pool", "avg_pool", "concat", "lrn", "pad", "slice", "add", "multiply", "channel_shuffle")


def _is_positive(graph: Graph, value: Activation) -> bool:
    """Return whether no number of a tensor is below 0, so that zeros around it are never the largest."""
    names, seen = [value.layer], set[str]()
    while names:
        layer = graph.layers.get(names.pop())
        if layer is None or layer.kind not in (*_POSITIVE, *_KEEPING):
            return False
        if layer.kind in _KEEPING and layer.name not in seen:
            names += layer.inputs
        seen.add(layer.name)
    return True


def _pool(graph: Graph, node: Node) -> Results:
    x, given = _image(graph, node), graph.activation(node, 0).shape
    if "kernel_shape" not in node.attributes:
        raise node.error("has no kernel_shape")
    kernel, stride = _pair(node, "kernel_shape", given, 1), _pair(node, "strides", given, 1)
    if _pair(node, "dilations", given, 1) != (1, 1):
        raise NotCounted(f"{node.operator} (dilated)")
    pads = _pads(node, x, given, kernel, stride, (1, 1))
    ceil_mode = bool(node.integer("ceil_mode", 0))
    zeros_count = node.operator != "MaxPool" and bool(node.integer("count_include_pad", 0))
    image = x
    if not zeros_count and not ceil_mode and _by_ceil_mode(x.shape, pads, kernel, stride):
        padding, ceil_mode = (pads[0][0], pads[1][0]), True
    else:
        x, padding = _padded(graph, node, x, pads, most=(kernel[0] // 2, kernel[1] // 2))
    if x != image and not zeros_count and not (node.operator == "MaxPool" and _is_positive(graph, image)):
        graph.inexact.append(
            f"{node.operator} {short(node.name)} has a padding that its layer takes for zeros"
        )
    layer: MaxPool2d | AvgPool2d
    if node.operator == "MaxPool":
        layer = MaxPool2d(
            name=node.name,
            inputs=(x.layer,),
            input_shapes=(x.shape,),
            kernel=kernel,
            stride=stride,
            padding=padding,
            ceil_mode=ceil_mode,
        )
    else:
        layer = AvgPool2d(
            name=node.name,
            inputs=(x.layer,),
            input_shapes=(x.shape,),
            kernel=kernel,
            stride=stride,
            padding=padding,
            ceil_mode=ceil_mode,
            count_include_pad=zeros_count,
        )
    return _result(graph, node, graph.add(layer))


def _global(kind: type[GlobalAvgPool2d] | type[GlobalMaxPool2d]) -> Operator:
    def build(graph: Graph, node: Node) -> Results:
        x = _image(graph, node)
        layer = kind(name=node.name, inputs=(x.layer,), input_shapes=(x.shape,))
        return _result(graph, node, graph.add(layer))

    return build


def _mean(graph: Graph, node: Node) -> Results:
    """A mean over rows and columns is a global pooling; other means have no layer."""
    x, axes = graph.activation(node, 0), graph.numbers(node, 1, "axes")
    if len(x.shape) != 4 or axes is None or {node.axis(axis, 4) for axis in axes} != {2, 3}:
        raise NotCounted(node.operator)
    layer = GlobalAvgPool2d(name=node.name, inputs=(x.layer,), input_shapes=(x.shape,))
    pooled = graph.add(layer)
    if node.integer("keepdims", 1):
        return (pooled,)
    return (graph.reshape(pooled, x.shape[:2], f"{node.name}:out"),)


OPERATORS: dict[str, Operator] = {
    "Conv": _convolution,
    "MaxPool": _pool,
    "AveragePool": _pool,
    "GlobalAveragePool": _global(GlobalAvgPool2d),
    "GlobalMaxPool": _global(GlobalMaxPool2d),
    "ReduceMean": _mean,
}
"""The operators of this file."""
