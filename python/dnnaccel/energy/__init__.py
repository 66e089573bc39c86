"""What a chip's components cost, estimated from published tables: energy, area, and how each came about.

``energy.estimate({"kind": "sram", "width_bits": 64}, technology_nm=45, size_bytes=131072)`` is what
``component: {kind: sram, width_bits: 64}`` fills in in a chip file. docs/energy.md has the tables and rules.
"""

from __future__ import annotations

from dnnaccel.energy.estimate import Estimate, estimate
from dnnaccel.energy.tables import Row, Table, load, names

__all__ = ["Estimate", "Row", "Table", "estimate", "load", "names"]
