"""How fast recurrent layers are, and fully connected ones of a few rows, whose weights come from memory.

    python bench/recurrent.py                  # RNN, LSTM, GRU of 256, 512 and 1024 units; batch 1 and 16
    python bench/recurrent.py lstm fc          # those whose names have one of these words
    OPENBLAS_NUM_THREADS=2 python bench/recurrent.py --threads 2

Where torch and onnxruntime (with onnx) are installed in this Python, they are timed by turns in the same run,
and the better of them is compared. The GB/s are of the weights: of a recurrent layer those of the hidden
units, which every step reads, over all of its time; the limit is what this machine reads of as many bytes
(by the wall's clock, so not with --cpu-time). NumPy is timed if OPENBLAS_NUM_THREADS says as many threads.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich import box
from rich.console import Console
from rich.table import Table

from dnnaccel import _core, kernels
from dnnaccel.benchmark import peers
from dnnaccel.benchmark.job import by_turns
from dnnaccel.benchmark.shapes import Operands, Product

OURS = "dnnaccel"
TOLERANCE = 2e-5
STEPS = 50
Floats = NDArray[np.float32]
Run = Callable[[], Any]

CELLS: dict[str, tuple[Any, int, dict[str, Any], list[int]]] = {
    "RNN": (kernels.RNN, 1, {}, [0]),
    "LSTM": (kernels.LSTM, 4, {}, [0, 3, 1, 2]),
    "GRU": (kernels.GRU, 3, {"linear_before_reset": 1}, [1, 0, 2]),
}
"""Plan, gates, ONNX attributes, and the gates in ONNX's order."""


@dataclass(frozen=True)
class Case:
    """A layer in each library, and how many bytes of weights a call reads."""

    name: str
    runs: Callable[[int], dict[str, Run]]
    weight_bytes: int
    working_set: int
    macs: int


def floats(rng: np.random.Generator, *shape: int) -> Floats:
    values = kernels.empty(shape)
    values[...] = rng.standard_normal(shape, dtype=np.float32) * np.float32(shape[-1] ** -0.5)
    return values


def torch_layer(cell: str, x: Floats, parts: list[Floats], threads: int) -> Run | None:
    if not peers.installed("torch"):
        return None
    import torch

    torch.set_num_threads(threads)
    layer = getattr(torch.nn, cell)(x.shape[2], parts[1].shape[1], batch_first=True)
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    layer.load_state_dict({name: torch.from_numpy(p) for name, p in zip(names, parts, strict=True)})
    inputs = torch.from_numpy(x)

    def run() -> Any:
        with torch.inference_mode():
            return layer(inputs)[0]

    return run


def onnx_layer(cell: str, x: Floats, parts: list[Floats], threads: int) -> Run | None:
    if not (peers.installed("onnxruntime") and peers.installed("onnx")):
        return None
    import onnxruntime as ort
    from onnx import TensorProto, helper, numpy_helper

    _, gates, attributes, order = CELLS[cell]

    def ordered(part: Floats) -> Floats:
        return np.concatenate([np.split(part, gates)[gate] for gate in order])[None]

    w_ih, w_hh, b_ih, b_hh = map(ordered, parts)
    constants = {"W": w_ih, "R": w_hh, "B": np.concatenate([b_ih, b_hh], axis=1)}
    node = helper.make_node(cell, ["X", *constants], ["Y"], hidden_size=w_hh.shape[2], **attributes)
    inputs = np.ascontiguousarray(x.transpose(1, 0, 2))
    graph = helper.make_graph(
        [node],
        cell,
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, inputs.shape)],
        [helper.make_tensor_value_info("Y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.ascontiguousarray(w), name) for name, w in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.force_spinning_stop", "1")
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    binding.bind_ortvalue_input("X", ort.OrtValue.ortvalue_from_numpy(inputs))
    binding.bind_output("Y")
    session.run_with_iobinding(binding)
    binding.bind_ortvalue_output("Y", binding.get_outputs()[0])

    def run() -> Any:
        session.run_with_iobinding(binding)
        return binding

    return run


def recurrent(cell: str, batch: int, units: int) -> Case:
    plan_of, gates, _, _ = CELLS[cell]

    def runs(threads: int) -> dict[str, Run]:
        rng = np.random.default_rng(0)
        x = floats(rng, batch, STEPS, units)
        rows = gates * units
        parts = [floats(rng, rows, units), floats(rng, rows, units), floats(rng, rows), floats(rng, rows)]
        plan = plan_of(x.shape, *parts, threads=threads)
        out = kernels.empty(plan.out_shape)
        found: dict[str, Run] = {OURS: lambda: plan(x, out=out)}
        for name, make in (("torch", torch_layer), ("ORT", onnx_layer)):
            run = make(cell, x, parts, threads)
            if run is not None:
                found[name] = run
        if "torch" in found:
            check(cell, plan(x), found["torch"]().numpy())
        if "ORT" in found:
            theirs = found["ORT"]().copy_outputs_to_cpu()[0]
            check(cell, plan(x), theirs[:, 0].transpose(1, 0, 2))
        return found

    hidden = 4 * gates * units * units
    name = f"{cell} batch {batch}, {units} units, {STEPS} steps"
    return Case(name, runs, hidden * STEPS, hidden, 2 * hidden // 4 * STEPS * batch)


def connected(where: str, rows: int, depth: int, outputs: int) -> Case:
    def runs(threads: int) -> dict[str, Run]:
        rng = np.random.default_rng(0)
        x, w = floats(rng, rows, depth), floats(rng, outputs, depth)
        plan = kernels.Linear(x.shape, w, threads=threads)
        out = kernels.empty(plan.out_shape)
        found: dict[str, Run] = {OURS: lambda: plan(x, out=out)}
        product = Product(x_shape=x.shape, w_shape=w.shape)
        for name in ("oneDNN", "torch", "ORT"):
            run = peers.make(name, product, Operands(x=x, w=w), threads)
            if run is not None:
                found[name] = run
        matrix = w.T
        if os.environ.get("OPENBLAS_NUM_THREADS") == str(threads):
            found["numpy"] = lambda: x @ matrix
        check(where, plan(x), x @ matrix)
        return found

    size = 4 * depth * outputs
    return Case(f"fc {where} batch {rows}, {depth} -> {outputs}", runs, size, size, rows * depth * outputs)


def check(name: str, ours: Floats, theirs: Any) -> None:
    """Refuse to time what does not compute the same."""
    error = np.abs(theirs - ours).max() / np.abs(theirs).max()
    assert error < TOLERANCE, f"{name}: differs by {error:.1e} of the largest value"


def cases() -> Iterator[Case]:
    for batch in (1, 16):
        for cell in CELLS:
            for units in (256, 512, 1024):
                yield recurrent(cell, batch, units)
    for where, depth, outputs in (
        ("AlexNet", 9216, 4096),
        ("VGG", 25088, 4096),
        ("VGG", 4096, 4096),
        ("VGG", 4096, 1000),
        ("ResNet", 2048, 1000),
        ("MobileNet", 1024, 1000),
        ("BERT", 768, 3072),
        ("BERT", 3072, 768),
    ):
        yield connected(where, 1, depth, outputs)
    for rows in (2, 4):
        yield connected("VGG", rows, 4096, 4096)
        yield connected("BERT", rows, 768, 3072)


def measure(case: Case, threads: int, rounds: int, clock: Callable[[], float]) -> list[str]:
    seconds = by_turns(case.runs(threads), rounds, clock)
    best, median = min(seconds[OURS]), statistics.median(seconds[OURS])
    speed = case.weight_bytes / best
    row = [case.name, f"{best * 1e6:.1f}", f"{median * 1e6:.1f}", f"{2e-9 * case.macs / best:.1f}"]
    row += [f"{speed * 1e-9:.1f}", ""]
    if clock is time.perf_counter:
        ((reading, _),) = _core.measure_host([(case.working_set, threads)], 0.1).bandwidths
        row[-1] = f"{100 * speed / reading:.0f}"
    others = {name: turns for name, turns in seconds.items() if name != OURS}
    if others:
        peer = min(others, key=lambda name: min(others[name]))
        row += [peer, f"{min(others[peer]) * 1e6:.1f}", f"{min(others[peer]) / best:.2f}"]
        row.append(f"{statistics.median(others[peer]) / median:.2f}")
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("words", nargs="*", help="only those whose names have one of these")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=9, help="turns of each library")
    parser.add_argument("--cpu-time", action="store_true", help="the calling thread's time; one thread only")
    given = parser.parse_args()
    if given.cpu_time and given.threads != 1:
        parser.error("--cpu-time sees the calling thread alone: use it with one thread")
    clock = time.thread_time if given.cpu_time else time.perf_counter
    table = Table(box=box.MARKDOWN)
    table.add_column("layer")
    for name in ("us", "median", "GFLOP/s", "GB/s of weights", "% of limit"):
        table.add_column(name, justify="right")
    table.add_column("best other")
    for name in ("us", "ratio", "of medians"):
        table.add_column(name, justify="right")
    for case in cases():
        if not given.words or any(word.lower() in case.name.lower() for word in given.words):
            table.add_row(*measure(case, given.threads, given.rounds, clock))
    Console(width=200).print(table)


if __name__ == "__main__":
    main()
