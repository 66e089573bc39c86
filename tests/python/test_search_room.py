"""A memory that holds all of a layer: its size is no part of the search, which is then done once."""

from __future__ import annotations

import pytest

import dnnaccel as da
from dnnaccel import _search_run, mapper
from dnnaccel._search_cache import Answer
from dnnaccel.layers import Layer
from dnnaccel.mapspace import constrain

EFFORT = {"exhaustive_limit": 2000, "starts": 2, "proposals": 500, "proof": 20_000}
LENET = da.zoo.load("lenet5")


def searched(layer: Layer, chip: da.arch.Chip, objective: str) -> tuple[str, Answer]:
    """The key and the answer of one search, from scratch."""
    setting = _search_run.Setting(
        mapper.lower_chip(chip),
        mapper.describe_chip(chip),
        mapper._goal(objective, mapper._Limits(), units=0),
        EFFORT,
    )
    jobs, _, _ = mapper._jobs(da.dataflow.get(chip.dataflow).expand()[:1], chip, [(layer.problem, None)])
    (key,) = _search_run._keys([(setting, job) for job in jobs])
    (answer,) = _search_run.run(setting, jobs, threads=1)
    return key, answer


def facts(answer: Answer) -> tuple[object, ...]:
    """An answer as plain data."""
    front = [(point.energy, point.cycles, point.mapping.levels) for point in answer.pareto]
    best = None if answer.best is None else answer.best.levels
    return best, front, answer.optimal, answer.evaluated, answer.pruned, answer.mapspace, answer.bound


@pytest.fixture(autouse=True)
def _no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DNNACCEL_CACHE", "0")


@pytest.mark.parametrize("objective", ["energy", "latency"])
@pytest.mark.parametrize("layer", ["conv1", "conv2", "fc4"])
@pytest.mark.parametrize(
    ("name", "level", "copies"), [("eyeriss", "glb", 1), ("example", "glb", 2), ("nvdla_small", "cbuf", 1)]
)
def test_sizes_above_a_whole_layer_are_one_search(
    name: str, level: str, copies: int, layer: str, objective: str
) -> None:
    chip = da.arch.load(name)
    memory = chip.memory(level)
    problem = LENET[layer].problem
    assert problem is not None
    words = copies * sum(problem.tensor(role).words for role in memory.keeps)
    size = words * memory.word_bits // 8

    def at(size_bytes: int) -> tuple[str, Answer]:
        return searched(LENET[layer], chip.override({f"{level}.size_bytes": size_bytes}), objective)

    key, answer = at(size)
    assert answer.best is not None
    for larger in (size + memory.word_bits // 8, 3 * size):
        same_key, same = at(larger)
        assert same_key == key
        assert facts(same) == facts(answer)
    assert at(size - memory.word_bits // 8)[0] != key


def test_a_size_that_compression_has_a_say_in_is_part_of_the_search() -> None:
    chip, problem = da.arch.load("eyeriss"), LENET["conv1"].problem
    assert problem is not None
    rules = constrain(da.dataflow.get("rs"), chip, problem)
    assert mapper.describe_room(chip, problem, rules, dense=True)[1] is None
    assert mapper.describe_room(chip, problem, rules, dense=False)[1] == chip.memory("glb").capacity_words
