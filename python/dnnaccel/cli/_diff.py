"""The command that says what changed between two saved reports: `diff a.json b.json`."""

from __future__ import annotations

import click

from dnnaccel.cli._options import html_option, output_options, quiet_option
from dnnaccel.cli._output import check_output, deliver, terminal_width, write_page

__all__ = ["diff"]

DIFFERENT = 1


@click.command(
    short_help="What changed between two saved reports.",
    epilog="""\b
Examples:
  dnnaccel simulate alexnet --arch eyeriss --dataflow rs -o a.json
  dnnaccel simulate alexnet --arch eyeriss --dataflow ws -o b.json
  dnnaccel diff a.json b.json
  dnnaccel diff a.json b.json --threshold 0.01 --quiet
  dnnaccel diff a.json b.json --mappings
  dnnaccel diff a.json b.json --html changes.html

\b
Exit codes, as those of diff(1):
  0  no difference    1  some    2  a file is no report, or another mistake
""",
)
@click.argument("a", metavar="A.json", type=click.Path())
@click.argument("b", metavar="B.json", type=click.Path())
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    metavar="PART",
    help="Take numbers that differ by at most this part of the larger one for equal, for instance 0.01.",
)
@click.option("--mappings", is_flag=True, help="Print also the lines of the loop nests that changed.")
@output_options
@html_option
@quiet_option
@click.pass_context
def diff(
    ctx: click.Context,
    a: str,
    b: str,
    threshold: float,
    mappings: bool,
    format: str | None,
    output: str | None,
    html: str | None,
    quiet: bool,
) -> None:
    """Say what changed from report A to report B: settings, totals, and layers, the largest change first.

    Both are files that `dnnaccel simulate -o FILE.json` wrote. The exit code is 0 if nothing changed, 1 if
    something did, and 2 for a mistake.
    """
    from dnnaccel.diff import diff as job

    check_output(output, format, html)
    found = job(a, b, threshold=threshold)
    if output is None and format in (None, "table"):
        click.echo(found.to_text(width=terminal_width(), mappings=mappings))
        write_page(html, found, quiet=quiet)
    else:
        deliver(found, format=format, output=output, html=html, quiet=quiet)
    if found:
        ctx.exit(DIFFERENT)
