"""Do levels of zero explain EIE's published times? Columns of compressed matrices, at one entry a cycle.

Published: Han et al., "EIE: Efficient Inference Engine on Compressed Deep Neural Network", ISCA 2016: times
of nine layers on 64 elements at 800 MHz, "theoretical" with all elements equally busy, "actual" with those
that wait for others (a stored transcription, repository cucapra/fodlam). The sizes and the densities of
weights and activations, which the paper prints with one or two digits, are from memory and unverified.

An element has every 64th row of the matrix. For each activation that is not zero it takes the entries of its
column, one a cycle: weights that are not zero, and a level of zero where more than 15 zeros stand in a row.

    python tests/validation/test_eie_columns.py      # prints the table of docs/sparsity.md
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from dnnaccel import _core
from dnnaccel.sparsity import Format
from dnnaccel.sparsity.formats import lower_format

ELEMENTS, CLOCK_MHZ = 64, 800


@dataclass(frozen=True)
class Layer:
    """One of the paper's benchmarks."""

    name: str
    inputs: int
    outputs: int
    weights: float
    activations: float
    theoretical_us: float
    actual_us: float

    @property
    def column(self) -> int:
        """Words of a column in the element that has most."""
        return -(-self.outputs // ELEMENTS)

    def microseconds(self, entries: float) -> float:
        """Time of an element that takes so many entries for each activation that is not zero."""
        return self.inputs * self.activations * entries / CLOCK_MHZ

    @property
    def without_levels(self) -> float:
        """Time if weights that are not zero were all that there is to take."""
        return self.microseconds(self.weights * self.column)

    @property
    def with_levels(self) -> float:
        """Time of the entries that are expected in compressed columns."""
        form = lower_format(Format(kind="csc", run_bits=4, column_words=self.column))
        return self.microseconds(_core.expected_entries(form, self.weights, self.column))


LAYERS = (
    Layer("Alex-6", 9216, 4096, 0.09, 0.351, 28.1, 30.3),
    Layer("Alex-7", 4096, 4096, 0.09, 0.353, 11.7, 12.2),
    Layer("Alex-8", 4096, 1000, 0.25, 0.375, 8.9, 9.9),
    Layer("VGG-6", 25088, 4096, 0.04, 0.183, 28.1, 34.4),
    Layer("VGG-7", 4096, 4096, 0.04, 0.375, 7.9, 8.7),
    Layer("VGG-8", 4096, 1000, 0.23, 0.411, 7.3, 8.4),
    Layer("NT-We", 4096, 600, 0.10, 1.0, 5.2, 8.0),
    Layer("NT-Wd", 600, 8791, 0.11, 1.0, 13.0, 13.9),
    Layer("NT-LSTM", 1201, 2400, 0.10, 1.0, 6.5, 7.5),
)
every_layer = pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)


TARGET = 0.1
"""A tenth, on average: the densities themselves are rounded by up to an eighth (0.04 is 0.035 to 0.045)."""


def errors(times: list[float]) -> list[float]:
    return [abs(time / layer.theoretical_us - 1) for time, layer in zip(times, LAYERS, strict=True)]


def test_levels_of_zero_bring_the_times_near_the_published() -> None:
    plain = errors([layer.without_levels for layer in LAYERS])
    coded = errors([layer.with_levels for layer in LAYERS])
    assert sum(coded) < sum(plain) / 2
    assert sum(coded) / len(LAYERS) < TARGET


@every_layer
def test_a_column_shorter_than_a_run_has_no_levels_of_zero(layer: Layer) -> None:
    if layer.column <= 16:
        assert layer.with_levels == pytest.approx(layer.without_levels, rel=1e-12)
    else:
        assert layer.with_levels > layer.without_levels


def main() -> None:
    print(
        "| layer | column | weights | without levels of zero, us | with | EIE, equally busy | EIE, actual |"
    )
    print("|---|--:|--:|--:|--:|--:|--:|")
    for layer in LAYERS:
        print(
            f"| {layer.name} | {layer.column} | {layer.weights:.0%} | {layer.without_levels:.1f} "
            f"| {layer.with_levels:.1f} ({layer.with_levels / layer.theoretical_us - 1:+.0%}) "
            f"| {layer.theoretical_us} | {layer.actual_us} |"
        )
    plain, coded = (
        sum(errors(times)) / len(LAYERS)
        for times in ([x.without_levels for x in LAYERS], [x.with_levels for x in LAYERS])
    )
    print()
    print(f"Mean error against equally busy elements: {plain:.1%} without levels of zero, {coded:.1%} with.")


if __name__ == "__main__":
    main()
