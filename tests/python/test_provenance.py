"""Provenance: rows of count x energy per action that sum to the report's energy, each with its source."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_factory import make_conv

import dnnaccel as da
from dnnaccel import arch
from dnnaccel.cli import run
from dnnaccel.errors import DnnAccelError

LEAKING = {"leakage_mw": 5, "glb.leakage_mw": 1, "mac.leakage_mw": 0.01}


@pytest.fixture(scope="module")
def report() -> da.Report:
    return da.simulate("lenet5", arch.load("eyeriss").override(LEAKING))


def test_rows_sum_to_the_energy_exactly(report: da.Report) -> None:
    whole = report.provenance()
    assert whole.energy == report.energy
    assert math.fsum(row.energy for row in whole) == pytest.approx(report.energy, rel=1e-14)
    for layer in report:
        assert layer.provenance().energy == layer.energy
        split: dict[str, float] = {}
        for row in layer.provenance():
            split[row.level] = split.get(row.level, 0.0) + row.energy
        for level, spent in layer.energy_by_level().items():
            assert split.get(level, 0.0) == pytest.approx(spent, rel=1e-14, abs=0)


def test_a_row_is_a_count_times_a_price(report: da.Report) -> None:
    for row in report.provenance():
        assert row.count > 0
        assert row.energy == pytest.approx(row.count * row.energy_per_action, rel=1e-14, abs=0)
        assert row.unit == "pJ"
        assert row.layer in {layer.name for layer in report}
    actions = {row.action for row in report.provenance()}
    assert actions == {"read", "write", "delivery", "hop", "mac", "vector", "leakage"}


def test_counts_and_prices_are_the_reports_and_the_chips(report: da.Report) -> None:
    chip = arch.load("eyeriss").override(LEAKING)
    rows = {(row.level, row.tensor, row.action): row for row in report.provenance().merged()}
    reads = sum(
        count.reads
        for layer in report
        for count in layer.levels
        if (count.level, count.tensor) == ("glb", "inputs")
    )
    assert rows["glb", "inputs", "read"].count == reads
    assert rows["glb", "inputs", "read"].energy_per_action == chip.memory("glb").read_energy
    assert rows["glb", "inputs", "read"].source == chip["glb"].sources["read_energy"]
    assert rows["mac", "", "mac"].count == report.macs
    assert rows["mac", "", "mac"].source == chip.mac.source
    assert rows["vector", "", "vector"].count == report.ops
    leakage = rows["leakage", "", "leakage"]
    assert leakage.count == report.cycles
    assert leakage.energy_per_action == pytest.approx(chip.leakage_mw * 1e3 / 200)
    assert leakage.source.startswith("7.68 mW of leakage over 200 MHz; glb: set by override; mac: ")


@settings(deadline=None, max_examples=8)
@given(
    chip=st.sampled_from(arch.names()),
    density=st.none() | st.fixed_dictionaries({"inputs": st.floats(0.1, 1), "weights": st.floats(0.1, 1)}),
    gates=st.booleans(),
)
def test_it_holds_on_every_chip_and_with_zeros(
    chip: str, density: dict[str, float] | None, gates: bool
) -> None:
    machine = arch.load(chip)
    changes: dict[str, object] = {f"{machine.memories[0].name}.formats": {"inputs": "rlc", "weights": "csc"}}
    if gates and not machine.mac.skips:
        changes["mac.gates"] = ["inputs"]
    machine = machine.override(changes)
    found = da.simulate(da.zoo.load("lenet5")["conv2"], machine, density=density, dataflow="free")
    assert found.provenance().energy == found.energy
    for row in found.provenance():
        assert row.energy == pytest.approx(row.count * row.energy_per_action, rel=1e-12, abs=0)


def test_estimates_say_how_they_came_about() -> None:
    chip = arch.load("eyeriss").override({"glb.component": {"kind": "sram", "width_bits": 64}})
    rows = da.simulate("lenet5", chip).provenance().merged()
    sources = {row.source for row in rows if row.level == "glb"}
    assert len(sources) == 1
    assert sources.pop().startswith("estimated: SRAM ")


def test_outputs(report: da.Report, capsys: pytest.CaptureFixture[str]) -> None:
    whole = report.provenance()
    text = whole.to_text(width=100)
    assert max(map(len, text.splitlines())) <= 100
    assert str(whole) == whole.to_text()
    total = next(line for line in text.splitlines() if line.startswith("total"))
    assert total.split()[1:] == [f"{report.energy:,.6g}", "100.0"]
    assert "[1] Accelergy table of the Timeloop exercises" in text
    frame = whole.to_dataframe()
    assert len(frame) == len(whole)
    assert frame["energy"].sum() == pytest.approx(report.energy)
    data = json.loads(json.dumps(whole.to_dict()))
    assert data["energy"] == report.energy
    assert data["rows"][0]["source"]
    assert repr(whole).startswith(f"<Provenance: {len(whole)} rows, ")
    merged = whole.merged()
    assert merged.energy == pytest.approx(whole.energy, rel=1e-14)
    assert len({(row.level, row.tensor, row.action) for row in merged}) == len(merged)

    assert run(["simulate", "lenet5", "--arch", "eyeriss", "--provenance"]) == 0
    out = capsys.readouterr().out
    assert "pJ each" in out
    assert out.index("Energy, and where it goes") < out.index("pJ each")


def test_what_cannot_be_said_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DnnAccelError, match="does not hold what each action costs"):
        make_conv().provenance()
    assert run(["simulate", "lenet5", "--arch", "eyeriss", "--provenance", "--format", "json"]) == 2
    assert "--provenance prints a table beside the json" in capsys.readouterr().err


def test_a_report_says_the_same_with_and_without_it(report: da.Report) -> None:
    bare = replace(report["conv1"], prices=())
    assert "prices" not in bare.to_dict()
    assert bare.energy == report[bare.name].energy
