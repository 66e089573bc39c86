"""Hands a sweep's points to an executor, and keeps what comes back."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ThreadPoolExecutor, wait
from typing import Any

from dnnaccel.errors import SweepError
from dnnaccel.sweeping.store import Store
from dnnaccel.sweeping.work import Task, evaluate

__all__ = ["Crew", "Progress"]

Progress = Callable[[int, int, str], None]
"""Called with points done, points in all, and what there is to say."""

_POLL_SECONDS = 0.2
_REFRESH_SECONDS = 15.0
_QUEUED_A_WORKER = 2
"""Points in flight for each worker: one at work and one waiting, so that a killed run loses few."""


class Crew:
    """Points that are wanted, and the workers that work them out; use it in a `with` block.

    What the store has is not worked out again, and every result goes there as soon as it is done. Without an
    executor there is a thread for each of this machine's cores. Points of another process's claim are waited
    for. `total` is how many points there will be in all, for `progress`.
    """

    def __init__(
        self, store: Store, executor: Executor | None, progress: Progress | None, total: int
    ) -> None:
        self.results: dict[str, dict[str, Any]] = {}
        self._store, self._executor, self._progress, self._total = store, executor, progress, total
        self._tasks: dict[str, Task] = {}
        self._known = 0
        self._flying: dict[Future[dict[str, Any]], str] = {}
        self._began = self._refreshed = time.monotonic()
        self._open = contextlib.ExitStack()

    def __enter__(self) -> Crew:
        self._pool, self._width = self._open.enter_context(_workers(self._executor, self._total))
        return self

    def __exit__(self, *what: Any) -> None:
        for future in self._flying:
            future.cancel()
        self._open.__exit__(*what)

    @property
    def seconds_per_point(self) -> float:
        """What new points took on average, all in all; 0 if there was none."""
        new = len(self.results) - self._known
        return (time.monotonic() - self._began) / new if new else 0.0

    def want(self, tasks: Mapping[str, Task]) -> None:
        """Ask for points by key, beside those asked for before."""
        found = self._store.results([key for key in tasks if key not in self._tasks])
        self._tasks.update(tasks)
        self.results.update(found)
        self._known += len(found)
        self._tell(f"{self._known} known" if len(self.results) == self._known else self._rate())

    def wait(self, keys: Sequence[str]) -> None:
        """Keep the workers busy until every one of `keys` is there, wanted before.

        Raises `SweepError` if the workers of an executor died, and what a task raises.
        """
        try:
            while any(key not in self.results for key in keys):
                self._step()
        except BrokenExecutor as error:
            raise SweepError(f"the sweep's workers died: {error}; what was done is kept") from None

    def _step(self) -> None:
        store, flying = self._store, self._flying
        left = [key for key in self._tasks if key not in self.results]
        room = self._width - len(flying)
        if room > 0:
            ours = set(flying.values())
            for key in store.claim([key for key in left if key not in ours], room):
                flying[self._pool.submit(evaluate, self._tasks[key])] = key
        if not flying:
            # What is left is another process's work.
            time.sleep(_POLL_SECONDS)
            self.results.update(store.results(left))
            self._tell("waiting for another process")
            return
        done, _ = wait(flying, timeout=_POLL_SECONDS, return_when=FIRST_COMPLETED)
        for future in done:
            key = flying.pop(future)
            result = future.result()
            store.finish(key, result)
            self.results[key] = result
        if done:
            self._tell(self._rate())
        if time.monotonic() - self._refreshed > _REFRESH_SECONDS:
            self._refreshed = time.monotonic()
            store.refresh()
            ours = set(flying.values())
            self.results.update(store.results([key for key in left if key not in ours]))

    def _tell(self, what: str) -> None:
        if self._progress is not None:
            self._progress(len(self.results), self._total, what)

    def _rate(self) -> str:
        """Say how fast it goes, and how long the rest will take."""
        seconds = time.monotonic() - self._began
        rate = (len(self.results) - self._known) / seconds if seconds else 0.0
        remaining = (self._total - len(self.results)) / rate if rate else 0.0
        minutes, rest = divmod(round(remaining), 60)
        return f"{rate:.2f} points/s, {minutes}:{rest:02d} left"


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
