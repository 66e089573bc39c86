"""Zeros in the cost model: gating saves energy, skipping saves time too, formats save words."""

from __future__ import annotations

import math

import numpy as np
import pytest

import dnnaccel as da
from dnnaccel import sparsity
from dnnaccel.arch import Array, Chip, Mac, Memory, Vector


def make_chip(
    *,
    gates: tuple[str, ...] = (),
    skips: tuple[str, ...] = (),
    gated_by: tuple[str, ...] = (),
    dram: dict[str, str] | None = None,
    buffer: dict[str, str] | None = None,
) -> Chip:
    """A chip of four PEs whose energies are 1 MAC, 1 register, 10 buffer, 100 DRAM."""
    return Chip(
        name="small",
        word_bits=16,
        energy_unit="pJ",
        levels=(
            Memory(name="dram", read_energy=100, write_energy=100, formats=dram or {}),
            Memory(
                name="buffer",
                size_bytes=4096,
                buffering="stream",
                read_energy=10,
                write_energy=10,
                bytes_per_cycle=16,
                formats=buffer or {},
            ),
            Array(name="pes", rows=2, columns=2, reduce=("C",)),
            Memory(
                name="rf",
                size_bytes=128,
                buffering="stream",
                read_energy=1,
                write_energy=1,
                gated_by=gated_by,
            ),
        ),
        mac=Mac(energy=1, gates=gates, skips=skips),
        vector=Vector(lanes=1, op_energy=1, memory="buffer"),
    )


DOT = da.layers.Linear(name="dot", input_shapes=((1, 16),), out_features=1)
DOT_NEST = "dram [inputs, weights, outputs]\nbuffer []\nrf []\n  for C step 1\n"
CONV = da.layers.Conv2d(name="conv", input_shapes=((1, 6, 14, 14),), out_channels=8, kernel=3, padding=1)


def evaluate(chip: Chip, density: sparsity.Density | None) -> da.LayerReport:
    return da.evaluate(DOT, chip, DOT_NEST, density=density)


def test_a_dot_product_a_quarter_dense_gated_takes_as_long_and_a_quarter_of_the_mac_energy() -> None:
    dense, gated = (
        evaluate(make_chip(), None),
        evaluate(make_chip(gates=("inputs",)), sparsity.uniform(inputs=0.25)),
    )
    assert dense.compute_cycles == gated.compute_cycles == 16
    assert gated.mac_energy == dense.mac_energy / 4 == 4
    assert gated.effectual_macs == 4
    assert gated.macs == 16


def test_a_dot_product_a_quarter_dense_skipped_takes_a_quarter_of_the_cycles_too() -> None:
    skipped = evaluate(make_chip(skips=("inputs",)), sparsity.uniform(inputs=0.25))
    assert skipped.compute_cycles == skipped.cycles == 4
    assert skipped.mac_energy == skipped.timed_macs == 4
    assert skipped.utilization == 1 / 4  # one of four PEs, never idle
    # Nobody asks for the other operands of a MAC that is skipped.
    reads = {count.tensor: count.effective_reads for count in skipped.levels if count.level == "dram"}
    assert reads["inputs"] == reads["weights"] == 4


def test_zeros_change_nothing_on_a_chip_that_takes_no_notice() -> None:
    plain = make_chip()
    zeros = evaluate(plain, sparsity.uniform(inputs=0.25, weights=0.5))
    assert zeros == evaluate(plain, None)


@pytest.mark.parametrize("density", [0.01, 0.1, 0.5])
def test_no_more_words_are_saved_than_are_written(density: float) -> None:
    # MACs that skip all write next to nothing: what a format saves of finished outputs is a part of that.
    chip = make_chip(skips=("inputs",), dram={"outputs": "bitmask"})
    layer = da.layers.Linear(name="fc", input_shapes=((1, 1),), out_features=64)
    nest = "dram [inputs, weights, outputs]\n  for M step 1\nbuffer []\nrf []\n"
    zeros = sparsity.uniform(inputs=density, outputs=0.25)
    report = da.evaluate(layer, chip, nest, density=zeros)
    (outputs,) = (one for one in report.levels if (one.level, one.tensor) == ("dram", "outputs"))
    assert outputs.writes == 64
    written, finished = 64 * density, 0.25 + 1 / 16
    assert outputs.effective_writes == pytest.approx(written * finished)


def test_skipping_on_both_operands_multiplies() -> None:
    both = make_chip(skips=("inputs", "weights"))
    skipped = evaluate(both, sparsity.uniform(inputs=0.5, weights=0.5))
    assert skipped.compute_cycles == 4
    mixed = evaluate(
        make_chip(skips=("weights",), gates=("inputs",)), sparsity.uniform(inputs=0.5, weights=0.5)
    )
    assert (mixed.compute_cycles, mixed.mac_energy) == (8, 4)


def test_what_a_level_is_asked_for_is_saved_where_it_is_gated() -> None:
    nest = "dram [inputs, weights, outputs]\nbuffer []\nrf [inputs, weights, outputs]\n  for C step 1\n"
    plain, gated = make_chip(gates=("inputs",)), make_chip(gates=("inputs",), gated_by=("inputs",))
    density = sparsity.uniform(inputs=0.25)
    before = da.evaluate(DOT, plain, nest, density=density)
    after = da.evaluate(DOT, gated, nest, density=density)
    for old, new in zip(before.levels, after.levels, strict=True):
        if old.level != "rf":
            assert old == new
        elif old.tensor == "weights":
            assert (old.effective_reads, new.effective_reads) == (16, 4)
            assert old.effective_writes == new.effective_writes == 16  # filling is not gated


@pytest.mark.parametrize("form", sparsity.FORMATS)
def test_a_format_saves_words_bytes_and_room_in_proportion(form: str) -> None:
    density = sparsity.uniform(inputs=0.1, outputs=0.2)
    chip = make_chip(dram={"inputs": form, "outputs": form}, buffer={"inputs": form})
    mapping = da.search(CONV, make_chip(), "free").mapping
    plain = da.evaluate(CONV, make_chip(), mapping, density=density)
    coded = da.evaluate(CONV, chip, mapping, density=density)
    share = sum(density.bits_per_word("inputs", form, 16)) / 16
    final = sum(density.bits_per_word("outputs", form, 16)) / 16
    for old, new in zip(plain.levels, coded.levels, strict=True):
        assert (old.reads, old.writes) == (new.reads, new.writes)
        if old.level == "dram" and old.tensor == "inputs":
            assert new.effective_reads == pytest.approx(old.effective_reads * share)
            assert new.energy == pytest.approx(old.energy * share)
        if old.level == "dram" and old.tensor == "outputs":
            outputs = math.prod(CONV.output_shape)
            assert new.effective_writes == pytest.approx(old.effective_writes - outputs * (1 - final))
        if old.level == "dram" and old.tensor == "weights":
            assert old == new
    assert coded.traffic("dram", "inputs", "bytes") < plain.traffic("dram", "inputs", "bytes")
    assert coded.traffic("dram", "inputs") == plain.traffic("dram", "inputs")


def test_a_tensor_that_a_format_would_make_larger_is_left_alone() -> None:
    mapping = da.search(CONV, make_chip(), "free").mapping
    dense = da.evaluate(CONV, make_chip(), mapping)
    coded = da.evaluate(CONV, make_chip(dram={"inputs": "rlc"}), mapping, density=sparsity.uniform())
    assert coded.traffic("dram", unit="bytes") == dense.traffic("dram", unit="bytes")


@pytest.mark.parametrize("seed", range(4))
def test_expected_and_exact_agree_within_sampling_error(seed: int) -> None:
    """Random zeros of known chances: what is measured lies where the chances put it, within five deviations.

    MACs are not independent, since each word takes part in many: the variance of their number is that of the
    worst case, in which all MACs of a word fall together (Efron-Stein), one input changing at most M R S of
    them and one weight at most P Q.
    """
    rng = np.random.default_rng(seed)
    chances = {"inputs": 0.3 + 0.1 * seed, "weights": 0.6 - 0.1 * seed}
    shapes = {"inputs": (1, 6, 14, 14), "weights": (8, 6, 3, 3)}
    tensors = {role: (rng.random(shape) < chances[role]).astype(np.int8) for role, shape in shapes.items()}
    exact = sparsity.measure(CONV, inputs=tensors["inputs"], weights=tensors["weights"])
    expected = sparsity.uniform(**chances)
    chip = make_chip(skips=("inputs", "weights"), dram={"inputs": "bitmask", "weights": "rlc"})
    mapping = da.search(CONV, chip, "free", density=expected).mapping
    one = da.evaluate(CONV, chip, mapping, density=expected)
    other = da.evaluate(CONV, chip, mapping, density=exact)
    per_word = {"inputs": 8 * 9, "weights": 14 * 14}
    variance = sum(
        tensors[role].size * chances[role] * (1 - chances[role]) * per_word[role] ** 2 for role in shapes
    )
    assert abs(one.effectual_macs - other.effectual_macs) < 5 * math.sqrt(variance)
    assert other.effectual_macs != one.effectual_macs
    for role, tensor in tensors.items():
        deviation = math.sqrt(chances[role] * (1 - chances[role]) / tensor.size)
        ratio = other.traffic("dram", role, "bytes") / one.traffic("dram", role, "bytes")
        # A word that is not zero brings at most its own bits and those of a run: two words' worth.
        assert abs(ratio - 1) < 5 * 2 * deviation / chances[role]


def test_a_search_takes_zeros_into_account() -> None:
    chip = make_chip(skips=("inputs", "weights"), buffer={"inputs": "bitmask", "weights": "bitmask"})
    density = sparsity.uniform(inputs=0.2, weights=0.2)
    dense, sparse = da.search(CONV, chip, "free"), da.search(CONV, chip, "free", density=density)
    mapped_as_if_dense = da.evaluate(CONV, chip, dense.mapping, density=density)
    assert sparse.cost.energy <= mapped_as_if_dense.energy
    assert sparse.cost.energy < dense.cost.energy


def test_a_network_with_densities_by_layer() -> None:
    chip = make_chip(skips=("inputs",))
    net = da.zoo.load("lenet5")
    first = next(layer for layer in net if layer.macs)
    dense = da.simulate(net, chip, dataflow="free")
    sparse = da.simulate(net, chip, dataflow="free", density={first.name: {"inputs": 0.5}})
    changed = [layer.name for layer in dense if sparse[layer.name].energy != layer.energy]
    assert changed == [first.name]
    with pytest.raises(da.DnnAccelError, match="did you mean"):
        da.simulate(net, chip, dataflow="free", density={first.name + "x": {"inputs": 0.5}})
