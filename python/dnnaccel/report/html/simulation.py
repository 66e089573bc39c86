"""A report of one simulation as a page, and as a fragment for notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnnaccel._text import clean
from dnnaccel._units import energy
from dnnaccel.report.html.bars import stacked_bars
from dnnaccel.report.html.shell import facts, fragment, page, paragraph, section
from dnnaccel.report.html.tables import table
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

__all__ = ["report_fragment", "report_page"]


def report_page(report: Report) -> str:
    """Return the whole page of a report."""
    return page(f"{clean(report.network)} on {clean(report.chip)}", _blocks(report))


def report_fragment(report: Report) -> str:
    """Return totals, tables and bars of `report` for a notebook."""
    return fragment(*_blocks(report))


def _blocks(report: Report) -> list[str]:
    blocks = [
        paragraph(headline(report)),
        facts(summary(report)),
        section("Where the energy goes", _energy_bars(report)),
        section(
            "Work, time, and words over each memory (reads + writes)", table(work_columns(report), total=True)
        ),
        section("Energy (% of each row's energy)", table(energy_columns(report), total=True)),
    ]
    if columns := stall_columns(report):
        blocks.append(section(STALLS_TITLE, table(columns, total=True)))
    return [*blocks, *map(paragraph, remarks(report))]


def _energy_bars(report: Report) -> str:
    rows = [
        (clean(layer.name), {name: spent for name, spent in layer.energy_by_level().items() if spent})
        for layer in report.layers
        if layer.energy
    ]
    return stacked_bars(
        rows,
        unit_text=lambda spent: energy(spent, report.energy_unit),
        title="Energy of each layer by level",
        x_label="energy",
    )
