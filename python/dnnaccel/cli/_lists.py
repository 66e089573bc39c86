"""The commands that list and show what there is."""

from __future__ import annotations

from typing import Protocol

import click

from dnnaccel.cli._completion import complete_any, complete_network
from dnnaccel.cli._inputs import Sizes, load_network, load_part, names_network
from dnnaccel.cli._options import format_option, size_options
from dnnaccel.cli._output import terminal_width

__all__ = ["archs", "datasets", "draw", "networks", "schema", "show"]


class _Listing(Protocol):
    def to_json(self) -> str: ...

    def to_csv(self) -> str: ...

    def to_markdown(self) -> str: ...


def _print_data(listing: _Listing, format: str) -> None:
    render = {"csv": listing.to_csv, "json": listing.to_json, "md": listing.to_markdown}[format]
    click.echo(render(), nl=False)


@click.command(
    short_help="List the built-in networks: layers, sizes, accuracy.",
    epilog="""\b
Examples:
  dnnaccel networks
  dnnaccel networks 'resnet*' vgg16 --details
  dnnaccel networks 'mobilenet*' --image-size 160 --width 0.5
  dnnaccel networks --format csv
""",
)
@click.argument("patterns", metavar="[NAME|PATTERN]...", nargs=-1, shell_complete=complete_network)
@format_option("table", "csv", "json", "md")
@click.option("--details", is_flag=True, help="All columns of the table, however many lines that takes.")
@size_options
def networks(patterns: tuple[str, ...], format: str, details: bool, sizes: Sizes) -> None:
    """List the built-in networks, or those that fit a NAME or PATTERN such as 'resnet*'.

    Weights and MACs are of convolutions and matrix products, for one inference.
    """
    from dnnaccel import zoo

    table = zoo.table(
        patterns or None,
        image_size=sizes.image_size,
        sequence_length=sizes.sequence_length,
        width=sizes.width,
    )
    if format == "table":
        click.echo(table.to_text(width=terminal_width(), details=details))
    else:
        _print_data(table, format)


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
@format_option("table", "csv", "json", "md")
def datasets(format: str) -> None:
    """List the datasets that networks are measured on, with the sources of what is said of them."""
    from dnnaccel import datasets

    table = datasets.table()
    if format == "table":
        click.echo(table.to_text(width=terminal_width()))
    else:
        _print_data(table, format)


@click.command(
    short_help="Draw the graph of a network.",
    epilog="""\b
Examples:
  dnnaccel draw resnet50 -o resnet50.svg
  dnnaccel draw bert_base --sequence-length 512 -o bert.svg
  dnnaccel draw model.onnx -o model.svg
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
@size_options
def draw(network: str, output: str | None, format: str | None, every: bool, sizes: Sizes) -> None:
    """Draw the graph of NETWORK, a name or a file, as SVG, or as DOT for Graphviz."""
    text = load_network(network, sizes=sizes).draw(output, format=format, fold=not every)
    if output is None:
        click.echo(text, nl=False)


@click.command(
    short_help="Print the JSON schema of chip files, for editors.",
    epilog="""\b
Example:
  dnnaccel schema > chip.schema.json

\b
First line of a chip file, for editors that know YAML schemas:
  # yaml-language-server: $schema=chip.schema.json
""",
)
def schema() -> None:
    """Print the JSON schema of chip files: which keys there are and what each may hold."""
    import json

    from dnnaccel import arch

    click.echo(json.dumps(arch.schema(), indent=2))


@click.command(
    short_help="Show a network, a layer, a chip or a dataflow.",
    epilog="""\b
Examples:
  dnnaccel show alexnet
  dnnaccel show alexnet:conv1
  dnnaccel show mobilenet_v1 --image-size 160
  dnnaccel show my_network.yaml
  dnnaccel show eyeriss
  dnnaccel show my_chip.yaml
  dnnaccel show rs
  dnnaccel show my_dataflow.yaml
""",
)
@click.argument("name", metavar="NAME", shell_complete=complete_any)
@size_options
def show(name: str, sizes: Sizes) -> None:
    """Show a network, one of its layers (NETWORK:LAYER), a chip or a dataflow, by name or file."""
    from dnnaccel.network import Network
    from dnnaccel.report.listing import describe, layer_text

    if names_network(name) or sizes.flags():
        part = load_part(name, sizes=sizes)
        click.echo(part.summary() if isinstance(part, Network) else layer_text(part))
    else:
        click.echo(describe(name))
