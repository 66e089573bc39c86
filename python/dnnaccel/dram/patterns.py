"""Streams of requests by rule: streaming, strided, random. They take no memory, however long they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dnnaccel.errors import DramError

__all__ = ["Pattern", "random", "streaming", "strided"]

_MOST = 2**50


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """Requests of `bytes` each, at addresses by rule.

    `order` is "strided" (each `stride` bytes after the one before, going round at the end of the range) or
    "random" (each at a random multiple of `bytes`). Addresses lie in `range_bytes` from `start`, by default
    to the end of the memory. `writes` is the share of writes, in steps of 1/1024, spread evenly. Requests
    arrive `interval` cycles apart; 0 is as fast as the memory takes them.
    """

    name: str
    order: str
    requests: int
    bytes: int
    stride: int = 0
    start: int = 0
    range_bytes: int | None = None
    writes: float = 0.0
    interval: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.order not in ("strided", "random"):
            raise DramError(f"pattern: order must be 'strided' or 'random', not {self.order!r}")
        for key, least in (("requests", 1), ("bytes", 1), ("stride", 0), ("start", 0), ("interval", 0)):
            value = getattr(self, key)
            if not isinstance(value, (int, np.integer)) or isinstance(value, bool):
                raise DramError(f"pattern: {key} must be a whole number, not {value!r}")
            if not least <= value <= _MOST:
                raise DramError(f"pattern: {key} must be {least} to 2^50, not {value}")
            object.__setattr__(self, key, int(value))
        if not 0 <= self.seed < 2**64:
            raise DramError(f"pattern: seed must be 0 to 2^64 - 1, not {self.seed}")
        if not 0 <= self.writes <= 1:
            raise DramError(f"pattern: writes must be a share between 0 and 1, not {self.writes}")

    @property
    def label(self) -> str:
        """What tables call it: its name, and what share of it is writes."""
        if self.writes in (0, 1):
            return f"{self.name} {'writes' if self.writes else 'reads'}"
        return f"{self.name}, {100 * self.writes:.0f} % writes"

    def range_in(self, capacity_bytes: int) -> int:
        """Return over how many bytes of a memory of `capacity_bytes` the addresses go."""
        span = capacity_bytes - self.start if self.range_bytes is None else self.range_bytes
        if self.start + span > capacity_bytes or span < self.bytes:
            raise DramError(
                f"pattern {self.name}: requests of {self.bytes} bytes in {span} bytes from {self.start} "
                f"do not fit in the memory's {capacity_bytes} bytes"
            )
        return span

    def addresses(self, capacity_bytes: int, limit: int | None = None) -> npt.NDArray[np.uint64]:
        """Return the addresses of the first `limit` requests; random ones are as random, but others."""
        count = self.requests if limit is None else min(limit, self.requests)
        span = self.range_in(capacity_bytes)
        if self.order == "random":
            draw = np.random.default_rng(self.seed)
            places: npt.NDArray[np.uint64] = draw.integers(0, span // self.bytes, count, dtype=np.uint64)
            drawn: npt.NDArray[np.uint64] = places * np.uint64(self.bytes) + np.uint64(self.start)
            return drawn
        found = np.empty(count, dtype=np.uint64)
        offset = 0
        for i in range(count):
            found[i] = self.start + offset
            offset = (offset + self.stride) % span
            if offset > span - self.bytes:
                offset = 0
        return found


def streaming(*, requests: int = 200_000, bytes: int = 64, writes: float = 0.0, start: int = 0) -> Pattern:
    """Return requests one behind the other."""
    return Pattern(
        name="streaming",
        order="strided",
        requests=requests,
        bytes=bytes,
        stride=bytes,
        start=start,
        writes=writes,
    )


def strided(
    stride: int, *, requests: int = 200_000, bytes: int = 64, writes: float = 0.0, start: int = 0
) -> Pattern:
    """Return requests `stride` bytes apart."""
    return Pattern(
        name=f"strided {stride}",
        order="strided",
        requests=requests,
        bytes=bytes,
        stride=stride,
        start=start,
        writes=writes,
    )


def random(
    *,
    requests: int = 200_000,
    bytes: int = 64,
    writes: float = 0.0,
    seed: int = 0,
    range_bytes: int | None = None,
) -> Pattern:
    """Return requests at random multiples of their size."""
    return Pattern(
        name="random",
        order="random",
        requests=requests,
        bytes=bytes,
        writes=writes,
        seed=seed,
        range_bytes=range_bytes,
    )
