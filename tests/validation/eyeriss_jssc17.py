"""AlexNet on the fabricated Eyeriss chip: what the paper measured, and what dnnaccel says.

Two questions are kept apart: how good the model is (the paper's own mapping, written as a loop nest and
costed), and what a free choice of mapping gains (searched under the row-stationary dataflow). Prints the
tables that the README shows:

    python tests/validation/eyeriss_jssc17.py
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import dnnaccel as da
from dnnaccel.cost import LayerReport
from dnnaccel.layers import Layer

FACTS = json.loads((Path(__file__).parent / "eyeriss_jssc17.json").read_text(encoding="utf-8"))
COLUMNS = 14
"""Processing elements of the chip side by side; a wider set is folded onto the rows below."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One layer: the chip's figures, and ours with the paper's mapping and with searched ones."""

    layer: str
    chip_ms: float
    chip_dram_mb: float
    chip_dram_mb_uncompressed: float
    chip_glb_mb: float
    chip_active_pes: int
    paper: LayerReport
    fastest: LayerReport
    frugal: LayerReport


def paper_mapping(layer: Layer, m: int, n: int, e: int, p: int, q: int, r: int, t: int) -> str:
    """Return the paper's mapping of a layer as a loop nest of ours.

    A pass: `n` images, `e` output rows, `p * t` filters, `q * r` channels. Filters stay in the elements while
    a pass slides over the columns; sums of `m` filters stay in the global buffer until all channels are done.
    """
    assert layer.problem is not None
    filter_rows = layer.problem.bounds["R"]
    m = min(m, layer.problem.bounds["M"])
    folds = -(-e // COLUMNS)
    rows = [f"par P step {COLUMNS}"] if folds > 1 else []
    rows += [f"par C step {q}"] if r > 1 else []
    beside = COLUMNS // e if e < COLUMNS else 1
    # Sets for different filters stand side by side where there is room (conv1), else one below the other.
    aside = [f"par M step {p}"] if t > 1 and t <= beside else []
    below = [f"par M step {p}"] if t > 1 and not aside else []
    assert folds * filter_rows * r * (t if below else 1) <= 12
    return "\n".join(
        [
            "dram [inputs, weights, outputs]",
            f"for N step {n}",
            "for G step 1",
            f"for M step {m}",
            f"for P step {e}",
            f"for C step {q * r}",
            "glb [inputs, outputs]",
            f"for M step {p * t}",
            "for N step 1",
            "for Q step 1",
            "pe_array.rows",
            *rows,
            *below,
            "par R step 1",
            "pe_array.columns",
            *aside,
            "par P step 1",
            "ifmap_spad [inputs]",
            "filter_spad [weights]",
            "psum_spad [outputs]",
            "for S step 1",
            "for C step 1",
            "for M step 1",
        ]
    )


def rows() -> list[Row]:
    """Cost and search every layer; batch and clock are those of the measurement."""
    chip = da.arch.load("eyeriss")
    net = da.zoo.load("alexnet", batch=FACTS["batch"])
    found = []
    for name, facts in FACTS["layers"].items():
        layer = net[name]
        found.append(
            Row(
                layer=name,
                chip_ms=facts["processing_latency_ms"],
                chip_dram_mb=facts["dram_MB"],
                chip_dram_mb_uncompressed=facts["dram_MB"] * facts["rlc_reduction"],
                chip_glb_mb=facts["glb_MB"],
                chip_active_pes=facts["active_pes"],
                paper=da.evaluate(layer, chip, paper_mapping(layer, **facts["mapping"])),
                fastest=da.search(layer, chip, "rs", "latency").cost,
                frugal=da.search(layer, chip, "rs", "energy").cost,
            )
        )
    return found


def milliseconds(report: LayerReport) -> float:
    """Return the latency in ms, to be held against the chip's processing latency."""
    assert report.seconds is not None
    return report.seconds * 1e3


def megabytes(report: LayerReport, level: str) -> float:
    """Return what was read and written at a memory, in 10^6 bytes."""
    return report.traffic(level, unit="bytes") / 1e6


def latency_errors(found: list[Row]) -> list[float]:
    """Our latency with the paper's mapping against the chip's, as a fraction of the chip's, by layer."""
    return [milliseconds(row.paper) / row.chip_ms - 1 for row in found]


def dram_errors(found: list[Row]) -> list[float]:
    """Our DRAM traffic with the paper's mapping against the chip's with compression undone, by layer."""
    return [megabytes(row.paper, "dram") / row.chip_dram_mb_uncompressed - 1 for row in found]


def glb_errors(found: list[Row]) -> list[float]:
    """Our traffic of the global buffer with the paper's mapping against the chip's, by layer."""
    return [megabytes(row.paper, "glb") / row.chip_glb_mb - 1 for row in found]


def beside(value: float, measured: float) -> str:
    """Return a figure of ours with its distance from the measured one."""
    return f"{value:.1f} ({value / measured - 1:+.0%})"


def with_total(
    found: list[Row], figures: Callable[[Row], tuple[float, ...]]
) -> list[tuple[str, tuple[float, ...]]]:
    """Return the figures of every layer, and their sums."""
    table = [(row.layer, figures(row)) for row in found]
    total = tuple(sum(column) for column in zip(*(numbers for _, numbers in table), strict=True))
    return [*table, ("all five", total)]


def latency_table(found: list[Row]) -> str:
    """Return the latencies as a Markdown table."""
    lines = [
        "| latency, ms | chip | paper's mapping | searched for latency | searched for energy |",
        "|---|--:|--:|--:|--:|",
    ]
    for label, (chip, paper, fastest, frugal) in with_total(
        found,
        lambda row: (row.chip_ms, *map(milliseconds, (row.paper, row.fastest, row.frugal))),
    ):
        lines.append(
            f"| {label} | {chip:.1f} | {beside(paper, chip)} "
            f"| {beside(fastest, chip)} | {beside(frugal, chip)} |"
        )
    return "\n".join(lines)


def traffic_table(found: list[Row]) -> str:
    """Return DRAM and global buffer traffic as a Markdown table."""
    lines = [
        "| traffic, MB | DRAM: chip | compression undone | paper's mapping | searched for latency "
        "| searched for energy | buffer: chip | paper's mapping |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for label, (chip, undone, paper, fastest, frugal, chip_glb, paper_glb) in with_total(
        found,
        lambda row: (
            row.chip_dram_mb,
            row.chip_dram_mb_uncompressed,
            *(megabytes(report, "dram") for report in (row.paper, row.fastest, row.frugal)),
            row.chip_glb_mb,
            megabytes(row.paper, "glb"),
        ),
    ):
        lines.append(
            f"| {label} | {chip:.1f} | {undone:.1f} | {beside(paper, undone)} | {beside(fastest, undone)} "
            f"| {beside(frugal, undone)} | {chip_glb:.1f} | {beside(paper_glb, chip_glb)} |"
        )
    return "\n".join(lines)


def mean(errors: list[float]) -> str:
    """Return the mean absolute error and the largest, in words."""
    sizes = [abs(error) for error in errors]
    return f"{sum(sizes) / len(sizes):.1%} (largest {max(sizes):.1%})"


def main() -> None:
    found = rows()
    print(latency_table(found))
    print()
    print(traffic_table(found))
    print()
    print(
        "Mean absolute error with the paper's mapping: "
        f"latency {mean(latency_errors(found))}, DRAM {mean(dram_errors(found))}, "
        f"buffer {mean(glb_errors(found))}."
    )


if __name__ == "__main__":
    main()
