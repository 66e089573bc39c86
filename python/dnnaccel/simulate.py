"""The main job: a network meets a chip under a dataflow."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dnnaccel._lower import leakage_per_cycle
from dnnaccel._vector_unit import fused, fusion, idle, on_vector_unit
from dnnaccel.cost import LayerReport, evaluate
from dnnaccel.dataflow import Dataflow, get
from dnnaccel.errors import DataflowError, DensityError, DramError, MappingError, unknown_name
from dnnaccel.layers import Layer
from dnnaccel.mapper import OBJECTIVES, Progress, Request, search_all
from dnnaccel.mapping import Mapping
from dnnaccel.network import Network
from dnnaccel.report import Report, ReportJob
from dnnaccel.sparsity import Density, resolve
from dnnaccel.sparsity.density import DENSE

if TYPE_CHECKING:
    from dnnaccel.arch import Chip
    from dnnaccel.dram import Dram
    from dnnaccel.mapper import Found
    from dnnaccel.sparsity import DensityLike

__all__ = ["FIDELITIES", "simulate", "simulate_all"]

FIDELITIES: tuple[str, ...] = ("analytical", "tile", "cycle")
"""How closely a layer can be looked at: in closed form, as the schedule of its tiles, or with its array cycle
by cycle."""

MappingLike = Mapping | str | os.PathLike[str]
"""A mapping, its text, or the path of a file that holds it."""

_Look = Callable[[Layer, "Chip", MappingLike, Density | None], LayerReport]
"""Looks at one mapped layer."""


def simulate(
    net: Network | Layer | str,
    chip: Chip | str | os.PathLike[str],
    *,
    dataflow: str | os.PathLike[str] | Dataflow | None = None,
    objective: str = "energy",
    fidelity: str = "analytical",
    mapping: MappingLike | MappingOf[str, MappingLike] | None = None,
    density: DensityLike | None = None,
    dram: Dram | str | os.PathLike[str] | None = None,
    effort: str = "full",
    threads: int | None = None,
    progress: Progress | None = None,
    fuse: bool = True,
) -> Report:
    """Return how many cycles, how much traffic and how much energy a network costs on a chip.

    Parameters
    ----------
    net
        A `Network`, one layer of it, or the name of a network of the zoo.
    chip
        A `Chip`, the name of a preset, or the path of a YAML file.
    dataflow
        A name (`dnnaccel.dataflow.names`), the path of a YAML file, a `Dataflow`, or None for the chip's own.
    objective
        What the mapper minimises for each layer: "energy", "latency" or "edp".
    fidelity
        "analytical": closed-form counts and their bound in time. "tile": the double-buffered schedule of the
        same mappings, with every stall (`LayerReport.stalls`); counts and energies are the same, but for what
        leaks in the time. "cycle": that schedule with the chip's array simulated element by element
        (`LayerReport.activity`); no densities. Layers without MACs take the same time in all.
    mapping
        Mappings to use instead of searching: one, if the network has one layer with MACs, or one by layer
        name. Each a `Mapping`, its text, or the path of a file that holds it.
    density
        Which words are zero: anything that `dnnaccel.sparsity.resolve` takes, such as
        ``{"inputs": 0.4}`` or the name of a published set. The chip then gates, skips and compresses as it
        can. None: no word is, and nothing of that counts.
    dram
        A `dnnaccel.dram.Dram`, the name of a preset or the path of a YAML file: times the outermost memory
        command by command in place of its bandwidth. For simulations, not for "analytical".
    effort
        How thoroughly mappings are searched for: "full", or "quick" for a tenth of the time or less and
        energies that are a little worse (docs/search.md says how much).
    threads
        Threads of the search; None for all cores. The answer does not depend on it.
    progress
        Called with (done, total, what) while the search runs.
    fuse
        Apply activations and batch norms to the outputs of the layer before them as these leave it, and
        write what is to be concatenated in place; False sends every layer through the outermost memory.

    Raises
    ------
    DnnAccelError
        For an unknown name, a dataflow that the chip cannot run, or layers that do not fit it.
    """
    from dnnaccel import arch, zoo

    if fidelity not in FIDELITIES:
        raise unknown_name("fidelity", fidelity, FIDELITIES)
    network = zoo.load(net) if isinstance(net, str) else net
    machine = arch.load(chip) if isinstance(chip, str | os.PathLike) else chip
    flow = get(machine.dataflow if dataflow is None else dataflow)
    if fidelity == "cycle" and density is not None:
        raise DensityError(
            "zeros are no matter of chance cycle by cycle; give densities at 'tile' or 'analytical'"
        )
    case = _case(network, machine, flow, objective, density, effort, mapping)
    (found,) = search_all([case.request()], threads=threads, progress=progress)
    if isinstance(found, Exception):
        raise found
    return case.report(found, fidelity, _looker(fidelity, dram, progress), dram=dram, fuse=fuse)


def simulate_all(
    jobs: Sequence[tuple[Network | Layer, Chip, Dataflow]],
    *,
    objective: str = "energy",
    density: DensityLike | None = None,
    effort: str = "full",
    threads: int | None = None,
    progress: Progress | None = None,
) -> list[Report | DataflowError | MappingError]:
    """Return the analytical report of every network on its chip under its dataflow, or why it cannot run.

    The searches of all share the threads, and equal ones are done once; so this is faster than one
    `simulate` after another. The answers are the same. Any other mistake raises.
    """
    cases = [_case(net, chip, flow, objective, density, effort) for net, chip, flow in jobs]
    searched = search_all([case.request() for case in cases], threads=threads, progress=progress)
    look = _looker("analytical", None, None)
    results: list[Report | DataflowError | MappingError] = []
    for case, found in zip(cases, searched, strict=True):
        try:
            results.append(found if isinstance(found, Exception) else case.report(found, "analytical", look))
        except MappingError as error:  # a tile that does not fit after all
            results.append(error)
    return results


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """One simulation: what meets what, the densities of layers with zeros, and mappings that are given."""

    net: Network | Layer
    layers: tuple[Layer, ...]
    chip: Chip
    flow: Dataflow
    objective: str
    density: DensityLike | None
    effort: str
    densities: MappingOf[str, Density]
    given: MappingOf[str, MappingLike]

    def request(self) -> Request:
        """Return what is to be searched for: a mapping of each layer with MACs that is given none."""
        tasks = {
            layer.name: (layer.problem, self.densities.get(layer.name))
            for layer in self.layers
            if layer.problem is not None and layer.name not in self.given
        }
        return Request(
            tasks=tasks,
            chip=self.chip,
            dataflow=self.flow,
            objective=self.objective,
            effort=self.effort,
        )

    def report(
        self,
        found: MappingOf[str, Found],
        fidelity: str,
        look: _Look,
        *,
        dram: Dram | str | os.PathLike[str] | None = None,
        fuse: bool = True,
    ) -> Report:
        """Cost every layer with the mappings that were given and those that were `found`."""
        network, machine, layers = self.net, self.chip, self.layers
        mappings = {**self.given} | {name: one.mapping for name, one in found.items()}
        # With vector operations beside the MACs, the least of the MACs alone need not be the least of both.
        doubtful = self.objective == "edp" or leakage_per_cycle(machine)
        reports: dict[str, LayerReport] = {}
        sources = fusion(network) if fuse and isinstance(network, Network) else {}
        # Cycles of the vector unit that the producing layer has hidden so far, by producer.
        hidden: dict[str, int] = {}
        for layer in layers:
            if layer.problem is not None:
                cost = look(layer, machine, mappings[layer.name], self.densities.get(layer.name))
                one = found.get(layer.name)
                proved = None if one is None else one.optimal and not (layer.ops and doubtful)
                reports[layer.name] = replace(cost, optimal=proved)
                hidden[layer.name] = math.ceil(layer.ops / machine.vector.lanes)
            elif layer.is_view or (fuse and layer.in_place):
                why = "no words move: a view" if layer.is_view else "no words move: written in place"
                reports[layer.name] = idle(layer, machine, why)
            elif layer.name in sources:
                source = sources[layer.name]
                reports[layer.name] = fused(layer, machine, reports[source], hidden)
            else:
                reports[layer.name] = on_vector_unit(layer, machine)
        return Report(
            network=network.name,
            chip=machine.name,
            dataflow=self.flow.name,
            objective=self.objective,
            fidelity=fidelity,
            batch=layers[0].input_shapes[0][0] if not isinstance(network, Network) else network.batch,
            layers=tuple(reports[layer.name] for layer in layers),
            memories=tuple(memory.name for memory in machine.memories),
            arrays=tuple(array.name for array in machine.arrays),
            peak_macs_per_cycle=machine.peak_macs_per_cycle,
            energy_unit=machine.energy_unit,
            clock_mhz=machine.clock_mhz,
            job=ReportJob(
                net=network,
                chip=machine,
                dataflow=self.flow,
                objective=self.objective,
                density=self.density,
                effort=self.effort,
                mappings={name: Mapping.of(given) for name, given in self.given.items()},
                dram=dram,
                fuse=fuse,
            ),
        )


def _case(
    net: Network | Layer,
    chip: Chip,
    flow: Dataflow,
    objective: str,
    density: DensityLike | None,
    effort: str,
    mapping: MappingLike | MappingOf[str, MappingLike] | None = None,
) -> _Case:
    """Return a simulation that is checked and has its densities."""
    if objective not in OBJECTIVES:
        raise unknown_name("objective", objective, OBJECTIVES)
    layers = net.layers if isinstance(net, Network) else (net,)
    return _Case(
        net=net,
        layers=layers,
        chip=chip,
        flow=flow,
        objective=objective,
        density=density,
        effort=effort,
        densities=_densities(density, layers, net.name),
        given=_given_mappings(layers, mapping),
    )


def _looker(fidelity: str, dram: Dram | str | os.PathLike[str] | None, progress: Progress | None) -> _Look:
    """Return what looks at one mapped layer as closely as asked; each case once."""
    if fidelity == "analytical" and dram is not None:
        raise DramError("a closed form has no schedule that a DRAM could time; ask for fidelity='tile'")
    seen: dict[object, LayerReport] = {}

    def look(layer: Layer, chip: Chip, mapping: MappingLike, density: Density | None) -> LayerReport:
        nest = Mapping.of(mapping)
        key = (layer.problem, layer.kind, layer.ops, nest, density)
        if key not in seen:
            if fidelity == "analytical":
                seen[key] = evaluate(layer, chip, nest, density=density)
            elif fidelity == "tile":
                from dnnaccel.sim import simulate_tiles

                seen[key] = simulate_tiles(layer, chip, nest, density=density, dram=dram, progress=progress)
            else:
                from dnnaccel.sim import simulate_cycles

                seen[key] = simulate_cycles(layer, chip, nest, dram=dram, progress=progress)
        return replace(seen[key], name=layer.name)

    return look


def _densities(density: DensityLike | None, layers: tuple[Layer, ...], network: str) -> dict[str, Density]:
    """Return the densities of the layers that have zeros; the others are costed as if there were none."""
    if density is None:
        return {}
    resolved = resolve(density, layers, network=network)
    return {name: one for name, one in resolved.items() if one != DENSE}


def _given_mappings(
    layers: tuple[Layer, ...], mapping: MappingLike | MappingOf[str, MappingLike] | None
) -> dict[str, MappingLike]:
    """Return the mappings that are given, by the name of their layer."""
    mapped = [layer.name for layer in layers if layer.problem is not None]
    if isinstance(mapping, Mapping | str | os.PathLike):
        if len(mapped) != 1:
            raise MappingError(
                f"one mapping for {len(mapped)} layers with MACs; pass a dict of layer name to mapping"
            )
        return dict.fromkeys(mapped, mapping)
    given = dict(mapping or {})
    for name in given:
        if name not in mapped:
            raise unknown_name("layer with MACs", name, mapped)
    return given
