"""Types of the compiled core, by hand; tests/python/test_stub.py holds them against the module."""

from collections.abc import Callable, Sequence
from collections.abc import Mapping as MappingOf
from typing import ClassVar

from numpy.typing import ArrayLike

__version__: str

def build_config() -> dict[str, str]: ...

class Problem:
    def __init__(
        self,
        dims: Sequence[str],
        bounds: Sequence[int],
        tensors: Sequence[Sequence[tuple[Sequence[tuple[int, int]], int, int]]],
    ) -> None: ...
    @property
    def macs(self) -> int: ...

class Buffering:
    single: ClassVar[Buffering]
    double: ClassVar[Buffering]
    stream: ClassVar[Buffering]
    __members__: ClassVar[dict[str, Buffering]]
    def __init__(self, value: int) -> None: ...
    def __int__(self) -> int: ...
    def __index__(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def value(self) -> int: ...

class Charge:
    none: ClassVar[Charge]
    delivery: ClassVar[Charge]
    hop: ClassVar[Charge]
    __members__: ClassVar[dict[str, Charge]]
    def __init__(self, value: int) -> None: ...
    def __int__(self) -> int: ...
    def __index__(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def value(self) -> int: ...

class Memory:
    def __init__(
        self,
        *,
        name: str,
        capacity_words: int | None,
        word_bits: int,
        keeps: int,
        read_energy: float,
        write_energy: float,
        read_bandwidth: float | None,
        write_bandwidth: float | None,
        shared_bandwidth: float | None,
        buffering: Buffering,
    ) -> None: ...

class Array:
    def __init__(
        self,
        *,
        name: str,
        rows: int,
        columns: int,
        multicast: Sequence[str] | None,
        reduce: Sequence[str] | None,
        forwards: int,
        charge: Sequence[Charge],
        energy: float,
        bandwidth: Sequence[float | None] | None = None,
    ) -> None: ...

class Architecture:
    def __init__(
        self, levels: Sequence[Memory | Array], mac_energy: float, leakage_energy: float = 0.0
    ) -> None: ...
    @property
    def mac_units(self) -> int: ...

class Mapping:
    def __init__(self, levels: Sequence[tuple[Sequence[tuple[int, int, int]], int]]) -> None: ...
    @property
    def levels(self) -> list[tuple[list[tuple[int, int, int]], int]]: ...

class MemoryCount:
    @property
    def reads(self) -> int: ...
    @property
    def writes(self) -> int: ...
    @property
    def tile(self) -> int: ...

class NetworkCount:
    @property
    def sent(self) -> int: ...
    @property
    def delivered(self) -> int: ...
    @property
    def hops(self) -> int: ...
    @property
    def returned(self) -> int: ...

class Misfit:
    @property
    def level(self) -> int: ...
    @property
    def words_needed(self) -> int: ...
    @property
    def words_there(self) -> int: ...
    @property
    def tiles(self) -> list[int]: ...

class Counts:
    def memories(self, levels: int, /) -> list[list[MemoryCount]]: ...
    def networks(self, levels: int, /) -> list[list[NetworkCount]]: ...
    @property
    def macs(self) -> int: ...
    @property
    def steps(self) -> int: ...
    @property
    def active_macs(self) -> int: ...

class Port:
    none: ClassVar[Port]
    read: ClassVar[Port]
    write: ClassVar[Port]
    shared: ClassVar[Port]
    inputs: ClassVar[Port]
    weights: ClassVar[Port]
    outputs: ClassVar[Port]
    __members__: ClassVar[dict[str, Port]]
    def __init__(self, value: int) -> None: ...
    def __int__(self) -> int: ...
    def __index__(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def value(self) -> int: ...

class Sparsity:
    def __init__(
        self,
        *,
        work: float,
        steps: float,
        stored: Sequence[Sequence[float]],
        finished: float,
        asked: Sequence[Sequence[float]],
        crossing: Sequence[float],
    ) -> None: ...

class Cost:
    @property
    def cycles(self) -> int: ...
    @property
    def compute_cycles(self) -> float: ...
    @property
    def exposed_cycles(self) -> float: ...
    @property
    def ramp_cycles(self) -> float: ...
    @property
    def bound_by(self) -> int: ...
    @property
    def mac_energy(self) -> float: ...
    @property
    def leakage_energy(self) -> float: ...
    @property
    def energy(self) -> float: ...
    def level_cycles(self, levels: int, /) -> list[float]: ...
    def level_ports(self, levels: int, /) -> list[Port]: ...
    def reads(self, levels: int, /) -> list[list[float]]: ...
    def writes(self, levels: int, /) -> list[list[float]]: ...
    def memory_energy(self, levels: int, /) -> list[list[float]]: ...
    def network_energy(self, levels: int, /) -> list[list[float]]: ...

class Evaluation:
    @property
    def counts(self) -> Counts: ...
    @property
    def cost(self) -> Cost: ...
    @property
    def misfit(self) -> Misfit | None: ...

def evaluate(
    problem: Problem, architecture: Architecture, mapping: Mapping, sparsity: Sparsity | None = None
) -> Evaluation: ...

class Objective:
    energy: ClassVar[Objective]
    latency: ClassVar[Objective]
    edp: ClassVar[Objective]
    __members__: ClassVar[dict[str, Objective]]
    def __init__(self, value: int) -> None: ...
    def __int__(self) -> int: ...
    def __index__(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def value(self) -> int: ...

class Mapspace:
    def __init__(
        self, rules: Sequence[tuple[Sequence[int], Sequence[Sequence[int]], Sequence[int], int, int]]
    ) -> None: ...

class Effort:
    def __init__(self, *, exhaustive_limit: int, starts: int, proposals: int) -> None: ...

class Point:
    @property
    def energy(self) -> float: ...
    @property
    def cycles(self) -> int: ...
    @property
    def mapping(self) -> Mapping: ...

class Outcome:
    @property
    def best(self) -> Mapping | None: ...
    @property
    def optimal(self) -> bool: ...
    @property
    def evaluated(self) -> int: ...
    @property
    def pruned(self) -> int: ...
    @property
    def pareto(self) -> list[Point]: ...
    @property
    def misfit(self) -> Misfit | None: ...
    @property
    def refused(self) -> str: ...

def search(
    architecture: Architecture,
    problems: Sequence[Problem],
    spaces: Sequence[Mapspace],
    objective: Objective,
    effort: Effort,
    threads: int = 0,
    progress: Callable[[int, int], None] | None = None,
    sparsities: Sequence[Sparsity] | None = None,
) -> list[Outcome]: ...

class Isca16Layer:
    def __init__(
        self,
        *,
        batch: int,
        groups: int,
        filters: int,
        channels: int,
        out_size: tuple[int, int],
        filter_size: tuple[int, int],
        stride: tuple[int, int],
        in_size: tuple[int, int],
    ) -> None: ...

class Isca16Job:
    def __init__(
        self,
        dataflow: str,
        layer: Isca16Layer,
        storage: Sequence[int],
        objective: Sequence[float],
    ) -> None: ...

class Isca16Result:
    @property
    def mapping(self) -> dict[str, int] | None: ...
    @property
    def accesses(self) -> dict[str, float]: ...
    @property
    def misfit(self) -> tuple[str, int, int] | None: ...
    @property
    def elements(self) -> int: ...
    @property
    def evaluated(self) -> int: ...

def isca16_evaluate(job: Isca16Job, mapping: MappingOf[str, int]) -> Isca16Result: ...
def isca16_search(
    jobs: Sequence[Isca16Job],
    threads: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> list[Isca16Result]: ...

class FormatKind:
    rlc: ClassVar[FormatKind]
    csc: ClassVar[FormatKind]
    bitmask: ClassVar[FormatKind]
    coordinate: ClassVar[FormatKind]
    __members__: ClassVar[dict[str, FormatKind]]
    def __init__(self, value: int) -> None: ...
    def __int__(self) -> int: ...
    def __index__(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def value(self) -> int: ...

class Format:
    def __init__(
        self,
        *,
        kind: FormatKind,
        run_bits: int,
        packed_bits: int,
        address_bits: int,
        column_words: int,
        index_bits: int,
    ) -> None: ...

def expected_entries(format: Format, density: float, words: int) -> float: ...
def expected_bits(format: Format, density: float, words: int, word_bits: int) -> tuple[float, float]: ...
def exact_entries(format: Format, nonzero: ArrayLike) -> int: ...
def encoded_bits(
    format: Format, words: int, nonzeros: int, entries: int, word_bits: int
) -> tuple[float, float]: ...
def effectual_macs(problem: Problem, inputs: ArrayLike | None, weights: ArrayLike | None) -> int: ...
