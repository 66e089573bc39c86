"""Poolings against float64: every variant, clipped windows, PyTorch's divisors, NaN, slices of channels."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dnnaccel import _core, kernels
from dnnaccel.errors import KernelError

ISAS = kernels.isa_names()
Array = NDArray[Any]


def floats(*shape: int, seed: int = 1) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def windows(
    x: Array, kernel: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int], ceil_mode: bool
) -> Any:
    """Give (row, column, the window's values, its size with the padding) of every window."""
    counts = []
    for size, k, s, p in zip(x.shape[1:3], kernel, stride, padding, strict=True):
        starts = [at for at in range(-p, size + p, s) if at + k <= size + p]
        rest = starts[-1] + s
        # One more if it begins within the image or the padding before it, and reaches something new.
        if ceil_mode and starts[-1] + k < size + p and rest < size:
            starts.append(rest)
        counts.append(starts)
    for i, top in enumerate(counts[0]):
        for j, left in enumerate(counts[1]):
            rows = slice(max(top, 0), min(top + kernel[0], x.shape[1]))
            columns = slice(max(left, 0), min(left + kernel[1], x.shape[2]))
            bottom = min(top + kernel[0], x.shape[1] + padding[0])
            right = min(left + kernel[1], x.shape[2] + padding[1])
            yield i, j, x[:, rows, columns], (bottom - top) * (right - left)


# x_shape, kernel, stride, padding, ceil_mode
CASES: list[tuple[tuple[int, ...], tuple[int, int], tuple[int, int], tuple[int, int], bool]] = [
    ((1, 23, 22, 64), (3, 3), (2, 2), (1, 1), False),
    ((2, 9, 10, 147), (3, 3), (1, 1), (1, 1), False),
    ((1, 13, 14, 35), (3, 3), (2, 2), (0, 0), True),
    ((7, 7, 6, 3), (2, 2), (2, 2), (0, 0), True),
    ((1, 8, 9, 17), (2, 2), (2, 2), (1, 1), True),
    ((1, 5, 5, 16), (5, 5), (1, 1), (2, 2), False),
    ((1, 10, 11, 20), (3, 2), (2, 3), (1, 0), True),
    ((2, 1, 6, 5), (1, 3), (1, 1), (0, 1), False),
    ((1, 7, 7, 130), (7, 7), (7, 7), (0, 0), False),
]


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_windows_are_what_float64_says(isa: str, case: Any) -> None:
    shape, kernel, stride, padding, ceil_mode = case
    x = floats(*shape)
    options: dict[str, Any] = {
        "stride": stride,
        "padding": padding,
        "ceil_mode": ceil_mode,
        "isa": isa,
    }
    most = kernels.MaxPool2d(shape, kernel, **options)
    mean = kernels.AvgPool2d(shape, kernel, **options)
    without = kernels.AvgPool2d(shape, kernel, count_include_pad=False, **options)
    assert most.isa == isa
    got = most(x), mean(x), without(x)
    seen = 0
    for i, j, values, size in windows(x.astype(np.float64), kernel, stride, padding, ceil_mode):
        total = values.sum((1, 2))
        assert np.array_equal(got[0][:, i, j], values.max((1, 2)))
        assert np.abs(got[1][:, i, j] - total / size).max() < 1e-6
        assert np.abs(got[2][:, i, j] - total / (values.shape[1] * values.shape[2])).max() < 1e-6
        seen += 1
    assert seen == most.out_shape[1] * most.out_shape[2]
    for threads in (2, 3):
        assert np.array_equal(kernels.MaxPool2d(shape, kernel, threads=threads, **options)(x), got[0])
        assert np.array_equal(kernels.AvgPool2d(shape, kernel, threads=threads, **options)(x), got[1])


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize(
    "shape", [(1, 7, 7, 100), (3, 112, 112, 33), (2, 1, 1, 5), (1, 9, 200, 64), (0, 3, 3, 4)]
)
def test_global_poolings_are_what_float64_says(isa: str, shape: tuple[int, ...]) -> None:
    x = floats(*shape) + 0.5
    mean = kernels.GlobalAvgPool2d(shape, isa=isa)
    wanted = x.astype(np.float64).mean((1, 2), keepdims=True)
    assert mean.out_shape == (shape[0], 1, 1, shape[3])
    got = mean(x)
    assert np.all(np.abs(got - wanted) <= 1e-5 * np.abs(wanted))
    assert np.array_equal(kernels.GlobalAvgPool2d(shape, isa=isa, threads=3)(x), got)
    assert np.array_equal(kernels.GlobalMaxPool2d(shape, isa=isa)(x), x.max((1, 2), keepdims=True))


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("kernel", [2, 3, 4])
@pytest.mark.parametrize("stride", [1, 2])
def test_not_a_number_and_infinity_pass(isa: str, kernel: int, stride: int) -> None:
    x = floats(1, 8, 8, 37)
    x[0, 1, 1, 0], x[0, 4, 4, 36], x[0, 7, 7, 20] = np.nan, np.nan, np.nan
    x[0, 2, 2, 5], x[0, 3, 3, 6] = np.inf, -np.inf
    got = kernels.max_pool2d(x, kernel, stride=stride, padding=1, isa=isa)
    mean = kernels.avg_pool2d(x, kernel, stride=stride, padding=1, isa=isa)
    for i, j, values, size in windows(
        x.astype(np.float64), (kernel, kernel), (stride, stride), (1, 1), False
    ):
        assert np.array_equal(got[:, i, j], values.max((1, 2)), equal_nan=True)
        assert np.allclose(mean[:, i, j], values.sum((1, 2)) / size, atol=1e-5, equal_nan=True)
    everywhere = kernels.GlobalMaxPool2d(x.shape, isa=isa)(x)
    assert np.array_equal(everywhere, x.max((1, 2), keepdims=True), equal_nan=True)
    least = np.full((1, 4, 4, 2), -np.inf, np.float32)
    assert np.array_equal(kernels.max_pool2d(least, 2, isa=isa), least[:, :2, :2])


@pytest.mark.parametrize("isa", ISAS)
def test_slices_of_channels_are_read_and_written(isa: str) -> None:
    wide, out = floats(2, 6, 5, 48), np.full((2, 3, 2, 64), 5, np.float32)
    x = wide[..., 3:26]
    operator = _core.pool_operator(
        kind="max",
        input=x.shape,
        window=(2, 2),
        stride=(2, 2),
        padding=(0, 0, 0, 0),
        output=(3, 2),
        count_include_pad=True,
        threads=1,
        isa=isa,
        x_pitch=48,
        out_pitch=64,
    )
    operator.run((x,), (out[..., 7:30],))
    assert np.array_equal(out[..., 7:30], kernels.max_pool2d(x, 2, isa=isa))
    assert np.all(out[..., :7] == 5)
    assert np.all(out[..., 30:] == 5)
    means = np.full((2, 1, 1, 30), 5, np.float32)
    whole = _core.global_pool_operator(
        kind="average", input=x.shape, threads=1, isa=isa, x_pitch=48, out_pitch=30
    )
    whole.run((x,), (means[..., 1:24],))
    assert np.allclose(means[..., 1:24], x.mean((1, 2), keepdims=True), atol=1e-6)
    assert np.all(means[..., 24:] == 5)


def test_an_empty_batch_has_an_empty_answer() -> None:
    assert kernels.max_pool2d(np.empty((0, 4, 4, 3)), 2).shape == (0, 2, 2, 3)


@pytest.mark.parametrize(
    ("shape", "options", "why"),
    [
        ((1, 4, 4), {}, "x_shape must have four axes, not (1, 4, 4)"),
        ((1, 4, 4, 2), {"kernel": 5}, "a window of 5 does not fit 4 values"),
        (
            (1, 4, 4, 2),
            {"kernel": 2, "padding": 2},
            "a window would see nothing but padding along the height",
        ),
        ((1, 4, 4, 2), {"kernel": 0}, "kernel and stride must be from 1"),
        ((1, 4, 4, 2), {"stride": 0}, "kernel and stride must be from 1"),
        ((1, 4, 4, 2), {"padding": -1}, "padding from 0"),
        ((1, 4, 4, 2), {"kernel": (2, 2, 2)}, "kernel must be one number or one for each"),
        ((1, 4, 4, 0), {}, "channels must be from 1"),
        ((1 << 24, 1 << 24, 4, 2), {}, "no array can have the shape"),
        ((1, 4, 4, 2), {"threads": 0}, "threads must be from 1 to 1024"),
    ],
)
def test_what_cannot_be_pooled_is_refused(shape: Any, options: Any, why: str) -> None:
    with pytest.raises(KernelError, match=re.escape(why)):
        kernels.MaxPool2d(shape, **{"kernel": 2, **options})


def test_arrays_that_do_not_fit_are_refused() -> None:
    plan = kernels.MaxPool2d((1, 4, 4, 2), 2)
    x = floats(1, 4, 4, 2)
    with pytest.raises(KernelError, match="contiguous"):
        plan(x[:, ::-1])
    with pytest.raises(KernelError, match="of float32"):
        plan(x.astype(np.float64))  # type: ignore[arg-type]
    with pytest.raises(KernelError, match="they share memory"):
        plan(x, out=x.reshape(-1)[:8].reshape(1, 2, 2, 2))
    assert np.array_equal(kernels.max_pool2d(x[:, ::-1], 2), plan(np.ascontiguousarray(x[:, ::-1])))
