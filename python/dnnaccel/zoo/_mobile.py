"""Blocks that MobileNet, ShuffleNet and Xception share: convolutions without bias, normalised."""

from __future__ import annotations

from dnnaccel.builder import NetworkBuilder

__all__ = ["conv_norm", "depthwise_norm", "separable"]


def conv_norm(
    b: NetworkBuilder,
    name: str,
    *,
    channels: int,
    kernel: int = 1,
    stride: int = 1,
    padding: int = 0,
    groups: int = 1,
    after: str | None = None,
) -> str:
    """Add a convolution and its normalisation, `NAME_bn`; return the latter."""
    b.conv2d(
        name,
        out_channels=channels,
        kernel=kernel,
        stride=stride,
        padding=padding,
        groups=groups,
        bias=False,
        after=after,
    )
    return b.batch_norm(f"{name}_bn")


def depthwise_norm(b: NetworkBuilder, name: str, *, stride: int = 1) -> str:
    """Add a 3x3 depthwise convolution that keeps the image, but for its stride, and its normalisation."""
    b.depthwise(name, kernel=3, stride=stride, padding=1, bias=False)
    return b.batch_norm(f"{name}_bn")


def separable(b: NetworkBuilder, name: str, *, channels: int, after: str | None = None) -> str:
    """Add Xception's separable convolution: 3x3 depthwise, 1x1 (`NAME_dw`, `NAME_pw`), one normalisation."""
    b.depthwise(f"{name}_dw", kernel=3, padding=1, bias=False, after=after)
    return conv_norm(b, f"{name}_pw", channels=channels)
