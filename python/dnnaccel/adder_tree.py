"""Arrays of multipliers with an adder tree for each column, as in NVDLA and DianNao, cycle by cycle."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from dnnaccel import _core
from dnnaccel._rows import Row, csv_text, dataframe
from dnnaccel.activity import STALLS, Activity
from dnnaccel.cost import describe_misfit, lower_case, mapped_problem
from dnnaccel.errors import DnnAccelError, LayerError, MappingError
from dnnaccel.mapper import search
from dnnaccel.problem import ROLES

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

    from dnnaccel.arch import Array, Chip
    from dnnaccel.dataflow import Dataflow
    from dnnaccel.layers import Layer
    from dnnaccel.mapping import Mapping as Nest
    from dnnaccel.problem import Problem

__all__ = ["AdderTreeRun", "ArrayCount", "simulate"]

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayCount:
    """Words of one tensor that the array read and wrote at one memory, in it or above it."""

    level: str
    tensor: str
    reads: int
    writes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AdderTreeRun:
    """What an adder-tree array did for one layer.

    `cycles` = `steps` (positions of the nest, one a cycle) + all `waits` (cycles that the whole array stood
    still, by cause) + `depth` - 1, where `depth` are the stages from a multiplier to the sum it ends in.
    `counts` are of the memories inside the array, and of those above it only what the array asked of them.
    `outputs` are the sums, or None if no operands were given.
    """

    layer: str
    chip: str
    array: str
    cycles: int
    steps: int
    depth: int
    folds: int
    waits: Mapping[str, int]
    macs: int
    gated_macs: int
    counts: tuple[ArrayCount, ...]
    activity: Activity = field(repr=False)
    outputs: NDArray[Any] | None = field(repr=False, compare=False)

    @property
    def utilization(self) -> float:
        """MACs / (cycles x multipliers)."""
        return self.activity.utilization()

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the activity and the outputs as plain data."""
        plain = ("layer", "chip", "array", "cycles", "steps", "depth", "folds", "macs", "gated_macs")
        return {
            **{name: getattr(self, name) for name in plain},
            "utilization": self.utilization,
            "waits": dict(self.waits),
            "counts": self._rows(),
        }

    def to_json(self) -> str:
        """Return `to_dict` as JSON text."""
        return json.dumps(self.to_dict(), indent=2) + "\n"

    def _rows(self) -> list[Row]:
        return [{name: getattr(count, name) for name in ArrayCount.__slots__} for count in self.counts]

    def to_dataframe(self) -> pd.DataFrame:
        """Return the counts as a pandas frame; needs the extra `data`."""
        return dataframe(self._rows())

    def to_csv(self) -> str:
        """Return the counts as a CSV table."""
        return csv_text(self._rows())

    def __str__(self) -> str:
        waits = [f"{cycles:,} for {cause}" for cause, cycles in self.waits.items() if cycles]
        lines = [
            f"{self.layer} on {self.chip}, {self.array}: {self.macs:,} MACs in {self.cycles:,} cycles, "
            f"{self.utilization:.1%} of its multipliers",
            f"  {self.steps:,} steps in {self.folds:,} folds + waits ({', '.join(waits) or 'none'}) "
            f"+ {self.depth - 1} to run empty",
        ]
        lines += [
            f"  {count.level:<12}{count.tensor:<9}{count.reads:>15,} reads{count.writes:>15,} writes"
            for count in self.counts
        ]
        return "\n".join(lines)


def simulate(
    layer: Layer,
    chip: Chip,
    mapping: Nest | str | os.PathLike[str] | None = None,
    *,
    inputs: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    dataflow: str | os.PathLike[str] | Dataflow | None = None,
    progress: Progress | None = None,
) -> AdderTreeRun:
    """Simulate one layer on the chip's adder-tree array, cycle by cycle, with memories above always ready.

    `mapping` is None for the fastest that a search under `dataflow` finds. `inputs` and `weights` have the
    shapes of the problem's axes (a convolution: inputs N, G, C, H, W without padding, weights G, M, C, R, S);
    integers of up to 32 bits are multiplied and added as int32, which is exact, floats as float32. Without
    operands the array only counts, and no zero is known that could gate a multiplier. `progress` is called
    with (done, total, what).

    Raises `MappingError` for a mapping that does not fit the chip or that the array cannot hold,
    `LayerError` for a layer without MACs or operands of another shape, `DnnAccelError` for a chip without
    such an array.
    """
    array = adder_tree_of(chip)
    if mapping is None:
        mapping = search(layer, chip, dataflow, "latency", progress=progress).mapping
    elif dataflow is not None:
        raise DnnAccelError("give a mapping or a dataflow to search one under, not both")
    problem, nest = mapped_problem(layer, mapping)
    operands = _operands(problem, inputs, weights)
    case, _ = checked_case(layer, chip, problem, nest)
    told = None if progress is None else lambda done, total: progress(done, total, layer.name)
    try:
        run = run_array(case, chip, array, *operands, progress=told)
    except ValueError as error:
        raise MappingError(f"layer {layer.name!r} on {chip.name}: {error}") from None
    return AdderTreeRun(
        layer=layer.name,
        chip=chip.name,
        array=array.name,
        **{key: run[key] for key in ("cycles", "steps", "depth", "folds", "macs", "gated_macs")},
        waits=dict(zip(STALLS, run["waits"], strict=True)),
        counts=tuple(
            ArrayCount(level=level.name, tensor=tensor, reads=reads, writes=writes)
            for level, *kinds in zip(chip.levels, run["reads"], run["writes"], strict=True)
            for tensor, reads, writes in zip(ROLES, *kinds, strict=True)
            if reads or writes
        ),
        activity=Activity.of(run),
        outputs=run.get("outputs"),
    )


def adder_tree_of(chip: Chip) -> Array:
    """Return the innermost array of a chip that is an adder tree; `DnnAccelError` if none is."""
    for array in reversed(chip.arrays):
        if array.cycle_model == "adder_tree":
            return array
    kinds = [f"{array.name} is {array.cycle_model or 'of no stated kind'}" for array in chip.arrays]
    raise DnnAccelError(
        f"{chip.name} has no adder-tree array ({', '.join(kinds) or 'it has no array'}); "
        "cycle_model: adder_tree says that an array is one"
    )


Case = tuple[_core.Problem, _core.Architecture, _core.Mapping]


def checked_case(layer: Layer, chip: Chip, problem: Problem, nest: Nest) -> tuple[Case, _core.Evaluation]:
    """Return what the core simulates, and what it costs; `MappingError` if it does not fit the chip."""
    where = f"layer {layer.name!r} on {chip.name}"
    try:
        case = lower_case(problem, chip, nest)
        closed = _core.evaluate(*case)
    except (ValueError, MappingError) as error:
        raise MappingError(f"{where}: {error}") from None
    if closed.misfit is not None:
        raise MappingError(f"{where}: {describe_misfit(closed.misfit, chip)}")
    return case, closed


def run_array(
    case: Case,
    chip: Chip,
    array: Array,
    inputs: NDArray[Any] | None = None,
    weights: NDArray[Any] | None = None,
    *,
    progress: Callable[[int, int], None] | None = None,
    trace: _core.TraceWriter | None = None,
    trace_window: int = 1,
) -> dict[str, Any]:
    """Run the core's simulation on an array of a chip; `ValueError` if it cannot hold the mapping."""
    run = _core.simulate_adder_tree(
        *case,
        inputs,
        weights,
        array=chip.levels.index(array),
        gates=sum(1 << ROLES.index(role) for role in chip.mac.gates),
        progress=progress,
        trace=trace,
        trace_window=trace_window,
    )
    if run is None:  # our callers stop it by raising
        raise KeyboardInterrupt
    return run


def _operands(
    problem: Problem, inputs: ArrayLike | None, weights: ArrayLike | None
) -> tuple[NDArray[Any], NDArray[Any]] | tuple[()]:
    """Return both operands as the core takes them, or nothing if there are none."""
    if inputs is None and weights is None:
        return ()
    if inputs is None or weights is None:
        raise LayerError("give both inputs and weights, or neither")
    given = {"inputs": np.asarray(inputs), "weights": np.asarray(weights)}
    for role, values in given.items():
        shape = tuple(axis.size for axis in problem.tensor(role).axes)
        if values.shape != shape:
            raise LayerError(f"the {role} have the shape {values.shape}; the layer's are {shape}")
    types = {role: values.dtype for role, values in given.items()}
    integers = [np.can_cast(kind, np.int32) and kind != np.bool_ for kind in types.values()]
    floats = [kind in (np.float16, np.float32) for kind in types.values()]
    if not all(integers) and not all(floats):
        shown = " and ".join(f"{role} of {kind}" for role, kind in types.items())
        raise LayerError(f"{shown}: both must be integers of at most 32 bits, or both float32")
    kind = np.int32 if all(integers) else np.float32
    left, right = (np.ascontiguousarray(values, dtype=kind) for values in given.values())
    return left, right
