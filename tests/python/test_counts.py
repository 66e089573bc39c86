"""The closed form equals the walk, word for word, on random nests: every level, tensor and network."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dnnaccel import _core
from walker import random_case, walk

ROLES = ("inputs", "weights", "outputs")


def lower(problem: dict[str, Any], levels: list[dict[str, Any]]) -> tuple[Any, Any, Any]:
    """Translate a walker case to the core's objects, by hand: the package's lowering is not tested."""
    dims = list(problem["bounds"])
    tensors = {tensor["role"]: tensor for tensor in problem["tensors"]}
    axes = [
        [
            (
                [(dims.index(dim), factor) for dim, factor in axis["terms"]],
                axis.get("offset", 0),
                axis["size"],
            )
            for axis in tensors[role]["axes"]
        ]
        for role in ROLES
    ]
    lowered, nest = [], []
    extent = dict(problem["bounds"])
    for level in levels:
        loops = [(dims.index(dim), tile, 0) for dim, tile in level["loops"]]
        trips = 1
        for dim, tile in level["loops"]:
            trips *= -(-extent[dim] // tile)
            extent[dim] = min(tile, extent[dim])
        if level["kind"] == "memory":
            mask = sum(1 << ROLES.index(role) for role in level["keeps"])
            lowered.append(
                _core.Memory(
                    name=level["name"],
                    capacity_words=None,
                    word_bits=16,
                    keeps=mask,
                    read_energy=1,
                    write_energy=1,
                    read_bandwidth=None,
                    write_bandwidth=None,
                    shared_bandwidth=None,
                    buffering=_core.Buffering.single,
                )
            )
            nest.append((loops, mask))
        else:
            lowered.append(
                _core.Array(
                    name=level["name"],
                    rows=trips,
                    columns=1,
                    multicast=sorted(level["multicast"]),
                    reduce=sorted(level["reduce"]),
                    forwards=sum(1 << ROLES.index(role) for role in level["forwards"]),
                    charge=[_core.Charge.none] * 3,
                    energy=0,
                )
            )
            nest.append((loops, 0))
    return (
        _core.Problem(dims, [problem["bounds"][dim] for dim in dims], axes),
        _core.Architecture(lowered, 1.0),
        _core.Mapping(nest),
    )


def closed_form(problem: dict[str, Any], levels: list[dict[str, Any]]) -> dict[str, Any]:
    """Count a walker case with the core, in the walker's terms."""
    counts = _core.evaluate(*lower(problem, levels)).counts
    memories = counts.memories(len(levels))
    networks = counts.networks(len(levels))
    result: dict[str, Any] = {"macs": counts.macs, "steps": counts.steps, "levels": {}, "fanouts": {}}
    for i, level in enumerate(levels):
        for r, role in enumerate(ROLES):
            if level["kind"] == "memory" and role in level["keeps"]:
                count = memories[i][r]
                result["levels"][level["name"], role] = {
                    "reads": count.reads,
                    "writes": count.writes,
                    "tile": count.tile,
                }
            elif level["kind"] == "fanout":
                network = networks[i][r]
                result["fanouts"][level["name"], role] = {
                    "sent": network.sent,
                    "delivered": network.delivered,
                }
    return result


def explain(problem: dict[str, Any], levels: list[dict[str, Any]]) -> str:
    lines = [str(problem["bounds"])]
    lines += [f"  {t['role']}: {t['axes']}" for t in problem["tensors"]]
    lines += [f"  {level}" for level in levels]
    return "\n".join(lines)


def check(seed: int, max_macs: int) -> None:
    problem, levels = random_case(random.Random(seed), max_macs=max_macs)
    walked = walk(problem, levels)
    del walked["hops"]  # the walk's hops are among the reads of the level that receives them
    assert closed_form(problem, levels) == walked, explain(problem, levels)


# 8 blocks of 100 seeds rather than 800 tests: each block is named, and a failure names its seed. Many more
# are walked by the core's own walker, in test_walk_core.py.
@pytest.mark.parametrize("block", range(8))
def test_closed_form_equals_the_walk(block: int) -> None:
    for seed in range(100 * block, 100 * block + 100):
        check(seed, max_macs=1200)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(min_value=10_000, max_value=2**48))
def test_closed_form_equals_the_walk_anywhere(seed: int) -> None:
    check(seed, max_macs=800)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(10))
def test_closed_form_equals_the_walk_on_larger_nests(block: int) -> None:
    for seed in range(1_000_000 + 60 * block, 1_000_060 + 60 * block):
        check(seed, max_macs=20_000)
