"""A layer that a builder or a network gives its inputs is the same layer, checked as if made anew."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from dataclasses import dataclass
from typing import ClassVar

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dnnaccel.builder import NetworkBuilder
from dnnaccel.errors import LayerError
from dnnaccel.layers import Add, Conv2d, DepthwiseConv2d, Layer, Linear, MaxPool2d, ReLU, Shape, Slice
from dnnaccel.network import Network

IMAGE = (2, 8, 12, 10)

LAYERS = (
    Conv2d(name="a", out_channels=12, kernel=(3, 2), stride=2, padding=1, groups=4, bias=False),
    DepthwiseConv2d(name="a", kernel=3, multiplier=2, weights_from="b"),
    MaxPool2d(name="a", kernel=2),
    Slice(name="a", stop=3),
    ReLU(name="a"),
)


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.kind)
def test_a_layer_given_its_inputs_is_the_one_made_with_them(layer: Layer) -> None:
    made = dataclasses.replace(layer, inputs=("x",), input_shapes=(IMAGE,))
    bound = layer.reading(("x",), (IMAGE,))
    assert bound == made
    assert repr(bound) == repr(made)
    assert layer.inputs == ()


@pytest.mark.parametrize(
    ("layer", "shapes"),
    [
        (Conv2d(name="a", out_channels=1, kernel=3), ((1, 3, 2, 9),)),
        (Conv2d(name="a", out_channels=2**20, kernel=1), ((2**20, 2**20, 1, 1),)),
        (Conv2d(name="a", out_channels=2, kernel=1, groups=2), ((1, 3, 8, 8),)),
        (ReLU(name="a"), ((2**27, 2**27),)),
        (ReLU(name="a"), ((1, 2), (1, 2))),
        (Add(name="a"), ((1, 2),)),
        (Add(name="a"), ((1, 2), (1, 3))),
        (Linear(name="a", out_features=2), ((1, 3, 4, 4),)),
    ],
)
def test_shapes_that_do_not_fit_get_the_same_error(layer: Layer, shapes: tuple[Shape, ...]) -> None:
    with pytest.raises(LayerError) as as_made:
        dataclasses.replace(layer, input_shapes=shapes)
    names = tuple(f"x{index}" for index in range(len(shapes)))
    with pytest.raises(LayerError) as as_bound:
        layer.reading(names, shapes)
    # The wrong number of inputs is told by their names where they have names.
    assert str(as_bound.value).split(":")[:2] == str(as_made.value).split(":")[:2]


@dataclass(frozen=True, slots=True, kw_only=True)
class _OnlySquare(Layer):
    kind: ClassVar[str] = "only_square"

    def __post_init__(self) -> None:
        Layer.__post_init__(self)
        if self.input_shapes and self.input_shapes[0][2] != self.input_shapes[0][3]:
            raise LayerError("only square images")

    def _infer(self, shapes: tuple[Shape, ...]) -> Shape:
        return shapes[0]


def test_a_kind_with_checks_of_its_own_gets_them() -> None:
    with pytest.raises(LayerError, match="only square images"):
        _OnlySquare(name="a").reading(("x",), (IMAGE,))
    assert _OnlySquare(name="a").reading(("x",), ((1, 2, 5, 5),)).output_shape == (1, 2, 5, 5)


def test_the_inferred_shape_goes_into_no_comparison_and_no_copy() -> None:
    layer = Conv2d(name="a", out_channels=4, kernel=3)
    bound = layer.reading(("x",), (IMAGE,))
    assert bound.output_shape == (2, 4, 10, 8)
    for twin in (pickle.loads(pickle.dumps(bound)), copy.deepcopy(bound), dataclasses.replace(bound)):
        assert twin == bound
        assert hash(twin) == hash(bound)
        assert twin.output_shape == bound.output_shape
    assert bound.reading(("x",), ((1, 8, 5, 5),)).output_shape == (1, 4, 3, 3)
    assert dataclasses.replace(bound, out_channels=6).output_shape == (2, 6, 10, 8)


def test_a_network_keeps_the_layers_that_the_builder_bound() -> None:
    b = NetworkBuilder("two", input_shape=IMAGE)
    b.conv2d("conv", out_channels=4, kernel=3)
    b.relu("relu")
    net = b.build()
    again = Network("again", net.layers, inputs=net.inputs)
    assert all(mine is theirs for mine, theirs in zip(net, again, strict=True))
    other = Network("larger", net.layers, inputs={"input": (1, 8, 20, 20)})
    assert other["relu"].input_shapes == ((1, 4, 18, 18),)
    assert net["relu"].input_shapes == ((2, 4, 10, 8),)


@given(
    image=st.tuples(*[st.integers(1, 9)] * 4),
    channels=st.tuples(*[st.integers(1, 4)] * 3),
    window=st.tuples(*[st.integers(1, 3)] * 6),
)
def test_macs_and_weights_are_those_of_the_problem(
    image: tuple[int, int, int, int], channels: tuple[int, int, int], window: tuple[int, ...]
) -> None:
    groups, in_channels, out_channels = channels
    rows, columns, stride, dilation, padding, multiplier = window
    assume(dilation * (max(rows, columns) - 1) < min(image[2:]) + 2 * padding)
    for layer in (
        Conv2d(
            name="a",
            input_shapes=((image[0], groups * in_channels, *image[2:]),),
            out_channels=groups * out_channels,
            kernel=(rows, columns),
            stride=stride,
            dilation=dilation,
            padding=padding,
            groups=groups,
        ),
        DepthwiseConv2d(
            name="a",
            input_shapes=(image,),
            kernel=(rows, columns),
            stride=stride,
            dilation=dilation,
            padding=padding,
            multiplier=multiplier,
        ),
    ):
        assert layer.macs == layer.problem.macs
        assert layer.weights == layer.problem.tensor("weights").words
