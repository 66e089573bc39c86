"""Sequences: tables, normalisation of vectors, recurrent layers, attention and products of matrices."""

from __future__ import annotations

import math
from typing import Any

from dnnaccel import _core
from dnnaccel.layers import LayerNorm, Scale
from dnnaccel.runtime.fusion import Node
from dnnaccel.runtime.layouts import Layout, row_major, same_memory
from dnnaccel.runtime.lower import Lowering, lowers
from dnnaccel.runtime.steps import Pitches, Step, Tensor

__all__ = ["add_layer_norm"]


def _plain(state: Lowering, x: Tensor) -> Tensor:
    return state.in_layout(x, row_major(x.layout.shape))


@lowers("embedding")
def _embedding(state: Lowering, node: Node) -> Tensor:
    tokens = _plain(state, state.inputs(node)[0])
    return state.step(
        node,
        (tokens,),
        row_major(node.layer.output_shape),
        _core.embedding_operator,
        tokens=tokens.layout.shape,
        table=state.parameters(node.layer, "weight"),
    )


@lowers("position_embedding")
def _positions(state: Lowering, node: Node) -> Tensor:
    layer: Any = node.layer
    x = _plain(state, state.inputs(node)[0])
    table = state.parameters(layer, "weight")
    # A table of constants has the rows of these positions alone.
    first = layer.first if layer.learned else 0
    table = table[first : first + x.layout.shape[1]]
    return state.step(node, (x,), x.layout, _core.add_table_operator, input=x.layout.shape, table=table)


@lowers("class_token")
def _class_token(state: Lowering, node: Node) -> Tensor:
    x = _plain(state, state.inputs(node)[0])
    return state.step(
        node,
        (x,),
        row_major(node.layer.output_shape),
        _core.prepend_operator,
        input=x.layout.shape,
        vector=state.parameters(node.layer, "weight"),
    )


def add_layer_norm(state: Lowering, node: Node, layer: LayerNorm, inputs: list[Tensor]) -> Tensor:
    """Add the normalisation of a tensor, or of the sum of two of one layout."""
    if not same_memory(inputs[0].layout, row_major(inputs[0].layout.shape)):
        inputs = [_plain(state, x) for x in inputs]
    layout = inputs[0].layout
    return state.step(
        node,
        tuple(inputs),
        layout,
        _core.layer_norm_operator,
        input=layout.stored,
        scale=state.parameters(layer, "weight"),
        shift=state.parameters(layer, "bias"),
        epsilon=layer.epsilon,
        residual=len(inputs) == 2,
    )


@lowers("layer_norm")
def _layer_norm(state: Lowering, node: Node) -> Tensor:
    assert isinstance(node.layer, LayerNorm)
    return add_layer_norm(state, node, node.layer, [_plain(state, state.inputs(node)[0])])


@lowers("rnn", "lstm", "gru")
def _recurrent(state: Lowering, node: Node) -> Tensor:
    layer: Any = node.layer
    x = _plain(state, state.inputs(node)[0])
    biases = [
        state.parameters(layer, name) if layer.biases > count else None
        for count, name in enumerate(("bias_ih", "bias_hh"))
    ]
    return state.step(
        node,
        (x,),
        row_major(layer.output_shape),
        _core.recurrent_operator,
        kind=layer.kind,
        input=x.layout.shape,
        weight_ih=state.parameters(layer, "weight_ih"),
        weight_hh=state.parameters(layer, "weight_hh"),
        bias_ih=biases[0],
        bias_hh=biases[1],
        reverse=layer.reverse,
    )


@lowers("matmul")
def _matmul(state: Lowering, node: Node) -> Tensor:
    if node.attention:
        return _attention(state, node)
    left, right = state.inputs(node)
    left = _plain(state, left)
    rank = len(right.layout.shape)
    turned = (
        right.layout if right.layout.folded else right.layout.permuted((*range(rank - 2), rank - 1, rank - 2))
    )
    transposed = not right.layout.folded and turned.plain and not right.layout.plain
    right = state.view(right, row_major(turned.shape)) if transposed else _plain(state, right)
    return state.step(
        node,
        (left, right),
        row_major(node.layer.output_shape),
        _core.matmul_operator,
        left=left.layout.shape,
        right=right.layout.shape,
        transpose_right=transposed,
        factor=1.0,
    )


def _heads_last(shape: tuple[int, ...], order: str) -> Layout:
    """Return the layout in which heads lie side by side in the vectors of a sequence: (N, L, heads, values).

    `order` says what the axes of `shape` are: n, h (heads), l (positions), v (values).
    """
    sizes = dict(zip(order, shape, strict=True))
    memory = "nlhv" if "h" in sizes else "nlv"
    return Layout(shape, tuple(sizes[axis] for axis in memory), tuple(memory.index(axis) for axis in order))


def _attention(state: Lowering, node: Node) -> Tensor:
    queries, keys, values = state.inputs(node)
    heads_axis = "h" if len(node.layer.output_shape) == 4 else ""
    queries = state.in_layout(queries, _heads_last(queries.layout.shape, f"n{heads_axis}lv"))
    keys = state.in_layout(keys, _heads_last(keys.layout.shape, f"n{heads_axis}vl"))
    values = state.in_layout(values, _heads_last(values.layout.shape, f"n{heads_axis}lv"))
    layout = _heads_last(node.layers[-1].output_shape, f"n{heads_axis}lv")
    heads = queries.layout.shape[1] if heads_axis else 1
    scale = math.prod(layer.factor for layer in node.layers if isinstance(layer, Scale))
    # Its operands are vectors of all heads, whose parts lie side by side.
    flat = [state.view(x, _joined(x.layout)) for x in (queries, keys, values)]

    def make(pitches: Pitches) -> _core.Operator:
        q_pitch, k_pitch, v_pitch = pitches.inputs
        return _core.attention_operator(
            queries=flat[0].layout.stored,
            keys=flat[1].layout.stored,
            values=flat[2].layout.stored,
            heads=heads,
            scale=scale,
            causal=False,
            mask="none",
            threads=state.threads,
            isa=state.isa,
            q_pitch=q_pitch,
            k_pitch=k_pitch,
            v_pitch=v_pitch,
            out_pitch=pitches.output,
        )

    joined = _joined(layout)
    step = Step(
        tuple(layer.name for layer in node.layers),
        tuple(flat),
        Tensor(node.name, joined),
        make,
        pitched="each",
        out_pitched=True,
    )
    return state.view(state.add(step), layout, node.name)


def _joined(layout: Layout) -> Layout:
    batch, positions, *inner = layout.stored
    return row_major((batch, positions, math.prod(inner)))
