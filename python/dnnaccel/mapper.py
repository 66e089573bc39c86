"""The mapper: find a good mapping for a layer under a dataflow."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dnnaccel import _core
from dnnaccel._lower import leakage_per_cycle, lift_mapping, lower_chip, lower_problem, lower_rules
from dnnaccel._zeros import lower_density
from dnnaccel.cost import LayerReport, describe_misfit, evaluate
from dnnaccel.dataflow import Dataflow, get
from dnnaccel.errors import DataflowError, DnnAccelError, LayerError, MappingError, unknown_name
from dnnaccel.mapping import Mapping
from dnnaccel.mapspace import constrain, required_units
from dnnaccel.problem import Problem

if TYPE_CHECKING:
    from dnnaccel.arch import Chip
    from dnnaccel.layers import Layer
    from dnnaccel.sparsity import Density

__all__ = ["OBJECTIVES", "ParetoPoint", "SearchResult", "search", "search_problems"]

OBJECTIVES: tuple[str, ...] = ("energy", "latency", "edp")
"""What a search can minimise: energy, cycles, or their product."""

Progress = Callable[[int, int, str], None]
"""Called with (done, total, what) while a search runs."""

# Starts and proposals per start of the annealing: about 0.3 s for a convolution on two cores. Mapspaces of
# at most `exhaustive_limit` points are enumerated instead, and the answer is then the proved optimum.
_EFFORT = {"exhaustive_limit": 20_000, "starts": 24, "proposals": 20_000}


@dataclass(frozen=True, slots=True)
class ParetoPoint:
    """A mapping that no other one seen beats in both energy (chip's unit) and cycles."""

    energy: float
    cycles: int
    mapping: Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """What a search found for one layer.

    `optimal` is True only if every mapping of the mapspace was costed or shown not to fit. `evaluated`
    mappings were costed, `pruned` ones dropped before that. `pareto` is the front of energy against cycles
    among those costed, by energy; it is the true front where `optimal` is True. `dataflow` is the variant
    that won, where there are several. `bound`, in the objective's unit, is proved: no mapping of the mapspace,
    which has `mapspace` points, has less. `seconds` is how long the search took.
    """

    mapping: Mapping
    cost: LayerReport
    optimal: bool
    evaluated: int
    pruned: int
    pareto: tuple[ParetoPoint, ...]
    objective: str
    dataflow: str
    bound: float = 0.0
    mapspace: float = 0.0
    seconds: float = 0.0

    @property
    def figure(self) -> float:
        """What was minimised, of the mapping found: energy, cycles, or their product."""
        return _figure(self.objective, self.cost.energy, self.cost.cycles)[0]

    @property
    def gap(self) -> float:
        """How far the mapping found may be from the optimum, at most, as a part of its figure: 0 if optimal."""
        return 0.0 if self.optimal or self.figure == 0 else max(0.0, 1 - self.bound / self.figure)

    def __repr__(self) -> str:
        proof = "optimal" if self.optimal else "best found"
        return (
            f"<SearchResult {self.cost.name}: {proof} of {self.evaluated} costed under {self.dataflow}, "
            f"{self.cost.energy:.4g} {self.cost.energy_unit}, {self.cost.cycles} cycles>"
        )


_Task = tuple[Problem, "Density | None"]


@dataclass(frozen=True, slots=True)
class _Found:
    """A mapping found for a problem, before it is costed for a layer."""

    mapping: Mapping
    dataflow: str
    optimal: bool
    evaluated: int
    pruned: int
    pareto: tuple[ParetoPoint, ...]


def search(
    layer: Layer,
    chip: Chip,
    dataflow: str | os.PathLike[str] | Dataflow | None = None,
    objective: str = "energy",
    *,
    density: Density | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> SearchResult:
    """Find the best mapping of a layer on a chip that the search can.

    `dataflow` is a name, the path of a YAML file, a `Dataflow`, or None for the chip's own; `objective` is
    one of `OBJECTIVES`; `density` says which words are zero (None: none). Same inputs give the same answer,
    whatever the number of `threads` (None: all). Ctrl-C stops it. Raises `MappingError` if nothing fits,
    saying where the smallest tiles fail, `DataflowError` if the chip cannot run the dataflow, `LayerError`
    for a layer without MACs.
    """
    if layer.problem is None:
        raise LayerError(f"layer {layer.name!r} ({layer.kind}) has no MACs and so nothing to map")
    (found,) = search_problems(
        [(layer.problem, density)],
        chip,
        dataflow,
        objective,
        names=[layer.name],
        threads=threads,
        progress=progress,
    )
    found = _with_vector_work(layer, chip, found, objective, density)
    return SearchResult(
        mapping=found.mapping,
        cost=evaluate(layer, chip, found.mapping, density=density),
        optimal=found.optimal,
        evaluated=found.evaluated,
        pruned=found.pruned,
        pareto=found.pareto,
        objective=objective,
        dataflow=found.dataflow,
    )


def _with_vector_work(
    layer: Layer, chip: Chip, found: _Found, objective: str, density: Density | None
) -> _Found:
    """Judge the front anew where the layer has vector operations (gates), which the core does not know.

    They add the same energy to every mapping and set a floor under its cycles, so that the best and the new
    front are among the mappings of the old one, unless the chip leaks: then what the floor lengthens costs
    energy too, a mapping that another beat may be the better one, and nothing is proved.
    """
    if not layer.ops:
        return found
    points: list[ParetoPoint] = []
    costs = [(point, evaluate(layer, chip, point.mapping, density=density)) for point in found.pareto]
    # Sorted again: where the gates set the cycles, mappings of different lengths now leak alike.
    for point, cost in sorted(costs, key=lambda pair: (pair[1].energy, pair[1].cycles)):
        if not points or cost.cycles < points[-1].cycles:
            points.append(ParetoPoint(cost.energy, cost.cycles, point.mapping))
    best = min(points, key=lambda point: _figure(objective, point.energy, point.cycles))
    floored = any(cost.cycles > point.cycles for point, cost in costs)
    proved = found.optimal and not (floored and leakage_per_cycle(chip))
    return replace(found, mapping=best.mapping, pareto=tuple(points), optimal=proved)


def search_problems(
    problems: Sequence[_Task],
    chip: Chip,
    dataflow: str | os.PathLike[str] | Dataflow | None = None,
    objective: str = "energy",
    *,
    names: Sequence[str],
    threads: int | None = None,
    progress: Progress | None = None,
) -> list[_Found]:
    """Find a mapping for every problem, with its density or None; equal ones are searched once.

    `names` say which layer each belongs to, for messages.

    Raises what `search` does; a `MappingError` names every layer that cannot be mapped.
    """
    if objective not in OBJECTIVES:
        raise unknown_name("objective", objective, OBJECTIVES)
    if threads is not None and threads < 1:
        raise DnnAccelError(f"threads is {threads}; it must be at least 1, or None for all")
    variants = get(chip.dataflow if dataflow is None else dataflow).expand()
    distinct = list(dict.fromkeys(problems))
    jobs, owners, refusals = _jobs(variants, chip, distinct)
    if not jobs and distinct:
        raise DataflowError("; ".join(dict.fromkeys(refusals)))
    report = None if progress is None else (lambda done, total: progress(done, total, "mapping"))
    outcomes = _core.search(
        lower_chip(chip),
        [job[0] for job in jobs],
        [job[1] for job in jobs],
        _core.Goal(
            getattr(_core.Objective, objective),
            # Variants differ in what they spread, not in what is asked of them.
            min_units=required_units(variants[0], chip),
        ),
        _core.Effort(**_EFFORT),
        threads or 0,
        report,
        [job[2] for job in jobs],
    )
    found: dict[_Task, _Found] = {}
    scores: dict[_Task, tuple[float, float]] = {}
    failures: dict[_Task, str] = {}
    for (task, variant), outcome in zip(owners, outcomes, strict=True):
        problem = task[0]
        if outcome.best is None:
            failures.setdefault(task, _why_nothing(outcome, chip))
            continue
        points = tuple(
            ParetoPoint(point.energy, point.cycles, lift_mapping(point.mapping, chip, problem))
            for point in outcome.pareto
        )
        score = _score(objective, outcome)
        if task in scores and scores[task] <= score:
            continue
        scores[task] = score
        found[task] = _Found(
            lift_mapping(outcome.best, chip, problem),
            variant.name,
            outcome.optimal,
            outcome.evaluated,
            outcome.pruned,
            points,
        )
    missing = {
        name: failures.get(task, "; ".join(refusals))
        for name, task in zip(names, problems, strict=True)
        if task not in found
    }
    if missing:
        flow = "/".join(variant.name for variant in variants)
        raise MappingError(
            f"{chip.name} under {flow}: "
            + "; ".join(f"layer {name!r}: {why}" for name, why in missing.items())
        )
    return [found[task] for task in problems]


def _jobs(
    variants: Sequence[Dataflow], chip: Chip, tasks: Sequence[_Task]
) -> tuple[
    list[tuple[_core.Problem, _core.Mapspace, _core.Sparsity]], list[tuple[_Task, Dataflow]], list[str]
]:
    jobs, owners, refusals = [], [], []
    for task in tasks:
        problem, density = task
        zeros = lower_density(density, chip, problem)
        for variant in variants:
            try:
                rules = constrain(variant, chip, problem)
            except DataflowError as error:
                refusals.append(str(error))
                continue
            jobs.append((lower_problem(problem), lower_rules(rules, problem), zeros))
            owners.append((task, variant))
    return jobs, owners, refusals


def _score(objective: str, outcome: _core.Outcome) -> tuple[float, float]:
    """Score of an outcome's best point, the other figure breaking ties."""
    return min(_figure(objective, point.energy, point.cycles) for point in outcome.pareto)


def _figure(objective: str, energy: float, cycles: int) -> tuple[float, float]:
    """What is minimised, and the other figure, which breaks ties."""
    if objective == "energy":
        return (energy, float(cycles))
    return (float(cycles), energy) if objective == "latency" else (energy * cycles, energy)


def _why_nothing(outcome: _core.Outcome, chip: Chip) -> str:
    if outcome.refused:
        return f"the dataflow leaves no mapping: {outcome.refused}"
    if outcome.misfit is not None:
        return f"no mapping fits; in the smallest one tried, {describe_misfit(outcome.misfit, chip)}"
    return "the dataflow leaves no mapping whose loops fit the array"
