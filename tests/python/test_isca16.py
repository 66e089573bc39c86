"""The convention of ISCA 2016: searches find the optimum, counts obey what they must, errors speak."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dnnaccel as da
from dnnaccel import reproduce
from dnnaccel.conventions import isca16
from dnnaccel.conventions.isca16 import DATAFLOWS, ENERGY, LEVELS, PARAMETERS, CannotRun, Job, Storage
from dnnaccel.layers import Conv2d


@st.composite
def layers(draw: st.DrawFn) -> Conv2d:
    kernel, stride = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    groups = draw(st.integers(1, 2))
    return Conv2d(
        name="tiny",
        input_shapes=(
            (
                draw(st.integers(1, 3)),
                groups * draw(st.integers(1, 3)),
                kernel + draw(st.integers(0, 3)),
                kernel + draw(st.integers(0, 3)),
            ),
        ),
        out_channels=groups * draw(st.integers(1, 4)),
        kernel=kernel,
        stride=stride,
        padding=draw(st.integers(0, 1)),
        groups=groups,
    )


storages = st.builds(
    Storage, pes=st.integers(1, 24), buffer_words=st.integers(0, 400), rf_words=st.integers(0, 30)
)


def every_mapping(layer: Conv2d, dataflow: str) -> Iterator[dict[str, int]]:
    """All mappings of a layer without idle sets of PEs, and without a thought for what fits."""
    bounds = layer.problem.bounds
    most = {
        **dict.fromkeys(("m", "p", "t", "held"), bounds["M"]),
        **dict.fromkeys(("k", "q", "r"), bounds["C"]),
        **dict.fromkeys(("e", "h"), bounds["P"]),
        "w": bounds["Q"],
        "n": bounds["N"],
    }
    names = PARAMETERS[dataflow]
    for values in itertools.product(*(range(1, most[name] + 1) for name in names)):
        mapping = dict(zip(names, values, strict=True))
        if dataflow == "rs" and (
            (mapping["t"] - 1) * mapping["p"] >= bounds["M"]
            or (mapping["r"] - 1) * mapping["q"] >= bounds["C"]
        ):
            continue
        yield mapping


@pytest.mark.parametrize("dataflow", DATAFLOWS)
@settings(max_examples=15, deadline=None)
@given(layer=layers(), storage=storages)
def test_the_search_finds_the_optimum(dataflow: str, layer: Conv2d, storage: Storage) -> None:
    def weight(count: isca16.Count) -> float:
        return count.energy - (ENERGY["rf"] * count.rf if dataflow == "rs" else 0)

    fitting = []
    for mapping in every_mapping(layer, dataflow):
        try:
            fitting.append(isca16.count(layer, dataflow, storage, mapping))
        except da.MappingError:
            continue
    (found,) = isca16.search_all([Job(layer=layer, dataflow=dataflow, storage=storage)])
    if not fitting:
        assert isinstance(found, CannotRun)
        assert found.needed > found.there
        return
    assert isinstance(found, isca16.Count)
    least = min(map(weight, fitting))
    assert weight(found) == pytest.approx(least, rel=1e-9)
    ties = [count.pes for count in fitting if weight(count) <= least * (1 + 1e-12)]
    assert found.pes == max(ties)
    assert isca16.count(layer, dataflow, storage, found.mapping).energy == found.energy


@pytest.mark.parametrize("dataflow", DATAFLOWS)
@settings(max_examples=15, deadline=None)
@given(layer=layers(), storage=storages, more=st.integers(1, 200))
def test_more_storage_is_never_worse(dataflow: str, layer: Conv2d, storage: Storage, more: int) -> None:
    larger = Storage(
        pes=storage.pes + more, buffer_words=storage.buffer_words + more, rf_words=storage.rf_words + more
    )
    jobs = [Job(layer=layer, dataflow=dataflow, storage=each) for each in (storage, larger)]
    small, large = isca16.search_all(jobs)
    if isinstance(small, CannotRun):
        return
    assert isinstance(large, isca16.Count)
    free = ENERGY["rf"] if dataflow == "rs" else 0
    assert large.energy - free * large.rf <= (small.energy - free * small.rf) * (1 + 1e-9)
    for count in (small, large):
        assert count.macs == layer.macs
        assert count.dram_writes == layer.problem.tensor("outputs").words
        assert count.dram_reads >= layer.weights
        assert 1 <= count.pes <= larger.pes


def test_a_count_by_hand() -> None:
    """Two channels of a 4 x 4 image, 3 x 3 filters, 5 of them: WS with both channels and 2 filters across."""
    layer = Conv2d(name="tiny", input_shapes=((1, 2, 4, 4),), out_channels=5, kernel=3)
    count = isca16.count(layer, "ws", Storage(pes=36, buffer_words=8, rf_words=1), {"m": 2, "k": 2})
    macs, outputs = 5 * 2 * 9 * 4, 5 * 4
    assert (count.macs, count.rf, count.pes) == (macs, macs, 36)
    # Three rows of a filter, one after the other: 2 returns to the buffer, a read and a write each.
    assert count.buffer == count.buffer_sums == 2 * 2 * outputs
    assert count.array_sums == macs - 3 * outputs
    assert count.array == macs + count.array_sums
    assert count.dram_reads == 90 + 3 * 32
    assert count.dram_writes == outputs
    assert count.energy == sum(count.energy_by_level().values())
    assert list(count.energy_by_level()) == list(LEVELS)
    assert json.loads(json.dumps(count.to_dict()))["mapping"] == {"k": 2, "m": 2}


def test_threads_do_not_change_the_answer() -> None:
    net = da.zoo.load("alexnet", batch=16)
    jobs = [
        Job(layer=layer, dataflow=flow, storage=Storage(pes=256, buffer_words=65536, rf_words=256))
        for layer in net.layers
        if layer.macs
        for flow in DATAFLOWS
    ]
    assert isca16.search_all(jobs, threads=1) == isca16.search_all(jobs, threads=3)


SMALL = Conv2d(name="conv", input_shapes=((1, 2, 6, 6),), out_channels=4, kernel=3)
PLENTY = Storage(pes=64, buffer_words=10_000, rf_words=64)


@pytest.mark.parametrize(
    ("what", "says"),
    [
        (lambda: isca16.search(SMALL, "wss", PLENTY), "did you mean 'ws'"),
        (lambda: isca16.count(SMALL, "ws", PLENTY, {"x": 1}), "unknown parameter of ws 'x'"),
        (lambda: isca16.count(SMALL, "ws", PLENTY, {"m": 0}), "a parameter of the mapping is 0"),
        (lambda: isca16.count(SMALL, "ws", PLENTY, {"m": 5}), "the layer has 1 to 4"),
        (lambda: isca16.count(SMALL, "ws", PLENTY, {"m": 4, "k": 2}), "needs 72 PEs, and there are 64"),
        (
            lambda: isca16.search(SMALL, "rs", Storage(pes=64, buffer_words=10_000, rf_words=6)),
            "needs 7 words of register file in a PE at the least, and there are 6",
        ),
        (lambda: Storage(pes=0, buffer_words=1, rf_words=1), "pes is 0"),
        (lambda: Storage(pes=1, buffer_words=1.5, rf_words=1), "buffer_words is 1.5"),  # type: ignore[arg-type]
        (lambda: isca16.search_all([], threads=0), "threads is 0"),
        (
            lambda: isca16.search(da.layers.ReLU(name="relu", input_shapes=((1, 2),)), "ws", PLENTY),
            "relu: isca16 counts convolutions and fully connected layers alone",
        ),
        (
            lambda: isca16.search(
                Conv2d(name="wide", input_shapes=((1, 2, 9, 9),), out_channels=4, kernel=3, dilation=2),
                "ws",
                PLENTY,
            ),
            "wide: isca16 counts filters without dilation alone",
        ),
        (lambda: reproduce.isca16(layers="convs"), "did you mean 'conv'"),
        (lambda: reproduce.isca16(pes=0), "pes is 0"),
        (lambda: reproduce.isca16(batches=()), "batches is empty"),
    ],
)
def test_errors_say_what_is_wrong(what: object, says: str) -> None:
    assert callable(what)
    with pytest.raises(da.DnnAccelError) as caught:
        what()
    assert says in str(caught.value)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    code = "import sys; from dnnaccel.cli import run; sys.exit(run(sys.argv[1:]))"
    return subprocess.run(
        [sys.executable, "-c", code, "reproduce", "isca16", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_the_command_prints_tables_json_and_csv() -> None:
    quick = ("--batch", "16", "--no-honest")
    table = run(*quick)
    assert table.returncode == 0, table.stderr
    assert "RS < OSA < OSB < OSC < WS < NLR" in table.stdout
    assert "our count" not in table.stdout
    assert max(map(len, table.stdout.splitlines())) <= 120
    data = json.loads(run(*quick, "--format", "json").stdout)
    assert [bar["dataflow"] for bar in data["bars"]] == list(DATAFLOWS)
    assert data["energy_unit"] == "MAC"
    lines = run(*quick, "--format", "csv").stdout.splitlines()
    assert lines[0].startswith("network,pes,counting,batch,dataflow,layer,energy.mac")
    assert len(lines) == 1 + 6 * (1 + 5)


def test_the_command_refuses_bad_input() -> None:
    for arguments, says in (
        (("--batch", "0"), "0 is not in the range"),
        (("--batch", "x"), "'x' is not a valid integer"),
        (("--network", "alexnt"), "did you mean 'alexnet'"),
        (("--network", "resnet50", "--layers", "fcs"), "'fcs' is not one of"),
    ):
        done = run(*arguments)
        assert done.returncode == 2
        assert says in done.stderr
        assert done.stdout == ""


def test_rows_become_a_frame() -> None:
    frame = reproduce.isca16(batches=(1,), honest=False).to_dataframe()
    assert set(frame["dataflow"]) == set(DATAFLOWS)
    whole = frame[frame["layer"] == "all"].set_index("dataflow")
    assert whole.loc["osa", "energy"] == pytest.approx(whole.loc["osa", "published"], rel=1e-3)
