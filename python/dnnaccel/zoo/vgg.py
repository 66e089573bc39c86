"""The VGG family: stages of 3x3 convolutions, each halved by a max pooling."""

from __future__ import annotations

from dnnaccel.builder import NetworkBuilder
from dnnaccel.network import Metadata, Network
from dnnaccel.zoo._sources import IMGCLSMOB, TUTORIAL, published
from dnnaccel.zoo.alexnet import classifier

__all__ = ["vgg16", "vgg19"]


def vgg16(*, batch: int = 1, image_size: int = 224) -> Network:
    """Build VGG-16 (configuration D)."""
    figures: Metadata = {
        "top1": 73.39,
        "top5": 91.68,
        "accuracy_source": IMGCLSMOB,
        "quoted_weights": 138_000_000,
        "quoted_macs": 15_500_000_000,
        "quoted_top5_error": 7.4,
        "quoted_source": TUTORIAL,
        "note": "the table's 16 convolution layers count the 3 fully connected ones",
    }
    return _vgg("VGG-16", "D", (2, 2, 3, 3, 3), batch, image_size, figures)


def vgg19(*, batch: int = 1, image_size: int = 224) -> Network:
    """Build VGG-19 (configuration E)."""
    figures: Metadata = {
        "top1": 74.42,
        "top5": 92.33,
        "accuracy_source": IMGCLSMOB,
        "quoted_weights": 144_000_000,
        "quoted_macs": 19_600_000_000,
        "quoted_source": "the paper (weights), torchvision (MACs); from memory, unverified",
    }
    return _vgg("VGG-19", "E", (2, 2, 4, 4, 4), batch, image_size, figures)


def _vgg(
    title: str, configuration: str, depths: tuple[int, ...], batch: int, image_size: int, figures: Metadata
) -> Network:
    b = NetworkBuilder(
        title.replace("-", "").lower(),
        input_shape=(batch, 3, image_size, image_size),
        metadata={
            "title": title,
            "year": 2014,
            "source": "Simonyan, Zisserman: Very Deep Convolutional Networks for Large-Scale Image "
            f"Recognition, configuration {configuration}, ICLR 2015 (arXiv 2014)",
            "dataset": "ImageNet",
            **published(image_size == 224, figures),
        },
    )
    for stage, (depth, channels) in enumerate(zip(depths, (64, 128, 256, 512, 512), strict=True), start=1):
        for unit in range(1, depth + 1):
            b.conv2d(f"conv{stage}_{unit}", out_channels=channels, kernel=3, padding=1)
            b.relu(f"relu{stage}_{unit}")
        b.max_pool(f"pool{stage}", kernel=2)
    classifier(b, features=(4096, 4096, 1000))
    return b.build()
