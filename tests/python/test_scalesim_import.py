"""SCALE-Sim's topology files: their quirks are understood, and what is not is told by line and column."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

import dnnaccel as da
from dnnaccel.cli import run
from dnnaccel.errors import ImportedFileError

HEADER = (
    "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,\n"
)


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "net.csv"
    path.write_text(text)
    return path


def read(tmp_path: Path, lines: str, header: str = HEADER) -> da.Network:
    return da.from_scalesim(write(tmp_path, header + lines))


def test_convolutions_with_and_without_the_last_comma(tmp_path: Path) -> None:
    net = read(tmp_path, "Conv1, 227, 227, 11, 11, 3, 96, 4,\n\n ,,\n\tConv2 , 31,31, 5,5,96,256,1\n")
    assert net.name == "net"
    assert net.total_macs == 105_415_200 + 27 * 27 * 25 * 96 * 256
    assert net["Conv1"].output_shape == (1, 96, 55, 55)
    assert net.inputs == {"Conv1.ifmap": (1, 3, 227, 227), "Conv2.ifmap": (1, 96, 31, 31)}


def test_two_strides_and_sparsity(tmp_path: Path) -> None:
    net = read(tmp_path, "a, 9, 9, 3, 3, 2, 4, 1, 2,\nb, 9, 9, 3, 3, 2, 4, 3, 2:4,\nc,9,9,3,3,2,4,1,1,1:2")
    assert net["a"].output_shape == (1, 4, 7, 4)
    assert net["b"].output_shape == (1, 4, 3, 3)
    assert net.metadata["sparsity"] == "b 2:4, c 1:2"


@pytest.mark.parametrize(("size", "kernel", "stride"), [(10, 3, 2), (11, 3, 4), (12, 5, 3), (7, 7, 2)])
def test_a_partial_window_makes_an_output(tmp_path: Path, size: int, kernel: int, stride: int) -> None:
    net = read(tmp_path, f"a, {size}, {size + 1}, {kernel}, {kernel}, 2, 4, {stride},\n")
    # SCALE-Sim's formula: ceil((H - r + stride) / stride).
    rows, columns = (-(-(each - kernel + stride) // stride) for each in (size, size + 1))
    assert net["a"].output_shape == (1, 4, rows, columns)
    assert net["a"].macs == rows * columns * kernel**2 * 2 * 4


def test_depthwise_by_name(tmp_path: Path) -> None:
    net = read(tmp_path, "Conv1DP, 16, 16, 3, 3, 8, 2, 1,\n")
    assert net["Conv1DP"].kind == "depthwise"
    assert net["Conv1DP"].macs == 8 * 2 * 14 * 14 * 9


def test_matrix_products(tmp_path: Path) -> None:
    net = read(tmp_path, "GEMM1, 128, 64, 32,\nGEMM2, 1, 10, 5\n", header="Layer, M, N, K,\n")
    assert net["GEMM1"].macs == 128 * 64 * 32
    assert net["GEMM1"].output_shape == (1, 128, 64)
    assert net.total_weights == 64 * 32 + 50
    assert da.from_scalesim(tmp_path / "net.csv", kind="gemm", name="mine").name == "mine"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("", "net.csv: holds no layers below its header"),
        ("a, 9, 9, 3, B, 2, 4, 1,", "net.csv:2, column 5: filter columns must be a whole number from 1"),
        ("a, 9, 9, 3, , 2, 4, 1,", "net.csv:2, column 5: filter columns must be a whole number"),
        ("a, 9, 9, 3, 3, 2, 4,", "net.csv:2: 6 numbers behind the name; wanted 7 numbers"),
        ("a, 9, 9, 3, 3, 2, 4, 1,\nb, 1, 2, 3", "net.csv:3: 3 numbers behind the name; wanted 7 numbers"),
        ("a, 9, 9, 3, 3, 2, 4, 1, 2:x,", "net.csv:2, column 9: sparsity is N:M, as 2:4, found '2:x'"),
        ("a, 9, 9, 3, 3, 2, 4, 1.5,", "net.csv:2, column 8: stride must be a whole number"),
        ("a, 9, 9, 11, 3, 2, 4, 1,", "net.csv:2: .*does not fit"),
        (", 9, 9, 3, 3, 2, 4, 1,", "net.csv:2, column 1: a layer's name is wanted, found ''"),
        ("a,9,9,3,3,2,4,1\na,9,9,3,3,2,4,1", "net.csv:3: a layer of the name 'a' stands above already"),
        ("a,2147483647,2147483647,1,1,2147483647,9,1", "net.csv:2: "),
    ],
)
def test_what_is_not_understood_is_told_by_line_and_column(tmp_path: Path, lines: str, message: str) -> None:
    with pytest.raises(ImportedFileError, match=message) as caught:
        read(tmp_path, lines)
    assert str(caught.value).isprintable()


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(ImportedFileError, match="cannot be read"):
        da.from_scalesim(tmp_path / "nothing.csv")
    (tmp_path / "bytes.csv").write_bytes(b"a\n\xff\xfe")
    with pytest.raises(ImportedFileError, match="is no text in UTF-8 from byte 2 on"):
        da.from_scalesim(tmp_path / "bytes.csv")
    (tmp_path / "large.csv").write_bytes(b"\n" * (4 * 2**20 + 1))
    with pytest.raises(ImportedFileError, match="is larger than"):
        da.from_scalesim(tmp_path / "large.csv")
    path = write(tmp_path, HEADER + "a, 9, 9, 3, 3, 2, 4, 1,")
    with pytest.raises(ImportedFileError, match="leave dims out"):
        da.from_scalesim(path, dims={"batch": 1})
    with pytest.raises(ImportedFileError, match="kind must be 'conv' or 'gemm', given 'fc'"):
        da.from_scalesim(path, kind="fc")
    with pytest.raises(ImportedFileError, match=r"7 numbers behind the name; wanted 3 numbers"):
        da.from_scalesim(path, kind="gemm")


def test_mutated_files_are_read_or_refused_in_one_line(tmp_path: Path) -> None:
    sound = (HEADER + "Conv1, 27, 27, 3, 3, 3, 8, 2,\nConv2DP, 13, 13, 3, 3, 8, 1, 1, 2:4,\n").encode()
    path, refused = tmp_path / "net.csv", 0
    for seed in range(200):
        rng = random.Random(seed)
        data = bytearray(sound)
        for _ in range(rng.choice((1, 2, 8))):
            at = rng.randrange(len(HEADER), len(data))
            if rng.random() < 0.5:
                data[at] = rng.choice(b",,:9\n\x00 -\xe9x")
            else:
                data[at:at] = rng.choice((b"9" * 30, b",", b"\n", b"\r", "é".encode(), b"1e9", b"0"))
        path.write_bytes(bytes(data[: rng.choice((len(data), rng.randrange(len(data))))]))
        try:
            da.from_scalesim(path)
        except ImportedFileError as error:
            said = str(error)
            refused += 1
            if not said.isprintable() or len(said) > 600:
                pytest.fail(f"seed {seed}: {said!r}")
    assert 50 < refused < 200


def test_the_shell_takes_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, HEADER + "Conv1, 16, 16, 3, 3, 2, 4, 1,\n")
    assert run(["simulate", str(path), "--arch", "example", "-q", "--format", "csv"]) == 0
    assert re.search(r"^net,example,ws,1,Conv1,conv2d,14112,", capsys.readouterr().out, re.MULTILINE)
    assert run(["simulate", f"{path}:Conv1", "--arch", "example", "-q"]) == 0
    assert run(["simulate", str(path), "--arch", "example", "-q", "--batch", "2"]) == 2
    assert "a file has its own batch; leave --batch out" in capsys.readouterr().err
