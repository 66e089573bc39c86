"""Places for the boxes of a graph without cycles, in rows, and ways for its edges around them.

Rows by longest path, order in a row by barycentres, places by least squares under that order: every step is
linear or nearly so, so that a network of thousands of layers takes no more than a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

__all__ = ["Layout", "place"]

_LANE = 12.0
"""Width that an edge keeps free where it passes a row."""

_BETWEEN_BOXES = 16.0
_BETWEEN_ROWS = 30.0
_ORDER_SWEEPS = 8
_PLACE_SWEEPS = 8


@dataclass(frozen=True, slots=True)
class Layout:
    """Middle of every box from the left, its top, and for every edge the places where it passes a row.

    A passage is (x, top of the row, bottom of the row).
    """

    centres: tuple[float, ...]
    tops: tuple[float, ...]
    passages: tuple[tuple[tuple[float, float, float], ...], ...]
    width: float
    height: float


def place(widths: Sequence[float], heights: Sequence[float], edges: Sequence[tuple[int, int]]) -> Layout:
    """Lay out boxes of these sizes; every edge leads from a box to one of a higher number."""
    rows, lanes = _rows(len(widths), edges)
    level = {item: row for row, items in enumerate(rows) for item in items}
    room = [*widths, *[_LANE] * (len(level) - len(widths))]
    above: list[list[int]] = [[] for _ in room]
    below: list[list[int]] = [[] for _ in room]
    for lane in lanes:
        for upper, lower in pairwise(lane):
            # Edges from one box share their lanes, and each is counted once.
            if upper not in above[lower]:
                above[lower].append(upper)
                below[upper].append(lower)
    _order(rows, above, below)
    centres = _centres(rows, room, above, below)
    tallest = [max((heights[item] for item in row if item < len(heights)), default=0.0) for row in rows]
    starts = [0.0]
    for size in tallest:
        starts.append(starts[-1] + size + _BETWEEN_ROWS)
    left = min(centre - size / 2 for centre, size in zip(centres, room, strict=True))
    right = max(centre + size / 2 for centre, size in zip(centres, room, strict=True))
    return Layout(
        centres=tuple(centre - left for centre in centres[: len(widths)]),
        tops=tuple(
            starts[level[box]] + (tallest[level[box]] - heights[box]) / 2 for box in range(len(widths))
        ),
        passages=tuple(
            tuple(
                (centres[item] - left, starts[level[item]], starts[level[item]] + tallest[level[item]])
                for item in lane[1:-1]
            )
            for lane in lanes
        ),
        width=right - left,
        height=starts[-1] - _BETWEEN_ROWS,
    )


def _rows(boxes: int, edges: Sequence[tuple[int, int]]) -> tuple[list[list[int]], list[list[int]]]:
    """Return the items of every row, and the items that every edge passes, its ends included."""
    level = [0] * boxes
    for source, target in sorted(edges, key=lambda edge: edge[1]):
        level[target] = max(level[target], level[source] + 1)
    rows: list[list[int]] = [[] for _ in range(max(level) + 1)]
    for box in range(boxes):
        rows[level[box]].append(box)
    made: dict[tuple[int, int], int] = {}
    lanes = []
    for source, target in edges:
        lane = [source]
        for row in range(level[source] + 1, level[target]):
            if (source, row) not in made:
                made[source, row] = boxes + len(made)
                rows[row].append(made[source, row])
            lane.append(made[source, row])
        lanes.append([*lane, target])
    return rows, lanes


def _order(rows: list[list[int]], above: list[list[int]], below: list[list[int]]) -> None:
    """Sort every row, again and again, by where the neighbours of its items stand."""
    position = {item: float(index) for row in rows for index, item in enumerate(row)}

    def sort(row: list[int], neighbours: list[list[int]]) -> None:
        wish = {item: _mean([position[other] for other in neighbours[item]], position[item]) for item in row}
        row.sort(key=wish.__getitem__)
        for index, item in enumerate(row):
            position[item] = index - (len(row) - 1) / 2

    for sweep in range(_ORDER_SWEEPS):
        downwards = sweep % 2 == 0
        for row in rows if downwards else reversed(rows):
            sort(row, above if downwards else below)


def _centres(
    rows: list[list[int]], room: Sequence[float], above: list[list[int]], below: list[list[int]]
) -> list[float]:
    centres = [0.0] * len(room)
    for row in rows:
        _settle(row, [0.0] * len(row), room, centres)
    for sweep in range(_PLACE_SWEEPS):
        # The last sweeps look both ways, so that boxes stand between what they read and what reads them.
        both = sweep >= _PLACE_SWEEPS - 2
        for row in rows if sweep % 2 == 0 else reversed(rows):
            wishes = []
            for item in row:
                if both:
                    neighbours = above[item] + below[item]
                else:
                    neighbours = above[item] if sweep % 2 == 0 else below[item]
                wishes.append(_mean([centres[other] for other in neighbours], centres[item]))
            _settle(row, wishes, room, centres)
    return centres


def _settle(row: list[int], wishes: list[float], room: Sequence[float], centres: list[float]) -> None:
    """Give the items of a row the places nearest to their wishes that keep order and distance.

    Least squares under an order is isotonic regression, here by pooling adjacent violators.
    """
    offsets = [0.0]
    for before, after in pairwise(row):
        offsets.append(offsets[-1] + (room[before] + room[after]) / 2 + _BETWEEN_BOXES)
    pools: list[tuple[float, int]] = []
    for wish, offset in zip(wishes, offsets, strict=True):
        total, count = wish - offset, 1
        while pools and pools[-1][0] / pools[-1][1] > total / count:
            more, many = pools.pop()
            total, count = total + more, count + many
        pools.append((total, count))
    index = 0
    for total, count in pools:
        for _ in range(count):
            centres[row[index]] = total / count + offsets[index]
            index += 1


def _mean(values: list[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
