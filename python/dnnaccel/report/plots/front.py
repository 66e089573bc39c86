"""Pareto fronts: what a sweep found over two figures, and what a search found over energy and cycles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from dnnaccel.errors import SweepError
from dnnaccel.report.front import marks
from dnnaccel.report.palette import colours
from dnnaccel.report.plots.labels import place_labels
from dnnaccel.report.plots.style import legend_above, new_figure, scaled_axis, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from dnnaccel.report.plots.kind import Options
    from dnnaccel.search_result import SearchResult
    from dnnaccel.sweeping.result import Sweep

__all__ = ["draw_search", "draw_sweep"]

_OTHERS = "#999999"
_UNITS = {
    "cycles": "cycles",
    "seconds": "s",
    "utilization": "%",
    "frames_per_second": "frames/s",
    "average_power_watts": "W",
    "dram_words": "words",
    "dram_bytes": "B",
    "on_chip_bytes": "B",
    "pe_count": "PEs",
    "macs": "MACs",
}
_WORDS = {
    "edp": "energy x delay",
    "seconds": "time",
    "cycles": "time",
    "average_power_watts": "average power",
    "frames_per_second": "speed",
    "dram_words": "DRAM traffic",
    "dram_bytes": "DRAM traffic",
    "on_chip_bytes": "memory on the chip",
    "pe_count": "size of the array",
    "macs": "work",
}


def draw_search(found: SearchResult, options: Options) -> Figure:
    """Draw the front of energy over cycles, and name the points that are the best in something."""
    points = found.pareto
    figure, axes = _axes(options)
    x_factor, x_label = scaled_axis("time", "cycles", max(point.cycles for point in points))
    y_factor, y_label = scaled_axis("energy", found.cost.energy_unit, max(point.energy for point in points))
    places = [(point.cycles * x_factor, point.energy * y_factor) for point in points]
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    chip = "" if found.cost.chip is None else f" on {short(found.cost.chip.name)}"
    front = _draw_front(axes, places)
    what = "Pareto front" if found.optimal else "best found"
    legend_above(
        figure,
        {f"{what}, {len(places)} mappings": front},
        f"{short(found.cost.name)}{chip}, {short(found.dataflow)}",
    )
    place_labels(
        axes, [(*place, ",\n".join(of)) for place, of in zip(places, marks(points), strict=True) if of]
    )
    return figure


def draw_sweep(found: Sweep, x: str, y: str, options: Options, *, more_across: bool) -> Figure:
    """Draw the points that could run by two figures, with their front named by its parameters.

    `more_across` says that of `x` more is better.
    """
    points = [point for point in found.ran if point[x] is not None and point[y] is not None]
    if not points:
        raise SweepError(f"no point of the sweep has both {x} and {y}")
    best = [point for point in found.pareto(x, y) if point[x] is not None and point[y] is not None]
    figure, axes = _axes(options)
    x_factor, x_label = _figure_axis(found, x, max(abs(point[x]) for point in points))
    y_factor, y_label = _figure_axis(found, y, max(abs(point[y]) for point in points))
    (others,) = axes.plot(
        [point[x] * x_factor for point in points],
        [point[y] * y_factor for point in points],
        "o",
        color=_OTHERS,
        markersize=2.6,
        markeredgewidth=0,
    )
    edge = sorted(
        ((point[x] * x_factor, point[y] * y_factor, _named(point.parameters)) for point in best),
        key=lambda place: place[:2],
    )
    front = _draw_front(axes, [(left, up) for left, up, _ in edge], where="pre" if more_across else "post")
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    keys = " / ".join(key.replace("$", r"\$") for key in found.parameters)
    legend_above(
        figure,
        {f"{len(points)} points": others, f"Pareto front, {len(edge)} points": front},
        f"{short(found.network)} on {short(found.chip)}\npoints of the front: {keys}",
    )
    place_labels(axes, edge)
    return figure


def _axes(options: Options) -> tuple[Figure, Axes]:
    figure = new_figure((options.width, 2.5 if options.width < 5 else 3.4))
    axes = figure.subplots()
    axes.grid()
    axes.margins(0.12, 0.14)
    axes.locator_params(nbins=5)
    return figure, axes


def _draw_front(
    axes: Axes, places: Sequence[tuple[float, float]], *, where: Literal["pre", "post"] = "post"
) -> Any:
    """Draw the front as the edge of what can be had: between two points nothing better than a step is known.

    The step is "post" where less is better across, else "pre".
    """
    from matplotlib.lines import Line2D

    colour = colours(["front"])["front"]
    across, up = zip(*places, strict=True)
    axes.step(*zip(*sorted(places), strict=True), where=where, color=colour, linewidth=1.0, zorder=2)
    axes.plot(
        across, up, "o", color=colour, markersize=4, markeredgecolor="white", markeredgewidth=0.4, zorder=3
    )
    return Line2D([], [], color=colour, marker="o", markersize=4, linewidth=1.0)


def _figure_axis(found: Sweep, name: str, largest: float) -> tuple[float, str]:
    """Return what to multiply a figure with, and the label of its axis."""
    units = _UNITS | {
        "energy": found.energy_unit,
        "edp": f"{found.energy_unit} s",
        "area": found.area_unit,
    }
    return scaled_axis(_WORDS.get(name, name.replace("_", " ")), units.get(name, "1"), largest)


def _named(parameters: Mapping[str, Any]) -> str:
    """Return the values of a point's parameters, in the order of their names."""
    return " / ".join(short(_value(key, value)) for key, value in parameters.items())


def _value(key: str, value: Any) -> str:
    if key.endswith("bytes") and isinstance(value, int) and value >= 1024 and value % 1024 == 0:
        return f"{value // 1024} KiB" if value % 1024**2 else f"{value // 1024**2} MiB"
    return f"{value:g}" if isinstance(value, float) else str(value)
