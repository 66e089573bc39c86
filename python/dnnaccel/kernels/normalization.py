"""Normalisations, which look at several values at a time."""

from __future__ import annotations

from collections.abc import Sequence

from numpy.typing import ArrayLike

from dnnaccel import _core
from dnnaccel.errors import KernelError
from dnnaccel.kernels._plan import Floats, OneInput, Plan, as_floats, as_whole, made, usable

__all__ = ["LRN", "LayerNorm", "Softmax", "layer_norm", "softmax"]


class LRN(OneInput):
    """Local response normalisation over `size` neighbouring channels, along the last axis.

    It computes ``x / (k + alpha / size * sum(x**2))**beta``; size // 2 neighbours come before a channel.

    Examples
    --------
    >>> import numpy as np
    >>> plan = LRN((1, 2, 2, 8), 5, alpha=1, isa="portable")
    >>> plan
    LRN((1, 2, 2, 8), size 5; lrn on portable, 1 thread)
    >>> plan(np.ones((1, 2, 2, 8), np.float32))[0, 0, 0].round(2)
    array([0.7 , 0.64, 0.59, 0.59, 0.59, 0.59, 0.64, 0.7 ], dtype=float32)
    """

    __slots__ = ()

    def __init__(
        self,
        x_shape: Sequence[int],
        size: int = 5,
        *,
        alpha: float = 1e-4,
        beta: float = 0.75,
        k: float = 1.0,
        threads: int | None = 1,
        isa: str | None = None,
    ) -> None:
        shape = as_whole("x_shape", x_shape)
        core = made(
            "LRN",
            _core.lrn_operator,
            input=shape,
            size=as_whole("size", (size,))[0],
            alpha=alpha,
            beta=beta,
            k=k,
            threads=threads,
            isa=isa,
        )
        super().__init__(core, f"{shape}, size {size}")


class LayerNorm(Plan):
    """``weight * (x - mean) / sqrt(variance + epsilon) + bias`` of each vector along the last axis.

    With ``residual=True`` a second input is added first, as between the blocks of a transformer.

    Examples
    --------
    >>> import numpy as np
    >>> plan = LayerNorm((1, 4), [1, 1, 1, 1], [0, 0, 0, 0], epsilon=0, isa="portable")
    >>> plan
    LayerNorm((1, 4); layer norm on portable, 1 thread)
    >>> plan(np.array([[1, 1, 3, 3]], np.float32))
    array([[-1., -1.,  1.,  1.]], dtype=float32)
    """

    __slots__ = ()

    def __init__(
        self,
        x_shape: Sequence[int],
        weight: ArrayLike,
        bias: ArrayLike,
        *,
        epsilon: float = 1e-5,
        residual: bool = False,
        threads: int | None = 1,
        isa: str | None = None,
    ) -> None:
        shape = as_whole("x_shape", x_shape)
        core = made(
            "LayerNorm",
            _core.layer_norm_operator,
            input=shape,
            scale=as_floats("weight", weight),
            shift=as_floats("bias", bias),
            epsilon=epsilon,
            residual=residual,
            threads=threads,
            isa=isa,
        )
        super().__init__(core, str(shape))

    def __call__(self, x: Floats, out: Floats | None = None, *, residual: Floats | None = None) -> Floats:
        """Return the outputs for `x`, written into `out`, which may be an input, if that is given."""
        wanted = len(self._core.inputs) == 2
        if wanted != (residual is not None):
            raise KernelError(f"LayerNorm: made {'for a' if wanted else 'without'} residual")
        return self._call((x, residual) if wanted else (x,), out)  # type: ignore[no-any-return]


class Softmax(OneInput):
    """``exp(x) / sum(exp(x))`` along an axis; the largest is subtracted first.

    Examples
    --------
    >>> import numpy as np
    >>> plan = Softmax((2, 2), isa="portable")
    >>> plan
    Softmax((2, 2), axis -1; rows on portable, 1 thread)
    >>> plan(np.array([[0, 0], [1000, 0]], np.float32))
    array([[0.5, 0.5],
           [1. , 0. ]], dtype=float32)
    """

    __slots__ = ()

    def __init__(
        self, x_shape: Sequence[int], *, axis: int = -1, threads: int | None = 1, isa: str | None = None
    ) -> None:
        shape = as_whole("x_shape", x_shape)
        core = made(
            "Softmax",
            _core.softmax_operator,
            input=shape,
            axis=as_whole("axis", (axis,))[0],
            threads=threads,
            isa=isa,
        )
        super().__init__(core, f"{shape}, axis {axis}")


def softmax(x: ArrayLike, *, axis: int = -1, threads: int | None = 1, isa: str | None = None) -> Floats:
    """Return ``exp(x) / sum(exp(x))`` along an axis in one call; see `Softmax`."""
    values = usable("x", x)
    return Softmax(values.shape, axis=axis, threads=threads, isa=isa)(values)


def layer_norm(
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike,
    *,
    epsilon: float = 1e-5,
    threads: int | None = 1,
    isa: str | None = None,
) -> Floats:
    """Return vectors along the last axis, normalised, in one call; see `LayerNorm`."""
    values = usable("x", x)
    return LayerNorm(values.shape, weight, bias, epsilon=epsilon, threads=threads, isa=isa)(values)
