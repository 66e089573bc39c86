"""`dnnaccel run`, and what it is made of: samples of data sets, accuracy, latency."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import dnnaccel as da
from dnnaccel.cli import run
from dnnaccel.errors import DatasetError, RuntimeModelError, UnknownNameError
from dnnaccel.runtime.measure import accuracy
from dnnaccel.runtime.samples import Samples, load_samples


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a command line in this process; gives exit code, stdout and stderr."""

    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(arguments)
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


@pytest.fixture
def digits(tmp_path: Path) -> Path:
    """A folder with seven training and five test images in MNIST's format."""
    rng = np.random.default_rng(0)
    for prefix, count in (("train", 7), ("t10k", 5)):
        images = rng.integers(0, 256, (count, 28, 28), np.uint8)
        (tmp_path / f"{prefix}-images-idx3-ubyte").write_bytes(
            struct.pack(">4B3I", 0, 0, 8, 3, count, 28, 28) + images.tobytes()
        )
        (tmp_path / f"{prefix}-labels-idx1-ubyte").write_bytes(
            struct.pack(">4B1I", 0, 0, 8, 1, count) + bytes(range(count))
        )
    return tmp_path


def test_samples_are_normalised(digits: Path) -> None:
    raw, labels = da.datasets.load_mnist(digits, "test")
    samples = load_samples("mnist", digits, da.zoo.load("lenet5"))
    assert (len(samples), samples.classes) == (5, 10)
    parts = list(samples.batches(2))
    assert [len(images) for images, _ in parts] == [2, 2, 1]
    assert np.array_equal(np.concatenate([part for _, part in parts]), labels)
    images = np.concatenate([images for images, _ in parts])
    assert images.dtype == np.float32
    assert np.allclose(images[:, 0], (raw / 255 - 0.1307) / 0.3081, atol=1e-6)
    plain = load_samples("mnist", digits, da.zoo.load("lenet5"), mean=[0], std=[0.5])
    assert np.allclose(next(plain.batches(5))[0][:, 0], raw / 127.5, atol=1e-6)
    calibration = samples.for_calibration(4)
    assert [part.shape for part in calibration] == [(4, 1, 28, 28)] * 2
    assert np.array_equal(calibration[1][3], calibration[1][0])  # filled up with the last


def test_small_images_stand_in_the_middle(digits: Path) -> None:
    samples = load_samples("mnist", digits, da.zoo.load("lenet5", image_size=32), mean=[0], std=[1])
    images, _ = next(samples.batches(5))
    assert images.shape == (5, 1, 32, 32)
    assert not images[:, :, :2].any()
    assert not images[..., -2:].any()
    assert images[:, :, 2:30, 2:30].any()


@pytest.mark.parametrize(
    ("name", "network", "more", "message"),
    [
        ("mnist", "resnet18", {}, "has images of 1 channels; resnet18 takes"),
        ("cifar10", "lenet5", {}, "has images of 3 channels; lenet5 takes"),
        ("cifar10", "resnet18", {}, "test_batch.bin"),
        ("mnist", "lenet5", {"std": [0]}, "std must be numbers above 0"),
        ("mnist", "lenet5", {"mean": [0, 1]}, "mean must be one finite number for each of 1 channels"),
        ("folder", "resnet18", {}, "no images"),
    ],
)
def test_samples_that_do_not_fit(
    digits: Path, name: str, network: str, more: dict[str, Any], message: str
) -> None:
    with pytest.raises(DatasetError, match=message):
        load_samples(name, digits, da.zoo.load(network), **more)


def test_unknown_dataset(digits: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'mnist'"):
        load_samples("mnsit", digits, da.zoo.load("lenet5"))


class _Table:
    """A model that gives the rows of a table, one after the other."""

    dtype = "float32"

    def __init__(self, rows: Any, batch: int) -> None:
        self.rows = np.asarray(rows, np.float32)
        self.net = SimpleNamespace(name="table", batch=batch, outputs={"out": ()})
        self.done = 0

    def __call__(self, x: Any) -> Any:
        assert len(x) == self.net.batch
        start, self.done = self.done, self.done + len(x)
        rows = self.rows[start : self.done]
        return np.pad(rows, ((0, len(x) - len(rows)), (0, 0)))


def _samples(labels: list[int], classes: int) -> Samples:
    def batches(count: int) -> Any:
        for start in range(0, len(labels), count):
            part = np.array(labels[start : start + count])
            yield np.zeros((len(part), 1), np.float32), part

    return Samples(name="table", count=len(labels), classes=classes, batches=batches)


@pytest.mark.parametrize("batch", [1, 2, 5, 7])
def test_top1_and_top5(batch: int) -> None:
    rows = np.arange(7 * 8, dtype=float).reshape(7, 8) * [[1]] * -1  # descending: class 0 first
    rows[5] = 1.0  # all equal: the lowest class stands first
    rows[6, 3] = np.nan
    model: Any = _Table(rows, batch)
    seen: list[tuple[int, int, str]] = []
    found = accuracy(model, _samples([0, 1, 4, 5, 7, 4, 3], 8), progress=lambda *given: seen.append(given))
    assert found.samples == 7
    assert found.top1 == pytest.approx(100 / 7)
    assert found.top5 == pytest.approx(400 / 7)  # classes 0, 1 and 4 of sorted rows, 4 of equal ones
    assert seen[-1][:2] == (7, 7)


def test_too_few_outputs() -> None:
    model: Any = _Table(np.zeros((1, 3)), 1)
    with pytest.raises(RuntimeModelError, match="gives 3 numbers; table has 4 classes"):
        accuracy(model, _samples([0], 4))


def test_latency_from_the_shell(shell: Any) -> None:
    arguments = ("lenet5", "--random", "--seconds", "0", "--batch", "3", "--threads", "1")
    code, said, error = shell("run", *arguments, "--format", "json")
    assert (code, error) == (0, "")
    found = json.loads(said)
    assert (found["network"], found["batch"], found["threads"], found["calls"]) == ("lenet5", 3, 1, 5)
    assert 0 < found["min_seconds"] <= found["median_seconds"]
    assert found["activation_bytes"] >= found["lower_bound_bytes"] > 0
    code, said, _ = shell("run", *arguments)
    assert code == 0
    assert "lenet5 in float32, batch 3, 1 thread" in said
    assert "GFLOP/s" in said


def test_accuracy_from_the_shell(shell: Any, digits: Path) -> None:
    net = da.zoo.load("lenet5")
    weights = da.runtime.random_weights(net)
    da.runtime.save_weights(digits / "w.npz", weights)
    arguments = ("lenet5", "-w", str(digits / "w.npz"), "--dataset", "mnist", "--data", str(digits))
    code, said, error = shell("run", *arguments, "--batch", "2", "--format", "json")
    assert (code, error) == (0, "")
    found = json.loads(said)
    from numpy_net import evaluate

    right = 0
    for image, label in load_samples("mnist", digits, net).batches(1):
        right += int(evaluate(net, weights, {"input": image})["fc5"].argmax() == label[0])
    assert (found["samples"], found["top1"]) == (5, 100 * right / 5)
    assert shell("run", *arguments, "--dtype", "int8")[0] == 0


def test_an_onnx_file_has_its_own_weights(shell: Any, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    from onnx_export import to_onnx

    net = da.zoo.load("lenet5")
    path = to_onnx(net, tmp_path / "lenet.onnx", da.runtime.random_weights(net))
    code, said, _ = shell("run", str(path), "--seconds", "0")
    assert code == 0
    assert "lenet in float32, batch 1" in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("lenet5",), "lenet5 has no weights by itself: give --weights FILE, or --random"),
        (("lenet5", "--random", "-w", "x.npz"), "--weights and --random say different things; give one"),
        (("lenet5", "-w", "no.npz"), "no.npz: no such file"),
        (("lenet5", "--random", "--dataset", "mnist"), "--dataset and --data go together"),
        (("lenet5", "--random", "--mean", "a"), "'a' is not a list of numbers"),
        (("lenet6", "--random"), "did you mean 'lenet5'"),
        (("lenet5", "--random", "--dataset", "mnist", "--data", "no"), "no: no such folder"),
    ],
)
def test_mistakes_are_one_sentence(shell: Any, arguments: tuple[str, ...], message: str) -> None:
    code, said, error = shell("run", *arguments)
    assert (code, said) == (2, "")
    assert message in error
    assert len(error.splitlines()) == 1
