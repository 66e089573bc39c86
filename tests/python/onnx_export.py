"""Writes a network as an ONNX file, for the tests of the importer.

Weights are references to a file that does not exist: the importer must not look for it. What is written is
otherwise what ONNX's own checker accepts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from dnnaccel import layers
from dnnaccel.layers import Layer
from dnnaccel.network import Network

OPSET = 20


class Writer:
    """The nodes and tensors of one graph."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.nodes: list[onnx.NodeProto] = []
        self.tensors: dict[str, onnx.TensorProto] = {}

    def node(
        self, operator: str, inputs: Sequence[str], output: str, *, name: str = "", **attributes: Any
    ) -> str:
        self.nodes.append(
            helper.make_node(operator, list(inputs), [output], name=name or output, **attributes)
        )
        return output

    def weight(self, layer: Layer, word: str, *shape: int) -> str:
        """A tensor of the layer, or of the one whose weights it uses, without its numbers."""
        owner = layer
        while owner.weights_from is not None:
            owner = self.network[owner.weights_from]
        tensor = TensorProto(name=f"{owner.name}.{word}", data_type=TensorProto.FLOAT, dims=shape)
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="no such file")
        self.tensors[tensor.name] = tensor
        return tensor.name

    def small(self, layer: Layer, word: str, values: object, dtype: type = np.int64) -> str:
        name = f"{layer.name}.{word}"
        self.tensors[name] = numpy_helper.from_array(np.array(values, dtype), name)
        return name

    def zeros(self, layer: Layer, word: str, *shape: int) -> str:
        return self.node(
            "ConstantOfShape", [self.small(layer, f"{word}.shape", shape)], f"{layer.name}.{word}"
        )


def _window(layer: Any) -> dict[str, Any]:
    window = {"kernel_shape": layer.kernel, "strides": layer.stride, "pads": layer.padding * 2}
    return window | ({"dilations": layer.dilation} if hasattr(layer, "dilation") else {})


def _convolution(writer: Writer, layer: Any) -> None:
    channels, outputs = layer.input_shapes[0][1], layer.output_shape[1]
    groups = channels if isinstance(layer, layers.DepthwiseConv2d) else layer.groups
    inputs = [*layer.inputs, writer.weight(layer, "weight", outputs, channels // groups, *layer.kernel)]
    if layer.bias:
        inputs.append(writer.weight(layer, "bias", outputs))
    writer.node("Conv", inputs, layer.name, group=groups, **_window(layer))


def _linear(writer: Writer, layer: Any) -> None:
    features, outputs = layer.input_shapes[0][-1], layer.out_features
    weight = writer.weight(layer, "weight", outputs, features)
    bias = [writer.weight(layer, "bias", outputs)] if layer.bias else []
    if len(layer.input_shapes[0]) == 2:
        writer.node("Gemm", [*layer.inputs, weight, *bias], layer.name, transB=1)
        return
    turned = writer.node("Transpose", [weight], f"{layer.name}.turned", perm=[1, 0])
    product = f"{layer.name}.product" if bias else layer.name
    writer.node("MatMul", [*layer.inputs, turned], product, name=layer.name)
    if bias:
        writer.node("Add", [product, *bias], layer.name, name=f"{layer.name}.plus")


def _pool(writer: Writer, layer: Any) -> None:
    more: dict[str, Any] = {"ceil_mode": int(layer.ceil_mode)}
    if isinstance(layer, layers.AvgPool2d):
        more["count_include_pad"] = int(layer.count_include_pad)
    operator = "AveragePool" if isinstance(layer, layers.AvgPool2d) else "MaxPool"
    writer.node(operator, layer.inputs, layer.name, **_window(layer), **more)


def _norm(operator: str, *words: str) -> Callable[[Writer, Any], None]:
    def write(writer: Writer, layer: Any) -> None:
        features = layer.input_shapes[0][1 if operator == "BatchNormalization" else -1]
        learned = [writer.weight(layer, word, features) for word in words]
        writer.node(operator, [*layer.inputs, *learned], layer.name)

    return write


def _plain(operator: str) -> Callable[[Writer, Any], None]:
    def write(writer: Writer, layer: Any) -> None:
        writer.node(operator, layer.inputs, layer.name)

    return write


def _sum(operator: str, several: str | None = None) -> Callable[[Writer, Any], None]:
    def write(writer: Writer, layer: Any) -> None:
        chosen = operator if len(layer.inputs) == 2 else several
        assert chosen is not None, f"ONNX has no {layer.kind} of {len(layer.inputs)} inputs"
        writer.node(chosen, layer.inputs, layer.name)

    return write


def _clip(writer: Writer, layer: Any) -> None:
    bounds = [writer.small(layer, word, value, np.float32) for word, value in (("min", 0), ("max", 6))]
    writer.node("Clip", [*layer.inputs, *bounds], layer.name)


def _scale(writer: Writer, layer: Any) -> None:
    factor = writer.small(layer, "factor", layer.factor, np.float32)
    writer.node("Mul", [*layer.inputs, factor], layer.name)


def _reshape(writer: Writer, layer: Any) -> None:
    writer.node("Reshape", [*layer.inputs, writer.small(layer, "shape", layer.shape)], layer.name)


def _slice(writer: Writer, layer: Any) -> None:
    stop = layer.input_shapes[0][layer.axis] if layer.stop is None else layer.stop
    numbers = (("starts", layer.start), ("ends", stop), ("axes", layer.axis))
    given = [writer.small(layer, word, [value]) for word, value in numbers]
    writer.node("Slice", [*layer.inputs, *given], layer.name)


def _pad(writer: Writer, layer: Any) -> None:
    before, after = zip(layer.rows, layer.columns, strict=True)
    pads = writer.small(layer, "pads", [0, 0, *before, 0, 0, *after])
    writer.node("Pad", [*layer.inputs, pads], layer.name)


def _shuffle(writer: Writer, layer: Any) -> None:
    batch, channels, rows, columns = layer.output_shape
    split = (batch, layer.groups, channels // layer.groups, rows, columns)
    parts = writer.node(
        "Reshape", [*layer.inputs, writer.small(layer, "split", split)], f"{layer.name}.parts"
    )
    dealt = writer.node("Transpose", [parts], f"{layer.name}.dealt", perm=[0, 2, 1, 3, 4])
    writer.node("Reshape", [dealt, writer.small(layer, "joined", layer.output_shape)], layer.name)


def _embedding(writer: Writer, layer: Any) -> None:
    writer.node(
        "Gather", [writer.weight(layer, "weight", layer.entries, layer.features), *layer.inputs], layer.name
    )


def _positions(writer: Writer, layer: Any) -> None:
    rows, features = layer.input_shapes[0][1:]
    if layer.learned:
        table = writer.weight(layer, "weight", layer.entries, features)
        numbers = (("starts", layer.first), ("ends", layer.first + rows), ("axes", 0))
        cut = [writer.small(layer, word, [value]) for word, value in numbers]
        table = writer.node("Slice", [table, *cut], f"{layer.name}.rows")
    else:
        table = writer.zeros(layer, "rows", rows, features)
    writer.node("Add", [*layer.inputs, table], layer.name)


def _class_token(writer: Writer, layer: Any) -> None:
    batch, _, features = layer.output_shape
    shape = writer.small(layer, "shape", [batch, 1, features])
    token = writer.node(
        "Expand", [writer.weight(layer, "weight", 1, 1, features), shape], f"{layer.name}.token"
    )
    writer.node("Concat", [token, *layer.inputs], layer.name, axis=1)


def _recurrent(writer: Writer, layer: Any) -> None:
    gates = {"rnn": 1, "lstm": 4, "gru": 3}[layer.kind] * layer.hidden_size
    inputs = [
        *layer.inputs,
        writer.weight(layer, "weight", 1, gates, layer.input_shapes[0][-1]),
        writer.weight(layer, "state", 1, gates, layer.hidden_size),
    ]
    if layer.biases:
        learned = writer.weight(layer, "bias", 1, layer.biases * gates)
        if layer.biases == 1:  # ONNX always has two vectors
            none = writer.zeros(layer, "none", 1, gates)
            learned = writer.node("Concat", [learned, none], f"{layer.name}.biases", axis=1)
        inputs.append(learned)
    states = writer.node(
        layer.kind.upper(),
        inputs,
        f"{layer.name}.states",
        name=layer.name,
        hidden_size=layer.hidden_size,
        direction="reverse" if layer.reverse else "forward",
        layout=1,
    )
    axes = writer.small(layer, "axes", [2])
    writer.node("Squeeze", [states, axes], layer.name, name=f"{layer.name}.squeeze")


_WRITERS: dict[str, Callable[[Writer, Any], None]] = {
    "conv2d": _convolution,
    "depthwise": _convolution,
    "linear": _linear,
    "matmul": _plain("MatMul"),
    "max_pool": _pool,
    "avg_pool": _pool,
    "global_avg_pool": _plain("GlobalAveragePool"),
    "global_max_pool": _plain("GlobalMaxPool"),
    "lrn": lambda writer, layer: writer.node("LRN", layer.inputs, layer.name, size=layer.size),
    "softmax": lambda writer, layer: writer.node("Softmax", layer.inputs, layer.name, axis=layer.axis),
    "batch_norm": _norm("BatchNormalization", "weight", "bias", "mean", "variance"),
    "layer_norm": _norm("LayerNormalization", "weight", "bias"),
    "relu": _plain("Relu"),
    "relu6": _clip,
    "gelu": _plain("Gelu"),
    "sigmoid": _plain("Sigmoid"),
    "tanh": _plain("Tanh"),
    "scale": _scale,
    "add": _sum("Add", "Sum"),
    "multiply": _sum("Mul"),
    "concat": lambda writer, layer: writer.node("Concat", layer.inputs, layer.name, axis=layer.axis),
    "flatten": _plain("Flatten"),
    "reshape": _reshape,
    "permute": lambda writer, layer: writer.node("Transpose", layer.inputs, layer.name, perm=layer.axes),
    "slice": _slice,
    "pad": _pad,
    "channel_shuffle": _shuffle,
    "embedding": _embedding,
    "position_embedding": _positions,
    "class_token": _class_token,
    "rnn": _recurrent,
    "lstm": _recurrent,
    "gru": _recurrent,
}


def to_model(network: Network) -> onnx.ModelProto:
    """Return `network` as an ONNX model."""
    writer = Writer(network)
    for layer in network.layers:
        _WRITERS[layer.kind](writer, layer)
    tokens = {
        name
        for name in network.inputs
        if any(reader.kind == "embedding" for reader in network.consumers(name))
    }
    inputs = [
        helper.make_tensor_value_info(
            name, TensorProto.INT64 if name in tokens else TensorProto.FLOAT, list(shape)
        )
        for name, shape in network.inputs.items()
    ]
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))
        for name, shape in network.outputs.items()
    ]
    graph = helper.make_graph(
        writer.nodes, network.name, inputs, outputs, initializer=list(writer.tensors.values())
    )
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9, producer_name="dnnaccel's tests"
    )


def to_onnx(network: Network, path: Path) -> Path:
    """Write `network` to the ONNX file `path`; a few kilobytes, because its weights are not written."""
    path.write_bytes(to_model(network).SerializeToString())
    return path
