"""Dual path networks: a residual path that blocks add to and a dense path that they lengthen, side by side.

Layers are named as `_residual` says. `add3_2` is the residual path behind the second block of stage conv3_x,
`path3_2` the dense path, `concat3_2` both, as the next block reads them; `residual3_2c` and `dense3_2c` are
the parts of `conv3_2c` that go to either path.
"""

from __future__ import annotations

from dnnaccel.builder import NetworkBuilder
from dnnaccel.network import Metadata, Network
from dnnaccel.zoo._residual import conv_norm, norm_conv
from dnnaccel.zoo._sources import IMGCLSMOB, TUTORIAL

__all__ = ["dpn131"]

_GROUPS = 40


def dpn131(*, batch: int = 1, image_size: int = 320) -> Network:
    """Build DPN-131; the comparison with NASNet takes images of 320x320, the paper of 224x224.

    The classifier is a 1x1 convolution behind a 7x7 mean; what it says at several places of a larger image is
    pooled: half of the mean plus half of the largest.
    """
    b = NetworkBuilder(
        "dpn131",
        input_shape=(batch, 3, image_size, image_size),
        metadata={
            "title": "DPN-131",
            "year": 2017,
            "source": "Chen, Li, Xiao, Jin, Yan, Feng: Dual Path Networks, NIPS 2017",
            "dataset": "ImageNet",
            **_figures(image_size),
        },
    )
    conv_norm(b, "1", channels=128, kernel=7, stride=2)
    b.relu("relu1")
    tip = b.max_pool("pool1", kernel=3, stride=2, padding=1)
    for stage, (units, growth) in enumerate(((4, 16), (8, 32), (28, 32), (3, 128)), start=2):
        tip = _stage(b, stage, tip, units=units, growth=growth)
    b.batch_norm("bn5")
    b.relu("relu5")
    return _classifier(b)


def _figures(image_size: int) -> Metadata:
    note = "the quoted weights are parameters, with normalisations and biases"
    if image_size == 320:
        return {
            "top1": 81.5,
            "top5": 95.8,
            "accuracy_source": TUTORIAL,
            "quoted_weights": 79_500_000,
            "quoted_macs": 32_000_000_000,
            "quoted_source": TUTORIAL,
            "note": note,
        }
    if image_size == 224:
        return {
            "top1": 80.58,
            "top5": 95.23,
            "accuracy_source": IMGCLSMOB,
            "quoted_weights": 79_500_000,
            "quoted_macs": 16_000_000_000,
            "quoted_source": "the paper; from memory, unverified",
            "note": note,
        }
    return {}


def _stage(b: NetworkBuilder, stage: int, tip: str, *, units: int, growth: int) -> str:
    """Add the blocks of a stage behind `tip`; every block adds `growth` channels to the dense path."""
    scale = 2 ** (stage - 2)
    inner, residual = 160 * scale, 256 * scale
    stride = 1 if stage == 2 else 2
    # A stage's own paths start from a projection of what the stage before has.
    projection = norm_conv(b, f"{stage}_1p", channels=residual + 2 * growth, stride=stride, after=tip)
    paths = _split(b, f"{stage}_1p", projection, residual)
    for unit in range(1, units + 1):
        name = f"{stage}_{unit}"
        norm_conv(b, f"{name}a", channels=inner, after=tip)
        norm_conv(b, f"{name}b", channels=inner, kernel=3, stride=stride, groups=_GROUPS)
        body = norm_conv(b, f"{name}c", channels=residual + growth)
        new = _split(b, f"{name}c", body, residual)
        paths = (
            b.add(f"add{name}", after=(paths[0], new[0])),
            b.concat(f"path{name}", after=(paths[1], new[1])),
        )
        tip, stride = b.concat(f"concat{name}", after=paths), 1
    return tip


def _split(b: NetworkBuilder, name: str, source: str, channels: int) -> tuple[str, str]:
    return (
        b.slice(f"residual{name}", stop=channels, after=source),
        b.slice(f"dense{name}", start=channels, after=source),
    )


def _classifier(b: NetworkBuilder) -> Network:
    b.avg_pool("pool5", kernel=7, stride=1)
    scores = b.conv2d("classifier", out_channels=1000, kernel=1)
    mean = b.global_avg_pool("mean", after=scores)
    largest = b.global_max_pool("largest", after=scores)
    b.add("sum", after=(mean, largest))
    b.scale("half", factor=0.5)
    b.flatten("flatten")
    b.softmax("prob")
    return b.build()
