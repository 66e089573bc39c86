"""The counting of SCALE-Sim 3.0.0, figure for figure, with its files: a drop-in for it.

SCALE-Sim (Samajdar et al., ISPASS 2020; Raj et al., ISPASS 2025) counts cycles, utilisation and traffic of a
systolic array. This module reads its configurations and topologies, counts what its CALC mode counts, its
slips included, and writes its reports. docs/scalesim.md says what is counted, and where it differs from what
an array does.
"""

from __future__ import annotations

from dnnaccel.conventions.scalesim.config import DATAFLOWS, MODES, SPARSE_FORMATS, ScaleSimConfig, read_config
from dnnaccel.conventions.scalesim.report import ScaleSimLayer, ScaleSimReport, SparseStorage, Traffic
from dnnaccel.conventions.scalesim.rows import ScaleSimRow, read_topology, rows_of, topology_text
from dnnaccel.conventions.scalesim.run import simulate, simulate_network

__all__ = [
    "DATAFLOWS",
    "MODES",
    "SPARSE_FORMATS",
    "ScaleSimConfig",
    "ScaleSimLayer",
    "ScaleSimReport",
    "ScaleSimRow",
    "SparseStorage",
    "Traffic",
    "read_config",
    "read_topology",
    "rows_of",
    "simulate",
    "simulate_network",
    "topology_text",
]
