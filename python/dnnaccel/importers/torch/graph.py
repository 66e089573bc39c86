"""The network while it is read: what every call stands for, and the layers so far."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from dnnaccel.importers.torch.values import (
    Activation,
    Call,
    Constant,
    NotCounted,
    Outputs,
    Ref,
    Value,
    layer_shape,
)
from dnnaccel.layers import ChannelShuffle, Flatten, Layer, Opaque, Permute, Reshape, Shape, Slice

__all__ = ["Graph", "Operator"]

# Views that the module itself asks for; those that a layer needs are called by what they do.
_VIEWS = {
    *("view", "reshape", "_unsafe_view", "flatten", "unflatten", "squeeze", "unsqueeze", "expand"),
    *("permute", "transpose", "t", "slice", "select", "split", "split_with_sizes", "chunk", "unbind"),
}

Operator = Callable[["Graph", Call], "Value | Outputs"]
"""Adds a call's layers to the graph; raises `NotCounted` for a form that has no layer."""


class Graph:
    """Layers and values, as far as the calls have been read."""

    def __init__(self, inputs: Mapping[str, Shape], constants: Mapping[str, Constant]) -> None:
        """Start with what is there before the first call."""
        self.values: dict[str, Value | Outputs | None] = {**constants}
        self.inputs: dict[str, Shape] = {}
        self.layers: dict[str, Layer] = {}
        self._bases: dict[str, str] = {}
        self._owners: dict[str, str] = {}
        for name, shape in inputs.items():
            source = self.fresh(name)
            self.inputs[source] = layer_shape(shape)
            self.values[name] = Activation(source, shape)

    # What a call is given.

    def value(self, call: Call, argument: str) -> Value:
        """Return a tensor that the call is given; raises `NotCounted` if it is none."""
        value = self.optional(call, argument)
        if value is None:
            raise NotCounted(f"aten.{call.operator}")
        return value

    def optional(self, call: Call, argument: str) -> Value | None:
        """Return a tensor that the call may be given, None if it is not."""
        return self.resolved(call.arguments.get(argument))

    def resolved(self, given: Any) -> Value | None:
        """Return what a reference stands for, None for what is no tensor."""
        value = self.values.get(given.call) if isinstance(given, Ref) else None
        return value if isinstance(value, Activation | Constant) else None

    def activation(self, call: Call, argument: str) -> Activation:
        """Return a tensor that is computed; raises `NotCounted` for a constant."""
        value = self.value(call, argument)
        if isinstance(value, Constant):
            raise NotCounted(f"aten.{call.operator} (of a constant)")
        return value

    def constant(self, call: Call, argument: str) -> Constant:
        """Return a tensor that is constant; raises `NotCounted` for a computed one."""
        value = self.value(call, argument)
        if isinstance(value, Activation):
            raise NotCounted(f"aten.{call.operator} (computed weights)")
        return value

    def tensors(self, call: Call) -> list[Value]:
        """Return every tensor that the call is given."""
        found: list[Value] = []
        for given in call.arguments.values():
            for one in given if isinstance(given, tuple) else (given,):
                value = self.resolved(one)
                if value is not None:
                    found.append(value)
        return found

    # What becomes of it.

    def name(self, call: Call, suffix: str = "", weights: Constant | None = None) -> str:
        """Return a fresh name for a layer of `call`: the path of its module or weights if it can be."""
        if call.leaf and call.path:
            base = call.path
        elif weights is not None and weights.origin is not None:
            owner, _, own = weights.origin.rpartition(".")
            own = own.removesuffix("weight").strip("_")
            base = ".".join(part for part in (owner, own) if part) or call.operator
        else:
            operator = call.operator.strip("_")
            operator = "attention" if operator == "scaled_dot_product_attention" else operator
            base = f"{call.path}.{operator}".lstrip(".")
        return self.fresh(f"{base}.{suffix}" if suffix else base)

    def fresh(self, name: str) -> str:
        """Return `name`, with a number if it is taken."""
        chosen, count = name, 1
        while chosen in self._bases:
            count += 1
            chosen = f"{name}_{count}"
        self._bases[chosen] = name
        return chosen

    def needed(self, outputs: Iterable[str]) -> list[Layer]:
        """Return the layers that the results of the calls `outputs` depend on, numbered without gaps.

        Views that another layer has taken in are none of them.
        """
        values = [self.values.get(output) for output in outputs]
        wanted = {value.layer for value in values if isinstance(value, Activation)}
        found: list[Layer] = []
        for layer in reversed(self.layers.values()):
            if layer.name in wanted:
                found.append(layer)
                wanted.update(layer.inputs)
        bases, self._bases = self._bases, {name: name for name in self.inputs}
        names = {name: name for name in self.inputs}
        names |= {layer.name: self.fresh(bases[layer.name]) for layer in reversed(found)}
        return [
            dataclasses.replace(
                layer,
                name=names[layer.name],
                inputs=tuple(names[one] for one in layer.inputs),
                weights_from=names.get(layer.weights_from or ""),
            )
            for layer in reversed(found)
        ]

    def add(self, layer: Layer, shape: Shape | None = None) -> Activation:
        """Add a layer; `shape` is torch's where that has fewer than two axes."""
        self.layers[layer.name] = layer
        return Activation(layer.name, layer.output_shape if shape is None else shape)

    def add_weighted(self, layer: Layer, weights: Constant) -> Activation:
        """Add a layer; if an earlier one of its kind has the same parameter, it uses those weights."""
        if weights.origin is None:
            return self.add(layer)
        owner = self.layers.get(self._owners.setdefault(weights.origin, layer.name))
        if owner is not None:
            kinds = {owner.kind, layer.kind}
            alike = len(kinds) == 1 or kinds == {"embedding", "linear"}
            if alike and owner.parameters == layer.parameters:
                layer = dataclasses.replace(layer, weights_from=owner.name)
        return self.add(layer)

    def read(self, *values: Activation) -> dict[str, Any]:
        """Return the fields of a layer that reads `values`."""
        return {
            "inputs": tuple(one.layer for one in values),
            "input_shapes": tuple(layer_shape(one.shape) for one in values),
        }

    def opaque(self, call: Call, operator: str, index: int = 0) -> Value:
        """Add an `Opaque` for one result of `call`, or a constant if it depends on constants alone."""
        given = self.tensors(call)
        shape = call.shapes[index]
        if shape is None:
            raise NotCounted(operator)
        read = [one for one in given if isinstance(one, Activation)]
        if not read:
            return folded(given, shape)
        suffix = "" if index == 0 else f"output_{index}"
        layer = Opaque(
            name=self.name(call, suffix), operator=operator, shape=layer_shape(shape), **self.read(*read)
        )
        return self.add(layer, shape)

    # Views.

    def _view_name(self, call: Call, word: str) -> str:
        return self.name(call, "" if call.operator in _VIEWS else word)

    def reshape(self, value: Activation, shape: Shape, call: Call) -> Activation:
        """Return `value` under another shape; of several reshapes in a row the last one counts."""
        if value.shape == shape:
            return value
        before = self.layers.get(value.layer)
        shuffled = self._shuffled(before, shape, call)
        if shuffled is not None:
            return shuffled
        source = value
        if isinstance(before, Reshape | Flatten):
            source = Activation(before.inputs[0], before.input_shapes[0])
        if layer_shape(shape) == layer_shape(source.shape):
            return Activation(source.layer, shape)
        read = self.read(source)
        if len(shape) == 2 and len(source.shape) > 2 and shape[0] == source.shape[0]:
            return self.add(Flatten(name=self._view_name(call, "flatten"), **read))
        name = self._view_name(call, "reshape")
        return self.add(Reshape(name=name, shape=layer_shape(shape), **read), shape)

    def _shuffled(self, middle: Layer | None, shape: Shape, call: Call) -> Activation | None:
        """Return a channel shuffle if `middle` is the middle of one: split, exchanged, joined to `shape`."""
        if not isinstance(middle, Permute) or middle.axes != (0, 2, 1, 3, 4):
            return None
        split = self.layers.get(middle.inputs[0])
        if not isinstance(split, Reshape) or split.input_shapes[0] != shape or len(shape) != 4:
            return None
        groups, _, rows, columns = split.shape[1:]
        if (shape[0], *shape[2:]) != (split.shape[0], rows, columns):
            return None
        name = self.fresh(f"{call.path}.channel_shuffle".lstrip("."))
        layer = ChannelShuffle(name=name, inputs=split.inputs, input_shapes=split.input_shapes, groups=groups)
        return self.add(layer)

    def permute(self, value: Activation, axes: tuple[int, ...], call: Call) -> Activation:
        """Return `value` with its axes in another order; of several permutations in a row one is left."""
        before = self.layers.get(value.layer)
        if isinstance(before, Permute) and value.shape == before.output_shape:
            axes = tuple(before.axes[axis] for axis in axes)
            value = Activation(before.inputs[0], before.input_shapes[0])
        if axes == tuple(range(len(axes))):
            return value
        return self.add(Permute(name=self._view_name(call, "permute"), axes=axes, **self.read(value)))

    def cut(self, value: Activation, axis: int, start: int, stop: int, call: Call) -> Activation:
        """Return the part of `value` from `start` up to `stop` of one axis; the first one too."""
        if (start, stop) == (0, value.shape[axis]):
            return value
        if axis == 0 or len(value.shape) < 2:
            # Layers do not cut the batch: it gets another axis before it.
            inner = self.reshape(value, (1, *value.shape), call)
            part = self.cut(inner, axis + 1, start, stop, call)
            return self.reshape(part, part.shape[1:], call)
        name = self._view_name(call, "slice")
        layer = Slice(name=name, axis=axis, start=start, stop=stop, **self.read(value))
        return self.add(layer)


def folded(given: list[Value], shape: Shape) -> Constant:
    """Return what an operator makes of constants: it holds the parameter that they hold, if it is one."""
    learned = {(one.origin, one.learned) for one in given if isinstance(one, Constant) and one.origin}
    if len(learned) == 1:
        origin, count = learned.pop()
        return Constant(shape, origin, count)
    return Constant(shape)
