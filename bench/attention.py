"""How fast attention and products of matrices are, beside the processor's peak and other libraries.

    python bench/attention.py
    python bench/attention.py --threads 2

Where torch and onnxruntime (with onnx) are installed in this Python, they are timed by turns in the same
run, and the better of them is compared:

    pip install torch==2.13.0 onnxruntime onnx
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator

import numpy as np
from peer_attention import ATTENTION_MAKERS, PRODUCT_MAKERS, AttentionCase, ProductCase
from rich import box
from rich.console import Console
from rich.table import Table

from dnnaccel import kernels
from dnnaccel.benchmark.job import TURN_SECONDS
from dnnaccel.benchmark.limits import measure_peak
from dnnaccel.benchmark.result import OURS
from dnnaccel.benchmark.shapes import Run

CASES: tuple[AttentionCase | ProductCase, ...] = (
    AttentionCase("BERT-base, 128 tokens", 1, 128, 128, 12, 64),
    AttentionCase("BERT-base, 512 tokens", 1, 512, 512, 12, 64),
    AttentionCase("BERT-base, 8 x 128 tokens", 8, 128, 128, 12, 64),
    AttentionCase("GPT-2, 1024 tokens", 1, 1024, 1024, 12, 64, causal=True),
    AttentionCase("ViT-B/16, 197 tokens", 1, 197, 197, 12, 64),
    AttentionCase("GPT-2, a token after 1023", 1, 1, 1024, 12, 64),
    AttentionCase("GPT-2, a token after 63", 1, 1, 64, 12, 64),
    ProductCase(12, 128, 64, 128),
    ProductCase(12, 128, 64, 128, transposed=True),
    ProductCase(12, 128, 128, 64),
    ProductCase(12, 512, 64, 512, transposed=True),
    ProductCase(8, 256, 256, 256),
    ProductCase(1, 1024, 1024, 1024),
    ProductCase(12, 1, 64, 1024, transposed=True),
    ProductCase(16, 16, 16, 16),
)


def ours(case: AttentionCase | ProductCase, threads: int) -> Run:
    inputs = []
    for values in case.inputs():
        inputs.append(kernels.empty(values.shape))
        inputs[-1][...] = values
    shapes = [x.shape for x in inputs]
    plan: kernels.Attention | kernels.MatMul
    if isinstance(case, AttentionCase):
        plan = kernels.Attention(*shapes, heads=case.heads, causal=case.causal, threads=threads)
    else:
        plan = kernels.MatMul(*shapes, transpose_b=case.transposed, threads=threads)
    out = kernels.empty(plan.out_shape)
    return lambda: plan(*inputs, out=out)


def contenders(case: AttentionCase | ProductCase, threads: int) -> Iterator[tuple[str, Run]]:
    """Give a function for each library that computes the case; all are held against ours."""
    mine = ours(case, threads)
    yield OURS, mine
    wanted = mine().copy()
    makers = ATTENTION_MAKERS if isinstance(case, AttentionCase) else PRODUCT_MAKERS
    for name, make in makers.items():
        run = make(case, threads)  # type: ignore[operator]
        if run is None:
            continue
        error = np.abs(run() - wanted).max() / np.abs(wanted).max()
        assert error < 2e-5, f"{case.name}: {name} differs by {error:.1e}"
        yield name, run


def measure(runs: dict[str, Run], rounds: int, clock: Callable[[], float]) -> dict[str, list[float]]:
    """Time every library by turns: seconds of one run in each turn."""
    repeats = {}
    for name, run in runs.items():
        run()
        began = time.perf_counter()
        run()
        repeats[name] = max(1, int(TURN_SECONDS / max(time.perf_counter() - began, 1e-7)))
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            began = clock()
            for _ in range(repeats[name]):
                run()
            seconds[name].append((clock() - began) / repeats[name])
    return seconds


def row_of(case: AttentionCase | ProductCase, seconds: dict[str, list[float]], peak: float) -> list[str]:
    mine = seconds.pop(OURS)
    speed = 2e-9 * case.macs / min(mine)
    row = [
        case.name,
        f"{case.macs / 1e6:.1f}",
        f"{min(mine) * 1e6:.1f}",
        f"{statistics.median(mine) * 1e6:.1f}",
    ]
    row += [f"{speed:.1f}", f"{100 * speed / peak:.0f}"]
    for name in ("torch", "ORT"):
        theirs = [turns for peer, turns in seconds.items() if peer.startswith(name)]
        if not theirs:
            row += ["", "", ""]
            continue
        best = min(theirs, key=min)
        row += [f"{min(best) * 1e6:.1f}", f"{min(best) / min(mine):.2f}"]
        row += [f"{statistics.median(best) / statistics.median(mine):.2f}"]
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=15, help="turns of each library at each case")
    parser.add_argument("--only", default="", help="cases whose name has this in it")
    parser.add_argument(
        "--cpu-time",
        action="store_true",
        help="the calling thread's CPU time, which a loaded machine disturbs less; for one thread only",
    )
    given = parser.parse_args()
    if given.cpu_time and given.threads != 1:
        parser.error("--cpu-time sees the calling thread alone: use it with one thread")
    clock = time.thread_time if given.cpu_time else time.perf_counter
    peak = 1e-9 * measure_peak(given.threads)
    table = Table(box=box.MARKDOWN)
    table.add_column("case")
    for name in ("M MACs", "us", "median", "GFLOP/s", "% of peak", "torch us", "ratio", "of medians"):
        table.add_column(name, justify="right")
    for name in ("ORT us", "ratio", "of medians"):
        table.add_column(name, justify="right")
    for case in CASES:
        if given.only in case.name:
            seconds = measure(dict(contenders(case, given.threads)), given.rounds, clock)
            table.add_row(*row_of(case, seconds, peak))
    print(
        f"{kernels.isa_names()[0]} kernels, peak {peak:.0f} GFLOP/s; best and median of {given.rounds} turns"
    )
    Console(width=200).print(table)


if __name__ == "__main__":
    main()
