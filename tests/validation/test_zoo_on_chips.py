"""Does every network of the zoo run on two very different chips, with no layer lost and no MAC forgotten?"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import dnnaccel as da
from dnnaccel import mapper

QUICK = ("mlp", "lenet5_sparse", "squeezenet_v1_1", "shufflenet_v1", "lstm", "gpt2_small_decode")


@pytest.fixture(autouse=True, scope="module")
def quick() -> Iterator[None]:
    # Whether a layer runs and what is counted does not depend on how long the mapper looks.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mapper, "_EFFORT", {"exhaustive_limit": 50, "starts": 1, "proposals": 200})
        yield


def check(name: str, chip: str) -> None:
    network = da.zoo.load(name)
    report = da.simulate(network, chip)
    assert [layer.name for layer in report.layers] == [layer.name for layer in network]
    assert report.macs == network.total_macs
    for layer, row in zip(network, report.layers, strict=True):
        assert row.macs == layer.macs
        if layer.macs:
            assert row.mapping is not None
            assert row.cycles > 0
            assert row.energy > 0


@pytest.mark.parametrize("chip", ["eyeriss", "tpu_v1"])
@pytest.mark.parametrize("name", QUICK)
def test_network_runs_whole(name: str, chip: str) -> None:
    check(name, chip)


@pytest.mark.slow
@pytest.mark.parametrize("chip", ["eyeriss", "tpu_v1"])
@pytest.mark.parametrize("name", [name for name in da.zoo.names() if name not in QUICK])
def test_every_network_runs_whole(name: str, chip: str) -> None:
    check(name, chip)
