"""Constraints as a person types them: "glb: order M, C; tiles P=1", "M at pe_array.columns".

What is read is plain data: whether it names real dims and levels is for those to say who take it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dnnaccel.errors import DataflowError, did_you_mean

if TYPE_CHECKING:
    from dnnaccel.constraints import LevelConstraint

__all__ = ["level_text", "read_forbidden", "read_level", "read_where", "split_text"]

MAX_TEXT = 1000
"""Longest text of constraints, in characters."""

_EXAMPLES = {
    "dims": "dims M, C",
    "order": "order M, C",
    "tiles": "tiles M=4, P=1",
    "keeps": "keeps inputs, outputs",
}
_SYNONYMS = {
    **dict.fromkeys(("dim", "splits", "split", "spreads", "spread"), "dims"),
    **dict.fromkeys(("loops", "loop_order", "permutation"), "order"),
    **dict.fromkeys(("tile", "chunks", "step", "steps"), "tiles"),
    **dict.fromkeys(("keep", "stores", "holds"), "keeps"),
}
_NOTHING = ("nothing", "none")


def read_level(text: str) -> dict[str, Any]:
    """Return what a text such as "order M, C; tiles P=1" asks of a level, as `LevelConstraint` takes it.

    Clauses stand between semicolons: a word (dims, order, tiles or keeps), a colon if one likes, and a list
    with commas or blanks; "nothing" is the empty list. Raises `DataflowError` with what would be right.
    """
    if len(text) > MAX_TEXT:
        raise DataflowError(f"a text of {len(text)} characters; at most {MAX_TEXT} say what a level may do")
    asked: dict[str, Any] = {}
    for clause in filter(None, (part.strip() for part in text.split(";"))):
        word, listed = _read_clause(clause)
        if word in asked:
            raise DataflowError(f"{word} stands there twice; say it once")
        asked[word] = _read_tiles(listed) if word == "tiles" else listed
    if not asked:
        raise DataflowError(f"asks for nothing; write, for instance, {_EXAMPLES['order']!r}")
    return asked


def _read_clause(clause: str) -> tuple[str, tuple[str, ...]]:
    match = re.fullmatch(r"(?P<word>\w+)(?:\s*:\s*|\s+|$)(?P<listed>.*)", clause, re.DOTALL)
    word = match["word"].lower() if match else ""
    word = _SYNONYMS.get(word, word)
    if match is None or word not in _EXAMPLES:
        said = clause if len(clause) <= 60 else clause[:57] + "..."
        raise DataflowError(
            f"{said!r} does not begin with one of {', '.join(_EXAMPLES)}"
            + (
                f"; {did_you_mean(word, _EXAMPLES)}"
                if word
                else f"; write, for instance, {_EXAMPLES['order']!r}"
            )
        )
    joined = re.sub(r"\s*=\s*", "=", match["listed"].strip())
    listed = tuple(filter(None, re.split(r"[\s,]+", joined)))
    if not listed:
        raise DataflowError(f"{word} names nothing; write, for instance, {_EXAMPLES[word]!r}")
    return word, () if len(listed) == 1 and listed[0].lower() in _NOTHING else listed


def _read_tiles(listed: tuple[str, ...]) -> dict[str, int]:
    tiles: dict[str, int] = {}
    for item in listed:
        match = re.fullmatch(r"(\w+)=([0-9]{1,18})", item)
        if match is None:
            raise DataflowError(f"tiles: {item[:60]!r} is not DIM=NUMBER, for instance M=4")
        if match[1] in tiles:
            raise DataflowError(f"tiles: {match[1]} stands there twice; once is enough")
        tiles[match[1]] = int(match[2])
    return tiles


def read_where(text: str) -> tuple[str, dict[str, Any]]:
    """Return level and constraint of a text such as "glb: order M, C"; raises `DataflowError`."""
    level, colon, asked = (part.strip() for part in text.partition(":"))
    if not level or not colon or re.search(r"\s", level):
        raise DataflowError(f"{text[:60]!r} is not LEVEL: WHAT, for instance 'glb: {_EXAMPLES['order']}'")
    try:
        return level, read_level(asked)
    except DataflowError as error:
        raise DataflowError(f"{level}: {error}") from None


def read_forbidden(text: str) -> tuple[tuple[str, str], ...]:
    """Return (dim, level) of each split that a text such as "M at pe_array.columns" or "M,C@glb" forbids."""
    match = None
    if len(text) <= MAX_TEXT:
        match = re.fullmatch(r"(?P<dims>[^@]*?)(?:@|\bat\b)\s*(?P<level>[^\s@]+)", text.strip())
    dims = tuple(filter(None, re.split(r"[\s,]+", match["dims"]))) if match else ()
    if match is None or not dims:
        raise DataflowError(f"{text[:60]!r} is not DIM at LEVEL, for instance 'M at pe_array.columns'")
    return tuple((dim, match["level"]) for dim in dims)


def split_text(dim: str, level: str) -> str:
    """Return a forbidden split as text that `read_forbidden` reads."""
    return f"{dim} at {level}"


def level_text(constraint: LevelConstraint) -> str:
    """Return a constraint as text that `read_level` reads; "free" if it asks for nothing."""
    said = []
    if constraint.dims is not None:
        said.append(f"splits {_listed(constraint.dims)}")
    if constraint.order:
        said.append(f"order {_listed(constraint.order)}")
    if constraint.tiles:
        said.append("tiles " + _tiles_text(constraint.tiles))
    if constraint.keeps is not None:
        said.append(f"keeps {_listed(constraint.keeps)}")
    return "; ".join(said) or "free"


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names) or _NOTHING[0]


def _tiles_text(tiles: Mapping[str, int]) -> str:
    return ", ".join(f"{dim}={tile}" for dim, tile in tiles.items())
