"""Is a run of searches the same on any number of threads, and is nothing lost of one that is stopped?"""

from __future__ import annotations

import os
import pickle
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import dnnaccel as da
from dnnaccel import _core, _search_run, mapper
from dnnaccel._search_run import StoppedError
from dnnaccel.errors import SearchInterrupted
from interrupting import interrupt

QUICK = {"exhaustive_limit": 50, "starts": 2, "proposals": 300}
ENDLESS = {"exhaustive_limit": 0, "starts": 4, "proposals": 10**9}


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where this test's answers are kept."""
    monkeypatch.setattr(mapper, "_EFFORT", QUICK)
    monkeypatch.setenv("DNNACCEL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "searches"


def interrupt_when(ready: Callable[[int, int], bool]) -> Callable[[int, int, str], None]:
    """Return a progress function that is interrupted as Ctrl-C does it."""

    def progress(done: int, total: int, what: str) -> None:
        if ready(done, total):
            raise KeyboardInterrupt

    return progress


# ------------------------------------------------------------------------------------------------------------
# Threads


@pytest.mark.parametrize("dataflow", ["rs", "os"])
def test_the_answer_does_not_depend_on_threads(dataflow: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DNNACCEL_CACHE", "0")
    layer, chip = da.zoo.load("alexnet")["conv3"], da.arch.load("eyeriss")
    results = [da.search(layer, chip, dataflow, threads=threads) for threads in (1, 2, 5, None)]
    assert all(result == results[0] for result in results)
    reports = [da.simulate("lenet5", "eyeriss", dataflow=dataflow, threads=n).to_json() for n in (1, 2, 7)]
    assert len(set(reports)) == 1


def test_files_do_not_depend_on_threads(place: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    files = []
    for threads in (1, 2):
        home = tmp_path / str(threads)
        monkeypatch.setenv("DNNACCEL_CACHE", str(home))
        da.simulate("alexnet", "eyeriss", threads=threads)
        files.append({path.name: path.read_bytes() for path in (home / "searches").iterdir()})
    assert files[0] == files[1]


def test_jobs_share_the_threads_and_the_last_ones_get_those_that_are_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[int] = []
    real = _core.search

    def search(*args: Any) -> list[_core.Outcome]:
        asked.append(args[5])
        return real(*args)

    monkeypatch.setattr(_search_run._core, "search", search)
    da.search(da.zoo.load("alexnet")["conv3"], da.arch.load("eyeriss"), "os", threads=4)
    assert sorted(asked) == [1, 2, 4]
    asked.clear()
    da.simulate("alexnet", "eyeriss", threads=2)
    assert sorted(asked) == [1] * (len(asked) - 1) + [2]


def test_an_error_in_a_job_ends_the_run_and_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapper, "_EFFORT", ENDLESS)
    real, calls = _core.search, []

    def search(*args: Any) -> list[_core.Outcome]:
        calls.append(1)
        if len(calls) == 2:
            raise MemoryError("no more")
        return real(*args)

    monkeypatch.setattr(_search_run._core, "search", search)
    began = time.monotonic()
    with pytest.raises(MemoryError, match="no more"):
        da.simulate("alexnet", "eyeriss", threads=2)
    assert time.monotonic() - began < 5


def test_progress_counts_what_the_cache_had() -> None:
    da.search(da.zoo.load("alexnet")["conv3"], da.arch.load("eyeriss"))
    calls: list[tuple[int, int]] = []
    da.simulate("alexnet", "eyeriss", progress=lambda done, total, what: calls.append((done, total)))
    assert [done for done, _ in calls] == list(range(1, calls[-1][1] + 1))


# ------------------------------------------------------------------------------------------------------------
# Stopped


def test_the_core_stops_when_it_is_told_to_and_returns_what_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    layer, chip = da.zoo.load("alexnet")["conv3"], da.arch.load("eyeriss")
    assert layer.problem is not None
    jobs, _, _ = mapper._jobs(da.dataflow.get("rs").expand(), chip, [(layer.problem, None)])

    def search(progress: Callable[[int, int], bool | None], **effort: int) -> _core.Outcome:
        (outcome,) = _core.search(
            mapper.lower_chip(chip),
            [jobs[0].problem],
            [jobs[0].space],
            _core.Objective.energy,
            _core.Effort(**{**QUICK, **effort}),
            1,
            progress,
        )
        return outcome

    began = time.monotonic()
    stopped = search(lambda done, total: time.monotonic() < began + 0.3, **ENDLESS)
    assert time.monotonic() - began < 2
    assert stopped.best is not None
    assert not stopped.optimal
    # Only False stops it: a function that returns nothing reports, and no more.
    assert search(lambda done, total: None).evaluated == search(lambda done, total: True).evaluated


def test_an_interrupted_search_gives_the_best_so_far(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapper, "_EFFORT", {**ENDLESS, "starts": 1})
    layer, chip = da.zoo.load("alexnet")["conv3"], da.arch.load("eyeriss")
    began = time.monotonic()
    with pytest.raises(SearchInterrupted) as caught:
        da.search(layer, chip, progress=interrupt_when(lambda done, total: True))
    assert time.monotonic() - began < 2
    result = caught.value.result
    assert isinstance(caught.value, KeyboardInterrupt)
    assert not isinstance(caught.value, da.DnnAccelError)
    assert not result.optimal
    assert result.evaluated > 0
    assert da.evaluate(layer, chip, result.mapping) == result.cost
    assert repr(result) in str(caught.value)
    assert pickle.loads(pickle.dumps(caught.value)).result == result
    assert not place.exists()  # what was cut short is not kept


def test_an_interrupted_search_knows_nothing_of_variants_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    layer, chip = da.zoo.load("alexnet")["conv3"], da.arch.load("eyeriss")
    with pytest.raises(SearchInterrupted) as caught:
        da.search(layer, chip, "os", threads=1, progress=interrupt_when(lambda done, total: done == 1))
    assert not caught.value.result.optimal
    assert caught.value.result.bound == 0


def test_an_interruption_before_anything_is_found_is_a_plain_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def search(*args: Any) -> list[_core.Outcome]:
        raise KeyboardInterrupt

    monkeypatch.setattr(_search_run._core, "search", search)
    with pytest.raises(KeyboardInterrupt) as caught:
        da.search(da.zoo.load("alexnet")["conv3"], da.arch.load("eyeriss"))
    assert type(caught.value) is KeyboardInterrupt


def test_an_interrupted_look_for_what_is_least_gives_nothing_beyond_the_limits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runs: list[int] = []

    def progress(done: int, total: int, what: str) -> None:
        runs.append(1) if done == total else None
        if runs and done < total:  # the second search has begun
            raise KeyboardInterrupt

    monkeypatch.setattr(mapper, "_EFFORT", {"exhaustive_limit": 0, "starts": 40, "proposals": 20_000})
    with pytest.raises(KeyboardInterrupt) as caught:
        da.search(
            da.zoo.load("alexnet")["conv3"],
            da.arch.load("eyeriss"),
            max_energy=1.0,
            threads=1,
            progress=progress,
        )
    assert type(caught.value) is KeyboardInterrupt


def test_finished_layers_of_an_interrupted_network_are_kept(place: Path) -> None:
    with pytest.raises(KeyboardInterrupt) as caught:
        da.simulate("vgg16", "eyeriss", threads=1, progress=interrupt_when(lambda done, total: done == 3))
    assert type(caught.value) is KeyboardInterrupt
    kept = len(list(place.glob("*.json")))
    assert 3 <= kept <= 5
    calls: list[int] = []
    report = da.simulate("vgg16", "eyeriss", progress=lambda done, total, what: calls.append(done))
    assert calls[0] == kept
    for path in place.iterdir():
        path.unlink()
    assert da.simulate("vgg16", "eyeriss") == report


def test_answers_of_a_stopped_run_stand_in_their_places(monkeypatch: pytest.MonkeyPatch) -> None:
    network, chip = da.zoo.load("alexnet"), da.arch.load("eyeriss")
    tasks = [(layer.problem, None) for layer in network if layer.problem is not None]
    jobs, _, _ = mapper._jobs(da.dataflow.get("rs").expand(), chip, tasks)
    setting = _search_run.Setting(
        mapper.lower_chip(chip),
        mapper.describe_chip(chip),
        mapper._goal("energy", mapper._Limits(), units=0),
        QUICK,
    )
    whole = _search_run.run(setting, jobs[:2])
    for path in Path(os.environ["DNNACCEL_CACHE"], "searches").iterdir():
        path.unlink()
    _search_run.run(setting, jobs[1:2])

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(StoppedError) as caught:
        _search_run.run(setting, jobs, threads=1, progress=stop)
    answers = caught.value.answers
    assert len(answers) == len(jobs)
    assert answers[1] is not None
    assert answers[1].evaluated == whole[1].evaluated
    assert answers[-1] is None


def test_ctrl_c_keeps_the_layers_that_are_done(place: Path) -> None:
    ended = interrupt(
        "import dnnaccel as da\n"
        "from dnnaccel import mapper\n"
        "mapper._EFFORT.update(exhaustive_limit=0, starts=1, proposals=200_000, proof=0)\n"
        "def progress(done, total, what):\n"
        "    print(done, total, flush=True)\n"
        "da.simulate('resnet50', 'eyeriss', threads=2, progress=progress)\n",
        ready="2 ",
    )
    assert ended.err.rstrip().endswith("KeyboardInterrupt"), ended.err
    assert ended.returncode in (-signal.SIGINT, 130)
    assert ended.seconds < 1.0
    assert 2 <= len(list(place.glob("*.json"))) < 10
    assert not list(place.glob(".*"))
