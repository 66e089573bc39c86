"""The LeNet family."""

from __future__ import annotations

from dnnaccel.builder import NetworkBuilder
from dnnaccel.errors import NetworkError, did_you_mean
from dnnaccel.network import Metadata, Network
from dnnaccel.zoo._sources import TUTORIAL, published

__all__ = ["lenet5", "lenet5_sparse", "lenet_caffe"]

# Table I of the paper: the maps of S2 that each map of C3 sees; three adjacent ones (around the end), four
# adjacent or not, all.
_THREES = tuple(tuple((first + step) % 6 for step in range(3)) for first in range(6))
_FOURS = (
    *(tuple((first + step) % 6 for step in range(4)) for first in range(6)),
    *((0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5)),
)

_CONNECTIONS = ("dense", "1998")


def lenet5(*, batch: int = 1, image_size: int = 28, connections: str = "dense") -> Network:
    """Build LeNet-5 of 1998 for 28x28 images, padded by 2 to the paper's 32x32.

    `connections` says which maps its second convolution (the paper's C3) sees: "dense" all, as in later
    implementations; "1998" those of the paper's table, see `lenet5_sparse`. The paper's trained subsampling
    is plain average pooling, and its output layer of radial basis functions is linear.

    Raises `NetworkError` for other connections, `LayerError` for an image smaller than 28x28.
    """
    if connections not in _CONNECTIONS:
        raise NetworkError(
            f"network 'lenet5': unknown connections {connections!r}; "
            f"{did_you_mean(str(connections), _CONNECTIONS)}"
        )
    dense = connections == "dense"
    b = NetworkBuilder(
        "lenet5" if dense else "lenet5_sparse",
        input_shape=(batch, 1, image_size, image_size),
        metadata=_metadata(dense, image_size),
    )
    b.conv2d("conv1", out_channels=6, kernel=5, padding=2)
    b.tanh("tanh1")
    b.avg_pool("pool1", kernel=2)
    if dense:
        b.conv2d("conv2", out_channels=16, kernel=5)
    else:
        _by_table(b)
    b.tanh("tanh2")
    b.avg_pool("pool2", kernel=2)
    b.conv2d("conv3", out_channels=120, kernel=5)
    b.tanh("tanh3")
    b.flatten("flatten")
    b.linear("fc4", out_features=84)
    b.tanh("tanh4")
    b.linear("fc5", out_features=10)
    return b.build()


def lenet5_sparse(*, batch: int = 1, image_size: int = 28) -> Network:
    """Build LeNet-5 with the paper's sparse C3: 60 of 96 connections, 1,500 weights, 150,000 MACs.

    C3 is three convolutions: `conv2a`, six groups of three maps; `conv2b`, nine groups of four; `conv2c`, one
    group of all six. Weights and MACs are the paper's; that `maps2a` and `maps2b` lay out the maps once for
    each connection is of this construction.
    """
    return lenet5(batch=batch, image_size=image_size, connections="1998")


def _by_table(b: NetworkBuilder) -> None:
    maps = [b.slice(f"map{index}", start=index, stop=index + 1, after="pool1") for index in range(6)]
    for part, seen in (("a", _THREES), ("b", _FOURS)):
        b.concat(f"maps2{part}", after=[maps[index] for group in seen for index in group])
        b.conv2d(f"conv2{part}", out_channels=len(seen), kernel=5, groups=len(seen))
    b.conv2d("conv2c", out_channels=1, kernel=5, after="pool1")
    b.concat("maps2", after=("conv2a", "conv2b", "conv2c"))


def _metadata(dense: bool, image_size: int) -> Metadata:
    figures: Metadata = {
        "top1": 99.05,
        "accuracy_source": "the paper, error 0.95 % on MNIST; from memory, unverified",
        "quoted_weights": 60_000,
        "quoted_macs": 341_000,
        "quoted_source": TUTORIAL,
    }
    note = (
        "quoted totals are for sparsely connected C3; here C3 is dense"
        if dense
        else "quoted 283k MACs of C1 and C3 are 267.6k by the paper's table"
    )
    return {
        "title": "LeNet-5" if dense else "LeNet-5, sparse C3",
        "year": 1998,
        "source": "LeCun, Bottou, Bengio, Haffner: Gradient-Based Learning Applied to Document "
        "Recognition, Proceedings of the IEEE 86(11), 1998",
        "dataset": "MNIST",
        **published(image_size == 28, {**figures, "note": note}),
    }


def lenet_caffe(*, batch: int = 1, image_size: int = 28) -> Network:
    """Build the LeNet of Caffe's MNIST example: wider, without padding, with max pooling and ReLU."""
    figures: Metadata = {
        "top1": 99.1,
        "accuracy_source": "Caffe's MNIST example; from memory, unverified",
        "quoted_weights": 431_000,
        "quoted_macs": 2_290_000,
        "quoted_source": "Han, Mao, Dally: Deep Compression, ICLR 2016 (weights); from memory, unverified",
    }
    b = NetworkBuilder(
        "lenet_caffe",
        input_shape=(batch, 1, image_size, image_size),
        metadata={
            "title": "LeNet (Caffe)",
            "year": 2014,
            "source": "Caffe's examples/mnist/lenet.prototxt, after LeCun et al. 1998",
            "dataset": "MNIST",
            **published(image_size == 28, figures),
        },
    )
    b.conv2d("conv1", out_channels=20, kernel=5)
    b.max_pool("pool1", kernel=2)
    b.conv2d("conv2", out_channels=50, kernel=5)
    b.max_pool("pool2", kernel=2)
    b.flatten("flatten")
    b.linear("ip1", out_features=500)
    b.relu("relu1")
    b.linear("ip2", out_features=10)
    b.softmax("prob")
    return b.build()
