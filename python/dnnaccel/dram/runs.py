"""Simulations of a DRAM: a stream of requests in, a report out."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dnnaccel import _core
from dnnaccel.dram import patterns
from dnnaccel.dram.limits import Limit, bound, refresh_share, row_miss
from dnnaccel.dram.memory import Dram
from dnnaccel.dram.patterns import Pattern
from dnnaccel.dram.report import Command, DramReport, DramTable
from dnnaccel.errors import DramError

__all__ = ["policy", "simulate", "survey", "usual_patterns"]

LOG_LIMIT = 1_000_000
"""Longest log of commands that is kept."""
_SAMPLED = 1 << 17
"""Requests of a pattern that its limit is computed from."""

Progress = Callable[[int, int], bool | None]
"""Called with requests done and requests in all; False ends the run there."""
Numbers = npt.ArrayLike


def policy(
    *, window: int = 64, batch: int = 48, max_hits: int = 128, closed_page: bool = False
) -> _core.DramPolicy:
    """Return how the controller decides: see `simulate`."""
    many = 2**31
    for name, value, most in (("window", window, 4096), ("batch", batch, many), ("max_hits", max_hits, many)):
        if not isinstance(value, int) or not 1 <= value <= most:
            raise DramError(f"{name} must be a whole number from 1 to {most}, not {value!r}")
    return _core.DramPolicy(window=window, batch=batch, max_hits=max_hits, closed_page=bool(closed_page))


def simulate(
    dram: Dram,
    requests: Pattern | Numbers,
    *,
    bytes: Numbers = 64,
    writes: Numbers = False,
    arrivals: Numbers | None = None,
    window: int = 64,
    batch: int = 48,
    max_hits: int = 128,
    closed_page: bool = False,
    refresh: bool = True,
    limit: bool = True,
    log: bool = False,
    keep_finish: bool = False,
    progress: Progress | None = None,
) -> DramReport:
    """Return what `dram` does with `requests`: a pattern, or an array of addresses.

    With addresses come their `bytes` and `writes`, one for all or one for each, and `arrivals` in cycles, by
    default all at the start. Requests are taken in order; up to `window` bursts wait in each channel and may
    be reordered. Reads and writes go in batches of `batch` while the other kind waits; a row is left after
    `max_hits` bursts while its bank's oldest wants another; `closed_page` closes rows that nothing waits for.

    `limit` computes what the timing allows a pattern's addresses, with refreshes, for the report to have.
    `log` keeps every command, `keep_finish` the cycle by which each request's last data had moved.
    Raises `DramError` for requests outside the memory; Ctrl-C ends it.
    """
    how = _How(
        spec=dram.lowered(refresh=refresh),
        policy=policy(window=window, batch=batch, max_hits=max_hits, closed_page=closed_page),
        log_limit=LOG_LIMIT if log else 0,
        keep_finish=keep_finish,
        progress=progress,
    )
    if not isinstance(requests, Pattern):
        return report_of(dram, "addresses", _run_arrays(how, requests, bytes, writes, arrivals), None)
    run = _run_pattern(how, requests, dram.organization.capacity_bytes)
    allowed = _limit_of(dram, requests) if limit and refresh else None
    return report_of(dram, requests.label, run, allowed)


def survey(
    drams: Sequence[Dram],
    *,
    chosen: Sequence[Pattern] | None = None,
    requests: int = 200_000,
    window: int = 64,
    closed_page: bool = False,
    progress: Callable[[int, int, str], None] | None = None,
) -> DramTable:
    """Return patterns on each of `drams`, beside what its data sheet allows.

    Without `chosen`, those of `usual_patterns`. `progress` is called with what is done of what, in
    requests, and its name.
    """
    jobs = [(dram, pattern) for dram in drams for pattern in chosen or usual_patterns(dram, requests)]
    total = sum(pattern.requests for _, pattern in jobs)
    reports: list[DramReport] = []
    for dram, pattern in jobs:

        def watch(done: int, _: int, what: str = f"{dram.name} {pattern.label}") -> None:
            if progress is not None:
                progress(done + sum(report.requests for report in reports), total, what)

        report = simulate(dram, pattern, window=window, closed_page=closed_page, progress=watch)
        reports.append(report)
    remarks = []
    for dram in drams:
        miss = row_miss(dram)
        remarks.append(
            f"{dram.name}: refreshes leave {100 * refresh_share(dram):.1f} % of the time; a new row for "
            f"every burst of {dram.organization.burst_bytes} bytes allows {miss.gb_per_s:.2f} GB/s "
            f"({miss.gate})"
        )
    remarks.append("limit: what the gates allow these addresses in order, with refreshes, in one direction")
    return DramTable(reports=tuple(reports), remarks=remarks)


def usual_patterns(dram: Dram, requests: int = 200_000) -> tuple[Pattern, ...]:
    """Return streaming, strided and random patterns that show what `dram` is good and bad at.

    The longer stride is the one that meets the same bank in another row each time.
    """
    sizes = dram.organization
    size = max(64, sizes.burst_bytes)
    same_bank = sizes.capacity_bytes // sizes.rows
    third = 1 / 3
    return (
        patterns.streaming(requests=requests, bytes=size),
        patterns.streaming(requests=requests, bytes=size, writes=1.0),
        patterns.streaming(requests=requests, bytes=size, writes=third),
        patterns.strided(4096, requests=requests, bytes=size),
        patterns.strided(same_bank, requests=requests, bytes=size),
        patterns.random(requests=requests, bytes=size),
        patterns.random(requests=requests, bytes=size, writes=third),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _How:
    """What a run needs beside its requests."""

    spec: _core.DramSpec
    policy: _core.DramPolicy
    log_limit: int
    keep_finish: bool
    progress: Progress | None

    def counted(self, total: int) -> Callable[[int], bool | None] | None:
        """Return what the core calls with requests done of `total`."""
        progress = self.progress
        return None if progress is None else lambda done: progress(done, total)


@contextlib.contextmanager
def _core_errors() -> Iterator[None]:
    """Raise what the core refuses as `DramError`."""
    try:
        yield
    except ValueError as error:
        if not str(error).startswith("DRAM"):
            raise  # what `progress` raised
        raise DramError(str(error).removeprefix("DRAM: ")) from None


def _run_pattern(how: _How, pattern: Pattern, capacity_bytes: int) -> _core.DramRun:
    span = pattern.range_in(capacity_bytes)
    with _core_errors():
        return _core.dram_run_pattern(
            how.spec,
            how.policy,
            order=pattern.order,
            requests=pattern.requests,
            bytes=pattern.bytes,
            stride=pattern.stride,
            start=pattern.start,
            range=span,
            writes_per_1024=round(pattern.writes * 1024),
            interval=pattern.interval,
            seed=pattern.seed,
            log_limit=how.log_limit,
            keep_finish=how.keep_finish,
            progress=how.counted(pattern.requests),
        )


def _run_arrays(
    how: _How, requests: Numbers, bytes: Numbers, writes: Numbers, arrivals: Numbers | None
) -> _core.DramRun:
    addresses = _numbers("addresses", requests, None)
    total = len(addresses)
    directions = np.asarray(writes)
    if directions.dtype != bool or directions.shape not in ((), (total,)):
        raise DramError("writes must be True or False, one for all requests or one for each")
    sizes = _numbers("bytes", bytes, total)
    times = None if arrivals is None else _numbers("arrivals", arrivals, total)
    with _core_errors():
        return _core.dram_run_arrays(
            how.spec,
            how.policy,
            addresses=addresses,
            bytes=sizes,
            writes=np.ascontiguousarray(np.broadcast_to(directions, total)),
            arrivals=times,
            log_limit=how.log_limit,
            keep_finish=how.keep_finish,
            progress=how.counted(total),
        )


def _numbers(name: str, values: Numbers, count: int | None) -> npt.NDArray[np.uint64]:
    """Return `values` as whole numbers, one for each request."""
    given = np.asarray(values)
    if given.dtype.kind not in "iu":
        raise DramError(f"{name} must be whole numbers, not {given.dtype}")
    if given.ndim > 1 or (count is None and given.ndim != 1):
        raise DramError(f"{name} must be an array of one axis, not of shape {given.shape}")
    if given.size and given.dtype.kind == "i" and int(given.min()) < 0:
        raise DramError(f"{name} must not be negative; the least is {int(given.min())}")
    if count is not None and given.ndim == 1 and len(given) != count:
        raise DramError(f"{name}: {len(given)} of them for {count} requests")
    whole = given.astype(np.uint64)
    return np.ascontiguousarray(whole if count is None else np.broadcast_to(whole, count))


def _limit_of(dram: Dram, pattern: Pattern) -> Limit:
    addresses = pattern.addresses(dram.organization.capacity_bytes, limit=_SAMPLED)
    return bound(dram, addresses, pattern.bytes)


def report_of(dram: Dram, pattern: str, run: _core.DramRun, limit: Limit | None = None) -> DramReport:
    """Return what the core says of a run, with names and units."""
    log = run.log
    finish = run.finish
    return DramReport(
        memory=dram.name,
        pattern=pattern,
        clock_mhz=dram.clock_mhz,
        peak_gb_per_s=dram.peak_gb_per_s,
        burst_bytes=dram.organization.burst_bytes,
        energy_by_kind_pj=run.energy_pj,
        limit=limit,
        log=tuple(
            Command(cycle=cycle, channel=channel, kind=kind, bank=bank, row=row)
            for cycle, channel, kind, bank, row in log
        )
        if log
        else None,
        finish=finish if len(finish) else None,
        **run.counts,
    )
