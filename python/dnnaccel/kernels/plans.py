"""Convolutions and products with a matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from numpy.typing import ArrayLike

from dnnaccel import _core
from dnnaccel.errors import KernelError, unknown_name
from dnnaccel.kernels import winograd
from dnnaccel.kernels._plan import (
    Activation,
    Floats,
    Padding,
    Pair,
    Plan,
    as_activation,
    as_floats,
    as_four,
    as_pair,
    as_threads,
    as_whole,
    shown,
    sides_shown,
    usable,
)
from dnnaccel.kernels.tiling import Tiling, TilingLike

__all__ = ["Conv2d", "Linear", "conv2d", "linear"]

_ALGORITHMS = {
    "auto": "",
    "gemm": "gemm",
    "depthwise": "depthwise",
    "grouped": "grouped",
    "winograd": "winograd",
}
_LAYOUTS = ("NHWC", "NCHW")


class _Common(TypedDict):
    """What all makers of convolutions take."""

    input: Sequence[int]
    weights: Floats
    bias: Floats | None
    stride: tuple[int, int]
    padding: tuple[int, int, int, int]
    dilation: tuple[int, int]
    groups: int
    threads: int
    isa: str
    clamp: tuple[float, float]
    activation: str


class _Product(Plan):
    """What convolutions and products with a matrix share."""

    __slots__ = ()

    def __call__(self, x: Floats, out: Floats | None = None, *, residual: Floats | None = None) -> Floats:
        """Return the outputs for `x`, written into `out` if that is given.

        All arrays are float32, contiguous and of the plan's shapes; none is copied. `residual`, which may be
        `out` itself, is added before the activation. Raises `KernelError` for an array that does not fit.
        """
        return self._call((x, residual), out)  # type: ignore[no-any-return]


class Conv2d(_Product):
    """A convolution of one shape.

    Parameters
    ----------
    x_shape
        Shape of the inputs: (batch, height, width, channels), or (batch, channels, height, width) with
        ``layout="NCHW"``.
    w
        Weights: (output channels, channels / groups, kernel height, kernel width). They are copied.
    b
        Bias: one value for each output channel.
    stride, dilation
        One number, or one for each of height and width.
    padding
        One number, one for each of height and width, or ((top, bottom), (left, right)). Padding is skipped,
        not multiplied: an infinite weight gives no NaN there.
    groups
        Channels and output channels are cut into this many; each part of the outputs sees one of the inputs.
    activation
        "relu", "relu6", "sigmoid", "tanh", or (low, high) to clamp to. A NaN stays one.
    threads
        How many threads a call may use; None: what `num_threads` says. Results are the same bits.
    algorithm
        "auto", "gemm" (an implicit product of matrices), "depthwise", where each channel has a kernel of its
        own, "grouped", for groups of 2, 4 or 8 channels with as many outputs each, or "winograd", for kernels
        of 3x3 with stride and dilation 1 and one group: faster and less exact, see `error_bound`.
    error_bound
        The error, relative to the largest output, that "auto" may trade for speed: it takes "winograd" where
        that pays, if the bound is at least `winograd_error` of the channels. None, the default: never.
    tiling
        A loop nest to run instead of the library's own: a `dnnaccel.Mapping`, or tile sizes level by level;
        see `Tiling`. For "NHWC" and the algorithm "auto" alone.
    layout
        "NHWC", or "NCHW", which is transposed on the way in and out.
    isa
        One of `isa_names()`; None: the best, or what the environment variable DNNACCEL_ISA says.

    Examples
    --------
    >>> import numpy as np
    >>> w = np.ones((8, 3, 3, 3), np.float32)
    >>> plan = Conv2d((1, 5, 5, 3), w, padding=1, isa="portable")
    >>> plan
    Conv2d((1, 5, 5, 3) -> (1, 5, 5, 8), 3x3, padding 1; gemm on portable, 1 thread)
    >>> plan(np.ones((1, 5, 5, 3), np.float32))[0, :, :, 0]
    array([[12., 18., 18., 18., 12.],
           [18., 27., 27., 27., 18.],
           [18., 27., 27., 27., 18.],
           [18., 27., 27., 27., 18.],
           [12., 18., 18., 18., 12.]], dtype=float32)
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
        algorithm: str = "auto",
        error_bound: float | None = None,
        tiling: TilingLike | None = None,
        layout: str = "NHWC",
        isa: str | None = None,
    ) -> None:
        if algorithm not in _ALGORITHMS:
            raise unknown_name("algorithm", algorithm, _ALGORITHMS)
        if layout not in _LAYOUTS:
            raise unknown_name("layout", layout, _LAYOUTS)
        shape = as_whole("x_shape", x_shape)
        if len(shape) != 4:
            raise KernelError(f"Conv2d: x_shape must have four axes, not {shape}")
        weights = as_floats("w", w)
        clamp, function = as_activation(activation)
        try:
            common = _Common(
                input=shape,
                weights=weights,
                bias=None if b is None else as_floats("b", b),
                stride=as_pair("stride", stride),
                padding=as_four("padding", padding),
                dilation=as_pair("dilation", dilation),
                groups=as_whole("groups", (groups,))[0],
                threads=as_threads(threads),
                isa=isa or "",
                clamp=clamp,
                activation=function,
            )
            if algorithm == "auto" and layout == "NHWC" and tiling is None:
                algorithm = _choose(common, error_bound)
            core = _make(common, layout, algorithm, tiling)
        except ValueError as error:
            raise KernelError(f"Conv2d: {error}") from None
        what = f"{shape} -> {tuple(core.outputs[0])}, {weights.shape[2]}x{weights.shape[3]}"
        what += sides_shown(stride, padding, dilation, groups)
        what += shown(activation) + ", NCHW" * (layout == "NCHW")
        super().__init__(core, what)


class Linear(_Product):
    """A product with a matrix: ``y[..., m] = sum over k of x[..., k] * w[m, k] + b[m]``.

    Parameters
    ----------
    x_shape
        Shape of the inputs: (..., values).
    w
        Weights: (outputs, values). They are copied.
    b
        Bias: one value for each output.
    activation, threads, tiling, isa
        As `Conv2d` has them; a nest's N are the vectors, M the outputs, C the values.

    Examples
    --------
    >>> import numpy as np
    >>> plan = Linear((2, 3), np.eye(3, dtype=np.float32), activation="relu", isa="portable")
    >>> plan
    Linear((2, 3) -> (2, 3), relu; gemv on portable, 1 thread)
    >>> plan(np.array([[1, -2, 3], [-4, 5, 6]], np.float32))
    array([[1., 0., 3.],
           [0., 5., 6.]], dtype=float32)
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
        tiling: TilingLike | None = None,
        isa: str | None = None,
    ) -> None:
        shape = as_whole("x_shape", x_shape)
        clamp, function = as_activation(activation)
        try:
            weights = as_floats("w", w)
            bias = None if b is None else as_floats("b", b)
            count, name = as_threads(threads), isa or ""
            if tiling is None:
                core = _core.linear_operator(
                    input=shape,
                    weights=weights,
                    bias=bias,
                    threads=count,
                    isa=name,
                    clamp=clamp,
                    activation=function,
                )
            else:
                core = _core.tiled_linear_operator(
                    input=shape,
                    weights=weights,
                    bias=bias,
                    loops=Tiling.of(tiling).loops,
                    threads=count,
                    isa=name,
                    clamp=clamp,
                    activation=function,
                )
        except ValueError as error:
            raise KernelError(f"Linear: {error}") from None
        super().__init__(core, f"{shape} -> {tuple(core.outputs[0])}{shown(activation)}")


def conv2d(
    x: ArrayLike,
    w: ArrayLike,
    b: ArrayLike | None = None,
    *,
    residual: ArrayLike | None = None,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
    activation: Activation = None,
    threads: int | None = 1,
    algorithm: str = "auto",
    layout: str = "NHWC",
    isa: str | None = None,
) -> Floats:
    """Return a convolution in one call; see `Conv2d`, which packs the weights once for many.

    `x` and `residual` may be of any real type and any order in memory: what does not fit is copied.
    """
    values = usable("x", x)
    plan = Conv2d(
        values.shape,
        w,
        b,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        activation=activation,
        threads=threads,
        algorithm=algorithm,
        layout=layout,
        isa=isa,
    )
    return plan(values, residual=None if residual is None else usable("residual", residual))


def linear(
    x: ArrayLike,
    w: ArrayLike,
    b: ArrayLike | None = None,
    *,
    residual: ArrayLike | None = None,
    activation: Activation = None,
    threads: int | None = 1,
    isa: str | None = None,
) -> Floats:
    """Return a product with a matrix in one call; see `Linear`, which packs the weights once for many.

    `x` and `residual` may be of any real type and any order in memory: what does not fit is copied.
    """
    values = usable("x", x)
    plan = Linear(values.shape, w, b, activation=activation, threads=threads, isa=isa)
    return plan(values, residual=None if residual is None else usable("residual", residual))


def _choose(common: _Common, error_bound: float | None) -> str:
    """Return "winograd" where that pays and its error is accepted, else "auto"."""
    _, height, width, channels = common["input"]
    if not winograd.accepted(error_bound, channels):
        return "auto"
    top, bottom, left, right = common["padding"]
    pays = winograd.pays(
        common["weights"].shape,
        stride=common["stride"],
        dilation=common["dilation"],
        groups=common["groups"],
        out_pixels=(height + top + bottom - 2) * (width + left + right - 2),
    )
    return "winograd" if pays else "auto"


def _make(common: _Common, layout: str, algorithm: str, tiling: TilingLike | None) -> _core.Operator:
    if tiling is not None:
        if (layout, algorithm) != ("NHWC", "auto"):
            raise KernelError('tiling is for layout="NHWC" and algorithm="auto"')
        return _core.tiled_operator(**common, loops=Tiling.of(tiling).loops)
    if algorithm == "winograd":
        if layout != "NHWC":
            raise KernelError('the algorithm winograd is for layout="NHWC"')
        return _core.winograd_operator(**common)
    return _core.conv_operator(**common, nchw=layout == "NCHW", algorithm=_ALGORITHMS[algorithm])
