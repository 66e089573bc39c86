"""Problems: extended einsums, the loop nests that chips execute (DESIGN.md section 3)."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from dnnaccel.errors import LayerError, did_you_mean

__all__ = [
    "DIMS",
    "ROLES",
    "Axis",
    "Problem",
    "Tensor",
    "check_macs",
    "convolution",
    "matmul",
    "recurrence",
    "unknown_dim",
    "unknown_role",
]

DIMS: tuple[str, ...] = ("N", "G", "M", "C", "P", "Q", "R", "S")
"""Dimension names: N batch, G groups, M output channels per group, C input channels per group,
P output rows, Q output columns, R filter rows, S filter columns."""

ROLES: tuple[str, ...] = ("inputs", "weights", "outputs")
"""Roles a tensor plays for a chip. A matrix product's left operand has the role inputs, its right weights."""

# What the same dims and tensors are called elsewhere.
_OTHER_DIMS = {
    **{"K": "M", "OC": "M", "B": "N", "IC": "C"},
    **{"H": "P", "Y": "P", "E": "P", "OH": "P", "OY": "P", "OUT_H": "P"},
    **{"W": "Q", "X": "Q", "OW": "Q", "OX": "Q", "OUT_W": "Q"},
    **{"KH": "R", "FY": "R", "KW": "S", "FX": "S"},
}
_MEANINGS = {
    **{"N": "batch", "G": "groups", "M": "output channels", "C": "input channels"},
    **{"P": "output rows", "Q": "output columns", "R": "filter rows", "S": "filter columns"},
}
_OTHER_ROLES = {
    **dict.fromkeys(("ifmap", "ifmaps", "activation", "activations", "acts", "left"), "inputs"),
    **dict.fromkeys(("filter", "filters", "kernel", "kernels", "right"), "weights"),
    **dict.fromkeys(("ofmap", "ofmaps", "psum", "psums", "sums", "partial_sums", "results"), "outputs"),
}

MAX_MACS = 2**53
"""Largest MAC count of one problem: every word count is bounded by it, so none can overflow 64 bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One axis of a tensor: the coordinate `sum(coefficient * dim) + offset`, clipped to [0, size).

    A coordinate outside [0, size) is padding: it is zero and never fetched.
    """

    terms: tuple[tuple[str, int], ...]
    size: int
    offset: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """A tensor of a problem: its name, its role for a chip (one of `ROLES`) and its axes."""

    name: str
    role: str
    axes: tuple[Axis, ...]

    @property
    def words(self) -> int:
        """Number of words of the whole tensor."""
        return math.prod(axis.size for axis in self.axes)

    @property
    def dims(self) -> frozenset[str]:
        """Names of the dims that move this tensor's coordinates."""
        return frozenset(dim for axis in self.axes for dim, _ in axis.terms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """An extended einsum: named dims with bounds, and tensors whose coordinates are affine in the dims.

    Raises `LayerError` for a bound below 1, a dim that is unknown or stands on two axes of one tensor,
    outputs that are not one dim per axis, or more than 2**53 MACs.

    `sequential` names the dims whose positions wait for each other, as the steps of a recurrent layer do: a
    chip finishes one before it begins the next, so their loops stand outermost and go one step at a time.
    """

    bounds: Mapping[str, int]
    tensors: tuple[Tensor, ...]
    sequential: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "bounds", MappingProxyType(dict(self.bounds)))
        for dim, bound in self.bounds.items():
            if bound < 1:
                raise LayerError(f"dim {dim} has bound {bound}; it must be at least 1")
        check_macs(self.macs)
        if sorted(t.role for t in self.tensors) != sorted(ROLES):
            raise LayerError(f"a problem has one tensor of each role {ROLES}")
        for tensor in self.tensors:
            seen = [dim for axis in tensor.axes for dim, _ in axis.terms]
            for dim in seen:
                if dim not in self.bounds:
                    raise LayerError(f"tensor {tensor.name} uses dim {dim}, which has no bound")
                if seen.count(dim) > 1:
                    raise LayerError(f"dim {dim} stands on two axes of tensor {tensor.name}")
        for dim in self.sequential:
            if dim not in self.bounds or self.sequential.count(dim) > 1:
                raise LayerError(
                    f"sequential must name dims of the problem, each once, given {self.sequential!r}"
                )

    def __hash__(self) -> int:
        return hash((tuple(self.bounds.items()), self.tensors, self.sequential))

    def __reduce__(self) -> tuple[Any, ...]:
        return _problem, (dict(self.bounds), self.tensors, self.sequential)

    @property
    def macs(self) -> int:
        """Number of multiply-accumulates: the product of all bounds, whatever the mapping."""
        return math.prod(self.bounds.values())

    @property
    def dims(self) -> tuple[str, ...]:
        """Names of the dims, in order."""
        return tuple(self.bounds)

    @property
    def waiting(self) -> tuple[str, ...]:
        """Names of the sequential dims that have more than one position."""
        return tuple(dim for dim in self.sequential if self.bounds[dim] > 1)

    def tensor(self, role: str) -> Tensor:
        """Return the tensor that plays `role`."""
        return next(t for t in self.tensors if t.role == role)


def check_macs(macs: int) -> None:
    """Raise `LayerError` for more MACs than are counted exactly."""
    if macs > MAX_MACS:
        raise LayerError(f"{macs} MACs in one layer; at most 2**53 can be counted exactly")


def _problem(bounds: dict[str, int], tensors: tuple[Tensor, ...], sequential: tuple[str, ...]) -> Problem:
    # Read-only views do not pickle; what they show does.
    return Problem(bounds=bounds, tensors=tensors, sequential=sequential)


def _channel_axes(group_bound: int, channels: int, dim: str) -> tuple[Axis, ...]:
    # Channel g*C + c with c < C is one to one, so group and channel stand as two axes.
    return (
        Axis(terms=(("G", 1),), size=group_bound),
        Axis(terms=((dim, 1),), size=channels),
    )


def unknown_dim(name: object) -> str:
    """Return the sentence about a dim that is none of `DIMS`: which one may be meant, and what it is."""
    text = str(name).upper()
    dim = text if text in DIMS else _OTHER_DIMS.get(text)
    if dim is None:
        return f"unknown dim {_cut(name)}; valid: {', '.join(DIMS)}"
    return f"unknown dim {name!r}; did you mean {dim!r} ({_MEANINGS[dim]})?"


def unknown_role(name: object) -> str:
    """Return the sentence about a tensor that is none of `ROLES`, with the one that may be meant."""
    other = _OTHER_ROLES.get(str(name).lower())
    return f"unknown tensor {_cut(name)}; " + (
        f"did you mean {other!r}?" if other else did_you_mean(str(name)[:60], ROLES)
    )


def _cut(name: object) -> str:
    text = repr(name)
    return text if len(text) <= 60 else text[:57] + "..."


@functools.lru_cache(maxsize=4096)  # a layer makes its problem whenever it is asked for it
def convolution(
    *,
    batch: int,
    groups: int,
    out_channels: int,
    in_channels: int,
    out_size: tuple[int, int],
    in_size: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int] = (1, 1),
    padding: tuple[int, int] = (0, 0),
    dilation: tuple[int, int] = (1, 1),
) -> Problem:
    """Return the problem of a grouped 2-D convolution.

    `out_channels` and `in_channels` are per group; `padding` is what precedes the first row and column
    (what follows the last is implied by `in_size` and `out_size`, since zeros are never fetched).
    A fully connected layer is the case where all sizes are 1.
    """
    rows = Axis(terms=(("P", stride[0]), ("R", dilation[0])), offset=-padding[0], size=in_size[0])
    columns = Axis(terms=(("Q", stride[1]), ("S", dilation[1])), offset=-padding[1], size=in_size[1])
    batch_axis = Axis(terms=(("N", 1),), size=batch)
    return Problem(
        bounds={
            "N": batch,
            "G": groups,
            "M": out_channels,
            "C": in_channels,
            "P": out_size[0],
            "Q": out_size[1],
            "R": kernel[0],
            "S": kernel[1],
        },
        tensors=(
            Tensor(
                name="inputs",
                role="inputs",
                axes=(batch_axis, *_channel_axes(groups, in_channels, "C"), rows, columns),
            ),
            Tensor(
                name="weights",
                role="weights",
                axes=(
                    *_channel_axes(groups, out_channels, "M"),
                    Axis(terms=(("C", 1),), size=in_channels),
                    Axis(terms=(("R", 1),), size=kernel[0]),
                    Axis(terms=(("S", 1),), size=kernel[1]),
                ),
            ),
            Tensor(
                name="outputs",
                role="outputs",
                axes=(
                    batch_axis,
                    *_channel_axes(groups, out_channels, "M"),
                    Axis(terms=(("P", 1),), size=out_size[0]),
                    Axis(terms=(("Q", 1),), size=out_size[1]),
                ),
            ),
        ),
    )


def matmul(*, batch: int, rows: int, columns: int, inner: int) -> Problem:
    """Return the problem of `batch` matrix products (rows x inner) @ (inner x columns), both activations.

    Batch is dim G, rows P, columns M and the inner dimension C, so that every dataflow applies unchanged.
    """
    group = Axis(terms=(("G", 1),), size=batch)
    row = Axis(terms=(("P", 1),), size=rows)
    column = Axis(terms=(("M", 1),), size=columns)
    depth = Axis(terms=(("C", 1),), size=inner)
    return Problem(
        bounds={"G": batch, "M": columns, "C": inner, "P": rows},
        tensors=(
            Tensor(name="left", role="inputs", axes=(group, row, depth)),
            Tensor(name="right", role="weights", axes=(group, depth, column)),
            Tensor(name="outputs", role="outputs", axes=(group, column, row)),
        ),
    )


def recurrence(*, batch: int, steps: int, outputs: int, inner: int) -> Problem:
    """Return the problem of `steps` vector-matrix products that wait for each other, one matrix for all.

    Batch is dim N, the steps P (sequential, no index of the weights), outputs M and the vector's length C.
    """
    sample = Axis(terms=(("N", 1),), size=batch)
    step = Axis(terms=(("P", 1),), size=steps)
    row = Axis(terms=(("M", 1),), size=outputs)
    depth = Axis(terms=(("C", 1),), size=inner)
    return Problem(
        bounds={"N": batch, "M": outputs, "C": inner, "P": steps},
        tensors=(
            Tensor(name="inputs", role="inputs", axes=(sample, depth, step)),
            Tensor(name="weights", role="weights", axes=(row, depth)),
            Tensor(name="outputs", role="outputs", axes=(sample, row, step)),
        ),
        sequential=("P",),
    )
