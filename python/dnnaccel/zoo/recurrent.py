"""Recurrent networks: small language models of one layer, and translation as GNMT does it."""

from __future__ import annotations

from dnnaccel.builder import NetworkBuilder
from dnnaccel.errors import NetworkError
from dnnaccel.layers import GRU, LSTM, RNN, whole_number
from dnnaccel.network import Network
from dnnaccel.zoo._attention import swap_last_axes

__all__ = ["gnmt", "gru", "lstm", "rnn"]

# The small model of Zaremba, Sutskever, Vinyals (2014) on the Penn Treebank, with one of its two layers.
_VOCABULARY, _UNITS = 10_000, 200


def rnn(*, batch: int = 1, sequence_length: int = 20) -> Network:
    """Build a language model of one RNN layer: 10,000 words, embeddings and state of 200."""
    source = "Mikolov et al.: Recurrent Neural Network Based Language Model, Interspeech 2010"
    return _language_model(RNN, "RNN language model", 2010, source, batch=batch, steps=sequence_length)


def lstm(*, batch: int = 1, sequence_length: int = 20) -> Network:
    """Build a language model of one LSTM layer: 10,000 words, embeddings and state of 200."""
    source = "Zaremba, Sutskever, Vinyals: Recurrent Neural Network Regularization, arXiv 2014"
    return _language_model(LSTM, "LSTM language model", 2014, source, batch=batch, steps=sequence_length)


def gru(*, batch: int = 1, sequence_length: int = 20) -> Network:
    """Build a language model of one GRU layer: 10,000 words, embeddings and state of 200."""
    source = "Cho et al.: Learning Phrase Representations using RNN Encoder-Decoder, EMNLP 2014"
    return _language_model(GRU, "GRU language model", 2014, source, batch=batch, steps=sequence_length)


def _language_model(
    cell: type[RNN] | type[LSTM] | type[GRU], title: str, year: int, source: str, *, batch: int, steps: int
) -> Network:
    b = NetworkBuilder(
        cell.kind,
        input_shape=(batch, steps),
        input_name="words",
        metadata={
            "title": title,
            "year": year,
            "source": source,
            "dataset": "Penn Treebank",
            "note": "one layer with the sizes of the small model of Zaremba et al. (from memory, "
            "unverified), "
            "so that the three kinds of cell can be compared; the output layer has its own weights",
        },
    )
    b.embedding("embedding", entries=_VOCABULARY, features=_UNITS)
    b.append(cell(name=cell.kind, hidden_size=_UNITS))
    b.linear("fc", out_features=_VOCABULARY)
    b.softmax("prob")
    return b.build()


def gnmt(
    *,
    batch: int = 1,
    sequence_length: int = 32,
    target_length: int | None = None,
    layers: int = 8,
    units: int = 1024,
    vocabulary: int = 32_000,
) -> Network:
    """Build a translator after GNMT: `layers` LSTM layers on each side, the encoder's first bidirectional.

    The decoder is given the whole target sentence, as in training (teacher forcing); translating runs it word
    by word, with the same MACs but for the words that a beam search tries in vain. `target_length` None is
    `sequence_length`.

    Where the paper's attention is fed back one step later into the decoder's first layer, here, as in the
    versions of MLPerf, the first layer reads words alone, its states ask the attention, and all layers above
    it read the answer. Scores are products of learned projections; the paper's small network of one hidden
    layer (a tanh of sums) has as many MACs. Raises `NetworkError` for fewer than 2 `layers`.
    """
    if whole_number(layers, minimum=2) is None:
        raise NetworkError(f"network 'gnmt': layers must be a whole number from 2, given {layers!r}")
    target = sequence_length if target_length is None else target_length
    b = NetworkBuilder(
        "gnmt",
        input_shape=(batch, sequence_length),
        input_name="source",
        metadata={
            "title": "GNMT",
            "year": 2016,
            "source": "Wu et al.: Google's Neural Machine Translation System, arXiv 2016",
            "dataset": "WMT",
            "note": "multiplicative instead of additive attention, asked by the first decoder layer's state",
        },
    )
    b.input("target", shape=(batch, target))
    memory = _encoder(b, layers, units, vocabulary)
    b.embedding("dec_embedding", entries=vocabulary, features=units, after="target")
    tip = b.lstm("dec1", hidden_size=units)
    context = _attention(b, query=tip, memory=memory, units=units)
    for layer in range(2, layers + 1):
        both = b.concat(f"dec{layer}_concat", after=(tip, context), axis=2)
        tip = _residual_lstm(b, f"dec{layer}", both, tip, units=units, residual=layer > 2)
    b.linear("fc", out_features=vocabulary, after=tip)
    b.softmax("prob")
    return b.build()


def _encoder(b: NetworkBuilder, layers: int, units: int, vocabulary: int) -> str:
    words = b.embedding("enc_embedding", entries=vocabulary, features=units)
    forward = b.lstm("enc1_forward", hidden_size=units, after=words)
    backward = b.lstm("enc1_backward", hidden_size=units, reverse=True, after=words)
    tip = b.concat("enc1", after=(forward, backward), axis=2)
    for layer in range(2, layers + 1):
        tip = _residual_lstm(b, f"enc{layer}", tip, tip, units=units, residual=layer > 2)
    return tip


def _residual_lstm(
    b: NetworkBuilder, name: str, source: str, shortcut: str, *, units: int, residual: bool
) -> str:
    # Residual connections start from the third layer of a side, where input and output first have one width.
    state = b.lstm(name, hidden_size=units, after=source)
    return b.add(f"{name}_add", after=(state, shortcut)) if residual else state


def _attention(b: NetworkBuilder, *, query: str, memory: str, units: int) -> str:
    asked = b.linear("att_query", out_features=units, after=query)
    keys = b.linear("att_key", out_features=units, after=memory)
    b.matmul("att_scores", after=(asked, swap_last_axes(b, "att_key_t", after=keys)))
    weights = b.softmax("att_softmax")
    return b.matmul("att_context", after=(weights, memory))
