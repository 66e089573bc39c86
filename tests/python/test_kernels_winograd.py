"""Winograd's algorithm against float64, and when it is taken."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from test_kernels import ISAS, error, floats, reference

from dnnaccel import kernels
from dnnaccel.errors import KernelError

SAME = ((1, 1), (1, 1))
# x_shape, outputs, padding: tiles cut at the border, channels that fill no vector, several blocks and images.
CASES: list[tuple[tuple[int, int, int, int], int, tuple[tuple[int, int], tuple[int, int]]]] = [
    ((1, 56, 56, 64), 64, SAME),
    ((1, 14, 14, 256), 96, SAME),
    ((1, 7, 7, 512), 40, SAME),
    ((7, 7, 9, 17), 33, SAME),
    ((2, 12, 13, 5), 130, ((0, 0), (0, 0))),
    ((1, 3, 3, 1), 1, ((0, 0), (0, 0))),
    ((1, 1, 35, 16), 3, ((1, 1), (0, 2))),
    ((3, 4, 1, 20), 48, ((5, 7), (9, 6))),
]


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[1]}")
def test_it_is_what_float64_says(isa: str, case: tuple[Any, ...]) -> None:
    x_shape, outputs, padding = case
    rng = np.random.default_rng(21)
    x, w, b = floats(rng, *x_shape), floats(rng, outputs, x_shape[3], 3, 3), floats(rng, outputs)
    wanted = reference(x, w, b, padding=padding)
    plan = kernels.Conv2d(x_shape, w, b, padding=padding, algorithm="winograd", isa=isa)
    assert (plan.algorithm, plan.isa, plan.out_shape) == ("winograd", isa, wanted.shape)
    got = plan(x)
    assert error(got, wanted) < 1e-5
    for threads in (2, 5):
        shared = kernels.Conv2d(
            x_shape, w, b, padding=padding, algorithm="winograd", isa=isa, threads=threads
        )
        assert np.array_equal(shared(x), got)
    residual = floats(rng, *wanted.shape)
    out = residual.copy()
    clamped = kernels.Conv2d(
        x_shape, w, b, padding=padding, algorithm="winograd", isa=isa, activation=(-3, 5)
    )
    clamped(x, out=out, residual=out)
    most = np.abs(wanted).max()
    curved = kernels.Conv2d(
        x_shape, w, b, padding=padding, algorithm="winograd", isa=isa, activation="sigmoid"
    )
    assert np.abs(curved(x) - 1 / (1 + np.exp(-wanted))).max() < 1e-5 * most
    assert np.abs(out - np.clip(wanted + residual, -3, 5)).max() < 1e-5 * most


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("channels", [64, 512])
def test_its_error_is_within_the_bound_that_it_states(isa: str, relu: bool, channels: int) -> None:
    rng = np.random.default_rng(22)
    x, w = floats(rng, 1, 12, 12, channels), floats(rng, 64, channels, 3, 3)
    if relu:
        x = np.maximum(x, 0)
    wanted = reference(x, w, padding=SAME)
    got = kernels.Conv2d(x.shape, w, padding=1, algorithm="winograd", isa=isa)(x)
    assert error(got, wanted) < kernels.winograd_error(channels)


def test_auto_takes_it_only_where_its_error_is_accepted_and_it_pays() -> None:
    w = np.ones((64, 64, 3, 3), np.float32)

    def algorithm(shape: tuple[int, ...] = (1, 28, 28, 64), **options: Any) -> str:
        return kernels.Conv2d(shape, w, **{"padding": 1, **options}).algorithm

    assert algorithm() == "gemm"
    assert algorithm(error_bound=1e-4) == "winograd"
    assert algorithm(error_bound=kernels.winograd_error(64)) == "winograd"
    assert algorithm(error_bound=kernels.winograd_error(64) / 2) == "gemm"
    assert algorithm(error_bound=1e-4, stride=2) == "gemm"
    assert algorithm(error_bound=1e-4, dilation=2, padding=2) == "gemm"
    assert algorithm((1, 7, 7, 64), error_bound=1e-4) == "gemm"
    assert algorithm((1, 64, 28, 28), error_bound=1e-4, layout="NCHW") == "gemm"
    assert algorithm(error_bound=1e-4, algorithm="gemm") == "gemm"
    assert algorithm(error_bound=1e-4, tiling=[("M", 64)]) == "tiled"
    deep = np.ones((32, 2048, 3, 3), np.float32)
    assert kernels.Conv2d((1, 12, 12, 2048), deep, padding=1, error_bound=1e-5).algorithm == "gemm"
    for bound in (0, -1.0, float("nan"), "1e-4"):
        with pytest.raises(KernelError, match="error_bound must be a number above 0 or None"):
            algorithm(error_bound=bound)


def test_nan_and_infinity_spread_over_the_tiles_that_see_them_and_no_further() -> None:
    rng = np.random.default_rng(23)
    x, w = floats(rng, 1, 12, 12, 8), floats(rng, 16, 8, 3, 3)
    x[0, 1, 1, 3] = np.inf
    got = kernels.Conv2d(x.shape, w, padding=1, algorithm="winograd")(x)
    assert not np.isfinite(got[0, :4, :4]).any()
    assert np.isfinite(got[0, 4:]).all()
    assert np.isfinite(got[0, :, 4:]).all()


def test_an_empty_batch_and_what_is_refused() -> None:
    w = np.ones((4, 6, 3, 3), np.float32)
    empty = kernels.Conv2d((0, 5, 5, 6), w, algorithm="winograd")
    assert empty(np.ones((0, 5, 5, 6), np.float32)).shape == (0, 3, 3, 4)
    with pytest.raises(KernelError, match="3x3, stride 1, dilation 1 and one group, not 3x3, stride 2"):
        kernels.Conv2d((1, 5, 5, 6), w, algorithm="winograd", stride=2)
    with pytest.raises(KernelError, match="not 3x3, stride 1, dilation 1 and 2 groups"):
        kernels.Conv2d((1, 5, 5, 12), w, algorithm="winograd", groups=2)
    with pytest.raises(KernelError, match="not 1x3, stride 1"):
        kernels.Conv2d((1, 5, 5, 6), w[:, :, :1], algorithm="winograd")
    with pytest.raises(KernelError, match='winograd is for layout="NHWC"'):
        kernels.Conv2d((1, 6, 5, 5), w, algorithm="winograd", layout="NCHW")
    with pytest.raises(KernelError, match='tiling is for layout="NHWC" and algorithm="auto"'):
        kernels.Conv2d((1, 5, 5, 6), w, algorithm="winograd", tiling=[("M", 2)])
