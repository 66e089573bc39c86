"""Dataflows: constraints on mappings, by what stays in a PE and what is spread across the array.

The named ones are those of Chen, Emer and Sze, "Eyeriss: A Spatial Architecture for Energy-Efficient Dataflow
for Convolutional Neural Networks", ISCA 2016, section IV, plus input stationary and `free`.
"""

from __future__ import annotations

import operator
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any

from dnnaccel.errors import DataflowError, UnknownNameError, did_you_mean
from dnnaccel.problem import DIMS, MAX_MACS, ROLES, unknown_dim, unknown_role

__all__ = ["Dataflow", "LevelConstraint", "get", "load", "names"]


FORMAT = 1
"""Version of the file format that `Dataflow.to_yaml` writes."""

_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,63}"


def _check_names(
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


def _check_dims(given: object, where: str) -> tuple[str, ...]:
    return _check_names(given, DIMS, unknown_dim, where)


def _check_roles(given: object, where: str) -> tuple[str, ...]:
    return _check_names(given, ROLES, unknown_role, where)


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelConstraint:
    """What a dataflow asks of one level of a chip; whatever is left out stays free.

    `dims`: which dims may be split there. `order`: a partial loop order, outermost first; loops that it does
    not name run outside those it does. `tiles`: what of a dim is left below the level. `keeps`: exactly the
    tensor roles kept.
    """

    dims: tuple[str, ...] | None = None
    order: tuple[str, ...] = ()
    tiles: Mapping[str, int] = field(default_factory=dict)
    keeps: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.dims is not None:
            object.__setattr__(self, "dims", _check_dims(self.dims, "dims"))
        object.__setattr__(self, "order", _check_dims(self.order, "order"))
        if self.keeps is not None:
            object.__setattr__(self, "keeps", _check_roles(self.keeps, "keeps"))
        if not isinstance(self.tiles, Mapping):
            raise DataflowError(
                f"tiles: must give a tile for each dim, such as {{'M': 4}}, not {self.tiles!r}"
            )
        _check_dims(tuple(self.tiles), "tiles")
        tiles = {dim: _check_tile(dim, tile) for dim, tile in self.tiles.items()}
        object.__setattr__(self, "tiles", MappingProxyType(tiles))

    def __hash__(self) -> int:
        return hash((self.dims, self.order, frozenset(self.tiles.items()), self.keeps))

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (LevelConstraint, _fields(self) | {"tiles": dict(self.tiles)})

    def to_dict(self) -> dict[str, Any]:
        """Return what is constrained as plain lists and numbers, as a file holds it."""
        return _to_dict(self)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataflow:
    """A set of constraints on mappings, for any chip.

    `load` reads one from a file and `to_yaml` writes one. Raises `DataflowError` for constraints that
    contradict each other or name what does not exist.

    Parameters
    ----------
    name, description
        What to call it, and one line on what it does.
    stationary
        Tensor roles that the memories inside a PE keep; () for none, None for any that they can.
    inside
        Dims whose loops may run inside the PE, below its memories; None for all.
    outside
        Dims whose loops run just outside the PE's memories: inside all other loops of the level above the
        array.
    rows, columns
        Dims that the innermost array spreads along its rows and columns; None for any.
    whole_rows
        Dims that are spread along the rows whole, wherever they fit.
    variants
        Names of built-in dataflows that this one is the best of; then everything else is left out.
    levels
        Constraints on levels of a particular chip, by name (an array's axes as "pe_array.rows").
    """

    name: str
    description: str = ""
    stationary: tuple[str, ...] | None = None
    inside: tuple[str, ...] | None = None
    outside: tuple[str, ...] = ()
    rows: tuple[str, ...] | None = None
    columns: tuple[str, ...] | None = None
    whole_rows: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()
    levels: Mapping[str, LevelConstraint] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not re.fullmatch(_NAME, self.name):
            raise DataflowError(
                f"a dataflow's name is made of letters, digits and any of _ . + -, which {self.name!r} is not"
            )
        where = f"dataflow {self.name!r}"
        if self.stationary is not None:
            object.__setattr__(self, "stationary", _check_roles(self.stationary, f"{where}: stationary"))
        for what in ("inside", "outside", "rows", "columns", "whole_rows"):
            if getattr(self, what) is not None:
                object.__setattr__(self, what, _check_dims(getattr(self, what), f"{where}: {what}"))
        for dim in self.whole_rows:
            if self.rows is not None and dim not in self.rows:
                raise DataflowError(f"{where}: {dim} is to be whole along the rows, and not among rows")
        if self.variants:
            self._check_variants(where)
        if not isinstance(self.levels, Mapping):
            raise DataflowError(f"{where}: levels: must give a LevelConstraint by level, not {self.levels!r}")
        for level, constraint in self.levels.items():
            if not isinstance(constraint, LevelConstraint):
                raise DataflowError(
                    f"{where}: levels: {level}: must be a LevelConstraint, not {constraint!r}"
                )
        object.__setattr__(self, "levels", MappingProxyType(dict(self.levels)))

    def _check_variants(self, where: str) -> None:
        def unknown(name: object) -> str:
            return f"unknown variant {name!r}; {did_you_mean(str(name), _NAMED)}"

        variants = _check_names(self.variants, tuple(_NAMED), unknown, f"{where}: variants")
        object.__setattr__(self, "variants", variants)
        for what in _CONSTRAINTS:
            if getattr(self, what) not in (None, (), {}):
                raise DataflowError(
                    f"{where}: is the best of {', '.join(variants)}; {what} has no place beside variants"
                )

    def __hash__(self) -> int:
        own = _fields(self) | {"levels": frozenset(self.levels.items())}
        return hash(tuple(own.values()))

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (Dataflow, _fields(self) | {"levels": dict(self.levels)})

    def __str__(self) -> str:
        return f"{self.name}: {self.description}" if self.description else self.name

    def expand(self) -> tuple[Dataflow, ...]:
        """Return the dataflows that this one is the best of: its variants, or itself."""
        if not self.variants:
            return (self,)
        return tuple(dict.fromkeys(flow for name in self.variants for flow in _NAMED[name].expand()))

    def to_dict(self) -> dict[str, Any]:
        """Return the dataflow as plain dicts, lists, numbers and text, as its YAML file holds them."""
        return {"format": FORMAT} | _to_dict(self)

    def to_yaml(self) -> str:
        """Return the dataflow as the text of a YAML file that `load` reads back to an equal one."""
        from dnnaccel._yaml import dump

        return dump(self.to_dict())

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Dataflow:
        """Return the dataflow that `data` describes, as `to_dict` gives it or a YAML file holds it.

        Raises `DataflowError` with one line for each fault, also where `data` takes a built-in name for
        something else.
        """
        from dnnaccel.dataflow_files import check

        return _from_fields(check(data, _built_in()))


_CONSTRAINTS = ("stationary", "inside", "outside", "rows", "columns", "whole_rows", "levels")


def _fields(value: Dataflow | LevelConstraint) -> dict[str, Any]:
    return {f.name: getattr(value, f.name) for f in fields(value)}


def _rebuild(kind: type[Any], values: dict[str, Any]) -> Any:
    # Read-only views do not pickle; what they show does.
    return kind(**values)


def _to_dict(value: Dataflow | LevelConstraint) -> dict[str, Any]:
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


def _from_fields(checked: Mapping[str, Any]) -> Dataflow:
    levels = {level: LevelConstraint(**constraint) for level, constraint in checked["levels"].items()}
    return Dataflow(**{**checked, "levels": levels})


def _built_in() -> dict[str, dict[str, Any]]:
    return {name: flow.to_dict() for name, flow in _NAMED.items()}


_NAMED: dict[str, Dataflow] = {
    flow.name: flow
    for flow in (
        Dataflow(
            name="ws",
            description="weight stationary: C down the rows, M across the columns; sums leave the array",
            stationary=("weights",),
            inside=("G", "M", "C", "R", "S"),
            outside=("N", "P", "Q"),
            rows=("C",),
            columns=("M",),
        ),
        Dataflow(
            name="osa",
            description="output stationary: pixels P x Q of one output channel (ShiDianNao)",
            stationary=("outputs",),
            inside=("N", "G", "M", "P", "Q"),
            outside=("C", "R", "S"),
            rows=("P",),
            columns=("Q",),
        ),
        Dataflow(
            name="osb",
            description="output stationary: several channels x several pixels (Moons)",
            stationary=("outputs",),
            inside=("N", "G", "M", "P", "Q"),
            outside=("C", "R", "S"),
            rows=("M",),
            columns=("N", "P", "Q"),
        ),
        Dataflow(
            name="osc",
            description="output stationary: one pixel of many channels and images (Peemen)",
            stationary=("outputs",),
            inside=("N", "G", "M", "P", "Q"),
            outside=("C", "R", "S"),
            rows=("M",),
            columns=("M", "N"),
        ),
        Dataflow(
            name="is",
            description="input stationary: C down the rows, pixels across the columns (SCNN-like)",
            stationary=("inputs",),
            inside=("N", "G", "C", "P", "Q", "R", "S"),
            outside=("M", "R", "S"),
            rows=("C",),
            columns=("P", "Q"),
        ),
        Dataflow(
            name="rs",
            description="row stationary: a 1-D convolution in each PE, R down the rows, P across (Eyeriss)",
            stationary=("inputs", "weights", "outputs"),
            inside=("M", "C", "S"),
            outside=("Q",),
            rows=("R", "C", "M", "G", "P"),
            columns=("P", "M", "C", "G"),
            whole_rows=("R",),
        ),
        Dataflow(
            name="nlr",
            description="no local reuse: no register file, C x M with an adder tree (DianNao, NVDLA)",
            stationary=(),
            rows=("C",),
            columns=("M",),
        ),
        Dataflow(name="free", description="whatever the chip allows: the yardstick of the others"),
    )
}
_NAMED["os"] = Dataflow(
    name="os",
    description="output stationary: the best of osa, osb and osc, layer by layer",
    variants=("osa", "osb", "osc"),
)
_ORDER = ("ws", "os", "osa", "osb", "osc", "is", "rs", "nlr", "free")


def names() -> list[str]:
    """Names of the built-in dataflows."""
    return list(_ORDER)


def get(name: str | os.PathLike[str] | Dataflow) -> Dataflow:
    """Return a built-in dataflow by its name, or the one of a YAML file by its path.

    Text that holds a path separator or ends in .yaml or .yml is a path; a `Dataflow` is returned as it is.
    Raises `UnknownNameError` for a name that does not exist, and what `load` raises.
    """
    if isinstance(name, Dataflow):
        return name
    if isinstance(name, str) and name in _NAMED:
        return _NAMED[name]
    from dnnaccel._yaml import is_path

    if is_path(name):
        return load(name)
    hint = did_you_mean(str(name), names())
    raise UnknownNameError(f"unknown dataflow {name!r}; {hint} (or a file's path, ending in .yaml)")


def load(path: str | os.PathLike[str]) -> Dataflow:
    """Return the dataflow that the YAML file at `path` describes.

    Raises `DataflowError`: one sentence if the file cannot be read, otherwise one line for each fault,
    ``file:line: path: what is wrong and what would be right``.
    """
    from dnnaccel.dataflow_files import read_fields

    return _from_fields(read_fields(os.fspath(path), _built_in()))
