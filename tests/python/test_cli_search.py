"""Do `dnnaccel search` and `evaluate` give what Python gives, in files too, and is a mistake one sentence?"""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

import dnnaccel as da
from dnnaccel import arch, mapper
from dnnaccel.cli import run
from dnnaccel.errors import SearchInterrupted
from dnnaccel.mapping import Mapping
from interrupting import interrupt

DNNACCEL = [sys.executable, "-c", "from dnnaccel.cli import main; main()"]
EVALUATE = ("evaluate", "lenet5:conv2", "--arch", "eyeriss", "--mapping", "m.txt")
SEARCH = ("search", "lenet5:conv2", "--arch", "eyeriss")


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Run a command line in this process, in an empty directory; gives exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(arguments)
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


@pytest.fixture
def instant(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    """Make the search quick; gives what it was called with."""
    module, calls = importlib.import_module("dnnaccel.mapper"), list[dict[str, object]]()
    found = da.search(da.zoo.load("lenet5")["conv2"], arch.load("eyeriss"), objective="pareto")

    def search(layer: object, chip: object, flow: object, objective: str, **options: object):
        calls.append({"layer": layer, "chip": chip, "flow": flow, "objective": objective} | options)
        return found

    monkeypatch.setattr(module, "search", search)
    return calls


def without_time(text: str) -> str:
    return re.sub(r"search time.*", "search time", text)


# ------------------------------------------------------------------------------------------------------------
# What it prints and writes


def test_the_main_job(shell) -> None:
    code, out, err = shell(*SEARCH)
    found = da.search(da.zoo.load("lenet5")["conv2"], arch.load("eyeriss"))
    assert (code, err) == (0, "")
    assert without_time(out) == without_time(f"{found}\n")
    for words in ("parallel-for", "% full", "energy %", "cycles = ", "J per MAC", "mappings costed"):
        assert words in out


def test_json_goes_to_a_file_beside_the_nest_or_alone_to_stdout(shell, tmp_path: Path) -> None:
    found = da.search(da.zoo.load("lenet5")["conv2"], arch.load("eyeriss"))
    code, out, err = shell(*SEARCH, "--json", "found.json")
    assert (code, err) == (0, "wrote found.json\n")
    assert "parallel-for" in out
    assert (tmp_path / "found.json").read_text() == found.to_json()
    assert shell(*SEARCH, "--json", "-") == (0, found.to_json(), "")


@pytest.mark.parametrize("objective", mapper.OBJECTIVES)
def test_a_saved_mapping_costs_the_same_when_it_is_evaluated(shell, objective: str) -> None:
    chip = ("--arch", "eyeriss", "--batch", "2", "--set", "glb.size_bytes=65536")
    code, out, err = shell(
        "search", "lenet5:conv2", *chip, "--objective", objective, "--save", "m.txt", "--json", "-"
    )
    assert (code, err) == (0, "wrote m.txt\n")
    found = json.loads(out)
    assert str(Mapping.load("m.txt")) == found["mapping"]
    code, out, err = shell("evaluate", "lenet5:conv2", *chip, "--mapping", "m.txt", "--json", "-")
    assert (code, err) == (0, "")
    assert json.loads(out) == found["cost"]


def test_evaluate_prints_what_python_prints(shell, tmp_path: Path) -> None:
    layer, chip = da.zoo.load("lenet5")["conv2"], arch.load("eyeriss")
    da.search(layer, chip).mapping.save("m.txt")
    cost = da.evaluate(layer, chip, "m.txt")
    assert shell(*EVALUATE) == (0, f"{cost}\n", "")
    assert shell(*EVALUATE, "--json", "c.json", "--quiet") == (0, f"{cost}\n", "")
    assert (tmp_path / "c.json").read_text() == cost.to_json()


def test_evaluate_counts_zeros(shell) -> None:
    layer, chip = da.zoo.load("lenet5")["conv2"], arch.load("eyeriss")
    da.search(layer, chip).mapping.save("m.txt")
    zeros = da.sparsity.uniform(inputs=0.25)
    expected = da.evaluate(layer, chip, "m.txt", density=zeros)
    assert shell(*EVALUATE, "--density", "inputs=0.25", "--json", "-")[1] == expected.to_json()


def test_the_front_is_a_table_and_a_picture(shell, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    code, out, err = shell(*SEARCH, "--objective", "pareto", "--plot", "front.pdf", "--json", "front.json")
    assert code == 0
    assert sorted(err.splitlines()) == ["wrote front.json", "wrote front.pdf"]
    assert (tmp_path / "front.pdf").read_bytes().startswith(b"%PDF")
    front = json.loads((tmp_path / "front.json").read_text())["pareto"]
    assert len(front) >= 2
    assert f"{len(front)} points under dataflow rs" in out
    assert "least energy" in out
    assert "fewest cycles" in out
    for one, other in pairwise(front):
        assert one["energy"] < other["energy"]
        assert one["cycles"] > other["cycles"]


def test_options_reach_the_search(shell, instant) -> None:
    options = "-d free --objective edp --max-energy 1e9 --max-cycles 5000 --batch 3 --threads 2 --density 0.5"
    assert shell(*SEARCH, *options.split(), "--set", "clock_mhz=50")[0] == 0
    (call,) = instant
    assert call["layer"].name == "conv2"
    assert call["layer"].input_shapes[0][0] == 3
    assert call["chip"].clock_mhz == 50
    assert (call["flow"], call["objective"], call["threads"]) == ("free", "edp", 2)
    assert (call["max_energy"], call["max_cycles"]) == (1e9, 5000)
    assert call["density"] == da.sparsity.uniform(inputs=0.5, weights=0.5)


def test_limits_are_kept(shell) -> None:
    fast = json.loads(shell(*SEARCH, "--objective", "latency", "--json", "-")[1])["cost"]
    frugal = json.loads(shell(*SEARCH, "--json", "-")[1])["cost"]
    limit = (fast["energy"] + frugal["energy"]) / 2
    line = (*SEARCH, "--objective", "latency", "--max-energy", str(limit), "--json", "-")
    within = json.loads(shell(*line)[1])["cost"]
    assert within["energy"] <= limit
    assert within["cycles"] >= fast["cycles"]


def test_a_network_with_one_layer_of_macs_needs_no_name(shell, instant, tmp_path: Path) -> None:
    b = da.NetworkBuilder("tiny", input_shape=(1, 3, 8, 8))
    b.conv2d("only", out_channels=4, kernel=3)
    b.relu("after")
    b.build().save("tiny.yaml")
    assert shell("search", "tiny.yaml", "--arch", "eyeriss")[0] == 0
    assert instant[0]["layer"].name == "only"


# ------------------------------------------------------------------------------------------------------------
# Mistakes


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("search", "alexnt:conv1", "-a", "eyeriss"), "unknown network 'alexnt'; did you mean 'alexnet'?"),
        (
            ("search", "alexnet:cov1", "-a", "eyeriss"),
            "unknown layer of alexnet 'cov1'; did you mean 'conv1'?",
        ),
        (
            ("search", "alexnet", "-a", "eyeriss"),
            "8 layers with MACs; name one, such as alexnet:conv1 (conv1, ",
        ),
        (("search", "resnet50", "-a", "eyeriss"), " and others)"),
        (("search", "alexnet:pool1", "-a", "eyeriss"), "'pool1' of alexnet (max_pool) has no MACs"),
        (("search", "alexnet:conv1"), "'--arch'"),
        (("search",), "NETWORK"),
        (("search", "alexnet:conv1", "-a", "eyerss"), "unknown chip 'eyerss'; did you mean 'eyeriss'?"),
        ((*SEARCH, "-d", "rss"), "unknown dataflow 'rss'"),
        ((*SEARCH, "--objective", "speed"), "is not one of 'energy', 'latency', 'edp', 'pareto'"),
        ((*SEARCH, "--max-energy", "lots"), "'lots' is not a valid float"),
        ((*SEARCH, "--max-energy", "nan"), "it must be a positive finite number"),
        ((*SEARCH, "--max-cycles", "-3"), "it must be a positive finite number"),
        ((*SEARCH, "--max-energy", "1"), "no mapping is within max_energy=1 pJ; the least energy"),
        ((*SEARCH, "--density", "2"), "2"),
        ((*SEARCH, "--set", "glb.size_bytes=2"), "level glb needs"),
        ((*SEARCH, "--threads", "0"), "0 is not in the range"),
        ((*SEARCH, "--save", "no/such/m.txt"), "there is no directory no/such"),
        ((*SEARCH, "--json", "no/such/m.json"), "there is no directory no/such"),
        ((*SEARCH, "--save", "."), "it is a directory"),
        (
            (*SEARCH, "--plot", "nest.pdf", "--plot-kind", "nets"),
            "unknown kind of plot 'nets'; did you mean 'nest'?",
        ),
        ((*SEARCH, "--plot-kind", "nest"), "--plot-kind says how to draw; give --plot FILE to draw into"),
        ((*SEARCH, "--objective", "pareto", "--plot", "front.doc"), "the suffix says the format"),
        ((*SEARCH, "--objective", "pareto", "--plot", "no/front.pdf"), "there is no directory no"),
        (("evaluate", "lenet5:conv2", "-a", "eyeriss"), "'--mapping'"),
        (("evaluate", "lenet5:conv2", "-a", "eyeriss", "-m", "none.txt"), "none.txt: no such file"),
        (("evaluate", "lenet5:conv2", "-a", "eyeriss", "-m", "."), "is a directory"),
        (("evaluate", "lenet5", "-a", "eyeriss", "-m", "none.txt"), "name one, such as lenet5:conv1"),
        (("sarch", "lenet5"), "unknown command 'sarch'; did you mean 'search'?"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(shell, tmp_path: Path, arguments, words: str) -> None:
    pytest.importorskip("matplotlib")
    code, out, err = shell(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("dnnaccel: error: ")
    assert words in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("dram [inputs, weights, outputs]\nfro M step 1\n", "m.txt:2: 'fro M step 1' is neither a level"),
        ("drum [inputs, weights, outputs]\n", "has level 'drum', eyeriss has not; did you mean 'dram'?"),
        ("dram [inputs, weights, outputs]\n  for M step 1\n", "C"),
    ],
)
def test_a_mapping_that_is_none_is_one_sentence(shell, text: str, words: str) -> None:
    Path("m.txt").write_text(text)
    code, out, err = shell(*EVALUATE)
    assert (code, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1


def test_a_picture_without_matplotlib_is_refused_before_the_search(
    shell, instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    code, _, err = shell(*SEARCH, "--objective", "pareto", "--plot", "front.pdf")
    assert code == 2
    assert "pip install 'dnnaccel[plot]'" in err
    assert instant == []


def test_help_has_examples_in_short_lines() -> None:
    for command in ("search", "evaluate"):
        done = subprocess.run([*DNNACCEL, command, "--help"], capture_output=True, text=True, check=True)
        assert max(len(line) for line in done.stdout.splitlines()) <= 100
        assert f"  dnnaccel {command} vgg16:conv3_2 --arch eyeriss" in done.stdout


# ------------------------------------------------------------------------------------------------------------
# Ctrl-C


def test_an_interrupted_search_keeps_what_it_has(
    shell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = da.search(da.zoo.load("lenet5")["conv2"], arch.load("eyeriss"))

    def search(*_: object, **__: object):
        raise SearchInterrupted(found)

    monkeypatch.setattr(importlib.import_module("dnnaccel.mapper"), "search", search)
    code, out, err = shell(*SEARCH, "--save", "m.txt", "--quiet")
    assert (code, err.strip()) == (130, "dnnaccel: interrupted")
    assert out == f"{found}\n"
    assert Mapping.load(tmp_path / "m.txt") == found.mapping


@pytest.mark.skipif(os.name == "nt", reason="signals of another kind")
def test_ctrl_c_ends_it_within_a_second() -> None:
    ended = interrupt(
        "from dnnaccel import mapper\n"
        "mapper._EFFORT.update(proposals=50_000_000, proof=0)\n"
        "print('ready', flush=True)\n"
        "from dnnaccel.cli import main\n"
        "main()",
        *("search", "vgg16:conv3_2", "--arch", "eyeriss"),
        wait=2.0,
    )
    assert ended.seconds < 2.0
    assert ended.returncode == 130
    assert "Traceback" not in ended.err
    assert ended.err.endswith("dnnaccel: interrupted\n")
