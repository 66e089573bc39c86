"""From numbers to 8-bit integers: what stays within half a step, and what does not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import dnnaccel as da
from dnnaccel.errors import RuntimeModelError
from dnnaccel.kernels import dequantize, quantize
from dnnaccel.layers import Linear, ReLU
from dnnaccel.runtime.calibration import (
    Range,
    activation_params,
    quantize_bias,
    quantize_weights,
    range_of,
    weight_scales,
)

NUMBERS = st.floats(-1e6, 1e6, width=32)


@given(NUMBERS, NUMBERS, st.sampled_from(["uint8", "int8"]))
def test_a_range_is_held_to_half_a_step_and_zero_exactly(one: float, other: float, dtype: str) -> None:
    seen = Range(min(one, other), max(one, other))
    params = activation_params(seen, dtype)
    ends = np.array([seen.low, 0.0, seen.high], np.float32)
    back = dequantize(quantize(ends, params), params)
    assert back[1] == 0
    # The zero point is rounded, so that an end may be as far as a whole step away.
    assert np.abs(back - ends).max() <= params.scale * 1.01


def test_weights_are_within_half_a_step_and_the_largest_is_exact() -> None:
    rng = np.random.default_rng(0)
    w = rng.standard_normal((5, 3, 2, 2)).astype(np.float32) * np.array([1, 9, 1e-9, 0, 1e5]).reshape(
        5, 1, 1, 1
    )
    scales = weight_scales(w)
    q = quantize_weights(w, scales)
    assert q.dtype == np.int8
    assert np.abs(q).max(axis=(1, 2, 3)).tolist() == [127, 127, 127, 0, 127]
    assert (np.abs(q * scales.reshape(5, 1, 1, 1) - w) <= scales.reshape(5, 1, 1, 1) * 0.500001).all()


def test_a_bias_that_is_large_beside_the_weights_makes_their_steps_larger() -> None:
    w, b = np.array([[1e-9], [1.0]]), np.array([5.0, 5.0])
    scales = weight_scales(w, b, 0.1)
    assert scales[1] == 1 / 127
    sums = quantize_bias(b, 0.1, scales)
    assert sums[0] == 2**30
    assert sums * scales * 0.1 == pytest.approx(b, rel=1e-3)


def test_numbers_that_are_not_finite_are_left_out_of_ranges() -> None:
    assert range_of([np.nan, 1.0, np.inf, -2.0]) == Range(-2.0, 1.0)
    assert range_of([]) == range_of([np.nan]) == Range(0.0, 0.0)
    for percentile in (50, 100.1, np.nan):
        with pytest.raises(RuntimeModelError, match="percentile must be above 50"):
            range_of([1.0], percentile)
    with pytest.raises(RuntimeModelError, match="not finite"):
        weight_scales([[np.nan]])


def test_a_percentile_makes_the_steps_of_ordinary_numbers_finer() -> None:
    layers = (Linear(name="fc", inputs=("x",), out_features=4, bias=False), ReLU(name="relu", inputs=("fc",)))
    net = da.Network("tiny", layers, inputs={"x": (1, 512)})
    rng = np.random.default_rng(1)
    weights = {"fc.weight": rng.standard_normal((4, 512)).astype(np.float32)}
    x = rng.standard_normal((1, 512)).astype(np.float32)
    far = x.copy()
    far[0, 7] = 1000.0
    wanted = da.runtime.compile(net, weights)(x)
    errors = [
        np.abs(
            da.runtime.compile(net, weights, dtype="int8", calibration=[far], percentile=p)(x) - wanted
        ).max()
        for p in (100, 99)
    ]
    assert errors[1] < errors[0] / 10
    assert errors[1] < np.abs(wanted).max() / 20
