"""How fast kernels of 8-bit integers are: each distinct convolution and matrix product of some networks.

    python bench/int8.py                          # ResNet-50, VGG-16 and MobileNet, one thread, CPU time
    python bench/int8.py resnet50 --threads 2     # wall time

Inputs of uint8, weights of int8 with a scale for each output channel, outputs requantised to uint8. Where
torch and onnxruntime (with onnx) are installed in this Python, they are timed by turns in the same run, and
the better of them is compared:

    pip install torch==2.13.0 onnxruntime onnx
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich import box
from rich.console import Console
from rich.table import Table

import dnnaccel as da
from dnnaccel import _core, kernels
from dnnaccel.benchmark.job import by_turns
from dnnaccel.benchmark.peers import installed
from dnnaccel.benchmark.shapes import Convolution, Run, Shape, distinct

OURS = "dnnaccel"
NETWORKS = ("resnet50", "vgg16", "mobilenet_v1")
X = kernels.QuantParams(0.02, 120)


@dataclass(frozen=True)
class Task:
    """A layer with its operands, the same for every library."""

    shape: Shape
    x: NDArray[np.uint8]
    w: NDArray[np.int8]
    w_scale: NDArray[np.float32]
    out: kernels.QuantParams
    threads: int

    @classmethod
    def of(cls, shape: Shape, threads: int) -> Task:
        rng = np.random.default_rng(0)
        depth = math.prod(shape.w_shape[1:])
        return cls(
            shape=shape,
            x=rng.integers(0, 256, shape.x_shape, np.uint8),
            w=rng.integers(-127, 128, shape.w_shape, np.int8),
            w_scale=rng.uniform(0.005, 0.01, shape.w_shape[0]).astype(np.float32),
            out=kernels.QuantParams(0.02 * 0.0075 * 74 * 74 * math.sqrt(depth) / 40, 128),
            threads=threads,
        )


def make_ours(task: Task) -> Run:
    options: dict[str, Any] = {"x": X, "w_scale": task.w_scale, "out": task.out, "threads": task.threads}
    plan: kernels.Conv2dInt8 | kernels.LinearInt8
    if isinstance(task.shape, Convolution):
        plan = kernels.Conv2dInt8(
            task.x.shape,
            task.w,
            stride=task.shape.stride,
            padding=task.shape.padding,
            dilation=task.shape.dilation,
            groups=task.shape.groups,
            **options,
        )
    else:
        plan = kernels.LinearInt8(task.x.shape, task.w, **options)
    out = np.empty(plan.out_shape, np.uint8)
    return lambda: plan(task.x, out=out)


def make_torch(task: Task, engine: str) -> Run | None:
    """Torch's quantised operators on one of its engines, with weights packed once."""
    if not installed("torch"):
        return None
    import torch

    torch.set_num_threads(task.threads)
    if engine not in torch.backends.quantized.supported_engines:
        return None
    torch.backends.quantized.engine = engine
    shape, q = task.shape, torch.ops.quantized
    x = torch._make_per_tensor_quantized_tensor(torch.from_numpy(task.x), X.scale, X.zero_point)
    w = torch._make_per_channel_quantized_tensor(
        torch.from_numpy(task.w),
        torch.from_numpy(task.w_scale).double(),
        torch.zeros(len(task.w_scale), dtype=torch.int64),
        0,
    )
    out = (task.out.scale, task.out.zero_point)
    if not isinstance(shape, Convolution):
        packed = q.linear_prepack(w, None)
        return lambda: q.linear(x, packed, *out)
    packed = q.conv2d_prepack(
        w, None, list(shape.stride), list(shape.padding), list(shape.dilation), shape.groups
    )
    image = x.permute(0, 3, 1, 2)  # NHWC in memory
    return lambda: q.conv2d(image, packed, *out)


def make_onnxruntime(task: Task) -> Run | None:
    """ONNX Runtime's QLinearConv of NHWC images, and its QGemm."""
    if not (installed("onnxruntime") and installed("onnx")):
        return None
    import onnxruntime as ort
    from onnx import TensorProto, helper, numpy_helper

    shape = task.shape
    attributes: dict[str, Any] = {"transB": 1}
    names = ["x", "sx", "zx", "w", "sw", "zw", "", "sy", "zy"]
    if isinstance(shape, Convolution):
        top, left = shape.padding
        attributes = {
            "channels_last": 1,
            "group": shape.groups,
            "pads": [top, left, top, left],
            "strides": list(shape.stride),
            "dilations": list(shape.dilation),
            "kernel_shape": list(shape.w_shape[2:]),
        }
        names = ["x", "sx", "zx", "w", "sw", "zw", "sy", "zy"]
    operation = "QLinearConv" if isinstance(shape, Convolution) else "QGemm"
    constants = {
        "sx": np.array(X.scale, np.float32),
        "zx": np.array(X.zero_point, np.uint8),
        "w": task.w,
        "sw": task.w_scale,
        "zw": np.zeros(len(task.w_scale), np.int8),
        "sy": np.array(task.out.scale, np.float32),
        "zy": np.array(task.out.zero_point, np.uint8),
    }
    graph = helper.make_graph(
        [helper.make_node(operation, names, ["y"], domain="com.microsoft", **attributes)],
        operation,
        [helper.make_tensor_value_info("x", TensorProto.UINT8, task.x.shape)],
        [helper.make_tensor_value_info("y", TensorProto.UINT8, None)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    versions = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=versions, ir_version=8)
    options = ort.SessionOptions()
    options.intra_op_num_threads = task.threads
    options.log_severity_level = 4
    # Its threads stop spinning when a run ends: they would take the processor from whoever is timed next.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    binding.bind_ortvalue_input("x", ort.OrtValue.ortvalue_from_numpy(task.x))
    binding.bind_output("y")
    session.run_with_iobinding(binding)
    y = binding.get_outputs()[0]
    binding.bind_ortvalue_output("y", y)  # its memory is made once

    def run() -> Any:
        session.run_with_iobinding(binding)
        return y

    return run


MAKERS: dict[str, Callable[[Task], Run | None]] = {
    OURS: make_ours,
    "torch onednn": lambda task: make_torch(task, "onednn"),
    "torch x86": lambda task: make_torch(task, "x86"),
    "ORT": make_onnxruntime,
}


def values(result: Any) -> NDArray[np.int64]:
    """What a library returned, as integers in NHWC order."""
    if hasattr(result, "int_repr"):
        result = result.int_repr()
        return (result.permute(0, 2, 3, 1) if result.ndim == 4 else result).numpy().astype(np.int64)
    return np.asarray(result.numpy() if hasattr(result, "numpy") else result).astype(np.int64)


def contenders(task: Task, wrong: dict[str, list[str]]) -> Iterator[tuple[str, Run]]:
    """Give each library's run; those that round otherwise may differ by one, and no more."""
    ours = make_ours(task)
    wanted = values(ours())
    for name, make in MAKERS.items():
        run = make(task)
        if run is None:
            continue
        if np.abs(values(run()) - wanted).max() > 1:  # sums of 16 bits that saturate
            wrong.setdefault(name, []).append(str(task.shape))
            continue
        yield name, run


def measure(
    shapes: dict[Shape, tuple[str, Any]], given: argparse.Namespace, wrong: dict[str, list[str]]
) -> Table:
    clock = time.thread_time if given.threads == 1 else time.perf_counter
    # Short tries, so that on a busy machine some are not interrupted.
    tries = (_core.measure_host([(1 << 14, 1)], 0.001).macs_per_second for _ in range(80))
    peak = 4 * 2e-9 * max(tries) * given.threads
    table = Table(box=box.MARKDOWN, title=f"peak taken as 4 times float32's: {peak:.0f} GOP/s")
    for name in ("layer", "shape"):
        table.add_column(name)
    for name in ("M MACs", "us", "median", "GOP/s", "% of peak"):
        table.add_column(name, justify="right")
    table.add_column("best other")
    for name in ("us", "median", "ratio", "of medians"):
        table.add_column(name, justify="right")
    means: dict[str, list[tuple[float, float, float]]] = {}
    for shape, (where, _) in shapes.items():
        seconds = by_turns(dict(contenders(Task.of(shape, given.threads), wrong)), given.rounds, clock)
        ours = seconds.pop(OURS)
        speed = 2e-9 * shape.macs / min(ours)
        row = [where, str(shape), f"{shape.macs / 1e6:.1f}", f"{min(ours) * 1e6:.1f}"]
        row += [f"{statistics.median(ours) * 1e6:.1f}", f"{speed:.0f}", f"{100 * speed / peak:.0f}"]
        if seconds:
            best = min(seconds, key=lambda name: min(seconds[name]))
            theirs = seconds[best]
            ratio = min(theirs) / min(ours)
            medians = statistics.median(theirs) / statistics.median(ours)
            row += [best, f"{min(theirs) * 1e6:.1f}", f"{statistics.median(theirs) * 1e6:.1f}"]
            row += [f"{ratio:.2f}", f"{medians:.2f}"]
            means.setdefault(shape.kind, []).append((ratio, medians, speed / peak))
        table.add_row(*row)
    for kind, members in sorted(means.items()):
        ratio, medians, share = (statistics.geometric_mean(column) for column in zip(*members, strict=True))
        row = [f"mean of {len(members)}", kind, "", "", "", "", f"{100 * share:.0f}"]
        table.add_row(*row, "", "", "", f"{ratio:.2f}", f"{medians:.2f}")
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("networks", nargs="*", default=NETWORKS, help="networks of the zoo")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=9, help="turns of each library at each layer")
    given = parser.parse_args()
    warnings.filterwarnings("ignore", module="torch")
    nets = [da.zoo.load(name, batch=1) for name in given.networks]
    wrong: dict[str, list[str]] = {}
    Console(width=200).print(measure(distinct(nets), given, wrong))
    for name, where in wrong.items():
        print(f"{name} was not timed where its outputs are wrong: {'; '.join(where)}")
    for module in ("torch", "onnxruntime"):
        if not installed(module):
            print(f"{module} was not run: pip install torch==2.13.0 onnxruntime onnx brings it")


if __name__ == "__main__":
    main()
