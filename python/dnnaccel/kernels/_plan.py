"""What every plan is: an operator of given shapes, with its weights packed once, to be called often."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dnnaccel import _core
from dnnaccel.errors import KernelError, unknown_name

__all__ = [
    "Activation",
    "Floats",
    "OneInput",
    "Padding",
    "Pair",
    "Plan",
    "as_activation",
    "as_clamp",
    "as_factor",
    "as_floats",
    "as_four",
    "as_pair",
    "as_threads",
    "as_whole",
    "empty",
    "made",
    "shown",
    "sides_shown",
    "usable",
]

Floats: TypeAlias = NDArray[np.float32]
Activation: TypeAlias = str | tuple[float, float] | None
Pair: TypeAlias = int | tuple[int, int]
Padding: TypeAlias = int | tuple[int, int] | tuple[tuple[int, int], tuple[int, int]]

INFINITY = float("inf")
_LINE = 64
"""Bytes in a cache line."""
_ACTIVATIONS = {"relu": (0.0, INFINITY), "relu6": (0.0, 6.0)}
_FUNCTIONS = ("sigmoid", "tanh")


def empty(shape: Sequence[int]) -> Floats:
    """Return an array that begins at a cache line, which NumPy's need not: kernels read such arrays faster.

    Its values are not set.

    Examples
    --------
    >>> empty((1, 8, 8, 16)).ctypes.data % 64
    0
    """
    shape = as_whole("shape", shape)
    if any(size < 0 for size in shape):
        raise KernelError(f"shape must be of numbers from 0, not {shape}")
    count = math.prod(shape)
    memory = np.empty(count + _LINE // 4, np.float32)
    start = -memory.ctypes.data % _LINE // 4
    return memory[start : start + count].reshape(shape)


class Plan:
    """What all plans share: they are called with arrays and write into one.

    A kind of plan makes a `_core.Operator` and says in a few words what it is of.
    """

    __slots__ = ("_core", "_run", "_what", "out_shape", "x_shape")

    x_shape: tuple[int, ...]
    out_shape: tuple[int, ...]

    def __init__(self, core: _core.Operator, what: str) -> None:
        self._core = core
        self._run = core.run
        self._what = what
        self.x_shape = tuple(core.inputs[0])
        self.out_shape = tuple(core.outputs[0])

    def _call(self, inputs: tuple[Any, ...], out: Any) -> Any:
        """Run the operator on arrays; `out` None: on a new one of float32."""
        if out is None:
            out = empty(self.out_shape)
        self._compute(inputs, (out,))
        return out

    def _compute(self, inputs: tuple[Any, ...], outputs: tuple[Any, ...]) -> None:
        """Run the operator on arrays, or None for those that it can do without."""
        try:
            self._run(inputs, outputs)
        except ValueError as error:
            raise KernelError(f"{type(self).__name__}: {error}") from None
        except TypeError:
            given = [type(value).__name__ for value in (*inputs, *outputs) if value is not None]
            raise KernelError(
                f"{type(self).__name__}: takes NumPy arrays, given {', '.join(given)}"
            ) from None

    @property
    def operator(self) -> _core.Operator:
        """What it runs, as the runtime's programs take it."""
        return self._core

    @property
    def isa(self) -> str:
        """The kernels that it runs: one of `isa_names()`."""
        return self._core.isa

    @property
    def algorithm(self) -> str:
        """How it is computed, as "gemm" or "depthwise"."""
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


class OneInput(Plan):
    """A plan that is called with one array."""

    __slots__ = ()

    def __call__(self, x: Floats, out: Floats | None = None) -> Floats:
        """Return the outputs for `x`, written into `out` if that is given.

        The arrays are float32, contiguous and of the plan's shapes; none is copied. Raises `KernelError` for
        an array that does not fit.
        """
        return self._call((x,), out)  # type: ignore[no-any-return]


def made(
    who: str, factory: Callable[..., _core.Operator], *, threads: int | None, isa: str | None, **given: Any
) -> _core.Operator:
    """Return the operator that a factory of the core makes, or say who could not be made and why."""
    try:
        return factory(threads=as_threads(threads), isa=isa or "", **given)
    except ValueError as error:
        raise KernelError(f"{who}: {error}") from None


def as_floats(name: str, values: ArrayLike) -> Floats:
    array = np.asarray(values)
    if array.dtype.kind not in "fiub":
        raise KernelError(f"{name} must be of real numbers, not {array.dtype}")
    return array.astype(np.float32, copy=False)


def usable(name: str, values: ArrayLike) -> Floats:
    return np.require(as_floats(name, values), requirements=["C", "A"])


def as_whole(name: str, values: Any) -> tuple[int, ...]:
    try:
        whole = tuple(operator.index(value) for value in values)
    except TypeError:
        raise KernelError(f"{name} must be of whole numbers, not {values!r}") from None
    if any(abs(value) >= 2**63 for value in whole):
        raise KernelError(f"{name} must be of numbers below 2**63, not {values!r}")
    return whole


def as_pair(name: str, value: Any) -> tuple[int, int]:
    both = as_whole(name, value if isinstance(value, (tuple, list)) else (value, value))
    if len(both) != 2:
        raise KernelError(f"{name} must be one number or one for each of height and width, not {value!r}")
    return both[0], both[1]


def as_four(name: str, value: Any) -> tuple[int, int, int, int]:
    if isinstance(value, (tuple, list)) and value and isinstance(value[0], (tuple, list)):
        if len(value) != 2:
            raise KernelError(f"{name} must be ((top, bottom), (left, right)), not {value!r}")
        return (*as_pair(name, value[0]), *as_pair(name, value[1]))
    height, width = as_pair(name, value)
    return height, height, width, width


def as_threads(threads: int | None) -> int:
    if threads is None:
        return 0
    (count,) = as_whole("threads", (threads,))
    if not 1 <= count <= 1024:
        raise KernelError(f"threads must be from 1 to 1024 or None, not {threads}")
    return count


def as_factor(name: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise KernelError(f"{name} must be a number, not {value!r}") from None


def as_clamp(activation: Activation) -> tuple[float, float]:
    if activation is None:
        return -INFINITY, INFINITY
    if isinstance(activation, str):
        if activation not in _ACTIVATIONS:
            raise unknown_name("activation", activation, _ACTIVATIONS)
        return _ACTIVATIONS[activation]
    try:
        low, high = (float(end) for end in activation)
    except (TypeError, ValueError):
        raise KernelError(f"activation must be a name or (low, high), not {activation!r}") from None
    return low, high


def as_activation(activation: Activation) -> tuple[tuple[float, float], str]:
    """Return what to clamp to, and the function that follows, "" for none."""
    if isinstance(activation, str) and activation not in _ACTIVATIONS:
        if activation not in _FUNCTIONS:
            raise unknown_name("activation", activation, (*_ACTIVATIONS, *_FUNCTIONS))
        return as_clamp(None), activation
    return as_clamp(activation), ""


def shown(activation: Activation) -> str:
    if activation is None:
        return ""
    return f", {activation}" if isinstance(activation, str) else f", clamped to {tuple(activation)}"


def sides_shown(stride: Pair, padding: Padding, dilation: Pair, groups: int) -> str:
    """Return what of a convolution's sides is not as usual, as a plan's repr has it."""
    usual = (("stride", stride, 1), ("padding", padding, 0), ("dilation", dilation, 1), ("groups", groups, 1))
    return "".join(f", {name} {value}" for name, value, least in usual if value != least)
