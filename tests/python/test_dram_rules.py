"""No schedule breaks a rule of the data sheets; bandwidth, counts and energy are what the log says."""

from __future__ import annotations

import dataclasses
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dnnaccel as da
from dnnaccel import dram
from dnnaccel.dram import Command, Dram, DramReport, Energy, Organization, Timing, limits
from dram_controller import Burst, Controller
from dram_rules import broken_rules

PRESETS = dram.names()


@st.composite
def memories(draw: st.DrawFn) -> Dram:
    """Small memories with every parameter drawn, within what makes a memory."""
    cycles = st.integers(0, 40)
    burst = draw(st.sampled_from([2, 4, 8, 16]))
    groups = draw(st.sampled_from([1, 2, 4]))
    drawn = "tCL tCWL tRCD tRCDWR tRP tRPab tRRD_S tRRD_L tFAW tWTR_S tWTR_L tWR tRTP tRAS"
    times = {name: draw(cycles) for name in drawn.split(" ")}
    times["tCCD_S"] = burst // 2 + draw(st.integers(0, 5))
    times["tCCD_L"] = burst // 2 + draw(st.integers(0, 8))
    times["tRC"] = times["tRAS"] + draw(cycles)
    times["tRTW"] = max(0, times["tCL"] + burst // 2 - times["tCWL"]) + draw(st.integers(0, 5))
    times["tRFC"] = draw(st.integers(0, 200))
    least = 2 * sum(times.values()) + burst + 65  # what a memory must have, and more
    times["tREFI"] = draw(st.one_of(st.just(0), st.integers(least, least + 1500)))
    times["tPPD"] = draw(st.integers(0, 4))
    for name in ("activate_cycles", "column_cycles", "precharge_cycles", "refresh_cycles"):
        times[name] = draw(st.integers(1, 4))
    return Dram(
        name="drawn",
        clock_mhz=1000,
        address_mapping=tuple(draw(st.permutations(["row", "bank", "column", "bank_group", "channel"]))),
        xor_banks=draw(st.booleans()),
        organization=Organization(
            channels=draw(st.integers(1, 3)),
            bus_bits=8,
            bank_groups=groups,
            banks_per_group=draw(st.sampled_from([1, 2, 4])),
            rows=draw(st.integers(1, 8)),
            row_bytes=burst * draw(st.integers(1, 8)),
            burst_length=burst,
        ),
        timing=Timing(**times, split_command_bus=draw(st.booleans())),
        energy=Energy(
            activate_pj=3,
            read_pj_per_bit=5,
            write_pj_per_bit=7,
            refresh_pj=11,
            active_mw=13,
            idle_mw=17,
            read_io_pj_per_bit=19,
            write_io_pj_per_bit=23,
        ),
    )


def run_random(memory: Dram, seed: int, **options: object) -> tuple[DramReport, np.ndarray, np.ndarray]:
    """A stream with runs, jumps, odd sizes, both directions and pauses."""
    rng = np.random.default_rng(seed)
    count, capacity = int(rng.integers(1, 150)), memory.organization.capacity_bytes
    sizes = rng.integers(1, min(capacity, 4 * memory.organization.burst_bytes) + 1, count)
    jumps = rng.random(count) < rng.random()
    addresses = np.where(jumps, rng.integers(0, capacity, count), np.cumsum(sizes)) % (capacity - sizes + 1)
    writes = rng.random(count) < rng.random()
    arrivals = np.cumsum(rng.integers(0, 300, count) * (rng.random(count) < rng.random() / 2))
    report = dram.simulate(
        memory,
        addresses,
        bytes=sizes,
        writes=writes,
        arrivals=arrivals,
        log=True,
        keep_finish=True,
        window=int(rng.integers(1, 20)),
        batch=int(rng.integers(1, 12)),
        max_hits=int(rng.integers(1, 12)),
        closed_page=bool(rng.random() < 0.3),
        **options,
    )
    return report, np.stack([addresses, sizes, writes]), arrivals


def rows_wanted(memory: Dram, requests: np.ndarray) -> Counter[tuple[str, int, int, int]]:
    """How often each row must be read and written: kind, channel, bank, row."""
    size = memory.organization.burst_bytes
    wanted: Counter[tuple[str, int, int, int]] = Counter()
    for address, length, write in requests.T:
        bursts = np.arange(address // size, (address + length - 1) // size + 1, dtype=np.uint64)
        channel, bank, row, _ = limits.locate(memory, bursts)
        places = zip(channel.tolist(), bank.tolist(), row.tolist(), strict=True)
        wanted.update(("write" if write else "read", *place) for place in places)
    return wanted


@settings(max_examples=100, deadline=None)
@given(memories(), st.integers(0, 2**32))
def test_no_schedule_breaks_a_rule(memory: Dram, seed: int) -> None:
    report, requests, arrivals = run_random(memory, seed)
    assert report.log is not None
    assert report.finish is not None
    assert broken_rules(memory, report.log) == []
    columns = [c for c in report.log if c.kind in ("read", "write")]
    assert Counter((c.kind, c.channel, c.bank, c.row) for c in columns) == rows_wanted(memory, requests)
    assert (report.finish > arrivals).all()
    assert report.finish.max() == report.cycles
    assert report.gb_per_s <= memory.peak_gb_per_s
    assert report.row_hits + report.row_misses + report.row_conflicts == len(columns)
    kinds = Counter(c.kind for c in report.log)
    counted = {
        "activate": report.activates,
        "precharge": report.precharges,
        "precharge_all": report.precharges_all,
        "read": report.reads,
        "write": report.writes,
        "refresh": report.refreshes,
    }
    assert counted == {kind: kinds[kind] for kind in counted}
    check_energy(memory, report)


def check_energy(memory: Dram, report: DramReport) -> None:
    """Energy is counts times energies, and active time is what the log says."""
    bits = 8 * memory.organization.burst_bytes
    channels, rfc = memory.organization.channels, memory.timing.tRFC
    assert report.log is not None
    active = 0
    for channel in range(channels):
        open_banks: set[int] = set()
        since = 0
        for c in (c for c in report.log if c.channel == channel):
            before = bool(open_banks)
            if c.kind == "activate":
                open_banks.add(c.bank)
                since = since if before else c.cycle
            elif c.kind in ("precharge", "precharge_all"):
                open_banks -= {c.bank} if c.kind == "precharge" else set(open_banks)
                active += c.cycle - since if before and not open_banks else 0
            elif c.kind == "refresh":
                active += rfc
        active += max(0, report.cycles - since) if open_banks else 0
    # A refresh may outlast the last of the data.
    assert abs(report.active_cycles - active) <= channels * rfc
    assert report.active_cycles + report.idle_cycles == channels * report.cycles
    ns = memory.clock_ns
    assert report.energy_by_kind_pj == pytest.approx(
        {
            "activate": 3 * report.activates,
            "read": 5 * bits * report.reads,
            "write": 7 * bits * report.writes,
            "io": bits * (19 * report.reads + 23 * report.writes),
            "refresh": 11 * report.refreshes,
            "background": 13 * ns * report.active_cycles + 17 * ns * report.idle_cycles,
        }
    )
    assert report.energy_pj == pytest.approx(sum(report.energy_by_kind_pj.values()))


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("writes", [0, 0.4])
@pytest.mark.parametrize("order", ["streaming", "random"])
def test_presets_keep_their_rules(name: str, writes: float, order: str) -> None:
    memory = dram.load(name)
    pattern = getattr(dram.patterns, order)(requests=800, writes=writes)
    report = dram.simulate(memory, pattern, log=True)
    assert report.log is not None
    assert len(report.log) > 800
    assert broken_rules(memory, report.log) == []


@pytest.mark.parametrize("name", PRESETS)
def test_the_rules_notice_a_command_that_comes_early(name: str) -> None:
    memory = dram.load(name)
    seen: set[str] = set()
    for make in (dram.patterns.random, dram.patterns.streaming):
        report = dram.simulate(memory, make(requests=300, writes=0.3), log=True, batch=8)
        assert report.log is not None
        log = [c for c in report.log if c.channel == 0]
        for i in range(1, len(log)):
            early = dataclasses.replace(log[i], cycle=log[i].cycle - 1)
            faults = broken_rules(memory, [*log[max(0, i - 40) : i], early])
            seen |= {fault.split(":")[0] for fault in faults}
    # Bursts that wait issue as soon as a gate opens, so most of the rules are what holds a command.
    assert {"tRCD", "tRP", "tRTW"} <= seen
    assert {"tRAS", "tRC", "tWR", "tRTP"} & seen
    assert {"tWTR_S", "tWTR_L"} & seen
    assert {"tRRD_S", "tRRD_L", "tFAW"} & seen


SMALL = Dram(
    name="small",
    clock_mhz=1000,
    organization=Organization(
        channels=1, bus_bits=64, bank_groups=2, banks_per_group=4, rows=16, row_bytes=256, burst_length=8
    ),
    timing=Timing(
        tCL=15, tCWL=11, tRCD=14, tRCDWR=10, tRP=13, tRPab=15, tRAS=34, tRC=49, tRRD_S=5, tRRD_L=7, tFAW=26,
        tCCD_S=4, tCCD_L=6, tWTR_S=3, tWTR_L=8, tRTW=10, tWR=16, tRTP=9, tREFI=2000, tRFC=120,
    ),
)  # fmt: skip

Step = tuple[str, int]
"""A command, and its bank."""

GATES: list[tuple[str, list[tuple[int, str, int]], Step, int]] = [
    # gate, commands before it (cycle, kind, bank), the command that it holds, the cycle at which it opens
    ("tRCD", [(0, "activate", 0)], ("read", 0), 14),
    ("tRCD", [(0, "activate", 0)], ("write", 0), 10),
    ("tRP", [(0, "activate", 0), (40, "precharge", 0)], ("activate", 0), 53),
    ("tRPab", [(0, "activate", 0), (40, "precharge_all", 0)], ("refresh", 0), 55),
    ("tRAS", [(0, "activate", 0)], ("precharge", 0), 34),
    ("tRC", [(0, "activate", 0), (34, "precharge", 0)], ("activate", 0), 49),
    ("tRRD_S", [(0, "activate", 0)], ("activate", 4), 5),
    ("tRRD_L", [(0, "activate", 0)], ("activate", 1), 7),
    ("tFAW", [(0, "activate", 0), (5, "activate", 4), (10, "activate", 1), (15, "activate", 5)],
     ("activate", 2), 26),
    ("tCCD_S", [(0, "activate", 0), (5, "activate", 4), (30, "read", 0)], ("read", 4), 34),
    ("tCCD_L", [(0, "activate", 0), (7, "activate", 1), (30, "read", 0)], ("read", 1), 36),
    ("tWTR_S", [(0, "activate", 0), (5, "activate", 4), (30, "write", 0)], ("read", 4), 48),
    ("tWTR_L", [(0, "activate", 0), (7, "activate", 1), (30, "write", 0)], ("read", 1), 53),
    ("tRTW", [(0, "activate", 0), (5, "activate", 4), (30, "read", 0)], ("write", 4), 40),
    ("tWR", [(0, "activate", 0), (30, "write", 0)], ("precharge", 0), 61),
    ("tRTP", [(0, "activate", 0), (30, "read", 0)], ("precharge", 0), 39),
    ("tRFC", [(10, "refresh", 0)], ("activate", 3), 130),
    ("command_bus", [(9, "activate", 0), (43, "precharge", 0)], ("refresh", 0), 56),
]  # fmt: skip


@pytest.mark.parametrize(("gate", "before", "held", "cycle"), GATES)
def test_each_gate_is_tight(gate: str, before: list[tuple[int, str, int]], held: Step, cycle: int) -> None:
    gates = da._core.DramGates(SMALL.lowered())
    for at, kind, bank in before:
        gates.issue(at, kind, bank, 1)
    first, name = gates.earliest(*held)
    assert first == cycle
    if gate != "command_bus":  # tRP here; the bus alone is tested in C++
        assert name == gate
    with pytest.raises(ValueError, match=f"too early: {name} allows it at cycle {cycle}"):
        gates.issue(cycle - 1, *held, 1)
    gates.issue(cycle, *held, 1)


def test_the_rules_know_every_gate() -> None:
    """The checker refuses the same command one cycle early, and takes it at the cycle."""
    for gate, before, (kind, bank), cycle in GATES:
        log = [Command(cycle=at, channel=0, kind=k, bank=b, row=1) for at, k, b in before]
        last = Command(cycle=cycle, channel=0, kind=kind, bank=bank, row=1)
        faults = broken_rules(SMALL, [*log, dataclasses.replace(last, cycle=cycle - 1)])
        assert any(not fault.startswith("refresh") for fault in faults), gate
        faults = broken_rules(SMALL, [*log, last])
        assert [fault for fault in faults if not fault.startswith("refresh")] == [], gate


@settings(max_examples=60, deadline=None)
@given(memories(), st.integers(0, 2**62))
def test_python_and_the_core_place_bursts_alike(memory: Dram, burst: int) -> None:
    burst %= memory.organization.capacity_bytes // memory.organization.burst_bytes
    placed = limits.locate(memory, np.array([burst], dtype=np.uint64))
    assert tuple(int(part[0]) for part in placed) == da._core.dram_locate(memory.lowered(), burst)


@settings(max_examples=60, deadline=None)
@given(memories(), st.integers(0, 2**32))
def test_commands_are_those_of_a_controller_that_looks_at_every_cycle(memory: Dram, seed: int) -> None:
    one = dataclasses.replace(memory, organization=dataclasses.replace(memory.organization, channels=1))
    rng = np.random.default_rng(seed)
    count, size = int(rng.integers(1, 60)), one.organization.burst_bytes
    bursts = rng.integers(0, one.organization.capacity_bytes // size, count)
    if rng.random() < 0.5:
        bursts = bursts // 4 * 4 % max(1, int(bursts.max()))  # rows that come again
    writes = rng.random(count) < rng.random()
    arrivals = np.cumsum(rng.integers(0, 100, count) * (rng.random(count) < rng.random()))
    how = {"window": int(rng.integers(1, 16)), "batch": int(rng.integers(1, 8))}
    how |= {"max_hits": int(rng.integers(1, 8)), "closed_page": bool(rng.random() < 0.3)}
    report = dram.simulate(one, bursts * size, bytes=size, writes=writes, arrivals=arrivals, log=True, **how)
    _, bank, row, _ = limits.locate(one, bursts.astype(np.uint64))
    stream = [
        Burst(order=i, arrival=int(arrivals[i]), write=bool(writes[i]), bank=int(bank[i]), row=int(row[i]))
        for i in range(count)
    ]
    assert report.log is not None
    assert list(report.log) == Controller(one, **how).run(stream)


@settings(max_examples=40, deadline=None)
@given(memories(), st.integers(0, 2**32))
def test_same_requests_same_report(memory: Dram, seed: int) -> None:
    one, _, _ = run_random(memory, seed)
    two, _, _ = run_random(memory, seed)
    assert one == two
    assert one.log == two.log
