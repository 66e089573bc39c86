"""Layers on a systolic array: folds of their products of matrices, counted or run with numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from dnnaccel import _core
from dnnaccel._lower import lower_problem
from dnnaccel.errors import DnnAccelError, LayerError, unknown_name
from dnnaccel.layers import Layer
from dnnaccel.network import Network
from dnnaccel.systolic.report import Fold, SystolicLayer, SystolicReport
from dnnaccel.systolic.values import as_layer, operands_by_layer

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from dnnaccel.activity import Activity

__all__ = ["DATAFLOWS", "simulate"]

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
    given = operands_by_layer(working, inputs, weights)
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
        outputs = as_layer(layer, problem, summed)
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
