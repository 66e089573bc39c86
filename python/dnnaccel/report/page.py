"""Reports as HTML: a fragment for notebooks, and a page that needs no other file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

from dnnaccel._text import Column, clean
from dnnaccel._units import energy, percent
from dnnaccel.report.palette import colours
from dnnaccel.report.table import (
    STALLS_TITLE,
    energy_columns,
    headline,
    remarks,
    stall_columns,
    summary,
    work_columns,
)

if TYPE_CHECKING:
    from dnnaccel.report.result import Report

__all__ = ["comparison_fragment", "page", "report_fragment"]

_STYLE = """
.dnnaccel { font-family: system-ui, sans-serif; font-size: 14px; }
.dnnaccel table { border-collapse: collapse; margin: 0.5em 0 1.5em; font-variant-numeric: tabular-nums; }
.dnnaccel th, .dnnaccel td { padding: 2px 8px; text-align: right; white-space: nowrap; background: none; }
.dnnaccel th { border-bottom: 1px solid #888; vertical-align: bottom; }
.dnnaccel .left { text-align: left; }
.dnnaccel tr.total td { border-top: 1px solid #888; font-weight: 600; }
.dnnaccel .scroll { overflow-x: auto; }
.dnnaccel .bar { display: flex; width: 480px; height: 14px; }
.dnnaccel .bar span { display: block; height: 100%; }
.dnnaccel .key { display: inline-block; width: 10px; height: 10px; margin: 0 4px 0 12px; }
"""


def page(title: str, body: str) -> str:
    """Wrap an HTML fragment into a whole page."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def fragment(parts: Sequence[str]) -> str:
    """Join HTML blocks under the package's style, which touches nothing outside of them."""
    return "\n".join(('<div class="dnnaccel">', f"<style>{_STYLE}</style>", *parts, "</div>"))


def report_fragment(report: Report) -> str:
    """Return totals, tables and bars of `report` as an HTML fragment."""
    totals = "".join(
        f'<tr><td class="left">{escape(name)}</td><td class="left">{escape(value)}</td></tr>'
        for name, value in summary(report)
    )
    return fragment(
        (
            f"<h3>{escape(headline(report))}</h3>",
            f"<table>{totals}</table>",
            "<h4>Where the energy goes</h4>",
            _bars(report),
            "<h4>Work, time, and words over each memory (reads + writes)</h4>",
            table_html(work_columns(report), total=True),
            "<h4>Energy (% of each row's energy)</h4>",
            table_html(energy_columns(report), total=True),
            *_stalls(report),
            *(f"<p>{escape(sentence)}</p>" for sentence in remarks(report)),
        )
    )


def _stalls(report: Report) -> tuple[str, ...]:
    columns = stall_columns(report)
    if not columns:
        return ()
    return f"<h4>{escape(STALLS_TITLE)}</h4>", table_html(columns, total=True)


def table_html(columns: Sequence[Column], *, total: bool = False) -> str:
    """Return `columns` as an HTML table; with `total`, the last row is set off."""

    def cells(tag: str, texts: Sequence[str]) -> str:
        sides = (' class="left"' if column.left else "" for column in columns)
        return "".join(
            f"<{tag}{side}>{escape(text)}</{tag}>" for side, text in zip(sides, texts, strict=True)
        )

    rows = list(zip(*(column.cells for column in columns), strict=True))
    opened = ["<tr>"] * len(rows)
    if total:
        opened[-1] = '<tr class="total">'
    body = "\n".join(f"{tag}{cells('td', row)}</tr>" for tag, row in zip(opened, rows, strict=True))
    head = cells("th", [column.header for column in columns])
    table = f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"
    return f'<div class="scroll">{table}</div>'


def _bars(report: Report) -> str:
    colour = colours([name for name, spent in report.energy_by_level().items() if spent])
    longest = max((layer.energy for layer in report.layers), default=0.0)
    key = "".join(f'<span class="key" style="background:{colour[x]}"></span>{escape(x)}' for x in colour)
    rows = "\n".join(
        f'<tr><td class="left">{escape(clean(layer.name))}</td>'
        f"<td>{escape(energy(layer.energy, report.energy_unit))}</td>"
        f"<td>{_bar(layer.energy_by_level(), colour, longest)}</td></tr>"
        for layer in report.layers
        if layer.energy
    )
    return f'<p>{key}</p>\n<div class="scroll"><table>\n{rows}\n</table></div>'


def _bar(split: Mapping[str, float], colour: Mapping[str, str], longest: float) -> str:
    whole = sum(split.values())
    spans = "".join(
        f'<span title="{escape(name)} {percent(split[name] / whole)} %" '
        f'style="background:{shade};width:{100 * split[name] / longest:.2f}%"></span>'
        for name, shade in colour.items()
        if split.get(name)
    )
    return f'<div class="bar">{spans}</div>'


def comparison_fragment(columns: Sequence[Column], sentences: Sequence[str]) -> str:
    """Return a comparison's table and remarks as an HTML fragment."""
    return fragment((table_html(columns), *(f"<p>{escape(sentence)}</p>" for sentence in sentences)))
