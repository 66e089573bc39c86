"""Networks: order, shapes, names and what a graph that is none is told."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnnaccel.builder import NetworkBuilder
from dnnaccel.errors import LayerError, MissingExtraError, NetworkError, UnknownNameError
from dnnaccel.layers import Add, Conv2d, Layer, Linear, MatMul, ReLU
from dnnaccel.network import Network


def branching() -> Network:
    """Build a small network with a branch, one of every builder method's layer on its way."""
    b = NetworkBuilder("branching", input_shape=(2, 4, 16, 16), metadata={"title": "Branching", "year": 2024})
    stem = b.conv2d("stem", out_channels=8, kernel=3, padding=1)
    left = b.sigmoid("left")
    b.depthwise("depthwise", kernel=3, padding=1, after=stem)
    b.batch_norm("norm")
    right = b.tanh("right")
    b.add("sum", after=(left, right))
    b.lrn("lrn")
    pooled = b.max_pool("max", kernel=2)
    b.avg_pool("avg", kernel=3, stride=1, padding=1, after=pooled)
    b.concat("both", after=("avg", pooled))
    b.global_max_pool("peak")
    b.global_avg_pool("mean", after="both")
    b.concat("features", after=("peak", "mean"), axis=-3)
    b.flatten("flat")
    b.linear("fc", out_features=5)
    b.relu("relu")
    b.softmax("prob")
    return b.build()


def test_shapes_flow_through_the_graph() -> None:
    net = branching()
    assert net["stem"].output_shape == (2, 8, 16, 16)
    assert net["sum"].input_shapes == ((2, 8, 16, 16), (2, 8, 16, 16))
    assert net["both"].output_shape == (2, 16, 8, 8)
    assert net["features"].output_shape == (2, 32, 1, 1)
    assert net["flat"].output_shape == (2, 32)
    assert net.outputs == {"prob": (2, 5)}
    assert net.inputs == {"input": (2, 4, 16, 16)}
    assert net.batch == 2


def test_totals_are_sums_over_layers() -> None:
    net = branching()
    assert net.total_macs == 2 * (256 * 9 * 4 * 8 + 256 * 9 * 8 + 32 * 5)
    assert net.total_weights == 9 * 4 * 8 + 9 * 8 + 32 * 5
    assert net.total_parameters == net.total_weights + 8 + 8 + 5 + 2 * 8


def test_is_a_sequence_of_named_layers() -> None:
    net = branching()
    assert len(net) == 17
    assert [layer.name for layer in net] == [layer.name for layer in net.layers]
    assert "stem" in net
    assert "input" not in net
    assert net.consumers("input") == (net["stem"],)
    assert [layer.name for layer in net.consumers("stem")] == ["left", "depthwise"]
    assert net.consumers("prob") == ()
    assert repr(net) == f"<Network branching: 17 layers, {net.total_macs:,} MACs, 520 weights, batch 2>"


def test_unknown_layers_are_met_with_the_nearest_name() -> None:
    net = branching()
    with pytest.raises(UnknownNameError, match=r"unknown layer of branching 'stam'; did you mean 'stem'\?"):
        net["stam"]
    with pytest.raises(UnknownNameError, match=r"'inputs'; did you mean 'input'\?"):
        net.consumers("inputs")


def test_is_immutable_comparable_and_picklable() -> None:
    net = branching()
    with pytest.raises(dataclasses.FrozenInstanceError):
        net.name = "other"  # type: ignore[misc]
    with pytest.raises(TypeError):
        net.metadata["title"] = "other"  # type: ignore[index]
    for twin in (branching(), copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert twin == net
        assert hash(twin) == hash(net)
        assert twin["fc"] == net["fc"]
    assert net != dataclasses.replace(net, name="other")


@given(st.permutations(range(17)))
def test_any_order_of_layers_gives_the_same_graph(order: list[int]) -> None:
    net = branching()
    unbound = [dataclasses.replace(net.layers[index], input_shapes=()) for index in order]
    shuffled = Network("branching", tuple(unbound), inputs=net.inputs)
    assert {layer.name: layer for layer in shuffled} == {layer.name: layer for layer in net}
    seen = set(shuffled.inputs)
    for layer in shuffled:
        assert seen.issuperset(layer.inputs)
        seen.add(layer.name)


def test_layers_in_a_legal_order_keep_it() -> None:
    net = branching()
    assert Network("again", net.layers, inputs=net.inputs).layers == net.layers


def test_two_inputs_meet_in_a_product() -> None:
    b = NetworkBuilder("scores", input_shape=(2, 7, 16), input_name="queries")
    b.input("keys", shape=(2, 16, 9))
    b.matmul("scores", after=("queries", "keys"))
    net = b.build()
    assert net.outputs == {"scores": (2, 7, 9)}
    assert net.total_macs == 2 * 7 * 16 * 9
    assert list(net.inputs) == ["queries", "keys"]


def test_a_layer_may_read_one_other_twice() -> None:
    net = Network("twice", (Add(name="a", inputs=("x", "x")),), inputs={"x": (1, 4)})
    assert net["a"].ops == 4
    assert net.consumers("x") == (net["a"],)


def test_summary_shows_every_layer_and_the_totals() -> None:
    net = branching()
    lines = net.summary().splitlines()
    assert lines[0] == "Branching: input input (2, 4, 16, 16)"
    head = (
        *("layer", "kind", "filter", "input shape", "output shape"),
        *("parameters", "weights", "MACs", "vector ops"),
    )
    assert re.split(r" {2,}", lines[2]) == list(head)
    rows = {line.split()[0]: line for line in lines[4:]}
    assert set(rows) >= {layer.name for layer in net}
    shapes = ("(2, 4, 16, 16)", "(2, 8, 16, 16)")
    stem = ("stem", "conv2d", "3x3/1", *shapes, "296", "288", "147,456", "0")
    assert re.split(r" {2,}", rows["stem"]) == list(stem)
    assert f"{net.total_macs:,}" in rows["total"]
    assert max(map(len, lines)) <= 120
    assert str(net) == net.summary()


def test_dataframe_has_one_row_per_layer() -> None:
    net = branching()
    frame = net.to_dataframe()
    assert list(frame["name"]) == [layer.name for layer in net]
    assert frame["macs"].sum() == net.total_macs
    assert frame["parameters"].sum() == net.total_parameters
    assert frame["output_shape"].iloc[0] == (2, 8, 16, 16)


def test_dataframe_without_pandas_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'dnnaccel\[data\]'"):
        branching().to_dataframe()


def relu(name: str, *inputs: str) -> ReLU:
    return ReLU(name=name, inputs=inputs)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (
            [relu("a", "x"), Add(name="b", inputs=("a", "d")), relu("c", "b"), relu("d", "c")],
            "network 'net' has a cycle: 'b' reads 'd' reads 'c' reads 'b'",
        ),
        ([relu("a", "x"), relu("b", "b")], "network 'net' has a cycle: 'b' reads 'b'"),
        (
            [relu("relu1", "x"), relu("relu2", "rellu1")],
            "network 'net': layer 'relu2' reads 'rellu1', which does not exist; did you mean 'relu1'?",
        ),
        (
            [relu("a", "x"), relu("a", "x")],
            "network 'net': two layers or inputs are named 'a'; names must be unique",
        ),
        ([relu("x", "x")], "network 'net': two layers or inputs are named 'x'; names must be unique"),
        ([relu("a")], "network 'net': layer 'a' reads nothing; name its inputs"),
        ([], "network 'net' has no layers; it needs one at least"),
        (["relu"], "network 'net': layers must be layers, as layers.Conv2d(...), given 'relu'"),
    ],
)
def test_a_graph_that_is_no_network_is_refused(layers: list[Layer], message: str) -> None:
    with pytest.raises(NetworkError, match=re.escape(message)):
        Network("net", tuple(layers), inputs={"x": (1, 4)})


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "network 'net' has no inputs; it needs one at least"),
        ({"x": (4,)}, "network 'net': input 'x' has shape (4,); it must be two or more whole numbers"),
        ({"x": (1, -4)}, "network 'net': input 'x' has shape (1, -4)"),
        ({"x": (1, 2.0)}, "network 'net': input 'x' has shape (1, 2.0)"),
        ({"x": 4}, "network 'net': input 'x' has shape 4"),
        ((1, 4), "network 'net': inputs must map names to shapes, given (1, 4)"),
        ({"x": (1, 4), "y": (1, 4)}, "network 'net': no layer reads input 'y'; use it or leave it out"),
        (
            {"x": (1, 4), "y": (2, 4)},
            "network 'net': all inputs must have one batch as their first size, given x 1, y 2",
        ),
    ],
)
def test_unusable_inputs_are_refused(inputs: dict[str, tuple[int, ...]], message: str) -> None:
    with pytest.raises(NetworkError, match=re.escape(message)):
        Network("net", (relu("a", "x"),), inputs=inputs)


def test_shapes_that_do_not_meet_name_the_layer() -> None:
    layers = (
        Linear(name="fc", inputs=("x",), out_features=3),
        Conv2d(name="conv", inputs=("fc",), out_channels=8, kernel=3),
    )
    with pytest.raises(LayerError, match=r"conv2d 'conv': takes an image \(N, C, H, W\), given \(1, 3\)"):
        Network("net", layers, inputs={"x": (1, 4)})


class TestBuilderStopsAtTheMistake:
    def test_shapes_that_do_not_meet(self) -> None:
        b = NetworkBuilder("net", input_shape=(1, 3, 8, 8))
        b.conv2d("conv1", out_channels=4, kernel=5)
        with pytest.raises(LayerError, match=r"'conv2': kernel 5x5 does not fit input \(1, 4, 4, 4\)"):
            b.conv2d("conv2", out_channels=4, kernel=5)

    def test_a_name_that_does_not_exist(self) -> None:
        b = NetworkBuilder("net", input_shape=(1, 3, 8, 8))
        b.relu("relu1")
        with pytest.raises(NetworkError, match=r"'add' reads 'relu', which .* did you mean 'relu1'\?"):
            b.add("add", after=("relu", "input"))

    def test_a_name_that_is_taken(self) -> None:
        b = NetworkBuilder("net", input_shape=(1, 3, 8, 8))
        b.relu("relu1")
        with pytest.raises(NetworkError, match=r"two layers or inputs are named 'relu1'"):
            b.relu("relu1")
        with pytest.raises(NetworkError, match=r"two layers or inputs are named 'relu1'"):
            b.input("relu1", shape=(1, 3))

    def test_one_input_where_two_are_needed(self) -> None:
        b = NetworkBuilder("net", input_shape=(1, 3, 8))
        with pytest.raises(LayerError, match=r"matmul 'm': takes 2 inputs, given 1: 'input'"):
            b.append(MatMul(name="m"))


def test_builder_goes_on_after_build() -> None:
    b = NetworkBuilder("net", input_shape=(1, 3))
    b.relu("a")
    short = b.build()
    b.relu("b")
    assert len(short) == 1
    assert len(b.build()) == 2


def test_shared_weights_count_once() -> None:
    b = NetworkBuilder("twice", input_shape=(1, 20))
    first = b.linear("first", out_features=20)
    b.append(Linear(name="second", inputs=(first,), out_features=20, weights_from="first"))
    net = b.build()
    assert net["second"].weights == 400
    assert (net.total_weights, net.total_parameters, net.total_macs) == (400, 420, 800)


@pytest.mark.parametrize(
    ("owner", "message"),
    [
        ("other", "uses the weights of 'other', which is no layer before it"),
        ("fc", "uses the weights of 'fc', which is no layer before it"),
        ("relu", "cannot use the weights of 'relu': linear with 420 parameters, relu with 0"),
        ("wide", "cannot use the weights of 'wide': linear with 420 parameters, linear with 630"),
    ],
)
def test_weights_of_another_kind_cannot_be_shared(owner: str, message: str) -> None:
    b = NetworkBuilder("shared", input_shape=(1, 20))
    b.linear("wide", out_features=30)
    b.relu("relu", after="input")
    b.append(Linear(name="fc", inputs=("relu",), out_features=20, weights_from=owner))
    with pytest.raises(NetworkError, match=message):
        b.build()
