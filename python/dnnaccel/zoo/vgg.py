"""The VGG family."""

from __future__ import annotations

from dnnaccel.builder import NetworkBuilder
from dnnaccel.network import Network
from dnnaccel.zoo._sources import IMGCLSMOB, TUTORIAL

__all__ = ["vgg16"]


def vgg16(*, batch: int = 1) -> Network:
    """Build VGG-16 (configuration D): stages of 3x3 convolutions, each halved by a max pooling."""
    b = NetworkBuilder(
        "vgg16",
        input_shape=(batch, 3, 224, 224),
        metadata={
            "title": "VGG-16",
            "year": 2014,
            "source": "Simonyan, Zisserman: Very Deep Convolutional Networks for Large-Scale Image "
            "Recognition, configuration D, ICLR 2015 (arXiv 2014)",
            "top1": 73.39,
            "top5": 91.68,
            "accuracy_source": IMGCLSMOB,
            "quoted_weights": 138_000_000,
            "quoted_macs": 15_500_000_000,
            "quoted_top5_error": 7.4,
            "quoted_source": TUTORIAL,
            "note": "the table's 16 convolution layers count the 3 fully connected ones",
        },
    )
    for stage, (depth, channels) in enumerate(((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)), start=1):
        for unit in range(1, depth + 1):
            b.conv2d(f"conv{stage}_{unit}", out_channels=channels, kernel=3, padding=1)
            b.relu(f"relu{stage}_{unit}")
        b.max_pool(f"pool{stage}", kernel=2)
    b.flatten("flatten")
    b.linear("fc6", out_features=4096)
    b.relu("relu6")
    b.linear("fc7", out_features=4096)
    b.relu("relu7")
    b.linear("fc8", out_features=1000)
    b.softmax("prob")
    return b.build()
