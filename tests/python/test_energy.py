"""Components: estimates are the tables' at their points, behave between them, and name their sources."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dnnaccel import energy
from dnnaccel.energy.scaling import AREA_FROM_45, area_factor
from dnnaccel.errors import ArchitectureError, UnknownNameError

SCALABLE = st.floats(7, 65)


def sram(size: int, technology: float = 45, word_bits: int = 64, **keys: Any) -> energy.Estimate:
    component = {"kind": "sram", **keys}
    return energy.estimate(component, technology_nm=technology, word_bits=word_bits, size_bytes=size)


def mac(precision: str, technology: float = 45, **keys: Any) -> energy.Estimate:
    return energy.estimate({"kind": "mac", "precision": precision, **keys}, technology_nm=technology)


# --- The tables


@pytest.mark.parametrize("name", energy.names())
def test_every_number_of_a_table_has_a_source(name: str) -> None:
    table = energy.load(name)
    assert table.title
    assert table.rows
    for row in table.rows:
        assert row.source.strip()
        assert row.area_source.strip()
        numbers = [*row.read.values(), *row.write.values(), *row.area.values()]
        assert numbers
        assert all(math.isfinite(number) and number >= 0 for number in numbers)


def test_a_table_prints_each_number_with_its_unit_and_source() -> None:
    text = str(energy.load("accelergy_eyeriss"))
    assert text.splitlines()[0] == "accelergy_eyeriss: Accelergy's table of an Eyeriss-like design; 65 nm"
    assert "regfile of 12 words per 16 bit   read 0.202442, write 0.176713 pJ at 65 nm  [1]" in text
    assert "[1] ERT summary of eyeriss_like" in text
    assert "1950 pJ (middle of 1300 to 2600)" in str(energy.load("horowitz45"))
    assert "storage of 512 bytes   1.65 SRAMbyte per byte" in str(energy.load("isca16"))


def test_an_unknown_table_says_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown table 'horowitz'; did you mean 'horowitz45'\?"):
        energy.load("horowitz")


@pytest.mark.parametrize("name", ["horowitz45", "jouppi2021", "eie45", "accelergy_eyeriss", "dally"])
def test_an_estimate_at_a_point_of_a_table_is_the_table(name: str) -> None:
    """At its own technology, size and width nothing is added: the digits are the table's."""
    table = energy.load(name)
    for row in table.rows:
        for technology in row.read:
            bits = row.bits or 16
            if row.quantity == "sram_bytes":
                found = sram(int(row.key), technology, bits, table=name)
            elif row.quantity == "regfile_words":
                found = energy.estimate(
                    {"kind": "regfile", "table": name, "bits": int(row.key) * bits},
                    technology_nm=technology,
                    word_bits=bits,
                )
            elif row.quantity == "wire_mm":
                wire = {"kind": "wire", "table": name, "length_mm": row.key}
                found = energy.estimate(wire, technology_nm=technology, word_bits=bits)
                assert found["energy"] == row.read[technology]
                continue
            elif row.quantity == "dram":
                found = energy.estimate({"kind": "dram", "table": name, "type": row.key}, word_bits=bits)
            else:
                continue
            assert found["read_energy"] == row.read[technology]
            assert found["write_energy"] == row.write[technology]


def test_a_mac_is_a_product_and_a_sum() -> None:
    assert mac("int8")["energy"] == pytest.approx(0.2 + 0.1)
    assert mac("int16")["energy"] == pytest.approx(0.8 + 0.1)
    assert mac("int8", accumulate_bits=16)["energy"] == pytest.approx(0.2 + 0.05)
    assert mac("fp32")["energy"] == pytest.approx(3.7 + 0.9)
    assert mac("fp16")["energy"] == pytest.approx(1.1 + 0.4)
    assert mac("fp16", accumulate_bits=32)["energy"] == pytest.approx(1.1 + 0.9)
    assert mac("bf16", 7, table="jouppi2021")["energy"] == pytest.approx(0.21 + 0.11)
    # um2 of the table, and none where it has none for the product.
    assert mac("int8")["area_mm2"] == pytest.approx((282 + 137) * 1e-6)
    assert "area_mm2" not in mac("int16").values


def test_the_hierarchy_of_isca16_is_what_it_is_at_any_size_and_technology() -> None:
    def at(component: dict[str, Any], key: str = "read_energy") -> float:
        return energy.estimate(component | {"table": "isca16"}, size_bytes=512)[key]

    assert at({"kind": "dram"}) == 200
    assert at({"kind": "sram"}) == at({"kind": "sram"}, "write_energy") == 6
    assert at({"kind": "regfile"}) == 1
    assert at({"kind": "wire", "length_mm": 1.5}, "energy") == 2
    assert at({"kind": "mac", "precision": "int16"}, "energy") == 1
    found = energy.estimate({"kind": "sram", "table": "isca16"}, size_bytes=512)
    assert (found.energy_unit, found.area_unit) == ("MAC", "SRAMbyte")


def storage(kind: str, size: float) -> float:
    component = {"kind": kind, "table": "isca16", "bits": round(size * 8)}
    return energy.estimate(component)["area"]


def test_isca16_areas_make_the_papers_dataflows_equally_large() -> None:
    """Fig. 7b: kB of buffer and of register files that 256 elements get at equal storage area."""
    baseline = 256 * storage("regfile", 512) + storage("sram", 128 * 1024)
    splits = {
        "RS": (128.0, 128.0),
        "WS": (334.3, 0.5),
        "OSA": (243.9, 24.5),
        "OSB": (303.9, 2.5),
        "OSC": (334.3, 0.5),
        "NLR": (338.4, 0.0),
    }
    for buffer, files in splits.values():
        total = storage("sram", buffer * 1024)
        if files:
            total += 256 * storage("regfile", files * 1024 / 256)
        # Within what the figure's bars can be read to.
        assert total == pytest.approx(baseline, rel=0.005)


def test_the_eyeriss_presets_own_numbers_come_out() -> None:
    """The preset states what its author computed by hand from the same tables."""
    filters = energy.estimate({"kind": "regfile"}, technology_nm=65, size_bytes=448)
    assert filters["read_energy"] == pytest.approx(2.292008222222222)
    assert filters["write_energy"] == pytest.approx(2.184758155555555)
    assert mac("int16", 65)["energy"] == pytest.approx(1.7307692307692308)


# --- The rules, as properties


@given(a=st.integers(2048, 4 << 20), b=st.integers(2048, 4 << 20), technology=SCALABLE)
def test_a_larger_sram_costs_more(a: int, b: int, technology: float) -> None:
    assume(a < b)
    small, large = sram(a, technology), sram(b, technology)
    assert small["read_energy"] < large["read_energy"]
    if "area_mm2" in small.values and "area_mm2" in large.values:
        assert small["area_mm2"] < large["area_mm2"]


@given(
    size=st.integers(2048, 4 << 20),
    widths=st.tuples(st.integers(1, 4096), st.integers(1, 4096)),
    word_bits=st.integers(1, 64),
)
def test_a_wider_access_costs_more_and_a_word_never_less_than_its_share(
    size: int, widths: tuple[int, int], word_bits: int
) -> None:
    narrow, wide = sorted(widths)
    assume(narrow < wide)
    # A word as wide as the access pays for the whole of it.
    assert sram(size, word_bits=narrow)["read_energy"] < sram(size, word_bits=wide)["read_energy"]
    share = sram(size, word_bits=word_bits)["read_energy"]
    assert sram(size, word_bits=word_bits, width_bits=wide)["read_energy"] >= share * (1 - 1e-12)


@given(
    size=st.integers(8192, 1 << 20),
    nodes=st.tuples(SCALABLE, SCALABLE),
    precision=st.sampled_from(["int8", "int16", "fp16", "fp32"]),
)
def test_an_older_technology_never_costs_less(size: int, nodes: tuple[float, float], precision: str) -> None:
    new, old = sorted(nodes)
    assume(new < old)
    assert sram(size, new)["read_energy"] <= sram(size, old)["read_energy"] * (1 + 1e-12)
    assert mac(precision, new)["energy"] <= mac(precision, old)["energy"] * (1 + 1e-12)
    assert area_factor(45, new) <= area_factor(45, old) * (1 + 1e-12)  # type: ignore[operator]


@given(size=st.integers(8192, 1 << 20), ports=st.integers(2, 16), banks=st.sampled_from([2, 4]))
def test_ports_cost_and_banks_save(size: int, ports: int, banks: int) -> None:
    one = sram(size)
    more = sram(size, ports=ports)
    assert more["read_energy"] == pytest.approx(ports * one["read_energy"])
    assert more["area_mm2"] == pytest.approx(ports**2 * one["area_mm2"])
    split = sram(size, banks=banks)
    assert split["read_energy"] < one["read_energy"]
    assert split["read_energy"] == pytest.approx(sram(size // banks)["read_energy"], rel=1e-3)


@given(words=st.integers(3, 700), more=st.integers(1, 60))
def test_a_register_file_grows_with_its_words_and_keeps_to_the_line(words: int, more: int) -> None:
    def at(count: int) -> float:
        return energy.estimate({"kind": "regfile", "bits": count * 16}, technology_nm=65)["read_energy"]

    slope = (1.976602 - 0.202442) / (192 - 12)
    assert at(words + more) - at(words) == pytest.approx(more * slope)


@given(a=st.floats(0.01, 100), b=st.floats(0.01, 100), bits=st.integers(1, 4096))
def test_a_longer_wire_costs_more(a: float, b: float, bits: int) -> None:
    assume(a < b)

    def at(length: float) -> float:
        wire = {"kind": "wire", "length_mm": length}
        return energy.estimate(wire, technology_nm=28, word_bits=bits)["energy"]

    assert at(a) < at(b)
    assert at(1) == pytest.approx(26 * bits / 256)


def test_technologies_meet_where_the_tables_do() -> None:
    # 45 -> 7 nm is jouppi2021's own ratio, 45 -> 65 nm the quoted factor, and between them the log line.
    assert sram(32768, 7)["read_energy"] == pytest.approx(8.5)
    assert mac("int8", 7)["energy"] == pytest.approx(0.07 + 0.03)
    assert mac("int8", 65)["energy"] == pytest.approx(0.3 / 0.52)
    middle = math.sqrt(45 * 7)
    assert sram(8192, middle)["read_energy"] == pytest.approx(math.sqrt(10 * 7.5))
    assert area_factor(45, 65) == 1.5
    assert area_factor(65, 65) == 1
    assert area_factor(45, 5) is None
    assert list(AREA_FROM_45.values()) == sorted(AREA_FROM_45.values(), reverse=True)


def test_dram_does_not_scale_with_the_chip() -> None:
    kinds = [energy.estimate({"kind": "dram", "type": "lpddr4"}, technology_nm=nm) for nm in (7, 45, 180)]
    assert {kind["read_energy"] for kind in kinds} == {128.0}
    assert "area_mm2" not in kinds[0].values


# --- What it says


def test_the_source_says_table_points_rule_and_scaling() -> None:
    found = sram(131072, 65, 16, width_bits=64)
    text = found.sources["read_energy"]
    assert text.startswith(
        "estimated: SRAM 128 KiB x 64 bit, horowitz45: 20 pJ at 32 KiB and 100 pJ at 1 MiB"
    )
    for part in (
        "per 64 bit",
        "log interpolation",
        "/ 4 words of 16 bits",
        "45 -> 65 nm",
        "Horowitz, ISSCC 2014",
    ):
        assert part in text
    assert "RecPipe" in found.sources["area_mm2"]
    assert "unverified" in energy.estimate({"kind": "dram", "type": "hbm2"}).sources["read_energy"]
    assert (
        "the middle of 15 to 25" in energy.estimate({"kind": "dram", "type": "ddr4"}).sources["read_energy"]
    )
    with pytest.raises(UnknownNameError, match="unknown value of a sram 'energy'"):
        found["energy"]


@given(size=st.integers(8192, 1 << 20), table=st.sampled_from(["horowitz45", "jouppi2021"]))
def test_the_source_holds_the_numbers_that_the_estimate_lies_between(size: int, table: str) -> None:
    found = sram(size, table=table)
    points = [float(stated) for stated in re.findall(r"([\d.]+) pJ at", found.sources["read_energy"])]
    assert min(points) <= found["read_energy"] <= max(points)
    assert len(points) == (1 if size in (8192, 32768, 1 << 20) else 2)


# --- What is refused

REFUSED: dict[str, tuple[Any, dict[str, Any], str]] = {
    "no kind": ({}, {}, "component: kind: missing; state what it is, sram or regfile"),
    "unknown kind": (
        {"kind": "flash"},
        {},
        "kind: must be sram or regfile or dram or mac or wire, not 'flash'",
    ),
    "unknown key": (
        {"kind": "sram", "widht_bits": 8},
        {},
        "widht_bits: unknown key; did you mean width_bits?",
    ),
    "unknown table": (
        {"kind": "sram", "table": "horowiz45"},
        {},
        "unknown table 'horowiz45'; did you mean horow",
    ),
    "negative": ({"kind": "sram", "ports": -1}, {}, "ports: must be at least 1, not -1"),
    "huge": ({"kind": "sram", "bits": 10**30}, {}, "bits: must be at most"),
    "no size": ({"kind": "sram"}, {"technology_nm": 45}, "bits: missing; state the capacity"),
    "no technology": ({"kind": "sram", "bits": 2**20}, {}, "technology_nm: missing; state technology_nm"),
    "too large": (
        {"kind": "sram", "bits": 8 * 24 * 2**20},
        {"technology_nm": 45},
        "srams of 8 KiB to 1 MiB, taken from 2 KiB to 4 MiB; 24 MiB is out of reach: state banks",
    ),
    "too small": ({"kind": "sram", "bits": 800}, {"technology_nm": 45}, "100 B is out of reach"),
    "one size only": (
        {"kind": "sram", "bits": 2**20, "table": "eie45"},
        {"technology_nm": 45},
        "eie45 has srams of 32 KiB only, not of 128 KiB",
    ),
    "too new": (
        {"kind": "sram", "bits": 2**20},
        {"technology_nm": 5},
        "leads to 5 nm; a sram of horowitz45 can be",
    ),
    "too old": ({"kind": "mac", "precision": "int8"}, {"technology_nm": 90}, "can be had at 7 to 65 nm"),
    "unscalable": ({"kind": "wire", "length_mm": 1}, {"technology_nm": 45}, "can be had at 28 nm only"),
    "regfile below 45": (
        {"kind": "regfile", "bits": 512},
        {"technology_nm": 28},
        "can be had at 45 to 65 nm",
    ),
    "bf16 above 7": (
        {"kind": "mac", "precision": "bf16", "table": "jouppi2021"},
        {"technology_nm": 16},
        "mul_bf16 of jouppi2021 can be had at 7 nm only",
    ),
    "no such operation": (
        {"kind": "mac", "precision": "int8", "table": "eie45"},
        {"technology_nm": 45},
        "eie45 has no mul_int8; it has add_fp32, add_int32, mul_fp32, mul_int32",
    ),
    "no such kind": (
        {"kind": "wire", "length_mm": 1, "table": "horowitz45"},
        {"technology_nm": 45},
        "horowitz45 has no wire; these have: dally, dally16, isca16",
    ),
    "area only": (
        {"kind": "sram", "bits": 2**20, "table": "recpipe12"},
        {"technology_nm": 12},
        "recpipe12 has no sram; these have: horowitz45",
    ),
    "dram of no type": ({"kind": "dram"}, {}, "type: missing; state which, one of ddr3, ddr4"),
    "dram of another type": (
        {"kind": "dram", "type": "ddr33"},
        {},
        "dram_survey has no 'ddr33'; did you mean ddr3?",
    ),
    "no precision": ({"kind": "mac"}, {}, "precision: missing; state it, one of int8, int16"),
    "unknown precision": (
        {"kind": "mac", "precision": "int7"},
        {},
        "unknown precision 'int7'; did you mean int8?",
    ),
    "narrow sum": (
        {"kind": "mac", "precision": "int16", "accumulate_bits": 8},
        {},
        "accumulate_bits: a sum of int16 products does not fit 8 bits",
    ),
    "no mapping": (3, {}, "component: must say what it is made of, such as {kind: sram}, not 3"),
    "no words": ({3: 4}, {}, "component: must say what it is made of"),
    "no word": ({"kind": "sram"}, {"word_bits": 0}, "estimate: word_bits: must be at least 1, not 0"),
    "no size at all": (
        {"kind": "sram"},
        {"size_bytes": -1},
        "estimate: size_bytes: must be at least 1, not -1",
    ),
    "no number": (
        {"kind": "sram"},
        {"technology_nm": "45"},
        "technology_nm: must be a finite number, not '45'",
    ),
    "no length": ({"kind": "wire"}, {}, "length_mm: missing; state how far a word travels"),
}


@pytest.mark.parametrize(("component", "around", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_no_table_gives_is_refused_in_one_sentence(
    component: dict[str, Any], around: dict[str, Any], message: str
) -> None:
    with pytest.raises(ArchitectureError) as caught:
        energy.estimate(component, **around)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300
