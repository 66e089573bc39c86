"""Which points no other beats."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["front"]


def front(points: Sequence[Sequence[float]]) -> list[int]:
    """Return the indices of the points that no other dominates, in the order given; all figures are costs.

    A point dominates another if it is no worse in any figure and better in one. Equal points do not
    dominate each other.

    Examples
    --------
    >>> front([(1, 5), (2, 4), (3, 4), (4, 1), (1, 5)])
    [0, 1, 3, 4]
    """
    # In lexicographic order no later point dominates an earlier one, so each is held against those kept.
    order = sorted(range(len(points)), key=lambda index: tuple(points[index]))
    kept: list[int] = []
    if points and len(points[0]) == 2:
        for index in order:
            # The last one kept has the least second figure so far.
            last = points[kept[-1]] if kept else None
            if last is None or points[index][1] < last[1] or tuple(points[index]) == tuple(last):
                kept.append(index)
        return sorted(kept)
    for index in order:
        if not any(_dominates(points[other], points[index]) for other in kept):
            kept.append(index)
    return sorted(kept)


def _dominates(one: Sequence[float], other: Sequence[float]) -> bool:
    return all(a <= b for a, b in zip(one, other, strict=True)) and tuple(one) != tuple(other)
