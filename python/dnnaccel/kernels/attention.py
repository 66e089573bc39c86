"""Attention, and the cache of keys and values of a sequence that is continued token by token."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dnnaccel import _core
from dnnaccel.errors import KernelError
from dnnaccel.kernels._plan import Floats, Plan, as_factor, as_threads, as_whole, empty, usable

__all__ = ["Attention", "KVCache", "attention"]


class Attention(Plan):
    """Attention of several heads: ``softmax(scale * q @ k.T + mask) @ v``, head by head.

    A query that may see no key, or only ones with a mask of minus infinity, gives zeros, as in PyTorch.

    Parameters
    ----------
    q_shape
        Shape of the queries: (batch, queries, heads * values of a head), as a layer of matrices leaves them.
    k_shape
        Shape of the keys: (batch, keys, heads * values of a head). Where calls say how many keys count, these
        are the most.
    v_shape
        Shape of the values: (batch, keys, heads * values of a value's head); None: that of the keys.
    heads
        How many there are.
    scale
        What the products of queries and keys are multiplied with; None: one over the square root of the
        values in a head.
    causal
        Whether a query sees only the keys of its token and those before. The last query is that of the last
        key: with more keys than queries, as when a sequence is continued, the first keys are the past.
    mask
        What calls are given to add to the scores, the same for all heads: False or "none"; True or
        "additive": (queries, keys); "batch": (batch, queries, keys); "keys": (batch, keys).
    lengths
        Whether calls say how many keys of each sample count.
    threads, isa
        As `Conv2d` has them.

    Examples
    --------
    >>> import numpy as np
    >>> plan = Attention((1, 2, 8), (1, 3, 8), heads=2, causal=True, isa="portable")
    >>> plan
    Attention((1, 2, 8), 3 keys -> (1, 2, 8), 2 heads, causal; rows on portable, 1 thread)
    >>> v = np.arange(24, dtype=np.float32).reshape(1, 3, 8)
    >>> plan(np.zeros((1, 2, 8), np.float32), np.zeros((1, 3, 8), np.float32), v)[0, :, 0]
    array([4., 8.], dtype=float32)
    """

    __slots__ = ("_lengths", "_masked", "keys")

    def __init__(
        self,
        q_shape: Sequence[int],
        k_shape: Sequence[int],
        v_shape: Sequence[int] | None = None,
        *,
        heads: int,
        scale: float | None = None,
        causal: bool = False,
        mask: bool | str = False,
        lengths: bool = False,
        threads: int | None = 1,
        isa: str | None = None,
    ) -> None:
        queries, keys = as_whole("q_shape", q_shape), as_whole("k_shape", k_shape)
        (head_count,) = as_whole("heads", (heads,))
        kind = mask if isinstance(mask, str) else "additive" if mask else "none"
        if scale is None:
            values = queries[-1] // head_count if queries and head_count > 0 else 0
            scale = 1 / math.sqrt(max(values, 1))
        try:
            core = _core.attention_operator(
                queries=queries,
                keys=keys,
                values=keys if v_shape is None else as_whole("v_shape", v_shape),
                heads=head_count,
                scale=as_factor("scale", scale),
                causal=bool(causal),
                mask=kind,
                lengths=bool(lengths),
                threads=as_threads(threads),
                isa=isa or "",
            )
        except ValueError as error:
            raise KernelError(f"Attention: {error}") from None
        what = f"{queries}, {keys[1]} keys -> {tuple(core.outputs[0])}, {head_count} heads"
        what += ", causal" * bool(causal) + f", {kind} mask" * (kind != "none")
        super().__init__(core, what + ", with lengths" * bool(lengths))
        self.keys = keys[1]
        self._masked = kind != "none"
        self._lengths = bool(lengths)

    def __call__(
        self,
        q: Floats,
        k: Floats,
        v: Floats,
        mask: Floats | None = None,
        out: Floats | None = None,
        *,
        lengths: int | Sequence[int] | NDArray[Any] | None = None,
    ) -> Floats:
        """Return the outputs for `q`, `k` and `v`, written into `out` if that is given.

        All arrays are float32, contiguous and of the plan's shapes; none is copied. `lengths`, of a plan that
        was made with them, are how many of the keys count, of each sample or of all. Raises `KernelError` for
        an array that does not fit.
        """
        inputs: tuple[Any, ...] = (q, k, v)
        if (mask is not None) != self._masked:
            raise KernelError(f"Attention: made {'with' if self._masked else 'without'} a mask")
        if (lengths is not None) != self._lengths:
            raise KernelError(f"Attention: made {'with' if self._lengths else 'without'} lengths")
        if mask is not None:
            inputs += (mask,)
        if lengths is not None:
            inputs += (self._as_lengths(lengths),)
        return self._call(inputs, out)  # type: ignore[no-any-return]

    def _as_lengths(self, lengths: Any) -> NDArray[np.int32]:
        given = np.asarray(lengths)
        if given.dtype.kind not in "iu" or given.ndim > 1 or (given.ndim and given.shape != self.x_shape[:1]):
            raise KernelError(
                f"Attention: lengths must be a whole number or one for each of {self.x_shape[0]} samples, "
                f"not {lengths!r}"
            )
        if given.size and not (given.min() >= 0 and given.max() <= self.keys):
            raise KernelError(f"Attention: lengths must be from 0 to {self.keys} keys, not {lengths!r}")
        whole = np.empty(self.x_shape[0], np.int32)
        whole[...] = given
        return whole


class KVCache:
    """Keys and values of the tokens of a sequence so far, with room for more.

    Parameters
    ----------
    batch, capacity
        How many sequences, and the most tokens that each can have.
    values
        Values of a token's keys: heads * values of a head.
    v_values
        Of its values; None: as many.

    Attributes
    ----------
    keys, values
        Arrays of (batch, capacity, values), of which the first `length` tokens are set: what a plan takes
        that was made for them with ``lengths=True``.
    length
        Tokens so far.

    Examples
    --------
    >>> import numpy as np
    >>> cache = KVCache(1, 16, 8)
    >>> plan = Attention((1, 1, 8), cache.keys.shape, heads=2, lengths=True)
    >>> for token in range(3):
    ...     k = v = np.full((1, 1, 8), token, np.float32)
    ...     cache.append(k, v)
    ...     y = plan(np.zeros((1, 1, 8), np.float32), cache.keys, cache.values, lengths=cache.length)
    >>> cache
    KVCache(3 of 16 tokens)
    >>> float(y[0, 0, 0])
    1.0
    """

    __slots__ = ("keys", "length", "values")

    def __init__(self, batch: int, capacity: int, values: int, v_values: int | None = None) -> None:
        self.keys = empty((batch, capacity, values))
        self.values = empty((batch, capacity, values if v_values is None else v_values))
        self.length = 0

    @property
    def capacity(self) -> int:
        """The most tokens."""
        return int(self.keys.shape[1])

    def append(self, k: ArrayLike, v: ArrayLike) -> None:
        """Copy keys and values of further tokens, (batch, tokens, values), behind those that are there."""
        new_keys, new_values = np.asarray(k), np.asarray(v)
        for name, new, cached in (("keys", new_keys, self.keys), ("values", new_values, self.values)):
            if new.ndim != 3 or (new.shape[0], new.shape[2]) != (cached.shape[0], cached.shape[2]):
                raise KernelError(
                    f"KVCache: the {name} must be ({cached.shape[0]}, tokens, {cached.shape[2]}), "
                    f"not {new.shape}"
                )
        tokens = new_keys.shape[1]
        if new_values.shape[1] != tokens:
            raise KernelError(f"KVCache: keys of {tokens} tokens, values of {new_values.shape[1]}")
        end = self.length + tokens
        if end > self.capacity:
            raise KernelError(f"KVCache: {end} tokens are more than its {self.capacity}")
        self.keys[:, self.length : end] = new_keys
        self.values[:, self.length : end] = new_values
        self.length = end

    def clear(self) -> None:
        """Forget all tokens."""
        self.length = 0

    def __repr__(self) -> str:
        return f"KVCache({self.length} of {self.capacity} tokens)"


def attention(
    q: ArrayLike,
    k: ArrayLike,
    v: ArrayLike,
    mask: ArrayLike | None = None,
    *,
    heads: int,
    scale: float | None = None,
    causal: bool = False,
    threads: int | None = 1,
    isa: str | None = None,
) -> Floats:
    """Return attention in one call; see `Attention`.

    The arrays may be of any real type and any order in memory: what does not fit is copied. A mask of two
    axes is (queries, keys), one of three (batch, queries, keys).
    """
    queries, keys, values = usable("q", q), usable("k", k), usable("v", v)
    added = None if mask is None else usable("mask", mask)
    if added is not None and added.ndim not in (2, 3):
        raise KernelError(f"Attention: mask must have two or three axes, not {added.ndim}")
    plan = Attention(
        queries.shape,
        keys.shape,
        values.shape,
        heads=heads,
        scale=scale,
        causal=causal,
        mask="none" if added is None else "additive" if added.ndim == 2 else "batch",
        threads=threads,
        isa=isa,
    )
    return plan(queries, keys, values, added)
