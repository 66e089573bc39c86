"""Stacked bars, one a name, over as many rows of a picture as their names need."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from dnnaccel.report.plots.style import SMALL, fills, legend_above, new_figure, scaled_axis, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from dnnaccel.cost import LayerReport
    from dnnaccel.report.result import Report

__all__ = ["Panel", "Parts", "Shown", "added", "by_part", "panels", "shown_layers", "stacked", "title_of"]

T = TypeVar("T")

Parts = Mapping[str, Sequence[float]]
"""Name of a part to its size in each bar."""

_PITCH = 7.4
"""Least points from bar to bar: names of 6 points stand upright below them."""
_PANEL = 1.45
"""Inches of a row of bars."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What one bar is of: a layer, first, and those that are fused into it."""

    layers: tuple[LayerReport, ...]

    @property
    def name(self) -> str:
        """Name of the layer itself."""
        return self.layers[0].name

    @property
    def cycles(self) -> int:
        """Cycles of all its layers."""
        return sum(layer.cycles for layer in self.layers)


@dataclass(frozen=True, slots=True)
class Panel:
    """One row of a picture: its axes, and which of all bars stand on them, at 0, 1, 2, ..."""

    axes: Axes
    first: int
    last: int

    @property
    def at(self) -> range:
        """Places of the bars on the axes."""
        return range(self.last - self.first)

    def cut(self, bars: Sequence[T]) -> Sequence[T]:
        """Return those of `bars` that belong here."""
        return bars[self.first : self.last]


def shown_layers(report: Report) -> list[Shown]:
    """Return the layers that take time or energy, each with those fused into it: sums stay the report's."""
    groups: dict[str, list[LayerReport]] = {}
    for layer in report.layers:
        if layer.cycles or layer.energy:
            groups.setdefault(layer.name if layer.fused_into not in groups else layer.fused_into, []).append(
                layer
            )
    return [Shown(tuple(layers)) for layers in groups.values()]


def title_of(report: Report) -> str:
    """Return what a picture of a report is of."""
    network, chip, flow = short(report.network), short(report.chip), short(report.dataflow)
    return f"{network} on {chip}, {flow}" + (f", batch {report.batch}" if report.batch > 1 else "")


def panels(
    names: Sequence[str], width: float, *, height: float = _PANEL, x_label: str, pitch: float = _PITCH
) -> tuple[Figure, list[Panel]]:
    """Return a figure with a bar's place for each name: as many rows as fit, `height` inches each."""
    fit = max(4, int((width - 0.62) * 72 / pitch))
    rows = max(1, math.ceil(len(names) / fit))
    each = max(1, math.ceil(len(names) / rows))
    shown = [short(name) for name in names]
    letters = max((len(name) for name in shown), default=0)
    figure = new_figure((width, 0.75 + rows * (height + 0.06 + 0.05 * letters)))
    grid = figure.subplots(rows, 1, squeeze=False)[:, 0]
    found = []
    for index, axes in enumerate(grid):
        panel = Panel(axes, index * each, min((index + 1) * each, len(names)))
        axes.set_xticks(panel.at, shown[panel.first : panel.last], rotation=90, size=SMALL)
        axes.tick_params(axis="x", length=0, pad=3)
        axes.set_xlim(-0.6, max(each, 4) - 0.4)  # bars are as wide in the last row as in the others
        found.append(panel)
    grid[-1].set_xlabel(x_label)
    figure.align_ylabels(grid)
    return figure, found


def stacked(
    names: Sequence[str],
    parts: Parts,
    width: float,
    *,
    what: str,
    unit: str,
    title: str,
    x_label: str = "layer",
) -> Figure:
    """Draw one bar for each name, `parts` on top of one another; sizes are in `unit`."""
    kept = {part: sizes for part, sizes in parts.items() if any(sizes)}
    tops = [math.fsum(sizes) for sizes in zip(*kept.values(), strict=True)]
    factor, label = scaled_axis(what, unit, max(tops, default=0.0))
    figure, rows = panels(names, width, x_label=x_label)
    looks = fills(list(kept))
    for panel in rows:
        bottom = [0.0] * len(panel.at)
        for part, sizes in kept.items():
            heights = [size * factor for size in panel.cut(sizes)]
            # What is nothing is not drawn: its edge would be.
            some = [index for index, height in enumerate(heights) if height]
            panel.axes.bar(
                some, [heights[i] for i in some], bottom=[bottom[i] for i in some], width=0.8, **looks[part]
            )
            bottom = [low + height for low, height in zip(bottom, heights, strict=True)]
        panel.axes.set_ylabel(label)
        panel.axes.set_ylim(0, 1.05 * factor * max(tops, default=0.0) or 1.0)
        panel.axes.grid(axis="y")
    from matplotlib.patches import Patch

    legend_above(figure, {part: Patch(**looks[part]) for part in kept}, title)
    return figure


def by_part(splits: Sequence[Mapping[str, float]], order: Sequence[str]) -> dict[str, list[float]]:
    """Turn a split of each bar into the sizes of each part, in `order`."""
    return {part: [split.get(part, 0.0) for split in splits] for part in order}


def added(splits: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Return the sum of several splits."""
    total: dict[str, float] = {}
    for split in splits:
        for part, size in split.items():
            total[part] = total.get(part, 0.0) + size
    return total
