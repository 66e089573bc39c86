"""The walker: what a tiled loop nest reads and writes, counted by walking it.

This is the slow, obvious version that *defines* the access counts (DESIGN.md section 4); the closed form must
equal it word for word. It steps through every temporal position, holds the tile of every instance of every
memory as a set of coordinates, and carries every partial sum as a number (each MAC adds 1), so that it can
assert what no formula sees: that at the end every output holds exactly its MACs, that no begun sum is handed
out twice, that no word is sent by a memory that does not hold it. It imports nothing of the package.

In::

    problem = {"bounds": {"P": 4, "R": 3, ...},
               "tensors": [{"name": "inputs", "role": "inputs",
                            "axes": [{"terms": [["P", 1], ["R", 1]], "size": 6, "offset": 0}, ...]}, ...]}
    levels = [{"kind": "memory", "name": "ram", "keeps": {"inputs", ...}, "loops": [("P", 3), ...]},
              {"kind": "fanout", "name": "row", "loops": [("P", 1)],
               "multicast": {"P"}, "reduce": {"C"}, "forwards": {"inputs"}}, ...]

Outermost first, loops too; a loop (dim, tile) cuts the extent it is given into chunks of `tile`, the last one
short. A memory's loops are temporal and run below its storage, a fan-out's loops are spatial; compute follows
the last level. An axis holds the coordinates {sum of coefficient * index + offset} that lie in [0, size).

Out: see `walk`. All counts are words, summed over the instances of a level.
"""

from __future__ import annotations

import itertools
import random
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import ceil, prod
from typing import Any

Word = tuple[int, ...]  # a coordinate of a tensor
Instance = tuple[int, ...]  # one index per spatial split above a level
Position = tuple[int, ...]  # one index per temporal loop of the nest
Tile = frozenset[Word]

NOTHING: Tile = frozenset()


def walk(problem: Mapping[str, Any], levels: list[dict[str, Any]]) -> dict[str, Any]:
    """Walk the nest and count every word that moves.

    Returns
    -------
    dict
        - ``macs``
        - ``steps``: temporal positions of the whole nest, in lockstep
        - ``levels``: {(memory, role): {"reads", "writes", "tile"}} for every memory that keeps the role;
          "tile" is the largest that any instance holds
        - ``fanouts``: {(fanout, role): {"sent", "delivered"}}; of operands the words that enter the fan-out
          from above and leave it below, of outputs the sums that leave it above and enter it below
        - ``hops``: {operand role: words received that the parent did not send}; also among the child's reads
    """
    nest = Nest(problem, levels)
    outputs = [Outputs(nest, tensor) for tensor in problem["tensors"] if tensor["role"] == "outputs"]
    operands = [Operand(nest, tensor) for tensor in problem["tensors"] if tensor["role"] != "outputs"]
    assert len(outputs) == 1, "one output tensor"
    tensors = [*operands, *outputs]
    assert len({tensor.role for tensor in tensors}) == len(tensors), "roles must differ"

    macs = steps = 0
    before: Position = ()
    for position in nest.positions():
        # The outermost loop that stepped: levels below it are at a new position. -1: all are at their first.
        changed = [n for n, (old, new) in enumerate(zip(before, position, strict=False)) if old != new]
        stepped = changed[0] if changed else -1
        for tensor in tensors:
            tensor.step(position, stepped)
        macs += sum(nest.chunks(len(levels), position, i) is not None for i in nest.instances(len(levels)))
        steps += 1
        before = position
    outputs[0].finish()
    assert macs == prod(problem["bounds"].values()), "the nest does not cover the problem once"

    result: dict[str, Any] = {"macs": macs, "steps": steps, "levels": {}, "fanouts": {}, "hops": {}}
    for tensor in tensors:
        for site in tensor.sites:
            if site.level < len(levels):
                counts = {"reads": site.reads, "writes": site.writes, "tile": site.largest}
                result["levels"][levels[site.level]["name"], tensor.role] = counts
        for network in tensor.networks:
            for n, fanout in enumerate(network.fanouts):
                counts = {"sent": network.crossed[n], "delivered": network.crossed[n + 1]}
                result["fanouts"][levels[fanout]["name"], tensor.role] = counts
        if tensor.role != "outputs":
            result["hops"][tensor.role] = sum(network.hops for network in tensor.networks)
    return result


# ------------------------------------------------------------------------------------------------------------
# The nest: positions, instances, chunks


@dataclass(frozen=True)
class Loop:
    dim: str
    tile: int
    level: int
    spatial: bool
    slot: int  # where its index stands: in the instance if spatial, in the position if temporal


class Nest:
    """The loops in one row, and which part of the problem an instance works on at a position."""

    def __init__(self, problem: Mapping[str, Any], levels: list[dict[str, Any]]) -> None:
        self.bounds: dict[str, int] = dict(problem["bounds"])
        self.levels = levels
        roles = {tensor["role"] for tensor in problem["tensors"]}
        assert levels[0]["kind"] == "memory", "outermost is a memory"
        assert roles <= set(levels[0]["keeps"]), "the outermost memory keeps every tensor"
        assert len({level["name"] for level in levels}) == len(levels), "level names must differ"
        self.loops: list[Loop] = []
        slots = {True: 0, False: 0}
        for number, level in enumerate(levels):
            spatial = {"memory": False, "fanout": True}[level["kind"]]
            for dim, tile in level["loops"]:
                assert dim in self.bounds, dim
                assert tile >= 1, tile
                self.loops.append(Loop(dim, tile, number, spatial, slots[spatial]))
                slots[spatial] += 1
        # Instances of each split: the chunks of the fullest extent it is given (all indices outside it 0).
        extent = dict(self.bounds)
        self.fan: list[int] = []
        for loop in self.loops:
            if loop.spatial:
                self.fan.append(ceil(extent[loop.dim] / loop.tile))
            extent[loop.dim] = min(extent[loop.dim], loop.tile)
        assert set(extent.values()) <= {1}, f"chunks left after all loops: {extent}"
        below = range(len(levels) + 1)  # compute is one more
        self.temporal_above = [sum(x.level < n and not x.spatial for x in self.loops) for n in below]
        self.spatial_above = [sum(x.level < n and x.spatial for x in self.loops) for n in below]
        self._chunks: dict[tuple[int, Position, Instance], dict[str, range] | None] = {}

    def instances(self, level: int) -> list[Instance]:
        return list(itertools.product(*(range(n) for n in self.fan[: self.spatial_above[level]])))

    def positions(self) -> Iterator[Position]:
        """All temporal positions in order; each loop runs as often as instance 0, the fullest, needs."""

        def descend(rest: list[Loop], extent: dict[str, int], position: Position) -> Iterator[Position]:
            if not rest:
                yield position
                return
            loop, *inner = rest
            size, tile = extent[loop.dim], loop.tile
            for k in range(1 if loop.spatial else ceil(size / tile)):
                chunk = {**extent, loop.dim: min(size - k * tile, tile)}
                yield from descend(inner, chunk, position if loop.spatial else (*position, k))

        return descend(self.loops, self.bounds, ())

    def chunks(self, level: int, position: Position, instance: Instance) -> dict[str, range] | None:
        """The indices of every dim that an instance of `level` works on; None if it idles."""
        key = level, position[: self.temporal_above[level]], instance
        if key not in self._chunks:
            self._chunks[key] = self._find_chunks(*key)
        return self._chunks[key]

    def _find_chunks(self, level: int, position: Position, instance: Instance) -> dict[str, range] | None:
        chunks = {dim: range(bound) for dim, bound in self.bounds.items()}
        for loop in self.loops:
            if loop.level < level:
                k = instance[loop.slot] if loop.spatial else position[loop.slot]
                chunks[loop.dim] = chunks[loop.dim][k * loop.tile : (k + 1) * loop.tile]
                if not chunks[loop.dim]:
                    return None
        return chunks


# ------------------------------------------------------------------------------------------------------------
# Storage of one tensor at one level, and the network between two of them


@dataclass
class Site:
    """Every instance of one keeper of a tensor (compute is the last keeper, and keeps nothing)."""

    level: int
    temporal: int  # temporal loops above it
    instances: list[Instance]
    held: dict[Instance, Tile] = field(default_factory=dict)  # the tile each instance held last
    sums: dict[Instance, dict[Word, int]] = field(default_factory=dict)  # begun partial sums (outputs)
    lent: dict[Instance, dict[Word, Instance]] = field(default_factory=dict)  # begun sums a child has now
    reads: int = 0
    writes: int = 0
    largest: int = 0

    def hold(self, instance: Instance, tile: Tile) -> None:
        self.held[instance] = tile
        self.largest = max(self.largest, len(tile))


class Network:
    """The fan-outs between a parent keeper and its child keeper.

    Link 0 leaves the parent, link j lies below the j-th fan-out, the last link enters the children. A word
    passes link j once for every index of the splits above it and of those splits below it that cannot share.
    """

    def __init__(self, nest: Nest, role: str, parent: Site, child: Site) -> None:
        levels = range(parent.level, child.level)
        self.fanouts = [n for n in levels if nest.levels[n]["kind"] == "fanout"]
        self.above = nest.spatial_above[parent.level]  # so many indices of a child's instance name its parent
        self.crossed = [0] * (len(self.fanouts) + 1)
        self.hops = 0
        share = "reduce" if role == "outputs" else "multicast"
        splits = [loop for loop in nest.loops if loop.spatial and loop.level in self.fanouts]
        self.stage = {loop.slot: self.fanouts.index(loop.level) + 1 for loop in splits}
        self.shares = {loop.slot: loop.dim in nest.levels[loop.level][share] for loop in splits}
        forwarding = [n for n in self.fanouts if role in nest.levels[n]["forwards"]]
        self.forwards = bool(forwarding) and role != "outputs" and child.level < len(nest.levels)
        if self.forwards:
            assert all(x.level in forwarding for x in splits), f"{role}: forwarding and other splits mixed"

    def parent(self, instance: Instance) -> Instance:
        return instance[: self.above]

    def wire(self, link: int, instance: Instance) -> Instance:
        """Where on a link the words of an instance pass; its first indices name the parent."""
        return tuple(
            index
            for slot, index in enumerate(instance)
            if slot < self.above or self.stage[slot] <= link or not (self.shares[slot] or self.forwards)
        )

    def branch(self, link: int, instance: Instance) -> Instance:
        """All instances below the same point of a link have the same branch."""
        return tuple(
            index for slot, index in enumerate(instance) if slot < self.above or self.stage[slot] <= link
        )

    def passing(
        self,
        link: int,
        wanted: Mapping[Instance, Iterable[Word]],
        before: Mapping[Instance, Tile] | None = None,
    ) -> set[tuple[Instance, Word]]:
        """The words on every wire of a link. A forwarding network gives `before`, the tiles that the working
        instances held before the step: a word that one below the same point of the link held stays off it.
        """
        siblings: dict[Instance, set[Word]] = defaultdict(set)
        for instance, tile in (before or {}).items():
            siblings[self.branch(link, instance)] |= tile
        return {
            (self.wire(link, instance), word)
            for instance, words in wanted.items()
            for word in words
            if word not in siblings[self.branch(link, instance)]
        }


class Tensor(ABC):
    """One tensor: its keepers, outermost first and compute last, and the networks between them."""

    def __init__(self, nest: Nest, tensor: Mapping[str, Any]) -> None:
        self.nest = nest
        self.role: str = tensor["role"]
        self.axes = tensor["axes"]
        dims = [dim for axis in self.axes for dim, _ in axis["terms"]]
        assert len(set(dims)) == len(dims), f"{self.role}: a dim on two axes"
        compute = len(nest.levels)
        keepers = [
            n
            for n, level in enumerate(nest.levels)
            if level["kind"] == "memory" and self.role in level["keeps"]
        ]
        self.sites = [Site(n, nest.temporal_above[n], nest.instances(n)) for n in [*keepers, compute]]
        self.networks = [Network(nest, self.role, p, c) for p, c in itertools.pairwise(self.sites)]
        self._tiles: dict[tuple[range, ...], Tile] = {}

    def tile(self, site: Site, position: Position, instance: Instance) -> Tile | None:
        """The words that an instance's iterations touch at a position; None if it idles."""
        chunks = self.nest.chunks(site.level, position, instance)
        if chunks is None:
            return None
        key = tuple(chunks[dim] for axis in self.axes for dim, _ in axis["terms"])
        if key not in self._tiles:
            sets = [coordinates(axis, chunks) for axis in self.axes]
            self._tiles[key] = frozenset(itertools.product(*sets))
        return self._tiles[key]

    @abstractmethod
    def step(self, position: Position, stepped: int) -> None:
        """Go to the next position of the nest; `stepped` is the outermost temporal loop that moved, or -1."""

    def tiles(self, site: Site, position: Position) -> dict[Instance, Tile]:
        """The tiles of the instances that work."""
        found = {instance: self.tile(site, position, instance) for instance in site.instances}
        return {instance: tile for instance, tile in found.items() if tile is not None}


def coordinates(axis: Mapping[str, Any], chunks: Mapping[str, range]) -> set[int]:
    """The coordinates on one axis that the chunks touch, without padding."""
    touched = {axis["offset"]}
    for dim, coefficient in axis["terms"]:
        touched = {x + coefficient * index for x in touched for index in chunks[dim]}
    return {x for x in touched if 0 <= x < axis["size"]}


# ------------------------------------------------------------------------------------------------------------
# Operands go down


class Operand(Tensor):
    def step(self, position: Position, stepped: int) -> None:
        top = self.sites[0]
        if stepped < 0:
            for instance, tile in self.tiles(top, position).items():
                top.hold(instance, tile)
        for network, (parent, child) in zip(self.networks, itertools.pairwise(self.sites), strict=True):
            if stepped < child.temporal:
                self.fill(network, parent, child, position)

    def fill(self, network: Network, parent: Site, child: Site, position: Position) -> None:
        """Each working instance receives the words that its new tile has and the one it held had not."""
        new = self.tiles(child, position)
        old = {instance: child.held.get(instance, NOTHING) for instance in new}
        wanted = {instance: tile - old[instance] for instance, tile in new.items()}
        links = range(len(network.crossed))
        passing = [network.passing(link, wanted, old if network.forwards else None) for link in links]
        for link in links:
            network.crossed[link] += len(passing[link])
        for wire, word in passing[0]:
            assert word in parent.held[network.parent(wire)], "the parent sends a word that it does not hold"
        received = sum(len(words) for words in wanted.values())
        assert received == len(passing[-1])
        parent.reads += len(passing[0])
        child.writes += received
        if network.forwards:
            hops = received - len(passing[0])
            network.hops += hops
            child.reads += hops
        if child is not self.sites[-1]:  # compute keeps nothing
            for instance, tile in new.items():
                child.hold(instance, tile)


# ------------------------------------------------------------------------------------------------------------
# Partial sums go up, and come back


class Outputs(Tensor):
    def __init__(self, nest: Nest, tensor: Mapping[str, Any]) -> None:
        super().__init__(nest, tensor)
        for axis in self.axes:
            ((dim, coefficient),) = axis["terms"]
            assert (coefficient, axis["offset"], axis["size"]) == (1, 0, nest.bounds[dim]), axis
        for site in self.sites:
            site.sums = {instance: {} for instance in site.instances}
            site.lent = {instance: {} for instance in site.instances}

    def step(self, position: Position, stepped: int) -> None:
        top, *memories = self.sites[:-1]
        if stepped < 0:
            for instance, tile in self.tiles(top, position).items():
                top.hold(instance, tile)
        moved = [n for n, site in enumerate(memories, start=1) if stepped < site.temporal]
        new = {n: self.tiles(self.sites[n], position) for n in moved}
        self.drain({n: self.leaving(n, new[n]) for n in moved})
        for n in moved:
            self.visit(n, new[n])
        self.compute(position)

    def finish(self) -> None:
        """The last drain, and what every output must hold then."""
        self.drain({n: set(self.sites[n].held) for n in range(1, len(self.sites) - 1)})
        top = self.sites[0]
        mine = {dim for axis in self.axes for dim, _ in axis["terms"]}
        each = prod(bound for dim, bound in self.nest.bounds.items() if dim not in mine)
        every = itertools.product(*(range(axis["size"]) for axis in self.axes))
        assert top.sums == {(): dict.fromkeys(every, each)}, "an output does not hold exactly its MACs"
        for site in self.sites[1:]:
            assert not site.held
            assert not any(site.sums.values()), "a partial sum was left behind"
        assert not any(any(site.lent.values()) for site in self.sites), "a lent sum never came back"

    def leaving(self, n: int, new: Mapping[Instance, Tile]) -> set[Instance]:
        """The instances whose tile moves (an idle instance keeps its tile, and what it has summed)."""
        held = self.sites[n].held
        moving = {instance for instance, tile in new.items() if instance in held and held[instance] != tile}
        for instance in moving:
            assert not held[instance] & new[instance], "output tiles are the same or disjoint"
        return moving

    def drain(self, leaving: Mapping[int, set[Instance]]) -> None:
        """Those that leave their tile send it up; a parent that leaves takes its children's sums first."""
        leaving = {n: set(instances) for n, instances in sorted(leaving.items())}
        for outer, inner in itertools.combinations(leaving, 2):
            above = self.networks[outer].above  # indices that name an instance of the outer keeper
            for instance in self.sites[inner].held:
                if instance[:above] in leaving[outer]:
                    leaving[inner].add(instance)
        for n in sorted(leaving, reverse=True):  # innermost first
            site = self.sites[n]
            cargo = {}
            for instance in sorted(leaving[n]):
                assert site.sums[instance].keys() == site.held[instance], "drained before it was all begun"
                cargo[instance] = site.sums[instance]
                site.sums[instance] = {}
                del site.held[instance]
                site.reads += len(cargo[instance])
            self.collect(n, cargo)

    def collect(self, n: int, cargo: Mapping[Instance, Mapping[Word, int]]) -> None:
        """Sums go from keeper n to its parent: added on the way where the network can, in place where not."""
        network, parent = self.networks[n - 1], self.sites[n - 1]
        for link in range(len(network.crossed)):
            network.crossed[link] += len(network.passing(link, cargo))
        arriving: dict[tuple[Instance, Word], int] = defaultdict(int)
        for instance, sums in cargo.items():
            for word, value in sums.items():
                arriving[network.wire(0, instance), word] += value
                lent = parent.lent[network.parent(instance)]
                if lent.get(word) == instance:
                    del lent[word]
        for (wire, word), value in arriving.items():
            sums = parent.sums[network.parent(wire)]
            if word in sums:
                parent.reads += 1
            parent.writes += 1
            sums[word] = sums.get(word, 0) + value

    def visit(self, n: int, new: Mapping[Instance, Tile]) -> None:
        """Instances begin a tile: a begun sum is handed to the first that wants it, the others start at 0."""
        site = self.sites[n]
        begins = {instance: tile for instance, tile in new.items() if instance not in site.held}
        for instance, tile in begins.items():
            site.hold(instance, tile)
        for instance, word, value in self.hand_down(n, begins):
            site.sums[instance][word] = value
            site.writes += 1

    def hand_down(
        self, n: int, wanted: Mapping[Instance, Iterable[Word]]
    ) -> list[tuple[Instance, Word, int]]:
        """Take every wanted sum that keeper n's parent has begun out of it: one read, one receiver each."""
        network, parent = self.networks[n - 1], self.sites[n - 1]
        handed = []
        taken: dict[tuple[Instance, Word], Instance] = {}
        for instance, words in sorted(wanted.items()):
            place = network.parent(instance)
            for word in words:
                assert word in parent.held[place], "a sum is asked of a parent that does not hold its tile"
                if (place, word) in taken:
                    continue
                assert word not in parent.lent[place], "a begun sum is wanted while another instance has it"
                if word in parent.sums[place]:
                    taken[place, word] = instance
                    parent.lent[place][word] = instance
                    parent.reads += 1
                    handed.append((instance, word, parent.sums[place].pop(word)))
        return handed

    def compute(self, position: Position) -> None:
        """Each MAC adds 1 to the sum it was handed, or to 0, and sends it up."""
        n = len(self.sites) - 1
        working = self.tiles(self.sites[n], position)
        assert all(len(tile) == 1 for tile in working.values())
        cargo = {instance: dict.fromkeys(tile, 1) for instance, tile in working.items()}
        for instance, word, value in self.hand_down(n, working):
            cargo[instance][word] += value
        self.collect(n, cargo)


# ------------------------------------------------------------------------------------------------------------
# Random nests


def random_case(rng: random.Random, *, max_macs: int = 3000) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A random problem of at most `max_macs` MACs and a random nest for it."""
    while True:
        problem = rng.choice([_general, _general, _window, _matmul])(rng)
        if prod(problem["bounds"].values()) > max_macs:
            continue
        levels = _random_levels(rng, problem)
        nest = Nest(problem, levels)
        # Lockstep over edges can take far more lane-steps than MACs: such a nest is slow and teaches nothing.
        if len(nest.instances(len(levels))) * sum(1 for _ in nest.positions()) <= 4 * max_macs:
            return problem, levels


def _axis(*terms: tuple[str, int], size: int, offset: int = 0) -> dict[str, Any]:
    return {"terms": [list(term) for term in terms], "size": size, "offset": offset}


def _tensor(role: str, *axes: dict[str, Any]) -> dict[str, Any]:
    return {"name": role, "role": role, "axes": list(axes)}


def _convolution(rng: random.Random, bounds: dict[str, int], dilations: int, paddings: int) -> dict[str, Any]:
    def plain(*dims: str) -> list[dict[str, Any]]:
        return [_axis((dim, 1), size=bounds[dim]) for dim in dims]

    def sliding(out: str, filt: str) -> dict[str, Any]:
        stride, dilation, padding = rng.randint(1, 3), rng.randint(1, dilations), rng.randint(0, paddings)
        size = (bounds[out] - 1) * stride + (bounds[filt] - 1) * dilation + 1 - 2 * padding
        if rng.random() < 0.3:  # an input cut short (its end is padding too), or with rows that nobody wants
            size += rng.randint(-3, 3)
        return _axis((out, stride), (filt, dilation), size=max(size, 1), offset=-padding)

    return {
        "bounds": bounds,
        "tensors": [
            _tensor("inputs", *plain("N", "G", "C"), sliding("P", "R"), sliding("Q", "S")),
            _tensor("weights", *plain("G", "M", "C", "R", "S")),
            _tensor("outputs", *plain("N", "G", "M", "P", "Q")),
        ],
    }


def _general(rng: random.Random) -> dict[str, Any]:
    bounds = {dim: rng.choice([1, rng.randint(1, 7), rng.randint(1, 4)]) for dim in "NGMCPQRS"}
    return _convolution(rng, bounds, dilations=2, paddings=2)


def _window(rng: random.Random) -> dict[str, Any]:
    bounds = {dim: rng.choice([1, 1, 2, 3]) for dim in "NGMCPQRS"}
    bounds["P"], bounds["R"] = rng.randint(2, 14), rng.randint(1, 5)
    return _convolution(rng, bounds, dilations=3, paddings=3)


def _matmul(rng: random.Random) -> dict[str, Any]:
    dims = rng.choice(["NMC", "GNMC"])
    bounds = {dim: rng.randint(1, 16) for dim in dims}

    def over(role: str, which: str) -> dict[str, Any]:
        return _tensor(role, *(_axis((dim, 1), size=bounds[dim]) for dim in which if dim in dims))

    return {
        "bounds": bounds,
        "tensors": [over("inputs", "GNC"), over("weights", "GCM"), over("outputs", "GNM")],
    }


def _random_levels(rng: random.Random, problem: Mapping[str, Any]) -> list[dict[str, Any]]:
    roles = ["inputs", "weights", "outputs"]
    levels: list[dict[str, Any]] = []
    for number in range(rng.randint(2, 4)):
        keeps = {role for role in roles if number == 0 or rng.random() < 0.7}
        levels.append({"kind": "memory", "name": f"memory{number}", "keeps": keeps, "loops": []})
        lanes = "xy"[: rng.choice([0, 1, 1, 2])]
        levels += [{"kind": "fanout", "name": f"fanout{number}{lane}", "loops": []} for lane in lanes]

    perfect = rng.random() < 0.35  # the whole nest; otherwise split by split
    for dim, bound in problem["bounds"].items():
        tile = bound
        places = sorted(rng.choices(range(len(levels)), k=rng.randint(1, 5)))
        for place in places[:-1]:
            divisors = [t for t in range(1, tile + 1) if tile % t == 0]
            tile = rng.choice(divisors if perfect or rng.random() < 0.3 else range(1, tile + 1))
            levels[place]["loops"].append((dim, tile))
        if tile > 1 or rng.random() < 0.3:  # a loop of one trip now and then
            levels[places[-1]]["loops"].append((dim, 1))

    for level in levels:
        level["loops"] = _interleave(rng, level["loops"])
        if level["kind"] == "fanout":
            share = rng.choice([0.0, 0.5, 1.0])
            level["multicast"] = {dim for dim in problem["bounds"] if rng.random() < share}
            level["reduce"] = {dim for dim in problem["bounds"] if rng.random() < share}
            level["forwards"] = set()
    for role in roles[:2]:
        for run in _runs(levels, role):  # all fan-outs between two keepers forward, or none
            if rng.random() < 0.3:
                for level in run:
                    level["forwards"].add(role)
    return levels


def _interleave(rng: random.Random, loops: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """The loops of one level in random order, those of one dim in theirs."""
    order = [dim for dim, _ in loops]
    rng.shuffle(order)
    tiles = {dim: iter([t for d, t in loops if d == dim]) for dim in order}
    return [(dim, next(tiles[dim])) for dim in order]


def _runs(levels: list[dict[str, Any]], role: str) -> list[list[dict[str, Any]]]:
    """The fan-outs between consecutive keepers of a role."""
    runs: list[list[dict[str, Any]]] = []
    for level in levels:
        if level["kind"] == "fanout":
            runs[-1].append(level)
        elif role in level["keeps"]:
            runs.append([])
    return runs
