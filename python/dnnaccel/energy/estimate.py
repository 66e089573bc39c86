"""Components to energies and areas: interpolation within a table, and the text that says how."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dnnaccel._checks import FrozenDict, find_faults
from dnnaccel._yaml import Fault, describe_faults
from dnnaccel.energy import tables
from dnnaccel.energy.pricing import KINDS, Setting
from dnnaccel.energy.scaling import Refused
from dnnaccel.energy.schema import DEFAULT_TABLES, SCHEMAS, SettingSchema, read_component
from dnnaccel.errors import ArchitectureError, unknown_name

__all__ = ["Estimate", "Setting", "estimate", "try_estimate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a component costs, by the keys of a chip file.

    Attributes
    ----------
    kind, table : str
        What it is, and which table priced it.
    values : dict of float
        "read_energy" and "write_energy" per word for a memory, "energy" per MAC or per word sent for the
        others; "area_mm2", or "area" in another `area_unit`, where the table knows one.
    sources : dict of str
        How each value came about, by key.
    energy_unit, area_unit : str
        Units of the values.
    """

    kind: str
    table: str
    values: Mapping[str, float]
    sources: Mapping[str, str]
    energy_unit: str
    area_unit: str

    def __getitem__(self, key: str) -> float:
        """Return one value; raises `UnknownNameError` for a key that this component does not fill in."""
        if key not in self.values:
            raise unknown_name(f"value of a {self.kind}", key, self.values)
        return self.values[key]


def estimate(
    component: Mapping[str, Any],
    *,
    technology_nm: float | None = None,
    word_bits: int = 16,
    size_bytes: int | None = None,
) -> Estimate:
    """Return what a component costs, as a chip that holds it would fill it in.

    Parameters
    ----------
    component
        The mapping that a chip file gives: ``{"kind": "sram", "width_bits": 64}``.
    technology_nm, word_bits, size_bytes
        What it would take from the chip and its level: technology, bits of a word, capacity.

    Raises
    ------
    ArchitectureError
        With one line for each fault: a key or a value that does not exist, a size or technology that no
        table leads to.

    Examples
    --------
    >>> estimate({"kind": "sram"}, technology_nm=45, word_bits=64, size_bytes=32768)["read_energy"]
    20.0
    """
    around = {"technology_nm": technology_nm, "word_bits": word_bits, "size_bytes": size_bytes}
    setting, faults = find_faults(SettingSchema, around)
    if faults:
        raise ArchitectureError(describe_faults(faults, "estimate"))
    found, faults = try_estimate(component, tuple(SCHEMAS), Setting(**setting))
    if found is None:
        raise ArchitectureError(describe_faults(faults, "component"))
    return found


def try_estimate(
    component: Mapping[str, Any], kinds: tuple[str, ...], setting: Setting
) -> tuple[Estimate | None, list[Fault]]:
    """Return what a component of one of `kinds` costs, or every fault with its path."""
    fields, faults = read_component(component, kinds)
    return (None, faults) if faults else _try(fields, setting)


def _try(fields: Mapping[str, Any], setting: Setting) -> tuple[Estimate | None, list[Fault]]:
    found, refusal = _priced(FrozenDict(fields), setting)
    return found, [] if refusal is None else [((refusal.key,), refusal.sentence)]


@functools.lru_cache(maxsize=1024)
def _priced(fields: FrozenDict, setting: Setting) -> tuple[Estimate | None, Refused | None]:
    # A sweep asks for the same parts again and again.
    table = tables.load(fields["table"] or DEFAULT_TABLES[fields["kind"]])
    own = fields["technology_nm"]
    technology = setting.technology_nm if own is None else own
    try:
        priced = KINDS[fields["kind"]](table, fields, setting, technology)
    except Refused as refusal:
        return None, refusal.with_traceback(None)
    return (
        Estimate(
            kind=fields["kind"],
            table=table.name,
            values=FrozenDict({key: value for key, (value, _) in priced.items()}),
            sources=FrozenDict({key: f"estimated: {text}" for key, (_, text) in priced.items()}),
            energy_unit=table.energy_unit,
            area_unit=table.area_unit,
        ),
        None,
    )
