"""Explanations: they agree with the reports they come from, and what a change buys is worked out."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

import dnnaccel as da
from dnnaccel.cli import cli
from dnnaccel.errors import DnnAccelError, UnknownNameError

CHIPS = ("eyeriss", "tpu_v1", "diannao")


@pytest.mark.parametrize("chip", CHIPS)
def test_an_explanation_adds_up_to_its_report(chip: str) -> None:
    report = da.simulate("lenet5", chip)
    found = report.explain(changes=False)
    assert found.cycles == report.cycles
    assert found.total_energy == pytest.approx(report.energy, rel=1e-12)
    assert sum(found.bound_cycles.values()) == report.cycles
    spent = {name: sum(split.values()) for name, split in found.energy.items()}
    for name, energy in report.energy_by_level().items():
        assert spent.get(name, 0.0) == pytest.approx(energy, rel=1e-12)
    idle = found.idle
    parts = (idle.busy, idle.edge, idle.fold, idle.stall)
    assert sum(parts) == pytest.approx(1.0)
    assert min(parts) >= -1e-12
    assert idle.busy == pytest.approx(report.utilization)
    for roof in found.roofs:
        assert roof.bytes == report.traffic(roof.memory, unit="bytes")
        assert roof.achieved <= roof.attainable * (1 + 1e-9)


def test_one_layer_is_explained_by_name() -> None:
    report = da.simulate("alexnet", "eyeriss")
    found = report.explain("conv2", changes=False)
    assert found.name == "conv2"
    assert found.cycles == report["conv2"].cycles
    assert found.bound_cycles == {report["conv2"].bound_by: report["conv2"].cycles}
    assert "alexnet:conv2 on eyeriss" in found.to_text()
    assert da.explain("alexnet", "eyeriss", "conv2", changes=False) == found


def test_a_change_is_a_chip_of_its_own_searched_anew() -> None:
    found = da.explain("lenet5", "eyeriss", "conv2")
    chip = da.arch.load("eyeriss")
    layer = da.zoo.load("lenet5")["conv2"]
    by_name = {change.what: change for change in found.changes}
    assert "2x dram bandwidth" in by_name
    bigger = da.simulate(layer, chip.override({"glb.size_bytes": 2 * chip["glb"].size_bytes}))
    change = by_name["2x glb size"]
    assert (change.cycles, change.energy) == (bigger.cycles, bigger.energy)
    assert change.cycles_ratio == bigger.cycles / found.cycles
    assert change.energy_ratio == bigger.energy / found.total_energy
    more = da.simulate(layer, chip.override({"pe_array.rows": 2 * chip["pe_array"].rows}))
    assert by_name["2x pe_array rows"].cycles == more.cycles
    assert len(found.to_rows()) == 1 + len(found.changes)
    assert json.loads(found.to_json())["changes"][0]["change"] == found.changes[0].what


def test_what_cannot_be_explained_is_refused() -> None:
    report = da.simulate("lenet5", "eyeriss")
    with pytest.raises(UnknownNameError, match="conv2"):
        report.explain("conv_2")
    with pytest.raises(DnnAccelError, match="no MACs"):
        report.explain("pool1" if "pool1" in da.zoo.load("lenet5") else report.layers[1].name)


def test_the_command_explains() -> None:
    done = CliRunner().invoke(cli, ["explain", "lenet5:conv2", "--arch", "eyeriss", "--no-what-if"])
    assert done.exit_code == 0, done.output
    assert "Bound by" in done.output
    assert "Roofline" in done.output
