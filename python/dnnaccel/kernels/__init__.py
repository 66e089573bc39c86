"""Native kernels for this machine's processor: what the layers of networks compute.

A plan is made once for a shape, with its weights packed for the processor, and called often.
"""

from __future__ import annotations

from dnnaccel.errors import KernelError
from dnnaccel.kernels._plan import empty
from dnnaccel.kernels.attention import Attention, KVCache, attention
from dnnaccel.kernels.bf16 import Conv2dBf16, LinearBf16
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
from dnnaccel.kernels.int8 import Conv2dInt8, LinearInt8, QuantParams
from dnnaccel.kernels.int8_values import (
    AddInt8,
    AvgPool2dInt8,
    Dequantize,
    GlobalAvgPool2dInt8,
    MaxPool2dInt8,
    Quantize,
    Requantize,
    dequantize,
    quantize,
    requantize,
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
from dnnaccel.kernels.recurrent import GRU, LSTM, RNN
from dnnaccel.kernels.settings import cpu_features, isa_names, num_threads, set_num_threads
from dnnaccel.kernels.tiling import Tiling
from dnnaccel.kernels.winograd import winograd_error

__all__ = [
    "Add",
    "AddInt8",
    "AddTable",
    "Attention",
    "AvgPool2d",
    "AvgPool2dInt8",
    "BatchNorm",
    "ChannelShuffle",
    "Clamp",
    "Concat",
    "Conv2d",
    "Conv2dBf16",
    "Conv2dInt8",
    "Dequantize",
    "Embedding",
    "GELU",
    "GRU",
    "GlobalAvgPool2d",
    "GlobalAvgPool2dInt8",
    "GlobalMaxPool2d",
    "KVCache",
    "KernelError",
    "LRN",
    "LSTM",
    "LayerNorm",
    "Linear",
    "LinearBf16",
    "LinearInt8",
    "MatMul",
    "MaxPool2d",
    "MaxPool2dInt8",
    "Multiply",
    "Pad2d",
    "Permute",
    "Prepend",
    "QuantParams",
    "Quantize",
    "RNN",
    "Requantize",
    "Scale",
    "Sigmoid",
    "Slice",
    "Softmax",
    "Tanh",
    "Tiling",
    "attention",
    "avg_pool2d",
    "conv2d",
    "cpu_features",
    "dequantize",
    "empty",
    "gelu",
    "isa_names",
    "layer_norm",
    "linear",
    "matmul",
    "max_pool2d",
    "num_threads",
    "quantize",
    "requantize",
    "set_num_threads",
    "softmax",
    "winograd_error",
]
