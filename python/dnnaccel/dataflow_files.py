"""What each key of a dataflow file may hold: every fault at once, with its place and what would be right.

`dnnaccel.dataflow` builds the objects; this module is loaded when there is a file or plain data to check.
"""

from __future__ import annotations

import difflib
import operator
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, PlainValidator, ValidationError
from pydantic_core import ErrorDetails

from dnnaccel._checks import Text, nearest_key, shown, wrong
from dnnaccel._yaml import Fault, Place, describe_faults, place_faults, read
from dnnaccel.arch.values import ChipName
from dnnaccel.constraint_text import read_level
from dnnaccel.constraints import (
    Forbidden,
    LevelConstraint,
    check_forbidden,
    check_utilization,
    find_contradictions,
)
from dnnaccel.errors import DataflowError, DnnAccelError, did_you_mean
from dnnaccel.problem import DIMS, MAX_MACS, ROLES, unknown_dim, unknown_role

__all__ = ["check", "describes_dataflow", "read_fields"]

Known = Mapping[str, Mapping[str, Any]]
"""The built-in dataflows by name, as plain data."""


def _dim(value: object) -> str:
    if not isinstance(value, str) or value not in DIMS:
        raise wrong(unknown_dim(value))
    return value


def _role(value: object) -> str:
    if not isinstance(value, str) or value not in ROLES:
        raise wrong(unknown_role(value))
    return value


def _listed(what: str, example: str) -> Callable[[object], object]:
    def check_list(value: object) -> object:
        if isinstance(value, (list, tuple)):
            return value
        if value is None:
            raise wrong(f"is empty; list {what}s, [] for none, or leave the key out for no constraint")
        raise wrong(f"must be a list of {what}s such as {example}, not {shown(value)}")

    return check_list


def _distinct(values: tuple[Any, ...]) -> tuple[Any, ...]:
    for value in values:
        if values.count(value) > 1:
            raise wrong(f"{value} stands there twice; once is enough")
    return values


def _tile(value: object) -> int:
    try:
        size = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        size = None
    if size is None or isinstance(value, bool):
        raise wrong(f"must be a whole number, not {shown(value)}")
    if not 1 <= size <= MAX_MACS:
        raise wrong(f"must be from 1 to 2**53, not {shown(value)}")
    return size


def _level_name(value: object) -> str:
    match = (
        re.fullmatch(r"([A-Za-z_][A-Za-z0-9_]{0,63})(?:\.([^.]*))?", value)
        if isinstance(value, str)
        else None
    )
    if match is None:
        raise wrong(f"must be a level's name such as glb or pe_array.rows, not {shown(value)}")
    if match[2] not in (None, "rows", "columns"):
        axis = (difflib.get_close_matches(match[2], ("rows", "columns"), n=1, cutoff=0.5) or ["rows"])[0]
        raise wrong(f"an array has rows and columns; did you mean {match[1]}.{axis}?")
    return match[0]


def _level(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return read_level(value)
    except DataflowError as error:
        raise wrong(str(error)) from None


def _forbid(value: object) -> tuple[Forbidden, ...]:
    if not isinstance(value, (list, tuple)):
        raise wrong(f"must be a list of splits such as [M at glb], not {shown(value)}")
    try:
        return check_forbidden(value, "")
    except DataflowError as error:
        raise wrong(str(error).removeprefix(": ")) from None


def _utilization(value: object) -> float:
    try:
        return check_utilization(value, "")
    except DataflowError as error:
        raise wrong(str(error).removeprefix(": ")) from None


Dim = Annotated[str, PlainValidator(_dim)]
_DIMS = BeforeValidator(_listed("dim", "[C, R, S]"))
_ROLES = BeforeValidator(_listed("tensor", "[weights]"))
_DISTINCT = AfterValidator(_distinct)
Dims = Annotated[tuple[Dim, ...], _DISTINCT, _DIMS]
Roles = Annotated[tuple[Annotated[str, PlainValidator(_role)], ...], _DISTINCT, _ROLES]


class _Schema(BaseModel):
    model_config = ConfigDict(extra="forbid")


class LevelSchema(_Schema):
    """Keys of the constraints on one level."""

    # A default is not checked: what is left out is None, what is stated must be a list.
    dims: Dims = None  # type: ignore[assignment]
    order: Dims = ()
    tiles: dict[Dim, Annotated[int, PlainValidator(_tile)]] = {}
    keeps: Roles = None  # type: ignore[assignment]


Levels = dict[Annotated[str, PlainValidator(_level_name)], Annotated[LevelSchema, BeforeValidator(_level)]]


class DataflowSchema(_Schema):
    """Keys of a dataflow."""

    format: Literal[1]
    name: ChipName
    description: Text = ""
    stationary: Roles = None  # type: ignore[assignment]
    inside: Dims = None  # type: ignore[assignment]
    outside: Dims = ()
    rows: Dims = None  # type: ignore[assignment]
    columns: Dims = None  # type: ignore[assignment]
    whole_rows: Dims = ()
    # Which names there are is for `_contradictions` to say.
    variants: Annotated[
        tuple[Any, ...], _DISTINCT, BeforeValidator(_listed("built-in dataflow", "[osa, osb]"))
    ] = ()
    levels: Levels = {}
    where: Levels = {}
    forbid: Annotated[tuple[Forbidden, ...], PlainValidator(_forbid)] = ()
    min_utilization: Annotated[float, PlainValidator(_utilization)] = 0.0


_BESIDE_VARIANTS = {"format", "name", "description", "variants", "where", "forbid", "min_utilization"}
_MISSING = {
    "format": "state the version of this format: format: 1",
    "name": "give the dataflow a name, e.g. name: my_dataflow",
}

# What people write that is no near miss in spelling.
_SYNONYMS = {
    **dict.fromkeys(("keeps", "keep", "stays", "resident"), "stationary"),
    **dict.fromkeys(("cols", "horizontal"), "columns"),
    **dict.fromkeys(("vertical", "spread", "spatial", "parallel"), "rows or columns"),
    **dict.fromkeys(("title", "summary", "source", "comment"), "description"),
    **dict.fromkeys(("best_of", "any_of", "candidates"), "variants"),
    **dict.fromkeys(("memories", "hierarchy"), "levels"),
    **dict.fromkeys(("constraints", "constraint", "limits"), "where"),
    **dict.fromkeys(("forbidden", "forbids", "never"), "forbid"),
    **dict.fromkeys(("utilization", "minimum_utilization", "min_util", "occupancy"), "min_utilization"),
    **dict.fromkeys(("version",), "format"),
}
_LEVEL_SYNONYMS = {
    **dict.fromkeys(("loops", "loop_order", "permutation", "nest"), "order"),
    **dict.fromkeys(("split", "splits", "spread", "spatial", "allowed"), "dims"),
    **dict.fromkeys(("factors", "sizes", "step", "steps", "extents"), "tiles"),
    **dict.fromkeys(("stationary", "stays", "stores", "roles"), "keeps"),
}
# Keys that only a chip's file has.
_CHIP_KEYS = frozenset(
    {"mac", "vector", "energy_unit", "word_bits", "clock_mhz", "technology_nm", "extends", "remove"}
)


def _nearest(key: object, place: Place) -> str:
    text = str(key).lower()
    if len(place) == 1:
        levels_key = _LEVEL_SYNONYMS.get(text, text)
        if text in _SYNONYMS:
            return f"did you mean {_SYNONYMS[text]}?"
        if levels_key in LevelSchema.model_fields:
            return f"{levels_key} belongs to a level, e.g. levels: {{glb: {{{levels_key}: ...}}}}"
        return nearest_key(key, DataflowSchema.model_fields)
    if text in _LEVEL_SYNONYMS:
        return f"did you mean {_LEVEL_SYNONYMS[text]}?"
    return nearest_key(key, LevelSchema.model_fields)


def _sentence(error: ErrorDetails, place: Place) -> str:
    kind, value = error["type"], shown(error["input"])
    if kind == "dnnaccel":
        return str(error["ctx"]["sentence"])
    if kind == "extra_forbidden":
        return f"unknown key; {_nearest(place[-1], place)}"
    if kind == "missing":
        return f"missing; {_MISSING[str(place[-1])]}"
    if kind == "literal_error":
        return f"must be {error['ctx']['expected']}, not {value}"
    if kind in ("model_type", "model_attributes_type"):
        return f"must be a mapping such as {{order: [C, M], tiles: {{M: 4}}}}, not {value}"
    if kind == "dict_type" and place[-1] == "tiles":
        return f"must give a tile for each dim, such as {{M: 4}}, not {value}"
    if kind == "dict_type":
        return f"must give constraints by level, such as {{glb: {{order: [C, M]}}}}, not {value}"
    return f"{error['msg']}, not {value}"


def _contradictions(data: Mapping[str, Any], known: Known) -> list[Fault]:
    """Return what is wrong between keys; their values may be wrong in themselves."""
    faults: list[Fault] = []
    rows, whole = data.get("rows"), data.get("whole_rows")
    if isinstance(rows, (list, tuple)) and isinstance(whole, (list, tuple)):
        faults += [
            (("whole_rows", i), f"{dim} is to be whole along the rows, and not among rows")
            for i, dim in enumerate(whole)
            if dim in DIMS and dim not in rows
        ]
    variants = data.get("variants")
    if isinstance(variants, (list, tuple)) and variants:
        faults += [
            (("variants", i), f"unknown variant {shown(name)}; {did_you_mean(str(name)[:60], known)}")
            for i, name in enumerate(variants)
            if not isinstance(name, str) or name not in known
        ]
        beside = set(data) & set(DataflowSchema.model_fields) - _BESIDE_VARIANTS
        faults += [((key,), "has no place beside variants, which say everything") for key in sorted(beside)]
    for part in ("levels", "where"):
        levels = data.get(part)
        for level, constraint in levels.items() if isinstance(levels, Mapping) else ():
            if str(level).endswith((".rows", ".columns")) and isinstance(constraint, Mapping):
                faults += [
                    (
                        (part, level, key),
                        "an array's rows and columns are spatial: they take dims and tiles only",
                    )
                    for key in ("order", "keeps")
                    if key in constraint
                ]
    return faults


def _constraints(fields: Mapping[str, Mapping[str, Any]], key: str) -> dict[str, LevelConstraint]:
    return {level: LevelConstraint(**asked) for level, asked in fields[key].items()}


def _find_faults(data: object, known: Known) -> tuple[dict[str, Any], list[Fault]]:
    if not isinstance(data, Mapping):
        return {}, [((), f"must be a mapping of keys to values, not {shown(data)}")]
    if not all(isinstance(key, str) for key in data):
        return {}, [((), "every key must be a word")]
    if chip_keys := sorted(_CHIP_KEYS & set(data)):
        return {}, [((chip_keys[0],), "is a chip's key; this describes a chip and no dataflow")]
    found: dict[Place, str] = {}
    fields: dict[str, Any] = {}
    try:
        fields = DataflowSchema.model_validate(dict(data)).model_dump()
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            # The key of a mapping and its value have one place.
            place = tuple(step for step in detail["loc"] if step != "[key]")
            found.setdefault(place, _sentence(detail, place))
    for place, sentence in _contradictions(data, known):
        found.setdefault(place, sentence)
    if not found:
        levels, asked = _constraints(fields, "levels"), _constraints(fields, "where")
        for place, sentence in find_contradictions(levels, asked, fields["forbid"]):
            found.setdefault(place, sentence)
    name = data.get("name")
    built_in = known[name] if isinstance(name, str) and name in known else None
    if built_in and (found or fields != DataflowSchema.model_validate(built_in).model_dump()):
        found.setdefault(("name",), f"{name} is built in; choose another name")
    fields.pop("format", None)
    return fields, list(found.items())


def check(data: object, known: Known) -> dict[str, Any]:
    """Return the fields of the dataflow that plain `data` describes.

    Raises `DataflowError` with one line for each fault. `known` are the built-in dataflows.
    """
    fields, faults = _find_faults(data, known)
    if faults:
        name = data.get("name") if isinstance(data, Mapping) else None
        raise DataflowError(describe_faults(faults, f"dataflow {shown(name)}" if name else "dataflow"))
    return fields


def read_fields(path: str, known: Known) -> dict[str, Any]:
    """Return the fields of the dataflow in file `path`; raises `DataflowError`, each fault with its line."""
    data, lines = read(path, noun="dataflow", error=DataflowError)
    fields, faults = _find_faults(data, known)
    if faults:
        raise DataflowError(place_faults(faults, path, lines))
    return fields


def describes_dataflow(path: str) -> bool:
    """Return whether the YAML file `path` is meant for a dataflow rather than a chip, valid or not.

    Raises `DnnAccelError` if it cannot be read at all.
    """
    data, _ = read(path, noun="chip or dataflow", error=DnnAccelError)
    return (
        isinstance(data, Mapping) and not _CHIP_KEYS & set(data) and not isinstance(data.get("levels"), list)
    )
