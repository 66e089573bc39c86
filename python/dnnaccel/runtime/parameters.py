"""What every kind of layer learns: the names and shapes of its parameters, as PyTorch has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dnnaccel.layers import Layer, Shape
from dnnaccel.network import Network

__all__ = ["owner_of", "parameter_shapes", "parameters_of"]

_Shapes = dict[str, Shape]


def _convolution(layer: Any) -> _Shapes:
    channels = layer.input_shapes[0][1]
    outputs = layer.output_shape[1]
    groups = channels if layer.kind == "depthwise" else layer.groups
    shapes = {"weight": (outputs, channels // groups, *layer.kernel)}
    return shapes | ({"bias": (outputs,)} if layer.bias else {})


def _linear(layer: Any) -> _Shapes:
    shapes: _Shapes = {"weight": (layer.out_features, layer.input_shapes[0][-1])}
    return shapes | ({"bias": (layer.out_features,)} if layer.bias else {})


def _batch_norm(layer: Any) -> _Shapes:
    size = (layer.input_shapes[0][1],)
    return {"weight": size, "bias": size}


def _layer_norm(layer: Any) -> _Shapes:
    size = (layer.input_shapes[0][-1],)
    return {"weight": size, "bias": size}


def _recurrent(layer: Any) -> _Shapes:
    rows = GATES[layer.kind] * layer.hidden_size
    shapes: _Shapes = {
        "weight_ih": (rows, layer.input_shapes[0][-1]),
        "weight_hh": (rows, layer.hidden_size),
    }
    return shapes | dict.fromkeys(("bias_ih", "bias_hh")[: layer.biases], (rows,))


def _embedding(layer: Any) -> _Shapes:
    return {"weight": (layer.entries, layer.features)}


def _positions(layer: Any) -> _Shapes:
    # A table of constants may have endlessly many rows: only those that are added are written down.
    _, positions, features = layer.input_shapes[0]
    return {"weight": (layer.entries if layer.learned else positions, features)}


def _class_token(layer: Any) -> _Shapes:
    return {"weight": (layer.input_shapes[0][-1],)}


GATES = {"rnn": 1, "lstm": 4, "gru": 3}
"""Gates of each recurrent kind; their rows stand one below the other, in PyTorch's order (i f g o; r z n)."""

_OF_KIND: dict[str, Callable[[Any], _Shapes]] = {
    "conv2d": _convolution,
    "depthwise": _convolution,
    "linear": _linear,
    "batch_norm": _batch_norm,
    "layer_norm": _layer_norm,
    **dict.fromkeys(GATES, _recurrent),
    "embedding": _embedding,
    "position_embedding": _positions,
    "class_token": _class_token,
}

_STATISTICS = ("running_mean", "running_var")


def parameters_of(layer: Layer, *, optional: bool = False) -> dict[str, Shape]:
    """Return the shape of every parameter of a layer, by its name within the layer.

    `optional` adds those that may be left out: the running statistics of a batch normalisation.
    """
    shapes = _OF_KIND[layer.kind](layer) if layer.kind in _OF_KIND else {}
    if optional and layer.kind == "batch_norm":
        shapes |= dict.fromkeys(_STATISTICS, shapes["weight"])
    return shapes


def owner_of(net: Network, layer: Layer) -> str:
    """Return the name of the layer whose parameters `layer` uses: mostly its own."""
    while layer.weights_from is not None:
        layer = net[layer.weights_from]
    return layer.name


def parameter_shapes(net: Network, *, optional: bool = False) -> dict[str, Shape]:
    """Return the shape of every array that running `net` takes, by ``"layer.parameter"``, in running order.

    Names and layouts are PyTorch's: a convolution's weight is (outputs, inputs of a group, rows, columns), a
    matrix (outputs, inputs); recurrent layers have weight_ih, weight_hh, bias_ih and bias_hh, with the rows
    of the gates below each other in the order i f g o and r z n. Layers that share parameters have them
    under the name of the first. A table of constant positions has only the rows that are added.

    `optional` adds what may be left out: running_mean and running_var of batch normalisations. Without them
    a batch normalisation is weight * x + bias.

    Examples
    --------
    >>> import dnnaccel as da
    >>> list(parameter_shapes(da.zoo.load("lenet5")).items())[:2]
    [('conv1.weight', (6, 1, 5, 5)), ('conv1.bias', (6,))]
    """
    return {
        f"{layer.name}.{parameter}": shape
        for layer in net.layers
        if layer.weights_from is None
        for parameter, shape in parameters_of(layer, optional=optional).items()
    }
