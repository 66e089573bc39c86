"""Is every mistake one clear sentence: exit code 2 from the shell, a typed error from Python, no crash?"""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

import dnnaccel as da
import presets
from dnnaccel import arch, mapper
from dnnaccel.arch import Chip

DNNACCEL = [sys.executable, "-c", "from dnnaccel.cli import main; main()"]
PRESETS = Path(arch.__file__).parent / "presets"
EXAMPLE = (PRESETS / "example.yaml").read_text()


def shell(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*DNNACCEL, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=cwd,
        env=os.environ,
        check=False,
    )


def complaint(*arguments: str, cwd: Path | None = None) -> str:
    """Run a command line that must be refused; gives what it says after "dnnaccel: error:"."""
    started = time.monotonic()
    done = shell(*arguments, cwd=cwd)
    assert time.monotonic() - started < 10, "refusing takes no time"
    assert done.returncode == 2, done
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("dnnaccel: error: ")
    assert done.stderr.count("dnnaccel: error:") == 1
    assert len(done.stderr) < 3000, "a sentence, not the file back"
    return done.stderr.removeprefix("dnnaccel: error: ").rstrip("\n")


def names(error: da.DnnAccelError, what: str) -> None:
    assert str(error)
    assert what in str(error)


def one_sentence(said: str) -> None:
    assert "\n" not in said
    assert 10 < len(said) < 500


# ------------------------------------------------------------------------------------------------------------
# Names

NAMES = {
    "network": ("simulate alexnett --arch eyeriss", "unknown network 'alexnett'; did you mean 'alexnet'"),
    "network far": ("simulate zzz --arch eyeriss", "valid: "),
    "layer": ("simulate alexnet:conv9 --arch eyeriss", "'conv9'"),
    "chip": ("simulate alexnet --arch eyris", "did you mean 'eyeriss'"),
    "dataflow": (
        "simulate alexnet --arch eyeriss --dataflow rss",
        "unknown dataflow 'rss'; did you mean 'rs'",
    ),
    "level": (
        "simulate lenet5 --arch eyeriss --set gbl.size_bytes=1",
        "unknown level 'gbl'; did you mean 'glb'",
    ),
    "key": ("simulate lenet5 --arch eyeriss --set glb.size_byte=1", "size_bytes"),
    "top key": ("simulate lenet5 --arch eyeriss --set clock=1", "clock_mhz"),
    "negative": ("simulate lenet5 --arch eyeriss --set glb.size_bytes=-1", "glb.size_bytes"),
    "word": ("simulate lenet5 --arch eyeriss --set glb.size_bytes=big", "glb.size_bytes"),
    "nan": ("simulate lenet5 --arch eyeriss --set mac.energy=nan", "mac.energy"),
    "inf": ("simulate lenet5 --arch eyeriss --set glb.read_energy=inf", "glb.read_energy"),
    "component": ("simulate lenet5 --arch eyeriss --set glb.component=sram", "must say what it is made of"),
    "provenance": ("simulate lenet5 --arch eyeriss --provenance --format csv", "--output FILE"),
    "huge array": ("simulate lenet5 --arch eyeriss --set pe_array.rows=100000000", "pe_array.rows"),
    "no value": ("simulate lenet5 --arch eyeriss --set glb.size_bytes", "KEY=VALUE"),
    "objective": ("simulate lenet5 --arch eyeriss --objective power", "power"),
    "format": ("simulate lenet5 --arch eyeriss --format xml", "xml"),
    "suffix": ("simulate lenet5 --arch eyeriss --output report.doc", ".json"),
    "no folder": ("simulate lenet5 --arch eyeriss --output nowhere/report.json", "nowhere"),
    "batch": ("simulate lenet5 --arch eyeriss --batch 0", "0"),
    "huge batch": ("simulate vgg16 --arch eyeriss --batch 1000000000000", "batch must be a whole number"),
    "threads": ("simulate lenet5 --arch eyeriss --threads 0", "0"),
    "no chip": ("simulate lenet5", "--arch"),
    "command": ("simulte lenet5", "did you mean 'simulate'"),
    "show": ("show eyerisss", "eyeriss"),
    "compare": ("compare lenet5,vgg61 --arch eyeriss", "'vgg61'"),
    "compare flows": ("compare lenet5 --arch eyeriss --dataflows ws,oss", "'oss'"),
    "cannot run": ("simulate lenet5 --arch tpu_v1 --dataflow rs", "its weight_reg cannot keep them"),
    "nothing fits": ("simulate lenet5 --arch eyeriss --set glb.size_bytes=2", "level glb needs 2 words"),
}


@pytest.mark.parametrize(("arguments", "words"), NAMES.values(), ids=NAMES.keys())
def test_a_wrong_command_line_is_one_sentence(arguments: str, words: str, tmp_path: Path) -> None:
    said = complaint(*arguments.split(), cwd=tmp_path)
    assert words in said
    if "level glb needs" not in said:  # names every layer that does not fit
        one_sentence(said)
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------------------------------------------------
# Chip files


def swap(old: str, new: str) -> str:
    assert EXAMPLE.count(old) >= 1, old
    return EXAMPLE.replace(old, new, 1)


def line_of(text: str, part: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), start=1) if part in line)


LEVEL = "  - {memory: m%d, size_bytes: 64, read_energy: 1, write_energy: 1}\n"

before_levels, after_levels = EXAMPLE.split("levels:")[0], EXAMPLE[EXAMPLE.index("mac:") :]

FILES: dict[str, tuple[str | bytes, list[str]]] = {
    "misspelt key": (
        swap("size_bytes: 131072", "size_byte: 131072"),
        ["size_byte", "did you mean size_bytes?"],
    ),
    "negative size": (swap("size_bytes: 131072", "size_bytes: -131072"), ["size_bytes", "-131072"]),
    "missing unit": (swap("size_bytes: 131072", "size: 131072"), ["size:", "did you mean size_bytes?"]),
    "no energy unit": (swap("energy_unit: pJ", "# none"), ["energy_unit", "pJ"]),
    "size as text": (swap("size_bytes: 131072", "size_bytes: 128 kB"), ["size_bytes", "128 kB"]),
    "energy nan": (swap("read_energy: 200", "read_energy: .nan"), ["read_energy"]),
    "energy infinite": (swap("read_energy: 200", "read_energy: .inf"), ["read_energy"]),
    "zero rows": (swap("rows: 16", "rows: 0"), ["rows"]),
    "unknown tensor": (swap("[inputs, weights, outputs]", "[inputs, weigths]"), ["weights"]),
    "key twice": (swap("word_bits: 16", "word_bits: 16\nword_bits: 8"), ["word_bits"]),
    "other format": (swap("format: 1", "format: 2"), ["format"]),
    "100 levels": (
        before_levels + "levels:\n" + "".join(LEVEL % i for i in range(100)) + after_levels,
        ["100 levels", "at most 16"],
    ),
    "10 MB of nesting": ("[" * 10_000_000, []),
    "10 MB of nested keys": ("a: " + "{a: " * 2_500_000, []),
    "deep and small": ("a: " + "[" * 5_000 + "]" * 5_000, []),
    "deep blocks": ("".join(" " * i + "a:\n" for i in range(900)), []),
    "too many aliases": ("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", []),
    "python object": ("!!python/object/apply:os.system ['touch hacked']", []),
    "truncated": (EXAMPLE[: EXAMPLE.index("[inputs, weights, out") + 10], []),
    "cut in a string": ('name: "exam', []),
    "tab": (swap("    read_energy: 200", "\tread_energy: 200"), []),
    "binary": (bytes(range(256)) * 40, []),
    "not UTF-8": (EXAMPLE.replace("example", "ex\xe4mple").encode("latin-1"), ["UTF-8"]),
    "NUL": (swap("name: example", "name: exa\0mple"), []),
    "UTF-16": (EXAMPLE.encode("utf-16"), []),
    "empty": ("", []),
    "a list": ("- 1\n- 2\n", []),
    "a word": ("eyeriss", []),
    "two documents": (EXAMPLE + "---\n" + EXAMPLE, []),
    "huge number": (swap("131072", "9" * 5000), ["size_bytes"]),
    "unknown dataflow": (swap("dataflow: ws", "dataflow: wss"), ["did you mean 'ws'"]),
    "unknown component": (
        swap("size_bytes: 131072", "component: {kind: srm}\n    size_bytes: 131072"),
        ["levels.1.component.kind", "srm"],
    ),
    "component out of reach": (
        swap("size_bytes: 512", "component: {kind: sram}\n    size_bytes: 512"),
        ["512 B is out of reach"],
    ),
    "component at no technology": (
        swap("technology_nm: 45", "technology_nm: 3").replace(
            "mac: {", "mac: {component: {kind: mac, precision: int8}, "
        ),
        ["mac.component.technology_nm", "can be had at 7 to 65 nm"],
    ),
    "leakage of no clock": (swap("clock_mhz: 500", "leakage_mw: 500"), ["leakage_mw", "state clock_mhz"]),
    "area in another unit": (
        swap("word_bits: 16", "area_unit: m2\narea_mm2: 3\nword_bits: 16"),
        ["are in m2"],
    ),
    "extends itself": ("format: 1\nextends: chip.yaml\nname: x\n", ["chip.yaml:2: extends", "leads back"]),
    "extends nobody": ("format: 1\nextends: eyeris\nname: x\n", ["extends", "did you mean 'eyeriss'?"]),
    "extends a device": ("format: 1\nextends: /dev\nname: x\n", ["extends: /dev: is a directory"]),
    "removes nobody": ("format: 1\nextends: eyeriss\nname: x\nremove: [gbl]\n", ["did you mean 'glb'?"]),
    "unknown format": (
        swap("size_bytes: 131072", "formats: {inputs: rle}\n    size_bytes: 131072"),
        ["levels.1.formats", "did you mean rlc?"],
    ),
}


@pytest.mark.parametrize(("content", "words"), FILES.values(), ids=FILES.keys())
def test_a_wrong_chip_file_is_refused(content: str | bytes, words: list[str], tmp_path: Path) -> None:
    path = tmp_path / "chip.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    said = complaint("simulate", "lenet5", "--arch", str(path), cwd=tmp_path)
    for word in words:
        assert word in said
    assert [entry.name for entry in tmp_path.iterdir()] == ["chip.yaml"]
    # One line for each fault, and these files have one.
    one_sentence(said)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("size_bytes: 131072", "size_byte: 131072"),
        ("size_bytes: 512", "size_bytes: -512"),
        ("  rows: 16", "  rows: none"),
        ("lanes: 16", "lanes: 0"),
    ],
)
def test_a_fault_says_file_line_and_key(old: str, new: str, tmp_path: Path) -> None:
    text = swap(old, new)
    path = tmp_path / "my_chip.yaml"
    path.write_text(text)
    said = complaint("show", str(path))
    key = new.split(":")[0].strip()
    assert re.search(rf"my_chip\.yaml:{line_of(text, new)}: [\w.]*{key}: ", said), said


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    text = swap("size_bytes: 131072", "size_byte: 131072").replace("rows: 16", "rows: -16", 1)
    text = text.replace("energy_unit: pJ", "energy_units: pJ").replace("lanes: 16", "lanes: many")
    path = tmp_path / "chip.yaml"
    path.write_text(text)
    lines = complaint("simulate", "lenet5", "--arch", str(path)).splitlines()
    for key in ("size_byte", "rows", "energy_unit", "lanes"):
        assert any(key in line and "chip.yaml:" in line for line in lines)


def test_paths_that_are_no_files(tmp_path: Path) -> None:
    one_sentence(complaint("simulate", "lenet5", "--arch", str(tmp_path)))
    one_sentence(complaint("simulate", "lenet5", "--arch", str(tmp_path / "none.yaml")))
    one_sentence(complaint("simulate", "lenet5", "--arch", "/dev/null"))


def test_a_wrong_key_of_a_file_does_not_slow_the_refusal(tmp_path: Path) -> None:
    path = tmp_path / "chip.yaml"
    path.write_text(EXAMPLE + "".join(f"key_{i}: {i}\n" for i in range(20_000)))
    started = time.monotonic()
    with pytest.raises(da.ArchitectureError):
        arch.load(path)
    assert time.monotonic() - started < 5


# ------------------------------------------------------------------------------------------------------------
# From Python


def test_layers_whose_shapes_do_not_meet() -> None:
    b = da.NetworkBuilder("broken", input_shape=(1, 3, 8, 8))
    b.conv2d("conv", out_channels=4, kernel=3)
    b.conv2d("other", out_channels=4, kernel=5, after="input")
    with pytest.raises(da.LayerError) as caught:
        b.add("sum", after=("conv", "other"))
    said = str(caught.value)
    one_sentence(said)
    for words in ("sum", "(1, 4, 6, 6)", "(1, 4, 4, 4)"):
        assert words in said


def test_a_kernel_larger_than_its_input() -> None:
    with pytest.raises(da.LayerError) as caught:
        da.layers.Conv2d(name="conv", input_shapes=((1, 3, 4, 4),), out_channels=1, kernel=5)
    one_sentence(str(caught.value))
    assert "conv" in str(caught.value)


def test_channels_that_groups_do_not_divide() -> None:
    with pytest.raises(da.LayerError, match="conv"):
        da.layers.Conv2d(name="conv", input_shapes=((1, 6, 4, 4),), out_channels=8, kernel=1, groups=4)


def test_a_mapping_that_does_not_fit_names_level_tensor_and_words() -> None:
    layer = da.zoo.load("alexnet")["conv2"]
    nest = "dram [inputs, weights, outputs]\nglb [inputs]\n  for G step 1\n  for M step 1\n  for P step 1\n"
    nest += "  for Q step 1\n  for C step 1\n  for R step 1\n  for S step 1\n"
    with pytest.raises(da.MappingError) as caught:
        da.evaluate(layer, arch.load("eyeriss"), nest)
    said = str(caught.value)
    one_sentence(said)
    # 96 x 27 x 27 inputs in 100 kB.
    for words in ("'conv2'", "eyeriss", "level glb", "inputs 69984", "needs 69984 words", "has 51200"):
        assert words in said


HUGE = {
    "too many MACs": lambda: da.layers.Linear(name="fc", input_shapes=((2**20, 2**20),), out_features=2**20),
    "too many pixels": lambda: da.layers.Conv2d(
        name="conv", input_shapes=((1, 2**10, 2**17, 2**17),), out_channels=2**12, kernel=3
    ),
    "beyond 64 bits": lambda: da.layers.Linear(name="fc", input_shapes=((1, 2**70),), out_features=2),
    "negative": lambda: da.layers.Linear(name="fc", input_shapes=((1, -4),), out_features=2),
    "zero": lambda: da.layers.Conv2d(name="conv", input_shapes=((1, 3, 8, 8),), out_channels=0, kernel=1),
    "stride 0": lambda: da.layers.Conv2d(
        name="c", input_shapes=((1, 3, 8, 8),), out_channels=1, kernel=1, stride=0
    ),
}


@pytest.mark.parametrize("make", HUGE.values(), ids=HUGE.keys())
def test_impossible_layers_are_refused(make: object) -> None:
    with pytest.raises(da.DnnAccelError) as caught:
        da.simulate(make(), "example")  # type: ignore[operator]
    one_sentence(str(caught.value))


@pytest.mark.parametrize(
    "layer",
    [
        da.layers.Linear(name="wide", input_shapes=((1, 2**26),), out_features=2**26),
        da.layers.Linear(name="prime", input_shapes=((1, 2**31 - 1),), out_features=65537),
        da.layers.Conv2d(name="image", input_shapes=((1, 3, 4096, 4096),), out_channels=64, kernel=7),
        da.layers.MatMul(name="long", input_shapes=((8, 65536, 64), (8, 64, 65536))),
    ],
    ids=lambda layer: layer.name,
)
def test_huge_layers_are_costed_exactly(layer: da.layers.Layer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapper, "_EFFORT", {"exhaustive_limit": 100, "starts": 1, "proposals": 20})
    report = da.simulate(layer, "example").layers[0]
    assert report.macs == layer.macs
    assert report.cycles * 256 >= layer.macs
    assert all(count.reads >= 0 and count.writes >= 0 for count in report.levels)
    # The MACs' reads of weights stay exact.
    (inner,) = [count for count in report.levels if (count.level, count.tensor) == ("dram", "weights")]
    assert inner.reads >= layer.problem.tensor("weights").words  # type: ignore[union-attr]


# ------------------------------------------------------------------------------------------------------------
# Random mutations


TOKENS = [
    *(
        "-1",
        "0",
        "1e999",
        ".nan",
        "true",
        "null",
        "[]",
        "{}",
        "''",
        "- x",
        "&a",
        "*a",
        "!!int",
        "\t",
        "\0",
        "é",
    ),
    *("size: 3", "9" * 21, "inputs", "[inputs]", ":", "  ", "dram", "0x10", "1_000", "2024-01-01", "|"),
]


def mutate(text: str, rng: random.Random) -> str:
    lines = text.splitlines()
    for _ in range(rng.randrange(1, 5)):
        at = rng.randrange(len(lines))
        change = rng.randrange(7)
        if change == 0:
            del lines[at]
        elif change == 1:
            lines.insert(at, lines[rng.randrange(len(lines))])
        elif change == 2:
            key, colon, _ = lines[at].partition(":")
            lines[at] = f"{key}{colon} {rng.choice(TOKENS)}"
        elif change == 3:
            lines[at] = " " * rng.randrange(5) + lines[at].strip()
        elif change == 4 and lines[at]:
            where = rng.randrange(len(lines[at]))
            lines[at] = lines[at][:where] + rng.choice(TOKENS) + lines[at][where:]
        elif change == 5 and lines[at]:
            where = rng.randrange(len(lines[at]))
            lines[at] = lines[at][:where] + chr(rng.randrange(256)) + lines[at][where + 1 :]
        else:
            lines = lines[: max(1, at)]
    return "\n".join(lines)


@pytest.mark.parametrize("seed", range(200))
def test_mutated_chip_files_load_or_are_refused(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mapper, "_EFFORT", {"exhaustive_limit": 50, "starts": 1, "proposals": 20})
    rng = random.Random(seed)
    name = rng.choice(presets.ALL)
    path = tmp_path / "chip.yaml"
    path.write_text(mutate((PRESETS / f"{name}.yaml").read_text(), rng), encoding="utf-8")
    try:
        chip = arch.load(path)
    except da.DnnAccelError as error:
        names(error, "chip.yaml")
        return
    # What loads can be used: drawn, written back, and run or refused with a reason.
    assert chip.draw()
    assert Chip.from_dict(chip.to_dict()) == chip
    try:
        report = da.simulate("lenet5", chip)
    except da.DnnAccelError as error:
        names(error, "")
    else:
        assert report.macs == 416520


@pytest.mark.parametrize("seed", range(50))
def test_mutated_overrides_apply_or_are_refused(seed: int) -> None:
    rng = random.Random(seed)
    chip = arch.load(rng.choice(presets.ALL))
    numbers: list[object] = [-1, 0, 1, 10**30, 1.5, float("nan"), float("inf"), True]
    values = [*numbers, None, "x", "", [], ["inputs"], {}, b"x"]
    parts = [level.name for level in chip.levels] + ["mac", "vector", "nothing"]
    inner = [
        *("size_bytes", "rows", "keeps", "energy", "read_energy", "lanes"),
        *("memory", "buffering", "charge", "name", ""),
    ]
    keys = [
        "clock_mhz",
        "word_bits",
        "levels",
        "x.y.z",
        ".",
        *(f"{part}.{key}" for part in parts for key in inner),
    ]
    changes = {rng.choice(keys): rng.choice(values) for _ in range(rng.randrange(1, 4))}
    try:
        changed = chip.override(changes)
    except da.DnnAccelError as error:
        names(error, "")
    else:
        assert Chip.from_dict(changed.to_dict()) == changed
