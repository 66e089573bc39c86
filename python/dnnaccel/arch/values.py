"""What a single value of a chip description may be: types with their bounds, and what is wrong otherwise.

Each type checks, gives the canonical form, and says the same as JSON schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, PlainValidator, WithJsonSchema

from dnnaccel._checks import FrozenDict, Plain, is_name, nearest_key, plain, shown, text, wrong
from dnnaccel.problem import DIMS, ROLES

__all__ = [
    "Area",
    "AreaUnit",
    "Charge",
    "ChipName",
    "Component",
    "Count",
    "CycleModel",
    "Dims",
    "Energy",
    "Formats",
    "Forwarded",
    "LevelName",
    "MAX_PES",
    "Megahertz",
    "Milliwatts",
    "NAME",
    "NO_CHARGE",
    "Operands",
    "Rate",
    "Rates",
    "ReductionDims",
    "Roles",
    "Sources",
    "Unit",
]

MAX_PES = 2**20
MAX_RATE = 1e12
CYCLE_MODELS = ("systolic", "row_stationary", "adder_tree")
CHARGES = ("none", "delivery", "hop")
REDUCTION_DIMS = ("C", "R", "S")
FORMATS = ("rlc", "csc", "bitmask", "coordinate")
OPERANDS = ("inputs", "weights")
# These words already mean something where a level's name may stand: in a mapping or an energy split.
RESERVED_NAMES = ("mac", "vector", "for", "par")

NO_CHARGE = FrozenDict(dict.fromkeys(ROLES, "none"))
NAME = r"[A-Za-z_][A-Za-z0-9_]{0,63}"
CHIP_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,63}"


def _level_name(value: object) -> str:
    if not is_name(value, NAME):
        raise wrong(f"must be a name of letters, digits and underscores, no digit first, not {shown(value)}")
    if value in RESERVED_NAMES:
        raise wrong(f"{value!r} has a meaning of its own; choose another name")
    return str(value)


def _chip_name(value: object) -> str:
    if not is_name(value, CHIP_NAME):
        raise wrong(f"must be a name of letters, digits and any of _ . + -, not {shown(value)}")
    return str(value)


def _words(value: object, valid: tuple[str, ...], what: str) -> tuple[str, ...]:
    """Return the words of `value`, each once, in the order of `valid`."""
    if not isinstance(value, (list, tuple, set, frozenset)):
        raise wrong(f"must be a list of {what}s ({', '.join(valid)}), not {shown(value)}")
    for word in value:
        if not isinstance(word, str) or word not in valid:
            raise wrong(f"unknown {what} {shown(word)}; {nearest_key(word, valid)}")
    return tuple(word for word in valid if word in value)


def _roles(value: object) -> tuple[str, ...]:
    return _words(value, ROLES, "tensor")


def _forwarded(value: object) -> tuple[str, ...]:
    roles = _roles(value)
    if "outputs" in roles:
        raise wrong("neighbours hand on inputs and weights; partial sums meet where `reduce` says")
    return roles


def _operands(value: object) -> tuple[str, ...]:
    roles = _roles(value)
    if "outputs" in roles:
        raise wrong("outputs are no operand of a MAC; only zeros among inputs and weights save anything")
    return roles


def _dims(value: object) -> str | tuple[str, ...]:
    if isinstance(value, str):
        if value not in ("all", "none"):
            raise wrong(f"must be all, none or a list of dims ({', '.join(DIMS)}), not {shown(value)}")
        return value
    return _words(value, DIMS, "dim") or "none"


def _reduction_dims(value: object) -> str | tuple[str, ...]:
    dims = _dims(value)
    for dim in dims if isinstance(dims, tuple) else ():
        if dim not in REDUCTION_DIMS:
            raise wrong(f"outputs differ in {dim}, so their sums cannot meet; sums meet over C, R and S")
    return dims


def _cycle_model(value: object) -> str | None:
    if value is not None and value not in CYCLE_MODELS:
        raise wrong(f"unknown kind of array {shown(value)}; {nearest_key(value, CYCLE_MODELS)}")
    return value if isinstance(value, str) else None


def _charge(value: object) -> FrozenDict:
    if not isinstance(value, Mapping):
        raise wrong(f"must say for each tensor none, delivery or hop, not {shown(value)}")
    for role, how in value.items():
        if role not in ROLES:
            raise wrong(f"unknown tensor {shown(role)}; {nearest_key(role, ROLES)}")
        if how not in CHARGES:
            raise wrong(f"{role} must be none, delivery or hop, not {shown(how)}")
    return FrozenDict({role: value.get(role, "none") for role in ROLES})


def _formats(value: object) -> FrozenDict:
    if not isinstance(value, Mapping):
        raise wrong(f"must give the compressed format of each tensor, not {shown(value)}")
    for role, name in value.items():
        if role not in ROLES:
            raise wrong(f"unknown tensor {shown(role)}; {nearest_key(role, ROLES)}")
        if name not in FORMATS:
            raise wrong(f"unknown format {shown(name)} of {role}; {nearest_key(name, FORMATS)}")
    return FrozenDict({role: value[role] for role in ROLES if role in value})


def _rates(value: object) -> FrozenDict:
    if not isinstance(value, Mapping):
        raise wrong(f"must give the words per cycle of each tensor, not {shown(value)}")
    rates = {}
    for role, given in value.items():
        rate = plain(given)
        if role not in ROLES:
            raise wrong(f"unknown tensor {shown(role)}; {nearest_key(role, ROLES)}")
        if not isinstance(rate, (int, float)) or isinstance(rate, bool) or not 0 < rate <= MAX_RATE:
            raise wrong(f"{role} must be a number of words per cycle greater than 0, not {shown(rate)}")
        rates[role] = float(rate)
    return FrozenDict({role: rates[role] for role in ROLES if role in rates})


def _sources(value: object) -> FrozenDict:
    if not isinstance(value, Mapping):
        raise wrong(f"must give the source of each key as text, not {shown(value)}")
    for key, source in value.items():
        if not isinstance(key, str):
            raise wrong(f"must be keyed by the level's keys, not by {shown(key)}")
        text(source)
    return FrozenDict(value)


def _component(value: object) -> FrozenDict:
    if not isinstance(value, Mapping):
        raise wrong(f"must say what it is made of, such as {{kind: sram}}, not {shown(value)}")
    if not all(isinstance(key, str) for key in value):
        raise wrong("must have words as keys, such as kind and table")
    return FrozenDict({key: plain(given) for key, given in value.items()})


def _list_of(words: tuple[str, ...]) -> dict[str, Any]:
    return {"type": "array", "items": {"enum": list(words)}, "uniqueItems": True}


def _by_role(value: dict[str, Any]) -> WithJsonSchema:
    properties = dict.fromkeys(ROLES, value)
    return WithJsonSchema({"type": "object", "properties": properties, "additionalProperties": False})


def _dims_or_word(dims: tuple[str, ...]) -> WithJsonSchema:
    return WithJsonSchema({"anyOf": [{"enum": ["all", "none"]}, _list_of(dims)]})


LevelName = Annotated[
    str,
    PlainValidator(_level_name),
    WithJsonSchema({"type": "string", "pattern": f"^{NAME}$", "not": {"enum": list(RESERVED_NAMES)}}),
]
ChipName = Annotated[
    str, PlainValidator(_chip_name), WithJsonSchema({"type": "string", "pattern": f"^{CHIP_NAME}$"})
]
Roles = Annotated[tuple[str, ...], PlainValidator(_roles), WithJsonSchema(_list_of(ROLES))]
Operands = Annotated[tuple[str, ...], PlainValidator(_operands), WithJsonSchema(_list_of(OPERANDS))]
Forwarded = Annotated[tuple[str, ...], PlainValidator(_forwarded), WithJsonSchema(_list_of(OPERANDS))]
Dims = Annotated[str | tuple[str, ...], PlainValidator(_dims), _dims_or_word(DIMS)]
ReductionDims = Annotated[
    str | tuple[str, ...], PlainValidator(_reduction_dims), _dims_or_word(REDUCTION_DIMS)
]
CycleModel = Annotated[
    str | None,
    PlainValidator(_cycle_model),
    WithJsonSchema({"anyOf": [{"enum": list(CYCLE_MODELS)}, {"type": "null"}]}),
]
Charge = Annotated[FrozenDict, PlainValidator(_charge), _by_role({"enum": list(CHARGES)})]
Formats = Annotated[FrozenDict, PlainValidator(_formats), _by_role({"enum": list(FORMATS)})]
Rates = Annotated[
    FrozenDict,
    PlainValidator(_rates),
    _by_role({"type": "number", "exclusiveMinimum": 0, "maximum": MAX_RATE}),
]
Sources = Annotated[
    FrozenDict,
    PlainValidator(_sources),
    WithJsonSchema({"type": "object", "additionalProperties": {"type": "string"}}),
]
Component = Annotated[FrozenDict, PlainValidator(_component), WithJsonSchema({"type": "object"})]
Count = Annotated[int, Field(ge=1, le=MAX_PES), Plain]
Energy = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False), Plain]
Cycles = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False), Plain]
Area = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False), Plain]
Milliwatts = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False), Plain]
Rate = Annotated[float, Field(gt=0, le=MAX_RATE, allow_inf_nan=False), Plain]
Megahertz = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False), Plain]
Unit = Annotated[str, Field(pattern=r"^[A-Za-z]{1,16}$")]
AreaUnit = Annotated[str, Field(pattern=r"^[A-Za-z]{1,15}2?$")]
