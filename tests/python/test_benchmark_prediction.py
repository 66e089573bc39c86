"""What the cost model says of our plans' tilings, on a machine of given figures."""

from __future__ import annotations

import pytest

import dnnaccel as da
from dnnaccel.arch.host import HostFigures, HostMemory
from dnnaccel.benchmark import Limits, MemoryLimit
from dnnaccel.benchmark.prediction import chip_within, predict
from dnnaccel.benchmark.shapes import distinct, operands
from dnnaccel.layers import Conv2d, DepthwiseConv2d, Flatten, Linear

CLOCK = 4e9
PEAK = 2 * 32 * CLOCK  # of one core: 32 multiply-accumulates a cycle


def memory(name: str, size: int | None, shared: int, cycle_bytes: float) -> HostMemory:
    return HostMemory(
        name=name,
        size_bytes=size,
        line_bytes=64,
        shared_by=shared,
        threads=shared,
        working_set_bytes=1,
        read_bytes_per_second=cycle_bytes * CLOCK,
        write_bytes_per_second=cycle_bytes * CLOCK / 2,
    )


FIGURES = HostFigures(
    processor="made up",
    cores=2,
    instructions="avx512",
    lanes=16,
    clock_hz=CLOCK,
    macs_per_second=PEAK / 2,
    memories=(
        memory("l1", 48 * 2**10, 1, 128),
        memory("l2", 2**20, 1, 64),
        memory("l3", 2**25, 2, 32),
        memory("dram", None, 2, 8),
    ),
    source="a test",
)


def limits(threads: int) -> Limits:
    copies = {"l1": threads, "l2": threads}
    return Limits(
        threads=threads,
        peak=PEAK * threads,
        memories=tuple(
            MemoryLimit(
                name=m.name,
                size_bytes=m.size_bytes and m.size_bytes * copies.get(m.name, 1),
                read=m.read_bytes_per_second * copies.get(m.name, 1),
                write=m.write_bytes_per_second * copies.get(m.name, 1),
            )
            for m in FIGURES.memories
        ),
    )


@pytest.fixture(scope="module")
def net() -> da.Network:
    layers = (
        Conv2d(name="dense", inputs=("x",), out_channels=128, kernel=3, padding=1),
        Conv2d(name="strided", inputs=("dense",), out_channels=40, kernel=1, stride=2),
        DepthwiseConv2d(name="wise", inputs=("strided",), kernel=3, padding=1),
        Conv2d(name="grouped", inputs=("dense",), out_channels=128, kernel=3, padding=1, groups=32),
        Flatten(name="flat", inputs=("wise",)),
        Linear(name="fc", inputs=("flat",), out_features=100),
    )
    return da.Network("net", layers, inputs={"x": (1, 64, 28, 28)})


def test_a_core_is_as_fast_as_the_limits_say() -> None:
    one, two = chip_within(FIGURES, limits(1)), chip_within(FIGURES, limits(2))
    assert (one.peak_macs_per_cycle, two.peak_macs_per_cycle) == (32, 64)
    assert one.clock_mhz == two.clock_mhz == CLOCK / 1e6
    assert "cores" not in one.level_names
    assert [m.read_bytes_per_cycle for m in two.memories[1:-1]] == [32, 64, 128]


@pytest.mark.parametrize("threads", [1, 2])
def test_every_layer_has_a_prediction_near_what_bounds_it(net: da.Network, threads: int) -> None:
    chip = chip_within(FIGURES, limits(threads))
    predictions = {}
    for shape, (where, layer) in distinct([net]).items():
        plan = shape.plan(operands(shape), threads)
        found = predict(layer, plan, chip)
        assert found is not None, where
        assert da.evaluate(layer, chip, found.mapping).seconds >= found.seconds  # it may be cold there
        assert found.seconds >= layer.macs * 2 / (PEAK * threads) * 0.99
        predictions[where.partition(":")[2]] = (found, layer)
    dense, layer = predictions["dense"]
    # Bound by the products, or by reading weights from the second cache for each few pixels.
    assert dense.seconds < 1.5 * layer.macs * 2 / (PEAK * threads)
    fc, layer = predictions["fc"]
    assert fc.bound_by not in ("compute", "l1")


def test_weights_that_no_cache_holds_come_from_memory() -> None:
    layer = Linear(name="large", inputs=("x",), out_features=4096)
    net = da.Network("large", (layer,), inputs={"x": (1, 4096)})
    ((shape, (_, layer)),) = distinct([net]).items()
    found = predict(net["large"], shape.plan(operands(shape), 1), chip_within(FIGURES, limits(1)))
    assert found is not None
    assert found.bound_by == "dram"
    assert found.seconds == pytest.approx(4 * 4096 * 4096 / (8 * CLOCK), rel=0.02)


def test_a_plan_that_does_not_say_how_it_is_tiled_has_none(net: da.Network) -> None:
    layer = net["dense"]
    (shape,) = [shape for shape, (_, other) in distinct([net]).items() if other is layer]
    tiled = da.kernels.Conv2d((1, 28, 28, 64), operands(shape).w, padding=1, tiling=[("M", 64)])
    assert predict(layer, tiled, chip_within(FIGURES, limits(1))) is None
