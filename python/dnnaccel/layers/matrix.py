"""Matrix products: with learned weights, and of two activations."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from dnnaccel.layers._base import Layer, Shape
from dnnaccel.problem import Problem, convolution, matmul

__all__ = ["Linear", "MatMul"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear(Layer):
    """A fully connected layer on the last axis: (N, features) to (N, out_features).

    Further leading axes are folded into the batch: (N, L, features) is N * L vectors. `in_features` may be
    left out; it is then whatever the input has. An image (four axes) is only taken if `in_features` says that
    its last axis is meant, because a forgotten flatten would otherwise pass for a small layer.

    Its problem is a convolution in which all spatial sizes are 1.
    """

    kind: ClassVar[str] = "linear"

    out_features: int
    in_features: int | None = None
    bias: bool = True

    _integers: ClassVar[Mapping[str, int]] = {"out_features": 1}

    def _fill_in(self) -> None:
        if self.in_features is not None:
            self._set("in_features", self._integer("in_features", self.in_features, 1))

    def _infer(self, shapes: tuple[Shape, ...]) -> Shape:
        shape = shapes[0]
        if self.in_features is None and len(shape) > 3:
            raise self._error(
                f"takes (N, features), given {shape}; flatten it first, or give in_features={shape[-1]} "
                "if its last axis is meant"
            )
        if self.in_features not in (None, shape[-1]):
            raise self._error(
                f"takes {self.in_features} features, given {shape}; its last axis must be {self.in_features}"
            )
        return (*shape[:-1], self.out_features)

    @property
    def problem(self) -> Problem:
        """The loop nest that a chip executes."""
        shape = self._shapes()[0]
        return convolution(
            batch=math.prod(shape[:-1]),
            groups=1,
            out_channels=self.out_features,
            in_channels=shape[-1],
            out_size=(1, 1),
            in_size=(1, 1),
            kernel=(1, 1),
        )

    @property
    def macs(self) -> int:
        """Multiply-accumulates, for the whole batch: one vector of the features in per element out."""
        return math.prod(self.output_shape) * self._shapes()[0][-1]

    @property
    def weights(self) -> int:
        """Elements of the matrix: features in x features out."""
        return self._shapes()[0][-1] * self.out_features

    @property
    def parameters(self) -> int:
        """Weights, and one bias per output feature."""
        return self.weights + (self.out_features if self.bias else 0)


class MatMul(Layer):
    """A product of two activations: (..., rows, inner) and (..., inner, columns) to (..., rows, columns).

    The leading axes are a batch of independent products and must be equal. Neither operand is learned, so
    `weights` is 0; for a chip the right one plays the role of weights.
    """

    __slots__ = ()

    kind: ClassVar[str] = "matmul"
    _arity: ClassVar[int | None] = 2

    def _infer(self, shapes: tuple[Shape, ...]) -> Shape:
        left, right = shapes
        if left[:-2] != right[:-2] or left[-1] != right[-2]:
            wanted = (*left[:-2], left[-1], right[-1])
            raise self._error(
                f"{left} does not multiply {right}; for this left operand the right one would be {wanted}"
            )
        return (*left[:-1], right[-1])

    @property
    def problem(self) -> Problem:
        """The loop nest that a chip executes."""
        left, right = self._shapes()
        return matmul(batch=math.prod(left[:-2]), rows=left[-2], columns=right[-1], inner=left[-1])

    @property
    def macs(self) -> int:
        """Multiply-accumulates, for the whole batch: one inner product per element out."""
        return math.prod(self.output_shape) * self._shapes()[0][-1]
