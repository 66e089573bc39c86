"""Equal area: chips with one part made larger or smaller until they have the area of the first.

The rule of the ISCA 2016 comparison of dataflows (section VI-B), for chips at large: the area that a chip
does not need elsewhere goes to its buffer. Everything else of the chip stays as it is, and so do the energies
of an access, unless a component of the scaled memory estimates them anew.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dnnaccel.comparing.rows import Scaled
from dnnaccel.errors import ArchitectureError, DnnAccelError, UnknownNameError, unknown_name

if TYPE_CHECKING:
    from dnnaccel.arch import Chip, Memory

__all__ = ["TOLERANCE", "Sized", "equal_area"]

TOLERANCE = 0.02
"""How far an area may be from that of the first chip, as a part of it, to be called equal."""

_BANK_BYTES = 2**20
"""Largest bank that a memory is taken to be made of where its area is estimated."""

_DIGITS = 4
_MOST_DOUBLINGS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Sized:
    """A chip as it is compared: what was scaled, or the reason why it cannot have the area asked for."""

    chip: Chip
    scaled: Scaled | None = None
    reason: str | None = None


class _Refused(Exception):
    """A chip cannot have the area asked for; says why."""


def equal_area(chips: Sequence[Chip], keys: str | Mapping[str, str] | None = None) -> list[Sized]:
    """Return every chip with the area of the first, within `TOLERANCE`, or the reason why it has not.

    `keys` is what is scaled: one key of a memory's size or an array's rows or columns for all chips
    ("glb.size_bytes"), or one by the name of the chip; by default the memory on the chip with most bytes. A
    chip that has the area already stays as it is.

    Where a chip states one area for all of it, what its memory takes of that is estimated as SRAM in the
    chip's technology, and the rest stays what it is. Other parts can be scaled only where they state an area
    of their own. Raises `ArchitectureError` if the area of the first chip is not known, and
    `UnknownNameError` for a key of a chip that is not among `chips`.
    """
    names = [chip.name for chip in chips]
    by_name = dict.fromkeys(names, keys) if keys is None or isinstance(keys, str) else dict(keys)
    for name in by_name:
        if name not in names:
            raise unknown_name("chip to scale", name, names)
    try:
        target = _known_area(chips[0])
    except _Refused as error:
        raise ArchitectureError(f"equal area needs a first chip that has one: {error}") from None
    sized = [Sized(chip=chips[0])]
    for chip in chips[1:]:
        try:
            sized.append(_with_area(chip, target, chips[0], by_name.get(chip.name)))
        except _Refused as error:
            sized.append(Sized(chip=chip, reason=f"no equal area: {error}"))
    return sized


def _known_area(chip: Chip) -> float:
    area = chip.area
    if area is None:
        raise _Refused(
            f"{chip.name} states no area for {', '.join(chip.parts_without_area)} "
            "(give them a component, or the chip an area_mm2)"
        )
    if area <= 0:
        raise _Refused(f"the area of {chip.name} is {area:g} {chip.area_unit}")
    return area


def _with_area(chip: Chip, target: float, first: Chip, key: str | None) -> Sized:
    area = _known_area(chip)
    if chip.area_unit != first.area_unit:
        raise _Refused(f"{chip.name} states its area in {chip.area_unit}, {first.name} in {first.area_unit}")
    if abs(area - target) <= TOLERANCE * target:
        return Sized(chip=chip)
    key = _largest_memory(chip) if key is None else key
    before, step = _value_of(chip, key)
    resized = _resizer(chip, key)

    def made(steps: int) -> Chip | None:
        """The chip with so many steps (words, rows or columns) of the scaled part; None if there is none."""
        try:
            return resized(steps * step)
        except ArchitectureError:
            return None

    steps = _solve(lambda count: _area(made(count)), before // step, target)
    found = made(steps)
    reached = _area(found)
    if found is None or reached is None or abs(reached - target) > TOLERANCE * target:
        nearest = "" if reached is None else f"; with {key} = {steps * step} it is {_mm2(reached, chip)}"
        raise _Refused(
            f"{chip.name} has {_mm2(area, chip)}, and no {key} gives it the {_mm2(target, chip)} of "
            f"{first.name}{nearest}"
        )
    return Sized(chip=found, scaled=Scaled(key=key, before=before, after=steps * step))


def _area(chip: Chip | None) -> float | None:
    return None if chip is None else chip.area


def _mm2(area: float, chip: Chip) -> str:
    return f"{area:.{_DIGITS}g} {chip.area_unit}"


def _largest_memory(chip: Chip) -> str:
    """Return the size of the memory on the chip that has most bytes, all instances together."""
    inner = [memory for memory in chip.memories[1:] if memory.size_bytes is not None]
    if not inner:
        raise _Refused(f"{chip.name} has no memory on the chip to scale")
    largest = max(inner, key=lambda memory: (memory.size_bytes or 0) * chip.instances(memory.name))
    return f"{largest.name}.size_bytes"


def _value_of(chip: Chip, key: str) -> tuple[int, int]:
    """Return the value of a key that can be scaled, and in what steps: of words, rows or columns."""
    from dnnaccel.arch import Memory

    name, _, inner = key.partition(".")
    try:
        part = chip[name]
    except UnknownNameError as error:
        raise _Refused(f"{chip.name}: {error}") from None
    keys = ("size_bytes",) if isinstance(part, Memory) else ("rows", "columns")
    value = getattr(part, inner) if inner in keys else None
    if not isinstance(value, int):
        raise _Refused(
            f"{key} of {chip.name} cannot be scaled; give the size_bytes of a memory on the chip, or the "
            "rows or columns of an array"
        )
    return value, max(1, part.word_bits // 8) if isinstance(part, Memory) else 1


def _resizer(chip: Chip, key: str) -> Callable[[int], Chip]:
    """Return what makes the chip with another value of `key`; its area follows.

    A memory whose area is part of what is stated for the whole chip is told apart from the rest first.
    """
    from dnnaccel.arch import Memory

    name = key.partition(".")[0]
    part = chip[name]
    if not isinstance(part, Memory):
        inside = [each.name for each in chip.levels[chip.levels.index(part) :]] + ["mac"]
        areas = chip.area_by_part()
        if unknown := [each for each in inside if areas.get(each) is None]:
            names = ", ".join(unknown)
            raise _Refused(
                f"{chip.name} states no area of its own for {names}, so nobody knows that of {key}"
            )
        return lambda value: chip.override({key: value})
    if chip.area_by_part().get(name) is not None:
        return lambda value: chip.override({key: value})
    instances, stated = chip.instances(name), chip.rest_area_mm2 or 0.0
    own = _sram_mm2(chip, part, part.size_bytes or 0)
    if own is None:
        raise _Refused(
            f"{chip.name} states one area for the whole chip, and what {name} takes of it cannot be estimated"
        )
    rest = stated - own * instances
    if rest <= 0:
        raise _Refused(
            f"{name} of {chip.name} is estimated at {_mm2(own * instances, chip)}, more than the "
            f"{_mm2(stated, chip)} of the whole chip"
        )

    def resized(value: int) -> Chip:
        each = _sram_mm2(chip, part, value)
        if each is None:
            raise ArchitectureError(f"the area of an SRAM of {value} bytes cannot be estimated")
        return chip.override({key: value, f"{name}.area_mm2": each, "area_mm2": rest})

    return resized


def _sram_mm2(chip: Chip, memory: Memory, size_bytes: int) -> float | None:
    """Return the estimated area of an SRAM in the chip's technology; None if no table leads there."""
    from dnnaccel.energy import estimate

    component = {"kind": "sram", "banks": max(1, math.ceil(size_bytes / _BANK_BYTES))}
    try:
        return estimate(
            component,
            technology_nm=chip.technology_nm,
            word_bits=memory.word_bits,
            size_bytes=size_bytes,
        )["area_mm2"]
    except DnnAccelError:
        return None


def _solve(area: Callable[[int], float | None], start: int, target: float) -> int:
    """Return the value from 1 on whose area is nearest to `target`, for an area that grows with it.

    Values without an area are taken to be too small below `start` and too large above.
    """
    low = high = max(1, start)
    for _ in range(_MOST_DOUBLINGS):
        if (found := area(low)) is None or found <= target or low == 1:
            break
        low //= 2
    for _ in range(_MOST_DOUBLINGS):
        if (found := area(high)) is None or found >= target:
            break
        high *= 2
    while high - low > 1:
        middle = (low + high) // 2
        found = area(middle)
        too_small = middle < start if found is None else found < target
        low, high = (middle, high) if too_small else (low, middle)
    known = {value: found for value in (low, high) if (found := area(value)) is not None}
    return min(known, key=lambda value: abs(known[value] - target)) if known else start
