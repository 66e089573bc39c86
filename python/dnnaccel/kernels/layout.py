"""Operations that only move values, and look-ups in tables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dnnaccel import _core
from dnnaccel.kernels._plan import Floats, OneInput, Pair, Plan, as_floats, as_pair, as_whole, made

__all__ = [
    "AddTable",
    "ChannelShuffle",
    "Concat",
    "Embedding",
    "Pad2d",
    "Permute",
    "Prepend",
    "Slice",
]


class Concat(Plan):
    """Tensors one after the other along an axis.

    Examples
    --------
    >>> import numpy as np
    >>> plan = Concat([(1, 2), (1, 3)], axis=-1)
    >>> plan(np.zeros((1, 2), np.float32), np.ones((1, 3), np.float32))
    array([[0., 0., 1., 1., 1.]], dtype=float32)
    """

    __slots__ = ()

    def __init__(
        self,
        x_shapes: Sequence[Sequence[int]],
        *,
        axis: int = -1,
        threads: int | None = 1,
        isa: str | None = None,
    ) -> None:
        shapes = [as_whole("x_shapes", shape) for shape in x_shapes]
        core = made(
            "Concat",
            _core.concat_operator,
            inputs=shapes,
            axis=as_whole("axis", (axis,))[0],
            threads=threads,
            isa=isa,
        )
        super().__init__(core, f"{len(shapes)} inputs -> {tuple(core.outputs[0])}, axis {axis}")

    def __call__(self, *inputs: Floats, out: Floats | None = None) -> Floats:
        """Return the inputs one after the other, written into `out` if that is given."""
        return self._call(inputs, out)  # type: ignore[no-any-return]


class Permute(OneInput):
    """The axes in another order: axis i of the output is axis ``axes[i]`` of the input.

    Examples
    --------
    >>> import numpy as np
    >>> Permute((2, 3), (1, 0))(np.arange(6, dtype=np.float32).reshape(2, 3))
    array([[0., 3.],
           [1., 4.],
           [2., 5.]], dtype=float32)
    """

    __slots__ = ()

    def __init__(
        self,
        x_shape: Sequence[int],
        axes: Sequence[int],
        *,
        threads: int | None = 1,
        isa: str | None = None,
    ) -> None:
        shape, order = as_whole("x_shape", x_shape), as_whole("axes", axes)
        core = made("Permute", _core.permute_operator, input=shape, axes=order, threads=threads, isa=isa)
        super().__init__(core, f"{shape} -> {tuple(core.outputs[0])}, axes {order}")


class Slice(OneInput):
    """Values `start` up to, not including, `stop` along an axis."""

    __slots__ = ()

    def __init__(
        self,
        x_shape: Sequence[int],
        start: int,
        stop: int,
        *,
        axis: int = -1,
        threads: int | None = 1,
        isa: str | None = None,
    ) -> None:
        shape = as_whole("x_shape", x_shape)
        first, end, along = as_whole("start, stop and axis", (start, stop, axis))
        core = made(
            "Slice",
            _core.slice_operator,
            input=shape,
            axis=along,
            start=first,
            stop=end,
            threads=threads,
            isa=isa,
        )
        super().__init__(core, f"{shape} -> {tuple(core.outputs[0])}, axis {axis} from {start}")


class Pad2d(OneInput):
    """Zeros around NHWC images: `rows` at the top and bottom, `columns` at the left and right.

    Examples
    --------
    >>> import numpy as np
    >>> Pad2d((1, 1, 1, 1), 1, (0, 1))(np.ones((1, 1, 1, 1), np.float32))[0, :, :, 0]
    array([[0., 0.],
           [1., 0.],
           [0., 0.]], dtype=float32)
    """

    __slots__ = ()

    def __init__(
        self,
        x_shape: Sequence[int],
        rows: Pair = 0,
        columns: Pair = 0,
        *,
        threads: int | None = 1,
        isa: str | None = None,
    ) -> None:
        shape = as_whole("x_shape", x_shape)
        core = made(
            "Pad2d",
            _core.pad_operator,
            input=shape,
            rows=as_pair("rows", rows),
            columns=as_pair("columns", columns),
            threads=threads,
            isa=isa,
        )
        super().__init__(core, f"{shape} -> {tuple(core.outputs[0])}")


class ChannelShuffle(OneInput):
    """Channels of the last axis dealt out: (groups, channels / groups) becomes (channels / groups, groups).

    Examples
    --------
    >>> import numpy as np
    >>> ChannelShuffle((1, 6), 2)(np.arange(6, dtype=np.float32).reshape(1, 6))
    array([[0., 3., 1., 4., 2., 5.]], dtype=float32)
    """

    __slots__ = ()

    def __init__(
        self, x_shape: Sequence[int], groups: int, *, threads: int | None = 1, isa: str | None = None
    ) -> None:
        shape = as_whole("x_shape", x_shape)
        core = made(
            "ChannelShuffle",
            _core.shuffle_operator,
            input=shape,
            groups=as_whole("groups", (groups,))[0],
            threads=threads,
            isa=isa,
        )
        super().__init__(core, f"{shape}, {groups} groups")


class Embedding(Plan):
    """Rows of a table, as int32 tokens say: (...) to (..., features).

    A token that is no row's number gives NaN.

    Examples
    --------
    >>> import numpy as np
    >>> plan = Embedding((3,), [[1, 2], [3, 4]])
    >>> plan(np.array([1, 0, 2], np.int32))
    array([[ 3.,  4.],
           [ 1.,  2.],
           [nan, nan]], dtype=float32)
    """

    __slots__ = ()

    def __init__(
        self,
        token_shape: Sequence[int],
        table: ArrayLike,
        *,
        threads: int | None = 1,
        isa: str | None = None,
    ) -> None:
        core = made(
            "Embedding",
            _core.embedding_operator,
            tokens=as_whole("token_shape", token_shape),
            table=as_floats("table", table),
            threads=threads,
            isa=isa,
        )
        super().__init__(core, f"{tuple(core.inputs[0])} -> {tuple(core.outputs[0])}")

    def __call__(self, tokens: NDArray[np.int32], out: Floats | None = None) -> Floats:
        """Return the tokens' rows, written into `out` if that is given."""
        return self._call((tokens,), out)  # type: ignore[no-any-return]


class AddTable(OneInput):
    """Each sample plus the same table: what positions add to a sequence.

    Examples
    --------
    >>> import numpy as np
    >>> AddTable((2, 2, 1), [[10], [20]])(np.ones((2, 2, 1), np.float32)).ravel()
    array([11., 21., 11., 21.], dtype=float32)
    """

    __slots__ = ()

    def __init__(
        self, x_shape: Sequence[int], table: ArrayLike, *, threads: int | None = 1, isa: str | None = None
    ) -> None:
        shape = as_whole("x_shape", x_shape)
        core = made(
            "AddTable",
            _core.add_table_operator,
            input=shape,
            table=as_floats("table", table),
            threads=threads,
            isa=isa,
        )
        super().__init__(core, str(shape))


class Prepend(OneInput):
    """A vector before each sequence of vectors: (N, L, F) to (N, L + 1, F), as a class token stands there.

    Examples
    --------
    >>> import numpy as np
    >>> Prepend((1, 1, 2), [7, 8])(np.zeros((1, 1, 2), np.float32))
    array([[[7., 8.],
            [0., 0.]]], dtype=float32)
    """

    __slots__ = ()

    def __init__(
        self, x_shape: Sequence[int], vector: ArrayLike, *, threads: int | None = 1, isa: str | None = None
    ) -> None:
        shape = as_whole("x_shape", x_shape)
        core = made(
            "Prepend",
            _core.prepend_operator,
            input=shape,
            vector=as_floats("vector", vector),
            threads=threads,
            isa=isa,
        )
        super().__init__(core, f"{shape} -> {tuple(core.outputs[0])}")
