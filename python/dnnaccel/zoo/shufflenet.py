"""The ShuffleNet family: 1x1 convolutions in groups, and a shuffle of channels between them.

`stage2_1_compress`, `stage2_1_dw` and `stage2_1_expand` are the convolutions of the first unit of stage 2.
"""

from __future__ import annotations

from dnnaccel.builder import NetworkBuilder
from dnnaccel.errors import NetworkError
from dnnaccel.network import Metadata, Network
from dnnaccel.zoo._head import head
from dnnaccel.zoo._mobile import conv_norm, depthwise_norm
from dnnaccel.zoo._sources import IMGCLSMOB, NASNET, published

__all__ = ["shufflenet_v1"]

# Output channels of stage 2 for each number of groups, doubled in stages 3 and 4 (table 1 of the paper): the
# more groups, the more channels for the same work.
_STAGE2_CHANNELS = {1: 144, 2: 200, 3: 240, 4: 272, 8: 384}

_UNITS = (4, 8, 4)


def shufflenet_v1(*, batch: int = 1, image_size: int = 224, width: float = 1.0, groups: int = 3) -> Network:
    """Build ShuffleNet with 1x1 convolutions in `groups` (1, 2, 3, 4 or 8) and `width` times the channels.

    The very first 1x1 convolution is not grouped: it reads too few channels. With one group there is nothing
    to shuffle. Raises `NetworkError` for other groups, `LayerError` where they do not divide the channels.
    """
    if groups not in _STAGE2_CHANNELS:
        raise NetworkError(f"network 'shufflenet_v1': groups must be 1, 2, 3, 4 or 8, given {groups!r}")
    figures: Metadata = {
        "top1": 66.04,
        "top5": 86.71,
        "accuracy_source": IMGCLSMOB,
        "quoted_weights": 1_870_000,
        "quoted_macs": 137_000_000,
        "quoted_source": "pytorchcv (weights, with normalisation), the paper (MACs of convolutions alone); "
        "from memory, unverified",
    }
    wide: Metadata = {
        "top1": 73.7,
        "accuracy_source": "the paper; from memory, unverified",
        "quoted_weights": 5_000_000,
        "quoted_macs": 524_000_000,
        "quoted_source": NASNET,
    }
    usual = image_size == 224 and groups == 3
    b = NetworkBuilder(
        "shufflenet_v1",
        input_shape=(batch, 3, image_size, image_size),
        metadata={
            "title": "ShuffleNet v1",
            "year": 2017,
            "source": "Zhang, Zhou, Lin, Sun: ShuffleNet: An Extremely Efficient Convolutional Neural "
            "Network for Mobile Devices, CVPR 2018 (arXiv 2017)",
            "dataset": "ImageNet",
            **published(usual and width == 1, figures),
            **published(usual and width == 2, wide),
        },
    )
    channels = int(24 * width)
    conv_norm(b, "conv1", channels=channels, kernel=3, stride=2, padding=1)
    b.relu("relu1")
    tip = b.max_pool("pool1", kernel=3, stride=2, padding=1)
    for stage, units in enumerate(_UNITS, start=2):
        out_channels = int(_STAGE2_CHANNELS[groups] * 2 ** (stage - 2) * width)
        for unit in range(1, units + 1):
            name, first = f"stage{stage}_{unit}", unit == 1
            # The first unit of a stage puts its pooled input beside what it computes, instead of adding it.
            computed = out_channels - channels if first else out_channels
            _branch(
                b,
                name,
                tip,
                middle=out_channels // 4,
                channels=computed,
                stride=2 if first else 1,
                groups=(1 if stage == 2 and first else groups, groups),
            )
            if first:
                pooled = b.avg_pool(f"{name}_pool", kernel=3, stride=2, padding=1, after=tip)
                b.concat(f"{name}_concat", after=(f"{name}_expand_bn", pooled))
            else:
                b.add(f"{name}_add", after=(f"{name}_expand_bn", tip))
            tip = b.relu(f"{name}_relu")
        channels = out_channels
    return head(b, pool="pool5")


def _branch(
    b: NetworkBuilder,
    name: str,
    tip: str,
    *,
    middle: int,
    channels: int,
    stride: int,
    groups: tuple[int, int],
) -> None:
    """Add a unit's convolutions; `groups` are those of its first and of its last."""
    conv_norm(b, f"{name}_compress", channels=middle, groups=groups[0], after=tip)
    b.relu(f"{name}_relu_compress")
    if groups[1] > 1:
        b.channel_shuffle(f"{name}_shuffle", groups=groups[1])
    depthwise_norm(b, f"{name}_dw", stride=stride)
    conv_norm(b, f"{name}_expand", channels=channels, groups=groups[1])
