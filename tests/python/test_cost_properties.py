"""The invariants of DESIGN.md section 4 on any problem, chip and mapping that Hypothesis can think of.

`test_invariants.py` asks the same of the presets and `test_mapper.py` of one small chip. What is expected is
worked out here from the axes, the table and the counts; that the counts themselves are right is the matter of
`test_walk_core.py`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from dnnaccel import _core
from dnnaccel._lower import lower_chip, lower_mapping, lower_problem
from dnnaccel.arch import Array, Chip, Mac, Memory, Vector
from dnnaccel.problem import ROLES, Axis, Problem
from nests import ArrayLevel, Case, Key, MemoryLevel, count_table, runs
from nests_random import Choices, Drawn, another_nest, random_case, reordered

Table = dict[Key, int]

PLENTY = 2**40  # bytes: any tile fits
PORTS = ("read_bytes_per_cycle", "write_bytes_per_cycle", "bytes_per_cycle")
OPERANDS = ("inputs", "weights")
CALM = settings(deadline=None, max_examples=100, suppress_health_check=list(HealthCheck))


@dataclass(frozen=True)
class Priced:
    """A case on a chip with bandwidths and energies."""

    case: Case
    chip: Chip

    def evaluate(self, chip: Chip | None = None) -> _core.Evaluation:
        chip, problem = chip or self.chip, self.case.problem
        mapping = lower_mapping(self.case.mapping(), chip, problem)
        return _core.evaluate(lower_problem(problem), lower_chip(chip), mapping)

    def table(self) -> Table:
        return count_table(self.case, self.evaluate().counts)

    def memories(self) -> Iterator[tuple[int, Memory]]:
        for n, level in enumerate(self.chip.levels):
            if isinstance(level, Memory):
                yield n, level

    def arrays(self) -> Iterator[tuple[int, Array]]:
        for n, level in enumerate(self.chip.levels):
            if isinstance(level, Array):
                yield n, level

    def with_levels(self, changes: Mapping[str, Mapping[str, Any]]) -> Chip:
        """The chip with some keys of some levels changed."""
        levels = [replace(level, **changes.get(level.name, {})) for level in self.chip.levels]
        return replace(self.chip, levels=tuple(levels))

    def __repr__(self) -> str:
        return f"\n{self.case}\n\n{self.chip.to_yaml()}"


def dims(names: frozenset[str] | None, among: str = "NGMCPQRS") -> str | tuple[str, ...]:
    return "all" if names is None else tuple(sorted(names & set(among))) or "none"


def random_memory(choices: Choices, level: MemoryLevel) -> Memory:
    ports = PORTS[2:] if choices.chance(50) else PORTS[:2]  # one for both ways, or one for each
    return Memory(
        name=level.name,
        size_bytes=PLENTY,
        word_bits=choices.pick([8, 16, 20]),
        keeps=tuple(sorted(level.keeps)) or ROLES,  # a mapping may leave a memory out
        buffering=choices.pick(["single", "double", "stream"]),
        read_energy=choices.integer(0, 200),
        write_energy=choices.integer(0, 200),
        **{port: choices.pick([None, 0.5, 2.0, 3.7]) for port in ports},
    )


def random_array(choices: Choices, level: ArrayLevel, nests: list[Case]) -> Array:
    rows, columns = (
        max(spread(case, f"{level.name}.{axis}") for case in nests) + choices.integer(0, 1)
        for axis in ("rows", "columns")
    )
    return Array(
        name=level.name,
        rows=rows,
        columns=columns,
        multicast=dims(level.multicast),
        reduce=dims(level.reduce, "CRS"),
        forwards=tuple(sorted(level.forwards)),
        charge={role: choices.pick(["none", "delivery", "hop"]) for role in ROLES},
        energy=choices.integer(0, 200),
        words_per_cycle={role: choices.pick([0.5, 1.0, 3.7]) for role in choices.some(ROLES, 30)},
    )


def spread(case: Case, axis: str) -> int:
    return math.prod(-(-(loop.extent or 1) // loop.tile) for loop in case.mapping().level(axis).loops)


def random_chip(choices: Choices, nests: list[Case]) -> Chip:
    levels = [
        random_memory(choices, level)
        if isinstance(level, MemoryLevel)
        else random_array(choices, level, nests)
        for level in nests[0].levels
    ]
    return Chip(
        name="random",
        word_bits=16,
        energy_unit="pJ",
        levels=tuple(levels),
        mac=Mac(energy=choices.integer(0, 200)),
        vector=Vector(lanes=1, op_energy=1, memory="memory0"),
    )


@st.composite
def priced(draw: st.DrawFn) -> Priced:
    choices = Drawn(draw)
    case = random_case(choices, 200)
    return Priced(case, random_chip(choices, [case]))


@st.composite
def priced_twice(draw: st.DrawFn) -> tuple[Priced, Priced]:
    """Two mappings of one problem on one chip."""
    choices = Drawn(draw)
    one = random_case(choices, 200)
    other = another_nest(choices, one)
    chip = random_chip(choices, [one, other])
    return Priced(one, chip), Priced(other, chip)


# ------------------------------------------------------------------------------------------------------------
# What the problem itself says, index by index


def coordinates(axis: Axis, problem: Problem) -> list[int]:
    """The coordinate of every combination of the axis' dims, where it is inside the tensor."""
    ranges = [range(problem.bounds[dim]) for dim, _ in axis.terms]
    factors = [factor for _, factor in axis.terms]
    found = []
    for indices in itertools.product(*ranges):
        x = axis.offset + sum(factor * i for factor, i in zip(factors, indices, strict=True))
        if 0 <= x < axis.size:
            found.append(x)
    return found


def words_touched(problem: Problem, role: str) -> int:
    return math.prod(len(set(coordinates(axis, problem))) for axis in problem.tensor(role).axes)


def words_used(problem: Problem, role: str) -> int:
    """MACs whose operand is a word of the tensor, not a padding zero."""
    tensor = problem.tensor(role)
    absent = math.prod(bound for dim, bound in problem.bounds.items() if dim not in tensor.dims)
    return absent * math.prod(len(coordinates(axis, problem)) for axis in tensor.axes)


# ------------------------------------------------------------------------------------------------------------
# MACs and words


@CALM
@given(priced_twice())
def test_macs_do_not_depend_on_the_mapping(pair: tuple[Priced, Priced]) -> None:
    one, other = (priced.evaluate() for priced in pair)
    macs = math.prod(pair[0].case.problem.bounds.values())
    assert one.counts.macs == other.counts.macs == macs
    assert one.cost.mac_energy == other.cost.mac_energy == macs * pair[0].chip.mac.energy
    for priced, evaluation in zip(pair, (one, other), strict=True):
        assert evaluation.counts.active_macs <= priced.chip.pe_count
        assert evaluation.counts.steps * evaluation.counts.active_macs >= macs


@CALM
@given(st.data())
def test_loop_order_moves_words_and_nothing_else(data: st.DataObject) -> None:
    one = data.draw(priced())
    other = Priced(reordered(Drawn(data.draw), one.case), one.chip)
    before, after = one.table(), other.table()
    for key in before:
        if key[2] in ("tile", "steps", "instances", "active_macs", "macs"):
            assert before[key] == after[key], (key, one.case, other.case)


def keepers(case: Case, role: str) -> list[str]:
    return [x.name for x in case.levels if isinstance(x, MemoryLevel) and role in x.keeps]


def check_operand(case: Case, table: Table, role: str) -> None:
    """Words out of a parent are words into its children, each multiplied as the arrays between can."""
    names = keepers(case, role)
    passed_on = 0  # words that instances of the memory at hand handed to their neighbours
    for n, (name, run) in enumerate(zip(names, runs(case.levels, role), strict=True)):
        sent = crossing = table[name, role, "reads"] - passed_on
        for array in run:
            assert table[array.name, role, "sent"] == crossing
            crossing = table[array.name, role, "delivered"]
            assert sent <= crossing
            if array.multicast == frozenset() and role not in array.forwards:
                assert crossing == table[array.name, role, "sent"]
        last = n + 1 == len(names)
        assert crossing == (words_used(case.problem, role) if last else table[names[n + 1], role, "writes"])
        forwards = bool(run) and all(role in array.forwards for array in run)
        passed_on = crossing - sent if forwards else 0
    assert table[names[0], role, "writes"] == 0


def check_outputs(case: Case, table: Table) -> None:
    """Sums that leave a child arrive at its parent; every sum but the first visits is taken back."""
    names = keepers(case, "outputs")
    drained, returned = words_touched(case.problem, "outputs"), 0
    for n, (name, run) in enumerate(zip(names, runs(case.levels, "outputs"), strict=True)):
        arriving = table[name, "outputs", "writes"] - returned
        resumed = table[name, "outputs", "reads"] - (drained if n else 0)
        assert resumed == arriving - (drained - returned)
        crossing, handed = arriving, resumed
        for array in run:
            assert table[array.name, "outputs", "sent"] == crossing
            crossing = table[array.name, "outputs", "delivered"]
            handed = table[array.name, "outputs", "returned"]
            assert 0 <= handed <= resumed
        if n + 1 == len(names):
            assert crossing == case.problem.macs
        drained, returned = crossing, handed
        below = 0 if n else words_touched(case.problem, "outputs")
        assert table[name, "outputs", "reads"] == table[name, "outputs", "writes"] - below


@CALM
@given(priced())
def test_words_out_of_a_parent_are_words_into_its_children(one: Priced) -> None:
    table = one.table()
    for role in OPERANDS:
        check_operand(one.case, table, role)
    check_outputs(one.case, table)


@CALM
@given(priced())
def test_dram_traffic_is_at_least_compulsory(one: Priced) -> None:
    table, problem = one.table(), one.case.problem
    for role in OPERANDS:
        assert table["memory0", role, "reads"] >= words_touched(problem, role)
        assert table["memory0", role, "tile"] == words_touched(problem, role)
    assert table["memory0", "outputs", "writes"] >= problem.tensor("outputs").words


@CALM
@given(priced())
def test_what_a_level_bypasses_costs_nothing_there(one: Priced) -> None:
    table = one.table()
    energy = one.evaluate().cost.memory_energy(len(one.chip.levels))
    for n, level in enumerate(one.case.levels):
        if isinstance(level, MemoryLevel):
            for r, role in enumerate(ROLES):
                if role not in level.keeps:
                    assert {table[level.name, role, name] for name in ("reads", "writes", "tile")} == {0}
                    assert energy[n][r] == 0


# ------------------------------------------------------------------------------------------------------------
# Capacity: a tile fits in as many words as it has, and in no fewer


@CALM
@given(priced(), st.integers(min_value=0))
def test_tiles_fit_in_what_they_need_and_in_no_less(one: Priced, which: int) -> None:
    table = one.table()
    below = [memory for n, memory in one.memories() if n]
    assume(below)
    memory = below[which % len(below)]
    words = sum(table[memory.name, role, "tile"] for role in ROLES)
    copies = 2 if memory.buffering == "double" else 1
    assume(copies * words > copies)

    def fitted(capacity: int) -> Chip:
        return one.with_levels({memory.name: {"word_bits": 8, "size_bytes": capacity}})

    assert one.evaluate(fitted(copies * words)).misfit is None
    misfit = one.evaluate(fitted(copies * words - 1)).misfit
    assert misfit is not None
    assert one.chip.levels[misfit.level].name == memory.name
    assert (misfit.words_needed, misfit.words_there) == (copies * words, copies * words - 1)
    assert misfit.tiles == [table[memory.name, role, "tile"] for role in ROLES]


# ------------------------------------------------------------------------------------------------------------
# Time


# Cycles are sums and quotients of doubles, rounded up once: a bound may be missed by their last digits.
ROUNDING = 1 + 1e-12


@CALM
@given(priced())
def test_cycles_are_at_least_macs_over_peak(one: Priced) -> None:
    found = one.evaluate()
    assert found.cost.cycles >= found.counts.steps
    assert found.cost.cycles * one.chip.peak_macs_per_cycle >= found.counts.macs
    assert found.cost.cycles * found.counts.active_macs >= found.counts.macs


@CALM
@given(priced())
def test_cycles_are_at_least_words_over_bandwidth(one: Priced) -> None:
    found, table = one.evaluate(), one.table()
    busy = found.cost.level_cycles(len(one.chip.levels))
    for n, memory in one.memories():
        reads, writes = (sum(table[memory.name, role, way] for role in ROLES) for way in ("reads", "writes"))
        working = table[memory.name, "all", "instances"]
        assert 1 <= working <= one.chip.instances(memory.name)
        for port, words in zip(PORTS, (reads, writes, reads + writes), strict=True):
            rate = getattr(memory, port)
            if rate is not None:
                bits = words * memory.word_bits
                assert bits <= found.cost.cycles * rate * 8 * working * ROUNDING, (memory.name, port)
                assert bits <= busy[n] * rate * 8 * working * ROUNDING, (memory.name, port)
        assert busy[n] <= found.cost.cycles


@CALM
@given(priced())
def test_cycles_are_at_least_words_over_a_networks_bandwidth(one: Priced) -> None:
    found, table = one.evaluate(), one.table()
    busy = found.cost.level_cycles(len(one.chip.levels))
    for n, array in one.arrays():
        working = table[array.name, "all", "instances"]
        for role, rate in array.words_per_cycle.items():
            words = max(table[array.name, role, way] for way in ("sent", "returned"))
            assert words <= busy[n] * rate * working * ROUNDING, (array.name, role)
        assert busy[n] <= found.cost.cycles


@CALM
@given(one=priced(), factor=st.floats(1, 1e3), which=st.integers(min_value=0))
def test_more_bandwidth_or_more_room_never_takes_longer(one: Priced, factor: float, which: int) -> None:
    before = one.evaluate()
    ports = [
        (memory.name, port, getattr(memory, port))
        for _, memory in one.memories()
        for port in PORTS
        if getattr(memory, port) is not None
    ]
    faster: dict[str, dict[str, object]] = {
        array.name: {"words_per_cycle": {role: rate * factor for role, rate in array.words_per_cycle.items()}}
        for _, array in one.arrays()
    }
    every: list[dict[str, dict[str, object]]] = [faster]
    for name, port, rate in ports:
        faster.setdefault(name, {})[port] = rate * factor
    if ports:
        name, port, rate = ports[which % len(ports)]
        every += [{name: {port: rate * factor}}, {name: {port: None}}]
    roomier = {memory.name: {"size_bytes": 2 * PLENTY} for _, memory in one.memories()}
    for changes in (*every, roomier):
        after = one.evaluate(one.with_levels(changes))
        assert after.cost.cycles <= before.cost.cycles, changes
        assert after.cost.energy == before.cost.energy, changes


@CALM
@given(priced())
def test_what_is_never_waited_for_takes_no_time(one: Priced) -> None:
    """With ports and networks that never limit, the latency is that of compute: one step after the other."""
    unlimited: dict[str, dict[str, Any]] = {
        **{memory.name: dict.fromkeys(PORTS) for _, memory in one.memories()},
        **{array.name: {"words_per_cycle": {}} for _, array in one.arrays()},
    }
    found = one.evaluate(one.with_levels(unlimited))
    assert found.cost.cycles == found.counts.steps
    assert found.cost.bound_by == -1


# ------------------------------------------------------------------------------------------------------------
# Energy


def energy_keys(chip: Chip) -> list[tuple[str, str]]:
    keys = []
    for level in chip.levels:
        memory = isinstance(level, Memory)
        keys += [(level.name, key) for key in (("read_energy", "write_energy") if memory else ("energy",))]
    return [*keys, ("mac", "energy")]


def with_energies(one: Priced, energies: Mapping[tuple[str, str], float]) -> Chip:
    changes: dict[str, dict[str, float]] = {}
    for (name, key), energy in energies.items():
        changes.setdefault(name, {})[key] = energy
    mac = changes.pop("mac")
    return replace(one.with_levels(changes), mac=Mac(energy=mac["energy"]))


def table_times(one: Priced, table: Table, energies: Mapping[tuple[str, str], float]) -> float:
    """Counts times table, word by word."""
    total = one.case.problem.macs * energies["mac", "energy"]
    for level in one.chip.levels:
        for role in ROLES:
            if isinstance(level, Memory):
                total += table[level.name, role, "reads"] * energies[level.name, "read_energy"]
                total += table[level.name, role, "writes"] * energies[level.name, "write_energy"]
                continue
            delivered = table[level.name, role, "delivered"] + table[level.name, role, "returned"]
            charged = {"none": 0, "delivery": delivered, "hop": table[level.name, role, "hops"]}
            total += charged[level.charge[role]] * energies[level.name, "energy"]
    return total


@CALM
@given(st.data())
def test_energy_is_counts_times_table_and_linear_in_it(data: st.DataObject) -> None:
    one = data.draw(priced())
    keys, table = energy_keys(one.chip), one.table()
    # Whole numbers, so that every sum is exact in any order.
    numbers = st.lists(st.integers(0, 1000), min_size=len(keys), max_size=len(keys))
    first, second = (dict(zip(keys, data.draw(numbers), strict=True)) for _ in range(2))
    scale = data.draw(st.integers(0, 1000))
    mixed = {key: first[key] + scale * second[key] for key in keys}
    costs = [one.evaluate(with_energies(one, energies)).cost for energies in (first, second, mixed)]
    assert [cost.energy for cost in costs] == [table_times(one, table, e) for e in (first, second, mixed)]
    assert costs[2].energy == costs[0].energy + scale * costs[1].energy
    assert len({cost.cycles for cost in costs}) == 1
    for cost in costs:
        depth = len(one.chip.levels)
        parts = [*cost.memory_energy(depth), *cost.network_energy(depth), [cost.mac_energy]]
        assert cost.energy == sum(itertools.chain.from_iterable(parts))
