"""Is a search never worse than the best mapping that ZigZag or AccelForge finds, costed by us?

Their mappings are data (bench/peer_mappings.py writes them): the peers are not needed here. Each was found
for the same layer on the same hierarchy (bench/machine.yaml). Many are no points of our mapspace: a tensor
begins to be held between other loops than its fellows, or a loop does not divide what it cuts. Their tiles
need not fit either as we count them. They are costed and compared all the same.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import dnnaccel as da
from dnnaccel.layers import Layer
from peer_nests import Costed, cost

DATA = Path(__file__).parent / "data"
MACHINE = Path(__file__).parents[2] / "bench" / "machine.yaml"
FILES = {"ZigZag": "zigzag.json", "AccelForge": "accelforge.json"}


def mappings() -> dict[str, dict[str, Any]]:
    found = {}
    for tool, file in FILES.items():
        data = json.loads((DATA / file).read_text(encoding="utf-8"))
        assert data["tool"] == tool
        for entry in data["mappings"]:
            found[f"{tool} {data['version']}, {entry['layer']}, {entry['objective']}"] = entry
    return found


MAPPINGS = mappings()


def layer_of(name: str) -> Layer:
    if name.startswith("matmul"):
        size = int(name.removeprefix("matmul"))
        return da.layers.Linear(name=name, input_shapes=((size, size),), out_features=size)
    network, layer = name.split(":")
    return da.zoo.load(network)[layer]


@cache
def costed(case: str) -> Costed:
    return cost(layer_of(MAPPINGS[case]["layer"]), da.arch.load(MACHINE), MAPPINGS[case]["nest"])


@pytest.mark.parametrize("case", MAPPINGS)
def test_search_is_not_worse(case: str) -> None:
    entry, theirs = MAPPINGS[case], costed(case)
    found = da.search(layer_of(entry["layer"]), da.arch.load(MACHINE), "free", entry["objective"])
    figure = theirs.energy if entry["objective"] == "energy" else theirs.cycles
    assert found.figure <= figure * (1 + 1e-12)


def test_accelforge_counts_as_we_do() -> None:
    """Its energies of layers without a window are ours to the last digit."""
    compared = 0
    for case, entry in MAPPINGS.items():
        bounds = dict(layer_of(entry["layer"]).problem.bounds)
        if case.startswith("AccelForge") and "energy" in entry and bounds["R"] == bounds["S"] == 1:
            assert costed(case).energy == pytest.approx(entry["energy"], rel=1e-12)
            compared += 1
    assert compared >= 3


def test_there_are_enough_layers() -> None:
    for tool in FILES:
        assert len({entry["layer"] for case, entry in MAPPINGS.items() if case.startswith(tool)}) >= 6
