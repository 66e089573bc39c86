"""The JSON schema of a chip file, made from the models that check one: for editors and other tools."""

from __future__ import annotations

from typing import Any

from dnnaccel._checks import Schema
from dnnaccel.arch.inherit import preset_names
from dnnaccel.arch.schema import (
    MAX_LEVELS,
    ArraySchema,
    ChipSchema,
    MacSchema,
    MemorySchema,
    VectorSchema,
)
from dnnaccel.arch.values import NAME
from dnnaccel.energy.schema import component_schema

__all__ = ["schema"]

_Json = dict[str, Any]
_LEVEL_NAME = {"type": "string", "pattern": f"^{NAME}$"}


def schema() -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of a chip file, as plain data.

    It says which keys there are and what each may hold, so that an editor can complete and check them; what
    must agree between keys is checked when a chip is loaded. A file that `extends` another may leave out what
    it takes from there, and says where new levels stand and which ones go.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A chip of dnnaccel",
        "if": {"type": "object", "required": ["extends"]},
        "then": _extending(),
        "else": _whole(),
    }


def _whole() -> _Json:
    chip = _keys(ChipSchema)
    levels = chip["properties"]["levels"] | _levels(_keys(MemorySchema), _keys(ArraySchema))
    chip["properties"] |= {
        "levels": levels | {"minItems": 1},
        "mac": _keys(MacSchema),
        "vector": _keys(VectorSchema),
    }
    return chip


def _extending() -> _Json:
    """Return the schema of a file that extends another: all but its name is optional."""
    memory, array = _keys(MemorySchema, ["memory"]), _keys(ArraySchema, ["array"])
    for level in (memory, array):
        level["properties"] |= {
            side: _LEVEL_NAME | {"description": f"The level that a new one stands {side}."}
            for side in ("after", "before")
        }
    chip = _keys(ChipSchema, ["name", "extends"])
    chip["properties"] |= {
        "extends": {
            "description": "The chip that this one changes: a preset's name, or a path from this file.",
            "anyOf": [{"enum": preset_names()}, {"type": "string", "pattern": r"/|\.ya?ml$"}],
        },
        "remove": {
            "description": "Levels of the parent that this chip has not.",
            "type": "array",
            "items": _LEVEL_NAME,
        },
        "levels": chip["properties"]["levels"] | _levels(memory, array),
        "mac": _keys(MacSchema, []),
        "vector": _keys(VectorSchema, []),
    }
    return chip


def _levels(memory: _Json, array: _Json) -> _Json:
    kinds = {"if": {"type": "object", "required": ["memory"]}, "then": memory, "else": array}
    return {"type": "array", "items": kinds, "maxItems": MAX_LEVELS}


def _keys(model: type[Schema], required: list[str] | None = None) -> _Json:
    """Return the JSON schema of one mapping, without the titles that pydantic makes up from names.

    `required` are the keys that must be there, by default those that the model asks for.
    """
    made = model.model_json_schema()
    made.pop("title", None)
    for entry in made["properties"].values():
        entry.pop("title", None)
    part = {MemorySchema: "memory", ArraySchema: "array", MacSchema: "mac"}.get(model)
    if part is not None:
        made["properties"]["component"] |= component_schema(part)
    if required is not None:
        made["required"] = required
    return made
