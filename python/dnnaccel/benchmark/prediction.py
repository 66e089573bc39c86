"""What the cost model says of the kernels' own plans: their tiling as a mapping for `host_cpu`."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import starmap
from typing import TypeAlias

from dnnaccel.arch import Array, Chip, Memory
from dnnaccel.arch.host import HostFigures, chip_of
from dnnaccel.benchmark.limits import Limits
from dnnaccel.cost import LayerReport, evaluate
from dnnaccel.errors import MappingError
from dnnaccel.kernels import Conv2d, Linear
from dnnaccel.layers import Layer
from dnnaccel.mapping import LevelMapping, Loop, Mapping
from dnnaccel.problem import ROLES

__all__ = ["Prediction", "chip_within", "predict"]

Loops: TypeAlias = list[tuple[str, int]]

_L1_VALUES = 8192
"""Weights that pass through the first cache together: 32 KiB."""
_LEAST_PASS = 64
_LEAST_MEMORIES = 3
"""DRAM and two caches, between which blocks and panels are told apart."""
_PANEL, _TILE = 64, 6
"""Of products that do not say how they are tiled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What a layer takes on `host_cpu` under the tiling that a plan uses.

    `differs` says in which ways `mapping` is not quite what the plan does; "" if it is.
    """

    seconds: float
    bound_by: str
    mapping: Mapping
    differs: str


def chip_within(figures: HostFigures, limits: Limits) -> Chip:
    """Return `host_cpu` with as many cores as `limits` has threads, as fast as they were together."""
    memories = tuple(
        replace(
            memory,
            shared_by=min(memory.shared_by, limits.threads),
            read_bytes_per_second=measured.read / copies,
            write_bytes_per_second=measured.write / copies,
        )
        for memory, measured in zip(figures.memories, limits.memories, strict=True)
        for copies in [limits.threads if memory.shared_by == 1 else 1]
    )
    peak = limits.peak / 2 / limits.threads  # a multiply-accumulate is two operations
    return chip_of(replace(figures, cores=limits.threads, macs_per_second=peak, memories=memories))


def _memories(chip: Chip) -> list[Memory]:
    return [level for level in chip.levels if isinstance(level, Memory) and level.name != "registers"]


@functools.lru_cache(maxsize=64)
def _warm(chip: Chip, total_bytes: int) -> Chip:
    """Return the chip with memories outside that which holds so many bytes no slower than it."""
    memories = _memories(chip)
    fitting = [memory for memory in memories if memory.size_bytes is None or memory.size_bytes >= total_bytes]
    home = fitting[-1]
    if home is memories[0] or home.read_bytes_per_cycle is None or home.write_bytes_per_cycle is None:
        return chip
    changes: dict[str, object] = {}
    for memory in fitting[:-1]:
        if memory.bytes_per_cycle is not None:
            both = home.read_bytes_per_cycle + home.write_bytes_per_cycle
            changes[f"{memory.name}.bytes_per_cycle"] = both
        else:
            changes[f"{memory.name}.read_bytes_per_cycle"] = home.read_bytes_per_cycle
            changes[f"{memory.name}.write_bytes_per_cycle"] = home.write_bytes_per_cycle
    return chip.override(changes)


def predict(layer: Layer, plan: Conv2d | Linear, chip: Chip) -> Prediction | None:
    """Return what the cost model says of a plan of `layer` on `chip`, which is `host_cpu`.

    The plan's blocks of pixels, panels of output channels, passes over the weights and register tiles become
    the loops of a `Mapping`, which `evaluate` costs. A block that begins or ends within a row of the image
    becomes one of whole rows; and where a cache of the model, which holds all of a tile or none, is too small
    for what the plan works on (a real one holds what was used last), blocks become smaller or passes more.
    None for a plan that does not say how it is tiled, or if no such mapping fits.

    It is of a layer that runs again and again: what fits into a cache, weights included, is in it already, so
    that memories outside it are no slower than it.
    """
    pixels, channels, weights, tile = plan.operator.blocking
    told = pixels > 0
    if len(_memories(chip)) < _LEAST_MEMORIES:
        return None
    if not told:
        if not isinstance(plan, Linear):
            return None
        # The weights are read once, whatever the panels.
        pixels, channels, weights, tile = math.prod(plan.x_shape[:-1]), _PANEL, plan.x_shape[-1], _TILE
    chip = _warm(chip, 4 * (math.prod(plan.x_shape) + math.prod(plan.out_shape)) + plan.packed_bytes)
    nest = _Nest(layer, chip, channels, tile)
    most = min(pixels, nest.row * nest.bounds["P"]), min(weights, nest.weights)
    for block, taken in _smaller(*most, tile):
        report = nest.cost(block, taken)
        if report is None:
            continue
        assert report.seconds is not None  # host_cpu has a clock
        assert report.mapping is not None
        faults = {
            "panels of its own": not told,
            "blocks of whole rows": pixels % nest.row != 0,
            "smaller blocks": block < most[0],
            "more passes": taken < most[1],
        }
        return Prediction(
            seconds=report.seconds,
            bound_by=report.bound_by,
            mapping=report.mapping,
            differs=", ".join(fault for fault, is_so in faults.items() if is_so),
        )
    return None


def _smaller(pixels: int, weights: int, tile: int) -> Iterator[tuple[int, int]]:
    """Give sizes of a block and of a pass, the largest first."""
    yield pixels, weights
    while pixels > tile or weights > _LEAST_PASS:
        if pixels > tile:
            pixels = max(tile, pixels // 2)
        else:
            weights //= 2
        yield pixels, weights


class _Nest:
    """The loops of a plan, with names of the problem's dims."""

    def __init__(self, layer: Layer, chip: Chip, channels: int, tile: int) -> None:
        problem = layer.problem
        assert problem is not None  # of a convolution or a product
        self.layer = layer
        self.chip = chip
        self.bounds = dict(problem.bounds)
        self.levels = {level.name: level for level in chip.levels}
        self.memories = [level.name for level in _memories(chip)]  # the last cache is the innermost
        # A product with a matrix has its vectors along N.
        self.along = "Q" if self.bounds["P"] * self.bounds["Q"] > 1 else "N"
        self.row = self.bounds[self.along]
        self.weights = self.bounds["C"] * self.bounds["R"] * self.bounds["S"]
        self.channels = channels
        self.tile = min(tile, self.row)
        # Where groups are small, a panel has several.
        self.wide = "M" if self.bounds["M"] >= channels or self.bounds["G"] == 1 else "G"
        self.panel = channels if self.wide == "M" else max(1, channels // self.bounds["M"])

    def cost(self, pixels: int, weights: int) -> LayerReport | None:
        """Return what blocks of so many pixels and passes of so many weights take; None if they do not fit.

        The blocks follow one another above the outermost cache if that does not hold all of the layer.
        """
        outermost = self.memories[1::-1] if len(self.memories) > 3 else self.memories[:1]
        for outside in outermost:
            try:
                return evaluate(self.layer, self.chip, self._mapping(pixels, weights, outside))
            except MappingError:
                continue  # a tile that its cache does not hold
        return None

    def _mapping(self, pixels: int, weights: int, outside: str) -> Mapping:
        block = [
            ("P", max(1, pixels // self.row)),
            (self.along, min(pixels, self.row)),
            (self.wide, self.panel),
        ]
        shared, cores = self._share(block)
        depth = max(1, _L1_VALUES // self.channels)
        images = [("N", 1)] if self.along == "Q" else []
        groups = [("G", 1)] if self.wide == "M" else []
        lanes, units, beside = self._lanes()
        tile, held = self._registers(lanes)
        inside = [("P", 1), (self.along, tile), (self.wide, held), ("R", 1), ("S", 1), ("C", depth)]
        loops: dict[str, Loops] = {
            outside: [*images, *groups, *shared, *self._pass(weights)],
            "cores.rows": cores,
            self.memories[-2]: inside,
            self.memories[-1]: [("C", 1)],
            "registers": [(self.along, beside), (self.wide, lanes * units)],
            "simd.rows": [(self.wide, units), ("M", 1)] if self.wide == "G" else [("M", units)],
            "simd.columns": [(self.wide, 1), (self.along, 1)],
        }
        levels = []
        for level in self.levels.values():
            names = [level.name] if isinstance(level, Memory) else [axis for axis, _ in level.axes]
            keeps = frozenset(ROLES) if isinstance(level, Memory) else None
            if level.name == "registers" and self.wide == "G":
                keeps = frozenset({"weights", "outputs"})  # inputs go from the cache to one product each
            levels += [LevelMapping(name, tuple(starmap(Loop, loops.get(name, []))), keeps) for name in names]
        return Mapping(tuple(levels)).with_extents(self.bounds)

    def _share(self, block: Loops) -> tuple[Loops, Loops]:
        """Return the loops over blocks and panels, and what of them the cores share."""
        cores = self.levels.get("cores")
        rows = cores.rows if isinstance(cores, Array) else 1
        for at, (dim, tile) in enumerate(block):
            if rows > 1 and self.bounds[dim] >= rows * tile:
                return [*block[:at], (dim, tile * rows), *block[at + 1 :]], [(dim, tile)]
        return block, []

    def _pass(self, weights: int) -> Loops:
        """Return the loops over passes: of whole rows of the kernel, whole taps, or parts of the channels."""
        channels, columns = self.bounds["C"], self.bounds["S"]
        if weights >= self.weights:
            return []
        if weights >= channels * columns:
            return [("R", weights // (channels * columns))]
        if weights >= channels:
            return [("R", 1), ("S", weights // channels)]
        return [("R", 1), ("S", 1), ("C", weights)]

    def _registers(self, lanes: int) -> tuple[int, int]:
        """Return how many pixels, and how many of the wide dim, registers hold the sums of."""
        words = next(level.capacity_words for level in self.chip.memories if level.name == "registers")
        assert words is not None
        tile = max(1, min(self.tile, words // lanes - 1))
        return tile, min(self.panel, max(1, words // (tile + 1) // lanes) * lanes)

    def _lanes(self) -> tuple[int, int, int]:
        """Return how many of the wide dim are in a vector, and how many vectors and pixels at once."""
        simd = self.levels["simd"]
        assert isinstance(simd, Array)
        lanes = simd.rows if self.wide == "M" else max(1, simd.rows // self.bounds["M"])
        units = min(simd.columns, math.ceil(self.panel / lanes))
        return lanes, units, simd.columns // units
