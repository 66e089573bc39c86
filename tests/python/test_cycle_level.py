"""An array cycle by cycle below memories tile by tile: what `fidelity="cycle"` says beside the other two."""

from __future__ import annotations

import pytest

import dnnaccel as da
from dnnaccel import arch, zoo
from dnnaccel.sim import cycle_array, simulate_cycles, simulate_tiles
from interrupting import interrupt

KINDS = {
    "eyeriss": "row_stationary",
    "eyeriss_isca16_rs": "row_stationary",
    "tpu_v1": "systolic",
    "gemmini": "systolic",
    "edge_tpu": "systolic",
    "nvdla_small": "adder_tree",
    "nvdla_large": "adder_tree",
    "diannao": "adder_tree",
    "simba": "adder_tree",
}


@pytest.mark.parametrize("chip", [c for c in KINDS if c != "simba"])
def test_lenet_on_every_chip_whose_array_is_known(chip: str) -> None:
    """The same counts and energies as in closed form; the array's ramps are stalls, and add up."""
    machine = arch.load(chip)
    assert cycle_array(machine).cycle_model == KINDS[chip]
    closed = da.simulate("lenet5", chip)
    report = da.simulate("lenet5", chip, fidelity="cycle")
    assert report.energy == pytest.approx(closed.energy, rel=1e-12)
    for layer, before in zip(report, closed, strict=True):
        if not layer.macs:
            assert layer == before
            continue
        assert layer.levels == before.levels
        assert layer.networks == before.networks
        activity = layer.activity
        assert activity is not None
        assert int(activity.active.sum()) == layer.macs
        assert int((activity.active > 0).sum()) == layer.active_pes
        beyond = sum(stall.cycles for stall in layer.stalls if stall.cause == "array")
        assert layer.compute_cycles + beyond >= activity.cycles
        assert beyond <= activity.cycles  # what it loses is its own time
        lost = sum(stall.cycles for stall in layer.stalls)
        assert layer.cycles == pytest.approx(layer.compute_cycles + lost, abs=1)
        owners = {stall.owner for stall in layer.stalls if stall.cause == "array"}
        assert owners <= {cycle_array(machine).name}


# Searches on Simba take long.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("network", "chip"),
    [("lenet5", "simba"), *((net, chip) for net in ("alexnet", "lstm") for chip in KINDS if chip != "simba")],
)
def test_networks_on_every_chip_whose_array_is_known(network: str, chip: str) -> None:
    closed = da.simulate(network, chip)
    report = da.simulate(network, chip, fidelity="cycle")
    for layer, before in zip(report, closed, strict=True):
        assert layer.levels == before.levels
        if layer.macs:
            assert layer.cycles >= layer.compute_cycles


def test_with_memories_that_never_limit_only_the_array_stalls() -> None:
    """This chip states no bandwidth: its time at cycle level is that of its array alone."""
    layer = zoo.load("lenet5")["conv2"]
    chip = arch.load("eyeriss_isca16_rs")
    mapping = da.search(layer, chip).mapping
    tiles, cycles = simulate_tiles(layer, chip, mapping), simulate_cycles(layer, chip, mapping)
    assert tiles.cycles == tiles.compute_cycles
    assert {stall.cause for stall in cycles.stalls} == {"array"}
    assert cycles.activity is not None
    assert cycles.cycles == cycles.activity.cycles > tiles.cycles


def test_a_dram_times_the_memories_above_the_array() -> None:
    layer = zoo.load("alexnet")["fc8"]
    chip = arch.load("tpu_v1")
    mapping = da.search(layer, chip).mapping
    report = simulate_cycles(layer, chip, mapping, dram="lpddr4_3200")
    assert report.dram is not None
    assert report.cycles > 2 * simulate_cycles(layer, chip, mapping).cycles


def test_what_cannot_be_simulated_is_refused() -> None:
    with pytest.raises(da.DnnAccelError, match="none of its arrays says what it is"):
        da.simulate("lenet5", "scnn", fidelity="cycle")
    with pytest.raises(da.DensityError, match="'analytical'"):
        da.simulate("lenet5", "eyeriss", fidelity="cycle", density={"inputs": 0.5})
    layer = zoo.load("lenet5")["conv1"]
    chip = arch.load("eyeriss")
    other = da.search(layer, chip, "ws").mapping
    with pytest.raises(da.MappingError, match=r"layer 'conv1' on eyeriss: "):
        simulate_cycles(layer, chip, other)


LONG = """
import dnnaccel as da
from dnnaccel.sim import simulate_cycles
layer = da.zoo.load("alexnet")["conv2"]
chip = da.arch.load("nvdla_small")
mapping = da.search(layer, chip).mapping
print("ready", flush=True)
while True:
    simulate_cycles(layer, chip, mapping)
"""


def test_ctrl_c_ends_a_long_simulation() -> None:
    ended = interrupt(LONG, wait=0.3)
    assert ended.seconds < 1.5
    assert "KeyboardInterrupt" in ended.err
