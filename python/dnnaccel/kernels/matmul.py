"""Products of two matrices that are known only when they are multiplied."""

from __future__ import annotations

from collections.abc import Sequence

from numpy.typing import ArrayLike

from dnnaccel import _core
from dnnaccel.errors import KernelError
from dnnaccel.kernels._plan import Floats, Plan, as_factor, as_threads, as_whole, usable

__all__ = ["MatMul", "matmul"]


class MatMul(Plan):
    """Products of matrices, in batches.

    ``out[..., m, n] = factor * sum over k of a[..., m, k] * b[..., k, n]``

    Where one matrix is made of weights, `Linear` is faster: it packs them once.

    Parameters
    ----------
    a_shape
        Shape of the left side: (..., rows, depth).
    b_shape
        Shape of the right side: (..., depth, columns), or (..., columns, depth) with `transpose_b`. The axes
        before are matched as NumPy matches them.
    transpose_b
        Whether each matrix of the right side is transposed.
    factor
        What every output is multiplied with.
    threads, isa
        As `Conv2d` has them.

    Examples
    --------
    >>> import numpy as np
    >>> plan = MatMul((2, 2, 3), (2, 4, 3), transpose_b=True, isa="portable")
    >>> plan
    MatMul((2, 2, 3) x (2, 4, 3) transposed -> (2, 2, 4); rows on portable, 1 thread)
    >>> plan(np.ones((2, 2, 3), np.float32), np.ones((2, 4, 3), np.float32))[0]
    array([[3., 3., 3., 3.],
           [3., 3., 3., 3.]], dtype=float32)
    """

    __slots__ = ()

    def __init__(
        self,
        a_shape: Sequence[int],
        b_shape: Sequence[int],
        *,
        transpose_b: bool = False,
        factor: float = 1.0,
        threads: int | None = 1,
        isa: str | None = None,
    ) -> None:
        left, right = as_whole("a_shape", a_shape), as_whole("b_shape", b_shape)
        try:
            core = _core.matmul_operator(
                left=left,
                right=right,
                transpose_right=bool(transpose_b),
                factor=as_factor("factor", factor),
                threads=as_threads(threads),
                isa=isa or "",
            )
        except ValueError as error:
            raise KernelError(f"MatMul: {error}") from None
        what = f"{left} x {right}" + " transposed" * bool(transpose_b) + f" -> {tuple(core.outputs[0])}"
        super().__init__(core, what)

    def __call__(self, a: Floats, b: Floats, out: Floats | None = None) -> Floats:
        """Return the products of `a` and `b`, written into `out` if that is given.

        All arrays are float32, contiguous and of the plan's shapes; none is copied. Raises `KernelError` for
        an array that does not fit.
        """
        return self._call((a, b), out)  # type: ignore[no-any-return]


def matmul(
    a: ArrayLike,
    b: ArrayLike,
    *,
    transpose_b: bool = False,
    factor: float = 1.0,
    threads: int | None = 1,
    isa: str | None = None,
) -> Floats:
    """Return a product of matrices in one call; see `MatMul`.

    `a` and `b` may be of any real type and any order in memory: what does not fit is copied.
    """
    left, right = usable("a", a), usable("b", b)
    plan = MatMul(left.shape, right.shape, transpose_b=transpose_b, factor=factor, threads=threads, isa=isa)
    return plan(left, right)
