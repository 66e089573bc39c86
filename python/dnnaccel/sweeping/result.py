"""What a sweep found: a row for each point, the best, and the front."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dnnaccel._rows import Row, csv_text, dataframe
from dnnaccel._text import DEFAULT_WIDTH, Column, clean, layout, notes
from dnnaccel._units import NONE, count, energy, percent, quantity
from dnnaccel.errors import SweepError, unknown_name
from dnnaccel.sweeping.pareto import front
from dnnaccel.sweeping.work import FIGURES, MORE_IS_BETTER, check_figures, costs

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["Sweep", "SweepPoint"]

_GOALS = {"energy": "energy", "latency": "cycles", "edp": "edp"}
_SHOWN = 40
"""Most rows of a text table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepPoint:
    """One combination: its parameters, and its figures or the reason why it cannot run."""

    parameters: Mapping[str, Any]
    figures: Mapping[str, Any]
    reason: str | None = None

    def __getitem__(self, name: str) -> Any:
        """Return a parameter or a figure by name; None for a figure of what cannot run."""
        if name in self.parameters:
            return self.parameters[name]
        if name not in FIGURES:
            raise unknown_name("figure", name, (*self.parameters, *FIGURES))
        return self.figures.get(name)

    def to_row(self) -> Row:
        """Return the point as one flat row."""
        row: Row = dict(self.parameters)
        row |= {name: self.figures.get(name) for name in FIGURES}
        row["reason"] = self.reason
        return row


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Sweep:
    """Every point of a sweep, or those that a search chose, in the order of its parameters' values.

    `figures` are those that its front is of, unless others are named.
    `seconds_per_point` is what new points took on average; it is in no output, so that a sweep that was
    broken off and resumed prints what an undisturbed one prints.
    """

    network: str
    chip: str
    objective: str
    parameters: tuple[str, ...]
    points: tuple[SweepPoint, ...]
    energy_unit: str
    area_unit: str
    figures: tuple[str, ...] = ("energy", "cycles")
    seconds_per_point: float = field(default=0.0, compare=False)

    def __len__(self) -> int:
        return len(self.points)

    def __iter__(self) -> Iterator[SweepPoint]:
        return iter(self.points)

    def __getitem__(self, index: int) -> SweepPoint:
        return self.points[index]

    @property
    def ran(self) -> tuple[SweepPoint, ...]:
        """The points that could run."""
        return tuple(point for point in self.points if point.reason is None)

    def best(self, figure: str | None = None) -> SweepPoint:
        """Return the best point by a figure, by default what was the objective; the first of equals.

        Raises `SweepError` if no point has that figure, `UnknownNameError` for one that there is not.
        """
        name = _GOALS[self.objective] if figure is None else figure
        found = self._costs((name,))
        if not found:
            raise SweepError(f"no point of the sweep has a figure {name!r}")
        return min(found, key=lambda pair: pair[1])[0]

    def pareto(self, *figures: str) -> list[SweepPoint]:
        """Return the points that no other is at least as good as in all figures and better in one.

        By default of the figures that the sweep was for. Less is better, but for utilization and
        frames_per_second.
        """
        found = self._costs(figures or self.figures)
        return [found[index][0] for index in front([cost for _, cost in found])]

    def _costs(self, names: Sequence[str]) -> list[tuple[SweepPoint, tuple[float, ...]]]:
        check_figures(names)
        found = ((point, costs(point.figures, names)) for point in self.ran)
        return [(point, cost) for point, cost in found if cost is not None]

    def to_rows(self) -> list[Row]:
        """Return one flat row for each point."""
        return [point.to_row() for point in self.points]

    def to_text(self, *, width: int = DEFAULT_WIDTH, figures: Sequence[str] = ()) -> str:
        """Return the front and, if they are few, all points as plain text for lines of `width` characters."""
        names = figures or self.figures
        chosen = self.pareto(*names)
        title = f"{clean(self.network)} on {clean(self.chip)}, {len(self.points)} points"
        failed = len(self.points) - len(self.ran)
        if failed:
            title += f", {failed} of which cannot run"
        parts = []
        if len(self.points) <= _SHOWN:
            parts += [notes([title], width=width), layout(self._columns(self.points, chosen), width=width)]
        else:
            parts.append(
                notes([f"{title}; those that no other beats in {' and '.join(names)}:"], width=width)
            )
            parts.append(layout(self._columns(chosen[:_SHOWN], []), width=width))
            if len(chosen) > _SHOWN:
                parts.append(f"... and {len(chosen) - _SHOWN} more; to_csv() has all")
        if reasons := _reasons(self.points):
            parts.append(notes(reasons, width=width))
        return "\n\n".join(parts)

    def _columns(self, points: Sequence[SweepPoint], marked: Sequence[SweepPoint]) -> list[Column]:
        columns = [
            Column(name, [clean(str(point.parameters[name])) for point in points]) for name in self.parameters
        ]
        if marked:
            best = {id(point) for point in marked}
            columns.append(Column("", ["front" if id(point) in best else "" for point in points], left=True))
        shown: dict[str, Callable[[Any], str]] = {
            "energy": lambda value: energy(value, self.energy_unit),
            "cycles": count,
            "seconds": lambda value: quantity(value, "s"),
            "utilization": percent,
            "dram_words": count,
            "on_chip_bytes": lambda value: quantity(value, "B"),
            "area": lambda value: NONE if value is None else f"{value:.4g} {self.area_unit}",
        }
        headers = {"utilization": "util %", "dram_words": "DRAM words", "on_chip_bytes": "on chip"}
        for name, text in shown.items():
            cells = [text(point.figures.get(name)) for point in points]
            if any(cell != NONE for cell in cells):
                columns.append(Column(headers.get(name, name), cells))
        return columns

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain numbers and strings."""
        return {
            "network": self.network,
            "chip": self.chip,
            "objective": self.objective,
            "energy_unit": self.energy_unit,
            "area_unit": self.area_unit,
            "parameters": list(self.parameters),
            "points": self.to_rows(),
        }

    def to_json(self) -> str:
        """Return `to_dict()` as JSON text."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False) + "\n"

    def to_csv(self) -> str:
        """Return one row for each point as CSV text."""
        return csv_text(self.to_rows())

    def to_dataframe(self) -> pd.DataFrame:
        """Return one row for each point as a pandas frame."""
        return dataframe(self.to_rows())

    def to_html(self) -> str:
        """Return a page that needs no other file."""
        from dnnaccel.report.html import page

        return page(f"dnnaccel sweep of {clean(self.network)}", self._blocks())

    def save(self, path: str | os.PathLike[str], *, format: str | None = None) -> None:
        """Write the sweep to `path`, whole or not at all; see `Report.save`."""
        from dnnaccel.report.files import save

        save(self, path, format)

    def plot(
        self,
        x: str = "cycles",
        y: str = "energy",
        path: str | os.PathLike[str] | None = None,
        *,
        width: str = "column",
    ) -> Figure:
        """Draw all points that ran by two figures, with their front, and save that if `path` is given.

        The points of the front are named by their parameters' values. `path` and `width` are as `Report.plot`
        takes them. Raises `UnknownNameError` for a figure that there is not, `SweepError` if no point has
        both.
        """
        from dnnaccel.report.plots.front import draw_sweep
        from dnnaccel.report.plots.kind import Kind, Options, draw

        def drawn(found: Sweep, options: Options) -> Figure:
            return draw_sweep(found, x, y, options, more_across=x in MORE_IS_BETTER)

        kinds = {"pareto": Kind(draw=drawn)}
        return draw(self, kinds, "pareto", path, width=width)

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        return f"<Sweep of {self.network} on {self.chip}: {len(self.points)} points, {len(self.ran)} ran>"

    def _repr_html_(self) -> str:
        from dnnaccel.report.html import fragment

        return fragment(*self._blocks())

    def _blocks(self) -> list[str]:
        from dnnaccel.report.html import paragraph, table

        return [table(self._columns(self.points, self.pareto())), *map(paragraph, _reasons(self.points))]


def _reasons(points: Sequence[SweepPoint]) -> list[str]:
    """Return each reason once, with how many points it keeps from running."""
    found: dict[str, int] = {}
    for point in points:
        if point.reason is not None:
            found[point.reason] = found.get(point.reason, 0) + 1
    return [f"{number} cannot run: {reason}" for reason, number in found.items()]
