"""Random layers and mappings for small chips with a systolic array."""

from __future__ import annotations

import math
from dataclasses import dataclass

from dnnaccel import _core
from dnnaccel.problem import ROLES, Problem
from nests import (
    ArrayLevel,
    Case,
    CaseLevel,
    Lowered,
    MemoryLevel,
    Split,
    lower_array,
    lower_problem,
    role_mask,
)
from nests_random import Choices, _convolution, _interleave, _matmul, _window

HELD = {"ws": "weights", "os": "outputs", "is": "inputs"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SystolicCase:
    """A case, which dataflow it is, and whether its elements are double-buffered."""

    case: Case
    dataflow: str
    double_buffered: bool

    def __str__(self) -> str:
        return f"{self.dataflow}, double-buffered {self.double_buffered}\n{self.case}"


def random_systolic_case(choices: Choices, max_macs: int) -> SystolicCase:
    """Return a random layer on a random array under a mapping that the array can hold."""
    problem = choices.pick([_matmul, _window, _convolution, _convolution])(choices, max_macs)
    dataflow = choices.pick(["ws", "os", "is"])
    held = problem.tensor(HELD[dataflow]).dims
    rows, columns = _spread_dims(problem, dataflow)
    memories = _memories(choices)
    outside: list[dict[str, list[Split]]] = [{} for _ in memories]
    along: tuple[list[Split], list[Split]] = ([], [])
    inside: list[Split] = []
    for dim, bound in problem.bounds.items():
        axis = 0 if dim in rows else 1 if dim in columns else None
        spreads = axis is not None and choices.chance(60)
        streams = dim not in held and dim in (_stream_dims(problem, dataflow)) and not spreads
        tile = bound
        # What the array is given of the dim, after the loops of the memories above it.
        final = 1
        if spreads:
            final = choices.integer(1, min(bound, 5))
        elif streams and choices.chance(60):
            final = choices.integer(1, bound)
        places = sorted(choices.integer(0, len(memories) - 1) for _ in range(choices.integer(1, 3)))
        for place in places[:-1]:
            if tile > final:
                tile = choices.integer(final, tile)
                outside[place].setdefault(dim, []).append((dim, tile))
        if tile > final:
            outside[places[-1]].setdefault(dim, []).append((dim, final))
            tile = final
        if spreads and tile > 1:
            assert axis is not None
            middle = choices.integer(1, tile)
            if 1 < middle < tile:
                along[axis].append((dim, middle))
            along[axis].append((dim, 1))
        elif tile > 1:
            middle = choices.integer(1, tile)
            if 1 < middle < tile:
                inside.append((dim, middle))
            inside.append((dim, 1))
    levels: list[CaseLevel] = []
    for memory, loops in zip(memories, outside, strict=True):
        ordered = _interleave(choices, [loop for splits in loops.values() for loop in splits])
        levels.append(MemoryLevel(name=memory.name, keeps=memory.keeps, loops=ordered))
    every = choices.chance(50)
    levels.append(
        ArrayLevel(
            name="grid",
            rows=_interleave(choices, along[0]),
            columns=_interleave(choices, along[1]),
            multicast=None if every else frozenset(columns) | (rows if dataflow == "os" else frozenset()),
            reduce=None if every else frozenset(rows if dataflow != "os" else ()),
        )
    )
    levels.append(
        MemoryLevel(name="register", keeps=frozenset({HELD[dataflow]}), loops=_interleave(choices, inside))
    )
    case = Case(problem=problem, levels=tuple(levels))
    return SystolicCase(case=case, dataflow=dataflow, double_buffered=choices.chance(50))


def _spread_dims(problem: Problem, dataflow: str) -> tuple[frozenset[str], frozenset[str]]:
    inputs, weights, outputs = (problem.tensor(role).dims for role in ROLES)
    summed = (inputs & weights) - outputs
    pixels = (inputs & outputs) - weights
    channels = (weights & outputs) - inputs
    return {"ws": (summed, channels), "os": (pixels, channels), "is": (summed, pixels)}[dataflow]


def _stream_dims(problem: Problem, dataflow: str) -> frozenset[str]:
    outputs = problem.tensor("outputs").dims
    return frozenset(problem.dims) - outputs if dataflow == "os" else outputs


def _memories(choices: Choices) -> list[MemoryLevel]:
    everything = frozenset(ROLES)
    found = [MemoryLevel(name="ram", keeps=everything)]
    if choices.chance(70):
        if choices.chance(50):
            found.append(MemoryLevel(name="buffer", keeps=everything))
        else:
            one = frozenset(choices.some(ROLES, 50))
            found.append(MemoryLevel(name="left", keeps=one))
            found.append(MemoryLevel(name="right", keeps=everything - one))
    return found


def lower_systolic(one: SystolicCase) -> Lowered:
    """Return the core's problem, architecture and mapping."""
    case = one.case
    dims = list(case.problem.bounds)
    extents = dict(case.problem.bounds)
    nest: list[tuple[list[tuple[int, int, int]], int]] = []
    levels: list[_core.Memory | _core.Array] = []
    for level in case.levels:
        memory = isinstance(level, MemoryLevel)
        loops = []
        sizes = []
        for axis, along in enumerate([level.loops] if memory else [level.rows, level.columns]):
            trips = []
            for dim, tile in along:
                trips.append(-(-extents[dim] // tile))
                extents[dim] = min(tile, extents[dim])
                loops.append((dims.index(dim), tile, axis))
            sizes.append(math.prod(trips))
        if isinstance(level, MemoryLevel):
            nest.append((loops, role_mask(level.keeps)))
            twofold = one.double_buffered and level.name == "register"
            levels.append(_memory(level, _core.Buffering.double if twofold else _core.Buffering.single))
        else:
            nest.append((loops, 0))
            levels.append(lower_array(level, sizes[0], sizes[1]))
    return lower_problem(case.problem), _core.Architecture(levels, 1.0), _core.Mapping(nest)


def _memory(level: MemoryLevel, buffering: _core.Buffering) -> _core.Memory:
    return _core.Memory(
        name=level.name,
        capacity_words=None,
        word_bits=16,
        keeps=role_mask(level.keeps),
        read_energy=1,
        write_energy=1,
        read_bandwidth=None,
        write_bandwidth=None,
        shared_bandwidth=None,
        buffering=buffering,
    )
