"""Components of a chip: what they fill in, and how it is told from what was given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from dnnaccel._checks import FrozenDict
from dnnaccel._yaml import Fault
from dnnaccel.arch.faults import unit_faults
from dnnaccel.arch.levels import Array, Estimated, Level, Mac, Memory
from dnnaccel.arch.plain import below
from dnnaccel.energy.estimate import Estimate, try_estimate
from dnnaccel.energy.pricing import Setting
from dnnaccel.energy.schema import KINDS

__all__ = [
    "FILLED_IN",
    "area_of",
    "bind_parts",
    "given",
    "source_of",
    "without_filled_in",
]

FILLED_IN = ("read_energy", "write_energy", "energy", "area_mm2")
"""The keys that a component can fill in."""

Part = TypeVar("Part", bound=Memory | Array | Mac)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Surroundings:
    """What a component takes from its chip."""

    technology_nm: float | None
    word_bits: int
    energy_unit: str
    area_unit: str


def given(part: Part) -> Part:
    """Return `part` as it was described: without what a component filled in and nobody changed since."""
    if not part.estimates:
        return part
    kept = {key: one for key, one in part.estimates.items() if getattr(part, key, None) == one.value}
    changes: dict[str, Any] = dict.fromkeys(kept) | {"estimates": FrozenDict()}
    texts = {one.source for one in part.estimates.values()}
    if isinstance(part, Mac):
        changes["source"] = "" if part.source in texts else part.source
    else:
        own = {key: text for key, text in part.sources.items() if text not in texts}
        changes["sources"] = FrozenDict(own)
    return replace(part, **changes)


def bind_parts(
    chip: Mapping[str, Any], levels: Sequence[Level], mac: Mac
) -> tuple[tuple[Level, ...], Mac, list[Fault]]:
    """Return the parts as the chip of these checked keys holds them, and what is wrong with them there."""
    around = _Surroundings(
        technology_nm=chip["technology_nm"],
        word_bits=chip["word_bits"],
        energy_unit=chip["energy_unit"],
        area_unit=chip["area_unit"],
    )
    faults: list[Fault] = []
    bound = []
    for index, level in enumerate(levels):
        estimated, more = _bind_level(level, around)
        bound.append(estimated)
        faults += below(("levels", index), more)
    estimated_mac, more = _bind_mac(mac, around)
    faults += below(("mac",), more)
    faults += unit_faults(
        bound,
        estimated_mac,
        chip_leakage_mw=chip["leakage_mw"],
        clock_mhz=chip["clock_mhz"],
        energy_unit=chip["energy_unit"],
        area_unit=chip["area_unit"],
    )
    return tuple(bound), estimated_mac, faults


def _bind_level(level: Level, around: _Surroundings) -> tuple[Level, list[Fault]]:
    """Return a level as its chip holds it: its words have a width, and its component is estimated."""
    if isinstance(level, Array):
        return _bind(given(level), Setting(**_common(around)), "array", around)
    own = given(level)
    if not own.word_bits:
        own = replace(own, word_bits=around.word_bits)
    setting = Setting(technology_nm=around.technology_nm, word_bits=own.word_bits, size_bytes=own.size_bytes)
    return _bind(own, setting, "memory", around)


def _bind_mac(mac: Mac, around: _Surroundings) -> tuple[Mac, list[Fault]]:
    """Return the MAC as its chip holds it: its component is estimated."""
    return _bind(given(mac), Setting(**_common(around)), "mac", around)


def source_of(part: Level | Mac, key: str) -> str:
    """Return where the number under `key` comes from, or "" if nobody says."""
    if key in part.estimates and getattr(part, key) == part.estimates[key].value:
        return part.estimates[key].source
    return part.source if isinstance(part, Mac) else part.sources.get(key, "")


def area_of(part: Level | Mac) -> float | None:
    """Return the area of one instance in the chip's area unit, or None if nobody says."""
    if part.area_mm2 is None and "area" in part.estimates:
        return part.estimates["area"].value
    return part.area_mm2


def _common(around: _Surroundings) -> dict[str, Any]:
    return {"technology_nm": around.technology_nm, "word_bits": around.word_bits}


def _bind(part: Part, setting: Setting, kind: str, around: _Surroundings) -> tuple[Part, list[Fault]]:
    if not part.component:
        return part, []
    estimate, faults = try_estimate(part.component, KINDS[kind], setting)
    if estimate is None:
        return part, [(("component", *path), text) for path, text in faults]
    wanted = [key for key in estimate.values if key != "area" and getattr(part, key) is None]
    if estimate.energy_unit != around.energy_unit and any(key != "area_mm2" for key in wanted):
        sentence = (
            f"{estimate.table} is in {estimate.energy_unit}, this chip's energies are in "
            f"{around.energy_unit}; they must agree"
        )
        return part, [(("component", "table"), sentence)]
    return _filled(part, estimate, wanted, around), []


def _filled(part: Part, estimate: Estimate, wanted: Sequence[str], around: _Surroundings) -> Part:
    keys = [key for key in wanted if key != "area_mm2" or around.area_unit == "mm2"]
    values: dict[str, Any] = {key: estimate.values[key] for key in keys}
    estimates = {key: Estimated(estimate.values[key], estimate.sources[key]) for key in keys}
    if "area" in estimate.values and estimate.area_unit == around.area_unit:
        # A normalised area is no square millimetre: it stands beside the keys of the file.
        estimates["area"] = Estimated(estimate.values["area"], estimate.sources["area"])
    if isinstance(part, Mac):
        values["source"] = part.source or estimates.get("energy", Estimated(0, "")).source
    else:
        values["sources"] = FrozenDict(dict(part.sources) | {key: estimates[key].source for key in keys})
    return replace(part, **values, estimates=FrozenDict(estimates))


def without_filled_in(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the plain description of a part without what a component fills in, and the sources of that.

    For a description that gets another component: the numbers were those of what it replaces.
    """
    kept = {key: value for key, value in entry.items() if key not in FILLED_IN}
    if isinstance(kept.get("sources"), Mapping):
        kept["sources"] = {key: text for key, text in kept["sources"].items() if key not in FILLED_IN}
    return kept
