"""Constants: what is made of numbers that are known beforehand, as the shapes that PyTorch computes.

Values are kept for tensors of few elements; of others only the shape is known. Nothing is allocated for them.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Sequence

import numpy as np

from dnnaccel.importers.onnx.graph import Graph
from dnnaccel.importers.onnx.values import (
    Activation,
    Array,
    Constant,
    Node,
    NotCounted,
)
from dnnaccel.layers import Shape

__all__ = ["VIEWS", "fold", "fold_later", "is_foldable", "shape_of", "slices"]


def _reshape(graph: Graph, node: Node, data: Array) -> Array:
    target = graph.numbers(node, 1, "shape")
    if target is None:
        raise node.error("has no shape to reshape to")
    copies = not node.integer("allowzero", 0)
    sizes = [data.shape[axis] if size == 0 and copies else size for axis, size in enumerate(target)]
    reshaped: Array = data.reshape(sizes)
    return reshaped


def _flatten(graph: Graph, node: Node, data: Array) -> Array:
    axis = node.integer("axis", 1)
    if not -data.ndim <= axis <= data.ndim:
        raise node.error(f"axis {axis} does not exist in a tensor of {data.ndim} axes")
    axis += data.ndim if axis < 0 else 0
    return data.reshape(math.prod(data.shape[:axis]), math.prod(data.shape[axis:]))


def _transpose(graph: Graph, node: Node, data: Array) -> Array:
    turned: Array = np.transpose(data, node.integers("perm"))
    return turned


def _squeeze(graph: Graph, node: Node, data: Array) -> Array:
    axes = graph.numbers(node, 1, "axes")
    return data.squeeze() if axes is None else data.squeeze(axes)


def _unsqueeze(graph: Graph, node: Node, data: Array) -> Array:
    return np.expand_dims(data, graph.numbers(node, 1, "axes") or ())


def slices(graph: Graph, node: Node, rank: int) -> dict[int, slice]:
    """Return what a Slice keeps, by axis."""
    starts, ends = graph.numbers(node, 1, "starts"), graph.numbers(node, 2, "ends")
    if starts is None or ends is None:
        raise node.error("has no starts or no ends")
    axes = graph.numbers(node, 3, "axes") or tuple(range(len(starts)))
    steps = graph.numbers(node, 4, "steps") or (1,) * len(starts)
    if not len(starts) == len(ends) == len(axes) == len(steps):
        raise node.error("its starts, ends, axes and steps must be equally many")
    if 0 in steps:
        raise node.error("a step is 0")
    parts = zip(axes, starts, ends, steps, strict=True)
    return {
        # A step back that ends before the first element does so at a very negative number.
        node.axis(axis, rank): slice(start, None if step < 0 and end < -(2**31) + 1 else end, step)
        for axis, start, end, step in parts
    }


def _slice(graph: Graph, node: Node, data: Array) -> Array:
    kept = slices(graph, node, data.ndim)
    return data[tuple(kept.get(axis, slice(None)) for axis in range(data.ndim))]


def _expand(graph: Graph, node: Node, data: Array) -> Array:
    target = graph.numbers(node, 1, "shape") or ()
    return np.broadcast_to(data, np.broadcast_shapes(data.shape, target))


def _same(graph: Graph, node: Node, data: Array) -> Array:
    return data


VIEWS: dict[str, Callable[[Graph, Node, Array], Array]] = {
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Transpose": _transpose,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Slice": _slice,
    "Expand": _expand,
    **dict.fromkeys(("Identity", "Cast", "Dropout", "DequantizeLinear"), _same),
}
"""Operators that only rearrange their first input."""


def shape_of(graph: Graph, node: Node, shape: Shape) -> Shape:
    """Return the shape that an operator of `VIEWS` makes of `shape`."""
    return graph.rearranged(node, VIEWS[node.operator], shape).shape


def _divide(left: Array, right: Array) -> Array:
    if left.dtype.kind in "iu" and right.dtype.kind in "iu":
        # Towards zero, as ONNX says.
        quotient: Array = np.trunc(left / right).astype(left.dtype)
        return quotient
    return np.asarray(np.divide(left, right))


_ARITHMETIC: dict[str, Callable[..., Array]] = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Div": _divide,
    "Mod": np.mod,
    "Pow": np.power,
    "Sqrt": np.sqrt,
    "Floor": np.floor,
    "Ceil": np.ceil,
    "Neg": np.negative,
    "Abs": np.abs,
    "Min": lambda *given: np.min(np.broadcast_arrays(*given), axis=0),
    "Max": lambda *given: np.max(np.broadcast_arrays(*given), axis=0),
    "Equal": np.equal,
    "Greater": np.greater,
    "GreaterOrEqual": np.greater_equal,
    "Less": np.less,
    "LessOrEqual": np.less_equal,
    "Not": np.logical_not,
    "And": np.logical_and,
    "Or": np.logical_or,
    "Where": np.where,
}


def fold(graph: Graph, node: Node) -> Constant:
    """Return what a node makes of constants; raises `NotCounted` for an operator that is not known here."""
    given = [graph.optional(node, index) for index in range(len(node.inputs))]
    if node.operator in ("Shape", "Size"):
        return _measure(graph, node)
    constants = [one for one in given if isinstance(one, Constant)]
    if node.operator in VIEWS and constants:
        return _rearranged(graph, node, constants[0])
    special = _SPECIAL.get(node.operator)
    if special is not None:
        return special(graph, node, constants)
    if node.operator in _ARITHMETIC and constants:
        return _arithmetic(graph, node, constants)
    raise NotCounted(node.operator)


def fold_later(graph: Graph, node: Node) -> Constant:
    """Return what `fold` does, with what gives its numbers if they are many and can be read."""
    result = fold(graph, node)
    if result.array is not None or result.size > graph.readable:
        return result
    return dataclasses.replace(result, source=functools.partial(_folded, graph, node))


def _folded(graph: Graph, node: Node) -> Array:
    """Return the numbers of what `node` makes of constants, whose own are read."""
    given = {name: graph.values[name] for name in filter(None, node.inputs)}
    values: dict[str, Activation | Constant] = {
        name: dataclasses.replace(one, array=one.numbers) if isinstance(one, Constant) else one
        for name, one in given.items()
    }
    return fold(dataclasses.replace(graph, values=values, known=graph.readable), node).numbers


def _known(array: Array) -> Constant:
    return Constant(array.shape, array)


def _measure(graph: Graph, node: Node) -> Constant:
    value = graph.optional(node, 0)
    if value is None:
        raise node.error("has no input 0")
    if node.operator == "Size":
        return _known(np.array(min(math.prod(value.shape), 2**63 - 1), np.int64))
    start, end = node.integer("start", 0), node.integer("end", len(value.shape))
    return _known(np.array(value.shape[start:end], np.int64))


def _rearranged(graph: Graph, node: Node, data: Constant) -> Constant:
    change = VIEWS[node.operator]
    shape = graph.rearranged(node, change, data.shape).shape
    array = data.array
    if array is not None:
        array = graph.rearranged(node, change, array) if math.prod(shape) <= graph.known else None
        if array is not None and node.operator == "Cast":
            array = _cast(node, array)
        if array is not None and node.operator == "DequantizeLinear":
            array = _dequantized(graph, node, array)
    first = data.first
    if node.operator == "Slice" and data.shape:
        kept = slices(graph, node, len(data.shape)).get(0, slice(None))
        first += kept.indices(data.shape[0])[0]
    return Constant(shape, array, data.origin, data.origin_shape, first, min(data.learned, math.prod(shape)))


_DTYPES = {
    **{1: np.float32, 2: np.uint8, 3: np.int8, 6: np.int32, 7: np.int64, 9: np.bool_},
    **{10: np.float16, 11: np.float64},
}


def _cast(node: Node, array: Array) -> Array | None:
    dtype = _DTYPES.get(node.integer("to", 0))
    with np.errstate(all="ignore"):
        return None if dtype is None or array.dtype.kind not in "iufb" else array.astype(dtype)


def _dequantized(graph: Graph, node: Node, array: Array) -> Array | None:
    """Return (array - zero) * scale, each of which may be one number for each part along an axis."""
    scale, zero = graph.optional(node, 1), graph.optional(node, 2)
    if not isinstance(scale, Constant) or scale.array is None:
        return None
    if zero is not None and (not isinstance(zero, Constant) or zero.array is None):
        return None
    rows = [1] * array.ndim
    if scale.size > 1:
        rows[node.axis(node.integer("axis", 1), array.ndim)] = scale.size
    try:
        centre = 0 if zero is None else zero.numbers.reshape(rows).astype(np.float32)
        restored: Array = (array.astype(np.float32) - centre) * scale.array.reshape(rows)
    except (ValueError, TypeError):
        raise node.error(f"scales of shape {scale.shape} do not fit {array.shape}") from None
    return restored


def _arithmetic(graph: Graph, node: Node, given: Sequence[Constant]) -> Constant:
    try:
        shape = np.broadcast_shapes(*(one.shape for one in given))
    except ValueError:
        raise node.error(f"shapes {', '.join(str(one.shape) for one in given)} do not meet") from None
    graph.check_shape(node, shape)
    arrays = [one.array for one in given if one.array is not None]
    learned = max(one.learned for one in given)
    if len(arrays) < len(given) or math.prod(shape) > graph.known:
        return Constant(shape, learned=learned)
    operation = _ARITHMETIC[node.operator]
    try:
        with np.errstate(all="ignore"):
            return Constant(shape, np.asarray(operation(*arrays)), learned=learned)
    except (ValueError, TypeError, OverflowError, ZeroDivisionError):
        raise node.error("cannot be computed from its constants") from None


def _concat(graph: Graph, node: Node, given: Sequence[Constant]) -> Constant:
    if not given:
        raise node.error("has no inputs")
    first = given[0].shape
    axis = node.axis(node.integer("axis", 0), len(first))
    for one in given:
        alike = (*one.shape[:axis], *one.shape[axis + 1 :]) == (*first[:axis], *first[axis + 1 :])
        if len(one.shape) != len(first) or not alike:
            raise node.error(f"{one.shape} does not meet {first}; only axis {axis} may differ")
    shape = (*first[:axis], sum(one.shape[axis] for one in given), *first[axis + 1 :])
    arrays = [one.array for one in given if one.array is not None]
    learned = sum(one.learned for one in given)
    array: Array | None = None
    if len(arrays) == len(given) and math.prod(shape) <= graph.known:
        try:
            array = np.concatenate(arrays, axis)
        except (ValueError, TypeError):
            raise node.error("joins tensors of unlike types") from None
    origin = "+".join(one.origin for one in given if one.origin is not None) or None
    return Constant(shape, array, origin, shape, learned=learned)


def _gather(graph: Graph, node: Node, given: Sequence[Constant]) -> Constant:
    if len(given) < 2:
        raise node.error("has no indices")
    data, indices = given[0], given[1]
    axis = node.axis(node.integer("axis", 0), len(data.shape))
    shape = (*data.shape[:axis], *indices.shape, *data.shape[axis + 1 :])
    graph.check_shape(node, shape)
    known = indices.array
    if known is not None and known.dtype.kind not in "iu":
        raise node.error("its indices are no whole numbers")
    array: Array | None = None
    if data.array is not None and known is not None and math.prod(shape) <= graph.known:
        try:
            array = np.take(data.array, known, axis)
        except (IndexError, ValueError):
            raise node.error(f"an index lies outside the {data.shape[axis]} elements of its axis") from None
    first = int(known.min()) if known is not None and known.size and axis == 0 else 0
    learned = min(data.learned, math.prod(shape))
    return Constant(shape, array, data.origin, data.origin_shape, data.first + max(first, 0), learned)


def _constant_of_shape(graph: Graph, node: Node, given: Sequence[Constant]) -> Constant:
    shape = graph.numbers(node, 0, "shape") or ()
    if any(size < 0 for size in shape):
        raise node.error(f"shape {shape} has negative sizes")
    graph.check_shape(node, shape)
    value = node.attributes.get("value")
    fill = value.array if isinstance(value, Constant) and value.array is not None else np.zeros(1, np.float32)
    if fill.size != 1 or math.prod(shape) > graph.known:
        return Constant(shape, origin_shape=shape)
    try:
        filled = np.full(shape, fill.reshape(()), fill.dtype)
    except ValueError:
        raise node.error(f"shape {shape} is too large, though it holds nothing") from None
    return Constant(shape, filled, origin_shape=shape)


def _range(graph: Graph, node: Node, given: Sequence[Constant]) -> Constant:
    arrays = [one.array for one in given if one.array is not None and one.array.size == 1]
    if len(arrays) != 3 or any(one.dtype.kind not in "iu" for one in arrays):
        raise NotCounted(node.operator)
    start, limit, step = (int(one.reshape(())) for one in arrays)
    if step == 0:
        raise node.error("its step is 0")
    counted = range(start, limit, step)
    size = max(0, -(-(limit - start) // step))
    return _known(np.array(counted, np.int64)) if size <= graph.known else Constant((size,))


def _constant(graph: Graph, node: Node, given: Sequence[Constant]) -> Constant:
    for attribute, dtype in _CONSTANT_ATTRIBUTES.items():
        value = node.attributes.get(attribute)
        if isinstance(value, Constant):
            return value
        if value is not None:
            try:
                return _known(np.array(value, dtype))
            except (ValueError, TypeError, OverflowError):
                raise node.error(f"attribute {attribute} has another type") from None
    raise NotCounted(node.operator)


_CONSTANT_ATTRIBUTES = {
    **{"value": None, "sparse_value": None, "value_int": np.int64, "value_ints": np.int64},
    **{"value_float": np.float32, "value_floats": np.float32},
}

_SPECIAL: dict[str, Callable[[Graph, Node, Sequence[Constant]], Constant]] = {
    "Concat": _concat,
    "Gather": _gather,
    "ConstantOfShape": _constant_of_shape,
    "Range": _range,
    "Constant": _constant,
}


def is_foldable(node: Node, given: Sequence[Activation | Constant]) -> bool:
    """Return whether a node's result does not depend on the network's inputs."""
    return node.operator in ("Shape", "Size") or all(isinstance(one, Constant) for one in given)
