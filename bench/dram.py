"""What bandwidth DRAM presets achieve beside what their timing allows, and how fast that is simulated.

    python bench/dram.py                      # all presets
    python bench/dram.py ddr4_2400 --requests 1000000

The limits are plain arithmetic over the data sheet's numbers (dnnaccel/dram/limits.py), and the last table
sets streaming against the estimate that Ramulator 2's own tests use
(tests/latency_throughput/utils/checks.py): a refresh costs tRTP + tRP + tRFC + tRCD of every tREFI.
"""

from __future__ import annotations

import argparse
import platform
import time

from rich import box
from rich.console import Console
from rich.table import Table

from dnnaccel import dram
from dnnaccel.dram import Dram, DramReport, limits


def timed(memory: Dram, pattern: dram.Pattern, rounds: int) -> tuple[DramReport, float]:
    """Return the report of a pattern, and the CPU seconds of the fastest of several simulations of it."""
    # The limit is computed from the addresses, outside the clock.
    report = dram.simulate(memory, pattern)
    best = float("inf")
    for _ in range(rounds):
        began = time.process_time()
        dram.simulate(memory, pattern, refresh=True, limit=False)
        best = min(best, time.process_time() - began)
    return report, best


def bandwidths(memories: list[Dram], requests: int, rounds: int) -> Table:
    """Return the table of achieved bandwidth, its limits, and the speed of the simulation."""
    table = Table(box=box.MARKDOWN)
    table.add_column("memory")
    table.add_column("pattern")
    for name in ("GB/s", "peak", "% of peak", "limit", "by", "% of limit", "row-miss limit", "row hits %"):
        table.add_column(name, justify="right")
    for name in ("pJ/bit", "Mrequests/s", "Mcommands/s"):
        table.add_column(name, justify="right")
    for memory in memories:
        miss = limits.row_miss(memory)
        for pattern in dram.usual_patterns(memory, requests):
            report, seconds = timed(memory, pattern, rounds)
            assert report.limit is not None
            commands = (
                report.reads
                + report.writes
                + report.activates
                + report.precharges
                + report.precharges_all
                + report.refreshes
            )
            table.add_row(
                memory.name,
                report.pattern,
                f"{report.gb_per_s:.2f}",
                f"{memory.peak_gb_per_s:.1f}",
                f"{100 * report.utilization:.1f}",
                f"{report.limit.gb_per_s:.2f}",
                report.limit.gate,
                f"{100 * report.gb_per_s / report.limit.gb_per_s:.1f}",
                f"{miss.gb_per_s:.2f}",
                f"{100 * report.row_hit_rate:.1f}",
                f"{report.pj_per_bit:.2f}",
                f"{report.requests / seconds / 1e6:.2f}",
                f"{commands / seconds / 1e6:.2f}",
            )
    return table


def refreshes(memories: list[Dram], requests: int) -> Table:
    """Return what of streaming's peak is lost, and to what."""
    table = Table(box=box.MARKDOWN)
    table.add_column("memory")
    for name in ("streaming % of peak", "1 - tRFC/tREFI", "Ramulator 2's estimate", "without refresh"):
        table.add_column(name, justify="right")
    for memory in memories:
        t = memory.timing
        pattern = dram.patterns.streaming(requests=requests)
        lost = (t.tRTP + (t.tRPab or t.tRP) + t.tRFC + t.tRCD) / t.tREFI
        table.add_row(
            memory.name,
            f"{100 * dram.simulate(memory, pattern).utilization:.2f}",
            f"{100 * limits.refresh_share(memory):.2f}",
            f"{100 * (1 - lost):.2f}",
            f"{100 * dram.simulate(memory, pattern, refresh=False).utilization:.2f}",
        )
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("names", nargs="*", help="presets or files; all presets by default")
    parser.add_argument("--requests", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=3, help="runs, of which the fastest is timed")
    options = parser.parse_args()
    memories = [dram.load(name) for name in options.names or dram.names()]
    console = Console(width=200)
    console.print(f"{platform.machine()}, one core, {options.requests:,} requests of 64 bytes each")
    console.print(bandwidths(memories, options.requests, options.rounds))
    console.print(refreshes(memories, options.requests))


if __name__ == "__main__":
    main()
