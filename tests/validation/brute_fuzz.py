"""Hold searches against brute force for as many random mapspaces as wanted.

    python tests/validation/brute_fuzz.py --seeds 1000:2000

Prints each seed whose outcome is wrong, with the mapspace made as small as it can be and still be wrong. By
default small mapspaces are searched twice, enumerated and by proof alone; `--only` asks for one of the two.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from brute_cases import Case, random_case
from brute_check import EFFORTS, Fault, Truth, Wish

from dnnaccel import _core
from dnnaccel._lower import lift_mapping
from dnnaccel.arch import Array, Memory
from dnnaccel.dataflow import Dataflow, LevelConstraint
from dnnaccel.errors import ArchitectureError, DataflowError, LayerError
from dnnaccel.problem import Problem
from nests_random import Seeded

KINDS = ("count", "bound", "limits", "proof", "claim", "stranger", "optimum", "tie", "front")


@dataclass(frozen=True)
class Found:
    """A search: how and for what, what came out, and what is wrong with that."""

    way: str
    wish: Wish
    outcome: _core.Outcome
    faults: list[Fault]

    def __str__(self) -> str:
        return "\n".join([f"{self.way}: {self.wish}", *map(str, self.faults)])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", default="1000:1100", help="first:end, the end left out")
    parser.add_argument("--only", choices=tuple(EFFORTS), help="how to search; both ways if left out")
    parser.add_argument("--ignore", choices=KINDS, action="append", default=[], help="faults not to look for")
    parser.add_argument("--whole", action="store_true", help="do not make failing mapspaces smaller")
    options = parser.parse_args()
    first, end = map(int, options.seeds.split(":"))
    ways = (options.only,) if options.only else tuple(EFFORTS)
    failed, proofs, began = 0, Counter[tuple[str, str, bool]](), time.monotonic()
    for seed in range(first, end):
        truth = Truth(random_case(seed))
        wrong: dict[tuple[str, str], Found] = {}
        for found in look(truth, seed, ways, options.ignore):
            proofs[found.way, found.wish.objective, found.outcome.optimal] += 1
            for fault in found.faults:
                wrong.setdefault((found.way, fault.kind), found)
        failed += bool(wrong)
        for (way, kind), found in wrong.items():
            print(f"\n== seed {seed}, {kind}; {found}")
            if not options.whole:
                describe(shrink(truth, seed, way, kind), seed, way, kind)
        sys.stdout.flush()
    for way, objective in dict.fromkeys(key[:2] for key in proofs):
        proved, not_proved = (proofs[way, objective, optimal] for optimal in (True, False))
        print(f"{way}, {objective}: {proved} of {proved + not_proved} searches proved")
    print(f"{failed} of {end - first} mapspaces failed, in {time.monotonic() - began:.0f} s")
    return 1 if failed else 0


def look(truth: Truth, seed: int, ways: Sequence[str], ignore: Sequence[str]) -> Iterator[Found]:
    """Search a mapspace in every way and for every wish."""
    for way in ways:
        for wish in truth.wishes(Seeded(seed)):
            outcome = truth.search(wish, EFFORTS[way])
            faults = [fault for fault in truth.faults(wish, outcome) if fault.kind not in ignore]
            yield Found(way, wish, outcome, faults)


def fails(truth: Truth, seed: int, way: str, kind: str) -> Found | None:
    """Return a search of one way that is wrong in one kind of thing, if there is one."""
    ignore = [other for other in KINDS if other != kind]
    return next((found for found in look(truth, seed, (way,), ignore) if found.faults), None)


def describe(truth: Truth, seed: int, way: str, kind: str) -> None:
    """Print a mapspace with the best mapping of it and the one that was found."""
    found = fails(truth, seed, way, kind)
    assert found is not None
    case, outcome = truth.case, found.outcome
    print(f"-- its smallest neighbour\n{case}\n{found}")
    allowed = [cost for cost in truth.points if found.wish.allows(cost)]
    if allowed:
        best = min(allowed, key=lambda cost: found.wish.score(cost.energy, cost.cycles))
        print(f"-- true best, {best}")
        print(lift_mapping(truth.points[best][0], case.chip, case.problem))
    if outcome.best is not None:
        print(f"-- found, optimal {outcome.optimal}, bound {outcome.bound!r}")
        print(lift_mapping(outcome.best, case.chip, case.problem))


def shrink(truth: Truth, seed: int, way: str, kind: str) -> Truth:
    """Return a mapspace that fails in the same way and of which no simpler neighbour does."""
    most = truth.fitting
    simpler = True
    while simpler:
        simpler = False
        for case in neighbours(truth.case):
            try:
                if case == truth.case or case.space().fitting(most) > most:
                    continue
            except (ArchitectureError, DataflowError, LayerError):
                continue
            candidate = Truth(case)
            if fails(candidate, seed, way, kind) is not None:
                truth, simpler = candidate, True
                break
    return truth


def neighbours(case: Case) -> Iterator[Case]:
    """Cases with one thing less, or plainer."""
    if case.density is not None:
        yield replace(case, density=None)
    for dim, bound in case.problem.bounds.items():
        for smaller in dict.fromkeys((1, bound // 2, bound - 1)):
            if 1 <= smaller < bound:
                yield replace(case, problem=with_bound(case.problem, dim, smaller))
    for n in range(1, len(case.chip.levels)):
        levels = case.chip.levels[:n] + case.chip.levels[n + 1 :]
        yield from with_chip(case, levels=levels)
    yield from (replace(case, flow=flow) for flow in plainer_flows(case.flow))
    for n, level in enumerate(case.chip.levels):
        for changes in plainer_level(level, outermost=n == 0):
            yield from with_chip(
                case, levels=(*case.chip.levels[:n], (level, changes), *case.chip.levels[n + 1 :])
            )
    yield from with_chip(case, rest_leakage_mw=None, clock_mhz=None)
    yield from with_chip(case, mac=replace(case.chip.mac, gates=(), skips=()))
    yield from with_chip(case, mac=replace(case.chip.mac, energy=0.0))


def with_bound(problem: Problem, dim: str, bound: int) -> Problem:
    """Return a problem with another bound of one dim; tensors that have it whole shrink with it."""
    old = problem.bounds[dim]
    tensors = tuple(
        replace(
            tensor,
            axes=tuple(
                replace(axis, size=bound) if axis.terms == ((dim, 1),) and axis.size == old else axis
                for axis in tensor.axes
            ),
        )
        for tensor in problem.tensors
    )
    return replace(problem, bounds={**problem.bounds, dim: bound}, tensors=tensors)


def with_chip(case: Case, **changes: Any) -> Iterator[Case]:
    """Yield the case on a changed chip, without the constraints of levels that are gone, if it is a chip."""
    try:
        if "levels" in changes:
            changes["levels"] = tuple(
                replace(part[0], **part[1]) if isinstance(part, tuple) else part for part in changes["levels"]
            )
        chip = replace(case.chip, **changes)
    except ArchitectureError:
        return
    levels = {name: level for name, level in case.flow.levels.items() if name in chip.level_names}
    flow = case.flow if len(levels) == len(case.flow.levels) else replace(case.flow, levels=levels)
    yield replace(case, chip=chip, flow=flow)


def plainer_flows(flow: Dataflow) -> Iterator[Dataflow]:
    plain = Dataflow(name="plain")
    yield plain
    for name, level in flow.levels.items():
        others = {other: constraint for other, constraint in flow.levels.items() if other != name}
        yield replace(flow, levels=others)
        less: list[dict[str, Any]] = [{"order": ()}, {"keeps": None}, {"dims": None}, {"tiles": {}}]
        less += [{"tiles": {d: t for d, t in level.tiles.items() if d != dim}} for dim in level.tiles]
        less += [{"order": tuple(d for d in level.order if d != dim)} for dim in level.order]
        less += [{"dims": tuple(d for d in level.dims or () if d != dim)} for dim in level.dims or ()]
        for changes in less:
            constraint: LevelConstraint = replace(level, **changes)
            if constraint != level:
                yield replace(flow, levels={**others, name: constraint})
    for key in ("stationary", "inside", "outside", "rows", "columns", "whole_rows"):
        yield replace(flow, **{key: getattr(plain, key)})


def plainer_level(level: Memory | Array, *, outermost: bool) -> Iterator[dict[str, Any]]:
    """What to replace in a level, one at a time."""
    if isinstance(level, Array):
        for axis in ("rows", "columns"):
            size = getattr(level, axis)
            yield from ({axis: smaller} for smaller in range(1, size))
        yield from ({"multicast": dims} for dims in ("all", "none") if level.multicast != "all")
        yield from ({"reduce": dims} for dims in ("all", "none") if level.reduce != "all")
        yield from ({"forwards": ()}, {"charge": {}}, {"energy": 0.0}, {"words_per_cycle": {}})
        return
    for role in level.keeps if len(level.keeps) > 1 and not outermost else ():
        keeps = tuple(other for other in level.keeps if other != role)
        bypass = tuple(other for other in level.may_bypass if other != role)
        formats = {other: form for other, form in level.formats.items() if other != role}
        yield {"keeps": keeps, "may_bypass": bypass, "formats": formats}
    if not outermost:
        yield {"size_bytes": 1_000_000}
    for role in level.may_bypass:
        yield {"may_bypass": tuple(other for other in level.may_bypass if other != role)}
    yield from ({"formats": {}}, {"gated_by": ()}, {"buffering": "stream"}, {"word_bits": 8})
    yield from ({port: None} for port in ("read_bytes_per_cycle", "write_bytes_per_cycle", "bytes_per_cycle"))
    for key in ("read_energy", "write_energy"):
        energy = getattr(level, key)
        yield from ({key: value} for value in (0.0, 1.0, float(round(energy))) if value < energy)


if __name__ == "__main__":
    sys.exit(main())
