"""Every point of a small mapspace, one by one: what `optimal` is held against.

Written from the rule of the mapspace alone. Each dim has a place in every memory that may split it (a
temporal one) and in the rows and the columns of every array that may (spatial ones), outermost first. A
fixed tile ends a segment of places: those down to its own cut what is left above them into chunks of it.
Within a segment of so many positions the spatial places, from the outside in, take a divisor of the
positions left, or an even share of them that fills the room, or, where they are more than the room and no
divisor takes three quarters of half of it, one that fills that half; the temporal places factor what is
left exactly. The tile of a place is the product of the factors inside it in its segment, times the fixed
tile there, or all that is left if that is less; factors that mean the same tiles are one chain. What all
dims spread along an axis has to fit it. Then come all orders of the loops that the rules allow, and all
choices of what is kept. Nothing is skipped, and each point is costed alone, without tables.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from dnnaccel import _core
from dnnaccel.arch import Array, Chip, Memory
from dnnaccel.mapspace import LevelRule
from dnnaccel.problem import ROLES, Problem

LoweredLoop = tuple[int, int, int]  # number of the dim, tile, axis
LoweredLevel = tuple[list[LoweredLoop], int]  # loops, and a bit for each role kept
Chain = tuple[int, ...]  # the tile that each place of a dim leaves, outermost first


@dataclass(frozen=True, slots=True)
class Place:
    """Where a dim may be split: a level, an axis and its room (None: temporal), and the tile fixed there."""

    level: int
    axis: int
    room: int | None
    fixed: int | None


class Cost(NamedTuple):
    """What a point costs, and how many MAC units are ever at work."""

    energy: float
    cycles: int
    units: int


def places_of(dim: str, chip: Chip, rules: Sequence[LevelRule]) -> list[Place]:
    """Where a dim may be split, outermost first; an axis of one instance is no place."""
    places = []
    for n, (level, rule) in enumerate(zip(chip.levels, rules, strict=True)):
        rooms = [None] if isinstance(level, Memory) else [level.rows, level.columns]
        for axis, (room, dims, tiles) in enumerate(zip(rooms, rule.dims, rule.tiles, strict=True)):
            if dim in dims and room != 1:
                places.append(Place(n, axis, room, tiles.get(dim)))
    return places


def spreads(positions: int, room: int) -> list[int]:
    """Numbers of instances over which so many positions may be spread along an axis with such room."""
    divisors = {n for n in range(1, min(positions, room) + 1) if positions % n == 0}
    widths = [room]
    half = room // 2
    if positions > room and half and not any(half * 3 / 4 <= n <= half for n in divisors):
        widths.append(half)
    shares = {math.ceil(positions / math.ceil(positions / min(width, positions))) for width in widths}
    return sorted(divisors | shares)


def factorisations(number: int, factors: int) -> Iterator[tuple[int, ...]]:
    """Every way to write a number as a product of so many factors, their order counted."""
    if factors == 0:
        if number == 1:
            yield ()
        return
    for first in range(1, number + 1):
        if number % first == 0:
            for rest in factorisations(number // first, factors - 1):
                yield (first, *rest)


def segment_factors(positions: int, rooms: Sequence[int | None]) -> Iterator[tuple[int, ...]]:
    """Every way to cut so many positions at the places of one segment: a factor for each."""
    spatial = [i for i, room in enumerate(rooms) if room is not None]
    temporal = [i for i, room in enumerate(rooms) if room is None]

    def spread(left: int, places: list[int], taken: dict[int, int]) -> Iterator[dict[int, int]]:
        if not places:
            for factors in factorisations(left, len(temporal)):
                yield taken | dict(zip(temporal, factors, strict=True))
            return
        room = rooms[places[0]]
        assert room is not None
        for n in spreads(left, room):
            yield from spread(math.ceil(left / n), places[1:], taken | {places[0]: n})

    for factors in spread(positions, spatial, {}):
        yield tuple(factors[i] for i in range(len(rooms)))


def chains_of(bound: int, places: Sequence[Place]) -> list[Chain]:
    """Every way to cut a dim at its places, down to single positions."""
    segments: list[list[Place]] = [[]]
    for place in places:
        segments[-1].append(place)
        if place.fixed is not None:
            segments.append([])
    chains: list[Chain] = [()]
    extent = bound
    for segment in segments:
        if not segment:  # the last place has a fixed tile
            return chains if extent == 1 else []
        fixed = segment[-1].fixed
        tile = 1 if fixed is None else min(fixed, extent)
        cuts = set()
        for factors in segment_factors(math.ceil(extent / tile), [place.room for place in segment]):
            inside = (math.prod(factors[i + 1 :]) * tile for i in range(len(factors)))
            cuts.add(tuple(min(extent, product) for product in inside))
        chains = [chain + cut for chain in chains for cut in sorted(cuts)]
        extent = tile
    return chains


def trips(bound: int, chain: Chain) -> list[int]:
    """Return how often each loop of a chain goes round, at most."""
    return [math.ceil(extent / tile) for extent, tile in zip((bound, *chain), chain, strict=False)]


class Mapspace:
    """All points that the rules leave open for a problem on a chip."""

    def __init__(self, problem: Problem, chip: Chip, rules: Sequence[LevelRule]) -> None:
        self.rules = rules
        self.bounds = [(i, dim, bound) for i, (dim, bound) in enumerate(problem.bounds.items()) if bound > 1]
        self.places = {i: places_of(dim, chip, rules) for i, dim, _ in self.bounds}
        self.chains = {i: chains_of(bound, self.places[i]) for i, _, bound in self.bounds}
        self.ranks = [
            {
                i: next((g + 1 for g, group in enumerate(rule.order) if dim in group), 0)
                for i, dim, _ in self.bounds
            }
            for rule in rules
        ]
        self.memories = [n for n, level in enumerate(chip.levels) if not isinstance(level, Array)]
        self.keeps = self._keeps()

    def _keeps(self) -> list[tuple[int, ...]]:
        """Return every choice of what the levels keep, as a mask of roles for each level."""
        always = [sum(1 << ROLES.index(role) for role in rule.keeps) for rule in self.rules]
        options = [(n, ROLES.index(role)) for n, rule in enumerate(self.rules) for role in rule.optional]
        found = []
        for chosen in itertools.product((0, 1), repeat=len(options)):
            masks = list(always)
            for (level, role), kept in zip(options, chosen, strict=True):
                masks[level] |= kept << role
            found.append(tuple(masks))
        return found

    def tilings(self) -> Iterator[list[list[LoweredLoop]]]:
        """Every choice of chains that fits the axes: the loops of each level, the orders of memories open."""
        rooms = {
            (place.level, place.axis): place.room
            for places in self.places.values()
            for place in places
            if place.room is not None
        }

        def cut(n: int, left: dict[tuple[int, int], int]) -> Iterator[list[tuple[int, int, Chain]]]:
            if n == len(self.bounds):
                yield []
                return
            i, _, bound = self.bounds[n]
            for chain in self.chains[i]:
                rest = dict(left)
                for place, count in zip(self.places[i], trips(bound, chain), strict=True):
                    if place.room is not None:
                        rest[place.level, place.axis] //= count
                if all(rest.values()):
                    for others in cut(n + 1, rest):
                        yield [(i, bound, chain), *others]

        for chosen in cut(0, rooms):
            loops: list[list[LoweredLoop]] = [[] for _ in self.rules]
            for i, bound, chain in chosen:
                for place, tile, count in zip(self.places[i], chain, trips(bound, chain), strict=True):
                    if count > 1:
                        loops[place.level].append((i, tile, place.axis))
            yield loops

    def orders(self, level: int, loops: list[LoweredLoop]) -> list[list[LoweredLoop]]:
        """Every order of a level's loops that its rule allows; those of an array have none."""
        if level not in self.memories:
            return [sorted(loops, key=lambda loop: loop[2])]
        by_rank = [itertools.permutations(group) for group in self._groups(level, loops)]
        return [list(itertools.chain.from_iterable(parts)) for parts in itertools.product(*by_rank)]

    def _groups(self, level: int, loops: list[LoweredLoop]) -> list[list[LoweredLoop]]:
        """Return a memory's loops, those together that may stand in any order, outermost first."""
        groups: dict[int, list[LoweredLoop]] = {}
        for loop in loops:
            groups.setdefault(self.ranks[level][loop[0]], []).append(loop)
        return [groups[rank] for rank in sorted(groups)]

    def fitting(self, limit: float = math.inf) -> int:
        """Return how many points fit the axes, or a number above the limit if more do."""
        points = 0
        for loops in self.tilings():
            groups = (group for n in self.memories for group in self._groups(n, loops[n]))
            points += math.prod(math.factorial(len(group)) for group in groups) * len(self.keeps)
            if points > limit:
                break
        return points

    def count(self) -> int:
        """Return the number of points, those that want more instances than an axis has among them."""
        # Chains with loops in the same memories have as many orders.
        kinds = []
        for i, _, bound in self.bounds:
            here: Counter[tuple[int, ...]] = Counter()
            for chain in self.chains[i]:
                steps = zip(self.places[i], trips(bound, chain), strict=True)
                here[tuple(p.level for p, count in steps if p.room is None and count > 1)] += 1
            kinds.append([(i, levels, chains) for levels, chains in here.items()])
        points = 0
        for chosen in itertools.product(*kinds):
            loops: Counter[tuple[int, int]] = Counter()  # by level and group
            loops.update((level, self.ranks[level][i]) for i, levels, _ in chosen for level in levels)
            orders = math.prod(map(math.factorial, loops.values()))
            points += orders * math.prod(chains for _, _, chains in chosen)
        return points * len(self.keeps)

    def mappings(self) -> Iterator[list[LoweredLevel]]:
        """Every point, lowered."""
        for loops in self.tilings():
            for ordered in itertools.product(*(self.orders(n, level) for n, level in enumerate(loops))):
                for keeps in self.keeps:
                    yield list(zip(ordered, keeps, strict=True))


def cost_one(
    problem: _core.Problem,
    architecture: _core.Architecture,
    mapping: _core.Mapping,
    sparsity: _core.Sparsity | None = None,
) -> Cost | None:
    """Return what a mapping costs, or None if it does not fit a memory."""
    found = _core.evaluate(problem, architecture, mapping, sparsity)
    if found.misfit is not None:
        return None
    return Cost(found.cost.energy, found.cost.cycles, found.counts.active_macs)


def cost_all(
    problem: _core.Problem,
    architecture: _core.Architecture,
    space: Mapspace,
    sparsity: _core.Sparsity | None = None,
) -> dict[Cost, list[_core.Mapping]]:
    """Cost every point of a mapspace: those that fit, by what they cost."""
    points: dict[Cost, list[_core.Mapping]] = {}
    for levels in space.mappings():
        mapping = _core.Mapping(levels)
        cost = cost_one(problem, architecture, mapping, sparsity)
        if cost is not None:
            points.setdefault(cost, []).append(mapping)
    return points
