"""Networks x chips x dataflows in one table, with ratios."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dnnaccel._text import DEFAULT_WIDTH, Column, clean, layout, notes
from dnnaccel._units import NONE, count, energy, percent, quantity, ratio
from dnnaccel.errors import DataflowError, DnnAccelError, MappingError
from dnnaccel.report import Report

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from dnnaccel.arch import Chip
    from dnnaccel.dataflow import Dataflow
    from dnnaccel.layers import Layer
    from dnnaccel.network import Network
    from dnnaccel.sparsity import DensityLike

__all__ = ["Comparison", "ComparisonRow", "compare"]

Progress = Callable[[int, int, str], None]
"""Called with combinations done, combinations in all, and what is being worked on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonRow:
    """One combination: its report, or the reason why it cannot run.

    Ratios are this row's number over that of the first row of the same network that ran: energy, cycles, and
    words over the outermost memory. None where there is nothing to compare: no report, nothing to divide
    by, or energies in different units.
    """

    network: str
    chip: str
    dataflow: str
    report: Report | None
    reason: str | None = None
    energy_ratio: float | None = None
    cycles_ratio: float | None = None
    dram_ratio: float | None = None

    @property
    def dram_words(self) -> int | None:
        """Reads + writes of the chip's outermost memory in words, or None if the combination did not run."""
        return None if self.report is None else self.report.traffic(self.report.memories[0])

    def to_dict(self) -> dict[str, Any]:
        """Return the row as plain numbers and strings; the report is in `Comparison.to_dict` in full."""
        report = self.report
        return {
            "network": self.network,
            "chip": self.chip,
            "dataflow": self.dataflow,
            "batch": None if report is None else report.batch,
            "macs": None if report is None else report.macs,
            "energy": None if report is None else report.energy,
            "energy_unit": None if report is None else report.energy_unit,
            "energy_ratio": self.energy_ratio,
            "cycles": None if report is None else report.cycles,
            "cycles_ratio": self.cycles_ratio,
            "seconds": None if report is None else report.seconds,
            "frames_per_second": None if report is None else report.frames_per_second,
            "average_power_watts": None if report is None else report.average_power_watts,
            "utilization": None if report is None else report.utilization,
            "dram_words": self.dram_words,
            "dram_ratio": self.dram_ratio,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Every combination of networks, chips and dataflows, in the order they were given."""

    rows: tuple[ComparisonRow, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def to_text(self, *, width: int = DEFAULT_WIDTH) -> str:
        """Return the table as plain text for lines of `width` characters; `str()` takes 120."""
        parts = [layout(_columns(self.rows), width=width)]
        if said := _remarks(self.rows):
            parts.append(notes(said, width=width))
        return "\n\n".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """Return every row, with its whole report, as plain numbers, strings, lists and dicts."""
        return {
            "rows": [
                row.to_dict() | {"report": None if row.report is None else row.report.to_dict()}
                for row in self.rows
            ]
        }

    def to_json(self) -> str:
        """Return `to_dict()` as JSON text, indented by two blanks."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False) + "\n"

    def to_csv(self) -> str:
        """Return one row per combination as CSV text, with a header."""
        from dnnaccel._rows import csv_text

        return csv_text([row.to_dict() for row in self.rows])

    def to_dataframe(self) -> pd.DataFrame:
        """Return one row per combination as a DataFrame; raises `MissingExtraError` without pandas."""
        from dnnaccel._rows import dataframe

        return dataframe([row.to_dict() for row in self.rows])

    def to_html(self) -> str:
        """Return a page that needs no other file."""
        from dnnaccel.report.page import page

        return page("dnnaccel comparison", self._repr_html_())

    def render(self, format: str) -> str:
        """Return the comparison as "table", "json", "csv" or "html" text."""
        from dnnaccel.report.files import render

        return render(self, format)

    def save(self, path: str | os.PathLike[str], *, format: str | None = None) -> None:
        """Write the comparison to `path`, whole or not at all; see `Report.save`."""
        from dnnaccel.report.files import save

        save(self, path, format)

    def plot(
        self,
        kind: str = "energy",
        path: str | os.PathLike[str] | None = None,
        *,
        by: str | None = None,
        width: str | None = None,
    ) -> Figure:
        """Draw one bar for each combination and return the matplotlib figure; `path` saves it.

        `kind` is "energy" (of an inference) or "words" (reads + writes), both `by` "level" or "tensor";
        "cycles": computing, and waiting for memory; "dram": words over the outermost memory per MAC; "edp":
        energy x delay; "utilization": what the PEs do. Above each bar stands its ratio to the network's
        first. `path` and `width` are as `Report.plot` takes them, which says what is raised.
        """
        from dnnaccel.report.plots.kind import draw
        from dnnaccel.report.plots.kinds import COMPARISON_KINDS

        return draw(self, COMPARISON_KINDS, kind, path, by=by, width=width)

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        ran = sum(row.report is not None for row in self.rows)
        return f"<Comparison: {len(self.rows)} combinations, {ran} ran>"

    def _repr_html_(self) -> str:
        from dnnaccel.report.page import comparison_fragment

        return comparison_fragment(_columns(self.rows), _remarks(self.rows))


def compare(
    networks: Network | Layer | str | Iterable[Network | Layer | str],
    chips: Chip | str | os.PathLike[str] | Iterable[Chip | str | os.PathLike[str]],
    dataflows: Dataflow | str | os.PathLike[str] | Iterable[Dataflow | str | os.PathLike[str]] | None = None,
    *,
    objective: str = "energy",
    density: DensityLike | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Simulate every network on every chip under every dataflow.

    A single one is accepted wherever several are, and one layer wherever a network is. `dataflows=None` takes
    each chip's own; `density` says which words are zero, as in `simulate`. A combination that cannot run
    (`DataflowError`, `MappingError`) is a row with its reason; any other mistake, such as an unknown name,
    raises its `DnnAccelError` before anything runs.
    """
    from dnnaccel import arch, dataflow, zoo
    from dnnaccel.simulate import simulate

    nets = [zoo.load(x) if isinstance(x, str) else x for x in _several(networks, "network")]
    targets = [x if isinstance(x, arch.Chip) else arch.load(x) for x in _several(chips, "chip")]
    flows: list[Dataflow | None] = [None]
    if dataflows is not None:
        flows = [dataflow.get(x) for x in _several(dataflows, "dataflow")]

    total = len(nets) * len(targets) * len(flows)
    rows: list[ComparisonRow] = []
    for net in nets:
        base: Report | None = None
        for chip in targets:
            for flow in flows:
                name = chip.dataflow if flow is None else flow.name
                label = f"{net.name} on {chip.name}, {name}"
                try:
                    report = simulate(
                        net,
                        chip,
                        dataflow=flow,
                        objective=objective,
                        density=density,
                        threads=threads,
                        progress=_within(progress, len(rows), total, label),
                    )
                except (DataflowError, MappingError) as error:
                    row = ComparisonRow(
                        network=net.name, chip=chip.name, dataflow=name, report=None, reason=str(error)
                    )
                else:
                    base = report if base is None else base
                    row = _row(net.name, chip.name, name, report, base)
                rows.append(row)
                if progress is not None:
                    progress(len(rows), total, label)
    return Comparison(rows=tuple(rows))


def _several(given: Any, what: str) -> list[Any]:
    """Return `given` as a list: a name, a path, a network or a chip by itself is a list of one."""
    one = isinstance(given, (str, os.PathLike)) or hasattr(given, "name") or not isinstance(given, Iterable)
    items = [given] if one else list(given)
    if not items:
        raise DnnAccelError(f"compare needs at least one {what}; the list of {what}s is empty")
    return items


def _within(progress: Progress | None, done: int, total: int, label: str) -> Progress | None:
    """Return a callback for one simulation that shows what it works on without moving the whole forward."""
    if progress is None:
        return None
    return lambda _done, _total, what: progress(done, total, f"{label}: {what}")


def _row(network: str, chip: str, dataflow: str, report: Report, base: Report) -> ComparisonRow:
    same_unit = report.energy_unit == base.energy_unit
    return ComparisonRow(
        network=network,
        chip=chip,
        dataflow=dataflow,
        report=report,
        energy_ratio=_ratio(report.energy, base.energy) if same_unit else None,
        cycles_ratio=_ratio(report.cycles, base.cycles),
        dram_ratio=_ratio(report.traffic(report.memories[0]), base.traffic(base.memories[0])),
    )


def _ratio(value: float, base: float) -> float | None:
    return value / base if base else None


def _columns(rows: Sequence[ComparisonRow]) -> list[Column]:
    def cells(of: Callable[[ComparisonRow, Report], str]) -> list[str]:
        return [NONE if row.report is None else of(row, row.report) for row in rows]

    spent = [
        "cannot run"
        if row.report is None
        else energy(row.report.energy_per_inference, row.report.energy_unit)
        for row in rows
    ]
    return [
        Column("network", [clean(row.network) for row in rows], left=True),
        Column("chip", [clean(row.chip) for row in rows], left=True),
        Column("dataflow", [clean(row.dataflow) for row in rows], left=True),
        Column("energy / inference", spent),
        Column("energy ratio", cells(lambda row, report: ratio(row.energy_ratio))),
        Column("cycles", cells(lambda row, report: count(report.cycles))),
        Column("cycles ratio", cells(lambda row, report: ratio(row.cycles_ratio))),
        Column("frames/s", cells(lambda row, report: count(report.frames_per_second))),
        Column("avg power", cells(lambda row, report: quantity(report.average_power_watts, "W"))),
        Column("util %", cells(lambda row, report: percent(report.utilization))),
        Column("DRAM words", cells(lambda row, report: count(row.dram_words))),
        Column("words ratio", cells(lambda row, report: ratio(row.dram_ratio))),
    ]


def _remarks(rows: Sequence[ComparisonRow]) -> list[str]:
    said = []
    if any(row.report is not None for row in rows):
        said.append("Ratios are to the first row of the same network that ran; below 1.00x is less.")
    reports = [row.report for row in rows if row.report is not None]
    if len({report.energy_unit for report in reports}) > 1:
        said.append("n/a: energies in different units are not compared.")
    said += [
        f"{clean(row.network)} on {clean(row.chip)}, {clean(row.dataflow)}, cannot run: {row.reason}"
        for row in rows
        if row.report is None
    ]
    return said
