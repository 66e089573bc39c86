"""What a sweep costs: a thousand variants of Eyeriss for ResNet-50, from an empty cache and from a warm one.

    python bench/sweep.py [--quick] [--network NAME]

The buffer changes slowest. Where it holds all of a layer, its size is no part of that layer's search, and
what was found for one size holds for the next: points get cheaper on the way.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import dnnaccel as da

GRID = {
    "glb.size_bytes": "32768..4194304*2",
    "pe_array.rows": "8..16+2",
    "pe_array.columns": [7, 10, 14, 16, 20],
    "filter_spad.size_bytes": [128, 192, 256, 448, 896],
}
QUICK = GRID | {"pe_array.columns": [7, 14], "filter_spad.size_bytes": [448]}


class Clock:
    """Wall and processor seconds when each point was done."""

    def __init__(self) -> None:
        self.marks = [(time.perf_counter(), time.process_time())]

    def __call__(self, done: int, total: int, what: str) -> None:
        while len(self.marks) <= done:
            self.marks.append((time.perf_counter(), time.process_time()))

    def between(self, first: int, last: int) -> tuple[float, float]:
        """Wall and processor seconds from the `first` point done to the `last`."""
        wall, busy = (b - a for a, b in zip(self.marks[first], self.marks[last], strict=True))
        return wall, busy


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--network", default="resnet50")
    parser.add_argument("--quick", action="store_true", help="80 points only")
    asked = parser.parse_args()
    grid = QUICK if asked.quick else GRID
    with tempfile.TemporaryDirectory() as place:
        os.environ["DNNACCEL_CACHE"] = place
        tables = []
        for state in ("empty", "warm"):
            clock = Clock()
            found = da.sweep(asked.network, "eyeriss", grid, progress=clock)
            tables.append(found.to_csv())
            report(f"{asked.network} on variants of eyeriss, cache {state}", clock, len(found))
            if state == "empty":
                net = da.zoo.load(asked.network)
                layers = len({layer.problem for layer in net if layer.problem is not None}) * len(found)
                searches = len(list(Path(place).rglob("*.json")))
                print(f"  searches                  {searches:,} for {layers:,} layers on chips")
        print(f"same table: {tables[0] == tables[1]}")


def report(title: str, clock: Clock, points: int) -> None:
    """Print what a run took."""
    part = min(100, points // 3)
    wall, busy = clock.between(0, points)
    print(f"{title}: {points} points")
    print(f"  wall                      {wall:.1f} s, {points / wall:.2f} points/s")
    print(f"  processor                 {busy:.1f} s, {busy / points:.3f} s a point")
    for name, span in (("first", (0, part)), ("last", (points - part, points))):
        _, spent = clock.between(*span)
        print(f"  {name + f' {part}':24}  {spent / part:.3f} s of processor a point")


if __name__ == "__main__":
    main()
