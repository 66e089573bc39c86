"""Random weights that leave a network's numbers in range, however deep it is."""

from __future__ import annotations

import functools
import math
import operator
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dnnaccel.errors import WeightsError
from dnnaccel.layers import Embedding, Layer, Shape
from dnnaccel.network import Network
from dnnaccel.runtime.parameters import parameters_of
from dnnaccel.runtime.sources import Lazy

__all__ = ["drawn_weights", "random_inputs", "random_weights", "sinusoids"]

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
    return dict(drawn_weights(net, seed))


def drawn_weights(net: Network, seed: int = 0) -> Lazy:
    """Return what `random_weights` does, but with each array drawn when it is asked for, and not kept."""
    try:
        start = operator.index(seed)
    except TypeError:
        start = -1
    if start < 0:
        raise WeightsError(f"seed must be a whole number from 0 on, given {seed!r}")
    moments = dict.fromkeys(net.inputs, _Moments(0, 1))
    readers: dict[str, Callable[[], Floats]] = {}
    for layer in net.layers:
        given = [moments[name] for name in layer.inputs]
        spread = _spread(layer, given[0].square)
        moments[layer.name] = _AFTER[layer.kind](layer, given) if layer.kind in _AFTER else given[0]
        if layer.weights_from is not None:
            continue
        for parameter, shape in parameters_of(layer).items():
            name = f"{layer.name}.{parameter}"
            key = [start, zlib.crc32(name.encode())]
            readers[name] = functools.partial(_draw, key, layer, parameter, shape, spread)
    return Lazy(readers)


def random_inputs(net: Network, seed: int = 0) -> dict[str, NDArray[Any]]:
    """Return normal numbers for each input of `net`, and tokens for those that name rows of tables."""
    rng = np.random.default_rng(seed)
    inputs: dict[str, NDArray[Any]] = {}
    for name, shape in net.inputs.items():
        entries = [layer.entries for layer in net.consumers(name) if isinstance(layer, Embedding)]
        if entries:
            inputs[name] = rng.integers(0, min(entries), shape)
        else:
            inputs[name] = rng.standard_normal(shape, np.float32)
    return inputs


def sinusoids(positions: int, features: int, first: int = 0) -> Floats:
    """Return the vectors of `positions` positions from `first` on, as Vaswani et al. 2017 have them."""
    rates = 10000.0 ** (-(np.arange(features) // 2 * 2) / features)
    angles = np.arange(first, first + positions, dtype=np.float64)[:, None] * rates
    return np.where(np.arange(features) % 2, np.cos(angles), np.sin(angles)).astype(np.float32)


def _draw(key: list[int], layer: Any, parameter: str, shape: Shape, spread: float) -> Floats:
    rng = np.random.default_rng(key)
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


@dataclass(frozen=True, slots=True)
class _Moments:
    """About what mean, and what mean square, the numbers of a tensor have."""

    mean: float
    square: float

    @property
    def variance(self) -> float:
        return max(self.square - self.mean**2, 0.0)


def _of(mean: float, variance: float) -> _Moments:
    return _Moments(mean, variance + mean**2)


def _positive_part(given: _Moments) -> _Moments:
    """Return the moments of max(x, 0) for normal x."""
    spread = math.sqrt(max(given.variance, 1e-30))
    below = given.mean / spread
    density = math.exp(-(below**2) / 2) / math.sqrt(2 * math.pi)
    part = (1 + math.erf(below / math.sqrt(2))) / 2
    mean = given.mean * part + spread * density
    return _Moments(mean, given.square * part + given.mean * spread * density)


def _sum(given: list[_Moments]) -> _Moments:
    return _of(sum(one.mean for one in given), sum(one.variance for one in given))


def _product(given: list[_Moments], terms: int = 1) -> _Moments:
    mean = terms * math.prod(one.mean for one in given)
    return _Moments(mean, terms * math.prod(one.square for one in given) + (mean**2 if terms > 1 else 0))


def _joined(layer: Layer, given: list[_Moments]) -> _Moments:
    sizes = [math.prod(shape) for shape in layer.input_shapes]
    pairs = list(zip(sizes, given, strict=True))
    mean = sum(size * one.mean for size, one in pairs) / sum(sizes)
    return _Moments(mean, sum(size * one.square for size, one in pairs) / sum(sizes))


def _pooled(deviations: float, variance: float) -> _Rule:
    """Return the rule of a pool: what it adds to the mean, and what it leaves of the variance."""
    return lambda layer, given: _of(
        given[0].mean + deviations * math.sqrt(given[0].variance), variance * given[0].variance
    )


def _positions(layer: Any, given: list[_Moments]) -> _Moments:
    return _sum([given[0], _of(0, 1 / layer.input_shapes[0][-1] if layer.learned else 0.5)])


_Rule = Callable[[Any, list[_Moments]], _Moments]


def _fixed(mean: float, square: float) -> _Rule:
    return lambda layer, given: _Moments(mean, square)


_AFTER: dict[str, _Rule] = {
    **dict.fromkeys(("conv2d", "depthwise", "linear", "layer_norm"), _fixed(0, 1)),
    **dict.fromkeys(("relu", "relu6", "gelu"), lambda layer, given: _positive_part(given[0])),
    "avg_pool": _pooled(0, 0.5),
    "global_avg_pool": _pooled(0, 0.2),
    "max_pool": _pooled(0.8, 0.5),
    "global_max_pool": _pooled(2, 0.25),
    "sigmoid": _fixed(0.5, 0.3),
    "tanh": lambda layer, given: _Moments(0, min(given[0].square, 0.4)),
    **dict.fromkeys(("rnn", "lstm", "gru"), _fixed(0, 0.1)),
    "softmax": lambda layer, given: _of(
        1 / layer.input_shapes[0][layer.axis], 2 / layer.input_shapes[0][layer.axis] ** 2
    ),
    "matmul": lambda layer, given: _product(given, layer.input_shapes[0][-1]),
    "add": lambda layer, given: _sum(given),
    "multiply": lambda layer, given: _product(given),
    "scale": lambda layer, given: _Moments(layer.factor * given[0].mean, layer.factor**2 * given[0].square),
    "concat": _joined,
    "embedding": lambda layer, given: _of(0, 1 / layer.features),
    "position_embedding": _positions,
}
"""How the moments change; a kind that is not here leaves them as they are."""
