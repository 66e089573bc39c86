"""What changed between two reports."""

from __future__ import annotations

import difflib
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from dnnaccel._rows import Row
from dnnaccel._text import DEFAULT_WIDTH, Column, clean, layout, notes
from dnnaccel._units import NONE, count, energy, percent, quantity, ratio
from dnnaccel.comparing.changes import (
    Change,
    LayerChange,
    layer_changes,
    setting_changes,
    total_changes,
)
from dnnaccel.errors import DnnAccelError
from dnnaccel.report import Report
from dnnaccel.report.outputs import Outputs

__all__ = ["Change", "LayerChange", "ReportDiff", "diff"]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ReportDiff(Outputs):
    """What changed from report `a` to report `b`: settings, totals, and layers, the largest change first.

    It is true if anything changed: ``if da.diff(a, b): ...``. `a` and `b` are what the reports are called.
    """

    a: str
    b: str
    threshold: float
    settings: tuple[Change, ...]
    totals: tuple[Change, ...]
    layers: tuple[LayerChange, ...]

    def __bool__(self) -> bool:
        return bool(self.settings or self.totals or self.layers)

    def to_text(self, *, width: int = DEFAULT_WIDTH, mappings: bool = False) -> str:
        """Return the tables as plain text for lines of `width` characters; `str()` takes 120.

        With `mappings`, the lines of the loop nests that changed follow.
        """
        parts = [notes(self.headlines(), width=width)]
        for title, columns in self.tables():
            parts += [notes([title], width=width), layout(columns, width=width)]
        if mappings:
            parts += [text for layer in self.layers if (text := _nest_lines(layer))]
        return "\n\n".join(parts)

    def headlines(self) -> list[str]:
        """Return what is compared with what, and whether there is no difference."""
        within = f" of more than {percent(self.threshold)} %" if self.threshold else ""
        return [f"a: {self.a}", f"b: {self.b}", *([] if self else [f"no difference{within}"])]

    def tables(self) -> list[tuple[str, list[Column]]]:
        """Return the tables that have a row, each with its title."""
        found = []
        if self.settings:
            found.append(("Settings", _setting_columns(self.settings)))
        if self.totals:
            found.append(("Totals", _total_columns(self.totals)))
        if self.layers:
            found.append(("Layers, the largest change first", _layer_columns(self.layers)))
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain numbers, strings, lists and dicts, ready for JSON."""
        return {
            "a": self.a,
            "b": self.b,
            "threshold": self.threshold,
            "equal": not self,
            "settings": [change.to_dict() for change in self.settings],
            "totals": [change.to_dict() for change in self.totals],
            "layers": [layer.to_dict() for layer in self.layers],
        }

    def to_rows(self) -> list[Row]:
        """Return one flat row for each change."""
        return list(self._rows())

    def _rows(self) -> Iterator[Row]:
        for scope, changes in (("setting", self.settings), ("total", self.totals)):
            for change in changes:
                yield {"scope": scope, "layer": None, "status": None} | change.to_dict()
        for layer in self.layers:
            for change in layer.figures:
                yield {"scope": "layer", "layer": layer.name, "status": layer.status} | change.to_dict()

    def to_html(self) -> str:
        """Return a page that needs no other file."""
        from dnnaccel.comparing.page import diff_page

        return diff_page(self)

    def __repr__(self) -> str:
        return (
            f"<ReportDiff: {len(self.settings)} settings, {len(self.totals)} totals, "
            f"{len(self.layers)} layers changed>"
        )

    def _repr_html_(self) -> str:
        from dnnaccel.comparing.page import diff_fragment

        return diff_fragment(self)


def diff(
    a: Report | str | os.PathLike[str], b: Report | str | os.PathLike[str], *, threshold: float = 0.0
) -> ReportDiff:
    """Return what changed from report `a` to report `b`, each a `Report` or the path of one saved as JSON.

    Numbers that differ by at most `threshold`, as a part of the larger of both, are taken for equal; with a
    threshold a layer whose texts alone changed (its mapping, what it is bound by) is, too.

    Raises `ReportError` for a file that is no report, `DnnAccelError` for a threshold outside 0 to 1.
    """
    if not (isinstance(threshold, float | int) and math.isfinite(threshold) and 0 <= threshold <= 1):
        raise DnnAccelError(f"the threshold is {threshold!r}; it must be a part from 0 to 1, such as 0.01")
    before, after = (each if isinstance(each, Report) else Report.load(each) for each in (a, b))
    return ReportDiff(
        a=_label(a, before),
        b=_label(b, after),
        threshold=float(threshold),
        settings=setting_changes(before, after),
        totals=total_changes(before, after, threshold),
        layers=layer_changes(before, after, threshold),
    )


def _label(given: Report | str | os.PathLike[str], report: Report) -> str:
    what = f"{report.network} on {report.chip}, {report.dataflow}"
    return what if isinstance(given, Report) else f"{os.fspath(given)}: {what}"


def _shown(value: float | str | None, unit: str) -> str:
    """Return a value with its unit as the tables of a report show it."""
    if value is None:
        return NONE
    if isinstance(value, str):
        return clean(value) or NONE
    if unit.partition(" ")[0] == "pJ" or unit.endswith((" s", " cycles")):
        return energy(value, unit)
    if unit in ("s", "W", "B"):
        return quantity(value, unit)
    return f"{count(value)} {unit}".rstrip()


def _setting_columns(changes: Sequence[Change]) -> list[Column]:
    return [
        Column("setting", [clean(change.name) for change in changes], left=True),
        Column("a", [_shown(change.a, "") for change in changes], left=True),
        Column("b", [_shown(change.b, "") for change in changes], left=True),
    ]


def _total_columns(changes: Sequence[Change]) -> list[Column]:
    return [
        Column("total", [clean(change.name) for change in changes], left=True),
        Column("a", [_shown(change.a, change.units[0]) for change in changes]),
        Column("b", [_shown(change.b, change.units[1]) for change in changes]),
        Column("b / a", [ratio(change.ratio) for change in changes]),
    ]


def _layer_columns(layers: Sequence[LayerChange]) -> list[Column]:
    columns = [Column("layer", [clean(layer.name) for layer in layers], left=True)]
    for header, name in (("energy", "energy"), ("cycles", "cycles"), ("DRAM words", "dram_words")):
        changes: list[Change] = [getattr(layer, name) for layer in layers]
        units = [change.units if name == "energy" else ("", "") for change in changes]
        columns += [
            Column(f"{header} a", [_shown(c.a, unit) for c, (unit, _) in zip(changes, units, strict=True)]),
            Column("b", [_shown(c.b, unit) for c, (_, unit) in zip(changes, units, strict=True)]),
            Column("b / a", [ratio(change.ratio) for change in changes]),
        ]
    bounds = [next((c for c in layer.others if c.name == "bound_by"), None) for layer in layers]
    return [
        *columns,
        Column(
            "bound by",
            [NONE if c is None else f"{_shown(c.a, '')} -> {_shown(c.b, '')}" for c in bounds],
            left=True,
        ),
        Column("also", [_also(layer) for layer in layers], left=True),
    ]


def _also(layer: LayerChange) -> str:
    """Say whether both reports have a layer, and which of its texts changed."""
    if layer.status != "changed":
        return layer.status
    names = {change.name for change in layer.others}
    return ", ".join(name for name in ("mapping", "kind", "note") if name in names) or NONE


def _nest_lines(layer: LayerChange) -> str:
    """Return how a layer's loop nest changed, as lines with - and +; "" if it did not."""
    for change in layer.others:
        if change.name == "mapping":
            a, b = (str(text or "").splitlines() for text in (change.a, change.b))
            lines = difflib.unified_diff(a, b, f"{layer.name} a", f"{layer.name} b", lineterm="")
            return "\n".join(lines)
    return ""
