"""What is compared: ratios, energies by place, and layers side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dnnaccel.arch import Chip
    from dnnaccel.cost import LayerReport
    from dnnaccel.report import Report

__all__ = [
    "BUFFER_BYTES",
    "PLACES",
    "UNITS",
    "aligned_layers",
    "dram_words",
    "energy_by_place",
    "places_of",
    "ratio_of",
]

BUFFER_BYTES = 1024
"""A memory on the chip is a buffer from this size of one instance on, and a register file below."""

PLACES = ("dram", "buffers", "networks", "registers")
"""Where energy goes, the same for every chip: its outermost memory, large and small memories on the chip, and
what lies between them."""

UNITS = ("mac", "vector", "leakage")
"""Where the rest goes: the MAC units, the vector unit, and what leaks."""


def ratio_of(value: float | None, base: float | None) -> float | None:
    """Return `value` / `base`; None if one is not there, or if it is too large to be a number."""
    ratio = None if value is None or not base else value / base
    return None if ratio is None or math.isinf(ratio) else ratio


def places_of(chip: Chip) -> dict[str, str]:
    """Return which of `PLACES` each level of a chip is."""
    outermost, *inner = chip.memories
    places = {outermost.name: "dram"} | {array.name: "networks" for array in chip.arrays}
    for memory in inner:
        small = memory.size_bytes is not None and memory.size_bytes < BUFFER_BYTES
        places[memory.name] = "registers" if small else "buffers"
    return places


def energy_by_place(report: Report, places: Mapping[str, str]) -> dict[str, float]:
    """Return the energy of a report by `PLACES` and `UNITS`, which add up to all of it.

    A level that `places` does not know is taken for what its kind and order say: the outermost memory, a
    buffer, or a network.
    """
    guessed = dict.fromkeys(report.memories, "buffers") | dict.fromkeys(report.arrays, "networks")
    if report.memories:
        guessed[report.memories[0]] = "dram"
    split = dict.fromkeys((*PLACES, *UNITS), 0.0)
    for level, spent in report.energy_by_level().items():
        place = level if level in UNITS else places.get(level) or guessed[level]
        split[place] += spent
    return split


def dram_words(layer: LayerReport, outermost: str) -> int:
    """Return reads + writes of the outermost memory by one layer, in words."""
    return sum(count.reads + count.writes for count in layer.levels if count.level == outermost)


def aligned_layers(reports: Sequence[Report]) -> list[tuple[str, tuple[LayerReport | None, ...]]]:
    """Return the layers of all reports by name, each with what every report says of it (None: nothing).

    They are in the order of the first report; a layer that it has not comes after the one before it in the
    first report that has it.
    """
    following: dict[str | None, str | None] = {None: None}  # a chain: a layer to the next, None at both ends
    for report in reports:
        before: str | None = None
        for layer in report.layers:
            if layer.name not in following:
                following[layer.name] = following[before]
                following[before] = layer.name
            before = layer.name
    order: list[str] = []
    name = following[None]
    while name is not None:
        order.append(name)
        name = following[name]
    tables = [{layer.name: layer for layer in report.layers} for report in reports]
    return [(name, tuple(table.get(name) for table in tables)) for name in order]
