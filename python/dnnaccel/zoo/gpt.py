"""GPT-2: the decoder of the transformer alone."""

from __future__ import annotations

from dnnaccel.builder import NetworkBuilder
from dnnaccel.layers import Linear
from dnnaccel.network import Metadata, Network
from dnnaccel.zoo._attention import Size, attention, feed_forward

__all__ = ["gpt2_small", "gpt2_small_decode"]

_LAYERS = 12
_METADATA: Metadata = {
    "year": 2019,
    "source": "Radford, Wu, Child, Luan, Amodei, Sutskever: Language Models are Unsupervised Multitask "
    "Learners, OpenAI 2019",
    "dataset": "WebText",
    "quoted_weights": 124_000_000,
    "quoted_source": "README of the released code, which corrects the paper's 117M (from memory, unverified)",
    "note": "the quoted total counts position embeddings, biases and norms, which are no weights",
}


def gpt2_small(*, batch: int = 1, sequence_length: int = 1024) -> Network:
    """Build GPT-2 small over a whole prompt: 12 layers, 768 features, 12 heads, 3072 inside, 50,257 tokens.

    At most 1024 tokens. The next token is predicted at every position, as the released code does; the causal
    mask does not reduce the MACs counted. The output layer uses the embedding's table.
    """
    title = "GPT-2 small, prompt"
    b = _start("gpt2_small", title, (batch, sequence_length))
    return _gpt2(b, batch=batch, tokens=sequence_length, cached=0)


def gpt2_small_decode(*, batch: int = 1, sequence_length: int = 1023) -> Network:
    """Build GPT-2 small for the one token after `sequence_length` others, of which keys and values are kept.

    They are inputs of the network, and the new token's are written behind them; reading all of them is the
    traffic of the right operands of the attention's matrix products. At most 1023 tokens.
    """
    b = _start("gpt2_small_decode", "GPT-2 small, one token after a prompt", (batch, 1))
    for layer in range(1, _LAYERS + 1):
        b.input(f"layer{layer}_past_keys", shape=(batch, 12, 64, sequence_length))
        b.input(f"layer{layer}_past_values", shape=(batch, 12, sequence_length, 64))
    return _gpt2(b, batch=batch, tokens=1, cached=sequence_length)


def _start(name: str, title: str, shape: tuple[int, int]) -> NetworkBuilder:
    return NetworkBuilder(
        name, input_shape=shape, input_name="tokens", metadata={"title": title, **_METADATA}
    )


def _gpt2(b: NetworkBuilder, *, batch: int, tokens: int, cached: int) -> Network:
    size = Size(batch=batch, features=768, heads=12, hidden=3072)
    b.embedding("embedding", entries=50_257, features=768)
    tip = b.position_embedding("positions", entries=1024, first=cached)
    for layer in range(1, _LAYERS + 1):
        name = f"layer{layer}"
        caches = (f"{name}_past_keys", f"{name}_past_values") if cached else None
        normed = b.layer_norm(f"{name}_norm1", after=tip)
        out = attention(
            b, name, size=size, query=normed, queries=tokens, memory=normed, keys=tokens, caches=caches
        )
        tip = b.add(f"{name}_add1", after=(out, tip))
        normed = b.layer_norm(f"{name}_norm2")
        out = feed_forward(b, name, size=size, gelu=True, after=normed)
        tip = b.add(f"{name}_add2", after=(out, tip))
    normed = b.layer_norm("norm", after=tip)
    b.append(Linear(name="fc", inputs=(normed,), out_features=50_257, bias=False, weights_from="embedding"))
    b.softmax("prob")
    return b.build()
