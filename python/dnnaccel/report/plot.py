"""Reports as stacked bars, drawn by matplotlib."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

from dnnaccel._units import prefix, prefix_exponent
from dnnaccel.errors import DnnAccelError, MissingExtraError, unknown_name
from dnnaccel.problem import ROLES
from dnnaccel.report.files import check_writable, write_atomically
from dnnaccel.report.palette import colours

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from dnnaccel.report.result import Report

__all__ = ["check_picture", "new_figure", "plot_report", "save_figure"]

_KINDS = ("energy", "words", "cycles")
_BY = ("level", "tensor")

Bars = dict[str, list[float]]
"""Name of a part to its size in each layer."""


def plot_report(report: Report, *, kind: str, by: str, path: str | os.PathLike[str] | None) -> Figure:
    """Draw `report` as one stacked bar per layer; see `Report.plot`."""
    if kind not in _KINDS:
        raise unknown_name("kind of plot", kind, _KINDS)
    if by not in _BY:
        raise unknown_name("way to split a plot", by, _BY)
    shown = [index for index, layer in enumerate(report.layers) if layer.cycles or layer.energy]
    names = [report.layers[index].name for index in shown]
    parts = {
        part: [sizes[index] for index in shown]
        for part, sizes in _bars(report, kind, by).items()
        if any(sizes)
    }
    if kind == "energy" and report.energy_unit == "pJ":
        parts = {part: [size * 1e-12 for size in sizes] for part, sizes in parts.items()}
    tops = [sum(sizes) for sizes in zip(*parts.values(), strict=True)]
    exponent = prefix_exponent(max(tops, default=0.0))

    figure = new_figure((max(7.2, 3.5 + 0.28 * len(names)), 4.8))
    axes = figure.subplots()
    bottom = [0.0] * len(names)
    positions = range(len(names))
    for part, colour in colours(list(parts)).items():
        heights = [size / 10.0**exponent for size in parts[part]]
        axes.bar(
            positions, heights, bottom=bottom, label=part, color=colour, edgecolor="white", linewidth=0.4
        )
        bottom = [low + height for low, height in zip(bottom, heights, strict=True)]
    axes.set_xticks(positions, names, rotation=90)
    axes.set_xlabel("layer")
    axes.set_ylabel(_axis_label(report, kind, exponent))
    axes.set_title(f"{report.network} on {report.chip}, {report.dataflow}, batch {report.batch}")
    axes.margins(x=0.01)
    if any(bottom):
        axes.set_ylim(0, 1.05 * max(bottom))
        # Beside the bars, in the order in which they are stacked.
        handles, labels = axes.get_legend_handles_labels()
        figure.legend(handles[::-1], labels[::-1], frameon=False, loc="outside right upper")
    if path is not None:
        save_figure(figure, path)
    return figure


def _bars(report: Report, kind: str, by: str) -> Bars:
    layers = report.layers
    if kind == "cycles":
        computing = [min(layer.compute_cycles, layer.cycles) for layer in layers]
        waiting = [layer.cycles - busy for layer, busy in zip(layers, computing, strict=True)]
        return {"computing": [*map(float, computing)], "waiting for memory": [*map(float, waiting)]}
    if kind == "energy":
        splits = [layer.energy_by_level() if by == "level" else layer.energy_by_tensor() for layer in layers]
        total = report.energy_by_level() if by == "level" else report.energy_by_tensor()
        return {name: [split.get(name, 0.0) for split in splits] for name in total}
    return {
        name: [
            float(sum(c.reads + c.writes for c in layer.levels if name in (c.level, c.tensor)))
            for layer in layers
        ]
        for name in (report.memories if by == "level" else ROLES)
    }


def _axis_label(report: Report, kind: str, exponent: int) -> str:
    if kind == "energy" and report.energy_unit == "pJ":
        return f"energy ({prefix(exponent)}J)"
    scale = "" if exponent == 0 else f"{10**exponent:,} " if exponent > 0 else f"1e{exponent} "
    unit = {"energy": f"{scale}{report.energy_unit}", "cycles": f"{scale}cycles", "words": f"{scale}words"}[
        kind
    ]
    return {"energy": "energy", "cycles": "time", "words": "reads + writes"}[kind] + f" ({unit})"


def new_figure(inches: tuple[float, float]) -> Figure:
    """Return an empty figure of that width and height; raises `MissingExtraError` without matplotlib.

    It is its own, not pyplot's: nothing is left open, and no display is asked for.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError("plots need matplotlib: pip install 'dnnaccel[plot]'") from None
    return Figure(figsize=inches, layout="constrained")


def check_picture(path: str | os.PathLike[str]) -> None:
    """Refuse a picture that cannot be drawn or written, before the work is done and not after."""
    _format_of(new_figure((1.0, 1.0)), path)
    check_writable(path)


def save_figure(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write a figure as the suffix of `path` says; raises `DnnAccelError` for one that is no picture."""
    suffix = _format_of(figure, path)
    image = io.BytesIO()
    figure.savefig(image, format=suffix, dpi=150)
    write_atomically(path, image.getvalue())


def _format_of(figure: Figure, path: str | os.PathLike[str]) -> str:
    suffix = Path(path).suffix.removeprefix(".").lower()
    valid = sorted(figure.canvas.get_supported_filetypes())
    if suffix not in valid:
        raise DnnAccelError(
            f"cannot save the plot {os.fspath(path)}: the suffix says the format ({', '.join(valid)})"
        )
    return suffix
