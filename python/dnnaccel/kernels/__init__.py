"""Native kernels for this machine's processor: convolutions and matrix products in float32.

A plan is made once for a shape, with its weights packed for the processor, and called often.
"""

from __future__ import annotations

from dnnaccel.errors import KernelError
from dnnaccel.kernels._plan import empty
from dnnaccel.kernels.int8 import Conv2dInt8, LinearInt8, QuantParams
from dnnaccel.kernels.plans import Conv2d, Linear, conv2d, linear
from dnnaccel.kernels.settings import cpu_features, isa_names, num_threads, set_num_threads

__all__ = [
    "Conv2d",
    "Conv2dInt8",
    "KernelError",
    "Linear",
    "LinearInt8",
    "QuantParams",
    "conv2d",
    "cpu_features",
    "empty",
    "isa_names",
    "linear",
    "num_threads",
    "set_num_threads",
]
