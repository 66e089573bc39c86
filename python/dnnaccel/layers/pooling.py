"""Poolings over windows and over whole images."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from dnnaccel.layers._base import Layer, Pair, Shape, as_pair, times, window_positions

__all__ = ["AvgPool2d", "GlobalAvgPool2d", "GlobalMaxPool2d", "MaxPool2d"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pool2d(Layer):
    """What max and average pooling share."""

    _pairs: ClassVar[Mapping[str, int]] = {"kernel": 1, "stride": 1, "padding": 0}

    kernel: Pair
    stride: Pair | None = None
    padding: Pair = 0
    ceil_mode: bool = False

    def _fill_in(self) -> None:
        if self.stride is None:
            self._set("stride", self.kernel)

    def _infer(self, shapes: tuple[Shape, ...]) -> Shape:
        batch, channels, _, _ = self._image(shapes[0])
        kernel, padding = as_pair(self.kernel), as_pair(self.padding)
        if 2 * padding[0] > kernel[0] or 2 * padding[1] > kernel[1]:
            raise self._error(
                f"padding {times(padding)} must be at most half the kernel {times(kernel)}, "
                "or a window could hold nothing but padding"
            )
        positions = window_positions(
            self,
            shapes[0],
            kernel=kernel,
            stride=kernel if self.stride is None else as_pair(self.stride),
            padding=padding,
            ceil_mode=self.ceil_mode,
        )
        return (batch, channels, *positions)


class MaxPool2d(_Pool2d):
    """The largest element of each window; `stride` is the kernel unless given.

    With `ceil_mode` what the stride leaves over gets a window too, unless it would start beyond the input
    (PyTorch's rule). Vector operations: a window of k elements takes k - 1 comparisons.
    """

    __slots__ = ()

    kind: ClassVar[str] = "max_pool"

    @property
    def ops(self) -> int:
        """Comparisons: kernel elements less one, per output."""
        return (math.prod(as_pair(self.kernel)) - 1) * math.prod(self.output_shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class AvgPool2d(_Pool2d):
    """The mean of each window; `stride` is the kernel unless given, `ceil_mode` is as in `MaxPool2d`.

    `count_include_pad` says whether padding zeros count in the divisor; it changes values, not work. Vector
    operations: a window of k elements takes k - 1 additions and one multiplication by 1/k, a constant.
    """

    kind: ClassVar[str] = "avg_pool"

    count_include_pad: bool = True

    @property
    def ops(self) -> int:
        """Additions and one multiplication: kernel elements, per output."""
        return math.prod(as_pair(self.kernel)) * math.prod(self.output_shape)


class _GlobalPool2d(Layer):
    """What the global poolings share: one number per channel."""

    __slots__ = ()

    def _infer(self, shapes: tuple[Shape, ...]) -> Shape:
        batch, channels, _, _ = self._image(shapes[0])
        return (batch, channels, 1, 1)


class GlobalAvgPool2d(_GlobalPool2d):
    """The mean of every channel: (N, C, H, W) to (N, C, 1, 1).

    Vector operations: H * W - 1 additions and one multiplication by the constant 1/(H * W), per channel.
    """

    __slots__ = ()

    kind: ClassVar[str] = "global_avg_pool"

    @property
    def ops(self) -> int:
        """Additions and one multiplication per channel: one per input element in all."""
        return math.prod(self._shapes()[0])


class GlobalMaxPool2d(_GlobalPool2d):
    """The largest element of every channel: (N, C, H, W) to (N, C, 1, 1).

    Vector operations: H * W - 1 comparisons per channel.
    """

    __slots__ = ()

    kind: ClassVar[str] = "global_max_pool"

    @property
    def ops(self) -> int:
        """Comparisons: input elements less one per channel."""
        return math.prod(self._shapes()[0]) - math.prod(self.output_shape)
