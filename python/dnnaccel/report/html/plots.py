"""Plots of points and lines over two axes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape

from dnnaccel._units import count
from dnnaccel.report.html.axes import axis, percentage
from dnnaccel.report.html.marks import colour
from dnnaccel.report.html.plane import Plane, ScatterPoint

__all__ = ["ScatterPoint", "lines", "roofline", "scatter"]

_NAME_ROOM = 0.2
"""Part of a plot's width that the name of a slope takes."""
_TALLEST = 1e3
"""How far a slope is followed down from the peak, as a factor."""


def scatter(
    points: Sequence[ScatterPoint],
    *,
    x_label: str,
    y_label: str,
    log_x: bool = False,
    log_y: bool = False,
    title: str = "",
    x_text: Callable[[float], str] = count,
    y_text: Callable[[float], str] = count,
) -> str:
    """Return `points` over two axes; `x_text` and `y_text` say a value with its unit.

    Raises `DnnAccelError` for a value that is not finite, or not positive on a logarithmic axis.
    """
    plane = Plane(
        x=axis((point.x for point in points), log=log_x),
        y=axis((point.y for point in points), log=log_y),
        x_label=x_label,
        y_label=y_label,
        x_text=x_text,
        y_text=y_text,
    )
    groups = list(dict.fromkeys(point.group for point in points))
    front = _steps(sorted((point.x, point.y) for point in points if point.marked))
    return plane.figure(title, groups, plane.curves([("front", front)]), plane.marks(points, groups))


def _steps(front: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the edge of what can be had: between two points nothing is known to be better than a step."""
    edge: list[tuple[float, float]] = []
    for x, y in front:
        if edge:
            edge.append((x, edge[-1][1]))
        edge.append((x, y))
    return edge


def lines(
    series: Mapping[str, Sequence[tuple[float, float]]],
    *,
    x_label: str,
    y_label: str,
    log_x: bool = False,
    log_y: bool = False,
    title: str = "",
    x_text: Callable[[float], str] = count,
    y_text: Callable[[float], str] = count,
) -> str:
    """Return named series of (x, y) as lines with their points; hovering shows the values.

    Raises `DnnAccelError` for a value that is not finite, or not positive on a logarithmic axis.
    """
    points = [ScatterPoint(x, y, name, group=name) for name, row in series.items() for x, y in row]
    plane = Plane(
        x=axis((point.x for point in points), log=log_x),
        y=axis((point.y for point in points), log=log_y),
        x_label=x_label,
        y_label=y_label,
        x_text=x_text,
        y_text=y_text,
    )
    curves = [(colour(index), row) for index, row in enumerate(series.values())]
    return plane.figure(title, list(series), plane.curves(curves), plane.marks(points, list(series)))


def roofline(
    points: Sequence[ScatterPoint],
    *,
    peak: float,
    slopes: Mapping[str, float],
    x_label: str,
    y_label: str,
    title: str = "",
    x_text: Callable[[float], str] = count,
    y_text: Callable[[float], str] = count,
    groups: Sequence[str] = (),
) -> str:
    """Return `points` under roofs: y = slope * x for each named slope, up to `peak`; both axes logarithmic.

    Williams, Waterman and Patterson, "Roofline" (CACM 2009): x is work per byte, y is work per time, a
    slope is a bandwidth. `groups` come first in the key, with the first colours. Raises `DnnAccelError` for
    a value that is not positive and finite.
    """
    x = axis([*(point.x for point in points), *(peak / slope for slope in slopes.values())], log=True)
    feet = [min(peak, max(slope * x.low, peak / _TALLEST)) for slope in slopes.values()]
    plane = Plane(
        x=x,
        y=axis([*(point.y for point in points), peak, *feet], log=True),
        x_label=x_label,
        y_label=y_label,
        x_text=x_text,
        y_text=y_text,
    )
    roofs = [("roof", [(x.low, peak), (x.high, peak)])] if not slopes else []
    named = [_note(plane, x.high, peak, f"peak {y_text(peak)}")]
    for name, slope in slopes.items():
        left = max(x.low, plane.y.low / slope)
        corner = min(max(peak / slope, left), x.high)
        roofs.append(("roof", [(left, slope * left), (corner, min(slope * corner, peak)), (x.high, peak)]))
        middle = (left * corner) ** 0.5
        named.append(_note(plane, middle, slope * middle, name))
    order = list(dict.fromkeys([*groups, *(point.group for point in points)]))
    return plane.figure(title, order, plane.curves(roofs), *named, plane.marks(points, order))


def _note(plane: Plane, x: float, y: float, text: str) -> str:
    """Return `text` beside a line: left of it where there is room, else right of it."""
    across, down = plane.place(x, y)
    side = 'class="note" dx="-6" dy="-6"' if across > _NAME_ROOM else 'class="note right" dx="10" dy="14"'
    return f'<text x="{percentage(across)}" y="{percentage(down)}" {side}>{escape(text)}</text>'
