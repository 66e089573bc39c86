"""Fields of layers that change values and not work: checked, kept in files, read from other tools'."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import dnnaccel as da
from dnnaccel.layers import GELU, LRN, BatchNorm, LayerNorm, Scale
from small_nets import SMALL_NETS


@pytest.mark.parametrize("name", SMALL_NETS)
def test_files_keep_them(name: str, tmp_path: Path) -> None:
    net = SMALL_NETS[name]()
    net.save(tmp_path / "net.yaml")
    assert da.Network.load(tmp_path / "net.yaml") == net


@pytest.mark.parametrize("epsilon", [1e-5, 1e-12, 0, 3])
def test_small_numbers_are_written_and_read(epsilon: float, tmp_path: Path) -> None:
    b = da.NetworkBuilder("net", input_shape=(1, 2, 3, 3))
    b.batch_norm("bn", epsilon=epsilon)
    net = b.build()
    net.save(tmp_path / "net.yaml")
    (found,) = da.Network.load(tmp_path / "net.yaml")
    assert found == net["bn"]
    assert isinstance(found.epsilon, float)  # type: ignore[attr-defined]


def test_they_change_no_work() -> None:
    shape = ((1, 8, 5, 5),)
    one = LRN(name="a", input_shapes=shape)
    other = LRN(name="a", input_shapes=shape, alpha=1, beta=0.5, k=2)
    assert one != other
    assert (one.ops, one.alpha, one.beta, one.k) == (other.ops, 1e-4, 0.75, 1.0)
    assert BatchNorm(name="a").epsilon == LayerNorm(name="a").epsilon == 1e-5
    assert GELU(name="a").approximate == "none"


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        (BatchNorm, {"epsilon": -1e-9}, "epsilon must be a finite number from 0 on, given -1e-09"),
        (LayerNorm, {"epsilon": float("nan")}, "epsilon must be a finite number from 0 on, given nan"),
        (LayerNorm, {"epsilon": True}, "epsilon must be a finite number from 0 on, given True"),
        (LRN, {"alpha": "1"}, "alpha must be a finite number from 0 on, given '1'"),
        (LRN, {"beta": 10**400}, "beta must be a finite number from 0 on"),
        (LRN, {"k": None}, "k must be a finite number from 0 on, given None"),
        (Scale, {"factor": float("inf")}, "factor must be a finite number, given inf"),
        (GELU, {"approximate": "erf"}, 'approximate must be "none" or "tanh", given \'erf\''),
    ],
)
def test_what_makes_no_sense(kind: Any, given: dict[str, Any], message: str) -> None:
    with pytest.raises(da.LayerError, match=rf"'n': {message}"):
        kind(name="n", **given)
