"""Multilayer perceptrons."""

from __future__ import annotations

from dnnaccel.builder import NetworkBuilder
from dnnaccel.network import Network

__all__ = ["mlp"]


def mlp(*, batch: int = 1) -> Network:
    """Build a perceptron for MNIST's 28 x 28 digits: 784 inputs, hidden layers of 500 and 250, 10 classes."""
    b = NetworkBuilder(
        "mlp",
        input_shape=(batch, 1, 28, 28),
        metadata={
            "title": "MLP 784-500-250-10",
            "year": 1998,
            "source": "a multilayer perceptron of the kind that LeCun, Bottou, Bengio, Haffner: "
            "Gradient-Based Learning Applied to Document Recognition, Proceedings of the IEEE 86(11), 1998, "
            "compare LeNet-5 with; sizes are a choice, not theirs",
            "dataset": "MNIST",
        },
    )
    b.flatten("flatten")
    for layer, features in enumerate((500, 250), start=1):
        b.linear(f"fc{layer}", out_features=features)
        b.relu(f"relu{layer}")
    b.linear("fc3", out_features=10)
    b.softmax("prob")
    return b.build()
