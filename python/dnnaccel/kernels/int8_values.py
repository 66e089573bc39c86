"""What is done to 8-bit values without weights: changes of type and scale, sums, pooling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dnnaccel import _core
from dnnaccel.errors import KernelError
from dnnaccel.kernels._plan import (
    Activation,
    Padding,
    Pair,
    Plan,
    as_four,
    as_pair,
    as_whole,
    made,
    shown,
    usable,
)
from dnnaccel.kernels.int8 import Bytes, QuantParams, stored, stored_clamp
from dnnaccel.kernels.pooling import count_windows

__all__ = [
    "AddInt8",
    "AvgPool2dInt8",
    "Dequantize",
    "GlobalAvgPool2dInt8",
    "MaxPool2dInt8",
    "Quantize",
    "Requantize",
    "dequantize",
    "quantize",
    "requantize",
]

Options: TypeAlias = dict[str, Any]


class _Values(Plan):
    """A plan that is called with one array, and makes an array of its outputs' type."""

    __slots__ = ()

    def __call__(self, x: Any, out: Any = None) -> Any:
        """Return the outputs for `x`, written into `out` if that is given.

        The arrays are contiguous and of the plan's shapes and types; none is copied. Raises `KernelError` for
        an array that does not fit.
        """
        if out is None:
            out = np.empty(self.out_shape, self._core.output_types[0])
        return self._call((x,), out)


class Quantize(_Values):
    """float32 to 8-bit integers: ``zero_point + round(x / scale)``, within what they can hold.

    x is multiplied with 1 / scale, rounded to float32; halves go to the even integer, NaN to the zero point.

    Examples
    --------
    >>> import numpy as np
    >>> plan = Quantize((5,), QuantParams(0.5, 10), isa="portable")
    >>> plan
    Quantize((5,) -> uint8; quantize on portable, 1 thread)
    >>> plan(np.array([-9.0, 0.0, 0.25, 0.75, np.nan], np.float32))
    array([ 0, 10, 10, 12, 10], dtype=uint8)
    """

    __slots__ = ()

    def __init__(
        self, x_shape: Sequence[int], out: QuantParams, *, threads: int | None = 1, isa: str | None = None
    ) -> None:
        shape = as_whole("x_shape", x_shape)
        core = made(
            "Quantize",
            _core.quantize_operator,
            input=shape,
            factor=1 / out.scale,
            out=stored(out),
            threads=threads,
            isa=isa,
        )
        super().__init__(core, f"{shape} -> {out.dtype}")


def _sum(
    who: str,
    shape: tuple[int, ...],
    inputs: Sequence[QuantParams],
    out: QuantParams | Literal["float32"],
    activation: Activation,
    options: Options,
) -> _core.Operator:
    unit = out.scale if isinstance(out, QuantParams) else 1.0
    return made(
        who,
        _core.sum_int8_operator,
        input=shape,
        inputs=[(stored(params), params.scale / unit) for params in inputs],
        out=stored(out) if isinstance(out, QuantParams) else (out, 0),
        clamp=stored_clamp(activation, out),
        **options,
    )


class Dequantize(_Values):
    """8-bit integers to float32: ``(x - zero_point) * scale``.

    Examples
    --------
    >>> import numpy as np
    >>> Dequantize((3,), QuantParams(0.5, 10))(np.array([0, 10, 11], np.uint8))
    array([-5. ,  0. ,  0.5], dtype=float32)
    """

    __slots__ = ()

    def __init__(
        self, x_shape: Sequence[int], x: QuantParams, *, threads: int | None = 1, isa: str | None = None
    ) -> None:
        shape = as_whole("x_shape", x_shape)
        core = _sum("Dequantize", shape, [x], "float32", None, {"threads": threads, "isa": isa})
        super().__init__(core, f"{shape} {x.dtype} -> float32")


class Requantize(_Values):
    """8-bit integers to those that stand for the same numbers by another scale, zero point or type.

    Examples
    --------
    >>> import numpy as np
    >>> plan = Requantize((3,), QuantParams(0.5, 10), QuantParams(1.0, 0, "int8"))
    >>> plan(np.array([0, 10, 16], np.uint8))
    array([-5,  0,  3], dtype=int8)
    """

    __slots__ = ()

    def __init__(
        self,
        x_shape: Sequence[int],
        x: QuantParams,
        out: QuantParams,
        *,
        activation: Activation = None,
        threads: int | None = 1,
        isa: str | None = None,
    ) -> None:
        shape = as_whole("x_shape", x_shape)
        core = _sum("Requantize", shape, [x], out, activation, {"threads": threads, "isa": isa})
        super().__init__(core, f"{shape} {x.dtype} -> {out.dtype}{shown(activation)}")


class AddInt8(Plan):
    """The sum of 8-bit tensors of one shape, each with its own scale and zero point, as `out` has it.

    Examples
    --------
    >>> import numpy as np
    >>> plan = AddInt8((2,), [QuantParams(0.5), QuantParams(0.25, 4)], QuantParams(1.0), activation="relu")
    >>> plan(np.array([4, 6], np.uint8), np.array([8, 0], np.uint8))
    array([3, 2], dtype=uint8)
    """

    __slots__ = ()

    def __init__(
        self,
        x_shape: Sequence[int],
        inputs: Sequence[QuantParams],
        out: QuantParams | Literal["float32"],
        *,
        activation: Activation = None,
        threads: int | None = 1,
        isa: str | None = None,
    ) -> None:
        shape = as_whole("x_shape", x_shape)
        core = _sum("AddInt8", shape, inputs, out, activation, {"threads": threads, "isa": isa})
        super().__init__(core, f"{len(inputs)} of {shape} -> {core.output_types[0]}{shown(activation)}")

    def __call__(self, *inputs: Bytes, out: Any = None) -> Any:
        """Return the sum of as many arrays as the plan is of, written into `out` if that is given."""
        if out is None:
            out = np.empty(self.out_shape, self._core.output_types[0])
        return self._call(inputs, out)


class _Pool2dInt8(_Values):
    """What poolings share."""

    __slots__ = ()

    def __init__(
        self,
        kind: str,
        x_shape: Sequence[int],
        kernel: Pair | None,
        params: tuple[QuantParams, QuantParams],
        stride: Pair | None,
        padding: Padding,
        ceil_mode: bool,
        count_include_pad: bool,
        options: Options,
    ) -> None:
        name = type(self).__name__
        shape = as_whole("x_shape", x_shape)
        if len(shape) != 4:
            raise KernelError(f"{name}: x_shape must have four axes, not {shape}")
        window = as_pair("kernel", shape[1:3] if kernel is None else kernel)
        step = window if stride is None else as_pair("stride", stride)
        sides = as_four("padding", padding)
        output = [
            count_windows(name, shape[1 + i], window[i], step[i], sides[2 * i : 2 * i + 2], ceil_mode)
            for i in range(2)
        ]
        x, out = params
        core = made(
            name,
            _core.pool_int8_operator,
            kind=kind,
            input=shape,
            window=window,
            stride=step,
            padding=sides,
            output=output,
            count_include_pad=count_include_pad,
            x=stored(x),
            out=stored(out),
            multiplier=x.scale / out.scale,
            **options,
        )
        what = f"{shape} {x.dtype} -> {tuple(core.outputs[0])} {out.dtype}, {window[0]}x{window[1]}"
        for label, value, usual in (("stride", stride, None), ("padding", padding, 0)):
            if value != usual:
                what += f", {label} {value}"
        super().__init__(core, what + ", ceil_mode" * ceil_mode)


class MaxPool2dInt8(_Pool2dInt8):
    """The largest of each window, which stands for what the inputs do. As `MaxPool2d` otherwise.

    Examples
    --------
    >>> import numpy as np
    >>> plan = MaxPool2dInt8((1, 4, 4, 1), 2, isa="portable")
    >>> plan
    MaxPool2dInt8((1, 4, 4, 1) uint8 -> (1, 2, 2, 1) uint8, 2x2; max on portable, 1 thread)
    >>> plan(np.arange(16, dtype=np.uint8).reshape(1, 4, 4, 1))[0, :, :, 0]
    array([[ 5,  7],
           [13, 15]], dtype=uint8)
    """

    __slots__ = ()

    def __init__(
        self,
        x_shape: Sequence[int],
        kernel: Pair,
        *,
        dtype: str = "uint8",
        stride: Pair | None = None,
        padding: Padding = 0,
        ceil_mode: bool = False,
        threads: int | None = 1,
        isa: str | None = None,
    ) -> None:
        params = QuantParams(1.0, 0, dtype)
        options = {"threads": threads, "isa": isa}
        super().__init__("max", x_shape, kernel, (params, params), stride, padding, ceil_mode, True, options)


class AvgPool2dInt8(_Pool2dInt8):
    """The mean of each window, of inputs that stand for `x`, as `out` has it. As `AvgPool2d` otherwise."""

    __slots__ = ()

    def __init__(
        self,
        x_shape: Sequence[int],
        kernel: Pair,
        x: QuantParams,
        out: QuantParams,
        *,
        stride: Pair | None = None,
        padding: Padding = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        threads: int | None = 1,
        isa: str | None = None,
    ) -> None:
        options = {"threads": threads, "isa": isa}
        super().__init__(
            "average", x_shape, kernel, (x, out), stride, padding, ceil_mode, count_include_pad, options
        )


class GlobalAvgPool2dInt8(_Pool2dInt8):
    """The mean of each channel of NHWC images: (N, H, W, C) to (N, 1, 1, C)."""

    __slots__ = ()

    def __init__(
        self,
        x_shape: Sequence[int],
        x: QuantParams,
        out: QuantParams,
        *,
        threads: int | None = 1,
        isa: str | None = None,
    ) -> None:
        super().__init__(
            "average", x_shape, None, (x, out), None, 0, False, False, {"threads": threads, "isa": isa}
        )


def quantize(x: ArrayLike, params: QuantParams) -> Bytes:
    """Return real numbers as 8-bit integers; see `Quantize`."""
    values = usable("x", x)
    return Quantize(values.shape, params)(values)  # type: ignore[no-any-return]


def dequantize(q: ArrayLike, params: QuantParams) -> NDArray[np.float32]:
    """Return what 8-bit integers stand for; see `Dequantize`."""
    values = _as_bytes(q, params)
    return Dequantize(values.shape, params)(values)  # type: ignore[no-any-return]


def requantize(q: ArrayLike, params: QuantParams, out: QuantParams) -> Bytes:
    """Return 8-bit integers that stand for the same numbers as `out` has it; see `Requantize`."""
    values = _as_bytes(q, params)
    return Requantize(values.shape, params, out)(values)  # type: ignore[no-any-return]


def _as_bytes(q: ArrayLike, params: QuantParams) -> Bytes:
    array = np.asarray(q)
    if array.dtype != params.dtype:
        raise KernelError(f"q must be of {params.dtype}, not {array.dtype}")
    return np.require(array, requirements=["C", "A"])
