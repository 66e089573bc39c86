"""DRAMs as data, their reports, the limits beside them, and the shell; test_dram_rules.py has the timing."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import pickle
from pathlib import Path

import numpy as np
import pytest

import dnnaccel as da
from dnnaccel import dram
from dnnaccel.cli import run
from dnnaccel.dram import Dram, limits, patterns
from dnnaccel.errors import DramError, UnknownNameError
from interrupting import interrupt

PRESETS = dram.names()


def test_the_presets_are_there() -> None:
    assert {"ddr4_2400", "lpddr4_3200", "hbm2_2000"} <= set(PRESETS)
    assert da.dram is dram


@pytest.mark.parametrize(
    ("name", "peak"), [("ddr4_2400", 19.2), ("ddr4_3200", 25.6), ("lpddr4_3200", 12.8), ("hbm2_2000", 256)]
)
def test_peak_is_channels_times_wires_times_rate(name: str, peak: float) -> None:
    assert dram.load(name).peak_gb_per_s == pytest.approx(peak)


@pytest.mark.parametrize("name", PRESETS)
def test_every_number_of_a_preset_has_a_source(name: str) -> None:
    memory = dram.load(name)
    assert memory.title
    assert memory.source
    for part in (memory.organization, memory.timing, memory.energy):
        assert part.source
        for key, said in part.sources.items():
            assert getattr(part, key) is not None, key
            assert said
    # What a data sheet does not say as a number is said how it was derived.
    if name != "hbm2_2000":  # whose source has it
        assert "derived" in memory.timing.sources["tRTW"]


@pytest.mark.parametrize("name", PRESETS)
def test_yaml_and_pickle_give_it_back(name: str, tmp_path: Path) -> None:
    memory = dram.load(name)
    path = tmp_path / "memory.yaml"
    path.write_text(memory.to_yaml(), encoding="utf-8")
    assert dram.load(path) == memory
    assert pickle.loads(pickle.dumps(memory)) == memory
    assert repr(memory).startswith(f"Dram('{name}', ")


def changed(tmp_path: Path, old: str, new: str) -> Path:
    text = dram.load("ddr4_2400").to_yaml()
    assert old in text
    path = tmp_path / "changed.yaml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("  tFAW: 26", "  tFWA: 26", "timing.tFWA: unknown key; did you mean tFAW?"),
        ("  tRCD: 16", "  tRCD: fast", "timing.tRCD: must be a whole number, not 'fast'"),
        ("  tRCD: 16", "  tRCD: -1", "timing.tRCD: must be at least 0, not -1"),
        ("  channels: 1\n", "", "organization.channels: missing"),
        ("clock_mhz: 1200.0\n", "", "clock_mhz: missing; state the clock"),
        ("clock_mhz: 1200.0", "clock_mhz: .inf", "clock_mhz: must be a finite number"),
        ("- column\n", "- kolumn\n", "address_mapping: unknown field 'kolumn'; did you mean column?"),
        ("- column\n", "- row\n", "address_mapping: must name each of"),
        ("name: ddr4_2400", "name: ddr4 2400", "name: must be a name"),
        ("    idd0_ma: 48.0", "    idd0: 48.0", "energy.rails.0.idd0: unknown key; did you mean idd0_ma?"),
        ("  tCCD_S: 4", "  tCCD_S: 3", "tCCD_S and tCCD_L must be at least the 4 cycles that a burst takes"),
        ("  tRTW: 6", "  tRTW: 3", "tRTW must be at least"),
        ("  devices: 8", "  activate_pj: 8", "energy.devices: missing"),
        ("    idd0_ma: 48.0", "    idd0_ma: 1.0", "IDD0 is below"),
        ("  tRCD: 16", "  tRCD: 100000", "tREFI must leave time for work"),
        ("format: 1", "format: 2", "format: must be 1, not 2"),
        ("  row_bytes: 8192", "  row_bytes: 8000", None),
        ("  row_bytes: 8192", "  row_bytes: 8001", "row_bytes must be a multiple of a burst's 64 bytes"),
    ],
)
def test_faults_are_found_at_the_door(tmp_path: Path, old: str, new: str, said: str | None) -> None:
    path = changed(tmp_path, old, new)
    if said is None:
        dram.load(path)
        return
    with pytest.raises(DramError) as caught:
        dram.load(path)
    assert said in str(caught.value)
    assert "changed.yaml" in str(caught.value)


def test_a_fault_has_its_line(tmp_path: Path) -> None:
    path = changed(tmp_path, "  tRCD: 16", "  tRDC: 16")
    line = path.read_text("utf-8").splitlines().index("  tRDC: 16") + 1
    with pytest.raises(DramError, match=rf"changed.yaml:{line}: timing.tRDC"):
        dram.load(path)


@pytest.mark.parametrize("text", ["", "[]", "- 1", "format: 1\n", "a: &x 1\nb: *x\n", "\x00", "{" * 100])
def test_files_that_are_no_dram(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DramError, match=r"bad\.yaml"):
        dram.load(path)


def test_unknown_names() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'ddr4_2400'"):
        dram.load("ddr4_240")
    with pytest.raises(DramError, match="nowhere"):
        dram.load("nowhere.yaml")


def test_a_dram_in_python() -> None:
    memory = dram.load("ddr4_2400")
    wider = dataclasses.replace(
        memory, name="wide", organization=dataclasses.replace(memory.organization, channels=4)
    )
    assert wider.peak_gb_per_s == 4 * memory.peak_gb_per_s
    with pytest.raises(DramError, match=r"DRAM 'ddr4_2400': timing.tRCD: must be at most 1000000"):
        dataclasses.replace(memory, timing=dataclasses.replace(memory.timing, tRCD=10**7))
    with pytest.raises(DramError, match=r"timing must be a dram\.Timing"):
        dataclasses.replace(memory, timing={})  # type: ignore[arg-type]
    with pytest.raises(dataclasses.FrozenInstanceError):
        memory.name = "other"  # type: ignore[misc]


def test_energies_of_currents_by_hand() -> None:
    memory = dram.load("ddr4_2400")
    volt_devices_ns = 1.2 * 8 * memory.clock_ns
    assert memory.energies["activate_pj"] == pytest.approx(
        volt_devices_ns * (48 * 55 - 43 * 39 - 34 * (55 - 39))
    )
    assert memory.energies["read_pj"] == pytest.approx(volt_devices_ns * (135 - 43) * 4)
    assert memory.energies["write_pj"] == pytest.approx(volt_devices_ns * (123 - 43) * 4)
    assert memory.energies["refresh_pj"] == pytest.approx(volt_devices_ns * (250 - 43) * 420)
    assert memory.energies["active_pj_per_cycle"] == pytest.approx(volt_devices_ns * 43)
    assert memory.energies["idle_pj_per_cycle"] == pytest.approx(volt_devices_ns * 34)


@pytest.mark.parametrize("name", PRESETS)
def test_streaming_reaches_what_refreshes_leave(name: str) -> None:
    memory = dram.load(name)
    # Enough for dozens of refreshes: the share they take is one of long runs.
    stream = patterns.streaming(requests=100_000 * max(1, memory.organization.channels // 4))
    report = dram.simulate(memory, stream)
    left = limits.refresh_share(memory)
    assert 0.98 * left < report.utilization <= left
    # Ramulator 2's estimate of a refresh: also closing the row, and opening it again.
    t = memory.timing
    lost = (t.tRTP + (t.tRPab or t.tRP) + t.tRFC + t.tRCD) / t.tREFI
    assert report.utilization == pytest.approx(1 - lost, rel=0.006)
    unrefreshed = dram.simulate(memory, patterns.streaming(requests=100_000), refresh=False)
    assert 0.995 < unrefreshed.utilization <= 1
    assert unrefreshed.refreshes == 0


@pytest.mark.parametrize("name", PRESETS)
def test_random_reads_reach_the_row_miss_limit(name: str) -> None:
    memory = dram.load(name)
    report = dram.simulate(memory, patterns.random(requests=100_000))
    miss = limits.row_miss(memory)
    assert report.limit is not None
    assert report.limit.gate == miss.gate
    assert report.limit.gb_per_s == pytest.approx(miss.gb_per_s, rel=0.02)
    assert 0.92 * miss.gb_per_s < report.gb_per_s <= 1.01 * miss.gb_per_s
    assert report.row_hit_rate < 0.01


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("stride", [64, 128, 1024, 4096, 8192, 131072, 3 * 64, 1000])
def test_strides_stay_below_their_limit_and_near_it(name: str, stride: int) -> None:
    memory = dram.load(name)
    report = dram.simulate(memory, patterns.strided(stride, requests=30_000))
    assert report.limit is not None
    assert report.gb_per_s > 0.8 * report.limit.gb_per_s
    # The limit has the share of refreshes of a long run; what is a bound here is the time without them,
    # and the time of those that were due.
    seconds = report.bytes / report.limit.gb_per_s / 1e9 * limits.refresh_share(memory)
    t = memory.timing
    least = seconds * memory.clock_mhz * 1e6 + (report.cycles // t.tREFI - 1) * t.tRFC
    assert report.cycles >= 0.999 * least
    assert report.gb_per_s <= memory.peak_gb_per_s


def test_one_bank_one_row_after_another_takes_a_row_cycle_each() -> None:
    memory = dram.load("ddr4_2400")
    pitch = memory.organization.capacity_bytes // memory.organization.rows
    report = dram.simulate(memory, patterns.strided(pitch, requests=1000), refresh=False)
    assert report.row_conflicts == 999
    assert report.cycles == 999 * memory.timing.tRC + memory.timing.tRCD + memory.timing.tCL + 4
    hashed = dram.simulate(
        dataclasses.replace(memory, xor_banks=True), patterns.strided(pitch, requests=1000), refresh=False
    )
    assert hashed.gb_per_s > 5 * report.gb_per_s


def test_bank_groups_cost_what_tccd_l_says() -> None:
    memory = dram.load("ddr4_2400")
    one_group = patterns.strided(256, requests=20_000)  # 4 groups of 64 bytes: always the same one
    report = dram.simulate(memory, one_group, refresh=False)
    assert report.utilization == pytest.approx(4 / 6, rel=0.01)


def test_a_policy_changes_what_it_should() -> None:
    memory = dram.load("ddr4_2400")
    mixed = patterns.streaming(requests=20_000, writes=0.5)
    assert (
        dram.simulate(memory, mixed, batch=4).gb_per_s
        < dram.simulate(memory, mixed, batch=16).gb_per_s
        < dram.simulate(memory, mixed, batch=48).gb_per_s
    )
    scattered = patterns.random(requests=20_000)
    assert (
        dram.simulate(memory, scattered, window=1).gb_per_s
        < dram.simulate(memory, scattered, window=8).gb_per_s
        < dram.simulate(memory, scattered, window=64).gb_per_s
    )
    slow = dataclasses.replace(scattered, interval=100)
    opened, closed = (dram.simulate(memory, slow, closed_page=page) for page in (False, True))
    assert closed.row_conflicts < opened.row_conflicts / 50
    assert closed.mean_latency_ns < opened.mean_latency_ns


def test_arrays_and_patterns_agree() -> None:
    memory = dram.load("lpddr4_3200")
    pattern = patterns.strided(192, requests=5000)
    addresses = pattern.addresses(memory.organization.capacity_bytes)
    one = dram.simulate(memory, pattern)
    two = dram.simulate(memory, addresses, keep_finish=True)
    assert dataclasses.replace(one, pattern="addresses", limit=None) == two
    assert two.finish is not None
    assert len(two.finish) == 5000
    assert two.finish.max() == two.cycles
    assert dram.simulate(memory, [0, 64, 128], bytes=[1, 2, 3], writes=[True, False, True]).bytes == 6


def test_bytes_asked_for_and_bytes_moved() -> None:
    memory = dram.load("ddr4_2400")
    report = dram.simulate(memory, np.array([60]), bytes=8, refresh=False)
    assert (report.bytes, report.bytes_moved, report.reads) == (8, 128, 2)
    nothing = dram.simulate(memory, np.array([], dtype=np.uint64))
    assert (nothing.cycles, nothing.gb_per_s, nothing.pj_per_bit, nothing.energy_pj) == (0, 0, 0, 0)


def test_transfers_for_another_simulator() -> None:
    memory = dram.load("ddr4_2400")
    t = memory.timing
    asked = da._core.DramMemory(memory.lowered(), dram.runs.policy())
    first = asked.transfer(1000, [(0, 64)], False)
    assert first == 1000 + t.tRCD + t.tCL + 4
    # The row is open now.
    assert asked.transfer(2000, [(4096, 64)], False) == 2000 + t.tCL + 4
    megabyte = asked.transfer(3000, [(0, 2**20)], True) - 3000
    assert 2**20 / 16 < megabyte < 1.1 * 2**20 / 16 + t.tRFC + t.tRP
    assert asked.transfer(10**9, [], False) == 10**9


@pytest.mark.parametrize(
    ("requests", "options", "said"),
    [
        ([-1], {}, "addresses must not be negative"),
        ([0.5], {}, "addresses must be whole numbers, not float64"),
        ([[1]], {}, "of one axis, not of shape"),
        ([2**40], {}, "are not in the memory's"),
        ([0], {"bytes": 0}, "0 bytes at address 0"),
        ([0, 64], {"bytes": [64]}, "bytes: 1 of them for 2 requests"),
        ([0, 64], {"arrivals": [5, 4]}, "request 1 arrives at cycle 4, before the one before it"),
        ([0], {"arrivals": [2**61]}, "after cycle 2"),
        ([0], {"bytes": 2**27}, "split those of more than"),
        ([0, 64], {"writes": [1, 0]}, "writes must be True or False"),
        ([0, 64], {"writes": [True]}, "writes must be True or False"),
        ([0], {"window": 0}, "window must be a whole number from 1 to 4096"),
        ([0], {"batch": 1.5}, "batch must be a whole number"),
    ],
)
def test_requests_that_make_no_sense(requests: list[int], options: dict[str, object], said: str) -> None:
    with pytest.raises(DramError, match=said):
        dram.simulate(dram.load("ddr4_2400"), requests, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"requests": 0}, "requests must be 1 to"),
        ({"bytes": 1.5}, "bytes must be a whole number"),
        ({"writes": 1.5}, "writes must be a share"),
        ({"order": "zigzag"}, "order must be"),
        ({"seed": -1}, "seed must be"),
    ],
)
def test_patterns_that_make_no_sense(change: dict[str, object], said: str) -> None:
    with pytest.raises(DramError, match=said):
        dataclasses.replace(patterns.streaming(), **change)
    with pytest.raises(DramError, match="do not fit in the memory's"):
        dram.simulate(dram.load("ddr4_2400"), patterns.random(range_bytes=2**40))


def test_a_log_has_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dnnaccel.dram.runs.LOG_LIMIT", 100)
    with pytest.raises(DramError, match="more than 100 commands to keep a log of"):
        dram.simulate(dram.load("ddr4_2400"), patterns.streaming(), log=True)


def test_reports_say_the_same_in_every_form() -> None:
    report = dram.simulate(dram.load("ddr4_2400"), patterns.random(requests=2000, writes=0.25))
    plain = json.loads(report.to_json())
    assert plain["pattern"] == "random, 25 % writes"
    assert plain["gb_per_s"] == report.gb_per_s
    assert plain["energy_pj"]["activate"] == report.energy_by_kind_pj["activate"]
    (row,) = csv.DictReader(io.StringIO(report.to_csv()))
    assert float(row["energy_pj"]) == pytest.approx(report.energy_pj)
    assert report.to_dataframe().loc[0, "cycles"] == report.cycles
    assert f"{report.gb_per_s:.2f}" in str(report)
    assert repr(report).startswith("DramReport(ddr4_2400 random, 25 % writes: ")
    table = dram.survey([dram.load("ddr4_2400")], chosen=[patterns.random(requests=2000, writes=0.25)])
    assert table.reports == (report,)
    assert json.loads(table.to_json())["reports"] == [plain]
    assert len(table.to_dataframe()) == 1


def test_progress_and_an_early_end() -> None:
    seen: list[tuple[int, int]] = []

    def stop(done: int, total: int) -> bool:
        seen.append((done, total))
        return len(seen) < 3

    report = dram.simulate(dram.load("ddr4_2400"), patterns.streaming(requests=10**9), progress=stop)
    assert len(seen) == 3
    assert report.requests == seen[-1][0]
    assert seen[0][1] == 10**9


def test_ctrl_c_ends_a_long_stream() -> None:
    ended = interrupt(
        "from dnnaccel import dram\n"
        "print('ready', flush=True)\n"
        "dram.simulate(dram.load('ddr4_2400'), dram.patterns.streaming(requests=10**12))\n",
        wait=0.5,
    )
    assert "KeyboardInterrupt" in ended.err
    assert ended.seconds < 5


def test_the_shell(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(["dram", "ddr4_2400", "--requests", "3000"]) == 0
    out = capsys.readouterr().out
    for words in (
        "streaming reads",
        "strided 4096",
        "random reads",
        "19.20",
        "tFAW",
        "leave 95.5 %",
    ):
        assert words in out
    assert max(len(line) for line in out.splitlines()) <= 120
    assert run(["dram", "hbm2_2000", "--pattern", "random", "--requests", "500", "--format", "json"]) == 0
    (report,) = json.loads(capsys.readouterr().out)["reports"]
    expected = dram.simulate(dram.load("hbm2_2000"), patterns.random(requests=500))
    assert report == json.loads(expected.to_json())
    assert run(["dram", "ddr4_2400", "--yaml"]) == 0
    path = tmp_path / "mine.yaml"
    path.write_text(capsys.readouterr().out, encoding="utf-8")
    assert dram.load(path) == dram.load("ddr4_2400")
    assert run(["dram", str(path), "--pattern", "strided", "--requests", "500", "--format", "csv"]) == 0
    assert "strided 4096 reads" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ddr4_240"], "did you mean 'ddr4_2400'"),
        (["ddr4_2400", "--writes", "0.5"], "need one --pattern"),
        (["ddr4_2400", "--pattern", "zigzag"], "zigzag"),
        (["nowhere.yaml"], "nowhere.yaml"),
    ],
)
def test_mistakes_in_the_shell(capsys: pytest.CaptureFixture[str], arguments: list[str], said: str) -> None:
    assert run(["dram", *arguments]) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1


def test_a_dram_without_energies_counts_none() -> None:
    memory = dataclasses.replace(dram.load("ddr4_2400"), energy=dram.Energy())
    assert isinstance(memory, Dram)
    assert dram.simulate(memory, patterns.streaming(requests=100)).energy_pj == 0
