"""What the atlas' page draws from: all of it as compact JSON values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dnnaccel._units import NONE

if TYPE_CHECKING:
    from dnnaccel.atlas.result import Atlas
    from dnnaccel.zoo import NetworkRow

__all__ = ["GROUPS", "group_of", "network_data", "page_data", "scopes"]

# Kinds of networks, by how their names begin; each has a colour and a shape.
GROUPS = {
    "AlexNet, VGG": ("alexnet", "zfnet", "overfeat", "vgg"),
    "Inception": ("googlenet", "inception", "xception", "polynet"),
    "ResNet": ("resnet", "wide_resnet", "wrn", "resnext", "dpn"),
    "DenseNet": ("densenet",),
    "small by design": ("squeezenet", "mobilenet", "shufflenet"),
    "NASNet": ("nasnet",),
    "attention, recurrent": ("vit", "transformer", "bert", "gpt", "gnmt", "rnn", "lstm", "gru"),
    "other": ("",),
}


def page_data(found: Atlas) -> dict[str, Any]:
    """Return what the page's script draws from, as plain JSON values; see atlas.js for the rows."""
    bounds: dict[str, int] = {}
    rows: list[list[Any]] = []
    layers: dict[str, dict[tuple[str, str, int, int], int]] = {row.name: {} for row in found.networks}
    chip_at = {chip.name: index for index, chip in enumerate(found.chips)}
    for index, network in enumerate(found.networks):
        known = layers[network.name]
        for row in found.rows[index * len(found.chips) : (index + 1) * len(found.chips)]:
            place = [index, chip_at[row.chip]]
            if row.reason is not None:
                rows.append([*place, row.reason])
                continue
            groups = [
                [
                    known.setdefault((one.name, one.kind, one.layers, one.macs), len(known)),
                    one.cycles,
                    _digits(one.energy),
                    _digits(one.utilization),
                    bounds.setdefault(one.bound_by, len(bounds)),
                    one.optimal,
                ]
                for one in row.layers
            ]
            bound = bounds.setdefault(row.bound_by or NONE, len(bounds))
            rows.append(
                [
                    *place,
                    row.energy,
                    row.cycles,
                    _digits(row.figures["utilization"]),
                    bound,
                    None if row.proved is None else _digits(row.proved),
                    groups,
                ]
            )
    return {
        "networks": [network_data(row, list(layers[row.name])) for row in found.networks],
        "chips": [
            {
                "name": chip.name,
                "dataflow": chip.dataflow,
                "unit": chip.energy_unit,
                "clock": chip.clock_mhz,
                "peak": chip.peak_macs_per_cycle,
            }
            for chip in found.chips
        ],
        "bounds": list(bounds),
        "scopes": [{"dataset": scope, "orders": _orders(found, scope)} for scope in scopes(found)],
        "rows": rows,
    }


def scopes(found: Atlas) -> list[str | None]:
    return list(dict.fromkeys((found.main_dataset(), None)))


def _orders(found: Atlas, scope: str | None) -> list[list[list[Any]]]:
    by_chip: dict[str, list[list[Any]]] = {chip.name: [] for chip in found.chips}
    for one in found.correlations(scope):
        by_chip[one.chip].append(
            [
                one.first,
                one.second,
                *(
                    None if value is None else _digits(value)
                    for value in (one.kendall, one.spearman, one.swapped)
                ),
            ]
        )
    return list(by_chip.values())


def network_data(row: NetworkRow, layers: Sequence[tuple[str, str, int, int]]) -> dict[str, Any]:
    return {
        "name": row.name,
        "title": row.title,
        "dataset": row.dataset,
        "top5": row.top5 if row.top5 is not None else row.quoted_top5,
        "macs": row.macs,
        "weights": row.weights,
        "group": group_of(row.name),
        "layers": layers,
    }


def group_of(name: str) -> int:
    """Return the number of the kind of network that `name` begins like."""
    return next(index for index, begins in enumerate(GROUPS.values()) if name.startswith(begins))


def _digits(value: float) -> float:
    """Return `value` with the four digits that are shown."""
    return float(f"{value:.4g}")
