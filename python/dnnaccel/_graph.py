"""What makes layers a graph: names that are there once, links that exist, an order in which all can run."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence

from dnnaccel.errors import NetworkError, did_you_mean
from dnnaccel.layers import Layer, Shape, whole_number

__all__ = ["bind", "check_inputs", "check_links", "check_new", "check_shared", "in_order"]


def check_inputs(network: str, inputs: Mapping[str, Shape]) -> dict[str, Shape]:
    if not isinstance(inputs, Mapping):
        raise NetworkError(f"network {network!r}: inputs must map names to shapes, given {inputs!r}")
    checked: dict[str, Shape] = {}
    for name, shape in inputs.items():
        sizes = [whole_number(size, minimum=1) for size in shape] if isinstance(shape, (tuple, list)) else []
        sound = tuple(size for size in sizes if size is not None)
        if len(sizes) < 2 or len(sound) < len(sizes):
            raise NetworkError(
                f"network {network!r}: input {name!r} has shape {shape!r}; it must be two or more whole "
                "numbers, each at least 1, batch first, as (1, 3, 224, 224)"
            )
        checked[name] = sound
    if not checked:
        raise NetworkError(f"network {network!r} has no inputs; it needs one at least")
    batches = {name: shape[0] for name, shape in checked.items()}
    if len(set(batches.values())) > 1:
        given = ", ".join(f"{name} {batch}" for name, batch in batches.items())
        raise NetworkError(
            f"network {network!r}: all inputs must have one batch as their first size, given {given}"
        )
    return checked


def bind(layer: Layer, inputs: tuple[str, ...], shapes: Mapping[str, Shape]) -> Layer:
    """Return `layer` reading `inputs`, whose shapes are in `shapes`: itself if it does so already."""
    input_shapes = tuple(map(shapes.__getitem__, inputs))
    if inputs == layer.inputs and input_shapes == layer.input_shapes:
        return layer
    return layer.reading(inputs, input_shapes)


def check_links(network: str, layer: Layer, known: Mapping[str, object]) -> None:
    """Raise `NetworkError` unless all that `layer` reads is `known`."""
    for name in layer.inputs:
        if name not in known:
            raise NetworkError(
                f"network {network!r}: layer {layer.name!r} reads {name!r}, which does not exist; "
                f"{did_you_mean(name, known)}"
            )


def check_new(network: str, name: str, known: Mapping[str, object]) -> None:
    if name in known:
        raise NetworkError(
            f"network {network!r}: two layers or inputs are named {name!r}; names must be unique"
        )


def in_order(network: str, layers: Iterable[Layer], inputs: Mapping[str, Shape]) -> list[Layer]:
    """Return `layers` such that each stands after what it reads, otherwise as given."""
    given = list(layers)
    if _runs_as_given(given, inputs):
        return given
    # An input is always there: it stands before every layer.
    position = dict.fromkeys(inputs, -1)
    for index, layer in enumerate(given):
        if not isinstance(layer, Layer):
            raise NetworkError(
                f"network {network!r}: layers must be layers, as layers.Conv2d(...), given {layer!r}"
            )
        check_new(network, layer.name, position)
        position[layer.name] = index
    if not given:
        raise NetworkError(f"network {network!r} has no layers; it needs one at least")
    for layer in given:
        if not layer.inputs:
            raise NetworkError(f"network {network!r}: layer {layer.name!r} reads nothing; name its inputs")
        check_links(network, layer, position)
    return _sorted(network, given, position)


def _runs_as_given(given: Sequence[Layer], inputs: Iterable[str]) -> bool:
    """Whether all are layers of different names, each after what it reads, as from a builder."""
    known = set(inputs)
    for layer in given:
        if not (isinstance(layer, Layer) and layer.inputs and known.issuperset(layer.inputs)):
            return False
        if layer.name in known:
            return False
        known.add(layer.name)
    return bool(given)


def _sorted(network: str, given: Sequence[Layer], position: Mapping[str, int]) -> list[Layer]:
    waits: list[int] = []
    readers: dict[str, list[int]] = {layer.name: [] for layer in given}
    for index, layer in enumerate(given):
        producers = {name for name in layer.inputs if position[name] >= 0}
        waits.append(len(producers))
        for name in producers:
            readers[name].append(index)
    ready = [index for index, count in enumerate(waits) if count == 0]
    order: list[Layer] = []
    while ready:
        layer = given[heapq.heappop(ready)]
        order.append(layer)
        for index in readers[layer.name]:
            waits[index] -= 1
            if waits[index] == 0:
                heapq.heappush(ready, index)
    if len(order) < len(given):
        cycle = _find_cycle({layer.name: layer for index, layer in enumerate(given) if waits[index]})
        raise NetworkError(f"network {network!r} has a cycle: {' reads '.join(map(repr, cycle))}")
    return order


def _find_cycle(stuck: Mapping[str, Layer]) -> list[str]:
    # Every stuck layer reads a stuck layer, so walking up must come back to where it has been.
    path = [next(iter(stuck))]
    while path[-1] not in path[:-1]:
        path.append(next(name for name in stuck[path[-1]].inputs if name in stuck))
    return path[path.index(path[-1]) :]


def check_shared(network: str, layer: Layer, bound: Mapping[str, Layer]) -> None:
    """Raise `NetworkError` unless the layer whose weights `layer` uses stands before it and is like it."""
    owner = layer.weights_from
    if owner is None:
        return
    if owner == layer.name or owner not in bound:
        raise NetworkError(
            f"network {network!r}: layer {layer.name!r} uses the weights of {owner!r}, "
            "which is no layer before it"
        )
    kinds = {bound[owner].kind, layer.kind}
    alike = len(kinds) == 1 or kinds == {"embedding", "linear"}
    if not alike or bound[owner].parameters != layer.parameters:
        raise NetworkError(
            f"network {network!r}: layer {layer.name!r} cannot use the weights of {owner!r}: "
            f"{layer.kind} with {layer.parameters} parameters, "
            f"{bound[owner].kind} with {bound[owner].parameters}"
        )
