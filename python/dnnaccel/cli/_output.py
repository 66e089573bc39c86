"""Where results go: the terminal or a file, and a progress bar while they are made."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

import click

if TYPE_CHECKING:
    from dnnaccel.atlas import Atlas
    from dnnaccel.compare import Comparison, LayerComparison
    from dnnaccel.diff import ReportDiff
    from dnnaccel.report import Report
    from dnnaccel.sweep import Sweep

__all__ = [
    "Printable",
    "check_file",
    "check_output",
    "deliver",
    "print_as",
    "print_or_write",
    "progress_bar",
    "terminal_width",
    "write_page",
    "wrote",
]


class Printable(Protocol):
    """What commands print: a text table, JSON or CSV."""

    def to_text(self, *, width: int) -> str: ...

    def to_json(self) -> str: ...

    def to_csv(self) -> str: ...


class Page(Protocol):
    """What has a page of its own."""

    def to_html(self) -> str: ...


def terminal_width() -> int:
    """Return how wide tables may be: the terminal, or 120 columns where the output goes elsewhere."""
    if not sys.stdout.isatty():
        return 120
    return max(60, shutil.get_terminal_size().columns)


def print_as(format: str, result: Printable) -> None:
    """Print a result as "table", "json" or "csv"."""
    if format == "table":
        click.echo(result.to_text(width=terminal_width()))
    else:
        click.echo(result.to_json() if format == "json" else result.to_csv(), nl=False)


def check_output(output: str | None, format: str | None, html: str | None = None) -> None:
    """Refuse a file that cannot be written before the work is done, not after."""
    from dnnaccel.report.files import check_writable, format_of

    if output is not None:
        if format is None:
            format_of(output)
        check_writable(output)
    check_file(html)


def check_file(path: str | None) -> None:
    """Refuse a file that cannot be written before the work is done; None and "-" are none."""
    from dnnaccel.report.files import check_writable

    if path not in (None, "-"):
        check_writable(path)


def print_or_write(path: str, text: str, *, quiet: bool) -> None:
    """Write `text` to the file `path`, or print it if that is "-"."""
    from dnnaccel.report.files import write_atomically

    if path == "-":
        click.echo(text, nl=False)
        return
    write_atomically(path, text)
    wrote(path, quiet=quiet)


def wrote(path: str, *, quiet: bool) -> None:
    """Say on stderr that `path` was written."""
    if not quiet:
        click.echo(f"wrote {path}", err=True)


def deliver(
    result: Report | Comparison | LayerComparison | Sweep | Atlas | ReportDiff,
    *,
    format: str | None,
    output: str | None,
    html: str | None = None,
    quiet: bool,
) -> None:
    """Write a result to the file `output`, or print it; None for `format` is a table, or what the file is.

    With `html` its page is written there besides.
    """
    if output is None:
        print_as(format or "table", result)
    else:
        result.save(output, format=format)
        wrote(output, quiet=quiet)
    write_page(html, result, quiet=quiet)


def write_page(html: str | None, result: Page, *, quiet: bool) -> None:
    """Write the page of a result to the file `html`, "-" for the terminal; None is for none."""
    if html is not None:
        print_or_write(html, result.to_html(), quiet=quiet)


@contextlib.contextmanager
def progress_bar(quiet: bool) -> Iterator[Callable[[int, int, str], None] | None]:
    """Show a progress bar on stderr if a person watches it, and give what moves it."""
    if quiet or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)

        def update(done: int, total: int, what: str) -> None:
            bar.update(task, completed=done, total=total, description=what)

        yield update
