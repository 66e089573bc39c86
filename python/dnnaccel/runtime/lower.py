"""What each kind of layer becomes: a function for each, in a table by the layer's kind."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dnnaccel import _core
from dnnaccel.errors import DnnAccelError, RuntimeModelError
from dnnaccel.kernels import QuantParams
from dnnaccel.layers import Embedding, Layer
from dnnaccel.network import Network
from dnnaccel.runtime.fusion import Node
from dnnaccel.runtime.layouts import Layout, conversion, row_major, same_memory
from dnnaccel.runtime.parameters import owner_of
from dnnaccel.runtime.quantize import Quantization, requantize_step
from dnnaccel.runtime.steps import Pitches, Step, Tensor

__all__ = ["Lowering", "lower", "lowers", "token_limit"]

Floats = NDArray[np.float32]
Lowered = Callable[["Lowering", Node], Tensor | None]

_LOWERINGS: dict[str, Lowered] = {}
_INT8_LOWERINGS: dict[str, Lowered] = {}


def lowers(*kinds: str, int8: bool = False) -> Callable[[Lowered], Lowered]:
    """Enter a function into the table: it makes the steps of nodes that begin with a layer of these kinds.

    Of those for `int8` there is another table, used for quantised networks: such a function may return None
    if a node is to be computed in float32 all the same.
    """

    def enter(function: Lowered) -> Lowered:
        for kind in kinds:
            (_INT8_LOWERINGS if int8 else _LOWERINGS)[kind] = function
        return function

    return enter


class Lowering:
    """The steps of a network so far, and the tensors that its layers and inputs have become."""

    def __init__(
        self,
        net: Network,
        weights: Mapping[str, Floats],
        *,
        threads: int,
        isa: str,
        quantization: Quantization | None = None,
    ) -> None:
        self.net = net
        self.quantization = quantization
        self.weights = weights
        self.threads = threads
        self.isa = isa
        self.steps: list[Step] = []
        self.tensors: dict[str, Tensor] = {}
        self.writers: dict[Tensor, list[Step]] = {}
        self.copies: dict[tuple[Tensor, Layout | QuantParams | None], Tensor] = {}
        for number, (name, shape) in enumerate(net.inputs.items()):
            element = "float32" if token_limit(net, name) is None else "int32"
            self.tensors[name] = Tensor(name, row_major(shape), element, where=("input", number))

    def parameter(self, layer: Layer, name: str, *, optional: bool = False) -> Floats | None:
        """Return a layer's learned numbers, or those of the layer that it shares them with."""
        full_name = f"{owner_of(self.net, layer)}.{name}"
        found = self.weights.get(full_name)
        if found is None and not optional:
            raise RuntimeModelError(f"{layer.kind} {layer.name!r}: there are no weights {full_name!r}")
        return found

    def parameters(self, layer: Layer, name: str) -> Floats:
        """Return learned numbers that the layer cannot do without."""
        found = self.parameter(layer, name)
        assert found is not None
        return found

    def step(
        self,
        node: Node,
        inputs: tuple[Tensor | None, ...],
        layout: Layout,
        factory: Callable[..., _core.Operator],
        /,
        *,
        pitched: bool = False,
        out_pitched: bool = False,
        residual: int | None = None,
        learned: Callable[[], dict[str, Any]] = dict,
        **given: Any,
    ) -> Tensor:
        """Add a step whose operator `factory` makes of `given`, and of pitches if it takes any.

        `learned` gives what is read when the operator packs it, so that no more than that is held at a time.
        """

        def make(pitches: Pitches) -> _core.Operator:
            return factory(**given, **learned(), **pitches.keywords(), threads=self.threads, isa=self.isa)

        return self.add(
            Step(
                layers=tuple(layer.name for layer in node.layers),
                inputs=inputs,
                output=Tensor(node.name, layout),
                make=make,
                pitched="shared" if pitched else "none",
                out_pitched=out_pitched,
                residual=residual,
            )
        )

    def add(self, step: Step) -> Tensor:
        """Add a step; return its output."""
        self.steps.append(step)
        self.writers.setdefault(step.output, []).append(step)
        return step.output

    def inputs(self, node: Node) -> list[Tensor]:
        """Return the tensors that a node reads, as numbers; a residual left out."""
        return [self.numbers(self.tensors[name]) for name in node.inputs]

    def stored(self, node: Node) -> list[Tensor]:
        """Return the tensors that a node reads, as they are: all quantised alike, or all of numbers."""
        tensors = [self.tensors[name] for name in node.inputs]
        if all(tensor.params == tensors[0].params for tensor in tensors):
            return tensors
        return [self.numbers(tensor) for tensor in tensors]

    def numbers(self, tensor: Tensor) -> Tensor:
        """Return what the integers of a quantised tensor stand for; any other tensor as it is."""
        return self.requantized(tensor, None)

    def requantized(self, tensor: Tensor, params: QuantParams | None) -> Tensor:
        """Return the values of `tensor` as integers that stand for them as `params` say, or as numbers."""
        if tensor.params == params:
            return tensor
        if (tensor, params) not in self.copies:
            element = "float32" if params is None else params.dtype
            target = Tensor(tensor.name, tensor.layout, element, params=params)
            self.copies[tensor, params] = self.add(copy_step(tensor, target, self.threads, self.isa))
        return self.copies[tensor, params]

    def dense(self, tensor: Tensor) -> Tensor:
        """Return `tensor`, or a copy of it whose vectors lie without gaps."""
        if not tensor.pitch:
            return tensor
        target = Tensor(tensor.name, tensor.layout, tensor.element, params=tensor.params)
        return self.add(copy_step(tensor, target, self.threads, self.isa))

    def in_layout(self, tensor: Tensor, layout: Layout) -> Tensor:
        """Return `tensor` as it is, seen under `layout`, or a copy of it that has that layout."""
        if tensor.layout == layout:
            return tensor
        if same_memory(tensor.layout, layout):
            return self.view(tensor, layout)
        if tensor.layout.folded:
            return self.view(self.in_layout(self.unfolded(tensor), row_major(tensor.layout.axes)), layout)
        if layout.folded:
            raise AssertionError("nothing is brought into an order in which axes are folded")
        return self._permuted(tensor, layout)

    def unfolded(self, tensor: Tensor) -> Tensor:
        """Return the tensor with its stored axes as its shape has them in the network's order."""
        layout = tensor.layout
        return self.view(tensor, Layout(layout.axes, layout.stored, layout.order))

    def view(self, tensor: Tensor, layout: Layout, name: str = "") -> Tensor:
        """Return the same values under another layout; a copy of them if their gaps do not allow it."""
        if layout.stored[-1] != tensor.layout.stored[-1]:
            tensor = self.dense(tensor)
        return tensor.view(layout, name)

    def _permuted(self, tensor: Tensor, layout: Layout) -> Tensor:
        tensor = self.numbers(tensor)
        if (tensor, layout) in self.copies:
            return self.copies[tensor, layout]
        source = self.dense(tensor)
        axes = conversion(source.layout, layout)

        def make(_: Pitches) -> _core.Operator:
            return _core.permute_operator(
                input=source.layout.stored, axes=axes, threads=self.threads, isa=self.isa
            )

        step = Step((tensor.name,), (source,), Tensor(tensor.name, layout), make)
        return self.copies.setdefault((tensor, layout), self.add(step))


def token_limit(net: Network, name: str) -> int | None:
    """Return how many entries the tables have that an input is looked up in; None: it is not of tokens."""
    limits: list[int | None] = []
    for layer in net.consumers(name):
        if isinstance(layer, Embedding):
            limits.append(layer.entries)
        elif layer.is_view:
            limits.append(token_limit(net, layer.name))
    return min((limit for limit in limits if limit is not None), default=None)


def copy_step(source: Tensor, target: Tensor, threads: int, isa: str) -> Step:
    """Return the step that copies values from one place to another, with or without gaps.

    Integers of a quantised tensor become those that stand for the same numbers in `target`.
    """
    if source.params is not None or target.params is not None:
        return requantize_step(source, target, threads, isa)

    def make(pitches: Pitches) -> _core.Operator:
        return _core.unary_operator(
            function="clamp",
            input=source.layout.stored,
            clamp=(-np.inf, np.inf),
            factor=1.0,
            threads=threads,
            isa=isa,
            **pitches.keywords(),
        )

    return Step((source.name,), (source,), target, make, pitched="shared", out_pitched=True)


def lower(
    net: Network,
    nodes: list[Node],
    weights: Mapping[str, Floats],
    *,
    threads: int,
    isa: str,
    quantization: Quantization | None = None,
) -> Lowering:
    """Return the steps of `nodes`, and where every layer's output is.

    Raises `RuntimeModelError` for a layer that cannot be computed or whose weights are missing.
    """
    _load_families()
    state = Lowering(net, weights, threads=threads, isa=isa, quantization=quantization)
    for node in nodes:
        function = _LOWERINGS.get(node.layer.kind)
        if function is None:
            what = getattr(node.layer, "operator", node.layer.kind)
            raise RuntimeModelError(
                f"{node.layer.kind} {node.layer.name!r}: nothing here computes {what!r}; "
                "leave it out, or write it with layers that are known"
            )
        quantized = _INT8_LOWERINGS.get(node.layer.kind) if quantization is not None else None
        try:
            tensor = None if quantized is None else quantized(state, node)
            if tensor is None:
                tensor = function(state, node)
            assert tensor is not None
            state.tensors[node.name] = tensor
        except DnnAccelError:
            raise
        except ValueError as error:
            raise RuntimeModelError(f"{node.layer.kind} {node.layer.name!r}: {error}") from None
    return state


@functools.cache
def _load_families() -> None:
    """Load the modules that fill the table: adding a kind of layer touches one of them."""
    from dnnaccel.runtime import lower_images, lower_int8, lower_products, lower_sequences, lower_values  # noqa: F401
