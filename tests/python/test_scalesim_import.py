"""SCALE-Sim's topology files as networks."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dnnaccel as da
from dnnaccel.importers import from_scalesim

CONV = """\
Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,
Conv1, 224, 224, 7, 7, 3, 64, 2,
\t Conv2 , 56,56 , 3,3,64,64,1, 2:4,

Conv3DP, 14, 14, 3, 3, 32, 1, 1,
FC, 1, 1, 1, 1, 512, 1000, 1
"""
GEMM = "Layer, M, N, K,\nG1, 128, 64, 32,\nG2, 1, 1000, 2048, 1:4,\n"


def read(tmp_path: Path, text: str | bytes, kind: str | None = None) -> da.Network:
    path = tmp_path / "topology.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return from_scalesim(path, kind=kind)


def mistake(tmp_path: Path, text: str | bytes, kind: str | None = None) -> str:
    with pytest.raises(da.ImportedFileError) as caught:
        read(tmp_path, text, kind)
    return str(caught.value).replace(f"{tmp_path}/", "")


def test_convolutions_are_read_as_scalesim_reads_them(tmp_path: Path) -> None:
    net = read(tmp_path, CONV)
    assert net.name == "topology"
    assert dict(net.inputs) == {
        "Conv1.ifmap": (1, 3, 224, 224),
        "Conv2.ifmap": (1, 64, 56, 56),
        "Conv3DP.ifmap": (1, 32, 14, 14),
        "FC.ifmap": (1, 512, 1, 1),
    }
    # (224 - 7) / 2 leaves a rest: SCALE-Sim counts the window that hangs over the edge, 110 by 110 of them.
    assert net["Conv1"].output_shape == (1, 64, 110, 110)
    assert net["Conv1"].macs == 110 * 110 * 64 * 7 * 7 * 3
    assert net["Conv2"].output_shape == (1, 64, 54, 54)
    assert net["Conv3DP"].kind == "depthwise"
    assert net["Conv3DP"].macs == 32 * 12 * 12 * 9
    assert net["FC"].macs == net["FC"].weights == 512_000
    assert "Conv2.pad" not in net
    assert net.metadata["sparsity.Conv2"] == "2:4"
    assert [key for key in net.metadata if key.startswith("sparsity")] == ["sparsity.Conv2"]


def test_products_are_read(tmp_path: Path) -> None:
    net = read(tmp_path, GEMM)
    assert net["G1"].output_shape == (1, 128, 64)
    assert (net["G1"].macs, net["G1"].weights) == (128 * 64 * 32, 64 * 32)
    assert net["G2"].macs == 2_048_000
    assert net.metadata["sparsity.G2"] == "1:4"
    assert read(tmp_path, GEMM, "gemm") == net


def test_old_files_have_two_strides(tmp_path: Path) -> None:
    net = read(tmp_path, "header\nA, 9, 9, 3, 3, 2, 4, 2, 3,\nB, 9, 9, 3, 3, 2, 4, 3, 2, 2:4,\n")
    assert net["A"].output_shape == (1, 4, 4, 3)
    assert net["B"].output_shape == (1, 4, 3, 4)


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 7), st.integers(1, 5), st.integers(1, 5))
def test_sizes_are_scalesims(
    tmp_path_factory: pytest.TempPathFactory, height: int, width: int, kernel: int, down: int, across: int
) -> None:
    size = min(kernel, height, width)
    row = f"a, {height}, {width}, {size}, {size}, 3, 5, {down}, {across},"
    net = read(tmp_path_factory.mktemp("csv"), f"header\n{row}\n")
    # Its own formula: ceil((H - r + s) / s), and as many MACs as its matrix of windows has cells.
    rows = -(-(height - size + down) // down)
    columns = -(-(width - size + across) // across)
    assert net["a"].output_shape == (1, 5, rows, columns)
    assert net["a"].macs == rows * columns * size * size * 3 * 5
    assert net["a"].weights == size * size * 3 * 5
    assert net.inputs["a.ifmap"] == (1, 3, height, width)


def test_depthwise_rows_are_as_many_layers_of_one_channel(tmp_path: Path) -> None:
    deep = read(tmp_path, "header\nDP1, 12, 12, 3, 3, 8, 2, 1,\n")
    one = read(tmp_path, "header\nlayer, 12, 12, 3, 3, 1, 2, 1,\n")
    assert deep.total_macs == 8 * one.total_macs
    assert deep.total_weights == 8 * one.total_weights


def test_names_that_come_again_get_a_number(tmp_path: Path) -> None:
    row = "9, 9, 3, 3, 2, 4, 1,"
    net = read(tmp_path, f"header\na,{row}\na,{row}\na.ifmap,{row}\na_2,{row}\n")
    assert [layer.name for layer in net] == ["a", "a_2", "a.ifmap_2", "a_2_2"]
    assert len(net.inputs) == 4


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("comma", [",", ""])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_how_lines_end_does_not_matter(ending: str, comma: str, mark: bytes, tmp_path: Path) -> None:
    lines = ["name, m, n, k,", f"a, 2, 3, 4{comma}", "", f"b, 5, 6, 7, 2:4{comma}"]
    net = read(tmp_path, mark + ending.join(lines).encode())
    assert [layer.macs for layer in net] == [24, 210]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("h\na, 9, 9, 3, x, 2, 4, 1,\n", "topology.csv:2:13: filter width must be a whole number from 1 to"),
        ("h\n\na, 9, 9, 3, , 2, 4, 1,\n", "topology.csv:3:13: filter width must be"),
        ("h\na, 9, 9, 3, 0, 2, 4, 1,\n", "topology.csv:2:13: filter width must be"),
        ("h\na, 9, 9, 3, 3.0, 2, 4, 1,\n", "topology.csv:2:13: filter width must be"),
        ("h\na, 9, 9, 3, -3, 2, 4, 1,\n", "topology.csv:2:13: filter width must be"),
        ("h\na, 9, 9, 3, 9999999999, 2, 4, 1,\n", "topology.csv:2:13: filter width must be"),
        ("h\na, 9, 9, 3, 10, 2, 4, 1,\n", "topology.csv:2:13: filter width 10 exceeds ifmap width 9"),
        ("h\na, 9, 9, 10, 3, 2, 4, 1,\n", "topology.csv:2:10: filter height 10 exceeds ifmap height 9"),
        (
            "h\na, 9, 9, 3, 3, 2, 4,\n",
            "topology.csv:2:1: has 6 sizes after its name; a row of a conv topology",
        ),
        ("h\na, 9, 9, 3, 3, 2, 4, 1, 1, 1,\n", "topology.csv:2:1: has 9 sizes after its name"),
        (
            "h\na, 1, 2, 3,\nb, 9, 9, 3, 3, 2, 4, 1,\n",
            "topology.csv:3:1: has 7 sizes after its name; a row of a gemm",
        ),
        (
            "h\na, 1, 2, 3, 4:2,\n",
            "topology.csv:2:13: sparsity must be N:M with 1 <= N <= M, as 2:4, given '4:2'",
        ),
        ("h\na, 1, 2, 3, :,\n", "topology.csv:2:13: sparsity must be N:M"),
        ("h\n , 1, 2, 3,\n", "topology.csv:2:2: a layer's name must be"),
        ("h\n\u202e, 1, 2, 3,\n", "topology.csv:2:1: a layer's name must be"),
        ("a, 1, 2, 3,\nb, 1, 2, 3,\n", "topology.csv:1:1: the first line is skipped as a header"),
        ("h\na, 2147483647, 2147483647, 2147483647,\n", "topology.csv:2:1: linear 'a': "),
        ("name, a, b\n\n", "topology.csv: holds no layers; "),
        ("", "topology.csv: holds no layers; "),
        (b"h\nab\xff, 1, 2, 3,\n", "topology.csv:2: is not UTF-8 text (byte 4)"),
    ],
)
def test_what_is_not_understood_is_told_with_line_and_column(
    text: str | bytes, wanted: str, tmp_path: Path
) -> None:
    assert mistake(tmp_path, text).startswith(wanted)


def test_the_kind_can_be_forced(tmp_path: Path) -> None:
    assert "has 3 sizes after its name; a row of a conv topology" in mistake(tmp_path, GEMM, "conv")
    assert "has 7 sizes after its name; a row of a gemm topology" in mistake(tmp_path, CONV, "gemm")
    with pytest.raises(da.UnknownNameError, match="did you mean 'conv'"):
        read(tmp_path, CONV, "convs")


def test_files_are_bounded(tmp_path: Path) -> None:
    assert "larger than 4000000 bytes" in mistake(tmp_path, "h\n" + " " * 4_000_000)
    assert "topology.csv:20002:1: more than 20000 layers" in mistake(tmp_path, "h\n" + "a,1,1,1,\n" * 20_001)
    with pytest.raises(da.ImportedFileError, match="cannot be read: No such file"):
        from_scalesim(tmp_path / "absent.csv")
    with pytest.raises(da.ImportedFileError, match="cannot be read: Is a directory"):
        from_scalesim(tmp_path)


@pytest.mark.parametrize("seed", range(200))
def test_a_damaged_file_never_crashes(seed: int, tmp_path: Path) -> None:
    chosen = random.Random(seed)
    raw = bytearray((CONV if seed % 2 else GEMM).encode())
    for _ in range(chosen.randrange(1, 8)):
        at = chosen.randrange(len(raw))
        match chosen.randrange(3):
            case 0:
                raw[at] = chosen.randrange(256)
            case 1:
                del raw[at : at + chosen.randrange(1, 20)]
            case _:
                raw[at:at] = chosen.choice(
                    [b",", b"\n", b"9" * 12, b":", b"\xc2\x85", b"\x00", b"-1", b" DP"]
                )
    told = ""
    try:
        net = read(tmp_path, bytes(raw), chosen.choice([None, "conv", "gemm"]))
    except da.DnnAccelError as error:
        told = str(error)
    else:
        assert net.total_macs > 0
    assert len(told.splitlines()) <= 1
    assert told == "" or told.startswith(f"{tmp_path}/topology.csv")


def test_a_topology_runs_on_a_chip(tmp_path: Path) -> None:
    net = read(tmp_path, CONV)
    report = da.simulate(net, "eyeriss")
    assert report.macs == net.total_macs
    net.save(tmp_path / "net.yaml")
    assert da.Network.load(tmp_path / "net.yaml") == net
