"""How right a model is, and how fast."""

from __future__ import annotations

import dataclasses
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from dnnaccel._rows import Row, csv_text
from dnnaccel._text import DEFAULT_WIDTH, pairs
from dnnaccel._units import quantity
from dnnaccel.errors import RuntimeModelError
from dnnaccel.network import Network
from dnnaccel.runtime.model import Memory
from dnnaccel.runtime.random import random_inputs
from dnnaccel.runtime.samples import Samples, whole_batch

__all__ = ["Accuracy", "Latency", "accuracy", "latency"]

Progress = Callable[[int, int, str], None]


class _Runs(Protocol):
    """What is measured: a `runtime.Model`."""

    net: Network

    @property
    def memory(self) -> Memory: ...

    @property
    def dtype(self) -> str: ...

    @property
    def threads(self) -> int: ...

    def __call__(self, *inputs: Any) -> Any: ...


class _Figures:
    """What both have: their fields as JSON and CSV."""

    __slots__ = ()

    def to_dict(self) -> Row:
        """Return the figures by their names."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(cast(Any, self))}

    def to_json(self) -> str:
        """Return the figures as a JSON object."""
        return json.dumps(self.to_dict(), indent=2) + "\n"

    def to_csv(self) -> str:
        """Return the figures as a line of CSV, below one of their names."""
        return csv_text([self.to_dict()])


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy(_Figures):
    """How many of `samples` samples have the right class first, and among the first five, in %."""

    network: str
    dtype: str
    dataset: str
    samples: int
    top1: float
    top5: float
    seconds: float

    def to_text(self, *, width: int = DEFAULT_WIDTH) -> str:
        """Return it as text for a terminal."""
        items = {
            "network": f"{self.network} in {self.dtype}",
            "data set": f"{self.samples:,} samples of {self.dataset}, in {quantity(self.seconds, 's')}",
            "top-1": f"{self.top1:.2f} %",
            "top-5": f"{self.top5:.2f} %",
        }
        return pairs(list(items.items()), width=width)


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency(_Figures):
    """How long one call of a model takes, for its whole batch, and what memory it needs, in bytes.

    GFLOP/s count a multiply-accumulate as two operations, those on padding included; at the shortest time.
    """

    network: str
    dtype: str
    batch: int
    threads: int
    calls: int
    min_seconds: float
    median_seconds: float
    gflops: float
    weight_bytes: int
    activation_bytes: int
    lower_bound_bytes: int
    scratch_bytes: int

    def to_text(self, *, width: int = DEFAULT_WIDTH) -> str:
        """Return it as text for a terminal."""
        threads = f"{self.threads} thread" + "s" * (self.threads != 1)
        items = {
            "network": f"{self.network} in {self.dtype}, batch {self.batch}, {threads}",
            "latency": f"{quantity(self.min_seconds, 's')} at best, {quantity(self.median_seconds, 's')} "
            f"median of {self.calls} calls",
            "speed": f"{self.gflops:.1f} GFLOP/s",
            "weights": f"{quantity(self.weight_bytes, 'B')}, as the kernels keep them",
            "activations": f"{quantity(self.activation_bytes, 'B')}; no plan takes less than "
            f"{quantity(self.lower_bound_bytes, 'B')}",
            "scratch": quantity(self.scratch_bytes, "B"),
        }
        return pairs(list(items.items()), width=width)


def accuracy(model: _Runs, samples: Samples, *, progress: Progress | None = None) -> Accuracy:
    """Return how often `model` gives the right class for `samples`.

    `progress` is called with samples done, all of them, and a word. Raises `RuntimeModelError` for a network
    that does not give one number for each class.
    """
    net, batch = model.net, model.net.batch
    if len(net.outputs) != 1:
        raise RuntimeModelError(f"{net.name}: has {len(net.outputs)} outputs; a classifier has one")
    first = five = done = 0
    began = time.perf_counter()
    for images, labels in samples.batches(batch):
        scores = np.asarray(model(whole_batch(images, batch))).reshape(batch, -1)[: len(images)]
        if scores.shape[1] < samples.classes:
            raise RuntimeModelError(
                f"{net.name}: gives {scores.shape[1]} numbers; {samples.name} has {samples.classes} classes"
            )
        places = _places(scores, labels)
        first += int((places < 1).sum())
        five += int((places < 5).sum())
        done += len(images)
        if progress is not None:
            progress(done, len(samples), f"{100 * first / done:.2f} % right")
    return Accuracy(
        network=net.name,
        dtype=model.dtype,
        dataset=samples.name,
        samples=done,
        top1=100 * first / max(done, 1),
        top5=100 * five / max(done, 1),
        seconds=time.perf_counter() - began,
    )


def _places(scores: NDArray[Any], labels: NDArray[Any]) -> NDArray[Any]:
    """Return how many classes stand before the right one; of equal scores the lower class does."""
    own = np.take_along_axis(scores, labels.astype(np.int64)[:, None], axis=1)
    before = np.arange(scores.shape[1]) < labels[:, None]
    # "Not below", rather than "above": what is no number is never right.
    stands: NDArray[Any] = np.where(before, ~(scores < own), ~(scores <= own)).sum(axis=1)
    return stands


def latency(
    model: _Runs, *, seconds: float = 1.0, calls: int = 5, progress: Progress | None = None
) -> Latency:
    """Return how long a call takes: of at least `calls`, and as many as fit into `seconds`."""
    inputs = list(random_inputs(model.net).values())
    model(*inputs)
    times: list[float] = []
    ends = time.perf_counter() + seconds
    while len(times) < calls or time.perf_counter() < ends:
        began = time.perf_counter()
        model(*inputs)
        times.append(time.perf_counter() - began)
        if progress is not None:
            progress(len(times), max(calls, len(times)), "calls")
    memory = model.memory
    return Latency(
        network=model.net.name,
        dtype=model.dtype,
        batch=model.net.batch,
        threads=model.threads,
        calls=len(times),
        min_seconds=min(times),
        median_seconds=statistics.median(times),
        gflops=2e-9 * model.net.total_macs / min(times),
        weight_bytes=memory.weights,
        activation_bytes=memory.activations,
        lower_bound_bytes=memory.lower_bound,
        scratch_bytes=memory.scratch,
    )
