"""Layers under the roofline of each memory of a chip."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dnnaccel._text import clean
from dnnaccel._units import count, percent
from dnnaccel.bounds import roofs
from dnnaccel.report.html.plots import ScatterPoint, roofline
from dnnaccel.report.html.shell import panels, paragraph

if TYPE_CHECKING:
    from dnnaccel.arch import Chip, Memory
    from dnnaccel.cost import LayerReport

__all__ = ["rooflines"]


def rooflines(layers: Sequence[LayerReport], chip: Chip) -> list[str]:
    """Return a sentence, and a chart for each memory of `chip` with every layer that has MACs."""
    shown = [layer for layer in layers if layer.macs and layer.cycles and layer.timed_macs]
    memories = [memory.name for memory in chip.memories]
    found = {
        layer.name: {roof.memory: roof for roof in roofs([layer], memories, chip.peak_macs_per_cycle)}
        for layer in shown
    }
    drawn = []
    for memory in chip.memories:
        points = []
        for layer in shown:
            roof = found[layer.name][memory.name]
            if roof.intensity:
                note = f"{percent(roof.reached)} % of its roof; bound by {clean(layer.bound_by)}"
                points.append(
                    ScatterPoint(
                        roof.intensity,
                        roof.achieved,
                        clean(layer.name),
                        note,
                        group="bound here" if layer.bound_by == memory.name else "bound elsewhere",
                    )
                )
        if points:
            width = _bandwidth(memory, chip)
            drawn.append(
                roofline(
                    sorted(points, key=lambda point: point.group, reverse=True),
                    peak=chip.peak_macs_per_cycle,
                    slopes={} if width is None else {f"{width:.4g} B/cycle": width},
                    x_label="MACs per byte",
                    y_label="MACs per cycle",
                    title=clean(memory.name),
                    x_text=lambda value: f"{count(value)} MACs/B",
                    y_text=lambda value: f"{count(value)} MACs/cycle",
                    groups=("bound elsewhere", "bound here"),
                )
            )
    said = (
        "Each point is a layer: MACs per byte that moves at a memory, and MACs per cycle that it gets. The "
        "level line is every MAC at work; the slanting one is what all ports of the memory could move, where "
        "anything limits that."
    )
    return [paragraph(said), panels(*drawn)]


def _bandwidth(memory: Memory, chip: Chip) -> float | None:
    """Return what all instances of a memory can move in bytes per cycle, or None where nothing limits it."""
    apart = (memory.read_bytes_per_cycle, memory.write_bytes_per_cycle)
    limits = [memory.bytes_per_cycle, None if None in apart else sum(width for width in apart if width)]
    known = [width for width in limits if width is not None]
    return min(known) * chip.instances(memory.name) if known else None
