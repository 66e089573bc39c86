"""How fast are zeros counted? Effectual MACs and compressed sizes, beside what this memory can read.

    python bench/sparsity.py

Everything runs on one core, in CPU time of the process. The yardsticks are measured in the same run, by
turns: `numpy.count_nonzero` over booleans reads each byte once and does next to nothing with it, and `x != 0`
makes the mask from float32, which comes before any count of real tensors. Figures are medians (best) of the
turns; the share of the yardstick is that of the best, since other work on the machine slows memory for all.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from dnnaccel import _core, zoo
from dnnaccel._lower import lower_problem
from dnnaccel.layers import Layer
from dnnaccel.sparsity import Format
from dnnaccel.sparsity.formats import lower_format
from dnnaccel.sparsity.measure import tensor_shapes

LAYERS = (
    ("vgg16", "conv1_2", 4),
    ("vgg16", "conv3_2", 4),
    ("vgg16", "conv5_3", 16),
    ("resnet50", "conv1", 4),
    ("resnet50", "conv3_2a", 16),
    ("alexnet", "conv2", 16),
    ("alexnet", "fc6", 16),
)


@dataclass
class Job:
    """Something to time: how many bytes it reads, and for effectual MACs how many MACs they stand for."""

    name: str
    run: Callable[[], object]
    bytes_read: int
    macs: int = 0
    seconds: list[float] = field(default_factory=list)

    def turn(self) -> None:
        began = time.process_time()
        self.run()
        self.seconds.append(time.process_time() - began)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


def effectual(layer: Layer, name: str, rng: np.random.Generator) -> Job:
    """Both operands of a layer, with densities as behind a ReLU and after pruning."""
    shapes = tensor_shapes(layer)
    inputs, weights = rng.random(shapes["inputs"]) < 0.4, rng.random(shapes["weights"]) < 0.3
    assert layer.problem is not None
    problem = lower_problem(layer.problem)
    return Job(
        f"effectual MACs, {name}",
        lambda: _core.effectual_macs(problem, inputs, weights),
        inputs.size + weights.size,
        layer.macs,
    )


def jobs(rng: np.random.Generator) -> list[Job]:
    mask = rng.random(2**25) < 0.4
    floats = rng.standard_normal(2**23).astype(np.float32)
    found = [
        Job("numpy.count_nonzero(mask)", lambda: np.count_nonzero(mask), mask.size),
        Job("x != 0, float32 to mask", lambda: floats != 0, floats.nbytes),
    ]
    for kind in ("rlc", "csc", "bitmask"):
        form = lower_format(Format.of(kind))
        found.append(
            Job(f"entries of {kind}", lambda form=form: _core.exact_entries(form, mask), mask.size)  # type: ignore[misc]
        )
    for network, name, batch in LAYERS:
        found.append(effectual(zoo.load(network, batch=batch)[name], f"{network} {name} x{batch}", rng))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the counting of zeros against memory bandwidth.")
    parser.add_argument("--turns", type=int, default=15, help="how often everything runs (default 15)")
    turns = parser.parse_args().turns
    timed = jobs(np.random.default_rng(0))
    for _ in range(turns):
        for job in timed:
            job.turn()
    yardstick = timed[0].bytes_read / min(timed[0].seconds)
    print("| what | ms | GB/s of masks | of the yardstick | 10^12 MACs/s |")
    print("|---|--:|--:|--:|--:|")
    for job in timed:
        rate, best = job.bytes_read / job.median, job.bytes_read / min(job.seconds)
        macs = f"{job.macs / job.median / 1e12:.2f}" if job.macs else ""
        print(
            f"| {job.name} | {job.median * 1e3:.2f} | {rate / 1e9:.2f} ({best / 1e9:.2f}) "
            f"| {best / yardstick:.0%} | {macs} |"
        )


if __name__ == "__main__":
    main()
