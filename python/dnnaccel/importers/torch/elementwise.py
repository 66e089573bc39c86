"""Operators on one element at a time, sums and products, and normalisations."""

from __future__ import annotations

import math

from dnnaccel.importers.torch.graph import Graph, Operator
from dnnaccel.importers.torch.values import Activation, Call, Constant, NotCounted, Outputs, Ref, Value
from dnnaccel.layers import (
    GELU,
    Add,
    BatchNorm,
    Layer,
    LayerNorm,
    Linear,
    Multiply,
    PositionEmbedding,
    ReLU,
    ReLU6,
    Scale,
    Shape,
    Sigmoid,
    Softmax,
    Tanh,
)

__all__ = ["OPERATORS"]

_SIMPLE: dict[str, type[Layer]] = {
    "relu": ReLU,
    "relu6": ReLU6,
    "sigmoid": Sigmoid,
    "tanh": Tanh,
}


def _simple(graph: Graph, call: Call) -> Value:
    return _apply(graph, call, _SIMPLE[call.operator])


def _apply(graph: Graph, call: Call, kind: type[Layer]) -> Activation:
    x = graph.activation(call, "self")
    return graph.add(kind(name=graph.name(call), **graph.read(x)), x.shape)


def _gelu(graph: Graph, call: Call) -> Value:
    x, approximate = graph.activation(call, "self"), call.arguments.get("approximate", "none")
    return graph.add(GELU(name=graph.name(call), approximate=approximate, **graph.read(x)), x.shape)


def _clamp(graph: Graph, call: Call) -> Value:
    lower = call.arguments.get("min", call.arguments.get("min_val"))
    upper = call.arguments.get("max", call.arguments.get("max_val"))
    if (lower, upper) == (0, 6):
        return _apply(graph, call, ReLU6)
    if (lower, upper) == (0, None):
        return _apply(graph, call, ReLU)
    raise NotCounted(f"aten.{call.operator}")


def _silu(graph: Graph, call: Call) -> Value:
    """x * sigmoid(x)."""
    x = graph.activation(call, "self")
    gate = graph.add(Sigmoid(name=graph.name(call, "sigmoid"), **graph.read(x)), x.shape)
    return graph.add(Multiply(name=graph.name(call), **graph.read(x, gate)), x.shape)


def _softmax(graph: Graph, call: Call) -> Value:
    x = graph.activation(call, "self")
    rank = len(x.shape)
    axis = call.arguments["dim"] % rank
    if axis == 0 or rank < 2:
        raise NotCounted(f"aten.{call.operator} (batch)")
    axis = -1 if axis == rank - 1 else axis
    return graph.add(Softmax(name=graph.name(call), axis=axis, **graph.read(x)))


def _add(graph: Graph, call: Call) -> Value:
    one, other = graph.value(call, "self"), graph.value(call, "other")
    if call.arguments.get("alpha", 1) != 1:
        raise NotCounted("aten.add (alpha)")
    if isinstance(one, Activation) and isinstance(other, Activation):
        return _pair(graph, call, Add, one, other)
    x, table = (one, other) if isinstance(one, Activation) else (other, one)
    if not isinstance(x, Activation) or not isinstance(table, Constant):
        raise NotCounted("aten.add (of a constant)")
    biased = _biased(graph, call, x, table)
    return _positions(graph, call, x, table) if biased is None else biased


def _biased(graph: Graph, call: Call, x: Activation, bias: Constant) -> Activation | None:
    """Return a `Linear` with the biases that are added to it, if nothing else reads it without them."""
    layer = graph.layers.get(x.layer)
    if not isinstance(layer, Linear) or layer.bias or layer.weights_from is not None or bias.learned == 0:
        return None
    if _without_ones(bias.shape) != (layer.out_features,) or bias.learned != layer.out_features:
        return None
    read = [one.call for one in call.arguments.values() if isinstance(one, Ref)]
    alone = any(one in call.only_reader_of and graph.values[one] == x for one in read)
    if not alone or x.shape != layer.output_shape:
        return None
    given = {field: getattr(layer, field) for field in ("name", "inputs", "input_shapes", "out_features")}
    return graph.add(Linear(**given, in_features=layer.in_features, bias=True))


def _positions(graph: Graph, call: Call, x: Activation, table: Constant) -> Activation:
    """A vector for each position, the same for every sample."""
    if len(x.shape) != 3 or _without_ones(table.shape) != _without_ones(x.shape[1:]):
        raise NotCounted("aten.add (of a constant)")
    positions, features = x.shape[1:]
    entries = table.learned // features
    if table.learned and (table.learned % features or entries < positions):
        raise NotCounted("aten.add (of a constant)")
    layer = PositionEmbedding(
        name=graph.name(call, weights=table),
        entries=entries or positions,
        learned=table.learned > 0,
        **graph.read(x),
    )
    return graph.add_weighted(layer, table)


def _without_ones(shape: Shape) -> Shape:
    return tuple(size for size in shape if size != 1)


def _multiply(graph: Graph, call: Call) -> Value:
    divides = call.operator == "div"
    given = call.arguments["other"]
    x = graph.activation(call, "self")
    if isinstance(given, bool | int | float):
        factor = float(given)
        if divides and (factor == 0 or call.arguments.get("rounding_mode") is not None):
            raise NotCounted("aten.div")
        factor = 1 / factor if divides else factor
        if not math.isfinite(factor):
            raise NotCounted(f"aten.{call.operator}")
        return graph.add(Scale(name=graph.name(call), factor=factor, **graph.read(x)), x.shape)
    other = graph.value(call, "other")
    if divides or not isinstance(other, Activation):
        raise NotCounted(f"aten.{call.operator}" + ("" if divides else " (of a constant)"))
    return _pair(graph, call, Multiply, x, other)


def _pair(graph: Graph, call: Call, kind: type[Layer], one: Activation, other: Activation) -> Activation:
    if one.shape != other.shape:
        raise NotCounted(f"aten.{call.operator} (broadcast)")
    return graph.add(kind(name=graph.name(call), **graph.read(one, other)), one.shape)


def _batch_norm(graph: Graph, call: Call) -> Value | Outputs:
    x = graph.activation(call, "input")
    if len(x.shape) < 2:
        raise NotCounted(f"aten.{call.operator}")
    name = graph.name(call, weights=_weights(graph, call))
    result = graph.add(BatchNorm(name=name, epsilon=call.arguments["eps"], **graph.read(x)))
    return _first_of(graph, call, result)


def _layer_norm(graph: Graph, call: Call) -> Value | Outputs:
    """Over the last axes, which are joined if they are several."""
    x = graph.activation(call, "input")
    axes = len(call.arguments["normalized_shape"])
    kept = len(x.shape) - axes
    if kept < 1:
        raise NotCounted(f"aten.{call.operator} (batch)")
    joined = graph.reshape(x, (*x.shape[:kept], math.prod(x.shape[kept:])), call) if axes > 1 else x
    name = graph.name(call, weights=_weights(graph, call))
    result = graph.add(LayerNorm(name=name, epsilon=call.arguments["eps"], **graph.read(joined)))
    return _first_of(graph, call, graph.reshape(result, x.shape, call))


def _weights(graph: Graph, call: Call) -> Constant | None:
    weights = graph.optional(call, "weight")
    return weights if isinstance(weights, Constant) else None


def _first_of(graph: Graph, call: Call, result: Activation) -> Value | Outputs:
    """Return the result of a call that may give statistics too, which no layer needs."""
    if len(call.shapes) == 1:
        return result

    def output(index: int) -> Value:
        return result if index == 0 else graph.opaque(call, f"aten.{call.operator} (statistics)", index)

    return output


OPERATORS: dict[str, Operator] = {
    **dict.fromkeys(_SIMPLE, _simple),
    "gelu": _gelu,
    **dict.fromkeys(("hardtanh", "clamp", "clamp_min"), _clamp),
    "silu": _silu,
    **dict.fromkeys(("softmax", "_softmax"), _softmax),
    "add": _add,
    **dict.fromkeys(("mul", "div"), _multiply),
    **dict.fromkeys(("batch_norm", "_native_batch_norm_legit_no_training"), _batch_norm),
    **dict.fromkeys(("layer_norm", "native_layer_norm"), _layer_norm),
}
"""The operators of this file."""
