"""What memory each network of the zoo takes on the native kernels, beside the least that its steps need.

    python bench/memory.py                 # all networks, batch 1
    python bench/memory.py resnet50 --batch 8

Prints a Markdown table; docs/runtime.md has it.
"""

from __future__ import annotations

import argparse
import time

import dnnaccel as da
from dnnaccel._rows import markdown_table

_MEBIBYTE = 2**20


def row(name: str, batch: int) -> dict[str, str]:
    """Compile one network; return a line of the table."""
    net = da.zoo.load(name, batch=batch)
    weights = da.runtime.random_weights(net)
    began = time.process_time()
    model = da.runtime.compile(net, weights)
    seconds = time.process_time() - began
    memory = model.memory
    return {
        "network": name,
        "layers": str(len(net)),
        "steps": str(len(model)),
        "weights, MiB": f"{memory.weights / _MEBIBYTE:.1f}",
        "activations, MiB": f"{memory.activations / _MEBIBYTE:.2f}",
        "lower bound, MiB": f"{memory.lower_bound / _MEBIBYTE:.2f}",
        "ratio": f"{memory.ratio:.3f}",
        "compiled in, s": f"{seconds:.2f}",
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("networks", nargs="*", default=da.zoo.names(), metavar="NETWORK")
    parser.add_argument("--batch", type=int, default=1)
    given = parser.parse_args()
    table = [row(name, given.batch) for name in given.networks]
    print(markdown_table({column: [line[column] for line in table] for column in table[0]}), end="")


if __name__ == "__main__":
    main()
