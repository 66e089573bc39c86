"""The command that runs a network on this machine: `run resnet50 --random`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from dnnaccel.cli._completion import complete_network
from dnnaccel.cli._inputs import Sizes, load_network, split
from dnnaccel.cli._options import format_option, quiet_option, size_options
from dnnaccel.cli._output import print_as, progress_bar
from dnnaccel.errors import DnnAccelError

if TYPE_CHECKING:
    from dnnaccel.network import Network
    from dnnaccel.runtime.samples import Samples

__all__ = ["run"]

_DATASETS = ("mnist", "cifar10", "folder")


def _read_numbers(ctx: click.Context, param: click.Parameter, value: str | None) -> list[float] | None:
    if value is None:
        return None
    try:
        return [float(part) for part in split(value)]
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a list of numbers, as 0.5,0.5,0.5") from None


@click.command(
    short_help="A network on this machine: accuracy on a data set, or latency.",
    epilog="""\b
Examples:
  dnnaccel run resnet50 --random
  dnnaccel run mobilenet_v1 --random --threads 2 --batch 8 --format json
  dnnaccel run model.onnx
  dnnaccel run lenet5 --weights lenet5.npz --dataset mnist --data mnist/
  dnnaccel run lenet5 --weights lenet5.npz --dataset mnist --data mnist/ --dtype int8
""",
)
@click.argument("network", metavar="NETWORK", shell_complete=complete_network)
@click.option(
    "--weights",
    "-w",
    metavar="FILE",
    help="Weights: .npz, .safetensors or .onnx. An .onnx NETWORK has its own.",
)
@click.option("--random", "random", is_flag=True, help="Random weights, to see how fast it is.")
@click.option("--dataset", type=click.Choice(_DATASETS), help="Give the accuracy on this set's test images.")
@click.option("--data", metavar="DIR", help="Where the data set's files are.")
@click.option(
    "--mean", callback=_read_numbers, metavar="NUMBERS", help="Subtracted from each channel in 0..1."
)
@click.option(
    "--std", callback=_read_numbers, metavar="NUMBERS", help="What each channel is divided by then."
)
@click.option("--threads", type=click.IntRange(min=1), help="Threads to run on; default all.")
@click.option(
    "--dtype",
    type=click.Choice(["float32", "int8"]),
    default="float32",
    show_default=True,
    help="What it computes in; int8 measures ranges first, on training images or random inputs.",
)
@click.option(
    "--batch", type=click.IntRange(min=1), help="Samples at a time; default 1, or what a file says."
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, max=3600),
    default=1.0,
    show_default=True,
    help="How long latency is measured.",
)
@size_options
@format_option("table", "json", "csv")
@quiet_option
def run(
    network: str,
    weights: str | None,
    random: bool,
    dataset: str | None,
    data: str | None,
    mean: list[float] | None,
    std: list[float] | None,
    threads: int | None,
    dtype: str,
    batch: int | None,
    seconds: float,
    sizes: Sizes,
    format: str,
    quiet: bool,
) -> None:
    """Run NETWORK, a name or a file, on this machine's processor with the native kernels.

    With a data set: how many of its test images are classified right, first and among the first five.
    Without: how long a call takes, GFLOP/s, and the memory of weights and activations.
    """
    from dnnaccel import runtime
    from dnnaccel.runtime.measure import accuracy, latency
    from dnnaccel.runtime.samples import load_samples

    if (dataset is None) != (data is None):
        raise DnnAccelError("--dataset and --data go together: which set, and the folder with its files")
    net = load_network(network, sizes=sizes)
    source = _source(network, weights, random)
    images = seen = None
    if dataset is not None and data is not None:
        images = load_samples(dataset, data, net, mean=mean, std=std)
        if dtype == "int8":
            seen = load_samples(dataset, data, net, split="train", mean=mean, std=std)
    model: Any = runtime.compile(
        net,
        source,
        dtype=dtype,
        threads=threads,
        batch=batch,
        calibration=_calibration(net, seen, batch) if dtype == "int8" else (),
    )
    with progress_bar(quiet) as progress:
        result: Any = (
            latency(model, seconds=seconds, progress=progress)
            if images is None
            else accuracy(model, images, progress=progress)
        )
    print_as(format, result)


def _source(network: str, weights: str | None, random: bool) -> str:
    """Return where the weights come from."""
    own = network if os.path.splitext(network)[1].lower() == ".onnx" else None
    if random and weights is not None:
        raise DnnAccelError("--weights and --random say different things; give one")
    source = "random" if random else weights or own
    if source is None:
        raise DnnAccelError(f"{network} has no weights by itself: give --weights FILE, or --random")
    return source


def _calibration(net: Network, images: Samples | None, batch: int | None) -> list[Any]:
    """Return inputs to measure ranges with: the first training images, or random numbers."""
    from dnnaccel.runtime.batches import with_batch
    from dnnaccel.runtime.random import random_inputs

    if images is not None:
        return images.for_calibration(batch or net.batch)
    return [random_inputs(net if batch is None else with_batch(net, batch))]
