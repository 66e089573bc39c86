"""The SCALE-Sim drop-in: its command, its reports, layers turned into rows.

Figures are held by tests/validation/test_scalesim_reports.py, the fast count by tests/cpp/scalesim.cpp.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from scalesim_files import HEADER, TOPOLOGY, V2, save

import dnnaccel as da
from dnnaccel import layers as dl
from dnnaccel.cli import run
from dnnaccel.conventions import scalesim
from dnnaccel.conventions.scalesim import ScaleSimConfig, ScaleSimRow
from dnnaccel.errors import DnnAccelError, LayerError, UnknownNameError
from interrupting import interrupt

ARRAY = ScaleSimConfig(rows=8, columns=8, dataflow="ws")


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
