"""What a benchmark found: a row for each layer and number of threads."""

from __future__ import annotations

import json
import math
import os
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dnnaccel._rows import Row, csv_text, dataframe, html_table
from dnnaccel._text import DEFAULT_WIDTH, Column, layout
from dnnaccel._units import NONE, percent, quantity
from dnnaccel.benchmark.limits import Limits

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["OURS", "Benchmark", "Timing"]

OURS = "dnnaccel"
_SMALL_MACS = 5e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """One layer, timed with one number of threads.

    `seconds` has the turns of each library, each the mean of the calls in it; `limit_seconds` is the least
    time that the machine allows, `bound_by` what that is for, and `predicted_seconds` what the cost model
    gives for `host_cpu` under the tiling that our plan uses.
    """

    layer: str
    shape: str
    kind: str
    threads: int
    macs: int
    bytes: int
    algorithm: str
    seconds: dict[str, tuple[float, ...]]
    limit_seconds: float
    bound_by: str
    peak: float
    predicted_seconds: float | None

    @property
    def best_seconds(self) -> float:
        """Our best turn."""
        return min(self.seconds[OURS])

    @property
    def flops_per_second(self) -> float:
        """Operations a second in our best turn; a MAC is two, and one with padding counts."""
        return 2 * self.macs / self.best_seconds

    @property
    def peak_fraction(self) -> float:
        """Our best turn's share of the peak."""
        return self.flops_per_second / self.peak

    @property
    def limit_fraction(self) -> float:
        """The least possible time over our best."""
        return self.limit_seconds / self.best_seconds

    @property
    def best_peer(self) -> str | None:
        """The fastest of the others, by best turns, if there are any."""
        others = (name for name in self.seconds if name != OURS)
        return min(others, key=lambda name: min(self.seconds[name]), default=None)

    def ratio(self, of: Callable[[Sequence[float]], float] = min) -> float | None:
        """Return our speed over the fastest other's, by best turns or by medians."""
        peer = self.best_peer
        return None if peer is None else of(self.seconds[peer]) / of(self.seconds[OURS])

    def to_row(self) -> Row:
        """Return the timing as one flat row, seconds of every library included."""
        row: Row = {
            "layer": self.layer,
            "shape": self.shape,
            "kind": self.kind,
            "threads": self.threads,
            "macs": self.macs,
            "bytes": self.bytes,
            "algorithm": self.algorithm,
            "min_seconds": self.best_seconds,
            "median_seconds": statistics.median(self.seconds[OURS]),
            "flops_per_second": self.flops_per_second,
            "peak_fraction": self.peak_fraction,
            "bound_by": self.bound_by,
            "limit_seconds": self.limit_seconds,
            "limit_fraction": self.limit_fraction,
            "predicted_seconds": self.predicted_seconds,
            "best_peer": self.best_peer,
            "ratio": self.ratio(),
            "ratio_of_medians": self.ratio(statistics.median),
        }
        return row

    def to_dict(self) -> dict[str, Any]:
        """Return the row with the turns of every library."""
        return self.to_row() | {"seconds": {name: list(turns) for name, turns in self.seconds.items()}}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Benchmark:
    """All timings of one run, and what the machine allows."""

    processor: str
    isa: str
    clock: str
    """"wall" or "CPU": which time."""
    rounds: int
    limits: tuple[Limits, ...]
    """For each number of threads."""
    timings: tuple[Timing, ...]
    missing: tuple[str, ...] = ()
    """Libraries that are not installed, and so were not timed."""

    def to_text(self, *, width: int = DEFAULT_WIDTH, layers: bool = True) -> str:
        """Return the machine's limits, a table of layers for each number of threads, and means by kind."""
        parts = [self._machine()]
        for limits in self.limits:
            timings = [timing for timing in self.timings if timing.threads == limits.threads]
            if layers:
                parts.append(layout(_layer_columns(timings), width=width))
            parts.append(layout(_kind_columns(timings), width=width))
        return "\n\n".join(parts) + "\n"

    def _machine(self) -> str:
        lines = [
            f"{self.processor}, {self.isa} kernels; {self.clock} time, best and median of {self.rounds} turns"
        ]
        for limits in self.limits:
            speeds = ", ".join(
                f"{memory.name} {memory.read * 1e-9:.0f} / {memory.write * 1e-9:.0f}"
                for memory in limits.memories
            )
            lines.append(
                f"{limits.threads} thread{'s' * (limits.threads != 1)}: peak "
                f"{limits.peak * 1e-9:.0f} GFLOP/s; GB/s read / written: {speeds}"
            )
        lines += [f"{name} is not installed, and was not timed" for name in self.missing]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain numbers and strings."""
        return {
            "processor": self.processor,
            "isa": self.isa,
            "clock": self.clock,
            "rounds": self.rounds,
            "limits": [
                {
                    "threads": limits.threads,
                    "peak_flops_per_second": limits.peak,
                    "memories": [
                        {
                            "name": memory.name,
                            "size_bytes": memory.size_bytes,
                            "read_bytes_per_second": memory.read,
                            "write_bytes_per_second": memory.write,
                        }
                        for memory in limits.memories
                    ],
                }
                for limits in self.limits
            ],
            "timings": [timing.to_dict() for timing in self.timings],
            "missing": list(self.missing),
        }

    def to_json(self) -> str:
        """Return everything as JSON text."""
        return json.dumps(self.to_dict(), indent=2) + "\n"

    def to_rows(self) -> list[Row]:
        """Return one flat row for each timing."""
        return [timing.to_row() for timing in self.timings]

    def to_csv(self) -> str:
        """Return the rows as CSV text."""
        return csv_text(self.to_rows())

    def to_dataframe(self) -> pd.DataFrame:
        """Return the rows as a pandas frame."""
        return dataframe(self.to_rows())

    def plot(self, path: str | os.PathLike[str] | None = None, *, width: str = "page") -> Figure:
        """Draw the layers under the machine's roofline, and save it to `path` if given; see `Report.plot`."""
        from dnnaccel.benchmark.roofline import draw_roofline
        from dnnaccel.report.plots.kind import Kind, draw

        return draw(self, {"roofline": Kind(draw=draw_roofline)}, "roofline", path, width=width)

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        threads = ", ".join(str(limits.threads) for limits in self.limits)
        return f"Benchmark({len(self.timings)} timings with {threads} threads on {self.processor})"

    def _repr_html_(self) -> str:
        return html_table({column.header: column.cells for column in _layer_columns(self.timings)})


def _layer_columns(timings: Sequence[Timing]) -> list[Column]:
    columns = [
        Column("layer", [timing.layer for timing in timings], left=True),
        Column("shape", [timing.shape for timing in timings], left=True),
        Column("M MACs", [f"{timing.macs / 1e6:.1f}" for timing in timings]),
        Column("time", [_time(timing.best_seconds) for timing in timings]),
        Column("median", [_time(statistics.median(timing.seconds[OURS])) for timing in timings]),
        Column("GFLOP/s", [f"{timing.flops_per_second * 1e-9:.1f}" for timing in timings]),
        Column("% of peak", [percent(timing.peak_fraction) for timing in timings]),
        Column("bound by", [timing.bound_by for timing in timings], left=True),
        Column("% of limit", [percent(timing.limit_fraction) for timing in timings]),
    ]
    if any(timing.predicted_seconds is not None for timing in timings):
        columns.append(
            Column(
                "predicted",
                [NONE if t.predicted_seconds is None else _time(t.predicted_seconds) for t in timings],
            )
        )
    if any(timing.best_peer for timing in timings):
        columns += [
            Column("best other", [timing.best_peer or NONE for timing in timings], left=True),
            Column("its time", [_peer_time(timing, min) for timing in timings]),
            Column("its median", [_peer_time(timing, statistics.median) for timing in timings]),
            Column("ratio", [_ratio(timing.ratio()) for timing in timings]),
            Column("of medians", [_ratio(timing.ratio(statistics.median)) for timing in timings]),
        ]
    return columns


def _kind_columns(timings: Sequence[Timing]) -> list[Column]:
    """Geometric means by kind of layer."""
    kinds: dict[str, list[Timing]] = {}
    for timing in timings:
        small = ("under 5 M MACs",) if timing.macs < _SMALL_MACS else ()
        for kind in ("all", timing.kind, *small):
            kinds.setdefault(kind, []).append(timing)
    names = sorted(kinds)
    groups = [kinds[name] for name in names]
    columns = [
        Column("kind", names, left=True),
        Column("shapes", [str(len(group)) for group in groups]),
        Column("% of peak", [percent(_mean([t.peak_fraction for t in group])) for group in groups]),
        Column("% of limit", [percent(_mean([t.limit_fraction for t in group])) for group in groups]),
    ]
    ratios = [[ratio for t in group if (ratio := t.ratio()) is not None] for group in groups]
    medians = [
        [ratio for t in group if (ratio := t.ratio(statistics.median)) is not None] for group in groups
    ]
    if any(ratios):
        columns += [
            Column("ratio to best other", [_ratio(_mean(group)) for group in ratios]),
            Column("of medians", [_ratio(_mean(group)) for group in medians]),
            Column("worst ratio", [_ratio(min(group, default=None)) for group in ratios]),
            Column("at least 1", [f"{sum(r >= 1 for r in group)} of {len(group)}" for group in ratios]),
        ]
    predicted = [
        [t.predicted_seconds / t.best_seconds for t in group if t.predicted_seconds is not None]
        for group in groups
    ]
    if any(predicted):
        columns.append(Column("predicted / measured", [_ratio(_mean(group)) for group in predicted]))
    return columns


def _mean(values: Sequence[float]) -> float | None:
    return math.exp(statistics.fmean(map(math.log, values))) if values else None


def _time(seconds: float) -> str:
    return quantity(seconds, "s")


def _peer_time(timing: Timing, of: Callable[[Sequence[float]], float]) -> str:
    peer = timing.best_peer
    return NONE if peer is None else _time(of(timing.seconds[peer]))


def _ratio(value: float | None) -> str:
    return NONE if value is None else f"{value:.2f}"
