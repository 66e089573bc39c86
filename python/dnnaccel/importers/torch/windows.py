"""Convolutions and poolings; those over sequences are images of one row."""

from __future__ import annotations

from math import prod

from dnnaccel.importers.torch.graph import Graph, Operator
from dnnaccel.importers.torch.values import Activation, Call, Constant, NotCounted, Outputs, Value
from dnnaccel.layers import (
    AvgPool2d,
    Conv2d,
    DepthwiseConv2d,
    GlobalAvgPool2d,
    GlobalMaxPool2d,
    Layer,
    MaxPool2d,
    Pad2d,
)

__all__ = ["OPERATORS"]


def _image(graph: Graph, x: Activation, call: Call) -> Activation:
    """Return (N, C, H, W) as it is, (N, C, L) as an image of one row."""
    if len(x.shape) == 4:
        return x
    if len(x.shape) == 3:
        return graph.reshape(x, (*x.shape[:2], 1, x.shape[2]), call)
    raise NotCounted(f"aten.{call.operator} (of {len(x.shape)} axes)")


def _pair(given: object, one_row: bool, neutral: int) -> tuple[int, int]:
    """Return a size in rows and columns; a sequence has `neutral` for its one row."""
    sizes = given if isinstance(given, tuple | list) else (given,)
    numbers = [size for size in sizes if isinstance(size, int)]
    if len(numbers) != len(sizes) or not 1 <= len(numbers) <= 2:
        raise NotCounted("aten.convolution (sizes)")
    return (neutral if one_row else numbers[0], numbers[-1])


def _convolution(graph: Graph, call: Call) -> Value:
    given = call.arguments
    x, weight = graph.activation(call, "input"), graph.constant(call, "weight")
    if given.get("transposed") or len(x.shape) != len(weight.shape):
        raise NotCounted(f"aten.{call.operator}" + (" (transposed)" if given.get("transposed") else ""))
    one_row = len(x.shape) == 3
    image = _image(graph, x, call)
    kernel = _pair(weight.shape[2:], one_row, 1)
    dilation = _pair(given["dilation"], one_row, 1)
    image, padding = _padding(graph, call, image, kernel, dilation)
    fields = {
        "kernel": kernel,
        "stride": _pair(given["stride"], one_row, 1),
        "padding": padding,
        "dilation": dilation,
        "bias": graph.optional(call, "bias") is not None,
        **graph.read(image),
    }
    layer = _convolution_layer(graph.name(call, weights=weight), given["groups"], image, weight, fields)
    return graph.reshape(graph.add_weighted(layer, weight), call.shape, call)


def _convolution_layer(
    name: str, groups: int, image: Activation, weight: Constant, fields: dict[str, object]
) -> Layer:
    if groups == image.shape[1] > 1:
        given = {**fields, "name": name, "multiplier": weight.shape[0] // groups}
        return DepthwiseConv2d(**given)  # type: ignore[arg-type]
    given = {**fields, "name": name, "out_channels": weight.shape[0], "groups": groups}
    return Conv2d(**given)  # type: ignore[arg-type]


def _padding(
    graph: Graph, call: Call, image: Activation, kernel: tuple[int, int], dilation: tuple[int, int]
) -> tuple[Activation, tuple[int, int]]:
    """Return the image and the padding on both sides; what is more on one side is padded before."""
    given = call.arguments["padding"]
    if not isinstance(given, str):
        return image, _pair(given, len(call.shape) == 3, 0)
    if given == "valid":
        return image, (0, 0)
    reach = [step * (size - 1) for size, step in zip(kernel, dilation, strict=True)]
    if not any(size % 2 for size in reach):
        return image, (reach[0] // 2, reach[1] // 2)
    rows, columns = ((size // 2, size - size // 2) for size in reach)
    pad = Pad2d(name=graph.name(call, "pad"), rows=rows, columns=columns, **graph.read(image))
    return graph.add(pad), (0, 0)


def _pool(graph: Graph, call: Call) -> Value | Outputs:
    given = call.arguments
    x = graph.activation(call, "self")
    one_row = len(x.shape) == 3
    image = _image(graph, x, call)
    kernel = _pair(given["kernel_size"], one_row, 1)
    fields = {
        "name": graph.name(call),
        "kernel": kernel,
        "stride": _pair(given["stride"], one_row, 1) if given["stride"] else kernel,
        "padding": _pair(given["padding"], one_row, 0),
        "ceil_mode": given["ceil_mode"],
        **graph.read(image),
    }
    if call.operator.startswith("max_pool"):
        if _pair(given["dilation"], one_row, 1) != (1, 1):
            raise NotCounted(f"aten.{call.operator} (dilated)")
        layer: Layer = MaxPool2d(**fields)
    else:
        if given.get("divisor_override") is not None:
            raise NotCounted(f"aten.{call.operator} (divisor)")
        layer = AvgPool2d(count_include_pad=given["count_include_pad"], **fields)
    shape = call.shape
    result = graph.reshape(graph.add(layer), shape, call)
    if len(call.shapes) == 1:
        return result

    def output(index: int) -> Value:
        return result if index == 0 else graph.opaque(call, f"aten.{call.operator} (indices)", index)

    return output


def _adaptive_pool(graph: Graph, call: Call) -> Value | Outputs:
    """Global, or with windows of one size if the output's sizes divide the input's."""
    image = _image(graph, graph.activation(call, "self"), call)
    out = _pair(call.arguments["output_size"], len(call.shape) == 3, 1)
    largest = "max" in call.operator
    sizes = (image.shape[2], image.shape[3])
    if sizes[0] % out[0] or sizes[1] % out[1]:
        raise NotCounted(f"aten.{call.operator} (uneven)")
    layer: Layer
    if out == (1, 1):
        whole = GlobalMaxPool2d if largest else GlobalAvgPool2d
        layer = whole(name=graph.name(call), **graph.read(image))
    else:
        windows = MaxPool2d if largest else AvgPool2d
        kernel = (sizes[0] // out[0], sizes[1] // out[1])
        layer = windows(name=graph.name(call), kernel=kernel, **graph.read(image))
    result = graph.reshape(graph.add(layer), call.shape, call)
    return (lambda index: result) if len(call.shapes) > 1 else result


def _mean(graph: Graph, call: Call) -> Value:
    """The mean or the largest over some axes: the rows of an image whose channels are the other axes."""
    x = graph.activation(call, "self")
    rank = len(x.shape)
    dims = call.arguments.get("dim") or ()
    axes = sorted(axis % rank for axis in (dims if isinstance(dims, tuple) else (dims,)))
    kept = [axis for axis in range(rank) if axis not in axes]
    if not axes or 0 in axes:
        raise NotCounted(f"aten.{call.operator} (batch)")
    image = x
    if (rank, axes) != (4, [2, 3]):
        ordered = graph.permute(x, (*kept, *axes), call)
        channels, rows = (prod(x.shape[axis] for axis in those) for those in (kept[1:], axes))
        image = graph.reshape(ordered, (x.shape[0], channels, rows, 1), call)
    kind = GlobalAvgPool2d if call.operator == "mean" else GlobalMaxPool2d
    return graph.reshape(graph.add(kind(name=graph.name(call), **graph.read(image))), call.shape, call)


OPERATORS: dict[str, Operator] = {
    **dict.fromkeys(("conv1d", "conv2d", "convolution"), _convolution),
    **dict.fromkeys(("max_pool1d", "max_pool2d", "max_pool2d_with_indices"), _pool),
    **dict.fromkeys(("avg_pool1d", "avg_pool2d"), _pool),
    **dict.fromkeys(("adaptive_avg_pool1d", "adaptive_avg_pool2d", "_adaptive_avg_pool2d"), _adaptive_pool),
    **dict.fromkeys(("adaptive_max_pool1d", "adaptive_max_pool2d"), _adaptive_pool),
    **dict.fromkeys(("mean", "amax"), _mean),
}
"""The operators of this file."""
