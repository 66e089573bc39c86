"""Vision transformers."""

from __future__ import annotations

from dnnaccel.builder import NetworkBuilder
from dnnaccel.errors import NetworkError
from dnnaccel.network import Network
from dnnaccel.zoo._attention import Size, attention, feed_forward

__all__ = ["vit_b16"]


def vit_b16(*, batch: int = 1, image_size: int = 224) -> Network:
    """Build ViT-B/16: patches of 16 x 16 and a class token, 12 layers, 768 features, 12 heads, 3072 inside.

    Raises `NetworkError` for an `image_size` that is no multiple of 16.
    """
    if image_size % 16:
        raise NetworkError(
            f"network 'vit_b16': image_size must be a multiple of its patches' 16, given {image_size}"
        )
    size = Size(batch=batch, features=768, heads=12, hidden=3072)
    patches = (image_size // 16) ** 2
    b = NetworkBuilder(
        "vit_b16",
        input_shape=(batch, 3, image_size, image_size),
        metadata={
            "title": "ViT-B/16",
            "year": 2020,
            "source": "Dosovitskiy et al.: An Image is Worth 16x16 Words, ICLR 2021 (arXiv 2020)",
            "dataset": "ImageNet",
            "top1": 81.072,
            "top5": 95.318,
            "accuracy_source": "torchvision's weights IMAGENET1K_V1 (from memory, unverified)",
            "quoted_weights": 86_000_000,
            "quoted_source": "Dosovitskiy et al., Table 1 (from memory, unverified)",
            "note": "the quoted total counts the position embedding, biases and norms, which are no weights",
        },
    )
    b.conv2d("patches", out_channels=768, kernel=16, stride=16)
    b.reshape("patch_rows", shape=(batch, 768, patches))
    b.permute("patch_vectors", axes=(0, 2, 1))
    b.class_token("class_token")
    tip = b.position_embedding("positions", entries=patches + 1)
    for layer in range(1, 13):
        name = f"layer{layer}"
        normed = b.layer_norm(f"{name}_norm1", after=tip)
        out = attention(
            b, name, size=size, query=normed, queries=patches + 1, memory=normed, keys=patches + 1
        )
        tip = b.add(f"{name}_add1", after=(out, tip))
        normed = b.layer_norm(f"{name}_norm2")
        out = feed_forward(b, name, size=size, gelu=True, after=normed)
        tip = b.add(f"{name}_add2", after=(out, tip))
    b.layer_norm("norm", after=tip)
    b.slice("class_vector", stop=1)
    b.reshape("class_features", shape=(batch, 768))
    b.linear("fc", out_features=1000)
    b.softmax("prob")
    return b.build()
