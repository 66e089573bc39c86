"""Weights of networks: their names and shapes, random ones, and those out of files and mappings."""

from __future__ import annotations

import io
import json
import math
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dnnaccel as da
from dnnaccel.errors import WeightsError
from dnnaccel.network import Network
from dnnaccel.runtime import load_weights, parameter_shapes, random_weights, save_weights


@pytest.fixture
def net() -> Network:
    return da.zoo.load("lenet5")


@pytest.fixture
def normed() -> Network:
    b = da.NetworkBuilder("normed", input_shape=(1, 3, 8, 8))
    b.conv2d("conv", out_channels=4, kernel=3, bias=False)
    b.batch_norm("bn")
    b.flatten("flat")
    b.linear("fc", out_features=2)
    return b.build()


@pytest.mark.parametrize("name", da.zoo.names())
def test_parameters_of_the_zoo(name: str) -> None:
    network = da.zoo.load(name)
    sizes = {parameter: math.prod(shape) for parameter, shape in parameter_shapes(network).items()}
    constant = sum(
        sizes[f"{layer.name}.weight"]
        for layer in network
        if isinstance(layer, da.layers.PositionEmbedding) and not layer.learned
    )
    assert sum(sizes.values()) - constant == network.total_parameters


def test_shared_parameters_stand_at_the_first() -> None:
    b = da.NetworkBuilder("tied", input_shape=(1, 5))
    b.embedding("words", entries=7, features=3)
    b.append(da.layers.Linear(name="out", out_features=7, bias=False, weights_from="words"))
    assert parameter_shapes(b.build()) == {"words.weight": (7, 3)}


def test_gates_and_biases() -> None:
    b = da.NetworkBuilder("cells", input_shape=(1, 5, 3))
    b.lstm("lstm", hidden_size=4, biases=2)
    b.gru("gru", hidden_size=2)
    b.rnn("rnn", hidden_size=6, biases=0)
    assert parameter_shapes(b.build()) == {
        "lstm.weight_ih": (16, 3),
        "lstm.weight_hh": (16, 4),
        "lstm.bias_ih": (16,),
        "lstm.bias_hh": (16,),
        "gru.weight_ih": (6, 4),
        "gru.weight_hh": (6, 2),
        "gru.bias_ih": (6,),
        "rnn.weight_ih": (6, 2),
        "rnn.weight_hh": (6, 6),
    }


def test_random_weights_are_repeatable(net: Network) -> None:
    one, again, other = random_weights(net), random_weights(net, 0), random_weights(net, 1)
    assert {name: array.shape for name, array in one.items()} == parameter_shapes(net)
    assert all(array.dtype == np.float32 for array in one.values())
    assert all(np.array_equal(one[name], again[name]) for name in one)
    assert not np.array_equal(one["conv1.weight"], other["conv1.weight"])
    with pytest.raises(WeightsError, match=r"seed must be a whole number from 0 on, given -1"):
        random_weights(net, -1)


def test_npz_there_and_back(net: Network, tmp_path: Path) -> None:
    weights = random_weights(net)
    save_weights(tmp_path / "w.npz", weights)
    first = (tmp_path / "w.npz").read_bytes()
    found = load_weights(tmp_path / "w.npz", net)
    assert list(found) == list(parameter_shapes(net))
    assert all(np.array_equal(found[name], weights[name]) for name in weights)
    save_weights(tmp_path / "w.npz", found)
    assert (tmp_path / "w.npz").read_bytes() == first
    with np.load(tmp_path / "w.npz", allow_pickle=False) as numpys:
        assert np.array_equal(numpys["fc5.bias"], weights["fc5.bias"])


def test_other_layouts_and_types(normed: Network, tmp_path: Path) -> None:
    weights = random_weights(normed)
    given: dict[str, Any] = {name: array.astype(np.float64) for name, array in weights.items()}
    given["fc.weight"] = np.asfortranarray(given["fc.weight"])
    np.savez_compressed(tmp_path / "w.npz", **given)
    for source in (given, tmp_path / "w.npz"):
        found = load_weights(source, normed)
        assert all(np.array_equal(found[name], weights[name]) for name in weights)
        assert found["fc.weight"].flags.c_contiguous


def _safetensors(weights: dict[str, np.ndarray[Any, Any]], *, half: bool = False) -> bytes:
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    body = b""
    for name, array in weights.items():
        data = (array.view(np.uint32) >> 16).astype("<u2").tobytes() if half else array.tobytes()
        header[name] = {
            "dtype": "BF16" if half else "F32",
            "shape": array.shape,
            "data_offsets": [len(body), len(body) + len(data)],
        }
        body += data
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


@pytest.mark.parametrize("half", [False, True])
def test_safetensors(normed: Network, tmp_path: Path, half: bool) -> None:
    weights = random_weights(normed)
    path = tmp_path / "w.safetensors"
    path.write_bytes(_safetensors(weights, half=half))
    found = load_weights(path, normed)
    for name, array in weights.items():
        wanted = (array.view(np.uint32) & 0xFFFF0000).view(np.float32) if half else array
        assert np.array_equal(found[name], wanted)


def test_statistics_come_in_pairs(normed: Network) -> None:
    weights = random_weights(normed)
    both = weights | {"bn.running_mean": np.zeros(4), "bn.running_var": np.ones(4)}
    assert load_weights(both | {"bn.num_batches_tracked": np.array(3)}, normed).keys() == both.keys()
    del both["bn.running_var"]
    with pytest.raises(WeightsError, match=r"has 'bn.running_mean' but no 'running_var' of that layer"):
        load_weights(both, normed)


def test_names_of_pytorch() -> None:
    b = da.NetworkBuilder("cells", input_shape=(1, 5, 3))
    b.lstm("lstm.l0", hidden_size=4, biases=2)
    b.position_embedding("pos", entries=5)
    b.linear("attention.in_proj", out_features=2)
    net = b.build()
    weights = random_weights(net)
    given = {
        "lstm.weight_ih_l0": weights["lstm.l0.weight_ih"],
        "lstm.weight_hh_l0": weights["lstm.l0.weight_hh"],
        "lstm.bias_ih_l0": weights["lstm.l0.bias_ih"],
        "lstm.bias_hh_l0": weights["lstm.l0.bias_hh"],
        "pos": weights["pos.weight"],
        "attention.in_proj_weight": weights["attention.in_proj.weight"],
        "attention.in_proj_bias": weights["attention.in_proj.bias"],
    }
    found = load_weights(given, net)
    assert all(np.array_equal(found[name], weights[name]) for name in weights)


def test_by_order_and_shape(normed: Network) -> None:
    weights = random_weights(normed)
    words = ("a.weight", "b.weight", "b.bias", "c.weight", "c.bias")
    given = dict(zip(words, weights.values(), strict=True))
    found = load_weights(given, normed)
    assert all(np.array_equal(found[name], weights[name]) for name in weights)
    # Another order, in which every array still has one place alone.
    found = load_weights({word: given[word] for word in reversed(words)}, normed)
    assert all(np.array_equal(found[name], weights[name]) for name in weights)


def test_order_that_is_ambiguous(net: Network) -> None:
    b = da.NetworkBuilder("alike", input_shape=(1, 3))
    b.linear("one", out_features=3, bias=False)
    b.linear("two", out_features=3, bias=False)
    b.linear("three", out_features=2, bias=False)
    square, last = np.ones((3, 3)), np.ones((2, 3))
    assert len(load_weights({"x.weight": square, "y.weight": square, "z.weight": last}, b.build())) == 3
    with pytest.raises(WeightsError, match=r"'z.weight' of shape \(2, 3\) stands where 'one.weight'"):
        load_weights({"z.weight": last, "x.weight": square, "y.weight": square}, b.build())
    with pytest.raises(WeightsError, match=r"it has 1 arrays \('z', ...\), the network 10"):
        load_weights({"z": last}, net)


def test_constant_positions_are_filled_in() -> None:
    b = da.NetworkBuilder("positions", input_shape=(1, 4))
    b.embedding("words", entries=9, features=6)
    b.position_embedding("where", entries=2**31 - 1, first=2, learned=False)
    net = b.build()
    table = load_weights({"words.weight": np.ones((9, 6))}, net)["where.weight"]
    assert table.shape == (4, 6)
    assert table[1, 2] == pytest.approx(math.sin(3 / 10000 ** (2 / 6)), rel=1e-6)
    assert table[0, 5] == pytest.approx(math.cos(2 / 10000 ** (4 / 6)), rel=1e-6)


def _without(name: str) -> Any:
    return lambda weights: weights.pop(name)


def _put(name: str, value: object) -> Any:
    return lambda weights: weights.update({name: value})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_without("conv2.bias"), r"has no 'conv2.bias' of shape \(16,\) for lenet5; did you mean"),
        (
            _put("conv2.bia", np.ones(16)),
            r"'conv2.bia' of shape \(16,\) is no parameter of lenet5; did you",
        ),
        (_put("fc4.bias", np.ones(3)), r"'fc4.bias' has shape \(3,\); 'fc4.bias' of lenet5 has \(84,\)"),
        (_put("fc4.bias", np.ones(84, complex)), r"'fc4.bias': holds complex128 and no real numbers"),
        (_put("fc4.bias", np.array(["a"] * 84)), r"'fc4.bias': holds <U1 and no real numbers"),
        (_put("fc4.bias", np.array([None] * 84)), r"'fc4.bias':? holds (object|Python objects)"),
    ],
)
def test_wrong_weights(net: Network, tmp_path: Path, change: Any, message: str) -> None:
    weights: dict[str, Any] = dict(random_weights(net))
    change(weights)
    with pytest.raises(WeightsError, match=message):
        load_weights(weights, net)
    np.savez(tmp_path / "w.npz", allow_pickle=True, **weights)
    with pytest.raises(WeightsError, match=r"w\.npz: .*" + message):
        load_weights(tmp_path / "w.npz", net)


def _npz(tmp_path: Path, members: dict[str, bytes]) -> Path:
    path = tmp_path / "w.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def test_corrupt_npz(net: Network, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.ones((6, 1, 5, 5), np.float32))
    array = buffer.getvalue()
    for members, message in (
        ({"conv1.weight.npy": array[:50]}, "is no .npy array"),
        ({"conv1.weight.npy": b"nothing"}, "is no .npy array"),
        ({"fc.weight.npy": array[:-4]}, "it has 1 arrays"),
    ):
        with pytest.raises(WeightsError, match=message):
            load_weights(_npz(tmp_path, members), net)
    one = da.NetworkBuilder("one", input_shape=(1, 1, 28, 28))
    one.conv2d("conv1", out_channels=6, kernel=5, bias=False)
    with pytest.raises(WeightsError, match=r"'conv1.weight.npy' is cut short or corrupt"):
        load_weights(_npz(tmp_path, {"conv1.weight.npy": array[:-4]}), one.build())
    (tmp_path / "w.npz").write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(WeightsError, match=r"is no sound .npz file"):
        load_weights(tmp_path / "w.npz", net)
    with pytest.raises(WeightsError, match=r"no such file"):
        load_weights(tmp_path / "none.npz", net)


def test_corrupt_safetensors(normed: Network, tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    whole = _safetensors(random_weights(normed))
    for data, message in (
        (b"", r"its header would be 0 bytes"),
        (struct.pack("<Q", 2**40), r"its header would be 1099511627776 bytes"),
        (struct.pack("<Q", 3) + b"{]}", r"its header is no JSON"),
        (struct.pack("<Q", 2) + b"[]", r"its header must map"),
        (whole[:-1], r"'fc.bias' of shape \(2,\) does not lie at"),
        (struct.pack("<Q", 10) + b'{"a": "b"}', r"'a' must say a shape, data_offsets and a dtype"),
    ):
        path.write_bytes(data)
        with pytest.raises(WeightsError, match=message):
            load_weights(path, normed)


def test_what_is_not_read(net: Network, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"is a pickle, which could run anything"):
        load_weights(tmp_path / "w.pt", net)
    with pytest.raises(WeightsError, match=r"unknown suffix '.npy'; did you mean '.npz'"):
        load_weights(tmp_path / "w.npy", net)
    with pytest.raises(WeightsError, match=r"weights are written to .npz files"):
        save_weights(tmp_path / "w.pt", {})
    with pytest.raises(da.DnnAccelError, match=r"there is no directory"):
        save_weights(tmp_path / "none" / "w.npz", random_weights(net))
