"""Where every unit of energy comes from: counts, the energy of each action, and the source of that number."""

from __future__ import annotations

import functools
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from dnnaccel._lower import leakage_per_cycle
from dnnaccel.errors import MissingExtraError

if TYPE_CHECKING:
    import pandas

    from dnnaccel.arch import Chip
    from dnnaccel.cost import LayerReport, LevelCount, NetworkCount

__all__ = ["Price", "Provenance", "ProvenanceRow", "layer_provenance", "prices_of"]

NO_SOURCE = "no source stated"


@dataclass(frozen=True, slots=True)
class Price:
    """What one action costs: a "read" or "write" of a memory, a "delivery" or "hop" of a network, ...

    `tensor` is "" where the price holds for every tensor, `energy` in the chip's unit.
    """

    level: str
    tensor: str
    action: str
    energy: float
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenanceRow:
    """One product of a report's energy: `count` actions of `energy_per_action` each, and who says so.

    `layer` is "" where layers are taken together, `tensor` where an action is none of a tensor's. `action` is
    read, write, delivery, hop, mac, vector (of which `count` is operations) or leakage (cycles).
    """

    layer: str
    level: str
    tensor: str
    action: str
    count: float
    energy_per_action: float
    energy: float
    unit: str
    source: str


@dataclass(frozen=True, slots=True, repr=False)
class Provenance:
    """The energy of a report as products of counts and sourced numbers, which sum to it exactly.

    Iterating gives the rows. `merged` takes the layers together, `to_text` and `str` print them so.
    """

    rows: tuple[ProvenanceRow, ...]
    energy_unit: str

    def __iter__(self) -> Iterator[ProvenanceRow]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def energy(self) -> float:
        """Sum of the rows in `energy_unit`, added up in the order of the report, so that no bit differs."""
        layers: dict[str, dict[str, float]] = {}
        counts: dict[tuple[str, str, str], float] = {}
        for row in self.rows:
            key = (row.layer, row.level, row.tensor)
            counts[key] = counts.get(key, 0.0) + row.energy
        for (layer, level, _), spent in counts.items():
            levels = layers.setdefault(layer, {})
            levels[level] = levels.get(level, 0.0) + spent
        return sum(sum(levels.values()) for levels in layers.values())

    def merged(self) -> Provenance:
        """Return the same with all layers taken together: a row for each level, tensor and action."""
        found: dict[tuple[str, str, str], ProvenanceRow] = {}
        for row in self.rows:
            key = (row.level, row.tensor, row.action)
            if key in found:
                known = found[key]
                found[key] = replace(known, count=known.count + row.count, energy=known.energy + row.energy)
            else:
                found[key] = replace(row, layer="")
        order = {level: place for place, level in enumerate(dict.fromkeys(row.level for row in self.rows))}
        rows = sorted(found.values(), key=lambda row: order[row.level])
        return Provenance(tuple(rows), self.energy_unit)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain numbers, strings, lists and dicts, ready for JSON."""
        return {
            "energy": self.energy,
            "energy_unit": self.energy_unit,
            "rows": [asdict(row) for row in self.rows],
        }

    def to_dataframe(self) -> pandas.DataFrame:
        """Return one row per layer, level, tensor and action; raises `MissingExtraError` without pandas."""
        try:
            import pandas
        except ImportError as error:
            raise MissingExtraError("to_dataframe needs pandas: pip install 'dnnaccel[data]'") from error
        columns = list(ProvenanceRow.__slots__)
        frame: pandas.DataFrame = pandas.DataFrame([asdict(row) for row in self.rows], columns=columns)
        return frame

    def to_text(self, *, width: int = 120) -> str:
        """Return the rows, layers taken together, as a table, and below it the sources by number."""
        rows = self.merged().rows
        numbers = {text: place for place, text in enumerate(dict.fromkeys(row.source for row in rows), 1)}
        total = self.energy
        head = (
            "level",
            "tensor",
            "action",
            "count",
            f"{self.energy_unit} each",
            self.energy_unit,
            "%",
            "source",
        )
        body = [
            (
                row.level,
                row.tensor,
                row.action,
                f"{row.count:,.10g}",
                f"{row.energy_per_action:.6g}",
                f"{row.energy:,.6g}",
                f"{100 * row.energy / total:.1f}" if total else "-",
                f"[{numbers[row.source]}]",
            )
            for row in rows
        ]
        foot = ("total", "", "", "", "", f"{total:,.6g}", "100.0" if total else "-", "")
        sources = [
            textwrap.fill(f"[{number}] {source or NO_SOURCE}", width, subsequent_indent="    ")
            for source, number in numbers.items()
        ]
        return "\n".join([*_table([head, *body, foot]), "", *sources])

    def _repr_html_(self) -> str:
        from dnnaccel.report.html import fragment, preformatted

        return fragment(preformatted(str(self)))

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        return f"<Provenance: {len(self.rows)} rows, {self.energy:.4g} {self.energy_unit}>"


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    """Lay out a head, a body and a foot with rules between; numbers stand right, words left."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    left = {0, 1, 2, len(widths) - 1}
    lines = [
        "  ".join(
            cell.ljust(width) if place in left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    rule = "─" * (sum(widths) + 2 * (len(widths) - 1))
    return [lines[0], rule, *lines[1:-1], rule, lines[-1]]


@functools.lru_cache(maxsize=64)
def prices_of(chip: Chip) -> tuple[Price, ...]:
    """Return what each action costs on a chip, with its source."""
    from dnnaccel.arch import Memory  # only where a chip exists already: it brings the validation library
    from dnnaccel.arch.estimates import source_of

    prices: list[Price] = []
    leaks = []
    for level in chip.levels:
        if isinstance(level, Memory):
            prices.append(Price(level.name, "", "read", level.read_energy, source_of(level, "read_energy")))
            prices.append(
                Price(level.name, "", "write", level.write_energy, source_of(level, "write_energy"))
            )
        else:
            prices += [
                Price(level.name, role, how, level.energy, source_of(level, "energy"))
                for role, how in level.charge.items()
                if how != "none"
            ]
        if level.leakage_mw:
            leaks.append(f"{level.name}: {source_of(level, 'leakage_mw') or NO_SOURCE}")
    if chip.mac.leakage_mw:
        leaks.append(f"mac: {chip.mac.source or NO_SOURCE}")
    prices.append(Price("mac", "", "mac", chip.mac.energy, source_of(chip.mac, "energy")))
    prices.append(Price("vector", "", "vector", chip.vector.op_energy, chip.vector.source))
    if chip.leakage_mw:
        said = "; ".join(leaks) or chip.source or NO_SOURCE
        text = f"{chip.leakage_mw:.6g} mW of leakage over {chip.clock_mhz:g} MHz; {said}"
        prices.append(Price("leakage", "", "leakage", leakage_per_cycle(chip), text))
    return tuple(prices)


def layer_provenance(report: LayerReport, prices: Iterable[Price]) -> Provenance:
    """Return the energy of one layer as products of its counts and `prices`."""
    by_action = {(price.level, price.tensor, price.action): price for price in prices}
    by_network = {(price.level, price.tensor): price for price in prices if price.tensor}
    rows: list[ProvenanceRow] = []

    def add(price: Price, tensor: str, count: float, energy: float) -> None:
        if count:
            rows.append(
                ProvenanceRow(
                    layer=report.name,
                    level=price.level,
                    tensor=tensor,
                    action=price.action,
                    count=count,
                    energy_per_action=price.energy,
                    energy=energy,
                    unit=report.energy_unit,
                    source=price.source,
                )
            )

    for level in report.levels:
        for action, count in _accesses(level):
            price = by_action[level.level, "", action]
            add(price, level.tensor, count, count * price.energy)
    for network in report.networks:
        charged = by_network.get((network.array, network.tensor))
        if charged is not None:
            add(charged, network.tensor, _charged(network, charged), network.energy)
    add(by_action["mac", "", "mac"], "", report.effectual_macs, report.mac_energy)
    add(by_action["vector", "", "vector"], "", report.ops, report.vector_energy)
    if ("leakage", "", "leakage") in by_action:
        add(by_action["leakage", "", "leakage"], "", report.cycles, report.leakage_energy)
    return Provenance(tuple(rows), report.energy_unit)


def _accesses(level: LevelCount) -> tuple[tuple[str, float], tuple[str, float]]:
    return ("read", level.effective_reads), ("write", level.effective_writes)


def _charged(network: NetworkCount, price: Price) -> float:
    """Return the words that a network was charged for: fewer than it moved where they cross compressed."""
    moved = network.hops if price.action == "hop" else network.delivered + network.returned
    if moved * price.energy == network.energy:
        return moved
    return network.energy / price.energy
