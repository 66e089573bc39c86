"""What bounds layers: by time, by the roofline of each memory, and by where the cycles of the PEs go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dnnaccel.cost import LayerReport

__all__ = ["Idle", "Roof", "bound_cycles", "idle", "roofs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Roof:
    """A layer under the roofline of one memory.

    `intensity` is MACs per byte that moves there, `ceiling` the MACs per cycle that its bandwidth allows at
    that intensity (None: it never limits), `achieved` those of the layer.
    """

    memory: str
    bytes: int
    intensity: float | None
    ceiling: float | None
    achieved: float
    peak: int

    @property
    def attainable(self) -> float:
        """MACs per cycle under the roof: the ceiling of bandwidth, or the peak."""
        return self.peak if self.ceiling is None else min(self.peak, self.ceiling)

    @property
    def reached(self) -> float:
        """Achieved over attainable."""
        return self.achieved / self.attainable if self.attainable else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Idle:
    """Where the cycles of all PEs go, as parts that sum to 1.

    `busy`: they compute. `edge`: they are given work, but the last tile of a dim does not fill them, or the
    array's steps are not all MACs. `fold`: the mapping leaves them out, as its loops over the array are
    shorter than its rows or columns. `stall`: the whole array waits for a memory, for the vector unit, or for
    the first and last tiles.
    """

    busy: float
    edge: float
    fold: float
    stall: float


def bound_cycles(layers: Sequence[LayerReport]) -> dict[str, int]:
    """Return the cycles of layers by what bounds them: "compute", a memory, an array, or "vector"."""
    split: dict[str, int] = {}
    for layer in layers:
        if layer.cycles:
            split[layer.bound_by] = split.get(layer.bound_by, 0) + layer.cycles
    return split


def roofs(layers: Sequence[LayerReport], memories: Sequence[str], peak: int) -> tuple[Roof, ...]:
    """Return where layers, as one, are under the roofline of each of `memories`.

    `peak` is the MACs per cycle of the chip with every PE busy.
    """
    macs = sum(layer.timed_macs for layer in layers)
    cycles = sum(layer.cycles for layer in layers)
    found = []
    for memory in memories:
        moved = sum(
            layer.traffic(memory, unit="bytes")
            for layer in layers
            if any(level.level == memory for level in layer.levels)
        )
        busy = sum(dict(layer.level_cycles).get(memory, 0) for layer in layers)
        found.append(
            Roof(
                memory=memory,
                bytes=moved,
                intensity=macs / moved if moved else None,
                ceiling=macs / busy if busy else None,
                achieved=macs / cycles if cycles else 0.0,
                peak=peak,
            )
        )
    return tuple(found)


def idle(layers: Sequence[LayerReport], pes: int) -> Idle:
    """Share out cycles x PEs of layers: all = stalls + left out + not filled + MACs."""
    total = sum(layer.cycles for layer in layers) * pes
    if not total:
        return Idle(busy=0.0, edge=0.0, fold=0.0, stall=0.0)
    busy = fold = stall = 0.0
    for layer in layers:
        computing = min(layer.compute_cycles, layer.cycles) if layer.macs else 0
        stall += (layer.cycles - computing) * pes
        fold += computing * (pes - layer.active_pes) if layer.macs else 0
        busy += layer.timed_macs
    edge = total - busy - fold - stall
    return Idle(busy=busy / total, edge=edge / total, fold=fold / total, stall=stall / total)
