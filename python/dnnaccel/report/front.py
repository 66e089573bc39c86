"""The front of energy against cycles that a search found: as a table, and as a picture for a paper."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from dnnaccel._text import DEFAULT_WIDTH, Column, clean, layout, notes
from dnnaccel._units import count, energy, prefix, prefix_exponent, quantity
from dnnaccel.report.palette import colours
from dnnaccel.report.plot import new_figure, save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from dnnaccel.mapper import ParetoPoint, SearchResult

__all__ = ["front_text", "plot_front"]

# Half a page of two columns is 3.5 inches wide: type of 8 points there is what papers print.
_SIZE = (3.5, 2.6)
_POINTS = 8


def front_text(found: SearchResult, *, width: int = DEFAULT_WIDTH) -> str:
    """Return the front as a table for lines of `width` characters, from least energy to fewest cycles."""
    points, unit, clock = found.pareto, found.cost.energy_unit, found.cost.clock_mhz
    least, fewest = points[0].energy, points[-1].cycles
    columns = [
        Column("energy", [energy(point.energy, unit) for point in points]),
        Column("cycles", [count(point.cycles) for point in points]),
    ]
    if clock is not None:
        columns.append(Column("time", [quantity(point.cycles / (clock * 1e6), "s") for point in points]))
    columns += [
        Column("x least energy", [_times(point.energy, least) for point in points]),
        Column("x fewest cycles", [_times(point.cycles, fewest) for point in points]),
        Column("", [", ".join(what) for what in _marks(points)], left=True),
    ]
    what = "all that no other mapping beats in both" if found.optimal else "the best found"
    chip = "" if found.cost.chip is None else f" on {clean(found.cost.chip.name)}"
    title = f"{clean(found.cost.name)}{chip}: energy against cycles, {what}"
    return notes([title], width=width) + "\n\n" + layout(columns, width=width)


def _times(value: float, least: float) -> str:
    return f"{value / least:.3f}x" if least else "n/a"


def _marks(points: tuple[ParetoPoint, ...]) -> list[list[str]]:
    """Return what each point is the best in."""
    marks: list[list[str]] = [[] for _ in points]
    marks[0].append("least energy")
    product = [point.energy * point.cycles for point in points]
    marks[product.index(min(product))].append("least energy x delay")
    marks[-1].append("fewest cycles")
    return marks


def plot_front(found: SearchResult, path: str | os.PathLike[str] | None) -> Figure:
    """Draw the front of `found`; see `SearchResult.plot`."""
    figure = new_figure(_SIZE)
    axes = figure.subplots()
    points = found.pareto
    unit = found.cost.energy_unit
    scale = 1e-12 if unit == "pJ" else 1.0
    energy_exponent = prefix_exponent(max(point.energy for point in points) * scale)
    cycles_exponent = prefix_exponent(max(point.cycles for point in points))
    places = [
        (point.cycles / 10.0**cycles_exponent, point.energy * scale / 10.0**energy_exponent)
        for point in points
    ]
    _draw(axes, places, _marks(points))
    axes.set_xlabel("cycles" + (f" ($10^{{{cycles_exponent}}}$)" if cycles_exponent else ""), size=_POINTS)
    said = f"{prefix(energy_exponent)}J" if unit == "pJ" else f"{prefix(energy_exponent)} {unit}".strip()
    axes.set_ylabel(f"energy ({said})", size=_POINTS)
    chip = "" if found.cost.chip is None else f" on {clean(found.cost.chip.name)}"
    axes.set_title(f"{clean(found.cost.name)}{chip}, {clean(found.dataflow)}", size=_POINTS)
    if path is not None:
        save_figure(figure, path)
    return figure


def _draw(axes: Axes, places: list[tuple[float, float]], marks: list[list[str]]) -> None:
    """Draw the front as the edge of what can be had, and name its best points."""
    colour = colours(["front"])["front"]
    x, y = zip(*places, strict=True)
    # Between two points nothing is known to be better than a step.
    axes.step(x, y, where="pre", color=colour, linewidth=1.0)
    axes.plot(x, y, "o", color=colour, markersize=3.0)
    # The front falls to the right: there is room above it on the left, and below it on the right.
    middle = (min(x) + max(x)) / 2
    for place, what in zip(places, marks, strict=True):
        if what:
            left = place[0] > middle
            axes.annotate(
                ",\n".join(what),
                place,
                xytext=(-2, -4) if left else (4, 4),
                textcoords="offset points",
                ha="right" if left else "left",
                va="top" if left else "bottom",
                size=_POINTS - 1,
            )
            axes.plot(*place, "o", color=colour, markersize=5.0)
    axes.tick_params(labelsize=_POINTS)
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(0.12, 0.2)
