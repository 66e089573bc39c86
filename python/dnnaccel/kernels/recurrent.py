"""Recurrent layers: RNN, LSTM and GRU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from numpy.typing import ArrayLike

from dnnaccel import _core
from dnnaccel.errors import KernelError
from dnnaccel.kernels._plan import Floats, Plan, as_floats, as_threads, as_whole, empty

__all__ = ["GRU", "LSTM", "RNN"]


class _Recurrent(Plan):
    """What recurrent layers share."""

    __slots__ = ()

    _kind: ClassVar[str]

    def __init__(
        self,
        x_shape: Sequence[int],
        weight_ih: ArrayLike,
        weight_hh: ArrayLike,
        bias_ih: ArrayLike | None = None,
        bias_hh: ArrayLike | None = None,
        *,
        reverse: bool = False,
        threads: int | None = 1,
        isa: str | None = None,
    ) -> None:
        name = type(self).__name__
        shape = as_whole("x_shape", x_shape)
        if len(shape) != 3:
            raise KernelError(f"{name}: x_shape must be (batch, steps, features), not {shape}")
        try:
            core = _core.recurrent_operator(
                kind=self._kind,
                input=shape,
                weight_ih=as_floats("weight_ih", weight_ih),
                weight_hh=as_floats("weight_hh", weight_hh),
                bias_ih=None if bias_ih is None else as_floats("bias_ih", bias_ih),
                bias_hh=None if bias_hh is None else as_floats("bias_hh", bias_hh),
                reverse=bool(reverse),
                threads=as_threads(threads),
                isa=isa or "",
            )
        except ValueError as error:
            raise KernelError(f"{name}: {error}") from None
        super().__init__(core, f"{shape} -> {tuple(core.outputs[0])}{', reverse' * bool(reverse)}")

    def _last(self, inputs: tuple[Any, ...], out: Any) -> tuple[Floats, ...]:
        """Run the operator; return the outputs and the states after the last step."""
        states = [empty(shape) for shape in self._core.outputs[1:]]
        outputs = (empty(self.out_shape) if out is None else out, *states)
        self._compute(inputs, outputs)
        return outputs


class _Simple(_Recurrent):
    """Those whose state is h alone."""

    __slots__ = ()

    def __call__(self, x: Floats, out: Floats | None = None, *, h: Floats | None = None) -> Floats:
        """Return h of every step, (batch, steps, hidden units), written into `out` if that is given.

        `h` (batch, hidden units) is the state before the first step; None: zeros. All arrays are float32,
        contiguous and of the plan's shapes; none is copied. Raises `KernelError` for one that does not fit.
        """
        if out is None:
            out = empty(self.out_shape)
        self._compute((x, h), (out, None))
        return out

    def last(self, x: Floats, out: Floats | None = None, *, h: Floats | None = None) -> tuple[Floats, Floats]:
        """Return what a call returns, and h after the last step, (batch, hidden units)."""
        y, after = self._last((x, h), out)
        return y, after


class RNN(_Simple):
    """A recurrent layer of tanh units: ``h = tanh(w_ih x + b_ih + w_hh h + b_hh)``.

    Parameters
    ----------
    x_shape
        Shape of the inputs: (batch, steps, features).
    weight_ih, weight_hh
        Weights of the inputs, (gates x hidden units, features), and of the hidden units, (gates x hidden
        units, hidden units), as PyTorch has them. They are copied.
    bias_ih, bias_hh
        One value for each row of the weights, or none.
    reverse
        Go from the last step to the first. Outputs stand where the inputs of their step do.
    threads, isa
        As `Conv2d` has them.

    Examples
    --------
    >>> import numpy as np
    >>> plan = RNN((1, 3, 1), np.ones((1, 1)), np.zeros((1, 1)), isa="portable")
    >>> plan
    RNN((1, 3, 1) -> (1, 3, 1); panels on portable, 1 thread)
    >>> plan(np.array([[[0], [0.5], [9]]], np.float32)).round(3)
    array([[[0.   ],
            [0.462],
            [1.   ]]], dtype=float32)
    """

    __slots__ = ()

    _kind = "rnn"


class GRU(_Simple):
    """A layer of gated recurrent units, with PyTorch's gates in PyTorch's order (r, z, n).

    ::

        r = sigmoid(w_ir x + b_ir + w_hr h + b_hr)
        z = sigmoid(w_iz x + b_iz + w_hz h + b_hz)
        n = tanh(w_in x + b_in + r * (w_hn h + b_hn))
        h = (1 - z) * n + z * h

    The parameters are those of `RNN`, with three gates.

    Examples
    --------
    >>> import numpy as np
    >>> plan = GRU((1, 2, 1), np.zeros((3, 1)), np.zeros((3, 1)), isa="portable")
    >>> plan(np.zeros((1, 2, 1), np.float32), h=np.ones((1, 1), np.float32))
    array([[[0.5 ],
            [0.25]]], dtype=float32)
    """

    __slots__ = ()

    _kind = "gru"


class LSTM(_Recurrent):
    """A layer of long short-term memory, with PyTorch's gates in PyTorch's order (i, f, g, o).

    ::

        i, f, o = sigmoid(w_ix x + b_ix + w_hx h + b_hx)
        g = tanh(w_ig x + b_ig + w_hg h + b_hg)
        c = f * c + i * g
        h = o * tanh(c)

    The parameters are those of `RNN`, with four gates.

    Examples
    --------
    >>> import numpy as np
    >>> plan = LSTM((1, 2, 1), np.zeros((4, 1)), np.zeros((4, 1)), isa="portable")
    >>> y, h, c = plan.last(np.zeros((1, 2, 1), np.float32), c=np.ones((1, 1), np.float32))
    >>> c
    array([[0.25]], dtype=float32)
    >>> bool(h == y[:, -1])
    True
    """

    __slots__ = ()

    _kind = "lstm"

    def __call__(
        self, x: Floats, out: Floats | None = None, *, h: Floats | None = None, c: Floats | None = None
    ) -> Floats:
        """Return h of every step, (batch, steps, hidden units), written into `out` if that is given.

        `h` and `c` (batch, hidden units) are the states before the first step; None: zeros. All arrays are
        float32, contiguous and of the plan's shapes; none is copied. Raises `KernelError` for one that does
        not fit.
        """
        if out is None:
            out = empty(self.out_shape)
        self._compute((x, h, c), (out, None, None))
        return out

    def last(
        self, x: Floats, out: Floats | None = None, *, h: Floats | None = None, c: Floats | None = None
    ) -> tuple[Floats, Floats, Floats]:
        """Return what a call returns, and h and c after the last step, each (batch, hidden units)."""
        y, after, cells = self._last((x, h, c), out)
        return y, after, cells
