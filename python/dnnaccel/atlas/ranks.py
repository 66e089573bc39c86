"""How far two orders of the same things agree."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

__all__ = ["kendall", "ranks", "spearman", "swapped"]


def ranks(values: Sequence[float]) -> list[float]:
    """Return the rank of each value, 1 for the least; equal values share the mean of their ranks.

    Examples
    --------
    >>> ranks([30, 10, 20, 10])
    [4.0, 1.5, 3.0, 1.5]
    """
    order = sorted(range(len(values)), key=lambda index: values[index])
    found = [0.0] * len(values)
    before = 0
    for _, group in itertools.groupby(order, key=lambda index: values[index]):
        same = list(group)
        for index in same:
            found[index] = before + (1 + len(same)) / 2
        before += len(same)
    return found


def spearman(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Return Spearman's rank correlation: Pearson's of the ranks, from -1 to 1.

    None where it says nothing: fewer than two values, or all of one side equal.
    """
    one, other = ranks(first), ranks(second)
    middle = (len(one) + 1) / 2
    spread = math.sqrt(sum((r - middle) ** 2 for r in one) * sum((r - middle) ** 2 for r in other))
    if not spread:
        return None
    return sum((a - middle) * (b - middle) for a, b in zip(one, other, strict=True)) / spread


def kendall(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Return Kendall's tau-b: (pairs in the same order - pairs swapped) / pairs, corrected for ties.

    None where it says nothing, as for `spearman`.
    """
    agreed = untied_first = untied_second = 0
    for one, other in _pairs(first, second):
        agreed += one * other
        untied_first += one != 0
        untied_second += other != 0
    if not untied_first or not untied_second:
        return None
    return agreed / math.sqrt(untied_first * untied_second)


def swapped(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Return the part of all pairs that the two sides put in opposite orders, from 0 to 1."""
    signs = [one * other for one, other in _pairs(first, second)]
    return signs.count(-1) / len(signs) if signs else None


def _pairs(first: Sequence[float], second: Sequence[float]) -> list[tuple[int, int]]:
    """Return, for each pair of things, the order of the two (-1, 0 or 1) on either side."""
    both = list(zip(first, second, strict=True))
    return [((a > c) - (a < c), (b > d) - (b < d)) for (a, b), (c, d) in itertools.combinations(both, 2)]
