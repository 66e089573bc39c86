"""Parts of a roofline: points by kind, a peak, and slopes of bandwidths with their names along them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from dnnaccel.report.palette import colours
from dnnaccel.report.plots.style import MARKERS, SMALL

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

__all__ = ["draw_peak", "draw_points", "draw_slope"]

_COLOUR = "#555555"


def draw_points(axes: Axes, places: Mapping[str, Sequence[tuple[float, float]]]) -> dict[str, Line2D]:
    """Draw (x, y) by kind on logarithmic axes, and return what a legend shows of each kind that has points.

    Colours and marks go by the order of the kinds, so that a kind without points here keeps its own.
    """
    axes.set_xscale("log")
    axes.set_yscale("log")
    looks = colours(list(places))
    handles = {}
    for index, (kind, of_kind) in enumerate(places.items()):
        if of_kind:
            (handles[kind],) = axes.plot(
                *zip(*of_kind, strict=True),
                MARKERS[index % len(MARKERS)],
                color=looks[kind],
                markersize=4,
                markeredgecolor="white",
                markeredgewidth=0.4,
                zorder=3,
            )
    return handles


def draw_peak(axes: Axes, start: float, peak: float, text: str) -> None:
    """Draw the peak from `start` to the right end of logarithmic axes, and write `text` on it."""
    end = axes.get_xlim()[1]
    axes.plot([start, end], [peak, peak], color=_COLOUR, linewidth=0.9, zorder=1)
    axes.annotate(
        text, (end, peak), xytext=(-2, 2), textcoords="offset points", ha="right", size=SMALL, color=_COLOUR
    )


def draw_slope(axes: Axes, rate: float, ends: tuple[float, float], text: str) -> None:
    """Draw y = `rate` x between two x, and write `text` above its middle: all points are below it."""
    low, high = ends
    axes.plot([low, high], [low * rate, high * rate], color=_COLOUR, linewidth=0.9, zorder=1)
    x = math.sqrt(low * high)
    axes.text(
        x,
        x * rate * 1.06,
        text,
        ha="center",
        va="bottom",
        rotation=math.degrees(math.atan(rate)),  # in units of the axes, and turned as they are
        rotation_mode="anchor",
        transform_rotates_text=True,
        size=SMALL,
        color=_COLOUR,
    )
