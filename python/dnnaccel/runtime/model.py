"""A network that is ready to run: `compile` makes it, a call runs it."""

from __future__ import annotations

import functools
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dnnaccel import zoo
from dnnaccel._rows import Row
from dnnaccel.errors import RuntimeModelError, unknown_name
from dnnaccel.kernels import empty, isa_names
from dnnaccel.kernels._plan import as_threads
from dnnaccel.network import Network
from dnnaccel.runtime.assemble import Assembled, assemble
from dnnaccel.runtime.batches import with_batch
from dnnaccel.runtime.fusion import fuse
from dnnaccel.runtime.lower import Floats, lower, token_limit
from dnnaccel.runtime.quantize import Ranges, quantization_of
from dnnaccel.runtime.random import drawn_weights
from dnnaccel.runtime.steps import Step
from dnnaccel.runtime.weights import open_weights
from dnnaccel.runtime.zeros import ZeroCounter
from dnnaccel.sparsity import Density

__all__ = ["Memory", "Model", "compile"]

WeightsLike = str | os.PathLike[str] | Mapping[str, ArrayLike]
Values = NDArray[Any]

_TYPES = ("float32", "int8")
_MOST_KEPT = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Bytes that a model takes, beside its inputs and outputs.

    Parameters
    ----------
    weights
        Weights as the kernels keep them.
    activations
        The memory that all results between steps share.
    lower_bound
        What the results that are needed at one step take together, at the step where that is most: no plan
        for these steps in this order takes less.
    scratch
        What single steps work in.
    """

    weights: int
    activations: int
    lower_bound: int
    scratch: int

    @property
    def ratio(self) -> float:
        """Activations over their lower bound; 1 is as good as can be."""
        return self.activations / self.lower_bound if self.lower_bound else 1.0


def compile(
    net: Network | str,
    weights: WeightsLike = "random",
    *,
    dtype: str = "float32",
    threads: int | None = 1,
    batch: int | None = None,
    calibration: Iterable[ArrayLike | Mapping[str, ArrayLike]] = (),
    percentile: float = 100.0,
    keep: Sequence[str] = (),
    isa: str | None = None,
) -> Model:
    """Return `net` ready to run on this machine's processor, its weights packed.

    Parameters
    ----------
    net
        The network, or the name of one of the zoo; a call takes as many samples as its batch is, or as
        `batch` says.
    weights
        Arrays by ``"layer.parameter"``, in PyTorch's names and layouts; a file that `load_weights` reads; or
        "random".
    dtype
        "float32", or "int8": what it computes in. In 8-bit integers, weights have a scale for each output
        channel, and layers that are no convolutions, matrix products, sums or pools stay in float32.
    threads
        How many threads a call may use; None: what `kernels.num_threads` says. Results are the same bits.
    batch
        How many samples a call takes; None: as many as the network says.
    calibration
        For "int8": inputs as a call takes them, one array or a dict by name each, of which the ranges of all
        layers are measured.
    percentile
        For "int8": the share of a layer's numbers that its range is to hold; those beyond it are clamped, so
        that a few very large ones do not make the steps of all others coarse.
    keep
        Layers whose outputs a call returns beside those of the network.
    isa
        One of ``kernels.isa_names(dtype)``; None: the best, or what the environment variable DNNACCEL_ISA
        says.

    Raises
    ------
    RuntimeModelError
        For a layer that cannot be computed; names it.
    UnknownNameError
        For a network that the zoo has not.
    WeightsError
        For weights that are missing or of another shape, and a file that cannot be read.

    Examples
    --------
    >>> import numpy as np
    >>> from dnnaccel.layers import Linear, ReLU
    >>> fc = Linear(name="fc", inputs=("x",), out_features=2)
    >>> net = Network("tiny", (fc, ReLU(name="relu", inputs=("fc",))), inputs={"x": (1, 3)})
    >>> model = compile(net, {"fc.weight": np.ones((2, 3)), "fc.bias": np.array([0, -9])})
    >>> model
    <Model tiny: float32, batch 1, 1 step, 1 thread>
    >>> model(np.array([[1, 2, 3]], np.float32))
    array([[6., 0.]], dtype=float32)
    """
    if isinstance(net, str):
        net = zoo.load(net)
    if not isinstance(net, Network):
        raise RuntimeModelError(f"takes a Network, as zoo.load and from_onnx return, not {net!r}")
    if dtype not in _TYPES:
        raise unknown_name("type of numbers", dtype, _TYPES)
    if isa is not None and isa not in isa_names(dtype):
        raise unknown_name("instruction set", isa, isa_names(dtype))
    if batch is not None:
        net = with_batch(net, batch)
    made = functools.partial(Model, net, weights, threads=as_threads(threads), isa=isa or "")
    if dtype == "float32":
        return made(keep=tuple(keep))
    ranges, first = Ranges(percentile), next(iter(net.inputs))
    numbers = made(keep=tuple(layer.name for layer in net))
    for sample in calibration:
        named: Mapping[str, Any] = sample if isinstance(sample, Mapping) else {first: sample}
        ranges.widen({name: np.asarray(values) for name, values in named.items()})
        ranges.widen(numbers.run(**named))
    if not ranges.ends:
        raise RuntimeModelError(
            f"{net.name}: int8 needs inputs to measure ranges with: give calibration=[x, ...]"
        )
    return made(keep=tuple(keep), ranges=ranges)


def _resolved(weights: WeightsLike, net: Network) -> Mapping[str, Floats]:
    if isinstance(weights, str) and weights == "random":
        return drawn_weights(net)
    return open_weights(weights, net)


class Model:
    """A network that runs: `compile` makes it.

    A call takes the network's inputs, in its order or by name, and returns its output, or a dict of them by
    layer if there are several. Inputs and outputs are of the network's shapes, in its order of axes (images
    are (N, C, H, W)); numbers of tokens may be of any integer type. One call runs at a time.
    """

    def __init__(
        self,
        net: Network,
        weights: WeightsLike,
        *,
        threads: int,
        isa: str,
        keep: tuple[str, ...],
        ranges: Ranges | None = None,
    ) -> None:
        self.net = net
        # Not the weights themselves, which the kernels have packed: few models ever need them again.
        self._source = weights
        self._threads = threads
        self._isa = isa
        self._ranges = ranges
        self._others: dict[tuple[str, ...], Assembled] = {}
        self._counter: ZeroCounter | None = None
        self._main = self._assemble(keep)
        self._limits = {name: token_limit(net, name) for name in net.inputs}

    def _assemble(self, keep: Collection[str]) -> Assembled:
        for name in keep:
            self.net[name]  # raises for a name that is not there
        outputs = tuple(dict.fromkeys((*self.net.outputs, *keep)))
        weights = _resolved(self._source, self.net)
        nodes = fuse(self.net, outputs)
        quantization = None if self._ranges is None else quantization_of(nodes, self._ranges)
        state = lower(
            self.net, nodes, weights, threads=self._threads, isa=self._isa, quantization=quantization
        )
        return assemble(state, outputs)

    def __call__(self, *inputs: ArrayLike, **named: ArrayLike) -> Any:
        """Return the network's output for its inputs; several as a dict by layer."""
        results = self._run(self._main, self._bound(inputs, named))
        return next(iter(results.values())) if len(results) == 1 else results

    def run(self, *inputs: ArrayLike, keep: Sequence[str] = (), **named: ArrayLike) -> dict[str, Values]:
        """Return the network's outputs and those of the layers in `keep`, by layer.

        Layers that `compile` was not told to keep may be computed together with others: the first call for
        them makes a program of its own, with weights of its own.
        """
        bound = self._bound(inputs, named)
        made = {name for name, _ in self._main.outputs}
        if set(keep) <= made:
            return self._run(self._main, bound)
        wanted = tuple(keep)
        if wanted not in self._others:
            while len(self._others) >= _MOST_KEPT:
                del self._others[next(iter(self._others))]
            self._others[wanted] = self._assemble(wanted)
        return self._run(self._others[wanted], bound)

    def zeros(self, *inputs: ArrayLike, **named: ArrayLike) -> dict[str, Density]:
        """Return the densities of the tensors of every layer with MACs, counted in a run on these inputs.

        ``simulate(net, chip, density=model.zeros(x))`` takes them. Outputs are counted behind the activation
        that follows. The first call makes a program of its own, with weights of its own.
        """
        bound = self._bound(inputs, named)
        if self._counter is None:
            weights = _resolved(self._source, self.net)
            self._counter = ZeroCounter(self.net, weights, threads=self._threads, isa=self._isa)
        return self._counter.count(bound)

    def profile(self, *inputs: ArrayLike, repeats: int = 5, **named: ArrayLike) -> list[Row]:
        """Return what each step takes, as rows of a table: the shortest time of `repeats` runs.

        GFLOP/s count a multiply-accumulate as two operations, and other operations as one.
        """
        bound = self._bound(inputs, named)
        best = np.full(len(self._main.steps), np.inf)
        for _ in range(max(repeats, 1)):
            seconds = np.zeros(len(best))
            self._run(self._main, bound, seconds=seconds)
            best = np.minimum(best, seconds)
        return [_row(self.net, step, float(time)) for step, time in zip(self._main.steps, best, strict=True)]

    @property
    def memory(self) -> Memory:
        """Bytes that it takes."""
        program = self._main.program
        return Memory(
            weights=program.packed_bytes,
            activations=program.arena_bytes,
            lower_bound=self._main.lower_bound,
            scratch=program.scratch_bytes,
        )

    @property
    def dtype(self) -> str:
        """What it computes in: "float32", or "int8"."""
        return "float32" if self._ranges is None else "int8"

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one call; those with padding are left out."""
        return sum(step.made.macs for step in self._main.steps)

    @property
    def threads(self) -> int:
        """How many threads a call may use."""
        return max(step.made.threads for step in self._main.steps)

    def __len__(self) -> int:
        """Return the number of steps."""
        return len(self._main.steps)

    def __repr__(self) -> str:
        def count(number: int, what: str) -> str:
            return f"{number} {what}" + "s" * (number != 1)

        return (
            f"<Model {self.net.name}: {self.dtype}, batch {self.net.batch}, {count(len(self), 'step')}, "
            f"{count(self.threads, 'thread')}>"
        )

    def _bound(self, inputs: tuple[ArrayLike, ...], named: Mapping[str, ArrayLike]) -> dict[str, Values]:
        names = list(self.net.inputs)
        if len(inputs) > len(names):
            raise RuntimeModelError(f"{self.net.name} takes {len(names)} inputs, not {len(inputs)}")
        given = dict(zip(names, inputs, strict=False))
        for name, value in named.items():
            if name not in names:
                raise unknown_name(f"input of {self.net.name}", name, names)
            if name in given:
                raise RuntimeModelError(f"{self.net.name}: input {name!r} is given twice")
            given[name] = value
        missing = [name for name in names if name not in given]
        if missing:
            raise RuntimeModelError(f"{self.net.name}: input {missing[0]!r} is missing; it takes {names}")
        return {name: self._usable(name, given[name]) for name in names}

    def _usable(self, name: str, value: ArrayLike) -> Values:
        array = np.asarray(value)
        limit = self._limits[name]
        tokens = limit is not None
        if array.dtype.kind not in ("iu" if tokens else "fiub"):
            what = "whole numbers" if tokens else "real numbers"
            raise RuntimeModelError(f"{self.net.name}: input {name!r} must be of {what}, not {array.dtype}")
        shape = tuple(self.net.inputs[name])
        if array.shape != shape:
            hint = f"; compile it with batch={len(array)}" if array.shape[1:] == shape[1:] else ""
            raise RuntimeModelError(
                f"{self.net.name}: input {name!r} must be of shape {shape}, not {array.shape}{hint}"
            )
        if limit is not None and (array.min() < 0 or array.max() >= limit):
            raise RuntimeModelError(
                f"{self.net.name}: input {name!r} must be of numbers from 0 to {limit - 1}, "
                f"not {array.min()} to {array.max()}"
            )
        return np.require(array, np.int32 if tokens else np.float32, ["C", "A"])

    def _run(self, made: Assembled, bound: Mapping[str, Values], **notes: Values) -> dict[str, Values]:
        results = {name: empty(shape) for name, shape in made.outputs}
        made.program.run(tuple(bound.values()), tuple(results.values()), **notes)
        return results


def _row(net: Network, step: Step, seconds: float) -> Row:
    op = step.made
    work = 2 * op.macs + op.operations
    return {
        "layer": step.name,
        "kind": net[step.layers[0]].kind if step.layers[0] in net else "input",
        "layers": " + ".join(step.layers),
        "output": tuple(step.output.layout.shape),
        "type": step.output.element,
        "macs": op.macs,
        "seconds": seconds,
        "gflops": work / seconds / 1e9 if seconds else 0.0,
        "algorithm": op.algorithm,
        "isa": op.isa,
    }
