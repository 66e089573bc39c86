"""Counting layers as SCALE-Sim does."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Sequence

from dnnaccel import _core
from dnnaccel.conventions.scalesim.config import ScaleSimConfig, read_config
from dnnaccel.conventions.scalesim.report import (
    OPERANDS,
    ScaleSimLayer,
    ScaleSimReport,
    SparseStorage,
    Traffic,
)
from dnnaccel.conventions.scalesim.rows import ScaleSimRow, read_topology, rows_of
from dnnaccel.errors import DnnAccelError, LayerError
from dnnaccel.layers import Layer
from dnnaccel.network import Network

__all__ = ["simulate", "simulate_network"]

Progress = Callable[[int, int, str], None]

Work = str | os.PathLike[str] | Network | Layer | Sequence[ScaleSimRow] | Sequence[Layer]


def simulate(
    work: Work,
    config: ScaleSimConfig | str | os.PathLike[str],
    *,
    kind: str | None = None,
    progress: Progress | None = None,
) -> ScaleSimReport:
    """Count a topology as SCALE-Sim 3.0.0 does, figure for figure.

    Parameters
    ----------
    work
        The path of a topology file, rows, a network, or layers of one.
    config
        A configuration, or the path of its file.
    kind
        "conv" or "gemm", what the lines of a topology file are; None tells it from their number of cells.
    progress
        Called with the layers done, their number, and the next one's name.

    Raises
    ------
    ImportedFileError
        For a file that cannot be understood, with its line.
    LayerError
        For a layer that SCALE-Sim cannot express or count.
    """
    if not isinstance(config, ScaleSimConfig):
        config = read_config(config)
    rows = _rows(work, kind)
    array = _core.ScaleSimArray(
        array=(config.rows, config.columns),
        dataflow=config.dataflow,
        kb=(config.ifmap_kb, config.filter_kb, config.ofmap_kb),
        user=config.mode == "user",
        bandwidth=(config.ifmap_bandwidth, config.filter_bandwidth, config.bandwidth),
    )
    counted: dict[object, _core.ScaleSimCount] = {}
    layers = []
    for index, row in enumerate(rows):
        if progress is not None:
            progress(index, len(rows), row.name)
        sparsity = row.sparsity if config.sparse_format else (1, 1)
        sizes = (row.ifmap, row.filter, row.channels, row.filters, row.stride, sparsity)
        # Layers alike, as the channels of a depthwise one, are counted once.
        if sizes not in counted:
            counted[sizes] = _count(row, sparsity, array)
        layers.append(_layer(row, sparsity, counted[sizes], config))
    return ScaleSimReport(config=config, layers=tuple(layers))


def simulate_network(
    work: Network | Layer,
    *,
    rows: int,
    cols: int,
    dataflow: str = "ws",
    ifmap_kb: int = 1024,
    filter_kb: int = 1024,
    ofmap_kb: int = 1024,
) -> ScaleSimReport:
    """Count a network, or one of its layers, on SCALE-Sim's array of `rows` x `cols` (CALC mode).

    Memories are in units of 1024 words. Layers are turned into SCALE-Sim's rows as `rows_of` says.
    """
    config = ScaleSimConfig(
        rows=rows,
        columns=cols,
        dataflow=dataflow,
        ifmap_kb=ifmap_kb,
        filter_kb=filter_kb,
        ofmap_kb=ofmap_kb,
    )
    return simulate(work, config)


def _rows(work: Work, kind: str | None) -> Sequence[ScaleSimRow]:
    if isinstance(work, (str, os.PathLike)):
        return read_topology(work, kind=kind)
    if kind is not None:
        raise DnnAccelError(
            f"kind is {kind!r}; it says what the lines of a topology file are, so leave it out"
        )
    if isinstance(work, (Network, Layer)):
        return rows_of(work)
    if not isinstance(work, Iterable):
        raise DnnAccelError(f"a path, a network, layers or rows are wanted, given {type(work).__name__}")
    given = list(work)
    rows = [each for each in given if isinstance(each, ScaleSimRow)]
    layers = [each for each in given if isinstance(each, Layer)]
    if not given or (len(rows) != len(given) and len(layers) != len(given)):
        raise DnnAccelError("a sequence of rows or of layers is wanted, one at the least")
    return rows or rows_of(layers)


def _count(row: ScaleSimRow, sparsity: tuple[int, int], array: _core.ScaleSimArray) -> _core.ScaleSimCount:
    layer = _core.ScaleSimLayer(
        ifmap=row.ifmap,
        filter=row.filter,
        channels=row.channels,
        filters=row.filters,
        stride=row.stride,
        sparsity=sparsity,
    )
    try:
        return _core.scalesim_count(layer, array)
    except ValueError as error:
        raise LayerError(f"{row.name}: {error}") from None


def _layer(
    row: ScaleSimRow, sparsity: tuple[int, int], count: _core.ScaleSimCount, config: ScaleSimConfig
) -> ScaleSimLayer:
    sram, dram = (
        dict(zip(OPERANDS, (Traffic(*each) for each in traffics), strict=True))
        for traffics in (count.sram, count.dram)
    )
    if config.sparse_format and config.dataflow == "ws":
        sram["ifmap"] = Traffic(sram["ifmap"].start_cycle, sram["ifmap"].stop_cycle, count.sparse_ifmap_reads)
    first_fetch = min(dram["ifmap"].start_cycle, dram["filter"].start_cycle)
    return ScaleSimLayer(
        row=row,
        cycles_with_prefetch=dram["ofmap"].stop_cycle - first_fetch,
        cycles=count.cycles,
        stall_cycles=count.stalls,
        folds=count.folds,
        overall_utilization_percent=row.macs * 100 / (count.cycles * config.rows * config.columns),
        mapping_efficiency_percent=count.mapping_efficiency * 100,
        compute_utilization_percent=count.compute_utilization * 100,
        sram=sram,
        dram=dram,
        sparse=_storage(row, sparsity, config.sparse_format),
    )


def _storage(row: ScaleSimRow, sparsity: tuple[int, int], format: str | None) -> SparseStorage | None:
    if format is None:
        return None
    kept, block = sparsity
    rows = row.window // block * kept + min(kept, row.window % block)
    words = rows * row.filters
    metadata: int | float
    if format == "ellpack_block":
        metadata = words * math.ceil(math.log2(block)) / 32
    else:
        metadata = words + (row.window if format == "csr" else row.filters) + 1
    return SparseStorage(original=row.window * row.filters, compressed=words + metadata, metadata=metadata)
