"""Every network of the zoo on the native runtime, against torch with the same weights."""

from __future__ import annotations

import numpy as np
import pytest

import dnnaccel as da
import torch_net
from dnnaccel.runtime.random import random_inputs, random_weights

_SMALL_MACS = 1e9
_SMALL_PARAMETERS = 3e7


def _marked(name: str) -> object:
    net = da.zoo.load(name)
    small = net.total_macs < _SMALL_MACS and net.total_parameters < _SMALL_PARAMETERS
    return pytest.param(name, marks=() if small else pytest.mark.slow)


@pytest.mark.parametrize("name", [_marked(name) for name in da.zoo.names()])
def test_outputs_are_torchs(name: str) -> None:
    net = da.zoo.load(name)
    weights, inputs = random_weights(net), random_inputs(net)
    theirs = torch_net.evaluate(net, weights, inputs, only=net.outputs)
    results = da.runtime.compile(net, weights, threads=2)(**inputs)
    ours = results if isinstance(results, dict) else {next(iter(net.outputs)): results}
    assert ours.keys() == net.outputs.keys()
    for output, values in ours.items():
        wanted = theirs[output].numpy()
        assert np.abs(values - wanted).max() <= 1e-4 * np.abs(wanted).max(), output
