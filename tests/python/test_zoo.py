"""The zoo: totals, shapes and edges equal the recorded graphs, and scale with the batch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dnnaccel import zoo
from dnnaccel.errors import NetworkError, UnknownNameError
from dnnaccel.layers import Conv2d, DepthwiseConv2d, Linear
from dnnaccel.network import Network

FACTS: dict[str, Any] = json.loads((Path(__file__).parent / "data" / "networks.json").read_text())["networks"]

# What the recorded graphs fold into the layer before it.
FOLDED = {"relu", "tanh", "batch_norm", "flatten", "softmax"}


def folded_graph(net: Network) -> list[dict[str, Any]]:
    """Describe `net` as the recorded graphs do: see `provenance` in networks.json."""
    nodes: list[dict[str, Any]] = []
    position = dict.fromkeys(net.inputs, -1)
    for layer in net:
        inputs = [position[name] for name in layer.inputs]
        if layer.kind in FOLDED:
            position[layer.name] = inputs[0]
            continue
        position[layer.name] = len(nodes)
        # The recorded global pooling is an average over a window of the whole image.
        kind = "avg_pool" if layer.kind == "global_avg_pool" else layer.kind
        node: dict[str, Any] = {"kind": kind, "inputs": inputs, "out": list(layer.output_shape[1:])}
        for key in ("kernel", "stride", "padding"):
            if hasattr(layer, key):
                node[key] = list(getattr(layer, key))
        for key in ("groups", "bias"):
            if hasattr(layer, key):
                node[key] = getattr(layer, key)
        if layer.macs:
            node |= {"weights": layer.weights, "macs": layer.macs}
        nodes.append(node)
    return nodes


def test_every_network_has_recorded_facts() -> None:
    assert zoo.names() == list(FACTS)


@pytest.mark.parametrize("name", zoo.names())
def test_totals_are_exact(name: str) -> None:
    net, totals = zoo.load(name), FACTS[name]["totals"]
    convolutions = [layer for layer in net if isinstance(layer, (Conv2d, DepthwiseConv2d))]
    linears = [layer for layer in net if isinstance(layer, Linear)]
    assert list(net.inputs.values()) == [(1, *totals["input"])]
    assert len(convolutions) == totals["conv_executions"]
    assert len(linears) == totals["fc"]
    assert sum(layer.weights for layer in convolutions) == totals["weights_conv"]
    assert sum(layer.weights for layer in linears) == totals["weights_fc"]
    assert sum(layer.macs for layer in convolutions) == totals["macs_conv"]
    assert sum(layer.macs for layer in linears) == totals["macs_fc"]
    assert net.total_weights == totals["weights_conv"] + totals["weights_fc"]
    assert net.total_macs == totals["macs"]
    assert net.total_parameters == totals["params_with_bn_bias"]


@pytest.mark.parametrize("name", zoo.names())
def test_graph_is_the_recorded_one(name: str) -> None:
    built, recorded = folded_graph(zoo.load(name)), FACTS[name]["nodes"]
    assert len(built) == len(recorded)
    for mine, theirs in zip(built, recorded, strict=True):
        # A global pooling has no window of its own to compare.
        ignored = (
            {"kernel", "stride", "padding"} if mine["kind"] == "avg_pool" and "kernel" not in mine else set()
        )
        assert mine == {key: value for key, value in theirs.items() if key not in ignored}


@pytest.mark.parametrize("name", zoo.names())
def test_batch_scales_work_but_not_weights(name: str) -> None:
    one, three = zoo.load(name), zoo.load(name, batch=3)
    assert three.batch == 3
    assert three.total_macs == 3 * one.total_macs
    assert three.total_weights == one.total_weights
    assert three.total_parameters == one.total_parameters
    for small, large in zip(one, three, strict=True):
        assert large.ops == 3 * small.ops
        assert large.output_shape == (3, *small.output_shape[1:])


@pytest.mark.parametrize("name", zoo.names())
def test_every_layer_leads_to_the_one_output(name: str) -> None:
    net = zoo.load(name)
    assert list(net.outputs) == [net.layers[-1].name]


@pytest.mark.parametrize("name", zoo.names())
def test_metadata_says_where_it_is_from(name: str) -> None:
    metadata = zoo.load(name).metadata
    for key in ("title", "year", "source", "quoted_weights", "quoted_macs", "quoted_source"):
        assert metadata[key]
    assert ("top5" in metadata) == ("accuracy_source" in metadata)
    assert "quoted at batch 1: " in zoo.load(name).summary()


def test_layers_have_the_names_of_the_literature() -> None:
    alexnet, vgg16, resnet50 = zoo.load("alexnet"), zoo.load("vgg16"), zoo.load("resnet50")
    assert all(name in alexnet for name in ("conv1", "relu1", "norm1", "pool1", "conv5", "fc6", "fc8"))
    assert all(name in vgg16 for name in ("conv1_1", "conv3_2", "conv5_3", "pool5", "fc6", "fc8"))
    assert all(name in resnet50 for name in ("conv1", "conv2_1a", "bn3_1p", "add5_3", "fc"))


def test_an_unknown_name_is_met_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown network 'alexnt'; did you mean 'alexnet'\?"):
        zoo.load("alexnt")


@pytest.mark.parametrize("batch", [0, -1, 1.5, True, 2**31, "4"])
def test_a_batch_that_is_none_is_refused(batch: int) -> None:
    with pytest.raises(NetworkError, match=r"network 'lenet5': batch must be a whole number from 1"):
        zoo.load("lenet5", batch=batch)
