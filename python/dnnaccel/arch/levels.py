"""The parts of a chip: memories, arrays, the multiply-accumulate unit and the vector unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple, cast

from dnnaccel._checks import FrozenDict, find_faults
from dnnaccel._yaml import describe_faults
from dnnaccel.arch.schema import ArraySchema, MacSchema, MemorySchema, VectorSchema
from dnnaccel.errors import ArchitectureError
from dnnaccel.problem import ROLES

__all__ = ["Array", "Estimated", "Level", "Mac", "Memory", "Vector", "as_mapping", "store"]

# What a component is to fill in is no number until a chip around it does so.
_BY_COMPONENT = cast(float, None)


class Estimated(NamedTuple):
    """A number that a component filled in, and the text that says how."""

    value: float
    source: str


def as_mapping(value: object, renamed: Mapping[str, str]) -> dict[str, Any]:
    """Return the fields of a dataclass by name, or by what `renamed` calls them."""
    names = [f.name for f in fields(value) if f.name != "estimates"]  # type: ignore[arg-type]
    return {renamed.get(name, name): getattr(value, name) for name in names}


def store(value: object, checked: Mapping[str, Any], renamed: Mapping[str, str]) -> None:
    """Put the canonical form of its fields into a frozen dataclass that is being made."""
    for f in fields(value):  # type: ignore[arg-type]
        if f.name != "estimates":
            object.__setattr__(value, f.name, checked[renamed.get(f.name, f.name)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """One memory level: DRAM, a buffer, a scratchpad or a register; below an array, one per instance.

    Attributes
    ----------
    name : str
        Name of the level.
    size_bytes : int or None
        Size of one instance in bytes; None, unlimited, is for the outermost memory only.
    word_bits : int
        Bits of one word here; 0 means the chip's (a `Chip` fills it in).
    keeps, may_bypass : tuple of str
        Tensor roles that can be kept here, and those of them that a mapping may leave out.
    buffering : {"single", "double", "stream"}
        How a new tile comes in: after the old one was used (one tile must fit, filling takes time of its
        own), beside it (two tiles must fit, filling overlaps with use), or word by word behind its use (one
        tile must fit, filling overlaps with use).
    component : dict
        What it is made of, such as ``{"kind": "sram"}``: a chip around it estimates the energies and the area
        that are left out.
    read_energy, write_energy : float
        Energy of one word, in the chip's energy unit; None where a component is to say and no chip is around
        it yet.
    area_mm2, leakage_mw : float or None
        Area and leakage power of one instance; None if nobody says.
    read_bytes_per_cycle, write_bytes_per_cycle, bytes_per_cycle : float or None
        Bandwidth of one instance: of its read port and its write port, or of one port shared by both.
        None never limits.
    latency_cycles : float
        Cycles between asking it for words and the first of them. The tile-level simulator waits for it where
        nothing hides it; the closed form leaves it out.
    formats : dict of str
        Compressed format of the tensors that are not kept word by word here, by role: "rlc", "csc",
        "bitmask" or "coordinate".
    gated_by : tuple of str
        Operand roles whose zeros save the accesses between this memory and compute.
    sources : dict of str
        Where each number comes from, by key.
    estimates : dict of Estimated
        What the component filled in, by key; a chip sees to it.

    Raises `ArchitectureError` for a value that makes no sense.
    """

    name: str
    size_bytes: int | None = None
    word_bits: int = 0
    keeps: tuple[str, ...] = ROLES
    may_bypass: tuple[str, ...] = ()
    buffering: str = "single"
    component: Mapping[str, Any] = field(default_factory=FrozenDict)
    read_energy: float = _BY_COMPONENT
    write_energy: float = _BY_COMPONENT
    area_mm2: float | None = None
    leakage_mw: float | None = None
    read_bytes_per_cycle: float | None = None
    write_bytes_per_cycle: float | None = None
    bytes_per_cycle: float | None = None
    latency_cycles: float = 0.0
    formats: Mapping[str, str] = field(default_factory=FrozenDict)
    gated_by: tuple[str, ...] = ()
    sources: Mapping[str, str] = field(default_factory=FrozenDict)
    estimates: Mapping[str, Estimated] = field(default_factory=FrozenDict, repr=False)

    def __post_init__(self) -> None:
        checked, faults = find_faults(MemorySchema, as_mapping(self, {"name": "memory"}))
        if faults:
            raise ArchitectureError(describe_faults(faults, f"memory {self.name!r}"))
        store(self, checked, {"name": "memory"})

    @property
    def capacity_words(self) -> int | None:
        """Words that one instance holds, or None if it is unlimited.

        Raises `ArchitectureError` if neither the memory nor a chip around it says how wide a word is.
        """
        if self.size_bytes is None:
            return None
        if not self.word_bits:
            raise ArchitectureError(
                f"memory {self.name!r}: word_bits: 0 stands for the chip's, and it is in no chip; state it"
            )
        return self.size_bytes * 8 // self.word_bits

    @property
    def tile_words(self) -> int | None:
        """Largest number of words that the tiles of one moment may have together; None if unlimited.

        Half the capacity where the memory is double buffered, all of it otherwise.
        """
        words = self.capacity_words
        return words if words is None or not self.double_buffered else words // 2

    @property
    def double_buffered(self) -> bool:
        """Whether two tiles must fit, so that the next one comes in while this one is used."""
        return self.buffering == "double"


@dataclass(frozen=True, slots=True, kw_only=True)
class Array:
    """A fan-out: `rows` x `columns` instances of everything below, and the network that reaches them.

    Attributes
    ----------
    name : str
        Name of the level; its two axes are the levels ``<name>.rows`` and ``<name>.columns`` of a mapping.
    rows, columns : int
        Number of instances along each axis.
    multicast : {"all", "none"} or tuple of str
        Dims in which instances may differ and still be served by one word sent.
    reduce : {"all", "none"} or tuple of str
        Dims over which partial sums add up on their way to the parent.
    forwards : tuple of str
        Tensor roles that an instance can hand on to its neighbours instead of the parent sending them.
    cycle_model : {"systolic", "row_stationary", "adder_tree"} or None
        The kind of array that a simulation cycle by cycle takes it for; costs do not depend on it.
    charge : dict of str
        For each role what costs `energy`: "none", each "delivery" to an instance, or each "hop" between
        neighbours.
    component : dict
        What its network is made of, such as ``{"kind": "wire", "length_mm": 1}``; see `Memory`.
    energy : float
        Energy of one charged word, in the chip's energy unit.
    area_mm2, leakage_mw : float or None
        Area and leakage power of one instance of the network; None if nobody says.
    words_per_cycle : dict of float
        Bandwidth of the network per role: words in a cycle into one instance of the array. A role that is
        not named never limits.
    sources : dict of str
        Where each number comes from, by key.
    estimates : dict of Estimated
        What the component filled in, by key; a chip sees to it.

    Raises `ArchitectureError` for a value that makes no sense.
    """

    name: str
    rows: int
    columns: int = 1
    multicast: str | tuple[str, ...] = "all"
    reduce: str | tuple[str, ...] = "none"
    forwards: tuple[str, ...] = ()
    cycle_model: str | None = None
    charge: Mapping[str, str] = field(default_factory=FrozenDict)
    component: Mapping[str, Any] = field(default_factory=FrozenDict)
    energy: float = _BY_COMPONENT
    area_mm2: float | None = None
    leakage_mw: float | None = None
    words_per_cycle: Mapping[str, float] = field(default_factory=FrozenDict)
    sources: Mapping[str, str] = field(default_factory=FrozenDict)
    estimates: Mapping[str, Estimated] = field(default_factory=FrozenDict, repr=False)

    def __post_init__(self) -> None:
        checked, faults = find_faults(ArraySchema, as_mapping(self, {"name": "array"}))
        if faults:
            raise ArchitectureError(describe_faults(faults, f"array {self.name!r}"))
        store(self, checked, {"name": "array"})

    @property
    def instances(self) -> int:
        """Number of instances: rows x columns."""
        return self.rows * self.columns

    @property
    def axes(self) -> tuple[tuple[str, int], tuple[str, int]]:
        """The two spatial levels of a mapping, each with its size: rows, then columns."""
        return (f"{self.name}.rows", self.rows), (f"{self.name}.columns", self.columns)

    def multicasts(self, dim: str) -> bool:
        """Whether one word sent serves instances that differ in `dim`."""
        return self.multicast == "all" or dim in self.multicast

    def reduces(self, dim: str) -> bool:
        """Whether partial sums of instances that differ in `dim` add up on their way to the parent."""
        return self.reduce == "all" or dim in self.reduce


Level = Memory | Array
"""A level of a chip."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mac:
    """The multiply-accumulate unit of each processing element.

    Attributes
    ----------
    component : dict
        What it is made of, such as ``{"kind": "mac", "precision": "int8"}``; see `Memory`.
    energy : float
        Energy of one MAC, in the chip's energy unit.
    area_mm2, leakage_mw : float or None
        Area and leakage power of one MAC unit; None if nobody says.
    gates, skips : tuple of str
        Operand roles whose zeros save the energy of a MAC, and those whose zeros save its energy and its
        time.
    source : str
        Where the numbers come from.
    estimates : dict of Estimated
        What the component filled in, by key; a chip sees to it.

    Raises `ArchitectureError` for a value that makes no sense.
    """

    component: Mapping[str, Any] = field(default_factory=FrozenDict)
    energy: float = _BY_COMPONENT
    area_mm2: float | None = None
    leakage_mw: float | None = None
    gates: tuple[str, ...] = ()
    skips: tuple[str, ...] = ()
    source: str = ""
    estimates: Mapping[str, Estimated] = field(default_factory=FrozenDict, repr=False)

    def __post_init__(self) -> None:
        checked, faults = find_faults(MacSchema, as_mapping(self, {}))
        if faults:
            raise ArchitectureError(describe_faults(faults, "mac"))
        store(self, checked, {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Vector:
    """The unit for layers without MACs: `lanes` operations per cycle of `op_energy` each.

    `memory` names the memory level whose words it reads and writes.
    """

    lanes: int
    op_energy: float
    memory: str
    source: str = ""

    def __post_init__(self) -> None:
        checked, faults = find_faults(VectorSchema, as_mapping(self, {}))
        if faults:
            raise ArchitectureError(describe_faults(faults, "vector"))
        store(self, checked, {})
