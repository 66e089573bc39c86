"""The ResNet paper's networks for CIFAR-10: three stages of 16, 32 and 64 channels, without a pooling stem.

Layers are named as `_residual` says; the stages are conv2_x to conv4_x, as the ImageNet networks count them.
"""

from __future__ import annotations

from dataclasses import dataclass

from dnnaccel.builder import NetworkBuilder
from dnnaccel.errors import unknown_name
from dnnaccel.network import Metadata, Network
from dnnaccel.zoo._head import head
from dnnaccel.zoo._residual import BasicBlock, Block, conv_norm
from dnnaccel.zoo._sources import IMGCLSMOB, published

__all__ = ["resnet1202"]


def resnet1202(*, batch: int = 1, image_size: int = 32, shortcut: str = "projection") -> Network:
    """Build ResNet-1202 for CIFAR-10: three stages of 200 blocks of two 3x3 convolutions.

    Parameters
    ----------
    batch
        Images of one run.
    image_size
        Rows and columns of the image.
    shortcut
        Where a stage halves the image and doubles the channels: "projection", a 1x1 convolution of stride 2
        (the paper's option B; 1203 convolutions), or "identity", every second row and column and zeros for
        the new channels (its option A, which the paper takes for CIFAR-10; 1201 convolutions, no learned
        number).

    Raises
    ------
    UnknownNameError
        For any other `shortcut`, with the nearest one.
    """
    if shortcut not in _BLOCKS:
        raise unknown_name("shortcut", shortcut, _BLOCKS)
    figures: Metadata = {
        "top1": 96.47,
        "accuracy_source": f"{IMGCLSMOB}, with projections (the paper: 92.07, from memory, unverified)",
        "quoted_weights": 19_400_000,
        "quoted_macs": 2_857_170_000,
        "quoted_source": "the paper, from memory, unverified (weights); imgclsmob README (MACs)",
        "note": "the quoted weights are parameters, with normalisations and biases; the quoted MACs count "
        "normalisations and activations too; the paper's shortcuts are identities, without convolutions",
    }
    b = NetworkBuilder(
        "resnet1202",
        input_shape=(batch, 3, image_size, image_size),
        metadata={
            "title": "ResNet-1202",
            "year": 2015,
            "source": "He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition, CVPR 2016",
            "dataset": "CIFAR-10",
            **published(image_size == 32, figures),
        },
    )
    return _resnet(b, _BLOCKS[shortcut], units=200)


def _resnet(b: NetworkBuilder, block: Block, *, units: int) -> Network:
    conv_norm(b, "1", channels=16, kernel=3)
    tip = b.relu("relu1")
    for stage, channels in enumerate((16, 32, 64), start=2):
        for unit in range(1, units + 1):
            first = unit == 1
            stride = 2 if first and stage > 2 else 1
            tip = block.add_to(b, f"{stage}_{unit}", tip, channels=channels, stride=stride, first=first)
    return head(b, classes=10, pool="pool5")


@dataclass(frozen=True, slots=True)
class _PaddedBlock:
    """Two 3x3 convolutions beside an identity without a learned number: option A."""

    def add_to(
        self, b: NetworkBuilder, name: str, tip: str, *, channels: int, stride: int, first: bool
    ) -> str:
        """Add the block `name` behind `tip` and return its output."""
        shortcut = _subsampled(b, name, tip, channels=channels, stride=stride) if stride > 1 else tip
        conv_norm(b, f"{name}a", channels=channels, kernel=3, stride=stride, after=tip)
        b.relu(f"relu{name}a")
        body = conv_norm(b, f"{name}b", channels=channels, kernel=3)
        b.add(f"add{name}", after=(body, shortcut))
        return b.relu(f"relu{name}")


def _subsampled(b: NetworkBuilder, name: str, tip: str, *, channels: int, stride: int) -> str:
    # The largest of a window of one is that one: every second row and column, without an operation.
    b.max_pool(f"subsample{name}", kernel=1, stride=stride, after=tip)
    # Padding adds rows and columns, so the channels become rows for it. They double: as many zeros again.
    b.permute(f"rows{name}", axes=(0, 2, 1, 3))
    b.pad(f"pad{name}", rows=(0, channels // 2), columns=0)
    return b.permute(f"channels{name}", axes=(0, 2, 1, 3))


_BLOCKS: dict[str, Block] = {"projection": BasicBlock(), "identity": _PaddedBlock()}
