"""An operation that is known by name and shape alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from dnnaccel.layers._base import Layer, Shape

__all__ = ["Opaque"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opaque(Layer):
    """An operator of an imported network that dnnaccel has no layer for.

    It takes one input or more and gives one output of `shape`. Its work is unknown: no MACs and no vector
    operations are counted; its inputs are read and its output is written.
    """

    kind: ClassVar[str] = "opaque"

    operator: str
    shape: Shape

    def _fill_in(self) -> None:
        if not (isinstance(self.operator, str) and self.operator and self.operator.isprintable()):
            raise self._error(
                f"operator must be a non-empty text of printable characters, given {self.operator!r}"
            )
        if not isinstance(self.shape, tuple | list) or len(self.shape) < 2:
            raise self._error(f"shape must hold two sizes or more, as (1, 12, 64), given {self.shape!r}")
        self._set("shape", tuple(self._integer("every size of shape", size, 1) for size in self.shape))

    def _check_arity(self, *given: object) -> None:
        """Accept any number of inputs."""

    def _infer(self, shapes: tuple[Shape, ...]) -> Shape:
        return self.shape
