"""Networks from SCALE-Sim's topology files (CSV), convolutions or matrix products.

The formats and their quirks are those of SCALE-Sim 3.0.0 and the files shipped with it: a header that nobody
reads, cells with blanks, a comma at the end of a line or none, one stride or (in old files) two, a column
``N:M`` of structured sparsity, and depthwise convolutions told by ``DP`` in their name.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dnnaccel.builder import NetworkBuilder
from dnnaccel.errors import DnnAccelError, ImportedFileError
from dnnaccel.network import Metadata, Network

__all__ = ["from_scalesim"]

_MAX_BYTES = 4 * 2**20
_MAX_LAYERS = 20_000
_LARGEST = 2**31 - 1
_CONVOLUTION = (
    "ifmap rows",
    "ifmap columns",
    "filter rows",
    "filter columns",
    "channels",
    "filters",
    "stride",
)
_PRODUCT = ("M", "N", "K")
_SPARSITY = re.compile(r"[0-9]{1,4}:[0-9]{1,4}")


@dataclass(frozen=True, slots=True)
class _Row:
    """One line: its layer's name, its numbers (a second stride among them), and its sparsity or ""."""

    where: str
    name: str
    numbers: tuple[int, ...]
    sparsity: str


def from_scalesim(
    path: str | os.PathLike[str],
    *,
    kind: str | None = None,
    dims: Mapping[str, int] | None = None,
    name: str | None = None,
) -> Network:
    """Read a topology file of SCALE-Sim.

    Its lines say nothing of what reads what: every layer gets an input of its own, `NAME.ifmap`, without
    padding. Where the stride leaves a partial window at the edge, SCALE-Sim makes an output of it; a layer
    `NAME.pad` adds the missing rows and columns. In a depthwise line (``DP`` in the name) every channel has
    the line's number of filters. Sparsity is kept as text in the metadata, and not used.

    Parameters
    ----------
    path
        The CSV file, at most 4 MB.
    kind
        "conv" or "gemm"; None tells it from the number of cells.
    dims
        Nothing is left open in such a file: must be empty.
    name
        What reports call the network; by default the file's name.

    Raises
    ------
    ImportedFileError
        With the line and column of what cannot be understood.
    """
    file = os.fspath(path)
    if dims:
        raise ImportedFileError(f"{file}: sizes in a topology file are all given; leave dims out")
    if kind not in (None, "conv", "gemm"):
        raise ImportedFileError(f"{file}: kind must be 'conv' or 'gemm', given {kind!r}")
    rows = _read(file, kind)
    title = name or Path(file).stem
    sparse = ", ".join(f"{row.name} {row.sparsity}" for row in rows if row.sparsity)
    metadata: Metadata = {"source": Path(file).name, **({"sparsity": sparse} if sparse else {})}
    builder: NetworkBuilder | None = None
    for row in rows:
        shape = (1, row.numbers[0], row.numbers[2]) if len(row.numbers) == 3 else _ifmap(row)
        try:
            if builder is None:
                builder = NetworkBuilder(
                    title, input_shape=shape, input_name=f"{row.name}.ifmap", metadata=metadata
                )
            else:
                builder.input(f"{row.name}.ifmap", shape=shape)
            _add(builder, row)
        except DnnAccelError as error:
            raise ImportedFileError(f"{row.where}: {error}") from None
    assert builder is not None
    return builder.build()


def _ifmap(row: _Row) -> tuple[int, int, int, int]:
    return (1, row.numbers[4], row.numbers[0], row.numbers[1])


def _add(b: NetworkBuilder, row: _Row) -> None:
    source = f"{row.name}.ifmap"
    if len(row.numbers) == 3:
        b.linear(row.name, out_features=row.numbers[1], in_features=row.numbers[2], bias=False, after=source)
        return
    rows, columns, kernel_rows, kernel_columns, _, filters, *strides = row.numbers
    stride = (strides[0], strides[-1])
    missing = [
        -(size - kernel) % step
        for size, kernel, step in zip((rows, columns), (kernel_rows, kernel_columns), stride, strict=True)
    ]
    if any(missing):
        source = b.pad(f"{row.name}.pad", rows=(0, missing[0]), columns=(0, missing[1]), after=source)
    kernel = (kernel_rows, kernel_columns)
    if "DP" in row.name:
        b.depthwise(row.name, kernel=kernel, multiplier=filters, stride=stride, bias=False, after=source)
    else:
        b.conv2d(row.name, out_channels=filters, kernel=kernel, stride=stride, bias=False, after=source)


def _read(file: str, kind: str | None) -> list[_Row]:
    try:
        with open(file, "rb") as stream:
            data = stream.read(_MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise ImportedFileError(f"{file}: cannot be read: {error}") from None
    if len(data) > _MAX_BYTES:
        raise ImportedFileError(f"{file}: is larger than {_MAX_BYTES} bytes")
    try:
        lines = data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ImportedFileError(f"{file}: is no text in UTF-8 from byte {error.start} on") from None
    rows: list[_Row] = []
    names: set[str] = set()
    for number, line in enumerate(lines, start=1):
        # The first line is a header, whatever it says.
        if number == 1 or not line.strip(" \t,"):
            continue
        if len(rows) == _MAX_LAYERS:
            raise ImportedFileError(f"{file}:{number}: more than {_MAX_LAYERS} layers")
        row = _row(f"{file}:{number}", line, kind)
        kind = "gemm" if len(row.numbers) == 3 else "conv"
        if row.name in names:
            raise ImportedFileError(f"{row.where}: a layer of the name {row.name!r} stands above already")
        names.add(row.name)
        rows.append(row)
    if not rows:
        raise ImportedFileError(f"{file}: holds no layers below its header")
    return rows


def _row(where: str, line: str, kind: str | None) -> _Row:
    cells = [cell.strip() for cell in line.split(",")]
    while cells and not cells[-1]:
        cells.pop()
    name, values = cells[0], cells[1:]
    if not name or not name.isprintable() or len(name) > 200:
        raise ImportedFileError(f"{where}, column 1: a layer's name is wanted, found {_cut(name)}")
    sparsity = values.pop() if values and ":" in values[-1] else ""
    if sparsity and not _SPARSITY.fullmatch(sparsity):
        raise ImportedFileError(
            f"{where}, column {len(cells)}: sparsity is N:M, as 2:4, found {_cut(sparsity)}"
        )
    words = _words(where, kind, len(values))
    numbers = tuple(
        _number(f"{where}, column {column}", word, cell)
        for column, (word, cell) in enumerate(zip(words, values, strict=True), start=2)
    )
    return _Row(where, name, numbers, sparsity)


def _words(where: str, kind: str | None, count: int) -> Sequence[str]:
    """Return what the numbers of a line stand for."""
    if kind != "conv" and count == len(_PRODUCT):
        return _PRODUCT
    if kind != "gemm" and count == len(_CONVOLUTION):
        return _CONVOLUTION
    if kind != "gemm" and count == len(_CONVOLUTION) + 1:
        return (*_CONVOLUTION[:-1], "stride rows", "stride columns")
    wanted = {
        "gemm": "3 numbers (M, N, K)",
        "conv": f"{len(_CONVOLUTION)} numbers ({', '.join(_CONVOLUTION)}) or 8 (two strides)",
    }
    expected = wanted[kind] if kind else " or ".join(reversed(wanted.values()))
    raise ImportedFileError(f"{where}: {count} numbers behind the name; wanted {expected}")


def _number(where: str, word: str, cell: str) -> int:
    if not (cell.isascii() and cell.isdigit() and len(cell) <= 10 and 1 <= int(cell) <= _LARGEST):
        raise ImportedFileError(
            f"{where}: {word} must be a whole number from 1 to 2**31 - 1, found {_cut(cell)}"
        )
    return int(cell)


def _cut(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")
