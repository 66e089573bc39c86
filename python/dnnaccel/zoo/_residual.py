"""Blocks that the residual, wide, grouped and dense families share.

Names follow the ResNet paper's stages: `conv3_2b` is the second convolution of the second block of stage
conv3_x, `bn3_2b` its normalisation and `relu3_2b` its activation; `conv3_1p` is the projection beside the
first block.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from dnnaccel.builder import NetworkBuilder
from dnnaccel.network import Network
from dnnaccel.zoo._head import head

__all__ = ["BasicBlock", "Block", "Bottleneck", "conv_norm", "norm_conv", "residual_network"]


def conv_norm(
    b: NetworkBuilder,
    suffix: str,
    *,
    channels: int,
    kernel: int = 1,
    stride: int = 1,
    groups: int = 1,
    normalised: bool = True,
    after: str | None = None,
) -> str:
    """Add a convolution, padded so that stride 1 keeps the size, and its normalisation.

    Without normalisation (it can be folded into weights and biases once trained) the convolution has a bias.
    """
    conv = b.conv2d(
        f"conv{suffix}",
        out_channels=channels,
        kernel=kernel,
        stride=stride,
        padding=kernel // 2,
        groups=groups,
        bias=not normalised,
        after=after,
    )
    return b.batch_norm(f"bn{suffix}") if normalised else conv


def norm_conv(
    b: NetworkBuilder,
    suffix: str,
    *,
    channels: int,
    kernel: int = 1,
    stride: int = 1,
    groups: int = 1,
    after: str | None = None,
) -> str:
    """Add normalisation, ReLU and convolution: the order of the pre-activation networks."""
    b.batch_norm(f"bn{suffix}", after=after)
    b.relu(f"relu{suffix}")
    return b.conv2d(
        f"conv{suffix}",
        out_channels=channels,
        kernel=kernel,
        stride=stride,
        padding=kernel // 2,
        groups=groups,
        bias=False,
    )


class Block(Protocol):
    """What a stage of a residual network is made of."""

    def add_to(
        self, b: NetworkBuilder, name: str, tip: str, *, channels: int, stride: int, first: bool
    ) -> str:
        """Add the block `name` behind `tip` and return its output; `first`: it is its stage's first."""


@dataclass(frozen=True, slots=True)
class BasicBlock:
    """Two 3x3 convolutions beside an identity, which is projected only where the stride changes the shape."""

    def add_to(
        self, b: NetworkBuilder, name: str, tip: str, *, channels: int, stride: int, first: bool
    ) -> str:
        """Add the block `name` behind `tip` and return its output."""
        shortcut = tip
        if stride > 1:
            shortcut = conv_norm(b, f"{name}p", channels=channels, stride=stride, after=tip)
        conv_norm(b, f"{name}a", channels=channels, kernel=3, stride=stride, after=tip)
        b.relu(f"relu{name}a")
        body = conv_norm(b, f"{name}b", channels=channels, kernel=3)
        b.add(f"add{name}", after=(body, shortcut))
        return b.relu(f"relu{name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bottleneck:
    """1x1, 3x3 and 1x1 convolutions beside an identity, which is projected in the first block of a stage.

    Parameters
    ----------
    widening
        Factor on the channels of the 3x3 convolution.
    groups
        Of the 3x3 convolution: ResNeXt's cardinality.
    stride_first
        Whether the first 1x1 convolution has the stage's stride, as in the paper, or the 3x3 one.
    normalised
        Whether normalisations stand behind the convolutions; otherwise these have biases.
    """

    widening: int = 1
    groups: int = 1
    stride_first: bool = False
    normalised: bool = True

    def add_to(
        self, b: NetworkBuilder, name: str, tip: str, *, channels: int, stride: int, first: bool
    ) -> str:
        """Add the block `name` behind `tip` and return its output, of `4 * channels` channels."""
        inner, outer, normalised = self.widening * channels, 4 * channels, self.normalised
        strides = (stride, 1) if self.stride_first else (1, stride)
        shortcut = tip
        if first:
            shortcut = conv_norm(
                b, f"{name}p", channels=outer, stride=stride, normalised=normalised, after=tip
            )
        conv_norm(b, f"{name}a", channels=inner, stride=strides[0], normalised=normalised, after=tip)
        b.relu(f"relu{name}a")
        conv_norm(
            b,
            f"{name}b",
            channels=inner,
            kernel=3,
            stride=strides[1],
            groups=self.groups,
            normalised=normalised,
        )
        b.relu(f"relu{name}b")
        body = conv_norm(b, f"{name}c", channels=outer, normalised=normalised)
        b.add(f"add{name}", after=(body, shortcut))
        return b.relu(f"relu{name}")


def residual_network(
    b: NetworkBuilder, block: Block, depths: Sequence[int], *, normalised: bool = True
) -> Network:
    """Add the ImageNet stem, four stages of `depths` blocks and the classifier, and return the network."""
    conv_norm(b, "1", channels=64, kernel=7, stride=2, normalised=normalised)
    b.relu("relu1")
    tip = b.max_pool("pool1", kernel=3, stride=2, padding=1)
    for stage, depth in enumerate(depths, start=2):
        for unit in range(1, depth + 1):
            first = unit == 1
            stride = 2 if first and stage > 2 else 1
            channels = 64 * 2 ** (stage - 2)
            tip = block.add_to(b, f"{stage}_{unit}", tip, channels=channels, stride=stride, first=first)
    return head(b, pool="pool5")
