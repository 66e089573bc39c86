"""Convolutions and products with a matrix, with all that is fused into them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from dnnaccel import _core
from dnnaccel.layers import BatchNorm, Layer, Scale
from dnnaccel.runtime.fusion import Node
from dnnaccel.runtime.layouts import Layout, channels_last, row_major
from dnnaccel.runtime.lower import Floats, Lowering, lowers
from dnnaccel.runtime.steps import Tensor

__all__ = ["scale_and_shift"]


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
        scale = scale / np.sqrt(variance.astype(np.float64) + getattr(layer, "epsilon", 1e-5))
    if mean is not None:
        shift = shift - mean * scale
    return scale, shift


def _weights_and_bias(state: Lowering, node: Node) -> tuple[Floats, Floats | None]:
    layer: Any = node.layer
    weights = state.parameters(layer, "weight")
    bias = state.parameters(layer, "bias") if layer.bias else None
    if not node.scales:
        return weights, bias
    factor = np.ones(len(weights))
    total = np.zeros(len(weights)) if bias is None else bias.astype(np.float64)
    for scaling in node.scales:
        scale, shift = scale_and_shift(state, scaling)
        factor = factor * scale
        total = total * scale + shift
    scaled = weights * factor.reshape(-1, *[1] * (weights.ndim - 1))
    return scaled.astype(np.float32), total.astype(np.float32)


def _finish(
    state: Lowering, node: Node, x: Tensor, layout: Layout, factory: Any, given: dict[str, Any]
) -> Tensor:
    """Add the step of a product, with its residual and activation."""
    residual = None
    if node.residual is not None:
        residual = state.in_layout(state.tensors[node.residual], layout)
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


@lowers("conv2d", "depthwise")
def _convolution(state: Lowering, node: Node) -> Tensor:
    layer: Any = node.layer
    (x,) = state.inputs(node)
    x = state.in_layout(x, channels_last(x.layout.shape))
    weights, bias = _weights_and_bias(state, node)
    (top, bottom), (left, right) = node.pads
    rows, columns = layer.padding
    given = {
        "input": x.layout.stored,
        "weights": weights,
        "bias": bias,
        "stride": layer.stride,
        "padding": (top + rows, bottom + rows, left + columns, right + columns),
        "dilation": layer.dilation,
        "groups": x.layout.shape[1] if layer.kind == "depthwise" else layer.groups,
        "nchw": False,
        "algorithm": "",
    }
    return _finish(state, node, x, channels_last(layer.output_shape), _core.conv_operator, given)


@lowers("linear")
def _linear(state: Lowering, node: Node) -> Tensor:
    layer: Any = node.layer
    (x,) = state.inputs(node)
    weights, bias = _weights_and_bias(state, node)
    x, layout, columns = _vectors(state, x)
    if columns is not None:
        weights = np.ascontiguousarray(weights[:, columns])
    layout = Layout(layer.output_shape, (*layout.stored[:-1], layer.out_features), layout.order)
    given = {"input": x.layout.stored, "weights": weights, "bias": bias}
    return _finish(state, node, x, layout, _core.linear_operator, given)


def _vectors(state: Lowering, x: Tensor) -> tuple[Tensor, Layout, Any]:
    """Return `x` with its last axis as the vectors in memory, and in which order their values lie there."""
    layout = x.layout
    if not layout.folded:
        if layout.order[-1] == len(layout.stored) - 1:
            return x, layout, None
        # The vectors may lie in any order.
        last = layout.shape[-1]
        others = tuple(size for axis, size in enumerate(layout.stored) if axis != layout.order[-1])
        places = {
            axis: i for i, axis in enumerate(a for a in range(len(layout.stored)) if a != layout.order[-1])
        }
        order = (*(places[axis] for axis in layout.order[:-1]), len(others))
        wanted = Layout(layout.shape, (*others, last), order)
        return state.in_layout(x, wanted), wanted, None
    for split in range(len(layout.axes)):
        tail = layout.axes[split:]
        if math.prod(tail) == layout.shape[-1] and sorted(layout.order[split:]) == list(
            range(split, len(layout.order))
        ):
            head = layout.order[:split]
            if head == tuple(sorted(head)):
                wanted = row_major(layout.shape)
                numbers = np.arange(layout.shape[-1]).reshape(tail)
                in_memory = np.argsort(layout.order[split:])
                return state.view(x, wanted), wanted, numbers.transpose(in_memory).ravel()
    wanted = row_major(layout.shape)
    return state.in_layout(x, wanted), wanted, None
