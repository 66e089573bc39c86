"""How near is the row-stationary array, cycle by cycle, to the fabricated Eyeriss on AlexNet?

The figures and mappings are those of tests/validation/test_eyeriss.py. Values are integers drawn at random
with about the measured share of zeros; the slow reference is a convolution by NumPy. What is modelled, and
from where, is in docs/row-stationary.md.
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt
import pytest

from dnnaccel import arch, reproduce
from dnnaccel.layers import Conv2d
from dnnaccel.reproduce.jssc17_chip import Measured, density_of, layer_of, measured, nest
from dnnaccel.sim.row_stationary import RowStationaryRun, RowTiming, simulate_row_stationary

ROWS = measured()
every_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.layer)

Values = npt.NDArray[np.int32]


@functools.cache
def timed(row: Measured) -> RowStationaryRun:
    """Time does not depend on values, so these runs only count."""
    return simulate_row_stationary(layer_of(row), arch.load("eyeriss"), nest(row))


def milliseconds(run: RowStationaryRun) -> float:
    assert run.seconds is not None
    return run.seconds * 1e3


def operands(layer: Conv2d, nonzero: float) -> tuple[Values, Values]:
    rng = np.random.default_rng(0)
    groups = layer.groups
    batch, channels, height, width = layer.input_shapes[0]
    inputs = rng.integers(-128, 128, (batch, groups, channels // groups, height, width), dtype=np.int32)
    inputs[rng.random(inputs.shape) >= nonzero] = 0
    weights = rng.integers(
        -128, 128, (groups, layer.out_channels // groups, channels // groups, *layer.kernel), dtype=np.int32
    )
    return inputs, weights


def convolve(layer: Conv2d, inputs: Values, weights: Values) -> Values:
    """Sum matrix products over the taps: exact in doubles, since no sum reaches 2^53."""
    (rows, columns), (down, across) = layer.output_shape[2:], layer.stride
    pads = [(0, 0)] * 3 + [(p, p) for p in layer.padding]
    padded = np.pad(inputs, pads).astype(np.float64)
    sums = np.zeros((inputs.shape[0], *weights.shape[:2], rows, columns))
    for r, s in np.ndindex(*layer.kernel):
        seen = padded[:, :, :, r : r + rows * down : down, s : s + columns * across : across]
        seen = seen[..., :rows, :columns]
        sums += np.einsum("ngcpq,gmc->ngmpq", seen, weights[..., r, s].astype(np.float64), optimize=True)
    return sums.astype(np.int32)


@every_row
def test_as_many_elements_work_as_on_the_chip(row: Measured) -> None:
    assert timed(row).active_pes == row.active_pes


@every_row
def test_the_chips_tags_tell_all_receivers_apart(row: Measured) -> None:
    """The chip's buses have 4 bits for a row and, for inputs, 5 for a column: conv2 needs 31 of these 32."""
    run = timed(row)
    assert run.input_tags[0] <= 16
    assert run.input_tags[1] <= 32
    assert max(run.filter_tags) <= 16
    if row.layer == "conv1":  # stride 4: every fourth row of the array sees the same input rows
        assert run.input_tags == (4, 9)
        assert run.filter_tags == (11, 2)
    if row.layer == "conv2":
        assert run.input_tags == (1, 31)


@every_row
def test_processing_latency_is_within_seven_per_cent_of_the_chips(row: Measured) -> None:
    assert milliseconds(timed(row)) == pytest.approx(row.processing_ms, rel=0.07)


def test_processing_latency_is_within_four_per_cent_on_average_and_three_in_total() -> None:
    errors = [abs(milliseconds(timed(row)) / row.processing_ms - 1) for row in ROWS]
    assert sum(errors) / len(errors) < 0.04
    total = sum(milliseconds(timed(row)) for row in ROWS)
    assert total == pytest.approx(sum(row.processing_ms for row in ROWS), rel=0.035)


@every_row
def test_the_other_reading_of_the_element_is_further_off(row: Measured) -> None:
    """docs/row-stationary.md tells of both; this one costs a cycle for every sum from below."""
    shared = simulate_row_stationary(
        layer_of(row), arch.load("eyeriss"), nest(row), timing=RowTiming(shared_adder=True)
    )
    within = abs(milliseconds(shared) / row.processing_ms - 1) < 0.07
    assert within == (row.layer in {"conv1", "conv2", "conv3"})


@pytest.mark.parametrize(
    "row",
    [pytest.param(row, marks=[pytest.mark.slow] if row.layer != "conv5" else []) for row in ROWS],
    ids=lambda row: row.layer,
)
def test_every_output_is_right(row: Measured) -> None:
    layer = layer_of(row)
    density = density_of(row).inputs
    inputs, weights = operands(layer, float(density))
    run = simulate_row_stationary(layer, arch.load("eyeriss"), nest(row), inputs=inputs, weights=weights)
    assert np.array_equal(run.outputs, convolve(layer, inputs, weights))
    assert (run.cycles, run.macs) == (timed(row).cycles, layer.macs)
    # Padding gates too.
    assert run.gated_macs / run.macs == pytest.approx(1 - density, abs=0.16)
    assert run.gated_macs >= (1 - density) * run.macs * 0.99


def test_reproduce_prints_it_beside_the_closed_form() -> None:
    found = reproduce.jssc17(best=False, cycle=True)
    assert "latency cycle by cycle: 4.0% off on average over the layers, 6.8% at most" in str(found)
    assert found.to_dict()["rows"][4]["cycle"]["active_pes"] == ROWS[4].active_pes
    assert all(row.cycle is None for row in reproduce.jssc17(best=False).rows)
