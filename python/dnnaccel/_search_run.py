"""Runs the core's search job by job, so that what is done is kept when the rest is stopped."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from dnnaccel import _core

__all__ = ["Answer", "Job", "Point", "StoppedError", "run"]

_POLL_SECONDS = 0.05
"""How often the waiting thread looks at the jobs' progress."""


@dataclass(frozen=True, slots=True)
class Point:
    """A mapping that no other one seen beats in both energy (chip's unit) and cycles."""

    energy: float
    cycles: int
    mapping: _core.Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a search of one job found: `_core.Outcome` as plain values, which can be stored."""

    best: _core.Mapping | None
    optimal: bool
    evaluated: int
    pruned: int
    mapspace: float
    bound: float
    pareto: tuple[Point, ...]
    misfit: _core.Misfit | None = None
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """A problem, its mapspace and its zeros, lowered."""

    problem: _core.Problem
    space: _core.Mapspace
    sparsity: _core.Sparsity


class StoppedError(Exception):
    """The search was told to stop; `answers` has what each job found so far, None where nothing began."""

    def __init__(self, answers: list[Answer | None]) -> None:
        super().__init__("the search was stopped")
        self.answers = answers


def run(
    architecture: _core.Architecture,
    jobs: Sequence[Job],
    goal: _core.Goal,
    effort: _core.Effort,
    *,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Answer]:
    """Search every job on `threads` threads (None: all) and return the answers, in the order of the jobs.

    `progress` is called on this thread, with jobs done and all jobs, or with the tasks of a single job.
    Raises `StoppedError` on Ctrl-C, within a tenth of a second or so, and what `progress` raises.
    """
    crew = _Crew(architecture, jobs, goal, effort, threads or _all_threads())
    try:
        crew.work(progress)
    except BaseException as error:
        crew.stop()
        if isinstance(error, KeyboardInterrupt):
            raise StoppedError(list(crew.answers)) from None
        raise
    return [answer for answer in crew.answers if answer is not None]


def _all_threads() -> int:
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Crew:
    """Threads that take jobs in order; the thread that made them waits, and alone hears Ctrl-C."""

    def __init__(
        self,
        architecture: _core.Architecture,
        jobs: Sequence[Job],
        goal: _core.Goal,
        effort: _core.Effort,
        threads: int,
    ) -> None:
        self.answers: list[Answer | None] = [None] * len(jobs)
        self._architecture, self._goal, self._effort = architecture, goal, effort
        self._jobs, self._cores = jobs, threads
        self._next = iter(range(len(jobs)))
        self._lock = threading.Lock()
        self._stop = threading.Event()
        # Jobs that ended, the tasks of an only job, and what went wrong.
        self._news: SimpleQueue[int | tuple[int, int] | BaseException] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._serve, name=f"dnnaccel-search-{i}")
            for i in range(min(threads, len(jobs)))
        ]

    def work(self, progress: Callable[[int, int], None] | None) -> None:
        """Run all jobs; raises what a job or `progress` raises, and then some threads may still run."""
        for thread in self._threads:
            thread.start()
        done = 0
        if progress is not None and len(self._jobs) > 1:
            progress(done, len(self._jobs))
        while done < len(self._jobs):
            try:
                news = self._news.get(timeout=_POLL_SECONDS)
            except Empty:
                continue
            if isinstance(news, BaseException):
                raise news
            if isinstance(news, int):
                done += 1
                if len(self._jobs) == 1:
                    continue  # its tasks were told
                news = (done, len(self._jobs))
            if progress is not None:
                progress(*news)
        for thread in self._threads:
            thread.join()

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
        job, told = self._jobs[index], (0, 0)

        def go_on(done: int, total: int) -> bool:
            nonlocal told
            if len(self._jobs) == 1 and (done, total) != told:
                told = (done, total)
                self._news.put(told)
            return not self._stop.is_set()

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
        self.answers[index] = _answer(outcome)
        if len(self._jobs) == 1 and told[0] != told[1]:
            self._news.put((told[1], told[1]))


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
