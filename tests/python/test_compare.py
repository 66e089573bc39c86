"""Does a comparison run every combination, give ratios to the right row, and keep what cannot run?"""

from __future__ import annotations

import csv
import importlib
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from report_factory import make_report

from dnnaccel.compare import Comparison, ComparisonRow, compare
from dnnaccel.errors import DataflowError, DnnAccelError, LayerError, MappingError, UnknownNameError


@pytest.fixture(scope="module")
def ran() -> Comparison:
    return compare("lenet5", ["eyeriss", "eyeriss_isca16_rs"], ["ws", "os"])


def row(**changes: object) -> ComparisonRow:
    given = {"network": "tiny", "chip": "chip", "dataflow": "rs", "report": make_report()} | changes
    return ComparisonRow(**given)  # type: ignore[arg-type]


def test_every_combination_is_a_row_in_order(ran: Comparison) -> None:
    assert [(r.network, r.chip, r.dataflow) for r in ran.rows] == [
        ("lenet5", "eyeriss", "ws"),
        ("lenet5", "eyeriss", "os"),
        ("lenet5", "eyeriss_isca16_rs", "ws"),
        ("lenet5", "eyeriss_isca16_rs", "os"),
    ]
    assert all((r.report is None) != (r.reason is None) for r in ran.rows)


def test_ratios_are_to_the_first_row_that_ran(ran: Comparison) -> None:
    done = [r for r in ran.rows if r.report is not None]
    first = done[0]
    assert first.report is not None
    assert (first.energy_ratio, first.cycles_ratio, first.dram_ratio) == (1.0, 1.0, 1.0)
    for other in done:
        assert other.report is not None
        assert other.cycles_ratio == pytest.approx(other.report.cycles / first.report.cycles)
        assert other.dram_words is not None
        assert first.dram_words is not None
        assert other.dram_ratio == pytest.approx(other.dram_words / first.dram_words)
        if other.report.energy_unit == first.report.energy_unit:
            assert other.energy_ratio == pytest.approx(other.report.energy / first.report.energy)
        else:
            assert other.energy_ratio is None


def test_every_network_has_its_own_first_row() -> None:
    from dnnaccel import zoo

    nets = [zoo.load("lenet5"), zoo.load("lenet5", batch=2)]
    both = compare(nets, "eyeriss")
    assert [r.cycles_ratio for r in both.rows] == [1.0, 1.0]
    assert [r.report.batch for r in both.rows if r.report is not None] == [1, 2]


def test_a_chip_runs_its_own_dataflow_by_default() -> None:
    from dnnaccel import arch

    assert compare("lenet5", "eyeriss").rows[0].dataflow == arch.load("eyeriss").dataflow


@pytest.mark.parametrize("error", [DataflowError, MappingError])
def test_a_combination_that_cannot_run_is_a_row_with_its_reason(monkeypatch, error) -> None:
    def simulate_all(jobs, **options):
        refusal = error("psum_spad needs 96 words of outputs and has 1")
        return [refusal if flow.name == "ws" else make_report() for _, _, flow in jobs]

    monkeypatch.setattr(importlib.import_module("dnnaccel.simulate"), "simulate_all", simulate_all)
    refused, first = compare("lenet5", "eyeriss", ["ws", "os"]).rows
    assert (refused.report, refused.energy_ratio, refused.dram_words) == (None, None, None)
    assert refused.reason == "psum_spad needs 96 words of outputs and has 1"
    assert (first.reason, first.energy_ratio) == (None, 1.0)


def test_any_other_mistake_is_raised(monkeypatch) -> None:
    def simulate_all(*given, **options):
        raise LayerError("conv1: shapes do not meet")

    monkeypatch.setattr(importlib.import_module("dnnaccel.simulate"), "simulate_all", simulate_all)
    with pytest.raises(LayerError, match="do not meet"):
        compare("lenet5", "eyeriss")


@pytest.mark.parametrize(
    ("networks", "chips", "dataflows", "words"),
    [
        ("alexnt", "eyeriss", None, "did you mean 'alexnet'?"),
        ("alexnet", "eyeris", None, "did you mean 'eyeriss'?"),
        ("alexnet", "eyeriss", ["ws", "oss"], "unknown dataflow 'oss'"),
    ],
)
def test_unknown_names_raise_before_anything_runs(networks, chips, dataflows, words) -> None:
    ran_so_far = []
    with pytest.raises(UnknownNameError) as caught:
        compare(networks, chips, dataflows, progress=lambda *args: ran_so_far.append(args))
    assert words in str(caught.value)
    assert not ran_so_far


@pytest.mark.parametrize("empty", [([], "eyeriss", None), ("lenet5", [], None), ("lenet5", "eyeriss", [])])
def test_empty_lists_are_refused(empty) -> None:
    with pytest.raises(DnnAccelError, match="needs at least one"):
        compare(*empty)


def test_progress_counts_searches_of_all_combinations() -> None:
    seen: list[tuple[int, int]] = []
    compare("lenet5", "eyeriss", ["ws", "os"], progress=lambda done, total, what: seen.append((done, total)))
    (total,) = {total for _, total in seen}
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1] == (total, total)


def test_table_shows_ratios_and_reasons() -> None:
    rows = (
        row(energy_ratio=1.0, cycles_ratio=1.0, dram_ratio=1.0),
        row(chip="other", report=make_report(scale=2), energy_ratio=2.0, cycles_ratio=1.857, dram_ratio=1.98),
        row(
            chip="normalised",
            report=make_report(energy_unit="MAC", clock=None),
            cycles_ratio=1.0,
            dram_ratio=1.0,
        ),
        row(chip="small", dataflow="nlr", report=None, reason="psum_spad cannot be bypassed"),
    )
    text = str(Comparison(rows=rows))
    assert max(len(line) for line in text.splitlines()) <= 120
    for words in ("2.00x", "1.86x", "1.98x", "n/a", "cannot run", "4.550k MAC"):
        assert words in text
    assert "tiny on small, nlr, cannot run: psum_spad cannot be bypassed" in text
    assert "energies or delays in different units are not compared" in text


def test_every_way_out_has_every_row(tmp_path: Path) -> None:
    comparison = Comparison(rows=(row(energy_ratio=1.0), row(report=None, reason="<too> small")))
    read = json.loads(comparison.to_json())["rows"]
    assert [r["reason"] for r in read] == [None, "<too> small"]
    assert read[0]["report"]["cycles"] == 7000
    table = list(csv.DictReader(io.StringIO(comparison.to_csv())))
    assert list(comparison.to_dataframe().columns) == list(table[0])
    assert table[0]["cycles"] == "7000"
    assert table[1]["cycles"] == ""
    assert "&lt;too&gt; small" in comparison.to_html()
    for suffix in ("json", "csv", "txt", "html"):
        comparison.save(tmp_path / f"out.{suffix}")
    assert len(list(tmp_path.iterdir())) == 4
    assert repr(comparison) == "<Comparison: 2 combinations, 1 ran>"


def test_functions_are_not_hidden_by_modules_of_their_name() -> None:
    code = (
        "import dnnaccel as da\n"
        "from dnnaccel.compare import Comparison\n"
        "assert isinstance(da.compare('lenet5', 'eyeriss'), Comparison)\n"
        "assert da.simulate('lenet5', 'eyeriss').macs > 0"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_page_is_run_again_from_its_inputs(tmp_path: Path) -> None:
    import dnnaccel as da

    page = tmp_path / "c.html"
    nets = ["lenet5", da.zoo.load("alexnet")["conv3"]]
    made = compare(
        nets, ["eyeriss", "gemmini"], ["ws", "rs"], objective="latency", effort="quick", equal_area=True
    )
    made.save(page)
    again = da.rerun(page)
    assert isinstance(again, Comparison)
    assert again.to_json() == made.to_json()
    assert again.to_html() == page.read_text()
    compare("lenet5", "eyeriss", density={"conv1": {"inputs": 0.5}}, effort="quick").save(page)
    with pytest.raises(DnnAccelError, match="not all there to run again: densities were given by layer"):
        da.rerun(page)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"objective":"energy"', '"objective":7', "objective is 7, which is of the wrong kind"),
        ('"objective":"energy"', '"objective":"enrgy"', "unknown objective 'enrgy'; did you mean 'energy'?"),
        ('"objective":"energy",', "", "objective is missing"),
        ('"equal_area":false', '"equal_area":{"eyeriss":1}', "the keys that are scaled, by chip"),
        ('"networks":[{', '"networks":[{"path":"/etc",', "networks must be the texts of files"),
        ('"dataflows":["ws"]', '"dataflows":["wss"]', "wss"),
        ('"effort"', '"effortt"', "unknown key 'effortt'; did you mean 'effort'?"),
    ],
)
def test_inputs_of_a_page_are_not_trusted(tmp_path: Path, old: str, new: str, words: str) -> None:
    import dnnaccel as da

    text = compare("lenet5", "eyeriss", "ws", effort="quick").to_html()
    assert old in text
    page = tmp_path / "c.html"
    page.write_text(text.replace(old, new))
    with pytest.raises(DnnAccelError) as caught:
        da.rerun(page)
    assert str(caught.value).startswith(f"{page}: ")
    assert words in str(caught.value)


def test_names_from_files_are_escaped() -> None:
    evil = "<script>alert(1)</script>"
    rows = (
        row(network=evil, chip=evil, dataflow=evil, report=make_report(network=evil, chip=evil)),
        row(network=evil, chip=evil, dataflow="ws", report=None, reason=f"{evil} does not fit"),
    )
    comparison = Comparison(rows=rows)
    for page in (comparison.to_html(), comparison._repr_html_(), comparison.layers().to_html()):
        assert "<script>alert" not in page
        assert "alert(1)" in page
    assert "What cannot run" in comparison.to_html()
