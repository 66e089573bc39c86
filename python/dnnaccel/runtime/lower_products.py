"""Convolutions and products with a matrix, with all that is fused into them."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from dnnaccel import _core
from dnnaccel.layers import BatchNorm, Layer, Scale
from dnnaccel.runtime.fusion import Node
from dnnaccel.runtime.layouts import Layout, channels_last, row_major
from dnnaccel.runtime.lower import Lowering, lowers
from dnnaccel.runtime.steps import Tensor

__all__ = ["convolution_of", "linear_of", "scale_and_shift"]


def scale_and_shift(state: Lowering, layer: Layer) -> tuple[Any, Any]:
    """Return what a layer multiplies each channel by, and what it then adds to it, in double precision."""
    if isinstance(layer, Scale):
        return layer.factor, 0.0
    assert isinstance(layer, BatchNorm)
    scale = state.parameters(layer, "weight").astype(np.float64)
    shift = state.parameters(layer, "bias").astype(np.float64)
    mean = state.parameter(layer, "running_mean", optional=True)
    variance = state.parameter(layer, "running_var", optional=True)
    if variance is not None:
        scale = scale / np.sqrt(variance.astype(np.float64) + layer.epsilon)
    if mean is not None:
        shift = shift - mean * scale
    return scale, shift


def _learned(state: Lowering, node: Node) -> dict[str, Any]:
    """Return weights and bias, with the scales that follow folded in."""
    layer: Any = node.layer
    weights = state.parameters(layer, "weight")
    bias = state.parameters(layer, "bias") if layer.bias else None
    if not node.scales:
        return {"weights": weights, "bias": bias}
    factor = np.ones(len(weights))
    total = np.zeros(len(weights)) if bias is None else bias.astype(np.float64)
    for scaling in node.scales:
        scale, shift = scale_and_shift(state, scaling)
        factor = factor * scale
        total = total * scale + shift
    scaled = weights * factor.reshape(-1, *[1] * (weights.ndim - 1))
    return {"weights": scaled.astype(np.float32), "bias": total.astype(np.float32)}


def _turned(
    state: Lowering, node: Node, axes: tuple[int, ...], memory_order: tuple[int, ...]
) -> dict[str, Any]:
    """Return weights and bias, the weights in the order in which the values lie that are multiplied."""
    learned = _learned(state, node)
    weights = learned["weights"]
    order = (0, *(1 + axis for axis in memory_order))
    by_axis = weights.reshape(len(weights), *axes)
    return learned | {"weights": np.ascontiguousarray(by_axis.transpose(order)).reshape(weights.shape)}


def _finish(
    state: Lowering, node: Node, x: Tensor, layout: Layout, factory: Any, given: dict[str, Any]
) -> Tensor:
    """Add the step of a product, with its residual and activation."""
    residual = None
    if node.residual is not None:
        residual = state.in_layout(state.numbers(state.tensors[node.residual]), layout)
    if node.function:
        given["activation"] = node.function
    return state.step(
        node,
        (x, residual),
        layout,
        factory,
        pitched=True,
        out_pitched=residual is None,
        residual=None if residual is None else 1,
        clamp=node.clamp,
        **given,
    )


def convolution_of(state: Lowering, node: Node, x: Tensor) -> dict[str, Any]:
    """Return what says which convolution of images `x` a node is; `learned` reads its weights and bias."""
    layer: Any = node.layer
    (top, bottom), (left, right) = node.pads
    rows, columns = layer.padding
    return {
        "input": x.layout.stored,
        "learned": partial(_learned, state, node),
        "stride": layer.stride,
        "padding": (top + rows, bottom + rows, left + columns, right + columns),
        "dilation": layer.dilation,
        "groups": x.layout.shape[1] if layer.kind == "depthwise" else layer.groups,
    }


@lowers("conv2d", "depthwise")
def _convolution(state: Lowering, node: Node) -> Tensor:
    (x,) = state.inputs(node)
    x = state.in_layout(x, channels_last(x.layout.shape))
    given = convolution_of(state, node, x) | {"nchw": False, "algorithm": ""}
    return _finish(state, node, x, channels_last(node.layer.output_shape), _core.conv_operator, given)


def linear_of(state: Lowering, node: Node, x: Tensor) -> tuple[Tensor, Layout, dict[str, Any]]:
    """Return vectors `x` as a matrix product reads them, the layout of its results, and which one it is."""
    layer: Any = node.layer
    learned = partial(_learned, state, node)
    inner = _folded_vectors(x.layout)
    if inner is None:
        x = state.in_layout(x, _vectors_last(x.layout))
    else:
        # The weights follow the order in which the values lie, rather than the other way round.
        learned = partial(_turned, state, node, *inner)
        x = state.view(x, row_major(x.layout.shape))
    stored = x.layout.stored
    layout = Layout(layer.output_shape, (*stored[:-1], layer.out_features), x.layout.order)
    return x, layout, {"input": stored, "learned": learned}


@lowers("linear")
def _linear(state: Lowering, node: Node) -> Tensor:
    x, layout, given = linear_of(state, node, state.inputs(node)[0])
    return _finish(state, node, x, layout, _core.linear_operator, given)


def _vectors_last(layout: Layout) -> Layout:
    """Return the layout whose last axis is the last one in memory, the others as they are."""
    if layout.folded:
        return row_major(layout.shape)
    inner = layout.order[-1]
    outer = [axis for axis in range(len(layout.stored)) if axis != inner]
    return Layout(
        layout.shape,
        (*(layout.stored[axis] for axis in outer), layout.stored[inner]),
        (*(outer.index(axis) for axis in layout.order[:-1]), len(outer)),
    )


def _folded_vectors(layout: Layout) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Return the axes that are folded into the last one, and the order in which they lie, if it is so."""
    if not layout.folded:
        return None
    rank = len(layout.order)
    for split in range(rank):
        head, tail = layout.order[:split], layout.order[split:]
        sizes = layout.axes[split:]
        if math.prod(sizes) == layout.shape[-1] and head == tuple(range(split)):
            return sizes, tuple(tail.index(axis) for axis in range(split, rank))
    return None
