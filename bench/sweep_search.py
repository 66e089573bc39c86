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
            best = len(whole.pareto(*figures))
            print(f"\nsearched for {', '.join(figures)}; the whole front has {best} points")
            print("  points   search: median, worst    random: median, worst    Optuna's time")
            scale = Scale(whole, figures)
            for trials in TRIALS:
                began = time.perf_counter()
                found = [scale.share(run(trials, figures, seed).ran) for seed in range(asked.seeds)]
                spent = (time.perf_counter() - began) / asked.seeds
                drawn = [
                    scale.share(random.Random(seed).sample(whole.ran, trials)) for seed in range(asked.seeds)
                ]
                print(
                    f"  {trials:6}   {statistics.median(found):9.2%}, {min(found):9.2%}"
                    f"    {statistics.median(drawn):9.2%}, {min(drawn):9.2%}    {spent:6.1f} s"
                )


class Scale:
    """How good points are, as a share of what the whole grid has.

    For one figure that is the least of all over the least of these; for several the volume that the front
    dominates, each figure from 0 to its largest on the whole front.
    """

    def __init__(self, whole: da.Sweep, figures: tuple[str, ...]) -> None:
        self._figures = figures
        front = whole.pareto(*figures)
        self._largest = [max(point[figure] for point in front) for figure in figures]
        self._whole = self._volume(front)

    def share(self, points: Sequence[SweepPoint]) -> float:
        return self._volume(points) / self._whole

    def _volume(self, points: Sequence[SweepPoint]) -> float:
        places = [
            tuple(point[figure] / most for figure, most in zip(self._figures, self._largest, strict=True))
            for point in points
        ]
        if len(self._figures) == 1:
            return 1 / min(place[0] for place in places)
        return volume([place for place in places if max(place) <= 1])


def volume(places: Sequence[tuple[float, ...]]) -> float:
    """Return the volume between the places' front and the corner (1, 1, ...), slice by slice."""
    if not places:
        return 0.0
    if len(places[0]) == 1:
        return 1 - min(place[0] for place in places)
    total, last = 0.0, 1.0
    ordered = sorted(places, key=lambda place: place[-1])
    for count in range(len(ordered), 0, -1):
        low = ordered[count - 1][-1]
        if low < last:
            total += (last - low) * volume([place[:-1] for place in ordered[:count]])
            last = low
    return total


if __name__ == "__main__":
    main()
