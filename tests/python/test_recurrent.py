"""Recurrent layers: what they count, steps that wait for each other, and gates on the vector unit."""

from __future__ import annotations

import dataclasses
import math
import pickle
from collections.abc import Callable

import pytest
from test_mapper import EXHAUSTIVE, compare_with_brute_force, tiny_chip

import dnnaccel as da
import presets
from dnnaccel import _core, mapper
from dnnaccel._lower import lower_chip, lower_mapping, lower_problem
from dnnaccel.dataflow import LevelConstraint
from dnnaccel.errors import DataflowError, LayerError, MappingError
from dnnaccel.layers import GRU, LSTM, RNN, Linear
from dnnaccel.mapspace import constrain
from dnnaccel.problem import Problem, recurrence

CELLS = (RNN, LSTM, GRU)
every_cell = pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.kind)
Cell = type[RNN] | type[LSTM] | type[GRU]


def layer_of(
    cell: Cell, *, batch: int = 1, steps: int = 4, features: int = 3, hidden: int = 2
) -> RNN | LSTM | GRU:
    return cell(name="cell", input_shapes=((batch, steps, features),), hidden_size=hidden)


# ------------------------------------------------------------------------------------------------------------
# Counts, against cells run one number at a time


class Meter:
    """Runs a cell's equations on numbers and counts multiply-accumulates and vector operations."""

    def __init__(self) -> None:
        self.macs = self.ops = 0

    def dot(self, weights: list[float], values: list[float]) -> float:
        self.macs += len(values)
        return sum(w * v for w, v in zip(weights, values, strict=True))

    def apply(self, function: Callable[..., float], *values: float) -> float:
        self.ops += 1
        return function(*values)

    def sigmoid(self, x: float) -> float:
        return self.apply(lambda value: 1 / (1 + math.exp(-value)), x)

    def tanh(self, x: float) -> float:
        return self.apply(math.tanh, x)

    def times(self, a: float, b: float) -> float:
        return self.apply(lambda left, right: left * right, a, b)

    def plus(self, a: float, b: float) -> float:
        return self.apply(lambda left, right: left + right, a, b)

    def minus(self, a: float, b: float) -> float:
        return self.apply(lambda left, right: left - right, a, b)


def rnn_step(m: Meter, w: list[float], u: list[float], x: list[float], h: list[float], c: float) -> float:
    return m.tanh(m.dot(w, x) + m.dot(u, h))


def lstm_step(m: Meter, w: list[float], u: list[float], x: list[float], h: list[float], c: float) -> float:
    sums = [m.dot(w, x) + m.dot(u, h) for _ in range(4)]
    i, f, o = (m.sigmoid(value) for value in sums[:3])
    c = m.plus(m.times(f, c), m.times(i, m.tanh(sums[3])))
    return m.times(o, m.tanh(c))


def gru_step(m: Meter, w: list[float], u: list[float], x: list[float], h: list[float], c: float) -> float:
    r, z = (m.sigmoid(m.dot(w, x) + m.dot(u, h)) for _ in range(2))
    n = m.tanh(m.plus(m.dot(w, x), m.times(r, m.dot(u, h))))
    return m.plus(n, m.times(z, m.minus(h[0], n)))


@pytest.mark.parametrize(("cell", "step"), list(zip(CELLS, (rnn_step, lstm_step, gru_step), strict=True)))
def test_macs_and_operations_are_those_of_the_equations(cell: Cell, step: Callable[..., float]) -> None:
    batch, steps, features, hidden = 2, 5, 3, 4
    layer, meter = layer_of(cell, batch=batch, steps=steps, features=features, hidden=hidden), Meter()
    for _ in range(batch * steps * hidden):
        step(meter, [0.1] * features, [0.2] * hidden, [0.3] * features, [0.4] * hidden, 0.5)
    assert layer.macs == meter.macs
    assert layer.ops == meter.ops
    assert layer.output_shape == (batch, steps, hidden)
    # The matrices are the same at every step and for every sample.
    assert layer.weights * batch * steps == layer.macs


@pytest.mark.parametrize(("cell", "gates"), list(zip(CELLS, (1, 4, 3), strict=True)))
def test_weights_and_biases(cell: Cell, gates: int) -> None:
    layer = layer_of(cell, features=3, hidden=5)
    assert layer.weights == gates * 5 * (3 + 5)
    for biases in (0, 1, 2):
        assert dataclasses.replace(layer, biases=biases).parameters == layer.weights + biases * gates * 5
    backward = dataclasses.replace(layer, reverse=True)
    assert (backward.problem, backward.parameters) == (layer.problem, layer.parameters)


@every_cell
def test_problem_has_the_words_of_states_inputs_and_gate_sums(cell: Cell) -> None:
    layer = layer_of(cell, batch=2, steps=5, features=3, hidden=4)
    gates = layer.weights // (4 * 7)
    problem = layer.problem
    assert problem.sequential == problem.waiting == ("P",)
    assert "P" not in problem.tensor("weights").dims
    words = [problem.tensor(role).words for role in ("inputs", "weights", "outputs")]
    assert words == [2 * 5 * (3 + 4), layer.weights, 2 * 5 * gates * 4]
    assert pickle.loads(pickle.dumps(problem)) == problem
    assert dataclasses.replace(problem, sequential=()) != problem


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hidden_size": 0}, "hidden_size must be a whole number from 1"),
        ({"biases": 3}, "biases must be 0, 1 or 2 vectors per gate, given 3"),
        ({"reverse": 1}, "reverse must be True or False, given 1"),
        ({"input_shapes": ((1, 3),)}, r"takes a sequence \(N, L, features\), given \(1, 3\)"),
    ],
)
def test_mistakes_are_told(options: dict[str, object], message: str) -> None:
    with pytest.raises(LayerError, match=f"lstm 'cell': {message}"):
        LSTM(**({"name": "cell", "hidden_size": 2, "input_shapes": ((1, 4, 3),)} | options))  # type: ignore[arg-type]


@pytest.mark.parametrize("sequential", [("Q",), ("P", "P")])
def test_sequential_dims_are_dims_of_the_problem(sequential: tuple[str, ...]) -> None:
    problem = recurrence(batch=1, steps=2, outputs=3, inner=4)
    with pytest.raises(LayerError, match="sequential must name dims of the problem, each once"):
        Problem(bounds=problem.bounds, tensors=problem.tensors, sequential=sequential)


# ------------------------------------------------------------------------------------------------------------
# Steps that wait for each other


@pytest.fixture
def exhaustive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapper, "_EFFORT", EXHAUSTIVE)


@every_cell
def test_weights_that_fit_are_read_once_and_others_at_every_step(cell: Cell, exhaustive: None) -> None:
    layer = layer_of(cell, steps=5)
    all_inside = tiny_chip(buffer_words=200, rf_words=4)
    report = da.search(layer, all_inside, "free").cost
    counts = {(count.level, count.tensor): (count.reads, count.writes) for count in report.levels}
    # What must move moves once: states and inputs of every step in, gate sums of every step out.
    assert counts["ram", "weights"] == (layer.weights, 0)
    assert counts["ram", "inputs"] == (layer.problem.tensor("inputs").words, 0)
    assert counts["ram", "outputs"] == (0, layer.problem.tensor("outputs").words)
    # One word too few for the weights, wherever they are kept: PEs and buffer hold no tensor whole.
    small = tiny_chip(buffer_words=layer.weights - 1, rf_words=4)
    again = da.search(layer, small, "free").cost
    assert again.traffic("ram", "weights") == 5 * layer.weights


@every_cell
def test_the_search_finds_the_optimum_among_all_nests(cell: Cell, exhaustive: None) -> None:
    layer = layer_of(cell, steps=3, features=1, hidden=1)
    for buffer_words in (8, 40):
        compare_with_brute_force(layer, tiny_chip(buffer_words=buffer_words))


def test_a_leaking_chip_that_waits_for_its_gates_proves_nothing(exhaustive: None) -> None:
    layer = layer_of(LSTM, steps=3, features=1, hidden=1)
    quick = tiny_chip(rows=2, columns=4, ram_bytes_per_cycle=400, buffer_bytes_per_cycle=400)
    leaking = quick.override({"clock_mhz": 100, "leakage_mw": 1})
    found, unproved = da.search(layer, quick, "free"), da.search(layer, leaking, "free")
    # One lane takes a cycle for each operation of a gate, and the MACs are done before.
    assert found.cost.cycles == unproved.cost.cycles == layer.ops
    assert (found.optimal, unproved.optimal) == (True, False)
    # Where nothing waits for the gates, the proof holds on a leaking chip too.
    slow = tiny_chip().override({"clock_mhz": 100, "leakage_mw": 1})
    patient = da.search(layer, slow, "free")
    assert patient.cost.cycles > layer.ops
    assert patient.optimal


@every_cell
@presets.every_chip
def test_every_mapping_found_goes_step_by_step(chip: str, cell: Cell) -> None:
    machine = da.arch.load(chip)
    layer = layer_of(cell, batch=2, steps=6, features=20, hidden=12)
    found = da.search(layer, machine)
    first = next(level for level in found.mapping.levels if level.level == machine.memories[0].name)
    assert (first.loops[0].dim, first.loops[0].tile) == ("P", 1)
    assert [loop.dim for level in found.mapping.levels for loop in level.loops].count("P") == 1
    # Counted by walking the nest one MAC at a time, it moves the same words.
    lowered = (
        lower_problem(layer.problem),
        lower_chip(machine),
        lower_mapping(found.mapping, machine, layer.problem),
    )
    depth = len(machine.levels)
    walked, closed = _core.walk(*lowered).memories(depth), _core.evaluate(*lowered).counts.memories(depth)
    assert [(c.reads, c.writes) for level in walked for c in level] == [
        (c.reads, c.writes) for level in closed for c in level
    ]


@every_cell
@pytest.mark.parametrize("chip", ["eyeriss", "tpu_v1", "example"])
def test_one_step_is_the_linear_layer_of_its_size(cell: Cell, chip: str) -> None:
    layer = layer_of(cell, batch=2, steps=1, features=30, hidden=18)
    linear = Linear(
        name="fc", input_shapes=((2, 48),), out_features=layer.weights // 48, in_features=48, bias=False
    )
    machine = da.arch.load(chip)
    one, other = da.search(layer, machine).cost, da.search(linear, machine).cost
    assert one.energy_by_level() | {"vector": 0.0} == pytest.approx(other.energy_by_level())
    assert one.cycles == other.cycles
    assert one.traffic(machine.memories[0].name) == other.traffic(machine.memories[0].name)


NESTS = {
    "inside": "ram [inputs, weights, outputs]\n  for C step 1\n"
    "buffer [weights]\n  for P step 1\n  for M step 1",
    "second": "ram [inputs, weights, outputs]\n  for M step 1\n  for P step 1\n  for C step 1",
    "chunks": "ram [inputs, weights, outputs]\n  for P step 2\n"
    "  for M step 1\n  for C step 1\n  for P step 1",
    "spread": "ram [inputs, weights, outputs]\n  for C step 1\n  for M step 1\npes.rows\n  par P step 1",
}


@pytest.mark.parametrize("nest", NESTS.values(), ids=NESTS)
def test_a_mapping_that_does_not_wait_is_refused(nest: str) -> None:
    layer = layer_of(RNN, steps=4)
    message = (
        "layer 'cell' on tiny: the steps of P wait for each other; "
        "level ram must begin with 'for P in 0..4 step 1'"
    )
    with pytest.raises(MappingError, match=message):
        da.evaluate(layer, tiny_chip(), nest)
    # With one step there is nothing to wait for.
    assert da.evaluate(layer_of(RNN, steps=1), tiny_chip(), NESTS["second"]).macs == 10


def test_a_mapping_that_waits_is_costed() -> None:
    nest = "ram [inputs, weights, outputs]\n  for P step 1\n  for M step 1\n  for C step 1"
    assert da.evaluate(layer_of(RNN, steps=4), tiny_chip(), nest).traffic("ram", "weights") == 4 * 10


@pytest.mark.parametrize("level", ["ram", "buffer", "pes.rows", "rf"])
def test_a_dataflow_that_bundles_steps_is_refused(level: str) -> None:
    chip, problem = tiny_chip(), layer_of(RNN).problem
    bundles = da.Dataflow(name="bundles", levels={level: LevelConstraint(tiles={"P": 2})})
    with pytest.raises(DataflowError, match=r"fixes P to chunks of several steps.* leave P free"):
        constrain(bundles, chip, problem)
    single = da.Dataflow(name="single", levels={level: LevelConstraint(tiles={"P": 1})})
    rules = constrain(single, chip, problem)
    assert rules[0].tiles[0]["P"] == 1
    assert rules[0].order[0] == {"P"}
    assert not any("P" in dims for rule in rules[1:] for dims in rule.dims)


def test_other_loops_stay_inside_the_steps_whatever_the_order() -> None:
    """A dim in no group of an order would run outside all groups: none may be left beside the steps."""
    chip, problem = tiny_chip(), layer_of(RNN).problem
    ordered = da.Dataflow(name="ordered", levels={"ram": LevelConstraint(order=("M", "P"))})
    outermost = constrain(ordered, chip, problem)[0]
    assert outermost.order == ({"P"}, {"N", "C"}, {"M"})
    assert outermost.dims[0] == {"N", "M", "C", "P"}


# ------------------------------------------------------------------------------------------------------------
# Gates on the vector unit


@every_cell
def test_gates_cost_operations_and_energy(cell: Cell) -> None:
    chip, layer = da.arch.load("eyeriss"), layer_of(cell, features=20, hidden=12)
    report = da.simulate(layer, chip)["cell"]
    assert report.ops == layer.ops > 0
    assert report.vector_energy == layer.ops * chip.vector.op_energy
    assert report.cycles >= math.ceil(layer.ops / chip.vector.lanes)
    assert report.provenance().energy == pytest.approx(report.energy)


def test_gates_take_time_where_they_are_slower_than_the_macs() -> None:
    layer = layer_of(LSTM, steps=8, features=2, hidden=40)
    chip = da.arch.load("tpu_v1")
    quick, slow = (da.search(layer, chip.override({"vector.lanes": n})).cost for n in (256, 1))
    assert quick.bound_by != "vector"
    assert (slow.cycles, slow.bound_by, slow.bound_port) == (layer.ops, "vector", "")
    busy = [slow.compute_cycles + slow.exposed_cycles, *(cycles for _, cycles in slow.level_cycles)]
    assert slow.bound_margin == layer.ops / max(busy)
    assert slow.utilization == layer.macs / (layer.ops * chip.peak_macs_per_cycle)
    assert quick.energy == pytest.approx(slow.energy)


def test_what_is_fused_behind_a_cell_finds_the_vector_unit_busy() -> None:
    b = da.NetworkBuilder("fused", input_shape=(1, 8, 2))
    cell = b.lstm("cell", hidden_size=40)
    b.relu("relu", after=cell)
    network, chip = b.build(), da.arch.load("tpu_v1").override({"vector.lanes": 1})
    report = da.simulate(network, chip)
    assert report["relu"].note == "fused into cell"
    assert report.cycles == network["cell"].ops + network["relu"].ops
