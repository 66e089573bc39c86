"""Recurrent layers against float64, step by step, and what is refused."""

from __future__ import annotations

import re
import threading
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dnnaccel import kernels
from dnnaccel.errors import KernelError

ISAS = kernels.isa_names()
CELLS = {"rnn": (kernels.RNN, 1), "lstm": (kernels.LSTM, 4), "gru": (kernels.GRU, 3)}
Array = NDArray[Any]


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def step(cell: str, s: Array, p: Array, h: Array, c: Array) -> tuple[Array, Array]:
    """One step from the gates' sums with the inputs and with the hidden units, as PyTorch defines it."""
    gates = CELLS[cell][1]
    s, p = (np.split(part, gates, axis=-1) for part in (s, p))
    if cell == "rnn":
        return np.tanh(s[0] + p[0]), c
    if cell == "lstm":
        i, f, g, o = (a + b for a, b in zip(s, p, strict=True))
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(c), c
    r, z = sigmoid(s[0] + p[0]), sigmoid(s[1] + p[1])
    return (1 - z) * np.tanh(s[2] + r * p[2]) + z * h, c


def reference(
    cell: str,
    x: Array,
    w_ih: Array,
    w_hh: Array,
    b_ih: Array | float = 0.0,
    b_hh: Array | float = 0.0,
    reverse: bool = False,
    h: Array | None = None,
    c: Array | None = None,
) -> tuple[Array, Array, Array]:
    """y, and the last h and c, in float64."""
    x, w_ih, w_hh = (value.astype(np.float64) for value in (x, w_ih, w_hh))
    batch, steps, _ = x.shape
    units = w_hh.shape[1]
    h = np.zeros((batch, units)) if h is None else h.astype(np.float64)
    c = np.zeros((batch, units)) if c is None else c.astype(np.float64)
    y = np.zeros((batch, steps, units))
    for t in reversed(range(steps)) if reverse else range(steps):
        h, c = step(cell, x[:, t] @ w_ih.T + b_ih, h @ w_hh.T + b_hh, h, c)
        y[:, t] = h
    return y, h, c


def floats(rng: np.random.Generator, *shape: int, scale: float = 1.0) -> NDArray[np.float32]:
    return rng.standard_normal(shape, dtype=np.float32) * np.float32(scale)


def weights(rng: np.random.Generator, cell: str, features: int, units: int) -> list[NDArray[np.float32]]:
    """As PyTorch begins them, about: sums of the size of the inputs."""
    rows = CELLS[cell][1] * units
    return [
        floats(rng, rows, features, scale=features**-0.5),
        floats(rng, rows, units, scale=units**-0.5),
        floats(rng, rows, scale=0.5),
        floats(rng, rows, scale=0.5),
    ]


def error(got: Array, wanted: Array) -> float:
    return float(np.abs(got - wanted).max() / np.abs(wanted).max())


# batch, steps, features, hidden units
SHAPES = [
    (1, 1, 1, 1),
    (1, 9, 40, 64),
    (1, 5, 3, 37),
    (2, 4, 17, 130),
    (3, 6, 8, 33),
    (7, 5, 30, 50),
    (16, 3, 20, 96),
    (29, 2, 5, 15),
]


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_layer_is_what_float64_says(isa: str, cell: str, shape: tuple[int, ...]) -> None:
    batch, steps, features, units = shape
    rng = np.random.default_rng(1)
    x = floats(rng, batch, steps, features)
    w_ih, w_hh, b_ih, b_hh = weights(rng, cell, features, units)
    states = {"h": floats(rng, batch, units)}
    if cell == "lstm":
        states["c"] = floats(rng, batch, units)
    make = CELLS[cell][0]
    for reverse in (False, True):
        wanted, h, c = reference(cell, x, w_ih, w_hh, b_ih, b_hh, reverse, **states)
        plan = make(x.shape, w_ih, w_hh, b_ih, b_hh, reverse=reverse, isa=isa)
        assert plan.isa == isa
        assert plan.out_shape == wanted.shape
        got = plan(x, **states)
        assert error(got, wanted) < 1e-5
        last = plan.last(x, **states)
        assert np.array_equal(last[0], got)
        for state, of in zip(last[1:], (h, c), strict=False):
            assert error(state, of) < 1e-5
        for threads in (2, 3, 5):
            again = make(x.shape, w_ih, w_hh, b_ih, b_hh, reverse=reverse, isa=isa, threads=threads)
            for one, other in zip(again.last(x, **states), last, strict=True):
                assert np.array_equal(one, other)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("cell", CELLS)
def test_biases_and_states_may_be_left_out(isa: str, cell: str) -> None:
    rng = np.random.default_rng(2)
    x = floats(rng, 2, 4, 6)
    w_ih, w_hh, b_ih, b_hh = weights(rng, cell, 6, 20)
    make = CELLS[cell][0]
    for biases in ({}, {"bias_ih": b_ih}, {"bias_hh": b_hh}):
        wanted, *_ = reference(cell, x, w_ih, w_hh, biases.get("bias_ih", 0.0), biases.get("bias_hh", 0.0))
        plan = make(x.shape, w_ih, w_hh, **biases, isa=isa)
        assert error(plan(x), wanted) < 1e-5
        zeros = {"h": np.zeros((2, 20), np.float32)}
        assert np.array_equal(plan(x, **zeros), plan(x))


@pytest.mark.parametrize("cell", CELLS)
def test_threads_that_share_a_long_layer_give_the_same_bits(cell: str) -> None:
    """Enough work in a step for several threads, beside other calls that take their processors."""
    rng = np.random.default_rng(3)
    x = floats(rng, 1, 40, 8)
    parts = weights(rng, cell, 8, 400)
    make = CELLS[cell][0]
    wanted = make(x.shape, *parts)(x)
    assert error(wanted, reference(cell, x, *parts)[0]) < 1e-5
    plan = make(x.shape, *parts, threads=4)
    assert np.array_equal(plan(x), wanted)
    same: list[bool] = []

    def call() -> None:
        same.extend(np.array_equal(plan(x), wanted) for _ in range(5))

    callers = [threading.Thread(target=call) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert same == [True] * 20


def test_steps_continue_where_the_last_left_off() -> None:
    rng = np.random.default_rng(4)
    x = floats(rng, 3, 10, 7)
    parts = weights(rng, "lstm", 7, 30)
    whole = kernels.LSTM(x.shape, *parts)(x)
    half = kernels.LSTM((3, 5, 7), *parts)
    first, h, c = half.last(np.ascontiguousarray(x[:, :5]))
    second, *_ = half.last(np.ascontiguousarray(x[:, 5:]), h=h, c=c)
    assert np.array_equal(np.concatenate([first, second], axis=1), whole)


@pytest.mark.parametrize("cell", CELLS)
def test_an_empty_batch_has_no_outputs(cell: str) -> None:
    rng = np.random.default_rng(5)
    plan = CELLS[cell][0]((0, 4, 6), *weights(rng, cell, 6, 9))
    assert plan(np.empty((0, 4, 6), np.float32)).shape == (0, 4, 9)
    assert plan.last(np.empty((0, 4, 6), np.float32))[1].shape == (0, 9)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("cell", CELLS)
def test_nan_and_infinity_go_through(isa: str, cell: str) -> None:
    rng = np.random.default_rng(6)
    x = floats(rng, 2, 3, 4)
    parts = weights(rng, cell, 4, 21)
    plan = CELLS[cell][0](x.shape, *parts, isa=isa)
    x[0, 1, 2] = np.nan
    got = plan(x)
    assert np.isfinite(got[0, 0]).all()
    assert np.isnan(got[0, 1:]).all()
    assert np.isfinite(got[1]).all()
    x[0, 1, 2] = np.inf
    with np.errstate(over="ignore"):
        wanted, *_ = reference(cell, x, *parts)
    assert np.isfinite(wanted).all()
    assert error(plan(x), wanted) < 1e-5


def test_what_does_not_fit_is_refused() -> None:
    rng = np.random.default_rng(7)
    w_ih, w_hh, b_ih, b_hh = weights(rng, "gru", 4, 6)
    for make, why in (
        (
            lambda: kernels.GRU((1, 2), w_ih, w_hh),
            "GRU: x_shape must be (batch, steps, features), not (1, 2)",
        ),
        (lambda: kernels.GRU((1, 2, 5), w_ih, w_hh), "weight_ih must be of shape (18, 5), not (18, 4)"),
        (lambda: kernels.LSTM((1, 2, 4), w_ih, w_hh), "weight_hh must be of shape (24, 6), not (18, 6)"),
        (lambda: kernels.GRU((1, 2, 4), w_ih, b_hh), "weight_hh must be of two axes"),
        (lambda: kernels.GRU((1, 2, 4), w_ih, w_hh, b_ih[1:]), "bias_ih must be of shape (18), not (17)"),
        (lambda: kernels.GRU((1, 0, 4), w_ih, w_hh), "the number of steps must be from 1"),
        (lambda: kernels.GRU((-1, 2, 4), w_ih, w_hh), "the batch must be from 0"),
        (lambda: kernels.GRU((2**28, 2, 4), w_ih, w_hh), "each be below 2^31 values"),
        (lambda: kernels.GRU((1, 2, 4), w_ih, w_hh, isa="sse9"), "no kernels for 'sse9'"),
    ):
        with pytest.raises(KernelError, match=re.escape(why).replace(r"\)", r",?\)")):
            make()
    plan = kernels.GRU((2, 3, 4), w_ih, w_hh, b_ih, b_hh)
    x = floats(rng, 2, 3, 4)
    for given, states, why in (
        (x[:, ::-1], {}, "the input must be contiguous"),
        (x.astype(np.float64), {}, "the input must be of float32"),
        (x, {"h": np.zeros((2, 5), np.float32)}, "input 2 must be of shape (2, 6), not (2, 5)"),
    ):
        with pytest.raises(KernelError, match=re.escape(why)):
            plan(given, **states)
    both = np.zeros(2 * 3 * 6 + 24, np.float32)
    with pytest.raises(KernelError, match="share memory"):
        plan(both[:24].reshape(2, 3, 4), both[12:48].reshape(2, 3, 6))
