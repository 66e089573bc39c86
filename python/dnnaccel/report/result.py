"""The report of one simulation: the costs of all layers, their totals, and the ways out of it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dnnaccel._units import count, energy, quantity
from dnnaccel.cost import LayerReport, in_picojoules
from dnnaccel.errors import DnnAccelError, unknown_name
from dnnaccel.problem import ROLES
from dnnaccel.provenance import Provenance
from dnnaccel.report.outputs import Outputs

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from dnnaccel._rows import Row
    from dnnaccel.arch import Chip
    from dnnaccel.dataflow import Dataflow
    from dnnaccel.dram import Dram
    from dnnaccel.explain import Explanation
    from dnnaccel.layers import Layer
    from dnnaccel.mapping import Mapping
    from dnnaccel.network import Network
    from dnnaccel.sparsity import DensityLike

__all__ = ["Report", "ReportJob"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportJob:
    """What a report is of, as `simulate` was given it; `mappings` are those that were not searched for."""

    net: Network | Layer
    chip: Chip
    dataflow: Dataflow
    objective: str
    density: DensityLike | None
    effort: str = "full"
    mappings: MappingOf[str, Mapping] = field(default_factory=dict)
    dram: Dram | str | os.PathLike[str] | None = None
    fuse: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Report(Outputs):
    """What a network costs on a chip: its layers in the order they run, one after another, and their totals.

    `memories` and `arrays` are the chip's level names, outermost first; `peak_macs_per_cycle` is what the
    chip could do with every MAC unit busy; `batch` is how many inferences one run makes. Energies are in
    `energy_unit`, words are words of the memory they are counted at. `search_seconds` is how long finding the
    mappings took; it is in no output and no comparison, so equal inputs give equal reports. `job` is what was
    simulated, for `explain`.

    Raises `DnnAccelError` if two layers share a name or a layer's energy is in another unit.
    """

    network: str
    chip: str
    dataflow: str
    objective: str
    fidelity: str
    batch: int
    layers: tuple[LayerReport, ...]
    memories: tuple[str, ...]
    arrays: tuple[str, ...]
    peak_macs_per_cycle: int
    energy_unit: str
    clock_mhz: float | None
    search_seconds: float | None = field(default=None, compare=False)
    job: ReportJob | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.batch < 1:
            raise DnnAccelError(f"a report on {self.network} has batch {self.batch}; it must be at least 1")
        names = Counter(layer.name for layer in self.layers)
        for layer in self.layers:
            if names[layer.name] > 1:
                raise DnnAccelError(
                    f"a report on {self.network} has {names[layer.name]} layers {layer.name!r}"
                )
            if layer.energy_unit != self.energy_unit:
                raise DnnAccelError(
                    f"layer {layer.name} states its energy in {layer.energy_unit}, the report in "
                    f"{self.energy_unit}; they must agree"
                )

    def __getitem__(self, name: str) -> LayerReport:
        """Return the layer called `name`; raises `UnknownNameError` with the nearest name that there is."""
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise unknown_name("layer", name, (layer.name for layer in self.layers))

    def __iter__(self) -> Iterator[LayerReport]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of all layers: the network's own, whatever the chip does."""
        return sum(layer.macs for layer in self.layers)

    @property
    def ops(self) -> int:
        """Operations of the vector unit, of all layers."""
        return sum(layer.ops for layer in self.layers)

    @property
    def cycles(self) -> int:
        """Cycles of the whole batch: layers run one after another, so the sum over layers."""
        return sum(layer.cycles for layer in self.layers)

    @property
    def seconds(self) -> float | None:
        """Time of the whole batch in seconds, or None if the chip states no clock."""
        return None if self.clock_mhz is None else self.cycles / (self.clock_mhz * 1e6)

    @property
    def utilization(self) -> float:
        """MACs / (cycles x peak MACs per cycle), between 0 and 1; cycles of layers without MACs count too.

        MACs that the chip skips do not count.
        """
        peak = self.cycles * self.peak_macs_per_cycle
        return sum(layer.timed_macs for layer in self.layers) / peak if peak else 0.0

    @property
    def frames_per_second(self) -> float | None:
        """Inferences per second (batch / seconds), or None without a clock or without any cycle."""
        seconds = self.seconds
        return self.batch / seconds if seconds else None

    @property
    def energy(self) -> float:
        """Energy of the whole batch in `energy_unit`."""
        return sum(layer.energy for layer in self.layers)

    @property
    def energy_pj(self) -> float:
        """Energy of the whole batch in pJ; raises `DnnAccelError` if the chip states another unit."""
        return in_picojoules(self.energy, self.energy_unit)

    @property
    def energy_per_inference(self) -> float:
        """Energy of one of the batch's inferences in `energy_unit`."""
        return self.energy / self.batch

    @property
    def edp(self) -> float:
        """Energy x delay of the whole batch in `edp_unit`."""
        seconds = self.seconds
        return self.energy * (self.cycles if seconds is None else seconds)

    @property
    def edp_unit(self) -> str:
        """`energy_unit` times seconds, or times cycles if the chip states no clock: "pJ s", "MAC cycles"."""
        return f"{self.energy_unit} {'cycles' if self.clock_mhz is None else 's'}"

    @property
    def average_power_watts(self) -> float | None:
        """Energy over time in W; None if the chip states no clock, or energies in another unit than pJ."""
        seconds = self.seconds
        if not seconds or self.energy_unit != "pJ":
            return None
        return self.energy * 1e-12 / seconds

    def traffic(self, level: str, tensor: str | None = None, unit: str = "words") -> int:
        """Reads + writes of memory `level` in all layers, of one tensor role or all, in "words" or "bytes".

        Words are counted as if none were zero; bytes are those that really move. Raises `UnknownNameError`
        for a memory that the chip has not, or another tensor role or unit.
        """
        if unit not in ("words", "bytes"):
            raise unknown_name("unit", unit, ("words", "bytes"))
        if level not in self.memories:
            raise unknown_name("level", level, self.memories)
        if tensor is not None and tensor not in ROLES:
            raise unknown_name("tensor", tensor, ROLES)
        return sum(
            layer.traffic(level, tensor, unit)
            for layer in self.layers
            if any(c.level == level and tensor in (None, c.tensor) for c in layer.levels)
        )

    def energy_by_level(self) -> dict[str, float]:
        """Energy by where it was spent: each memory, each array's network, "mac", "vector" and "leakage"."""
        split = dict.fromkeys((*self.memories, *self.arrays, "mac", "vector", "leakage"), 0.0)
        for layer in self.layers:
            for name, spent in layer.energy_by_level().items():
                split[name] = split.get(name, 0.0) + spent
        return split

    def energy_by_tensor(self) -> dict[str, float]:
        """Energy by what it was spent on: each tensor role, "mac", "vector" and "leakage"."""
        split = dict.fromkeys((*ROLES, "mac", "vector", "leakage"), 0.0)
        for layer in self.layers:
            for name, spent in layer.energy_by_tensor().items():
                split[name] = split.get(name, 0.0) + spent
        return split

    def provenance(self) -> Provenance:
        """Return the energy as products of counts and sourced energies per action, which sum to it exactly.

        Raises `DnnAccelError` for a report that was put together without a chip's prices.
        """
        rows = [row for layer in self.layers for row in layer.provenance()]
        return Provenance(tuple(rows), self.energy_unit)

    def to_text(self, *, width: int = 120) -> str:
        """Return the tables and totals as plain text for lines of `width` characters; `str()` takes 120."""
        from dnnaccel.report.table import report_text

        return report_text(self, width=width)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain numbers, strings, lists and dicts, ready for JSON."""
        return {
            "network": self.network,
            "chip": self.chip,
            "dataflow": self.dataflow,
            "objective": self.objective,
            "fidelity": self.fidelity,
            "batch": self.batch,
            "clock_mhz": self.clock_mhz,
            "peak_macs_per_cycle": self.peak_macs_per_cycle,
            "macs": self.macs,
            "ops": self.ops,
            "cycles": self.cycles,
            "seconds": self.seconds,
            "utilization": self.utilization,
            "frames_per_second": self.frames_per_second,
            "energy": self.energy,
            "energy_unit": self.energy_unit,
            "energy_per_inference": self.energy_per_inference,
            "average_power_watts": self.average_power_watts,
            "energy_by_level": self.energy_by_level(),
            "energy_by_tensor": self.energy_by_tensor(),
            "traffic_words": {name: self.traffic(name) for name in self.memories},
            "traffic_bytes": {name: self.traffic(name, unit="bytes") for name in self.memories},
            "layers": [layer.to_dict() for layer in self.layers],
        }

    def to_rows(self) -> list[Row]:
        """Return one flat row per layer.

        Columns "<memory>.words" and "<memory>.bytes" are reads + writes, "<memory>.<tensor>.reads" and
        ".writes" are words, "energy.<level>" is in `energy_unit`.
        """
        from dnnaccel.report.rows import layer_rows

        return layer_rows(self)

    @classmethod
    def from_json(cls, text: str) -> Report:
        """Return the report that `to_json` wrote, without what it came from and a timed DRAM's counts.

        Raises `ReportError` for text that is no report, or whose totals are not what its layers add up to.
        """
        from dnnaccel.report.saved import parse_report

        return parse_report(text, "JSON report")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Report:
        """Return the report in a JSON file that `save` wrote; raises what `from_json` does, with the path."""
        from dnnaccel.report.saved import load_report

        return load_report(path)

    def to_html(self) -> str:
        """Return a page that needs no other file: totals, tables, and where the energy goes as bars."""
        from dnnaccel.report.html.simulation import report_page

        return report_page(self)

    def explain(self, layer: str | None = None, *, changes: bool = True) -> Explanation:
        """Say what bounds a layer (None: the network), and what twice each part of the chip would buy.

        See `dnnaccel.explain`. Raises `UnknownNameError` for a layer that there is not, and `DnnAccelError`
        for a report that was not made by `simulate`.
        """
        from dnnaccel.explain import explain

        if self.job is None:
            raise DnnAccelError("this report was not made by simulate: what it is of is not known")
        if layer is not None:
            self[layer]
        return explain(
            self.job.net,
            self.job.chip,
            layer,
            dataflow=self.job.dataflow,
            objective=self.job.objective,
            density=self.job.density,
            changes=changes,
        )

    def plot(
        self,
        kind: str = "energy",
        path: str | os.PathLike[str] | None = None,
        *,
        by: str | None = None,
        level: str | None = None,
        width: str | None = None,
    ) -> Figure:
        """Draw the layers, and return the matplotlib figure; with `path` it is saved, as its suffix says.

        Parameters
        ----------
        kind
            "energy" or "words" (reads + writes) as a stacked bar per layer; "cycles": computing, and waiting
            for memory; "latency": a bar per layer, by what bounds it, with the bounds as marks; "roofline":
            every layer as a point under the roof of one memory; "utilization": what the PEs do in each layer.
        path
            A .pdf, .svg or .png file. Equal reports give equal bytes.
        by
            How it is split: energy and words by "level" (default) or "tensor", utilization by "reason"
            (default) or "pe": which PEs of the array each layer puts to work.
        level
            Memory of the roofline; by default the outermost.
        width
            "column" (3.4 inches) or "page" (7.2 inches) of a paper; by default what suits the kind.

        Raises `UnknownNameError` for a name that there is not, `DnnAccelError` for a choice that the kind has
        not or a file that cannot be written, `MissingExtraError` without matplotlib.
        """
        from dnnaccel.report.plots.kind import draw
        from dnnaccel.report.plots.kinds import REPORT_KINDS

        return draw(self, REPORT_KINDS, kind, path, by=by, level=level, width=width)

    def __repr__(self) -> str:
        return (
            f"<Report {self.network} on {self.chip}, {self.dataflow}: {len(self.layers)} layers, "
            f"{count(self.cycles)} cycles, {energy(self.energy, self.energy_unit)}"
            + (f", {quantity(self.seconds, 's')}>" if self.seconds is not None else ">")
        )

    def _repr_html_(self) -> str:
        from dnnaccel.report.html.simulation import report_fragment

        return report_fragment(self)
