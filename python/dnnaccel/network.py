"""Networks: layers in a graph without cycles, in an order in which they can run, with their shapes."""

from __future__ import annotations

import functools
import heapq
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from dnnaccel.errors import MissingExtraError, NetworkError, did_you_mean, unknown_name
from dnnaccel.layers import Layer, Shape, whole_number

if TYPE_CHECKING:
    import pandas

__all__ = ["Metadata", "Network", "bind", "bind_new", "check_inputs", "check_links", "check_new"]

Metadata = Mapping[str, str | int | float | None]
"""What is known of a network besides its layers.

Keys in use: title, year, source, dataset; top1, top5 (accuracy on it in %) and accuracy_source;
quoted_weights, quoted_macs, quoted_top5_error (%) and quoted_source, the totals as the literature rounds
them; note; unknown_operators, those of an imported file that have no layer, with their counts.
"""


@dataclass(frozen=True, slots=True)
class Network:
    """A directed graph of layers without cycles; immutable, its layers in an order in which they can run.

    Parameters
    ----------
    name
        What reports call it.
    layers
        In any order; those that can keep the given order keep it. Each gets its `input_shapes`.
    inputs
        Name and shape (batch first) of every input; the batch is the first size of all of them.
    metadata
        See `Metadata`.

    Raises
    ------
    NetworkError
        For two layers of one name, an input that no layer produces, a cycle, no layers at all, or an input
        that is unused or has no usable shape.
    LayerError
        For shapes that do not meet; names the layer.

    Examples
    --------
    >>> from dnnaccel.layers import Linear, ReLU
    >>> fc = Linear(name="fc", inputs=("x",), out_features=10)
    >>> relu = ReLU(name="relu", inputs=("fc",))
    >>> net = Network("tiny", (fc, relu), inputs={"x": (1, 20)})
    >>> net.total_macs
    200
    """

    name: str
    layers: tuple[Layer, ...]
    inputs: Mapping[str, Shape] = field(kw_only=True)
    metadata: Metadata = field(default_factory=dict, kw_only=True)
    _by_name: Mapping[str, Layer] = field(init=False, repr=False, compare=False)
    _consumers: Mapping[str, tuple[Layer, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        inputs = check_inputs(self.name, self.inputs)
        bound: dict[str, Layer] = {}
        consumers: dict[str, list[Layer]] = {name: [] for name in inputs}
        shapes = dict(inputs)
        for given in _in_order(self.name, self.layers, inputs):
            name, layer = given.name, bind(given, given.inputs, shapes)
            bound[name] = layer
            if layer.weights_from is not None:
                check_shared(self.name, layer, bound)
            shapes[name] = layer.output_shape
            consumers[name] = []
            for producer in dict.fromkeys(layer.inputs):
                consumers[producer].append(layer)
        for name in inputs:
            if not consumers[name]:
                raise NetworkError(
                    f"network {self.name!r}: no layer reads input {name!r}; use it or leave it out"
                )
        for attribute, value in (
            ("layers", tuple(bound.values())),
            ("inputs", MappingProxyType(inputs)),
            ("metadata", MappingProxyType(dict(self.metadata))),
            ("_by_name", MappingProxyType(bound)),
            ("_consumers", MappingProxyType({name: tuple(those) for name, those in consumers.items()})),
        ):
            object.__setattr__(self, attribute, value)

    def __hash__(self) -> int:
        return hash((self.name, self.layers, tuple(self.inputs.items())))

    def __reduce__(self) -> tuple[Callable[..., Network], tuple[str, tuple[Layer, ...]]]:
        # Read-only views of dicts cannot be pickled, and a network must reach another process.
        rebuild = functools.partial(Network, inputs=dict(self.inputs), metadata=dict(self.metadata))
        return rebuild, (self.name, self.layers)

    def __getitem__(self, name: str) -> Layer:
        """Return the layer `name`; raises `UnknownNameError` with the nearest name."""
        if name not in self._by_name:
            raise unknown_name(f"layer of {self.name}", name, self._by_name)
        return self._by_name[name]

    def __contains__(self, name: object) -> bool:
        """Whether there is a layer of that name."""
        return name in self._by_name

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    @property
    def outputs(self) -> Mapping[str, Shape]:
        """Name and shape of every layer that no other layer reads."""
        return MappingProxyType(
            {layer.name: layer.output_shape for layer in self.layers if not self._consumers[layer.name]}
        )

    @property
    def batch(self) -> int:
        """Number of samples that one run takes."""
        return next(iter(self.inputs.values()))[0]

    @property
    def total_macs(self) -> int:
        """Multiply-accumulates of one run, for the whole batch."""
        return sum(layer.macs for layer in self.layers)

    @property
    def total_weights(self) -> int:
        """Elements of all weights of convolutions, matrix products and recurrent cells; shared ones once."""
        return sum(self.own_weights().values())

    def own_weights(self) -> dict[str, int]:
        """Return every layer's weights by its name; shared ones stand at the first to multiply by them."""
        owners: dict[str, str] = {}
        counted: set[str] = set()
        own: dict[str, int] = {}
        for layer in self.layers:
            owner = layer.name if layer.weights_from is None else owners[layer.weights_from]
            owners[layer.name] = owner
            weights = layer.weights
            own[layer.name] = 0 if owner in counted else weights
            # An embedding's table has no weights of its own, but is one where a matrix product uses it.
            if weights:
                counted.add(owner)
        return own

    @property
    def total_parameters(self) -> int:
        """Learned numbers: weights, biases, scales and shifts of normalisations."""
        return sum(layer.parameters for layer in self.layers if layer.weights_from is None)

    def consumers(self, name: str) -> tuple[Layer, ...]:
        """Return the layers that read the layer or input `name`, in running order; each once.

        Raises `UnknownNameError` with the nearest name.
        """
        if name not in self._consumers:
            raise unknown_name(f"layer or input of {self.name}", name, self._consumers)
        return self._consumers[name]

    def summary(self, *, word_bits: int = 32) -> str:
        """Return the table of layers with shapes, weights, MACs and vector operations, and the totals.

        Below it stands how much memory parameters and activations take, in words of `word_bits` bits. Raises
        `NetworkError` for a word that is not 1 to 1024 bits wide.
        """
        # Here, as in `draw` and `load`: loaded by those who print, draw, read or write a network.
        from dnnaccel._summary import summary_text

        return summary_text(self, word_bits=word_bits)

    def draw(
        self, path: str | os.PathLike[str] | None = None, *, format: str | None = None, fold: bool = True
    ) -> str:
        """Return a picture of the graph, and write it to `path` if one is given.

        Parameters
        ----------
        path
            File to write, in UTF-8.
        format
            "svg", or "dot" for Graphviz; by default what the suffix of `path` says (.dot, .gv), else SVG.
        fold
            Whether activations and normalisations stand in the box of the layer that they follow.

        Raises
        ------
        NetworkError
            For another format, or a file that cannot be written.
        """
        from dnnaccel._drawing import draw

        return draw(self, path, format=format, fold=fold)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the network to the YAML file `path`, whole or not at all; `load` reads it back equal.

        Raises `NetworkError` for metadata that a file cannot hold, `DnnAccelError` if it cannot be written.
        """
        from dnnaccel._netfile import write

        write(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Network:
        """Read a network from a YAML file, as `save` writes it or as written by hand.

        Raises `NetworkError`: one sentence if the file cannot be read, otherwise one line for each mistake,
        ``file:line: place: what is wrong and what would be right``.
        """
        from dnnaccel._netfile import read

        found = read(path, check_inputs=check_inputs, check_shared=check_shared)
        return cls(found.name, found.layers, inputs=found.inputs, metadata=found.metadata)

    def to_dataframe(self) -> pandas.DataFrame:
        """Return one row per layer: name, kind, shapes, parameters, weights, macs, ops.

        Raises `MissingExtraError` if pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise MissingExtraError("to_dataframe needs pandas: pip install 'dnnaccel[data]'") from error
        columns = ("name", "kind", "input_shapes", "output_shape", "parameters", "weights", "macs", "ops")
        frame: pandas.DataFrame = pandas.DataFrame(
            {key: [getattr(layer, key) for layer in self.layers] for key in columns}
        )
        return frame

    def __str__(self) -> str:
        return self.summary()

    def __repr__(self) -> str:
        return (
            f"<Network {self.name}: {len(self)} layers, {self.total_macs:,} MACs, "
            f"{self.total_weights:,} weights, batch {self.batch}>"
        )


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


def bind_new(layer: Layer, inputs: tuple[str, ...], shapes: Mapping[str, Shape]) -> Layer:
    """As `bind`, for a layer of the package just made without shapes: bound itself, not a copy of it."""
    layer._settle(inputs, tuple(map(shapes.__getitem__, inputs)))
    return layer


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


def _in_order(network: str, layers: Iterable[Layer], inputs: Mapping[str, Shape]) -> list[Layer]:
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
