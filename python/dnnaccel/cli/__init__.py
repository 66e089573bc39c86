"""The package's jobs from a shell, as in `dnnaccel simulate alexnet --arch eyeriss`.

Commands parse and print; what they do is the package's, and is loaded when they run.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence

import click

from dnnaccel import __version__
from dnnaccel.cli._atlas import atlas
from dnnaccel.cli._bench import bench
from dnnaccel.cli._cache import cache
from dnnaccel.cli._diff import diff
from dnnaccel.cli._dram import dram
from dnnaccel.cli._explain import explain
from dnnaccel.cli._group import Commands
from dnnaccel.cli._jobs import compare, simulate
from dnnaccel.cli._lists import archs, datasets, draw, networks, schema, show
from dnnaccel.cli._reproduce import reproduce
from dnnaccel.cli._rerun import rerun
from dnnaccel.cli._run import run as run_network
from dnnaccel.cli._scalesim import scalesim
from dnnaccel.cli._search import evaluate, search
from dnnaccel.cli._sweep import sweep
from dnnaccel.cli._trace import trace
from dnnaccel.errors import DnnAccelError

__all__ = ["cli", "main", "run"]

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


@click.group(
    cls=Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""\b
Examples:
  dnnaccel simulate alexnet --arch eyeriss
  dnnaccel compare alexnet --arch eyeriss --dataflows ws,os,is,rs,nlr
  dnnaccel search vgg16:conv3_2 --arch eyeriss
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


# Adding a command: a function in one of this package's files, and its name here.
_JOBS = (
    simulate,
    explain,
    compare,
    diff,
    sweep,
    atlas,
    search,
    evaluate,
    trace,
    rerun,
    reproduce,
    run_network,
    bench,
    dram,
    scalesim,
)
_LISTS = (networks, archs, datasets, draw, schema, show)
for _command in (*_JOBS, *_LISTS):
    cli.add_command(_command)
cli.add_command(cache)
