"""Convolutions and products with a matrix, of 8-bit integers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dnnaccel import _core
from dnnaccel.errors import KernelError, unknown_name
from dnnaccel.kernels._plan import (
    Activation,
    Padding,
    Pair,
    Plan,
    as_clamp,
    as_four,
    as_pair,
    as_threads,
    as_whole,
    shown,
    sides_shown,
)

__all__ = ["Conv2dInt8", "LinearInt8", "QuantParams"]

Bytes: TypeAlias = NDArray[np.uint8] | NDArray[np.int8]
Output: TypeAlias = "QuantParams | Literal['int32', 'float32']"

_RANGES = {"uint8": (0, 255), "int8": (-128, 127)}


@dataclass(frozen=True, slots=True)
class QuantParams:
    """What 8-bit values stand for: ``scale * (q - zero_point)``.

    Examples
    --------
    >>> params = QuantParams(0.5, 10)
    >>> params
    QuantParams(scale=0.5, zero_point=10, dtype='uint8')
    >>> params.low, params.high
    (-5.0, 122.5)
    """

    scale: float
    zero_point: int = 0
    dtype: str = "uint8"

    def __post_init__(self) -> None:
        if self.dtype not in _RANGES:
            raise unknown_name("dtype", self.dtype, _RANGES)
        if not (math.isfinite(self.scale) and self.scale > 0):
            raise KernelError(f"scale must be a number above 0, not {self.scale}")
        least, most = _RANGES[self.dtype]
        if not least <= as_whole("zero_point", (self.zero_point,))[0] <= most:
            raise KernelError(
                f"zero_point must be from {least} to {most} for {self.dtype}, not {self.zero_point}"
            )

    @property
    def least(self) -> int:
        """The smallest integer."""
        return _RANGES[self.dtype][0]

    @property
    def most(self) -> int:
        """The largest integer."""
        return _RANGES[self.dtype][1]

    @property
    def low(self) -> float:
        """The smallest number that it can stand for."""
        return self.scale * (self.least - self.zero_point)

    @property
    def high(self) -> float:
        """The largest number that it can stand for."""
        return self.scale * (self.most - self.zero_point)


class _Int8Product(Plan):
    """What convolutions and products with a matrix share."""

    __slots__ = ("_residual", "out_dtype")

    _residual: bool
    out_dtype: str

    def __call__(self, x: Bytes, out: Any = None, *, residual: Bytes | None = None) -> Any:
        """Return the outputs for `x`, written into `out` if that is given.

        All arrays are contiguous and of the plan's shapes and types; none is copied. `residual` is given if,
        and only if, the plan was made for one. Raises `KernelError` for an array that does not fit.
        """
        if self._residual != (residual is not None):
            wanted = "needs a residual" if self._residual else "was made without a residual"
            raise KernelError(f"{type(self).__name__}: the plan {wanted}")
        if out is None:
            out = np.empty(self.out_shape, self.out_dtype)
        return self._call((x, residual) if self._residual else (x,), out)


class Conv2dInt8(_Int8Product):
    """A convolution of 8-bit integers of one shape.

    The sums are exact: ``sum of (x - x.zero_point) * w + b`` in 32 bits. Padding stands for the number 0.
    docs/kernels-int8.md says to the bit how they become outputs.

    Parameters
    ----------
    x_shape
        Shape of the inputs: (batch, height, width, channels).
    w
        Weights, int8: (output channels, channels / groups, kernel height, kernel width). They are copied.
    b
        Bias, int32: one value for each output channel, counted in ``x.scale * w_scale``.
    x
        What the inputs stand for.
    w_scale
        What a weight of 1 stands for: one number, or one for each output channel.
    out
        What the outputs are to stand for; or "float32", numbers; or "int32", the sums.
    residual
        What the residual stands for that a call adds before the activation; None: there is none.
    activation
        "relu", "relu6", or (low, high) to clamp to, in numbers.
    stride, padding, dilation, groups, threads, isa
        As `Conv2d` has them; `isa` is one of ``isa_names("int8")``.

    Examples
    --------
    >>> import numpy as np
    >>> x, out = QuantParams(0.5, 10), QuantParams(1.0, 0)
    >>> w = np.ones((8, 3, 3, 3), np.int8)
    >>> plan = Conv2dInt8((1, 4, 4, 3), w, x=x, w_scale=0.1, out=out, padding=1, isa="portable")
    >>> plan
    Conv2dInt8((1, 4, 4, 3) uint8 -> (1, 4, 4, 8) uint8, 3x3, padding 1; gemm on portable, 1 thread)
    >>> plan(np.full((1, 4, 4, 3), 30, np.uint8))[0, :, :, 0]
    array([[12, 18, 18, 12],
           [18, 27, 27, 18],
           [18, 27, 27, 18],
           [12, 18, 18, 12]], dtype=uint8)
    """

    __slots__ = ()

    def __init__(
        self,
        x_shape: Sequence[int],
        w: ArrayLike,
        b: ArrayLike | None = None,
        *,
        x: QuantParams,
        w_scale: ArrayLike = 1.0,
        out: Output,
        residual: QuantParams | None = None,
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
            raise KernelError(f"Conv2dInt8: x_shape must have four axes, not {shape}")
        weights = _as_integers("w", w, np.int8)
        try:
            core = _core.conv_int8_operator(
                input=shape,
                **_product(weights, b, x, w_scale, out, residual, activation),
                stride=as_pair("stride", stride),
                padding=as_four("padding", padding),
                dilation=as_pair("dilation", dilation),
                groups=as_whole("groups", (groups,))[0],
                threads=as_threads(threads),
                isa=isa or "",
            )
        except ValueError as error:
            raise KernelError(f"Conv2dInt8: {error}") from None
        what = _arrow(core) + f", {weights.shape[2]}x{weights.shape[3]}"
        what += sides_shown(stride, padding, dilation, groups)
        super().__init__(core, what + shown(activation))
        self._residual, self.out_dtype = residual is not None, core.output_types[0]


class LinearInt8(_Int8Product):
    """A product of 8-bit integers with a matrix: (..., values) to (..., outputs).

    Parameters
    ----------
    x_shape
        Shape of the inputs: (..., values).
    w
        Weights, int8: (outputs, values). They are copied.
    b, x, w_scale, out, residual, activation, threads, isa
        As `Conv2dInt8` has them.

    Examples
    --------
    >>> import numpy as np
    >>> w = np.eye(3, dtype=np.int8)
    >>> plan = LinearInt8((2, 3), w, x=QuantParams(0.5, 10), out="float32", isa="portable")
    >>> plan
    LinearInt8((2, 3) uint8 -> (2, 3) float32; gemm on portable, 1 thread)
    >>> plan(np.array([[10, 11, 12], [0, 5, 255]], np.uint8))
    array([[  0. ,   0.5,   1. ],
           [ -5. ,  -2.5, 122.5]], dtype=float32)
    """

    __slots__ = ()

    def __init__(
        self,
        x_shape: Sequence[int],
        w: ArrayLike,
        b: ArrayLike | None = None,
        *,
        x: QuantParams,
        w_scale: ArrayLike = 1.0,
        out: Output,
        residual: QuantParams | None = None,
        activation: Activation = None,
        threads: int | None = 1,
        isa: str | None = None,
    ) -> None:
        weights = _as_integers("w", w, np.int8)
        try:
            core = _core.linear_int8_operator(
                input=as_whole("x_shape", x_shape),
                **_product(weights, b, x, w_scale, out, residual, activation),
                threads=as_threads(threads),
                isa=isa or "",
            )
        except ValueError as error:
            raise KernelError(f"LinearInt8: {error}") from None
        super().__init__(core, _arrow(core) + shown(activation))
        self._residual, self.out_dtype = residual is not None, core.output_types[0]


def _arrow(core: _core.Operator) -> str:
    return f"{tuple(core.inputs[0])} {core.input_types[0]} -> {tuple(core.outputs[0])} {core.output_types[0]}"


def _as_integers(name: str, values: ArrayLike, dtype: type) -> NDArray[Any]:
    array = np.asarray(values)
    if not np.can_cast(array.dtype, dtype):
        raise KernelError(f"{name} must be of {np.dtype(dtype)}, not {array.dtype}")
    return np.ascontiguousarray(array, dtype)


def _product(
    weights: NDArray[np.int8],
    b: ArrayLike | None,
    x: QuantParams,
    w_scale: ArrayLike,
    out: Output,
    residual: QuantParams | None,
    activation: Activation,
) -> dict[str, Any]:
    """What both factories take alike."""
    if isinstance(out, str) and out not in ("int32", "float32"):
        raise unknown_name("out", out, ("int32", "float32"))
    unit = out.scale if isinstance(out, QuantParams) else 1.0
    scales = np.asarray(w_scale)
    if scales.dtype.kind not in "fiu":
        raise KernelError(f"w_scale must be of real numbers, not {scales.dtype}")
    outputs = weights.shape[0] if weights.ndim else 0
    if scales.shape not in ((), (outputs,)):
        raise KernelError(f"w_scale must be one number or one for each of the {outputs} outputs")
    multipliers = np.broadcast_to(scales.astype(np.float64) * x.scale / unit, (outputs,))
    return {
        "weights": weights,
        "bias": None if b is None else _as_integers("b", b, np.int32),
        "x": (x.dtype, x.zero_point),
        "multipliers": None if out == "int32" else multipliers.astype(np.float32),
        "out": (out.dtype, out.zero_point) if isinstance(out, QuantParams) else (out, 0),
        "residual": None if residual is None else (stored(residual), residual.scale / unit),
        "clamp": stored_clamp(activation, out),
    }


def stored(params: QuantParams) -> tuple[str, int]:
    """The type and zero point, as the core's factories take them."""
    return params.dtype, params.zero_point


def stored_clamp(activation: Activation, out: Output) -> tuple[float, float]:
    """The clamp as outputs are stored: in their integers, if they are."""
    low, high = as_clamp(activation)
    if isinstance(out, str):
        return low, high

    def nearest(end: float) -> float:
        steps = end / out.scale
        return out.zero_point + (round(steps) if math.isfinite(steps) else steps)

    return nearest(low), nearest(high)
