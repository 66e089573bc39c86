"""A loop nest drawn over the hierarchy: a box for each level, outermost on top."""

from __future__ import annotations

import math
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dnnaccel._nest import NestPart, filled_text, headline, nest_parts
from dnnaccel._units import count, percent, quantity
from dnnaccel.errors import MappingError
from dnnaccel.problem import ROLES
from dnnaccel.report.palette import colours
from dnnaccel.report.plots.style import SMALL, new_figure, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from dnnaccel.arch import Array, Memory
    from dnnaccel.cost import LayerReport
    from dnnaccel.mapping import Mapping
    from dnnaccel.report.plots.kind import Options

__all__ = ["draw_cost", "draw_mapping"]

# All in points: the picture's own axes are as wide and high as the picture.
_MARGIN = 3.0
_LINE = 9.0
_TITLE = 15.0
_GAP = 5.0
_INDENT = 4.0
_HEADER = 24.0
_CELL = 11.0
# Points that a letter takes: bold of 7 points, and plain and code of `SMALL` ones.
_BOLD, _PLAIN, _CODE = 4.5, 3.15, 3.62
_MEMORY, _ARRAY, _EDGE, _GREY = "#F4F4F4", "#E3EEF7", "#555555", "#666666"


def draw_mapping(nest: Mapping, options: Options) -> Figure:
    """Draw loops, and which tensors every level keeps."""
    return _Picture(nest, None, options.width).draw()


def draw_cost(report: LayerReport, options: Options) -> Figure:
    """Draw loops, and the words of each tensor that every level holds beside how many it can."""
    if report.mapping is None:
        raise MappingError(f"{report.kind} {report.name!r} has no MACs, and so no loop nest")
    return _Picture(report.mapping, report, options.width).draw()


@dataclass(frozen=True, slots=True)
class _Held:
    """What a level holds of a tensor: words if they are known, and the part of its capacity that they are."""

    words: int | None
    part: float


@dataclass(frozen=True, slots=True)
class _Row:
    """A line in a box: code, and a remark after it."""

    code: str
    remark: str
    indent: float


class _Picture:
    """Draws one nest, from top to bottom."""

    def __init__(self, nest: Mapping, report: LayerReport | None, width: float) -> None:
        if any(loop.extent is None for level in nest.levels for loop in level.loops):
            raise MappingError(
                "a loop of the mapping does not say what it cuts; "
                "mapping.with_extents(layer.problem.bounds) fills that in"
            )
        self.report = report
        self.chip = None if report is None else report.chip
        self.parts = nest_parts(nest)
        self.width = width * 72
        self.lane = min(44.0, 0.14 * self.width)
        self.lanes_from = self.width - _MARGIN - 4 - len(ROLES) * self.lane
        self.shades = colours(list(ROLES))
        whole = "loop nest" if report is None else report.name if self.chip is None else headline(report)
        title, _, sizes = whole.partition(": ")
        self.title = title.replace("$", r"\$")
        self.sizes = textwrap.wrap(sizes, int(self.width / 3.6))

    def draw(self) -> Figure:
        """Return the figure."""
        boxes = sum(self._height(part) + _GAP for part in self.parts) + _TITLE
        height = 11 + len(self.sizes) * _LINE + _HEADER + boxes + 2 * _MARGIN
        figure = new_figure((self.width / 72, height / 72))
        figure.set_layout_engine("none")
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
        axes.set_xlim(0, self.width)
        axes.set_ylim(height, 0)
        axes.axis("off")
        y = _MARGIN
        axes.text(_MARGIN, y, self.title, va="top", size=8.0)
        y += 11
        for line in self.sizes:
            axes.text(_MARGIN, y, line, va="top", color=_GREY)
            y += _LINE
        self._header(axes, y + 3)
        y += _HEADER
        first = y
        for part in self.parts:
            self._part(axes, part, y)
            y += self._height(part) + _GAP
        self._lanes(axes, first + _TITLE / 2, y)
        self._box(axes, y, _TITLE, "white")
        axes.text(_MARGIN + 5, y + _TITLE / 2, "mac", va="center", weight="bold")
        if self.report is not None:
            busy = f"{count(self.report.macs)} MACs, utilisation {percent(self.report.utilization)} %"
            axes.text(self.lanes_from - 4, y + _TITLE / 2, busy, va="center", ha="right", size=SMALL)
        return figure

    def _height(self, part: NestPart) -> float:
        rows = len(self._rows(part))
        return _TITLE + rows * _LINE + (2.0 if rows else 0.0)

    def _fits(self, letters: float) -> bool:
        """Whether text of so many points stays left of the tensors."""
        return _MARGIN + 5 + letters <= self.lanes_from - 4

    def _size_beside(self, part: NestPart) -> bool:
        """Whether the size of a level fits beside its name."""
        return self._fits(_BOLD * len(short(part.name)) + _PLAIN * len(self._size(part)) + 6)

    def _rows(self, part: NestPart) -> list[_Row]:
        """Return the lines below the name of a level: what does not fit beside another has one of its own."""
        rows = [] if self._size_beside(part) else [_Row("", self._size(part), 0.0)]
        for depth, line in enumerate(part.loops):
            indent = 4 + _INDENT * depth
            needed = indent + _CODE * len(line.code) + 5 + _PLAIN * len(line.remark)
            if self._fits(needed) or not line.remark:
                rows.append(_Row(line.code, line.remark, indent))
            else:
                rows += [_Row(line.code, "", indent), _Row("", line.remark, indent + _INDENT)]
        return rows

    def _centre(self, role: str) -> float:
        return self.lanes_from + (ROLES.index(role) + 0.5) * self.lane

    def _header(self, axes: Axes, y: float) -> None:
        unit = "words held by one instance" if self.report is not None else "tensors kept"
        middle = self.lanes_from + 1.5 * self.lane
        axes.text(middle, y, unit, va="top", ha="center", size=SMALL, color=_GREY)
        for role in ROLES:
            axes.text(
                self._centre(role), y + 9, role, va="top", ha="center", color=self.shades[role], weight="bold"
            )

    def _box(self, axes: Axes, y: float, height: float, colour: str) -> None:
        from matplotlib.patches import Rectangle

        axes.add_patch(
            Rectangle(
                (_MARGIN, y), self.width - 2 * _MARGIN, height,
                facecolor=colour, edgecolor=_EDGE, linewidth=0.6, zorder=1,
            )
        )  # fmt: skip

    def _part(self, axes: Axes, part: NestPart, y: float) -> None:
        self._box(axes, y, self._height(part), _ARRAY if part.keeps is None else _MEMORY)
        middle = y + _TITLE / 2
        axes.text(_MARGIN + 5, middle, short(part.name), va="center", weight="bold")
        if self._size_beside(part):
            right = {"va": "center", "ha": "right", "size": SMALL, "color": _GREY}
            axes.text(self.lanes_from - 4, middle, self._size(part), right)
        for index, row in enumerate(self._rows(part)):
            x, middle = _MARGIN + 5 + row.indent, y + _TITLE + (index + 0.5) * _LINE - 1
            if row.code:
                axes.text(x, middle, row.code, va="center", family="DejaVu Sans Mono", size=SMALL)
                x += _CODE * len(row.code) + 5
            if row.remark:
                axes.text(x, middle, row.remark, va="center", size=SMALL, color=_GREY)
        if part.keeps is not None:
            for role in ROLES:
                self._cell(axes, role, y + (_TITLE - _CELL) / 2, self._held(part, role))

    def _size(self, part: NestPart) -> str:
        """Say how large a level is, and how much of it is used."""
        if self.chip is None or self.report is None:
            return ""
        level: Any = next(each for each in self.chip.levels if each.name == part.name)
        if part.keeps is None:
            array: Array = level
            rows, columns = (self._trips(axis) for axis, _ in array.axes)
            return f"{rows} x {columns} of {array.rows} x {array.columns} PEs"
        memory: Memory = level
        tiles = [c.tile_words for c in self.report.levels if c.level == part.name]
        size = "" if memory.size_bytes is None else f"{quantity(memory.size_bytes, 'B')}, "
        return size + filled_text(memory, tiles)

    def _trips(self, axis: str) -> int:
        """Return how many places of an axis the loops over it take."""
        assert self.report is not None
        assert self.report.mapping is not None
        loops = [loop for each in self.report.mapping.levels if each.level == axis for loop in each.loops]
        return math.prod(math.ceil((loop.extent or 1) / loop.tile) for loop in loops)

    def _held(self, part: NestPart, role: str) -> _Held | None:
        """Return what a memory holds of a tensor; None for one that passes it by."""
        if part.keeps is None or role not in part.keeps:
            return None
        if self.report is None:
            return _Held(None, 0.0)
        words = sum(c.tile_words for c in self.report.levels if (c.level, c.tensor) == (part.name, role))
        capacity = None if self.chip is None else self.chip.memory(part.name).capacity_words
        return _Held(words, min(1.0, words / capacity) if capacity else 0.0)

    def _cell(self, axes: Axes, role: str, y: float, held: _Held | None) -> None:
        from matplotlib.patches import Rectangle

        x, width, shade = self._centre(role) - self.lane / 2 + 2, self.lane - 4, self.shades[role]
        if held is None:
            axes.add_patch(
                Rectangle(
                    (x, y), width, _CELL,
                    facecolor=_MEMORY, edgecolor=shade, linewidth=0.7, linestyle=(0, (3, 2)), zorder=3,
                )
            )  # fmt: skip
            return
        axes.add_patch(Rectangle((x, y), width, _CELL, facecolor="white", linewidth=0, zorder=3))
        axes.add_patch(
            Rectangle((x, y), width * held.part, _CELL, facecolor=shade, alpha=0.35, linewidth=0, zorder=4)
        )
        axes.add_patch(Rectangle((x, y), width, _CELL, fill=False, edgecolor=shade, linewidth=0.9, zorder=5))
        if held.words is not None:
            axes.text(
                x + width / 2,
                y + _CELL / 2 + 0.3,
                count(held.words),
                va="center",
                ha="center",
                size=SMALL,
                zorder=6,
            )

    def _lanes(self, axes: Axes, top: float, bottom: float) -> None:
        """Draw the way of each tensor from the outermost memory to the MACs."""
        for role in ROLES:
            x = self._centre(role)
            axes.plot([x, x], [top, bottom], color=self.shades[role], linewidth=1.4, zorder=2)
