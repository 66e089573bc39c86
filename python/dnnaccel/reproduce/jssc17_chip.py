"""The fabricated Eyeriss running AlexNet: its measured table, and its mappings as loop nests."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from dnnaccel import arch, sparsity, zoo
from dnnaccel.arch import Chip
from dnnaccel.cost import LayerReport
from dnnaccel.layers import Conv2d
from dnnaccel.reproduce.published import figures
from dnnaccel.sparsity import Density

__all__ = ["BATCH", "MIB", "Measured", "chip_of", "density_of", "layer_of", "measured", "mebibytes", "nest"]

BATCH: int = 4
"""Images at a time in the measurement."""

MIB = 2**20

_ARRAY_ROWS, _ARRAY_COLUMNS = 12, 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One layer of the paper's tables; m, n, e, p, q, r, t are its mapping parameters, in its letters.

    m output channels whose sums the buffer holds, n images, e output rows of a set of PEs, p filters and q
    channels in a PE, r sets with different channels and t with different filters. Traffic is reads + writes
    of the whole batch, DRAM's after run-length coding; `coding` is how many times that shrinks it.
    """

    layer: str
    m: int
    n: int
    e: int
    p: int
    q: int
    r: int
    t: int
    glb_inputs_kib: float
    glb_sums_kib: float
    active_pes: int
    processing_ms: float
    total_ms: float
    glb_mib: float
    dram_mib: float
    power_mw: float
    coding: float


def measured() -> tuple[Measured, ...]:
    """Return the table, CONV1 to CONV5."""
    return tuple(Measured(**row) for row in figures("jssc17")["layers"])


@functools.cache
def layer_of(row: Measured) -> Conv2d:
    """Return the layer of the zoo's AlexNet, at the batch of the measurement."""
    layer = zoo.load("alexnet", batch=BATCH)[row.layer]
    assert isinstance(layer, Conv2d)
    return layer


def chip_of(row: Measured) -> Chip:
    """Return the preset ``eyeriss`` as it ran a layer: images came in as they were, all else was coded."""
    chip = arch.load("eyeriss")
    return chip.override({"dram.formats": {"outputs": "rlc"}}) if row.layer == "conv1" else chip


def density_of(row: Measured) -> Density:
    """Return the measured share of nonzero words in a layer's inputs, and in the next layer's for outputs.

    Only a pooling reads CONV5's outputs; they are taken to be like its inputs.
    """
    density = sparsity.published("eyeriss_jssc17", "alexnet")[row.layer]
    if row.layer == "conv5":
        return sparsity.uniform(inputs=density.inputs, outputs=density.inputs)
    return density


def nest(row: Measured) -> str:
    """Return the paper's mapping: passes outside, sets across the array, a 1-D convolution in each PE."""
    layer = layer_of(row)
    filter_rows = layer.problem.bounds["R"]
    down, across = ["par R step 1"], ["par P step 1"]
    if row.e > _ARRAY_COLUMNS:  # a set wider than the array is folded
        down.insert(0, f"par P step {_ARRAY_COLUMNS}")
    if row.r > 1:
        down.insert(0, f"par C step {row.q}")
    if row.t > 1:
        stacked = filter_rows * row.r * row.t <= _ARRAY_ROWS
        (down if stacked else across).insert(0, f"par M step {row.p}")
    lines = [
        "dram [inputs, weights, outputs]",
        *(["for G step 1"] if layer.groups > 1 else []),
        f"for N step {row.n}",
        f"for P step {row.e}",
        f"for M step {row.m}",
        f"for C step {row.q * row.r}",
        "glb [inputs, outputs]",
        f"for M step {row.p * row.t}",
        "filter_buffer [weights]",
        "for N step 1",
        "for Q step 1",
        "pe_array.rows",
        *down,
        "pe_array.columns",
        *across,
        "ifmap_spad [inputs]",
        "filter_spad [weights]",
        "psum_spad [outputs]",
        "for C step 1",
        "for S step 1",
        "for M step 1",
    ]
    return "\n".join(lines)


def mebibytes(report: LayerReport, level: str, tensor: str | None = None) -> float:
    """Return what really passed a memory's ports, reads + writes, zeros coded away, in MiB."""
    bits = sum(
        (count.effective_reads + count.effective_writes) * count.word_bits
        for count in report.levels
        if count.level == level and tensor in (None, count.tensor)
    )
    return bits / 8 / MIB
