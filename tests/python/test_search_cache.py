"""Does a second run find what the first one found, and nothing that is damaged, foreign or out of date?"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import dnnaccel as da
from dnnaccel import _core, _search_cache, _search_run, mapper
from dnnaccel._search_cache import Cache
from dnnaccel.cli import run as shell

QUICK = {"exhaustive_limit": 50, "starts": 2, "proposals": 300}


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where this test's answers are kept."""
    monkeypatch.setattr(mapper, "_EFFORT", QUICK)
    monkeypatch.setenv("DNNACCEL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "searches"


@pytest.fixture
def searched(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that gets an item for every job that the core searches."""
    jobs: list[int] = []
    real = _core.search

    def search(*args: Any) -> list[_core.Outcome]:
        jobs.append(len(args[1]))
        return real(*args)

    monkeypatch.setattr(_search_run._core, "search", search)
    return jobs


def find(**changes: Any) -> da.SearchResult:
    """Search the third convolution of AlexNet, or what `changes` say."""
    asked: dict[str, Any] = {
        "layer": da.zoo.load("alexnet")["conv3"],
        "chip": da.arch.load("eyeriss"),
        "objective": "edp",
        **changes,
    }
    return da.search(asked.pop("layer"), asked.pop("chip"), **asked)


def only_file(place: Path) -> Path:
    (path,) = place.glob("*.json")
    return path


def sealed(entry: dict[str, Any]) -> bytes:
    """Return a file whose checksum is right, whatever it says."""
    body = json.dumps(entry, sort_keys=True, separators=(",", ":")).encode()
    return b'{"checksum":"%s","entry":%s}\n' % (hashlib.sha256(body).hexdigest().encode(), body)


# ------------------------------------------------------------------------------------------------------------
# Hits


@pytest.mark.parametrize("objective", mapper.SEARCHES)
@pytest.mark.parametrize("dataflow", ["rs", "os"])
def test_a_second_search_finds_what_the_first_one_found(
    dataflow: str, objective: str, searched: list[int]
) -> None:
    first = find(dataflow=dataflow, objective=objective)
    assert len(searched) == (3 if dataflow == "os" else 1)
    again = find(dataflow=dataflow, objective=objective)
    assert len(searched) == (3 if dataflow == "os" else 1)
    assert again == first
    assert repr(again) == repr(first)
    assert again.pareto == first.pareto
    assert again.cost.to_dict() == first.cost.to_dict()


def test_a_network_is_searched_once_for_simulate_and_compare(searched: list[int]) -> None:
    report = da.simulate("alexnet", "eyeriss")
    jobs = len(searched)
    assert jobs > 5
    assert da.simulate("alexnet", "eyeriss").to_json() == report.to_json()
    assert da.compare("alexnet", "eyeriss", ["rs"]).rows[0].report == report
    assert len(searched) == jobs


def test_the_answer_does_not_depend_on_names(searched: list[int]) -> None:
    layer = da.zoo.load("alexnet")["conv3"]
    assert find(layer=layer.renamed("other", ("elsewhere",))).mapping == find(layer=layer).mapping
    assert len(searched) == 1


def test_anything_that_matters_makes_it_another_search(
    searched: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    chip = da.arch.load("eyeriss")
    changes: list[dict[str, Any]] = [
        {},
        {"layer": da.zoo.load("alexnet", batch=2)["conv3"]},
        {"chip": chip.override({"glb.size_bytes": 65536})},
        {"chip": chip.override({"glb.read_energy": 1.5})},
        {"chip": chip.override({"pe_array.rows": 8})},
        {"dataflow": "ws"},
        {"objective": "energy"},
        {"objective": "latency"},
        {"max_energy": 1e15},
        {"max_cycles": 10**12},
        {"density": da.sparsity.Density(inputs=0.5)},
    ]
    for count, change in enumerate(changes, start=1):
        find(**change)
        assert len(searched) == count, change
    monkeypatch.setattr(mapper, "_EFFORT", {**QUICK, "proposals": 301})
    find()
    assert len(searched) == len(changes) + 1


@pytest.mark.parametrize("what", ["version", "core"])
def test_another_build_of_the_package_starts_anew(
    what: str, searched: list[int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    find()
    core = tmp_path / "core.so"
    core.write_bytes(Path(_core.__file__).read_bytes() + b"x" * (what == "core"))
    monkeypatch.setattr(_core, "__file__", str(core))
    if what == "version":
        monkeypatch.setattr(_core, "__version__", "0.0.0")
    _search_cache.fingerprint.cache_clear()
    try:
        find()
        assert len(searched) == 2
    finally:
        monkeypatch.undo()
        _search_cache.fingerprint.cache_clear()


def test_a_hit_takes_little_time() -> None:
    find()
    took = min(find().seconds for _ in range(20))
    assert took < 0.01  # 1 ms where nothing else runs


# ------------------------------------------------------------------------------------------------------------
# Files that are not what was written


def cut(share: float) -> Callable[[bytes], bytes]:
    return lambda data: data[: int(share * len(data))]


def changed(change: Callable[[dict[str, Any]], object]) -> Callable[[bytes], bytes]:
    """Return what changes the entry of a file and seals it again."""

    def rewrite(data: bytes) -> bytes:
        entry = json.loads(data)["entry"]
        change(entry)
        return sealed(entry)

    return rewrite


def deeper(entry: dict[str, Any]) -> None:
    nest: Any = []
    for _ in range(400):
        nest = [nest]
    entry["best"] = nest


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": cut(0),
    "a tenth": cut(0.1),
    "half": cut(0.5),
    "all but the end": lambda data: data[:-1],
    "more": lambda data: data + b" ",
    "zeros": lambda data: bytes(len(data)),
    "a flipped bit": lambda data: data[:200] + bytes([data[200] ^ 1]) + data[201:],
    "no JSON": lambda data: b'{"checksum":"%s","entry":x}\n' % hashlib.sha256(b"x").hexdigest().encode(),
    "a deep nest": lambda data: _search_cache._seal(b"[" * 100_000),
    "too large": lambda data: data + b" " * _search_cache.MAX_ENTRY_BYTES,
    "no object": lambda data: _search_cache._seal(b"[1]"),
    "another key": changed(lambda entry: entry.update(key="0" * 64)),
    "no key": changed(lambda entry: entry.pop("key")),
    "less energy": changed(lambda entry: entry["pareto"][0].__setitem__(0, entry["pareto"][0][0] - 1)),
    "fewer cycles": changed(lambda entry: entry["pareto"][0].__setitem__(1, entry["pareto"][0][1] - 1)),
    "cycles as text": changed(lambda entry: entry["pareto"][0].__setitem__(1, "1")),
    "no front": changed(lambda entry: entry.update(pareto=[])),
    "a point twice": changed(lambda entry: entry["pareto"].append(entry["pareto"][-1])),
    "no mapping": changed(lambda entry: entry.update(best=None)),
    "a level less": changed(lambda entry: entry["best"].pop()),
    "an unknown dim": changed(lambda entry: entry["best"][0][0].append([99, 1, 0])),
    "a huge dim": changed(lambda entry: entry["best"][0][0].append([2**62, 1, 0])),
    "a negative tile": changed(lambda entry: entry["best"][0][0].append([0, -1, 0])),
    "an unknown tensor": changed(lambda entry: entry["best"][0].__setitem__(1, 8)),
    "many loops": changed(lambda entry: entry["best"][0][0].extend([[0, 1, 0]] * 100)),
    "a mapping of another shape": changed(deeper),
    "optimal as a number": changed(lambda entry: entry.update(optimal=1)),
    "a negative count": changed(lambda entry: entry.update(evaluated=-1)),
    "a bound that is no number": changed(lambda entry: entry.update(bound=float("nan"))),
    "an endless mapspace": changed(lambda entry: entry.update(mapspace=float("inf"))),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_file_is_searched_anew_and_replaced(
    damage: Callable[[bytes], bytes], place: Path, searched: list[int]
) -> None:
    first = find(dataflow="ws")
    path = only_file(place)
    good = path.read_bytes()
    path.write_bytes(damage(good))
    assert find(dataflow="ws") == first
    assert len(searched) == 2
    assert path.read_bytes() == good


def test_every_cut_and_every_flipped_byte_is_seen(place: Path, searched: list[int]) -> None:
    find(dataflow="ws")
    path = only_file(place)
    good = path.read_bytes()
    chip, layer = da.arch.load("eyeriss"), da.zoo.load("alexnet")["conv3"]
    assert layer.problem is not None
    lowered = (
        mapper.lower_problem(layer.problem),
        mapper.lower_chip(chip),
        mapper.lower_density(None, chip, layer.problem),
    )
    cache = Cache(place)
    assert cache.load(path.stem, *lowered) is not None
    for i in range(len(good)):
        path.write_bytes(good[:i])
        assert cache.load(path.stem, *lowered) is None
        path.write_bytes(good[:i] + bytes([good[i] ^ 0x20]) + good[i + 1 :])
        assert cache.load(path.stem, *lowered) is None


@pytest.mark.parametrize("kind", ["directory", "pipe", "link"])
def test_what_is_no_plain_file_is_passed_by(kind: str, place: Path, tmp_path: Path) -> None:
    first = find(dataflow="ws")
    path = only_file(place)
    path.rename(tmp_path / "elsewhere")
    if kind == "directory":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(tmp_path / "elsewhere")
    assert find(dataflow="ws") == first


# ------------------------------------------------------------------------------------------------------------
# Where it is, and where it cannot be


@pytest.mark.parametrize("value", ["0", "off", "OFF", " off "])
def test_it_can_be_turned_off(value: str, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DNNACCEL_CACHE", value)
    assert _search_cache.directory() is None
    find()
    assert not place.exists()


def test_it_is_where_the_platform_keeps_caches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("DNNACCEL_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert _search_cache.directory() == tmp_path / ".cache" / "dnnaccel"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative/is/ignored")
    assert _search_cache.directory() == tmp_path / ".cache" / "dnnaccel"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert _search_cache.directory() == tmp_path / "xdg" / "dnnaccel"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert _search_cache.directory() == tmp_path / "Library" / "Caches" / "dnnaccel"
    monkeypatch.setenv("DNNACCEL_CACHE", "~/here")
    assert _search_cache.directory() == tmp_path / "here"


def test_a_place_that_cannot_be_made_is_no_cache_and_no_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("DNNACCEL_CACHE", str(tmp_path / "file" / "cache"))
    assert find() == find()


def test_a_full_disk_is_no_error(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_search_cache.os, "replace", full)
    assert find() == find()
    assert list(place.iterdir()) == []


def test_only_its_own_files_are_removed(place: Path, tmp_path: Path) -> None:
    find()
    (place / "notes.txt").write_text("mine")
    (place.parent / "other").mkdir()
    assert Cache(place).clear()[0] == 1
    assert sorted(path.name for path in place.parent.rglob("*")) == ["notes.txt", "other", "searches"]


def test_the_oldest_answers_go_when_there_are_too_many(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_search_cache, "MAX_ENTRIES", 10)
    place.mkdir(parents=True)
    old = time.time() - 10_000
    names = [f"{i:064x}.json" for i in range(20)]
    for i, name in enumerate(names):
        (place / name).write_text("{}")
        os.utime(place / name, (old + i, old + i))
    dead = place / f".{'0' * 64}.{'0' * 16}.tmp"
    dead.write_text("half")
    os.utime(dead, (old, old))
    alive = place / f".{'1' * 64}.{'1' * 16}.tmp"
    alive.write_text("half")
    find()
    left = {path.name for path in place.glob("*.json")}
    assert len(left) == 9
    assert left >= set(names[-8:])
    assert not dead.exists()
    assert alive.exists()
    monkeypatch.setattr(_search_cache, "MAX_BYTES", 10)
    Cache(place).trim()
    assert Cache(place).size()[1] <= 10


def test_what_cannot_be_mapped_is_not_stored(place: Path) -> None:
    with pytest.raises(da.MappingError):
        find(max_energy=1.0)
    stored = list(place.glob("*.json"))
    assert len(stored) == 1  # the search without the limit
    with pytest.raises(da.MappingError, match="the least energy"):
        find(max_energy=1.0)


# ------------------------------------------------------------------------------------------------------------
# Several processes


def test_processes_that_write_the_same_answers_do_not_disturb_each_other(place: Path) -> None:
    script = (
        "import dnnaccel as da\n"
        "from dnnaccel import mapper\n"
        f"mapper._EFFORT.update({QUICK!r})\n"
        "for _ in range(3):\n"
        "    print(da.simulate('alexnet', 'eyeriss', dataflow='ws').to_json())\n"
    )
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    said = [process.communicate(timeout=120) for process in runs]
    assert [process.returncode for process in runs] == [0, 0, 0], said
    assert len({out for out, _ in said}) == 1
    assert not list(place.glob("*.tmp"))
    assert not list(place.glob(".*"))
    assert len(list(place.glob("*.json"))) > 5


# ------------------------------------------------------------------------------------------------------------
# From the shell


def test_the_shell_shows_and_clears_it(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    find()
    assert shell(["cache"]) == 0
    assert (
        f"directory  {place}\nanswers    1 of at most 65536\nsize       0.0 MB of" in capsys.readouterr().out
    )
    assert shell(["cache", "--path"]) == 0
    assert capsys.readouterr().out == f"{place}\n"
    assert shell(["cache", "--clear"]) == 0
    assert capsys.readouterr().out.startswith("removed 1 answer, ")
    assert Cache(place).size() == (0, 0)
    assert shell(["cache", "--path", "--clear"]) == 2


def test_the_shell_says_that_it_is_off(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DNNACCEL_CACHE", "off")
    assert shell(["cache", "--clear"]) == 0
    assert capsys.readouterr().out == "the cache is off (DNNACCEL_CACHE)\n"
