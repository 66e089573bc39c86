"""Mapspaces: what a dataflow leaves open for one problem on one chip, level by level."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from dnnaccel._narrow import (
    check_level_names,
    check_reach,
    check_room,
    check_tiles,
    is_memory,
    mac_units,
    narrow,
)
from dnnaccel.dataflow import Dataflow, LevelConstraint
from dnnaccel.errors import DataflowError
from dnnaccel.problem import Problem

if TYPE_CHECKING:
    from dnnaccel.arch import Chip, Memory

__all__ = ["LevelRule", "constrain", "mac_units", "required_units"]


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


def constrain(flow: Dataflow, chip: Chip, problem: Problem) -> tuple[LevelRule, ...]:
    """Resolve a dataflow (one without variants) for a chip and a problem: a rule for each level of the chip.

    Steps that wait for each other (`Problem.sequential`) are the outermost loops, whatever the dataflow says.

    Raises `DataflowError` if the chip cannot run it, with the reason.
    """
    check_level_names(flow, chip)
    kept = _kept(flow, chip)
    innermost = max((i for i, level in enumerate(chip.levels) if not is_memory(level)), default=-1)
    loops = _levels_with_loops(chip, kept, innermost)
    above = max((i for i in loops if i < innermost), default=0)
    every = frozenset(problem.dims)
    whole = frozenset(
        dim
        for dim in flow.whole_rows
        if innermost >= 0 and problem.bounds.get(dim, 1) <= chip.arrays[-1].rows
    )
    rules = []
    for i, level in enumerate(chip.levels):
        if is_memory(level):
            inside_pe = i > innermost >= 0
            dims = every - whole if i in loops else frozenset()
            if inside_pe and flow.inside is not None:
                dims &= frozenset(flow.inside)
            order = (frozenset(flow.outside) & dims,) if i == above and flow.outside else ()
            keeps, optional = kept[i]
            rule = LevelRule(dims=(dims,), tiles=({},), order=order, keeps=keeps, optional=optional)
            rules.append(_constrain_memory(rule, flow.levels.get(level.name), level, every))
            if i == 0 and rules[0].keeps != frozenset(level.keeps):
                missing = [role for role in level.keeps if role not in rules[0].keeps]
                raise DataflowError(
                    f"dataflow {flow.name!r}: {level.name} is the outermost memory and must keep "
                    f"every tensor, {' and '.join(missing)} too"
                )
            continue
        rows, columns = every, every - whole
        if i == innermost:
            rows = every if flow.rows is None else every & frozenset(flow.rows)
            columns = (every if flow.columns is None else every & frozenset(flow.columns)) - whole
        else:
            rows -= whole
        spread = LevelRule(dims=(rows, columns), tiles=({}, {}))
        rules.append(_constrain_array(spread, flow, level.name, every))
    for dim in reversed(problem.waiting):
        rules = _one_step_at_a_time(flow, chip, dim, rules)
    left = narrow(flow, chip, problem, rules)
    check_tiles(flow, chip, problem, left)
    check_room(flow, chip, problem, left, rules)
    check_reach(flow, chip, problem, left, required_units(flow, chip))
    return tuple(left)


def required_units(flow: Dataflow, chip: Chip) -> int:
    """Return how many of the chip's MAC units must ever work under a dataflow; 0 if it asks for none."""
    # As the decimal that it is written as: 0.1 of 30 units is 3, and not the next number above.
    return math.ceil(Fraction(repr(flow.min_utilization)) * mac_units(chip))


def _one_step_at_a_time(flow: Dataflow, chip: Chip, dim: str, rules: Sequence[LevelRule]) -> list[LevelRule]:
    """Give a sequential dim's loop to the outermost memory alone: first of its loops, in steps of 1."""
    apart = []
    for level, rule in zip(chip.levels, rules, strict=True):
        if any(tiles.get(dim, 1) > 1 for tiles in rule.tiles):
            raise DataflowError(
                f"dataflow {flow.name!r}: {level.name} fixes {dim} to chunks of several steps, which in "
                f"this layer wait for each other; leave {dim} free, or fix it to 1"
            )
        apart.append(
            replace(
                rule,
                dims=tuple(dims - {dim} for dims in rule.dims),
                tiles=tuple({d: tile for d, tile in tiles.items() if d != dim} for tiles in rule.tiles),
                order=tuple(group - {dim} for group in rule.order),
            )
        )
    first = apart[0]
    # Dims in no group would run outside all groups, and so outside the steps.
    free = first.dims[0] - frozenset().union(*first.order)
    apart[0] = replace(
        first,
        dims=(first.dims[0] | {dim},),
        tiles=({**first.tiles[0], dim: 1},),
        order=(frozenset({dim}), *(group for group in (free, *first.order) if group)),
    )
    return apart


def _kept(flow: Dataflow, chip: Chip) -> list[tuple[frozenset[str], frozenset[str]]]:
    """Return for each level the roles it keeps and may keep; the PE's memories keep what is stationary."""
    array_at = [i for i, level in enumerate(chip.levels) if not is_memory(level)]
    kept = []
    stationary_homes: set[str] = set()
    for i, level in enumerate(chip.levels):
        if not is_memory(level):
            kept.append((frozenset[str](), frozenset[str]()))
            continue
        can = frozenset(level.keeps)
        optional = frozenset(level.may_bypass)
        in_pe = bool(array_at) and i > array_at[-1]
        if in_pe and flow.stationary is None:
            # Every named dataflow leaves out some memory of the PE, so their yardstick may too.
            optional = can
        elif in_pe and flow.stationary is not None:
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


def _levels_with_loops(
    chip: Chip, kept: list[tuple[frozenset[str], frozenset[str]]], innermost: int
) -> set[int]:
    """Levels whose memory gets temporal loops: of a PE's memories that keep different tensors, only the last.

    Such memories (Eyeriss's three scratchpads) stand one after the other in the list, and one controller
    steps them all: loops between them would be a depth that the chip has not. Buffers outside the innermost
    array have address generators of their own, and each may go round its own loops.
    """
    loops: set[int] = set()
    group: frozenset[str] = frozenset()
    last = 0
    for i, level in enumerate(chip.levels):
        if not is_memory(level):
            last = 0
            continue
        roles = kept[i][0] | kept[i][1]
        if not roles:
            continue
        if last > innermost >= 0 and not group & roles:
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
