"""The LeNet family."""

from __future__ import annotations

from dnnaccel.builder import NetworkBuilder
from dnnaccel.network import Network
from dnnaccel.zoo._sources import TUTORIAL

__all__ = ["lenet5"]


def lenet5(*, batch: int = 1) -> Network:
    """Build LeNet-5 of 1998 for 28x28 images, padded by 2 to the paper's 32x32.

    The paper connects C3 to its inputs by a sparse table; here it is dense, as in later implementations. Its
    trained subsampling is plain average pooling, and its output layer of radial basis functions is linear.
    """
    b = NetworkBuilder(
        "lenet5",
        input_shape=(batch, 1, 28, 28),
        metadata={
            "title": "LeNet-5",
            "year": 1998,
            "source": "LeCun, Bottou, Bengio, Haffner: Gradient-Based Learning Applied to Document "
            "Recognition, Proceedings of the IEEE 86(11), 1998",
            "quoted_weights": 60_000,
            "quoted_macs": 341_000,
            "quoted_source": TUTORIAL,
            "note": "quoted totals are for sparsely connected C3; here C3 is dense",
        },
    )
    b.conv2d("conv1", out_channels=6, kernel=5, padding=2)
    b.tanh("tanh1")
    b.avg_pool("pool1", kernel=2)
    b.conv2d("conv2", out_channels=16, kernel=5)
    b.tanh("tanh2")
    b.avg_pool("pool2", kernel=2)
    b.conv2d("conv3", out_channels=120, kernel=5)
    b.tanh("tanh3")
    b.flatten("flatten")
    b.linear("fc4", out_features=84)
    b.tanh("tanh4")
    b.linear("fc5", out_features=10)
    return b.build()
