"""What there is to simulate, as text: the list of chips, and a layer, chip or dataflow in detail."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from dnnaccel._text import DEFAULT_WIDTH, Column, layout, pairs
from dnnaccel._units import NONE
from dnnaccel.constraint_text import split_text
from dnnaccel.errors import UnknownNameError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from dnnaccel.arch import Chip
    from dnnaccel.dataflow import Dataflow
    from dnnaccel.layers import Layer

__all__ = ["chips_text", "dataflow_text", "describe", "layer_text"]

_LONGEST_TITLE = 46


def chips_text(*, width: int = DEFAULT_WIDTH) -> str:
    """Return the built-in chips with what they are made of; this machine is listed, but not measured."""
    from dnnaccel import arch

    names = arch.names()
    chips = [None if name == arch.HOST else arch.load(name) for name in names]

    def column(tell: Callable[[Chip], str]) -> list[str]:
        return [NONE if chip is None else tell(chip) for chip in chips]

    return layout(
        [
            Column("chip", names, left=True),
            Column("array", column(lambda chip: _shape(chip) or NONE)),
            Column("MHz", column(lambda chip: NONE if chip.clock_mhz is None else f"{chip.clock_mhz:g}")),
            Column("GMAC/s", column(_peak)),
            Column("bits", column(lambda chip: str(chip.word_bits))),
            Column("nm", column(lambda c: NONE if c.technology_nm is None else f"{c.technology_nm:g}")),
            Column("dataflow", column(lambda chip: chip.dataflow), left=True),
            Column("energy in", column(lambda chip: chip.energy_unit), left=True),
            Column("title", [_title(chip) for chip in chips], left=True),
        ],
        width=width,
    )


def _shape(chip: Chip) -> str:
    return " ".join(f"{array.rows}x{array.columns}" for array in chip.arrays if array.instances > 1)


def _peak(chip: Chip) -> str:
    if chip.clock_mhz is None:
        return NONE
    return f"{chip.peak_macs_per_cycle * chip.clock_mhz / 1e3:,.0f}"


def _title(chip: Chip | None) -> str:
    title = "this machine, measured when it is loaded" if chip is None else chip.title
    return textwrap.shorten(title, _LONGEST_TITLE, placeholder=" ...")


def describe(name: str) -> str:
    """Return the details of a chip or a dataflow, by name or YAML path.

    Raises `UnknownNameError` if it is neither, with the nearest name, which may be a network's.
    """
    from dnnaccel import arch, dataflow, zoo
    from dnnaccel._yaml import is_path
    from dnnaccel.dataflow_files import describes_dataflow

    if name in dataflow.names() or (is_path(name) and describes_dataflow(name)):
        return dataflow_text(dataflow.get(name))
    try:
        return arch.load(name).draw()
    except UnknownNameError:
        known = [*zoo.names(), *arch.names(), *dataflow.names()]
        raise unknown_name("network, chip or dataflow", name, known) from None


def dataflow_text(flow: Dataflow) -> str:
    """Return what a dataflow constrains; what is not named is free."""
    items = [("dataflow", flow.name)]
    if flow.description:
        items.append(("description", flow.description))
    if flow.variants:
        items.append(("best of", ", ".join(flow.variants)))
    for what, given in (
        ("stays in the PE", flow.stationary),
        ("loops inside the PE", flow.inside),
        ("loops just outside", flow.outside or None),
        ("along the rows", flow.rows),
        ("along the columns", flow.columns),
        ("whole along the rows", flow.whole_rows or None),
    ):
        if given is not None:
            items.append((what, ", ".join(given) or "nothing"))
    for said, levels in (("level", flow.levels), ("where", flow.where)):
        items += [(f"{said} {level}", str(constraint)) for level, constraint in levels.items()]
    if flow.forbid:
        items.append(("forbidden", ", ".join(split_text(*split) for split in flow.forbid)))
    if flow.min_utilization:
        items.append(("MAC units at work", f"{flow.min_utilization:.1%} of the chip's at least"))
    return pairs(items)


def layer_text(layer: Layer) -> str:
    """Return one layer's shapes, sizes and loop bounds."""
    items = [
        ("layer", layer.name),
        ("kind", layer.kind),
        ("inputs", " ".join("x".join(map(str, shape)) for shape in layer.input_shapes)),
        ("output", "x".join(map(str, layer.output_shape))),
        ("MACs", f"{layer.macs:,}"),
        ("weights", f"{layer.weights:,} words"),
        ("parameters", f"{layer.parameters:,} words"),
        ("vector operations", f"{layer.ops:,}"),
    ]
    if layer.problem is not None:
        items.append(("loops", ", ".join(f"{dim}={size}" for dim, size in layer.problem.bounds.items())))
    return pairs(items)
