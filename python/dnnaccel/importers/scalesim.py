"""Networks from SCALE-Sim's topology files (CSV), convolutions or matrix products.

Depthwise convolutions are told by ``DP`` in their name; `scalesim_rows` reads the lines.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from dnnaccel.builder import NetworkBuilder
from dnnaccel.errors import DnnAccelError, ImportedFileError
from dnnaccel.importers.scalesim_rows import TopologyLine, read_lines
from dnnaccel.network import Metadata, Network

__all__ = ["from_scalesim"]


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
    rows = read_lines(file, kind)
    names: set[str] = set()
    for row in rows:
        if row.name in names:
            raise ImportedFileError(f"{row.where}: a layer of the name {row.name!r} stands above already")
        names.add(row.name)
    title = name or Path(file).stem
    sparse = ", ".join(f"{row.name} {row.sparsity}" for row in rows if row.sparsity)
    metadata: Metadata = {"source": Path(file).name, **({"sparsity": sparse} if sparse else {})}
    builder: NetworkBuilder | None = None
    for row in rows:
        shape = (1, row.numbers[0], row.numbers[2]) if row.is_product else _ifmap(row)
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


def _ifmap(row: TopologyLine) -> tuple[int, int, int, int]:
    return (1, row.numbers[4], row.numbers[0], row.numbers[1])


def _add(b: NetworkBuilder, row: TopologyLine) -> None:
    source = f"{row.name}.ifmap"
    if row.is_product:
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
