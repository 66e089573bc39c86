"""Mappings of other tools as data, made into mappings of a chip of ours, so that our count can cost them.

A nest is a list, outermost first: `["hold", memory, [roles]]` says where a memory begins to hold the tiles of
some tensors, `["for", dim, tile, axis]` is a loop in steps of `tile`, with axis "" (temporal), "rows" or
"columns".

ZigZag and AccelForge let each tensor begin at a place of its own in the loops (an uneven mapping). Where that
can be said on the chip as it is, it is; else on a chip that has, for each memory and tensor, a memory of its
own with the same energies and ports: then words and energies are those of the nest, and cycles are at most
too few, since tensors do not wait for one another's words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import dnnaccel as da
from dnnaccel.arch import Array, Level, Memory
from dnnaccel.layers import Layer
from dnnaccel.mapping import LevelMapping, Loop
from dnnaccel.problem import ROLES, Problem

ENDLESS = 2**40  # bytes


@dataclass(frozen=True)
class Costed:
    """A peer's mapping, costed by us."""

    energy: float
    cycles: int
    even: bool
    """Whether it is a mapping of the chip as it is; else its cycles are a lower limit."""
    fits: bool
    """Whether its tiles fit, counted as ours are."""
    perfect: bool
    """Whether every loop divides what it cuts."""


_Loop = tuple[str, int, str]
"""dim, tile (or trips), axis"""


@dataclass(frozen=True)
class _Hold:
    memory: str
    role: str
    earliest: int
    latest: int
    """Where among the loops it may begin without a change of any tile or transfer."""
    at: int


@dataclass(frozen=True)
class _Nest:
    loops: tuple[_Loop, ...]
    holds: tuple[_Hold, ...]
    array: tuple[int, int]
    """First loop of the array, and the first inside it."""


def cost(layer: Layer, chip: da.Chip, nest: Sequence[Sequence[Any]]) -> Costed:
    """Cost a peer's mapping, whether it fits or not."""
    assert layer.problem is not None
    given = _read(nest, layer.problem)
    read = _loops_out(given, _first_inside(given, chip), layer.problem)
    even = _place(read, chip)
    if even is not None:
        levels, where = chip.levels, even
    else:
        inside = [hold.at for hold in given.holds if hold.at >= given.array[1]]
        read = _loops_out(given, min(inside, default=given.array[1]), layer.problem)
        levels, where = _split(read, chip)
    roomy = replace(
        chip,
        levels=tuple(
            replace(level, size_bytes=ENDLESS) if isinstance(level, Memory) and level.size_bytes else level
            for level in levels
        ),
        vector=replace(chip.vector, memory=levels[0].name),
    )
    report = da.evaluate(layer, roomy, _mapping(read, roomy, where))
    return Costed(
        report.energy, report.cycles, even is not None, _fits(report, chip), _perfect(read, layer.problem)
    )


def _read(nest: Sequence[Sequence[Any]], problem: Problem) -> _Nest:
    extents = dict(problem.bounds)
    loops: list[_Loop] = []
    begins: list[tuple[str, str, int]] = []
    for item in nest:
        if item[0] == "hold":
            begins += [(item[1], role, len(loops)) for role in item[2]]
            continue
        _, dim, tile, axis = item
        if tile < extents.get(dim, 1):  # loops of one trip are none
            loops.append((dim, tile, axis))
            extents[dim] = tile
    spatial = [i for i, loop in enumerate(loops) if loop[2]]
    inside = max((at for memory, _, at in begins), default=0)
    array = (spatial[0], spatial[-1] + 1) if spatial else (inside, inside)
    if any(not loop[2] for loop in loops[array[0] : array[1]]):
        raise ValueError("temporal loops among the spatial ones")
    loops = _laid_out(
        [
            *_factors(loops[: array[0]], problem),
            # Rows outside columns, as our chips have them.
            *sorted(_factors(loops[: array[1]], problem)[array[0] :], key=lambda loop: loop[2] != "rows"),
            *_factors(loops, problem)[array[1] :],
        ],
        problem,
    )
    holds = []
    for memory, role, at in begins:
        dims = {dim for axis in problem.tensor(role).axes for dim, _ in axis.terms}
        low, high = (0, array[0]) if at <= array[0] else (array[1], len(loops))
        earliest = latest = at
        while earliest > low and loops[earliest - 1][0] not in dims:
            earliest -= 1
        while latest < high and loops[latest][0] not in dims:
            latest += 1
        holds.append(_Hold(memory, role, earliest, latest, at))
    return _Nest(tuple(loops), tuple(holds), array)


def _factors(loops: Sequence[_Loop], problem: Problem) -> list[_Loop]:
    """Return loops with their trips in the place of their tiles."""
    extents = dict(problem.bounds)
    factors = []
    for dim, tile, axis in loops:
        factors.append((dim, -(-extents[dim] // tile), axis))
        extents[dim] = tile
    return factors


def _laid_out(factors: Sequence[_Loop], problem: Problem) -> list[_Loop]:
    """Return loops with their tiles in the place of their trips: what runs inside, or all there is."""
    tiles = dict.fromkeys(problem.dims, 1)
    loops = []
    for dim, trips, axis in reversed(factors):
        loops.append((dim, tiles[dim], axis))
        tiles[dim] = min(problem.bounds[dim], tiles[dim] * trips)
    return loops[::-1]


def _first_inside(nest: _Nest, chip: da.Chip) -> int:
    """Return where the chip's first memory inside the array begins at the earliest."""
    after = next(i for i, level in enumerate(chip.levels) if isinstance(level, Array)) + 1
    name = chip.levels[after].name if after < len(chip.levels) else ""
    return max((hold.earliest for hold in nest.holds if hold.memory == name), default=nest.array[1])


def _loops_out(nest: _Nest, first: int, problem: Problem) -> _Nest:
    """Move the temporal loops between the array and what is first held inside it to the outside of the array.

    All instances step together, so that both nests are the same walk; ours have no loops there.
    """
    begin, end = nest.array
    moved = first - end
    factors = _factors(nest.loops, problem)
    order = factors[:begin] + factors[end:first] + factors[begin:end] + factors[first:]
    holds = tuple(
        replace(hold, earliest=max(hold.earliest, first), at=max(hold.at, first))
        if hold.latest >= end
        else hold
        for hold in nest.holds
    )
    return _Nest(tuple(_laid_out(order, problem)), holds, (begin + moved, end + moved))


_Places = dict[str, tuple[int, frozenset[str]]]
"""For each memory, where among the loops its own begin, and what it keeps."""


def _place(nest: _Nest, chip: da.Chip) -> _Places | None:
    """Find a place for every memory of the chip that suits all tensors it keeps; None if there is none."""
    places: _Places = {}
    now = 0
    for level in chip.levels:
        if isinstance(level, Array):
            if now > nest.array[0]:
                return None
            now = nest.array[1]
            continue
        holds = [hold for hold in nest.holds if hold.memory == level.name]
        if holds:
            now = max(now, *(hold.earliest for hold in holds))
            if now > min(hold.latest for hold in holds):
                return None
        places[level.name] = now, frozenset(hold.role for hold in holds)
    return places


def _split(nest: _Nest, chip: da.Chip) -> tuple[tuple[Level, ...], _Places]:
    """Return levels, and their places: for each tensor of each memory one, in the order of the nest."""
    outside: list[tuple[int, Memory]] = []
    inside: list[tuple[int, Memory]] = []
    into = outside
    (array,) = chip.arrays
    places: _Places = {}
    for level in chip.levels:
        if isinstance(level, Array):
            into = inside
            continue
        if level is chip.levels[0]:
            places[level.name] = 0, frozenset(ROLES)
            continue
        for hold in nest.holds:
            if hold.memory == level.name:
                own = replace(level, name=f"{level.name}_{hold.role}", keeps=(hold.role,), may_bypass=())
                into.append((hold.at, own))
                places[own.name] = hold.at, frozenset({hold.role})
    levels: list[Level] = [chip.levels[0]]
    levels += [level for _, level in sorted(outside, key=lambda pair: pair[0])]
    levels.append(array)
    levels += [level for _, level in sorted(inside, key=lambda pair: pair[0])]
    return tuple(levels), places


def _mapping(nest: _Nest, chip: da.Chip, places: _Places) -> da.Mapping:
    """Lay the loops out over the levels: each stands in the last memory that begins outside it."""
    levels: list[LevelMapping] = []
    memories = [level.name for level in chip.memories]
    ends: dict[str, int] = {}
    for i, level in enumerate(chip.levels):
        if isinstance(level, Array):
            continue
        following = chip.levels[i + 1] if i + 1 < len(chip.levels) else None
        if following is None:
            ends[level.name] = len(nest.loops)
        elif isinstance(following, Array):
            ends[level.name] = nest.array[0]
        else:
            ends[level.name] = places[following.name][0]
    for level in chip.levels:
        if level.name in memories:
            begin, keeps = places[level.name]
            loops = tuple(Loop(dim, tile) for dim, tile, _ in nest.loops[begin : ends[level.name]])
            levels.append(LevelMapping(level.name, loops, keeps))
            continue
        for axis in ("rows", "columns"):
            loops = tuple(
                Loop(dim, tile)
                for dim, tile, along in nest.loops[nest.array[0] : nest.array[1]]
                if along == axis
            )
            levels.append(LevelMapping(f"{level.name}.{axis}", loops))
    return da.Mapping(tuple(levels))


def _fits(report: da.LayerReport, chip: da.Chip) -> bool:
    for memory in chip.memories:
        if memory.size_bytes is None:
            continue
        words = sum(
            count.tile_words
            for count in report.levels
            if count.level.removesuffix(f"_{count.tensor}") == memory.name
        )
        if words * (2 if memory.double_buffered else 1) > (memory.capacity_words or 0):
            return False
    return True


def _perfect(nest: _Nest, problem: Problem) -> bool:
    extents = dict(problem.bounds)
    perfect = True
    for dim, tile, _ in nest.loops:
        perfect = perfect and extents[dim] % tile == 0
        extents[dim] = tile
    return perfect
