"""One combination of a comparison: its report and its ratios, or the reason why it cannot run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dnnaccel._rows import Row
from dnnaccel.comparing.figures import energy_by_place, ratio_of
from dnnaccel.problem import ROLES
from dnnaccel.report import Report

__all__ = ["ComparisonRow", "Scaled", "row_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaled:
    """A key of a chip that was changed to give it the area of another, and its value before and after."""

    key: str
    before: int
    after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonRow:
    """One combination: its report, or the reason why it cannot run.

    Ratios are this row's number over that of the first row of the same network that ran: energy, cycles,
    energy x delay, and words over the outermost memory. None where there is nothing to compare: no report,
    nothing to divide by, or energies or delays in different units.

    `network_number` counts the networks that were given, from 0: two may have one name. `places` says what
    each level of the chip is (`dnnaccel.comparing.figures.PLACES`). `area` is the chip's in `area_unit`, None
    if nobody says; `scaled` what was changed to make it that of the first chip.
    """

    network: str
    chip: str
    dataflow: str
    report: Report | None
    reason: str | None = None
    energy_ratio: float | None = None
    cycles_ratio: float | None = None
    edp_ratio: float | None = None
    dram_ratio: float | None = None
    network_number: int = 0
    places: Mapping[str, str] = field(default_factory=dict)
    area: float | None = None
    area_unit: str = "mm2"
    scaled: Scaled | None = None

    @property
    def dram_words(self) -> int | None:
        """Reads + writes of the chip's outermost memory in words, or None if the combination did not run."""
        return None if self.report is None else self.report.traffic(self.report.memories[0])

    @property
    def dram_bytes(self) -> int | None:
        """Bytes that really move over the outermost memory, or None if the combination did not run."""
        return None if self.report is None else self.report.traffic(self.report.memories[0], unit="bytes")

    @property
    def dram_words_per_mac(self) -> float | None:
        """Words over the outermost memory per MAC of the network; None without a report or a MAC."""
        return None if self.report is None else ratio_of(self.dram_words, self.report.macs)

    @property
    def dram_bytes_per_mac(self) -> float | None:
        """Bytes over the outermost memory per MAC of the network; None without a report or a MAC."""
        return None if self.report is None else ratio_of(self.dram_bytes, self.report.macs)

    def energy_by_place(self) -> dict[str, float]:
        """Return the energy by `PLACES`, and by "mac", "vector" and "leakage"; empty without a report."""
        return {} if self.report is None else energy_by_place(self.report, self.places)

    def energy_by_tensor(self) -> dict[str, float]:
        """Return the energy by tensor role, and by "mac", "vector" and "leakage"; empty without a report."""
        return {} if self.report is None else self.report.energy_by_tensor()

    def to_row(self) -> Row:
        """Return the row flat, for CSV and data frames; "energy.<part>" is in `energy_unit`."""
        report = self.report
        row = self._figures()
        places, tensors = self.energy_by_place(), self.energy_by_tensor()
        for part in _PARTS:
            row[f"energy.{part}"] = None if report is None else places.get(part, tensors.get(part))
        return row | {"reason": self.reason}

    def to_dict(self) -> dict[str, Any]:
        """Return the row as plain numbers and strings; the report is in `Comparison.to_dict` in full."""
        return self._figures() | {
            "energy_by_place": self.energy_by_place(),
            "energy_by_tensor": self.energy_by_tensor(),
            "reason": self.reason,
        }

    def _figures(self) -> dict[str, Any]:
        report, scaled = self.report, self.scaled
        found: dict[str, Any] = {"network": self.network, "chip": self.chip, "dataflow": self.dataflow}
        for name in _OF_THE_REPORT:
            found[name] = None if report is None else getattr(report, name)
        found |= {name: getattr(self, name) for name in _OF_THE_ROW}
        return found | {
            "scaled_key": None if scaled is None else scaled.key,
            "scaled_from": None if scaled is None else scaled.before,
            "scaled_to": None if scaled is None else scaled.after,
        }


_OF_THE_REPORT = (
    "batch",
    "macs",
    "energy",
    "energy_unit",
    "energy_per_inference",
    "cycles",
    "seconds",
    "edp",
    "edp_unit",
    "frames_per_second",
    "average_power_watts",
    "utilization",
)
_OF_THE_ROW = (
    "energy_ratio",
    "cycles_ratio",
    "edp_ratio",
    "dram_words",
    "dram_ratio",
    "dram_bytes",
    "dram_words_per_mac",
    "dram_bytes_per_mac",
    "area",
    "area_unit",
)
_PARTS = ("dram", "buffers", "networks", "registers", *ROLES, "mac", "vector", "leakage")


def row_of(report: Report, base: Report, **labels: Any) -> ComparisonRow:
    """Return the row of a combination that ran, with its ratios to `base`; `labels` are its other fields."""
    return ComparisonRow(
        report=report,
        energy_ratio=_comparable(report.energy, report.energy_unit, base.energy, base.energy_unit),
        cycles_ratio=ratio_of(report.cycles, base.cycles),
        edp_ratio=_comparable(report.edp, report.edp_unit, base.edp, base.edp_unit),
        dram_ratio=ratio_of(report.traffic(report.memories[0]), base.traffic(base.memories[0])),
        **labels,
    )


def _comparable(value: float, unit: str, base: float, base_unit: str) -> float | None:
    return ratio_of(value, base) if unit == base_unit else None
