"""Layers: shapes, MACs, weights and operations against brute force, and what a mistake is told."""

from __future__ import annotations

import dataclasses
import inspect
import itertools
import math
import pickle
import re
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnnaccel import layers
from dnnaccel.errors import LayerError
from dnnaccel.layers import (
    GELU,
    GRU,
    LRN,
    LSTM,
    RNN,
    Add,
    AvgPool2d,
    BatchNorm,
    ChannelShuffle,
    ClassToken,
    Concat,
    Conv2d,
    DepthwiseConv2d,
    Embedding,
    Flatten,
    GlobalAvgPool2d,
    GlobalMaxPool2d,
    Layer,
    LayerNorm,
    Linear,
    MatMul,
    MaxPool2d,
    Multiply,
    Opaque,
    Pad2d,
    Permute,
    PositionEmbedding,
    ReLU,
    ReLU6,
    Reshape,
    Scale,
    Sigmoid,
    Slice,
    Softmax,
    Tanh,
)

IMAGE = (2, 6, 9, 7)
VECTOR = (2, 10)
SEQUENCE = (2, 5, 6)

# One of every kind, as small as it goes.
EVERY_KIND: tuple[Layer, ...] = (
    Conv2d(name="a", input_shapes=(IMAGE,), out_channels=4, kernel=3, groups=2),
    DepthwiseConv2d(name="a", input_shapes=(IMAGE,), kernel=3, multiplier=2),
    Linear(name="a", input_shapes=(VECTOR,), out_features=3),
    MatMul(name="a", input_shapes=((2, 3, 4), (2, 4, 5))),
    MaxPool2d(name="a", input_shapes=(IMAGE,), kernel=2),
    AvgPool2d(name="a", input_shapes=(IMAGE,), kernel=2),
    GlobalAvgPool2d(name="a", input_shapes=(IMAGE,)),
    GlobalMaxPool2d(name="a", input_shapes=(IMAGE,)),
    LRN(name="a", input_shapes=(IMAGE,)),
    ReLU(name="a", input_shapes=(IMAGE,)),
    Sigmoid(name="a", input_shapes=(IMAGE,)),
    Tanh(name="a", input_shapes=(VECTOR,)),
    BatchNorm(name="a", input_shapes=(IMAGE,)),
    Add(name="a", input_shapes=(IMAGE, IMAGE, IMAGE)),
    Concat(name="a", input_shapes=(IMAGE, (2, 1, 9, 7))),
    Flatten(name="a", input_shapes=(IMAGE,)),
    Softmax(name="a", input_shapes=(VECTOR,)),
    ReLU6(name="a", input_shapes=(IMAGE,)),
    GELU(name="a", input_shapes=(VECTOR,)),
    Scale(name="a", input_shapes=(IMAGE,), factor=0.1),
    Multiply(name="a", input_shapes=(IMAGE, IMAGE)),
    Reshape(name="a", input_shapes=(VECTOR,), shape=(2, 2, 5)),
    Permute(name="a", input_shapes=(IMAGE,), axes=(0, 2, 3, 1)),
    Slice(name="a", input_shapes=(IMAGE,), start=1, stop=4),
    Pad2d(name="a", input_shapes=(IMAGE,), rows=(0, 1), columns=(1, 2)),
    ChannelShuffle(name="a", input_shapes=(IMAGE,), groups=3),
    Opaque(name="a", input_shapes=(IMAGE,), operator="Resize", shape=(2, 6, 18, 14)),
    LayerNorm(name="a", input_shapes=(SEQUENCE,)),
    RNN(name="a", input_shapes=(SEQUENCE,), hidden_size=4),
    LSTM(name="a", input_shapes=(SEQUENCE,), hidden_size=4),
    GRU(name="a", input_shapes=(SEQUENCE,), hidden_size=4),
    Embedding(name="a", input_shapes=(VECTOR,), entries=7, features=3),
    PositionEmbedding(name="a", input_shapes=(SEQUENCE,), entries=5),
    ClassToken(name="a", input_shapes=(SEQUENCE,)),
)

sizes = st.integers(1, 4)
pairs = st.tuples(sizes, sizes)


def both(pair: layers.Pair | None) -> tuple[int, int]:
    """Return rows and columns of a pair that a layer stores: always a tuple by then."""
    assert isinstance(pair, tuple)
    return pair


def window_starts(extent: int, kernel: int, stride: int, padding: int, dilation: int = 1) -> list[int]:
    """Slide a window over the padded extent, one element at a time, and keep every stride-th position."""
    padded = range(-padding, extent + padding)
    fitting = [start for start in padded if start + dilation * (kernel - 1) in padded]
    return fitting[::stride]


@st.composite
def convolutions(draw: st.DrawFn) -> Conv2d:
    kernel, dilation = draw(pairs), draw(pairs)
    padding = draw(st.tuples(st.integers(0, 3), st.integers(0, 3)))
    extents = []
    for k, d, p in zip(kernel, dilation, padding, strict=True):
        least = max(1, d * (k - 1) + 1 - 2 * p)
        extents.append(draw(st.integers(least, least + 6)))
    groups = draw(st.integers(1, 3))
    return Conv2d(
        name="conv",
        input_shapes=((draw(sizes), groups * draw(sizes), *extents),),
        out_channels=groups * draw(sizes),
        kernel=kernel,
        stride=draw(pairs),
        padding=padding,
        dilation=dilation,
        groups=groups,
        bias=draw(st.booleans()),
    )


@given(convolutions())
def test_convolution_equals_brute_force(layer: Conv2d) -> None:
    batch, channels, *extents = layer.input_shapes[0]
    window = [both(pair) for pair in (layer.kernel, layer.stride, layer.padding, layer.dilation)]
    starts = [window_starts(*sizes) for sizes in zip(extents, *window, strict=True)]
    assert layer.output_shape == (batch, layer.out_channels, len(starts[0]), len(starts[1]))
    # Every output sums over the channels of its group and the window's elements.
    terms = channels // layer.groups * math.prod(both(layer.kernel))
    assert layer.macs == math.prod(layer.output_shape) * terms
    assert layer.macs == layer.problem.macs
    assert layer.weights == layer.out_channels * terms
    assert layer.parameters == layer.weights + layer.bias * layer.out_channels
    assert layer.ops == 0


@given(convolutions())
def test_problem_touches_the_tensors_of_the_shapes(layer: Conv2d) -> None:
    problem = layer.problem
    assert problem.tensor("inputs").words == math.prod(layer.input_shapes[0])
    assert problem.tensor("outputs").words == math.prod(layer.output_shape)
    for axis, extent in zip(problem.tensor("inputs").axes[-2:], layer.input_shapes[0][2:], strict=True):
        first = axis.offset
        last = axis.offset + sum(step * (problem.bounds[dim] - 1) for dim, step in axis.terms)
        assert axis.size == extent
        # Same padding on both sides: the last window ends inside it.
        assert first <= 0
        assert last < extent - first


@given(convolutions())
def test_depthwise_is_the_convolution_with_one_channel_per_group(layer: Conv2d) -> None:
    channels = layer.input_shapes[0][1]
    window = {key: getattr(layer, key) for key in ("kernel", "stride", "padding", "dilation", "bias")}
    depthwise = DepthwiseConv2d(name="d", input_shapes=layer.input_shapes, multiplier=3, **window)
    grouped = Conv2d(
        name="d", input_shapes=layer.input_shapes, out_channels=3 * channels, groups=channels, **window
    )
    assert depthwise.problem == grouped.problem
    assert depthwise.output_shape == grouped.output_shape
    assert depthwise.parameters == grouped.parameters
    assert (depthwise.problem.bounds["G"], depthwise.problem.bounds["M"]) == (channels, 3)
    assert depthwise.problem.bounds["C"] == 1


@st.composite
def pools(draw: st.DrawFn, kind: type[MaxPool2d] | type[AvgPool2d]) -> MaxPool2d | AvgPool2d:
    kernel = draw(pairs)
    padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
    extents = tuple(max(1, k - 2 * p) + draw(st.integers(0, 6)) for k, p in zip(kernel, padding, strict=True))
    return kind(
        name="pool",
        input_shapes=((draw(sizes), draw(sizes), *extents),),
        kernel=kernel,
        stride=draw(pairs),
        padding=(padding[0], padding[1]),
        ceil_mode=draw(st.booleans()),
    )


@given(pools(MaxPool2d) | pools(AvgPool2d))
def test_pool_equals_brute_force(layer: MaxPool2d | AvgPool2d) -> None:
    batch, channels, *extents = layer.input_shapes[0]
    counts = []
    for extent, kernel, stride, padding in zip(
        extents, both(layer.kernel), both(layer.stride), both(layer.padding), strict=True
    ):
        starts = window_starts(extent, kernel, stride, padding)
        following = starts[-1] + stride
        # With ceil_mode, elements that no window reached get one, if it starts on the image.
        left_over = starts[-1] + kernel < extent + padding
        counts.append(len(starts) + (layer.ceil_mode and left_over and following < extent))
    assert layer.output_shape == (batch, channels, *counts)
    per_window = math.prod(both(layer.kernel)) - isinstance(layer, MaxPool2d)
    assert layer.ops == per_window * math.prod(layer.output_shape)
    assert layer.macs == layer.weights == layer.parameters == 0


@given(st.lists(sizes, min_size=1, max_size=2), sizes, sizes, st.booleans())
def test_linear_folds_leading_axes_into_the_batch(
    lead: list[int], features: int, out: int, bias: bool
) -> None:
    layer = Linear(name="fc", input_shapes=((*lead, features),), out_features=out, bias=bias)
    assert layer.output_shape == (*lead, out)
    assert layer.macs == layer.problem.macs == math.prod(lead) * features * out
    assert layer.weights == features * out
    assert layer.parameters == features * out + bias * out
    bounds = layer.problem.bounds
    assert (bounds["N"], bounds["C"], bounds["M"]) == (math.prod(lead), features, out)
    assert all(bounds[dim] == 1 for dim in ("G", "P", "Q", "R", "S"))


@given(st.lists(sizes, max_size=2), sizes, sizes, sizes)
def test_matmul_equals_numpy(lead: list[int], rows: int, inner: int, columns: int) -> None:
    layer = MatMul(name="m", input_shapes=((*lead, rows, inner), (*lead, inner, columns)))
    product = np.ones(layer.input_shapes[0], dtype=int) @ np.ones(layer.input_shapes[1], dtype=int)
    assert layer.output_shape == product.shape
    # Every output is a sum of ones: as many as it took multiplications.
    assert layer.macs == layer.problem.macs == product.sum()
    assert layer.weights == layer.parameters == 0


@given(st.lists(sizes, min_size=2, max_size=4), st.data())
def test_concat_equals_numpy(shape: list[int], data: st.DataObject) -> None:
    axis = data.draw(st.integers(1, len(shape) - 1))
    extents = data.draw(st.lists(sizes, min_size=2, max_size=4))
    shapes = tuple((*shape[:axis], extent, *shape[axis + 1 :]) for extent in extents)
    wanted = np.concatenate([np.empty(s) for s in shapes], axis=axis).shape
    assert Concat(name="c", input_shapes=shapes, axis=axis).output_shape == wanted
    assert Concat(name="c", input_shapes=shapes, axis=axis - len(shape)).output_shape == wanted


@pytest.mark.parametrize(
    ("layer", "output_shape", "ops"),
    [
        (GlobalAvgPool2d(name="a", input_shapes=(IMAGE,)), (2, 6, 1, 1), 12 * 63),
        (GlobalMaxPool2d(name="a", input_shapes=(IMAGE,)), (2, 6, 1, 1), 12 * 62),
        (LRN(name="a", input_shapes=(IMAGE,), size=5), IMAGE, 9 * 756),
        (ReLU(name="a", input_shapes=(IMAGE,)), IMAGE, 756),
        (Sigmoid(name="a", input_shapes=(IMAGE,)), IMAGE, 756),
        (Tanh(name="a", input_shapes=(VECTOR,)), VECTOR, 20),
        (BatchNorm(name="a", input_shapes=(IMAGE,)), IMAGE, 2 * 756),
        (Add(name="a", input_shapes=(IMAGE, IMAGE, IMAGE)), IMAGE, 2 * 756),
        (Concat(name="a", input_shapes=(IMAGE, IMAGE)), (2, 12, 9, 7), 0),
        (Flatten(name="a", input_shapes=(IMAGE,)), (2, 378), 0),
        (Softmax(name="a", input_shapes=(VECTOR,)), VECTOR, 2 * (9 + 10 + 10 + 9 + 10)),
        (Softmax(name="a", input_shapes=(IMAGE,), axis=1), IMAGE, 126 * (5 + 6 + 6 + 5 + 6)),
    ],
    ids=lambda value: value.kind if isinstance(value, Layer) else "",
)
def test_operations_of_layers_without_macs(layer: Layer, output_shape: tuple[int, ...], ops: int) -> None:
    assert layer.output_shape == output_shape
    assert layer.ops == ops
    assert (layer.macs, layer.weights, layer.problem) == (0, 0, None)


def test_batch_norm_has_a_scale_and_a_shift_per_channel() -> None:
    assert BatchNorm(name="a", input_shapes=(IMAGE,)).parameters == 12


def test_every_kind_is_here_once() -> None:
    public = {value for value in vars(layers).values() if inspect.isclass(value) and issubclass(value, Layer)}
    concrete = {value for value in public if not inspect.isabstract(value) and hasattr(value, "kind")}
    assert concrete == {type(layer) for layer in EVERY_KIND}
    assert {value.__name__ for value in concrete} <= set(layers.__all__)
    assert len({layer.kind for layer in EVERY_KIND}) == len(EVERY_KIND)
    assert {layer.kind: type(layer) for layer in EVERY_KIND} == layers.KINDS
    activations = {"relu", "relu6", "gelu", "sigmoid", "tanh"}
    assert {layer.kind for layer in EVERY_KIND if layer.fusable} == activations | {"batch_norm", "scale"}
    views = {"flatten", "reshape", "permute", "slice"}
    assert {layer.kind for layer in EVERY_KIND if layer.is_view} == views


@pytest.mark.parametrize("layer", EVERY_KIND, ids=lambda layer: layer.kind)
class TestEveryKind:
    def test_has_macs_or_operations(self, layer: Layer) -> None:
        assert (layer.problem is None) == (layer.macs == 0)
        # Of the layers with MACs only the recurrent ones have functions of their own, their gates.
        assert bool(layer.macs and layer.ops) == (layer.kind in ("rnn", "lstm", "gru"))
        assert layer.parameters >= layer.weights >= 0

    def test_is_frozen_hashable_and_picklable(self, layer: Layer) -> None:
        with pytest.raises(dataclasses.FrozenInstanceError):
            layer.name = "b"  # type: ignore[misc]
        assert pickle.loads(pickle.dumps(layer)) == layer
        assert hash(dataclasses.replace(layer)) == hash(layer)

    def test_without_shapes_says_so(self, layer: Layer) -> None:
        unbound = dataclasses.replace(layer, input_shapes=())
        for size in ("output_shape", "macs", "problem"):
            with pytest.raises(LayerError, match=r"'a': its input shapes are not known; give input_shapes"):
                getattr(unbound, size)

    def test_refuses_a_wrong_number_of_inputs(self, layer: Layer) -> None:
        if isinstance(layer, Opaque):  # takes any number
            assert dataclasses.replace(layer, input_shapes=(IMAGE, VECTOR)).output_shape == layer.shape
            return
        count = 1 if len(layer.input_shapes) > 1 else 2
        shapes = layer.input_shapes[:1] * count
        for wrong in ({"input_shapes": shapes}, {"inputs": tuple("xy"[:count]), "input_shapes": ()}):
            with pytest.raises(LayerError, match=rf"{layer.kind} 'a': takes .* inputs?.*, given {count}: "):
                dataclasses.replace(layer, **wrong)


def test_one_int_means_both() -> None:
    shape = ((1, 3, 8, 8),)
    one = Conv2d(name="c", input_shapes=shape, out_channels=2, kernel=3, stride=2, padding=1, dilation=2)
    two = Conv2d(
        name="c",
        input_shapes=shape,
        out_channels=2,
        kernel=(3, 3),
        stride=(2, 2),
        padding=(1, 1),
        dilation=(2, 2),
    )
    assert one == two
    assert one.kernel == (3, 3)


def test_pool_stride_is_the_kernel_unless_given() -> None:
    assert MaxPool2d(name="p", kernel=(3, 2)) == MaxPool2d(name="p", kernel=(3, 2), stride=(3, 2))


def test_numpy_sizes_become_ints() -> None:
    shape = tuple(np.array([1, 3, 8, 8]))
    layer = Conv2d(name="c", input_shapes=[list(shape)], out_channels=np.int64(4), kernel=np.int32(3))  # type: ignore[arg-type]
    assert all(type(size) is int for size in itertools.chain(*layer.input_shapes, layer.output_shape))
    assert type(layer.out_channels) is int
    assert layer.kernel == (3, 3)


def test_a_lone_input_name_is_not_taken_apart() -> None:
    assert ReLU(name="r", inputs="conv1").inputs == ("conv1",)  # type: ignore[arg-type]


def test_an_image_is_linear_input_only_if_its_last_axis_is_meant() -> None:
    layer = Linear(name="fc", input_shapes=((1, 7, 7, 96),), in_features=96, out_features=3)
    assert layer.output_shape == (1, 7, 7, 3)
    assert layer.macs == 49 * 96 * 3


def test_the_eyeriss_papers_first_layer() -> None:
    layer = Conv2d(
        name="x", input_shapes=((1, 3, 227, 227),), out_channels=96, kernel=(11, 11), stride=(4, 4)
    )
    assert layer.output_shape == (1, 96, 55, 55)
    assert layer.macs == 105_415_200


def conv(**changes: object) -> Conv2d:
    """Build a convolution that is right but for `changes`."""
    right: dict[str, object] = {"name": "c", "input_shapes": ((1, 6, 9, 9),), "out_channels": 4, "kernel": 3}
    return Conv2d(**(right | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: conv(kernel=11),
            "conv2d 'c': kernel 11x11 does not fit input (1, 6, 9, 9) with padding 0x0; "
            "rows must be at least 11 and columns at least 11",
        ),
        (
            lambda: conv(kernel=3, dilation=(5, 1), padding=(0, 1)),
            "conv2d 'c': kernel 3x3 (spread over 11x3) does not fit input (1, 6, 9, 9) with padding 0x1; "
            "rows must be at least 11 and columns at least 1",
        ),
        (
            lambda: conv(groups=4),
            "conv2d 'c': groups=4 must divide both the 6 channels of input (1, 6, 9, 9) and out_channels=4",
        ),
        (lambda: conv(input_shapes=((1, 6),)), "conv2d 'c': takes an image (N, C, H, W), given (1, 6)"),
        (
            lambda: conv(input_shapes=(1, 6, 9, 9)),
            "conv2d 'c': input_shapes must hold one shape per input, batch first, as ((1, 3, 224, 224),), "
            "given (1, 6, 9, 9)",
        ),
        (
            lambda: conv(input_shapes=((1, 6, 0, 9),)),
            "conv2d 'c': every size of a shape must be a whole number from 1 to 2**31 - 1, given 0",
        ),
        (
            lambda: conv(stride=0),
            "conv2d 'c': stride must be a whole number from 1 to 2**31 - 1, given 0",
        ),
        (
            lambda: conv(padding=-1),
            "conv2d 'c': padding must be a whole number from 0 to 2**31 - 1, given -1",
        ),
        (
            lambda: conv(kernel=(3, 3, 3)),
            "conv2d 'c': kernel must be one number, or two (rows, columns), given (3, 3, 3)",
        ),
        (
            lambda: conv(kernel=2.5),
            "conv2d 'c': kernel must be a whole number from 1 to 2**31 - 1, given 2.5",
        ),
        (
            lambda: conv(out_channels=True),
            "conv2d 'c': out_channels must be a whole number from 1 to 2**31 - 1, given True",
        ),
        (
            lambda: conv(name=""),
            "conv2d layer: name '' must be a non-empty text of printable characters",
        ),
        (lambda: conv(inputs=(1,)), "conv2d 'c': inputs must be names of layers, as ('conv1',), given (1,)"),
        (
            lambda: conv(input_shapes=((2**27, 2**27, 3, 3),)),
            "conv2d 'c': shape (134217728, 134217728, 3, 3) has 162129586585337856 elements; "
            "at most 2**53 can be counted",
        ),
        (
            lambda: conv(input_shapes=((2**15, 2**15, 3, 3),), out_channels=2**25),
            "conv2d 'c': 324259173170675712 MACs in one layer; at most 2**53 can be counted exactly",
        ),
        (
            lambda: LRN(name="n", input_shapes=((2**20, 3, 3, 3),), size=2**31 - 1),
            f"lrn 'n': {(2**31 - 1 + 4) * 27 * 2**20} vector operations in one layer; "
            "at most 2**53 can be counted",
        ),
        (
            lambda: Linear(name="f", input_shapes=((1, 256, 6, 6),), out_features=10),
            "linear 'f': takes (N, features), given (1, 256, 6, 6); flatten it first, or give in_features=6 "
            "if its last axis is meant",
        ),
        (
            lambda: Linear(name="f", input_shapes=((1, 120),), in_features=84, out_features=10),
            "linear 'f': takes 84 features, given (1, 120); its last axis must be 84",
        ),
        (
            lambda: MatMul(name="m", input_shapes=((1, 3, 4), (1, 5, 6))),
            "matmul 'm': (1, 3, 4) does not multiply (1, 5, 6); "
            "for this left operand the right one would be (1, 4, 6)",
        ),
        (
            lambda: MaxPool2d(name="p", input_shapes=((1, 3, 8, 8),), kernel=2, padding=(1, 2)),
            "max_pool 'p': padding 1x2 must be at most half the kernel 2x2, "
            "or a window could hold nothing but padding",
        ),
        (
            lambda: Add(name="s", input_shapes=((1, 3, 8, 8), (1, 3, 4, 4))),
            "add 's': cannot add (1, 3, 4, 4) to (1, 3, 8, 8); all inputs must have one shape",
        ),
        (
            lambda: Concat(name="s", input_shapes=((1, 3, 8, 8), (1, 3, 4, 8))),
            "concat 's': (1, 3, 4, 8) does not meet (1, 3, 8, 8); only axis 1 may differ",
        ),
        (
            lambda: Concat(name="s", input_shapes=((1, 3), (1, 3)), axis=2),
            "concat 's': axis 2 of (1, 3) must lie in 1..1 or count from the end (0 is the batch)",
        ),
        (
            lambda: Softmax(name="s", input_shapes=((1, 3),), axis=-2),
            "softmax 's': axis -2 of (1, 3) must lie in 1..1 or count from the end (0 is the batch)",
        ),
        (lambda: LRN(name="n", input_shapes=((1, 3),)), "lrn 'n': takes an image (N, C, H, W), given (1, 3)"),
    ],
    ids=lambda value: " ".join(value.split()[:4]) if isinstance(value, str) else "",
)
def test_mistakes_are_told_in_one_sentence(make: object, message: str) -> None:
    assert callable(make)
    with pytest.raises(LayerError, match=re.escape(message)) as caught:
        make()
    assert "\n" not in str(caught.value)


IMAGE6 = (2, 6, 9, 7)


@pytest.mark.parametrize(
    ("layer", "shape", "ops"),
    [
        (ReLU6(name="a", input_shapes=(IMAGE6,)), IMAGE6, 2 * 756),
        (GELU(name="a", input_shapes=(IMAGE6,)), IMAGE6, 2 * 756),
        (Scale(name="a", input_shapes=(IMAGE6,), factor=0.1), IMAGE6, 756),
        (Multiply(name="a", input_shapes=(IMAGE6,) * 3), IMAGE6, 2 * 756),
        (Reshape(name="a", input_shapes=(IMAGE6,), shape=(2, 54, 7)), (2, 54, 7), 0),
        (Permute(name="a", input_shapes=(IMAGE6,), axes=(0, 3, 1, 2)), (2, 7, 6, 9), 0),
        (Slice(name="a", input_shapes=(IMAGE6,), start=1, stop=4), (2, 3, 9, 7), 0),
        (Slice(name="a", input_shapes=(IMAGE6,), axis=-1, start=5), (2, 6, 9, 2), 0),
        (Pad2d(name="a", input_shapes=(IMAGE6,), rows=(0, 1), columns=(2, 3)), (2, 6, 10, 12), 0),
        (ChannelShuffle(name="a", input_shapes=(IMAGE6,), groups=3), IMAGE6, 0),
    ],
    ids=lambda value: getattr(value, "kind", None),
)
def test_layers_of_one_step(layer: Layer, shape: layers.Shape, ops: int) -> None:
    assert (layer.output_shape, layer.ops, layer.macs, layer.parameters) == (shape, ops, 0, 0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Scale(name="a", factor=float("nan")), "factor must be a finite number, given nan"),
        (lambda: Scale(name="a", factor=True), "factor must be a finite number, given True"),
        (
            lambda: Reshape(name="a", input_shapes=(IMAGE6,), shape=(2, 50)),
            r"\(2, 6, 9, 7\) has 756 elements, \(2, 50\) has 100",
        ),
        (lambda: Reshape(name="a", shape=(2,)), "shape must hold two sizes or more"),
        (lambda: Permute(name="a", input_shapes=(IMAGE6,), axes=(0, 1, 2)), "must name every axis of"),
        (lambda: Permute(name="a", axes=(0, -1)), "every axis must be a whole number from 0"),
        (lambda: Slice(name="a", input_shapes=(IMAGE6,), start=3, stop=3), "needs start < stop <= 6"),
        (lambda: Slice(name="a", input_shapes=(IMAGE6,), stop=7), "needs start < stop <= 6"),
        (lambda: Slice(name="a", input_shapes=(IMAGE6,), axis=0), "0 is the batch"),
        (lambda: ChannelShuffle(name="a", input_shapes=(IMAGE6,), groups=4), "groups=4 must divide the 6"),
    ],
)
def test_layers_of_one_step_refuse(make: Callable[[], Layer], message: str) -> None:
    with pytest.raises(LayerError, match=message):
        make()
