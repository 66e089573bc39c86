"""Vectors out of tables: tokens, positions and the class token."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from dnnaccel.layers._base import Layer, Shape

__all__ = ["ClassToken", "Embedding", "PositionEmbedding"]


def sequence(layer: Layer, shape: Shape) -> tuple[int, int, int]:
    """Return samples, positions and features, or raise `LayerError` if `shape` is no sequence of vectors."""
    if len(shape) != 3:
        raise layer._error(f"takes a sequence (N, L, features), given {shape}")
    return (shape[0], shape[1], shape[2])


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedding(Layer):
    """A learned vector for every token: numbers (N, L) below `entries` to vectors (N, L, features).

    No MACs and no vector operations: a row of the table is read for every token (again for a token that comes
    again) and written out. A `Linear` without biases may use the same table, transposed, by `weights_from`.
    """

    kind: ClassVar[str] = "embedding"
    _integers: ClassVar[Mapping[str, int]] = {"entries": 1, "features": 1}

    entries: int
    features: int

    def _infer(self, shapes: tuple[Shape, ...]) -> Shape:
        if len(shapes[0]) != 2:
            raise self._error(f"takes tokens (N, L), given {shapes[0]}")
        return (*shapes[0], self.features)

    @property
    def parameters(self) -> int:
        """Elements of the table."""
        return self.entries * self.features

    @property
    def parameters_read(self) -> int:
        """Elements of the rows that the tokens name."""
        return math.prod(self.output_shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionEmbedding(Layer):
    """A sequence (N, L, features) plus a vector for each position, from a table of `entries` positions.

    The sequence starts at position `first`. `learned` False means a table of constants (sinusoids), which are
    no parameters and are read all the same. The L rows are read once for the batch. Vector operations: one
    addition per element.
    """

    kind: ClassVar[str] = "position_embedding"
    _integers: ClassVar[Mapping[str, int]] = {"entries": 1, "first": 0}

    entries: int
    first: int = 0
    learned: bool = True

    def _fill_in(self) -> None:
        if not isinstance(self.learned, bool):
            raise self._error(f"learned must be True or False, given {self.learned!r}")

    def _infer(self, shapes: tuple[Shape, ...]) -> Shape:
        positions = sequence(self, shapes[0])[1]
        if self.first + positions > self.entries:
            raise self._error(
                f"has {self.entries} positions, which {positions} from position {self.first} on exceed"
            )
        return shapes[0]

    @property
    def parameters(self) -> int:
        """Elements of the table, if it is learned."""
        return self.entries * self._shapes()[0][-1] if self.learned else 0

    @property
    def parameters_read(self) -> int:
        """Elements of the rows of the positions that there are."""
        return math.prod(self._shapes()[0][1:])

    @property
    def ops(self) -> int:
        """One addition per element."""
        return math.prod(self.output_shape)


class ClassToken(Layer):
    """One learned vector before a sequence: (N, L, features) to (N, L + 1, features).

    No vector operations; its words move, unless the chip writes its input behind the vector, which then
    stands there beforehand.
    """

    __slots__ = ()

    kind: ClassVar[str] = "class_token"
    in_place: ClassVar[bool] = True

    def _infer(self, shapes: tuple[Shape, ...]) -> Shape:
        batch, positions, features = sequence(self, shapes[0])
        return (batch, positions + 1, features)

    @property
    def parameters(self) -> int:
        """Elements of the vector."""
        return self._shapes()[0][-1]
