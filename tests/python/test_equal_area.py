"""Do chips that are scaled get the area of the first, by the part that is said, and is the rest refused?"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_chip_components import isca16

import dnnaccel as da
from dnnaccel.arch import Chip
from dnnaccel.cli import run
from dnnaccel.comparing.area import TOLERANCE, Sized, equal_area
from dnnaccel.errors import ArchitectureError, UnknownNameError


def load(*names: str) -> list[Chip]:
    return [da.arch.load(name) for name in names]


def the_second(*chips: Chip, keys: str | dict[str, str] | None = None) -> Sized:
    first, second = equal_area(chips, keys)
    assert first == Sized(chip=chips[0])
    return second


def test_the_largest_memory_grows_until_the_areas_meet() -> None:
    eyeriss, gemmini = load("eyeriss", "gemmini")
    sized = the_second(eyeriss, gemmini)
    assert sized.scaled is not None
    assert (sized.scaled.key, sized.scaled.before) == ("scratchpad.size_bytes", 262144)
    assert sized.chip.area == pytest.approx(12.25, rel=TOLERANCE)
    assert sized.chip.memory("scratchpad").size_bytes == sized.scaled.after > 262144
    changed = {"scratchpad.size_bytes", "scratchpad.area_mm2", "area_mm2"}
    back = {key: value for key, value in sized.chip.to_dict().items() if key not in ("levels", "area_mm2")}
    assert back == {k: v for k, v in gemmini.to_dict().items() if k not in ("levels", "area_mm2")}
    for old, new in zip(gemmini.levels, sized.chip.levels, strict=True):
        same = old.name != "scratchpad"
        assert (old == new) == same, changed


def test_a_chip_of_that_area_stays_as_it_is() -> None:
    eyeriss = load("eyeriss")[0]
    near = eyeriss.override({"area_mm2": 12.25 * (1 + 0.9 * TOLERANCE), "clock_mhz": 100})
    assert the_second(eyeriss, near) == Sized(chip=near)


@settings(max_examples=15, deadline=None)
@given(
    st.floats(0.9, 30),
    st.sampled_from(["eyeriss", "gemmini", "nvdla_large", "shidiannao", "simba", "tpu_v1"]),
)
def test_what_is_scaled_has_the_area_and_what_is_not_is_refused(area: float, name: str) -> None:
    first = load("eyeriss")[0].override({"area_mm2": area})
    chip = load(name)[0]
    sized = the_second(first, chip)
    if sized.reason is None:
        assert sized.chip.area is not None
        assert abs(sized.chip.area - area) <= TOLERANCE * area
        assert (sized.scaled is None) == (sized.chip == chip)
    else:
        assert sized.scaled is None
        assert sized.chip == chip
        assert name in sized.reason


def test_parts_that_state_their_area_are_scaled_by_it() -> None:
    """The rule of ISCA 2016: what a smaller register file frees goes to the buffer."""
    baseline, smaller = isca16(131072, 512), isca16(131072, 256)
    sized = the_second(baseline, smaller)
    assert sized.chip.area == pytest.approx(baseline.area, rel=1e-4)
    assert sized.scaled is not None
    freed = 256 * (512 * 1.65 - 256 * 2.17)
    assert sized.scaled.after - sized.scaled.before == pytest.approx(freed, abs=4)


def test_an_array_is_scaled_where_its_parts_state_their_area() -> None:
    baseline = isca16(131072, 512)
    sized = the_second(baseline, isca16(131072, 64), keys="pe_array.rows")
    assert sized.scaled is not None
    assert sized.scaled.key == "pe_array.rows"
    assert sized.chip["pe_array"].rows == sized.scaled.after > sized.scaled.before
    assert abs((sized.chip.area or 0) / (baseline.area or 1) - 1) <= TOLERANCE


@pytest.mark.parametrize(
    ("name", "key", "words"),
    [
        (
            "tpu_v1",
            None,
            "tpu_v1 has 331 mm2, and no unified_buffer.size_bytes gives it the 12.25 mm2 of eyeriss",
        ),
        ("example", None, "example states no area for glb, pe_array, rf, mac"),
        ("shidiannao", "pe_array.rows", "shidiannao states no area of its own for pe_array, input_fifo"),
        ("shidiannao", "dram.size_bytes", "dram.size_bytes of shidiannao cannot be scaled"),
        ("shidiannao", "nb_in.read_energy", "nb_in.read_energy of shidiannao cannot be scaled"),
        ("shidiannao", "nb_inn.size_bytes", "unknown level 'nb_inn'; did you mean 'nb_in'?"),
        ("shidiannao", "psum_reg.size_bytes", "what psum_reg takes of it cannot be estimated"),
    ],
)
def test_what_cannot_be_scaled_is_a_row_with_its_reason(name: str, key: str | None, words: str) -> None:
    made = da.compare("lenet5", ["eyeriss", name], equal_area=key or True, effort="quick")
    first, second = made.rows
    assert first.report is not None
    assert second.report is None
    assert words in str(second.reason)
    assert words in " ".join(str(made).split())


def test_areas_in_other_units_are_refused() -> None:
    assert "states its area in SRAMbyte, eyeriss in mm2" in str(
        the_second(*load("eyeriss"), isca16(131072, 512)).reason
    )


def test_a_first_chip_without_area_is_refused() -> None:
    with pytest.raises(
        ArchitectureError, match="equal area needs a first chip that has one: example states no"
    ):
        da.compare("lenet5", ["example", "eyeriss"], equal_area=True)
    with pytest.raises(UnknownNameError, match="did you mean 'gemmini'"):
        da.compare("lenet5", ["eyeriss", "gemmini"], equal_area={"gemini": "scratchpad.size_bytes"})


def test_rows_say_area_and_what_was_scaled(capsys: pytest.CaptureFixture[str]) -> None:
    made = da.compare("lenet5", ["eyeriss", "gemmini"], equal_area=True, effort="quick")
    plain = made.to_dict()["rows"]
    assert [row["area"] for row in plain] == pytest.approx([12.25, 12.25], rel=TOLERANCE)
    assert [row["scaled_key"] for row in plain] == [None, "scratchpad.size_bytes"]
    text = str(made)
    assert f"262144 -> {plain[1]['scaled_to']}" in text
    assert "Equal areas are of different processes: eyeriss 65 nm, gemmini 22 nm." in text
    command = ["compare", "lenet5", "--arch", "eyeriss,gemmini", "--equal-area", "--effort", "quick"]
    assert run([*command, "--scale", "gemmini:scratchpad.size_bytes"]) == 0
    assert capsys.readouterr().out == text + "\n"
    assert run(["compare", "lenet5", "--arch", "eyeriss", "--scale", "glb.size_bytes"]) == 2
    assert "--scale says what --equal-area scales" in capsys.readouterr().err
