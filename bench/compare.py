"""How long the comparison of dataflows takes from a shell, with nothing in the cache of searches.

    python bench/compare.py [--repeat N]

Wall seconds are the least of the runs: what else the machine does only adds to them. Processor seconds are
of all threads, and hardly depend on it.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time

COMMAND = ["compare", "alexnet", "--arch", "eyeriss", "--dataflows", "ws,os,is,rs,nlr"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--repeat", type=int, default=5)
    asked = parser.parse_args()
    runs = [measure() for _ in range(asked.repeat)]
    print(f"dnnaccel {' '.join(COMMAND)}: least of {asked.repeat} runs, {len(os.sched_getaffinity(0))} cores")
    print(f"  {min(wall for wall, _ in runs):.2f} s wall, {min(busy for _, busy in runs):.2f} s processor")


def measure() -> tuple[float, float]:
    """Return wall and processor seconds of one run in a process of its own."""
    program = f"import sys; from dnnaccel.cli import run; sys.exit(run({COMMAND}))"
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"DNNACCEL_CACHE": "0"},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
