"""The ISCA 2016 comparison as plain-text tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dnnaccel._text import DEFAULT_WIDTH, Column, clean, layout, notes
from dnnaccel.conventions.isca16 import LEVELS
from dnnaccel.reproduce.isca16_honest import PARTS

if TYPE_CHECKING:
    from dnnaccel.reproduce.isca16_report import Bar, Isca16Comparison

__all__ = ["comparison_text"]

_NAMES = {"mac": "ALU", "rf": "RF", "array": "array", "buffer": "buffer", "dram": "DRAM"}
_NONE = "-"


def comparison_text(comparison: Isca16Comparison, *, width: int = DEFAULT_WIDTH) -> str:
    """Return all tables of a comparison, for lines of `width` characters."""
    blocks = [
        notes([_headline(comparison)], width=width),
        "Storage of equal area, kB\n\n" + layout(_storage(comparison), width=width),
        "Energy per MAC, in energies of one MAC, counted as the paper counts (its Fig. 12a)\n\n"
        + layout(_energy(comparison), width=width),
        "DRAM words per MAC (Fig. 11a), and energy x delay (Fig. 13a), row stationary at batch 1 being 1\n\n"
        + layout(_traffic(comparison), width=width),
    ]
    if comparison.splits:
        blocks.append(
            "Row stationary layer by layer at batch 16 (Fig. 10), in millions of energies of one MAC\n\n"
            + layout(_figure10(comparison), width=width)
        )
    if comparison.honest:
        blocks.append(
            "The same by this package's own counting, on the presets eyeriss_isca16_*: energy per MAC, and "
            "what the difference consists of\n\n" + layout(_honest(comparison), width=width)
        )
    blocks.append(notes(_remarks(comparison), width=width))
    return "\n\n".join(blocks)


def _headline(comparison: Isca16Comparison) -> str:
    which = {"conv": "CONV layers", "fc": "FC layers", "all": "CONV and FC layers"}[comparison.layers]
    return (
        f"{clean(comparison.network)}, {which}, {comparison.pes} PEs: the dataflows of Chen, Emer and Sze, "
        "ISCA 2016"
    )


def _storage(comparison: Isca16Comparison) -> list[Column]:
    sizes = comparison.sizes
    return [
        Column("dataflow", [name.upper() for name in sizes], left=True),
        Column("register files", [f"{s.rf_kb:.1f}" for s in sizes.values()]),
        Column("buffer", [f"{s.buffer_kb:.1f}" for s in sizes.values()]),
        Column("buffer by rule", [f"{s.rule_buffer_kb:.1f}" for s in sizes.values()]),
        Column("diff %", [_percent(s.rule_buffer_kb / s.buffer_kb - 1) for s in sizes.values()]),
    ]


def _keys(bars: Sequence[Bar]) -> list[Column]:
    return [
        Column("batch", [str(bar.batch) for bar in bars]),
        Column("dataflow", [bar.dataflow.upper() for bar in bars], left=True),
    ]


def _energy(comparison: Isca16Comparison) -> list[Column]:
    bars = comparison.bars
    columns = _keys(bars)
    for level in LEVELS:
        columns.append(Column(_NAMES[level], [_figure(bar, level) for bar in bars]))
    published = [None if bar.published is None else sum(bar.published.values()) for bar in bars]
    return [
        *columns,
        Column("total", [_NONE if bar.refused else f"{bar.energy:.4f}" for bar in bars]),
        Column("paper", [_number(value, 4) for value in published]),
        Column("diff %", [_percent(bar.difference) for bar in bars]),
        Column("worst level %", [_percent(bar.largest_difference) for bar in bars]),
        Column("RS at 1 = 1", [_number(bar.relative, 4) for bar in bars]),
        Column("paper", [_number(bar.published_relative, 4) for bar in bars]),
    ]


def _figure(bar: Bar, level: str) -> str:
    return _NONE if bar.refused else f"{bar.energy_by_level()[level]:.4f}"


def _traffic(comparison: Isca16Comparison) -> list[Column]:
    bars = comparison.bars
    return [
        *_keys(bars),
        Column("DRAM reads", [_NONE if bar.refused else f"{bar.dram_reads:.5f}" for bar in bars]),
        Column("paper", [_number(_dram(bar, "reads"), 5) for bar in bars]),
        Column("DRAM writes", [_NONE if bar.refused else f"{bar.dram_writes:.5f}" for bar in bars]),
        Column("paper", [_number(_dram(bar, "writes"), 5) for bar in bars]),
        Column("PEs at work", [_NONE if bar.refused else f"{1 / bar.delay:.1f}" for bar in bars]),
        Column("energy x delay", [_number(bar.relative_edp, 4) for bar in bars]),
        Column("paper", [_number(bar.published_relative_edp, 4) for bar in bars]),
    ]


def _dram(bar: Bar, what: str) -> float | None:
    return None if bar.published_dram is None else bar.published_dram[what]


def _figure10(comparison: Isca16Comparison) -> list[Column]:
    splits = comparison.splits
    columns = [Column("layer", [split.layer for split in splits], left=True)]
    for level in LEVELS:
        cells = [
            _NONE if split.given is None else f"{split.given.energy_by_level()[level] / 1e6:.1f}"
            for split in splits
        ]
        columns.append(Column(_NAMES[level], cells))
    totals = [sum(split.published.values()) for split in splits]
    worst = [None if s.given is None else s.largest(s.given, s.published) for s in splits]
    given = [None if s.given is None else s.given.energy / 1e6 for s in splits]
    mappings = [
        _NONE if s.given is None else " ".join(f"{name}{value}" for name, value in s.given.mapping.items())
        for s in splits
    ]
    return [
        *columns,
        Column("total", [_number(value, 1) for value in given]),
        Column("paper", [f"{total / 1e6:.1f}" for total in totals]),
        Column("worst level %", [_percent(value) for value in worst]),
        Column("by search", [f"{split.found.energy / 1e6:.1f}" for split in splits]),
        Column(
            "diff %", [_percent(s.found.energy / total - 1) for s, total in zip(splits, totals, strict=True)]
        ),
        Column("mapping of the figure", mappings, left=True),
    ]


def _honest(comparison: Isca16Comparison) -> list[Column]:
    bars = comparison.honest
    paper = {(bar.batch, bar.dataflow): bar for bar in comparison.bars}
    before = [paper[bar.batch, bar.dataflow] for bar in bars]
    columns = [
        Column("batch", [str(bar.batch) for bar in bars]),
        Column("dataflow", [bar.dataflow.upper() for bar in bars], left=True),
        Column("paper's count", [_NONE if bar.refused else f"{bar.energy:.3f}" for bar in before]),
    ]
    columns += [Column(part, [_signed(bar.parts.get(part)) for bar in bars]) for part in PARTS]
    return [
        *columns,
        Column("our count", [_NONE if bar.refused else f"{bar.energy:.3f}" for bar in bars]),
        Column("rank", [_rank(comparison.honest_ranking(b.batch), b.dataflow) for b in bars]),
        Column("paper's rank", [_rank(comparison.ranking(b.batch), b.dataflow) for b in bars]),
    ]


def _rank(ranking: Sequence[str], dataflow: str) -> str:
    return str(ranking.index(dataflow) + 1) if dataflow in ranking else _NONE


def _remarks(comparison: Isca16Comparison) -> list[str]:
    said = [
        f"batch {bar.batch}: {refusal.reason} (as the paper counts)"
        for bar in comparison.bars
        for refusal in bar.refused
    ]
    said += [
        f"batch {bar.batch}: {bar.refused} (as this package counts)"
        for bar in comparison.honest
        if bar.refused
    ]
    for batch in dict.fromkeys(bar.batch for bar in comparison.bars):
        published = comparison.published_ranking(batch)
        orders = [("paper", published), ("its count, our search", comparison.ranking(batch))]
        if comparison.honest:
            orders.append(("our count", comparison.honest_ranking(batch)))
        text = "; ".join(
            f"{who}: {' < '.join(name.upper() for name in order)}" for who, order in orders if order
        )
        said.append(f"ranking at batch {batch}: {text}")
    return said


def _number(value: float | None, digits: int) -> str:
    return _NONE if value is None else f"{value:.{digits}f}"


def _signed(value: float | None) -> str:
    return _NONE if value is None else f"{value:+.3f}"


def _percent(fraction: float | None) -> str:
    if fraction is None:
        return _NONE
    text = f"{100 * fraction:+.2f}"
    return "0.00" if float(text) == 0 else text
