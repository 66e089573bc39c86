"""What the reproduction of the ISCA 2016 comparison found, as objects and flat rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dnnaccel.conventions.isca16 import ENERGY, LEVELS, CannotRun, Count
from dnnaccel.reproduce.isca16_honest import HonestBar
from dnnaccel.reproduce.isca16_storage import Sizes

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Bar", "Isca16Comparison", "LayerSplit", "difference"]


def difference(ours: float, published: float) -> float:
    """Return by how much ours differs, as a fraction of the published figure; 0 where both are nothing."""
    if published == 0:
        return 0.0 if ours == 0 else float("inf")
    return ours / published - 1


def _largest(ours: Mapping[str, float], published: Mapping[str, float]) -> float:
    """Return the difference of the level that differs most."""
    return max((difference(ours[level], published[level]) for level in LEVELS), key=abs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One dataflow at one batch, all layers together: one bar of the paper's Figures 11 to 13.

    Energies are per MAC in energies of one MAC; `published` has the paper's by level, None where it prints
    none. `refused` says why a layer cannot run; there are no counts then. `relative` and `relative_edp` are
    energy and energy x delay over those of row stationary at batch 1 and 256 PEs.
    """

    batch: int
    dataflow: str
    counts: tuple[Count, ...]
    refused: tuple[CannotRun, ...] = ()
    relative: float | None = None
    relative_edp: float | None = None
    published: Mapping[str, float] | None = None
    published_relative: float | None = None
    published_relative_edp: float | None = None
    published_dram: Mapping[str, float] | None = None

    @property
    def macs(self) -> float:
        """MACs of all layers, whole batch."""
        return sum(count.macs for count in self.counts)

    def energy_by_level(self) -> dict[str, float]:
        """Energy per MAC by level."""
        return {
            level: sum(count.energy_by_level()[level] for count in self.counts) / self.macs
            for level in LEVELS
        }

    @property
    def energy(self) -> float:
        """Energy per MAC."""
        return sum(self.energy_by_level().values())

    @property
    def dram_reads(self) -> float:
        """Words read from DRAM per MAC."""
        return sum(count.dram_reads for count in self.counts) / self.macs

    @property
    def dram_writes(self) -> float:
        """Words written to DRAM per MAC."""
        return sum(count.dram_writes for count in self.counts) / self.macs

    @property
    def delay(self) -> float:
        """The paper's delay per MAC: one over the PEs at work, layers by their share of the MACs."""
        return sum(count.macs / count.pes for count in self.counts) / self.macs

    @property
    def difference(self) -> float | None:
        """Difference of the energy from the published one, as a fraction of it."""
        return None if self.published is None else difference(self.energy, sum(self.published.values()))

    @property
    def largest_difference(self) -> float | None:
        """Difference of the level that differs most from the published one, as a fraction of it."""
        return None if self.published is None else _largest(self.energy_by_level(), self.published)


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerSplit:
    """One layer of the paper's Figure 10: row stationary, 256 PEs, batch 16, energies of one MAC.

    `given` has the mapping that the figure's bars imply (None for FC layers, where none was derived), `found`
    the one that our search finds.
    """

    layer: str
    published: Mapping[str, float]
    given: Count | None
    found: Count

    @staticmethod
    def largest(count: Count, published: Mapping[str, float]) -> float:
        """Return the difference of the level that differs most, as a fraction of the published one."""
        return _largest(count.energy_by_level(), published)


@dataclass(frozen=True, slots=True, kw_only=True)
class Isca16Comparison:
    """The dataflow comparison of ISCA 2016, ours beside the paper's.

    `bars` are counted as the paper counts, `honest` as this package does otherwise, on the presets
    ``eyeriss_isca16_*``; `splits` is Figure 10, where that was asked for; `sizes` is the storage of each
    dataflow.
    """

    network: str
    layers: str
    pes: int
    sizes: Mapping[str, Sizes]
    bars: tuple[Bar, ...]
    splits: tuple[LayerSplit, ...]
    honest: tuple[HonestBar, ...]

    def ranking(self, batch: int) -> list[str]:
        """Return the dataflows that run at a batch, least energy first, as the paper counts."""
        return [bar.dataflow for bar in sorted(self._running(batch), key=lambda bar: bar.energy)]

    def published_ranking(self, batch: int) -> list[str] | None:
        """Return the same from the published figures; None where there are none."""
        bars = [(sum(b.published.values()), b.dataflow) for b in self._running(batch) if b.published]
        return [dataflow for _, dataflow in sorted(bars)] or None

    def honest_ranking(self, batch: int) -> list[str]:
        """Return the same as this package counts."""
        bars = [(bar.energy, bar.dataflow) for bar in self.honest if bar.batch == batch and not bar.refused]
        return [dataflow for _, dataflow in sorted(bars)]

    def _running(self, batch: int) -> list[Bar]:
        return [bar for bar in self.bars if bar.batch == batch and not bar.refused]

    def rows(self) -> list[dict[str, Any]]:
        """Return one row for each bar and each of its layers, energies per MAC in energies of one MAC."""
        rows = []
        for bar in self.bars:
            rows.append(self._row("isca16", bar.batch, bar.dataflow, "all", _bar_cells(bar)))
            rows += [
                self._row("isca16", bar.batch, bar.dataflow, count.layer, _count_cells(count))
                for count in bar.counts
            ]
        for honest in self.honest:
            cells: dict[str, Any] = {"note": honest.refused}
            if not honest.refused:
                cells |= {f"energy.{level}": spent for level, spent in honest.energy_by_level().items()}
                cells |= {"energy": honest.energy, "dram": honest.dram}
            rows.append(self._row("dnnaccel", honest.batch, honest.dataflow, "all", cells))
        return rows

    def _row(
        self, counting: str, batch: int, dataflow: str, layer: str, cells: Mapping[str, Any]
    ) -> dict[str, Any]:
        row: dict[str, Any] = {
            "network": self.network,
            "pes": self.pes,
            "counting": counting,
            "batch": batch,
            "dataflow": dataflow,
            "layer": layer,
        }
        return row | {column: cells.get(column) for column in _COLUMNS}

    def to_dataframe(self) -> pd.DataFrame:
        """Return `rows` as a pandas DataFrame; raises `MissingExtraError` if pandas is not installed."""
        from dnnaccel._rows import dataframe

        return dataframe(self.rows())

    def to_csv(self) -> str:
        """Return `rows` as CSV text."""
        from dnnaccel._rows import csv_text

        return csv_text(self.rows())

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain numbers, strings, lists and dicts, ready for JSON."""
        return {
            "network": self.network,
            "layers": self.layers,
            "pes": self.pes,
            "energy_unit": "MAC",
            "costs": dict(ENERGY),
            "storage": {
                dataflow: {name: getattr(sizes, name) for name in Sizes.__slots__}
                for dataflow, sizes in self.sizes.items()
            },
            "bars": [_bar_dict(bar) for bar in self.bars],
            "figure10": [
                {
                    "layer": split.layer,
                    "published": dict(split.published),
                    "given": None if split.given is None else split.given.to_dict(),
                    "found": split.found.to_dict(),
                }
                for split in self.splits
            ],
            "honest": [bar.to_dict() for bar in self.honest],
        }

    def to_json(self) -> str:
        """Return `to_dict` as JSON text."""
        return json.dumps(self.to_dict(), indent=2) + "\n"

    def to_text(self, *, width: int = 120) -> str:
        """Return the tables that a person wants to see, for lines of `width` characters."""
        from dnnaccel.reproduce.isca16_text import comparison_text

        return comparison_text(self, width=width)

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        return f"<Isca16Comparison {self.network} {self.layers}, {self.pes} PEs, {len(self.bars)} bars>"


_COLUMNS = (
    *(f"energy.{level}" for level in LEVELS),
    "energy",
    "dram",
    "pes_at_work",
    "mapping",
    *(f"published.{level}" for level in LEVELS),
    "published",
    "difference",
    "note",
)


def _count_cells(count: Count) -> dict[str, Any]:
    cells: dict[str, Any] = {
        f"energy.{level}": spent / count.macs for level, spent in count.energy_by_level().items()
    }
    mapping = " ".join(f"{name}={value}" for name, value in count.mapping.items())
    return cells | {
        "energy": count.energy / count.macs,
        "dram": count.dram / count.macs,
        "pes_at_work": count.pes,
        "mapping": mapping,
    }


def _bar_cells(bar: Bar) -> dict[str, Any]:
    if bar.refused:
        return {"note": "; ".join(refusal.reason for refusal in bar.refused)}
    cells: dict[str, Any] = {f"energy.{level}": spent for level, spent in bar.energy_by_level().items()}
    cells |= {"energy": bar.energy, "dram": bar.dram_reads + bar.dram_writes, "pes_at_work": 1 / bar.delay}
    if bar.published is not None:
        cells |= {f"published.{level}": spent for level, spent in bar.published.items()}
        cells |= {"published": sum(bar.published.values()), "difference": bar.difference}
    return cells


def _bar_dict(bar: Bar) -> dict[str, Any]:
    own: dict[str, Any] = {
        name: getattr(bar, name) for name in Bar.__slots__ if name not in ("counts", "refused", "published")
    }
    own["published"] = None if bar.published is None else dict(bar.published)
    own["refused"] = [refusal.reason for refusal in bar.refused]
    own["layers"] = [count.to_dict() for count in bar.counts]
    if not bar.refused:
        own |= {"energy_by_level": bar.energy_by_level(), "energy": bar.energy, "delay": bar.delay}
        own |= {"dram_reads": bar.dram_reads, "dram_writes": bar.dram_writes, "difference": bar.difference}
    return own
