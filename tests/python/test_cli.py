"""Does the shell give what Python gives, and is every mistake one sentence and exit code 2?"""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from report_factory import make_report

from dnnaccel import __version__
from dnnaccel.cli import cli, run
from interrupting import interrupt

DNNACCEL = [sys.executable, "-c", "from dnnaccel.cli import main; main()"]


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str]):
    """Run a command line in this process; gives exit code, stdout and stderr."""

    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(arguments)
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


@pytest.fixture
def instant(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    """Replace the simulation by a report at hand; gives what it was called with."""
    import importlib

    calls: list[dict[str, object]] = []

    def simulate(network: object, chip: object, **options: object):
        calls.append({"network": network, "chip": chip} | options)
        return make_report()

    monkeypatch.setattr(importlib.import_module("dnnaccel.simulate"), "simulate", simulate)
    return calls


def test_the_main_job(shell) -> None:
    code, out, err = shell("simulate", "lenet5", "--arch", "eyeriss")
    assert (code, err) == (0, "")
    assert max(len(line) for line in out.splitlines()) <= 120
    for words in ("lenet5 on eyeriss", "total", "energy per inference", "frames/s", "average power"):
        assert words in out


def test_the_shell_gives_what_python_gives(shell) -> None:
    from dnnaccel import arch, zoo
    from dnnaccel.simulate import simulate

    chip = arch.load("eyeriss").override({"glb.size_bytes": 65536})
    report = simulate(zoo.load("lenet5", batch=2), chip, dataflow="ws", objective="latency")
    options = "--set glb.size_bytes=65536 --batch 2 --dataflow ws --objective latency"
    line = ("simulate", "lenet5", "--arch", "eyeriss", *options.split())
    assert shell(*line, "--format", "json")[1] == report.to_json()
    assert shell(*line, "--format", "csv")[1] == report.to_csv()
    assert shell(*line)[1] == f"{report}\n"


def test_options_reach_the_simulation(shell, instant) -> None:
    shell(
        "simulate",
        "alexnet:conv2",
        "-a",
        "eyeriss",
        "-d",
        "os",
        "--batch",
        "3",
        "--threads",
        "2",
        "--set",
        "clock_mhz=50",
    )
    (call,) = instant
    assert call["network"].name == "conv2"
    assert call["network"].input_shapes[0][0] == 3
    assert call["chip"].clock_mhz == 50
    assert call["dataflow"] == "os"
    assert call["objective"] == "energy"
    assert call["threads"] == 2


@pytest.mark.parametrize("suffix", ["json", "csv", "txt", "html"])
def test_output_goes_to_the_file_alone(shell, instant, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out.{suffix}"
    code, out, err = shell("simulate", "lenet5", "--arch", "eyeriss", "--output", str(path))
    assert (code, out, err) == (0, "", f"wrote {path}\n")
    assert path.read_text() == make_report().render("table" if suffix == "txt" else suffix)
    assert shell("simulate", "lenet5", "--arch", "eyeriss", "-o", str(path), "--quiet") == (0, "", "")


def test_format_wins_over_the_suffix(shell, instant, tmp_path: Path) -> None:
    path = tmp_path / "out.dat"
    assert shell("simulate", "lenet5", "-a", "eyeriss", "-o", str(path), "--format", "json")[0] == 0
    assert json.loads(path.read_text())["network"] == "tiny"


SIMULATE = ("simulate", "lenet5", "--arch", "eyeriss")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("simulate", "alexnt", "--arch", "eyeriss"), "unknown network 'alexnt'; did you mean 'alexnet'?"),
        (("simulate", "lenet5", "--arch", "eyerss"), "unknown chip 'eyerss'; did you mean 'eyeriss'?"),
        (("simulate", "lenet5", "--arch", "missing.yaml"), "missing.yaml"),
        (("simulate", "alexnet:conv9", "--arch", "eyeriss"), "did you mean 'conv"),
        (("simulate", "lenet5"), "'--arch'"),
        (("simulate",), "NETWORK"),
        ((*SIMULATE, "--dataflow", "wss"), "unknown dataflow 'wss'; did you mean 'ws'?"),
        ((*SIMULATE, "--objective", "speed"), "'speed' is not one of 'energy', 'latency', 'edp'"),
        ((*SIMULATE, "--format", "xml"), "'xml' is not one of 'table', 'json', 'csv'"),
        ((*SIMULATE, "--batch", "0"), "0 is not in the range"),
        ((*SIMULATE, "--batch", "two"), "'two' is not a valid integer"),
        ((*SIMULATE, "--threads", "0"), "0 is not in the range"),
        ((*SIMULATE, "--set", "glb"), "--set 'glb' is not KEY=VALUE, for instance --set pe_array.rows=8"),
        ((*SIMULATE, "--set", "=3"), "is not KEY=VALUE"),
        ((*SIMULATE, "--set", "glb.size_bytes="), "is not KEY=VALUE"),
        ((*SIMULATE, "--set", "clock_mhz=1", "--set", "clock_mhz=2"), "clock_mhz is given twice"),
        ((*SIMULATE, "--set", "glb.size_byte=3"), "size_bytes"),
        ((*SIMULATE, "--set", "glbb.size_bytes=3"), "glb"),
        ((*SIMULATE, "--set", "glb.size_bytes=-3"), "size_bytes"),
        ((*SIMULATE, "--set", "glb.size_bytes=lots"), "size_bytes"),
        ((*SIMULATE, "--set", "clock_mhz=nan"), "clock_mhz"),
        ((*SIMULATE, "--output", "out.xlsx"), "has the suffix .xlsx"),
        ((*SIMULATE, "--output", "no/such/dir/out.json"), "there is no directory no/such/dir"),
        ((*SIMULATE, "--outptu", "x.json"), "--outptu"),
        ((*SIMULATE, "surplus"), "surplus"),
        (("simulat", "lenet5"), "unknown command 'simulat'; did you mean 'simulate'?"),
        (("compare", "lenet5,alexnt", "--arch", "eyeriss"), "did you mean 'alexnet'?"),
        (("compare", "lenet5", "--arch", "eyeriss,tpu"), "unknown chip 'tpu'"),
        (("compare", "lenet5", "--arch", "eyeriss", "--dataflows", "ws,oz"), "unknown dataflow 'oz'"),
        (("compare", ",", "--arch", "eyeriss"), "needs at least one network"),
        (("show", "alexnt"), "unknown network, chip or dataflow 'alexnt'; did you mean 'alexnet'?"),
        (("show", "alexnet:conv11"), "did you mean 'conv1'?"),
        (("show", "nowhere.yaml"), "nowhere.yaml"),
        (("show",), "NAME"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(shell, tmp_path, monkeypatch, arguments, words) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = shell(*arguments)
    assert code == 2
    assert out == ""
    assert err.startswith("dnnaccel: error: ")
    assert words in err
    assert err.count("\n") == 1
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_output_is_known_before_the_work(shell, instant, tmp_path: Path) -> None:
    (tmp_path / "out.json").mkdir()
    code, _, err = shell(*SIMULATE, "--output", str(tmp_path / "out.json"))
    assert code == 2
    assert "it is a directory" in err
    assert instant == []


def test_a_malformed_chip_is_named_with_its_line(shell, tmp_path: Path) -> None:
    from dnnaccel import arch

    path = tmp_path / "chip.yaml"
    path.write_text(arch.load("example").to_yaml().replace("size_bytes", "size_byte", 1))
    code, out, err = shell("simulate", "lenet5", "--arch", str(path))
    assert (code, out) == (2, "")
    assert "size_byte: unknown key; did you mean size_bytes?" in err
    assert "Traceback" not in err


def test_a_mistake_from_a_real_shell() -> None:
    done = subprocess.run(
        [*DNNACCEL, "simulate", "alexnt", "--arch", "eyeriss"], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == "dnnaccel: error: unknown network 'alexnt'; did you mean 'alexnet'?\n"


def test_compare_puts_rows_in_one_table(shell) -> None:
    code, out, err = shell("compare", "lenet5", "--arch", "eyeriss,eyeriss_isca16_rs", "--dataflows", "ws,os")
    assert (code, err) == (0, "")
    assert out.count("lenet5") >= 4
    assert "1.00x" in out
    assert max(len(line) for line in out.splitlines()) <= 120
    rows = shell("compare", "lenet5", "-a", "eyeriss", "-d", "ws,os", "--format", "csv")[1]
    assert [row["dataflow"] for row in csv.DictReader(io.StringIO(rows))] == ["ws", "os"]


def test_lists_name_everything_there_is(shell) -> None:
    from dnnaccel import arch, zoo

    _, nets, _ = shell("networks")
    _, chips, _ = shell("archs")
    assert all(name in nets for name in zoo.names())
    assert all(name in chips for name in arch.names())
    assert "724.4M" in nets
    assert max(len(line) for line in (nets + chips).splitlines()) <= 120


def test_show_knows_networks_layers_chips_and_dataflows(shell, tmp_path: Path) -> None:
    from dnnaccel import arch, dataflow

    assert "conv1" in shell("show", "alexnet")[1]
    assert "105,415,200" in shell("show", "alexnet:conv1")[1]
    assert shell("show", "eyeriss")[1] == arch.load("eyeriss").draw().rstrip("\n") + "\n"
    for name in dataflow.names():
        assert name in shell("show", name)[1]
    path = tmp_path / "mine.yaml"
    path.write_text(arch.load("example").to_yaml())
    assert "pe_array" in shell("show", str(path))[1]


@pytest.mark.parametrize(
    "command", [(), ("--help",), ("-h",), *((name, "--help") for name in sorted(cli.commands))]
)
def test_every_command_explains_itself(shell, command) -> None:
    code, out, err = shell(*command)
    assert (code, err) == (0, "")
    assert "Usage: dnnaccel" in out
    assert max(len(line) for line in out.splitlines()) <= 100


@pytest.mark.parametrize("name", ["simulate", "compare", "show"])
def test_help_has_examples(shell, name: str) -> None:
    lines = [line.strip() for line in shell(name, "--help")[1].splitlines()]
    assert any(line.startswith(f"dnnaccel {name} ") for line in lines[lines.index("Examples:") :])


def test_version(shell) -> None:
    assert shell("--version") == (0, f"dnnaccel {__version__}\n", "")


def test_the_package_is_a_command_too() -> None:
    done = subprocess.run([sys.executable, "-m", "dnnaccel", "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"dnnaccel {__version__}\n"), done.stderr


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("dnnaccel simulate alex", "alexnet"),
        ("dnnaccel simulate alexnet:conv", "alexnet:conv1"),
        ("dnnaccel simulate alexnet --arch eye", "eyeriss"),
        ("dnnaccel compare lenet5,alex", "lenet5,alexnet"),
        ("dnnaccel compare lenet5 --dataflows ws,r", "ws,rs"),
        ("dnnaccel show tpu", "tpu_v1"),
    ],
)
def test_names_are_completed(words: str, wanted: str) -> None:
    count = len(words.split()) - 1
    variables = {"_DNNACCEL_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(count)}
    done = subprocess.run(DNNACCEL, env=os.environ | variables, capture_output=True, text=True, check=True)
    assert f"plain,{wanted}" in done.stdout.splitlines()
    assert done.stderr == ""


def test_interrupting_exits_with_130(shell, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib

    def simulate(*given: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(importlib.import_module("dnnaccel.simulate"), "simulate", simulate)
    code, out, err = shell(*SIMULATE)
    assert (code, out) == (130, "")
    assert err.strip() == "dnnaccel: interrupted"


def test_ctrl_c_ends_a_long_job_at_once() -> None:
    line = (
        "compare",
        "resnet50,vgg16,alexnet",
        "--arch",
        "eyeriss,eyeriss_isca16_rs,example",
        "-d",
        "ws,is,os,free",
    )
    # Loaded before it says so: an interruption of Python's own start is Python's to report.
    script = "from dnnaccel import cli, arch, zoo; print('ready', flush=True); cli.main()"
    ended = interrupt(script, *line, wait=1.5)
    assert ended.seconds < 5
    assert (ended.returncode, ended.out, ended.err.strip()) == (130, "", "dnnaccel: interrupted")


def test_a_broken_pipe_is_quiet() -> None:
    job = subprocess.Popen([*DNNACCEL, "networks"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert job.stdout is not None
    assert job.stderr is not None
    job.stdout.close()
    assert job.stderr.read() == ""
    job.stderr.close()
    job.wait(timeout=30)


def test_an_ascii_terminal_still_gets_its_table() -> None:
    done = subprocess.run(
        [*DNNACCEL, "networks"],
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=True,
    )
    assert b"alexnet" in done.stdout


def test_progress_is_shown_to_a_terminal_alone(shell, instant) -> None:
    assert shell(*SIMULATE)[2] == ""
    assert instant[0]["progress"] is None


def test_a_terminal_gets_a_progress_bar() -> None:
    import pty

    ours, theirs = pty.openpty()
    job = subprocess.Popen(
        [*DNNACCEL, *SIMULATE, "--format", "csv"],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env=os.environ | {"TERM": "xterm"},
    )
    os.close(theirs)
    out, _ = job.communicate(timeout=60)
    shown = b""
    try:
        while chunk := os.read(ours, 4096):
            shown += chunk
    except OSError:
        pass  # Linux says EIO when the other end is closed
    os.close(ours)
    assert job.returncode == 0
    assert out.startswith(b"network,chip,")
    assert b"\x1b[" in shown
