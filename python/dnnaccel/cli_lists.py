"""Commands that list what there is, and what all commands know of names and terminals."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable
from typing import Protocol

import click
from click.shell_completion import CompletionItem

__all__ = [
    "Printable",
    "archs",
    "complete_list",
    "complete_network",
    "datasets",
    "networks",
    "terminal_width",
]


class Printable(Protocol):
    """What commands print: a text table, JSON or CSV."""

    def to_text(self, *, width: int) -> str: ...

    def to_json(self) -> str: ...

    def to_csv(self) -> str: ...


def terminal_width() -> int:
    """Return how wide tables may be: the terminal, or 120 columns where the output goes elsewhere."""
    if not sys.stdout.isatty():
        return 120
    return max(60, shutil.get_terminal_size().columns)


def complete_list(incomplete: str, names: Iterable[str]) -> list[CompletionItem]:
    """Complete the last item of a list with commas."""
    before, comma, last = incomplete.rpartition(",")
    return [CompletionItem(before + comma + name) for name in names if name.startswith(last)]


def complete_network(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete a network's name, or NETWORK:LAYER."""
    from dnnaccel import zoo

    network, colon, _ = incomplete.partition(":")
    if colon and network in zoo.names():
        return complete_list(incomplete, (f"{network}:{layer.name}" for layer in zoo.load(network)))
    return complete_list(incomplete, zoo.names())


@click.command(
    short_help="List the built-in networks: layers, sizes, accuracy.",
    epilog="""\b
Examples:
  dnnaccel networks
  dnnaccel networks 'resnet*' vgg16 --details
  dnnaccel networks --format csv
""",
)
@click.argument("patterns", metavar="[NAME|PATTERN]...", nargs=-1, shell_complete=complete_network)
@click.option(
    "--format",
    "format",
    type=click.Choice(["table", "csv", "json", "md"]),
    default="table",
    show_default=True,
    help="What to print.",
)
@click.option("--details", is_flag=True, help="All columns of the table, however many lines that takes.")
def networks(patterns: tuple[str, ...], format: str, details: bool) -> None:
    """List the built-in networks, or those that fit a NAME or PATTERN such as 'resnet*'.

    Weights and MACs are of convolutions and matrix products, for one inference.
    """
    from dnnaccel import zoo

    table = zoo.table(patterns or None)
    if format == "table":
        click.echo(table.to_text(width=terminal_width(), details=details))
    else:
        render = {"csv": table.to_csv, "json": table.to_json, "md": table.to_markdown}[format]
        click.echo(render(), nl=False)


@click.command()
def archs() -> None:
    """List the built-in chips."""
    from dnnaccel.report.listing import chips_text

    click.echo(chips_text(width=terminal_width()))


@click.command(
    short_help="List datasets: what they hold, how many samples, best accuracy.",
    epilog="""\b
Examples:
  dnnaccel datasets
  dnnaccel datasets --format json
""",
)
@click.option(
    "--format",
    "format",
    type=click.Choice(["table", "csv", "json", "md"]),
    default="table",
    show_default=True,
    help="What to print.",
)
def datasets(format: str) -> None:
    """List the datasets that networks are measured on, with the sources of what is said of them."""
    from dnnaccel import datasets

    table = datasets.table()
    if format == "table":
        click.echo(table.to_text(width=terminal_width()))
    else:
        render = {"csv": table.to_csv, "json": table.to_json, "md": table.to_markdown}[format]
        click.echo(render(), nl=False)


@click.command(
    short_help="Draw the graph of a network.",
    epilog="""\b
Examples:
  dnnaccel draw resnet50 -o resnet50.svg
  dnnaccel draw resnet50 --format dot | dot -Tpdf -o resnet50.pdf
""",
)
@click.argument("network", metavar="NETWORK", shell_complete=complete_network)
@click.option("--output", "-o", type=click.Path(), metavar="FILE", help="Write to FILE (.svg, .dot or .gv).")
@click.option(
    "--format",
    "format",
    type=click.Choice(["svg", "dot"]),
    help="Format; by default what the suffix of --output says, else SVG.",
)
@click.option("--all", "every", is_flag=True, help="A box for every activation and normalisation too.")
def draw(network: str, output: str | None, format: str | None, every: bool) -> None:
    """Draw the graph of NETWORK as SVG, or as DOT for Graphviz."""
    from dnnaccel import zoo

    text = zoo.load(network).draw(output, format=format, fold=not every)
    if output is None:
        click.echo(text, nl=False)
