"""A sweep as a page: its points and their front, what each parameter does, and points to sort and search."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from dnnaccel._text import Column, clean
from dnnaccel._units import count
from dnnaccel.report.html.plots import ScatterPoint, lines, scatter
from dnnaccel.report.html.shell import facts, fragment, page, panels, paragraph, section
from dnnaccel.report.html.tables import table

if TYPE_CHECKING:
    from dnnaccel.sweeping.result import Sweep, SweepPoint

__all__ = ["sweep_fragment", "sweep_page"]

_MOST = 1200
"""Most points in a table or a plot, so that a page stays below 2 MB. The front has room first."""
_NAMES = {
    "average_power_watts": "average power",
    "dram_bytes": "DRAM bytes",
    "dram_words": "DRAM words",
    "edp": "energy x delay",
    "macs": "MACs",
    "on_chip_bytes": "memory on chip",
    "pe_count": "PEs",
    "seconds": "time",
}
_MOST_VALUES = 100
"""Most values of a parameter whose effect is shown."""
_WIDE = 8
"""Values whose ends are this many times apart stand on a logarithmic axis."""


def sweep_page(found: Sweep) -> str:
    """Return the whole page of a sweep."""
    title = f"Sweep of {clean(found.network)} on {clean(found.chip)}"
    return page(title, _blocks(found), inputs=found.inputs or None)


def sweep_fragment(found: Sweep) -> str:
    """Return the points and plots of a sweep for a notebook."""
    return fragment(*_blocks(found))


def _blocks(found: Sweep) -> list[str]:
    blocks = [facts(_summary(found))]
    if pairs := _pairs(found):
        plots = (_scatter(found, x, y) for x, y in pairs)
        blocks.append(section("Points and their front", panels(*plots)))
    blocks += _effects(found)
    blocks.append(_points(found))
    if found.reasons:
        columns = [
            Column("points", [str(number) for number in found.reasons.values()]),
            Column("cannot run because", [clean(reason) for reason in found.reasons], left=True),
        ]
        blocks.append(section("What cannot run", table(columns)))
    return blocks


def _summary(found: Sweep) -> list[tuple[str, str]]:
    failed = len(found) - len(found.ran)
    pairs = [
        ("network", clean(found.network)),
        ("chip", clean(found.chip)),
        ("mappings chosen for", found.objective),
        ("points", f"{len(found):,}" + (f", {failed:,} of which cannot run" if failed else "")),
    ]
    if found.inputs.get("trials") is not None:
        pairs.append(("chosen by", f"a search for {_list(found.figures)}, seed {found.inputs['seed']}"))
    front = len(found.pareto())
    pairs.append(("front", f"{front:,} point{'s' * (front != 1)}, of {_list(found.figures)}"))
    for figure in found.figures:
        if any(point[figure] is not None for point in found.ran):
            best = found.best(figure)
            pairs.append((f"best {_name(figure)}", f"{found.text_of(figure, best[figure])}: {_values(best)}"))
    return pairs


def _name(figure: str) -> str:
    return _NAMES.get(figure, figure.replace("_", " "))


def _list(figures: Sequence[str]) -> str:
    return " and ".join(map(_name, figures))


def _values(point: SweepPoint) -> str:
    return ", ".join(f"{clean(name)} {clean(str(value))}" for name, value in point.parameters.items())


def _pairs(found: Sweep) -> list[tuple[str, str]]:
    """Return which figures are drawn: every other one across, the first upwards."""
    first, *others = found.figures
    if not others:
        others = ["energy" if first == "cycles" else "cycles"]
    return [
        (x, first)
        for x in others
        if any(point[x] is not None and point[first] is not None for point in found.ran)
    ]


def _few(points: Sequence[SweepPoint], front: Sequence[SweepPoint]) -> list[SweepPoint]:
    """Return `_MOST` of `points` in their order: of the front as many as there is room for, then evenly."""
    best = {id(point) for point in front[:_MOST]}
    rest = [point for point in points if id(point) not in best]
    room = _MOST - len(best)
    if rest and room:
        best |= {id(point) for point in rest[:: math.ceil(len(rest) / room)]}
    return [point for point in points if id(point) in best]


def _scatter(found: Sweep, x: str, y: str) -> str:
    known = [point for point in found.ran if point[x] is not None and point[y] is not None]
    front = found.pareto(x, y)
    best = {id(point) for point in front}
    chosen = _few(known, front)
    # Those of the front last, so that they lie on top.
    chosen.sort(key=lambda point: id(point) in best)
    return scatter(
        [
            ScatterPoint(
                x=point[x],
                y=point[y],
                label=_values(point),
                group="front" if id(point) in best else "other points",
                marked=id(point) in best,
            )
            for point in chosen
        ],
        x_label=_name(x),
        y_label=_name(y),
        log_x=_is_wide([point[x] for point in chosen]),
        log_y=_is_wide([point[y] for point in chosen]),
        title=f"{_name(y)} and {_name(x)}",
        x_text=partial(found.text_of, x),
        y_text=partial(found.text_of, y),
    )


def _is_wide(values: Sequence[float]) -> bool:
    return min(values) > 0 and max(values) / min(values) >= _WIDE


def _effects(found: Sweep) -> list[str]:
    """Return the best and the median figures of each value of parameters that have some, and not too many."""
    plots, tables = [], []
    for parameter in found.parameters:
        groups: dict[Any, list[SweepPoint]] = {}
        for point in found.points:
            groups.setdefault(point.parameters[parameter], []).append(point)
        if 1 < len(groups) <= _MOST_VALUES:
            plots += _effect_plot(found, parameter, groups)
            tables.append(table(_effect_columns(found, parameter, groups)))
    if not tables:
        return []
    why = paragraph(
        "Best and median over all points with a value, whatever the other parameters are; "
        "what cannot run is left out."
    )
    blocks = (panels(*plots),) if plots else ()
    return [section("What each parameter does", why, *blocks, *tables)]


def _effect_plot(found: Sweep, parameter: str, groups: dict[Any, list[SweepPoint]]) -> list[str]:
    """Return a plot of the first figure over the values of a parameter; none unless these are numbers."""
    if any(isinstance(value, bool | str) for value in groups):
        return []
    figure = found.figures[0]
    known = {value: points for value, points in sorted(groups.items()) if _figures(points, figure)}
    if len(known) < 2:
        return []
    series = {
        "median": [(value, statistics.median(_figures(points, figure))) for value, points in known.items()],
        "best": [(value, found.best(figure, points)[figure]) for value, points in known.items()],
    }
    in_bytes = parameter.endswith("_bytes")
    return [
        lines(
            series,
            x_label=f"{clean(parameter)} (bytes)" if in_bytes else clean(parameter),
            y_label=_name(figure),
            log_x=_is_wide(list(known)),
            title=f"{_name(figure)} by {clean(parameter)}",
            x_text=count,
            y_text=partial(found.text_of, figure),
        )
    ]


def _effect_columns(found: Sweep, parameter: str, groups: dict[Any, list[SweepPoint]]) -> list[Column]:
    columns = [
        Column(clean(parameter), [clean(str(value)) for value in groups]),
        Column("ran", [str(sum(not point.reason for point in points)) for points in groups.values()]),
    ]
    for figure in found.figures:
        known = [points if _figures(points, figure) else () for points in groups.values()]
        best = [found.best(figure, points)[figure] if points else None for points in known]
        median = [statistics.median(_figures(points, figure)) if points else None for points in known]
        for header, row in (("best", best), ("median", median)):
            cells = [found.text_of(figure, value) for value in row]
            columns.append(Column(f"{header} {_name(figure)}", cells))
    return columns


def _figures(points: Sequence[SweepPoint], figure: str) -> list[float]:
    return [point[figure] for point in points if point[figure] is not None]


def _points(found: Sweep) -> str:
    front = found.pareto()
    points = _few(found.points, front)
    said = (
        ()
        if len(points) == len(found)
        else (
            paragraph(f"{len(points):,} of {len(found):,} points, the front among them; to_csv() has all."),
        )
    )
    return section("Points", *said, table(found.columns(points, front), searchable=True))
