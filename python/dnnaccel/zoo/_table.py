"""The networks of the zoo in one table, in the columns of the tutorial's summary table."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dnnaccel._rows import csv_text, dataframe, html_table, markdown_table
from dnnaccel._text import DEFAULT_WIDTH, Column, layout, notes
from dnnaccel._units import NONE, count
from dnnaccel.errors import unknown_name
from dnnaccel.zoo._row import NetworkRow

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["NetworkRow", "NetworkTable", "choose"]


def choose(patterns: Iterable[str], names: Collection[str]) -> list[str]:
    """Return those of `names`, in their order, that fit one of `patterns` (``*``, ``?`` and ``[]``) at least.

    Raises `UnknownNameError` for a pattern that fits none.
    """
    chosen: set[str] = set()
    for pattern in patterns:
        fitting = {name for name in names if fnmatch.fnmatchcase(name, pattern)}
        if not fitting:
            raise unknown_name("network", pattern, names)
        chosen |= fitting
    return [name for name in names if name in chosen]


@dataclass(frozen=True, slots=True)
class NetworkTable:
    """Networks side by side; `rows` in the order of the zoo.

    Weights and MACs are of convolutions, fully connected layers, and others with MACs (recurrent cells,
    attention), for one inference; parameters add biases and normalisations.
    """

    rows: tuple[NetworkRow, ...]

    def __iter__(self) -> Iterator[NetworkRow]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def to_text(self, *, width: int = DEFAULT_WIDTH, details: bool = False) -> str:
        """Return a table for lines of `width` characters.

        Only the columns that fit, the most telling first; with `details` all of them, in blocks, and notes.
        """
        if not details:
            legend = "quoted: totals of the literature where they differ from the computed; details say why"
            return layout(self._fitting(width), width=width) + "\n\n" + notes([legend], width=width)
        columns = [field.column(self.rows) for field in _FIELDS if field.applies(self.rows)]
        said = [note for row in self.rows if (note := _note(row))]
        return layout(columns, width=width) + ("\n\n" + notes(said, width=width) if said else "")

    def to_markdown(self) -> str:
        """Return all columns as a Markdown table."""
        return markdown_table(self._texts())

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return every row as plain numbers and texts, totals included; what is not known is None."""
        return [row.to_dict() for row in self.rows]

    def to_json(self) -> str:
        """Return `to_dicts()` as JSON text, indented by two blanks."""
        import json

        return json.dumps(self.to_dicts(), indent=2, allow_nan=False) + "\n"

    def to_csv(self) -> str:
        """Return one line per network as CSV text with a header; lists have blanks between their items."""
        return csv_text([row.to_flat() for row in self.rows])

    def to_dataframe(self) -> pd.DataFrame:
        """Return one row per network as a DataFrame; raises `MissingExtraError` without pandas."""
        return dataframe(self.to_dicts())

    def _fitting(self, width: int) -> list[Column]:
        fields = [field for field in _FIELDS if field.applies(self.rows)]
        columns = {field.header: field.column(self.rows) for field in fields}
        kept: set[str] = set()
        used = -2
        for field in sorted(fields, key=lambda field: field.rank):
            used += columns[field.header].width() + 2
            if used > width and kept:
                break
            kept.add(field.header)
        return [columns[field.header] for field in fields if field.header in kept]

    def _texts(self) -> dict[str, list[str]]:
        return {
            field.header: [field.tell(row) for row in self.rows]
            for field in _FIELDS
            if field.applies(self.rows)
        }

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        return html_table(self._texts())


@dataclass(frozen=True, slots=True)
class _Field:
    """One column of the text table; those of lower `rank` stay where not all fit."""

    header: str
    rank: int
    tell: Callable[[NetworkRow], str]
    left: bool = False

    def applies(self, rows: Iterable[NetworkRow]) -> bool:
        """Whether any row has something to say here; the first two columns always stand."""
        return self.rank <= 1 or any(self.tell(row) != NONE for row in rows)

    def column(self, rows: Iterable[NetworkRow]) -> Column:
        return Column(self.header, [self.tell(row) for row in rows], self.left)


def _number(value: int | None) -> str:
    return count(value) if value else NONE


def _percent(value: float | None) -> str:
    return NONE if value is None else f"{value:.1f}"


def _range(span: tuple[int, int] | None) -> str:
    if span is None:
        return NONE
    return str(span[0]) if span[0] == span[1] else f"{span[0]}-{span[1]}"


def _sizes(pairs: Iterable[tuple[int, int]], glue: str = ",") -> str:
    texts = (str(rows) if rows == columns else f"{rows}x{columns}" for rows, columns in pairs)
    return glue.join(texts) or NONE


def _quoted(row: NetworkRow) -> str:
    if not row.quoted_differs:
        return NONE
    return f"{_number(row.quoted_weights)}/{_number(row.quoted_macs)}"


def _note(row: NetworkRow) -> str:
    said = []
    if row.quoted_differs:
        weights, macs = _number(row.quoted_weights), _number(row.quoted_macs)
        source = row.quoted_source or "the literature"
        said.append(f"quoted {weights} weights, {macs} MACs ({source})")
    if row.note:
        said.append(row.note)
    return f"{row.name}: {'; '.join(said)}" if said else ""


_FIELDS = (
    _Field("network", 0, lambda row: row.name, left=True),
    _Field("year", 9, lambda row: NONE if row.year is None else str(row.year)),
    _Field("dataset", 17, lambda row: row.dataset or NONE, left=True),
    _Field("input", 6, lambda row: row.input or NONE, left=True),
    _Field("conv layers", 4, lambda row: _number(row.conv_layers)),
    _Field("filter sizes", 13, lambda row: _sizes(row.filter_sizes), left=True),
    _Field("channels", 14, lambda row: _range(row.channels)),
    _Field("filters", 15, lambda row: _range(row.filters)),
    _Field("strides", 16, lambda row: _sizes(row.strides), left=True),
    _Field("conv weights", 8, lambda row: _number(row.conv_weights)),
    _Field("conv MACs", 7, lambda row: _number(row.conv_macs)),
    _Field("FC layers", 5, lambda row: _number(row.fc_layers)),
    _Field("FC weights", 11, lambda row: _number(row.fc_weights)),
    _Field("FC MACs", 12, lambda row: _number(row.fc_macs)),
    _Field("other weights", 18, lambda row: _number(row.other_weights)),
    _Field("other MACs", 19, lambda row: _number(row.other_macs)),
    _Field("total weights", 1, lambda row: count(row.weights)),
    _Field("total MACs", 1, lambda row: count(row.macs)),
    _Field("parameters", 3, lambda row: count(row.parameters)),
    _Field("top-1 %", 10, lambda row: _percent(row.top1)),
    _Field("top-5 %", 2, lambda row: _percent(row.top5)),
    _Field("quoted top-5", 20, lambda row: _percent(row.quoted_top5)),
    _Field("quoted weights/MACs", 3, _quoted),
)
