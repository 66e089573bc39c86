"""Plots of points and lines over two axes, as SVG whose text keeps its size on every screen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from dnnaccel._units import count
from dnnaccel.report.html.axes import Axis, axis, frame, percentage
from dnnaccel.report.html.tables import checked_link

__all__ = ["ScatterPoint", "legend", "lines", "roofline", "scatter"]

_COLOURS = 8
_NAME_ROOM = 0.2
# Shapes of about the same area around (0, 0), in pixels: groups differ by more than colour.
_SHAPES = (
    "M-4.5,0a4.5,4.5 0 1,0 9,0a4.5,4.5 0 1,0 -9,0Z",
    "M-4,-4h8v8h-8Z",
    "M0,-5.6L5.6,0L0,5.6L-5.6,0Z",
    "M0,-5.2L5.2,4.2H-5.2Z",
    "M0,5.2L5.2,-4.2H-5.2Z",
    "M-1.7,-5.2h3.4v3.5h3.5v3.4h-3.5v3.5h-3.4v-3.5h-3.5v-3.4h3.5Z",
    "M-5,-2.6L-2.6,-5L0,-2.4L2.6,-5L5,-2.6L2.4,0L5,2.6L2.6,5L0,2.4L-2.6,5L-5,2.6L-2.4,0Z",
    "M0,-5.8L1.6,-1.8L5.6,-1.8L2.5,0.9L3.6,5L0,2.6L-3.6,5L-2.5,0.9L-5.6,-1.8L-1.6,-1.8Z",
)


@dataclass(frozen=True, slots=True)
class ScatterPoint:
    """One point of a plot.

    Hovering shows `label`, its two values and `note`; points of a `group` share colour and shape; `link` is
    where a click leads ("#anchor" or a file beside the page); `marked` ones are larger, joined as a front.
    """

    x: float
    y: float
    label: str
    note: str = ""
    group: str = ""
    link: str = ""
    marked: bool = False


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
    x = axis((point.x for point in points), log=log_x)
    y = axis((point.y for point in points), log=log_y)
    front = sorted((point.x, point.y) for point in points if point.marked)
    steps: list[tuple[float, float]] = []
    for place in front:
        # Between two points of a front nothing is known to be better than a step.
        if steps:
            steps.append((place[0], steps[-1][1]))
        steps.append(place)
    groups = list(dict.fromkeys(point.group for point in points))
    inside = (
        frame(x, y, x_label=x_label, y_label=y_label, x_text=x_text, y_text=y_text)
        + _curves([_curve(steps, x, y, "front")])
        + _marks(points, groups, x, y, x_text, y_text)
    )
    return _figure(title, legend(groups, shapes=True), inside, f"{y_label} over {x_label}")


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
    points = [ScatterPoint(px, py, name, group=name) for name, row in series.items() for px, py in row]
    x = axis((point.x for point in points), log=log_x)
    y = axis((point.y for point in points), log=log_y)
    names = list(series)
    curves = [_curve(series[name], x, y, colour(index)) for index, name in enumerate(names)]
    inside = (
        frame(x, y, x_label=x_label, y_label=y_label, x_text=x_text, y_text=y_text)
        + _curves(curves)
        + _marks(points, names, x, y, x_text, y_text)
    )
    return _figure(title, legend(names, shapes=True), inside, f"{y_label} over {x_label}")


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
    corners = [peak / slope for slope in slopes.values()]
    x = axis([*(point.x for point in points), *corners], log=True)
    feet = [min(peak, max(slope * x.low, peak / 1e3)) for slope in slopes.values()]
    y = axis([*(point.y for point in points), peak, *feet], log=True)
    curves, names = [_curve([(x.low, peak), (x.high, peak)], x, y, "roof")] if not slopes else [], []
    for name, slope in slopes.items():
        left = max(x.low, y.low / slope)
        corner = min(max(peak / slope, left), x.high)
        curves.append(
            _curve(
                [(left, min(slope * left, peak)), (corner, min(slope * corner, peak)), (x.high, peak)],
                x,
                y,
                "roof",
            )
        )
        at = min(left * (corner / left) ** 0.5, x.high)
        across, down = x.place(at), 1 - y.place(min(slope * at, peak))
        # Left of the line where there is room, else right of it.
        side = 'class="note" dx="-6" dy="-6"' if across > _NAME_ROOM else 'class="note right" dx="10" dy="14"'
        names.append(f'<text x="{percentage(across)}" y="{percentage(down)}" {side}>{escape(name)}</text>')
    names.append(
        f'<text class="note" x="100%" y="{percentage(1 - y.place(peak))}" dx="-4" dy="-6">'
        f"peak {escape(y_text(peak))}</text>"
    )
    order = list(dict.fromkeys([*groups, *(point.group for point in points)]))
    inside = (
        frame(x, y, x_label=x_label, y_label=y_label, x_text=x_text, y_text=y_text)
        + _curves(curves)
        + "".join(names)
        + _marks(points, order, x, y, x_text, y_text)
    )
    return _figure(title, legend(order, shapes=True), inside, f"{y_label} over {x_label}")


def colour(index: int) -> str:
    """Return the style class of the colour of a plot's group number `index`."""
    return f"c{index % _COLOURS}"


def legend(names: Sequence[str], *, shapes: bool = False) -> str:
    """Return the key of colours, and of `shapes` with it; none for a single nameless group."""
    if not any(names):
        return ""
    items = "".join(
        f'<li><svg width="12" height="12" viewBox="-6 -6 12 12" class="{shade}" aria-hidden="true">'
        f'<path d="{_shape(index) if shapes else "M-5,-5h10v10h-10Z"}"/></svg>{escape(name)}</li>'
        for index, name in enumerate(names)
        for shade in (colour(index) if shapes else f"c{index % 16}",)
    )
    return f'<ul class="legend">{items}</ul>'


def _shape(index: int) -> str:
    # Beyond as many groups as colours, each colour comes again with another shape.
    return _SHAPES[(index + index // _COLOURS) % len(_SHAPES)]


def _figure(title: str, key: str, inside: str, what: str) -> str:
    caption = f"<figcaption>{escape(title)}</figcaption>" if title else ""
    name = f"{title}: {what}" if title else what
    return (
        f'<figure class="chart">{caption}{key}<svg class="plot" role="group" aria-label="{escape(name)}">'
        f"{inside}</svg></figure>"
    )


def _curve(places: Sequence[tuple[float, float]], x: Axis, y: Axis, style: str) -> str:
    if len(places) < 2:
        return ""
    way = " ".join(f"{1000 * x.place(px):.1f},{1000 * (1 - y.place(py)):.1f}" for px, py in places)
    return f'<polyline class="{style}" points="{way}"/>'


def _curves(drawn: Sequence[str]) -> str:
    """Return polylines, whose places cannot be parts of the plot's size, in a box that is stretched to it."""
    return (
        '<svg class="curves" viewBox="0 0 1000 1000" preserveAspectRatio="none" width="100%" height="100%">'
        f"{''.join(drawn)}</svg>"
        if any(drawn)
        else ""
    )


def _marks(
    points: Sequence[ScatterPoint],
    groups: Sequence[str],
    x: Axis,
    y: Axis,
    x_text: Callable[[float], str],
    y_text: Callable[[float], str],
) -> str:
    number = {group: index for index, group in enumerate(groups)}

    def mark(point: ScatterPoint) -> str:
        index = number[point.group]
        tip = "\n".join(
            text for text in (point.label, f"{x_text(point.x)}, {y_text(point.y)}", point.note) if text
        )
        opened, closed = "", ""
        if point.link:
            opened, closed = f'<a href="{escape(checked_link(point.link))}">', "</a>"
        kind = " marked" if point.marked else ""
        return (
            f'<svg x="{percentage(x.place(point.x))}" y="{percentage(1 - y.place(point.y))}">{opened}'
            f'<path class="mark {colour(index)}{kind}" d="{_shape(index)}">'
            f"<title>{escape(tip)}</title></path>{closed}</svg>"
        )

    return '<g class="marks">' + "".join(map(mark, points)) + "</g>"
