"""Whole networks on this machine's processor, with their learned numbers.

Start with ``dnnaccel.runtime.compile(net, weights)``. Weights are a dict of float32 arrays by
``"layer.parameter"``, in PyTorch's names and layouts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnnaccel._lazy import getter

if TYPE_CHECKING:
    from dnnaccel.runtime.measure import Accuracy, Latency, accuracy, latency
    from dnnaccel.runtime.model import Memory, Model, compile
    from dnnaccel.runtime.parameters import parameter_shapes
    from dnnaccel.runtime.random import random_weights
    from dnnaccel.runtime.samples import Samples, load_samples
    from dnnaccel.runtime.weights import load_weights, save_weights

__all__ = [
    "Accuracy",
    "Latency",
    "Memory",
    "Model",
    "Samples",
    "accuracy",
    "compile",
    "latency",
    "load_samples",
    "load_weights",
    "parameter_shapes",
    "random_weights",
    "save_weights",
]

_HOME_OF = {
    "Accuracy": "measure",
    "Latency": "measure",
    "Memory": "model",
    "Model": "model",
    "Samples": "samples",
    "accuracy": "measure",
    "compile": "model",
    "latency": "measure",
    "load_samples": "samples",
    "load_weights": "weights",
    "parameter_shapes": "parameters",
    "random_weights": "random",
    "save_weights": "weights",
}

if not TYPE_CHECKING:  # who checks types should be told of a name that is not there
    __getattr__ = getter(__name__, _HOME_OF)


def __dir__() -> list[str]:
    return sorted(__all__)
