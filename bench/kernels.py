"""How fast native kernels are: each distinct convolution of some networks, beside the processor's peak.

    python bench/kernels.py                              # a few networks, one thread
    python bench/kernels.py resnet50 vgg16 --threads 2
    python bench/kernels.py --all --summary              # every network of the zoo, classes alone

Where torch and onnxruntime (with onnx) are installed in this Python, they are timed by turns in the same
run, and the better of them is compared:

    pip install torch==2.13.0 onnxruntime onnx
"""

from __future__ import annotations

import argparse
import math
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from peer_kernels import MAKERS, Convolution, Run, installed
from rich import box
from rich.console import Console
from rich.table import Table

import dnnaccel as da
from dnnaccel import _core
from dnnaccel.layers import Conv2d, DepthwiseConv2d

NETWORKS = ("resnet50", "vgg16", "mobilenet_v1", "resnext50_32x4d", "squeezenet_v1_1", "shufflenet_v1")
OURS = "dnnaccel"
TURN_SECONDS = 2e-3


@dataclass
class Shape:
    """One distinct convolution, where it was seen first, and the seconds of each library's turns."""

    convolution: Convolution
    first_seen: str
    macs: int
    seconds: dict[str, list[float]] = field(default_factory=dict)

    @property
    def flops(self) -> int:
        """Multiplications and additions, those with padding counted as others count them."""
        return 2 * self.macs

    @property
    def kind(self) -> str:
        convolution = self.convolution
        channels = convolution.x_shape[3]
        if convolution.groups > 1:
            return "depthwise" if convolution.groups == channels else "grouped"
        if channels <= 4:
            return "first layer"
        return "dense, 20 M MACs or more" if self.macs >= 20e6 else "dense, under 20 M MACs"

    def best(self, name: str) -> float:
        return min(self.seconds[name])

    def best_peer(self) -> str | None:
        """The fastest of the others, if there are any."""
        return min((name for name in self.seconds if name != OURS), key=self.best, default=None)

    def ratio(self, of: Callable[[list[float]], float] = min) -> float | None:
        """Our speed over the fastest other's."""
        peer = self.best_peer()
        return None if peer is None else of(self.seconds[peer]) / of(self.seconds[OURS])


def distinct(networks: list[str]) -> list[Shape]:
    """Return every convolution of different shape, in the order of the networks."""
    found: dict[Convolution, Shape] = {}
    for name in networks:
        for layer in da.zoo.load(name, batch=1).layers:
            if not isinstance(layer, (Conv2d, DepthwiseConv2d)):
                continue
            batch, channels, height, width = layer.input_shapes[0]
            outputs = layer.output_shape[1]
            groups = channels if isinstance(layer, DepthwiseConv2d) else layer.groups
            convolution = Convolution(
                x_shape=(batch, height, width, channels),
                w_shape=(outputs, channels // groups, *layer.kernel),
                stride=layer.stride,
                padding=layer.padding,
                dilation=layer.dilation,
                groups=groups,
            )
            found.setdefault(convolution, Shape(convolution, f"{name}:{layer.name}", layer.macs))
    return list(found.values())


def contenders(convolution: Convolution, threads: int) -> Iterator[tuple[str, Run]]:
    """Give a function for each library that computes the convolution; ours is held against oneDNN's."""
    rng = np.random.default_rng(0)
    x = da.kernels.empty(convolution.x_shape)
    x[...] = rng.standard_normal(x.shape, dtype=np.float32)
    w = rng.standard_normal(convolution.w_shape, dtype=np.float32)
    plan = da.kernels.Conv2d(
        x.shape,
        w,
        stride=convolution.stride,
        padding=convolution.padding,
        dilation=convolution.dilation,
        groups=convolution.groups,
        threads=threads,
    )
    out = da.kernels.empty(plan.out_shape)
    yield OURS, lambda: plan(x, out=out)
    for name, make in MAKERS.items():
        run = make(convolution, x, w, threads)
        if run is None:
            continue
        if name == "oneDNN":
            theirs = run().permute(0, 2, 3, 1).numpy()
            error = np.abs(theirs - plan(x)).max() / np.abs(theirs).max()
            assert error < 2e-5, f"{plan}: the libraries differ by {error:.1e}"
        yield name, run


def measure(shape: Shape, threads: int, rounds: int, clock: Callable[[], float]) -> None:
    """Time every library by turns."""
    runs = dict(contenders(shape.convolution, threads))
    repeats = {}
    for name, run in runs.items():
        run()
        began = time.perf_counter()
        run()
        repeats[name] = max(1, int(TURN_SECONDS / max(time.perf_counter() - began, 1e-7)))
        shape.seconds[name] = []
    for _ in range(rounds):
        for name, run in runs.items():
            run()  # off the clock: the caches are still full of the one before
            began = clock()
            for _ in range(repeats[name]):
                run()
            shape.seconds[name].append((clock() - began) / repeats[name])


def peak_gflops(threads: int) -> float:
    """Multiply-adds of one thread as fast as registers alone allow, times the threads."""
    tries = (_core.measure_host([(1 << 18, 1)], 0.02).macs_per_second for _ in range(15))
    return 2e-9 * max(tries) * threads


def describe(convolution: Convolution) -> str:
    """Return a convolution in short: 64x56x56 -> 64, 3x3."""
    _, height, width, channels = convolution.x_shape
    outputs, _, rows, columns = convolution.w_shape
    text = f"{channels}x{height}x{width} -> {outputs}, {rows}x{columns}"
    if convolution.stride != (1, 1):
        text += f" /{convolution.stride[0]}"
    if convolution.dilation != (1, 1):
        text += f" dil {convolution.dilation[0]}"
    return text + (f" g{convolution.groups}" if convolution.groups > 1 else "")


def layers_table(shapes: list[Shape], peak: float) -> Table:
    table = Table(box=box.MARKDOWN)
    for name in ("layer", "shape"):
        table.add_column(name)
    for name in ("M MACs", "us", "median", "GFLOP/s", "% of peak"):
        table.add_column(name, justify="right")
    table.add_column("best other")
    for name in ("us", "median", "ratio", "of medians"):
        table.add_column(name, justify="right")
    for shape in shapes:
        ours = shape.seconds[OURS]
        speed = shape.flops / min(ours) * 1e-9
        row = [shape.first_seen, describe(shape.convolution), f"{shape.macs / 1e6:.1f}"]
        row += [f"{min(ours) * 1e6:.1f}", f"{statistics.median(ours) * 1e6:.1f}"]
        row += [f"{speed:.1f}", f"{100 * speed / peak:.0f}"]
        peer, ratio, medians = shape.best_peer(), shape.ratio(), shape.ratio(statistics.median)
        if peer is not None and ratio is not None and medians is not None:
            theirs = shape.seconds[peer]
            row += [peer, f"{min(theirs) * 1e6:.1f}", f"{statistics.median(theirs) * 1e6:.1f}"]
            row += [f"{ratio:.2f}", f"{medians:.2f}"]
        table.add_row(*row)
    return table


def mean(values: list[float]) -> float:
    return math.exp(statistics.fmean(map(math.log, values)))


def classes_table(shapes: list[Shape], peak: float) -> Table:
    """Return geometric means by kind of convolution."""
    kinds: dict[str, list[Shape]] = {}
    for shape in shapes:
        for kind in ("all", shape.kind, *(("under 5 M MACs",) if shape.macs < 5e6 else ())):
            kinds.setdefault(kind, []).append(shape)
    table = Table(box=box.MARKDOWN)
    table.add_column("kind")
    for name in ("shapes", "% of peak", "ratio to best other", "of medians", "worst ratio", "at least 1"):
        table.add_column(name, justify="right")
    for kind, members in sorted(kinds.items()):
        speeds = [shape.flops / shape.best(OURS) * 1e-9 / peak for shape in members]
        row = [kind, str(len(members)), f"{100 * mean(speeds):.0f}"]
        ratios = [ratio for shape in members if (ratio := shape.ratio()) is not None]
        medians = [ratio for shape in members if (ratio := shape.ratio(statistics.median)) is not None]
        if ratios:
            row += [f"{mean(ratios):.2f}", f"{mean(medians):.2f}", f"{min(ratios):.2f}"]
            row += [f"{sum(ratio >= 1 for ratio in ratios)} of {len(ratios)}"]
        table.add_row(*row)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("networks", nargs="*", default=NETWORKS, help="networks of the zoo")
    parser.add_argument("--all", action="store_true", help="every network of the zoo")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=9, help="turns of each library at each layer")
    parser.add_argument("--summary", action="store_true", help="only the means by kind")
    parser.add_argument(
        "--cpu-time",
        action="store_true",
        help="the calling thread's CPU time, which a loaded machine disturbs less; for one thread only",
    )
    given = parser.parse_args()
    if given.cpu_time and given.threads != 1:
        parser.error("--cpu-time sees the calling thread alone: use it with one thread")
    clock = time.thread_time if given.cpu_time else time.perf_counter
    shapes = distinct(da.zoo.names() if given.all else list(given.networks))
    peak = peak_gflops(given.threads)
    for shape in shapes:
        measure(shape, given.threads, given.rounds, clock)
    print(
        f"{platform.machine()}, {da.kernels.isa_names()[0]} kernels, peak {peak:.0f} GFLOP/s on "
        f"{given.threads} thread{'s' * (given.threads != 1)}; {'CPU' if given.cpu_time else 'wall'} time, "
        f"best and median of {given.rounds} turns"
    )
    for module in ("torch", "onnxruntime"):
        if not installed(module):
            print(f"{module} was not run: pip install torch==2.13.0 onnxruntime onnx brings it")
    console = Console(width=200)
    if not given.summary:
        console.print(layers_table(shapes, peak))
    console.print(classes_table(shapes, peak))


if __name__ == "__main__":
    main()
