"""Tile level with real numbers: a mapping carried out on tensors, every word where its buffer is."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dnnaccel import _core
from dnnaccel.cost import LayerReport, describe_misfit, layer_report, lower_case, mapped_problem
from dnnaccel.errors import LayerError, MappingError
from dnnaccel.layers import GRU, LSTM, RNN, Conv2d, DepthwiseConv2d, Layer, Linear
from dnnaccel.problem import ROLES, Problem

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

    from dnnaccel.arch import Chip
    from dnnaccel.mapping import Mapping

__all__ = ["ValuesRun", "random_tensors", "run_values", "tensor_shapes"]

Progress = Callable[[int, int, str], object]

_LARGEST_SUM = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ValuesRun:
    """What a mapping computed, and what it moved to do so.

    `outputs` has the shape of the layer's output (of a recurrent layer: the sums of all gates, before the
    vector unit makes states of them). The words in `report` were counted while they moved; they equal those
    of the closed form, which prices them.
    """

    outputs: NDArray[Any]
    report: LayerReport = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the report, and shape and type of the outputs, ready for JSON."""
        outputs = {"shape": list(self.outputs.shape), "dtype": str(self.outputs.dtype)}
        return {**self.report.to_dict(), "outputs": outputs}

    def to_json(self) -> str:
        """Return `to_dict()` as JSON text, indented by two blanks."""
        import json

        return json.dumps(self.to_dict(), indent=2, allow_nan=False) + "\n"

    def to_dataframe(self) -> pd.DataFrame:
        """Return the words of every memory as a pandas DataFrame, one row per level and tensor."""
        from dnnaccel._rows import dataframe

        return dataframe(self._rows())

    def to_csv(self) -> str:
        """Return the words of every memory as CSV text, one line per level and tensor."""
        from dnnaccel._rows import csv_text

        return csv_text(self._rows())

    def _rows(self) -> list[dict[str, Any]]:
        names = ("level", "tensor", "reads", "writes", "tile_words")
        return [{name: getattr(count, name) for name in names} for count in self.report.levels]

    def __repr__(self) -> str:
        shape = "x".join(map(str, self.outputs.shape))
        return (
            f"<ValuesRun {self.report.name}: {self.report.macs} MACs, outputs {shape} {self.outputs.dtype}>"
        )


@dataclass(frozen=True, slots=True)
class _Layout:
    """How a tensor that people use becomes one with the problem's axes.

    Axis i of the problem's is axis `order[i]` of what `shape` becomes when its axes are split or joined.
    """

    shape: tuple[int, ...]
    order: tuple[int, ...]

    def to_problem(self, values: NDArray[Any], axes: tuple[int, ...]) -> NDArray[Any]:
        split = [0] * len(axes)
        for axis, size in zip(self.order, axes, strict=True):
            split[axis] = size
        found: NDArray[Any] = values.reshape(split).transpose(self.order)
        return found

    def from_problem(self, values: NDArray[Any]) -> NDArray[Any]:
        back = sorted(range(len(self.order)), key=self.order.__getitem__)
        found: NDArray[Any] = values.transpose(back).reshape(self.shape)
        return found


def tensor_shapes(layer: Layer) -> dict[str, tuple[int, ...]]:
    """Return the shape of the tensor of each role, as `run_values` takes and gives it.

    Those of PyTorch: images (N, C, H, W), filters (channels out, channels in per group, rows, columns),
    matrices of linear layers (features out, features in), both operands of a product as they are. A
    recurrent layer multiplies the states joined with the inputs of all steps, (N, L, hidden_size + features).

    Examples
    --------
    >>> from dnnaccel.layers import Conv2d
    >>> tensor_shapes(Conv2d(name="conv", input_shapes=((1, 4, 8, 8),), out_channels=6, kernel=3, groups=2))
    {'inputs': (1, 4, 8, 8), 'weights': (6, 2, 3, 3), 'outputs': (1, 6, 6, 6)}
    """
    return {role: layout.shape for role, layout in _layouts(layer, _problem_of(layer)).items()}


def random_tensors(
    layer: Layer | Problem, *, seed: int, dtype: str = "int8"
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return random inputs and weights, for a layer in its shapes, for a problem with its axes.

    int8: every value equally often; int32: from -1000 to 1000; float32: a standard normal distribution.
    """
    import numpy as np

    if isinstance(layer, Problem):
        shapes = {role: _axes(layer, role) for role in ROLES}
    else:
        shapes = tensor_shapes(layer)
    generator = np.random.default_rng(seed)

    def draw(shape: tuple[int, ...]) -> NDArray[Any]:
        if dtype == "float32":
            return np.asarray(generator.standard_normal(shape, dtype=np.float32))
        low, high = {"int8": (-128, 127), "int32": (-1000, 1000)}[dtype]
        return np.asarray(generator.integers(low, high, shape, dtype=dtype, endpoint=True))

    if dtype not in ("int8", "int32", "float32"):
        raise LayerError(f"tensors are int8, int32 or float32, not {dtype!r}")
    return draw(shapes["inputs"]), draw(shapes["weights"])


def run_values(
    layer: Layer,
    chip: Chip,
    mapping: Mapping | str | os.PathLike[str],
    inputs: ArrayLike,
    weights: ArrayLike,
    *,
    progress: Progress | None = None,
) -> ValuesRun:
    """Carry out one mapping of one layer tile by tile, with real numbers.

    Every instance of every memory has a buffer with the words of its tile, fills it from its parent's (or a
    neighbour's, where the network forwards), the MACs work with what is in the innermost buffers, and
    partial sums go up and come back as the mapping says. Whatever is not where it is used is an error; so
    outputs that are right show that the mapping moves what it needs. Biases are left out.

    Parameters
    ----------
    inputs, weights
        Both int8 or both int32, computed in int32 exactly, or both float32. Shapes as `tensor_shapes` says;
        the operands of a `MatMul` are its inputs and weights.
    progress
        Called with (MACs done, MACs, name of the layer) meanwhile. Ctrl-C ends the run within a second.

    Raises
    ------
    LayerError
        For a layer without MACs, tensors of a wrong shape or type, or integers whose sums could leave int32.
    MappingError
        If the mapping does not belong to the layer and the chip, or does not fit it, as `evaluate` does.
    """
    problem, nest = mapped_problem(layer, mapping)
    layouts = _layouts(layer, problem)
    left, right = (
        _read(layer, role, values, layouts[role])
        for role, values in zip(ROLES[:2], (inputs, weights), strict=True)
    )
    _check_types(layer, problem, left, right)
    told = None if progress is None else lambda done, total: progress(done, total, layer.name) is None
    try:
        case = lower_case(problem, chip, nest)
        closed = _core.evaluate(*case)
        if closed.misfit is not None:
            raise MappingError(describe_misfit(closed.misfit, chip))
        outputs, counts, _ = _core.simulate_values(
            *case,
            layouts["inputs"].to_problem(left, _axes(problem, "inputs")),
            layouts["weights"].to_problem(right, _axes(problem, "weights")),
            told,
        )
    except (ValueError, MappingError) as error:
        raise MappingError(f"layer {layer.name!r} on {chip.name}: {error}") from None
    found = layouts["outputs"].from_problem(outputs)
    found.setflags(write=False)
    report = layer_report(layer, chip, nest, counts, closed.cost, density=None)
    return ValuesRun(outputs=found, report=report)


def _problem_of(layer: Layer) -> Problem:
    if layer.problem is None:
        raise LayerError(f"layer {layer.name!r} ({layer.kind}) has no MACs and so no tensors to multiply")
    return layer.problem


def _axes(problem: Problem, role: str) -> tuple[int, ...]:
    return tuple(axis.size for axis in problem.tensor(role).axes)


def _layouts(layer: Layer, problem: Problem) -> dict[str, _Layout]:
    axes = {role: _axes(problem, role) for role in ROLES}
    plain = {role: _Layout(shape, tuple(range(len(shape)))) for role, shape in axes.items()}
    if isinstance(layer, (Conv2d, DepthwiseConv2d)):
        groups, filters, *rest = axes["weights"]
        weights: tuple[int, ...] = (groups * filters, *rest)
    elif isinstance(layer, Linear):
        weights = axes["weights"][1:3]
    elif isinstance(layer, (RNN, LSTM, GRU)):
        (batch, inner, steps), (_, sums, _) = axes["inputs"], axes["outputs"]
        return {
            "inputs": _Layout((batch, steps, inner), (0, 2, 1)),
            "weights": plain["weights"],
            "outputs": _Layout((batch, steps, sums), (0, 2, 1)),
        }
    elif layer.kind == "matmul":
        return {
            "inputs": _Layout(layer.input_shapes[0], (0, 1, 2)),
            "weights": _Layout(layer.input_shapes[1], (0, 1, 2)),
            "outputs": _Layout(layer.output_shape, (0, 2, 1)),
        }
    else:  # a kind of the user's own: the axes of its problem
        return plain
    return {
        "inputs": _Layout(layer.input_shapes[0], plain["inputs"].order),
        "weights": _Layout(weights, plain["weights"].order),
        "outputs": _Layout(layer.output_shape, plain["outputs"].order),
    }


def _read(layer: Layer, role: str, values: ArrayLike, layout: _Layout) -> NDArray[Any]:
    import numpy as np

    array = np.asarray(values)
    if array.shape != layout.shape:
        raise LayerError(
            f"{layer.kind} {layer.name!r}: takes {role} of shape {layout.shape}, given {array.shape}"
        )
    return array


def _check_types(layer: Layer, problem: Problem, inputs: NDArray[Any], weights: NDArray[Any]) -> None:
    where = f"{layer.kind} {layer.name!r}"
    if inputs.dtype != weights.dtype or inputs.dtype.name not in ("int8", "int32", "float32"):
        raise LayerError(
            f"{where}: takes inputs and weights that are both int8, both int32 or both float32, given "
            f"{inputs.dtype} and {weights.dtype}"
        )
    if inputs.dtype.name == "float32":
        return
    largest = [max(abs(int(values.min())), abs(int(values.max()))) for values in (inputs, weights)]
    terms = problem.macs // problem.tensor("outputs").words
    if terms * math.prod(largest) > _LARGEST_SUM:
        raise LayerError(
            f"{where}: a sum of {terms} products of up to {largest[0]} x {largest[1]} can leave int32 (its "
            f"largest value is {_LARGEST_SUM}); give smaller numbers, or float32"
        )
