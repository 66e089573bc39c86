"""What does run-length coding save on the fabricated Eyeriss, from zeros and format arithmetic alone?

Published: "Eyeriss" at ISSCC 2016 (figures 14.5.5 and text): DRAM traffic of AlexNet's layers, images and
filters, shrinks 1.2, 1.4, 1.7, 1.8, 1.9 times; images read 1.9 times, written 2.6 times. The JSSC paper has
the share of zeros in each layer's inputs, and DRAM traffic as measured. Inputs and outputs are coded, behind
ReLU, but not CONV1's inputs, and no filters.

Zeros of outputs are not published. Outputs that the next layer reads as they are have its share; where max
pooling lies between (CONV1, CONV2) they have more zeros than what is left of them, so what is computed is the
least that coding can save. Nobody reads CONV5's outputs but a pooling; they are taken to be like its inputs.
"""

from __future__ import annotations

import pytest
from test_eyeriss import ROWS, cost

import dnnaccel as da
from dnnaccel.reproduce.jssc17_chip import MIB, Measured, layer_of, nest

WORD_BITS = 16
DENSITIES = da.sparsity.published("eyeriss_jssc17", "alexnet")
POOLED = {"conv1", "conv2"}


def ratios(row: Measured) -> dict[str, float]:
    """Bits of a coded word over those of a plain one, by tensor."""
    density = DENSITIES[row.layer]
    if row.layer == "conv5":
        density = da.sparsity.uniform(inputs=density.inputs, outputs=density.inputs)
    coded = {
        tensor: sum(density.bits_per_word(tensor, "rlc", WORD_BITS)) / WORD_BITS
        for tensor in ("inputs", "outputs")
    }
    return coded | {"weights": 1.0} | ({"inputs": 1.0} if row.layer == "conv1" else {})


def traffic(row: Measured, *tensors: str, coded: bool) -> float:
    """MiB between DRAM and chip under the paper's mapping."""
    report, ratio = cost(row), ratios(row)
    return sum(
        report.traffic("dram", tensor=tensor, unit="bytes") / MIB * (ratio[tensor] if coded else 1)
        for tensor in tensors
    )


def saved(row: Measured, *tensors: str) -> float:
    return traffic(row, *tensors, coded=False) / traffic(row, *tensors, coded=True)


TARGET = 0.1
"""A tenth: what the model of coding was meant to reach before it was compared."""

EVERYTHING = ("inputs", "weights", "outputs")


def test_images_are_read_1_9_times_less() -> None:
    plain = sum(traffic(row, "inputs", coded=False) for row in ROWS)
    coded = sum(traffic(row, "inputs", coded=True) for row in ROWS)
    assert round(plain / coded, 1) == 1.9


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.layer)
def test_each_layer_is_near_the_published_figure(row: Measured) -> None:
    found = saved(row, *EVERYTHING)
    if row.layer in POOLED:  # the least that can be saved; a figure printed as 1.2 may be 1.25
        assert found < row.coding + 0.05
    else:
        assert found == pytest.approx(row.coding, rel=TARGET)


@pytest.mark.parametrize("row", [row for row in ROWS if row.layer in POOLED], ids=lambda row: row.layer)
def test_zeros_before_pooling_explain_the_rest(row: Measured) -> None:
    # A window of nine words is zero only if all nine are: independent zeros would have to be this many.
    zeros_after = 1 - DENSITIES[row.layer].outputs
    most = da.sparsity.uniform(outputs=1 - zeros_after ** (1 / 9))
    fewest_bits = sum(most.bits_per_word("outputs", "rlc", WORD_BITS)) / WORD_BITS
    plain = traffic(row, *EVERYTHING, coded=False)
    least = traffic(row, "inputs", "weights", coded=True)
    least += traffic(row, "outputs", coded=False) * fewest_bits
    assert saved(row, *EVERYTHING) < row.coding < plain / least


def test_coded_traffic_of_all_layers_is_near_the_measured() -> None:
    plain = sum(traffic(row, *EVERYTHING, coded=False) for row in ROWS)
    coded = sum(traffic(row, *EVERYTHING, coded=True) for row in ROWS)
    measured = sum(row.dram_mib for row in ROWS)
    print(f"{plain:.2f} MiB plain, {coded:.2f} coded, {measured:.2f} measured")
    assert coded == pytest.approx(measured, rel=TARGET)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.layer)
def test_the_cost_model_moves_the_bytes_that_the_formula_says(row: Measured) -> None:
    density = DENSITIES[row.layer]
    if row.layer == "conv5":
        density = da.sparsity.uniform(inputs=density.inputs, outputs=density.inputs)
    report = da.evaluate(layer_of(row), da.arch.load("eyeriss"), nest(row), density=density)
    for tensor in EVERYTHING:
        found = report.traffic("dram", tensor, "bytes")
        # A report rounds up to whole words of 2 bytes, of reads and of writes.
        assert found == pytest.approx(traffic(row, tensor, coded=True) * MIB, abs=4)
