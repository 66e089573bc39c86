"""The OverFeat family: convolutions without normalisation, poolings that do not overlap."""

from __future__ import annotations

from dnnaccel.builder import NetworkBuilder
from dnnaccel.network import Metadata, Network
from dnnaccel.zoo._sources import published
from dnnaccel.zoo.alexnet import classifier

__all__ = ["overfeat_accurate", "overfeat_fast"]

_SOURCE = (
    "Sermanet, Eigen, Zhang, Mathieu, Fergus, LeCun: OverFeat: Integrated Recognition, Localization and "
    "Detection using Convolutional Networks, ICLR 2014"
)
_QUOTED = "the paper, connections as MACs; from memory, unverified"
_ACCURACY = "the paper, single model; from memory, unverified"


def overfeat_fast(*, batch: int = 1, image_size: int = 231) -> Network:
    """Build OverFeat's fast model: 231x231 images, five convolutions."""
    figures: Metadata = {
        "top1": 61.0,
        "top5": 83.0,
        "accuracy_source": _ACCURACY,
        "quoted_weights": 145_000_000,
        "quoted_macs": 2_810_000_000,
        "quoted_source": _QUOTED,
    }
    b = _start("overfeat_fast", "OverFeat (fast)", batch, image_size, published(image_size == 231, figures))
    b.conv2d("conv1", out_channels=96, kernel=11, stride=4)
    b.relu("relu1")
    b.max_pool("pool1", kernel=2)
    b.conv2d("conv2", out_channels=256, kernel=5)
    b.relu("relu2")
    b.max_pool("pool2", kernel=2)
    _convolutions(b, (512, 1024, 1024))
    b.max_pool("pool5", kernel=2)
    classifier(b, features=(3072, 4096, 1000))
    return b.build()


def overfeat_accurate(*, batch: int = 1, image_size: int = 221) -> Network:
    """Build OverFeat's accurate model: 221x221 images, six convolutions."""
    figures: Metadata = {
        "top1": 64.3,
        "top5": 85.8,
        "accuracy_source": _ACCURACY,
        "quoted_weights": 144_000_000,
        "quoted_macs": 5_370_000_000,
        "quoted_source": _QUOTED,
    }
    b = _start(
        "overfeat_accurate", "OverFeat (accurate)", batch, image_size, published(image_size == 221, figures)
    )
    b.conv2d("conv1", out_channels=96, kernel=7, stride=2)
    b.relu("relu1")
    b.max_pool("pool1", kernel=3)
    b.conv2d("conv2", out_channels=256, kernel=7)
    b.relu("relu2")
    b.max_pool("pool2", kernel=2)
    _convolutions(b, (512, 512, 1024, 1024))
    b.max_pool("pool6", kernel=3)
    classifier(b, features=(4096, 4096, 1000), first=7)
    return b.build()


def _start(name: str, title: str, batch: int, image_size: int, figures: Metadata) -> NetworkBuilder:
    return NetworkBuilder(
        name,
        input_shape=(batch, 3, image_size, image_size),
        metadata={"title": title, "year": 2013, "source": _SOURCE, "dataset": "ImageNet", **figures},
    )


def _convolutions(b: NetworkBuilder, channels: tuple[int, ...]) -> None:
    for number, out_channels in enumerate(channels, start=3):
        b.conv2d(f"conv{number}", out_channels=out_channels, kernel=3, padding=1)
        b.relu(f"relu{number}")
