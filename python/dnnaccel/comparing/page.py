"""Comparisons as HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnnaccel.comparing.tables import remarks, tables
from dnnaccel.report.html import fragment, page, paragraph, section, table

if TYPE_CHECKING:
    from dnnaccel.compare import Comparison
    from dnnaccel.comparing.layers import LayerComparison
    from dnnaccel.diff import ReportDiff

__all__ = ["comparison_fragment", "comparison_page", "diff_fragment", "diff_page", "layers_page"]


def comparison_fragment(comparison: Comparison) -> str:
    """Return the tables of a comparison and its remarks as an HTML fragment."""
    return fragment(*_blocks(comparison))


def comparison_page(comparison: Comparison) -> str:
    """Return a comparison as a page that needs no other file."""
    return page("dnnaccel comparison", _blocks(comparison))


def layers_page(found: LayerComparison) -> str:
    """Return layers side by side as a page that needs no other file."""
    return page("dnnaccel comparison by layer", _layer_blocks(found))


def _blocks(comparison: Comparison) -> list[str]:
    blocks = []
    for title, columns in tables(comparison.rows):
        blocks.append(section(title, table(columns)) if title else table(columns))
    return [*blocks, *map(paragraph, remarks(comparison.rows))]


def _layer_blocks(found: LayerComparison) -> list[str]:
    tabled = [section(title, table(columns, total=True)) for title, columns in found.tables()]
    return [*tabled, *map(paragraph, found.remarks())]


def diff_page(found: ReportDiff) -> str:
    """Return what changed between two reports as a page that needs no other file."""
    return page("dnnaccel diff", _diff_blocks(found))


def diff_fragment(found: ReportDiff) -> str:
    """Return what changed between two reports as an HTML fragment."""
    return fragment(*_diff_blocks(found))


def _diff_blocks(found: ReportDiff) -> list[str]:
    said = [paragraph(line) for line in found.headlines()]
    tabled = [section(title, table(columns, searchable=True)) for title, columns in found.tables()]
    return [*said, *tabled]
