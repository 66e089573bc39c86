"""Recurrent layers: one cell, step after step over a sequence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from dnnaccel.layers._base import Layer, Shape
from dnnaccel.problem import Problem, recurrence

__all__ = ["GRU", "LSTM", "RNN"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Recurrent(Layer):
    """What the recurrent layers share: (N, L, features) to (N, L, hidden_size).

    At every step all gates are one product of a matrix with the vector of the last state and the step's
    input. With `reverse` it goes from the last step to the first; two layers, one of them reverse, and a
    `Concat` on the last axis are a bidirectional layer. The first state is zero, and its MACs are counted.
    There are `biases` bias vectors per gate: 1, PyTorch's 2 (for the input and for the state), or 0.

    Step t + 1 waits for step t, so a chip runs one step at a time: weights that stay on it are read once,
    others at every step. The problem's inputs are the states and inputs of all steps, N * L * (hidden_size +
    features) words, the states as they come back from where they were written; its outputs are the sums of
    the gates, N * L * gates * hidden_size words, which the vector unit turns into states. A chip that
    combines the gates before they leave it writes fewer. That the fetch for one step overlaps with the step
    before it is assumed, as between the tiles of any layer.
    """

    _gates: ClassVar[int]
    # Vector operations per hidden unit and step.
    _unit_ops: ClassVar[int]
    _integers: ClassVar[Mapping[str, int]] = {"hidden_size": 1, "biases": 0}

    hidden_size: int
    reverse: bool = False
    biases: int = 1

    def _fill_in(self) -> None:
        if not isinstance(self.reverse, bool):
            raise self._error(f"reverse must be True or False, given {self.reverse!r}")
        if self.biases not in (0, 1, 2):
            raise self._error(f"biases must be 0, 1 or 2 vectors per gate, given {self.biases!r}")

    def _infer(self, shapes: tuple[Shape, ...]) -> Shape:
        if len(shapes[0]) != 3:
            raise self._error(f"takes a sequence (N, L, features), given {shapes[0]}")
        return (*shapes[0][:2], self.hidden_size)

    @property
    def problem(self) -> Problem:
        """The loop nest that a chip executes: N, M (gates * hidden), C (hidden + features), P (steps)."""
        batch, steps, features = self._shapes()[0]
        return recurrence(
            batch=batch,
            steps=steps,
            outputs=self._gates * self.hidden_size,
            inner=self.hidden_size + features,
        )

    @property
    def macs(self) -> int:
        """Multiply-accumulates, for the whole batch: the matrices once per step."""
        batch, steps, _ = self._shapes()[0]
        return batch * steps * self.weights

    @property
    def weights(self) -> int:
        """Elements of the matrices: gates x hidden_size x (hidden_size + features)."""
        return self._gates * self.hidden_size * (self.hidden_size + self._shapes()[0][2])

    @property
    def parameters(self) -> int:
        """Weights, and `biases` numbers per gate and hidden unit."""
        return self.weights + self.biases * self._gates * self.hidden_size

    @property
    def ops(self) -> int:
        """Operations of the gates, for every step and hidden unit; see the class."""
        batch, steps, _ = self._shapes()[0]
        return self._unit_ops * batch * steps * self.hidden_size


class RNN(_Recurrent):
    """h' = tanh(W [h, x] + b) at every step (Elman 1990): (N, L, features) to (N, L, hidden_size).

    `reverse` goes from the last step to the first; `biases` is the number of bias vectors. Vector operations
    per hidden unit and step: one tanh. The steps run one after the other: weights that stay on the chip are
    read once, others at every step.
    """

    __slots__ = ()

    kind: ClassVar[str] = "rnn"
    _gates: ClassVar[int] = 1
    _unit_ops: ClassVar[int] = 1


class LSTM(_Recurrent):
    """Long short-term memory, without peepholes: c' = f * c + i * g, h' = o * tanh(c').

    i, f, o = sigmoid(W [h, x] + b) and g = tanh(W [h, x] + b) have a matrix each (Hochreiter and Schmidhuber
    1997; forget gate of Gers et al. 2000). `reverse` and `biases` are as in `RNN`; only h leaves the layer.
    Vector operations per hidden unit and step: 3 sigmoids, 2 tanh, 3 multiplications, 1 addition; 9 in all.
    The words of its outputs are counted as the sums of all 4 gates.
    """

    __slots__ = ()

    kind: ClassVar[str] = "lstm"
    _gates: ClassVar[int] = 4
    _unit_ops: ClassVar[int] = 9


class GRU(_Recurrent):
    """Gated recurrent unit in PyTorch's form: h' = n + z * (h - n).

    r, z = sigmoid(W [h, x] + b) and n = tanh(Wx x + bx + r * (Wh h + bh)) (Cho et al. 2014, with r applied
    after the product). `reverse` and `biases` are as in `RNN`. Vector operations per hidden unit and step: 2
    sigmoids, 1 tanh, 2 multiplications, 3 additions or subtractions; 8 in all. The words of its outputs are
    counted as the sums of all 3 gates, the two sums for n as one.
    """

    __slots__ = ()

    kind: ClassVar[str] = "gru"
    _gates: ClassVar[int] = 3
    _unit_ops: ClassVar[int] = 8
