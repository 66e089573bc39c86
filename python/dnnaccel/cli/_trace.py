"""The command that draws a simulation in time: `trace`."""

from __future__ import annotations

import re

import click

from dnnaccel.cli._completion import complete_network
from dnnaccel.cli._inputs import Limits, Sizes, load_chip, load_dataflow, load_layer
from dnnaccel.cli._options import chip_option, dataflow_option, dense_options, quiet_option
from dnnaccel.cli._output import check_file, print_or_write, progress_bar, wrote
from dnnaccel.errors import DnnAccelError

__all__ = ["trace"]

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 2**10, "mi": 2**20, "gi": 2**30}


def _bytes(_: click.Context, __: click.Parameter, text: str | None) -> int | None:
    if text is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmg]i?)?b?", text.strip(), re.IGNORECASE)
    if found is None:
        raise click.BadParameter(f"{text!r} is no size; write it like 50MB, 64KiB or 1000000")
    return int(float(found[1]) * _UNITS[(found[2] or "").lower()])


@click.command(
    short_help="Write what happens when on a chip, for Perfetto.",
    epilog="""\b
Examples:
  dnnaccel trace resnet50:conv1 --arch nvdla_small -o trace.json
  dnnaccel trace alexnet:conv3 --arch nvdla_large -o trace.json --heatmap elements.pdf
  dnnaccel trace alexnet:conv3 --arch diannao -o trace.json --max-bytes 50MB
  dnnaccel trace resnet50:conv1 --arch tpu_v1 -o trace.json --fidelity tile
  dnnaccel trace alexnet:conv3 --arch nvdla_large -o trace.json --mapping mapping.txt

\b
Open the file at https://ui.perfetto.dev, or at chrome://tracing.
""",
)
@click.argument("layer", metavar="NETWORK[:LAYER]", shell_complete=complete_network)
@chip_option
@click.option("--output", "-o", required=True, type=click.Path(), metavar="FILE", help="File to write.")
@click.option(
    "--mapping", "-m", type=click.Path(), metavar="FILE", help="Mapping to simulate, not the fastest."
)
@dataflow_option
@click.option(
    "--fidelity",
    default="cycle",
    show_default=True,
    metavar="FIDELITY",
    help="How closely the layer is simulated: cycle or tile.",
)
@click.option(
    "--max-bytes",
    callback=_bytes,
    metavar="SIZE",
    help="Size at which the trace is cut, such as 50MB; 256MiB unless given.",
)
@click.option(
    "--heatmap",
    type=click.Path(),
    metavar="FILE",
    help="Draw how busy each element was (.pdf, .svg or .png).",
)
@click.option(
    "--activity", type=click.Path(), metavar="FILE", help="Write what each element did as CSV; - prints it."
)
@dense_options
@quiet_option
def trace(
    layer: str,
    chip: str,
    output: str,
    mapping: str | None,
    dataflow: str | None,
    fidelity: str,
    max_bytes: int | None,
    heatmap: str | None,
    activity: str | None,
    batch: int,
    sizes: Sizes,
    changes: tuple[str, ...],
    quiet: bool,
) -> None:
    """Simulate LAYER on a chip, and write what happens when.

    Cycle by cycle the file shows the folds of the array, its steps and waits, the loads of its registers and
    how many products it makes in a cycle; tile by tile what comes to every memory and leaves it, and what the
    MACs wait for. NETWORK alone stands for its layer, where only one has MACs.
    """
    from dnnaccel.trace import MAX_BYTES
    from dnnaccel.trace import trace as job

    for path in (output, activity):
        check_file(path)
    if output == "-":
        raise DnnAccelError("a trace is no text for a terminal; give -o the name of a file")
    if fidelity == "tile" and (heatmap is not None or activity is not None):
        raise DnnAccelError("what each element did is known cycle by cycle; leave --fidelity tile out")
    if heatmap is not None:
        from dnnaccel.report.plots.style import check_picture

        check_picture(heatmap)
    _, part = load_layer(layer, batch=batch, sizes=sizes)
    target = load_chip(chip, changes)
    with progress_bar(quiet) as progress:
        found = job(
            part,
            target,
            output,
            mapping=mapping,
            dataflow=None if mapping is not None else load_dataflow(dataflow, target, Limits()),
            fidelity=fidelity,
            max_bytes=MAX_BYTES if max_bytes is None else max_bytes,
            progress=progress,
        )
    if activity != "-":
        click.echo(str(found))
    wrote(output, quiet=quiet)
    if found.activity is None:
        return
    if activity is not None:
        print_or_write(activity, found.activity.to_csv(), quiet=quiet)
    if heatmap is not None:
        found.activity.plot(heatmap)
        wrote(heatmap, quiet=quiet)
