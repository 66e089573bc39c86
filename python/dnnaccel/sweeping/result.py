"""What a sweep found: a row for each point, the best, and the front."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dnnaccel._rows import Row
from dnnaccel._text import DEFAULT_WIDTH, Column, clean, layout, notes
from dnnaccel._units import NONE, count, energy, percent, quantity
from dnnaccel.errors import SweepError, unknown_name
from dnnaccel.report.outputs import Outputs
from dnnaccel.sweeping.pareto import front
from dnnaccel.sweeping.work import FIGURES, MORE_IS_BETTER, check_figures, costs

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Sweep", "SweepPoint"]

_GOALS = {"energy": "energy", "latency": "cycles", "edp": "edp"}
_USUAL = ("energy", "cycles", "seconds", "utilization", "dram_words", "on_chip_bytes", "area")
_HEADERS = {
    "utilization": "util %",
    "dram_words": "DRAM words",
    "dram_bytes": "DRAM bytes",
    "on_chip_bytes": "on chip",
    "edp": "energy x delay",
}
_UNITS = {"seconds": "s", "average_power_watts": "W", "dram_bytes": "B", "on_chip_bytes": "B"}
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
class Sweep(Outputs):
    """Every point of a sweep, or those that a search chose, in the order of its parameters' values.

    `figures` are those that its front is of, unless others are named; `inputs` is what made the sweep, as
    plain values.

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
    inputs: Mapping[str, Any] = field(default_factory=dict, compare=False)
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

    def best(self, figure: str | None = None, points: Sequence[SweepPoint] | None = None) -> SweepPoint:
        """Return the best point by a figure, by default what was the objective; the first of equals.

        Of all points, or of some. Raises `SweepError` if none has that figure, `UnknownNameError` for one
        that there is not.
        """
        name = _GOALS[self.objective] if figure is None else figure
        found = self._costs((name,), points)
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

    def _costs(
        self, names: Sequence[str], points: Sequence[SweepPoint] | None = None
    ) -> list[tuple[SweepPoint, tuple[float, ...]]]:
        check_figures(names)
        found = ((point, costs(point.figures, names)) for point in (self.ran if points is None else points))
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
            table = layout(self.columns(self.points, chosen), width=width, keys=len(self.parameters))
            parts += [notes([title], width=width), table]
        else:
            parts.append(
                notes([f"{title}; those that no other beats in {' and '.join(names)}:"], width=width)
            )
            columns = self.columns(chosen[:_SHOWN], [])
            parts.append(layout(columns, width=width, keys=len(self.parameters)))
            if len(chosen) > _SHOWN:
                parts.append(f"... and {len(chosen) - _SHOWN} more; to_csv() has all")
        if self.ran and not chosen:
            parts.append(notes([f"no point has all of {', '.join(names)}"], width=width))
        if self.reasons:
            reasons = [f"{number} cannot run: {reason}" for reason, number in self.reasons.items()]
            parts.append(notes(reasons, width=width))
        return "\n\n".join(parts)

    def text_of(self, name: str, value: float | None) -> str:
        """Return a figure as a person reads it, with its unit; "-" for None."""
        if value is None:
            return NONE
        if name in ("energy", "edp"):
            time = "" if name == "energy" else " s" if self._timed else " cycles"
            return energy(value, self.energy_unit + time)
        if name == "utilization":
            return f"{percent(value)} %"
        if name == "area":
            return f"{value:.4g} {self.area_unit}"
        return quantity(value, _UNITS[name]) if name in _UNITS else count(value)

    @property
    def _timed(self) -> bool:
        return any(point.figures.get("seconds") is not None for point in self.points)

    def _shown(self) -> list[str]:
        """Return the figures that tables have: the usual ones and those asked for, if a point has them."""
        return [
            name
            for name in dict.fromkeys((*_USUAL, *self.figures))
            if any(point.figures.get(name) is not None for point in self.points)
        ]

    def columns(self, points: Sequence[SweepPoint], marked: Sequence[SweepPoint]) -> list[Column]:
        """Return parameters and figures of some points as text, those of `marked` named as the front."""
        columns = [
            Column(name, [clean(str(point.parameters[name])) for point in points]) for name in self.parameters
        ]
        if marked:
            best = {id(point) for point in marked}
            columns.append(
                Column("front", ["yes" if id(point) in best else "" for point in points], left=True)
            )
        for name in self._shown():
            values = [point.figures.get(name) for point in points]
            cells = [percent(x) if name == "utilization" else self.text_of(name, x) for x in values]
            columns.append(Column(_HEADERS.get(name, name), cells))
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

    def to_html(self) -> str:
        """Return a page that needs no other file: points and front, what each parameter does, all points."""
        from dnnaccel.report.html.sweep import sweep_page

        return sweep_page(self)

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

    def __repr__(self) -> str:
        return f"<Sweep of {self.network} on {self.chip}: {len(self.points)} points, {len(self.ran)} ran>"

    def _repr_html_(self) -> str:
        from dnnaccel.report.html.sweep import sweep_fragment

        return sweep_fragment(self)

    @property
    def reasons(self) -> dict[str, int]:
        """Why points cannot run, each reason with how many points it keeps from it."""
        found: dict[str, int] = {}
        for point in self.points:
            if point.reason is not None:
                found[point.reason] = found.get(point.reason, 0) + 1
        return found
