"""Is what is found within the limits that were asked for, and is an impossible limit explained?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from test_mapper import EXHAUSTIVE, conv, tiny_chip
from test_recurrent import LSTM, layer_of

import dnnaccel as da
from dnnaccel import mapper


@pytest.fixture(autouse=True, scope="module")
def exhaustive() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mapper, "_EFFORT", EXHAUSTIVE)
        yield


LAYER = conv(rows=3, columns=2, kernel=(2, 1), out=2)
CHIP = tiny_chip(ram_bytes_per_cycle=1, rows=2, columns=2)


def front() -> tuple[mapper.ParetoPoint, ...]:
    found = da.search(LAYER, CHIP, "free", "pareto")
    assert found.optimal
    assert len(found.pareto) > 1
    return found.pareto


@pytest.mark.parametrize("objective", mapper.SEARCHES)
def test_each_point_of_the_front_is_what_its_own_limits_leave(objective: str) -> None:
    for point in front():
        within = {"max_energy": point.energy, "max_cycles": point.cycles}
        found = da.search(LAYER, CHIP, "free", objective, **within)
        assert found.optimal
        assert (found.cost.energy, found.cost.cycles) == (point.energy, point.cycles)
        assert [(each.energy, each.cycles) for each in found.pareto] == [(point.energy, point.cycles)]


def test_a_limit_on_one_figure_leaves_the_least_of_the_other() -> None:
    points = front()
    for point in points:
        assert da.search(LAYER, CHIP, "free", "energy", max_cycles=point.cycles).cost.energy == point.energy
        assert da.search(LAYER, CHIP, "free", "latency", max_energy=point.energy).cost.cycles == point.cycles
    between = (points[0].cycles + points[1].cycles) / 2
    assert da.search(LAYER, CHIP, "free", max_cycles=between).cost.cycles == points[1].cycles


def test_pareto_asks_for_the_front_and_takes_the_least_energy() -> None:
    found = da.search(LAYER, CHIP, "free", "pareto")
    assert (found.cost.energy, found.cost.cycles) == (found.pareto[0].energy, found.pareto[0].cycles)
    assert found.figure == found.cost.energy
    assert found.objective == "pareto"


def test_an_impossible_limit_says_what_is_least() -> None:
    points = front()
    least, fastest = points[0], points[-1]
    for limits, said in (
        (
            {"max_energy": least.energy - 1},
            f"is within max_energy={least.energy - 1:g} pJ; the least energy is {least.energy:g} pJ",
        ),
        (
            {"max_cycles": fastest.cycles - 1},
            f"no mapping is within max_cycles={fastest.cycles - 1}; the least is {fastest.cycles} cycles",
        ),
        (
            {"max_energy": fastest.energy - 1, "max_cycles": fastest.cycles},
            f"no mapping of at most max_cycles={fastest.cycles} cycles is within "
            f"max_energy={fastest.energy - 1:g} pJ; the least energy is {fastest.energy:g} pJ",
        ),
        ({"max_energy": 1, "max_cycles": 1}, f"the least is {fastest.cycles} cycles"),
    ):
        with pytest.raises(da.MappingError, match=re.escape(said)):
            da.search(LAYER, CHIP, "free", **limits)


@pytest.mark.parametrize("value", [0, -1, float("inf"), float("nan"), True, "12"])
@pytest.mark.parametrize("name", ["max_energy", "max_cycles"])
def test_a_limit_that_is_none_is_refused(name: str, value: Any) -> None:
    with pytest.raises(da.DnnAccelError, match=f"{name} is .*; it must be a positive finite number"):
        da.search(LAYER, CHIP, "free", **{name: value})


def test_simulate_takes_no_front() -> None:
    with pytest.raises(da.UnknownNameError, match="unknown objective 'pareto'"):
        da.simulate(LAYER, CHIP, objective="pareto")


def test_variants_are_counted_together() -> None:
    layer, chip = da.zoo.load("lenet5")["conv1"], da.arch.load("eyeriss")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mapper, "_EFFORT", {"exhaustive_limit": 50, "starts": 2, "proposals": 400})
        every = [da.search(layer, chip, variant) for variant in ("osa", "osb", "osc")]
        found = da.search(layer, chip, "os")
    best = min(every, key=lambda result: result.cost.energy)
    assert (found.mapping, found.dataflow) == (best.mapping, best.dataflow)
    assert found.evaluated == sum(result.evaluated for result in every)
    assert found.pruned == sum(result.pruned for result in every)
    assert found.mapspace == sum(result.mapspace for result in every)
    assert found.bound == min(result.bound for result in every)
    assert found.optimal == all(result.optimal for result in every)
    figures = {(point.energy, point.cycles) for result in every for point in result.pareto}
    for point in found.pareto:
        assert (point.energy, point.cycles) in figures
        assert not any(e <= point.energy and c < point.cycles for e, c in figures)


def test_the_bound_is_one() -> None:
    for objective in mapper.SEARCHES:
        found = da.search(LAYER, CHIP, "free", objective)
        assert found.optimal
        assert found.bound == found.figure
        assert found.gap == 0


# ------------------------------------------------------------------------------------------------------------
# Layers whose gates take energy and time beside the MACs


@pytest.mark.parametrize("leaking", [False, True])
@pytest.mark.parametrize("quick", [False, True])
def test_gates_count_towards_limits_and_bounds(quick: bool, leaking: bool) -> None:
    layer = layer_of(LSTM, steps=3, features=1, hidden=1)
    speed = 400 if quick else 4
    chip = tiny_chip(rows=2, columns=4, ram_bytes_per_cycle=speed, buffer_bytes_per_cycle=speed)
    if leaking:
        chip = chip.override({"clock_mhz": 100, "leakage_mw": 1})
    for objective in mapper.OBJECTIVES:
        free = da.search(layer, chip, "free", objective)
        assert free.bound <= free.figure * (1 + 1e-12)
        if free.optimal:
            assert free.bound == free.figure
        again = da.search(
            layer, chip, "free", objective, max_energy=free.cost.energy, max_cycles=free.cost.cycles
        )
        assert (again.cost.energy, again.cost.cycles) == (free.cost.energy, free.cost.cycles)
    least = da.search(layer, chip, "free", "energy").cost.energy
    fewest = da.search(layer, chip, "free", "latency").cost.cycles
    with pytest.raises(da.MappingError, match=rf"the least energy( found)? is {least:.10g} pJ"):
        da.search(layer, chip, "free", max_energy=least * 0.999)
    with pytest.raises(da.MappingError, match=f"the least( found)? is {fewest} cycles"):
        da.search(layer, chip, "free", max_cycles=fewest - 1)
