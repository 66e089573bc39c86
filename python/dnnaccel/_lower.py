"""Lowering: the one place where Python descriptions become C++ structs, and found mappings come back."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from collections.abc import Mapping as Levels
from typing import TYPE_CHECKING, Any

from dnnaccel import _core
from dnnaccel.errors import MappingError, did_you_mean
from dnnaccel.mapping import LevelMapping, Loop, Mapping
from dnnaccel.problem import ROLES, Problem

if TYPE_CHECKING:
    from dnnaccel.arch import Array, Chip, Memory
    from dnnaccel.mapspace import LevelRule

__all__ = [
    "describe_chip",
    "describe_room",
    "describe_problem",
    "describe_rules",
    "leakage_per_cycle",
    "lift_mapping",
    "lower_chip",
    "lower_mapping",
    "lower_problem",
    "lower_rules",
]


_Axes = list[tuple[list[tuple[int, int]], int, int]]
_Rule = tuple[tuple[int, int], tuple[list[int], list[int]], list[int], int, int]


@functools.lru_cache(maxsize=256)
def lower_problem(problem: Problem) -> _core.Problem:
    """Return the core's problem: dims and roles become indices."""
    return _core.Problem(*describe_problem(problem))


def describe_problem(problem: Problem) -> tuple[list[str], list[int], list[_Axes]]:
    """Return what makes the core's problem, as plain data."""
    dims = problem.dims
    tensors: list[_Axes] = [
        [
            ([(dims.index(dim), factor) for dim, factor in axis.terms], axis.offset, axis.size)
            for axis in problem.tensor(role).axes
        ]
        for role in ROLES
    ]
    return list(dims), list(problem.bounds.values()), tensors


@functools.lru_cache(maxsize=64)
def lower_chip(chip: Chip) -> _core.Architecture:
    """Return the core's architecture: bytes become words, bytes per cycle words per cycle."""
    levels: list[_core.Memory | _core.Array] = []
    for facts in _describe_levels(chip):
        if "buffering" in facts:
            levels.append(
                _core.Memory(**{**facts, "buffering": getattr(_core.Buffering, facts["buffering"])})
            )
        else:
            charge = [getattr(_core.Charge, name) for name in facts["charge"]]
            levels.append(_core.Array(**{**facts, "charge": charge}))
    return _core.Architecture(levels, chip.mac.energy, leakage_per_cycle(chip))


def describe_chip(chip: Chip) -> tuple[list[dict[str, Any]], float, float]:
    """Return what makes the core's architecture, as plain data, but for how much its memories hold."""
    levels = [
        {name: fact for name, fact in facts.items() if name != "capacity_words"}
        for facts in _describe_levels(chip)
    ]
    return levels, chip.mac.energy, leakage_per_cycle(chip)


def describe_room(
    chip: Chip, problem: Problem, rules: Sequence[LevelRule], *, dense: bool
) -> list[int | None]:
    """Return how many words each memory holds, None where that does not matter: whatever is kept there fits.

    The size of a memory decides which tiles fit, and nothing else. Two chips whose memories both hold all of
    a layer are one chip to its search, which is then done once. With zeros (not `dense`) formats decide how
    much a tile takes, and sizes are taken as they are.
    """
    room: list[int | None] = []
    memories = {memory.name: memory for memory in chip.memories}
    for level, rule in zip(chip.levels, rules, strict=True):
        memory = memories.get(level.name)
        if memory is None:
            continue
        words = memory.capacity_words
        copies = 2 if memory.buffering == "double" else 1
        most = copies * sum(problem.tensor(role).words for role in rule.keeps | rule.optional)
        room.append(None if words is None or (dense and most <= words) else words)
    return room


def _describe_levels(chip: Chip) -> list[dict[str, Any]]:
    from dnnaccel.arch import Memory  # only where a chip exists already: it brings the validation library

    return [
        _describe_memory(level) if isinstance(level, Memory) else _describe_array(level)
        for level in chip.levels
    ]


def leakage_per_cycle(chip: Chip) -> float:
    """Return the energy that a chip leaks in a cycle, in pJ: its leakage power over its clock.

    0 where it states no leakage; a chip that states some has a clock and its energies in pJ.
    """
    if not chip.leakage_mw or chip.clock_mhz is None:
        return 0.0
    return chip.leakage_mw * 1e3 / chip.clock_mhz  # mW / MHz = nJ


def _describe_memory(memory: Memory) -> dict[str, Any]:
    def words(bytes_per_cycle: float | None) -> float | None:
        return None if bytes_per_cycle is None else bytes_per_cycle * 8 / memory.word_bits

    return {
        "name": memory.name,
        "capacity_words": memory.capacity_words,
        "word_bits": memory.word_bits,
        "keeps": _mask(memory.keeps),
        "read_energy": memory.read_energy,
        "write_energy": memory.write_energy,
        "read_bandwidth": words(memory.read_bytes_per_cycle),
        "write_bandwidth": words(memory.write_bytes_per_cycle),
        "shared_bandwidth": words(memory.bytes_per_cycle),
        "buffering": memory.buffering,
    }


def _describe_array(array: Array) -> dict[str, Any]:
    def dim_set(dims: str | Iterable[str]) -> list[str] | None:
        if isinstance(dims, str):
            return None if dims == "all" else []
        return sorted(dims)

    return {
        "name": array.name,
        "rows": array.rows,
        "columns": array.columns,
        "multicast": dim_set(array.multicast),
        "reduce": dim_set(array.reduce),
        "forwards": _mask(array.forwards),
        "charge": [array.charge.get(role, "none") for role in ROLES],
        "energy": array.energy,
        "bandwidth": [array.words_per_cycle.get(role) for role in ROLES],
    }


def _mask(roles: Sequence[str] | frozenset[str]) -> int:
    return sum(1 << ROLES.index(role) for role in roles)


def lower_rules(rules: Sequence[LevelRule], problem: Problem) -> _core.Mapspace:
    """Return the core's mapspace for a problem: names of dims and roles become masks."""
    return _core.Mapspace(describe_rules(rules, problem))


def describe_rules(rules: Sequence[LevelRule], problem: Problem) -> list[_Rule]:
    """Return what makes the core's mapspace, as plain data."""
    dims = problem.dims

    def mask(names: frozenset[str]) -> int:
        return sum(1 << dims.index(dim) for dim in names)

    lowered: list[_Rule] = []
    for rule in rules:
        masks = [mask(names) for names in rule.dims]
        tiles = [[tiles.get(dim, 0) for dim in dims] for tiles in rule.tiles]
        lowered.append(
            (
                (masks[0], masks[1] if len(masks) > 1 else 0),
                (tiles[0], tiles[1] if len(tiles) > 1 else []),
                [mask(group) for group in rule.order],
                _mask(rule.keeps),
                _mask(rule.optional),
            )
        )
    return lowered


def lower_mapping(mapping: Mapping, chip: Chip, problem: Problem) -> _core.Mapping:
    """Return the core's mapping, checked for names, order of levels and extents.

    Memories that the mapping leaves out keep nothing, arrays that it leaves out spread nothing. Raises
    `MappingError` for a level the chip has not or in the wrong place, a dim the problem has not, an extent
    that is not what is left there, or steps that wait for each other and are not one by one outermost.
    """
    names = chip.level_names
    position = -1
    for level in mapping.levels:
        if level.level not in names:
            raise MappingError(
                f"the mapping has level {level.level!r}, {chip.name} has not; "
                f"{did_you_mean(level.level, names)}"
            )
        if names.index(level.level) <= position:
            raise MappingError(
                f"level {level.level} stands twice or too late in the mapping; "
                f"the order is {', '.join(names)}"
            )
        position = names.index(level.level)
    given = {level.level: level for level in mapping.levels}
    _check_steps(given, chip, problem)
    extents = dict(problem.bounds)
    lowered: list[tuple[list[tuple[int, int, int]], int]] = []
    for part in chip.levels:
        if part in chip.memories:
            level = given.get(part.name, LevelMapping(part.name, (), frozenset()))
            if level.keeps is None:
                raise MappingError(
                    f"level {part.name} is a memory: say what it keeps, '{part.name} [inputs]'"
                )
            lowered.append((_lower_loops(level, 0, problem, extents), _mask(level.keeps)))
            continue
        loops = []
        for axis, suffix in enumerate(("rows", "columns")):
            level = given.get(f"{part.name}.{suffix}", LevelMapping(f"{part.name}.{suffix}"))
            if level.keeps is not None:
                raise MappingError(f"level {level.level} is part of an array and keeps nothing")
            loops += _lower_loops(level, axis, problem, extents)
        lowered.append((loops, 0))
    return _core.Mapping(lowered)


def _check_steps(given: Levels[str, LevelMapping], chip: Chip, problem: Problem) -> None:
    """Refuse a mapping that would begin a step before the one that it waits for is done."""
    waiting = problem.waiting
    outermost = chip.levels[0].name
    loops = given[outermost].loops if outermost in given else ()
    if [(loop.dim, loop.tile) for loop in loops[: len(waiting)]] != [(dim, 1) for dim in waiting]:
        wanted = ", ".join(f"'for {dim} in 0..{problem.bounds[dim]} step 1'" for dim in waiting)
        raise MappingError(
            f"the steps of {' and '.join(waiting)} wait for each other; "
            f"level {outermost} must begin with {wanted}"
        )


def _lower_loops(
    level: LevelMapping, axis: int, problem: Problem, extents: dict[str, int]
) -> list[tuple[int, int, int]]:
    loops = []
    for loop in level.loops:
        if loop.dim not in extents:
            raise MappingError(
                f"level {level.level} loops over {loop.dim}, which the layer has not; it has "
                + ", ".join(problem.dims)
            )
        if loop.extent is not None and loop.extent != extents[loop.dim]:
            raise MappingError(
                f"level {level.level}: {loop.dim} runs to {loop.extent} there, "
                f"and {extents[loop.dim]} of it are left"
            )
        extents[loop.dim] = min(loop.tile, extents[loop.dim])
        loops.append((problem.dims.index(loop.dim), loop.tile, axis))
    return loops


def lift_mapping(mapping: _core.Mapping, chip: Chip, problem: Problem) -> Mapping:
    """Return a mapping of the core in words: names of levels, dims and roles, and every loop's extent."""
    extents = dict(problem.bounds)

    def lift(loops: Sequence[tuple[int, int, int]]) -> tuple[Loop, ...]:
        lifted = []
        for dim, tile, _ in loops:
            name = problem.dims[dim]
            lifted.append(Loop(name, tile, extents[name]))
            extents[name] = tile
        return tuple(lifted)

    levels = []
    memories = {memory.name for memory in chip.memories}
    for part, (loops, keeps) in zip(chip.levels, mapping.levels, strict=True):
        if part.name in memories:
            roles = frozenset(role for i, role in enumerate(ROLES) if keeps >> i & 1)
            levels.append(LevelMapping(part.name, lift(loops), roles))
            continue
        for axis, suffix in enumerate(("rows", "columns")):
            along = [loop for loop in loops if loop[2] == axis]
            levels.append(LevelMapping(f"{part.name}.{suffix}", lift(along)))
    return Mapping(tuple(levels))
