"""The command that simulates DRAMs: `dram ddr4_2400`."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem

from dnnaccel.cli._options import format_option, quiet_option
from dnnaccel.cli._output import print_as, progress_bar

__all__ = ["dram"]


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from dnnaccel import dram

    found = [CompletionItem(name) for name in dram.names() if name.startswith(incomplete)]
    return [*found, CompletionItem(incomplete, type="file")]


@click.command(
    short_help="Achieved bandwidth of DRAMs, beside their limits.",
    epilog="""\b
Examples:
  dnnaccel dram
  dnnaccel dram ddr4_2400
  dnnaccel dram ddr4_2400 hbm2_2000 --pattern random --writes 0.33
  dnnaccel dram lpddr4_3200 --pattern strided --stride 4096 --format json
  dnnaccel dram ddr4_2400 --yaml > my_dram.yaml
""",
)
@click.argument("names", metavar="[NAME|FILE]...", nargs=-1, shell_complete=_complete)
@click.option(
    "--pattern",
    type=click.Choice(["all", "streaming", "strided", "random"]),
    default="all",
    show_default=True,
    help="Requests one behind the other, a stride apart, or at random places.",
)
@click.option(
    "--requests", type=click.IntRange(min=1), default=200_000, show_default=True, help="Number of requests."
)
@click.option("--bytes", "size", type=click.IntRange(1, 2**26), help="Bytes of a request; by default 64.")
@click.option(
    "--stride", type=click.IntRange(min=1), default=4096, show_default=True, help="Bytes, for strided."
)
@click.option(
    "--writes", type=click.FloatRange(0, 1), default=0.0, show_default=True, help="Share of writes."
)
@click.option(
    "--window", type=click.IntRange(1, 4096), default=64, show_default=True, help="Bursts that wait."
)
@click.option("--closed-page", is_flag=True, help="Close rows that nothing waits for.")
@click.option("--yaml", "as_yaml", is_flag=True, help="Print the descriptions, with sources, and do nothing.")
@format_option("table", "json", "csv")
@quiet_option
def dram(
    names: tuple[str, ...],
    pattern: str,
    requests: int,
    size: int | None,
    stride: int,
    writes: float,
    window: int,
    closed_page: bool,
    as_yaml: bool,
    format: str,
    quiet: bool,
) -> None:
    """Simulate DRAMs, all presets or those named, and print the bandwidth that requests achieve.

    Beside it stand the peak of the wires, and the limit that the timing sets for these addresses. --bytes and
    --writes are for a single --pattern.
    """
    from dnnaccel import dram as drams

    loaded = [drams.load(name) for name in names or drams.names()]
    if as_yaml:
        click.echo("---\n".join(each.to_yaml() for each in loaded), nl=False)
        return
    made = {
        "streaming": lambda: drams.patterns.streaming(requests=requests, bytes=size or 64, writes=writes),
        "strided": lambda: drams.patterns.strided(stride, requests=requests, bytes=size or 64, writes=writes),
        "random": lambda: drams.patterns.random(requests=requests, bytes=size or 64, writes=writes),
    }
    if pattern == "all" and (size is not None or writes):
        raise click.UsageError("--bytes and --writes need one --pattern")
    with progress_bar(quiet) as progress:
        table = drams.survey(
            loaded,
            chosen=None if pattern == "all" else [made[pattern]()],
            requests=requests,
            window=window,
            closed_page=closed_page,
            progress=progress,
        )
    print_as(format, table)
