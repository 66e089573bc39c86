"""Operators without a layer: kept by name, with their traffic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dnnaccel.importers.onnx.files import onnx_package
from dnnaccel.importers.onnx.graph import Graph, Results
from dnnaccel.importers.onnx.values import MAX_KNOWN, MAX_RANK, Activation, Constant, Node, Value, short
from dnnaccel.layers import Opaque, Shape, whole_number

__all__ = ["add_opaque", "opaque_output", "unknown_constant"]

_FLOAT = 1


def add_opaque(graph: Graph, node: Node, operator: str) -> Results:
    """Add an `Opaque` for every output of `node` that is used; at least one."""
    graph.unknown[operator] += 1
    used = [index for index, name in enumerate(node.outputs) if graph.used(name)] or [0]
    shapes = _inferred(graph, node)
    results: list[Value | None] = [None] * max(len(node.outputs), 1)
    for index in used:
        results[index] = _add(graph, node, operator, index, shapes)
    return results


def opaque_output(graph: Graph, node: Node, index: int) -> Activation:
    """Add an `Opaque` for one output of a node that has a layer, which does not give that output."""
    operator = f"{node.operator} (output {index})"
    graph.unknown[operator] += 1
    return _add(graph, node, operator, index, _inferred(graph, node))


def unknown_constant(graph: Graph, node: Node, operator: str) -> Results:
    """Return constants of the shapes that the outputs of `node` have, which does not depend on any input."""
    graph.unknown[f"{operator} (of constants)"] += 1
    shapes = _inferred(graph, node)
    first = graph.optional(node, 0)
    assumed = () if first is None else first.shape
    return [Constant(shapes.get(name, assumed)) for name in node.outputs]


def _add(graph: Graph, node: Node, operator: str, index: int, shapes: Mapping[str, Shape]) -> Activation:
    given = [one for one in map(graph.values.get, filter(None, node.inputs)) if isinstance(one, Activation)]
    output = node.outputs[index] if node.outputs else ""
    shape = shapes.get(output)
    if shape is None:
        shape = given[0].shape
        graph.notes.append(f"{operator} {short(node.name)} is taken to give the shape of its input, {shape}")
    name = node.name if index == 0 else f"{node.name}:{index}"
    layer = Opaque(
        name=name,
        inputs=tuple(one.layer for one in given),
        input_shapes=tuple(one.layer_shape for one in given),
        operator=operator,
        shape=Activation(name, shape).layer_shape,
    )
    return graph.add(layer, shape)


def _inferred(graph: Graph, node: Node) -> dict[str, Shape]:
    """Return the shapes of the outputs, as far as ONNX's rules or the file's own claims give them."""
    claimed = {name: graph.hints[name] for name in node.outputs if name in graph.hints}
    return claimed | _by_schema(graph, node)


def _by_schema(graph: Graph, node: Node) -> dict[str, Shape]:
    onnx = onnx_package()
    proto = node.proto
    if any(one.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS) for one in proto.attribute):
        return {}
    types, data = {}, {}
    for name in filter(None, node.inputs):
        value = graph.values[name]
        array = value.array if isinstance(value, Constant) else None
        element = _FLOAT
        if array is not None and array.dtype.kind in "iufb" and array.size <= MAX_KNOWN:
            data[name] = onnx.numpy_helper.from_array(array, name)
            element = data[name].data_type
        types[name] = onnx.helper.make_tensor_type_proto(element, value.shape)
    try:
        schema = onnx.defs.get_schema(proto.op_type, node.opset, proto.domain)
        found = onnx.shape_inference.infer_node_outputs(schema, proto, types, data)
    except Exception:
        # The rules refuse in many ways what the file says, and what they do not know; it is a hint less.
        return {}
    shapes = {name: _sizes(kind) for name, kind in found.items()}
    return {name: shape for name, shape in shapes.items() if shape is not None}


def _sizes(kind: Any) -> Shape | None:
    if not kind.HasField("tensor_type") or not kind.tensor_type.HasField("shape"):
        return None
    sizes = [whole_number(size.dim_value, minimum=1) for size in kind.tensor_type.shape.dim]
    known = tuple(size for size in sizes if size is not None)
    return known if len(known) == len(sizes) <= MAX_RANK else None
