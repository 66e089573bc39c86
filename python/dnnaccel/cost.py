"""The cost of one layer on one chip: what was moved, how long it took, what it spent."""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dnnaccel import _core
from dnnaccel._lower import leakage_per_cycle, lower_chip, lower_mapping, lower_problem
from dnnaccel._nest import cost_text, nest_text
from dnnaccel._text import DEFAULT_WIDTH
from dnnaccel._zeros import effectual_fraction, lower_density
from dnnaccel.errors import DnnAccelError, LayerError, MappingError, unknown_name
from dnnaccel.mapping import Mapping
from dnnaccel.problem import ROLES
from dnnaccel.provenance import Price, Provenance, layer_provenance, prices_of
from dnnaccel.stalls import Stall

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from dnnaccel.activity import Activity
    from dnnaccel.arch import Chip
    from dnnaccel.dram import DramReport
    from dnnaccel.layers import Layer
    from dnnaccel.problem import Problem
    from dnnaccel.sparsity import Density

__all__ = ["FUSED", "LayerReport", "LevelCount", "NetworkCount", "evaluate"]

FUSED = "fused into "
"""How the note of a layer begins that is done with another one, whose name follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelCount:
    """What one memory level did for one tensor in one layer, summed over its instances.

    `reads` and `writes` are words of `word_bits` bits, as if no word were zero; `tile_words` is the largest
    tile that one instance holds. `effective_reads` and `effective_writes` are what really passes the ports,
    in words' worth of bits: expected values where zeros are skipped, gated or compressed away (metadata
    included), else equal to `reads` and `writes`. `energy` is theirs, in the chip's unit.
    """

    level: str
    tensor: str
    reads: int
    writes: int
    tile_words: int
    word_bits: int
    effective_reads: float
    effective_writes: float
    energy: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkCount:
    """What the network of one array did for one tensor in one layer, in words.

    For operands `sent` left the parent and `delivered` reached the instances below; for outputs `delivered`
    came up from the instances and `sent` reached the parent. `hops` passed between neighbours: copies handed
    on, or partial sums added on the way (delivered - sent). `returned` are begun sums that went back down to
    the instances (outputs only).
    """

    array: str
    tensor: str
    sent: int
    delivered: int
    hops: int
    returned: int
    energy: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerReport:
    """What one layer costs on one chip.

    `cycles` is the latency; `compute_cycles` what it would be with free memories; `level_cycles` the time
    each memory's ports and each array's network are busy; `exposed_cycles` what single-buffered memories make
    compute wait for their refills; `ramp_cycles` the first fill and last drain that double buffering cannot
    hide; `bound_by` names the slowest ("compute", "vector", a memory or an array), `bound_port` which of its
    ports that is ("read", "write", "shared", or the tensor on a network) and `bound_margin` by how much.
    `active_pes` is the number of MAC units that ever work. Where the chip skips zeros, `timed_macs` are the
    MACs that still take time, and where it gates or skips them, `effectual_macs` those that still spend
    energy; `utilization` is timed MACs / (cycles x MAC units).
    Energies are in `energy_unit`; `seconds` needs the chip's clock. `ops` are operations of the chip's vector
    unit. `note` says what was done to a layer without MACs ("fused into conv1", "no words move"). `prices`
    are what each action costs on the `chip`, which is None in a report that was put together without one.
    `optimal` says of a mapping that was searched for whether it is proved that none is better, and is None
    where none was; it is no part of what makes two reports equal.
    `fidelity` says how closely it was looked at. Beyond "analytical", `cycles` are those of the simulated
    schedule, `stalls` are all the cycles in which the MACs stood still, by cause (with `compute_cycles` they
    add up to the cycles, each rounded by itself), `exposed_cycles` are the stalls for refills, and
    `ramp_cycles` those for the first fill and the last drain; `bound_by` is what the MACs wait for longest,
    if that is for longer than they work. `dram` is what a DRAM that was timed command by command did,
    `activity` what the elements of an array did that was simulated cycle by cycle.
    """

    name: str
    kind: str
    macs: int
    ops: int
    cycles: int
    compute_cycles: int
    level_cycles: tuple[tuple[str, int], ...]
    exposed_cycles: int
    ramp_cycles: int
    clock_mhz: float | None
    utilization: float
    active_pes: int
    bound_by: str
    bound_port: str = ""
    levels: tuple[LevelCount, ...]
    networks: tuple[NetworkCount, ...]
    timed_macs: float
    effectual_macs: float
    mac_energy: float
    vector_energy: float
    leakage_energy: float = 0.0
    energy_unit: str
    mapping: Mapping | None
    note: str = ""
    prices: tuple[Price, ...] = field(default=(), repr=False)
    fidelity: str = "analytical"
    stalls: tuple[Stall, ...] = ()
    dram: DramReport | None = None
    activity: Activity | None = field(default=None, repr=False, compare=False)
    chip: Chip | None = field(default=None, repr=False, compare=False)
    optimal: bool | None = field(default=None, compare=False)

    @property
    def fused_into(self) -> str | None:
        """Name of the layer that this one's operations are done with, or None if it runs by itself."""
        return self.note.removeprefix(FUSED) if self.note.startswith(FUSED) else None

    @property
    def seconds(self) -> float | None:
        """Latency in seconds, or None if the chip states no clock."""
        return None if self.clock_mhz is None else self.cycles / (self.clock_mhz * 1e6)

    @property
    def bound_margin(self) -> float | None:
        """How many times as long the slowest part is busy as the next; None if there is nothing beside it.

        A simulation does not say.
        """
        if self.fidelity != "analytical":
            return None
        busy = [self.compute_cycles + self.exposed_cycles, *(cycles for _, cycles in self.level_cycles)]
        if self.macs and self.bound_by == "vector":
            busy.append(self.cycles)
        parts = sorted(busy)
        return parts[-1] / parts[-2] if len(parts) > 1 and parts[-2] else None

    @property
    def energy(self) -> float:
        """Total energy in `energy_unit`: memories, networks, MACs, vector operations and leakage."""
        return sum(self.energy_by_level().values())

    @property
    def energy_pj(self) -> float:
        """Total energy in pJ; raises `DnnAccelError` if the chip states its energies in another unit."""
        return in_picojoules(self.energy, self.energy_unit)

    def energy_by_level(self) -> dict[str, float]:
        """Energy by where it was spent: each memory, each array's network, "mac", "vector" and "leakage"."""
        split: dict[str, float] = {}
        for level in self.levels:
            split[level.level] = split.get(level.level, 0.0) + level.energy
        for network in self.networks:
            split[network.array] = split.get(network.array, 0.0) + network.energy
        split["mac"] = self.mac_energy
        split["vector"] = self.vector_energy
        split["leakage"] = self.leakage_energy
        return split

    def energy_by_tensor(self) -> dict[str, float]:
        """Energy by what it was spent on: each tensor, "mac", "vector" and "leakage"."""
        split: dict[str, float] = {}
        counts: tuple[LevelCount | NetworkCount, ...] = (*self.levels, *self.networks)
        for count in counts:
            split[count.tensor] = split.get(count.tensor, 0.0) + count.energy
        split["mac"] = self.mac_energy
        split["vector"] = self.vector_energy
        split["leakage"] = self.leakage_energy
        return split

    def provenance(self) -> Provenance:
        """Return the energy as products of counts and sourced energies per action, which sum to it exactly.

        Raises `DnnAccelError` for a report that was put together without a chip's prices.
        """
        if not self.prices:
            raise DnnAccelError(f"the report of layer {self.name!r} does not hold what each action costs")
        return layer_provenance(self, self.prices)

    def traffic(self, level: str, tensor: str | None = None, unit: str = "words") -> int:
        """Reads + writes of memory `level`, of one tensor role or of all, in "words" or "bytes".

        Words are counted as if none were zero; bytes are those that really move. Raises `UnknownNameError`
        for a level or tensor that the chip has not, or another unit.
        """
        if unit not in ("words", "bytes"):
            raise unknown_name("unit", unit, ("words", "bytes"))
        names = list(dict.fromkeys(count.level for count in self.levels))
        if level not in names:
            raise unknown_name("level", level, names)
        tensors = list(dict.fromkeys(count.tensor for count in self.levels))
        if tensor is not None and tensor not in tensors:
            raise unknown_name("tensor", tensor, tensors)
        total = 0
        for count in self.levels:
            if count.level == level and tensor in (None, count.tensor):
                if unit == "words":
                    total += count.reads + count.writes
                    continue
                # A word need not be whole bytes (a 4-bit code, a 20-bit sum): round each count up once.
                moved = count.effective_reads + count.effective_writes
                total += math.ceil(moved * count.word_bits / 8)
        return total

    def to_text(self, *, width: int = DEFAULT_WIDTH) -> str:
        """Return the loop nest with the counts of every level beside it, then time and energy.

        For lines of `width` characters; a report without a mapping or a chip gives one line.
        """
        if self.mapping is None or self.chip is None:
            return repr(self)
        return f"{nest_text(self, width=width)}\n\n{cost_text(self, width=width)}"

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain numbers, strings, lists and dicts, ready for JSON."""
        return {
            "name": self.name,
            "kind": self.kind,
            "macs": self.macs,
            "ops": self.ops,
            "cycles": self.cycles,
            "compute_cycles": self.compute_cycles,
            "level_cycles": dict(self.level_cycles),
            "exposed_cycles": self.exposed_cycles,
            "ramp_cycles": self.ramp_cycles,
            "seconds": self.seconds,
            "utilization": self.utilization,
            "active_pes": self.active_pes,
            "bound_by": self.bound_by,
            "bound_port": self.bound_port,
            "bound_margin": self.bound_margin,
            "timed_macs": self.timed_macs,
            "effectual_macs": self.effectual_macs,
            "energy": self.energy,
            "energy_unit": self.energy_unit,
            "energy_by_level": self.energy_by_level(),
            "energy_by_tensor": self.energy_by_tensor(),
            "levels": [
                {name: getattr(count, name) for name in LevelCount.__slots__} for count in self.levels
            ],
            "networks": [
                {name: getattr(count, name) for name in NetworkCount.__slots__} for count in self.networks
            ],
            "mapping": None if self.mapping is None else str(self.mapping),
            "optimal": self.optimal,
            "fidelity": self.fidelity,
            "stalls": [stall.to_dict() for stall in self.stalls],
            "dram": None if self.dram is None else self.dram.to_dict(),
            "note": self.note,
        }

    def to_json(self) -> str:
        """Return `to_dict()` as JSON text, indented by two blanks."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False) + "\n"

    def plot(
        self, kind: str = "nest", path: str | os.PathLike[str] | None = None, *, width: str | None = None
    ) -> Figure:
        """Draw the loop nest over the chip's levels and return the matplotlib figure; `path` saves it.

        Each level is a box, outermost on top, with its loops and with the words that one instance holds of
        each tensor, as a part of what it can hold; what passes it by is dashed. "nest" is the only kind.
        `path` and `width` are as `Report.plot` takes them, which says what is raised; `MappingError` for a
        layer without MACs.
        """
        from dnnaccel.report.plots.kind import draw
        from dnnaccel.report.plots.kinds import COST_KINDS

        return draw(self, COST_KINDS, kind, path, width=width)

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        from dnnaccel.report.html import fragment
        from dnnaccel.report.html.search import layer_blocks

        return fragment(*layer_blocks(self))

    def __repr__(self) -> str:
        return (
            f"<LayerReport {self.name}: {self.macs} MACs, {self.cycles} cycles, "
            f"{self.energy:.4g} {self.energy_unit}, bound by {self.bound_by}>"
        )


def in_picojoules(energy: float, unit: str) -> float:
    """Return `energy` if its unit is pJ, and refuse to convert it otherwise."""
    if unit != "pJ":
        raise DnnAccelError(
            f"this chip states its energies in units of {unit}, not in pJ; read .energy with .energy_unit"
        )
    return energy


def evaluate(
    layer: Layer,
    chip: Chip,
    mapping: Mapping | str | os.PathLike[str],
    *,
    density: Density | None = None,
) -> LayerReport:
    """Cost one mapping of one layer on a chip: closed form, a fraction of a millisecond.

    `mapping` is a `Mapping`, its text, or the path of a file that holds it. `density` says which words are
    zero; None takes none to be, and leaves the chip's gating, skipping and compressed formats out of the
    count. The vector operations of a layer with MACs (the gates of a recurrent one) run beside the MACs, and
    cost time where they take longer.

    Raises `MappingError` if it does not belong to the layer and the chip, or if a tile does not fit (naming
    level, tensors, words needed and words there), and `LayerError` for a layer without MACs.
    """
    problem, nest = mapped_problem(layer, mapping)
    try:
        found = _core.evaluate(*lower_case(problem, chip, nest), lower_zeros(density, chip, problem))
    except (ValueError, MappingError) as error:
        raise MappingError(f"layer {layer.name!r} on {chip.name}: {error}") from None
    if found.misfit is not None:
        raise MappingError(f"layer {layer.name!r} on {chip.name}: {describe_misfit(found.misfit, chip)}")
    return layer_report(layer, chip, nest, found.counts, found.cost, density=density)


def mapped_problem(layer: Layer, mapping: Mapping | str | os.PathLike[str]) -> tuple[Problem, Mapping]:
    """Return the problem of a layer and the mapping as an object; `LayerError` for a layer without MACs."""
    if layer.problem is None:
        raise LayerError(f"layer {layer.name!r} ({layer.kind}) has no MACs and so no mapping to cost")
    return layer.problem, Mapping.of(mapping)


def lower_case(
    problem: Problem, chip: Chip, mapping: Mapping
) -> tuple[_core.Problem, _core.Architecture, _core.Mapping]:
    """Return a problem, a chip and a mapping as the core takes them."""
    return lower_problem(problem), lower_chip(chip), lower_mapping(mapping, chip, problem)


def lower_zeros(density: Density | None, chip: Chip, problem: Problem) -> _core.Sparsity | None:
    """Return what zeros do to counts as the core takes it; None if nobody says where any are."""
    return None if density is None else lower_density(density, chip, problem)


def describe_misfit(misfit: _core.Misfit, chip: Chip) -> str:
    """Say which level a mapping does not fit, by which tensors, words needed and words there."""
    memory = chip.levels[misfit.level]
    tiles = dict(zip(ROLES, misfit.tiles, strict=True))
    split = " + ".join(f"{role} {words}" for role, words in tiles.items() if words)
    largest = max(tiles, key=lambda role: tiles[role])
    double = "twice " if chip.memory(memory.name).double_buffered else ""
    return (
        f"level {memory.name} needs {misfit.words_needed} words for {double}its tiles "
        f"({split}; most for {largest}) and has {misfit.words_there}"
    )


def layer_report(
    layer: Layer,
    chip: Chip,
    mapping: Mapping,
    counts: _core.Counts,
    cost: _core.Cost,
    *,
    density: Density | None,
) -> LayerReport:
    """Return what counts and their cost say of a layer, with names for levels and tensors."""
    problem = layer.problem
    assert problem is not None
    timed = spent = 1.0
    if density is not None:
        timed = effectual_fraction(density, problem, chip.mac.skips)
        spent = effectual_fraction(density, problem, {*chip.mac.gates, *chip.mac.skips})
    depth = len(chip.levels)
    memory_counts, memory_energy = counts.memories(depth), cost.memory_energy(depth)
    network_counts, network_energy = counts.networks(depth), cost.network_energy(depth)
    reads, writes = cost.reads(depth), cost.writes(depth)
    busy, ports = cost.level_cycles(depth), cost.level_ports(depth)
    levels, networks, level_cycles = [], [], []
    for i, level in enumerate(chip.levels):
        level_cycles.append((level.name, math.ceil(busy[i])))
        if level in chip.memories:
            for r, role in enumerate(ROLES):
                count = memory_counts[i][r]
                levels.append(
                    LevelCount(
                        level=level.name,
                        tensor=role,
                        reads=count.reads,
                        writes=count.writes,
                        tile_words=count.tile,
                        word_bits=chip.memory(level.name).word_bits,
                        effective_reads=reads[i][r],
                        effective_writes=writes[i][r],
                        energy=memory_energy[i][r],
                    )
                )
            continue
        for r, role in enumerate(ROLES):
            moved = network_counts[i][r]
            networks.append(
                NetworkCount(
                    array=level.name,
                    tensor=role,
                    sent=moved.sent,
                    delivered=moved.delivered,
                    hops=moved.hops,
                    returned=moved.returned,
                    energy=network_energy[i][r],
                )
            )
    vector_cycles = math.ceil(layer.ops / chip.vector.lanes)
    cycles = max(cost.cycles, vector_cycles)
    if vector_cycles > cost.cycles:
        bound_by, bound_port = "vector", ""
    elif cost.bound_by < 0:
        bound_by, bound_port = "compute", ""
    else:
        bound_by, bound_port = chip.levels[cost.bound_by].name, ports[cost.bound_by].name
    return LayerReport(
        name=layer.name,
        kind=layer.kind,
        macs=counts.macs,
        ops=layer.ops,
        cycles=cycles,
        compute_cycles=math.ceil(cost.compute_cycles),
        level_cycles=tuple(level_cycles),
        exposed_cycles=math.ceil(cost.exposed_cycles),
        ramp_cycles=math.ceil(cost.ramp_cycles),
        clock_mhz=chip.clock_mhz,
        utilization=problem.macs * timed / (cycles * chip.peak_macs_per_cycle),
        active_pes=counts.active_macs,
        bound_by=bound_by,
        bound_port=bound_port,
        levels=tuple(levels),
        networks=tuple(networks),
        timed_macs=problem.macs * timed,
        effectual_macs=problem.macs * spent,
        mac_energy=cost.mac_energy,
        vector_energy=layer.ops * chip.vector.op_energy,
        leakage_energy=cost.leakage_energy + (cycles - cost.cycles) * leakage_per_cycle(chip),
        energy_unit=chip.energy_unit,
        mapping=mapping.with_extents(problem.bounds),
        prices=prices_of(chip),
        chip=chip,
    )
