"""Tables that a reader can sort and search, and tables of numbers as colours."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import zip_longest

from dnnaccel._text import Column
from dnnaccel._units import NONE, PREFIXES
from dnnaccel.errors import DnnAccelError
from dnnaccel.report.html.shell import named

__all__ = ["heat_map", "table"]

SortValues = Sequence[Sequence[float | str | None]]
"""For each column what its cells sort by; an empty sequence for a column that sorts by what it shows."""

_STEPS = 10
# A number as `_units` writes it: "3.200M", "1.230 mJ", "<0.1", "1.25x", "7.244G MAC".
_NUMBER = re.compile(
    r"<?(-?\d[\d,]*\.?\d*(?:e[+-]?\d+)?)"
    r"(?: ([fpnµmkMGTPE]?)(?:J|s|W|B|Hz)(?:/\S+)?|x|%|([fpnµmkMGTPE])?)(?: .*)?"
)
_POWERS = {prefix: exponent for exponent, prefix in PREFIXES.items()}


def table(
    columns: Sequence[Column],
    *,
    sort_values: SortValues | None = None,
    links: Sequence[str] | None = None,
    total: bool = False,
    searchable: bool = False,
    anchor: str = "",
) -> str:
    """Return `columns` as a table that a click or Enter on a header sorts.

    Cells sort by `sort_values`, else by the number they show ("3.2M", "1.2 mJ"), else by their text; what
    does not apply is last. `links` are where the first cell of each row leads ("" for nowhere): "#anchor" or
    a file beside the page. With `total` the last row is the total and stays below; with `searchable` a box
    above the table keeps the rows that have what is typed.
    """
    keys = [()] * len(columns) if sort_values is None else sort_values
    if len(keys) != len(columns):
        raise DnnAccelError(f"a table of {len(columns)} columns has sort values for {len(keys)}")
    cells = [_cells(column, key) for column, key in zip(columns, keys, strict=True)]
    if links is not None:
        cells[0] = [_linked(cell, link) for cell, link in zip_longest(cells[0], links, fillvalue="")]
    rows = ["".join(row) for row in zip(*cells, strict=True)]
    foot = ""
    if total and rows:
        foot = f'\n<tfoot><tr class="total">{rows.pop()}</tr></tfoot>'
    head = "".join(
        f'<th scope="col"{_side(column)}><button type="button">{escape(column.header)}</button></th>'
        if column.header
        else f'<th scope="col"{_side(column)}></th>'
        for column in columns
    )
    body = "\n".join(f"<tr>{row}</tr>" for row in rows)
    search = (
        '<label class="search">Search <input class="control" type="search"> '
        '<span class="found" aria-live="polite"></span></label>\n'
        if searchable
        else ""
    )
    return (
        f'<div class="table"{named(anchor)}>\n{search}<div class="scroll"><table class="sortable">\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>{foot}\n</table></div>\n</div>"
    )


def _side(column: Column) -> str:
    return ' class="left"' if column.left else ""


def _cells(column: Column, keys: Sequence[float | str | None]) -> list[str]:
    if keys:
        values: Sequence[float | str | None] = keys
    else:
        values = [_shown_number(text) for text in column.cells]
    side = _side(column)
    found = []
    for index, text in enumerate(column.cells):
        # A total is not sorted: sort values may leave it out.
        value = values[index] if index < len(values) else None
        key = "" if value is None or str(value) == text else f' data-v="{escape(_key(value))}"'
        found.append(f"<td{side}{key}>{escape(text)}</td>")
    return found


def _linked(cell: str, link: str) -> str:
    """Return a cell of which the text leads to `link`; "" is nowhere."""
    if not link:
        return cell
    opened, text = cell.removesuffix("</td>").split(">", 1)
    return f'{opened}><a href="{escape(checked_link(link))}">{text}</a></td>'


def _key(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.10g}"


def _shown_number(text: str) -> float | None:
    """Return the number that a cell shows, or None if it shows none."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    digits, apart, joined = match.groups()
    # A trace, "<0.1", comes before what it is less than.
    value = float(digits.replace(",", "")) - (1e-9 if text.startswith("<") else 0.0)
    return value * 10.0 ** _POWERS[joined or apart or ""]


def checked_link(link: str) -> str:
    """Return `link` if it stays in the page or beside it; raises `DnnAccelError` if it leads elsewhere."""
    if not re.fullmatch(r"#.*|[\w.-][\w./%-]*(?:#.*)?", link):
        raise DnnAccelError(f"a page cannot link to {link!r}; it may to #anchor or to a file beside it")
    return link


def heat_map(
    rows: Sequence[str],
    columns: Sequence[str],
    values: Sequence[Sequence[float | None]],
    *,
    unit_text: Callable[[float], str],
    title: str = "",
    log: bool = False,
    middle: float | None = None,
) -> str:
    """Return `values` (a row for each of `rows`, None where there is none) as a table of coloured cells.

    A stronger colour is a larger value, from the least to the largest of all, by their logarithms with `log`.
    With `middle` (1 for ratios) it is a value farther from that, in blue below it and in orange above.
    """
    scale = _Scale.over([value for row in values for value in row if value is not None], log, middle)

    def cell(value: float | None) -> str:
        if value is None:
            return f'<td class="none">{NONE}</td>'
        return f'<td class="{scale.style(value)}">{escape(unit_text(value))}</td>'

    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in columns)
    body = "\n".join(
        f'<tr><th scope="row">{escape(name)}</th>{"".join(map(cell, row))}</tr>'
        for name, row in zip(rows, values, strict=True)
    )
    caption = f"<figcaption>{escape(title)}</figcaption>" if title else ""
    return (
        f'<figure class="chart">{caption}<div class="scroll"><table class="heat">\n'
        f"<thead><tr><th></th>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table></div></figure>"
    )


@dataclass(frozen=True, slots=True)
class _Scale:
    """How strongly a value is coloured: from `start` (not at all) on, fully after `length` either way."""

    start: float
    length: float
    log: bool
    both_ways: bool

    @classmethod
    def over(cls, values: Sequence[float], log: bool, middle: float | None) -> _Scale:
        measured = [math.log(value) if log else value for value in values if value > 0 or not log]
        start = min(measured, default=0.0)
        if middle is not None:
            start = math.log(middle) if log else middle
        length = max((abs(value - start) for value in measured), default=0.0)
        return cls(start, length, log, middle is not None)

    def style(self, value: float) -> str:
        """Return the classes of a value's cell: h0 (faint) to h9, with `above` on the other side."""
        if self.log and value <= 0:
            return "h0"
        away = (math.log(value) if self.log else value) - self.start
        part = abs(away) / self.length if self.length else 0.0
        step = f"h{min(int(part * _STEPS), _STEPS - 1)}"
        return f"{step} above" if self.both_ways and away > 0 else step
