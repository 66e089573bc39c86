"""What every element of a simulated array did, cycle by cycle, added up."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from dnnaccel._rows import Row, csv_text, dataframe

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

__all__ = ["STALLS", "Activity"]

STALLS: dict[str, str] = {
    "operand": "waits for an input word",
    "weights": "waits for its weights",
    "sums": "waits for partial sums to arrive or to leave",
    "bandwidth": "waits for a network or a port that carries somebody else's words",
    "memory": "waits for the memory above the array",
    "edge": "has no work: the tile does not reach it",
}
"""Why an element does nothing in a cycle, and what each cause means."""

_SHOWN = 1024
"""Elements of an array up to which a notebook shows each."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Activity:
    """What the elements of an array did; every array below is rows x columns.

    Attributes
    ----------
    cycles : int
        Cycles of the whole run; of every element, `active` and `stalls` add up to it.
    active : numpy.ndarray
        Cycles in which an element multiplies.
    gated : numpy.ndarray
        Those of them in which a zero kept its multiplier still.
    first, last : numpy.ndarray
        First and last active cycle, counted from 0; -1 if it never was.
    stalls : dict of numpy.ndarray
        Cycles in which it did nothing, by cause (`STALLS`).
    """

    cycles: int
    active: NDArray[np.int64]
    gated: NDArray[np.int64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    stalls: Mapping[str, NDArray[np.int64]]

    def __post_init__(self) -> None:
        object.__setattr__(self, "stalls", MappingProxyType(dict(self.stalls)))
        for array in (self.active, self.gated, self.first, self.last, *self.stalls.values()):
            array.flags.writeable = False

    @classmethod
    def of(cls, run: Mapping[str, Any]) -> Activity:
        """Return the activity of a run of the core, which has "cycles" and "activity"."""
        found = run["activity"]
        return cls(
            cycles=run["cycles"],
            active=found["active"],
            gated=found["gated"],
            first=found["first"],
            last=found["last"],
            stalls=found["stalled"],
        )

    @property
    def rows(self) -> int:
        """Rows of the array."""
        return int(self.active.shape[0])

    @property
    def columns(self) -> int:
        """Columns of the array."""
        return int(self.active.shape[1])

    def utilization(self) -> float:
        """Return the active cycles of all elements as a part of what they could have been."""
        return float(self.active.sum() / max(self.active.size * self.cycles, 1))

    def stalled(self) -> dict[str, float]:
        """Return the part of all cycles of all elements that each cause took, the largest first."""
        whole = max(self.active.size * self.cycles, 1)
        parts = {cause: float(cycles.sum() / whole) for cause, cycles in self.stalls.items()}
        return dict(sorted(parts.items(), key=lambda part: -part[1]))

    def __repr__(self) -> str:
        return (
            f"Activity({self.rows} x {self.columns} elements, {self.cycles} cycles, "
            f"{self.utilization():.1%} active)"
        )

    def _repr_html_(self) -> str:
        from dnnaccel.report.html import facts, fragment, heat_map

        shares = {"active": self.utilization()} | self.stalled()
        blocks = [facts([("array", repr(self)), *((name, f"{part:.1%}") for name, part in shares.items())])]
        if self.active.size <= _SHOWN:
            part = self.active / max(self.cycles, 1)
            rows, columns = (list(map(str, range(size))) for size in (self.rows, self.columns))
            blocks.append(heat_map(rows, columns, part.tolist(), unit_text=lambda value: f"{value:.0%}"))
        return fragment(*blocks)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain data: rows are lists of numbers."""
        return {
            "cycles": self.cycles,
            "rows": self.rows,
            "columns": self.columns,
            "utilization": self.utilization(),
            "active": self.active.tolist(),
            "gated": self.gated.tolist(),
            "first": self.first.tolist(),
            "last": self.last.tolist(),
            "stalls": {cause: cycles.tolist() for cause, cycles in self.stalls.items()},
        }

    def to_json(self) -> str:
        """Return `to_dict` as JSON text."""
        return json.dumps(self.to_dict(), indent=2) + "\n"

    def _rows(self) -> list[Row]:
        return [
            {
                "row": row,
                "column": column,
                "active": int(self.active[row, column]),
                "gated": int(self.gated[row, column]),
                "first": int(self.first[row, column]),
                "last": int(self.last[row, column]),
                **{cause: int(cycles[row, column]) for cause, cycles in self.stalls.items()},
            }
            for row in range(self.rows)
            for column in range(self.columns)
        ]

    def to_dataframe(self) -> pd.DataFrame:
        """Return a pandas frame with a row for each element; needs the extra `data`."""
        return dataframe(self._rows())

    def to_csv(self) -> str:
        """Return a CSV table with a line for each element."""
        return csv_text(self._rows())

    def plot(
        self, path: str | os.PathLike[str] | None = None, *, title: str = "", width: str = "column"
    ) -> Figure:
        """Draw the part of all cycles in which each element is active, as a heat map.

        The suffix of `path` says the format, .pdf, .svg or .png; None only returns the matplotlib figure.
        `width` is "column" (3.4 inches) or "page" (7.2 inches) of a paper. Raises `DnnAccelError` for a path
        that cannot be written, `MissingExtraError` without matplotlib.
        """
        from dnnaccel.report.plots.activity import draw_activity
        from dnnaccel.report.plots.kind import Kind, draw

        kinds = {"activity": Kind(draw=lambda activity, options: draw_activity(activity, title, options))}
        return draw(self, kinds, "activity", path, width=width)
