"""Products of a few rows with a matrix, which have kernels of their own, against float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dnnaccel import _core, kernels
from dnnaccel.errors import KernelError

ISAS = kernels.isa_names()


def floats(rng: np.random.Generator, *shape: int) -> NDArray[np.float32]:
    return rng.standard_normal(shape, dtype=np.float32)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("rows", [1, 2, 3, 4])
@pytest.mark.parametrize("shape", [(1, 1), (33, 5), (700, 300), (64, 1000), (17, 128)], ids=str)
def test_a_product_of_few_rows_is_what_float64_says(isa: str, rows: int, shape: tuple[int, int]) -> None:
    depth, outputs = shape
    rng = np.random.default_rng(1)
    x, w, b = floats(rng, rows, depth), floats(rng, outputs, depth), floats(rng, outputs)
    wanted = x.astype(np.float64) @ w.T.astype(np.float64) + b
    plan = kernels.Linear(x.shape, w, b, isa=isa)
    assert plan.algorithm == "gemv"
    assert plan.macs == rows * depth * outputs
    got = plan(x)
    assert np.abs(got - wanted).max() < 1e-5 * np.abs(wanted).max()
    for threads in (2, 3, 7):
        assert np.array_equal(kernels.Linear(x.shape, w, b, isa=isa, threads=threads)(x), got)
    # The same rows among more, by the other kernels: the same sums in the same order.
    many = np.concatenate([x, floats(rng, 5, depth)])
    assert np.array_equal(kernels.Linear(many.shape, w, b, isa=isa)(many)[:rows], got)
    residual = floats(rng, rows, outputs)
    clamped = kernels.Linear(x.shape, w, b, isa=isa, activation=(-1.0, 2.0))
    wanted_clamped = np.clip(wanted + residual, -1, 2)
    apart = clamped(x, residual=residual)
    assert np.abs(apart - wanted_clamped).max() < 1e-5 * np.abs(wanted).max()
    assert np.array_equal(clamped(x, residual, residual=residual), apart)


@pytest.mark.parametrize("isa", ISAS)
def test_rows_may_be_slices_of_wider_ones(isa: str) -> None:
    rng = np.random.default_rng(2)
    w, b = floats(rng, 21, 10), floats(rng, 21)
    wide, out = floats(rng, 3, 14), np.full((3, 30), 7, np.float32)
    operator = _core.linear_operator(
        input=(3, 10),
        weights=w,
        bias=b,
        threads=1,
        isa=isa,
        clamp=(-np.inf, np.inf),
        x_pitch=14,
        out_pitch=30,
    )
    assert operator.algorithm == "gemv"
    operator.run((wide[:, :10], None), (out[:, :21],))
    assert np.array_equal(out[:, :21], kernels.linear(wide[:, :10], w, b, isa=isa))
    assert (out[:, 21:] == 7).all()


@pytest.mark.parametrize("isa", ISAS)
def test_nan_and_infinity_go_through(isa: str) -> None:
    w = np.ones((9, 4), np.float32)
    x = np.ones((2, 4), np.float32)
    x[0, 1], x[1, 2] = np.nan, -np.inf
    got = kernels.Linear(x.shape, w, isa=isa, activation="relu6")(x)
    assert np.isnan(got[0]).all()
    assert (got[1] == 0).all()


def test_weights_as_large_as_huge_pages_are_packed_whole() -> None:
    rng = np.random.default_rng(3)
    for outputs in (512, 1024, 1100, 2100):
        x, w = floats(rng, 1, 512), floats(rng, outputs, 512)
        wanted = x.astype(np.float64) @ w.T.astype(np.float64)
        assert np.abs(kernels.linear(x, w) - wanted).max() < 1e-5 * np.abs(wanted).max()


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"activation": (2, 1)}, "the clamp's low end must not be above its high end"),
        ({"isa": "sse9"}, "no kernels for 'sse9'"),
    ],
)
def test_what_makes_no_sense_is_refused(options: dict[str, Any], why: str) -> None:
    with pytest.raises(KernelError, match=why):
        kernels.Linear((1, 3), np.ones((2, 3)), **options)
