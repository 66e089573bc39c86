"""What each element of a simulated array did, as a heat map."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnnaccel.report.plots.style import HEAT, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from dnnaccel.activity import Activity
    from dnnaccel.report.plots.kind import Options

__all__ = ["draw_activity"]


def draw_activity(activity: Activity, title: str, options: Options) -> Figure:
    """Draw the part of all cycles in which each element is active."""
    from matplotlib.ticker import MaxNLocator

    shape = activity.rows / activity.columns
    high = 0.9 + 0.63 * options.width * shape
    figure = new_figure((options.width, min(max(high, 1.9), 0.6 * options.width + 2.0)))
    axes = figure.subplots()
    image = axes.imshow(
        100 * activity.active / max(activity.cycles, 1),
        vmin=0.0,
        vmax=100.0,
        cmap=HEAT,
        interpolation="nearest",
        aspect="equal" if 0.4 <= shape <= 1.4 else "auto",
    )
    axes.set_xlabel("column (PEs)")
    axes.set_ylabel("row (PEs)")
    axes.set_title(title or f"active {activity.utilization():.1%} of {activity.cycles:,} cycles", loc="left")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(image, ax=axes, fraction=0.046, pad=0.03)
    bar.set_label("active (% of all cycles)")
    bar.outline.set_visible(False)
    return figure
