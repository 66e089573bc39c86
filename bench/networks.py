"""Whole networks beside ONNX Runtime: the same ONNX file, the same inputs, by turns in one run.

    python bench/networks.py                             # the eleven networks, one thread
    python bench/networks.py resnet50 bert_base --threads 2
    python bench/networks.py --cpu-time                  # on a machine that others use, one thread

Each network of the zoo gets random weights and is written as an ONNX file. ONNX Runtime runs that file;
dnnaccel runs the network as the zoo builds it, and again as it reads it from the file. Their outputs must be
equal within 1e-4 of the largest. How long the first answer takes, from opening the file on, and how much
memory that takes, is measured in a process of its own for each.

    pip install onnxruntime onnx
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich import box
from rich.console import Console
from rich.table import Table

import dnnaccel as da
from dnnaccel.benchmark.peers import installed
from dnnaccel.runtime.random import random_inputs

TESTS = str(Path(__file__).parents[1] / "tests" / "python")
NETWORKS = (
    *("alexnet", "vgg16", "googlenet", "resnet50", "densenet121", "mobilenet_v1", "squeezenet_v1_1"),
    *("shufflenet_v1", "inception_v3", "lstm", "bert_base"),
)
PEER, OURS, READ = "onnxruntime", "dnnaccel", "dnnaccel, from the file"
MAX_DIFFERENCE = 1e-4
TURN_SECONDS = 0.05

Arrays = dict[str, NDArray[Any]]
Run = Callable[[], list[NDArray[Any]]]


@dataclass
class Case:
    """One network: its file and inputs, and what was measured."""

    name: str
    file: Path
    inputs: Arrays
    outputs: list[str]
    macs: int
    seconds: dict[str, list[float]] = field(default_factory=dict)
    first: dict[str, dict[str, float]] = field(default_factory=dict)
    difference: float = 0.0

    def ratio(self, of: Callable[[list[float]], float]) -> float:
        """How many times as fast as the peer we are."""
        return of(self.seconds[PEER]) / of(self.seconds[OURS])


def prepare(name: str, folder: Path) -> tuple[Case, da.Network, Arrays]:
    """Write a network and its inputs to files."""
    if TESTS not in sys.path:
        sys.path.insert(0, TESTS)
    from onnx_export import to_onnx  # the tests' own writer

    net = da.zoo.load(name)
    weights: Arrays = dict(da.runtime.random_weights(net))
    inputs: Arrays = dict(random_inputs(net))
    file = to_onnx(net, folder / f"{name}.onnx", weights)
    np.savez(file.with_suffix(".inputs.npz"), **inputs)  # type: ignore[arg-type]
    return Case(name, file, inputs, list(net.outputs), net.total_macs), net, weights


def start_peer(file: Path, inputs: Arrays, threads: int) -> Run:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Its threads stop spinning when a run ends: they would take the processor from whoever is timed next.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    session = ort.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    for name, array in inputs.items():
        binding.bind_ortvalue_input(name, ort.OrtValue.ortvalue_from_numpy(array))
    for output in session.get_outputs():
        binding.bind_output(output.name)
    session.run_with_iobinding(binding)
    # The outputs' memory is made once.
    for output, value in zip(session.get_outputs(), binding.get_outputs(), strict=True):
        binding.bind_ortvalue_output(output.name, value)

    def run() -> list[NDArray[Any]]:
        session.run_with_iobinding(binding)
        return [value.numpy() for value in binding.get_outputs()]

    return run


def start_ours(net: da.Network, weights: Any, inputs: Arrays, outputs: list[str], threads: int) -> Run:
    model = da.runtime.compile(net, weights, threads=threads)
    given = [inputs[name] for name in net.inputs]

    def run() -> list[NDArray[Any]]:
        results = model(*given)
        return [results[name] for name in outputs] if isinstance(results, dict) else [results]

    return run


def start_read(file: Path, inputs: Arrays, outputs: list[str], threads: int) -> Run:
    return start_ours(da.from_onnx(file), file, inputs, outputs, threads)


def measure_first(
    kind: str, file: Path, outputs: list[str], threads: int, *, cpu_time: bool
) -> dict[str, float]:
    """Return the seconds to the first answer, and the peak memory of the process in MB, before and after."""
    clock = time.process_time if cpu_time else time.perf_counter
    with np.load(file.with_suffix(".inputs.npz"), allow_pickle=False) as stored:
        inputs = {name: stored[name] for name in stored.files}
    if kind == PEER:
        import onnxruntime  # noqa: F401, loading libraries is not part of it
    else:
        import onnx  # noqa: F401

        assert da.runtime.compile
    before, began = peak_megabytes(), clock()
    run = start_peer(file, inputs, threads) if kind == PEER else start_read(file, inputs, outputs, threads)
    run()
    return {"seconds": clock() - began, "before": before, "megabytes": peak_megabytes()}


def peak_megabytes() -> float:
    # Not of getrusage, which counts what the parent had when it forked.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def first_in_child(kind: str, case: Case, given: argparse.Namespace) -> dict[str, float]:
    command = [sys.executable, __file__, "--child", kind, str(case.file), "--threads", str(given.threads)]
    command += ["--cpu-time"] * given.cpu_time
    done = subprocess.run(
        [*command, "--outputs", *case.outputs], check=True, stdout=subprocess.PIPE, text=True
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def difference(ours: list[NDArray[Any]], theirs: list[NDArray[Any]]) -> float:
    """Return the largest difference, as part of the largest number of each output."""
    pairs = zip(ours, theirs, strict=True)
    return max(float(np.abs(one - other).max() / np.abs(other).max()) for one, other in pairs)


def measure(name: str, folder: Path, given: argparse.Namespace) -> Case:
    """Run one network by turns."""
    case, net, weights = prepare(name, folder)
    runs = {
        PEER: start_peer(case.file, case.inputs, given.threads),
        OURS: start_ours(net, weights, case.inputs, case.outputs, given.threads),
        READ: start_read(case.file, case.inputs, case.outputs, given.threads),
    }
    del weights
    theirs = [array.copy() for array in runs[PEER]()]
    case.difference = max(difference(runs[kind](), theirs) for kind in (OURS, READ))
    clock = time.thread_time if given.cpu_time else time.perf_counter
    repeats = {}
    for kind, run in runs.items():
        began = time.perf_counter()
        run()
        repeats[kind] = max(1, int(TURN_SECONDS / max(time.perf_counter() - began, 1e-7)))
        case.seconds[kind] = []
    for _ in range(given.rounds):
        for kind, run in runs.items():
            for _ in range(repeats[kind]):
                began = clock()
                run()
                case.seconds[kind].append(clock() - began)
    runs.clear()
    if not given.no_first:
        case.first = {kind: first_in_child(kind, case, given) for kind in (PEER, READ)}
    return case


def table_of(cases: list[Case]) -> Table:
    table = Table(box=box.MARKDOWN)
    table.add_column("network")
    for column in (
        *("ORT ms", "median", "ours ms", "median", "from file", "GFLOP/s", "ratio", "of medians"),
        *("difference", "first answer ORT", "ours", "peak MB ORT", "ours"),
    ):
        table.add_column(column, justify="right")
    for case in cases:
        row = [case.name]
        for kind in (PEER, OURS):
            row += [f"{1e3 * of(case.seconds[kind]):.2f}" for of in (min, statistics.median)]
        row += [f"{1e3 * min(case.seconds[READ]):.2f}", f"{2e-9 * case.macs / min(case.seconds[OURS]):.0f}"]
        row += [f"{case.ratio(min):.2f}", f"{case.ratio(statistics.median):.2f}", f"{case.difference:.1e}"]
        if case.first:
            row += [f"{case.first[kind]['seconds']:.2f} s" for kind in (PEER, READ)]
            row += [f"{case.first[kind]['megabytes']:.0f}" for kind in (PEER, READ)]
        table.add_row(*row)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("networks", nargs="*", default=NETWORKS, help="networks of the zoo")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=9, help="turns of each")
    parser.add_argument("--no-first", action="store_true", help="leave out the first answer and memory")
    parser.add_argument(
        "--cpu-time",
        action="store_true",
        help="the calling thread's CPU time (the process's until the first answer), which a loaded machine\n"
        "disturbs less; for one thread only",
    )
    parser.add_argument("--child", nargs=2, metavar=("KIND", "FILE"), help=argparse.SUPPRESS)
    parser.add_argument("--outputs", nargs="*", default=(), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        kind, file = given.child
        outputs = list(given.outputs)
        found = measure_first(kind, Path(file), outputs, given.threads, cpu_time=given.cpu_time)
        print(json.dumps(found))
        return
    if given.cpu_time and given.threads != 1:
        parser.error("--cpu-time sees the calling thread alone: use it with one thread")
    if not (installed("onnxruntime") and installed("onnx")):
        parser.error("needs ONNX Runtime to run beside: pip install onnxruntime onnx")
    cases = []
    with tempfile.TemporaryDirectory() as folder:
        for name in given.networks:
            print(f"{name} ...", file=sys.stderr, flush=True)
            cases.append(measure(name, Path(folder), given))
            for file in Path(folder).iterdir():
                file.unlink()
    print(
        f"{platform.machine()}, {da.kernels.isa_names()[0]} kernels, {given.threads} "
        f"thread{'s' * (given.threads != 1)}; {'CPU' if given.cpu_time else 'wall'} time of one sample, best "
        f"and median of {given.rounds} turns; ratio: our speed over ONNX Runtime's"
    )
    Console(width=200).print(table_of(cases))
    wrong = [case.name for case in cases if not case.difference <= MAX_DIFFERENCE]
    if wrong:
        sys.exit(f"outputs differ by more than {MAX_DIFFERENCE:g}: {', '.join(wrong)}")


if __name__ == "__main__":
    main()
