"""What the data sheet's numbers allow at most, in plain code that knows nothing of the simulator."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dnnaccel.dram.memory import Dram

__all__ = ["Limit", "bound", "locate", "refresh_share", "row_miss"]

Places = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A bandwidth that cannot be exceeded, and the parameter it comes from."""

    gb_per_s: float
    gate: str


def refresh_share(dram: Dram) -> float:
    """Return the share of time that refreshes leave: 1 - tRFC / tREFI."""
    timing = dram.timing
    return 1.0 if timing.tREFI == 0 else 1 - timing.tRFC / timing.tREFI


def locate(dram: Dram, bursts: npt.NDArray[np.uint64]) -> Places:
    """Return channel, bank, row and column of bursts (addresses over the bytes of a burst)."""
    sizes = dram.organization
    extent = {
        "channel": sizes.channels,
        "bank_group": sizes.bank_groups,
        "bank": sizes.banks_per_group,
        "row": sizes.rows,
        "column": sizes.row_bytes // sizes.burst_bytes,
    }
    rest = bursts.astype(np.int64)
    part: dict[str, npt.NDArray[np.int64]] = {}
    for field in reversed(dram.address_mapping):
        rest, part[field] = np.divmod(rest, extent[field])
    bank = part["bank_group"] * sizes.banks_per_group + part["bank"]
    if dram.xor_banks:
        bank ^= part["row"] % sizes.banks
    return part["channel"], bank, part["row"], part["column"]


def bound(dram: Dram, addresses: npt.NDArray[np.uint64], bytes: int) -> Limit:
    """Return the limit for reads or writes of `bytes` at `addresses`, served in order within each bank.

    Whatever takes longest: the bursts of a channel on its bus, those of a bank group tCCD_L apart, the
    activates of a channel tRRD_S (and four in tFAW) apart, those of a bank tRC apart, or all commands on
    their bus; each while no refresh goes on. Alternating directions would be slower still.
    """
    sizes, timing = dram.organization, dram.timing
    size = np.uint64(sizes.burst_bytes)
    first, last = addresses // size, (addresses + np.uint64(bytes - 1)) // size
    most = int((last - first).max()) + 1
    steps = first[:, None] + np.arange(most, dtype=np.uint64)
    bursts = steps[steps <= last[:, None]]  # in order: row by row
    channel, bank, row, _ = locate(dram, bursts)
    where = channel * sizes.banks + bank
    # An activate wherever a bank's row differs from its last one; a stable sort keeps the order in a bank.
    order = np.argsort(where, kind="stable")
    changes = np.ones(len(order), dtype=bool)
    changes[1:] = (where[order][1:] != where[order][:-1]) | (row[order][1:] != row[order][:-1])
    per_bank = np.bincount(where[order][changes], minlength=sizes.channels * sizes.banks)
    in_bank = np.bincount(where, minlength=sizes.channels * sizes.banks)
    activates = per_bank.reshape(sizes.channels, -1).sum(axis=1)
    moved = in_bank.reshape(sizes.channels, -1).sum(axis=1)
    in_group = in_bank.reshape(-1, sizes.banks_per_group).sum(axis=1)
    times = {
        "bus": moved.max() * sizes.burst_cycles,
        "tCCD_S": moved.max() * timing.tCCD_S,
        "tCCD_L": in_group.max() * timing.tCCD_L,
        "tRRD_S": activates.max() * timing.tRRD_S,
        "tFAW": activates.max() * timing.tFAW / 4,
        "tRC": per_bank.max() * timing.tRC,
        "command_bus": (
            activates * (timing.activate_cycles + timing.precharge_cycles)
            + (0 if timing.split_command_bus else moved * timing.column_cycles)
        ).max(),
    }
    gate = max(times, key=lambda name: times[name])  # the first of equal ones
    seconds = float(times[gate]) / refresh_share(dram) * dram.clock_ns * 1e-9
    return Limit(gb_per_s=len(addresses) * bytes / seconds / 1e9, gate=gate)


def row_miss(dram: Dram) -> Limit:
    """Return the limit where every burst needs a row of its own, evenly over all banks.

    A channel activates no more often than its banks allow (tRC over their number), four in tFAW, and
    tRRD_S apart; its bus is taken for a burst of each.
    """
    sizes, timing = dram.organization, dram.timing
    times = {
        "bus": float(max(sizes.burst_cycles, timing.tCCD_S)),
        "tRRD_S": float(timing.tRRD_S),
        "tFAW": timing.tFAW / 4,
        "tRC": timing.tRC / sizes.banks,
    }
    gate = max(times, key=lambda name: times[name])
    rate = sizes.channels * sizes.burst_bytes / (times[gate] * dram.clock_ns)
    return Limit(gb_per_s=rate * refresh_share(dram), gate=gate)
