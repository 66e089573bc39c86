"""DenseNet (the paper's DenseNet-BC for ImageNet): every layer reads all layers of its block before it.

Dense blocks are the stages 2 to 5: `conv3_4a` and `conv3_4b` are the 1x1 and 3x3 convolutions of the fourth
layer of the second block, `concat3_4` is what the block has then; `conv3_t` and `pool3` are the transition
behind the block, which halves its channels and the image.
"""

from __future__ import annotations

from dnnaccel.builder import NetworkBuilder
from dnnaccel.network import Metadata, Network
from dnnaccel.zoo._head import head
from dnnaccel.zoo._residual import conv_norm, norm_conv
from dnnaccel.zoo._sources import IMGCLSMOB, published

__all__ = ["densenet121", "densenet161", "densenet169", "densenet201"]

_DEPTHS = {
    121: (6, 12, 24, 16),
    161: (6, 12, 36, 24),
    169: (6, 12, 32, 32),
    201: (6, 12, 48, 32),
}


def densenet121(*, batch: int = 1, image_size: int = 224) -> Network:
    """Build DenseNet-121, of growth rate 32."""
    return _densenet(121, 32, batch, image_size, accuracy=(76.75, 93.15), quoted=(7.98, 2834))


def densenet161(*, batch: int = 1, image_size: int = 224) -> Network:
    """Build DenseNet-161, of growth rate 48."""
    return _densenet(161, 48, batch, image_size, accuracy=(78.18, 94.08), quoted=(28.7, 7728))


def densenet169(*, batch: int = 1, image_size: int = 224) -> Network:
    """Build DenseNet-169, of growth rate 32."""
    return _densenet(169, 32, batch, image_size, accuracy=(77.9, 93.95), quoted=(14.15, 3360))


def densenet201(*, batch: int = 1, image_size: int = 224) -> Network:
    """Build DenseNet-201, of growth rate 32."""
    return _densenet(201, 32, batch, image_size, accuracy=(78.44, 94.1), quoted=(20.0, 4291))


def _densenet(
    depth: int,
    growth: int,
    batch: int,
    image_size: int,
    *,
    accuracy: tuple[float, float],
    quoted: tuple[float, int],
) -> Network:
    """Build the network; `accuracy` is top-1 and top-5 in %, `quoted` parameters and MACs in millions."""
    figures: Metadata = {
        "top1": accuracy[0],
        "top5": accuracy[1],
        "accuracy_source": IMGCLSMOB,
        "quoted_weights": round(quoted[0] * 1_000_000),
        "quoted_macs": quoted[1] * 1_000_000,
        "quoted_source": "torchvision; from memory, unverified",
        "note": "the quoted weights are parameters, with normalisations and biases",
    }
    b = NetworkBuilder(
        f"densenet{depth}",
        input_shape=(batch, 3, image_size, image_size),
        metadata={
            "title": f"DenseNet-{depth}",
            "year": 2016,
            "source": "Huang, Liu, van der Maaten, Weinberger: Densely Connected Convolutional Networks, "
            "CVPR 2017",
            "dataset": "ImageNet",
            **published(image_size == 224, figures),
        },
    )
    channels = 2 * growth
    conv_norm(b, "1", channels=channels, kernel=7, stride=2)
    b.relu("relu1")
    tip = b.max_pool("pool1", kernel=3, stride=2, padding=1)
    for stage, layers in enumerate(_DEPTHS[depth], start=2):
        for layer in range(1, layers + 1):
            tip = _dense_layer(b, f"{stage}_{layer}", tip, growth=growth)
        channels += layers * growth
        if stage < 5:
            channels //= 2
            norm_conv(b, f"{stage}_t", channels=channels)
            tip = b.avg_pool(f"pool{stage}", kernel=2)
    b.batch_norm("bn5")
    b.relu("relu5")
    return head(b, pool="pool5")


def _dense_layer(b: NetworkBuilder, name: str, tip: str, *, growth: int) -> str:
    norm_conv(b, f"{name}a", channels=4 * growth, after=tip)
    new = norm_conv(b, f"{name}b", channels=growth, kernel=3)
    return b.concat(f"concat{name}", after=(tip, new))
