"""Dataflows: constraints on mappings, by what stays in a PE and what is spread across the array.

The named ones are those of Chen, Emer and Sze, "Eyeriss: A Spatial Architecture for Energy-Efficient Dataflow
for Convolutional Neural Networks", ISCA 2016, section IV, plus input stationary and `free`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeGuard

from dnnaccel.errors import DataflowError, did_you_mean, unknown_name
from dnnaccel.problem import DIMS, ROLES, Problem

if TYPE_CHECKING:
    from dnnaccel.arch import Array, Chip, Memory

__all__ = ["Dataflow", "LevelConstraint", "LevelRule", "constrain", "get", "names"]


def _check_dims(dims: tuple[str, ...] | None, where: str) -> None:
    for dim in dims or ():
        if dim not in DIMS:
            raise DataflowError(f"{where}: unknown dim {dim!r}; {did_you_mean(dim, DIMS)}")


def _check_roles(roles: tuple[str, ...] | None, where: str) -> None:
    for role in roles or ():
        if role not in ROLES:
            raise DataflowError(f"{where}: unknown tensor {role!r}; {did_you_mean(role, ROLES)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelConstraint:
    """What a dataflow asks of one level of a chip; whatever is left out stays free.

    `dims`: which dims may be split there. `order`: a partial loop order, outermost first; loops that it does
    not name run outside those it does. `tiles`: fixed tile sizes. `keeps`: exactly the tensor roles kept.
    """

    dims: tuple[str, ...] | None = None
    order: tuple[str, ...] = ()
    tiles: Mapping[str, int] = field(default_factory=dict)
    keeps: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        _check_dims(self.dims, "dims")
        _check_dims(self.order, "order")
        _check_dims(tuple(self.tiles), "tiles")
        _check_roles(self.keeps, "keeps")
        for dim, tile in self.tiles.items():
            if tile < 1:
                raise DataflowError(f"tiles: {dim} has tile {tile}; it must be at least 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataflow:
    """A set of constraints on mappings, for any chip.

    Parameters
    ----------
    name, description
        What to call it, and one line on what it does.
    stationary
        Tensor roles that the memories inside a PE keep; () for none, None for what the chip keeps there.
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
        Names of dataflows that this one is the best of; then everything else is left out.
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
        where = f"dataflow {self.name!r}"
        _check_roles(self.stationary, f"{where}: stationary")
        for what in ("inside", "outside", "rows", "columns", "whole_rows"):
            _check_dims(getattr(self, what), f"{where}: {what}")
        for dim in self.whole_rows:
            if self.rows is not None and dim not in self.rows:
                raise DataflowError(f"{where}: {dim} is to be whole along the rows, and not among rows")
        for variant in self.variants:
            if variant not in _NAMED:
                raise DataflowError(f"{where}: unknown variant {variant!r}; {did_you_mean(variant, _NAMED)}")

    def __str__(self) -> str:
        return f"{self.name}: {self.description}" if self.description else self.name

    def expand(self) -> tuple[Dataflow, ...]:
        """Return the dataflows that this one is the best of: its variants, or itself."""
        return tuple(_NAMED[name] for name in self.variants) or (self,)


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelRule:
    """What mappings of one problem may do at one level of one chip: constraints, resolved.

    For an array `dims` and `tiles` have an entry for rows and one for columns, for a memory one entry.
    """

    dims: tuple[frozenset[str], ...]
    tiles: tuple[Mapping[str, int], ...]
    order: tuple[frozenset[str], ...] = ()
    keeps: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()


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


def get(name: str | Dataflow) -> Dataflow:
    """Return the dataflow of that name; a `Dataflow` is returned as it is. Raises `UnknownNameError`."""
    if isinstance(name, Dataflow):
        return name
    if name not in _NAMED:
        raise unknown_name("dataflow", name, names())
    return _NAMED[name]


def constrain(flow: Dataflow, chip: Chip, problem: Problem) -> tuple[LevelRule, ...]:
    """Resolve a dataflow (one without variants) for a chip and a problem: a rule for each level of the chip.

    Raises `DataflowError` if the chip cannot run it, with the reason.
    """
    for name in flow.levels:
        if name not in chip.level_names:
            raise DataflowError(
                f"dataflow {flow.name!r} constrains level {name!r}, which {chip.name} has not; "
                f"{did_you_mean(name, chip.level_names)}"
            )
    kept = _kept(flow, chip)
    innermost = max((i for i, level in enumerate(chip.levels) if not _is_memory(level)), default=-1)
    loops = _levels_with_loops(chip, kept)
    above = max((i for i in loops if i < innermost), default=0)
    every = frozenset(problem.dims)
    whole = frozenset(
        dim
        for dim in flow.whole_rows
        if innermost >= 0 and problem.bounds.get(dim, 1) <= chip.arrays[-1].rows
    )
    rules = []
    for i, level in enumerate(chip.levels):
        if _is_memory(level):
            inside_pe = i > innermost >= 0
            dims = every - whole if i in loops else frozenset()
            if inside_pe and flow.inside is not None:
                dims &= frozenset(flow.inside)
            order = (frozenset(flow.outside) & dims,) if i == above and flow.outside else ()
            keeps, optional = kept[i]
            rule = LevelRule(dims=(dims,), tiles=({},), order=order, keeps=keeps, optional=optional)
            rules.append(_constrain_memory(rule, flow.levels.get(level.name), level, every))
            continue
        rows, columns = every, every - whole
        if i == innermost:
            rows = every if flow.rows is None else every & frozenset(flow.rows)
            columns = (every if flow.columns is None else every & frozenset(flow.columns)) - whole
        else:
            rows -= whole
        spread = LevelRule(dims=(rows, columns), tiles=({}, {}))
        rules.append(_constrain_array(spread, flow, level.name, every))
    return tuple(rules)


def _is_memory(level: Memory | Array) -> TypeGuard[Memory]:
    return hasattr(level, "keeps")


def _kept(flow: Dataflow, chip: Chip) -> list[tuple[frozenset[str], frozenset[str]]]:
    """Return for each level the roles it keeps and may keep; the PE's memories keep what is stationary."""
    array_at = [i for i, level in enumerate(chip.levels) if not _is_memory(level)]
    kept = []
    stationary_homes: set[str] = set()
    for i, level in enumerate(chip.levels):
        if not _is_memory(level):
            kept.append((frozenset[str](), frozenset[str]()))
            continue
        can = frozenset(level.keeps)
        optional = frozenset(level.may_bypass)
        if array_at and i > array_at[-1] and flow.stationary is not None:
            stationary = can & frozenset(flow.stationary)
            # Registers that hand words to a neighbour are part of the network: they may serve any dataflow.
            passing = can & frozenset(chip.arrays[-1].forwards) - stationary
            can = stationary | passing
            optional = optional & can | passing
            stationary_homes |= stationary
        kept.append((can - optional, optional))
    missing = [role for role in flow.stationary or () if role not in stationary_homes]
    if missing:
        inside = [level.name for i, level in enumerate(chip.levels) if array_at and i > array_at[-1]]
        has = f"its {', '.join(inside)} cannot" if inside else "its PEs have no memory at all"
        raise DataflowError(
            f"{flow.name} keeps {' and '.join(missing)} inside the PEs, and {chip.name} cannot: {has}"
            + (" keep them" if inside else "")
        )
    return kept


def _levels_with_loops(chip: Chip, kept: list[tuple[frozenset[str], frozenset[str]]]) -> set[int]:
    """Levels whose memory gets temporal loops: of neighbours that keep different tensors, only the last does.

    Memories at one depth (Eyeriss's three scratchpads, TPU's buffer and accumulators) stand one after the
    other in the list; loops between them would be a depth that the chip has not.
    """
    loops: set[int] = set()
    group: frozenset[str] = frozenset()
    last = 0
    for i, level in enumerate(chip.levels):
        if not _is_memory(level):
            last = 0
            continue
        roles = kept[i][0] | kept[i][1]
        if not roles:
            continue
        if last > 0 and not group & roles:
            loops.discard(last)
            group |= roles
        else:
            group = roles
        loops.add(i)
        last = i
    return loops


def _constrain_memory(
    rule: LevelRule, constraint: LevelConstraint | None, level: Memory, every: frozenset[str]
) -> LevelRule:
    if constraint is None:
        return rule
    dims = rule.dims[0] if constraint.dims is None else every & frozenset(constraint.dims)
    order = tuple(frozenset({dim}) for dim in constraint.order if dim in dims) or rule.order
    keeps, optional = rule.keeps, rule.optional
    if constraint.keeps is not None:
        keeps, optional = frozenset(constraint.keeps), frozenset()
        if not keeps <= frozenset(level.keeps):
            wrong = sorted(keeps - frozenset(level.keeps))
            raise DataflowError(f"level {level.name} cannot keep {' and '.join(wrong)}")
    tiles = {dim: tile for dim, tile in constraint.tiles.items() if dim in every}
    return LevelRule(
        dims=(dims | frozenset(tiles),), tiles=(tiles,), order=order, keeps=keeps, optional=optional
    )


def _constrain_array(rule: LevelRule, flow: Dataflow, name: str, every: frozenset[str]) -> LevelRule:
    dims, tiles = list(rule.dims), list(rule.tiles)
    for axis, suffix in enumerate(("rows", "columns")):
        constraint = flow.levels.get(f"{name}.{suffix}")
        if constraint is None:
            continue
        if constraint.order or constraint.keeps is not None:
            raise DataflowError(
                f"level {name}.{suffix} is spatial: it has neither a loop order nor a storage"
            )
        tiles[axis] = {dim: tile for dim, tile in constraint.tiles.items() if dim in every}
        if constraint.dims is not None:
            dims[axis] = every & frozenset(constraint.dims)
        dims[axis] |= frozenset(tiles[axis])
    return LevelRule(dims=tuple(dims), tiles=tuple(tiles))
