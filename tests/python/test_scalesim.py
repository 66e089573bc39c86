"""The SCALE-Sim drop-in: its files, its command, layers turned into rows.

Figures are held by tests/validation/test_scalesim_reports.py, the fast count by tests/cpp/scalesim.cpp.
"""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path
from typing import Any

import pytest

import dnnaccel as da
from dnnaccel import layers as dl
from dnnaccel.cli import run
from dnnaccel.conventions import scalesim
from dnnaccel.conventions.scalesim import ScaleSimConfig, ScaleSimRow
from dnnaccel.errors import DnnAccelError, ImportedFileError, LayerError, UnknownNameError
from interrupting import interrupt

V2 = """\
[general]
run_name = v2_run

[architecture_presets]
ArrayHeight:    16
ArrayWidth:     8
IfmapSramSzkB:  64
FilterSramSzkB: 32
OfmapSramSzkB:  16
IfmapOffset:    0
FilterOffset:   10000000
OfmapOffset:    20000000
Dataflow : os
Bandwidth : 7
MemoryBanks: 1

[run_presets]
InterfaceBandwidth: CALC
"""
V3 = """\
# a comment
[general]
run_name = v3_run
[architecture_presets]
arrayheight = 16
arraywidth = 8
ifmapsramszkb = 64
filtersramszkb = 32
ofmapsramszkb = 16
IfmapOffset = 0
FilterOffset = 10000000
OfmapOffset = 20000000
Dataflow = ws
Bandwidth = 5, 6, 7
ReadRequestBuffer = 64
WriteRequestBuffer = 64
[layout]
IfmapCustomLayout = False
IfmapSRAMBankBandwidth = 20
IfmapSRAMBankNum = 10
IfmapSRAMBankPort = 2
FilterCustomLayout = False
FilterSRAMBankBandwidth = 30
FilterSRAMBankNum = 10
FilterSRAMBankPort = 2
[sparsity]
SparsitySupport = true
SparseRep = ellpack_block
OptimizedMapping = false
BlockSize = 8
RandomNumberGeneratorSeed = 40
[run_presets]
InterfaceBandwidth = USER
UseRamulatorTrace = False
"""
HEADER = "Layer, IFMAP H, IFMAP W, Filter H, Filter W, Channels, Filters, Stride,\n"
TOPOLOGY = HEADER + "a, 12, 12, 3, 3, 8, 20, 1,\nb, 9, 10, 3, 2, 4, 7, 2,\n"
ARRAY = ScaleSimConfig(rows=8, columns=8, dataflow="ws")


def save(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_a_configuration_of_version_2(tmp_path: Path) -> None:
    assert scalesim.read_config(save(tmp_path / "a.cfg", V2)) == ScaleSimConfig(
        rows=16, columns=8, ifmap_kb=64, filter_kb=32, ofmap_kb=16, dataflow="os", run_name="v2_run"
    )


def test_a_configuration_of_version_3(tmp_path: Path) -> None:
    assert scalesim.read_config(save(tmp_path / "a.cfg", V3)) == ScaleSimConfig(
        rows=16,
        columns=8,
        ifmap_kb=64,
        filter_kb=32,
        ofmap_kb=16,
        dataflow="ws",
        mode="user",
        bandwidth=5,
        ifmap_bandwidth=20,
        filter_bandwidth=30,
        sparse_format="ellpack_block",
        run_name="v3_run",
    )


def test_without_layouts_one_bandwidth_is_everybodys(tmp_path: Path) -> None:
    config = scalesim.read_config(save(tmp_path / "a.cfg", V2.replace("CALC", "USER")))
    assert (config.ifmap_bandwidth, config.filter_bandwidth, config.bandwidth) == (7, 7, 7)


@pytest.mark.parametrize(
    ("text", "old", "new", "message"),
    [
        (V2, "Dataflow : os", "Dataflow : wz", "a.cfg:13: unknown Dataflow 'wz'; valid: os, ws, is"),
        (V2, "Dataflow : os", "Dataflow : rs", "a.cfg:13: unknown Dataflow 'rs'; valid: os, ws, is"),
        (V2, "CALC", "CALX", "a.cfg:18: unknown InterfaceBandwidth 'CALX'; did you mean 'CALC'?"),
        (V2, "ArrayHeight:    16\n", "", "a.cfg: [architecture_presets] has no ArrayHeight; it is needed"),
        (
            V2,
            "ArrayHeight:",
            "ArrayHieght:",
            "a.cfg:5: unknown key 'ArrayHieght'; did you mean 'ArrayHeight'?",
        ),
        (V2, "ArrayWidth:     8", "ArrayWidth: 0", "a.cfg:6: ArrayWidth must be a whole number from 1 to"),
        (V2, "ArrayWidth:     8", "ArrayWidth: 8.5", "a.cfg:6: ArrayWidth must be a whole number from 1 to"),
        (V2, "ArrayWidth:     8", "ArrayWidth 8", "a.cfg:6: 'key: value' or 'key = value' is wanted"),
        (V2, "ArrayWidth:     8", "arrayheight: 8", "a.cfg:6: 'arrayheight' stands in line 5 already"),
        (V2, "[general]\n", "", "a.cfg:1: a section such as [general] must come first"),
        (V2, "[general]", "[general", "a.cfg:1: a section is [name], found '[general'"),
        (V2, "v2_run", "../up", "a.cfg:2: run_name is '../up'; it names the directory of the reports"),
        (V2, "[architecture_presets]", "[arch]", "a.cfg: the section [architecture_presets] is missing"),
        (V2, "IfmapOffset:    0", "IfmapOffset: -1", "a.cfg:10: IfmapOffset must be a whole number from 0"),
        (V3, "Bandwidth = 5, 6, 7\n", "", "a.cfg: [architecture_presets] has no Bandwidth; it is needed"),
        (V3, "Bandwidth = 5, 6, 7", "Bandwidth = 5, x", "a.cfg:14: Bandwidth must be a whole number"),
        (
            V3,
            "SparseRep = ellpack_block",
            "SparseRep = elpack",
            "a.cfg:28: unknown SparseRep 'elpack'; did you",
        ),
        (V3, "Mapping = false", "Mapping = true", "a.cfg:29: OptimizedMapping (row-wise sparsity) draws its"),
        (V3, "IfmapCustomLayout = False", "IfmapCustomLayout = True", "a.cfg:18: IfmapCustomLayout: bank"),
        (
            V3,
            "RamulatorTrace = False",
            "RamulatorTrace = True",
            "a.cfg:34: UseRamulatorTrace: latencies that",
        ),
        (
            V3,
            "SparsitySupport = true",
            "SparsitySupport = 2",
            "a.cfg:27: SparsitySupport must be True or False",
        ),
        (V3, "FilterOffset = 10000000", "FilterOffset = 0", "a.cfg:11: FilterOffset is 0: with sparsity"),
    ],
)
def test_what_is_wrong_with_a_configuration_is_told(
    tmp_path: Path, text: str, old: str, new: str, message: str
) -> None:
    assert old in text
    path = save(tmp_path / "a.cfg", text.replace(old, new, 1))
    with pytest.raises(ImportedFileError) as error:
        scalesim.read_config(path)
    assert str(error.value).startswith(str(tmp_path / message))


def test_what_moves_no_figure_in_calc_mode_is_no_reason_to_refuse(tmp_path: Path) -> None:
    text = V3.replace("USER", "CALC").replace("CustomLayout = False", "CustomLayout = True")
    text = text.replace("RamulatorTrace = False", "RamulatorTrace = True")
    assert scalesim.read_config(save(tmp_path / "a.cfg", text)).mode == "calc"


def test_files_that_are_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(ImportedFileError, match="no such file"):
        scalesim.read_config(tmp_path / "none.cfg")
    (tmp_path / "binary.cfg").write_bytes(b"[general]\n\xff\xfe")
    with pytest.raises(ImportedFileError, match=r"binary\.cfg:2: is not UTF-8"):
        scalesim.read_config(tmp_path / "binary.cfg")
    with pytest.raises(ImportedFileError, match="larger than"):
        scalesim.read_config(save(tmp_path / "large.cfg", "#" * 300_000))


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"rows": 0}, DnnAccelError, "rows is 0; it must be a whole number from 1"),
        ({"columns": True}, DnnAccelError, "columns is True"),
        ({"dataflow": "wss"}, UnknownNameError, "did you mean 'ws'"),
        ({"mode": "estimate"}, UnknownNameError, "valid: calc, user"),
        ({"sparse_format": "cs"}, UnknownNameError, "sparse format of SCALE-Sim 'cs'"),
        ({"run_name": "a/b"}, DnnAccelError, "it must be no path"),
    ],
)
def test_configurations_that_make_no_sense(
    changes: dict[str, Any], error: type[DnnAccelError], message: str
) -> None:
    with pytest.raises(error, match=message):
        ScaleSimConfig(**({"rows": 8, "columns": 8} | changes))


def mutated(text: str, chance: random.Random) -> bytes:
    """Cut, doubled, swapped or garbled somewhere, once or some times."""
    data = bytearray(text.encode())
    for _ in range(chance.choice((1, 1, 2, 5))):
        at = chance.randrange(len(data) + 1)
        end = min(len(data), at + chance.choice((1, 1, 2, 5, 40)))
        kind = chance.randrange(5)
        if kind == 0:
            del data[at:end]
        elif kind == 1:
            data[at:at] = data[at:end]
        elif kind == 2:
            data[at:end] = bytes(chance.randrange(256) for _ in range(end - at))
        elif kind == 3:
            data[at:at] = chance.choice(
                (b"9" * 12, b"-1", b",", b":", b"=", b"[", b"]", b"\n", b"0", b"\x00", b"%(")
            )
        else:
            del data[at:]
    return bytes(data)


def test_damaged_files_raise_nothing_but_our_errors(tmp_path: Path) -> None:
    chance = random.Random(7)
    read = 0
    told: list[str] = []
    for number in range(600):
        path = tmp_path / "file"
        path.write_bytes(mutated((V2, V3, TOPOLOGY)[number % 3], chance))
        try:
            if number % 3 == 2:
                scalesim.read_topology(path)
            else:
                scalesim.read_config(path)
            read += 1
        except DnnAccelError as error:
            told.append(str(error))
    # Some damage is harmless, some is not.
    assert 50 < read < 550
    assert all(str(tmp_path / "file") in sentence for sentence in told)


def test_damaged_files_are_counted_or_refused(tmp_path: Path) -> None:
    chance = random.Random(8)
    counted = 0
    for _ in range(100):
        path = tmp_path / "file.csv"
        path.write_bytes(mutated(TOPOLOGY.replace("12, 12", "6, 6"), chance))
        try:
            rows = scalesim.read_topology(path)
            if sum(row.macs for row in rows) < 10**7:
                counted += len(scalesim.simulate(rows, ARRAY))
        except DnnAccelError:
            continue
    assert counted > 10


def test_topologies_are_read_as_scale_sim_reads_them(tmp_path: Path) -> None:
    lines = (
        "a, 9, 8, 3, 2, 4, 5, 2, 1:2,\nbDP, 9, 9, 3, 3, 3, 2, 1,\n"
        "old, 9, 9, 3, 3, 1, 1, 2, 3\na,1,1,1,1,1,1,1\n"
    )
    rows = scalesim.read_topology(save(tmp_path / "t.csv", HEADER + lines))
    assert rows[0] == ScaleSimRow(
        name="a", ifmap=(9, 8), filter=(3, 2), channels=4, filters=5, stride=(2, 2), sparsity=(1, 2)
    )
    assert [row.name for row in rows[1:4]] == ["bDPChannel_0", "bDPChannel_1", "bDPChannel_2"]
    assert {(row.channels, row.filters) for row in rows[1:4]} == {(1, 2)}
    assert rows[4].stride == (2, 3)
    assert rows[5].name == "a"  # two of a name are two layers for SCALE-Sim
    assert scalesim.read_topology(save(tmp_path / "t.csv", scalesim.topology_text(rows))) != []


def test_products_are_read_as_scale_sim_reads_them(tmp_path: Path) -> None:
    path = save(tmp_path / "t.csv", "Layer, M, N, K,\ng, 3, 5, 7,\n")
    (row,) = scalesim.read_topology(path, kind="gemm")
    assert row == ScaleSimRow(name="g", ifmap=(3, 7), filter=(1, 7), channels=1, filters=5)
    assert row.macs == 3 * 5 * 7
    assert row.ofmap == (3, 1)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a, 9, 9, 11, 3, 2, 4, 1,", r"t\.csv:2: a: a filter of 11x3 does not fit an ifmap of 9x9"),
        ("a, 9, 9, 3, 3, 2, 4, 1, 5:4,", r"t\.csv:2: a: sparsity 5:4 keeps more than there is"),
        ("a, 9, 9, 3, 3, 2, 4, 1, 0:4,", r"t\.csv:2: a: sparsity is \(0, 4\)"),
        ("aDP, 9, 9, 3, 3, 2000000, 4, 1,", r"t\.csv:2: aDP: 2000000 channels would make as many layers"),
        ("a, 9, 9, 3, 3, 2, B, 1,", r"t\.csv:2, column 7: filters must be a whole number"),
    ],
)
def test_what_is_wrong_with_a_topology_is_told(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(ImportedFileError, match=message):
        scalesim.read_topology(save(tmp_path / "t.csv", HEADER + line + "\n"))


def test_a_topology_written_is_the_one_read(tmp_path: Path) -> None:
    rows = scalesim.rows_of(da.zoo.load("resnet18"))
    assert scalesim.read_topology(save(tmp_path / "t.csv", scalesim.topology_text(rows))) == rows
    named = [ScaleSimRow(name="DP, first", ifmap=(4, 4), filter=(2, 2), channels=4, filters=1)]
    (read,) = scalesim.read_topology(save(tmp_path / "t.csv", scalesim.topology_text(named)))
    assert (read.name, read.channels) == ("Dp  first", 4)
    sparse = [ScaleSimRow(name="s", ifmap=(4, 4), filter=(2, 2), channels=4, filters=1, sparsity=(2, 4))]
    assert scalesim.read_topology(save(tmp_path / "t.csv", scalesim.topology_text(sparse))) == sparse


def conv(**changes: Any) -> dl.Layer:
    fields = {"name": "c", "input_shapes": ((1, 8, 14, 15),), "out_channels": 6, "kernel": 3}
    return dl.Conv2d(**(fields | changes))


@pytest.mark.parametrize(
    "layer",
    [
        conv(),
        conv(padding=1),
        conv(padding=(0, 2), stride=(2, 3), kernel=(3, 4)),
        conv(kernel=1, stride=2),
        conv(groups=2),
        conv(kernel=(1, 3), dilation=(2, 1)),
        dl.DepthwiseConv2d(name="d", input_shapes=((1, 8, 14, 15),), kernel=3, padding=1, multiplier=2),
        dl.Linear(name="l", input_shapes=((5, 30),), out_features=7),
        dl.Linear(name="l", input_shapes=((2, 5, 30),), out_features=7),
        dl.MatMul(name="m", input_shapes=((3, 4, 5), (3, 5, 6))),
    ],
    ids=lambda layer: repr(layer)[:60],
)
def test_rows_have_the_outputs_and_macs_of_their_layer(layer: dl.Layer) -> None:
    rows = scalesim.rows_of(layer)
    assert sum(row.macs for row in rows) == layer.macs
    outputs = 1
    for size in layer.output_shape:
        outputs *= size
    assert sum(row.ofmap[0] * row.ofmap[1] * row.filters for row in rows) == outputs


def test_every_network_of_the_zoo_that_can_be_expressed_keeps_its_macs() -> None:
    for name in ("alexnet", "mobilenet_v1", "bert_base"):
        net = da.zoo.load(name)
        assert sum(row.macs for row in scalesim.rows_of(net)) == net.total_macs


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (
            conv(input_shapes=((4, 8, 14, 15),)),
            "c: SCALE-Sim counts one image, not a batch of 4; load it with",
        ),
        (conv(dilation=2), "c: SCALE-Sim has no dilation"),
        (dl.LSTM(name="r", input_shapes=((1, 5, 8),), hidden_size=4), "r: SCALE-Sim has no steps that wait"),
        (dl.ReLU(name="n", input_shapes=((1, 8),)), "none of these layers has MACs"),
    ],
)
def test_layers_that_scale_sim_cannot_express(layer: dl.Layer, message: str) -> None:
    with pytest.raises(LayerError, match=message):
        scalesim.rows_of(layer)


def test_layers_networks_and_rows_count_alike() -> None:
    net = da.zoo.load("alexnet")
    whole = scalesim.simulate(net, ARRAY)
    assert whole == scalesim.simulate(net.layers, ARRAY)
    assert whole == scalesim.simulate(scalesim.rows_of(net), ARRAY)
    some = scalesim.simulate_network(
        net["conv1"], rows=8, cols=8, dataflow="ws", ifmap_kb=256, filter_kb=256, ofmap_kb=128
    )
    assert some.layers == (whole["conv1"],)
    assert whole.total_cycles == sum(layer.cycles for layer in whole)


def test_what_is_no_work_is_refused() -> None:
    for work in ([], [1], 3, [scalesim.rows_of(conv())[0], conv()]):
        with pytest.raises(DnnAccelError, match="wanted"):
            scalesim.simulate(work, ARRAY)  # type: ignore[arg-type]
    with pytest.raises(DnnAccelError, match="leave it out"):
        scalesim.simulate(conv(), ARRAY, kind="conv")
    with pytest.raises(UnknownNameError, match="did you mean 'os'"):
        scalesim.simulate_network(conv(), rows=8, cols=8, dataflow="oss")
    large = ScaleSimRow(name="x", ifmap=(2**31 - 1, 2**20), filter=(1, 1), channels=1000, filters=1)
    with pytest.raises(LayerError, match="x: SCALE-Sim: the layer has too many ifmap words"):
        scalesim.simulate([large], ARRAY)


def test_a_report_in_all_its_forms(tmp_path: Path) -> None:
    report = scalesim.simulate(save(tmp_path / "t.csv", TOPOLOGY), ARRAY)
    assert repr(report) == f"<ScaleSimReport 2 layers on 8x8 ws: {report.total_cycles:,} cycles>"
    assert "weight stationary, CALC mode" in str(report)
    rows = list(csv.DictReader(report.to_csv().splitlines()))
    assert len(rows[0]) == 2 + 30
    assert rows[0]["total_cycles"] == str(report["a"].cycles)
    data = json.loads(report.to_json())
    assert data == report.to_dict()
    assert data["layers"][1]["dram_ofmap_writes"] == report["b"].dram["ofmap"].words
    frame = report.to_dataframe()
    assert list(frame["name"]) == ["a", "b"]
    with pytest.raises(UnknownNameError):
        report["c"]


def test_reports_are_written_whole_and_over_old_ones(tmp_path: Path) -> None:
    report = scalesim.simulate(save(tmp_path / "t.csv", TOPOLOGY), ARRAY)
    folder = tmp_path / "deep" / "out"
    for _ in range(2):
        paths = report.write(folder)
    assert sorted(path.name for path in (folder / "scale_run").iterdir()) == sorted(
        path.name for path in paths
    )
    assert {path.name: path.read_text() for path in paths} == report.reports()
    with pytest.raises(DnnAccelError, match="cannot make the directory"):
        report.write(tmp_path / "t.csv")


def test_memory_that_is_never_full_reads_every_word_once() -> None:
    row = ScaleSimRow(name="a", ifmap=(12, 13), filter=(3, 3), channels=8, filters=20)
    for dataflow in scalesim.DATAFLOWS:
        (layer,) = scalesim.simulate([row], ScaleSimConfig(rows=8, columns=8, dataflow=dataflow))
        assert layer.dram["ifmap"].words == 12 * 13 * 8
        assert layer.dram["filter"].words == 3 * 3 * 8 * 20


@pytest.mark.parametrize("mode", scalesim.MODES)
def test_a_long_count_can_be_interrupted(mode: str) -> None:
    script = f"""
from dnnaccel.conventions.scalesim import ScaleSimConfig, ScaleSimRow, simulate
size = {{"calc": 4000, "user": 300}}["{mode}"]
row = ScaleSimRow(name="long", ifmap=(size, size), filter=(3, 3), channels=64, filters=512)
print("ready", flush=True)
simulate([row], ScaleSimConfig(rows=8, columns=8, mode="{mode}", ifmap_kb=1, filter_kb=1, ofmap_kb=1))
"""
    ended = interrupt(script, wait=1.0)
    assert "KeyboardInterrupt" in ended.err


def files(tmp_path: Path, config: str = V2, topology: str = TOPOLOGY) -> list[str]:
    paths = save(tmp_path / "a.cfg", config), save(tmp_path / "t.csv", topology)
    return ["scalesim", "-c", str(paths[0]), "-t", str(paths[1]), "-p", str(tmp_path / "out")]


def test_the_command_writes_the_reports_and_prints_a_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*files(tmp_path), "-i", "conv", "-l", "layout.csv", "-s", "N"]) == 0
    printed = capsys.readouterr()
    assert "v2_run: SCALE-Sim's counting of 2 layers on 16x8, output stationary" in printed.out
    assert f"wrote {tmp_path / 'out' / 'v2_run' / 'BANDWIDTH_REPORT.csv'}" in printed.err
    report = scalesim.simulate(tmp_path / "t.csv", tmp_path / "a.cfg")
    written = {path.name: path.read_text() for path in (tmp_path / "out" / "v2_run").iterdir()}
    assert written == report.reports()


def test_the_command_prints_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*files(tmp_path, topology="h,\ng, 3, 4, 5,\n"), "-i", "gemm", "--format", "json", "-q"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["layers"][0]["name"] == "g"
    assert printed.err == ""


@pytest.mark.parametrize(
    ("config", "topology", "more", "message"),
    [
        (V2.replace("os", "xs"), TOPOLOGY, [], "a.cfg:13: unknown Dataflow 'xs'"),
        (V2, HEADER + "a, 1, 1,\n", [], "t.csv:2: 2 numbers behind the name"),
        (V2, TOPOLOGY, ["-i", "gem"], "-i"),
        (V2, HEADER, [], "t.csv: holds no layers below its header"),
        (V2.replace("ArrayHeight:    16", "ArrayHeight: 99999"), TOPOLOGY, [], "rows of the array is 99999"),
    ],
)
def test_the_command_refuses_bad_input(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    config: str,
    topology: str,
    more: list[str],
    message: str,
) -> None:
    assert run([*files(tmp_path, config, topology), *more]) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert len(printed.err.splitlines()) == 1
    assert not (tmp_path / "out").exists()
