"""Layers as SCALE-Sim has them: the lines of a topology file, and our own layers turned into such lines."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

from dnnaccel.errors import ImportedFileError, LayerError
from dnnaccel.importers.scalesim_rows import TopologyLine, read_lines
from dnnaccel.layers import Layer, whole_number
from dnnaccel.network import Network
from dnnaccel.problem import Problem

__all__ = ["ScaleSimRow", "read_topology", "rows_of", "topology_text"]

_MOST_ROWS = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleSimRow:
    """One layer of a run: its sizes with the padding in them, batch 1.

    Of every `sparsity[1]` rows of the filter matrix the first `sparsity[0]` are kept, where the configuration
    has sparsity on. Raises `LayerError` for sizes that make no sense.
    """

    name: str
    ifmap: tuple[int, int]
    """Rows and columns of the padded input."""
    filter: tuple[int, int]
    channels: int
    filters: int
    stride: tuple[int, int] = (1, 1)
    sparsity: tuple[int, int] = (1, 1)

    def __post_init__(self) -> None:
        for what in ("ifmap", "filter", "stride", "sparsity"):
            pair = getattr(self, what)
            if not isinstance(pair, tuple) or len(pair) != 2 or None in map(_size, pair):
                raise LayerError(f"{self.name}: {what} is {pair!r}; it must be two whole numbers from 1 on")
        for what in ("channels", "filters"):
            if _size(getattr(self, what)) is None:
                raise LayerError(
                    f"{self.name}: {what} is {getattr(self, what)!r}; it must be a whole number from 1 on"
                )
        if self.filter[0] > self.ifmap[0] or self.filter[1] > self.ifmap[1]:
            raise LayerError(
                f"{self.name}: a filter of {self.filter[0]}x{self.filter[1]} does not fit an ifmap of "
                f"{self.ifmap[0]}x{self.ifmap[1]}"
            )
        if self.sparsity[0] > self.sparsity[1]:
            raise LayerError(
                f"{self.name}: sparsity {self.sparsity[0]}:{self.sparsity[1]} keeps more than there is"
            )

    @property
    def ofmap(self) -> tuple[int, int]:
        """Rows and columns of the output; SCALE-Sim makes an output of a partial window at the edge."""
        rows, columns = (
            -(-(size - kernel + step) // step)
            for size, kernel, step in zip(self.ifmap, self.filter, self.stride, strict=True)
        )
        return rows, columns

    @property
    def window(self) -> int:
        """Words of one filter."""
        return self.filter[0] * self.filter[1] * self.channels

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the dense layer, those on words past the edge included."""
        return self.ofmap[0] * self.ofmap[1] * self.window * self.filters


_HEADER = (
    "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,\n"
)


def topology_text(rows: Iterable[ScaleSimRow]) -> str:
    """Return rows as the text of a topology file of convolutions, which SCALE-Sim reads too.

    It takes one stride: a row with two is written with both, which older versions and this package read. A
    name loses its commas, and a ``DP`` in it becomes ``Dp``: a reader would take it for a depthwise line.
    """
    lines = [_HEADER]
    for row in rows:
        strides = row.stride[:1] if row.stride[0] == row.stride[1] else row.stride
        sizes = (*row.ifmap, *row.filter, row.channels, row.filters, *strides)
        sparsity = "" if row.sparsity == (1, 1) else f" {row.sparsity[0]}:{row.sparsity[1]},"
        name = row.name.replace(",", " ").replace("DP", "Dp")
        lines.append(f"{name}, {', '.join(map(str, sizes))},{sparsity}\n")
    return "".join(lines)


def _size(value: object) -> int | None:
    return whole_number(value, minimum=1)


def product(name: str, m: int, n: int, k: int, sparsity: tuple[int, int] = (1, 1)) -> ScaleSimRow:
    """Return the row of a matrix product, (m x k) times (k x n), as SCALE-Sim writes it."""
    return ScaleSimRow(name=name, ifmap=(m, k), filter=(1, k), channels=1, filters=n, sparsity=sparsity)


def read_topology(path: str | os.PathLike[str], *, kind: str | None = None) -> list[ScaleSimRow]:
    """Read a topology file: "conv" or "gemm" lines, or by their number of cells where `kind` is None.

    A line with ``DP`` in its name becomes one row of a single channel for every channel, each with the line's
    number of filters, as SCALE-Sim does it. Raises `ImportedFileError` with line and column.
    """
    rows: list[ScaleSimRow] = []
    for line in read_lines(os.fspath(path), kind):
        try:
            rows.extend(_expand(line))
        except LayerError as error:
            raise ImportedFileError(f"{line.where}: {error}") from None
        if len(rows) > _MOST_ROWS:
            raise ImportedFileError(
                f"{line.where}: more than {_MOST_ROWS} layers, with one for each channel of those named DP"
            )
    return rows


def _expand(line: TopologyLine) -> list[ScaleSimRow]:
    kept, _, block = (line.sparsity or "1:1").partition(":")
    sparsity = (int(kept), int(block))
    if line.is_product:
        m, n, k = line.numbers
        return [product(line.name, m, n, k, sparsity)]
    rows, columns, kernel_rows, kernel_columns, channels, filters, *strides = line.numbers
    depthwise = "DP" in line.name
    if depthwise and channels > _MOST_ROWS:
        raise LayerError(f"{line.name}: {channels} channels would make as many layers; {_MOST_ROWS} at most")
    return [
        ScaleSimRow(
            name=f"{line.name}Channel_{channel}" if depthwise else line.name,
            ifmap=(rows, columns),
            filter=(kernel_rows, kernel_columns),
            channels=1 if depthwise else channels,
            filters=filters,
            stride=(strides[0], strides[-1]),
            sparsity=sparsity,
        )
        for channel in range(channels if depthwise else 1)
    ]


def rows_of(layers: Network | Layer | Iterable[Layer]) -> list[ScaleSimRow]:
    """Turn layers into rows: convolutions and matrix products; layers without MACs have none.

    Padding becomes part of the ifmap, cut to what the windows cover, so that outputs and MACs are the layer's
    own. A group of a convolution, and each product of a batch, becomes a row of its own. Raises `LayerError`
    for what SCALE-Sim cannot express (a batch of images, dilation, recurrent layers), or if nothing is left.
    """
    if isinstance(layers, Network):
        layers = layers.layers
    chosen = [layers] if isinstance(layers, Layer) else list(layers)
    rows = [row for layer in chosen for row in _layer_rows(layer)]
    if not rows:
        raise LayerError("none of these layers has MACs; SCALE-Sim counts convolutions and products")
    return rows


def _layer_rows(layer: Layer) -> list[ScaleSimRow]:
    problem = layer.problem
    if problem is None:
        return []
    if problem.sequential:
        raise LayerError(f"{layer.name}: SCALE-Sim has no steps that wait for each other ({layer.kind})")
    bounds = {dim: problem.bounds.get(dim, 1) for dim in "NGMCPQRS"}
    row = _row(layer.name, problem, bounds)
    groups = bounds["G"]
    if groups == 1:
        return [row]
    if groups > _MOST_ROWS:
        raise LayerError(f"{layer.name}: {groups} groups would make as many layers; {_MOST_ROWS} at most")
    return [
        ScaleSimRow(
            name=f"{layer.name}.{group}",
            ifmap=row.ifmap,
            filter=row.filter,
            channels=row.channels,
            filters=row.filters,
            stride=row.stride,
        )
        for group in range(groups)
    ]


def _row(name: str, problem: Problem, bounds: dict[str, int]) -> ScaleSimRow:
    strides, dilations = _steps(problem)
    pixels = bounds["P"] * bounds["Q"]
    if bounds["R"] * bounds["S"] == 1 and strides == (1, 1) and (pixels == 1 or "N" not in problem.bounds):
        # A fully connected layer (all of a batch at once) or a product of two activations.
        return product(name, bounds["N"] * pixels, bounds["M"], bounds["C"])
    if bounds["N"] > 1:
        raise LayerError(
            f"{name}: SCALE-Sim counts one image, not a batch of {bounds['N']}; load it with batch=1"
        )
    for axis, (dilation, kernel) in enumerate(zip(dilations, (bounds["R"], bounds["S"]), strict=True)):
        if dilation > 1 and kernel > 1:
            raise LayerError(f"{name}: SCALE-Sim has no dilation ({('rows', 'columns')[axis]}: {dilation})")
    return ScaleSimRow(
        name=name,
        ifmap=(
            (bounds["P"] - 1) * strides[0] + bounds["R"],
            (bounds["Q"] - 1) * strides[1] + bounds["S"],
        ),
        filter=(bounds["R"], bounds["S"]),
        channels=bounds["C"],
        filters=bounds["M"],
        stride=strides,
    )


def _steps(problem: Problem) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the strides and the dilations of rows and columns."""
    factors = {dim: times for axis in problem.tensor("inputs").axes for dim, times in axis.terms}
    strides = (factors.get("P", 1), factors.get("Q", 1))
    return strides, (factors.get("R", 1), factors.get("S", 1))
