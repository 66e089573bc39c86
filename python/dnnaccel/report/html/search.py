"""What a search found, and one costed mapping, as pages and as fragments for notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnnaccel._nest import cost_pairs, nest_text
from dnnaccel._text import clean
from dnnaccel._units import count, energy
from dnnaccel.report.html.bars import stacked_bars
from dnnaccel.report.html.made import named_inputs
from dnnaccel.report.html.plots import ScatterPoint, scatter
from dnnaccel.report.html.shell import facts, page, panels, paragraph, preformatted
from dnnaccel.report.search import search_facts

if TYPE_CHECKING:
    from dnnaccel.cost import LayerReport
    from dnnaccel.search_result import SearchResult

__all__ = ["layer_blocks", "search_blocks", "search_page"]

_NEST_WIDTH = 110


def search_page(found: SearchResult) -> str:
    """Return the page of a search."""
    chip = found.cost.chip
    where = "" if chip is None else f" on {clean(chip.name)}"
    inputs = named_inputs(
        chip,
        layer=found.cost.name,
        dataflow=found.dataflow,
        objective=found.objective,
        mapping=str(found.mapping),
    )
    title = f"{clean(found.cost.name)}{where}: search for {found.objective}"
    return page(title, search_blocks(found), inputs=inputs)


def layer_blocks(report: LayerReport) -> list[str]:
    """Return the loop nest of a layer with its counts, what it costs, and where its energy goes."""
    if report.mapping is None or report.chip is None:
        return [paragraph(repr(report)), *_energy(report)]
    return [
        preformatted(nest_text(report, width=_NEST_WIDTH)),
        facts(cost_pairs(report)),
        *_energy(report),
    ]


def _energy(report: LayerReport) -> list[str]:
    if not report.energy:
        return []
    bars = (
        stacked_bars(
            [(clean(report.name), {part: spent for part, spent in split.items() if spent})],
            unit_text=lambda spent: energy(spent, report.energy_unit),
            title=f"Energy by {by}",
            x_label="energy",
            shares=True,
        )
        for by, split in (("level", report.energy_by_level()), ("tensor", report.energy_by_tensor()))
    )
    return [panels(*bars)]


def search_blocks(found: SearchResult) -> list[str]:
    """Return what was proved, the best mapping with its costs, and the front of energy against cycles."""
    blocks = [facts(search_facts(found)), *layer_blocks(found.cost)]
    if len(found.pareto) > 1:
        unit = found.cost.energy_unit
        points = [
            ScatterPoint(point.cycles, point.energy, f"mapping {number}", marked=True)
            for number, point in enumerate(found.pareto, 1)
        ]
        chart = scatter(
            points,
            x_label="cycles",
            y_label=f"energy ({'J' if unit == 'pJ' else unit})",
            title="Mappings that no other one seen beats in both energy and cycles",
            x_text=lambda cycles: f"{count(cycles)} cycles",
            y_text=lambda spent: energy(spent, unit),
        )
        blocks.append(chart)
    return blocks
