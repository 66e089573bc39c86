"""Where the cycles of the PEs go in each layer, as a heat map; or which PEs work in it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from dnnaccel.bounds import idle
from dnnaccel.errors import DnnAccelError
from dnnaccel.report.plots.bars import panels, shown_layers, title_of
from dnnaccel.report.plots.pes import draw_pes
from dnnaccel.report.plots.style import HEAT, SMALL

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from dnnaccel.report.plots.kind import Options
    from dnnaccel.report.result import Report

__all__ = ["REASONS", "WORDS", "draw_utilization"]

REASONS = ("busy", "edge", "fold", "stall")
"""What PEs do with their cycles, as `Idle` says."""

WORDS = {
    "busy": "busy",
    "edge": "edge: tile not filled",
    "fold": "fold: left out",
    "stall": "stall: waiting",
}
"""The same, as a picture says it."""
_ROOMY = 16.0
"""Points from layer to layer from which on the numbers stand in the cells."""


def draw_utilization(report: Report, options: Options) -> Figure:
    """Draw one column for each layer with MACs, and a row for each thing that its PEs do; or the PEs."""
    if options.by == "pe":
        return draw_pes(report, options)
    if options.level is not None:
        raise DnnAccelError("PEs are of one array by='pe' alone: leave out level=, or add that")
    shown = [each for each in shown_layers(report) if each.layers[0].macs and each.cycles]
    if not shown:
        raise DnnAccelError(f"no layer of {report.network} has MACs: no PE is used")
    parts = [idle(each.layers, report.peak_macs_per_cycle) for each in shown]
    figure, rows = panels([each.name for each in shown], options.width - 0.75, height=0.72, x_label="layer")
    figure.set_figwidth(options.width)
    roomy = (options.width - 1.6) * 72 / max(len(rows[0].at), 1) >= _ROOMY
    image = None
    for panel in rows:
        values = [[100 * getattr(part, reason) for part in panel.cut(parts)] for reason in REASONS]
        image = panel.axes.imshow(
            values, vmin=0.0, vmax=100.0, cmap=HEAT, aspect="auto", interpolation="nearest"
        )
        panel.axes.set_yticks(range(len(REASONS)), [WORDS[reason] for reason in REASONS], size=SMALL)
        panel.axes.tick_params(axis="y", length=0)
        panel.axes.spines[:].set_visible(False)
        # Cells are parted by lines of the paper's colour.
        panel.axes.set_xticks([x - 0.5 for x in panel.at][1:], minor=True)
        panel.axes.set_yticks([y + 0.5 for y in range(len(REASONS) - 1)], minor=True)
        panel.axes.grid(which="minor", color="white", linewidth=0.6)
        panel.axes.tick_params(which="minor", length=0)
        if roomy:
            for row, of_reason in enumerate(values):
                for x, value in enumerate(of_reason):
                    colour = "white" if value < 50 else "black"
                    panel.axes.text(
                        x, row, f"{value:.0f}", ha="center", va="center", size=SMALL, color=colour
                    )
    rows[0].axes.set_title(title_of(report), loc="left")
    assert image is not None
    bar = figure.colorbar(
        image, ax=[panel.axes for panel in rows], pad=0.02, aspect=12 * math.sqrt(len(rows))
    )
    bar.set_label("part of all PE-cycles (%)")
    bar.outline.set_visible(False)
    return figure
