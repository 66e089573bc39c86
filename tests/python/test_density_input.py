"""What a user may pass as densities, and what comes from files."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dnnaccel as da
from dnnaccel.sparsity import Density, load_npz, measure, published, resolve, uniform

NET = da.zoo.load("alexnet")
MAPPED = [layer.name for layer in NET.layers if layer.problem is not None]


def refusal(call: Any) -> str:
    with pytest.raises(da.DnnAccelError) as caught:
        call()
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_one_density_is_for_every_layer() -> None:
    both = uniform(inputs=0.5, weights=0.5)
    assert resolve(0.5, NET.layers) == dict.fromkeys(MAPPED, both)
    assert resolve(1, NET.layers) == resolve(None, NET.layers) == dict.fromkeys(MAPPED, Density())
    assert resolve(both, NET.layers) == dict.fromkeys(MAPPED, both)
    assert resolve(np.float32(0.5), NET.layers)["conv1"] == both
    assert resolve({"outputs": 0.5}, NET.layers) == dict.fromkeys(MAPPED, uniform(outputs=0.5))


def test_densities_by_layer() -> None:
    given = {"conv1": 0.5, "conv2": {"inputs": 0.25}, "fc6": uniform(weights=0.1)}
    found = resolve(given, NET.layers)
    assert list(found) == MAPPED
    assert found["conv1"] == uniform(inputs=0.5, weights=0.5)
    assert found["conv2"] == uniform(inputs=0.25)
    assert found["fc6"] == uniform(weights=0.1)
    assert found["fc7"] == Density()


def test_densities_by_the_name_of_a_set() -> None:
    found = resolve("eyeriss_jssc17", NET.layers, network="alexnet")
    assert found["conv3"] == published("eyeriss_jssc17", "alexnet")["conv3"]
    assert found["fc6"] == Density()
    assert "pass its own" in refusal(lambda: resolve("eyeriss_jssc17", NET.layers))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (0, "density of inputs and weights must be above 0 and at most 1, given 0"),
        (1.5, "given 1.5"),
        (True, "given True"),
        ([0.5], "densities are a number, a dict of inputs, weights, outputs, or a Density; given [0.5]"),
        ({"conv1": 2}, "density of conv1: inputs and weights must be above 0 and at most 1, given 2"),
        ({"conv1": {"inputs": -1}}, "conv1: density of inputs must be above 0 and at most 1, given -1"),
        ({"conv1": {"input": 1}}, "conv1: unknown tensor 'input'; did you mean 'inputs'?"),
        ({"conv1": "dense"}, "conv1: densities are a number"),
        ({"conv_1": 0.5}, "did you mean 'conv1'?"),
        ({"input": 0.5}, "did you mean 'inputs'?"),
        ({"relu1": 0.5}, "unknown layer with MACs, or tensor, 'relu1'"),
        ({"inputs": 0.5, "conv1": 0.5}, "unknown tensor 'conv1'"),
        ("eyeris", "did you mean 'eyeriss_jssc17'?"),
        ("no.npz", "no.npz cannot be read as .npz"),
    ],
)
def test_what_makes_no_sense_is_said_in_a_sentence(given: Any, said: str) -> None:
    assert said in refusal(lambda: resolve(given, NET.layers, network="alexnet"))


SMALL = da.Network(
    "small",
    (
        da.layers.Conv2d(name="conv1", inputs=("x",), out_channels=4, kernel=3),
        da.layers.ReLU(name="relu", inputs=("conv1",)),
        da.layers.Conv2d(name="block.2", inputs=("relu",), out_channels=2, kernel=1),
    ),
    inputs={"x": (1, 3, 8, 8)},
)


def arrays() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    return {
        "conv1.inputs": (rng.random((1, 3, 8, 8)) < 0.5).astype(np.float32),
        "conv1.weights": rng.random((4, 3, 3, 3)) < 0.3,
        "block.2.inputs": rng.integers(0, 2, (1, 4, 6, 6), dtype=np.int8),
    }


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_tensors_in_a_file_are_measured(tmp_path: Path, save: Any) -> None:
    path = tmp_path / "tensors.npz"
    save(path, **arrays())
    found = load_npz(path, SMALL.layers)
    given = arrays()
    assert found == {
        "conv1": measure(
            SMALL["conv1"],
            inputs=given["conv1.inputs"],
            weights=given["conv1.weights"],
            source=str(path),
        ),
        "block.2": measure(SMALL["block.2"], inputs=given["block.2.inputs"], source=str(path)),
    }
    assert resolve(path, SMALL.layers) == resolve(str(path), SMALL.layers) == found


def saved(tmp_path: Path, **tensors: Any) -> Path:
    path = tmp_path / "bad.npz"
    np.savez(path, **tensors)
    return path


def test_arrays_that_are_not_the_networks_are_refused(tmp_path: Path) -> None:
    def load(**tensors: Any) -> str:
        return refusal(lambda: load_npz(saved(tmp_path, **tensors), SMALL.layers))

    assert "did you mean 'conv1'?" in load(**{"conv_1.inputs": np.ones(1)})
    assert "unknown layer with MACs 'weights.npy'" in load(weights=np.ones(1))
    assert "unknown layer with MACs 'relu'" in load(**{"relu.inputs": np.ones(1)})
    assert "did you mean 'inputs'?" in load(**{"conv1.ifmap": np.ones(1)})
    assert "conv1.inputs must have shape (1, 3, 8, 8), given (3, 8, 8)" in load(
        **{"conv1.inputs": np.ones((3, 8, 8))}
    )
    assert "holds pickled objects" in load(**{"conv1.inputs": np.full((1, 3, 8, 8), None)})


def zipped(tmp_path: Path, member: bytes) -> Path:
    path = tmp_path / "bad.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("conv1.inputs.npy", member)
    return path


def test_files_that_are_damaged_or_lie_are_refused(tmp_path: Path) -> None:
    def load(path: Path) -> str:
        return refusal(lambda: load_npz(path, SMALL.layers))

    member = io.BytesIO()
    np.save(member, np.ones((1, 3, 8, 8)))
    whole = member.getvalue()
    assert "is cut short" in load(zipped(tmp_path, whole[:-8]))
    assert "is no array of NumPy" in load(zipped(tmp_path, b"no array at all"))
    assert "is no array of NumPy" in load(zipped(tmp_path, whole[:40]))
    assert "version (9, 0)" in load(zipped(tmp_path, b"\x93NUMPY\x09\x00" + whole[8:]))
    huge = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1, 3, 99999999, 99999999), }\n"
    assert "must have shape" in load(
        zipped(tmp_path, b"\x93NUMPY\x01\x00" + struct.pack("<H", len(huge)) + huge)
    )
    path = zipped(tmp_path, whole)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert "cannot be read as .npz" in load(path)
    damaged = bytearray(content)
    damaged[100] ^= 0xFF
    path.write_bytes(damaged)
    assert "cannot be read as .npz" in load(path) or "is no array" in load(path)
    assert "cannot be read as .npz" in load(tmp_path)


def test_more_than_can_be_held_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path, **arrays())
    monkeypatch.setattr("dnnaccel.sparsity.files.MAX_BYTES", 1000)
    assert "bytes of arrays; at most 1000 are read" in refusal(lambda: load_npz(path, SMALL.layers))
