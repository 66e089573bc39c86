"""The counting of the ISCA 2016 dataflow comparison.

Chen, Emer and Sze, "Eyeriss: A Spatial Architecture for Energy-Efficient Dataflow for Convolutional Neural
Networks", ISCA 2016, section VI-C, and what its figures 10 to 13 imply where the text is silent
(docs/reproduce.md has the formulas). Only reads of operands count, fills are free, a partial sum costs two
accesses each time it comes back to the buffer, every number of passes is a ceiling of its own, halos are
those of fractional strips, padding is stored and fetched, and groups run one after another.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dnnaccel import _core
from dnnaccel.errors import DnnAccelError, LayerError, MappingError, unknown_name
from dnnaccel.layers import Layer
from dnnaccel.problem import Problem

__all__ = [
    "DATAFLOWS",
    "ENERGY",
    "LEVELS",
    "PARAMETERS",
    "CannotRun",
    "Count",
    "Job",
    "Storage",
    "count",
    "search",
    "search_all",
]

DATAFLOWS: tuple[str, ...] = ("rs", "ws", "osa", "osb", "osc", "nlr")
"""The six dataflows compared, in the paper's order."""

LEVELS: tuple[str, ...] = ("mac", "rf", "array", "buffer", "dram")
"""Where energy is spent, from the inside out."""

ENERGY: Mapping[str, float] = {"mac": 1.0, "rf": 1.0, "array": 2.0, "buffer": 6.0, "dram": 200.0}
"""Energy of one MAC and of one access at each level, in energies of one MAC (the paper's Table IV)."""

PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "rs": ("e", "r", "t", "p", "q", "n", "m"),
    "ws": ("k", "m"),
    "osa": ("w", "h", "held"),
    "osb": ("w", "m", "n", "held"),
    "osc": ("m", "n", "held"),
    "nlr": ("k", "m", "e", "n", "held"),
}
"""What each dataflow chooses, in the paper's letters.

m filters, k channels, w output columns and h output rows across the array, n images and e output rows at a
time. Row stationary: p filters and q channels in a PE, r sets of PEs with different channels and t with
different filters, and m filters whose partial sums the buffer holds. held: filters whose weights (in nlr
partial sums and weights) the buffer holds."""

_CORE_NAMES = {("rs", "m"): "held"}

# Row stationary's own search leaves the register file's term out. With it, cheaper mappings are found than
# those the paper's Fig. 10 shows: fewer channels in a PE, because a first partial sum costs no access.
_OBJECTIVE: Mapping[str, Mapping[str, float]] = {"rs": {**ENERGY, "rf": 0.0}}

_PLACES = {"elements": "PEs", "rf": "words of register file in a PE", "buffer": "words of buffer"}

Progress = Callable[[int, int, str], None]
"""Called with (done, total, what) while a search runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """What a chip has: processing elements, words of the buffer, words of register file in each PE."""

    pes: int
    buffer_words: int
    rf_words: int

    def __post_init__(self) -> None:
        for name, least in (("pes", 1), ("buffer_words", 0), ("rf_words", 0)):
            value = getattr(self, name)
            try:
                size = operator.index(value)
            except TypeError:
                raise DnnAccelError(f"{name} is {value!r}; it must be a whole number") from None
            if not least <= size <= 2**53:
                raise DnnAccelError(f"{name} is {size}; it must be between {least} and 2**53")
            object.__setattr__(self, name, size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """What one mapping of one layer costs: accesses in words, fractional where halos are.

    `rf_sums`, `array_sums` and `buffer_sums` are the part of each that is for partial sums; the rest is for
    operands. `pes` is the number of PEs at work, `mapping` the dataflow's `PARAMETERS`, `evaluated` how many
    mappings were counted to find it.
    """

    layer: str
    dataflow: str
    macs: float
    rf: float
    array: float
    buffer: float
    dram_reads: float
    dram_writes: float
    rf_sums: float
    array_sums: float
    buffer_sums: float
    pes: int
    mapping: Mapping[str, int]
    evaluated: int

    @property
    def dram(self) -> float:
        """DRAM accesses in words: reads + writes."""
        return self.dram_reads + self.dram_writes

    def energy_by_level(self) -> dict[str, float]:
        """Energy in energies of one MAC, by `LEVELS`: accesses x `ENERGY`."""
        return {
            level: ENERGY[level] * (self.macs if level == "mac" else getattr(self, level)) for level in LEVELS
        }

    @property
    def energy(self) -> float:
        """Energy in energies of one MAC."""
        return sum(self.energy_by_level().values())

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain numbers, strings and dicts, ready for JSON."""
        own = {name: getattr(self, name) for name in Count.__slots__}
        return own | {"mapping": dict(self.mapping), "energy_by_level": self.energy_by_level()}


@dataclass(frozen=True, slots=True, kw_only=True)
class CannotRun:
    """That a layer does not fit: `needed` at `place` by the least demanding mapping, and what is `there`."""

    layer: str
    dataflow: str
    place: str
    needed: int
    there: int

    @property
    def reason(self) -> str:
        """The same in a sentence."""
        return (
            f"{self.dataflow} cannot run {self.layer}: it needs {self.needed} {_PLACES[self.place]} at the "
            f"least, and there are {self.there}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One layer (or its `Problem`) to be mapped by one dataflow onto what a chip has."""

    layer: Layer | Problem
    dataflow: str
    storage: Storage

    @property
    def name(self) -> str:
        """The layer's name."""
        return self.layer.name if isinstance(self.layer, Layer) else "the layer"


def count(layer: Layer | Problem, dataflow: str, storage: Storage, mapping: Mapping[str, int]) -> Count:
    """Count one mapping of one layer, given by the dataflow's `PARAMETERS`; those left out are 1.

    Raises `MappingError` for a parameter that makes no sense or a mapping that does not fit, `LayerError` for
    a layer that the paper's formulas do not cover, `UnknownNameError` for an unknown dataflow or parameter.
    """
    job = Job(layer=layer, dataflow=dataflow, storage=storage)
    lowered = _lower(job)
    for name in mapping:
        if name not in PARAMETERS[dataflow]:
            raise unknown_name(f"parameter of {dataflow}", name, PARAMETERS[dataflow])
    given = {_CORE_NAMES.get((dataflow, name), name): value for name, value in mapping.items()}
    try:
        result = _core.isca16_evaluate(lowered, given)
    except (ValueError, TypeError) as error:
        raise MappingError(f"{job.name}: {error}") from None
    found = _lift(job, result)
    if isinstance(found, CannotRun):
        raise MappingError(found.reason.replace(" at the least", ""))
    return found


def search(layer: Layer | Problem, dataflow: str, storage: Storage, *, threads: int | None = None) -> Count:
    """Return the best mapping of one layer: least energy, then most PEs at work.

    Row stationary is searched for least energy outside the register files, as the paper's mappings are. All
    mappings are tried, so the best is the optimum. Raises `MappingError` if none fits, and what `count` does.
    """
    (found,) = search_all([Job(layer=layer, dataflow=dataflow, storage=storage)], threads=threads)
    if isinstance(found, CannotRun):
        raise MappingError(found.reason)
    return found


def search_all(
    jobs: Sequence[Job], *, threads: int | None = None, progress: Progress | None = None
) -> list[Count | CannotRun]:
    """Return what `search` finds for every job, at once; a layer that does not fit gives a `CannotRun`.

    The answer does not depend on the number of `threads` (None: all).
    """
    if threads is not None and threads < 1:
        raise DnnAccelError(f"threads is {threads}; it must be at least 1, or None for all")
    report = None if progress is None else (lambda done, total: progress(done, total, "isca16"))
    results = _core.isca16_search([_lower(job) for job in jobs], threads or 0, report)
    return [_lift(job, result) for job, result in zip(jobs, results, strict=True)]


def _lower(job: Job) -> _core.Isca16Job:
    if job.dataflow not in DATAFLOWS:
        raise unknown_name("isca16 dataflow", job.dataflow, DATAFLOWS)
    problem = job.layer.problem if isinstance(job.layer, Layer) else job.layer
    if problem is None or problem.tensor("weights").name != "weights":
        raise LayerError(f"{job.name}: isca16 counts convolutions and fully connected layers alone")
    objective = _OBJECTIVE.get(job.dataflow, ENERGY)
    return _core.Isca16Job(
        job.dataflow,
        _lower_layer(problem, job.name),
        (job.storage.pes, job.storage.buffer_words, job.storage.rf_words),
        [objective[level] for level in LEVELS],
    )


def _lower_layer(problem: Problem, name: str) -> _core.Isca16Layer:
    bounds = {dim: problem.bounds.get(dim, 1) for dim in "NGMCPQRS"}
    (in_rows, row_stride), (in_columns, column_stride) = (
        _window(problem, out, filter, name) for out, filter in ("PR", "QS")
    )
    try:
        return _core.Isca16Layer(
            batch=bounds["N"],
            groups=bounds["G"],
            filters=bounds["M"],
            channels=bounds["C"],
            out_size=(bounds["P"], bounds["Q"]),
            filter_size=(bounds["R"], bounds["S"]),
            stride=(row_stride, column_stride),
            in_size=(in_rows, in_columns),
        )
    except ValueError as error:
        raise LayerError(f"{name}: {error}") from None


def _window(problem: Problem, out: str, filter: str, name: str) -> tuple[int, int]:
    """Return the padded size of the inputs along one axis, and the stride there."""
    for axis in problem.tensor("inputs").axes:
        terms = dict(axis.terms)
        if out in terms:
            if terms.get(filter, 1) != 1:
                raise LayerError(f"{name}: isca16 counts filters without dilation alone")
            # Layers pad both sides alike, and the offset is what precedes the first.
            return axis.size - 2 * axis.offset, terms[out]
    return problem.bounds.get(out, 1), 1


def _lift(job: Job, result: _core.Isca16Result) -> Count | CannotRun:
    if result.misfit is not None:
        place, needed, there = result.misfit
        return CannotRun(layer=job.name, dataflow=job.dataflow, place=place, needed=needed, there=there)
    chosen = result.mapping
    assert chosen is not None, "a search that was not stopped finds a mapping or says what is missing"
    mapping = {name: chosen[_CORE_NAMES.get((job.dataflow, name), name)] for name in PARAMETERS[job.dataflow]}
    return Count(
        layer=job.name,
        dataflow=job.dataflow,
        pes=result.elements,
        mapping=mapping,
        evaluated=result.evaluated,
        **result.accesses,
    )
