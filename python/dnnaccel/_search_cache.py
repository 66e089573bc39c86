"""What searches found, kept in files that spare the next run the search.

A file is read as if anyone might have written it: what is cut short, altered or out of date is not there.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import itertools
import json
import math
import os
import re
import secrets
import stat
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dnnaccel import _core

__all__ = [
    "Answer",
    "Cache",
    "Point",
    "Recent",
    "atlas_store",
    "directory",
    "fingerprint",
    "key_of",
    "open_cache",
    "recent",
]

MAX_ENTRY_BYTES = 256 * 1024
"""Largest answer that is stored or read: a front of about a thousand mappings."""

MAX_ENTRIES = 65536
MAX_BYTES = 256 * 10**6
"""What the cache holds at most, or little more; the oldest answers go first. A sweep of a thousand chips
leaves some ten thousand."""

_KEPT = 0.9  # after a clean-up, so that the next one is some time away
_TIDY_SECONDS = 60.0  # between two looks of a process at all files
_tidied: dict[Path, float] = {}
_ABANDONED_SECONDS = 3600.0  # a temporary file of that age belongs to a process that was killed
_MAX_LOOPS = 64  # in one level of a stored mapping
_NAME = re.compile(r"[0-9a-f]{64}\.json")
_TEMPORARY = re.compile(r"\.[0-9a-f]{64}\.[0-9a-f]{16}\.tmp")
_HEAD = b'{"checksum":"%s","entry":'


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


def directory() -> Path | None:
    """Return where answers are kept, None for nowhere.

    The variable DNNACCEL_CACHE names a directory, or "0" or "off"; else it is the platform's for caches.
    """
    wanted = os.environ.get("DNNACCEL_CACHE", "").strip()
    if wanted.lower() in ("0", "off"):
        return None
    try:
        if wanted:
            return Path(wanted).expanduser().absolute()
        if sys.platform == "darwin":
            return Path.home() / "Library" / "Caches" / "dnnaccel"
        base = Path(os.environ.get("XDG_CACHE_HOME", ""))
        return (base if base.is_absolute() else Path.home() / ".cache") / "dnnaccel"
    except (OSError, RuntimeError):  # nobody is at home
        return None


def atlas_store() -> Path | None:
    """Return the file in which atlases are kept unless they are given another, None for nowhere."""
    place = directory()
    return None if place is None else place / "atlas.sqlite"


def open_cache() -> Cache | None:
    """Return the cache of this machine's user, or None where there is none."""
    place = directory()
    return None if place is None or fingerprint() is None else Cache(place / "searches")


@functools.cache
def fingerprint() -> str | None:
    """Return what tells this build of the package from others, None if the core cannot be read."""
    try:
        core = Path(_core.__file__).read_bytes()
    except (OSError, AttributeError, TypeError):
        return None
    return f"{_core.__version__} {hashlib.sha256(core).hexdigest()}"


def key_of(described: object) -> str:
    """Return the key of a job: a hash of everything that its answer depends on, as plain data."""
    return hashlib.sha256(_canonical(described)).hexdigest()


def _canonical(data: object) -> bytes:
    return json.dumps(data, sort_keys=True, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class Cache:
    """Answers in the files of one directory, which several processes may use at a time.

    No method fails: what cannot be read is not there, and what cannot be written is not kept.
    """

    place: Path

    def load(
        self, key: str, problem: _core.Problem, architecture: _core.Architecture, sparsity: _core.Sparsity
    ) -> Answer | None:
        """Return the answer stored under `key`, or None.

        Each of its mappings is costed again and must come out as stored.
        """
        data = _read(self.place / f"{key}.json")
        if data is None:
            return None
        try:
            entry = _open_seal(data)
            if entry["key"] != key:
                return None
            return _restored(entry, problem, architecture, sparsity)
        except (ValueError, TypeError, KeyError, IndexError, OverflowError, RecursionError):
            return None

    def store(self, key: str, answer: Answer) -> bool:
        """Write an answer so that a reader sees it whole or not at all; return whether it is there now."""
        if answer.best is None:
            return False  # why there is no mapping cannot be checked when it is read
        entry = {
            "key": key,
            "optimal": answer.optimal,
            "evaluated": answer.evaluated,
            "pruned": answer.pruned,
            "mapspace": answer.mapspace,
            "bound": answer.bound,
            "best": answer.best.levels,
            "pareto": [[point.energy, point.cycles, point.mapping.levels] for point in answer.pareto],
        }
        data = _seal(_canonical(entry))
        if len(data) > MAX_ENTRY_BYTES:
            return False
        temporary = self.place / f".{key}.{secrets.token_hex(8)}.tmp"
        try:
            self.place.mkdir(parents=True, exist_ok=True, mode=0o700)
            try:
                with open(temporary, "xb") as file:
                    file.write(data)
                os.replace(temporary, self.place / f"{key}.json")
            finally:
                temporary.unlink(missing_ok=True)
        except OSError:
            return False
        return True

    def size(self) -> tuple[int, int]:
        """Return how many answers are stored, and their bytes."""
        files = list(self._files())
        return len(files), sum(size for _, size, _ in files)

    def clear(self) -> tuple[int, int]:
        """Remove every answer; return how many there were, and their bytes."""
        removed = [size for name, size, _ in self._files() if self._remove(name)]
        self._sweep(0.0)
        return len(removed), sum(removed)

    def tidy(self) -> None:
        """Trim, unless this process has just done so: to look at thousands of answers takes a while."""
        now = time.monotonic()
        if now - _tidied.get(self.place, -math.inf) > _TIDY_SECONDS:
            _tidied[self.place] = now
            self.trim()

    def trim(self) -> None:
        """Remove the oldest answers if there are more than the cache may hold."""
        files = sorted(self._files(), key=lambda file: file[2])
        count, total = len(files), sum(size for _, size, _ in files)
        if count <= MAX_ENTRIES and total <= MAX_BYTES:
            return
        for name, size, _ in files:
            if count <= _KEPT * MAX_ENTRIES and total <= _KEPT * MAX_BYTES:
                break
            self._remove(name)
            count, total = count - 1, total - size
        self._sweep(_ABANDONED_SECONDS)

    def _files(self, pattern: re.Pattern[str] = _NAME) -> Iterator[tuple[str, int, float]]:
        """Give name, bytes and time of every file that this class wrote; others are none of its business."""
        with contextlib.suppress(OSError), os.scandir(self.place) as entries:
            for entry in entries:
                if not pattern.fullmatch(entry.name):
                    continue
                with contextlib.suppress(OSError):
                    facts = entry.stat(follow_symlinks=False)
                    yield entry.name, facts.st_size, facts.st_mtime

    def _sweep(self, age: float) -> None:
        """Remove temporary files that are at least `age` seconds old."""
        for name, _, written in self._files(_TEMPORARY):
            if time.time() - written >= age:
                self._remove(name)

    def _remove(self, name: str) -> bool:
        try:
            (self.place / name).unlink()
        except OSError:
            return False
        return True


class Recent:
    """The last answers of this process, for any number of its threads: a `Cache` without files."""

    def __init__(self, most: int = 1024) -> None:
        self._most = most
        self._answers: dict[str, Answer] = {}
        self._lock = threading.Lock()

    def load(self, key: str, *_: object) -> Answer | None:
        """Return the answer stored under `key`, or None."""
        return self._answers.get(key)

    def store(self, key: str, answer: Answer) -> bool:
        """Keep an answer, in place of the oldest if there are too many; never in a file, which is False."""
        with self._lock:
            self._answers[key] = answer
            while len(self._answers) > self._most:
                del self._answers[next(iter(self._answers))]
        return False

    def tidy(self) -> None:
        """Do nothing: `store` keeps within bounds."""


recent = Recent()
"""What this process's quick searches found."""


def _read(path: Path) -> bytes | None:
    """Return what is in a plain file of modest size; a pipe, a link or a device is not waited for."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        with open(handle, "rb") as file:
            facts = os.fstat(handle)
            if not stat.S_ISREG(facts.st_mode) or facts.st_size > MAX_ENTRY_BYTES:
                return None
            return file.read(MAX_ENTRY_BYTES)
    except OSError:
        return None


def _seal(entry: bytes) -> bytes:
    return _HEAD % hashlib.sha256(entry).hexdigest().encode() + entry + b"}\n"


def _open_seal(data: bytes) -> dict[str, Any]:
    """Return the entry of a file's bytes; raises `ValueError` if they are not as they were written."""
    entry = data[len(_seal(b"")) - 2 : -2]
    if _seal(entry) != data:
        raise ValueError("the checksum is wrong")
    read = json.loads(entry)
    if not isinstance(read, dict):
        raise TypeError("an entry is a mapping of names to values")
    return read


def _restored(
    entry: dict[str, Any],
    problem: _core.Problem,
    architecture: _core.Architecture,
    sparsity: _core.Sparsity,
) -> Answer:
    """Return a stored answer; raises what `Cache.load` catches if it is not true of the job."""
    best = _mapping(entry["best"])
    points = tuple(
        Point(_real(energy), _natural(cycles), best if levels == entry["best"] else _mapping(levels))
        for energy, cycles, levels in _sequence(entry["pareto"])
    )

    def cost(mapping: _core.Mapping) -> tuple[float, int]:
        found = _core.evaluate(problem, architecture, mapping, sparsity)
        if found.misfit is not None:
            raise ValueError("a mapping does not fit")
        return found.cost.energy, found.cost.cycles

    stated = {(point.energy, point.cycles): point.mapping for point in points}
    if any(cost(mapping) != figures for figures, mapping in stated.items()):
        raise ValueError("a mapping does not cost what it is said to")
    if not any(mapping is best for mapping in stated.values()) and cost(best) not in stated:
        raise ValueError("the best mapping is not on the front")
    for before, after in itertools.pairwise(points):
        if not (before.energy < after.energy and before.cycles > after.cycles):
            raise ValueError("that is no front")
    if not isinstance(entry["optimal"], bool):
        raise TypeError("optimal is true or false")
    return Answer(
        best=best,
        optimal=entry["optimal"],
        evaluated=_natural(entry["evaluated"]),
        pruned=_natural(entry["pruned"]),
        mapspace=_real(entry["mapspace"]),
        bound=_real(entry["bound"]),
        pareto=points,
    )


def _mapping(levels: object) -> _core.Mapping:
    read = []
    for loops, keeps in _sequence(levels):
        if len(_sequence(loops)) > _MAX_LOOPS:
            raise ValueError("a level has too many loops")
        read.append(
            ([(_natural(d), _natural(tile), _natural(axis)) for d, tile, axis in loops], _natural(keeps))
        )
    return _core.Mapping(read)


def _sequence(value: object) -> Sequence[Any]:
    if not isinstance(value, list):
        raise TypeError("a list is missing")
    return value


def _natural(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
        raise ValueError("a count is missing")
    return value


def _real(value: object) -> float:
    if not isinstance(value, float) or not math.isfinite(value):
        raise ValueError("a number is missing")
    return value
