"""Tiles that carry real numbers: outputs equal the reference, and what was moved equals the closed form."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import dnnaccel as da
from dnnaccel import _core, mapper
from dnnaccel.layers import LSTM, Conv2d, DepthwiseConv2d, Layer, Linear, MatMul, ReLU
from dnnaccel.sim import random_tensors, run_values, tensor_shapes
from interrupting import interrupt
from nests import Case, MemoryLevel, count_table, count_values, explain, lower
from nests_random import Seeded, random_case
from nests_shrink import shrink
from reference import reference_outputs

Array = NDArray[Any]

QUICK = {"exhaustive_limit": 200, "starts": 1, "proposals": 300}
BLOCK = 500  # cases of one test: each block is named, and the seeds with it


def simulated(case: Case, dtype: str = "int8") -> tuple[Array, _core.Counts, Array, Array]:
    """Outputs and counts of a case with random tensors, and the tensors."""
    inputs, weights = random_tensors(case.problem, seed=len(str(case)), dtype=dtype)
    outputs, counts, finished = _core.simulate_values(*lower(case), inputs, weights)
    assert finished
    return outputs, counts, inputs, weights


def wrong_values(case: Case) -> bool:
    outputs, _, inputs, weights = simulated(case)
    return not np.array_equal(outputs, reference_outputs(case.problem, inputs, weights))


def wrong_counts(case: Case) -> bool:
    closed = _core.evaluate(*lower(case)).counts
    return count_values(case, simulated(case)[1]) != count_values(case, closed)


def check_seed(seed: int, max_macs: int) -> None:
    case = random_case(Seeded(seed), max_macs)
    if wrong_values(case):
        pytest.fail(f"seed {seed}: other outputs than the reference\n{shrink(case, wrong_values)}")
    if wrong_counts(case):
        case = shrink(case, wrong_counts)
        moved, closed = simulated(case)[1], _core.evaluate(*lower(case)).counts
        tables = count_table(case, moved), count_table(case, closed)
        pytest.fail(f"seed {seed}:\n{explain(case, *tables, ('moved', 'closed form'))}")


# 4,000 cases by default, and 8,000 more, of which some are larger, with -m slow.
@pytest.mark.parametrize("block", range(8))
def test_outputs_and_counts_of_random_nests(block: int) -> None:
    for seed in range(BLOCK * block, BLOCK * (block + 1)):
        check_seed(seed, 300)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(8, 24))
def test_outputs_and_counts_of_random_nests_at_length(block: int) -> None:
    for seed in range(BLOCK * block, BLOCK * (block + 1)):
        check_seed(seed, 8000 if seed % 20 == 0 else 600)


@pytest.mark.parametrize("block", range(2))
def test_floats_are_right_to_rounding(block: int) -> None:
    for seed in range(100 * block, 100 * (block + 1)):
        case = random_case(Seeded(seed), 400)
        outputs, _, inputs, weights = simulated(case, "float32")
        assert outputs.dtype == np.float32
        exact = reference_outputs(case.problem, inputs, weights)
        terms = case.problem.macs // case.problem.tensor("outputs").words
        # Every product and every addition of one sum may be off by half a unit in the last place.
        size = reference_outputs(case.problem, abs(inputs), abs(weights))
        assert (abs(outputs - exact) <= (terms + 1) * 2.0**-24 * size + 1e-30).all(), str(case)


def test_int32_wraps_around_and_holds_what_int8_does_not() -> None:
    case = random_case(Seeded(7), 400)
    inputs, weights = random_tensors(case.problem, seed=1, dtype="int32")
    outputs, _, _ = _core.simulate_values(*lower(case), inputs, weights)
    assert np.array_equal(outputs, reference_outputs(case.problem, inputs, weights))
    big = np.full_like(inputs, 2**30), np.full_like(weights, 4)
    outputs, _, _ = _core.simulate_values(*lower(case), *big)
    assert np.array_equal(outputs, reference_outputs(case.problem, *big).astype(np.int32))


# ------------------------------------------------------------------------------------------------------------
# The comparison can fail


def test_one_wrong_word_is_seen() -> None:
    """A word that is changed on its way changes the outputs: the reference of the others is not met."""
    seen = 0
    for seed in range(60):
        case = random_case(Seeded(seed), 300)
        outputs, _, inputs, weights = simulated(case)
        if not reference_outputs(case.problem, inputs != 0, weights != 0).any():
            continue  # nothing but padding
        changed = weights.astype(np.int32)
        changed.flat[seed % changed.size] += 1
        other = reference_outputs(case.problem, inputs.astype(np.int32), changed)
        if not np.array_equal(other, reference_outputs(case.problem, inputs, weights)):
            seen += 1
            assert not np.array_equal(outputs, other)
            again, _, _ = _core.simulate_values(*lower(case), inputs.astype(np.int32), changed)
            assert np.array_equal(again, other)
    assert seen > 30


def test_one_wrong_rule_is_seen() -> None:
    """Networks that can do less, or more, than the closed form believes: many counts differ."""
    differ = 0
    for seed in range(100):
        case = random_case(Seeded(seed), 300)
        other = replace(
            case,
            levels=tuple(
                level
                if isinstance(level, MemoryLevel)
                else replace(level, multicast=frozenset(), reduce=frozenset(), forwards=frozenset())
                for level in case.levels
            ),
        )
        closed = _core.evaluate(*lower(other)).counts
        differ += count_values(case, simulated(case)[1]) != count_values(case, closed)
    assert differ > 30


# ------------------------------------------------------------------------------------------------------------
# Layers on chips


def check_layer(layer: Layer, chip: str) -> None:
    problem = layer.problem
    assert problem is not None
    loaded = da.arch.load(chip)
    mapping = da.search(layer, loaded).mapping
    inputs, weights = random_tensors(layer, seed=3)
    run = run_values(layer, loaded, mapping, inputs, weights)
    axes = [tuple(axis.size for axis in problem.tensor(role).axes) for role in ("inputs", "weights")]
    if layer.kind == "lstm":  # its problem has the steps last
        inputs = inputs.transpose(0, 2, 1)
    wanted = reference_outputs(problem, inputs.reshape(axes[0]), weights.reshape(axes[1]))
    if layer.kind in ("lstm", "matmul"):
        wanted = wanted.swapaxes(1, 2)
    assert np.array_equal(run.outputs, wanted.reshape(run.outputs.shape))
    analytical = da.evaluate(layer, loaded, mapping)
    assert run.report == analytical


@pytest.mark.parametrize("chip", da.arch.names())
def test_lenet_on_a_chip(chip: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapper, "_EFFORT", QUICK)
    for layer in da.zoo.load("lenet5").layers:
        if layer.problem is not None:
            check_layer(layer, chip)


LAYERS: list[Layer] = [
    Conv2d(
        name="grouped",
        input_shapes=((2, 6, 11, 9),),
        out_channels=9,
        kernel=(3, 2),
        stride=(2, 3),
        padding=(2, 1),
        dilation=(2, 1),
        groups=3,
    ),
    Conv2d(name="gaps", input_shapes=((1, 3, 13, 13),), out_channels=4, kernel=2, stride=3),
    DepthwiseConv2d(name="depthwise", input_shapes=((1, 8, 7, 7),), kernel=3, padding=1, multiplier=2),
    Linear(name="linear", input_shapes=((2, 5, 12),), out_features=7),
    MatMul(name="scores", input_shapes=((2, 3, 5, 4), (2, 3, 4, 6))),
    LSTM(name="lstm", input_shapes=((2, 3, 5),), hidden_size=4),
]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: str(layer.name))
@pytest.mark.parametrize("chip", ["example", "eyeriss"])
def test_every_kind_of_layer(layer: Layer, chip: str) -> None:
    check_layer(layer, chip)


def test_natural_shapes() -> None:
    assert [tensor_shapes(layer) for layer in LAYERS] == [
        {"inputs": (2, 6, 11, 9), "weights": (9, 2, 3, 2), "outputs": (2, 9, 6, 4)},
        {"inputs": (1, 3, 13, 13), "weights": (4, 3, 2, 2), "outputs": (1, 4, 4, 4)},
        {"inputs": (1, 8, 7, 7), "weights": (16, 1, 3, 3), "outputs": (1, 16, 7, 7)},
        {"inputs": (2, 5, 12), "weights": (7, 12), "outputs": (2, 5, 7)},
        {"inputs": (2, 3, 5, 4), "weights": (2, 3, 4, 6), "outputs": (2, 3, 5, 6)},
        {"inputs": (2, 3, 9), "weights": (16, 9), "outputs": (2, 3, 16)},
    ]


@pytest.mark.parametrize("layer", [LAYERS[3], LAYERS[4]], ids=lambda layer: str(layer.name))
def test_products_are_those_of_numpy(layer: Layer) -> None:
    """Without the problem in between: the shapes mean what people think they do."""
    chip = da.arch.load("example")
    left, right = random_tensors(layer, seed=5, dtype="int32")
    run = run_values(layer, chip, da.search(layer, chip).mapping, left, right)
    assert np.array_equal(run.outputs, left @ (right.T if layer.kind == "linear" else right))


def test_an_lstm_multiplies_states_and_inputs_of_every_step() -> None:
    chip = da.arch.load("example")
    both, matrix = random_tensors(LAYERS[5], seed=5, dtype="int32")
    run = run_values(LAYERS[5], chip, da.search(LAYERS[5], chip).mapping, both, matrix)
    assert np.array_equal(run.outputs, both @ matrix.T)


# ------------------------------------------------------------------------------------------------------------
# The result, refusals, interruption


def small() -> tuple[Layer, da.arch.Chip, da.Mapping]:
    layer = Conv2d(name="conv", input_shapes=((1, 2, 5, 5),), out_channels=3, kernel=3)
    chip = da.arch.load("example")
    return layer, chip, da.search(layer, chip).mapping


def test_the_result() -> None:
    layer, chip, mapping = small()
    told: list[tuple[int, int, str]] = []
    run = run_values(
        layer, chip, str(mapping), *random_tensors(layer, seed=1), progress=lambda *at: told.append(at)
    )
    assert repr(run) == "<ValuesRun conv: 486 MACs, outputs 1x3x3x3 int32>"
    assert run.to_dict()["outputs"] == {"shape": [1, 3, 3, 3], "dtype": "int32"}
    assert run.to_dict()["macs"] == 486
    assert run.to_json().endswith("}\n")
    assert run.to_csv().splitlines()[0] == "level,tensor,reads,writes,tile_words"
    assert len(run.to_dataframe()) == len(run.report.levels)
    assert told
    assert told[-1][1:] == (486, "conv")
    with pytest.raises(ValueError, match="read-only"):
        run.outputs[0] = 0


def test_refusals() -> None:
    layer, chip, mapping = small()
    inputs, weights = random_tensors(layer, seed=1)

    def refuse(match: str, *tensors: Any, error: type[Exception] = da.LayerError) -> None:
        with pytest.raises(error, match=match):
            run_values(layer, chip, mapping, *tensors)

    refuse(r"conv2d 'conv': takes inputs of shape \(1, 2, 5, 5\), given \(2, 5, 5\)", inputs[0], weights)
    refuse(r"takes weights of shape \(3, 2, 3, 3\), given \(3, 2, 9\)", inputs, weights.reshape(3, 2, 9))
    refuse("both int8, both int32 or both float32, given int8 and float32", inputs, weights.astype("float32"))
    refuse("given int64 and int64", inputs.astype("int64"), weights.astype("int64"))
    large = np.full_like(inputs, 30000, dtype=np.int32)
    refuse(
        "a sum of 18 products of up to 30000 x 30000 can leave int32", large, large[..., :3, :3].repeat(3, 0)
    )
    with pytest.raises(da.MappingError, match=r"layer 'conv' on example: .*dim"):
        run_values(layer, chip, "dram [inputs, weights, outputs]", inputs, weights)
    with pytest.raises(da.LayerError, match="has no MACs"):
        tensor_shapes(ReLU(name="relu", input_shapes=((1, 3),)))
    with pytest.raises(da.LayerError, match="not 'int16'"):
        random_tensors(layer, seed=1, dtype="int16")


def test_a_mapping_that_does_not_fit_is_refused() -> None:
    layer = Conv2d(name="big", input_shapes=((1, 64, 56, 56),), out_channels=64, kernel=3, padding=1)
    chip = da.arch.load("eyeriss")
    loops = str(da.search(layer, chip).mapping)
    smaller = chip.override({"glb.size_bytes": 64})
    with pytest.raises(da.MappingError, match="level glb needs"):
        run_values(layer, smaller, loops, *random_tensors(layer, seed=1))


def test_the_core_refuses_other_tensors() -> None:
    case = random_case(Seeded(1), 300)
    inputs, weights = random_tensors(case.problem, seed=1)
    with pytest.raises(ValueError, match=r"the inputs are \(1, .*; the problem's are"):
        _core.simulate_values(*lower(case), inputs[None], weights)
    with pytest.raises(ValueError, match="both be int8, int32 or float32, given float64 and int8"):
        _core.simulate_values(*lower(case), inputs.astype(float), weights)


def test_progress_can_stop_the_core() -> None:
    case = random_case(Seeded(1), 300)
    tensors = random_tensors(case.problem, seed=1)
    _, counts, finished = _core.simulate_values(*lower(case), *tensors, lambda done, total: False)
    assert not finished
    assert counts.macs < case.problem.macs


LONG = """
import dnnaccel as da
from dnnaccel.sim import random_tensors, run_values
layer = da.layers.MatMul(name="long", input_shapes=((1, 4096, 4096), (1, 4096, 4096)))
chip = da.arch.load("example")
mapping = da.search(layer, chip).mapping
tensors = random_tensors(layer, seed=1, dtype="float32")
run_values(layer, chip, mapping, *tensors, progress=lambda *at: print("ready", at, flush=True))
"""


def test_ctrl_c_ends_a_run_within_a_second() -> None:
    ended = interrupt(LONG, wait=0.3)
    assert ended.returncode != 0
    assert "KeyboardInterrupt" in ended.err
    assert ended.seconds < 1
