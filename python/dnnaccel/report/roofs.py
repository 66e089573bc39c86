"""Where layers stand under a chip's rooflines, and where the cycles of its PEs go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dnnaccel.arch import Chip
    from dnnaccel.cost import LayerReport

__all__ = ["Idle", "Roof", "find_idle", "find_roofs"]


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


def find_roofs(layers: Sequence[LayerReport], chip: Chip) -> tuple[Roof, ...]:
    """Return where `layers`, taken together, stand under the roofline of each memory of the chip."""
    macs = sum(layer.timed_macs for layer in layers)
    cycles = sum(layer.cycles for layer in layers)
    found = []
    for memory in chip.memories:
        moved = sum(
            layer.traffic(memory.name, unit="bytes")
            for layer in layers
            if any(level.level == memory.name for level in layer.levels)
        )
        busy = sum(dict(layer.level_cycles).get(memory.name, 0) for layer in layers)
        found.append(
            Roof(
                memory=memory.name,
                bytes=moved,
                intensity=macs / moved if moved else None,
                ceiling=macs / busy if busy else None,
                achieved=macs / cycles if cycles else 0.0,
                peak=chip.peak_macs_per_cycle,
            )
        )
    return tuple(found)


def find_idle(layers: Sequence[LayerReport], chip: Chip) -> Idle:
    """Share out the PE-cycles: whole cycles x PEs = stalls + left out + not filled + MACs."""
    pes = chip.peak_macs_per_cycle
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
