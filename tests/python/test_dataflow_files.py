"""Dataflow files: what loads, what is refused and how it is said, writing, and the way from a shell."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import json
import os
import pickle
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dnnaccel as da
from dnnaccel import Dataflow, arch
from dnnaccel.cli import run
from dnnaccel.dataflow import LevelConstraint
from dnnaccel.problem import DIMS, ROLES

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "my_dataflow.yaml"

GOOD = """\
format: 1
name: mine
description: weights stay
stationary: [weights]
inside: [M, C, R, S]
outside: [N, P, Q]
rows: [R, C]
columns: [M]
whole_rows: [R]
levels:
  glb:
    order: [C, P]
    tiles: {M: 4}
    keeps: [inputs, outputs]
  pe_array.columns: {dims: [M], tiles: {M: 1}}
  rf: {dims: [], keeps: []}
"""

MINE = Dataflow(
    name="mine",
    description="weights stay",
    stationary=("weights",),
    inside=("M", "C", "R", "S"),
    outside=("N", "P", "Q"),
    rows=("R", "C"),
    columns=("M",),
    whole_rows=("R",),
    levels={
        "glb": LevelConstraint(order=("C", "P"), tiles={"M": 4}, keeps=("inputs", "outputs")),
        "pe_array.columns": LevelConstraint(dims=("M",), tiles={"M": 1}),
        "rf": LevelConstraint(dims=(), keeps=()),
    },
)


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "flow.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def refusal(folder: Path, text: str | bytes) -> str:
    """Return what loading `text` is refused with, without the folder."""
    with pytest.raises(da.DataflowError) as caught:
        da.dataflow.load(write(folder, text))
    return str(caught.value).replace(f"{folder}/", "")


# ------------------------------------------------------------------------------------------------------------
# The same object in Python and YAML


def test_file_and_direct_construction_agree(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    assert da.dataflow.load(path) == MINE
    assert da.dataflow.get(str(path)) == MINE
    assert da.dataflow.get(path) == MINE
    assert hash(da.dataflow.load(path)) == hash(MINE)


@pytest.mark.parametrize("name", da.dataflow.names())
def test_built_in_dataflows_round_trip(name: str, tmp_path: Path) -> None:
    flow = da.dataflow.get(name)
    assert Dataflow.from_dict(flow.to_dict()) == flow
    assert Dataflow.from_dict(json.loads(json.dumps(flow.to_dict()))) == flow
    again = da.dataflow.load(write(tmp_path, flow.to_yaml()))
    assert again == flow
    assert again.to_yaml() == flow.to_yaml()


def test_nothing_and_anything_are_told_apart(tmp_path: Path) -> None:
    free = Dataflow(name="x", levels={"rf": LevelConstraint()})
    none = Dataflow(
        name="x",
        stationary=(),
        inside=(),
        rows=(),
        columns=(),
        levels={"rf": LevelConstraint(dims=(), keeps=())},
    )
    assert free != none
    for flow in (free, none):
        assert Dataflow.from_dict(flow.to_dict()) == flow
        assert da.dataflow.load(write(tmp_path, flow.to_yaml())) == flow
    assert free.to_dict() == {"format": 1, "name": "x", "levels": {"rf": {}}}


def test_the_least_file_is_free(tmp_path: Path) -> None:
    assert da.dataflow.load(write(tmp_path, "format: 1\nname: x\n")) == Dataflow(name="x")


DIM_LISTS = st.lists(st.sampled_from(DIMS), unique=True).map(tuple)
ROLE_LISTS = st.lists(st.sampled_from(ROLES), unique=True).map(tuple)
LEVELS = st.sampled_from(["dram", "glb", "rf", "_x9", "pe_array.rows", "pe_array.columns"])
TILES = st.dictionaries(st.sampled_from(DIMS), st.integers(1, 2**53))
TEXT = st.text(
    st.characters(exclude_categories=("C", "Z")) | st.sampled_from(" \n\t:#'\"-[]{}&*!|>%@`"), max_size=60
)


@st.composite
def flows(draw: st.DrawFn) -> Dataflow:
    rows = draw(st.none() | DIM_LISTS)
    levels = {}
    for level in draw(st.lists(LEVELS, unique=True)):
        own: dict[str, Any] = {"dims": draw(st.none() | DIM_LISTS), "tiles": draw(TILES)}
        if "." not in level:
            own |= {"order": draw(DIM_LISTS), "keeps": draw(st.none() | ROLE_LISTS)}
        levels[level] = LevelConstraint(**own)
    return Dataflow(
        name="my-" + draw(st.from_regex(r"[A-Za-z0-9_.+-]{0,20}", fullmatch=True)),
        description=draw(TEXT),
        stationary=draw(st.none() | ROLE_LISTS),
        inside=draw(st.none() | DIM_LISTS),
        outside=draw(DIM_LISTS),
        rows=rows,
        columns=draw(st.none() | DIM_LISTS),
        whole_rows=draw(DIM_LISTS) if rows is None else rows[: draw(st.integers(0, 8))],
        levels=levels,
    )


@settings(deadline=None)
@given(flow=flows())
def test_any_dataflow_round_trips(flow: Dataflow, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert Dataflow.from_dict(flow.to_dict()) == flow
    path = tmp_path_factory.getbasetemp() / "round.yaml"
    path.write_text(flow.to_yaml(), encoding="utf-8")
    again = da.dataflow.load(path)
    assert again == flow
    assert hash(again) == hash(flow)
    assert again.to_yaml() == flow.to_yaml()


@pytest.mark.parametrize("flow", [MINE, da.dataflow.get("rs"), da.dataflow.get("os")])
def test_a_dataflow_is_a_value(flow: Dataflow) -> None:
    for other in (
        pickle.loads(pickle.dumps(flow)),
        copy.deepcopy(flow),
        copy.copy(flow),
        dataclasses.replace(flow),
    ):
        assert other == flow
        assert hash(other) == hash(flow)
    assert {flow: 1}[dataclasses.replace(flow)] == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        flow.name = "other"  # type: ignore[misc]
    with pytest.raises(TypeError):
        flow.levels["glb"] = LevelConstraint()  # type: ignore[index]


def test_what_it_was_made_of_may_change_afterwards() -> None:
    tiles = {"M": 4}
    levels = {"glb": LevelConstraint(tiles=tiles)}
    flow = Dataflow(name="x", levels=levels)
    tiles["M"] = 5
    levels.clear()
    assert flow.levels["glb"].tiles == {"M": 4}


def test_lists_sets_and_numpy_numbers_are_taken() -> None:
    flow = Dataflow(
        name="x",
        rows=["C", "M"],
        columns={"Q", "P"},
        levels={"glb": LevelConstraint(tiles={"M": np.int64(4)})},
    )  # type: ignore[arg-type]
    same = Dataflow(
        name="x", rows=("C", "M"), columns=("P", "Q"), levels={"glb": LevelConstraint(tiles={"M": 4})}
    )
    assert flow == same
    assert hash(flow) == hash(same)
    assert type(flow.levels["glb"].tiles["M"]) is int


def test_a_best_of_the_best_expands_to_the_last() -> None:
    flow = Dataflow(name="best", variants=("os", "ws", "osa"))
    assert [variant.name for variant in flow.expand()] == ["osa", "osb", "osc", "ws"]


# ------------------------------------------------------------------------------------------------------------
# Faults


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("format: 1\n", "", 1, "format: missing; state the version of this format: format: 1"),
        ("format: 1", "format: 2", 1, "format: must be 1, not 2"),
        ("format: 1", "version: 1\nformat: 1", 1, "version: unknown key; did you mean format?"),
        ("name: mine\n", "", 1, "name: missing; give the dataflow a name, e.g. name: my_dataflow"),
        ("name: mine", "name: my flow", 2, "name: must be a name of letters, digits"),
        ("name: mine", "name: 5", 2, "name: must be a name of letters, digits"),
        ("name: mine", "name: ws", 2, "name: ws is built in; choose another name"),
        ("description: weights stay", "description: 3", 3, "description: must be text, not 3"),
        ("description: weights stay", 'description: "\\e[31m"', 3, "must hold printable characters only"),
        ("description: weights stay", "title: x", 3, "title: unknown key; did you mean description?"),
        ("stationary:", "stationery:", 4, "stationery: unknown key; did you mean stationary?"),
        ("stationary:", "stays:", 4, "stays: unknown key; did you mean stationary?"),
        ("stationary:", "keeps:", 4, "keeps: unknown key; did you mean stationary?"),
        ("[weights]", "[weight]", 4, "stationary.0: unknown tensor 'weight'; did you mean 'weights'?"),
        ("[weights]", "[filters]", 4, "stationary.0: unknown tensor 'filters'; did you mean 'weights'?"),
        ("[weights]", "[inputs, psums]", 4, "stationary.1: unknown tensor 'psums'; did you mean 'outputs'?"),
        ("[weights]", "[Ifmap]", 4, "stationary.0: unknown tensor 'Ifmap'; did you mean 'inputs'?"),
        ("[weights]", "weights", 4, "stationary: must be a list of tensors such as [weights], not 'weights'"),
        ("[weights]", "[weights, weights]", 4, "stationary: weights stands there twice"),
        ("[weights]", "", 4, "stationary: is empty; list tensors, [] for none, or leave the key out"),
        (
            "inside: [M, C, R, S]",
            "inside: [K]",
            5,
            "inside.0: unknown dim 'K'; did you mean 'M' (output channels)?",
        ),
        (
            "inside: [M, C, R, S]",
            "inside: [m]",
            5,
            "inside.0: unknown dim 'm'; did you mean 'M' (output channels)?",
        ),
        ("inside: [M, C, R, S]", "inside: [OX]", 5, "unknown dim 'OX'; did you mean 'Q' (output columns)?"),
        ("inside: [M, C, R, S]", "inside: [Z]", 5, "unknown dim 'Z'; valid: N, G, M, C, P, Q, R, S"),
        ("inside: [M, C, R, S]", "inside: [3]", 5, "inside.0: unknown dim 3; valid: N, G"),
        ("inside: [M, C, R, S]", "inside: [[M]]", 5, "inside.0: unknown dim ['M']"),
        (
            "outside: [N, P, Q]",
            "outside: NPQ",
            6,
            "outside: must be a list of dims such as [C, R, S], not 'NPQ'",
        ),
        ("outside:", "order: [C]\noutside:", 6, "order belongs to a level, e.g. levels: {glb: {order: ...}}"),
        ("outside:", "tiles: {M: 4}\noutside:", 6, "tiles belongs to a level"),
        ("outside:", "loop_order: [C]\noutside:", 6, "order belongs to a level"),
        ("columns: [M]", "cols: [M]", 8, "cols: unknown key; did you mean columns?"),
        ("columns: [M]", "column: [M]", 8, "column: unknown key; did you mean columns?"),
        ("columns: [M]", "qqq: [M]", 8, "qqq: unknown key; valid: format, name, description"),
        ("whole_rows: [R]", "whole: [R]", 9, "whole: unknown key; did you mean whole_rows?"),
        (
            "whole_rows: [R]",
            "whole_rows: [C, S]",
            9,
            "whole_rows.1: S is to be whole along the rows, and not among",
        ),
        ("  glb:\n", "  - glb:\n", 15, "is not valid YAML"),
        (
            "    order: [C, P]",
            "    orders: [C, P]",
            12,
            "levels.glb.orders: unknown key; did you mean order?",
        ),
        ("    order: [C, P]", "    loops: [C, P]", 12, "levels.glb.loops: unknown key; did you mean order?"),
        ("    order: [C, P]", "    order: [C, C]", 12, "levels.glb.order: C stands there twice"),
        ("    order: [C, P]", "    order: {C: P}", 12, "levels.glb.order: must be a list of dims"),
        (
            "    tiles: {M: 4}",
            "    tiles: {K: 4}",
            13,
            "levels.glb.tiles.K: unknown dim 'K'; did you mean 'M'",
        ),
        ("    tiles: {M: 4}", "    tiles: {M: 0}", 13, "levels.glb.tiles.M: must be from 1 to 2**53, not 0"),
        ("    tiles: {M: 4}", "    tiles: {M: 9007199254740993}", 13, "must be from 1 to 2**53"),
        (
            "    tiles: {M: 4}",
            "    tiles: {M: 1.5}",
            13,
            "levels.glb.tiles.M: must be a whole number, not 1.5",
        ),
        ("    tiles: {M: 4}", "    tiles: {M: true}", 13, "must be a whole number, not True"),
        ("    tiles: {M: 4}", "    tiles: {M: four}", 13, "must be a whole number, not 'four'"),
        (
            "    tiles: {M: 4}",
            "    tiles: [4]",
            13,
            "levels.glb.tiles: must give a tile for each dim, such as {M: 4}",
        ),
        ("    tiles: {M: 4}", "    tiles:", 13, "levels.glb.tiles: must give a tile for each dim"),
        (
            "    keeps: [inputs, outputs]",
            "    keep: [inputs]",
            14,
            "levels.glb.keep: unknown key; did you mean keeps?",
        ),
        (
            "    keeps: [inputs, outputs]",
            "    keeps: [sums]",
            14,
            "unknown tensor 'sums'; did you mean 'outputs'?",
        ),
        (
            "pe_array.columns:",
            "pe_array.cols:",
            15,
            "levels.pe_array.cols: an array has rows and columns; did you mean pe_array.columns?",
        ),
        ("pe_array.columns:", "pe_array.row:", 15, "did you mean pe_array.rows?"),
        (
            "pe_array.columns:",
            "9lives:",
            15,
            "levels.9lives: must be a level's name such as glb or pe_array.rows",
        ),
        (
            "{dims: [M], tiles: {M: 1}}",
            "{order: [M]}",
            15,
            "levels.pe_array.columns.order: an array's rows and columns are spatial",
        ),
        (
            "{dims: [M], tiles: {M: 1}}",
            "{keeps: []}",
            15,
            "levels.pe_array.columns.keeps: an array's rows and columns are",
        ),
        (
            "{dims: [M], tiles: {M: 1}}",
            "3",
            15,
            "levels.pe_array.columns: must be a mapping such as {order: [C, M]",
        ),
        ("rf: {dims: [], keeps: []}", "glb: {}", 16, "levels.glb: stated twice; the first is on line 11"),
        (
            "format: 1",
            "format: 1\nmac: {energy: 1}",
            2,
            "mac: is a chip's key; this describes a chip and no dataflow",
        ),
    ],
)
def test_one_mistake_is_one_line(tmp_path: Path, old: str, new: str, line: int, message: str) -> None:
    assert GOOD.count(old) >= 1
    text = refusal(tmp_path, GOOD.replace(old, new, 1))
    assert message in text
    assert text.startswith(f"flow.yaml:{line}: ")
    assert "\n" not in text
    assert len(text) < 300


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "levels: [glb]",
            "flow.yaml:3: levels: must give constraints by level, such as {glb: {order: [C, M]}}",
        ),
        ("levels:", "flow.yaml:3: levels: must give constraints by level"),
        ("variants: [osa, osd]", "flow.yaml:3: variants.1: unknown variant 'osd'; did you mean 'os"),
        ("variants: [3]", "flow.yaml:3: variants.0: unknown variant 3; valid: ws"),
        (
            "variants: osa",
            "flow.yaml:3: variants: must be a list of built-in dataflows such as [osa, osb], not 'osa'",
        ),
        ("variants: [osa, osa]", "flow.yaml:3: variants: osa stands there twice"),
        ("variants: [x]", "flow.yaml:3: variants.0: unknown variant 'x'"),
        ("variants: [osa]\nrows: [C]", "flow.yaml:4: rows: has no place beside variants"),
        ("best_of: [osa]", "flow.yaml:3: best_of: unknown key; did you mean variants?"),
    ],
)
def test_one_mistake_in_the_least_file_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    said = refusal(tmp_path, f"format: 1\nname: x\n{text}\n")
    assert said.startswith(message)
    assert "\n" not in said


def test_all_mistakes_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = (
        GOOD.replace("name: mine", "name: os")
        .replace("[weights]", "[weight, sums]")
        .replace("rows: [R, C]", "rows: [C]")
    )
    text = text.replace("tiles: {M: 4}", "tiles: {M: 0, K: 2}").replace("rf:", "rf.row:")
    assert refusal(tmp_path, text).splitlines() == [
        "flow.yaml:2: name: os is built in; choose another name",
        "flow.yaml:4: stationary.0: unknown tensor 'weight'; did you mean 'weights'?",
        "flow.yaml:4: stationary.1: unknown tensor 'sums'; did you mean 'outputs'?",
        "flow.yaml:9: whole_rows.0: R is to be whole along the rows, and not among rows",
        "flow.yaml:13: levels.glb.tiles.M: must be from 1 to 2**53, not 0",
        "flow.yaml:13: levels.glb.tiles.K: unknown dim 'K'; did you mean 'M' (output channels)?",
        "flow.yaml:16: levels.rf.row: an array has rows and columns; did you mean rf.rows?",
    ]


def test_a_flood_of_mistakes_is_cut(tmp_path: Path) -> None:
    lines = refusal(tmp_path, GOOD + "".join(f"  m{n}: {n}\n" for n in range(50))).splitlines()
    assert len(lines) == 21
    assert lines[-1] == "flow.yaml: and 30 more"


def test_a_built_in_name_may_say_what_is_built_in_and_nothing_else(tmp_path: Path) -> None:
    flow = da.dataflow.get("ws")
    assert da.dataflow.load(write(tmp_path, flow.to_yaml())) == flow
    other = dataclasses.replace(flow, columns=("M", "P"))
    assert refusal(tmp_path, other.to_yaml()) == "flow.yaml:2: name: ws is built in; choose another name"
    with pytest.raises(da.DataflowError, match="dataflow 'ws': name: ws is built in; choose another name"):
        Dataflow.from_dict(other.to_dict())


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "dataflow: must be a mapping of keys to values, not []"),
        (None, "dataflow: must be a mapping of keys to values, not None"),
        ({1: 2}, "dataflow: every key must be a word"),
        (
            {"format": 1, "name": "x", "rows": ["K"]},
            "dataflow 'x': rows.0: unknown dim 'K'; did you mean 'M'",
        ),
        ({"format": 1, "name": "x", "levels": {3: {}}}, "levels.3: must be a level's name"),
        (
            {"format": 1, "name": "x", "levels": {"glb": {"tiles": {4: 4}}}},
            "levels.glb.tiles.4: unknown dim 4",
        ),
        ({"format": 1, "name": "x", "rows": {"C"}}, "rows: must be a list of dims"),
    ],
)
def test_plain_data_is_checked_as_a_file_is(data: Any, message: str) -> None:
    with pytest.raises(da.DataflowError) as caught:
        Dataflow.from_dict(data)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Dataflow(name=""), "a dataflow's name is made of letters"),
        (lambda: Dataflow(name=3), "a dataflow's name is made of letters"),
        (lambda: Dataflow(name="x", rows="C"), "dataflow 'x': rows: must be a list of N, G, M"),
        (lambda: Dataflow(name="x", rows=3), "rows: must be a list of"),
        (lambda: Dataflow(name="x", rows=("C", "C")), "rows: C stands there twice"),
        (lambda: Dataflow(name="x", rows=("K",)), "unknown dim 'K'; did you mean 'M' (output channels)?"),
        (lambda: Dataflow(name="x", stationary=("psum",)), "unknown tensor 'psum'; did you mean 'outputs'?"),
        (
            lambda: Dataflow(name="x", levels={"glb": {"order": ("C",)}}),
            "levels: glb: must be a LevelConstraint",
        ),
        (lambda: Dataflow(name="x", levels=[]), "levels: must give a LevelConstraint by level"),
        (lambda: Dataflow(name="x", variants=("ws",), rows=()), ""),
        (lambda: Dataflow(name="x", variants=("ws",), rows=("C",)), "rows has no place beside variants"),
        (lambda: LevelConstraint(tiles={"M": 1.5}), "tiles: M has tile 1.5; it must be a whole number"),
        (lambda: LevelConstraint(tiles={"M": True}), "tiles: M has tile True; it must be a whole number"),
        (lambda: LevelConstraint(tiles={"M": 10**30}), "tiles: M has a tile larger than 2**53"),
        (lambda: LevelConstraint(tiles=[4]), "tiles: must give a tile for each dim"),
    ],
)
def test_direct_construction_is_checked_too(make: Any, message: str) -> None:
    if not message:
        make()
        return
    with pytest.raises(da.DataflowError) as caught:
        make()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


# ------------------------------------------------------------------------------------------------------------
# Files that are no dataflow


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "flow.yaml:1: is empty; a dataflow's YAML file starts with format: 1"),
        ("# nothing\n", "flow.yaml:1: is empty"),
        ("3", "flow.yaml:1: must be a mapping of keys to values, not 3"),
        ("- 3", "flow.yaml:1: must be a mapping of keys to values"),
        (GOOD[: GOOD.index("whole_rows")] + "whole_rows: [R,", "is not valid YAML"),
        (GOOD + "name: other\n", "flow.yaml:17: name: stated twice; the first is on line 2"),
        (
            GOOD + "---\nformat: 1\n",
            "flow.yaml:17: a second document starts here; a file describes one dataflow",
        ),
        (GOOD.replace("[weights]", "&w [weights]"), "flow.yaml:4: anchors (&name) are not read"),
        (GOOD.replace("[weights]", "*w"), "flow.yaml:4: aliases (*name) are not read"),
        ("name: !!python/object/apply:os.system [ls]", "flow.yaml:1: tags (tag:yaml.org,2002:python"),
        ("name: !!python/name:os.system", "flow.yaml:1: tags (tag:yaml.org,2002:python"),
        ("[1, 2]: 3", "flow.yaml:1: a key must be a word"),
        ("a: b: c", "flow.yaml:1: is not valid YAML"),
        ("name: ti\0ny", "flow.yaml:1: holds the character"),
        (b"format: 1\nname: \xff\xfe", "flow.yaml:2: is not UTF-8 text (byte 16)"),
        (bytes(range(256)) * 100, "flow.yaml:2: is not UTF-8 text"),
        (b"\x7fELF" + b"\0" * 5000, "flow.yaml:1: holds the character"),
        ("x" * 10_000_000, "flow.yaml: larger than 1000000 bytes; a dataflow's YAML file is a few kilobytes"),
        ("[" * 10_000_000, "flow.yaml: larger than 1000000 bytes"),
        ("[" * 900_000, "flow.yaml:1: nested more than 20 deep; a dataflow's YAML file needs four"),
        ("".join(" " * depth + "a:\n" for depth in range(100)), "flow.yaml:21: nested more than 20 deep"),
        ("- 1\n" * 200_000, "flow.yaml:10000: more than 10000 values"),
        ("name: " + "x" * 900_000, "must be a name of"),
        ("format: 1\nname: x\nrows: [" + "9" * 900_000 + "]", "unknown dim"),
        ("format: 1\nname: x\nvariants: [" + "os" * 400_000 + "]", "unknown variant"),
        ("format: 1\nname: x\nstationary: [" + "in" * 400_000 + "]", "unknown tensor"),
    ],
)
def test_files_that_are_no_dataflow(tmp_path: Path, text: str | bytes, message: str) -> None:
    started = time.monotonic()
    said = refusal(tmp_path, text)
    assert message in said
    assert max(len(line) for line in said.splitlines()) < 400
    assert time.monotonic() - started < 5


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(
        da.DataflowError, match=r"none\.yaml: no such file; give the path of a dataflow's YAML file"
    ):
        da.dataflow.load(tmp_path / "none.yaml")
    with pytest.raises(da.DataflowError, match="is a directory; give the path of a dataflow's YAML file"):
        da.dataflow.get(tmp_path)
    with pytest.raises(da.DataflowError, match="cannot be read"):
        da.dataflow.get("nul\0byte.yaml")
    with pytest.raises(da.DataflowError, match="no such file"):
        da.dataflow.get("no/such/flow")


def test_a_name_is_no_path() -> None:
    with pytest.raises(
        da.UnknownNameError, match=r"'wss'; did you mean 'ws'\? \(or a file's path, ending in .yaml\)"
    ):
        da.dataflow.get("wss")
    for nothing in (3, None, ["ws"]):
        with pytest.raises(da.UnknownNameError, match="unknown dataflow"):
            da.dataflow.get(nothing)  # type: ignore[arg-type]


@settings(deadline=None)
@given(st.text(max_size=200) | st.binary(max_size=200))
def test_any_bytes_are_refused_in_words(tmp_path_factory: pytest.TempPathFactory, text: str | bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    with pytest.raises(da.DataflowError):
        da.dataflow.load(path)


JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from((*DIMS, *ROLES)),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(max_size=5) | st.sampled_from(("glb", "tiles", "M", "x.rows")), inner, max_size=3
        )
    ),
    max_leaves=5,
)
KEYS = ("format", *(field.name for field in dataclasses.fields(Dataflow)), "glb", "tiles", "order", "x")


@settings(deadline=None)
@given(key=st.sampled_from(KEYS), inner=st.sampled_from(("", "glb", "pe_array.columns")), junk=JUNK)
def test_any_value_anywhere_is_taken_or_refused_in_words(key: str, inner: str, junk: Any) -> None:
    data = MINE.to_dict()
    (data["levels"][inner] if inner else data)[key] = junk
    # Anything but a DataflowError fails here.
    with contextlib.suppress(da.DataflowError):
        flow = Dataflow.from_dict(data)
        assert Dataflow.from_dict(flow.to_dict()) == flow


# ------------------------------------------------------------------------------------------------------------
# A path wherever a name is taken


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str]):
    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(arguments)
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def test_python_takes_a_path_wherever_it_takes_a_name() -> None:
    flow = da.dataflow.load(EXAMPLE)
    report = da.simulate("lenet5", "example", dataflow=flow)
    assert da.simulate("lenet5", "example", dataflow=str(EXAMPLE)) == report
    assert da.simulate("lenet5", "example", dataflow=EXAMPLE) == report
    assert report.dataflow == "filter_rows"
    layer, chip = da.zoo.load("lenet5")["conv2"], arch.load("example")
    assert da.search(layer, chip, EXAMPLE).mapping == da.search(layer, chip, flow).mapping
    rows = da.compare("lenet5", "example", ["ws", str(EXAMPLE), flow]).rows
    assert [row.dataflow for row in rows] == ["ws", "filter_rows", "filter_rows"]
    assert rows[1] == rows[2]
    assert da.compare("lenet5", "example", EXAMPLE).rows[0].report == report


def test_the_example_constrains_what_it_says() -> None:
    mapping = da.search(da.zoo.load("lenet5")["conv2"], arch.load("example"), EXAMPLE).mapping
    assert mapping.level("rf").keeps == {"weights"}
    assert mapping.level("glb").keeps == {"inputs", "outputs"}
    assert {loop.dim for loop in mapping.level("pe_array.rows").loops} <= {"R", "C"}
    assert [(loop.dim, loop.tile) for loop in mapping.level("pe_array.columns").loops] == [("M", 1)]
    spread = [
        loop.dim for level in mapping.levels if not level.level.startswith("pe") for loop in level.loops
    ]
    assert "R" not in spread


def test_a_chip_without_the_levels_says_so() -> None:
    flow = Dataflow(name="x", levels={"pe_array": LevelConstraint(dims=("C",))})
    with pytest.raises(
        da.DataflowError, match=r"'pe_array', which example has not; did you mean 'pe_array\.rows'"
    ):
        da.simulate("lenet5", "example", dataflow=flow)
    (row,) = da.compare("lenet5", "tpu_v1", EXAMPLE).rows
    assert row.reason is not None
    assert "constrains level 'glb', which tpu_v1 has not" in row.reason


def test_the_shell_takes_a_path_wherever_it_takes_a_name(shell) -> None:
    line = ("simulate", "lenet5", "--arch", "example", "--dataflow", str(EXAMPLE), "--format", "json")
    code, out, err = shell(*line)
    assert (code, err) == (0, "")
    assert out == da.simulate("lenet5", "example", dataflow=EXAMPLE).to_json()
    code, out, err = shell("compare", "lenet5", "-a", "example", "-d", f"ws,{EXAMPLE}", "--format", "csv")
    assert (code, err) == (0, "")
    assert [row.split(",")[2] for row in out.splitlines()] == ["dataflow", "ws", "filter_rows"]


def test_show_tells_dataflow_files_from_chip_files(shell, tmp_path: Path) -> None:
    code, out, err = shell("show", str(EXAMPLE))
    assert (code, err) == (0, "")
    for words in ("filter_rows", "weights stay", "order C, P", "keeps inputs, outputs", "tiles M=1"):
        assert words in out
    for name in da.dataflow.names():
        out = shell("show", name)[1]
        assert name in out
        assert shell("show", str(write(tmp_path, da.dataflow.get(name).to_yaml())))[1] == out
    (tmp_path / "chip.yaml").write_text(arch.load("example").to_yaml())
    assert shell("show", str(tmp_path / "chip.yaml"))[1] == shell("show", "example")[1]
    every = Dataflow(
        name="x", stationary=(), levels={"glb": LevelConstraint(dims=(), keeps=()), "rf": LevelConstraint()}
    )
    out = shell("show", str(write(tmp_path, every.to_yaml())))[1]
    assert re.search(r"stays in the PE +nothing\n", out)
    assert re.search(r"level glb +splits nothing; keeps nothing\n", out)
    assert re.search(r"level rf +free\n", out)


@pytest.mark.parametrize("command", ["simulate", "compare", "show"])
@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            GOOD.replace("rows: [R, C]", "rows: [K, R]"),
            ":7: rows.0: unknown dim 'K'; did you mean 'M' (output channels)?",
        ),
        (None, "no such file"),
        ("name: !!python/object/apply:os.system [ls]", "tags (tag:yaml.org,2002:python"),
        ("".join(" " * depth + "a:\n" for depth in range(100)), "nested more than 20 deep"),
        ("x" * 10_000_000, "larger than 1000000 bytes"),
        (b"\x89PNG\r\n\x1a\n\0\0", "is not UTF-8 text"),
    ],
    ids=["fault", "missing", "tag", "nested", "large", "binary"],
)
def test_a_bad_file_is_one_sentence_and_exit_code_2(
    shell, tmp_path: Path, command: str, text: str | bytes | None, words: str
) -> None:
    path = tmp_path / "flow.yaml"
    if text is not None:
        write(tmp_path, text)
    options = {
        "simulate": ("lenet5", "-a", "example", "-d"),
        "compare": ("lenet5", "-a", "example", "-d"),
        "show": (),
    }
    code, out, err = shell(command, *options[command], str(path))
    assert (code, out) == (2, "")
    assert err.startswith("dnnaccel: error: ")
    assert words in err
    assert err.count("\n") == 1


def test_a_real_shell_from_a_file_to_a_table(tmp_path: Path) -> None:
    write(tmp_path, EXAMPLE.read_text())
    line = ("simulate", "lenet5:conv2", "--arch", "example", "--dataflow", "flow.yaml")
    done = subprocess.run(
        [sys.executable, "-c", "from dnnaccel.cli import main; main()", *line],
        cwd=tmp_path,
        env=os.environ | {"PYTHONIOENCODING": "utf-8", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )
    assert "dataflow filter_rows" in done.stdout
    assert done.stderr == ""


# ------------------------------------------------------------------------------------------------------------
# The documentation


def test_the_table_of_the_documentation_is_what_is_built_in() -> None:
    page = (ROOT / "docs" / "dataflows.md").read_text(encoding="utf-8")
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in page.splitlines()
        if line.startswith("| `")
    ]
    table = {row[0].strip("`"): row[1:] for row in rows if len(row) == 7}
    assert list(table) == da.dataflow.names()

    def cell(given: tuple[str, ...] | None) -> str:
        return "any" if given is None else ", ".join(given) or "nothing"

    for name, (stays, inside, outside, rows_, columns, who) in table.items():
        flow = da.dataflow.get(name)
        if flow.variants:
            assert all(f"`{variant}`" in who for variant in flow.variants)
            continue
        assert (stays, rows_, columns) == (cell(flow.stationary), cell(flow.rows), cell(flow.columns))
        assert (inside, outside) == (cell(flow.inside), cell(flow.outside or None))
        assert all(f"{dim} is spread along the rows whole" in who for dim in flow.whole_rows)


def test_the_example_of_the_documentation_is_the_example() -> None:
    page = (ROOT / "docs" / "dataflows.md").read_text(encoding="utf-8")
    assert f"```yaml\n{EXAMPLE.read_text(encoding='utf-8')}```" in page


def test_files_are_read_only_when_asked_for() -> None:
    probe = (
        "import sys, dnnaccel as da\n"
        "da.dataflow.get('ws'), da.dataflow.get('ws').to_dict()\n"
        "late = {'yaml', 'pydantic', 'dnnaccel.dataflow_files', 'dnnaccel._yaml'}\n"
        "print(sorted(late & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
