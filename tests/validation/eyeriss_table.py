"""Prints the README's validation tables: AlexNet on the fabricated Eyeriss chip, measured and ours.

Two questions are kept apart: how good the model is (the paper's own mapping, costed) and what a free choice
of mapping gains (searched under the row-stationary dataflow). test_eyeriss.py has the measured figures, where
they come from, the paper's mapping as a loop nest, and the assertions.

    python tests/validation/eyeriss_table.py
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from test_eyeriss import MIB, ROWS, Measured, cost, layer_of

import dnnaccel as da
from dnnaccel.cost import LayerReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One layer: what the chip did, and ours with the paper's mapping and with searched ones."""

    chip: Measured
    paper: LayerReport
    fastest: LayerReport
    balanced: LayerReport
    frugal: LayerReport


def rows() -> list[Row]:
    """Cost and search every layer, at the batch and the clock of the measurement."""
    eyeriss = da.arch.load("eyeriss")

    def search(measured: Measured, objective: str) -> LayerReport:
        return da.search(layer_of(measured), eyeriss, "rs", objective).cost

    return [
        Row(
            chip=measured,
            paper=cost(measured),
            fastest=search(measured, "latency"),
            balanced=search(measured, "edp"),
            frugal=search(measured, "energy"),
        )
        for measured in ROWS
    ]


def milliseconds(report: LayerReport) -> float:
    """Latency in ms, to be held against the chip's processing latency."""
    assert report.seconds is not None
    return report.seconds * 1e3


def mebibytes(report: LayerReport, level: str) -> float:
    """What was read and written at a memory, in MiB."""
    return report.traffic(level, unit="bytes") / MIB


def beside(value: float, measured: float) -> str:
    """A figure of ours with its distance from the measured one."""
    return f"{value:.1f} ({100 * (value / measured - 1):+.1f} %)"


def table(
    found: list[Row], headings: list[str], figures: Callable[[Row], list[float]], *, measured: int = 1
) -> str:
    """Return a Markdown table with a row per layer and their sums.

    The first `measured` figures of a row stand alone, the others with their distance from the last of these.
    """
    lines = ["| " + " | ".join(headings) + " |", "|---" + "|--:" * (len(headings) - 1) + "|"]
    body = [(row.chip.layer, figures(row)) for row in found]
    body.append(("all five", [sum(column) for column in zip(*(numbers for _, numbers in body), strict=True)]))
    for label, values in body:
        chip, ours = values[:measured], values[measured:]
        cells = [label, *(f"{value:.1f}" for value in chip), *(beside(value, chip[-1]) for value in ours)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def error(found: list[Row], figures: Callable[[Row], tuple[float, float]]) -> str:
    """Mean and largest absolute error over the layers, from (ours, measured)."""
    errors = [abs(ours / measured - 1) for ours, measured in map(figures, found)]
    return f"{sum(errors) / len(errors):.1%} (largest {max(errors):.1%})"


def uncoded(row: Row) -> float:
    """The chip's DRAM traffic in MiB as it would be without run-length coding."""
    return row.chip.dram_mib * row.chip.coding


def main() -> None:
    found = rows()
    searched = ["searched: latency", "searched: energy x delay", "searched: energy"]
    print(
        table(
            found,
            ["processing latency, ms", "chip", "paper's mapping", *searched],
            lambda row: [
                row.chip.processing_ms,
                *(milliseconds(report) for report in (row.paper, row.fastest, row.balanced, row.frugal)),
            ],
        )
    )
    print()
    print(
        table(
            found,
            ["DRAM traffic, MiB", "chip", "chip, coding undone", "paper's mapping", *searched],
            lambda row: [
                row.chip.dram_mib,
                uncoded(row),
                *(mebibytes(report, "dram") for report in (row.paper, row.fastest, row.balanced, row.frugal)),
            ],
            measured=2,
        )
    )
    print()
    print(
        table(
            found,
            ["global buffer traffic, MiB", "chip", "paper's mapping"],
            lambda row: [row.chip.glb_mib, mebibytes(row.paper, "glb")],
        )
    )
    latency = error(found, lambda row: (milliseconds(row.paper), row.chip.processing_ms))
    dram = error(found, lambda row: (mebibytes(row.paper, "dram"), uncoded(row)))
    buffer = error(found, lambda row: (mebibytes(row.paper, "glb"), row.chip.glb_mib))
    print()
    print(f"Mean absolute error with the paper's mapping: latency {latency}, DRAM {dram}, buffer {buffer}.")


if __name__ == "__main__":
    main()
