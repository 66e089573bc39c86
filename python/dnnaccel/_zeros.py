"""What a layer's zeros do on a chip: densities meet abilities and become factors on counts."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from dnnaccel import _core
from dnnaccel.problem import ROLES, Problem
from dnnaccel.sparsity import Density, interior_fraction

if TYPE_CHECKING:
    from dnnaccel.arch import Array, Chip, Memory

__all__ = ["describe_density", "effectual_fraction", "lower_density"]


def effectual_fraction(density: Density, problem: Problem, operands: Iterable[str]) -> float:
    """Return the share of a problem's MACs that have no zero among `operands`, a zero of padding included.

    Exact where the tensors were measured; else the product of their densities and, if inputs are among them,
    of the share of MACs that are not on padding.
    """
    wanted = frozenset(operands)
    fraction = density.effectual_fraction(wanted)
    measured = density.measured is not None and density.measured.inputs is not None
    if "inputs" in wanted and not measured:
        fraction *= interior_fraction(problem)
    return fraction


@functools.lru_cache(maxsize=1024)
def lower_density(density: Density | None, chip: Chip, problem: Problem) -> _core.Sparsity:
    """Return what zeros do on a chip, as the core's factors; None stands for a layer without zeros."""
    return _core.Sparsity(**describe_density(density, chip, problem))


@functools.lru_cache(maxsize=1024)
def describe_density(density: Density | None, chip: Chip, problem: Problem) -> dict[str, Any]:
    """Return what makes the core's factors, as plain data, which is not to be changed.

    The MACs skip and gate on the operands that the chip's `mac` names; a level's `gated_by` saves what the
    MACs would ask it for; `formats` shrink what is kept, and what is asked for brings its metadata along. A
    tensor that a format would make larger stays as it is.
    """
    from dnnaccel.arch import Memory

    if density is None:
        return {"work": 1, "steps": 1, "stored": [], "finished": 1, "asked": [], "crossing": [1, 1, 1]}
    skips = frozenset(chip.mac.skips)
    interior = interior_fraction(problem)

    def asked(role: str, zeros: frozenset[str]) -> float:
        fraction = effectual_fraction(density, problem, zeros)
        # The counts have no reads of padding to save (and where all is padding, no reads at all).
        return fraction / interior if role == "inputs" and "inputs" in zeros and interior else fraction

    def stored(level: Memory | Array, role: str) -> float:
        if not isinstance(level, Memory) or role not in level.formats:
            return 1.0
        bits = sum(density.bits_per_word(role, level.formats[role], level.word_bits))
        return min(1.0, bits / level.word_bits)

    def form_asked(level: Memory | Array, role: str) -> float:
        zeros = skips | frozenset(level.gated_by if isinstance(level, Memory) else ())
        fraction = asked(role, zeros)
        if role == "outputs" or not isinstance(level, Memory) or role not in level.formats:
            return fraction
        # Only words that are not zero are asked for, and each brings its metadata along.
        share = density.of(role) if role in zeros else 1.0
        return fraction * stored(level, role) / share if share else 0.0

    top = chip.levels[0]
    return {
        "work": effectual_fraction(density, problem, skips | frozenset(chip.mac.gates)),
        "steps": effectual_fraction(density, problem, skips),
        "stored": [
            [1.0 if role == "outputs" else stored(level, role) for role in ROLES] for level in chip.levels
        ],
        "finished": stored(top, "outputs"),
        "asked": [[form_asked(level, role) for role in ROLES] for level in chip.levels],
        "crossing": [asked(role, skips) for role in ROLES],
    }
