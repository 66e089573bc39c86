"""Chip files that extend others: what is merged, whose source stands, and the file and line of a fault."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnnaccel import arch
from dnnaccel.arch import Array, Chip
from dnnaccel.cli import run
from dnnaccel.errors import ArchitectureError

HEAD = "format: 1\nextends: eyeriss\nname: mine\n"


def save(folder: Path, text: str, name: str = "chip.yaml") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def load(folder: Path, text: str) -> Chip:
    return arch.load(save(folder, text))


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(ArchitectureError) as caught:
        load(folder, text)
    return str(caught.value).replace(f"{folder}/", "")


def test_a_name_alone_is_the_parent_under_another_name(tmp_path: Path) -> None:
    parent, child = arch.load("eyeriss"), load(tmp_path, HEAD)
    assert child.name == "mine"
    # What the parent says of itself does not hold for the child; what stands behind its numbers does.
    assert child.title == child.description == ""
    assert child.source == parent.source
    assert parent.override({"name": "mine", "title": "", "description": ""}) == child


def test_keys_replace_and_levels_merge_by_name(tmp_path: Path) -> None:
    child = load(
        tmp_path,
        HEAD
        + """\
title: Mine
clock_mhz: 400
levels:
  - array: pe_array
    columns: 28
  - memory: glb
    size_bytes: 65536
    may_bypass: []
mac: {gates: [inputs]}
vector: {lanes: 8, source: more}
""",
    )
    parent = arch.load("eyeriss")
    assert (child.title, child.clock_mhz, child.technology_nm) == ("Mine", 400, 65)
    assert [level.name for level in child.levels] == [level.name for level in parent.levels]
    array = child["pe_array"]
    assert isinstance(array, Array)
    assert (array.rows, array.columns, array.reduce) == (12, 28, ("C", "R"))
    glb = child.memory("glb")
    assert (glb.size_bytes, glb.may_bypass, glb.read_energy) == (65536, (), parent.memory("glb").read_energy)
    assert (child.mac.energy, child.mac.gates) == (parent.mac.energy, ("inputs",))
    assert (child.vector.lanes, child.vector.op_energy) == (8, parent.vector.op_energy)
    # A number that was replaced no longer stands on the parent's source; the others do.
    assert "size_bytes" not in glb.sources
    assert glb.sources["read_energy"] == parent["glb"].sources["read_energy"]
    assert child.mac.source == f"gates stated anew without a source; {parent.mac.source}"
    assert child.vector.source == "more"


def test_sources_merge(tmp_path: Path) -> None:
    child = load(
        tmp_path,
        HEAD + "levels:\n  - {memory: glb, size_bytes: 65536, sources: {size_bytes: half, keeps: all}}\n",
    )
    sources = child["glb"].sources
    assert (sources["size_bytes"], sources["keeps"]) == ("half", "all")
    assert sources["read_energy"] == arch.load("eyeriss")["glb"].sources["read_energy"]


def test_levels_come_and_go(tmp_path: Path) -> None:
    child = load(
        tmp_path,
        HEAD
        + """\
remove: [psum_spad, ifmap_spad]
levels:
  - {memory: l2, after: dram, size_bytes: 1048576, component: {kind: sram}}
  - {memory: l1, after: l2, size_bytes: 524288, component: {kind: sram}}
  - {memory: rf, before: filter_spad, size_bytes: 64, read_energy: 1, write_energy: 1}
""",
    )
    names = [level.name for level in child.levels]
    wanted = ["dram", "l2", "l1"]
    for level in arch.load("eyeriss").levels[1:]:
        wanted += {"filter_spad": ["rf", "filter_spad"], "psum_spad": [], "ifmap_spad": []}.get(
            level.name, [level.name]
        )
    assert names == wanted


def test_a_component_takes_the_place_of_the_parents_numbers(tmp_path: Path) -> None:
    parent = arch.load("eyeriss")
    child = load(tmp_path, HEAD + "levels:\n  - {memory: glb, component: {kind: sram, width_bits: 64}}\n")
    assert child == parent.override(
        {
            "name": "mine",
            "title": "",
            "description": "",
            "glb.component": {"kind": "sram", "width_bits": 64},
            "glb.sources": {
                key: text
                for key, text in parent["glb"].sources.items()
                if key not in ("read_energy", "write_energy")
            },
        }
    )
    kept = load(
        tmp_path, HEAD + "levels:\n  - {memory: glb, component: {kind: sram}, read_energy: 3}\n"
    ).memory("glb")
    assert kept.read_energy == 3
    assert kept.write_energy != parent.memory("glb").write_energy


def test_null_takes_a_value_away(tmp_path: Path) -> None:
    child = load(
        tmp_path,
        HEAD
        + "clock_mhz: null\nlevels:\n  - {memory: dram, bytes_per_cycle: null, read_bytes_per_cycle: 4}\n",
    )
    assert child.clock_mhz is None
    assert (child.memory("dram").bytes_per_cycle, child.memory("dram").read_bytes_per_cycle) == (None, 4)


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    save(tmp_path, HEAD + "clock_mhz: 300\n", "base.yaml")
    save(tmp_path, "format: 1\nextends: ../base.yaml\nname: middle\nword_bits: 8\n", "deep/middle.yaml")
    child = load(tmp_path, "format: 1\nextends: deep/middle.yaml\nname: top\n")
    assert (child.name, child.clock_mhz, child.word_bits) == ("top", 300, 8)
    assert arch.load(tmp_path / "deep" / "middle.yaml").word_bits == 8


def test_what_is_written_needs_no_parent(tmp_path: Path) -> None:
    child = load(tmp_path, HEAD + "levels:\n  - {memory: glb, size_bytes: 65536}\n")
    assert "extends" not in child.to_dict()
    assert load(tmp_path, child.to_yaml()) == child
    data: dict[str, Any] = {"format": 1, "extends": "eyeriss", "name": "mine"}
    data["levels"] = [{"memory": "glb", "size_bytes": 65536}]
    assert Chip.from_dict(data) == child


def test_the_command_line_takes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = save(tmp_path, HEAD + "remove: [ifmap_spad]\n")
    assert run(["show", str(path)]) == 0
    assert capsys.readouterr().out.startswith("mine\n65 nm, 200 MHz")


# --- Faults

FAULTS = {
    "unknown preset": (
        "format: 1\nextends: eyeris\nname: x\n",
        "2: extends: unknown chip 'eyeris'; did",
    ),
    "no preset": ("format: 1\nextends: 3\nname: x\n", "2: extends: must be the name of a chip or the path"),
    "no file": ("format: 1\nextends: none.yaml\nname: x\n", "2: extends: none.yaml: no such file"),
    "itself": ("format: 1\nextends: chip.yaml\nname: x\n", "2: extends: chip.yaml leads back to itself"),
    "no name": ("format: 1\nextends: eyeriss\n", "1: name: missing; give the chip a name of its own"),
    "unknown level": (
        HEAD + "levels:\n  - {memory: gbl, size_bytes: 4}\n",
        "5: levels.0: gbl is no level of the parent (dram, glb,",
    ),
    "after nothing": (
        HEAD + "levels:\n  - {memory: l2,\n     after: gbl}\n",
        "6: levels.0.after: there is no level 'gbl'; did you mean 'glb'?",
    ),
    "both sides": (
        HEAD + "levels:\n  - {memory: l2, after: glb, before: glb}\n",
        "5: levels.0: l2 is no",
    ),
    "moved": (
        HEAD + "levels:\n  - {memory: glb, after: dram}\n",
        "5: levels.0.after: glb stands where",
    ),
    "other kind": (
        HEAD + "levels:\n  - {array: glb, rows: 4}\n",
        "5: levels.0: is of the other kind",
    ),
    "remove a stranger": (HEAD + "remove: [glb, rf]\n", "4: remove.1: there is no level 'rf'"),
    "remove a word": (HEAD + "remove: glb\n", "4: remove: must be a list of names of levels, such as [glb]"),
    "remove what is needed": (HEAD + "remove: [glb]\n", "eyeriss.yaml:"),
    "bad value": (
        HEAD + "levels:\n  - memory: glb\n    size_bytes: -1\n",
        "6: levels.glb.size_bytes: must be at least 1, not -1",
    ),
    "bad key": (HEAD + "mac: {enrgy: 1}\n", "4: mac.enrgy: unknown key; did you mean energy?"),
    "bad new level": (
        HEAD + "levels:\n  - memory: l2\n    after: dram\n    size_byte: 4\n",
        "7: levels.l2.size_byte: unknown key; did you mean size_bytes?",
    ),
    "levels no list": (HEAD + "levels: glb\n", "4: levels: must be a list of memories and arrays"),
    "an entry no mapping": (
        HEAD + "levels:\n  - glb\n",
        f"5: levels.{len(arch.load('eyeriss').levels)}: must be a mapping",
    ),
    "port against ports": (
        HEAD + "levels:\n  - {memory: dram, read_bytes_per_cycle: 4}\n",
        "5: levels.dram.read_bytes_per_cycle: bytes_per_cycle is a port shared",
    ),
}


@pytest.mark.parametrize(("text", "message"), FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_is_one_line_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    said = refusal(tmp_path, text)
    assert message in said
    if not message.startswith("eyeriss"):
        assert any(line.startswith(f"chip.yaml:{message[:20]}") for line in said.splitlines())
    assert all(len(line) < 400 for line in said.splitlines())


def test_a_fault_of_the_parent_names_the_parents_line(tmp_path: Path) -> None:
    base = save(tmp_path, HEAD + "levels:\n  - {memory: glb, size_bytes: 1}\n", "base.yaml")
    said = refusal(tmp_path, "format: 1\nextends: base.yaml\nname: x\nclock_mhz: -3\n")
    assert said.splitlines() == [
        "chip.yaml:4: clock_mhz: must be greater than 0, not -3",
        "base.yaml:5: levels.glb.size_bytes: 1 bytes do not hold one word of 16 bits",
    ]
    base.write_text("format: 1\nname: [\n")
    assert refusal(tmp_path, "format: 1\nextends: base.yaml\nname: x\n").startswith(
        "base.yaml:3: is not valid YAML"
    )
    base.write_text("- 1\n")
    assert refusal(tmp_path, "format: 1\nextends: base.yaml\nname: x\n").startswith(
        "base.yaml:1: must be a mapping"
    )
    base.write_text("")
    said = refusal(tmp_path, "format: 1\nextends: base.yaml\nname: x\n")
    assert said.startswith("chip.yaml:2: extends: base.yaml:1: is empty")


def test_cycles_and_chains_are_bounded(tmp_path: Path) -> None:
    save(tmp_path, "format: 1\nextends: b.yaml\nname: a\n", "a.yaml")
    save(tmp_path, "format: 1\nextends: ./a.yaml\nname: b\n", "b.yaml")
    with pytest.raises(ArchitectureError, match=r"b\.yaml:2: extends: \./a\.yaml leads back to itself"):
        arch.load(tmp_path / "a.yaml")
    for number in range(20):
        parent = f"c{number - 1}.yaml" if number else "eyeriss"
        save(tmp_path, f"format: 1\nextends: {parent}\nname: c{number}\n", f"c{number}.yaml")
    assert arch.load(tmp_path / "c7.yaml").name == "c7"
    with pytest.raises(ArchitectureError, match="more than 8 chips extend one another"):
        arch.load(tmp_path / "c19.yaml")


def test_keys_of_inheritance_mean_nothing_without_it(tmp_path: Path) -> None:
    text = arch.load("example").to_yaml()
    assert "remove: unknown key" in refusal(tmp_path, text + "remove: [glb]\n")
    assert "levels.1.after: unknown key" in refusal(
        tmp_path, text.replace("- memory: glb", "- memory: glb\n  after: dram")
    )


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(deadline=None)
@given(
    key=st.sampled_from(["extends", "levels", "remove", "mac", "vector", "clock_mhz", "name"]),
    inner=st.sampled_from(["", "memory", "array", "after", "sources", "component", "keeps"]),
    junk=JUNK,
)
def test_anything_anywhere_is_merged_or_refused_in_words(key: str, inner: str, junk: Any) -> None:
    data: dict[str, Any] = {"format": 1, "extends": "eyeriss", "name": "mine"}
    data[key] = junk
    if key == "levels" and inner:
        data["levels"] = [{"memory": "glb"} | {inner: junk}]
    # Anything but an ArchitectureError fails here.
    with contextlib.suppress(ArchitectureError):
        chip = Chip.from_dict(data)
        assert Chip.from_dict(chip.to_dict()) == chip
