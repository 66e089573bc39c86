"""What made a page, as texts and numbers that a page can hold and `dnnaccel.rerun` reads back."""

from __future__ import annotations

import dataclasses
import os
import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING

from dnnaccel import __version__
from dnnaccel._text import clean
from dnnaccel.errors import DnnAccelError
from dnnaccel.problem import ROLES

if TYPE_CHECKING:
    from dnnaccel.arch import Chip
    from dnnaccel.compare import ComparisonJob
    from dnnaccel.dataflow import Dataflow
    from dnnaccel.dram import Dram
    from dnnaccel.layers import Layer
    from dnnaccel.network import Network
    from dnnaccel.report.result import Report, ReportJob
    from dnnaccel.sparsity import DensityLike

__all__ = [
    "comparison_inputs",
    "dataflow_text",
    "density_value",
    "named_inputs",
    "network_value",
    "report_inputs",
]

# What runs a page again, under the name that its reader gave it.
_COMMANDS = {"command": "dnnaccel rerun PAGE.html", "python": 'dnnaccel.rerun("PAGE.html")'}

Densities = float | dict[str, dict[str, float]] | None


def report_inputs(report: Report) -> dict[str, object]:
    """Return the inputs of a simulation as plain values, the descriptions as the text of their files.

    A report that was put together by hand has only its names; one of measured densities says that it cannot
    be run again from the page, as the tensors are not in it.
    """
    inputs: dict[str, object] = {"version": __version__}
    job = report.job
    if job is None:
        names = {"network": report.network, "chip": report.chip, "dataflow": report.dataflow}
        return inputs | {what: clean(name) for what, name in names.items()}
    try:
        density = density_value(job.density, job.net)
    except DnnAccelError as error:
        return inputs | {"network": report.network, "chip": job.chip.to_yaml(), "density": str(error)}
    return inputs | {
        "job": "simulate",
        **_COMMANDS,
        **({"command": command} if (command := _command(report, job)) else {}),
        **network_value(job.net),
        "chip": job.chip.to_yaml(),
        "dataflow": dataflow_text(job.dataflow),
        "objective": job.objective,
        "effort": job.effort,
        "fidelity": report.fidelity,
        "batch": report.batch,
        "density": density,
        "dram": _dram_text(job.dram),
        "fuse": job.fuse,
        "mappings": {name: str(mapping) for name, mapping in job.mappings.items()},
    }


def comparison_inputs(job: ComparisonJob | None) -> dict[str, object]:
    """Return the inputs of a comparison as plain values, each in the order in which it was given."""
    inputs: dict[str, object] = {"version": __version__}
    if job is None:
        return inputs
    density = job.density
    if density is not None and not isinstance(density, int | float) and not _by_tensor(density):
        # By layer, or by the name of a set, it means something else in every network.
        return inputs | {"density": "were given by layer or by name, which this page does not hold"}
    return inputs | {
        "job": "compare",
        **_COMMANDS,
        "networks": [network_value(net) for net in job.nets],
        "chips": [chip.to_yaml() for chip in job.chips],
        "dataflows": [dataflow_text(flow) for flow in job.dataflows],
        "objective": job.objective,
        "effort": job.effort,
        "density": density,
        "equal_area": job.equal_area,
    }


def _by_tensor(density: DensityLike) -> bool:
    return isinstance(density, Mapping) and all(
        key in ROLES and isinstance(value, int | float) for key, value in density.items()
    )


def named_inputs(chip: Chip | None, **said: str) -> dict[str, object]:
    """Return what a page says of its inputs that cannot be run again from it: names, and the chip's file."""
    described = {} if chip is None else {"chip": chip.to_yaml()}
    return {"version": __version__, **said, **described}


def network_value(net: Network | Layer) -> dict[str, str]:
    """Return a network as the text of its file; a layer as that of a network of its own, and its name."""
    from dnnaccel.network import Network

    if isinstance(net, Network):
        return {"network": net.to_yaml()}
    # Whose weights it shares does not change what it costs, and that layer is not there.
    alone = dataclasses.replace(net, weights_from=None) if net.weights_from is not None else net
    inputs = dict(zip(net.inputs, net.input_shapes, strict=True))
    return {"network": Network(net.name, (alone,), inputs=inputs).to_yaml(), "layer": net.name}


def dataflow_text(flow: Dataflow) -> str:
    """Return a built-in dataflow as its name, another as the text of its file."""
    from dnnaccel import dataflow

    known = flow.name in dataflow.names() and dataflow.get(flow.name) == flow
    return flow.name if known else flow.to_yaml()


def density_value(density: DensityLike | None, net: Network | Layer) -> Densities:
    """Return densities as numbers: one, or by layer and tensor; raises `DnnAccelError` for measured ones."""
    from dnnaccel.layers import Layer
    from dnnaccel.sparsity import resolve

    if density is None:
        return None
    if isinstance(density, int | float):
        return float(density)
    layers = (net,) if isinstance(net, Layer) else net.layers
    found = resolve(density, layers, network=net.name)
    if any(one.measured is not None for one in found.values()):
        raise DnnAccelError("were measured in tensors that this page does not hold")
    return {name: {role: one.of(role) for role in ROLES} for name, one in found.items()}


def _dram_text(dram: Dram | str | os.PathLike[str] | None) -> str | None:
    """Return a DRAM's preset as its name, another DRAM as the text of its file."""
    from dnnaccel import dram as drams

    if dram is None:
        return None
    found = dram if isinstance(dram, drams.Dram) else drams.load(dram)
    known = found.name in drams.names() and drams.load(found.name) == found
    return found.name if known else found.to_yaml()


def _command(report: Report, job: ReportJob) -> str:
    """Return the command line that gives the report, or "" where it needs what only this page holds."""
    from dnnaccel import arch, zoo
    from dnnaccel.network import Network

    network = job.net.name
    if not isinstance(job.net, Network) or network not in zoo.names() or job.mappings or not job.fuse:
        return ""
    if zoo.load(network, batch=report.batch) != job.net:
        return ""
    if (
        job.chip.name not in arch.names()
        or job.chip.name == arch.HOST
        or arch.load(job.chip.name) != job.chip
    ):
        return ""
    flow, dram = dataflow_text(job.dataflow), _dram_text(job.dram)
    if job.density is not None or "\n" in flow or "\n" in (dram or ""):
        return ""
    words = ["dnnaccel", "simulate", network, "--arch", job.chip.name, "--dataflow", flow]
    words += ["--objective", job.objective] if job.objective != "energy" else []
    words += ["--effort", job.effort] if job.effort != "full" else []
    words += ["--batch", str(report.batch)] if report.batch != 1 else []
    words += ["--fidelity", report.fidelity] if report.fidelity != "analytical" else []
    words += ["--dram", dram] if dram is not None else []
    return shlex.join(words)
