"""Matrix products, embeddings, attention and recurrent layers."""

from __future__ import annotations

from math import prod, sqrt

from dnnaccel.importers.torch.graph import Graph, Operator
from dnnaccel.importers.torch.values import Activation, Call, Constant, NotCounted, Outputs, Value
from dnnaccel.layers import GRU, LSTM, RNN, Concat, Embedding, Linear, MatMul, Scale, Softmax

__all__ = ["OPERATORS"]

_RECURRENT = {"lstm": LSTM, "gru": GRU, "rnn_tanh": RNN, "rnn_relu": RNN}


def _linear(graph: Graph, call: Call) -> Value:
    x, weight = graph.activation(call, "input"), graph.constant(call, "weight")
    return _dense(graph, call, x, weight, weight.shape[0], bias=graph.optional(call, "bias") is not None)


def _dense(
    graph: Graph, call: Call, x: Activation, weight: Constant, out_features: int, *, bias: bool
) -> Activation:
    row = graph.reshape(x, (1, *x.shape), call) if len(x.shape) == 1 else x
    layer = Linear(
        name=graph.name(call, weights=weight),
        out_features=out_features,
        in_features=row.shape[-1],
        bias=bias,
        **graph.read(row),
    )
    return graph.reshape(graph.add_weighted(layer, weight), call.shape, call)


def _addmm(graph: Graph, call: Call) -> Value:
    given = call.arguments
    bias = graph.value(call, "self")
    if isinstance(bias, Activation) or given["alpha"] != 1 or given["beta"] != 1:
        raise NotCounted("aten.addmm")
    x, weight = graph.activation(call, "mat1"), graph.constant(call, "mat2")
    if bias.size != weight.shape[1]:
        raise NotCounted("aten.addmm")
    return _dense(graph, call, x, weight, weight.shape[1], bias=True)


def _matmul(graph: Graph, call: Call) -> Value:
    left = graph.value(call, "self")
    right = graph.value(call, "mat2" if "mat2" in call.arguments else "other")
    if isinstance(left, Activation) and isinstance(right, Activation):
        return _product(graph, call, left, right)
    if isinstance(left, Activation) and isinstance(right, Constant) and len(right.shape) == 2:
        return _dense(graph, call, left, right, right.shape[1], bias=False)
    if isinstance(left, Constant) and isinstance(right, Activation) and len(left.shape) == 2:
        return _dense_from_left(graph, call, left, right)
    raise NotCounted(f"aten.{call.operator} (of a constant)")


def _dense_from_left(graph: Graph, call: Call, weight: Constant, x: Activation) -> Value:
    """W x, by way of the transpose of x."""
    rank = len(x.shape)
    if rank < 2:
        raise NotCounted(f"aten.{call.operator} (vectors)")
    swap = (*range(rank - 2), rank - 1, rank - 2)
    turned = graph.permute(x, swap, call)
    layer = Linear(
        name=graph.name(call, weights=weight),
        out_features=weight.shape[0],
        in_features=weight.shape[1],
        bias=False,
        **graph.read(turned),
    )
    return graph.permute(graph.add_weighted(layer, weight), swap, call)


def _product(graph: Graph, call: Call, left: Activation, right: Activation, suffix: str = "") -> Activation:
    if len(left.shape) < 2 or len(right.shape) < 2:
        raise NotCounted(f"aten.{call.operator} (vectors)")
    shape = (*left.shape[:-1], right.shape[-1])
    if len(right.shape) == 2 < len(left.shape):
        left = graph.reshape(left, (prod(left.shape[:-1]), left.shape[-1]), call)
    if left.shape[:-2] != right.shape[:-2]:
        raise NotCounted(f"aten.{call.operator} (broadcast)")
    result = graph.add(MatMul(name=graph.name(call, suffix), **graph.read(left, right)))
    return graph.reshape(result, shape, call)


def _attention(graph: Graph, call: Call) -> Value:
    """softmax(q k' / sqrt(features)) v; a mask changes no sizes and is left out."""
    query, key, value = (graph.activation(call, name) for name in ("query", "key", "value"))
    if not query.shape[:-2] == key.shape[:-2] == value.shape[:-2]:
        raise NotCounted("aten.scaled_dot_product_attention (heads that share keys)")
    rank = len(key.shape)
    turned = graph.permute(key, (*range(rank - 2), rank - 1, rank - 2), call)
    scores = _product(graph, call, query, turned, "scores")
    factor = call.arguments.get("scale") or 1 / sqrt(query.shape[-1])
    scaled = graph.add(Scale(name=graph.name(call, "scale"), factor=factor, **graph.read(scores)))
    weights = graph.add(Softmax(name=graph.name(call, "softmax"), **graph.read(scaled)))
    return _product(graph, call, weights, value, "context")


def _embedding(graph: Graph, call: Call) -> Value:
    table, tokens = graph.constant(call, "weight"), graph.activation(call, "indices")
    flat = tokens
    if len(tokens.shape) != 2:
        batch = tokens.shape[0] if tokens.shape else 1
        flat = graph.reshape(tokens, (batch, prod(tokens.shape) // batch), call)
    layer = Embedding(
        name=graph.name(call, weights=table),
        entries=table.shape[0],
        features=table.shape[1],
        **graph.read(flat),
    )
    return graph.reshape(graph.add_weighted(layer, table), call.shape, call)


def _recurrent(graph: Graph, call: Call) -> Outputs:
    """Layer upon layer, each in one direction or in both: the sequence, and the last states."""
    given = call.arguments
    if "input" not in given or "params" not in given:
        raise NotCounted(f"aten.{call.operator} (packed)")
    x = graph.activation(call, "input")
    parameters = [graph.resolved(one) for one in given["params"]]
    weights = [one for one in parameters if isinstance(one, Constant)]
    directions = 2 if given["bidirectional"] else 1
    each = 4 if given["has_biases"] else 2
    if len(weights) != each * directions * given["num_layers"] or len(x.shape) != 3:
        raise NotCounted(f"aten.{call.operator} (projected)")
    if not given["batch_first"]:
        x = graph.permute(x, (1, 0, 2), call)
    ends: list[Activation] = []
    for index in range(given["num_layers"]):
        parts: list[Activation] = []
        for direction in range(directions):
            own = weights[each * (directions * index + direction) :]
            parts.append(_cell(graph, call, x, own, index, reverse=direction == 1))
        ends += parts
        if directions == 2:
            joined = Concat(name=graph.name(call, f"l{index}_both"), axis=2, **graph.read(*parts))
            x = graph.add(joined)
        else:
            x = parts[0]
    sequence = x if given["batch_first"] else graph.permute(x, (1, 0, 2), call)

    def output(index: int) -> Value:
        if index == 0:
            return sequence
        if index == 1:
            return _last_states(graph, call, ends, directions)
        return graph.opaque(call, f"aten.{call.operator} (cell states)", index)

    return output


def _cell(
    graph: Graph, call: Call, x: Activation, weights: list[Constant], index: int, *, reverse: bool
) -> Activation:
    alone = call.arguments["num_layers"] == 1 and not call.arguments["bidirectional"]
    suffix = "" if alone else f"l{index}" + ("_reverse" if reverse else "")
    layer = _RECURRENT[call.operator](
        name=graph.name(call, suffix),
        hidden_size=weights[1].shape[1],
        reverse=reverse,
        biases=2 if call.arguments["has_biases"] else 0,
        **graph.read(x),
    )
    return graph.add_weighted(layer, weights[0])


def _last_states(graph: Graph, call: Call, ends: list[Activation], directions: int) -> Activation:
    """Return every layer's and direction's state after its last step: (layers * directions, N, hidden)."""
    states: list[Activation] = []
    for index, end in enumerate(ends):
        batch, steps, hidden = end.shape
        last = 0 if directions == 2 and index % 2 else steps - 1
        states.append(graph.reshape(graph.cut(end, 1, last, last + 1, call), (1, 1, batch, hidden), call))
    if len(states) == 1:
        return graph.reshape(states[0], states[0].shape[1:], call)
    joined = graph.add(Concat(name=graph.name(call, "states"), axis=1, **graph.read(*states)))
    return graph.reshape(joined, joined.shape[1:], call)


OPERATORS: dict[str, Operator] = {
    "linear": _linear,
    "addmm": _addmm,
    **dict.fromkeys(("mm", "bmm", "matmul"), _matmul),
    "scaled_dot_product_attention": _attention,
    "embedding": _embedding,
    **dict.fromkeys(_RECURRENT, _recurrent),
}
"""The operators of this file."""
