"""A DRAM as data: sizes, timing, energy, and the source of every number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

from dnnaccel import _core
from dnnaccel._checks import FrozenDict, find_faults
from dnnaccel._yaml import Fault, describe_faults, dump
from dnnaccel.dram.schema import (
    FORMAT,
    MAX_RAILS,
    DramSchema,
    EnergySchema,
    OrganizationSchema,
    RailSchema,
    TimingSchema,
)
from dnnaccel.errors import DramError

__all__ = ["Dram", "Energy", "Organization", "Rail", "Timing", "build"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    """Sizes. A channel has its own commands, bus and banks; its devices work as one."""

    channels: int
    bus_bits: int
    bank_groups: int = 1
    banks_per_group: int
    rows: int
    row_bytes: int
    burst_length: int
    source: str = ""
    sources: Mapping[str, str] = FrozenDict()

    @property
    def banks(self) -> int:
        """Banks of a channel."""
        return self.bank_groups * self.banks_per_group

    @property
    def burst_bytes(self) -> int:
        """Bytes of a burst, the least that moves."""
        return self.bus_bits * self.burst_length // 8

    @property
    def burst_cycles(self) -> int:
        """Cycles for which a burst holds the bus."""
        return self.burst_length // 2

    @property
    def capacity_bytes(self) -> int:
        """Bytes of the whole memory."""
        return self.channels * self.banks * self.rows * self.row_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Least cycles between commands, by the names of the data sheets; docs/dram.md says what each means."""

    tCL: int
    tCWL: int
    tRCD: int
    tRCDWR: int | None = None
    tRP: int
    tRPab: int | None = None
    tRAS: int
    tRC: int
    tRRD_S: int
    tRRD_L: int
    tFAW: int
    tCCD_S: int
    tCCD_L: int
    tWTR_S: int
    tWTR_L: int
    tRTW: int
    tWR: int
    tRTP: int
    tPPD: int = 0
    tREFI: int
    tRFC: int
    activate_cycles: int = 1
    column_cycles: int = 1
    precharge_cycles: int = 1
    refresh_cycles: int = 1
    split_command_bus: bool = False
    source: str = ""
    sources: Mapping[str, str] = FrozenDict()

    def cycles(self) -> dict[str, int]:
        """Return every number by name, defaults filled in."""
        skipped = ("source", "sources", "split_command_bus")
        numbers = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in skipped}
        if self.tRCDWR is None:
            numbers["tRCDWR"] = self.tRCD
        if self.tRPab is None:
            numbers["tRPab"] = self.tRP
        return numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Rail:
    """One supply of a device: volts, and the currents in mA by the data sheets' names."""

    volts: float
    idd0_ma: float
    idd2n_ma: float
    idd3n_ma: float
    idd4r_ma: float
    idd4w_ma: float
    idd5b_ma: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Energy:
    """Currents of the rails, or energies of the actions; with neither, no energy is counted."""

    devices: int | None = None
    rails: tuple[Rail, ...] | None = None
    activate_pj: float | None = None
    read_pj_per_bit: float | None = None
    write_pj_per_bit: float | None = None
    refresh_pj: float | None = None
    active_mw: float | None = None
    idle_mw: float | None = None
    read_io_pj_per_bit: float = 0.0
    write_io_pj_per_bit: float = 0.0
    source: str = ""
    sources: Mapping[str, str] = FrozenDict()


@dataclass(frozen=True, kw_only=True, repr=False)
class Dram:
    """A DRAM; `dram.load` reads one. Raises `DramError` if its numbers do not make a memory."""

    name: str
    title: str = ""
    source: str = ""
    clock_mhz: float
    address_mapping: tuple[str, ...] = ("row", "bank", "column", "bank_group", "channel")
    xor_banks: bool = False
    organization: Organization
    timing: Timing
    energy: Energy = Energy()

    def __post_init__(self) -> None:
        for key, kind in (("organization", Organization), ("timing", Timing), ("energy", Energy)):
            if not isinstance(getattr(self, key), kind):
                raise DramError(f"DRAM {self.name!r}: {key} must be a dram.{kind.__name__}")
        # One path for both doors: what is checked is the plain data.
        checked, faults = _check(self.to_dict())
        if faults:
            raise DramError(describe_faults(faults, f"DRAM {self.name!r}"))
        for key, value in checked.items():
            object.__setattr__(self, key, value)
        try:
            self.lowered()
        except ValueError as error:
            raise DramError(f"DRAM {self.name!r}: {str(error).removeprefix('DRAM: ')}") from None

    @property
    def clock_ns(self) -> float:
        """Time of a cycle in ns."""
        return 1000 / self.clock_mhz

    @property
    def peak_gb_per_s(self) -> float:
        """Bandwidth of the bare wires: channels x bits x two transfers a cycle, in 10^9 bytes a second."""
        return self.organization.channels * self.organization.bus_bits / 8 * 2 * self.clock_mhz / 1000

    @cached_property
    def energies(self) -> dict[str, float]:
        """Energy in pJ of what one channel does: per activate, burst, refresh, and cycle."""
        bits = self.organization.burst_bytes * 8
        energy, found = self.energy, dict.fromkeys(_ENERGIES, 0.0)
        if energy.rails is not None:
            assert energy.devices is not None
            of_rails = _core.dram_energies(
                [_rail_numbers(rail) for rail in energy.rails],
                energy.devices,
                _lower_organization(self.organization),
                _lower_timing(self.timing),
                self.clock_ns,
            )
            for key in ("activate_pj", "read_pj", "write_pj", "refresh_pj"):
                found[key] = getattr(of_rails, key)
            found["active_pj_per_cycle"] = of_rails.active_pj_per_cycle
            found["idle_pj_per_cycle"] = of_rails.idle_pj_per_cycle
        elif energy.activate_pj is not None:
            found["activate_pj"] = energy.activate_pj
            found["read_pj"] = (energy.read_pj_per_bit or 0.0) * bits
            found["write_pj"] = (energy.write_pj_per_bit or 0.0) * bits
            found["refresh_pj"] = energy.refresh_pj or 0.0
            # mW x ns is pJ.
            found["active_pj_per_cycle"] = (energy.active_mw or 0.0) * self.clock_ns
            found["idle_pj_per_cycle"] = (energy.idle_mw or 0.0) * self.clock_ns
        found["read_io_pj"] = energy.read_io_pj_per_bit * bits
        found["write_io_pj"] = energy.write_io_pj_per_bit * bits
        return found

    def lowered(self, *, refresh: bool = True) -> _core.DramSpec:
        """Return the core's view of it; without `refresh`, of one that needs none."""
        return _core.DramSpec(
            organization=_lower_organization(self.organization),
            timing=_lower_timing(self.timing, refresh=refresh),
            mapping=list(self.address_mapping),
            xor_banks=self.xor_banks,
            energies=_core.DramEnergies(**self.energies),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the plain data that a YAML file of it holds."""
        energy = _stated(self.energy)
        if self.energy.rails is not None:
            energy["rails"] = [_stated(rail) for rail in self.energy.rails]
        return {
            "format": FORMAT,
            **{key: getattr(self, key) for key in ("name", "title", "source", "clock_mhz")},
            "address_mapping": list(self.address_mapping),
            "xor_banks": self.xor_banks,
            "organization": _stated(self.organization),
            "timing": _stated(self.timing),
            "energy": energy,
        }

    def to_yaml(self) -> str:
        """Return it as the text of a YAML file that `dram.load` reads back to an equal one."""
        return dump(self.to_dict())

    def __repr__(self) -> str:
        sizes = self.organization
        return (
            f"Dram({self.name!r}, {sizes.channels} x {sizes.bus_bits} bits at {self.clock_mhz:g} MHz, "
            f"{self.peak_gb_per_s:.4g} GB/s, {sizes.capacity_bytes / 2**30:g} GiB)"
        )


_ENERGIES = (
    "activate_pj",
    "read_pj",
    "write_pj",
    "read_io_pj",
    "write_io_pj",
    "refresh_pj",
    "active_pj_per_cycle",
    "idle_pj_per_cycle",
)


def build(data: object) -> tuple[Dram | None, list[Fault]]:
    """Return the DRAM that plain `data` describes, or every fault with its path."""
    checked, faults = _check(data)
    return (None, faults) if faults else (Dram(**checked), [])


def _check(data: object) -> tuple[dict[str, Any], list[Fault]]:
    checked, faults = find_faults(DramSchema, data)
    sections = data if isinstance(data, Mapping) else {}
    organization = _section("organization", Organization, OrganizationSchema, sections, faults)
    timing = _section("timing", Timing, TimingSchema, sections, faults)
    given = sections.get("energy")
    energy = (
        Energy() if given is None else _section("energy", Energy, EnergySchema, {"energy": given}, faults)
    )
    if faults:
        return {}, faults
    del checked["format"]
    return checked | {"organization": organization, "timing": timing, "energy": energy}, []


def _section(key: str, kind: Any, schema: Any, data: Mapping[str, Any], faults: list[Fault]) -> Any:
    """Return section `key` of `data` as a `kind`; what is wrong with it goes to `faults`."""
    if key not in data:
        return None  # the schema of the whole says so
    checked, wrong = find_faults(schema, data[key])
    if not wrong and checked.get("rails") is not None:
        checked["rails"], wrong = _check_rails(checked["rails"])
    faults += [((key, *path), sentence) for path, sentence in wrong]
    return None if wrong else kind(**checked)


def _check_rails(data: object) -> tuple[tuple[Rail, ...], list[Fault]]:
    if not isinstance(data, (list, tuple)) or not 1 <= len(data) <= MAX_RAILS:
        return (), [(("rails",), f"must be a list of one to {MAX_RAILS} rails")]
    rails: list[Rail] = []
    faults: list[Fault] = []
    for i, item in enumerate(data):
        checked, wrong = find_faults(RailSchema, item)
        faults += [(("rails", i, *path), sentence) for path, sentence in wrong]
        if not wrong:
            rails.append(Rail(**checked))
    return tuple(rails), faults


def _stated(part: Any) -> dict[str, Any]:
    """Return the fields of a section as a file states them: without those that are left out."""
    found = {f.name: getattr(part, f.name) for f in fields(part)}
    found = {key: value for key, value in found.items() if value is not None and value not in ("", {})}
    if "sources" in found:
        found["sources"] = dict(found["sources"])
    return found


def _rail_numbers(rail: Rail) -> list[float]:
    return [getattr(rail, f.name) for f in fields(rail)]


def _lower_organization(sizes: Organization) -> _core.DramOrganization:
    return _core.DramOrganization(
        channels=sizes.channels,
        bank_groups=sizes.bank_groups,
        banks_per_group=sizes.banks_per_group,
        rows=sizes.rows,
        row_bytes=sizes.row_bytes,
        bus_bits=sizes.bus_bits,
        burst_length=sizes.burst_length,
    )


def _lower_timing(timing: Timing, *, refresh: bool = True) -> _core.DramTiming:
    cycles = timing.cycles()
    if not refresh:
        cycles["tREFI"] = 0
    return _core.DramTiming(cycles, timing.split_command_bus)
