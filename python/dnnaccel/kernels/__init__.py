"""Native kernels for this machine's processor: convolutions and matrix products in float32.

A plan is made once for a shape, with its weights packed for the processor, and called often.
"""

from __future__ import annotations

from dnnaccel.errors import KernelError
from dnnaccel.kernels._plan import empty
from dnnaccel.kernels.plans import Conv2d, Linear, conv2d, linear
from dnnaccel.kernels.settings import cpu_features, isa_names, num_threads, set_num_threads
from dnnaccel.kernels.tiling import Tiling
from dnnaccel.kernels.winograd import winograd_error

__all__ = [
    "Conv2d",
    "KernelError",
    "Linear",
    "Tiling",
    "conv2d",
    "cpu_features",
    "empty",
    "isa_names",
    "linear",
    "num_threads",
    "set_num_threads",
    "winograd_error",
]
