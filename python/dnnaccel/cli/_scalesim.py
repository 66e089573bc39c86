"""The command that stands in for SCALE-Sim: its options, its files, its reports."""

from __future__ import annotations

import click

from dnnaccel.cli._options import format_option, quiet_option
from dnnaccel.cli._output import print_as, progress_bar, wrote

__all__ = ["scalesim"]


@click.command(
    short_help="Count a topology as SCALE-Sim does, and write its reports.",
    epilog="""\b
Examples:
  dnnaccel scalesim -c scale.cfg -t topology.csv -p out
  dnnaccel scalesim -c google.cfg -t gemm.csv -i gemm -p out
  dnnaccel scalesim -c scale.cfg -t topology.csv --format csv
""",
)
@click.option("-c", "config", required=True, metavar="FILE", help="Configuration (.cfg) of version 2 or 3.")
@click.option("-t", "topology", required=True, metavar="FILE", help="Topology (.csv) of the layers.")
@click.option(
    "-p",
    "directory",
    metavar="DIR",
    default="./results/",
    show_default=True,
    help="Where the reports go, in a directory of the run's name; made where it is missing.",
)
@click.option(
    "-i",
    "kind",
    type=click.Choice(["conv", "gemm"]),
    help="What the topology's lines are; by default what their number of cells says.",
)
@click.option("-l", "layout", metavar="FILE", help="Layout; taken for SCALE-Sim's sake and not read.")
@click.option("-s", "traces", metavar="Y|N", help="Traces; taken for SCALE-Sim's sake, none are written.")
@format_option("table", "json", "csv")
@quiet_option
def scalesim(
    config: str,
    topology: str,
    directory: str,
    kind: str | None,
    layout: str | None,
    traces: str | None,
    format: str,
    quiet: bool,
) -> None:
    """Count a topology on a systolic array as SCALE-Sim 3.0.0 does, figure for figure.

    Its own options are understood. COMPUTE_REPORT.csv, BANDWIDTH_REPORT.csv and DETAILED_ACCESS_REPORT.csv,
    and SPARSE_REPORT.csv where filters are sparse, are written as it writes them; traces are not.
    """
    from dnnaccel.conventions.scalesim import read_config, simulate

    settings = read_config(config)
    with progress_bar(quiet) as progress:
        report = simulate(topology, settings, kind=kind, progress=progress)
    paths = report.write(directory)
    print_as(format, report)
    for path in paths:
        wrote(str(path), quiet=quiet)
