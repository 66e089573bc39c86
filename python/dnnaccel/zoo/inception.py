"""Inception v2, v3 and v4; see `_branches` for the names of their layers."""

from __future__ import annotations

from dnnaccel.builder import NetworkBuilder
from dnnaccel.network import Metadata, Network
from dnnaccel.zoo._branches import Branches, Conv, Fork, Module, Pool
from dnnaccel.zoo._head import head
from dnnaccel.zoo._sources import IMGCLSMOB, NASNET, published

__all__ = ["inception_v2", "inception_v3", "inception_v4"]

_MAX, _AVG, _HALVE = Pool("max"), Pool("avg"), Pool("max", stride=2)
_WIDE, _TALL = (1, 7), (7, 1)
_CROSS = ((1, 3), (3, 1))

# Inception v2, table 5 of the batch normalisation paper: #1x1, #3x3 reduce, #3x3, double #3x3 reduce, double
# #3x3, pool projection, and the kind of pooling. What halves the image has neither #1x1 nor projection.
_V2: tuple[tuple[str, tuple[int, int, int, int, int, int], str], ...] = (
    ("3a", (64, 64, 64, 64, 96, 32), "avg"),
    ("3b", (64, 64, 96, 64, 96, 64), "avg"),
    ("3c", (0, 128, 160, 64, 96, 0), "max"),
    ("4a", (224, 64, 96, 96, 128, 128), "avg"),
    ("4b", (192, 96, 128, 96, 128, 128), "avg"),
    ("4c", (160, 128, 160, 128, 160, 128), "avg"),
    ("4d", (96, 128, 192, 160, 192, 128), "avg"),
    ("4e", (0, 128, 192, 192, 256, 0), "max"),
    ("5a", (352, 192, 320, 160, 224, 128), "avg"),
    ("5b", (352, 192, 320, 192, 224, 128), "max"),
)


def inception_v2(*, batch: int = 1, image_size: int = 224) -> Network:
    """Build Inception v2 (BN-Inception) for 224x224 images, with a full first convolution.

    Its two halving modules need maps of an even size, as multiples of 32 give.
    """
    figures: Metadata = {
        "top1": 74.88,
        "top5": 92.46,
        "accuracy_source": IMGCLSMOB,
        "quoted_weights": 11_200_000,
        "quoted_macs": 1_940_000_000,
        "quoted_source": NASNET,
        "note": "quoted with a separable first convolution (7x7 depthwise to 24 channels, then 1x1); "
        "here it is full, as in Caffe's model",
    }
    b = NetworkBuilder(
        "inception_v2",
        input_shape=(batch, 3, image_size, image_size),
        metadata={
            "title": "Inception v2 (BN-Inception)",
            "year": 2015,
            "source": "Ioffe, Szegedy: Batch Normalization: Accelerating Deep Network Training by Reducing "
            "Internal Covariate Shift, ICML 2015",
            "dataset": "ImageNet",
            **published(image_size == 224, figures),
        },
    )
    build = Branches(b, norm=True, bias=True)
    halve = Pool("max", stride=2, ceil_mode=True)
    build.conv("1", Conv(64, 7, stride=2))
    build.pool("1", halve)
    build.conv("2_reduce", Conv(64))
    build.conv("2", Conv(192, 3))
    tip = build.pool("2", halve)
    for name, (one, reduce3, three, reduce5, five, project), kind in _V2:
        stride = 1 if one else 2
        branches: Module = (
            (Conv(reduce3), Conv(three, 3, stride)),
            (Conv(reduce5), Conv(five, 3), Conv(five, 3, stride)),
            (Pool(kind), Conv(project)) if one else (halve,),
        )
        tip = build.module(name, ((Conv(one),), *branches) if one else branches, tip)
    return head(b)


def inception_v3(*, batch: int = 1, image_size: int = 299) -> Network:
    """Build Inception v3 for 299x299 images, without the classifier that only trains it."""
    figures: Metadata = {
        "top1": 79.49,
        "top5": 94.67,
        "accuracy_source": IMGCLSMOB,
        "quoted_weights": 23_800_000,
        "quoted_macs": 5_720_000_000,
        "quoted_source": NASNET,
    }
    b = NetworkBuilder(
        "inception_v3",
        input_shape=(batch, 3, image_size, image_size),
        metadata={
            "title": "Inception v3",
            "year": 2015,
            "source": "Szegedy, Vanhoucke, Ioffe, Shlens, Wojna: Rethinking the Inception Architecture for "
            "Computer Vision, CVPR 2016 (arXiv 2015)",
            "dataset": "ImageNet",
            **published(image_size == 299, figures),
        },
    )
    build = Branches(b, norm=True, bias=False)
    tip = stem_v3(build)
    for name, project in (("5b", 32), ("5c", 64), ("5d", 64)):
        tip = build.module(name, grid35(64, (48, 64), (64, 96), project), tip)
    tip = build.module("6a", _grid35_to_17(384, (64, 96, 96)), tip)
    for name, inner in (("6b", 128), ("6c", 160), ("6d", 160), ("6e", 192)):
        branches: Module = (
            (Conv(192),),
            (Conv(inner), Conv(inner, _WIDE), Conv(192, _TALL)),
            (Conv(inner), *(Conv(inner, k) for k in (_TALL, _WIDE, _TALL)), Conv(192, _WIDE)),
            (_AVG, Conv(192)),
        )
        tip = build.module(name, branches, tip)
    branches = (
        (Conv(192), Conv(320, 3, 2, valid=True)),
        (Conv(192), Conv(192, _WIDE), Conv(192, _TALL), Conv(192, 3, 2, valid=True)),
        (_HALVE,),
    )
    tip = build.module("7a", branches, tip)
    cross = Fork(tuple(Conv(384, kernel) for kernel in _CROSS))
    for name in ("7b", "7c"):
        branches = (
            (Conv(320),),
            (Conv(384), cross),
            (Conv(448), Conv(384, 3), cross),
            (_AVG, Conv(192)),
        )
        tip = build.module(name, branches, tip)
    return head(b)


def inception_v4(*, batch: int = 1, image_size: int = 299) -> Network:
    """Build Inception v4 for 299x299 images."""
    figures: Metadata = {
        "top1": 80.17,
        "top5": 95.12,
        "accuracy_source": IMGCLSMOB,
        "quoted_weights": 42_700_000,
        "quoted_macs": 12_300_000_000,
        "quoted_source": "timm's table of models; from memory, unverified",
    }
    b = NetworkBuilder(
        "inception_v4",
        input_shape=(batch, 3, image_size, image_size),
        metadata={
            "title": "Inception v4",
            "year": 2016,
            "source": "Szegedy, Ioffe, Vanhoucke, Alemi: Inception-v4, Inception-ResNet and the Impact of "
            "Residual Connections on Learning, AAAI 2017 (arXiv 2016)",
            "dataset": "ImageNet",
            **published(image_size == 299, figures),
        },
    )
    build = Branches(b, norm=True, bias=False)
    tip = stem_v4(build, (_WIDE, _TALL), pool_first=False)
    for letter in "abcd":
        tip = build.module(f"4{letter}", grid35(96, (64, 96), (64, 96), 96, kernel=3), tip)
    tip = build.module("5a", _grid35_to_17(384, (192, 224, 256)), tip)
    for letter in "abcdefg":
        chain = zip((192, 224, 224, 256), (_TALL, _WIDE, _TALL, _WIDE), strict=True)
        branches: Module = (
            (Conv(384),),
            (Conv(192), Conv(224, _WIDE), Conv(256, _TALL)),
            (Conv(192), *(Conv(channels, kernel) for channels, kernel in chain)),
            (_AVG, Conv(128)),
        )
        tip = build.module(f"6{letter}", branches, tip)
    branches = (
        (Conv(192), Conv(192, 3, 2, valid=True)),
        (Conv(256), Conv(256, _WIDE), Conv(320, _TALL), Conv(320, 3, 2, valid=True)),
        (_HALVE,),
    )
    tip = build.module("7a", branches, tip)
    cross = Fork(tuple(Conv(256, kernel) for kernel in _CROSS))
    for letter in "abc":
        branches = (
            (Conv(256),),
            (Conv(384), cross),
            (Conv(384), Conv(448, (3, 1)), Conv(512, (1, 3)), cross),
            (_AVG, Conv(256)),
        )
        tip = build.module(f"8{letter}", branches, tip)
    return head(b)


def stem_v3(build: Branches) -> str:
    """Add the first layers of Inception v3 and Inception-ResNet v2: 299x299 images to 35x35 of 192."""
    build.conv("1a", Conv(32, 3, 2, valid=True))
    build.conv("2a", Conv(32, 3, valid=True))
    build.conv("2b", Conv(64, 3))
    build.pool("2", _HALVE)
    build.conv("3b", Conv(80))
    build.conv("4a", Conv(192, 3, valid=True))
    return build.pool("4", _HALVE)


def stem_v4(build: Branches, factors: tuple[tuple[int, int], tuple[int, int]], *, pool_first: bool) -> str:
    """Add the first layers of Inception v4 and PolyNet: 299x299 images to 35x35 of 384.

    `factors` are the two halves of its 7x7 convolution, in their order; `pool_first` is the order in which
    the last pooling and the convolution beside it are concatenated.
    """
    build.conv("1a", Conv(32, 3, 2, valid=True))
    build.conv("2a", Conv(32, 3, valid=True))
    tip = build.conv("2b", Conv(64, 3))
    tip = build.module("3a", ((_HALVE,), (Conv(96, 3, 2, valid=True),)), tip)
    branches: Module = (
        (Conv(64), Conv(96, 3, valid=True)),
        (Conv(64), *(Conv(64, kernel) for kernel in factors), Conv(96, 3, valid=True)),
    )
    tip = build.module("3b", branches, tip)
    halves: Module = ((Conv(192, 3, 2, valid=True),), (_HALVE,))
    return build.module("3c", halves[::-1] if pool_first else halves, tip)


def grid35(
    one: int, five: tuple[int, int], double: tuple[int, int], project: int, *, kernel: int = 5
) -> Module:
    """Return the module of the 35x35 grid: 1x1, `kernel` square, two 3x3, and a projected average."""
    return (
        (Conv(one),),
        (Conv(five[0]), Conv(five[1], kernel)),
        (Conv(double[0]), Conv(double[1], 3), Conv(double[1], 3)),
        (_AVG, Conv(project)),
    )


def _grid35_to_17(single: int, double: tuple[int, int, int]) -> Module:
    return (
        (Conv(single, 3, 2, valid=True),),
        (Conv(double[0]), Conv(double[1], 3), Conv(double[2], 3, 2, valid=True)),
        (_HALVE,),
    )
