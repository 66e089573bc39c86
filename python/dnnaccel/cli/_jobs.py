"""The commands that simulate: `simulate` and `compare`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from dnnaccel.cli._completion import complete_chip, complete_dataflow, complete_network
from dnnaccel.cli._inputs import Sizes, load_chip, load_part, read_density, split
from dnnaccel.cli._options import chip_option, dataflow_option, job_options
from dnnaccel.cli._output import check_output, deliver, progress_bar, terminal_width
from dnnaccel.cli._plot import Picture, plot_options
from dnnaccel.errors import DnnAccelError

if TYPE_CHECKING:
    from dnnaccel.arch import Chip

__all__ = ["compare", "simulate"]


@click.command(
    epilog="""\b
Examples:
  dnnaccel simulate alexnet --arch eyeriss
  dnnaccel simulate vgg16:conv3_2 --arch eyeriss --dataflow ws --objective latency
  dnnaccel simulate alexnet --arch eyeriss --dataflow my_dataflow.yaml
  dnnaccel simulate resnet50 --arch tpu_v1 --batch 8 --html resnet50.html
  dnnaccel simulate mobilenet_v1 --arch eyeriss --image-size 160 --width 0.5
  dnnaccel simulate alexnet --arch eyeriss --set pe_array.rows=8 --format csv
  dnnaccel simulate alexnet:conv1 --arch eyeriss --provenance
  dnnaccel simulate alexnet --arch eyeriss --density eyeriss_jssc17
  dnnaccel simulate alexnet --arch eyeriss --fidelity tile
  dnnaccel simulate alexnet --arch tpu_v1 --fidelity tile --dram ddr4_2400
  dnnaccel simulate lenet5 --arch eyeriss --fidelity cycle
  dnnaccel simulate alexnet --arch eyeriss --plot energy.pdf --plot-by tensor
  dnnaccel simulate resnet50 --arch eyeriss --plot roof.svg --plot-kind roofline --plot-level glb
"""
)
@click.argument("network", metavar="NETWORK[:LAYER]", shell_complete=complete_network)
@chip_option
@dataflow_option
@click.option(
    "--fidelity",
    default="analytical",
    show_default=True,
    metavar="FIDELITY",
    help="How closely to look: analytical (closed form), tile (the schedule of tiles, with its stalls) or "
    "cycle (the array, too, cycle by cycle).",
)
@click.option(
    "--dram",
    metavar="DRAM",
    help="Time the outermost memory command by command: a DRAM's name ('dnnaccel dram' lists them) or file.",
)
@click.option(
    "--provenance",
    is_flag=True,
    help="Print also what the energy is made of: counts, energy of each action, and its source.",
)
@plot_options("energy, words, cycles, latency, roofline or utilization", "by", "level")
@job_options
def simulate(
    network: str,
    chip: str,
    dataflow: str | None,
    fidelity: str,
    dram: str | None,
    provenance: bool,
    picture: Picture,
    objective: str,
    effort: str,
    batch: int,
    sizes: Sizes,
    density: str | None,
    changes: tuple[str, ...],
    format: str | None,
    output: str | None,
    html: str | None,
    threads: int | None,
    quiet: bool,
) -> None:
    """Say what NETWORK, or one LAYER of it, costs on a chip."""
    from dnnaccel.report.plots.kinds import REPORT_KINDS
    from dnnaccel.simulate import simulate as job

    check_output(output, format, html)
    picture = picture.check(REPORT_KINDS, "energy")
    if provenance and output is None and format not in (None, "table"):
        raise DnnAccelError(f"--provenance prints a table beside the {format}; write that with --output FILE")
    net, target = load_part(network, batch=batch, sizes=sizes), load_chip(chip, changes)
    with progress_bar(quiet) as progress:
        report = job(
            net,
            target,
            dataflow=dataflow,
            objective=objective,
            fidelity=fidelity,
            dram=dram,
            density=read_density(density),
            effort=effort,
            threads=threads,
            progress=progress,
        )
    deliver(report, format=format, output=output, html=html, quiet=quiet)
    picture.draw(report, quiet=quiet)
    if provenance:
        click.echo(("" if output else "\n") + report.provenance().to_text(width=terminal_width()))


@click.command(
    short_help="Put networks, chips and dataflows side by side.",
    epilog="""\b
Examples:
  dnnaccel compare alexnet --arch eyeriss --dataflows ws,os,is,rs,nlr
  dnnaccel compare alexnet,resnet50 --arch eyeriss,tpu_v1,nvdla_large
  dnnaccel compare alexnet --arch eyeriss --dataflows ws,rs --layers --sort energy
  dnnaccel compare alexnet --arch eyeriss,gemmini,nvdla_large --equal-area
  dnnaccel compare alexnet --arch eyeriss,shidiannao --equal-area \\
    --scale shidiannao:nb_in.size_bytes
  dnnaccel compare resnet50,mobilenet_v2 --arch eyeriss --image-size 160
  dnnaccel compare vgg16 --arch eyeriss,chip.yaml --batch 4 --html comparison.html
  dnnaccel compare alexnet --arch eyeriss --dataflows ws,os,rs --plot energy.pdf --plot-by tensor
""",
)
@click.argument("networks", metavar="NETWORKS", shell_complete=complete_network)
@click.option(
    "--arch",
    "-a",
    "chips",
    required=True,
    metavar="CHIPS",
    shell_complete=complete_chip,
    help="Chips, by name or path of a YAML file, with commas between.",
)
@click.option(
    "--dataflows",
    "-d",
    metavar="DATAFLOWS",
    shell_complete=complete_dataflow,
    help="Dataflows, by name or path of a YAML file, with commas between; by default each chip's own.",
)
@click.option(
    "--equal-area",
    is_flag=True,
    help="Give every chip the area of the first, by scaling its largest memory.",
)
@click.option(
    "--scale",
    "scaled",
    multiple=True,
    metavar="[CHIP:]KEY",
    help="What --equal-area scales, for instance eyeriss:glb.size_bytes or pe_array.rows; may be repeated.",
)
@click.option("--layers", is_flag=True, help="Give the differences layer by layer, in place of the totals.")
@click.option(
    "--sort",
    type=click.Choice(["order", "energy", "cycles", "dram_words"]),
    default="order",
    show_default=True,
    help="Order of --layers: as they run, or by what they have of it in the first column, most first.",
)
@plot_options("energy, words, cycles, dram, edp or utilization", "by")
@job_options
def compare(
    networks: str,
    chips: str,
    dataflows: str | None,
    equal_area: bool,
    scaled: tuple[str, ...],
    layers: bool,
    sort: str,
    picture: Picture,
    objective: str,
    effort: str,
    batch: int,
    sizes: Sizes,
    density: str | None,
    changes: tuple[str, ...],
    format: str | None,
    output: str | None,
    html: str | None,
    threads: int | None,
    quiet: bool,
) -> None:
    """Put NETWORKS (names with commas between), chips and dataflows side by side, with ratios."""
    from dnnaccel.compare import compare as job
    from dnnaccel.report.plots.kinds import COMPARISON_KINDS

    check_output(output, format, html)
    if scaled and not equal_area:
        raise DnnAccelError("--scale says what --equal-area scales; give that too")
    picture = picture.check(COMPARISON_KINDS, "energy")
    nets = [load_part(name, batch=batch, sizes=sizes) for name in split(networks)]
    targets = [load_chip(name, changes) for name in split(chips)]
    flows = None if dataflows is None else split(dataflows)
    with progress_bar(quiet) as progress:
        comparison = job(
            nets,
            targets,
            flows,
            objective=objective,
            density=read_density(density),
            effort=effort,
            equal_area=_read_scaled(scaled, targets) or equal_area,
            threads=threads,
            progress=progress,
        )
    shown = comparison.layers(sort) if layers else comparison
    deliver(shown, format=format, output=output, html=html, quiet=quiet)
    picture.draw(comparison, quiet=quiet)


def _read_scaled(scaled: tuple[str, ...], chips: Sequence[Chip]) -> dict[str, str]:
    """Return what --scale says is scaled, by chip; a KEY alone is for every chip."""
    keys: dict[str, str] = {}
    for text in scaled:
        chip, colon, key = text.rpartition(":")
        keys |= {chip: key} if colon else {each.name: key for each in chips}
    return keys
