"""The network while it is read: what every name stands for, and the layers so far."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from dnnaccel.errors import ImportedFileError
from dnnaccel.importers.onnx.values import (
    MAX_KNOWN,
    MAX_RANK,
    Activation,
    Array,
    Constant,
    Node,
    NotCounted,
    Value,
    short,
)
from dnnaccel.layers import Layer, Permute, Reshape, Shape

__all__ = ["Graph", "Operator", "Results"]

Results = Sequence["Value | None"]
"""What a node's outputs stand for, in their order; None for one that nothing is known of."""

Operator = Callable[["Graph", Node], Results]
"""Adds a node's layers to the graph; raises `NotCounted` for a form that has no layer."""

Parameters = dict[str, Callable[[], Array]]
"""What gives each parameter of a layer; raises `UnknownNumbersError` where nothing does."""

_MAX_NAME = 200


@dataclass(slots=True)
class Graph:
    """Layers and values, as far as the nodes have been read."""

    file: str
    values: dict[str, Value]
    readers: dict[str, list[Node]]
    producers: dict[str, Node]
    outputs: frozenset[str]
    hints: dict[str, Shape]
    """Shapes of inner tensors that the file claims."""

    names: set[str] = field(default_factory=set)
    layers: dict[str, Layer] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)
    """First outputs of nodes that another node's layer has taken in."""

    spare: set[str] = field(default_factory=set)
    """Layers that are left out if nobody reads them."""

    known: int = MAX_KNOWN
    """Most elements of a constant whose numbers are kept."""

    readable: int = 0
    """Most elements of a constant whose numbers can be read later; 0: none can."""

    learned: dict[str, Parameters] = field(default_factory=dict)
    """What gives the parameters of each layer, where the file's numbers are read."""

    inexact: list[str] = field(default_factory=list)
    """What the file computes and the layers do not; it changes numbers, not sizes."""

    unknown: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    _views: dict[str, Activation] = field(default_factory=dict)
    _owners: dict[tuple[str, ...], str] = field(default_factory=dict)

    def optional(self, node: Node, index: int) -> Value | None:
        """Return input `index` of `node`, None if it is left out."""
        if index >= len(node.inputs) or not node.inputs[index]:
            return None
        return self.values[node.inputs[index]]

    def activation(self, node: Node, index: int) -> Activation:
        """Return an input that is computed; raises `ImportedFileError` or `NotCounted` if it is not."""
        value = self._needed(node, index)
        if isinstance(value, Constant):
            raise NotCounted(f"{node.operator} (constant)")
        return value

    def constant(self, node: Node, index: int) -> Constant:
        """Return an input that is constant; raises `ImportedFileError` or `NotCounted` if it is not."""
        value = self._needed(node, index)
        if isinstance(value, Activation):
            raise NotCounted(f"{node.operator} (computed weights)")
        return value

    def _needed(self, node: Node, index: int) -> Value:
        value = self.optional(node, index)
        if value is None:
            raise node.error(f"has no input {index}")
        return value

    def known_input(self, node: Node, index: int) -> Constant | None:
        """Return an input if it is there and constant."""
        value = self.optional(node, index)
        return value if isinstance(value, Constant) else None

    def has_constant(self, node: Node, index: int) -> bool:
        """Return whether the optional input `index` is there; raises `NotCounted` if it is computed."""
        return self.optional(node, index) is not None and bool(self.constant(node, index))

    def numbers(self, node: Node, index: int, attribute: str) -> tuple[int, ...] | None:
        """Return whole numbers that are an input in new files, an attribute in old ones; None: left out."""
        value = self.optional(node, index)
        if value is None:
            return node.integers(attribute)
        if isinstance(value, Activation) or value.array is None:
            raise NotCounted(f"{node.operator} (computed {attribute})")
        if value.array.dtype.kind not in "iu" or value.array.size > 4 * MAX_RANK:
            raise node.error(f"its {attribute} must be whole numbers, one per axis")
        return tuple(int(number) for number in value.array.reshape(-1))

    def used(self, name: str) -> bool:
        """Return whether anything reads that output of a node."""
        return bool(name) and (name in self.readers or name in self.outputs)

    def only_reader(self, name: str) -> Node | None:
        """Return the node that reads the value `name`, if one alone does and no output is it."""
        readers = self.readers.get(name, [])
        return readers[0] if len(readers) == 1 and name not in self.outputs else None

    def fresh(self, name: str, otherwise: str) -> str:
        """Return a name for a layer that no other has: `name` if it can be one."""
        base = name if name and name.isprintable() and len(name) <= _MAX_NAME else otherwise
        chosen, count = base, 1
        while chosen in self.names:
            count += 1
            chosen = f"{base}:{count}"
        self.names.add(chosen)
        return chosen

    def add(self, layer: Layer, shape: Shape | None = None) -> Activation:
        """Add a layer and return its result; `shape` is ONNX's where that has fewer than two axes."""
        name = layer.name
        if name in self.layers:
            name = self.fresh(f"{name}:2", name)
            layer = dataclasses.replace(layer, name=name)
        self.names.add(name)
        self.layers[name] = layer
        return Activation(name, layer.output_shape if shape is None else shape)

    def learn(self, layer: str, **parameters: Constant | Callable[[], Array] | None) -> None:
        """Say where the parameters of a layer come from: as they are, or out of a function."""
        self.learned[layer] = {
            name: functools.partial(getattr, one, "numbers") if isinstance(one, Constant) else one
            for name, one in parameters.items()
            if one is not None
        }

    def add_shared(self, layer: Layer, *learned: Constant | None, whole: bool = False) -> Activation:
        """Add a layer; if an earlier one of its kind has the same initialisers, it uses those weights.

        `whole`: of each initialiser it has all, though it reads a part.
        """
        key = tuple(_place(one, whole=whole) for one in learned if one is not None)
        if not all(key):
            return self.add(layer)
        owner = self.layers.get(self._owners.get(key, ""))
        if owner is None:
            self._owners[key] = layer.name
            return self.add(layer)
        kinds = {owner.kind, layer.kind}
        if (len(kinds) == 1 or kinds == {"embedding", "linear"}) and owner.parameters == layer.parameters:
            layer = dataclasses.replace(layer, weights_from=owner.name)
        return self.add(layer)

    def reshape(self, value: Activation, shape: Shape, name: str, *, asked: bool = True) -> Activation:
        """Return `value` under another shape; `asked`: the file says so, rather than a layer needing it."""
        source = value
        while source.layer in self._views and isinstance(self.layers[source.layer], Reshape):
            source = self._views[source.layer]
        if source.shape == shape and not (asked and source is value):
            return source
        target = Activation(name, shape)
        layer = Reshape(
            name=name, inputs=(source.layer,), input_shapes=(source.layer_shape,), shape=target.layer_shape
        )
        return self._view(layer, source, shape, asked=asked)

    def permute(
        self, value: Activation, axes: tuple[int, ...], name: str, *, asked: bool = True
    ) -> Activation:
        """Return `value` with its axes in another order; `asked` as in `reshape`."""
        before = self.layers.get(value.layer)
        own = not asked or value.layer in self._views
        if isinstance(before, Permute) and own and _undoes(axes, before.axes):
            return Activation(before.inputs[0], before.input_shapes[0])
        layer = Permute(name=name, inputs=(value.layer,), input_shapes=(value.layer_shape,), axes=axes)
        return self._view(layer, value, layer.output_shape, asked=asked)

    def _view(self, layer: Layer, source: Activation, shape: Shape, *, asked: bool) -> Activation:
        result = self.add(layer, shape)
        if not asked:
            self._views[result.layer] = source
        return result

    def rearranged(
        self, node: Node, change: Callable[[Graph, Node, Array], Array], data: Array | Shape
    ) -> Array:
        """Return `change` of an array, or of one that takes no memory and has the shape `data`.

        Raises `ImportedFileError` if it does not fit.
        """
        shape = data if isinstance(data, tuple) else data.shape
        try:
            with np.errstate(all="ignore"):
                result = change(self, node, _stand_in(data))
        except (ValueError, IndexError, TypeError, OverflowError, MemoryError):
            raise node.error(f"does not fit its input of shape {shape}") from None
        self.check_shape(node, result.shape)
        return result

    def check_shape(self, node: Node, shape: Shape) -> None:
        """Raise `ImportedFileError` for a shape with too many axes."""
        if len(shape) > MAX_RANK:
            raise node.error(f"gives a tensor of {len(shape)} axes; at most {MAX_RANK} are read")

    def alias(self, node: Node) -> Results:
        """Return the first input as the first output."""
        value = self.optional(node, 0)
        if value is None:
            raise node.error("has no input 0")
        return (value,)

    def missing(self, node: Node, name: str) -> ImportedFileError:
        """Return the error for a node that reads what nothing gives."""
        return node.error(f"reads {short(name)}, which no node, input or initialiser of the graph gives")


def _place(learned: Constant, *, whole: bool) -> str:
    """Return which part of which initialiser a constant is, "" if of none."""
    if learned.origin is None or whole or learned.size == math.prod(learned.origin_shape):
        return learned.origin or ""
    return f"{learned.origin}[{learned.first}:]{learned.shape}"


def _undoes(axes: tuple[int, ...], before: tuple[int, ...]) -> bool:
    return tuple(before[axis] for axis in axes) == tuple(range(len(before)))


def _stand_in(data: Array | Shape) -> Array:
    return np.broadcast_to(np.int8(0), data) if isinstance(data, tuple) else data
