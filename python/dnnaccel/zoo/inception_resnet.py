"""Inception-ResNet v2: modules of branches whose sum with their input goes on; names as in `_branches`."""

from __future__ import annotations

from dnnaccel.builder import NetworkBuilder
from dnnaccel.network import Metadata, Network
from dnnaccel.zoo._branches import Branches, Conv, Module, Pool
from dnnaccel.zoo._head import head
from dnnaccel.zoo._sources import IMGCLSMOB, NASNET, published
from dnnaccel.zoo.inception import grid35, stem_v3

__all__ = ["inception_resnet_v2"]

_BLOCK35: Module = (
    (Conv(32),),
    (Conv(32), Conv(32, 3)),
    (Conv(32), Conv(48, 3), Conv(64, 3)),
)
_BLOCK17: Module = ((Conv(192),), (Conv(128), Conv(160, (1, 7)), Conv(192, (7, 1))))
_BLOCK8: Module = ((Conv(192),), (Conv(192), Conv(224, (1, 3)), Conv(256, (3, 1))))
_REDUCE35: Module = (
    (Conv(384, 3, 2, valid=True),),
    (Conv(256), Conv(256, 3), Conv(384, 3, 2, valid=True)),
    (Pool("max", stride=2),),
)
_REDUCE17: Module = (
    (Conv(256), Conv(384, 3, 2, valid=True)),
    (Conv(256), Conv(288, 3, 2, valid=True)),
    (Conv(256), Conv(288, 3), Conv(320, 3, 2, valid=True)),
    (Pool("max", stride=2),),
)


def inception_resnet_v2(*, batch: int = 1, image_size: int = 299) -> Network:
    """Build Inception-ResNet v2 for 299x299 images, without the classifier that only trains it."""
    figures: Metadata = {
        "top1": 80.52,
        "top5": 95.3,
        "accuracy_source": IMGCLSMOB,
        "quoted_weights": 55_800_000,
        "quoted_macs": 13_200_000_000,
        "quoted_source": NASNET,
    }
    b = NetworkBuilder(
        "inception_resnet_v2",
        input_shape=(batch, 3, image_size, image_size),
        metadata={
            "title": "Inception-ResNet v2",
            "year": 2016,
            "source": "Szegedy, Ioffe, Vanhoucke, Alemi: Inception-v4, Inception-ResNet and the Impact of "
            "Residual Connections on Learning, AAAI 2017 (arXiv 2016); sizes as TensorFlow's slim library",
            "dataset": "ImageNet",
            **published(image_size == 299, figures),
        },
    )
    build = Branches(b, norm=True, bias=False)
    tip = stem_v3(build)
    tip = build.module("5b", grid35(96, (48, 64), (64, 96), 64), tip)
    for number in range(1, 11):
        tip = _residual(build, f"35_{number}", _BLOCK35, tip, channels=320, factor=0.17)
    tip = build.module("6a", _REDUCE35, tip)
    for number in range(1, 21):
        tip = _residual(build, f"17_{number}", _BLOCK17, tip, channels=1088, factor=0.1)
    tip = build.module("7a", _REDUCE17, tip)
    for number in range(1, 10):
        tip = _residual(build, f"8_{number}", _BLOCK8, tip, channels=2080, factor=0.2)
    # The last one is neither scaled down nor activated.
    tip = _residual(build, "8_10", _BLOCK8, tip, channels=2080, factor=1.0, activate=False)
    build.conv("7b", Conv(1536), tip)
    return head(b)


def _residual(
    build: Branches,
    name: str,
    branches: Module,
    tip: str,
    *,
    channels: int,
    factor: float,
    activate: bool = True,
) -> str:
    """Add branches, the 1x1 convolution up to `channels`, its scaling, and the sum with `tip`."""
    b = build.b
    build.module(name, branches, tip)
    b.conv2d(f"conv{name}_up", out_channels=channels, kernel=1)
    body = b.scale(f"scale{name}", factor=factor)
    out = b.add(f"add{name}", after=(body, tip))
    return b.relu(f"relu{name}") if activate else out
