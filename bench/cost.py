"""How many mappings per second one core costs: dnnaccel, and ZigZag and AccelForge beside it.

Same layers, turn by turn in one run: ours, theirs, ours, ... bench/README.md says what each number means, and
how to get the peers.

    python bench/cost.py --zigzag-python Z/bin/python --accelforge-python A/bin/python
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from peers import ACCELFORGE, ZIGZAG, PeerProcess, cpu_model, load, running
from rich import box
from rich.console import Console
from rich.table import Table

import dnnaccel as da
from dnnaccel import _core
from dnnaccel._lower import lower_chip, lower_problem, lower_rules
from dnnaccel.layers import Layer
from dnnaccel.mapspace import constrain

HERE = Path(__file__).parent
LOOKUPS_PER_MAPPING = 117
"""Table look-ups (and multiplications) that the closed form needs for one mapping: the mean over random
mappings with imperfect factors of a 3x3 convolution, 64 channels to 64, 56x56, on DRAM, buffer, array, RF."""
SEED = 1
PROPOSALS = 20000
"""Of one start of the search whose own proposals are costed."""
COLD_MAPPINGS = 1024


@dataclass(frozen=True)
class Case:
    """A layer on a chip; every level of the chip may split every dim."""

    label: str
    layer: Layer
    chip: da.Chip
    target: float
    """Mappings per second that issue 3 asks for, with warm tables."""

    def lowered(self) -> tuple[_core.Problem, _core.Architecture, _core.Mapspace]:
        """Return the core's view of it."""
        problem = self.layer.problem
        assert problem is not None
        rules = constrain(da.dataflow.get("free"), self.chip, problem)
        return lower_problem(problem), lower_chip(self.chip), lower_rules(rules, problem)


def cases() -> list[Case]:
    """Return the two problems of issue 3, and a second layer of each."""
    three, eyeriss = da.arch.load(HERE / "machine.yaml"), da.arch.load("eyeriss")
    resnet, alexnet = da.zoo.load("resnet50"), da.zoo.load("alexnet")
    return [
        Case("3 levels, resnet50 conv2_1b", resnet["conv2_1b"], three, 2e6),
        Case("3 levels, alexnet conv3", alexnet["conv3"], three, 2e6),
        Case("eyeriss, resnet50 conv2_1b", resnet["conv2_1b"], eyeriss, 1e6),
        Case("eyeriss, alexnet conv3", alexnet["conv3"], eyeriss, 1e6),
    ]


Rates = dict[str, list[float]]
"""Mappings per second of CPU time, a turn each, by contender."""


def turn(case: Case, mappings: int, rates: Rates, peers: list[PeerProcess]) -> _core.Rate:
    """Measure every contender once; return what our random mappings came to."""
    problem, chip, space = case.lowered()
    rounds = max(1, 400_000 // mappings)
    warm = _core.cost_rate(problem, chip, space, mappings=mappings, rounds=rounds, seed=SEED, cold=False)
    cold = _core.cost_rate(problem, chip, space, mappings=COLD_MAPPINGS, rounds=1, seed=SEED, cold=True)
    for rate in (warm, cold):
        if (rate.energy, rate.cycles) != (rate.counted_energy, rate.counted_cycles):
            raise SystemExit(f"{case.label}: the tables and a fresh count disagree")
    search = _core.search_rate(problem, chip, space, proposals=PROPOSALS, rounds=5, seed=SEED)
    rates["warm"].append(warm.costed / warm.seconds)
    rates["cold"].append(cold.costed / cold.seconds)
    rates["search warm"].append(search.warm.evaluated / search.warm.seconds)
    rates["judged warm"].append((search.warm.evaluated + search.warm.pruned) / search.warm.seconds)
    rates["search cold"].append(search.cold.evaluated / search.cold.seconds)
    for process in peers:
        found = process.search(case.layer)
        assert found is not None  # no time limit was given
        rates[process.peer.name].append(found["evaluated"] / found["seconds"])
    return warm


def figure(rates: list[float]) -> str:
    """Return median and best."""
    return f"{statistics.median(rates):,.0f} (best {max(rates):,.0f})" if rates else "not run"


def print_results(results: dict[str, tuple[Case, Rates, _core.Rate]], lookup: float) -> None:
    """Print the rates, the ratios, and the limit that they are held against."""
    limit = 1 / (LOOKUPS_PER_MAPPING * lookup)
    ours = Table(box=box.MARKDOWN, show_edge=True)
    theirs = Table(box=box.MARKDOWN, show_edge=True)
    for table, headings in (
        (ours, ("case", "warm", "cold", "search, warm", "search, cold", "target", "share of limit")),
        (theirs, ("case", "ZigZag", "AccelForge", "warm / ZigZag", "warm / AccelForge")),
    ):
        for heading in headings:
            table.add_column(heading, justify="left" if heading == "case" else "right", no_wrap=True)
    for label, (case, rates, rate) in results.items():
        warm = statistics.median(rates["warm"])
        ours.add_row(
            label,
            *(figure(rates[name]) for name in ("warm", "cold", "search warm", "search cold")),
            f"{case.target:,.0f}: {'met' if warm >= case.target else 'missed'}",
            f"{100 * warm / limit:.0f} %",
        )
        peers = [rates.get(name, []) for name in (ZIGZAG.name, ACCELFORGE.name)]
        theirs.add_row(
            label,
            *(figure(rates) for rates in peers),
            *(f"{warm / statistics.median(rates):,.0f}x" if rates else "-" for rates in peers),
        )
        print(
            f"{label}: {rate.mappings:,} distinct mappings that fit of {rate.drawn:,} drawn, "
            f"{rate.tables:,} tables; a search judges {statistics.median(rates['judged warm']):,.0f} "
            "proposals per second, those that do not fit among them"
        )
    console = Console(width=200)
    console.print(ours)
    console.print(theirs)
    print(
        "Mappings costed per second of one core's CPU time: median (best) of the turns.\n"
        f"Limit: {LOOKUPS_PER_MAPPING} look-ups and multiplications per mapping x {lookup * 1e9:.2f} ns each,"
        f" measured here, = {limit / 1e6:.1f} M mappings/s."
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--zigzag-python", metavar="PATH", help="Python that has zigzag-dse and six")
    parser.add_argument("--accelforge-python", metavar="PATH", help="Python that has accelforge")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each (default 5)")
    parser.add_argument("--mappings", type=int, default=4096, help="distinct random mappings (default 4096)")
    options = parser.parse_args()
    print(f"dnnaccel {da.__version__}, Python {platform.python_version()}, {platform.system()}")
    print(f"CPU: {cpu_model()}, {os.cpu_count()} cores; load average before: {load()}")
    results: dict[str, tuple[Case, Rates, _core.Rate]] = {}
    with (
        running(ZIGZAG, options.zigzag_python) as zigzag,
        running(ACCELFORGE, options.accelforge_python) as accelforge,
    ):
        peers = [process for process in (zigzag, accelforge) if process is not None]
        measured: dict[str, Rates] = {}
        for _ in range(options.rounds):
            for case in cases():
                rates = measured.setdefault(case.label, defaultdict(list))
                results[case.label] = (case, rates, turn(case, options.mappings, rates, peers))
    print(f"load average after: {load()}\n")
    print_results(results, _core.lookup_seconds())
    for peer, process in ((ZIGZAG, zigzag), (ACCELFORGE, accelforge)):
        if process is None:
            print(peer.how_to_get("cost"))


if __name__ == "__main__":
    main()
