"""The plane of a plot: two axes with their labels, and what stands between them, as SVG.

All places are parts of the plot's size, so that texts and marks keep their size on every screen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from dnnaccel.report.html.axes import Axis, percentage, short
from dnnaccel.report.html.marks import colour, legend, shape
from dnnaccel.report.html.tables import checked_link

__all__ = ["Plane", "ScatterPoint"]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    """Two axes, what they are called, and what says a value on each with its unit."""

    x: Axis
    y: Axis
    x_label: str
    y_label: str
    x_text: Callable[[float], str]
    y_text: Callable[[float], str]

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Return where a point stands as parts of width and height, from the left and from the top."""
        return self.x.place(x), 1 - self.y.place(y)

    def figure(self, title: str, groups: Sequence[str], *drawn: str) -> str:
        """Return the whole plot: title, key of `groups`, axes, and what is drawn between them."""
        caption = f"<figcaption>{escape(title)}</figcaption>" if title else ""
        what = f"{self.y_label} over {self.x_label}"
        name = f"{title}: {what}" if title else what
        return (
            f'<figure class="chart">{caption}{legend(groups, shapes=True)}<svg class="plot" role="group" '
            f'aria-label="{escape(name)}">{self._frame()}{"".join(drawn)}</svg></figure>'
        )

    def _frame(self) -> str:
        columns = [(percentage(self.x.place(tick)), self.x_text(tick)) for tick in self.x.ticks]
        rows = [(percentage(1 - self.y.place(tick)), self.y_text(tick)) for tick in self.y.ticks]
        grid = [f'<line x1="{at}" x2="{at}" y1="0" y2="100%"/>' for at, _ in columns]
        grid += [f'<line x1="0" x2="100%" y1="{at}" y2="{at}"/>' for at, _ in rows]
        below = [f'<text x="{at}" y="100%" dy="16">{escape(short(text))}</text>' for at, text in columns]
        below.append(f'<text class="label" x="50%" y="100%" dy="34">{escape(self.x_label)}</text>')
        beside = [f'<text x="0" y="{at}" dx="-6" dy="4">{escape(short(text))}</text>' for at, text in rows]
        beside.append(f'<text class="label" x="0" y="0" dx="-50" dy="-12">{escape(self.y_label)}</text>')
        return (
            f'<g class="grid">{"".join(grid)}</g><g class="axis">{"".join(below)}</g>'
            f'<g class="axis y">{"".join(beside)}</g>'
        )

    def curves(self, drawn: Sequence[tuple[str, Sequence[tuple[float, float]]]]) -> str:
        """Return lines through points, each with its style class.

        The places on a polyline cannot be parts of the plot's size: its box is stretched to that instead.
        """
        found = []
        for style, points in drawn:
            if len(points) > 1:
                places = (self.place(*point) for point in points)
                way = " ".join(f"{1000 * across:.1f},{1000 * down:.1f}" for across, down in places)
                found.append(f'<polyline class="{style}" points="{way}"/>')
        if not found:
            return ""
        return (
            '<svg class="curves" viewBox="0 0 1000 1000" preserveAspectRatio="none" width="100%" '
            f'height="100%">{"".join(found)}</svg>'
        )

    def marks(self, points: Sequence[ScatterPoint], groups: Sequence[str]) -> str:
        """Return `points`, with the colours and shapes of their places in `groups`."""
        number = {group: index for index, group in enumerate(groups)}
        return f'<g class="marks">{"".join(self._mark(point, number[point.group]) for point in points)}</g>'

    def _mark(self, point: ScatterPoint, group: int) -> str:
        values = f"{self.x_text(point.x)}, {self.y_text(point.y)}"
        tip = "\n".join(text for text in (point.label, values, point.note) if text)
        opened, closed = "", ""
        if point.link:
            opened, closed = f'<a href="{escape(checked_link(point.link))}">', "</a>"
        across, down = map(percentage, self.place(point.x, point.y))
        kind = " marked" if point.marked else ""
        return (
            f'<svg x="{across}" y="{down}">{opened}<path class="mark {colour(group)}{kind}" '
            f'd="{shape(group)}"><title>{escape(tip)}</title></path>{closed}</svg>'
        )
