"""Is the table of AlexNet on the fabricated Eyeriss ours, with measured zeros and run-length coding?

The mappings are the paper's; targets were set before anything was compared.
"""

from __future__ import annotations

import json

import pytest

from dnnaccel import reproduce
from dnnaccel.reproduce import Jssc17Comparison


@pytest.fixture(scope="module")
def comparison() -> Jssc17Comparison:
    return reproduce.jssc17(best=False)


def test_active_pes_are_the_chips(comparison: Jssc17Comparison) -> None:
    for row in comparison.rows:
        assert row.paper.active_pes == row.chip.active_pes


def test_latency_is_within_five_per_cent_on_average(comparison: Jssc17Comparison) -> None:
    assert comparison.mean_error("processing_ms") < 0.05
    assert abs(comparison.total_error("processing_ms")) < 0.05


def test_buffer_traffic_is_within_ten_per_cent(comparison: Jssc17Comparison) -> None:
    assert abs(comparison.total_error("glb_mib")) < 0.10
    for row in comparison.rows:
        ours, chip = row.figures(row.paper)["glb_mib"], row.chip.glb_mib
        if row.chip.layer == "conv3":  # its printed channels per pass and its measured traffic do not agree
            assert ours > 1.1 * chip
        else:
            assert ours == pytest.approx(chip, rel=0.10)


def test_coded_dram_traffic_is_within_fifteen_per_cent(comparison: Jssc17Comparison) -> None:
    assert abs(comparison.total_error("dram_mib")) < 0.15
    for row in comparison.rows:
        # The chip's is printed to a tenth.
        chip = row.chip.dram_mib
        assert abs(row.figures(row.paper)["dram_mib"] - chip) < 0.15 * chip + 0.05


def test_power_splits_as_on_the_chip_and_is_less(comparison: Jssc17Comparison) -> None:
    for row in comparison.rows:
        assert row.figures(row.paper)["power_mw"] < row.chip.power_mw
    # Zeros are gated, so the layers with most of them take the least.
    ours = [row.figures(row.paper)["power_mw"] for row in comparison.rows]
    chip = [row.chip.power_mw for row in comparison.rows]
    assert sorted(range(3), key=ours.__getitem__) == sorted(range(3), key=chip.__getitem__)


def test_it_prints(comparison: Jssc17Comparison) -> None:
    text = comparison.to_text(width=100)
    assert max(map(len, text.splitlines())) <= 100
    assert "64 passes of 4 channels" in " ".join(text.split())
    assert len(json.loads(comparison.to_json())["rows"]) == 5
    assert len(comparison.to_csv().splitlines()) == 1 + 5
    frame = comparison.to_dataframe()
    assert list(frame["active_pes"]) == list(frame["chip.active_pes"])
