"""The mapper: find a good mapping for a layer under a dataflow."""

from __future__ import annotations

import itertools
import math
import os
import time
from collections.abc import Callable, Sequence
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dnnaccel import _core
from dnnaccel._effort import FULL, PATIENCE, core_effort
from dnnaccel._lower import (
    describe_chip,
    describe_problem,
    describe_room,
    describe_rules,
    leakage_per_cycle,
    lift_mapping,
    lower_chip,
    lower_problem,
    lower_rules,
)
from dnnaccel._search_cache import Answer
from dnnaccel._search_run import Job, Setting, StoppedError, run_all
from dnnaccel._zeros import describe_density, lower_density
from dnnaccel.cost import describe_misfit, evaluate
from dnnaccel.dataflow import Dataflow, get
from dnnaccel.errors import (
    DataflowError,
    DnnAccelError,
    LayerError,
    MappingError,
    SearchInterrupted,
    unknown_name,
)
from dnnaccel.mapping import Mapping
from dnnaccel.mapspace import constrain, mac_units, required_units
from dnnaccel.problem import Problem
from dnnaccel.search_result import ParetoPoint, SearchResult, rank

if TYPE_CHECKING:
    from dnnaccel.arch import Chip
    from dnnaccel.layers import Layer
    from dnnaccel.sparsity import Density

__all__ = [
    "OBJECTIVES",
    "SEARCHES",
    "Found",
    "ParetoPoint",
    "Request",
    "SearchResult",
    "search",
    "search_all",
    "search_problems",
]

OBJECTIVES: tuple[str, ...] = ("energy", "latency", "edp")
"""What a mapping can be chosen by: energy, cycles, or their product."""

SEARCHES: tuple[str, ...] = (*OBJECTIVES, "pareto")
"""What one layer can be searched for: the least of an objective, or the whole front of energy and cycles."""

Progress = Callable[[int, int, str], None]
"""Called with (done, total, what) while a search runs."""

_EFFORT = FULL

# Sums of the same energies in another order differ in the last digits: a mapping may take what it is reported
# to take.
_ROUNDING = 1e-12


_Task = tuple[Problem, "Density | None"]


@dataclass(frozen=True, slots=True)
class _Limits:
    """What a mapping may take at most: energy in the chip's unit, and cycles."""

    energy: float = math.inf
    cycles: float = math.inf

    def __bool__(self) -> bool:
        return self != _Limits()

    def allow(self, energy: float, cycles: int) -> bool:
        return energy <= self.energy * (1 + _ROUNDING) and cycles <= self.cycles

    def without_vector_work(self, layer: Layer, chip: Chip) -> _Limits:
        """Return what is left for the MACs of a layer; its vector operations run beside them."""
        energy = max(0.0, self.energy - layer.ops * chip.vector.op_energy)
        return _Limits(energy, self.cycles if _vector_cycles(layer, chip) <= self.cycles else 0.0)


@dataclass(frozen=True, slots=True)
class Found:
    """A mapping found for a problem, before it is costed for a layer."""

    mapping: Mapping
    dataflow: str
    optimal: bool
    evaluated: int
    pruned: int
    pareto: tuple[ParetoPoint, ...]
    bound: float
    mapspace: float


@dataclass(frozen=True, slots=True)
class _Explored:
    """What was found, and why where nothing was; `stopped` if Ctrl-C came before the end."""

    found: dict[_Task, Found]
    failures: dict[_Task, str]
    refusals: dict[_Task, list[str]]
    flow: str
    stopped: bool

    def why_not(self, chip: Chip, missing: MappingOf[str, _Task]) -> MappingError:
        """Return the error for layers without a mapping, given by name."""
        layers = (
            f"layer {name!r}: {self.failures.get(task) or '; '.join(self.refusals[task])}"
            for name, task in missing.items()
        )
        return MappingError(f"{chip.name} under {self.flow}: {'; '.join(layers)}")


def search(
    layer: Layer,
    chip: Chip,
    dataflow: str | os.PathLike[str] | Dataflow | None = None,
    objective: str = "energy",
    *,
    max_energy: float | None = None,
    max_cycles: float | None = None,
    density: Density | None = None,
    effort: str = "full",
    threads: int | None = None,
    progress: Progress | None = None,
) -> SearchResult:
    """Find the best mapping of a layer on a chip that the search can.

    `dataflow` is a name, the path of a YAML file, a `Dataflow`, or None for the chip's own; `objective` is
    one of `SEARCHES`; the mapping takes at most `max_energy`, in the chip's unit, and `max_cycles` (None: any
    number); `density` says which words are zero (None: none); `effort` is "full" or "quick". Same inputs give
    the same answer, whatever the number of `threads` (None: all).

    Raises `MappingError` if nothing fits, saying where the smallest tiles fail, or is within the limits,
    saying what is least without; `DataflowError` if the chip cannot run the dataflow, `LayerError` for a
    layer without MACs. Ctrl-C stops it: `SearchInterrupted`, a `KeyboardInterrupt`, has the best so far.
    """
    if layer.problem is None:
        raise LayerError(f"layer {layer.name!r} ({layer.kind}) has no MACs and so nothing to map")
    limits = _Limits(_limit("max_energy", max_energy), _limit("max_cycles", max_cycles))
    began = time.perf_counter()
    task = (layer.problem, density)
    _check_threads(threads)
    plan = _plan(
        [task],
        chip,
        dataflow,
        objective,
        effort=effort,
        limits=limits.without_vector_work(layer, chip) if limits else limits,
        patience=PATIENCE,
    )
    (explored,) = _explore_all([plan], threads, progress)
    found = explored.found.get(task)
    if found is not None:
        found = _with_vector_work(layer, chip, found, objective, density, limits)
    if explored.stopped and found is None:
        raise KeyboardInterrupt
    if found is None and limits:
        found = _beyond(
            layer, chip, explored, dataflow, objective, limits, density, effort, threads, progress
        )
    if found is None:
        raise explored.why_not(chip, {layer.name: task})
    result = SearchResult(
        mapping=found.mapping,
        cost=evaluate(layer, chip, found.mapping, density=density),
        optimal=found.optimal,
        evaluated=found.evaluated,
        pruned=found.pruned,
        pareto=found.pareto,
        objective=objective,
        dataflow=found.dataflow,
        bound=found.bound,
        mapspace=found.mapspace,
        seconds=time.perf_counter() - began,
    )
    if explored.stopped:
        raise SearchInterrupted(result)
    return result


def _limit(name: str, value: float | None) -> float:
    if value is None:
        return math.inf
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise DnnAccelError(f"{name} is {value!r}; it must be a positive finite number, or None for no limit")
    return float(value)


def _beyond(
    layer: Layer,
    chip: Chip,
    explored: _Explored,
    dataflow: str | os.PathLike[str] | Dataflow | None,
    objective: str,
    limits: _Limits,
    density: Density | None,
    effort: str,
    threads: int | None,
    progress: Progress | None,
) -> Found:
    """Search without the limit that nothing was within, to say what is least; raises `MappingError`.

    A search that proves nothing may then come upon a mapping within the limits after all, and returns it.
    """
    tight_energy = limits.energy < math.inf
    within = limits.cycles if tight_energy and limits.cycles < math.inf else None
    try:
        least = search(
            layer,
            chip,
            dataflow,
            "energy" if tight_energy else "latency",
            max_cycles=within,
            density=density,
            effort=effort,
            threads=threads,
            progress=progress,
        )
    except SearchInterrupted:  # what it has is not within the limits that were asked for
        raise KeyboardInterrupt from None
    points = [point for point in least.pareto if limits.allow(point.energy, point.cycles)]
    if points:
        best = min(points, key=lambda point: rank(objective, point.energy, point.cycles))
        return Found(
            best.mapping,
            least.dataflow,
            False,
            least.evaluated,
            least.pruned,
            tuple(points),
            0.0,
            least.mapspace,
        )
    known = "" if least.optimal else " found"
    if tight_energy:
        unit = chip.energy_unit
        asked = f"max_energy={limits.energy:.10g} {unit}"
        much = f"the least energy{known} is {least.cost.energy:.10g} {unit}"
    else:
        asked = f"max_cycles={limits.cycles:.10g}"
        much = f"the least{known} is {least.cost.cycles} cycles"
    among = "no mapping" if within is None else f"no mapping of at most max_cycles={within:.10g} cycles"
    raise MappingError(
        f"{chip.name} under {explored.flow}: layer {layer.name!r}: {among} is within {asked}; {much}"
    )


def _vector_cycles(layer: Layer, chip: Chip) -> int:
    return math.ceil(layer.ops / chip.vector.lanes)


def _with_vector_work(
    layer: Layer, chip: Chip, found: Found, objective: str, density: Density | None, limits: _Limits
) -> Found | None:
    """Judge the front anew where the layer has vector operations (gates), which the core does not know.

    They add the same energy to every mapping and set a floor under its cycles, so that the best and the new
    front are among the mappings of the old one, unless the chip leaks: then what the floor lengthens costs
    energy too, a mapping that another beat may be the better one, and nothing is proved. None if nothing is
    within the limits any more.
    """
    if not layer.ops:
        return found
    points: list[ParetoPoint] = []
    costs = [(point, evaluate(layer, chip, point.mapping, density=density)) for point in found.pareto]
    # Sorted again: where the gates set the cycles, mappings of different lengths now leak alike.
    for point, cost in sorted(costs, key=lambda pair: (pair[1].energy, pair[1].cycles)):
        if limits.allow(cost.energy, cost.cycles) and (not points or cost.cycles < points[-1].cycles):
            points.append(ParetoPoint(cost.energy, cost.cycles, point.mapping))
    if not points:
        return None
    best = min(points, key=lambda point: rank(objective, point.energy, point.cycles))
    floored = any(cost.cycles > point.cycles for point, cost in costs)
    proved = found.optimal and not (floored and leakage_per_cycle(chip))
    figure = rank(objective, best.energy, best.cycles)[0]
    bound = figure if proved else min(figure, _bound_with_vector_work(layer, chip, objective, found.bound))
    return replace(found, mapping=best.mapping, pareto=tuple(points), optimal=proved, bound=bound)


def _bound_with_vector_work(layer: Layer, chip: Chip, objective: str, bound: float) -> float:
    """Return what no mapping has less of, vector operations included, if none has less than `bound` without.

    With e the energy of the MACs, c their cycles, E and V those of the vector operations, a layer takes at
    least e + E and max(c, V), and their product is at least e c + E V.
    """
    energy, cycles = layer.ops * chip.vector.op_energy, _vector_cycles(layer, chip)
    if objective == "latency":
        return max(bound, float(cycles))
    return bound + (energy * cycles if objective == "edp" else energy)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Mappings to find for problems, each with its density or None, by the name of the layer it belongs to.

    The names are for messages; the rest is as for `search`.
    """

    tasks: MappingOf[str, _Task]
    chip: Chip
    dataflow: str | os.PathLike[str] | Dataflow | None = None
    objective: str = "energy"
    effort: str = "full"


def search_all(
    requests: Sequence[Request], *, threads: int | None = None, progress: Progress | None = None
) -> list[dict[str, Found] | DataflowError | MappingError]:
    """Return for every request its mappings by name, or why there are none; all share the threads.

    Equal problems are searched once. Raises what `search` does for any other mistake.
    """
    _check_threads(threads)
    plans: list[_Plan | DataflowError | None] = []
    for request in requests:
        if not request.tasks:
            plans.append(None)
            continue
        try:
            plans.append(
                _plan(
                    list(request.tasks.values()),
                    request.chip,
                    request.dataflow,
                    request.objective,
                    effort=request.effort,
                )
            )
        except DataflowError as error:
            plans.append(error)
    explored = iter(_explore_all([plan for plan in plans if isinstance(plan, _Plan)], threads, progress))
    results: list[dict[str, Found] | DataflowError | MappingError] = []
    for request, plan in zip(requests, plans, strict=True):
        if not isinstance(plan, _Plan):
            results.append(plan or {})
            continue
        one = next(explored)
        if one.stopped:
            raise KeyboardInterrupt
        missing = {name: task for name, task in request.tasks.items() if task not in one.found}
        found = {name: one.found[task] for name, task in request.tasks.items() if name not in missing}
        results.append(one.why_not(request.chip, missing) if missing else found)
    return results


def search_problems(
    problems: Sequence[_Task],
    chip: Chip,
    dataflow: str | os.PathLike[str] | Dataflow | None = None,
    objective: str = "energy",
    *,
    names: Sequence[str],
    effort: str = "full",
    threads: int | None = None,
    progress: Progress | None = None,
) -> list[Found]:
    """Find a mapping for every problem, with its density or None; equal ones are searched once.

    `names` say which layer each belongs to, for messages.

    Raises what `search` does; a `MappingError` names every layer that cannot be mapped.
    """
    request = Request(
        tasks=dict(zip(names, problems, strict=True)),
        chip=chip,
        dataflow=dataflow,
        objective=objective,
        effort=effort,
    )
    (found,) = search_all([request], threads=threads, progress=progress)
    if isinstance(found, DnnAccelError):
        raise found
    return list(found.values())


def _goal(objective: str, limits: _Limits, units: int) -> dict[str, Any]:
    """Return what makes the core's goal for one of `SEARCHES`; its objective is named.

    At least so many MAC `units` are to work.
    """
    return {
        "objective": "energy" if objective == "pareto" else objective,
        "max_energy": limits.energy * (1 + _ROUNDING),
        "max_cycles": limits.cycles,
        "min_units": units,
    }


@dataclass(frozen=True, slots=True)
class _Plan:
    """The searches that tasks on one chip need, one for each variant of the dataflow."""

    chip: Chip
    objective: str
    variants: Sequence[Dataflow]
    units: int
    setting: Setting
    jobs: Sequence[Job]
    owners: Sequence[tuple[_Task, Dataflow]]
    refusals: dict[_Task, list[str]]

    def conclude(self, answers: Sequence[Answer | None], stopped: bool) -> _Explored:
        """Keep the best that was found for each task, under any variant."""
        by_task: dict[_Task, list[tuple[Dataflow, Answer | None]]] = {}
        for (task, variant), answer in zip(self.owners, answers, strict=True):
            by_task.setdefault(task, []).append((variant, answer))
        found: dict[_Task, Found] = {}
        failures: dict[_Task, str] = {}
        for task, parts in by_task.items():
            best = _best_variant(self.objective, parts, self.chip, task[0])
            if best is not None:
                found[task] = best if not stopped else replace(best, optimal=False)
            elif not stopped:
                failures[task] = next(
                    _why_nothing(answer, self.chip, self.units) for _, answer in parts if answer is not None
                )
        flow = "/".join(variant.name for variant in self.variants)
        return _Explored(found, failures, self.refusals, flow, stopped)


def _plan(
    tasks: Sequence[_Task],
    chip: Chip,
    dataflow: str | os.PathLike[str] | Dataflow | None,
    objective: str,
    *,
    effort: str,
    limits: _Limits = _Limits(),
    patience: int = 1,
) -> _Plan:
    """Return the searches for a mapping of every task under every variant of the dataflow."""
    if objective not in SEARCHES:
        raise unknown_name("objective", objective, SEARCHES)
    variants = get(chip.dataflow if dataflow is None else dataflow).expand()
    distinct = list(dict.fromkeys(tasks))
    jobs, owners, refusals = _jobs(variants, chip, distinct)
    if not jobs and distinct:
        raise DataflowError("; ".join(dict.fromkeys(itertools.chain(*refusals.values()))))
    # Variants differ in what they spread, not in how much is asked of them.
    units = required_units(variants[0], chip)
    setting = Setting(
        lower_chip(chip),
        describe_chip(chip),
        _goal(objective, limits, units),
        core_effort(effort, _EFFORT, objective, patience),
        keep=effort == "full",
    )
    return _Plan(chip, objective, variants, units, setting, jobs, owners, refusals)


def _explore_all(plans: Sequence[_Plan], threads: int | None, progress: Progress | None) -> list[_Explored]:
    """Run the searches of all plans together, and say for each what was found."""
    if not plans:
        return []
    stopped = False
    answers: Sequence[Answer | None]
    try:
        answers = run_all(
            [(plan.setting, job) for plan in plans for job in plan.jobs],
            threads=threads,
            progress=None if progress is None else (lambda done, total: progress(done, total, "mapping")),
        )
    except StoppedError as error:
        answers, stopped = error.answers, True
    left = iter(answers)
    return [plan.conclude(list(itertools.islice(left, len(plan.jobs))), stopped) for plan in plans]


def _check_threads(threads: int | None) -> None:
    if threads is not None and threads < 1:
        raise DnnAccelError(f"threads is {threads}; it must be at least 1, or None for all")


def _best_variant(
    objective: str, parts: Sequence[tuple[Dataflow, Answer | None]], chip: Chip, problem: Problem
) -> Found | None:
    """Merge what was found under the variants of a dataflow; ties go to the earlier one."""
    winner: tuple[Dataflow, _core.Mapping] | None = None
    least = (math.inf, math.inf)
    bounds = []
    for variant, answer in parts:
        if answer is None or answer.best is None:
            bounds.append(0.0 if answer is None else math.inf if answer.refused else answer.bound)
            continue
        score = _score(objective, answer)
        bounds.append(score[0] if answer.optimal else answer.bound)
        if winner is None or score < least:
            winner, least = (variant, answer.best), score
    if winner is None:
        return None
    answers = [answer for _, answer in parts if answer is not None]
    points: list[ParetoPoint] = []
    for point in sorted(
        (point for answer in answers for point in answer.pareto), key=lambda each: (each.energy, each.cycles)
    ):
        if not points or point.cycles < points[-1].cycles:
            mapping = lift_mapping(point.mapping, chip, problem)
            points.append(ParetoPoint(point.energy, point.cycles, mapping))
    return Found(
        lift_mapping(winner[1], chip, problem),
        winner[0].name,
        len(answers) == len(parts) and all(_is_proved(answer) for answer in answers),
        sum(answer.evaluated for answer in answers),
        sum(answer.pruned for answer in answers),
        tuple(points),
        min(*bounds, least[0]),
        sum(answer.mapspace for answer in answers),
    )


def _is_proved(answer: Answer) -> bool:
    """Whether nothing better is left: a bound of infinity says that there is nothing at all."""
    return answer.optimal or (answer.best is None and (bool(answer.refused) or math.isinf(answer.bound)))


def _jobs(
    variants: Sequence[Dataflow], chip: Chip, tasks: Sequence[_Task]
) -> tuple[list[Job], list[tuple[_Task, Dataflow]], dict[_Task, list[str]]]:
    """Return the jobs, whose they are, and why there are none, by task, under variants that refuse it."""
    jobs, owners = [], []
    refusals: dict[_Task, list[str]] = {}
    for task in tasks:
        problem, density = task
        zeros = lower_density(density, chip, problem)
        for variant in variants:
            try:
                rules = constrain(variant, chip, problem)
            except DataflowError as error:
                refusals.setdefault(task, []).append(str(error))
                continue
            described = [
                describe_problem(problem),
                describe_rules(rules, problem),
                describe_room(chip, problem, rules, dense=density is None),
                describe_density(density, chip, problem),
            ]
            jobs.append(Job(lower_problem(problem), lower_rules(rules, problem), zeros, described))
            owners.append((task, variant))
    return jobs, owners, refusals


def _score(objective: str, answer: Answer) -> tuple[float, float]:
    """Score of an answer's best point, the other figure breaking ties."""
    return min(rank(objective, point.energy, point.cycles) for point in answer.pareto)


def _why_nothing(answer: Answer, chip: Chip, units: int) -> str:
    if answer.refused:
        return f"the dataflow leaves no mapping: {answer.refused}"
    if answer.misfit is not None:
        return f"no mapping fits; in the smallest one tried, {describe_misfit(answer.misfit, chip)}"
    if units and answer.evaluated:
        known = "" if math.isinf(answer.bound) else " found"
        return f"no mapping{known} puts {units} of the {mac_units(chip)} MAC units to work"
    return "the dataflow leaves no mapping whose loops fit the array"
