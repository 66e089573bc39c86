"""What the transformers share: attention of several heads, and the feed-forward network after it.

Attention is built of `Linear`, `Reshape`, `Permute`, `MatMul`, `Scale` and `Softmax`. Masks, causal ones too,
are not modelled: all queries x keys are counted, because arrays compute whole tiles and set what is masked to
zero afterwards. Queries, keys and values have a `Linear` each; implementations that join the three into one
have the same MACs and parameters.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from dnnaccel.builder import NetworkBuilder

__all__ = ["Size", "attention", "feed_forward", "swap_last_axes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Samples, features, attention heads, and features inside the feed-forward network."""

    batch: int
    features: int
    heads: int
    hidden: int

    @property
    def head(self) -> int:
        """Features of one head."""
        return self.features // self.heads


def swap_last_axes(b: NetworkBuilder, name: str, *, after: str) -> str:
    """Add the transpose of (N, rows, columns)."""
    return b.permute(name, axes=(0, 2, 1), after=after)


def attention(
    b: NetworkBuilder,
    name: str,
    *,
    size: Size,
    query: str,
    queries: int,
    memory: str,
    keys: int,
    caches: tuple[str, str] | None = None,
) -> str:
    """Add multi-head attention of the `queries` vectors of `query` to the `keys` vectors of `memory`.

    `caches` are earlier keys (N, heads, features of a head, positions) and values (N, heads, positions,
    features of a head), to which the new ones are appended. Returns the name of the output projection.
    """
    asked = b.linear(f"{name}_q", out_features=size.features, after=query)
    q = _heads(b, f"{name}_q", asked, queries, size, axes=(0, 2, 1, 3))
    key = b.linear(f"{name}_k", out_features=size.features, after=memory)
    k = _heads(b, f"{name}_k", key, keys, size, axes=(0, 2, 3, 1))
    value = b.linear(f"{name}_v", out_features=size.features, after=memory)
    v = _heads(b, f"{name}_v", value, keys, size, axes=(0, 2, 1, 3))
    if caches is not None:
        k = b.concat(f"{name}_keys", after=(caches[0], k), axis=3)
        v = b.concat(f"{name}_values", after=(caches[1], v), axis=2)
    b.matmul(f"{name}_scores", after=(q, k))
    b.scale(f"{name}_scale", factor=1 / sqrt(size.head))
    weights = b.softmax(f"{name}_softmax")
    b.matmul(f"{name}_context", after=(weights, v))
    b.permute(f"{name}_merge", axes=(0, 2, 1, 3))
    b.reshape(f"{name}_joined", shape=(size.batch, queries, size.features))
    return b.linear(f"{name}_out", out_features=size.features)


def _heads(
    b: NetworkBuilder, name: str, source: str, positions: int, size: Size, *, axes: tuple[int, ...]
) -> str:
    b.reshape(f"{name}_split", shape=(size.batch, positions, size.heads, size.head), after=source)
    return b.permute(f"{name}_heads", axes=axes)


def feed_forward(b: NetworkBuilder, name: str, *, size: Size, gelu: bool, after: str) -> str:
    """Add the two `Linear` layers of every position, with a GELU or a ReLU between them."""
    b.linear(f"{name}_ff1", out_features=size.hidden, after=after)
    (b.gelu if gelu else b.relu)(f"{name}_{'gelu' if gelu else 'relu'}")
    return b.linear(f"{name}_ff2", out_features=size.features)
