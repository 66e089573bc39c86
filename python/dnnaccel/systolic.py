"""Layers on a systolic array, cycle by cycle: any grid, three dataflows, with or without numbers."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from dnnaccel import _core
from dnnaccel._lower import lower_problem
from dnnaccel._rows import Row
from dnnaccel._text import DEFAULT_WIDTH, Column, clean, layout, notes
from dnnaccel._units import NONE, count, percent
from dnnaccel.errors import DnnAccelError, LayerError, unknown_name
from dnnaccel.layers import Layer
from dnnaccel.network import Network
from dnnaccel.problem import ROLES, Problem

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

    from dnnaccel.activity import Activity

__all__ = ["DATAFLOWS", "Fold", "SystolicLayer", "SystolicReport", "simulate"]

DATAFLOWS: dict[str, str] = {
    "ws": "weights stay: rows go over C, R, S, columns over output channels, and pixels stream",
    "os": "outputs stay: rows go over pixels, columns over output channels, and C, R, S stream",
    "is": "inputs stay: rows go over C, R, S, columns over pixels, and output channels stream",
}
"""Which operand stays in the elements, and what goes where."""

_CONVENTIONS = ("scalesim",)
_MAX_SIDE = 2**14

Progress = Callable[[int, int, str], object]
"""Called with MACs done, MACs in all, and the layer that is being worked on."""


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
class SystolicReport:
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

    def to_json(self) -> str:
        """Return `to_dict()` as JSON text, indented by two blanks."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False) + "\n"

    def to_csv(self) -> str:
        """Return one row per layer as CSV text, with a header."""
        from dnnaccel._rows import csv_text

        return csv_text([layer.row() for layer in self.layers])

    def to_dataframe(self) -> pd.DataFrame:
        """Return one row per layer as a DataFrame; raises `MissingExtraError` without pandas."""
        from dnnaccel._rows import dataframe

        return dataframe([layer.row() for layer in self.layers])

    def to_html(self) -> str:
        """Return a page that needs no other file."""
        from dnnaccel._rows import html_table
        from dnnaccel.report.page import page

        table = html_table({column.header: column.cells for column in _columns(self)})
        return page(f"{self.network} on a systolic array", f"<p>{_headline(self)}</p>\n{table}")

    def save(self, path: str | os.PathLike[str], *, format: str | None = None) -> None:
        """Write the report to `path`, whole or not at all; see `Report.save`."""
        from dnnaccel.report.files import save

        save(self, path, format)

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        return (
            f"<SystolicReport {self.network} on {self.rows}x{self.columns}, {self.dataflow}: "
            f"{len(self.layers)} layers, {count(self.cycles)} cycles, "
            f"{percent(self.utilization)} % utilised>"
        )


def simulate(
    net: Network | Layer | str,
    *,
    rows: int = 128,
    cols: int = 128,
    dataflow: str = "ws",
    convention: str | None = None,
    double_buffered: bool = False,
    inputs: ArrayLike | Mapping[str, ArrayLike] | None = None,
    weights: ArrayLike | Mapping[str, ArrayLike] | None = None,
    activity: bool = False,
    progress: Progress | None = None,
) -> Any:
    """Run layers on a systolic array of rows x cols elements, cycle by cycle.

    Each layer is a product of matrices (a convolution by im2col that is never laid out; groups one after
    another), cut into folds that fill the array; a fold at the edge uses as many rows and columns as it has.
    docs/systolic.md says what happens in which cycle. Layers without MACs are left out.

    Parameters
    ----------
    net
        A `Network`, one layer, or the name of a network of the zoo.
    rows, cols
        Size of the array.
    dataflow
        "ws", "os" or "is": see `DATAFLOWS`.
    convention
        None: the honest array. "scalesim": the cycles and counts of SCALE-Sim 3.0.0, and its own report.
    double_buffered
        Elements have a second register, into which the next fold's tile is shifted (or from which the last
        fold's sums leave) while this fold is worked on.
    inputs, weights
        Numbers to run: arrays of one layer, or of some layers by name. int8 to int32 are summed in int32,
        float32 in float32. As the layer has them, (N, channels, height, width) and (out_channels,
        in_channels per group, kernel height, kernel width), or in the order of the problem's axes. Cycles and
        counts do not depend on them.
    activity
        Tell for each element when it worked and what it waited for: `SystolicLayer.activity`.
    progress
        Called with (MACs done, MACs in all, layer) meanwhile.

    Returns
    -------
    SystolicReport
        With `convention`, the report of that convention.

    Raises
    ------
    DnnAccelError
        For an unknown name, an array that cannot be, or values that do not belong to the layer.
    """
    from dnnaccel import zoo

    network = zoo.load(net) if isinstance(net, str) else net
    if dataflow not in DATAFLOWS:
        raise unknown_name("dataflow", dataflow, DATAFLOWS)
    for name, size in (("rows", rows), ("cols", cols)):
        if isinstance(size, bool) or not hasattr(size, "__index__") or not 1 <= size <= _MAX_SIDE:
            raise DnnAccelError(f"{name} must be a whole number from 1 to {_MAX_SIDE}, given {size!r}")
    if convention is not None:
        if convention not in _CONVENTIONS:
            raise unknown_name("convention", convention, _CONVENTIONS)
        if inputs is not None or weights is not None or activity or double_buffered:
            raise DnnAccelError(
                f"the {convention} convention counts only: it takes no inputs, weights, activity or "
                "double_buffered"
            )
        return _by_convention(convention, network, rows, cols, dataflow)
    layers = network.layers if isinstance(network, Network) else (network,)
    working = [layer for layer in layers if layer.problem is not None]
    if not working:
        raise LayerError(f"{network.name} has no MACs: nothing runs on an array")
    given = _values(working, inputs, weights)
    options = _core.SystolicOptions(
        rows=int(rows),
        columns=int(cols),
        stationary={"ws": _core.Stationary.weights, "os": _core.Stationary.outputs}.get(
            dataflow, _core.Stationary.inputs
        ),
        double_buffered=double_buffered,
        activity=activity,
    )
    total, done = sum(layer.macs for layer in working), 0
    results = []
    for layer in working:
        tell = _within(progress, done, total, layer.name)
        results.append(_run(layer, options, given.get(layer.name), activity, tell, rows * cols))
        done += layer.macs
        if progress is not None:
            progress(done, total, layer.name)
    return SystolicReport(
        network=network.name,
        dataflow=dataflow,
        rows=int(rows),
        columns=int(cols),
        double_buffered=double_buffered,
        layers=tuple(results),
    )


def _by_convention(convention: str, network: Network | Layer, rows: int, cols: int, dataflow: str) -> Any:
    import importlib

    module: Any = importlib.import_module(f"dnnaccel.conventions.{convention}")
    return module.simulate_network(network, rows=rows, cols=cols, dataflow=dataflow)


def _within(progress: Progress | None, done: int, total: int, name: str) -> Callable[[int], object] | None:
    return None if progress is None else lambda macs: progress(done + macs, total, name)


def _run(
    layer: Layer,
    options: _core.SystolicOptions,
    operands: tuple[NDArray[Any], NDArray[Any]] | None,
    activity: bool,
    progress: Callable[[int], object] | None,
    elements: int,
) -> SystolicLayer:
    problem = layer.problem
    assert problem is not None
    lowered = lower_problem(problem)
    waiting = sum(1 << problem.dims.index(dim) for dim in problem.waiting)
    outputs = None
    if operands is None:
        run = _core.count_product(lowered, options, waiting, progress)
    else:
        run, summed = _core.simulate_product(lowered, options, *operands, waiting, progress)
        outputs = _as_layer(layer, problem, summed)
    folds = tuple(
        Fold(rows=rows, columns=columns, steps=steps, count=number)
        for rows, columns, steps, number in run.classes
    )
    return SystolicLayer(
        name=layer.name,
        kind=layer.kind,
        macs=run.macs,
        cycles=run.cycles,
        folds=folds,
        mapping_efficiency=run.used / (run.folds * elements),
        utilization=run.macs / (run.cycles * elements),
        reads=run.reads,
        writes=run.writes,
        outputs=outputs,
        activity=_activity(run) if activity else None,
    )


def _activity(run: _core.ProductRun) -> Activity:
    from dnnaccel.activity import Activity

    return Activity.of({"cycles": run.cycles, "activity": run.activity})


# ------------------------------------------------------------------------------------------------------------
# Values


def _values(
    layers: Sequence[Layer],
    inputs: ArrayLike | Mapping[str, ArrayLike] | None,
    weights: ArrayLike | Mapping[str, ArrayLike] | None,
) -> dict[str, tuple[NDArray[Any], NDArray[Any]]]:
    """Return the operands of every layer that has some, each in the order of its problem's axes."""
    by_layer = [_by_layer("inputs", inputs, layers), _by_layer("weights", weights, layers)]
    found = {}
    for layer in layers:
        left, right = (given.get(layer.name) for given in by_layer)
        if left is None and right is None:
            continue
        if left is None or right is None:
            there = "inputs" if right is None else "weights"
            raise LayerError(f"layer {layer.name}: {there} alone; give both inputs and weights, or neither")
        found[layer.name] = _operands(layer, left, right)
    return found


def _by_layer(
    what: str, given: ArrayLike | Mapping[str, ArrayLike] | None, layers: Sequence[Layer]
) -> Mapping[str, ArrayLike]:
    if given is None:
        return {}
    names = [layer.name for layer in layers]
    if isinstance(given, Mapping):
        for name in given:
            if name not in names:
                raise unknown_name("layer", name, names)
        return given
    if len(layers) > 1:
        raise LayerError(f"{what}: {len(layers)} layers have MACs; give a dict of arrays by layer name")
    return {names[0]: given}


def _operands(layer: Layer, left: ArrayLike, right: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
    problem = layer.problem
    assert problem is not None
    arrays = []
    for role, given in (("inputs", left), ("weights", right)):
        array = np.asarray(given)
        exact = array.dtype.kind in "iu" and np.can_cast(array.dtype, np.int32)
        if not exact and array.dtype not in (np.float32, np.float16):
            raise LayerError(
                f"layer {layer.name}, {role}: {array.dtype} numbers; give int8 to int32, or float32"
            )
        wanted = tuple(axis.size for axis in problem.tensor(role).axes)
        if array.size != math.prod(wanted) or not _same_order(array.shape, wanted):
            raise LayerError(
                f"layer {layer.name}, {role}: an array of shape {array.shape}; its axes are {wanted}; "
                "neighbours may be taken together, and those of size 1 left out"
            )
        arrays.append(array.reshape(wanted).astype(np.int32 if exact else np.float32))
    if arrays[0].dtype != arrays[1].dtype:
        raise LayerError(
            f"layer {layer.name}: inputs of {arrays[0].dtype} and weights of {arrays[1].dtype}; "
            "both must be integers, or both floats"
        )
    return arrays[0], arrays[1]


def _same_order(shape: Sequence[int], wanted: Sequence[int]) -> bool:
    """Whether each axis of one shape is one or more neighbouring axes of the other, sizes of 1 aside."""
    rest, other = ([size for size in sizes if size != 1] for sizes in (shape, wanted))
    while rest and other:
        (whole, parts) = (rest, other) if rest[0] >= other[0] else (other, rest)
        size, product = whole.pop(0), 1
        while product < size and parts:
            product *= parts.pop(0)
        if product != size:
            return False
    return not rest and not other


def _as_layer(layer: Layer, problem: Problem, summed: NDArray[Any]) -> NDArray[Any]:
    """Return the outputs in the layer's own shape, or as the problem has them where it has another."""
    dims = [axis.terms[0][0] for axis in problem.tensor("outputs").axes]
    if layer.kind == "matmul":
        summed = np.swapaxes(summed, dims.index("M"), dims.index("P"))
    elif problem.sequential:
        return summed  # gates, and not yet the layer's outputs
    return summed.reshape(layer.output_shape)


# ------------------------------------------------------------------------------------------------------------
# The table


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
