"""The keys of a DRAM description: what each means, may hold and is by default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PlainValidator

from dnnaccel._checks import FrozenDict, Plain, Schema, Text, is_name, nearest_key, shown, text, wrong
from dnnaccel._yaml import Fault

__all__ = ["FIELDS", "DramSchema", "EnergySchema", "OrganizationSchema", "RailSchema", "TimingSchema"]

FORMAT = 1
FIELDS = ("channel", "bank_group", "bank", "row", "column")
"""The parts of an address."""
MAX_RAILS = 8
_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,63}"


def _name(value: object) -> str:
    if not is_name(value, _NAME):
        raise wrong(f"must be a name of letters, digits and any of _ . + -, not {shown(value)}")
    return str(value)


def _sources(value: object) -> FrozenDict:
    if not isinstance(value, Mapping):
        raise wrong(f"must be a mapping of keys to texts, not {shown(value)}")
    return FrozenDict({str(key): text(said) for key, said in value.items()})


def _fields(value: object) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)) or not all(isinstance(word, str) for word in value):
        raise wrong(f"must be a list of {', '.join(FIELDS)}, most significant first, not {shown(value)}")
    for word in value:
        if word not in FIELDS:
            raise wrong(f"unknown field {shown(word)}; {nearest_key(word, FIELDS)}")
    if sorted(value) != sorted(FIELDS):
        raise wrong(f"must name each of {', '.join(FIELDS)} once")
    return tuple(value)


Count = Annotated[int, Field(ge=1, le=2**32), Plain]
Cycles = Annotated[int, Field(ge=0, le=1_000_000), Plain]
BusCycles = Annotated[int, Field(ge=1, le=16), Plain]
Megahertz = Annotated[float, Field(gt=0, le=1e5, allow_inf_nan=False), Plain]
Volts = Annotated[float, Field(gt=0, le=100, allow_inf_nan=False), Plain]
Amount = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False), Plain]
Sources = Annotated[FrozenDict, PlainValidator(_sources)]


class _Sourced(Schema):
    """A section whose numbers say where they come from."""

    source: Text = ""
    """Where the numbers come from that `sources` does not name."""
    sources: Sources = FrozenDict()
    """Where single numbers come from, by key."""

    @classmethod
    def check(cls, fields: dict[str, Any]) -> list[Fault]:
        known = [name for name in cls.model_fields if name not in ("source", "sources")]
        return [
            (("sources", key), f"unknown key; {nearest_key(key, known)}")
            for key in fields["sources"]
            if key not in known
        ]


class OrganizationSchema(_Sourced):
    """Keys of the sizes."""

    channels: Count
    """Channels, each with its own commands, bus and banks."""
    bus_bits: Count
    """Data wires of a channel."""
    bank_groups: Count = 1
    """Bank groups of a channel."""
    banks_per_group: Count
    """Banks of a group."""
    rows: Count
    """Rows of a bank."""
    row_bytes: Count
    """Bytes of an open row, over all devices of the channel."""
    burst_length: Count
    """Transfers of a burst, two in a cycle."""


class TimingSchema(_Sourced):
    """Keys of the timing, in cycles of the clock."""

    tCL: Cycles
    """Read to the first of its data."""
    tCWL: Cycles
    """Write to the first of its data."""
    tRCD: Cycles
    """Activate to read."""
    tRCDWR: Cycles | None = None
    """Activate to write; by default tRCD."""
    tRP: Cycles
    """Precharge of a bank to its activate."""
    tRPab: Cycles | None = None
    """Precharge of all banks to activate or refresh; by default tRP."""
    tRAS: Cycles
    """Activate to precharge."""
    tRC: Cycles
    """Activate to activate of the same bank."""
    tRRD_S: Cycles
    """Activate to activate of a bank in another group."""
    tRRD_L: Cycles
    """Activate to activate of another bank in the same group."""
    tFAW: Cycles
    """Time in which at most four activates issue."""
    tCCD_S: Cycles
    """Read to read, or write to write, in another group."""
    tCCD_L: Cycles
    """Read to read, or write to write, in the same group."""
    tWTR_S: Cycles
    """Last data written to read in another group."""
    tWTR_L: Cycles
    """Last data written to read in the same group."""
    tRTW: Cycles
    """Read to write."""
    tWR: Cycles
    """Last data written to precharge."""
    tRTP: Cycles
    """Read to precharge."""
    tPPD: Cycles = 0
    """Precharge to precharge."""
    tREFI: Cycles
    """Refresh to refresh; 0 for a memory that needs none."""
    tRFC: Cycles
    """Refresh to the next command."""
    activate_cycles: BusCycles = 1
    """Cycles for which an activate holds the command bus."""
    column_cycles: BusCycles = 1
    """Cycles for which a read or write holds the command bus."""
    precharge_cycles: BusCycles = 1
    """Cycles for which a precharge holds the command bus."""
    refresh_cycles: BusCycles = 1
    """Cycles for which a refresh holds the command bus."""
    split_command_bus: bool = False
    """Whether reads and writes have a command bus of their own."""


class RailSchema(Schema):
    """Keys of one supply of a device: its voltage, and the currents by the data sheets' names."""

    volts: Volts
    """Voltage."""
    idd0_ma: Amount
    """Activates and precharges of one bank, one after the other."""
    idd2n_ma: Amount
    """All banks precharged, nothing done."""
    idd3n_ma: Amount
    """Rows open, nothing done."""
    idd4r_ma: Amount
    """Reads, one after the other."""
    idd4w_ma: Amount
    """Writes, one after the other."""
    idd5b_ma: Amount
    """Refreshes, one after the other."""


_DIRECT = ("activate_pj", "read_pj_per_bit", "write_pj_per_bit", "refresh_pj", "active_mw", "idle_mw")


class EnergySchema(_Sourced):
    """Keys of the energy: currents of the rails, or energies of the actions."""

    devices: Count | None = None
    """Devices of a channel, each with these rails."""
    rails: object = None
    """Supplies of a device and their currents."""
    activate_pj: Amount | None = None
    """An activate and its precharge."""
    read_pj_per_bit: Amount | None = None
    """Reading a bit, inside the devices."""
    write_pj_per_bit: Amount | None = None
    """Writing a bit, inside the devices."""
    refresh_pj: Amount | None = None
    """A refresh of a channel."""
    active_mw: Amount | None = None
    """Power of a channel with a row open."""
    idle_mw: Amount | None = None
    """Power of a channel with all banks precharged."""
    read_io_pj_per_bit: Amount = 0.0
    """Reading a bit, over the wires."""
    write_io_pj_per_bit: Amount = 0.0
    """Writing a bit, over the wires."""

    @classmethod
    def check(cls, fields: dict[str, Any]) -> list[Fault]:
        faults = super().check(fields)
        stated = [key for key in _DIRECT if fields[key] is not None]
        if fields["rails"] is not None:
            if fields["devices"] is None:
                faults.append((("devices",), "missing; state how many devices a channel has"))
            faults += [((key,), "the rails give this; state one or the other") for key in stated]
        elif fields["devices"] is not None:
            faults.append((("devices",), "without rails there is nothing to multiply; leave it out"))
        elif stated and len(stated) < len(_DIRECT):
            missing = [key for key in _DIRECT if key not in stated]
            faults += [((key,), "missing; state the energies of all actions, or rails") for key in missing]
        return faults


class DramSchema(Schema):
    """Keys of a DRAM; its sections are checked by their own schemas."""

    hints: ClassVar[Mapping[str, str]] = {
        "format": "state the version of this format: format: 1",
        "clock_mhz": "state the clock, half of the transfers per second, e.g. clock_mhz: 1200",
        "timing": "state the least cycles between commands, e.g. timing: {tRCD: 16, ...}",
        "organization": "state the sizes, e.g. organization: {channels: 1, bus_bits: 64, ...}",
    }

    format: Literal[1]
    """Version of the file format."""
    name: Annotated[str, PlainValidator(_name)]
    """Short name, as tables print it."""
    title: Text = ""
    """One line for the reader."""
    source: Text = ""
    """The data sheet behind the numbers."""
    clock_mhz: Megahertz
    """Clock in MHz; data move twice in a cycle."""
    address_mapping: Annotated[tuple[str, ...], PlainValidator(_fields)] = (
        "row",
        "bank",
        "column",
        "bank_group",
        "channel",
    )
    """Parts of an address, most significant first."""
    xor_banks: bool = False
    """Whether the bank is mixed with the low bits of the row."""
    organization: object
    """Sizes."""
    timing: object
    """Least cycles between commands."""
    energy: object = None
    """Currents or energies; without them no energy is counted."""
