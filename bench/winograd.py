"""Winograd's algorithm beside our products of matrices and oneDNN, and its error.

    python bench/winograd.py                       # 3x3 layers of ResNet-50 and VGG-16
    python bench/winograd.py inception_v3 --rounds 15
    python bench/winograd.py --errors              # by channels, against float64

One thread; seconds are of the thread's processor time, by turns. oneDNN is timed where torch is installed.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from tiling import measure

import dnnaccel as da
from dnnaccel.benchmark import peers
from dnnaccel.benchmark.shapes import Convolution, distinct, operands

Array = NDArray[np.float32]
CHANNELS = (16, 64, 128, 256, 512)
ORDER = ("winograd", "gemm", "oneDNN")


def plan_of(shape: Convolution, w: Array, algorithm: str) -> da.kernels.Conv2d:
    """Return our plan by one algorithm."""
    return da.kernels.Conv2d(shape.x_shape, w, padding=shape.padding, algorithm=algorithm)


def compare(shape: Convolution, where: str, table: Table, rounds: int) -> dict[str, float]:
    """Add a row with the seconds of each; return how many times as fast as each other one Winograd's is."""
    given = operands(shape)
    runs: dict[str, Callable[[], object]] = {}
    outputs = {}
    for algorithm in ("winograd", "gemm"):
        plan = plan_of(shape, given.w, algorithm)
        out = outputs[algorithm] = da.kernels.empty(plan.out_shape)
        runs[algorithm] = lambda plan=plan, out=out: plan(given.x, out=out)  # type: ignore[misc]
    theirs = peers.make("oneDNN", shape, given, 1)
    if theirs is not None:
        runs["oneDNN"] = theirs
    least = {name: min(seconds) for name, seconds in measure(runs, rounds).items()}
    ours = least["winograd"]
    error = np.abs(outputs["winograd"] - outputs["gemm"]).max() / np.abs(outputs["gemm"]).max()
    row = [where, str(shape), *(f"{least[name] * 1e6:.0f}" if name in least else "" for name in ORDER)]
    row += [f"{least[name] / ours:.2f}" if name in least else "" for name in ORDER[1:]]
    table.add_row(*row, f"{2 * shape.macs / ours / 1e9:.0f}", f"{error:.0e}")
    return {name: seconds / ours for name, seconds in least.items()}


def errors(table: Table) -> None:
    """Add a row for each number of channels: the errors of both algorithms, against float64."""
    rng = np.random.default_rng(0)
    for channels, relu in itertools.product(CHANNELS, (False, True)):
        x = rng.standard_normal((1, 28, 28, channels), dtype=np.float32)
        x = np.maximum(x, 0) if relu else x
        w = rng.standard_normal((64, channels, 3, 3), dtype=np.float32)
        padded = np.pad(x.astype(np.float64), ((0, 0), (1, 1), (1, 1), (0, 0)))
        exact = np.zeros((1, 28, 28, 64))
        for r, s in itertools.product(range(3), range(3)):
            exact += padded[:, r : r + 28, s : s + 28] @ w[:, :, r, s].T.astype(np.float64)
        row = [str(channels), "after a ReLU" if relu else "normal"]
        for algorithm in ("winograd", "gemm"):
            wrong = da.kernels.Conv2d(x.shape, w, padding=1, algorithm=algorithm)(x) - exact
            row.append(f"{np.abs(wrong).max() / np.abs(exact).max():.1e}")
            row.append(f"{np.sqrt((wrong**2).mean() / (exact**2).mean()):.1e}")
        table.add_row(*row)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("networks", nargs="*", default=["resnet50", "vgg16"])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--errors", action="store_true", help="errors by channels instead")
    options = parser.parse_args()
    console = Console(width=130)
    if options.errors:
        table = Table("channels", "inputs")
        for name in ("winograd, largest", "rms", "gemm, largest", "rms"):
            table.add_column(name, justify="right")
        errors(table)
        console.print(table)
        return
    table = Table("layer", "shape")
    for column in (
        "winograd us",
        "gemm us",
        "oneDNN us",
        "over gemm",
        "over oneDNN",
        "GFLOP/s as gemm",
        "error",
    ):
        table.add_column(column, justify="right")
    ratios: dict[str, list[float]] = {}
    for shape, (where, _) in distinct([da.zoo.load(name, batch=1) for name in options.networks]).items():
        if not isinstance(shape, Convolution) or shape.groups > 1 or shape.x_shape[3] <= 4:
            continue
        if (shape.w_shape[2:], shape.stride, shape.dilation) == ((3, 3), (1, 1), (1, 1)):
            for name, ratio in compare(shape, where, table, options.rounds).items():
                ratios.setdefault(name, []).append(ratio)
    console.print(table)
    for name in ORDER[1:]:
        if name in ratios:
            console.print(f"geometric mean over {name}: {statistics.geometric_mean(ratios[name]):.2f}")


if __name__ == "__main__":
    main()
