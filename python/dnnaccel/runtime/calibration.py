"""How numbers become 8-bit integers: ranges and steps of activations, scales of weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dnnaccel.errors import RuntimeModelError
from dnnaccel.kernels import QuantParams

__all__ = [
    "Range",
    "activation_params",
    "check_percentile",
    "quantize_bias",
    "quantize_weights",
    "range_of",
    "weight_scales",
]

_MOST = 127
"""The largest weight; -128 is not used, so that scales are symmetric."""
_BIAS_ROOM = 2.0**30
"""Half of what sums can hold is left for the products."""
_LEAST_SCALE = 1e-30


@dataclass(frozen=True, slots=True)
class Range:
    """The least and the greatest number that a tensor was seen to hold.

    Examples
    --------
    >>> Range(-1.0, 2.0).joined(Range(0.0, 3.0))
    Range(low=-1.0, high=3.0)
    """

    low: float
    high: float

    def joined(self, other: Range) -> Range:
        """Return the range that holds both."""
        return Range(min(self.low, other.low), max(self.high, other.high))


def check_percentile(percentile: float) -> None:
    """Refuse what is no percentile to cut at."""
    if not 50 < percentile <= 100:
        raise RuntimeModelError(f"percentile must be above 50 and at most 100, not {percentile}")


def range_of(values: ArrayLike, percentile: float = 100.0) -> Range:
    """Return the range of some numbers, infinities and NaN left out.

    With a percentile below 100, that share of them is inside the range, and what is beyond it, at both ends
    alike, will be clamped: then a few very large values do not make the steps of all others coarse.

    Examples
    --------
    >>> import numpy as np
    >>> range_of(np.array([1.0, -3.0, 2.0]))
    Range(low=-3.0, high=2.0)
    >>> range_of(np.arange(1001.0), 99)
    Range(low=5.0, high=995.0)
    """
    check_percentile(percentile)
    array = np.asarray(values, np.float32).ravel()
    array = array[np.isfinite(array)]
    if array.size == 0:
        return Range(0.0, 0.0)
    if percentile == 100:
        return Range(float(array.min()), float(array.max()))
    beyond = (100 - percentile) / 2
    low, high = np.percentile(array, [beyond, 100 - beyond])
    return Range(float(low), float(high))


def activation_params(seen: Range, dtype: str = "uint8") -> QuantParams:
    """Return what a tensor's integers are to stand for: the range, made to hold 0, in 255 equal steps.

    The number 0 is exactly the zero point, so padding and what a ReLU cuts off are exact.

    Examples
    --------
    >>> activation_params(Range(-16.0, 47.75))
    QuantParams(scale=0.25, zero_point=64, dtype='uint8')
    """
    low, high = min(seen.low, 0.0), max(seen.high, 0.0)
    least, most = (0, 255) if dtype == "uint8" else (-128, 127)
    scale = float(np.float32(max(high - low, 1e-12) / (most - least)))
    return QuantParams(scale, int(np.clip(round(least - low / scale), least, most)), dtype)


def weight_scales(w: ArrayLike, b: ArrayLike | None = None, x_scale: float = 1.0) -> NDArray[np.float64]:
    """Return a scale for each output channel, the first axis: its largest weight is 127 or -127.

    With a bias, which is counted in steps of `x_scale` times the scale, the scale is larger where the bias
    would not fit into 32 bits beside the sums.

    Examples
    --------
    >>> import numpy as np
    >>> weight_scales(np.array([[1.27, -2.54], [0.5, 0.25]]))
    array([0.02      , 0.00393701])
    """
    array = np.asarray(w, np.float64)
    largest = np.abs(array.reshape(len(array), -1)).max(axis=1, initial=0.0)
    if not np.isfinite(largest).all():
        raise RuntimeModelError("weights that are not finite cannot be quantised")
    room = 0.0 if b is None else np.abs(np.asarray(b, np.float64)) / (x_scale * _BIAS_ROOM)
    scales: NDArray[np.float64] = np.maximum(np.maximum(largest / _MOST, room), _LEAST_SCALE)
    return scales


def quantize_weights(w: ArrayLike, scales: ArrayLike) -> NDArray[np.int8]:
    """Return weights as int8 in steps of a scale for each output channel, halves rounded to even.

    Examples
    --------
    >>> import numpy as np
    >>> quantize_weights(np.array([[1.27, -2.54], [0.5, 0.0]]), [0.02, 0.25])
    array([[  64, -127],
           [   2,    0]], dtype=int8)
    """
    array = np.asarray(w, np.float64)
    shape = (-1, *[1] * (array.ndim - 1))
    steps = np.rint(array / np.asarray(scales, np.float64).reshape(shape))
    return np.clip(steps, -_MOST, _MOST).astype(np.int8)


def quantize_bias(b: ArrayLike, x_scale: float, scales: ArrayLike) -> NDArray[np.int32]:
    """Return a bias counted in what the sums are counted in: the inputs' scale times the weights'.

    Examples
    --------
    >>> quantize_bias([1.0, -2.0], 0.5, [0.1, 0.2])
    array([ 20, -20], dtype=int32)
    """
    steps = np.rint(np.asarray(b, np.float64) / (x_scale * np.asarray(scales, np.float64)))
    return np.clip(steps, -_BIAS_ROOM, _BIAS_ROOM).astype(np.int32)
