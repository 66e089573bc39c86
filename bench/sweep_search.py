"""How many points a search needs to come near the front of a whole grid, beside points drawn at random.

    python bench/sweep_search.py [--store FILE] [--seeds N]

Works out the whole grid first, into a store, so that what the searches choose afterwards costs nothing.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import dnnaccel as da
from dnnaccel.sweep import SweepPoint

# Energies of buffer and register file grow with their sizes, so that larger is not simply better.
CHIP = """
format: 1
extends: example
name: sized
levels:
  - memory: glb
    component: {kind: sram, width_bits: 64}
  - memory: rf
    component: {kind: regfile}
"""
GRID = {
    "glb.size_bytes": "16384..1048576*2",
    "rf.size_bytes": "64..1024*2",
    "pe_array.rows": "4..32+4",
    "pe_array.columns": "4..32+4",
}
TRIALS = (25, 50, 100, 200, 400)
TASKS: tuple[tuple[str, ...], ...] = (
    ("edp",),
    ("energy", "cycles"),
    ("energy", "cycles", "on_chip_bytes"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--store", help="keep the grid's points here, for another run")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--network", default="alexnet")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        chip_file = Path(place, "sized.yaml")
        chip_file.write_text(CHIP, encoding="utf-8")
        chip = da.arch.load(chip_file)
        store = asked.store or Path(place, "sweep.db")

        def run(trials: int | None, figures: tuple[str, ...], seed: int) -> da.Sweep:
            return da.sweep(
                asked.network,
                chip,
                GRID,
                figures=figures,
                trials=trials,
                seed=seed,
                store=store,
            )

        began = time.perf_counter()
        whole = run(None, TASKS[0], 0)
        print(f"{asked.network}, {len(whole):,} points, {time.perf_counter() - began:.0f} s (0 from a store)")
        for figures in TASKS:
            front = whole.pareto(*figures)
            print(f"\nsearched for {', '.join(figures)}; the whole front has {len(front)} points")
            print("  points   search: median, worst    random: median, worst    Optuna's time")
            for trials in TRIALS:
                began = time.perf_counter()
                found = [
                    distance(front, run(trials, figures, seed).ran, figures) for seed in range(asked.seeds)
                ]
                spent = (time.perf_counter() - began) / asked.seeds
                drawn = [
                    distance(front, random.Random(seed).sample(whole.ran, trials), figures)
                    for seed in range(asked.seeds)
                ]
                print(
                    f"  {trials:6}   {statistics.median(found):13.2%}, {max(found):6.2%}"
                    f"    {statistics.median(drawn):13.2%}, {max(drawn):6.2%}    {spent:11.1f} s"
                )


def distance(front: Sequence[SweepPoint], points: Sequence[SweepPoint], figures: Sequence[str]) -> float:
    """Return how far `points` are from a front: 0.01 if for each point of it one is at most 1 % worse in all.

    The multiplicative epsilon indicator of Zitzler et al. (2003), less 1; every figure is a cost.
    """
    return (
        max(
            min(max(point[figure] / best[figure] for figure in figures) for point in points) for best in front
        )
        - 1
    )


if __name__ == "__main__":
    main()
