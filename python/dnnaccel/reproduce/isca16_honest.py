"""The ISCA 2016 comparison under this package's own counting, and what the difference consists of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dnnaccel.conventions.isca16 import ENERGY, LEVELS, CannotRun, Count
from dnnaccel.cost import LayerReport, evaluate
from dnnaccel.errors import MappingError
from dnnaccel.mapper import search_problems
from dnnaccel.reproduce.isca16_nests import FLOWS, chip, nest
from dnnaccel.reproduce.isca16_storage import Sizes

if TYPE_CHECKING:
    from dnnaccel.arch import Chip
    from dnnaccel.layers import Layer

__all__ = ["PARTS", "HonestBar", "honest_bar"]

PARTS: tuple[str, ...] = ("fills", "DRAM", "buffer", "array", "RF", "sums", "mapping")
"""What our counting adds to the paper's, in this order.

Writes of operands into buffer and register files; reads of operands at each level (exact halos, no padding,
nested passes, what is kept from step to step) and their deliveries over the array; partial sums, drains and
first arrivals included; and what another mapping gains."""

# The levels of the presets, by what the paper calls them.
_LEVEL_OF = {
    "dram": "dram",
    "glb": "buffer",
    "lines": "buffer",
    "pe_array": "array",
    "in_reg": "rf",
    "rf": "rf",
    "mac": "mac",
    "vector": "mac",
    "leakage": "mac",
}
_PART_OF = {"dram": "DRAM", "buffer": "buffer", "array": "array", "rf": "RF"}


@dataclass(frozen=True, slots=True, kw_only=True)
class HonestBar:
    """One dataflow at one batch, counted by the honest walk; energies per MAC in energies of one MAC.

    `papers` are the layers under the mappings that the paper's counting finds, empty where those do not fit
    by ours; `best` those under the better of these and the mappings that our search finds. `parts` says, by
    `PARTS`, how one gets from the paper's energy to `energy`. `refused` says why a layer cannot run, and is
    empty otherwise.
    """

    batch: int
    dataflow: str
    papers: tuple[LayerReport, ...]
    best: tuple[LayerReport, ...]
    parts: Mapping[str, float]
    refused: str = ""

    @property
    def macs(self) -> int:
        """MACs of all layers, whole batch."""
        return sum(layer.macs for layer in self.best)

    def energy_by_level(self) -> dict[str, float]:
        """Energy per MAC by the paper's levels, with the best mappings."""
        spent = dict.fromkeys(LEVELS, 0.0)
        for layer in self.best:
            for level, energy in layer.energy_by_level().items():
                spent[_LEVEL_OF[level]] += energy / self.macs
        return spent

    @property
    def energy(self) -> float:
        """Energy per MAC with the best mappings."""
        return sum(layer.energy for layer in self.best) / self.macs

    @property
    def papers_energy(self) -> float | None:
        """Energy per MAC with the paper's mappings, or None where those do not fit by our counting."""
        return sum(layer.energy for layer in self.papers) / self.macs if self.papers else None

    @property
    def dram(self) -> float:
        """Words over DRAM, reads and writes, per MAC, with the best mappings."""
        return sum(layer.traffic("dram") for layer in self.best) / self.macs

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain numbers, strings, lists and dicts, ready for JSON."""
        head: dict[str, Any] = {"batch": self.batch, "dataflow": self.dataflow, "refused": self.refused}
        if self.refused:
            return head
        return head | {
            "energy": self.energy,
            "energy_by_level": self.energy_by_level(),
            "papers_energy": self.papers_energy,
            "dram": self.dram,
            "parts": dict(self.parts),
            "papers_mapping": [layer.to_dict() for layer in self.papers],
            "best_mapping": [layer.to_dict() for layer in self.best],
        }


def honest_bar(
    layers: Sequence[Layer],
    counted: Sequence[Count | CannotRun],
    *,
    batch: int,
    dataflow: str,
    sizes: Sizes,
    threads: int | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> HonestBar:
    """Cost `layers` under one dataflow by our counting; `counted` is what the paper's gave for each."""
    machine = chip(dataflow, sizes)

    def refusal(reason: str) -> HonestBar:
        return HonestBar(batch=batch, dataflow=dataflow, papers=(), best=(), parts={}, refused=reason)

    tasks = [(layer.problem, None) for layer in layers if layer.problem is not None]
    try:
        found = search_problems(
            tasks,
            machine,
            FLOWS[dataflow],
            names=[layer.name for layer in layers],
            threads=threads,
            progress=progress,
        )
    except MappingError as error:
        return refusal(str(error))
    papers = _papers(layers, counted, machine, dataflow)
    searched = [evaluate(layer, machine, each.mapping) for layer, each in zip(layers, found, strict=True)]
    # The paper's mappings obey its dataflows, so they are among the candidates.
    best = tuple(
        min(pair, key=lambda report: report.energy) for pair in zip(searched, papers or searched, strict=True)
    )
    ran = [count for count in counted if isinstance(count, Count)]
    parts = _parts(ran, papers, best, machine) if papers else {}
    return HonestBar(batch=batch, dataflow=dataflow, papers=papers, best=best, parts=parts)


def _papers(
    layers: Sequence[Layer], counted: Sequence[Count | CannotRun], machine: Chip, dataflow: str
) -> tuple[LayerReport, ...]:
    """Cost every layer under the paper's mapping, or none where one of them does not fit."""
    reports = []
    for layer, count in zip(layers, counted, strict=True):
        if isinstance(count, CannotRun) or layer.problem is None:
            return ()
        try:
            loops = nest(dataflow, count.mapping, layer.problem, machine)
            reports.append(evaluate(layer, machine, loops))
        except MappingError:
            return ()
    return tuple(reports)


def _parts(
    counted: Iterable[Count], papers: Sequence[LayerReport], best: Sequence[LayerReport], machine: Chip
) -> dict[str, float]:
    """Return what leads from the paper's energy to ours, per MAC, by `PARTS`."""
    parts = dict.fromkeys(PARTS, 0.0)
    for count in counted:
        sums = {"rf": count.rf_sums, "array": count.array_sums, "buffer": count.buffer_sums}
        parts["sums"] -= ENERGY["dram"] * count.dram_writes
        parts["DRAM"] -= ENERGY["dram"] * count.dram_reads
        for level, words in sums.items():
            parts["sums"] -= ENERGY[level] * words
            parts[_PART_OF[level]] -= ENERGY[level] * (getattr(count, level) - words)
    for report in papers:
        for moved in report.levels:
            memory = machine.memory(moved.level)
            if moved.tensor == "outputs":
                parts["sums"] += moved.energy
                continue
            parts["fills"] += moved.writes * memory.write_energy
            parts[_PART_OF[_LEVEL_OF[moved.level]]] += moved.reads * memory.read_energy
        for network in report.networks:
            parts["sums" if network.tensor == "outputs" else "array"] += network.energy
    parts["mapping"] = sum(r.energy for r in best) - sum(r.energy for r in papers)
    macs = sum(report.macs for report in best)
    return {part: energy / macs for part, energy in parts.items()}
