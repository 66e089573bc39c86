"""One network over many variants of a chip: `sweep` works out every combination, and keeps what is done."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING

from dnnaccel._effort import EFFORTS
from dnnaccel.errors import SweepError, unknown_name
from dnnaccel.mapper import OBJECTIVES
from dnnaccel.network import Network
from dnnaccel.sweeping.points import Constraint, Point, Value, log_range, points
from dnnaccel.sweeping.result import Sweep, SweepPoint
from dnnaccel.sweeping.run import Progress, run
from dnnaccel.sweeping.store import open_store
from dnnaccel.sweeping.work import Task

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
    executor: Executor | None = None,
    store: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> Sweep:
    """Simulate a network on every combination of parameter values, on all cores, and keep what is done.

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
    DnnAccelError
        For an unknown name. What cannot run is a point with its reason.

    Examples
    --------
    >>> from dnnaccel import sweep
    >>> found = sweep("lenet5", "eyeriss", {"glb.size_bytes": "32768..131072*2"})
    >>> [point["glb.size_bytes"] for point in found]
    [32768, 65536, 131072]
    """
    from dnnaccel import arch, zoo
    from dnnaccel._search_cache import fingerprint

    if objective not in OBJECTIVES:
        raise unknown_name("objective", objective, OBJECTIVES)
    if effort not in EFFORTS:
        raise unknown_name("effort", effort, EFFORTS)
    if not parameters:
        raise SweepError(
            "a sweep needs at least one parameter, for instance {'glb.size_bytes': [65536, 131072]}"
        )
    network = zoo.load(net) if isinstance(net, str) else net
    base = chip if isinstance(chip, arch.Chip) else arch.load(chip)
    found = points(base, parameters, constraints=constraints, equal_area=equal_area, on_chip=on_chip_bytes)
    nets = _batches(network, net, found)
    build = fingerprint() or "unknown"
    tasks: dict[str, Task] = {}
    keys: list[str | None] = []
    for point in found:
        if point.chip is None:
            keys.append(None)
            continue
        task = Task(
            net=nets[point.batch],
            chip=point.chip,
            dataflow=dataflow if point.dataflow is None else point.dataflow,
            objective=objective,
            density=density,
            effort=effort,
        )
        key = task.key(build)
        tasks.setdefault(key, task)
        keys.append(key)
    with open_store(store) as kept:
        results, seconds = run(tasks, kept, executor, progress)
    rows = []
    for point, kept_as in zip(found, keys, strict=True):
        result = {"reason": point.reason} if kept_as is None else results[kept_as]
        reason = result.get("reason")
        rows.append(
            SweepPoint(
                parameters=dict(point.values), figures={} if reason is not None else result, reason=reason
            )
        )
    return Sweep(
        network=network.name,
        chip=base.name,
        objective=objective,
        parameters=tuple(parameters),
        points=tuple(rows),
        energy_unit=base.energy_unit,
        area_unit=base.area_unit,
        seconds_per_point=seconds,
    )


def _batches(network: Network, given: Network | str, found: Sequence[Point]) -> dict[int | None, Network]:
    from dnnaccel import zoo

    nets: dict[int | None, Network] = {None: network}
    for batch in {point.batch for point in found} - {None}:
        if not isinstance(given, str):
            raise SweepError("a batch can be a parameter only of a network of the zoo, given by name")
        if isinstance(batch, bool) or not isinstance(batch, int):
            raise SweepError(f"a batch must be a whole number, not {batch!r}")
        nets[batch] = zoo.load(given, batch=batch)
    return nets
