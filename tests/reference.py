"""What a problem computes, in NumPy and without the core: what every simulation must come to."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from dnnaccel.problem import Axis, Problem, Tensor

Array = NDArray[np.generic]


def reference_outputs(problem: Problem, inputs: Array, weights: Array) -> Array:
    """Return the outputs, in the order of the problem's axes: int64 for integers, float64 for floats.

    A loop over the values of the dims that are summed over; all outputs at once for each.
    """
    exact = np.float64 if np.issubdtype(inputs.dtype, np.floating) else np.int64
    outputs = problem.tensor("outputs")
    order = [axis.terms[0][0] for axis in outputs.axes]
    total = np.zeros([problem.bounds[dim] for dim in order], exact)
    summed = [dim for dim in problem.dims if dim not in order]
    grid = {
        dim: np.arange(problem.bounds[dim]).reshape([-1 if d == dim else 1 for d in order]) for dim in order
    }
    for point in itertools.product(*(range(problem.bounds[dim]) for dim in summed)):
        at = {**grid, **{dim: np.array(index) for dim, index in zip(summed, point, strict=True)}}
        one = _words(problem.tensor("inputs"), inputs, at).astype(exact)
        total += one * _words(problem.tensor("weights"), weights, at).astype(exact)
    return total


def _words(tensor: Tensor, values: Array, at: dict[str, NDArray[np.int64]]) -> Array:
    """The words that a tensor has for the MACs at some indices; padding is 0."""
    places, there = [], np.array(True)
    for axis in tensor.axes:
        place = _coordinate(axis, at)
        inside = (place >= 0) & (place < axis.size)
        places.append(np.where(inside, place, 0))
        there = there & inside
    return np.where(there, values[tuple(places)], 0)


def _coordinate(axis: Axis, at: dict[str, NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.asarray(sum(factor * at[dim] for dim, factor in axis.terms) + axis.offset)
