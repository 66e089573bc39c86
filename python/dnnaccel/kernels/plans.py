"""Plans: an operator of one shape with its weights packed once, to be called often."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dnnaccel import _core
from dnnaccel.errors import KernelError, unknown_name

__all__ = ["Conv2d", "Linear", "conv2d", "empty", "linear"]

Floats: TypeAlias = NDArray[np.float32]
Pair: TypeAlias = int | tuple[int, int]
Padding: TypeAlias = int | tuple[int, int] | tuple[tuple[int, int], tuple[int, int]]
Activation: TypeAlias = str | tuple[float, float] | None

_INFINITY = float("inf")
_LINE = 64
"""Bytes in a cache line."""
_ACTIVATIONS = {"relu": (0.0, _INFINITY), "relu6": (0.0, 6.0)}
_ALGORITHMS = {"auto": "", "gemm": "gemm", "depthwise": "depthwise", "grouped": "grouped"}
_LAYOUTS = ("NHWC", "NCHW")


def empty(shape: Sequence[int]) -> Floats:
    """Return an array that begins at a cache line, which NumPy's need not: kernels read such arrays faster.

    Its values are not set.

    Examples
    --------
    >>> empty((1, 8, 8, 16)).ctypes.data % 64
    0
    """
    shape = _whole("shape", shape)
    if any(size < 0 for size in shape):
        raise KernelError(f"shape must be of numbers from 0, not {shape}")
    count = math.prod(shape)
    memory = np.empty(count + _LINE // 4, np.float32)
    start = -memory.ctypes.data % _LINE // 4
    return memory[start : start + count].reshape(shape)


class _Plan:
    """What all plans share: they are called with an array and write into one."""

    __slots__ = ("_core", "_run", "_what", "out_shape", "x_shape")

    x_shape: tuple[int, ...]
    out_shape: tuple[int, ...]

    def __init__(self, core: _core.KernelPlan, x_shape: tuple[int, ...], what: str) -> None:
        self._core = core
        self._run = core.run
        self._what = what
        self.x_shape = x_shape
        self.out_shape = tuple(core.output)

    def __call__(self, x: Floats, out: Floats | None = None, *, residual: Floats | None = None) -> Floats:
        """Return the outputs for `x`, written into `out` if that is given.

        All arrays are float32, contiguous and of the plan's shapes; none is copied. `residual`, which may be
        `out` itself, is added before the activation. Raises `KernelError` for an array that does not fit.
        """
        if out is None:
            out = empty(self.out_shape)
        try:
            self._run(x, residual, out)
        except ValueError as error:
            raise KernelError(f"{type(self).__name__}: {error}") from None
        except TypeError:
            given = [type(value).__name__ for value in (x, residual, out) if value is not None]
            raise KernelError(
                f"{type(self).__name__}: takes NumPy arrays, given {', '.join(given)}"
            ) from None
        return out

    @property
    def isa(self) -> str:
        """The kernels that it runs: one of `isa_names()`."""
        return self._core.isa

    @property
    def algorithm(self) -> str:
        """How it is computed: "gemm", "depthwise" or "grouped"."""
        return self._core.algorithm

    @property
    def threads(self) -> int:
        """How many threads it may use."""
        return self._core.threads

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one call; those with padding are left out."""
        return self._core.macs

    @property
    def packed_bytes(self) -> int:
        """Bytes of its weights and biases as it keeps them."""
        return self._core.packed_bytes

    def __repr__(self) -> str:
        threads = f"{self.threads} thread" + "s" * (self.threads != 1)
        return f"{type(self).__name__}({self._what}; {self.algorithm} on {self.isa}, {threads})"


class Conv2d(_Plan):
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
        "relu", "relu6", or (low, high) to clamp to. A NaN stays one.
    threads
        How many threads a call may use; None: what `num_threads` says. Results are the same bits.
    algorithm
        "auto", "gemm" (an implicit product of matrices), "depthwise", where each channel has a kernel of its
        own, or "grouped", for groups of 2, 4 or 8 channels with as many outputs each.
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
        layout: str = "NHWC",
        isa: str | None = None,
    ) -> None:
        if algorithm not in _ALGORITHMS:
            raise unknown_name("algorithm", algorithm, _ALGORITHMS)
        if layout not in _LAYOUTS:
            raise unknown_name("layout", layout, _LAYOUTS)
        shape = _whole("x_shape", x_shape)
        if len(shape) != 4:
            raise KernelError(f"Conv2d: x_shape must have four axes, not {shape}")
        weights = _floats("w", w)
        try:
            core = _core.KernelPlan(
                input=shape,
                weights=weights,
                bias=None if b is None else _floats("b", b),
                stride=_pair("stride", stride),
                padding=_four("padding", padding),
                dilation=_pair("dilation", dilation),
                groups=_whole("groups", (groups,))[0],
                nchw=layout == "NCHW",
                algorithm=_ALGORITHMS[algorithm],
                threads=_threads(threads),
                isa=isa or "",
                clamp=_clamp(activation),
            )
        except ValueError as error:
            raise KernelError(f"Conv2d: {error}") from None
        what = f"{shape} -> {tuple(core.output)}, {weights.shape[2]}x{weights.shape[3]}"
        for name, value, usual in (
            ("stride", stride, 1),
            ("padding", padding, 0),
            ("dilation", dilation, 1),
            ("groups", groups, 1),
        ):
            if value != usual:
                what += f", {name} {value}"
        what += _shown(activation) + ", NCHW" * (layout == "NCHW")
        super().__init__(core, shape, what)


class Linear(_Plan):
    """A product with a matrix: ``y[..., m] = sum over k of x[..., k] * w[m, k] + b[m]``.

    Parameters
    ----------
    x_shape
        Shape of the inputs: (..., values).
    w
        Weights: (outputs, values). They are copied.
    b
        Bias: one value for each output.
    activation, threads, isa
        As `Conv2d` has them.

    Examples
    --------
    >>> import numpy as np
    >>> plan = Linear((2, 3), np.eye(3, dtype=np.float32), activation="relu", isa="portable")
    >>> plan
    Linear((2, 3) -> (2, 3), relu; gemm on portable, 1 thread)
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
        isa: str | None = None,
    ) -> None:
        shape = _whole("x_shape", x_shape)
        try:
            core = _core.linear_plan(
                input=shape,
                weights=_floats("w", w),
                bias=None if b is None else _floats("b", b),
                threads=_threads(threads),
                isa=isa or "",
                clamp=_clamp(activation),
            )
        except ValueError as error:
            raise KernelError(f"Linear: {error}") from None
        super().__init__(core, shape, f"{shape} -> {tuple(core.output)}{_shown(activation)}")


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
    values = _usable("x", x)
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
    return plan(values, residual=None if residual is None else _usable("residual", residual))


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
    values = _usable("x", x)
    plan = Linear(values.shape, w, b, activation=activation, threads=threads, isa=isa)
    return plan(values, residual=None if residual is None else _usable("residual", residual))


def _floats(name: str, values: ArrayLike) -> Floats:
    array = np.asarray(values)
    if array.dtype.kind not in "fiub":
        raise KernelError(f"{name} must be of real numbers, not {array.dtype}")
    return array.astype(np.float32, copy=False)


def _usable(name: str, values: ArrayLike) -> Floats:
    return np.require(_floats(name, values), requirements=["C", "A"])


def _whole(name: str, values: Any) -> tuple[int, ...]:
    try:
        whole = tuple(operator.index(value) for value in values)
    except TypeError:
        raise KernelError(f"{name} must be of whole numbers, not {values!r}") from None
    if any(abs(value) >= 2**63 for value in whole):
        raise KernelError(f"{name} must be of numbers below 2**63, not {values!r}")
    return whole


def _pair(name: str, value: Any) -> tuple[int, int]:
    both = _whole(name, value if isinstance(value, (tuple, list)) else (value, value))
    if len(both) != 2:
        raise KernelError(f"{name} must be one number or one for each of height and width, not {value!r}")
    return both[0], both[1]


def _four(name: str, value: Any) -> tuple[int, int, int, int]:
    if isinstance(value, (tuple, list)) and value and isinstance(value[0], (tuple, list)):
        if len(value) != 2:
            raise KernelError(f"{name} must be ((top, bottom), (left, right)), not {value!r}")
        return (*_pair(name, value[0]), *_pair(name, value[1]))
    height, width = _pair(name, value)
    return height, height, width, width


def _threads(threads: int | None) -> int:
    if threads is None:
        return 0
    (count,) = _whole("threads", (threads,))
    if not 1 <= count <= 1024:
        raise KernelError(f"threads must be from 1 to 1024 or None, not {threads}")
    return count


def _clamp(activation: Activation) -> tuple[float, float]:
    if activation is None:
        return -_INFINITY, _INFINITY
    if isinstance(activation, str):
        if activation not in _ACTIVATIONS:
            raise unknown_name("activation", activation, _ACTIVATIONS)
        return _ACTIVATIONS[activation]
    try:
        low, high = (float(end) for end in activation)
    except (TypeError, ValueError):
        raise KernelError(f"activation must be a name or (low, high), not {activation!r}") from None
    return low, high


def _shown(activation: Activation) -> str:
    if activation is None:
        return ""
    return f", {activation}" if isinstance(activation, str) else f", clamped to {tuple(activation)}"
