"""Dataflows: constraints on mappings, by what stays in a PE and what is spread across the array.

The named ones are those of Chen, Emer and Sze, "Eyeriss: A Spatial Architecture for Energy-Efficient Dataflow
for Convolutional Neural Networks", ISCA 2016, section IV, plus input stationary and `free`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from dnnaccel.constraint_text import split_text
from dnnaccel.constraints import (
    Forbidden,
    LevelConstraint,
    check_dims,
    check_forbidden,
    check_levels,
    check_names,
    check_roles,
    check_utilization,
    field_values,
    find_contradictions,
    merge_levels,
    plain_fields,
    rebuild,
    shown_fields,
)
from dnnaccel.errors import DataflowError, UnknownNameError, did_you_mean

__all__ = ["Dataflow", "LevelConstraint", "get", "load", "names"]


FORMAT = 1
"""Version of the file format that `Dataflow.to_yaml` writes."""

_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,63}"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
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
        Names of built-in dataflows that this one is the best of; then only `where`, `forbid` and
        `min_utilization` may be given too, and hold for each.
    levels
        What the dataflow does at levels of a particular chip, by name (an array's axes as "pe_array.rows"),
        in place of what it would do there.
    where
        Constraints on levels, by name, within what the dataflow does there; also as text, "order M, C".
    forbid
        (dim, level) pairs, or texts such as "M at glb": splits that no mapping may have.
    min_utilization
        Part of the chip's MAC units, from 0 to 1, that every mapping must put to work.
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
    where: Mapping[str, LevelConstraint] = field(default_factory=dict)
    forbid: tuple[Forbidden, ...] = ()
    min_utilization: float = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not re.fullmatch(_NAME, self.name):
            raise DataflowError(
                f"a dataflow's name is made of letters, digits and any of _ . + -, which {self.name!r} is not"
            )
        where = f"dataflow {self.name!r}"
        if self.stationary is not None:
            object.__setattr__(self, "stationary", check_roles(self.stationary, f"{where}: stationary"))
        for what in ("inside", "outside", "rows", "columns", "whole_rows"):
            if getattr(self, what) is not None:
                object.__setattr__(self, what, check_dims(getattr(self, what), f"{where}: {what}"))
        for dim in self.whole_rows:
            if self.rows is not None and dim not in self.rows:
                raise DataflowError(f"{where}: {dim} is to be whole along the rows, and not among rows")
        if self.variants:
            self._check_variants(where)
        object.__setattr__(self, "levels", check_levels(self.levels, f"{where}: levels"))
        object.__setattr__(self, "where", check_levels(self.where, f"{where}: where"))
        object.__setattr__(self, "forbid", check_forbidden(self.forbid, f"{where}: forbid"))
        part = check_utilization(self.min_utilization, f"{where}: min_utilization")
        object.__setattr__(self, "min_utilization", part)
        for (key, level), sentence in find_contradictions(self.levels, self.where, self.forbid):
            raise DataflowError(f"{where}: {key}: {level}: {sentence}")

    def _check_variants(self, where: str) -> None:
        def unknown(name: object) -> str:
            return f"unknown variant {name!r}; {did_you_mean(str(name), _NAMED)}"

        variants = check_names(self.variants, tuple(_NAMED), unknown, f"{where}: variants")
        object.__setattr__(self, "variants", variants)
        for what in _CONSTRAINTS:
            if getattr(self, what) not in (None, (), {}):
                raise DataflowError(
                    f"{where}: is the best of {', '.join(variants)}; {what} has no place beside variants"
                )

    def __hash__(self) -> int:
        own = field_values(self)
        for what in ("levels", "where"):
            own[what] = frozenset(own[what].items())
        return hash(tuple(own.values()))

    def __reduce__(self) -> tuple[Any, ...]:
        views = {"levels": dict(self.levels), "where": dict(self.where)}
        return rebuild, (Dataflow, field_values(self) | views)

    def __repr__(self) -> str:
        return shown_fields(self)

    def __str__(self) -> str:
        return f"{self.name}: {self.description}" if self.description else self.name

    def constrained(
        self,
        *,
        where: Mapping[str, LevelConstraint | str] | None = None,
        forbid: Iterable[Forbidden | str] = (),
        min_utilization: float = 0.0,
        name: str | None = None,
    ) -> Dataflow:
        """Return this dataflow with more constraints; those it has hold too.

        They only ever take mappings away. `name` is by default this one's and "-constrained". Raises
        `DataflowError` where they contradict each other or the dataflow.

        >>> import dnnaccel as da
        >>> flow = da.dataflow.get("rs").constrained(where={"glb": "order M, C"}, forbid=["M at dram"])
        >>> flow.where["glb"].order
        ('M', 'C')
        """
        suffix = "-constrained"
        own_name = f"{self.name.removesuffix(suffix)}{suffix}" if name is None else name
        said = f"dataflow {own_name!r}"
        added = check_levels({} if where is None else where, f"{said}: where")
        splits = check_forbidden(forbid, f"{said}: forbid")
        part = check_utilization(min_utilization, f"{said}: min_utilization")
        try:
            merged = merge_levels([*self.where.items(), *added.items()])
        except DataflowError as error:
            raise DataflowError(f"{said}: where: {error}") from None
        return replace(
            self,
            name=own_name,
            where=merged,
            forbid=(*self.forbid, *splits),
            min_utilization=max(self.min_utilization, part),
        )

    def expand(self) -> tuple[Dataflow, ...]:
        """Return what this one is the best of, its variants under its constraints, or itself."""
        if not self.variants:
            return (self,)
        flows = dict.fromkeys(flow for name in self.variants for flow in _NAMED[name].expand())
        if not (self.where or self.forbid or self.min_utilization):
            return tuple(flows)
        return tuple(
            flow.constrained(
                where=self.where,
                forbid=self.forbid,
                min_utilization=self.min_utilization,
                # One alone is what this dataflow is a name for; of several it is told which one won.
                name=self.name if len(flows) == 1 else None,
            )
            for flow in flows
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the dataflow as plain dicts, lists, numbers and text, as its YAML file holds them."""
        data = {"format": FORMAT} | plain_fields(self)
        if self.forbid:
            data["forbid"] = [split_text(*split) for split in self.forbid]
        return data

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


def _from_fields(checked: Mapping[str, Any]) -> Dataflow:
    levels = {
        key: {level: LevelConstraint(**constraint) for level, constraint in checked[key].items()}
        for key in ("levels", "where")
    }
    return Dataflow(**{**checked, **levels})


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
