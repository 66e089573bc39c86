"""Are the figures of the ISCA 2016 dataflow comparison ours, bar by bar, when we count as the paper does?

The figures, with their source, are in python/dnnaccel/reproduce/isca16.json. Mappings are found by search,
but for the one table that gives row stationary's.
"""

from __future__ import annotations

import pytest

from dnnaccel import arch, reproduce
from dnnaccel.conventions.isca16 import DATAFLOWS, LEVELS
from dnnaccel.reproduce import Isca16Comparison
from dnnaccel.reproduce.isca16_honest import PARTS
from dnnaccel.reproduce.isca16_report import Bar, LayerSplit
from dnnaccel.reproduce.isca16_storage import PES, sizes

EXACT = [("ws", 1), ("ws", 16), *((flow, batch) for flow in ("osa", "osb", "osc") for batch in (1, 16, 64))]


@pytest.fixture(scope="module")
def comparison() -> Isca16Comparison:
    return reproduce.isca16()


def bar(comparison: Isca16Comparison, dataflow: str, batch: int) -> Bar:
    (found,) = [x for x in comparison.bars if (x.dataflow, x.batch) == (dataflow, batch)]
    return found


@pytest.mark.parametrize(("dataflow", "batch"), EXACT)
def test_every_level_of_a_bar_by_search(comparison: Isca16Comparison, dataflow: str, batch: int) -> None:
    ours = bar(comparison, dataflow, batch)
    assert ours.published is not None
    for level in LEVELS:
        assert ours.energy_by_level()[level] == pytest.approx(ours.published[level], rel=1e-3), level
    assert ours.largest_difference is not None
    assert abs(ours.largest_difference) <= 1e-3


@pytest.mark.parametrize(("batch", "within"), [(1, 5e-3), (16, 5e-3), (64, 5e-3)])
def test_row_stationary_by_search(comparison: Isca16Comparison, batch: int, within: float) -> None:
    ours = bar(comparison, "rs", batch)
    assert ours.difference is not None
    assert abs(ours.difference) < within


@pytest.mark.parametrize("batch", [1, 16, 64])
def test_no_local_reuse_by_search(comparison: Isca16Comparison, batch: int) -> None:
    ours = bar(comparison, "nlr", batch)
    assert ours.difference is not None
    assert abs(ours.difference) < 2e-3


def test_weight_stationary_at_batch_64_cannot_run_for_the_papers_reason(comparison: Isca16Comparison) -> None:
    refused = bar(comparison, "ws", 64).refused
    assert [refusal.layer for refusal in refused] == ["conv1"]
    # One filter's partial sums, 64 x 55 x 55, against 334.3 kB.
    assert (refused[0].place, refused[0].needed, refused[0].there) == ("buffer", 193_600, 171_161)
    assert "193600 words of buffer" in refused[0].reason


def test_row_stationary_layer_by_layer_with_the_mappings_of_figure_10(comparison: Isca16Comparison) -> None:
    assert [split.layer for split in comparison.splits] == ["conv1", "conv2", "conv3", "conv4", "conv5"]
    for split in comparison.splits:
        assert split.given is not None
        for level, energy in split.given.energy_by_level().items():
            assert energy == pytest.approx(split.published[level], rel=1e-3), (split.layer, level)
        assert abs(LayerSplit.largest(split.given, split.published)) <= 1e-3


def test_the_search_is_within_a_half_percent_of_figure_10_in_total(comparison: Isca16Comparison) -> None:
    found = sum(split.found.energy for split in comparison.splits)
    published = sum(sum(split.published.values()) for split in comparison.splits)
    assert found == pytest.approx(published, rel=5e-3)


def test_fully_connected_layers_of_figure_10_by_search() -> None:
    splits = reproduce.isca16(layers="fc", batches=(16,), honest=False).splits
    assert [split.layer for split in splits] == ["fc6", "fc7", "fc8"]
    for split in splits:
        assert split.found.energy == pytest.approx(sum(split.published.values()), rel=2e-3)


def test_the_ranking_is_the_papers(comparison: Isca16Comparison) -> None:
    for batch in (1, 16, 64):
        assert comparison.ranking(batch) == comparison.published_ranking(batch)


def test_delays_follow_from_the_mappings(comparison: Isca16Comparison) -> None:
    """Energy x delay was fitted by nobody: Figure 13a over 12a is one over the PEs at work."""
    for dataflow, batch in (("ws", 1), ("ws", 16), ("osa", 64), ("osb", 16), ("osc", 16)):
        ours = bar(comparison, dataflow, batch)
        assert ours.relative_edp == pytest.approx(ours.published_relative_edp, rel=1e-3)


@pytest.mark.parametrize("dataflow", DATAFLOWS)
def test_the_rule_of_equal_area_gives_the_published_sizes(dataflow: str) -> None:
    found = sizes(dataflow, PES[0])
    assert found.rule_buffer_kb == pytest.approx(found.buffer_kb, rel=4e-3)
    for pes in PES[1:]:
        larger = sizes(dataflow, pes)
        assert larger.buffer_kb == larger.rule_buffer_kb
        assert larger.buffer_kb == pytest.approx(found.rule_buffer_kb * pes / PES[0])


@pytest.mark.parametrize("dataflow", DATAFLOWS)
def test_presets_have_the_published_storage(dataflow: str) -> None:
    chip, wanted = arch.load(f"eyeriss_isca16_{dataflow}"), sizes(dataflow, PES[0]).storage
    assert chip.pe_count == wanted.pes
    assert chip.memory("glb").capacity_words == wanted.buffer_words
    in_pe = [memory for memory in chip.memories if memory.name in ("in_reg", "rf")]
    paid = [memory for memory in in_pe if memory.name == "rf" or dataflow in ("osa", "osb")]
    assert sum(memory.capacity_words or 0 for memory in paid) == wanted.rf_words


def test_honest_counting_ranks_row_stationary_first_too(comparison: Isca16Comparison) -> None:
    assert {(b.batch, b.dataflow) for b in comparison.honest} == {
        (b.batch, b.dataflow) for b in comparison.bars
    }
    for batch in (1, 16, 64):
        assert comparison.honest_ranking(batch)[0] == "rs"
    (refused,) = [b for b in comparison.honest if b.refused]
    assert (refused.dataflow, refused.batch) == ("ws", 64)
    assert "193600" in refused.refused


def test_the_parts_lead_from_the_papers_count_to_ours(comparison: Isca16Comparison) -> None:
    for honest in comparison.honest:
        if honest.refused:
            continue
        start = bar(comparison, honest.dataflow, honest.batch).energy
        assert list(honest.parts) == list(PARTS)
        assert start + sum(honest.parts.values()) == pytest.approx(honest.energy, rel=1e-9)
        assert honest.parts["fills"] > 0
        # The paper's own mapping is among those that ours is the best of.
        assert honest.parts["mapping"] <= 1e-9
        assert sum(honest.energy_by_level().values()) == pytest.approx(honest.energy, rel=1e-9)


def test_more_pes_and_other_networks() -> None:
    wide = reproduce.isca16(pes=1024, batches=(16,), honest=False)
    assert all(x.published is None and not x.refused for x in wide.bars)
    assert wide.splits == ()
    assert wide.ranking(16)[0] == "rs"
    other = reproduce.isca16(network="lenet5", layers="all", batches=(1,), honest=False)
    assert {count.layer for x in other.bars for count in x.counts} == {
        "conv1",
        "conv2",
        "conv3",
        "fc4",
        "fc5",
    }
