"""Prints the table of docs/sparsity.md: run-length coding of DRAM traffic on Eyeriss, published and ours.

python tests/validation/coding_table.py
"""

from __future__ import annotations

from test_eyeriss import ROWS
from test_eyeriss_coding import DENSITIES, EVERYTHING, POOLED, WORD_BITS, saved, traffic

import dnnaccel as da
from dnnaccel.reproduce.jssc17_chip import Measured


def zeros_needed(row: Measured) -> float:
    """Return the share of zeros in a layer's outputs with which ours would save what is published."""
    plain = traffic(row, *EVERYTHING, coded=False) / row.coding
    wanted = plain - traffic(row, "inputs", "weights", coded=True)
    bits = WORD_BITS * wanted / traffic(row, "outputs", coded=False)
    low, high = 0.0, 1.0
    for _ in range(30):
        density = (low + high) / 2
        takes = sum(da.sparsity.uniform(outputs=density).bits_per_word("outputs", "rlc", WORD_BITS))
        low, high = (density, high) if takes < bits else (low, density)
    return 1 - low


def main() -> None:
    print("| layer | zeros in inputs | DRAM plain, MiB | coded | chip | saved, ours | published |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    totals = [0.0, 0.0, 0.0]
    for row in ROWS:
        plain, coded = (traffic(row, *EVERYTHING, coded=coded) for coded in (False, True))
        totals = [sum(pair) for pair in zip(totals, (plain, coded, row.dram_mib), strict=True)]
        least = "at least " if row.layer in POOLED else ""
        zeros = 1 - DENSITIES[row.layer].inputs
        print(
            f"| {row.layer} | {zeros:.1%} | {plain:.2f} | {coded:.2f} | {row.dram_mib:.1f} "
            f"| {least}{saved(row, *EVERYTHING):.2f}x | {row.coding}x |"
        )
    plain, coded, chip = totals
    print(f"| all five | | {plain:.2f} | {coded:.2f} | {chip:.1f} | {plain / coded:.2f}x | |")
    read, written = (
        sum(traffic(row, tensor, coded=False) for row in ROWS)
        / sum(traffic(row, tensor, coded=True) for row in ROWS)
        for tensor in ("inputs", "outputs")
    )
    print()
    print(
        f"Images read: {read:.2f}x less, published 1.9x. Images written: at least {written:.2f}x less, "
        f"published 2.6x. All DRAM traffic: {coded / chip - 1:+.1%} of the chip's."
    )
    needed = " and ".join(f"{zeros_needed(row):.0%} ({row.layer})" for row in ROWS if row.layer in POOLED)
    print()
    print(f"The published figures would need {needed} of zeros in the outputs before pooling.")


if __name__ == "__main__":
    main()
