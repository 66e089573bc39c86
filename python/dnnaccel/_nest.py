"""A costed loop nest as a computer architect writes it, with the counts of every level beside it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dnnaccel._text import DEFAULT_WIDTH, clean, notes, pairs
from dnnaccel._units import NONE, count, energy, percent, quantity, ratio
from dnnaccel.mapping import LevelMapping, Loop
from dnnaccel.mapping import Mapping as Nest
from dnnaccel.problem import DIMS

if TYPE_CHECKING:
    from dnnaccel.arch import Array, Chip, Memory
    from dnnaccel.cost import LayerReport

__all__ = [
    "LoopLine",
    "NestPart",
    "cost_pairs",
    "cost_text",
    "filled_text",
    "headline",
    "nest_parts",
    "nest_text",
]

_GAP = "  "
_HEADERS = ("tensor", "words held", "reads", "writes", "energy %")


@dataclass(frozen=True, slots=True)
class _Row:
    """A line of the nest, and what stands beside it: cells, or a phrase over several, and an energy share."""

    code: str = ""
    depth: int = 0
    tensor: str = ""
    cells: tuple[str, str, str] = ("", "", "")
    phrase: str = ""
    share: str = ""


@dataclass(frozen=True, slots=True)
class LoopLine:
    """A loop as it is written, and what is to be said of it: its axis, and chunks that are not all alike."""

    code: str
    remark: str = ""


@dataclass(frozen=True, slots=True)
class NestPart:
    """A memory of a nest with the tensors it keeps, or an array (None), and its loops, outermost first."""

    name: str
    keeps: frozenset[str] | None
    loops: tuple[LoopLine, ...]


def nest_parts(nest: Nest) -> tuple[NestPart, ...]:
    """Return a mapping whose loops say what they cut as its memories and arrays, outermost first.

    The two axes of an array are one part; loops of one trip are left out.
    """
    names = _Names(nest.levels)
    parts: list[NestPart] = []
    for level in nest.levels:
        array, _, axis = level.level.rpartition(".")
        spatial = level.keeps is None
        found = tuple(_line(names, loop, axis if spatial else "") for loop in level.loops if _trips(loop) > 1)
        if spatial and parts and parts[-1].keeps is None and parts[-1].name == array:
            parts[-1] = replace(parts[-1], loops=parts[-1].loops + found)
        else:
            parts.append(NestPart(array if spatial else level.level, level.keeps, found))
    return tuple(parts)


def nest_text(report: LayerReport, *, width: int = DEFAULT_WIDTH) -> str:
    """Return the nest of a report that has a mapping and a chip, for lines of `width` characters.

    Where counts do not fit beside the nest they stand below the level that they are of.
    """
    assert report.mapping is not None
    assert report.chip is not None
    rows = [*_rows(report, report.chip)]
    step = "  " if max(len(row.code) + 2 * row.depth for row in rows) <= width // 2 else " "
    parts = [notes([headline(report)], width=width), _beside(rows, step, width) or _below(rows, step, width)]
    if any((c.reads, c.writes) != (c.effective_reads, c.effective_writes) for c in report.levels):
        said = "Words are counted as if none were zero; time and energy are those of what really moves."
        parts.append(notes([said], width=width))
    return "\n\n".join(parts)


def cost_text(report: LayerReport, *, width: int = DEFAULT_WIDTH) -> str:
    """Return time, energy and utilisation of a report, a line each."""
    return pairs(cost_pairs(report), width=width)


def cost_pairs(report: LayerReport) -> list[tuple[str, str]]:
    """Return time, energy and utilisation of a report with a chip, as names and values with units."""
    assert report.chip is not None
    bound = f"bound by {report.bound_by}"
    if report.bound_margin is not None:
        bound += f" ({ratio(report.bound_margin)} as long as the next)"
    time = "" if report.seconds is None else f" = {quantity(report.seconds, 's')} at {report.clock_mhz:g} MHz"
    per_mac = energy(report.energy / report.macs, report.energy_unit)
    rest = {"vector operations": report.vector_energy, "leakage": report.leakage_energy}
    more = [f"{name} {_share(spent, report)} %" for name, spent in rest.items() if spent]
    peak = report.chip.peak_macs_per_cycle
    return [
        ("time", f"{count(report.cycles)} cycles{time}; {bound}"),
        (
            "energy",
            f"{energy(report.energy, report.energy_unit)}, {per_mac} per MAC"
            + (f"; with {', '.join(more)}" if more else ""),
        ),
        (
            "utilisation",
            f"{percent(report.utilization)} % of {count(peak)} MACs per cycle; "
            f"{count(report.active_pes)} of {count(peak)} PEs at work",
        ),
    ]


def headline(report: LayerReport) -> str:
    """Return what a report is of: its layer, its chip, and the sizes of its dims."""
    assert report.mapping is not None
    assert report.chip is not None
    bounds: dict[str, int] = {}
    for level in report.mapping.levels:
        for loop in level.loops:
            bounds.setdefault(loop.dim, loop.extent or 1)
    sizes = ", ".join(f"{dim} {bounds[dim]}" for dim in DIMS if bounds.get(dim, 1) > 1)
    return f"{clean(report.name)} on {clean(report.chip.name)}: {count(report.macs)} MACs" + (
        f" = {sizes}" if sizes else ""
    )


def _rows(report: LayerReport, chip: Chip) -> Iterator[_Row]:
    from dnnaccel.arch import Memory  # where a report has a chip it is loaded already

    assert report.mapping is not None
    given = {level.level: level for level in report.mapping.levels}
    names = _Names(report.mapping.levels)
    depth = 0
    for part in chip.levels:
        if isinstance(part, Memory):
            yield from _memory_rows(part, report, depth)
            nest = [("", loop) for loop in _loops(given, part.name)]
        else:
            axes = [(axis.rpartition(".")[2], _loops(given, axis)) for axis, _ in part.axes]
            yield from _array_rows(part, [math.prod(map(_trips, loops)) for _, loops in axes], report, depth)
            nest = [(axis, loop) for axis, loops in axes for loop in loops]
        for axis, loop in nest:
            line = _line(names, loop, axis)
            yield _Row(line.code + (f"  # {line.remark}" if line.remark else ""), depth)
            depth += 1
    yield _Row("mac", depth, phrase=f"{count(report.macs)} MACs", share=_share(report.mac_energy, report))


class _Names:
    """Names of loop variables: m where M is split once, m2, m1, m0 from the outside in where it is more."""

    def __init__(self, levels: tuple[LevelMapping, ...]) -> None:
        self.splits = Counter(loop.dim for level in levels for loop in level.loops if _trips(loop) > 1)
        self.left = Counter(self.splits)

    def next(self, dim: str) -> str:
        """Return the name of the next loop over `dim`."""
        self.left[dim] -= 1
        return dim.lower() + (str(self.left[dim]) if self.splits[dim] > 1 else "")


def _loops(given: Mapping[str, LevelMapping], level: str) -> list[Loop]:
    """Return the loops of a level that run more than once."""
    return [loop for loop in given[level].loops if _trips(loop) > 1] if level in given else []


def _trips(loop: Loop) -> int:
    return math.ceil((loop.extent or 1) / loop.tile)


def _line(names: _Names, loop: Loop, axis: str) -> LoopLine:
    """Write a loop, over an axis of an array if one is given; say how its last chunk is shorter, if it is."""
    assert loop.extent is not None
    word = "parallel-for" if axis else "for"
    said = [axis] if axis else []
    last = loop.extent - (_trips(loop) - 1) * loop.tile
    if last != loop.tile:
        said.append(f"{loop.tile} each, last {last}")
    return LoopLine(f"{word} {names.next(loop.dim)} in 0..{_trips(loop)}", "; ".join(said))


def _memory_rows(memory: Memory, report: LayerReport, depth: int) -> Iterator[_Row]:
    counts = [c for c in report.levels if c.level == memory.name and (c.tile_words or c.reads or c.writes)]
    title = memory.name
    if not counts:
        title += "  # holds nothing"
    elif said := filled_text(memory, [c.tile_words for c in counts]):
        title += f"  # {said}"
    yield from _with_title(
        title,
        depth,
        [
            _Row(
                tensor=c.tensor,
                cells=(count(c.tile_words), count(c.reads), count(c.writes)),
                share=_share(c.energy, report),
            )
            for c in counts
        ],
    )


def filled_text(memory: Memory, tiles: Iterable[int]) -> str:
    """Say how full tiles of so many words make a memory; "" for one that is unlimited."""
    if memory.capacity_words is None:
        return ""
    copies = 2 if memory.double_buffered else 1
    filled = copies * sum(tiles) / memory.capacity_words
    # Tiles are given in words of their dense form; where they fit compressed alone, no share is known.
    return f"{percent(filled)} % full" if filled <= 1 else "held compressed"


def _array_rows(array: Array, used: list[int], report: LayerReport, depth: int) -> Iterator[_Row]:
    title = f"{array.name}  # {used[0]} x {used[1]} of {array.rows} x {array.columns}"
    rows = []
    for moved in report.networks:
        if moved.array == array.name and (moved.sent or moved.delivered):
            phrase = f"{count(moved.sent)} sent, {count(moved.delivered)} arrive"
            if moved.tensor == "outputs":
                phrase = f"{count(moved.delivered)} leave, {count(moved.sent)} arrive"
            rows.append(_Row(tensor=moved.tensor, phrase=phrase, share=_share(moved.energy, report)))
    yield from _with_title(title, depth, rows)


def _with_title(title: str, depth: int, rows: list[_Row]) -> Iterator[_Row]:
    """Give the first of `rows` the title; the title stands alone if there are none."""
    first, *others = rows or [_Row()]
    yield replace(first, code=title, depth=depth)
    yield from others


def _share(spent: float, report: LayerReport) -> str:
    return percent(spent / report.energy) if report.energy else NONE


def _beside(rows: list[_Row], step: str, width: int) -> str | None:
    """Return the counts beside the nest, or None if that is wider than `width`."""
    nest = max(len(step) * row.depth + len(row.code) for row in rows)
    lines = [
        f"{step * row.depth + row.code:{nest}}{_GAP}{counts}".rstrip()
        for row, counts in zip(rows, _counts(rows), strict=True)
    ]
    header = f"{'':{nest}}{_GAP}{_header(rows)}"
    wide = max(map(len, [header, *lines]))
    return None if wide > width else "\n".join([header, "─" * wide, *lines])


def _below(rows: list[_Row], step: str, width: int) -> str:
    """Return the counts of a level in lines of their own, below its title and to the right."""
    header = f"{_header(rows):>{width}}"
    lines = [header, "─" * len(header)]
    for row, counts in zip(rows, _counts(rows), strict=True):
        lines += [step * row.depth + row.code] if row.code else []
        lines += [f"{counts:>{width}}"] if counts.strip() else []
    return "\n".join(lines)


def _widths(rows: list[_Row]) -> tuple[int, list[int]]:
    """Return the widths of the tensors' names and of the three counts."""
    columns = zip(_HEADERS[1:4], *(row.cells for row in rows), strict=True)
    widths = [max(len(cell) for cell in column) for column in columns]
    # A phrase stands in the place of the counts.
    widths[0] += max(0, max(len(row.phrase) for row in rows) - sum(widths) - 2 * len(_GAP))
    return max(len(row.tensor) for row in rows), widths


def _header(rows: list[_Row]) -> str:
    names, widths = _widths(rows)
    cells = [f"{header:>{width}}" for header, width in zip(_HEADERS[1:4], widths, strict=True)]
    return _GAP.join([f"{_HEADERS[0]:{names}}", *cells, _HEADERS[4]])


def _counts(rows: list[_Row]) -> list[str]:
    names, widths = _widths(rows)
    whole = sum(widths) + 2 * len(_GAP)
    lines = []
    for row in rows:
        cells = _GAP.join(f"{cell:>{width}}" for cell, width in zip(row.cells, widths, strict=True))
        said = f"{row.phrase:>{whole}}" if row.phrase else cells
        lines.append(f"{row.tensor:{names}}{_GAP}{said}{_GAP}{row.share:>{len(_HEADERS[4])}}")
    return lines
