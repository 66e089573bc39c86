"""The lines of SCALE-Sim's topology files (CSV), convolutions or matrix products, as plain numbers.

The formats and their quirks are those of SCALE-Sim 3.0.0 and the files shipped with it: a header that nobody
reads, cells with blanks, a comma at the end of a line or none, one stride or (in old files) two, and a column
``N:M`` of structured sparsity.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from dnnaccel.errors import ImportedFileError

__all__ = ["TopologyLine", "read_lines"]

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
class TopologyLine:
    """One line: its layer's name, its numbers (a second stride among them), and its sparsity or ""."""

    where: str
    name: str
    numbers: tuple[int, ...]
    sparsity: str

    @property
    def is_product(self) -> bool:
        """Whether the numbers are M, N and K of a matrix product."""
        return len(self.numbers) == len(_PRODUCT)


def read_lines(file: str, kind: str | None) -> list[TopologyLine]:
    """Return the layers of a topology file, in order.

    `kind` is "conv" or "gemm"; None tells it from the number of cells. Raises `ImportedFileError` with the
    line and column of what cannot be understood.
    """
    if kind not in (None, "conv", "gemm"):
        raise ImportedFileError(f"{file}: kind must be 'conv' or 'gemm', given {kind!r}")
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
    found: list[TopologyLine] = []
    for number, line in enumerate(lines, start=1):
        # The first line is a header, whatever it says.
        if number == 1 or not line.strip(" \t,"):
            continue
        if len(found) == _MAX_LAYERS:
            raise ImportedFileError(f"{file}:{number}: more than {_MAX_LAYERS} layers")
        found.append(_line(f"{file}:{number}", line, kind))
        kind = "gemm" if found[-1].is_product else "conv"
    if not found:
        raise ImportedFileError(f"{file}: holds no layers below its header")
    return found


def _line(where: str, line: str, kind: str | None) -> TopologyLine:
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
    return TopologyLine(where, name, numbers, sparsity)


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
