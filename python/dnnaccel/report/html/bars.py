"""Bars, one a row, and ranks from column to column."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape

from dnnaccel._units import percent
from dnnaccel.report.html.axes import axis, percentage, short
from dnnaccel.report.html.marks import colour, legend

__all__ = ["bump", "stacked_bars"]

_TALL = 36
_ROW = 18
_PARTS = 16


def stacked_bars(
    rows: Sequence[tuple[str, Mapping[str, float]]],
    *,
    unit_text: Callable[[float], str],
    title: str,
    x_label: str,
    notes: Sequence[str] | None = None,
    parts: Sequence[str] = (),
    shares: bool = False,
) -> str:
    """Return one bar a row, of named parts from left to right; hovering shows a part and its value.

    `unit_text` says a value with its unit. Parts have colours and stand in the order of `parts`, then in that
    in which they first come. `notes` stand behind the bars; by default that is each bar's sum. With `shares`
    the key says what part of all bars together each part is.
    """
    totals = dict.fromkeys(parts, 0.0)
    for _, split in rows:
        for part, size in split.items():
            if size:
                totals[part] = totals.get(part, 0.0) + size
    order = list(totals)
    all_bars = sum(totals.values()) or 1.0
    key = [f"{part} {percent(size / all_bars)} %" if shares else part for part, size in totals.items()]
    sums = [sum(split.values()) for _, split in rows]
    scale = axis(sums, zero=True)
    said = [unit_text(whole) for whole in sums] if notes is None else notes
    drawn = "\n".join(
        f'<span class="name" title="{escape(name)}">{escape(name)}</span>'
        f"{_bar(name, split, order, scale.high, unit_text)}"
        f'<span class="value">{escape(note)}</span>'
        for (name, split), note in zip(rows, said, strict=True)
    )
    ticks = "".join(
        f'<g><line x1="{at}" x2="{at}" y1="-{_ROW * len(rows)}" y2="0"/>'
        f'<text x="{at}" y="14">{escape(short(unit_text(tick)))}</text></g>'
        for tick in scale.ticks
        for at in (percentage(scale.place(tick)),)
    )
    tall = " tall" if len(rows) > _TALL else ""
    return (
        f'<figure class="chart"><figcaption>{escape(title)}</figcaption>{legend(key)}'
        f'<div class="bars{tall}"><div class="rows">\n{drawn}\n'
        f'<svg class="scale" aria-hidden="true">{ticks}'
        f'<text class="label" x="50%" y="30">{escape(x_label)}</text></svg></div></div></figure>'
    )


def _bar(
    name: str,
    split: Mapping[str, float],
    parts: Sequence[str],
    longest: float,
    unit_text: Callable[[float], str],
) -> str:
    whole = sum(split.values())
    drawn, start = [], 0.0
    for index, part in enumerate(parts):
        size = split.get(part, 0.0)
        if size:
            tip = f"{name}\n{part}: {unit_text(size)} ({percent(size / whole)} %)"
            drawn.append(
                f'<rect class="mark c{index % _PARTS}" x="{percentage(start / longest)}" '
                f'width="{percentage(size / longest)}" height="100%"><title>{escape(tip)}</title></rect>'
            )
            start += size
    return f'<svg class="bar" role="group" aria-label="{escape(name)}">{"".join(drawn)}</svg>'


def bump(columns: Sequence[str], ranks: Mapping[str, Sequence[int | None]], *, title: str = "") -> str:
    """Return how each name's rank (1 is the best, at the top) changes from column to column.

    A name that has no rank in a column (None) is not drawn there. Hovering or a focus brings out one line.
    """
    lowest = max((rank for row in ranks.values() for rank in row if rank is not None), default=1)
    last = max(len(columns) - 1, 1)

    def across(index: int) -> float:
        return index / last if len(columns) > 1 else 0.5

    def down(rank: int) -> float:
        return (rank - 0.5) / lowest

    drawn = [
        _ranks(name, row, number, columns, across, down) for number, (name, row) in enumerate(ranks.items())
    ]
    head = "".join(
        f'<text x="{percentage(across(index))}" y="0" dy="-10">{escape(name)}</text>'
        for index, name in enumerate(columns)
    )
    caption = f"<figcaption>{escape(title)}</figcaption>" if title else ""
    height = _ROW * lowest
    return (
        f'<figure class="chart">{caption}<div class="scroll">'
        f'<svg class="bump" height="{height}" role="group" '
        f'aria-label="{escape(title or "ranks")}"><g class="axis">{head}</g>{"".join(drawn)}'
        "</svg></div></figure>"
    )


def _ranks(
    name: str,
    row: Sequence[int | None],
    number: int,
    columns: Sequence[str],
    across: Callable[[int], float],
    down: Callable[[int], float],
) -> str:
    known = [(index, rank) for index, rank in enumerate(row) if rank is not None]
    if not known:
        return ""
    places = {index: (percentage(across(index)), percentage(down(rank))) for index, rank in known}
    # Lines between neighbours alone: a straight line has places that are parts of the picture's size.
    links = "".join(
        f'<line x1="{x}" y1="{y}" x2="{places[index + 1][0]}" y2="{places[index + 1][1]}"/>'
        for index, (x, y) in places.items()
        if index + 1 in places
    )
    dots = "".join(f'<circle cx="{x}" cy="{y}" r="4"/>' for x, y in places.values())
    ends = "".join(
        f'<text class="{side}" x="{places[index][0]}" y="{places[index][1]}" dx="{shift}" dy="4">'
        f"{escape(name)}</text>"
        for side, shift, (index, _) in (("before", -9, known[0]), ("after", 9, known[-1]))
        if index in (0, len(columns) - 1)
    )
    tip = name + "\n" + ", ".join(f"{columns[index]}: {rank}" for index, rank in known)
    return f'<g class="mark rank {colour(number)}"><title>{escape(tip)}</title>{links}{dots}{ends}</g>'
