"""Inception's way of writing networks: modules of branches, each a chain of convolutions and poolings.

`conv3a_b2` is the second step of branch b of module 3a, `bn..` and `relu..` its normalisation and activation,
`pool3a_d1` a pooling, `concat3a` where the branches meet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_lowercase

from dnnaccel.builder import NetworkBuilder
from dnnaccel.layers import Pair

__all__ = ["Branches", "Conv", "Fork", "Module", "Pool", "Step"]


@dataclass(frozen=True, slots=True)
class Conv:
    """A convolution to `channels`; it keeps the size of the image (at stride 1) unless it is `valid`."""

    channels: int
    kernel: Pair = 1
    stride: int = 1
    valid: bool = False

    @property
    def padding(self) -> Pair:
        """Padding on each side, rows and columns."""
        rows, columns = self.kernel if isinstance(self.kernel, tuple) else (self.kernel, self.kernel)
        return 0 if self.valid else (rows // 2, columns // 2)


@dataclass(frozen=True, slots=True)
class Pool:
    """A 3x3 pooling: at stride 1 it keeps the size of the image, at stride 2 it is not padded."""

    kind: str
    stride: int = 1
    ceil_mode: bool = False


@dataclass(frozen=True, slots=True)
class Fork:
    """Convolutions that read the same, side by side, and are concatenated: the end of a chain."""

    tines: tuple[Conv, ...]


Step = Conv | Pool | Fork

Module = tuple[tuple[Step, ...], ...]
"""Branches side by side, each a chain of steps."""


class Branches:
    """Adds modules to a network, with or without a batch norm behind every convolution."""

    def __init__(self, builder: NetworkBuilder, *, norm: bool, bias: bool) -> None:
        """Add to `builder`; `bias` says whether convolutions have one besides the norm."""
        self.b, self._norm, self._bias = builder, norm, bias

    def conv(self, suffix: str, step: Conv, after: str | None = None) -> str:
        """Add a convolution, its normalisation and its activation."""
        self.b.conv2d(
            f"conv{suffix}",
            out_channels=step.channels,
            kernel=step.kernel,
            stride=step.stride,
            padding=step.padding,
            bias=self._bias,
            after=after,
        )
        if self._norm:
            self.b.batch_norm(f"bn{suffix}")
        return self.b.relu(f"relu{suffix}")

    def pool(self, suffix: str, step: Pool, after: str | None = None) -> str:
        """Add a pooling; an average leaves out the padding."""
        name, padding = f"pool{suffix}", 1 if step.stride == 1 else 0
        if step.kind == "max":
            return self.b.max_pool(
                name, kernel=3, stride=step.stride, padding=padding, ceil_mode=step.ceil_mode, after=after
            )
        return self.b.avg_pool(
            name, kernel=3, stride=step.stride, padding=padding, count_include_pad=False, after=after
        )

    def chain(self, suffix: str, steps: Sequence[Step], after: str) -> str:
        """Add steps one after the other."""
        tip = after
        for number, step in enumerate(steps, start=1):
            name = f"{suffix}{number}"
            if isinstance(step, Conv):
                tip = self.conv(name, step, tip)
            elif isinstance(step, Pool):
                tip = self.pool(name, step, tip)
            else:
                ends = [
                    self.conv(f"{name}{letter}", tine, tip)
                    for letter, tine in zip(ascii_lowercase, step.tines, strict=False)
                ]
                tip = self.b.concat(f"concat{name}", after=ends)
        return tip

    def module(self, name: str, branches: Sequence[Sequence[Step]], after: str) -> str:
        """Add branches side by side and their concatenation; a branch without steps is its input itself."""
        ends = [
            self.chain(f"{name}_{letter}", steps, after)
            for letter, steps in zip(ascii_lowercase, branches, strict=False)
        ]
        return self.b.concat(f"concat{name}", after=ends)
