"""Kernels of bfloat16 against float64 of the rounded numbers: every variant that this processor has."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from test_kernels import CASES, error, floats, reference

from dnnaccel import kernels
from dnnaccel.errors import KernelError

ISAS = kernels.isa_names("bfloat16")


def rounded(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The nearest bfloat16, halves to even, as float32."""
    bits = values.view(np.uint32).astype(np.uint64)
    bits = (bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000
    return bits.astype(np.uint32).view(np.float32)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[1]}")
def test_a_convolution_is_that_of_the_rounded_numbers(isa: str, case: tuple[Any, ...]) -> None:
    x_shape, (outputs, rows, columns), options = case
    rng = np.random.default_rng(3)
    x = floats(rng, *x_shape)
    w = floats(rng, outputs, x_shape[3] // options.get("groups", 1), rows, columns)
    b = floats(rng, outputs)
    wanted = reference(rounded(x), rounded(w), b, **options)
    plan = kernels.Conv2dBf16(x_shape, w, b, isa=isa, **options)
    assert plan.isa == isa
    got = plan(x)
    assert error(got, wanted) < 1e-5
    for threads in (2, 5):
        assert np.array_equal(kernels.Conv2dBf16(x_shape, w, b, isa=isa, threads=threads, **options)(x), got)
    residual = floats(rng, *plan.out_shape)
    clamped = kernels.Conv2dBf16(x_shape, w, b, isa=isa, activation="relu", **options)
    after = np.maximum(wanted + residual, 0)
    assert np.abs(clamped(x, residual=residual) - after).max() < 1e-5 * np.abs(wanted).max()
    apart = clamped(x, residual=residual)
    assert np.array_equal(clamped(x, out=residual, residual=residual), apart)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("shape", [(1, 1000), (7, 33), (2, 3, 5, 64), (17,), (0, 12), (3, 1), (5, 2), (4, 3)])
def test_a_matrix_product_is_that_of_the_rounded_numbers(isa: str, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(4)
    x, w = floats(rng, *shape), floats(rng, 70, shape[-1])
    wanted = rounded(x).astype(np.float64) @ rounded(w).T.astype(np.float64)
    got = kernels.LinearBf16(shape, w, isa=isa)(x)
    assert np.abs(got - wanted).max(initial=0) <= 1e-5 * np.abs(wanted).max(initial=0)


@pytest.mark.parametrize("isa", ISAS)
def test_halves_are_rounded_to_even_and_nan_stays_one(isa: str) -> None:
    x = np.array([257, 259, -257, 258, np.inf, -np.inf, np.nan, 1e-3] * 3, np.float32).reshape(-1, 1)
    x.view(np.uint32)[6] = 0x7F800001  # rounded like a number it would become infinite
    got = kernels.LinearBf16(x.shape, np.ones((1, 1)), isa=isa)(x)
    assert got[:6, 0].tolist() == [256, 260, -256, 258, np.inf, -np.inf]
    assert np.isnan(got[[6, 14, 22], 0]).all()


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(KernelError, match="no kernels for 'sse9' run on this machine"):
        kernels.Conv2dBf16((1, 4, 4, 3), np.ones((2, 3, 1, 1)), isa="sse9")
    with pytest.raises(KernelError, match="the bias must be one value for each of the 2 outputs"):
        kernels.LinearBf16((4, 3), np.ones((2, 3)), np.ones(3))
    with pytest.raises(KernelError, match="the input must be of float32, not float64"):
        kernels.LinearBf16((4, 3), np.ones((2, 3)))(np.ones((4, 3)))  # type: ignore[arg-type]
