"""Energy, words and cycles as one stacked bar per layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnnaccel.problem import ROLES
from dnnaccel.report.plots.bars import added, by_part, shown_layers, stacked, title_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from dnnaccel.cost import LayerReport
    from dnnaccel.report.plots.kind import Options
    from dnnaccel.report.result import Report

__all__ = ["cycles_split", "draw_cycles", "draw_energy", "draw_words", "energy_split", "words_split"]

COMPUTING, WAITING = "computing", "waiting for memory"


def draw_energy(report: Report, options: Options) -> Figure:
    """Draw where the energy of each layer was spent, or on which tensor."""
    splits = [energy_split(shown.layers, options.by) for shown in shown_layers(report)]
    order = report.energy_by_tensor() if options.by == "tensor" else report.energy_by_level()
    return _draw(report, splits, list(order), options, "energy", report.energy_unit)


def draw_words(report: Report, options: Options) -> Figure:
    """Draw the reads + writes of each layer by memory, or by tensor."""
    splits = [words_split(shown.layers, options.by) for shown in shown_layers(report)]
    order = ROLES if options.by == "tensor" else report.memories
    return _draw(report, splits, list(order), options, "reads + writes", "words")


def draw_cycles(report: Report, options: Options) -> Figure:
    """Draw the cycles of each layer in which it computes, and in which it waits."""
    splits = [cycles_split(shown.layers) for shown in shown_layers(report)]
    return _draw(report, splits, [COMPUTING, WAITING], options, "time", "cycles")


def _draw(
    report: Report, splits: list[dict[str, float]], order: list[str], options: Options, what: str, unit: str
) -> Figure:
    names = [shown.name for shown in shown_layers(report)]
    parts = by_part(splits, order)
    return stacked(names, parts, options.width, what=what, unit=unit, title=title_of(report))


def energy_split(layers: tuple[LayerReport, ...], by: str) -> dict[str, float]:
    """Return the energy of layers by "tensor", or else by level."""
    return added(layer.energy_by_tensor() if by == "tensor" else layer.energy_by_level() for layer in layers)


def words_split(layers: tuple[LayerReport, ...], by: str) -> dict[str, float]:
    """Return the reads + writes of layers by "tensor", or else by level."""
    return added(
        {c.tensor if by == "tensor" else c.level: float(c.reads + c.writes)}
        for layer in layers
        for c in layer.levels
    )


def cycles_split(layers: tuple[LayerReport, ...]) -> dict[str, float]:
    """Return the cycles in which layers compute, and those in which they wait for a memory."""
    computing = sum(min(layer.compute_cycles, layer.cycles) for layer in layers)
    return {COMPUTING: float(computing), WAITING: float(sum(layer.cycles for layer in layers) - computing)}
