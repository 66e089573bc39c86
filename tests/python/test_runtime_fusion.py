"""Which layers become one step: told from the nodes alone, before anything is computed."""

from __future__ import annotations

import pytest

import dnnaccel as da
from dnnaccel import NetworkBuilder
from dnnaccel.layers import BatchNorm
from dnnaccel.runtime.fusion import Node, fuse


def shown(nodes: list[Node]) -> list[str]:
    return [" ".join(layer.name for layer in node.layers) for node in nodes]


@pytest.mark.parametrize("name", da.zoo.names())
def test_every_layer_is_in_one_node_behind_what_it_reads(name: str) -> None:
    net = da.zoo.load(name)
    nodes = fuse(net)
    layers = [layer.name for node in nodes for layer in node.layers]
    assert len(layers) == len(set(layers))
    folded = {layer.name for layer in net} - set(layers)
    assert all(net[name].kind == "pad" for name in folded)
    made = set(net.inputs)
    for node in nodes:
        assert {*node.inputs, *([node.residual] if node.residual else [])} <= made
        made.add(node.name)
    assert set(net.outputs) <= made


def test_a_residual_goes_to_the_later_product() -> None:
    b = NetworkBuilder("two", input_shape=(1, 3, 8, 8))
    b.conv2d("a", out_channels=4, kernel=1)
    b.conv2d("b", out_channels=4, kernel=3, padding=1, after="input")
    b.add("sum", after=("b", "a"))
    b.relu("relu")
    net = b.build()
    nodes = fuse(net)
    assert shown(nodes) == ["a", "b sum relu"]
    assert nodes[1].residual == "a"
    assert nodes[1].clamp == (0, float("inf"))
    # What is kept is computed by itself.
    assert shown(fuse(net, ["b"])) == ["a sum relu", "b"] or shown(fuse(net, ["b"])) == ["b", "a sum relu"]
    assert shown(fuse(net, ["sum"])) == ["a", "b sum", "relu"]
    assert shown(fuse(net, ["a", "b"])) == ["a", "b", "sum relu"]


def test_nothing_is_fused_that_others_read() -> None:
    b = NetworkBuilder("shared", input_shape=(1, 3, 8, 8))
    b.conv2d("a", out_channels=4, kernel=1)
    b.relu("relu")
    b.add("sum", after=("a", "relu"))
    assert shown(fuse(b.build())) == ["a", "relu", "sum"]


def test_a_normalisation_of_features_is_folded_and_one_of_positions_is_not() -> None:
    b = NetworkBuilder("vectors", input_shape=(2, 5))
    b.linear("fc", out_features=4)
    b.batch_norm("bn")
    b.sigmoid("sigmoid")
    assert shown(fuse(b.build())) == ["fc bn sigmoid"]
    b = NetworkBuilder("sequence", input_shape=(2, 6, 5))
    b.linear("fc", out_features=4)
    b.batch_norm("bn")
    nodes = fuse(b.build())
    assert shown(nodes) == ["fc", "bn"]
    assert isinstance(nodes[1].layer, BatchNorm)


def test_attention_is_one_step_unless_its_inside_is_asked_for() -> None:
    net = da.zoo.load("bert_base")
    first = next(node for node in fuse(net) if node.attention)
    assert [layer.kind for layer in first.layers] == ["matmul", "scale", "softmax", "matmul"]
    assert first.inputs == ("layer1_q_heads", "layer1_k_heads", "layer1_v_heads")
    kept = fuse(net, ["layer1_softmax"])
    assert sum(node.attention for node in kept) == sum(node.attention for node in fuse(net)) - 1 == 11


def test_zeros_around_an_image_are_left_to_convolutions_alone() -> None:
    b = NetworkBuilder("padded", input_shape=(1, 3, 8, 8))
    b.pad("pad", rows=(0, 1), columns=(2, 0))
    b.conv2d("a", out_channels=4, kernel=3)
    b.conv2d("b", out_channels=4, kernel=3, after="pad")
    nodes = fuse(b.build())
    assert shown(nodes) == ["a", "b"]
    assert [node.pads for node in nodes] == [((0, 1), (2, 0))] * 2
    assert nodes[0].inputs == ("input",)
    b = NetworkBuilder("pooled", input_shape=(1, 3, 8, 8))
    b.pad("pad", rows=(0, 1), columns=(2, 0))
    b.conv2d("a", out_channels=4, kernel=3)
    b.max_pool("most", kernel=2, after="pad")
    assert shown(fuse(b.build())) == ["pad", "a", "most"]
