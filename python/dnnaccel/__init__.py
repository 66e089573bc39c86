"""How many cycles, how much traffic and how much energy a neural network costs on a chip, and why.

Start with ``dnnaccel.simulate("alexnet", "eyeriss")``.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dnnaccel import (
        adder_tree,
        arch,
        benchmark,
        dataflow,
        datasets,
        dram,
        energy,
        importers,
        kernels,
        layers,
        reproduce,
        runtime,
        sparsity,
        systolic,
        zoo,
    )
    from dnnaccel._core import __version__, build_config
    from dnnaccel.activity import Activity
    from dnnaccel.atlas import Atlas, atlas
    from dnnaccel.builder import NetworkBuilder
    from dnnaccel.compare import Comparison, compare
    from dnnaccel.cost import LayerReport, evaluate
    from dnnaccel.dataflow import Dataflow
    from dnnaccel.diff import ReportDiff, diff
    from dnnaccel.errors import (
        ArchitectureError,
        DataflowError,
        DatasetError,
        DensityError,
        DnnAccelError,
        DramError,
        ImportedFileError,
        KernelError,
        LayerError,
        MappingError,
        MissingExtraError,
        NetworkError,
        ReportError,
        RuntimeModelError,
        SearchInterrupted,
        SweepError,
        UnknownNameError,
        WeightsError,
    )
    from dnnaccel.explain import Explanation, explain
    from dnnaccel.importers import from_onnx, from_scalesim, from_torch
    from dnnaccel.mapper import SearchResult, search
    from dnnaccel.mapping import Mapping
    from dnnaccel.network import Network
    from dnnaccel.problem import Problem
    from dnnaccel.report import Report
    from dnnaccel.rerun import rerun
    from dnnaccel.simulate import simulate
    from dnnaccel.sweep import Sweep, sweep
    from dnnaccel.trace import TraceSummary, trace

__all__ = [
    "Activity",
    "ArchitectureError",
    "Atlas",
    "Comparison",
    "Dataflow",
    "DataflowError",
    "DatasetError",
    "DensityError",
    "DnnAccelError",
    "DramError",
    "Explanation",
    "ImportedFileError",
    "KernelError",
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
    "ReportDiff",
    "ReportError",
    "RuntimeModelError",
    "SearchInterrupted",
    "SearchResult",
    "Sweep",
    "SweepError",
    "TraceSummary",
    "UnknownNameError",
    "WeightsError",
    "__version__",
    "adder_tree",
    "arch",
    "atlas",
    "benchmark",
    "build_config",
    "compare",
    "dataflow",
    "datasets",
    "diff",
    "dram",
    "energy",
    "evaluate",
    "explain",
    "from_onnx",
    "from_scalesim",
    "from_torch",
    "importers",
    "kernels",
    "layers",
    "reproduce",
    "rerun",
    "runtime",
    "search",
    "simulate",
    "sparsity",
    "sweep",
    "systolic",
    "trace",
    "zoo",
]


# Loading everything would take longer than most jobs do: a name brings its module when it is first used.
# Adding a name: here, in the imports for type checkers above, and in `__all__`.
_HOMES: dict[str, tuple[str, ...]] = {
    "_core": ("__version__", "build_config"),
    "activity": ("Activity",),
    "atlas": ("Atlas", "atlas"),
    "builder": ("NetworkBuilder",),
    "compare": ("Comparison", "compare"),
    "cost": ("LayerReport", "evaluate"),
    "dataflow": ("Dataflow",),
    "diff": ("ReportDiff", "diff"),
    "errors": (*(name for name in __all__ if name.endswith("Error")), "SearchInterrupted"),
    "explain": ("Explanation", "explain"),
    "importers": ("from_onnx", "from_scalesim", "from_torch"),
    "mapper": ("SearchResult", "search"),
    "mapping": ("Mapping",),
    "network": ("Network",),
    "problem": ("Problem",),
    "report": ("Report",),
    "rerun": ("rerun",),
    "simulate": ("simulate",),
    "sweep": ("Sweep", "sweep"),
    "trace": ("TraceSummary", "trace"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}
# Modules that are reached through the package without being imported by name.
_MODULES = {name for name in __all__ if name.islower() and name not in _HOME_OF} | set(_HOMES)


class _Package(ModuleType):
    def __setattr__(self, name: str, value: object) -> None:
        # Whoever imports `dnnaccel.simulate` makes Python put that module into the package under its name;
        # the name is the function's, which the module has under the same one.
        if isinstance(value, ModuleType) and _HOME_OF.get(name) == name:
            value = getattr(value, name)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package

if not TYPE_CHECKING:  # who checks types should be told of a name that is not there

    def __getattr__(name: str) -> Any:
        if name in _HOME_OF:
            value = getattr(importlib.import_module(f"dnnaccel.{_HOME_OF[name]}"), name)
            return globals().setdefault(name, value)
        if name in _MODULES:
            return importlib.import_module(f"dnnaccel.{name}")
        package = sys.modules[__name__]
        raise AttributeError(f"module 'dnnaccel' has no attribute {name!r}", name=name, obj=package)


def __dir__() -> list[str]:
    return sorted(__all__)
