"""What only moves values, against NumPy: every variant, all axes, all ends of rows."""

from __future__ import annotations

import itertools
import re
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dnnaccel import kernels
from dnnaccel.errors import KernelError

ISAS = kernels.isa_names()
Array = NDArray[np.float32]


def floats(*shape: int, seed: int = 1) -> Array:
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize(
    "shape", [(2, 3, 4, 5), (1, 1, 7, 3), (3, 20, 17, 2), (2, 8, 1, 33), (4, 40, 8, 3), (0, 2, 3, 4)], ids=str
)
def test_axes_in_every_order(isa: str, shape: tuple[int, ...]) -> None:
    x = floats(*shape)
    for axes in itertools.permutations(range(4)):
        plan = kernels.Permute(shape, axes, isa=isa)
        assert np.array_equal(plan(x), x.transpose(axes))


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize(
    "shape", [(300, 401), (16, 16), (17, 1000), (3, 50_000), (50_000, 4), (9, 9)], ids=str
)
def test_a_matrix_transposed(isa: str, shape: tuple[int, ...]) -> None:
    x = floats(*shape)
    for threads in (1, 3):
        assert np.array_equal(kernels.Permute(shape, (1, 0), isa=isa, threads=threads)(x), x.T)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("groups", [1, 2, 3, 4, 5, 8, 16])
@pytest.mark.parametrize("each", [1, 3, 7, 16, 29, 80])
def test_channels_shuffled(isa: str, groups: int, each: int) -> None:
    x = floats(2, 3, 2, groups * each)
    wanted = x.reshape(2, 3, 2, groups, each).swapaxes(3, 4).reshape(x.shape)
    for threads in (1, 2):
        assert np.array_equal(kernels.ChannelShuffle(x.shape, groups, isa=isa, threads=threads)(x), wanted)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("axis", [0, 1, 2, 3, -1])
@pytest.mark.parametrize("sizes", [(1, 1, 1), (5, 1, 40), (128, 64)], ids=str)
def test_tensors_one_after_the_other(isa: str, axis: int, sizes: tuple[int, ...]) -> None:
    inputs = []
    for seed, size in enumerate(sizes):
        shape = [2, 3, 4, 5]
        shape[axis] = size
        inputs.append(floats(*shape, seed=seed))
    shapes = [x.shape for x in inputs]
    for threads in (1, 3):
        plan = kernels.Concat(shapes, axis=axis, isa=isa, threads=threads)
        assert np.array_equal(plan(*inputs), np.concatenate(inputs, axis))


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_parts_of_an_axis(isa: str, axis: int) -> None:
    x = floats(6, 7, 50)
    for start, stop in ((0, x.shape[axis]), (1, 4), (2, 3), (3, 3)):
        where = [slice(None)] * 3
        where[axis] = slice(start, stop)
        assert np.array_equal(kernels.Slice(x.shape, start, stop, axis=axis, isa=isa)(x), x[tuple(where)])


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("rows", [(0, 0), (1, 2), (3, 0)])
@pytest.mark.parametrize("columns", [(0, 0), (2, 1), (0, 4)])
@pytest.mark.parametrize("channels", [1, 5, 64])
def test_images_with_zeros_around(
    isa: str, rows: tuple[int, int], columns: tuple[int, int], channels: int
) -> None:
    x = floats(2, 3, 4, channels)
    plan = kernels.Pad2d(x.shape, rows, columns, isa=isa)
    out = np.full(plan.out_shape, np.nan, np.float32)
    assert np.array_equal(plan(x, out=out), np.pad(x, ((0, 0), rows, columns, (0, 0))))


@pytest.mark.parametrize("isa", ISAS)
def test_tables(isa: str) -> None:
    table = floats(50, 37)
    tokens = np.random.default_rng(2).integers(0, 50, (3, 9), dtype=np.int32)
    plan = kernels.Embedding(tokens.shape, table, isa=isa)
    assert np.array_equal(plan(tokens), table[tokens])
    assert np.array_equal(kernels.Embedding(tokens.shape, table, isa=isa, threads=3)(tokens), table[tokens])
    tokens[1, 2], tokens[2, 0] = -1, 50
    assert np.array_equal(np.isnan(plan(tokens)).all(-1), (tokens < 0) | (tokens > 49))
    with pytest.raises(KernelError, match="of int32, not int64"):
        plan(tokens.astype(np.int64))  # type: ignore[arg-type]
    x, vector = floats(3, 9, 37), floats(37, seed=4)
    wanted = np.concatenate([np.broadcast_to(vector, (3, 1, 37)), x], 1)
    assert np.array_equal(kernels.Prepend(x.shape, vector, isa=isa)(x), wanted)
    positions = floats(9, 37, seed=5)
    for threads in (1, 3):
        plan_of_sum = kernels.AddTable(x.shape, positions, isa=isa, threads=threads)
        assert np.array_equal(plan_of_sum(x), x + positions)
    assert np.array_equal(plan_of_sum(x, out=x.copy()), x + positions)


def test_a_large_sum_with_a_table_is_the_same_for_any_number_of_threads() -> None:
    x, table = floats(7, 61, 768), floats(61, 768, seed=2)
    for threads in (1, 2, 3):
        assert np.array_equal(kernels.AddTable(x.shape, table, threads=threads)(x), x + table)


def test_not_a_number_keeps_its_bits() -> None:
    x = np.array([[0x7FC01234, 0xFFC00001, 0x7F800001, 0x80000000]] * 20, np.uint32).view(np.float32)
    turned = kernels.Permute(x.shape, (1, 0))(x)
    assert np.array_equal(turned.view(np.uint32), x.view(np.uint32).T)


def test_what_makes_no_sense_is_refused() -> None:
    for make, why in (
        (lambda: kernels.Permute((2, 3), (0, 0)), "axes (0, 0) must name every axis of (2, 3) once"),
        (lambda: kernels.Permute((2, 3), (0,)), "must name every axis"),
        (lambda: kernels.Concat([]), "takes from 1 to 1024 inputs, not 0"),
        (lambda: kernels.Concat([(2, 3), (3, 3)]), "(3, 3) does not meet (2, 3): only axis 1 may differ"),
        (lambda: kernels.Slice((2, 3), 2, 4), "2..4 is no part of axis 1 of (2, 3)"),
        (lambda: kernels.Pad2d((1, 2, 2, 1), -1), "rows at the top must be from 0"),
        (lambda: kernels.Pad2d((2, 2), 1), "the input must have 4 axes, not 2"),
        (lambda: kernels.ChannelShuffle((1, 6), 4), "6 channels do not divide into 4 groups"),
        (lambda: kernels.Prepend((1, 2, 3), [1.0]), "the vector must have 3 values, not 1"),
        (lambda: kernels.AddTable((1, 2, 3), [1.0]), "a value for each of a sample's: 6, not 1"),
        (lambda: kernels.Embedding((2,), [1.0]), "of two axes: entries, features"),
        (lambda: kernels.Embedding((2,), np.empty((3, 0))), "features must be from 1"),
    ):
        with pytest.raises(KernelError, match=re.escape(why)):
            make()


def test_plans_say_what_they_are() -> None:
    texts: list[tuple[Any, str]] = [
        (
            kernels.Permute((2, 3), (1, 0), isa="portable"),
            "Permute((2, 3) -> (3, 2), axes (1, 0); permute on portable, 1 thread)",
        ),
        (
            kernels.Concat([(1, 2), (1, 3)], isa="portable"),
            "Concat(2 inputs -> (1, 5), axis -1; concat on portable, 1 thread)",
        ),
        (
            kernels.MaxPool2d((1, 5, 5, 3), 3, stride=2, padding=1, ceil_mode=True, isa="portable"),
            "MaxPool2d((1, 5, 5, 3) -> (1, 3, 3, 3), 3x3, stride 2, padding 1, ceil_mode; "
            "max on portable, 1 thread)",
        ),
    ]
    for plan, text in texts:
        assert repr(plan) == text
