"""Comparisons, layers side by side and differences of reports as HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from dnnaccel._text import clean
from dnnaccel._units import energy, ratio
from dnnaccel.comparing.layers import FIGURES, TITLES, NetworkLayers
from dnnaccel.comparing.rows import ComparisonRow
from dnnaccel.comparing.tables import cannot_run, labels, level_splits, remarks, tables
from dnnaccel.report.html import (
    details,
    fragment,
    heat_map,
    page,
    panels,
    paragraph,
    section,
    stacked_bars,
    table,
)
from dnnaccel.report.html.made import comparison_inputs

if TYPE_CHECKING:
    from dnnaccel.compare import Comparison
    from dnnaccel.comparing.layers import LayerComparison
    from dnnaccel.diff import ReportDiff
    from dnnaccel.report import Report

__all__ = ["comparison_fragment", "comparison_page", "diff_fragment", "diff_page", "layers_page"]

_FEW = 30
"""A table of more rows can be searched."""


def comparison_fragment(comparison: Comparison) -> str:
    """Return a comparison for a notebook."""
    return fragment(*_blocks(comparison))


def comparison_page(comparison: Comparison) -> str:
    """Return a comparison as a page that needs no other file, with the inputs that made it."""
    return page(_title(comparison.rows), _blocks(comparison), inputs=comparison_inputs(comparison.job))


def layers_page(found: LayerComparison) -> str:
    """Return layers side by side as a page that needs no other file."""
    blocks = [_layer_block(network, found.sort, opened=True) for network in found]
    return page("Layers side by side", [*blocks, *map(paragraph, found.remarks())])


def diff_page(found: ReportDiff) -> str:
    """Return what changed between two reports as a page that needs no other file."""
    return page("What changed", _diff_blocks(found))


def diff_fragment(found: ReportDiff) -> str:
    """Return what changed between two reports for a notebook."""
    return fragment(*_diff_blocks(found))


def _title(rows: Sequence[ComparisonRow]) -> str:
    """Return what is compared: the names that all rows have in common, or how many there are."""
    said = []
    for key, several in (("network", "networks"), ("chip", "chips"), ("dataflow", "dataflows")):
        names = list(dict.fromkeys(getattr(row, key) for row in rows))
        said.append(clean(names[0]) if len(names) == 1 else f"{len(names)} {several}")
    return f"{said[0]} on {said[1]}, {said[2]}"


def _blocks(comparison: Comparison) -> list[str]:
    rows = comparison.rows
    blocks = [_stacks(rows)]
    for title, columns in tables(rows):
        blocks.append(section(title or "Energy, time and energy x delay", table(columns)))
    if said := cannot_run(rows):
        blocks.append(section("What cannot run", *map(paragraph, said)))
    blocks += [_layer_block(network, "order") for network in comparison.layers()]
    return [*blocks, *map(paragraph, remarks(rows, reasons=False))]


def _stacks(rows: Sequence[ComparisonRow]) -> str:
    """Draw energies per inference by level and by tensor, for each network and unit by themselves."""
    groups: dict[tuple[int, str], list[tuple[ComparisonRow, Report]]] = {}
    for row in rows:
        if row.report is not None:
            groups.setdefault((row.network_number, row.report.energy_unit), []).append((row, row.report))
    drawn = []
    for (_, unit), pairs in groups.items():
        group = [row for row, _ in pairs]
        batches = [report.batch for _, report in pairs]
        splits = {"level": level_splits(group), "tensor": [row.energy_by_tensor() for row in group]}
        for by, split in splits.items():
            title = f"{clean(group[0].network)}: energy of an inference by {by}"
            drawn.append(_bars(title, labels(group), split, batches, unit))
    return section("Where the energy goes", panels(*drawn)) if drawn else ""


def _bars(
    title: str, names: Sequence[str], splits: Sequence[Mapping[str, float]], batches: Sequence[int], unit: str
) -> str:
    parts = dict.fromkeys(part for split in splits for part in split)
    return stacked_bars(
        [
            (name, {clean(part): spent / batch for part, spent in split.items()})
            for name, split, batch in zip(names, splits, batches, strict=True)
        ],
        unit_text=lambda spent: energy(spent, unit),
        title=title,
        x_label="energy",
        parts=[clean(part) for part in parts if any(split.get(part) for split in splits)],
    )


def _layer_block(network: NetworkLayers, sort: str, *, opened: bool = False) -> str:
    """Return the layers of a network: ratios of energy as colours, and a table of each figure."""
    ratios = {clean(row.name): network.ratios(row, "energy") for row in network.sorted_rows(sort)}
    differing = {name: each for name, each in ratios.items() if len(set(each)) > 1}
    blocks = []
    if differing:
        heat = heat_map(
            list(differing),
            network.labels(),
            list(differing.values()),
            unit_text=ratio,
            title=f"Energy to that of {network.labels()[0]}, of the layers where it differs",
            log=True,
            middle=1.0,
        )
        blocks.append(heat)
    tabled = [
        details(
            f"{TITLES[figure]} of each layer", table(network.table(figure, sort), total=True), opened=opened
        )
        for figure in FIGURES
    ]
    return section(f"{clean(network.network)}, layer by layer", *blocks, *tabled)


def _diff_blocks(found: ReportDiff) -> list[str]:
    said = [paragraph(line) for line in found.headlines()]
    tabled = [
        section(title, table(columns, searchable=len(columns[0].cells) > _FEW))
        for title, columns in found.tables()
    ]
    return [*said, *tabled]
