"""What stands in an exported graph: calls of operators, and what they give."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from dnnaccel.errors import NetworkError
from dnnaccel.layers import Shape

__all__ = [
    "Activation",
    "Call",
    "Constant",
    "Exported",
    "NotCounted",
    "Outputs",
    "Ref",
    "Value",
    "layer_shape",
]


class NotCounted(Exception):
    """The operator has no layer, or not in this form; the text names it ("aten.conv3d")."""


@dataclass(frozen=True, slots=True)
class Ref:
    """An argument that is what an earlier call gave."""

    call: str


@dataclass(frozen=True, slots=True)
class Activation:
    """The result of a layer (or an input of the network), and its shape in torch's eyes."""

    layer: str
    shape: Shape


@dataclass(frozen=True, slots=True)
class Constant:
    """Numbers that do not depend on the network's inputs: parameters, buffers and what is made of them.

    `origin` is the one parameter in it, by its path; `learned` says how many elements that has.
    """

    shape: Shape
    origin: str | None = None
    learned: int = 0

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)


Value = Activation | Constant

Outputs = Callable[[int], Value]
"""The results of a call that gives several: layers are added for those that are asked for."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of an operator, its arguments by the names of its schema."""

    id: str
    operator: str
    arguments: Mapping[str, Any]
    shapes: tuple[Shape | None, ...]
    """Of each result; None for one that is no tensor."""

    path: str = ""
    """Of the module that makes the call."""

    leaf: bool = False
    """Whether that is a module of torch.nn without modules inside."""

    only_reader_of: frozenset[str] = frozenset()
    """Calls whose results no other call reads."""

    @property
    def shape(self) -> Shape:
        """Shape of the first result."""
        shape = self.shapes[0] if self.shapes else None
        if shape is None:
            raise NotCounted(f"aten.{self.operator}")
        return shape


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """A module as a graph: what layers are made of."""

    name: str
    inputs: Mapping[str, Shape]
    constants: Mapping[str, Constant]
    calls: tuple[Call, ...]
    outputs: tuple[str, ...]
    parameters: int
    """Elements of all parameters of the module, shared ones once."""


def layer_shape(shape: Shape) -> Shape:
    """Return a shape as layers see it: with two axes at least; raises `NetworkError` for an empty tensor."""
    if 0 in shape:
        raise NetworkError(f"from_torch: a tensor of shape {shape} is empty; every size must be at least 1")
    return (*shape, *(1,) * (2 - len(shape)))
