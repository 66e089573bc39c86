"""Loop nests for a kernel to run: from a mapping, or from tile sizes level by level."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from dnnaccel.errors import KernelError, unknown_name

__all__ = ["Tiling", "TilingLike"]

DIMS = ("N", "G", "M", "C", "P", "Q", "R", "S")
REGISTERS = "registers"


class _Loop(Protocol):
    @property
    def dim(self) -> str: ...
    @property
    def tile(self) -> int: ...


class _Level(Protocol):
    @property
    def level(self) -> str: ...
    @property
    def loops(self) -> Sequence[_Loop]: ...
    @property
    def keeps(self) -> frozenset[str] | None: ...


class MappingLike(Protocol):
    """A `dnnaccel.Mapping`."""

    @property
    def levels(self) -> Sequence[_Level]: ...


Loops: TypeAlias = Iterable[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Tiling:
    """Loops over a convolution, outermost first, that run just as they are written.

    Each is (dim, tile): `dim` is cut into chunks of `tile`, the last one shorter where that does not divide,
    and all that follows runs for each chunk. The dims are those of `dnnaccel.problem`: N batch, G groups,
    M output channels and C input channels of a group, P output rows, Q output columns, R filter rows,
    S filter columns. What is left of each dim inside all loops is a box that the tile kernels compute: some
    pixels by some channels in registers, all of C, R and S that is in it summed up in them.

    A box that is larger than a register tile is cut into such tiles, for one vector panel of M after the
    other, its pixels row by row; a smaller one leaves registers, or lanes of them, empty. Loops over C, R and
    S that stand innermost change nothing as long as a register tile holds the outputs of the box: the sums
    stay there, and the kernel runs R, then S, then C itself.

    Examples
    --------
    >>> Tiling((("M", 64), ("P", 1), ("Q", 6)))
    Tiling(M 64, P 1, Q 6)
    """

    loops: tuple[tuple[str, int], ...]

    def __post_init__(self) -> None:
        for dim, tile in self.loops:
            if dim not in DIMS:
                raise unknown_name("dim", dim, DIMS)
            if tile < 1:
                raise KernelError(f"tiling: the loop over {dim} has tile {tile}; it must be at least 1")

    @classmethod
    def of(cls, given: TilingLike) -> Tiling:
        """Return the nest that a caller gives.

        That is a `Tiling`; its loops as (dim, tile), outermost first; loops level by level, as in
        ``{"l2": {"M": 64, "P": 8}, "l1": {"C": 64}}``, outermost first; or a `dnnaccel.Mapping`, whose loops
        down to the innermost memory are run, those of the level `registers` and of arrays below it left to
        the tile kernels. Loops spread over cores are run one after the other, or by threads.

        Examples
        --------
        >>> Tiling.of({"l2": {"M": 64, "P": 8}, "l1": {"C": 64}})
        Tiling(M 64, P 8, C 64)
        """
        if isinstance(given, Tiling):
            return given
        if hasattr(given, "levels"):
            return cls(_loops_of(given.levels))
        if isinstance(given, Mapping):
            return cls(tuple(_checked(loop) for loops in given.values() for loop in _items(loops)))
        if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
            raise KernelError(f"tiling must be a Tiling, a Mapping or loops as (dim, tile), not {given!r}")
        return cls(tuple(_checked(loop) for loop in given))

    def __repr__(self) -> str:
        return f"Tiling({', '.join(f'{dim} {tile}' for dim, tile in self.loops)})"


TilingLike: TypeAlias = Tiling | MappingLike | Loops | Mapping[str, Mapping[str, int] | Loops]


def _items(loops: Any) -> Iterable[Any]:
    return loops.items() if isinstance(loops, Mapping) else loops


def _checked(loop: Any) -> tuple[str, int]:
    try:
        dim, tile = loop
        return str(dim), operator.index(tile)
    except (TypeError, ValueError):
        raise KernelError(f"tiling: a loop is (dim, tile), as in ('M', 64), not {loop!r}") from None


def _loops_of(levels: Sequence[_Level]) -> tuple[tuple[str, int], ...]:
    """Return the loops above the registers, or if none are named, down to the innermost memory."""
    names = [level.level for level in levels]
    memories = [at for at, level in enumerate(levels) if level.keeps is not None]
    end = names.index(REGISTERS) if REGISTERS in names else max(memories, default=-1) + 1
    return tuple((loop.dim, loop.tile) for level in levels[:end] for loop in level.loops)
