"""A report of one simulation as a page, and as a fragment for notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnnaccel import bounds
from dnnaccel._nest import cost_pairs, nest_text
from dnnaccel._text import Column, clean
from dnnaccel._units import count, energy, percent, quantity
from dnnaccel.report.html.bars import stacked_bars
from dnnaccel.report.html.made import report_inputs
from dnnaccel.report.html.rooflines import rooflines
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
from dnnaccel.report.html.tables import table
from dnnaccel.report.table import (
    STALLS_TITLE,
    energy_columns,
    headline,
    remarks,
    stall_columns,
    work_columns,
)

if TYPE_CHECKING:
    from dnnaccel.arch import Chip
    from dnnaccel.cost import LayerReport
    from dnnaccel.report.result import Report

__all__ = ["report_fragment", "report_page"]

_NEST_WIDTH = 110
_MANY = 30
"""Beyond as many bars, those of layers that spend less than `_TRACE` of the energy are left out."""
_TRACE = 0.001
_COMPUTING, _RAMP, _REFILL = "computing", "first fill and last drain", "refills of single buffers"
_IDLE = {
    "busy": "computing",
    "edge": "edge: tiles that do not fill",
    "fold": "fold: PEs that the mapping leaves out",
    "stall": "stall: waiting",
}


def report_page(report: Report) -> str:
    """Return the whole page of a report: figures, charts, tables, mappings, and the inputs that made it."""
    blocks = [paragraph(headline(report)), tiles(_figures(report))]
    blocks.append(section("Energy", *_energy_charts(report)))
    blocks.append(section("Time", *_time(report)))
    chip = _chip(report)
    if chip is not None:
        blocks.append(section("Rooflines", *rooflines(report.layers, chip)))
        blocks.append(section("Utilisation", *_utilisation(report, chip)))
    blocks.append(section("Layers", *_tables(report, linked=True)))
    if mapped := [layer for layer in report.layers if layer.mapping is not None]:
        blocks.append(section("Mappings", *_mappings(report, mapped)))
    title = f"{clean(report.network)} on {clean(report.chip)}"
    return page(title, blocks, inputs=report_inputs(report))


def report_fragment(report: Report) -> str:
    """Return figures, energy and tables of `report` for a notebook."""
    return fragment(
        paragraph(headline(report)),
        tiles(_figures(report)),
        *_energy_charts(report),
        *(details(title, block) for title, block in _titled_tables(report, linked=False)),
        *map(paragraph, remarks(report)),
    )


def _figures(report: Report) -> list[tuple[str, str, str]]:
    """Return name, value and remark of the figures that a reader wants first."""
    unit, batch = report.energy_unit, "" if report.batch == 1 else f" for a batch of {report.batch}"
    per_mac = f"{energy(report.energy / report.macs, unit)} per MAC" if report.macs else ""
    found = [("energy per inference", energy(report.energy_per_inference, unit), per_mac)]
    if report.clock_mhz is None:
        found.append(("time", f"{count(report.cycles)} cycles", batch.strip()))
    else:
        cycles = f"{count(report.cycles)} cycles at {report.clock_mhz:g} MHz{batch}"
        found.append(("time", quantity(report.seconds, "s"), cycles))
        found.append(("throughput", f"{count(report.frames_per_second)} frames/s", "inferences per second"))
    if report.average_power_watts is not None:
        found.append(("average power", quantity(report.average_power_watts, "W"), "energy over time"))
    peak = f"of {count(report.peak_macs_per_cycle)} MACs per cycle"
    found.append(("utilisation", f"{percent(report.utilization)} %", peak))
    if report.memories:
        top = report.memories[0]
        size = quantity(report.traffic(top, unit="bytes"), "B")
        found.append((f"{clean(top)} traffic", f"{count(report.traffic(top))} words", size + batch))
    found.append(("work", f"{count(report.macs)} MACs", f"{len(report.layers)} layers{batch}"))
    if proofs := [layer.optimal for layer in report.layers if layer.optimal is not None]:
        found.append(("mappings", f"{sum(proofs)} of {len(proofs)}", "proved optimal"))
    return found


def _energy_charts(report: Report) -> list[str]:
    total = report.energy
    shown = [layer for layer in report.layers if layer.energy]
    if len(shown) > _MANY:
        shown = [layer for layer in shown if layer.energy >= _TRACE * total]
    names = {layer.name for layer in shown}
    left_out = [layer.energy for layer in report.layers if layer.energy and layer.name not in names]

    def bars(by: str) -> str:
        split = getattr(report, f"energy_by_{by}")()
        return stacked_bars(
            [(clean(layer.name), getattr(layer, f"energy_by_{by}")()) for layer in shown],
            unit_text=lambda spent: energy(spent, report.energy_unit),
            title=f"Energy of each layer by {by}",
            x_label=f"energy ({'J' if report.energy_unit == 'pJ' else report.energy_unit})",
            parts=[name for name, spent in split.items() if spent],
            shares=True,
        )

    charts = panels(bars("level"), bars("tensor"))
    if not left_out:
        return [charts]
    said = (
        f"Left out: {len(left_out)} layers of less than {percent(_TRACE)} % of the energy each, "
        f"{percent(sum(left_out) / total)} % together; the table has them."
    )
    return [charts, paragraph(said)]


def _time(report: Report) -> list[str]:
    rows, notes = [], []
    for layer in report.layers:
        if layer.cycles:
            rows.append((clean(layer.name), _cycles(layer)))
            notes.append(f"{count(layer.cycles)}, {clean(layer.bound_by)}")
    parts = list(dict.fromkeys(part for _, split in rows for part in split))
    said = [
        "Each bar is a layer's cycles: those in which its MACs work, and what it then waits for. "
        "Behind it stand the cycles and what bounds them."
    ]
    chart = stacked_bars(
        rows,
        unit_text=lambda cycles: f"{count(cycles)} cycles",
        title="Cycles of each layer, and what it waits for",
        x_label="cycles",
        parts=[_COMPUTING, *(part for part in parts if part != _COMPUTING)],
        shares=True,
        notes=notes,
    )
    return [*map(paragraph, said), chart]


def _cycles(layer: LayerReport) -> dict[str, float]:
    """Share a layer's cycles out: the MACs at work, and what they wait for; the parts sum to the cycles."""
    if not layer.macs:
        return {_waiting(layer.bound_by): layer.cycles}
    split: dict[str, float] = {_COMPUTING: min(layer.compute_cycles, layer.cycles)}
    rest = layer.cycles - split[_COMPUTING]
    causes: list[tuple[str, float]]
    if layer.fidelity == "analytical":
        causes = [
            (_RAMP, layer.ramp_cycles),
            (_REFILL, layer.exposed_cycles),
            (_waiting(layer.bound_by), rest),
        ]
    else:
        causes = [(stall.cause, stall.cycles) for stall in layer.stalls]
    for cause, cycles in causes:
        if taken := min(cycles, rest):
            split[cause] = split.get(cause, 0) + taken
            rest -= taken
    return split


def _waiting(bound_by: str) -> str:
    return "vector unit" if bound_by == "vector" else f"waiting for {clean(bound_by)}"


def _chip(report: Report) -> Chip | None:
    return next((layer.chip for layer in report.layers if layer.chip is not None), None)


def _utilisation(report: Report, chip: Chip) -> list[str]:
    rows, notes = [], []
    for layer in report.layers:
        if layer.macs and layer.cycles:
            idle = bounds.idle([layer], chip.peak_macs_per_cycle)
            # Rounding of what sums to 1 may leave a part a hair below nothing.
            rows.append(
                (clean(layer.name), {said: max(0.0, getattr(idle, key)) for key, said in _IDLE.items()})
            )
            notes.append(f"{percent(layer.utilization)} %")
    whole = bounds.idle(report.layers, chip.peak_macs_per_cycle)
    said = (
        f"Of the PEs' cycles in all layers {percent(whole.busy)} % compute; {percent(whole.edge)} % are lost "
        f"at edges, {percent(whole.fold)} % by PEs left out of mappings, {percent(whole.stall)} % by waiting."
    )
    chart = stacked_bars(
        rows,
        unit_text=lambda part: f"{percent(part)} %",
        title="Where the cycles of the PEs go",
        x_label="cycles x PEs",
        parts=tuple(_IDLE.values()),
        notes=notes,
    )
    return [paragraph(said), chart]


def _titled_tables(report: Report, *, linked: bool) -> list[tuple[str, str]]:
    links = [_anchor(index) if layer.mapping else "" for index, layer in enumerate(report.layers)]

    def shown(columns: list[Column]) -> str:
        return table(
            columns,
            total=True,
            links=[f"#{x}" if x else "" for x in links] if linked else None,
            searchable=linked,
        )

    found = [
        ("Work, time, and words over each memory (reads + writes)", shown(work_columns(report))),
        ("Energy (% of each row's energy)", shown(energy_columns(report))),
    ]
    if columns := stall_columns(report):
        found.append((STALLS_TITLE, table(columns, total=True)))
    return found


def _tables(report: Report, *, linked: bool) -> list[str]:
    blocks = []
    for title, block in _titled_tables(report, linked=linked):
        blocks += [subtitle(title), block]
    return [*blocks, *map(paragraph, remarks(report))]


def _mappings(report: Report, mapped: list[LayerReport]) -> list[str]:
    names = {layer.name: _anchor(index) for index, layer in enumerate(report.layers)}
    proved = sum(layer.optimal is True for layer in mapped)
    searched = sum(layer.optimal is not None for layer in mapped)
    given = f" {len(mapped) - searched} were given." if searched < len(mapped) else ""
    said = f"{searched} of {len(mapped)} mappings were searched for under {clean(report.dataflow)}"
    said += f", {proved} of them proved optimal for {report.objective}.{given}"
    return [paragraph(said), *(_mapping(layer, names[layer.name]) for layer in mapped)]


def _mapping(layer: LayerReport, anchor: str) -> str:
    proof = {True: "proved optimal", False: "the best found", None: "given"}[layer.optimal]
    spent = energy(layer.energy, layer.energy_unit)
    title = f"{clean(layer.name)}: {spent}, {count(layer.cycles)} cycles, {proof}"
    if layer.chip is None:
        return details(title, preformatted(str(layer.mapping)), anchor=anchor)
    return details(
        title, preformatted(nest_text(layer, width=_NEST_WIDTH)), facts(cost_pairs(layer)), anchor=anchor
    )


def _anchor(index: int) -> str:
    return f"layer-{index}"
