"""The closed form equals the walk on real layers, with the mappings that the search finds for real chips."""

from __future__ import annotations

import pytest

import dnnaccel as da
from dnnaccel import _core, mapper
from dnnaccel._lower import lower_chip, lower_mapping, lower_problem
from dnnaccel.arch import Chip, Memory
from dnnaccel.mapping import Mapping
from dnnaccel.problem import Problem
from nests import ArrayLevel, Case, CaseLevel, MemoryLevel, Split, count_table, explain, lower

QUICK = {"exhaustive_limit": 200, "starts": 1, "proposals": 300}
LONGEST = 2**22  # positions times MAC units: about two seconds


def case_of(problem: Problem, chip: Chip, mapping: Mapping) -> Case:
    """A mapping on a chip as a case, so that it is lowered by hand."""
    nest = {level.level: level for level in mapping.levels}

    def loops(name: str) -> tuple[Split, ...]:
        return tuple((loop.dim, loop.tile) for loop in nest[name].loops) if name in nest else ()

    def dims(names: str | tuple[str, ...]) -> frozenset[str] | None:
        return None if names == "all" else frozenset(() if names == "none" else names)

    levels: list[CaseLevel] = []
    for level in chip.levels:
        if isinstance(level, Memory):
            keeps = nest[level.name].keeps if level.name in nest else None
            levels.append(MemoryLevel(name=level.name, keeps=keeps or frozenset(), loops=loops(level.name)))
            continue
        levels.append(
            ArrayLevel(
                name=level.name,
                rows=loops(f"{level.name}.rows"),
                columns=loops(f"{level.name}.columns"),
                multicast=dims(level.multicast),
                reduce=dims(level.reduce),
                forwards=frozenset(level.forwards),
            )
        )
    return Case(problem=problem, levels=tuple(levels))


def walk_length(case: Case) -> int:
    length = 1
    for _, _, extent, tile in case.splits():
        length *= -(-extent // tile)
    return length


@pytest.mark.parametrize("name", da.arch.names())
def test_the_closed_form_equals_the_walk_on_lenet5(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapper, "_EFFORT", QUICK)
    chip, compared = da.arch.load(name), 0
    for layer in da.zoo.load("lenet5").layers:
        if layer.problem is None:
            continue
        mapping = da.search(layer, chip, objective="edp", threads=1).mapping
        case = case_of(layer.problem, chip, mapping)
        if walk_length(case) > LONGEST:
            continue
        walked = count_table(case, _core.walk(*lower(case)))
        lowered = lower_problem(layer.problem), lower_chip(chip), lower_mapping(mapping, chip, layer.problem)
        closed = count_table(case, _core.evaluate(*lowered).counts)
        assert closed == walked, explain(case, closed, walked, ("closed form", "walk"))
        compared += 1
    assert compared >= 4
