"""Flat rows as CSV text, Markdown and HTML tables, and pandas frames."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dnnaccel.errors import MissingExtraError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Row", "csv_text", "dataframe", "html_table", "markdown_table"]

Row = dict[str, Any]
"""Column name to value; all rows of one table have the same columns in the same order."""


def csv_text(rows: Sequence[Row]) -> str:
    """Return `rows` as CSV text with a header line; what does not apply (None) is an empty cell."""
    import csv  # here, as below: each run writes one format at most
    import io

    text = io.StringIO()
    if rows:
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return text.getvalue()


def dataframe(rows: Sequence[Row]) -> pd.DataFrame:
    """Return `rows` as a pandas DataFrame; raises `MissingExtraError` if pandas is not installed."""
    try:
        import pandas as pd
    except ImportError:
        raise MissingExtraError("data frames need pandas: pip install 'dnnaccel[data]'") from None
    frame: pd.DataFrame = pd.DataFrame(list(rows))
    return frame


def markdown_table(columns: Mapping[str, Sequence[str]]) -> str:
    """Return `columns` (header to cells, all of one length) as a Markdown table."""

    def line(cells: Iterable[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"

    rows = zip(*columns.values(), strict=True)
    return line(columns) + "|" + "---|" * len(columns) + "\n" + "".join(line(row) for row in rows)


def html_table(columns: Mapping[str, Sequence[str]]) -> str:
    """Return `columns` (header to cells, all of one length) as an HTML table."""
    import html

    def line(tag: str, cells: Iterable[str]) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>\n"

    body = "".join(line("td", row) for row in zip(*columns.values(), strict=True))
    return f"<table>\n<thead>{line('th', columns)}</thead>\n<tbody>{body}</tbody>\n</table>\n"
