"""What the shell may complete a name to; click calls these with what is typed so far."""

from __future__ import annotations

from collections.abc import Iterable

import click
from click.shell_completion import CompletionItem

__all__ = ["complete_any", "complete_chip", "complete_dataflow", "complete_network"]


def complete_network(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete a network's name, or NETWORK:LAYER."""
    from dnnaccel import zoo

    network, colon, _ = incomplete.partition(":")
    if colon and network in zoo.names():
        return _complete_list(incomplete, (f"{network}:{layer.name}" for layer in zoo.load(network)))
    return _complete_list(incomplete, zoo.names())


def complete_chip(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete a chip's name, or a file's."""
    from dnnaccel import arch

    return [*_complete_list(incomplete, arch.names()), CompletionItem(incomplete, type="file")]


def complete_dataflow(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete a dataflow's name, or a file's."""
    from dnnaccel import dataflow

    return [*_complete_list(incomplete, dataflow.names()), CompletionItem(incomplete, type="file")]


def complete_any(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the name of a network, a layer, a chip, a dataflow or a file."""
    return [
        *complete_network(ctx, param, incomplete),
        *complete_chip(ctx, param, incomplete),
        *complete_dataflow(ctx, param, incomplete),
    ]


def _complete_list(incomplete: str, names: Iterable[str]) -> list[CompletionItem]:
    """Complete the last item of a list with commas."""
    before, comma, last = incomplete.rpartition(",")
    return [CompletionItem(before + comma + name) for name in names if name.startswith(last)]
