"""How fast the kernels that are bound by memory are: pooling, normalisation, functions, copies.

    python bench/kernels_ops.py                 # all of them, one thread
    python bench/kernels_ops.py pool softmax    # those whose names have one of these words
    python bench/kernels_ops.py --threads 2

Where torch and onnxruntime (with onnx) are installed in this Python, they are timed by turns in the same run,
torch with the channels last; the better of them is compared. The limit is what this machine reads and writes
of as many bytes when it does nothing else.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from dnnaccel import _core, kernels
from dnnaccel.benchmark.job import by_turns
from dnnaccel.benchmark.peers import installed

OURS = "dnnaccel"
TOLERANCE = 2e-5
Run = Callable[[], Any]


@dataclass(frozen=True)
class Case:
    """An operation in each library. Images are NHWC here; the others see them as NCHW."""

    name: str
    inputs: tuple[tuple[int, ...], ...]
    plan: Callable[..., Any]
    """Makes our plan of a number of threads."""
    torch: Callable[..., Any] | None = None
    """Computes it of tensors, given torch.nn.functional first."""
    onnx: tuple[str, dict[str, Any]] | None = None
    """Operation and attributes; weights are of ones and zeros."""
    weights: tuple[int, ...] = ()
    images: bool = True


def pool(name: str, plan: Any, function: str, onnx: str, kernel: int, stride: int, padding: int) -> Case:
    shape = {3: (1, 112, 112, 64), 7: (1, 7, 7, 2048)}[kernel]
    return Case(
        name,
        (shape,),
        lambda threads: plan(shape, kernel, stride=stride, padding=padding, threads=threads),
        lambda f, x: getattr(f, function)(x, kernel, stride, padding),
        (onnx, {"kernel_shape": [kernel] * 2, "strides": [stride] * 2, "pads": [padding] * 4}),
    )


def cases() -> Iterator[Case]:
    k = kernels
    yield pool("max pool 3x3/2 112x112x64", k.MaxPool2d, "max_pool2d", "MaxPool", 3, 2, 1)
    shape = (1, 28, 28, 192)
    yield Case(
        "max pool 3x3/1 28x28x192",
        (shape,),
        lambda threads, s=shape: k.MaxPool2d(s, 3, stride=1, padding=1, threads=threads),
        lambda f, x: f.max_pool2d(x, 3, 1, 1),
        ("MaxPool", {"kernel_shape": [3, 3], "strides": [1, 1], "pads": [1] * 4}),
    )
    yield Case(
        "average pool 3x3/1 28x28x192",
        (shape,),
        lambda threads, s=shape: k.AvgPool2d(s, 3, stride=1, padding=1, threads=threads),
        lambda f, x: f.avg_pool2d(x, 3, 1, 1),
        (
            "AveragePool",
            {"kernel_shape": [3, 3], "strides": [1, 1], "pads": [1] * 4, "count_include_pad": 1},
        ),
    )
    yield pool("average pool 7x7 7x7x2048", k.AvgPool2d, "avg_pool2d", "AveragePool", 7, 7, 0)
    for shape in ((1, 7, 7, 2048), (1, 112, 112, 32)):
        yield Case(
            f"global average pool {'x'.join(map(str, shape[1:]))}",
            (shape,),
            lambda threads, s=shape: k.GlobalAvgPool2d(s, threads=threads),
            lambda f, x: f.adaptive_avg_pool2d(x, 1),
            ("GlobalAveragePool", {}),
        )
    shape = (1, 55, 55, 96)
    yield Case(
        "LRN 55x55x96",
        (shape,),
        lambda threads, s=shape: k.LRN(s, 5, threads=threads),
        lambda f, x: f.local_response_norm(x, 5),
        ("LRN", {"size": 5, "alpha": 1e-4, "beta": 0.75, "bias": 1.0}),
    )
    for shape in ((12, 128, 128), (1, 1000)):
        yield Case(
            f"softmax {'x'.join(map(str, shape))}",
            (shape,),
            lambda threads, s=shape: k.Softmax(s, threads=threads),
            lambda f, x: f.softmax(x, -1),
            ("Softmax", {"axis": -1}),
            images=False,
        )
    shape = (128, 768)
    yield Case(
        "layer norm 128x768",
        (shape,),
        lambda threads, s=shape: k.LayerNorm(s, np.ones(768), np.zeros(768), threads=threads),
        lambda f, x, w, b: f.layer_norm(x, (768,), w, b),
        ("LayerNormalization", {"axis": -1, "epsilon": 1e-5}),
        weights=(768,),
        images=False,
    )
    shape = (128, 3072)
    for approximate in ("none", "tanh"):
        yield Case(
            f"GELU {approximate} 128x3072",
            (shape,),
            lambda threads, a=approximate, s=shape: k.GELU(s, approximate=a, threads=threads),
            lambda f, x, a=approximate: f.gelu(x, approximate=a),
            ("Gelu", {"approximate": approximate}),
            images=False,
        )
    for name, plan, onnx in (("sigmoid", k.Sigmoid, "Sigmoid"), ("tanh", k.Tanh, "Tanh")):
        yield Case(
            f"{name} 128x3072",
            (shape,),
            lambda threads, p=plan, s=shape: p(s, threads=threads),
            lambda f, x, n=name: getattr(x, n)(),
            (onnx, {}),
            images=False,
        )
    shape = (1, 56, 56, 256)
    yield Case(
        "add 56x56x256",
        (shape, shape),
        lambda threads, s=shape: k.Add(s, threads=threads),
        lambda f, a, b: a + b,
        ("Add", {}),
    )
    shape = (1, 28, 28, 128)
    yield Case(
        "concat 4 of 28x28x128",
        (shape,) * 4,
        lambda threads, s=shape: k.Concat([s] * 4, threads=threads),
        lambda f, *x: _cat(x),
        ("Concat", {"axis": 1}),
    )
    for groups, shape in ((3, (1, 28, 28, 240)), (2, (1, 28, 28, 116))):
        yield Case(
            f"channel shuffle {groups} groups {'x'.join(map(str, shape[1:]))}",
            (shape,),
            lambda threads, g=groups, s=shape: k.ChannelShuffle(s, g, threads=threads),
            lambda f, x, g=groups: f.channel_shuffle(x, g),
        )
    shape = (1, 512, 784)
    yield Case(
        "transpose 512x784",
        (shape,),
        lambda threads, s=shape: k.Permute(s, (0, 2, 1), threads=threads),
        lambda f, x: x.transpose(1, 2).contiguous(),
        ("Transpose", {"perm": [0, 2, 1]}),
        images=False,
    )
    shape = (1, 128, 12, 64)
    yield Case(
        "heads 128x12x64 -> 12x128x64",
        (shape,),
        lambda threads, s=shape: k.Permute(s, (0, 2, 1, 3), threads=threads),
        lambda f, x: x.transpose(1, 2).contiguous(),
        ("Transpose", {"perm": [0, 2, 1, 3]}),
        images=False,
    )


def _cat(x: tuple[Any, ...]) -> Any:
    import torch

    return torch.cat(x, 1)


def torch_run(case: Case, arrays: list[Any], threads: int) -> Run | None:
    if case.torch is None or not installed("torch"):
        return None
    import torch

    torch.set_num_threads(threads)
    compute = case.torch
    tensors = [torch.from_numpy(x) for x in arrays]
    if case.images:
        tensors = [x.permute(0, 3, 1, 2) for x in tensors]  # NHWC in memory
    if case.weights:
        tensors += [torch.ones(case.weights), torch.zeros(case.weights)]

    def run() -> Any:
        with torch.inference_mode():
            return compute(torch.nn.functional, *tensors)

    return run


def onnx_run(case: Case, arrays: list[Any], threads: int) -> Run | None:
    if case.onnx is None or not (installed("onnxruntime") and installed("onnx")):
        return None
    import onnxruntime as ort
    from onnx import TensorProto, helper, numpy_helper

    operation, attributes = case.onnx
    given = [np.ascontiguousarray(x.transpose(0, 3, 1, 2)) if case.images else x for x in arrays]
    names = [f"x{i}" for i in range(len(given))]
    weights = [np.ones(case.weights, "f4"), np.zeros(case.weights, "f4")] if case.weights else []
    constants = [numpy_helper.from_array(w, f"w{i}") for i, w in enumerate(weights)]
    node = helper.make_node(operation, names + [w.name for w in constants], ["y"], **attributes)
    values = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, x.shape)
        for n, x in zip(names, given, strict=True)
    ]
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph([node], operation, values, [result], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=8)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4
    options.add_session_config_entry("session.force_spinning_stop", "1")
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    for name, x in zip(names, given, strict=True):
        binding.bind_ortvalue_input(name, ort.OrtValue.ortvalue_from_numpy(x))
    binding.bind_output("y")
    session.run_with_iobinding(binding)
    binding.bind_ortvalue_output("y", binding.get_outputs()[0])
    return lambda: session.run_with_iobinding(binding)


def check(case: Case, ours: Any, theirs: Any) -> None:
    """Refuse to time what does not compute the same."""
    values = theirs.permute(0, 2, 3, 1).numpy() if case.images else theirs.numpy()
    error = np.abs(values - ours).max() / np.abs(values).max()
    assert error < TOLERANCE, f"{case.name}: differs from torch by {error:.1e}"


def least_seconds(read: int, written: int, threads: int) -> float:
    """Return how long the bytes alone take, by the best of some tries: others may be at work."""
    tries = [_core.measure_host([(read + written, threads)], 0.005).bandwidths[0] for _ in range(10)]
    return read / max(reading for reading, _ in tries) + written / max(writing for _, writing in tries)


def measure(case: Case, threads: int, rounds: int, clock: Callable[[], float]) -> list[str]:
    rng = np.random.default_rng(0)
    arrays = [kernels.empty(shape) for shape in case.inputs]
    for array in arrays:
        array[...] = rng.standard_normal(array.shape, dtype=np.float32)
    plan = case.plan(threads)
    out = kernels.empty(plan.out_shape)
    runs: dict[str, Run] = {OURS: lambda: plan(*arrays, out=out)}
    for name, make in (("torch", torch_run), ("onnxruntime", onnx_run)):
        run = make(case, arrays, threads)
        if run is not None:
            runs[name] = run
    if "torch" in runs:
        check(case, runs[OURS](), runs["torch"]())
    seconds = by_turns(runs, rounds, clock)
    read, written = sum(x.nbytes for x in arrays), out.nbytes
    limit = least_seconds(read, written, threads)
    best = min(seconds[OURS])
    row = [case.name, f"{best * 1e6:.1f}", f"{statistics.median(seconds[OURS]) * 1e6:.1f}"]
    row += [f"{(read + written) / best * 1e-9:.1f}", f"{100 * limit / best:.0f}"]
    others = {name: turns for name, turns in seconds.items() if name != OURS}
    for name in ("torch", "onnxruntime"):
        row.append(f"{min(others[name]) * 1e6:.1f}" if name in others else "")
    if others:
        peer = min(others, key=lambda name: min(others[name]))
        medians = statistics.median(others[peer]) / statistics.median(seconds[OURS])
        row += [f"{min(others[peer]) / best:.2f}", f"{medians:.2f}"]
    return row


def main() -> None:
    import time

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
    table.add_column("operation")
    for name in ("us", "median", "GB/s", "% of limit", "torch us", "ORT us", "ratio", "of medians"):
        table.add_column(name, justify="right")
    for case in cases():
        if not given.words or any(word in case.name for word in given.words):
            table.add_row(*measure(case, given.threads, given.rounds, clock))
    Console(width=200).print(table)


if __name__ == "__main__":
    main()
