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

__all__ = ["Job", "Setting", "StoppedError", "run", "run_all"]

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
    """Search every job and return the answers, in the order of the jobs; see `run_all`."""
    return run_all([(setting, job) for job in jobs], threads=threads, progress=progress)


def run_all(
    tasks: Sequence[tuple[Setting, Job]],
    *,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Answer]:
    """Search every job in its setting on `threads` threads (None: all); return the answers in that order.

    Equal ones are searched once. What the cache has is not searched for, and what is found goes there as soon
    as its job is done. `progress` is called on this thread, with jobs done and all jobs, or with the tasks of
    a single job. Raises `StoppedError` on Ctrl-C, within a tenth of a second or so, and what `progress`
    raises.
    """
    cache = open_cache() if all(setting.keep for setting, _ in tasks) else recent
    keys = _keys(tasks)
    answers: dict[str, Answer | None] = dict.fromkeys(keys)
    distinct = dict(zip(keys, tasks, strict=True))
    if cache is not None:
        for key, (setting, job) in distinct.items():
            answers[key] = cache.load(key, job.problem, setting.architecture, job.sparsity)
    left = [key for key, answer in answers.items() if answer is None]
    crew = _Crew([distinct[key] for key in left], left, threads or _all_threads(), cache)
    stopped = False
    try:
        crew.work(progress, len(distinct) - len(left))
    except KeyboardInterrupt:
        stopped = True
    finally:
        crew.stop()
        if cache is not None and crew.stored:
            cache.tidy()
    answers |= zip(left, crew.answers, strict=True)
    found = [answers[key] for key in keys]
    if stopped:
        raise StoppedError(found)
    return [answer for answer in found if answer is not None]


def _keys(tasks: Sequence[tuple[Setting, Job]]) -> list[str]:
    """Return what tells each search from all others: a hash of all that goes into it."""
    shared: dict[int, str] = {}
    for setting in {id(setting): setting for setting, _ in tasks}.values():
        shared[id(setting)] = key_of([fingerprint(), setting.described, setting.goal, setting.effort])
    return [key_of([shared[id(setting)], job.described]) for setting, job in tasks]


def _all_threads() -> int:
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Crew:
    """Threads that take jobs in order; the thread that made them waits, and alone hears Ctrl-C."""

    def __init__(
        self,
        jobs: Sequence[tuple[Setting, Job]],
        keys: Sequence[str],
        threads: int,
        cache: Cache | Recent | None,
    ) -> None:
        self.answers: list[Answer | None] = [None] * len(jobs)
        self.stored = False
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
        (setting, job), told, cut = self._jobs[index], (0, 0), False

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
            setting.architecture,
            [job.problem],
            [job.space],
            _goal(setting.goal),
            _core.Effort(**setting.effort),
            max(1, self._cores // left),
            go_on,
            [job.sparsity],
        )
        answer = _answer(outcome)
        if self._cache is not None and not cut:
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
