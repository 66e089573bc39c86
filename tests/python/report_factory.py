"""Hand-made layer reports with round numbers, for the tests of what is built on them."""

from __future__ import annotations

from dnnaccel.cost import LayerReport, LevelCount, NetworkCount
from dnnaccel.report import Report

MEMORIES = ("dram", "glb", "filter_spad")


def make_conv(
    name: str = "conv1", *, scale: int = 1, energy_unit: str = "pJ", clock: float | None = 200.0
) -> LayerReport:
    """A convolution of 1500 pJ x scale: dram 600, glb 300, filter_spad 100, pe_array 200, mac 300."""
    counts = (
        ("dram", "inputs", 100, 0, 300.0),
        ("dram", "weights", 60, 0, 100.0),
        ("dram", "outputs", 0, 40, 200.0),
    )
    counts += (("glb", "inputs", 200, 100, 200.0), ("glb", "outputs", 40, 40, 100.0))
    counts += (("filter_spad", "weights", 1000, 60, 100.0),)
    return LayerReport(
        name=name,
        kind="conv2d",
        macs=100_000 * scale,
        ops=0,
        cycles=2000 * scale,
        compute_cycles=1500 * scale,
        level_cycles=(("dram", 1990 * scale), ("glb", 300 * scale)),
        exposed_cycles=0,
        ramp_cycles=10 * scale,
        clock_mhz=clock,
        utilization=0.5,
        active_pes=120,
        bound_by="dram",
        levels=tuple(
            LevelCount(
                level=level,
                tensor=tensor,
                reads=reads * scale,
                writes=writes * scale,
                tile_words=8,
                word_bits=16,
                effective_reads=float(reads * scale),
                effective_writes=float(writes * scale),
                energy=energy * scale,
            )
            for level, tensor, reads, writes, energy in counts
        ),
        networks=(
            NetworkCount(
                array="pe_array",
                tensor="inputs",
                sent=100,
                delivered=400,
                hops=0,
                returned=0,
                energy=200.0 * scale,
            ),
        ),
        timed_macs=100_000.0 * scale,
        effectual_macs=100_000.0 * scale,
        mac_energy=300.0 * scale,
        vector_energy=0.0,
        energy_unit=energy_unit,
        mapping=None,
    )


def make_vector_layer(
    name: str,
    kind: str,
    *,
    note: str = "",
    cycles: int = 0,
    energy_unit: str = "pJ",
    clock: float | None = 200.0,
) -> LayerReport:
    """A layer without MACs; if it takes cycles it moves 10 words over dram and spends 50 pJ."""
    levels = (
        LevelCount(
            level="dram",
            tensor="inputs",
            reads=6,
            writes=4,
            tile_words=6,
            word_bits=16,
            effective_reads=6.0,
            effective_writes=4.0,
            energy=40.0,
        ),
    )
    return LayerReport(
        name=name,
        kind=kind,
        macs=0,
        ops=10,
        cycles=cycles,
        compute_cycles=cycles,
        level_cycles=(),
        exposed_cycles=0,
        ramp_cycles=0,
        clock_mhz=clock,
        utilization=0.0,
        active_pes=0,
        bound_by="vector" if cycles else "",
        levels=levels if cycles else (),
        networks=(),
        timed_macs=0.0,
        effectual_macs=0.0,
        mac_energy=0.0,
        vector_energy=10.0 if cycles else 0.0,
        energy_unit=energy_unit,
        mapping=None,
        note=note,
    )


def make_report(
    *,
    batch: int = 1,
    scale: int = 1,
    energy_unit: str = "pJ",
    clock: float | None = 200.0,
    layers: tuple[LayerReport, ...] | None = None,
    network: str = "tiny",
    chip: str = "chip",
) -> Report:
    """Two convolutions, a fused activation and a pooling layer on a chip of 100 MAC units at 200 MHz."""
    if layers is None:
        layers = (
            make_conv("conv1", scale=scale, energy_unit=energy_unit, clock=clock),
            make_vector_layer("relu1", "relu", note="fused into conv1", energy_unit=energy_unit, clock=clock),
            make_vector_layer("pool1", "max_pool", cycles=1000, energy_unit=energy_unit, clock=clock),
            make_conv("conv2", scale=2 * scale, energy_unit=energy_unit, clock=clock),
        )
    return Report(
        network=network,
        chip=chip,
        dataflow="rs",
        objective="energy",
        fidelity="analytical",
        batch=batch,
        layers=layers,
        memories=MEMORIES,
        arrays=("pe_array",),
        peak_macs_per_cycle=100,
        energy_unit=energy_unit,
        clock_mhz=clock,
    )
