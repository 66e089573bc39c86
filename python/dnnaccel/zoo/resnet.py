"""The ResNet family.

Names follow the paper's stages: `conv3_2b` is the second convolution (a: 1x1, b: 3x3, c: 1x1) of the second
block of stage conv3_x, `bn3_2b` its normalisation; `conv3_1p` is the projection beside the first block.
"""

from __future__ import annotations

from dnnaccel.builder import NetworkBuilder
from dnnaccel.network import Network
from dnnaccel.zoo._sources import IMGCLSMOB, TUTORIAL

__all__ = ["resnet50"]


def resnet50(*, batch: int = 1) -> Network:
    """Build ResNet-50 with the paper's strides: a stage's first 1x1 convolution halves the image.

    (torchvision's "v1.5" puts that stride into the 3x3 convolution and has 6 % more MACs.)
    """
    b = NetworkBuilder(
        "resnet50",
        input_shape=(batch, 3, 224, 224),
        metadata={
            "title": "ResNet-50",
            "year": 2015,
            "source": "He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition, CVPR 2016",
            "top1": 77.85,
            "top5": 93.96,
            "accuracy_source": IMGCLSMOB,
            "quoted_weights": 25_500_000,
            "quoted_macs": 3_900_000_000,
            "quoted_top5_error": 5.3,
            "quoted_source": TUTORIAL,
            "note": "the table's 49 convolution layers leave out the 4 projection shortcuts",
        },
    )
    _conv_norm(b, "1", channels=64, kernel=7, stride=2, padding=3)
    b.relu("relu1")
    tip = b.max_pool("pool1", kernel=3, stride=2, padding=1)
    for stage, (blocks, channels) in enumerate(((3, 64), (4, 128), (6, 256), (3, 512)), start=2):
        for block in range(1, blocks + 1):
            first = block == 1
            stride = 2 if first and stage > 2 else 1
            tip = _bottleneck(b, f"{stage}_{block}", tip, channels=channels, stride=stride, project=first)
    b.global_avg_pool("pool5")
    b.flatten("flatten")
    b.linear("fc", out_features=1000)
    b.softmax("prob")
    return b.build()


def _conv_norm(
    b: NetworkBuilder,
    suffix: str,
    *,
    channels: int,
    kernel: int,
    stride: int = 1,
    padding: int = 0,
    after: str | None = None,
) -> str:
    b.conv2d(
        f"conv{suffix}",
        out_channels=channels,
        kernel=kernel,
        stride=stride,
        padding=padding,
        bias=False,
        after=after,
    )
    return b.batch_norm(f"bn{suffix}")


def _bottleneck(b: NetworkBuilder, name: str, tip: str, *, channels: int, stride: int, project: bool) -> str:
    shortcut = tip
    if project:
        shortcut = _conv_norm(b, f"{name}p", channels=4 * channels, kernel=1, stride=stride, after=tip)
    _conv_norm(b, f"{name}a", channels=channels, kernel=1, stride=stride, after=tip)
    b.relu(f"relu{name}a")
    _conv_norm(b, f"{name}b", channels=channels, kernel=3, padding=1)
    b.relu(f"relu{name}b")
    body = _conv_norm(b, f"{name}c", channels=4 * channels, kernel=1)
    b.add(f"add{name}", after=(body, shortcut))
    return b.relu(f"relu{name}")
