"""Densities of a layer's tensors: what share of their words is not zero, and who says so."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from numbers import Real

from dnnaccel.errors import DensityError
from dnnaccel.problem import ROLES, Axis, Problem, unknown_role
from dnnaccel.sparsity.formats import Format, exact_bits, expected_bits, tile_bits

__all__ = ["DENSE", "Density", "Measured", "MeasuredTensor", "interior_fraction", "uniform"]

OPERANDS = ROLES[:2]

# So long that what happens at the ends of a vector is lost in the rounding.
_LONG = 2**40


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredTensor:
    """What was counted in one tensor: its words, those that are not zero, and entries by format."""

    words: int
    nonzeros: int
    entries: tuple[tuple[Format, int], ...] = ()

    @property
    def density(self) -> float:
        """Share of words that are not zero."""
        return self.nonzeros / self.words


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What was counted in the tensors of one layer.

    Parameters
    ----------
    macs
        All MACs of the layer, those on padding included.
    inputs, weights, outputs
        What was counted in each tensor; None if it was not given.
    effectual
        (operands, MACs of which none of these operands is zero), for the tensors that were given. Padding is
        zero: a MAC on it has no effect.
    """

    macs: int
    inputs: MeasuredTensor | None = None
    weights: MeasuredTensor | None = None
    outputs: MeasuredTensor | None = None
    effectual: tuple[tuple[frozenset[str], int], ...] = ()

    def tensor(self, role: str) -> MeasuredTensor | None:
        """Return what was counted in a tensor, or None."""
        found: MeasuredTensor | None = getattr(self, role)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Density:
    """Shares of words that are not zero in a layer's tensors, with where each comes from.

    `outputs` are the finished outputs, behind the activation; partial sums are dense.

    Parameters
    ----------
    inputs, weights, outputs
        Each above 0 and at most 1; 0 only where measured.
    inputs_source, weights_source, outputs_source
        Who says so, for reports.
    measured
        Exact counts of real tensors, which formats and MACs then use instead of expectations.

    Raises
    ------
    DensityError
        For a density out of range, or other than what was measured.
    """

    inputs: float = 1.0
    weights: float = 1.0
    outputs: float = 1.0
    inputs_source: str = "taken as dense"
    weights_source: str = "taken as dense"
    outputs_source: str = "taken as dense"
    measured: Measured | None = None

    def __post_init__(self) -> None:
        for role in ROLES:
            value = check_density(getattr(self, role), role, zero=self.measured is not None)
            counted = self.measured.tensor(role) if self.measured else None
            if counted is not None and counted.density != value:
                raise DensityError(f"density of {role} is {value}, but {counted.density} was measured")
            object.__setattr__(self, role, value)

    def of(self, tensor: str) -> float:
        """Return the density of `tensor`, one of inputs, weights, outputs. Raises `DensityError`."""
        return float(getattr(self, _role(tensor)))

    def source(self, tensor: str) -> str:
        """Return who says what the density of `tensor` is. Raises `DensityError` for an unknown tensor."""
        return str(getattr(self, f"{_role(tensor)}_source"))

    def bits_per_word(
        self, tensor: str, form: Format | str, word_bits: int, *, words: int | None = None
    ) -> tuple[float, float]:
        """Return (data, metadata) bits that a word of `tensor` takes on average in a compressed format.

        Exact for the whole tensor if it was measured in this format; else expected for independent zeros, in
        a vector of `words` words (None: so long that its ends do not matter; a short one pays its padding).
        A dense word takes (word_bits, 0). Raises `DensityError` or `UnknownNameError`.
        """
        form = Format.of(form)
        counted = self.measured.tensor(_role(tensor)) if self.measured else None
        entries = dict(counted.entries).get(form) if counted else None
        if counted is not None and entries is not None:
            length = counted.words
            data, metadata = exact_bits(form, length, counted.nonzeros, entries, word_bits)
        else:
            length = _LONG if words is None else words
            data, metadata = expected_bits(form, self.of(tensor), length, word_bits)
        return data / length, metadata / length

    def tile_bits(
        self, tensor: str, form: Format | str, word_bits: int, *, words: int, chance: float = 1e-3
    ) -> float:
        """Return the bits that a tile of `words` words of `tensor` exceeds with probability `chance` at most.

        A memory sized for the mean, `bits_per_word`, spills every second tile. Zeros are taken to be
        independent (Chernoff's bound, and the worst arrangement); where they stand together, tiles differ
        more. A chance of 0 gives the tile without zeros. Raises `DensityError` or `UnknownNameError`.
        """
        return tile_bits(Format.of(form), self.of(tensor), words, word_bits, chance)

    def effectual_fraction(self, operands: Collection[str]) -> float:
        """Return the share of MACs that have no zero among these `operands` (of inputs and weights).

        Exact if they were measured, padding being zero. Expected, it is the product of densities: operands
        independent and no MAC on padding (`interior_fraction` says what padding would save). Raises
        `DensityError` for anything that is no operand.
        """
        for name in operands:
            if _role(name) not in OPERANDS:
                raise DensityError(f"{name} are no operand of a MAC; operands are inputs, weights")
        whole = self._exact_fraction(frozenset(operands))
        if whole is not None:
            return whole
        share = 1.0
        for name in sorted(set(operands)):
            exact = self._exact_fraction(frozenset((name,)))
            share *= self.of(name) if exact is None else exact
        return share

    def _exact_fraction(self, operands: frozenset[str]) -> float | None:
        if self.measured is None:
            return None
        effectual = dict(self.measured.effectual).get(operands)
        return None if effectual is None else effectual / self.measured.macs


def _role(tensor: str) -> str:
    if tensor not in ROLES:
        raise DensityError(unknown_role(tensor))
    return tensor


def check_density(value: object, what: str, *, zero: bool = False) -> float:
    """Return `value` as a float if it is a density. Raises `DensityError`, saying `what` it was for."""
    if isinstance(value, Real) and not isinstance(value, bool):
        number = float(value)
        if 0 < number <= 1 or (zero and number == 0):
            return number
    raise DensityError(f"density of {what} must be above 0 and at most 1, given {value!r}")


DENSE = Density()
"""Nothing is zero."""


def uniform(
    *, inputs: float = 1.0, weights: float = 1.0, outputs: float = 1.0, source: str = "given"
) -> Density:
    """Return the same densities for every layer; `source` says where they come from.

    Raises `DensityError` for a density out of range.

    Examples
    --------
    >>> density = uniform(inputs=0.4, weights=0.3)
    >>> density.bits_per_word("inputs", "bitmask", 16)
    (6.4, 1.0)
    >>> round(density.effectual_fraction(("inputs", "weights")), 3)
    0.12
    """

    def said(value: float) -> str:
        return "taken as dense" if value == 1 else source

    return Density(
        inputs=inputs,
        weights=weights,
        outputs=outputs,
        inputs_source=said(inputs),
        weights_source=said(weights),
        outputs_source=said(outputs),
    )


def interior_fraction(problem: Problem) -> float:
    """Return the share of a layer's MACs whose input is no padding.

    Exact: along each axis of the inputs, the combinations of its dims whose coordinate lies inside.
    """
    share = 1.0
    for axis in problem.tensor("inputs").axes:
        inside = _inside(axis, problem)
        share *= inside / math.prod(problem.bounds[dim] for dim, _ in axis.terms)
    return share


def _inside(axis: Axis, problem: Problem) -> int:
    # Loop over the dim with the lower bound; the other one runs from `low` to `high` - 1 inside.
    terms = sorted(((problem.bounds[dim], factor) for dim, factor in axis.terms), reverse=True)
    (bound, step), (others, factor) = (*terms, (1, 0))[:2]
    inside = 0
    for base in range(axis.offset, axis.offset + max(1, factor) * others, max(1, factor)):
        low, high = max(0, -(base // step)), min(bound, -(-(axis.size - base) // step))
        inside += max(0, high - low)
    return inside
