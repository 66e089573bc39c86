"""The residual, wide, grouped, dense and dual path networks: what their papers say of their structure.

Totals and graphs are held to the recorded ones elsewhere; here is what makes each family what it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest

from dnnaccel import zoo
from dnnaccel.errors import UnknownNameError
from dnnaccel.layers import Add, BatchNorm, Concat, Conv2d, Layer, MaxPool2d, Pad2d, Permute, ReLU
from dnnaccel.network import Network
from dnnaccel.zoo.resnet_cifar import resnet1202

BOTTLENECKS = ("resnet50", "resnet101", "resnet152")


def convolutions(net: Network) -> dict[str, Conv2d]:
    return {layer.name: layer for layer in net if isinstance(layer, Conv2d)}


def halving(net: Network) -> set[str]:
    """Return the convolutions that halve the image, but for the stem's and the projections."""
    found = {name for name, layer in convolutions(net).items() if layer.stride == (2, 2)}
    return {name for name in found if name != "conv1" and not name.endswith("p")}


@pytest.mark.parametrize("name", BOTTLENECKS)
def test_a_stage_halves_the_image_in_its_first_1x1_or_in_v1_5_in_its_first_3x3(name: str) -> None:
    paper, later = zoo.load(name), zoo.load(f"{name}_v1_5")
    assert halving(paper) == {"conv3_1a", "conv4_1a", "conv5_1a"}
    assert halving(later) == {"conv3_1b", "conv4_1b", "conv5_1b"}
    for net in (paper, later):
        assert all(layer.kernel == (1, 1) for key, layer in convolutions(net).items() if key[-1] in "acp")
        assert all(layer.kernel == (3, 3) for key, layer in convolutions(net).items() if key[-1] == "b")


@pytest.mark.parametrize("name", BOTTLENECKS)
def test_v1_5_has_the_same_weights_and_more_macs_where_the_image_is_still_whole(name: str) -> None:
    paper, later = convolutions(zoo.load(name)), convolutions(zoo.load(f"{name}_v1_5"))
    assert list(paper) == list(later)
    for key, layer in paper.items():
        first = key in ("conv3_1a", "conv4_1a", "conv5_1a")
        assert later[key].macs == (4 if first else 1) * layer.macs
        assert later[key].weights == layer.weights


@pytest.mark.parametrize("name", ["resnet18", *(f"{name}_v1_5" for name in BOTTLENECKS)])
def test_computed_totals_are_those_of_the_literature(name: str) -> None:
    net = zoo.load(name)
    assert net.total_parameters == net.metadata["quoted_weights"]
    # Quoted to the last MAC, or in millions, or in hundredths of a billion.
    quoted = str(net.metadata["quoted_macs"]).rstrip("0")
    assert str(round(net.total_macs, len(quoted) - len(str(net.total_macs)))).startswith(quoted)


@pytest.mark.parametrize(
    ("name", "projected"), [("resnet18", "345"), ("resnet34", "345"), ("resnet50", "2345")]
)
def test_a_shortcut_is_projected_only_where_the_shape_changes(name: str, projected: str) -> None:
    net = zoo.load(name)
    projections = {key for key in convolutions(net) if key.endswith("p")}
    assert projections == {f"conv{stage}_1p" for stage in projected}
    for add in (layer for layer in net if isinstance(layer, Add)):
        body, shortcut = (net[key] for key in add.inputs)
        assert isinstance(body, BatchNorm)
        block = add.name.removeprefix("add")
        if f"conv{block}p" in net:
            assert shortcut.name == f"bn{block}p"
        else:
            assert shortcut.name in net[f"conv{block}a"].inputs
        assert [reader.kind for reader in net.consumers(add.name)] == ["relu"]


@pytest.mark.parametrize(
    ("name", "depth"),
    [
        *(("resnet18", 18), ("resnet34", 34), ("resnet50", 50), ("resnet101", 101), ("resnet152", 152)),
        *(("resnet1202", 1202), ("resnext101_64x4d", 101), ("wide_resnet50_2", 50), ("dpn131", 131)),
        *(("densenet121", 121), ("densenet161", 161), ("densenet169", 169), ("densenet201", 201)),
    ],
)
def test_the_number_in_the_name_is_the_layers_with_weights_one_after_the_other(name: str, depth: int) -> None:
    net = zoo.load(name)
    assert len([layer for layer in net if layer.weights and not layer.name.endswith("p")]) == depth


def test_a_wide_networks_number_counts_the_projections_and_not_the_classifier() -> None:
    assert len(convolutions(zoo.load("wrn28_10"))) == 28


# Cardinality ----------------------------------------------------------------------------------------------


def test_cardinality_changes_the_3x3_convolutions_and_nothing_else() -> None:
    # Both have 3x3 convolutions twice as wide as ResNet-50's; one has them in 32 groups.
    whole, grouped = convolutions(zoo.load("wide_resnet50_2")), convolutions(zoo.load("resnext50_32x4d"))
    assert list(whole) == list(grouped)
    for key, layer in whole.items():
        groups = 32 if key.endswith("b") else 1
        assert (layer.groups, grouped[key].groups) == (1, groups)
        assert grouped[key].output_shape == layer.output_shape
        assert layer.weights == groups * grouped[key].weights
        assert layer.macs == groups * grouped[key].macs


def test_twice_the_groups_of_the_same_width_make_the_inside_of_a_block_twice_as_wide() -> None:
    narrow, wide = convolutions(zoo.load("resnext101_32x4d")), convolutions(zoo.load("resnext101_64x4d"))
    for key, layer in narrow.items():
        inside = key[-1] in "ab"
        assert wide[key].out_channels == (2 if inside else 1) * layer.out_channels
        if key.endswith("b"):
            # As many channels per group, so twice the weights and not four times.
            assert wide[key].weights == 2 * layer.weights
    assert narrow["conv2_1b"].out_channels == 32 * 4


def test_a_wide_network_is_wider_inside_its_blocks_only() -> None:
    plain, wide = convolutions(zoo.load("resnet50")), convolutions(zoo.load("wide_resnet50_2"))
    for key, layer in plain.items():
        assert wide[key].out_channels == (2 if key[-1] in "ab" else 1) * layer.out_channels


# Pre-activation -------------------------------------------------------------------------------------------


def test_pre_activation_leaves_the_sum_alone() -> None:
    net = zoo.load("wrn28_10")
    for key, layer in convolutions(net).items():
        assert key == "conv1" or isinstance(net[layer.inputs[0]], ReLU)
    for add in (layer for layer in net if isinstance(layer, Add)):
        assert all(isinstance(net[key], Conv2d | Add) for key in add.inputs)
    # A block that projects does so with what its first convolution reads.
    for stage in (2, 3, 4):
        assert net[f"conv{stage}_1p"].inputs == net[f"conv{stage}_1a"].inputs


# Dense and dual paths -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "growth"), [("densenet121", 32), ("densenet161", 48), ("densenet169", 32), ("densenet201", 32)]
)
def test_every_dense_layer_adds_the_growth_rate_and_every_transition_halves(name: str, growth: int) -> None:
    net = zoo.load(name)
    assert net["conv1"].output_shape[1] == 2 * growth
    for concat in (layer for layer in net if isinstance(layer, Concat)):
        block = concat.name.removeprefix("concat")
        before, new = concat.input_shapes
        assert new[1] == growth
        assert concat.output_shape[1] == before[1] + growth
        # The layer reads all that the block has, through a 1x1 convolution to four times the growth rate.
        assert net[f"conv{block}a"].input_shapes[0] == before
        assert net[f"conv{block}a"].output_shape[1] == 4 * growth
    for stage in (2, 3, 4):
        batch, channels, rows, columns = net[f"conv{stage}_t"].input_shapes[0]
        assert net[f"pool{stage}"].output_shape == (batch, channels // 2, rows // 2, columns // 2)


def test_a_dual_path_adds_to_one_path_and_lengthens_the_other() -> None:
    net = zoo.load("dpn131", image_size=224)
    for stage, (units, growth) in enumerate(((4, 16), (8, 32), (28, 32), (3, 128)), start=2):
        residual = 256 * 2 ** (stage - 2)
        for unit in range(1, units + 1):
            name = f"{stage}_{unit}"
            assert net[f"conv{name}b"].parameters == net[f"conv{name}b"].weights
            assert net[f"add{name}"].output_shape[1] == residual
            # The projection brings two increments, every block one more.
            assert net[f"path{name}"].output_shape[1] == (unit + 2) * growth
            assert net[f"concat{name}"].inputs == (f"add{name}", f"path{name}")
            # The two slices take every channel of the body once.
            parts = (net[f"residual{name}c"], net[f"dense{name}c"])
            assert sum(part.output_shape[1] for part in parts) == net[f"conv{name}c"].output_shape[1]
            if unit > 1:
                assert f"add{stage}_{unit - 1}" in net[f"add{name}"].inputs
                assert f"path{stage}_{unit - 1}" in net[f"path{name}"].inputs


def test_dpn_classifies_every_place_of_a_larger_image() -> None:
    small, large = zoo.load("dpn131", image_size=224), zoo.load("dpn131")
    assert small["classifier"].output_shape == (1, 1000, 1, 1)
    assert large["classifier"].output_shape == (1, 1000, 4, 4)
    assert large["prob"].output_shape == (1, 1000)


# CIFAR shortcuts ------------------------------------------------------------------------------------------


def test_identity_shortcuts_cost_no_learned_number_and_no_mac() -> None:
    projected, identity = resnet1202(), resnet1202(shortcut="identity")
    assert len(convolutions(projected)) == 1203
    assert len(convolutions(identity)) == 1201
    projections = [projected[f"{kind}{stage}_1p"] for kind in ("conv", "bn") for stage in (3, 4)]
    assert projected.total_macs - identity.total_macs == sum(layer.macs for layer in projections)
    assert projected.total_parameters - identity.total_parameters == sum(
        layer.parameters for layer in projections
    )
    for stage in (3, 4):
        assert sum(layer.ops for layer in shortcut(identity, f"add{stage}_1")) == 0


def shortcut(net: Network, add: str) -> list[Layer]:
    """Return the layers beside the block that ends in `add`, in running order."""
    path, name = [], net[add].inputs[1]
    while not isinstance(net[name], ReLU):
        path.append(net[name])
        name = net[name].inputs[0]
    return path[::-1]


@pytest.mark.parametrize("stage", [3, 4])
def test_an_identity_shortcut_is_every_second_pixel_and_zeros(stage: int) -> None:
    net = resnet1202(shortcut="identity")
    path = shortcut(net, f"add{stage}_1")
    x = np.arange(1, 1 + np.prod(path[0].input_shapes[0])).reshape(path[0].input_shapes[0])
    y = x
    for layer in path:
        y = APPLY[type(layer)](layer, y)
        assert y.shape == layer.output_shape
    channels = x.shape[1]
    assert np.array_equal(y[:, :channels], x[:, :, ::2, ::2])
    assert y.shape[1] == 2 * channels
    assert not y[:, channels:].any()


def _subsample(layer: MaxPool2d, x: np.ndarray) -> np.ndarray:
    assert layer.kernel == (1, 1)
    return x[:, :, :: layer.stride[0], :: layer.stride[1]]


APPLY: dict[type[Layer], Callable[..., np.ndarray]] = {
    MaxPool2d: _subsample,
    Permute: lambda layer, x: x.transpose(layer.axes),
    Pad2d: lambda layer, x: np.pad(x, ((0, 0), (0, 0), layer.rows, layer.columns)),
}


def test_a_shortcut_of_another_name_is_refused() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown shortcut 'projecton'; did you mean 'projection'\?"):
        resnet1202(shortcut="projecton")


# Options --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["resnet18", "resnet50_v1_5", "resnext50_32x4d", "densenet121", "wrn28_10"])
def test_the_image_changes_work_but_no_weights_and_no_figure_is_claimed_for_it(name: str) -> None:
    published = zoo.load(name)
    ((_, _, rows, _),) = published.inputs.values()
    double = zoo.load(name, image_size=2 * rows)
    assert double.total_parameters == published.total_parameters
    for small, large in zip(published, double, strict=True):
        if isinstance(small, Conv2d):
            assert large.macs == 4 * small.macs
    assert "top1" in published.metadata
    assert not {"top1", "top5", "quoted_macs"} & set(double.metadata)


@pytest.mark.parametrize("name", ["resnet1202", "dpn131"])
def test_large_networks_build_in_half_a_second(name: str) -> None:
    seconds = []
    for _ in range(3):
        # Of this process, since others may keep the machine busy.
        start = time.process_time()
        zoo.load(name)
        seconds.append(time.process_time() - start)
    assert min(seconds) < 0.5
