"""Densities at their ends, on every chip: reports stay sound, and nothing divides by nothing."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest

import dnnaccel as da
from dnnaccel import mapper
from dnnaccel.sparsity import Density, measure, uniform

CONV = da.layers.Conv2d(name="c", input_shapes=((1, 4, 9, 9),), out_channels=8, kernel=3, padding=1)
ALL_PADDING = da.layers.Conv2d(
    name="p", input_shapes=((1, 4, 1, 1),), out_channels=4, kernel=1, stride=2, padding=1
)
NO_INPUTS = measure(CONV, inputs=np.zeros((1, 4, 9, 9)), weights=np.ones((8, 4, 3, 3)))
NO_WEIGHTS = measure(CONV, inputs=np.ones((1, 4, 9, 9)), weights=np.zeros((8, 4, 3, 3)))
NO_OUTPUTS = measure(CONV, outputs=np.zeros(CONV.output_shape))


@functools.cache
def mapped(layer: da.layers.Layer, chip: str) -> tuple[da.arch.Chip, da.Mapping]:
    """A chip and some mapping that it can run; which one is of no account here."""
    machine = da.arch.load(chip)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mapper, "_EFFORT", {"exhaustive_limit": 100, "starts": 1, "proposals": 50})
        return machine, da.search(layer, machine).mapping


def check(report: da.LayerReport, dense: da.LayerReport) -> None:
    assert report.macs == dense.macs
    assert math.isfinite(report.energy)
    assert report.energy >= 0
    assert report.cycles >= 0
    for count in report.levels:
        assert math.isfinite(count.effective_reads + count.effective_writes)
        assert count.effective_reads >= 0
        assert count.effective_writes >= 0
    assert str(report)


@pytest.mark.parametrize("chip", da.arch.names())
@pytest.mark.parametrize(
    "density",
    [uniform(inputs=1e-12, weights=1e-12, outputs=1e-12), uniform(), NO_INPUTS, NO_WEIGHTS, NO_OUTPUTS],
    ids=["tiny", "dense", "no inputs", "no weights", "no outputs"],
)
def test_the_ends_of_density_on_every_chip(chip: str, density: Density) -> None:
    machine, mapping = mapped(CONV, chip)
    dense = da.evaluate(CONV, machine, mapping)
    found = da.evaluate(CONV, machine, mapping, density=density)
    check(found, dense)
    assert found.energy <= dense.energy
    assert found.cycles <= dense.cycles


@pytest.mark.parametrize("chip", da.arch.names())
def test_a_layer_that_sees_nothing_but_padding(chip: str) -> None:
    machine, mapping = mapped(ALL_PADDING, chip)
    dense = da.evaluate(ALL_PADDING, machine, mapping)
    check(da.evaluate(ALL_PADDING, machine, mapping, density=uniform(inputs=0.5)), dense)
    blank = measure(ALL_PADDING, inputs=np.ones((1, 4, 1, 1)))
    assert blank.effectual_fraction(("inputs",)) == 0
    check(da.evaluate(ALL_PADDING, machine, mapping, density=blank), dense)
