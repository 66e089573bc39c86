"""The command that sweeps: `sweep resnet50 --arch eyeriss --set glb.size_bytes=65536,131072`."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import click

from dnnaccel.cli._completion import complete_network
from dnnaccel.cli._inputs import split
from dnnaccel.cli._options import chip_option, dataflow_option, effort_option, html_option, quiet_option
from dnnaccel.cli._output import check_file, check_output, deliver, progress_bar, wrote
from dnnaccel.errors import DnnAccelError, SweepError

if TYPE_CHECKING:
    from concurrent.futures import Executor

__all__ = ["sweep"]


@click.command(
    short_help="One network over many variants of a chip.",
    epilog="""\b
Examples:
  dnnaccel sweep alexnet --arch eyeriss --set glb.size_bytes=65536,131072 --set pe_array.rows=8,12
  dnnaccel sweep resnet50 --arch eyeriss --set glb.size_bytes=16384..1048576*2 --store sweep.db
  dnnaccel sweep vgg16 --arch eyeriss --set pe_array.rows=6..24+6 --set pe_array.columns=7,14,28 \\
    --constraint 'pe_array.rows * pe_array.columns == 168' --plot front.pdf
  dnnaccel sweep mobilenet_v1 --arch eyeriss --set dataflow=rs,ws,os --set batch=1,4,16 -o out.csv
  dnnaccel sweep resnet50 --arch eyeriss --set glb.size_bytes=16384..4194304*2 \\
    --set pe_array.rows=4..32+2 --set pe_array.columns=4..32+2 \\
    --trials 200 --pareto energy,cycles,on_chip_bytes --store sweep.db --html sweep.html
  dnnaccel sweep resnet50 --arch eyeriss --set pe_array.rows=8,12,16 --executor dask://host:8786
""",
)
@click.argument("network", metavar="NETWORK", shell_complete=complete_network)
@chip_option
@dataflow_option
@click.option(
    "--set",
    "changes",
    multiple=True,
    required=True,
    metavar="KEY=VALUES",
    help="A parameter and its values: 8,12,16, or 64..1024*2 (factors), or 8..16+4 (steps). A key is one of "
    "the chip's, as pe_array.rows, or batch or dataflow. May be repeated: all combinations are run.",
)
@click.option(
    "--constraint",
    "constraints",
    multiple=True,
    metavar="TEXT",
    help="What a combination must meet, as 'area <= 12' or 'pe_array.rows * pe_array.columns == 168'.",
)
@click.option(
    "--equal-area", type=click.FloatRange(0, 1), metavar="PART", help="Area of the chip, but for this part."
)
@click.option(
    "--on-chip-bytes", type=click.IntRange(min=1), help="Most bytes of all memories on the chip together."
)
@click.option(
    "--objective",
    type=click.Choice(["energy", "latency", "edp"]),
    default="energy",
    show_default=True,
    help="What mappings are chosen for; edp is energy x delay.",
)
@click.option(
    "--trials",
    type=click.IntRange(min=1),
    metavar="N",
    help="Run only N combinations, chosen by a search for the best figures of --pareto (needs optuna).",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of that search.")
@effort_option
@click.option("--store", metavar="FILE", help="Keep what is done in this file; a killed run resumes from it.")
@click.option("--executor", metavar="dask://HOST:PORT", help="Run on a Dask cluster instead of this machine.")
@click.option(
    "--pareto",
    metavar="FIGURES",
    default="energy,cycles",
    show_default=True,
    help="Figures of the front, and what --trials searches for, with commas between.",
)
@click.option(
    "--plot", metavar="FILE", help="Draw all points by the front's first two figures (pdf, svg, png)."
)
@click.option("--format", type=click.Choice(["table", "json", "csv"]), help="What to print or write.")
@click.option(
    "--output", "-o", type=click.Path(), metavar="FILE", help="Write to FILE (.txt, .json, .csv or .html)."
)
@html_option
@quiet_option
def sweep(
    network: str,
    chip: str,
    dataflow: str | None,
    changes: tuple[str, ...],
    constraints: tuple[str, ...],
    equal_area: float | None,
    on_chip_bytes: int | None,
    objective: str,
    trials: int | None,
    seed: int,
    effort: str,
    store: str | None,
    executor: str | None,
    pareto: str,
    plot: str | None,
    format: str | None,
    output: str | None,
    html: str | None,
    quiet: bool,
) -> None:
    """Simulate NETWORK on every combination of values, and print those that no other beats."""
    from dnnaccel.sweep import sweep as job

    check_output(output, format, html)
    figures = split(pareto)
    if plot is not None:
        from dnnaccel.report.plots.style import check_picture

        check_picture(plot)
        check_file(plot)
    if plot is not None and len(figures) < 2:
        raise DnnAccelError(f"--plot draws two figures; --pareto {pareto!r} must name them")
    with progress_bar(quiet) as progress:
        found = job(
            network,
            chip,
            _read(changes),
            objective=objective,
            dataflow=dataflow,
            effort=effort,
            constraints=constraints,
            equal_area=equal_area,
            on_chip_bytes=on_chip_bytes,
            figures=figures,
            trials=trials,
            seed=seed,
            executor=None if executor is None else _connect(executor),
            store=store,
            progress=progress,
        )
    deliver(found, format=format, output=output, html=html, quiet=quiet)
    if plot is not None:
        found.plot(figures[1], figures[0], plot)
        wrote(plot, quiet=quiet)


def _read(changes: tuple[str, ...]) -> dict[str, str]:
    read: dict[str, str] = {}
    for change in changes:
        key, equals, values = (part.strip() for part in change.partition("="))
        if not key or not equals or not values:
            raise SweepError(f"--set {change!r} is not KEY=VALUES, for instance --set pe_array.rows=8,12,16")
        if key in read:
            raise SweepError(f"--set {key} is given twice; list its values with commas")
        read[key] = values
    return read


def _connect(address: str) -> Executor:
    """Return the executor of a Dask cluster at dask://HOST:PORT."""
    from dnnaccel.errors import MissingExtraError

    scheme, _, place = address.partition("://")
    if scheme != "dask" or not place:
        raise SweepError(f"--executor {address!r} is no address of a cluster; write dask://HOST:PORT")
    try:
        distributed: Any = importlib.import_module("distributed")
    except ImportError:
        raise MissingExtraError("a Dask cluster needs distributed: pip install 'dnnaccel[dask]'") from None
    try:
        client = distributed.Client(f"tcp://{place}", timeout=10)
    except (OSError, ValueError) as error:
        raise SweepError(f"no Dask scheduler answers at {place}: {error}") from None
    return client.get_executor()  # type: ignore[no-any-return]
