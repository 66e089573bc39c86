"""The ResNet family for ImageNet, with the paper's strides and with those of "v1.5".

Layers are named as `_residual` says: `conv3_2b` is the second convolution (a: 1x1, b: 3x3, c: 1x1; in
ResNet-18 and 34 a and b are 3x3) of the second block of stage conv3_x.

The paper lets the first 1x1 convolution of a stage halve the image; v1.5 (torchvision's networks) leaves that
to the 3x3 convolution behind it, which then sees the whole image: the same weights, more MACs.
"""

from __future__ import annotations

from dnnaccel.builder import NetworkBuilder
from dnnaccel.network import Metadata, Network
from dnnaccel.zoo._residual import BasicBlock, Bottleneck, residual_network
from dnnaccel.zoo._sources import IMGCLSMOB, TUTORIAL, published

__all__ = [
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet50_v1_5",
    "resnet101",
    "resnet101_v1_5",
    "resnet152",
    "resnet152_v1_5",
]

_DEPTHS = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}

_TORCHVISION = "torchvision; from memory, unverified"
_TABLE_1 = "the paper's table 1 (MACs), torchvision (parameters with biases); from memory, unverified"
_PARAMETERS = "the quoted weights are parameters, with normalisations and biases"


def resnet18(*, batch: int = 1, image_size: int = 224) -> Network:
    """Build ResNet-18, of blocks of two 3x3 convolutions."""
    figures: Metadata = {
        "top1": 69.76,
        "top5": 89.08,
        "accuracy_source": _TORCHVISION,
        "quoted_weights": 11_689_512,
        "quoted_macs": 1_814_073_344,
        "quoted_source": _TORCHVISION,
        "note": _PARAMETERS,
    }
    return _resnet(18, batch=batch, image_size=image_size, figures=figures)


def resnet34(*, batch: int = 1, image_size: int = 224) -> Network:
    """Build ResNet-34, of blocks of two 3x3 convolutions."""
    figures: Metadata = {
        "top1": 75.47,
        "top5": 92.57,
        "accuracy_source": IMGCLSMOB,
        "quoted_weights": 21_800_000,
        "quoted_macs": 3_600_000_000,
        "quoted_source": _TABLE_1,
        "note": f"{_PARAMETERS}; the quoted MACs leave out the projection shortcuts",
    }
    return _resnet(34, batch=batch, image_size=image_size, figures=figures)


def resnet50(*, batch: int = 1, image_size: int = 224) -> Network:
    """Build ResNet-50 with the paper's strides: a stage's first 1x1 convolution halves the image.

    (torchvision's "v1.5" puts that stride into the 3x3 convolution and has 6 % more MACs.)
    """
    figures: Metadata = {
        "top1": 77.85,
        "top5": 93.96,
        "accuracy_source": IMGCLSMOB,
        "quoted_weights": 25_500_000,
        "quoted_macs": 3_900_000_000,
        "quoted_top5_error": 5.3,
        "quoted_source": TUTORIAL,
        "note": "the table's 49 convolution layers leave out the 4 projection shortcuts",
    }
    return _resnet(50, batch=batch, image_size=image_size, figures=figures)


def resnet101(*, batch: int = 1, image_size: int = 224) -> Network:
    """Build ResNet-101 with the paper's strides."""
    figures: Metadata = {
        "top1": 76.4,
        "top5": 92.9,
        "accuracy_source": "the authors' Caffe models, one crop; from memory, unverified",
        "quoted_weights": 44_549_160,
        "quoted_macs": 7_600_000_000,
        "quoted_source": _TABLE_1,
        "note": _PARAMETERS,
    }
    return _resnet(101, batch=batch, image_size=image_size, figures=figures)


def resnet152(*, batch: int = 1, image_size: int = 224) -> Network:
    """Build ResNet-152 with the paper's strides."""
    figures: Metadata = {
        "top1": 80.8,
        "top5": 95.56,
        "accuracy_source": IMGCLSMOB,
        "quoted_weights": 60_192_808,
        "quoted_macs": 11_300_000_000,
        "quoted_source": _TABLE_1,
        "note": _PARAMETERS,
    }
    return _resnet(152, batch=batch, image_size=image_size, figures=figures)


def resnet50_v1_5(*, batch: int = 1, image_size: int = 224) -> Network:
    """Build ResNet-50 v1.5: a stage's first 3x3 convolution halves the image, as in torchvision."""
    figures: Metadata = {
        "top1": 77.94,
        "top5": 93.89,
        "accuracy_source": IMGCLSMOB,
        "quoted_weights": 25_557_032,
        "quoted_macs": 4_089_000_000,
        "quoted_source": _TORCHVISION,
        "note": _PARAMETERS,
    }
    return _resnet(50, batch=batch, image_size=image_size, figures=figures, v1_5=True)


def resnet101_v1_5(*, batch: int = 1, image_size: int = 224) -> Network:
    """Build ResNet-101 v1.5: a stage's first 3x3 convolution halves the image, as in torchvision."""
    figures: Metadata = {
        "top1": 77.37,
        "top5": 93.55,
        "accuracy_source": _TORCHVISION,
        "quoted_weights": 44_549_160,
        "quoted_macs": 7_800_000_000,
        "quoted_source": _TORCHVISION,
        "note": _PARAMETERS,
    }
    return _resnet(101, batch=batch, image_size=image_size, figures=figures, v1_5=True)


def resnet152_v1_5(*, batch: int = 1, image_size: int = 224) -> Network:
    """Build ResNet-152 v1.5: a stage's first 3x3 convolution halves the image, as in torchvision."""
    figures: Metadata = {
        "top1": 78.31,
        "top5": 94.05,
        "accuracy_source": _TORCHVISION,
        "quoted_weights": 60_192_808,
        "quoted_macs": 11_510_000_000,
        "quoted_source": _TORCHVISION,
        "note": _PARAMETERS,
    }
    return _resnet(152, batch=batch, image_size=image_size, figures=figures, v1_5=True)


def _resnet(depth: int, *, batch: int, image_size: int, figures: Metadata, v1_5: bool = False) -> Network:
    b = NetworkBuilder(
        f"resnet{depth}_v1_5" if v1_5 else f"resnet{depth}",
        input_shape=(batch, 3, image_size, image_size),
        metadata={
            "title": f"ResNet-{depth} v1.5" if v1_5 else f"ResNet-{depth}",
            "year": 2015,
            "source": "He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition, CVPR 2016",
            "dataset": "ImageNet",
            **published(image_size == 224, figures),
        },
    )
    block = Bottleneck(stride_first=not v1_5) if depth >= 50 else BasicBlock()
    return residual_network(b, block, _DEPTHS[depth])
