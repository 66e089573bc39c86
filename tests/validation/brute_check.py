"""What is wrong with the outcome of a search, told by the points of the whole mapspace."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from brute_cases import Case
from brute_force import Point, cost_all

from dnnaccel import _core, mapper
from nests_random import Choices

OBJECTIVES = ("energy", "latency", "edp")
# Sums of energies differ in their last digits with the order in which they are added.
EXACT = 1e-12
LONGEST_FRONT = 64  # points; a search thins longer ones


def _effort(exhaustive_limit: int) -> _core.Effort:
    wanted = {"exhaustive_limit": exhaustive_limit, "starts": 2, "proposals": 200}
    return _core.Effort(**{key: wanted.get(key, value) for key, value in mapper._EFFORT.items()})


# How a mapspace is searched: point by point, or by bounds alone however small it is.
EFFORTS = {"enumerated": _effort(10_000_000), "proved": _effort(0)}


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

    def allows(self, point: Point) -> bool:
        return (
            point.energy <= self.max_energy
            and point.cycles <= self.max_cycles
            and point.units >= self.min_units
        )

    def score(self, energy: float, cycles: int) -> tuple[float, float]:
        """Return what is minimised and what breaks ties."""
        if self.objective == "energy":
            return energy, cycles
        return (cycles, energy) if self.objective == "latency" else (energy * cycles, energy)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with an outcome: which kind of thing, and a sentence."""

    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}"


@dataclass(slots=True)
class Truth:
    """A case with every point of it that fits."""

    case: Case
    size: int = field(init=False)
    fitting: int = field(init=False)
    points: list[Point] = field(init=False)

    def __post_init__(self) -> None:
        problem, architecture, _, sparsity = self.case.lowered()
        space = self.case.space()
        self.size, self.fitting = space.count(), space.fitting()
        self.points = cost_all(problem, architecture, space, sparsity)

    def wishes(self, choices: Choices) -> Iterator[Wish]:
        """Return the objectives alone, each within limits that some points meet, and one that none does."""
        for objective in OBJECTIVES:
            yield Wish(objective)
        if not self.points:
            return
        cycles = sorted({point.cycles for point in self.points})
        energies = sorted({point.energy for point in self.points})
        units = sorted({point.units for point in self.points})

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

    def search(self, wish: Wish, effort: _core.Effort, threads: int = 1) -> _core.Outcome:
        problem, architecture, space, sparsity = self.case.lowered()
        (outcome,) = _core.search(
            architecture, [problem], [space], wish.goal(), effort, threads, None, [sparsity]
        )
        return outcome

    def faults(self, wish: Wish, outcome: _core.Outcome) -> list[Fault]:
        """Say what is wrong with an outcome."""
        return list(self._faults(wish, outcome))

    def _faults(self, wish: Wish, outcome: _core.Outcome) -> Iterator[Fault]:
        if outcome.mapspace != self.size:
            yield Fault("count", f"counts {outcome.mapspace} points, and there are {self.size}")
        allowed = [point for point in self.points if wish.allows(point)]
        if not allowed:
            if outcome.best is not None:
                yield Fault("limits", "found a mapping where none is within the limits")
            return
        best = min(wish.score(point.energy, point.cycles) for point in allowed)
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
        elif not self._has(found):
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
        true_front = front([(point.energy, point.cycles) for point in allowed])
        if len(true_front) < LONGEST_FRONT and not same(found_front, true_front):
            yield Fault("front", f"its front is {found_front}, and the true one {true_front}")

    def _cost(self, mapping: _core.Mapping) -> Point | None:
        problem, architecture, _, sparsity = self.case.lowered()
        found = _core.evaluate(problem, architecture, mapping, sparsity)
        if found.misfit is not None:
            return None
        return Point(found.cost.energy, found.cost.cycles, found.counts.active_macs, mapping)

    def _has(self, found: Point) -> bool:
        alike = (point for point in self.points if point.cycles == found.cycles)
        levels = found.mapping.levels
        return any(
            point.mapping.levels == levels for point in alike if not differ(point.energy, found.energy)
        )

    def _whole(self) -> bool:
        """Whether every energy is a whole number, so that all sums are exact."""
        return all(point.energy.is_integer() for point in self.points)


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


def _loosened(point: Point) -> Point:
    return Point(point.energy * (1 - EXACT), point.cycles, point.units, point.mapping)
