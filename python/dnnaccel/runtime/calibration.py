"""How numbers become 8-bit integers: scales of weights, ranges of activations."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dnnaccel.errors import KernelError
from dnnaccel.kernels import QuantParams

__all__ = ["Range", "activation_params", "quantize_bias", "quantize_weights", "range_of", "weight_scales"]

_MOST = 127
"""The largest weight; -128 is not used, so that scales are symmetric."""
_LEAST_SCALE = 2.0**-100


@dataclass(frozen=True, slots=True)
class Range:
    """The numbers that a tensor was seen to hold.

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


def range_of(values: ArrayLike, percentile: float = 100.0) -> Range:
    """Return the range of some numbers, infinities and NaN left out.

    With a percentile below 100, that share of them is inside the range, and what is beyond it at both ends
    alike will be clamped: a few very large values then do not make the steps of all others coarse.

    Examples
    --------
    >>> import numpy as np
    >>> range_of(np.array([1.0, -3.0, 2.0]))
    Range(low=-3.0, high=2.0)
    >>> range_of(np.arange(1001.0), 99)
    Range(low=5.0, high=995.0)
    """
    if not 50 < percentile <= 100:
        raise KernelError(f"percentile must be above 50 and at most 100, not {percentile}")
    array = np.asarray(values, np.float32).ravel()
    array = array[np.isfinite(array)]
    if array.size == 0:
        return Range(0.0, 0.0)
    if percentile == 100:
        return Range(float(array.min()), float(array.max()))
    beyond = (100 - percentile) / 2
    low, high = np.percentile(array, [beyond, 100 - beyond])
    return Range(float(low), float(high))


def activation_params(seen: Range | Iterable[Range], dtype: str = "uint8") -> QuantParams:
    """Return what a tensor's integers are to stand for: the range, made to hold 0, in 255 equal steps.

    The number 0 is exactly the zero point, so padding and what a ReLU cuts off are exact.

    Examples
    --------
    >>> activation_params(Range(-16.0, 47.75))
    QuantParams(scale=0.25, zero_point=64, dtype='uint8')
    """
    if not isinstance(seen, Range):
        every = list(seen)
        seen = Range(min((r.low for r in every), default=0.0), max((r.high for r in every), default=0.0))
    low, high = min(seen.low, 0.0), max(seen.high, 0.0)
    least, most = (0, 255) if dtype == "uint8" else (-128, 127)
    scale = (high - low) / (most - least)
    if scale < _LEAST_SCALE:  # nothing but zeros was seen
        return QuantParams(1.0, max(least, min(0, most)), dtype)
    return QuantParams(scale, int(np.clip(round(least - low / scale), least, most)), dtype)


def weight_scales(w: ArrayLike) -> NDArray[np.float64]:
    """Return a scale for each output channel, the first axis: its largest weight is 127 or -127.

    A channel of zeros has the scale 1.

    Examples
    --------
    >>> import numpy as np
    >>> weight_scales(np.array([[1.27, -2.54], [0.0, 0.0]]))
    array([0.02, 1.  ])
    """
    array = np.asarray(w, np.float64)
    largest = np.abs(array.reshape(len(array), -1)).max(axis=1, initial=0.0)
    if not np.isfinite(largest).all():
        raise KernelError("weights that are not finite cannot be quantised")
    scales = largest / _MOST
    return np.where(scales < _LEAST_SCALE, 1.0, scales)


def quantize_weights(w: ArrayLike) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    """Return weights as int8, halves rounded to even, and the scale of each output channel.

    Examples
    --------
    >>> import numpy as np
    >>> quantize_weights(np.array([[1.27, -2.54], [0.0, 0.0]]))[0]
    array([[  64, -127],
           [   0,    0]], dtype=int8)
    """
    array = np.asarray(w, np.float64)
    scales = weight_scales(array)
    steps = np.rint(array / scales.reshape(-1, *[1] * (array.ndim - 1)))
    return np.clip(steps, -_MOST, _MOST).astype(np.int8), scales


def quantize_bias(b: ArrayLike, x_scale: float, scales: ArrayLike) -> NDArray[np.int32]:
    """Return a bias counted in what the sums are counted in: the inputs' scale times the weights'.

    What 32 bits do not hold with room for the sums is cut to half of what they hold.

    Examples
    --------
    >>> quantize_bias([1.0, -2.0], 0.5, [0.1, 0.2])
    array([ 20, -20], dtype=int32)
    """
    steps = np.rint(np.asarray(b, np.float64) / (x_scale * np.asarray(scales, np.float64)))
    return np.clip(steps, -(2**30), 2**30).astype(np.int32)
