"""Sequences: tables, normalisation of vectors, recurrent layers, attention and products of matrices."""

from __future__ import annotations

import math
from typing import Any

from dnnaccel import _core
from dnnaccel.layers import Layer, LayerNorm, Scale
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
    inputs = state.inputs(node)
    if node.attention:
        return _attention(state, node, inputs)
    return _product(state, (node.layer,), (inputs[0], inputs[1]), 1.0)


def _product(
    state: Lowering, layers: tuple[Layer, ...], operands: tuple[Tensor, Tensor], factor: float
) -> Tensor:
    left, right = _plain(state, operands[0]), operands[1]
    rank = len(right.layout.shape)
    transposed = False
    if not right.layout.folded and not right.layout.plain:
        turned = right.layout.permuted((*range(rank - 2), rank - 1, rank - 2))
        transposed = turned.plain
    right = state.view(right, row_major(turned.shape)) if transposed else _plain(state, right)
    return state.step(
        Node(list(layers), ()),
        (left, right),
        row_major(layers[0].output_shape),
        _core.matmul_operator,
        left=left.layout.shape,
        right=right.layout.shape,
        transpose_right=transposed,
        factor=factor,
    )


def _heads_last(shape: tuple[int, ...], order: str) -> Layout:
    """Return the layout in which heads lie side by side in the vectors of a sequence: (N, L, heads, values).

    `order` says what the axes of `shape` are: n, h (heads), l (positions), v (values).
    """
    sizes = dict(zip(order, shape, strict=True))
    memory = "nlhv" if "h" in sizes else "nlv"
    return Layout(shape, tuple(sizes[axis] for axis in memory), tuple(memory.index(axis) for axis in order))


def _attention(state: Lowering, node: Node, operands: list[Tensor]) -> Tensor:
    """Add an attention: fused if its operands lie as it reads them, else product by product."""
    heads_axis = "h" if len(node.layer.output_shape) == 4 else ""
    orders = (f"n{heads_axis}lv", f"n{heads_axis}vl", f"n{heads_axis}lv")
    layouts = [_heads_last(x.layout.shape, order) for x, order in zip(operands, orders, strict=True)]
    scale = math.prod(layer.factor for layer in node.layers if isinstance(layer, Scale))
    if not all(same_memory(x.layout, layout) for x, layout in zip(operands, layouts, strict=True)):
        return _product_by_product(state, node, operands, scale)
    queries, keys, values = (state.in_layout(x, layout) for x, layout in zip(operands, layouts, strict=True))
    layout = _heads_last(node.layers[-1].output_shape, orders[2])
    heads = queries.layout.shape[1] if heads_axis else 1
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


def _product_by_product(state: Lowering, node: Node, operands: list[Tensor], scale: float) -> Tensor:
    """Add the steps of an attention that is not fused: turning keys and values round would take longer."""
    queries, keys, values = operands
    scores = _product(state, tuple(node.layers[:-2]), (queries, keys), scale)
    weights = state.step(
        Node([node.layers[-2]], ()),
        (scores,),
        scores.layout,
        _core.softmax_operator,
        input=scores.layout.stored,
        axis=len(scores.layout.stored) - 1,
    )
    return _product(state, (node.layers[-1],), (weights, values), 1.0)


def _joined(layout: Layout) -> Layout:
    batch, positions, *inner = layout.stored
    return row_major((batch, positions, math.prod(inner)))
