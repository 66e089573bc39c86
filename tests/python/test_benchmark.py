"""The benchmark of the kernels: what it times, what it holds that against, and what it prints."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import dnnaccel as da
from dnnaccel.benchmark import Benchmark, Limits, MemoryLimit, Timing, run
from dnnaccel.benchmark.result import OURS
from dnnaccel.benchmark.shapes import Convolution, Product, bytes_of, distinct, operands
from dnnaccel.cli import cli
from dnnaccel.errors import KernelError, UnknownNameError
from dnnaccel.layers import Conv2d, DepthwiseConv2d, Flatten, Linear, ReLU


@pytest.fixture(scope="module")
def tiny() -> da.Network:
    layers = (
        Conv2d(name="first", inputs=("x",), out_channels=8, kernel=3, padding=1),
        DepthwiseConv2d(name="wise", inputs=("first",), kernel=3, stride=2, padding=1),
        ReLU(name="relu", inputs=("wise",)),
        DepthwiseConv2d(name="other", inputs=("relu",), kernel=3, padding=1),
        DepthwiseConv2d(name="same", inputs=("other",), kernel=3, padding=1),
        Flatten(name="flat", inputs=("same",)),
        Linear(name="fc", inputs=("flat",), out_features=10),
    )
    return da.Network("tiny", layers, inputs={"x": (1, 3, 8, 8)})


@pytest.fixture(scope="module")
def result(tiny: da.Network) -> Benchmark:
    return run([tiny], threads=[1, 2], rounds=2, peers=[])


def limits(threads: int = 1) -> Limits:
    memories = (
        MemoryLimit(name="l1", size_bytes=1_000, read=100.0, write=50.0),
        MemoryLimit(name="dram", size_bytes=None, read=10.0, write=5.0),
    )
    return Limits(threads=threads, peak=1000.0, memories=memories)


def test_each_distinct_layer_is_timed_once_where_it_stands_first(tiny: da.Network) -> None:
    found = distinct([tiny, tiny])
    assert [where for where, _ in found.values()] == ["tiny:first", "tiny:wise", "tiny:other", "tiny:fc"]
    assert [shape.kind for shape in found] == [
        "first layer",
        "depthwise",
        "depthwise",
        "fully connected, 1 vector",
    ]
    for shape, (_, layer) in found.items():
        assert shape.macs == layer.macs


def test_plans_of_the_shapes_compute_their_layers(tiny: da.Network) -> None:
    shapes = list(distinct([tiny]))
    for shape in shapes:
        given = operands(shape)
        plan = shape.plan(given, 1)
        assert plan.out_shape == shape.out_shape
        assert np.isfinite(plan(given.x)).all()
    wise, fc = shapes[1], shapes[3]
    assert isinstance(wise, Convolution)
    assert isinstance(fc, Product)
    assert str(wise) == "8x8x8 -> 8, 3x3 /2 g8"
    assert str(fc) == "1 x 128 -> 10"


def test_a_layer_waits_for_what_takes_longest() -> None:
    # 10 inputs, 100 weights and 10 outputs fit the cache; 100 x 100 weights do not.
    small, large = Product((1, 10), (10, 10)), Product((1, 100), (100, 100))
    assert bytes_of(small) == (440, 40)
    seconds, bound = limits().seconds(small)
    assert (seconds, bound) == (pytest.approx(440 / 100 + 40 / 50), "l1")
    seconds, bound = limits().seconds(large)
    assert (seconds, bound) == (pytest.approx(40_400 / 10 + 400 / 5), "dram")
    busy = Product((64, 4), (4, 4))
    fast = Limits(threads=1, peak=1.0, memories=limits().memories)
    assert fast.seconds(busy) == (2 * 64 * 16, "compute")


def test_a_benchmark_has_a_row_for_each_layer_and_number_of_threads(result: Benchmark) -> None:
    assert [(timing.layer, timing.threads) for timing in result.timings] == [
        (f"tiny:{layer}", threads) for threads in (1, 2) for layer in ("first", "wise", "other", "fc")
    ]
    for timing in result.timings:
        assert len(timing.seconds[OURS]) == 2
        assert timing.limit_seconds > 0
        assert timing.best_peer is None
        assert timing.ratio() is None
        assert timing.flops_per_second == 2 * timing.macs / min(timing.seconds[OURS])
    one, two = result.limits
    assert two.peak == pytest.approx(2 * one.peak, rel=0.9)
    assert [memory.size_bytes is None for memory in one.memories] == [
        *[False] * (len(one.memories) - 1),
        True,
    ]


def test_ratios_are_of_the_fastest_other(result: Benchmark) -> None:
    row = result.timings[0].to_row()
    timing = Timing(
        **{
            name: row[name]
            for name in ("layer", "shape", "kind", "threads", "macs", "bytes", "algorithm", "bound_by")
        },
        seconds={OURS: (2.0, 3.0, 10.0), "slow": (9.0, 9.0, 9.0), "fast": (1.0, 6.0, 8.0)},
        limit_seconds=0.5,
        peak=100.0,
        predicted_seconds=4.0,
    )
    assert timing.best_peer == "fast"
    assert timing.ratio() == 0.5
    assert timing.to_row()["ratio_of_medians"] == 2.0
    assert timing.limit_fraction == 0.25
    shown = Benchmark(
        processor="x", isa="y", clock="wall", rounds=3, limits=(limits(timing.threads),), timings=(timing,)
    ).to_text(width=300)
    assert "fast" in shown
    assert "0.50" in shown  # the ratio
    assert "2.00" in shown  # of medians, and predicted over measured


def test_a_benchmark_can_be_kept(result: Benchmark, tmp_path: Path) -> None:
    kept = json.loads(result.to_json())
    assert [row["layer"] for row in kept["timings"]] == [timing.layer for timing in result.timings]
    assert kept["timings"][0]["seconds"][OURS] == list(result.timings[0].seconds[OURS])
    assert result.to_csv().count("\n") == 1 + len(result.timings)
    assert list(result.to_dataframe()["macs"]) == [timing.macs for timing in result.timings]
    result.plot(tmp_path / "roof.svg")
    picture = (tmp_path / "roof.svg").read_text(encoding="utf-8")
    assert "GFLOP/s" in picture or "<path" in picture
    assert "<table>" in result._repr_html_()
    assert repr(result).startswith("Benchmark(8 timings with 1, 2 threads")


@pytest.mark.parametrize(
    ("wrong", "error", "says"),
    [
        ({"threads": [0]}, KernelError, "threads must be numbers from 1"),
        ({"threads": []}, KernelError, "threads must be numbers from 1"),
        ({"rounds": 0}, KernelError, "rounds must be at least 1"),
        ({"threads": [2], "cpu_time": True}, KernelError, "cpu_time needs"),
        ({"peers": ["ort"]}, UnknownNameError, "ORT"),
        ({"networks": ["lenet"]}, UnknownNameError, "lenet5"),
    ],
)
def test_requests_that_make_no_sense_are_refused(wrong: dict, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        run(**wrong)


def test_the_command_prints_a_table_and_draws(tmp_path: Path) -> None:
    picture = tmp_path / "roof.png"
    arguments = [
        "bench",
        "lenet5",
        "--threads",
        "1",
        "--rounds",
        "1",
        "--peers",
        "none",
        "--plot",
        str(picture),
    ]
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 0, done.output
    assert "lenet5:conv2" in done.output
    assert "peak" in done.output
    assert picture.stat().st_size > 1000
    summary = CliRunner().invoke(cli, [*arguments[:8], "--summary"])
    assert "lenet5:conv2" not in summary.output
    assert "fully connected, 1 vector" in summary.output
