"""Sweeps that a search chooses the points of: the same for a seed, whoever works them out."""

from __future__ import annotations

import random
import sys
import time
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from test_sweep import Inline

import dnnaccel as da
from dnnaccel.errors import MissingExtraError, SweepError
from dnnaccel.sweeping.points import Grid
from dnnaccel.sweeping.search import _Places

optuna = pytest.importorskip("optuna")

GRID: dict[str, Any] = {
    "glb.size_bytes": [2048, 8192, 32768, 131072],
    "rf.size_bytes": [64, 128, 512],
    "pe_array.rows": "4..16+4",
    "pe_array.columns": [8, 16],
}


class Shuffled(ThreadPoolExecutor):
    """Ends its work in an order of its own."""

    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        def late(*args: Any, **kwargs: Any) -> Any:
            time.sleep(random.uniform(0, 0.02))
            return function(*args, **kwargs)

        return super().submit(late, *args, **kwargs)


def test_the_same_seed_gives_the_same_points_whoever_works_them_out(tmp_path: Path) -> None:
    def found(executor: Executor | None, store: Path | None = None, seed: int = 3) -> da.Sweep:
        return da.sweep("lenet5", "example", GRID, trials=30, seed=seed, executor=executor, store=store)

    inline = Inline()
    expected = found(inline, tmp_path / "one.db")
    assert len(expected) == inline.done == 30
    with Shuffled(5) as five:
        assert found(five) == expected
    with Shuffled(1) as one:
        assert found(one, tmp_path / "two.db") == expected
    assert found(None) == expected
    again = Inline()
    assert found(again, tmp_path / "one.db") == expected
    assert again.done == 0
    assert found(Inline(), tmp_path / "one.db", seed=4) != expected


def test_points_of_a_search_are_those_of_the_whole_sweep_in_its_order(tmp_path: Path) -> None:
    store, spared = tmp_path / "sweep.db", Inline()
    whole = da.sweep("lenet5", "example", GRID, executor=Inline(), store=store)
    part = da.sweep("lenet5", "example", GRID, trials=40, executor=spared, store=store)
    assert spared.done == 0
    rows = whole.to_rows()
    places = [rows.index(row) for row in part.to_rows()]
    assert places == sorted(set(places))
    assert len(places) == 40
    assert da.sweep("lenet5", "example", GRID, trials=96, executor=spared, store=store) == whole
    assert spared.done == 0
    # What it looked for is among what it chose.
    for figures in (("energy",), ("cycles",), ("utilization",)):
        chosen = da.sweep("lenet5", "example", GRID, trials=40, figures=figures, executor=spared, store=store)
        assert chosen.best(figures[0])[figures[0]] == whole.best(figures[0])[figures[0]]
        assert chosen.figures == figures
    assert spared.done == 0


def test_constraints_hold_for_a_search_and_names_are_values_too() -> None:
    grid = {
        "pe_array.rows": "4..24+2",
        "pe_array.columns": "4..24+2",
        "dataflow": "ws,os,nlr",
        "clock_mhz": 200,
    }
    limits: dict[str, Any] = {"constraints": ["pe_array.rows * pe_array.columns == 96"]}
    found = da.sweep("lenet5", "example", grid, trials=9, executor=Inline(), **limits)
    assert len(found) == 9
    assert all(point["pe_array.rows"] * point["pe_array.columns"] == 96 for point in found)
    # More trials than points that are allowed: all of them.
    allowed = da.sweep("lenet5", "example", grid, executor=Inline(), **limits)
    assert da.sweep("lenet5", "example", grid, trials=100, executor=Inline(), **limits) == allowed
    assert len(allowed) < 100
    with pytest.raises(SweepError, match="none of 363"):
        da.sweep("lenet5", "example", grid, trials=9, executor=Inline(), constraints=["pe_count == 1"])


def test_what_cannot_run_is_told_and_the_search_goes_on() -> None:
    grid = {"glb.size_bytes": [8, 16, 24, 65536, 131072], "pe_array.rows": [4, 8, 12, 16, -1]}
    found = da.sweep("lenet5", "example", grid, trials=20, executor=Inline())
    assert len(found) == 20
    assert found.ran
    assert len(found.ran) < 20
    assert all(point.reason for point in found if point["pe_array.rows"] == -1)


@pytest.mark.parametrize("trials", [0, -1, 2.5, True, "9"])
def test_trials_that_make_no_sense_are_refused(trials: Any) -> None:
    with pytest.raises(SweepError, match="trials"):
        da.sweep("lenet5", "example", GRID, trials=trials)


@pytest.mark.parametrize("figures", [(), ("energy", "energy")])
def test_figures_that_make_no_sense_are_refused(figures: Any) -> None:
    with pytest.raises(SweepError, match="figures"):
        da.sweep("lenet5", "example", GRID, figures=figures)
    with pytest.raises(da.UnknownNameError, match="did you mean 'energy'"):
        da.sweep("lenet5", "example", GRID, figures=["enrgy"])


def test_optuna_says_nothing_and_keeps_its_settings(capfd: pytest.CaptureFixture[str]) -> None:
    before = optuna.logging.get_verbosity()
    da.sweep("lenet5", "example", GRID, trials=12, executor=Inline())
    assert optuna.logging.get_verbosity() == before
    said = capfd.readouterr()
    assert said.out + said.err == ""


def test_without_optuna_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'dnnaccel\[optuna\]'"):
        da.sweep("lenet5", "example", GRID, trials=5)
    # All points need no search.
    assert len(da.sweep("lenet5", "example", {"clock_mhz": [100, 200]}, trials=2, executor=Inline())) == 2


def test_a_proposal_becomes_the_nearest_point_that_is_left() -> None:
    chip = da.arch.load("example")
    grid = Grid(
        chip,
        {"pe_array.rows": [16, 4, 8], "dataflow": ["ws", "os"], "clock_mhz": [200]},
        constraints=["pe_array.rows < 16"],
    )
    places = _Places(grid)
    assert set(places.space(optuna.distributions)) == {"pe_array.rows", "dataflow"}
    taken = []
    while (found := places.take({"pe_array.rows": 2, "dataflow": 0})) is not None:
        taken.append((found[1].values["pe_array.rows"], found[1].values["dataflow"]))
        assert places.params(found[0]).keys() == {"pe_array.rows", "dataflow"}
    # Rank 2 of the rows is 16, which the constraint excludes; then 8, then the other dataflow is as far as 4.
    assert taken[0] == (8, "ws")
    assert sorted(taken) == [(4, "os"), (4, "ws"), (8, "os"), (8, "ws")]
