"""Is what the search calls optimal the optimum, does more room only improve it, and can it be stopped?

The optimum is found here a second time, by costing every mapping of a tiny chip one by one in Python.
"""

from __future__ import annotations

import itertools
import math
import signal
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

import dnnaccel as da
from dnnaccel import _core, arch, mapper
from dnnaccel._lower import lower_chip, lower_problem, lower_rules
from dnnaccel.arch import Array, Chip, Memory
from dnnaccel.cost import LayerReport
from dnnaccel.layers import Conv2d, Layer, Linear
from dnnaccel.mapping import LevelMapping, Loop, Mapping
from dnnaccel.mapspace import constrain
from dnnaccel.problem import ROLES
from interrupting import interrupt

EXHAUSTIVE = {"exhaustive_limit": 3_000_000, "starts": 1, "proposals": 1}
CALM = settings(
    deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


@pytest.fixture(autouse=True, scope="module")
def exhaustive() -> Iterator[None]:
    """Let the search enumerate every mapspace of this file's tiny chips whole."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mapper, "_EFFORT", EXHAUSTIVE)
        yield


def tiny_chip(
    *,
    buffer_words: int = 12,
    rf_words: int = 4,
    rows: int = 2,
    columns: int = 1,
    buffering: str = "single",
    may_bypass: Sequence[str] = (),
    ram_bytes_per_cycle: float = 4,
    buffer_bytes_per_cycle: float = 8,
    reduce: Any = ("C", "R"),
    multicast: Any = "all",
    forwards: Sequence[str] = (),
    rf_may_bypass: Sequence[str] = (),
) -> Chip:
    """A chip whose energies are whole numbers and halves, so that sums of them are exact in any order."""
    source = "made up for this test"
    return Chip.from_dict(
        {
            "format": 1,
            "name": "tiny",
            "word_bits": 16,
            "energy_unit": "pJ",
            "levels": [
                {
                    "memory": "ram",
                    "read_energy": 100,
                    "write_energy": 90,
                    "bytes_per_cycle": ram_bytes_per_cycle,
                },
                {
                    "memory": "buffer",
                    "size_bytes": 2 * buffer_words,
                    "may_bypass": list(may_bypass),
                    "buffering": buffering,
                    "read_energy": 6,
                    "write_energy": 5,
                    "bytes_per_cycle": buffer_bytes_per_cycle,
                },
                {
                    "array": "pes",
                    "rows": rows,
                    "columns": columns,
                    "multicast": multicast if isinstance(multicast, str) else list(multicast),
                    "reduce": reduce if isinstance(reduce, str) else list(reduce),
                    "forwards": list(forwards),
                    "charge": {"inputs": "delivery", "weights": "delivery", "outputs": "hop"},
                    "energy": 1.5,
                },
                {
                    "memory": "rf",
                    "size_bytes": 2 * rf_words,
                    "may_bypass": list(rf_may_bypass),
                    "read_energy": 1,
                    "write_energy": 0.5,
                },
            ],
            "mac": {"energy": 2, "source": source},
            "vector": {"lanes": 1, "op_energy": 1, "memory": "buffer", "source": source},
        }
    )


def conv(
    *,
    rows: int = 1,
    columns: int = 1,
    kernel: tuple[int, int] = (1, 1),
    stride: int = 1,
    pad: int = 0,
    out: int = 1,
) -> Conv2d:
    """A convolution of one input channel with an output of `rows` x `columns`."""
    height = (rows - 1) * stride + kernel[0]
    width = (columns - 1) * stride + kernel[1] - 2 * pad
    return Conv2d(
        name="layer",
        input_shapes=((1, 1, height, width),),
        out_channels=out,
        kernel=kernel,
        stride=(stride, stride),
        padding=(0, pad),
    )


def linear(inner: int, out: int, batch: int = 1) -> Linear:
    return Linear(name="layer", input_shapes=((batch, inner),), out_features=out)


# ------------------------------------------------------------------------------------------------------------
# The brute force


def shares(positions: int, room: int) -> set[int]:
    """Over how many instances positions may be spread: evenly, or so that the axis, or a part, is full."""
    exact = {n for n in range(1, min(positions, room) + 1) if positions % n == 0}
    half = room // 2
    taken = any(3 * half <= 4 * n <= 4 * half for n in exact)
    widths = {room, half} if positions > room > 1 and not taken else {room}
    passes = {-(-positions // width) for width in widths}
    return exact | {-(-positions // n) for n in passes}


def products(number: int, count: int) -> Iterator[tuple[int, ...]]:
    """Every way to write a number as a product of `count` factors, in order."""
    if count == 0:
        if number == 1:
            yield ()
        return
    for factor in range(1, number + 1):
        if number % factor == 0:
            for rest in products(number // factor, count - 1):
                yield (factor, *rest)


def factors(positions: int, sizes: Sequence[int | None]) -> Iterator[tuple[int, ...]]:
    """Every choice of a factor for each slot, outermost first: shares of axes, exact ones elsewhere."""
    axes = [i for i, size in enumerate(sizes) if size is not None]
    spreads = [((), positions)]
    for i in axes:
        room = sizes[i] or 1
        spreads = [((*taken, n), -(-left // n)) for taken, left in spreads for n in shares(left, room)]
    for taken, left in spreads:
        for loops in products(left, len(sizes) - len(axes)):
            spatial, temporal = iter(taken), iter(loops)
            yield tuple(next(spatial if size is not None else temporal) for size in sizes)


def chains(extent: int, sizes: Sequence[int | None]) -> list[tuple[int, ...]]:
    """Every way to cut an extent in slots, outermost first, of axes with a size and of memories (None)."""
    tiles = set()
    for choice in factors(extent, sizes):
        inside = [math.prod(choice[i + 1 :]) for i in range(len(choice))]
        tiles.add(tuple(min(extent, tile) for tile in inside))
    return sorted(tiles)


def every_mapping(layer: Layer, chip: Chip, *, crowded: bool = False) -> Iterator[Mapping]:
    """Every loop nest of the mapspace of a layer on a chip: its chains, loop orders and allowed bypasses.

    Those that want more instances than an axis has are left out, unless `crowded`.
    """
    assert layer.problem is not None
    bounds = {dim: bound for dim, bound in layer.problem.bounds.items() if bound > 1}
    slots: list[tuple[str, int | None]] = []
    for level in chip.levels:
        if isinstance(level, Memory):
            slots.append((level.name, None))
        else:
            slots += [(name, size) for name, size in level.axes]
    names = [name for name, size in slots if size is None]
    # Where anything may leave out the PE's memory, it may leave out any of it: see `anything`.
    choices = [
        (memory.name, role)
        for memory in chip.memories
        for role in (memory.keeps if memory.name == "rf" and memory.may_bypass else memory.may_bypass)
    ]
    sizes = [size for _, size in slots]
    for tiles in itertools.product(*(chains(bound, sizes) for bound in bounds.values())):
        loops: dict[str, list[Loop]] = {name: [] for name, _ in slots}
        spread = {name: 1 for name, _ in slots}
        for (dim, bound), chain in zip(bounds.items(), tiles, strict=True):
            extent = bound
            for (name, _), tile in zip(slots, chain, strict=True):
                if tile < extent:
                    loops[name].append(Loop(dim, tile))
                    spread[name] *= -(-extent // tile)
                extent = tile
        if not crowded and any(size is not None and spread[name] > size for name, size in slots):
            continue
        for orders in itertools.product(*(itertools.permutations(loops[name]) for name in names)):
            ordered = dict(zip(names, orders, strict=True))
            for bypassed in itertools.product((False, True), repeat=len(choices)):
                gone = {choice for choice, out in zip(choices, bypassed, strict=True) if out}
                yield Mapping(
                    tuple(
                        LevelMapping(name, tuple(loops[name]))
                        if size is not None
                        else LevelMapping(
                            name, ordered[name], frozenset(r for r in ROLES if (name, r) not in gone)
                        )
                        for name, size in slots
                    )
                )


def count_points(layer: Layer, chip: Chip) -> float:
    """How many points the mapspace has, by the core, crowded ones included."""
    assert layer.problem is not None
    space = lower_rules(constrain(anything(chip), chip, layer.problem), layer.problem)
    (outcome,) = _core.search(
        lower_chip(chip),
        [lower_problem(layer.problem)],
        [space],
        _core.Objective.energy,
        _core.Effort(exhaustive_limit=0, starts=0, proposals=0),
    )
    return outcome.mapspace


def anything(chip: Chip) -> da.Dataflow:
    """Every mapping that `every_mapping` gives: tensors leave out only what the chip says they may."""
    rf = chip.memory("rf")
    keeps = {} if rf.may_bypass else {"rf": da.dataflow.LevelConstraint(keeps=rf.keeps)}
    return da.Dataflow(name="anything", levels=keeps)


def cost_all(layer: Layer, chip: Chip) -> list[tuple[float, int]]:
    """Energy and cycles of every mapping that fits."""
    costs = []
    for mapping in every_mapping(layer, chip):
        try:
            report = da.evaluate(layer, chip, mapping)
        except da.MappingError:
            continue
        costs.append((report.energy, report.cycles))
    return costs


def score(objective: str, energy: float, cycles: int) -> tuple[float, float]:
    """What is minimised and what breaks ties."""
    return {
        "energy": (energy, cycles),
        "latency": (cycles, energy),
        "edp": (energy * cycles, energy),
    }[objective]


def score_of(objective: str, report: LayerReport) -> tuple[float, float]:
    return score(objective, report.energy, report.cycles)


def front(costs: Sequence[tuple[float, int]]) -> list[tuple[float, int]]:
    """The points that no other one beats, by energy."""
    best: list[tuple[float, int]] = []
    for energy, cycles in sorted(set(costs)):
        if not best or cycles < best[-1][1]:
            best.append((energy, cycles))
    return best


def compare_with_brute_force(layer: Layer, chip: Chip) -> None:
    costs = cost_all(layer, chip)
    if not costs:
        with pytest.raises(da.MappingError):
            da.search(layer, chip, anything(chip))
        return
    for objective in mapper.OBJECTIVES:
        found = da.search(layer, chip, anything(chip), objective)
        assert found.optimal
        assert score_of(objective, found.cost) == min(score(objective, *cost) for cost in costs), (
            objective,
            str(found.mapping),
        )
        assert [(point.energy, point.cycles) for point in found.pareto] == front(costs)
        assert found.evaluated <= len(costs)


TINY = {
    "pixels and filter columns": (conv(columns=6, kernel=(1, 2)), tiny_chip(buffer_words=9)),
    # Best is C cut into 3 + 3 + 1, so that the three rows are full twice; no divisor of 7 spreads it.
    "uneven tiles win": (linear(7, 2), tiny_chip(multicast="none", rows=3, buffering="stream")),
    "one row, one word of sums": (conv(columns=7), tiny_chip(rows=3, rf_words=3)),
    "strided window": (
        conv(columns=4, kernel=(1, 3), stride=2),
        tiny_chip(rows=4, buffer_words=10, rf_words=8),
    ),
    "padding": (
        conv(columns=5, kernel=(1, 3), pad=1),
        tiny_chip(rows=3, buffering="double", buffer_words=20),
    ),
    "stride wider than filter": (conv(columns=5, kernel=(1, 2), stride=3), tiny_chip(rows=2, rf_words=5)),
    "outputs and inner dim": (linear(7, 3), tiny_chip(rows=3, buffer_words=10)),
    "two array axes": (linear(4, 3), tiny_chip(rows=2, columns=3, buffer_words=16)),
    "bypass": (linear(3, 3), tiny_chip(may_bypass=("weights", "inputs"), buffer_words=8)),
    "bypass all, no reduction": (linear(4, 2), tiny_chip(may_bypass=ROLES, reduce="none", buffer_words=6)),
    "no multicast": (linear(4, 2), tiny_chip(multicast="none", rows=2, buffering="stream")),
    "neighbours hand on": (conv(columns=5, kernel=(1, 2)), tiny_chip(rows=5, forwards=("inputs",))),
    "batch": (linear(3, 2, batch=2), tiny_chip(rows=2, buffer_words=9)),
    "registers left out": (linear(3, 2), tiny_chip(rf_may_bypass=("inputs", "outputs"), rf_words=2, rows=3)),
    "nothing fits": (linear(3, 2), tiny_chip(buffer_words=4, buffering="double")),
}


@pytest.mark.parametrize(("layer", "chip"), TINY.values(), ids=TINY.keys())
def test_exhaustive_search_finds_what_brute_force_finds(layer: Layer, chip: Chip) -> None:
    compare_with_brute_force(layer, chip)


@st.composite
def small_layers(draw: st.DrawFn, most: int = 6) -> Layer:
    if draw(st.booleans()):
        return linear(draw(st.integers(1, most)), draw(st.integers(1, 3)))
    kernel = draw(st.integers(1, 3))
    return conv(columns=draw(st.integers(1, most)), kernel=(1, kernel), stride=draw(st.integers(1, 3)))


def small_chips(**fixed: Any) -> st.SearchStrategy[dict[str, Any]]:
    options: dict[str, st.SearchStrategy[Any]] = {
        "buffer_words": st.integers(3, 24),
        "rf_words": st.integers(3, 10),
        "rows": st.integers(1, 4),
        "buffering": st.sampled_from(["single", "double", "stream"]),
        "ram_bytes_per_cycle": st.sampled_from([1, 2, 5, 16]),
        "buffer_bytes_per_cycle": st.sampled_from([1, 3, 8]),
        "may_bypass": st.sampled_from([(), ("weights",), ("inputs", "outputs")]),
        "reduce": st.sampled_from(["none", ("C", "R", "S")]),
        "multicast": st.sampled_from(["all", "none"]),
    }
    return st.fixed_dictionaries(options | {key: st.just(value) for key, value in fixed.items()})


# No shrinking: examples are small already, and each takes thousands of evaluations.
@settings(CALM, max_examples=60, phases=[Phase.explicit, Phase.generate])
@given(layer=small_layers(most=9), options=small_chips())
def test_exhaustive_search_finds_what_brute_force_finds_on_random_chips(
    layer: Layer, options: dict[str, Any]
) -> None:
    compare_with_brute_force(layer, tiny_chip(**options))


def test_optimal_is_claimed_only_where_everything_was_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    layer, chip = linear(6, 4), tiny_chip(rows=3)
    assert da.search(layer, chip, "free").optimal
    monkeypatch.setattr(mapper, "_EFFORT", {"exhaustive_limit": 10, "starts": 2, "proposals": 200})
    found = da.search(layer, chip, "free")
    assert not found.optimal
    assert found.evaluated > 0


def test_a_front_is_proved_by_enumeration_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    layer, chip = linear(6, 4), tiny_chip(rows=3)
    whole = da.search(layer, chip, "free", "pareto")
    assert whole.optimal
    effort = {"exhaustive_limit": 10, "starts": 2, "proposals": 200, "proof": 1_000_000}
    monkeypatch.setattr(mapper, "_EFFORT", effort)
    least, front = (da.search(layer, chip, "free", objective) for objective in ("energy", "pareto"))
    assert least.optimal
    assert least.figure == pytest.approx(whole.figure, rel=1e-12)
    assert not front.optimal
    assert effort == mapper._EFFORT


@pytest.mark.parametrize(("layer", "chip"), TINY.values(), ids=TINY.keys())
def test_the_size_of_a_mapspace_is_its_number_of_mappings(layer: Layer, chip: Chip) -> None:
    assert count_points(layer, chip) == sum(1 for _ in every_mapping(layer, chip, crowded=True))


# ------------------------------------------------------------------------------------------------------------
# More room is never worse

GROWTHS = {
    "buffer": lambda o, n: o | {"buffer_words": o["buffer_words"] + n},
    "registers": lambda o, n: o | {"rf_words": o["rf_words"] + n},
    # By a whole multiple: what filled the small axis must fill a part of the large one.
    "rows": lambda o, n: o | {"rows": o["rows"] * (1 + n)},
    "outer bandwidth": lambda o, n: o | {"ram_bytes_per_cycle": o["ram_bytes_per_cycle"] * (1 + n / 4)},
    "inner bandwidth": lambda o, n: o | {"buffer_bytes_per_cycle": o["buffer_bytes_per_cycle"] * (1 + n / 4)},
    "bypasses": lambda o, n: o | {"may_bypass": ROLES},
    "columns": lambda o, n: o | {"columns": 1 + n},
}


@pytest.mark.parametrize("grown", GROWTHS)
@settings(CALM, max_examples=20)
@given(layer=small_layers(), options=small_chips(), by=st.integers(1, 4))
def test_optimum_is_never_worse_on_a_larger_chip(
    grown: str, layer: Layer, options: dict[str, Any], by: int
) -> None:
    small, large = tiny_chip(**options), tiny_chip(**GROWTHS[grown](options, by))
    for objective in mapper.OBJECTIVES:
        try:
            before = da.search(layer, small, "free", objective)
        except da.MappingError:
            assume(False)
        after = da.search(layer, large, "free", objective)
        assert before.optimal
        assert after.optimal
        assert score_of(objective, after.cost)[0] <= score_of(objective, before.cost)[0]


@settings(CALM, max_examples=20)
@given(
    layer=small_layers(),
    options=small_chips(),
    dims=st.lists(st.sampled_from("MCQRS"), unique=True),
    extra=st.sampled_from("MCQRS"),
)
def test_optimum_is_never_worse_in_a_larger_mapspace(
    layer: Layer, options: dict[str, Any], dims: list[str], extra: str
) -> None:
    def spread(*allowed: str) -> da.Dataflow:
        axis = da.dataflow.LevelConstraint(dims=allowed)
        return da.Dataflow(name="test", levels={"pes.rows": axis})

    chip = tiny_chip(**options)
    for objective in mapper.OBJECTIVES:
        try:
            before = da.search(layer, chip, spread(*dims), objective)
        except da.MappingError:
            assume(False)
        for wider in (spread(*{*dims, extra}), "free"):
            after = da.search(layer, chip, wider, objective)
            assert after.optimal
            assert score_of(objective, after.cost)[0] <= score_of(objective, before.cost)[0]


FLOWS = [flow for flow in da.dataflow.names() if flow != "free"]


@pytest.mark.parametrize("flow", FLOWS)
@pytest.mark.parametrize(
    "layer", [linear(6, 3), conv(columns=6, kernel=(1, 3)), conv(rows=3, columns=2, kernel=(2, 1))]
)
def test_free_is_the_yardstick_of_every_dataflow(layer: Layer, flow: str) -> None:
    """Free is whatever the chip allows, so no dataflow that the chip runs can beat its optimum."""
    chip = tiny_chip(rows=3, columns=2, buffer_words=40, rf_words=4)
    for objective in mapper.OBJECTIVES:
        free, other = da.search(layer, chip, "free", objective), da.search(layer, chip, flow, objective)
        assert free.optimal
        assert other.optimal
        assert score_of(objective, free.cost)[0] <= score_of(objective, other.cost)[0]


@pytest.mark.parametrize("layer", [linear(6, 3), conv(columns=6, kernel=(1, 3)), linear(4, 3, batch=2)])
def test_output_stationary_is_the_best_of_its_variants(layer: Layer) -> None:
    chip = tiny_chip(rows=3, columns=2, buffer_words=24)
    for objective in mapper.OBJECTIVES:
        variants = {flow: da.search(layer, chip, flow, objective) for flow in ("osa", "osb", "osc")}
        best = da.search(layer, chip, "os", objective)
        assert score_of(objective, best.cost) == min(score_of(objective, r.cost) for r in variants.values())
        assert score_of(objective, best.cost) == score_of(objective, variants[best.dataflow].cost)


LARGER: list[tuple[str, dict[str, object]]] = [
    ("eyeriss", {"glb.size_bytes": 216 * 1024}),
    ("eyeriss", {"filter_spad.size_bytes": 1024, "psum_spad.size_bytes": 96}),
    ("eyeriss", {"pe_array.rows": 24, "pe_array.columns": 28}),
    ("eyeriss", {"dram.bytes_per_cycle": 24, "glb.read_bytes_per_cycle": 64}),
    ("tpu_v1", {"unified_buffer.size_bytes": 2**26, "dram.bytes_per_cycle": 500}),
    ("tpu_v1", {"mxu.rows": 512}),
    ("nvdla_large", {"cbuf.size_bytes": 2**20, "dram.bytes_per_cycle": 40}),
    ("shidiannao", {"nb_in.size_bytes": 2**18, "pe_array.columns": 16}),
    ("eyeriss_isca16_rs", {"rf.size_bytes": 1024, "glb.size_bytes": 2**18}),
    ("example", {"glb.size_bytes": 2**18, "rf.size_bytes": 1024, "dram.bytes_per_cycle": 32}),
]


@pytest.mark.parametrize(("name", "larger"), LARGER)
def test_a_mapping_costs_no_more_on_a_larger_chip(
    name: str, larger: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mapper, "_EFFORT", {"exhaustive_limit": 100, "starts": 2, "proposals": 300})
    chip = arch.load(name)
    grown = chip.override(larger)
    network = da.zoo.load("alexnet")
    for layer in da.simulate(network, chip).layers:
        if layer.mapping is not None:
            again = da.evaluate(network[layer.name], grown, layer.mapping)
            assert again.energy == layer.energy
            assert again.cycles <= layer.cycles


# ------------------------------------------------------------------------------------------------------------
# What a search returns, and how it is stopped


@pytest.mark.parametrize("objective", mapper.OBJECTIVES)
@pytest.mark.parametrize("limit", [0, 1_000_000])
def test_a_result_is_consistent(objective: str, limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapper, "_EFFORT", {"exhaustive_limit": limit, "starts": 2, "proposals": 2000})
    layer, chip = conv(columns=6, kernel=(1, 3), out=2), tiny_chip(rows=3, buffer_words=20)
    found = da.search(layer, chip, "free", objective)
    assert found.objective == objective
    assert found.dataflow == "free"
    assert found.cost == da.evaluate(layer, chip, found.mapping)
    points = [(point.energy, point.cycles) for point in found.pareto]
    assert points == front(points)
    for point in found.pareto:
        cost = da.evaluate(layer, chip, point.mapping)
        assert (cost.energy, cost.cycles) == (point.energy, point.cycles)
    best = min(score(objective, *point) for point in points)
    assert best == score_of(objective, found.cost)
    assert found.evaluated >= len(points)
    assert Mapping.parse(str(found.mapping)) == found.mapping


@pytest.mark.parametrize("threads", [1, 2, 3, 16])
@pytest.mark.parametrize("limit", [0, 1_000_000])
def test_threads_do_not_change_the_answer(threads: int, limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapper, "_EFFORT", {"exhaustive_limit": limit, "starts": 7, "proposals": 300})
    layer, chip = conv(columns=6, kernel=(1, 3), out=2), tiny_chip(rows=3, buffer_words=20)
    assert da.search(layer, chip, "free", threads=threads) == da.search(layer, chip, "free")


@pytest.mark.parametrize("threads", [0, -1])
def test_threads_below_one_are_refused(threads: int) -> None:
    with pytest.raises(da.DnnAccelError, match="at least 1"):
        da.search(linear(2, 2), tiny_chip(), threads=threads)


def test_unknown_objective_is_refused() -> None:
    with pytest.raises(da.UnknownNameError, match="did you mean 'energy'"):
        da.search(linear(2, 2), tiny_chip(), "free", "enrgy")


def test_a_layer_without_macs_is_refused() -> None:
    pool = da.zoo.load("alexnet")["pool1"]
    with pytest.raises(da.LayerError, match=r"'pool1' \(max_pool\) has no MACs"):
        da.search(pool, tiny_chip())


@pytest.mark.parametrize("limit", [0, 1_000_000])
def test_a_layer_that_does_not_fit_says_where(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapper, "_EFFORT", {"exhaustive_limit": limit, "starts": 2, "proposals": 50})
    with pytest.raises(da.MappingError) as caught:
        da.search(linear(4, 4), tiny_chip(buffer_words=5, buffering="double"), "free")
    # One word of each tensor, twice for the two buffers.
    for words in ("'layer'", "buffer", "needs 6 words", "has 5"):
        assert words in str(caught.value)


@pytest.mark.parametrize("threads", [1, 2])
def test_progress_grows_to_its_total(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapper, "_EFFORT", {"exhaustive_limit": 0, "starts": 12, "proposals": 8000})
    calls: list[tuple[int, int, str]] = []
    da.search(
        da.zoo.load("alexnet")["conv2"],
        arch.load("eyeriss"),
        threads=threads,
        progress=lambda done, total, what: calls.append((done, total, what)),
    )
    done = [call[0] for call in calls]
    assert done == sorted(done)
    assert len({call[1] for call in calls}) == 1
    assert done[-1] == calls[-1][1] > 0
    assert all(isinstance(what, str) and what for _, _, what in calls)


def test_an_error_in_progress_stops_the_search_and_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapper, "_EFFORT", {"exhaustive_limit": 0, "starts": 8, "proposals": 10**9})

    class EnoughError(Exception):
        pass

    def stop(done: int, total: int, what: str) -> None:
        raise EnoughError

    started = time.monotonic()
    with pytest.raises(EnoughError):
        da.search(da.zoo.load("alexnet")["conv2"], arch.load("eyeriss"), progress=stop)
    assert time.monotonic() - started < 5


LONG_JOBS = {
    "annealing one layer": (
        "mapper._EFFORT.update(starts=8, proposals=10**9, exhaustive_limit=0, proof=0)",
        "da.search(da.zoo.load('vgg16')['conv3_2'], arch.load('eyeriss'))",
    ),
    "annealing a network on one thread": (
        "mapper._EFFORT.update(starts=8, proposals=10**9, exhaustive_limit=0, proof=0)",
        "da.simulate('resnet50', 'eyeriss', threads=1)",
    ),
    "annealing under many variants": (
        "mapper._EFFORT.update(starts=8, proposals=10**9, exhaustive_limit=0, proof=0)",
        "da.compare(['alexnet'], ['eyeriss'], ['os'])",
    ),
    "one layer of very many pixels": (
        "mapper._EFFORT.update(starts=8, proposals=10**9, proof=0); "
        "wide = da.layers.Conv2d(name='w', input_shapes=((1, 3, 65536, 65536),), out_channels=64, kernel=7)",
        "da.search(wide, arch.load('example'))",
    ),
    "proving": (
        "mapper._EFFORT.update(exhaustive_limit=0, proof=10**7)",
        "da.search(da.zoo.load('vgg16')['conv3_2'], arch.load('eyeriss'), 'free')",
    ),
    "enumerating": (
        "mapper._EFFORT.update(exhaustive_limit=10**15)",
        "da.search(da.zoo.load('alexnet')['conv2'], arch.load('eyeriss_isca16_rs'), 'ws')",
    ),
}


@pytest.mark.parametrize(("effort", "job"), LONG_JOBS.values(), ids=LONG_JOBS.keys())
def test_ctrl_c_ends_a_long_search_within_a_second(effort: str, job: str) -> None:
    ended = interrupt(
        "import dnnaccel as da\n"
        "from dnnaccel import arch, mapper\n"
        f"{effort}\n"
        "print('ready', flush=True)\n"
        f"{job}\n",
        wait=0.7,
    )
    last = ended.err.rstrip().splitlines()[-1]
    if "da.search" in job:
        assert last.startswith("dnnaccel.errors.SearchInterrupted: "), ended.err
        assert ended.returncode != 0
    else:
        assert last == "KeyboardInterrupt", ended.err
        assert ended.returncode in (-signal.SIGINT, 130)
    assert ended.seconds < 1.0


def test_chip_levels_alternate_as_the_brute_force_expects() -> None:
    """Every memory of the tiny chip gets loops; the enumeration here relies on it."""
    kinds = [isinstance(level, Array) for level in tiny_chip().levels]
    assert kinds == [False, False, True, False]
