"""Operators that only rearrange words."""

from __future__ import annotations

from dnnaccel.importers.onnx.fold import VIEWS, shape_of, slices
from dnnaccel.importers.onnx.graph import Graph, Operator, Results
from dnnaccel.importers.onnx.values import Activation, Constant, Node, NotCounted, short
from dnnaccel.layers import ChannelShuffle, ClassToken, Concat, Flatten, Pad2d, Permute, Reshape, Slice

__all__ = ["OPERATORS"]


def _reshape(graph: Graph, node: Node) -> Results:
    x = graph.activation(node, 0)
    shape = shape_of(graph, node, x.shape)
    shuffled = _shuffle(graph, node, x, shape)
    return (graph.reshape(x, shape, node.name) if shuffled is None else shuffled,)


def _shuffle(graph: Graph, node: Node, x: Activation, shape: tuple[int, ...]) -> Activation | None:
    """Return a channel shuffle if `x` is the middle of one: split, exchanged, and joined by this node."""
    middle = graph.layers.get(x.layer)
    if not isinstance(middle, Permute) or middle.axes != (0, 2, 1, 3, 4):
        return None
    split = graph.layers.get(middle.inputs[0])
    if not isinstance(split, Reshape) or split.input_shapes[0] != shape or len(shape) != 4:
        return None
    groups, _, rows, columns = split.shape[1:]
    if (shape[0], *shape[2:]) != (split.shape[0], rows, columns):
        return None
    layer = ChannelShuffle(
        name=node.name, inputs=split.inputs, input_shapes=split.input_shapes, groups=groups
    )
    return graph.add(layer)


def _flatten(graph: Graph, node: Node) -> Results:
    x = graph.activation(node, 0)
    if node.integer("axis", 1) == 1 and len(x.shape) >= 2:
        return (graph.add(Flatten(name=node.name, inputs=(x.layer,), input_shapes=(x.shape,))),)
    return (graph.reshape(x, shape_of(graph, node, x.shape), node.name),)


def _expand(graph: Graph, node: Node) -> Results:
    x = graph.activation(node, 0)
    if shape_of(graph, node, x.shape) != x.shape:
        raise NotCounted("Expand")
    return (x,)


def _transpose(graph: Graph, node: Node) -> Results:
    x = graph.activation(node, 0)
    axes = node.integers("perm") or tuple(range(len(x.shape)))[::-1]
    if len(x.shape) < 2:
        return (x,)
    graph.rearranged(node, VIEWS["Transpose"], x.shape)
    return (graph.permute(x, tuple(node.axis(axis, len(x.shape)) for axis in axes), node.name),)


def _cut(
    graph: Graph, x: Activation, axis: int, start: int, stop: int, name: str, *, operator: str
) -> Activation:
    """Return the part of `x` from `start` up to `stop` of one axis."""
    if axis == 0 or len(x.shape) < 2:
        raise NotCounted(f"{operator} (batch)")
    layer = Slice(name=name, inputs=(x.layer,), input_shapes=(x.shape,), axis=axis, start=start, stop=stop)
    return graph.add(layer)


def _slice(graph: Graph, node: Node) -> Results:
    x = graph.activation(node, 0)
    parts: list[tuple[int, int, int]] = []
    for axis, kept in slices(graph, node, len(x.shape)).items():
        start, stop, step = kept.indices(x.shape[axis])
        if step != 1:
            raise NotCounted("Slice (steps)")
        if start >= stop:
            raise node.error(f"keeps nothing of axis {axis} of {x.shape}")
        if (start, stop) != (0, x.shape[axis]):
            parts.append((axis, start, stop))
    if any(axis == 0 for axis, _, _ in parts):
        raise NotCounted("Slice (batch)")
    for axis, start, stop in parts:
        last = axis == parts[-1][0]
        name = node.name if last else graph.fresh(f"{node.name}:{axis}", node.name)
        x = _cut(graph, x, axis, start, stop, name, operator="Slice")
    return (x,)


def _split(graph: Graph, node: Node) -> Results:
    x = graph.activation(node, 0)
    axis = node.axis(node.integer("axis", 0), len(x.shape))
    sizes = graph.numbers(node, 1, "split")
    if sizes is None:
        count = len(node.outputs)
        size = -(-x.shape[axis] // count)
        sizes = tuple(min(size, x.shape[axis] - index * size) for index in range(count))
    if len(sizes) != len(node.outputs) or sum(sizes) != x.shape[axis] or min(sizes) < 1:
        raise node.error(f"cannot split axis {axis} of {x.shape} into {len(node.outputs)} parts so")
    results: list[Activation | None] = []
    start = 0
    for index, (output, size) in enumerate(zip(node.outputs, sizes, strict=True)):
        part = None
        if graph.used(output):
            name = graph.fresh(f"{node.name}:{index}", node.name)
            part = _cut(graph, x, axis, start, start + size, name, operator="Split")
        results.append(part)
        start += size
    return results


def _gather(graph: Graph, node: Node) -> Results:
    x, indices = graph.activation(node, 0), graph.constant(node, 1)
    axis = node.axis(node.integer("axis", 0), len(x.shape))
    if indices.size != 1 or indices.array is None or indices.array.dtype.kind not in "iu":
        raise NotCounted("Gather")
    index = int(indices.array.reshape(()))
    if not -x.shape[axis] <= index < x.shape[axis]:
        raise node.error(f"index {index} lies outside axis {axis} of {x.shape}")
    index %= x.shape[axis]
    shape = (*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :])
    if shape == x.shape:
        return (x,)
    name = node.name if len(shape) == len(x.shape) else graph.fresh(f"{node.name}:slice", node.name)
    part = x if x.shape[axis] == 1 else _cut(graph, x, axis, index, index + 1, name, operator="Gather")
    return (part if part.shape == shape else graph.reshape(part, shape, node.name),)


def _concat(graph: Graph, node: Node) -> Results:
    given = [one for one in map(graph.values.get, filter(None, node.inputs)) if one is not None]
    axis = node.axis(node.integer("axis", 1), len(given[0].shape))
    if len(given) == 1:
        return (given[0],)
    if axis == 0:
        raise NotCounted("Concat (batch)")
    token, x = given[0], given[-1]
    if len(given) == 2 and axis == 1 and isinstance(token, Constant) and isinstance(x, Activation):
        return (_class_token(graph, node, token, x),)
    parts = [one for one in given if isinstance(one, Activation)]
    if len(parts) < len(given):
        raise NotCounted("Concat (constant)")
    layer = Concat(
        name=node.name,
        inputs=tuple(one.layer for one in parts),
        input_shapes=tuple(one.layer_shape for one in parts),
        axis=axis,
    )
    return (graph.add(layer),)


def _class_token(graph: Graph, node: Node, token: Constant, x: Activation) -> Activation:
    """One vector before a sequence, the same for every sample."""
    if len(x.shape) != 3 or token.shape != (x.shape[0], 1, x.shape[2]):
        raise NotCounted("Concat (constant)")
    result = graph.add(ClassToken(name=node.name, inputs=(x.layer,), input_shapes=(x.shape,)))
    graph.learn(result.layer, weight=lambda: token.numbers[0])
    return result


def _pad(graph: Graph, node: Node) -> Results:
    x, pads = graph.activation(node, 0), graph.numbers(node, 1, "pads")
    rank = len(x.shape)
    if pads is None:
        raise node.error("has no pads")
    axes = graph.numbers(node, 3, "axes") or tuple(range(rank))
    if len(pads) != 2 * len(axes):
        raise node.error(f"must pad before and after each of {len(axes)} axes, given {len(pads)} numbers")
    around = {node.axis(axis, rank): (pads[i], pads[i + len(axes)]) for i, axis in enumerate(axes)}
    wide = {axis: sizes for axis, sizes in around.items() if sizes != (0, 0)}
    if not wide:
        return (x,)
    fill = graph.optional(node, 2)
    number = fill.scalar if isinstance(fill, Constant) else node.attributes.get("value", 0.0)
    if number != 0 or node.text("mode", "constant") != "constant":
        graph.inexact.append(f"Pad {short(node.name)} pads with something else than zeros")
    if rank != 4 or not set(wide) <= {2, 3} or min(map(min, wide.values())) < 0:
        raise NotCounted("Pad")
    layer = Pad2d(
        name=node.name,
        inputs=(x.layer,),
        input_shapes=(x.shape,),
        rows=wide.get(2, (0, 0)),
        columns=wide.get(3, (0, 0)),
    )
    return (graph.add(layer),)


def _alias(graph: Graph, node: Node) -> Results:
    return graph.alias(node)


OPERATORS: dict[str, Operator] = {
    **dict.fromkeys(("Reshape", "Squeeze", "Unsqueeze"), _reshape),
    **dict.fromkeys(("Identity", "Dropout", "Cast"), _alias),
    "Flatten": _flatten,
    "Expand": _expand,
    "Transpose": _transpose,
    "Slice": _slice,
    "Split": _split,
    "Gather": _gather,
    "Concat": _concat,
    "Pad": _pad,
}
"""The operators of this file."""
