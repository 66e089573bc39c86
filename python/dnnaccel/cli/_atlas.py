"""The command that puts every network on every chip: `atlas -o atlas.html`."""

from __future__ import annotations

import click

from dnnaccel.cli._completion import complete_chip, complete_network
from dnnaccel.cli._inputs import split
from dnnaccel.cli._options import quiet_option
from dnnaccel.cli._output import check_output, deliver, progress_bar

__all__ = ["atlas"]


@click.command(
    short_help="Every network on every chip: what MACs do not tell.",
    epilog="""\b
Examples:
  dnnaccel atlas -o atlas.html
  dnnaccel atlas --networks 'resnet*,mobilenet_v1,bert_base' --arch eyeriss,tpu_v1
  dnnaccel atlas --arch eyeriss,mychip.yaml --effort full --store mine.sqlite -o atlas.csv
""",
)
@click.option(
    "--networks",
    "-n",
    metavar="NETWORKS",
    shell_complete=complete_network,
    help="Networks of the zoo, with commas between; * stands for anything. By default all.",
)
@click.option(
    "--arch",
    "-a",
    "chips",
    metavar="CHIPS",
    shell_complete=complete_chip,
    help="Chips, by name or path of a YAML file, with commas between; by default all presets.",
)
@click.option(
    "--objective",
    type=click.Choice(["energy", "latency", "edp"]),
    default="edp",
    show_default=True,
    help="What mappings are chosen for; edp is energy x delay.",
)
@click.option(
    "--effort",
    type=click.Choice(["full", "quick"]),
    default="quick",
    show_default=True,
    help="How thoroughly mappings are searched for; full takes hours for all of it.",
)
@click.option(
    "--store",
    metavar="FILE",
    help="Keep what is done in this file instead of the user's cache; a killed run resumes from it.",
)
@click.option("--format", type=click.Choice(["table", "json", "csv"]), help="What to print or write.")
@click.option(
    "--output",
    "-o",
    type=click.Path(),
    metavar="FILE",
    help="Write to FILE (.html for the page; .txt, .json or .csv).",
)
@quiet_option
def atlas(
    networks: str | None,
    chips: str | None,
    objective: str,
    effort: str,
    store: str | None,
    format: str | None,
    output: str | None,
    quiet: bool,
) -> None:
    """Simulate every network of the zoo on every preset, and say how far their orders agree."""
    from dnnaccel import zoo
    from dnnaccel.atlas import atlas as job
    from dnnaccel.zoo._table import choose

    check_output(output, format)
    with progress_bar(quiet) as progress:
        found = job(
            None if networks is None else choose(split(networks), zoo.names()),
            None if chips is None else split(chips),
            objective=objective,
            effort=effort,
            store=store,
            progress=progress,
        )
    deliver(found, format=format, output=output, quiet=quiet)
