"""Loop nests that a person gives: any of them computes the convolution."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from test_kernels import CASES, ISAS, error, floats, reference

import dnnaccel as da
from dnnaccel import kernels
from dnnaccel.errors import KernelError, UnknownNameError

DIMS = "NGMCPQRS"


def random_loops(rng: np.random.Generator, bounds: dict[str, int]) -> list[tuple[str, int]]:
    """Loops in any order that cut each dim up to three times, into tiles that need not divide it."""
    left = dict(bounds)
    loops = []
    for _ in range(int(rng.integers(0, 14))):
        dim = str(rng.choice(list(DIMS)))
        if left[dim] > 1:
            left[dim] = int(rng.integers(1, left[dim] + 1))
            loops.append((dim, left[dim]))
    return loops


def bounds_of(
    x_shape: tuple[int, ...], w_shape: tuple[int, ...], out: tuple[int, ...], groups: int
) -> dict[str, int]:
    outputs, channels, rows, columns = w_shape
    sizes = (x_shape[0], groups, outputs // groups, channels, out[1], out[2], rows, columns)
    return dict(zip(DIMS, sizes, strict=True))


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[1]}")
def test_every_nest_is_the_convolution(isa: str, case: tuple[Any, ...]) -> None:
    x_shape, (outputs, rows, columns), options = case
    rng = np.random.default_rng(11)
    groups = options.get("groups", 1)
    x = floats(rng, *x_shape)
    w = floats(rng, outputs, x_shape[3] // groups, rows, columns)
    b = floats(rng, outputs)
    wanted = reference(x, w, b, **options)
    residual = floats(rng, *wanted.shape)
    clamped = np.maximum(wanted + residual, 0)
    most = np.abs(wanted).max()
    plain = kernels.Conv2d(x_shape, w, b, isa=isa, **options)
    for _ in range(6):
        loops = random_loops(rng, bounds_of(x_shape, w.shape, wanted.shape, groups))
        plan = kernels.Conv2d(x_shape, w, b, isa=isa, tiling=loops, **options)
        assert plan.algorithm == "tiled"
        assert plan.isa == isa
        assert plan.macs == plain.macs
        got = plan(x)
        assert error(got, wanted) < 1e-5, loops
        threaded = kernels.Conv2d(x_shape, w, b, isa=isa, tiling=loops, threads=3, **options)
        assert np.array_equal(threaded(x), got), loops
        both = kernels.Conv2d(x_shape, w, b, isa=isa, tiling=loops, activation="relu", **options)
        out = residual.copy()
        assert np.abs(both(x, out=out, residual=out) - clamped).max() < 1e-5 * most, loops
        curved = kernels.Conv2d(x_shape, w, b, isa=isa, tiling=loops, activation="tanh", **options)
        assert np.abs(curved(x) - np.tanh(wanted)).max() < 1e-5 * most, loops


@pytest.mark.parametrize("isa", ISAS)
def test_every_nest_is_the_matrix_product(isa: str) -> None:
    rng = np.random.default_rng(12)
    x, w, b = floats(rng, 3, 5, 40), floats(rng, 70, 40), floats(rng, 70)
    wanted = x.astype(np.float64) @ w.T.astype(np.float64) + b
    bounds = dict.fromkeys(DIMS, 1) | {"N": 15, "M": 70, "C": 40}
    for _ in range(20):
        loops = random_loops(rng, bounds)
        plan = kernels.Linear(x.shape, w, b, isa=isa, tiling=loops)
        assert plan.out_shape == wanted.shape
        assert error(plan(x), wanted) < 1e-5, loops
        assert np.array_equal(kernels.Linear(x.shape, w, b, isa=isa, tiling=loops, threads=2)(x), plan(x))


def test_sums_are_in_the_order_that_the_nest_says() -> None:
    # 2**24 + 1 is no float32: whether a small value survives depends on what it is added to first.
    x = np.ones((1, 1, 1, 3), np.float32)
    w = np.array([2.0**24, 1, -(2.0**24)], np.float32).reshape(1, 3, 1, 1)
    assert kernels.Conv2d(x.shape, w, tiling=[("C", 1)])(x)[0, 0, 0, 0] == 0
    w = w[:, [0, 2, 1]]
    assert kernels.Conv2d(x.shape, w, tiling=[("C", 1)])(x)[0, 0, 0, 0] == 1
    # Four pixels of a tile more than registers hold: the loop over rows is outside, that over channels in it.
    x = np.ones((1, 2, 64, 2), np.float32)
    w = np.zeros((1, 2, 2, 1), np.float32)
    w[0, :, 0, 0] = 2.0**24, 1
    w[0, :, 1, 0] = -(2.0**24), 1
    channels_last = kernels.Conv2d(x.shape, w, tiling=[("R", 1)])(x)
    channels_first = kernels.Conv2d(x.shape, w, tiling=[("C", 1)])(x)
    assert np.all(channels_last == 1)  # 2**24, + 1 lost, - 2**24, + 1
    assert np.all(channels_first == 2)  # 2**24, - 2**24, + 1, + 1


def test_a_mapping_is_run_down_to_the_registers() -> None:
    mapping = da.Mapping.parse(
        """
        dram [inputs, weights, outputs]
          for M in 0..64 step 32
        l2 [inputs, weights, outputs]
          for P step 2
          for C step 8
        cores.rows
          par P step 1
        registers [outputs]
          for M step 16
        simd.rows
          par M step 1
        """
    )
    assert kernels.Tiling.of(mapping).loops == (("M", 32), ("P", 2), ("C", 8), ("P", 1))
    without = da.Mapping(mapping.levels[:2])
    assert kernels.Tiling.of(without).loops == (("M", 32), ("P", 2), ("C", 8))
    levels = {"l2": {"M": 32, "P": 2}, "l1": [("C", 8), ("P", 1)]}
    assert kernels.Tiling.of(levels).loops == (("M", 32), ("P", 2), ("C", 8), ("P", 1))
    rng = np.random.default_rng(13)
    x, w = floats(rng, 1, 6, 5, 16), floats(rng, 64, 16, 3, 3)
    plan = kernels.Conv2d(x.shape, w, padding=1, tiling=mapping)
    assert error(plan(x), reference(x, w, padding=((1, 1), (1, 1)))) < 1e-5


def test_nan_and_infinity_pass() -> None:
    x = np.zeros((1, 3, 3, 4), np.float32)
    x[0, 1, 1] = np.nan, np.inf, 1, 1
    w = np.ones((5, 4, 1, 1), np.float32)
    y = kernels.Conv2d(x.shape, w, tiling=[("C", 2), ("Q", 2)], activation="relu")(x)
    assert np.isnan(y[0, 1, 1]).all()
    assert np.all(np.delete(y.reshape(9, 5), 4, axis=0) == 0)
    x[0, 1, 1, 0] = 0
    assert np.all(kernels.Conv2d(x.shape, w, tiling=[("C", 2), ("Q", 2)])(x)[0, 1, 1] == np.inf)


def test_an_empty_batch_and_what_is_refused() -> None:
    w = np.ones((4, 3, 3, 3), np.float32)
    shape = (1, 5, 5, 3)
    assert kernels.Conv2d((0, 5, 5, 3), w, tiling=[("M", 2)])(np.ones((0, 5, 5, 3), np.float32)).size == 0
    with pytest.raises(UnknownNameError, match="unknown dim 'K'"):
        kernels.Conv2d(shape, w, tiling=[("K", 2)])
    with pytest.raises(KernelError, match="over M has tile 0; it must be at least 1"):
        kernels.Conv2d(shape, w, tiling=[("M", 0)])
    with pytest.raises(KernelError, match=r"a loop is \(dim, tile\), as in \('M', 64\), not 'M'"):
        kernels.Conv2d(shape, w, tiling=["M"])  # type: ignore[list-item]
    with pytest.raises(KernelError, match="tiling must be a Tiling, a Mapping or loops"):
        kernels.Conv2d(shape, w, tiling=3)  # type: ignore[arg-type]
    with pytest.raises(KernelError, match='tiling is for layout="NHWC" and algorithm="auto"'):
        kernels.Conv2d((1, 3, 5, 5), w, tiling=[("M", 2)], layout="NCHW")
    with pytest.raises(KernelError, match="at most 64 loops, not 65"):
        kernels.Conv2d(shape, w, tiling=[("M", 2)] * 65)
