"""BERT: the encoder of the transformer alone."""

from __future__ import annotations

from dnnaccel.builder import NetworkBuilder
from dnnaccel.network import Network
from dnnaccel.zoo._attention import Size, attention, feed_forward

__all__ = ["bert_base"]


def bert_base(*, batch: int = 1, sequence_length: int = 128) -> Network:
    """Build BERT base with its pooler: 12 layers, 768 features, 12 heads, 3072 inside, 30,522 tokens.

    At most 512 tokens. The two heads that pre-training adds are not part of it.
    """
    size = Size(batch=batch, features=768, heads=12, hidden=3072)
    b = NetworkBuilder(
        "bert_base",
        input_shape=(batch, sequence_length),
        input_name="tokens",
        metadata={
            "title": "BERT base",
            "year": 2018,
            "source": "Devlin, Chang, Lee, Toutanova: BERT: Pre-training of Deep Bidirectional "
            "Transformers for Language Understanding, NAACL 2019 (arXiv 2018)",
            "dataset": "BooksCorpus and English Wikipedia",
            "quoted_weights": 110_000_000,
            "quoted_source": "Devlin et al. (from memory, unverified)",
            "note": "the quoted total counts the embeddings, which are parameters here and no weights",
        },
    )
    b.input("segments", shape=(batch, sequence_length))
    words = b.embedding("embedding", entries=30_522, features=768)
    segments = b.embedding("segment_embedding", entries=2, features=768, after="segments")
    b.add("embedding_add", after=(words, segments))
    b.position_embedding("positions", entries=512)
    tip = b.layer_norm("embedding_norm")
    for layer in range(1, 13):
        name = f"layer{layer}"
        out = attention(
            b, name, size=size, query=tip, queries=sequence_length, memory=tip, keys=sequence_length
        )
        b.add(f"{name}_add1", after=(out, tip))
        tip = b.layer_norm(f"{name}_norm1")
        out = feed_forward(b, name, size=size, gelu=True, after=tip)
        b.add(f"{name}_add2", after=(out, tip))
        tip = b.layer_norm(f"{name}_norm2")
    b.slice("first", stop=1, after=tip)
    b.reshape("first_vector", shape=(batch, 768))
    b.linear("pooler", out_features=768)
    b.tanh("pooler_tanh")
    return b.build()
