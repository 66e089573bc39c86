"""Chips as data: memories and arrays from the outside in, with the source of every number."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dnnaccel._checks import find_faults
from dnnaccel._yaml import Fault, describe_faults
from dnnaccel.arch.estimates import (
    FILLED_IN,
    area_of,
    bind_parts,
    given,
    without_filled_in,
)
from dnnaccel.arch.faults import chip_faults, part_faults
from dnnaccel.arch.levels import Array, Level, Mac, Memory, Vector, as_mapping, store
from dnnaccel.arch.plain import (
    below,
    build_level,
    build_unit,
    level_to_dict,
    plain_value,
    unit_to_dict,
)
from dnnaccel.arch.schema import (
    FORMAT,
    MAX_LEVELS,
    ArraySchema,
    ChipSchema,
    MacSchema,
    MemorySchema,
    VectorSchema,
)
from dnnaccel.errors import (
    ArchitectureError,
    DnnAccelError,
    UnknownNameError,
    did_you_mean,
    unknown_name,
)

__all__ = ["Chip", "build"]


# Totals have the plain names; what the file states under them is of the rest of the chip.
_RENAMED = {"rest_area_mm2": "area_mm2", "rest_leakage_mw": "leakage_mw"}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Chip:
    """A chip: its levels, outermost first, its MAC and its vector unit.

    `arch.load` reads one; `override` gives a changed one. Every energy is in `energy_unit`, every area in
    `area_unit`. `dataflow` names the dataflow that the chip runs when none is asked for. `rest_area_mm2` is
    the area of whatever states none of its own, `rest_leakage_mw` the leakage power of the rest of the chip.
    Parts made of a component are estimated here. Raises `ArchitectureError` if the parts do not make a chip.
    """

    name: str
    title: str = ""
    description: str = ""
    source: str = ""
    technology_nm: float | None = None
    clock_mhz: float | None = None
    word_bits: int
    energy_unit: str
    area_unit: str = "mm2"
    rest_area_mm2: float | None = None
    rest_leakage_mw: float | None = None
    dataflow: str = "free"
    levels: tuple[Level, ...]
    mac: Mac
    vector: Vector

    def __post_init__(self) -> None:
        checked, faults = find_faults(ChipSchema, as_mapping(self, _RENAMED) | {"format": FORMAT})
        faults = faults or part_faults(self.levels, self.mac, self.vector)
        if not faults:
            store(self, checked | {"levels": tuple(self.levels)}, _RENAMED)
            faults = chip_faults(self.levels, self.word_bits, self.vector)
        if not faults:
            levels, mac, faults = bind_parts(checked, self.levels, self.mac)
        if faults:
            raise ArchitectureError(describe_faults(faults, f"chip {self.name!r}"))
        object.__setattr__(self, "levels", levels)
        object.__setattr__(self, "mac", mac)

    @property
    def memories(self) -> tuple[Memory, ...]:
        """The memory levels, outermost first."""
        return tuple(level for level in self.levels if isinstance(level, Memory))

    @property
    def arrays(self) -> tuple[Array, ...]:
        """The array levels, outermost first."""
        return tuple(level for level in self.levels if isinstance(level, Array))

    @property
    def pe_count(self) -> int:
        """Number of processing elements: instances of the innermost level."""
        return math.prod(array.instances for array in self.arrays)

    @property
    def peak_macs_per_cycle(self) -> int:
        """MACs per cycle with every processing element at work: each does one."""
        return self.pe_count

    @property
    def level_names(self) -> tuple[str, ...]:
        """Levels as a mapping names them, outermost first: an array gives its rows, then its columns."""
        names: list[str] = []
        for level in self.levels:
            names.extend([level.name] if isinstance(level, Memory) else [axis for axis, _ in level.axes])
        return tuple(names)

    def __getitem__(self, name: str) -> Level:
        """Return level `name`; raises `UnknownNameError` with the nearest name if there is none."""
        for level in self.levels:
            if level.name == name:
                return level
        raise unknown_name("level", name, (level.name for level in self.levels))

    def memory(self, name: str) -> Memory:
        """Return memory `name`; raises `UnknownNameError` if the chip has no memory of that name."""
        for level in self.memories:
            if level.name == name:
                return level
        raise unknown_name("memory", name, (level.name for level in self.memories))

    def instances(self, name: str) -> int:
        """Return how many instances of level `name` the chip has: the arrays around it, multiplied."""
        count = 1
        for level in self.levels:
            if level.name == name:
                return count
            if isinstance(level, Array):
                count *= level.instances
        raise unknown_name("level", name, (level.name for level in self.levels))

    def area_by_part(self) -> dict[str, float | None]:
        """Return the area of each part, all its instances together, in `area_unit`; None where nobody says.

        A part is a level by its name, or "mac"; a memory without a size and a DRAM are off the chip, and
        appear only if they state an area. "rest" is the chip's own `area_mm2`: of all that states none.
        """
        areas: dict[str, float | None] = {}
        for name, part, instances in self._parts():
            each = area_of(part)
            off_chip = isinstance(part, Memory) and (
                part.size_bytes is None or part.component.get("kind") == "dram"
            )
            if each is not None or not off_chip:
                areas[name] = None if each is None else each * instances
        if self.rest_area_mm2 is not None:
            areas["rest"] = self.rest_area_mm2
        return areas

    @property
    def parts_without_area(self) -> tuple[str, ...]:
        """The parts whose area nobody says; none if the chip states an `area_mm2` for the rest of it."""
        if self.rest_area_mm2 is not None:
            return ()
        return tuple(name for name, area in self.area_by_part().items() if area is None)

    @property
    def area(self) -> float | None:
        """Area of the chip in `area_unit`; None if a part states none (`parts_without_area`)."""
        if self.parts_without_area:
            return None
        return sum(area for area in self.area_by_part().values() if area is not None)

    @property
    def area_mm2(self) -> float | None:
        """Area of the chip in mm2; None if a part states none (`parts_without_area`).

        Raises `DnnAccelError` if the chip states its areas in another unit.
        """
        if self.area_unit != "mm2":
            raise DnnAccelError(
                f"{self.name} states its areas in {self.area_unit}, not in mm2; read .area with .area_unit"
            )
        return self.area

    @property
    def leakage_mw(self) -> float:
        """Leakage power in mW: of all instances of all parts that state one, and of the rest of the chip."""
        parts = sum((part.leakage_mw or 0.0) * instances for _, part, instances in self._parts())
        return parts + (self.rest_leakage_mw or 0.0)

    def _parts(self) -> list[tuple[str, Level | Mac, int]]:
        """Return each part that has an area, its name, and how many of it there are."""
        levels = [(level.name, level, self.instances(level.name)) for level in self.levels]
        return [*levels, ("mac", self.mac, self.pe_count)]

    def override(self, changes: Mapping[str, object]) -> Chip:
        """Return this chip with some values changed: ``chip.override({"glb.size_bytes": 65536})``.

        A key is one of the chip's (``clock_mhz``) or ``<level>.<key>``, ``mac.<key>``, ``vector.<key>``. What
        components fill in is estimated anew; a part that gets another component loses the energies and the
        area that were stated for it.
        Raises `UnknownNameError` for a key that does not exist and `ArchitectureError` for a value that does
        not fit.
        """
        data = self.to_dict()
        names = [level.name for level in self.levels]
        for key, value in changes.items():
            part, dot, inner = str(key).partition(".")
            if not dot:
                settable = [name for name in ChipSchema.model_fields if name not in _PARTS]
                if key not in settable:
                    hint = did_you_mean(key, [*settable, *(f"{n}.{k}" for n, k in _inner_keys(self))])
                    if hint.startswith("valid"):
                        hint = f"valid: {', '.join(settable)}, or <level>.<key>"
                    raise UnknownNameError(f"unknown key {key!r}; {hint}")
                data[key] = value
                continue
            if part not in (*names, "mac", "vector"):
                raise unknown_name("level", part, [*names, "mac", "vector"])
            if (part, inner) not in _inner_keys(self):
                raise unknown_name("key", key, [f"{n}.{k}" for n, k in _inner_keys(self) if n == part])
            target = data["levels"][names.index(part)] if part in names else data[part]
            whole = self[part] if part in names else (self.mac if part == "mac" else self.vector)
            if _same(getattr(whole, inner), value):
                continue
            if inner == "component":
                # The numbers were those of what this replaces, unless they come along.
                kept = {key for key in FILLED_IN if f"{part}.{key}" in changes}
                lost = {key: target[key] for key in kept if key in target}
                stripped = without_filled_in(target) | lost
                target.clear()
                target.update(stripped)
            target[inner] = value
            # The paper's figure no longer stands behind the number.
            if part in names and inner != "sources":
                target.setdefault("sources", {})[inner] = "set by override"
            elif part not in names and inner != "source":
                target["source"] = f"{inner} set by override; {target.get('source', '')}".rstrip("; ")
        chip, faults = build(data)
        if chip is None:
            named = [
                ((names[path[1]], *path[2:]), text)
                if path[:1] == ("levels",) and len(path) > 1 and isinstance(path[1], int)
                else (path, text)
                for path, text in faults
            ]
            raise ArchitectureError(describe_faults(named))
        return chip

    def to_dict(self) -> dict[str, Any]:
        """Return the chip as plain dicts, lists, numbers and text, as its YAML file holds them."""
        data: dict[str, Any] = {"format": FORMAT}
        for key in ChipSchema.model_fields:
            field = next((name for name, renamed in _RENAMED.items() if renamed == key), key)
            value = None if key in _PARTS else getattr(self, field)
            if value not in (None, "") and (key, value) != ("area_unit", "mm2"):
                data[key] = value
        data["levels"] = [level_to_dict(given(level), self.word_bits) for level in self.levels]
        data["mac"] = unit_to_dict(given(self.mac))
        data["vector"] = unit_to_dict(self.vector)
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Chip:
        """Return the chip that `data` describes, as `to_dict` gives it or a YAML file holds it.

        A path that it `extends` is relative to the working directory. Raises `ArchitectureError` with one
        line for each fault.
        """
        from dnnaccel.arch.inherit import merged

        whole, _ = merged(data, {(): ("", 1)}, "")
        chip, faults = build(whole)
        if chip is None:
            raise ArchitectureError(describe_faults(faults))
        return chip

    def to_yaml(self) -> str:
        """Return the chip as the text of a YAML file that `arch.load` reads back to an equal chip."""
        from dnnaccel.arch.files import dump

        return dump(self.to_dict())

    def draw(self) -> str:
        """Return a text drawing of the hierarchy: what is kept where, sizes, energies and the array."""
        from dnnaccel.arch.drawing import draw

        return draw(self)

    def _repr_html_(self) -> str:
        from dnnaccel.report.html import fragment, preformatted

        return fragment(preformatted(self.draw()))

    def __str__(self) -> str:
        return self.draw()

    def __repr__(self) -> str:
        clock = "" if self.clock_mhz is None else f", {self.clock_mhz:g} MHz"
        chain = " > ".join(
            level.name if isinstance(level, Memory) else f"{level.name} {level.rows}x{level.columns}"
            for level in self.levels
        )
        return f"<Chip {self.name}: {self.pe_count} PEs, {self.word_bits} bit{clock}; {chain}>"


_PARTS = ("levels", "mac", "vector", "format")


def _same(old: object, new: object) -> bool:
    # Only plain values are compared: a NumPy array compares to an array.
    plain = new is None or isinstance(new, (int, float, str, list, tuple, dict))
    return plain and plain_value(old) == plain_value(new)


def _inner_keys(chip: Chip) -> list[tuple[str, str]]:
    keys = []
    for level in chip.levels:
        schema, kind = (MemorySchema, "memory") if isinstance(level, Memory) else (ArraySchema, "array")
        keys += [(level.name, key) for key in schema.model_fields if key != kind]
    keys += [("mac", key) for key in MacSchema.model_fields]
    return keys + [("vector", key) for key in VectorSchema.model_fields]


def build(data: object) -> tuple[Chip | None, list[Fault]]:
    """Build a chip from plain data: the chip, or every fault that can be seen at once."""
    top, faults = find_faults(ChipSchema, data)
    if not isinstance(data, Mapping):
        return None, faults
    listed = data.get("levels")
    levels: list[Level | None] = []
    more: list[Fault]
    if isinstance(listed, (list, tuple)):
        for index, entry in enumerate(listed[:MAX_LEVELS]):
            level, more = build_level(entry)
            levels.append(level)
            faults += below(("levels", index), more)
        levels += [None] * len(listed[MAX_LEVELS:])
    elif "levels" in data:
        faults.append((("levels",), "must be a list of memories and arrays, outermost first"))
    mac, more = build_unit(Mac, MacSchema, data, "mac")
    faults += more
    vector, more = build_unit(Vector, VectorSchema, data, "vector")
    faults += more
    if isinstance(listed, (list, tuple)):
        word_bits = data.get("word_bits")
        known = word_bits if isinstance(word_bits, int) and word_bits > 0 else None
        faults += chip_faults(levels, known, vector)
    if faults or mac is None or vector is None:
        return None, faults
    whole = [level for level in levels if level is not None]
    bound, estimated_mac, faults = bind_parts(top, whole, mac)
    if faults:
        return None, faults
    renamed = {new: top.pop(key) for new, key in _RENAMED.items()}
    top.pop("format")
    return Chip(**(top | renamed | {"levels": bound, "mac": estimated_mac, "vector": vector})), []
