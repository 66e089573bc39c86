"""Random cases, made from choices that a seeded generator or Hypothesis takes alike."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from hypothesis import strategies as st

from dnnaccel.problem import ROLES, Axis, Problem, Tensor, convolution, matmul
from nests import ArrayLevel, Case, CaseLevel, MemoryLevel, Split, runs

T = TypeVar("T")


class Choices(ABC):
    """Where random choices come from; smaller numbers and earlier items make simpler cases."""

    @abstractmethod
    def integer(self, low: int, high: int) -> int:
        """Return an integer in low..high."""

    def pick(self, items: Sequence[T]) -> T:
        """Return one of the items."""
        return items[self.integer(0, len(items) - 1)]

    def chance(self, percent: int) -> bool:
        """Return True so often."""
        return self.integer(0, 99) >= 100 - percent

    def some(self, items: Sequence[T], percent: int) -> list[T]:
        """Return each item so often."""
        return [item for item in items if self.chance(percent)]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """Return the items in any order."""
        rest, out = list(items), []
        while rest:
            out.append(rest.pop(self.integer(0, len(rest) - 1)))
        return out


class Seeded(Choices):
    """Choices of a seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def integer(self, low: int, high: int) -> int:
        return low + int(self._random.random() * (high - low + 1))


class Drawn(Choices):
    """Choices that Hypothesis makes, and makes simpler when a test fails."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw

    def integer(self, low: int, high: int) -> int:
        return self._draw(st.integers(low, high))


@st.composite
def cases(draw: st.DrawFn, max_macs: int = 400) -> Case:
    """Cases as a Hypothesis strategy."""
    return random_case(Drawn(draw), max_macs)


def random_case(choices: Choices, max_macs: int) -> Case:
    """Return a random problem of at most `max_macs` MACs, a hierarchy and a mapping."""
    kind = choices.pick([_matmul, _attention, _einsum, _window, _convolution, _convolution])
    problem = kind(choices, max_macs)
    return Case(problem=problem, levels=_map(choices, problem, _levels(choices)))


def another_nest(choices: Choices, case: Case) -> Case:
    """Return another mapping of the same problem on the same levels."""
    return replace(case, levels=_map(choices, case.problem, list(case.levels)))


def reordered(choices: Choices, case: Case) -> Case:
    """Return the same tiles with the loops of every memory in another order."""
    levels = [
        replace(level, loops=_interleave(choices, list(level.loops)))
        if isinstance(level, MemoryLevel)
        else level
        for level in case.levels
    ]
    return replace(case, levels=tuple(levels))


# ------------------------------------------------------------------------------------------------------------
# Problems


def _bounds(choices: Choices, dims: str, room: int, most: int) -> dict[str, int]:
    """Bounds whose product is at most `room`; each dim is the first to take its share now and then."""
    found = {}
    for dim in choices.shuffled(dims):
        found[dim] = 1 if choices.chance(25) else choices.integer(1, min(most, room))
        room //= found[dim]
    return {dim: found[dim] for dim in dims}


def _convolution(choices: Choices, room: int) -> Problem:
    """Any convolution: grouped, depthwise, strided (past its filter, too), dilated, padded, cut short."""
    depthwise = choices.chance(20)
    bounds = _bounds(choices, "NGPQRS" if depthwise else "NGMCPQRS", room, 7)
    if choices.chance(30):
        bounds["G"] = 1
    return _convolve(choices, bounds, (4, 2, 2))


def _window(choices: Choices, room: int) -> Problem:
    """A long sliding window, cut again and again, and little else."""
    bounds = {"P": choices.integer(2, 14), "R": choices.integer(1, 5)}
    bounds |= _bounds(choices, "NGMCQS", max(room // (bounds["P"] * bounds["R"]), 1), 3)
    return _convolve(choices, bounds, (3, 3, 3))


def _convolve(choices: Choices, bounds: dict[str, int], limits: tuple[int, int, int]) -> Problem:
    stride, dilation, padding = (
        (choices.integer(low, high), choices.integer(low, high))
        for low, high in zip((1, 1, 0), limits, strict=True)
    )
    sizes = []
    for axis, (out, filt) in enumerate(("PR", "QS")):
        size = (bounds[out] - 1) * stride[axis] + (bounds[filt] - 1) * dilation[axis] + 1 - 2 * padding[axis]
        if choices.chance(30):  # cut short (its end is padding too), or with rows that nobody wants
            size += choices.integer(-3, 3)
        sizes.append(max(size, 1))
    return convolution(
        batch=bounds["N"],
        groups=bounds["G"],
        out_channels=bounds.get("M", 1),
        in_channels=bounds.get("C", 1),
        out_size=(bounds["P"], bounds["Q"]),
        in_size=(sizes[0], sizes[1]),
        kernel=(bounds["R"], bounds["S"]),
        stride=stride,
        padding=padding,
        dilation=dilation,
    )


def _matmul(choices: Choices, room: int) -> Problem:
    bounds = _bounds(choices, "GMCP", room, 16)
    return matmul(batch=bounds["G"], rows=bounds["P"], columns=bounds["M"], inner=bounds["C"])


def _attention(choices: Choices, room: int) -> Problem:
    """Queries times keys, or weights times values: batch N and heads G stand in every tensor."""
    bounds = _bounds(choices, "NGMCP", room, 8)
    return _problem(bounds, {"inputs": "NGPC", "weights": "NGMC", "outputs": "NGPM"})


def _einsum(choices: Choices, room: int) -> Problem:
    """Any dims on any tensors: also sums that no operand sees, broadcasts, and windows over weights."""
    dims = "NGMCPQRS"[: choices.integer(2, 6)]
    bounds = _bounds(choices, dims, room, 9)
    problem = _problem(bounds, {role: choices.some(dims, 60) for role in ROLES})
    tensors = []
    for tensor in problem.tensors:
        axes = list(tensor.axes)
        if tensor.role != "outputs" and len(axes) >= 2 and choices.chance(40):
            axes = [_slide(choices, axes[0], axes[1]), *axes[2:]]
        elif tensor.role != "outputs" and axes and choices.chance(40):
            axes[0] = replace(
                axes[0],
                terms=((axes[0].terms[0][0], choices.integer(1, 3)),),
                offset=choices.integer(-2, 2),
                size=choices.integer(1, 12),
            )
        tensors.append(replace(tensor, axes=tuple(axes)))
    return replace(problem, tensors=tuple(tensors))


def _slide(choices: Choices, one: Axis, other: Axis) -> Axis:
    return Axis(
        terms=((one.terms[0][0], choices.integer(1, 3)), (other.terms[0][0], choices.integer(1, 3))),
        offset=choices.integer(-3, 1),
        size=choices.integer(1, 20),
    )


def _problem(bounds: dict[str, int], dims: dict[str, Sequence[str]]) -> Problem:
    return Problem(
        bounds=bounds,
        tensors=tuple(
            Tensor(
                name=role,
                role=role,
                axes=tuple(Axis(terms=((dim, 1),), size=bounds[dim]) for dim in dims[role]),
            )
            for role in ROLES
        ),
    )


# ------------------------------------------------------------------------------------------------------------
# Hierarchies


def _levels(choices: Choices) -> list[CaseLevel]:
    """One to four memories (some of them two, side by side, for different tensors), and arrays between."""
    keeping = choices.pick([60, 60, 95])
    levels: list[CaseLevel] = [MemoryLevel(name="memory0", keeps=frozenset(ROLES))]
    for depth in range(choices.integer(1, 4)):
        if depth:
            levels += _memories(choices, depth, keeping)
        levels += [_array(choices, f"array{depth}{n}") for n in range(choices.pick([0, 1, 1, 2]))]
    for role in ROLES[:2]:
        for run in runs(levels, role):
            if run and choices.chance(40):
                # One array between two keepers that cannot hand words on stops all of them.
                mixed = choices.chance(10)
                for array in run[1:] if mixed else run:
                    levels[levels.index(array)] = replace(array, forwards=array.forwards | {role})
    return levels


def _memories(choices: Choices, depth: int, keeping: int) -> list[CaseLevel]:
    keeps = frozenset(choices.some(ROLES, keeping))
    name = f"memory{depth}"
    if len(keeps) < 2 or not choices.chance(35):
        return [MemoryLevel(name=name, keeps=keeps)]
    first = frozenset(choices.shuffled(sorted(keeps))[:1])
    return [MemoryLevel(name=f"{name}a", keeps=first), MemoryLevel(name=f"{name}b", keeps=keeps - first)]


def _array(choices: Choices, name: str) -> ArrayLevel:
    def dims() -> frozenset[str] | None:
        how = choices.pick(["none", "all", "some", "some"])
        if how == "some":
            return frozenset(choices.some("NGMCPQRS", 50))
        return None if how == "all" else frozenset()

    return ArrayLevel(name=name, multicast=dims(), reduce=dims())


def _beside(levels: Sequence[CaseLevel], place: int) -> bool:
    """Whether a memory stands beside the next one, at one depth: no loops run between the two."""
    return levels[place].name.endswith("a") and isinstance(levels[place], MemoryLevel)


# ------------------------------------------------------------------------------------------------------------
# Mappings


def _map(choices: Choices, problem: Problem, levels: list[CaseLevel]) -> tuple[CaseLevel, ...]:
    """Cut every dim down to 1 over places drawn at random."""
    places = [
        (n, axis)
        for n, level in enumerate(levels)
        for axis in range(1 if isinstance(level, MemoryLevel) else 2)
        if not _beside(levels, n)
    ]
    loops: dict[tuple[int, int], list[Split]] = {place: [] for place in places}
    arrays = [n for n, (level, _) in enumerate(places) if isinstance(levels[level], ArrayLevel)]
    perfect = choices.chance(20)  # the whole nest; otherwise split by split
    deep = choices.pick([0, 0, 80])  # how often a dim steps outside an array that spreads it
    for dim, bound in problem.bounds.items():
        tile = bound
        chosen = [choices.integer(0, len(places) - 1) for _ in range(choices.integer(1, 5))]
        if arrays and choices.chance(deep):
            last = choices.pick(arrays)
            chosen = [choices.integer(0, last - 1), last, *chosen[:2]]
        chosen.sort()
        for place in chosen[:-1]:
            if tile > 1:
                tile = _tile(choices, tile, perfect or choices.chance(25))
                loops[places[place]].append((dim, tile))
        if tile > 1 or choices.chance(5):  # a loop of one trip now and then
            loops[places[chosen[-1]]].append((dim, 1))
    # Sums come back, and stay in idle instances, where reductions run outside of what they reduce into.
    inside = problem.tensor("outputs").dims if choices.chance(35) else frozenset()
    mapped: list[CaseLevel] = []
    for n, level in enumerate(levels):
        if isinstance(level, MemoryLevel):
            ordered = _interleave(choices, loops.get((n, 0), []))
            mapped.append(replace(level, loops=tuple(sorted(ordered, key=lambda loop: loop[0] in inside))))
        else:
            rows, columns = (_interleave(choices, loops[n, axis]) for axis in (0, 1))
            mapped.append(replace(level, rows=rows, columns=columns))
    return tuple(mapped)


def _tile(choices: Choices, extent: int, perfect: bool) -> int:
    if not perfect:
        return choices.integer(1, extent)
    return choices.pick([tile for tile in range(1, extent + 1) if extent % tile == 0])


def _interleave(choices: Choices, loops: list[Split]) -> tuple[Split, ...]:
    """The loops of one place in random order, those of one dim in theirs."""
    if len(loops) < 2:
        return tuple(loops)
    order = choices.shuffled([dim for dim, _ in loops])
    tiles = {dim: iter([t for d, t in loops if d == dim]) for dim in order}
    return tuple((dim, next(tiles[dim])) for dim in order)
