"""What each key of a chip description may hold: types, bounds and the sentence that says what is wrong.

One source of truth for both doors: a YAML file (`dnnaccel.arch.files`) and direct construction
(`dnnaccel.arch.chip`) are checked by the same models.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, NoReturn

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from dnnaccel._yaml import Fault
from dnnaccel.problem import DIMS, ROLES

__all__ = [
    "ArraySchema",
    "ChipName",
    "ChipSchema",
    "FrozenDict",
    "MacSchema",
    "MemorySchema",
    "Text",
    "VectorSchema",
    "find_faults",
    "nearest_key",
    "shown",
    "wrong",
]

FORMAT = 1
MAX_LEVELS = 16
MAX_PES = 2**20
MAX_TEXT = 4000
MAX_RATE = 1e12
CHARGES = ("none", "delivery", "hop")
REDUCTION_DIMS = ("C", "R", "S")
FORMATS = ("rlc", "csc", "bitmask", "coordinate")
# These words already mean something where a level's name may stand: in a mapping or an energy split.
RESERVED_NAMES = ("mac", "vector", "for", "par")


class FrozenDict(dict[str, Any]):
    """A dict of plain values that does not change, so that what holds it can be hashed and shared."""

    __slots__ = ()

    def _refuse(self, *_args: object, **_kwargs: object) -> NoReturn:
        raise TypeError("this mapping cannot be changed; use Chip.override for a changed chip")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))

    def __reduce__(self) -> tuple[type[FrozenDict], tuple[dict[str, Any]]]:
        return FrozenDict, (dict(self),)


NO_CHARGE = FrozenDict(dict.fromkeys(ROLES, "none"))


def wrong(sentence: str) -> PydanticCustomError:
    """Return the error that a validator raises to say `sentence`."""
    # Braces would be read as a template.
    return PydanticCustomError("dnnaccel", "{sentence}", {"sentence": sentence})


def shown(value: object) -> str:
    """Return `value` as a sentence quotes it: cut where it is long."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _plain(value: object) -> object:
    # A NumPy scalar, as a sweep over np.arange gives it, is the Python number it holds.
    if type(value).__module__ == "numpy" and hasattr(value, "item") and getattr(value, "ndim", 1) == 0:
        return value.item()
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise wrong(f"must be text, not {shown(value)}")
    if len(value) > MAX_TEXT:
        raise wrong(f"text of {len(value)} characters; at most {MAX_TEXT}")
    # A terminal obeys control characters: a description from elsewhere must not hold any.
    if not all(character.isprintable() or character in "\n\t" for character in value):
        raise wrong("must hold printable characters only")
    return value


def _level_name(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,63}", value):
        raise wrong(f"must be a name of letters, digits and underscores, no digit first, not {shown(value)}")
    if value in RESERVED_NAMES:
        raise wrong(f"{value!r} has a meaning of its own; choose another name")
    return value


def _chip_name(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,63}", value):
        raise wrong(f"must be a name of letters, digits and any of _ . + -, not {shown(value)}")
    return value


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
        rate = _plain(given)
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
        _text(source)
    return FrozenDict(value)


Plain = BeforeValidator(_plain)
Text = Annotated[str, PlainValidator(_text)]
LevelName = Annotated[str, PlainValidator(_level_name)]
ChipName = Annotated[str, PlainValidator(_chip_name)]
Roles = Annotated[tuple[str, ...], PlainValidator(_roles)]
Operands = Annotated[tuple[str, ...], PlainValidator(_operands)]
Bits = Annotated[int, Plain, Field(ge=1, le=4096)]
Bytes = Annotated[int, Plain, Field(ge=1, le=2**50)]
Count = Annotated[int, Plain, Field(ge=1, le=MAX_PES)]
Energy = Annotated[float, Plain, Field(ge=0, le=1e12, allow_inf_nan=False)]
Rate = Annotated[float, Plain, Field(gt=0, le=MAX_RATE, allow_inf_nan=False)]
Megahertz = Annotated[float, Plain, Field(gt=0, le=1e6, allow_inf_nan=False)]
Nanometres = Annotated[float, Plain, Field(gt=0, le=1e5, allow_inf_nan=False)]


class _Schema(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, arbitrary_types_allowed=True)


class _LevelSchema(_Schema):
    sources: Annotated[FrozenDict, PlainValidator(_sources)] = FrozenDict()


class MemorySchema(_LevelSchema):
    """Keys of a memory level."""

    memory: LevelName
    size_bytes: Bytes | None = None
    word_bits: Bits | Literal[0] = 0
    keeps: Roles = ROLES
    may_bypass: Roles = ()
    buffering: Literal["single", "double", "stream"] = "single"
    read_energy: Energy
    write_energy: Energy
    read_bytes_per_cycle: Rate | None = None
    write_bytes_per_cycle: Rate | None = None
    bytes_per_cycle: Rate | None = None
    formats: Annotated[FrozenDict, PlainValidator(_formats)] = FrozenDict()
    gated_by: Operands = ()


class ArraySchema(_LevelSchema):
    """Keys of an array level."""

    array: LevelName
    rows: Count
    columns: Count = 1
    multicast: Annotated[str | tuple[str, ...], PlainValidator(_dims)] = "all"
    reduce: Annotated[str | tuple[str, ...], PlainValidator(_reduction_dims)] = "none"
    forwards: Annotated[tuple[str, ...], PlainValidator(_forwarded)] = ()
    charge: Annotated[FrozenDict, PlainValidator(_charge)] = NO_CHARGE
    energy: Energy = 0.0
    words_per_cycle: Annotated[FrozenDict, PlainValidator(_rates)] = FrozenDict()


class MacSchema(_Schema):
    """Keys of the multiply-accumulate unit."""

    energy: Energy
    gates: Operands = ()
    skips: Operands = ()
    source: Text = ""


class VectorSchema(_Schema):
    """Keys of the vector unit."""

    lanes: Count
    op_energy: Energy
    memory: LevelName
    source: Text = ""


class ChipSchema(_Schema):
    """Keys of a chip; its levels, MAC and vector unit are checked by their own schemas."""

    format: Literal[1]
    name: ChipName
    title: Text = ""
    description: Text = ""
    source: Text = ""
    technology_nm: Nanometres | None = None
    clock_mhz: Megahertz | None = None
    word_bits: Bits
    energy_unit: Annotated[str, Field(pattern=r"^[A-Za-z]{1,16}$")]
    dataflow: LevelName = "free"
    levels: object
    mac: object
    vector: object


_MISSING = {
    "format": "state the version of this format: format: 1",
    "energy_unit": "state the unit of every energy of this chip, e.g. energy_unit: pJ",
    "word_bits": "state how many bits a word has, e.g. word_bits: 16",
    "read_energy": "state the energy of reading one word, in the chip's energy_unit",
    "write_energy": "state the energy of writing one word, in the chip's energy_unit",
    "name": "give the chip a name",
    "levels": "list the memories and arrays, outermost first",
    "mac": "state the energy of one multiply-accumulate, e.g. mac: {energy: 1}",
    "vector": "state the vector unit, e.g. vector: {lanes: 16, op_energy: 0.1, memory: glb}",
    "rows": "state how many rows of instances the array has",
    "energy": "state the energy of one multiply-accumulate, in the chip's energy_unit",
    "lanes": "state how many operations the vector unit does in a cycle",
    "op_energy": "state the energy of one vector operation, in the chip's energy_unit",
    "memory": "name the memory that the vector unit reads and writes",
}

# What people write that is no near miss in spelling.
_SYNONYMS = {
    "bandwidth": "bytes_per_cycle",
    "capacity": "size_bytes",
    "depth": "size_bytes",
    "double_buffered": "buffering: double",
    "frequency": "clock_mhz",
    "unit": "energy_unit",
    "bits": "word_bits",
    "node": "technology_nm",
    "bypass": "may_bypass",
    "cols": "columns",
}


def nearest_key(name: object, valid: Iterable[str]) -> str:
    """Return "did you mean x?" for the valid key nearest to `name`, or the list of valid keys."""
    names = list(valid)
    text = str(name).lower()
    stem = text.split("_", 1)[0]
    synonym = _SYNONYMS.get(text, _SYNONYMS.get(stem, ""))
    if synonym.split(":", 1)[0] in names:
        return f"did you mean {synonym}?"
    near = difflib.get_close_matches(text, names, n=1, cutoff=0.6)
    # `size` and `size_kb` are further from `size_bytes` than a typing error is, yet that is what they mean.
    near = near or [candidate for candidate in names if candidate.split("_", 1)[0] == stem]
    return f"did you mean {near[0]}?" if near else "valid: " + ", ".join(names)


def _number(value: float) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _sentence(error: ErrorDetails, schema: type[BaseModel]) -> str:
    kind, value = error["type"], shown(error["input"])
    context = error.get("ctx", {})
    key = str(error["loc"][0]) if error["loc"] else ""
    if kind == "dnnaccel":
        return str(context["sentence"])
    if kind == "extra_forbidden":
        return f"unknown key; {nearest_key(key, schema.model_fields)}"
    if kind == "missing":
        return f"missing; {_MISSING.get(key, 'state it')}"
    if kind in ("int_type", "int_from_float"):
        return f"must be a whole number, not {value}"
    infinite = isinstance(error["input"], float) and not math.isfinite(error["input"])
    if infinite or kind in ("float_type", "finite_number"):
        return f"must be a finite number, not {value}"
    if kind == "greater_than":
        return f"must be greater than {_number(context['gt'])}, not {value}"
    if kind == "greater_than_equal":
        return f"must be at least {_number(context['ge'])}, not {value}"
    if kind == "less_than_equal":
        return f"must be at most {_number(context['le'])}, not {value}"
    if kind == "literal_error":
        return f"must be {context['expected'].replace(chr(39), '')}, not {value}"
    if kind == "string_pattern_mismatch":
        return f"must be a unit of letters such as pJ or MAC, not {value}"
    if kind == "string_type":
        return f"must be text, not {value}"
    return f"{error['msg']}, not {value}"


def find_faults(schema: type[BaseModel], data: object) -> tuple[dict[str, Any], list[Fault]]:
    """Check `data` against `schema`: the fields in canonical form, or every fault with its path."""
    if not isinstance(data, Mapping):
        return {}, [((), f"must be a mapping of keys to values, not {shown(data)}")]
    try:
        model = schema.model_validate(dict(data))
    except ValidationError as error:
        faults: dict[tuple[str | int, ...], str] = {}
        for detail in error.errors(include_url=False):
            # A union reports one fault for each of its members under longer paths; the first one says it.
            faults.setdefault(detail["loc"][:1], _sentence(detail, schema))
        return {}, list(faults.items())
    fields = {key: getattr(model, key) for key in schema.model_fields}
    for key in fields.get("sources", ()):
        if key not in schema.model_fields or key == "sources":
            known = [name for name in schema.model_fields if name != "sources"]
            return {}, [(("sources", key), f"unknown key; {nearest_key(key, known)}")]
    if schema is MemorySchema:
        return fields, _memory_faults(fields)
    return fields, _mac_faults(fields) if schema is MacSchema else []


def _memory_faults(memory: Mapping[str, Any]) -> list[Fault]:
    faults: list[Fault] = []
    if not memory["keeps"]:
        faults.append((("keeps",), f"must name at least one tensor ({', '.join(ROLES)})"))
    strangers = [role for role in memory["may_bypass"] if role not in memory["keeps"]]
    if strangers:
        faults.append(
            (("may_bypass",), f"{strangers[0]} are not among what it keeps; only those can bypass it")
        )
    faults += [
        (("formats", role), f"{role} are not among what it keeps; only those have a format here")
        for role in memory["formats"]
        if role not in memory["keeps"]
    ]
    if memory["bytes_per_cycle"] is not None:
        sentence = "bytes_per_cycle is a port shared by reads and writes; state it or the other two"
        own = ("read_bytes_per_cycle", "write_bytes_per_cycle")
        faults += [((key,), sentence) for key in own if memory[key] is not None]
    return faults


def _mac_faults(mac: Mapping[str, Any]) -> list[Fault]:
    both = [role for role in mac["skips"] if role in mac["gates"]]
    if not both:
        return []
    return [(("skips",), f"{both[0]} are in gates too; skipping saves the energy as well, so state one")]
