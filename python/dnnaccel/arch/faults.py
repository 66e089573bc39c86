"""What is wrong between the parts of a chip that are each right."""

from __future__ import annotations

from collections.abc import Sequence

from dnnaccel._checks import nearest_key
from dnnaccel._yaml import Fault, Place
from dnnaccel.arch.levels import Array, Level, Mac, Memory, Vector
from dnnaccel.arch.schema import MAX_LEVELS
from dnnaccel.arch.values import MAX_PES
from dnnaccel.problem import ROLES

__all__ = ["chip_faults", "part_faults", "unit_faults"]


def part_faults(levels: object, mac: object, vector: object) -> list[Fault]:
    """Return which parts are not of their class."""
    faults: list[Fault] = []
    if not isinstance(levels, (tuple, list)):
        faults.append((("levels",), "must be a tuple of Memory and Array"))
    else:
        for index, level in enumerate(levels):
            if not isinstance(level, (Memory, Array)):
                faults.append(
                    (("levels", index), f"must be a Memory or an Array, not {type(level).__name__}")
                )
    if not isinstance(mac, Mac):
        faults.append((("mac",), f"must be a Mac, not {type(mac).__name__}"))
    if not isinstance(vector, Vector):
        faults.append((("vector",), f"must be a Vector, not {type(vector).__name__}"))
    return faults


def chip_faults(
    levels: Sequence[Level | None], chip_word_bits: int | None, vector: Vector | None
) -> list[Fault]:
    """Return how the parts do not meet; None stands for a part that has faults of its own."""
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


def unit_faults(
    levels: Sequence[Level | None],
    mac: Mac | None,
    *,
    chip_leakage_mw: float | None,
    clock_mhz: float | None,
    energy_unit: str,
    area_unit: str,
) -> list[Fault]:
    """Return the areas and the leakage that the chip's units and clock give no meaning to."""
    parts: list[tuple[Place, Level | Mac | None]] = [
        (("levels", index), level) for index, level in enumerate(levels)
    ]
    parts.append((("mac",), mac))
    faults: list[Fault] = []
    leaks: list[tuple[Place, float | None]] = [((), chip_leakage_mw)]
    for place, part in parts:
        if part is None:
            continue
        if part.area_mm2 is not None and area_unit != "mm2" and "area_mm2" not in part.estimates:
            faults.append(((*place, "area_mm2"), f"areas of this chip are in {area_unit}, not in mm2"))
        leaks.append((place, part.leakage_mw))
    lacking = "clock_mhz" if clock_mhz is None else "energy_unit: pJ" if energy_unit != "pJ" else ""
    if lacking:
        sentence = f"leakage costs energy by the second; state {lacking} of the chip, or no leakage"
        faults += [((*place, "leakage_mw"), sentence) for place, power in leaks if power]
    return faults
