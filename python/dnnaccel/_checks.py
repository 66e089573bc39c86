"""Plain data checked at the door: pydantic models in, fields in canonical form or sentences out.

What chips and their components have in common; each says its own keys and its own sentences.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, NoReturn

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
    WithJsonSchema,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from dnnaccel._yaml import Fault

__all__ = [
    "Bits",
    "Bytes",
    "FrozenDict",
    "Nanometres",
    "Plain",
    "Schema",
    "Text",
    "find_faults",
    "nearest_key",
    "plain",
    "shown",
    "text",
    "wrong",
]

MAX_TEXT = 4000


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


def wrong(sentence: str) -> PydanticCustomError:
    """Return the error that a validator raises to say `sentence`."""
    # Braces would be read as a template.
    return PydanticCustomError("dnnaccel", "{sentence}", {"sentence": sentence})


def shown(value: object) -> str:
    """Return `value` as a sentence quotes it: cut where it is long."""
    quoted = repr(value)
    return quoted if len(quoted) <= 60 else quoted[:57] + "..."


def plain(value: object) -> object:
    """Return the Python number that a NumPy scalar holds, as a sweep over np.arange gives it."""
    if type(value).__module__ == "numpy" and hasattr(value, "item") and getattr(value, "ndim", 1) == 0:
        return value.item()
    return value


def text(value: object) -> str:
    """Return `value` if it is text of bounded length that a terminal can print."""
    if not isinstance(value, str):
        raise wrong(f"must be text, not {shown(value)}")
    if len(value) > MAX_TEXT:
        raise wrong(f"text of {len(value)} characters; at most {MAX_TEXT}")
    # A terminal obeys control characters: a description from elsewhere must not hold any.
    if not value.replace("\n", "").replace("\t", "").isprintable():
        raise wrong("must hold printable characters only")
    return value


Plain = BeforeValidator(plain)
Text = Annotated[str, PlainValidator(text), WithJsonSchema({"type": "string", "maxLength": MAX_TEXT})]
Bits = Annotated[int, Field(ge=1, le=4096), Plain]
Bytes = Annotated[int, Field(ge=1, le=2**50), Plain]
Nanometres = Annotated[float, Field(gt=0, le=1e5, allow_inf_nan=False), Plain]


class Schema(BaseModel):
    """Keys of one mapping: nothing else is taken, and numbers are numbers, not text that looks like one."""

    model_config = ConfigDict(
        extra="forbid", strict=True, arbitrary_types_allowed=True, use_attribute_docstrings=True
    )

    hints: ClassVar[Mapping[str, str]] = {}
    """What to state, by the key that is missing."""

    @classmethod
    def check(cls, fields: dict[str, Any]) -> list[Fault]:
        """Return what is wrong between keys that are each right; may put `fields` into canonical form."""
        return []


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
    lowered = str(name).lower()
    stem = lowered.split("_", 1)[0]
    synonym = _SYNONYMS.get(lowered, _SYNONYMS.get(stem, ""))
    if synonym.split(":", 1)[0] in names:
        return f"did you mean {synonym}?"
    by_lower = {candidate.lower(): candidate for candidate in names}
    near = [by_lower[found] for found in difflib.get_close_matches(lowered, list(by_lower), n=1, cutoff=0.6)]
    # `size` and `size_kb` are further from `size_bytes` than a typing error is, yet that is what they mean.
    near = near or [candidate for candidate in names if candidate.split("_", 1)[0] == stem]
    return f"did you mean {near[0]}?" if near else "valid: " + ", ".join(names)


def _number(value: float) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _sentence(error: ErrorDetails, schema: type[Schema]) -> str:
    kind, value = error["type"], shown(error["input"])
    context = error.get("ctx", {})
    key = str(error["loc"][0]) if error["loc"] else ""
    if kind == "dnnaccel":
        return str(context["sentence"])
    if kind == "extra_forbidden":
        return f"unknown key; {nearest_key(key, schema.model_fields)}"
    if kind == "missing":
        return f"missing; {schema.hints.get(key, 'state it')}"
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


def find_faults(schema: type[Schema], data: object) -> tuple[dict[str, Any], list[Fault]]:
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
    return fields, schema.check(fields)


def is_name(value: object, pattern: str) -> bool:
    """Return whether `value` is text of which all matches `pattern`."""
    return isinstance(value, str) and re.fullmatch(pattern, value) is not None
