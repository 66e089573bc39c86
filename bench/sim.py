"""How fast the simulators are: tile level, arrays cycle by cycle, with numbers; and how cost grows with work.

    python bench/sim.py
    python bench/sim.py --rounds 5

Everything runs on one thread; seconds are CPU seconds of this process, the fastest of some rounds. Mappings
are searched for before the clock starts. The targets are those of issue 6. For scale, not measured here: STONNE
is reported to simulate some 2,000 to 137,000 cycles a second.
"""

from __future__ import annotations

import argparse
import platform
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

import dnnaccel as da
from dnnaccel import systolic
from dnnaccel.layers import Layer, MatMul
from dnnaccel.reproduce.jssc17_chip import layer_of, measured, nest
from dnnaccel.sim import (
    random_tensors,
    run_values,
    simulate_cycles,
    simulate_row_stationary,
    simulate_tiles,
)

Rounds = int


@dataclass
class Timed:
    """Seconds of the fastest round, MACs and simulated cycles of one."""

    seconds: float
    macs: int
    cycles: int


def fastest(job: Callable[[], tuple[int, int]], rounds: Rounds) -> Timed:
    """Return the fastest of some rounds of a job, which says its MACs and cycles."""
    best = float("inf")
    for _ in range(rounds):
        began = time.process_time()
        macs, cycles = job()
        best = min(best, time.process_time() - began)
    return Timed(best, macs, cycles)


def peak_megabytes() -> float:
    """Return the most memory that this process has had so far, in MB."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1e6 if sys.platform == "darwin" else 1e3)


def tile_level(network: str, chip: str, batch: int = 1) -> Callable[[], tuple[int, int]]:
    """Every layer of a network, each simulated by itself, though some are alike."""
    net, machine = da.zoo.load(network, batch=batch), da.arch.load(chip)
    mapped = [(net[one.name], one.mapping) for one in da.simulate(net, machine) if one.mapping is not None]

    def job() -> tuple[int, int]:
        reports = [simulate_tiles(layer, machine, mapping) for layer, mapping in mapped]
        return sum(one.macs for one in reports), sum(one.cycles for one in reports)

    return job


def tile_values(network: str, name: str, chip: str) -> Callable[[], tuple[int, int]]:
    """One layer at tile level with real numbers."""
    layer, machine = da.zoo.load(network)[name], da.arch.load(chip)
    mapping = da.search(layer, machine).mapping
    inputs, weights = random_tensors(layer, seed=1)

    def job() -> tuple[int, int]:
        report = run_values(layer, machine, mapping, inputs, weights).report
        return report.macs, report.cycles

    return job


def systolic_values(rows: int, steps: int) -> Callable[[], tuple[int, int]]:
    """A product that fills a square array, weight stationary, in two folds each way."""
    layer = MatMul(
        name="product", inputs=("x", "y"), input_shapes=((1, steps, 2 * rows), (1, 2 * rows, 2 * rows))
    )
    numbers = np.random.default_rng(1)
    x = numbers.integers(-128, 128, (1, steps, 2 * rows)).astype(np.int32)
    y = numbers.integers(-128, 128, (1, 2 * rows, 2 * rows)).astype(np.int32)

    def job() -> tuple[int, int]:
        report = systolic.simulate(layer, rows=rows, cols=rows, dataflow="ws", inputs=x, weights=y)
        return report.macs, report.cycles

    return job


def row_stationary_values() -> Callable[[], tuple[int, int]]:
    """AlexNet's convolutions, batch 4, on Eyeriss under the mappings of the paper."""
    chip = da.arch.load("eyeriss")
    numbers = np.random.default_rng(1)
    cases = []
    for row in measured():
        layer = layer_of(row)
        shapes = [[axis.size for axis in layer.problem.tensor(role).axes] for role in ("inputs", "weights")]
        cases.append((layer, nest(row), *(numbers.integers(-128, 128, s).astype(np.int32) for s in shapes)))

    def job() -> tuple[int, int]:
        macs = cycles = 0
        for layer, mapping, inputs, weights in cases:
            run = simulate_row_stationary(layer, chip, mapping, inputs=inputs, weights=weights)
            macs, cycles = macs + run.macs, cycles + run.cycles
        return macs, cycles

    return job


def cycle_level(network: str, name: str, chip: str) -> Callable[[], tuple[int, int]]:
    """One layer at cycle level, counting only, with the memories above the array."""
    layer, machine = da.zoo.load(network)[name], da.arch.load(chip)
    mapping = da.search(layer, machine).mapping

    def job() -> tuple[int, int]:
        report = simulate_cycles(layer, machine, mapping)
        return report.macs, report.cycles

    return job


def speeds(rounds: Rounds) -> Table:
    """Return the table of speeds beside their targets."""
    table = Table(box=box.MARKDOWN)
    table.add_column("what")
    for heading in ("CPU s", "M MACs", "M MACs/s", "M cycles/s", "target"):
        table.add_column(heading, justify="right")
    jobs: list[tuple[str, Callable[[], tuple[int, int]], Callable[[Timed], str]]] = [
        ("tile level, ResNet-50 on eyeriss", tile_level("resnet50", "eyeriss"), within(1.0)),
        ("tile level, ResNet-50 on tpu_v1", tile_level("resnet50", "tpu_v1"), untargeted),
        (
            "tile level with numbers, AlexNet conv3 on eyeriss",
            tile_values("alexnet", "conv3", "eyeriss"),
            untargeted,
        ),
        ("systolic 128x128 with numbers, well filled", systolic_values(128, 8192), at_least(500)),
        ("systolic 16x16 with numbers", systolic_values(16, 8192), untargeted),
        ("row-stationary with numbers, AlexNet, batch 4", row_stationary_values(), at_least(100)),
        ("cycle level, AlexNet conv3 on eyeriss", cycle_level("alexnet", "conv3", "eyeriss"), untargeted),
        (
            "cycle level, AlexNet conv3 on nvdla_small",
            cycle_level("alexnet", "conv3", "nvdla_small"),
            untargeted,
        ),
        ("cycle level, AlexNet conv3 on tpu_v1", cycle_level("alexnet", "conv3", "tpu_v1"), untargeted),
    ]
    for what, job, verdict in jobs:
        found = fastest(job, rounds)
        table.add_row(
            what,
            f"{found.seconds:.3f}",
            f"{found.macs / 1e6:,.0f}",
            f"{found.macs / found.seconds / 1e6:,.0f}",
            f"{found.cycles / found.seconds / 1e6:,.1f}",
            verdict(found),
        )
    return table


def within(seconds: float) -> Callable[[Timed], str]:
    """Return what says whether a job was done in time."""
    return lambda found: f"{seconds:g} s: {'met' if found.seconds < seconds else 'missed'}"


def at_least(rate: float) -> Callable[[Timed], str]:
    """Return what says whether so many million MACs a second were simulated."""
    return lambda found: (
        f"{rate:g} M MACs/s: {'met' if found.macs / found.seconds >= rate * 1e6 else 'missed'}"
    )


def untargeted(found: Timed) -> str:
    """Return nothing: nobody asked for a speed."""
    return ""


def growth(rounds: Rounds) -> Table:
    """Return how the time of a simulation grows with the work, and memory with it."""
    table = Table(box=box.MARKDOWN)
    table.add_column("AlexNet on eyeriss, tile level, batch")
    for heading in ("M MACs", "CPU s", "ns per kMAC", "peak MB so far"):
        table.add_column(heading, justify="right")
    for batch in (1, 2, 4, 8, 16):
        found = fastest(tile_level("alexnet", "eyeriss", batch), rounds)
        table.add_row(
            str(batch),
            f"{found.macs / 1e6:,.0f}",
            f"{found.seconds:.3f}",
            f"{found.seconds / found.macs * 1e12:.1f}",
            f"{peak_megabytes():.0f}",
        )
    return table


def views(layers: list[tuple[str, str, str]]) -> Table:
    """Return what the three fidelities say of some layers."""
    table = Table(box=box.MARKDOWN)
    table.add_column("layer")
    for heading in ("closed form", "tile", "cycle", "cycle / closed form"):
        table.add_column(heading, justify="right")
    for network, name, chip in layers:
        layer: Layer = da.zoo.load(network)[name]
        machine = da.arch.load(chip)
        best = da.search(layer, machine)
        tile = simulate_tiles(layer, machine, best.mapping)
        cycle = simulate_cycles(layer, machine, best.mapping)
        table.add_row(
            f"{network} {name} on {chip}",
            f"{best.cost.cycles:,}",
            f"{tile.cycles:,}",
            f"{cycle.cycles:,}",
            f"{cycle.cycles / best.cost.cycles:.3f}",
        )
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="runs, of which the fastest is shown")
    options = parser.parse_args()
    console = Console(width=160)
    console.print(f"{platform.machine()}, one core, fastest of {options.rounds} rounds")
    console.print(speeds(options.rounds))
    console.print(growth(options.rounds))
    chips = ("eyeriss", "tpu_v1", "nvdla_small", "nvdla_large", "gemmini", "diannao")
    console.print(views([("alexnet", "conv3", chip) for chip in chips]))


if __name__ == "__main__":
    main()
