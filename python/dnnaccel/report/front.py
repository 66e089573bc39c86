"""The front of energy against cycles that a search found, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnnaccel._text import DEFAULT_WIDTH, Column, clean, layout, notes
from dnnaccel._units import count, energy, quantity

if TYPE_CHECKING:
    from dnnaccel.search_result import ParetoPoint, SearchResult

__all__ = ["front_text", "marks"]


def front_text(found: SearchResult, *, width: int = DEFAULT_WIDTH) -> str:
    """Return the front as a table for lines of `width` characters, from least energy to fewest cycles."""
    points, unit, clock = found.pareto, found.cost.energy_unit, found.cost.clock_mhz
    least, fewest = points[0].energy, points[-1].cycles
    columns = [
        Column("energy", [energy(point.energy, unit) for point in points]),
        Column("cycles", [count(point.cycles) for point in points]),
    ]
    if clock is not None:
        columns.append(Column("time", [quantity(point.cycles / (clock * 1e6), "s") for point in points]))
    columns += [
        Column("x least energy", [_times(point.energy, least) for point in points]),
        Column("x fewest cycles", [_times(point.cycles, fewest) for point in points]),
        Column("", [", ".join(what) for what in marks(points)], left=True),
    ]
    what = "all that no other mapping beats in both" if found.optimal else "the best found"
    chip = "" if found.cost.chip is None else f" on {clean(found.cost.chip.name)}"
    title = f"{clean(found.cost.name)}{chip}: energy against cycles, {what}"
    return notes([title], width=width) + "\n\n" + layout(columns, width=width)


def _times(value: float, least: float) -> str:
    return f"{value / least:.3f}x" if least else "n/a"


def marks(points: tuple[ParetoPoint, ...]) -> list[list[str]]:
    """Return what each point is the best in."""
    best: list[list[str]] = [[] for _ in points]
    best[0].append("least energy")
    product = [point.energy * point.cycles for point in points]
    best[product.index(min(product))].append("least energy x delay")
    best[-1].append("fewest cycles")
    return best
