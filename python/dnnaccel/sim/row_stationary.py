"""Cycle level, row stationary: Eyeriss' array, element by element, with real values or without."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dnnaccel import _core
from dnnaccel.activity import Activity
from dnnaccel.cost import lower_case, mapped_problem
from dnnaccel.errors import LayerError, MappingError
from dnnaccel.problem import ROLES, Problem

if TYPE_CHECKING:
    import pandas as pd

    from dnnaccel.arch import Chip
    from dnnaccel.layers import Layer
    from dnnaccel.mapping import Mapping

__all__ = ["RowCount", "RowStationaryRun", "RowTiming", "simulate_row_stationary"]

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowTiming:
    """What is no part of a chip's description yet; docs/row-stationary.md has where each comes from.

    `input_fifo` words stand between the input bus and an element's scratchpad, `sum_fifo` between an element
    and the next one up; a sum is there `pipeline` cycles after its last MAC was issued. With `shift`, new
    words are shifted into the window between two bursts, one a cycle, and a burst begins with a complete
    window; without, they come in beside the MACs. With `shared_adder`, adding a sum from below takes the
    element a cycle in which it multiplies nothing.
    """

    input_fifo: int = 16
    sum_fifo: int = 32
    pipeline: int = 3
    shift: bool = True
    shared_adder: bool = False

    def __post_init__(self) -> None:
        for name in ("input_fifo", "sum_fifo", "pipeline"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 2**20:
                raise MappingError(f"{name} must be a whole number from 0 to 2^20, not {value!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RowCount:
    """Words that the array read from and wrote to one memory for one tensor.

    Of memories above the array, only what the array itself asked of them.
    """

    level: str
    tensor: str
    reads: int
    writes: int

    def to_dict(self) -> dict[str, Any]:
        """Return the fields by name."""
        return {name: getattr(self, name) for name in RowCount.__slots__}


@dataclass(frozen=True, slots=True, kw_only=True)
class RowStationaryRun:
    """What a row-stationary array did with one layer.

    `passes` is how often it took new work; `active_pes` the number of its elements that ever worked, and
    `activity` what each did in which cycles. `input_tags` and `filter_tags` are how many row tags, and column
    tags beside one row tag, the multicast buses needed. `outputs` is None where no values were given.
    """

    name: str
    chip: str
    cycles: int
    clock_mhz: float | None
    macs: int
    gated_macs: int
    passes: int
    active_pes: int
    input_tags: tuple[int, int]
    filter_tags: tuple[int, int]
    counts: tuple[RowCount, ...] = field(repr=False)
    activity: Activity = field(repr=False, compare=False)
    outputs: npt.NDArray[Any] | None = field(repr=False, compare=False)

    @property
    def seconds(self) -> float | None:
        """Latency in seconds, or None if the chip states no clock."""
        return None if self.clock_mhz is None else self.cycles / (self.clock_mhz * 1e6)

    @property
    def utilization(self) -> float:
        """MACs per cycle and element."""
        return self.activity.utilization()

    def to_dict(self) -> dict[str, Any]:
        """Return all but values and what single elements did, as plain data."""
        names = ("name", "chip", "cycles", "clock_mhz", "macs", "gated_macs", "passes", "active_pes")
        return {
            **{name: getattr(self, name) for name in names},
            "input_tags": list(self.input_tags),
            "filter_tags": list(self.filter_tags),
            "utilization": self.utilization,
            "stalled": self.activity.stalled(),
            "counts": [count.to_dict() for count in self.counts],
        }

    def to_json(self) -> str:
        """Return `to_dict()` as JSON text, indented by two blanks."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False) + "\n"

    def to_csv(self) -> str:
        """Return the counts as CSV text, with a header; `activity` has its own."""
        from dnnaccel._rows import csv_text

        return csv_text([count.to_dict() for count in self.counts])

    def to_dataframe(self) -> pd.DataFrame:
        """Return the counts as a DataFrame; raises `MissingExtraError` without pandas."""
        from dnnaccel._rows import dataframe

        return dataframe([count.to_dict() for count in self.counts])


def simulate_row_stationary(
    layer: Layer,
    chip: Chip,
    mapping: Mapping | str | os.PathLike[str],
    *,
    inputs: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    timing: RowTiming | None = None,
    progress: Progress | None = None,
) -> RowStationaryRun:
    """Simulate one mapping of one layer on a row-stationary array, cycle by cycle.

    The mapping spreads filter rows (R) down the array, and G, C, M or P with them, and output rows (P) across
    it, and G, C or M beside them; in an element run C, S and M only. `inputs` and `weights` are whole tensors
    in the order of the layer's problem (N, G, C, H, W without padding, and G, M, C, R, S; any shape of as
    many words), of integers that fit 32 bits, or float32; without them, words are only counted. `progress` is
    called with (done, total, what) meanwhile, in MACs.

    Raises `MappingError` if the mapping does not belong to the layer and the chip or the array cannot hold
    it, naming level and dim, and `LayerError` for a layer without MACs or for values of another shape.
    """
    problem, nest = mapped_problem(layer, mapping)
    if (inputs is None) != (weights is None):
        raise LayerError(f"layer {layer.name!r}: inputs and weights are given together or not at all")
    real = inputs is not None and np.asarray(inputs).dtype.kind == "f"
    values = [
        None if given is None else _values(given, problem, role, layer.name, real)
        for role, given in (("inputs", inputs), ("weights", weights))
    ]
    timing = timing or RowTiming()

    def told(done: int, total: int) -> None:
        if progress is not None:
            progress(done, total, layer.name)

    try:
        run = _core.simulate_row_stationary(
            *lower_case(problem, chip, nest),
            *values,
            **{name: getattr(timing, name) for name in RowTiming.__slots__},
            progress=told,
        )
    except (ValueError, MappingError) as error:
        raise MappingError(f"layer {layer.name!r} on {chip.name}: {error}") from None
    if run is None:  # nobody here stops it but by raising
        raise KeyboardInterrupt
    activity = Activity.of(run)
    return RowStationaryRun(
        name=layer.name,
        chip=chip.name,
        cycles=run["cycles"],
        clock_mhz=chip.clock_mhz,
        macs=run["macs"],
        gated_macs=run["gated_macs"],
        passes=run["folds"],
        input_tags=run["input_tags"],
        filter_tags=run["filter_tags"],
        active_pes=int((activity.active > 0).sum()),
        counts=_counts(run, chip),
        activity=activity,
        outputs=run.get("outputs"),
    )


def _counts(run: MappingOf[str, Any], chip: Chip) -> tuple[RowCount, ...]:
    return tuple(
        RowCount(level=level.name, tensor=role, reads=reads, writes=writes)
        for level, all_reads, all_writes in zip(chip.levels, run["reads"], run["writes"], strict=True)
        for role, reads, writes in zip(ROLES, all_reads, all_writes, strict=True)
        if reads or writes
    )


def _values(given: npt.ArrayLike, problem: Problem, role: str, name: str, real: bool) -> npt.NDArray[Any]:
    """Return values as the core takes them, checked."""
    array = np.asarray(given)
    shape = [axis.size for axis in problem.tensor(role).axes]
    if array.dtype.kind not in ("fiu" if real else "iu"):
        raise LayerError(
            f"layer {name!r}: {role} are of type {array.dtype}; integers, or float32 for all, would be right"
        )
    if array.size != problem.tensor(role).words:
        raise LayerError(f"layer {name!r}: {role} have shape {array.shape}; {tuple(shape)} would be right")
    if not real and array.size and not -(2**31) <= int(array.min()) <= int(array.max()) < 2**31:
        raise LayerError(f"layer {name!r}: {role} have values that do not fit 32 bits")
    return np.ascontiguousarray(array.reshape(shape), dtype=np.float32 if real else np.int32)
