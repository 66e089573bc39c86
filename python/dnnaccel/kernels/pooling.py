"""Poolings over windows and over whole images, in NHWC order."""

from __future__ import annotations

from collections.abc import Sequence

from numpy.typing import ArrayLike

from dnnaccel import _core
from dnnaccel.errors import KernelError
from dnnaccel.kernels._plan import (
    Floats,
    OneInput,
    Padding,
    Pair,
    as_four,
    as_pair,
    as_whole,
    made,
    usable,
)

__all__ = ["AvgPool2d", "GlobalAvgPool2d", "GlobalMaxPool2d", "MaxPool2d", "avg_pool2d", "max_pool2d"]


class _Pool2d(OneInput):
    """What poolings over windows share."""

    __slots__ = ()

    def __init__(
        self,
        kind: str,
        x_shape: Sequence[int],
        kernel: Pair,
        stride: Pair | None,
        padding: Padding,
        ceil_mode: bool,
        count_include_pad: bool,
        threads: int | None,
        isa: str | None,
    ) -> None:
        name = type(self).__name__
        shape = as_whole("x_shape", x_shape)
        if len(shape) != 4:
            raise KernelError(f"{name}: x_shape must have four axes, not {shape}")
        window = as_pair("kernel", kernel)
        step = window if stride is None else as_pair("stride", stride)
        sides = as_four("padding", padding)
        output = [
            count_windows(name, shape[1 + i], window[i], step[i], sides[2 * i : 2 * i + 2], ceil_mode)
            for i in range(2)
        ]
        core = made(
            name,
            _core.pool_operator,
            kind=kind,
            input=shape,
            window=window,
            stride=step,
            padding=sides,
            output=output,
            count_include_pad=count_include_pad,
            threads=threads,
            isa=isa,
        )
        what = f"{shape} -> {tuple(core.outputs[0])}, {window[0]}x{window[1]}"
        for label, value, usual in (("stride", stride, None), ("padding", padding, 0)):
            if value != usual:
                what += f", {label} {value}"
        super().__init__(core, what + ", ceil_mode" * ceil_mode)


def count_windows(
    name: str, size: int, window: int, stride: int, padding: tuple[int, ...], ceil_mode: bool
) -> int:
    """Return how many windows there are along a side, as PyTorch counts them."""
    if min(window, stride) < 1 or min(padding) < 0:
        raise KernelError(f"{name}: kernel and stride must be from 1, padding from 0")
    room = size + sum(padding) - window
    if room < 0:
        raise KernelError(f"{name}: a window of {window} does not fit {size} values with padding {padding}")
    count = room // stride + 1
    # What the stride leaves over has a window too, but none that would start beyond the image.
    if ceil_mode and room % stride and count * stride < size + padding[0]:
        count += 1
    return count


class MaxPool2d(_Pool2d):
    """The largest of each window, NaN where there is one. Padding is never the largest.

    Parameters
    ----------
    x_shape
        Shape of the inputs: (batch, height, width, channels).
    kernel, stride
        One number, or one for each of height and width. The stride is the kernel unless given.
    padding
        One number, one for each of height and width, or ((top, bottom), (left, right)).
    ceil_mode
        What the stride leaves over gets a window too, by PyTorch's rule.
    threads, isa
        As `Conv2d` has them.

    Examples
    --------
    >>> import numpy as np
    >>> plan = MaxPool2d((1, 4, 4, 1), 2, isa="portable")
    >>> plan
    MaxPool2d((1, 4, 4, 1) -> (1, 2, 2, 1), 2x2; max on portable, 1 thread)
    >>> plan(np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1))[0, :, :, 0]
    array([[ 5.,  7.],
           [13., 15.]], dtype=float32)
    """

    __slots__ = ()

    def __init__(
        self,
        x_shape: Sequence[int],
        kernel: Pair,
        *,
        stride: Pair | None = None,
        padding: Padding = 0,
        ceil_mode: bool = False,
        threads: int | None = 1,
        isa: str | None = None,
    ) -> None:
        super().__init__("max", x_shape, kernel, stride, padding, ceil_mode, True, threads, isa)


class AvgPool2d(_Pool2d):
    """The mean of each window.

    `count_include_pad` says whether padding counts in the number that a sum is divided by; what a window of
    `ceil_mode` has beyond the padding never does. All else is as `MaxPool2d` has it.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
    >>> AvgPool2d(x.shape, 2)(x)[0, :, :, 0]
    array([[ 2.5,  4.5],
           [10.5, 12.5]], dtype=float32)
    """

    __slots__ = ()

    def __init__(
        self,
        x_shape: Sequence[int],
        kernel: Pair,
        *,
        stride: Pair | None = None,
        padding: Padding = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        threads: int | None = 1,
        isa: str | None = None,
    ) -> None:
        super().__init__(
            "average", x_shape, kernel, stride, padding, ceil_mode, count_include_pad, threads, isa
        )


class _GlobalPool2d(OneInput):
    """What poolings over whole images share."""

    __slots__ = ()
    _kind: str

    def __init__(self, x_shape: Sequence[int], *, threads: int | None = 1, isa: str | None = None) -> None:
        core = made(
            type(self).__name__,
            _core.global_pool_operator,
            kind=self._kind,
            input=as_whole("x_shape", x_shape),
            threads=threads,
            isa=isa,
        )
        super().__init__(core, f"{tuple(core.inputs[0])} -> {tuple(core.outputs[0])}")


class GlobalAvgPool2d(_GlobalPool2d):
    """The mean of each channel of NHWC images: (N, H, W, C) to (N, 1, 1, C).

    Examples
    --------
    >>> import numpy as np
    >>> plan = GlobalAvgPool2d((1, 7, 7, 2), isa="portable")
    >>> plan
    GlobalAvgPool2d((1, 7, 7, 2) -> (1, 1, 1, 2); average on portable, 1 thread)
    >>> plan(np.full((1, 7, 7, 2), 3, np.float32)).ravel()
    array([3., 3.], dtype=float32)
    """

    __slots__ = ()
    _kind = "average"


class GlobalMaxPool2d(_GlobalPool2d):
    """The largest value of each channel of NHWC images: (N, H, W, C) to (N, 1, 1, C)."""

    __slots__ = ()
    _kind = "max"


def max_pool2d(
    x: ArrayLike,
    kernel: Pair,
    *,
    stride: Pair | None = None,
    padding: Padding = 0,
    ceil_mode: bool = False,
    threads: int | None = 1,
    isa: str | None = None,
) -> Floats:
    """Return the largest of each window of NHWC images in one call; see `MaxPool2d`."""
    values = usable("x", x)
    return MaxPool2d(
        values.shape,
        kernel,
        stride=stride,
        padding=padding,
        ceil_mode=ceil_mode,
        threads=threads,
        isa=isa,
    )(values)


def avg_pool2d(
    x: ArrayLike,
    kernel: Pair,
    *,
    stride: Pair | None = None,
    padding: Padding = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    threads: int | None = 1,
    isa: str | None = None,
) -> Floats:
    """Return the mean of each window of NHWC images in one call; see `AvgPool2d`."""
    values = usable("x", x)
    return AvgPool2d(
        values.shape,
        kernel,
        stride=stride,
        padding=padding,
        ceil_mode=ceil_mode,
        count_include_pad=count_include_pad,
        threads=threads,
        isa=isa,
    )(values)
