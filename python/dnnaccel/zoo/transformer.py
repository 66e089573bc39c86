"""The transformer: encoder and decoder of Vaswani et al. 2017."""

from __future__ import annotations

from math import sqrt

from dnnaccel.builder import NetworkBuilder
from dnnaccel.layers import Linear
from dnnaccel.network import Network
from dnnaccel.zoo._attention import Size, attention, feed_forward

__all__ = ["transformer_base", "transformer_big"]

_SOURCE = "Vaswani et al.: Attention Is All You Need, NIPS 2017"


def transformer_base(
    *, batch: int = 1, sequence_length: int = 64, target_length: int | None = None
) -> Network:
    """Build the base transformer: 6 + 6 layers, 512 features, 8 heads, 2048 inside the feed-forward networks.

    The decoder is given the whole target, as in training; `target_length` None is `sequence_length`. Source
    and target embeddings and the output layer share one table of 37,000 tokens; positions are sinusoids.
    """
    size = Size(batch=batch, features=512, heads=8, hidden=2048)
    return _transformer("base", size, sequence_length, target_length, quoted=65_000_000)


def transformer_big(
    *, batch: int = 1, sequence_length: int = 64, target_length: int | None = None
) -> Network:
    """Build the big transformer: 1024 features, 16 heads, 4096 inside the feed-forward networks.

    In all else as `transformer_base`.
    """
    size = Size(batch=batch, features=1024, heads=16, hidden=4096)
    return _transformer("big", size, sequence_length, target_length, quoted=213_000_000)


def _transformer(variant: str, size: Size, source: int, target: int | None, *, quoted: int) -> Network:
    targets = source if target is None else target
    b = NetworkBuilder(
        f"transformer_{variant}",
        input_shape=(size.batch, source),
        input_name="source",
        metadata={
            "title": f"Transformer ({variant})",
            "year": 2017,
            "source": _SOURCE,
            "dataset": "WMT 2014 English-German",
            "quoted_weights": quoted,
            "quoted_source": f"{_SOURCE}, Table 3 (from memory, unverified)",
            "note": "every Linear but the output layer has biases; the paper does not say for attention",
        },
    )
    b.input("target", shape=(size.batch, targets))
    tip = _embed(b, "enc", "source", size, owner=None)
    for layer in range(1, 7):
        name = f"enc{layer}"
        out = attention(b, f"{name}_self", size=size, query=tip, queries=source, memory=tip, keys=source)
        tip = _add_norm(b, f"{name}_self", out, tip)
        tip = _add_norm(b, f"{name}_ff", feed_forward(b, name, size=size, gelu=False, after=tip), tip)
    memory, tip = tip, _embed(b, "dec", "target", size, owner="enc_embedding")
    for layer in range(1, 7):
        name = f"dec{layer}"
        out = attention(b, f"{name}_self", size=size, query=tip, queries=targets, memory=tip, keys=targets)
        tip = _add_norm(b, f"{name}_self", out, tip)
        out = attention(b, f"{name}_cross", size=size, query=tip, queries=targets, memory=memory, keys=source)
        tip = _add_norm(b, f"{name}_cross", out, tip)
        tip = _add_norm(b, f"{name}_ff", feed_forward(b, name, size=size, gelu=False, after=tip), tip)
    b.append(Linear(name="fc", inputs=(tip,), out_features=_TOKENS, bias=False, weights_from="enc_embedding"))
    b.softmax("prob")
    return b.build()


# Byte pairs that source and target share.
_TOKENS = 37_000


def _embed(b: NetworkBuilder, name: str, tokens: str, size: Size, *, owner: str | None) -> str:
    b.embedding(
        f"{name}_embedding", entries=_TOKENS, features=size.features, weights_from=owner, after=tokens
    )
    b.scale(f"{name}_scale", factor=sqrt(size.features))
    # Sinusoids go on for ever; the table holds as many rows as a size can have.
    return b.position_embedding(f"{name}_positions", entries=2**31 - 1, learned=False)


def _add_norm(b: NetworkBuilder, name: str, out: str, shortcut: str) -> str:
    b.add(f"{name}_add", after=(out, shortcut))
    return b.layer_norm(f"{name}_norm")
