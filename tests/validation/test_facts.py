"""Are MACs and weights those of the networks, to the last one, whatever the chip, dataflow and mapping?

Totals and graphs were traced elsewhere: tests/python/data/network_facts.json, with their provenance. MACs and
weights of single layers are worked out here, from the shapes of those graphs.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import dnnaccel as da
import presets
from dnnaccel import arch, mapper
from dnnaccel.layers import Layer

# Name in the zoo: name among the facts.
TAGS = {"lenet5": "lenet5_1998", "alexnet": "alexnet", "vgg16": "vgg16", "resnet50": "resnet50"}
RECORDED: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "python" / "data" / "network_facts.json").read_text()
)["networks"]
FACTS = {name: RECORDED[tag] for name, tag in TAGS.items()}
NETWORKS = tuple(FACTS)


class Expected(NamedTuple):
    kind: str
    macs: int
    weights: int


def expected_layers(network: str) -> list[Expected]:
    """Every layer with MACs, in the order of the graph; a node is laid out as the file's `format` says."""
    nodes = FACTS[network]["nodes"]
    layers = []
    for operation, inputs, out, *parameters in nodes:
        if operation == "conv":
            kernel, _, _, groups, _ = parameters
            words = out[0] * nodes[inputs[0]][2][0] // groups * kernel**2
            layers.append(Expected("conv2d", words * out[1] * out[2], words))
        elif operation == "fc":
            words = out[0] * math.prod(nodes[inputs[0]][2])
            layers.append(Expected("linear", words, words))
    return layers


@pytest.fixture(autouse=True, scope="module")
def quick() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mapper, "_EFFORT", {"exhaustive_limit": 50, "starts": 1, "proposals": 40})
        yield


def mapped(network: da.Network) -> list[Layer]:
    return [layer for layer in network.layers if layer.macs]


@pytest.mark.parametrize("name", NETWORKS)
def test_the_layers_come_to_the_totals(name: str) -> None:
    layers, totals = expected_layers(name), FACTS[name]["totals"]
    for kind, suffix in (("conv2d", "conv"), ("linear", "fc")):
        assert sum(layer.macs for layer in layers if layer.kind == kind) == totals[f"macs_{suffix}"]
        assert sum(layer.weights for layer in layers if layer.kind == kind) == totals[f"weights_{suffix}"]


@pytest.mark.parametrize("name", NETWORKS)
def test_totals_of_the_network(name: str) -> None:
    network, totals = da.zoo.load(name), FACTS[name]["totals"]
    assert network.total_macs == totals["macs"] == totals["macs_conv"] + totals["macs_fc"]
    assert network.total_weights == totals["weights_conv"] + totals["weights_fc"]
    assert network.total_parameters == totals["params_with_bn_bias"]
    assert [layer.weights for layer in mapped(network)] == [layer.weights for layer in expected_layers(name)]


@pytest.mark.parametrize("name", NETWORKS)
def test_problems_hold_the_macs_and_weights_of_their_layers(name: str) -> None:
    for layer, expected in zip(mapped(da.zoo.load(name)), expected_layers(name), strict=True):
        assert layer.problem is not None
        assert layer.problem.macs == expected.macs
        assert layer.problem.tensor("weights").words == expected.weights


@presets.every_chip
@pytest.mark.parametrize("name", NETWORKS)
def test_macs_of_every_report_are_the_facts(name: str, chip: str) -> None:
    ran = set()
    for flow in da.dataflow.names():
        try:
            report = da.simulate(name, chip, dataflow=flow)
        except da.DataflowError:
            continue
        ran.add(flow)
        assert report.macs == FACTS[name]["totals"]["macs"]
        assert [(layer.kind, layer.macs) for layer in report.layers if layer.mapping] == [
            (layer.kind, layer.macs) for layer in expected_layers(name)
        ]
    assert {"free", arch.load(chip).dataflow} <= ran


@pytest.mark.parametrize("batch", [2, 7])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_batch_multiplies_macs_and_not_weights(name: str, batch: int) -> None:
    network, totals = da.zoo.load(name, batch=batch), FACTS[name]["totals"]
    assert network.total_weights == totals["weights_conv"] + totals["weights_fc"]
    assert da.simulate(network, "eyeriss").macs == batch * totals["macs"]


def random_nest(layer: Layer, rng: random.Random) -> str:
    """A nest for the example chip with tiles and orders as they come; may not fit."""
    assert layer.problem is not None
    lines: list[str] = []
    left = dict(layer.problem.bounds)

    def loops(word: str, room: float, last: bool = False) -> None:
        dims = list(left)
        rng.shuffle(dims)
        for dim in dims:
            least = 1 if room == float("inf") else -(-left[dim] // int(room))
            tile = 1 if last else rng.randint(least, left[dim])
            if tile < left[dim]:
                room /= -(-left[dim] // tile)
                lines.append(f"  {word} {dim} step {tile}")
                left[dim] = tile

    lines.append("dram [inputs, weights, outputs]")
    loops("for", float("inf"))
    lines.append(rng.choice(["glb [inputs, weights, outputs]", "glb [inputs, outputs]", "glb []"]))
    loops("for", float("inf"))
    for axis in ("rows", "columns"):
        lines.append(f"pe_array.{axis}")
        loops("par", 16)
    lines.append(rng.choice(["rf [inputs, weights, outputs]", "rf [weights]", "rf [outputs]"]))
    loops("for", float("inf"), last=True)
    return "\n".join(lines)


@pytest.mark.parametrize("name", NETWORKS)
def test_macs_of_any_mapping_are_the_facts(name: str) -> None:
    rng = random.Random(name)
    # Of unlimited size: what does not fit has no MACs to compare.
    chip = arch.load("example").override({"glb.size_bytes": 2**40, "rf.size_bytes": 2**40})
    for layer, (_, macs, _) in zip(mapped(da.zoo.load(name)), expected_layers(name), strict=True):
        for _ in range(4):
            report = da.evaluate(layer, chip, random_nest(layer, rng))
            assert report.macs == macs
            assert report.cycles * report.active_pes >= macs
            dram = {count.tensor: count for count in report.levels if count.level == "dram"}
            assert dram["weights"].reads >= layer.weights
