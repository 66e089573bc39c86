"""Every layer of a report under the roofline of one memory."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from dnnaccel.bounds import Roof, roofs
from dnnaccel.errors import DnnAccelError, unknown_name
from dnnaccel.report.plots.bars import title_of
from dnnaccel.report.plots.labels import place_labels
from dnnaccel.report.plots.roof import draw_peak, draw_points, draw_slope
from dnnaccel.report.plots.style import legend_above, new_figure, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from dnnaccel.arch import Chip
    from dnnaccel.cost import LayerReport
    from dnnaccel.report.plots.kind import Options
    from dnnaccel.report.result import Report

__all__ = ["draw_roofline"]

_Point = tuple["LayerReport", Roof]


def draw_roofline(report: Report, options: Options) -> Figure:
    """Draw MACs per cycle over MACs per byte, with the chip's peak and what the memory's bandwidth allows."""
    level = report.memories[0] if options.level is None else options.level
    if level not in report.memories:
        raise unknown_name("level", level, report.memories)
    points = _points(report, level)
    if not points:
        raise DnnAccelError(f"no layer of {report.network} has MACs and moves words over {level}")
    figure = new_figure((options.width, 2.7 if options.width < 5 else 3.6))
    axes = figure.subplots()
    kinds = sorted({layer.kind for layer, _ in points})
    handles = draw_points(
        axes,
        {
            kind: [
                (roof.intensity, roof.achieved)
                for layer, roof in points
                if layer.kind == kind and roof.intensity is not None
            ]
            for kind in kinds
        },
    )
    chip = next((layer.chip for layer, _ in points if layer.chip is not None), None)
    rate = None if chip is None else _bandwidth(chip, level)
    _set_limits(axes, points, report.peak_macs_per_cycle, rate)
    _draw_roof(axes, points, report.peak_macs_per_cycle, rate, short(level))
    axes.set_xlabel(f"intensity at {short(level)} (MACs/B)")
    axes.set_ylabel("speed (MACs/cycle)")
    axes.grid(which="major")
    legend_above(figure, handles, title_of(report))
    # The longest layers are named first: where there is no room for all, these matter.
    order = sorted(points, key=lambda point: -point[0].cycles)
    place_labels(axes, [(r.intensity or 0.0, r.achieved, short(layer.name)) for layer, r in order])
    return figure


def _points(report: Report, level: str) -> list[_Point]:
    index = report.memories.index(level)
    found = []
    for layer in report.layers:
        if layer.macs and layer.cycles:
            roof = roofs([layer], report.memories, report.peak_macs_per_cycle)[index]
            if roof.intensity is not None and roof.achieved:
                found.append((layer, roof))
    return found


def _set_limits(axes: Axes, points: list[_Point], peak: int, rate: float | None) -> None:
    """Show all points, and the corner of the roof with enough of the slope to write on."""
    intensities = [roof.intensity or 0.0 for _, roof in points]
    speeds = [roof.achieved for _, roof in points]
    low, high = min(intensities) / 2, max(intensities) * 2
    if rate is not None:
        low, high = min(low, peak / rate / 6), max(high, peak / rate * 2)
    axes.set_xlim(low, high)
    axes.set_ylim(min(*speeds, peak) / 2, peak * 1.6)


def _draw_roof(axes: Axes, points: list[_Point], peak: int, rate: float | None, name: str) -> None:
    """Draw the peak, the slope of the bandwidth if it is one number, and how high each layer could come."""
    (low, _), (floor, _) = axes.get_xlim(), axes.get_ylim()
    draw_peak(axes, low if rate is None else peak / rate, peak, f"peak {peak:,} MACs/cycle")
    if rate is not None:
        draw_slope(axes, rate, (max(low, floor / rate), peak / rate), f"{name} {rate:.4g} B/cycle")
    for _, roof in points:
        if roof.attainable > roof.achieved * 1.02:
            assert roof.intensity is not None
            x = [roof.intensity] * 2
            axes.plot(x, [roof.achieved, roof.attainable], ":", color="#999999", linewidth=0.6, zorder=1)


def _bandwidth(chip: Chip, level: str) -> float | None:
    """Return the bytes per cycle of all instances of a memory: of the shared port, or of both ports."""
    from dnnaccel.arch import Array

    memory = chip.memory(level)
    ports = [memory.read_bytes_per_cycle, memory.write_bytes_per_cycle]
    one = memory.bytes_per_cycle
    if one is None:
        if None in ports:
            return None
        one = math.fsum(port for port in ports if port is not None)
    above = chip.levels[: [each.name for each in chip.levels].index(level)]
    return one * math.prod(each.instances for each in above if isinstance(each, Array))
