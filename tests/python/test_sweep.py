"""Sweeps: their points, constraints, store, executors, front, and what is left after a kill."""

from __future__ import annotations

import contextlib
import math
import os
import random
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dnnaccel as da
from dnnaccel.errors import SweepError, UnknownNameError
from dnnaccel.sweep import SweepPoint, log_range
from dnnaccel.sweeping.expression import Condition
from dnnaccel.sweeping.pareto import front
from dnnaccel.sweeping.points import Grid, Point, on_chip_bytes, read_values
from dnnaccel.sweeping.points import points as points_of
from dnnaccel.sweeping.store import Store

SIZES = {"glb.size_bytes": [65536, 131072], "pe_array.rows": [8, 12]}


class Inline(Executor):
    """Works when asked to, and counts."""

    def __init__(self) -> None:
        self.done = 0

    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.done += 1
        future.set_result(function(*args, **kwargs))
        return future


def points(chip: da.arch.Chip, parameters: Any, **limits: Any) -> list[Point]:
    return [point for _, point in points_of(Grid(chip, parameters, **limits))]


@pytest.fixture
def chip() -> da.arch.Chip:
    return da.arch.load("eyeriss")


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("8,12,16", [8, 12, 16]),
        ("64..1024*2", [64, 128, 256, 512, 1024]),
        ("8..16+4, 20", [8, 12, 16, 20]),
        ("0.5,true,ws", [0.5, True, "ws"]),
        ("10..1000*10", [10, 100, 1000]),
    ],
)
def test_values_as_typed(text: str, values: list[Any]) -> None:
    assert read_values(text) == values


@pytest.mark.parametrize(
    "text", ["", ",", "8..", "8..4+1", "8..16", "a..b*2", "8..16*1", "8..16+0", "1..9999999+1"]
)
def test_values_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(SweepError):
        read_values(text)


@settings(deadline=None)
@given(low=st.integers(1, 10**6), times=st.integers(1, 1000), factor=st.floats(1.01, 16))
def test_a_range_of_factors_stays_within_its_ends_and_rises(low: int, times: int, factor: float) -> None:
    high = low * times
    found = log_range(low, high, factor=factor)
    assert found[0] == low
    assert found == sorted(set(found))
    assert found[-1] <= high
    assert found[-1] * factor >= high * (1 - 1e-6) / factor


def test_points_are_every_combination_and_the_last_parameter_changes_fastest(chip: da.arch.Chip) -> None:
    found = points(chip, SIZES)
    assert [tuple(point.values.values()) for point in found] == [
        (65536, 8),
        (65536, 12),
        (131072, 8),
        (131072, 12),
    ]
    assert [point.chip["pe_array"].rows for point in found if point.chip] == [8, 12, 8, 12]


def test_constraints_are_held_against_each_chip(chip: da.arch.Chip) -> None:
    grid = {"pe_array.rows": "6..24+6", "pe_array.columns": [7, 14, 28]}
    found = points(chip, grid, constraints=["pe_array.rows * pe_array.columns == 168"])
    assert [tuple(point.values.values()) for point in found] == [(6, 28), (12, 14), (24, 7)]
    found = points(chip, grid, constraints=[lambda made: made.pe_count < 50])
    assert [tuple(point.values.values()) for point in found] == [(6, 7)]
    room = on_chip_bytes(chip)
    found = points(chip, {"glb.size_bytes": [1024, 10**9]}, on_chip=room)
    assert [point.values["glb.size_bytes"] for point in found] == [1024]


def test_equal_area_is_of_the_whole_chip(chip: da.arch.Chip) -> None:
    # The preset states one area for all of it, which no parameter changes; without it there is none.
    same = points(chip, SIZES, equal_area=0.0)
    assert len(same) == 4
    assert all(point.chip is not None and point.chip.area == chip.area for point in same)
    unknown = [name for name in da.arch.names() if da.arch.load(name).area is None]
    assert unknown
    with pytest.raises(SweepError, match="equal area"):
        points(da.arch.load(unknown[0]), {"clock_mhz": [100, 200]}, equal_area=0.05)


@pytest.mark.parametrize(
    "text",
    [
        "pe_array.rows",
        "__import__('os').system('x') == 0",
        "glb.size_bytes == glb.__class__",
        "(lambda: 1)() == 1",
        "1 == 1 if 2 else 3",
        "glb.size_bytes ** 9 == 1",
        "area == 'x'",
        "-" * 399 + "1 == 1",
        "1 ==",
        "1 == 1 and 2 == 2",
        "x" * 500,
        "[1] == [1]",
    ],
)
def test_texts_that_are_no_constraint_are_refused(text: str, chip: da.arch.Chip) -> None:
    with pytest.raises(SweepError):
        Condition(text)(chip)


def test_a_constraint_is_worked_out_as_it_reads(chip: da.arch.Chip) -> None:
    rows, columns = chip["pe_array"].rows, chip["pe_array"].columns
    assert Condition(f"pe_array.rows * (pe_array.columns - 1) == {rows * (columns - 1)}")(chip)
    assert Condition(f"1 < pe_array.rows <= {rows}")(chip)
    assert not Condition(f"pe_array.rows / 2 > {rows}")(chip)
    assert Condition("pe_count >= 168")(chip)
    with pytest.raises(SweepError, match="divides by zero"):
        Condition("1 / 0 == 1")(chip)


# Few values, so that there are ties and duplicates.
costs = st.integers(1, 4).flatmap(
    lambda figures: st.lists(
        st.tuples(*[st.sampled_from([-1, 0, 0.5, 1, 2, 3, math.inf])] * figures), max_size=30
    )
)


def beats(one: Sequence[float], other: Sequence[float]) -> bool:
    return all(a <= b for a, b in zip(one, other, strict=True)) and one != other


@given(costs)
@settings(max_examples=500, deadline=None)
def test_the_front_has_no_dominated_point_and_misses_none(given_points: list[tuple[float, ...]]) -> None:
    kept = front(given_points)
    assert kept == [
        index
        for index, point in enumerate(given_points)
        if not any(beats(other, point) for other in given_points)
    ]


figures = st.fixed_dictionaries(
    {
        "energy": st.sampled_from([1.0, 2.0, 3.0]),
        "cycles": st.sampled_from([1, 2, 3]),
        "utilization": st.sampled_from([0.25, 0.5, None, math.nan]),
        "area": st.sampled_from([1.0, 2.0, None]),
    }
)


@given(
    st.lists(figures | st.just({}), max_size=20),
    st.lists(
        st.sampled_from(["energy", "cycles", "utilization", "area"]), min_size=1, max_size=4, unique=True
    ),
)
@settings(max_examples=300, deadline=None)
def test_the_front_of_a_sweep_is_of_the_points_that_have_the_figures(
    rows: list[dict[str, Any]], names: list[str]
) -> None:
    found = da.Sweep(
        network="n",
        chip="c",
        objective="energy",
        parameters=("x",),
        points=tuple(
            SweepPoint(parameters={"x": x}, figures=row, reason=None if row else "it cannot run")
            for x, row in enumerate(rows)
        ),
        energy_unit="pJ",
        area_unit="mm2",
    )

    def cost(row: dict[str, Any]) -> tuple[float, ...] | None:
        values = [row.get(name) for name in names]
        if any(value is None or math.isnan(value) for value in values):
            return None
        return tuple(-v if name == "utilization" else v for name, v in zip(names, values, strict=True))

    whole = {x: known for x, row in enumerate(rows) if (known := cost(row)) is not None}
    expected = [x for x, known in whole.items() if not any(beats(other, known) for other in whole.values())]
    assert [point["x"] for point in found.pareto(*names)] == expected


def test_a_sweep_agrees_with_simulate(chip: da.arch.Chip) -> None:
    found = da.sweep("lenet5", chip, SIZES, executor=Inline())
    assert len(found) == 4
    for point in found:
        report = da.simulate("lenet5", chip.override(point.parameters))
        assert point["energy"] == report.energy
        assert point["cycles"] == report.cycles
        assert point["edp"] == report.energy * report.seconds
        assert point["dram_words"] == report.traffic("dram")
    assert found.best("energy")["energy"] == min(point["energy"] for point in found)
    assert found.best("utilization")["utilization"] == max(point["utilization"] for point in found)


def test_executors_of_all_kinds_give_the_same(chip: da.arch.Chip) -> None:
    inline = da.sweep("lenet5", chip, SIZES, executor=Inline())
    with ThreadPoolExecutor(2) as threads:
        assert da.sweep("lenet5", chip, SIZES, executor=threads) == inline
    assert da.sweep("lenet5", chip, SIZES) == inline  # threads of its own


def test_a_store_spares_the_work(chip: da.arch.Chip, tmp_path: Path) -> None:
    store = tmp_path / "sweep.db"
    first, second, wider = Inline(), Inline(), Inline()
    found = da.sweep("lenet5", chip, SIZES, executor=first, store=store)
    assert da.sweep("lenet5", chip, SIZES, executor=second, store=store) == found
    assert (first.done, second.done) == (4, 0)
    da.sweep("lenet5", chip, SIZES | {"pe_array.rows": [8, 10, 12]}, executor=wider, store=store)
    assert wider.done == 2
    other = Inline()
    da.sweep("lenet5", chip, SIZES, dataflow="ws", executor=other, store=store)
    assert other.done == 4


def test_batches_and_dataflows_are_parameters_too(chip: da.arch.Chip) -> None:
    found = da.sweep("lenet5", chip, {"dataflow": "ws,nlr,rs", "batch": [1, 4]}, executor=Inline())
    assert [(p["dataflow"], p["batch"]) for p in found] == [
        (flow, batch) for flow in ("ws", "nlr", "rs") for batch in (1, 4)
    ]
    ran = {(p["dataflow"], p["batch"]): p for p in found.ran}
    assert ran["rs", 4]["macs"] == 4 * ran["rs", 1]["macs"]
    assert ran["rs", 1]["energy"] == da.simulate("lenet5", chip, dataflow="rs").energy


def test_what_cannot_run_is_a_point_with_its_reason() -> None:
    found = da.sweep(
        "lenet5", "eyeriss", {"glb.size_bytes": [8, 65536], "word_bits": [16]}, executor=Inline()
    )
    bad, good = found
    assert bad.reason
    assert bad["energy"] is None
    assert good.reason is None
    assert "cannot run" in found.to_text()
    assert bad.reason in found.to_csv().replace('""', '"')


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"parameters": {}}, SweepError, "at least one parameter"),
        ({"parameters": {"glb.size_bytes": []}}, SweepError, "no values"),
        ({"parameters": {"glb.size": [1]}}, UnknownNameError, "size_bytes"),
        ({"parameters": {"gbl.size_bytes": [1]}}, UnknownNameError, "glb"),
        ({"parameters": SIZES, "constraints": ["pe_count == 1"]}, SweepError, "none of 4"),
        ({"parameters": SIZES, "objective": "power"}, UnknownNameError, "edp"),
        ({"parameters": {"batch": [1.5]}}, SweepError, "whole number"),
        ({"parameters": SIZES, "store": "/nowhere/at/all.db"}, SweepError, "no directory"),
    ],
)
def test_sweeps_that_make_no_sense_are_refused(
    arguments: dict[str, Any], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        da.sweep("lenet5", "eyeriss", executor=Inline(), **arguments)


def test_a_file_that_is_no_store_is_left_alone(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("these are my notes, and no database at all\n" * 50, encoding="utf-8")
    with pytest.raises(SweepError, match="cannot keep a sweep"):
        Store(text)
    assert text.read_text(encoding="utf-8").startswith("these are my notes")
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as database:
        database.execute("CREATE TABLE mine (x)")
    with pytest.raises(SweepError, match="no sweep's"):
        Store(other)


@pytest.mark.parametrize(
    "damaged", ["{broken", "[]", '{"energy": "much"}', '{"reason": 7}', '{"reason": "r", "energy": 1}', "{}"]
)
def test_a_damaged_result_is_worked_out_again(chip: da.arch.Chip, tmp_path: Path, damaged: str) -> None:
    store = tmp_path / "sweep.db"
    found = da.sweep("lenet5", chip, {"pe_array.rows": [8, 12]}, executor=Inline(), store=store)
    with sqlite3.connect(store) as database:
        database.execute("UPDATE points SET result = ?", (damaged,))
    again = Inline()
    assert da.sweep("lenet5", chip, {"pe_array.rows": [8, 12]}, executor=again, store=store) == found
    assert again.done == 2


def test_claims_of_the_dead_are_free_and_those_of_the_living_are_not(tmp_path: Path) -> None:
    path = tmp_path / "sweep.db"
    with Store(path) as one, Store(path) as other:
        assert one.claim(["a", "b", "c"], 2) == ["a", "b"]
        # One process's older claims are of a run that is over: its number was given to a new one.
        assert "c" in other.claim(["a", "b", "c"], 3)
    dead = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True
    )
    with Store(path) as store:
        for key, pid, seen in (("x", int(dead.stdout), time.time()), ("y", os.getppid(), time.time())):
            store._file.execute(
                "INSERT INTO claims VALUES (?, ?, ?, ?, ?)", (key, store._owner[0], pid, 1.0, seen)
            )
        assert store.claim(["x", "y"], 2) == ["x"]


SCRIPT = """
    import sys
    import dnnaccel as da

    def tell(done, total, what):
        print(done, file=sys.stderr, flush=True)

    if __name__ == "__main__":
        grid = {"glb.size_bytes": "16384..262144*2", "pe_array.rows": "6..16+2"}
        grid["pe_array.columns"] = "4..16+4"
        trials = int(sys.argv[2]) or None
        found = da.sweep("lenet5", "example", grid, store=sys.argv[1], trials=trials, progress=tell)
        print(found.to_csv(), end="")
"""


def start(script: Path, store: Path, trials: int = 0) -> subprocess.Popen[str]:
    # A group of its own, so that a kill takes the workers too.
    return subprocess.Popen(
        [sys.executable, str(script), str(store), str(trials)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def kill_at_a_random_moment(job: subprocess.Popen[str], known: int, rng: random.Random) -> bool:
    """Kill a run some points, and a part of one, after the `known` ones; return whether it was at work."""
    assert job.stderr is not None
    enough = known + rng.randint(0, 2)
    while (line := job.stderr.readline()) and int(line) < enough:
        pass
    time.sleep(rng.uniform(0, 0.05))
    at_work = job.poll() is None
    if at_work:
        os.killpg(job.pid, signal.SIGKILL)
    job.communicate()
    return at_work


def points_kept(store: Path) -> int:
    with contextlib.closing(sqlite3.connect(store)) as database:
        return int(database.execute("SELECT count(*) FROM points").fetchone()[0])


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "job.py"
    path.write_text(textwrap.dedent(SCRIPT), encoding="utf-8")
    return path


# Every combination, and those that a search chooses.
WAYS = pytest.mark.parametrize(("trials", "rows"), [(0, 120), (90, 90)])


@pytest.mark.slow
@WAYS
def test_a_run_killed_twenty_times_ends_as_an_undisturbed_one(
    script: Path, tmp_path: Path, trials: int, rows: int
) -> None:
    if trials:
        pytest.importorskip("optuna")
    undisturbed, _ = start(script, tmp_path / "whole.db", trials).communicate()
    assert undisturbed.count("\n") == rows + 1
    seed = int.from_bytes(os.urandom(4), "big")
    print(f"seed {seed}")  # shown if the test fails
    rng = random.Random(seed)
    kept = [0]
    for _ in range(20):
        at_work = kill_at_a_random_moment(start(script, tmp_path / "broken.db", trials), kept[-1], rng)
        kept.append(points_kept(tmp_path / "broken.db"))
        # What was done before is still there, and it was killed on the way.
        assert kept == sorted(kept)
        assert at_work or kept[-1] == rows
    assert any(0 < done < rows for done in kept)
    resumed, _ = start(script, tmp_path / "broken.db", trials).communicate()
    assert resumed == undisturbed
    assert points_kept(tmp_path / "broken.db") == rows


@pytest.mark.slow
@WAYS
def test_two_processes_on_one_store_end_with_the_same_table(
    script: Path, tmp_path: Path, trials: int, rows: int
) -> None:
    if trials:
        pytest.importorskip("optuna")
    undisturbed, _ = start(script, tmp_path / "whole.db", trials).communicate()
    pair = [start(script, tmp_path / "shared.db", trials) for _ in range(2)]
    assert [job.communicate()[0] for job in pair] == [undisturbed, undisturbed]
    assert points_kept(tmp_path / "shared.db") == rows


def test_a_sweep_can_be_kept_and_drawn(chip: da.arch.Chip, tmp_path: Path) -> None:
    found = da.sweep("lenet5", chip, SIZES, executor=Inline())
    assert found.to_csv().count("\n") == 5
    assert list(found.to_dataframe()["cycles"]) == [point["cycles"] for point in found]
    for name in ("s.json", "s.csv", "s.txt", "s.html"):
        found.save(tmp_path / name)
        assert (tmp_path / name).stat().st_size > 100
    found.plot("on_chip_bytes", "energy", tmp_path / "s.svg")
    assert (tmp_path / "s.svg").stat().st_size > 1000
    with pytest.raises(UnknownNameError, match="energy"):
        found.pareto("enrgy")
