"""What is timed: the distinct layers of networks, each with a plan of ours."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dnnaccel import kernels
from dnnaccel.layers import Conv2d, DepthwiseConv2d, Layer, Linear
from dnnaccel.network import Network

__all__ = ["Convolution", "Operands", "Product", "Run", "Shape", "distinct"]

Floats: TypeAlias = NDArray[np.float32]
Run: TypeAlias = Callable[[], Any]
_SMALL_MACS = 20e6
_FLOAT = 4
"""Bytes of a value."""


@dataclass(frozen=True, slots=True)
class Operands:
    """Inputs and weights that all libraries are given alike."""

    x: Floats
    w: Floats


@dataclass(frozen=True, slots=True)
class Convolution:
    """A convolution of NHWC images."""

    x_shape: tuple[int, int, int, int]
    w_shape: tuple[int, int, int, int]
    """Output channels, channels of a group, height, width."""
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    groups: int
    out_shape: tuple[int, int, int, int]

    @classmethod
    def of(cls, layer: Conv2d | DepthwiseConv2d) -> Convolution:
        """Return what a layer computes."""
        batch, channels, height, width = layer.input_shapes[0]
        _, outputs, rows, columns = layer.output_shape
        groups = channels if isinstance(layer, DepthwiseConv2d) else layer.groups
        return cls(
            x_shape=(batch, height, width, channels),
            w_shape=(outputs, channels // groups, *_both(layer.kernel)),
            stride=_both(layer.stride),
            padding=_both(layer.padding),
            dilation=_both(layer.dilation),
            groups=groups,
            out_shape=(batch, rows, columns, outputs),
        )

    @property
    def macs(self) -> int:
        """Multiply-accumulates, those with padding counted as others count them."""
        return math.prod(self.out_shape) * math.prod(self.w_shape[1:])

    @property
    def kind(self) -> str:
        """What sort of convolution it is, for means over many."""
        if self.groups > 1:
            return "depthwise" if self.groups == self.x_shape[3] else "grouped"
        if self.x_shape[3] <= 4:
            return "first layer"
        return "dense, 20 M MACs or more" if self.macs >= _SMALL_MACS else "dense, under 20 M MACs"

    def plan(self, operands: Operands, threads: int) -> kernels.Conv2d:
        """Return our plan of it."""
        return kernels.Conv2d(
            self.x_shape,
            operands.w,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            groups=self.groups,
            threads=threads,
        )

    def __str__(self) -> str:
        _, height, width, channels = self.x_shape
        outputs, _, rows, columns = self.w_shape
        text = f"{channels}x{height}x{width} -> {outputs}, {rows}x{columns}"
        if self.stride != (1, 1):
            text += f" /{self.stride[0]}"
        if self.dilation != (1, 1):
            text += f" dil {self.dilation[0]}"
        return text + (f" g{self.groups}" if self.groups > 1 else "")


@dataclass(frozen=True, slots=True)
class Product:
    """A product of vectors with a matrix of weights."""

    x_shape: tuple[int, int]
    w_shape: tuple[int, int]
    """Outputs, values."""

    @classmethod
    def of(cls, layer: Linear) -> Product:
        """Return what a layer computes."""
        shape = layer.input_shapes[0]
        return cls((math.prod(shape[:-1]), shape[-1]), (layer.out_features, shape[-1]))

    @property
    def out_shape(self) -> tuple[int, int]:
        """Vectors, outputs."""
        return (self.x_shape[0], self.w_shape[0])

    @property
    def macs(self) -> int:
        """Multiply-accumulates."""
        return self.x_shape[0] * math.prod(self.w_shape)

    @property
    def kind(self) -> str:
        """Whether it reads weights for one vector or for many."""
        return "fully connected, 1 vector" if self.x_shape[0] == 1 else "fully connected"

    def plan(self, operands: Operands, threads: int) -> kernels.Linear:
        """Return our plan of it."""
        return kernels.Linear(self.x_shape, operands.w, threads=threads)

    def __str__(self) -> str:
        return f"{self.x_shape[0]} x {self.x_shape[1]} -> {self.w_shape[0]}"


Shape: TypeAlias = Convolution | Product


def bytes_of(shape: Shape) -> tuple[int, int]:
    """Return bytes read (inputs and weights) and written, each value once."""
    read = math.prod(shape.x_shape) + math.prod(shape.w_shape)
    return _FLOAT * read, _FLOAT * math.prod(shape.out_shape)


def operands(shape: Shape) -> Operands:
    """Return the same random operands every time."""
    rng = np.random.default_rng(0)
    x = kernels.empty(shape.x_shape)
    x[...] = rng.standard_normal(x.shape, dtype=np.float32)
    return Operands(x, rng.standard_normal(shape.w_shape, dtype=np.float32))


def distinct(networks: Iterable[Network]) -> dict[Shape, tuple[str, Layer]]:
    """Return each distinct convolution and fully connected layer, with where it stands first."""
    found: dict[Shape, tuple[str, Layer]] = {}
    for net in networks:
        for layer in net.layers:
            shape: Shape
            if isinstance(layer, Conv2d | DepthwiseConv2d):
                shape = Convolution.of(layer)
            elif isinstance(layer, Linear):
                shape = Product.of(layer)
            else:
                continue
            found.setdefault(shape, (f"{net.name}:{layer.name}", layer))
    return found


def _both(pair: int | tuple[int, int]) -> tuple[int, int]:
    return pair if isinstance(pair, tuple) else (pair, pair)
