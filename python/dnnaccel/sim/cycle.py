"""Cycle level: the array of a chip element by element, cycle by cycle; the memories above it tile by tile."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from dnnaccel import _core
from dnnaccel.activity import Activity
from dnnaccel.cost import LayerReport
from dnnaccel.errors import DnnAccelError
from dnnaccel.problem import ROLES
from dnnaccel.sim.tile import Progress, run_tiles, tile_report

if TYPE_CHECKING:
    from dnnaccel.arch import Array, Chip
    from dnnaccel.dram import Dram
    from dnnaccel.layers import Layer
    from dnnaccel.mapping import Mapping
    from dnnaccel.problem import Problem

__all__ = ["cycle_array", "simulate_cycles"]


def simulate_cycles(
    layer: Layer,
    chip: Chip,
    mapping: Mapping | str | os.PathLike[str],
    *,
    dram: Dram | str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> LayerReport:
    """Simulate one mapping of one layer with the chip's array cycle by cycle.

    The array is the one whose `cycle_model` says what it is: systolic, row-stationary or an adder tree. What
    each of its folds takes beyond one cycle for each step of the nest (skew, loads, drains, waits of its own
    networks) is a stall of cause "array"; the memories above it run the schedule of `simulate_tiles`. The
    words that the array moved are checked against the closed form. `activity` of the report says what every
    element did, in cycles of the array by itself, with memories that never keep it waiting.

    Raises `MappingError` for a mapping that does not fit the chip or that the array cannot hold, and
    `DnnAccelError` for a chip none of whose arrays says what it is.
    """
    array = cycle_array(chip)
    memory, tiled, nest = run_tiles(
        layer,
        chip,
        mapping,
        dram=dram,
        progress=progress,
        array=lambda problem: _choice(array, chip, problem),
    )
    report = tile_report(layer, chip, nest, memory, tiled, fidelity="cycle", array=array.name)
    assert tiled.array is not None
    return replace(report, activity=Activity.of(tiled.array))


def cycle_array(chip: Chip) -> Array:
    """Return the array of a chip that is simulated cycle by cycle: the innermost that says what it is.

    Raises `DnnAccelError` if there is none.
    """
    for array in reversed(chip.arrays):
        if array.cycle_model is not None:
            return array
    raise DnnAccelError(
        f"{chip.name}: none of its arrays says what it is (cycle_model), so none can be simulated cycle by "
        "cycle; fidelity 'tile' takes every chip"
    )


def _choice(array: Array, chip: Chip, problem: Problem) -> _core.ArrayChoice:
    assert array.cycle_model is not None
    return _core.ArrayChoice(
        kind=_core.ArrayKind.__members__[array.cycle_model],
        level=chip.levels.index(array),
        gates=sum(1 << ROLES.index(role) for role in chip.mac.gates),
        waiting=sum(1 << problem.dims.index(dim) for dim in problem.waiting),
    )
