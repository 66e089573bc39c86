"""The ways out that all results share: JSON, CSV, data frames and files."""

from __future__ import annotations

import json
import os
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from dnnaccel._rows import Row

__all__ = ["Outputs"]


class Outputs(ABC):
    """A result that says itself as text, plain values, flat rows and a page, and so in every format."""

    __slots__ = ()

    @abstractmethod
    def to_text(self) -> str:
        """Return it as plain text for a terminal."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Return it as plain numbers, strings, lists and dicts, ready for JSON."""

    @abstractmethod
    def to_rows(self) -> list[Row]:
        """Return it as flat rows, all with the same columns."""

    @abstractmethod
    def to_html(self) -> str:
        """Return a page that needs no other file."""

    def to_json(self) -> str:
        """Return `to_dict()` as JSON text, indented by two blanks."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False) + "\n"

    def to_csv(self) -> str:
        """Return `to_rows()` as CSV text, with a header."""
        from dnnaccel._rows import csv_text

        return csv_text(self.to_rows())

    def to_dataframe(self) -> pd.DataFrame:
        """Return `to_rows()` as a pandas DataFrame; raises `MissingExtraError` without pandas."""
        from dnnaccel._rows import dataframe

        return dataframe(self.to_rows())

    def render(self, format: str) -> str:
        """Return it as "table", "json", "csv" or "html" text; raises `DnnAccelError` for another format."""
        from dnnaccel.report.files import render

        return render(self, format)

    def save(self, path: str | os.PathLike[str], *, format: str | None = None) -> None:
        """Write it to `path`, whole or not at all.

        `format` is "table", "json", "csv" or "html"; None takes it from the suffix (.txt .json .csv .html).
        Raises `DnnAccelError` for another suffix or format, or if the file cannot be written.
        """
        from dnnaccel.report.files import save

        save(self, path, format)

    def __str__(self) -> str:
        return self.to_text()
