"""Does the main job take what it says, cost every layer once, and count fused and vector layers right?"""

from __future__ import annotations

import math
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

import dnnaccel as da
import presets
from dnnaccel import arch, mapper
from dnnaccel.cost import LayerReport
from interrupting import interrupt


@pytest.fixture(autouse=True, scope="module")
def quick() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mapper, "_EFFORT", {"exhaustive_limit": 200, "starts": 2, "proposals": 200})
        yield


def sample() -> da.Network:
    """A network with one of everything that is not a loop nest."""
    b = da.NetworkBuilder("sample", input_shape=(2, 3, 8, 8))
    b.conv2d("conv1", out_channels=4, kernel=3, padding=1)
    b.batch_norm("bn1")
    b.relu("relu1")
    b.conv2d("left", out_channels=4, kernel=1, after="relu1")
    b.conv2d("right", out_channels=4, kernel=1, after="relu1")
    b.add("sum", after=("left", "right"))
    b.relu("relu2")
    b.max_pool("pool", kernel=2, stride=2)
    b.concat("both", after=("pool", "pool"))
    b.flatten("flat")
    b.linear("fc", out_features=5)
    b.softmax("softmax")
    return b.build()


def test_names_paths_and_objects_are_the_same_chip_and_network(tmp_path: Path) -> None:
    path = tmp_path / "chip.yaml"
    chip, network = arch.load("example"), da.zoo.load("lenet5")
    path.write_text(chip.to_yaml())
    report = da.simulate(network, chip)
    assert da.simulate("lenet5", "example") == report
    assert da.simulate("lenet5", path) == report
    assert da.simulate("lenet5", str(path)) == report


@presets.every_chip
def test_the_chips_own_dataflow_is_the_default(chip: str) -> None:
    machine = arch.load(chip)
    report = da.simulate("lenet5", machine)
    assert report.dataflow == machine.dataflow
    assert report == da.simulate("lenet5", machine, dataflow=machine.dataflow)
    assert report == da.simulate("lenet5", machine, dataflow=da.dataflow.get(machine.dataflow))


def test_one_layer_costs_what_it_costs_in_its_network() -> None:
    network = da.zoo.load("lenet5", batch=3)
    whole = da.simulate(network, "example")
    for layer in network.layers:
        if layer.problem is not None:
            alone = da.simulate(layer, "example")
            assert alone.layers == (whole[layer.name],)
            assert alone.batch == 3


def test_a_report_says_what_was_asked() -> None:
    report = da.simulate("lenet5", "eyeriss", dataflow="ws", objective="edp")
    assert (report.network, report.chip, report.dataflow) == ("lenet5", "eyeriss", "ws")
    assert (report.objective, report.fidelity, report.batch) == ("edp", "analytical", 1)
    assert report.clock_mhz == 200
    assert report.energy_unit == "pJ"


@pytest.mark.parametrize("objective", mapper.OBJECTIVES)
def test_what_is_asked_for_is_best_at_it(objective: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Layers so small that their mapspaces are enumerated: then no other objective may win at this one's.
    monkeypatch.setattr(mapper, "_EFFORT", {"exhaustive_limit": 10_000_000, "starts": 1, "proposals": 1})
    layer = da.layers.Linear(name="fc", input_shapes=((1, 12),), out_features=6)
    chip = arch.load("example").override({"glb.size_bytes": 128, "rf.size_bytes": 16, "pe_array.columns": 4})
    value = {
        "energy": lambda layer: layer.energy,
        "latency": lambda layer: layer.cycles,
        "edp": lambda layer: layer.energy * layer.cycles,
    }[objective]
    reports = {o: da.simulate(layer, chip, dataflow="ws", objective=o)["fc"] for o in mapper.OBJECTIVES}
    assert value(reports[objective]) == min(value(report) for report in reports.values())


def test_equal_layers_are_searched_once() -> None:
    calls: list[int] = []
    da.simulate("vgg16", "eyeriss", threads=1, progress=lambda done, total, what: calls.append(total))
    distinct = {layer.problem for layer in da.zoo.load("vgg16") if layer.problem is not None}
    assert len(distinct) < 16
    assert set(calls) == {len(distinct)}
    report = da.simulate("vgg16", "eyeriss")
    assert report["conv3_2"].mapping == report["conv3_3"].mapping


def test_a_report_says_which_mappings_are_proved(monkeypatch: pytest.MonkeyPatch) -> None:
    network, chip = da.zoo.load("lenet5"), arch.load("example")
    mapped = [layer for layer in network if layer.problem is not None]
    report = da.simulate(network, chip)
    assert [row.optimal for row in report if not row.macs] == [None] * (len(network) - len(mapped))
    for layer in mapped:
        assert report[layer.name].optimal is da.search(layer, chip).optimal
    proved = sum(bool(row.optimal) for row in report)
    rows = report.to_dict()["layers"]
    assert [row["optimal"] for row in rows] == [row.optimal for row in report]
    given = da.simulate(network, chip, mapping={layer.name: report[layer.name].mapping for layer in mapped})
    assert given == report
    assert [row.optimal for row in given] == [None] * len(network)
    assert "proved" not in str(given)
    assert "proved optimal" in str(report)
    assert (f"{proved} of {len(mapped)} proved" in str(report)) == (proved < len(mapped))


@pytest.mark.parametrize("objective", mapper.OBJECTIVES)
def test_vector_operations_beside_the_macs_leave_some_proofs_out(
    objective: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mapper, "_EFFORT", {"exhaustive_limit": 10_000_000, "starts": 1, "proposals": 1})
    chip = arch.load("example").override({"glb.size_bytes": 512, "pe_array.columns": 2, "pe_array.rows": 2})
    layer = da.layers.LSTM(name="lstm", input_shapes=((1, 2, 2),), hidden_size=2)
    assert layer.ops
    assert da.simulate(layer, chip)["lstm"].optimal is True
    assert da.simulate(layer, chip, objective=objective)["lstm"].optimal is (objective != "edp")


def test_progress_is_told_to_the_end() -> None:
    calls: list[tuple[int, int, str]] = []
    da.simulate("alexnet", "eyeriss", progress=lambda *call: calls.append(call))
    done = [call[0] for call in calls]
    assert done == sorted(done)
    assert done[-1] == calls[-1][1] == max(call[1] for call in calls)


# ------------------------------------------------------------------------------------------------------------
# Given mappings


def test_a_given_mapping_is_used_as_it_is() -> None:
    network = da.zoo.load("lenet5")
    nest = "dram [inputs, weights, outputs]\n  for C step 1\n  for M step 1\n"
    fc = next(layer for layer in network.layers if layer.kind == "linear")
    alone = da.simulate(fc, "example", mapping=nest)
    assert alone.layers == (da.evaluate(fc, arch.load("example"), nest),)
    assert alone.layers[0].active_pes == 1
    whole = da.simulate(network, "example", mapping={fc.name: da.Mapping.parse(nest)})
    assert whole[fc.name] == alone.layers[0]
    searched = da.simulate(network, "example")
    assert [layer for layer in whole.layers if layer.name != fc.name] == [
        layer for layer in searched.layers if layer.name != fc.name
    ]


def test_given_mappings_need_no_search() -> None:
    first = da.simulate("lenet5", "example")
    mappings = {layer.name: str(layer.mapping) for layer in first.layers if layer.mapping is not None}
    calls: list[int] = []
    again = da.simulate("lenet5", "example", mapping=mappings, progress=lambda *_: calls.append(1))
    assert not calls
    assert again == first


def test_one_mapping_for_many_layers_is_refused() -> None:
    with pytest.raises(da.MappingError, match=r"one mapping for 5 layers with MACs; pass a dict"):
        da.simulate("lenet5", "example", mapping="dram [inputs, weights, outputs]")


def test_a_mapping_for_no_layer_is_refused() -> None:
    with pytest.raises(da.UnknownNameError, match="unknown layer with MACs 'conv9'; did you mean 'conv"):
        da.simulate("alexnet", "example", mapping={"conv9": "dram [inputs, weights, outputs]"})


def test_a_mapping_that_does_not_fit_names_the_layer() -> None:
    nest = "dram [inputs, weights, outputs]\nglb [weights]\n  for C step 1\n  for M step 1\n"
    with pytest.raises(da.MappingError) as caught:
        da.simulate(da.zoo.load("alexnet")["fc6"], "example", mapping=nest)
    said = str(caught.value)
    # 9216 x 4096 weights, twice for the two buffers, in 65536 words.
    for words in ("'fc6'", "example", "level glb", "weights 37748736", "needs 75497472 words", "has 65536"):
        assert words in said


# ------------------------------------------------------------------------------------------------------------
# Layers without MACs


def near(chip: arch.Chip) -> str:
    return chip.vector.memory


def test_activations_and_norms_are_fused_and_said_so() -> None:
    network, chip = sample(), arch.load("example")
    report = da.simulate(network, chip)
    for name, source in (("bn1", "conv1"), ("relu1", "conv1"), ("relu2", "sum")):
        layer = report[name]
        assert layer.note == f"fused into {source}"
        assert layer.ops == network[name].ops > 0
        assert layer.vector_energy == layer.ops * chip.vector.op_energy
        assert all(count.reads == count.writes == 0 for count in layer.levels)
        assert layer.energy == layer.vector_energy
    for name in ("both", "flat"):
        assert (report[name].energy, report[name].cycles, report[name].ops) == (0, 0, 0)
        assert "no words move" in report[name].note


@pytest.mark.parametrize("fuse", [True, False])
@presets.every_chip
def test_vector_layers_read_each_input_and_write_each_output_once(chip: str, fuse: bool) -> None:
    network, machine = sample(), arch.load(chip)
    report = da.simulate(network, machine, fuse=fuse)
    top = machine.memories[0]
    for layer in report.layers:
        source = network[layer.name]
        if source.macs or layer.note:
            continue
        read = sum(math.prod(shape) for shape in source.input_shapes) + source.parameters
        written = math.prod(source.output_shape)
        counts = {(count.level, count.tensor): (count.reads, count.writes) for count in layer.levels}
        assert sum(counts[top.name, role][0] for role in ("inputs", "weights")) == read
        assert counts[top.name, "outputs"] == (0, written)
        if near(machine) != top.name:
            moved = layer.traffic(near(machine))
            assert moved == 2 * (read + written)
        assert layer.cycles * machine.vector.lanes >= layer.ops
        assert layer.macs == 0
        assert layer.utilization == 0


def test_without_fusion_every_layer_goes_through_the_outermost_memory() -> None:
    network, chip = sample(), arch.load("example")
    fused, apart = da.simulate(network, chip), da.simulate(network, chip, fuse=False)
    for name in ("bn1", "relu1", "relu2", "both"):
        assert apart[name].note == ""
        assert apart[name].traffic("dram") > 0
    assert apart["flat"].traffic("dram") == 0
    assert apart.energy > fused.energy
    assert apart.cycles >= fused.cycles
    assert apart.macs == fused.macs == network.total_macs
    assert apart.ops == fused.ops


def test_an_activation_whose_input_others_read_is_not_fused() -> None:
    b = da.NetworkBuilder("fork", input_shape=(1, 2, 4, 4))
    b.conv2d("conv", out_channels=2, kernel=1)
    b.relu("relu", after="conv")
    b.add("sum", after=("conv", "relu"))
    report = da.simulate(b.build(), "example")
    assert report["relu"].note == ""
    assert report["relu"].traffic("dram") == 2 * 2 * 4 * 4


def test_operations_are_hidden_behind_their_source_or_take_time() -> None:
    network = sample()
    slow = arch.load("example").override({"vector.lanes": 1})
    report = da.simulate(network, slow)
    hidden = 0
    conv = report["conv1"]
    for name in ("bn1", "relu1"):
        layer = report[name]
        late = max(0, hidden + layer.ops - conv.cycles)
        hidden += layer.ops
        assert 0 <= layer.cycles <= layer.ops
        assert layer.bound_by == ("vector" if layer.cycles else "-")
        # In all, the vector unit needs no less than its operations and the array no less than its own cycles.
        assert conv.cycles + sum(report[n].cycles for n in ("bn1", "relu1")) >= max(conv.cycles, late)
    assert conv.cycles + report["bn1"].cycles + report["relu1"].cycles >= hidden


def test_nothing_is_dropped_from_the_totals() -> None:
    for fuse in (True, False):
        report = da.simulate(sample(), "example", fuse=fuse)
        assert report.energy == pytest.approx(sum(layer.energy for layer in report.layers))
        assert report.cycles == sum(layer.cycles for layer in report.layers)
        assert report.ops == sum(layer.ops for layer in report.layers)
        for level in ("dram", "glb", "rf"):
            assert report.traffic(level) == sum(layer.traffic(level) for layer in report.layers)


def test_batch_scales_what_it_must() -> None:
    one, four = (da.simulate(da.zoo.load("lenet5", batch=n), "example") for n in (1, 4))
    assert four.macs == 4 * one.macs
    assert four.ops == 4 * one.ops
    assert four.batch == 4
    assert four.energy_per_inference == pytest.approx(four.energy / 4)


# ------------------------------------------------------------------------------------------------------------
# Evaluate


def test_evaluate_refuses_layers_without_macs() -> None:
    with pytest.raises(da.LayerError, match=r"'pool1' \(max_pool\) has no MACs"):
        da.evaluate(da.zoo.load("alexnet")["pool1"], arch.load("example"), "dram [inputs]")


def test_a_layer_report_is_one_result_in_every_form() -> None:
    layer: LayerReport = da.simulate("lenet5", "example").layers[0]
    data = layer.to_dict()
    assert data["macs"] == layer.macs
    assert data["energy"] == pytest.approx(sum(data["energy_by_level"].values()))
    assert sum(count["reads"] + count["writes"] for count in data["levels"] if count["level"] == "glb") == (
        layer.traffic("glb")
    )
    assert layer.traffic("glb") == sum(
        layer.traffic("glb", tensor=t) for t in ("inputs", "weights", "outputs")
    )
    assert layer.traffic("glb", unit="bytes") == 2 * layer.traffic("glb")
    assert layer.seconds == layer.cycles / (layer.clock_mhz * 1e6)  # type: ignore[operator]
    for wrong in ({"level": "gbl"}, {"level": "glb", "tensor": "sums"}, {"level": "glb", "unit": "bits"}):
        with pytest.raises(da.UnknownNameError):
            layer.traffic(**wrong)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"fidelity": "cycles"}, "unknown fidelity 'cycles'"),
        ({"objective": "power"}, "unknown objective 'power'"),
        ({"dataflow": "rss"}, "unknown dataflow 'rss'; did you mean 'rs'"),
        ({"threads": 0}, "at least 1"),
    ],
)
def test_wrong_options_are_refused(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(da.DnnAccelError) as caught:
        da.simulate("lenet5", "example", **wrong)
    assert words in str(caught.value)


# ------------------------------------------------------------------------------------------------------------
# Ctrl-C


def test_ctrl_c_ends_a_long_simulation_within_a_second() -> None:
    ended = interrupt(
        "import dnnaccel as da\n"
        "from dnnaccel import mapper\n"
        "mapper._EFFORT.update(starts=64, proposals=10**7, proof=0)\n"
        "said = []\n"
        "def progress(done, total, what):\n"
        "    if not said:\n"
        "        said.append(print('ready', flush=True))\n"
        "da.simulate('vgg16', 'eyeriss', progress=progress)\n"
    )
    assert ended.err.rstrip().endswith("KeyboardInterrupt"), ended.err
    assert ended.returncode in (-signal.SIGINT, 130)
    assert ended.seconds < 1.0
