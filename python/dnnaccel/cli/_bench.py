"""The command that times the native kernels: `bench resnet50`."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem

from dnnaccel.cli._inputs import split
from dnnaccel.cli._options import format_option, quiet_option
from dnnaccel.cli._output import check_file, print_as, progress_bar, terminal_width, wrote

__all__ = ["bench"]


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from dnnaccel import zoo

    return [CompletionItem(name) for name in zoo.names() if name.startswith(incomplete)]


def _read_threads(ctx: click.Context, param: click.Parameter, value: str | None) -> list[int] | None:
    if value is None:
        return None
    try:
        return [int(part) for part in split(value)]
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a list of numbers, as 1,2") from None


@click.command(
    short_help="Native kernels: GFLOP/s, % of this machine's peak, roofline.",
    epilog="""\b
Examples:
  dnnaccel bench
  dnnaccel bench alexnet vgg16 --threads 1,2
  dnnaccel bench mobilenet_v1 --peers none --plot roofline.pdf
  dnnaccel bench --all --summary --threads 1 --cpu-time
  dnnaccel bench resnet50 --format json > bench.json
""",
)
@click.argument("networks", metavar="[NETWORK]...", nargs=-1, shell_complete=_complete)
@click.option("--all", "every", is_flag=True, help="Every network of the zoo.")
@click.option("--threads", callback=_read_threads, help="Numbers of threads, as 1,2; by default one and all.")
@click.option(
    "--rounds", type=click.IntRange(1, 10_000), default=9, show_default=True, help="Turns at each layer."
)
@click.option(
    "--peers",
    metavar="NAMES",
    help="Other libraries beside: oneDNN, torch, ORT, ORT blocked, or none. By default those installed.",
)
@click.option("--cpu-time", is_flag=True, help="The calling thread's time; for --threads 1 alone.")
@click.option("--summary", is_flag=True, help="Only the means by kind of layer.")
@click.option("--plot", metavar="FILE", help="Draw the roofline into this file (pdf, svg, png).")
@format_option("table", "json", "csv")
@quiet_option
def bench(
    networks: tuple[str, ...],
    every: bool,
    threads: list[int] | None,
    rounds: int,
    peers: str | None,
    cpu_time: bool,
    summary: bool,
    plot: str | None,
    format: str,
    quiet: bool,
) -> None:
    """Time each distinct convolution and fully connected layer of networks on the native kernels.

    This machine's peak and bandwidths are measured first; beside each layer stands what it is bound by. By
    default the layers are those of ResNet-50 and MobileNet v1. Where torch (oneDNN) and onnxruntime are
    installed they take turns in the same run, and the fastest of them is compared.
    """
    from dnnaccel import benchmark, zoo

    if plot is not None:
        from dnnaccel.report.plots.style import check_picture

        check_picture(plot)
        check_file(plot)
    chosen = list(networks) or ["resnet50", "mobilenet_v1"]
    with progress_bar(quiet) as progress:
        result = benchmark.run(
            zoo.names() if every else chosen,
            threads=threads,
            rounds=rounds,
            peers=None if peers is None else [] if peers == "none" else split(peers),
            cpu_time=cpu_time,
            progress=progress,
        )
    if format == "table":
        click.echo(result.to_text(width=terminal_width(), layers=not summary), nl=False)
    else:
        print_as(format, result)
    if plot is not None:
        result.plot(plot)
        wrote(plot, quiet=quiet)
