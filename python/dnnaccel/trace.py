"""A simulation as a picture in time: a trace-event file that Perfetto and Chrome open."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dnnaccel import _core
from dnnaccel._files import written_whole
from dnnaccel.activity import Activity
from dnnaccel.cost import describe_misfit, lower_case, mapped_problem
from dnnaccel.errors import DnnAccelError, MappingError, unknown_name
from dnnaccel.mapper import search
from dnnaccel.problem import ROLES

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
    found no room; `folds` is how often the array began anew. `activity` says what each element did, in the
    whole run.
    """

    path: str
    layer: str
    chip: str
    array: str
    fidelity: str
    cycles: int
    last_cycle: int
    folds: int
    spans: int
    counters: int
    dropped: int
    size_bytes: int
    clock_mhz: float | None
    activity: Activity = field(repr=False)

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
        text = (
            f"{self.layer} on {self.chip}, {self.array}: {self.folds:,} folds in {self.cycles:,} cycles; "
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
    that is simulated is the chip's with a `cycle_model`. The file is in Chrome's trace-event format (JSON):
    times in microseconds of the chip's clock, or, where it states none, a microsecond for a cycle. It is
    written as the simulation goes, has at most `max_bytes`, and takes the place of `path` when it is whole;
    if more happens than fits, it ends early and says so. `progress` is called with (done, total, what).

    Raises `MappingError` for a mapping that does not fit the chip or that the array cannot hold,
    `DnnAccelError` for a chip whose arrays cannot be simulated at this fidelity, a cap too small for
    anything, or a file that cannot be written. Ctrl-C stops it, and leaves no file.
    """
    if fidelity not in _TRACERS:
        raise unknown_name("fidelity of a trace", fidelity, _TRACERS)
    array, tracer = _find_tracer(chip, fidelity)
    if mapping is None:
        mapping = search(layer, chip, dataflow, "latency", progress=progress).mapping
    elif dataflow is not None:
        raise DnnAccelError("give a mapping or a dataflow to search one under, not both")
    problem, nest = mapped_problem(layer, mapping)
    where = f"layer {layer.name!r} on {chip.name}"
    try:
        case = lower_case(problem, chip, nest)
        closed = _core.evaluate(*case)
    except (ValueError, MappingError) as error:
        raise MappingError(f"{where}: {error}") from None
    if closed.misfit is not None:
        raise MappingError(f"{where}: {describe_misfit(closed.misfit, chip)}")

    def told(done: int, total: int) -> None:
        if progress is not None:
            progress(done, total, layer.name)

    window = max(int(closed.cost.compute_cycles) // _RATES, 1)
    about = [
        ("layer", layer.name),
        ("chip", chip.name),
        ("array", array.name),
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
            run = tracer(case, chip, array, writer, window, told)
        except ValueError as error:
            raise MappingError(f"{where}: {error}") from None
        written = writer.finish()
    return TraceSummary(
        path=os.fspath(path),
        layer=layer.name,
        chip=chip.name,
        array=array.name,
        fidelity=fidelity,
        cycles=run["cycles"],
        last_cycle=int(written["last_cycle"]),
        folds=run["folds"],
        spans=written["spans"],
        counters=written["counters"],
        dropped=written["dropped"],
        size_bytes=written["bytes"],
        clock_mhz=chip.clock_mhz,
        activity=Activity.of(run),
    )


# ------------------------------------------------------------------------------------------------------------
# Who traces what

Case = tuple[_core.Problem, _core.Architecture, _core.Mapping]
Tracer = Callable[
    ["Case", "Chip", "Array", _core.TraceWriter, int, Callable[[int, int], None]], dict[str, Any]
]
"""Simulates a case on an array of a chip and draws it; the number is the cycles of one point of a curve. The
answer has "cycles", "folds" and "activity". `ValueError` if the array cannot hold the mapping."""


def _trace_adder_tree(
    case: Case,
    chip: Chip,
    array: Array,
    writer: _core.TraceWriter,
    window: int,
    told: Callable[[int, int], None],
) -> dict[str, Any]:
    run = _core.simulate_adder_tree(
        *case,
        array=chip.levels.index(array),
        gates=sum(1 << ROLES.index(role) for role in chip.mac.gates),
        progress=told,
        trace=writer,
        trace_window=window,
    )
    if run is None:  # nobody here stops it but by raising
        raise KeyboardInterrupt
    return run


def _trace_row_stationary(
    case: Case,
    chip: Chip,
    array: Array,
    writer: _core.TraceWriter,
    window: int,
    told: Callable[[int, int], None],
) -> dict[str, Any]:
    run = _core.simulate_row_stationary(*case, progress=told, trace=writer, trace_window=window)
    if run is None:  # as above
        raise KeyboardInterrupt
    return run


# By fidelity, by `cycle_model` of the array.
_TRACERS: dict[str, dict[str, Tracer]] = {
    "cycle": {"adder_tree": _trace_adder_tree, "row_stationary": _trace_row_stationary}
}


def _find_tracer(chip: Chip, fidelity: str) -> tuple[Array, Tracer]:
    known = _TRACERS[fidelity]
    for array in reversed(chip.arrays):
        if array.cycle_model in known:
            return array, known[array.cycle_model]
    models = [f"{array.name} is {array.cycle_model}" for array in chip.arrays if array.cycle_model]
    there = ", ".join(models) or "none of its arrays says what it is (cycle_model)"
    raise DnnAccelError(
        f"{chip.name}: {there}; a trace at fidelity {fidelity!r} can show arrays that are {', '.join(known)}"
    )
