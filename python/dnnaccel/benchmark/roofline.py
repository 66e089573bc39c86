"""Layers under the roofline of this machine, drawn by matplotlib."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from dnnaccel.report.palette import colours
from dnnaccel.report.plot import new_figure, save_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from dnnaccel.benchmark.result import Benchmark

__all__ = ["draw_roofline"]

_MARKERS = "osD^vP*X"


def draw_roofline(benchmark: Benchmark, path: str | os.PathLike[str] | None) -> Figure:
    """Draw speed over operations a byte, a panel for each number of threads; see `Benchmark.plot`."""
    panels = len(benchmark.limits)
    figure = new_figure((1.2 + 5.4 * panels, 5.0))
    all_axes = figure.subplots(1, panels, squeeze=False)[0]
    kinds = sorted({timing.kind for timing in benchmark.timings})
    shades = colours(kinds)
    intensities = [2 * timing.macs / timing.bytes for timing in benchmark.timings]
    low, high = min(intensities, default=1.0) / 2, max(intensities, default=100.0) * 2
    for axes, limits in zip(all_axes, benchmark.limits, strict=True):
        for memory in limits.memories:
            corner = limits.peak / memory.read
            ends = [low, min(max(corner, low), high), high]
            heights = [min(end * memory.read, limits.peak) * 1e-9 for end in ends]
            axes.plot(ends, heights, color="#888888", linewidth=0.9, zorder=1)
            axes.annotate(
                f"{memory.name} {memory.read * 1e-9:.0f} GB/s",
                (low, heights[0]),
                xytext=(3, 2),
                textcoords="offset points",
                fontsize=7,
                color="#555555",
            )
        axes.annotate(
            f"peak {limits.peak * 1e-9:.0f} GFLOP/s",
            (high, limits.peak * 1e-9),
            xytext=(-3, 3),
            textcoords="offset points",
            ha="right",
            fontsize=7,
            color="#555555",
        )
        for index, kind in enumerate(kinds):
            points = [
                (2 * timing.macs / timing.bytes, timing.flops_per_second * 1e-9)
                for timing in benchmark.timings
                if timing.kind == kind and timing.threads == limits.threads
            ]
            if points:
                axes.scatter(
                    *zip(*points, strict=True),
                    s=22,
                    color=shades[kind],
                    marker=_MARKERS[index % len(_MARKERS)],
                    edgecolor="white",
                    linewidth=0.4,
                    label=kind,
                    zorder=2,
                )
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlim(low, high)
        axes.set_xlabel("operations per byte of inputs, weights and outputs")
        axes.set_ylabel("speed (GFLOP/s)")
        axes.set_title(f"{limits.threads} thread{'s' * (limits.threads != 1)}")
        axes.grid(color="#dddddd", linewidth=0.4, which="major", zorder=0)
    handles, labels = all_axes[0].get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, frameon=False, loc="outside lower center", ncols=2 * panels)
    figure.suptitle(f"{benchmark.processor}, {benchmark.isa} kernels, fp32")
    if path is not None:
        save_figure(figure, path)
    return figure
