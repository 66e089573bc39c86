"""Writes a network as an ONNX file, for the tests of the importer and for bench/networks.py.

Without weights they are references to a file that does not exist: the importer must not look for it. What is
written is otherwise what ONNX's own checker accepts, and with weights what others run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from dnnaccel import layers
from dnnaccel.layers import Layer
from dnnaccel.network import Network

OPSET = 20

Array = NDArray[Any]
Weights = Mapping[str, Array]


class Writer:
    """The nodes and tensors of one graph."""

    def __init__(self, network: Network, weights: Weights | None = None) -> None:
        self.network = network
        self.weights = weights
        self.nodes: list[onnx.NodeProto] = []
        self.tensors: dict[str, onnx.TensorProto] = {}

    def node(
        self, operator: str, inputs: Sequence[str], output: str, *, name: str = "", **attributes: Any
    ) -> str:
        self.nodes.append(
            helper.make_node(operator, list(inputs), [output], name=name or output, **attributes)
        )
        return output

    def owner(self, layer: Layer) -> str:
        while layer.weights_from is not None:
            layer = self.network[layer.weights_from]
        return layer.name

    def weight(self, layer: Layer, word: str, *shape: int, values: Array | None = None) -> str:
        """A tensor of the layer, or of the one whose weights it uses: without its numbers if there are none.

        `values` are its numbers where it is not simply the parameter `word`.
        """
        name = f"{self.owner(layer)}.{word}"
        if name in self.tensors:
            return name
        if self.weights is not None:
            array = self.weights[name] if values is None else values
            self.tensors[name] = numpy_helper.from_array(
                np.ascontiguousarray(array, np.float32).reshape(shape), name
            )
            return name
        tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=shape)
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="no such file")
        self.tensors[name] = tensor
        return name

    def own(self, layer: Layer, word: str) -> Array | None:
        """The numbers of a parameter, if the network has them."""
        return None if self.weights is None else self.weights.get(f"{self.owner(layer)}.{word}")

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
    bias = [writer.weight(layer, "bias", outputs)] if layer.bias else []
    if len(layer.input_shapes[0]) == 2:
        weight = writer.weight(layer, "weight", outputs, features)
        writer.node("Gemm", [*layer.inputs, weight, *bias], layer.name, transB=1)
        return
    matrix = writer.own(layer, "weight")
    if matrix is None or f"{writer.owner(layer)}.weight" in writer.tensors:
        weight = writer.weight(layer, "weight", outputs, features)
        turned = writer.node("Transpose", [weight], f"{layer.name}.turned", perm=[1, 0])
    else:
        turned = writer.weight(layer, "weight.turned", features, outputs, values=matrix.T)
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


def _layer_norm(writer: Writer, layer: Any) -> None:
    learned = [writer.weight(layer, word, layer.input_shapes[0][-1]) for word in ("weight", "bias")]
    writer.node("LayerNormalization", [*layer.inputs, *learned], layer.name, epsilon=layer.epsilon)


def _batch_norm(writer: Writer, layer: Any) -> None:
    features = layer.input_shapes[0][1]
    mean, variance = writer.own(layer, "running_mean"), writer.own(layer, "running_var")
    if mean is None or variance is None:  # such that nothing is left of them
        mean, variance = np.zeros(features), np.full(features, 1 - layer.epsilon)
    learned = [
        writer.weight(layer, "weight", features),
        writer.weight(layer, "bias", features),
        writer.weight(layer, "running_mean", features, values=mean),
        writer.weight(layer, "running_var", features, values=variance),
    ]
    writer.node("BatchNormalization", [*layer.inputs, *learned], layer.name, epsilon=layer.epsilon)


def _lrn(writer: Writer, layer: Any) -> None:
    factors = {"alpha": layer.alpha, "beta": layer.beta, "bias": layer.k}
    writer.node("LRN", layer.inputs, layer.name, size=layer.size, **factors)


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
    elif (rows_of := writer.own(layer, "weight")) is not None:
        table = writer.small(layer, "rows", rows_of, np.float32)
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


# Where PyTorch's order has ONNX's gates: i o f c in i f g o, z r h in r z n.
_GATES = {"rnn": (0,), "lstm": (0, 3, 1, 2), "gru": (1, 0, 2)}


def _turned(writer: Writer, layer: Any, word: str) -> Array | None:
    array = writer.own(layer, word)
    if array is None:
        return None
    order = _GATES[layer.kind]
    parts = array.reshape(len(order), layer.hidden_size, *array.shape[1:])[list(order)]
    return parts.reshape(array.shape)


def _recurrent(writer: Writer, layer: Any) -> None:
    gates = len(_GATES[layer.kind]) * layer.hidden_size
    shapes = {"weight_ih": (1, gates, layer.input_shapes[0][-1]), "weight_hh": (1, gates, layer.hidden_size)}
    # Runtimes only know sequences that have their steps first.
    steps_first = writer.weights is not None
    given = layer.inputs[0]
    if steps_first:
        given = writer.node("Transpose", [given], f"{layer.name}.steps", perm=[1, 0, 2])
    inputs = [given]
    for word, shape in shapes.items():
        inputs.append(writer.weight(layer, word, *shape, values=_turned(writer, layer, word)))
    if layer.biases:
        rows = [_turned(writer, layer, word) for word in ("bias_ih", "bias_hh")[: layer.biases]]
        known = [row for row in rows if row is not None]
        joined = np.concatenate(known) if known else None
        learned = writer.weight(layer, "bias", 1, layer.biases * gates, values=joined)
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
        layout=int(not steps_first),
        **({"linear_before_reset": 1} if layer.kind == "gru" else {}),
    )
    axes = writer.small(layer, "axes", [1 if steps_first else 2])
    whole = f"{layer.name}.whole" if steps_first else layer.name
    writer.node("Squeeze", [states, axes], whole, name=f"{layer.name}.squeeze")
    if steps_first:
        writer.node("Transpose", [whole], layer.name, name=f"{layer.name}.back", perm=[1, 0, 2])


_WRITERS: dict[str, Callable[[Writer, Any], None]] = {
    "conv2d": _convolution,
    "depthwise": _convolution,
    "linear": _linear,
    "matmul": _plain("MatMul"),
    "max_pool": _pool,
    "avg_pool": _pool,
    "global_avg_pool": _plain("GlobalAveragePool"),
    "global_max_pool": _plain("GlobalMaxPool"),
    "lrn": _lrn,
    "softmax": lambda writer, layer: writer.node("Softmax", layer.inputs, layer.name, axis=layer.axis),
    "batch_norm": _batch_norm,
    "layer_norm": _layer_norm,
    "relu": _plain("Relu"),
    "relu6": _clip,
    "gelu": lambda writer, layer: writer.node(
        "Gelu", layer.inputs, layer.name, approximate=layer.approximate
    ),
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


def to_model(network: Network, weights: Weights | None = None) -> onnx.ModelProto:
    """Return `network` as an ONNX model, with its weights if there are some."""
    writer = Writer(network, weights)
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


def to_onnx(network: Network, path: Path, weights: Weights | None = None) -> Path:
    """Write `network` to the ONNX file `path`; without weights it takes a few kilobytes."""
    path.write_bytes(to_model(network, weights).SerializeToString())
    return path
