"""The AlexNet family."""

from __future__ import annotations

from dnnaccel.builder import NetworkBuilder
from dnnaccel.network import Network
from dnnaccel.zoo._sources import TUTORIAL

__all__ = ["alexnet"]


def alexnet(*, batch: int = 1) -> Network:
    """Build AlexNet as published: 227x227 images, and conv2, conv4, conv5 in two groups (once, two GPUs)."""
    b = NetworkBuilder(
        "alexnet",
        input_shape=(batch, 3, 227, 227),
        metadata={
            "title": "AlexNet",
            "year": 2012,
            "source": "Krizhevsky, Sutskever, Hinton: ImageNet Classification with Deep Convolutional Neural "
            "Networks, NIPS 2012; layer by layer as Caffe's bvlc_alexnet",
            "top1": 57.1,
            "top5": 80.2,
            "accuracy_source": "Caffe's bvlc_alexnet, single crop; from memory, unverified",
            "quoted_weights": 61_000_000,
            "quoted_macs": 724_000_000,
            "quoted_top5_error": 16.4,
            "quoted_source": TUTORIAL,
        },
    )
    b.conv2d("conv1", out_channels=96, kernel=11, stride=4)
    b.relu("relu1")
    b.lrn("norm1", size=5)
    b.max_pool("pool1", kernel=3, stride=2)
    b.conv2d("conv2", out_channels=256, kernel=5, padding=2, groups=2)
    b.relu("relu2")
    b.lrn("norm2", size=5)
    b.max_pool("pool2", kernel=3, stride=2)
    b.conv2d("conv3", out_channels=384, kernel=3, padding=1)
    b.relu("relu3")
    b.conv2d("conv4", out_channels=384, kernel=3, padding=1, groups=2)
    b.relu("relu4")
    b.conv2d("conv5", out_channels=256, kernel=3, padding=1, groups=2)
    b.relu("relu5")
    b.max_pool("pool5", kernel=3, stride=2)
    b.flatten("flatten")
    b.linear("fc6", out_features=4096)
    b.relu("relu6")
    b.linear("fc7", out_features=4096)
    b.relu("relu7")
    b.linear("fc8", out_features=1000)
    b.softmax("prob")
    return b.build()
