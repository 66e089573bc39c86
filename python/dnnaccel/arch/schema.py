"""The keys of a chip description: what each means, may hold and is by default, and what must agree.

One source of truth for both doors, a YAML file (`dnnaccel.arch.files`) and direct construction
(`dnnaccel.arch.chip`), and for the JSON schema that editors read (`dnnaccel.arch.editors`), to which the
texts below the keys go as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from dnnaccel._checks import Bits, Bytes, FrozenDict, Nanometres, Schema, Text, nearest_key
from dnnaccel._yaml import Fault
from dnnaccel.arch.values import (
    NO_CHARGE,
    Area,
    AreaUnit,
    Charge,
    ChipName,
    Component,
    Count,
    CycleModel,
    Cycles,
    Dims,
    Energy,
    Formats,
    Forwarded,
    LevelName,
    Megahertz,
    Milliwatts,
    Operands,
    Rate,
    Rates,
    ReductionDims,
    Roles,
    Sources,
    Unit,
)
from dnnaccel.energy.schema import component_faults
from dnnaccel.problem import ROLES

__all__ = ["ArraySchema", "ChipSchema", "MacSchema", "MemorySchema", "VectorSchema"]

FORMAT = 1
MAX_LEVELS = 16


class MemorySchema(Schema):
    """Keys of a memory level."""

    hints: ClassVar[Mapping[str, str]] = {
        "read_energy": "state the energy of reading one word, in the chip's energy_unit, or a component",
        "write_energy": "state the energy of writing one word, in the chip's energy_unit, or a component",
    }

    memory: LevelName
    """Name of the level."""
    size_bytes: Bytes | None = None
    """Size of one instance in bytes; only the outermost memory may be unlimited."""
    word_bits: Bits | Literal[0] = 0
    """Bits of one word here; by default the chip's."""
    keeps: Roles = ROLES
    """Tensors that it can hold: inputs, weights, outputs."""
    may_bypass: Roles = ()
    """Tensors of those that a mapping may leave out here."""
    buffering: Literal["single", "double", "stream"] = "single"
    """How the next tile comes in: after use, beside it (two tiles must fit), or word by word behind it."""
    component: Component = FrozenDict()
    """What it is made of: estimates the energies and the area that are left out."""
    read_energy: Energy | None = None
    """Energy of reading one word, in the chip's energy_unit."""
    write_energy: Energy | None = None
    """Energy of writing one word, in the chip's energy_unit."""
    area_mm2: Area | None = None
    """Area of one instance in mm2."""
    leakage_mw: Milliwatts | None = None
    """Leakage power of one instance in mW."""
    read_bytes_per_cycle: Rate | None = None
    """Bandwidth of the read port of one instance; never limits if left out."""
    write_bytes_per_cycle: Rate | None = None
    """Bandwidth of the write port of one instance; never limits if left out."""
    bytes_per_cycle: Rate | None = None
    """Bandwidth of one port that reads and writes share."""
    latency_cycles: Cycles = 0.0
    """Cycles between asking it for words and the first of them; simulations wait for it."""
    formats: Formats = FrozenDict()
    """Compressed format of the tensors that are not kept word by word here."""
    gated_by: Operands = ()
    """Operands whose zeros save the accesses between this memory and compute."""
    sources: Sources = FrozenDict()
    """Where each number comes from, by key."""

    @classmethod
    def check(cls, fields: dict[str, Any]) -> list[Fault]:
        faults = _source_faults(cls, fields["sources"]) + component_faults(fields["component"], "memory")
        if not fields["component"]:
            keys = ("read_energy", "write_energy")
            faults += [((key,), f"missing; {cls.hints[key]}") for key in keys if fields[key] is None]
        keeps = fields["keeps"]
        if not keeps:
            faults.append((("keeps",), f"must name at least one tensor ({', '.join(ROLES)})"))
        strangers = [role for role in fields["may_bypass"] if role not in keeps]
        if strangers:
            faults.append(
                (("may_bypass",), f"{strangers[0]} are not among what it keeps; only those can bypass it")
            )
        faults += [
            (("formats", role), f"{role} are not among what it keeps; only those have a format here")
            for role in fields["formats"]
            if role not in keeps
        ]
        if fields["bytes_per_cycle"] is not None:
            sentence = "bytes_per_cycle is a port shared by reads and writes; state it or the other two"
            own = ("read_bytes_per_cycle", "write_bytes_per_cycle")
            faults += [((key,), sentence) for key in own if fields[key] is not None]
        return faults


class ArraySchema(Schema):
    """Keys of an array level."""

    hints: ClassVar[Mapping[str, str]] = {"rows": "state how many rows of instances the array has"}

    array: LevelName
    """Name of the level; everything below it exists rows x columns times."""
    rows: Count
    """Instances along the first axis."""
    columns: Count = 1
    """Instances along the second axis."""
    multicast: Dims = "all"
    """all, none, or the dims in which instances may differ and still be served by one word sent."""
    reduce: ReductionDims = "none"
    """all, none, or the dims over which partial sums add up on their way to the parent."""
    forwards: Forwarded = ()
    """Operands that an instance can hand on to a neighbour that lacks them."""
    cycle_model: CycleModel = None
    """The kind of array that a simulation cycle by cycle takes it for; no effect on costs."""
    charge: Charge = NO_CHARGE
    """For each tensor what costs energy: none, each delivery to an instance, or each hop."""
    component: Component = FrozenDict()
    """What the network is made of: estimates the energy that is left out."""
    energy: Energy | None = None
    """Energy of one charged word, in the chip's energy_unit."""
    area_mm2: Area | None = None
    """Area of one instance of the network in mm2."""
    leakage_mw: Milliwatts | None = None
    """Leakage power of one instance of the network in mW."""
    words_per_cycle: Rates = FrozenDict()
    """For each tensor, words in a cycle into one instance; never limits if left out."""
    sources: Sources = FrozenDict()
    """Where each number comes from, by key."""

    @classmethod
    def check(cls, fields: dict[str, Any]) -> list[Fault]:
        if fields["energy"] is None and not fields["component"]:
            fields["energy"] = 0.0
        return _source_faults(cls, fields["sources"]) + component_faults(fields["component"], "array")


class MacSchema(Schema):
    """Keys of the multiply-accumulate unit."""

    hints: ClassVar[Mapping[str, str]] = {
        "energy": "state the energy of one multiply-accumulate, in the chip's energy_unit, or a component",
    }

    component: Component = FrozenDict()
    """What it is made of: estimates the energy and the area that are left out."""
    energy: Energy | None = None
    """Energy of one multiply-accumulate, in the chip's energy_unit."""
    area_mm2: Area | None = None
    """Area of one MAC unit in mm2."""
    leakage_mw: Milliwatts | None = None
    """Leakage power of one MAC unit in mW."""
    gates: Operands = ()
    """Operands whose zeros save the energy of a MAC, not its time."""
    skips: Operands = ()
    """Operands whose zeros save both energy and time."""
    source: Text = ""
    """Where the numbers come from."""

    @classmethod
    def check(cls, fields: dict[str, Any]) -> list[Fault]:
        faults = component_faults(fields["component"], "mac")
        if fields["energy"] is None and not fields["component"]:
            faults.append((("energy",), f"missing; {cls.hints['energy']}"))
        both = [role for role in fields["skips"] if role in fields["gates"]]
        if both:
            sentence = f"{both[0]} are in gates too; skipping saves the energy as well, so state one"
            faults.append((("skips",), sentence))
        return faults


class VectorSchema(Schema):
    """Keys of the vector unit."""

    hints: ClassVar[Mapping[str, str]] = {
        "lanes": "state how many operations the vector unit does in a cycle",
        "op_energy": "state the energy of one vector operation, in the chip's energy_unit",
        "memory": "name the memory that the vector unit reads and writes",
    }

    lanes: Count
    """Operations in a cycle."""
    op_energy: Energy
    """Energy of one operation, in the chip's energy_unit."""
    memory: LevelName
    """The memory whose words it reads and writes."""
    source: Text = ""
    """Where the numbers come from."""


class ChipSchema(Schema):
    """Keys of a chip; its levels, MAC and vector unit are checked by their own schemas."""

    hints: ClassVar[Mapping[str, str]] = {
        "format": "state the version of this format: format: 1",
        "energy_unit": "state the unit of every energy of this chip, e.g. energy_unit: pJ",
        "word_bits": "state how many bits a word has, e.g. word_bits: 16",
        "name": "give the chip a name",
        "levels": "list the memories and arrays, outermost first",
        "mac": "state the energy of one multiply-accumulate, e.g. mac: {energy: 1}",
        "vector": "state the vector unit, e.g. vector: {lanes: 16, op_energy: 0.1, memory: glb}",
    }

    format: Literal[1]
    """Version of the file format."""
    name: ChipName
    """Short name, as tables print it."""
    title: Text = ""
    """One line for the reader."""
    description: Text = ""
    """A paragraph for the reader."""
    source: Text = ""
    """The paper or data sheet behind the numbers."""
    technology_nm: Nanometres | None = None
    """Technology in nm, to which components are scaled."""
    clock_mhz: Megahertz | None = None
    """Clock in MHz; without one, times are in cycles only."""
    word_bits: Bits
    """Bits of one word, where a memory does not say otherwise."""
    energy_unit: Unit
    """Unit of every energy of the chip; only pJ converts to joules."""
    area_unit: AreaUnit = "mm2"
    """Unit of every area of the chip."""
    area_mm2: Area | None = None
    """Area of everything that states none of its own."""
    leakage_mw: Milliwatts | None = None
    """Leakage power of the rest of the chip."""
    dataflow: LevelName = "free"
    """What the chip runs when no dataflow is asked for."""
    levels: object
    """Memories and arrays, outermost first."""
    mac: object
    """The multiply-accumulate unit."""
    vector: object
    """The unit for layers without MACs."""

    @classmethod
    def check(cls, fields: dict[str, Any]) -> list[Fault]:
        if fields["area_unit"] != "mm2" and fields["area_mm2"] is not None:
            return [(("area_mm2",), f"areas of this chip are in {fields['area_unit']}, not in mm2")]
        return []


def _source_faults(schema: type[Schema], sources: Mapping[str, str]) -> list[Fault]:
    known = [name for name in schema.model_fields if name != "sources"]
    return [
        (("sources", key), f"unknown key; {nearest_key(key, known)}") for key in sources if key not in known
    ]
