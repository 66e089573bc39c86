"""Chips as data: memories and arrays from the outside in, with the source of every number."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

from dnnaccel._yaml import Fault, describe_faults
from dnnaccel.arch.levels import Array, Level, Mac, Memory, Vector, as_mapping, store
from dnnaccel.arch.schema import (
    FORMAT,
    MAX_LEVELS,
    MAX_PES,
    ArraySchema,
    ChipSchema,
    MacSchema,
    MemorySchema,
    VectorSchema,
    find_faults,
    nearest_key,
)
from dnnaccel.errors import ArchitectureError, UnknownNameError, did_you_mean, unknown_name
from dnnaccel.problem import ROLES

__all__ = ["Chip", "build"]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Chip:
    """A chip: its levels, outermost first, its MAC and its vector unit.

    `arch.load` reads one; `override` gives a changed one. Every energy is in `energy_unit`. `dataflow` names
    the dataflow that the chip runs when none is asked for. Raises `ArchitectureError` if the parts do not
    make a chip.
    """

    name: str
    title: str = ""
    description: str = ""
    source: str = ""
    technology_nm: float | None = None
    clock_mhz: float | None = None
    word_bits: int
    energy_unit: str
    dataflow: str = "free"
    levels: tuple[Level, ...]
    mac: Mac
    vector: Vector

    def __post_init__(self) -> None:
        checked, faults = find_faults(ChipSchema, as_mapping(self, {}) | {"format": FORMAT})
        if not faults:
            store(self, checked, {})
            faults = _part_faults(self) or _chip_faults(self.levels, self.word_bits, self.vector)
        if faults:
            raise ArchitectureError(describe_faults(faults, f"chip {self.name!r}"))
        bound = tuple(_with_word_bits(level, self.word_bits) for level in self.levels)
        object.__setattr__(self, "levels", bound)

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

    def override(self, changes: Mapping[str, object]) -> Chip:
        """Return this chip with some values changed: ``chip.override({"glb.size_bytes": 65536})``.

        A key is one of the chip's (``clock_mhz``) or ``<level>.<key>``, ``mac.<key>``, ``vector.<key>``.
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
            value = None if key in _PARTS else getattr(self, key)
            if value not in (None, ""):
                data[key] = value
        data["levels"] = [_level_to_dict(level, self.word_bits) for level in self.levels]
        data["mac"] = _unit_to_dict(self.mac)
        data["vector"] = _unit_to_dict(self.vector)
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Chip:
        """Return the chip that `data` describes, as `to_dict` gives it or a YAML file holds it.

        Raises `ArchitectureError` with one line for each fault.
        """
        chip, faults = build(data)
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


def _inner_keys(chip: Chip) -> list[tuple[str, str]]:
    keys = []
    for level in chip.levels:
        schema, kind = (MemorySchema, "memory") if isinstance(level, Memory) else (ArraySchema, "array")
        keys += [(level.name, key) for key in schema.model_fields if key != kind]
    keys += [("mac", key) for key in MacSchema.model_fields]
    return keys + [("vector", key) for key in VectorSchema.model_fields]


def _plain_value(value: object) -> object:
    if isinstance(value, tuple):
        return list(value)
    return dict(value) if isinstance(value, Mapping) else value


def _same(old: object, new: object) -> bool:
    # Only plain values are compared: a NumPy array compares to an array.
    plain = new is None or isinstance(new, (int, float, str, list, tuple, dict))
    return plain and _plain_value(old) == _plain_value(new)


def _level_to_dict(level: Level, word_bits: int) -> dict[str, Any]:
    data: dict[str, Any] = {"memory" if isinstance(level, Memory) else "array": level.name}
    for f in fields(level):
        value = getattr(level, f.name)
        required = f.name in ("rows", "columns", "read_energy", "write_energy", "keeps")
        if f.name == "name" or (f.name == "word_bits" and value == word_bits):
            continue
        if f.name == "charge":
            value = {role: how for role, how in value.items() if how != "none"}
        if required or (value != f.default and value not in (None, {})):
            data[f.name] = _plain_value(value)
    return data


def _unit_to_dict(unit: Mac | Vector) -> dict[str, Any]:
    return {
        f.name: _plain_value(value) for f in fields(unit) if (value := getattr(unit, f.name)) != f.default
    }


def _with_word_bits(level: Level, word_bits: int) -> Level:
    if isinstance(level, Array) or level.word_bits:
        return level
    return replace(level, word_bits=word_bits)


def _part_faults(chip: Chip) -> list[Fault]:
    faults: list[Fault] = []
    if not isinstance(chip.levels, (tuple, list)):
        faults.append((("levels",), "must be a tuple of Memory and Array"))
    else:
        object.__setattr__(chip, "levels", tuple(chip.levels))
        for index, level in enumerate(chip.levels):
            if not isinstance(level, (Memory, Array)):
                faults.append(
                    (("levels", index), f"must be a Memory or an Array, not {type(level).__name__}")
                )
    if not isinstance(chip.mac, Mac):
        faults.append((("mac",), f"must be a Mac, not {type(chip.mac).__name__}"))
    if not isinstance(chip.vector, Vector):
        faults.append((("vector",), f"must be a Vector, not {type(chip.vector).__name__}"))
    return faults


def _chip_faults(
    levels: Sequence[Level | None], chip_word_bits: int | None, vector: Vector | None
) -> list[Fault]:
    """Check the parts against one another; None stands for a part that has faults of its own."""
    if not levels:
        return [(("levels",), "is empty; list the memories and arrays, outermost first")]
    if len(levels) > MAX_LEVELS:
        return [(("levels",), f"{len(levels)} levels; at most {MAX_LEVELS}")]
    faults: list[Fault] = []
    first = levels[0]
    if isinstance(first, Array):
        faults.append(
            (("levels", 0, "array"), "the outermost level must be a memory that keeps every tensor")
        )
    if isinstance(first, Memory):
        missing = [role for role in ROLES if role not in first.keeps]
        if missing:
            faults.append(
                (("levels", 0, "keeps"), f"the outermost memory must keep every tensor; {missing[0]} missing")
            )
        if first.may_bypass:
            faults.append((("levels", 0, "may_bypass"), "nothing can bypass the outermost memory"))
    seen: set[str] = set()
    pes = 1
    for index, level in enumerate(levels):
        if level is None:
            continue
        if level.name in seen:
            kind = "memory" if isinstance(level, Memory) else "array"
            faults.append(
                (("levels", index, kind), f"a second level is named {level.name!r}; names are unique")
            )
        seen.add(level.name)
        if isinstance(level, Array):
            pes *= level.instances
            if pes > MAX_PES:
                faults.append((("levels", index, "rows"), f"{pes} instances in all; at most {MAX_PES}"))
        else:
            faults += _size_faults(level, index, level.word_bits or chip_word_bits)
    memories = [level.name for level in levels if isinstance(level, Memory)]
    # A memory with faults of its own may be the one that the vector unit means.
    if vector is not None and vector.memory not in memories and None not in levels:
        faults.append(
            (
                ("vector", "memory"),
                f"no memory is named {vector.memory!r}; {nearest_key(vector.memory, memories)}",
            )
        )
    return faults


def _size_faults(memory: Memory, index: int, word_bits: int | None) -> list[Fault]:
    place = ("levels", index, "size_bytes")
    if memory.size_bytes is None:
        if index == 0:
            return []
        return [
            (place, "missing; state the size of one instance, only the outermost memory may be unlimited")
        ]
    if word_bits is None:
        return []
    least = 2 if memory.double_buffered else 1
    if memory.size_bytes * 8 < least * word_bits:
        what = "two words, one for each buffer" if least == 2 else "one word"
        return [(place, f"{memory.size_bytes} bytes do not hold {what} of {word_bits} bits")]
    return []


def _below(place: tuple[str | int, ...], faults: Iterable[Fault]) -> list[Fault]:
    return [(place + path, text) for path, text in faults]


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
            level, more = _build_level(entry)
            levels.append(level)
            faults += _below(("levels", index), more)
        levels += [None] * len(listed[MAX_LEVELS:])
    elif "levels" in data:
        faults.append((("levels",), "must be a list of memories and arrays, outermost first"))
    mac, more = _build_unit(Mac, MacSchema, data, "mac")
    faults += more
    vector, more = _build_unit(Vector, VectorSchema, data, "vector")
    faults += more
    if isinstance(listed, (list, tuple)):
        word_bits = data.get("word_bits")
        known = word_bits if isinstance(word_bits, int) and word_bits > 0 else None
        faults += _chip_faults(levels, known, vector)
    if faults or mac is None or vector is None:
        return None, faults
    top.pop("format")
    top["levels"] = tuple(level for level in levels if level is not None)
    return Chip(**(top | {"mac": mac, "vector": vector})), []


def _build_level(entry: object) -> tuple[Level | None, list[Fault]]:
    kinds = [kind for kind in ("memory", "array") if isinstance(entry, Mapping) and kind in entry]
    if isinstance(entry, Mapping) and len(kinds) != 1:
        return None, [((), "a level is one of two kinds; name it with `memory: <name>` or `array: <name>`")]
    if kinds == ["array"]:
        checked, faults = find_faults(ArraySchema, entry)
        return (None, faults) if faults else (Array(name=checked.pop("array"), **checked), [])
    checked, faults = find_faults(MemorySchema, entry)
    return (None, faults) if faults else (Memory(name=checked.pop("memory"), **checked), [])


_Unit = TypeVar("_Unit", Mac, Vector)


def _build_unit(
    kind: type[_Unit], schema: type[MacSchema] | type[VectorSchema], data: Mapping[str, Any], key: str
) -> tuple[_Unit | None, list[Fault]]:
    if key not in data:
        return None, []
    checked, faults = find_faults(schema, data[key])
    if faults:
        return None, _below((key,), faults)
    return kind(**checked), []
