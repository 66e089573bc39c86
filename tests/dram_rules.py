"""The data sheets' rules over a log of commands, said plainly: each pair of commands against each rule.

Slow, and independent of the simulator: it knows a DRAM's description and what a log says, nothing else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

from dnnaccel.dram import Command, Dram

ACTIVATE, PRECHARGE, PRECHARGE_ALL = "activate", "precharge", "precharge_all"
READ, WRITE, REFRESH = "read", "write", "refresh"


class Rules:
    """What the rules need to know of a DRAM."""

    def __init__(self, dram: Dram) -> None:
        self.times = dram.timing.cycles()
        self.banks_per_group = dram.organization.banks_per_group
        self.burst_cycles = dram.organization.burst_length // 2
        self.split_command_bus = dram.timing.split_command_bus
        gaps = [cycles for name, cycles in self.times.items() if name != "tREFI"]
        self.longest = max(gaps) + self.times["tCWL"] + self.burst_cycles
        """No rule about two commands asks for more than this."""


def least_gaps(rules: Rules, first: Command, then: Command) -> Iterator[tuple[str, int]]:
    """Every rule about two commands of a channel, `then` after `first`: its name, and the least cycles."""
    t, burst, per_group = rules.times, rules.burst_cycles, rules.banks_per_group
    data_written = t["tCWL"] + burst
    bank = first.bank == then.bank
    group = first.bank // per_group == then.bank // per_group
    pair = (first.kind, then.kind)
    if pair == (ACTIVATE, ACTIVATE):
        yield (
            "tRC" if bank else "tRRD_L" if group else "tRRD_S",
            (t["tRC"] if bank else t["tRRD_L"] if group else t["tRRD_S"]),
        )
    if pair == (ACTIVATE, READ) and bank:
        yield "tRCD", t["tRCD"]
    if pair == (ACTIVATE, WRITE) and bank:
        yield "tRCDWR", t["tRCDWR"]
    if pair in ((ACTIVATE, PRECHARGE), (ACTIVATE, PRECHARGE_ALL)) and (bank or then.kind == PRECHARGE_ALL):
        yield "tRAS", t["tRAS"]
    if pair in ((READ, PRECHARGE), (READ, PRECHARGE_ALL)) and (bank or then.kind == PRECHARGE_ALL):
        yield "tRTP", t["tRTP"]
    if pair in ((WRITE, PRECHARGE), (WRITE, PRECHARGE_ALL)) and (bank or then.kind == PRECHARGE_ALL):
        yield "tWR", data_written + t["tWR"]
    if pair in ((READ, READ), (WRITE, WRITE)):
        yield "tCCD_L" if group else "tCCD_S", t["tCCD_L"] if group else t["tCCD_S"]
    if pair == (READ, WRITE):
        yield "tRTW", t["tRTW"]
    if pair == (WRITE, READ):
        yield "tWTR_L" if group else "tWTR_S", data_written + (t["tWTR_L"] if group else t["tWTR_S"])
    if pair == (PRECHARGE, ACTIVATE) and bank:
        yield "tRP", t["tRP"]
    if pair == (PRECHARGE, REFRESH):
        yield "tRP", t["tRP"]
    if first.kind == PRECHARGE_ALL and then.kind in (ACTIVATE, REFRESH):
        yield "tRPab", t["tRPab"]
    if first.kind in (PRECHARGE, PRECHARGE_ALL) and then.kind in (PRECHARGE, PRECHARGE_ALL):
        yield "tPPD", t["tPPD"]
    if first.kind == REFRESH:
        yield "tRFC", t["tRFC"]
    columns = [command.kind in (READ, WRITE) for command in (first, then)]
    if columns[0] == columns[1] or not rules.split_command_bus:
        held = {READ: "column_cycles", WRITE: "column_cycles", ACTIVATE: "activate_cycles"}
        held |= {REFRESH: "refresh_cycles"}
        yield "command bus", t[held.get(first.kind, "precharge_cycles")]


def broken_rules(dram: Dram, log: Sequence[Command]) -> list[str]:
    """What in `log` a data sheet forbids, in words."""
    by_channel: dict[int, list[Command]] = defaultdict(list)
    for command in log:
        by_channel[command.channel].append(command)
    return [fault for commands in by_channel.values() for fault in _of_channel(dram, commands)]


def _of_channel(dram: Dram, log: Sequence[Command]) -> Iterator[str]:
    rules = Rules(dram)
    t = rules.times
    for i, then in enumerate(log):
        if i and then.cycle < log[i - 1].cycle:
            yield f"{then} stands after {log[i - 1]}"
        for j in range(i - 1, -1, -1):
            gap = then.cycle - log[j].cycle
            if gap > rules.longest:
                break
            for rule, least in least_gaps(rules, log[j], then):
                if gap < least:
                    yield f"{rule}: {then} comes {gap} cycles after {log[j]}, not {least}"
    activates = [command.cycle for command in log if command.kind == ACTIVATE]
    for first, fifth in zip(activates, activates[4:], strict=False):
        if fifth - first < t["tFAW"]:
            yield f"tFAW: five activates from {first} to {fifth}"
    yield from _of_rows(dram, log)
    yield from _of_data(dram, log)
    yield from _of_refreshes(dram, log)


def _of_rows(dram: Dram, log: Sequence[Command]) -> Iterator[str]:
    rows: dict[int, int] = {}
    for command in log:
        if command.kind == ACTIVATE:
            if command.bank in rows:
                yield f"{command}: the bank is open"
            rows[command.bank] = command.row
        elif command.kind == PRECHARGE:
            if rows.pop(command.bank, None) is None:
                yield f"{command}: the bank is closed"
        elif command.kind == PRECHARGE_ALL:
            rows.clear()
        elif command.kind == REFRESH and rows:
            yield f"{command}: banks {sorted(rows)} are open"
        elif command.kind in (READ, WRITE) and rows.get(command.bank) != command.row:
            yield f"{command}: row {rows.get(command.bank)} is open"


def _of_data(dram: Dram, log: Sequence[Command]) -> Iterator[str]:
    burst = dram.organization.burst_length // 2
    latency = {READ: dram.timing.tCL, WRITE: dram.timing.tCWL}
    starts = sorted(c.cycle + latency[c.kind] for c in log if c.kind in latency)
    for one, two in pairwise(starts):
        if two - one < burst:
            yield f"data collide: bursts from {one} and {two}"


def _of_refreshes(dram: Dram, log: Sequence[Command]) -> Iterator[str]:
    """Refresh number k is due at k tREFI; the last commands before it may hold it up for a row's life."""
    t = dram.timing.cycles()
    if not t["tREFI"]:
        if any(command.kind == REFRESH for command in log):
            yield "a refresh of a memory that needs none"
        return
    late = t["tRAS"] + t["tRC"] + t["tCWL"] + t["tCL"] + t["tWR"] + t["tRTP"] + t["tRPab"] + t["tRP"] + 64
    refreshes = [command.cycle for command in log if command.kind == REFRESH]
    for k, cycle in enumerate(refreshes, start=1):
        if not 0 <= cycle - k * t["tREFI"] <= late:
            yield f"refresh {k} at {cycle}, due at {k * t['tREFI']}"
    end = log[-1].cycle if log else 0
    if len(refreshes) < (end - late) // t["tREFI"]:
        yield f"{len(refreshes)} refreshes in {end} cycles"
