"""Why a layer takes the time and energy it does, and what a change of the chip would buy."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dnnaccel._rows import Row, csv_text, dataframe
from dnnaccel._text import DEFAULT_WIDTH, Column, clean, layout, notes
from dnnaccel._units import NONE, count, energy, percent, quantity, ratio
from dnnaccel.bounds import Idle, Roof, bound_cycles, idle, roofs
from dnnaccel.cost import LayerReport
from dnnaccel.errors import DataflowError, DnnAccelError, MappingError, unknown_name
from dnnaccel.layers import Layer
from dnnaccel.problem import ROLES

if TYPE_CHECKING:
    import pandas as pd

    from dnnaccel.arch import Chip
    from dnnaccel.dataflow import Dataflow
    from dnnaccel.network import Network
    from dnnaccel.sparsity import DensityLike

__all__ = ["Change", "Explanation", "Idle", "Roof", "explain"]

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a change of the chip buys, worked out by a new search and a new cost.

    Ratios are to the chip as it is; below 1 is less. `reason` says why the changed chip cannot run.
    """

    what: str
    cycles: int | None
    energy: float | None
    cycles_ratio: float | None
    energy_ratio: float | None
    area_ratio: float | None
    bound_by: str | None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Explanation:
    """Why one layer, or a network as a whole, costs what it does on a chip."""

    network: str
    chip: str
    dataflow: str
    objective: str
    layers: tuple[LayerReport, ...]
    bound_cycles: Mapping[str, int]
    """Cycles of the layers by what bounds them: "compute", a memory, or the "vector" unit."""
    roofs: tuple[Roof, ...]
    idle: Idle
    energy: Mapping[str, Mapping[str, float]]
    """By level, then by tensor role ("" for what is no tensor's); in `energy_unit`."""
    energy_unit: str
    changes: tuple[Change, ...]

    @property
    def name(self) -> str:
        """The layer, or the network if there are several."""
        return self.layers[0].name if len(self.layers) == 1 else self.network

    @property
    def cycles(self) -> int:
        """Cycles of all layers."""
        return sum(layer.cycles for layer in self.layers)

    @property
    def total_energy(self) -> float:
        """Energy of all layers in `energy_unit`."""
        return sum(layer.energy for layer in self.layers)

    def to_text(self, *, width: int = DEFAULT_WIDTH) -> str:
        """Return everything as plain text for lines of `width` characters."""
        parts = [
            notes(self._sentences(), width=width),
            notes(["Roofline at each memory (MACs per cycle)"], width=width)
            + "\n\n"
            + layout(self._roof_columns(), width=width),
            notes(["Energy by level and tensor (% of all)"], width=width)
            + "\n\n"
            + layout(self._energy_columns(), width=width),
        ]
        if self.changes:
            parts.append(
                notes(["What a change would buy: searched and costed anew"], width=width)
                + "\n\n"
                + layout(self._change_columns(), width=width)
            )
            parts += [
                notes([f"{c.what}: cannot run: {c.reason}"], width=width) for c in self.changes if c.reason
            ]
        return "\n\n".join(parts)

    def _sentences(self) -> list[str]:
        said = [
            f"{clean(self.network)}{':' + clean(self.name) if len(self.layers) == 1 else ''} on "
            f"{clean(self.chip)}, {clean(self.dataflow)}: {count(self.cycles)} cycles, "
            f"{energy(self.total_energy, self.energy_unit)}"
        ]
        total = self.cycles
        shares = sorted(self.bound_cycles.items(), key=lambda item: (-item[1], item[0]))
        if len(self.layers) == 1:
            said.append(_bound_sentence(self.layers[0]))
        elif total:
            said.append(
                "Time by what bounds it: "
                + ", ".join(f"{name} {percent(cycles / total)} %" for name, cycles in shares if cycles)
            )
        idle = self.idle
        said.append(
            f"PEs: {percent(idle.busy)} % of their cycles compute; idle: {percent(idle.fold)} % fold "
            f"(left out by the mapping), {percent(idle.edge)} % edge (tiles that do not fill), "
            f"{percent(idle.stall)} % stall (waiting)"
        )
        return said

    def _roof_columns(self) -> list[Column]:
        roofs = self.roofs
        return [
            Column("memory", [clean(roof.memory) for roof in roofs], left=True),
            Column("bytes", [quantity(roof.bytes, "B") for roof in roofs]),
            Column("MACs/byte", [NONE if r.intensity is None else f"{r.intensity:.4g}" for r in roofs]),
            Column("ceiling", [NONE if r.ceiling is None else f"{r.ceiling:.4g}" for r in roofs]),
            Column("peak", [str(roof.peak) for roof in roofs]),
            Column("achieved", [f"{roof.achieved:.4g}" for roof in roofs]),
            Column("% of roof", [percent(roof.reached) for roof in roofs]),
        ]

    def _energy_columns(self) -> list[Column]:
        total = self.total_energy or 1.0
        levels = [name for name, split in self.energy.items() if any(split.values())]

        def cells(role: str) -> list[str]:
            return [
                percent(self.energy[name][role] / total) if self.energy[name].get(role) else NONE
                for name in levels
            ]

        return [
            Column("level", [clean(name) for name in levels], left=True),
            *(Column(role or "itself", cells(role)) for role in (*ROLES, "")),
            Column("all", [percent(sum(self.energy[name].values()) / total) for name in levels]),
        ]

    def _change_columns(self) -> list[Column]:
        changes = self.changes
        return [
            Column("change", [clean(change.what) for change in changes], left=True),
            Column("cycles", [count(change.cycles) for change in changes]),
            Column("ratio", [ratio(change.cycles_ratio) for change in changes]),
            Column("energy", [energy(change.energy, self.energy_unit) for change in changes]),
            Column("ratio", [ratio(change.energy_ratio) for change in changes]),
            Column("area ratio", [ratio(change.area_ratio) for change in changes]),
            Column("then bound by", [change.bound_by or NONE for change in changes], left=True),
        ]

    def to_rows(self) -> list[Row]:
        """Return one flat row for each change, the chip as it is first."""
        base: Row = {
            "change": "",
            "cycles": self.cycles,
            "cycles_ratio": 1.0,
            "energy": self.total_energy,
            "energy_ratio": 1.0,
            "area_ratio": 1.0,
            "bound_by": _longest(self.bound_cycles),
            "reason": None,
        }
        return [
            base,
            *(
                {
                    "change": change.what,
                    "cycles": change.cycles,
                    "cycles_ratio": change.cycles_ratio,
                    "energy": change.energy,
                    "energy_ratio": change.energy_ratio,
                    "area_ratio": change.area_ratio,
                    "bound_by": change.bound_by,
                    "reason": change.reason,
                }
                for change in self.changes
            ),
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain numbers, strings, lists and dicts."""
        return {
            "network": self.network,
            "chip": self.chip,
            "dataflow": self.dataflow,
            "objective": self.objective,
            "layers": [layer.name for layer in self.layers],
            "cycles": self.cycles,
            "energy": self.total_energy,
            "energy_unit": self.energy_unit,
            "bound_cycles": dict(self.bound_cycles),
            "roofline": [
                {
                    "memory": roof.memory,
                    "bytes": roof.bytes,
                    "macs_per_byte": roof.intensity,
                    "ceiling_macs_per_cycle": roof.ceiling,
                    "peak_macs_per_cycle": roof.peak,
                    "achieved_macs_per_cycle": roof.achieved,
                }
                for roof in self.roofs
            ],
            "pe_cycles": {
                "busy": self.idle.busy,
                "edge": self.idle.edge,
                "fold": self.idle.fold,
                "stall": self.idle.stall,
            },
            "energy_by_level_and_tensor": {name: dict(split) for name, split in self.energy.items()},
            "changes": self.to_rows()[1:],
        }

    def to_json(self) -> str:
        """Return `to_dict()` as JSON text."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False) + "\n"

    def to_csv(self) -> str:
        """Return the changes as CSV text, the chip as it is first."""
        return csv_text(self.to_rows())

    def to_dataframe(self) -> pd.DataFrame:
        """Return the changes as a pandas frame, the chip as it is first."""
        return dataframe(self.to_rows())

    def to_html(self) -> str:
        """Return a page that needs no other file: what bounds it, rooflines, energy, and what changes buy."""
        from dnnaccel.report.html import page
        from dnnaccel.report.html.made import named_inputs

        what = self.network if self.name == self.network else f"{self.network}:{self.name}"
        chip = next((layer.chip for layer in self.layers if layer.chip is not None), None)
        inputs = named_inputs(chip, network=what, dataflow=self.dataflow, objective=self.objective)
        return page(f"{clean(what)} on {clean(self.chip)}, explained", self._blocks(), inputs=inputs)

    def _repr_html_(self) -> str:
        from dnnaccel.report.html import fragment

        return fragment(*self._blocks())

    def _blocks(self) -> list[str]:
        from dnnaccel.report.html import heat_map, paragraph, section, table
        from dnnaccel.report.html.rooflines import rooflines

        levels = [name for name, split in self.energy.items() if any(split.values())]
        chip = next((layer.chip for layer in self.layers if layer.chip is not None), None)
        drawn = [] if chip is None else rooflines(self.layers, chip)
        blocks = [
            *map(paragraph, self._sentences()),
            section("Roofline at each memory (MACs per cycle)", table(self._roof_columns()), *drawn),
            section(
                "Energy by level and tensor",
                heat_map(
                    [clean(name) for name in levels],
                    [role or "itself" for role in (*ROLES, "")],
                    [[self.energy[name].get(role) for role in (*ROLES, "")] for name in levels],
                    unit_text=lambda spent: energy(spent, self.energy_unit),
                ),
            ),
        ]
        if self.changes:
            refused = [f"{clean(c.what)}: cannot run: {c.reason}" for c in self.changes if c.reason]
            bought = section(
                "What a change would buy: searched and costed anew",
                table(self._change_columns()),
                *map(paragraph, refused),
            )
            blocks.append(bought)
        return blocks

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        return f"<Explanation of {self.name} on {self.chip}: bound by {_longest(self.bound_cycles)}>"


def explain(
    net: Network | Layer | str,
    chip: Chip | str | os.PathLike[str],
    layer: str | None = None,
    *,
    dataflow: Dataflow | str | os.PathLike[str] | None = None,
    objective: str = "energy",
    density: DensityLike | None = None,
    changes: bool = True,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Explanation:
    """Say what bounds a network, or one layer of it, on a chip, and what a change would buy.

    Parameters
    ----------
    net, chip, dataflow, objective, density, threads, progress
        As `simulate` takes them.
    layer
        Name of one layer; None for the network as a whole.
    changes
        Work out what twice each bandwidth, buffer, and side of each array would buy: every one is a chip of
        its own, searched and costed anew. False leaves that out, and is quicker.

    Raises
    ------
    DnnAccelError
        As `simulate`; also for a layer without MACs.
    """
    from dnnaccel import arch, zoo
    from dnnaccel.simulate import simulate

    network = zoo.load(net) if isinstance(net, str) else net
    machine = chip if isinstance(chip, arch.Chip) else arch.load(chip)
    if isinstance(network, Layer) and layer not in (None, network.name):
        raise unknown_name("layer", layer, [network.name])
    part = network if layer is None or isinstance(network, Layer) else network[layer]
    if isinstance(part, Layer) and part.problem is None:
        raise DnnAccelError(
            f"{part.kind} {part.name!r} has no MACs: there is nothing to explain but its words"
        )
    variants = list(_variants(machine)) if changes else []
    total = 1 + len(variants)

    def run(target: Chip, done: int, what: str) -> tuple[LayerReport, ...]:
        report = simulate(
            part,
            target,
            dataflow=dataflow,
            objective=objective,
            density=density,
            threads=threads,
            progress=None
            if progress is None
            else lambda _done, _total, name: progress(done, total, f"{what}: {name}"),
        )
        names.append(report.dataflow)
        return report.layers

    names: list[str] = []
    layers = run(machine, 0, "as it is")
    found = []
    for index, (what, changed) in enumerate(variants):
        if isinstance(changed, str):
            found.append(_refused(what, changed))
            continue
        try:
            found.append(_change(what, layers, run(changed, index + 1, what), machine, changed))
        except (DataflowError, MappingError) as error:
            found.append(_refused(what, str(error)))
    return Explanation(
        network=network.name,
        chip=machine.name,
        dataflow=names[0],
        objective=objective,
        layers=layers,
        bound_cycles=bound_cycles(layers),
        roofs=roofs(layers, [memory.name for memory in machine.memories], machine.peak_macs_per_cycle),
        idle=idle(layers, machine.peak_macs_per_cycle),
        energy=_energy(layers),
        energy_unit=machine.energy_unit,
        changes=tuple(found),
    )


def _variants(chip: Chip) -> Iterator[tuple[str, Chip | str]]:
    """Give each chip with one thing doubled, or why there is none."""
    from dnnaccel.arch import Array, Memory
    from dnnaccel.errors import ArchitectureError

    for level in chip.levels:
        doubled: list[tuple[str, dict[str, object]]] = []
        if isinstance(level, Memory):
            ports = ("read_bytes_per_cycle", "write_bytes_per_cycle", "bytes_per_cycle")
            rates = {port: getattr(level, port) for port in ports if getattr(level, port) is not None}
            if rates:
                change = {f"{level.name}.{port}": 2 * rate for port, rate in rates.items()}
                doubled.append((f"2x {level.name} bandwidth", change))
            if level.size_bytes is not None:
                doubled.append((f"2x {level.name} size", {f"{level.name}.size_bytes": 2 * level.size_bytes}))
        elif isinstance(level, Array):
            for side in ("rows", "columns"):
                length = getattr(level, side)
                if length > 1:
                    doubled.append((f"2x {level.name} {side}", {f"{level.name}.{side}": 2 * length}))
        for what, change in doubled:
            try:
                yield what, chip.override(change)
            except ArchitectureError as error:
                yield what, str(error)


def _change(
    what: str, before: tuple[LayerReport, ...], after: tuple[LayerReport, ...], old: Chip, new: Chip
) -> Change:
    cycles = [sum(layer.cycles for layer in layers) for layers in (before, after)]
    spent = [sum(layer.energy for layer in layers) for layers in (before, after)]
    area = new.area / old.area if old.area and new.area else None
    return Change(
        what=what,
        cycles=cycles[1],
        energy=spent[1],
        cycles_ratio=cycles[1] / cycles[0] if cycles[0] else None,
        energy_ratio=spent[1] / spent[0] if spent[0] else None,
        area_ratio=area,
        bound_by=_longest(bound_cycles(after)),
    )


def _refused(what: str, reason: str) -> Change:
    nothing = dict.fromkeys(("cycles", "energy", "cycles_ratio", "energy_ratio", "area_ratio", "bound_by"))
    return Change(what=what, reason=reason, **nothing)


def _longest(split: Mapping[str, int]) -> str:
    return max(split, key=lambda name: split[name], default=NONE)


def _bound_sentence(layer: LayerReport) -> str:
    port = f", {layer.bound_port}" if layer.bound_port else ""
    levels = ", ".join(f"{name} {count(cycles)}" for name, cycles in layer.level_cycles if cycles)
    return (
        f"Bound by {layer.bound_by}{port}: computing alone takes {count(layer.compute_cycles)} cycles"
        + (f"; each memory alone: {levels}" if levels else "")
        + f"; {count(layer.ramp_cycles)} fill and drain"
    )


def _energy(layers: tuple[LayerReport, ...]) -> dict[str, dict[str, float]]:
    split: dict[str, dict[str, float]] = {}

    def add(level: str, tensor: str, spent: float) -> None:
        of = split.setdefault(level, {})
        of[tensor] = of.get(tensor, 0.0) + spent

    for layer in layers:
        for level in layer.levels:
            add(level.level, level.tensor, level.energy)
        for network in layer.networks:
            add(network.array, network.tensor, network.energy)
        for name, spent in (
            ("mac", layer.mac_energy),
            ("vector", layer.vector_energy),
            ("leakage", layer.leakage_energy),
        ):
            if spent:
                add(name, "", spent)
    return split
