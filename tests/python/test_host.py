"""This machine as a chip: sizes are the system's, measurements are sane, and nothing is measured unasked.

No test says how fast anything is: limits are wide enough for a machine that does much else meanwhile.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import dnnaccel as da
from dnnaccel import _core, arch
from dnnaccel.arch import Array, Memory, host_system

CPU = Path("/sys/devices/system/cpu")


def test_figures_are_sane() -> None:
    figures = arch.measure_host()
    assert figures is arch.measure_host()
    assert figures.cores >= 1
    assert figures.lanes in (4, 8, 16)
    # From a small board to the fastest desktop; a multiply-accumulate in 4 cycles to 128 a cycle.
    assert 1e8 < figures.clock_hz < 1e10
    assert 0.25 < figures.macs_per_second / figures.clock_hz < 128
    assert figures.memories[-1].name == "dram"
    for memory in figures.memories:
        assert memory.working_set_bytes > 0
        for rate in (memory.read_bytes_per_second, memory.write_bytes_per_second):
            assert 1e6 < rate < 1e14
    # The innermost cache is no slower than half the DRAM's share of a core, however busy the machine is.
    first, last = figures.memories[0], figures.memories[-1]
    assert first.read_bytes_per_second > last.read_bytes_per_second / last.threads / 2


def test_chip_is_what_was_measured() -> None:
    chip, figures = arch.load("host_cpu"), arch.measure_host()
    assert arch.load("host_cpu") is chip
    assert chip.name == "host_cpu"
    assert chip.clock_mhz is not None
    peak = chip.peak_macs_per_cycle * chip.clock_mhz * 1e6
    assert peak == pytest.approx(figures.cores * figures.macs_per_second, rel=1e-3)
    caches = [memory for memory in chip.memories if memory.name.startswith("l")]
    assert [memory.size_bytes for memory in reversed(caches)] == [
        memory.size_bytes for memory in figures.memories[:-1]
    ]
    for memory, measured in zip(reversed(caches), figures.memories, strict=False):
        assert memory.read_bytes_per_cycle == pytest.approx(
            measured.read_bytes_per_second / chip.clock_mhz / 1e6, rel=0.01
        )
        assert "measured on this machine" in memory.sources["read_bytes_per_cycle"]
    # Multiplying out what stands around them, every core has its first cache.
    assert chip.instances("l1") == figures.cores


def test_a_network_runs_on_this_machine() -> None:
    report = da.simulate("lenet5", "host_cpu", objective="latency")
    assert report.macs == da.zoo.load("lenet5").total_macs
    assert 0 < report.seconds < 1


def test_sizes_are_those_of_sysfs() -> None:
    found = host_system.describe_system()
    assert found.caches
    if not CPU.exists():  # macOS tells another way
        assert "sysctl" in found.source
        return
    first = sorted(host_system.os.sched_getaffinity(0))[0]
    sizes = {}
    for index in (CPU / f"cpu{first}" / "cache").glob("index*"):
        if (index / "type").read_text().strip() != "Instruction":
            text = (index / "size").read_text().strip()
            sizes[int((index / "level").read_text())] = int(text.removesuffix("K")) * 1024
    assert not sizes or {cache.level: cache.size_bytes for cache in found.caches} == sizes


def cache_tree(root: Path, caches: list[tuple[int, str, str, str]]) -> Path:
    for number, (level, kind, size, shared) in enumerate(caches):
        index = root / "cpu0" / "cache" / f"index{number}"
        index.mkdir(parents=True)
        for name, text in (
            ("level", str(level)),
            ("type", kind),
            ("size", size),
            ("shared_cpu_list", shared),
            ("coherency_line_size", "64"),
        ):
            (index / name).write_text(text + "\n")
    return root


def test_a_described_machine_is_read(tmp_path: Path) -> None:
    root = cache_tree(
        tmp_path,
        [
            (1, "Data", "48K", "0,8"),
            (1, "Instruction", "32K", "0,8"),
            (2, "Unified", "2M", "0,8"),
            (3, "Unified", "36864K", "0-15"),
        ],
    )
    system = host_system.from_sysfs(root, [0, 1, 2, 3, 8, 9, 10, 11])
    assert system is not None
    assert system.cpus == 8
    seen = [(cache.level, cache.size_bytes, cache.shared_by) for cache in system.caches]
    # Of those that share it, only CPUs that this process may use count.
    assert seen == [(1, 48 * 1024, 2), (2, 2 * 2**20, 2), (3, 36 * 2**20, 8)]


@pytest.mark.parametrize(
    "cache",
    [
        (1, "Data", "plenty", "0"),
        (1, "Data", "0K", "0"),
        (1, "Data", "32K", "none"),
        (1, "Instruction", "32K", "0"),
    ],
)
def test_a_description_that_makes_no_sense_is_not_believed(
    tmp_path: Path, cache: tuple[int, str, str, str]
) -> None:
    assert host_system.from_sysfs(cache_tree(tmp_path, [cache]), [0]) is None
    assert host_system.from_sysfs(tmp_path / "nothing", [0]) is None
    assert host_system.from_sysfs(tmp_path, []) is None


def test_a_silent_system_is_assumed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(host_system, "_SYSFS", tmp_path)
    monkeypatch.setattr(host_system.sys, "platform", "plan9")
    assert "assumption" in host_system.describe_system().source


def test_every_variant_measures_and_bad_requests_are_refused() -> None:
    variants = _core.host_variants()
    assert variants[-1] == "baseline"
    for variant in variants:
        figures = _core.measure_host([(16384, 1), (65536, 2)], 0.01, variant)
        assert figures.variant == variant
        assert min(figures.clock_hz, figures.macs_per_second, *map(min, figures.bandwidths)) > 0
    requests: list[Callable[[], object]] = [
        lambda: _core.measure_host([(16384, 0)], 0.01),
        lambda: _core.measure_host([(100, 1)], 0.01),
        lambda: _core.measure_host([(2**34, 1)], 0.01),
        lambda: _core.measure_host([], 0.01, "vax"),
    ]
    for request in requests:
        with pytest.raises(ValueError, match="host probe"):
            request()


def test_nothing_is_measured_unasked() -> None:
    code = (
        "import dnnaccel, dnnaccel.arch as arch\n"
        "from dnnaccel.arch import host\n"
        "from dnnaccel.report.listing import chips_text\n"
        "assert 'host_cpu' in arch.names() and 'host_cpu' in chips_text()\n"
        "arch.load('eyeriss')\n"
        "assert host.measure_host.cache_info().currsize == 0\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_core_for_each_first_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two sockets of two cores with two threads each: the fan-outs stand where caches begin to be many."""
    system = host_system.HostSystem(
        name="made up",
        cpus=8,
        caches=(
            host_system.Cache(level=1, size_bytes=2**15, line_bytes=64, shared_by=2),
            host_system.Cache(level=2, size_bytes=2**19, line_bytes=64, shared_by=2),
            host_system.Cache(level=3, size_bytes=2**23, line_bytes=64, shared_by=4),
        ),
        source="made up",
    )
    from dnnaccel.arch import host

    monkeypatch.setattr(host, "describe_system", lambda: system)
    monkeypatch.setattr(host, "SECONDS", 0.01)
    figures = host.measure_host.__wrapped__()
    chip = host.chip_of(figures)
    shape = [
        (level.name, level.rows) if isinstance(level, Array) else level.name for level in chip.levels[:-1]
    ]
    assert shape == ["dram", ("l3_groups", 2), "l3", ("cores", 2), "l2", "l1", "registers"]
    assert [memory.threads for memory in figures.memories] == [1, 1, 2, 4]
    assert isinstance(chip["l3"], Memory)
