"""Random weights that leave a network's numbers in range, however deep it is."""

from __future__ import annotations

import math
import operator
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dnnaccel.errors import WeightsError
from dnnaccel.layers import Layer, Shape
from dnnaccel.network import Network
from dnnaccel.runtime.parameters import parameters_of

__all__ = ["random_weights", "sinusoids"]

Floats = NDArray[np.float32]

_BIAS = 0.05
"""Standard deviation of biases, and of scales about 1."""


def random_weights(net: Network, seed: int = 0) -> dict[str, Floats]:
    """Return random parameters for `net`: the same for the same names, shapes and seed.

    Weights are even, with a spread that gives every convolution's and matrix product's results a mean
    square of about 1 for inputs with one of 1 (He et al. 2015, with what the layers before make of it taken
    along, so that sums of a thousand residuals stay small too). Batch and layer normalisations have scales
    near 1 and shifts near 0; running statistics are left out. Constant positions are sinusoids.

    Raises `WeightsError` for a seed that is no whole number from 0 on.

    Examples
    --------
    >>> import dnnaccel as da
    >>> random_weights(da.zoo.load("lenet5"))["fc5.weight"].shape
    (10, 84)
    """
    try:
        start = operator.index(seed)
    except TypeError:
        start = -1
    if start < 0:
        raise WeightsError(f"seed must be a whole number from 0 on, given {seed!r}")
    squares = dict.fromkeys(net.inputs, 1.0)
    weights: dict[str, Floats] = {}
    for layer in net.layers:
        given = [squares[name] for name in layer.inputs]
        spread = _spread(layer, given[0])
        squares[layer.name] = _after(layer, given)
        if layer.weights_from is not None:
            continue
        for parameter, shape in parameters_of(layer).items():
            name = f"{layer.name}.{parameter}"
            rng = np.random.default_rng([start, zlib.crc32(name.encode())])
            weights[name] = _draw(rng, layer, parameter, shape, spread)
    return weights


def sinusoids(positions: int, features: int, first: int = 0) -> Floats:
    """Return the vectors of `positions` positions from `first` on, as Vaswani et al. 2017 have them."""
    rates = 10000.0 ** (-(np.arange(features) // 2 * 2) / features)
    angles = np.arange(first, first + positions, dtype=np.float64)[:, None] * rates
    return np.where(np.arange(features) % 2, np.cos(angles), np.sin(angles)).astype(np.float32)


def _draw(rng: np.random.Generator, layer: Any, parameter: str, shape: Shape, spread: float) -> Floats:
    if layer.kind == "position_embedding" and not layer.learned:
        return sinusoids(shape[0], shape[1], layer.first)
    # Even ones, which are drawn in a third of the time of normal ones.
    numbers = rng.random(shape, np.float32)
    numbers -= np.float32(0.5)
    is_weight = parameter.startswith("weight")
    deviation = spread if is_weight and not layer.kind.endswith("_norm") else _BIAS
    numbers *= np.float32(math.sqrt(12) * deviation)
    if is_weight and layer.kind.endswith("_norm"):
        numbers += 1
    return numbers


def _spread(layer: Any, square: float) -> float:
    """Return the standard deviation of a layer's weights for inputs of a mean square."""
    if layer.kind in ("conv2d", "depthwise"):
        terms = math.prod(parameters_of(layer)["weight"][1:]) * _inside(layer)
        return 1 / math.sqrt(max(terms * square, 1e-30))
    if layer.kind == "linear":
        return 1 / math.sqrt(max(layer.input_shapes[0][-1] * square, 1e-30))
    if layer.kind in ("rnn", "lstm", "gru"):
        return 1 / math.sqrt(3 * layer.hidden_size)
    if layer.kind == "embedding":
        # A matrix product may use the same table.
        return 1 / math.sqrt(layer.features)
    return 1 / math.sqrt(layer.output_shape[-1])


def _inside(layer: Any) -> float:
    """Return which part of a convolution's products is with the image, not with the padding around it."""
    part = 1.0
    for axis in (0, 1):
        size, count = layer.input_shapes[0][2 + axis], layer.output_shape[2 + axis]
        start = np.arange(count)[:, None] * layer.stride[axis] - layer.padding[axis]
        taps = start + np.arange(layer.kernel[axis]) * layer.dilation[axis]
        part *= float(np.mean((taps >= 0) & (taps < size)))
    return part


def _after(layer: Any, given: list[float]) -> float:
    """Return about what mean square a layer's results have, from that of its inputs."""
    if layer.kind in _AFTER:
        return _AFTER[layer.kind](layer, given)
    return given[0]


def _joined(layer: Layer, given: list[float]) -> float:
    sizes = [math.prod(shape) for shape in layer.input_shapes]
    return sum(size * one for size, one in zip(sizes, given, strict=True)) / sum(sizes)


_Rule = Callable[[Any, list[float]], float]


def _times(factor: float) -> _Rule:
    return lambda layer, given: factor * given[0]


def _fixed(value: float) -> _Rule:
    return lambda layer, given: value


_AFTER: dict[str, _Rule] = {
    **dict.fromkeys(("conv2d", "depthwise", "linear", "layer_norm"), _fixed(1)),
    **dict.fromkeys(("relu", "relu6", "gelu"), _times(0.5)),
    # Averages of numbers that are not negative keep the square of their mean.
    **dict.fromkeys(("avg_pool", "global_avg_pool"), _times(0.7)),
    "max_pool": _times(1.5),
    "global_max_pool": _times(4),
    "sigmoid": _fixed(0.3),
    "tanh": lambda layer, given: min(given[0], 0.4),
    **dict.fromkeys(("rnn", "lstm", "gru"), _fixed(0.1)),
    "softmax": lambda layer, given: 3 / layer.input_shapes[0][layer.axis] ** 2,
    "matmul": lambda layer, given: given[0] * given[1] * layer.input_shapes[0][-1],
    "add": lambda layer, given: sum(given),
    "multiply": lambda layer, given: math.prod(given),
    "scale": lambda layer, given: given[0] * layer.factor**2,
    "concat": _joined,
    "embedding": lambda layer, given: 1 / layer.features,
    "position_embedding": lambda layer, given: (
        given[0] + (1 / layer.input_shapes[0][-1] if layer.learned else 0.5)
    ),
}
"""How the mean square changes; a kind that is not here leaves it as it is."""
