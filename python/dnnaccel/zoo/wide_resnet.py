"""Wide residual networks: fewer blocks with more channels. Layers are named as `_residual` says."""

from __future__ import annotations

from dnnaccel.builder import NetworkBuilder
from dnnaccel.network import Metadata, Network
from dnnaccel.zoo._head import head
from dnnaccel.zoo._residual import Bottleneck, norm_conv, residual_network
from dnnaccel.zoo._sources import IMGCLSMOB, published

__all__ = ["wide_resnet50_2", "wrn28_10"]

_SOURCE = "Zagoruyko, Komodakis: Wide Residual Networks, BMVC 2016"


def wide_resnet50_2(*, batch: int = 1, image_size: int = 224) -> Network:
    """Build Wide ResNet-50-2: ResNet-50 with 3x3 convolutions twice as wide, which halve the image.

    As in the authors' published model its normalisations are folded into the convolutions, which have biases.
    """
    figures: Metadata = {
        "top1": 77.98,
        "top5": 93.94,
        "accuracy_source": IMGCLSMOB,
        "quoted_weights": 68_900_000,
        "quoted_macs": 11_400_000_000,
        "quoted_source": "torchvision; from memory, unverified",
        "note": "the quoted weights are parameters, with normalisations, which are folded into biases here",
    }
    b = NetworkBuilder(
        "wide_resnet50_2",
        input_shape=(batch, 3, image_size, image_size),
        metadata={
            "title": "Wide ResNet-50-2",
            "year": 2016,
            "source": _SOURCE,
            "dataset": "ImageNet",
            **published(image_size == 224, figures),
        },
    )
    return residual_network(b, Bottleneck(widening=2, normalised=False), (3, 4, 6, 3), normalised=False)


def wrn28_10(*, batch: int = 1, image_size: int = 32) -> Network:
    """Build WRN-28-10 for CIFAR-10: pre-activation blocks of two 3x3 convolutions, ten times as wide."""
    figures: Metadata = {
        "top1": 97.61,
        "accuracy_source": f"{IMGCLSMOB} (the paper: 96.0, from memory, unverified)",
        "quoted_weights": 36_500_000,
        "quoted_macs": 5_240_000_000,
        "quoted_source": "the paper; from memory, unverified",
    }
    b = NetworkBuilder(
        "wrn28_10",
        input_shape=(batch, 3, image_size, image_size),
        metadata={
            "title": "WRN-28-10",
            "year": 2016,
            "source": _SOURCE,
            "dataset": "CIFAR-10",
            **published(image_size == 32, figures),
        },
    )
    tip = b.conv2d("conv1", out_channels=16, kernel=3, padding=1, bias=False)
    for stage, channels in enumerate((160, 320, 640), start=2):
        for unit in range(1, 5):
            stride = 2 if unit == 1 and stage > 2 else 1
            tip = _block(b, f"{stage}_{unit}", tip, channels=channels, stride=stride, project=unit == 1)
    b.batch_norm("bn4")
    b.relu("relu4")
    return head(b, classes=10, pool="pool5")


def _block(b: NetworkBuilder, name: str, tip: str, *, channels: int, stride: int, project: bool) -> str:
    norm_conv(b, f"{name}a", channels=channels, kernel=3, stride=stride, after=tip)
    body, shortcut = norm_conv(b, f"{name}b", channels=channels, kernel=3), tip
    if project:
        # It reads what the first convolution reads: the block's input, normalised.
        shortcut = b.conv2d(
            f"conv{name}p",
            out_channels=channels,
            kernel=1,
            stride=stride,
            bias=False,
            after=f"relu{name}a",
        )
    return b.add(f"add{name}", after=(body, shortcut))
