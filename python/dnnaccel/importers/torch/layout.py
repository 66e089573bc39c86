"""Operators that only rearrange words."""

from __future__ import annotations

from dnnaccel.importers.torch.graph import Graph, Operator
from dnnaccel.importers.torch.values import Activation, Call, Constant, NotCounted, Outputs, Value
from dnnaccel.layers import ChannelShuffle, ClassToken, Concat, Pad2d

__all__ = ["OPERATORS"]


def _alias(graph: Graph, call: Call) -> Value:
    return graph.value(call, "input" if "input" in call.arguments else "self")


def _masked(graph: Graph, call: Call) -> Value:
    """A constant mask changes no sizes and is left out, as those of attention are."""
    graph.constant(call, "mask")
    return graph.activation(call, "self")


def _first_alias(graph: Graph, call: Call) -> Outputs:
    value = _alias(graph, call)

    def output(index: int) -> Value:
        return value if index == 0 else graph.opaque(call, f"aten.{call.operator}", index)

    return output


def _view(graph: Graph, call: Call) -> Value:
    return graph.reshape(graph.activation(call, "self"), call.shape, call)


def _expand(graph: Graph, call: Call) -> Value:
    x = graph.activation(call, "self")
    if len([size for size in x.shape if size != 1]) != len([size for size in call.shape if size != 1]):
        raise NotCounted("aten.expand")
    return graph.reshape(x, call.shape, call)


def _permute(graph: Graph, call: Call) -> Value:
    x = graph.activation(call, "self")
    rank = len(x.shape)
    axes = list(range(rank))
    if call.operator == "permute":
        axes = [axis % rank for axis in call.arguments["dims"]]
    elif rank >= 2:
        one, other = call.arguments.get("dim0", 0), call.arguments.get("dim1", 1)
        axes[one], axes[other] = axes[other], axes[one]
    return graph.permute(x, tuple(axes), call)


def _slice(graph: Graph, call: Call) -> Value:
    x = graph.activation(call, "self")
    axis = call.arguments["dim"] % len(x.shape)
    start, stop, step = slice(call.arguments["start"], call.arguments["end"], call.arguments["step"]).indices(
        x.shape[axis]
    )
    if step != 1:
        raise NotCounted("aten.slice (steps)")
    return graph.cut(x, axis, start, stop, call)


def _select(graph: Graph, call: Call) -> Value:
    x = graph.activation(call, "self")
    axis = call.arguments["dim"] % len(x.shape)
    index = call.arguments["index"]
    if not isinstance(index, int):
        raise NotCounted("aten.select (computed index)")
    index %= x.shape[axis]
    return graph.reshape(graph.cut(x, axis, index, index + 1, call), call.shape, call)


def _split(graph: Graph, call: Call) -> Outputs:
    x = graph.activation(call, "self")
    axis = call.arguments["dim"] % len(x.shape)
    whole = call.operator == "unbind"
    sizes = [1 if whole else shape[axis] for shape in call.shapes if shape is not None]

    def output(index: int) -> Value:
        start = sum(sizes[:index])
        part = graph.cut(x, axis, start, start + sizes[index], call)
        shape = call.shapes[index]
        return part if shape is None else graph.reshape(part, shape, call)

    return output


def _cat(graph: Graph, call: Call) -> Value:
    given = [graph.resolved(one) for one in call.arguments["tensors"]]
    values = [one for one in given if one is not None]
    axis = call.arguments["dim"] % len(call.shape)
    if call.operator == "stack":
        values = [_with_axis(graph, one, axis, call) for one in values]
    if len(values) == 1 and isinstance(values[0], Activation):
        return values[0]
    if len(values) == 2 and isinstance(values[0], Constant) and isinstance(values[1], Activation):
        return _class_token(graph, values[0], values[1], axis, call)
    parts = [one for one in values if isinstance(one, Activation)]
    if len(parts) < len(call.arguments["tensors"]):
        raise NotCounted(f"aten.{call.operator} (of a constant)")
    if axis == 0:
        # As in `Graph.cut`: the batch gets another axis before it.
        parts = [graph.reshape(one, (1, *one.shape), call) for one in parts]
        joined = graph.add(Concat(name=graph.name(call), axis=1, **graph.read(*parts)))
        return graph.reshape(joined, call.shape, call)
    return graph.add(Concat(name=graph.name(call), axis=axis, **graph.read(*parts)))


def _with_axis(graph: Graph, value: Value, axis: int, call: Call) -> Value:
    shape = (*value.shape[:axis], 1, *value.shape[axis:])
    return graph.reshape(value, shape, call) if isinstance(value, Activation) else value


def _class_token(graph: Graph, token: Constant, x: Activation, axis: int, call: Call) -> Value:
    """One learned vector before a sequence, the same for every sample."""
    if axis != 1 or len(x.shape) != 3 or token.shape != (x.shape[0], 1, x.shape[2]):
        raise NotCounted("aten.cat (of a constant)")
    if token.learned != x.shape[2]:
        raise NotCounted("aten.cat (of a constant)")
    layer = ClassToken(name=graph.name(call, weights=token), **graph.read(x))
    return graph.add_weighted(layer, token)


def _pad(graph: Graph, call: Call) -> Value:
    x = graph.activation(call, "self")
    pads: tuple[int, ...] = call.arguments["pad"]
    constant = call.arguments.get("mode", "constant") == "constant"
    if not constant or len(x.shape) != 4 or len(pads) > 4 or min(pads, default=0) < 0:
        raise NotCounted(f"aten.{call.operator}")
    left, right, top, bottom = (*pads, *(0,) * (4 - len(pads)))
    layer = Pad2d(name=graph.name(call), rows=(top, bottom), columns=(left, right), **graph.read(x))
    return graph.add(layer)


def _channel_shuffle(graph: Graph, call: Call) -> Value:
    x = graph.activation(call, "self")
    if len(x.shape) != 4:
        raise NotCounted(f"aten.{call.operator}")
    layer = ChannelShuffle(name=graph.name(call), groups=call.arguments["groups"], **graph.read(x))
    return graph.add(layer)


OPERATORS: dict[str, Operator] = {
    **dict.fromkeys(
        ("alias", "clone", "contiguous", "detach", "dropout", "lift_fresh_copy", "to", "_to_copy"), _alias
    ),
    "native_dropout": _first_alias,
    "masked_fill": _masked,
    **dict.fromkeys(
        ("view", "reshape", "_unsafe_view", "flatten", "unflatten", "squeeze", "unsqueeze"), _view
    ),
    "expand": _expand,
    **dict.fromkeys(("permute", "transpose", "t"), _permute),
    "slice": _slice,
    "select": _select,
    **dict.fromkeys(("split", "split_with_sizes", "chunk", "unbind"), _split),
    **dict.fromkeys(("cat", "stack"), _cat),
    **dict.fromkeys(("pad", "constant_pad_nd"), _pad),
    **dict.fromkeys(("channel_shuffle", "native_channel_shuffle"), _channel_shuffle),
}
"""The operators of this file."""
