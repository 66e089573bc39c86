"""Native kernels for this machine's processor: convolutions and matrix products in float32.

A plan is made once for a shape, with its weights packed for the processor, and called often.
"""

from __future__ import annotations

from dnnaccel.errors import KernelError
from dnnaccel.kernels._plan import empty
from dnnaccel.kernels.attention import Attention, KVCache, attention
from dnnaccel.kernels.elementwise import (
    GELU,
    Add,
    BatchNorm,
    Clamp,
    Multiply,
    Scale,
    Sigmoid,
    Tanh,
    gelu,
)
from dnnaccel.kernels.layout import (
    AddTable,
    ChannelShuffle,
    Concat,
    Embedding,
    Pad2d,
    Permute,
    Prepend,
    Slice,
)
from dnnaccel.kernels.matmul import MatMul, matmul
from dnnaccel.kernels.normalization import LRN, LayerNorm, Softmax, layer_norm, softmax
from dnnaccel.kernels.plans import Conv2d, Linear, conv2d, linear
from dnnaccel.kernels.pooling import (
    AvgPool2d,
    GlobalAvgPool2d,
    GlobalMaxPool2d,
    MaxPool2d,
    avg_pool2d,
    max_pool2d,
)
from dnnaccel.kernels.settings import cpu_features, isa_names, num_threads, set_num_threads

__all__ = [
    "GELU",
    "LRN",
    "Add",
    "AddTable",
    "Attention",
    "AvgPool2d",
    "BatchNorm",
    "ChannelShuffle",
    "Clamp",
    "Concat",
    "Conv2d",
    "Embedding",
    "GlobalAvgPool2d",
    "GlobalMaxPool2d",
    "KVCache",
    "KernelError",
    "LayerNorm",
    "Linear",
    "MatMul",
    "MaxPool2d",
    "Multiply",
    "Pad2d",
    "Permute",
    "Prepend",
    "Scale",
    "Sigmoid",
    "Slice",
    "Softmax",
    "Tanh",
    "avg_pool2d",
    "attention",
    "conv2d",
    "cpu_features",
    "empty",
    "gelu",
    "isa_names",
    "layer_norm",
    "linear",
    "max_pool2d",
    "matmul",
    "num_threads",
    "set_num_threads",
    "softmax",
]
