"""The optimum of any small mapspace: nothing in it is better, and it never gets worse when anything grows.

`test_mapper.py` asks this of one hierarchy and its dataflows; here problem, hierarchy and constraints are
drawn. Mapspaces are enumerated whole: a search that does not prove its answer optimal is not looked at.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from dnnaccel import _core
from dnnaccel._lower import lower_chip, lower_mapping, lower_problem, lower_rules
from dnnaccel.arch import Array, Chip, Mac, Memory, Vector
from dnnaccel.dataflow import Dataflow, LevelConstraint
from dnnaccel.mapspace import constrain
from dnnaccel.problem import ROLES, Problem
from nests import ArrayLevel, Case, CaseLevel, MemoryLevel
from nests_random import Choices, Seeded, another_nest, random_case

EXHAUSTIVE = _core.Effort(exhaustive_limit=10_000, starts=1, proposals=1)
OBJECTIVES = ("energy", "latency", "edp")
PORTS = ("read_bytes_per_cycle", "write_bytes_per_cycle")
SPACES = 250  # looked at by each test; what is drawn is small as it comes, so nothing shrinks it


@dataclass(frozen=True)
class Space:
    """A mapspace: all that a dataflow and a chip leave open for a problem."""

    problem: Problem
    chip: Chip
    flow: Dataflow

    def optimum(self, objective: str) -> float | None:
        """Energy, cycles or their product of the best mapping, infinite if nothing fits.

        None if that it is the best is not proved.
        """
        space = lower_rules(constrain(self.flow, self.chip, self.problem), self.problem)
        (found,) = _core.search(
            lower_chip(self.chip),
            [lower_problem(self.problem)],
            [space],
            getattr(_core.Objective, objective),
            EXHAUSTIVE,
            1,
        )
        if found.best is None:
            return math.inf
        if not found.optimal:
            return None
        cost = self.cost(found.best)
        assert cost.misfit is None
        points = [score(objective, point.energy, point.cycles) for point in found.pareto]
        assert score(objective, cost.cost.energy, cost.cost.cycles) == min(points)
        return min(points)

    def cost(self, mapping: _core.Mapping) -> _core.Evaluation:
        return _core.evaluate(lower_problem(self.problem), lower_chip(self.chip), mapping)

    def __str__(self) -> str:
        return f"\n{self.problem}\n{self.chip.to_yaml()}\n{self.flow.to_yaml()}"


def score(objective: str, energy: float, cycles: int) -> float:
    return {"energy": energy, "latency": float(cycles), "edp": energy * cycles}[objective]


def random_level(choices: Choices, level: CaseLevel) -> Memory | Array:
    if isinstance(level, ArrayLevel):
        return Array(
            name=level.name,
            rows=choices.integer(1, 3),
            columns=choices.integer(1, 2),
            multicast=choices.pick(["all", "none", ("M", "N"), ("P", "C")]),
            reduce=choices.pick(["none", "all", ("C",)]),
            forwards=tuple(sorted(level.forwards)),
            charge={role: choices.pick(["none", "delivery", "hop"]) for role in ROLES},
            energy=choices.integer(0, 9),
        )
    keeps = tuple(sorted(level.keeps)) or ROLES
    outermost = level.name == "memory0"
    # Whole numbers: the energies of two mappings are compared to the last digit. What is near is cheap.
    most = 400 if outermost else 20
    return Memory(
        name=level.name,
        size_bytes=None if outermost else choices.integer(3, 20),
        word_bits=8,
        keeps=keeps,
        may_bypass=() if outermost else tuple(choices.some(keeps, 30)),
        buffering=choices.pick(["single", "double", "stream"]),
        read_energy=choices.integer(0, most),
        write_energy=choices.integer(0, most),
        **{port: choices.pick([None, 0.5, 2.0]) for port in PORTS},
    )


def random_flow(choices: Choices, problem: Problem, chip: Chip) -> Dataflow:
    """Constrain what every level splits, and now and then the order of a memory's loops."""
    levels = {}
    for name in chip.level_names:
        array = "." in name
        split = list(problem.dims) if name == "memory0" else choices.some(problem.dims, 40)
        order = choices.shuffled(split)[: choices.integer(0, 4)] if not array else []
        levels[name] = LevelConstraint(dims=tuple(split), order=tuple(order))
    return Dataflow(name="drawn", levels=levels)


def random_space(choices: Choices) -> Space:
    case = random_case(choices, 60)
    levels = tuple(random_level(choices, level) for level in case.levels[:5])
    chip = Chip(
        name="random",
        word_bits=8,
        energy_unit="pJ",
        levels=levels,
        mac=Mac(energy=choices.integer(0, 9)),
        vector=Vector(lanes=1, op_energy=1, memory="memory0"),
    )
    return Space(case.problem, chip, random_flow(choices, case.problem, chip))


# ------------------------------------------------------------------------------------------------------------
# What can grow


def some_level(choices: Choices, space: Space, kind: type) -> Any:
    levels = [level for level in space.chip.levels[1:] if isinstance(level, kind)]
    return choices.pick(levels) if levels else None


def with_level(space: Space, name: str, **changes: Any) -> Space:
    levels = [replace(x, **changes) if x.name == name else x for x in space.chip.levels]
    return replace(space, chip=replace(space.chip, levels=tuple(levels)))


def with_constraint(space: Space, name: str, **changes: Any) -> Space:
    levels = {**space.flow.levels, name: replace(space.flow.levels[name], **changes)}
    return replace(space, flow=replace(space.flow, levels=levels))


def larger_memory(choices: Choices, space: Space) -> Space | None:
    memory = some_level(choices, space, Memory)
    return memory and with_level(space, memory.name, size_bytes=memory.size_bytes + choices.integer(1, 20))


def faster_port(choices: Choices, space: Space) -> Space | None:
    memory, port = choices.pick(space.chip.memories), choices.pick(PORTS)
    rate = getattr(memory, port)
    return rate and with_level(space, memory.name, **{port: choices.pick([rate * 1.01, rate * 2, None])})


def larger_array(choices: Choices, space: Space) -> Space | None:
    """Double an axis, if all that the dims may be spread over on the small one they may on the large one."""
    array, axis = some_level(choices, space, Array), choices.pick(["rows", "columns"])
    if not array:
        return None
    room = getattr(array, axis)
    for positions in range(1, max(space.problem.bounds.values()) + 1):
        if not set(_core.spatial_factors(positions, room)) <= set(_core.spatial_factors(positions, 2 * room)):
            return None
    return with_level(space, array.name, **{axis: 2 * room})


def more_bypass(choices: Choices, space: Space) -> Space | None:
    memory = some_level(choices, space, Memory)
    return memory and with_level(space, memory.name, may_bypass=memory.keeps)


def more_dims(choices: Choices, space: Space) -> Space | None:
    name = choices.pick(list(space.flow.levels))
    split = space.flow.levels[name].dims or ()
    more = [dim for dim in space.problem.dims if dim not in split and space.problem.bounds[dim] > 1]
    return with_constraint(space, name, dims=(*split, choices.pick(more))) if more else None


def any_order(choices: Choices, space: Space) -> Space | None:
    names = [name for name, constraint in space.flow.levels.items() if constraint.order]
    return with_constraint(space, choices.pick(names), order=()) if names else None


GROWTHS: dict[str, Callable[[Choices, Space], Space | None]] = {
    "memory": larger_memory,
    "bandwidth": faster_port,
    "array": larger_array,
    "bypass": more_bypass,
    "dims split": more_dims,
    "loop order": any_order,
}


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("growth", GROWTHS)
def test_the_optimum_never_gets_worse_when_something_grows(growth: str, objective: str) -> None:
    better = 0
    for seed in range(SPACES):
        choices = Seeded(seed)
        space = random_space(choices)
        grown = GROWTHS[growth](choices, space)
        if grown is None:
            continue
        before = space.optimum(objective)
        after = grown.optimum(objective)
        if before is None or after is None:  # too large to enumerate
            continue
        assert after <= before, f"seed {seed}: {space}{grown}"
        better += after < before
    print(f"{growth} made the {objective} of {better} better")
    if (growth, objective) == ("bandwidth", "energy"):
        assert better == 0
    else:  # or the test has seen nothing
        assert better >= 3


# ------------------------------------------------------------------------------------------------------------
# Nothing is better


def place_of_each_split(case: Case) -> Iterator[tuple[str, str]]:
    for level in case.mapping().levels:
        for loop in level.loops:
            yield level.level, loop.dim


def without_constraints(space: Space) -> Space:
    everything = {name: LevelConstraint(dims=space.problem.dims) for name in space.chip.level_names}
    levels = [
        replace(level, may_bypass=level.keeps) if isinstance(level, Memory) and n else level
        for n, level in enumerate(space.chip.levels)
    ]
    chip = replace(space.chip, levels=tuple(levels))
    return Space(space.problem, chip, Dataflow(name="drawn", levels=everything))


def random_mapping(choices: Choices, space: Space) -> Case:
    levels: list[CaseLevel] = []
    for n, level in enumerate(space.chip.levels):
        if isinstance(level, Memory):
            keeps = choices.some(level.keeps, 70) if n else level.keeps
            levels.append(MemoryLevel(name=level.name, keeps=frozenset(keeps)))
        else:
            levels.append(ArrayLevel(name=level.name))
    return another_nest(choices, Case(problem=space.problem, levels=tuple(levels)))


def score_of(space: Space, case: Case, objective: str) -> float | None:
    """The score of a mapping that is in a mapspace without constraints, or None if it is not."""
    places = list(place_of_each_split(case))
    if len(set(places)) < len(places):  # the search splits a dim once in each place
        return None
    try:
        found = space.cost(lower_mapping(case.mapping(), space.chip, space.problem))
    except ValueError:  # more instances than the array has
        return None
    return None if found.misfit else score(objective, found.cost.energy, found.cost.cycles)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_no_mapping_is_better_than_the_optimum(objective: str) -> None:
    compared = equal = 0
    for seed in range(SPACES):
        choices = Seeded(seed)
        space = without_constraints(random_space(choices))
        best = space.optimum(objective)
        for _ in range(0 if best is None else 40):
            case = random_mapping(choices, space)
            found = score_of(space, case, objective)
            if found is not None and best is not None:
                assert best <= found, f"seed {seed}: {case}{space}"
                compared += 1
                equal += best == found
    print(f"{compared} mappings, {equal} of them as good as the optimum")
    assert compared >= 300
    assert equal >= 30
