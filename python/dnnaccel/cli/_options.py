"""Options that several commands have, each said once."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from dnnaccel.cli._completion import complete_chip, complete_dataflow
from dnnaccel.cli._inputs import Limits, Sizes

__all__ = [
    "chip_option",
    "dataflow_option",
    "dense_options",
    "effort_option",
    "format_option",
    "html_option",
    "input_options",
    "limit_options",
    "job_options",
    "output_options",
    "quiet_option",
    "size_options",
    "threads_option",
]

_Command = Callable[..., None]

threads_option = click.option(
    "--threads", type=click.IntRange(min=1), help="Threads to search with; default all."
)
chip_option = click.option(
    "--arch",
    "-a",
    "chip",
    required=True,
    metavar="CHIP",
    shell_complete=complete_chip,
    help="Name of a chip, or path of its YAML file.",
)
dataflow_option = click.option(
    "--dataflow",
    "-d",
    metavar="DATAFLOW",
    shell_complete=complete_dataflow,
    help="What stays where: a name such as ws, or path of a YAML file; by default the chip's own.",
)
effort_option = click.option(
    "--effort",
    type=click.Choice(["full", "quick"]),
    default="full",
    show_default=True,
    help="How thoroughly mappings are searched for.",
)
quiet_option = click.option("--quiet", "-q", is_flag=True, help="No progress bar, no remarks on stderr.")


html_option = click.option(
    "--html",
    "html",
    type=click.Path(),
    metavar="FILE",
    help="Write a page with charts and tables to FILE, beside what is printed.",
)


def output_options(command: _Command) -> _Command:
    """Add the options of what to print, or to write to a file instead."""
    return _with_options(
        command,
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
    )


def format_option(*formats: str) -> Callable[[_Command], _Command]:
    """Return the option of what to print, one of `formats`; a table unless given."""
    return click.option(
        "--format",
        "format",
        type=click.Choice(formats),
        default="table",
        show_default=True,
        help="What to print.",
    )


def size_options(command: _Command) -> _Command:
    """Add the options of networks that come in several sizes; `command` gets them as one, its `sizes`."""

    @functools.wraps(command)
    def gathered(
        *, image_size: int | None, sequence_length: int | None, width: float | None, **others: Any
    ) -> None:
        sizes = Sizes(image_size=image_size, sequence_length=sequence_length, width=width)
        command(sizes=sizes, **others)

    return _with_options(
        gathered,
        click.option(
            "--image-size",
            type=click.IntRange(min=1),
            metavar="PIXELS",
            help="Rows and columns of the input image, where a built-in network takes one, for instance 320.",
        ),
        click.option(
            "--sequence-length",
            type=click.IntRange(min=1),
            metavar="STEPS",
            help="Words, tokens or steps of one sample, where it takes a sequence, for instance 512.",
        ),
        click.option(
            "--width",
            type=float,
            metavar="FACTOR",
            help="Factor on the numbers of channels, where it has one, for instance 0.5.",
        ),
    )


_batch_option = click.option(
    "--batch",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Inferences per run.",
)
_set_option = click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change the chip, for instance pe_array.rows=8; may be repeated.",
)


def dense_options(command: _Command) -> _Command:
    """Add the options of what a network is run with, none of it known to be zero, and on what chip."""
    return _with_options(command, _batch_option, size_options, _set_option)


def input_options(command: _Command) -> _Command:
    """Add the options of what a network is run with, and on what variant of a chip."""
    return _with_options(
        command,
        _batch_option,
        size_options,
        click.option(
            "--density",
            metavar="DENSITY",
            help="Which words are zero: a number for both operands, inputs=0.4,weights=0.3, a published "
            "set such as eyeriss_jssc17, or an .npz file of tensors; by default none.",
        ),
        _set_option,
    )


def limit_options(command: _Command) -> _Command:
    """Add the options that constrain a search; `command` gets them as one, its `limits`."""

    @functools.wraps(command)
    def gathered(
        *, where: tuple[str, ...], forbid: tuple[str, ...], min_utilization: float, **others: Any
    ) -> None:
        limits = Limits(where=where, forbid=forbid, min_utilization=min_utilization)
        command(limits=limits, **others)

    return _with_options(
        gathered,
        click.option(
            "--where",
            multiple=True,
            metavar="LEVEL: WHAT",
            help="Constrain a level, for instance 'glb: order M, C' or 'pe_array.columns: tiles P=1'; "
            "also splits and keeps; may be repeated.",
        ),
        click.option(
            "--forbid",
            multiple=True,
            metavar="DIM@LEVEL",
            help="Forbid a level to split a dim, for instance M@pe_array.columns; may be repeated.",
        ),
        click.option(
            "--min-utilization",
            type=float,
            default=0.0,
            metavar="PART",
            help="Part of the chip's MAC units, from 0 to 1, that must be put to work.",
        ),
    )


def job_options(command: _Command) -> _Command:
    """Add the options that `simulate` and `compare` have in common."""
    return _with_options(
        command,
        click.option(
            "--objective",
            type=click.Choice(["energy", "latency", "edp"]),
            default="energy",
            show_default=True,
            help="What mappings are chosen for; edp is energy x delay.",
        ),
        effort_option,
        input_options,
        output_options,
        html_option,
        threads_option,
        quiet_option,
    )


def _with_options(command: _Command, *options: Callable[[_Command], _Command]) -> _Command:
    """Add `options`, which help lists in this order."""
    for option in reversed(options):
        command = option(command)
    return command
