"""What is done for one point, in whatever process an executor has."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from dnnaccel.errors import DataflowError, MappingError, unknown_name
from dnnaccel.sweeping.layers import are_groups, layer_groups

if TYPE_CHECKING:
    from dnnaccel.arch import Chip
    from dnnaccel.dataflow import Dataflow
    from dnnaccel.mapper import Progress
    from dnnaccel.network import Network
    from dnnaccel.report import Report
    from dnnaccel.sparsity import DensityLike

__all__ = ["FIGURES", "MORE_IS_BETTER", "Task", "check_figures", "costs", "evaluate", "is_result"]

FIGURES = (
    "energy",
    "cycles",
    "seconds",
    "edp",
    "utilization",
    "frames_per_second",
    "average_power_watts",
    "dram_words",
    "dram_bytes",
    "area",
    "on_chip_bytes",
    "pe_count",
    "macs",
)
"""What is kept of each point. Energy is in the chip's unit, edp is that times seconds (or cycles)."""

MORE_IS_BETTER = ("utilization", "frames_per_second")


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A network on a chip, ready to be sent to another process.

    With `by_layer` the figures have a "layers", a row for each `LayerGroup`.
    """

    net: Network
    chip: Chip
    dataflow: str | Dataflow | None
    objective: str
    density: DensityLike | None
    effort: str = "full"
    by_layer: bool = False

    def key(self, fingerprint: str) -> str:
        """Return what tells the results of this task from all others: a hash of all that goes into it."""
        described = [
            fingerprint,
            repr(self.net.layers),
            dict(self.net.inputs),
            self.chip.to_dict(),
            repr(self.dataflow),
            self.objective,
            repr(self.density),
            self.effort,
            self.by_layer,
        ]
        return sha256(json.dumps(described, sort_keys=True, default=str).encode()).hexdigest()


def evaluate(task: Task, progress: Progress | None = None) -> dict[str, Any]:
    """Return a point's figures by name, or its "reason" if it cannot run; raises what `progress` raises."""
    from dnnaccel.simulate import simulate

    try:
        report = simulate(
            task.net,
            task.chip,
            dataflow=task.dataflow,
            objective=task.objective,
            density=task.density,
            effort=task.effort,
            threads=1,
            progress=progress,
        )
    except (DataflowError, MappingError) as error:
        return {"reason": str(error)}
    found = figures(report, task.chip)
    if task.by_layer:
        found["layers"] = [group.to_row() for group in layer_groups(task.net, report)]
    return found


def figures(report: Report, chip: Chip) -> dict[str, Any]:
    """Return the figures of a report."""
    from dnnaccel.sweeping.points import on_chip_bytes

    outermost = report.memories[0]
    found: dict[str, Any] = {
        "energy": report.energy,
        "energy_unit": report.energy_unit,
        "cycles": report.cycles,
        "seconds": report.seconds,
        "edp": report.edp,
        "utilization": report.utilization,
        "frames_per_second": report.frames_per_second,
        "average_power_watts": report.average_power_watts,
        "dram_words": report.traffic(outermost),
        "dram_bytes": report.traffic(outermost, unit="bytes"),
        "area": chip.area,
        "area_unit": chip.area_unit,
        "on_chip_bytes": on_chip_bytes(chip),
        "pe_count": chip.pe_count,
        "macs": report.macs,
    }
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in found.items()
    }


def is_result(value: object) -> bool:
    """Say whether a value read from a store has the form of what `evaluate` returns."""
    if not isinstance(value, dict):
        return False
    if "reason" in value:
        return isinstance(value["reason"], str) and len(value) == 1
    if not are_groups(value.get("layers", [])):
        return False
    units = (value.get("energy_unit"), value.get("area_unit"))
    return all(isinstance(unit, str) for unit in units) and all(
        name in value and _is_figure(value[name]) for name in FIGURES
    )


def _is_figure(value: object) -> bool:
    if isinstance(value, bool):
        return False
    return value is None or isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))


def check_figures(names: Iterable[str]) -> None:
    """Raise `UnknownNameError` for a name that is not of `FIGURES`."""
    for name in names:
        if name not in FIGURES:
            raise unknown_name("figure", name, FIGURES)


def costs(figures: Mapping[str, Any], names: Sequence[str]) -> tuple[float, ...] | None:
    """Return figures by name so that less is better; None if one is missing, or not a number."""
    found = []
    for name in names:
        value = figures.get(name)
        if value is None or math.isnan(value):
            return None
        found.append(-value if name in MORE_IS_BETTER else value)
    return tuple(found)
