"""A simulation as a picture in time: a trace-event file that Perfetto and Chrome open."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dnnaccel import _core
from dnnaccel._files import written_whole
from dnnaccel.activity import Activity
from dnnaccel.adder_tree import Case, checked_case, run_array
from dnnaccel.cost import mapped_problem
from dnnaccel.errors import DnnAccelError, MappingError, unknown_name
from dnnaccel.mapper import search
from dnnaccel.sim.tile import latencies

if TYPE_CHECKING:
    from dnnaccel.arch import Array, Chip
    from dnnaccel.dataflow import Dataflow
    from dnnaccel.layers import Layer
    from dnnaccel.mapping import Mapping

__all__ = ["MAX_BYTES", "TraceSummary", "trace"]

MAX_BYTES = 256 * 2**20
"""Bytes that a trace may have unless somebody says otherwise: what Perfetto opens without effort."""

_RATES = 1000  # points of the curve of products per cycle, about

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceSummary:
    """What was written.

    `cycles` are those of the simulation, and `last_cycle` how far of them the file goes: as far as its first
    missing event if it was `truncated`. `spans` and `counters` are the events in it, `dropped` those that
    found no room; `folds` is how often the array began anew, or at tile level how often tiles changed.
    `activity` says what each element of the `array` did, in the whole run; both are None at tile level.
    """

    path: str
    layer: str
    chip: str
    array: str | None
    fidelity: str
    cycles: int
    last_cycle: int
    folds: int
    spans: int
    counters: int
    dropped: int
    size_bytes: int
    clock_mhz: float | None
    activity: Activity | None = field(repr=False)

    @property
    def truncated(self) -> bool:
        """Whether events are missing because the file reached its cap."""
        return self.dropped > 0

    def to_dict(self) -> dict[str, Any]:
        """Return the fields by name, without the activity, and with `truncated`."""
        fields = {name: getattr(self, name) for name in TraceSummary.__slots__ if name != "activity"}
        return {**fields, "truncated": self.truncated}

    def to_json(self) -> str:
        """Return `to_dict` as JSON text."""
        return json.dumps(self.to_dict(), indent=2) + "\n"

    def __str__(self) -> str:
        where = f"{self.layer} on {self.chip}, {self.array or 'tiles'}"
        what = "positions" if self.array is None else "folds"
        text = (
            f"{where}: {self.folds:,} {what} in {self.cycles:,} cycles; "
            f"{self.spans + self.counters:,} events, {self.size_bytes:,} bytes"
        )
        if self.truncated:
            text += (
                f"\ncut at cycle {self.last_cycle:,}: {self.dropped:,} more events are not in it; "
                "max_bytes says how large it may be"
            )
        return text


def trace(
    layer: Layer,
    chip: Chip,
    path: str | os.PathLike[str],
    *,
    mapping: Mapping | str | os.PathLike[str] | None = None,
    dataflow: str | os.PathLike[str] | Dataflow | None = None,
    fidelity: str = "cycle",
    max_bytes: int = MAX_BYTES,
    progress: Progress | None = None,
) -> TraceSummary:
    """Simulate one layer on a chip and write what happens when, for Perfetto (https://ui.perfetto.dev).

    `mapping` is the one to simulate, or None for the fastest that a search under `dataflow` finds; the array
    that is simulated is the chip's with a `cycle_model`, and with `fidelity="tile"` the tiles of every memory
    instead. The file is in Chrome's trace-event format (JSON): times in microseconds of the chip's clock, or,
    where it states none, a microsecond for a cycle. It is written as the simulation goes, has at most
    `max_bytes`, and takes the place of `path` when it is whole; if more happens than fits, it ends early and
    says so. `progress` is called with (done, total, what).

    Raises `MappingError` for a mapping that does not fit the chip or that the array cannot hold,
    `DnnAccelError` for a chip whose arrays cannot be simulated at this fidelity, a cap too small for
    anything, or a file that cannot be written. Ctrl-C stops it, and leaves no file.
    """
    if fidelity not in _FIDELITIES:
        raise unknown_name("fidelity of a trace", fidelity, _FIDELITIES)
    array, tracer = _find_tracer(chip, fidelity)
    if mapping is None:
        mapping = search(layer, chip, dataflow, "latency", progress=progress).mapping
    elif dataflow is not None:
        raise DnnAccelError("give a mapping or a dataflow to search one under, not both")
    problem, nest = mapped_problem(layer, mapping)
    case, closed = checked_case(layer, chip, problem, nest)

    def told(done: int, total: int) -> None:
        if progress is not None:
            progress(done, total, layer.name)

    window = max(int(closed.cost.compute_cycles) // _RATES, 1)
    about = [
        ("layer", layer.name),
        ("chip", chip.name),
        *([] if array is None else [("array", array.name)]),
        ("fidelity", fidelity),
        ("mapping", str(nest)),
        ("writer", f"dnnaccel {_core.__version__}"),
    ]
    with written_whole(path) as temporary:
        try:
            writer = _core.TraceWriter(
                temporary, clock_mhz=chip.clock_mhz or 0.0, max_bytes=max_bytes, about=about
            )
        except ValueError as error:
            raise DnnAccelError(str(error)) from None
        try:
            waiting = sum(1 << problem.dims.index(dim) for dim in problem.waiting)
            job = TraceJob(
                case=case,
                chip=chip,
                array=array,
                waiting=waiting,
                writer=writer,
                window=window,
                told=told,
            )
            run = tracer(job)
        except ValueError as error:
            raise MappingError(f"layer {layer.name!r} on {chip.name}: {error}") from None
        written = writer.finish()
    return TraceSummary(
        path=os.fspath(path),
        layer=layer.name,
        chip=chip.name,
        array=None if array is None else array.name,
        fidelity=fidelity,
        cycles=run.cycles,
        last_cycle=int(written["last_cycle"]),
        folds=run.folds,
        spans=written["spans"],
        counters=written["counters"],
        dropped=written["dropped"],
        size_bytes=written["bytes"],
        clock_mhz=chip.clock_mhz,
        activity=run.activity,
    )


# ------------------------------------------------------------------------------------------------------------
# Who traces what


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceJob:
    """What a tracer is given: a case of the core on a chip, its array, and who draws it.

    `waiting` is the mask of dims whose positions wait for each other, `window` the cycles of one point of a
    curve; `told` wants to hear of (done, total) and may raise.
    """

    case: Case
    chip: Chip
    array: Array | None
    waiting: int
    writer: _core.TraceWriter
    window: int
    told: Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Traced:
    """What a tracer answers."""

    cycles: int
    folds: int
    activity: Activity | None


def _trace_adder_tree(job: TraceJob) -> Traced:
    assert job.array is not None
    run = run_array(
        job.case, job.chip, job.array, progress=job.told, trace=job.writer, trace_window=job.window
    )
    return Traced(cycles=run["cycles"], folds=run["folds"], activity=Activity.of(run))


def _trace_row_stationary(job: TraceJob) -> Traced:
    run = _core.simulate_row_stationary(
        *job.case, progress=job.told, trace=job.writer, trace_window=job.window
    )
    if run is None:  # it is stopped by raising
        raise KeyboardInterrupt
    return Traced(cycles=run["cycles"], folds=run["folds"], activity=Activity.of(run))


def _trace_systolic(job: TraceJob) -> Traced:
    run = _core.simulate_systolic(
        *job.case,
        activity=True,
        waiting=job.waiting,
        progress=job.told,
        trace=job.writer,
        trace_window=job.window,
    )
    if run is None:  # it is stopped by raising
        raise KeyboardInterrupt
    return Traced(cycles=run["cycles"], folds=run["folds"], activity=Activity.of(run))


def _trace_tiles(job: TraceJob) -> Traced:
    run = _core.simulate_tiles(*job.case, latency=latencies(job.chip), progress=job.told, trace=job.writer)
    return Traced(cycles=math.ceil(run.cycles), folds=run.positions, activity=None)


Tracer = Callable[[TraceJob], Traced]
"""Simulates and draws; `ValueError` if what it simulates cannot hold the mapping."""

# At cycle level by `cycle_model` of the array.
_ARRAYS: dict[str, Tracer] = {
    "adder_tree": _trace_adder_tree,
    "row_stationary": _trace_row_stationary,
    "systolic": _trace_systolic,
}
_FIDELITIES = ("cycle", "tile")


def _find_tracer(chip: Chip, fidelity: str) -> tuple[Array | None, Tracer]:
    if fidelity == "tile":
        return None, _trace_tiles
    for array in reversed(chip.arrays):
        if array.cycle_model in _ARRAYS:
            return array, _ARRAYS[array.cycle_model]
    models = [f"{array.name} is {array.cycle_model}" for array in chip.arrays if array.cycle_model]
    there = ", ".join(models) or "none of its arrays says what it is (cycle_model)"
    raise DnnAccelError(
        f"{chip.name}: {there}; cycle by cycle, arrays can be traced that are {', '.join(_ARRAYS)}, and at "
        "fidelity 'tile' every chip"
    )
