"""The cycles of each layer, and the least that each part of the chip alone would let it take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dnnaccel.report.plots.bars import Panel, Shown, panels, shown_layers, title_of
from dnnaccel.report.plots.style import MARKERS, fills, legend_above, scaled_axis

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from dnnaccel.cost import LayerReport
    from dnnaccel.report.plots.kind import Options
    from dnnaccel.report.result import Report

__all__ = ["draw_latency"]

# Marks tell parts apart by shape alone: on a bar in colour they must be seen.
_MARK: dict[str, Any] = {
    "linestyle": "",
    "color": "white",
    "markersize": 3.2,
    "markeredgecolor": "#222222",
    "markeredgewidth": 0.5,
}
_NOTE = "bars by what bounds them; marks: each part alone"


def draw_latency(report: Report, options: Options) -> Figure:
    """Draw a bar of cycles for each layer in the colour of what bounds it, and the bounds as marks."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    bars = [shown for shown in shown_layers(report) if shown.cycles]
    bounds = [_bounds(shown.layers[0]) for shown in bars]
    parts = _parts(report, bars, bounds)
    looks = fills(parts)
    marks = {part: _MARK | {"marker": MARKERS[index % len(MARKERS)]} for index, part in enumerate(parts)}
    factor, label = scaled_axis("latency", "cycles", max((shown.cycles for shown in bars), default=0))
    figure, rows = panels([shown.name for shown in bars], options.width, x_label="layer")
    top = max((max(shown.cycles, *of.values()) for shown, of in zip(bars, bounds, strict=True)), default=0)
    for panel in rows:
        _draw_bars(panel, bars, looks, factor)
        for part in parts:
            places = [(x, of[part]) for x, of in zip(panel.at, panel.cut(bounds), strict=True) if part in of]
            panel.axes.plot(
                [x for x, _ in places],
                [cycles * factor for _, cycles in places],
                **marks[part],
                label=part,
                clip_on=False,
                zorder=3,
            )
        panel.axes.set_ylabel(label)
        panel.axes.set_ylim(0, 1.05 * factor * top or 1.0)
        panel.axes.grid(axis="y")
    entries = {part: (Patch(**looks[part]), Line2D([], [], **marks[part])) for part in parts}
    legend_above(figure, entries, f"{title_of(report)}\n{_NOTE}")
    return figure


def _draw_bars(
    panel: Panel, bars: Sequence[Shown], looks: Mapping[str, Mapping[str, Any]], factor: float
) -> None:
    """Draw the layer itself, and on it what layers fused into it take longer."""
    for x, shown in zip(panel.at, panel.cut(bars), strict=True):
        bottom = 0.0
        for layer in shown.layers:
            if layer.cycles:
                height = layer.cycles * factor
                panel.axes.bar(x, height, bottom=bottom, width=0.8, **looks[layer.bound_by])
                bottom += height


def _bounds(layer: LayerReport) -> dict[str, int]:
    """Return the cycles that computing alone, and each memory and network alone, would take."""
    computing = "compute" if layer.macs else "vector"
    return {computing: layer.compute_cycles} | {name: cycles for name, cycles in layer.level_cycles if cycles}


def _parts(report: Report, bars: Sequence[Shown], bounds: Sequence[dict[str, int]]) -> list[str]:
    """Return all that bounds or might bound a layer, computing first, then as the chip has its levels."""
    found = {layer.bound_by for shown in bars for layer in shown.layers if layer.cycles}
    found |= {part for of in bounds for part in of}
    order = ["compute", *report.memories, *report.arrays, "vector"]
    return [part for part in order if part in found] + sorted(found - set(order))
