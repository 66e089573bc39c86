"""The row-stationary array against the slow convolution, the closed form and itself."""

from __future__ import annotations

import json
import random
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from dnnaccel import _core, arch
from dnnaccel.errors import LayerError, MappingError
from dnnaccel.layers import Conv2d
from dnnaccel.problem import ROLES, convolution, matmul
from dnnaccel.sim import simulate_row_stationary
from dnnaccel.sim.row_stationary import RowTiming
from dnnaccel.trace import trace
from row_cases import RowCase, convolve, operands, random_case, zero_macs
from row_reference import LeftOut, Machine, Timing


def simulate(*lowered: Any, **given: Any) -> SimpleNamespace:
    """Run the core, and return what it found by name."""
    run = _core.simulate_row_stationary(*lowered, **given)
    assert run is not None
    found = SimpleNamespace(**{"outputs": None, **run}, **run["activity"])
    found.stalls = sum(run["activity"]["stalled"].values())
    found.active_elements = int((found.active > 0).sum())
    return found


LEVELS = ("dram", "glb", "filter_buffer", "array", "inputs", "weights", "outputs")
ABOVE = {"inputs": 1, "weights": 2, "outputs": 1}
INSIDE = {"inputs": 4, "weights": 5, "outputs": 6}


def cases(seed: int, count: int = 75) -> list[RowCase]:
    rng = random.Random(seed)
    return [random_case(rng) for _ in range(count)]


def random_timing(rng: random.Random) -> dict[str, Any]:
    return {
        "input_fifo": rng.choice([0, 1, 4, 16]),
        "sum_fifo": rng.choice([0, 1, 8, 32]),
        "pipeline": rng.choice([0, 1, 3]),
        "shift": rng.random() < 0.5,
        "shared_adder": rng.random() < 0.3,
    }


def expected_counts(found: _core.Counts, role: str) -> dict[str, tuple[int, int]]:
    """Reads and writes of the scratchpad, and what the array asks of the memory above."""
    memories, r = found.memories(len(LEVELS)), ROLES.index(role)
    inside, above = memories[INSIDE[role]][r], memories[ABOVE[role]][r]
    # What the memory above drains itself, or takes from its own parent, is no business of the array's.
    asked = (
        (above.reads - above.drained, above.writes - above.filled) if role == "outputs" else (above.reads, 0)
    )
    return {"inside": (inside.reads, inside.writes), "above": asked}


@pytest.mark.parametrize("seed", range(8))
def test_outputs_and_counts_are_exact(seed: int) -> None:
    rng, numbers = random.Random(seed), np.random.default_rng(seed)
    for case in cases(seed):
        lowered = case.lower()
        inputs, weights = operands(case, numbers)
        run = simulate(*lowered, inputs, weights, **random_timing(rng))
        closed = _core.evaluate(*lowered).counts
        assert np.array_equal(run.outputs, convolve(case, inputs, weights)), str(case)
        reads, writes = run.reads, run.writes
        for r, role in enumerate(ROLES):
            counts = {
                where: (reads[level[role]][r], writes[level[role]][r])
                for where, level in (("inside", INSIDE), ("above", ABOVE))
            }
            assert counts == expected_counts(closed, role), f"{role}\n{case}"
        assert (run.macs, run.active_elements) == (closed.macs, closed.active_macs), str(case)
        assert run.gated_macs == int(run.gated.sum()) == zero_macs(case, inputs), str(case)


@pytest.mark.parametrize("seed", range(4))
def test_every_cycle_of_every_element_has_a_reason(seed: int) -> None:
    rng = random.Random(seed)
    for case in cases(seed):
        run = simulate(*case.lower(), **random_timing(rng))
        assert (run.active + run.stalls == run.cycles).all(), str(case)
        assert all((cycles >= 0).all() for cycles in run.stalled.values()), str(case)
        assert run.active.sum() == run.macs
        works = run.active > 0
        assert (run.first[~works] == -1).all()
        assert (run.last - run.first + 1 >= run.active)[works].all()
        assert (run.last[works] < run.cycles).all()


@pytest.mark.parametrize("seed", range(4))
def test_cycles_are_above_the_nests_steps_and_the_buses(seed: int) -> None:
    rng = random.Random(100 + seed)
    for case in cases(100 + seed):
        lowered = case.lower()
        run = simulate(*lowered, **random_timing(rng))
        closed = _core.evaluate(*lowered).counts
        assert run.cycles >= closed.steps, str(case)
        networks = closed.networks(len(LEVELS))[3]
        for r, width in enumerate(case.words_per_cycle):
            if width is not None:
                assert run.cycles >= networks[r].sent / width, str(case)


@pytest.mark.parametrize("seed", range(4))
def test_with_free_networks_only_the_ramp_of_each_pass_is_left(seed: int) -> None:
    """A pass: one cycle for all words, bursts back to back, then the last sums go up a column and out."""
    for drawn in cases(200 + seed):
        case = replace(drawn, words_per_cycle=(None, None, None), spare_words=None)
        lowered = case.lower()
        pipeline = 3
        run = simulate(*lowered, pipeline=pipeline, shift=False)
        steps = _core.evaluate(*lowered).counts.steps
        ramp = 1 + pipeline + case.rows * case.columns + case.problem.bounds["M"]
        assert steps <= run.cycles <= steps + passes(case) * ramp, str(case)


@pytest.mark.parametrize("seed", range(5))
def test_cycles_are_those_of_a_machine_that_is_stepped(seed: int) -> None:
    rng, compared = random.Random(300 + seed), 0
    for drawn in cases(300 + seed, 120):
        whole = ((None, None, None), (1.0, 4.0, 4.0), (2.0, 1.0, 2.0), (1.0, 2.0, 1.0))
        case = replace(drawn, words_per_cycle=rng.choice(whole))
        shared = rng.random() < 0.3
        timing = Timing(
            input_fifo=rng.choice([0, 1, 4, 16]),
            sum_fifo=rng.choice([0, 1, 8, 32]),
            pipeline=0 if shared else rng.choice([1, 2, 3]),
            shift=rng.random() < 0.5,
            shared_adder=shared,
        )
        try:
            cycles = Machine(case, timing).run()
        except LeftOut:
            continue
        compared += 1
        assert simulate(*case.lower(), **asdict(timing)).cycles == cycles, (
            f"{timing} {case.words_per_cycle} {case.spare_words}\n{case}"
        )
    assert compared > 30


@pytest.mark.slow
@pytest.mark.parametrize("shared", [False, True])
def test_the_stepped_machine_agrees_on_the_whole_array(shared: bool) -> None:
    """Eyeriss' array as it runs AlexNet's conv4 and conv5, on an image of three columns."""
    case = RowCase(
        problem=convolution(
            batch=1,
            groups=1,
            out_channels=64,
            in_channels=12,
            out_size=(13, 3),
            in_size=(13, 3),
            kernel=(3, 3),
            padding=(1, 1),
        ),
        stride=(1, 1),
        dilation=(1, 1),
        padding=(1, 1),
        loops={
            "dram": [("C", 6, 0)],
            "glb": [("M", 32, 0)],
            "filter_buffer": [("Q", 1, 0)],
            "array": [("M", 16, 0), ("C", 3, 0), ("R", 1, 0), ("P", 1, 1)],
            "outputs": [("C", 1, 0), ("S", 1, 0), ("M", 1, 0)],
        },
        words_per_cycle=(1.0, 4.0, 4.0),
        spare_words=3,
        rows=12,
        columns=14,
    )
    timing = Timing(input_fifo=16, sum_fifo=32, pipeline=0 if shared else 3, shift=True, shared_adder=shared)
    run = simulate(*case.lower(), **asdict(timing))
    assert run.active_elements == 156
    assert run.cycles == Machine(case, timing).run()


def passes(case: RowCase) -> int:
    """How often the loops outside the innermost ones over N and Q go round, rounded up."""
    outside = [loop for level in ("dram", "glb", "filter_buffer") for loop in case.loops[level]]
    extents, trips = dict(case.problem.bounds), []
    for dim, step, _ in outside:
        trips.append(-(-extents[dim] // step) if step < extents[dim] else 1)
        extents[dim] = min(extents[dim], step)
    while outside and (outside[-1][0] in "NQ" or trips[-1] == 1):
        outside.pop()
        trips.pop()
    return int(np.prod(trips, initial=1))


def test_time_does_not_depend_on_values_or_on_counting_alone() -> None:
    numbers = np.random.default_rng(5)
    for case in cases(5, 20):
        lowered = case.lower()
        alone = simulate(*lowered)
        for zeros in (0.0, 0.9):
            run = simulate(*lowered, *operands(case, numbers, zeros))
            assert (run.cycles, run.macs) == (alone.cycles, alone.macs)
            assert (run.reads, run.writes) == (alone.reads, alone.writes)
        assert alone.outputs is None
        assert alone.gated_macs == 0


def test_floats_are_right_to_rounding() -> None:
    numbers = np.random.default_rng(6)
    for case in cases(6, 20):
        inputs, weights = operands(case, numbers)
        run = simulate(*case.lower(), inputs.astype(np.float32), weights.astype(np.float32))
        assert run.outputs.dtype == np.float32
        np.testing.assert_allclose(run.outputs, convolve(case, inputs, weights), rtol=1e-5, atol=0.5)


def test_sums_wrap_around_in_32_bits() -> None:
    case = next(case for case in cases(7, 50) if case.problem.bounds["C"] > 2)
    inputs, weights = operands(case, np.random.default_rng(7))
    inputs[:], weights[:] = 2**31 - 1, 2**31 - 1
    run = simulate(*case.lower(), inputs, weights)
    taps = (simulate(*case.lower(), inputs // inputs, weights // weights)).outputs
    # (2^31 - 1)^2 is 1 in 32 bits.
    assert np.array_equal(run.outputs, taps)


def test_matrix_products_are_rows_of_one_tap() -> None:
    problem = matmul(batch=2, rows=3, columns=4, inner=5)
    case = RowCase(
        problem=problem,
        stride=(1, 1),
        dilation=(1, 1),
        padding=(0, 0),
        loops={
            "dram": [("G", 1, 0), ("C", 2, 0)],
            "glb": [],
            "filter_buffer": [],
            "array": [("M", 2, 0), ("P", 1, 1)],
            "outputs": [("M", 1, 0), ("C", 1, 0)],
        },
        words_per_cycle=(1.0, 4.0, 4.0),
        spare_words=0,
        rows=2,
        columns=3,
    )
    numbers = np.random.default_rng(9)
    left = numbers.integers(-9, 9, (2, 3, 5)).astype(np.int32)
    right = numbers.integers(-9, 9, [axis.size for axis in problem.tensor("weights").axes]).astype(np.int32)
    run = simulate(*case.lower(), left, right)
    assert np.array_equal(run.outputs.swapaxes(1, 2), left @ right)
    assert run.active_elements == 6


def test_wider_buses_never_make_it_slower() -> None:
    for case in cases(8, 60):
        narrow = simulate(*replace(case, words_per_cycle=(1.0, 1.0, 1.0)).lower())
        wide = simulate(*replace(case, words_per_cycle=(4.0, 4.0, 4.0)).lower())
        assert wide.cycles <= narrow.cycles, str(case)


# ------------------------------------------------------------------------------------------------------------
# The Python front

NEST = """
dram [inputs, weights, outputs]
for M step 4
glb [inputs, outputs]
filter_buffer [weights]
for Q step 1
pe_array.rows
par R step 1
pe_array.columns
par P step 1
ifmap_spad [inputs]
filter_spad [weights]
psum_spad [outputs]
for C step 1
for S step 1
for M step 1
"""


def layer() -> Conv2d:
    return Conv2d(name="conv", input_shapes=((1, 2, 8, 8),), out_channels=8, kernel=(3, 3), padding=(1, 1))


def test_a_run_says_what_was_done() -> None:
    rng = np.random.default_rng(0)
    inputs = rng.integers(-9, 9, (1, 2, 8, 8), dtype=np.int8)
    weights = rng.integers(-9, 9, (8, 2, 3, 3), dtype=np.int8)
    told: list[tuple[int, int, str]] = []
    run = simulate_row_stationary(
        layer(),
        arch.load("eyeriss"),
        NEST,
        inputs=inputs,
        weights=weights,
        progress=lambda done, total, what: told.append((done, total, what)),
    )
    assert run.macs == layer().macs
    assert run.active_pes == 24
    assert run.seconds == run.cycles / 200e6
    assert told[0] == (0, run.macs, "conv")
    assert told[-1] == (run.macs, run.macs, "conv")
    assert run.outputs is not None
    assert run.outputs.shape == (1, 1, 8, 8, 8)
    padded = np.pad(inputs.astype(int), ((0, 0), (0, 0), (1, 1), (1, 1)))
    seen = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    assert np.array_equal(run.outputs[:, 0], np.einsum("ncpqrs,mcrs->nmpq", seen, weights.astype(int)))
    assert run.passes == 2
    assert run.activity.active.shape == (12, 14)
    assert sum(run.activity.stalled().values()) + run.utilization == pytest.approx(1)
    spads = {count.level: count for count in run.counts}
    assert spads["filter_spad"].reads == run.macs
    plain = run.to_dict()
    assert plain["counts"][0] == {"level": "glb", "tensor": "inputs", "reads": 256, "writes": 0}
    assert run.to_csv().startswith("level,tensor,reads,writes\nglb,inputs,256,0\n")
    assert '"cycles": ' in run.to_json()
    assert "conv" in repr(run)


def refused(nest: str, what: str, **given: Any) -> None:
    with pytest.raises((MappingError, LayerError), match=what):
        simulate_row_stationary(layer(), arch.load("eyeriss"), nest, **given)


def test_refusals_name_level_dim_and_what_is_right() -> None:
    spread = NEST.replace("for Q step 1\n", "for P step 1\n").replace("par P step 1", "par Q step 1")
    refused(
        spread,
        r"level pe_array\.columns: Q is spread there; rows take R, G, C, M and P, columns P, G, C and M",
    )
    inside = NEST.replace("for Q step 1\n", "").replace("for C step 1", "for Q step 1\nfor C step 1")
    refused(inside, "Q runs inside an element; only C, S and M do")
    between = NEST.replace("filter_spad [weights]", "for M step 1\nfilter_spad [weights]")
    refused(between, "M runs above the storage of level filter_spad")
    without = NEST.replace("ifmap_spad [inputs]", "ifmap_spad []")
    refused(without, "no level below the array keeps inputs; an element needs a scratchpad for inputs")
    with pytest.raises(MappingError, match="whole number"):
        RowTiming(input_fifo=-1)


def test_values_of_another_shape_or_type_are_refused() -> None:
    inputs, weights = np.zeros((1, 2, 8, 8), np.int8), np.zeros((8, 2, 3, 3), np.int8)
    refused(NEST, "given together", inputs=inputs)
    refused(NEST, r"inputs have shape \(1, 2, 8\); \(1, 1, 2, 8, 8\)", inputs=inputs[..., 0], weights=weights)
    refused(NEST, "weights are of type float64", inputs=inputs, weights=weights * 0.5)
    refused(NEST, "do not fit 32 bits", inputs=inputs + np.int64(2**40), weights=weights)


def test_progress_can_raise() -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate_row_stationary(layer(), arch.load("eyeriss"), NEST, progress=stop)


def test_a_trace_shows_every_pass(tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    run = simulate_row_stationary(layer(), arch.load("eyeriss"), NEST)
    summary = trace(layer(), arch.load("eyeriss"), path, mapping=NEST)
    assert (summary.cycles, summary.folds, summary.truncated) == (run.cycles, run.passes, False)
    events = json.loads(path.read_text())["traceEvents"]
    bursts = [event for event in events if event["name"] == "bursts"]
    assert sum(event["args"]["macs"] for event in bursts) == run.macs
    assert [event["args"]["positions"] for event in bursts] == [8] * run.passes
    assert sum(event["name"] == "load" for event in events) == run.passes
    assert sum(event["name"] == "drain" for event in events) == run.passes
