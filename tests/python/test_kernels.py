"""Native kernels against float64: every variant that this processor has, and what is refused."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import dnnaccel as da
from dnnaccel import _core, kernels
from dnnaccel.errors import KernelError, UnknownNameError

ISAS = kernels.isa_names()
Array = NDArray[Any]


def reference(
    x: Array,
    w: Array,
    b: Array | float = 0.0,
    stride: tuple[int, int] = (1, 1),
    padding: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0)),
    dilation: tuple[int, int] = (1, 1),
    groups: int = 1,
) -> Array:
    """A convolution of NHWC images in float64, tap by tap."""
    outputs, depth, rows, columns = w.shape
    x = np.pad(x.astype(np.float64), ((0, 0), *padding, (0, 0)))
    height = (x.shape[1] - dilation[0] * (rows - 1) - 1) // stride[0] + 1
    width = (x.shape[2] - dilation[1] * (columns - 1) - 1) // stride[1] + 1
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
                y[..., mine] += seen @ w[mine, :, r, s].astype(np.float64).T
    return y + b


def floats(rng: np.random.Generator, *shape: int) -> NDArray[np.float32]:
    return rng.standard_normal(shape, dtype=np.float32)


def error(got: Array, wanted: Array) -> float:
    """The largest error, relative to the largest output."""
    return float(np.abs(got - wanted).max() / np.abs(wanted).max())


# x_shape, (outputs, kernel height, kernel width), and the rest: the corners that the issue names.
CASES: list[tuple[tuple[int, ...], tuple[int, int, int], dict[str, Any]]] = [
    ((1, 56, 56, 64), (64, 3, 3), {"padding": ((1, 1), (1, 1))}),
    ((1, 14, 14, 33), (97, 3, 3), {"padding": ((1, 1), (1, 1)), "stride": (2, 2)}),
    ((1, 7, 7, 512), (40, 3, 3), {"padding": ((1, 1), (1, 1))}),
    ((7, 7, 7, 16), (24, 1, 1), {"stride": (2, 2)}),
    ((1, 35, 1, 5), (3, 3, 1), {"padding": ((1, 1), (0, 0))}),
    ((2, 1, 35, 5), (130, 1, 7), {"padding": ((0, 0), (3, 3))}),
    ((1, 17, 17, 24), (24, 7, 1), {"padding": ((3, 3), (0, 0))}),
    ((1, 61, 63, 3), (64, 7, 7), {"padding": ((3, 3), (3, 3)), "stride": (2, 2)}),
    ((1, 35, 35, 1), (6, 5, 5), {}),
    ((1, 3, 2, 4), (5, 9, 8), {"padding": ((4, 4), (5, 4))}),
    ((1, 2, 2, 3), (4, 2, 2), {"padding": ((20, 0), (0, 31)), "stride": (3, 2)}),
    ((1, 13, 12, 8), (16, 3, 3), {"padding": ((2, 3), (4, 1)), "dilation": (2, 3)}),
    ((1, 14, 14, 128), (128, 3, 3), {"groups": 32, "padding": ((1, 1), (1, 1))}),
    ((1, 12, 13, 46), (46, 3, 3), {"groups": 23, "padding": ((1, 1), (1, 1)), "stride": (2, 1)}),
    ((2, 9, 8, 28), (28, 5, 1), {"groups": 7, "padding": ((2, 2), (0, 0))}),
    ((2, 9, 8, 56), (56, 3, 3), {"groups": 7, "padding": ((1, 0), (0, 1))}),
    ((2, 9, 9, 30), (60, 3, 3), {"groups": 3, "stride": (1, 2)}),
    ((1, 9, 9, 8), (24, 3, 3), {"groups": 8, "padding": ((1, 1), (1, 1))}),
    ((1, 28, 28, 116), (116, 3, 3), {"groups": 116, "padding": ((1, 1), (1, 1)), "stride": (2, 2)}),
    ((7, 7, 7, 31), (31, 7, 7), {"groups": 31, "padding": ((3, 3), (3, 3))}),
    ((1, 14, 15, 67), (67, 5, 5), {"groups": 67, "padding": ((4, 4), (4, 4)), "dilation": (2, 2)}),
]


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[1]}")
def test_a_convolution_is_what_float64_says(isa: str, case: tuple[Any, ...]) -> None:
    x_shape, (outputs, rows, columns), options = case
    rng = np.random.default_rng(3)
    x = floats(rng, *x_shape)
    w = floats(rng, outputs, x_shape[3] // options.get("groups", 1), rows, columns)
    b = floats(rng, outputs)
    wanted = reference(x, w, b, **options)
    plan = kernels.Conv2d(x_shape, w, b, isa=isa, **options)
    assert plan.isa == isa
    assert plan.out_shape == wanted.shape
    got = plan(x)
    assert got.dtype == np.float32
    assert error(got, wanted) < 1e-5
    assert error(kernels.Conv2d(x_shape, w, b, isa=isa, algorithm="gemm", **options)(x), wanted) < 1e-5
    for threads in (2, 5):
        assert np.array_equal(kernels.Conv2d(x_shape, w, b, isa=isa, threads=threads, **options)(x), got)
    residual = floats(rng, *plan.out_shape)
    clamped = kernels.Conv2d(x_shape, w, b, isa=isa, activation="relu", **options)(x, residual=residual)
    assert np.abs(clamped - np.maximum(wanted + residual, 0)).max() < 1e-5 * np.abs(wanted).max()
    nchw = kernels.Conv2d(x.transpose(0, 3, 1, 2).shape, w, b, isa=isa, layout="NCHW", **options)
    turned = nchw(np.ascontiguousarray(x.transpose(0, 3, 1, 2)))
    assert np.array_equal(turned.transpose(0, 2, 3, 1), got)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("shape", [(1, 1000), (7, 33), (2, 3, 5, 64), (17,)])
def test_a_matrix_product_is_what_float64_says(isa: str, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(4)
    x, w, b = floats(rng, *shape), floats(rng, 70, shape[-1]), floats(rng, 70)
    wanted = x.astype(np.float64) @ w.T.astype(np.float64) + b
    plan = kernels.Linear(shape, w, b, isa=isa)
    assert plan.out_shape == (*shape[:-1], 70)
    assert error(plan(x), wanted) < 1e-5
    assert np.array_equal(kernels.Linear(shape, w, b, isa=isa, threads=3)(x), plan(x))
    assert np.array_equal(kernels.linear(x, w, b, isa=isa), plan(x))
    low = kernels.Linear(shape, w, b, isa=isa, activation=(-1, 2))(x)
    assert np.abs(low - np.clip(wanted, -1, 2)).max() < 1e-5 * np.abs(wanted).max()


@pytest.mark.parametrize("channels", [4, 512])
def test_out_is_written_in_place_and_may_be_the_residual(channels: int) -> None:
    rng = np.random.default_rng(5)
    x, w = floats(rng, 1, 6, 6, channels), floats(rng, 64, channels, 3, 3)
    plan = da.kernels.Conv2d(x.shape, w, padding=1, activation=(-20, 20))
    apart = floats(rng, *plan.out_shape)
    out = apart.copy()
    wanted = np.clip(reference(x, w, padding=((1, 1), (1, 1))) + out, -20, 20)
    assert plan(x, out=out, residual=out) is out
    # Long sums are made in passes where the residual is apart from the outputs: the same bits.
    assert np.array_equal(plan(x, residual=apart), out)
    assert np.abs(out - wanted).max() < 1e-5 * 200


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("groups", [1, 32, 64])
def test_slices_of_channels_are_read_and_written(isa: str, groups: int) -> None:
    rng = np.random.default_rng(9)
    wide = np.full((2, 7, 9, 80), np.nan, np.float32)
    x = wide[..., 5:69]
    x[...] = floats(rng, *x.shape)
    w, b = floats(rng, 64, 64 // groups, 3, 3), floats(rng, 64)
    wanted = kernels.Conv2d(x.shape, w, b, padding=1, groups=groups, isa=isa)(np.ascontiguousarray(x))
    made = _core.conv_operator(
        input=x.shape,
        weights=w,
        bias=b,
        stride=(1, 1),
        padding=(1, 1, 1, 1),
        dilation=(1, 1),
        groups=groups,
        nchw=False,
        algorithm="",
        threads=2,
        isa=isa,
        clamp=(-np.inf, np.inf),
        x_pitch=80,
        out_pitch=100,
    )
    around = np.full((2, 7, 9, 100), 7, np.float32)
    out = around[..., 36:]
    made.run((x, None), (out,))
    assert np.array_equal(out, wanted)
    assert (around[..., :36] == 7).all()
    residual = np.full((2, 7, 9, 100), 7, np.float32)[..., :64]
    made.run((x, residual), (out,))
    assert np.abs(out - wanted - 7).max() < 1e-5
    with pytest.raises(ValueError, match="the input must be of vectors 80 values apart"):
        made.run((np.ascontiguousarray(x), None), (out,))


@pytest.mark.parametrize("isa", ISAS)
def test_products_with_a_matrix_of_slices(isa: str) -> None:
    rng = np.random.default_rng(10)
    x, w = floats(rng, 5, 3, 40)[..., :33], floats(rng, 21, 33)
    out = np.full((5, 3, 30), 7, np.float32)
    made = _core.linear_operator(
        input=x.shape,
        weights=w,
        bias=None,
        threads=1,
        isa=isa,
        clamp=(-np.inf, np.inf),
        activation="tanh",
        x_pitch=40,
        out_pitch=30,
    )
    made.run((x, None), (out[..., :21],))
    assert error(out[..., :21], np.tanh(x.astype(np.float64) @ w.T.astype(np.float64))) < 1e-5
    assert (out[..., 21:] == 7).all()


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("outputs", [1, 16, 70])
def test_sigmoid_and_tanh_follow_the_sum(isa: str, outputs: int) -> None:
    rng = np.random.default_rng(11)
    x, w, b = floats(rng, 2, 5, 6, 30), floats(rng, outputs, 30, 1, 1) / 4, floats(rng, outputs)
    x[0, 0, 0, 0], x[0, 1, 1, 0], x[0, 2, 2, 0] = np.nan, np.inf, -np.inf
    residual = floats(rng, 2, 5, 6, outputs)
    sums = kernels.conv2d(x, w, b, residual=residual, isa=isa).astype(np.float64)
    with np.errstate(over="ignore"):
        logistic = 1 / (1 + np.exp(-sums))
    for activation, wanted in (("sigmoid", logistic), ("tanh", np.tanh(sums))):
        plan = kernels.Conv2d(x.shape, w, b, activation=activation, isa=isa)
        assert f", {activation};" in repr(plan)
        got = plan(x, residual=residual)
        assert np.allclose(got, wanted, rtol=0, atol=1e-6, equal_nan=True)
        assert np.array_equal(
            kernels.conv2d(x, w, b, residual=residual, activation=activation, isa=isa), got, equal_nan=True
        )
        turned = kernels.conv2d(
            x.transpose(0, 3, 1, 2),
            w,
            b,
            residual=residual.transpose(0, 3, 1, 2),
            activation=activation,
            isa=isa,
            layout="NCHW",
        )
        assert np.array_equal(turned.transpose(0, 2, 3, 1), got, equal_nan=True)


def test_arrays_that_kernels_make_begin_at_a_cache_line() -> None:
    for shape in ((3, 5), (0, 4), (), (1, 2, 3, 4)):
        made = kernels.empty(shape)
        assert made.shape == shape
        assert made.dtype == np.float32
        assert made.flags.c_contiguous
        assert made.size == 0 or made.ctypes.data % 64 == 0
    assert kernels.Linear((3, 5), np.ones((4, 5)))(np.ones((3, 5), np.float32)).ctypes.data % 64 == 0
    with pytest.raises(KernelError, match="shape must be of numbers from 0"):
        kernels.empty((2, -1))


def test_arrays_that_do_not_fit_a_plan_are_refused() -> None:
    x = np.ones((1, 4, 4, 3), np.float32)
    plan = kernels.Conv2d(x.shape, np.ones((2, 3, 1, 1)))
    misaligned = np.empty(x.nbytes + 1, np.uint8)[1:].view(np.float32).reshape(x.shape)
    both = np.ones(2 * x.size, np.float32)
    frozen = plan(x)
    frozen.flags.writeable = False
    for given, out, why in (
        (x.astype(np.float64), None, "the input must be of float32, not float64"),
        (x.astype(">f4"), None, "the input must be of float32, not >f4"),
        (x[0], None, "the input must be of shape (1, 4, 4, 3), not (4, 4, 3)"),
        (x[:, ::-1], None, "the input must be contiguous"),
        (misaligned, None, "the input must be aligned"),
        (x, np.ones((1, 4, 4, 3), np.float32), "out must be of shape (1, 4, 4, 2)"),
        (x, frozen, "out must be writeable"),
        (both[:48].reshape(x.shape), both[40:72].reshape(1, 4, 4, 2), "they share memory"),
        ([1.0], None, "takes NumPy arrays, given list"),
    ):
        with pytest.raises(KernelError, match=re.escape(why)):
            plan(given, out)
    with pytest.raises(KernelError, match="the residual must be out itself or apart from it"):
        plan(x, both[:32].reshape(1, 4, 4, 2), residual=both[1:33].reshape(1, 4, 4, 2))


def test_one_call_takes_any_array() -> None:
    rng = np.random.default_rng(6)
    x, w = floats(rng, 2, 6, 7, 4), floats(rng, 5, 4, 3, 3)
    wanted = kernels.conv2d(x, w)
    misaligned = np.empty(x.nbytes + 1, np.uint8)[1:].view(np.float32).reshape(x.shape)
    misaligned[...] = x
    strided = np.empty((4, 6, 7, 4), np.float32)[::2]
    strided[...] = x
    for given in (
        misaligned,
        strided,
        np.asfortranarray(x),
        x.astype(">f4"),
        x.astype(np.float64),
        x.tolist(),
    ):
        assert np.array_equal(kernels.conv2d(given, w), wanted)
    # Aligned to a value, though not to a vector: a plan takes it as it is.
    shifted = np.empty(x.size + 1, np.float32)[1:].reshape(x.shape)
    shifted[...] = x
    assert np.array_equal(kernels.Conv2d(x.shape, w)(shifted), wanted)
    with pytest.raises(KernelError, match="x must be of real numbers, not complex64"):
        kernels.conv2d(x * 1j, w)


@pytest.mark.parametrize("isa", ISAS)
def test_an_empty_batch_has_an_empty_answer(isa: str) -> None:
    plan = kernels.Conv2d((0, 5, 5, 3), np.ones((4, 3, 3, 3)), isa=isa)
    assert plan(np.empty((0, 5, 5, 3), np.float32)).shape == (0, 3, 3, 4)
    assert plan.macs == 0
    assert kernels.linear(np.empty((0, 3)), np.ones((4, 3)), isa=isa).shape == (0, 4)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("groups", [1, 40])
def test_not_a_number_and_infinity_pass(isa: str, groups: int) -> None:
    rng = np.random.default_rng(7)
    x, w = floats(rng, 1, 5, 5, 40), floats(rng, 40, 40 // groups, 3, 3)
    x[0, 0, 0, 0], x[0, 4, 4, 39], x[0, 2, 4, 5] = np.nan, np.inf, -np.inf
    with np.errstate(invalid="ignore"):
        wanted = reference(x, w, padding=((1, 1), (1, 1)), groups=groups)
    got = kernels.conv2d(x, w, padding=1, groups=groups, isa=isa)
    # In the reference the padding is zeros: no weight is infinite here, so it makes no difference.
    assert np.array_equal(np.isnan(got), np.isnan(wanted))
    assert np.array_equal(np.isposinf(got), np.isposinf(wanted))
    assert np.array_equal(np.isneginf(got), np.isneginf(wanted))
    clamped = kernels.conv2d(x, w, padding=1, groups=groups, isa=isa, activation="relu6")
    assert np.array_equal(np.isnan(clamped), np.isnan(wanted))
    assert np.nanmax(clamped) == 6
    assert np.nanmin(clamped) == 0


@pytest.mark.parametrize(
    ("shape", "weights", "options", "why"),
    [
        ((1, 4, 4, 4), (4, 4, 3, 3), {"groups": 0}, "groups must be from 1 to 2147483647, not 0"),
        ((1, 4, 4, 4), (4, 4, 3, 3), {"groups": 3}, "4 channels do not divide into 3 groups"),
        ((1, 4, 4, 4), (4, 3, 3, 3), {}, "the weights must be of as many channels as a group has: 4, not 3"),
        ((1, 4, 4, 4), (4, 4, 3), {}, "the weights must be of four axes"),
        ((1, 4, 4), (4, 4, 3, 3), {}, "x_shape must have four axes"),
        ((1, 4, 4, 4.5), (4, 4, 3, 3), {}, "x_shape must be of whole numbers"),
        (
            (1, 4, 4, 4),
            (4, 4, 5, 3),
            {},
            "the kernel's height spans 5 values, the image with its padding has 4",
        ),
        ((1, 4, 4, 4), (0, 4, 3, 3), {}, "output channels must be from 1"),
        ((1, 4, 4, 4), (4, 4, 3, 3), {"stride": 0}, "stride must be from 1"),
        ((1, 4, 4, 4), (4, 4, 3, 3), {"stride": (1, 2, 3)}, "stride must be one number or one for each"),
        ((1, 4, 4, 4), (4, 4, 3, 3), {"padding": -1}, "padding must be from 0"),
        ((1, 4, 4, 4), (4, 4, 3, 3), {"padding": ((1, 1), (1, 1), (1, 1))}, "padding must be ((top"),
        ((1, 4, 4, 4), (4, 4, 3, 3), {"dilation": 10**30}, "dilation must be of numbers below 2**63"),
        ((1, 4, 4, 4), (4, 4, 3, 3), {"threads": 0}, "threads must be from 1 to 1024 or None, not 0"),
        ((1, 4, 4, 4), (4, 4, 3, 3), {"isa": "avx9"}, "no kernels for 'avx9' run on this machine"),
        ((1, 4, 4, 4), (4, 4, 3, 3), {"activation": (2, 1)}, "low end must not be above its high end"),
        ((1, 4, 4, 4), (4, 4, 3, 3), {"activation": 3}, "activation must be a name or (low, high)"),
        ((1, 4, 4, 4), (4, 4, 3, 3), {"algorithm": "depthwise"}, "needs as many groups as channels"),
        ((1, 4, 4, 4), (8, 2, 3, 3), {"algorithm": "grouped", "groups": 2}, "groups of 2, 4 or 8 channels"),
        ((1, 2**20, 2**20, 4), (4, 4, 3, 3), {}, "fewer than 2^31 values"),
    ],
)
def test_what_makes_no_sense_is_refused(
    shape: Any, weights: tuple[int, ...], options: dict[str, Any], why: str
) -> None:
    with pytest.raises(KernelError, match=re.escape(why)):
        kernels.Conv2d(shape, np.ones(weights, np.float32), **options)


def test_more_that_is_refused() -> None:
    w = np.ones((4, 4, 3, 3), np.float32)
    with pytest.raises(KernelError, match="the bias must be one value for each of the 4 outputs"):
        kernels.Conv2d((1, 4, 4, 4), w, np.ones(3))
    with pytest.raises(
        KernelError, match=r"as many values as the weights have columns: \(..., 4\), not \(1, 3\)"
    ):
        kernels.Linear((1, 3), np.ones((2, 4)))
    with pytest.raises(KernelError, match="the weights must be of two axes"):
        kernels.Linear((1, 3), w)
    for options, nearest in (
        ({"layout": "NHCW"}, "NHWC"),
        ({"algorithm": "gem"}, "gemm"),
        ({"activation": "reul"}, "relu"),
    ):
        with pytest.raises(UnknownNameError, match=f"did you mean '{nearest}'"):
            kernels.Conv2d((1, 4, 4, 4), w, **options)  # type: ignore[arg-type]
    with pytest.raises(KernelError, match="threads must be from 1 to 1024, not 0"):
        kernels.set_num_threads(-3)


def test_a_plan_says_what_it_is() -> None:
    plan = kernels.Conv2d(
        (1, 8, 8, 16),
        np.ones((16, 1, 3, 3)),
        stride=2,
        padding=1,
        groups=16,
        activation="relu",
        isa="portable",
        threads=2,
    )
    assert repr(plan) == (
        "Conv2d((1, 8, 8, 16) -> (1, 4, 4, 16), 3x3, stride 2, padding 1, groups 16, relu; "
        "depthwise on portable, 2 threads)"
    )
    assert plan.macs == 16 * (3 * 3 * 9 + 2 * 3 * 6 + 4)  # the first row and column see one tap less
    assert plan.packed_bytes == 4 * 16 * 10


def test_threads_that_are_asked_for() -> None:
    before = kernels.num_threads()
    try:
        kernels.set_num_threads(3)
        assert kernels.num_threads() == 3
        assert kernels.Linear((1, 3), np.ones((2, 3)), threads=None).threads == 3
    finally:
        kernels.set_num_threads(before)


def child(code: str, **environment: str) -> str:
    run = subprocess.run(
        [sys.executable, "-c", f"import numpy as np\nfrom dnnaccel import kernels\n{code}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={**os.environ, **environment},
    )
    return run.stdout.strip()


def test_the_environment_is_heard() -> None:
    code = "print(kernels.Linear((1, 3), np.ones((2, 3)), threads=None))"
    assert child(code, DNNACCEL_ISA="portable", OMP_NUM_THREADS="2").endswith("on portable, 2 threads)")
    wrong = (
        "try:\n    kernels.Linear((1, 3), np.ones((2, 3)))\nexcept kernels.KernelError as e:\n    print(e)"
    )
    assert "DNNACCEL_ISA: no kernels for 'sse' run on this machine" in child(wrong, DNNACCEL_ISA="sse")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_has_threads_of_its_own() -> None:
    code = """
import os
plan = kernels.Conv2d((1, 20, 20, 8), np.ones((64, 8, 3, 3)), threads=2)
x = np.ones(plan.x_shape, np.float32)
wanted = plan(x)
for _ in range(5):
    child = os.fork()
    if child == 0:
        same = all(np.array_equal(plan(x), wanted) for _ in range(20))
        os._exit(0 if same else 1)
    assert np.array_equal(plan(x), wanted)
    assert os.waitpid(child, 0)[1] == 0
print("same")
"""
    assert child(code) == "same"


def test_a_plan_may_be_called_from_many_threads() -> None:
    rng = np.random.default_rng(8)
    x, w = floats(rng, 1, 30, 30, 16), floats(rng, 40, 16, 3, 3)
    plans = [kernels.Conv2d(x.shape, w, threads=2), kernels.Conv2d((1, 16, 30, 30), w, layout="NCHW")]
    inputs = [x, np.ascontiguousarray(x.transpose(0, 3, 1, 2))]
    wanted = [plan(given) for plan, given in zip(plans, inputs, strict=True)]
    wrong = []

    def call() -> None:
        for _ in range(20):
            for plan, given, right in zip(plans, inputs, wanted, strict=True):
                if not np.array_equal(plan(given), right):
                    wrong.append(plan)

    callers = [threading.Thread(target=call) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert wrong == []


@pytest.mark.parametrize("seed", range(12))
def test_random_convolutions(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(5):
        groups = int(rng.choice([1, 1, 2, 5, 24]))
        depth, share = (1, 1) if groups == 24 else (int(rng.integers(1, 20)), int(rng.integers(1, 90)))
        rows, columns, up, left, down, right = (int(n) for n in rng.integers((1, 1, 0, 0, 0, 0), 6))
        dilation = int(rng.integers(1, 3))
        height = int(rng.integers(1, 12)) + max(0, dilation * (rows - 1) + 1 - up - down)
        width = int(rng.integers(1, 12)) + max(0, dilation * (columns - 1) + 1 - left - right)
        x = floats(rng, int(rng.integers(1, 4)), height, width, groups * depth)
        w = floats(rng, groups * share, depth, rows, columns)
        options: dict[str, Any] = {
            "stride": (int(rng.integers(1, 4)), int(rng.integers(1, 4))),
            "padding": ((up, down), (left, right)),
            "dilation": (dilation, dilation),
            "groups": groups,
        }
        wanted = reference(x, w, **options)
        for isa in ISAS:
            plan = kernels.Conv2d(x.shape, w, isa=isa, threads=int(rng.integers(1, 4)), **options)
            assert np.abs(plan(x) - wanted).max() <= 1e-5 * np.abs(wanted).max(), plan
