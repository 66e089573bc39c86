"""Is a search on large layers never worse than 100,000 random mappings of the same mapspace?"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

import dnnaccel as da
from dnnaccel import _core
from dnnaccel._lower import lift_mapping, lower_chip, lower_problem, lower_rules
from dnnaccel.layers import Layer
from dnnaccel.mapspace import constrain

BENCH = Path(__file__).parents[2] / "bench"
MAPPINGS = 100_000

CASES = {
    "alexnet conv2, eyeriss, rs": ("alexnet:conv2", "eyeriss", "rs"),
    "alexnet conv2, eyeriss, free": ("alexnet:conv2", "eyeriss", "free"),
    "alexnet conv4, eyeriss, rs": ("alexnet:conv4", "eyeriss", "rs"),
    "alexnet conv4, eyeriss, free": ("alexnet:conv4", "eyeriss", "free"),
    "resnet50 conv2_1b, 3 levels": ("resnet50:conv2_1b", "machine", "free"),
    "resnet50 conv3_2a, tpu_v1, ws": ("resnet50:conv3_2a", "tpu_v1", "ws"),
    "matrix product 1024^3, 3 levels": ("matmul", "machine", "free"),
}


def layer_of(name: str) -> Layer:
    if name == "matmul":
        return da.layers.Linear(name="matmul", input_shapes=((1024, 1024),), out_features=1024)
    network, layer = name.split(":")
    return da.zoo.load(network)[layer]


def chip_of(name: str) -> da.Chip:
    return da.arch.load(BENCH / "machine.yaml" if name == "machine" else name)


@cache
def sampled(case: str, mappings: int) -> tuple[_core.Outcome, ...]:
    """Random mappings of the mapspace of each variant of a case's dataflow."""
    layer_name, chip_name, flow = CASES[case]
    layer, chip = layer_of(layer_name), chip_of(chip_name)
    assert layer.problem is not None
    variants = da.dataflow.get(flow).expand()
    return tuple(
        _core.sample(
            lower_problem(layer.problem),
            lower_chip(chip),
            lower_rules(constrain(variant, chip, layer.problem), layer.problem),
            mappings=mappings // len(variants),
            seed=seed,
        )
        for seed, variant in enumerate(variants)
    )


def least(outcomes: tuple[_core.Outcome, ...], objective: str) -> float:
    points = [point for outcome in outcomes for point in outcome.pareto]
    if objective == "edp":
        return min(point.energy * point.cycles for point in points)
    return min(float(point.energy if objective == "energy" else point.cycles) for point in points)


def compare(case: str, objective: str, mappings: int) -> None:
    outcomes = sampled(case, mappings)
    assert sum(outcome.evaluated for outcome in outcomes) >= 0.99 * mappings
    layer_name, chip_name, flow = CASES[case]
    found = da.search(layer_of(layer_name), chip_of(chip_name), flow, objective)
    assert found.figure <= least(outcomes, objective) * (1 + 1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("objective", ["energy", "latency", "edp"])
@pytest.mark.parametrize("case", CASES)
def test_no_random_mapping_is_better(case: str, objective: str) -> None:
    compare(case, objective, MAPPINGS)


def test_no_random_mapping_of_a_few_is_better() -> None:
    compare("alexnet conv2, eyeriss, rs", "energy", 2_000)


def test_random_mappings_cost_what_a_fresh_count_says() -> None:
    for case in ("alexnet conv4, eyeriss, free", "resnet50 conv3_2a, tpu_v1, ws"):
        layer_name, chip_name, _ = CASES[case]
        layer, chip = layer_of(layer_name), chip_of(chip_name)
        assert layer.problem is not None
        for outcome in sampled(case, 2_000):
            assert not outcome.optimal
            for point in outcome.pareto:
                cost = da.evaluate(layer, chip, lift_mapping(point.mapping, chip, layer.problem))
                assert cost.energy == pytest.approx(point.energy, rel=1e-12)
                assert cost.cycles == point.cycles
