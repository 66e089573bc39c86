"""Densities, compressed formats and effectual MACs, against codecs and NumPy that say it the long way."""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sparse_codecs import decode, encode

import dnnaccel as da
from dnnaccel.layers import Conv2d, DepthwiseConv2d, Linear, MatMul, ReLU
from dnnaccel.sparsity import FORMATS, Density, Format, interior_fraction, measure, published, uniform

SURE = 1e-9
"""Chance that a statistical test below fails though all is right, were its seed random."""


def bound(*influences: tuple[int, float]) -> float:
    """How far a count may be from its mean but for a chance `SURE` (McDiarmid's inequality).

    `influences` are (number of independent words, how much one of them can change the count).
    """
    return math.sqrt(sum(n * c**2 for n, c in influences) * math.log(2 / SURE) / 2)


def vector(length: int) -> Linear:
    """A layer whose inputs are a vector."""
    return Linear(name="fc", input_shapes=((1, length),), out_features=1)


def mask(shape: tuple[int, ...], density: float, seed: int = 0) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).random(shape) < density


formats = st.builds(
    Format,
    kind=st.sampled_from(FORMATS),
    run_bits=st.integers(1, 6),
    packed_bits=st.sampled_from((32, 64, 100)),
    column_words=st.integers(1, 40),
    index_bits=st.integers(1, 7),
)
words = st.lists(st.one_of(st.just(0), st.just(0), st.integers(1, 255)), min_size=1, max_size=300)


@settings(max_examples=300, deadline=None)
@given(form=formats, given_words=words)
@example(form=Format(kind="rlc"), given_words=[0] * 31 + [7])
@example(form=Format(kind="rlc"), given_words=[0] * 32 + [7])
@example(form=Format(kind="csc"), given_words=[0] * 64 + [1])
def test_a_stream_holds_its_words_and_takes_the_bits_that_are_said(
    form: Format, given_words: list[int]
) -> None:
    stream = encode(form, given_words, 8)
    length = len(given_words)
    density = measure(vector(length), inputs=[given_words], formats=[form])
    data, metadata = density.bits_per_word("inputs", form, 8)
    assert round((data + metadata) * length) == stream.bits
    assert round(data * length) == 8 * sum(map(bool, given_words))
    assert decode(form, stream, length, 8) == given_words
    assert stream.at == len(stream.fields)


@pytest.mark.parametrize("density", [0.01, 0.2, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("kind", FORMATS)
def test_expected_and_exact_bits_agree_on_random_masks(kind: str, density: float) -> None:
    length, form = 500_000, Format.of(kind)
    measured = measure(vector(length), inputs=mask((1, length), density))
    expected = uniform(inputs=density).bits_per_word("inputs", kind, 16, words=length)
    exact = measured.bits_per_word("inputs", kind, 16)
    # A word more or less that is not zero is at most an entry more or less.
    entry_bits = {"rlc": 64 / 3, "csc": 16 + 4, "bitmask": 16, "coordinate": 16 + form.index_bits}[kind]
    packing = 64 if kind == "rlc" else 0
    off = abs(sum(exact) - sum(expected)) * length
    assert off <= bound((length, entry_bits)) + packing
    assert abs(exact[0] - expected[0]) * length <= bound((length, 16))


def test_formats_see_whether_zeros_stand_together() -> None:
    clustered = np.repeat(mask((1, 4096), 0.02), 64, axis=1)
    measured = measure(vector(clustered.size), inputs=clustered)
    sparse = uniform(inputs=measured.inputs)

    def metadata(kind: str) -> tuple[float, float]:
        exact, expected = (each.bits_per_word("inputs", kind, 16) for each in (measured, sparse))
        assert exact[0] == expected[0]
        return exact[1], expected[1]

    runs, runs_expected = metadata("rlc")  # fewer and longer runs: more levels of zero
    assert runs > runs_expected
    columns, columns_expected = metadata("csc")  # columns of 64 words without a value have no entry
    assert columns < columns_expected
    # One bit per word and one index per value do not see where the zeros are.
    for kind in ("bitmask", "coordinate"):
        exact = sum(measured.bits_per_word("inputs", kind, 16))
        assert exact == pytest.approx(sum(sparse.bits_per_word("inputs", kind, 16)), rel=1e-12)


def test_only_zeros_are_zero() -> None:
    values = [[0.0, -0.0, math.nan, math.inf, 5e-324, -1.0, 0.0, 0.0]]
    assert measure(vector(8), inputs=values).inputs == 4 / 8
    for dtype in ("float16", "float32", "float64", "int8", "uint8", "complex64"):
        assert measure(vector(3), inputs=np.array([[0, 2, 3]], dtype)).inputs == 2 / 3


def test_an_array_is_read_in_its_own_order_whatever_its_memory() -> None:
    image = mask((2, 3, 8, 8), 0.2)
    conv = Conv2d(name="c", input_shapes=((2, 3, 8, 8),), out_channels=4, kernel=3)
    plain = measure(conv, inputs=image)
    assert measure(conv, inputs=np.asfortranarray(image)) == plain
    assert measure(conv, inputs=np.repeat(image, 2, axis=3)[..., ::2]) == plain


def correlation(layer: Conv2d | DepthwiseConv2d, x: Any, w: Any) -> int:
    """MACs of a convolution whose operands are not zero, by computing it with ones for what is not zero."""
    (ph, pw), (sh, sw), (dh, dw) = layer.padding, layer.stride, layer.dilation
    _, channels, rows, columns = layer.output_shape
    padded = np.pad(x.astype(np.int64), ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    groups = x.shape[1] // w.shape[1]
    total = 0
    for out in range(channels):
        first = out // (channels // groups) * w.shape[1]
        for c, r, s in np.argwhere(w[out]):
            row, column = r * dh, s * dw
            seen = padded[:, first + c, row : row + rows * sh : sh, column : column + columns * sw : sw]
            total += int(seen[:, :rows, :columns].sum())
    return total


@pytest.mark.parametrize("density", [0.0, 0.3, 1.0])
@pytest.mark.parametrize(
    "layer",
    [
        Conv2d(name="c", input_shapes=((2, 6, 11, 13),), out_channels=4, kernel=(3, 5), padding=(1, 2)),
        Conv2d(name="c", input_shapes=((1, 6, 23, 9),), out_channels=4, kernel=5, stride=(2, 3), groups=2),
        Conv2d(name="c", input_shapes=((1, 3, 17, 17),), out_channels=2, kernel=3, dilation=2, padding=2),
        Conv2d(name="c", input_shapes=((3, 8, 7, 7),), out_channels=5, kernel=1, stride=2),
        DepthwiseConv2d(name="d", input_shapes=((2, 5, 12, 12),), kernel=3, multiplier=2, padding=1),
    ],
)
def test_effectual_macs_of_convolutions(layer: Any, density: float) -> None:
    groups = layer.problem.bounds["G"]
    x = mask(layer.input_shapes[0], density, 1)
    shape = (layer.output_shape[1], x.shape[1] // groups, *layer.kernel)
    w = mask(shape, 0.4, 2)
    measured = measure(layer, inputs=x, weights=w)
    both = measured.effectual_fraction(("inputs", "weights")) * layer.macs
    assert round(both) == correlation(layer, x, w)
    assert round(measured.effectual_fraction(("inputs",)) * layer.macs) == correlation(
        layer, x, np.ones(shape)
    )
    assert measured.effectual_fraction(("weights",)) == w.mean()
    assert measured.effectual_fraction(()) == 1
    inside = correlation(layer, np.ones(x.shape), np.ones(shape)) / layer.macs
    assert interior_fraction(layer.problem) == pytest.approx(inside, rel=1e-14)


@st.composite
def convolutions(draw: st.DrawFn) -> tuple[Conv2d, int]:
    size = st.integers(1, 4)
    groups, kernel = draw(st.integers(1, 3)), (draw(size), draw(size))
    shape = (draw(size), groups * draw(size), draw(st.integers(8, 20)), draw(st.integers(8, 20)))
    layer = Conv2d(
        name="c",
        input_shapes=(shape,),
        out_channels=groups * draw(size),
        groups=groups,
        kernel=kernel,
        stride=(draw(size), draw(size)),
        padding=(draw(st.integers(0, 3)), draw(st.integers(0, 3))),
        dilation=(draw(st.integers(1, 2)), draw(st.integers(1, 2))),
    )
    return layer, draw(st.integers(0, 2**32 - 1))


@settings(max_examples=100, deadline=None)
@given(convolutions())
def test_effectual_macs_of_any_convolution(drawn: tuple[Conv2d, int]) -> None:
    layer, seed = drawn
    rng = np.random.default_rng(seed)
    assert isinstance(layer.kernel, tuple)
    x = rng.random(layer.input_shapes[0]) < rng.random()
    w = rng.random((layer.out_channels, x.shape[1] // layer.groups, *layer.kernel)) < rng.random()

    def count(inputs: Any, weights: Any) -> int:
        operands = ("inputs", "weights")
        return round(measure(layer, inputs=inputs, weights=weights).effectual_fraction(operands) * layer.macs)

    assert count(x, w) == correlation(layer, x, w)
    # Where inputs are cut in two, each effectual MAC is one of one part.
    part = rng.random(x.shape) < 0.5
    assert count(x & part, w) + count(x & ~part, w) == count(x, w)
    inside = count(np.ones(x.shape), np.ones(w.shape)) / layer.macs
    assert interior_fraction(layer.problem) == pytest.approx(inside, rel=1e-14)


def test_effectual_macs_of_matrix_products() -> None:
    left, right = mask((2, 3, 5, 7), 0.5, 1), mask((2, 3, 7, 4), 0.5, 2)
    product = MatMul(name="qk", input_shapes=(left.shape, right.shape))
    measured = measure(product, inputs=left, weights=right)
    both = measured.effectual_fraction(("inputs", "weights")) * product.macs
    assert round(both) == int((left.astype(int) @ right.astype(int)).sum())
    tokens, matrix = mask((2, 9, 16), 0.5, 3), mask((8, 16), 0.5, 4)
    linear = Linear(name="fc", input_shapes=(tokens.shape,), out_features=8)
    measured = measure(linear, inputs=tokens, weights=matrix)
    both = measured.effectual_fraction(("inputs", "weights")) * linear.macs
    assert round(both) == int((tokens.astype(int) @ matrix.T.astype(int)).sum())


def test_effectual_macs_are_near_the_product_of_densities() -> None:
    layer = Conv2d(name="c", input_shapes=((2, 32, 28, 28),), out_channels=32, kernel=3, padding=1)
    x, w = mask((2, 32, 28, 28), 0.4, 5), mask((32, 32, 3, 3), 0.3, 6)
    measured = measure(layer, inputs=x, weights=w)
    inside = interior_fraction(layer.problem)
    expected = 0.4 * 0.3 * inside * layer.macs
    found = measured.effectual_fraction(("inputs", "weights")) * layer.macs
    assert abs(found - expected) <= bound((x.size, 32 * 9), (w.size, 2 * 28 * 28))


def test_an_operand_that_was_not_measured_is_taken_as_given() -> None:
    layer = Conv2d(name="c", input_shapes=((1, 2, 6, 6),), out_channels=3, kernel=3)
    measured = measure(layer, inputs=mask((1, 2, 6, 6), 0.5), source="a run")
    assert measured.weights == 1
    assert measured.source("inputs") == "a run"
    assert measured.source("weights") == "taken as dense"
    alone = measured.effectual_fraction(("inputs",))
    assert measured.effectual_fraction(("inputs", "weights")) == alone
    assert 0 < alone < 1


def test_a_tensor_of_zeros_is_measured() -> None:
    layer = vector(100)
    nothing = measure(layer, inputs=np.zeros((1, 100)), weights=np.ones((1, 100)))
    assert nothing.inputs == 0
    assert nothing.effectual_fraction(("inputs", "weights")) == 0
    assert nothing.bits_per_word("inputs", "bitmask", 16) == (0, 1)
    with pytest.raises(da.DensityError, match="above 0"):
        Density(inputs=0)


@pytest.mark.parametrize("kind", FORMATS)
def test_tiles_rarely_take_more_than_their_bound(kind: str) -> None:
    tiles, length, chance = 2000, 256, 0.01
    density = uniform(inputs=0.3)
    most = density.tile_bits("inputs", kind, 16, words=length, chance=chance)
    mean = sum(density.bits_per_word("inputs", kind, 16, words=length)) * length
    sizes = [
        sum(measure(vector(length), inputs=tile[None]).bits_per_word("inputs", kind, 16)) * length
        for tile in mask((tiles, length), 0.3, 7)
    ]
    assert sum(size > most + 1e-6 for size in sizes) <= chance * tiles + bound((tiles, 1))
    # The mean is no bound: about every second tile is larger, beyond what chance makes of a tenth.
    assert sum(size > mean for size in sizes) > 0.1 * tiles + bound((tiles, 1))
    assert density.tile_bits("inputs", kind, 16, words=length, chance=0) >= 16 * length


def test_densities_are_values() -> None:
    measured = measure(vector(50), inputs=mask((1, 50), 0.5), outputs=[[0]])
    assert pickle.loads(pickle.dumps(measured)) == measured
    assert len({measured, measure(vector(50), inputs=mask((1, 50), 0.5), outputs=[[0]])}) == 1
    assert measured.of("outputs") == 0
    with pytest.raises(da.DensityError, match=r"density of inputs is 0\.25, but 0\.\d+ was measured"):
        Density(inputs=0.25, outputs=0, measured=measured.measured)


@pytest.mark.parametrize("value", [0, -0.1, 1.0001, math.nan, math.inf, True, "0.5", None, 1j, [0.5]])
def test_values_out_of_range_are_refused(value: Any) -> None:
    with pytest.raises(da.DensityError, match="density of weights must be above 0 and at most 1, given"):
        uniform(weights=value)


def refusal(call: Any) -> str:
    with pytest.raises(da.DnnAccelError) as caught:
        call()
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_what_cannot_be_measured_is_said() -> None:
    layer = Conv2d(name="conv1", input_shapes=((1, 3, 8, 8),), out_channels=4, kernel=3)
    assert "inputs must have shape (1, 3, 8, 8), given (3, 8, 8)" in refusal(
        lambda: measure(layer, inputs=np.ones((3, 8, 8)))
    )
    assert "weights must have shape (4, 3, 3, 3)" in refusal(lambda: measure(layer, weights=np.ones(108)))
    assert "outputs must have shape (1, 4, 6, 6)" in refusal(lambda: measure(layer, outputs=[1.0]))
    assert "must hold numbers or booleans, given object" in refusal(
        lambda: measure(layer, inputs=np.full((1, 3, 8, 8), None))
    )
    assert "given <U1" in refusal(lambda: measure(layer, inputs=np.full((1, 3, 8, 8), "a")))
    assert "no array of numbers" in refusal(lambda: measure(layer, inputs=[[1, 2], [3]]))
    assert "'relu' has no MACs" in refusal(lambda: measure(ReLU(name="relu", input_shapes=((1, 3),))))
    assert "input shapes are not known" in refusal(
        lambda: measure(Conv2d(name="c", out_channels=1, kernel=1), inputs=[1])
    )


def test_unknown_names_are_answered_with_the_nearest() -> None:
    assert "did you mean 'bitmask'?" in refusal(lambda: Format.of("bitmap"))
    assert "did you mean 'inputs'?" in refusal(lambda: uniform().of("ifmaps"))
    assert "outputs are no operand" in refusal(lambda: uniform().effectual_fraction(("outputs",)))
    assert "run_bits must be from 1 to 16, given 17" in refusal(lambda: Format(kind="rlc", run_bits=17))
    assert "whole number from 1, given 2.5" in refusal(lambda: Format(kind="csc", column_words=2.5))  # type: ignore[arg-type]
    assert "no room" in refusal(lambda: uniform().bits_per_word("inputs", "rlc", 64))
    assert "did you mean 'eyeriss_jssc17'?" in refusal(lambda: published("eyeriss_jsc17", "alexnet"))
    assert "did you mean 'vgg16'?" in refusal(lambda: published("eyeriss_jssc17", "vgg19"))
    assert "both speak of inputs" in refusal(lambda: published("eyeriss_jssc17+eyeriss_jssc17", "vgg16"))


def test_published_densities_are_those_of_the_paper() -> None:
    found = published("eyeriss_jssc17", "alexnet")
    assert {name: density.inputs for name, density in found.items()} == {
        "conv1": 0.9999,
        "conv2": 0.613,
        "conv3": 0.275,
        "conv4": 0.207,
        "conv5": 0.224,
    }
    assert found["conv3"].outputs == found["conv4"].inputs
    assert found["conv3"].source("outputs").startswith("inputs of conv4: ")
    assert found["conv1"].outputs == 0.613
    assert "max pooling" in found["conv1"].source("outputs")
    assert found["conv5"].source("outputs") == found["conv5"].source("weights") == "taken as dense"
    assert found["conv5"].outputs == 1


def test_published_sets_join() -> None:
    joined = published("eyeriss_jssc17+han15", "vgg16")
    assert joined["conv3_2"].inputs == 0.419
    assert joined["conv3_2"].weights == 0.24
    assert "unverified" in joined["conv3_2"].source("weights")
    assert joined["fc6"].inputs == 1
    assert joined["fc6"].weights == 0.04


@pytest.mark.parametrize(
    ("name", "network"),
    [(name, network) for name, networks in da.sparsity.published_names().items() for network in networks],
)
def test_published_layers_are_layers_of_the_zoo(name: str, network: str) -> None:
    layers = da.zoo.load(network).layers
    found = published(name, network)
    assert set(found) <= {layer.name for layer in layers if layer.problem is not None}
    assert set(da.sparsity.resolve(name, layers, network=network)) == {
        layer.name for layer in layers if layer.problem is not None
    }
