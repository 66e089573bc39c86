"""What is left of a mapspace under constraints, and whether anything is: by level, dim and array axis."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeGuard, cast

from dnnaccel import _core
from dnnaccel.constraints import LevelConstraint, find_conflict, refine
from dnnaccel.errors import DataflowError, did_you_mean
from dnnaccel.problem import ROLES, Problem

if TYPE_CHECKING:
    from dnnaccel.arch import Array, Chip, Memory
    from dnnaccel.dataflow import Dataflow
    from dnnaccel.mapspace import LevelRule

__all__ = [
    "check_level_names",
    "check_reach",
    "check_room",
    "check_tiles",
    "is_memory",
    "mac_units",
    "narrow",
]


_FREE = LevelConstraint()


def is_memory(level: Memory | Array) -> TypeGuard[Memory]:
    """Return whether a level stores, rather than fans out."""
    return hasattr(level, "keeps")


def _axes(level: Memory | Array) -> Sequence[tuple[str, int | None]]:
    """Return the level's names in a mapping: a memory's own (no size), an array's rows and columns."""
    return [(level.name, None)] if is_memory(level) else [*cast("Array", level).axes]


def mac_units(chip: Chip) -> int:
    """Return how many MAC units a chip has: one where no array multiplies them."""
    return math.prod(array.rows * array.columns for array in chip.arrays)


def check_level_names(flow: Dataflow, chip: Chip) -> None:
    """Raise `DataflowError` if a dataflow names a level that the chip has not."""
    names = chip.level_names
    splitting = (*names, *(array.name for array in chip.arrays))
    named = [("constrains level", level, names) for level in (*flow.levels, *flow.where)]
    named += [(f"forbids {dim} at", level, splitting) for dim, level in flow.forbid]
    for said, level, valid in named:
        if level not in valid:
            raise DataflowError(
                f"dataflow {flow.name!r} {said} {level!r}, which {chip.name} has not; "
                f"{did_you_mean(level, valid)}"
            )


# ------------------------------------------------------------------------------------------------------------
# Constraints on levels


def narrow(flow: Dataflow, chip: Chip, problem: Problem, rules: Sequence[LevelRule]) -> list[LevelRule]:
    """Return the rules of the levels within what the dataflow's `where` and `forbid` leave of them.

    Raises `DataflowError` for what contradicts the rules, or what the chip cannot do.
    """
    narrowed = list(rules)
    # Dims that a tile as large as they are leaves whole: no level outside it may split them either.
    whole: set[str] = set()
    for i in reversed(range(len(rules))):
        level = chip.levels[i]
        for axis, (name, size) in reversed(list(enumerate(_axes(level)))):
            asked = flow.where.get(name, _FREE)
            forbidden = {dim for dim, at in flow.forbid if at in (name, level.name)}
            whole |= {dim for dim, tile in asked.tiles.items() if 1 < problem.bounds.get(dim, 1) <= tile}
            try:
                if asked.order and not rules[i].dims[axis]:
                    raise DataflowError("order names loops, and under this dataflow none runs there")
                narrowed[i] = _with_splits(narrowed[i], axis, asked, problem, size)
                narrowed[i] = _without(narrowed[i], axis, forbidden | whole, problem)
                if is_memory(level):
                    narrowed[i] = _with_kept(_with_order(narrowed[i], asked), asked, level)
            except DataflowError as error:
                raise DataflowError(f"dataflow {flow.name!r}: {name}: {error}") from None
    return narrowed


def _with_splits(
    rule: LevelRule, axis: int, asked: LevelConstraint, problem: Problem, size: int | None
) -> LevelRule:
    dims, tiles = rule.dims[axis], dict(rule.tiles[axis])
    for dim, tile in asked.tiles.items():
        bound = problem.bounds.get(dim, 1)
        if bound > min(tile, tiles.get(dim, tile)):
            if dim not in dims or size == 1:
                why = "the dataflow does not split it at this level" if dim not in dims else "it is 1 wide"
                raise DataflowError(f"{dim} cannot be cut into chunks of {tile}: {why}")
            if tiles.get(dim, tile) != tile:
                raise DataflowError(
                    f"{dim} cannot be cut into chunks of {tile}: the chunks are {tiles[dim]} already"
                )
            tiles[dim] = tile
    if asked.dims is not None:
        dims &= frozenset(asked.dims) | frozenset(asked.tiles)
    return _with(rule, axis, dims, tiles)


def _without(rule: LevelRule, axis: int, unsplit: set[str], problem: Problem) -> LevelRule:
    tiles = {dim: tile for dim, tile in rule.tiles[axis].items() if tile < problem.bounds[dim]}
    if cut := sorted(unsplit & set(tiles)):
        raise DataflowError(f"{cut[0]} is cut into chunks of {tiles[cut[0]]}, and may not be split")
    return _with(rule, axis, rule.dims[axis] - unsplit, rule.tiles[axis])


def _with(rule: LevelRule, axis: int, dims: frozenset[str], tiles: Mapping[str, int]) -> LevelRule:
    return replace(
        rule,
        dims=(*rule.dims[:axis], dims, *rule.dims[axis + 1 :]),
        tiles=(*rule.tiles[:axis], tiles, *rule.tiles[axis + 1 :]),
    )


def _with_order(rule: LevelRule, asked: LevelConstraint) -> LevelRule:
    order = [dim for dim in asked.order if dim in rule.dims[0]]
    if pair := find_conflict(rule.order, order):
        outer, inner = pair
        raise DataflowError(f"order has {outer} outside {inner}, and the dataflow {outer} inside {inner}")
    return replace(rule, order=refine(rule.order, order))


def _with_kept(rule: LevelRule, asked: LevelConstraint, level: Memory) -> LevelRule:
    if asked.keeps is None:
        return rule
    keeps = frozenset(asked.keeps)
    for roles, why in (
        (keeps - frozenset(level.keeps), "cannot keep {}"),
        (keeps - rule.keeps - rule.optional, "does not keep {} under this dataflow"),
        (rule.keeps - keeps, "must keep {}, under this dataflow and on this chip"),
    ):
        if roles:
            raise DataflowError(f"keeps: it {why.format(' and '.join(r for r in ROLES if r in roles))}")
    return replace(rule, keeps=keeps, optional=frozenset())


# ------------------------------------------------------------------------------------------------------------
# Whether anything is left


@dataclass(frozen=True, slots=True)
class _Slot:
    """Where loops may stand: a memory (`size` None) or an axis of an array."""

    name: str
    size: int | None
    dims: frozenset[str]
    tiles: Mapping[str, int]

    def splits(self, dim: str) -> bool:
        return dim in self.dims and self.size != 1


def _slots(chip: Chip, rules: Sequence[LevelRule]) -> list[_Slot]:
    slots = []
    for level, rule in zip(chip.levels, rules, strict=True):
        slots += [
            _Slot(name, size, dims, tiles)
            for (name, size), dims, tiles in zip(_axes(level), rule.dims, rule.tiles, strict=True)
        ]
    return slots


def _segments(slots: Sequence[_Slot], dim: str, bound: int) -> Iterator[tuple[int, list[_Slot]]]:
    """Yield how many chunks of a dim each run of slots has to share out, a fixed tile ending each run."""
    extent, run = bound, list[_Slot]()
    for slot in slots:
        if not slot.splits(dim):
            continue
        run.append(slot)
        if dim in slot.tiles:
            tile = min(slot.tiles[dim], extent)
            yield -(-extent // tile), run
            extent, run = tile, []
    if run:
        yield extent, run


def check_tiles(flow: Dataflow, chip: Chip, problem: Problem, rules: Sequence[LevelRule]) -> None:
    """Refuse fixed tiles that no mapping can have.

    They grow inwards, cut a dim where there is one instance to take all of it, or leave chunks that nothing
    splits.
    """
    slots = _slots(chip, rules)
    for dim, bound in problem.bounds.items():
        outside, outer = "", bound
        splitting = [(slot.name, slot.tiles.get(dim)) for slot in slots if dim in slot.dims]
        single = {slot.name for slot in slots if slot.size == 1}
        for name, tile in splitting:
            if tile is None:
                continue
            if name in single and tile < outer:
                raise DataflowError(
                    f"dataflow {flow.name!r}: {name} fixes {dim} to chunks of {tile}, and is 1 wide: "
                    f"it cannot cut {outer} into chunks"
                )
            if min(tile, bound) > outer:
                raise DataflowError(
                    f"dataflow {flow.name!r}: {name} fixes {dim} to chunks of {tile}, "
                    f"and {outside} outside it to chunks of {outer}"
                )
            outside, outer = name, min(tile, bound)
        if splitting and (splitting[-1][1] or 1) > 1 and outer > 1:
            raise DataflowError(
                f"dataflow {flow.name!r}: {splitting[-1][0]} fixes {dim} to chunks of {splitting[-1][1]}, "
                "and no level inside it may split them further"
            )


def check_room(
    flow: Dataflow, chip: Chip, problem: Problem, rules: Sequence[LevelRule], before: Sequence[LevelRule]
) -> None:
    """Refuse constraints that leave a dim nowhere to run, or only axes that its positions do not fit.

    `before` are the rules without them, which say where the dim could have run.
    """
    slots, wider = _slots(chip, rules), _slots(chip, before)
    for dim, bound in problem.bounds.items():
        if bound == 1:
            continue
        taken = [
            was.name
            for was, slot in zip(wider, slots, strict=True)
            if was.splits(dim) and not slot.splits(dim)
        ]
        if not any(slot.splits(dim) for slot in slots):
            why = f": where and forbid take {', '.join(taken)} from it, and no other is left" if taken else ""
            raise DataflowError(f"dataflow {flow.name!r}: no level may split dim {dim}{why}")
        for positions, run in _segments(slots, dim, bound):
            if any(slot.size is None for slot in run):
                continue
            room = math.prod(slot.size or 1 for slot in run)
            if positions > room:
                left = ", ".join(f"{slot.name} ({slot.size})" for slot in run)
                more = f"; it may not be split at {', '.join(taken)}" if taken else ""
                raise DataflowError(
                    f"dataflow {flow.name!r}: {positions} chunks of {dim} are left to {left}, "
                    f"room for {room}{more}"
                )


def check_reach(flow: Dataflow, chip: Chip, problem: Problem, rules: Sequence[LevelRule], units: int) -> None:
    """Refuse to ask for more MAC units than any spread of the layer's dims over the arrays puts to work."""
    if units <= 1:
        return
    slots = _slots(chip, rules)
    fills = {slot.name: {1} for slot in slots if slot.size is not None}
    spread = 1
    for dim, bound in problem.bounds.items():
        spread *= bound if any(slot.splits(dim) for slot in slots if slot.size is not None) else 1
        for name, factors in _factors(slots, dim, bound).items():
            size = next(slot.size for slot in slots if slot.name == name) or 1
            fills[name] = {fill * n for fill in fills[name] for n in factors if fill * n <= size}
    most = min(spread, math.prod(max(fill, default=1) for fill in fills.values()))
    if most < units:
        axes = "; ".join(
            f"{slot.name} {max(fills[slot.name], default=1)} of {slot.size} "
            f"({', '.join(d for d in problem.dims if d in slot.dims and problem.bounds[d] > 1) or 'no dim'})"
            for slot in slots
            if slot.size is not None
        )
        raise DataflowError(
            f"dataflow {flow.name!r}: min_utilization {flow.min_utilization:g} asks for {units} of "
            f"{mac_units(chip)} MAC units, and at most {most} can work on this layer: {axes}"
        )


def _factors(slots: Sequence[_Slot], dim: str, bound: int) -> dict[str, set[int]]:
    """Return over how many instances a dim may be spread along each axis that splits it."""
    found: dict[str, set[int]] = {}
    if bound == 1:
        return found
    for positions, run in _segments(slots, dim, bound):
        left = {positions}
        for slot in run:
            if slot.size is None:
                continue
            # Where no loop follows, the last axis must take all that is left.
            last = slot is run[-1] and all(other.size is not None for other in run)
            ways = {(rest, n) for rest in left for n in _core.spatial_factors(rest, slot.size)}
            ways = {(rest, n) for rest, n in ways if not last or n == rest}
            found[slot.name] = {n for _, n in ways}
            left = {-(-rest // n) for rest, n in ways}
    return found
