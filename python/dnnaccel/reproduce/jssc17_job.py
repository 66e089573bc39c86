"""The job behind ``dnnaccel reproduce jssc17``: AlexNet on the fabricated Eyeriss, measured and ours."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from dnnaccel.cost import LayerReport, evaluate
from dnnaccel.mapper import search
from dnnaccel.reproduce.jssc17_chip import (
    Measured,
    chip_of,
    density_of,
    layer_of,
    measured,
    mebibytes,
    nest,
)
from dnnaccel.sim.row_stationary import RowStationaryRun, simulate_row_stationary

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["OBJECTIVES", "ChipRow", "Jssc17Comparison", "jssc17"]

OBJECTIVES: tuple[str, ...] = ("latency", "edp", "energy")
"""What our own mappings are searched for."""

Progress = Callable[[int, int, str], None]


def milliseconds(report: LayerReport) -> float:
    """Return a layer's latency in ms."""
    assert report.seconds is not None
    return report.seconds * 1e3


def milliwatts(report: LayerReport, *levels: str) -> float:
    """Return the average power of some levels in mW: their energy over the layer's time."""
    assert report.seconds is not None
    split = report.energy_by_level()
    return sum(split[level] for level in levels) * 1e-9 / report.seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class ChipRow:
    """One layer: what the chip did, and ours under the paper's mapping and under the best searched ones.

    All of ours at the measured share of zeros: `paper` is costed under the mapping of the paper's table,
    `best` has a mapping of the row-stationary dataflow for each of `OBJECTIVES`, and is empty where none was
    searched. `cycle` is the array under the paper's mapping, cycle by cycle, or None.
    """

    chip: Measured
    paper: LayerReport
    best: tuple[tuple[str, LayerReport], ...]
    cycle: RowStationaryRun | None = None

    def figures(self, report: LayerReport) -> dict[str, float]:
        """Return the compared figures of one of our reports."""
        on_chip = [level for level in report.energy_by_level() if level != "dram"]
        return {
            "processing_ms": milliseconds(report),
            "active_pes": report.active_pes,
            "glb_mib": mebibytes(report, "glb"),
            "dram_mib": mebibytes(report, "dram"),
            "power_mw": milliwatts(report, *on_chip),
        }

    def published(self) -> dict[str, float]:
        """Return the same figures of the chip; the paper's power leaves DRAM out."""
        return {name: getattr(self.chip, name) for name in self.figures(self.paper)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Jssc17Comparison:
    """AlexNet's five convolutions on the fabricated Eyeriss, the chip's table beside ours."""

    rows: tuple[ChipRow, ...]

    def mean_error(self, figure: str) -> float:
        """Return the mean absolute error of a figure over the layers, under the paper's mapping."""
        errors = [abs(row.figures(row.paper)[figure] / row.published()[figure] - 1) for row in self.rows]
        return sum(errors) / len(errors)

    def total_error(self, figure: str) -> float:
        """Return the error of a figure's sum over all layers, under the paper's mapping."""
        ours = sum(row.figures(row.paper)[figure] for row in self.rows)
        return ours / sum(row.published()[figure] for row in self.rows) - 1

    def records(self) -> list[dict[str, Any]]:
        """Return one flat row for each layer and each mapping, the chip's figures beside ours."""
        found = []
        for row in self.rows:
            for mapping, report in (("paper", row.paper), *row.best):
                record: dict[str, Any] = {"layer": row.chip.layer, "mapping": mapping}
                published = row.published()
                for name, value in row.figures(report).items():
                    record |= {name: value, f"chip.{name}": published[name]}
                found.append(record)
        return found

    def to_dataframe(self) -> pd.DataFrame:
        """Return `records` as a pandas DataFrame; raises `MissingExtraError` if pandas is not installed."""
        from dnnaccel._rows import dataframe

        return dataframe(self.records())

    def to_csv(self) -> str:
        """Return `records` as CSV text."""
        from dnnaccel._rows import csv_text

        return csv_text(self.records())

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain numbers, strings, lists and dicts, ready for JSON."""
        return {
            "rows": [
                {
                    "chip": asdict(row.chip),
                    "paper": row.figures(row.paper) | {"report": row.paper.to_dict()},
                    "best": {
                        objective: row.figures(report) | {"report": report.to_dict()}
                        for objective, report in row.best
                    },
                    **({} if row.cycle is None else {"cycle": row.cycle.to_dict()}),
                }
                for row in self.rows
            ]
        }

    def to_json(self) -> str:
        """Return `to_dict` as JSON text."""
        return json.dumps(self.to_dict(), indent=2) + "\n"

    def to_text(self, *, width: int = 120) -> str:
        """Return the tables that a person wants to see, for lines of `width` characters."""
        from dnnaccel.reproduce.jssc17_text import comparison_text

        return comparison_text(self, width=width)

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        return f"<Jssc17Comparison {len(self.rows)} layers>"


def jssc17(
    *,
    best: bool = True,
    cycle: bool = False,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Jssc17Comparison:
    """Reproduce the AlexNet table of the fabricated Eyeriss (JSSC 2017) beside the published figures.

    Parameters
    ----------
    best
        Search for our own row-stationary mappings too, for latency, energy x delay and energy.
    cycle
        Simulate the array under the paper's mapping cycle by cycle too.
    threads
        Threads of the searches; None for all cores. The answer does not depend on it.
    progress
        Called with (done, total, what) meanwhile.
    """
    rows = []
    table = measured()
    for done, row in enumerate(table):
        if progress is not None:
            progress(done, len(table), row.layer)
        layer, chip, density = layer_of(row), chip_of(row), density_of(row)
        paper = evaluate(layer, chip, nest(row), density=density)
        searched = [
            search(layer, chip, "rs", objective, density=density, threads=threads).cost
            for objective in (OBJECTIVES if best else ())
        ]
        # The searches prove nothing, so what one of them finds may be the best for another's objective.
        found = tuple(
            (objective, min((paper, *searched), key=functools.partial(_score, objective)))
            for objective in (OBJECTIVES if best else ())
        )
        run = simulate_row_stationary(layer, chip, nest(row)) if cycle else None
        rows.append(ChipRow(chip=row, paper=paper, best=found, cycle=run))
    return Jssc17Comparison(rows=tuple(rows))


def _score(objective: str, report: LayerReport) -> tuple[float, float]:
    """Return what an objective makes small, and what breaks ties."""
    if objective == "latency":
        return report.cycles, report.energy
    return (report.energy if objective == "energy" else report.energy * report.cycles), report.cycles
