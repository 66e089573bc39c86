"""What the names in an ONNX graph stand for: results of layers, and numbers known beforehand."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from dnnaccel.errors import ImportedFileError
from dnnaccel.layers import Shape

if TYPE_CHECKING:
    import onnx

__all__ = [
    "MAX_KNOWN",
    "MAX_RANK",
    "Activation",
    "Array",
    "Constant",
    "Node",
    "NotCounted",
    "UnknownNumbersError",
    "Value",
    "short",
]

Array = NDArray[Any]

MAX_KNOWN = 1024
"""Most elements of a tensor whose values are kept where the weights are not asked for."""

MAX_RANK = 16
"""Most axes that a tensor may have."""


class UnknownNumbersError(Exception):
    """Numbers that are made by operators which are not computed here."""


class NotCounted(Exception):
    """The operator has a layer, but not in this form; the text names the form ("Conv (3-D)")."""


def short(name: str) -> str:
    """Return a name from a file as one printable line of bounded length, in quotes."""
    return repr(name if len(name) <= 80 else name[:77] + "...")


@dataclass(frozen=True, slots=True)
class Activation:
    """The result of a layer (or an input of the network), and its shape in ONNX's eyes."""

    layer: str
    shape: Shape

    @property
    def layer_shape(self) -> Shape:
        """The shape as layers see it: with two axes at least."""
        return (*self.shape, *(1,) * (2 - len(self.shape)))


@dataclass(frozen=True, slots=True)
class Constant:
    """Numbers that do not depend on the network's inputs.

    `array` holds them if they are few; `source` gives them otherwise, where it is there. `origin` is the
    initialiser that they are, or are a part of: its rows (of shape `origin_shape`) from `first` on. `learned`
    says how many came from initialisers.
    """

    shape: Shape
    array: Array | None = field(default=None, compare=False)
    origin: str | None = None
    origin_shape: Shape = ()
    first: int = 0
    learned: int = 0
    source: Callable[[], Array] | None = field(default=None, compare=False)

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def numbers(self) -> Array:
        """The array, read if it must be; raises `UnknownNumbersError` if nothing gives it."""
        if self.array is not None:
            return self.array
        if self.source is None:
            raise UnknownNumbersError
        return self.source()

    @property
    def scalar(self) -> float | None:
        """The one number that it holds, or None if it holds several or is not known."""
        if self.array is None or self.array.size != 1 or self.array.dtype.kind not in "iufb":
            return None
        number = float(self.array.reshape(()))
        return number if math.isfinite(number) else None


Value = Activation | Constant


@dataclass(frozen=True, slots=True)
class Node:
    """A node of the graph with its attributes read."""

    file: str
    name: str
    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]
    opset: int
    proto: onnx.NodeProto

    def error(self, text: str) -> ImportedFileError:
        """Return the error that says what is wrong with this node."""
        return ImportedFileError(f"{self.file}: {self.operator} {short(self.name)}: {text}")

    def integer(self, attribute: str, default: int) -> int:
        """Return a whole-number attribute."""
        value = self.attributes.get(attribute, default)
        if not isinstance(value, int):
            raise self.error(f"attribute {attribute} must be a whole number")
        return value

    def number(self, attribute: str, default: float) -> float:
        """Return an attribute that is a number, as the decimal that was meant: files hold 32 bits of it."""
        value = self.attributes.get(attribute, default)
        if not isinstance(value, int | float) or not math.isfinite(value):
            raise self.error(f"attribute {attribute} must be a finite number")
        return float(f"{value:.7g}")

    def integers(self, attribute: str, default: Sequence[int] | None = None) -> tuple[int, ...] | None:
        """Return an attribute that is a row of whole numbers."""
        value = self.attributes.get(attribute, default)
        if value is None:
            return None
        if not isinstance(value, tuple | list) or not all(isinstance(number, int) for number in value):
            raise self.error(f"attribute {attribute} must be a list of whole numbers")
        if len(value) > 4 * MAX_RANK:
            raise self.error(f"attribute {attribute} holds {len(value)} numbers, more than tensors have axes")
        return tuple(value)

    def text(self, attribute: str, default: str) -> str:
        """Return a text attribute."""
        value = self.attributes.get(attribute, default)
        if not isinstance(value, str):
            raise self.error(f"attribute {attribute} must be a text")
        return value

    def axis(self, value: int, rank: int) -> int:
        """Return `value` as an axis counted from the front; raises `ImportedFileError` if there is none."""
        if not -rank <= value < rank:
            raise self.error(f"axis {value} does not exist in a tensor of {rank} axes")
        return value % rank
