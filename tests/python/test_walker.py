"""The walker against the worked example of counting.md section 6, and against what must hold for any nest."""

from __future__ import annotations

import copy
import itertools
import random
from math import prod
from typing import Any

import pytest

from walker import random_case, walk

Case = tuple[dict[str, Any], list[dict[str, Any]]]


def axis(*terms: tuple[str, int], size: int, offset: int = 0) -> dict[str, Any]:
    return {"terms": [list(term) for term in terms], "size": size, "offset": offset}


def example(*, outer: str = "M", multicast: bool = True, forwards: bool = False) -> Case:
    """M=2 (or C=2), P=4, R=3, stride 1. ram: M/1, P/3; fan-out P/1 over 3 PEs; rf: R/1."""
    rows = axis(("P", 1), ("R", 1), size=6)
    extra = axis((outer, 1), size=2)
    axes = {
        "inputs": [rows] if outer == "M" else [extra, rows],
        "weights": [extra, axis(("R", 1), size=3)],
        "outputs": [extra, axis(("P", 1), size=4)] if outer == "M" else [axis(("P", 1), size=4)],
    }
    problem = {
        "bounds": {outer: 2, "P": 4, "R": 3},
        "tensors": [{"name": role, "role": role, "axes": axes[role]} for role in axes],
    }
    levels: list[dict[str, Any]] = [
        {"kind": "memory", "name": "ram", "keeps": set(axes), "loops": [(outer, 1), ("P", 3)]},
        {
            "kind": "fanout",
            "name": "pes",
            "loops": [("P", 1)],
            "multicast": {"P"} if multicast else set(),
            "reduce": set(),
            "forwards": {"inputs"} if forwards else set(),
        },
        {"kind": "memory", "name": "rf", "keeps": set(axes), "loops": [("R", 1)]},
    ]
    return problem, levels


def test_example_multicast() -> None:
    assert walk(*example()) == {
        "macs": 24,
        "steps": 12,
        "levels": {
            ("ram", "inputs"): {"reads": 14, "writes": 0, "tile": 6},
            ("rf", "inputs"): {"reads": 24, "writes": 18, "tile": 3},
            ("ram", "weights"): {"reads": 6, "writes": 0, "tile": 6},
            ("rf", "weights"): {"reads": 24, "writes": 18, "tile": 3},
            ("ram", "outputs"): {"reads": 0, "writes": 8, "tile": 8},
            ("rf", "outputs"): {"reads": 24, "writes": 24, "tile": 1},
        },
        "fanouts": {
            ("pes", "inputs"): {"sent": 14, "delivered": 18},
            ("pes", "weights"): {"sent": 6, "delivered": 18},
            ("pes", "outputs"): {"sent": 8, "delivered": 8},
        },
        "hops": {"inputs": 0, "weights": 0},
    }


def test_example_without_multicast() -> None:
    multicast, summed = walk(*example()), walk(*example(multicast=False))
    assert summed["levels"]["ram", "inputs"]["reads"] == 18
    assert summed["levels"]["ram", "weights"]["reads"] == 18
    assert summed["levels"]["rf", "inputs"] == multicast["levels"]["rf", "inputs"]
    assert summed["levels"]["ram", "outputs"] == multicast["levels"]["ram", "outputs"]


def test_example_forwarding() -> None:
    result = walk(*example(forwards=True))
    assert result["levels"]["ram", "inputs"]["reads"] == 12
    assert result["hops"] == {"inputs": 6, "weights": 0}
    assert result["levels"]["rf", "inputs"] == {"reads": 24 + 6, "writes": 18, "tile": 3}
    assert result["fanouts"]["pes", "inputs"] == {"sent": 12, "delivered": 18}


def test_example_sums_that_come_back() -> None:
    """C in place of M: PE1 and PE2 are idle at the edge and keep their sum, PE0 fetches its sum back."""
    result = walk(*example(outer="C"))
    assert result["levels"]["ram", "outputs"] == {"reads": 2, "writes": 6, "tile": 4}
    assert result["levels"]["rf", "outputs"] == {"reads": 26, "writes": 26, "tile": 1}
    assert result["fanouts"]["pes", "outputs"] == {"sent": 6, "delivered": 6}


def reduction(*, reduce: bool, k: int = 2) -> Case:
    """Four MACs of one output on two lanes; k steps of c outside an rf per lane."""
    problem = {
        "bounds": {"C": 2 * k, "M": 1},
        "tensors": [
            {"name": "inputs", "role": "inputs", "axes": [axis(("C", 1), size=2 * k)]},
            {
                "name": "weights",
                "role": "weights",
                "axes": [axis(("M", 1), size=1), axis(("C", 1), size=2 * k)],
            },
            {"name": "outputs", "role": "outputs", "axes": [axis(("M", 1), size=1)]},
        ],
    }
    flags = {"multicast": set(), "reduce": {"C"} if reduce else set(), "forwards": set()}
    levels = [
        {"kind": "memory", "name": "ram", "keeps": {"inputs", "weights", "outputs"}, "loops": [("C", 2)]},
        {"kind": "fanout", "name": "lanes", "loops": [("C", 1)], **flags},
    ]
    return problem, levels


def test_sums_add_on_the_way_or_in_place() -> None:
    merged, in_place = walk(*reduction(reduce=True)), walk(*reduction(reduce=False))
    assert merged["levels"]["ram", "outputs"] == {"reads": 1, "writes": 2, "tile": 1}
    assert merged["fanouts"]["lanes", "outputs"] == {"sent": 2, "delivered": 4}
    # step 1: write, read + write; step 2: hand the sum to one lane, write, read + write
    assert in_place["levels"]["ram", "outputs"] == {"reads": 3, "writes": 4, "tile": 1}
    assert in_place["fanouts"]["lanes", "outputs"] == {"sent": 4, "delivered": 4}


def test_mixed_forwarding_is_refused() -> None:
    problem, levels = example(forwards=True)
    extra = {**copy.deepcopy(levels[1]), "name": "more", "loops": [("R", 1)], "forwards": set()}
    with pytest.raises(AssertionError, match="mixed"):
        walk(problem, [*levels[:2], extra, {**levels[2], "loops": []}])


def test_nest_must_cover_the_problem() -> None:
    problem, levels = example()
    with pytest.raises(AssertionError, match="chunks left"):
        walk(problem, levels[:2])


# What holds for any nest


def keepers(levels: list[dict[str, Any]], role: str) -> list[str]:
    return [level["name"] for level in levels if level["kind"] == "memory" and role in level["keeps"]]


def fanouts_below(levels: list[dict[str, Any]], role: str, name: str) -> list[str]:
    """The fan-outs between a keeper and the next one."""
    start = next(n for n, level in enumerate(levels) if level["name"] == name)
    found = []
    for level in levels[start + 1 :]:
        if level["kind"] == "fanout":
            found.append(level["name"])
        elif role in level["keeps"]:
            break
    return found


def touched(tensor: dict[str, Any], bounds: dict[str, int]) -> int:
    """Words of a tensor that any MAC touches."""
    sizes = []
    for one in tensor["axes"]:
        values = {one["offset"]}
        for dim, coefficient in one["terms"]:
            values = {value + coefficient * index for value in values for index in range(bounds[dim])}
        sizes.append(sum(0 <= value < one["size"] for value in values))
    return prod(sizes)


def operand_reads(tensor: dict[str, Any], bounds: dict[str, int]) -> int:
    """MACs whose word of a tensor is no padding."""
    dims = {dim for one in tensor["axes"] for dim, _ in one["terms"]}
    number = prod(bound for dim, bound in bounds.items() if dim not in dims)
    for one in tensor["axes"]:
        values = [one["offset"]]
        for dim, coefficient in one["terms"]:
            values = [value + coefficient * index for value in values for index in range(bounds[dim])]
        number *= sum(0 <= value < one["size"] for value in values)
    return number


@pytest.mark.parametrize("seed", range(60))
def test_conservation(seed: int) -> None:
    problem, levels = random_case(random.Random(seed))
    result = walk(problem, levels)
    bounds = problem["bounds"]
    assert result["macs"] == prod(bounds.values()) <= 3000
    counts, wires = result["levels"], result["fanouts"]
    assert set(counts) == {
        (level["name"], role) for level in levels if level["kind"] == "memory" for role in level["keeps"]
    }
    for tensor in problem["tensors"]:
        role = tensor["role"]
        names = keepers(levels, role)
        assert counts[names[0], role]["tile"] == touched(tensor, bounds)
        for name in names:
            stages = fanouts_below(levels, role, name)
            for outer, inner in itertools.pairwise(stages):
                assert wires[outer, role]["delivered"] == wires[inner, role]["sent"]
            for stage in stages:
                assert wires[stage, role]["delivered"] >= wires[stage, role]["sent"]
        if role == "outputs":
            check_outputs(levels, names, counts, wires, prod(one["size"] for one in tensor["axes"]))
        else:
            check_operand(levels, names, role, counts, wires, result["hops"][role])
            if not fanouts_below(levels, role, names[-1]):  # each MAC reads its own word
                reads = counts[names[-1], role]["reads"] - operand_reads(tensor, bounds)
                assert 0 <= reads <= result["hops"][role]
                assert len(names) > 2 or reads == result["hops"][role]


def check_operand(
    levels: list[dict[str, Any]],
    names: list[str],
    role: str,
    counts: dict[tuple[str, str], dict[str, int]],
    wires: dict[tuple[str, str], dict[str, int]],
    hops: int,
) -> None:
    """Words out of a parent are words into its children; nothing is written at the top."""
    assert counts[names[0], role]["writes"] == 0
    sent = received = 0
    for parent, child in itertools.pairwise(names):
        stages = fanouts_below(levels, role, parent)
        if stages:
            sent += wires[stages[0], role]["sent"]
            received += wires[stages[-1], role]["delivered"]
            assert counts[child, role]["writes"] == wires[stages[-1], role]["delivered"]
            if parent == names[0]:
                assert counts[parent, role]["reads"] == wires[stages[0], role]["sent"]
        elif parent == names[0]:
            assert counts[parent, role]["reads"] == counts[child, role]["writes"]
        assert counts[child, role]["tile"] <= counts[parent, role]["tile"]
    assert 0 <= hops <= received - sent
    # every word that any MAC needs is sent at least once
    if len(names) > 1:
        assert counts[names[0], role]["reads"] >= counts[names[0], role]["tile"]


def check_outputs(
    levels: list[dict[str, Any]],
    names: list[str],
    counts: dict[tuple[str, str], dict[str, int]],
    wires: dict[tuple[str, str], dict[str, int]],
    outputs: int,
) -> None:
    """Reads equal writes below the top; at the top the outputs stay."""
    top = counts[names[0], "outputs"]
    assert top["writes"] - top["reads"] == outputs
    for name in names[1:]:
        assert counts[name, "outputs"]["reads"] == counts[name, "outputs"]["writes"]
    stages = fanouts_below(levels, "outputs", names[0])
    if stages:
        assert top["writes"] == wires[stages[0], "outputs"]["sent"]


def test_sharing_never_costs_words() -> None:
    """Multicast and forwarding only ever save reads at the parent; the children receive the same."""
    for seed in range(200, 230):
        problem, levels = random_case(random.Random(seed))
        bare, full = copy.deepcopy(levels), copy.deepcopy(levels)
        for level in bare + full:
            if level["kind"] == "fanout":
                level.update(multicast=set(), reduce=set(), forwards=set())
        for level in full:
            if level["kind"] == "fanout":
                level.update(multicast=set(problem["bounds"]), reduce=set(problem["bounds"]))
        runs = [walk(problem, nest) for nest in (bare, levels, full)]
        for key in runs[0]["levels"]:
            reads = [run["levels"][key]["reads"] for run in runs]
            assert reads[0] >= reads[2]
            assert len({run["levels"][key]["tile"] for run in runs}) == 1
            if key[1] != "outputs":
                assert len({run["levels"][key]["writes"] for run in runs}) == 1
