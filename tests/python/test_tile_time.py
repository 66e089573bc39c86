"""The tile-level simulator: its counts are the closed form's, and its time is that of a schedule."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest

import dnnaccel as da
from dnnaccel import _core, arch, dram, zoo
from dnnaccel.cost import LayerReport
from dnnaccel.problem import Axis, Problem, Tensor
from dnnaccel.sim import simulate_tiles
from interrupting import interrupt
from nests import (
    ArrayLevel,
    Case,
    MemoryLevel,
    Speed,
    Speeds,
    count_table,
    count_values,
    explain,
    lower,
)
from nests_random import Seeded, random_case

ALL = frozenset({"inputs", "weights", "outputs"})

# ------------------------------------------------------------------------------------------------------------
# Counts


def check_counts(seed: int, max_macs: int) -> None:
    case = random_case(Seeded(seed), max_macs)
    lowered = lower(case)
    tiled, closed = _core.simulate_tiles(*lowered).counts, _core.evaluate(*lowered).counts
    if count_values(case, tiled) != count_values(case, closed):
        tables = (count_table(case, tiled), count_table(case, closed))
        pytest.fail(f"seed {seed}\n{explain(case, *tables, ('tiles', 'closed form'))}")


@pytest.mark.parametrize("block", range(6))
def test_the_words_of_all_steps_add_up_to_the_closed_form(block: int) -> None:
    for seed in range(1000 * block, 1000 * (block + 1)):
        check_counts(seed, 800)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(6, 66))
def test_the_words_of_all_steps_add_up_to_the_closed_form_at_length(block: int) -> None:
    for seed in range(1000 * block, 1000 * (block + 1)):
        check_counts(seed, 20_000 if seed % 50 == 0 else 1500)


# ------------------------------------------------------------------------------------------------------------
# Time


def random_speeds(case: Case, seed: int) -> Speeds:
    """Return bandwidths from a twentieth of a word to 20 words a cycle, or none, for every level."""
    draw = random.Random(seed)

    def rate(chance: float) -> float | None:
        return 20 ** draw.uniform(-1, 1) if draw.random() < chance else None

    speeds = {}
    for level in case.levels:
        if isinstance(level, ArrayLevel):
            speeds[level.name] = Speed(network=rate(0.4))
            continue
        shared = rate(0.4)
        speeds[level.name] = Speed(
            read=rate(0.5) if shared is None else None,
            write=rate(0.5) if shared is None else None,
            shared=shared,
            buffering=draw.choice(["single", "double", "stream"]),
        )
    return speeds


@pytest.mark.parametrize("block", range(4))
def test_a_schedule_is_never_shorter_than_its_busiest_part(block: int) -> None:
    """And what it takes is what the MACs take, and their stalls, to the last tick."""
    for seed in range(500 * block, 500 * (block + 1)):
        case = random_case(Seeded(seed), 800)
        lowered = lower(case, random_speeds(case, seed))
        tiled, cost = _core.simulate_tiles(*lowered), _core.evaluate(*lowered).cost
        bound = max(cost.compute_cycles, *cost.level_cycles(len(case.levels)))
        assert tiled.cycles >= bound * (1 - 1e-12), (seed, case)
        lost = sum(one.cycles for one in tiled.lost)
        assert tiled.cycles == pytest.approx(tiled.compute_cycles + lost, rel=1e-12), seed
        assert all(one.cycles > 0 for one in tiled.lost)


def test_without_limits_nothing_stalls_and_the_time_is_the_closed_forms() -> None:
    for seed in range(500):
        lowered = lower(random_case(Seeded(seed), 800))
        tiled, cost = _core.simulate_tiles(*lowered), _core.evaluate(*lowered).cost
        assert tiled.lost == []
        assert tiled.cycles == tiled.compute_cycles == cost.cycles


@pytest.mark.parametrize("buffering", ["double", "stream"])
def test_where_only_the_ends_stall_the_rest_is_the_closed_forms_bound(buffering: str) -> None:
    """Wide enough ports hide all transfers but the first and the last: what is left is the MACs' time."""
    hidden = 0
    for seed in range(400):
        case = random_case(Seeded(seed), 800)
        speeds = {level.name: Speed(read=50.0, write=50.0, buffering=buffering) for level in case.levels}
        lowered = lower(case, speeds)
        tiled, cost = _core.simulate_tiles(*lowered), _core.evaluate(*lowered).cost
        ends = sum(one.cycles for one in tiled.lost if one.wait in (_core.Wait.fill, _core.Wait.drain))
        if all(one.wait in (_core.Wait.fill, _core.Wait.drain) for one in tiled.lost):
            assert tiled.cycles - ends == cost.compute_cycles
            hidden += cost.bound_by < 0  # the closed form's bound is the MACs' time, too
    assert hidden > 50


def matvec(*, buffer: frozenset[str]) -> Case:
    """Three outputs of four products each, one output after another; a memory keeps some tensors of it."""
    outputs, products = Axis(terms=(("M", 1),), size=3), Axis(terms=(("C", 1),), size=4)
    problem = Problem(
        bounds={"M": 3, "C": 4},
        tensors=(
            Tensor(name="inputs", role="inputs", axes=(products,)),
            Tensor(name="weights", role="weights", axes=(outputs, products)),
            Tensor(name="outputs", role="outputs", axes=(outputs,)),
        ),
    )
    levels = (
        MemoryLevel(name="ram", keeps=ALL, loops=(("M", 1),)),
        MemoryLevel(name="buffer", keeps=buffer, loops=(("C", 1),)),
    )
    return Case(problem=problem, levels=levels)


def timed(case: Case, *latency: float, **speeds: Speed) -> tuple[float, dict[str, float]]:
    tiled = _core.simulate_tiles(*lower(case, speeds), None, latency)
    return tiled.cycles, {one.wait.name: one.cycles for one in tiled.lost}


# A tile of weights is 4 words, and the MACs work on it for 4 cycles.
@pytest.mark.parametrize(
    ("write", "buffering", "cycles", "lost"),
    [
        # 4 to fill, then each next tile comes in while the MACs work.
        (1.0, "double", 4 + 3 * 4, {"fill": 4}),
        (1.0, "stream", 4 + 3 * 4, {"fill": 4}),
        # Fill and work take turns.
        (1.0, "single", 3 * (4 + 4), {"fill": 4, "refill": 2 * 4}),
        # 8 to fill: the MACs wait for half of that each time.
        (0.5, "double", 3 * 8 + 4, {"fill": 8, "bandwidth": 2 * 4}),
        (0.5, "single", 3 * (8 + 4), {"fill": 8, "refill": 2 * 8}),
    ],
)
def test_operands_by_hand(write: float, buffering: str, cycles: float, lost: dict[str, float]) -> None:
    case = matvec(buffer=frozenset({"weights"}))
    assert timed(case, buffer=Speed(write=write, buffering=buffering)) == (cycles, lost)


# An output is 1 word and leaves in 10 cycles; the MACs take 4 for each.
@pytest.mark.parametrize(
    ("buffering", "cycles", "lost"),
    [
        # Work 0-4, 4-8; the first output leaves 4-14, and its place is needed then: work 14-18. The others
        # leave 14-24 and 24-34.
        ("double", 34, {"bandwidth": 6, "drain": 16}),
        ("single", 3 * (4 + 10), {"refill": 20, "drain": 10}),
    ],
)
def test_outputs_by_hand(buffering: str, cycles: float, lost: dict[str, float]) -> None:
    case = matvec(buffer=frozenset({"outputs"}))
    found, stalls = timed(case, ram=Speed(write=0.1), buffer=Speed(buffering=buffering))
    assert found == pytest.approx(cycles, abs=0.01)
    assert stalls == pytest.approx(lost, abs=0.01)


def test_latency_by_hand() -> None:
    """Each tile is asked for when the one before comes into use: 5 until its first word, then 4 more."""
    case = matvec(buffer=frozenset({"weights"}))
    speed = Speed(write=1.0, buffering="double")
    assert timed(case, 5.0, 0.0, buffer=speed) == (9 + 4 + 5 + 4 + 5 + 4, {"fill": 9, "bandwidth": 10})


def test_macs_wait_for_a_port_that_gives_half_of_what_they_ask_for() -> None:
    case = matvec(buffer=frozenset({"weights"}))
    assert timed(case, buffer=Speed(read=0.5)) == (24, {"port": 12})


# ------------------------------------------------------------------------------------------------------------
# The package's face


def timeless(report: LayerReport) -> LayerReport:
    """Return a report with nothing in it that has to do with time."""
    return replace(
        report,
        cycles=1,
        bound_by="",
        bound_port="",
        exposed_cycles=0,
        ramp_cycles=0,
        utilization=0.0,
        leakage_energy=0.0,
        fidelity="",
        stalls=(),
    )


@pytest.mark.parametrize("chip", ["eyeriss", "tpu_v1", "nvdla_small", "shidiannao"])
def test_a_network_costs_the_same_and_takes_its_time(chip: str) -> None:
    net = zoo.load("lenet5")
    closed, tile = (da.simulate(net, chip, fidelity=fidelity) for fidelity in ("analytical", "tile"))
    assert tile.fidelity == "tile"
    assert tile.energy == pytest.approx(closed.energy, rel=1e-12)
    for one, other in zip(tile, closed, strict=True):
        if not one.macs:
            assert one == other
            continue
        assert timeless(one) == timeless(other)
        assert one.cycles >= max(other.compute_cycles, *(cycles for _, cycles in other.level_cycles)) - 1
        lost = sum(stall.cycles for stall in one.stalls)
        assert one.cycles == math.ceil(round(one.compute_cycles + lost, 6))
    assert "MACs at" in str(tile)
    assert "most for" not in str(closed)
    assert any(layer["stalls"] for layer in tile.to_dict()["layers"])
    assert "stall.fill.cycles" in tile.to_csv()
    assert "stall." not in closed.to_csv()
    assert "MACs at" in tile.to_html()


def test_the_blame_names_levels_and_ports() -> None:
    """A fully connected layer on Eyeriss waits for its weights, which come over the DRAM's one port."""
    layer = zoo.load("alexnet")["fc8"]
    chip = arch.load("eyeriss")
    report = simulate_tiles(layer, chip, da.search(layer, chip).mapping)
    worst = max(report.stalls, key=lambda stall: stall.cycles)
    assert (worst.cause, worst.owner, worst.port) == ("bandwidth", "dram", "shared")
    assert worst.cycles > 0.5 * report.cycles
    assert (report.bound_by, report.bound_port, report.bound_margin) == ("dram", "shared", None)


def test_latency_of_a_memory_shows_in_time_only() -> None:
    layer = zoo.load("lenet5")["conv1"]
    chip = arch.load("eyeriss")
    mapping = da.search(layer, chip).mapping
    slow = chip.override({"dram.latency_cycles": 1000})
    before, after = (simulate_tiles(layer, one, mapping) for one in (chip, slow))
    assert after.cycles >= before.cycles + 1000
    assert after.energy == before.energy


def test_a_dram_times_the_outermost_memory_and_nothing_else() -> None:
    """A fully connected layer reads its weights as fast as the DRAM gives them, and no faster."""
    layer = zoo.load("alexnet")["fc8"]
    chip = arch.load("tpu_v1")
    mapping = da.search(layer, chip).mapping
    plain = simulate_tiles(layer, chip, mapping)
    for name in dram.names():
        timed = simulate_tiles(layer, chip, mapping, dram=name)
        found = timed.dram
        assert found is not None
        assert timeless(replace(timed, dram=None)) == timeless(plain)
        assert found.bytes == plain.traffic("dram", unit="bytes")
        seconds = timed.seconds
        assert seconds is not None
        assert found.bytes / seconds < dram.load(name).peak_gb_per_s * 1e9
        assert found.row_hit_rate > 0.9
    slow, fast = (simulate_tiles(layer, chip, mapping, dram=one) for one in ("lpddr4_3200", "ddr4_3200"))
    assert slow.cycles > 1.5 * fast.cycles


def test_a_dram_is_refused_where_it_makes_no_sense() -> None:
    layer = zoo.load("lenet5")["conv1"]
    with pytest.raises(da.DnnAccelError, match="fidelity='tile'"):
        da.simulate(layer, "eyeriss", dram="ddr4_2400")
    with pytest.raises(da.UnknownNameError, match="did you mean 'ddr4_2400'"):
        da.simulate(layer, "eyeriss", dram="ddr4_240", fidelity="tile")
    chip = replace(arch.load("eyeriss"), clock_mhz=None)
    mapping = da.search(layer, chip).mapping
    with pytest.raises(da.DnnAccelError, match="states no clock"):
        simulate_tiles(layer, chip, mapping, dram="ddr4_2400")


def test_a_mapping_that_does_not_fit_is_refused_as_in_closed_form() -> None:
    layer = zoo.load("alexnet")["conv2"]
    chip = arch.load("eyeriss").override({"glb.size_bytes": 64})
    mapping = da.search(layer, arch.load("eyeriss")).mapping
    with pytest.raises(da.MappingError, match=r"layer 'conv2' on eyeriss: level glb needs"):
        simulate_tiles(layer, chip, mapping)


def test_a_dim_of_too_many_tiles_is_refused_and_takes_no_memory() -> None:
    layer = da.layers.Linear(name="fc", input_shapes=((1, 8),), out_features=50_000_000)
    chip = arch.load("example")
    nest = "\n".join(
        [
            "dram [inputs, weights, outputs]",
            "for M in 0..50000000 step 1",
            "glb [inputs, weights, outputs]",
            "for C in 0..8 step 1",
            "pe_array.rows",
            "pe_array.columns",
            "rf [inputs, weights, outputs]",
        ]
    )
    with pytest.raises(da.MappingError, match="steps through at most 4194304 tiles of a dim"):
        simulate_tiles(layer, chip, nest)


def test_an_unknown_fidelity_is_told_the_nearest() -> None:
    with pytest.raises(da.UnknownNameError, match="did you mean 'tile'"):
        da.simulate("lenet5", "eyeriss", fidelity="tiles")


LONG = """
import dnnaccel as da
from dnnaccel.sim import simulate_tiles
layer = da.layers.Linear(name="fc", input_shapes=((512, 1024),), out_features=1024)
chip = da.arch.load("shidiannao")
mapping = da.search(layer, chip).mapping
said = []
def progress(done, total, what):
    if not said:
        said.append(print("ready", flush=True))
while True:
    simulate_tiles(layer, chip, mapping, progress=progress)
"""


def test_ctrl_c_ends_a_long_simulation() -> None:
    ended = interrupt(LONG, wait=0.2)
    assert ended.seconds < 1.5
    assert "KeyboardInterrupt" in ended.err
