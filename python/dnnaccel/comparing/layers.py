"""Combinations side by side, layer by layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dnnaccel._rows import Row
from dnnaccel._text import DEFAULT_WIDTH, Column, clean, layout, notes
from dnnaccel._units import NONE, count, energy, ratio
from dnnaccel.comparing.figures import aligned_layers, dram_words, ratio_of
from dnnaccel.comparing.rows import ComparisonRow
from dnnaccel.comparing.tables import cannot_run, labels
from dnnaccel.errors import unknown_name
from dnnaccel.report.outputs import Outputs

if TYPE_CHECKING:
    pass

__all__ = ["FIGURES", "SORTS", "TITLES", "LayerComparison", "LayerRow", "NetworkLayers", "compare_layers"]

FIGURES = ("energy", "cycles", "dram_words")
"""What layers are compared by; less is better."""

SORTS = ("order", *FIGURES)
"""Orders of the layers: as they run, or by what they have of a figure in the first column, most first."""

TITLES = {"energy": "Energy", "cycles": "Cycles", "dram_words": "DRAM words (reads + writes)"}


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRow:
    """One layer, or the whole network: figures for each combination; None for one without that layer."""

    name: str
    kind: str
    figures: Mapping[str, tuple[float | None, ...]]
    bound_by: tuple[str | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkLayers:
    """The layers of one network, with a column for each combination that ran; `total` is of all layers."""

    network: str
    columns: tuple[ComparisonRow, ...]
    rows: tuple[LayerRow, ...]
    total: LayerRow

    def labels(self) -> list[str]:
        """Return what tells the columns apart, as headers: chip or dataflow, or both."""
        return labels(self.columns)

    def comparable(self, figure: str) -> list[bool]:
        """Say which columns compare with the first one: energies in another unit do not."""
        units = [_unit(row) for row in self.columns]
        return [figure != "energy" or unit == units[0] for unit in units]

    def ratios(self, row: LayerRow, figure: str) -> list[float | None]:
        """Return a row's figures over that of its first column."""
        values, same = row.figures[figure], self.comparable(figure)
        return [ratio_of(value, values[0]) if ok else None for value, ok in zip(values, same, strict=True)]

    def least(self, row: LayerRow, figure: str) -> tuple[int, ...]:
        """Return the columns with least of a figure among those that compare; none if none has any of it."""
        same = self.comparable(figure)
        known = {i: value for i, value in enumerate(row.figures[figure]) if value is not None and same[i]}
        if not any(known.values()):
            return ()
        return tuple(i for i, value in known.items() if value == min(known.values()))

    def sorted_rows(self, sort: str) -> list[LayerRow]:
        """Return the layers in one of `SORTS`; raises `UnknownNameError` for another."""
        if sort not in SORTS:
            raise unknown_name("order", sort, SORTS)
        rows = list(self.rows)
        return rows if sort == "order" else sorted(rows, key=lambda row: -(row.figures[sort][0] or 0.0))

    def table(self, figure: str, sort: str) -> list[Column]:
        """Return the table of one figure: each value with its ratio, which is least, and the total below.

        Layers that have none of the figure in any column are left out.
        """
        shown = [row for row in self.sorted_rows(sort) if any(row.figures[figure])] + [self.total]
        columns = [Column("layer", [clean(row.name) for row in shown], left=True)]
        for i, (label, column) in enumerate(zip(self.labels(), self.columns, strict=True)):
            values = (row.figures[figure][i] for row in shown)
            columns.append(Column(label, [_cell(value, figure, column) for value in values]))
            if i:
                columns.append(Column("ratio", [ratio(self.ratios(row, figure)[i]) for row in shown]))
        if len(self.columns) > 1:
            columns.append(Column("least", [self._least(row, figure) for row in shown], left=True))
        return columns

    def _least(self, row: LayerRow, figure: str) -> str:
        found, labels = self.least(row, figure), self.labels()
        return "same" if len(found) == len(labels) else ", ".join(labels[i] for i in found) or NONE


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class LayerComparison(Outputs):
    """Every layer of every network under every combination that ran, in one of `SORTS`."""

    networks: tuple[NetworkLayers, ...]
    refused: tuple[ComparisonRow, ...]
    sort: str = "order"

    def __iter__(self) -> Iterator[NetworkLayers]:
        return iter(self.networks)

    def __len__(self) -> int:
        return sum(len(network.rows) for network in self.networks)

    def to_text(self, *, width: int = DEFAULT_WIDTH) -> str:
        """Return a table of each figure of each network as plain text for lines of `width` characters."""
        parts = []
        for title, columns in self.tables():
            parts += [notes([title], width=width), layout(columns, width=width, total=True)]
        return "\n\n".join([*parts, notes(self.remarks(), width=width)])

    def tables(self) -> list[tuple[str, list[Column]]]:
        """Return the tables, each with its title; their last row is the total."""
        return [
            (
                f"{clean(network.network)}: {TITLES[figure]} of each layer",
                network.table(figure, self.sort),
            )
            for network in self.networks
            for figure in FIGURES
        ]

    def remarks(self) -> list[str]:
        """Return the sentences below the tables."""
        said = []
        if self.networks:
            said.append(
                "Ratios are to the first column; below 1.00x is less. Layers with nothing are left out."
            )
        if any(not all(network.comparable("energy")) for network in self.networks):
            said.append("n/a: energies in different units are not compared.")
        return [*said, *cannot_run(self.refused)]

    def to_rows(self) -> list[Row]:
        """Return one flat row for each layer and combination."""
        return [
            row
            for network in self.networks
            for layer in network.sorted_rows(self.sort)
            for row in _flat(network, layer)
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain numbers, strings, lists and dicts, ready for JSON."""
        return {
            "sort": self.sort,
            "layers": self.to_rows(),
            "cannot_run": [
                {name: getattr(row, name) for name in ("network", "chip", "dataflow", "reason")}
                for row in self.refused
            ],
        }

    def to_html(self) -> str:
        """Return a page that needs no other file."""
        from dnnaccel.comparing.page import layers_page

        return layers_page(self)

    def __repr__(self) -> str:
        return f"<LayerComparison: {len(self)} layers of {len(self.networks)} networks>"


def compare_layers(rows: Sequence[ComparisonRow], sort: str = "order") -> LayerComparison:
    """Return the layers of a comparison's rows side by side; raises `UnknownNameError` for another order."""
    if sort not in SORTS:
        raise unknown_name("order", sort, SORTS)
    by_network: dict[tuple[int, str], list[ComparisonRow]] = {}
    for row in rows:
        if row.report is not None:
            by_network.setdefault((row.network_number, row.network), []).append(row)
    return LayerComparison(
        networks=tuple(_network_layers(columns) for columns in by_network.values()),
        refused=tuple(row for row in rows if row.report is None),
        sort=sort,
    )


def _network_layers(columns: Sequence[ComparisonRow]) -> NetworkLayers:
    reports = [row.report for row in columns if row.report is not None]
    rows = []
    for name, layers in aligned_layers(reports):
        words = [
            None if layer is None else dram_words(layer, report.memories[0])
            for layer, report in zip(layers, reports, strict=True)
        ]
        rows.append(
            LayerRow(
                name=name,
                kind=next(layer.kind for layer in layers if layer is not None),
                figures={
                    "energy": tuple(None if layer is None else layer.energy for layer in layers),
                    "cycles": tuple(None if layer is None else layer.cycles for layer in layers),
                    "dram_words": tuple(words),
                },
                bound_by=tuple(None if layer is None else layer.bound_by for layer in layers),
            )
        )
    total = LayerRow(
        name="total",
        kind="",
        figures={
            "energy": tuple(report.energy for report in reports),
            "cycles": tuple(report.cycles for report in reports),
            "dram_words": tuple(report.traffic(report.memories[0]) for report in reports),
        },
        bound_by=tuple(None for _ in reports),
    )
    return NetworkLayers(network=columns[0].network, columns=tuple(columns), rows=tuple(rows), total=total)


def _unit(row: ComparisonRow) -> str:
    return "" if row.report is None else row.report.energy_unit


def _cell(value: float | None, figure: str, column: ComparisonRow) -> str:
    if not value:
        return NONE
    return energy(value, _unit(column)) if figure == "energy" else count(value)


def _flat(network: NetworkLayers, layer: LayerRow) -> Iterator[Row]:
    """Yield a layer's row for each combination."""
    ratios = {figure: network.ratios(layer, figure) for figure in FIGURES}
    least = {figure: network.least(layer, figure) for figure in FIGURES}
    for i, column in enumerate(network.columns):
        row: Row = {
            "network": network.network,
            "layer": layer.name,
            "kind": layer.kind,
            "chip": column.chip,
            "dataflow": column.dataflow,
            "batch": None if column.report is None else column.report.batch,
            "energy_unit": _unit(column),
        }
        for figure in FIGURES:
            row[figure] = layer.figures[figure][i]
            row[f"{figure}_ratio"] = ratios[figure][i]
            row[f"{figure}_least"] = i in least[figure]
        yield row | {"bound_by": layer.bound_by[i]}
