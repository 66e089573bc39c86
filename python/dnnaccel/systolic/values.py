"""Numbers for layers on an array: taken as layers have them, given as their problems have them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dnnaccel.errors import LayerError, unknown_name
from dnnaccel.layers import Layer
from dnnaccel.problem import Problem

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["as_layer", "operands_by_layer"]


def operands_by_layer(
    layers: Sequence[Layer],
    inputs: ArrayLike | Mapping[str, ArrayLike] | None,
    weights: ArrayLike | Mapping[str, ArrayLike] | None,
) -> dict[str, tuple[NDArray[Any], NDArray[Any]]]:
    """Return the operands of every layer that has some, each in the order of its problem's axes."""
    by_layer = [_by_layer("inputs", inputs, layers), _by_layer("weights", weights, layers)]
    found = {}
    for layer in layers:
        left, right = (given.get(layer.name) for given in by_layer)
        if left is None and right is None:
            continue
        if left is None or right is None:
            there = "inputs" if right is None else "weights"
            raise LayerError(f"layer {layer.name}: {there} alone; give both inputs and weights, or neither")
        found[layer.name] = _operands(layer, left, right)
    return found


def _by_layer(
    what: str, given: ArrayLike | Mapping[str, ArrayLike] | None, layers: Sequence[Layer]
) -> Mapping[str, ArrayLike]:
    if given is None:
        return {}
    names = [layer.name for layer in layers]
    if isinstance(given, Mapping):
        for name in given:
            if name not in names:
                raise unknown_name("layer", name, names)
        return given
    if len(layers) > 1:
        raise LayerError(f"{what}: {len(layers)} layers have MACs; give a dict of arrays by layer name")
    return {names[0]: given}


def _operands(layer: Layer, left: ArrayLike, right: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
    problem = layer.problem
    assert problem is not None
    arrays = []
    for role, given in (("inputs", left), ("weights", right)):
        array = np.asarray(given)
        exact = array.dtype.kind in "iu" and np.can_cast(array.dtype, np.int32)
        if not exact and array.dtype not in (np.float32, np.float16):
            raise LayerError(
                f"layer {layer.name}, {role}: {array.dtype} numbers; give int8 to int32, or float32"
            )
        wanted = tuple(axis.size for axis in problem.tensor(role).axes)
        if array.size != math.prod(wanted) or not _same_order(array.shape, wanted):
            raise LayerError(
                f"layer {layer.name}, {role}: an array of shape {array.shape}; its axes are {wanted}; "
                "neighbours may be taken together, and those of size 1 left out"
            )
        arrays.append(array.reshape(wanted).astype(np.int32 if exact else np.float32))
    if arrays[0].dtype != arrays[1].dtype:
        raise LayerError(
            f"layer {layer.name}: inputs of {arrays[0].dtype} and weights of {arrays[1].dtype}; "
            "both must be integers, or both floats"
        )
    return arrays[0], arrays[1]


def _same_order(shape: Sequence[int], wanted: Sequence[int]) -> bool:
    """Whether each axis of one shape is one or more neighbouring axes of the other, sizes of 1 aside."""
    rest, other = ([size for size in sizes if size != 1] for sizes in (shape, wanted))
    while rest and other:
        (whole, parts) = (rest, other) if rest[0] >= other[0] else (other, rest)
        size, product = whole.pop(0), 1
        while product < size and parts:
            product *= parts.pop(0)
        if product != size:
            return False
    return not rest and not other


def as_layer(layer: Layer, problem: Problem, summed: NDArray[Any]) -> NDArray[Any]:
    """Return the outputs in the layer's own shape, or as the problem has them where it has another."""
    dims = [axis.terms[0][0] for axis in problem.tensor("outputs").axes]
    if layer.kind == "matmul":
        summed = np.swapaxes(summed, dims.index("M"), dims.index("P"))
    elif problem.sequential:
        return summed  # gates, and not yet the layer's outputs
    return summed.reshape(layer.output_shape)
