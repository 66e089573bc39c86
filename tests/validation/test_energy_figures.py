"""Estimates against figures of other sources, which no table of the estimate holds."""

from __future__ import annotations

from typing import Any

import pytest

from dnnaccel import energy

KIB = 8 * 1024

# What, component, technology, bits of a word, value, and the other source's figure for it.
FIGURES: dict[str, tuple[dict[str, Any], float, int, str, float]] = {
    "Accelergy read": ({"bits": 128 * KIB, "banks": 32}, 65, 64, "read_energy", 18.183829),
    "Accelergy write": ({"bits": 128 * KIB, "banks": 32}, 65, 64, "write_energy", 14.137929),
    "Dally": ({"bits": 8 * KIB}, 28, 256, "read_energy", 50),
    "EIE": ({"bits": 32 * KIB}, 45, 32, "read_energy", 5),
    # Genc et al., DAC 2021, from memory, unverified.
    "Gemmini scratchpad": ({"bits": 256 * KIB, "banks": 4}, 22, 128, "area_mm2", 0.544),
    "Gemmini accumulator": ({"bits": 64 * KIB, "banks": 2}, 22, 512, "area_mm2", 0.146),
}


@pytest.mark.parametrize(
    ("component", "technology", "word_bits", "key", "figure"), FIGURES.values(), ids=FIGURES.keys()
)
def test_sram_within_a_factor_of_two(
    component: dict[str, Any], technology: float, word_bits: int, key: str, figure: float
) -> None:
    found = energy.estimate({"kind": "sram"} | component, technology_nm=technology, word_bits=word_bits)
    assert found.table == "horowitz45"
    assert figure / 2 <= found[key] <= figure * 2
