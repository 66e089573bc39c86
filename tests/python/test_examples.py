"""Every example runs as it stands, from any directory, and prints what the package says when asked.

Notebooks are what their scripts say, run, and print the same.
"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

import dnnaccel as da
from dnnaccel.datasets import load_mnist

FOLDER = Path(__file__).parents[2] / "examples"
EXAMPLES = [
    "buffer_sweep",
    "compare_dataflows",
    "dask_sweep",
    "host_cpu",
    "lenet_digits",
    "nas_cells",
    "own_chip",
    "own_onnx",
    "quickstart",
    "sparsity",
]
ONLY_SCRIPTS = {"dask_sweep", "lenet_digits"}
CHANGING = {"host_cpu", "lenet_digits"}
"""Examples that print times, or that tests run at another size."""


def _maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_notebooks", FOLDER / "make_notebooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MAKER = _maker()


@pytest.fixture(autouse=True, scope="module")
def searched_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let an example, its notebook and what they are compared with search for their mappings once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DNNACCEL_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def _sample(name: str) -> list[str]:
    """Return what the examples' README shows of an example's output, but for what changes from run to run."""
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    sample = re.search(rf"^`{name}\.py`\n\n```text\n(.+?)^```$", text, re.M | re.S)
    assert sample is not None
    return [] if name in CHANGING else [line for line in sample[1].splitlines() if line != "..."]


def _run(name: str, folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(FOLDER / f"{name}.py"), *arguments],
        cwd=folder,
        # Threads of small matrix products wait for each other where others use the processor.
        env=os.environ | {"PYTHONIOENCODING": "utf-8", "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert set(_sample(name)) <= set(done.stdout.splitlines())
    return done.stdout


def _until(name: str, mark: str) -> dict[str, Any]:
    """Return the names of an example after what stands before `mark` in it."""
    path = FOLDER / f"{name}.py"
    beginning, found, _ = path.read_text(encoding="utf-8").partition(mark)
    assert found
    names: dict[str, Any] = {"__file__": str(path)}
    exec(compile(beginning, path, "exec"), names)
    return names


def test_these_are_the_examples() -> None:
    there = {path.stem for path in FOLDER.glob("*.py")} - {"make_notebooks"}
    assert there == set(EXAMPLES)
    assert {script.stem for script in MAKER.SCRIPTS} == there - ONLY_SCRIPTS
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    for name in EXAMPLES:
        assert f"]({name}.py)" in text
        assert (f"](notebooks/{name}.ipynb)" in text) == (name not in ONLY_SCRIPTS)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_says_how_it_is_run(name: str) -> None:
    text = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
    docstring = text.split('"""')[1]
    assert f"    python examples/{name}.py\n" in docstring
    assert len(text.splitlines()) < 100 or name == "lenet_digits"


def test_quickstart(tmp_path: Path) -> None:
    said = _run("quickstart", tmp_path)
    report = da.simulate("alexnet", "eyeriss")
    assert str(report) in said
    shares = dict(re.findall(r"^  (\w+) +([0-9.]+)%$", said, re.M))
    assert shares == {
        place: f"{100 * energy / report.energy:.1f}" for place, energy in report.energy_by_level().items()
    }
    assert list(tmp_path.iterdir()) == []


def test_own_chip(tmp_path: Path) -> None:
    file = FOLDER / "own_chip.yaml"
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 30
    said = _run("own_chip", tmp_path)
    assert file.read_text(encoding="utf-8") in said
    names = _until("own_chip", 'print(f"{')
    chip, net, changes = da.arch.load(file), names["net"], names["CHANGES"]
    assert str(chip) in said
    assert str(da.simulate(net, chip)) in said
    rows = re.findall(r"^(.*\S) +([0-9.]+) us +([0-9.]+) uJ +([0-9.]+)%$", said, re.M)
    assert len(rows) == len(changes) == 5
    for (what, time, energy, busy), change in zip(rows, changes, strict=True):
        report = da.simulate(net, chip.override(change))
        assert all(f"{key} = {value}" in what for key, value in change.items())
        assert report.seconds is not None
        assert (time, energy) == (f"{report.seconds * 1e6:.1f}", f"{report.energy_pj * 1e-6:.2f}")
        assert busy == f"{100 * report.utilization:.1f}"


def test_own_onnx(tmp_path: Path) -> None:
    said = _run("own_onnx", tmp_path, "--out", "kept")
    file = tmp_path / "kept" / "digits.onnx"
    net = da.from_onnx(file, dims={"batch": 1})
    assert net.summary() in said
    assert str(da.compare(net, ["eyeriss", "nvdla_small"])) in said
    assert "the same, to rounding: True" in said
    ours, numpys = re.findall(r"^(?:scores:|in NumPy:) +(\[.*\])$", said, re.M)
    assert ours == numpys
    assert [path.name for path in tmp_path.rglob("*")] == ["kept", "digits.onnx"]


def test_nas_cells(tmp_path: Path) -> None:
    said = _run("nas_cells", tmp_path)
    names = _until("nas_cells", "figures = ")
    rows = re.findall(r"^cell\d .*$", said, re.M)
    nets = {net.name: net for net in names["nets"]}
    assert len(rows) == len(nets) == 8
    columns: list[list[tuple[float, int]]] = [[] for _ in range(5)]
    for row in rows:
        cells = re.findall(r"([0-9.]+) (?:M|uJ|ms) +\((\d)\)", row)
        net = nets[row.split()[0]]
        report = da.simulate(net, "tpu_v1")
        assert report.seconds is not None
        assert cells[0][0] == f"{net.total_macs * 1e-6:.2f}"
        assert cells[3][0] == f"{report.energy_pj * 1e-6:.2f}"
        assert cells[4][0] == f"{report.seconds * 1e3:.2f}"
        for column, (value, rank) in zip(columns, cells, strict=True):
            column.append((float(value), int(rank)))
    for column in columns:
        by_rank = [value for value, _ in sorted(column, key=lambda pair: pair[1])]
        assert by_rank == sorted(by_rank)
    best = {name.strip(): cell for name, cell in re.findall(r"^by (.{16}) (cell\d) is best", said, re.M)}
    assert best["MACs"] == min(nets, key=lambda name: nets[name].total_macs)
    # What the example is there to show.
    assert len({best["MACs"], best["eyeriss energy"], best["tpu_v1 energy"]}) == 3


def test_host_cpu(tmp_path: Path) -> None:
    said = _run("host_cpu", tmp_path)
    net = da.zoo.load("squeezenet_v1_1")
    rows = re.findall(
        r"^squeezenet_v1_1:(\w+) +([0-9.]+) +([0-9.]+) us +([0-9.]+) us +([0-9.]+)x  \w+$", said, re.M
    )
    assert len(rows) > 10
    for layer, macs, predicted, measured, ratio in rows:
        assert macs == f"{net[layer].macs * 1e-6:.1f}"
        # Printed to a tenth of a microsecond.
        least = (float(predicted) - 0.05) / (float(measured) + 0.05) - 0.005
        most = (float(predicted) + 0.05) / (float(measured) - 0.05) + 0.005
        assert least <= float(ratio) <= most
    assert f"{len(rows)} layers: predicted / measured" in said


def test_dask_sweep(tmp_path: Path) -> None:
    said = _run("dask_sweep", tmp_path)
    parameters = {"glb.size_bytes": "16384..131072*2", "pe_array.rows": [8, 12]}
    found = da.sweep("alexnet", "eyeriss", parameters)
    assert said.startswith(f"{found}\n")
    front = re.findall(r"^ *([0-9,]+) bytes on chip", said, re.M)
    assert front == [f"{point['on_chip_bytes']:,}" for point in found.pareto("energy", "on_chip_bytes")]


def test_lenet_learns_digits(tmp_path: Path) -> None:
    sizes = ("--train", "1500", "--test", "300", "--epochs", "3", "--data", "digits", "--weights", "w.npz")
    said = _run("lenet_digits", tmp_path, *sizes)
    right = {dtype: float(top1) for dtype, top1 in re.findall(r"^(float32|int8) +([0-9.]+) %", said, re.M)}
    assert right["float32"] > 80
    assert abs(right["int8"] - right["float32"]) < 3
    assert load_mnist(tmp_path / "digits", "test")[0].shape == (300, 28, 28)
    assert (tmp_path / "w.npz").is_file()


@pytest.mark.slow
def test_buffer_sweep(tmp_path: Path) -> None:
    said = _run("buffer_sweep", tmp_path, "--out", "kept")
    assert (tmp_path / "kept" / "buffer_sweep.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert [path.name for path in tmp_path.rglob("*")] == ["kept", "buffer_sweep.png"]
    front = re.findall(r"^ *([0-9,]+) B +([0-9,]+) B +168 x +(\d+) B +([0-9.]+) mJ$", said, re.M)
    assert len(front) > 1
    made_of = {
        "glb.component": {"kind": "sram", "width_bits": 64},
        "filter_spad.component": {"kind": "regfile"},
    }
    last = (0, float("inf"))
    for words in front:
        whole, buffer, pad = (int(word.replace(",", "")) for word in words[:3])
        sizes = {"glb.size_bytes": buffer, "filter_spad.size_bytes": pad}
        report = da.simulate("alexnet", da.arch.load("eyeriss").override(made_of | sizes))
        assert words[3] == f"{report.energy_pj * 1e-9:.3f}"
        assert last[0] < whole <= 200_000
        assert report.energy < last[1]
        last = whole, report.energy
    assert f"least energy: {front[-1][3]} mJ, with {200_000 - last[0]:,} of" in said


@pytest.mark.slow
def test_compare_dataflows(tmp_path: Path) -> None:
    said = _run("compare_dataflows", tmp_path)
    study = da.reproduce.isca16(batches=(16,))
    for bar, ours in zip(study.bars, study.honest, strict=True):
        published = sum(bar.published.values())
        row = f"^{bar.dataflow} +{published:.3f} +{bar.energy:.3f} +[-+0-9.]+% +{ours.energy:.3f}$"
        assert re.search(row, said, re.M)
    for whose, ranking in (("its count", study.ranking(16)), ("our count", study.honest_ranking(16))):
        assert f"{whose}: {' < '.join(ranking)}" in said
    conv5 = da.zoo.load("alexnet", batch=16)["conv5"]
    energies = [
        da.simulate(conv5, f"eyeriss_isca16_{bar.dataflow}").energy / conv5.macs for bar in study.bars
    ]
    assert re.search("^conv5 " + " ".join(f"+{energy:.2f}" for energy in energies) + " +rs$", said, re.M)


@pytest.mark.slow
def test_sparsity(tmp_path: Path) -> None:
    said = _run("sparsity", tmp_path)
    names = _until("sparsity", 'print("share')
    net, measured = names["net"], names["measured"]
    for layer, density in measured.items():
        cells = (f"{100 * share:.1f}%" for share in (density.inputs, density.weights, density.outputs))
        assert re.search(f"^{layer} +{' +'.join(cells)}$", said, re.M)
    rows = re.findall(
        r"^(\w+) +(\w+) +([0-9.]+) uJ +([0-9.]+)x +[0-9.]+ us +([0-9.]+)x +[0-9.]+ kB$", said, re.M
    )
    found = {(chip, kind): (energy, float(less), float(faster)) for chip, kind, energy, less, faster in rows}
    assert len(found) == 9
    dense = da.simulate(net, "eyeriss")
    mappings = {layer.name: layer.mapping for layer in dense if layer.mapping is not None}
    sparse = da.simulate(net, "eyeriss", mapping=mappings, density=measured)
    assert found["eyeriss", "dense"][0] == f"{dense.energy_pj * 1e-6:.3f}"
    assert found["eyeriss", "measured"][0] == f"{sparse.energy_pj * 1e-6:.3f}"
    # Gating saves energy alone, skipping time as well.
    assert found["eyeriss", "measured"][1] < found["eyeriss", "measured"][2] == 1
    assert all(found[chip, "measured"][2] < 1 for chip in ("eyeriss_v2", "scnn"))


@pytest.mark.parametrize("script", MAKER.SCRIPTS, ids=lambda path: path.stem)
def test_a_notebook_is_what_its_script_says(script: Path) -> None:
    text = MAKER.notebook(script)
    assert MAKER.notebook(script) == text
    assert MAKER.target(script).read_text(encoding="utf-8") == text, "run python examples/make_notebooks.py"
    nbformat.validate(nbformat.reads(text, as_version=4))


def test_there_are_no_other_notebooks() -> None:
    assert {path.stem for path in FOLDER.rglob("*.ipynb")} == {script.stem for script in MAKER.SCRIPTS}


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("script", MAKER.SCRIPTS, ids=lambda path: path.stem)
def test_a_notebook_runs(script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    path = MAKER.target(script)
    book = nbformat.read(path, as_version=4)
    NotebookClient(book, timeout=500, resources={"metadata": {"path": str(path.parent)}}).execute()
    outputs = [output for cell in book.cells for output in cell.get("outputs", ())]
    texts = [output for output in outputs if output["output_type"] == "stream"]
    assert {output["name"] for output in texts} == {"stdout"}
    if script.stem not in CHANGING:
        assert "".join(output["text"] for output in texts) == _run(script.stem, tmp_path)
    pictures = [output for output in outputs if "image/png" in output.get("data", ())]
    assert len(pictures) == (script.stem == "buffer_sweep")
