"""Self-contained HTML: pages, tables and charts that need no network and no other file.

Every function returns HTML text and escapes every text that it is given. A page is `page(title, blocks)`;
blocks are what `section`, `table`, `scatter` and the others here return.
"""

from __future__ import annotations

from dnnaccel.report.html.bars import bump, stacked_bars
from dnnaccel.report.html.plots import ScatterPoint, lines, roofline, scatter
from dnnaccel.report.html.shell import (
    details,
    facts,
    fragment,
    page,
    panels,
    paragraph,
    preformatted,
    section,
    subtitle,
    tiles,
)
from dnnaccel.report.html.tables import heat_map, table

__all__ = [
    "ScatterPoint",
    "bump",
    "details",
    "facts",
    "fragment",
    "heat_map",
    "lines",
    "page",
    "panels",
    "paragraph",
    "preformatted",
    "roofline",
    "scatter",
    "section",
    "stacked_bars",
    "subtitle",
    "table",
    "tiles",
]
