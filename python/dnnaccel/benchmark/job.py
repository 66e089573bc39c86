"""The benchmark: every distinct layer by turns with other libraries, beside what the machine allows."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from dnnaccel import kernels, zoo
from dnnaccel.arch import Chip
from dnnaccel.arch.host import measure_host
from dnnaccel.benchmark import peers as libraries
from dnnaccel.benchmark.limits import Limits, measure_limits
from dnnaccel.benchmark.prediction import chip_within, predict
from dnnaccel.benchmark.result import OURS, Benchmark, Timing
from dnnaccel.benchmark.shapes import Run, Shape, bytes_of, distinct, operands
from dnnaccel.errors import KernelError, unknown_name
from dnnaccel.kernels import Conv2d, Linear
from dnnaccel.layers import Layer
from dnnaccel.network import Network

__all__ = ["by_turns", "run"]

Progress = Callable[[int, int, str], None]
TURN_SECONDS = 2e-3
_LARGEST_ERROR = 2e-5


def run(
    networks: Sequence[str | Network] = ("resnet50", "mobilenet_v1"),
    *,
    threads: Sequence[int] | None = None,
    rounds: int = 9,
    peers: Sequence[str] | None = None,
    cpu_time: bool = False,
    progress: Progress | None = None,
) -> Benchmark:
    """Time each distinct convolution and fully connected layer of some networks, in fp32 at batch 1.

    The machine's peak and bandwidths are measured first. Then every library takes turns at each layer:
    dnnaccel, and those of `peers` that are installed.

    Parameters
    ----------
    networks
        Names of the zoo, or networks.
    threads
        Numbers of threads; None: one, and all that `kernels.num_threads` says.
    rounds
        Turns of each library at each layer; one takes about 2 ms.
    peers
        Names of other libraries ("oneDNN", "torch", "ORT", "ORT blocked"); None: all, () for none.
    cpu_time
        Take the calling thread's time instead of the wall's: less disturbed by what else runs. One thread
        alone.
    progress
        Called with layers done, layers in all, and the layer at hand.

    Raises
    ------
    KernelError
        For numbers that make no sense, or if another library's results differ from ours.
    UnknownNameError
        For a network or a library of no known name.
    """
    counts = sorted({1, kernels.num_threads()}) if threads is None else list(dict.fromkeys(threads))
    if not counts or any(count < 1 for count in counts):
        raise KernelError(f"threads must be numbers from 1, given {threads}")
    if rounds < 1:
        raise KernelError(f"rounds must be at least 1, given {rounds}")
    if cpu_time and counts != [1]:
        raise KernelError("the calling thread's time says nothing of others: cpu_time needs threads=[1]")
    for name in peers or ():
        if name not in libraries.PEERS:
            raise unknown_name("library", name, libraries.PEERS)
    names = list(libraries.PEERS if peers is None else peers)
    nets = [zoo.load(net, batch=1) if isinstance(net, str) else net for net in networks]
    shapes = distinct(nets)
    figures = measure_host()
    limits = [measure_limits(figures, count) for count in counts]
    timings: list[Timing] = []
    total = len(shapes) * len(counts)
    for limit in limits:
        chip = chip_within(figures, limit)
        for shape, (where, layer) in shapes.items():
            if progress is not None:
                progress(len(timings), total, where)
            timings.append(_time_layer(shape, layer, where, limit, chip, names, rounds, cpu_time))
    needed = {"oneDNN": "torch", "torch": "torch", "ORT": "onnxruntime", "ORT blocked": "onnxruntime"}
    return Benchmark(
        processor=figures.processor,
        isa=kernels.isa_names()[0],
        clock="CPU" if cpu_time else "wall",
        rounds=rounds,
        limits=tuple(limits),
        timings=tuple(timings),
        missing=tuple(dict.fromkeys(needed[name] for name in names if not libraries.installed(needed[name]))),
    )


def _time_layer(
    shape: Shape,
    layer: Layer,
    where: str,
    limits: Limits,
    chip: Chip,
    peers: Sequence[str],
    rounds: int,
    cpu_time: bool,
) -> Timing:
    given = operands(shape)
    plan = shape.plan(given, limits.threads)
    out = kernels.empty(plan.out_shape)
    runs: dict[str, Run] = {OURS: lambda: plan(given.x, out=out)}
    for name in peers:
        other = libraries.make(name, shape, given, limits.threads)
        if other is not None:
            runs[name] = other
    if "oneDNN" in runs:
        _check(shape, plan, runs)
    least, bound_by = limits.seconds(shape)
    prediction = predict(layer, plan, chip)
    return Timing(
        layer=where,
        shape=str(shape),
        kind=shape.kind,
        threads=limits.threads,
        macs=shape.macs,
        bytes=sum(bytes_of(shape)),
        algorithm=plan.algorithm,
        seconds=by_turns(runs, rounds, time.thread_time if cpu_time else time.perf_counter),
        limit_seconds=least,
        bound_by=bound_by,
        peak=limits.peak,
        predicted_seconds=None if prediction is None else prediction.seconds,
    )


def _check(shape: Shape, plan: Conv2d | Linear, runs: dict[str, Run]) -> None:
    """Refuse to time what does not compute the same."""
    ours, theirs = runs[OURS](), runs["oneDNN"]()
    if theirs.ndim == 4:
        theirs = theirs.permute(0, 2, 3, 1)
    values = theirs.numpy()
    error = float(np.abs(values - ours).max() / np.abs(values).max())
    if not error < _LARGEST_ERROR:
        raise KernelError(f"{plan!r} and oneDNN differ by {error:.1e} of the largest value ({shape})")


def by_turns(runs: dict[str, Run], rounds: int, clock: Callable[[], float]) -> dict[str, tuple[float, ...]]:
    """Return the seconds of each one's turns: of a call, in a turn of about 2 ms."""
    repeats = {}
    for name, call in runs.items():
        call()
        began = time.perf_counter()
        call()
        repeats[name] = max(1, int(TURN_SECONDS / max(time.perf_counter() - began, 1e-7)))
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, call in runs.items():
            call()  # off the clock: the caches are still full of the one before
            began = clock()
            for _ in range(repeats[name]):
                call()
            seconds[name].append((clock() - began) / repeats[name])
    return {name: tuple(turns) for name, turns in seconds.items()}
