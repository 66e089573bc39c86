"""A comparison as tables of text, each with its title, and what is to be said below them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dnnaccel._text import Column, clean
from dnnaccel._units import NONE, count, energy, percent, quantity, ratio
from dnnaccel.comparing.figures import BUFFER_BYTES, PLACES, UNITS, ratio_of
from dnnaccel.comparing.rows import ComparisonRow
from dnnaccel.problem import ROLES
from dnnaccel.report import Report

__all__ = ["KEYS", "cannot_run", "labels", "level_splits", "remarks", "tables"]

KEYS = 3
"""Columns of each table that say which combination a row is."""

Title = str


def tables(rows: Sequence[ComparisonRow]) -> list[tuple[Title, list[Column]]]:
    """Return the tables of a comparison, each with its title; all have a row for each combination."""
    found = [
        ("", _totals(rows)),
        ("Throughput, power, and traffic of the outermost memory (DRAM)", _traffic(rows)),
    ]
    if any(row.report is not None for row in rows):
        found.append(("Energy by level (% of each row's energy)", _by_level(rows)))
        found.append(("Energy by tensor (% of each row's energy)", _by_tensor(rows)))
    if any(row.scaled is not None for row in rows):
        found.append(("Chips of equal area", _areas(rows)))
    return found


def remarks(rows: Sequence[ComparisonRow], *, reasons: bool = True) -> list[str]:
    """Return the sentences below the tables: what the ratios are to and, with `reasons`, what cannot run."""
    ran = [row for row in rows if row.report is not None]
    said = []
    if ran:
        said.append("Ratios are to the first row of the same network that ran; below 1.00x is less.")
    if len({row.report.edp_unit for row in ran if row.report is not None}) > 1:
        said.append("n/a: energies or delays in different units are not compared.")
    if ran and not _same_levels(ran):
        said.append(
            f"Buffers are memories on the chip of at least {BUFFER_BYTES} bytes an instance, registers are "
            f"smaller ones; {'; '.join(_places(row) for row in _first_of_each_chip(ran))}."
        )
    if any(row.scaled is not None for row in rows):
        said.append(
            "A memory that was scaled keeps its energies of an access, unless a component estimates them."
        )
        nodes = {row.chip: _process(row) for row in ran}
        if len(set(nodes.values())) > 1:
            each = ", ".join(f"{clean(chip)} {node}" for chip, node in nodes.items())
            said.append(f"Equal areas are of different processes: {each}.")
    return [*said, *cannot_run(rows)] if reasons else said


def cannot_run(rows: Sequence[ComparisonRow]) -> list[str]:
    """Return a sentence for each combination that cannot run."""
    return [
        f"{clean(row.network)} on {clean(row.chip)}, {clean(row.dataflow)}, cannot run: {row.reason}"
        for row in rows
        if row.report is None
    ]


def labels(rows: Sequence[ComparisonRow]) -> list[str]:
    """Return what tells rows apart: their network, chip and dataflow, without what all have in common."""
    keys = [key for key in ("network", "chip", "dataflow") if len({getattr(row, key) for row in rows}) > 1]
    return [" ".join(clean(getattr(row, key)) for key in keys or ["dataflow"]) for row in rows]


def _same_levels(ran: Sequence[ComparisonRow]) -> bool:
    """Whether all rows have the same levels, so that energies can stand under the levels' own names."""
    return len({(row.report.memories, row.report.arrays) for row in ran if row.report is not None}) == 1


def _keys(rows: Sequence[ComparisonRow]) -> list[Column]:
    return [
        Column("network", [clean(row.network) for row in rows], left=True),
        Column("chip", [clean(row.chip) for row in rows], left=True),
        Column("dataflow", [clean(row.dataflow) for row in rows], left=True),
    ]


def _cells(rows: Sequence[ComparisonRow], of: Callable[[ComparisonRow, Report], str]) -> list[str]:
    return [NONE if row.report is None else of(row, row.report) for row in rows]


def _energy(rows: Sequence[ComparisonRow]) -> Column:
    spent = [
        "cannot run"
        if row.report is None
        else energy(row.report.energy_per_inference, row.report.energy_unit)
        for row in rows
    ]
    return Column("energy / inference", spent)


def _totals(rows: Sequence[ComparisonRow]) -> list[Column]:
    def column(header: str, of: Callable[[ComparisonRow, Report], str]) -> Column:
        return Column(header, _cells(rows, of))

    return [
        *_keys(rows),
        _energy(rows),
        column("energy ratio", lambda row, report: ratio(row.energy_ratio)),
        column("cycles", lambda row, report: count(report.cycles)),
        column("latency", lambda row, report: quantity(report.seconds, "s")),
        column("cycles ratio", lambda row, report: ratio(row.cycles_ratio)),
        column("energy x delay", lambda row, report: energy(report.edp, report.edp_unit)),
        column("EDP ratio", lambda row, report: ratio(row.edp_ratio)),
        column("util %", lambda row, report: percent(report.utilization)),
    ]


def _traffic(rows: Sequence[ComparisonRow]) -> list[Column]:
    def column(header: str, of: Callable[[ComparisonRow, Report], str]) -> Column:
        return Column(header, _cells(rows, of))

    return [
        *_keys(rows),
        column("frames/s", lambda row, report: count(report.frames_per_second)),
        column("avg power", lambda row, report: quantity(report.average_power_watts, "W")),
        column("words", lambda row, report: count(row.dram_words)),
        column("words ratio", lambda row, report: ratio(row.dram_ratio)),
        column("words / MAC", lambda row, report: count(row.dram_words_per_mac)),
        column("bytes", lambda row, report: quantity(row.dram_bytes, "B")),
        column("bytes / MAC", lambda row, report: count(row.dram_bytes_per_mac)),
    ]


def level_splits(rows: Sequence[ComparisonRow]) -> list[dict[str, float]]:
    """Return the energy of each row by level; empty for what did not run.

    Levels have their own names if all chips have the same ones; else it is by place.
    """
    if _same_levels([row for row in rows if row.report is not None]):
        return [{} if row.report is None else row.report.energy_by_level() for row in rows]
    named = {PLACES[0]: "DRAM"}
    return [
        {named.get(place, place): spent for place, spent in row.energy_by_place().items()} for row in rows
    ]


def _by_level(rows: Sequence[ComparisonRow]) -> list[Column]:
    splits = level_splits(rows)
    return _shares(rows, splits, list(dict.fromkeys(name for split in splits for name in split)))


def _by_tensor(rows: Sequence[ComparisonRow]) -> list[Column]:
    return _shares(rows, [row.energy_by_tensor() for row in rows], [*ROLES, *UNITS])


def _shares(
    rows: Sequence[ComparisonRow], splits: Sequence[dict[str, float]], names: Sequence[str]
) -> list[Column]:
    """Return the parts of energies as percentages of each row's, without parts that no row spends on."""
    totals = [sum(split.values()) for split in splits]
    columns = [*_keys(rows), _energy(rows)]
    for name in names:
        parts = [split.get(name, 0.0) for split in splits]
        if any(parts):
            cells = [
                percent(ratio_of(part, total)) if part else NONE
                for part, total in zip(parts, totals, strict=True)
            ]
            columns.append(Column(clean(name), cells))
    return columns


def _areas(rows: Sequence[ComparisonRow]) -> list[Column]:
    def scaled(row: ComparisonRow) -> str:
        return NONE if row.scaled is None else f"{row.scaled.before} -> {row.scaled.after}"

    return [
        *_keys(rows),
        Column("area", [NONE if row.area is None else f"{row.area:.4g} {row.area_unit}" for row in rows]),
        Column("scaled", [NONE if row.scaled is None else row.scaled.key for row in rows], left=True),
        Column("change", [scaled(row) for row in rows], left=True),
    ]


def _first_of_each_chip(ran: Sequence[ComparisonRow]) -> list[ComparisonRow]:
    return list({row.chip: row for row in reversed(ran)}.values())[::-1]


def _places(row: ComparisonRow) -> str:
    """Say which levels of a row's chip count as buffers and registers."""
    assert row.report is not None
    named = {
        place: [level for level in row.report.memories[1:] if row.places.get(level, "buffers") == place]
        for place in ("buffers", "registers")
    }
    parts = (f"{place} {', '.join(map(clean, levels))}" for place, levels in named.items() if levels)
    return f"{clean(row.chip)} has {' and '.join(parts) or 'neither'}"


def _process(row: ComparisonRow) -> str:
    job = None if row.report is None else row.report.job
    node = None if job is None else job.chip.technology_nm
    return "of unknown process" if node is None else f"{node:g} nm"
