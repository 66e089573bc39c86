"""From the nodes of a graph to the layers of a network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from dnnaccel.errors import ImportedFileError
from dnnaccel.importers.onnx import elementwise, layout, matrix, windows
from dnnaccel.importers.onnx.fold import fold_later, is_foldable
from dnnaccel.importers.onnx.graph import Graph, Operator, Results
from dnnaccel.importers.onnx.nodes import Dims, initialisers, producers_of, read_node, sort_nodes
from dnnaccel.importers.onnx.unknown import add_opaque, opaque_output, unknown_constant
from dnnaccel.importers.onnx.values import Activation, Node, NotCounted, Value, short
from dnnaccel.network import Metadata, Network

if TYPE_CHECKING:
    import onnx

__all__ = ["OPERATORS", "build_network", "read_graph"]

# Adding an operator: its function in one of these files, and its line in that file's table.
OPERATORS: dict[str, Operator] = {
    **windows.OPERATORS,
    **elementwise.OPERATORS,
    **layout.OPERATORS,
    **matrix.OPERATORS,
}
"""What makes layers of each operator that has some."""


def build_network(model: onnx.ModelProto, file: str, *, dims: Mapping[str, int], name: str | None) -> Network:
    """Return the network that `model` describes.

    Raises `ImportedFileError` for a graph that is none or leaves a size open, and `LayerError` or
    `NetworkError` for shapes that do not meet.
    """
    return read_graph(model, file, dims=dims, name=name)[0]


def read_graph(
    model: onnx.ModelProto, file: str, *, dims: Mapping[str, int], name: str | None, readable: int = 0
) -> tuple[Network, Graph]:
    """Return the network that `model` describes, and how it was read.

    `readable` is the most elements of a constant whose numbers can be read later, where the model says where
    they are. Raises as `build_network`.
    """
    opset = max((one.version for one in model.opset_import if one.domain in ("", "ai.onnx")), default=1)
    if not 1 <= opset < 1000:
        raise ImportedFileError(f"{file}: says version {opset} of ONNX's operators, which does not exist")
    sizes = Dims(file, dims)
    constants = initialisers(model.graph, file, readable=readable)
    inputs = {one.name: sizes.shape(one) for one in model.graph.input if one.name not in constants}
    sizes.check_used()
    nodes = [
        read_node(proto, index, file, opset, readable=readable)
        for index, proto in enumerate(model.graph.node)
    ]
    producers = producers_of(nodes, (*inputs, *constants), file)
    ordered = sort_nodes(nodes, (*inputs, *constants), producers)
    graph = _start(model, file, sizes, nodes)
    graph.producers = producers
    graph.readable = readable
    graph.values = {**constants}
    for given, shape in inputs.items():
        graph.values[given] = Activation(graph.fresh(given, f"input_{len(graph.names)}"), shape)
    # Constants first: layers look ahead for them.
    for node in sorted(ordered, key=lambda one: one.operator != "Constant" or bool(one.inputs)):
        if not (node.outputs and node.outputs[0] in graph.done):
            _read(graph, node)
    return _finished(graph, file, inputs, model, name), graph


def _start(model: onnx.ModelProto, file: str, sizes: Dims, nodes: list[Node]) -> Graph:
    readers: dict[str, list[Node]] = {}
    for node in nodes:
        for name in dict.fromkeys(filter(None, node.inputs)):
            readers.setdefault(name, []).append(node)
    claimed = [(one.name, sizes.hint(one)) for one in (*model.graph.value_info, *model.graph.output)]
    return Graph(
        file=file,
        values={},
        readers=readers,
        producers={},
        outputs=frozenset(one.name for one in model.graph.output),
        hints={name: shape for name, shape in claimed if shape is not None},
    )


def _read(graph: Graph, node: Node) -> None:
    """Add the layers of one node, and say what its outputs stand for."""
    given = [graph.values[name] for name in node.inputs if name]
    foldable = is_foldable(node, given)
    results: Results
    try:
        if foldable:
            results = (fold_later(graph, node),)
        elif node.operator in OPERATORS and node.outputs:
            results = OPERATORS[node.operator](graph, node)
        else:
            raise NotCounted(node.operator)
    except NotCounted as form:
        results = (unknown_constant if foldable else add_opaque)(graph, node, str(form))
    found: list[Value | None] = [*results, *(None,) * len(node.outputs)]
    for index, (name, value) in enumerate(zip(node.outputs, found, strict=False)):
        if value is not None:
            graph.values[name] = value
        elif foldable and graph.used(name):
            raise node.error(f"has {len(node.outputs)} outputs that are read; only the first is constant")
        elif graph.used(name) and not _taken_in(graph, name):
            graph.values[name] = opaque_output(graph, node, index)


def _taken_in(graph: Graph, name: str) -> bool:
    """Return whether only nodes read `name` that a layer has taken in already."""
    readers = graph.readers.get(name, [])
    return name not in graph.outputs and all(
        reader.outputs and reader.outputs[0] in graph.done for reader in readers
    )


def _finished(
    graph: Graph, file: str, inputs: Mapping[str, tuple[int, ...]], model: onnx.ModelProto, name: str | None
) -> Network:
    final = [graph.values.get(output) for output in graph.outputs]
    wanted = {one.layer for one in final if isinstance(one, Activation)}
    layers = dict(graph.layers)
    readers = dict.fromkeys((*inputs, *layers), 0)
    for layer in layers.values():
        for source in set(layer.inputs):
            readers[source] = readers.get(source, 0) + 1
    # Views that a layer has taken in, or that nobody needs, cost nothing and say nothing.
    for layer in reversed(list(graph.layers.values())):
        if (
            readers[layer.name] == 0
            and layer.name not in wanted
            and (layer.is_view or layer.name in graph.spare)
        ):
            del layers[layer.name]
            for source in set(layer.inputs):
                readers[source] -= 1
    if not layers:
        raise ImportedFileError(
            f"{file}: computes nothing from its inputs; a network needs one layer at least"
        )
    given = [graph.values[one] for one in inputs]
    used = {one.layer: one.layer_shape for one in given if isinstance(one, Activation) and readers[one.layer]}
    return Network(
        name or Path(file).stem or "network",
        tuple(layers.values()),
        inputs=used,
        metadata=_metadata(graph, file, model, [one for one in inputs if not _reads(graph, one, used)]),
    )


def _reads(graph: Graph, name: str, used: Mapping[str, tuple[int, ...]]) -> bool:
    value = graph.values[name]
    return isinstance(value, Activation) and value.layer in used


def _metadata(graph: Graph, file: str, model: onnx.ModelProto, unread: list[str]) -> Metadata:
    maker = f"{model.producer_name} {model.producer_version}".strip()
    printable = maker if maker.isprintable() and 0 < len(maker) <= 80 else ""
    metadata: dict[str, str | int | float | None] = {
        "source": Path(file).name + (f" ({printable})" if printable else "")
    }
    notes = list(graph.notes[:_MAX_NOTES])
    if len(graph.notes) > _MAX_NOTES:
        notes.append(f"{len(graph.notes) - _MAX_NOTES} more such notes")
    if graph.unknown:
        listed = ", ".join(f"{operator} x{count}" for operator, count in graph.unknown.most_common())
        metadata["unknown_operators"] = listed
        notes.insert(0, f"operators without a layer, counted by their traffic alone: {listed}")
    if unread:
        notes.append(f"inputs that no layer reads: {', '.join(map(short, unread[:_MAX_NOTES]))}")
    if notes:
        metadata["note"] = "; ".join(notes)
    return metadata


_MAX_NOTES = 10
