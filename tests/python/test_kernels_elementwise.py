"""Functions of one value, sums and products against float64: every variant, all ends of rows, NaN."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dnnaccel import _core, kernels
from dnnaccel.errors import KernelError, UnknownNameError

ISAS = kernels.isa_names()
Array = NDArray[Any]
SHAPES = [(1,), (3, 77), (2, 3, 4, 37), (1, 28, 28, 160), (0, 4), (65,)]
erf = np.vectorize(math.erf, otypes=[np.float64])


def floats(*shape: int, seed: int = 1) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32) * 3


def gelu_by_tanh(x: Array) -> Array:
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


FUNCTIONS: dict[str, tuple[Callable[..., Any], dict[str, Any], Callable[[Array], Array]]] = {
    "sigmoid": (kernels.Sigmoid, {}, lambda x: 1 / (1 + np.exp(-x))),
    "tanh": (kernels.Tanh, {}, np.tanh),
    "gelu": (kernels.GELU, {}, lambda x: 0.5 * x * (1 + erf(x / math.sqrt(2)))),
    "gelu_tanh": (kernels.GELU, {"approximate": "tanh"}, gelu_by_tanh),
    "scale": (kernels.Scale, {"factor": -0.37}, lambda x: float(np.float32(-0.37)) * x),
    "clamp": (kernels.Clamp, {"low": -1, "high": 2}, lambda x: np.clip(x, -1, 2)),
}


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_function_is_what_float64_says(isa: str, name: str, shape: tuple[int, ...]) -> None:
    make, options, function = FUNCTIONS[name]
    x = floats(*shape)
    wanted = function(x.astype(np.float64))
    got = make(shape, isa=isa, **options)(x)
    if x.size:
        assert np.abs(got - wanted).max() <= 2e-6 * np.abs(wanted).max()
    assert np.array_equal(make(shape, isa=isa, threads=3, **options)(x), got)
    make(shape, isa=isa, **options)(x, out=x)
    assert np.array_equal(x, got)


@pytest.mark.parametrize("isa", ISAS)
def test_functions_keep_their_digits_where_they_are_small(isa: str) -> None:
    x = np.linspace(-11, 11, 10_001, dtype=np.float32)
    exact = x.astype(np.float64)
    erfc = np.vectorize(math.erfc, otypes=[np.float64])
    for got, wanted in (
        (kernels.Sigmoid(x.shape, isa=isa)(x), 1 / (1 + np.exp(-exact))),
        (kernels.Tanh(x.shape, isa=isa)(x), np.tanh(exact)),
        (kernels.gelu(x, isa=isa), 0.5 * exact * erfc(-exact / math.sqrt(2))),
    ):
        here = wanted != 0
        assert np.abs(got[here] / wanted[here] - 1).max() < 1e-5


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_not_a_number_and_infinity_pass(isa: str, name: str) -> None:
    make, options, function = FUNCTIONS[name]
    x = np.tile(np.array([np.nan, np.inf, -np.inf, 0, 1e30, -1e30, 1e-40], np.float32), 5)
    with np.errstate(all="ignore"):
        wanted = function(x.astype(np.float64)).astype(np.float32)
    got = make(x.shape, isa=isa, **options)(x)
    assert np.array_equal(np.isnan(got), np.isnan(wanted))
    assert np.allclose(got, wanted, rtol=1e-6, equal_nan=True)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("count", [1, 2, 3, 5])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_sums_and_products_are_what_float64_says(isa: str, count: int, shape: tuple[int, ...]) -> None:
    inputs = [floats(*shape, seed=seed) for seed in range(count)]
    total = np.sum([x.astype(np.float64) for x in inputs], 0)
    product = np.prod([x.astype(np.float64) for x in inputs], 0)
    largest = max(np.abs(product).max(), 1) if product.size else 1
    added = kernels.Add(shape, count, isa=isa)
    assert np.abs(added(*inputs) - total).max(initial=0) < 1e-5
    assert np.abs(kernels.Multiply(shape, count, isa=isa)(*inputs) - product).max(initial=0) < 1e-6 * largest
    clamped = kernels.Add(shape, count, isa=isa, activation="relu", threads=2)(*inputs)
    assert np.array_equal(clamped, np.maximum(added(*inputs), 0))
    out = inputs[-1].copy()
    added(*inputs[:-1], out, out=out)
    assert np.array_equal(out, added(*inputs))


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("channels", [1, 19, 64, 130])
def test_batch_normalisation_is_what_float64_says(isa: str, channels: int) -> None:
    x = floats(2, 5, 3, channels)
    weight, bias, mean = (floats(channels, seed=seed) for seed in (2, 3, 4))
    variance = np.abs(floats(channels, seed=5)) + 0.1
    wanted = weight * (x.astype(np.float64) - mean) / np.sqrt(variance + 1e-3) + bias
    plan = kernels.BatchNorm(x.shape, weight, bias, mean, variance, epsilon=1e-3, isa=isa)
    assert np.abs(plan(x) - wanted).max() < 1e-5 * np.abs(wanted).max()
    relu = kernels.BatchNorm(
        x.shape, weight, bias, mean, variance, epsilon=1e-3, isa=isa, activation="relu", threads=3
    )
    assert np.array_equal(relu(x), np.maximum(plan(x), 0))
    with pytest.raises(KernelError, match="mean must have one value a channel"):
        kernels.BatchNorm(x.shape, weight, bias, mean[:0], variance)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("channels", [3, 33, 70])
def test_slices_of_channels_are_read_and_written(isa: str, channels: int) -> None:
    wide, out = floats(4, 5, 80), np.full((4, 5, 90), 7, np.float32)
    x, y = wide[..., 2 : 2 + channels], out[..., 1 : 1 + channels]
    pitches: dict[str, Any] = {"threads": 1, "isa": isa, "x_pitch": 80, "out_pitch": 90}
    _core.unary_operator(function="tanh", input=x.shape, **pitches).run((x,), (y,))
    assert np.array_equal(y, kernels.Tanh(x.shape, isa=isa)(np.ascontiguousarray(x)))
    _core.add_operator(input=x.shape, count=2, **pitches).run((x, x), (y,))
    assert np.array_equal(y, 2 * x)
    scale, shift = floats(channels, seed=6), floats(channels, seed=7)
    _core.affine_operator(input=x.shape, scale=scale, shift=shift, **pitches).run((x,), (y,))
    assert np.abs(y - (x.astype(np.float64) * scale + shift)).max() < 1e-5
    assert np.all(out[..., 0] == 7)
    assert np.all(out[..., 1 + channels :] == 7)


def test_what_makes_no_sense_is_refused() -> None:
    for make, why in (
        (lambda: kernels.Clamp((2,), 1, 0), "the clamp's low end must not be above its high end"),
        (lambda: kernels.Clamp((2,), math.nan, 0), "the clamp's low end"),
        (lambda: kernels.Add((2, -1)), "no array can have the shape (2, -1)"),
        (lambda: kernels.Add((2,), 0), "count must be from 1 to 1024, not 0"),
        (lambda: kernels.Sigmoid(()), "a shape must have from 1 to 32 axes, not 0"),
        (lambda: kernels.Sigmoid((2,), isa="mmx"), "no kernels for 'mmx'"),
        (lambda: kernels.Add((2,))(np.ones(2, np.float32)), "2 inputs and 1 outputs"),
    ):
        with pytest.raises(KernelError, match=re.escape(why)):
            make()
    with pytest.raises(UnknownNameError, match="approximate"):
        kernels.GELU((2,), approximate="erf")
    with pytest.raises(ValueError, match="valid: clamp, sigmoid, tanh"):
        _core.unary_operator(function="sine", input=(2,), threads=1, isa="")
    with pytest.raises(ValueError, match="x_pitch must be from 4"):
        _core.unary_operator(function="tanh", input=(2, 4), threads=1, isa="", x_pitch=3)
    with pytest.raises(ValueError, match="one value for each of the 4 channels"):
        _core.affine_operator(input=(2, 4), scale=np.ones(3), shift=np.ones(4), threads=1, isa="")
