"""What memory and time networks of the zoo take on the native kernels.

    python bench/runtime.py                            # memory of all networks, one sample at a time
    python bench/runtime.py resnet50 --batch 8
    python bench/runtime.py --time resnet50 googlenet  # time of a call, in float32 and in 8-bit integers

Prints a Markdown table; docs/runtime.md has both. Times are of one thread, by its processor time: the
shortest of several runs.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np

import dnnaccel as da
from dnnaccel._rows import markdown_table

_MEBIBYTE = 2**20
_RUNS = 20
_CONVOLUTIONS = ("conv2d", "depthwise")


def memory(name: str, batch: int) -> dict[str, str]:
    """Compile one network; return a line of the table."""
    model = da.runtime.compile(da.zoo.load(name, batch=batch))
    taken = model.memory
    return {
        "network": name,
        "layers": str(len(model.net)),
        "steps": str(len(model)),
        "weights, MiB": f"{taken.weights / _MEBIBYTE:.1f}",
        "activations, MiB": f"{taken.activations / _MEBIBYTE:.2f}",
        "lower bound, MiB": f"{taken.lower_bound / _MEBIBYTE:.2f}",
        "ratio": f"{taken.ratio:.3f}",
    }


def inputs_of(net: da.Network) -> dict[str, Any]:
    """Random inputs: numbers, or tokens where a table is looked up."""
    rng = np.random.default_rng(0)
    tables = {
        name: [layer.entries for layer in net.consumers(name) if isinstance(layer, da.layers.Embedding)]
        for name in net.inputs
    }
    return {
        name: rng.integers(0, min(tables[name]), shape)
        if tables[name]
        else rng.standard_normal(shape, dtype=np.float32)
        for name, shape in net.inputs.items()
    }


def milliseconds(model: da.runtime.Model, inputs: dict[str, Any]) -> float:
    """Return the shortest processor time of a call."""
    shortest = float("inf")
    for _ in range(_RUNS):
        began = time.thread_time()
        model(**inputs)
        shortest = min(shortest, time.thread_time() - began)
    return shortest * 1e3


def timed(name: str, batch: int) -> dict[str, str]:
    """Time one network; return a line of the table."""
    net = da.zoo.load(name, batch=batch)
    inputs = inputs_of(net)
    model = da.runtime.compile(net)
    whole = milliseconds(model, inputs)
    steps = model.profile(**inputs, repeats=_RUNS)
    convolutions = sum(row["seconds"] for row in steps if row["kind"] in _CONVOLUTIONS) * 1e3
    others = sum(row["seconds"] for row in steps if row["kind"] not in _CONVOLUTIONS) * 1e3
    integers = da.runtime.compile(net, dtype="int8", calibration=[inputs])
    return {
        "network": name,
        "call, ms": f"{whole:.2f}",
        "GFLOP/s": f"{2 * model.macs / whole / 1e6:.0f}",
        "its convolutions, ms": f"{convolutions:.2f}",
        "its other steps, ms": f"{others:.2f}",
        "int8 call, ms": f"{milliseconds(integers, inputs):.2f}",
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("networks", nargs="*", default=da.zoo.names(), metavar="NETWORK")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--time", action="store_true")
    given = parser.parse_args()
    line = timed if given.time else memory
    table = [line(name, given.batch) for name in given.networks]
    print(markdown_table({column: [row[column] for row in table] for column in table[0]}), end="")


if __name__ == "__main__":
    main()
