"""Every network of the zoo against the recorded one: the same totals, and the same graph."""

from __future__ import annotations

from typing import Any

import pytest
from zoo_facts import FACTS, ZOO_TAGS, Node, canonical, difference, network_nodes, recorded_nodes

from dnnaccel import zoo
from dnnaccel.builder import NetworkBuilder
from dnnaccel.layers import Conv2d, DepthwiseConv2d, Linear
from dnnaccel.network import Network

BUILT = [tag for tag, (name, _) in ZOO_TAGS.items() if name in zoo.names()]


def built(tag: str) -> Network:
    name, options = ZOO_TAGS[tag]
    return zoo.load(name, **options)


def counted(net: Network) -> dict[str, Any]:
    """Return the totals in the facts' words; weights that several layers share count once."""
    convolutions = [layer for layer in net if isinstance(layer, (Conv2d, DepthwiseConv2d))]
    linears = [layer for layer in net if isinstance(layer, Linear)]
    owners = [layer for layer in convolutions if layer.weights_from is None]
    ((_, *size),) = net.inputs.values()
    return {
        "input": size,
        "params_with_bn_bias": net.total_parameters,
        "weights_conv": sum(layer.weights for layer in owners),
        "weights_fc": sum(layer.weights for layer in linears),
        "macs_conv": sum(layer.macs for layer in convolutions),
        "macs_fc": sum(layer.macs for layer in linears),
        "macs": net.total_macs,
        "conv_executions": len(convolutions),
        "conv_weight_tensors": len(owners),
        "depthwise": sum(isinstance(layer, DepthwiseConv2d) for layer in convolutions),
        "fc": len(linears),
    }


@pytest.mark.parametrize("tag", BUILT)
def test_totals_are_exact(tag: str) -> None:
    net, totals = built(tag), dict(FACTS[tag]["totals"])
    totals.pop("source")
    assert counted(net) == totals
    assert net.total_weights == totals["weights_conv"] + totals["weights_fc"]


@pytest.mark.parametrize("tag", BUILT)
def test_graph_is_the_recorded_one(tag: str) -> None:
    assert difference(network_nodes(built(tag)), recorded_nodes(tag)) == []


def test_every_recorded_network_is_in_the_zoo() -> None:
    assert set(ZOO_TAGS) == set(FACTS)
    assert {name for name, _ in ZOO_TAGS.values()} - set(zoo.names()) == set()


# What follows tests the comparison itself: it must see what differs, and only that.


@pytest.mark.parametrize(
    ("one", "other"),
    [("resnet50", "resnet50_v1_5"), ("vgg16", "vgg19"), ("mobilenet_v1", "mobilenet_v1_0.5_160")],
)
def test_different_networks_differ(one: str, other: str) -> None:
    assert difference(recorded_nodes(one), recorded_nodes(one)) == []
    assert difference(recorded_nodes(one), recorded_nodes(other)) != []


def test_another_edge_is_another_graph() -> None:
    nodes = recorded_nodes("resnet34")
    adds = [index for index, node in enumerate(nodes) if node.op == "add"]
    first, second = nodes[adds[1]].inputs
    moved = list(nodes)
    moved[adds[1]] = Node("add", (first, nodes[second].inputs[0]), nodes[adds[1]].out)
    lines = difference(moved, nodes)
    assert lines[0].startswith("only in the zoo: add () to (64, 56, 56) of 2 inputs")
    assert any(line.startswith("only in the facts: add") for line in lines)


@pytest.mark.parametrize(
    ("field", "value"), [("inputs", (0, 0)), ("out", (4, 9, 8)), ("parameters", ((3, 3), (2, 2), (1, 1)))]
)
def test_every_field_of_a_node_counts(field: str, value: tuple[int, ...]) -> None:
    node = {"op": "maxpool", "inputs": (0,), "out": (4, 8, 8), "parameters": ((3, 3), (1, 1), (1, 1))}
    start = Node("input", (), (4, 8, 8))
    assert canonical([start, Node(**node)]) != canonical([start, Node(**{**node, field: value})])


def graph(*layers: tuple[str, dict[str, Any]]) -> list[Node]:
    """Build layers, each given as the builder's method and its arguments, on an image of 4 channels, 8x8."""
    b = NetworkBuilder("graph", input_shape=(1, 4, 8, 8))
    for number, (method, arguments) in enumerate(layers):
        getattr(b, method)(f"{method}{number}", **arguments)
    return network_nodes(b.build())


def test_a_pooling_over_all_is_global() -> None:
    window = graph(("avg_pool", {"kernel": 8, "stride": 1}))
    assert difference(window, graph(("global_avg_pool", {}))) == []
    assert difference(window, graph(("global_max_pool", {}))) != []


@pytest.mark.parametrize("method", ["concat", "add"])
def test_nested_and_flat_are_the_same(method: str) -> None:
    poolings = [("max_pool", {"kernel": size, "stride": 1, "padding": size // 2}) for size in (1, 3, 5)]
    names = ("max_pool0", "max_pool1", "max_pool2")
    flat = graph(*poolings, (method, {"after": names}))
    nested = graph(*poolings, (method, {"after": names[:2]}), (method, {"after": (f"{method}3", names[2])}))
    turned = graph(*poolings, (method, {"after": names[::-1]}))
    assert difference(flat, nested) == []
    assert (difference(flat, turned) == []) == (method == "add")


def test_an_addition_that_others_read_too_stays() -> None:
    kept = graph(
        ("relu", {}),
        ("add", {"after": ("relu0", "input")}),
        ("add", {"after": ("add1", "input")}),
        ("concat", {"after": ("add1", "add2")}),
    )
    assert [op for op, *_ in canonical(kept)] == ["input", "add", "add", "concat"]


def test_a_shift_is_a_shift_however_it_is_written() -> None:
    padded = graph(
        ("pad", {"rows": (0, 1), "columns": (0, 1)}),
        ("slice", {"axis": 2, "start": 1}),
        ("slice", {"axis": 3, "start": 1}),
    )
    sliced = graph(
        ("slice", {"axis": 3, "start": 1}),
        ("slice", {"axis": 2, "start": 1}),
        ("pad", {"rows": (0, 1), "columns": (0, 1)}),
    )
    other = graph(("pad", {"rows": (1, 0), "columns": (1, 0)}))
    assert difference(padded, sliced) == []
    assert difference(padded, other) != []
