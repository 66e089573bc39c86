"""The MobileNet family: convolutions split into depthwise and 1x1 ones."""

from __future__ import annotations

from dnnaccel.builder import NetworkBuilder
from dnnaccel.network import Metadata, Network
from dnnaccel.zoo._head import head
from dnnaccel.zoo._mobile import conv_norm, depthwise_norm
from dnnaccel.zoo._sources import IMGCLSMOB, published

__all__ = ["mobilenet_v1", "mobilenet_v2"]

# Output channels and stride of each pair of depthwise and 1x1 convolution (table 1 of the paper).
_V1 = (
    *((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)),
    *((512, 1), (512, 1), (512, 1), (512, 1), (512, 1), (1024, 2), (1024, 1)),
)

# Expansion, output channels, blocks, stride of the first (table 2 of the paper).
_V2 = (
    *((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2)),
    *((6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)),
)

# Width and image size: top-1 in %, MACs, weights. All but the last are of the paper's tables 6 and 7; Keras's
# documentation quotes their accuracies.
_V1_PAPER = {
    (1.0, 224): (70.6, 569_000_000, 4_200_000),
    (0.75, 224): (68.4, 325_000_000, 2_600_000),
    (0.5, 224): (63.7, 149_000_000, 1_300_000),
    (0.25, 224): (50.6, 41_000_000, 500_000),
    (1.0, 192): (69.1, 418_000_000, 4_200_000),
    (1.0, 160): (67.2, 290_000_000, 4_200_000),
    (1.0, 128): (64.4, 186_000_000, 4_200_000),
    (0.5, 160): (60.2, 76_000_000, 1_320_000),
}


def mobilenet_v1(*, batch: int = 1, image_size: int = 224, width: float = 1.0) -> Network:
    """Build MobileNet; `width` is the paper's factor on all numbers of channels, rounded down."""
    b = NetworkBuilder(
        "mobilenet_v1",
        input_shape=(batch, 3, image_size, image_size),
        metadata={
            "title": "MobileNet v1",
            "year": 2017,
            "source": "Howard, Zhu, Chen, Kalenichenko, Wang, Weyand, Andreetto, Adam: MobileNets: Efficient "
            "Convolutional Neural Networks for Mobile Vision Applications, arXiv:1704.04861",
            "dataset": "ImageNet",
            **_v1_figures(width, image_size),
        },
    )
    conv_norm(b, "conv1", channels=int(32 * width), kernel=3, stride=2, padding=1)
    b.relu("relu1")
    for number, (channels, stride) in enumerate(_V1, start=2):
        depthwise_norm(b, f"conv{number}_dw", stride=stride)
        b.relu(f"relu{number}_dw")
        conv_norm(b, f"conv{number}_pw", channels=int(channels * width))
        b.relu(f"relu{number}_pw")
    return head(b)


def mobilenet_v2(*, batch: int = 1, image_size: int = 224, width: float = 1.0) -> Network:
    """Build MobileNet v2: inverted residuals with linear bottlenecks.

    `width` multiplies all numbers of channels, but never makes the last convolution narrower; each is rounded
    to a multiple of 8, as in torchvision and in the authors' code.
    """
    figures: Metadata = {
        "top1": 71.878,
        "top5": 90.286,
        "accuracy_source": "torchvision's documentation, MobileNet_V2_Weights.IMAGENET1K_V1",
        "quoted_weights": 3_400_000,
        "quoted_macs": 300_000_000,
        "quoted_source": "the paper; from memory, unverified",
    }
    b = NetworkBuilder(
        "mobilenet_v2",
        input_shape=(batch, 3, image_size, image_size),
        metadata={
            "title": "MobileNet v2",
            "year": 2018,
            "source": "Sandler, Howard, Zhu, Zhmoginov, Chen: MobileNetV2: Inverted Residuals and Linear "
            "Bottlenecks, CVPR 2018; layer by layer as torchvision's",
            "dataset": "ImageNet",
            **published(width == 1 and image_size == 224, figures),
        },
    )
    channels = _to_eights(32 * width)
    conv_norm(b, "conv1", channels=channels, kernel=3, stride=2, padding=1)
    tip = b.relu6("relu1")
    for stage, (expansion, base, blocks, first_stride) in enumerate(_V2, start=2):
        out_channels = _to_eights(base * width)
        for block in range(1, blocks + 1):
            stride = first_stride if block == 1 else 1
            name = f"block{stage}_{block}"
            body = _inverted(b, name, tip, hidden=expansion * channels, channels=out_channels, stride=stride)
            residual = stride == 1 and channels == out_channels
            tip = b.add(f"{name}_add", after=(tip, body)) if residual else body
            channels = out_channels
    conv_norm(b, "conv9", channels=_to_eights(1280 * max(1.0, width)))
    b.relu6("relu9")
    return head(b)


def _inverted(b: NetworkBuilder, name: str, tip: str, *, hidden: int, channels: int, stride: int) -> str:
    # Where nothing is expanded (the first block), the 1x1 convolution before the depthwise one is left out.
    if not name.startswith("block2"):
        conv_norm(b, f"{name}_expand", channels=hidden, after=tip)
        b.relu6(f"{name}_relu_expand")
    depthwise_norm(b, f"{name}_dw", stride=stride)
    b.relu6(f"{name}_relu_dw")
    return conv_norm(b, f"{name}_project", channels=channels)


def _to_eights(channels: float) -> int:
    # To the nearest multiple of 8, or the next one if that would take away more than a tenth.
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


def _v1_figures(width: float, image_size: int) -> Metadata:
    if (width, image_size) not in _V1_PAPER:
        return {}
    top1, macs, weights = _V1_PAPER[width, image_size]
    figures: dict[str, str | int | float | None] = {
        "quoted_weights": weights,
        "quoted_macs": macs,
        "quoted_source": "the paper; from memory, unverified",
    }
    if (width, image_size) == (1.0, 224):
        return {**figures, "top1": 73.57, "top5": 91.35, "accuracy_source": IMGCLSMOB}
    memory = (width, image_size) == (0.5, 160)
    source = (
        "the paper; from memory, unverified" if memory else "the paper, as Keras's documentation quotes it"
    )
    return {**figures, "top1": top1, "accuracy_source": source}
