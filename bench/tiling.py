"""What a dataflow does on a real cache hierarchy: convolutions as loop nests, predicted and measured.

    python bench/tiling.py                        # some layers of ResNet-50
    python bench/tiling.py resnet50:conv4_1b --search

Each nest is a `dnnaccel.Mapping` for one core of `host_cpu`: the analytical model says how long it takes, and
the kernels run that same nest (`tiling=`) on this machine. Register tiles are of 64 or 32 channels and the
pixels that fit beside; of each kind of nest the sizes are taken that the model finds fastest, so what differs
is the order of the loops. One thread; seconds are of the thread's processor time, the nests by turns.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.table import Table

import dnnaccel as da
from dnnaccel.arch import Array
from dnnaccel.arch.host import measure_host
from dnnaccel.benchmark.limits import measure_limits
from dnnaccel.benchmark.prediction import chip_within
from dnnaccel.errors import MappingError
from dnnaccel.layers import Conv2d
from dnnaccel.mapping import LevelMapping, Loop

LAYERS = ("conv2_1b", "conv2_1p", "conv3_2b", "conv4_2b", "conv4_2c", "conv5_2b", "conv5_2c")
TURN_SECONDS = 5e-3
PIXELS = {64: 6, 32: 12}  # of a register tile, by its channels
KEEPS = frozenset({"inputs", "weights", "outputs"})

Loops = list[tuple[str, int]]
Nest = dict[str, Loops]  # by level


@dataclass(frozen=True)
class Cut:
    """Sizes that a kind of nest is made with."""

    columns: int  # of a register tile
    panel: int  # output channels of it
    rows: int  # of outputs that a cache keeps
    depth: int  # channels that a cache keeps


def cuts(bounds: dict[str, int]) -> Iterator[Cut]:
    """Give sizes to choose from; a row's columns are cut into register tiles of about one size."""
    for panel, most in PIXELS.items():
        columns = math.ceil(bounds["Q"] / math.ceil(bounds["Q"] / most))
        for rows in sorted({math.ceil(bounds["P"] / parts) for parts in (1, 2, 4, 8, 16)}):
            for depth in sorted({min(bounds["C"], deepest) for deepest in (32, 64, 128, 256, 512)}):
                yield Cut(columns, min(panel, bounds["M"]), rows, depth)


def mapping_of(nest: Nest, bounds: dict[str, int], cut: Cut, chip: da.arch.Chip) -> da.Mapping:
    """Return a nest of loops over caches, with the registers and the vectors' lanes below it."""
    (simd,) = [level for level in chip.levels if isinstance(level, Array) and level.name == "simd"]
    units = min(simd.columns, math.ceil(cut.panel / simd.rows))
    levels = [
        LevelMapping(name, tuple(Loop(*loop) for loop in nest.get(name, [])), KEEPS)
        for name in ("dram", "l3", "l2", "l1")
    ]
    levels += [
        LevelMapping("registers", (Loop("Q", 1), Loop("M", simd.rows * units)), KEEPS),
        LevelMapping("simd.rows", (Loop("M", units),)),
        LevelMapping("simd.columns", (Loop("M", 1),)),
    ]
    return da.Mapping(tuple(levels)).with_extents(bounds)


def output_stationary(cut: Cut) -> Nest:
    """Sums stay in registers until they are done; a panel of weights stays in the second cache."""
    inside = [("P", 1), ("Q", cut.columns), ("R", 1), ("S", 1), ("C", cut.depth)]
    return {"l3": [("M", cut.panel), ("P", cut.rows)], "l2": inside, "l1": [("C", 1)]}


def weight_stationary(cut: Cut) -> Nest:
    """Weights of a tap stay in the first cache while all pixels pass; sums go through memory for each tap."""
    outside = [("M", cut.panel), ("C", cut.depth), ("R", 1), ("S", 1)]
    inside = [("Q", cut.columns), ("C", 1)]
    return {"dram": outside, "l3": [("P", cut.rows)], "l2": [("P", 1)], "l1": inside}


def input_stationary(cut: Cut) -> Nest:
    """Rows of some channels of the inputs stay in the second cache while all their weights pass."""
    inside = [("M", cut.panel), ("R", 1), ("S", 1), ("P", 1), ("Q", cut.columns)]
    return {"l3": [("C", cut.depth), ("P", cut.rows)], "l2": inside, "l1": [("C", 1)]}


NESTS = {
    "output stationary": output_stationary,
    "weight stationary": weight_stationary,
    "input stationary": input_stationary,
}


def choose(layer: Conv2d, chip: da.arch.Chip, make: Callable[[Cut], Nest]) -> da.Mapping | None:
    """Return the fastest of a kind of nest by the model, over how much of what each cache keeps."""
    bounds = dict(layer.problem.bounds)
    best: tuple[float, da.Mapping] | None = None
    for cut in cuts(bounds):
        mapping = mapping_of(make(cut), bounds, cut, chip)
        try:
            seconds = da.evaluate(layer, chip, mapping).seconds
        except MappingError:
            continue  # a tile that its cache does not hold
        assert seconds is not None
        if best is None or seconds < best[0]:
            best = seconds, mapping
    return None if best is None else best[1]


def one_core() -> tuple[da.arch.Chip, str]:
    """Return one core of this machine, and its figures in a line."""
    figures = measure_host()
    limits = measure_limits(figures, 1)
    reads = ", ".join(f"{memory.name} {memory.read / 1e9:.0f}" for memory in limits.memories)
    return chip_within(figures, limits), f"one core: {limits.peak / 1e9:.0f} GFLOP/s; GB/s read: {reads}"


def nests(layer: Conv2d, chip: da.arch.Chip, search: bool) -> Iterator[tuple[str, da.Mapping]]:
    """Give the nests to compare, by name."""
    for name, make in NESTS.items():
        mapping = choose(layer, chip, make)
        if mapping is not None:
            yield name, mapping
    if search:
        yield "searched", da.search(layer, chip, objective="latency").mapping


def measure(runs: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Return the seconds of a call in each turn."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    repeats = {}
    for name, run in runs.items():
        run()
        began = time.thread_time()
        run()
        repeats[name] = max(1, int(TURN_SECONDS / max(time.thread_time() - began, 1e-6)))
    for _ in range(rounds):
        for name, run in runs.items():
            began = time.thread_time()
            for _ in range(repeats[name]):
                run()
            seconds[name].append((time.thread_time() - began) / repeats[name])
    return seconds


def compare(layer: Conv2d, chip: da.arch.Chip, table: Table, rounds: int, search: bool) -> None:
    """Add a row for each nest of a layer."""
    rng = np.random.default_rng(0)
    batch, channels, height, width = layer.input_shapes[0]
    x = da.kernels.empty((batch, height, width, channels))
    x[...] = rng.standard_normal(x.shape, dtype=np.float32)
    w = rng.standard_normal(
        (layer.output_shape[1], channels // layer.groups, *layer.kernel), dtype=np.float32
    )
    mappings = dict(nests(layer, chip, search))

    def runner(mapping: da.Mapping | None) -> Callable[[], object]:
        plan = da.kernels.Conv2d(
            x.shape, w, stride=layer.stride, padding=layer.padding, groups=layer.groups, tiling=mapping
        )
        out = da.kernels.empty(plan.out_shape)
        wanted = da.kernels.conv2d(x, w, stride=layer.stride, padding=layer.padding, groups=layer.groups)
        assert np.abs(plan(x) - wanted).max() < 1e-5 * np.abs(wanted).max(), mapping
        return lambda: plan(x, out=out)

    runs = {name: runner(mapping) for name, mapping in mappings.items()} | {"the library's": runner(None)}
    for name, seconds in measure(runs, rounds).items():
        least, middle = min(seconds), statistics.median(seconds)
        row = [f"{layer.name} {layer.kernel[0]}x{layer.kernel[1]} {channels}->{layer.output_shape[1]}", name]
        if name in mappings:
            report = da.evaluate(layer, chip, mappings[name])
            row += [f"{report.seconds * 1e6:.0f}", report.bound_by]
        else:
            row += ["", ""]
        row += [f"{least * 1e6:.0f}", f"{middle * 1e6:.0f}", f"{2 * layer.macs / least / 1e9:.0f}"]
        row.append(f"{report.seconds / least:.2f}" if name in mappings else "")
        table.add_row(*row, end_section=name == "the library's")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("layers", nargs="*", help="as resnet50:conv2_1b; default: some of ResNet-50")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument(
        "--search", action="store_true", help="also the nest that a search finds: seconds each"
    )
    options = parser.parse_args()
    chip, measured = one_core()
    table = Table("layer", "nest")
    for column in ("predicted us", "bound by", "least us", "median us", "GFLOP/s", "predicted/least"):
        table.add_column(column, justify="right")
    for given in options.layers or [f"resnet50:{name}" for name in LAYERS]:
        network, _, name = given.partition(":")
        layer = da.zoo.load(network, batch=1)[name]
        if not isinstance(layer, Conv2d):
            raise SystemExit(f"{given} is no convolution")
        compare(layer, chip, table, options.rounds, options.search)
    console = Console(width=130)
    console.print(measured)
    console.print(table)


if __name__ == "__main__":
    main()
