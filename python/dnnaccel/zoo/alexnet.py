"""The AlexNet family: five convolutions, three fully connected layers."""

from __future__ import annotations

from dnnaccel.builder import NetworkBuilder
from dnnaccel.network import Metadata, Network
from dnnaccel.zoo._sources import IMGCLSMOB, TUTORIAL, published

__all__ = ["alexnet", "alexnet_torchvision", "classifier", "zfnet"]


def alexnet(*, batch: int = 1, image_size: int = 227) -> Network:
    """Build AlexNet as published: 227x227 images, and conv2, conv4, conv5 in two groups (once, two GPUs)."""
    figures: Metadata = {
        "top1": 57.1,
        "top5": 80.2,
        "accuracy_source": "Caffe's bvlc_alexnet, single crop; from memory, unverified",
        "quoted_weights": 61_000_000,
        "quoted_macs": 724_000_000,
        "quoted_top5_error": 16.4,
        "quoted_source": TUTORIAL,
    }
    b = NetworkBuilder(
        "alexnet",
        input_shape=(batch, 3, image_size, image_size),
        metadata={
            "title": "AlexNet",
            "year": 2012,
            "source": "Krizhevsky, Sutskever, Hinton: ImageNet Classification with Deep Convolutional Neural "
            "Networks, NIPS 2012; layer by layer as Caffe's bvlc_alexnet",
            "dataset": "ImageNet",
            **published(image_size == 227, figures),
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
    _last_convolutions(b, channels=(384, 384, 256), groups=(1, 2, 2))
    b.max_pool("pool5", kernel=3, stride=2)
    classifier(b, features=(4096, 4096, 1000))
    return b.build()


def alexnet_torchvision(*, batch: int = 1, image_size: int = 224) -> Network:
    """Build the AlexNet of torchvision: one tower (no groups), fewer channels, no normalisation."""
    figures: Metadata = {
        "top1": 60.7,
        "top5": 82.95,
        "accuracy_source": IMGCLSMOB,
        "quoted_weights": 61_100_000,
        "quoted_macs": 714_000_000,
        "quoted_source": "torchvision; from memory, unverified",
    }
    b = NetworkBuilder(
        "alexnet_torchvision",
        input_shape=(batch, 3, image_size, image_size),
        metadata={
            "title": "AlexNet (torchvision)",
            "year": 2014,
            "source": "Krizhevsky: One weird trick for parallelizing convolutional neural networks, "
            "arXiv:1404.5997; layer by layer as torchvision's",
            "dataset": "ImageNet",
            **published(image_size == 224, figures),
        },
    )
    b.conv2d("conv1", out_channels=64, kernel=11, stride=4, padding=2)
    b.relu("relu1")
    b.max_pool("pool1", kernel=3, stride=2)
    b.conv2d("conv2", out_channels=192, kernel=5, padding=2)
    b.relu("relu2")
    b.max_pool("pool2", kernel=3, stride=2)
    _last_convolutions(b, channels=(384, 256, 256), groups=(1, 1, 1))
    b.max_pool("pool5", kernel=3, stride=2)
    classifier(b, features=(4096, 4096, 1000))
    return b.build()


def zfnet(*, batch: int = 1, image_size: int = 224) -> Network:
    """Build ZFNet: AlexNet in one tower, with smaller and denser first filters (7x7 by 2, 5x5 by 2)."""
    figures: Metadata = {
        "top1": 60.79,
        "top5": 83.22,
        "accuracy_source": IMGCLSMOB,
        "quoted_weights": 62_400_000,
        "quoted_macs": 1_168_000_000,
        "quoted_source": "pytorchcv; from memory, unverified",
    }
    b = NetworkBuilder(
        "zfnet",
        input_shape=(batch, 3, image_size, image_size),
        metadata={
            "title": "ZFNet",
            "year": 2013,
            "source": "Zeiler, Fergus: Visualizing and Understanding Convolutional Networks, ECCV 2014 "
            "(arXiv 2013); normalisation before pooling, as pytorchcv",
            "dataset": "ImageNet",
            **published(image_size == 224, figures),
        },
    )
    b.conv2d("conv1", out_channels=96, kernel=7, stride=2, padding=1)
    b.relu("relu1")
    b.lrn("norm1", size=5)
    b.max_pool("pool1", kernel=3, stride=2, ceil_mode=True)
    b.conv2d("conv2", out_channels=256, kernel=5, stride=2)
    b.relu("relu2")
    b.lrn("norm2", size=5)
    b.max_pool("pool2", kernel=3, stride=2, ceil_mode=True)
    _last_convolutions(b, channels=(384, 384, 256), groups=(1, 1, 1))
    b.max_pool("pool5", kernel=3, stride=2, ceil_mode=True)
    classifier(b, features=(4096, 4096, 1000))
    return b.build()


def _last_convolutions(b: NetworkBuilder, *, channels: tuple[int, ...], groups: tuple[int, ...]) -> None:
    for number, (out_channels, parts) in enumerate(zip(channels, groups, strict=True), start=3):
        b.conv2d(f"conv{number}", out_channels=out_channels, kernel=3, padding=1, groups=parts)
        b.relu(f"relu{number}")


def classifier(b: NetworkBuilder, *, features: tuple[int, ...], first: int = 6) -> None:
    """Add fully connected layers of these sizes, numbered from `first`, and a softmax after the last."""
    b.flatten("flatten")
    for number, out_features in enumerate(features, start=first):
        b.linear(f"fc{number}", out_features=out_features)
        if number < first + len(features) - 1:
            b.relu(f"relu{number}")
    b.softmax("prob")
