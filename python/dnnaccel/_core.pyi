"""Types of the compiled core, by hand; tests/python/test_stub.py holds them against the module."""

from collections.abc import Callable, Sequence
from collections.abc import Mapping as MappingOf
from typing import Any, ClassVar

from numpy import int8, int32, uint64
from numpy.typing import ArrayLike, NDArray

__version__: str

def build_config() -> dict[str, str]: ...

class HostFigures:
    @property
    def variant(self) -> str: ...
    @property
    def lanes(self) -> int: ...
    @property
    def clock_hz(self) -> float: ...
    @property
    def macs_per_second(self) -> float: ...
    @property
    def bandwidths(self) -> list[tuple[float, float]]: ...

def host_variants() -> list[str]: ...
def measure_host(
    working_sets: Sequence[tuple[int, int]], seconds: float, variant: str = ""
) -> HostFigures: ...

class Operator:
    @property
    def inputs(self) -> list[list[int]]: ...
    @property
    def outputs(self) -> list[list[int]]: ...
    @property
    def input_types(self) -> list[str]: ...
    @property
    def output_types(self) -> list[str]: ...
    @property
    def in_place(self) -> list[bool]: ...
    @property
    def macs(self) -> int: ...
    @property
    def operations(self) -> int: ...
    @property
    def threads(self) -> int: ...
    @property
    def isa(self) -> str: ...
    @property
    def algorithm(self) -> str: ...
    @property
    def packed_bytes(self) -> int: ...
    @property
    def blocking(self) -> list[int]: ...
    @property
    def scratch_bytes(self) -> int: ...
    def run(
        self, inputs: tuple[NDArray[Any] | None, ...], outputs: tuple[NDArray[Any] | None, ...]
    ) -> None: ...

def conv_operator(
    *,
    input: Sequence[int],
    weights: ArrayLike,
    bias: ArrayLike | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
    nchw: bool,
    algorithm: str,
    threads: int,
    isa: str,
    clamp: tuple[float, float],
    activation: str = ...,
    x_pitch: int = ...,
    out_pitch: int = ...,
) -> Operator: ...
def linear_operator(
    *,
    input: Sequence[int],
    weights: ArrayLike,
    bias: ArrayLike | None,
    threads: int,
    isa: str,
    clamp: tuple[float, float],
    activation: str = ...,
    x_pitch: int = ...,
    out_pitch: int = ...,
) -> Operator: ...
def recurrent_operator(
    *,
    kind: str,
    input: Sequence[int],
    weight_ih: ArrayLike,
    weight_hh: ArrayLike,
    bias_ih: ArrayLike | None = ...,
    bias_hh: ArrayLike | None = ...,
    reverse: bool = ...,
    threads: int = ...,
    isa: str = ...,
) -> Operator: ...
def conv_bf16_operator(
    *,
    input: Sequence[int],
    weights: ArrayLike,
    bias: ArrayLike | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
    threads: int,
    isa: str,
    clamp: tuple[float, float],
    x_pitch: int = 0,
    out_pitch: int = 0,
) -> Operator: ...
def linear_bf16_operator(
    *,
    input: Sequence[int],
    weights: ArrayLike,
    bias: ArrayLike | None,
    threads: int,
    isa: str,
    clamp: tuple[float, float],
    x_pitch: int = 0,
    out_pitch: int = 0,
) -> Operator: ...
def conv_int8_operator(
    *,
    input: Sequence[int],
    weights: NDArray[int8],
    bias: NDArray[int32] | None,
    x: tuple[str, int],
    multipliers: ArrayLike | None,
    out: tuple[str, int],
    residual: tuple[tuple[str, int], float] | None,
    clamp: tuple[float, float],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
    threads: int,
    isa: str,
    x_pitch: int = 0,
    out_pitch: int = 0,
) -> Operator: ...
def linear_int8_operator(
    *,
    input: Sequence[int],
    weights: NDArray[int8],
    bias: NDArray[int32] | None,
    x: tuple[str, int],
    multipliers: ArrayLike | None,
    out: tuple[str, int],
    residual: tuple[tuple[str, int], float] | None,
    clamp: tuple[float, float],
    threads: int,
    isa: str,
    x_pitch: int = 0,
    out_pitch: int = 0,
) -> Operator: ...
def quantize_operator(
    *,
    input: Sequence[int],
    factor: float,
    out: tuple[str, int],
    threads: int,
    isa: str,
    x_pitch: int = 0,
    out_pitch: int = 0,
) -> Operator: ...
def sum_int8_operator(
    *,
    input: Sequence[int],
    inputs: Sequence[tuple[tuple[str, int], float]],
    out: tuple[str, int],
    clamp: tuple[float, float],
    threads: int,
    isa: str,
    x_pitches: Sequence[int] = ...,
    out_pitch: int = 0,
) -> Operator: ...
def pool_int8_operator(
    *,
    kind: str,
    input: Sequence[int],
    window: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    output: Sequence[int],
    count_include_pad: bool,
    x: tuple[str, int],
    out: tuple[str, int],
    multiplier: float,
    threads: int,
    isa: str,
    x_pitch: int = 0,
    out_pitch: int = 0,
) -> Operator: ...
def kernel_isas(element: str = "float32") -> list[str]: ...
def pool_operator(
    *,
    kind: str,
    input: Sequence[int],
    window: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    output: Sequence[int],
    count_include_pad: bool,
    threads: int,
    isa: str,
    x_pitch: int = 0,
    out_pitch: int = 0,
) -> Operator: ...
def global_pool_operator(
    *, kind: str, input: Sequence[int], threads: int, isa: str, x_pitch: int = 0, out_pitch: int = 0
) -> Operator: ...
def unary_operator(
    *,
    function: str,
    input: Sequence[int],
    clamp: tuple[float, float] = ...,
    factor: float = 1.0,
    threads: int,
    isa: str,
    x_pitch: int = 0,
    out_pitch: int = 0,
) -> Operator: ...
def affine_operator(
    *,
    input: Sequence[int],
    scale: ArrayLike,
    shift: ArrayLike,
    clamp: tuple[float, float] = ...,
    threads: int,
    isa: str,
    x_pitch: int = 0,
    out_pitch: int = 0,
) -> Operator: ...
def add_operator(
    *,
    input: Sequence[int],
    count: int,
    clamp: tuple[float, float] = ...,
    threads: int,
    isa: str,
    x_pitch: int = 0,
    out_pitch: int = 0,
) -> Operator: ...
def multiply_operator(
    *,
    input: Sequence[int],
    count: int,
    clamp: tuple[float, float] = ...,
    threads: int,
    isa: str,
    x_pitch: int = 0,
    out_pitch: int = 0,
) -> Operator: ...
def add_table_operator(*, input: Sequence[int], table: ArrayLike, threads: int, isa: str) -> Operator: ...
def lrn_operator(
    *, input: Sequence[int], size: int, alpha: float, beta: float, k: float, threads: int, isa: str
) -> Operator: ...
def layer_norm_operator(
    *,
    input: Sequence[int],
    scale: ArrayLike,
    shift: ArrayLike,
    epsilon: float,
    residual: bool = False,
    threads: int,
    isa: str,
) -> Operator: ...
def softmax_operator(*, input: Sequence[int], axis: int = -1, threads: int, isa: str) -> Operator: ...
def concat_operator(*, inputs: Sequence[Sequence[int]], axis: int, threads: int, isa: str) -> Operator: ...
def permute_operator(*, input: Sequence[int], axes: Sequence[int], threads: int, isa: str) -> Operator: ...
def slice_operator(
    *, input: Sequence[int], axis: int, start: int, stop: int, threads: int, isa: str
) -> Operator: ...
def pad_operator(
    *, input: Sequence[int], rows: Sequence[int], columns: Sequence[int], threads: int, isa: str
) -> Operator: ...
def shuffle_operator(*, input: Sequence[int], groups: int, threads: int, isa: str) -> Operator: ...
def prepend_operator(*, input: Sequence[int], vector: ArrayLike, threads: int, isa: str) -> Operator: ...
def embedding_operator(*, tokens: Sequence[int], table: ArrayLike, threads: int, isa: str) -> Operator: ...
def attention_operator(
    *,
    queries: Sequence[int],
    keys: Sequence[int],
    values: Sequence[int],
    heads: int,
    scale: float,
    causal: bool = False,
    mask: str = "none",
    lengths: bool = False,
    q_pitch: int = 0,
    k_pitch: int = 0,
    v_pitch: int = 0,
    out_pitch: int = 0,
    threads: int = 1,
    isa: str = "",
) -> Operator: ...
def matmul_operator(
    *,
    left: Sequence[int],
    right: Sequence[int],
    transpose_right: bool = False,
    factor: float = 1.0,
    left_pitch: int = 0,
    right_pitch: int = 0,
    out_pitch: int = 0,
    threads: int = 1,
    isa: str = "",
) -> Operator: ...
def tiled_operator(
    *,
    input: Sequence[int],
    weights: ArrayLike,
    bias: ArrayLike | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
    loops: Sequence[tuple[str, int]],
    threads: int,
    isa: str,
    clamp: tuple[float, float],
    activation: str = ...,
    x_pitch: int = 0,
    out_pitch: int = 0,
) -> Operator: ...
def winograd_operator(
    *,
    input: Sequence[int],
    weights: ArrayLike,
    bias: ArrayLike | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
    threads: int,
    isa: str,
    clamp: tuple[float, float],
    activation: str = ...,
    x_pitch: int = 0,
    out_pitch: int = 0,
) -> Operator: ...
def tiled_linear_operator(
    *,
    input: Sequence[int],
    weights: ArrayLike,
    bias: ArrayLike | None,
    loops: Sequence[tuple[str, int]],
    threads: int,
    isa: str,
    clamp: tuple[float, float],
    activation: str = ...,
    x_pitch: int = 0,
    out_pitch: int = 0,
) -> Operator: ...
def kernel_threads() -> int: ...
def set_kernel_threads(threads: int) -> None: ...
def cpu_features() -> dict[str, bool]: ...

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
    @property
    def computed_reads(self) -> int: ...
    @property
    def computed_writes(self) -> int: ...
    @property
    def filled(self) -> int: ...
    @property
    def drained(self) -> int: ...
    @property
    def sent(self) -> int: ...

class NetworkCount:
    @property
    def sent(self) -> int: ...
    @property
    def delivered(self) -> int: ...
    @property
    def hops(self) -> int: ...
    @property
    def returned(self) -> int: ...

class RampCount:
    @property
    def sent(self) -> int: ...
    @property
    def received(self) -> int: ...
    @property
    def parent(self) -> int: ...

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
    def ramps(self, levels: int, /) -> list[list[RampCount]]: ...
    def instances(self, levels: int, /) -> list[int]: ...
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

class ArrayKind:
    __members__: ClassVar[dict[str, ArrayKind]]
    systolic: ClassVar[ArrayKind]
    row_stationary: ClassVar[ArrayKind]
    adder_tree: ClassVar[ArrayKind]
    def __init__(self, value: int) -> None: ...
    @property
    def name(self) -> str: ...
    @property
    def value(self) -> int: ...

class ArrayChoice:
    def __init__(self, *, kind: ArrayKind, level: int, gates: int, waiting: int) -> None: ...

class Wait:
    __members__: ClassVar[dict[str, Wait]]
    fill: ClassVar[Wait]
    refill: ClassVar[Wait]
    bandwidth: ClassVar[Wait]
    port: ClassVar[Wait]
    drain: ClassVar[Wait]
    array: ClassVar[Wait]
    def __init__(self, value: int) -> None: ...
    @property
    def name(self) -> str: ...
    @property
    def value(self) -> int: ...

class Lost:
    @property
    def wait(self) -> Wait: ...
    @property
    def waiting(self) -> int: ...
    @property
    def level(self) -> int: ...
    @property
    def port(self) -> Port: ...
    @property
    def cycles(self) -> float: ...

class Tiled:
    @property
    def counts(self) -> Counts: ...
    @property
    def dram(self) -> DramRun | None: ...
    @property
    def array(self) -> dict[str, Any] | None: ...
    @property
    def cost(self) -> Cost: ...
    @property
    def cycles(self) -> float: ...
    @property
    def compute_cycles(self) -> float: ...
    @property
    def lost(self) -> list[Lost]: ...
    @property
    def transfers(self) -> int: ...
    @property
    def positions(self) -> int: ...

def simulate_tiles(
    problem: Problem,
    architecture: Architecture,
    mapping: Mapping,
    sparsity: Sparsity | None = None,
    latency: Sequence[float] = ...,
    progress: Callable[[int, int], object] | None = None,
    dram: tuple[DramSpec, float] | None = None,
    trace: TraceWriter | None = None,
    array: ArrayChoice | None = None,
) -> Tiled: ...
def walk(problem: Problem, architecture: Architecture, mapping: Mapping) -> Counts: ...

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

def spatial_factors(positions: int, room: int) -> list[int]: ...

class Mapspace:
    def __init__(
        self, rules: Sequence[tuple[Sequence[int], Sequence[Sequence[int]], Sequence[int], int, int]]
    ) -> None: ...

class Goal:
    def __init__(
        self,
        objective: Objective,
        *,
        max_energy: float = ...,
        max_cycles: float = ...,
        min_units: int = 0,
    ) -> None: ...

class Effort:
    def __init__(self, *, exhaustive_limit: int, starts: int, proposals: int, proof: int = 0) -> None: ...

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
    def mapspace(self) -> float: ...
    @property
    def bound(self) -> float: ...
    @property
    def over_limits(self) -> bool: ...
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
    goal: Goal | Objective,
    effort: Effort,
    threads: int = 0,
    progress: Callable[[int, int], bool | None] | None = None,
    sparsities: Sequence[Sparsity] | None = None,
) -> list[Outcome]: ...

class Rate:
    @property
    def mappings(self) -> int: ...
    @property
    def drawn(self) -> int: ...
    @property
    def tables(self) -> int: ...
    @property
    def costed(self) -> int: ...
    @property
    def seconds(self) -> float: ...
    @property
    def energy(self) -> float: ...
    @property
    def cycles(self) -> float: ...
    @property
    def counted_energy(self) -> float: ...
    @property
    def counted_cycles(self) -> float: ...

class SearchRate:
    @property
    def evaluated(self) -> int: ...
    @property
    def pruned(self) -> int: ...
    @property
    def seconds(self) -> float: ...

class SearchRates:
    @property
    def cold(self) -> SearchRate: ...
    @property
    def warm(self) -> SearchRate: ...

def cost_rate(
    problem: Problem,
    architecture: Architecture,
    space: Mapspace,
    *,
    mappings: int,
    rounds: int,
    seed: int,
    cold: bool,
) -> Rate: ...
def lookup_seconds() -> float: ...
def search_rate(
    problem: Problem,
    architecture: Architecture,
    space: Mapspace,
    *,
    proposals: int,
    rounds: int,
    seed: int,
) -> SearchRates: ...
def sample(
    problem: Problem,
    architecture: Architecture,
    space: Mapspace,
    *,
    mappings: int,
    seed: int,
) -> Outcome: ...

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
def tile_bits(
    format: Format, density: float, words: int, word_bits: int, chance: float
) -> tuple[float, float]: ...
def effectual_macs(problem: Problem, inputs: ArrayLike | None, weights: ArrayLike | None) -> int: ...

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

class Stationary:
    inputs: ClassVar[Stationary]
    weights: ClassVar[Stationary]
    outputs: ClassVar[Stationary]
    __members__: ClassVar[dict[str, Stationary]]
    def __init__(self, value: int) -> None: ...
    def __int__(self) -> int: ...
    def __index__(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def value(self) -> int: ...

class SystolicOptions:
    def __init__(
        self,
        *,
        rows: int,
        columns: int,
        stationary: Stationary,
        double_buffered: bool = False,
        activity: bool = False,
    ) -> None: ...

class ProductRun:
    @property
    def cycles(self) -> int: ...
    @property
    def macs(self) -> int: ...
    @property
    def folds(self) -> int: ...
    @property
    def used(self) -> int: ...
    @property
    def classes(self) -> list[tuple[int, int, int, int]]: ...
    @property
    def reads(self) -> dict[str, int]: ...
    @property
    def writes(self) -> dict[str, int]: ...
    @property
    def activity(self) -> dict[str, Any]: ...

def count_product(
    problem: Problem,
    options: SystolicOptions,
    waiting: int = 0,
    progress: Callable[[int], object] | None = None,
) -> ProductRun: ...
def simulate_product(
    problem: Problem,
    options: SystolicOptions,
    inputs: NDArray[Any],
    weights: NDArray[Any],
    waiting: int = 0,
    progress: Callable[[int], object] | None = None,
) -> tuple[ProductRun, NDArray[Any]]: ...
def simulate_systolic(
    problem: Problem,
    architecture: Architecture,
    mapping: Mapping,
    inputs: NDArray[Any] | None = None,
    weights: NDArray[Any] | None = None,
    *,
    activity: bool = False,
    waiting: int = 0,
    progress: Callable[[int, int], object] | None = None,
    trace: TraceWriter | None = None,
    trace_window: int = 1,
) -> dict[str, Any] | None: ...

class ScaleSimLayer:
    def __init__(
        self,
        *,
        ifmap: tuple[int, int],
        filter: tuple[int, int],
        channels: int,
        filters: int,
        stride: tuple[int, int],
        sparsity: tuple[int, int] = (1, 1),
    ) -> None: ...

class ScaleSimArray:
    def __init__(
        self,
        *,
        array: tuple[int, int],
        dataflow: str,
        kb: tuple[int, int, int],
        user: bool = False,
        bandwidth: tuple[int, int, int] = (10, 10, 10),
    ) -> None: ...

class ScaleSimCount:
    @property
    def cycles(self) -> int: ...
    @property
    def stalls(self) -> int: ...
    @property
    def folds(self) -> int: ...
    @property
    def mapping_efficiency(self) -> float: ...
    @property
    def compute_utilization(self) -> float: ...
    @property
    def sparse_ifmap_reads(self) -> float: ...
    @property
    def sram(self) -> tuple[tuple[int, int, int], tuple[int, int, int], tuple[int, int, int]]: ...
    @property
    def dram(self) -> tuple[tuple[int, int, int], tuple[int, int, int], tuple[int, int, int]]: ...

def scalesim_count(layer: ScaleSimLayer, array: ScaleSimArray) -> ScaleSimCount: ...

class TraceWriter:
    def __init__(
        self, path: str, *, clock_mhz: float, max_bytes: int, about: Sequence[tuple[str, str]]
    ) -> None: ...
    def track(self, name: str, group: str) -> int: ...
    def span(self, track: int, name: str, begin: float, end: float) -> None: ...
    def counter(self, track: int, name: str, cycle: float, value: float) -> None: ...
    def finish(self) -> dict[str, Any]: ...

def simulate_adder_tree(
    problem: Problem,
    architecture: Architecture,
    mapping: Mapping,
    inputs: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    *,
    array: int = -1,
    gates: int = 0,
    progress: Callable[[int, int], object] | None = None,
    trace: TraceWriter | None = None,
    trace_window: int = 1,
) -> dict[str, Any] | None: ...
def simulate_row_stationary(
    problem: Problem,
    architecture: Architecture,
    mapping: Mapping,
    inputs: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    *,
    input_fifo: int = 16,
    sum_fifo: int = 32,
    pipeline: int = 3,
    shift: bool = True,
    shared_adder: bool = False,
    progress: Callable[[int, int], object] | None = None,
    trace: TraceWriter | None = None,
    trace_window: int = 1,
) -> dict[str, Any] | None: ...

class DramOrganization:
    def __init__(
        self,
        *,
        channels: int,
        bank_groups: int,
        banks_per_group: int,
        rows: int,
        row_bytes: int,
        bus_bits: int,
        burst_length: int,
    ) -> None: ...

class DramTiming:
    def __init__(self, cycles: MappingOf[str, int], split_command_bus: bool) -> None: ...

class DramEnergies:
    def __init__(
        self,
        *,
        activate_pj: float,
        read_pj: float,
        write_pj: float,
        read_io_pj: float,
        write_io_pj: float,
        refresh_pj: float,
        active_pj_per_cycle: float,
        idle_pj_per_cycle: float,
    ) -> None: ...
    @property
    def activate_pj(self) -> float: ...
    @property
    def read_pj(self) -> float: ...
    @property
    def write_pj(self) -> float: ...
    @property
    def refresh_pj(self) -> float: ...
    @property
    def active_pj_per_cycle(self) -> float: ...
    @property
    def idle_pj_per_cycle(self) -> float: ...

class DramSpec:
    def __init__(
        self,
        *,
        organization: DramOrganization,
        timing: DramTiming,
        mapping: Sequence[str],
        xor_banks: bool,
        energies: DramEnergies,
    ) -> None: ...

class DramPolicy:
    def __init__(self, *, window: int, batch: int, max_hits: int, closed_page: bool) -> None: ...

class DramGates:
    def __init__(self, spec: DramSpec) -> None: ...
    def earliest(self, kind: str, bank: int = 0) -> tuple[int, str]: ...
    def issue(self, cycle: int, kind: str, bank: int = 0, row: int = 0) -> None: ...

class DramMemory:
    def __init__(self, spec: DramSpec, policy: DramPolicy) -> None: ...
    def transfer(self, start_cycle: int, spans: Sequence[tuple[int, int]], write: bool) -> int: ...

class DramRun:
    @property
    def counts(self) -> dict[str, int]: ...
    @property
    def energy_pj(self) -> dict[str, float]: ...
    @property
    def log(self) -> list[tuple[int, int, str, int, int]]: ...
    @property
    def finish(self) -> NDArray[uint64]: ...

def dram_energies(
    rails: Sequence[Sequence[float]],
    devices: int,
    organization: DramOrganization,
    timing: DramTiming,
    clock_ns: float,
) -> DramEnergies: ...
def dram_locate(spec: DramSpec, burst: int) -> tuple[int, int, int, int]: ...
def dram_run_pattern(
    spec: DramSpec,
    policy: DramPolicy,
    *,
    order: str,
    requests: int,
    bytes: int,
    stride: int,
    start: int,
    range: int,
    writes_per_1024: int,
    interval: int,
    seed: int,
    log_limit: int,
    keep_finish: bool,
    progress: Callable[[int], bool | None] | None,
) -> DramRun: ...
def dram_run_arrays(
    spec: DramSpec,
    policy: DramPolicy,
    *,
    addresses: ArrayLike,
    bytes: ArrayLike,
    writes: ArrayLike,
    arrivals: ArrayLike | None,
    log_limit: int,
    keep_finish: bool,
    progress: Callable[[int], bool | None] | None,
) -> DramRun: ...
def simulate_values(
    problem: Problem,
    architecture: Architecture,
    mapping: Mapping,
    inputs: ArrayLike,
    weights: ArrayLike,
    progress: Callable[[int, int], bool | None] | None = None,
) -> tuple[NDArray[Any], Counts, bool]: ...

class Program:
    def __init__(
        self,
        *,
        steps: Sequence[tuple[Operator, Sequence[tuple[str, int, int]], Sequence[tuple[str, int, int]]]],
        inputs: Sequence[tuple[str, Sequence[int]]],
        outputs: Sequence[tuple[str, Sequence[int]]],
        arena_bytes: int,
    ) -> None: ...
    @property
    def arena_bytes(self) -> int: ...
    @property
    def scratch_bytes(self) -> int: ...
    @property
    def packed_bytes(self) -> int: ...
    def run(
        self,
        inputs: tuple[NDArray[Any], ...],
        outputs: tuple[NDArray[Any], ...],
        seconds: NDArray[Any] | None = None,
        zeros: NDArray[Any] | None = None,
    ) -> None: ...

class MemoryPlan:
    @property
    def offsets(self) -> list[int]: ...
    @property
    def bytes(self) -> int: ...
    @property
    def lower_bound(self) -> int: ...

def plan_memory(tensors: Sequence[tuple[int, int, int]]) -> MemoryPlan: ...
