"""Convolutions: dense, grouped and depthwise."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from dnnaccel.layers._base import Layer, Pair, Shape, as_pair, window_positions
from dnnaccel.problem import Problem, convolution

__all__ = ["Conv2d", "DepthwiseConv2d"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Convolution(Layer):
    """What dense, grouped and depthwise convolutions share."""

    _pairs: ClassVar[Mapping[str, int]] = {"kernel": 1, "stride": 1, "padding": 0, "dilation": 1}

    kernel: Pair
    stride: Pair = 1
    padding: Pair = 0
    dilation: Pair = 1
    bias: bool = True

    @abstractmethod
    def _channels(self, shape: Shape) -> tuple[int, int, int]:
        """Return groups, input channels per group, output channels per group."""

    def _infer(self, shapes: tuple[Shape, ...]) -> Shape:
        batch = self._image(shapes[0])[0]
        groups, _, out_channels = self._channels(shapes[0])
        positions = window_positions(
            self,
            shapes[0],
            kernel=as_pair(self.kernel),
            stride=as_pair(self.stride),
            padding=as_pair(self.padding),
            dilation=as_pair(self.dilation),
        )
        return (batch, groups * out_channels, *positions)

    @property
    def problem(self) -> Problem:
        """The loop nest that a chip executes."""
        shape = self._shapes()[0]
        groups, in_channels, out_channels = self._channels(shape)
        output = self.output_shape
        return convolution(
            batch=shape[0],
            groups=groups,
            out_channels=out_channels,
            in_channels=in_channels,
            out_size=(output[2], output[3]),
            in_size=(shape[2], shape[3]),
            kernel=as_pair(self.kernel),
            stride=as_pair(self.stride),
            padding=as_pair(self.padding),
            dilation=as_pair(self.dilation),
        )

    @property
    def macs(self) -> int:
        """Multiply-accumulates, for the whole batch: one filter per output element.

        The MACs of `problem`, without building it: a network asks every layer when it is put together.
        """
        return math.prod(self.output_shape) * self._filter_size()

    @property
    def weights(self) -> int:
        """Elements of the filters: output channels x input channels per group x kernel rows x columns."""
        return self.output_shape[1] * self._filter_size()

    @property
    def parameters(self) -> int:
        """Weights, and one bias per output channel."""
        return self.weights + (self.output_shape[1] if self.bias else 0)

    def _filter_size(self) -> int:
        rows, columns = as_pair(self.kernel)
        return self._channels(self._shapes()[0])[1] * rows * columns


@dataclass(frozen=True, slots=True, kw_only=True)
class Conv2d(_Convolution):
    """A 2-D convolution, in `groups` equal parts that do not see each other's channels.

    Output rows are ``floor((rows + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1``, columns alike.

    Examples
    --------
    >>> Conv2d(name="conv1", input_shapes=((1, 3, 227, 227),), out_channels=96, kernel=11, stride=4).macs
    105415200
    """

    kind: ClassVar[str] = "conv2d"
    _integers: ClassVar[Mapping[str, int]] = {"out_channels": 1, "groups": 1}

    out_channels: int
    groups: int = 1

    def _channels(self, shape: Shape) -> tuple[int, int, int]:
        channels = shape[1]
        if channels % self.groups or self.out_channels % self.groups:
            raise self._error(
                f"groups={self.groups} must divide both the {channels} channels of input {shape} "
                f"and out_channels={self.out_channels}"
            )
        return self.groups, channels // self.groups, self.out_channels // self.groups


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthwiseConv2d(_Convolution):
    """A convolution of every channel by itself, with `multiplier` filters for each.

    Its problem has one group per channel (G = channels, M = multiplier, C = 1).
    """

    kind: ClassVar[str] = "depthwise"
    _integers: ClassVar[Mapping[str, int]] = {"multiplier": 1}

    multiplier: int = 1

    def _channels(self, shape: Shape) -> tuple[int, int, int]:
        return shape[1], 1, self.multiplier
