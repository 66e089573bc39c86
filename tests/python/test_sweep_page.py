"""The page of a sweep: what is on it, that its figures are the points', and that names are only text."""

from __future__ import annotations

import json
import re
import statistics
from html import unescape
from typing import Any

import pytest

import dnnaccel as da
from dnnaccel.sweep import SweepPoint
from dnnaccel.sweeping.work import FIGURES

EVIL = '<script>alert("x")</script>&'


def made(rows: list[tuple[dict[str, Any], dict[str, Any] | str]], **options: Any) -> da.Sweep:
    """A sweep of given parameters and figures, or reasons."""
    points = tuple(
        SweepPoint(parameters=parameters, figures={}, reason=found)
        if isinstance(found, str)
        else SweepPoint(parameters=parameters, figures=dict.fromkeys(FIGURES) | found)
        for parameters, found in rows
    )
    names = {"network": "net", "chip": "chip"} | options
    return da.Sweep(
        objective="energy",
        parameters=tuple(rows[0][0]),
        points=points,
        energy_unit="pJ",
        area_unit="mm2",
        **names,
    )


def cells(page: str) -> list[str]:
    return [unescape(cell) for cell in re.findall(r"<t[dh][^>]*>([^<]*)</t[dh]>", page)]


def test_the_page_has_points_front_effects_and_reasons() -> None:
    found = da.sweep(
        "lenet5",
        "eyeriss",
        {"glb.size_bytes": [8, 65536, 131072], "dataflow": "ws,rs"},
        figures=("energy", "cycles"),
    )
    page = found.to_html()
    for title in (
        "Points and their front",
        "What each parameter does",
        "Points",
        "What cannot run",
        "How this page was made",
    ):
        assert f">{title}<" in page
    # Every point that ran once, and best and median at the sizes where any did.
    assert 0 < len(found.ran) < len(found)
    sizes = {point["glb.size_bytes"] for point in found.ran}
    assert page.count('class="mark c') == len(found.ran) + 2 * len(sizes)
    for row in ("best energy", "front", "dataflow"):
        assert row in cells(page) or f">{row}<" in page
    for flow in ("ws", "rs"):
        energies = [point["energy"] for point in found.ran if point["dataflow"] == flow]
        assert found.text_of("energy", min(energies)) in cells(page)
        assert found.text_of("energy", statistics.median(energies)) in cells(page)
    assert found._repr_html_().count('class="mark c') == page.count('class="mark c')


def test_the_page_holds_what_made_it() -> None:
    found = da.sweep(
        "lenet5",
        "example",
        {"pe_array.rows": "8..16+4"},
        constraints=["pe_count < 300"],
        figures=["cycles"],
        trials=2,
        seed=7,
    )
    (text,) = re.findall(
        r'<script type="application/json" id="dnnaccel-inputs">(.*?)</script>', found.to_html(), re.DOTALL
    )
    inputs = json.loads(text)
    assert inputs["parameters"] == {"pe_array.rows": [8, 12, 16]}
    assert (inputs["trials"], inputs["seed"], inputs["figures"]) == (2, 7, ["cycles"])
    assert inputs["constraints"] == ["pe_count < 300"]
    assert "memory: glb" in inputs["chip"]


def test_names_on_the_page_are_only_text() -> None:
    rows: list[tuple[dict[str, Any], dict[str, Any] | str]] = [
        ({EVIL: EVIL}, {"energy": 1.0, "cycles": 2}),
        ({EVIL: "b"}, {"energy": 2.0, "cycles": 1}),
        ({EVIL: "c"}, EVIL),
    ]
    found = made(rows, network=EVIL, chip=EVIL, inputs={"network": EVIL})
    for page in (found.to_html(), found._repr_html_()):
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert" in page


@pytest.mark.parametrize("figures", [("energy",), ("cycles", "energy", "area"), ("utilization",)])
def test_pages_of_a_few_points_and_of_none_that_ran(figures: tuple[str, ...]) -> None:
    one = made([({"x": 1}, {"energy": 1.0, "cycles": 2, "utilization": 0.5})], figures=figures)
    assert ("1 point," if "area" not in figures else "0 points,") in one.to_html()
    none = made([({"x": x}, "it cannot run") for x in range(50)], figures=figures)
    assert "it cannot run" in none.to_html()
    assert "50 cannot run" in none.to_text()
    many = made(
        [({"x": x}, {"energy": 1.0, "cycles": 2, "utilization": 0.5}) for x in range(50)], figures=figures
    )
    assert ("no point has all of" in many.to_text()) == ("area" in figures)


def test_a_page_of_many_points_stays_small_and_has_the_front() -> None:
    rows: list[tuple[dict[str, Any], dict[str, Any] | str]] = [
        ({"x": x, "y": x % 7}, {"energy": float(20_000 - x), "cycles": 1000 + x, "seconds": x * 1e-6})
        if x >= 9900
        else ({"x": x, "y": x % 7}, {"energy": 20_001.0 + x % 100, "cycles": 20_000 + x})
        for x in range(10_000)
    ]
    page = made(rows).to_html()
    assert len(page.encode()) < 2_000_000
    assert cells(page).count("yes") == 100
    assert "1,200 of 10,000 points" in page
