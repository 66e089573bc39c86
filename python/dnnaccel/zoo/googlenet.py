"""GoogLeNet, the first Inception network; see `_branches` for the names of its layers."""

from __future__ import annotations

from dnnaccel.builder import NetworkBuilder
from dnnaccel.network import Metadata, Network
from dnnaccel.zoo._branches import Branches, Conv, Pool
from dnnaccel.zoo._head import head
from dnnaccel.zoo._sources import TUTORIAL, published

__all__ = ["googlenet"]

# Table 1 of the paper: module, then the columns #1x1, #3x3 reduce, #3x3, #5x5 reduce, #5x5, pool proj.
_MODULES: tuple[tuple[str, tuple[int, int, int, int, int, int]], ...] = (
    ("3a", (64, 96, 128, 16, 32, 32)),
    ("3b", (128, 128, 192, 32, 96, 64)),
    ("4a", (192, 96, 208, 16, 48, 64)),
    ("4b", (160, 112, 224, 24, 64, 64)),
    ("4c", (128, 128, 256, 24, 64, 64)),
    ("4d", (112, 144, 288, 32, 64, 64)),
    ("4e", (256, 160, 320, 32, 128, 128)),
    ("5a", (256, 160, 320, 32, 128, 128)),
    ("5b", (384, 192, 384, 48, 128, 128)),
)
_HALVED_AFTER = ("3b", "4e")


def googlenet(*, batch: int = 1, image_size: int = 224) -> Network:
    """Build GoogLeNet (Inception v1) for 224x224 images, without the two classifiers that only train it."""
    figures: Metadata = {
        "top1": 69.8,
        "top5": 89.9,
        "accuracy_source": "the tutorial's comparison of learned and hand-made models (Inception V1)",
        "quoted_weights": 7_000_000,
        "quoted_macs": 1_430_000_000,
        "quoted_top5_error": 6.7,
        "quoted_source": TUTORIAL,
        "note": "the quoted MACs are those of poolings that round down, to maps of 55, 27, 13 and 6 rows; "
        "the paper's table 1 has 56, 28, 14 and 7, which come to 1.58G",
    }
    b = NetworkBuilder(
        "googlenet",
        input_shape=(batch, 3, image_size, image_size),
        metadata={
            "title": "GoogLeNet (Inception v1)",
            "year": 2014,
            "source": "Szegedy, Liu, Jia, et al.: Going Deeper with Convolutions, CVPR 2015 (arXiv 2014)",
            "dataset": "ImageNet",
            **published(image_size == 224, figures),
        },
    )
    build = Branches(b, norm=False, bias=True)
    halve = Pool("max", stride=2, ceil_mode=True)
    build.conv("1", Conv(64, 7, stride=2))
    build.pool("1", halve)
    b.lrn("norm1", size=5)
    build.conv("2_reduce", Conv(64))
    build.conv("2", Conv(192, 3))
    b.lrn("norm2", size=5)
    tip = build.pool("2", halve)
    for name, (one, reduce3, three, reduce5, five, project) in _MODULES:
        branches = (
            (Conv(one),),
            (Conv(reduce3), Conv(three, 3)),
            (Conv(reduce5), Conv(five, 5)),
            (Pool("max"), Conv(project)),
        )
        tip = build.module(name, branches, tip)
        if name in _HALVED_AFTER:
            tip = build.pool(name[0], halve, tip)
    return head(b)
