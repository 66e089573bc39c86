"""When Winograd's algorithm may be taken, and when it pays."""

from __future__ import annotations

import math
from collections.abc import Sequence

from dnnaccel.errors import KernelError

__all__ = ["winograd_error"]

_BOUND, _CHANNELS = 2e-5, 512
_LEAST_CHANNELS = 32
_LEAST_PIXELS = 144
"""Of fewer than 12 by 12 there are too few tiles for weights that are four times as many as they were."""


def winograd_error(channels: int) -> float:
    """Return a bound of the error of ``algorithm="winograd"``, relative to the largest output.

    Measured, not proved: up to 512 channels the largest error seen was 6e-6, against float64, with normal
    weights and normal inputs, as they are or after a ReLU; the bound leaves it a factor of three. It grows
    with the square root of the channels.

    Examples
    --------
    >>> winograd_error(64), winograd_error(2048)
    (2e-05, 4e-05)
    """
    return _BOUND * max(1.0, math.sqrt(channels / _CHANNELS))


def accepted(error_bound: float | None, channels: int) -> bool:
    """Say whether a caller accepts the error of Winograd's algorithm."""
    if error_bound is None:
        return False
    if not (isinstance(error_bound, (int, float)) and error_bound > 0 and math.isfinite(error_bound)):
        raise KernelError(f"error_bound must be a number above 0 or None, not {error_bound!r}")
    return error_bound >= winograd_error(channels)


def pays(
    w_shape: Sequence[int],
    *,
    stride: tuple[int, int],
    dilation: tuple[int, int],
    groups: int,
    out_pixels: int,
) -> bool:
    """Say whether Winograd's algorithm is for a convolution, and faster there than a product of matrices."""
    if (tuple(w_shape[2:]), stride, dilation, groups) != ((3, 3), (1, 1), (1, 1), 1):
        return False
    return min(w_shape[:2]) >= _LEAST_CHANNELS and out_pixels >= _LEAST_PIXELS
