"""Searches of little effort: quicker, no better than full ones, proved where they say so, kept in no file."""

from __future__ import annotations

from pathlib import Path

import pytest

import dnnaccel as da
from dnnaccel._effort import EFFORTS, FULL, QUICK, core_effort
from dnnaccel._search_cache import Answer, Recent
from dnnaccel.errors import UnknownNameError


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DNNACCEL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize("chip", ["eyeriss", "nvdla_small", "eie"])
def test_a_quick_search_is_no_better_than_a_proved_one(chip: str) -> None:
    quick, full = (da.simulate("lenet5", chip, effort=effort) for effort in EFFORTS[::-1])
    for fast, slow in zip(quick.layers, full.layers, strict=True):
        if slow.optimal:
            assert fast.energy >= slow.energy * (1 - 1e-12)
        if fast.optimal:
            assert fast.energy <= slow.energy * (1 + 1e-12)
    assert any(layer.optimal is not None for layer in quick.layers)


def test_a_quick_search_asks_the_core_for_less() -> None:
    layer = da.zoo.load("alexnet")["conv2"]
    chip = da.arch.load("eyeriss_v2")
    quick = da.search(layer, chip, effort="quick")
    assert quick == da.search(layer, chip, effort="quick")
    assert 0 < quick.evaluated + quick.pruned < 2 * QUICK["starts"] * QUICK["proposals"] + QUICK["proof"] * 10
    assert quick.bound <= quick.cost.energy


def test_quick_answers_are_kept_in_no_file(own_cache: Path) -> None:
    first = da.simulate("lenet5", "eyeriss", effort="quick")
    assert not list(own_cache.glob("**/*.json"))
    assert da.simulate("lenet5", "eyeriss", effort="quick") == first
    da.simulate("lenet5", "eyeriss")
    assert list(own_cache.glob("**/*.json"))


def test_the_last_answers_of_a_process_are_bounded() -> None:
    def answer(bound: float) -> Answer:
        return Answer(best=None, optimal=False, evaluated=0, pruned=0, mapspace=1.0, bound=bound, pareto=())

    recent = Recent(most=3)
    for number in range(5):
        assert recent.store(str(number), answer(float(number))) is False
    assert [recent.load(str(number)) for number in range(5)] == [None, None, *map(answer, (2.0, 3.0, 4.0))]


def test_what_an_effort_stands_for() -> None:
    assert core_effort("full", FULL, "energy", 10) == {**FULL, "proof": 10 * FULL["proof"]}
    assert core_effort("quick", FULL, "energy", 10) == QUICK
    assert core_effort("quick", FULL, "pareto", 1) == {**QUICK, "proof": 0}
    assert all(QUICK[name] < FULL[name] for name in FULL)


def test_another_effort_is_refused_with_those_that_there_are() -> None:
    layer, chip = da.zoo.load("lenet5")["conv1"], da.arch.load("eyeriss")
    with pytest.raises(UnknownNameError, match="quick"):
        da.simulate("lenet5", chip, effort="quik")
    with pytest.raises(UnknownNameError, match="quick"):
        da.search(layer, chip, effort="quik")
    with pytest.raises(UnknownNameError, match="quick"):
        da.compare("lenet5", chip, effort="quik")
    with pytest.raises(UnknownNameError, match="quick"):
        da.sweep("lenet5", chip, {"clock_mhz": [100]}, effort="quik")


def test_comparisons_and_sweeps_take_it() -> None:
    report = da.simulate("lenet5", "eyeriss_v2", effort="quick")
    (row,) = da.compare("lenet5", "eyeriss_v2", effort="quick").rows
    assert row.report == report
    (point,) = da.sweep("lenet5", "eyeriss_v2", {"clock_mhz": [200]}, effort="quick")
    assert point["energy"] == report.energy
