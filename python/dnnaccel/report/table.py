"""A report as the plain-text table that a person wants to see first."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from dnnaccel._text import DEFAULT_WIDTH, Column, clean, layout, notes, pairs
from dnnaccel._units import NONE, count, energy, percent, quantity
from dnnaccel.cost import LayerReport
from dnnaccel.stalls import CAUSES

if TYPE_CHECKING:
    from dnnaccel.report.result import Report

__all__ = [
    "STALLS_TITLE",
    "energy_columns",
    "headline",
    "remarks",
    "report_text",
    "stall_columns",
    "summary",
    "work_columns",
]

_NAMED_ONE_BY_ONE = 4

STALLS_TITLE = "Time of the layers with MACs (% of their cycles), and where most of what was lost went"


def report_text(report: Report, *, width: int = DEFAULT_WIDTH) -> str:
    """Return headline, the two tables, remarks and totals, for lines of `width` characters."""
    parts = [
        notes([headline(report)], width=width),
        f"Work, time, and words over each memory (reads + writes)\n\n{_table(work_columns(report), width)}",
        f"Energy, and where it goes (% of each row's energy)\n\n{_table(energy_columns(report), width)}",
    ]
    if columns := stall_columns(report):
        parts.append(f"{STALLS_TITLE}\n\n{_table(columns, width)}")
    if said := remarks(report):
        parts.append(notes(said, width=width))
    parts.append(pairs(summary(report), width=width))
    return "\n\n".join(parts)


def _table(columns: list[Column], width: int) -> str:
    return layout(columns, width=width, total=True)


def headline(report: Report) -> str:
    """Return one line that says what was simulated."""
    return (
        f"{clean(report.network)} on {clean(report.chip)}: dataflow {clean(report.dataflow)}, "
        f"batch {report.batch}, mapped for {report.objective}, {report.fidelity}"
    )


def work_columns(report: Report) -> list[Column]:
    """Return the columns of the first table; the last row is the total."""
    layers = report.layers
    columns = [
        _names(report),
        Column("kind", [*(clean(layer.kind) for layer in layers), ""], left=True),
        Column("MACs", [*(_nonzero(layer.macs) for layer in layers), count(report.macs)]),
        Column("vector ops", [*(_nonzero(layer.ops) for layer in layers), count(report.ops)]),
        Column("cycles", [*(_nonzero(layer.cycles) for layer in layers), count(report.cycles)]),
        Column("util %", [*(_utilization(layer) for layer in layers), percent(report.utilization)]),
        Column("bound by", [*(_bound_by(layer) for layer in layers), ""], left=True),
    ]
    for memory in report.memories:
        moved = [_words(layer, memory) for layer in layers]
        columns.append(Column(memory, [*(_nonzero(words) for words in moved), count(sum(moved))]))
    return columns


def energy_columns(report: Report) -> list[Column]:
    """Return the columns of the second table; the last row is the total. Where nothing is spent has none."""
    total = report.energy_by_level()
    splits = [layer.energy_by_level() for layer in report.layers]
    energies = [layer.energy for layer in report.layers]
    columns = [
        _names(report),
        Column("energy", [energy(spent, report.energy_unit) for spent in (*energies, report.energy)]),
        Column("% of total", [_share(spent, report.energy) for spent in (*energies, report.energy)]),
    ]
    for name, spent in total.items():
        if spent:
            cells = [_share(split.get(name, 0.0), sum(split.values())) for split in (*splits, total)]
            columns.append(Column(name, cells))
    return columns


def stall_columns(report: Report) -> list[Column]:
    """Return the columns of the table of stalls; none for a report of closed forms."""
    layers = [layer for layer in report.layers if layer.fidelity != "analytical"]
    if not layers:
        return []
    cycles = sum(layer.cycles for layer in layers)
    columns = [
        Column("layer", [*(clean(layer.name) for layer in layers), "total"], left=True),
        Column("cycles", [*(count(layer.cycles) for layer in layers), count(cycles)]),
        Column(
            "MACs at work",
            [
                *(_share(layer.compute_cycles, layer.cycles) for layer in layers),
                _share(sum(layer.compute_cycles for layer in layers), cycles),
            ],
        ),
    ]
    for cause in CAUSES:
        lost = [sum(stall.cycles for stall in layer.stalls if stall.cause == cause) for layer in layers]
        if any(lost):
            cells = [_share(gone, layer.cycles) for gone, layer in zip(lost, layers, strict=True)]
            columns.append(Column(cause, [*cells, _share(sum(lost), cycles)]))
    columns.append(Column("most for", [*(_longest(layer) for layer in layers), ""], left=True))
    return columns


def _longest(layer: LayerReport) -> str:
    stall = max(layer.stalls, key=lambda one: one.cycles, default=None)
    if stall is None or not stall.cycles:
        return NONE
    slow = f"{clean(stall.owner)} {stall.port}".strip()
    return f"{clean(stall.memory)} on {slow}" if stall.memory and slow else clean(stall.memory) or slow


def remarks(report: Report) -> list[str]:
    """Return what a reader must know of the layers that a chip does not run as such, in a sentence each."""
    by_note: dict[str, list[LayerReport]] = {}
    for layer in report.layers:
        if layer.note:
            by_note.setdefault("fused" if layer.note.startswith("fused") else layer.note, []).append(layer)
    said = []
    for note, layers in by_note.items():
        if note == "fused" and len(layers) <= _NAMED_ONE_BY_ONE:
            said.append(
                f"fused: {', '.join(f'{x.name} {x.note.removeprefix(note).strip()}' for x in layers)}"
            )
        elif note == "fused":
            kinds = ", ".join(f"{number} {kind}" for kind, number in Counter(x.kind for x in layers).items())
            said.append(f"fused: {len(layers)} layers ({kinds}) run in the layer that makes their input")
        else:
            said.append(f"{note}: {', '.join(clean(layer.name) for layer in layers)}")
    return said


def summary(report: Report) -> list[tuple[str, str]]:
    """Return the totals as names and values with their units."""
    batch = "" if report.batch == 1 else f" for a batch of {report.batch}"
    lines = [("time", f"{count(report.cycles)} cycles{batch}; the chip states no clock")]
    if report.clock_mhz is not None:
        time = quantity(report.seconds, "s")
        lines = [
            ("throughput", f"{count(report.frames_per_second)} frames/s"),
            ("time", f"{time}{batch} ({count(report.cycles)} cycles at {report.clock_mhz:g} MHz)"),
        ]
    per_mac = report.energy / report.macs if report.macs else None
    spent = energy(report.energy_per_inference, report.energy_unit)
    lines.append(
        (
            "energy per inference",
            spent + (f" ({energy(per_mac, report.energy_unit)} per MAC)" if per_mac else ""),
        )
    )
    if report.average_power_watts is not None:
        lines.append(("average power", quantity(report.average_power_watts, "W")))
    outermost = report.memories[0] if report.memories else None
    if outermost is not None:
        words, size = report.traffic(outermost), report.traffic(outermost, unit="bytes")
        lines.append((f"{outermost} traffic", f"{count(words)} words, {quantity(size, 'B')}{batch}"))
    lines.append(
        (
            "utilisation",
            f"{percent(report.utilization)} % of {count(report.peak_macs_per_cycle)} MACs per cycle",
        )
    )
    if proofs := [layer.optimal for layer in report.layers if layer.optimal is not None]:
        lines.append(("mappings", _proved(proofs)))
    return lines


def _proved(proofs: list[bool]) -> str:
    if all(proofs):
        return "searched for, and proved optimal"
    proved = f"{count(sum(proofs))} of {count(len(proofs))} proved optimal"
    return f"searched for; {proved}, the others the best found"


def _names(report: Report) -> Column:
    return Column("layer", [*(clean(layer.name) for layer in report.layers), "total"], left=True)


def _nonzero(value: int) -> str:
    return count(value) if value else NONE


def _utilization(layer: LayerReport) -> str:
    return percent(layer.utilization) if layer.macs else NONE


def _bound_by(layer: LayerReport) -> str:
    if layer.cycles:
        margin = layer.bound_margin
        return layer.bound_by if margin is None else f"{layer.bound_by} {_times(margin)}"
    return "(fused)" if layer.note.startswith("fused") else NONE


def _times(ratio: float) -> str:
    return f"{ratio:.2f}x" if ratio < 9.995 else f"{ratio:.0f}x"


def _words(layer: LayerReport, memory: str) -> int:
    return layer.traffic(memory) if any(count.level == memory for count in layer.levels) else 0


def _share(part: float, whole: float) -> str:
    return percent(part / whole) if part and whole else NONE
