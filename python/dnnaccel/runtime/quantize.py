"""What the 8-bit integers of a quantised network stand for, from ranges that were met."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from dnnaccel import _core
from dnnaccel.kernels import QuantParams
from dnnaccel.kernels.int8 import stored, stored_clamp
from dnnaccel.runtime.calibration import Range, activation_params, check_percentile, range_of
from dnnaccel.runtime.fusion import Node
from dnnaccel.runtime.steps import Pitches, Step, Tensor

__all__ = ["INT8_KINDS", "Quantization", "Ranges", "quantization_of", "requantize_step"]

_VIEWS = ("flatten", "reshape", "permute", "slice")
_ALIKE = (*_VIEWS, "max_pool", "global_max_pool", "concat")
"""Kinds whose outputs are values of their inputs, so that they stand for the same."""

INT8_KINDS = (
    *("conv2d", "depthwise", "linear", "add", "relu", "relu6"),
    *("max_pool", "avg_pool", "global_max_pool", "global_avg_pool", "concat"),
)
"""Kinds that are computed in 8-bit integers."""


@dataclass(frozen=True, slots=True)
class Quantization:
    """How a network is quantised.

    Parameters
    ----------
    params
        What the integers of each layer's output, and of each input, stand for.
    wanted
        The layers whose output somebody reads in integers; all others give numbers.
    """

    params: Mapping[str, QuantParams]
    wanted: frozenset[str]


class Ranges:
    """The least and the greatest number that each tensor of a network has had.

    `percentile` is the share of a tensor's numbers that is to be inside; `range_of` says what it is for.
    """

    def __init__(self, percentile: float = 100.0) -> None:
        check_percentile(percentile)
        self.percentile = percentile
        self.ends: dict[str, Range] = {}

    def widen(self, values: Mapping[str, NDArray[Any]]) -> None:
        """Take in further values by name."""
        for name, array in values.items():
            # Zero is among them: padding is zeros.
            before = self.ends.get(name, Range(0.0, 0.0))
            self.ends[name] = before.joined(range_of(array, self.percentile))


def quantization_of(nodes: Iterable[Node], ranges: Ranges) -> Quantization:
    """Return the quantisation of a network with these steps, from the ranges of all layers and inputs."""
    steps = list(nodes)
    leader: dict[str, str] = {name: name for name in ranges.ends}

    def lead(name: str) -> str:
        while leader[name] != name:
            name = leader[name]
        return name

    readers: dict[str, list[Node]] = {}
    for node in steps:
        for name in (*node.inputs, *([] if node.residual is None else [node.residual])):
            readers.setdefault(name, []).append(node)
        if node.layer.kind in _ALIKE:
            for name in node.inputs:
                leader[lead(name)] = lead(node.name)
    ends: dict[str, Range] = {}
    for name, seen in ranges.ends.items():
        ends[lead(name)] = ends.get(lead(name), Range(0.0, 0.0)).joined(seen)
    wanted: set[str] = set()
    for node in reversed(steps):
        for reader in readers.get(node.name, ()):
            is_view = reader.layer.kind in _VIEWS
            if (is_view and reader.name in wanted) or (not is_view and reader.layer.kind in INT8_KINDS):
                wanted.add(node.name)
    return Quantization(
        {name: activation_params(ends[lead(name)]) for name in ranges.ends}, frozenset(wanted)
    )


def requantize_step(source: Tensor, target: Tensor, threads: int, isa: str) -> Step:
    """Return the step that copies a tensor into one that is quantised in another way, or not at all."""
    given: dict[str, Any] = {"input": source.layout.stored, "threads": threads, "isa": isa}
    params = target.params
    if source.params is None:
        assert params is not None

        def quantize(pitches: Pitches) -> _core.Operator:
            options = {**given, **pitches.keywords(), "factor": 1 / params.scale, "out": stored(params)}
            return _core.quantize_operator(**options)

        return Step((source.name,), (source,), target, quantize, pitched="shared", out_pitched=True)
    return sum_step((source.name,), (source,), target, None, given)


def sum_step(
    layers: tuple[str, ...],
    inputs: tuple[Tensor, ...],
    target: Tensor,
    clamp: tuple[float, float] | None,
    given: Mapping[str, Any],
) -> Step:
    """Return the step that adds quantised tensors, or copies one, into one that may be quantised."""
    params = target.params
    unit = 1.0 if params is None else params.scale
    sources = [(stored(x.params), x.params.scale / unit) for x in inputs if x.params is not None]
    assert len(sources) == len(inputs)

    def make(pitches: Pitches) -> _core.Operator:
        return _core.sum_int8_operator(
            **given,
            inputs=sources,
            out=("float32", 0) if params is None else stored(params),
            clamp=stored_clamp(clamp, "float32" if params is None else params),
            x_pitches=pitches.inputs,
            out_pitch=pitches.output,
        )

    return Step(layers, inputs, target, make, pitched="each", out_pitched=True)
