"""The end of nearly every network for images since 2014."""

from __future__ import annotations

from dnnaccel.builder import NetworkBuilder
from dnnaccel.network import Network

__all__ = ["head"]


def head(b: NetworkBuilder, *, classes: int = 1000, pool: str = "pool") -> Network:
    """Add the mean over the image, named `pool`, the classifier and the softmax, and return the network."""
    b.global_avg_pool(pool)
    b.flatten("flatten")
    b.linear("fc", out_features=classes)
    b.softmax("prob")
    return b.build()
