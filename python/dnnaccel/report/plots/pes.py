"""Which PEs of an array each layer puts to work: a small picture of the array for each layer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from dnnaccel.errors import DnnAccelError, unknown_name
from dnnaccel.report.palette import colours
from dnnaccel.report.plots.bars import title_of
from dnnaccel.report.plots.style import SMALL, new_figure, short

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from dnnaccel.arch import Array
    from dnnaccel.cost import LayerReport
    from dnnaccel.mapping import Mapping
    from dnnaccel.report.plots.kind import Options
    from dnnaccel.report.result import Report

__all__ = ["active_pes", "draw_pes"]

_IDLE = "#D9D9D9"
_CELL = 34.0
"""Points of the longer side of an array."""
_LINED = 32
"""Longest side of an array whose PEs are parted by lines."""


def draw_pes(report: Report, options: Options) -> Figure:
    """Draw the array, all layers with MACs in reading order, with the PEs that ever work in colour."""
    import numpy as np
    from matplotlib.colors import ListedColormap

    layers = [layer for layer in report.layers if layer.mapping is not None and layer.chip is not None]
    if not layers:
        raise DnnAccelError(f"no layer of {report.network} has a mapping: which PEs work is not known")
    array = _array(layers[0], options.level)
    scale = _CELL / max(array.rows, array.columns)
    width, height = array.columns * scale, array.rows * scale
    step_x, step_y = max(width, 40.0) + 6, height + 19
    across = max(1, int((options.width * 72 - 8) / step_x))
    down = math.ceil(len(layers) / across)
    figure = new_figure((options.width, (down * step_y + 38) / 72))
    axes = figure.subplots()
    shades = ListedColormap([_IDLE, colours(["busy"])["busy"]])
    lines: dict[str, Any] = (
        {"edgecolor": "white", "linewidth": 0.3} if max(array.rows, array.columns) <= _LINED else {}
    )
    for index, layer in enumerate(layers):
        x, y = index % across * step_x, index // across * step_y
        assert layer.mapping is not None
        works = active_pes(layer.mapping, array)
        axes.pcolormesh(
            x + scale * np.arange(array.columns + 1),
            y + scale * np.arange(array.rows + 1),
            works,
            cmap=shades,
            vmin=0,
            vmax=1,
            **lines,
        )
        axes.text(x, y + height + 1.5, short(layer.name), size=SMALL, va="top")
        axes.text(
            x, y + height + 8.5, f"{works.sum()}/{works.size}", size=SMALL - 0.5, va="top", color="#555555"
        )
    axes.set_xlim(-2, across * step_x)
    axes.set_ylim(down * step_y, -2)
    axes.set_aspect("equal")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    axes.set_title(title_of(report), loc="left")
    axes.set_xlabel(
        f"{short(array.name)}, {array.rows} rows x {array.columns} columns (PEs); coloured: at work"
    )
    return figure


def _array(layer: LayerReport, level: str | None) -> Array:
    """Return the array of that name, or the largest one."""
    from dnnaccel.arch import Array

    assert layer.chip is not None
    arrays = {each.name: each for each in layer.chip.levels if isinstance(each, Array)}
    if not arrays:
        raise DnnAccelError(f"{layer.chip.name} has no array: it is a single PE")
    if level is None:
        return max(arrays.values(), key=lambda array: array.instances)
    if level not in arrays:
        raise unknown_name("array", level, arrays)
    return arrays[level]


def active_pes(mapping: Mapping, array: Array) -> NDArray[np.bool_]:
    """Return which of the rows x columns of `array` get work from the fullest tile of a mapping.

    The loops of an axis number its places, the outermost loop the slowest. A place works if the chunk of
    every dim that is left for it is not empty.
    """
    import numpy as np

    places = np.indices((array.rows, array.columns))
    works = np.ones((array.rows, array.columns), dtype=bool)
    left: dict[str, NDArray[np.int64]] = {}
    for place, (axis, _) in zip(places, array.axes, strict=True):
        loops = [loop for level in mapping.levels if level.level == axis for loop in level.loops]
        inner = math.prod(-(-(loop.extent or 1) // loop.tile) for loop in loops)
        works &= place < inner
        for loop in loops:
            trips = -(-(loop.extent or 1) // loop.tile)
            inner //= trips
            whole = left.get(loop.dim, np.full(works.shape, loop.extent or 1))
            left[loop.dim] = np.clip(whole - place // inner % trips * loop.tile, 0, loop.tile)
            works &= left[loop.dim] > 0
    return works
