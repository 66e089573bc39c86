"""Tile level: a mapping as the schedule of its tiles, with every stall, its cause and its owner."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from dnnaccel import _core
from dnnaccel._lower import leakage_per_cycle
from dnnaccel.cost import (
    LayerReport,
    describe_misfit,
    layer_report,
    lower_case,
    lower_zeros,
    mapped_problem,
)
from dnnaccel.dram import load as load_dram
from dnnaccel.dram.runs import report_of
from dnnaccel.errors import DramError, MappingError
from dnnaccel.stalls import Stall

if TYPE_CHECKING:
    from dnnaccel.arch import Chip
    from dnnaccel.dram import Dram
    from dnnaccel.layers import Layer
    from dnnaccel.mapping import Mapping
    from dnnaccel.problem import Problem
    from dnnaccel.sparsity import Density

__all__ = ["simulate_tiles"]

Progress = Callable[[int, int, str], None]


def simulate_tiles(
    layer: Layer,
    chip: Chip,
    mapping: Mapping | str | os.PathLike[str],
    *,
    density: Density | None = None,
    dram: Dram | str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> LayerReport:
    """Simulate one mapping of one layer tile by tile: the double-buffered schedule in time.

    Tiles move over the real bandwidth and latency of every level; a memory that is double-buffered or
    streamed fetches its next tile while the MACs work on this one, others between two tiles; a port serves
    one transfer at a time, and what is fetched ahead has what the rest leaves. The counts are those of the
    closed form (`dnnaccel.evaluate`), word for word; the cycles are never below its compute cycles or those
    of its busiest level. `progress` is called with (done, total, what) meanwhile.

    `dram`, a `dnnaccel.dram.Dram`, the name of a preset or the path of a YAML file, times the transfers of
    the outermost memory command by command, in place of its bandwidth; what it did is in the report's `dram`.
    There every tensor lies in the order in which its words are first asked for. The energies remain those of
    the chip.

    Raises `MappingError` and `LayerError` as `evaluate` does, and `DramError` if the layer's tensors do not
    fit in the DRAM or the chip states no clock to time it by.
    """
    memory, tiled, nest = run_tiles(layer, chip, mapping, density=density, dram=dram, progress=progress)
    return tile_report(layer, chip, nest, memory, tiled, density=density, fidelity="tile")


def run_tiles(
    layer: Layer,
    chip: Chip,
    mapping: Mapping | str | os.PathLike[str],
    *,
    density: Density | None = None,
    dram: Dram | str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    array: Callable[[Problem], _core.ArrayChoice] | None = None,
) -> tuple[Dram | None, _core.Tiled, Mapping]:
    """Return the DRAM that was timed, what the core says of the run, and the mapping as an object."""
    problem, nest = mapped_problem(layer, mapping)
    zeros = lower_zeros(density, chip, problem)
    told = None if progress is None else lambda done, total: progress(done, total, layer.name)
    memory = None if dram is None else _loaded(dram)
    try:
        case = lower_case(problem, chip, nest)
        closed = _core.evaluate(*case, zeros)
        if closed.misfit is not None:
            raise MappingError(describe_misfit(closed.misfit, chip))
        chosen = None if array is None else array(problem)
        tiled = _core.simulate_tiles(*case, zeros, latencies(chip), told, clocked(memory, chip), array=chosen)
    except (ValueError, MappingError) as error:
        raise MappingError(f"layer {layer.name!r} on {chip.name}: {error}") from None
    return memory, tiled, nest


def tile_report(
    layer: Layer,
    chip: Chip,
    mapping: Mapping,
    memory: Dram | None,
    tiled: _core.Tiled,
    *,
    density: Density | None = None,
    fidelity: str,
    array: str = "",
) -> LayerReport:
    """Return what a run says of a layer, with names; `array` is the one that was simulated cycle by cycle."""
    report = layer_report(layer, chip, mapping, tiled.counts, tiled.cost, density=density)
    stalls = tuple(_stall(lost, chip, array) for lost in tiled.lost)
    timed = in_time(report, chip, math.ceil(tiled.cycles), stalls, fidelity=fidelity)
    if memory is None or tiled.dram is None:
        return timed
    return replace(timed, dram=report_of(memory, layer.name, tiled.dram))


def _loaded(dram: Dram | str | os.PathLike[str]) -> Dram:
    return load_dram(dram) if isinstance(dram, str | os.PathLike) else dram


def clocked(dram: Dram | None, chip: Chip) -> tuple[_core.DramSpec, float] | None:
    """Return a DRAM as the core takes it, with its cycles in one of the chip's."""
    if dram is None:
        return None
    if chip.clock_mhz is None:
        raise DramError(f"chip {chip.name} states no clock; a DRAM cannot be timed beside it")
    return dram.lowered(), dram.clock_mhz / chip.clock_mhz


def latencies(chip: Chip) -> list[float]:
    """Return the latency of every level in cycles; arrays have none."""
    memories = {memory.name: memory for memory in chip.memories}
    return [memories[level.name].latency_cycles if level.name in memories else 0.0 for level in chip.levels]


def in_time(
    report: LayerReport, chip: Chip, cycles: int, stalls: tuple[Stall, ...], *, fidelity: str
) -> LayerReport:
    """Return a report of the same counts with the time and the stalls of a simulation."""
    taken = max(cycles, math.ceil(report.ops / chip.vector.lanes))
    late = (taken - report.cycles) * leakage_per_cycle(chip)

    def lost(*causes: str) -> int:
        return math.ceil(sum(stall.cycles for stall in stalls if stall.cause in causes))

    return replace(
        report,
        cycles=taken,
        exposed_cycles=lost("refill"),
        ramp_cycles=lost("fill", "drain"),
        utilization=report.timed_macs / (taken * chip.peak_macs_per_cycle),
        leakage_energy=report.leakage_energy + late,
        fidelity=fidelity,
        stalls=stalls,
    )


def _stall(lost: _core.Lost, chip: Chip, array: str) -> Stall:
    def name(level: int) -> str:
        return "" if level < 0 else chip.levels[level].name

    return Stall(
        cause=lost.wait.name,
        memory=name(lost.waiting),
        owner=array if lost.wait == _core.Wait.array else name(lost.level),
        port="" if lost.level < 0 else lost.port.name,
        cycles=lost.cycles,
    )
