"""What layers without MACs cost: on the vector unit, applied to what another layer makes, or nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping as MappingOf
from dataclasses import replace
from typing import TYPE_CHECKING

from dnnaccel._lower import leakage_per_cycle
from dnnaccel.cost import FUSED, LayerReport, LevelCount
from dnnaccel.layers import Layer
from dnnaccel.network import Network
from dnnaccel.problem import ROLES
from dnnaccel.provenance import prices_of

if TYPE_CHECKING:
    from dnnaccel.arch import Chip

__all__ = ["fused", "fusion", "idle", "on_vector_unit"]


def fusion(network: Network) -> dict[str, str]:
    """Return, for each layer that is fused, the layer whose outputs it is applied to as they leave.

    That is the nearest layer before it that is neither fused nor a view, if nobody else reads what lies
    between.
    """
    found: dict[str, str] = {}
    layers = {layer.name: layer for layer in network.layers}
    for layer in network.layers:
        if not layer.fusable:
            continue
        before = layers.get(layer.inputs[0])
        if before is None or before.is_view or len(network.consumers(before.name)) != 1:
            continue
        if before.name in network.outputs:
            continue
        found[layer.name] = found.get(before.name, before.name)
    return found


def _counts(chip: Chip, moved: MappingOf[tuple[str, str], tuple[int, int]]) -> tuple[LevelCount, ...]:
    """Return a count for every memory and tensor, from {(level, tensor): (reads, writes)}."""
    counts = []
    for memory in chip.memories:
        for role in ROLES:
            reads, writes = moved.get((memory.name, role), (0, 0))
            counts.append(
                LevelCount(
                    level=memory.name,
                    tensor=role,
                    reads=reads,
                    writes=writes,
                    tile_words=0,
                    word_bits=memory.word_bits,
                    effective_reads=float(reads),
                    effective_writes=float(writes),
                    energy=reads * memory.read_energy + writes * memory.write_energy,
                )
            )
    return tuple(counts)


def _without_macs(
    layer: Layer,
    chip: Chip,
    *,
    moved: MappingOf[tuple[str, str], tuple[int, int]],
    cycles: int,
    level_cycles: tuple[tuple[str, int], ...],
    bound_by: str,
    note: str,
) -> LayerReport:
    return LayerReport(
        name=layer.name,
        kind=layer.kind,
        macs=0,
        ops=layer.ops,
        cycles=cycles,
        compute_cycles=math.ceil(layer.ops / chip.vector.lanes),
        level_cycles=level_cycles,
        exposed_cycles=0,
        ramp_cycles=0,
        clock_mhz=chip.clock_mhz,
        utilization=0.0,
        active_pes=0,
        bound_by=bound_by,
        levels=_counts(chip, moved),
        networks=(),
        timed_macs=0.0,
        effectual_macs=0.0,
        mac_energy=0.0,
        vector_energy=layer.ops * chip.vector.op_energy,
        leakage_energy=cycles * leakage_per_cycle(chip),
        energy_unit=chip.energy_unit,
        mapping=None,
        note=note,
        prices=prices_of(chip),
    )


def idle(layer: Layer, chip: Chip, note: str) -> LayerReport:
    """Return the report of a layer that moves and computes nothing; `note` says why."""
    free = _without_macs(layer, chip, moved={}, cycles=0, level_cycles=(), bound_by="-", note=note)
    return replace(free, ops=0, compute_cycles=0, vector_energy=0.0)


def fused(layer: Layer, chip: Chip, source: LayerReport, hidden: dict[str, int]) -> LayerReport:
    """Cost a layer applied to words on their way out: its operations, and what the source cannot hide."""
    needed = math.ceil(layer.ops / chip.vector.lanes)
    slack = max(0, source.cycles - hidden.get(source.name, 0))
    hidden[source.name] = hidden.get(source.name, 0) + needed
    late = max(0, needed - slack)
    return _without_macs(
        layer,
        chip,
        moved={},
        cycles=late,
        level_cycles=(),
        bound_by="vector" if late else "-",
        note=f"{FUSED}{source.name}",
    )


def on_vector_unit(layer: Layer, chip: Chip) -> LayerReport:
    """Cost a layer without MACs on the vector unit.

    Every input word (and parameter in use) is read once from the outermost memory, every output word written
    there once, both by way of the memory that the vector unit works from; sliding windows are served by line
    buffers of the unit.
    """
    top, near = chip.memories[0], chip.memory(chip.vector.memory)
    words = {
        "inputs": sum(math.prod(shape) for shape in layer.input_shapes),
        "weights": layer.parameters_read,
        "outputs": math.prod(layer.output_shape),
    }
    moved: dict[tuple[str, str], tuple[int, int]] = {}
    for role, count in words.items():
        out = role == "outputs"
        moved[top.name, role] = (0, count) if out else (count, 0)
        if near.name != top.name:
            moved[near.name, role] = (count, count)
    level_cycles = []
    for memory in dict.fromkeys((top, near)):
        reads = sum(moved.get((memory.name, role), (0, 0))[0] for role in ROLES)
        writes = sum(moved.get((memory.name, role), (0, 0))[1] for role in ROLES)
        cycles = 0.0
        for port, load in (
            (memory.read_bytes_per_cycle, reads),
            (memory.write_bytes_per_cycle, writes),
            (memory.bytes_per_cycle, reads + writes),
        ):
            if port is not None:
                cycles = max(cycles, load * memory.word_bits / 8 / port / chip.instances(memory.name))
        level_cycles.append((memory.name, math.ceil(cycles)))
    compute = math.ceil(layer.ops / chip.vector.lanes)
    slowest = max(level_cycles, key=lambda item: item[1])
    return _without_macs(
        layer,
        chip,
        moved=moved,
        cycles=max(compute, slowest[1]),
        level_cycles=tuple(level_cycles),
        bound_by="vector" if compute >= slowest[1] else slowest[0],
        note="",
    )
