"""The keys of a component in a chip file: what it is, how large and wide, and which table prices it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PlainValidator, WithJsonSchema

from dnnaccel._checks import Bits, Bytes, Nanometres, Plain, Schema, find_faults, nearest_key, shown, wrong
from dnnaccel._yaml import Fault
from dnnaccel.energy import tables

__all__ = ["DEFAULT_TABLES", "KINDS", "ComponentSchema", "component_faults", "component_schema"]

DEFAULT_TABLES = {
    "sram": "horowitz45",
    "regfile": "accelergy_eyeriss",
    "dram": "dram_survey",
    "mac": "horowitz45",
    "wire": "dally",
}
KINDS = {"memory": ("sram", "regfile", "dram"), "array": ("wire",), "mac": ("mac",)}
"""What a part of a chip can be made of."""

PRECISIONS = ("int8", "int16", "int32", "bf16", "fp16", "fp32")


def _table(value: object) -> str:
    if not isinstance(value, str) or value not in tables.names():
        raise wrong(f"unknown table {shown(value)}; {nearest_key(value, tables.names())}")
    return value


def _precision(value: object) -> str:
    if not isinstance(value, str) or value not in PRECISIONS:
        raise wrong(f"unknown precision {shown(value)}; {nearest_key(value, PRECISIONS)}")
    return value


TableName = Annotated[str | None, PlainValidator(_table), WithJsonSchema({"type": "string"})]
Precision = Annotated[
    str, PlainValidator(_precision), WithJsonSchema({"type": "string", "enum": list(PRECISIONS)})
]
CapacityBits = Annotated[int, Field(ge=1, le=2**53), Plain]
Ports = Annotated[int, Field(ge=1, le=16), Plain]
Banks = Annotated[int, Field(ge=1, le=65536), Plain]
Millimetres = Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False), Plain]


class ComponentSchema(Schema):
    """Keys that every component has."""

    table: TableName = None
    """Which published table prices it."""
    technology_nm: Nanometres | None = None
    """Technology to scale to in nm; by default the chip's."""


class SramSchema(ComponentSchema):
    """An SRAM: `bits` of capacity (by default the level's), accesses of `width_bits` (by default a word)."""

    kind: Literal["sram"]
    """What it is."""
    bits: CapacityBits | None = None
    """Capacity of one instance in bits; by default the level's size."""
    width_bits: Bits | None = None
    """Width of one access; by default a word."""
    ports: Ports = 1
    """Ports, each of which makes every wire longer."""
    banks: Banks = 1
    """Memories of an equal share of the capacity, of which an access goes to one."""


class RegfileSchema(ComponentSchema):
    """A register file or scratchpad: keys as for an SRAM, without banks."""

    kind: Literal["regfile"]
    """What it is."""
    bits: CapacityBits | None = None
    """Capacity of one instance in bits; by default the level's size."""
    width_bits: Bits | None = None
    """Width of one access; by default a word."""
    ports: Ports = 1
    """Ports, each of which makes every wire longer."""


class DramSchema(ComponentSchema):
    """Memory off the chip, by its type; may be left out where the table knows one only."""

    kind: Literal["dram"]
    """What it is."""
    type: str | None = None
    """Which DRAM; may be left out where the table knows one only."""


class MacSchema(ComponentSchema):
    """A product of two operands of `precision` added to a sum of `accumulate_bits`."""

    hints: ClassVar[Mapping[str, str]] = {"precision": f"state it, one of {', '.join(PRECISIONS)}"}

    kind: Literal["mac"]
    """What it is."""
    precision: Precision
    """Of the product's operands."""
    accumulate_bits: Literal[8, 16, 32] | None = None
    """Width of the sum."""

    @classmethod
    def check(cls, fields: dict[str, Any]) -> list[Fault]:
        precision, bits = fields["precision"], fields["accumulate_bits"]
        narrow = bits is not None and bits < int(precision.lstrip("intbfp"))
        if narrow or (bits == 8 and not precision.startswith("int")):
            return [(("accumulate_bits",), f"a sum of {precision} products does not fit {bits} bits")]
        return []


class WireSchema(ComponentSchema):
    """Wires of `length_mm` that carry one word of `word_bits` (by default the chip's)."""

    hints: ClassVar[Mapping[str, str]] = {"length_mm": "state how far a word travels, in mm"}

    kind: Literal["wire"]
    """What it is."""
    length_mm: Millimetres
    """How far a word travels, in mm."""
    word_bits: Bits | None = None
    """Bits that travel; by default the chip's word."""


class SettingSchema(Schema):
    """What a component takes from the chip and the level around it."""

    technology_nm: Nanometres | None
    word_bits: Bits
    size_bytes: Bytes | None


SCHEMAS: dict[str, type[ComponentSchema]] = {
    "sram": SramSchema,
    "regfile": RegfileSchema,
    "dram": DramSchema,
    "mac": MacSchema,
    "wire": WireSchema,
}


def component_schema(part: str) -> dict[str, Any]:
    """Return the JSON schema of a component of "memory", "array" or "mac"."""
    kinds = [SCHEMAS[kind].model_json_schema() for kind in KINDS[part]]
    for kind in kinds:
        # Not in the models: most chips have no component, and need not wait for the tables to be read.
        kind["properties"]["table"]["enum"] = tables.names()
    return {"oneOf": kinds}


def read_component(
    component: Mapping[str, Any], kinds: tuple[str, ...]
) -> tuple[dict[str, Any], list[Fault]]:
    """Check a component that may be of `kinds`: its fields in canonical form, or every fault."""
    if not isinstance(component, Mapping) or not all(isinstance(key, str) for key in component):
        return {}, [((), f"must say what it is made of, such as {{kind: sram}}, not {shown(component)}")]
    if "kind" not in component:
        return {}, [(("kind",), f"missing; state what it is, {' or '.join(kinds)}")]
    kind = component["kind"]
    if not isinstance(kind, str) or kind not in kinds:
        where = " here" if isinstance(kind, str) and kind in SCHEMAS else ""
        return {}, [(("kind",), f"must be {' or '.join(kinds)}{where}, not {shown(kind)}")]
    return find_faults(SCHEMAS[kind], component)


def component_faults(component: Mapping[str, Any], part: str) -> list[Fault]:
    """Return what is wrong with the component of "memory", "array" or "mac"; nothing if it has none."""
    if not component:
        return []
    return [(("component", *path), text) for path, text in read_component(component, KINDS[part])[1]]
