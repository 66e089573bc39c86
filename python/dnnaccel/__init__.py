"""How many cycles, how much traffic and how much energy a neural network costs on a chip, and why.

Start with ``dnnaccel.simulate("alexnet", "eyeriss")``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from dnnaccel import dataflow, layers, sparsity, zoo
from dnnaccel._core import __version__, build_config
from dnnaccel.builder import NetworkBuilder
from dnnaccel.compare import Comparison, compare
from dnnaccel.cost import LayerReport, evaluate
from dnnaccel.dataflow import Dataflow
from dnnaccel.errors import (
    ArchitectureError,
    DataflowError,
    DatasetError,
    DensityError,
    DnnAccelError,
    ImportedFileError,
    LayerError,
    MappingError,
    MissingExtraError,
    NetworkError,
    UnknownNameError,
)
from dnnaccel.mapper import SearchResult, search
from dnnaccel.mapping import Mapping
from dnnaccel.network import Network
from dnnaccel.problem import Problem
from dnnaccel.report import Report

# Last of all: this binds the functions over the modules of the same name.
from dnnaccel.simulate import simulate

if TYPE_CHECKING:
    from dnnaccel import arch, datasets, energy, importers, reproduce
    from dnnaccel.importers import from_onnx, from_scalesim, from_torch

__all__ = [
    "ArchitectureError",
    "Comparison",
    "Dataflow",
    "DataflowError",
    "DatasetError",
    "DensityError",
    "DnnAccelError",
    "ImportedFileError",
    "LayerError",
    "LayerReport",
    "Mapping",
    "MappingError",
    "MissingExtraError",
    "Network",
    "NetworkBuilder",
    "NetworkError",
    "Problem",
    "Report",
    "SearchResult",
    "UnknownNameError",
    "__version__",
    "arch",
    "build_config",
    "compare",
    "dataflow",
    "datasets",
    "energy",
    "evaluate",
    "from_onnx",
    "from_scalesim",
    "from_torch",
    "importers",
    "layers",
    "reproduce",
    "search",
    "simulate",
    "sparsity",
    "zoo",
]


def __getattr__(name: str) -> Any:
    # Chips bring the YAML and validation libraries with them; few runs need datasets or published figures.
    if name in ("arch", "datasets", "energy", "importers", "reproduce"):
        return importlib.import_module(f"dnnaccel.{name}")
    if name in ("from_onnx", "from_scalesim", "from_torch"):
        return getattr(importlib.import_module("dnnaccel.importers"), name)
    raise AttributeError(f"module 'dnnaccel' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
