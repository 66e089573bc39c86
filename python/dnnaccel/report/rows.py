"""Reports as flat rows, one per layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnnaccel._rows import Row
from dnnaccel.problem import ROLES
from dnnaccel.stalls import CAUSES

if TYPE_CHECKING:
    from dnnaccel.report.result import Report

__all__ = ["layer_rows"]


def layer_rows(report: Report) -> list[Row]:
    """Return one row per layer, every count and energy in a column of its own; of simulations, stalls too."""
    spent_on = list(report.energy_by_level())
    rows = []
    for layer in report.layers:
        row: Row = {
            "network": report.network,
            "chip": report.chip,
            "dataflow": report.dataflow,
            "batch": report.batch,
            "layer": layer.name,
            "kind": layer.kind,
            "macs": layer.macs,
            "ops": layer.ops,
            "cycles": layer.cycles,
            "compute_cycles": layer.compute_cycles,
            "exposed_cycles": layer.exposed_cycles,
            "ramp_cycles": layer.ramp_cycles,
            "seconds": layer.seconds,
            "utilization": layer.utilization,
            "bound_by": layer.bound_by,
            "bound_port": layer.bound_port,
            "bound_margin": layer.bound_margin,
            "timed_macs": layer.timed_macs,
            "effectual_macs": layer.effectual_macs,
            "energy": layer.energy,
            "energy_unit": layer.energy_unit,
        }
        split = layer.energy_by_level()
        row |= {f"energy.{name}": split.get(name, 0.0) for name in spent_on}
        for memory in report.memories:
            counts = [count for count in layer.levels if count.level == memory]
            row[f"{memory}.words"] = layer.traffic(memory) if counts else 0
            row[f"{memory}.bytes"] = layer.traffic(memory, unit="bytes") if counts else 0
            for role in ROLES:
                row[f"{memory}.{role}.reads"] = sum(c.reads for c in counts if c.tensor == role)
                row[f"{memory}.{role}.writes"] = sum(c.writes for c in counts if c.tensor == role)
        if report.fidelity != "analytical":
            for cause in CAUSES:
                lost = sum(stall.cycles for stall in layer.stalls if stall.cause == cause)
                row[f"stall.{cause}.cycles"] = lost
        row["optimal"] = layer.optimal
        row["note"] = layer.note
        rows.append(row)
    return rows
