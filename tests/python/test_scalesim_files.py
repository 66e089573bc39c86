"""SCALE-Sim's configurations and topologies: what is read, what is refused, and how it is told."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from scalesim_files import HEADER, TOPOLOGY, V2, V3, save

import dnnaccel as da
from dnnaccel.conventions import scalesim
from dnnaccel.conventions.scalesim import ScaleSimConfig, ScaleSimRow
from dnnaccel.errors import DnnAccelError, ImportedFileError, UnknownNameError

ARRAY = ScaleSimConfig(rows=8, columns=8, dataflow="ws")


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
