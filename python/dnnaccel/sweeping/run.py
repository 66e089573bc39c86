"""Hands a sweep's points to an executor, and keeps what comes back."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ThreadPoolExecutor, wait
from typing import Any

from dnnaccel.errors import SweepError
from dnnaccel.sweeping.store import Store
from dnnaccel.sweeping.work import Task, evaluate

__all__ = ["Progress", "run"]

Progress = Callable[[int, int, str], None]
"""Called with points done, points in all, and what there is to say."""

_POLL_SECONDS = 0.2
_REFRESH_SECONDS = 15.0
_QUEUED_A_WORKER = 2
"""Points in flight for each worker: one at work and one waiting, so that a killed run loses few."""


def run(
    tasks: Mapping[str, Task],
    store: Store,
    executor: Executor | None,
    progress: Progress | None,
) -> tuple[dict[str, dict[str, Any]], float]:
    """Return the result of every task by key, and the seconds that new ones took on average, all in all.

    What the store has is not worked out again. Without an executor there is a thread for each of this
    machine's cores. Points of another process's claim are waited for. Raises `SweepError` if the workers of
    an executor died, and what a task raises.
    """
    keys = list(tasks)
    results = store.results(keys)
    total, known = len(keys), len(results)
    began = time.monotonic()

    def tell(what: str) -> None:
        if progress is not None:
            progress(len(results), total, what)

    tell(f"{known} known")
    try:
        with _workers(executor, total - known) as (pool, width):
            _drain(tasks, store, pool, width, results, tell, began, known)
    except BrokenExecutor as error:
        raise SweepError(f"the sweep's workers died: {error}; what was done is kept") from None
    new = len(results) - known
    return {key: results[key] for key in keys}, (time.monotonic() - began) / new if new else 0.0


def _drain(
    tasks: Mapping[str, Task],
    store: Store,
    pool: Executor,
    width: int,
    results: dict[str, dict[str, Any]],
    tell: Callable[[str], None],
    began: float,
    known: int,
) -> None:
    """Keep the workers busy until every point is there."""
    flying: dict[Future[dict[str, Any]], str] = {}
    refreshed = time.monotonic()
    try:
        while len(results) < len(tasks):
            left = [key for key in tasks if key not in results]
            room = width - len(flying)
            if room > 0:
                ours = set(flying.values())
                for key in store.claim([key for key in left if key not in ours], room):
                    flying[pool.submit(evaluate, tasks[key])] = key
            if not flying:
                # What is left is another process's work.
                time.sleep(_POLL_SECONDS)
                results.update(store.results(left))
                tell("waiting for another process")
                continue
            done, _ = wait(flying, timeout=_POLL_SECONDS, return_when=FIRST_COMPLETED)
            for future in done:
                key = flying.pop(future)
                result = future.result()
                store.finish(key, result)
                results[key] = result
            if done:
                tell(_rate(len(results) - known, len(tasks) - len(results), time.monotonic() - began))
            if time.monotonic() - refreshed > _REFRESH_SECONDS:
                refreshed = time.monotonic()
                store.refresh()
                results.update(store.results([key for key in left if key not in set(flying.values())]))
    finally:
        for future in flying:
            future.cancel()


@contextlib.contextmanager
def _workers(executor: Executor | None, points: int) -> Iterator[tuple[Executor, int]]:
    """Give an executor, and how many points to have in flight."""
    if executor is not None:
        yield executor, _QUEUED_A_WORKER * _width(executor)
        return
    # Threads, because the search gives back Python's lock: nothing is sent, and no process is forked off one
    # that has threads.
    count = max(1, min(_cores(), points))
    pool = _Threads(max_workers=count, thread_name_prefix="dnnaccel-sweep")
    try:
        yield pool, _QUEUED_A_WORKER * count
    except BaseException:
        pool.stopped.set()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


class _Threads(ThreadPoolExecutor):
    """Threads whose points break off once they are told to: who stops a sweep need not wait for them."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.stopped = threading.Event()

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **options: Any) -> Future[Any]:
        return super().submit(function, *arguments, progress=self._go_on, **options)

    def _go_on(self, _done: int, _total: int, _what: str) -> None:
        if self.stopped.is_set():
            raise _StoppedError


class _StoppedError(Exception):
    """A point was broken off."""


def _width(executor: Executor) -> int:
    """Return how many workers an executor has, as far as it says."""
    for name in ("_max_workers", "max_workers"):
        count = getattr(executor, name, None)
        if isinstance(count, int) and count > 0:
            return count
    client = getattr(executor, "_client", None)  # Dask's
    with contextlib.suppress(Exception):
        return max(1, sum(client.nthreads().values()))  # type: ignore[union-attr]
    return _cores()


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def _rate(new: int, left: int, seconds: float) -> str:
    rate = new / seconds if seconds else 0.0
    remaining = left / rate if rate else 0.0
    minutes, rest = divmod(round(remaining), 60)
    return f"{rate:.2f} points/s, {minutes}:{rest:02d} left"
