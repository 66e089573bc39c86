"""How near is the model to the fabricated Eyeriss on AlexNet's convolutions?

Measured: Chen, Krishna, Emer and Sze, "Eyeriss: An Energy-Efficient Reconfigurable Accelerator for Deep
Convolutional Neural Networks", JSSC 52(1), 2017: tables of mapping parameters and of AlexNet's layers (batch
4, 200 MHz core, 60 MHz link, 1.0 V), read from a stored transcription (repository cucapra/fodlam). The
figures are in python/dnnaccel/reproduce/jssc17.json.

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

import pytest

import dnnaccel as da
from dnnaccel import arch
from dnnaccel.cost import LayerReport
from dnnaccel.reproduce.jssc17_chip import MIB, Measured, layer_of, measured, nest

ROWS = measured()
every_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.layer)


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
