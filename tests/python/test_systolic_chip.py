"""A chip's systolic array, cycle by cycle: counts of the closed form, outputs of the reference, cycles."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import dnnaccel as da
from dnnaccel import _core
from dnnaccel._lower import lower_chip, lower_mapping, lower_problem
from dnnaccel.layers import LSTM, Conv2d, DepthwiseConv2d, Layer, Linear, MatMul
from dnnaccel.problem import ROLES, Problem, matmul
from nests import ArrayLevel, Case, CaseLevel, MemoryLevel
from nests_random import Seeded
from reference import Array, reference_outputs
from systolic_cases import HELD, SystolicCase, lower_systolic, random_systolic_case

BLOCK = 100


def operands(problem: Problem, seed: int) -> tuple[Array, Array]:
    """Random int8 inputs and weights in the order of their axes."""
    generator = np.random.default_rng(seed)
    shapes = [tuple(axis.size for axis in problem.tensor(role).axes) for role in ROLES[:2]]
    inputs, weights = (generator.integers(-128, 128, shape).astype(np.int8) for shape in shapes)
    return inputs, weights


def wanted_traffic(counts: _core.Counts, levels: tuple[CaseLevel, ...]) -> dict[tuple[int, int], Any]:
    """What the closed form says that the array's memory and those right above it do for the array."""
    depth = len(levels)
    grid = max(n for n, level in enumerate(levels) if isinstance(level, ArrayLevel))
    wanted = {}
    for r, role in enumerate(ROLES):
        keepers = [n for n, x in enumerate(levels) if isinstance(x, MemoryLevel) and role in x.keeps]
        for n in (max(k for k in keepers if k < grid), grid + 1):
            if n in keepers:
                count = counts.memories(depth)[n][r]
                # The memory above also fills from and drains to those above it.
                reads, writes = (0, 0) if n > grid else (count.drained, count.filled)
                wanted[n, r] = (count.reads - reads, count.writes - writes)
    return wanted


def differences(one: SystolicCase, seed: int) -> list[object]:
    """Everything in which the array differs from the closed form and from the reference."""
    problem, lowered = one.case.problem, lower_systolic(one)
    inputs, weights = operands(problem, seed)
    run = _core.simulate_systolic(*lowered, inputs, weights, activity=True)
    counted = _core.simulate_systolic(*lowered, activity=True)
    assert run is not None
    assert counted is not None
    counts = _core.evaluate(*lowered).counts
    found: list[object] = []
    if not np.array_equal(run["outputs"], reference_outputs(problem, inputs, weights)):
        found.append("outputs")
    if run["stationary"] != HELD[one.dataflow]:
        found.append(run["stationary"])
    for (n, r), wanted in wanted_traffic(counts, one.case.levels).items():
        given = (run["reads"][n][r], run["writes"][n][r])
        if given != wanted:
            found.append((one.case.levels[n].name, ROLES[r], given, wanted))
    found += [
        (name, "with values", run[name], "counted", counted[name])
        for name in ("cycles", "macs", "reads", "writes", "folds", "ramp")
        if run[name] != counted[name]
    ]
    if run["macs"] != problem.macs:
        found.append(("macs", run["macs"]))
    if not counts.steps <= run["cycles"] <= counts.steps + run["ramp"]:
        found.append(("cycles", run["cycles"], counts.steps, run["ramp"]))
    activity = run["activity"]
    if not (activity["active"] + sum(activity["stalled"].values()) == run["cycles"]).all():
        found.append("active and stalled cycles are not all cycles")
    if activity["active"].sum() != problem.macs or min(x.min() for x in activity["stalled"].values()) < 0:
        found.append("active cycles")
    return found


@pytest.mark.parametrize("block", range(8))
def test_counts_outputs_and_cycles_are_those_of_the_mapping(block: int) -> None:
    for seed in range(BLOCK * block, BLOCK * (block + 1)):
        one = random_systolic_case(Seeded(seed), 600)
        assert not (found := differences(one, seed)), f"seed {seed}: {found}\n{one}"


@pytest.mark.slow
@pytest.mark.parametrize("block", range(8, 24))
def test_counts_outputs_and_cycles_at_length(block: int) -> None:
    for seed in range(BLOCK * block, BLOCK * (block + 1)):
        one = random_systolic_case(Seeded(seed), 3000)
        assert not (found := differences(one, seed)), f"seed {seed}: {found}\n{one}"


def test_the_cases_cover_what_can_go_wrong() -> None:
    found: Counter[str] = Counter()
    for seed in range(BLOCK * 8):
        one = random_systolic_case(Seeded(seed), 600)
        run = _core.simulate_systolic(*lower_systolic(one))
        assert run is not None
        grid = next(x for x in one.case.levels if isinstance(x, ArrayLevel))
        register = one.case.levels[-1]
        level = len(one.case.levels) - 1
        found[one.dataflow] += 1
        found["double-buffered"] += one.double_buffered
        found["rows and columns"] += bool(grid.rows and grid.columns)
        found["several dims along an axis"] += (
            max(len({d for d, _ in x}) for x in (grid.rows, grid.columns)) > 1
        )
        found["imperfect spread"] += any(
            level is grid and extent % tile for level, _, extent, tile in one.case.splits()
        )
        found["many folds"] += run["folds"] > 10
        found["one fold"] += run["folds"] == 1
        found["sums that come back to elements"] += (
            one.dataflow == "os" and run["writes"][level][2] > one.case.problem.macs
        )
        found["loops inside the array"] += isinstance(register, MemoryLevel) and bool(register.loops)
        found["a stream that goes on outside"] += run["outer_loops"] < sum(
            extent > tile for level, _, extent, tile in one.case.splits() if level not in (grid, register)
        )
    assert min(found.values()) >= 20, found.most_common()[-3:]


def test_a_wrong_count_would_be_found() -> None:
    """An array that multicasts nothing reads its inputs once per column: not what was simulated."""
    one = next(
        one
        for seed in range(1000)
        if (one := random_systolic_case(Seeded(seed), 600)).dataflow == "ws"
        and any(isinstance(x, ArrayLevel) and x.columns for x in one.case.levels)
    )
    levels = tuple(
        replace(x, multicast=frozenset()) if isinstance(x, ArrayLevel) else x for x in one.case.levels
    )
    other = lower_systolic(replace(one, case=replace(one.case, levels=levels)))
    run = _core.simulate_systolic(*lower_systolic(one))
    assert run is not None
    wanted = wanted_traffic(_core.evaluate(*other).counts, levels)
    assert any((run["reads"][n][r], run["writes"][n][r]) != pair for (n, r), pair in wanted.items())


# ------------------------------------------------------------------------------------------------------------
# What an array cannot hold


def a_case(**changes: Any) -> SystolicCase:
    """A matrix product of 4 x 6 times 6 x 3 on a 3 x 3 array, weights stationary."""
    everything = frozenset(ROLES)
    grid: dict[str, Any] = {"name": "grid", "rows": (("C", 1),), "columns": (("M", 1),)}
    levels = (
        MemoryLevel(name="ram", keeps=everything, loops=changes.get("ram", (("C", 3),))),
        ArrayLevel(**{**grid, **changes.get("grid", {})}),
        MemoryLevel(
            name="register",
            keeps=changes.get("keeps", frozenset({"weights"})),
            loops=changes.get("register", (("P", 1),)),
        ),
    )
    problem = matmul(batch=1, rows=4, columns=3, inner=6)
    return SystolicCase(
        case=Case(problem=problem, levels=levels),
        dataflow="ws",
        double_buffered=changes.get("double_buffered", False),
    )


REFUSED = {
    "level register keeps more than one tensor in an element of grid": {
        "keeps": frozenset({"weights", "outputs"})
    },
    "no memory inside level grid keeps anything": {"keeps": frozenset()},
    "level grid.rows spreads P; where weights stay, rows go over dims that sums add over": {
        "grid": {"rows": (("P", 1),)},
        "register": (("C", 1),),
    },
    "level grid.columns spreads C; inputs pass from column to column": {
        "grid": {"rows": (), "columns": (("C", 1),)},
        "register": (("M", 1), ("P", 1)),
    },
    "level grid does not reduce over C, which its rows spread": {"grid": {"reduce": frozenset({"R"})}},
    "level grid does not multicast over M, which its columns spread": {"grid": {"multicast": frozenset("C")}},
    "inside level grid a loop runs over C; an element holds one word of the weights": {
        "grid": {"rows": (("C", 2),)},
        "register": (("C", 1), ("P", 1)),
    },
    "level grid forwards weights between elements": {"grid": {"forwards": frozenset({"weights"})}},
}


@pytest.mark.parametrize("sentence", sorted(REFUSED))
def test_what_the_array_cannot_hold_is_refused(sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence.replace(".", r"\.")):
        _core.simulate_systolic(*lower_systolic(a_case(**REFUSED[sentence])))


def test_operands_of_another_size_are_refused() -> None:
    lowered = lower_systolic(a_case())
    with pytest.raises(ValueError, match=r"inputs: 23 words, not the 24 of the problem"):
        _core.simulate_systolic(*lowered, np.zeros(23, np.int8), np.zeros(18, np.int8))
    with pytest.raises(ValueError, match=r"both inputs and weights, or neither"):
        _core.simulate_systolic(*lowered, np.zeros(24, np.int8))


# ------------------------------------------------------------------------------------------------------------
# Cycles by hand


def test_cycles_of_two_folds_by_hand() -> None:
    # Two folds of 3 x 3 (C 0..2 and 3..5) with 4 steps each. A fold: its tile shifts in for 3 cycles, then
    # the element at the far corner, 2 + 2 cycles behind the first, does its 4th product in cycle 3 + 4 + 3.
    alone = 3 + (4 + 3 + 3 - 2)
    run = _core.simulate_systolic(*lower_systolic(a_case()))
    assert run is not None
    assert (run["folds"], run["cycles"]) == (2, 2 * alone)
    # With a second register the other tile shifts in during the first stream, which takes longer (4 > 3), so
    # that the second stream follows at once.
    run = _core.simulate_systolic(*lower_systolic(a_case(double_buffered=True)))
    assert run is not None
    assert run["cycles"] == 3 + 4 + (4 + 3 + 3 - 2)
    # With a stream of one step the load is longer: the next tile is ready 3 cycles after the first started.
    short = a_case(double_buffered=True, ram=(("C", 3), ("P", 1)), register=())
    run = _core.simulate_systolic(*lower_systolic(short))
    assert run is not None
    assert run["folds"] == 2
    assert run["cycles"] == 3 + 4 + (4 + 3 + 3 - 2)  # P streams from outside all the same
    apart = a_case(double_buffered=True, ram=(("P", 1), ("C", 3)), register=())
    run = _core.simulate_systolic(*lower_systolic(apart))
    assert run is not None
    assert (run["folds"], run["cycles"]) == (8, 3 + 7 * 3 + (1 + 3 + 3 - 2))


# ------------------------------------------------------------------------------------------------------------
# Presets


LAYERS: tuple[Layer, ...] = (
    Conv2d(
        name="conv",
        inputs=("x",),
        out_channels=20,
        kernel=3,
        padding=1,
        stride=2,
        input_shapes=((2, 24, 7, 6),),
    ),
    DepthwiseConv2d(name="dw", inputs=("x",), kernel=3, input_shapes=((1, 8, 9, 9),)),
    Linear(name="fc", inputs=("x",), out_features=50, input_shapes=((3, 70),)),
    MatMul(name="product", inputs=("x", "y"), input_shapes=((4, 20, 33), (4, 33, 17))),
    LSTM(name="lstm", inputs=("x",), hidden_size=12, input_shapes=((2, 4, 8),)),
)


@pytest.mark.parametrize("chip", ["gemmini", "tpu_v1", "edge_tpu"])
@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
def test_a_mapping_that_the_mapper_found_runs_on_the_array(chip: str, layer: Layer) -> None:
    machine = da.arch.load(chip)
    mapping = da.search(layer, machine).mapping
    problem = layer.problem
    assert problem is not None
    lowered = (lower_problem(problem), lower_chip(machine), lower_mapping(mapping, machine, problem))
    inputs, weights = operands(problem, 3)
    waiting = sum(1 << problem.dims.index(dim) for dim in problem.waiting)
    run = _core.simulate_systolic(*lowered, inputs, weights, waiting=waiting)
    assert run is not None
    assert run["stationary"] == "weights"
    assert np.array_equal(run["outputs"], reference_outputs(problem, inputs, weights))
    counts = _core.evaluate(*lowered).counts
    assert run["macs"] == counts.macs
    assert counts.steps <= run["cycles"] <= counts.steps + run["ramp"]
    levels = tuple(
        MemoryLevel(name=part.name, keeps=frozenset(r for i, r in enumerate(ROLES) if keeps >> i & 1))
        if isinstance(part, da.arch.Memory)
        else ArrayLevel(name=part.name)
        for part, (_, keeps) in zip(machine.levels, lowered[2].levels, strict=True)
    )
    for (n, r), wanted in wanted_traffic(counts, levels).items():
        assert (run["reads"][n][r], run["writes"][n][r]) == wanted, (levels[n].name, ROLES[r])


def test_progress_may_stop_a_run() -> None:
    seen: list[tuple[int, int]] = []

    def stop(done: int, total: int) -> bool:
        seen.append((done, total))
        return False

    assert _core.simulate_systolic(*lower_systolic(a_case()), progress=stop) is None
    assert seen == [(0, 4 * 3 * 6)]
