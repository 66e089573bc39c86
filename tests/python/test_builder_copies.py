"""A layer that equals an earlier one is its copy, and nobody can tell."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Callable
from typing import ClassVar

import pytest

from dnnaccel import zoo
from dnnaccel.builder import NetworkBuilder
from dnnaccel.errors import LayerError, NetworkError
from dnnaccel.layers import KINDS, Add, Conv2d, Embedding, Layer, Linear, MatMul, ReLU, Shape
from dnnaccel.network import Network

IMAGE = (2, 8, 12, 10)
FEW = ("alexnet", "googlenet", "densenet121", "mobilenet_v2", "nasnet_a_4_1056", "gnmt", "transformer_base")


def builder() -> NetworkBuilder:
    return NetworkBuilder("net", input_shape=IMAGE)


@pytest.mark.parametrize("name", FEW)
def test_a_built_network_is_the_one_of_layers_made_one_by_one(name: str) -> None:
    net = zoo.load(name)
    made = tuple(dataclasses.replace(layer) for layer in net)
    bare = tuple(dataclasses.replace(layer, input_shapes=()) for layer in net)
    # Weights can only be shared with an earlier layer, so such a network keeps its order.
    shares = any(layer.weights_from for layer in net)
    for layers in (made, bare, bare if shares else bare[::-1]):
        again = Network(net.name, layers, inputs=net.inputs, metadata=net.metadata)
        assert set(again.layers) == set(net.layers)
        for layer, twin in ((net[each.name], each) for each in again):
            assert (layer, layer.output_shape, layer.macs) == (twin, twin.output_shape, twin.macs)
            assert [each.name for each in net.consumers(layer.name)] == [
                each.name for each in sorted(again.consumers(layer.name), key=net.layers.index)
            ]
        assert dict(again.outputs) == dict(net.outputs)
    assert Network(net.name, made, inputs=net.inputs, metadata=net.metadata) == net
    assert pickle.loads(pickle.dumps(net)) == copy.deepcopy(net) == net


def test_equal_layers_have_names_and_inputs_of_their_own() -> None:
    b = builder()
    for name in ("a", "b", "c"):
        b.conv2d(name, out_channels=8, kernel=(3, 3), padding=1)
    b.add("sum", after=("a", "c"))
    net = b.build()
    assert [(layer.name, layer.inputs) for layer in net] == [
        ("a", ("input",)),
        ("b", ("a",)),
        ("c", ("b",)),
        ("sum", ("a", "c")),
    ]
    assert net["b"] == Conv2d(
        name="b", inputs=("a",), input_shapes=(IMAGE,), out_channels=8, kernel=3, padding=1
    )


@pytest.mark.parametrize("kernel", [(True, 1), (1.0, 1), True, 1.0, "1", (1, 1, 1), None])
def test_what_equals_a_size_and_is_none_is_refused_after_it_too(kernel: object) -> None:
    b = builder()
    b.conv2d("right", out_channels=8, kernel=(1, 1))
    b.conv2d("right_too", out_channels=8, kernel=1)
    with pytest.raises(LayerError, match=r"^conv2d 'wrong': kernel must be "):
        b.conv2d("wrong", out_channels=8, kernel=kernel)  # type: ignore[arg-type]
    assert b.build()["right_too"].name == "right_too"


def test_a_list_is_as_good_as_a_tuple() -> None:
    b = builder()
    b.conv2d("a", out_channels=8, kernel=[3, 3])  # type: ignore[arg-type]
    assert b.build()["a"] == Conv2d(
        name="a", inputs=("input",), input_shapes=(IMAGE,), out_channels=8, kernel=(3, 3)
    )


@pytest.mark.parametrize(
    ("mistake", "error", "message"),
    [
        (lambda b: b.conv2d("a", out_channels=8, kernel=99), LayerError, "conv2d 'a': kernel 99x99 does not"),
        (
            lambda b: b.conv2d("a", out_channels=8, kernel=3, groups=3),
            LayerError,
            "conv2d 'a': groups=3 must",
        ),
        (lambda b: b.linear("a", out_features=8), LayerError, r"linear 'a': takes \(N, features\)"),
        (lambda b: b.add("a", after=("relu",)), LayerError, "add 'a': takes two inputs or more, given 1"),
        (lambda b: b.relu("relu"), NetworkError, "two layers or inputs are named 'relu'"),
        (lambda b: b.relu("a", after="rely"), NetworkError, "layer 'a' reads 'rely', .* did you mean 'relu'"),
        (lambda b: b.relu(""), LayerError, "relu layer: name '' must be"),
        (lambda b: b.relu("a\n"), LayerError, "relu layer: name .* must be"),
        (lambda b: b.relu(["a"]), LayerError, "relu layer: name .* must be"),
        (lambda b: b.add("a", after=(1, 2)), LayerError, "add 'a': inputs must be names"),
    ],
)
def test_a_mistake_is_told_by_the_name_of_its_layer(
    mistake: Callable[[NetworkBuilder], str], error: type[Exception], message: str
) -> None:
    b = builder()
    b.relu("relu")
    for _ in range(2):  # the second time what is remembered must not change the answer
        with pytest.raises(error, match=message):
            mistake(b)
    b.relu("end")
    assert [layer.name for layer in b.build()] == ["relu", "end"]


def test_an_unused_input_and_no_layers_are_told_by_build() -> None:
    b = builder()
    with pytest.raises(NetworkError, match="network 'net' has no layers"):
        b.build()
    b.relu("relu")
    b.input("other", shape=(2, 5))
    with pytest.raises(NetworkError, match="no layer reads input 'other'"):
        b.build()


def test_weights_that_cannot_be_shared_are_told_by_build() -> None:
    b = NetworkBuilder("net", input_shape=(1, 4))
    b.append(Embedding(name="table", entries=50, features=8))
    b.append(Linear(name="out", out_features=51, bias=False, weights_from="table"))
    with pytest.raises(NetworkError, match="layer 'out' cannot use the weights of 'table'"):
        b.build()


def test_a_builder_goes_on_after_build() -> None:
    b = builder()
    b.relu("first")
    short = b.build()
    b.relu("second")
    assert [layer.name for layer in b.build()] == ["first", "second"]
    assert [layer.name for layer in short] == ["first"]
    assert short.outputs == {"first": IMAGE}
    assert b.build().consumers("first") == (b.build()["second"],)


class _Square(ReLU):
    __slots__ = ()
    kind: ClassVar[str] = "square"

    def __post_init__(self) -> None:
        ReLU.__post_init__(self)
        if self.name.startswith("bad"):
            raise LayerError("a bad name")


def test_renamed_is_the_layer_made_under_that_name() -> None:
    layer = Add(name="a", inputs=("x", "y"), input_shapes=(IMAGE, IMAGE))
    assert layer.renamed("b", ("y", "z")) == dataclasses.replace(layer, name="b", inputs=("y", "z"))
    assert layer.renamed("b", ("y", "z")).output_shape == IMAGE
    with pytest.raises(LayerError, match="takes two inputs or more, given 1"):
        layer.renamed("b", ("y",))
    with pytest.raises(LayerError, match="a bad name"):
        _Square(name="a", input_shapes=(IMAGE,)).renamed("bad", ("x",))


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_no_kind_lets_anything_be_set(kind: type[Layer]) -> None:
    assert all("__dict__" not in vars(base) for base in kind.__mro__)
    assert dataclasses.is_dataclass(kind)
    assert kind.__doc__


@pytest.mark.parametrize(
    ("layer", "macs", "weights"),
    [
        (Linear(name="a", input_shapes=((2, 3, 5),), out_features=7), 2 * 3 * 5 * 7, 35),
        (MatMul(name="a", input_shapes=((2, 3, 5), (2, 5, 7))), 2 * 3 * 5 * 7, 0),
        *(
            (KINDS[kind](name="a", input_shapes=((2, 3, 5),), hidden_size=7), 6 * gates * 7 * 12, gates * 84)  # type: ignore[call-arg]
            for kind, gates in (("rnn", 1), ("gru", 3), ("lstm", 4))
        ),
    ],
    ids=lambda value: value.kind if isinstance(value, Layer) else "",
)
def test_sizes_are_those_of_the_problem(layer: Layer, macs: int, weights: int) -> None:
    assert layer.problem is not None
    assert layer.macs == layer.problem.macs == macs
    assert layer.weights == weights
    assert weights in (0, layer.problem.tensor("weights").words)


def test_too_many_macs_are_told_as_before() -> None:
    shape: Shape = (2**20, 2**20)
    with pytest.raises(LayerError, match=r"^linear 'a': 1152921504606846976 MACs in one layer; at most 2"):
        Linear(name="a", input_shapes=(shape,), out_features=2**20)
