"""Products of matrices and attention against float64, for every variant that this processor has."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dnnaccel import _core, kernels
from dnnaccel.errors import KernelError

ISAS = kernels.isa_names()
Array = NDArray[Any]


def floats(rng: np.random.Generator, *shape: int) -> NDArray[np.float32]:
    return rng.standard_normal(shape, dtype=np.float32)


def error(got: Array, wanted: Array) -> float:
    """The largest error, relative to the largest output."""
    return float(np.abs(got - wanted).max() / np.abs(wanted).max())


def reference(
    q: Array,
    k: Array,
    v: Array,
    heads: int,
    causal: bool = False,
    mask: Array | None = None,
    scale: float | None = None,
    lengths: Array | None = None,
) -> Array:
    """Attention in float64, with all scores at once; a query that sees nothing gives zeros."""
    parts = [
        x.astype(np.float64).reshape(*x.shape[:2], heads, x.shape[2] // heads).transpose(0, 2, 1, 3)
        for x in (q, k, v)
    ]
    batch, queries, keys = q.shape[0], q.shape[1], k.shape[1]
    scores = parts[0] @ parts[1].swapaxes(2, 3) * (scale or max(q.shape[2] // heads, 1) ** -0.5)
    if mask is not None:
        shaped = mask if mask.ndim == 2 else mask[:, None]
        scores = scores + shaped.astype(np.float64)
    used = np.full(batch, keys) if lengths is None else lengths
    seen = np.broadcast_to(np.arange(keys) < used[:, None, None], (batch, queries, keys))
    if causal:
        last = used[:, None] - queries + np.arange(queries)
        seen = seen & (np.arange(keys) <= last[:, :, None])
    scores = np.where(seen[:, None], scores, -np.inf)
    peak = scores.max(axis=3, keepdims=True, initial=-np.inf)
    weights = np.exp(scores - np.where(np.isneginf(peak), 0, peak))
    total = weights.sum(axis=3, keepdims=True)
    out = np.where(total == 0, 0, weights @ parts[2] / np.where(total == 0, 1, total))
    return out.transpose(0, 2, 1, 3).reshape(batch, queries, v.shape[2])


MATMULS = [
    ((12, 37, 64), (12, 64, 50), False),
    ((2, 3, 29, 33), (2, 3, 70, 33), True),
    ((5, 1, 40), (5, 40, 130), False),
    ((5, 3, 47), (5, 19, 47), True),
    ((4, 2, 5), (5, 3), False),
    ((3, 4, 200, 7), (7, 65), False),
    ((1, 4, 9, 8), (6, 1, 8, 10), False),
    ((9, 8), (6, 8, 11), False),
    ((17, 1), (1, 1), False),
    ((4, 3000), (3000, 70), False),
    ((30, 5001), (131, 5001), True),
    ((400, 96), (96, 300), False),
    ((2, 7, 0), (2, 0, 5), False),
    ((0, 7, 3), (0, 3, 5), False),
    ((2, 7, 3), (2, 3, 0), False),
    ((2, 0, 3), (2, 3, 4), False),
    ((7, 1, 0), (7, 9, 0), True),
]


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("case", MATMULS, ids=str)
def test_a_product_of_matrices_is_what_float64_says(isa: str, case: tuple[Any, ...]) -> None:
    left, right, transposed = case
    rng = np.random.default_rng(1)
    a, b = floats(rng, *left), floats(rng, *right)
    wanted = 0.5 * (a.astype(np.float64) @ (b.swapaxes(-1, -2) if transposed else b))
    plan = kernels.MatMul(left, right, transpose_b=transposed, factor=0.5, isa=isa)
    assert plan.isa == isa
    assert plan.out_shape == wanted.shape
    assert plan.macs == wanted.size * left[-1]
    got = plan(a, b)
    assert np.abs(got - wanted).max(initial=0) <= 1e-5 * np.abs(wanted).max(initial=1)
    for threads in (2, 3):
        again = kernels.MatMul(left, right, transpose_b=transposed, factor=0.5, isa=isa, threads=threads)
        assert np.array_equal(again(a, b), got)


def test_a_product_in_one_call_copies_what_does_not_fit() -> None:
    rng = np.random.default_rng(2)
    a, b = floats(rng, 6, 50), floats(rng, 50, 40)
    wanted = kernels.matmul(a, b)
    assert np.array_equal(kernels.matmul(np.asfortranarray(a), np.repeat(b, 2, axis=1)[:, ::2]), wanted)
    assert error(kernels.matmul(a.astype(np.float64), b.tolist()), wanted) < 1e-6
    plan = kernels.MatMul(a.shape, b.shape)
    with pytest.raises(KernelError, match="contiguous"):
        plan(np.asfortranarray(a), b)
    with pytest.raises(KernelError, match="share memory"):
        plan(a, b, out=a.reshape(-1)[:240].reshape(6, 40))


def test_matrices_may_be_parts_of_wider_ones() -> None:
    rng = np.random.default_rng(3)
    wide, right, out = floats(rng, 40, 100), floats(rng, 30, 90), floats(rng, 40, 77)
    a, b = wide[:, 20:50], right[:, 5:75]
    op = _core.matmul_operator(left=[40, 30], right=[30, 70], left_pitch=100, right_pitch=90, out_pitch=77)
    before = out.copy()
    op.run((a, b), (out[:, :70],))
    assert error(out[:, :70], a.astype(np.float64) @ b) < 1e-5
    assert np.array_equal(out[:, 70:], before[:, 70:])


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("rows", [2, 20])
def test_nan_and_infinity_go_through_a_product(rows: int, transposed: bool) -> None:
    rng = np.random.default_rng(4)
    a, b = floats(rng, rows, 20), floats(rng, 20, 30)
    a[1, 3] = np.nan
    b[2, 7] = np.inf
    with np.errstate(invalid="ignore"):
        wanted = a @ b
    got = kernels.matmul(a, b.T.copy() if transposed else b, transpose_b=transposed)
    assert np.array_equal(np.isnan(got), np.isnan(wanted))
    assert np.array_equal(np.isposinf(got), np.isposinf(wanted))


@pytest.mark.parametrize(
    ("left", "right", "options", "words"),
    [
        ((3,), (3, 4), {}, "two axes"),
        ((3, 4), (5, 6), {}, "columns"),
        ((3, 4), (6, 5), {"transpose_b": True}, "transposed"),
        ((2, 3, 4), (3, 4, 5), {}, "batches"),
        ((-1, 4), (4, 5), {}, "no array can have"),
        ((2**40, 4), (4, 2**40), {}, "no array can have"),
        ((3, 4), (4, 5), {"threads": 0}, "threads"),
        ((3, 4), (4, 5), {"isa": "mmx"}, "mmx"),
        ((3, 4), (4, 5), {"factor": "half"}, "factor"),
    ],
)
def test_matrices_that_do_not_meet_are_refused(
    left: tuple[int, ...], right: tuple[int, ...], options: dict[str, Any], words: str
) -> None:
    with pytest.raises(KernelError, match=words):
        kernels.MatMul(left, right, **options)


# batch, queries, keys, heads, head, value_head, options
ATTENTIONS: list[tuple[int, int, int, int, int, int, dict[str, Any]]] = [
    (1, 128, 128, 3, 64, 64, {}),
    (2, 50, 50, 2, 16, 24, {"causal": True}),
    (7, 5, 9, 2, 8, 4, {"causal": True}),
    (1, 197, 197, 1, 64, 64, {}),
    (1, 60, 2100, 2, 20, 36, {}),
    (1, 60, 2100, 1, 20, 36, {"causal": True}),
    (2, 130, 130, 1, 12, 7, {"mask": "additive"}),
    (2, 13, 77, 3, 5, 9, {"mask": "batch", "causal": True}),
    (2, 130, 70, 1, 33, 17, {"mask": "keys"}),
    (1, 1, 1, 1, 1, 1, {}),
    (1, 1, 500, 4, 64, 64, {}),
    (3, 1, 77, 2, 40, 24, {"mask": "additive"}),
    (2, 3, 90, 2, 17, 33, {"causal": True, "mask": "batch"}),
    (2, 2, 33, 2, 16, 16, {"mask": "keys"}),
    (2, 9, 5, 2, 16, 16, {"causal": True}),  # more queries than keys: the first see nothing
    (2, 3, 2, 2, 16, 16, {"causal": True}),
    (1, 6, 0, 2, 4, 4, {}),
    (1, 2, 0, 2, 4, 4, {}),
    (0, 6, 6, 2, 4, 4, {}),
    (1, 0, 6, 2, 4, 4, {}),
    (1, 6, 6, 2, 0, 4, {}),
    (1, 6, 6, 2, 4, 0, {}),
]


def tensors(rng: np.random.Generator, case: tuple[Any, ...]) -> tuple[Array, Array, Array, Array | None]:
    batch, queries, keys, heads, head, value_head, options = case
    shapes = {
        "additive": (queries, keys),
        "batch": (batch, queries, keys),
        "keys": (batch, keys),
    }
    mask = None
    if "mask" in options:
        mask = floats(rng, *shapes[options["mask"]])
        mask[rng.random(mask.shape) < 0.3] = -np.inf
    return (
        floats(rng, batch, queries, heads * head),
        floats(rng, batch, keys, heads * head),
        floats(rng, batch, keys, heads * value_head),
        mask,
    )


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("case", ATTENTIONS, ids=str)
def test_attention_is_what_float64_says(isa: str, case: tuple[Any, ...]) -> None:
    batch, _, keys, heads, *_, options = case
    q, k, v, mask = tensors(np.random.default_rng(5), case)
    shaped = mask[:, None] if options.get("mask") == "keys" and mask is not None else mask
    causal = options.get("causal", False)
    wanted = reference(q, k, v, heads, causal, shaped)
    plan = kernels.Attention(q.shape, k.shape, v.shape, heads=heads, isa=isa, **options)
    assert plan.isa == isa
    assert plan.out_shape == wanted.shape
    got = plan(q, k, v, mask)
    assert np.abs(got - wanted).max(initial=0) <= 1e-5 * np.abs(wanted).max(initial=1e-9)
    for threads in (2, 3, 7):
        again = kernels.Attention(q.shape, k.shape, v.shape, heads=heads, isa=isa, threads=threads, **options)
        assert np.array_equal(again(q, k, v, mask), got)
    if keys == 0:
        return
    lengths = np.random.default_rng(6).integers(0, keys + 1, batch)
    some = kernels.Attention(q.shape, k.shape, v.shape, heads=heads, isa=isa, lengths=True, **options)
    wanted = reference(q, k, v, heads, causal, shaped, lengths=lengths)
    # What lies behind the keys that count is not looked at.
    for sample, length in enumerate(lengths):
        k[sample, length:] = np.nan
        v[sample, length:] = np.nan
    got = some(q, k, v, mask, lengths=lengths)
    assert np.abs(got - wanted).max(initial=0) <= 1e-5 * np.abs(wanted).max(initial=1e-9)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("queries", [2, 40])
def test_large_scores_overflow_nowhere(isa: str, queries: int) -> None:
    rng = np.random.default_rng(7)
    q, k, v = (floats(rng, 1, tokens, 32) for tokens in (queries, 1500, 1500))
    plan = kernels.Attention(q.shape, k.shape, heads=1, scale=40.0, isa=isa)
    assert error(plan(q, k, v), reference(q, k, v, 1, scale=40.0)) < 1e-4
    k[0, 1400:] *= 30  # the peak comes last
    assert error(plan(q, k, v), reference(q, k, v, 1, scale=40.0)) < 1e-3


@pytest.mark.parametrize("queries", [3, 50])
def test_a_query_that_sees_nothing_gives_zeros_and_nan_stays(queries: int) -> None:
    rng = np.random.default_rng(8)
    q, k, v = (floats(rng, 1, tokens, 32) for tokens in (queries, 70, 70))
    mask = np.zeros((queries, 70), np.float32)
    mask[1] = -np.inf
    q[0, 2, 0] = np.nan
    got = kernels.attention(q, k, v, mask, heads=2)
    assert np.all(got[0, 1] == 0)
    assert np.all(np.isnan(got[0, 2, :16]))
    assert not np.isnan(got[0, 2, 16:]).any()
    assert not np.isnan(got[0, [0, *range(3, queries)]]).any()
    v[0, 5] = np.inf
    assert np.all(kernels.attention(q, k, v, mask, heads=2)[0, 1] == 0)
    assert np.all(np.isposinf(kernels.attention(q, k, v, mask, heads=2)[0, 0]))


@pytest.mark.parametrize("tokens", [2, 60])
def test_heads_may_lie_in_a_wider_tensor(tokens: int) -> None:
    rng = np.random.default_rng(9)
    wide = floats(rng, 2, tokens, 200)
    q, k, v = wide[..., :48], wide[..., 50:98], wide[..., 100:164]
    out = floats(rng, 2, tokens, 70)
    shape = [2, tokens]
    op = _core.attention_operator(
        queries=[*shape, 48],
        keys=[*shape, 48],
        values=[*shape, 64],
        heads=4,
        scale=0.25,
        q_pitch=200,
        k_pitch=200,
        v_pitch=200,
        out_pitch=70,
    )
    before = out.copy()
    op.run((q, k, v), (out[..., :64],))
    assert error(out[..., :64], reference(q, k, v, 4, scale=0.25)) < 1e-5
    assert np.array_equal(out[..., 64:], before[..., 64:])


@pytest.mark.parametrize("isa", ISAS)
def test_a_sequence_is_continued_token_by_token(isa: str) -> None:
    rng = np.random.default_rng(10)
    tokens, heads, width = 40, 3, 48
    q, k, v = (floats(rng, 2, tokens, width) for _ in range(3))
    whole = kernels.Attention(q.shape, k.shape, heads=heads, causal=True, isa=isa)(q, k, v)
    cache = kernels.KVCache(2, 64, width)
    cache.keys[...] = np.nan
    cache.values[...] = np.nan
    prompt = 10
    cache.append(k[:, :prompt], v[:, :prompt])
    first = kernels.Attention(
        (2, prompt, width), cache.keys.shape, heads=heads, causal=True, lengths=True, isa=isa
    )
    got = first(q[:, :prompt].copy(), cache.keys, cache.values, lengths=cache.length)
    assert error(got, whole[:, :prompt]) < 1e-5
    step = kernels.Attention((2, 1, width), cache.keys.shape, heads=heads, lengths=True, isa=isa)
    for token in range(prompt, tokens):
        cache.append(k[:, token : token + 1], v[:, token : token + 1])
        got = step(q[:, token : token + 1].copy(), cache.keys, cache.values, lengths=cache.length)
        assert error(got, whole[:, token : token + 1]) < 1e-5
    assert cache.length == tokens
    with pytest.raises(KernelError, match="more than its 64"):
        cache.append(k, v)
    cache.clear()
    assert (cache.length, cache.capacity) == (0, 64)
    with pytest.raises(KernelError, match="the keys must be"):
        cache.append(k[0], v)
    with pytest.raises(KernelError, match="the values must be"):
        cache.append(k, v[..., :3])
    with pytest.raises(KernelError, match="keys of 2 tokens"):
        cache.append(k[:, :2], v[:, :3])


def test_a_plan_may_be_called_from_several_threads() -> None:
    rng = np.random.default_rng(11)
    plan = kernels.Attention((1, 50, 64), (1, 50, 64), heads=4, threads=2)
    all_inputs = [tuple(floats(rng, 1, 50, 64) for _ in range(3)) for _ in range(4)]
    wanted = [plan(*inputs) for inputs in all_inputs]
    wrong: list[int] = []

    def work(index: int) -> None:
        same = all(np.array_equal(plan(*all_inputs[index]), wanted[index]) for _ in range(20))
        if not same:
            wrong.append(index)

    workers = [threading.Thread(target=work, args=(index,)) for index in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


@pytest.mark.parametrize(
    ("q", "k", "options", "words"),
    [
        ((1, 4), (1, 4, 8), {}, "three axes"),
        ((1, 4, 8), (1, 4, 6), {}, "one length"),
        ((1, 4, 8), (2, 4, 8), {}, "one batch"),
        ((1, 4, 9), (1, 4, 9), {}, "heads cannot share"),
        ((1, 4, 8), (1, 4, 8), {"heads": 0}, "heads must be from 1"),
        ((1, 4, 8), (1, 4, 8), {"mask": "round"}, "no mask 'round'"),
        ((1, 4, 8), (1, 4, 8), {"v_shape": (1, 5, 8)}, "as many values as keys"),
        ((1, -4, 8), (1, 4, 8), {}, "no array can have"),
        ((2**20, 2**20, 2**20), (2**20, 1, 2**20), {}, "no array can have"),
        ((1, 4, 8), (1, 4, 8), {"threads": 2000}, "threads"),
        ((1, 4, 8), (1, 4, 8), {"isa": "mmx"}, "mmx"),
        ((1, 4, 8), (1, 4, 8), {"scale": None, "heads": 2.5}, "heads"),
    ],
)
def test_attention_that_makes_no_sense_is_refused(
    q: tuple[int, ...], k: tuple[int, ...], options: dict[str, Any], words: str
) -> None:
    with pytest.raises(KernelError, match=words):
        kernels.Attention(q, k, **{"heads": 2, **options})


def test_arrays_and_lengths_that_do_not_fit_are_refused() -> None:
    x = np.zeros((2, 4, 8), np.float32)
    plain = kernels.Attention(x.shape, x.shape, heads=2)
    counted = kernels.Attention(x.shape, x.shape, heads=2, mask="keys", lengths=True)
    mask = np.zeros((2, 4), np.float32)
    for call, words in (
        (lambda: plain(x, x, x, mask), "made without a mask"),
        (lambda: plain(x, x, x, lengths=3), "made without lengths"),
        (lambda: counted(x, x, x, lengths=3), "made with a mask"),
        (lambda: counted(x, x, x, mask), "made with lengths"),
        (lambda: counted(x, x, x, mask, lengths=5), "from 0 to 4"),
        (lambda: counted(x, x, x, mask, lengths=[1, -1]), "from 0 to 4"),
        (lambda: counted(x, x, x, mask, lengths=[1, 2, 3]), "one for each of 2"),
        (lambda: counted(x, x, x, mask, lengths=1.5), "whole number"),
        (lambda: plain(x[:, :, ::-1], x, x), "contiguous"),
        (lambda: plain(x, x, x, out=x), "share memory"),
        (lambda: plain(x, x, x[:1]), "shape"),
        (lambda: plain(x, x, x.astype(np.float64)), "float32"),
    ):
        with pytest.raises(KernelError, match=words):
            call()
