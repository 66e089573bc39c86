"""SCALE-Sim's reports: the figures of every layer, and the files it writes, byte for byte."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dnnaccel import _rows
from dnnaccel._files import write_atomically
from dnnaccel._rows import Row
from dnnaccel._text import DEFAULT_WIDTH, Column, clean, layout
from dnnaccel.conventions.scalesim.config import ScaleSimConfig
from dnnaccel.conventions.scalesim.rows import ScaleSimRow
from dnnaccel.errors import DnnAccelError, unknown_name

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["OPERANDS", "ScaleSimLayer", "ScaleSimReport", "SparseStorage", "Traffic"]

OPERANDS: tuple[str, ...] = ("ifmap", "filter", "ofmap")

Number = int | float


@dataclass(frozen=True, slots=True)
class Traffic:
    """An operand's traffic at one memory: first and last cycle, and words (reads; of the ofmap, writes)."""

    start_cycle: int
    stop_cycle: int
    words: Number


@dataclass(frozen=True, slots=True, kw_only=True)
class SparseStorage:
    """Words of 32 bit that a layer's filters take: dense, compressed, and the metadata in that."""

    original: int
    compressed: Number
    metadata: Number


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleSimLayer:
    """What SCALE-Sim counts of one layer.

    `cycles` is its "Total Cycles": the index of the last cycle, stalls included, one less than there are.
    """

    row: ScaleSimRow
    cycles_with_prefetch: int
    cycles: int
    stall_cycles: int
    folds: int
    overall_utilization_percent: float
    """MACs of the dense layer over what the array could do in `cycles`."""
    mapping_efficiency_percent: float
    compute_utilization_percent: float
    sram: Mapping[str, Traffic]
    dram: Mapping[str, Traffic]
    sparse: SparseStorage | None = None

    @property
    def name(self) -> str:
        """The layer's name in the topology."""
        return self.row.name

    def bandwidth(self, memory: str, operand: str) -> float:
        """Return the average words per cycle of an operand ("ifmap", ...) at "sram" or "dram"."""
        if memory == "sram":
            return self.sram[operand].words / self.cycles
        traffic = self.dram[operand]
        return traffic.words / (traffic.stop_cycle - traffic.start_cycle + 1)

    @property
    def metadata_bandwidth(self) -> float:
        """Average words per cycle of the sparse filters' metadata."""
        return 0.0 if self.sparse is None else self.sparse.metadata / self.cycles


# The titles of SCALE-Sim's columns, and where their figures are.
_COMPUTE: Mapping[str, str] = {
    "Total Cycles (incl. prefetch)": "cycles_with_prefetch",
    "Total Cycles": "cycles",
    "Stall Cycles": "stall_cycles",
    "Overall Util %": "overall_utilization_percent",
    "Mapping Efficiency %": "mapping_efficiency_percent",
    "Compute Util %": "compute_utilization_percent",
}
_SHOWN = {"ifmap": "IFMAP", "filter": "FILTER", "ofmap": "OFMAP"}
_SHOWN_IN_DETAIL = {"ifmap": "IFMAP", "filter": "Filter", "ofmap": "OFMAP"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleSimReport:
    """What SCALE-Sim counts of a network, layer by layer."""

    config: ScaleSimConfig
    layers: tuple[ScaleSimLayer, ...]

    @property
    def total_cycles(self) -> int:
        """The sum of "Total Cycles" over layers, which run one after another."""
        return sum(layer.cycles for layer in self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[ScaleSimLayer]:
        return iter(self.layers)

    def __getitem__(self, name: str | int) -> ScaleSimLayer:
        if isinstance(name, int):
            return self.layers[name]
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise unknown_name("layer", name, [layer.name for layer in self.layers])

    def __repr__(self) -> str:
        c = self.config
        return (
            f"<ScaleSimReport {len(self.layers)} layers on {c.rows}x{c.columns} {c.dataflow}: "
            f"{self.total_cycles:,} cycles>"
        )

    def __str__(self) -> str:
        return self.to_text()

    def compute_report(self) -> list[dict[str, Number]]:
        """Return COMPUTE_REPORT's rows, by its own column titles."""
        return [{title: getattr(layer, name) for title, name in _COMPUTE.items()} for layer in self.layers]

    def bandwidth_report(self) -> list[dict[str, Number]]:
        """Return BANDWIDTH_REPORT's rows, by its own column titles."""
        return [self._bandwidths(layer) for layer in self.layers]

    def _bandwidths(self, layer: ScaleSimLayer) -> dict[str, Number]:
        found: dict[str, Number] = {}
        for memory in ("sram", "dram"):
            for operand in OPERANDS:
                title = f"Avg {_SHOWN[operand]} {memory.upper()} BW"
                found[title] = layer.bandwidth(memory, operand)
                if memory == "sram" and operand == "filter" and self.config.sparse_format:
                    found["Avg FILTER Metadata SRAM BW"] = layer.metadata_bandwidth
        return found

    def access_report(self) -> list[dict[str, Number]]:
        """Return DETAILED_ACCESS_REPORT's rows, by its own column titles."""
        rows: list[dict[str, Number]] = []
        for layer in self.layers:
            row: dict[str, Number] = {}
            for memory, traffics in (("SRAM", layer.sram), ("DRAM", layer.dram)):
                for operand in OPERANDS:
                    start = f"{memory} {_SHOWN_IN_DETAIL[operand]}"
                    traffic = traffics[operand]
                    # SCALE-Sim's cycles are floating-point numbers, and are written as such.
                    row[f"{start} Start Cycle"] = float(traffic.start_cycle)
                    row[f"{start} Stop Cycle"] = float(traffic.stop_cycle)
                    row[f"{start} {'Writes' if operand == 'ofmap' else 'Reads'}"] = traffic.words
            rows.append(row)
        return rows

    def sparse_report(self) -> list[dict[str, Any]]:
        """Return SPARSE_REPORT's rows, by its own column titles; none where filters are dense."""
        return [
            {
                "Sparsity Representation": self.config.sparse_format,
                "Original Filter Storage": layer.sparse.original,
                "New Storage (Filter+Metadata)": layer.sparse.compressed,
                "Filter Metadata Storage": layer.sparse.metadata,
                "Avg FILTER Metadata SRAM BW": layer.metadata_bandwidth,
            }
            for layer in self.layers
            if layer.sparse is not None
        ]

    def reports(self) -> dict[str, str]:
        """Return the files that SCALE-Sim writes, name to text."""
        files = {
            "COMPUTE_REPORT.csv": _text(self.compute_report(), "\n"),
            "BANDWIDTH_REPORT.csv": _text(self.bandwidth_report(), "\n"),
            "DETAILED_ACCESS_REPORT.csv": _text(self.access_report(), "\n"),
        }
        if self.config.sparse_format:
            files["SPARSE_REPORT.csv"] = _text(self.sparse_report(), " \n")
        return files

    def write(self, directory: str | os.PathLike[str]) -> list[Path]:
        """Write the reports into `directory`/run_name, as SCALE-Sim does, and return their paths.

        Directories are made where they are missing. Each file is written whole or not at all. Raises
        `DnnAccelError` with the reason if one cannot be written.
        """
        folder = Path(directory) / self.config.run_name
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise DnnAccelError(f"cannot make the directory {folder}: {reason}") from None
        paths = []
        for name, text in self.reports().items():
            write_atomically(folder / name, text)
            paths.append(folder / name)
        return paths

    def rows(self) -> list[Row]:
        """Return a flat row for each layer: its number, its name and all figures."""
        tables = [self.compute_report(), self.bandwidth_report(), self.access_report(), self.sparse_report()]
        rows: list[Row] = []
        for index, layer in enumerate(self.layers):
            row: Row = {"layer_id": index, "name": layer.name}
            for table in tables:
                if table:
                    row.update({_column(title): value for title, value in table[index].items()})
            rows.append(row)
        return rows

    def to_dict(self) -> dict[str, Any]:
        """Return configuration and layers as plain data."""
        return {
            "convention": "scalesim",
            "config": self.config.to_dict(),
            "total_cycles": self.total_cycles,
            "layers": self.rows(),
        }

    def to_json(self) -> str:
        """Return `to_dict` as JSON text."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n"

    def to_csv(self) -> str:
        """Return one CSV table of all figures, a line per layer."""
        return _rows.csv_text(self.rows())

    def to_dataframe(self) -> pd.DataFrame:
        """Return all figures as a pandas DataFrame, a row per layer."""
        return _rows.dataframe(self.rows())

    def to_text(self, *, width: int = DEFAULT_WIDTH) -> str:
        """Return a table of the main figures."""
        layers = self.layers

        def traffic(memory: str, operand: str) -> list[str]:
            return [f"{getattr(layer, memory)[operand].words:,.0f}" for layer in layers]

        columns = [
            Column("layer", [clean(layer.name) for layer in layers], left=True),
            Column("cycles", [f"{layer.cycles:,}" for layer in layers]),
            Column("with prefetch", [f"{layer.cycles_with_prefetch:,}" for layer in layers]),
            Column("stalls", [f"{layer.stall_cycles:,}" for layer in layers]),
            Column("util %", [f"{layer.overall_utilization_percent:.2f}" for layer in layers]),
            Column("mapping %", [f"{layer.mapping_efficiency_percent:.2f}" for layer in layers]),
        ]
        columns += [
            Column(f"{memory} {operand}", traffic(memory, operand))
            for memory in ("sram", "dram")
            for operand in OPERANDS
        ]
        table = layout(columns, width=width)
        return f"{self._title()}\n\n{table}\n\ntotal {self.total_cycles:,} cycles; traffic in words"

    def _title(self) -> str:
        c = self.config
        names = {"os": "output stationary", "ws": "weight stationary", "is": "input stationary"}
        return (
            f"{c.run_name}: SCALE-Sim's counting of {len(self.layers)} layers on {c.rows}x{c.columns}, "
            f"{names[c.dataflow]}, {c.mode.upper()} mode"
        )


def _text(rows: list[dict[str, Any]], header_end: str) -> str:
    """Return a report as SCALE-Sim prints it: ", " between cells, and a comma after the last."""
    lines = [", ".join(["LayerID", *rows[0]]) + "," + header_end]
    lines += [f"{index}, {', '.join(map(str, row.values()))},\n" for index, row in enumerate(rows)]
    return "".join(lines)


def _column(title: str) -> str:
    """Turn a title into a column's name: "Overall Util %" becomes overall_util_percent."""
    words = title.replace("%", "percent").replace("(", "").replace(")", "").replace(".", "").replace("+", " ")
    return "_".join(words.lower().split())
