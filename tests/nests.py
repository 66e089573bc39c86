"""Cases for the closed form and the walkers: a problem, a hierarchy and a mapping, small enough to read.

A `Case` prints as a nest, is lowered to the core by hand (the package's own lowering is not what is tested),
and is compared count by count. `nests_random` makes cases, `nests_shrink` makes a failing one smaller.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from dnnaccel import _core
from dnnaccel.mapping import LevelMapping, Loop, Mapping
from dnnaccel.problem import ROLES, Axis, Problem

Split = tuple[str, int]  # a dim is cut into chunks of so many


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryLevel:
    """A memory, the roles it keeps, and the temporal loops below its storage, outermost first."""

    name: str
    keeps: frozenset[str]
    loops: tuple[Split, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayLevel:
    """A fan-out: what it spreads along its rows and its columns, and what its network can do.

    `multicast` and `reduce` are sets of dims, or None for all.
    """

    name: str
    rows: tuple[Split, ...] = ()
    columns: tuple[Split, ...] = ()
    multicast: frozenset[str] | None = None
    reduce: frozenset[str] | None = None
    forwards: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """Words per cycle of a memory's ports and of an array's networks, and how a memory is buffered."""

    read: float | None = None
    write: float | None = None
    shared: float | None = None
    network: float | None = None
    buffering: str = "single"


Speeds = dict[str, Speed]
CaseLevel = MemoryLevel | ArrayLevel


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A problem and a nest for it."""

    problem: Problem
    levels: tuple[CaseLevel, ...]

    def __str__(self) -> str:
        lines = ["bounds  " + " ".join(f"{dim}={bound}" for dim, bound in self.problem.bounds.items())]
        lines += [f"{role:8}[{', '.join(map(axis_text, self.axes(role)))}]" for role in ROLES]
        lines += [
            f"{level.name}: multicast {dims_text(level.multicast)}, reduce {dims_text(level.reduce)}, "
            f"forwards {dims_text(level.forwards)}"
            for level in self.levels
            if isinstance(level, ArrayLevel)
        ]
        return "\n".join([*lines, str(self.mapping())])

    def axes(self, role: str) -> tuple[Axis, ...]:
        """Return the axes of the tensor that plays a role."""
        return self.problem.tensor(role).axes

    def mapping(self) -> Mapping:
        """Return the nest as the package's own mapping, with every extent."""
        extents = dict(self.problem.bounds)

        def lift(loops: Sequence[Split]) -> tuple[Loop, ...]:
            lifted = []
            for dim, tile in loops:
                lifted.append(Loop(dim, tile, extents[dim]))
                extents[dim] = min(tile, extents[dim])
            return tuple(lifted)

        levels = []
        for level in self.levels:
            if isinstance(level, MemoryLevel):
                levels.append(LevelMapping(level.name, lift(level.loops), level.keeps))
            else:
                levels.append(LevelMapping(f"{level.name}.rows", lift(level.rows)))
                levels.append(LevelMapping(f"{level.name}.columns", lift(level.columns)))
        return Mapping(tuple(levels))

    def splits(self) -> Iterator[tuple[CaseLevel, str, int, int]]:
        """Every loop from the outside in: its level, dim, the extent it is given at most, and its tile."""
        extents = dict(self.problem.bounds)
        for level in self.levels:
            loops = level.loops if isinstance(level, MemoryLevel) else (*level.rows, *level.columns)
            for dim, tile in loops:
                yield level, dim, extents[dim], tile
                extents[dim] = min(tile, extents[dim])


def axis_text(axis: Axis) -> str:
    """Write an axis as a sum: "2P+R-1 of 9"."""
    text = "+".join(f"{factor if factor > 1 else ''}{dim}" for dim, factor in axis.terms)
    return f"{text}{axis.offset:+d} of {axis.size}" if axis.offset else f"{text} of {axis.size}"


def dims_text(names: frozenset[str] | None) -> str:
    """Write a set of names, "all" or "none"."""
    return "all" if names is None else " ".join(sorted(names)) or "none"


# ------------------------------------------------------------------------------------------------------------
# The core's objects


Lowered = tuple[_core.Problem, _core.Architecture, _core.Mapping]


def lower_problem(problem: Problem) -> _core.Problem:
    """Return the core's problem."""
    dims = list(problem.bounds)
    axes = [
        [
            ([(dims.index(dim), factor) for dim, factor in axis.terms], axis.offset, axis.size)
            for axis in problem.tensor(role).axes
        ]
        for role in ROLES
    ]
    return _core.Problem(dims, list(problem.bounds.values()), axes)


def role_mask(roles: frozenset[str]) -> int:
    """Return the core's bit mask of roles."""
    return sum(1 << ROLES.index(role) for role in roles)


def lower(case: Case, speeds: Speeds | None = None) -> Lowered:
    """Return the core's problem, an architecture just large enough (its memories unlimited), and the nest.

    `speeds` are bandwidths of levels by name, and how memories are buffered; without them nothing limits.
    """
    speeds = {} if speeds is None else speeds
    dims = list(case.problem.bounds)
    trips: dict[tuple[str, int], int] = {}
    extents = dict(case.problem.bounds)
    nest: list[tuple[list[tuple[int, int, int]], int]] = []
    levels: list[_core.Memory | _core.Array] = []
    for level in case.levels:
        memory = isinstance(level, MemoryLevel)
        loops = []
        for axis, along in enumerate([level.loops] if memory else [level.rows, level.columns]):
            for dim, tile in along:
                here = (level.name, axis)
                trips[here] = trips.get(here, 1) * -(-extents[dim] // tile)
                extents[dim] = min(tile, extents[dim])
                loops.append((dims.index(dim), tile, axis))
        if memory:
            nest.append((loops, role_mask(level.keeps)))
            levels.append(lower_memory(level.name, role_mask(level.keeps), speeds.get(level.name)))
        else:
            nest.append((loops, 0))
            size = (trips.get((level.name, 0), 1), trips.get((level.name, 1), 1))
            levels.append(lower_array(level, *size, speeds.get(level.name)))
    return lower_problem(case.problem), _core.Architecture(levels, 1.0), _core.Mapping(nest)


def lower_memory(name: str, keeps: int, speed: Speed | None = None) -> _core.Memory:
    """Return a memory without a limit to its size."""
    speed = speed or Speed()
    return _core.Memory(
        name=name,
        capacity_words=None,
        word_bits=16,
        keeps=keeps,
        read_energy=1,
        write_energy=1,
        read_bandwidth=speed.read,
        write_bandwidth=speed.write,
        shared_bandwidth=speed.shared,
        buffering=getattr(_core.Buffering, speed.buffering),
    )


def lower_array(level: ArrayLevel, rows: int, columns: int, speed: Speed | None = None) -> _core.Array:
    """Return an array of a size."""
    return _core.Array(
        name=level.name,
        rows=rows,
        columns=columns,
        multicast=None if level.multicast is None else sorted(level.multicast),
        reduce=None if level.reduce is None else sorted(level.reduce),
        forwards=role_mask(level.forwards),
        charge=[_core.Charge.none] * 3,
        energy=0,
        bandwidth=None if speed is None else [speed.network] * 3,
    )


# ------------------------------------------------------------------------------------------------------------
# Counts, side by side


Key = tuple[str, str, str]  # level or "nest", role or "all", count

_MEMORY = ("reads", "writes", "tile", "computed_reads", "computed_writes", "filled", "drained", "sent")
_NETWORK = ("sent", "delivered", "hops", "returned")
_RAMP = ("sent", "received", "parent")
_READ = {names: operator.attrgetter(*names) for names in (_MEMORY, _NETWORK, _RAMP)}


def _kinds(case: Case) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    """What is counted where: level, role and the names of the counts."""
    for i, level in enumerate(case.levels):
        for r, role in enumerate(ROLES):
            if isinstance(level, ArrayLevel):
                yield i, r, _NETWORK
                continue
            yield i, r, _MEMORY
            # Which tile of sums is the last to leave is a matter of the latency model, not of the walk.
            if role != "outputs":
                yield i, r, _RAMP


def count_values(case: Case, counts: _core.Counts) -> list[int]:
    """Return every count, in the order of `count_keys`."""
    depth = len(case.levels)
    values = [counts.macs, counts.steps, counts.active_macs, *counts.instances(depth)]
    found: dict[tuple[str, ...], list[list[Any]]] = {
        _MEMORY: counts.memories(depth),
        _NETWORK: counts.networks(depth),
        _RAMP: counts.ramps(depth),
    }
    for i, r, names in _kinds(case):
        values += _READ[names](found[names][i][r])
    return values


def count_keys(case: Case) -> list[Key]:
    """Return where each count is from."""
    names = [level.name for level in case.levels]
    keys = [("nest", "all", name) for name in ("macs", "steps", "active_macs")]
    keys += [(name, "all", "instances") for name in names]
    for i, r, kind in _kinds(case):
        prefix = "ramp " if kind is _RAMP else ""
        keys += [(names[i], ROLES[r], prefix + name) for name in kind]
    return keys


def count_table(case: Case, counts: _core.Counts) -> dict[Key, int]:
    """Return every count by where it is from."""
    return dict(zip(count_keys(case), count_values(case, counts), strict=True))


def explain(case: Case, one: dict[Key, int], other: dict[Key, int], names: tuple[str, str]) -> str:
    """Say which counts differ, below the nest."""
    different = [
        f"{' '.join(key)}: {names[0]} {one[key]}, {names[1]} {other[key]}"
        for key in one
        if one[key] != other[key]
    ]
    return "\n".join([str(case), "", *different])


def walker_case(case: Case) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return a case in the terms of `walker.walk`."""
    problem = {
        "bounds": dict(case.problem.bounds),
        "tensors": [
            {
                "name": role,
                "role": role,
                "axes": [
                    {"terms": list(axis.terms), "size": axis.size, "offset": axis.offset}
                    for axis in case.axes(role)
                ],
            }
            for role in ROLES
        ],
    }
    every = set(case.problem.bounds)
    levels: list[dict[str, Any]] = []
    for level in case.levels:
        if isinstance(level, MemoryLevel):
            levels.append(
                {"kind": "memory", "name": level.name, "keeps": set(level.keeps), "loops": list(level.loops)}
            )
        else:
            levels.append(
                {
                    "kind": "fanout",
                    "name": level.name,
                    "loops": [*level.rows, *level.columns],
                    "multicast": every if level.multicast is None else set(level.multicast),
                    "reduce": every if level.reduce is None else set(level.reduce),
                    "forwards": set(level.forwards),
                }
            )
    return problem, levels


def runs(levels: Sequence[CaseLevel], role: str) -> list[list[ArrayLevel]]:
    """Return the arrays between consecutive keepers of a role, the last ones above compute."""
    found: list[list[ArrayLevel]] = []
    for level in levels:
        if isinstance(level, ArrayLevel):
            found[-1].append(level)
        elif role in level.keeps:
            found.append([])
    return found


def lanes(case: Case) -> int:
    """Return how many MAC units the nest spreads over."""
    return math.prod(
        -(-extent // tile) for level, _, extent, tile in case.splits() if isinstance(level, ArrayLevel)
    )
