"""Reports read back from the JSON that `Report.to_json` writes; what a file says is not trusted.

A file is bounded in size and depth, every key is checked, and what it states as totals must be what its
layers add up to.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping as MappingOf
from typing import Annotated, Any, Literal, NoReturn

from pydantic import Field

from dnnaccel._checks import Schema, Text, find_faults, shown
from dnnaccel._files import read_text
from dnnaccel._yaml import Fault
from dnnaccel.cost import LayerReport, LevelCount, NetworkCount
from dnnaccel.errors import DnnAccelError, MappingError, ReportError
from dnnaccel.mapping import Mapping
from dnnaccel.problem import ROLES
from dnnaccel.report.result import Report
from dnnaccel.stalls import CAUSES, Stall

__all__ = ["MAX_BYTES", "load_report", "parse_report"]

MAX_BYTES = 64 * 2**20
"""Largest file that is read; the report of a network of 150 layers has about 1 MB."""

_MAX_DEPTH = 12
_MAX_LAYERS = 20_000
_MAX_COUNTS = 1000
_MAX_FAULTS = 5
_ROUNDING = 1e-9
"""How far a stated sum may be from that of its parts: sums of the same numbers in another order differ."""
_UNITS = ("mac", "vector", "leakage")

Count = Annotated[int, Field(ge=0, le=2**63)]
# Bounds that keep every sum and product of a report a finite number.
Amount = Annotated[float, Field(ge=0, le=1e100, allow_inf_nan=False)]
Megahertz = Annotated[float, Field(ge=1e-9, le=1e12, allow_inf_nan=False)]
Long = Annotated[str, Field(max_length=100_000)]
Fidelity = Literal["analytical", "tile", "cycle"]
Role = Literal["inputs", "weights", "outputs"]


class _CountSchema(Schema):
    """What a memory did for a tensor: the fields of `LevelCount`."""

    level: Text
    tensor: Role
    reads: Count
    writes: Count
    tile_words: Count
    word_bits: Annotated[int, Field(ge=1, le=4096)]
    effective_reads: Amount
    effective_writes: Amount
    energy: Amount


class _NetworkSchema(Schema):
    """What the network of an array did for a tensor: the fields of `NetworkCount`."""

    array: Text
    tensor: Role
    sent: Count
    delivered: Count
    hops: Count
    returned: Count
    energy: Amount


class _StallSchema(Schema):
    """Why the MACs stood still: the fields of `Stall`."""

    cause: Annotated[str, Field(max_length=20)]
    memory: Text
    owner: Text
    port: Text
    cycles: Amount

    @classmethod
    def check(cls, fields: dict[str, Any]) -> list[Fault]:
        known = fields["cause"] in CAUSES
        return [] if known else [(("cause",), f"must be one of {', '.join(CAUSES)}")]


class _LayerSchema(Schema):
    """One layer, as `LayerReport.to_dict` writes it."""

    name: Text
    kind: Text
    macs: Count
    ops: Count
    cycles: Count
    compute_cycles: Count
    level_cycles: dict[Text, Count]
    exposed_cycles: Count
    ramp_cycles: Count
    seconds: Amount | None
    utilization: Amount
    active_pes: Count
    bound_by: Text
    bound_port: Text
    bound_margin: Amount | None
    timed_macs: Amount
    effectual_macs: Amount
    energy: Amount
    energy_unit: Text
    energy_by_level: dict[Text, Amount]
    energy_by_tensor: dict[Text, Amount]
    levels: Annotated[list[Any], Field(max_length=_MAX_COUNTS)]
    networks: Annotated[list[Any], Field(max_length=_MAX_COUNTS)]
    mapping: Long | None
    optimal: bool | None
    fidelity: Fidelity
    stalls: Annotated[list[Any], Field(max_length=_MAX_COUNTS)]
    dram: dict[str, Any] | None
    note: Text


class _ReportSchema(Schema):
    """A report, as `Report.to_dict` writes it."""

    network: Text
    chip: Text
    dataflow: Text
    objective: Text
    fidelity: Fidelity
    batch: Annotated[int, Field(ge=1, le=2**53)]
    clock_mhz: Megahertz | None
    peak_macs_per_cycle: Annotated[int, Field(ge=1, le=2**53)]
    macs: Count
    ops: Count
    cycles: Count
    seconds: Amount | None
    utilization: Amount
    frames_per_second: Amount | None
    energy: Amount
    energy_unit: Text
    energy_per_inference: Amount
    average_power_watts: Amount | None
    energy_by_level: dict[Text, Amount]
    energy_by_tensor: dict[Text, Amount]
    traffic_words: dict[Text, Count]
    traffic_bytes: dict[Text, Count]
    layers: Annotated[list[Any], Field(max_length=_MAX_LAYERS)]


def load_report(path: str | os.PathLike[str]) -> Report:
    """Return the report in a file; see `Report.load`."""
    text = read_text(
        path, kind="JSON report", usual_size="about 1 MB", max_bytes=MAX_BYTES, error=ReportError
    )
    return parse_report(text, os.fspath(path))


def parse_report(text: str, name: str) -> Report:
    """Return the report that JSON text says; `name` is what errors call it."""
    data = _read(text, name)
    if not isinstance(data, dict) or not {"network", "chip", "layers"} <= data.keys():
        raise ReportError(
            f"{name}: is no report of one simulation; give what `dnnaccel simulate -o a.json` writes"
        )
    top, faults = find_faults(_ReportSchema, data)
    _stop(faults, name)
    layers = [
        _layer(each, top["clock_mhz"], name, ("layers", index)) for index, each in enumerate(top["layers"])
    ]
    arrays = [each for each in top["energy_by_level"] if each not in (*top["traffic_words"], *_UNITS)]
    try:
        report = Report(
            layers=tuple(layers),
            memories=tuple(top["traffic_words"]),
            arrays=tuple(arrays),
            **{key: top[key] for key in _KEPT},
        )
    except DnnAccelError as error:
        raise ReportError(f"{name}: {error}") from None
    _stop(_sums(report, top), name)
    return report


_KEPT = (
    "network",
    "chip",
    "dataflow",
    "objective",
    "fidelity",
    "batch",
    "peak_macs_per_cycle",
    "energy_unit",
    "clock_mhz",
)


def _read(text: str, name: str) -> object:
    """Return the data of JSON text without NaN, without repeated keys, and not nested too deeply."""

    def refused(constant: str) -> NoReturn:
        raise ReportError(f"{name}: {constant} is no number; a report has finite numbers alone")

    def mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                raise ReportError(f"{name}: key {shown(key)} stands twice in one object")
            found[key] = value
        return found

    try:
        data: object = json.loads(text, parse_constant=refused, object_pairs_hook=mapping)
    except json.JSONDecodeError as error:
        raise ReportError(f"{name}:{error.lineno}: is not JSON: {error.msg}") from None
    except (RecursionError, ValueError) as error:
        what = "nested too deeply" if isinstance(error, RecursionError) else f"is not JSON: {error}"
        raise ReportError(f"{name}: {what}") from None
    if _depth(data) > _MAX_DEPTH:
        raise ReportError(f"{name}: nested more than {_MAX_DEPTH} deep; a report is not")
    return data


def _depth(data: object) -> int:
    """Return how deep lists and objects are nested, up to one more than what is allowed."""
    depth, level = 0, [data]
    while level and depth <= _MAX_DEPTH:
        inner: list[object] = []
        for each in level:
            if isinstance(each, dict):
                inner.extend(each.values())
            elif isinstance(each, list):
                inner.extend(each)
        level = [each for each in inner if isinstance(each, dict | list)]
        depth += 1
    return depth


def _layer(data: object, clock_mhz: float | None, name: str, at: tuple[str | int, ...]) -> LayerReport:
    fields, faults = find_faults(_LayerSchema, data)
    _stop(faults, name, at)
    levels = tuple(LevelCount(**each) for each in _all(_CountSchema, fields["levels"], name, (*at, "levels")))
    networks = tuple(
        NetworkCount(**each) for each in _all(_NetworkSchema, fields["networks"], name, (*at, "networks"))
    )
    stalls = tuple(Stall(**each) for each in _all(_StallSchema, fields["stalls"], name, (*at, "stalls")))
    try:
        mapping = None if fields["mapping"] is None else Mapping.parse(fields["mapping"])
    except MappingError as error:
        raise ReportError(f"{name}: {_place((*at, 'mapping'))}: {error}") from None
    spent = fields["energy_by_level"]
    layer = LayerReport(
        levels=levels,
        networks=networks,
        stalls=stalls,
        mapping=mapping,
        level_cycles=tuple(fields["level_cycles"].items()),
        mac_energy=spent.get("mac", 0.0),
        vector_energy=spent.get("vector", 0.0),
        leakage_energy=spent.get("leakage", 0.0),
        clock_mhz=clock_mhz,
        **{key: fields[key] for key in _KEPT_OF_A_LAYER},
    )
    _stop(_wrong_sum("energy", fields["energy"], layer.energy), name, at)
    return layer


_KEPT_OF_A_LAYER = (
    "name",
    "kind",
    "macs",
    "ops",
    "cycles",
    "compute_cycles",
    "exposed_cycles",
    "ramp_cycles",
    "utilization",
    "active_pes",
    "bound_by",
    "bound_port",
    "timed_macs",
    "effectual_macs",
    "energy_unit",
    "optimal",
    "fidelity",
    "note",
)


def _all(
    schema: type[Schema], listed: list[Any], name: str, at: tuple[str | int, ...]
) -> list[dict[str, Any]]:
    """Return the fields of every entry of a list; raises `ReportError` for the first that is wrong."""
    found = []
    for index, each in enumerate(listed):
        fields, faults = find_faults(schema, each)
        _stop(faults, name, (*at, index))
        found.append(fields)
    return found


def _sums(report: Report, top: MappingOf[str, Any]) -> list[Fault]:
    """Return what a report states otherwise than its layers add up to."""
    faults: list[Fault] = []
    for key in ("macs", "ops", "cycles", "energy"):
        faults += _wrong_sum(key, top[key], getattr(report, key))
    for memory in report.memories:
        faults += _wrong_sum(f"traffic_words.{memory}", top["traffic_words"][memory], report.traffic(memory))
    unknown = {count.level for layer in report for count in layer.levels} - set(report.memories)
    unknown |= {network.array for layer in report for network in layer.networks} - set(report.arrays)
    faults += [(("layers",), f"level {shown(level)} is none of the report's") for level in sorted(unknown)]
    if unknown_roles := set(report.energy_by_tensor()) - {*ROLES, *_UNITS}:
        faults.append((("energy_by_tensor",), f"no such tensor: {', '.join(sorted(unknown_roles))}"))
    return faults


def _wrong_sum(key: str, stated: float, summed: float) -> list[Fault]:
    if math.isclose(stated, summed, rel_tol=_ROUNDING, abs_tol=0.0):
        return []
    return [((key,), f"{stated:.10g} is stated, and its parts add up to {summed:.10g}")]


def _stop(faults: list[Fault], name: str, at: tuple[str | int, ...] = ()) -> None:
    """Raise `ReportError` with the first faults, each with the file and the key; none is fine."""
    if faults:
        lines = [f"{name}: {_place((*at, *path))}{sentence}" for path, sentence in faults[:_MAX_FAULTS]]
        raise ReportError("\n".join(lines))


def _place(path: tuple[str | int, ...]) -> str:
    return f"{'.'.join(map(str, path))}: " if path else ""
