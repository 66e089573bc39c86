"""A report's layers in a few rows: equal ones together, with their totals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dnnaccel.cost import LayerReport

if TYPE_CHECKING:
    from dnnaccel.network import Network
    from dnnaccel.report import Report

__all__ = ["LayerGroup", "are_groups", "layer_groups"]


@dataclass(frozen=True, slots=True)
class LayerGroup:
    """Layers that are the same to a chip: equal loop nests, or all of one kind without MACs.

    `name` is that of the first of the `layers` ones. MACs, cycles and energy (in the chip's unit) are of all
    together. `bound_by` is what most of the cycles are bound by. `optimal` says whether their mapping is
    proved to be the best; None without MACs.
    """

    name: str
    kind: str
    layers: int
    macs: int
    cycles: int
    energy: float
    utilization: float
    bound_by: str
    optimal: bool | None

    def to_row(self) -> list[Any]:
        """Return the fields in their order, as a store keeps them."""
        return [getattr(self, name) for name in self.__slots__]

    @classmethod
    def from_row(cls, row: object) -> LayerGroup:
        """Return the group of a stored row; raises `ValueError` for what is none."""
        if not isinstance(row, list) or len(row) != len(cls.__slots__):
            raise ValueError("a group of layers is a list of its fields")
        for value, kinds in zip(row, _KINDS, strict=True):
            if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
                raise ValueError(f"a group of layers has {value!r} in it")
        return cls(*row)


_KINDS: tuple[tuple[type, ...], ...] = (
    (str,),
    (str,),
    (int,),
    (int,),
    (int,),
    (float, int),
    (float, int),
    (str,),
    (bool, type(None)),
)
"""Types of the fields of `LayerGroup`."""


def are_groups(rows: object) -> bool:
    """Say whether stored rows have the form of what `LayerGroup.to_row` returns."""
    try:
        return isinstance(rows, list) and all(map(LayerGroup.from_row, rows))
    except ValueError:
        return False


def layer_groups(net: Network, report: Report) -> tuple[LayerGroup, ...]:
    """Return the layers of the report on a network in groups, in the order of the first of each.

    Cycles and MACs add up to the report's, and energies but for rounding. Groups that cost nothing are left
    out.
    """
    groups: dict[object, list[LayerReport]] = {}
    for layer, cost in zip(net.layers, report.layers, strict=True):
        # All that a layer with MACs costs follows from its problem and its vector operations.
        key = layer.kind if layer.problem is None else (layer.kind, layer.problem, layer.ops)
        groups.setdefault(key, []).append(cost)
    found = (_group(layers, report.peak_macs_per_cycle) for layers in groups.values())
    return tuple(group for group in found if group.cycles or group.energy)


def _group(layers: Sequence[LayerReport], peak: int) -> LayerGroup:
    cycles = sum(layer.cycles for layer in layers)
    by_bound: dict[str, int] = {}
    for layer in layers:
        by_bound[layer.bound_by] = by_bound.get(layer.bound_by, 0) + layer.cycles
    first = layers[0]
    return LayerGroup(
        name=first.name,
        kind=first.kind,
        layers=len(layers),
        macs=sum(layer.macs for layer in layers),
        cycles=cycles,
        energy=sum(layer.energy for layer in layers),
        utilization=sum(layer.timed_macs for layer in layers) / (cycles * peak) if cycles else 0.0,
        bound_by=max(by_bound, key=lambda name: by_bound[name]),
        optimal=all(layer.optimal for layer in layers) if first.macs else None,
    )
