"""The commands about the mapping of one layer: `search` and `evaluate`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dnnaccel.cli._completion import complete_network
from dnnaccel.cli._inputs import Limits, Sizes, load_chip, load_dataflow, load_density, load_layer
from dnnaccel.cli._options import (
    chip_option,
    dataflow_option,
    effort_option,
    html_option,
    input_options,
    limit_options,
    quiet_option,
    threads_option,
)
from dnnaccel.cli._output import check_file, print_or_write, progress_bar, terminal_width, write_page, wrote
from dnnaccel.cli._plot import Picture, plot_options
from dnnaccel.errors import SearchInterrupted

if TYPE_CHECKING:
    from dnnaccel.search_result import SearchResult

__all__ = ["evaluate", "search"]

_layer_argument = click.argument("layer", metavar="NETWORK[:LAYER]", shell_complete=complete_network)
_json_option = click.option(
    "--json",
    "json",
    type=click.Path(),
    metavar="FILE",
    help="Write everything as JSON to FILE; - prints it instead of the nest.",
)


@click.command(
    short_help="Find the best mapping of a layer, and show its loop nest.",
    epilog="""\b
Examples:
  dnnaccel search vgg16:conv3_2 --arch eyeriss
  dnnaccel search vgg16:conv3_2 --arch eyeriss --html search.html
  dnnaccel search alexnet:conv2 --arch eyeriss --dataflow free --objective edp
  dnnaccel search alexnet:conv2 --arch eyeriss --objective latency --max-energy 1.3e9
  dnnaccel search alexnet:conv2 --arch eyeriss --objective pareto --plot front.pdf
  dnnaccel search alexnet:conv3 --arch eyeriss --where 'dram: order M, C' --forbid M@pe_array
  dnnaccel search alexnet:conv2 --arch eyeriss --plot nest.svg
  dnnaccel search resnet50:conv1 --arch tpu_v1 --batch 8 --save mapping.txt
  dnnaccel search alexnet:conv3 --arch eyeriss --set pe_array.rows=16 --json - | jq .cost.cycles
""",
)
@_layer_argument
@chip_option
@dataflow_option
@click.option(
    "--objective",
    type=click.Choice(["energy", "latency", "edp", "pareto"]),
    default="energy",
    show_default=True,
    help="What is to be least; edp is energy x delay, pareto all that nothing beats in both.",
)
@click.option(
    "--max-energy",
    type=float,
    metavar="ENERGY",
    help="Energy that the mapping may take at most, in the chip's unit (pJ in most).",
)
@click.option("--max-cycles", type=float, metavar="CYCLES", help="Cycles that the mapping may take at most.")
@limit_options
@effort_option
@input_options
@click.option(
    "--save",
    type=click.Path(),
    metavar="FILE",
    help="Write the mapping to FILE, for `dnnaccel evaluate --mapping FILE`.",
)
@_json_option
@plot_options("nest, or pareto, which --objective pareto draws")
@html_option
@threads_option
@quiet_option
def search(
    layer: str,
    chip: str,
    dataflow: str | None,
    objective: str,
    max_energy: float | None,
    max_cycles: float | None,
    limits: Limits,
    effort: str,
    batch: int,
    sizes: Sizes,
    density: str | None,
    changes: tuple[str, ...],
    save: str | None,
    json: str | None,
    picture: Picture,
    html: str | None,
    threads: int | None,
    quiet: bool,
) -> None:
    """Find the mapping of LAYER on a chip that takes the least energy, time or both.

    Prints its loop nest with the reads, writes and energy of every level, what it costs, and whether it is
    proved that there is none better. NETWORK alone stands for its layer, where only one has MACs.
    """
    from dnnaccel.mapper import search as job
    from dnnaccel.report.plots.kinds import SEARCH_KINDS

    for path in (save, json, html):
        check_file(path)
    picture = picture.check(SEARCH_KINDS, "pareto" if objective == "pareto" else "nest")
    net, part = load_layer(layer, batch=batch, sizes=sizes)
    target = load_chip(chip, changes)
    zeros = load_density(density, net, part)
    try:
        with progress_bar(quiet) as progress:
            found = job(
                part,
                target,
                load_dataflow(dataflow, target, limits),
                objective,
                max_energy=max_energy,
                max_cycles=max_cycles,
                density=zeros,
                effort=effort,
                threads=threads,
                progress=progress,
            )
    except SearchInterrupted as stopped:
        # Whoever stops a long search wants what it has.
        _deliver(stopped.result, save=save, json=json, picture=picture, html=html, quiet=quiet)
        raise
    _deliver(found, save=save, json=json, picture=picture, html=html, quiet=quiet)


def _deliver(
    found: SearchResult,
    *,
    save: str | None,
    json: str | None,
    picture: Picture,
    html: str | None,
    quiet: bool,
) -> None:
    if json != "-":
        click.echo(found.to_text(width=terminal_width()))
    if json is not None:
        print_or_write(json, found.to_json(), quiet=quiet)
    write_page(html, found, quiet=quiet)
    if save is not None:
        found.mapping.save(save)
        wrote(save, quiet=quiet)
    picture.draw(found, quiet=quiet)


@click.command(
    short_help="Cost a mapping of your own, and show its loop nest.",
    epilog="""\b
Examples:
  dnnaccel evaluate vgg16:conv3_2 --arch eyeriss --mapping mapping.txt
  dnnaccel evaluate vgg16:conv3_2 --arch eyeriss --mapping mapping.txt --set glb.size_bytes=65536

\b
A mapping file is what `dnnaccel search --save FILE` writes: a line for each level of the chip
with the tensors it keeps, and one for each of its loops, such as `for M in 0..96 step 16`.
""",
)
@_layer_argument
@chip_option
@click.option(
    "--mapping", "-m", required=True, type=click.Path(), metavar="FILE", help="File with the mapping."
)
@input_options
@_json_option
@plot_options("nest, the loops over the chip's levels")
@quiet_option
def evaluate(
    layer: str,
    chip: str,
    mapping: str,
    batch: int,
    sizes: Sizes,
    density: str | None,
    changes: tuple[str, ...],
    json: str | None,
    picture: Picture,
    quiet: bool,
) -> None:
    """Say what LAYER costs on a chip under the mapping in a file."""
    from dnnaccel.cost import evaluate as job
    from dnnaccel.mapping import Mapping
    from dnnaccel.report.plots.kinds import COST_KINDS

    check_file(json)
    picture = picture.check(COST_KINDS, "nest")
    net, part = load_layer(layer, batch=batch, sizes=sizes)
    target = load_chip(chip, changes)
    cost = job(part, target, Mapping.load(mapping), density=load_density(density, net, part))
    if json != "-":
        click.echo(cost.to_text(width=terminal_width()))
    if json is not None:
        print_or_write(json, cost.to_json(), quiet=quiet)
    picture.draw(cost, quiet=quiet)
