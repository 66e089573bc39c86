"""A search looks its counts up in tables; what it finds must cost exactly what a fresh count of it says."""

from __future__ import annotations

import random
from typing import Any

import pytest

import dnnaccel as da
from dnnaccel import _core
from dnnaccel._lower import lower_chip, lower_problem, lower_rules
from dnnaccel.mapspace import constrain
from walker import random_case

ROLES = ("inputs", "weights", "outputs")
# No two sums of a few counts times these are equal by chance.
PRIMES = (1009, 2003, 3001, 4001, 5003, 6007, 7001, 8009, 9001, 10007, 11003, 12007, 13001, 14009)


def random_levels(rng: random.Random) -> tuple[list[Any], list[int]]:
    """Return two to four memories with arrays between, and what each can keep (an array nothing)."""
    energies = rng.sample(PRIMES, k=len(PRIMES))
    dims = ["N", "G", "M", "C", "P", "Q", "R", "S"]
    levels: list[Any] = []
    masks: list[int] = []
    for depth in range(rng.randint(2, 4)):
        if depth and rng.random() < 0.7:
            levels.append(
                _core.Array(
                    name=f"array{depth}",
                    rows=rng.randint(1, 6),
                    columns=rng.randint(1, 6),
                    multicast=rng.choice([None, [], rng.sample(dims, k=4)]),
                    reduce=rng.choice([None, [], rng.sample(dims, k=4)]),
                    forwards=rng.choice([0, 0, 1, 3]),
                    charge=[rng.choice(list(_core.Charge.__members__.values())) for _ in ROLES],
                    energy=energies.pop(),
                )
            )
            masks.append(0)
        masks.append(7 if depth == 0 else rng.randint(1, 7))
        levels.append(
            _core.Memory(
                name=f"memory{depth}",
                capacity_words=None if depth == 0 else rng.choice([None, 40, 400]),
                word_bits=16,
                keeps=masks[-1],
                read_energy=energies.pop(),
                write_energy=energies.pop(),
                read_bandwidth=rng.choice([None, 0.7, 3.0]),
                write_bandwidth=rng.choice([None, 0.9, 2.0]),
                shared_bandwidth=rng.choice([None, 1.7]),
                buffering=rng.choice(list(_core.Buffering.__members__.values())),
            )
        )
    return levels, masks


@pytest.mark.parametrize("seed", range(150))
def test_what_a_search_finds_costs_what_a_fresh_count_says(seed: int) -> None:
    rng = random.Random(seed)
    case, _ = random_case(rng, max_macs=4000)
    dims = list(case["bounds"])
    tensors = {tensor["role"]: tensor for tensor in case["tensors"]}
    axes = [
        [
            ([(dims.index(d), factor) for d, factor in axis["terms"]], axis["offset"], axis["size"])
            for axis in tensors[role]["axes"]
        ]
        for role in ROLES
    ]
    problem = _core.Problem(dims, list(case["bounds"].values()), axes)
    levels, masks = random_levels(rng)
    chip = _core.Architecture(levels, 1.0)
    every = (1 << len(dims)) - 1
    rules = []
    for i, mask in enumerate(masks):
        keeps = mask if i == 0 else mask & rng.randint(0, 7)
        optional = 0 if i == 0 else keeps & rng.randint(0, 7)
        rules.append(((every, 0 if mask else every), ([], []), [], keeps & ~optional, optional))
    space = _core.Mapspace(rules)
    effort = _core.Effort(exhaustive_limit=500, starts=1, proposals=400)
    (outcome,) = _core.search(chip, [problem], [space], _core.Objective.edp, effort, 1)
    if outcome.best is None:
        assert outcome.misfit is not None
        return
    assert outcome.pareto
    for point in outcome.pareto:
        fresh = _core.evaluate(problem, chip, point.mapping)
        assert fresh.misfit is None
        assert (fresh.cost.energy, fresh.cost.cycles) == (point.energy, point.cycles)


@pytest.mark.slow
def test_a_search_that_outgrows_its_tables_still_counts_right() -> None:
    layer, chip = da.zoo.load("resnet50")["conv2_1b"], da.arch.load("eyeriss")
    assert layer.problem is not None
    problem, lowered = lower_problem(layer.problem), lower_chip(chip)
    space = lower_rules(constrain(da.dataflow.get("free"), chip, layer.problem), layer.problem)
    effort = _core.Effort(exhaustive_limit=0, starts=1, proposals=3_000_000)
    (outcome,) = _core.search(lowered, [problem], [space], _core.Objective.edp, effort, 1)
    for point in outcome.pareto:
        fresh = _core.evaluate(problem, lowered, point.mapping)
        assert (fresh.cost.energy, fresh.cost.cycles) == (point.energy, point.cycles)


@pytest.mark.parametrize("chip", ["eyeriss", "tpu_v1"])
@pytest.mark.parametrize("cold", [False, True])
def test_random_mappings_cost_in_sum_what_fresh_counts_say(chip: str, cold: bool) -> None:
    layer, loaded = da.zoo.load("alexnet")["conv3"], da.arch.load(chip)
    assert layer.problem is not None
    rules = constrain(da.dataflow.get("free"), loaded, layer.problem)
    rate = _core.cost_rate(
        lower_problem(layer.problem),
        lower_chip(loaded),
        lower_rules(rules, layer.problem),
        mappings=300,
        rounds=2,
        seed=5,
        cold=cold,
    )
    assert rate.mappings == 300
    assert rate.costed == 600
    assert (rate.energy, rate.cycles) == (rate.counted_energy, rate.counted_cycles)


def test_a_search_with_warm_tables_makes_the_same_way() -> None:
    layer, chip = da.zoo.load("alexnet")["conv3"], da.arch.load("eyeriss")
    assert layer.problem is not None
    rules = constrain(da.dataflow.get("free"), chip, layer.problem)
    lowered = lower_problem(layer.problem), lower_chip(chip), lower_rules(rules, layer.problem)
    rates = _core.search_rate(*lowered, proposals=500, rounds=3, seed=2)
    assert rates.cold.evaluated > 100
    assert (rates.warm.evaluated, rates.warm.pruned) == (rates.cold.evaluated, rates.cold.pruned)
