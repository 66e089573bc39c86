"""What a chip makes of zeros, and how fast its networks are: stored, written, drawn, and refused if wrong."""

from __future__ import annotations

from typing import Any

import pytest

from dnnaccel import arch
from dnnaccel.arch import Array, Chip, Mac, Memory
from dnnaccel.errors import ArchitectureError


def sparse_chip() -> Chip:
    return arch.load("eyeriss").override(
        {
            "dram.formats": {"outputs": "rlc", "inputs": "rlc"},
            "filter_spad.gated_by": ["inputs"],
            "pe_array.words_per_cycle": {"inputs": 1, "weights": 4, "outputs": 0.5},
            "mac.gates": ["inputs"],
            "mac.skips": ["weights"],
        }
    )


def test_the_keys_are_kept_in_canonical_form() -> None:
    chip = sparse_chip()
    assert list(chip.memory("dram").formats.items()) == [("inputs", "rlc"), ("outputs", "rlc")]
    assert chip.memory("filter_spad").gated_by == ("inputs",)
    array = chip["pe_array"]
    assert isinstance(array, Array)
    assert array.words_per_cycle == {"inputs": 1.0, "weights": 4.0, "outputs": 0.5}
    assert (chip.mac.gates, chip.mac.skips) == (("inputs",), ("weights",))
    assert hash(chip) == hash(sparse_chip())


def test_left_out_they_are_nothing_and_are_not_written() -> None:
    chip = arch.load("example")
    assert all(memory.formats == {} and memory.gated_by == () for memory in chip.memories)
    assert all(array.words_per_cycle == {} for array in chip.arrays)
    assert chip.mac.gates == chip.mac.skips == ()
    assert not any(key in chip.to_yaml() for key in ("formats", "gated_by", "words_per_cycle", "gates"))


def test_they_round_trip(tmp_path: Any) -> None:
    chip = sparse_chip()
    path = tmp_path / "chip.yaml"
    path.write_text(chip.to_yaml())
    assert arch.load(path) == chip
    assert Chip.from_dict(chip.to_dict()) == chip


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dram.formats": {"inputs": "rle"}}, "unknown format 'rle' of inputs; did you mean rlc?"),
        ({"dram.formats": {"input": "rlc"}}, "unknown tensor 'input'; did you mean inputs?"),
        ({"dram.formats": "rlc"}, "must give the compressed format of each tensor, not 'rlc'"),
        ({"filter_spad.formats": {"inputs": "csc"}}, "formats.inputs: inputs are not among what it keeps"),
        ({"glb.gated_by": ["outputs"]}, "outputs are no operand of a MAC"),
        ({"glb.gated_by": "inputs"}, "must be a list of tensors"),
        ({"pe_array.words_per_cycle": {"inputs": 0}}, "inputs must be a number of words per cycle"),
        ({"pe_array.words_per_cycle": {"inputs": float("nan")}}, "greater than 0, not nan"),
        ({"pe_array.words_per_cycle": {"inputs": float("inf")}}, "greater than 0, not inf"),
        ({"pe_array.words_per_cycle": {"inputs": True}}, "greater than 0, not True"),
        ({"pe_array.words_per_cycle": {"input": 1}}, "did you mean inputs?"),
        ({"pe_array.words_per_cycle": 4}, "must give the words per cycle of each tensor, not 4"),
        ({"mac.gates": ["outputs"]}, "mac.gates: outputs are no operand of a MAC"),
        ({"mac.gates": ["inputs"], "mac.skips": ["inputs"]}, "mac.skips: inputs are in gates too"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ArchitectureError) as caught:
        arch.load("eyeriss").override(changes)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_direct_construction_is_held_to_the_same_rules() -> None:
    with pytest.raises(ArchitectureError, match=r"memory 'm': formats\.weights: weights are not among"):
        Memory(name="m", keeps=("inputs",), read_energy=1, write_energy=1, formats={"weights": "csc"})
    with pytest.raises(ArchitectureError, match="mac: skips: weights are in gates too"):
        Mac(energy=1, gates=("weights",), skips=("weights",))


def test_the_drawing_says_it_within_100_columns() -> None:
    drawing = sparse_chip().draw()
    assert "inputs in rlc, outputs in rlc" in drawing
    assert "zeros of inputs save accesses" in drawing
    assert "words per cycle into one instance: inputs 1, weights 4, outputs 0.5" in drawing
    assert "zeros of inputs save its energy, zeros of weights are skipped" in drawing
    assert max(map(len, drawing.splitlines())) <= 100
