"""What is wrong with the outcome of a search, told by the points of the whole mapspace."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from brute_cases import Case
from brute_force import Cost, cost_all, cost_one

from dnnaccel import _core, mapper
from nests_random import Choices

OBJECTIVES = ("energy", "latency", "edp")
# Sums of energies differ in their last digits with the order in which they are added.
EXACT = 1e-12
LONGEST_FRONT = 64  # points; a search thins longer ones


# How a mapspace is searched: point by point, or by bounds alone however small it is.
_LITTLE = {"starts": 2, "proposals": 200, "proof": 1_000_000}
EFFORTS = {
    way: _core.Effort(**(mapper._EFFORT | _LITTLE | {"exhaustive_limit": limit}))
    for way, limit in {"enumerated": 10_000_000, "proved": 0}.items()
}


@dataclass(frozen=True, slots=True)
class Wish:
    """A goal in numbers: what is minimised, and within which limits."""

    objective: str
    max_energy: float = math.inf
    max_cycles: float = math.inf
    min_units: int = 0

    def goal(self) -> _core.Goal:
        return _core.Goal(
            getattr(_core.Objective, self.objective),
            max_energy=self.max_energy,
            max_cycles=self.max_cycles,
            min_units=self.min_units,
        )

    def allows(self, cost: Cost) -> bool:
        return (
            cost.energy <= self.max_energy and cost.cycles <= self.max_cycles and cost.units >= self.min_units
        )

    def score(self, energy: float, cycles: int) -> tuple[float, float]:
        """Return what is minimised and what breaks ties."""
        if self.objective == "energy":
            return energy, cycles
        return (cycles, energy) if self.objective == "latency" else (energy * cycles, energy)


def search(case: Case, wish: Wish, effort: _core.Effort, threads: int = 1) -> _core.Outcome:
    """Search the mapspace of a case."""
    problem, architecture, space, sparsity = case.lowered()
    (outcome,) = _core.search(
        architecture, [problem], [space], wish.goal(), effort, threads, None, [sparsity]
    )
    return outcome


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with an outcome: which kind of thing, and a sentence."""

    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}"


class Truth:
    """A case, what each point of it that fits costs, and how many points there are."""

    def __init__(self, case: Case) -> None:
        self.case = case
        problem, architecture, _, sparsity = case.lowered()
        space = case.space()
        self.size, self.fitting = space.count(), space.fitting()
        self.points = cost_all(problem, architecture, space, sparsity)

    def wishes(self, choices: Choices) -> Iterator[Wish]:
        """Return the objectives alone, each within limits that some points meet, and one that none does."""
        for objective in OBJECTIVES:
            yield Wish(objective)
        if not self.points:
            return
        cycles = sorted({cost.cycles for cost in self.points})
        energies = sorted({cost.energy for cost in self.points})
        units = sorted({cost.units for cost in self.points})

        def low(values: Sequence[float]) -> float:
            return values[choices.integer(0, choices.integer(0, len(values) - 1))]

        def budget() -> float:
            return low(energies) * (1 + 1e-9)  # not between two that only rounding tells apart

        yield Wish("energy", max_cycles=low(cycles))
        yield Wish("latency", max_energy=budget())
        yield Wish("edp", max_cycles=low(cycles))
        yield Wish("edp", max_energy=budget())
        yield Wish(choices.pick(OBJECTIVES), min_units=choices.pick(units))
        yield Wish(choices.pick(OBJECTIVES), budget(), low(cycles), choices.pick(units))
        yield Wish(choices.pick(OBJECTIVES), max_cycles=cycles[0] - 1)

    def search(self, wish: Wish, effort: _core.Effort) -> _core.Outcome:
        return search(self.case, wish, effort)

    def faults(self, wish: Wish, outcome: _core.Outcome) -> list[Fault]:
        """Say what is wrong with an outcome."""
        return list(self._faults(wish, outcome))

    def _faults(self, wish: Wish, outcome: _core.Outcome) -> Iterator[Fault]:
        if outcome.mapspace != self.size:
            yield Fault("count", f"counts {outcome.mapspace} points, and there are {self.size}")
        allowed = [cost for cost in self.points if wish.allows(cost)]
        if not allowed:
            if outcome.best is not None:
                yield Fault("limits", "found a mapping where none is within the limits")
            return
        best = min(wish.score(cost.energy, cost.cycles) for cost in allowed)
        if above(outcome.bound, best[0]):
            yield Fault("bound", f"bound {outcome.bound!r} is above the optimum {best[0]!r}")
        if outcome.best is None:
            if outcome.optimal:
                yield Fault("proof", "claims a proof and has no mapping")
            return
        found = self._cost(outcome.best)
        if found is None or not wish.allows(_loosened(found)):
            yield Fault("limits", f"its best mapping does not fit, or breaks a limit: {found}")
            return
        claimed = min((wish.score(point.energy, point.cycles) for point in outcome.pareto), default=None)
        score = wish.score(found.energy, found.cycles)
        if claimed is None or differ(claimed[0], score[0]):
            yield Fault("claim", f"its best mapping costs {score[0]!r}, and the best of its front {claimed}")
        if above(best[0], score[0]):
            yield Fault("stranger", f"found {score[0]!r}, better than all points, whose best is {best[0]!r}")
        elif not self._has(outcome.best, found):
            yield Fault("stranger", "its best mapping is no point of the mapspace")
        for point in outcome.pareto:
            cost = self._cost(point.mapping)
            if cost is None or differ(cost.energy, point.energy) or cost.cycles != point.cycles:
                yield Fault("claim", f"a point of its front at {(point.energy, point.cycles)} costs {cost}")
        if not outcome.optimal:
            return
        if above(score[0], best[0]):
            yield Fault("optimum", f"claims that {score[0]!r} is the optimum, which is {best[0]!r}")
        elif (wish.objective == "latency" or self._whole()) and above(score[1], best[1]):
            yield Fault("tie", f"of equals, it takes one with {score[1]!r}, not {best[1]!r}")
        found_front = front([(point.energy, point.cycles) for point in outcome.pareto])
        true_front = front([(cost.energy, cost.cycles) for cost in allowed])
        if len(true_front) < LONGEST_FRONT and not same(found_front, true_front):
            yield Fault("front", f"its front is {found_front}, and the true one {true_front}")

    def _cost(self, mapping: _core.Mapping) -> Cost | None:
        problem, architecture, _, sparsity = self.case.lowered()
        return cost_one(problem, architecture, mapping, sparsity)

    def _has(self, mapping: _core.Mapping, cost: Cost) -> bool:
        """Whether a mapping that costs this is one of the points."""
        levels = mapping.levels
        return any(
            point.levels == levels
            for other, mappings in self.points.items()
            if other[1:] == cost[1:] and not differ(other.energy, cost.energy)
            for point in mappings
        )

    def _whole(self) -> bool:
        """Whether every energy is a whole number, so that all sums are exact."""
        return all(cost.energy.is_integer() for cost in self.points)


def front(points: Sequence[tuple[float, int]]) -> list[tuple[float, int]]:
    """Return the points that no other one beats, or equals but for rounding; the fastest first."""
    best: list[tuple[float, int]] = []
    for energy, cycles in sorted(points, key=lambda point: (point[1], point[0])):
        if not best or above(best[-1][0], energy):
            best.append((energy, cycles))
    return best


def same(one: Sequence[tuple[float, int]], other: Sequence[tuple[float, int]]) -> bool:
    """Whether two fronts are equal but for rounding."""
    return len(one) == len(other) and not any(
        differ(a, b) or c != d for (a, c), (b, d) in zip(one, other, strict=True)
    )


def above(one: float, other: float) -> bool:
    """Whether one figure is above the other by more than rounding."""
    return one > other and differ(one, other)


def differ(one: float, other: float) -> bool:
    return not math.isclose(one, other, rel_tol=EXACT)


def _loosened(cost: Cost) -> Cost:
    return cost._replace(energy=cost.energy * (1 - EXACT))
