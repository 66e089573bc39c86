"""In which order a tensor's values lie in memory, beside the shape that the network gives it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from dnnaccel.layers import Shape

__all__ = ["Layout", "channels_last", "conversion", "row_major", "same_memory"]


@dataclass(frozen=True, slots=True)
class Layout:
    """How a tensor lies in memory.

    Parameters
    ----------
    shape
        Sizes of its axes as the network has them.
    stored
        Sizes of its axes in memory, in row-major order.
    order
        For each axis of `axes`, which axis of `stored` it is.

    Examples
    --------
    >>> layout = channels_last((1, 64, 56, 56))
    >>> layout.stored
    (1, 56, 56, 64)
    >>> layout.reshaped((1, 64 * 56 * 56)).folded
    True
    """

    shape: Shape
    stored: Shape
    order: tuple[int, ...]

    @property
    def axes(self) -> Shape:
        """Sizes of the stored axes in the network's order: `shape`, but that some may be folded into one."""
        return tuple(self.stored[axis] for axis in self.order)

    @property
    def folded(self) -> bool:
        """Whether axes were folded together that lie in another order, so that only a copy has `shape`."""
        return self.shape != self.axes

    @property
    def plain(self) -> bool:
        """Whether the values lie in the order that `shape` says."""
        order = [axis for axis in self.order if self.stored[axis] != 1]
        return order == sorted(order)

    def stored_axis(self, axis: int) -> int:
        """Return which stored axis is the network's axis `axis`; the layout must not be folded."""
        assert not self.folded
        return self.order[axis]

    def permuted(self, axes: Sequence[int]) -> Layout:
        """Return the layout of the same memory with its axes in another order; it must not be folded."""
        assert not self.folded
        return Layout(
            shape=tuple(self.shape[axis] for axis in axes),
            stored=self.stored,
            order=tuple(self.order[axis] for axis in axes),
        )

    def reshaped(self, shape: Shape) -> Layout:
        """Return the layout of the same memory under another shape; folded if no stored axes fit that."""
        if self.plain:
            return row_major(shape)
        if self.folded:
            return replace(self, shape=shape)
        groups = _groups(self.shape, shape)
        # Each group is a stretch of stored axes, and becomes one of new ones.
        begins = []
        for old, _ in groups:
            where = [self.order[axis] for axis in old]
            between = self.stored[where[0] : where[-1] + 1]
            if where != sorted(where) or math.prod(between) != math.prod(self.shape[axis] for axis in old):
                return replace(self, shape=shape)
            begins.append(where[0])
        stored, order = [1] * shape.count(1), [0] * len(shape)
        for place, axis in enumerate(axis for axis, size in enumerate(shape) if size == 1):
            order[axis] = place
        for _, (_, new) in sorted(zip(begins, groups, strict=True), key=lambda pair: pair[0]):
            for axis in new:
                order[axis] = len(stored)
                stored.append(shape[axis])
        return Layout(shape, tuple(stored), tuple(order))


def _groups(old: Shape, new: Shape) -> list[tuple[list[int], list[int]]]:
    """Return the shortest groups of neighbouring axes of equal size; axes of size 1 are left out."""
    left = [axis for axis, size in enumerate(old) if size != 1]
    right = [axis for axis, size in enumerate(new) if size != 1]
    groups = []
    while left:
        group: tuple[list[int], list[int]] = [left.pop(0)], [right.pop(0)]
        here, there = old[group[0][0]], new[group[1][0]]
        while here != there:
            if here < there:
                group[0].append(left.pop(0))
                here *= old[group[0][-1]]
            else:
                group[1].append(right.pop(0))
                there *= new[group[1][-1]]
        groups.append(group)
    return groups


def row_major(shape: Shape) -> Layout:
    """Return the layout whose values lie in the order that the shape says."""
    return Layout(shape, shape, tuple(range(len(shape))))


def channels_last(shape: Shape) -> Layout:
    """Return the layout of images (N, C, H, W) that are stored as (N, H, W, C)."""
    batch, channels, height, width = shape
    return Layout(shape, (batch, height, width, channels), (0, 3, 1, 2))


def same_memory(a: Layout, b: Layout) -> bool:
    """Whether values that lie as `a` says lie as `b` says, too; both have one shape."""
    if a.plain or b.plain:
        return a.plain and b.plain
    if a.folded or b.folded:
        return a == b
    return _long_axes(a) == _long_axes(b)


def _long_axes(layout: Layout) -> list[int]:
    # The network's axes of more than one value, as they lie in memory.
    axes = [axis for axis, size in enumerate(layout.shape) if size != 1]
    return sorted(axes, key=lambda axis: layout.order[axis])


def conversion(a: Layout, b: Layout) -> tuple[int, ...]:
    """Return which stored axis of `a` becomes each stored axis of `b`; neither may be folded."""
    axes = [0] * len(b.stored)
    for axis, there in enumerate(b.order):
        axes[there] = a.stored_axis(axis)
    return tuple(axes)
