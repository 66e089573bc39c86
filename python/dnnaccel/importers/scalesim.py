"""SCALE-Sim's topology files: a table with one convolution or matrix product in each row.

Rows do not chain: each has an input of its own. The format is that of SCALE-Sim 3.0.0, and of older files
with two strides; see `from_scalesim` for what its numbers mean.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dnnaccel.errors import ImportedFileError, LayerError, NetworkError, unknown_name
from dnnaccel.layers import Conv2d, DepthwiseConv2d, Layer, Linear, Pad2d, Shape
from dnnaccel.network import Network

__all__ = ["from_scalesim"]

MAX_BYTES = 4_000_000
MAX_ROWS = 20_000
_MAX_NAME = 200
_MAX_SIZE = 2**31 - 1

_CONV_COLUMNS = ("ifmap height", "ifmap width", "filter height", "filter width", "channels", "filters")
_COLUMNS = {"conv": (*_CONV_COLUMNS, "stride"), "gemm": ("M", "N", "K")}
_FORMS = {
    "conv": "name, ifmap height, ifmap width, filter height, filter width, channels, filters, stride",
    "gemm": "name, M, N, K",
}
_SPARSITY = re.compile(r"([0-9]{1,9})\s*:\s*([0-9]{1,9})")


def from_scalesim(
    path: str | os.PathLike[str], *, kind: str | None = None, name: str | None = None
) -> Network:
    """Read a topology file (CSV) of SCALE-Sim: every row is a layer with an input of its own.

    The first line is a header and is skipped; blank lines are too; a row may end with a comma, as SCALE-Sim
    demands, or without. A row of three sizes is a matrix product (M x K times K x N, a `Linear` of M
    vectors); one of seven, or of eight with a stride for rows and one for columns, is a convolution. A
    convolution whose name holds ``DP`` is depthwise, its number of filters that of every channel.

    There is no padding: files hold padded sizes. Where the stride leaves a rest, SCALE-Sim counts one more
    window that hangs over the edge; such a layer gets a `Pad2d` below and to the right (``conv1.pad``), so
    that sizes and MACs are the same. Sparsity ("2:4", in a column after the sizes) is kept in the metadata,
    as ``sparsity.conv1``. The input of layer ``conv1`` is ``conv1.ifmap``; a name that comes twice gets a
    number.

    Parameters
    ----------
    path
        The file.
    kind
        "conv" or "gemm"; None: what the number of columns says.
    name
        What reports call the network; None: the file's name without its suffix.

    Raises
    ------
    ImportedFileError
        With file, line and column, for what is not understood.
    UnknownNameError
        For another `kind`.
    """
    if kind is not None and kind not in _COLUMNS:
        raise unknown_name("kind of topology", kind, _COLUMNS)
    file = os.fspath(path)
    names = _Names()
    layers: list[Layer] = []
    inputs: dict[str, Shape] = {}
    sparsities: dict[str, str] = {}
    for row in _rows(file, _read(file)):
        if kind is None:
            kind = "gemm" if len(row.sizes_given()) == 3 else "conv"
        layer_name = names.fresh(row.name())
        source = names.fresh(f"{layer_name}.ifmap")
        make = _convolution if kind == "conv" else _product
        try:
            inputs[source], made = make(row, layer_name, source, names)
        except LayerError as error:
            raise row.error(0, str(error)) from None
        layers += made
        if row.sparsity is not None:
            sparsities[f"sparsity.{layer_name}"] = row.sparsity
    if kind is None:
        raise ImportedFileError(
            f"{file}: holds no layers; below its header stand rows as {_FORMS['conv']} or {_FORMS['gemm']}"
        )
    metadata = {"source": f"SCALE-Sim topology ({kind}) {Path(file).name}", **sparsities}
    try:
        return Network(name or Path(file).stem, tuple(layers), inputs=inputs, metadata=metadata)
    except (LayerError, NetworkError) as error:
        raise ImportedFileError(f"{file}: {error}") from None


class _Names:
    """Names that are used once: what comes again gets a number."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._next: dict[str, int] = {}

    def fresh(self, name: str) -> str:
        chosen = name
        while chosen in self._taken:
            self._next[name] = self._next.get(name, 1) + 1
            chosen = f"{name}_{self._next[name]}"
        self._taken.add(chosen)
        return chosen


@dataclass(frozen=True, slots=True)
class _Row:
    """A row's cells, each with the column (from 1) at which it begins."""

    file: str
    line: int
    cells: tuple[tuple[int, str], ...]
    sparsity: str | None

    def error(self, cell: int, text: str) -> ImportedFileError:
        return ImportedFileError(f"{self.file}:{self.line}:{self.cells[cell][0]}: {text}")

    def name(self) -> str:
        name = self.cells[0][1]
        if not name or not name.isprintable() or len(name) > _MAX_NAME:
            shown = repr(name if len(name) <= 40 else name[:37] + "...")
            raise self.error(
                0, f"a layer's name must be 1 to {_MAX_NAME} printable characters, given {shown}"
            )
        return name

    def sizes_given(self) -> tuple[tuple[int, str], ...]:
        return self.cells[1:]

    def sizes(self, kind: str) -> tuple[int, ...]:
        """Return the row's numbers: one for each column of `kind`, two strides for a convolution."""
        columns = _COLUMNS[kind]
        given = self.sizes_given()
        if kind == "conv" and len(given) == len(columns) + 1:
            columns = (*_CONV_COLUMNS, "stride of rows", "stride of columns")
        if len(given) != len(columns):
            raise self.error(
                0,
                f"has {len(given)} sizes after its name; a row of a {kind} topology is {_FORMS[kind]}, then "
                "perhaps the sparsity N:M",
            )
        sizes = tuple(self._size(index + 1, column) for index, column in enumerate(columns))
        return (*sizes, sizes[-1]) if len(sizes) == len(_COLUMNS["conv"]) else sizes

    def _size(self, cell: int, column: str) -> int:
        text = self.cells[cell][1]
        number = int(text) if re.fullmatch(r"[0-9]{1,10}", text) else 0
        if not 1 <= number <= _MAX_SIZE:
            shown = repr(text if len(text) <= 40 else text[:37] + "...")
            raise self.error(cell, f"{column} must be a whole number from 1 to 2**31 - 1, given {shown}")
        return number


def _convolution(row: _Row, name: str, source: str, names: _Names) -> tuple[Shape, list[Layer]]:
    height, width, *kernel_sizes, channels, filters, down, across = row.sizes("conv")
    kernel, stride = (kernel_sizes[0], kernel_sizes[1]), (down, across)
    for axis, size in enumerate((height, width)):
        if kernel[axis] > size:
            raise row.error(
                3 + axis, f"{_CONV_COLUMNS[2 + axis]} {kernel[axis]} exceeds {_CONV_COLUMNS[axis]} {size}"
            )
    shape = (1, channels, height, width)
    layers: list[Layer] = []
    # SCALE-Sim's ofmap has ceil((H - r + s) / s) rows: the last window may hang over the edge.
    below, right = (
        -(size - reach) % step for size, reach, step in zip((height, width), kernel, stride, strict=True)
    )
    given: Shape = shape
    if below or right:
        pad = Pad2d(
            name=names.fresh(f"{name}.pad"),
            inputs=(source,),
            input_shapes=(shape,),
            rows=(0, below),
            columns=(0, right),
        )
        layers.append(pad)
        source, given = pad.name, pad.output_shape
    conv: Layer
    if "DP" in row.cells[0][1]:
        conv = DepthwiseConv2d(
            name=name,
            inputs=(source,),
            input_shapes=(given,),
            kernel=kernel,
            stride=stride,
            multiplier=filters,
            bias=False,
        )
    else:
        conv = Conv2d(
            name=name,
            inputs=(source,),
            input_shapes=(given,),
            kernel=kernel,
            stride=stride,
            out_channels=filters,
            bias=False,
        )
    return shape, [*layers, conv]


def _product(row: _Row, name: str, source: str, names: _Names) -> tuple[Shape, list[Layer]]:
    rows, columns, inner = row.sizes("gemm")
    shape = (1, rows, inner)
    product = Linear(name=name, inputs=(source,), input_shapes=(shape,), out_features=columns, bias=False)
    return shape, [product]


def _read(file: str) -> str:
    try:
        with open(file, "rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ImportedFileError(f"{file}: cannot be read: {reason}") from None
    if len(raw) > MAX_BYTES:
        raise ImportedFileError(f"{file}: larger than {MAX_BYTES} bytes; a topology file is a few kilobytes")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ImportedFileError(f"{file}:{line}: is not UTF-8 text (byte {error.start})") from None


def _rows(file: str, text: str) -> Iterator[_Row]:
    header, *lines = text.split("\n")
    if _is_row(_cells(header)):
        raise ImportedFileError(
            f"{file}:1:1: the first line is skipped as a header, but this one is a layer; put a header above"
        )
    count = 0
    for number, line in enumerate(lines, start=2):
        if not line.strip():
            continue
        count += 1
        if count > MAX_ROWS:
            raise ImportedFileError(f"{file}:{number}:1: more than {MAX_ROWS} layers; no network has as many")
        yield _row(file, number, _cells(line))


def _cells(line: str) -> tuple[tuple[int, str], ...]:
    cells: list[tuple[int, str]] = []
    column = 1
    for cell in line.split(","):
        cells.append((column + len(cell) - len(cell.lstrip()), cell.strip()))
        column += len(cell) + 1
    # Every row of SCALE-Sim's ends with a comma.
    return tuple(cells[:-1] if len(cells) > 1 and not cells[-1][1] else cells)


def _is_row(cells: tuple[tuple[int, str], ...]) -> bool:
    sizes = [text for _, text in cells[1:]]
    return len(sizes) >= 3 and all(re.fullmatch(r"[0-9]+(\s*:\s*[0-9]+)?", text) for text in sizes)


def _row(file: str, line: int, cells: tuple[tuple[int, str], ...]) -> _Row:
    row = _Row(file, line, cells, None)
    last = cells[-1][1]
    if len(cells) > 1 and ":" in last:
        match = _SPARSITY.fullmatch(last)
        if match is None or not 1 <= int(match[1]) <= int(match[2]):
            shown = repr(last if len(last) <= 40 else last[:37] + "...")
            raise row.error(len(cells) - 1, f"sparsity must be N:M with 1 <= N <= M, as 2:4, given {shown}")
        return _Row(file, line, cells[:-1], f"{int(match[1])}:{int(match[2])}")
    return row
