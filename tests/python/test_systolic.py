"""Layers on a systolic array: outputs of the reference, cycles by hand, counts with and without values."""

from __future__ import annotations

import json
import random
from collections import Counter
from typing import Any

import numpy as np
import pytest

import dnnaccel as da
from dnnaccel import _core
from dnnaccel._lower import lower_problem
from dnnaccel.conventions.scalesim import simulate_network
from dnnaccel.layers import LSTM, Conv2d, DepthwiseConv2d, Linear, MatMul
from dnnaccel.problem import ROLES, Problem, convolution, matmul
from interrupting import interrupt
from reference import Array, reference_outputs

DATAFLOWS = ("ws", "os", "is")
STATIONARY = {
    "ws": _core.Stationary.weights,
    "os": _core.Stationary.outputs,
    "is": _core.Stationary.inputs,
}


def random_problem(choices: random.Random) -> Problem:
    """A small convolution (grouped, strided, dilated, padded, cut short) or a batch of matrix products."""
    draw = choices.randint
    if choices.random() < 0.4:
        return matmul(batch=draw(1, 9), rows=draw(1, 25), columns=draw(1, 25), inner=draw(1, 25))
    kernel, stride, dilation, padding, out = (
        (draw(1, high), draw(1, high)) if low else (draw(0, high), draw(0, high))
        for low, high in ((1, 3), (1, 3), (1, 2), (0, 2), (1, 5))
    )
    sizes = [
        (out[i] - 1) * stride[i] + (kernel[i] - 1) * dilation[i] + 1 - padding[i] - draw(0, padding[i])
        for i in (0, 1)
    ]
    return convolution(
        batch=draw(1, 2),
        groups=draw(1, 3),
        out_channels=draw(1, 6),
        in_channels=draw(1, 4),
        out_size=out,
        in_size=(max(1, sizes[0]), max(1, sizes[1])),
        kernel=kernel,
        stride=stride,
        padding=padding,
        dilation=dilation,
    )


def operands(problem: Problem, seed: int) -> tuple[Array, Array]:
    """Random int8 inputs and weights in the order of their axes."""
    generator = np.random.default_rng(seed)
    shapes = [tuple(axis.size for axis in problem.tensor(role).axes) for role in ROLES[:2]]
    inputs, weights = (generator.integers(-128, 128, shape).astype(np.int8) for shape in shapes)
    return inputs, weights


def figures(run: _core.ProductRun) -> dict[str, Any]:
    """Everything that a run counts."""
    return {
        name: getattr(run, name) for name in ("cycles", "macs", "folds", "used", "reads", "writes", "classes")
    }


@pytest.mark.parametrize("dataflow", DATAFLOWS)
@pytest.mark.parametrize("double_buffered", [False, True])
def test_outputs_are_right_and_counting_alone_counts_the_same(dataflow: str, double_buffered: bool) -> None:
    seen: Counter[str] = Counter()
    for seed in range(200):
        choices = random.Random(seed)
        problem = random_problem(choices)
        rows, columns = (choices.choice([1, 1, 2, 3, 5, 7, 30]) for _ in range(2))
        options = _core.SystolicOptions(
            rows=rows,
            columns=columns,
            stationary=STATIONARY[dataflow],
            double_buffered=double_buffered,
            activity=True,
        )
        inputs, weights = operands(problem, seed)
        run, outputs = _core.simulate_product(lower_problem(problem), options, inputs, weights)
        where = f"seed {seed}, {rows} x {columns}, {dict(problem.bounds)}"
        assert np.array_equal(outputs, reference_outputs(problem, inputs, weights)), where
        assert run.macs == problem.macs
        counted = _core.count_product(lower_problem(problem), options)
        assert figures(counted) == figures(run), where
        plain = _core.SystolicOptions(
            rows=rows,
            columns=columns,
            stationary=STATIONARY[dataflow],
            double_buffered=double_buffered,
        )
        # Without activity repeated folds are skipped.
        assert figures(_core.count_product(lower_problem(problem), plain)) == figures(run), where
        check_activity(run, rows, columns)
        seen["many folds"] += run.folds > 50
        seen["edges"] += len(run.classes) > 1
        seen["larger than the layer"] += run.classes[0][0] < rows or run.classes[0][1] < columns
        seen["one element"] += rows == columns == 1
        seen["sums come back"] += run.reads["outputs"] > 0
        seen["padding"] += problem.tensor("inputs").axes[-1].offset < 0
    if dataflow == "os":
        assert seen.pop("sums come back") == 0
    assert min(seen.values()) >= 3, seen


def check_activity(run: _core.ProductRun, rows: int, columns: int) -> None:
    found = run.activity
    assert found["active"].shape == (rows, columns)
    assert found["active"].sum() == run.macs
    assert (found["active"] + sum(found["stalled"].values()) == run.cycles).all()
    assert all((cycles >= 0).all() for cycles in found["stalled"].values())
    worked = found["active"] > 0
    assert (found["first"] >= 0).tolist() == worked.tolist()
    assert (found["last"] < run.cycles).all()


# ------------------------------------------------------------------------------------------------------------
# A slow, obvious array


def naive_weight_stationary(x: Array, w: Array) -> tuple[int, Array, dict[tuple[int, int], list[int]]]:
    """Run one fold, register by register: cycles, the product, and when each element multiplies.

    `x` is steps x rows, `w` rows x columns; an empty register holds None.
    """
    steps, rows = x.shape
    columns = w.shape[1]
    held: dict[tuple[int, int], int] = {}
    moving: dict[tuple[int, int], tuple[int, int]] = {}  # (step, word) that an element holds
    falling: dict[tuple[int, int], tuple[int, int]] = {}
    out = np.zeros((steps, columns), np.int64)
    worked: dict[tuple[int, int], list[int]] = {(i, j): [] for i in range(rows) for j in range(columns)}
    missing = steps * columns
    cycle = 0
    while missing:
        if cycle < rows:  # load: every row moves down by one, and the next one enters above
            held = {
                (i, j): held[i - 1, j] for i in range(1, rows) for j in range(columns) if (i - 1, j) in held
            }
            held |= {(0, j): int(w[rows - 1 - cycle, j]) for j in range(columns)}
            cycle += 1
            continue
        before_words, before_sums = moving, falling
        moving, falling = {}, {}
        for i in range(rows):
            for j in range(columns):
                k = cycle - rows - i  # the step that row i takes in now
                entering = (k, int(x[k, i])) if 0 <= k < steps else None
                word = entering if j == 0 else before_words.get((i, j - 1))
                if word is None:
                    continue
                moving[i, j] = word
                above = before_sums[i - 1, j] if i else (word[0], 0)
                assert above[0] == word[0], "a sum met a word of another step"
                falling[i, j] = (word[0], above[1] + held[i, j] * word[1])
                worked[i, j].append(cycle)
                if i == rows - 1:
                    out[word[0], j] = falling[i, j][1]
                    missing -= 1
        cycle += 1
    return cycle, out, worked


@pytest.mark.parametrize(
    ("rows", "columns", "steps"), [(1, 1, 1), (2, 2, 3), (3, 2, 1), (4, 5, 7), (2, 6, 2)]
)
def test_a_fold_is_that_of_a_slow_and_obvious_array(rows: int, columns: int, steps: int) -> None:
    problem = matmul(batch=1, rows=steps, columns=columns, inner=rows)
    inputs, weights = operands(problem, rows * columns)
    cycles, product, worked = naive_weight_stationary(inputs[0].astype(int), weights[0].astype(int))
    options = _core.SystolicOptions(
        rows=rows, columns=columns, stationary=_core.Stationary.weights, activity=True
    )
    run, outputs = _core.simulate_product(lower_problem(problem), options, inputs, weights)
    assert run.cycles == cycles
    assert np.array_equal(outputs[0].T, product)
    for (i, j), when in worked.items():
        assert run.activity["active"][i, j] == len(when)
        assert run.activity["first"][i, j] == when[0]
        assert run.activity["last"][i, j] == when[-1]


# ------------------------------------------------------------------------------------------------------------
# Cycles and counts by hand


def product(rows: int, columns: int, inner: int) -> MatMul:
    return MatMul(name="product", inputs=("x", "y"), input_shapes=((1, rows, inner), (1, inner, columns)))


def test_weight_stationary_by_hand() -> None:
    # 5 steps through 2 x 2: the tile shifts in for 2 cycles; the last element, 1 + 1 cycles behind the first,
    # does its 5th product in cycle 2 + (5 - 1) + 2, the 9th.
    report = da.systolic.simulate(product(5, 2, 2), rows=2, cols=2)
    (layer,) = report.layers
    assert layer.cycles == 2 + (5 + 2 + 2 - 2) == 9
    assert layer.reads == {"inputs": 10, "weights": 4, "outputs": 0}
    assert layer.writes == {"inputs": 0, "weights": 0, "outputs": 10}
    assert layer.utilization == 20 / (9 * 4)
    # 4 words to add over: a second fold, whose sums are added to what the first one wrote.
    (layer,) = da.systolic.simulate(product(5, 2, 4), rows=2, cols=2).layers
    assert layer.cycles == 2 * 9
    assert layer.reads == {"inputs": 20, "weights": 8, "outputs": 10}
    assert layer.writes["outputs"] == 20
    # Double-buffered: the second tile comes in during the first stream, and its stream follows at once.
    (layer,) = da.systolic.simulate(product(5, 2, 4), rows=2, cols=2, double_buffered=True).layers
    assert layer.cycles == 2 + 5 + (5 + 2 + 2 - 2)


def test_output_stationary_by_hand() -> None:
    # 5 products for each of 2 x 2 sums, then the sums shift out for 2 cycles.
    (layer,) = da.systolic.simulate(product(2, 2, 5), rows=2, cols=2, dataflow="os").layers
    assert layer.cycles == (5 + 2 + 2 - 2) + 2
    assert layer.reads == {"inputs": 10, "weights": 10, "outputs": 0}
    assert layer.writes["outputs"] == 4
    # Two folds; double-buffered, the second stream follows at once: 5 cycles are enough to shift out 2 rows.
    (layer,) = da.systolic.simulate(product(4, 2, 5), rows=2, cols=2, dataflow="os").layers
    assert layer.cycles == 2 * 9
    (layer,) = da.systolic.simulate(
        product(4, 2, 5), rows=2, cols=2, dataflow="os", double_buffered=True
    ).layers
    assert layer.cycles == 5 + 9
    # A stream of 1 is too short for that: the next sums are done 2 cycles later.
    (layer,) = da.systolic.simulate(
        product(4, 2, 1), rows=2, cols=2, dataflow="os", double_buffered=True
    ).layers
    assert layer.cycles == 2 + (1 + 2 + 2 - 2) + 2


def test_input_stationary_by_hand() -> None:
    # Inputs stay, and 7 output channels stream.
    (layer,) = da.systolic.simulate(product(2, 7, 2), rows=2, cols=2, dataflow="is").layers
    assert layer.cycles == 2 + (7 + 2 + 2 - 2)
    assert layer.reads == {"inputs": 4, "weights": 14, "outputs": 0}


def test_edge_folds_are_as_small_as_they_are() -> None:
    # 3 words to add over and 3 columns on 2 x 2: folds of 2x2, 1x2, 2x1 and 1x1, each with its own times.
    (layer,) = da.systolic.simulate(product(5, 3, 3), rows=2, cols=2).layers
    folds = {(fold.rows, fold.columns): fold.count for fold in layer.folds}
    assert folds == {(2, 2): 1, (1, 2): 1, (2, 1): 1, (1, 1): 1}
    assert layer.cycles == sum(r + 5 + r + c - 2 for r, c in folds)
    assert layer.mapping_efficiency == (4 + 2 + 2 + 1) / 16


def test_sums_of_a_smaller_fold_do_not_overtake_those_before_them() -> None:
    # 5 rows in folds of 4 and 1, one step each, double-buffered. The only sum of the first fold leaves in
    # cycle 4 + 3, and that of the second not before cycle 8, so that it starts there rather than in cycle 5.
    (layer,) = da.systolic.simulate(product(1, 1, 5), rows=4, cols=1, double_buffered=True).layers
    assert layer.cycles == 4 + (1 + 3) + 1


def test_one_element_takes_a_cycle_for_each_product_and_one_for_each_weight() -> None:
    (layer,) = da.systolic.simulate(product(6, 3, 2), rows=1, cols=1).layers
    assert layer.cycles == 6 * (1 + 6)
    assert layer.utilization == 36 / 42


def test_an_array_larger_than_the_layer_costs_nothing_but_utilization() -> None:
    small = da.systolic.simulate(product(6, 3, 2), rows=2, cols=3)
    large = da.systolic.simulate(product(6, 3, 2), rows=64, cols=64)
    assert small.cycles == large.cycles
    assert small.layers[0].mapping_efficiency == 1
    assert large.layers[0].mapping_efficiency == 6 / 64**2


def test_padding_is_never_fetched() -> None:
    layer = Conv2d(
        name="conv", inputs=("x",), out_channels=4, kernel=3, padding=1, input_shapes=((1, 2, 5, 5),)
    )
    # Of 9 x 25 places of a channel, 3 x 5 rows less 2 and the same for columns are inside.
    for dataflow in DATAFLOWS:
        (one,) = da.systolic.simulate(layer, rows=32, cols=32, dataflow=dataflow).layers
        assert one.reads["inputs"] == 2 * 13 * 13
        assert one.macs == 4 * 2 * 9 * 25


def test_steps_that_wait_for_each_other_keep_their_weights_if_these_fit() -> None:
    layer = LSTM(name="lstm", inputs=("x",), hidden_size=4, input_shapes=((2, 5, 3),))
    (fits,) = da.systolic.simulate(layer, rows=16, cols=16).layers
    assert fits.reads["weights"] == layer.weights
    assert fits.fold_count == 5
    # Loaded once; then 2 samples stream at each of 5 steps, and no step begins before the last one has ended.
    assert fits.cycles == 7 + 5 * (2 + 7 + 16 - 2)
    (folded,) = da.systolic.simulate(layer, rows=4, cols=16).layers
    assert folded.reads["weights"] == 5 * layer.weights


# ------------------------------------------------------------------------------------------------------------
# The front


def test_values_in_the_shapes_that_layers_have() -> None:
    generator = np.random.default_rng(1)
    depthwise = DepthwiseConv2d(
        name="dw", inputs=("x",), kernel=3, padding=1, stride=2, input_shapes=((2, 6, 7, 7),)
    )
    x = generator.integers(-9, 9, (2, 6, 7, 7)).astype(np.int8)
    w = generator.integers(-9, 9, (6, 1, 3, 3)).astype(np.int8)
    report = da.systolic.simulate(depthwise, rows=4, cols=4, inputs=x, weights=w)
    assert depthwise.problem is not None
    wanted = reference_outputs(depthwise.problem, x.reshape(2, 6, 1, 7, 7), w.reshape(6, 1, 1, 3, 3))
    assert report.outputs is not None
    assert report.outputs.shape == depthwise.output_shape
    assert np.array_equal(report.outputs, wanted.reshape(depthwise.output_shape))

    linear = Linear(name="fc", inputs=("x",), out_features=5, input_shapes=((3, 4, 8),))
    x = generator.standard_normal((3, 4, 8)).astype(np.float32)
    w = generator.standard_normal((5, 8)).astype(np.float32)
    report = da.systolic.simulate(linear, rows=4, cols=4, dataflow="os", inputs=x, weights=w)
    assert report.outputs is not None
    assert report.outputs.dtype == np.float32
    assert np.allclose(report.outputs, x @ w.T, atol=1e-5)

    both = MatMul(name="qk", inputs=("q", "k"), input_shapes=((2, 3, 6, 4), (2, 3, 4, 5)))
    x = generator.integers(-9, 9, (2, 3, 6, 4)).astype(np.int16)
    w = generator.integers(-9, 9, (2, 3, 4, 5)).astype(np.int32)
    for dataflow in DATAFLOWS:
        report = da.systolic.simulate(both, rows=4, cols=4, dataflow=dataflow, inputs=x, weights=w)
        assert report.outputs is not None
        assert np.array_equal(report.outputs, x.astype(int) @ w.astype(int))


def test_sums_wrap_as_int32_does() -> None:
    x = np.full((1, 1, 4), 2**20, np.int32)
    w = np.full((1, 4, 1), 2**11, np.int32)
    report = da.systolic.simulate(product(1, 1, 4), rows=2, cols=2, inputs=x, weights=w)
    assert report.outputs is not None
    assert report.outputs.tolist() == [[[0]]]  # 4 * 2**31


def test_a_network_with_values_for_one_of_its_layers() -> None:
    net = da.zoo.load("lenet5")
    name = next(layer.name for layer in net.layers if layer.problem is not None)
    problem = net[name].problem
    assert problem is not None
    inputs, weights = operands(problem, 0)
    report = da.systolic.simulate(net, rows=16, cols=16, inputs={name: inputs}, weights={name: weights})
    counted = da.systolic.simulate("lenet5", rows=16, cols=16)
    assert report == counted
    assert [layer.name for layer in report if layer.outputs is not None] == [name]
    assert report.macs == net.total_macs
    assert report.outputs is None


def test_a_report_says_the_same_in_every_form() -> None:
    report = da.systolic.simulate("lenet5", rows=16, cols=8, dataflow="is", double_buffered=True)
    data = json.loads(report.to_json())
    assert data == report.to_dict()
    assert data["cycles"] == report.cycles == sum(layer["cycles"] for layer in data["layers"])
    assert data["utilization"] == report.macs / (report.cycles * 128)
    lines = report.to_csv().splitlines()
    assert len(lines) == len(report) + 1
    assert lines[0].startswith("layer,kind,macs,folds,cycles,utilization,mapping_efficiency,inputs.reads")
    frame = report.to_dataframe()
    assert frame["cycles"].sum() == report.cycles
    assert frame["outputs.writes"].sum() == report.writes("outputs") == report.writes()
    assert frame["weights.reads"].sum() == report.reads("weights")
    assert "a systolic array of 16 x 8: inputs stay (is), double-buffered" in str(report)
    assert repr(report).startswith("<SystolicReport lenet5 on 16x8, is: ")
    assert "<table" in report.to_html()


def test_wrong_requests_are_refused_in_one_sentence() -> None:
    layer = product(2, 3, 4)
    x, w = np.zeros((1, 2, 4), np.int8), np.zeros((1, 4, 3), np.int8)
    refused: list[tuple[dict[str, Any], str]] = [
        ({"dataflow": "wss"}, "unknown dataflow 'wss'; did you mean 'ws'?"),
        ({"rows": 0}, "rows must be a whole number from 1 to 16384, given 0"),
        ({"cols": 2.5}, "cols must be a whole number from 1 to 16384, given 2.5"),
        ({"convention": "scalesym"}, "unknown convention 'scalesym'; did you mean 'scalesim'?"),
        ({"convention": "scalesim", "activity": True}, "the scalesim convention counts only"),
        ({"inputs": x}, "layer product: inputs alone; give both inputs and weights, or neither"),
        ({"inputs": x, "weights": w[:, :3]}, "layer product, weights: an array of shape (1, 3, 3)"),
        ({"inputs": x.reshape(1, 4, 2), "weights": w}, "layer product, inputs: an array of shape (1, 4, 2)"),
        (
            {"inputs": x.astype(np.int64), "weights": w},
            "inputs: int64 numbers; give int8 to int32, or float32",
        ),
        ({"inputs": x.astype(np.float32), "weights": w}, "inputs of float32 and weights of int32"),
        ({"inputs": {"other": x}, "weights": {"other": w}}, "unknown layer 'other'"),
    ]
    for arguments, sentence in refused:
        with pytest.raises(da.DnnAccelError) as caught:
            da.systolic.simulate(layer, **arguments)
        assert sentence in str(caught.value)
    net = da.zoo.load("lenet5")
    with pytest.raises(da.LayerError, match="give a dict of arrays by layer name"):
        da.systolic.simulate(net, inputs=x, weights=w)
    with pytest.raises(da.UnknownNameError):
        da.systolic.simulate("lenet6")
    pool = next(layer for layer in net.layers if layer.problem is None)
    with pytest.raises(da.LayerError, match="has no MACs"):
        da.systolic.simulate(pool)


def test_activity_tells_what_elements_waited_for() -> None:
    # 5 steps through 2 x 3 of 4 x 4: load for 2 cycles, then skew, and elements outside are at the edge.
    report = da.systolic.simulate(product(5, 3, 2), rows=4, cols=4, activity=True)
    found = report.layers[0].activity
    assert found is not None
    assert found.cycles == report.cycles == 2 + (5 + 2 + 3 - 2)
    assert found.active[:2, :3].tolist() == [[5] * 3] * 2
    assert found.active.sum() == 30
    assert found.first[:2, :3].tolist() == [[2, 3, 4], [3, 4, 5]]
    assert found.stalls["weights"][:2, :3].tolist() == [[2] * 3] * 2
    assert found.stalls["operand"][:2, :3].tolist() == [[3] * 3] * 2
    assert found.stalls["edge"][2:].tolist() == [[10] * 4] * 2
    assert da.systolic.simulate(product(5, 3, 2), rows=4, cols=4).layers[0].activity is None


def test_progress_goes_up_to_all_macs() -> None:
    seen: list[tuple[int, int, str]] = []
    layer = product(4096, 256, 64)
    x, w = np.zeros((1, 4096, 64), np.int8), np.zeros((1, 64, 256), np.int8)
    da.systolic.simulate(layer, rows=16, cols=16, inputs=x, weights=w, progress=lambda *now: seen.append(now))
    assert len(seen) > 3
    assert [done for done, _, _ in seen] == sorted(done for done, _, _ in seen)
    assert seen[-1] == (layer.macs, layer.macs, "product")


SCRIPT = """
import numpy as np
import dnnaccel as da
from dnnaccel.layers import MatMul
layer = MatMul(name="long", inputs=("x", "y"), input_shapes=((1, 40_000, 2048), (1, 2048, 2048)))
x, w = np.zeros((1, 40_000, 2048), np.int8), np.zeros((1, 2048, 2048), np.int8)
told = []
def tell(done, total, name):
    if not told:
        print("ready", flush=True)
        told.append(done)
da.systolic.simulate(layer, rows=128, cols=128, inputs=x, weights=w, progress=tell)
"""


def test_ctrl_c_ends_a_long_run() -> None:
    ended = interrupt(SCRIPT)
    assert "KeyboardInterrupt" in ended.err
    assert ended.returncode != 0


def test_the_scalesim_convention_is_what_its_module_says() -> None:
    report = da.systolic.simulate("alexnet", rows=32, cols=16, dataflow="os", convention="scalesim")
    again = simulate_network(da.zoo.load("alexnet"), rows=32, cols=16, dataflow="os")
    assert report == again
    # SCALE-Sim's own example, docs/scalesim.md: 12 folds of 1790 lines, counted from 0.
    layer = da.layers.Conv2d(
        name="conv", inputs=("x",), input_shapes=((1, 192, 7, 7),), out_channels=384, kernel=3
    )
    told = da.systolic.simulate(layer, rows=32, cols=32, dataflow="os", convention="scalesim")
    assert told.to_dict()["layers"][0]["total_cycles"] == 21479
    honest = da.systolic.simulate(layer, rows=32, cols=32, dataflow="os")
    assert honest.cycles > 0
