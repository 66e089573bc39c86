"""The command that runs a page's inputs again: `rerun resnet50.html`."""

from __future__ import annotations

import click

from dnnaccel.cli._options import html_option, output_options, quiet_option, threads_option
from dnnaccel.cli._output import check_output, deliver, progress_bar

__all__ = ["rerun"]


@click.command(
    short_help="Run again what a page was made of.",
    epilog="""\b
Examples:
  dnnaccel rerun resnet50.html
  dnnaccel rerun resnet50.html --format json
  dnnaccel rerun resnet50.html --html again.html
  dnnaccel rerun comparison.html --format csv
""",
)
@click.argument("page", metavar="PAGE", type=click.Path())
@output_options
@html_option
@threads_option
@quiet_option
def rerun(
    page: str, format: str | None, output: str | None, html: str | None, threads: int | None, quiet: bool
) -> None:
    """Do again what PAGE, which 'simulate' or 'compare' wrote with --html, was made of: its inputs alone.

    Nothing in PAGE is run; its inputs are read as data and checked. The result equals the page's.
    """
    from dnnaccel.rerun import rerun as job

    check_output(output, format, html)
    with progress_bar(quiet) as progress:
        found = job(page, threads=threads, progress=progress)
    deliver(found, format=format, output=output, html=html, quiet=quiet)
