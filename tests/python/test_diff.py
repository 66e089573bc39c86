"""Does a diff find what changed and nothing else, and is a file that is no report refused?"""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from compare_factory import reports
from hypothesis import given, settings
from hypothesis import strategies as st
from report_factory import make_conv, make_report, make_vector_layer

import dnnaccel as da
from dnnaccel.cli import run
from dnnaccel.diff import ReportDiff
from dnnaccel.errors import DnnAccelError, ReportError
from dnnaccel.report import Report

NAMES = ("conv1", "relu1", "pool1", "conv2")


@pytest.fixture(scope="module")
def pair() -> tuple[Report, Report]:
    return da.simulate("lenet5", "eyeriss"), da.simulate("lenet5", "eyeriss", dataflow="ws")


def swapped(change: Any) -> Any:
    return replace(change, a=change.b, b=change.a, units=change.units[::-1])


def plain(report: Report, name: str) -> dict[str, Any]:
    """What a layer costs, without its time in seconds: that is of the chip's clock, which is a setting."""
    return {key: value for key, value in report[name].to_dict().items() if key != "seconds"}


STATUS = {"added": "removed", "removed": "added", "changed": "changed"}

# ------------------------------------------------------------------------------------------------------------
# What changed


@settings(max_examples=50, deadline=None)
@given(reports())
def test_a_report_does_not_differ_from_itself(report: Report) -> None:
    found = da.diff(report, report)
    assert not found
    assert (found.settings, found.totals, found.layers) == ((), (), ())
    assert "no difference" in str(found)


@settings(max_examples=80, deadline=None)
@given(
    reports(),
    st.one_of(reports(), reports(("conv1", "conv2", "relu1", "conv9")), reports(unit="MAC")),
    st.sampled_from([0.0, 0.0, 0.01, 0.5]),
)
def test_a_diff_the_other_way_says_the_opposite(a: Report, b: Report, threshold: float) -> None:
    there, back = da.diff(a, b, threshold=threshold), da.diff(b, a, threshold=threshold)
    assert bool(there) == bool(back)
    assert set(map(swapped, there.settings)) == set(back.settings)
    assert set(map(swapped, there.totals)) == set(back.totals)
    assert [layer.name for layer in there.layers] == [layer.name for layer in back.layers]
    for one, other in zip(there.layers, back.layers, strict=True):
        assert STATUS[one.status] == other.status
        assert one.size == other.size
        assert {swapped(change) for change in one.figures} == set(other.figures)
        for change in one.figures:
            (mirrored,) = (each for each in other.figures if each.name == change.name)
            if change.ratio and mirrored.ratio:
                assert change.ratio * mirrored.ratio == pytest.approx(1)


@settings(max_examples=50, deadline=None)
@given(reports(), reports())
def test_changes_are_those_of_the_reports_largest_first(a: Report, b: Report) -> None:
    found = da.diff(a, b)
    totals = {change.name: change for change in found.totals}
    for name in ("energy", "cycles", "edp", "utilization"):
        x, y = getattr(a, name), getattr(b, name)
        if x == y:
            assert name not in totals
        else:
            assert (totals[name].a, totals[name].b) == (x, y)
    sizes = [layer.size for layer in found.layers]
    assert sizes == sorted(sizes, reverse=True)
    listed = {layer.name: layer for layer in found.layers}
    for name in NAMES:
        same = plain(a, name) == plain(b, name)
        assert (name in listed) == (not same)
        if not same:
            assert (listed[name].energy.a, listed[name].energy.b) == (a[name].energy, b[name].energy)
            assert (listed[name].cycles.a, listed[name].cycles.b) == (a[name].cycles, b[name].cycles)
            assert 0 <= listed[name].size <= 1


def test_layers_are_added_removed_and_changed() -> None:
    a = make_report()
    b = make_report(
        layers=(
            make_conv("conv1"),
            make_vector_layer("pool1", "max_pool", cycles=1010),
            replace(make_conv("conv2", scale=2), bound_by="compute"),
            make_conv("conv3", scale=3),
        )
    )
    found = da.diff(a, b)
    assert [(layer.name, layer.status) for layer in found.layers] == [
        ("conv3", "added"),
        ("pool1", "changed"),
        ("conv2", "changed"),
        ("relu1", "removed"),
    ]
    (bound,) = found.layers[2].others
    assert (bound.name, bound.a, bound.b) == ("bound_by", "dram", "compute")
    text = str(found)
    assert "dram -> compute" in text
    assert "added" in text
    # Within a per cent pool1 is the same, and texts alone do not count.
    wide = da.diff(a, b, threshold=0.01)
    assert [layer.name for layer in wide.layers] == ["conv3", "relu1"]


def test_the_threshold_is_a_part_of_the_larger_number() -> None:
    a, b = make_report(layers=(make_conv(),)), make_report(layers=(replace(make_conv(), cycles=2500),))
    assert da.diff(a, b, threshold=0.19)
    assert not da.diff(a, b, threshold=0.2)
    for wrong in (-0.1, 1.5, math.nan):
        with pytest.raises(DnnAccelError, match="must be a part from 0 to 1"):
            da.diff(a, b, threshold=wrong)


def test_every_way_out_has_every_change(pair: tuple[Report, Report], tmp_path: Path) -> None:
    found = da.diff(*pair)
    read = json.loads(found.to_json())
    assert not read["equal"]
    rows = list(csv.DictReader(io.StringIO(found.to_csv())))
    changes = [*read["settings"], *read["totals"], *(c for x in read["layers"] for c in x["changes"])]
    assert [row["name"] for row in rows] == [change["name"] for change in changes]
    assert [row["a"] for row in rows] == ["" if c["a"] is None else str(c["a"]) for c in changes]
    for suffix in ("json", "csv", "txt", "html"):
        found.save(tmp_path / f"changes.{suffix}")
    page = (tmp_path / "changes.html").read_text()
    assert "Layers, the largest change first" in page
    assert "<ReportDiff: 1 settings" in repr(found)
    assert any(line.startswith("-") for line in found.to_text(mappings=True).splitlines())


def test_names_from_files_are_escaped() -> None:
    evil = make_report(chip="<script>alert(1)</script>")
    found = da.diff(make_report(), evil)
    assert "<script>alert" not in found.to_html()
    assert "&lt;script&gt;alert(1)" in found.to_html()


# ------------------------------------------------------------------------------------------------------------
# Files


@settings(max_examples=50, deadline=None)
@given(reports())
def test_a_report_is_read_back_as_it_was_written(report: Report) -> None:
    read = Report.from_json(report.to_json())
    assert read.to_json() == report.to_json()
    assert not da.diff(read, report)


def test_simulated_reports_are_read_back(tmp_path: Path) -> None:
    for chip, fidelity in (
        ("eyeriss", "analytical"),
        ("eyeriss_isca16_ws", "analytical"),
        ("gemmini", "tile"),
    ):
        report = da.simulate("lenet5", chip, fidelity=fidelity)
        report.save(tmp_path / "a.json")
        read = Report.load(tmp_path / "a.json")
        assert read.to_json() == report.to_json()
        assert [layer.mapping for layer in read] == [layer.mapping for layer in report]
        assert not da.diff(tmp_path / "a.json", report)


def test_the_command_exits_as_diff_does(
    pair: tuple[Report, Report], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a, b = str(tmp_path / "a.json"), str(tmp_path / "b.json")
    for report, path in zip(pair, (a, b), strict=True):
        report.save(path)
    assert run(["diff", a, a]) == 0
    assert "no difference" in capsys.readouterr().out
    assert run(["diff", a, b]) == 1
    assert capsys.readouterr().out == str(da.diff(a, b)) + "\n"
    assert run(["diff", a, b, "--threshold", "1"]) == 1  # another dataflow is a difference at any threshold
    assert run(["diff", a, b, "--format", "json", "--threshold", "0.5"]) == 1
    out = capsys.readouterr().out
    assert json.loads(out[out.index("{") :])["threshold"] == 0.5
    assert run(["diff", a, b, "-o", str(tmp_path / "d.html"), "-q"]) == 1
    assert (tmp_path / "d.html").exists()
    assert run(["diff", a, str(tmp_path / "c.json")]) == 2
    assert "c.json: no such file; give the path of a JSON report" in capsys.readouterr().err


def edit(text: str, *path: str | int, value: Any) -> str:
    """Return JSON with the value at `path` replaced."""
    data = json.loads(text)
    at = data
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return json.dumps(data)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("cycles",), 7001, "cycles: 7001 is stated, and its parts add up to 7000"),
        (("energy",), -1.0, "energy: must be at least 0, not -1.0"),
        (("energy",), "1", "energy: must be a finite number, not '1'"),
        (("macs",), 1.5, "macs: must be a whole number, not 1.5"),
        (("batch",), 0, "batch: must be at least 1, not 0"),
        (("cyclse",), 1, "cyclse: unknown key; did you mean cycles?"),
        (("layers", 0, "cycles"), True, "layers.0.cycles: must be a whole number, not True"),
        (("layers", 0, "energy"), 3.0, "layers.0.energy: 3 is stated, and its parts add up to 1500"),
        (("layers", 0, "levels", 1, "reads"), -5, "layers.0.levels.1.reads: must be at least 0, not -5"),
        (("layers", 0, "levels", 0, "tensor"), "x", "layers.0.levels.0.tensor: must be inputs, weights or"),
        (("layers", 0, "levels", 0, "level"), "l9", "layers: level 'l9' is none of the report's"),
        (("layers", 0, "mapping"), "for ever", "layers.0.mapping: "),
        (("layers", 1, "name"), "conv1", "has 2 layers 'conv1'"),
        (("layers", 0, "name"), "a\u001b[2J", "layers.0.name: must hold printable characters only"),
        (("layers", 0), 7, "layers.0: must be a mapping of keys to values, not 7"),
        (("layers",), {}, "layers: "),
        (("traffic_words", "dram"), 5, "traffic_words.dram: 5 is stated, and its parts add up to 610"),
    ],
)
def test_a_wrong_value_is_named_with_file_and_key(
    tmp_path: Path, path: tuple[str | int, ...], value: Any, words: str
) -> None:
    file = tmp_path / "a.json"
    file.write_text(edit(make_report().to_json(), *path, value=value))
    with pytest.raises(ReportError) as caught:
        Report.load(file)
    assert str(caught.value).startswith(f"{file}: ")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ":1: is not JSON"),
        ("{\n\n x}", ":3: is not JSON"),
        ("[1, 2]", "is no report of one simulation; give what `dnnaccel simulate -o a.json` writes"),
        ("{}", "is no report of one simulation"),
        ('{"rows": [], "layers": []}', "is no report of one simulation"),
        ('{"network": "a", "chip": "b", "layers": []}', "dataflow: missing; state it"),
        ('{"energy": NaN}', "NaN is no number"),
        ('{"energy": -Infinity}', "-Infinity is no number"),
        ('{"cycles": 1, "cycles": 2}', "key 'cycles' stands twice in one object"),
        ("[" * 100_000, "nested too deeply"),
        ("[" * 50 + "]" * 50, "nested more than 12 deep"),
        ('{"cycles": ' + "9" * 5000 + "}", "is not JSON: "),
    ],
)
def test_what_is_no_report_is_refused(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "a.json"
    file.write_text(text)
    with pytest.raises(ReportError) as caught:
        Report.load(file)
    assert str(caught.value).startswith(str(file))
    assert words in str(caught.value)


def test_huge_numbers_and_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ReportError, match="energy: must be a finite number, not inf"):
        Report.from_json(make_report().to_json().replace('"energy": 4550.0', '"energy": 1e999'))
    from dnnaccel.report import saved

    monkeypatch.setattr(saved, "MAX_BYTES", 1000)
    make_report().save(tmp_path / "a.json")
    with pytest.raises(ReportError, match="larger than 1000 bytes"):
        Report.load(tmp_path / "a.json")


PLAIN = make_report().to_dict()


def places(data: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Return the way to every value in plain data."""
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [path, *(way for key, value in inner for way in places(value, (*path, key)))]


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([path for path in places(PLAIN) if path]),
    st.sampled_from([None, -1, 0, 2**70, 1e308, True, "", "x", "\u0000", [], {}, [[]], {"a": 1}]),
)
def test_no_single_edit_is_a_crash(path: tuple[str | int, ...], value: Any) -> None:
    try:
        read = Report.from_json(edit(make_report().to_json(), *path, value=value))
    except ReportError:
        return
    assert isinstance(da.diff(make_report(), read), ReportDiff)
    for found in (da.diff(read, make_report()), da.diff(make_report(), read)):
        for format in ("table", "json", "csv", "html"):
            assert isinstance(found.render(format), str)
