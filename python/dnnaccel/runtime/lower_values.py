"""Functions of single values, sums and products of tensors, and what only rearranges them."""

from __future__ import annotations

import math
from typing import Any

from dnnaccel import _core
from dnnaccel.layers import LayerNorm
from dnnaccel.runtime.fusion import CLAMPS, NO_CLAMP, Node
from dnnaccel.runtime.layouts import Layout, row_major
from dnnaccel.runtime.lower import Lowering, copy_step, lowers
from dnnaccel.runtime.steps import Tensor

__all__ = ["unfolded_layout"]


def unfolded_layout(state: Lowering, x: Tensor) -> Tensor:
    """Return `x` with each of its axes being one in memory."""
    return state.in_layout(x, row_major(x.layout.shape)) if x.layout.folded else x


def _unary(state: Lowering, node: Node, function: str, **given: Any) -> Tensor:
    (x,) = state.inputs(node)
    given = {"clamp": NO_CLAMP, "factor": 1.0, **given}
    return state.step(
        node,
        (x,),
        x.layout,
        _core.unary_operator,
        pitched=True,
        out_pitched=True,
        function=function,
        input=x.layout.stored,
        **given,
    )


@lowers("relu", "relu6")
def _clamp(state: Lowering, node: Node) -> Tensor:
    return _unary(state, node, "clamp", clamp=CLAMPS[type(node.layer)])


@lowers("sigmoid", "tanh")
def _function(state: Lowering, node: Node) -> Tensor:
    return _unary(state, node, node.layer.kind)


@lowers("gelu")
def _gelu(state: Lowering, node: Node) -> Tensor:
    layer: Any = node.layer
    approximate = layer.approximate == "tanh"
    return _unary(state, node, "gelu_tanh" if approximate else "gelu")


@lowers("scale")
def _scale(state: Lowering, node: Node) -> Tensor:
    layer: Any = node.layer
    return _unary(state, node, "scale", factor=layer.factor)


@lowers("add", "multiply")
def _combine(state: Lowering, node: Node) -> Tensor:
    inputs = state.inputs(node)
    layout = inputs[0].layout
    if layout.folded and any(x.layout != layout for x in inputs):
        layout = row_major(layout.shape)
    inputs = [state.in_layout(x, layout) for x in inputs]
    norm = node.layers[-1]
    if isinstance(norm, LayerNorm):
        from dnnaccel.runtime.lower_sequences import add_layer_norm

        return add_layer_norm(state, node, norm, inputs)
    return state.step(
        node,
        tuple(inputs),
        layout,
        _core.add_operator if node.layer.kind == "add" else _core.multiply_operator,
        pitched=True,
        out_pitched=True,
        input=layout.stored,
        count=len(inputs),
        clamp=node.clamp,
    )


@lowers("softmax")
def _softmax(state: Lowering, node: Node) -> Tensor:
    layer: Any = node.layer
    x = unfolded_layout(state, state.inputs(node)[0])
    axis = x.layout.stored_axis(layer.axis % len(x.layout.shape))
    return state.step(node, (x,), x.layout, _core.softmax_operator, input=x.layout.stored, axis=axis)


@lowers("flatten", "reshape")
def _reshape(state: Lowering, node: Node) -> Tensor:
    (x,) = state.stored(node)
    return state.view(x, x.layout.reshaped(node.layer.output_shape), node.name)


@lowers("permute")
def _permute(state: Lowering, node: Node) -> Tensor:
    layer: Any = node.layer
    x = unfolded_layout(state, state.stored(node)[0])
    return state.view(x, x.layout.permuted(layer.axes), node.name)


@lowers("slice")
def _slice(state: Lowering, node: Node) -> Tensor:
    layer: Any = node.layer
    x = unfolded_layout(state, state.stored(node)[0])
    number = layer.axis % len(x.layout.shape)
    axis = x.layout.stored_axis(number)
    layout = _resized(x.layout, number, layer.output_shape[number])
    offset = _offset(x, axis, layer.start)
    if offset is not None:
        part = axis == len(layout.stored) - 1
        return Tensor(node.name, layout, x.element, base=x, offset=offset, part=part, params=x.params)
    return state.step(
        node,
        (state.numbers(x),),
        layout,
        _core.slice_operator,
        input=x.layout.stored,
        axis=axis,
        start=layer.start,
        stop=layer.start + layer.output_shape[number],
    )


def _resized(layout: Layout, axis: int, size: int) -> Layout:
    """Return `layout` with another size of one of the network's axes."""
    shape, stored = list(layout.shape), list(layout.stored)
    shape[axis] = stored[layout.order[axis]] = size
    return Layout(tuple(shape), tuple(stored), layout.order)


def _offset(whole: Tensor, axis: int, start: int) -> int | None:
    """Return where in `whole` its part from `start` of a stored axis begins, if a pitch is all that takes."""
    stored = whole.layout.stored
    if axis == len(stored) - 1:
        return start
    if math.prod(stored[:axis]) != 1:
        return None
    return start * math.prod(stored[axis + 1 : -1]) * (whole.pitch or stored[-1])


@lowers("concat")
def _concat(state: Lowering, node: Node) -> Tensor:
    layer: Any = node.layer
    inputs = [unfolded_layout(state, x) for x in state.stored(node)]
    number = layer.axis % len(layer.output_shape)
    first = inputs[0].layout
    inputs = [state.in_layout(x, _resized(first, number, x.layout.shape[number])) for x in inputs]
    layout = _resized(first, number, layer.output_shape[number])
    axis = layout.stored_axis(number)
    whole = Tensor(node.name, layout, inputs[0].element, params=inputs[0].params)
    if _offset(whole, axis, 0) is None:
        return state.step(
            node,
            tuple(map(state.numbers, inputs)),
            layout,
            _core.concat_operator,
            inputs=[x.layout.stored for x in inputs],
            axis=axis,
        )
    begin = 0
    for x in inputs:
        offset = _offset(whole, axis, begin)
        begin += x.layout.shape[number]
        part = axis == len(layout.stored) - 1
        assert offset is not None
        if _can_move(state, x, gaps=part and x.vectors > 1):
            if x.rigid or not _may_have_gaps(state, x):
                whole.rigid = True
            x.base, x.offset, x.part = whole, offset, part
            state.writers.setdefault(whole, []).extend(state.writers[x])
        else:
            piece = Tensor(
                node.name, x.layout, x.element, base=whole, offset=offset, part=part, params=x.params
            )
            copy = state.add(copy_step(x, piece, state.threads, state.isa))
            state.writers.setdefault(whole, []).extend(state.writers[copy])
    return whole


def _may_have_gaps(state: Lowering, x: Tensor) -> bool:
    return all(step.out_pitched for step in state.writers[x])


def _can_move(state: Lowering, x: Tensor, *, gaps: bool) -> bool:
    """Whether `x` can be written right into a part of another tensor, where its vectors may have gaps."""
    if x.base is not None or x.where[0] != "arena":
        return False
    return not gaps or (not x.rigid and _may_have_gaps(state, x))
