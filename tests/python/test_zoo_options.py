"""Options of the zoo's classic and mobile networks, against what their papers print."""

from __future__ import annotations

import math

import pytest

from dnnaccel import zoo
from dnnaccel.errors import LayerError, NetworkError
from dnnaccel.layers import Concat, Conv2d, DepthwiseConv2d, Slice
from dnnaccel.network import Network
from dnnaccel.zoo.lenet import lenet5
from dnnaccel.zoo.shufflenet import shufflenet_v1


def conv_macs(net: Network) -> int:
    return sum(layer.macs for layer in net if isinstance(layer, (Conv2d, DepthwiseConv2d)))


def printed(value: float) -> set[int]:
    """Return what a table of whole millions may print: some papers round, some cut."""
    return {math.floor(value / 1e6), math.ceil(value / 1e6)}


# Tables 6 and 7 of the paper, and its 0.50-160 model; the widths are in Keras's documentation too.
@pytest.mark.parametrize(
    ("width", "image_size", "macs", "weights"),
    [
        (1.0, 224, 569, 4.2),
        (0.75, 224, 325, 2.6),
        (0.5, 224, 149, 1.3),
        (0.25, 224, 41, 0.5),
        (1.0, 192, 418, 4.2),
        (1.0, 160, 290, 4.2),
        (1.0, 128, 186, 4.2),
        (0.5, 160, 76, 1.3),
    ],
)
def test_mobilenet_v1_is_the_papers(width: float, image_size: int, macs: int, weights: float) -> None:
    net = zoo.load("mobilenet_v1", width=width, image_size=image_size)
    assert macs in printed(net.total_macs)
    assert round(net.total_weights / 1e6, 1) == weights


# Millions of MACs and weights of the authors' published models, as Keras's documentation lists them.
@pytest.mark.parametrize(
    ("width", "image_size", "macs", "weights"),
    [
        (1.4, 224, 582, 6.06),
        (1.3, 224, 509, 5.34),
        (1.0, 224, 300, 3.47),
        (1.0, 192, 221, 3.47),
        (1.0, 160, 154, 3.47),
        (1.0, 128, 99, 3.47),
        (1.0, 96, 56, 3.47),
        (0.75, 224, 209, 2.61),
        (0.5, 224, 97, 1.95),
        (0.35, 224, 59, 1.66),
    ],
)
def test_mobilenet_v2_is_the_authors(width: float, image_size: int, macs: int, weights: float) -> None:
    net = zoo.load("mobilenet_v2", width=width, image_size=image_size)
    assert macs in printed(net.total_macs)
    assert round(net.total_weights / 1e6, 2) == weights


def test_mobilenet_v2_is_torchvisions() -> None:
    net = zoo.load("mobilenet_v2")
    assert net.total_parameters == 3_504_872
    assert net.total_macs == 300_774_272
    residuals = [layer.name for layer in net if layer.kind == "add"]
    # Every block but the first of its stage: 1 + 2 + 3 + 2 + 2 of the 17.
    assert len(residuals) == 10
    assert not any(name.endswith("_1_add") for name in residuals)


# Table 1 of the paper, "complexity" at width 1; it counts the convolutions alone.
@pytest.mark.parametrize(("groups", "macs"), [(1, 143), (2, 140), (3, 137), (4, 133), (8, 137)])
def test_shufflenet_v1_is_the_papers_for_every_number_of_groups(groups: int, macs: int) -> None:
    net = shufflenet_v1(groups=groups)
    assert round(conv_macs(net) / 1e6) == macs
    assert ("channel_shuffle" in {layer.kind for layer in net}) == (groups > 1)


def test_shufflenet_v1_refuses_groups_that_the_paper_has_not() -> None:
    with pytest.raises(NetworkError, match=r"groups must be 1, 2, 3, 4 or 8, given 5"):
        shufflenet_v1(groups=5)
    with pytest.raises(LayerError, match=r"'stage2_1_shuffle': groups=4 must divide the 34 channels"):
        shufflenet_v1(groups=4, width=0.5)


# Table I of the paper: which maps of S2 (rows) each map of C3 (columns) sees.
TABLE = (
    "X...XXX..XXXX.XX",
    "XX...XXX..XXXX.X",
    "XXX...XXX..X.XXX",
    ".XXX..XXXX..X.XX",
    "..XXX..XXXX.XX.X",
    "...XXX..XXXX.XXX",
)


def maps_seen(net: Network, name: str) -> list[set[int]]:
    """Return, for each output map of the convolution `name`, the maps of pool1 that it sees."""
    conv = net[name]
    assert isinstance(conv, Conv2d)
    source = net[conv.inputs[0]]
    maps = list(range(6))
    if isinstance(source, Concat):
        slices = [net[each] for each in source.inputs]
        assert all(isinstance(each, Slice) and each.inputs == ("pool1",) for each in slices)
        assert all(each.output_shape[1] == 1 for each in slices)
        maps = [each.start for each in slices if isinstance(each, Slice)]
    share = len(maps) // conv.groups
    assert conv.output_shape[1] == conv.groups
    return [set(maps[first : first + share]) for first in range(0, len(maps), share)]


def test_sparse_lenet_has_the_papers_connections() -> None:
    net = zoo.load("lenet5_sparse")
    expected = [{row for row in range(6) if TABLE[row][column] == "X"} for column in range(16)]
    maps2 = net["maps2"]
    assert [seen for name in maps2.inputs for seen in maps_seen(net, name)] == expected


def test_sparse_lenet_has_the_papers_totals() -> None:
    net, dense = zoo.load("lenet5_sparse"), zoo.load("lenet5")
    connections = "".join(TABLE).count("X")
    parts = [net[name] for name in ("conv2a", "conv2b", "conv2c")]
    assert sum(part.weights for part in parts) == 25 * connections == 1500
    # The paper's count of C3: 1,516 trainable parameters and 151,600 connections, biases included.
    assert sum(part.parameters for part in parts) == 1516
    assert sum(part.macs for part in parts) + 16 * 100 == 151_600
    assert dense.total_weights - net.total_weights == 25 * (96 - connections)
    assert dense.total_macs - net.total_macs == 100 * 25 * (96 - connections)
    assert net["tanh2"].output_shape == dense["tanh2"].output_shape


def test_lenet_by_its_option_is_the_sparse_one() -> None:
    assert lenet5(connections="1998").layers == zoo.load("lenet5_sparse").layers
    with pytest.raises(NetworkError, match=r"unknown connections 'dens'; did you mean 'dense'\?"):
        lenet5(connections="dens")


@pytest.mark.parametrize("name", ["mobilenet_v1", "mobilenet_v2", "shufflenet_v1", "vgg16", "vgg19"])
def test_a_doubled_image_quadruples_the_convolutions(name: str) -> None:
    usual, doubled = zoo.load(name), zoo.load(name, image_size=448)
    assert conv_macs(doubled) == 4 * conv_macs(usual)


@pytest.mark.parametrize(
    ("name", "image_size"), [("mobilenet_v2", 192), ("xception", 331), ("squeezenet_v1_1", 320)]
)
def test_a_global_pooling_takes_any_image(name: str, image_size: int) -> None:
    usual, larger = zoo.load(name), zoo.load(name, image_size=image_size)
    assert larger.inputs["input"] == (1, 3, image_size, image_size)
    assert larger.total_parameters == usual.total_parameters
    assert larger.total_macs != usual.total_macs


def test_a_fully_connected_head_grows_with_the_image() -> None:
    assert zoo.load("vgg16", image_size=256)["fc6"].input_shapes == ((1, 8 * 8 * 512),)


@pytest.mark.parametrize(
    ("name", "image_size", "layer"),
    [
        ("lenet5", 20, "conv3"),
        ("lenet_caffe", 12, "conv2"),
        ("alexnet", 64, "pool5"),
        ("zfnet", 32, "pool2"),
        ("overfeat_fast", 64, "pool5"),
        ("vgg19", 31, "pool5"),
        ("squeezenet_v1_0", 16, "pool4"),
        ("xception", 4, "block1_conv2"),
    ],
)
def test_an_image_too_small_is_refused_by_the_layer(name: str, image_size: int, layer: str) -> None:
    with pytest.raises(LayerError, match=f"'{layer}': kernel .* does not fit input"):
        zoo.load(name, image_size=image_size)


def test_a_width_without_channels_is_refused_by_the_layer() -> None:
    with pytest.raises(LayerError, match=r"'conv1': out_channels must be a whole number from 1"):
        zoo.load("mobilenet_v1", width=0.01)
    with pytest.raises(NetworkError, match=r"network 'vgg16' has no option width; it has batch, image_size"):
        zoo.load("vgg16", width=0.5)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("alexnet", {"image_size": 224}),
        ("overfeat_accurate", {"image_size": 231}),
        ("vgg16", {"image_size": 256}),
        ("squeezenet_v1_0", {"image_size": 227}),
        ("mobilenet_v1", {"width": 0.3}),
        ("mobilenet_v2", {"width": 0.5}),
        ("shufflenet_v1", {"width": 0.5}),
        ("xception", {"image_size": 320}),
    ],
)
def test_published_figures_are_of_the_published_network(name: str, options: dict[str, float]) -> None:
    figures = {"top1", "accuracy_source", "quoted_macs", "quoted_source"}
    assert figures <= set(zoo.load(name).metadata)
    assert not figures & set(zoo.load(name, **options).metadata)


def test_squeezenets_quoted_macs_are_of_another_input_and_padding() -> None:
    net = zoo.load("squeezenet_v1_0", image_size=227)
    conv10 = net["conv10"]
    rows, columns = conv10.output_shape[2:]
    padded = conv10.macs * (rows + 2) * (columns + 2) // (rows * columns)
    assert round((net.total_macs - conv10.macs + padded) / 1e6) == 861
