"""Does every report obey the invariants of DESIGN.md section 4, for any network, chip and dataflow?

What is expected is worked out here from the problem's axes, the chip's table and the report's own counts;
none of it comes from the package's counting code.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from dataclasses import replace

import pytest

import dnnaccel as da
import presets
from dnnaccel import arch, mapper
from dnnaccel.arch import Array, Chip, Memory
from dnnaccel.cost import LayerReport, LevelCount, NetworkCount
from dnnaccel.layers import Layer
from dnnaccel.problem import ROLES, Axis, Problem

NETWORKS = ("lenet5", "alexnet", "vgg16", "resnet50")
QUICK = {"exhaustive_limit": 200, "starts": 2, "proposals": 150}
FULL = dict(mapper._EFFORT)

# What each dataflow holds still inside a PE (DESIGN.md section 6), written down here once more.
STATIONARY = {
    "ws": {"weights"},
    "os": {"outputs"},
    "osa": {"outputs"},
    "osb": {"outputs"},
    "osc": {"outputs"},
    "is": {"inputs"},
    "rs": set(ROLES),
    "nlr": set(),
    "free": set(),
}


@functools.cache
def load_chip(name: str) -> Chip:
    return arch.load(name)


@functools.cache
def load_network(name: str) -> da.Network:
    return da.zoo.load(name)


def pe_memories(chip: Chip) -> list[Memory]:
    last_array = max(i for i, level in enumerate(chip.levels) if isinstance(level, Array))
    return [level for level in chip.levels[last_array + 1 :] if isinstance(level, Memory)]


def lacking(chip: Chip, flow: str) -> set[str]:
    """Roles that a dataflow holds inside a PE and that no memory there can keep."""
    return STATIONARY[flow] - {role for memory in pe_memories(chip) for role in memory.keeps}


CHIPS = presets.ALL
FLOWS = tuple(da.dataflow.names())
RUNNABLE = [(chip, flow) for chip in CHIPS for flow in FLOWS if not lacking(load_chip(chip), flow)]
IMPOSSIBLE = [(chip, flow) for chip in CHIPS for flow in FLOWS if lacking(load_chip(chip), flow)]

Case = tuple[str, str, str, str]  # network, chip, dataflow, effort


def cases() -> Iterator[object]:
    for network in NETWORKS:
        for chip, flow in RUNNABLE:
            name = f"{network}-{chip}-{flow}"
            yield pytest.param((network, chip, flow, "quick"), id=name, marks=presets.marks(chip))
            # More mappings of the same kind: one network under the chip's own dataflow suffices.
            if network == "alexnet" and flow == load_chip(chip).dataflow:
                yield pytest.param((network, chip, flow, "full"), id=f"{name}-full", marks=pytest.mark.slow)


every_case = pytest.mark.parametrize("case", list(cases()))


@functools.cache
def report_of(case: Case) -> da.Report:
    network, chip, flow, effort = case
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mapper, "_EFFORT", QUICK if effort == "quick" else FULL)
        return da.simulate(load_network(network), load_chip(chip), dataflow=flow)


def mapped(case: Case) -> Iterator[tuple[Layer, Problem, LayerReport]]:
    """The layers with MACs, each with its problem and its report."""
    network = load_network(case[0])
    for layer in report_of(case).layers:
        if layer.mapping is not None:
            problem = network[layer.name].problem
            assert problem is not None
            yield network[layer.name], problem, layer


# ------------------------------------------------------------------------------------------------------------
# What the problem itself says


@functools.cache
def touched(axis: Axis, bounds: tuple[int, ...]) -> int:
    """Coordinates of an axis inside the tensor that some MAC uses: not stride gaps, not padding."""
    reached = {axis.offset}
    for (_, factor), bound in zip(axis.terms, bounds, strict=True):
        reached = {x + factor * i for x in reached for i in range(bound)}
    return sum(0 <= x < axis.size for x in reached)


@functools.cache
def uses(axis: Axis, bounds: tuple[int, ...]) -> int:
    """Pairs of indices along an axis whose coordinate is inside the tensor."""
    reached = {axis.offset: 1}
    for (_, factor), bound in zip(axis.terms, bounds, strict=True):
        wider: dict[int, int] = {}
        for x, times in reached.items():
            for i in range(bound):
                wider[x + factor * i] = wider.get(x + factor * i, 0) + times
        reached = wider
    return sum(times for x, times in reached.items() if 0 <= x < axis.size)


def axis_bounds(problem: Problem, axis: Axis) -> tuple[int, ...]:
    return tuple(problem.bounds[dim] for dim, _ in axis.terms)


def touched_words(problem: Problem, role: str) -> int:
    return math.prod(touched(axis, axis_bounds(problem, axis)) for axis in problem.tensor(role).axes)


def operand_uses(problem: Problem, role: str) -> int:
    """MACs whose operand of that role is a word of the tensor and not a padding zero."""
    tensor = problem.tensor(role)
    absent = math.prod(bound for dim, bound in problem.bounds.items() if dim not in tensor.dims)
    return absent * math.prod(uses(axis, axis_bounds(problem, axis)) for axis in tensor.axes)


def memory_counts(layer: LayerReport, role: str) -> dict[str, LevelCount]:
    return {count.level: count for count in layer.levels if count.tensor == role}


def network_counts(layer: LayerReport, role: str) -> dict[str, NetworkCount]:
    return {count.array: count for count in layer.networks if count.tensor == role}


def keepers(chip: Chip, layer: LayerReport, role: str) -> list[tuple[Memory, list[Array]]]:
    """The memories that keep a tensor under the mapping, each with the arrays between it and the next one."""
    assert layer.mapping is not None
    kept = {level.level for level in layer.mapping.levels if role in (level.keeps or ())}
    chain: list[tuple[Memory, list[Array]]] = []
    for level in chip.levels:
        if isinstance(level, Array):
            chain[-1][1].append(level)
        elif level.name in kept:
            chain.append((level, []))
    return chain


# ------------------------------------------------------------------------------------------------------------
# MACs and completeness


@every_case
def test_macs_are_the_networks_whatever_the_mapping(case: Case) -> None:
    network, report = load_network(case[0]), report_of(case)
    assert report.macs == network.total_macs
    assert {layer.name: layer.macs for layer in report.layers} == {
        layer.name: layer.macs for layer in network.layers
    }


@every_case
def test_every_layer_is_in_the_report(case: Case) -> None:
    network, report = load_network(case[0]), report_of(case)
    assert [(layer.name, layer.kind) for layer in report.layers] == [
        (layer.name, layer.kind) for layer in network.layers
    ]
    for layer in report.layers:
        source = network[layer.name]
        assert (layer.mapping is not None) == (source.macs > 0)
        if not source.macs and not layer.note:
            assert layer.ops == source.ops
            assert layer.traffic(load_chip(case[1]).memories[0].name) > 0


# ------------------------------------------------------------------------------------------------------------
# Words


@every_case
def test_operand_words_out_of_a_parent_are_words_into_its_children(case: Case) -> None:
    chip = load_chip(case[1])
    for _, problem, layer in mapped(case):
        for role in ("inputs", "weights"):
            counts, networks = memory_counts(layer, role), network_counts(layer, role)
            chain = keepers(chip, layer, role)
            assert counts[chain[0][0].name].writes == 0
            handed_on = 0  # words that instances of the memory at hand passed to their neighbours
            for i, (memory, arrays) in enumerate(chain):
                out = counts[memory.name].reads - handed_on
                crossing = out
                for array in arrays:
                    network = networks[array.name]
                    assert network.sent == crossing, (layer.name, role, array.name)
                    assert network.sent <= network.delivered
                    assert network.hops == network.delivered - network.sent
                    assert network.returned == 0
                    if array.multicast == "none" and role not in array.forwards:
                        assert network.sent == network.delivered
                    crossing = network.delivered
                if i + 1 < len(chain):
                    child = chain[i + 1][0].name
                    assert counts[child].writes == crossing, (layer.name, role, child)
                    forwards = any(role in array.forwards for array in arrays)
                    handed_on = crossing - out if forwards else 0
                else:
                    assert crossing == operand_uses(problem, role), (layer.name, role)
            for name, count in counts.items():
                if name not in {memory.name for memory, _ in chain}:
                    assert (count.reads, count.writes, count.tile_words) == (0, 0, 0)


@every_case
def test_sums_that_leave_a_child_arrive_at_its_parent(case: Case) -> None:
    chip = load_chip(case[1])
    for _, problem, layer in mapped(case):
        counts, networks = memory_counts(layer, "outputs"), network_counts(layer, "outputs")
        chain = keepers(chip, layer, "outputs")
        drained, seeds = problem.tensor("outputs").words, 0
        for i, (memory, arrays) in enumerate(chain):
            count = counts[memory.name]
            # Writes: begun sums from above, and what arrives from below.
            arriving = count.writes - seeds
            # Reads: those handed up (none at the top), and those added to or sent back down.
            resumed = count.reads - (drained if i else 0)
            first_visits = drained - seeds
            assert resumed == arriving - first_visits, (layer.name, memory.name)
            crossing, returned = arriving, None
            for array in arrays:
                network = networks[array.name]
                assert network.sent == crossing, (layer.name, array.name)
                assert network.sent <= network.delivered
                assert network.hops == network.delivered - network.sent
                if array.reduce == "none":
                    assert network.sent == network.delivered
                returned = network.returned
                assert 0 <= returned <= resumed
                crossing = network.delivered
            if i + 1 == len(chain):
                assert crossing == layer.macs, (layer.name, memory.name)
            drained, seeds = crossing, resumed if returned is None else returned


@every_case
def test_output_reads_equal_writes_below_the_top(case: Case) -> None:
    top = load_chip(case[1]).memories[0].name
    for _, problem, layer in mapped(case):
        for level, count in memory_counts(layer, "outputs").items():
            begun = problem.tensor("outputs").words if level == top else 0
            assert count.reads == count.writes - begun, (layer.name, level)


@every_case
def test_dram_traffic_is_at_least_compulsory(case: Case) -> None:
    top = load_chip(case[1]).memories[0].name
    for _, problem, layer in mapped(case):
        for role in ("inputs", "weights"):
            assert memory_counts(layer, role)[top].reads >= touched_words(problem, role), (layer.name, role)
        assert memory_counts(layer, "outputs")[top].writes >= problem.tensor("outputs").words, layer.name


@every_case
def test_tiles_fit_and_are_no_larger_than_the_tensor(case: Case) -> None:
    chip = load_chip(case[1])
    for _, problem, layer in mapped(case):
        for memory in chip.memories:
            tiles = {count.tensor: count.tile_words for count in layer.levels if count.level == memory.name}
            assert memory.tile_words is None or sum(tiles.values()) <= memory.tile_words, (layer.name, memory)
            for role, words in tiles.items():
                assert words <= problem.tensor(role).words
                assert bool(words) == (memory.name in {m.name for m, _ in keepers(chip, layer, role)})


# ------------------------------------------------------------------------------------------------------------
# Time


@every_case
def test_cycles_are_at_least_macs_over_peak(case: Case) -> None:
    chip = load_chip(case[1])
    for _, _, layer in mapped(case):
        assert 1 <= layer.active_pes <= chip.pe_count
        assert layer.compute_cycles * layer.active_pes >= layer.macs, layer.name
        assert layer.cycles >= layer.compute_cycles
    report = report_of(case)
    assert report.cycles == sum(layer.cycles for layer in report.layers)
    assert report.cycles * chip.peak_macs_per_cycle >= report.macs


@every_case
def test_cycles_are_at_least_words_over_bandwidth(case: Case) -> None:
    chip = load_chip(case[1])
    for layer in report_of(case).layers:
        for memory in chip.memories:
            own = [count for count in layer.levels if count.level == memory.name]
            reads, writes = sum(count.reads for count in own), sum(count.writes for count in own)
            for port, words in (
                (memory.read_bytes_per_cycle, reads),
                (memory.write_bytes_per_cycle, writes),
                (memory.bytes_per_cycle, reads + writes),
            ):
                if port is not None:
                    room = layer.cycles * port * chip.instances(memory.name)
                    assert words * memory.word_bits / 8 <= room * (1 + 1e-12), (layer.name, memory.name)
        for _, busy in layer.level_cycles:
            assert busy <= layer.cycles


@every_case
def test_utilization_is_a_share(case: Case) -> None:
    chip, report = load_chip(case[1]), report_of(case)
    for _, _, layer in mapped(case):
        assert 0 < layer.utilization <= 1, layer.name
        assert layer.utilization == pytest.approx(layer.macs / (layer.cycles * chip.pe_count))
    assert 0 < report.utilization <= 1


# ------------------------------------------------------------------------------------------------------------
# Energy


@every_case
def test_energy_is_counts_times_table(case: Case) -> None:
    chip, report = load_chip(case[1]), report_of(case)
    for layer in report.layers:
        total = layer.macs * chip.mac.energy + layer.ops * chip.vector.op_energy
        for count in layer.levels:
            memory = chip.memory(count.level)
            total += count.reads * memory.read_energy + count.writes * memory.write_energy
        for network in layer.networks:
            array = chip[network.array]
            assert isinstance(array, Array)
            charged = {
                "none": 0,
                "delivery": network.delivered + network.returned,
                "hop": network.hops,
            }[array.charge.get(network.tensor, "none")]
            total += charged * array.energy
        assert layer.energy == pytest.approx(total, rel=1e-12), layer.name
        assert sum(layer.energy_by_level().values()) == pytest.approx(layer.energy, rel=1e-12)
        assert sum(layer.energy_by_tensor().values()) == pytest.approx(layer.energy, rel=1e-12)
    assert report.energy == pytest.approx(sum(layer.energy for layer in report.layers), rel=1e-12)


def scaled(chip: Chip, factor: float) -> Chip:
    """The chip with every energy of its table times `factor`."""
    table: dict[str, object] = {
        "mac.energy": chip.mac.energy * factor,
        "vector.op_energy": chip.vector.op_energy * factor,
    }
    for memory in chip.memories:
        table[f"{memory.name}.read_energy"] = memory.read_energy * factor
        table[f"{memory.name}.write_energy"] = memory.write_energy * factor
    for array in chip.arrays:
        table[f"{array.name}.energy"] = array.energy * factor
    return chip.override(table)


@every_case
def test_energy_is_linear_in_the_table(case: Case) -> None:
    chip, report = load_chip(case[1]), report_of(case)
    mappings = {layer.name: layer.mapping for layer in report.layers if layer.mapping is not None}
    tripled = da.simulate(load_network(case[0]), scaled(chip, 3), dataflow=case[2], mapping=mappings)
    for one, three in zip(report.layers, tripled.layers, strict=True):
        assert three.energy == pytest.approx(3 * one.energy, rel=1e-12), one.name
        assert three.cycles == one.cycles
        assert [replace(count, energy=0.0) for count in three.levels] == [
            replace(count, energy=0.0) for count in one.levels
        ]


@presets.every_chip
def test_scaling_the_table_does_not_change_what_is_best(chip: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapper, "_EFFORT", QUICK)
    # A power of two, so that every energy scales without rounding.
    one = da.simulate("lenet5", load_chip(chip))
    four = da.simulate("lenet5", scaled(load_chip(chip), 4))
    assert [layer.mapping for layer in four.layers] == [layer.mapping for layer in one.layers]
    assert four.energy == 4 * one.energy


# ------------------------------------------------------------------------------------------------------------
# Same inputs, same bytes; what cannot run says why


@pytest.mark.parametrize(
    ("chip", "flow"), [pytest.param(*pair, marks=presets.marks(pair[0])) for pair in RUNNABLE]
)
@pytest.mark.parametrize("network", ["lenet5", "alexnet"])
def test_threads_and_repetition_do_not_change_a_byte(
    network: str, chip: str, flow: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mapper, "_EFFORT", QUICK)
    texts = {
        da.simulate(load_network(network), load_chip(chip), dataflow=flow, threads=threads).to_json()
        for threads in (1, 2, 2, 5)
    }
    assert texts == {report_of((network, chip, flow, "quick")).to_json()}


def test_presets_have_combinations_of_both_kinds() -> None:
    assert len(RUNNABLE) > 30
    assert {chip for chip, _ in RUNNABLE} == set(CHIPS)
    assert ("tpu_v1", "os") in IMPOSSIBLE
    assert ("shidiannao", "ws") in IMPOSSIBLE
    assert ("nvdla_large", "rs") in IMPOSSIBLE
    for chip in CHIPS:
        assert (chip, load_chip(chip).dataflow) in RUNNABLE


@pytest.mark.parametrize(("chip", "flow"), IMPOSSIBLE)
@pytest.mark.parametrize("network", NETWORKS)
def test_a_combination_that_cannot_run_says_why(network: str, chip: str, flow: str) -> None:
    with pytest.raises(da.DataflowError) as caught:
        da.simulate(load_network(network), load_chip(chip), dataflow=flow)
    said = str(caught.value)
    assert "\n" not in said
    for word in (
        chip,
        flow,
        *lacking(load_chip(chip), flow),
        *(m.name for m in pe_memories(load_chip(chip))),
    ):
        assert word in said
