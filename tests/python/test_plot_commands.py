"""Pictures from the shell, and the page that shows one of each kind."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dnnaccel.cli import run
from dnnaccel.report.plots.kinds import (
    COMPARISON_KINDS,
    COST_KINDS,
    MAPPING_KINDS,
    REPORT_KINDS,
    SEARCH_KINDS,
)
from dnnaccel.report.plots.style import WIDTHS

pytest.importorskip("matplotlib")

Shell = Callable[..., tuple[int, str]]


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Run a command line in an empty directory; gives the exit code, and all that was printed."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str]:
        code = run(arguments)
        said = capsys.readouterr()
        return code, said.out + said.err

    return call


@pytest.mark.parametrize(
    "arguments",
    [
        ("simulate", "lenet5", "--arch", "eyeriss", "--plot-kind", "latency"),
        ("simulate", "lenet5", "--arch", "eyeriss", "--plot-kind", "roofline", "--plot-level", "glb"),
        ("simulate", "lenet5", "--arch", "eyeriss", "--plot-by", "tensor", "--plot-width", "column"),
        ("compare", "lenet5", "--arch", "eyeriss", "--dataflows", "ws,rs", "--plot-kind", "edp"),
        ("search", "lenet5:conv1", "--arch", "eyeriss"),
    ],
)
def test_commands_draw(shell: Shell, arguments: tuple[str, ...], tmp_path: Path) -> None:
    path = tmp_path / "picture.svg"
    code, output = shell(*arguments, "--plot", str(path))
    assert code == 0, output
    assert f"wrote {path}" in output
    assert path.read_bytes().startswith(b"<?xml")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("simulate", "--plot", "a.pdf", "--plot-kind", "enrgy"), "did you mean 'energy'?"),
        (("simulate", "--plot", "a.pdf", "--plot-kind", "zzz"), "valid: energy, words, cycles, latency"),
        (("compare", "--plot", "a.pdf", "--plot-by", "x"), "valid: level, tensor"),
        (("compare", "--plot", "a.doc"), "the suffix says the format (pdf, svg, png)"),
        (("simulate", "--plot-by", "tensor"), "--plot-by says how to draw; give --plot FILE to draw into"),
        (("simulate", "--plot", "none/a.pdf"), "there is no directory none"),
    ],
)
def test_commands_refuse_before_they_work(shell: Shell, arguments: tuple[str, ...], says: str) -> None:
    command, *rest = arguments
    code, output = shell(command, "lenet5", "--arch", "eyeriss", *rest)
    assert code == 2
    assert says in output


def test_the_help_names_every_kind(shell: Shell) -> None:
    for command, kinds in (
        ("simulate", REPORT_KINDS),
        ("compare", COMPARISON_KINDS),
        ("search", SEARCH_KINDS),
    ):
        said = " ".join(shell(command, "--help")[1].split())
        for kind in kinds:
            assert kind in said.partition("--plot-kind")[2]


DOCS = Path(__file__).parents[2] / "docs"


def committed() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((DOCS / "plots").glob("*.png"))}


def pixels(png: bytes) -> tuple[int, int]:
    """Width and height of a PNG, as its header says."""
    assert png.startswith(b"\x89PNG")
    return int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")


def test_the_page_shows_every_kind() -> None:
    page = (DOCS / "plots.md").read_text("utf-8")
    assert set(re.findall(r"\(plots/(\w+\.png)\)", page)) == set(committed())
    for kinds in (REPORT_KINDS, COMPARISON_KINDS, SEARCH_KINDS, COST_KINDS, MAPPING_KINDS):
        for kind in kinds:
            assert f"`{kind}`" in page
    widths = {round(inches * 300) for inches in WIDTHS.values()}
    assert {pixels(png)[0] for png in committed().values()} == widths


@pytest.mark.slow
def test_the_page_draws_its_pictures() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import plots; print({n: list(p[16:24]) for n, p in plots.drawn().items()})"],
        cwd=DOCS,
        capture_output=True,
        text=True,
        check=True,
    )
    drawn = ast.literal_eval(done.stdout.splitlines()[-1])
    assert drawn == {name: list(png[16:24]) for name, png in committed().items()}
