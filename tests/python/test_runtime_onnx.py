"""Weights out of ONNX files: files with numbers, and what ONNX's own evaluator makes of them."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx_export import to_model, to_onnx

import dnnaccel as da
from dnnaccel.errors import ImportedFileError, WeightsError
from dnnaccel.runtime import load_weights, random_weights
from numpy_net import evaluate
from small_nets import SMALL_NETS, random_inputs, with_statistics

onnx = pytest.importorskip("onnx")


def _reference(model: Any, inputs: dict[str, Any]) -> list[Any]:
    from onnx.reference import ReferenceEvaluator

    found: list[Any] = ReferenceEvaluator(model).run(None, inputs)
    return found


@pytest.mark.parametrize("name", SMALL_NETS)
def test_there_and_back(name: str, tmp_path: Path) -> None:
    net = SMALL_NETS[name]()
    weights = with_statistics(net)
    path = to_onnx(net, tmp_path / f"{name}.onnx", weights)
    read = da.from_onnx(path)
    found = load_weights(path, read)
    inputs = random_inputs(net)
    ours, again = evaluate(net, weights, inputs), evaluate(read, found, inputs)
    for output in net.outputs:
        assert output in read.outputs
        assert np.allclose(again[output], ours[output], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", SMALL_NETS)
def test_onnxs_own_evaluator_agrees(name: str) -> None:
    net = SMALL_NETS[name]()
    weights = with_statistics(net)
    inputs = random_inputs(net)
    ours = evaluate(net, weights, inputs)
    theirs = _reference(to_model(net, weights), inputs)
    for output, values in zip(net.outputs, theirs, strict=True):
        assert np.allclose(values, ours[output], rtol=1e-4, atol=1e-5), output


def _file(
    path: Path,
    nodes: list[Any],
    arrays: dict[str, Any],
    shape: tuple[int | str, ...],
    *,
    opset: int = 20,
    kind: int = 1,
) -> Path:
    """Write a graph from input x to output y."""
    from onnx import helper, numpy_helper

    graph = helper.make_graph(
        nodes,
        "made",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info("y", 1, None)],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in arrays.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
    path.write_bytes(model.SerializeToString())
    return path


def _node(operator: str, *inputs: str, output: str = "y", **attributes: Any) -> Any:
    from onnx import helper

    return helper.make_node(operator, list(inputs), [output], **attributes)


def _agrees(path: Path, x: Any, *, dims: dict[str, int] | None = None) -> dict[str, Any]:
    net = da.from_onnx(path, dims=dims)
    weights = load_weights(path, net)
    (name,) = net.inputs
    (output,) = net.outputs
    ours = evaluate(net, weights, {name: x})[output]
    (theirs,) = _reference(onnx.load(path), {"x": x})
    assert np.allclose(ours, theirs, rtol=1e-4, atol=1e-5)
    return weights


RNG = np.random.default_rng(7)


def _floats(*shape: int) -> Any:
    return RNG.standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("operator", ["MaxPool", "AveragePool"])
@pytest.mark.parametrize(
    ("pads", "ceil_mode"), [((0, 0, 1, 1), True), ((1, 1, 1, 1), False), ((0, 0, 0, 1), True)]
)
def test_padding_behind(tmp_path: Path, operator: str, pads: tuple[int, ...], ceil_mode: bool) -> None:
    node = _node(operator, "x", kernel_shape=[3, 3], strides=[2, 2], pads=pads)
    path = _file(tmp_path / "pool.onnx", [node], {}, (1, 2, 9, 8))
    (layer,) = da.from_onnx(path)
    assert layer.ceil_mode is ceil_mode  # type: ignore[attr-defined]
    _agrees(path, _floats(1, 2, 9, 8) - 3)


@pytest.mark.parametrize("transposed", [0, 1])
def test_gemm_with_factors(tmp_path: Path, transposed: int) -> None:
    w = _floats(4, 3) if transposed else _floats(3, 4)
    node = _node("Gemm", "x", "w", "b", transB=transposed, alpha=0.5, beta=2.0)
    path = _file(tmp_path / "gemm.onnx", [node], {"w": w, "b": _floats(4)}, ("batch", 3))
    weights = _agrees(path, _floats(2, 3), dims={"batch": 2})
    (name,) = [name for name in weights if name.endswith("weight")]
    assert weights[name].shape == (4, 3)


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_other_types_are_cast(tmp_path: Path, dtype: Any) -> None:
    nodes = [_node("Cast", "w", output="v", to=1), _node("MatMul", "x", "v")]
    w = _floats(40, 50).astype(dtype)
    _agrees(_file(tmp_path / "cast.onnx", nodes, {"w": w}, (2, 40)), _floats(2, 40))


def test_quantised_weights_are_restored(tmp_path: Path) -> None:
    nodes = [
        _node("DequantizeLinear", "w", "scale", "zero", output="v", axis=0),
        _node("Conv", "x", "v"),
    ]
    arrays = {
        "w": RNG.integers(-128, 128, (5, 3, 3, 3)).astype(np.int8),
        "scale": RNG.uniform(0.01, 0.1, 5).astype(np.float32),
        "zero": RNG.integers(-3, 4, 5).astype(np.int8),
    }
    _agrees(_file(tmp_path / "q.onnx", nodes, arrays, (1, 3, 6, 6)), _floats(1, 3, 6, 6))


def test_weights_that_are_put_together(tmp_path: Path) -> None:
    """Large ones, which from_onnx leaves unread: joined, sliced, turned and multiplied."""
    starts = {"from": np.array([8]), "to": np.array([48]), "axis": np.array([0])}
    nodes = [
        _node("Concat", "a", "b", output="ab", axis=0),
        _node("Slice", "ab", "from", "to", "axis", output="part"),
        _node("Transpose", "part", output="turned", perm=[1, 0]),
        _node("Mul", "turned", "twice", output="v"),
        _node("MatMul", "x", "v"),
    ]
    arrays = {"a": _floats(30, 60), "b": _floats(30, 60), "twice": np.float32(2), **starts}
    _agrees(_file(tmp_path / "joined.onnx", nodes, arrays, (2, 60)), _floats(2, 60))


def test_slices_of_one_initialiser_are_not_shared(tmp_path: Path) -> None:
    bounds = {"zero": np.array([0]), "half": np.array([40]), "all": np.array([80])}
    nodes = [
        _node("Slice", "w", "zero", "half", output="one"),
        _node("Slice", "w", "half", "all", output="two"),
        _node("MatMul", "x", "one", output="h"),
        _node("MatMul", "h", "two"),
    ]
    path = _file(tmp_path / "parts.onnx", nodes, {"w": _floats(80, 40), **bounds}, (2, 40))
    assert len(_agrees(path, _floats(2, 40))) == 2


def test_constants_of_nodes(tmp_path: Path) -> None:
    from onnx import numpy_helper

    nodes = [
        _node("Constant", output="w", value=numpy_helper.from_array(_floats(64, 64))),
        _node("MatMul", "x", "w"),
    ]
    _agrees(_file(tmp_path / "constant.onnx", nodes, {}, (3, 64)), _floats(3, 64))


def test_layer_norm_without_shift(tmp_path: Path) -> None:
    node = _node("LayerNormalization", "x", "w", epsilon=1e-2)
    weights = _agrees(_file(tmp_path / "norm.onnx", [node], {"w": _floats(6)}, (2, 6)), _floats(2, 6))
    assert any(name.endswith("bias") and not array.any() for name, array in weights.items())


def test_one_dimensional_convolution(tmp_path: Path) -> None:
    node = _node("Conv", "x", "w", "b", pads=[1, 1])
    path = _file(tmp_path / "conv.onnx", [node], {"w": _floats(4, 3, 3), "b": _floats(4)}, (2, 3, 9))
    net = da.from_onnx(path)
    found = evaluate(net, load_weights(path, net), {"x": _floats(2, 3, 9)})
    assert found[next(iter(net.outputs))].shape == (2, 4, 9)


def _onnx_cell(operator: str, x: Any, w: Any, r: Any, b: Any) -> Any:
    """The operator's own formulas, in ONNX's order of gates, over the steps of x: (L, N, F) to (L, N, H)."""

    def sigmoid(v: Any) -> Any:
        return 1 / (1 + np.exp(-v))

    hidden = r.shape[1]
    wb, rb = np.split(b, 2)
    h = c = np.zeros((x.shape[1], hidden))
    states = []
    for step in x:
        if operator == "GRU":
            (wz, wr, wh), (rz, rr, rh) = np.split(step @ w.T + wb, 3, 1), np.split(h @ r.T + rb, 3, 1)
            z = sigmoid(wz + rz)
            h = (1 - z) * np.tanh(wh + sigmoid(wr + rr) * rh) + z * h
        elif operator == "LSTM":
            i, o, f, g = np.split(step @ w.T + wb + h @ r.T + rb, 4, 1)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
        else:
            h = np.tanh(step @ w.T + wb + h @ r.T + rb)
        states.append(h)
    return np.stack(states)


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("operator", ["RNN", "LSTM", "GRU"])
def test_recurrent_both_ways(tmp_path: Path, operator: str, direction: str) -> None:
    ways, gates = 1 + (direction == "bidirectional"), {"RNN": 1, "LSTM": 4, "GRU": 3}[operator]
    more = {"linear_before_reset": 1} if operator == "GRU" else {}
    node = _node(operator, "x", "w", "r", "b", hidden_size=4, direction=direction, **more)
    arrays = {
        "w": _floats(ways, gates * 4, 3),
        "r": _floats(ways, gates * 4, 4),
        "b": _floats(ways, 2 * gates * 4),
    }
    path = _file(tmp_path / "cell.onnx", [node], arrays, (5, 2, 3))
    x = _floats(5, 2, 3)
    net = da.from_onnx(path)
    (output,) = net.outputs
    ours = evaluate(net, load_weights(path, net), {"x": x})[output].reshape(5, ways, 2, 4)
    for way in range(ways):
        back = direction == "reverse" or way == 1
        parts = (arrays[name][way] for name in ("w", "r", "b"))
        theirs = _onnx_cell(operator, x[::-1] if back else x, *parts)
        assert np.allclose(ours[:, way], theirs[::-1] if back else theirs, rtol=1e-5, atol=1e-6)


_CELL = {"w": np.ones((1, 12, 3), np.float32), "r": np.ones((1, 12, 4), np.float32)}


@pytest.mark.parametrize(
    ("node", "arrays", "shape", "message"),
    [
        (("GRU", "x", "w", "r"), _CELL, (5, 2, 3), "resets the state before the product"),
        (
            ("GRU", "x", "w", "r", "", "", "h"),
            {**_CELL, "h": np.ones((1, 2, 4), np.float32)},
            (5, 2, 3),
            "starts from states that are not zero",
        ),
        (("Pad", "x", "p"), {"p": np.array([0, 0, 1, 1, 0, 0, 1, 1])}, (1, 2, 3, 3), "something else"),
        (("LRN", "x"), {}, (1, 2, 3, 3), "of even size 4 looks at other neighbours"),
        (("MaxPool", "x"), {}, (1, 2, 5, 5), "has a padding that its layer takes for zeros"),
    ],
)
def test_what_layers_do_not_compute(
    tmp_path: Path, node: tuple[str, ...], arrays: dict[str, Any], shape: tuple[int, ...], message: str
) -> None:
    more: dict[str, Any] = {
        "GRU": {"hidden_size": 4},
        "Pad": {"mode": "reflect"},
        "LRN": {"size": 4},
        "MaxPool": {"kernel_shape": [3, 3], "pads": [1, 0, 0, 1]},
    }[node[0]]
    path = _file(tmp_path / "other.onnx", [_node(*node, **more)], arrays, shape)
    net = da.from_onnx(path)
    with pytest.raises(ImportedFileError, match=message):
        load_weights(path, net)


def test_initialisers_read_in_two_ways(tmp_path: Path) -> None:
    nodes = [
        _node("MatMul", "x", "w", output="h"),
        _node("Transpose", "w", output="t", perm=[1, 0]),
        _node("MatMul", "h", "t"),
    ]
    path = _file(tmp_path / "two.onnx", nodes, {"w": _floats(40, 40)}, (1, 40))
    with pytest.raises(ImportedFileError, match="read one initialiser in two ways"):
        load_weights(path, da.from_onnx(path))


def test_computed_weights_have_no_numbers(tmp_path: Path) -> None:
    nodes = [_node("Sin", "w", output="v"), _node("MatMul", "x", "v")]
    path = _file(tmp_path / "sine.onnx", nodes, {"w": _floats(40, 40)}, (1, 40))
    with pytest.raises(ImportedFileError, match="is made by operators that are not computed here"):
        load_weights(path, da.from_onnx(path))


def test_a_file_for_another_network(tmp_path: Path) -> None:
    net = da.zoo.load("lenet5")
    path = to_onnx(net, tmp_path / "lenet.onnx", random_weights(net))
    with pytest.raises(WeightsError, match=r"lenet\.onnx: none of its names is one of mlp's"):
        load_weights(path, da.zoo.load("mlp"))
    # Of the network that it was made of, it is.
    assert np.array_equal(load_weights(path, net)["fc5.bias"], random_weights(net)["fc5.bias"])


def test_data_that_is_cut_short(tmp_path: Path) -> None:
    net = da.zoo.load("lenet5")
    path = to_onnx(net, tmp_path / "lenet.onnx", random_weights(net))
    read = da.from_onnx(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ImportedFileError, match="cut short"):
        load_weights(path, read)


def test_weights_beside_the_file(tmp_path: Path) -> None:
    net = da.zoo.load("lenet5")
    weights = random_weights(net)
    model = to_model(net, weights)
    path = tmp_path / "lenet.onnx"
    onnx.save_model(model, path, save_as_external_data=True, location="lenet.bin", size_threshold=64)
    found = load_weights(path, da.from_onnx(path))
    assert all(np.array_equal(found[name], weights[name]) for name in weights)
    (tmp_path / "lenet.bin").write_bytes(b"short")
    with pytest.raises(ImportedFileError, match=r"is no part of 'lenet\.bin'"):
        load_weights(path, da.from_onnx(path))


@pytest.mark.parametrize("seed", range(4))
def test_damaged_files_are_refused_if_at_all(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    net = SMALL_NETS[list(SMALL_NETS)[seed]]()
    path = to_onnx(net, tmp_path / "net.onnx", with_statistics(net))
    whole, read = path.read_bytes(), da.from_onnx(path)
    read_well = 0
    for _ in range(60):
        data = bytearray(whole)
        for place in rng.integers(0, len(data), 2):
            data[place] = rng.integers(256)
        path.write_bytes(data)
        with contextlib.suppress(da.DnnAccelError):
            load_weights(path, read)
            read_well += 1
    assert read_well < 60
