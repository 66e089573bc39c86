"""Do --image-size, --sequence-length and --width reach the network, from every command that loads one?"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from report_factory import make_report

from dnnaccel import NetworkBuilder, zoo
from dnnaccel.cli import run


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str]):
    """Run a command line in this process; gives exit code, stdout and stderr."""

    def call(line: str) -> tuple[int, str, str]:
        code = run(line.split())
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Networks and layers that the simulation is called with; a report at hand stands for its own."""
    given: list[object] = []

    def simulate(network: object, chip: object, **options: object):
        given.append(network)
        return make_report()

    monkeypatch.setattr(importlib.import_module("dnnaccel.simulate"), "simulate", simulate)
    return given


@pytest.mark.parametrize(
    ("words", "name", "options"),
    [
        ("resnext50_32x4d --image-size 320", "resnext50_32x4d", {"image_size": 320}),
        ("bert_base --sequence-length 512", "bert_base", {"sequence_length": 512}),
        (
            "mobilenet_v1 --width 0.5 --image-size 160 --batch 3",
            "mobilenet_v1",
            {"width": 0.5, "image_size": 160, "batch": 3},
        ),
    ],
)
def test_simulate_takes_the_network_of_that_size(shell, simulated, words, name, options) -> None:
    assert shell(f"simulate {words} --arch eyeriss")[0] == 0
    assert simulated == [zoo.load(name, **options)]
    assert simulated != [zoo.load(name)]


def test_simulate_takes_a_layer_of_that_size(shell, simulated) -> None:
    assert shell("simulate mobilenet_v1:conv1 --image-size 160 --width 0.25 --arch eyeriss")[0] == 0
    assert simulated[0].input_shapes == ((1, 3, 160, 160),)
    assert simulated[0].output_shape == (1, 8, 80, 80)


def test_the_shell_gives_what_python_gives(shell) -> None:
    from dnnaccel.simulate import simulate

    report = simulate(zoo.load("lenet5", image_size=36, batch=2), "eyeriss")
    assert (
        shell("simulate lenet5 --image-size 36 --batch 2 --arch eyeriss --format json")[1] == report.to_json()
    )


def test_compare_gives_every_network_that_size(shell) -> None:
    code, out, err = shell("compare lenet5,lenet_caffe --image-size 36 --arch eyeriss --format json")
    assert (code, err) == (0, "")
    rows = json.loads(out)["rows"]
    assert [row["macs"] for row in rows] == [
        zoo.load(name, image_size=36).total_macs for name in ("lenet5", "lenet_caffe")
    ]


def test_networks_lists_the_variant_and_what_is_quoted_for_it(shell) -> None:
    code, out, err = shell("networks mobilenet_v1 --image-size 160 --width 0.5 --format json")
    assert (code, err) == (0, "")
    (row,) = json.loads(out)
    assert row["input_shapes"] == [[1, 3, 160, 160]]
    # The 0.50-160 model of the paper.
    assert (row["top1"], row["quoted_macs"]) == (60.2, 76_000_000)
    assert row["macs"] == zoo.load("mobilenet_v1", image_size=160, width=0.5).total_macs
    assert "3x96x96" in shell("networks mobilenet_v? --image-size 96 --details")[1]


def test_show_and_draw_take_the_variant(shell) -> None:
    net = zoo.load("mobilenet_v1", width=0.5)
    assert shell("show mobilenet_v1 --width 0.5") == (0, f"{net.summary()}\n", "")
    assert "1x16x112x112" in shell("show mobilenet_v1:conv1 --width 0.5")[1]
    net = zoo.load("bert_base", sequence_length=64)
    assert shell("draw bert_base --sequence-length 64") == (0, net.draw(), "")
    assert net.draw() != zoo.load("bert_base").draw()


def test_draw_and_show_take_files(shell, tmp_path: Path) -> None:
    net = zoo.load("lenet5")
    path = tmp_path / "net.yaml"
    net.save(path)
    assert shell(f"draw {path}") == (0, net.draw(), "")
    assert shell(f"show {path}") == (0, f"{net.summary()}\n", "")
    assert "117,600" in shell(f"show {path}:conv1")[1]
    (tmp_path / "net.csv").write_text("Layer, M, N, K,\nfc, 4, 5, 6,\n")
    assert "120" in shell(f"show {tmp_path}/net.csv:fc")[1]


def test_show_tells_a_broken_network_as_one(shell, tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text("# mine\ndnnaccel_network: 1\nname: small\n")
    code, out, err = shell(f"show {path}")
    assert (code, out) == (2, "")
    assert "inputs" in err
    assert "layers" in err


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (
            "simulate lenet5 -a eyeriss --width 2",
            "network 'lenet5' has no option width; it has batch, image_size",
        ),
        ("simulate lenet5 -a eyeriss --sequence-length 2", "'lenet5' has no option sequence_length"),
        ("compare lenet5,lstm -a eyeriss --image-size 32", "network 'lstm' has no option image_size"),
        ("networks lstm --image-size 32", "network 'lstm' has no option image_size"),
        ("show lstm --image-size 32", "network 'lstm' has no option image_size"),
        ("show eyeriss --image-size 32", "unknown network 'eyeriss'"),
        ("draw lstm --image-size 32", "network 'lstm' has no option image_size"),
        ("draw mobilenet_v1 --width nan", "width must be a number above 0, at most 16, given nan"),
        ("draw mobilenet_v1 --width wide", "'wide' is not a valid float"),
        ("draw lenet5 --image-size 0", "0 is not in the range"),
        ("draw lenet5 --image-size 1e3", "'1e3' is not a valid integer"),
        ("draw lenet5 --image-size 99999999999", "image_size must be a whole number from 1 to 2**31 - 1"),
        ("show vgg16 --image-size 2147483647", "'conv1_1'"),
        ("draw net.txt", "unknown suffix of a network's file '.txt'"),
        ("draw lenet5.yaml", "lenet5.yaml"),
    ],
)
def test_a_size_that_cannot_be_is_one_sentence(shell, tmp_path, monkeypatch, line: str, words: str) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = shell(line)
    assert (code, out) == (2, "")
    assert err.startswith("dnnaccel: error: ")
    assert words in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("--image-size 32", "a file has its own sizes; leave --image-size out"),
        (
            "--width 0.5 --sequence-length 9",
            "a file has its own sizes; leave --sequence-length and --width out",
        ),
        ("--batch 2 --image-size 32", "a file has its own sizes; leave --batch and --image-size out"),
        ("--batch 2", "a file has its own batch; leave --batch out"),
    ],
)
@pytest.mark.parametrize("suffix", ["yaml", "csv", "onnx"])
def test_a_file_has_its_own_sizes(shell, suffix: str, options: str, sentence: str) -> None:
    line = f"simulate net.{suffix}:conv --arch eyeriss {options}"
    assert shell(line) == (2, "", f"dnnaccel: error: net.{suffix}: {sentence}\n")


def test_a_file_without_options_still_runs(shell, tmp_path: Path) -> None:
    b = NetworkBuilder("small", input_shape=(4, 3, 8, 8))
    b.conv2d("conv", out_channels=4, kernel=3)
    b.build().save(tmp_path / "small.yaml")
    code, out, err = shell(f"simulate {tmp_path}/small.yaml --arch eyeriss --format json")
    assert (code, err) == (0, "")
    assert json.loads(out)["macs"] == b.build().total_macs


@pytest.mark.parametrize("command", ["simulate", "compare", "draw", "networks", "show"])
def test_help_explains_the_sizes(shell, command: str) -> None:
    out = shell(f"{command} --help")[1]
    for option in ("--image-size PIXELS", "--sequence-length STEPS", "--width FACTOR"):
        assert option in out
    assert any(
        "--image-size " in line or "--sequence-length " in line
        for line in out.split("Examples:")[1].splitlines()
    )


def test_the_command_line_loads_what_a_command_needs_when_it_runs() -> None:
    probe = (
        "import sys; from dnnaccel.cli import run; code = run(['--help'])\n"
        "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert "Usage: dnnaccel" in done.stdout
    loaded = set(done.stderr.split())
    assert "click" in loaded
    assert not loaded & {"yaml", "pydantic", "rich", "pandas", "onnx", "torch", "matplotlib"}
