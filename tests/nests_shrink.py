"""Makes a failing case smaller, one simplification at a time, for as long as it still fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from dnnaccel.problem import Axis, Problem
from nests import Case, CaseLevel, MemoryLevel, Split

Fails = Callable[[Case], bool]


def shrink(case: Case, fails: Fails, most: int = 20_000) -> Case:
    """Return a case that fails and of which no simpler neighbour does, after at most `most` trials."""
    trials = 0
    simpler = True
    while simpler:
        simpler = False
        for candidate in _simpler(case):
            trials += 1
            if trials > most:
                return case
            if candidate != case and fails(candidate):
                case, simpler = candidate, True
                break
    return case


def _simpler(case: Case) -> Iterator[Case]:
    """Simpler neighbours, those that take most away first."""
    yield from _without_a_dim(case)
    yield from _without_a_level(case)
    yield from _lower_bounds(case)
    yield from _without_a_loop(case)
    yield from _plainer_levels(case)
    yield from _plainer_axes(case)
    yield from _smaller_tiles(case)


def _without_a_dim(case: Case) -> Iterator[Case]:
    for dim in case.problem.bounds:
        if len(case.problem.bounds) == 1:
            return
        bounds = {d: bound for d, bound in case.problem.bounds.items() if d != dim}
        tensors = []
        for tensor in case.problem.tensors:
            axes = [
                replace(axis, terms=tuple(term for term in axis.terms if term[0] != dim))
                for axis in tensor.axes
            ]
            tensors.append(replace(tensor, axes=tuple(axis for axis in axes if axis.terms)))
        problem = Problem(bounds=bounds, tensors=tuple(tensors))
        yield _mend(problem, [_keep(level, lambda d, _, gone=dim: d != gone) for level in case.levels])


def _without_a_level(case: Case) -> Iterator[Case]:
    for n in range(len(case.levels) - 1, 0, -1):
        levels = list(case.levels)
        gone = levels.pop(n)
        yield _mend(case.problem, levels)
        # Its loops may matter where its storage does not.
        above = levels[n - 1]
        if isinstance(gone, MemoryLevel) and isinstance(above, MemoryLevel):
            levels[n - 1] = replace(above, loops=above.loops + gone.loops)
            yield _mend(case.problem, levels)


def _lower_bounds(case: Case) -> Iterator[Case]:
    for dim, bound in case.problem.bounds.items():
        for smaller in dict.fromkeys((1, bound // 2, bound - 1)):
            if not 1 <= smaller < bound:
                continue
            tensors = []
            for tensor in case.problem.tensors:
                axes = [
                    replace(axis, size=smaller) if axis == _whole(dim, bound) else axis
                    for axis in tensor.axes
                ]
                tensors.append(replace(tensor, axes=tuple(axes)))
            bounds = {**case.problem.bounds, dim: smaller}
            yield _mend(Problem(bounds=bounds, tensors=tuple(tensors)), list(case.levels))


def _without_a_loop(case: Case) -> Iterator[Case]:
    count = sum(1 for _ in case.splits())
    for gone in range(count):
        numbers = iter(range(count))
        levels = [_keep(level, lambda *_, n=numbers, g=gone: next(n) != g) for level in case.levels]
        yield _mend(case.problem, levels)


def _plainer_levels(case: Case) -> Iterator[Case]:
    for n, level in enumerate(case.levels):

        def put(plainer: CaseLevel, n: int = n) -> Case:
            return replace(case, levels=(*case.levels[:n], plainer, *case.levels[n + 1 :]))

        if isinstance(level, MemoryLevel):
            if n:
                for role in sorted(level.keeps):
                    yield put(replace(level, keeps=level.keeps - {role}))
            continue
        if level.columns:
            yield put(replace(level, rows=level.rows + level.columns, columns=()))
        for role in sorted(level.forwards):
            yield put(replace(level, forwards=level.forwards - {role}))
        for dims in (frozenset[str](), None):
            if level.multicast not in (dims, frozenset()):
                yield put(replace(level, multicast=dims))
            if level.reduce not in (dims, frozenset()):
                yield put(replace(level, reduce=dims))


def _plainer_axes(case: Case) -> Iterator[Case]:
    for t, tensor in enumerate(case.problem.tensors):
        if tensor.role == "outputs":  # each axis is one dim, whole
            continue
        for a, axis in enumerate(tensor.axes):
            for plainer in _plainer(axis, case.problem):
                axes = (*tensor.axes[:a], plainer, *tensor.axes[a + 1 :])
                tensors = list(case.problem.tensors)
                tensors[t] = replace(tensor, axes=axes)
                yield replace(case, problem=replace(case.problem, tensors=tuple(tensors)))


def _plainer(axis: Axis, problem: Problem) -> Iterator[Axis]:
    for i, (dim, factor) in enumerate(axis.terms):
        if len(axis.terms) > 1 or axis != _whole(dim, problem.bounds[dim]):
            yield _whole(dim, problem.bounds[dim])
        for smaller in range(1, factor):
            yield replace(axis, terms=(*axis.terms[:i], (dim, smaller), *axis.terms[i + 1 :]))
    if axis.offset:
        yield replace(axis, offset=0)
        yield replace(axis, offset=axis.offset + (1 if axis.offset < 0 else -1))
    if axis.size > 1 and axis not in [_whole(dim, problem.bounds[dim]) for dim, _ in axis.terms]:
        yield replace(axis, size=axis.size // 2)
        yield replace(axis, size=axis.size - 1)


def _smaller_tiles(case: Case) -> Iterator[Case]:
    splits = list(case.splits())
    for chosen, (_, _, _, tile) in enumerate(splits):
        for other in dict.fromkeys((1, tile - 1)):
            if not 1 <= other < tile:
                continue
            numbers = iter(range(len(splits)))

            def swap(
                dim: str, old: int, c: int = chosen, t: int = other, n: Iterator[int] = numbers
            ) -> Split:
                return dim, (t if next(n) == c else old)

            yield _mend(case.problem, [_each(level, swap) for level in case.levels])


def _whole(dim: str, bound: int) -> Axis:
    return Axis(terms=((dim, 1),), size=bound)


def _keep(level: CaseLevel, wanted: Callable[[str, int], bool]) -> CaseLevel:
    def those(loops: tuple[Split, ...]) -> tuple[Split, ...]:
        return tuple(loop for loop in loops if wanted(*loop))

    if isinstance(level, MemoryLevel):
        return replace(level, loops=those(level.loops))
    rows = those(level.rows)  # the order in which loops are numbered
    return replace(level, rows=rows, columns=those(level.columns))


def _each(level: CaseLevel, change: Callable[[str, int], Split]) -> CaseLevel:
    def all_of(loops: tuple[Split, ...]) -> tuple[Split, ...]:
        return tuple(change(*loop) for loop in loops)

    if isinstance(level, MemoryLevel):
        return replace(level, loops=all_of(level.loops))
    rows = all_of(level.rows)
    return replace(level, rows=rows, columns=all_of(level.columns))


def _mend(problem: Problem, levels: list[CaseLevel]) -> Case:
    """Make a nest of what is left: tiles no larger than what they cut, and 1 in each dim's last loop."""
    case = Case(problem=problem, levels=tuple(levels))
    left = {dim: sum(d == dim for _, d, _, _ in case.splits()) for dim in problem.bounds}
    extents = dict(problem.bounds)

    def change(dim: str, tile: int) -> Split:
        left[dim] -= 1
        extents[dim] = min(tile, extents[dim]) if left[dim] else 1
        return dim, extents[dim]

    mended = [_each(level, change) for level in levels]
    top = mended[0]
    assert isinstance(top, MemoryLevel)
    rest = tuple((dim, 1) for dim, extent in extents.items() if extent > 1)
    mended[0] = replace(top, loops=top.loops + rest)
    return Case(problem=problem, levels=tuple(mended))
