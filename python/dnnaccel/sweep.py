"""One network over many variants of a chip: all of them, or those that a search chooses; all done is kept."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any

from dnnaccel._effort import EFFORTS
from dnnaccel.errors import SweepError, unknown_name
from dnnaccel.mapper import OBJECTIVES
from dnnaccel.network import Network
from dnnaccel.sweeping.points import Constraint, Grid, Point, Value, log_range, points
from dnnaccel.sweeping.result import Sweep, SweepPoint
from dnnaccel.sweeping.run import Crew, Progress
from dnnaccel.sweeping.store import open_store
from dnnaccel.sweeping.work import Task, check_figures

if TYPE_CHECKING:
    from dnnaccel.arch import Chip
    from dnnaccel.dataflow import Dataflow
    from dnnaccel.sparsity import DensityLike

__all__ = ["Sweep", "SweepPoint", "log_range", "sweep"]


def sweep(
    net: Network | str,
    chip: Chip | str | os.PathLike[str],
    parameters: Mapping[str, Iterable[Value] | Value],
    *,
    objective: str = "energy",
    dataflow: Dataflow | str | None = None,
    density: DensityLike | None = None,
    effort: str = "full",
    constraints: Sequence[Constraint] = (),
    equal_area: float | None = None,
    on_chip_bytes: int | None = None,
    figures: Sequence[str] = ("energy", "cycles"),
    trials: int | None = None,
    seed: int = 0,
    executor: Executor | None = None,
    store: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> Sweep:
    """Simulate a network on combinations of parameter values, on all cores, and keep what is done.

    Parameters
    ----------
    net
        A network, or the name of one of the zoo.
    chip
        A `Chip`, the name of a preset, or the path of a YAML file: what the parameters change.
    parameters
        Values by parameter: a list, or a text such as "8,12,16", "64..1024*2" (factors) or "8..16+4"
        (steps). A parameter is a key of `Chip.override` ("glb.size_bytes"), or "batch" or "dataflow".
    objective
        What the mapper minimises for each layer: "energy", "latency" or "edp".
    dataflow, density, effort
        As `simulate` takes them.
    constraints
        What a combination must meet: comparisons as text ("pe_array.rows * pe_array.columns == 168"; names
        are keys of the chip, "area", "on_chip_bytes" and "pe_count"), or functions of a `Chip`.
    equal_area
        Take only chips whose area is that of `chip` but for this part (0.05: five per cent).
    on_chip_bytes
        Take only chips whose memories, all instances together, have this many bytes at most.
    figures
        What the front of the result is of, and what a search looks for the least (or most) of: one or more.
    trials
        Work out only so many combinations, chosen by a search (Optuna, an extra); None: all of them.
    seed
        Of the search. The same seed gives the same points, whatever the executor and the store.
    executor
        Anything with the interface of `concurrent.futures.Executor`, such as Dask's `Client.get_executor()`;
        None: a thread for each core of this machine.
    store
        A file for what is done. A run that was killed resumes there, and several processes may share one.
    progress
        Called with points done, points in all, and a text with the rate and the time left.

    Raises
    ------
    SweepError
        For parameters or constraints that make no sense, or a store that cannot be used.
    MissingExtraError
        For `trials` without Optuna.
    DnnAccelError
        For an unknown name. What cannot run is a point with its reason.

    Examples
    --------
    >>> from dnnaccel import sweep
    >>> found = sweep("lenet5", "eyeriss", {"glb.size_bytes": "32768..131072*2"})
    >>> [point["glb.size_bytes"] for point in found]
    [32768, 65536, 131072]
    """
    from dnnaccel import arch

    if objective not in OBJECTIVES:
        raise unknown_name("objective", objective, OBJECTIVES)
    if effort not in EFFORTS:
        raise unknown_name("effort", effort, EFFORTS)
    if not parameters:
        raise SweepError(
            "a sweep needs at least one parameter, for instance {'glb.size_bytes': [65536, 131072]}"
        )
    names = _figures(figures)
    base = chip if isinstance(chip, arch.Chip) else arch.load(chip)
    grid = Grid(base, parameters, constraints=constraints, equal_area=equal_area, on_chip=on_chip_bytes)
    most = _trials(trials, len(grid))
    tasks = _Tasks(net, dataflow=dataflow, objective=objective, density=density, effort=effort)
    with open_store(store) as kept:
        if most is None:
            found = points(grid)
            wanted = dict(filter(None, (tasks.of(point) for _, point in found)))
            with Crew(kept, executor, progress, len(wanted)) as crew:
                crew.want(wanted)
                crew.wait(list(wanted))
        else:
            from dnnaccel.sweeping.search import search

            with Crew(kept, executor, progress, most) as crew:
                found = search(grid, tasks.of, crew, figures=names, trials=most, seed=seed)
    return Sweep(
        network=tasks.network.name,
        chip=base.name,
        objective=objective,
        parameters=tuple(parameters),
        points=tuple(_row(point, tasks.of(point), crew.results) for _, point in found),
        energy_unit=base.energy_unit,
        area_unit=base.area_unit,
        figures=names,
        inputs={
            "job": "sweep",
            "network": tasks.network.name,
            "chip": base.to_yaml(),
            "dataflow": base.dataflow if dataflow is None else str(getattr(dataflow, "name", dataflow)),
            "objective": objective,
            "effort": effort,
            "density": None if density is None else str(density),
            "parameters": grid.values,
            "constraints": [each if isinstance(each, str) else repr(each) for each in constraints],
            "equal_area": equal_area,
            "on_chip_bytes": on_chip_bytes,
            "figures": list(names),
            "trials": most,
            "seed": None if most is None else seed,
        },
        seconds_per_point=crew.seconds_per_point,
    )


def _figures(names: Sequence[str]) -> tuple[str, ...]:
    chosen = (names,) if isinstance(names, str) else tuple(names)
    check_figures(chosen)
    if not chosen or len(set(chosen)) < len(chosen):
        raise SweepError(f"figures must be one or more, each once, not {', '.join(chosen) or 'none'}")
    return chosen


def _trials(trials: int | None, combinations: int) -> int | None:
    """Return how many points to search for; None where that is all of them."""
    if trials is None:
        return None
    if isinstance(trials, bool) or not isinstance(trials, int) or trials < 1:
        raise SweepError(f"trials must be a whole number of at least 1, or None for all, not {trials!r}")
    return None if trials >= combinations else trials


def _row(
    point: Point, wanted: tuple[str, Task] | None, results: Mapping[str, Mapping[str, Any]]
) -> SweepPoint:
    result = {"reason": point.reason} if wanted is None else results[wanted[0]]
    reason = result.get("reason")
    return SweepPoint(
        parameters=dict(point.values), figures={} if reason is not None else result, reason=reason
    )


class _Tasks:
    """What is to be done for a point, by its key."""

    def __init__(
        self,
        net: Network | str,
        *,
        dataflow: Dataflow | str | None,
        objective: str,
        density: DensityLike | None,
        effort: str,
    ) -> None:
        from dnnaccel import zoo
        from dnnaccel._search_cache import fingerprint

        self.network = zoo.load(net) if isinstance(net, str) else net
        self._given = net
        self._nets: dict[int | None, Network] = {None: self.network}
        self._dataflow, self._objective = dataflow, objective
        self._density, self._effort = density, effort
        self._build = fingerprint() or "unknown"

    def of(self, point: Point) -> tuple[str, Task] | None:
        """Return key and task; None for a point that is no chip."""
        if point.chip is None:
            return None
        task = Task(
            net=self._net(point.batch),
            chip=point.chip,
            dataflow=self._dataflow if point.dataflow is None else point.dataflow,
            objective=self._objective,
            density=self._density,
            effort=self._effort,
        )
        return task.key(self._build), task

    def _net(self, batch: int | None) -> Network:
        from dnnaccel import zoo

        if batch not in self._nets:
            if not isinstance(self._given, str):
                raise SweepError("a batch can be a parameter only of a network of the zoo, given by name")
            if isinstance(batch, bool) or not isinstance(batch, int):
                raise SweepError(f"a batch must be a whole number, not {batch!r}")
            self._nets[batch] = zoo.load(self._given, batch=batch)
        return self._nets[batch]
