"""`host_cpu`: this machine as a chip, its caches from the system, its speed measured.

Measuring takes about a second and happens once in a process, when `measure_host` is called or the chip is
loaded, never at import.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

from dnnaccel import _core
from dnnaccel.arch.chip import Chip
from dnnaccel.arch.host_system import Cache, HostSystem, describe_system
from dnnaccel.arch.levels import Array, Level, Mac, Memory, Vector

__all__ = ["HOST", "HostFigures", "HostMemory", "chip_of", "host_chip", "measure_host"]

HOST = "host_cpu"
"""Name of this machine among the presets."""
SECONDS = 1.2
WORD_BITS = 32
_DRAM_LEAST, _DRAM_MOST = 2**26, 2**29

# Energies at 7 nm in pJ, Jouppi et al. ISCA 2021 Table 2 (from memory, unverified).
_SRAM_64_BITS = ((8 * 2**10, 7.5), (32 * 2**10, 8.5), (2**20, 14.0))
_DRAM_64_BITS = 1300.0
_FP32_PRODUCT, _FP32_SUM = 1.31, 0.38
_SCALE_45_TO_7 = 0.07 / 0.2  # of the 8-bit product in the same table
_INSTRUCTION = 70.0  # Horowitz, ISSCC 2014, 45 nm
_REGISTER_32_BITS = 1.0  # EIE, ISCA 2016, Table I, 45 nm (from memory, unverified)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostMemory:
    """One cache of this machine, or its DRAM, and how fast `threads` threads together stream through it.

    `size_bytes` is None for DRAM; `working_set_bytes` is what was streamed through, all threads together.
    """

    name: str
    size_bytes: int | None
    line_bytes: int
    shared_by: int
    threads: int
    working_set_bytes: int
    read_bytes_per_second: float
    write_bytes_per_second: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFigures:
    """This machine's raw figures: the best of several runs of each.

    Attributes
    ----------
    processor : str
        Its name, as the system has it.
    cores : int
        Cores with a first-level cache of their own that this process may use.
    instructions : str
        The instruction set of the kernels: "avx512", "avx2" or "baseline".
    lanes : int
        fp32 values in one vector of it.
    clock_hz : float
        From a chain of dependent additions, at one a cycle.
    macs_per_second : float
        fp32 multiply-accumulates of one core.
    memories : tuple of HostMemory
        From the innermost cache to DRAM.
    source : str
        Where the sizes come from.
    """

    processor: str
    cores: int
    instructions: str
    lanes: int
    clock_hz: float
    macs_per_second: float
    memories: tuple[HostMemory, ...]
    source: str


@functools.cache
def measure_host() -> HostFigures:
    """Return how fast this machine is, measured once in a process, in about a second.

    Peak: fp32 multiply-accumulates on 12 independent vectors of the widest instruction set. Bandwidth: the
    best of several passes of reading, and of writing, a working set of half a cache beside all of those
    inside it; for DRAM of four times the outermost caches. What cores share is measured with as many threads
    as share it. Ctrl-C stops it.
    """
    system = describe_system()
    cores = _instances(system, system.caches[0])
    sets = _working_sets(system, cores)
    raw = _core.measure_host([(size, threads) for _, size, threads in sets], SECONDS)
    memories = tuple(
        HostMemory(
            name=f"l{cache.level}" if cache else "dram",
            size_bytes=cache.size_bytes if cache else None,
            line_bytes=(cache or system.caches[-1]).line_bytes,
            shared_by=threads,
            threads=threads,
            working_set_bytes=size,
            read_bytes_per_second=read,
            write_bytes_per_second=write,
        )
        for (cache, size, threads), (read, write) in zip(sets, raw.bandwidths, strict=True)
    )
    return HostFigures(
        processor=system.name,
        cores=cores,
        instructions=raw.variant,
        lanes=raw.lanes,
        clock_hz=raw.clock_hz,
        macs_per_second=raw.macs_per_second,
        memories=memories,
        source=system.source,
    )


def _instances(system: HostSystem, cache: Cache) -> int:
    return max(1, system.cpus // cache.shared_by)


def _working_sets(system: HostSystem, cores: int) -> list[tuple[Cache | None, int, int]]:
    """(cache, bytes, threads) for each cache from the innermost, then for DRAM."""
    sets: list[tuple[Cache | None, int, int]] = []
    inside = 0  # bytes of the caches that one core has inside the one at hand
    for cache in system.caches:
        threads = max(1, cores // _instances(system, cache))
        sets.append((cache, inside * threads + cache.size_bytes // 2, threads))
        inside += cache.size_bytes // threads
    last = system.caches[-1]
    total = 4 * last.size_bytes * _instances(system, last)
    sets.append((None, min(max(total, _DRAM_LEAST), _DRAM_MOST), cores))
    return sets


@functools.cache
def host_chip() -> Chip:
    """Return this machine as a chip; measures it first, if nobody has yet."""
    return chip_of(measure_host())


def chip_of(figures: HostFigures) -> Chip:
    """Return the chip that a machine of these figures is."""
    units = max(1, round(figures.macs_per_second / figures.clock_hz / figures.lanes))
    clock_hz = figures.macs_per_second / (units * figures.lanes)
    levels: list[Level] = []
    groups = 1
    for memory in reversed(figures.memories):
        instances = max(1, figures.cores // memory.shared_by)
        if instances > groups:
            levels.append(_fan_out(f"{memory.name}_groups", instances // groups, figures))
            groups = instances
        levels.append(_memory(memory, clock_hz))
    if groups > 1:
        # The innermost fan-out is that of the cores, whatever cache it stands before.
        last = max(i for i, level in enumerate(levels) if isinstance(level, Array))
        levels[last] = _fan_out("cores", levels[last].rows, figures)  # type: ignore[union-attr]
    levels += [_registers(figures), _vector_units(figures.lanes, units, figures)]
    return Chip(
        name=HOST,
        title=f"This machine: {figures.processor}",
        description=(
            "Its caches as the system describes them, its bandwidths and its peak in fp32 as measured when "
            "this was loaded. Caches are modelled as buffers that software fills: no misses but those the "
            "mapping implies, and no cost of an address. Energies are a table's, not measured."
        ),
        source=f"{figures.source}; measured on this machine with {figures.instructions} instructions",
        clock_mhz=round(clock_hz / 1e6, 1),
        word_bits=WORD_BITS,
        energy_unit="pJ",
        levels=tuple(levels),
        mac=_mac(figures.lanes),
        vector=Vector(
            lanes=figures.lanes * units * figures.cores,
            op_energy=_FP32_SUM + _overhead(figures.lanes),
            memory=levels[0].name,
            source="lanes: as the MACs; op_energy: a 32-bit sum and its share of an instruction, as in mac",
        ),
    )


def _rounded(value: float) -> float:
    """Three digits: a measurement has no more."""
    return float(f"{value:.3g}")


def _memory(memory: HostMemory, clock_hz: float) -> Memory:
    read = _rounded(memory.read_bytes_per_second / clock_hz)
    write = _rounded(memory.write_bytes_per_second / clock_hz)
    how = (
        f"measured on this machine: best pass of {memory.threads} "
        f"thread{'s' if memory.threads > 1 else ''} {{}} a working set of {memory.working_set_bytes:,} "
        "bytes, / the clock"
    )
    if memory.size_bytes is None:
        energy = _DRAM_64_BITS * WORD_BITS / 64
        table = "DDR3/4 at 1300 pJ per 64 bits, Jouppi et al. ISCA 2021 Table 2 (from memory), x 32 / 64"
        sources = {"bytes_per_cycle": how.format("reading or writing") + "; they share the bus"}
        return Memory(
            name=memory.name,
            read_energy=energy,
            write_energy=energy,
            bytes_per_cycle=max(read, write),
            sources=sources | {"read_energy": table, "write_energy": "as read_energy"},
        )
    energy = _rounded(_sram_energy(memory.size_bytes) * WORD_BITS / 64)
    return Memory(
        name=memory.name,
        size_bytes=memory.size_bytes,
        buffering="stream",
        read_energy=energy,
        write_energy=energy,
        read_bytes_per_cycle=read,
        write_bytes_per_cycle=write,
        sources={
            "size_bytes": f"the system's description of this machine, lines of {memory.line_bytes} bytes",
            "buffering": "lines are prefetched and replaced one by one",
            "read_energy": (
                "SRAM at 7 nm, Jouppi et al. ISCA 2021 Table 2 (from memory), interpolated by the logarithm "
                "of size, at most 1 MiB; not measured"
            ),
            "write_energy": "as read_energy",
            "read_bytes_per_cycle": how.format("reading"),
            "write_bytes_per_cycle": how.format("writing"),
        },
    )


def _sram_energy(size_bytes: int) -> float:
    """Energy of a 64-bit access at 7 nm, in pJ: linear in logarithms between the table's sizes."""
    sizes = [math.log(size) for size, _ in _SRAM_64_BITS]
    values = [math.log(value) for _, value in _SRAM_64_BITS]
    at = min(max(math.log(size_bytes), sizes[0]), sizes[-1])
    upper = next(i for i in range(1, len(sizes)) if at <= sizes[i])
    share = (at - sizes[upper - 1]) / (sizes[upper] - sizes[upper - 1])
    return math.exp(values[upper - 1] + share * (values[upper] - values[upper - 1]))


def _fan_out(name: str, rows: int, figures: HostFigures) -> Array:
    # A line that two cores want is sent to each, and sums of two cores meet in memory.
    sources = {"rows": figures.source, "multicast": "each core fetches for itself"}
    return Array(name=name, rows=rows, multicast="none", sources=sources)


def _registers(figures: HostFigures) -> Memory:
    count = 32 if figures.instructions == "avx512" else 16
    energy = _REGISTER_32_BITS * _SCALE_45_TO_7
    return Memory(
        name="registers",
        size_bytes=count * figures.lanes * WORD_BITS // 8,
        buffering="stream",
        read_energy=energy,
        write_energy=energy,
        sources={
            "size_bytes": f"{count} vectors, as the instruction set {figures.instructions} names at least",
            "buffering": "loaded one by one",
            "read_energy": "32 bits of a register file, 1 pJ at 45 nm (EIE, ISCA 2016, Table I, from "
            "memory), x 0.35 to 7 nm; not measured",
            "write_energy": "as read_energy",
        },
    )


def _vector_units(lanes: int, units: int, figures: HostFigures) -> Array:
    measured = f"{figures.macs_per_second / 1e9:.1f} GMAC/s at {figures.clock_hz / 1e9:.2f} GHz"
    return Array(
        name="simd",
        rows=lanes,
        columns=units,
        sources={
            "rows": f"fp32 values in a vector of {figures.instructions}",
            "columns": f"measured on this machine, {measured} in one core, to the nearest whole number",
            "multicast": "one value may be loaded into all lanes",
        },
    )


def _overhead(lanes: int) -> float:
    return _INSTRUCTION * _SCALE_45_TO_7 / lanes


def _mac(lanes: int) -> Mac:
    return Mac(
        energy=_rounded(_FP32_PRODUCT + _FP32_SUM + _overhead(lanes)),
        source=(
            "32-bit floating-point product 1.31 pJ and sum 0.38 pJ at 7 nm (Jouppi et al. ISCA 2021 Table 2, "
            "from memory) + an instruction's 70 pJ (Horowitz ISSCC 2014, 45 nm) x 0.35 / "
            f"{lanes} lanes; not measured"
        ),
    )
