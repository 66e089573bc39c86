"""How near is the model to the fabricated Eyeriss on AlexNet's convolutions?

Measured: Chen, Krishna, Emer and Sze, "Eyeriss: An Energy-Efficient Reconfigurable Accelerator for Deep
Convolutional Neural Networks", JSSC 52(1), 2017: tables of mapping parameters and of AlexNet's layers (batch
4, 200 MHz core, 60 MHz link, 1.0 V), read from a stored transcription (repository cucapra/fodlam).

The chip ran the mappings of that table, so these are costed here as the paper gives them: what is compared is
the counting, not the search. What the model leaves out, and which way that pulls:

- DRAM traffic was measured after run-length coding of inputs and outputs (all but CONV1's input), ours is
  before it. The chip's paper at ISSCC 2016 gives the coding's effect per layer, filters included.
- Measured processing latency includes all that happens between passes; ours has the loading of a pass's
  filters and of its first input windows, at the widths of the networks, and neither configuration nor the
  depth of the PE's pipeline.
- Padding: the paper's buffer sizes hold padded rows, ours hold what is fetched.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest

import dnnaccel as da
from dnnaccel import arch
from dnnaccel.cost import LayerReport
from dnnaccel.layers import Conv2d

BATCH = 4
MIB = 2**20


@dataclass(frozen=True)
class Measured:
    """One row of the paper; m, n, e, p, q, r, t are its mapping parameters, in its letters."""

    layer: str
    m: int  # output channels whose sums the buffer holds
    n: int  # images
    e: int  # output rows of a set of elements
    p: int  # filters in an element
    q: int  # channels in an element
    r: int  # sets with different channels
    t: int  # sets with different filters
    glb_inputs_kib: float
    glb_sums_kib: float
    active_pes: int
    processing_ms: float
    total_ms: float
    glb_mib: float
    dram_mib: float
    coding: float  # how many times run-length coding shrinks DRAM traffic


ROWS = (
    Measured("conv1", 96, 1, 7, 16, 1, 1, 2, 15.5, 72.2, 154, 16.5, 20.9, 18.5, 5.0, 1.2),
    Measured("conv2", 64, 1, 27, 16, 2, 1, 1, 3.8, 91.1, 135, 39.2, 41.9, 77.6, 4.0, 1.4),
    Measured("conv3", 64, 4, 13, 16, 4, 1, 4, 7.0, 84.5, 156, 21.8, 23.6, 50.2, 3.0, 1.7),
    Measured("conv4", 64, 4, 13, 16, 3, 2, 2, 10.5, 84.5, 156, 16.0, 18.4, 37.4, 2.1, 1.8),
    Measured("conv5", 64, 4, 13, 16, 3, 2, 2, 10.5, 84.5, 156, 10.0, 10.5, 24.9, 1.3, 1.9),
)
every_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.layer)


def layer_of(row: Measured) -> Conv2d:
    layer = da.zoo.load("alexnet", batch=BATCH)[row.layer]
    assert isinstance(layer, Conv2d)
    return layer


def nest(row: Measured) -> str:
    """The paper's mapping: passes outside, sets across the array, a 1-D convolution in each element."""
    layer = layer_of(row)
    assert layer.problem is not None
    rows_per_set = layer.problem.bounds["R"]
    down, across = ["par R step 1"], ["par P step 1"]
    if row.e > 14:  # a set wider than the array is folded
        down.insert(0, "par P step 14")
    if row.r > 1:
        down.insert(0, f"par C step {row.q}")
    if row.t > 1:
        stacked = rows_per_set * row.r * row.t <= 12
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


def cost(row: Measured) -> LayerReport:
    return da.evaluate(layer_of(row), arch.load("eyeriss"), nest(row))


def tile_words(report: LayerReport, level: str, tensor: str) -> int:
    return next(c.tile_words for c in report.levels if (c.level, c.tensor) == (level, tensor))


@every_row
def test_the_papers_mapping_fits_and_keeps_as_many_elements_busy(row: Measured) -> None:
    assert cost(row).active_pes == row.active_pes


@every_row
def test_the_buffer_holds_the_papers_partial_sums(row: Measured) -> None:
    kib = tile_words(cost(row), "glb", "outputs") * 2 / 1024
    assert round(kib, 1) == row.glb_sums_kib


@every_row
def test_the_buffer_holds_the_papers_inputs_less_their_padding(row: Measured) -> None:
    layer = layer_of(row)
    height, width = layer.input_shapes[0][2:]
    padding = layer.padding[0]
    rows = (row.e - 1) * layer.stride[0] + layer.kernel[0]
    images_and_channels = row.n * row.q * row.r
    padded_kib = images_and_channels * rows * (width + 2 * padding) * 2 / 1024
    assert padded_kib == pytest.approx(row.glb_inputs_kib, abs=0.06)
    assert tile_words(cost(row), "glb", "inputs") == images_and_channels * min(rows, height) * width


@every_row
def test_scratchpads_hold_what_the_papers_mapping_puts_there(row: Measured) -> None:
    report, width = cost(row), layer_of(row).kernel[1]
    assert tile_words(report, "ifmap_spad", "inputs") == row.q * width
    assert tile_words(report, "filter_spad", "weights") == row.p * row.q * width
    assert tile_words(report, "psum_spad", "outputs") == row.p


@every_row
def test_processing_latency_is_within_a_tenth_of_the_measured(row: Measured) -> None:
    assert cost(row).cycles / 200e3 == pytest.approx(row.processing_ms, rel=0.1)


def test_processing_latency_is_within_five_per_cent_on_average() -> None:
    errors = [abs(cost(row).cycles / 200e3 / row.processing_ms - 1) for row in ROWS]
    assert sum(errors) / len(errors) < 0.05


@every_row
def test_dram_traffic_is_between_the_coded_and_the_plain(row: Measured) -> None:
    plain = cost(row).traffic("dram", unit="bytes") / MIB
    assert plain / row.coding <= row.dram_mib <= plain


@every_row
def test_buffer_traffic_is_near_the_measured(row: Measured) -> None:
    ours = cost(row).traffic("glb", unit="bytes") / MIB
    if row.layer == "conv3":
        # The printed 4 channels a pass make 64 round trips of all sums, 63 MiB; the measured 50 MiB would be
        # those of about 5.5 channels, so one of the two figures may be misread in the transcription.
        assert row.glb_mib < ours < 1.36 * row.glb_mib
    else:
        assert ours == pytest.approx(row.glb_mib, rel=0.06)


def test_buffer_traffic_of_all_layers() -> None:
    ours = sum(cost(row).traffic("glb", unit="bytes") for row in ROWS) / MIB
    assert ours == pytest.approx(208.5, rel=0.06)


@every_row
def test_the_search_finds_no_worse_than_the_papers_mapping(row: Measured) -> None:
    layer, chip, papers = layer_of(row), arch.load("eyeriss"), cost(row)
    assert da.search(layer, chip, "rs").cost.energy <= papers.energy
    edp = da.search(layer, chip, "rs", "edp").cost
    assert edp.energy * edp.cycles <= papers.energy * papers.cycles
    assert da.search(layer, chip, "rs", "latency").cost.cycles <= papers.cycles


def test_no_mapping_is_faster_than_the_array() -> None:
    for row in ROWS:
        layer = layer_of(row)
        found = da.search(layer, arch.load("eyeriss"), "rs", "latency").cost
        assert found.cycles >= math.ceil(layer.macs / 168)
