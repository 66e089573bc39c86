"""The learned numbers of recurrent operators, from ONNX's order of gates to PyTorch's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from dnnaccel.importers.onnx.graph import Graph
from dnnaccel.importers.onnx.values import Activation, Array, Constant, Node, UnknownNumbersError, short

__all__ = ["note_differences", "recurrent_parameters"]

_ORDER = {"RNN": (0,), "LSTM": (0, 2, 3, 1), "GRU": (1, 0, 2)}
"""Where ONNX has PyTorch's gates: of i f g o in i o f c, of r z n in z r h."""

_ACTIVATIONS = {
    "RNN": ("tanh",),
    "LSTM": ("sigmoid", "tanh", "tanh"),
    "GRU": ("sigmoid", "tanh"),
}


def recurrent_parameters(
    node: Node, given: tuple[Constant, Constant, Constant | None], direction: int, layer: Any
) -> dict[str, Callable[[], Array]]:
    """Return what gives the parameters of one direction, out of W, R and B."""
    matrix, state, bias = given
    order, hidden = _ORDER[node.operator], layer.hidden_size

    def turned(rows: Array) -> Array:
        parts = rows.reshape(len(order), hidden, *rows.shape[1:])[list(order)]
        whole: Array = parts.reshape(rows.shape)
        return whole

    def vectors() -> tuple[Array, Array]:
        if bias is None:
            return np.zeros(0), np.zeros(0)
        numbers = bias.numbers[direction]
        half = len(order) * hidden
        return turned(numbers[:half]), turned(numbers[half:])

    def only() -> Array:
        # The two are added but for the last gate of a GRU.
        first, second = vectors()
        if node.operator == "GRU" and second[2 * hidden :].any():
            raise node.error("has a bias in its last gate that one vector of biases cannot hold")
        whole: Array = first + second
        return whole

    def weights() -> Array:
        if layer.biases == 0 and bias is not None and any(one.any() for one in vectors()):
            raise node.error("has biases that are no initialisers")
        return turned(matrix.numbers[direction])

    parameters: dict[str, Callable[[], Array]] = {
        "weight_ih": weights,
        "weight_hh": lambda: turned(state.numbers[direction]),
    }
    if layer.biases == 1:
        parameters["bias_ih"] = only
    if layer.biases == 2:
        parameters |= {"bias_ih": lambda: vectors()[0], "bias_hh": lambda: vectors()[1]}
    return parameters


def note_differences(graph: Graph, node: Node, directions: int) -> None:
    """Note what the operator does and the layer does not."""
    what = f"{node.operator} {short(node.name)}"
    states = [graph.optional(node, index) for index in (5, 6)]
    if any(isinstance(one, Activation) for one in states):
        graph.notes.append(f"the first state that {node.operator} {node.name!r} reads is not counted")
    if any(one is not None and not _is_zero(one) for one in states):
        graph.inexact.append(f"{what} starts from states that are not zero")
    if graph.optional(node, 4) is not None:
        graph.inexact.append(f"{what} is told the length of each sequence")
    if node.operator == "LSTM" and graph.optional(node, 7) is not None:
        graph.inexact.append(f"{what} has peepholes")
    if node.operator == "GRU" and not node.integer("linear_before_reset", 0):
        graph.inexact.append(f"{what} resets the state before the product, not after it")
    given = _activations(node)
    if given and given != _ACTIVATIONS[node.operator] * directions:
        graph.inexact.append(f"{what} has other activations than the layer")
    if "clip" in node.attributes or node.integer("input_forget", 0):
        graph.inexact.append(f"{what} has a form that the layer does not have (clip or input_forget)")


def _activations(node: Node) -> tuple[str, ...]:
    """Return the functions that the file names, in lower case."""
    for attribute in node.proto.attribute:
        if attribute.name == "activations":
            return tuple(one.decode("utf-8", "replace").lower() for one in attribute.strings)
    return ()


def _is_zero(value: Activation | Constant) -> bool:
    try:
        return isinstance(value, Constant) and not value.numbers.any()
    except UnknownNumbersError:
        return False
