"""What changed between two reports: settings, totals, and layers by the size of the change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dnnaccel.comparing.figures import UNITS, aligned_layers, dram_words, ratio_of
from dnnaccel.cost import LayerReport
from dnnaccel.report import Report

__all__ = ["Change", "LayerChange", "layer_changes", "setting_changes", "total_changes"]

Value = float | int | str | None
_Figures = dict[str, tuple[Value, str]]
"""Values by name, each with its unit."""

_SETTINGS = (
    "network",
    "chip",
    "dataflow",
    "objective",
    "fidelity",
    "batch",
    "clock_mhz",
    "peak_macs_per_cycle",
    "energy_unit",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One number or text in both reports; None where a report has none. `units` are those of `a` and `b`."""

    name: str
    a: Value
    b: Value
    units: tuple[str, str] = ("", "")

    @property
    def ratio(self) -> float | None:
        """`b` over `a`; None for texts, for what one report has not, and for different units."""
        if isinstance(self.a, str) or isinstance(self.b, str) or self.units[0] != self.units[1]:
            return None
        return ratio_of(self.b, self.a)

    def exceeds(self, threshold: float) -> bool:
        """Whether `a` and `b` differ by more than `threshold`, as a part of the larger one."""
        a, b = self.a, self.b
        if isinstance(a, str) or isinstance(b, str) or a is None or b is None:
            return a != b
        return self.units[0] != self.units[1] or abs(b - a) > threshold * max(abs(a), abs(b))

    def to_dict(self) -> dict[str, Any]:
        """Return the change as plain values."""
        return {
            "name": self.name,
            "a": self.a,
            "unit_a": self.units[0],
            "b": self.b,
            "unit_b": self.units[1],
            "ratio": self.ratio,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerChange:
    """A layer that is not the same in both reports.

    `status` is "changed", "added" (`b` alone has it) or "removed" (`a` alone). `size` is the larger of the
    changes of energy and of cycles, as a part of the larger total of both reports. `energy`, `cycles` and
    `dram_words` are there whether they changed or not; `others` is what else changed.
    """

    name: str
    kind: str
    status: str
    size: float
    energy: Change
    cycles: Change
    dram_words: Change
    others: tuple[Change, ...]

    @property
    def figures(self) -> tuple[Change, ...]:
        """The three figures, then what else changed."""
        return (self.energy, self.cycles, self.dram_words, *self.others)

    def to_dict(self) -> dict[str, Any]:
        """Return the layer as plain values."""
        return {
            "name": self.name,
            "kind": self.kind,
            "status": self.status,
            "size": self.size,
            "changes": [change.to_dict() for change in self.figures],
        }


def setting_changes(a: Report, b: Report) -> tuple[Change, ...]:
    """Return which settings differ: of the network, the chip, the dataflow and what was asked for."""
    settings = [Change(name=name, a=getattr(a, name), b=getattr(b, name)) for name in _SETTINGS]
    settings.append(Change(name="memories", a=", ".join(a.memories), b=", ".join(b.memories)))
    settings.append(Change(name="arrays", a=", ".join(a.arrays), b=", ".join(b.arrays)))
    return tuple(change for change in settings if change.exceeds(0.0))


def total_changes(a: Report, b: Report, threshold: float) -> tuple[Change, ...]:
    """Return which totals differ by more than `threshold`."""
    return tuple(c for c in _paired(_totals(a), _totals(b)) if c.exceeds(threshold))


def layer_changes(a: Report, b: Report, threshold: float) -> tuple[LayerChange, ...]:
    """Return the layers that differ, the largest change first.

    A layer counts if a number changed by more than `threshold`; if that is 0, if a text did, too (what it is
    bound by, its mapping).
    """
    energies = max(a.energy, b.energy) if a.energy_unit == b.energy_unit else 0.0
    cycles = max(a.cycles, b.cycles)
    found = []
    for name, (before, after) in aligned_layers((a, b)):
        changed = _layer_change(name, before, after, (a, b), threshold, (energies, cycles))
        if changed is not None:
            found.append(changed)
    return tuple(sorted(found, key=lambda layer: (-layer.size, layer.name)))


def _layer_change(
    name: str,
    a: LayerReport | None,
    b: LayerReport | None,
    reports: tuple[Report, Report],
    threshold: float,
    totals: tuple[float, float],
) -> LayerChange | None:
    figures = {c.name: c for c in _paired(_layer(a, reports[0]), _layer(b, reports[1]))}
    both = a is not None and b is not None
    changed = {key: change for key, change in figures.items() if change.exceeds(threshold)}
    numbers = [key for key in changed if key not in _TEXTS]
    if both and not numbers and not (changed and threshold == 0.0):
        return None
    kept = ("energy", "cycles", "dram_words")
    sizes = [
        abs(float(figures[key].b or 0) - float(figures[key].a or 0)) / total
        for key, total in zip(kept, totals, strict=False)
        if total
    ]
    layer = a or b
    assert layer is not None
    return LayerChange(
        name=name,
        kind=layer.kind,
        status="changed" if both else "added" if a is None else "removed",
        size=max(sizes, default=0.0),
        energy=figures["energy"],
        cycles=figures["cycles"],
        dram_words=figures["dram_words"],
        others=tuple(change for key, change in changed.items() if key not in kept),
    )


_TEXTS = ("kind", "bound_by", "bound_port", "note", "mapping")


def _paired(a: _Figures, b: _Figures) -> Iterator[Change]:
    """Yield every value that one of both has."""
    for name in dict.fromkeys((*a, *b)):
        (x, unit), (y, other) = a.get(name, (None, "")), b.get(name, (None, ""))
        yield Change(name=name, a=x, b=y, units=(unit if name in a else other, other if name in b else unit))


def _totals(report: Report) -> _Figures:
    figures: _Figures = {
        "energy": (report.energy, report.energy_unit),
        "energy_per_inference": (report.energy_per_inference, report.energy_unit),
        "cycles": (report.cycles, "cycles"),
        "seconds": (report.seconds, "s"),
        "edp": (report.edp, report.edp_unit),
        "frames_per_second": (report.frames_per_second, "1/s"),
        "average_power_watts": (report.average_power_watts, "W"),
        "utilization": (report.utilization, ""),
        "macs": (report.macs, "MACs"),
        "ops": (report.ops, "operations"),
    }
    figures |= _words(
        {name: (report.traffic(name), report.traffic(name, unit="bytes")) for name in report.memories}
    )
    split = report.energy_by_level()
    figures |= {f"energy.{name}": (spent, report.energy_unit) for name, spent in split.items()}
    tensors = {name: spent for name, spent in report.energy_by_tensor().items() if name not in UNITS}
    return figures | {f"energy.{name}": (spent, report.energy_unit) for name, spent in tensors.items()}


def _layer(layer: LayerReport | None, report: Report) -> _Figures:
    """Return what is compared of a layer: all it has; nothing if there is none."""
    if layer is None:
        return {
            "energy": (None, report.energy_unit),
            "cycles": (None, "cycles"),
            "dram_words": (None, "words"),
        }
    figures: _Figures = {
        "energy": (layer.energy, layer.energy_unit),
        "cycles": (layer.cycles, "cycles"),
        "dram_words": (dram_words(layer, report.memories[0]) if report.memories else 0, "words"),
        "macs": (layer.macs, "MACs"),
        "ops": (layer.ops, "operations"),
        "utilization": (layer.utilization, ""),
    }
    levels = {count.level for count in layer.levels}
    figures |= _words(
        {
            name: (layer.traffic(name), layer.traffic(name, unit="bytes")) if name in levels else (0, 0)
            for name in report.memories
        }
    )
    split = layer.energy_by_level()
    figures |= {f"energy.{name}": (spent, layer.energy_unit) for name, spent in split.items()}
    texts = {
        "kind": layer.kind,
        "bound_by": layer.bound_by,
        "bound_port": layer.bound_port,
        "note": layer.note,
        "mapping": "" if layer.mapping is None else str(layer.mapping),
    }
    return figures | {name: (text, "") for name, text in texts.items()}


def _words(traffic: Mapping[str, tuple[int, int]]) -> _Figures:
    """Return the traffic of memories, outermost first, in words and bytes; the outermost is "dram"."""
    figures: _Figures = {}
    for index, (name, (words, size)) in enumerate(traffic.items()):
        prefix = "dram_" if index == 0 else f"{name}."
        figures |= {f"{prefix}words": (words, "words"), f"{prefix}bytes": (size, "B")}
    return figures
