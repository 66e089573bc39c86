"""What a network becomes before it is a program: steps that read and write tensors."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from dnnaccel import _core
from dnnaccel.kernels import QuantParams
from dnnaccel.runtime.layouts import Layout

__all__ = ["Pitches", "Step", "Tensor"]

_BYTES = {"float32": 4, "int32": 4, "uint8": 1, "int8": 1}


@dataclass(eq=False, slots=True)
class Tensor:
    """Values in memory of their own, or in a part of another tensor's.

    Parameters
    ----------
    name
        The layer or input of the network that it is the output of.
    layout
        How it lies there.
    element
        Type of a value: "float32", "int32", "uint8" or "int8".
    base
        The tensor in whose memory it lies; None: it has its own.
    offset
        Values of `base` before its first one.
    part
        Whether its vectors along the last stored axis are shorter than those of `base`.
    where
        Of one with memory of its own: "arena", or ("input" | "output", number) of the program's.
    rigid
        Whether somebody relies on its vectors lying without gaps, so that it cannot become a part of another.
    params
        What its integers stand for, if they are 8-bit ones; None: for themselves.
    """

    name: str
    layout: Layout
    element: str = "float32"
    base: Tensor | None = None
    offset: int = 0
    part: bool = False
    where: tuple[str, int] = ("arena", 0)
    rigid: bool = False
    params: QuantParams | None = None

    @property
    def root(self) -> Tensor:
        """The tensor whose own memory it lies in."""
        tensor = self
        while tensor.base is not None:
            tensor = tensor.base
        return tensor

    @property
    def start(self) -> int:
        """Values of the root before its first one."""
        return self.offset + (0 if self.base is None else self.base.start)

    @property
    def pitch(self) -> int:
        """Values from one vector along the last stored axis to the next; 0 if there are no gaps."""
        if self.base is None or self.vectors == 1:
            return 0
        return self.base.pitch or (self.base.layout.stored[-1] if self.part else 0)

    @property
    def vectors(self) -> int:
        """How many vectors along the last stored axis it has."""
        return math.prod(self.layout.stored[:-1])

    @property
    def value_bytes(self) -> int:
        """Bytes of one value."""
        return _BYTES[self.element]

    @property
    def values(self) -> int:
        """How many values it has."""
        return math.prod(self.layout.stored)

    def view(self, layout: Layout, name: str = "") -> Tensor:
        """Return the same values under another layout, whose vectors must be the same if they have gaps."""
        if layout.stored[-1] != self.layout.stored[-1] and self.vectors > 1:
            assert not self.pitch
            tensor: Tensor | None = self
            while tensor is not None:
                tensor.rigid = True
                tensor = tensor.base
        return Tensor(name or self.name, layout, self.element, base=self, params=self.params)


@dataclass(frozen=True, slots=True)
class Pitches:
    """Pitches that an operator is made for; 0 where vectors lie without gaps."""

    inputs: tuple[int, ...]
    output: int

    @property
    def first(self) -> int:
        """That of the first input, and of all others that are not dense."""
        return self.inputs[0]

    def keywords(self) -> dict[str, int]:
        """Return the arguments `x_pitch` and `out_pitch` of an operator's factory, where they matter."""
        both = {"x_pitch": self.first, "out_pitch": self.output}
        return {name: pitch for name, pitch in both.items() if pitch}


@dataclass(eq=False, slots=True)
class Step:
    """One operator to be: what it reads and writes, and how it is made once pitches are known.

    Parameters
    ----------
    layers
        The layers of the network that it computes, the last one being that whose output it writes.
    inputs, output
        What it reads, None for an operand that is left out, and what it writes.
    make
        Makes the operator for given pitches; None once it has, because it holds the weights.
    pitched
        Which of its inputs need not be dense: "none", "shared" (all of one pitch) or "each".
    out_pitched
        Whether its output need not be dense.
    residual
        Which input has the output's pitch, as it is added to it.
    """

    layers: tuple[str, ...]
    inputs: tuple[Tensor | None, ...]
    output: Tensor
    make: Callable[[Pitches], _core.Operator] | None
    pitched: str = "none"
    out_pitched: bool = False
    residual: int | None = None
    operator: _core.Operator | None = field(default=None, init=False)

    @property
    def name(self) -> str:
        """The layer whose output it writes."""
        return self.layers[-1]

    @property
    def made(self) -> _core.Operator:
        """Its operator."""
        assert self.operator is not None
        return self.operator

    def make_operator(self) -> None:
        """Make the operator; the pitches of what it reads and writes change no more from now on."""
        assert self.make is not None
        pitches = tuple(0 if x is None else x.pitch for x in self.inputs)
        self.operator = self.make(Pitches(pitches, self.output.pitch))
        self.make = None
        # It may take more than the step has for it, as the first states of a recurrent layer.
        self.inputs += (None,) * (len(self.operator.inputs) - len(self.inputs))
        self._check(self.operator)

    def _check(self, op: _core.Operator) -> None:
        # A program sees bytes alone: this is where a step of another type or shape would be noticed.
        for tensor, shape, element in zip(self.inputs, op.inputs, op.input_types, strict=True):
            assert tensor is None or (tensor.layout.stored, tensor.element) == (tuple(shape), element), self
        assert (self.output.layout.stored, self.output.element) == (
            tuple(op.outputs[0]),
            op.output_types[0],
        ), self
