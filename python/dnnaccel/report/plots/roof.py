"""The roof of a roofline: a peak, and slopes of bandwidths, with what they are written along them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from dnnaccel.report.plots.style import SMALL

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_peak", "draw_slope"]

_COLOUR = "#555555"


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
