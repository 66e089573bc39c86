"""The atlas as one page that needs no other file."""

from __future__ import annotations

import shlex
from html import escape
from importlib import resources
from typing import TYPE_CHECKING

from dnnaccel import __version__
from dnnaccel._text import Column, clean
from dnnaccel._units import NONE, count, energy, percent, quantity
from dnnaccel.atlas.data import GROUPS, network_data, page_data, scopes
from dnnaccel.atlas.result import PAIRS, Atlas
from dnnaccel.report.html import details, heat_map, page, paragraph, section, table
from dnnaccel.report.html.marks import legend
from dnnaccel.report.html.shell import embedded_json

if TYPE_CHECKING:
    pass

__all__ = ["atlas_page"]

_CHIP = "eyeriss"
"""The chip that is shown first, if it is there."""

_GOALS = {"energy": "energy", "latency": "latency", "edp": "energy x delay"}
_WORDS = {"macs": "MACs", "weights": "weights", "energy": "energy", "latency": "latency"}


def atlas_page(found: Atlas) -> str:
    """Return the page of an atlas: charts, orders, a table of all, and the layers of each behind a click."""
    dataset = found.main_dataset()
    files = resources.files(__package__)
    blocks = [
        *map(paragraph, findings(found)),
        paragraph(
            f"Each chip runs under its own dataflow, one inference at a time, with mappings chosen for "
            f"{_GOALS.get(found.objective, found.objective)} by {found.effort} searches."
        ),
        _controls(found, dataset),
        f'<div id="atlas-groups">{legend(list(GROUPS), shapes=True)}</div>',
        section(
            "Accuracy against what is counted, and against what is paid",
            paragraph(
                "The same accuracy at different prices. MACs and weights are the network's own; energy and "
                "latency are those of the chosen chip. Click a point for its layers."
            ),
            '<div class="panels" id="atlas-accuracy"></div>',
        ),
        section(
            "The same MACs, at different prices",
            paragraph(
                "If MACs told energy or latency, the points would lie on a line. Those of equal MACs that "
                "stand apart differ in what they move, and in how well they fill the array."
            ),
            '<div class="panels" id="atlas-cost"></div>',
        ),
        section(
            "How the order changes",
            paragraph(
                "Rank 1, at the top, is the least. Lines are strong where MACs, energy and latency rank a "
                "network apart, by a tenth of the list or more."
            ),
            '<div class="atlas-order"><div id="atlas-bump"></div><div id="atlas-orders"></div></div>',
        ),
        section(
            "Chip by chip",
            paragraph(
                f"Kendall's tau of the orders of the {_number(found, dataset)} networks for {dataset}: "
                "1 is the same order, 0 none, -1 the reverse."
            ),
            _taus(found, dataset),
            table(
                found.chip_columns(dataset, taus=False),
                links=[f"#@{chip.name}" for chip in found.chips],
                anchor="chips",
            ),
            paragraph(
                "swapped: pairs of networks of which the one with fewer MACs takes longer. spread: the most "
                "over the least energy, or cycles, for each MAC among the networks."
            ),
        ),
        *_between(found, dataset),
        section(
            "Every network on every chip",
            paragraph("Click a name for its layers; click a header to sort."),
            f'<div class="atlas-rows">{_rows(found)}</div>',
        ),
        _apart(found),
        _sources(found),
        '<dialog id="atlas-layers" aria-label="layers"><div class="atlas-top">'
        '<button type="button" class="control" id="atlas-close">Close</button></div>'
        '<div id="atlas-inside"></div></dialog>',
        f'<script type="application/json" id="atlas-data">{embedded_json(page_data(found))}</script>',
    ]
    return page(
        f"Atlas: {found.size}",
        blocks,
        inputs={
            "version": __version__,
            "job": "atlas",
            "command": _command(found),
            "objective": found.objective,
            "effort": found.effort,
            "networks": ", ".join(row.name for row in found.networks),
            "chips": ", ".join(chip.name for chip in found.chips),
        },
        script=files.joinpath("atlas.js").read_text("utf-8"),
        style=files.joinpath("atlas.css").read_text("utf-8"),
    )


def findings(found: Atlas) -> list[str]:
    """Return what the atlas says, in sentences, of the networks for its main dataset."""
    dataset = found.main_dataset()
    said = ["Weights and MACs do not tell speed or energy; only the hardware does."]
    slow = [
        one
        for one in found.correlations(dataset)
        if (one.first, one.second) == ("macs", "latency") and one.swapped is not None
    ]
    if slow:
        low, high = (pick(slow, key=lambda one: one.swapped or 0.0) for pick in (min, max))
        said.append(
            f"Take two networks for {dataset}: the one with fewer MACs is the slower one in "
            f"{percent(low.swapped)} % of all pairs on {low.chip}, and in {percent(high.swapped)} % on "
            f"{high.chip}."
        )
    for figure, words in (("energy", "{:.3g} times the energy of"), ("latency", "{:.3g} times as long as")):
        spreads = [
            (spread, chip.name)
            for chip in found.chips
            if (spread := found.spread(figure, chip.name, dataset)) is not None
        ]
        if spreads:
            spread, chip = max(spreads)
            names = list(found.per_mac(figure, chip, dataset))
            said.append(f"For each MAC {names[-1]} takes {words.format(spread)} {names[0]} on {chip}.")
    return [said[0], " ".join(said[1:])] if len(said) > 1 else said


def _number(found: Atlas, dataset: str | None) -> int:
    return sum(dataset in (None, row.dataset) for row in found.networks)


def _controls(found: Atlas, dataset: str | None) -> str:
    names = [chip.name for chip in found.chips]
    first = names.index(_CHIP) if _CHIP in names else 0
    chips = "".join(
        f'<option value="{index}"{" selected" if index == first else ""}>{escape(name)}</option>'
        for index, name in enumerate(names)
    )
    kinds = "".join(
        f'<option value="{index}">{escape("all" if scope is None else f"for {scope}")}</option>'
        for index, scope in enumerate(scopes(found))
    )
    return (
        '<div class="atlas-controls" id="atlas-controls">'
        f'<label>Chip <select class="control" id="atlas-chip">{chips}</select></label>'
        f'<label>Networks <select class="control" id="atlas-scope">{kinds}</select></label></div>'
        '<p id="atlas-said" aria-live="polite"></p>'
        "<noscript><p>The charts need JavaScript; the tables below do not.</p></noscript>"
    )


def _taus(found: Atlas, dataset: str | None) -> str:
    by_chip: dict[str, list[float | None]] = {chip.name: [] for chip in found.chips}
    for one in found.correlations(dataset):
        by_chip[one.chip].append(one.kendall)
    return heat_map(
        list(by_chip),
        [f"{_WORDS[first]} - {_WORDS[second]}" for first, second in PAIRS],
        list(by_chip.values()),
        unit_text=lambda value: f"{value:.2f}",
    )


def _between(found: Atlas, dataset: str | None) -> list[str]:
    """Show whether the order on one chip tells that on another; nothing of a single chip."""
    if len(found.chips) < 2:
        return []
    names = [f"{number} {chip.name}" for number, chip in enumerate(found.chips, 1)]
    between = heat_map(
        names,
        [str(number) for number in range(1, len(names) + 1)],
        found.between_chips("latency", dataset),
        unit_text=lambda value: f"{value:.2f}",
    )
    return [
        section(
            "From one chip to another",
            paragraph(
                f"Kendall's tau of the orders of the {_number(found, dataset)} networks by latency on two "
                "chips: a network that is fast on one need not be on the other."
            ),
            f'<div class="atlas-between">{between}</div>',
        )
    ]


def _command(found: Atlas) -> str:
    """Return the command that gives the page, of networks and chips that have names."""
    from dnnaccel import arch, zoo

    words = ["dnnaccel", "atlas"]
    for option, known, names in (
        ("--networks", zoo.names(), [row.name for row in found.networks]),
        ("--arch", arch.names(), [chip.name for chip in found.chips]),
    ):
        words += [option, ",".join(names)] if names != known else []
    words += ["--objective", found.objective] if found.objective != "edp" else []
    words += ["--effort", found.effort] if found.effort != "quick" else []
    return shlex.join([*words, "-o", "atlas.html"])


def _rows(found: Atlas) -> str:
    flat = found.to_rows()
    units = [row["energy_unit"] for row in flat]
    columns = {
        "network": [clean(row["network"]) for row in flat],
        "chip": [clean(row["chip"]) for row in flat],
        "top-5 %": [NONE if row["top5"] is None else f"{row['top5']:.1f}" for row in flat],
        "MACs": [count(row["macs"]) for row in flat],
        "weights": [count(row["weights"]) for row in flat],
        "energy": [energy(row["energy"], unit) for row, unit in zip(flat, units, strict=True)],
        "energy / MAC": [energy(row["energy_per_mac"], unit) for row, unit in zip(flat, units, strict=True)],
        "cycles": [count(row["cycles"]) for row in flat],
        "latency": [quantity(row["seconds"], "s") for row in flat],
        "MACs / cycle": [count(row["macs_per_cycle"]) for row in flat],
        "util %": [percent(row["utilization"]) for row in flat],
        "bound by": [row["bound_by"] or ("cannot run" if row["reason"] else NONE) for row in flat],
    }
    keys = [
        "", "", "top5", "macs", "weights", "energy", "energy_per_mac", "cycles", "seconds", "macs_per_cycle",
        "utilization", "",
    ]  # fmt: skip
    return table(
        [Column(name, cells, name in ("network", "chip", "bound by")) for name, cells in columns.items()],
        sort_values=[[row[key] for row in flat] if key else [] for key in keys],
        links=[f"#{row['network']}@{row['chip']}" for row in flat],
        searchable=True,
        anchor="rows",
    )


def _apart(found: Atlas) -> str:
    rows = [row for row in found.networks if network_data(row, ())["top5"] is None]
    if not rows:
        return ""
    return section(
        "Networks without a top-5 accuracy",
        paragraph("They are in the charts of all networks and in the table, but not in those of accuracy."),
        table(
            [
                Column("network", [clean(row.name) for row in rows], left=True),
                Column("dataset", [clean(row.dataset or NONE) for row in rows], left=True),
                Column("top-1 %", [NONE if row.top1 is None else f"{row.top1:.2f}" for row in rows]),
                Column("MACs", [count(row.macs) for row in rows]),
                Column("weights", [count(row.weights) for row in rows]),
            ]
        ),
    )


def _sources(found: Atlas) -> str:
    rows = [row for row in found.networks if row.top1 is not None or row.top5 is not None]

    def cell(value: float | None) -> str:
        return NONE if value is None else f"{value:.2f}"

    return details(
        "Where the accuracies come from",
        table(
            [
                Column("network", [clean(row.name) for row in rows], left=True),
                Column("top-1 %", [cell(row.top1) for row in rows]),
                Column("top-5 %", [cell(row.top5) for row in rows]),
                Column("source", [row.accuracy_source or NONE for row in rows], left=True),
                Column("quoted top-5 %", [cell(row.quoted_top5) for row in rows]),
                Column(
                    "source of the quoted figures", [row.quoted_source or NONE for row in rows], left=True
                ),
            ]
        ),
    )
