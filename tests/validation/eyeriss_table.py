"""Prints the README's validation tables: AlexNet on the fabricated Eyeriss chip, measured and ours.

Two questions are kept apart: how good the model is (the paper's own mapping, costed) and what a free choice
of mapping gains (searched under the row-stationary dataflow). `dnnaccel reproduce jssc17` has the same and
more as text; test_eyeriss.py and test_jssc17_figures.py have the assertions.

    python tests/validation/eyeriss_table.py
"""

from __future__ import annotations

from dnnaccel import reproduce
from dnnaccel.reproduce import Jssc17Comparison

HEADINGS = {"latency": "searched: latency", "edp": "searched: energy x delay", "energy": "searched: energy"}


def beside(value: float, measured: float) -> str:
    """A figure of ours with its distance from the measured one."""
    return f"{value:.1f} ({100 * (value / measured - 1):+.1f} %)"


def table(found: Jssc17Comparison, title: str, figure: str, *, searched: bool) -> str:
    """Return a Markdown table of one figure with a row per layer and their sums."""
    searches = [objective for objective, _ in found.rows[0].best] if searched else []
    headings = [title, "chip", "paper's mapping", *(HEADINGS[objective] for objective in searches)]
    lines = ["| " + " | ".join(headings) + " |", "|---" + "|--:" * (len(headings) - 1) + "|"]
    body = []
    for row in found.rows:
        reports = [row.paper, *(report for objective, report in row.best if objective in searches)]
        ours = [row.figures(report)[figure] for report in reports]
        body.append((row.chip.layer, [row.published()[figure], *ours]))
    body.append(("all five", [sum(column) for column in zip(*(numbers for _, numbers in body), strict=True)]))
    for label, (chip, *ours) in body:
        cells = [label, f"{chip:.1f}", *(beside(value, chip) for value in ours)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def error(found: Jssc17Comparison, figure: str) -> str:
    """Mean and largest absolute error over the layers, with the paper's mapping."""
    errors = [abs(row.figures(row.paper)[figure] / row.published()[figure] - 1) for row in found.rows]
    return f"{found.mean_error(figure):.1%} (largest {max(errors):.1%})"


def main() -> None:
    found = reproduce.jssc17()
    print(table(found, "processing latency, ms", "processing_ms", searched=True))
    print()
    print(table(found, "DRAM traffic, run-length coded, MiB", "dram_mib", searched=True))
    print()
    print(table(found, "global buffer traffic, MiB", "glb_mib", searched=False))
    print()
    figures = [("latency", "processing_ms"), ("DRAM", "dram_mib"), ("buffer", "glb_mib")]
    errors = ", ".join(f"{name} {error(found, figure)}" for name, figure in figures)
    print(f"Mean absolute error with the paper's mapping: {errors}.")


if __name__ == "__main__":
    main()
