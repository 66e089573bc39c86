"""ResNeXt: ResNets whose 3x3 convolutions are wider and grouped. Layers are named as `_residual` says.

"32x4d" is 32 groups of 4 channels in the first stage; every further stage doubles the channels per group.
"""

from __future__ import annotations

from dnnaccel.builder import NetworkBuilder
from dnnaccel.network import Metadata, Network
from dnnaccel.zoo._residual import Bottleneck, residual_network
from dnnaccel.zoo._sources import IMGCLSMOB, TUTORIAL, published

__all__ = ["resnext50_32x4d", "resnext101_32x4d", "resnext101_64x4d"]

_PARAMETERS = "the quoted weights are parameters, with normalisations and biases"


def resnext50_32x4d(*, batch: int = 1, image_size: int = 224) -> Network:
    """Build ResNeXt-50 (32x4d)."""
    figures: Metadata = {
        "top1": 77.62,
        "top5": 93.7,
        "accuracy_source": "torchvision; from memory, unverified",
        "quoted_weights": 25_000_000,
        "quoted_macs": 4_230_000_000,
        "quoted_source": "torchvision; from memory, unverified",
        "note": _PARAMETERS,
    }
    return _resnext(50, 32, batch, image_size, published(image_size == 224, figures))


def resnext101_32x4d(*, batch: int = 1, image_size: int = 224) -> Network:
    """Build ResNeXt-101 (32x4d)."""
    figures: Metadata = {
        "top1": 81.54,
        "top5": 95.82,
        "accuracy_source": IMGCLSMOB,
        "quoted_weights": 44_200_000,
        "quoted_macs": 7_970_000_000,
        "quoted_source": "the paper; from memory, unverified",
        "note": _PARAMETERS,
    }
    return _resnext(101, 32, batch, image_size, published(image_size == 224, figures))


def resnext101_64x4d(*, batch: int = 1, image_size: int = 224) -> Network:
    """Build ResNeXt-101 (64x4d); the comparison with NASNet takes images of 320x320."""
    at_224: Metadata = {
        "top1": 81.2,
        "top5": 95.61,
        "accuracy_source": IMGCLSMOB,
        "quoted_weights": 83_500_000,
        "quoted_macs": 15_500_000_000,
        "quoted_source": "the paper; from memory, unverified",
        "note": _PARAMETERS,
    }
    at_320: Metadata = {
        "top1": 80.9,
        "top5": 95.6,
        "accuracy_source": TUTORIAL,
        "quoted_weights": 83_600_000,
        "quoted_macs": 31_500_000_000,
        "quoted_source": TUTORIAL,
        "note": _PARAMETERS,
    }
    return _resnext(101, 64, batch, image_size, {224: at_224, 320: at_320}.get(image_size, {}))


def _resnext(depth: int, groups: int, batch: int, image_size: int, figures: Metadata) -> Network:
    b = NetworkBuilder(
        f"resnext{depth}_{groups}x4d",
        input_shape=(batch, 3, image_size, image_size),
        metadata={
            "title": f"ResNeXt-{depth} ({groups}x4d)",
            "year": 2016,
            "source": "Xie, Girshick, Dollar, Tu, He: Aggregated Residual Transformations for Deep Neural "
            "Networks, CVPR 2017",
            "dataset": "ImageNet",
            **figures,
        },
    )
    # Four channels in each group, where ResNet's first stage has 64 in all.
    block = Bottleneck(widening=groups * 4 // 64, groups=groups)
    return residual_network(b, block, {50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}[depth])
