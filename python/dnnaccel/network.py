"""Networks: layers in a graph without cycles, in an order in which they can run, with their shapes."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from dnnaccel._graph import bind, check_inputs, check_shared, in_order
from dnnaccel.errors import MissingExtraError, NetworkError, unknown_name
from dnnaccel.layers import Layer, Shape

if TYPE_CHECKING:
    import pandas

__all__ = ["Metadata", "Network"]

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
        shapes = dict(inputs)
        bound = []
        for given in in_order(self.name, self.layers, inputs):
            layer = bind(given, given.inputs, shapes)
            shapes[layer.name] = layer.output_shape
            bound.append(layer)
        self._hold(bound, inputs)

    @classmethod
    def of_bound(
        cls, name: str, layers: Iterable[Layer], *, inputs: Mapping[str, Shape], metadata: Metadata
    ) -> Network:
        """Return a network of layers that are known to stand in order, each with its `input_shapes`.

        For builders, which checked all that when they took the layers. Raises `NetworkError` as the class
        does, for an input that is unused and for weights that cannot be shared.
        """
        net = object.__new__(cls)
        object.__setattr__(net, "name", name)
        object.__setattr__(net, "metadata", metadata)
        net._hold(layers, inputs)
        return net

    def _hold(self, bound: Iterable[Layer], inputs: Mapping[str, Shape]) -> None:
        by_name: dict[str, Layer] = {}
        read: set[str] = set()
        for layer in bound:
            by_name[layer.name] = layer
            read.update(layer.inputs)
            if layer.weights_from is not None:
                check_shared(self.name, layer, by_name)
        for name in inputs:
            if name not in read:
                raise NetworkError(
                    f"network {self.name!r}: no layer reads input {name!r}; use it or leave it out"
                )
        for attribute, value in (
            ("layers", tuple(by_name.values())),
            ("inputs", MappingProxyType(dict(inputs))),
            ("metadata", MappingProxyType(dict(self.metadata))),
            ("_by_name", MappingProxyType(by_name)),
        ):
            object.__setattr__(self, attribute, value)

    def _readers(self) -> Mapping[str, tuple[Layer, ...]]:
        # Worked out when first asked for: who only adds up sizes never does.
        try:
            return self._consumers
        except AttributeError:
            found: dict[str, list[Layer]] = {name: [] for name in (*self.inputs, *self._by_name)}
            for layer in self.layers:
                for producer in dict.fromkeys(layer.inputs):
                    found[producer].append(layer)
            readers = {name: tuple(those) for name, those in found.items()}
            object.__setattr__(self, "_consumers", readers)
            return readers

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
        readers = self._readers()
        return MappingProxyType(
            {layer.name: layer.output_shape for layer in self.layers if not readers[layer.name]}
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
        readers = self._readers()
        if name not in readers:
            raise unknown_name(f"layer or input of {self.name}", name, readers)
        return readers[name]

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

    def to_yaml(self) -> str:
        """Return the network as the text of the file that `save` writes; raises what that raises."""
        from dnnaccel._netfile import to_text

        return to_text(self)

    @classmethod
    def from_yaml(cls, text: str) -> Network:
        """Return the network that the text of a file describes, as `to_yaml` gives it.

        Raises `NetworkError` with one line for each mistake, as `load` does.
        """
        from dnnaccel._netfile import read_text

        found = read_text(text, "network", check_inputs=check_inputs, check_shared=check_shared)
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

    def _repr_html_(self) -> str:
        from dnnaccel._summary import summary_columns
        from dnnaccel.report.html import fragment, paragraph, table

        return fragment(paragraph(repr(self)), table(summary_columns(self), total=True))

    def __str__(self) -> str:
        return self.summary()

    def __repr__(self) -> str:
        return (
            f"<Network {self.name}: {len(self)} layers, {self.total_macs:,} MACs, "
            f"{self.total_weights:,} weights, batch {self.batch}>"
        )
