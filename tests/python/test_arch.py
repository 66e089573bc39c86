"""Chip descriptions: what loads, what is refused and how it is said, overriding, writing, drawing."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import pickle
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnnaccel import arch
from dnnaccel.arch import Array, Chip, Mac, Memory, Vector
from dnnaccel.errors import ArchitectureError, DnnAccelError, UnknownNameError

GOOD = """\
format: 1
name: tiny
word_bits: 16
energy_unit: pJ
levels:
  - memory: dram
    read_energy: 200
    write_energy: 200
  - memory: glb
    size_bytes: 1024
    read_energy: 6
    write_energy: 6
  - array: pes
    rows: 4
    columns: 2
  - memory: rf
    size_bytes: 64
    read_energy: 1
    write_energy: 1
mac: {energy: 1}
vector: {lanes: 4, op_energy: 0.5, memory: glb}
"""


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "chip.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def refusal(folder: Path, text: str | bytes) -> str:
    """Return what loading `text` is refused with, without the folder."""
    with pytest.raises(ArchitectureError) as caught:
        arch.load(write(folder, text))
    return str(caught.value).replace(f"{folder}/", "")


def tiny(**changes: Any) -> Chip:
    parts: dict[str, Any] = {
        "name": "tiny",
        "word_bits": 16,
        "energy_unit": "pJ",
        "levels": (
            Memory(name="dram", read_energy=200, write_energy=200),
            Memory(name="glb", size_bytes=1024, read_energy=6, write_energy=6),
            Array(name="pes", rows=4, columns=2),
            Memory(name="rf", size_bytes=64, read_energy=1, write_energy=1),
        ),
        "mac": Mac(energy=1),
        "vector": Vector(lanes=4, op_energy=0.5, memory="glb"),
    }
    return Chip(**(parts | changes))


def test_file_and_direct_construction_agree(tmp_path: Path) -> None:
    chip = arch.load(write(tmp_path, GOOD))
    assert chip == tiny()
    assert hash(chip) == hash(tiny())
    assert arch.load(str(write(tmp_path, GOOD))) == chip
    assert Chip.from_dict(chip.to_dict()) == chip


def test_derived_properties() -> None:
    chip = tiny()
    assert chip.pe_count == chip.peak_macs_per_cycle == 8
    assert chip.level_names == ("dram", "glb", "pes.rows", "pes.columns", "rf")
    assert [level.name for level in chip.memories] == ["dram", "glb", "rf"]
    assert [level.name for level in chip.arrays] == ["pes"]
    assert [chip.instances(name) for name in ("dram", "pes", "rf")] == [1, 1, 8]
    assert chip.memory("dram").capacity_words is None
    assert chip.memory("glb").capacity_words == chip.memory("glb").tile_words == 512
    assert chip["rf"] is chip.levels[-1]
    assert chip.dataflow == "free"
    assert chip.memory("rf").word_bits == 16


def test_buffering_decides_what_a_tile_may_take() -> None:
    words = {}
    for buffering in ("single", "double", "stream"):
        memory = tiny().override({"glb.buffering": buffering}).memory("glb")
        words[buffering] = memory.tile_words
        assert memory.double_buffered == (buffering == "double")
    assert words == {"single": 512, "double": 256, "stream": 512}


def test_words_of_another_width() -> None:
    chip = tiny().override({"glb.word_bits": 34})
    assert chip.memory("glb").capacity_words == 1024 * 8 // 34
    # The others follow the chip's width.
    wider = chip.override({"word_bits": 32})
    assert (wider.memory("glb").word_bits, wider.memory("rf").word_bits) == (34, 32)
    with pytest.raises(ArchitectureError, match="word_bits"):
        _ = Memory(name="alone", size_bytes=8, read_energy=1, write_energy=1).capacity_words


def test_network_flags() -> None:
    array = Array(name="a", rows=2, multicast=("P", "M"), reduce=("S", "C"), charge={"outputs": "hop"})
    assert array.multicast == ("M", "P")
    assert array.reduce == ("C", "S")
    assert (array.multicasts("P"), array.multicasts("C")) == (True, False)
    assert (array.reduces("C"), array.reduces("R")) == (True, False)
    assert array.charge == {"inputs": "none", "weights": "none", "outputs": "hop"}
    assert array.axes == (("a.rows", 2), ("a.columns", 1))
    everything = Array(name="a", rows=2, multicast="all", reduce="all")
    assert everything.multicasts("Q")
    assert everything.reduces("R")
    nothing = Array(name="a", rows=2, multicast=(), reduce="none")
    assert nothing.multicast == "none"
    assert not nothing.multicasts("M")
    assert not nothing.reduces("C")


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        (
            "    size_bytes: 1024",
            "    size_byte: 1024",
            10,
            "levels.1.size_byte: unknown key; did you mean size_bytes?",
        ),
        ("    size_bytes: 1024", "    size: 1", 10, "levels.1.size: unknown key; did you mean size_bytes?"),
        (
            "    size_bytes: 1024",
            "    size_kb: 1",
            10,
            "levels.1.size_kb: unknown key; did you mean size_bytes?",
        ),
        ("    size_bytes: 1024", "    keeps: [inputs]", 9, "levels.1.size_bytes: missing; state the size"),
        ("    size_bytes: 1024", "    size_bytes: -5", 10, "levels.1.size_bytes: must be at least 1, not -5"),
        (
            "    size_bytes: 1024",
            "    size_bytes: 1.5",
            10,
            "levels.1.size_bytes: must be a whole number, not 1.5",
        ),
        ("    size_bytes: 1024", "    size_bytes: 1 kB", 10, "must be a whole number, not '1 kB'"),
        ("    size_bytes: 1024", "    size_bytes: true", 10, "must be a whole number, not True"),
        ("    size_bytes: 1024", "    size_bytes: 1", 10, "1 bytes do not hold one word of 16 bits"),
        (
            "    size_bytes: 1024",
            "    size_bytes: 2\n    buffering: double",
            10,
            "two words, one for each buffer",
        ),
        ("    size_bytes: 1024", "    size_bytes: 64\n    bandwidth: 4", 11, "did you mean bytes_per_cycle?"),
        (
            "    size_bytes: 1024",
            "    size_bytes: 64\n    double_buffered: true",
            11,
            "did you mean buffering: double?",
        ),
        (
            "    size_bytes: 1024",
            "    size_bytes: 64\n    buffering: tripl",
            11,
            "must be single, double or stream",
        ),
        (
            "    size_bytes: 1024",
            "    size_bytes: 64\n    keeps: [weight]",
            11,
            "unknown tensor 'weight'; did you mean weights?",
        ),
        ("    size_bytes: 1024", "    size_bytes: 64\n    keeps: inputs", 11, "must be a list of tensors"),
        ("    size_bytes: 1024", "    size_bytes: 64\n    keeps: []", 11, "must name at least one tensor"),
        (
            "    size_bytes: 1024",
            "    size_bytes: 64\n    keeps: [inputs]\n    may_bypass: [weights]",
            12,
            "only those can bypass",
        ),
        (
            "    size_bytes: 1024",
            "    size_bytes: 64\n    bytes_per_cycle: 4\n    read_bytes_per_cycle: 4",
            12,
            "shared by reads and writes",
        ),
        (
            "    size_bytes: 1024",
            "    size_bytes: 64\n    bytes_per_cycle: 0",
            11,
            "must be greater than 0, not 0",
        ),
        (
            "    size_bytes: 1024",
            "    size_bytes: 64\n    sources: {read_enrgy: x}",
            11,
            "did you mean read_energy?",
        ),
        (
            "    size_bytes: 1024",
            "    size_bytes: 64\n    sources: {read_energy: 3}",
            11,
            "must be text, not 3",
        ),
        ("    read_energy: 6", "    read_energy: .inf", 11, "must be a finite number, not '.inf'"),
        ("    read_energy: 6", "    read_energy: -1", 11, "must be at least 0, not -1"),
        (
            "    read_energy: 6\n",
            "",
            9,
            "levels.1.read_energy: missing; state the energy of reading one word",
        ),
        (
            "energy_unit: pJ\n",
            "",
            1,
            "energy_unit: missing; state the unit of every energy of this chip, e.g. energy_unit: pJ",
        ),
        ("energy_unit: pJ", "energy_unit: 5", 4, "energy_unit: must be text, not 5"),
        ("energy_unit: pJ", "energy_unit: p J", 4, "energy_unit: must be a unit of letters"),
        ("word_bits: 16", "word_bits: sixteen", 3, "word_bits: must be a whole number"),
        ("format: 1\n", "", 1, "format: missing; state the version of this format: format: 1"),
        ("format: 1", "format: 2", 1, "format: must be 1, not 2"),
        ("name: tiny", "name: 'no good'", 2, "name: must be a name of"),
        ("name: tiny", "name: tiny\nclock: 3", 3, "clock: unknown key; did you mean clock_mhz?"),
        ("name: tiny", "name: tiny\nclock_mhz: 0", 3, "clock_mhz: must be greater than 0"),
        ("name: tiny", 'name: tiny\ntitle: "\\e[31mred"', 3, "title: must hold printable characters only"),
        ("    rows: 4", "    rows: 0", 14, "levels.2.rows: must be at least 1, not 0"),
        ("    rows: 4", "    rows: 600000", 14, "levels.2.rows: 1200000 instances in all; at most 1048576"),
        ("    rows: 4\n", "", 13, "levels.2.rows: missing"),
        ("    rows: 4", "    rows: 4\n    multicast: everyone", 15, "must be all, none or a list of dims"),
        ("    rows: 4", "    rows: 4\n    multicast: [K]", 15, "unknown dim 'K'"),
        ("    rows: 4", "    rows: 4\n    reduce: [M]", 15, "outputs differ in M"),
        ("    rows: 4", "    rows: 4\n    cycle_model: sistolic", 15, "'sistolic'; did you mean systolic?"),
        ("    rows: 4", "    rows: 4\n    forwards: [outputs]", 15, "neighbours hand on inputs and weights"),
        (
            "    rows: 4",
            "    rows: 4\n    charge: {inputs: hops}",
            15,
            "inputs must be none, delivery or hop, not 'hops'",
        ),
        (
            "    rows: 4",
            "    rows: 4\n    charge: {input: hop}",
            15,
            "unknown tensor 'input'; did you mean inputs?",
        ),
        ("    rows: 4", "    rows: 4\n    charge: hop", 15, "must say for each tensor none, delivery or hop"),
        ("  - array: pes", "  - name: pes", 13, "levels.2: a level is one of two kinds"),
        ("  - array: pes", "  - array: pes\n    memory: pes", 13, "levels.2: a level is one of two kinds"),
        ("  - array: pes", "  - array: mac", 13, "'mac' has a meaning of its own"),
        ("  - array: pes", "  - array: a.b", 13, "must be a name of letters, digits and underscores"),
        ("  - memory: rf", "  - memory: glb", 16, "levels.3.memory: a second level is named 'glb'"),
        ("memory: glb}", "memory: gbl}", 21, "vector.memory: no memory is named 'gbl'; did you mean glb?"),
        (
            "mac: {energy: 1}",
            "mac: {energy: 1, enrgy: 2}",
            20,
            "mac.enrgy: unknown key; did you mean energy?",
        ),
        (
            "mac: {energy: 1}",
            "mac: {}",
            20,
            "mac.energy: missing; state the energy of one multiply-accumulate",
        ),
        ("mac: {energy: 1}\n", "", 1, "mac: missing"),
        ("mac: {energy: 1}", "mac: 1", 20, "mac: must be a mapping of keys to values, not 1"),
        (
            "  - memory: dram",
            "  - memory: dram\n    keeps: [inputs]",
            7,
            "must keep every tensor; weights missing",
        ),
        (
            "  - memory: dram",
            "  - memory: dram\n    may_bypass: [inputs]",
            7,
            "nothing can bypass the outermost",
        ),
    ],
)
def test_one_mistake_is_one_line(tmp_path: Path, old: str, new: str, line: int, message: str) -> None:
    assert GOOD.count(old) >= 1
    text = refusal(tmp_path, GOOD.replace(old, new, 1))
    assert message in text
    assert text.startswith(f"chip.yaml:{line}: ")
    assert "\n" not in text


def test_all_mistakes_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = GOOD.replace("size_bytes: 1024", "size_byte: 1024").replace("rows: 4", "rows: -4")
    text = text.replace("energy: 1}", "energy: x}").replace("memory: rf", "memory: dram")
    assert refusal(tmp_path, text).splitlines() == [
        "chip.yaml:10: levels.1.size_byte: unknown key; did you mean size_bytes?",
        "chip.yaml:14: levels.2.rows: must be at least 1, not -4",
        "chip.yaml:16: levels.3.memory: a second level is named 'dram'; names are unique",
        "chip.yaml:20: mac.energy: must be a finite number, not 'x'",
    ]


def test_a_flood_of_mistakes_is_cut(tmp_path: Path) -> None:
    text = GOOD + "".join(f"key{number}: 1\n" for number in range(50))
    lines = refusal(tmp_path, text).splitlines()
    assert len(lines) == 21
    assert lines[-1] == "chip.yaml: and 30 more"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "chip.yaml:1: is empty"),
        ("# nothing\n", "chip.yaml:1: is empty"),
        ("3", "chip.yaml:1: must be a mapping of keys to values, not 3"),
        ("- 3", "chip.yaml:1: must be a mapping of keys to values"),
        (GOOD[: GOOD.index("columns")] + "columns: [1,", "is not valid YAML"),
        (GOOD + "mac: {energy: 2}\n", "chip.yaml:22: mac: stated twice; the first is on line 20"),
        (GOOD + "---\nformat: 1\n", "chip.yaml:22: a second document starts here"),
        (GOOD.replace("mac: {", "mac: &m {"), "chip.yaml:20: anchors (&name) are not read"),
        (GOOD.replace("lanes: 4", "lanes: *m"), "chip.yaml:21: aliases (*name) are not read"),
        ("name: !!python/object/apply:os.system [ls]", "chip.yaml:1: tags (tag:yaml.org,2002:python"),
        ("[1, 2]: 3", "chip.yaml:1: a key must be a word"),
        ("a: b: c", "chip.yaml:1: is not valid YAML"),
        ("a:\n\t- b", "chip.yaml:2: is not valid YAML"),
        ("name: ti\0ny", "chip.yaml:1: holds the character"),
        (b"format: 1\nname: \xff\xfe", "chip.yaml:2: is not UTF-8 text (byte 16)"),
        ("[" * 10_000_000, "chip.yaml: larger than 1000000 bytes"),
        ("[" * 900_000, "chip.yaml:1: nested more than 20 deep"),
        ("{a: " * 200_000, "chip.yaml:1: nested more than 20 deep"),
        ("- " * 400_000, "chip.yaml:1: nested more than 20 deep"),
        ("".join(" " * depth + "a:\n" for depth in range(1000)), "chip.yaml:21: nested more than 20 deep"),
        ("- 1\n" * 200_000, "chip.yaml:10000: more than 10000 values"),
        ("name: " + "x" * 900_000, "must be a name of"),
        ("size: " + "9" * 900_000, "unknown key"),
    ],
)
def test_files_that_are_no_chip(tmp_path: Path, text: str | bytes, message: str) -> None:
    started = time.monotonic()
    refused = refusal(tmp_path, text)
    assert message in refused
    assert max(len(line) for line in refused.splitlines()) < 400
    assert time.monotonic() - started < 5


def test_too_many_levels(tmp_path: Path) -> None:
    level = "  - {memory: m%d, size_bytes: 64, read_energy: 1, write_energy: 1}\n"
    text = GOOD.replace("mac:", "".join(level % number for number in range(96)) + "mac:")
    assert refusal(tmp_path, text) == "chip.yaml:5: levels: 100 levels; at most 16"
    data = tiny().to_dict()
    data["levels"] = []
    with pytest.raises(ArchitectureError, match="levels: is empty"):
        Chip.from_dict(data)
    data["levels"] = "dram"
    with pytest.raises(ArchitectureError, match="levels: must be a list of memories and arrays"):
        Chip.from_dict(data)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ArchitectureError, match=r"none\.yaml: no such file"):
        arch.load(tmp_path / "none.yaml")
    with pytest.raises(ArchitectureError, match="is a directory"):
        arch.load(tmp_path)
    with pytest.raises(ArchitectureError, match="cannot be read"):
        arch.load("nul\0byte.yaml")
    with pytest.raises(ArchitectureError, match="cannot be read"):
        arch.load("x" * 5000 + ".yaml")


def test_unknown_preset_says_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown chip 'eyeris'; did you mean 'eyeriss'\?"):
        arch.load("eyeris")
    with pytest.raises(UnknownNameError, match=r"valid: .*tpu_v1"):
        arch.load("qqqqqqqqqqq")


def test_yaml_numbers_and_words(tmp_path: Path) -> None:
    text = GOOD.replace("read_energy: 200", "read_energy: 2e2").replace("name: tiny", "name: on")
    chip = arch.load(write(tmp_path, text))
    assert chip.memory("dram").read_energy == 200
    assert chip.name == "on"
    with_mark = b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode()
    assert arch.load(write(tmp_path, with_mark)) == tiny()
    assert arch.parse_value("28") == 28
    assert arch.parse_value("1e3") == 1000.0
    assert arch.parse_value("[C, R]") == ["C", "R"]
    assert arch.parse_value("double") == "double"
    with pytest.raises(ArchitectureError, match="value:1: is not valid YAML"):
        arch.parse_value("[C, R")


def test_direct_construction_is_checked_by_the_same_rules() -> None:
    with pytest.raises(ArchitectureError, match="memory 'm': size_bytes: must be at least 1, not -1"):
        Memory(name="m", size_bytes=-1, read_energy=1, write_energy=1)
    with pytest.raises(ArchitectureError, match="memory 'm': read_energy: must be a finite number"):
        Memory(name="m", read_energy=float("nan"), write_energy=1)
    with pytest.raises(ArchitectureError, match="array 'a': rows: must be a whole number"):
        Array(name="a", rows="many")  # type: ignore[arg-type]
    with pytest.raises(ArchitectureError, match="mac: energy"):
        Mac(energy=-1)
    with pytest.raises(ArchitectureError, match="vector: lanes"):
        Vector(lanes=0, op_energy=1, memory="glb")
    with pytest.raises(
        ArchitectureError, match=r"chip 'tiny': levels\.0\.array: the outermost level must be"
    ):
        tiny(levels=tiny().levels[2:])
    with pytest.raises(ArchitectureError, match=r"levels\.0: must be a Memory or an Array, not str"):
        tiny(levels=("dram",))
    with pytest.raises(ArchitectureError, match="levels: must be a tuple of Memory and Array"):
        tiny(levels=3)
    with pytest.raises(ArchitectureError, match="mac: must be a Mac, not int"):
        tiny(mac=1)
    with pytest.raises(ArchitectureError, match="vector: must be a Vector, not NoneType"):
        tiny(vector=None)
    with pytest.raises(ArchitectureError, match="word_bits: must be at least 1"):
        tiny(word_bits=0)
    assert issubclass(ArchitectureError, DnnAccelError)


def test_chips_are_immutable_and_can_be_shared() -> None:
    chip = arch.load("eyeriss")
    for part, name in ((chip, "name"), (chip["glb"], "size_bytes"), (chip.mac, "energy")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(part, name, 1)
    with pytest.raises(TypeError, match="cannot be changed"):
        chip["glb"].sources["size_bytes"] = "elsewhere"  # type: ignore[index]
    for copied in (pickle.loads(pickle.dumps(chip)), copy.deepcopy(chip)):
        assert copied == chip
        assert hash(copied) == hash(chip)


def test_override_gives_a_changed_chip() -> None:
    chip = arch.load("eyeriss")
    changed = chip.override(
        {
            "pe_array.columns": np.int64(28),
            "glb.size_bytes": 65536,
            "clock_mhz": np.float64(400),
            "mac.energy": 2,
            "vector.lanes": 8,
            "pe_array.reduce": ["R"],
            "dram.bytes_per_cycle": None,
        }
    )
    assert changed.pe_count == 12 * 28
    assert changed.memory("glb").size_bytes == 65536
    assert changed.clock_mhz == 400
    assert changed.mac.energy == 2
    assert changed.vector.lanes == 8
    assert changed["pe_array"].reduce == ("R",)  # type: ignore[union-attr]
    assert changed.memory("dram").bytes_per_cycle is None
    assert type(changed["pe_array"].columns) is int  # type: ignore[union-attr]
    # A number that was changed no longer stands on the paper's authority.
    assert changed["glb"].sources["size_bytes"] == "set by override"
    assert changed["glb"].sources["read_energy"] == chip["glb"].sources["read_energy"]
    assert changed.mac.source.startswith("energy set by override")
    assert chip == arch.load("eyeriss")
    assert chip.override({}) == chip
    unchanged = {"glb.size_bytes": 102400, "psum_spad.keeps": ("outputs",), "dram.buffering": "single"}
    assert chip.override(unchanged) == chip


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"clok_mhz": 1}, UnknownNameError, "unknown key 'clok_mhz'; did you mean 'clock_mhz'?"),
        ({"gbl.size_bytes": 1}, UnknownNameError, "unknown level 'gbl'; did you mean 'glb'?"),
        ({"glb.size_byte": 1}, UnknownNameError, "did you mean 'glb.size_bytes'?"),
        ({"pe_array.rows.x": 1}, UnknownNameError, "unknown key"),
        ({"levels": []}, UnknownNameError, "dataflow, or <level>.<key>"),
        ({"columns": 3}, UnknownNameError, "did you mean 'pe_array.columns'?"),
        ({"glb.memory": "x"}, UnknownNameError, "unknown key 'glb.memory'"),
        ({"glb.size_bytes": 0}, ArchitectureError, "glb.size_bytes: must be at least 1, not 0"),
        ({"glb.size_bytes": 1}, ArchitectureError, "glb.size_bytes: 1 bytes do not hold one word of 16 bits"),
        ({"pe_array.columns": 2.5}, ArchitectureError, "pe_array.columns: must be a whole number, not 2.5"),
        ({"vector.memory": "rf"}, ArchitectureError, "vector.memory: no memory is named 'rf'"),
        ({"glb.size_bytes": np.arange(3)}, ArchitectureError, "glb.size_bytes: must be a whole number"),
        ({"energy_unit": ""}, ArchitectureError, "energy_unit: must be a unit of letters"),
    ],
)
def test_override_refuses(changes: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        arch.load("eyeriss").override(changes)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_override_of_a_port_by_two_ports() -> None:
    chip = arch.load("eyeriss")
    with pytest.raises(
        ArchitectureError, match=r"dram\.read_bytes_per_cycle: bytes_per_cycle is a port shared"
    ):
        chip.override({"dram.read_bytes_per_cycle": 4})
    ports = {"dram.bytes_per_cycle": None, "dram.read_bytes_per_cycle": 4, "dram.write_bytes_per_cycle": 2}
    assert chip.override(ports).memory("dram").write_bytes_per_cycle == 2


def test_level_lookup_says_the_nearest() -> None:
    chip = tiny()
    with pytest.raises(UnknownNameError, match=r"unknown level 'glbb'; did you mean 'glb'\?"):
        _ = chip["glbb"]
    with pytest.raises(UnknownNameError, match="unknown memory 'pes'"):
        chip.memory("pes")
    with pytest.raises(UnknownNameError, match="unknown level 'x'"):
        chip.instances("x")


def test_repr_and_drawing() -> None:
    chip = tiny()
    assert repr(chip) == "<Chip tiny: 8 PEs, 16 bit; dram > glb > pes 4x2 > rf>"
    assert chip.draw() == str(chip)
    assert chip.draw().splitlines() == [
        "tiny",
        "no clock stated, 16-bit words, energies in pJ, dataflow free",
        "",
        "├─ dram [inputs, weights, outputs]  unlimited",
        "│    read 200, write 200 pJ per word",
        "├─ glb [inputs, weights, outputs]  1 KiB = 512 words",
        "│    read 6, write 6 pJ per word",
        "└─ pes  4 rows x 2 columns = 8 instances of",
        "  │  multicast all, sums meet over none",
        "  │ ├─ rf [inputs, weights, outputs]  64 B = 32 words",
        "  │ │    read 1, write 1 pJ per word",
        "  │ └─ mac: 1 pJ each",
        "vector unit at glb: 4 operations per cycle, 0.5 pJ each",
        "peak 8 MACs per cycle",
    ]


TEXTS = st.text(
    st.characters(exclude_categories=("C", "Z")) | st.sampled_from(" :#'\"-[]{}&*!|>%@`,\n"), max_size=40
)
NETWORKS: list[str | tuple[str, ...]] = ["all", "none", ("M", "P")]
ENERGIES = st.floats(0, 1e9, allow_nan=False)
RATES = st.none() | st.floats(1e-3, 1e6)
ROLES = st.lists(st.sampled_from(["inputs", "weights", "outputs"]), min_size=1, max_size=3, unique=True)


@st.composite
def chips(draw: st.DrawFn) -> Chip:
    levels: list[Memory | Array] = [
        Memory(name="top", read_energy=draw(ENERGIES), write_energy=draw(ENERGIES))
    ]
    for number in range(draw(st.integers(0, 4))):
        if draw(st.booleans()):
            keeps = draw(ROLES)
            levels.append(
                Memory(
                    name=f"m{number}",
                    size_bytes=draw(st.integers(1000, 10**9)),
                    word_bits=draw(st.sampled_from([0, 8, 34])),
                    keeps=tuple(keeps),
                    may_bypass=tuple(keeps[:1]),
                    buffering=draw(st.sampled_from(["single", "double", "stream"])),
                    read_energy=draw(ENERGIES),
                    write_energy=draw(ENERGIES),
                    read_bytes_per_cycle=draw(RATES),
                    sources={"size_bytes": draw(TEXTS)},
                )
            )
        else:
            levels.append(
                Array(
                    name=f"a{number}",
                    rows=draw(st.integers(1, 5)),
                    columns=draw(st.integers(1, 5)),
                    multicast=draw(st.sampled_from(NETWORKS)),
                    reduce=draw(st.sampled_from(NETWORKS[:2])),
                    forwards=draw(st.sampled_from([(), ("inputs",)])),
                    cycle_model=draw(st.sampled_from([None, "adder_tree"])),
                    charge=draw(st.sampled_from([{}, {"outputs": "hop"}])),
                    energy=draw(ENERGIES),
                )
            )
    return tiny(
        levels=tuple(levels),
        title=draw(
            TEXTS | st.sampled_from(["1e3", "null", "on", "2016-01-01", "0o7", "~", "1_000", "=", "<<"])
        ),
        clock_mhz=draw(RATES),
        vector=Vector(lanes=1, op_energy=draw(ENERGIES), memory="top", source=draw(TEXTS)),
    )


@settings(deadline=None)
@given(chip=chips())
def test_yaml_round_trip_is_exact(chip: Chip, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "round.yaml"
    path.write_text(chip.to_yaml(), encoding="utf-8")
    again = arch.load(path)
    assert again == chip
    assert again.to_yaml() == chip.to_yaml()
    assert Chip.from_dict(chip.to_dict()) == chip


@settings(deadline=None)
@given(st.text(max_size=200) | st.binary(max_size=200))
def test_any_bytes_are_refused_in_words(tmp_path_factory: pytest.TempPathFactory, text: str | bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    with pytest.raises(ArchitectureError):
        arch.load(path)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(deadline=None)
@given(where=st.integers(0, 30), junk=JUNK)
def test_any_value_anywhere_is_taken_or_refused_in_words(where: int, junk: Any) -> None:
    data = arch.load("eyeriss").to_dict()
    places: list[tuple[Any, Any]] = [(data, key) for key in data]
    places += [(data["levels"], index) for index in range(len(data["levels"]))]
    for part in (*data["levels"], data["mac"], data["vector"]):
        places += [(part, key) for key in part]
    holder, key = places[where * len(places) // 31]
    holder[key] = junk
    # Anything but an ArchitectureError fails here.
    with contextlib.suppress(ArchitectureError):
        chip = Chip.from_dict(data)
        assert Chip.from_dict(chip.to_dict()) == chip
