"""How many cycles, how much traffic and how much energy a neural network costs on a chip, and why.

Start with ``dnnaccel.simulate(dnnaccel.zoo.load("alexnet"), dnnaccel.arch.load("eyeriss"))``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from dnnaccel._core import __version__, build_config
from dnnaccel.errors import (
    ArchitectureError,
    DataflowError,
    DnnAccelError,
    LayerError,
    MappingError,
    MissingExtraError,
    NetworkError,
    UnknownNameError,
)

if TYPE_CHECKING:
    from dnnaccel import arch, layers, zoo
    from dnnaccel.compare import Comparison, compare
    from dnnaccel.cost import LayerReport
    from dnnaccel.dataflow import Dataflow
    from dnnaccel.mapper import SearchResult, search
    from dnnaccel.mapping import Mapping
    from dnnaccel.network import Network, NetworkBuilder
    from dnnaccel.problem import Problem
    from dnnaccel.report import Report
    from dnnaccel.simulate import evaluate, simulate

# What each public name is loaded from when it is first used: `import dnnaccel` stays fast.
_LAZY = {
    "Comparison": "compare",
    "Dataflow": "dataflow",
    "LayerReport": "cost",
    "Mapping": "mapping",
    "Network": "network",
    "NetworkBuilder": "network",
    "Problem": "problem",
    "Report": "report",
    "SearchResult": "mapper",
    "compare": "compare",
    "evaluate": "simulate",
    "search": "mapper",
    "simulate": "simulate",
}
_MODULES = ("arch", "layers", "zoo")

__all__ = [
    "ArchitectureError",
    "Comparison",
    "Dataflow",
    "DataflowError",
    "DnnAccelError",
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
    "evaluate",
    "layers",
    "search",
    "simulate",
    "zoo",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"dnnaccel.{name}")
    if name not in _LAZY:
        raise AttributeError(f"module 'dnnaccel' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"dnnaccel.{_LAZY[name]}"), name)
    # Importing the submodule bound its own name here; a function of the same name must win over it.
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
