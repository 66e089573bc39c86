"""What this machine allows at most: its peak, and the bandwidth of each of its memories."""

from __future__ import annotations

from dataclasses import dataclass

from dnnaccel import _core
from dnnaccel.arch.host import HostFigures
from dnnaccel.benchmark.shapes import Shape, bytes_of

__all__ = ["Limits", "MemoryLimit", "measure_limits", "measure_peak"]

_PEAK_TRIES = 15
_PEAK_SECONDS = 0.02
_SECONDS = 0.1
"""For each bandwidth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryLimit:
    """The bandwidths of a memory in bytes a second, of all threads together, and what it holds for them."""

    name: str
    size_bytes: int | None
    read: float
    write: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The peak of `threads` threads in fp32 operations a second (a MAC is two), and their memories'."""

    threads: int
    peak: float
    memories: tuple[MemoryLimit, ...]
    """The innermost first; DRAM, of no size, is the last."""

    def home(self, shape: Shape) -> MemoryLimit:
        """Return the innermost memory that holds all of a layer's values: where it lies when run again."""
        total = sum(bytes_of(shape))
        return next(m for m in self.memories if m.size_bytes is None or total <= m.size_bytes)

    def seconds(self, shape: Shape) -> tuple[float, str]:
        """Return the least time that a layer can take, and what it waits for: "compute" or a memory."""
        home = self.home(shape)
        read, written = bytes_of(shape)
        moving = read / home.read + written / home.write
        computing = 2 * shape.macs / self.peak
        return (computing, "compute") if computing >= moving else (moving, home.name)


def measure_peak(threads: int) -> float:
    """Return fp32 operations a second: multiply-adds from registers alone, the best of some tries of one."""
    tries = (_core.measure_host([(1 << 18, 1)], _PEAK_SECONDS).macs_per_second for _ in range(_PEAK_TRIES))
    return 2 * max(tries) * threads


def measure_limits(figures: HostFigures, threads: int) -> Limits:
    """Measure the peak and the bandwidths of `threads` threads, in about a second.

    The peak is of multiply-adds from registers alone, the best of several tries, times the threads. A
    bandwidth is the best pass over half a cache, or for DRAM over four times the outermost one.
    """
    # Each thread has a private cache of its own; they share the others.
    copies = [threads if memory.shared_by == 1 else 1 for memory in figures.memories]
    sets = [
        (memory.working_set_bytes * count, threads)
        for memory, count in zip(figures.memories, copies, strict=True)
    ]
    raw = _core.measure_host(sets, _SECONDS)
    return Limits(
        threads=threads,
        peak=measure_peak(threads),
        memories=tuple(
            MemoryLimit(
                name=memory.name,
                size_bytes=None if memory.size_bytes is None else memory.size_bytes * count,
                read=read,
                write=write,
            )
            for memory, count, (read, write) in zip(figures.memories, copies, raw.bandwidths, strict=True)
        ),
    )
