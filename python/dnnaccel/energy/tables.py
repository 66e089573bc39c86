"""The published tables that components are estimated from: one data file, with the source of every number."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dnnaccel._yaml import read
from dnnaccel.errors import DnnAccelError, unknown_name

__all__ = ["ANY", "Row", "Table", "load", "names"]

ANY = "any"
"""A technology or a name that stands for all of them."""

_FILE = Path(__file__).with_name("tables.yaml")
_SIZES = ("sram_bytes", "regfile_words", "wire_mm", "storage_bytes")
_NAMES = ("operation", "sram", "regfile", "dram", "wire")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of a table.

    Attributes
    ----------
    quantity : str
        What it is of: "operation", "dram", "sram_bytes", "regfile_words", "wire_mm", "storage_bytes" or, of
        any size, "sram", "regfile", "wire".
    key : str or float
        Which one: the operation's or the type's name, or the size in the unit that `quantity` names.
    bits : int or None
        Width of the access; None where the energy is that of a word, however wide.
    read, write : dict of float
        Energy in the table's unit, by technology in nm; the key 0 stands for any technology.
    band : tuple of float or None
        What the source states, where it states a band; the energies are its middle.
    area : dict of float
        Area in mm2 by technology, or under the key 0 in the table's own unit.
    source, area_source : str
        Where the numbers come from.
    """

    quantity: str
    key: str | float
    bits: int | None
    read: Mapping[float, float]
    write: Mapping[float, float]
    band: tuple[float, float] | None
    area: Mapping[float, float]
    source: str
    area_source: str

    @property
    def label(self) -> str:
        """What it is of, as a reader calls it: "mul_int8", "sram of 32768 bytes per 64 bit"."""
        quantity, _, unit = self.quantity.partition("_")
        width = "" if self.bits is None else f" per {self.bits} bit"
        if unit:
            return f"{quantity} of {self.key:.10g} {unit}{width}"
        names = {"any": f"{quantity} of any size", "unstated": f"{quantity} of any type"}
        return names.get(str(self.key), f"{quantity} {self.key}".removeprefix("operation ")) + width


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One publication's numbers, in `energy_unit` and `area_unit`; `sram_area` names where SRAM areas are."""

    name: str
    title: str
    energy_unit: str
    area_unit: str
    sram_area: str
    rows: tuple[Row, ...]

    def of(self, quantity: str) -> tuple[Row, ...]:
        """Return the rows of one quantity, sorted by size or name."""
        found = [row for row in self.rows if row.quantity == quantity]
        return tuple(sorted(found, key=lambda row: row.key))

    def __str__(self) -> str:
        """Return the table as text: its title, a line for each row, and the sources by number."""
        rows = [(row, _amounts(row, self)) for row in self.rows]
        texts = [text for row in self.rows for text in (row.source, row.area_source)]
        numbers = {text: number for number, text in enumerate(dict.fromkeys(texts), 1)}
        width = max(len(row.label) for row in self.rows)
        lines = [f"{self.name}: {self.title}"]
        for row, amounts in rows:
            cited = sorted({numbers[row.source], numbers[row.area_source]})
            marks = "".join(f"[{number}]" for number in cited)
            lines.append(f"  {row.label.ljust(width)}  {amounts}  {marks}")
        return "\n".join([*lines, *(f"  [{number}] {text}" for text, number in numbers.items())])

    def row(self, quantity: str, key: str) -> Row | None:
        """Return the row of one name, the row of any name, or None."""
        rows = {row.key: row for row in self.of(quantity)}
        return rows.get(key, rows.get(ANY))


def names() -> list[str]:
    """Return the names of the tables, as `table:` in a chip file takes them."""
    return list(_all())


def load(name: str) -> Table:
    """Return table `name`; raises `UnknownNameError` with the nearest name if there is none."""
    if name not in _all():
        raise unknown_name("table", name, _all())
    return _all()[name]


@functools.cache
def _all() -> dict[str, Table]:
    data, _ = read(str(_FILE), noun="table", error=DnnAccelError)
    return {name: _table(name, entry) for name, entry in data.items()}


def _table(name: str, entry: Mapping[str, Any]) -> Table:
    return Table(
        name=name,
        title=entry["title"],
        energy_unit=entry["energy_unit"],
        area_unit=entry.get("area_unit", "mm2"),
        sram_area=entry.get("sram_area", name),
        rows=tuple(_row(row, entry["sources"]) for row in entry["rows"]),
    )


def _row(entry: Mapping[str, Any], sources: Mapping[str, str]) -> Row:
    quantity = next(key for key in (*_SIZES, *_NAMES) if key in entry)
    read = entry.get("read", entry.get("energy", {}))
    bands = [value for value in read.values() if isinstance(value, list)]
    source = sources[entry["source"]]
    area = {0.0: float(entry["area"])} if "area" in entry else {}
    return Row(
        quantity=quantity,
        key=float(entry[quantity]) if quantity in _SIZES else entry[quantity],
        bits=entry.get("bits"),
        read=_by_technology(read),
        write=_by_technology(entry.get("write", read)),
        band=(bands[0][0], bands[0][1]) if bands else None,
        area=area or {nm: um2 * 1e-6 for nm, um2 in _by_technology(entry.get("area_um2", {})).items()},
        source=source,
        area_source=sources[entry["area_source"]] if "area_source" in entry else source,
    )


def _by_technology(values: Mapping[str, Any]) -> dict[float, float]:
    return {
        0.0 if technology == ANY else float(technology): (
            (value[0] + value[1]) / 2 if isinstance(value, list) else float(value)
        )
        for technology, value in values.items()
    }


def _amounts(row: Row, table: Table) -> str:
    """Return the numbers of a row with their units, each technology after the other."""
    texts = []
    for node, stated in row.read.items():
        write = row.write[node]
        both = f"{stated:g}" if stated == write else f"read {stated:g}, write {write:g}"
        band = "" if row.band is None else f" (middle of {row.band[0]:g} to {row.band[1]:g})"
        texts.append(f"{both} {table.energy_unit}{_at(node)}{band}")
    per = " per byte" if row.quantity == "storage_bytes" else ""
    texts += [f"{area:g} {table.area_unit}{per}{_at(node)}" for node, area in row.area.items()]
    return ", ".join(texts)


def _at(node: float) -> str:
    return f" at {node:g} nm" if node else ""
