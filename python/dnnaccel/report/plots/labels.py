"""Names beside points, without one over another, over a point or over a line."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dnnaccel.report.plots.style import SMALL

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text
    from matplotlib.transforms import Bbox

__all__ = ["place_labels"]

_NEAR, _FAR = (4.0,), (8.0, 12.0, 17.0)
"""Points between a point and its label, without and with a line between them."""
_ANGLES = (45, -45, 135, -135, 90, -90, 0, 180)
_POINT = 2.2
"""Points around a point that stay free."""
_STEP = 3.0
"""Points from one spot of a line to the next that is kept free."""


def place_labels(axes: Axes, points: Sequence[tuple[float, float, str]]) -> list[str]:
    """Write the label of each point (x, y, label) where it is free, first ones first; return those written.

    Points at one spot share the label of the first, with their number ("conv3 +2"). A label that fits nowhere
    is left out. All other points, lines and texts of the axes are kept free, so call it when they are drawn:
    the layout of the figure is settled here.
    """
    figure: Any = axes.figure
    figure.draw_without_rendering()
    dot = figure.dpi / 72
    inside = axes.get_window_extent()
    groups = _grouped([(*axes.transData.transform((x, y)), label) for x, y, label in points], _POINT * dot)
    taken = [_around(x, y, _POINT * dot) for x, y in _spots(axes, dot)]
    taken += [_around(x, y, _POINT * dot) for x, y, _ in groups]
    taken += [box for text in axes.texts for box in _written_on(text, dot)]
    written = []
    for x, y, label in groups:
        text = axes.annotate(
            label, (x, y), xycoords="figure pixels", xytext=(0, 0), textcoords="offset points", size=SMALL
        )
        size = text.get_window_extent()
        text.remove()
        for distance, angle in itertools.product((*_NEAR, *_FAR), _ANGLES):
            dx, dy = distance * math.cos(math.radians(angle)), distance * math.sin(math.radians(angle))
            box = _box(x + dx * dot, y + dy * dot, size.width, size.height, angle)
            if _within(box, inside) and not any(box.overlaps(other) for other in taken):
                taken.append(box)
                written.append(label)
                _write(axes, label, (x, y), (dx, dy), angle, leader=distance not in _NEAR)
                break
    return written


def _grouped(points: list[tuple[float, float, str]], near: float) -> list[tuple[float, float, str]]:
    """Give points that cover one another one label."""
    groups: list[list[tuple[float, float, str]]] = []
    for point in points:
        for group in groups:
            if math.dist(point[:2], group[0][:2]) < near:
                group.append(point)
                break
        else:
            groups.append([point])
    return [
        (x, y, label if len(group) == 1 else f"{label} +{len(group) - 1}")
        for group in groups
        for x, y, label in group[:1]
    ]


def _written_on(text: Text, dot: float) -> list[Bbox]:
    """Return what a text covers; one that rises to the right covers the diagonal of its box alone."""
    whole = text.get_window_extent()
    if not 0 < text.get_rotation() < 90:
        return [whole]
    steps = max(1, int(whole.width / (_STEP * dot)))
    reach = 0.6 * float(text.get_fontsize()) * dot
    places = [step / steps for step in range(steps + 1)]
    return [_around(whole.x0 + at * whole.width, whole.y0 + at * whole.height, reach) for at in places]


def _spots(axes: Axes, dot: float) -> list[tuple[float, float]]:
    """Return spots along all that `Axes.plot` drew."""
    import numpy as np

    found = []
    for line in axes.lines:
        places = axes.transData.transform(np.column_stack(line.get_data(orig=False)))
        found += [tuple(place) for place in places]
        if line.get_linestyle() == "None":
            continue
        corners = np.asarray(line.get_path().transformed(axes.transData).vertices)
        for one, other in itertools.pairwise(corners):
            steps = min(1000, int(math.dist(one, other) / (_STEP * dot)))
            found += [tuple(one + (other - one) * step / steps) for step in range(1, steps)]
    return found


def _around(x: float, y: float, reach: float) -> Bbox:
    from matplotlib.transforms import Bbox

    return Bbox.from_extents(x - reach, y - reach, x + reach, y + reach)


def _sides(angle: int) -> tuple[str, str]:
    """Return which side and which height of a label is nearest its point."""
    across = "left" if abs(angle) < 90 else "right" if abs(angle) > 90 else "center"
    return across, "center" if angle in (0, 180) else "bottom" if angle > 0 else "top"


def _box(x: float, y: float, width: float, height: float, angle: int) -> Bbox:
    """Return the place of a label whose nearest side or corner is at x, y."""
    from matplotlib.transforms import Bbox

    across, up = _sides(angle)
    left = x - width * {"left": 0.0, "center": 0.5, "right": 1.0}[across]
    low = y - height * {"bottom": 0.0, "center": 0.5, "top": 1.0}[up]
    return Bbox.from_bounds(left, low, width, height)


def _within(box: Bbox, inside: Bbox) -> bool:
    return bool(box.x0 >= inside.x0 and box.x1 <= inside.x1 and box.y0 >= inside.y0 and box.y1 <= inside.y1)


def _write(
    axes: Axes, label: str, at: tuple[float, float], offset: tuple[float, float], angle: int, *, leader: bool
) -> None:
    across, up = _sides(angle)
    text = axes.annotate(
        label,
        tuple(axes.transData.inverted().transform(at)),
        xytext=offset,
        textcoords="offset points",
        ha=across,
        va=up,
        size=SMALL,
        color="#222222",
        zorder=4,
        arrowprops={"arrowstyle": "-", "color": "#888888", "linewidth": 0.4, "shrinkA": 0, "shrinkB": 1.5}
        if leader
        else None,
    )
    text.set_in_layout(False)
