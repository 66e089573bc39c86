"""Comparisons as HTML."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from dnnaccel.comparing.tables import remarks, tables
from dnnaccel.report.page import fragment, page, table_html

if TYPE_CHECKING:
    from dnnaccel.compare import Comparison
    from dnnaccel.comparing.layers import LayerComparison

__all__ = ["comparison_fragment", "comparison_page", "layers_page"]


def comparison_fragment(comparison: Comparison) -> str:
    """Return the tables of a comparison and its remarks as an HTML fragment."""
    parts = []
    for title, columns in tables(comparison.rows):
        parts += [f"<h4>{escape(title)}</h4>"] if title else []
        parts.append(table_html(columns))
    return fragment([*parts, *(f"<p>{escape(said)}</p>" for said in remarks(comparison.rows))])


def comparison_page(comparison: Comparison) -> str:
    """Return a comparison as a page that needs no other file."""
    return page("dnnaccel comparison", comparison_fragment(comparison))


def layers_page(found: LayerComparison) -> str:
    """Return layers side by side as a page that needs no other file."""
    parts = []
    for title, columns in found.tables():
        parts += [f"<h4>{escape(title)}</h4>", table_html(columns, total=True)]
    parts += [f"<p>{escape(said)}</p>" for said in found.remarks()]
    return page("dnnaccel comparison by layer", fragment(parts))
