"""Layers under the roofline of this machine, drawn by matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnnaccel.report.plots.roof import draw_peak, draw_points, draw_slope
from dnnaccel.report.plots.style import legend_above, new_figure, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    from dnnaccel.benchmark.limits import Limits
    from dnnaccel.benchmark.result import Benchmark
    from dnnaccel.report.plots.kind import Options

__all__ = ["draw_roofline"]


def draw_roofline(benchmark: Benchmark, options: Options) -> Figure:
    """Draw speed over operations a byte, a panel for each number of threads; see `Benchmark.plot`."""
    panels = len(benchmark.limits)
    across = 1 if options.width < 5 else panels
    down = -(-panels // across)
    figure = new_figure((options.width, 0.6 + down * (3.0 if across < 2 else 2.8)))
    grid = figure.subplots(down, across, squeeze=False, sharex=True, sharey=True)
    kinds = sorted({timing.kind for timing in benchmark.timings})
    intensities = [2 * timing.macs / timing.bytes for timing in benchmark.timings]
    low, high = min(intensities, default=1.0) / 2, max(intensities, default=100.0) * 2
    handles: dict[str, Line2D] = {}
    for axes, limits in zip(grid.flat, benchmark.limits, strict=True):
        handles |= draw_points(
            axes,
            {
                kind: [
                    (2 * timing.macs / timing.bytes, timing.flops_per_second * 1e-9)
                    for timing in benchmark.timings
                    if timing.kind == kind and timing.threads == limits.threads
                ]
                for kind in kinds
            },
        )
        axes.set_xlim(low, high)
        _draw_roofs(axes, limits, low, high)
        axes.set_xlabel("intensity of inputs, weights and outputs (FLOP/B)")
        axes.set_ylabel("speed (GFLOP/s)")
        axes.set_title(f"{limits.threads} thread{'s' * (limits.threads != 1)}", loc="left")
        axes.grid(which="major")
    entries = {kind: handles[kind] for kind in kinds if kind in handles}
    legend_above(figure, entries, f"{short(benchmark.processor)}, {benchmark.isa} kernels, fp32")
    return figure


def _draw_roofs(axes: Axes, limits: Limits, low: float, high: float) -> None:
    """Draw the peak, and the slope of each memory's bandwidth."""
    corners = []
    for memory in limits.memories:
        corners.append(min(max(limits.peak / memory.read, low), high))
        if corners[-1] > low:
            text = f"{memory.name} {memory.read * 1e-9:.0f} GB/s"
            draw_slope(axes, memory.read * 1e-9, (low, corners[-1]), text)
    draw_peak(axes, min(corners, default=low), limits.peak * 1e-9, f"peak {limits.peak * 1e-9:.0f} GFLOP/s")
