"""From the calls of an exported module to the layers of a network."""

from __future__ import annotations

from collections import Counter

from dnnaccel.errors import LayerError, NetworkError
from dnnaccel.importers.torch import elementwise, layout, matrix, windows
from dnnaccel.importers.torch.graph import Graph, Operator, folded
from dnnaccel.importers.torch.values import (
    Activation,
    Call,
    Constant,
    Exported,
    NotCounted,
    Outputs,
    Ref,
    Value,
)
from dnnaccel.layers import Opaque
from dnnaccel.network import Network

__all__ = ["OPERATORS", "build_network"]

# Adding an operator: its function in one of these files, and its line in that file's table.
OPERATORS: dict[str, Operator] = {
    **windows.OPERATORS,
    **elementwise.OPERATORS,
    **layout.OPERATORS,
    **matrix.OPERATORS,
}
"""What makes layers of each operator that has some."""


def build_network(exported: Exported, *, name: str | None) -> Network:
    """Return the network that an exported module describes.

    Raises `NetworkError` if it computes nothing from its inputs, or what it computes cannot be layers.
    """
    title = name or exported.name
    graph = Graph(exported.inputs, exported.constants)
    for call in exported.calls:
        try:
            graph.values[call.id] = _read(graph, call)
        except LayerError as error:
            raise NetworkError(f"from_torch: {call.operator} in {call.path or title!r}: {error}") from None
    layers = graph.needed(exported.outputs)
    if not layers:
        raise NetworkError(f"from_torch: {title} computes nothing from its inputs by layers")
    read = {source for layer in layers for source in layer.inputs}
    inputs = {one: shape for one, shape in graph.inputs.items() if one in read}
    net = Network(
        title, tuple(layers), inputs=inputs, metadata={"source": f"torch.export of {exported.name}"}
    )
    notes = _notes(exported, net)
    return Network(title, net.layers, inputs=net.inputs, metadata={**net.metadata, **notes})


def _read(graph: Graph, call: Call) -> Value | Outputs | None:
    """Add the layers of one call, and return what it gives; None for what is no tensor."""
    if call.operator == "getitem":
        return _item(graph, call)
    if not any(call.shapes):
        return Constant(()) if () in call.shapes else None
    given = graph.tensors(call)
    constant = not any(isinstance(one, Activation) for one in given)
    try:
        if not constant and call.operator in OPERATORS:
            return OPERATORS[call.operator](graph, call)
        raise NotCounted(f"aten.{call.operator}")
    except NotCounted as form:
        operator = str(form)
    if len(call.shapes) == 1:
        return graph.opaque(call, operator)
    if constant:
        return lambda index: folded(given, call.shapes[index] or ())
    return lambda index: graph.opaque(call, operator, index)


def _item(graph: Graph, call: Call) -> Value | None:
    source, index = call.arguments["0"], call.arguments["1"]
    several = graph.values.get(source.call) if isinstance(source, Ref) else None
    if several is None or isinstance(several, Activation | Constant):
        return several
    return several(index)


def _notes(exported: Exported, net: Network) -> dict[str, str]:
    found: dict[str, str] = {}
    notes: list[str] = []
    unknown = Counter(layer.operator for layer in net if isinstance(layer, Opaque))
    if unknown:
        listed = ", ".join(f"{operator} x{count}" for operator, count in unknown.most_common())
        found["unknown_operators"] = listed
        notes.append(f"operators without a layer, counted by their traffic alone: {listed}")
    if exported.parameters != net.total_parameters:
        notes.append(f"the module has {exported.parameters} parameters, the layers {net.total_parameters}")
    if notes:
        found["note"] = "; ".join(notes)
    return found
