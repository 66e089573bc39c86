"""What the processor can run, and how many threads run it."""

from __future__ import annotations

import operator

from dnnaccel import _core
from dnnaccel.errors import KernelError, unknown_name

__all__ = ["cpu_features", "isa_names", "num_threads", "set_num_threads"]


def isa_names(dtype: str = "float32") -> list[str]:
    """Return the names of the kernels that this processor can run, the fastest first.

    With `dtype` "int8" or "bfloat16" those too that have instructions for such numbers beyond the others. A
    plan takes the first, or what its `isa` says, or what the environment variable DNNACCEL_ISA says.
    """
    if dtype not in ("float32", "bfloat16", "int8"):
        raise unknown_name("dtype", dtype, ("float32", "bfloat16", "int8"))
    return _core.kernel_isas(dtype)


def cpu_features() -> dict[str, bool]:
    """Return which of the instruction sets that kernels can use this processor has."""
    return _core.cpu_features()


def num_threads() -> int:
    """Return how many threads a plan gets that is made with ``threads=None``.

    Without `set_num_threads` this is OMP_NUM_THREADS or, if that is not set, the number of processors that
    this process may use.
    """
    return _core.kernel_threads()


def set_num_threads(threads: int) -> None:
    """Say how many threads a plan gets that is made with ``threads=None`` from now on."""
    try:
        _core.set_kernel_threads(max(operator.index(threads), 0))
    except ValueError as error:
        raise KernelError(str(error)) from None
