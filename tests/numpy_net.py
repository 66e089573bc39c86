"""Any network in NumPy, plain and slow: what the runtime's results are compared with.

Each kind of layer is written as its formula says, in float64 and in the network's own order of axes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from dnnaccel.layers import Layer
from dnnaccel.network import Network

__all__ = ["evaluate"]

Array = NDArray[Any]
Weights = Mapping[str, Array]


def evaluate(net: Network, weights: Mapping[str, ArrayLike], inputs: Mapping[str, Array]) -> dict[str, Array]:
    """Return the results of every layer of `net`, by its name."""
    values: dict[str, Array] = {name: np.asarray(given, np.float64) for name, given in inputs.items()}
    for layer in net.layers:
        given = [values[name] for name in layer.inputs]
        result = KINDS[layer.kind](layer, given, _own(net, layer, weights))
        assert result.shape == layer.output_shape, (layer, result.shape)
        values[layer.name] = result
    return values


def _own(net: Network, layer: Layer, weights: Mapping[str, ArrayLike]) -> Weights:
    owner = layer
    while owner.weights_from is not None:
        owner = net[owner.weights_from]
    start = f"{owner.name}."
    return {
        name[len(start) :]: np.asarray(array, np.float64)
        for name, array in weights.items()
        if name.startswith(start) and "." not in name[len(start) :]
    }


def _windows(
    x: Array, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int] = (1, 1)
) -> Array:
    """Return (N, C, P, Q, R, S): every window of an image."""
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    windows = sliding_window_view(x, reach, axis=(2, 3))[:, :, :: stride[0], :: stride[1]]
    return windows[..., :: dilation[0], :: dilation[1]]


def _around(x: Array, rows: Sequence[int], columns: Sequence[int], value: float = 0.0) -> Array:
    return np.pad(x, ((0, 0), (0, 0), tuple(rows), tuple(columns)), constant_values=value)


def _convolution(layer: Any, given: list[Array], own: Weights) -> Array:
    x, weight = given[0], own["weight"]
    groups = x.shape[1] if layer.kind == "depthwise" else layer.groups
    rows, columns = layer.padding
    windows = _windows(
        _around(x, (rows, rows), (columns, columns)), layer.kernel, layer.stride, layer.dilation
    )
    outputs, inputs = weight.shape[0] // groups, weight.shape[1]
    parts = []
    for group in range(groups):
        seen = windows[:, group * inputs : (group + 1) * inputs]
        part = np.tensordot(seen, weight[group * outputs : (group + 1) * outputs], ((1, 4, 5), (1, 2, 3)))
        parts.append(part.transpose(0, 3, 1, 2))
    result = np.concatenate(parts, axis=1)
    return result + own["bias"][:, None, None] if layer.bias else result


def _linear(layer: Any, given: list[Array], own: Weights) -> Array:
    result = given[0] @ own["weight"].T
    return result + own["bias"] if layer.bias else result


def _ends(layer: Any, x: Array) -> list[int]:
    """Return how many rows and columns the last windows reach beyond the padded image."""
    sizes = zip(x.shape[2:], layer.output_shape[2:], layer.kernel, layer.stride, layer.padding, strict=True)
    return [max(0, (count - 1) * step + k - size - 2 * pad) for size, count, k, step, pad in sizes]


def _pool(layer: Any, x: Array, value: float) -> Array:
    (top, left), (below, right) = layer.padding, _ends(layer, x)
    padded = _around(x, (top, top + below), (left, left + right), value)
    return _windows(padded, layer.kernel, layer.stride)[
        :, :, : layer.output_shape[2], : layer.output_shape[3]
    ]


def _max_pool(layer: Any, given: list[Array], own: Weights) -> Array:
    return _pool(layer, given[0], -np.inf).max(axis=(4, 5))


def _avg_pool(layer: Any, given: list[Array], own: Weights) -> Array:
    x = given[0]
    sums = _pool(layer, x, 0).sum(axis=(4, 5))
    rows, columns = layer.padding
    # What stands in the padding counts if asked to; what lies beyond that (ceil_mode) never does.
    counted = np.ones((1, 1, *x.shape[2:]))
    counted = _around(counted, (rows, rows), (columns, columns), float(layer.count_include_pad))
    below, right = _ends(layer, x)
    counts = _windows(_around(counted, (0, below), (0, right)), layer.kernel, layer.stride)
    return sums / counts[:, :, : sums.shape[2], : sums.shape[3]].sum(axis=(4, 5))


def _lrn(layer: Any, given: list[Array], own: Weights) -> Array:
    x = given[0]
    # Of an even size the larger half looks at earlier channels.
    before, after = layer.size // 2, (layer.size - 1) // 2
    squares = np.pad(x**2, ((0, 0), (before, after), (0, 0), (0, 0)))
    sums = sliding_window_view(squares, layer.size, axis=1).sum(axis=-1)
    return x / (layer.k + layer.alpha / layer.size * sums) ** layer.beta


def _softmax(layer: Any, given: list[Array], own: Weights) -> Array:
    powers = np.exp(given[0] - given[0].max(axis=layer.axis, keepdims=True))
    return powers / powers.sum(axis=layer.axis, keepdims=True)


def _batch_norm(layer: Any, given: list[Array], own: Weights) -> Array:
    x = np.moveaxis(given[0], 1, -1)
    if "running_mean" in own:
        x = (x - own["running_mean"]) / np.sqrt(own["running_var"] + layer.epsilon)
    return np.moveaxis(x * own["weight"] + own["bias"], -1, 1)


def _layer_norm(layer: Any, given: list[Array], own: Weights) -> Array:
    x = given[0] - given[0].mean(axis=-1, keepdims=True)
    return x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + layer.epsilon) * own["weight"] + own["bias"]


def _gelu(layer: Any, given: list[Array], own: Weights) -> Array:
    x = given[0]
    if layer.approximate == "tanh":
        return x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    erf = np.frompyfunc(math.erf, 1, 1)(x / math.sqrt(2)).astype(np.float64)
    return x / 2 * (1 + erf)


def _sigmoid(x: Array) -> Array:
    # Of the two forms the one whose exponential is not above 1.
    power = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, power) / (1 + power)


def _rnn_step(x: Array, h: Array, c: Array) -> tuple[Array, Array]:
    return np.tanh(x + h), c


def _lstm_step(x: Array, h: Array, c: Array) -> tuple[Array, Array]:
    i, f, g, o = np.split(x + h, 4, axis=-1)
    c = _sigmoid(f) * c + _sigmoid(i) * np.tanh(g)
    return _sigmoid(o) * np.tanh(c), c


def _recurrent(layer: Any, given: list[Array], own: Weights) -> Array:
    x = given[0]
    batch, steps, _ = x.shape
    h, c = np.zeros((2, batch, layer.hidden_size))
    states = np.zeros((batch, steps, layer.hidden_size))
    for step in range(steps)[:: -1 if layer.reverse else 1]:
        from_x = x[:, step] @ own["weight_ih"].T + own.get("bias_ih", 0)
        from_h = h @ own["weight_hh"].T + own.get("bias_hh", 0)
        if layer.kind == "gru":
            (rx, zx, nx), (rh, zh, nh) = (np.split(one, 3, axis=-1) for one in (from_x, from_h))
            new = np.tanh(nx + _sigmoid(rx + rh) * nh)
            h = new + _sigmoid(zx + zh) * (h - new)
        else:
            h, c = (_lstm_step if layer.kind == "lstm" else _rnn_step)(from_x, from_h, c)
        states[:, step] = h
    return states


def _embedding(layer: Any, given: list[Array], own: Weights) -> Array:
    return own["weight"][given[0].astype(np.int64)]


def _positions(layer: Any, given: list[Array], own: Weights) -> Array:
    first = layer.first if layer.learned else 0
    return given[0] + own["weight"][first : first + given[0].shape[1]]


def _class_token(layer: Any, given: list[Array], own: Weights) -> Array:
    x = given[0]
    return np.concatenate([np.broadcast_to(own["weight"], (x.shape[0], 1, x.shape[2])), x], axis=1)


def _slice(layer: Any, given: list[Array], own: Weights) -> Array:
    where = [slice(None)] * given[0].ndim
    where[layer.axis] = slice(layer.start, layer.stop)
    return given[0][tuple(where)]


def _shuffle(layer: Any, given: list[Array], own: Weights) -> Array:
    batch, channels, rows, columns = given[0].shape
    parts = given[0].reshape(batch, layer.groups, channels // layer.groups, rows, columns)
    return parts.swapaxes(1, 2).reshape(given[0].shape)


def _reshape(layer: Any, given: list[Array], own: Weights) -> Array:
    return given[0].reshape(-1, *layer.output_shape[1:])


def _of_one(function: Callable[[Array], Array]) -> Callable[[Any, list[Array], Weights], Array]:
    return lambda layer, given, own: function(given[0])


KINDS: dict[str, Callable[[Any, list[Array], Weights], Array]] = {
    **dict.fromkeys(("conv2d", "depthwise"), _convolution),
    "linear": _linear,
    "matmul": lambda layer, given, own: given[0] @ given[1],
    "max_pool": _max_pool,
    "avg_pool": _avg_pool,
    "global_avg_pool": _of_one(lambda x: x.mean(axis=(2, 3), keepdims=True)),
    "global_max_pool": _of_one(lambda x: x.max(axis=(2, 3), keepdims=True)),
    "lrn": _lrn,
    "softmax": _softmax,
    "batch_norm": _batch_norm,
    "layer_norm": _layer_norm,
    "relu": _of_one(lambda x: np.maximum(x, 0)),
    "relu6": _of_one(lambda x: np.clip(x, 0, 6)),
    "gelu": _gelu,
    "sigmoid": _of_one(_sigmoid),
    "tanh": _of_one(np.tanh),
    "scale": lambda layer, given, own: layer.factor * given[0],
    "add": lambda layer, given, own: sum(given[1:], given[0]),
    "multiply": lambda layer, given, own: math.prod(given[1:], start=given[0]),
    **dict.fromkeys(("rnn", "lstm", "gru"), _recurrent),
    "embedding": _embedding,
    "position_embedding": _positions,
    "class_token": _class_token,
    "concat": lambda layer, given, own: np.concatenate(given, axis=layer.axis),
    **dict.fromkeys(("flatten", "reshape"), _reshape),
    "permute": lambda layer, given, own: given[0].transpose(layer.axes),
    "slice": _slice,
    "pad": lambda layer, given, own: _around(given[0], layer.rows, layer.columns),
    "channel_shuffle": _shuffle,
}
"""Every kind of layer that computes something."""
