"""Against silicon: the model must stay as near to the measured chip as it is today."""

from __future__ import annotations

import eyeriss_jssc17 as validation
import pytest


@pytest.fixture(scope="module")
def rows() -> list[validation.Row]:
    return validation.rows()


def test_paper_mapping_uses_the_elements_that_the_paper_says(rows: list[validation.Row]) -> None:
    assert [row.paper.active_pes for row in rows] == [row.chip_active_pes for row in rows]


def test_paper_mapping_takes_the_passes_that_arithmetic_gives(rows: list[validation.Row]) -> None:
    # images x groups x filter passes x row strips x channel passes x columns x MACs of one element per column
    by_hand = [
        4 * 1 * 3 * 8 * 3 * 55 * (16 * 1 * 11),
        4 * 2 * 8 * 1 * 24 * 27 * (16 * 2 * 5),
        4 * 1 * 6 * 1 * 64 * 13 * (16 * 4 * 3),
        4 * 2 * 6 * 1 * 32 * 13 * (16 * 3 * 3),
        4 * 2 * 4 * 1 * 32 * 13 * (16 * 3 * 3),
    ]
    assert [row.paper.compute_cycles for row in rows] == by_hand


def test_latency_is_below_the_chips_by_at_most_a_sixth(rows: list[validation.Row]) -> None:
    errors = validation.latency_errors(rows)
    assert all(-1 / 6 < error < 0 for error in errors)
    assert sum(map(abs, errors)) / len(errors) < 0.12


def test_dram_traffic_is_the_chips_without_its_compression(rows: list[validation.Row]) -> None:
    assert all(abs(error) < 0.15 for error in validation.dram_errors(rows))


def test_buffer_traffic_is_the_chips_but_for_conv3(rows: list[validation.Row]) -> None:
    errors = dict(zip((row.layer for row in rows), validation.glb_errors(rows), strict=True))
    assert errors.pop("conv3") < 0.45
    assert all(abs(error) < 0.10 for error in errors.values())


def test_search_is_no_worse_than_the_paper_at_what_it_searched_for(rows: list[validation.Row]) -> None:
    for row in rows:
        assert row.fastest.cycles <= row.paper.cycles, row.layer
        assert row.frugal.energy <= row.paper.energy, row.layer
