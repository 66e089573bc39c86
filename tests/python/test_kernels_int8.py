"""Kernels of 8-bit integers, to the last bit, against NumPy: every variant that this processor has."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from test_kernels import CASES

from dnnaccel import kernels
from dnnaccel.errors import KernelError, UnknownNameError
from dnnaccel.kernels import QuantParams

ISAS = kernels.isa_names("int8")
Array = NDArray[Any]


def sums_of(
    x: Array,
    w: Array,
    b: Array,
    zero: int,
    stride: tuple[int, int] = (1, 1),
    padding: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0)),
    dilation: tuple[int, int] = (1, 1),
    groups: int = 1,
) -> Array:
    """The sums of a convolution in 64 bits, tap by tap; padding is the zero point."""
    outputs, depth, rows, columns = w.shape
    x = np.pad(x.astype(np.int64) - zero, ((0, 0), *padding, (0, 0)))
    height = (x.shape[1] - dilation[0] * (rows - 1) - 1) // stride[0] + 1
    width = (x.shape[2] - dilation[1] * (columns - 1) - 1) // stride[1] + 1
    # Products of doubles: exact, as no sum comes near 2^53, and much faster than NumPy's of integers.
    y = np.zeros((x.shape[0], height, width, outputs))
    share = outputs // groups
    for group in range(groups):
        mine = slice(group * share, (group + 1) * share)
        for r in range(rows):
            for s in range(columns):
                top, left = r * dilation[0], s * dilation[1]
                seen = x[
                    :,
                    top : top + stride[0] * (height - 1) + 1 : stride[0],
                    left : left + stride[1] * (width - 1) + 1 : stride[1],
                    group * depth : (group + 1) * depth,
                ]
                y[..., mine] += seen.astype(np.float64) @ w[mine, :, r, s].astype(np.float64).T
    return y.astype(np.int64) + b


def scaled(
    sums: Array, multipliers: Array, residual: Array | None = None, zero: int = 0, factor: float = 1.0
) -> NDArray[np.float32]:
    """What docs/kernels-int8.md calls v: each step rounded to float32."""
    v = sums.astype(np.float32) * multipliers.astype(np.float32)
    if residual is not None:
        v = v + (residual.astype(np.int32) - zero).astype(np.float32) * np.float32(factor)
    assert v.dtype == np.float32
    return v


def to_bytes(v: NDArray[np.float32], out: QuantParams, low: int = -(2**31), high: int = 2**31) -> Array:
    """Round halves to even, add the zero point, saturate."""
    q = np.rint(v.astype(np.float64)) + out.zero_point
    return np.clip(q, max(low, out.least), min(high, out.most)).astype(out.dtype)


def integers(rng: np.random.Generator, dtype: str, *shape: int) -> Array:
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max, shape, dtype, endpoint=True)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("x_type", ["uint8", "int8"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[1]}")
def test_a_convolution_is_exact(isa: str, x_type: str, case: tuple[Any, ...]) -> None:
    x_shape, (outputs, rows, columns), options = case
    rng = np.random.default_rng(3)
    x = integers(rng, x_type, *x_shape)
    w = integers(rng, "int8", outputs, x_shape[3] // options.get("groups", 1), rows, columns)
    b = rng.integers(-100_000, 100_000, outputs, np.int32)
    params = QuantParams(0.02, 77 if x_type == "uint8" else -5, x_type)
    w_scale = rng.uniform(0.001, 0.01, outputs)
    wanted = sums_of(x, w, b, params.zero_point, **options)
    sums = kernels.Conv2dInt8(x_shape, w, b, x=params, out="int32", isa=isa, **options)
    assert sums.isa == isa
    got = sums(x)
    assert got.dtype == np.int32
    assert np.array_equal(got, wanted)
    out_type = "int8" if x_type == "uint8" else "uint8"
    out = QuantParams(float(np.abs(wanted).max()) * 1e-4 / 100, 13, out_type)
    residual = QuantParams(out.scale * 1.7, 3, x_type)
    added = integers(rng, x_type, *wanted.shape)
    v = scaled(wanted, w_scale * 0.02 / out.scale, added, 3, residual.scale / out.scale)
    for threads in (1, 2, 5):
        plan = kernels.Conv2dInt8(
            x_shape,
            w,
            b,
            x=params,
            w_scale=w_scale,
            out=out,
            residual=residual,
            activation="relu",
            threads=threads,
            isa=isa,
            **options,
        )
        bytes_ = plan(x, residual=added)
        assert bytes_.dtype == out_type
        assert np.array_equal(bytes_, to_bytes(v, out, low=13))
    floats = kernels.Conv2dInt8(x_shape, w, b, x=params, w_scale=w_scale, out="float32", isa=isa, **options)
    assert np.array_equal(floats(x), scaled(wanted, w_scale * 0.02))


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("shape", [(1, 1000), (7, 33), (2, 3, 5, 64), (17,), (0, 12), (3, 1), (5, 2), (4, 3)])
def test_a_matrix_product_is_exact(isa: str, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(4)
    x, w = integers(rng, "uint8", *shape), integers(rng, "int8", 70, shape[-1])
    wanted = (x.astype(np.int64) - 200) @ w.T.astype(np.int64)
    params = QuantParams(0.1, 200)
    assert np.array_equal(kernels.LinearInt8(shape, w, x=params, out="int32", isa=isa)(x), wanted)
    out = QuantParams(3.0, 100)
    plan = kernels.LinearInt8(shape, w, x=params, w_scale=0.05, out=out, isa=isa, activation=(-50, 60))
    v = scaled(wanted, np.array(0.05 * 0.1 / 3.0))
    assert np.array_equal(plan(x), to_bytes(v, out, 100 - 17, 120))


@pytest.mark.parametrize("isa", ISAS)
def test_halves_go_to_the_even_integer_before_the_zero_point_is_added(isa: str) -> None:
    x = np.arange(256, dtype=np.uint8).reshape(256, 1)
    plan = kernels.LinearInt8(
        x.shape,
        np.ones((1, 1), np.int8),
        x=QuantParams(1.0, 100),
        out=QuantParams(2.0, 5, "int8"),
        isa=isa,
    )
    assert np.array_equal(plan(x)[:, 0], np.clip(np.rint((np.arange(256) - 100) / 2) + 5, -128, 127))
    assert plan(x)[101, 0] == 5
    assert plan(x)[103, 0] == 7


@pytest.mark.parametrize("isa", ISAS)
def test_the_largest_sums_that_fit_are_exact(isa: str) -> None:
    count = 2**31 // (255 * 128)
    x = np.full((1, count), 255, np.uint8)
    w = np.full((3, count), -128, np.int8)
    w[1] = 127
    plan = kernels.LinearInt8(x.shape, w, x=QuantParams(1.0), out="int32", isa=isa)
    assert plan(x).tolist() == [[-128 * 255 * count, 127 * 255 * count, -128 * 255 * count]]
    with pytest.raises(KernelError, match=r"output channel 0 could be from -2147\d+ to 0, which"):
        kernels.LinearInt8(
            (1, count + 1), np.full((3, count + 1), -128, np.int8), x=QuantParams(1.0), out="int32"
        )


def test_the_residual_may_be_the_outputs() -> None:
    rng = np.random.default_rng(5)
    x, w = integers(rng, "uint8", 1, 6, 6, 5), integers(rng, "int8", 70, 5, 3, 3)
    params, out = QuantParams(0.1, 10), QuantParams(20.0, 128)
    plan = kernels.Conv2dInt8(x.shape, w, x=params, out=out, residual=out, padding=1)
    added = integers(rng, "uint8", *plan.out_shape)
    wanted = plan(x, residual=added)
    assert plan(x, out=added, residual=added) is added
    assert np.array_equal(added, wanted)


def test_what_does_not_fit_is_refused() -> None:
    w = np.ones((4, 3, 1, 1), np.int8)
    x, out = QuantParams(1.0), QuantParams(1.0)
    shape = (1, 4, 4, 3)
    for options, why in (
        ({"w_scale": [1.0, 2.0]}, "w_scale must be one number or one for each of the 4 outputs"),
        ({"w_scale": 0.0}, "each multiplier must be a number above 0"),
        ({"w_scale": np.inf}, "each multiplier must be a number above 0"),
        ({"b": np.ones(3, np.int32)}, "the bias must be one value for each of the 4 outputs"),
        ({"b": np.ones(4)}, "b must be of int32, not float64"),
        ({"activation": (300, 400)}, "no output is from 300"),
        ({"activation": (3, 1)}, "the clamp's low end must not be above"),
        ({"out": "int32", "activation": "relu"}, "int32 outputs are the sums"),
        ({"groups": 2}, "groups"),
        ({"isa": "sse9"}, "no kernels for 'sse9' run on this machine"),
        ({"threads": 2000}, "threads must be from 1 to 1024"),
    ):
        with pytest.raises(KernelError, match=re.escape(why)):
            kernels.Conv2dInt8(shape, w, **{"x": x, "out": out, **options})
    with pytest.raises(KernelError, match="w must be of int8, not float64"):
        kernels.Conv2dInt8(shape, w.astype(float), x=x, out=out)
    with pytest.raises(UnknownNameError, match="dtype"):
        QuantParams(1.0, 0, "int4")
    for scale, zero in ((0.0, 0), (np.nan, 0), (1.0, 256), (1.0, -1)):
        with pytest.raises(KernelError, match="must be"):
            QuantParams(scale, zero)
    plan = kernels.Conv2dInt8(shape, w, x=x, out=out)
    with pytest.raises(KernelError, match="the input must be of uint8, not int8"):
        plan(np.ones(shape, np.int8))
    with pytest.raises(KernelError, match="was made without a residual"):
        plan(np.ones(shape, np.uint8), residual=np.ones((1, 4, 4, 4), np.uint8))


def test_variants_for_integers_run_everything() -> None:
    assert set(kernels.isa_names()) <= set(ISAS)
    for isa in ISAS:
        assert kernels.Linear((2, 3), np.ones((4, 3)), isa=isa).isa == isa
    with pytest.raises(UnknownNameError, match="dtype"):
        kernels.isa_names("int4")


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("dtype", ["uint8", "int8"])
@pytest.mark.parametrize("shape", [(1, 5, 3), (1000,), (7, 129), (0, 4), (64,)])
def test_numbers_become_integers_and_back(isa: str, dtype: str, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(6)
    params = QuantParams(0.25, 3, dtype)
    # Halves between two steps too, and what no integer can stand for.
    x = (rng.integers(-700, 700, shape) * 0.125).astype(np.float32)
    if x.size > 4:
        x.flat[:4] = np.nan, np.inf, -np.inf, 1e30
    wanted = np.clip(np.rint(np.nan_to_num(x / 0.25, posinf=1e9, neginf=-1e9)) + 3, params.least, params.most)
    for threads in (1, 3):
        q = kernels.Quantize(shape, params, isa=isa, threads=threads)(x)
        assert q.dtype == dtype
        assert np.array_equal(q, wanted)
        back = kernels.Dequantize(shape, params, isa=isa, threads=threads)(q)
        assert np.array_equal(back, ((wanted - 3) * 0.25).astype(np.float32))
    other = QuantParams(0.7, -5, "int8")
    moved = kernels.Requantize(shape, params, other, isa=isa, activation="relu")(q)
    assert np.array_equal(moved, to_bytes(scaled(q.astype(int) - 3, np.array(0.25 / 0.7)), other, low=-5))


@pytest.mark.parametrize("isa", ISAS)
def test_integers_of_several_scales_are_added(isa: str) -> None:
    rng = np.random.default_rng(7)
    inputs = [QuantParams(0.1, 4), QuantParams(0.3, -7, "int8"), QuantParams(0.02, 200)]
    arrays = [integers(rng, params.dtype, 3, 77) for params in inputs]
    out = QuantParams(0.25, 100)
    v = np.zeros((3, 77), np.float32)
    for number, (params, array) in enumerate(zip(inputs, arrays, strict=True)):
        part = scaled(array.astype(int) - params.zero_point, np.array(params.scale / out.scale))
        v = v + part if number else part
    for threads in (1, 2):
        plan = kernels.AddInt8((3, 77), inputs, out, isa=isa, threads=threads)
        assert np.array_equal(plan(*arrays), to_bytes(v, out))
    assert np.array_equal(plan(*arrays, out=arrays[2]), to_bytes(v, out))


POOLS: list[tuple[tuple[int, ...], Any, dict[str, Any]]] = [
    ((1, 112, 112, 64), 3, {"stride": 2, "padding": 1}),
    ((2, 9, 8, 3), 2, {}),
    ((7, 13, 13, 70), (3, 2), {"stride": 2, "ceil_mode": True}),
    ((1, 5, 5, 17), 3, {"stride": 1, "padding": 1}),
    ((0, 5, 5, 17), 3, {}),
    ((1, 7, 7, 130), 7, {}),
]


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("dtype", ["uint8", "int8"])
@pytest.mark.parametrize("case", POOLS, ids=str)
def test_pooling_is_what_the_float_kernels_give_rounded(isa: str, dtype: str, case: tuple[Any, ...]) -> None:
    shape, kernel, options = case
    x = integers(np.random.default_rng(8), dtype, *shape)
    largest = kernels.MaxPool2d(shape, kernel, **options)(x.astype(np.float32))
    plan = kernels.MaxPool2dInt8(shape, kernel, dtype=dtype, isa=isa, threads=2, **options)
    assert np.array_equal(plan(x), largest)
    params, out = QuantParams(0.5, 7, dtype), QuantParams(0.3, -11, "int8")
    for count in (True, False):
        # Means in float64, of sums that float32 has exactly.
        ours = kernels.AvgPool2dInt8(
            shape, kernel, params, out, isa=isa, count_include_pad=count, threads=2, **options
        )(x)
        numbers = (x.astype(np.float32) - 7) * 0.5
        means = kernels.AvgPool2d(shape, kernel, count_include_pad=count, **options)(numbers)
        steps = means.astype(np.float64) / 0.3 - 11
        near = np.abs(steps - np.floor(steps) - 0.5) < 1e-3
        wanted = np.clip(np.rint(steps), -128, 127)
        assert np.abs(ours - wanted).max(initial=0) <= 1
        assert np.array_equal(ours[~near], wanted[~near])


def test_a_mean_is_exact_to_the_bit() -> None:
    rng = np.random.default_rng(9)
    x = integers(rng, "uint8", 2, 7, 7, 131)
    params, out = QuantParams(0.1, 30), QuantParams(0.07, 20)
    sums = (x.astype(np.int64) - 30).sum(axis=(1, 2), keepdims=True)
    factor = np.float32(0.1 / 0.07) / np.float32(49)
    for isa in ISAS:
        plan = kernels.GlobalAvgPool2dInt8(x.shape, params, out, isa=isa)
        assert np.array_equal(plan(x), to_bytes(scaled(sums, np.array(factor)), out))


def test_one_call_quantizes_any_array() -> None:
    params = QuantParams(0.5, 10)
    x = np.arange(24.0).reshape(4, 6)[:, ::2]
    q = kernels.quantize(x, params)
    assert np.array_equal(q, x * 2 + 10)
    assert np.array_equal(kernels.dequantize(q[::2], params), x[::2])
    assert np.array_equal(kernels.requantize(q, params, QuantParams(1.0, 0)), np.rint(x))
    with pytest.raises(KernelError, match="q must be of uint8, not int8"):
        kernels.dequantize(q.astype(np.int8), params)
    with pytest.raises(KernelError, match="from 1 to 16 inputs, not 0"):
        kernels.AddInt8((3,), [], params)
