"""What a simulation of a DRAM found."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dnnaccel._rows import Row, csv_text, dataframe
from dnnaccel._text import DEFAULT_WIDTH, Column, layout, notes
from dnnaccel._units import percent, quantity
from dnnaccel.dram.limits import Limit

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Command", "DramReport", "DramTable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command as it was issued; `bank` and `row` are 0 where they mean nothing."""

    cycle: int
    channel: int
    kind: str
    bank: int
    row: int


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class DramReport:
    """One run. Cycles are of the memory's clock, bytes those asked for, energy in pJ by kind.

    Row hits, misses (the bank was closed) and conflicts (another row was open) are of bursts, `reads` and
    `writes` too. `active_cycles` and `idle_cycles` are summed over channels. `log` and `finish` are there if
    they were asked for.
    """

    memory: str
    pattern: str
    clock_mhz: float
    peak_gb_per_s: float
    burst_bytes: int
    requests: int
    bytes_read: int
    bytes_written: int
    first_arrival: int
    cycles: int
    reads: int
    writes: int
    row_hits: int
    row_misses: int
    row_conflicts: int
    activates: int
    precharges: int
    precharges_all: int
    refreshes: int
    active_cycles: int
    idle_cycles: int
    latency_cycles: int
    max_latency_cycles: int
    energy_by_kind_pj: Mapping[str, float]
    limit: Limit | None = None
    log: tuple[Command, ...] | None = field(default=None, compare=False)
    finish: npt.NDArray[np.uint64] | None = field(default=None, compare=False)

    @property
    def bytes(self) -> int:
        """Bytes asked for."""
        return self.bytes_read + self.bytes_written

    @property
    def bytes_moved(self) -> int:
        """Bytes that went over the bus: whole bursts."""
        return (self.reads + self.writes) * self.burst_bytes

    @property
    def seconds(self) -> float:
        """Time from the first arrival to the last of the data."""
        return (self.cycles - self.first_arrival) / (self.clock_mhz * 1e6)

    @property
    def gb_per_s(self) -> float:
        """Achieved bandwidth in 10^9 bytes a second: bytes asked for over `seconds`."""
        return self.bytes / self.seconds / 1e9 if self.seconds else 0.0

    @property
    def utilization(self) -> float:
        """Achieved bandwidth over the peak."""
        return self.gb_per_s / self.peak_gb_per_s

    @property
    def row_hit_rate(self) -> float:
        """Share of bursts that found their row open."""
        bursts = self.reads + self.writes
        return self.row_hits / bursts if bursts else 0.0

    @property
    def mean_latency_ns(self) -> float:
        """Mean over bursts of the time from its place in the window to the last of its data."""
        bursts = self.reads + self.writes
        return self.latency_cycles / bursts * 1000 / self.clock_mhz if bursts else 0.0

    @property
    def energy_pj(self) -> float:
        """Energy of everything."""
        return sum(self.energy_by_kind_pj.values())

    @property
    def pj_per_bit(self) -> float:
        """Energy for each bit asked for."""
        return self.energy_pj / (8 * self.bytes) if self.bytes else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain numbers and strings, without log and finish times."""
        row = self.to_row()
        row["energy_pj"] = dict(self.energy_by_kind_pj)
        return row

    def to_row(self) -> Row:
        """Return the report as one flat row."""
        plain = (
            "memory pattern requests bytes_read bytes_written bytes_moved cycles seconds gb_per_s "
            "peak_gb_per_s utilization"
        )
        counts = (
            "reads writes row_hits row_misses row_conflicts row_hit_rate activates precharges "
            "precharges_all refreshes active_cycles idle_cycles mean_latency_ns max_latency_cycles"
        )
        row: Row = {name: getattr(self, name) for name in plain.split()}
        row["limit_gb_per_s"] = None if self.limit is None else self.limit.gb_per_s
        row["limited_by"] = None if self.limit is None else self.limit.gate
        row |= {name: getattr(self, name) for name in counts.split()}
        row |= {f"{kind}_pj": value for kind, value in self.energy_by_kind_pj.items()}
        row["energy_pj"] = self.energy_pj
        row["pj_per_bit"] = self.pj_per_bit
        return row

    def to_json(self) -> str:
        """Return the report as JSON text."""
        return json.dumps(self.to_dict(), indent=2) + "\n"

    def to_csv(self) -> str:
        """Return the report as CSV text: a header and one line."""
        return csv_text([self.to_row()])

    def to_dataframe(self) -> pd.DataFrame:
        """Return the report as a pandas DataFrame of one row."""
        return dataframe([self.to_row()])

    def to_text(self, *, width: int = DEFAULT_WIDTH) -> str:
        """Return the report as a table."""
        return DramTable(reports=(self,)).to_text(width=width)

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        return (
            f"DramReport({self.memory} {self.pattern}: {self.gb_per_s:.4g} of {self.peak_gb_per_s:.4g} GB/s, "
            f"{self.cycles} cycles, {quantity(self.energy_pj * 1e-12, 'J')})"
        )


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class DramTable:
    """Reports one below the other, as `dnnaccel dram` prints them."""

    reports: tuple[DramReport, ...]
    remarks: Sequence[str] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return all reports as plain numbers and strings."""
        return {"reports": [report.to_dict() for report in self.reports]}

    def to_json(self) -> str:
        """Return all reports as JSON text."""
        return json.dumps(self.to_dict(), indent=2) + "\n"

    def to_csv(self) -> str:
        """Return one CSV line for each report, below a header."""
        return csv_text([report.to_row() for report in self.reports])

    def to_dataframe(self) -> pd.DataFrame:
        """Return one row of a pandas DataFrame for each report."""
        return dataframe([report.to_row() for report in self.reports])

    def to_text(self, *, width: int = DEFAULT_WIDTH) -> str:
        """Return the table, with what it assumes below it."""
        reports = self.reports
        columns = [
            Column("memory", [r.memory for r in reports], left=True),
            Column("pattern", [r.pattern for r in reports], left=True),
            Column("GB/s", [f"{r.gb_per_s:.2f}" for r in reports]),
            Column("peak GB/s", [f"{r.peak_gb_per_s:.2f}" for r in reports]),
            Column("% of peak", [percent(r.utilization) for r in reports]),
            Column("limit GB/s", ["-" if r.limit is None else f"{r.limit.gb_per_s:.2f}" for r in reports]),
            Column("limited by", ["-" if r.limit is None else r.limit.gate for r in reports], left=True),
            Column(
                "% of limit",
                ["-" if r.limit is None else percent(r.gb_per_s / r.limit.gb_per_s) for r in reports],
            ),
            Column("row hits %", [percent(r.row_hit_rate) for r in reports]),
            Column("latency ns", [f"{r.mean_latency_ns:.0f}" for r in reports]),
            Column("pJ/bit", [f"{r.pj_per_bit:.2f}" for r in reports]),
        ]
        table = layout(columns, width=width)
        return table + ("\n\n" + notes(self.remarks, width=width) if self.remarks else "")

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        return f"DramTable({len(self.reports)} reports)"
