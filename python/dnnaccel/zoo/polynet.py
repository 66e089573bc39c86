"""PolyNet: polynomials of Inception blocks, some of which share their weights; names as in `_branches`.

Of an input x and a block F, `2-way` is x + F(x) + G(x) with two blocks of their own, `poly-3` is
x + F(x) + F(F(x)) + F(F(F(x))): one block run three times, but for the normalisations and the convolution
that brings it up to the channels of x, which each run has for itself.
"""

from __future__ import annotations

from dnnaccel.builder import NetworkBuilder
from dnnaccel.layers import Conv2d
from dnnaccel.network import Metadata, Network
from dnnaccel.zoo._branches import Branches, Conv, Module, Pool
from dnnaccel.zoo._head import head
from dnnaccel.zoo._residual import conv_norm
from dnnaccel.zoo._sources import IMGCLSMOB, NASNET, published
from dnnaccel.zoo.inception import stem_v4

__all__ = ["polynet"]

_Chains = tuple[tuple[Conv, ...], ...]

_BLOCK_A: _Chains = ((Conv(32), Conv(48, 3), Conv(64, 3)), (Conv(32), Conv(32, 3)), (Conv(32),))
_BLOCK_B: _Chains = ((Conv(128), Conv(160, (1, 7)), Conv(192, (7, 1))), (Conv(192),))
_BLOCK_C: _Chains = ((Conv(192), Conv(224, (1, 3)), Conv(256, (3, 1))), (Conv(192),))
_REDUCE_A: Module = (
    (Conv(256), Conv(256, 3), Conv(384, 3, 2, valid=True)),
    (Conv(384, 3, 2, valid=True),),
    (Pool("max", stride=2),),
)
_REDUCE_B: Module = (
    (Conv(256), Conv(256, 3), Conv(256, 3, 2, valid=True)),
    (Conv(256), Conv(256, 3, 2, valid=True)),
    (Conv(256), Conv(384, 3, 2, valid=True)),
    (Pool("max", stride=2),),
)
# 10 2-way modules of A; 10 poly-3 and 10 2-way ones of B; 5 and 5 of C.
_MODULES = 40


def polynet(*, batch: int = 1, image_size: int = 331) -> Network:
    """Build Very Deep PolyNet, 331x331 images: 10 2-way blocks, then 10 and 5 pairs of poly-3 and 2-way."""
    figures: Metadata = {
        "top1": 80.91,
        "top5": 95.47,
        "accuracy_source": IMGCLSMOB,
        "quoted_weights": 92_000_000,
        "quoted_macs": 34_700_000_000,
        "quoted_source": NASNET,
        "note": "537 convolutions over 417 sets of weights; the quoted weights are those of the convolutions "
        "alone (93.0M, cut): 95.0M with the classifier, 95.4M parameters with the normalisations",
    }
    b = NetworkBuilder(
        "polynet",
        input_shape=(batch, 3, image_size, image_size),
        metadata={
            "title": "PolyNet",
            "year": 2016,
            "source": "Zhang, Li, Loy, Lin: PolyNet: A Pursuit of Structural Diversity in Very Deep "
            "Networks, CVPR 2017 (arXiv 2016); scales as pytorchcv's polynet",
            "dataset": "ImageNet",
            **published(image_size == 331, figures),
        },
    )
    build = Branches(b, norm=True, bias=False)
    tip = stem_v4(build, ((7, 1), (1, 7)), pool_first=True)
    factors = map(_factor, range(_MODULES))
    for number in range(1, 11):
        tip = _two_way(build, f"a{number}", _BLOCK_A, tip, channels=384, factor=next(factors))
    tip = build.module("reduce_a", _REDUCE_A, tip)
    for number in range(1, 11):
        tip = _poly3(build, f"b{number}p", _BLOCK_B, tip, channels=1152, factor=next(factors))
        tip = _two_way(build, f"b{number}w", _BLOCK_B, tip, channels=1152, factor=next(factors))
    tip = build.module("reduce_b", _REDUCE_B, tip)
    for number in range(1, 6):
        tip = _poly3(build, f"c{number}p", _BLOCK_C, tip, channels=2048, factor=next(factors))
        tip = _two_way(build, f"c{number}w", _BLOCK_C, tip, channels=2048, factor=next(factors))
    return head(b)


def _factor(number: int) -> float:
    """Return what the blocks of module `number` (from 0) are scaled by: from 1 evenly down to 0.7."""
    return round(1 - 0.3 * number / (_MODULES - 1), 6)


def _two_way(build: Branches, name: str, block: _Chains, tip: str, *, channels: int, factor: float) -> str:
    total = tip
    for way in (1, 2):
        build.module(f"{name}_{way}", block, tip)
        body = conv_norm(build.b, f"{name}_{way}_up", channels=channels)
        total = _sum(build.b, f"{name}_{way}", body, total, factor)
    return build.b.relu(f"relu{name}")


def _poly3(build: Branches, name: str, block: _Chains, tip: str, *, channels: int, factor: float) -> str:
    b, total, source = build.b, tip, tip
    for power in (1, 2, 3):
        ends = []
        for letter, steps in zip("ab", block, strict=True):
            end = source
            for number, step in enumerate(steps, start=1):
                end = _shared(b, name, power, f"{letter}{number}", step, end)
            ends.append(end)
        b.concat(f"concat{name}_{power}", after=ends)
        body = conv_norm(b, f"{name}_{power}_up", channels=channels)
        total = _sum(b, f"{name}_{power}", body, total, factor)
        if power < 3:
            source = b.relu(f"relu{name}_{power}", after=body)
    return b.relu(f"relu{name}", after=total)


def _shared(b: NetworkBuilder, name: str, power: int, step_name: str, step: Conv, after: str) -> str:
    """Add a convolution that uses the weights of the first run's, and its own normalisation."""
    suffix = f"{name}_{power}{step_name}"
    b.append(
        Conv2d(
            name=f"conv{suffix}",
            inputs=(after,),
            out_channels=step.channels,
            kernel=step.kernel,
            padding=step.padding,
            bias=False,
            weights_from=None if power == 1 else f"conv{name}_1{step_name}",
        )
    )
    b.batch_norm(f"bn{suffix}")
    return b.relu(f"relu{suffix}")


def _sum(b: NetworkBuilder, name: str, body: str, total: str, factor: float) -> str:
    scaled = b.scale(f"scale{name}", factor=factor, after=body)
    return b.add(f"add{name}", after=(total, scaled))
