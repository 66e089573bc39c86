"""Any network in torch, for those that are too large for `numpy_net`."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any

import torch
import torch.nn.functional as F

from dnnaccel.network import Network

__all__ = ["evaluate"]

Tensors = Mapping[str, torch.Tensor]


@torch.no_grad()
def evaluate(
    net: Network,
    weights: Mapping[str, Any],
    inputs: Mapping[str, Any],
    *,
    only: Collection[str] | None = None,
    dtype: torch.dtype = torch.float32,
) -> dict[str, torch.Tensor]:
    """Return the results of every layer of `net`, by its name; of those in `only`, the others are let go."""
    values = {name: torch.as_tensor(given) for name, given in inputs.items()}
    values = {name: given.to(dtype) if given.is_floating_point() else given for name, given in values.items()}
    learned: dict[str, dict[str, torch.Tensor]] = {}
    for name, array in weights.items():
        owner, _, parameter = name.rpartition(".")
        learned.setdefault(owner, {})[parameter] = torch.tensor(array, dtype=dtype)
    for layer in net.layers:
        owner = layer
        while owner.weights_from is not None:
            owner = net[owner.weights_from]
        given = [values[name] for name in layer.inputs]
        result = _KINDS[layer.kind](layer, given, learned.get(owner.name, {}))
        assert tuple(result.shape) == layer.output_shape, (layer, result.shape)
        values[layer.name] = result
        for name in () if only is None else set(layer.inputs):
            if name not in only and net.consumers(name)[-1] is layer:
                del values[name]
    return values


def _convolution(layer: Any, given: list[torch.Tensor], own: Tensors) -> torch.Tensor:
    groups = given[0].shape[1] if layer.kind == "depthwise" else layer.groups
    return F.conv2d(
        given[0], own["weight"], own.get("bias"), layer.stride, layer.padding, layer.dilation, groups
    )


def _max_pool(layer: Any, given: list[torch.Tensor], own: Tensors) -> torch.Tensor:
    return F.max_pool2d(given[0], layer.kernel, layer.stride, layer.padding, ceil_mode=layer.ceil_mode)


def _avg_pool(layer: Any, given: list[torch.Tensor], own: Tensors) -> torch.Tensor:
    return F.avg_pool2d(
        given[0], layer.kernel, layer.stride, layer.padding, layer.ceil_mode, layer.count_include_pad
    )


def _batch_norm(layer: Any, given: list[torch.Tensor], own: Tensors) -> torch.Tensor:
    weight, bias = own["weight"], own["bias"]
    if "running_mean" not in own:
        shape = (1, -1, *(1,) * (given[0].dim() - 2))
        return given[0] * weight.reshape(shape) + bias.reshape(shape)
    statistics = own["running_mean"], own["running_var"]
    return F.batch_norm(given[0], *statistics, weight, bias, eps=layer.epsilon)


def _layer_norm(layer: Any, given: list[torch.Tensor], own: Tensors) -> torch.Tensor:
    return F.layer_norm(given[0], given[0].shape[-1:], own["weight"], own["bias"], layer.epsilon)


def _recurrent(layer: Any, given: list[torch.Tensor], own: Tensors) -> torch.Tensor:
    x = given[0].flip(1) if layer.reverse else given[0]
    kind: Any = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[layer.kind]
    cell = kind(x.shape[-1], layer.hidden_size, batch_first=True).to(x.dtype)
    for name, parameter in cell.named_parameters():
        numbers = own.get(name.removesuffix("_l0"))
        parameter.copy_(torch.zeros_like(parameter) if numbers is None else numbers)
    states: torch.Tensor = cell(x)[0]
    return states.flip(1) if layer.reverse else states


def _positions(layer: Any, given: list[torch.Tensor], own: Tensors) -> torch.Tensor:
    first = layer.first if layer.learned else 0
    return given[0] + own["weight"][first : first + given[0].shape[1]]


def _class_token(layer: Any, given: list[torch.Tensor], own: Tensors) -> torch.Tensor:
    token = own["weight"].expand(given[0].shape[0], 1, -1)
    return torch.cat([token, given[0]], dim=1)


def _slice(layer: Any, given: list[torch.Tensor], own: Tensors) -> torch.Tensor:
    axis = layer.axis % given[0].dim()
    stop = given[0].shape[axis] if layer.stop is None else layer.stop
    return given[0].narrow(axis, layer.start, stop - layer.start)


def _of_one(function: Callable[[torch.Tensor], torch.Tensor]) -> Callable[..., torch.Tensor]:
    return lambda layer, given, own: function(given[0])


_KINDS: dict[str, Callable[[Any, list[torch.Tensor], Tensors], torch.Tensor]] = {
    **dict.fromkeys(("conv2d", "depthwise"), _convolution),
    "linear": lambda layer, given, own: F.linear(given[0], own["weight"], own.get("bias")),
    "matmul": lambda layer, given, own: given[0] @ given[1],
    "max_pool": _max_pool,
    "avg_pool": _avg_pool,
    "global_avg_pool": _of_one(lambda x: F.adaptive_avg_pool2d(x, 1)),
    "global_max_pool": _of_one(lambda x: F.adaptive_max_pool2d(x, 1)),
    "lrn": lambda layer, given, own: F.local_response_norm(
        given[0], layer.size, layer.alpha, layer.beta, layer.k
    ),
    "softmax": lambda layer, given, own: F.softmax(given[0], layer.axis),
    "batch_norm": _batch_norm,
    "layer_norm": _layer_norm,
    "relu": _of_one(torch.relu),
    "relu6": _of_one(F.relu6),
    "gelu": lambda layer, given, own: F.gelu(given[0], approximate=layer.approximate),
    "sigmoid": _of_one(torch.sigmoid),
    "tanh": _of_one(torch.tanh),
    "scale": lambda layer, given, own: layer.factor * given[0],
    "add": lambda layer, given, own: sum(given[1:], given[0]),
    "multiply": lambda layer, given, own: math.prod(given[1:], start=given[0]),  # type: ignore[type-var]
    **dict.fromkeys(("rnn", "lstm", "gru"), _recurrent),
    "embedding": lambda layer, given, own: F.embedding(given[0].long(), own["weight"]),
    "position_embedding": _positions,
    "class_token": _class_token,
    "concat": lambda layer, given, own: torch.cat(given, layer.axis),
    **dict.fromkeys(("flatten", "reshape"), lambda layer, given, own: given[0].reshape(layer.output_shape)),
    "permute": lambda layer, given, own: given[0].permute(layer.axes),
    "slice": _slice,
    "pad": lambda layer, given, own: F.pad(given[0], (*layer.columns, *layer.rows)),
    "channel_shuffle": lambda layer, given, own: F.channel_shuffle(given[0], layer.groups),
}
