"""Normalisations that look at several elements at a time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from dnnaccel.layers._base import MAX_SIZE, Layer, Shape

__all__ = ["LRN", "LayerNorm", "Softmax"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LRN(Layer):
    """Local response normalisation over `size` neighbouring channels: x / (k + alpha/size * sum(x^2))^beta.

    Vector operations per element: 1 square (shared by the windows that see it), size - 1 additions, 1
    multiplication and 1 addition for alpha and k, 1 power, 1 division; size + 4 in all. The first and last
    channels see fewer neighbours and are counted alike. An even size has one more before than after, as in
    PyTorch. `alpha`, `beta` and `k` change values, not work.
    """

    kind: ClassVar[str] = "lrn"
    _integers: ClassVar[Mapping[str, int]] = {"size": 1}

    size: int = 5
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 1.0

    def _fill_in(self) -> None:
        for field in ("alpha", "beta", "k"):
            self._read_number(field, 0)

    def _infer(self, shapes: tuple[Shape, ...]) -> Shape:
        return self._image(shapes[0])

    @property
    def ops(self) -> int:
        """Operations: size + 4 per element."""
        return (self.size + 4) * math.prod(self.output_shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class Softmax(Layer):
    """exp(x) / sum(exp(x)) along `axis` (the last one by default).

    Vector operations for n elements: n - 1 comparisons for the largest, n subtractions of it (so that no
    exponential overflows), n exponentials, n - 1 additions, n divisions; 5n - 2 in all.
    """

    kind: ClassVar[str] = "softmax"
    _integers: ClassVar[Mapping[str, int]] = {"axis": -MAX_SIZE}

    axis: int = -1

    def _infer(self, shapes: tuple[Shape, ...]) -> Shape:
        self._axis(self.axis, shapes[0])
        return shapes[0]

    @property
    def ops(self) -> int:
        """Operations: 5n - 2 for every n elements that are normalised together."""
        shape = self._shapes()[0]
        size = shape[self._axis(self.axis, shape)]
        return (5 * size - 2) * (math.prod(shape) // size)


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerNorm(Layer):
    """scale * (x - mean) / sqrt(variance + epsilon) + shift, along the last axis (Ba, Kiros, Hinton 2016).

    Scale and shift are learned, one of each per feature. Vector operations for n elements: n - 1 additions
    and 1 multiplication for the mean, n subtractions of it, n squares, n - 1 additions and 1 multiplication
    for the variance, 1 addition of epsilon, 1 evaluation of 1/sqrt, n multiplications by it, n by the scale
    and n additions of the shift; 7n + 2 in all.
    """

    kind: ClassVar[str] = "layer_norm"

    epsilon: float = 1e-5

    def _fill_in(self) -> None:
        self._read_number("epsilon", 0)

    def _infer(self, shapes: tuple[Shape, ...]) -> Shape:
        return shapes[0]

    @property
    def parameters(self) -> int:
        """Scale and shift of every feature."""
        return 2 * self._shapes()[0][-1]

    @property
    def ops(self) -> int:
        """Operations: 7n + 2 for every vector of n features."""
        shape = self._shapes()[0]
        return (7 * shape[-1] + 2) * math.prod(shape[:-1])
