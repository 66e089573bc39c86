"""Layouts say where values lie; NumPy, which moves them, must agree."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dnnaccel.runtime.layouts import Layout, channels_last, conversion, row_major, same_memory


def read(layout: Layout, memory: Any) -> Any:
    """The tensor that lies in `memory` by that layout, as the network has it."""
    return memory.reshape(layout.stored).transpose(layout.order).reshape(layout.shape)


@st.composite
def layouts(draw: st.DrawFn) -> Layout:
    stored = tuple(draw(st.lists(st.sampled_from([1, 2, 3, 4, 6]), min_size=1, max_size=4)))
    order = tuple(draw(st.permutations(range(len(stored)))))
    return Layout(tuple(stored[axis] for axis in order), stored, order)


@st.composite
def shapes_of(draw: st.DrawFn, count: int) -> tuple[int, ...]:
    shape = []
    while count > 1:
        size = draw(st.sampled_from([size for size in range(2, count + 1) if count % size == 0]))
        shape.append(size)
        count //= size
    for _ in range(draw(st.integers(0, 2))):
        shape.insert(draw(st.integers(0, len(shape))), 1)
    return tuple(shape) or (1,)


def memory_of(layout: Layout) -> Any:
    return np.arange(math.prod(layout.stored))


@settings(max_examples=300)
@given(st.data(), layouts())
def test_a_chain_of_views_reads_the_same_values(data: st.DataObject, layout: Layout) -> None:
    memory = memory_of(layout)
    expected = read(layout, memory)
    for _ in range(3):
        if not layout.folded and data.draw(st.booleans()):
            axes = data.draw(st.permutations(range(len(layout.shape))))
            layout, expected = layout.permuted(axes), expected.transpose(axes)
        else:
            shape = data.draw(shapes_of(math.prod(layout.shape)))
            layout, expected = layout.reshaped(shape), expected.reshape(shape)
        assert layout.shape == expected.shape
        assert np.array_equal(read(layout, memory), expected)
        assert layout.plain == np.array_equal(expected.ravel(), memory)


@settings(max_examples=300)
@given(st.data(), layouts())
def test_a_conversion_is_the_transposition_of_memory(data: st.DataObject, layout: Layout) -> None:
    order = tuple(data.draw(st.permutations(range(len(layout.shape)))))
    stored = [0] * len(order)
    for axis, there in enumerate(order):
        stored[there] = layout.shape[axis]
    other = Layout(layout.shape, tuple(stored), order)
    memory = memory_of(layout)
    moved = memory.reshape(layout.stored).transpose(conversion(layout, other))
    assert moved.shape == other.stored
    assert np.array_equal(read(other, moved.ravel()), read(layout, memory))
    assert same_memory(layout, other) == np.array_equal(moved.ravel(), memory)


def test_a_split_of_channels_is_no_copy() -> None:
    heads = row_major((1, 128, 768)).reshaped((1, 128, 12, 64)).permuted((0, 2, 3, 1))
    assert not heads.folded
    assert heads.stored == (1, 128, 12, 64)
    assert heads.permuted((0, 3, 1, 2)).reshaped((1, 128, 768)) == row_major((1, 128, 768))


def test_pixels_of_an_image_become_a_sequence_without_a_copy() -> None:
    image = channels_last((2, 768, 14, 14))
    sequence = image.reshaped((2, 768, 196)).permuted((0, 2, 1))
    assert sequence.plain
    assert not sequence.folded


def test_a_flattened_image_is_folded_unless_it_has_one_pixel() -> None:
    assert channels_last((2, 8, 3, 3)).reshaped((2, 72)).folded
    assert channels_last((2, 8, 1, 1)).reshaped((2, 8)) == row_major((2, 8))
    # Another shape may undo it.
    assert not channels_last((2, 8, 3, 3)).reshaped((2, 72)).reshaped((2, 8, 3, 3)).folded
