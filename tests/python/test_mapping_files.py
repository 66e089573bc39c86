"""Do mappings survive a file, cost the same from one, and does a broken one say its file and line?"""

from __future__ import annotations

import contextlib
import os
import random
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_mapping import LAYER, NEST, chip, loops, nests

import dnnaccel as da
from dnnaccel import mapper
from dnnaccel.mapping import Mapping
from dnnaccel.problem import DIMS

FEW = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def read(path: Path) -> Mapping | str:
    """The mapping in a file, or the error that it is none."""
    try:
        return Mapping.load(path)
    except da.MappingError as error:
        return str(error)


# ------------------------------------------------------------------------------------------------------------
# Round trips


@FEW
@given(nests)
def test_a_saved_mapping_loads_equal(tmp_path: Path, mapping: Mapping) -> None:
    path = tmp_path / "mapping.txt"
    mapping.save(path)
    assert Mapping.load(path) == mapping
    assert Mapping.load(str(path)) == mapping
    assert path.read_text("utf-8") == f"{mapping}\n"


@FEW
@given(st.data())
def test_what_a_search_finds_costs_the_same_from_its_file(tmp_path: Path, data: st.DataObject) -> None:
    layer = data.draw(st.sampled_from([LAYER, da.zoo.load("lenet5")["conv2"], da.zoo.load("lenet5")["fc4"]]))
    flow = data.draw(st.sampled_from(["ws", "os", "free"]))
    objective = data.draw(st.sampled_from(mapper.OBJECTIVES))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mapper, "_EFFORT", {"exhaustive_limit": 50, "starts": 1, "proposals": 100})
        found = da.search(layer, chip(), flow, objective)
    path = tmp_path / "found.txt"
    found.mapping.save(path)
    assert da.evaluate(layer, chip(), path) == found.cost
    assert da.evaluate(layer, chip(), str(path)) == found.cost
    assert da.evaluate(layer, chip(), Mapping.load(path)) == found.cost


@FEW
@given(nests, st.dictionaries(st.sampled_from(DIMS), st.integers(1, 10**6)))
def test_filling_extents_in_changes_nothing_that_was_said(mapping: Mapping, bounds: dict[str, int]) -> None:
    filled = mapping.with_extents(bounds)
    assert filled.with_extents(bounds) == filled
    for before, after in zip(mapping.levels, filled.levels, strict=True):
        assert (before.level, before.keeps) == (after.level, after.keeps)
        for one, other in zip(before.loops, after.loops, strict=True):
            assert (one.dim, one.tile) == (other.dim, other.tile)
            assert one.extent in (None, other.extent)
            assert other.extent is not None or other.dim not in bounds


@FEW
@given(st.text(max_size=200) | st.lists(loops.map(str), max_size=5).map("\n".join))
def test_any_text_in_a_file_is_a_mapping_or_one_clear_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "any.txt"
    path.write_text(text, "utf-8", newline="")
    found = read(path)
    if isinstance(found, Mapping):
        assert found == Mapping.parse(text.removeprefix("\ufeff"))
    else:
        assert found.startswith(f"{path}:")
        assert "\n" not in found
        assert len(found) < len(str(path)) + 400


@FEW
@given(st.binary(max_size=200))
def test_any_bytes_in_a_file_are_a_mapping_or_one_clear_error(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "any.txt"
    path.write_bytes(raw)
    found = read(path)
    assert isinstance(found, Mapping) or found.startswith(f"{path}:")


@settings(deadline=None)
@given(st.randoms(use_true_random=False))
def test_a_mapping_with_typing_mistakes_is_refused_or_still_one(rng: random.Random) -> None:
    text = list(NEST)
    for _ in range(rng.randint(1, 4)):
        place = rng.randrange(len(text))
        text[place : place + rng.randint(0, 2)] = rng.choice(["", "x", "\n", "[", "]", "#", "0", " ", "for"])
    with contextlib.suppress(da.MappingError):
        mapping = Mapping.parse("".join(text))
        assert Mapping.parse(str(mapping)) == mapping


# ------------------------------------------------------------------------------------------------------------
# Mappings in files, where a mapping is asked for


def test_a_mapping_is_given_as_an_object_as_text_or_by_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    Mapping.parse(NEST).save(path)
    cost = da.evaluate(LAYER, chip(), NEST)
    for given_as in (Mapping.parse(NEST), path, str(path), os.fspath(path)):
        assert da.evaluate(LAYER, chip(), given_as) == cost


def test_simulate_takes_a_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    Mapping.parse(NEST).save(path)
    expected = da.simulate(LAYER, chip(), mapping=NEST)
    assert da.simulate(LAYER, chip(), mapping=path) == expected
    assert da.simulate(LAYER, chip(), mapping=str(path)) == expected
    assert da.simulate(LAYER, chip(), mapping={LAYER.name: path}) == expected


def test_a_path_with_brackets_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs [1]").mkdir()
    Mapping.parse(NEST).save("runs [1]/mine.txt")
    assert da.evaluate(LAYER, chip(), "runs [1]/mine.txt") == da.evaluate(LAYER, chip(), NEST)


def test_a_level_with_what_it_keeps_is_text() -> None:
    with pytest.raises(da.MappingError, match="level 'drum', example has not; did you mean 'dram'"):
        da.evaluate(LAYER, chip(), "drum [inputs, weights, outputs]")
    with pytest.raises(da.MappingError, match="at least one level"):
        da.evaluate(LAYER, chip(), "")


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\n\n"])
def test_endings_of_lines_comments_and_a_byte_order_mark_do_not_matter(ending: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    text = f"# by hand{ending}" + ending.join(f"{line}  # said" for line in NEST.splitlines())
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert Mapping.load(path) == Mapping.parse(NEST)


# ------------------------------------------------------------------------------------------------------------
# Files that are none


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", ": a mapping names at least one level"),
        (b"# nothing\n", ": a mapping names at least one level"),
        (b"dram [inputs]\nfro M step 4\n", ":2: 'fro M step 4' is neither a level ('glb [inputs, outputs]')"),
        (b"dram [input]\n", ":1: unknown tensor 'input'; did you mean 'inputs'?"),
        (b"\nfor M step 4\n", ":2: a loop stands before the first level"),
        (b"dram [inputs]\n\n  for X step 4\n", ":3: unknown dim 'X' in a loop"),
        (b"dram [inputs]\n  for M step 0\n", ":2: loop over M has step 0; it must be at least 1"),
        (b"dram [inputs]\n  par M step 2\n", ":2: 'par' under dram; loops there are written 'for'"),
        (b"dram [inputs]\n\xff\xfe\n", ":2: is not UTF-8 text"),
        (b"dram [inputs]\n" * 80_000, ": larger than 1000000 bytes; a mapping file is a few hundred bytes"),
        (b"x" * 900_000, ":1: '" + "x" * 60 + "' is neither"),
        (b"for " + b"M" * 900_000 + b" step 1", ":1: 'for " + "M" * 56 + "' is neither"),
        (b"dram [" + b"x" * 900_000 + b"]", ":1: unknown tensor '" + "x" * 60 + "'; valid: inputs"),
    ],
)
def test_a_broken_file_is_named_with_its_line(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_bytes(content)
    for job in (Mapping.load, lambda path: da.evaluate(LAYER, chip(), path)):
        with pytest.raises(da.MappingError) as caught:
            job(path)
        assert str(caught.value).startswith(f"{path}{said}")


def test_a_file_that_is_not_there_is_said_to_be(tmp_path: Path) -> None:
    missing = tmp_path / "none.txt"
    with pytest.raises(da.MappingError, match=r"none\.txt: no such file; give the path of a mapping file"):
        Mapping.load(missing)
    with pytest.raises(da.MappingError, match=r"none\.txt: no such file"):
        da.evaluate(LAYER, chip(), str(missing))
    with pytest.raises(da.MappingError, match="is a directory"):
        Mapping.load(tmp_path)
    with pytest.raises(da.MappingError, match="cannot be read"):
        Mapping.load("a\0b")


# ------------------------------------------------------------------------------------------------------------
# Writing


def test_a_mapping_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mine.txt"
    path.write_text("what was there")
    path.chmod(0o640)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", fail)
        with pytest.raises(da.DnnAccelError, match=r"cannot write .*: no space left on device"):
            Mapping.parse(NEST).save(path)
    assert path.read_text() == "what was there"
    assert list(tmp_path.iterdir()) == [path]
    Mapping.parse(NEST).save(path)
    assert Mapping.load(path) == Mapping.parse(NEST)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_where_nothing_can_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(da.DnnAccelError, match="there is no directory"):
        Mapping.parse(NEST).save(tmp_path / "none" / "mine.txt")
    with pytest.raises(da.DnnAccelError, match="it is a directory"):
        Mapping.parse(NEST).save(tmp_path)
