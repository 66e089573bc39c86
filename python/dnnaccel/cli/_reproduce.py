"""The commands that print published results beside ours: `reproduce PAPER`."""

from __future__ import annotations

import click

from dnnaccel.cli._completion import complete_network
from dnnaccel.cli._group import Commands
from dnnaccel.cli._inputs import split
from dnnaccel.cli._options import format_option, quiet_option, threads_option
from dnnaccel.cli._output import print_as, progress_bar

__all__ = ["reproduce"]


@click.group(
    cls=Commands,
    epilog="""\b
Examples:
  dnnaccel reproduce isca16
  dnnaccel reproduce isca16 --layers fc --batch 16,64,256 --pes 1024
  dnnaccel reproduce jssc17
  dnnaccel reproduce jssc17 --no-best --cycle
""",
)
def reproduce() -> None:
    """Print published results beside ours, with the difference."""


def _read_batches(ctx: click.Context, param: click.Parameter, value: str) -> tuple[int, ...]:
    read = click.IntRange(min=1)
    return tuple(int(read(part, param, ctx)) for part in split(value))


@reproduce.command(short_help="The dataflow comparison of Eyeriss, ISCA 2016.")
@click.option(
    "--pes",
    type=click.Choice(["256", "512", "1024"]),
    default="256",
    show_default=True,
    help="Processing elements; storage follows by the paper's rule of equal area.",
)
@click.option(
    "--batch",
    "batches",
    metavar="N,N,...",
    default="1,16,64",
    show_default=True,
    callback=_read_batches,
    help="Batch sizes.",
)
@click.option(
    "--layers",
    type=click.Choice(["conv", "fc", "all"]),
    default="conv",
    show_default=True,
    help="Layers to compare.",
)
@click.option(
    "--network",
    default="alexnet",
    show_default=True,
    shell_complete=complete_network,
    help="Network of the zoo; published figures are AlexNet's.",
)
@click.option(
    "--honest/--no-honest", default=True, help="Whether to repeat it under this package's own counting."
)
@format_option("table", "json", "csv")
@threads_option
@quiet_option
def isca16(
    pes: str,
    batches: tuple[int, ...],
    layers: str,
    network: str,
    honest: bool,
    format: str,
    threads: int | None,
    quiet: bool,
) -> None:
    """Compare the dataflows RS, WS, OSA, OSB, OSC and NLR as Chen, Emer and Sze did (ISCA 2016).

    First counted as the paper counts, beside its figures; then as this package counts otherwise.
    """
    from dnnaccel.reproduce import isca16 as job

    with progress_bar(quiet) as progress:
        comparison = job(
            pes=int(pes),
            batches=batches,
            layers=layers,
            network=network,
            honest=honest,
            threads=threads,
            progress=progress,
        )
    print_as(format, comparison)


@reproduce.command(short_help="AlexNet on the fabricated Eyeriss, JSSC 2017.")
@click.option("--best/--no-best", default=True, help="Whether to search for mappings of our own too.")
@click.option("--cycle", is_flag=True, help="Simulate the array cycle by cycle too, as the paper maps.")
@format_option("table", "json", "csv")
@threads_option
@quiet_option
def jssc17(best: bool, cycle: bool, format: str, threads: int | None, quiet: bool) -> None:
    """Print the measured table of AlexNet on the Eyeriss chip beside ours.

    Under the mappings of Chen, Krishna, Emer and Sze (JSSC 2017), and under the best that our search finds.
    """
    from dnnaccel.reproduce import jssc17 as job

    with progress_bar(quiet) as progress:
        comparison = job(best=best, cycle=cycle, threads=threads, progress=progress)
    print_as(format, comparison)
