"""The command that explains: `explain alexnet:conv2 --arch eyeriss`."""

from __future__ import annotations

import click

from dnnaccel.cli._completion import complete_network
from dnnaccel.cli._inputs import Sizes, load_chip, load_network, read_density
from dnnaccel.cli._options import (
    chip_option,
    dataflow_option,
    format_option,
    html_option,
    input_options,
    quiet_option,
)
from dnnaccel.cli._output import check_file, print_as, progress_bar, write_page

__all__ = ["explain"]


@click.command(
    short_help="What bounds a layer, and what a change would buy.",
    epilog="""\b
Examples:
  dnnaccel explain alexnet:conv2 --arch eyeriss
  dnnaccel explain resnet50 --arch tpu_v1 --no-what-if --html resnet50.html
  dnnaccel explain vgg16:conv3_2 --arch eyeriss --dataflow ws --format json
""",
)
@click.argument("network", metavar="NETWORK[:LAYER]", shell_complete=complete_network)
@chip_option
@dataflow_option
@click.option(
    "--objective",
    type=click.Choice(["energy", "latency", "edp"]),
    default="energy",
    show_default=True,
    help="What mappings are chosen for; edp is energy x delay.",
)
@click.option(
    "--what-if/--no-what-if",
    default=True,
    help="Work out what twice each bandwidth, buffer and side of an array would buy: a search each.",
)
@input_options
@format_option("table", "json", "csv")
@html_option
@quiet_option
def explain(
    network: str,
    chip: str,
    dataflow: str | None,
    objective: str,
    what_if: bool,
    batch: int,
    sizes: Sizes,
    density: str | None,
    changes: tuple[str, ...],
    format: str,
    html: str | None,
    quiet: bool,
) -> None:
    """Say why NETWORK, or one LAYER of it, takes the time and energy it does on a chip."""
    from dnnaccel.explain import explain as job

    check_file(html)
    name, _, layer = network.partition(":")
    net = load_network(name, batch=batch, sizes=sizes)
    with progress_bar(quiet) as progress:
        found = job(
            net,
            load_chip(chip, changes),
            layer or None,
            dataflow=dataflow,
            objective=objective,
            density=read_density(density),
            changes=what_if,
            progress=progress,
        )
    print_as(format, found)
    write_page(html, found, quiet=quiet)
