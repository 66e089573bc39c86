"""Functions of one element at a time, and sums and products of tensors."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from dnnaccel.layers._base import Layer, Shape

__all__ = ["GELU", "Add", "BatchNorm", "Multiply", "ReLU", "ReLU6", "Scale", "Sigmoid", "Tanh"]


class _Elementwise(Layer):
    """A function of one element at a time, with one input."""

    __slots__ = ()

    fusable: ClassVar[bool] = True

    def _infer(self, shapes: tuple[Shape, ...]) -> Shape:
        return shapes[0]

    @property
    def ops(self) -> int:
        """One operation per element."""
        return math.prod(self.output_shape)


class ReLU(_Elementwise):
    """max(x, 0). Vector operations: one comparison per element."""

    __slots__ = ()

    kind: ClassVar[str] = "relu"


class ReLU6(_Elementwise):
    """min(max(x, 0), 6). Vector operations: two comparisons per element."""

    __slots__ = ()

    kind: ClassVar[str] = "relu6"

    @property
    def ops(self) -> int:
        """Two comparisons per element."""
        return 2 * math.prod(self.output_shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class GELU(_Elementwise):
    """x * Phi(x), Phi the normal distribution's; one table look-up and one multiplication per element.

    `approximate` "tanh" is x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 * x^3))) (Hendrycks and Gimpel 2016),
    as GPT-2 has it; it changes values, not work.
    """

    kind: ClassVar[str] = "gelu"

    approximate: str = "none"

    def _fill_in(self) -> None:
        if self.approximate not in ("none", "tanh"):
            raise self._error(f'approximate must be "none" or "tanh", given {self.approximate!r}')

    @property
    def ops(self) -> int:
        """One evaluation and one multiplication per element."""
        return 2 * math.prod(self.output_shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale(_Elementwise):
    """A constant times x, as on the residuals of Inception-ResNet. One multiplication per element."""

    kind: ClassVar[str] = "scale"

    factor: float = 1.0

    def _fill_in(self) -> None:
        self._read_number("factor")


class Sigmoid(_Elementwise):
    """1 / (1 + exp(-x)). Vector operations: one evaluation per element, as by a table."""

    __slots__ = ()

    kind: ClassVar[str] = "sigmoid"


class Tanh(_Elementwise):
    """tanh(x). Vector operations: one evaluation per element, as by a table."""

    __slots__ = ()

    kind: ClassVar[str] = "tanh"


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchNorm(_Elementwise):
    """Batch normalisation at inference: scale * x + shift, per channel (axis 1).

    Mean and variance are constants by then and are folded into scale and shift: two parameters per channel
    (running statistics are not counted, as they are not learned). `epsilon` is added to the variance. Vector
    operations: one multiplication and one addition per element.
    """

    kind: ClassVar[str] = "batch_norm"

    epsilon: float = 1e-5

    def _fill_in(self) -> None:
        self._read_number("epsilon", 0)

    @property
    def parameters(self) -> int:
        """Scale and shift of every channel."""
        return 2 * self._shapes()[0][1]

    @property
    def ops(self) -> int:
        """One multiplication and one addition per element."""
        return 2 * math.prod(self.output_shape)


class Add(Layer):
    """The elementwise sum of two inputs or more, all of one shape.

    Vector operations: n inputs take n - 1 additions per element.
    """

    __slots__ = ()

    kind: ClassVar[str] = "add"
    _arity: ClassVar[int | None] = None

    def _infer(self, shapes: tuple[Shape, ...]) -> Shape:
        for shape in shapes[1:]:
            if shape != shapes[0]:
                raise self._error(f"cannot add {shape} to {shapes[0]}; all inputs must have one shape")
        return shapes[0]

    @property
    def ops(self) -> int:
        """Additions: inputs less one, per element."""
        return (len(self._shapes()) - 1) * math.prod(self.output_shape)


class Multiply(Add):
    """The elementwise product of two inputs or more, all of one shape.

    Vector operations: n inputs take n - 1 multiplications per element.
    """

    __slots__ = ()

    kind: ClassVar[str] = "multiply"
