"""The SqueezeNet family: fire modules, and no fully connected layer.

`fire2_squeeze1x1`, `fire2_expand1x1` and `fire2_expand3x3` are the convolutions of module fire2; `fire2` is
its output.
"""

from __future__ import annotations

from collections.abc import Collection

from dnnaccel.builder import NetworkBuilder
from dnnaccel.network import Metadata, Network
from dnnaccel.zoo._sources import IMGCLSMOB, published

__all__ = ["squeezenet_v1_0", "squeezenet_v1_1"]

# Channels of the squeezing convolution of fire2 to fire9; both expanding ones have four times as many.
_SQUEEZED = (16, 16, 32, 32, 48, 48, 64, 64)


def squeezenet_v1_0(*, batch: int = 1, image_size: int = 224) -> Network:
    """Build SqueezeNet as in the paper: pools after conv1, fire4 and fire8."""
    figures: Metadata = {
        "top1": 61.27,
        "top5": 82.66,
        "accuracy_source": IMGCLSMOB,
        "quoted_weights": 1_250_000,
        "quoted_macs": 861_000_000,
        "quoted_source": "the paper (weights), and MACs as often quoted; from memory, unverified",
        "note": "861M are for 227x227 images and a conv10 padded by 1; the ISCA 2019 tutorial's 1700M count "
        "a multiply-add as two operations",
    }
    b = _start("1.0", batch, image_size, published(image_size == 224, figures))
    b.conv2d("conv1", out_channels=96, kernel=7, stride=2)
    _body(b, pools_after=(1, 4, 8))
    return b.build()


def squeezenet_v1_1(*, batch: int = 1, image_size: int = 224) -> Network:
    """Build the authors' later version: a smaller conv1 and earlier pools, 2.3 times fewer MACs."""
    figures: Metadata = {
        "top1": 60.91,
        "top5": 82.61,
        "accuracy_source": IMGCLSMOB,
        "quoted_weights": 1_240_000,
        "quoted_macs": 349_000_000,
        "quoted_source": "torchvision; from memory, unverified",
    }
    b = _start("1.1", batch, image_size, published(image_size == 224, figures))
    b.conv2d("conv1", out_channels=64, kernel=3, stride=2)
    _body(b, pools_after=(1, 3, 5))
    return b.build()


def _start(version: str, batch: int, image_size: int, figures: Metadata) -> NetworkBuilder:
    return NetworkBuilder(
        f"squeezenet_v{version.replace('.', '_')}",
        input_shape=(batch, 3, image_size, image_size),
        metadata={
            "title": f"SqueezeNet v{version}",
            "year": 2016,
            "source": "Iandola, Han, Moskewicz, Ashraf, Dally, Keutzer: SqueezeNet: AlexNet-level accuracy "
            "with 50x fewer parameters and <0.5MB model size, arXiv:1602.07360; "
            f"v{version} of the authors' repository",
            "dataset": "ImageNet",
            **figures,
        },
    )


def _body(b: NetworkBuilder, *, pools_after: Collection[int]) -> None:
    tip = b.relu("relu_conv1")
    for number in range(1, 10):
        if number > 1:
            tip = _fire(b, f"fire{number}", tip, squeezed=_SQUEEZED[number - 2])
        if number in pools_after:
            tip = b.max_pool(f"pool{number}", kernel=3, stride=2, ceil_mode=True)
    b.conv2d("conv10", out_channels=1000, kernel=1)
    b.relu("relu_conv10")
    b.global_avg_pool("pool10")
    b.flatten("flatten")
    b.softmax("prob")


def _fire(b: NetworkBuilder, name: str, tip: str, *, squeezed: int) -> str:
    b.conv2d(f"{name}_squeeze1x1", out_channels=squeezed, kernel=1, after=tip)
    inner = b.relu(f"{name}_relu_squeeze1x1")
    expanded = []
    for size in (1, 3):
        part = f"expand{size}x{size}"
        b.conv2d(f"{name}_{part}", out_channels=4 * squeezed, kernel=size, padding=size // 2, after=inner)
        expanded.append(b.relu(f"{name}_relu_{part}"))
    return b.concat(name, after=expanded)
