"""Runs the core's search job by job, so that what is done is kept, and found again by the next run."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

from dnnaccel import _core
from dnnaccel._search_cache import Answer, Cache, Point, Recent, fingerprint, key_of, open_cache, recent

__all__ = ["Job", "Setting", "StoppedError", "run"]

_POLL_SECONDS = 0.05
"""How often the waiting thread looks at the jobs' progress."""


@dataclass(frozen=True, slots=True)
class Job:
    """A problem, its mapspace and its zeros, lowered; `described` is all three as plain data."""

    problem: _core.Problem
    space: _core.Mapspace
    sparsity: _core.Sparsity
    described: object


@dataclass(frozen=True, slots=True)
class Setting:
    """What the jobs of a run share.

    `described` is the architecture as plain data, `goal` and `effort` are what `_core.Goal` and
    `_core.Effort` take, but for the objective, which is named. Answers are kept in files, or, without `keep`,
    in this process alone: those that are found as fast as read should not drive others out.
    """

    architecture: _core.Architecture
    described: object
    goal: Mapping[str, Any]
    effort: Mapping[str, Any]
    keep: bool = True


class StoppedError(Exception):
    """The search was told to stop; `answers` has what each job found so far, None where nothing began."""

    def __init__(self, answers: list[Answer | None]) -> None:
        super().__init__("the search was stopped")
        self.answers = answers


def run(
    setting: Setting,
    jobs: Sequence[Job],
    *,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Answer]:
    """Search every job on `threads` threads (None: all) and return the answers, in the order of the jobs.

    What the cache has is not searched for, and what is found goes there as soon as its job is done.
    `progress` is called on this thread, with jobs done and all jobs, or with the tasks of a single job.
    Raises `StoppedError` on Ctrl-C, within a tenth of a second or so, and what `progress` raises.
    """
    cache = open_cache() if setting.keep else recent
    answers: list[Answer | None] = [None] * len(jobs)
    keys = [] if cache is None else _keys(setting, jobs)
    if cache is not None:
        for i, (job, key) in enumerate(zip(jobs, keys, strict=True)):
            answers[i] = cache.load(key, job.problem, setting.architecture, job.sparsity)
    left = [i for i, answer in enumerate(answers) if answer is None]
    crew = _Crew(
        setting,
        [jobs[i] for i in left],
        threads or _all_threads(),
        cache,
        [keys[i] for i in left] if keys else None,
    )
    stopped = False
    try:
        crew.work(progress, len(jobs) - len(left))
    except KeyboardInterrupt:
        stopped = True
    finally:
        crew.stop()
        if cache is not None and crew.stored:
            cache.tidy()
    for i, answer in zip(left, crew.answers, strict=True):
        answers[i] = answer
    if stopped:
        raise StoppedError(answers)
    return [answer for answer in answers if answer is not None]


def _keys(setting: Setting, jobs: Sequence[Job]) -> list[str]:
    shared = key_of([fingerprint(), setting.described, setting.goal, setting.effort])
    return [key_of([shared, job.described]) for job in jobs]


def _all_threads() -> int:
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Crew:
    """Threads that take jobs in order; the thread that made them waits, and alone hears Ctrl-C."""

    def __init__(
        self,
        setting: Setting,
        jobs: Sequence[Job],
        threads: int,
        cache: Cache | Recent | None,
        keys: list[str] | None,
    ) -> None:
        self.answers: list[Answer | None] = [None] * len(jobs)
        self.stored = False
        self._architecture, self._goal = setting.architecture, _goal(setting.goal)
        self._effort = _core.Effort(**setting.effort)
        self._jobs, self._cores = jobs, threads
        self._cache, self._keys = cache, keys
        self._next = iter(range(len(jobs)))
        self._lock = threading.Lock()
        self._stop = threading.Event()
        # Jobs that ended, the tasks of an only job, and what went wrong.
        self._news: SimpleQueue[int | tuple[int, int] | BaseException] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._serve, name=f"dnnaccel-search-{i}")
            for i in range(min(threads, len(jobs)))
        ]

    def work(self, progress: Callable[[int, int], None] | None, known: int) -> None:
        """Run all jobs, beside which `known` were already done.

        Raises what a job or `progress` raises, and then some threads may still run.
        """
        for thread in self._threads:
            thread.start()
        done, total = known, known + len(self._jobs)
        single = total == 1 and not known
        if progress is not None and not single:
            progress(done, total)
        while done < total:
            try:
                news = self._news.get(timeout=_POLL_SECONDS)
            except Empty:
                continue
            if isinstance(news, BaseException):
                raise news
            if isinstance(news, int):
                done += 1
                if single:
                    continue  # its tasks were told
                news = (done, total)
            elif not single:
                continue
            if progress is not None:
                progress(*news)

    def stop(self) -> None:
        """Tell every thread to stop, and wait until it has."""
        self._stop.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def _serve(self) -> None:
        try:
            while not self._stop.is_set():
                with self._lock:
                    index = next(self._next, None)
                if index is None:
                    return
                self._search(index)
                self._news.put(index)
        except BaseException as error:
            self._news.put(error)

    def _search(self, index: int) -> None:
        job, told, cut = self._jobs[index], (0, 0), False

        def go_on(done: int, total: int) -> bool:
            nonlocal told, cut
            if len(self._jobs) == 1 and (done, total) != told:
                told = (done, total)
                self._news.put(told)
            cut = self._stop.is_set()
            return not cut

        # The last jobs share the threads that have no job of their own any more.
        left = len(self._jobs) - index
        (outcome,) = _core.search(
            self._architecture,
            [job.problem],
            [job.space],
            self._goal,
            self._effort,
            max(1, self._cores // left),
            go_on,
            [job.sparsity],
        )
        answer = _answer(outcome)
        if self._cache is not None and self._keys is not None and not cut:
            self.stored |= self._cache.store(self._keys[index], answer)
        self.answers[index] = answer
        if len(self._jobs) == 1 and told[0] != told[1]:
            self._news.put((told[1], told[1]))


def _goal(goal: Mapping[str, Any]) -> _core.Goal:
    return _core.Goal(**{**goal, "objective": getattr(_core.Objective, goal["objective"])})


def _answer(outcome: _core.Outcome) -> Answer:
    return Answer(
        best=outcome.best,
        optimal=outcome.optimal,
        evaluated=outcome.evaluated,
        pruned=outcome.pruned,
        mapspace=outcome.mapspace,
        bound=outcome.bound,
        pareto=tuple(Point(point.energy, point.cycles, point.mapping) for point in outcome.pareto),
        misfit=outcome.misfit,
        refused=outcome.refused,
    )
