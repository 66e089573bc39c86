"""A dnnaccel chip in the peers' own descriptions, as like as their formats allow.

Sizes, energies per word and bandwidths go over; so do the place of the array and its shape. What does not:
energies of networks and leakage (neither has them here), ports of an array, and of a double-buffered memory
the second half (its size is halved instead).
"""

from __future__ import annotations

import json
from typing import Any

import dnnaccel as da
from dnnaccel.arch import Array, Memory

__all__ = ["accelforge_machine", "zigzag_machine", "zigzag_mapping"]

UNLIMITED = 2**20
"""Bits a cycle of a memory whose bandwidth is not stated."""
ZIGZAG_OPERAND = {"inputs": "I1", "weights": "I2", "outputs": "O"}
ZIGZAG_DIM = {"N": "B", "G": "G", "M": "K", "C": "C", "P": "OY", "Q": "OX", "R": "FY", "S": "FX"}
ACCELFORGE_TENSOR = {"inputs": "input", "weights": "weight", "outputs": "output"}


def _bits(memory: Memory) -> float | None:
    size = memory.size_bytes
    if size is None:
        return None
    return 8 * size / (2 if memory.buffering == "double" else 1)


def zigzag_machine(chip: da.Chip) -> str:
    """Return a chip as ZigZag reads it (JSON is YAML); an access moves one word."""
    array = chip.arrays[-1]
    memories = {}
    below = True  # inside the array: ZigZag lists memories from the innermost
    for level in reversed(chip.levels):
        if isinstance(level, Array):
            below = False
            continue
        operands = [ZIGZAG_OPERAND[role] for role in ZIGZAG_OPERAND if role in level.keeps]
        reads = [f"{op}, {way}" for op in operands for way in (("tl", "th") if op == "O" else ("tl",))]
        writes = [f"{op}, {way}" for op in operands for way in (("fh", "fl") if op == "O" else ("fh",))]

        def port(
            kind: str, bytes_per_cycle: float | None, served: list[str], word: int = level.word_bits
        ) -> dict[str, Any]:
            most = UNLIMITED if bytes_per_cycle is None else max(word, int(8 * bytes_per_cycle))
            return {
                "name": {"read": "r_port_1", "write": "w_port_1", "read_write": "rw_port_1"}[kind],
                "type": kind,
                "bandwidth_min": word,
                "bandwidth_max": most,
                "allocation": served,
            }

        if level.bytes_per_cycle is not None:
            ports = [port("read_write", level.bytes_per_cycle, reads + writes)]
        else:
            ports = [
                port("read", level.read_bytes_per_cycle, reads),
                port("write", level.write_bytes_per_cycle, writes),
            ]
        memories[level.name] = {
            "size": int(_bits(level) or 10**12),
            "r_cost": level.read_energy,
            "w_cost": level.write_energy,
            "area": 0,
            "latency": 1,
            "operands": operands,
            "ports": ports,
            "served_dimensions": [] if below else ["D1", "D2"],
        }
    return json.dumps(
        {
            "name": chip.name,
            "memories": memories,
            "operational_array": {
                "unit_energy": chip.mac.energy,
                "unit_area": 1,
                "dimensions": ["D1", "D2"],
                "sizes": [array.rows, array.columns],
            },
        }
    )


def zigzag_mapping(rows: dict[str, int] | None, columns: dict[str, int] | None) -> str:
    """Return what ZigZag is told of the mapping: the dims along rows and columns, if any are said."""
    spread = {
        axis: [f"{ZIGZAG_DIM[dim]}, {factor}" for dim, factor in dims.items()]
        for axis, dims in (("D1", rows), ("D2", columns))
        if dims
    }
    entry: dict[str, Any] = {"name": "default", "memory_operand_links": {"O": "O", "W": "I2", "I": "I1"}}
    return json.dumps([entry | ({"spatial_mapping": spread} if spread else {})])


def accelforge_machine(chip: da.Chip, *, bypass: bool) -> str:
    """Return a chip as AccelForge reads it; with `bypass` the memories inside the array may keep nothing."""
    nodes, inside = [], False
    for level in chip.levels:
        if isinstance(level, Array):
            inside = True
            nodes.append(
                f"""\
  - !Container
    name: {level.name}
    spatial:
    - {{name: rows, fanout: {level.rows}, may_reuse: All}}
    - {{name: columns, fanout: {level.columns}, may_reuse: All}}
"""
            )
            continue
        kept = " | ".join(ACCELFORGE_TENSOR[role] for role in ACCELFORGE_TENSOR if role in level.keeps)
        keep = "may_keep" if bypass and inside else "keep"

        def latency(bytes_per_cycle: float | None, word: int = level.word_bits) -> float:
            return 0.0 if bytes_per_cycle is None else word / (8 * bytes_per_cycle)

        both = level.bytes_per_cycle
        nodes.append(
            f"""\
  - !Memory
    name: {level.name}
    size: {"inf" if _bits(level) is None else int(_bits(level) or 0)}
    leak_power: 0
    area: 0
    tensors: {{{keep}: {kept}}}
    actions:
    - {{name: read, energy: {level.read_energy}, latency: {latency(both or level.read_bytes_per_cycle)}, \
bits_per_action: {level.word_bits}}}
    - {{name: write, energy: {level.write_energy}, latency: {latency(both or level.write_bytes_per_cycle)}, \
bits_per_action: {level.word_bits}}}
"""
        )
    nodes.append(
        f"""\
  - !Compute
    name: mac
    leak_power: 0
    area: 0
    actions:
    - {{name: compute, energy: {chip.mac.energy}, latency: 1}}
"""
    )
    return "arch:\n  nodes:\n" + "\n".join(nodes)
