"""How many mappings per second, on one core: dnnaccel's search and single evaluations, and ZigZag's search.

Same layers, same machine (machine.yaml and peer_zigzag/machine.yaml), turn by turn in one run: ours, theirs,
ours, ... bench/README.md says what each number means, and how to get ZigZag.

    python bench/mappings_per_second.py --zigzag-python .venv-zigzag/bin/python
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

import dnnaccel as da
from dnnaccel.layers import Layer

HERE = Path(__file__).parent
LAYERS = (("resnet50", "conv2_1b"), ("alexnet", "conv2"), ("alexnet", "conv3"))
FLOW = da.Dataflow(name="c_by_m", description="as peer_zigzag/mapping.yaml", rows=("C",), columns=("M",))
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
LOOKUPS_PER_MAPPING = 117
"""Table look-ups (and multiplications) that the closed form needs for one mapping: the mean over random
mappings with imperfect factors of a 3x3 convolution, 64 channels to 64, 56x56, on DRAM, buffer, array, RF."""

HOW_TO_GET_ZIGZAG = """\
ZigZag was not run: it is not in this Python. Give it an environment of its own and name its Python:
    python3 -m venv .venv-zigzag
    .venv-zigzag/bin/pip install zigzag-dse==3.9.1 six
    python bench/mappings_per_second.py --zigzag-python .venv-zigzag/bin/python"""


@dataclass
class Turns:
    """Rates of one contender on one layer, a turn each, in mappings per second of CPU time."""

    rates: list[float] = field(default_factory=list)
    evaluated: int = 0

    def __str__(self) -> str:
        return f"{statistics.median(self.rates):,.0f} (best {max(self.rates):,.0f})"


class ZigZag:
    """A process that runs ZigZag and answers one request at a time, so that turns can alternate."""

    def __init__(self, process: subprocess.Popen[str], lpf_limit: int) -> None:
        self.process = process
        self.lpf_limit = lpf_limit

    def search(self, layer: Layer) -> dict[str, Any]:
        """Return what peer_zigzag/worker.py found for the layer: evaluated, seconds, macs, ..."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        request = {"layer": zigzag_layer(layer), "lpf_limit": self.lpf_limit}
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise SystemExit(f"ZigZag ended with exit code {self.process.wait()}; its own message is above")
        return dict(json.loads(answer))


@contextmanager
def zigzag(python: str | None, lpf_limit: int) -> Iterator[ZigZag | None]:
    """Start ZigZag in the Python given, or in this one where it is installed; None where it is not."""
    if python is None and importlib.util.find_spec("zigzag") is not None:
        python = sys.executable
    if python is None:
        yield None
        return
    command = [python, str(HERE / "peer_zigzag" / "worker.py")]
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | ONE_THREAD
        )
    except OSError as error:
        raise SystemExit(f"--zigzag-python {python}: {error.strerror}") from None
    try:
        yield ZigZag(process, lpf_limit)
    finally:
        process.terminate()
        process.wait()


def zigzag_layer(layer: Layer) -> dict[str, Any]:
    """Return a convolution in ZigZag's workload format."""
    assert layer.problem is not None
    bounds = layer.problem.bounds
    rows, columns = layer.problem.tensor("inputs").axes[-2:]
    factor = {dim: times for axis in (rows, columns) for dim, times in axis.terms}
    sizes = {
        "B": bounds["N"],
        "G": bounds["G"],
        "K": bounds["M"],
        "C": bounds["C"],
        "OY": bounds["P"],
        "OX": bounds["Q"],
        "FY": bounds["R"],
        "FX": bounds["S"],
    }
    return {
        "id": 0,
        "name": layer.name,
        "operator_type": "Conv",
        "equation": "O[b][g][k][oy][ox]+=W[g][k][c][fy][fx]*I[b][g][c][iy][ix]",
        "dimension_relations": [
            f"iy={factor['P']}*oy+{factor['R']}*fy",
            f"ix={factor['Q']}*ox+{factor['S']}*fx",
        ],
        "loop_dims": list(sizes),
        "loop_sizes": list(sizes.values()),
        "operand_precision": {"W": 16, "I": 16, "O": 16, "O_final": 16},
        "operand_source": {"W": 0, "I": 0},
        "pr_loop_dims": ["IY", "IX"],
        "pr_loop_sizes": [rows.size, columns.size],
        "padding": [[-rows.offset, -rows.offset], [-columns.offset, -columns.offset]],
    }


def rate_of(work: Callable[[], int]) -> tuple[float, int]:
    """Return units of work per second of this process's CPU time, and how many units that was."""
    start = time.process_time()
    units = work()
    return units / (time.process_time() - start), units


def lookup_nanoseconds() -> float:
    """Return the time of one table look-up and one multiplication on this core, in ns: the floor's unit.

    Compiled loops over a table that fits the first cache (numpy), best of several: no branches, no hashing.
    """
    count = 1 << 20
    table = np.arange(1, 513, dtype=np.int64)
    where = np.random.default_rng(0).integers(0, table.size, count)
    out = np.empty(count, dtype=np.int64)
    best = float("inf")
    for _ in range(9):
        start = time.perf_counter()
        for block in range(0, count, 4096):
            span = slice(block, block + 4096)
            np.multiply.reduce(np.take(table, where[span], out=out[span], mode="clip"))
        best = min(best, time.perf_counter() - start)
    return best / count * 1e9


def cpu_model() -> str:
    """Return the processor's name as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def load() -> str:
    """Return the machine's load average, where the system has one."""
    return ", ".join(f"{value:.2f}" for value in os.getloadavg()) if hasattr(os, "getloadavg") else "unknown"


def measure(rounds: int, calls: int, peer: ZigZag | None) -> dict[str, tuple[Turns, Turns, Turns]]:
    """Return, per layer, the turns of our search, of our single evaluations and of ZigZag's search."""
    chip = da.arch.load(HERE / "machine.yaml")
    layers = {f"{net} {name}": da.zoo.load(net)[name] for net, name in LAYERS}
    turns = {label: (Turns(), Turns(), Turns()) for label in layers}
    for _ in range(rounds):
        for label, layer in layers.items():
            search, single, theirs = turns[label]
            rate, search.evaluated = rate_of(lambda: da.search(layer, chip, FLOW, threads=1).evaluated)  # noqa: B023
            search.rates.append(rate)
            mapping = da.search(layer, chip, FLOW, threads=1).mapping

            def evaluate() -> int:
                for _ in range(calls):
                    da.evaluate(layer, chip, mapping)  # noqa: B023
                return calls

            rate, single.evaluated = rate_of(evaluate)
            single.rates.append(rate)
            if peer is not None:
                answer = peer.search(layer)
                if answer["macs"] != layer.macs:
                    raise SystemExit(f"{label}: {layer.macs} MACs here, {answer['macs']} in ZigZag")
                theirs.rates.append(answer["evaluated"] / answer["seconds"])
                theirs.evaluated = answer["evaluated"]
    return turns


def print_results(turns: dict[str, tuple[Turns, Turns, Turns]], rounds: int, lookup: float) -> None:
    """Print the table, and the limit that our rate is held against."""
    limit = 1e9 / (LOOKUPS_PER_MAPPING * lookup)
    table = Table(box=box.MARKDOWN, show_edge=True)
    for heading in (
        "layer",
        "dnnaccel search",
        "da.evaluate",
        "ZigZag search",
        "ratio of medians",
        "mappings costed: ours / ZigZag",
        "share of limit",
    ):
        table.add_column(heading, justify="left" if heading == "layer" else "right", no_wrap=True)
    for label, (search, single, theirs) in turns.items():
        ours = statistics.median(search.rates)
        ran = bool(theirs.rates)
        table.add_row(
            label,
            str(search),
            str(single),
            str(theirs) if ran else "not run",
            f"{ours / statistics.median(theirs.rates):,.0f}x" if ran else "-",
            f"{search.evaluated:,} / {theirs.evaluated:,}" if ran else f"{search.evaluated:,}",
            f"{100 * ours / limit:.1f} %",
        )
    Console(width=200).print(table)
    print(f"Mappings per second of one core's CPU time: median (best) of {rounds} turns.")
    print(
        f"Limit: {LOOKUPS_PER_MAPPING} look-ups and multiplications per mapping x {lookup:.2f} ns each, "
        f"measured here, = {limit / 1e6:.1f} M mappings/s."
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--zigzag-python", metavar="PATH", help="Python that has zigzag-dse and six")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each (default 5)")
    parser.add_argument("--calls", type=int, default=1000, help="da.evaluate calls per turn (default 1000)")
    parser.add_argument(
        "--lpf-limit", type=int, default=6, help="ZigZag's loop-factor limit (default 6, its own)"
    )
    options = parser.parse_args()
    print(f"dnnaccel {da.__version__}, Python {platform.python_version()}, {platform.system()}")
    print(f"CPU: {cpu_model()}, {os.cpu_count()} cores; load average before: {load()}")
    with zigzag(options.zigzag_python, options.lpf_limit) as peer:
        turns = measure(options.rounds, options.calls, peer)
    print(f"load average after: {load()}\n")
    print_results(turns, options.rounds, lookup_nanoseconds())
    if peer is None:
        print(HOW_TO_GET_ZIGZAG)


if __name__ == "__main__":
    main()
