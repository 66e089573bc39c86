"""The graph as the file holds it: nodes in running order, inputs with their sizes, initialisers."""

from __future__ import annotations

import functools
import heapq
import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from dnnaccel.errors import ImportedFileError, unknown_name
from dnnaccel.importers.onnx.values import MAX_KNOWN, MAX_RANK, Array, Constant, Node, short
from dnnaccel.importers.onnx.weights import stored_array, tensor_array
from dnnaccel.layers import Shape, whole_number

if TYPE_CHECKING:
    import onnx

__all__ = ["Dims", "initialisers", "producers_of", "read_node", "sort_nodes"]

_EXTERNAL = 1
_STRING = 8


class Dims:
    """Sizes that the file leaves open, as the caller gives them."""

    def __init__(self, file: str, given: Mapping[str, int]) -> None:
        """Check `given`; raises `ImportedFileError`."""
        self._file = file
        self._given: dict[str, int] = {}
        self._open: list[str] = []
        for name, value in given.items():
            size = whole_number(value, minimum=1)
            if size is None:
                raise ImportedFileError(
                    f"{file}: dims={{{name!r}: {value!r}}} must be a whole number from 1 to 2**31 - 1"
                )
            self._given[name] = size

    def shape(self, value: onnx.ValueInfoProto) -> Shape:
        """Return the shape of an input; raises `ImportedFileError` for a size that is left open."""
        tensor = value.type.tensor_type
        if not value.type.HasField("tensor_type") or not tensor.HasField("shape"):
            raise ImportedFileError(f"{self._file}: input {short(value.name)} is no tensor of known rank")
        if len(tensor.shape.dim) > MAX_RANK:
            raise ImportedFileError(f"{self._file}: input {short(value.name)} has more than {MAX_RANK} axes")
        return tuple(self._size(value.name, axis, dim) for axis, dim in enumerate(tensor.shape.dim))

    def _size(self, name: str, axis: int, dim: Any) -> int:
        key = dim.dim_param or f"{name}.{axis}"
        fixed = whole_number(dim.dim_value, minimum=1)
        if fixed is not None and not dim.dim_param:
            return fixed
        if dim.dim_value > 0:
            raise ImportedFileError(
                f"{self._file}: axis {axis} of input {short(name)} has size {dim.dim_value}; "
                "it must be at most 2**31 - 1"
            )
        self._open.append(key)
        if key not in self._given:
            raise ImportedFileError(
                f"{self._file}: input {short(name)} leaves the size of axis {axis} open; "
                f"give it, as dims={{{short(key)}: 1}}"
            )
        return self._given[key]

    def hint(self, value: onnx.ValueInfoProto) -> Shape | None:
        """Return the shape that the file claims for an inner tensor, if all of it is known."""
        tensor = value.type.tensor_type
        if not value.type.HasField("tensor_type") or not tensor.HasField("shape"):
            return None
        sizes = [
            self._given.get(dim.dim_param) if dim.dim_param else whole_number(dim.dim_value, minimum=1)
            for dim in tensor.shape.dim
        ]
        known = tuple(size for size in sizes if size is not None)
        return known if len(known) == len(sizes) <= MAX_RANK else None

    def check_used(self) -> None:
        """Raise an error for a name in `dims` that the file does not have."""
        for name in self._given:
            if name not in self._open:
                if not self._open:
                    raise ImportedFileError(
                        f"{self._file}: leaves no size open; leave out dims={{{name!r}: ...}}"
                    )
                raise unknown_name(f"open size of {self._file}", name, self._open)


def initialisers(graph: onnx.GraphProto, file: str, *, readable: int = 0) -> dict[str, Constant]:
    """Return the initialisers of a graph: their shapes, and the numbers of those that hold few."""
    found = {
        tensor.name: constant(tensor, file, origin=tensor.name, readable=readable)
        for tensor in graph.initializer
    }
    for sparse in graph.sparse_initializer:
        name, shape = sparse.values.name, _shape(sparse.dims, sparse.values.name, file)
        found[name] = Constant(shape, None, name, shape, learned=math.prod(shape))
    return found


def constant(
    tensor: onnx.TensorProto, file: str, *, origin: str | None = None, readable: int = 0
) -> Constant:
    """Return what is known of a tensor; `origin` None: it is no initialiser, and nothing in it is learned."""
    shape = _shape(tensor.dims, tensor.name, file)
    size = math.prod(shape)
    held = tensor.raw_data or tensor.float_data or tensor.int32_data or tensor.int64_data
    array: Array | None = None
    inside = tensor.data_location != _EXTERNAL and tensor.data_type != _STRING
    source = None
    if size <= readable and tensor.data_type != _STRING:
        source = functools.partial(stored_array, file, tensor)
    if size <= MAX_KNOWN and inside and (held or tensor.double_data or tensor.uint64_data or size == 0):
        array = tensor_array(file, tensor)
    learned = 0 if origin is None else size
    return Constant(shape, array, origin, shape, learned=learned, source=source)


def _shape(dims: Iterable[int], name: str, file: str) -> Shape:
    shape = tuple(dims)
    if len(shape) > MAX_RANK or any(not 0 <= size < 2**31 for size in shape):
        raise ImportedFileError(
            f"{file}: initialiser {short(name)} must have at most {MAX_RANK} sizes from 0 to 2**31 - 1, "
            f"given {shape[:MAX_RANK]}"
        )
    return shape


def read_node(proto: onnx.NodeProto, index: int, file: str, opset: int, *, readable: int = 0) -> Node:
    """Return a node with its attributes."""
    operator = proto.op_type
    if proto.domain not in ("", "ai.onnx") and (proto.domain, operator) != ("com.microsoft", "Gelu"):
        operator = f"{proto.domain}::{operator}"
    if not operator or not operator.isprintable() or len(operator) > 80:
        operator = short(operator)
    name = proto.name or (proto.output[0] if proto.output else "")
    if not name or not name.isprintable() or len(name) > 200:
        name = f"{operator}_{index}"
    attributes = {one.name: _attribute(one, file, readable) for one in proto.attribute}
    needed = {key: value for key, value in attributes.items() if value is not None}
    return Node(file, name, operator, tuple(proto.input), tuple(proto.output), needed, opset, proto)


def _attribute(attribute: onnx.AttributeProto, file: str, readable: int) -> Any:
    """Return a number, a text, a tuple of them or a constant; None for what no layer needs."""
    kind = attribute.type
    if kind == 1:
        return float(attribute.f)
    if kind == 2:
        return int(attribute.i)
    if kind == 3:
        return attribute.s.decode("utf-8", "replace")
    if kind == 4:
        return constant(attribute.t, file, readable=readable)
    if kind in (6, 7):
        numbers = attribute.floats if kind == 6 else attribute.ints
        return tuple(numbers)
    if kind == 11:
        shape = _shape(attribute.sparse_tensor.dims, attribute.name, file)
        return Constant(shape, origin_shape=shape)
    return None


def producers_of(nodes: Iterable[Node], given: Iterable[str], file: str) -> dict[str, Node]:
    """Return the node that gives each value; raises `ImportedFileError` if there are two."""
    producers: dict[str, Node] = {}
    before = set(given)
    for node in nodes:
        for name in filter(None, node.outputs):
            if name in producers or name in before:
                raise ImportedFileError(f"{file}: {short(name)} is given twice; names must be unique")
            producers[name] = node
    return producers


def sort_nodes(nodes: list[Node], given: Iterable[str], producers: Mapping[str, Node]) -> list[Node]:
    """Return the nodes such that each stands after what it reads, otherwise in the file's order.

    Raises `ImportedFileError` for a cycle, and for a node that reads what nothing gives.
    """
    position = {id(node): index for index, node in enumerate(nodes)}
    before = set(given)
    waits = [0] * len(nodes)
    readers: list[list[int]] = [[] for _ in nodes]
    for index, node in enumerate(nodes):
        needed = {name for name in node.inputs if name and name not in before}
        for name in sorted(needed):
            if name not in producers:
                raise node.error(f"reads {short(name)}, which no node, input or initialiser gives")
        for producer in {position[id(producers[name])] for name in needed}:
            waits[index] += 1
            readers[producer].append(index)
    ready = [index for index, count in enumerate(waits) if count == 0]
    order: list[Node] = []
    while ready:
        index = heapq.heappop(ready)
        order.append(nodes[index])
        for reader in readers[index]:
            waits[reader] -= 1
            if waits[reader] == 0:
                heapq.heappush(ready, reader)
    if len(order) < len(nodes):
        stuck = next(node for node, count in zip(nodes, waits, strict=True) if count)
        raise stuck.error("waits for itself: the graph has a cycle")
    return order
