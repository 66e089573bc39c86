"""What a search may be told about single levels, and when two such wishes contradict each other."""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any

from dnnaccel.constraint_text import level_text, read_forbidden, read_level, read_where, split_text
from dnnaccel.errors import DataflowError
from dnnaccel.problem import DIMS, MAX_MACS, ROLES, unknown_dim, unknown_role

__all__ = [
    "Forbidden",
    "LevelConstraint",
    "check_forbidden",
    "check_levels",
    "check_names",
    "check_utilization",
    "find_conflict",
    "find_contradictions",
    "merge",
    "merge_levels",
    "parse_where",
    "refine",
]

Forbidden = tuple[str, str]
"""A dim, and the level that may not split it; an array's name stands for its rows and its columns."""

AXES = (".rows", ".columns")


def check_names(
    given: object, valid: tuple[str, ...], unknown: Callable[[object], str], where: str
) -> tuple[str, ...]:
    """Return `given` as a tuple of names that are all valid, none of them twice."""
    if not isinstance(given, (tuple, list, set, frozenset)):
        raise DataflowError(f"{where}: must be a list of {', '.join(valid)}, not {given!r}")
    for name in given:
        if name not in valid:
            raise DataflowError(f"{where}: {unknown(name)}")
    # The order of a set would differ from run to run.
    names = tuple(given) if isinstance(given, (tuple, list)) else tuple(n for n in valid if n in given)
    for name in names:
        if names.count(name) > 1:
            raise DataflowError(f"{where}: {name} stands there twice; once is enough")
    return names


def check_dims(given: object, where: str) -> tuple[str, ...]:
    """Return `given` as a tuple of dims; raises `DataflowError` for what is none, or stands there twice."""
    return check_names(given, DIMS, unknown_dim, where)


def check_roles(given: object, where: str) -> tuple[str, ...]:
    """Return `given` as a tuple of tensor roles; raises `DataflowError` as `check_dims` does."""
    return check_names(given, ROLES, unknown_role, where)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class LevelConstraint:
    """What is asked of one level of a chip; whatever is left out stays free.

    `dims`: which dims may be split there. `order`: a partial loop order, outermost first; loops that it does
    not name run outside those it does. `tiles`: what of a dim is left below the level. `keeps`: exactly the
    tensor roles kept. `str` gives it as text, "order M, C; tiles P=1", and `parse` reads such text.
    """

    dims: tuple[str, ...] | None = None
    order: tuple[str, ...] = ()
    tiles: Mapping[str, int] = field(default_factory=dict)
    keeps: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.dims is not None:
            object.__setattr__(self, "dims", check_dims(self.dims, "dims"))
        object.__setattr__(self, "order", check_dims(self.order, "order"))
        if self.keeps is not None:
            object.__setattr__(self, "keeps", check_roles(self.keeps, "keeps"))
        if not isinstance(self.tiles, Mapping):
            raise DataflowError(
                f"tiles: must give a tile for each dim, such as {{'M': 4}}, not {self.tiles!r}"
            )
        check_dims(tuple(self.tiles), "tiles")
        tiles = {dim: _check_tile(dim, tile) for dim, tile in self.tiles.items()}
        object.__setattr__(self, "tiles", MappingProxyType(tiles))

    @classmethod
    def parse(cls, text: str) -> LevelConstraint:
        """Read a constraint such as "order M, C; tiles P=1"; raises `DataflowError`."""
        return cls(**read_level(text))

    def __str__(self) -> str:
        return level_text(self)

    def __repr__(self) -> str:
        return shown_fields(self)

    def __hash__(self) -> int:
        return hash((self.dims, self.order, frozenset(self.tiles.items()), self.keeps))

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuild, (LevelConstraint, field_values(self) | {"tiles": dict(self.tiles)})

    def to_dict(self) -> dict[str, Any]:
        """Return what is constrained as plain lists and numbers, as a file holds it."""
        return plain_fields(self)


def _check_tile(dim: str, tile: object) -> int:
    """Return a fixed tile as a Python int; raises `DataflowError` if it is none, or no tile."""
    try:
        size = operator.index(tile)  # type: ignore[arg-type]
    except TypeError:
        size = None
    if size is None or isinstance(tile, bool):
        raise DataflowError(f"tiles: {dim} has tile {tile!r}; it must be a whole number")
    if size < 1:
        raise DataflowError(f"tiles: {dim} has tile {tile}; it must be at least 1")
    if size > MAX_MACS:
        raise DataflowError(f"tiles: {dim} has a tile larger than 2**53, and no dim is")
    return size


# ------------------------------------------------------------------------------------------------------------
# Values that hold read-only views


def field_values(value: Any) -> dict[str, Any]:
    """Return the fields of a dataclass by name."""
    return {f.name: getattr(value, f.name) for f in fields(value)}


def rebuild(kind: type[Any], values: dict[str, Any]) -> Any:
    """Build a value anew: read-only views do not pickle, what they show does."""
    return kind(**values)


def shown_fields(value: Any) -> str:
    """Return a dataclass as the Python expression that makes it, without what is left out."""
    said = []
    for f in fields(value):
        own = getattr(value, f.name)
        if isinstance(own, Mapping):
            own = dict(own)
        if own != f.default and own != {}:
            said.append(f"{f.name}={own!r}")
    return f"{type(value).__name__}({', '.join(said)})"


def plain_fields(value: Any) -> dict[str, Any]:
    """Return a dataclass as plain dicts, lists, numbers and text, without what is left out."""
    data: dict[str, Any] = {}
    for f in fields(value):
        own = getattr(value, f.name)
        if isinstance(own, Mapping):
            if own:
                plain = {k: v.to_dict() if isinstance(v, LevelConstraint) else v for k, v in own.items()}
                data[f.name] = plain
        elif own != f.default:
            data[f.name] = list(own) if isinstance(own, tuple) else own
    return data


# ------------------------------------------------------------------------------------------------------------
# What a dataflow is given for them


def check_levels(given: object, where: str) -> Mapping[str, LevelConstraint]:
    """Return constraints by level, those given as text read; raises `DataflowError` for anything else."""
    if not isinstance(given, Mapping):
        raise DataflowError(f"{where}: must give a LevelConstraint by level, not {given!r}")
    levels: dict[str, LevelConstraint] = {}
    for level, constraint in given.items():
        if not isinstance(level, str):
            raise DataflowError(f"{where}: must name levels such as 'glb', not {level!r}")
        try:
            own = LevelConstraint.parse(constraint) if isinstance(constraint, str) else constraint
        except DataflowError as error:
            raise DataflowError(f"{where}: {level}: {error}") from None
        if not isinstance(own, LevelConstraint):
            raise DataflowError(f"{where}: {level}: must be a LevelConstraint, not {constraint!r}")
        levels[level] = own
    return MappingProxyType(levels)


def check_forbidden(given: object, where: str) -> tuple[Forbidden, ...]:
    """Return forbidden splits, texts or (dim, level) pairs, as pairs in one order, each once."""
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise DataflowError(f"{where}: must be a list such as ['M at glb'] or [('M', 'glb')], not {given!r}")
    pairs: set[Forbidden] = set()
    for split in given:
        try:
            found = read_forbidden(split) if isinstance(split, str) else (tuple(split),)
        except TypeError:
            found = ((),)
        except DataflowError as error:
            raise DataflowError(f"{where}: {error}") from None
        for pair in found:
            if len(pair) != 2 or not all(isinstance(name, str) for name in pair):
                raise DataflowError(f"{where}: {split!r} is neither 'M at glb' nor ('M', 'glb')")
            if pair[0] not in DIMS:
                raise DataflowError(f"{where}: {split_text(*pair)}: {unknown_dim(pair[0])}")
            pairs.add(pair)
    return tuple(sorted(pairs, key=lambda pair: (pair[1], DIMS.index(pair[0]))))


def check_utilization(given: object, where: str) -> float:
    """Return the part of the MAC units that must ever work as a float from 0 to 1."""
    try:
        part = math.nan if isinstance(given, (bool, str)) else float(given)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        part = math.nan
    if not 0 <= part <= 1:
        raise DataflowError(f"{where}: must be from 0 to 1, a part of the chip's MAC units, not {given!r}")
    return part


# ------------------------------------------------------------------------------------------------------------
# Several wishes at once


def find_conflict(groups: Sequence[frozenset[str]], order: Sequence[str]) -> tuple[str, str] | None:
    """Return two dims, outer and inner, that `order` wants the other way round than the groups have them."""
    rank = _ranks(groups)
    for outer, inner in itertools.pairwise(order):
        if rank.get(outer, 0) > rank.get(inner, 0):
            return outer, inner
    return None


def refine(groups: Sequence[frozenset[str]], order: Sequence[str]) -> tuple[frozenset[str], ...]:
    """Return groups of dims, outermost first, in which `order` holds too; there must be no conflict.

    Dims in no group run outside all groups; of those in one group, what `order` names runs inside the rest.
    """
    rank = _ranks(groups)
    refined: list[frozenset[str]] = []
    for i, group in enumerate((frozenset[str](), *groups)):
        named = [dim for dim in order if rank.get(dim, 0) == i]
        refined += [group - frozenset(named), *(frozenset({dim}) for dim in named)]
    return tuple(group for group in refined if group)


def _ranks(groups: Sequence[frozenset[str]]) -> dict[str, int]:
    return {dim: i for i, group in enumerate(groups, start=1) for dim in group}


def merge(one: LevelConstraint, other: LevelConstraint) -> LevelConstraint:
    """Return the constraint that asks for what both do; raises `DataflowError` if no mapping can."""
    for first, second in ((one, other), (other, one)):
        for dim in second.tiles:
            if first.dims is not None and dim not in first.dims and dim not in first.tiles:
                raise DataflowError(f"tiles: fixes {dim}, which may not be split there")
    for dim in one.tiles:
        if other.tiles.get(dim, one.tiles[dim]) != one.tiles[dim]:
            raise DataflowError(
                f"tiles: {dim} is to be cut into chunks of {one.tiles[dim]} and of {other.tiles[dim]}"
            )
    if one.keeps is not None and other.keeps is not None and set(one.keeps) != set(other.keeps):
        raise DataflowError(
            f"keeps: exactly {_and(one.keeps)} and exactly {_and(other.keeps)} cannot both be kept"
        )
    dims = one.dims
    if other.dims is not None:
        allowed = {*other.dims, *other.tiles}
        dims = other.dims if dims is None else tuple(dim for dim in (*dims, *one.tiles) if dim in allowed)
    groups = [frozenset({dim}) for dim in one.order]
    if pair := find_conflict(groups, other.order):
        outer, inner = pair
        already = f"{outer} is to run inside {inner}" if inner in one.order else f"{inner} is not named there"
        raise DataflowError(
            f"order: {inner} cannot run inside {outer} beside order {', '.join(one.order)}: {already}"
            + ("" if inner in one.order else ", and what an order does not name runs outside what it names")
        )
    return LevelConstraint(
        dims=None if dims is None else tuple(dict.fromkeys(dims)),
        order=tuple(dim for group in refine(groups, other.order) for dim in group),
        tiles={**one.tiles, **other.tiles},
        keeps=one.keeps if other.keeps is None else other.keeps,
    )


def merge_levels(given: Iterable[tuple[str, LevelConstraint]]) -> dict[str, LevelConstraint]:
    """Return one constraint for each level; raises `DataflowError` where those of a level contradict."""
    merged: dict[str, LevelConstraint] = {}
    for level, constraint in given:
        try:
            merged[level] = merge(merged[level], constraint) if level in merged else constraint
        except DataflowError as error:
            raise DataflowError(f"{level}: {error}") from None
    return merged


def parse_where(texts: Iterable[str]) -> dict[str, LevelConstraint]:
    """Return what texts such as "glb: order M, C" ask of each level; raises `DataflowError`."""
    asked = []
    for level, said in map(read_where, texts):
        try:
            asked.append((level, LevelConstraint(**said)))
        except DataflowError as error:
            raise DataflowError(f"{level}: {error}") from None
    return merge_levels(asked)


def find_contradictions(
    levels: Mapping[str, LevelConstraint],
    where: Mapping[str, LevelConstraint],
    forbid: Sequence[Forbidden],
) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield what contradicts itself on any chip: where it stands, as (key, level), and the sentence."""
    for level, asked in where.items():
        if level.endswith(AXES) and (asked.order or asked.keeps is not None):
            yield ("where", level), "an array's rows and columns are spatial: they take dims and tiles only"
        allowed = None if asked.dims is None else {*asked.dims, *asked.tiles}
        for dim in asked.order:
            if allowed is not None and dim not in allowed:
                yield ("where", level), f"order names {dim}, which dims leaves out"
        if level in levels:
            own = levels[level]
            try:
                merge(own, asked)
            except DataflowError as error:
                yield ("where", level), f"contradicts what levels says: {error}"
    for key, by_level in (("levels", levels), ("where", where)):
        for dim, level in forbid:
            for at in (level, *(level + axis for axis in AXES)):
                if at in by_level and dim in by_level[at].tiles:
                    yield (key, at), f"tiles fixes {dim}, and forbid says that it may not be split there"
    for dim, level in forbid:
        if level in where and dim in where[level].order:
            yield ("where", level), f"order names {dim}, and forbid says that it may not be split there"


def _and(names: Sequence[str]) -> str:
    return " and ".join(names) or "nothing"
