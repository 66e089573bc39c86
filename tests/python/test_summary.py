"""The summary of a network: shared weights, memory of its words, and word sizes that make no sense."""

from __future__ import annotations

import re

import pytest

from dnnaccel.errors import NetworkError
from dnnaccel.layers import Add, Concat, Flatten, Linear, ReLU
from dnnaccel.network import Network


def twins() -> Network:
    """Two layers that share one weight matrix, their sum, and a view."""
    layers = (
        Linear(name="first", inputs=("x",), out_features=8),
        Linear(name="second", inputs=("relu",), out_features=8, weights_from="first"),
        ReLU(name="relu", inputs=("first",)),
        Add(name="sum", inputs=("first", "second")),
        Concat(name="both", inputs=("sum", "x", "x")),
        Flatten(name="flat", inputs=("both",)),
    )
    return Network("twins", layers, inputs={"x": (2, 8)})


def cells(text: str, name: str) -> list[str]:
    (line,) = [line for line in text.splitlines() if line.startswith(f"{name} ")]
    return re.split(r" {2,}", line)


def test_shared_numbers_stand_in_parentheses_and_count_once() -> None:
    text = twins().summary()
    assert cells(text, "first")[-4:] == ["72", "64", "128", "0"]
    assert cells(text, "second")[-4:] == ["(72)", "(64)", "128", "0"]
    assert cells(text, "total")[-4:-1] == ["72", "64", "256"]
    assert "in parentheses: shared" in text


def test_inputs_of_one_shape_are_counted_and_others_hinted_at() -> None:
    text = twins().summary()
    assert "2 x (2, 8)" in cells(text, "sum")
    mixed = Network("mixed", (Concat(name="c", inputs=("a", "b")),), inputs={"a": (1, 2), "b": (1, 3)})
    assert "(1, 2), ..." in cells(mixed.summary(), "c")


def test_memory_is_words_times_their_size() -> None:
    # Outputs: 16 + 16 + 16 + 16 + 48; the flattened 48 are the concatenated ones.
    for bits, size in ((32, "448.0 B"), (8, "112.0 B"), (1, "14.00 B")):
        text = twins().summary(word_bits=bits)
        assert cells(text, "layer outputs")[-1] == f"112 words, {size} at {bits} bits each"
        assert cells(text, "largest layer, in and out")[-1].startswith("96 words")
        assert cells(text, "parameters")[-1].startswith("72 words")
        assert cells(text, "network inputs")[-1].startswith("16 words")


@pytest.mark.parametrize("bits", [0, -8, 1025, 2.5, "8", True])
def test_word_sizes_that_make_no_sense_are_refused(bits: object) -> None:
    with pytest.raises(NetworkError, match=r"word_bits must be a whole number from 1 to 1024, given "):
        twins().summary(word_bits=bits)  # type: ignore[arg-type]
