"""The job behind ``dnnaccel reproduce isca16``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from dnnaccel import zoo
from dnnaccel.conventions.isca16 import DATAFLOWS, LEVELS, CannotRun, Count, Job, count, search_all
from dnnaccel.errors import DnnAccelError, NetworkError, unknown_name
from dnnaccel.layers import Layer
from dnnaccel.network import Network
from dnnaccel.reproduce.isca16_honest import HonestBar, honest_bar
from dnnaccel.reproduce.isca16_report import Bar, Isca16Comparison, LayerSplit
from dnnaccel.reproduce.isca16_storage import PES, Sizes, sizes
from dnnaccel.reproduce.published import figures

__all__ = ["LAYERS", "isca16"]

LAYERS: tuple[str, ...] = ("conv", "fc", "all")
"""Which layers of a network are compared."""

_KINDS = {"conv": ("conv2d", "depthwise"), "fc": ("linear",), "all": ("conv2d", "depthwise", "linear")}
_FIG10_BATCH = 16
_MOST_PES = 2**20

Progress = Callable[[int, int, str], None]


def isca16(
    *,
    pes: int = 256,
    batches: Sequence[int] = (1, 16, 64),
    layers: str = "conv",
    network: str = "alexnet",
    honest: bool = True,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Isca16Comparison:
    """Reproduce the dataflow comparison of ISCA 2016 beside its published figures.

    Parameters
    ----------
    pes
        Processing elements; the paper has 256, 512 and 1024. Storage follows by its equal-area rule.
    batches
        Batch sizes; the paper has 1, 16 and 64 for CONV layers, 16, 64 and 256 for FC layers.
    layers
        "conv", "fc" or "all".
    network
        Name of a network of the zoo; published figures are AlexNet's.
    honest
        Repeat the comparison under this package's own counting.
    threads
        Threads of the searches; None for all cores. The answer does not depend on it.
    progress
        Called with (done, total, what) while the searches run.

    Raises
    ------
    DnnAccelError
        For an unknown name, a network without such layers, or a number that makes no sense.
    """
    _check(pes, batches, layers)
    nets = {batch: _layers(zoo.load(network, batch=batch), layers) for batch in dict.fromkeys(batches)}
    storage = {dataflow: sizes(dataflow, pes) for dataflow in DATAFLOWS}
    found = _search(nets, storage, threads, progress)
    paper = figures("isca16") if (network, layers, pes) == ("alexnet", "conv", PES[0]) else {}
    base = _base(network, layers, threads)
    bars = tuple(_bar(batch, flow, found[batch, flow], base, paper) for batch, flow in found)
    own: list[HonestBar] = []
    for (batch, flow), counted in found.items() if honest else ():
        if progress is not None:
            progress(len(own), len(found), f"honest count: {flow}, batch {batch}")
        own.append(
            honest_bar(nets[batch], counted, batch=batch, dataflow=flow, sizes=storage[flow], threads=threads)
        )
    return Isca16Comparison(
        network=network,
        layers=layers,
        pes=pes,
        sizes=storage,
        bars=bars,
        splits=_splits(nets, network, pes, threads),
        honest=tuple(own),
    )


def _check(pes: int, batches: Sequence[int], layers: str) -> None:
    if layers not in LAYERS:
        raise unknown_name("choice of layers", layers, LAYERS)
    if not 1 <= pes <= _MOST_PES:
        raise DnnAccelError(f"pes is {pes}; it must be between 1 and {_MOST_PES}")
    if not batches:
        raise DnnAccelError("batches is empty; give at least one batch size, such as 16")


def _layers(net: Network, kind: str) -> list[Layer]:
    chosen = [layer for layer in net.layers if layer.kind in _KINDS[kind]]
    if not chosen:
        have = ", ".join(dict.fromkeys(layer.kind for layer in net.layers if layer.macs))
        raise NetworkError(f"{net.name} has no {kind} layers; its layers with MACs are {have}")
    return chosen


def _search(
    nets: dict[int, list[Layer]],
    storage: dict[str, Sizes],
    threads: int | None,
    progress: Progress | None,
) -> dict[tuple[int, str], list[Count | CannotRun]]:
    """Return what the paper's counting gives for every batch, dataflow and layer."""
    jobs = {
        (batch, dataflow): [
            Job(layer=layer, dataflow=dataflow, storage=storage[dataflow].storage) for layer in layers
        ]
        for batch, layers in nets.items()
        for dataflow in DATAFLOWS
    }
    flat = [job for group in jobs.values() for job in group]
    found = iter(search_all(flat, threads=threads, progress=progress))
    return {key: [next(found) for _ in group] for key, group in jobs.items()}


def _base(network: str, layers: str, threads: int | None) -> Bar:
    """Return row stationary at batch 1 and 256 PEs, to which the paper normalises."""
    storage = {"rs": sizes("rs", PES[0])}
    chosen = _layers(zoo.load(network), layers)
    jobs = [Job(layer=layer, dataflow="rs", storage=storage["rs"].storage) for layer in chosen]
    counts = [found for found in search_all(jobs, threads=threads) if isinstance(found, Count)]
    return Bar(batch=1, dataflow="rs", counts=tuple(counts))


def _bar(
    batch: int, dataflow: str, found: Sequence[Count | CannotRun], base: Bar, paper: dict[str, Any]
) -> Bar:
    refused = tuple(item for item in found if isinstance(item, CannotRun))
    if refused:
        return Bar(batch=batch, dataflow=dataflow, counts=(), refused=refused)
    counts = tuple(item for item in found if isinstance(item, Count))
    bar = Bar(batch=batch, dataflow=dataflow, counts=counts)
    if base.counts:
        relative = bar.energy / base.energy
        bar = _with(bar, relative=relative, relative_edp=relative * bar.delay / base.delay)
    return _with(bar, **_published(batch, dataflow, paper))


def _with(bar: Bar, **changes: Any) -> Bar:
    from dataclasses import replace

    return replace(bar, **changes)


def _published(batch: int, dataflow: str, paper: dict[str, Any]) -> dict[str, Any]:
    """Return the published fields of a bar; none where the paper prints none."""
    if not paper or str(batch) not in paper["fig12a"]["batches"]:
        return {}
    split = paper["fig12a"]["batches"][str(batch)][dataflow]
    if split is None:
        return {}
    # The ALU's bar is the energy of one MAC per MAC, whatever the figure is normalised to.
    return {
        "published": {level: split[level] / split["mac"] for level in LEVELS},
        "published_relative": sum(split.values()),
        "published_relative_edp": paper["fig13a"]["batches"][str(batch)][dataflow],
        "published_dram": paper["fig11a"]["batches"][str(batch)][dataflow],
    }


def _splits(
    nets: dict[int, list[Layer]], network: str, pes: int, threads: int | None
) -> tuple[LayerSplit, ...]:
    """Return Figure 10 where it is among what was asked for: AlexNet, 256 PEs, batch 16."""
    if network != "alexnet" or pes != PES[0] or _FIG10_BATCH not in nets:
        return ()
    paper, storage = figures("isca16"), sizes("rs", pes).storage
    layers = nets[_FIG10_BATCH]
    found = search_all([Job(layer=x, dataflow="rs", storage=storage) for x in layers], threads=threads)
    splits = []
    for layer, searched in zip(layers, found, strict=True):
        mapping = paper["fig10_mappings"]["layers"].get(layer.name)
        assert isinstance(searched, Count), "AlexNet fits"
        splits.append(
            LayerSplit(
                layer=layer.name,
                published=paper["fig10"]["layers"][layer.name],
                given=None if mapping is None else count(layer, "rs", storage, mapping),
                found=searched,
            )
        )
    return tuple(splits)
