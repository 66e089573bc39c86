"""How fast the native kernels are on this machine: `run` times the layers of networks, beside its limits.

Where torch and onnxruntime (with onnx) are installed, they are timed by turns in the same run.
"""

from __future__ import annotations

from dnnaccel.benchmark.job import run
from dnnaccel.benchmark.limits import Limits, MemoryLimit, measure_limits
from dnnaccel.benchmark.result import Benchmark, Timing

__all__ = ["Benchmark", "Limits", "MemoryLimit", "Timing", "measure_limits", "run"]
