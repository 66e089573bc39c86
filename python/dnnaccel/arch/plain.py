"""The parts of a chip from plain data and back, as its YAML file holds them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any, TypeVar

from dnnaccel._checks import find_faults
from dnnaccel._yaml import Fault, Place
from dnnaccel.arch.levels import Array, Level, Mac, Memory, Vector
from dnnaccel.arch.schema import ArraySchema, MacSchema, MemorySchema, VectorSchema

__all__ = ["below", "build_level", "build_unit", "level_to_dict", "plain_value", "unit_to_dict"]


def plain_value(value: object) -> object:
    """Return a canonical value as a file holds it: lists for tuples, plain dicts."""
    if isinstance(value, tuple):
        return list(value)
    return dict(value) if isinstance(value, Mapping) else value


def level_to_dict(level: Level, word_bits: int) -> dict[str, Any]:
    """Return a level as plain data, without what it has by default; `word_bits` are those of its chip."""
    data: dict[str, Any] = {"memory" if isinstance(level, Memory) else "array": level.name}
    for f in fields(level):
        value = getattr(level, f.name)
        required = f.name in ("rows", "columns", "keeps")
        free = f.name == "energy" and value == 0 and not level.component
        if f.name in ("name", "estimates") or free or (f.name == "word_bits" and value == word_bits):
            continue
        if f.name == "charge":
            value = {role: how for role, how in value.items() if how != "none"}
        if required or (value != f.default and value not in (None, {})):
            data[f.name] = plain_value(value)
    return data


def unit_to_dict(unit: Mac | Vector) -> dict[str, Any]:
    """Return the MAC or the vector unit as plain data, without what it has by default."""
    stated = {f.name: getattr(unit, f.name) for f in fields(unit) if f.name != "estimates"}
    defaults = {f.name: f.default for f in fields(unit)}
    return {
        key: plain_value(value)
        for key, value in stated.items()
        if value != defaults[key] and value not in (None, {})
    }


def below(place: Place, faults: Iterable[Fault]) -> list[Fault]:
    """Return `faults` of what stands at `place`, with the whole way to each."""
    return [(place + path, text) for path, text in faults]


def build_level(entry: object) -> tuple[Level | None, list[Fault]]:
    """Return the level that plain data describes, or every fault."""
    kinds = [kind for kind in ("memory", "array") if isinstance(entry, Mapping) and kind in entry]
    if isinstance(entry, Mapping) and len(kinds) != 1:
        return None, [((), "a level is one of two kinds; name it with `memory: <name>` or `array: <name>`")]
    if kinds == ["array"]:
        checked, faults = find_faults(ArraySchema, entry)
        return (None, faults) if faults else (Array(name=checked.pop("array"), **checked), [])
    checked, faults = find_faults(MemorySchema, entry)
    return (None, faults) if faults else (Memory(name=checked.pop("memory"), **checked), [])


_Unit = TypeVar("_Unit", Mac, Vector)


def build_unit(
    kind: type[_Unit], schema: type[MacSchema] | type[VectorSchema], data: Mapping[str, Any], key: str
) -> tuple[_Unit | None, list[Fault]]:
    """Return the unit that `data` describes under `key`, or every fault; None too if there is no such key."""
    if key not in data:
        return None, []
    checked, faults = find_faults(schema, data[key])
    if faults:
        return None, below((key,), faults)
    return kind(**checked), []
