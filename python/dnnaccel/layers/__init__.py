"""Layers: frozen descriptions of one operation each, with their shapes, sizes and MAC counts.

Shapes have the batch first: (N, C, H, W) for images, (N, features) for vectors. A layer made by hand gets its
`input_shapes`; a layer of a `Network` gets them from the layers before it.

Work without MACs is counted in vector operations (`Layer.ops`): an addition, a multiplication, a comparison
or one evaluation of a function (exponential, power, tanh: a table look-up in most chips) on one element is
one operation. A window that hangs over the padding is counted in full, as its MACs would be.
"""

from __future__ import annotations

from dnnaccel.layers._base import Layer, Pair, Shape, whole_number
from dnnaccel.layers.convolution import Conv2d, DepthwiseConv2d
from dnnaccel.layers.elementwise import GELU, Add, BatchNorm, Multiply, ReLU, ReLU6, Scale, Sigmoid, Tanh
from dnnaccel.layers.embedding import ClassToken, Embedding, PositionEmbedding
from dnnaccel.layers.layout import ChannelShuffle, Concat, Flatten, Pad2d, Permute, Reshape, Slice
from dnnaccel.layers.matrix import Linear, MatMul
from dnnaccel.layers.normalization import LRN, LayerNorm, Softmax
from dnnaccel.layers.opaque import Opaque
from dnnaccel.layers.pooling import AvgPool2d, GlobalAvgPool2d, GlobalMaxPool2d, MaxPool2d
from dnnaccel.layers.recurrent import GRU, LSTM, RNN

__all__ = [
    "GELU",
    "GRU",
    "KINDS",
    "LRN",
    "LSTM",
    "RNN",
    "Add",
    "AvgPool2d",
    "BatchNorm",
    "ChannelShuffle",
    "ClassToken",
    "Concat",
    "Conv2d",
    "DepthwiseConv2d",
    "Embedding",
    "Flatten",
    "GlobalAvgPool2d",
    "GlobalMaxPool2d",
    "Layer",
    "LayerNorm",
    "Linear",
    "MatMul",
    "MaxPool2d",
    "Multiply",
    "Opaque",
    "Pad2d",
    "Pair",
    "Permute",
    "PositionEmbedding",
    "ReLU",
    "ReLU6",
    "Reshape",
    "Scale",
    "Shape",
    "Sigmoid",
    "Slice",
    "Softmax",
    "Tanh",
    "whole_number",
]

# Adding a kind of layer: its class in one of these files (a dataclass if it has fields of its own, else with
# `__slots__ = ()`, which is made in a hundredth of the time), and its name in the import above and here.
KINDS: dict[str, type[Layer]] = {
    layer.kind: layer
    for layer in (
        *(Conv2d, DepthwiseConv2d, Linear, MatMul),
        *(MaxPool2d, AvgPool2d, GlobalAvgPool2d, GlobalMaxPool2d),
        *(LRN, Softmax, BatchNorm, ReLU, ReLU6, GELU, Sigmoid, Tanh, Scale, Add, Multiply),
        *(LayerNorm, RNN, LSTM, GRU, Embedding, PositionEmbedding, ClassToken),
        *(Concat, Flatten, Reshape, Permute, Slice, Pad2d, ChannelShuffle, Opaque),
    )
}
"""Every kind of layer by its word, `Layer.kind`."""
