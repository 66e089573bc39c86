"""Functions of one element, sums and products, and normalisations."""

from __future__ import annotations

from collections.abc import Callable
from math import isclose, sqrt

import numpy as np

from dnnaccel.importers.onnx.graph import Graph, Operator, Results
from dnnaccel.importers.onnx.values import Activation, Array, Constant, Node, NotCounted, short
from dnnaccel.layers import (
    GELU,
    LRN,
    Add,
    BatchNorm,
    LayerNorm,
    Multiply,
    PositionEmbedding,
    ReLU,
    ReLU6,
    Scale,
    Sigmoid,
    Softmax,
    Tanh,
)

__all__ = ["OPERATORS"]


def _unary(kind: type[ReLU] | type[Sigmoid] | type[Tanh] | type[ReLU6]) -> Operator:
    def build(graph: Graph, node: Node) -> Results:
        x = graph.activation(node, 0)
        return (graph.add(kind(name=node.name, inputs=(x.layer,), input_shapes=(x.layer_shape,)), x.shape),)

    return build


def _gelu(graph: Graph, node: Node) -> Results:
    x = graph.activation(node, 0)
    approximate = node.text("approximate", "none")
    layer = GELU(name=node.name, inputs=(x.layer,), input_shapes=(x.layer_shape,), approximate=approximate)
    return (graph.add(layer, x.shape),)


def _batch_norm(graph: Graph, node: Node) -> Results:
    x = graph.activation(node, 0)
    if node.integer("training_mode", 0):
        graph.inexact.append(f"{node.operator} {short(node.name)} takes its statistics from the batch")
    layer = BatchNorm(
        name=node.name,
        inputs=(x.layer,),
        input_shapes=(x.layer_shape,),
        epsilon=node.number("epsilon", 1e-5),
    )
    result = graph.add(layer, x.shape)
    words = ("weight", "bias", "running_mean", "running_var")
    graph.learn(result.layer, **{word: graph.known_input(node, 1 + i) for i, word in enumerate(words)})
    return (result,)


def _clip(graph: Graph, node: Node) -> Results:
    bounds: list[float | None] = []
    for index, attribute in enumerate(("min", "max"), start=1):
        value, told = graph.optional(node, index), node.attributes.get(attribute)
        if isinstance(value, Activation):
            raise NotCounted("Clip (computed bounds)")
        bounds.append(value.scalar if value is not None else told if isinstance(told, float) else None)
    if bounds == [0, 6]:
        return _unary(ReLU6)(graph, node)
    if bounds == [0, None]:
        return _unary(ReLU)(graph, node)
    raise NotCounted("Clip")


def _erf(graph: Graph, node: Node) -> Results:
    """Read x/2 * (1 + erf(x / sqrt(2))), as exporters write it, as one GELU."""
    scaled = graph.layers.get(graph.activation(node, 0).layer)
    if not isinstance(scaled, Scale) or not isclose(scaled.factor, sqrt(0.5), rel_tol=1e-3):
        raise NotCounted("Erf")
    divide = graph.producers[node.inputs[0]]
    x = next(name for name in divide.inputs if isinstance(graph.values.get(name), Activation))
    chain = _gelu_tail(graph, node, x)
    if chain is None:
        raise NotCounted("Erf")
    value = graph.values[x]
    last = chain[-1]
    assert isinstance(value, Activation)
    layer = GELU(name=last.name, inputs=(value.layer,), input_shapes=(value.layer_shape,))
    graph.values[last.outputs[0]] = graph.add(layer, value.shape)
    graph.done |= {one.outputs[0] for one in chain}
    graph.spare.add(scaled.name)
    return (None,)


def _gelu_tail(graph: Graph, erf: Node, x: str) -> list[Node] | None:
    """Return the nodes between Erf and the result, or None if they are not those of a GELU of `x`."""
    plus = graph.only_reader(erf.outputs[0])
    if plus is None or plus.operator != "Add" or _other(graph, plus, erf.outputs[0]) != 1:
        return None
    times = graph.only_reader(plus.outputs[0])
    if times is None or times.operator != "Mul":
        return None
    factor = next((name for name in times.inputs if name != plus.outputs[0]), "")
    if factor == x:
        half = graph.only_reader(times.outputs[0])
        if half is None or half.operator != "Mul" or _other(graph, half, times.outputs[0]) != 0.5:
            return None
        return [plus, times, half]
    early = graph.producers.get(factor)
    if early is None or early.operator != "Mul" or _other(graph, early, x) != 0.5:
        return None
    if graph.only_reader(factor) is not times:
        return None
    done = graph.values.get(factor)
    if isinstance(done, Activation):
        graph.spare.add(done.layer)
        return [plus, times]
    return [plus, early, times]


def _other(graph: Graph, node: Node, name: str) -> float | None:
    """Return the number that `node` combines the value `name` with."""
    others = [one for one in node.inputs if one != name]
    value = graph.values.get(others[0]) if len(others) == 1 else None
    return value.scalar if isinstance(value, Constant) else None


def _operands(graph: Graph, node: Node) -> list[Activation | Constant]:
    given = [graph.optional(node, index) for index in range(len(node.inputs))]
    return [one for one in given if one is not None]


def _combined(kind: type[Add] | type[Multiply], graph: Graph, node: Node) -> Results:
    given = _operands(graph, node)
    names = tuple(one.layer for one in given if isinstance(one, Activation))
    if len(names) < len(given):
        raise NotCounted(f"{node.operator} (constant)")
    if len({one.shape for one in given}) > 1:
        raise NotCounted(f"{node.operator} (broadcast)")
    if len(names) == 1:
        return graph.alias(node)
    shapes = tuple(one.layer_shape for one in given if isinstance(one, Activation))
    return (graph.add(kind(name=node.name, inputs=names, input_shapes=shapes), given[0].shape),)


def _add(graph: Graph, node: Node) -> Results:
    given = _operands(graph, node)
    if len(given) == 2:
        x, table = given if isinstance(given[1], Constant) else given[::-1]
        if isinstance(x, Activation) and isinstance(table, Constant):
            return _positions(graph, node, x, table)
    return _combined(Add, graph, node)


def _positions(graph: Graph, node: Node, x: Activation, table: Constant) -> Results:
    """A vector for every position of a sequence, out of a table of such."""
    rows = table.shape[1:] if len(table.shape) == 3 and table.shape[0] == 1 else table.shape
    if len(x.shape) != 3 or rows != x.shape[1:]:
        raise NotCounted(f"{node.operator} (constant)")
    whole = table.origin_shape if len(table.origin_shape) == 2 else ()
    layer = PositionEmbedding(
        name=node.name,
        inputs=(x.layer,),
        input_shapes=(x.shape,),
        entries=whole[0] if whole else rows[0],
        first=table.first if whole else 0,
        learned=table.learned > 0,
    )
    result = graph.add_shared(layer, table, whole=True)
    source = graph.values.get(table.origin or "") if whole and layer.learned else None
    graph.learn(result.layer, weight=source if isinstance(source, Constant) else table)
    return (result,)


def _multiply(graph: Graph, node: Node) -> Results:
    given = _operands(graph, node)
    if len(given) == 2:
        x, factor = given if isinstance(given[1], Constant) else given[::-1]
        if isinstance(x, Activation) and isinstance(factor, Constant) and factor.scalar is not None:
            return _scaled(graph, node, x, factor.scalar)
    return _combined(Multiply, graph, node)


def _divide(graph: Graph, node: Node) -> Results:
    x, divisor = graph.activation(node, 0), graph.optional(node, 1)
    number = divisor.scalar if isinstance(divisor, Constant) else None
    if not number or abs(number) < 1e-300:
        raise NotCounted("Div")
    return _scaled(graph, node, x, 1 / number)


def _scaled(graph: Graph, node: Node, x: Activation, factor: float) -> Results:
    layer = Scale(name=node.name, inputs=(x.layer,), input_shapes=(x.layer_shape,), factor=factor)
    return (graph.add(layer, x.shape),)


def _softmax(graph: Graph, node: Node) -> Results:
    x = graph.activation(node, 0)
    # Until version 13 the axes from `axis` on were normalised together; its default was 1.
    axis = node.axis(node.integer("axis", -1 if node.opset >= 13 else 1), len(x.layer_shape))
    if axis == 0:
        raise NotCounted("Softmax (batch)")
    if node.opset < 13 and any(size > 1 for size in x.layer_shape[axis + 1 :]):
        graph.inexact.append(f"Softmax {short(node.name)} normalises all axes from {axis} on together")
    layer = Softmax(name=node.name, inputs=(x.layer,), input_shapes=(x.layer_shape,), axis=axis)
    return (graph.add(layer, x.shape),)


def _lrn(graph: Graph, node: Node) -> Results:
    x = graph.activation(node, 0)
    size = node.integer("size", 0)
    if size % 2 == 0:
        graph.inexact.append(f"LRN {short(node.name)} of even size {size} looks at other neighbours")
    layer = LRN(
        name=node.name,
        inputs=(x.layer,),
        input_shapes=(x.layer_shape,),
        size=size,
        alpha=node.number("alpha", 1e-4),
        beta=node.number("beta", 0.75),
        k=node.number("bias", 1.0),
    )
    return (graph.add(layer),)


def _layer_norm(graph: Graph, node: Node) -> Results:
    x = graph.activation(node, 0)
    if node.axis(node.integer("axis", -1), len(x.shape)) != len(x.shape) - 1 or len(x.shape) < 2:
        raise NotCounted("LayerNormalization (several axes)")
    layer = LayerNorm(
        name=node.name, inputs=(x.layer,), input_shapes=(x.shape,), epsilon=node.number("epsilon", 1e-5)
    )
    result = graph.add(layer)
    shift: Constant | Callable[[], Array] | None = graph.known_input(node, 2)
    graph.learn(
        result.layer,
        weight=graph.known_input(node, 1),
        bias=(lambda: np.zeros(x.shape[-1], np.float32)) if shift is None else shift,
    )
    return (result,)


OPERATORS: dict[str, Operator] = {
    "Relu": _unary(ReLU),
    "Gelu": _gelu,
    "Sigmoid": _unary(Sigmoid),
    "Tanh": _unary(Tanh),
    "BatchNormalization": _batch_norm,
    "Clip": _clip,
    "Erf": _erf,
    "Add": _add,
    "Sum": _add,
    "Mul": _multiply,
    "Div": _divide,
    "Softmax": _softmax,
    "LRN": _lrn,
    "LayerNormalization": _layer_norm,
}
"""The operators of this file."""
