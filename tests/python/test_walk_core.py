"""The closed form equals a walk of the nest, in every count, on random problems, hierarchies and mappings.

Two walks: `tests/walker.py` defines the counts and is slow; the core's own is checked against it here, and
then holds the closed form on tens of thousands of cases. A case that fails is made smaller and printed.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings

from dnnaccel import _core
from dnnaccel.problem import ROLES, Axis
from nests import (
    ArrayLevel,
    Case,
    Key,
    MemoryLevel,
    count_table,
    count_values,
    explain,
    lanes,
    lower,
    runs,
    walker_case,
)
from nests_random import Seeded, cases, random_case
from nests_shrink import shrink
from walker import walk

Table = dict[Key, int]

BLOCK = 1000  # cases of one test: each block is named, and the seeds with it
MAX_MACS = 800


def walked(case: Case) -> Table:
    return count_table(case, _core.walk(*lower(case)))


def closed(case: Case) -> Table:
    return count_table(case, _core.evaluate(*lower(case)).counts)


def both(case: Case, formula: Callable[[Case], Table] = closed) -> tuple[Table, Table]:
    return formula(case), walked(case)


def differ(case: Case, formula: Callable[[Case], Table] = closed) -> bool:
    one, other = both(case, formula)
    return one != other


def check_seed(seed: int, max_macs: int) -> None:
    case = random_case(Seeded(seed), max_macs)
    lowered = lower(case)
    if count_values(case, _core.evaluate(*lowered).counts) != count_values(case, _core.walk(*lowered)):
        case = shrink(case, differ)
        pytest.fail(
            f"seed {seed}; the smallest case like it:\n{explain(case, *both(case), ('closed form', 'walk'))}"
        )


# 20,000 cases by default, and 200,000 smaller ones, but for a few that are larger, with -m slow.
@pytest.mark.parametrize("block", range(20))
def test_the_closed_form_equals_the_walk(block: int) -> None:
    for seed in range(BLOCK * block, BLOCK * (block + 1)):
        check_seed(seed, MAX_MACS)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(20, 220))
def test_the_closed_form_equals_the_walk_at_length(block: int) -> None:
    for seed in range(BLOCK * block, BLOCK * (block + 1)):
        check_seed(seed, 8000 if seed % 100 == 0 else 150)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(cases())
def test_the_closed_form_equals_the_walk_on_what_hypothesis_finds(case: Case) -> None:
    one, other = both(case)
    assert one == other, "\n" + explain(case, one, other, ("closed form", "walk"))


# ------------------------------------------------------------------------------------------------------------
# The two walks


def slow_counts(case: Case) -> Table:
    """Every count that the Python walker makes."""
    result = walk(*walker_case(case))
    table = {("nest", "all", "macs"): result["macs"], ("nest", "all", "steps"): result["steps"]}
    for kind in ("levels", "fanouts"):
        for (level, role), counts in result[kind].items():
            table |= {(level, role, name): value for name, value in counts.items()}
    for role, hops in result["hops"].items():
        table["nest", role, "hops"] = hops
    return table


def total_hops(case: Case, table: Table, role: str) -> int:
    """Words of an operand that instances of memories received and their parents did not send."""
    hops = 0
    for run in runs(case.levels, role)[:-1]:  # compute holds nothing to hand on
        if run and all(role in array.forwards for array in run):
            hops += table[run[-1].name, role, "delivered"] - table[run[0].name, role, "sent"]
    return hops


def half_forwards(case: Case) -> bool:
    """Whether some arrays between two keepers forward and some do not: the Python walker refuses that."""
    return any(
        0 < sum(role in array.forwards for array in run) < len(run)
        for role in ROLES
        for run in runs(case.levels, role)
    )


@pytest.mark.parametrize("block", range(8))
def test_the_cores_walk_equals_the_walk_that_defines_the_counts(block: int) -> None:
    for seed in range(5_000_000 + 60 * block, 5_000_060 + 60 * block):
        case = random_case(Seeded(seed), 300)
        if half_forwards(case):
            continue
        slow, fast = slow_counts(case), walked(case)
        for role in ROLES[:2]:
            fast["nest", role, "hops"] = total_hops(case, fast, role)
        fast = {key: fast[key] for key in slow}
        assert fast == slow, explain(case, fast, slow, ("core", "Python"))


# ------------------------------------------------------------------------------------------------------------
# What the cases cover


def windows(case: Case) -> list[Axis]:
    return [axis for role in ROLES for axis in case.axes(role) if len(axis.terms) == 2]


def problem_features(case: Case) -> set[str]:
    bounds = case.problem.bounds
    dims = {role: case.problem.tensor(role).dims for role in ROLES}
    found = set()
    for axis in windows(case):
        (out, stride), (filt, dilation) = axis.terms
        if bounds[out] == 1:
            continue
        if stride > 1:
            found.add("strided")
        if stride > (bounds[filt] - 1) * dilation + 1:
            found.add("stride wider than the filter")
        if dilation > 1 and bounds[filt] > 1:
            found.add("dilated")
        if axis.offset < 0:
            found.add("padded")
        if bounds[filt] > 1 and stride < (bounds[filt] - 1) * dilation + 1:
            found.add("overlapping windows")
        last = axis.offset + (bounds[out] - 1) * stride + (bounds[filt] - 1) * dilation
        if axis.size <= last:
            found.add("input cut short")
    if windows(case) and bounds.get("G", 1) > 1 and all("G" in dims[role] for role in ROLES):
        found.add("depthwise" if bounds.get("M") == bounds.get("C") == 1 else "grouped")
    if not windows(case):
        shared = dims["inputs"] & dims["weights"] & dims["outputs"]
        if len([dim for dim in shared if bounds[dim] > 1]) == 2:
            found.add("batch and heads in every tensor")
        if dims["inputs"] & dims["weights"] - dims["outputs"]:
            found.add("matrix product")
    if any(bounds[dim] > 1 for dim in dims["outputs"] - dims["inputs"] - dims["weights"]):
        found.add("broadcast")
    return found


def mapping_features(case: Case) -> set[str]:
    found = set()
    splits = [split for split in case.splits() if split[2] > split[3]]
    for level, _, extent, tile in splits:
        if extent % tile:
            found.add("imperfect temporal" if isinstance(level, MemoryLevel) else "imperfect spatial")
    times = Counter(dim for _, dim, _, _ in splits)
    if max(times.values(), default=0) >= 3:
        found.add("a dim cut three times")
    for axis in windows(case):
        if min(times[dim] for dim, _ in axis.terms) >= 2:
            found.add("both dims of a window cut twice")
    arrays = [level for level in case.levels if isinstance(level, ArrayLevel)]
    if sum(bool(array.rows) and bool(array.columns) for array in arrays) >= 2:
        found.add("rows and columns at two depths")
    if sum(bool(array.rows or array.columns) for array in arrays) >= 3:
        found.add("three arrays in use")
    spread = {dim for level, dim, _, _ in splits if isinstance(level, ArrayLevel)}
    for name in ("multicast", "reduce"):
        for array in arrays:
            dims = getattr(array, name)
            if dims is not None and spread & dims and spread - dims:
                found.add(f"{name} over some of the dims spread")
    if half_forwards(case):
        found.add("forwarding that one array stops")
    return found


def hierarchy_features(case: Case) -> set[str]:
    found = set()
    memories = [level for level in case.levels if isinstance(level, MemoryLevel)]
    if any(not memory.keeps for memory in memories):
        found.add("a memory that everything bypasses")
    if any(0 < len(memory.keeps) < 3 for memory in memories):
        found.add("bypass")
    for one, other in zip(case.levels, case.levels[1:], strict=False):
        if not isinstance(one, MemoryLevel) or not isinstance(other, MemoryLevel):
            continue
        if not one.loops and one.keeps and other.keeps and not one.keeps & other.keeps:
            found.add("memories side by side")
    last = case.levels[-1]
    if isinstance(last, MemoryLevel) and not last.loops and len(memories) > 1:
        found.add("register")
    if len(memories) >= 4:
        found.add("four memories")
    return found


def traffic_features(case: Case, table: Table) -> set[str]:
    found = set()
    for role in ROLES[:2]:
        if total_hops(case, table, role):
            found.add("hops")
        for run in runs(case.levels, role):
            for array in run:
                if role not in array.forwards and table[array.name, role, "hops"]:
                    found.add("words multicast")
    for level in case.levels:
        if isinstance(level, ArrayLevel):
            if table[level.name, "outputs", "hops"]:
                found.add("sums added on the way")
            if table[level.name, "outputs", "returned"]:
                found.add("sums returned through an array")
        elif table[level.name, "outputs", "filled"]:
            found.add("sums that come back")
        if isinstance(level, MemoryLevel):
            for role in ROLES[:2]:
                received, tile = table[level.name, role, "filled"], table[level.name, role, "tile"]
                if received % max(tile, 1):
                    found.add("partial tiles")
    if table["nest", "all", "active_macs"] < lanes(case):
        found.add("lanes that never work")
    if table["nest", "all", "steps"] * table["nest", "all", "active_macs"] > table["nest", "all", "macs"]:
        found.add("lanes that idle")
    return found


FEATURES = {
    *("strided", "stride wider than the filter", "dilated", "padded", "input cut short"),
    *("overlapping windows", "grouped", "depthwise", "matrix product", "batch and heads in every tensor"),
    *("broadcast", "imperfect temporal", "imperfect spatial", "a dim cut three times"),
    *("both dims of a window cut twice", "rows and columns at two depths", "three arrays in use"),
    *("multicast over some of the dims spread", "reduce over some of the dims spread"),
    *("forwarding that one array stops", "a memory that everything bypasses", "bypass"),
    *("memories side by side", "register", "four memories", "hops", "words multicast"),
    *("sums added on the way", "sums returned through an array", "sums that come back", "partial tiles"),
    *("lanes that never work", "lanes that idle"),
}


def test_the_cases_cover_what_can_go_wrong() -> None:
    found: Counter[str] = Counter()
    for seed in range(2000):
        case = random_case(Seeded(seed), MAX_MACS)
        assert case.problem.macs <= MAX_MACS
        found.update(problem_features(case) | mapping_features(case) | hierarchy_features(case))
        found.update(traffic_features(case, walked(case)))
    print("\n".join(f"{times:5d} of 2000: {feature}" for feature, times in sorted(found.items())))
    assert set(found) == FEATURES
    assert min(found.values()) >= 20, found.most_common()[-3:]


# ------------------------------------------------------------------------------------------------------------
# The tests can fail


def on_arrays(case: Case, **changes: object) -> Case:
    levels = [replace(x, **changes) if isinstance(x, ArrayLevel) else x for x in case.levels]  # type: ignore[arg-type]
    return replace(case, levels=tuple(levels))


def without_edges(case: Case) -> Table:
    """Every tile counted at its full size: reads scaled up by what imperfect splits leave out."""
    table = closed(case)
    fuller = math.prod(-(-extent // tile) * tile / extent for _, _, extent, tile in case.splits())
    return {key: int(count * fuller) if key[2] == "reads" else count for key, count in table.items()}


def fewer_reads(case: Case) -> Table:
    """One wrong count: the innermost memory reads a word too few where a sum came back."""
    table = closed(case)
    name = [level.name for level in case.levels if isinstance(level, MemoryLevel)][-1]
    if table[name, "outputs", "filled"]:
        table[name, "outputs", "reads"] -= 1
    return table


def nobody_returns(case: Case) -> Table:
    return {key: 0 if key[2] == "returned" else count for key, count in closed(case).items()}


def other_order(case: Case) -> Case:
    top = case.levels[0]
    assert isinstance(top, MemoryLevel)
    # Stable, so that the loops of one dim stay in their order.
    return replace(case, levels=(replace(top, loops=tuple(sorted(top.loops, key=first))), *case.levels[1:]))


def first(loop: tuple[str, int]) -> str:
    return loop[0]


# A rule broken, and the most MACs that the smallest case to show it may have.
WRONG: dict[str, tuple[Callable[[Case], Table], int]] = {
    "no multicast": (lambda case: closed(on_arrays(case, multicast=frozenset())), 4),
    "all multicast": (lambda case: closed(on_arrays(case, multicast=None)), 4),
    "no reduction": (lambda case: closed(on_arrays(case, reduce=frozenset())), 4),
    "no forwarding": (lambda case: closed(on_arrays(case, forwards=frozenset())), 12),
    "loop order ignored": (lambda case: closed(other_order(case)), 8),
    "edges counted whole": (without_edges, 8),
    "a word too few": (fewer_reads, 8),
    "sums that come back not counted": (nobody_returns, 4),
}


@pytest.mark.parametrize("name", sorted(WRONG))
def test_a_broken_rule_is_found_and_its_case_made_small(name: str) -> None:
    wrong, most = WRONG[name]

    def fails(case: Case) -> bool:
        return differ(case, wrong)

    case = next(case for seed in range(1000) if fails(case := random_case(Seeded(seed), MAX_MACS)))
    small = shrink(case, fails)
    assert fails(small)
    assert small.problem.macs <= most, small
    assert len(list(small.splits())) <= 4, small
    said = explain(small, *both(small, wrong), ("wrong", "walk"))
    assert f"{small.mapping()}\n\n" in said
    assert "walk" in said.splitlines()[-1]


# ------------------------------------------------------------------------------------------------------------
# Bounds


def one_dim(bound: int, *loops: tuple[str, int], array: bool = False) -> Case:
    case = random_case(Seeded(0), 1)
    axis = Axis(terms=(("C", 1),), size=bound)
    tensors = [replace(t, axes=() if t.role == "outputs" else (axis,)) for t in case.problem.tensors]
    problem = replace(case.problem, bounds={"C": bound}, tensors=tuple(tensors))
    everything = frozenset(ROLES)
    if array:
        levels = (MemoryLevel(name="ram", keeps=everything), ArrayLevel(name="pes", rows=loops))
        return Case(problem=problem, levels=levels)
    return Case(problem=problem, levels=(MemoryLevel(name="ram", keeps=everything, loops=loops),))


def test_a_walk_that_would_take_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match=r"more than 2\^24 positions times MAC units"):
        _core.walk(*lower(one_dim(2**24 + 1, ("C", 1))))
    with pytest.raises(ValueError, match=r"262145 MAC units, more than 2\^18"):
        _core.walk(*lower(one_dim(2**18 + 1, ("C", 1), array=True)))
    case = one_dim(200, ("C", 1))
    wide = Axis(terms=(("C", 2**20),), size=2**31)
    tensors = [replace(t, axes=(wide,)) if t.axes else t for t in case.problem.tensors]
    huge = lower(replace(case, problem=replace(case.problem, tensors=tuple(tensors))))
    with pytest.raises(ValueError, match=r"the inputs have more than 2\^26 words"):
        _core.walk(*huge)


def test_a_mapping_that_does_not_belong_is_refused_as_by_the_closed_form() -> None:
    case = one_dim(4, ("C", 2))
    said = []
    for count in (_core.walk, _core.evaluate):
        with pytest.raises(ValueError, match="dim C is cut down to chunks of 2 only") as caught:
            count(*lower(case))
        said.append(str(caught.value))
    assert said[0] == said[1]
