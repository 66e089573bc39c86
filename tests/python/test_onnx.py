"""ONNX files: every network of the zoo comes back as it was, and each operator is read as ONNX means it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dnnaccel
from dnnaccel import importers, layers, zoo
from dnnaccel.errors import ImportedFileError, MissingExtraError, UnknownNameError
from dnnaccel.network import Network

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402
from onnx_export import to_model, to_onnx  # noqa: E402


def tensor(name: str, *shape: int) -> Any:
    """A float tensor with random numbers."""
    return numpy_helper.from_array(np.random.default_rng(1).random(shape, np.float32), name)


def number(name: str, value: object, dtype: type = np.int64) -> Any:
    return numpy_helper.from_array(np.array(value, dtype), name)


def model(
    nodes: Sequence[Any],
    inputs: dict[str, Sequence[int | str | None]],
    tensors: Sequence[Any] = (),
    *,
    outputs: Sequence[str] = ("y",),
    opset: int = 20,
    hints: Sequence[Any] = (),
) -> Any:
    graph = helper.make_graph(
        list(nodes),
        "graph",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        initializer=list(tensors),
        value_info=list(hints),
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)


def node(operator: str, inputs: str, output: str = "y", **attributes: Any) -> Any:
    """A node named as its first output; inputs and outputs are separated by blanks."""
    names = [name.replace("-", "") for name in inputs.split()]
    return helper.make_node(operator, names, output.split(), name=output.split()[0], **attributes)


def read(tmp_path: Path, proto: Any, **options: Any) -> Network:
    path = tmp_path / "model.onnx"
    path.write_bytes(proto.SerializeToString())
    return dnnaccel.from_onnx(path, **options)


def kinds(net: Network) -> list[str]:
    return [layer.kind for layer in net]


@pytest.mark.parametrize("name", zoo.names())
def test_every_network_comes_back(name: str, tmp_path: Path) -> None:
    net = zoo.load(name)
    path = to_onnx(net, tmp_path / f"{name}.onnx")
    back = dnnaccel.from_onnx(path)
    assert back.name == name
    assert dict(back.inputs) == dict(net.inputs)

    def graph(net: Network) -> dict[str, tuple[object, ...]]:
        return {
            one.name: (one.kind, one.inputs, one.output_shape, one.macs, one.weights, one.parameters, one.ops)
            for one in net
        }

    assert graph(back) == graph(net)
    assert back.total_macs == net.total_macs
    assert back.total_weights == net.total_weights
    assert back.total_parameters == net.total_parameters
    assert "unknown_operators" not in back.metadata
    assert path.stat().st_size < 2_000_000


@pytest.mark.parametrize("name", ["alexnet", "resnet50", "vit_b16"])
def test_what_the_tests_export_is_sound_onnx(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proto = to_model(zoo.load(name))
    (tmp_path / "no such file").touch()  # the checker wants to see it
    monkeypatch.chdir(tmp_path)
    onnx.checker.check_model(proto)
    inferred = onnx.shape_inference.infer_shapes(proto, strict_mode=True)
    claimed = {
        value.name: tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
        for value in inferred.graph.value_info
    }
    for layer in zoo.load(name):
        if layer.name in claimed:
            assert claimed[layer.name] == layer.output_shape


class TestWindows:
    @pytest.mark.parametrize(
        ("attributes", "shape", "padding"),
        [
            ({}, (1, 8, 10, 9), (0, 0)),
            ({"pads": [1, 2, 1, 2]}, (1, 8, 12, 13), (1, 2)),
            ({"auto_pad": "VALID", "strides": [2, 2]}, (1, 8, 5, 5), (0, 0)),
            ({"auto_pad": "SAME_UPPER"}, (1, 8, 12, 11), (1, 1)),
            ({"strides": [2, 1], "dilations": [2, 1]}, (1, 8, 4, 9), (0, 0)),
        ],
    )
    def test_convolution(
        self, attributes: dict[str, Any], shape: tuple[int, ...], padding: tuple[int, int], tmp_path: Path
    ) -> None:
        proto = model([node("Conv", "x w", **attributes)], {"x": (1, 4, 12, 11)}, [tensor("w", 8, 4, 3, 3)])
        (conv,) = read(tmp_path, proto)
        assert isinstance(conv, layers.Conv2d)
        assert (conv.output_shape, conv.padding, conv.bias) == (shape, padding, False)

    @pytest.mark.parametrize(
        ("attributes", "rows", "columns", "output"),
        [
            ({"pads": [0, 1, 2, 3]}, (0, 2), (1, 3), (1, 8, 12, 13)),
            # 12 rows by steps of 2 are 6: (6 - 1) * 2 + 3 - 12 = 1 row too few, which comes late or early.
            ({"auto_pad": "SAME_UPPER", "strides": [2, 2]}, (0, 1), (1, 1), (1, 8, 6, 6)),
            ({"auto_pad": "SAME_LOWER", "strides": [2, 2]}, (1, 0), (1, 1), (1, 8, 6, 6)),
        ],
    )
    def test_uneven_padding_is_a_layer_before(
        self,
        attributes: dict[str, Any],
        rows: tuple[int, int],
        columns: tuple[int, int],
        output: tuple[int, ...],
        tmp_path: Path,
    ) -> None:
        proto = model([node("Conv", "x w", **attributes)], {"x": (1, 4, 12, 11)}, [tensor("w", 8, 4, 3, 3)])
        pad, conv = read(tmp_path, proto)
        assert isinstance(pad, layers.Pad2d)
        assert (pad.rows, pad.columns, conv.output_shape) == (rows, columns, output)

    def test_groups(self, tmp_path: Path) -> None:
        nodes = [node("Conv", "x w b", "d", group=4), node("Conv", "d v", group=4)]
        tensors = [tensor("w", 8, 1, 3, 3), tensor("b", 8), tensor("v", 12, 2, 1, 1)]
        depthwise, grouped = read(tmp_path, model(nodes, {"x": (1, 4, 12, 12)}, tensors))
        assert isinstance(depthwise, layers.DepthwiseConv2d)
        assert (depthwise.multiplier, depthwise.bias, depthwise.parameters) == (2, True, 72 + 8)
        assert isinstance(grouped, layers.Conv2d)
        assert (grouped.groups, grouped.weights) == (4, 24)

    def test_one_axis_is_an_image_of_one_row(self, tmp_path: Path) -> None:
        nodes = [
            node("Conv", "x w", "a", pads=[1, 1], strides=[2]),
            node("Relu", "a", "r"),
            node("Conv", "a w2", "b"),
            node("MaxPool", "b", kernel_shape=[2], strides=[2]),
        ]
        tensors = [tensor("w", 6, 4, 3), tensor("w2", 5, 6, 3)]
        net = read(tmp_path, model(nodes, {"x": (2, 4, 20)}, tensors, outputs=("y", "r")))
        assert net["a"].macs == 2 * 6 * 4 * 3 * 10
        assert net["b"].macs == 2 * 5 * 6 * 3 * 8
        assert net["b"].inputs == ("a",)  # not there and back
        assert net["y"].inputs == ("b",)
        assert net.outputs == {"r": (2, 6, 10), "y:out": (2, 5, 4)}

    def test_three_axes_have_no_layer(self, tmp_path: Path) -> None:
        proto = model([node("Conv", "x w")], {"x": (1, 4, 8, 8, 8)}, [tensor("w", 6, 4, 3, 3, 3)])
        net = read(tmp_path, proto)
        assert net["y"].output_shape == (1, 6, 6, 6, 6)
        assert net.metadata["unknown_operators"] == "Conv (3-D) x1"

    def test_poolings(self, tmp_path: Path) -> None:
        nodes = [
            node("AveragePool", "x", "a", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1),
            node("ReduceMean", "a axes", "m", keepdims=0),
            node("GlobalMaxPool", "a", "g"),
            node("MaxPool", "a", kernel_shape=[3, 3], pads=[2, 2, 2, 2]),
        ]
        proto = model(nodes, {"x": (1, 4, 10, 10)}, [number("axes", [2, 3])], outputs=("y", "m", "g"))
        net = read(tmp_path, proto)
        pool = net["a"]
        assert isinstance(pool, layers.AvgPool2d)
        assert (pool.output_shape, pool.count_include_pad) == ((1, 4, 5, 5), False)
        assert net.outputs == {"m:out": (1, 4), "g": (1, 4, 1, 1), "y": (1, 4, 7, 7)}


class TestMatrices:
    def test_gemm_and_matmul(self, tmp_path: Path) -> None:
        nodes = [
            node("Gemm", "x w b", "g", transB=1),
            node("Gemm", "g v", "h"),
            node("MatMul", "h u", "p"),
            node("Add", "p c", "q"),
            node("MatMul", "q u", "r"),
            node("Transpose", "r", "t", perm=[1, 0]),
            node("MatMul", "r t"),
        ]
        tensors = [tensor("w", 7, 5), tensor("b", 7), tensor("v", 7, 9), tensor("u", 9, 9), tensor("c", 9)]
        net = read(tmp_path, model(nodes, {"x": (2, 5)}, tensors))
        assert kinds(net) == ["linear", "linear", "linear", "linear", "permute", "matmul"]
        assert [net[name].parameters for name in "ghpr"] == [42, 63, 90, 81]
        assert net["r"].inputs == ("p",)

    def test_shared_weights_are_counted_once(self, tmp_path: Path) -> None:
        nodes = [node("MatMul", "x w", "a"), node("MatMul", "a w", "b"), node("MatMul", "b v")]
        net = read(tmp_path, model(nodes, {"x": (2, 5)}, [tensor("w", 5, 5), tensor("v", 5, 5)]))
        assert [layer.weights_from for layer in net] == [None, "a", None]
        assert net.total_weights == 50

    @pytest.mark.parametrize(("operator", "gates"), [("RNN", 1), ("GRU", 3), ("LSTM", 4)])
    def test_recurrent_as_torch_writes_it(self, operator: str, gates: int, tmp_path: Path) -> None:
        nodes = [
            node("Transpose", "x", "turned", perm=[1, 0, 2]),
            node(operator, "turned w r b", "states last", hidden_size=6),
            node("Squeeze", "states one", "flat"),
            node("Transpose", "flat", "back", perm=[1, 0, 2]),
            node("Relu", "back"),
        ]
        tensors = [
            *(tensor("w", 1, gates * 6, 4), tensor("r", 1, gates * 6, 6), tensor("b", 1, 2 * gates * 6)),
            number("one", [1]),
        ]
        net = read(tmp_path, model(nodes, {"x": (3, 5, 4)}, tensors))
        assert kinds(net) == [operator.lower(), "relu"]  # no view is left
        cell = net["states"]
        assert (cell.inputs, cell.output_shape) == (("x",), (3, 5, 6))
        assert cell.parameters == gates * 6 * (4 + 6 + 2)

    def test_both_directions_and_the_last_state(self, tmp_path: Path) -> None:
        both = [node("LSTM", "x w r", hidden_size=6, direction="bidirectional")]
        net = read(tmp_path, model(both, {"x": (5, 3, 4)}, [tensor("w", 2, 24, 4), tensor("r", 2, 24, 6)]))
        assert net.total_macs == 2 * 3 * 5 * 24 * 10
        assert list(net.outputs.values()) == [(5, 2, 3, 6)]
        last = [helper.make_node("GRU", ["x", "w", "r"], ["", "y"], "gru", hidden_size=6)]
        net = read(tmp_path, model(last, {"x": (5, 3, 4)}, [tensor("w", 1, 18, 4), tensor("r", 1, 18, 6)]))
        assert list(net.outputs.values()) == [(1, 3, 6)]
        assert (net["gru:last"].start, net["gru:last"].stop) == (4, 5)


class TestElementwise:
    @pytest.mark.parametrize("early", [False, True])
    def test_gelu_as_torch_writes_it(self, early: bool, tmp_path: Path) -> None:
        nodes = [node("Div", "x root", "d"), node("Erf", "d", "e"), node("Add", "e one", "p")]
        if early:
            nodes += [node("Mul", "x half", "h"), node("Mul", "h p")]
        else:
            nodes += [node("Mul", "x p", "m"), node("Mul", "m half")]
        numbers = [
            number(name, value, np.float32) for name, value in (("root", 2**0.5), ("one", 1), ("half", 0.5))
        ]
        net = read(tmp_path, model(nodes, {"x": (1, 5, 8)}, numbers))
        assert [(layer.name, layer.kind, layer.inputs) for layer in net] == [("y", "gelu", ("x",))]

    def test_an_erf_of_another_kind_stays_itself(self, tmp_path: Path) -> None:
        nodes = [node("Div", "x root", "d"), node("Erf", "d", "e"), node("Add", "e e")]
        net = read(tmp_path, model(nodes, {"x": (1, 8)}, [number("root", 2**0.5, np.float32)]))
        assert kinds(net) == ["scale", "opaque", "add"]

    def test_clips(self, tmp_path: Path) -> None:
        nodes = [node("Clip", "x zero six", "a"), node("Clip", "a zero", "b"), node("Clip", "b - six")]
        numbers = [number("zero", 0, np.float32), number("six", 6, np.float32)]
        net = read(tmp_path, model(nodes, {"x": (1, 8)}, numbers))
        assert kinds(net) == ["relu6", "relu", "opaque"]
        old = model([node("Clip", "x", min=0.0, max=6.0)], {"x": (1, 8)}, opset=10)
        assert kinds(read(tmp_path, old)) == ["relu6"]

    def test_scales_products_and_broadcasts(self, tmp_path: Path) -> None:
        nodes = [
            node("Div", "x eight", "a"),
            node("Mul", "a x", "b"),
            node("GlobalAveragePool", "b", "g"),
            node("Sigmoid", "g", "s"),
            node("Mul", "b s", "c"),
            node("Sum", "a b c"),
        ]
        net = read(tmp_path, model(nodes, {"x": (1, 4, 6, 6)}, [number("eight", 8, np.float32)]))
        assert net["a"].factor == 0.125
        assert kinds(net) == ["scale", "multiply", "global_avg_pool", "sigmoid", "opaque", "add"]
        assert net["c"].output_shape == (1, 4, 6, 6)
        assert net.metadata["unknown_operators"] == "Mul (broadcast) x1"


class TestLayout:
    def test_shapes_that_are_computed_are_folded(self, tmp_path: Path) -> None:
        nodes = [
            node("Shape", "x", "shape"),
            node("Gather", "shape zero", "batch", axis=0),
            node("Unsqueeze", "batch axis", "batch1"),
            node("Concat", "batch1 rest", "target", axis=0),
            node("Reshape", "x target"),
        ]
        numbers = [number("zero", 0), number("axis", [0]), number("rest", [-1, 3])]
        net = read(tmp_path, model(nodes, {"x": ("n", 6, 4)}, numbers), dims={"n": 2})
        assert [(layer.kind, layer.output_shape) for layer in net] == [("reshape", (2, 8, 3))]

    def test_cuts(self, tmp_path: Path) -> None:
        nodes = [
            node("Split", "x sizes", "a b c", axis=1),
            node("Slice", "b starts ends axes", "s"),
            node("Gather", "c last", "g", axis=2),
            node("Flatten", "s", "f"),
            node("Flatten", "g"),
        ]
        numbers = [
            *(number("sizes", [2, 3, 1]), number("starts", [1, -4]), number("ends", [2**62, -1])),
            *(number("axes", [2, 3]), number("last", -1)),
        ]
        net = read(tmp_path, model(nodes, {"x": (2, 6, 7, 8)}, numbers, outputs=("f", "y")))
        assert dict(net.outputs) == {"f": (2, 3 * 6 * 3), "y": (2, 8)}
        assert "a:0" not in net
        parts = [(one.axis, one.start, one.stop) for one in net if isinstance(one, layers.Slice)]
        assert parts == [(1, 2, 5), (1, 5, 6), (2, 1, 7), (3, 4, 7), (2, 6, 7)]

    def test_channel_shuffle_and_pad(self, tmp_path: Path) -> None:
        nodes = [
            node("Pad", "x pads", "p"),
            node("Reshape", "p split", "r"),
            node("Transpose", "r", "t", perm=[0, 2, 1, 3, 4]),
            node("Reshape", "t joined"),
        ]
        numbers = [
            number("pads", [0, 0, 1, 0, 0, 0, 0, 2]),
            *(number("split", [1, 3, 4, 6, 9]), number("joined", [1, -1, 6, 9])),
        ]
        net = read(tmp_path, model(nodes, {"x": (1, 12, 5, 7)}, numbers))
        assert kinds(net) == ["pad", "channel_shuffle"]
        assert (net["p"].rows, net["p"].columns, net["y"].groups) == ((1, 0), (0, 2), 3)

    def test_what_does_nothing_is_no_layer(self, tmp_path: Path) -> None:
        nodes = [node("Identity", "x", "a"), node("Dropout", "a", "b"), node("Cast", "b", "c", to=1)]
        net = read(tmp_path, model([*nodes, node("Relu", "c")], {"x": (1, 8)}))
        assert [(layer.kind, layer.inputs) for layer in net] == [("relu", ("x",))]


class TestUnknownOperators:
    def test_are_kept_with_their_traffic(self, tmp_path: Path) -> None:
        nodes = [
            node("Resize", "x - sizes", "up", mode="nearest"),
            helper.make_node("Frobnicate", ["up"], ["f"], "f", domain="com.example"),
            helper.make_node("Frobnicate", ["f"], ["g"], "g", domain="com.example"),
            node("Relu", "g"),
        ]
        net = read(tmp_path, model(nodes, {"x": (1, 4, 6, 6)}, [number("sizes", [1, 1, 2, 2], np.float32)]))
        assert kinds(net) == ["opaque", "opaque", "opaque", "relu"]
        assert net["up"].output_shape == (1, 4, 12, 12)
        assert (net["up"].operator, net["f"].operator) == ("Resize", "com.example::Frobnicate")
        assert net.metadata["unknown_operators"] == "com.example::Frobnicate x2, Resize x1"
        assert "\ncounted by their traffic alone: com.example::Frobnicate x2, Resize x1\n" in net.summary()
        note = str(net.metadata["note"])
        assert "counted by their traffic alone: com.example::Frobnicate x2, Resize x1" in note
        assert "'f' is taken to give the shape of its input, (1, 4, 12, 12)" in note
        report = dnnaccel.simulate(net, "eyeriss")
        assert report.macs == 0
        up = next(layer for layer in report.layers if layer.name == "up")
        assert up.traffic(level="dram") == 4 * 36 + 4 * 144

    def test_their_shapes_may_come_from_the_file(self, tmp_path: Path) -> None:
        custom = helper.make_node("Frobnicate", ["x"], ["f"], "f", domain="com.example")
        hint = helper.make_tensor_value_info("f", TensorProto.FLOAT, ["n", 9])
        proto = model([custom, node("Relu", "f")], {"x": ("n", 4)}, hints=[hint])
        net = read(tmp_path, proto, dims={"n": 3})
        assert net["f"].output_shape == (3, 9)
        assert "taken to give" not in str(net.metadata["note"])

    def test_every_output_in_use_has_a_layer(self, tmp_path: Path) -> None:
        nodes = [node("TopK", "x k", "values places", axis=1), node("Relu", "places")]
        net = read(tmp_path, model(nodes, {"x": (1, 9)}, [number("k", [3])], outputs=("y", "values")))
        assert [(layer.name, layer.output_shape) for layer in net] == [
            ("values", (1, 3)),
            ("values:1", (1, 3)),
            ("y", (1, 3)),
        ]

    def test_of_constants_are_listed(self, tmp_path: Path) -> None:
        nodes = [node("Hardmax", "w", "h"), node("MatMul", "x h")]
        net = read(tmp_path, model(nodes, {"x": (1, 4)}, [tensor("w", 4, 5)]))
        assert net["y"].output_shape == (1, 5)
        assert net.metadata["unknown_operators"] == "Hardmax (of constants) x1"


RELU = [node("Relu", "x")]


class TestErrors:
    @pytest.mark.parametrize(
        ("proto", "message"),
        [
            (
                model(RELU, {"x": ("batch", 8)}),
                r"input 'x' leaves the size of axis 0 open.*dims=\{'batch': 1\}",
            ),
            (model(RELU, {"x": (None, 8)}), r"input 'x' leaves the size of axis 0 open.*dims=\{'x.0': 1\}"),
            (
                model([node("Add", "x z", "a"), node("Relu", "a", "z")], {"x": (1, 8)}),
                "Add 'a': waits for itself: the graph has a cycle",
            ),
            (model([node("Relu", "nobody")], {"x": (1, 8)}), "Relu 'y': reads 'nobody', which no node"),
            (model([*RELU, *RELU], {"x": (1, 8)}), "'y' is given twice"),
            (model([node("Identity", "x")], {"x": (1, 8)}), "computes nothing from its inputs"),
            (
                model([node("Conv", "x w")], {"x": (1, 3, 8, 8)}, [tensor("w", 4, 5, 3, 3)]),
                r"Conv 'y': filters \(4, 5, 3, 3\) in 1 groups do not meet the 3 channels",
            ),
            (
                model([node("MatMul", "x w")], {"x": (1, 3)}, [tensor("w", 4, 5)]),
                r"linear 'y': takes 4 features, given \(1, 3\)",
            ),
            (
                model([node("Reshape", "x s")], {"x": (1, 3)}, [number("s", [2, 2])]),
                r"Reshape 'y': does not fit its input of shape \(1, 3\)",
            ),
            (
                model([node("Softmax", "x", axis=5)], {"x": (1, 3)}),
                "Softmax 'y': axis 5 does not exist in a tensor of 2 axes",
            ),
            (model([], {"x": (1, 8)}), "holds no ONNX graph with nodes"),
        ],
    )
    def test_one_sentence_says_what_is_wrong(self, proto: Any, message: str, tmp_path: Path) -> None:
        with pytest.raises(ImportedFileError, match=message) as caught:
            read(tmp_path, proto)
        assert str(caught.value).startswith(f"{tmp_path / 'model.onnx'}: ")
        assert "\n" not in str(caught.value)

    def test_open_sizes(self, tmp_path: Path) -> None:
        proto = model(RELU, {"x": ("batch", 8)})
        assert read(tmp_path, proto, dims={"batch": 4}).batch == 4
        assert read(tmp_path, model(RELU, {"x": (None, 8)}), dims={"x.0": 4}).batch == 4
        with pytest.raises(ImportedFileError, match=r"dims=\{'batch': 0\} must be a whole number from 1"):
            read(tmp_path, proto, dims={"batch": 0})
        with pytest.raises(UnknownNameError, match="'bach'; did you mean 'batch'"):
            read(tmp_path, proto, dims={"batch": 1, "bach": 1})
        with pytest.raises(ImportedFileError, match="leaves no size open"):
            read(tmp_path, model(RELU, {"x": (1, 8)}), dims={"batch": 1})

    def test_files_that_are_none(self, tmp_path: Path) -> None:
        with pytest.raises(ImportedFileError, match="cannot be read: No such file"):
            dnnaccel.from_onnx(tmp_path / "none.onnx")
        with pytest.raises(ImportedFileError, match="is no regular file"):
            dnnaccel.from_onnx(tmp_path)
        empty = tmp_path / "empty.onnx"
        empty.touch()
        with pytest.raises(ImportedFileError, match="has 0 bytes"):
            dnnaccel.from_onnx(empty)
        whole = model(RELU, {"x": (1, 8)}).SerializeToString()
        empty.write_bytes(whole[:-3])
        with pytest.raises(ImportedFileError, match="is no ONNX model, or is cut short"):
            dnnaccel.from_onnx(empty)

    def test_names_that_are_no_text(self, tmp_path: Path) -> None:
        path = tmp_path / "model.onnx"
        for name in (b"nodename", b"tensorname"):
            nodes = [helper.make_node("MatMul", ["x", "tensorname"], ["y"], "nodename")]
            whole = model(nodes, {"x": (1, 2)}, [tensor("tensorname", 2, 2)]).SerializeToString()
            path.write_bytes(whole.replace(name, b"\xff" * len(name)))
            with pytest.raises(ImportedFileError, match="a name in it is no UTF-8 text"):
                dnnaccel.from_onnx(path)

    def test_constants_too_large_for_any_memory(self, tmp_path: Path) -> None:
        size = 2**31 - 1
        vast = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[size] * 4)
        nodes = [node("Transpose", "w", "t"), node("MatMul", "x t")]
        with pytest.raises(ImportedFileError, match="Transpose 't': does not fit its input of shape"):
            read(tmp_path, model(nodes, {"x": (1, 2)}, [vast]))
        nodes = [node("ConstantOfShape", "s", "t"), node("Add", "x t")]
        with pytest.raises(ImportedFileError, match=r"'t': shape .* is too large, though it holds nothing"):
            read(tmp_path, model(nodes, {"x": (1, 2)}, [number("s", [0, 2**62, 2**62])]))

    def test_a_file_that_is_too_large_is_not_opened(self, tmp_path: Path) -> None:
        large = tmp_path / "large.onnx"
        with large.open("wb") as stream:
            stream.truncate(2**31)  # takes no room on the disk
        with pytest.raises(ImportedFileError, match="has 2147483648 bytes"):
            dnnaccel.from_onnx(large)


class TestWeights:
    def test_are_read_when_asked_for(self, tmp_path: Path) -> None:
        rng = np.random.default_rng(2)
        inside, outside = rng.random((40, 80), np.float32), rng.random((80, 20), np.float32)
        stored = numpy_helper.from_array(inside, "w")
        (tmp_path / "data.bin").write_bytes(b"12345678" + outside.tobytes() + b"9")
        proto = model(
            [node("MatMul", "x w", "a"), node("MatMul", "a v")],
            {"x": (1, 40)},
            [stored, self.external("v", (80, 20), location="data.bin", offset="8", length=str(80 * 20 * 4))],
        )
        assert read(tmp_path, proto).total_weights == 40 * 80 + 80 * 20
        weights = importers.load_onnx_weights(tmp_path / "model.onnx")
        assert list(weights) == ["w", "v"]
        np.testing.assert_array_equal(weights["w"], inside)
        np.testing.assert_array_equal(weights["v"], outside)
        assert list(importers.load_onnx_weights(tmp_path / "model.onnx", names=["w"])) == ["w"]
        with pytest.raises(UnknownNameError, match="unknown initialiser 'q'"):
            importers.load_onnx_weights(tmp_path / "model.onnx", names=["q"])

    @staticmethod
    def external(name: str, shape: Sequence[int], **told: str) -> Any:
        out = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=shape)
        out.data_location = TensorProto.EXTERNAL
        for key, value in told.items():
            out.external_data.add(key=key, value=value)
        return out

    @pytest.mark.parametrize(
        ("told", "message"),
        [
            ({"location": "../secret"}, "only files in it are read"),
            ({"location": "/etc/hostname"}, "only files in it are read"),
            ({"location": "link"}, "only files in it are read"),
            ({"location": "none"}, "cannot be read from 'none': No such file"),
            ({"location": "data.bin", "offset": "40"}, "is no part of 'data.bin', which has 32 bytes"),
            ({"location": "data.bin", "length": "99"}, "is no part of 'data.bin'"),
            ({"location": "data.bin", "length": "many"}, "not said clearly"),
            ({"location": "data.bin", "length": "8"}, r"does not hold what its shape \(2, 4\) says"),
            ({}, "not said clearly"),
        ],
    )
    def test_stay_in_the_models_folder(self, told: dict[str, str], message: str, tmp_path: Path) -> None:
        folder = tmp_path / "model"
        folder.mkdir()
        (tmp_path / "secret").write_bytes(bytes(32))
        (folder / "link").symlink_to(tmp_path / "secret")
        (folder / "data.bin").write_bytes(bytes(32))
        proto = model([node("MatMul", "x w")], {"x": (1, 2)}, [self.external("w", (2, 4), **told)])
        assert read(folder, proto).total_weights == 8
        with pytest.raises(ImportedFileError, match=message):
            importers.load_onnx_weights(folder / "model.onnx")

    def test_a_large_file_is_not_read(self, tmp_path: Path) -> None:
        # 1.6 GB that are holes: reading them would take seconds and memory that the limit does not give.
        path = tmp_path / "large.onnx"
        head = model([node("MatMul", "x w")], {"x": (1, 20_000)}).SerializeToString()
        tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=(20_000, 20_000)).SerializeToString()
        size = 20_000 * 20_000 * 4

        def varint(number: int) -> bytes:
            out = b""
            while number >= 128:
                out, number = out + bytes([number & 127 | 128]), number >> 7
            return out + bytes([number])

        raw = b"\x4a" + varint(size)  # field 9 of TensorProto: raw_data
        body = b"\x2a" + varint(len(tensor) + len(raw) + size) + tensor + raw  # field 5 of GraphProto
        with path.open("wb") as stream:
            stream.write(head + b"\x3a" + varint(len(body) + size) + body)  # field 7 of ModelProto, merged
            stream.truncate(stream.tell() + size)
        script = (
            "import resource, sys, dnnaccel\n"
            "resource.setrlimit(resource.RLIMIT_DATA, (2**29, 2**29))\n"
            "print(dnnaccel.from_onnx(sys.argv[1]).total_weights)"
        )
        run = subprocess.run(
            [sys.executable, "-c", script, str(path)], capture_output=True, text=True, timeout=60
        )
        assert run.stdout == "400000000\n", run.stderr


def test_read_network_goes_by_suffix(tmp_path: Path) -> None:
    path = to_onnx(zoo.load("lenet5"), tmp_path / "LENET.ONNX")
    assert importers.read_network(path, name="five").name == "five"
    with pytest.raises(UnknownNameError, match=r"'.onx'; did you mean '.onnx'"):
        importers.read_network(tmp_path / "lenet.onx")


def test_without_onnx_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'dnnaccel\[onnx\]'"):
        dnnaccel.from_onnx(tmp_path / "model.onnx")
    with pytest.raises(MissingExtraError, match=r"pip install 'dnnaccel\[onnx\]'"):
        importers.load_onnx_weights(tmp_path / "model.onnx")


def test_importers_load_onnx_only_to_read() -> None:
    script = "import sys, dnnaccel.importers\nprint('onnx' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"
