"""Exact counts from real tensors: densities, entries of compressed formats, effectual MACs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from dnnaccel import _core
from dnnaccel._lower import lower_problem
from dnnaccel.errors import DensityError
from dnnaccel.layers import Layer, Shape
from dnnaccel.problem import ROLES, Problem
from dnnaccel.sparsity.density import DENSE, OPERANDS, Density, Measured, MeasuredTensor
from dnnaccel.sparsity.formats import FORMATS, Format, lower_format

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

__all__ = ["measure", "tensor_shapes"]

_NUMBERS = "biufc"  # kinds of NumPy types that have a zero


def measure(
    layer: Layer,
    *,
    inputs: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    outputs: ArrayLike | None = None,
    formats: Sequence[Format | str] = FORMATS,
    source: str = "measured",
) -> Density:
    """Return the exact densities, formats and effectual MACs of a layer with these tensors.

    Parameters
    ----------
    layer
        A layer with MACs and with `input_shapes`.
    inputs, weights, outputs
        Arrays of numbers, or masks of booleans, in the layer's shapes: inputs and outputs as the layer has
        them; weights as (out channels, in channels per group, rows, columns), or (out features, in features).
        A tensor that is not given is taken as dense. NaN is not zero; -0.0 is.
    formats
        Compressed formats to count entries of, over the whole tensor in the order of the array.
    source
        Where the tensors come from.

    Raises
    ------
    DensityError
        For a layer without MACs, an array that holds no numbers, or of another shape than the layer's.

    Examples
    --------
    >>> from dnnaccel.layers import Linear
    >>> layer = Linear(name="fc", input_shapes=((1, 4),), out_features=2)
    >>> density = measure(layer, inputs=[[1, 0, 0, 2]], weights=[[1, 1, 0, 0], [0, 1, 1, 1]])
    >>> density.inputs, density.effectual_fraction(("inputs", "weights"))
    (0.5, 0.25)
    """
    problem = layer.problem
    if problem is None:
        raise DensityError(f"{layer.kind} {layer.name!r} has no MACs, so no operands to measure")
    shapes = tensor_shapes(layer)
    masks = {
        role: _mask(given, shapes[role], f"{layer.name}: {role}")
        for role, given in zip(ROLES, (inputs, weights, outputs), strict=True)
        if given is not None
    }
    forms = [Format.of(form) for form in formats]
    counted = {role: _count(mask, forms) for role, mask in masks.items()}
    measured = Measured(
        macs=problem.macs,
        inputs=counted.get("inputs"),
        weights=counted.get("weights"),
        outputs=counted.get("outputs"),
        effectual=_effectual(problem, masks),
    )
    said = {role: source if role in counted else DENSE.source(role) for role in ROLES}
    return Density(
        inputs=counted["inputs"].density if "inputs" in counted else 1.0,
        weights=counted["weights"].density if "weights" in counted else 1.0,
        outputs=counted["outputs"].density if "outputs" in counted else 1.0,
        inputs_source=said["inputs"],
        weights_source=said["weights"],
        outputs_source=said["outputs"],
        measured=measured,
    )


def tensor_shapes(layer: Layer) -> dict[str, Shape]:
    """Return the shape in which a user has each tensor of a layer with MACs, by role."""
    assert layer.problem is not None
    if len(layer.input_shapes) > 1:
        weights = layer.input_shapes[1]
    else:  # group and output channel are one axis, and a matrix has no filter
        groups, channels, *rest = (axis.size for axis in layer.problem.tensor("weights").axes)
        weights = (groups * channels, *(rest[:1] if layer.kind == "linear" else rest))
    return {"inputs": layer.input_shapes[0], "weights": weights, "outputs": layer.output_shape}


def _mask(given: ArrayLike, shape: Shape, what: str) -> NDArray[np.bool_]:
    import numpy as np  # here, as in `_count`: loading it takes longer than most runs, which measure nothing

    try:
        array = np.asarray(given)
    except (ValueError, TypeError) as error:
        raise DensityError(f"{what} is no array of numbers: {error}") from None
    if array.dtype.kind not in _NUMBERS:
        raise DensityError(f"{what} must hold numbers or booleans, given {array.dtype}")
    if array.shape != shape:
        raise DensityError(f"{what} must have shape {shape}, given {array.shape}")
    # C order, whatever the array's: its order is that of the words in a compressed stream.
    mask: NDArray[np.bool_] = np.not_equal(array, 0, order="C")
    return mask


def _count(mask: NDArray[np.bool_], forms: Iterable[Format]) -> MeasuredTensor:
    import numpy as np

    return MeasuredTensor(
        words=mask.size,
        nonzeros=int(np.count_nonzero(mask)),
        entries=tuple((form, _core.exact_entries(lower_format(form), mask)) for form in forms),
    )


def _effectual(
    problem: Problem, masks: dict[str, NDArray[np.bool_]]
) -> tuple[tuple[frozenset[str], int], ...]:
    lowered = lower_problem(problem)
    operands = {role: mask for role, mask in masks.items() if role in OPERANDS}
    wanted = [{role: mask} for role, mask in operands.items()]
    if len(operands) == 2:
        wanted.append(operands)
    return tuple(
        (frozenset(some), _core.effectual_macs(lowered, some.get("inputs"), some.get("weights")))
        for some in wanted
    )
