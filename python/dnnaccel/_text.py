"""Plain-text tables that fit a width, with or without a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Column", "clean", "layout", "notes", "pairs"]

DEFAULT_WIDTH = 120
"""Columns of text that tables are laid out for when nobody says otherwise."""

_GAP = "  "
_LONGEST = 36
_WRAP_HEADER = 8


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its header and its cells, right-aligned unless `left`."""

    header: str
    cells: Sequence[str]
    left: bool = False

    def header_lines(self) -> list[str]:
        """Break a long header at its last underscore or blank: "filter_spad" takes two lines."""
        cut = max(self.header.rfind("_"), self.header.rfind(" ")) + 1
        if len(self.header) <= _WRAP_HEADER or not 0 < cut < len(self.header):
            return [self.header]
        return [self.header[:cut].rstrip(), self.header[cut:]]

    def width(self) -> int:
        """Return the widest of header and cells, in characters."""
        return max(len(text) for text in (*self.header_lines(), *self.cells))


def layout(
    columns: Sequence[Column], *, width: int = DEFAULT_WIDTH, total: bool = False, keys: int = 1
) -> str:
    """Lay out `columns` in at most `width` characters; with `total`, a rule stands above the last row.

    Columns that do not fit go into a further block below, which repeats the first `keys` columns.
    """
    repeated = list(columns[:keys])
    blocks: list[list[Column]] = [list(repeated)]
    start = used = sum(column.width() for column in repeated) + len(_GAP) * (len(repeated) - 1)
    for column in columns[keys:]:
        needed = len(_GAP) + column.width()
        if used + needed > width and len(blocks[-1]) > len(repeated):
            blocks.append(list(repeated))
            used = start
        blocks[-1].append(column)
        used += needed
    return "\n\n".join(_block(block, total) for block in blocks)


def _block(columns: Sequence[Column], total: bool) -> str:
    widths = [column.width() for column in columns]
    rule = "─" * (sum(widths) + len(_GAP) * (len(widths) - 1))

    def line(cells: Sequence[str]) -> str:
        placed = (
            cell.ljust(width) if column.left else cell.rjust(width)
            for cell, width, column in zip(cells, widths, columns, strict=True)
        )
        return _GAP.join(placed).rstrip()

    headers = [column.header_lines() for column in columns]
    height = max(len(lines) for lines in headers)
    padded = [[""] * (height - len(lines)) + lines for lines in headers]
    lines = [line([lines[row] for lines in padded]) for row in range(height)]
    lines.append(rule)
    rows = [line(cells) for cells in zip(*(column.cells for column in columns), strict=True)]
    if total:
        rows.insert(len(rows) - 1, rule)
    return "\n".join(lines + rows)


def pairs(items: Sequence[tuple[str, str]], *, width: int = DEFAULT_WIDTH) -> str:
    """Lay out names and values in two columns of at most `width` characters together."""
    indent = max(len(name) for name, _ in items) + len(_GAP)
    return "\n".join(
        textwrap.fill(value, width, initial_indent=name.ljust(indent), subsequent_indent=" " * indent)
        for name, value in items
    )


def notes(sentences: Sequence[str], *, width: int = DEFAULT_WIDTH) -> str:
    """Wrap sentences to `width` characters, one paragraph each."""
    return "\n".join(
        textwrap.fill(sentence, width, subsequent_indent="  ", break_on_hyphens=False)
        for sentence in sentences
    )


def clean(name: str, *, longest: int = _LONGEST) -> str:
    """Return `name` fit for one table cell: no control characters, its middle cut out if it is very long."""
    shown = "".join(char if char.isprintable() else "?" for char in name)
    if len(shown) <= longest:
        return shown
    half = (longest - 1) // 2
    return f"{shown[:half]}…{shown[-half:]}"
