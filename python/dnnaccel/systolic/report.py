"""What layers took on a systolic array, and the ways out of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dnnaccel._rows import Row
from dnnaccel._text import DEFAULT_WIDTH, Column, clean, layout, notes
from dnnaccel._units import NONE, count, percent
from dnnaccel.errors import unknown_name
from dnnaccel.problem import ROLES
from dnnaccel.report.outputs import Outputs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dnnaccel.activity import Activity

__all__ = ["Fold", "SystolicLayer", "SystolicReport"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """So many folds of one size: rows and columns of the array in use, and steps of the stream."""

    rows: int
    columns: int
    steps: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SystolicLayer:
    """What one layer took on the array.

    `reads` and `writes` are the words, by tensor, that the array asked of the buffers around it and gave to
    them: sums that come back are read, padding never is. `folds` are by size, those at the edges as small as
    they are. `mapping_efficiency` is the part of the array that the folds cover, on average; `utilization`
    the part of all elements' cycles in which they multiply. `outputs` is there if values were given, and
    `activity` if it was asked for.
    """

    name: str
    kind: str
    macs: int
    cycles: int
    folds: tuple[Fold, ...]
    mapping_efficiency: float
    utilization: float
    reads: Mapping[str, int]
    writes: Mapping[str, int]
    outputs: NDArray[Any] | None = field(default=None, repr=False, compare=False)
    activity: Activity | None = field(default=None, repr=False, compare=False)

    @property
    def fold_count(self) -> int:
        """Number of folds of all sizes."""
        return sum(fold.count for fold in self.folds)

    def to_dict(self) -> dict[str, Any]:
        """Return everything but values and activity as plain numbers, strings, lists and dicts."""
        return {
            "name": self.name,
            "kind": self.kind,
            "macs": self.macs,
            "cycles": self.cycles,
            "utilization": self.utilization,
            "mapping_efficiency": self.mapping_efficiency,
            "reads": dict(self.reads),
            "writes": dict(self.writes),
            "folds": [
                {"rows": x.rows, "columns": x.columns, "steps": x.steps, "count": x.count} for x in self.folds
            ],
        }

    def row(self) -> Row:
        """Return the layer as one flat row."""
        return {
            "layer": self.name,
            "kind": self.kind,
            "macs": self.macs,
            "folds": self.fold_count,
            "cycles": self.cycles,
            "utilization": self.utilization,
            "mapping_efficiency": self.mapping_efficiency,
            **{f"{role}.reads": self.reads[role] for role in ROLES},
            "outputs.writes": self.writes["outputs"],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class SystolicReport(Outputs):
    """What the layers of a network took on a systolic array, one after another."""

    network: str
    dataflow: str
    rows: int
    columns: int
    double_buffered: bool
    layers: tuple[SystolicLayer, ...]

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[SystolicLayer]:
        return iter(self.layers)

    def __getitem__(self, name: str) -> SystolicLayer:
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise unknown_name("layer", name, [layer.name for layer in self.layers])

    @property
    def macs(self) -> int:
        """Multiply-accumulates of all layers."""
        return sum(layer.macs for layer in self.layers)

    @property
    def cycles(self) -> int:
        """Cycles of all layers."""
        return sum(layer.cycles for layer in self.layers)

    @property
    def utilization(self) -> float:
        """The part of all elements' cycles in which they multiply."""
        return self.macs / (self.cycles * self.rows * self.columns) if self.cycles else 0.0

    @property
    def outputs(self) -> NDArray[Any] | None:
        """The outputs of the layer, where there is one and values were given."""
        return self.layers[0].outputs if len(self.layers) == 1 else None

    def reads(self, tensor: str | None = None) -> int:
        """Return the words read from the buffers around the array, of one tensor or of all."""
        return sum(layer.reads[role] for layer in self.layers for role in _roles(tensor))

    def writes(self, tensor: str | None = None) -> int:
        """Return the words written to the buffers around the array, of one tensor or of all."""
        return sum(layer.writes[role] for layer in self.layers for role in _roles(tensor))

    def to_text(self, *, width: int = DEFAULT_WIDTH) -> str:
        """Return the table as plain text for lines of `width` characters; `str()` takes 120."""
        table = layout(_columns(self), width=width, total=True)
        return f"{notes([_headline(self)], width=width)}\n\n{table}"

    def to_dict(self) -> dict[str, Any]:
        """Return everything but values and activity as plain numbers, strings, lists and dicts."""
        return {
            "network": self.network,
            "dataflow": self.dataflow,
            "rows": self.rows,
            "columns": self.columns,
            "double_buffered": self.double_buffered,
            "macs": self.macs,
            "cycles": self.cycles,
            "utilization": self.utilization,
            "layers": [layer.to_dict() for layer in self.layers],
        }

    def to_rows(self) -> list[Row]:
        """Return one flat row per layer."""
        return [layer.row() for layer in self.layers]

    def to_html(self) -> str:
        """Return a page that needs no other file."""
        from dnnaccel.report.html import page

        return page(f"{clean(self.network)} on a systolic array", self._blocks())

    def _repr_html_(self) -> str:
        from dnnaccel.report.html import fragment

        return fragment(*self._blocks())

    def _blocks(self) -> list[str]:
        from dnnaccel.report.html import paragraph, table

        return [paragraph(_headline(self)), table(_columns(self), total=True)]

    def __repr__(self) -> str:
        return (
            f"<SystolicReport {self.network} on {self.rows}x{self.columns}, {self.dataflow}: "
            f"{len(self.layers)} layers, {count(self.cycles)} cycles, "
            f"{percent(self.utilization)} % utilised>"
        )


def _roles(tensor: str | None) -> tuple[str, ...]:
    if tensor is None:
        return ROLES
    if tensor not in ROLES:
        raise unknown_name("tensor", tensor, ROLES)
    return (tensor,)


def _headline(report: SystolicReport) -> str:
    held = {"ws": "weights", "os": "outputs", "is": "inputs"}[report.dataflow]
    buffered = "double-buffered" if report.double_buffered else "loads exposed"
    return (
        f"{clean(report.network)} on a systolic array of {report.rows} x {report.columns}: {held} stay "
        f"({report.dataflow}), {buffered}; words over the buffers around it"
    )


def _columns(report: SystolicReport) -> list[Column]:
    layers = report.layers

    def words(values: Callable[[SystolicLayer], int]) -> list[str]:
        found = [values(layer) for layer in layers]
        return [*(count(value) if value else NONE for value in found), count(sum(found))]

    used = sum(x.mapping_efficiency * x.fold_count for x in layers)
    folds = sum(x.fold_count for x in layers)
    efficiency = [*(x.mapping_efficiency for x in layers), used / folds]
    utilization = [*(x.utilization for x in layers), report.utilization]
    return [
        Column("layer", [*(clean(layer.name) for layer in layers), "total"], left=True),
        Column("kind", [*(clean(layer.kind) for layer in layers), ""], left=True),
        Column("MACs", words(lambda x: x.macs)),
        Column("folds", words(lambda x: x.fold_count)),
        Column("cycles", words(lambda x: x.cycles)),
        Column("util %", [percent(x) for x in utilization]),
        Column("mapping %", [percent(x) for x in efficiency]),
        Column("inputs read", words(lambda x: x.reads["inputs"])),
        Column("weights read", words(lambda x: x.reads["weights"])),
        Column("sums read", words(lambda x: x.reads["outputs"])),
        Column("sums written", words(lambda x: x.writes["outputs"])),
    ]
