"""Convolutions and products with a matrix, of numbers rounded to bfloat16."""

from __future__ import annotations

from collections.abc import Sequence

from numpy.typing import ArrayLike

from dnnaccel import _core
from dnnaccel.errors import KernelError
from dnnaccel.kernels._plan import (
    Activation,
    Floats,
    Padding,
    Pair,
    Plan,
    as_clamp,
    as_floats,
    as_four,
    as_pair,
    as_whole,
    made,
    shown,
    sides_shown,
)

__all__ = ["Conv2dBf16", "LinearBf16"]


class _Bf16Product(Plan):
    """What convolutions and products with a matrix share."""

    __slots__ = ()

    def __call__(self, x: Floats, out: Floats | None = None, *, residual: Floats | None = None) -> Floats:
        """Return the outputs for `x`, written into `out` if that is given.

        All arrays are float32, contiguous and of the plan's shapes; none is copied. `residual`, which may be
        `out` itself, is added before the activation. Raises `KernelError` for an array that does not fit.
        """
        return self._call((x, residual), out)  # type: ignore[no-any-return]


class Conv2dBf16(_Bf16Product):
    """A convolution of float32 images whose inputs and weights are rounded to bfloat16.

    bfloat16 is the upper half of a float32, with 8 bits of precision. Where the processor multiplies pairs of
    them (``isa_names("bfloat16")`` lists "avx512_bf16") it does twice as many as of float32; elsewhere it
    computes in float32. Products are summed up in float32, with the bias; outputs are float32. Results are
    the same bits for any number of threads, but differ in the last places between instruction sets.

    Parameters
    ----------
    x_shape, w, b, stride, padding, dilation, groups, threads
        As `Conv2d` has them.
    activation
        "relu", "relu6", or (low, high) to clamp to.
    isa
        One of ``isa_names("bfloat16")``; None: the best.

    Examples
    --------
    >>> import numpy as np
    >>> w = np.full((8, 3, 3, 3), 1.001, np.float32)  # 1 as bfloat16
    >>> plan = Conv2dBf16((1, 3, 3, 3), w, padding=1, isa="portable")
    >>> plan
    Conv2dBf16((1, 3, 3, 3) -> (1, 3, 3, 8), 3x3, padding 1; gemm on portable, 1 thread)
    >>> plan(np.ones((1, 3, 3, 3), np.float32))[0, :, :, 0]
    array([[12., 18., 12.],
           [18., 27., 18.],
           [12., 18., 12.]], dtype=float32)
    """

    __slots__ = ()

    def __init__(
        self,
        x_shape: Sequence[int],
        w: ArrayLike,
        b: ArrayLike | None = None,
        *,
        stride: Pair = 1,
        padding: Padding = 0,
        dilation: Pair = 1,
        groups: int = 1,
        activation: Activation = None,
        threads: int | None = 1,
        isa: str | None = None,
    ) -> None:
        shape = as_whole("x_shape", x_shape)
        if len(shape) != 4:
            raise KernelError(f"Conv2dBf16: x_shape must have four axes, not {shape}")
        weights = as_floats("w", w)
        core = made(
            "Conv2dBf16",
            _core.conv_bf16_operator,
            input=shape,
            weights=weights,
            bias=None if b is None else as_floats("b", b),
            stride=as_pair("stride", stride),
            padding=as_four("padding", padding),
            dilation=as_pair("dilation", dilation),
            groups=as_whole("groups", (groups,))[0],
            clamp=as_clamp(activation),
            threads=threads,
            isa=isa,
        )
        what = f"{shape} -> {tuple(core.outputs[0])}, {weights.shape[2]}x{weights.shape[3]}"
        what += sides_shown(stride, padding, dilation, groups)
        super().__init__(core, what + shown(activation))


class LinearBf16(_Bf16Product):
    """A product with a matrix, of float32 vectors; both are rounded to bfloat16 as `Conv2dBf16` says.

    Examples
    --------
    >>> import numpy as np
    >>> plan = LinearBf16((2, 3), np.eye(3), activation="relu", isa="portable")
    >>> plan(np.array([[1, -2, 3], [-4, 5, 257]], np.float32))
    array([[  1.,   0.,   3.],
           [  0.,   5., 256.]], dtype=float32)
    """

    __slots__ = ()

    def __init__(
        self,
        x_shape: Sequence[int],
        w: ArrayLike,
        b: ArrayLike | None = None,
        *,
        activation: Activation = None,
        threads: int | None = 1,
        isa: str | None = None,
    ) -> None:
        shape = as_whole("x_shape", x_shape)
        core = made(
            "LinearBf16",
            _core.linear_bf16_operator,
            input=shape,
            weights=as_floats("w", w),
            bias=None if b is None else as_floats("b", b),
            clamp=as_clamp(activation),
            threads=threads,
            isa=isa,
        )
        super().__init__(core, f"{shape} -> {tuple(core.outputs[0])}{shown(activation)}")
