"""Xception: depthwise separable convolutions with residual connections.

`block5_sepconv1_dw` and `block5_sepconv1_pw` are the two convolutions of the first separable one of block 5;
blocks 1 to 4 are the entry flow, 5 to 12 the middle flow, 13 and 14 the exit flow.
"""

from __future__ import annotations

from dnnaccel.builder import NetworkBuilder
from dnnaccel.network import Metadata, Network
from dnnaccel.zoo._head import head
from dnnaccel.zoo._mobile import conv_norm, separable
from dnnaccel.zoo._sources import IMGCLSMOB, NASNET, published

__all__ = ["xception"]


def xception(*, batch: int = 1, image_size: int = 299) -> Network:
    """Build Xception for 299x299 images."""
    figures: Metadata = {
        "top1": 79.57,
        "top5": 94.89,
        "accuracy_source": IMGCLSMOB,
        "quoted_weights": 22_800_000,
        "quoted_macs": 8_380_000_000,
        "quoted_source": NASNET,
    }
    b = NetworkBuilder(
        "xception",
        input_shape=(batch, 3, image_size, image_size),
        metadata={
            "title": "Xception",
            "year": 2016,
            "source": "Chollet: Xception: Deep Learning with Depthwise Separable Convolutions, CVPR 2017 "
            "(arXiv 2016)",
            "dataset": "ImageNet",
            **published(image_size == 299, figures),
        },
    )
    conv_norm(b, "block1_conv1", channels=32, kernel=3, stride=2)
    b.relu("block1_relu1")
    conv_norm(b, "block1_conv2", channels=64, kernel=3)
    tip = b.relu("block1_relu2")
    for block, channels in ((2, 128), (3, 256), (4, 728)):
        tip = _halving(b, f"block{block}", tip, channels=(channels, channels))
    for block in range(5, 13):
        body = _separables(b, f"block{block}", tip, channels=(728, 728, 728))
        tip = b.add(f"block{block}_add", after=(body, tip))
    _halving(b, "block13", tip, channels=(728, 1024))
    for number, channels in enumerate((1536, 2048), start=1):
        separable(b, f"block14_sepconv{number}", channels=channels)
        b.relu(f"block14_relu{number}")
    return head(b)


def _separables(b: NetworkBuilder, name: str, tip: str, *, channels: tuple[int, ...]) -> str:
    for number, out_channels in enumerate(channels, start=1):
        # Block 2 follows an activation already.
        if not (name == "block2" and number == 1):
            tip = b.relu(f"{name}_relu{number}", after=tip)
        tip = separable(b, f"{name}_sepconv{number}", channels=out_channels, after=tip)
    return tip


def _halving(b: NetworkBuilder, name: str, tip: str, *, channels: tuple[int, int]) -> str:
    shortcut = conv_norm(b, f"{name}_shortcut", channels=channels[1], stride=2, after=tip)
    body = _separables(b, name, tip, channels=channels)
    pooled = b.max_pool(f"{name}_pool", kernel=3, stride=2, padding=1, after=body)
    return b.add(f"{name}_add", after=(pooled, shortcut))
