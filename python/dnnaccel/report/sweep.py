"""A sweep's points and their front, as a picture for a paper."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from dnnaccel._text import clean
from dnnaccel._units import prefix, prefix_exponent
from dnnaccel.errors import SweepError
from dnnaccel.report.palette import colours
from dnnaccel.report.plot import new_figure, save_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from dnnaccel.sweeping.result import Sweep

__all__ = ["plot_sweep"]

_SIZE = (3.5, 2.8)
_POINTS = 8
_UNITS = {
    "cycles": "cycles",
    "seconds": "s",
    "frames_per_second": "frames/s",
    "average_power_watts": "W",
    "dram_words": "words",
    "dram_bytes": "B",
    "on_chip_bytes": "B",
    "pe_count": "PEs",
    "macs": "MACs",
}


def plot_sweep(found: Sweep, x: str, y: str, path: str | os.PathLike[str] | None) -> Figure:
    """Draw `found` by two figures; see `Sweep.plot`."""
    points = [point for point in found.ran if point[x] is not None and point[y] is not None]
    if not points:
        raise SweepError(f"no point of the sweep has both {x} and {y}")
    best = [point for point in found.pareto(x, y) if point[x] is not None]
    figure = new_figure(_SIZE)
    axes = figure.subplots()
    x_scale, x_label = _axis(found, x, max(point[x] for point in points))
    y_scale, y_label = _axis(found, y, max(point[y] for point in points))
    shade = colours(["front"])["front"]
    axes.plot(
        [point[x] * x_scale for point in points],
        [point[y] * y_scale for point in points],
        "o",
        color="#999999",
        markersize=2.5,
        markeredgewidth=0,
        label=f"{len(points)} points",
    )
    edge = sorted((point[x] * x_scale, point[y] * y_scale) for point in best)
    axes.plot(*zip(*edge, strict=True), "o", color=shade, markersize=4, label=f"front, {len(best)}")
    axes.step(*zip(*edge, strict=True), where="post", color=shade, linewidth=1.0)
    axes.set_xlabel(x_label, size=_POINTS)
    axes.set_ylabel(y_label, size=_POINTS)
    axes.set_title(f"{clean(found.network)} on {clean(found.chip)}", size=_POINTS)
    axes.tick_params(labelsize=_POINTS)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=_POINTS - 1)
    if path is not None:
        save_figure(figure, path)
    return figure


def _axis(found: Sweep, name: str, largest: float) -> tuple[float, str]:
    """Return what to multiply a figure with, and the label of its axis."""
    words = name.replace("_", " ")
    if name == "utilization":
        return 100.0, "utilization (%)"
    if name == "area":
        return 1.0, f"area ({found.area_unit})"
    unit, scale = _UNITS.get(name, ""), 1.0
    if name in ("energy", "edp"):
        joules = found.energy_unit == "pJ"
        unit, scale = "J" if joules else found.energy_unit, 1e-12 if joules else 1.0
        if name == "edp":
            words, unit = "energy x delay", f"{unit} s"
    exponent = prefix_exponent(abs(largest) * scale)
    return scale / 10.0**exponent, f"{words} ({prefix(exponent)}{unit})"
