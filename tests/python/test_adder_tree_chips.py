"""`da.adder_tree` on the chips that come with the package."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import dnnaccel as da
from dnnaccel.errors import DnnAccelError, LayerError, MappingError
from dnnaccel.layers import Layer

CHIPS = ("nvdla_small", "nvdla_large", "diannao")


def layer() -> Layer:
    """Two groups, strided, padded, and no size divides an array."""
    net = da.NetworkBuilder("odd", input_shape=(2, 20, 9, 7))
    net.conv2d("conv", out_channels=36, kernel=(3, 2), stride=2, padding=(1, 0), groups=2)
    return net.build()["conv"]


def operands(dtype: Any) -> tuple[Any, Any]:
    random = np.random.default_rng(0)
    inputs = random.integers(-128, 128, (2, 2, 10, 9, 7))
    weights = random.integers(-128, 128, (2, 18, 10, 3, 2))
    return inputs.astype(dtype), weights.astype(dtype)


def reference(inputs: Any, weights: Any) -> Any:
    """The convolution, tap by tap."""
    padded = np.pad(inputs.astype(np.int64), [(0, 0)] * 3 + [(1, 1), (0, 0)])
    sums = np.zeros((2, 2, 18, 5, 3), np.int64)
    for r in range(3):
        for s in range(2):
            window = padded[:, :, :, r : r + 9 : 2, s : s + 5 : 2]
            sums += np.einsum("ngcpq,gmc->ngmpq", window, weights[..., r, s].astype(np.int64))
    return sums


@pytest.mark.parametrize("name", CHIPS)
def test_int8_sums_are_exact_and_counts_those_of_the_closed_form(name: str) -> None:
    chip = da.arch.load(name)
    best = da.search(layer(), chip, objective="latency")
    inputs, weights = operands(np.int8)
    run = da.adder_tree.simulate(layer(), chip, best.mapping, inputs=inputs, weights=weights)
    assert run.outputs is not None
    assert run.outputs.dtype == np.int32
    assert np.array_equal(run.outputs, reference(inputs, weights))
    assert run.macs == layer().macs == run.activity.active.sum()
    assert run.cycles == run.steps + sum(run.waits.values()) + run.depth - 1
    assert run.cycles >= best.cost.compute_cycles == run.steps
    assert run.utilization == pytest.approx(run.macs / (run.cycles * chip.peak_macs_per_cycle))
    counts = {(count.level, count.tensor): count for count in run.counts}
    closed = {(count.level, count.tensor): count for count in best.cost.levels}
    for place, count in counts.items():
        level, _ = place
        if level in ("cbuf", "nb_in", "sb", "weight_reg"):
            # The array alone reads these, and what fills a register is all that is written there.
            assert count.reads == closed[place].reads
        if level == "weight_reg":
            assert count.writes == closed[place].writes


def test_floats(capsys: pytest.CaptureFixture[str]) -> None:
    chip = da.arch.load("nvdla_small")
    mapping = da.search(layer(), chip).mapping
    inputs, weights = operands(np.float32)
    run = da.adder_tree.simulate(layer(), chip, mapping, inputs=inputs, weights=weights)
    assert run.outputs is not None
    assert run.outputs.dtype == np.float32
    assert np.allclose(run.outputs, reference(inputs, weights))
    bare = da.adder_tree.simulate(layer(), chip, mapping)
    assert bare.outputs is None
    assert bare.to_dict() == run.to_dict()


def test_it_is_written_as_data_and_text() -> None:
    run = da.adder_tree.simulate(layer(), da.arch.load("diannao"))
    data = json.loads(run.to_json())
    assert data["cycles"] == run.cycles
    assert data["counts"][0] == {
        "level": "nb_in",
        "tensor": "inputs",
        "reads": run.counts[0].reads,
        "writes": 0,
    }
    assert list(run.to_dataframe()["level"]) == [count.level for count in run.counts]
    assert run.to_csv().startswith("level,tensor,reads,writes\nnb_in,inputs,")
    assert str(run).startswith("conv on diannao, nfu: ")
    assert "AdderTreeRun(layer='conv', chip='diannao', array='nfu'" in repr(run)


def test_zeros_gate_where_the_chip_says_so() -> None:
    chip = da.arch.load("nvdla_small")
    gating = chip.override({"mac.gates": ["inputs"]})
    mapping = da.search(layer(), chip).mapping
    inputs, weights = operands(np.int8)
    inputs[:, :, 3] = 0
    plain, gated = (
        da.adder_tree.simulate(layer(), one, mapping, inputs=inputs, weights=weights)
        for one in (chip, gating)
    )
    assert plain.gated_macs == 0
    assert gated.gated_macs >= layer().macs / 10  # one channel of ten, and the padding
    assert gated.cycles == plain.cycles
    assert np.array_equal(gated.outputs, plain.outputs)  # type: ignore[arg-type]


def test_what_makes_no_sense_is_refused() -> None:
    chip = da.arch.load("nvdla_small")
    inputs, weights = operands(np.int8)

    def run(**options: Any) -> None:
        da.adder_tree.simulate(layer(), chip, **options)

    with pytest.raises(LayerError, match=r"inputs have the shape \(2, 2, 10, 9\); the layer's are"):
        run(inputs=inputs[..., 0], weights=weights)
    with pytest.raises(LayerError, match="both inputs and weights, or neither"):
        run(inputs=inputs)
    with pytest.raises(LayerError, match="inputs of int8 and weights of float32: both must be integers"):
        run(inputs=inputs, weights=weights.astype(np.float32))
    with pytest.raises(LayerError, match="int64"):
        run(inputs=inputs.astype(np.int64), weights=weights)
    with pytest.raises(DnnAccelError, match="eyeriss has no adder-tree array"):
        da.adder_tree.simulate(layer(), da.arch.load("eyeriss"))
    with pytest.raises(MappingError):
        run(mapping="dram [inputs, weights, outputs]\nmac\n")


def test_other_arrays_must_have_one_instance_at_work() -> None:
    chip = da.arch.load("simba")
    spread = da.search(layer(), chip, objective="latency").mapping
    with pytest.raises(
        MappingError, match=r"level pes: spreads .* only one instance of every other array may work"
    ):
        da.adder_tree.simulate(layer(), chip, spread)
