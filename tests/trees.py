"""Random small work for adder-tree arrays, and a slow simulation of it that has nothing of the core's.

The slow one goes through every position of the nest, gives each element its indices, and holds the words of
every register as a set.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

import nests
from dnnaccel import _core
from dnnaccel.problem import ROLES, Problem, convolution, matmul
from nests_random import Choices

Indices = dict[str, int]
Word = tuple[int, ...]
Element = tuple[int, int]
CAUSES = ("operand", "weights", "sums", "bandwidth", "memory", "edge")


@dataclass(kw_only=True)
class Part:
    """A memory (with the roles it keeps and its temporal loops) or the array (rows and columns)."""

    name: str
    keeps: frozenset[str] = frozenset()
    loops: list[tuple[str, int]] = field(default_factory=list)
    read: Fraction | None = None
    write: Fraction | None = None
    shared: Fraction | None = None
    double: bool = False


@dataclass(kw_only=True)
class TreeCase:
    """A problem and a nest on memories around an adder-tree array."""

    problem: Problem
    above: list[Part]
    rows: list[tuple[str, int]]
    columns: list[tuple[str, int]]
    size: tuple[int, int]
    multicast: frozenset[str] | None
    network: dict[str, Fraction]
    below: list[Part]

    def __str__(self) -> str:
        lines = [str(dict(self.problem.bounds))]
        lines += [str(part) for part in self.above]
        lines += [f"array {self.size} rows {self.rows} columns {self.columns} multicast {self.multicast}"]
        lines += [str(part) for part in self.below] + [str(self.network)]
        return "\n".join(lines)

    @property
    def array(self) -> int:
        """Level of the array."""
        return len(self.above)

    def lower(self) -> tuple[_core.Problem, _core.Architecture, _core.Mapping]:
        """Return the core's problem, architecture and mapping."""
        dims = list(self.problem.bounds)

        def memory(part: Part) -> _core.Memory:
            def rate(bandwidth: Fraction | None) -> float | None:
                return None if bandwidth is None else float(bandwidth)

            return _core.Memory(
                name=part.name,
                capacity_words=None,
                word_bits=16,
                keeps=nests.role_mask(part.keeps),
                read_energy=1,
                write_energy=1,
                read_bandwidth=rate(part.read),
                write_bandwidth=rate(part.write),
                shared_bandwidth=rate(part.shared),
                buffering=_core.Buffering.double if part.double else _core.Buffering.single,
            )

        array = _core.Array(
            name="tree",
            rows=self.size[0],
            columns=self.size[1],
            multicast=None if self.multicast is None else sorted(self.multicast),
            reduce=None,
            forwards=0,
            charge=[_core.Charge.none] * 3,
            energy=0,
            bandwidth=[float(self.network[role]) if role in self.network else None for role in ROLES],
        )

        def level(part: Part) -> tuple[list[tuple[int, int, int]], int]:
            return [(dims.index(dim), tile, 0) for dim, tile in part.loops], nests.role_mask(part.keeps)

        spread = [(dims.index(dim), tile, 0) for dim, tile in self.rows]
        spread += [(dims.index(dim), tile, 1) for dim, tile in self.columns]
        return (
            nests.lower_problem(self.problem),
            _core.Architecture([*map(memory, self.above), array, *map(memory, self.below)], 1.0),
            _core.Mapping([*map(level, self.above), (spread, 0), *map(level, self.below)]),
        )


# ------------------------------------------------------------------------------------------------------------
# Random cases

_SUMMED = "CRS"


def random_tree_case(choices: Choices, max_macs: int) -> TreeCase:
    """Return a random problem of at most `max_macs` MACs, memories, an array and a nest that it can hold."""
    problem = _problem(choices, max_macs)
    registers = choices.chance(60)
    above = _memories(choices)
    below = [
        Part(
            name="register", keeps=frozenset({"weights"}), double=choices.chance(70), write=_rate(choices, 20)
        )
    ][:registers]
    case = TreeCase(
        problem=problem,
        above=above,
        rows=[],
        columns=[],
        size=(1, 1),
        multicast=choices.pick(
            [
                None,
                frozenset("M"),
                frozenset(choices.some("NGMPQ", 50)),
                frozenset(choices.some("NGMCPQRS", 50)),
            ]
        ),
        network={role: rate for role in ROLES if (rate := _rate(choices, 10)) is not None},
        below=below,
    )
    used = _map(choices, case)
    case.size = (used[0] + choices.pick([0, 0, 1, 3]), used[1] + choices.pick([0, 0, 2]))
    return case


def _rate(choices: Choices, percent: int) -> Fraction | None:
    if not choices.chance(percent):
        return None
    return Fraction(choices.integer(1, 24), choices.pick([1, 1, 2, 4]))


def _problem(choices: Choices, room: int) -> Problem:
    bounds = {}
    left = room
    for dim in choices.shuffled("NGMCPQRS"):
        most = {"N": 2, "G": 2, "R": 3, "S": 3}.get(dim, 9)
        bounds[dim] = 1 if choices.chance(25) else choices.integer(1, min(most, left))
        left //= bounds[dim]
    if choices.chance(25):
        return matmul(
            batch=bounds["G"],
            rows=bounds["P"] * bounds["N"],
            columns=bounds["M"],
            inner=bounds["C"] * bounds["R"],
        )
    stride, dilation, padding = (
        (choices.integer(low, high), choices.integer(low, high)) for low, high in ((1, 3), (1, 2), (0, 2))
    )
    sizes = [
        max((bounds[out] - 1) * stride[axis] + (bounds[filt] - 1) * dilation[axis] + 1 - 2 * padding[axis], 1)
        for axis, (out, filt) in enumerate(("PR", "QS"))
    ]
    return convolution(
        batch=bounds["N"],
        groups=bounds["G"],
        out_channels=bounds["M"],
        in_channels=bounds["C"],
        out_size=(bounds["P"], bounds["Q"]),
        in_size=(sizes[0], sizes[1]),
        kernel=(bounds["R"], bounds["S"]),
        stride=stride,
        padding=padding,
        dilation=dilation,
    )


def _memories(choices: Choices) -> list[Part]:
    every = frozenset(ROLES)
    kind = choices.pick(["one", "nvdla", "diannao", "buffer"])
    kept = {
        "one": [every],
        "nvdla": [every, frozenset({"inputs", "weights"}), frozenset({"outputs"})],
        "diannao": [
            every,
            frozenset({"inputs"}),
            frozenset({"weights"}),
            frozenset({"outputs"}),
            frozenset({"outputs"}),
        ],
        "buffer": [every, every],
    }[kind]
    parts = []
    for number, keeps in enumerate(kept):
        part = Part(name=f"memory{number}", keeps=keeps)
        if choices.chance(30):
            part.shared = _rate(choices, 100)
        else:
            part.read, part.write = _rate(choices, 50), _rate(choices, 30)
        parts.append(part)
    return parts


def _map(choices: Choices, case: TreeCase) -> tuple[int, int]:
    """Cut every dim down to 1 over places drawn at random; return the rows and columns it takes."""
    used = [1, 1]
    memories = [*case.above, *case.below]
    loops: dict[int, list[tuple[str, int]]] = {n: [] for n in range(len(memories))}
    for dim, bound in case.problem.bounds.items():
        axis = 0 if dim in _SUMMED else 1
        split = case.rows if axis == 0 else case.columns
        tile = bound
        for n in range(len(memories)):
            if case.below and n == len(case.above):
                tile = _spread(choices, split, used, axis, dim, tile)
            while tile > 1 and choices.chance(35):
                tile = choices.integer(1, tile)
                loops[n].append((dim, tile))
        # Without registers the array is the innermost level: it ends with single indices or spreads nothing.
        if not case.below and tile > 1 and _fits(used, axis, tile) and choices.chance(60):
            used[axis] *= tile
            split.append((dim, 1))
        elif tile > 1:
            loops[len(memories) - 1].append((dim, 1))
    for n, part in enumerate(memories):
        part.loops = _interleave(choices, loops[n])
    return used[0], used[1]


def _fits(used: list[int], axis: int, trips: int) -> bool:
    return used[axis] * trips <= 12


def _spread(
    choices: Choices, split: list[tuple[str, int]], used: list[int], axis: int, dim: str, tile: int
) -> int:
    """Spread a dim, now and then in two loops; return the tile that is left of it."""
    for percent in (60, 20):
        if tile == 1 or not choices.chance(percent):
            break
        cut = choices.pick([1, choices.integer(1, tile)])
        if _fits(used, axis, -(-tile // cut)):
            used[axis] *= -(-tile // cut)
            split.append((dim, cut))
            tile = cut
    return tile


def _interleave(choices: Choices, loops: list[tuple[str, int]]) -> list[tuple[str, int]]:
    order = choices.shuffled([dim for dim, _ in loops])
    tiles = {dim: iter([t for d, t in loops if d == dim]) for dim in order}
    return [(dim, next(tiles[dim])) for dim in order]


# ------------------------------------------------------------------------------------------------------------
# The slow simulation


@dataclass
class Slow:
    """What the slow simulation found."""

    cycles: int = 0
    steps: int = 0
    macs: int = 0
    gated_macs: int = 0
    waits: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CAUSES, 0))
    counts: dict[tuple[str, int, str], int] = field(default_factory=dict)
    active: dict[Element, list[int]] = field(default_factory=dict)
    gated: dict[Element, int] = field(default_factory=dict)
    outputs: Any = None

    def add(self, kind: str, level: int, role: str, words: int) -> None:
        """Count words."""
        key = kind, level, role
        self.counts[key] = self.counts.get(key, 0) + words


def _cut(extent: tuple[int, int], tile: int, k: int) -> tuple[int, int]:
    first, size = extent
    return first + k * tile, max(min(size - k * tile, tile), 0)


def positions(case: TreeCase) -> Iterator[tuple[bool, dict[Element, Indices]]]:
    """Every position in order: whether a loop outside the array stepped, and the indices of each element."""
    outside = [loop for part in case.above for loop in part.loops]
    inside = [loop for part in case.below for loop in part.loops]
    whole = {dim: (0, bound) for dim, bound in case.problem.bounds.items()}

    def run(loops: list[tuple[str, int]], chunks: dict[str, tuple[int, int]]) -> Iterator[Any]:
        if not loops:
            yield chunks, []
            return
        (dim, tile), rest = loops[0], loops[1:]
        for k in itertools.count():
            part = _cut(chunks[dim], tile, k)
            if part[1] == 0:
                return
            for below, steps in run(rest, {**chunks, dim: part}):
                yield below, [k, *steps]

    def spread(chunks: dict[str, tuple[int, int]], loops: list[tuple[str, int]]) -> list[Any]:
        found = [chunks]
        extents = {dim: size for dim, (_, size) in full.items()}
        for dim, tile in loops:
            trips = -(-extents[dim] // tile)
            found = [{**c, dim: _cut(c[dim], tile, k)} for c in found for k in range(trips)]
            extents[dim] = min(tile, extents[dim])
        return found

    full = dict(whole)
    for dim, tile in outside:
        full[dim] = (0, min(full[dim][1], tile))
    for chunks, _ in run(outside, whole):
        elements = {
            (r, c): columns
            for r, rows in enumerate(spread(chunks, case.rows))
            for c, columns in enumerate(spread(rows, case.columns))
        }
        new = True
        for _, steps in run(inside, elements[0, 0]):
            at_work: dict[Element, Indices] = {}
            for element, given in elements.items():
                here = dict(given)
                for (dim, tile), k in zip(inside, steps, strict=True):
                    here[dim] = _cut(here[dim], tile, k)
                if all(size for _, size in here.values()):
                    at_work[element] = {dim: first for dim, (first, _) in here.items()}
            yield new, at_work
            new = False


def _word(problem: Problem, role: str, indices: Indices) -> Word | None:
    word = []
    for axis in problem.tensor(role).axes:
        coordinate = axis.offset + sum(factor * indices[dim] for dim, factor in axis.terms)
        if not 0 <= coordinate < axis.size:
            return None
        word.append(coordinate)
    return tuple(word)


def simulate(case: TreeCase, inputs: Any, weights: Any, gates: frozenset[str]) -> Slow:
    """Go through every position."""
    problem = case.problem
    slow = Slow(outputs=np.zeros([axis.size for axis in problem.tensor("outputs").axes], inputs.dtype))
    level = {role: max(n for n, part in enumerate(case.above) if role in part.keeps) for role in ROLES}
    register = next((n for n, part in enumerate(case.below) if "weights" in part.keeps), None)
    # Steps of each fold, so that the tile of a register is what its steps touch.
    folds: list[list[dict[Element, Indices]]] = []
    for new, at_work in positions(case):
        if new:
            folds.append([])
        folds[-1].append(at_work)

    def wires(wanted: dict[Element, set[Word]], role: str) -> int:
        """Words that leave the memory: once for all elements that differ in dims of multicast only."""
        if case.multicast is None:
            return len(set().union(*wanted.values()))
        found: set[tuple[Any, Word]] = set()
        for element, words in wanted.items():
            wire = _digits(case, element)
            key = tuple((dim, digit) for dim, digit in wire if dim not in case.multicast)
            found |= {(key, word) for word in words}
        return len(found)

    clock = Clock(case, level, register)
    held: dict[Element, set[Word]] = {}
    started: set[Word] = set()
    depth = 2 + math.ceil(math.log2(case.size[0]))
    for fold in folds:
        if register is not None:
            tiles: dict[Element, set[Word]] = {}
            for at_work in fold:
                for element, indices in at_work.items():
                    word = _word(problem, "weights", indices)
                    assert word is not None
                    tiles.setdefault(element, set()).add(word)
            lacked = {element: tile - held.get(element, set()) for element, tile in tiles.items()}
            held |= tiles
            sent = wires(lacked, "weights")
            slow.add("reads", level["weights"], "weights", sent)
            slow.add("writes", case.array + 1 + register, "weights", sum(map(len, lacked.values())))
            clock.load(sent, max(map(len, lacked.values())), slow.waits)
        for at_work in fold:
            slow.steps += 1
            asked: dict[str, int] = {}
            for role in ROLES[:2]:
                wanted = {
                    element: {word} if (word := _word(problem, role, indices)) is not None else set()
                    for element, indices in at_work.items()
                }
                if role == "weights" and register is not None:
                    slow.add("reads", case.array + 1 + register, role, len(at_work))
                else:
                    asked[role] = wires(wanted, role)
                    slow.add("reads", level[role], role, asked[role])
            sums: dict[Word, Any] = {}
            for element, indices in at_work.items():
                x = _word(problem, "inputs", indices)
                left = inputs.dtype.type(0) if x is None else inputs[x]
                right = weights[_word(problem, "weights", indices)]
                out = _word(problem, "outputs", indices)
                assert out is not None
                sums[out] = sums.get(out, 0) + left * right
                slow.macs += 1
                if ("inputs" in gates and left == 0) or ("weights" in gates and right == 0):
                    slow.gated_macs += 1
                    slow.gated[element] = slow.gated.get(element, 0) + 1
            begun = len(started & sums.keys())
            started |= sums.keys()
            for out, value in sums.items():
                slow.outputs[out] += value
            slow.add("reads", level["outputs"], "outputs", begun)
            slow.add("writes", level["outputs"], "outputs", len(sums))
            cycle = clock.step(asked, begun, len(sums), slow.waits)
            for element in at_work:
                slow.active.setdefault(element, []).append(cycle)
    slow.cycles = clock.now + depth - 1
    return slow


def _digits(case: TreeCase, element: Element) -> list[tuple[str, int]]:
    """The digit of an element in every spatial loop."""
    extents = dict(case.problem.bounds)
    for part in case.above:
        for dim, tile in part.loops:
            extents[dim] = min(extents[dim], tile)
    found = []
    for lane, loops in zip(element, (case.rows, case.columns), strict=True):
        rest = lane
        digits = []
        for dim, tile in loops:
            digits.append((dim, -(-extents[dim] // tile)))
            extents[dim] = min(tile, extents[dim])
        for dim, trips in reversed(digits):
            found.append((dim, rest % trips))
            rest //= trips
    return found


class Clock:
    """Time, a step and a load after the other."""

    def __init__(self, case: TreeCase, level: dict[str, int], register: int | None) -> None:
        self.now = 0
        self.double = register is not None and case.below[register].double
        self.register_write = None if register is None else case.below[register].write
        self.swapped: int | None = None  # when the registers in use got what they have
        self.spare: list[tuple[int, int, Fraction | None]] = []  # begin and end of a step, words left over
        # Ports: bandwidth, and what passes them.
        self.ports: list[tuple[Fraction, set[str]]] = []
        for n, part in enumerate(case.above):
            reads = {f"{role} read" for role in ROLES if level[role] == n}
            writes = {"outputs written"} if level["outputs"] == n else set()
            for rate, words in ((part.read, reads), (part.write, writes), (part.shared, reads | writes)):
                if rate is not None and words:
                    self.ports.append((rate, words))
        names = {"inputs": "inputs read", "weights": "weights read", "outputs": "outputs written"}
        self.ports += [(rate, {names[role]}) for role, rate in case.network.items()]

    def step(self, asked: dict[str, int], begun: int, sums: int, waits: dict[str, int]) -> int:
        """Do a step; return the cycle in which it enters the multipliers."""
        words = {f"{role} read": n for role, n in asked.items()}
        words |= {"outputs read": begun, "outputs written": sums}
        took, cause = 1, "bandwidth"
        for rate, passing in self.ports:
            cycles = math.ceil(sum(words.get(name, 0) for name in passing) / rate)
            if cycles > took:
                took = cycles
                roles = {name.split()[0] for name in passing}
                cause = (
                    {"inputs": "operand", "weights": "weights", "outputs": "sums"}[roles.pop()]
                    if len(roles) == 1
                    else "bandwidth"
                )
        left = [
            rate * took - sum(words.get(name, 0) for name in passing)
            for rate, passing in self.ports
            if "weights read" in passing
        ]
        self.spare.append((self.now, self.now + took, min(left) if left else None))
        self.now += took
        waits[cause] += took - 1
        return self.now - 1

    def load(self, words: int, most: int, waits: dict[str, int]) -> None:
        """Load registers, and begin the next fold."""
        start = self.now
        if words:
            begin = self.swapped if self.double and self.swapped is not None else self.now
            left, end = Fraction(words), None
            for _, after, spare in self.spare if self.double else []:
                left = Fraction(0) if spare is None else left - spare
                if left <= 0:
                    end = after
                    break
            if end is None:
                rates = [rate for rate, passing in self.ports if "weights read" in passing]
                end = self.now + (math.ceil(left / min(rates)) if rates else 1)
            end = max(end, begin + (math.ceil(most / self.register_write) if self.register_write else 1))
            start = max(start, end)
        waits["weights"] += start - self.now
        self.now = start
        if words:
            self.swapped, self.spare = start, []
