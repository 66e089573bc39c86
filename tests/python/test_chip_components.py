"""Chips whose parts are made of components: what is filled in, what wins, areas, leakage, and the faults."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dnnaccel as da
from dnnaccel import arch, energy
from dnnaccel.arch import Array, Chip, Mac, Memory, Vector
from dnnaccel.errors import ArchitectureError, DnnAccelError

PRICED = """\
format: 1
name: priced
technology_nm: 65
clock_mhz: 200
word_bits: 16
energy_unit: pJ
levels:
  - memory: dram
    component: {kind: dram, type: lpddr4}
  - memory: glb
    size_bytes: 131072
    component: {kind: sram, width_bits: 64}
    write_energy: 5
    sources: {write_energy: measured}
  - array: pes
    rows: 4
    columns: 2
    charge: {inputs: delivery}
    component: {kind: wire, length_mm: 1, technology_nm: 28}
  - memory: rf
    size_bytes: 64
    component: {kind: regfile}
mac: {component: {kind: mac, precision: int8}}
vector: {lanes: 4, op_energy: 0.5, memory: glb}
"""


def priced(folder: Path, text: str = PRICED) -> Chip:
    path = folder / "priced.yaml"
    path.write_text(text)
    return arch.load(path)


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(ArchitectureError) as caught:
        priced(folder, text)
    return str(caught.value).replace(f"{folder}/", "")


def test_what_is_not_given_is_estimated_with_its_source(tmp_path: Path) -> None:
    chip = priced(tmp_path)
    glb = chip.memory("glb")
    alone = energy.estimate({"kind": "sram", "width_bits": 64}, technology_nm=65, size_bytes=131072)
    assert glb.read_energy == alone["read_energy"]
    assert glb.area_mm2 == alone["area_mm2"]
    assert glb.sources["read_energy"] == alone.sources["read_energy"]
    # A given number wins, and keeps its source.
    assert glb.write_energy == 5
    assert glb.sources["write_energy"] == "measured"
    array = chip["pes"]
    assert isinstance(array, Array)
    assert array.energy == pytest.approx(26 * 16 / 256)
    assert chip.memory("dram").read_energy == chip.memory("dram").write_energy == 128
    assert chip.mac.energy == pytest.approx(0.3 / 0.52)
    assert chip.mac.source.startswith("estimated: int8 MAC, horowitz45")


def test_an_override_estimates_anew(tmp_path: Path) -> None:
    chip = priced(tmp_path)
    smaller = chip.override({"glb.size_bytes": 32768})
    assert smaller.memory("glb").read_energy == pytest.approx(20 / 0.52 / 4)
    assert "32 KiB" in smaller["glb"].sources["read_energy"]
    assert smaller.memory("glb").write_energy == 5
    newer = chip.override({"technology_nm": 45})
    assert newer.mac.energy == pytest.approx(0.3)
    wider = chip.override({"word_bits": 32})
    assert wider.memory("glb").read_energy == pytest.approx(2 * chip.memory("glb").read_energy)
    # A number stays where it was set, and can be handed back to the component.
    fixed = chip.override({"glb.read_energy": 7})
    assert fixed.override({"glb.size_bytes": 32768}).memory("glb").read_energy == 7
    assert fixed["glb"].sources["read_energy"] == "set by override"
    freed = fixed.override({"glb.read_energy": None})
    assert freed.memory("glb").read_energy == chip.memory("glb").read_energy


def test_another_component_takes_the_place_of_the_numbers() -> None:
    chip = arch.load("eyeriss")
    other = chip.override({"glb.component": {"kind": "sram", "width_bits": 64}})
    assert other.memory("glb").read_energy > chip.memory("glb").read_energy
    size = chip.memory("glb").size_bytes or 0
    start = f"estimated: SRAM {size / 1024:g} KiB x 64 bit, horowitz45: "
    assert other["glb"].sources["read_energy"].startswith(start)
    assert other["glb"].sources["size_bytes"] == chip["glb"].sources["size_bytes"]
    both = chip.override({"glb.component": {"kind": "sram"}, "glb.read_energy": 3})
    assert both.memory("glb").read_energy == 3
    assert both.memory("glb").write_energy != chip.memory("glb").write_energy


def test_parts_move_between_chips(tmp_path: Path) -> None:
    """What was estimated for one chip is estimated anew in another; what was changed since stays."""
    chip = priced(tmp_path)
    again = replace(chip, technology_nm=45)
    assert again == chip.override({"technology_nm": 45})
    glb = replace(chip.memory("glb"), read_energy=9.0)
    levels = tuple(glb if level.name == "glb" else level for level in chip.levels)
    moved = replace(chip, technology_nm=45, levels=levels)
    assert moved.memory("glb").read_energy == 9
    assert "read_energy" not in moved["glb"].sources
    assert moved.to_dict()["levels"][1]["read_energy"] == 9


def test_it_is_written_as_it_was_given(tmp_path: Path) -> None:
    chip = priced(tmp_path)
    data = chip.to_dict()
    assert data["levels"][1] == {
        "memory": "glb",
        "size_bytes": 131072,
        "keeps": ["inputs", "weights", "outputs"],
        "component": {"kind": "sram", "width_bits": 64},
        "write_energy": 5.0,
        "sources": {"write_energy": "measured"},
    }
    assert data["mac"] == {"component": {"kind": "mac", "precision": "int8"}}
    assert "area_unit" not in data
    assert Chip.from_dict(data) == chip
    assert priced(tmp_path, chip.to_yaml()) == chip


SIZES = st.integers(2048, 4 << 20)
NODES = st.sampled_from([7, 16, 28, 45, 65])


@settings(deadline=None)
@given(
    size=SIZES,
    node=NODES,
    given_energy=st.none() | st.floats(0, 100),
    area=st.none() | st.floats(0, 10),
    table=st.sampled_from(["horowitz45", "jouppi2021"]),
    precision=st.sampled_from(["int8", "int16", "fp16", "fp32"]),
    source=st.sampled_from(["", "somebody"]),
)
def test_round_trips_are_exact(
    size: int,
    node: float,
    given_energy: float | None,
    area: float | None,
    table: str,
    precision: str,
    source: str,
) -> None:
    glb: dict[str, Any] = {"component": {"kind": "sram", "table": table}, "size_bytes": size}
    if given_energy is not None:
        glb["read_energy"] = given_energy
    chip = Chip(
        name="made",
        technology_nm=node,
        word_bits=16,
        energy_unit="pJ",
        rest_area_mm2=area,
        levels=(Memory(name="dram", component={"kind": "dram", "type": "hbm2"}), Memory(name="glb", **glb)),
        mac=Mac(component={"kind": "mac", "precision": precision, "table": table}, source=source),
        vector=Vector(lanes=1, op_energy=1, memory="dram"),
    )
    assert Chip.from_dict(chip.to_dict()) == chip
    assert hash(Chip.from_dict(chip.to_dict())) == hash(chip)
    assert chip.override({}) == chip


# --- Area and leakage


def test_area_is_the_sum_of_the_parts_times_their_instances(tmp_path: Path) -> None:
    chip = priced(tmp_path)
    # Neither the network nor the register files say an area; the DRAM is off the chip.
    assert chip.parts_without_area == ("pes", "rf")
    assert chip.area_mm2 is chip.area is None
    assert list(chip.area_by_part()) == ["glb", "pes", "rf", "mac"]
    whole = chip.override({"pes.area_mm2": 0.5, "rf.area_mm2": 0.01})
    parts = whole.area_by_part()
    assert parts["pes"] == 0.5
    assert parts["rf"] == pytest.approx(8 * 0.01)
    assert parts["mac"] == pytest.approx(8 * (282 + 137) * 1e-6 * 1.5)
    assert whole.area_mm2 == pytest.approx(sum(area for area in parts.values() if area is not None))
    assert whole.parts_without_area == ()
    # The chip's own area is that of all that states none.
    rest = chip.override({"area_mm2": 2})
    assert rest.area_by_part()["rest"] == 2
    assert rest.parts_without_area == ()
    assert rest.area_mm2 == pytest.approx(2 + (parts["glb"] or 0) + (parts["mac"] or 0))
    assert arch.load("example").override({"area_mm2": 12.25}).area_mm2 == 12.25


def isca16(glb: int, rf: int) -> Chip:
    def table(kind: str, **keys: Any) -> dict[str, Any]:
        return {"kind": kind, "table": "isca16", **keys}

    return arch.load("eyeriss_isca16_rs").override(
        {
            "area_unit": "SRAMbyte",
            "dram.component": table("dram"),
            "glb.component": table("sram"),
            "pe_array.component": table("wire", length_mm=1.5),
            "rf.component": table("regfile"),
            "mac.component": table("mac", precision="int16"),
            "glb.size_bytes": glb,
            "rf.size_bytes": rf,
        }
    )


def test_equal_area_in_a_normalised_unit() -> None:
    """The baseline of ISCA 2016: PEs x Area(512 B) + Area(PEs x 512 B)."""
    chip = isca16(131072, 512)
    preset = arch.load("eyeriss_isca16_rs")
    for name in ("dram", "glb", "rf"):
        assert chip.memory(name).read_energy == preset.memory(name).read_energy
    assert chip.area == pytest.approx(256 * 512 * 1.65 + 131072)
    # Less of the one leaves room for more of the other.
    freed = round(256 * (512 * 1.65 - 256 * 2.17))
    assert isca16(131072 + freed, 256).area == pytest.approx(chip.area, rel=1e-5)
    with pytest.raises(DnnAccelError, match=r"states its areas in SRAMbyte, not in mm2; read \.area"):
        _ = chip.area_mm2
    assert Chip.from_dict(chip.to_dict()) == chip
    assert "SRAMbyte" in chip.draw()


def test_leakage_adds_up_over_instances() -> None:
    chip = arch.load("eyeriss").override(
        {"leakage_mw": 3, "glb.leakage_mw": 2, "psum_spad.leakage_mw": 0.01, "mac.leakage_mw": 0.02}
    )
    assert chip.leakage_mw == pytest.approx(3 + 2 + 168 * (0.01 + 0.02))
    assert arch.load("eyeriss").leakage_mw == 0
    assert Chip.from_dict(chip.to_dict()) == chip


def test_the_drawing_shows_areas_components_and_leakage_within_100_columns(tmp_path: Path) -> None:
    drawing = priced(tmp_path).override({"glb.leakage_mw": 1.5, "mac.gates": ["inputs"]}).draw()
    assert "made of sram: read and area estimated, 1.117 mm2 each, leaks 1.5 mW each" in drawing
    assert "made of wire: energy estimated" in drawing
    assert "area known: glb 1.117, mac 0.005028 mm2" in drawing
    assert "area unknown: pes, rf" in drawing
    assert "leakage 1.5 mW" in drawing
    assert max(map(len, drawing.splitlines())) <= 100
    assert "area 2 mm2: rest 2" in arch.load("example").override({"area_mm2": 2}).draw()


# --- A report of such a chip


def test_a_simulation_uses_the_estimates(tmp_path: Path) -> None:
    chip = priced(tmp_path)
    stated = chip.override({"dram.read_energy": 128, "dram.write_energy": 128})
    assert da.simulate("lenet5", chip).energy == da.simulate("lenet5", stated).energy > 0


# --- What is refused

WRONG = {
    "kind of another part": (
        "{kind: regfile}",
        "{kind: wire, length_mm: 1}",
        22,
        "levels.3.component.kind: must be sram or regfile or dram here, not 'wire'",
    ),
    "unknown kind": (
        "{kind: regfile}",
        "{kind: flipflop}",
        22,
        "must be sram or regfile or dram, not 'flipflop'",
    ),
    "not a mapping": ("{kind: regfile}", "regfile", 22, "levels.3.component: must say what it is made of"),
    "unknown key": (
        "width_bits: 64",
        "widht_bits: 64",
        12,
        "levels.1.component.widht_bits: unknown key; did you mean width_bits?",
    ),
    "out of reach": ("size_bytes: 131072", "size_bytes: 1310720000", 12, "is out of reach: state banks"),
    "unknown table": (
        "type: lpddr4",
        "type: lpddr4, table: x",
        9,
        "levels.0.component.table: unknown table 'x'",
    ),
    "unscalable": (", technology_nm: 28", "", 19, "a wire of dally can be had at 28 nm only"),
    "no technology": (
        "technology_nm: 65\n",
        "",
        11,
        "technology_nm: missing; state technology_nm, of the chip",
    ),
    "unit": (
        "energy_unit: pJ",
        "energy_unit: MAC",
        9,
        "dram_survey is in pJ, this chip's energies are in MAC",
    ),
    "negative area": (
        "rows: 4",
        "rows: 4\n    area_mm2: -1",
        17,
        "levels.2.area_mm2: must be at least 0, not -1",
    ),
    "leakage without a clock": (
        "clock_mhz: 200",
        "leakage_mw: 3",
        4,
        "leakage_mw: leakage costs energy by the second; state clock_mhz of the chip",
    ),
    "leakage as text": ("rows: 4", "rows: 4\n    leakage_mw: low", 17, "must be a finite number, not 'low'"),
}


@pytest.mark.parametrize(("old", "new", "line", "message"), WRONG.values(), ids=WRONG.keys())
def test_a_fault_has_its_line(tmp_path: Path, old: str, new: str, line: int, message: str) -> None:
    assert PRICED.count(old) >= 1
    first = refusal(tmp_path, PRICED.replace(old, new, 1)).splitlines()[0]
    assert message in first
    assert first.startswith(f"priced.yaml:{line}: ")


def test_units_must_give_areas_and_leakage_a_meaning(tmp_path: Path) -> None:
    normalised = PRICED.replace("word_bits: 16", "word_bits: 16\narea_unit: SRAMbyte")
    said = refusal(tmp_path, normalised.replace("rows: 4", "rows: 4\n    area_mm2: 3"))
    assert said == "priced.yaml:18: levels.2.area_mm2: areas of this chip are in SRAMbyte, not in mm2"
    said = refusal(tmp_path, normalised.replace("clock_mhz: 200", "area_mm2: 4"))
    assert said == "priced.yaml:4: area_mm2: areas of this chip are in SRAMbyte, not in mm2"
    with pytest.raises(ArchitectureError, match=r"mac\.leakage_mw: leakage costs energy .* energy_unit: pJ"):
        arch.load("eyeriss_isca16_rs").override({"clock_mhz": 100, "mac.leakage_mw": 1})
    # A part that states neither number nor component is told about both ways.
    with pytest.raises(ArchitectureError, match="in the chip's energy_unit, or a component"):
        Memory(name="m", size_bytes=8)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(deadline=None)
@given(
    part=st.sampled_from(["glb", "pe_array", "mac"]),
    kind=st.sampled_from(["sram", "regfile", "dram", "mac", "wire"]),
    key=st.sampled_from(["kind", "table", "technology_nm", "bits", "type", "precision", "length_mm"]),
    junk=JUNK,
)
def test_any_value_in_a_component_is_taken_or_refused_in_words(
    part: str, kind: str, key: str, junk: Any
) -> None:
    # Anything but an ArchitectureError fails here.
    with contextlib.suppress(ArchitectureError):
        chip = arch.load("eyeriss").override({f"{part}.component": {"kind": kind} | {key: junk}})
        assert Chip.from_dict(chip.to_dict()) == chip
