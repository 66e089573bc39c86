"""Matrix products, look-ups in tables, and recurrent layers."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

import numpy as np

from dnnaccel.importers.onnx import layout
from dnnaccel.importers.onnx.cells import note_differences, recurrent_parameters
from dnnaccel.importers.onnx.graph import Graph, Operator, Results
from dnnaccel.importers.onnx.values import Activation, Array, Constant, Node, NotCounted, short
from dnnaccel.layers import GRU, LSTM, RNN, Add, Concat, Embedding, Linear, MatMul, Slice

__all__ = ["OPERATORS"]


def _gemm(graph: Graph, node: Node) -> Results:
    x, right = graph.activation(node, 0), graph.optional(node, 1)
    if right is None:
        raise node.error("has no input 1")
    if len(x.shape) != 2 or len(right.shape) != 2:
        raise node.error(f"takes two matrices, given {x.shape} and {right.shape}")
    if node.integer("transA", 0):
        x = graph.permute(x, (1, 0), f"{node.name}:left", asked=False)
    bias = graph.optional(node, 2)
    transposed = bool(node.integer("transB", 0))
    if isinstance(right, Constant):
        learned = bias if isinstance(bias, Constant) else None
        features = right.shape[::-1] if transposed else right.shape
        sizes = (features[0], features[1])
        product = _linear(graph, node, x, right, sizes, learned, outputs_first=transposed)
        _factors(graph, node, product.layer)
    else:
        if transposed:
            right = graph.permute(right, (1, 0), f"{node.name}:right", asked=False)
        product = _product(graph, node, x, right)
        if node.number("alpha", 1.0) != 1:
            graph.inexact.append(f"Gemm {short(node.name)} multiplies a product of two activations")
    if not isinstance(bias, Activation):
        return (product,)
    if node.number("beta", 1.0) != 1:
        graph.inexact.append(f"Gemm {short(node.name)} multiplies what it adds")
    if bias.shape != product.shape:
        raise NotCounted("Gemm (broadcast)")
    names, shapes = (product.layer, bias.layer), (product.shape, bias.shape)
    return (graph.add(Add(name=f"{node.name}:add", inputs=names, input_shapes=shapes)),)


def _factors(graph: Graph, node: Node, layer: str) -> None:
    """Take the numbers by which a Gemm multiplies its product and its bias into those."""
    for parameter, attribute in (("weight", "alpha"), ("bias", "beta")):
        factor, numbers = node.number(attribute, 1.0), graph.learned[layer].get(parameter)
        if factor != 1 and numbers is not None:
            graph.learned[layer][parameter] = functools.partial(_scaled, numbers, factor)


def _scaled(numbers: Callable[[], Array], factor: float) -> Array:
    scaled: Array = numbers() * np.float32(factor)
    return scaled


def _linear(
    graph: Graph,
    node: Node,
    x: Activation,
    matrix: Constant,
    features: tuple[int, int],
    bias: Constant | None,
    *,
    outputs_first: bool = False,
) -> Activation:
    layer = Linear(
        name=node.name,
        inputs=(x.layer,),
        input_shapes=(x.shape,),
        in_features=features[0],
        out_features=features[1],
        bias=bias is not None,
    )
    result = graph.add_shared(layer, matrix, bias)
    graph.learn(result.layer, weight=matrix if outputs_first else lambda: matrix.numbers.T, bias=bias)
    return result


def _product(graph: Graph, node: Node, left: Activation, right: Activation) -> Activation:
    names, shapes = (left.layer, right.layer), (left.shape, right.shape)
    return graph.add(MatMul(name=node.name, inputs=names, input_shapes=shapes))


def _matmul(graph: Graph, node: Node) -> Results:
    x, right = graph.activation(node, 0), graph.optional(node, 1)
    if right is None:
        raise node.error("has no input 1")
    if len(x.shape) < 2 or len(right.shape) < 2:
        raise NotCounted("MatMul (vector)")
    if isinstance(right, Activation):
        if len(x.shape) != len(right.shape) or x.shape[:-2] != right.shape[:-2]:
            raise NotCounted("MatMul (broadcast)")
        return (_product(graph, node, x, right),)
    if len(right.shape) != 2:
        raise NotCounted("MatMul (constant batch)")
    after = graph.only_reader(node.outputs[0])
    bias = None if after is None else _bias(graph, after, right.shape[1])
    result = _linear(graph, node, x, right, (right.shape[0], right.shape[1]), bias)
    if after is not None and bias is not None:
        # The addition is the layer's own: PyTorch writes a Linear on sequences in two nodes.
        graph.values[after.outputs[0]] = result
        graph.done.add(after.outputs[0])
    return (result,)


def _bias(graph: Graph, after: Node, features: int) -> Constant | None:
    """Return the biases that the node `after` a product adds, or None if it does something else."""
    if after.operator != "Add":
        return None
    given = [graph.values.get(name) for name in after.inputs]
    biases = [one for one in given if isinstance(one, Constant) and one.shape == (features,)]
    return biases[0] if len(biases) == 1 and len(given) == 2 else None


def _gather(graph: Graph, node: Node) -> Results:
    table = graph.optional(node, 0)
    if not isinstance(table, Constant):
        return layout.OPERATORS["Gather"](graph, node)
    tokens = graph.activation(node, 1)
    if len(table.shape) != 2 or len(tokens.shape) != 2 or node.axis(node.integer("axis", 0), 2) != 0:
        raise NotCounted("Gather (constant)")
    layer = Embedding(
        name=node.name,
        inputs=(tokens.layer,),
        input_shapes=(tokens.shape,),
        entries=table.shape[0],
        features=table.shape[1],
    )
    result = graph.add_shared(layer, table)
    graph.learn(result.layer, weight=table)
    return (result,)


_CELLS: dict[str, tuple[type[RNN] | type[LSTM] | type[GRU], int]] = {
    "RNN": (RNN, 1),
    "LSTM": (LSTM, 4),
    "GRU": (GRU, 3),
}
"""Kind of layer and number of gates of a recurrent operator."""


def _recurrent(graph: Graph, node: Node) -> Results:
    """One layer per direction; a sequence that has its steps first is turned around before and after."""
    x, matrix, state = graph.activation(node, 0), graph.constant(node, 1), graph.constant(node, 2)
    kind, gates = _CELLS[node.operator]
    ways = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}
    way = node.text("direction", "forward")
    if way not in ways:
        raise node.error(f"direction {way[:40]!r} must be one of {', '.join(ways)}")
    directions = ways[way]
    hidden = node.integer("hidden_size", state.shape[-1] if state.shape else 0)
    steps_first = not node.integer("layout", 0)
    if len(x.shape) != 3:
        raise node.error(f"takes a sequence of three axes, given {x.shape}")
    if matrix.shape != (len(directions), gates * hidden, x.shape[2]):
        raise node.error(f"weights {matrix.shape} do not meet hidden_size {hidden} and input {x.shape}")
    if steps_first:
        x = graph.permute(x, (1, 0, 2), f"{node.name}:in", asked=False)
    note_differences(graph, node, len(directions))
    results: list[Activation] = []
    for index, reverse in enumerate(directions):
        suffix = ":reverse" if len(directions) == 2 and reverse else ""
        layer = kind(
            name=f"{node.name}{suffix}",
            inputs=(x.layer,),
            input_shapes=(x.shape,),
            hidden_size=hidden,
            reverse=reverse,
            biases=_biases(graph, node, gates * hidden * len(directions)),
        )
        bias = graph.optional(node, 3)
        # Both directions have one initialiser, but each its own part of it.
        key = [
            dataclasses.replace(one, origin=f"{one.origin}{suffix}") if one.origin else one
            for one in (matrix, state, bias)
            if isinstance(one, Constant)
        ]
        result = graph.add_shared(layer, *key)
        results.append(result)
        given = (matrix, state, bias if isinstance(bias, Constant) else None)
        graph.learn(result.layer, **recurrent_parameters(node, given, index, layer))
    return _states(graph, node, results, directions, steps_first=steps_first)


def _biases(graph: Graph, node: Node, numbers: int) -> int:
    """Return how many bias vectors per gate are learned: a file may fill one of the two with zeros."""
    bias = graph.optional(node, 3)
    if bias is None:
        return 0
    learned = graph.constant(node, 3).learned
    return min(2, -(-learned // max(numbers, 1)))


def _states(
    graph: Graph, node: Node, results: list[Activation], directions: tuple[bool, ...], *, steps_first: bool
) -> Results:
    """Return the outputs: all states in the operator's order of axes, and the last one."""
    batch, steps, hidden = results[0].shape
    outputs: list[Activation | None] = [None, None]
    used = [bool(graph.used(name)) for name in node.outputs]
    if used[0]:
        whole = results[0]
        if len(results) == 2:
            names, shapes = tuple(one.layer for one in results), tuple(one.shape for one in results)
            whole = graph.add(Concat(name=f"{node.name}:concat", inputs=names, input_shapes=shapes, axis=2))
        outputs[0] = _all_states(graph, node, whole, len(results), hidden, steps_first=steps_first)
    if len(used) > 1 and used[1] and len(results) == 1:
        at = 0 if directions[0] else steps - 1
        layer = Slice(
            name=f"{node.name}:last",
            inputs=(results[0].layer,),
            input_shapes=(results[0].shape,),
            start=at,
            stop=at + 1,
        )
        last = graph.add(layer)
        shape = (1, batch, hidden) if steps_first else (batch, 1, hidden)
        outputs[1] = graph.reshape(last, shape, f"{node.name}:state", asked=False)
    return outputs


def _all_states(
    graph: Graph, node: Node, whole: Activation, directions: int, hidden: int, *, steps_first: bool
) -> Activation:
    batch, steps, _ = whole.shape
    if directions == 1:
        if not steps_first:
            return graph.reshape(whole, (batch, steps, 1, hidden), f"{node.name}:out", asked=False)
        turned = graph.permute(whole, (1, 0, 2), f"{node.name}:turned", asked=False)
        return graph.reshape(turned, (steps, 1, batch, hidden), f"{node.name}:out", asked=False)
    apart = graph.reshape(whole, (batch, steps, directions, hidden), f"{node.name}:apart", asked=False)
    if not steps_first:
        return apart
    return graph.permute(apart, (1, 2, 0, 3), f"{node.name}:out", asked=False)


OPERATORS: dict[str, Operator] = {
    "Gemm": _gemm,
    "MatMul": _matmul,
    "Gather": _gather,
    **dict.fromkeys(_CELLS, _recurrent),
}
"""The operators of this file; its Gather is that of layout.py as well."""
