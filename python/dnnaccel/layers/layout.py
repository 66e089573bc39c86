"""Layers that only rearrange words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from dnnaccel.layers._base import MAX_SIZE, Layer, Pair, Shape, as_pair

__all__ = ["ChannelShuffle", "Concat", "Flatten", "Pad2d", "Permute", "Reshape", "Slice"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Concat(Layer):
    """Two inputs or more, one after the other along `axis` (1: channels), equal on every other axis.

    Vector operations: none; its words move, unless the chip writes its inputs next to each other.
    """

    kind: ClassVar[str] = "concat"
    in_place: ClassVar[bool] = True
    _arity: ClassVar[int | None] = None
    _integers: ClassVar[Mapping[str, int]] = {"axis": -MAX_SIZE}

    axis: int = 1

    def _infer(self, shapes: tuple[Shape, ...]) -> Shape:
        first = shapes[0]
        axis = self._axis(self.axis, first)
        for shape in shapes[1:]:
            if (
                shape[:axis] != first[:axis]
                or shape[axis + 1 :] != first[axis + 1 :]
                or len(shape) != len(first)
            ):
                raise self._error(f"{shape} does not meet {first}; only axis {axis} may differ")
        return (*first[:axis], sum(shape[axis] for shape in shapes), *first[axis + 1 :])


class Flatten(Layer):
    """(N, C, H, W) to (N, C * H * W): the same words under other names, so nothing moves."""

    __slots__ = ()

    kind: ClassVar[str] = "flatten"
    is_view: ClassVar[bool] = True

    def _infer(self, shapes: tuple[Shape, ...]) -> Shape:
        return (shapes[0][0], math.prod(shapes[0][1:]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reshape(Layer):
    """The same words in the same order under another shape (batch first, written out): nothing moves."""

    kind: ClassVar[str] = "reshape"
    is_view: ClassVar[bool] = True

    shape: Shape

    def _fill_in(self) -> None:
        if not isinstance(self.shape, tuple | list) or len(self.shape) < 2:
            raise self._error(f"shape must hold two sizes or more, as (1, 12, 64), given {self.shape!r}")
        self._set("shape", tuple(self._integer("every size of shape", size, 1) for size in self.shape))

    def _infer(self, shapes: tuple[Shape, ...]) -> Shape:
        if math.prod(shapes[0]) != math.prod(self.shape):
            raise self._error(
                f"{shapes[0]} has {math.prod(shapes[0])} elements, {self.shape} has {math.prod(self.shape)}"
            )
        return self.shape


@dataclass(frozen=True, slots=True, kw_only=True)
class Permute(Layer):
    """The axes in another order: `axes[i]` is the input's axis that becomes axis i; nothing moves.

    It renames coordinates: the layer that reads it fetches the words in the other order.
    """

    kind: ClassVar[str] = "permute"
    is_view: ClassVar[bool] = True

    axes: tuple[int, ...]

    def _fill_in(self) -> None:
        if not isinstance(self.axes, tuple | list):
            raise self._error(f"axes must be numbers of axes, as (0, 2, 1), given {self.axes!r}")
        self._set("axes", tuple(self._integer("every axis", axis, 0) for axis in self.axes))

    def _infer(self, shapes: tuple[Shape, ...]) -> Shape:
        if sorted(self.axes) != list(range(len(shapes[0]))):
            raise self._error(f"axes {self.axes} must name every axis of {shapes[0]} once")
        return tuple(shapes[0][axis] for axis in self.axes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice(Layer):
    """The part from `start` up to, not including, `stop` of one axis: nothing moves, the reader skips.

    `stop` None means the end; the batch (axis 0) cannot be sliced.
    """

    kind: ClassVar[str] = "slice"
    is_view: ClassVar[bool] = True
    _integers: ClassVar[Mapping[str, int]] = {"axis": -MAX_SIZE, "start": 0}

    axis: int = 1
    start: int = 0
    stop: int | None = None

    def _fill_in(self) -> None:
        if self.stop is not None:
            self._set("stop", self._integer("stop", self.stop, 1))

    def _infer(self, shapes: tuple[Shape, ...]) -> Shape:
        shape = shapes[0]
        axis = self._axis(self.axis, shape)
        stop = shape[axis] if self.stop is None else self.stop
        if not self.start < stop <= shape[axis]:
            raise self._error(
                f"{self.start}..{stop} is no part of axis {axis} of {shape}; "
                f"it needs start < stop <= {shape[axis]}"
            )
        return (*shape[:axis], stop - self.start, *shape[axis + 1 :])


@dataclass(frozen=True, slots=True, kw_only=True)
class Pad2d(Layer):
    """An image with rows and columns of zeros around it: (top, bottom), (left, right); they may differ.

    Its words move, unless a chip that fuses leaves the zeros to the layer that reads it.
    """

    kind: ClassVar[str] = "pad"
    _pairs: ClassVar[Mapping[str, int]] = {"rows": 0, "columns": 0}

    rows: Pair
    columns: Pair

    def _infer(self, shapes: tuple[Shape, ...]) -> Shape:
        batch, channels, height, width = self._image(shapes[0])
        return (batch, channels, height + sum(as_pair(self.rows)), width + sum(as_pair(self.columns)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelShuffle(Layer):
    """Channels dealt out like cards: (groups, channels / groups) read as (channels / groups, groups).

    ShuffleNet's way to let groups see each other (Zhang et al., CVPR 2018, section 3.1). No vector
    operations; its words move.
    """

    kind: ClassVar[str] = "channel_shuffle"
    _integers: ClassVar[Mapping[str, int]] = {"groups": 1}

    groups: int

    def _infer(self, shapes: tuple[Shape, ...]) -> Shape:
        shape = self._image(shapes[0])
        if shape[1] % self.groups:
            raise self._error(f"groups={self.groups} must divide the {shape[1]} channels of {shape}")
        return shape
