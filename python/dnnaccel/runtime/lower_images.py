"""What is done to images besides convolutions: pooling, normalisation, padding, shuffles."""

from __future__ import annotations

from typing import Any

import numpy as np

from dnnaccel import _core
from dnnaccel.runtime.fusion import Node
from dnnaccel.runtime.layouts import channels_last
from dnnaccel.runtime.lower import Lowering, lowers
from dnnaccel.runtime.lower_products import scale_and_shift
from dnnaccel.runtime.lower_values import unfolded_layout
from dnnaccel.runtime.steps import Tensor

__all__: list[str] = []


def _image(state: Lowering, node: Node) -> Tensor:
    (x,) = state.inputs(node)
    return state.in_layout(x, channels_last(x.layout.shape))


@lowers("max_pool", "avg_pool")
def _pool(state: Lowering, node: Node) -> Tensor:
    layer: Any = node.layer
    x = _image(state, node)
    (top, bottom), (left, right) = node.pads
    rows, columns = layer.padding
    return state.step(
        node,
        (x,),
        channels_last(layer.output_shape),
        _core.pool_operator,
        pitched=True,
        out_pitched=True,
        kind="max" if layer.kind == "max_pool" else "average",
        input=x.layout.stored,
        window=layer.kernel,
        stride=layer.stride,
        padding=(top + rows, bottom + rows, left + columns, right + columns),
        output=layer.output_shape[2:],
        count_include_pad=getattr(layer, "count_include_pad", False),
    )


@lowers("global_max_pool", "global_avg_pool")
def _global_pool(state: Lowering, node: Node) -> Tensor:
    x = _image(state, node)
    return state.step(
        node,
        (x,),
        channels_last(node.layer.output_shape),
        _core.global_pool_operator,
        pitched=True,
        out_pitched=True,
        kind="max" if node.layer.kind == "global_max_pool" else "average",
        input=x.layout.stored,
    )


@lowers("lrn")
def _lrn(state: Lowering, node: Node) -> Tensor:
    layer: Any = node.layer
    x = _image(state, node)
    return state.step(
        node,
        (x,),
        x.layout,
        _core.lrn_operator,
        input=x.layout.stored,
        size=layer.size,
        alpha=layer.alpha,
        beta=layer.beta,
        k=layer.k,
    )


@lowers("batch_norm")
def _batch_norm(state: Lowering, node: Node) -> Tensor:
    (x,) = state.inputs(node)
    rank = len(x.layout.shape)
    if rank == 4:
        x = state.in_layout(x, channels_last(x.layout.shape))
    else:  # channels are the second axis: vectors along it
        x = unfolded_layout(state, x)
        axes = (0, *range(2, rank), 1)
        inverse = tuple(axes.index(axis) for axis in range(rank))
        stored = tuple(x.layout.shape[axis] for axis in axes)
        x = state.in_layout(x, type(x.layout)(x.layout.shape, stored, inverse))
    scale, shift = scale_and_shift(state, node.layer)
    return state.step(
        node,
        (x,),
        x.layout,
        _core.affine_operator,
        pitched=True,
        out_pitched=True,
        input=x.layout.stored,
        scale=np.asarray(scale, np.float32),
        shift=np.asarray(shift, np.float32),
        clamp=node.clamp,
    )


@lowers("pad")
def _pad(state: Lowering, node: Node) -> Tensor:
    layer: Any = node.layer
    x = _image(state, node)
    return state.step(
        node,
        (x,),
        channels_last(layer.output_shape),
        _core.pad_operator,
        input=x.layout.stored,
        rows=layer.rows,
        columns=layer.columns,
    )


@lowers("channel_shuffle")
def _shuffle(state: Lowering, node: Node) -> Tensor:
    layer: Any = node.layer
    x = _image(state, node)
    return state.step(
        node, (x,), x.layout, _core.shuffle_operator, input=x.layout.stored, groups=layer.groups
    )
