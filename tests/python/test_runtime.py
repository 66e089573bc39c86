"""Whole networks: their results against NumPy's, what a call refuses, and what a model says of itself."""

from __future__ import annotations

import signal
import threading
import time
from typing import Any

import numpy as np
import pytest

import dnnaccel as da
from dnnaccel import NetworkBuilder, RuntimeModelError
from dnnaccel.kernels import isa_names
from dnnaccel.layers import Add, Concat, Conv2d, Linear, Opaque, ReLU
from dnnaccel.network import Network
from dnnaccel.runtime import Model, random_weights
from numpy_net import evaluate
from small_nets import SMALL_NETS, random_inputs, with_statistics

FAST = ("lenet5", "lenet5_sparse", "lenet_caffe", "mlp", "squeezenet_v1_1", "mobilenet_v1", "shufflenet_v1")


def assert_close(found: dict[str, Any], expected: dict[str, Any], tolerance: float = 2e-5) -> None:
    for name, values in found.items():
        wanted = expected[name]
        assert values.shape == wanted.shape
        assert values.dtype == np.float32
        error = np.abs(values - wanted).max() / max(np.abs(wanted).max(), 1e-30)
        assert error < tolerance, (name, error)


@pytest.mark.parametrize("isa", isa_names())
@pytest.mark.parametrize("name", SMALL_NETS)
def test_small_networks_give_numpys_results(name: str, isa: str) -> None:
    net = SMALL_NETS[name]()
    weights, inputs = with_statistics(net), random_inputs(net)
    expected = evaluate(net, weights, inputs)
    model = da.runtime.compile(net, weights, isa=isa)
    assert_close(model.run(**inputs), expected)
    # Every layer by itself: nothing is fused then, but all of it is computed.
    assert_close(model.run(**inputs, keep=[layer.name for layer in net]), expected)
    for threads in (2, 3):
        other = da.runtime.compile(net, weights, isa=isa, threads=threads)
        for layer, values in other.run(**inputs).items():
            assert values.tobytes() == model.run(**inputs)[layer].tobytes()


@pytest.mark.parametrize("name", FAST)
def test_networks_of_the_zoo_give_numpys_results(name: str) -> None:
    net = da.zoo.load(name)
    weights, inputs = random_weights(net), random_inputs(net)
    assert_close(da.runtime.compile(net, weights).run(**inputs), evaluate(net, weights, inputs))


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in da.zoo.names() if name not in FAST])
def test_every_network_of_the_zoo_runs(name: str) -> None:
    net = da.zoo.load(name)
    weights, inputs = random_weights(net), random_inputs(net)
    one = da.runtime.compile(net, weights)
    results = one.run(**inputs)
    assert all(np.isfinite(values).all() and values.std() > 0 for values in results.values())
    assert one.memory.ratio < 1.15
    two = da.runtime.compile(net, weights, threads=2).run(**inputs)
    assert all(values.tobytes() == two[layer].tobytes() for layer, values in results.items())
    if net.total_macs < 1e9:
        assert_close(results, evaluate(net, weights, inputs), 1e-4)


@pytest.fixture(scope="module")
def residual() -> tuple[Network, Model]:
    b = NetworkBuilder("residual", input_shape=(2, 3, 8, 8))
    b.conv2d("conv1", out_channels=8, kernel=3, padding=1)
    b.relu("relu1")
    b.conv2d("conv2", out_channels=8, kernel=3, padding=1)
    b.batch_norm("bn2")
    b.add("sum", after=("bn2", "relu1"))
    b.relu("relu2")
    b.conv2d("conv3", out_channels=4, kernel=1)
    b.conv2d("conv4", out_channels=4, kernel=3, padding=1, after="relu2")
    b.concat("both", after=("conv3", "conv4"))
    b.global_avg_pool("mean")
    b.flatten("flat")
    b.linear("fc", out_features=5)
    net = b.build()
    return net, da.runtime.compile(net)


def test_layers_are_fused_and_concatenated_in_place(residual: tuple[Network, Model]) -> None:
    net, model = residual
    rows = model.profile(random_inputs(net)["input"], repeats=1)
    assert [row["layers"] for row in rows] == [
        "input",
        "conv1 + relu1",
        "conv2 + bn2 + sum + relu2",
        "conv3",
        "conv4",
        "mean",
        "fc",
    ]
    assert sum(row["macs"] for row in rows) == model.macs
    assert all(row["seconds"] > 0 for row in rows)


def test_memory_is_used_again(residual: tuple[Network, Model]) -> None:
    net, model = residual
    memory = model.memory
    image = 2 * 8 * 8 * 8 * 4
    # The busiest step reads relu1 and writes the sum over it, or reads the sum and writes a part.
    assert memory.activations == memory.lower_bound == 2 * image
    assert memory.ratio == 1
    assert memory.weights > net.total_weights * 4


def test_named_layers_come_out(residual: tuple[Network, Model]) -> None:
    net, model = residual
    inputs = random_inputs(net)
    expected = evaluate(net, random_weights(net), inputs)
    results = model.run(**inputs, keep=["bn2", "both", "flat"])
    assert list(results) == ["fc", "bn2", "both", "flat"]
    assert_close(results, expected)
    kept = da.runtime.compile(net, keep=["relu1"])
    assert list(kept(inputs["input"])) == ["fc", "relu1"]
    assert_close(kept(inputs["input"]), expected)
    with pytest.raises(da.UnknownNameError, match="did you mean 'conv1'"):
        model.run(**inputs, keep=["conw1"])


def test_zeros_are_those_of_the_tensors(residual: tuple[Network, Model]) -> None:
    net, model = residual
    inputs = random_inputs(net)
    expected = model.run(**inputs, keep=[layer.name for layer in net])
    zeros = model.zeros(inputs["input"])
    assert list(zeros) == ["conv1", "conv2", "conv3", "conv4", "fc"]

    def density(name: str) -> float:
        return float(np.count_nonzero(expected[name]) / expected[name].size)

    assert zeros["conv2"].inputs == zeros["conv1"].outputs == density("relu1") < 0.9
    assert zeros["conv2"].outputs == zeros["conv3"].inputs == density("relu2") < 1
    assert zeros["fc"].inputs == 1
    assert zeros["conv1"].weights == 1
    report = da.simulate(net, "eyeriss", density=zeros)
    assert report.layers


@pytest.mark.parametrize("name", SMALL_NETS)
def test_zeros_of_every_kind_of_layer(name: str) -> None:
    net = SMALL_NETS[name]()
    inputs = random_inputs(net)
    model = da.runtime.compile(net)
    zeros = model.zeros(**inputs)
    values = {**inputs, **model.run(**inputs, keep=[layer.name for layer in net])}
    assert set(zeros) == {layer.name for layer in net if layer.problem is not None}
    for layer in net:
        if layer.problem is None or layer.kind in ("rnn", "lstm", "gru"):
            continue
        given = values[layer.inputs[0]]
        assert zeros[layer.name].inputs == pytest.approx(max(np.count_nonzero(given), 1) / given.size)


def test_another_batch(residual: tuple[Network, Model]) -> None:
    net, model = residual
    x = random_inputs(net)["input"]
    five = da.runtime.compile(net, batch=5)
    y = five(np.concatenate([x, x, x[:1]]))
    assert y.shape == (5, 5)
    assert np.array_equal(y[:2], model(x))
    assert np.array_equal(y[4:], model(x)[:1])
    sequences = SMALL_NETS["attention"]()
    assert da.runtime.compile(sequences, batch=3).net.batch == 3
    with pytest.raises(RuntimeModelError, match="a batch must be 1 or more, not 0"):
        da.runtime.compile(net, batch=0)


def test_inputs_that_do_not_fit_are_refused(residual: tuple[Network, Model]) -> None:
    net, model = residual
    x = random_inputs(net)["input"]
    for wrong, why in (
        (
            (x[:1],),
            r"must be of shape \(2, 3, 8, 8\), not \(1, 3, 8, 8\); compile it with batch=1",
        ),
        ((x[0],), "must be of shape"),
        ((x, x), "takes 1 inputs, not 2"),
        ((), "input 'input' is missing"),
        ((x.astype(complex),), "must be of real numbers, not complex"),
        ((x.astype(object),), "must be of real numbers, not object"),
    ):
        with pytest.raises(RuntimeModelError, match=why):
            model(*wrong)
    with pytest.raises(RuntimeModelError, match="is given twice"):
        model(x, input=x)
    with pytest.raises(da.UnknownNameError, match="did you mean 'input'"):
        model(inputs=x)
    # What is only of another type or order is copied.
    assert np.array_equal(model(x.astype(np.float64)), model(x))
    assert np.array_equal(model(np.asfortranarray(x)), model(x))


def test_tokens_are_checked() -> None:
    net = da.zoo.load("rnn")
    model = da.runtime.compile(net)
    tokens = np.zeros((1, 20), np.uint16)
    assert model(tokens).shape == (1, 20, 10000)
    with pytest.raises(RuntimeModelError, match="numbers from 0 to 9999, not 0 to 10000"):
        model(np.where(np.arange(20) == 3, 10000, tokens))
    with pytest.raises(RuntimeModelError, match="must be of whole numbers"):
        model(tokens.astype(float))


def test_tokens_may_come_in_another_shape() -> None:
    b = NetworkBuilder("flat", input_shape=(1, 2, 3))
    b.reshape("line", shape=(1, 6))
    b.embedding("table", entries=9, features=4)
    net = b.build()
    weights = random_weights(net)
    tokens = np.array([[[1, 8, 0], [2, 2, 7]]])
    found = da.runtime.compile(net, weights)(tokens)
    assert np.array_equal(found[0], weights["table.weight"][tokens.ravel()])


def test_what_cannot_be_computed_is_said_with_its_layer() -> None:
    layers = (
        Conv2d(name="conv", inputs=("x",), out_channels=2, kernel=1),
        Opaque(name="odd", inputs=("conv",), operator="NonZero", shape=(1, 2)),
    )
    net = Network("odd", layers, inputs={"x": (1, 3, 4, 4)})
    with pytest.raises(RuntimeModelError, match="opaque 'odd': nothing here computes 'NonZero'"):
        da.runtime.compile(net)
    tiny = Network("tiny", layers[:1], inputs={"x": (1, 3, 4, 4)})
    with pytest.raises(da.errors.WeightsError, match=r"conv.bias"):
        da.runtime.compile(tiny, {"conv.weight": np.zeros((2, 3, 1, 1))})
    with pytest.raises(da.UnknownNameError, match="float32"):
        da.runtime.compile(tiny, dtype="float31")
    with pytest.raises(RuntimeModelError, match="takes a Network"):
        da.runtime.compile(3)  # type: ignore[arg-type]
    with pytest.raises(da.UnknownNameError, match="instruction set"):
        da.runtime.compile(tiny, isa="mmx")


def test_odd_graphs_come_out_right() -> None:
    """A tensor in several concatenations, added to itself; concatenations in each other; many outputs."""
    layers = (
        Conv2d(name="a", inputs=("x",), out_channels=3, kernel=1),
        ReLU(name="r", inputs=("a",)),
        Concat(name="c1", inputs=("r", "x")),
        Concat(name="c2", inputs=("c1", "r")),
        Concat(name="c3", inputs=("r", "r")),
        Add(name="twice", inputs=("a", "a")),
        Add(name="three", inputs=("a", "r", "x")),
        Conv2d(name="d", inputs=("c2",), out_channels=6, kernel=3, padding=1),
        Add(name="e", inputs=("d", "c3")),
        ReLU(name="f", inputs=("x",)),
    )
    net = Network("odd", layers, inputs={"x": (2, 3, 5, 4)})
    weights, inputs = random_weights(net), random_inputs(net)
    expected = evaluate(net, weights, inputs)
    model = da.runtime.compile(net, weights)
    assert_close(model.run(**inputs), expected)
    assert_close(model.run(**inputs, keep=["c1", "c2", "c3", "r"]), expected)
    assert_close(model.run(**inputs), expected)  # nothing was left behind


def test_a_table_serves_transposed() -> None:
    b = NetworkBuilder("tied", input_shape=(1, 6))
    b.embedding("table", entries=50, features=16)
    net = Network(
        "tied",
        (
            *b.build().layers,
            Linear(name="logits", inputs=("table",), out_features=50, bias=False, weights_from="table"),
        ),
        inputs={"input": (1, 6)},
    )
    weights = random_weights(net)
    assert list(weights) == ["table.weight"]
    tokens = np.arange(6)[None]
    expected = weights["table.weight"][:6] @ weights["table.weight"].T
    assert np.allclose(da.runtime.compile(net, weights)(tokens)[0], expected, atol=1e-5)


def test_several_threads_take_turns(residual: tuple[Network, Model]) -> None:
    net, model = residual
    inputs = [random_inputs(net, seed=seed)["input"] for seed in range(4)]
    expected = [model(x) for x in inputs]
    wrong: list[int] = []

    def work(index: int) -> None:
        wrong.extend(index for _ in range(50) if not np.array_equal(model(inputs[index]), expected[index]))

    threads = [threading.Thread(target=work, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_ctrl_c_ends_a_run() -> None:
    # Many steps of some milliseconds each.
    b = NetworkBuilder("long", input_shape=(1, 64, 128, 128))
    for index in range(200):
        b.conv2d(f"conv{index}", out_channels=64, kernel=3, padding=1)
    net = b.build()
    model = da.runtime.compile(net, isa="portable")
    x = random_inputs(net)["input"]
    timer = threading.Timer(0.3, signal.raise_signal, (signal.SIGINT,))
    timer.start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        model(x)
    assert time.monotonic() - began < 20
    timer.join()


def test_a_model_says_what_it_is(residual: tuple[Network, Model]) -> None:
    assert repr(residual[1]) == "<Model residual: float32, batch 2, 7 steps, 1 thread>"


@pytest.mark.parametrize("name", [*SMALL_NETS, "lenet5", "squeezenet_v1_1"])
def test_quantised_networks_come_near(name: str) -> None:
    net = SMALL_NETS[name]() if name in SMALL_NETS else da.zoo.load(name)
    weights, inputs = random_weights(net), random_inputs(net)
    model = da.runtime.compile(net, weights, dtype="int8", calibration=[inputs])
    assert "int8" in repr(model)
    expected = da.runtime.compile(net, weights).run(**inputs)
    for layer, values in model.run(**inputs).items():
        assert values.dtype == np.float32
        error = np.abs(values - expected[layer]).max() / np.abs(expected[layer]).max()
        assert error < 0.1
    two = da.runtime.compile(net, weights, dtype="int8", calibration=[inputs], threads=2)
    assert all(
        two.run(**inputs)[layer].tobytes() == values.tobytes()
        for layer, values in model.run(**inputs).items()
    )


def test_a_quantised_network_computes_in_integers(residual: tuple[Network, Model]) -> None:
    net, _ = residual
    inputs = random_inputs(net)
    model = da.runtime.compile(net, dtype="int8", calibration=[inputs["input"]])
    kinds = {row["layer"]: row["type"] for row in model.profile(**inputs, repeats=1)}
    assert {name for name, kind in kinds.items() if kind == "float32"} == {"fc"}
    assert model.memory.activations < residual[1].memory.activations
    with pytest.raises(RuntimeModelError, match="int8 needs inputs to measure ranges"):
        da.runtime.compile(net, dtype="int8")


def test_a_network_of_the_zoo_is_compiled_by_its_name() -> None:
    x = np.ones(da.zoo.load("lenet5").inputs["input"], np.float32)
    named, given = da.runtime.compile("lenet5"), da.runtime.compile(da.zoo.load("lenet5"))
    assert np.array_equal(named(x), given(x))
    with pytest.raises(da.UnknownNameError, match="lenet5"):
        da.runtime.compile("lenet")
