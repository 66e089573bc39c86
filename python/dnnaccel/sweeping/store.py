"""Results of a sweep's points in a SQLite file, which several processes may fill at a time.

A point is written in one transaction when it is done, so a process that is killed loses only what it was at
work on. Before that it is claimed, so that two processes on one file share the points between them; what a
dead process had claimed is free again.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sqlite3
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from dnnaccel.errors import SweepError
from dnnaccel.sweeping.work import is_result

__all__ = ["Store", "open_store"]

_FORMAT = 1
_APPLICATION = 0x646E6E61  # "dnna"
_WAIT_SECONDS = 60.0
_LEASE_SECONDS = 120.0
"""After this long without a sign of life a claim of another machine's process is free."""
_MAX_TEXT = 1 << 20
_TABLES = """
CREATE TABLE IF NOT EXISTS points (key TEXT PRIMARY KEY, result TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS claims (key TEXT PRIMARY KEY, host TEXT, pid INTEGER, began REAL, seen REAL)
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS notes (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""


class Store:
    """Finished points by key. Use it in a `with` block; raises `SweepError` for a file that is no store."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.fspath(path)
        self._owner = (socket.gethostname(), os.getpid(), time.time())
        try:
            if not Path(path).parent.is_dir():
                raise SweepError(f"cannot keep a sweep in {self._path}: there is no directory for it")
            self._file = sqlite3.connect(self._path, timeout=_WAIT_SECONDS, isolation_level=None)
            self._prepare()
        except sqlite3.Error as error:
            raise self._unusable(error) from None

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give back what this process had claimed, and close the file."""
        with contextlib.suppress(sqlite3.Error):
            self._file.execute("DELETE FROM claims WHERE host = ? AND pid = ? AND began = ?", self._owner)
        self._file.close()

    def results(self, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return what is finished of `keys`; what cannot be read is forgotten, and so worked out again."""
        found: dict[str, dict[str, Any]] = {}
        with self._errors():
            for chunk in _chunks(keys):
                marks = ",".join("?" * len(chunk))
                rows = self._file.execute(f"SELECT key, result FROM points WHERE key IN ({marks})", chunk)
                for key, text in rows.fetchall():
                    if (result := _read(text)) is not None:
                        found[key] = result
                    else:
                        self._file.execute("DELETE FROM points WHERE key = ?", (key,))
        return found

    def claim(self, keys: Sequence[str], most: int) -> list[str]:
        """Take up to `most` of `keys` that are neither finished nor a living process's, in their order."""
        taken: list[str] = []
        with self._errors(), self._transaction():
            for chunk in _chunks(keys):
                marks = ",".join("?" * len(chunk))
                done = {
                    k for (k,) in self._file.execute(f"SELECT key FROM points WHERE key IN ({marks})", chunk)
                }
                held = {
                    key: owner
                    for key, *owner in self._file.execute(
                        f"SELECT key, host, pid, began, seen FROM claims WHERE key IN ({marks})", chunk
                    )
                }
                for key in chunk:
                    if len(taken) == most:
                        return taken
                    if key in done or (key in held and self._alive(*held[key])):
                        continue
                    self._file.execute(
                        "INSERT OR REPLACE INTO claims VALUES (?, ?, ?, ?, ?)",
                        (key, *self._owner, time.time()),
                    )
                    taken.append(key)
        return taken

    def refresh(self) -> None:
        """Tell other machines that this process still works on what it claimed."""
        with self._errors():
            self._file.execute(
                "UPDATE claims SET seen = ? WHERE host = ? AND pid = ? AND began = ?",
                (time.time(), *self._owner),
            )

    def finish(self, key: str, result: dict[str, Any]) -> None:
        """Keep a point's result; of two for one key the first stays."""
        with self._errors(), self._transaction():
            self._file.execute(
                "INSERT OR IGNORE INTO points VALUES (?, ?)", (key, json.dumps(result, allow_nan=False))
            )
            self._file.execute("DELETE FROM claims WHERE key = ?", (key,))

    def note(self, key: str) -> dict[str, Any] | None:
        """Return what was noted under `key` beside the points, None if nothing sound was."""
        with self._errors():
            row = self._file.execute("SELECT value FROM notes WHERE key = ?", (key,)).fetchone()
        return None if row is None else _parsed(row[0])

    def keep_note(self, key: str, value: dict[str, Any]) -> None:
        """Note `value` under `key`; what does not fit the points, but must be the same in the next run."""
        with self._errors():
            text = json.dumps(value, allow_nan=False)
            self._file.execute("INSERT OR REPLACE INTO notes VALUES (?, ?)", (key, text))

    def _prepare(self) -> None:
        (application,) = self._file.execute("PRAGMA application_id").fetchone()
        (version,) = self._file.execute("PRAGMA user_version").fetchone()
        (tables,) = self._file.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if tables and (application, version) != (_APPLICATION, _FORMAT):
            raise SweepError(f"{self._path} is a database, but no sweep's (or another version's)")
        # Readers and the writer do not wait for each other, and a crash leaves the last whole state.
        self._file.execute("PRAGMA journal_mode = WAL")
        self._file.execute("PRAGMA synchronous = NORMAL")
        with self._transaction():
            for statement in filter(str.strip, _TABLES.split(";")):
                self._file.execute(statement)
            self._file.execute(f"PRAGMA application_id = {_APPLICATION}")
            self._file.execute(f"PRAGMA user_version = {_FORMAT}")

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._file.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._file.execute("ROLLBACK")
            raise
        self._file.execute("COMMIT")

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._unusable(error) from None

    def _unusable(self, error: sqlite3.Error) -> SweepError:
        return SweepError(f"cannot keep a sweep in {self._path}: {error}")

    def _alive(self, host: str, pid: int, began: float, seen: float) -> bool:
        if (host, pid, began) == self._owner:
            return True
        if host != self._owner[0]:
            return time.time() - seen < _LEASE_SECONDS
        if pid == self._owner[1]:
            return False  # an earlier process of the same number
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        except OSError:
            pass
        return time.time() - seen < _LEASE_SECONDS


@contextlib.contextmanager
def open_store(path: str | os.PathLike[str] | None) -> Iterator[Store]:
    """Give the store of a file, or one that is gone afterwards."""
    if path is not None:
        with Store(path) as store:
            yield store
        return
    with (
        tempfile.TemporaryDirectory(prefix="dnnaccel-") as place,
        Store(os.path.join(place, "sweep")) as store,
    ):
        yield store


def _chunks(keys: Sequence[str], size: int = 500) -> Iterable[Sequence[str]]:
    return (keys[start : start + size] for start in range(0, len(keys), size))


def _read(text: object) -> dict[str, Any] | None:
    """Return a stored result; None, so that it is worked out again, for what is none."""
    result = _parsed(text)
    return result if is_result(result) else None


def _parsed(text: object) -> dict[str, Any] | None:
    """Return the object that stored JSON text is, None if it is none."""
    if not isinstance(text, str) or len(text) > _MAX_TEXT:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
