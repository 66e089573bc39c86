"""The package's jobs from a shell, as in `dnnaccel simulate alexnet --arch eyeriss`."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from dnnaccel import __version__
from dnnaccel.cli_lists import (
    Printable,
    archs,
    complete_list,
    complete_network,
    datasets,
    draw,
    networks,
    terminal_width,
)
from dnnaccel.errors import DnnAccelError, unknown_name

if TYPE_CHECKING:
    from dnnaccel.arch import Chip
    from dnnaccel.compare import Comparison
    from dnnaccel.layers import Layer
    from dnnaccel.network import Network
    from dnnaccel.report import Report

__all__ = ["main", "run"]

PROGRAM = "dnnaccel"
BAD_INPUT = 2
INTERRUPTED = 130


def main() -> None:
    """Run the command line and exit: 0 done, 2 bad input (one sentence on stderr), 130 interrupted."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line, without the program's name, and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal without a "µ" or a "─" must still get its table.
            stream.reconfigure(errors="replace")
    try:
        code = cli.main(args=list(arguments), prog_name=PROGRAM, standalone_mode=False)
    except (click.Abort, KeyboardInterrupt):
        click.echo(f"{PROGRAM}: interrupted", err=True)
        return INTERRUPTED
    except click.UsageError as error:
        where = PROGRAM if error.ctx is None else error.ctx.command_path
        message = error.format_message().rstrip(".")
        return _fail(f"{message[:1].lower()}{message[1:]} (see {where} --help)")
    except click.ClickException as error:
        return _fail(error.format_message())
    except DnnAccelError as error:
        return _fail(str(error))
    return code if isinstance(code, int) else 0


def _fail(sentence: str) -> int:
    click.echo(f"{PROGRAM}: error: {sentence}", err=True)
    return BAD_INPUT


class _Commands(click.Group):
    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            raise unknown_name("command", args[0], self.list_commands(ctx))
        return super().resolve_command(ctx, args)


def _complete_chip(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from dnnaccel import arch

    return [*complete_list(incomplete, arch.names()), CompletionItem(incomplete, type="file")]


def _complete_dataflow(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from dnnaccel import dataflow

    return [*complete_list(incomplete, dataflow.names()), CompletionItem(incomplete, type="file")]


def _complete_any(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return [
        *complete_network(ctx, param, incomplete),
        *_complete_chip(ctx, param, incomplete),
        *_complete_dataflow(ctx, param, incomplete),
    ]


_Command = Callable[..., None]


def _shared_options(command: _Command) -> _Command:
    """Add the options that `simulate` and `compare` have in common."""
    for option in reversed(
        (
            click.option(
                "--objective",
                type=click.Choice(["energy", "latency", "edp"]),
                default="energy",
                show_default=True,
                help="What mappings are chosen for; edp is energy x delay.",
            ),
            click.option(
                "--batch",
                type=click.IntRange(min=1),
                default=1,
                show_default=True,
                help="Inferences per run.",
            ),
            click.option(
                "--density",
                metavar="DENSITY",
                help="Which words are zero: a number for both operands, inputs=0.4,weights=0.3, a published "
                "set such as eyeriss_jssc17, or an .npz file of tensors; by default none.",
            ),
            click.option(
                "--set",
                "changes",
                multiple=True,
                metavar="KEY=VALUE",
                help="Change the chip, for instance pe_array.rows=8; may be repeated.",
            ),
            click.option(
                "--format",
                "format",
                type=click.Choice(["table", "json", "csv"]),
                help="What to print or write; by default a table, or what the suffix of --output says.",
            ),
            click.option(
                "--output",
                "-o",
                type=click.Path(),
                metavar="FILE",
                help="Write to FILE (.txt, .json, .csv or .html) instead of printing.",
            ),
            click.option(
                "--threads", type=click.IntRange(min=1), help="Threads to search with; default all."
            ),
            click.option("--quiet", "-q", is_flag=True, help="No progress bar, no remarks on stderr."),
        )
    ):
        command = option(command)
    return command


@click.group(
    cls=_Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""\b
Examples:
  dnnaccel simulate alexnet --arch eyeriss
  dnnaccel compare alexnet --arch eyeriss --dataflows ws,os,is,rs,nlr
  dnnaccel show eyeriss

\b
Completion of names, for bash (zsh and fish alike):
  eval "$(_DNNACCEL_COMPLETE=bash_source dnnaccel)"
""",
)
@click.version_option(__version__, message=f"{PROGRAM} %(version)s")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """How many cycles, how much traffic and how much energy a neural network costs on a chip, and why."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


@cli.command(
    epilog="""\b
Examples:
  dnnaccel simulate alexnet --arch eyeriss
  dnnaccel simulate vgg16:conv3_2 --arch eyeriss --dataflow ws --objective latency
  dnnaccel simulate alexnet --arch eyeriss --dataflow my_dataflow.yaml
  dnnaccel simulate resnet50 --arch tpu_v1 --batch 8 --output resnet50.html
  dnnaccel simulate alexnet --arch eyeriss --set pe_array.rows=8 --format csv
  dnnaccel simulate alexnet:conv1 --arch eyeriss --provenance
  dnnaccel simulate alexnet --arch eyeriss --density eyeriss_jssc17
"""
)
@click.argument("network", metavar="NETWORK[:LAYER]", shell_complete=complete_network)
@click.option(
    "--arch",
    "-a",
    "chip",
    required=True,
    metavar="CHIP",
    shell_complete=_complete_chip,
    help="Name of a chip, or path of its YAML file.",
)
@click.option(
    "--dataflow",
    "-d",
    metavar="DATAFLOW",
    shell_complete=_complete_dataflow,
    help="What stays where: a name such as ws, or path of a YAML file; by default the chip's own.",
)
@click.option(
    "--provenance",
    is_flag=True,
    help="Print also what the energy is made of: counts, energy of each action, and its source.",
)
@_shared_options
def simulate(
    network: str,
    chip: str,
    dataflow: str | None,
    provenance: bool,
    objective: str,
    batch: int,
    density: str | None,
    changes: tuple[str, ...],
    format: str | None,
    output: str | None,
    threads: int | None,
    quiet: bool,
) -> None:
    """Say what NETWORK, or one LAYER of it, costs on a chip."""
    from dnnaccel.simulate import simulate as job

    _check_output(output, format)
    if provenance and output is None and format not in (None, "table"):
        raise DnnAccelError(f"--provenance prints a table beside the {format}; write that with --output FILE")
    net, target = _load_network(network, batch), _load_chip(chip, changes)
    with _progress(quiet) as progress:
        report = job(
            net,
            target,
            dataflow=dataflow,
            objective=objective,
            density=_read_density(density),
            threads=threads,
            progress=progress,
        )
    _deliver(report, format, output, quiet)
    if provenance:
        click.echo(("" if output else "\n") + report.provenance().to_text(width=terminal_width()))


@cli.command(
    short_help="Put networks, chips and dataflows into one table.",
    epilog="""\b
Examples:
  dnnaccel compare alexnet --arch eyeriss --dataflows ws,os,is,rs,nlr
  dnnaccel compare alexnet,resnet50 --arch eyeriss,tpu_v1,nvdla_large
  dnnaccel compare vgg16 --arch eyeriss,chip.yaml --batch 4 --output comparison.html
""",
)
@click.argument("networks", metavar="NETWORKS", shell_complete=complete_network)
@click.option(
    "--arch",
    "-a",
    "chips",
    required=True,
    metavar="CHIPS",
    shell_complete=_complete_chip,
    help="Chips, by name or path of a YAML file, with commas between.",
)
@click.option(
    "--dataflows",
    "-d",
    metavar="DATAFLOWS",
    shell_complete=_complete_dataflow,
    help="Dataflows, by name or path of a YAML file, with commas between; by default each chip's own.",
)
@_shared_options
def compare(
    networks: str,
    chips: str,
    dataflows: str | None,
    objective: str,
    batch: int,
    density: str | None,
    changes: tuple[str, ...],
    format: str | None,
    output: str | None,
    threads: int | None,
    quiet: bool,
) -> None:
    """Put NETWORKS (names with commas between), chips and dataflows into one table with ratios."""
    from dnnaccel.compare import compare as job

    _check_output(output, format)
    nets = [_load_network(name, batch) for name in _split(networks)]
    targets = [_load_chip(name, changes) for name in _split(chips)]
    flows = None if dataflows is None else _split(dataflows)
    with _progress(quiet) as progress:
        comparison = job(
            nets,
            targets,
            flows,
            objective=objective,
            density=_read_density(density),
            threads=threads,
            progress=progress,
        )
    _deliver(comparison, format, output, quiet)


for _listing in (networks, archs, datasets, draw):
    cli.add_command(_listing)


@cli.command(
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


@cli.command(
    short_help="Show a network, a layer, a chip or a dataflow.",
    epilog="""\b
Examples:
  dnnaccel show alexnet
  dnnaccel show alexnet:conv1
  dnnaccel show eyeriss
  dnnaccel show my_chip.yaml
  dnnaccel show rs
  dnnaccel show my_dataflow.yaml
""",
)
@click.argument("name", metavar="NAME", shell_complete=_complete_any)
def show(name: str) -> None:
    """Show a network, one of its layers (NETWORK:LAYER), a chip or a dataflow."""
    from dnnaccel.report.listing import describe

    click.echo(describe(name))


@cli.group(
    cls=_Commands,
    epilog="""\b
Examples:
  dnnaccel reproduce isca16
  dnnaccel reproduce isca16 --layers fc --batch 16,64,256 --pes 1024
  dnnaccel reproduce jssc17
""",
)
def reproduce() -> None:
    """Print published results beside ours, with the difference."""


def _read_batches(ctx: click.Context, param: click.Parameter, value: str) -> tuple[int, ...]:
    read = click.IntRange(min=1)
    return tuple(int(read(part, param, ctx)) for part in _split(value))


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
@click.option(
    "--format",
    "format",
    type=click.Choice(["table", "json", "csv"]),
    default="table",
    show_default=True,
    help="What to print.",
)
@click.option("--threads", type=click.IntRange(min=1), help="Threads to search with; default all.")
@click.option("--quiet", "-q", is_flag=True, help="No progress bar on stderr.")
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

    with _progress(quiet) as progress:
        comparison = job(
            pes=int(pes),
            batches=batches,
            layers=layers,
            network=network,
            honest=honest,
            threads=threads,
            progress=progress,
        )
    _print(comparison, format)


@reproduce.command(short_help="AlexNet on the fabricated Eyeriss, JSSC 2017.")
@click.option("--best/--no-best", default=True, help="Whether to search for mappings of our own too.")
@click.option(
    "--format",
    "format",
    type=click.Choice(["table", "json", "csv"]),
    default="table",
    show_default=True,
    help="What to print.",
)
@click.option("--threads", type=click.IntRange(min=1), help="Threads to search with; default all.")
@click.option("--quiet", "-q", is_flag=True, help="No progress bar on stderr.")
def jssc17(best: bool, format: str, threads: int | None, quiet: bool) -> None:
    """Print the measured table of AlexNet on the Eyeriss chip beside ours.

    Under the mappings of Chen, Krishna, Emer and Sze (JSSC 2017), and under the best that our search finds.
    """
    from dnnaccel.reproduce import jssc17 as job

    with _progress(quiet) as progress:
        comparison = job(best=best, threads=threads, progress=progress)
    _print(comparison, format)


def _print(result: Printable, format: str) -> None:
    if format == "table":
        click.echo(result.to_text(width=terminal_width()))
    else:
        click.echo(result.to_json() if format == "json" else result.to_csv(), nl=False)


def _load_network(name: str, batch: int) -> Network | Layer:
    from dnnaccel import importers, zoo

    network, colon, layer = name.partition(":")
    if os.path.splitext(network)[1]:
        if batch != 1:
            raise DnnAccelError(f"{network}: a file has its own batch; leave --batch out")
        net = importers.read_network(network)
    else:
        net = zoo.load(network, batch=batch)
    return net[layer] if colon else net


def _load_chip(name: str, changes: tuple[str, ...]) -> Chip:
    from dnnaccel import arch

    chip = arch.load(name)
    return chip.override(_read_changes(changes)) if changes else chip


def _read_changes(changes: tuple[str, ...]) -> dict[str, Any]:
    from dnnaccel import arch

    read: dict[str, Any] = {}
    for change in changes:
        key, equals, value = (part.strip() for part in change.partition("="))
        if not key or not equals or not value:
            raise DnnAccelError(f"--set {change!r} is not KEY=VALUE, for instance --set pe_array.rows=8")
        if key in read:
            raise DnnAccelError(f"--set {key} is given twice; give it once")
        read[key] = arch.parse_value(value)
    return read


def _read_density(text: str | None) -> float | str | dict[str, float] | None:
    """Return what --density says: a number, densities by tensor, or the name of a set or a file."""
    if text is None:
        return None
    with contextlib.suppress(ValueError):
        return float(text)
    if "=" not in text:
        return text
    read: dict[str, float] = {}
    for part in _split(text):
        tensor, _, value = (piece.strip() for piece in part.partition("="))
        try:
            read[tensor] = float(value)
        except ValueError:
            raise DnnAccelError(
                f"--density {part!r} is not TENSOR=NUMBER, for instance inputs=0.4,weights=0.3"
            ) from None
    return read


def _split(names: str) -> list[str]:
    return [name.strip() for name in names.split(",") if name.strip()]


def _check_output(output: str | None, format: str | None) -> None:
    """Refuse a file that cannot be written before the work is done, not after."""
    from dnnaccel.report.files import check_writable, format_of

    if output is not None:
        if format is None:
            format_of(output)
        check_writable(output)


def _deliver(result: Report | Comparison, format: str | None, output: str | None, quiet: bool) -> None:
    if output is not None:
        result.save(output, format=format)
        if not quiet:
            click.echo(f"wrote {output}", err=True)
    elif format in (None, "table"):
        click.echo(result.to_text(width=terminal_width()))
    else:
        click.echo(result.render(format), nl=False)


@contextlib.contextmanager
def _progress(quiet: bool) -> Iterator[Callable[[int, int, str], None] | None]:
    """Show a progress bar on stderr if a person watches it, and give what moves it."""
    if quiet or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)

        def update(done: int, total: int, what: str) -> None:
            bar.update(task, completed=done, total=total, description=what)

        yield update
