"""Is every number of a report the sum of its layers, and does every way out say the same?"""

from __future__ import annotations

import csv
import io
import json
import os
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from report_factory import MEMORIES, make_conv, make_report, make_vector_layer

from dnnaccel import _units as units
from dnnaccel._text import Column, clean, layout
from dnnaccel.errors import DnnAccelError, MissingExtraError, UnknownNameError
from dnnaccel.report import Report
from dnnaccel.report.files import write_atomically


def test_totals_are_sums_over_layers() -> None:
    report = make_report(batch=2)
    assert report.macs == 300_000
    assert report.ops == 20
    assert report.cycles == 2000 + 0 + 1000 + 4000
    assert report.seconds == pytest.approx(7000 / 200e6)
    assert report.energy == pytest.approx(1500 + 0 + 50 + 3000)
    assert report.energy_pj == report.energy
    assert report.energy_per_inference == pytest.approx(report.energy / 2)
    assert report.utilization == pytest.approx(300_000 / (7000 * 100))
    assert report.frames_per_second == pytest.approx(2 / (7000 / 200e6))
    assert report.average_power_watts == pytest.approx(4550e-12 / 35e-6)


def test_energy_splits_add_up_to_the_energy() -> None:
    report = make_report()
    assert sum(report.energy_by_level().values()) == pytest.approx(report.energy)
    assert sum(report.energy_by_tensor().values()) == pytest.approx(report.energy)
    assert list(report.energy_by_level()) == [*MEMORIES, "pe_array", "mac", "vector", "leakage"]
    assert report.energy_by_level()["dram"] == pytest.approx(600 + 40 + 1200)


def test_traffic_counts_reads_and_writes() -> None:
    report = make_report()
    assert report.traffic("dram") == 200 + 10 + 400
    assert report.traffic(level="dram", tensor="weights") == 60 + 120
    assert report.traffic("dram", unit="bytes") == 2 * report.traffic("dram")
    assert report.traffic("filter_spad", "outputs") == 0


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda r: r.traffic("dramm"), "unknown level 'dramm'; did you mean 'dram'?"),
        (lambda r: r.traffic("dram", "weight"), "unknown tensor 'weight'; did you mean 'weights'?"),
        (lambda r: r.traffic("dram", unit="bits"), "unknown unit 'bits'"),
        (lambda r: r["conv11"], "unknown layer 'conv11'; did you mean 'conv1'?"),
        (lambda r: r.plot("enrgy"), "unknown kind of plot 'enrgy'; did you mean 'energy'?"),
        (lambda r: r.plot(by="levels"), "unknown way to split a plot 'levels'; did you mean 'level'?"),
        (lambda r: r.render("jsn"), "unknown format 'jsn'; did you mean 'json'?"),
    ],
)
def test_unknown_names_say_the_nearest(ask, words) -> None:
    with pytest.raises(UnknownNameError) as caught:
        ask(make_report())
    assert words in str(caught.value)


def test_layers_by_name_in_order() -> None:
    report = make_report()
    assert report["conv2"].macs == 200_000
    assert [layer.name for layer in report] == ["conv1", "relu1", "pool1", "conv2"]
    assert len(report) == 4


def test_without_a_clock_there_is_no_time() -> None:
    report = make_report(clock=None)
    assert (report.seconds, report.frames_per_second, report.average_power_watts) == (None, None, None)
    assert "states no clock" in str(report)
    assert "average power" not in str(report)
    json.loads(report.to_json())


def test_the_summary_says_how_many_mappings_are_proved() -> None:
    def said(*proofs: bool | None) -> str:
        rows = (replace(make_conv(f"conv{i}"), optimal=proof) for i, proof in enumerate(proofs))
        return " ".join(str(make_report(layers=tuple(rows))).split())

    assert "searched for, and proved optimal" in said(True, True, None)
    assert "searched for; 1 of 3 proved optimal, the others the best found" in said(True, False, None, False)
    assert "proved" not in said(None, None)


def test_energies_in_another_unit_are_not_converted() -> None:
    report = make_report(energy_unit="MAC")
    with pytest.raises(DnnAccelError, match="units of MAC, not in pJ"):
        _ = report.energy_pj
    assert report.average_power_watts is None
    assert "4.550k MAC" in str(report)
    assert "nJ" not in str(report)


def test_a_report_of_no_work_divides_by_nothing() -> None:
    report = make_report(layers=(make_vector_layer("flat", "flatten", note="no words move"),))
    assert report.utilization == 0
    assert report.frames_per_second is None
    assert "no words move: flat" in str(report)
    assert report.to_html()
    json.loads(report.to_json())
    report.plot()


def test_contradictions_are_refused() -> None:
    with pytest.raises(DnnAccelError, match="2 layers 'conv1'"):
        make_report(layers=(make_conv(), make_conv()))
    with pytest.raises(DnnAccelError, match="in pJ, the report in MAC"):
        make_report(layers=(make_conv(),), energy_unit="MAC")
    with pytest.raises(DnnAccelError, match="batch 0"):
        make_report(batch=0)


def test_search_time_is_no_part_of_the_result() -> None:
    import dataclasses

    slow = dataclasses.replace(make_report(), search_seconds=9.0)
    assert slow == make_report()
    assert str(slow) == str(make_report())
    assert slow.to_json() == make_report().to_json()


def test_table_has_every_layer_and_fits() -> None:
    text = str(make_report())
    lines = text.splitlines()
    assert max(map(len, lines)) <= 120
    for word in ("conv1", "relu1", "pool1", "conv2", "total", "fused: relu1 into conv1"):
        assert word in text
    assert all(line == line.rstrip() for line in lines)
    assert "tiny on chip: dataflow rs, batch 1, mapped for energy, analytical" in lines[0]
    assert "35.00 µs" in text
    assert "28.57k frames/s" in text
    assert "130.0 µW" in text


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_table_fits_any_width(width: int) -> None:
    text = make_report().to_text(width=width)
    assert max(len(line) for line in text.splitlines()) <= width
    assert text.count("conv2") >= 2


def test_many_fused_layers_are_counted() -> None:
    layers = tuple(make_vector_layer(f"relu{i}", "relu", note=f"fused into conv{i}") for i in range(9))
    assert "fused: 9 layers (9 relu) run in the layer that makes their input" in str(
        make_report(layers=layers)
    )


def test_hostile_names_stay_in_their_cell() -> None:
    report = make_report(layers=(make_conv("a\x1b[31m\nb"), make_conv("x" * 500), make_conv("<script>")))
    assert "\x1b" not in str(report)
    assert max(len(line) for line in str(report).splitlines()) <= 120
    assert report.to_html().count("<script>") == 1  # ours
    assert "<script>" not in report._repr_html_()
    assert clean("ok") == "ok"


def test_json_is_the_dict() -> None:
    report = make_report()
    read = json.loads(report.to_json())
    assert read == json.loads(json.dumps(report.to_dict()))
    assert read["traffic_words"]["dram"] == 610
    assert [layer["name"] for layer in read["layers"]] == ["conv1", "relu1", "pool1", "conv2"]
    assert read["layers"][1]["note"] == "fused into conv1"


def test_csv_and_dataframe_are_the_same_rows() -> None:
    report = make_report()
    rows = list(csv.DictReader(io.StringIO(report.to_csv())))
    frame = report.to_dataframe()
    assert list(frame.columns) == list(rows[0])
    assert len(frame) == len(rows) == 4
    assert frame["energy"].sum() == pytest.approx(report.energy)
    assert frame["dram.words"].sum() == report.traffic("dram")
    assert frame["dram.weights.reads"].sum() == report.traffic("dram", "weights")
    split = frame[[name for name in frame.columns if name.startswith("energy.")]]
    assert split.to_numpy().sum() == pytest.approx(report.energy)
    assert int(rows[3]["macs"]) == 200_000


def test_a_missing_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'dnnaccel\[data\]'"):
        make_report().to_dataframe()
    with pytest.raises(MissingExtraError, match=r"pip install 'dnnaccel\[plot\]'"):
        make_report().plot()


def test_save_by_suffix(tmp_path: Path) -> None:
    report = make_report()
    wanted = {
        "json": report.to_json(),
        "csv": report.to_csv(),
        "txt": f"{report}\n",
        "html": report.to_html(),
    }
    for suffix, text in wanted.items():
        report.save(tmp_path / f"out.{suffix}")
        assert (tmp_path / f"out.{suffix}").read_bytes().decode() == text
    report.save(tmp_path / "odd.name", format="json")
    assert (tmp_path / "odd.name").read_text() == report.to_json()
    assert len(list(tmp_path.iterdir())) == 5


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("out.xlsx", "has the suffix .xlsx, and the suffix says the format (.json, .csv, .txt, .html)"),
        ("out", "it has no suffix"),
        ("missing/out.json", "there is no directory"),
        (".", "it has no suffix"),
        ("a\0b.json", "cannot write"),
        ("x" * 300 + ".json", "file name too long"),
    ],
)
def test_save_refuses_in_one_sentence(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(DnnAccelError) as caught:
        make_report().save(f"{tmp_path}/{name}")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_save_refuses_a_directory(tmp_path: Path) -> None:
    (tmp_path / "out.json").mkdir()
    with pytest.raises(DnnAccelError, match="it is a directory"):
        make_report().save(tmp_path / "out.json")


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out.json"
    path.write_text("old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DnnAccelError, match="no space left on device"):
        make_report().save(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_writing_keeps_links_modes_and_devices(tmp_path: Path) -> None:
    real, link = tmp_path / "real.txt", tmp_path / "link.txt"
    real.write_text("old")
    real.chmod(0o640)
    link.symlink_to(real)
    write_atomically(link, "new")
    assert link.is_symlink()
    assert real.read_text() == "new"
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    write_atomically("/dev/null", "gone")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_html_is_whole_and_needs_no_other_file() -> None:
    page = make_report().to_html()
    assert page.startswith("<!DOCTYPE html>")
    assert page.rstrip().endswith("</html>")
    assert "http:" not in page
    assert "https:" not in page
    assert "conv2" in page
    assert "conv2" in make_report()._repr_html_()


@pytest.mark.parametrize(
    ("kind", "by"),
    [("energy", "level"), ("energy", "tensor"), ("words", "level"), ("words", "tensor"), ("cycles", None)],
)
def test_plot_stacks_to_the_totals(kind: str, by: str | None) -> None:
    report = make_report()
    axes = report.plot(kind, by=by).axes[0]
    drawn = sum(bar.get_height() for bar in axes.patches)
    total = {"energy": 4.550, "words": 0.610 + 1.140 + 3.180, "cycles": 7.0}[kind]
    assert drawn == pytest.approx(total)
    label = {
        "energy": "energy (nJ)",
        "words": "reads + writes ($10^{3}$ words)",
        "cycles": "time ($10^{3}$ cycles)",
    }
    assert axes.get_ylabel() == label[kind]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["conv1", "pool1", "conv2"]


def test_plot_is_saved_as_its_suffix_says(tmp_path: Path) -> None:
    make_report().plot(path=tmp_path / "energy.png")
    assert (tmp_path / "energy.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(DnnAccelError, match="the suffix says the format"):
        make_report().plot(path=tmp_path / "energy.docx")
    assert len(list(tmp_path.iterdir())) == 1


def test_repr_is_one_line() -> None:
    assert repr(make_report()) == "<Report tiny on chip, rs: 4 layers, 7.000k cycles, 4.550 nJ, 35.00 µs>"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (96, "96"),
        (999, "999"),
        (1000, "1.000k"),
        (105_415_200, "105.4M"),
        (999_960, "1.000M"),
        (99_996, "100.0k"),
        (16.257, "16.26"),
        (9.99996, "10.00"),
        (0.00123, "0.00123"),
        (2**53, "9.007P"),
        (10**30, "1000000000000E"),
        (None, "-"),
    ],
)
def test_counts_read_well(value: float | None, text: str) -> None:
    assert units.count(value) == text


def test_quantities_read_well() -> None:
    assert units.quantity(0.00123, "J") == "1.230 mJ"
    assert units.quantity(0, "J") == "0 J"
    assert units.energy(1.23e9, "pJ") == "1.230 mJ"
    assert units.energy(7.2442e9, "MAC") == "7.244G MAC"
    assert units.percent(0.61234) == "61.2"
    assert units.percent(0.0001) == "<0.1"
    assert units.ratio(1.254) == "1.25x"
    assert units.ratio(None) == "n/a"


def test_columns_that_do_not_fit_go_below() -> None:
    columns = [Column("layer", ["a"], left=True), *(Column(f"memory{i}", ["1"]) for i in range(16))]
    text = layout(columns, width=60)
    assert max(map(len, text.splitlines())) <= 60
    assert all(f"memory{i}" in text for i in range(16))


def test_importing_reports_loads_no_heavy_package() -> None:
    code = (
        "import sys, dnnaccel.report, dnnaccel.compare\n"
        "heavy = {'rich', 'pandas', 'matplotlib', 'click', 'yaml', 'pydantic'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_report_is_frozen() -> None:
    report = make_report()
    assert isinstance(report, Report)
    with pytest.raises(AttributeError):
        report.batch = 3  # type: ignore[misc]
