"""Is what a search calls optimal the optimum? Held against every point of random small mapspaces.

The points come from `brute_force`, which knows the rule of the mapspace and nothing of the search, and each
is costed alone. Whatever a search claims is compared: that its mapping is the best, that its front is the
front, that nothing is below its bound, how many points there are, and which of equals it takes.
`brute_fuzz.py` does the same for as many mapspaces as wanted, and makes a failing one small.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import brute_check
import pytest
from brute_cases import FOUND, SIZES, Case, random_case, random_chip
from brute_check import EFFORTS, Truth, Wish, differ, front, same, search
from brute_force import Mapspace, Place, chains_of, factorisations, spreads

import dnnaccel as da
from dnnaccel import _core, dataflow
from dnnaccel.arch import Array, Chip, Mac, Memory, Vector
from dnnaccel.dataflow import Dataflow
from dnnaccel.errors import ArchitectureError, DataflowError
from dnnaccel.layers import Conv2d, Layer, Linear
from dnnaccel.mapspace import LevelRule
from dnnaccel.problem import ROLES, matmul
from nests_random import Choices, Seeded

BLOCK = 30  # mapspaces that one test looks at
BLOCKS = 6  # by default
SLOW_BLOCKS = 14
# The share of searches for the least of each that bounds alone have to prove; what cannot be proved so yet is
# not named.
PROVED_SHARE: dict[str, float] = {"energy": 0.8}
# Kinds of faults (see `brute_check`) that are not held against a way of searching yet.
NOT_HELD: dict[str, frozenset[str]] = {"enumerated": frozenset(), "proved": frozenset({"front", "tie"})}


def blocks() -> Iterator[Any]:
    for block in range(BLOCKS + SLOW_BLOCKS):
        marks = () if block < BLOCKS else pytest.mark.slow
        seeds = range(block * BLOCK, (block + 1) * BLOCK)
        yield pytest.param(seeds, id=f"{seeds[0]}-{seeds[-1]}", marks=marks)


@pytest.mark.parametrize("seeds", list(blocks()))
def test_what_is_called_optimal_is_the_optimum(seeds: range) -> None:
    failures: list[str] = []
    proofs: Counter[tuple[str, str, bool]] = Counter()
    for seed in seeds:
        failures += [f"seed {seed}, {fault}" for fault in look(Truth(random_case(seed)), seed, proofs)]
    assert not failures, "\n".join(failures[:10])
    for objective in brute_check.OBJECTIVES:
        assert not proofs["enumerated", objective, False]
        assert proofs["enumerated", objective, True]
    for objective, share in PROVED_SHARE.items():
        proved, hoped = (proofs["proved", objective, optimal] for optimal in (True, False))
        print(f"{objective}: {proved} of {proved + hoped} searches proved by bounds alone")
        assert proved >= share * (proved + hoped)


@pytest.mark.parametrize("case", FOUND.values(), ids=FOUND)
def test_what_was_wrong_once_is_right(case: Case) -> None:
    truth = Truth(case)
    for seed in range(5):  # of limits
        assert not look(truth, seed, Counter())


def look(truth: Truth, seed: int, proofs: Counter[tuple[str, str, bool]]) -> list[str]:
    """Return what is wrong in searches of a mapspace, both ways and for all wishes; counts what is proved."""
    failures = []
    for way, effort in EFFORTS.items():
        for wish in truth.wishes(Seeded(seed)):
            outcome = truth.search(wish, effort)
            faults = [fault for fault in truth.faults(wish, outcome) if fault.kind not in NOT_HELD[way]]
            failures += [f"{way}, {wish}: {fault}" for fault in faults]
            if any(wish.allows(cost) for cost in truth.points):
                proofs[way, wish.objective, outcome.optimal] += 1
    return failures


@pytest.mark.parametrize("objective", brute_check.OBJECTIVES)
def test_what_people_ask_for_is_the_optimum_of_all_variants(objective: str) -> None:
    looked_at = 0
    for seed in itertools.count():
        choices = Seeded(seed)
        layer = random_layer(choices)
        try:
            chip = random_chip(choices)
            flow = dataflow.get(choices.pick(["os", "os", "ws", "free"]))
            truths = [truth for truth in variants(layer, chip, flow) if truth.points]
        except (ArchitectureError, DataflowError):
            continue
        costs = [cost for truth in truths for cost in truth.points]
        if not costs:
            continue
        wish = Wish(objective)
        best = min(wish.score(cost.energy, cost.cycles) for cost in costs)
        found = da.search(layer, chip, flow, objective)
        assert found.optimal, f"seed {seed}"
        score = wish.score(found.cost.energy, found.cost.cycles)
        assert not differ(score[0], best[0]), f"seed {seed}: {score} instead of {best}"
        looked_at += 1
        if looked_at == 25:
            break


def random_layer(choices: Choices) -> Layer:
    a, b, c = (choices.integer(1, most) for most in (4, 8, 6))
    if choices.chance(50):
        return Linear(name="layer", input_shapes=((a, b),), out_features=c)
    kernel = choices.integer(1, 3)
    return Conv2d(
        name="layer",
        input_shapes=((1, a, b + kernel, 1),),
        out_channels=c,
        kernel=(kernel, 1),
        stride=(choices.integer(1, 2), 1),
        padding=(choices.integer(0, kernel // 2), 0),
    )


def variants(layer: Layer, chip: Chip, flow: Dataflow) -> Iterator[Truth]:
    """Every variant of a dataflow that the chip can run, with all points; raises if one has too many."""
    assert layer.problem is not None
    for variant in flow.expand():
        case = Case(layer.problem, chip, variant)
        try:
            space = case.space()
        except DataflowError:
            continue
        if space.fitting(3_000) > 3_000:
            raise DataflowError("too large a mapspace to cost one by one here")
        yield Truth(case)


@pytest.mark.parametrize("way", EFFORTS)
def test_threads_do_not_change_the_outcome(way: str) -> None:
    def written(outcome: _core.Outcome) -> tuple[Any, ...]:
        points = [(point.energy, point.cycles, point.mapping.levels) for point in outcome.pareto]
        best = None if outcome.best is None else outcome.best.levels
        return best, points, outcome.optimal, outcome.bound, outcome.mapspace, outcome.refused

    for seed in range(40):
        case = random_case(seed)
        for objective in brute_check.OBJECTIVES:
            one, two = (search(case, Wish(objective), EFFORTS[way], threads) for threads in (1, 2))
            assert written(one) == written(two), f"seed {seed}, {objective}"


# ------------------------------------------------------------------------------------------------------------
# What is compared, and with what


def test_the_mapspaces_are_of_all_kinds() -> None:
    cases = [random_case(seed) for seed in range(150)]

    def some(what: str, least: int, of: list[bool]) -> None:
        assert sum(of) >= least, f"{sum(of)} {what}"

    sizes = sorted(case.space().fitting() for case in cases)
    assert sizes[0] >= SIZES[0] / 5
    some("large mapspaces", 5, [size > 10_000 for size in sizes])
    some("without an array", 10, [not case.chip.arrays for case in cases])
    some("with two arrays", 10, [len(case.chip.arrays) == 2 for case in cases])
    some("with four memories", 10, [len(case.chip.memories) == 4 for case in cases])
    some("named dataflows", 20, [case.flow.name != "drawn" for case in cases])
    some("sparse", 15, [case.density is not None for case in cases])
    some("leaking", 15, [bool(case.chip.leakage_mw) for case in cases])
    some("with a choice to bypass", 20, [any(rule.optional for rule in case.rules()) for case in cases])
    some("with fixed tiles", 20, [any(any(rule.tiles) for rule in case.rules()) for case in cases])
    some("with loop orders", 20, [any(rule.order for rule in case.rules()) for case in cases])
    some("with waiting steps", 5, [bool(case.problem.waiting) for case in cases])
    some("with uneven spreads", 20, [uneven(case) for case in cases])
    some("with windows", 20, [window(case) for case in cases])


def uneven(case: Case) -> bool:
    """Whether a dim may be spread over a number of instances that does not divide it."""
    space = case.space()
    return any(
        place.room is not None and extent % math.ceil(extent / tile)
        for i, _, bound in space.bounds
        for chain in space.chains[i]
        for place, extent, tile in zip(space.places[i], (bound, *chain), chain, strict=False)
    )


def window(case: Case) -> bool:
    bounds = case.problem.bounds
    return any(bounds.get(p, 1) > 1 and bounds.get(r, 1) > 1 for p, r in ("PR", "QS"))


def test_spreads_are_divisors_and_even_shares() -> None:
    assert spreads(55, 14) == [1, 5, 7, 11, 14]
    assert spreads(27, 14) == [1, 3, 7, 9, 14]
    assert spreads(64, 16) == [1, 2, 4, 8, 16]
    assert spreads(3, 14) == [1, 3]
    assert spreads(4, 3) == [1, 2]
    assert spreads(7, 3) == [1, 3]
    assert spreads(12, 16) == [1, 2, 3, 4, 6, 12]
    assert spreads(5, 1) == [1]


def test_factorisations_are_all_ordered_ones() -> None:
    assert sorted(factorisations(4, 2)) == [(1, 4), (2, 2), (4, 1)]
    assert len(list(factorisations(12, 3))) == 18
    assert list(factorisations(1, 0)) == [()]
    assert list(factorisations(2, 0)) == []


def memory(level: int, fixed: int | None = None) -> Place:
    return Place(level, 0, None, fixed)


def axis(level: int, room: int, fixed: int | None = None) -> Place:
    return Place(level, 0, room, fixed)


def test_chains_cut_a_dim_down_to_single_positions() -> None:
    def tiles(bound: int, *places: Place) -> list[tuple[int, ...]]:
        return sorted(chains_of(bound, places))

    assert tiles(4, memory(0), memory(1)) == [(1, 1), (2, 1), (4, 1)]
    # 7 on 3 columns: one column, or all three in three passes, which stand outside or inside.
    assert tiles(7, memory(0), axis(1, 3), memory(2)) == [(1, 1, 1), (3, 1, 1), (7, 3, 1), (7, 7, 1)]
    # Chunks of 3 of 7 leave three of them outside, and 3 positions inside, which the axis takes or leaves.
    assert tiles(7, memory(0, 3), axis(1, 3), memory(2)) == [(3, 1, 1), (3, 3, 1)]
    assert tiles(7, memory(0), axis(1, 3, 4), memory(2)) == [(4, 4, 1), (7, 4, 1)]
    assert tiles(7, axis(0, 3)) == []
    assert tiles(3, axis(0, 3)) == [(1,)]
    assert tiles(3, memory(0, 5), memory(1)) == [(3, 1)]
    assert tiles(3, memory(0), memory(1, 1)) == [(1, 1), (3, 1)]
    assert tiles(3, memory(0), memory(1, 2)) == []


def test_points_are_all_tilings_orders_and_choices() -> None:
    every = frozenset("MCP")
    chip = Chip(
        name="two",
        word_bits=8,
        energy_unit="pJ",
        levels=(
            Memory(name="ram", read_energy=1, write_energy=1),
            Array(name="pes", rows=2, energy=0),
            Memory(name="rf", size_bytes=64, read_energy=1, write_energy=1),
        ),
        mac=Mac(energy=1),
        vector=Vector(lanes=1, op_energy=1, memory="ram"),
    )
    problem = matmul(batch=1, rows=2, columns=2, inner=2)
    none = frozenset[str]()

    def points(order: tuple[frozenset[str], ...] = (), optional: frozenset[str] = none) -> int:
        roles = frozenset(ROLES)
        rules = (
            LevelRule(dims=(every,), tiles=({},), order=order, keeps=roles),
            LevelRule(dims=(frozenset("M"), none), tiles=({}, {})),
            LevelRule(dims=(every,), tiles=({},), keeps=roles - optional, optional=optional),
        )
        space = Mapspace(problem, chip, rules)
        found = [str(levels) for levels in space.mappings()]
        assert len(found) == len(set(found)) == space.fitting()
        assert space.count() >= len(found)
        return len(found)

    # Of three loops all stand outside, two, one or none, in any order; with M spread it is two.
    assert points() == (6 + 3 * 2 + 3 * 2 + 6) + (2 + 2 * 1 + 2)
    assert points(optional=frozenset({"weights", "inputs"})) == 4 * 30
    # M runs innermost in the ram: of three loops there two orders are left, of M and another one.
    assert points(order=(frozenset("M"),)) == (2 + (2 + 1 + 1) + 3 * 2 + 6) + 6


def test_fronts_are_equal_but_for_rounding() -> None:
    assert front([(3.0, 1), (2.0, 5), (2.0, 4), (1.0, 9), (1.5, 9)]) == [(3.0, 1), (2.0, 4), (1.0, 9)]
    assert front([(1.0, 1), (1.0 - 1e-15, 2)]) == [(1.0, 1)]
    assert same([(1.0, 1)], [(1.0 + 1e-15, 1)])
    assert not same([(1.0, 1)], [(1.1, 1)])
    assert not same([(1.0, 1)], [])


def test_a_wrong_outcome_is_seen() -> None:
    wish = Wish("energy")
    truths = (Truth(random_case(seed)) for seed in range(100))
    truth = next(truth for truth in truths if len(front([cost[:2] for cost in truth.points])) > 2)
    right = truth.search(wish, EFFORTS["enumerated"])
    assert truth.faults(wish, right) == []

    def fake(**changes: Any) -> Any:
        names = ("best", "optimal", "bound", "mapspace", "pareto")
        return SimpleNamespace(**({name: getattr(right, name) for name in names} | changes))

    costs = list(truth.points)
    worst = max(costs)
    worse = [SimpleNamespace(energy=worst.energy, cycles=worst.cycles, mapping=truth.points[worst][0])]
    optimum = min(costs).energy
    for kind, wrong in {
        "optimum": fake(best=worse[0].mapping, pareto=worse),
        "claim": fake(best=worse[0].mapping),
        "proof": fake(best=None),
        "bound": fake(bound=optimum * (1 + 1e-9)),
        "count": fake(mapspace=truth.size - 1),
        "front": fake(pareto=right.pareto[:1]),
    }.items():
        assert kind in [fault.kind for fault in truth.faults(wish, wrong)]
    assert truth.faults(wish, fake(best=worse[0].mapping, pareto=worse, optimal=False)) == []
    slowest = max(costs, key=lambda cost: cost.cycles)
    limited = Wish("energy", max_cycles=slowest.cycles - 1)
    slow = fake(best=truth.points[slowest][0])
    assert [fault.kind for fault in truth.faults(limited, slow)] == ["limits"]
    for cost in costs:
        if not differ(cost.energy, optimum):
            del truth.points[cost]
    assert "stranger" in [fault.kind for fault in truth.faults(wish, right)]
