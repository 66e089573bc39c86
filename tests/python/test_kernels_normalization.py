"""Normalisations against float64: every variant, all ends of rows, extreme values."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dnnaccel import kernels
from dnnaccel.errors import KernelError

ISAS = kernels.isa_names()
Array = NDArray[Any]


def floats(*shape: int, seed: int = 1) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def normalised(x: Array, weight: Array, bias: Array, epsilon: float) -> Array:
    x = x.astype(np.float64)
    x = x - x.mean(-1, keepdims=True)
    return weight * x / np.sqrt((x**2).mean(-1, keepdims=True) + epsilon) + bias


def soft(x: Array, axis: int) -> Array:
    powers = np.exp(x.astype(np.float64) - x.max(axis, keepdims=True))
    return powers / powers.sum(axis, keepdims=True)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("shape", [(128, 768), (7, 37), (1, 1), (2, 3, 130), (0, 8), (5, 63)], ids=str)
def test_layer_norm_is_what_float64_says(isa: str, shape: tuple[int, ...]) -> None:
    x, residual = floats(*shape) + 2, floats(*shape, seed=2)
    weight, bias = floats(shape[-1], seed=3), floats(shape[-1], seed=4)
    plan = kernels.LayerNorm(shape, weight, bias, isa=isa)
    wanted = normalised(x, weight, bias, 1e-5)
    got = plan(x)
    assert np.abs(got - wanted).max(initial=0) <= 1e-5 * np.abs(wanted).max(initial=1)
    assert np.array_equal(kernels.LayerNorm(shape, weight, bias, isa=isa, threads=3)(x), got)
    assert np.array_equal(plan(x.copy()), kernels.layer_norm(x.astype(np.float64), weight, bias, isa=isa))
    both = kernels.LayerNorm(shape, weight, bias, residual=True, isa=isa)
    wanted = normalised(x.astype(np.float64) + residual, weight, bias, 1e-5)
    got = both(x, residual=residual)
    assert np.abs(got - wanted).max(initial=0) <= 1e-5 * np.abs(wanted).max(initial=1)
    for out in (x, residual):
        same = out.copy()
        given = (same, residual) if out is x else (x, same)
        assert np.array_equal(both(given[0], residual=given[1], out=same), got)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize(
    ("shape", "axis"),
    [
        ((12, 128, 128), -1),
        ((1, 1000), -1),
        ((3, 5, 37), 1),
        ((4, 3), 0),
        ((2, 3, 4, 5), 2),
        ((7,), 0),
        ((5, 1), -1),
        ((9, 17), 1),
        ((0, 4), 1),
    ],
    ids=str,
)
def test_softmax_is_what_float64_says(isa: str, shape: tuple[int, ...], axis: int) -> None:
    x = floats(*shape) * 5
    plan = kernels.Softmax(shape, axis=axis, isa=isa)
    got = plan(x)
    if x.size:
        wanted = soft(x, axis)
        assert np.abs(got / wanted - 1).max() < 1e-5
    assert np.array_equal(kernels.Softmax(shape, axis=axis, isa=isa, threads=3)(x), got)
    assert np.array_equal(plan(x, out=x), got)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("axis", [0, 1])
def test_softmax_of_extremes(isa: str, axis: int) -> None:
    x = floats(20, 20)
    x[3, 4], x[5, 6], x[7, 8] = 1e4, -np.inf, -1e30
    got = kernels.softmax(x, axis=axis, isa=isa)
    wanted = soft(x, axis)
    assert np.abs(got - wanted).max() < 1e-6
    assert got[5, 6] == 0
    assert got[7, 8] == 0
    for value in (np.nan, np.inf):
        x[5, 6] = value
        bad = np.isnan(kernels.softmax(x, axis=axis, isa=isa))
        touched = np.zeros_like(bad)
        touched[5 if axis == 1 else slice(None), 6 if axis == 0 else slice(None)] = True
        assert np.array_equal(bad, touched)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("beta", [0.5, 0.6, 0.75, 1.0])
@pytest.mark.parametrize(
    ("shape", "size"),
    [((1, 5, 5, 96), 5), ((2, 3, 3, 7), 9), ((1, 4, 4, 20), 4), ((1, 2, 2, 3), 40), ((1, 3, 3, 33), 1)],
    ids=str,
)
def test_lrn_is_what_float64_says(isa: str, beta: float, shape: tuple[int, ...], size: int) -> None:
    x = floats(*shape)
    squares = np.pad(x.astype(np.float64) ** 2, [(0, 0)] * 3 + [(size // 2, (size - 1) // 2)])
    total = sum(squares[..., i : i + shape[-1]] for i in range(size))
    wanted = x / (2 + 0.3 / size * total) ** beta
    plan = kernels.LRN(shape, size, alpha=0.3, beta=beta, k=2, isa=isa)
    got = plan(x)
    assert np.abs(got / wanted - 1).max() < 2e-6
    assert np.array_equal(kernels.LRN(shape, size, alpha=0.3, beta=beta, k=2, isa=isa, threads=2)(x), got)
    assert np.array_equal(plan(x, out=x), got)


@pytest.mark.parametrize("isa", ISAS)
def test_lrn_of_many_pixels_is_the_same_bits_for_any_number_of_threads(isa: str) -> None:
    x = floats(1, 55, 55, 96)
    plan = kernels.LRN(x.shape, isa=isa, threads=3)
    assert plan.threads > 1
    assert np.array_equal(plan(x), kernels.LRN(x.shape, isa=isa)(x))
    x[0, 5, 5, 50] = np.nan
    seen = np.isnan(plan(x))
    assert np.array_equal(np.argwhere(seen), [[0, 5, 5, c] for c in range(48, 53)])


def test_what_makes_no_sense_is_refused() -> None:
    ones = np.ones(4)
    for make, why in (
        (lambda: kernels.LayerNorm((2, 4), ones, ones[:3]), "one value for each of the 4 features"),
        (lambda: kernels.LayerNorm((2, 4), ones, ones, epsilon=-1), "epsilon must be a number from 0"),
        (lambda: kernels.LayerNorm((2, 0), ones, ones), "the last axis must be from 1"),
        (
            lambda: kernels.LayerNorm((1, 4), ones, ones, residual=True)(np.ones((1, 4), np.float32)),
            "made for a residual",
        ),
        (lambda: kernels.Softmax((2, 4), axis=2), "axis 2 is none of (2, 4)"),
        (lambda: kernels.LRN((1, 4), 0), "size must be from 1"),
        (lambda: kernels.LRN((1, 4), alpha=float("nan")), "alpha, beta and k must be finite"),
    ):
        with pytest.raises(KernelError, match=re.escape(why)):
            make()
