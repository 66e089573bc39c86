"""A comparison as one bar for each combination, a panel for each network."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dnnaccel._units import ratio
from dnnaccel.bounds import idle
from dnnaccel.errors import DnnAccelError
from dnnaccel.problem import ROLES
from dnnaccel.report.plots.bars import by_part
from dnnaccel.report.plots.stacks import cycles_split, energy_split, words_split
from dnnaccel.report.plots.style import SMALL, fills, legend_above, new_figure, scaled_axis, short
from dnnaccel.report.plots.utilization import REASONS, WORDS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from dnnaccel.compare import Comparison, ComparisonRow
    from dnnaccel.report.plots.kind import Options
    from dnnaccel.report.result import Report

__all__ = ["draw_cycles", "draw_dram", "draw_edp", "draw_energy", "draw_utilization", "draw_words"]

Split = Callable[["ComparisonRow", "Report"], dict[str, float]]

_PANEL = 1.65
_TOGETHER = ("mac", "vector", "leakage")
"""Parts of no memory and no array, stacked last."""


def draw_energy(comparison: Comparison, options: Options) -> Figure:
    """Draw the energy of an inference by level, by tensor, or by place, which is the same for all chips."""
    several = len({row.chip for row in comparison.rows}) > 1
    by = options.by or ("place" if several else "level")

    def split(row: ComparisonRow, report: Report) -> dict[str, float]:
        parts = row.energy_by_place() if by == "place" else energy_split(report.layers, by)
        return {name: spent / report.batch for name, spent in parts.items()}

    unit = _common_unit(comparison, "energies", lambda report: report.energy_unit)
    return _draw(comparison, options, split, "energy per inference", unit)


def draw_words(comparison: Comparison, options: Options) -> Figure:
    """Draw the reads + writes of a run by memory or by tensor."""

    def split(row: ComparisonRow, report: Report) -> dict[str, float]:
        return words_split(report.layers, options.by)

    return _draw(comparison, options, split, "reads + writes", "words")


def draw_cycles(comparison: Comparison, options: Options) -> Figure:
    """Draw the cycles of a run in which the array computes, and in which it waits."""
    return _draw(comparison, options, lambda row, report: cycles_split(report.layers), "time", "cycles")


def draw_dram(comparison: Comparison, options: Options) -> Figure:
    """Draw the words over the outermost memory for each MAC, by tensor."""

    def split(row: ComparisonRow, report: Report) -> dict[str, float]:
        top = report.memories[0]
        return {role: report.traffic(top, role) / report.macs if report.macs else 0.0 for role in ROLES}

    return _draw(comparison, options, split, "DRAM traffic", "words/MAC")


def draw_edp(comparison: Comparison, options: Options) -> Figure:
    """Draw energy x delay of a run."""
    unit = _common_unit(comparison, "products with delays", lambda report: report.edp_unit)
    return _draw(comparison, options, lambda row, report: {"": report.edp}, "energy x delay", unit)


def draw_utilization(comparison: Comparison, options: Options) -> Figure:
    """Draw what all PEs do with the cycles of a run, as parts of them."""

    def split(row: ComparisonRow, report: Report) -> dict[str, float]:
        parts = idle(report.layers, report.peak_macs_per_cycle)
        return {WORDS[reason]: getattr(parts, reason) for reason in REASONS}

    return _draw(comparison, options, split, "part of all PE-cycles", "%")


def _common_unit(comparison: Comparison, what: str, unit_of: Callable[[Report], str]) -> str:
    """Return the unit of all reports; raises `DnnAccelError` if there are several."""
    units = {unit_of(row.report) for row in comparison.rows if row.report is not None}
    if len(units) > 1:
        raise DnnAccelError(
            f"{what} in different units ({', '.join(sorted(units))}) have no common axis; plot another kind"
        )
    return next(iter(units), "pJ")


def _draw(comparison: Comparison, options: Options, split: Split, what: str, unit: str) -> Figure:
    """Draw one bar for each combination, stacked as `split` says, with its ratio to the panel's first."""
    from matplotlib.patches import Patch

    if all(row.report is None for row in comparison.rows):
        raise DnnAccelError("no combination of the comparison could run: there is nothing to draw")
    groups = _groups(comparison.rows)
    splits = [[{} if row.report is None else split(row, row.report) for row in rows] for rows in groups]
    order = _order(comparison, [parts for of in splits for parts in of])
    looks = fills(order)
    across = 1 if options.width < 5 else min(3, len(groups))
    down = math.ceil(len(groups) / across)
    labels = [_labels(rows, comparison.rows) for rows in groups]
    upright = _upright(labels, options.width / across)
    letters = max(len(name) for names in labels for name in names) if upright else 1
    figure = new_figure((options.width, 0.6 + down * (_PANEL + 0.3 + 0.05 * letters)))
    grid = figure.subplots(down, across, squeeze=False)
    for axes in grid.flat[len(groups) :]:
        axes.set_visible(False)
    for axes, rows, of, names in zip(grid.flat, groups, splits, labels, strict=False):
        largest = max((sum(parts.values()) for parts in of), default=0.0)
        factor, label = scaled_axis(what, unit, largest)
        _draw_panel(axes, by_part(of, order), factor, looks, ratios=unit != "%")
        if unit == "%":
            axes.set_ylim(0, 100)
        for x, row in enumerate(rows):
            if row.report is None:
                axes.text(
                    x, 0.0, " cannot run", rotation=90, ha="center", va="bottom", size=SMALL, color="#666666"
                )
        axes.set_xticks(range(len(rows)), names, rotation=90 if upright else 0, size=SMALL)
        axes.set_xlabel(_varying(rows, comparison.rows))
        axes.set_ylabel(label)
        if len(groups) > 1:
            axes.set_title(short(rows[0].network))
    figure.align_ylabels(grid)
    entries = {} if order == [""] else {part: Patch(**looks[part]) for part in order}
    said = (
        "" if unit == "%" else "\nabove the bars: ratio to the first" + (" of each panel" * (len(groups) > 1))
    )
    legend_above(figure, entries, _title(comparison.rows) + said)
    return figure


def _groups(rows: Sequence[ComparisonRow]) -> list[list[ComparisonRow]]:
    """Return the rows by network, each of which has its own axis; all together if each network has one."""
    groups: dict[int, list[ComparisonRow]] = {}
    for row in rows:
        groups.setdefault(row.network_number, []).append(row)
    return list(groups.values()) if any(len(of) > 1 for of in groups.values()) else [list(rows)]


def _order(comparison: Comparison, splits: Sequence[Mapping[str, float]]) -> list[str]:
    """Return the parts that are not nothing everywhere, in the order of the levels of their chips."""
    found = dict.fromkeys(part for of in splits for part, size in of.items() if size)
    reports = [row.report for row in comparison.rows if row.report is not None]
    levels = dict.fromkeys(name for report in reports for name in (*report.memories, *report.arrays))
    first = [name for name in levels if name in found]
    middle = [name for name in found if name not in levels and name not in _TOGETHER]
    return [*first, *middle, *(name for name in _TOGETHER if name in found)]


def _varies(rows: Sequence[ComparisonRow]) -> list[str]:
    return [what for what in ("network", "chip", "dataflow") if len({getattr(row, what) for row in rows}) > 1]


def _varying(rows: Sequence[ComparisonRow], whole: Sequence[ComparisonRow]) -> str:
    """Return the label of an axis: what differs from bar to bar."""
    several = len({row.network for row in rows}) > 1
    return " and ".join(what for what in _varies(whole) if what != "network" or several) or "combination"


def _labels(rows: Sequence[ComparisonRow], whole: Sequence[ComparisonRow]) -> list[str]:
    """Return the name of each bar: what it does not have in common with all others."""
    names = _varying(rows, whole).split(" and ")
    if names == ["combination"]:
        names = ["dataflow"]
    return [", ".join(short(getattr(row, what)) for what in names) for row in rows]


def _upright(labels: Sequence[Sequence[str]], inches: float) -> bool:
    """Whether names have to stand upright to fit below their bars."""
    return any(max(map(len, names)) * 3.6 + 4 > (inches - 0.7) * 72 / max(len(names), 1) for names in labels)


def _title(rows: Sequence[ComparisonRow]) -> str:
    """Return what all bars have in common."""
    varying = _varies(rows)
    same = [short(getattr(rows[0], what)) for what in ("network", "chip", "dataflow") if what not in varying]
    return ", ".join(same) or "comparison"


def _draw_panel(
    axes: Axes,
    parts: Mapping[str, Sequence[float]],
    factor: float,
    looks: Mapping[str, Mapping[str, Any]],
    *,
    ratios: bool,
) -> None:
    bottom = [0.0] * max((len(sizes) for sizes in parts.values()), default=0)
    for part, sizes in parts.items():
        heights = [size * factor for size in sizes]
        some = [index for index, height in enumerate(heights) if height]
        axes.bar(some, [heights[i] for i in some], bottom=[bottom[i] for i in some], width=0.7, **looks[part])
        bottom = [low + height for low, height in zip(bottom, heights, strict=True)]
    base = next((top for top in bottom if top), None)
    if ratios and base is not None:
        for x, top in enumerate(bottom):
            if top:
                axes.annotate(
                    ratio(top / base),
                    (x, top),
                    xytext=(0, 1.5),
                    textcoords="offset points",
                    ha="center",
                    size=SMALL - 0.5,
                    color="#444444",
                )
    axes.set_ylim(0, 1.12 * max(bottom, default=0.0) or 1.0)
    axes.set_xlim(-0.6, max(len(bottom), 3) - 0.4)
    axes.grid(axis="y")
    axes.tick_params(axis="x", length=0)
