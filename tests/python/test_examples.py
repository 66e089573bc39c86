"""Every example runs as it stands, from any directory, and says something."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dnnaccel.datasets import load_mnist

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.py"))


def _run(example: Path, tmp_path: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(example), *arguments],
        cwd=tmp_path,
        # Threads of small matrix products wait for each other where others use the processor.
        env=os.environ | {"PYTHONIOENCODING": "utf-8", "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize(
    "example", [path for path in EXAMPLES if path.stem != "lenet_digits"], ids=lambda path: path.stem
)
def test_example_runs(example: Path, tmp_path: Path) -> None:
    assert len(_run(example, tmp_path).splitlines()) > 5


def test_lenet_learns_digits(tmp_path: Path) -> None:
    example = next(path for path in EXAMPLES if path.stem == "lenet_digits")
    sizes = ("--train", "1500", "--test", "300", "--epochs", "3", "--data", "digits", "--weights", "w.npz")
    said = _run(example, tmp_path, *sizes)
    right = {dtype: float(top1) for dtype, top1 in re.findall(r"^(float32|int8) +([0-9.]+) %", said, re.M)}
    assert right["float32"] > 80
    assert abs(right["int8"] - right["float32"]) < 3
    assert load_mnist(tmp_path / "digits", "test")[0].shape == (300, 28, 28)
    assert (tmp_path / "w.npz").is_file()


def test_there_are_examples() -> None:
    assert [path.stem for path in EXAMPLES] == [
        "compare_dataflows",
        "dask_sweep",
        "lenet_digits",
        "own_chip",
        "quickstart",
    ]
