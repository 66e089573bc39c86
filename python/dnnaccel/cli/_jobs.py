"""The commands that simulate: `simulate` and `compare`."""

from __future__ import annotations

import click

from dnnaccel.cli._completion import complete_chip, complete_dataflow, complete_network
from dnnaccel.cli._inputs import Sizes, load_chip, load_part, read_density, split
from dnnaccel.cli._options import chip_option, dataflow_option, job_options
from dnnaccel.cli._output import check_output, deliver, progress_bar, terminal_width
from dnnaccel.cli._plot import Picture, plot_options
from dnnaccel.errors import DnnAccelError

__all__ = ["compare", "simulate"]


@click.command(
    epilog="""\b
Examples:
  dnnaccel simulate alexnet --arch eyeriss
  dnnaccel simulate vgg16:conv3_2 --arch eyeriss --dataflow ws --objective latency
  dnnaccel simulate alexnet --arch eyeriss --dataflow my_dataflow.yaml
  dnnaccel simulate resnet50 --arch tpu_v1 --batch 8 --output resnet50.html
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
    batch: int,
    sizes: Sizes,
    density: str | None,
    changes: tuple[str, ...],
    format: str | None,
    output: str | None,
    threads: int | None,
    quiet: bool,
) -> None:
    """Say what NETWORK, or one LAYER of it, costs on a chip."""
    from dnnaccel.report.plots.kinds import REPORT_KINDS
    from dnnaccel.simulate import simulate as job

    check_output(output, format)
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
            threads=threads,
            progress=progress,
        )
    deliver(report, format=format, output=output, quiet=quiet)
    picture.draw(report, quiet=quiet)
    if provenance:
        click.echo(("" if output else "\n") + report.provenance().to_text(width=terminal_width()))


@click.command(
    short_help="Put networks, chips and dataflows into one table.",
    epilog="""\b
Examples:
  dnnaccel compare alexnet --arch eyeriss --dataflows ws,os,is,rs,nlr
  dnnaccel compare alexnet,resnet50 --arch eyeriss,tpu_v1,nvdla_large
  dnnaccel compare resnet50,mobilenet_v2 --arch eyeriss --image-size 160
  dnnaccel compare vgg16 --arch eyeriss,chip.yaml --batch 4 --output comparison.html
  dnnaccel compare alexnet --arch eyeriss --dataflows ws,os,is,rs,nlr --plot energy.pdf --plot-by tensor
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
@plot_options("energy, words, cycles, dram, edp or utilization", "by")
@job_options
def compare(
    networks: str,
    chips: str,
    dataflows: str | None,
    picture: Picture,
    objective: str,
    batch: int,
    sizes: Sizes,
    density: str | None,
    changes: tuple[str, ...],
    format: str | None,
    output: str | None,
    threads: int | None,
    quiet: bool,
) -> None:
    """Put NETWORKS (names with commas between), chips and dataflows into one table with ratios."""
    from dnnaccel.compare import compare as job
    from dnnaccel.report.plots.kinds import COMPARISON_KINDS

    check_output(output, format)
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
            threads=threads,
            progress=progress,
        )
    deliver(comparison, format=format, output=output, quiet=quiet)
    picture.draw(comparison, quiet=quiet)
