"""Functions of one value at a time, and sums and products of tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from dnnaccel import _core
from dnnaccel.errors import KernelError, unknown_name
from dnnaccel.kernels._plan import (
    Activation,
    Floats,
    OneInput,
    Plan,
    as_clamp,
    as_floats,
    as_whole,
    made,
    shown,
    usable,
)

__all__ = ["GELU", "Add", "BatchNorm", "Clamp", "Multiply", "Scale", "Sigmoid", "Tanh", "gelu"]

_GELU = {"none": "gelu", "tanh": "gelu_tanh"}


class _Unary(OneInput):
    """A function of each value; `out` may be `x` itself."""

    __slots__ = ()

    def __init__(
        self,
        function: str,
        x_shape: Sequence[int],
        threads: int | None,
        isa: str | None,
        what: str = "",
        **given: Any,
    ) -> None:
        shape = as_whole("x_shape", x_shape)
        core = made(
            type(self).__name__,
            _core.unary_operator,
            function=function,
            input=shape,
            threads=threads,
            isa=isa,
            **given,
        )
        super().__init__(core, f"{shape}{what}")


class Clamp(_Unary):
    """Each value made no smaller than `low` and no larger than `high`; a NaN stays one.

    Examples
    --------
    >>> import numpy as np
    >>> Clamp((4,), 0, 6)(np.array([-1, 2, 7, np.nan], np.float32))
    array([ 0.,  2.,  6., nan], dtype=float32)
    """

    __slots__ = ()

    def __init__(
        self,
        x_shape: Sequence[int],
        low: float,
        high: float,
        *,
        threads: int | None = 1,
        isa: str | None = None,
    ) -> None:
        super().__init__("clamp", x_shape, threads, isa, f", {low} to {high}", clamp=as_clamp((low, high)))


class Sigmoid(_Unary):
    """1 / (1 + exp(-x)).

    Examples
    --------
    >>> import numpy as np
    >>> Sigmoid((3,))(np.array([-np.inf, 0, np.inf], np.float32))
    array([0. , 0.5, 1. ], dtype=float32)
    """

    __slots__ = ()

    def __init__(self, x_shape: Sequence[int], *, threads: int | None = 1, isa: str | None = None) -> None:
        super().__init__("sigmoid", x_shape, threads, isa)


class Tanh(_Unary):
    """The hyperbolic tangent."""

    __slots__ = ()

    def __init__(self, x_shape: Sequence[int], *, threads: int | None = 1, isa: str | None = None) -> None:
        super().__init__("tanh", x_shape, threads, isa)


class GELU(_Unary):
    """The value times the normal distribution's function there, or its approximation by "tanh".

    Examples
    --------
    >>> import numpy as np
    >>> plan = GELU((2, 3), approximate="tanh", isa="portable")
    >>> plan
    GELU((2, 3); gelu_tanh on portable, 1 thread)
    >>> plan(np.zeros((2, 3), np.float32))
    array([[0., 0., 0.],
           [0., 0., 0.]], dtype=float32)
    """

    __slots__ = ()

    def __init__(
        self,
        x_shape: Sequence[int],
        *,
        approximate: str = "none",
        threads: int | None = 1,
        isa: str | None = None,
    ) -> None:
        if approximate not in _GELU:
            raise unknown_name("approximate", approximate, _GELU)
        super().__init__(_GELU[approximate], x_shape, threads, isa)


class Scale(_Unary):
    """A constant times each value.

    Examples
    --------
    >>> import numpy as np
    >>> Scale((2,), 0.5)(np.array([1, 3], np.float32))
    array([0.5, 1.5], dtype=float32)
    """

    __slots__ = ()

    def __init__(
        self, x_shape: Sequence[int], factor: float, *, threads: int | None = 1, isa: str | None = None
    ) -> None:
        super().__init__("scale", x_shape, threads, isa, f", by {factor}", factor=factor)


class BatchNorm(OneInput):
    """Batch normalisation at inference, of the channels along the last axis.

    It computes ``weight * (x - mean) / sqrt(variance + epsilon) + bias``, folded into one multiplication and
    one addition. What is not given is left out: a mean of 0, a variance of 1 without epsilon.

    Examples
    --------
    >>> import numpy as np
    >>> plan = BatchNorm((1, 2), [2, 3], [1, 1], activation="relu", isa="portable")
    >>> plan
    BatchNorm((1, 2), relu; affine on portable, 1 thread)
    >>> plan(np.array([[4, -5]], np.float32))
    array([[9., 0.]], dtype=float32)
    """

    __slots__ = ()

    def __init__(
        self,
        x_shape: Sequence[int],
        weight: ArrayLike,
        bias: ArrayLike,
        mean: ArrayLike | None = None,
        variance: ArrayLike | None = None,
        *,
        epsilon: float = 1e-5,
        activation: Activation = None,
        threads: int | None = 1,
        isa: str | None = None,
    ) -> None:
        shape = as_whole("x_shape", x_shape)
        given = [("weight", weight), ("bias", bias), ("mean", mean), ("variance", variance)]
        values = {
            name: as_floats(name, value).astype(np.float64) for name, value in given if value is not None
        }
        for name, value in values.items():
            if value.shape != shape[-1:]:
                raise KernelError(f"BatchNorm: {name} must have one value a channel, not {value.shape}")
        scale = values["weight"]
        if variance is not None:
            scale = scale / np.sqrt(values["variance"] + epsilon)
        shift = values["bias"] - values.get("mean", np.zeros(1)) * scale
        core = made(
            "BatchNorm",
            _core.affine_operator,
            input=shape,
            scale=scale.astype(np.float32),
            shift=shift.astype(np.float32),
            clamp=as_clamp(activation),
            threads=threads,
            isa=isa,
        )
        super().__init__(core, f"{shape}{shown(activation)}")


class _Combination(Plan):
    """A sum or product of tensors of one shape."""

    __slots__ = ()
    _factory = staticmethod(_core.add_operator)

    def __init__(
        self,
        x_shape: Sequence[int],
        count: int = 2,
        *,
        activation: Activation = None,
        threads: int | None = 1,
        isa: str | None = None,
    ) -> None:
        shape = as_whole("x_shape", x_shape)
        core = made(
            type(self).__name__,
            self._factory,
            input=shape,
            count=as_whole("count", (count,))[0],
            clamp=as_clamp(activation),
            threads=threads,
            isa=isa,
        )
        super().__init__(core, f"{count} of {shape}{shown(activation)}")

    def __call__(self, *inputs: Floats, out: Floats | None = None) -> Floats:
        """Return what the inputs give, written into `out`, which may be one of them, if that is given."""
        return self._call(inputs, out)  # type: ignore[no-any-return]


class Add(_Combination):
    """The sum of `count` tensors of one shape, in their order.

    Examples
    --------
    >>> import numpy as np
    >>> plan = Add((3,), activation="relu", isa="portable")
    >>> plan
    Add(2 of (3,), relu; add on portable, 1 thread)
    >>> plan(np.array([1, 2, 3], np.float32), np.array([1, -4, 1], np.float32))
    array([2., 0., 4.], dtype=float32)
    """

    __slots__ = ()


class Multiply(_Combination):
    """The product of `count` tensors of one shape, value by value, in their order."""

    __slots__ = ()
    _factory = staticmethod(_core.multiply_operator)


def gelu(
    x: ArrayLike, *, approximate: str = "none", threads: int | None = 1, isa: str | None = None
) -> Floats:
    """Return the Gaussian error linear unit of each value in one call; see `GELU`."""
    values = usable("x", x)
    return GELU(values.shape, approximate=approximate, threads=threads, isa=isa)(values)
