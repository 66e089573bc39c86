"""What an atlas found: a row for each network on each chip, and how far the orders agree."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dnnaccel._rows import Row
from dnnaccel._text import DEFAULT_WIDTH, Column, clean, layout, notes
from dnnaccel._units import NONE, percent
from dnnaccel.atlas import ranks as orders
from dnnaccel.errors import unknown_name
from dnnaccel.report.outputs import Outputs
from dnnaccel.sweeping.layers import LayerGroup
from dnnaccel.zoo import NetworkRow

if TYPE_CHECKING:
    from dnnaccel.arch import Chip

__all__ = ["FIGURES", "PAIRS", "Atlas", "AtlasChip", "AtlasRow", "Correlation"]

FIGURES = ("macs", "weights", "energy", "latency")
"""What networks are ranked by, least first; latency is in cycles, which order them as seconds do."""

PAIRS = (
    ("macs", "energy"),
    ("macs", "latency"),
    ("weights", "energy"),
    ("weights", "latency"),
    ("energy", "latency"),
)
"""The figures whose orders are held against each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AtlasChip:
    """A chip of the atlas. `energy_unit` is that of all its energies; without a clock it has no seconds."""

    name: str
    dataflow: str
    energy_unit: str
    clock_mhz: float | None
    peak_macs_per_cycle: int

    @classmethod
    def of(cls, chip: Chip) -> AtlasChip:
        """Return what is told of a chip."""
        return cls(
            name=chip.name,
            dataflow=chip.dataflow,
            energy_unit=chip.energy_unit,
            clock_mhz=chip.clock_mhz,
            peak_macs_per_cycle=chip.peak_macs_per_cycle,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AtlasRow:
    """One network on one chip: its figures, as a sweep has them, and its layers, or why it cannot run."""

    network: str
    chip: str
    figures: Mapping[str, Any]
    layers: tuple[LayerGroup, ...]
    reason: str | None = None

    @property
    def energy(self) -> float | None:
        """Energy of one run in the chip's unit."""
        return self.figures.get("energy")

    @property
    def cycles(self) -> int | None:
        """Cycles of one run."""
        return self.figures.get("cycles")

    @property
    def seconds(self) -> float | None:
        """Time of one run in seconds; None where the chip has no clock."""
        return self.figures.get("seconds")

    @property
    def bound_by(self) -> str | None:
        """What bounds most of the cycles: "compute", "vector", a memory or an array."""
        cycles: dict[str, int] = {}
        for group in self.layers:
            cycles[group.bound_by] = cycles.get(group.bound_by, 0) + group.cycles
        return max(cycles, key=lambda name: cycles[name]) if cycles else None

    @property
    def proved(self) -> float | None:
        """The part of the layers with MACs whose mapping is proved to be the best, from 0 to 1."""
        mapped = sum(group.layers for group in self.layers if group.optimal is not None)
        return sum(group.layers for group in self.layers if group.optimal) / mapped if mapped else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Correlation:
    """How far the order of `networks` networks by one figure is theirs by another on a chip.

    `spearman` and `kendall` (tau-b) are 1 for the same order and 0 for none in common; None where they say
    nothing. `swapped` is the part of all pairs of networks of which the one with less of `first` has more of
    `second`.
    """

    chip: str
    first: str
    second: str
    networks: int
    spearman: float | None
    kendall: float | None
    swapped: float | None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Atlas(Outputs):
    """Every network on every chip, in the order that they were given, network by network."""

    networks: tuple[NetworkRow, ...]
    chips: tuple[AtlasChip, ...]
    rows: tuple[AtlasRow, ...]
    objective: str
    effort: str

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[AtlasRow]:
        return iter(self.rows)

    def __getitem__(self, pair: tuple[str, str]) -> AtlasRow:
        """Return the row of (network, chip); raises `UnknownNameError` for one that there is not."""
        network, chip = pair
        if network not in (known := [row.name for row in self.networks]):
            raise unknown_name("network", network, known)
        self._chip(chip)
        return next(row for row in self.rows if (row.network, row.chip) == pair)

    @property
    def ran(self) -> tuple[AtlasRow, ...]:
        """The rows of what could run."""
        return tuple(row for row in self.rows if row.reason is None)

    @property
    def size(self) -> str:
        """What is in it: "56 networks on 22 chips"."""
        networks, chips = len(self.networks), len(self.chips)
        return f"{networks} network{'s' * (networks != 1)} on {chips} chip{'s' * (chips != 1)}"

    def main_dataset(self) -> str | None:
        """Return the dataset that most of the networks are for, the first of equals.

        Networks for one dataset do the same work, so that their orders are worth comparing.
        """
        names = [row.dataset for row in self.networks if row.dataset is not None]
        return max(names, key=names.count, default=None)

    def figures(self, chip: str, dataset: str | None = None) -> dict[str, dict[str, float]]:
        """Return `FIGURES` of the networks that run on a chip: figure to network to value.

        With `dataset`, of those for it alone. Raises `UnknownNameError` for a chip that there is not.
        """
        self._chip(chip)
        of = {row.name: row for row in self.networks if dataset in (None, row.dataset)}
        ran = [row for row in self.ran if row.chip == chip and row.network in of]
        return {
            "macs": {row.network: of[row.network].macs for row in ran},
            "weights": {row.network: of[row.network].weights for row in ran},
            "energy": {row.network: row.figures["energy"] for row in ran},
            "latency": {row.network: row.figures["cycles"] for row in ran},
        }

    def ranks(self, chip: str, dataset: str | None = None) -> dict[str, dict[str, float]]:
        """Return the ranks of the networks on a chip by each figure, 1 for the least; ties share the mean."""
        return {
            name: dict(zip(values, orders.ranks(list(values.values())), strict=True))
            for name, values in self.figures(chip, dataset).items()
        }

    def correlations(self, dataset: str | None = None) -> tuple[Correlation, ...]:
        """Return, for each chip and each of `PAIRS`, how far the two orders of the networks agree."""
        found = []
        for chip in self.chips:
            values = {name: list(of.values()) for name, of in self.figures(chip.name, dataset).items()}
            for first, second in PAIRS:
                one, other = values[first], values[second]
                found.append(
                    Correlation(
                        chip=chip.name,
                        first=first,
                        second=second,
                        networks=len(one),
                        spearman=orders.spearman(one, other),
                        kendall=orders.kendall(one, other),
                        swapped=orders.swapped(one, other),
                    )
                )
        return tuple(found)

    def between_chips(self, figure: str, dataset: str | None = None) -> list[list[float | None]]:
        """Return Kendall's tau of the orders of the networks by a figure on two chips: a row for each chip.

        1 says that the one chip tells what is better on the other. Of the networks that run on both, and with
        `dataset` of those for it. Raises `UnknownNameError` for a figure that there is not.
        """
        if figure not in FIGURES:
            raise unknown_name("figure", figure, FIGURES)
        values = [self.figures(chip.name, dataset)[figure] for chip in self.chips]

        def agree(one: dict[str, float], other: dict[str, float]) -> float | None:
            both = [name for name in one if name in other]
            return orders.kendall([one[name] for name in both], [other[name] for name in both])

        return [[agree(one, other) for other in values] for one in values]

    def per_mac(self, figure: str, chip: str, dataset: str | None = None) -> dict[str, float]:
        """Return "energy" (in the chip's unit) or "latency" (cycles) for each MAC, by network, least first.

        Raises `UnknownNameError` for another figure, or a chip that there is not.
        """
        values = self.figures(chip, dataset)
        if figure not in ("energy", "latency"):
            raise unknown_name("figure", figure, ("energy", "latency"))
        macs = values["macs"]
        each = {name: value / macs[name] for name, value in values[figure].items() if macs[name]}
        return dict(sorted(each.items(), key=lambda item: item[1]))

    def spread(self, figure: str, chip: str, dataset: str | None = None) -> float | None:
        """Return the most over the least of `per_mac`: 1 if MACs tell the figure, None without networks."""
        each = list(self.per_mac(figure, chip, dataset).values())
        return each[-1] / each[0] if each and each[0] > 0 else None

    def _chip(self, name: str) -> AtlasChip:
        for chip in self.chips:
            if chip.name == name:
                return chip
        raise unknown_name("chip", name, [chip.name for chip in self.chips])

    def to_rows(self) -> list[Row]:
        """Return one flat row for each network on each chip."""
        of, on = {row.name: row for row in self.networks}, {chip.name: chip for chip in self.chips}
        rows = []
        for row in self.rows:
            network, figures = of[row.network], row.figures
            rows.append(
                {
                    "network": row.network,
                    "chip": row.chip,
                    "dataflow": on[row.chip].dataflow,
                    "dataset": network.dataset,
                    "top1": network.top1,
                    "top5": network.top5,
                    "macs": network.macs,
                    "weights": network.weights,
                    "energy": row.energy,
                    "energy_unit": on[row.chip].energy_unit,
                    "energy_per_mac": _over(row.energy, network.macs),
                    "cycles": row.cycles,
                    "seconds": row.seconds,
                    "macs_per_cycle": _over(network.macs, row.cycles),
                    "utilization": figures.get("utilization"),
                    "dram_words": figures.get("dram_words"),
                    "bound_by": row.bound_by,
                    "proved": row.proved,
                    "reason": row.reason,
                }
            )
        return rows

    def to_text(self, *, width: int = DEFAULT_WIDTH) -> str:
        """Return a line for each chip, how far the orders agree on it, for lines of `width` characters."""
        dataset = self.main_dataset()
        number = sum(row.dataset == dataset for row in self.networks)
        title = (
            f"{self.size}, mapped for {self.objective} by {self.effort} searches; "
            f"how far the orders of the {number} for {clean(str(dataset))} agree:"
        )
        said = [
            "MACs/energy and the like: Kendall's tau of the orders by the two; 1 is the same order, 0 none. "
            "swapped: pairs of networks of which the one with fewer MACs takes longer. "
            "spread: the most over the least for each MAC."
        ]
        failed: dict[str, list[str]] = {}
        for row in self.rows:
            if row.reason is not None:
                failed.setdefault(row.chip, []).append(row.network)
        said += [f"{clean(chip)} cannot run {', '.join(map(clean, names))}" for chip, names in failed.items()]
        table = layout(self.chip_columns(dataset), width=width)
        return "\n\n".join([notes([title], width=width), table, notes(said, width=width)])

    def chip_columns(self, dataset: str | None, *, taus: bool = True) -> list[Column]:
        """Return the chips, and how far the orders of the networks for a dataset agree on each, as text."""
        names = [chip.name for chip in self.chips]
        by_pair: dict[tuple[str, str], list[Correlation]] = {pair: [] for pair in PAIRS}
        for one in self.correlations(dataset):
            by_pair[one.first, one.second].append(one)
        ran = [sum(row.chip == name for row in self.ran) for name in names]
        return [
            Column("chip", [clean(name) for name in names], left=True),
            Column("dataflow", [clean(chip.dataflow) for chip in self.chips], left=True),
            Column("ran", [str(number) for number in ran]),
            *(
                Column(f"{_SHORT[first]}/ {second}", [_tau(one.kendall) for one in by_pair[first, second]])
                for first, second in (PAIRS if taus else ())
            ),
            Column("swapped %", [percent(one.swapped) for one in by_pair["macs", "latency"]]),
            *(
                Column(f"{figure} spread", [_times(self.spread(figure, name, dataset)) for name in names])
                for figure in ("energy", "latency")
            ),
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain numbers and strings: rows with their layers, networks, orders."""
        return {
            "objective": self.objective,
            "effort": self.effort,
            "networks": [row.to_dict() for row in self.networks],
            "chips": [_fields(chip) for chip in self.chips],
            "correlations": {
                scope or "all": [_fields(one) for one in self.correlations(scope)]
                for scope in (None, self.main_dataset())
            },
            "rows": [
                flat | {"layers": [_fields(group) for group in row.layers]}
                for flat, row in zip(self.to_rows(), self.rows, strict=True)
            ],
        }

    def to_json(self) -> str:
        """Return `to_dict()` as JSON text."""
        return json.dumps(self.to_dict(), indent=1, allow_nan=False) + "\n"

    def to_html(self) -> str:
        """Return a page that needs no other file: charts, orders, a table, and the layers of each row."""
        from dnnaccel.atlas.page import atlas_page

        return atlas_page(self)

    def __repr__(self) -> str:
        return f"<Atlas: {self.size}, {len(self.ran)} of {len(self.rows)} combinations ran>"


_SHORT = {"macs": "MACs", "weights": "weights", "energy": "energy"}


def _over(value: float | None, base: float | None) -> float | None:
    return value / base if value is not None and base else None


def _tau(value: float | None) -> str:
    return NONE if value is None else f"{value:.2f}"


def _times(value: float | None) -> str:
    return NONE if value is None else f"{value:.3g}x"


def _fields(one: Any) -> dict[str, Any]:
    return {name: getattr(one, name) for name in one.__slots__}
