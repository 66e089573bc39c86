"""Small networks that have every kind of layer between them, for tests of what computes their values."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from dnnaccel import NetworkBuilder
from dnnaccel.layers import Linear
from dnnaccel.network import Network
from dnnaccel.runtime import random_weights
from dnnaccel.runtime.random import random_inputs

__all__ = ["SMALL_NETS", "random_inputs", "with_statistics"]


def images() -> Network:
    """Convolutions and poolings with every option, and what stands around them."""
    b = NetworkBuilder("images", input_shape=(2, 3, 13, 11))
    b.conv2d("conv1", out_channels=8, kernel=(3, 5), stride=(2, 1), padding=(1, 2))
    b.batch_norm("bn1", epsilon=1e-3)
    b.relu("relu1")
    b.max_pool("max1", kernel=3, stride=2, padding=1, ceil_mode=True)
    b.conv2d("grouped", out_channels=12, kernel=3, padding=2, dilation=2, groups=4, bias=False)
    b.channel_shuffle("shuffle", groups=3)
    b.depthwise("depthwise", multiplier=2, kernel=3, padding=1)
    b.relu6("relu6")
    b.avg_pool("avg1", kernel=3, stride=1, padding=1, count_include_pad=False, after="relu6")
    b.avg_pool("avg2", kernel=3, stride=1, padding=1, after="relu6")
    b.add("sum", after=("avg1", "avg2"))
    b.multiply("product", after=("sum", "relu6"))
    b.scale("scaled", factor=0.5)
    b.pad("padded", rows=(0, 1), columns=(2, 0))
    b.slice("part", start=1, stop=9)
    b.conv2d("point", out_channels=4, kernel=1)
    b.concat("joined", after=("point", "part"))
    b.sigmoid("sigmoid")
    b.global_avg_pool("mean", after="sigmoid")
    b.global_max_pool("most", after="sigmoid")
    b.concat("both", after=("mean", "most"))
    b.flatten("flat")
    b.linear("fc1", out_features=6, after="flat")
    b.tanh("tanh")
    b.linear("fc2", out_features=5, bias=False)
    b.softmax("prob")
    return b.build()


def ceil_pools() -> Network:
    """Average pools whose last windows reach beyond the image."""
    b = NetworkBuilder("ceil_pools", input_shape=(1, 2, 8, 6))
    b.avg_pool("with_pads", kernel=3, stride=2, padding=1, ceil_mode=True, after="input")
    b.avg_pool(
        "without", kernel=3, stride=2, padding=1, ceil_mode=True, count_include_pad=False, after="input"
    )
    b.max_pool("most", kernel=3, stride=2, ceil_mode=True, after="input")
    return b.build()


def response() -> Network:
    """Response normalisation, with as many images as channels: onnx's own evaluator mixes the two up."""
    b = NetworkBuilder("response", input_shape=(5, 5, 3, 2))
    b.lrn("narrow", size=3, alpha=0.1, beta=0.6, k=2.0)
    b.lrn("wide", size=7, alpha=2.0)
    return b.build()


def sequences() -> Network:
    """Tokens through every recurrent layer, both ways."""
    b = NetworkBuilder("sequences", input_shape=(2, 5))
    b.embedding("words", entries=11, features=6)
    b.lstm("lstm", hidden_size=4, biases=2)
    b.gru("gru", hidden_size=5, biases=2, reverse=True)
    b.rnn("rnn", hidden_size=3, after="lstm")
    b.lstm("plain_lstm", hidden_size=3, biases=0, reverse=True, after="gru")
    b.gru("plain_gru", hidden_size=2, biases=0, after="rnn")
    b.concat("joined", after=("rnn", "plain_lstm", "plain_gru"), axis=-1)
    b.slice("last", start=4, stop=5)
    b.reshape("state", shape=(2, 8))
    b.linear("fc", out_features=3)
    return b.build()


def attention() -> Network:
    """One block of a transformer, with the table of words at both ends."""
    b = NetworkBuilder("attention", input_shape=(2, 4))
    b.embedding("words", entries=9, features=6)
    b.class_token("token")
    b.position_embedding("where", entries=8, first=1)
    tip = b.layer_norm("norm1", epsilon=1e-3)
    for part in ("q", "k", "v"):
        b.linear(part, out_features=6, after=tip)
        b.reshape(f"{part}_heads", shape=(2, 5, 2, 3))
        b.permute(f"{part}_turned", axes=(0, 2, 3, 1) if part == "k" else (0, 2, 1, 3))
    b.matmul("scores", after=("q_turned", "k_turned"))
    b.scale("scaled", factor=3**-0.5)
    b.softmax("shares")
    b.matmul("context", after=("shares", "v_turned"))
    b.permute("back", axes=(0, 2, 1, 3))
    b.reshape("together", shape=(2, 5, 6))
    b.linear("out", out_features=6)
    b.add("residual", after=("out", "where"))
    b.linear("wide", out_features=8)
    b.gelu("gelu")
    b.linear("narrow", out_features=6, bias=False)
    b.gelu("rough", approximate="tanh")
    b.position_embedding("sines", entries=2**20, first=3, learned=False)
    b.append(Linear(name="logits", inputs=("sines",), out_features=9, bias=False, weights_from="words"))
    return b.build()


SMALL_NETS: dict[str, Callable[[], Network]] = {
    made.__name__: made for made in (images, ceil_pools, response, sequences, attention)
}
"""Each network by its name."""


def with_statistics(net: Network, seed: int = 0) -> dict[str, NDArray[np.float32]]:
    """Return random weights, those of batch normalisations with running statistics."""
    weights = random_weights(net, seed)
    rng = np.random.default_rng(seed)
    for layer in net:
        if layer.kind == "batch_norm":
            size = layer.input_shapes[0][1]
            weights[f"{layer.name}.running_mean"] = rng.standard_normal(size, np.float32)
            weights[f"{layer.name}.running_var"] = rng.uniform(0.5, 2, size).astype(np.float32)
    return weights
