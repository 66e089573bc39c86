"""Do the tables of comparisons say what the reports say: ratios, sums, shares and units?"""

from __future__ import annotations

import math

import pytest
from compare_factory import read_number, read_tables, reports
from hypothesis import given, settings
from hypothesis import strategies as st

import dnnaccel as da
from dnnaccel.compare import Comparison
from dnnaccel.comparing.rows import ComparisonRow, row_of
from dnnaccel.report import Report

UNITS_OF_MEASURE = {"pJ": ("J", 1e-12), "MAC": ("MAC", 1.0)}
HALF_A_DIGIT = 5.1e-4  # four digits are printed


@st.composite
def comparisons(draw: st.DrawFn) -> Comparison:
    """Some combinations of one network, of which some cannot run and some are in another unit."""
    rows: list[ComparisonRow] = []
    base: Report | None = None
    for index in range(draw(st.integers(1, 4))):
        names = {"network": "tiny", "chip": "chip", "dataflow": f"flow{index}"}
        if draw(st.integers(0, 4)) == 0:
            rows.append(ComparisonRow(report=None, reason="it does not fit", **names))
            continue
        report = draw(reports(unit=draw(st.sampled_from(["pJ", "pJ", "MAC"]))))
        base = base or report
        rows.append(row_of(report, base, **names))
    return Comparison(rows=tuple(rows))


def ran(comparison: Comparison) -> list[tuple[ComparisonRow, Report]]:
    return [(row, row.report) for row in comparison.rows if row.report is not None]


def close(text: str, value: float, unit: str) -> bool:
    """Whether a printed cell is this value in this unit, to the digits that are printed."""
    shown, its_unit = read_number(text)
    return its_unit == unit and math.isclose(shown, value, rel_tol=HALF_A_DIGIT)


@settings(max_examples=60, deadline=None)
@given(comparisons())
def test_ratios_are_those_of_the_reports(comparison: Comparison) -> None:
    rows = ran(comparison)
    for row, report in rows:
        first = rows[0][1]
        same = report.energy_unit == first.energy_unit
        assert row.energy_ratio == (report.energy / first.energy if same else None)
        assert row.cycles_ratio == report.cycles / first.cycles
        assert row.edp_ratio == (report.edp / first.edp if report.edp_unit == first.edp_unit else None)
        assert row.dram_ratio == report.traffic("dram") / first.traffic("dram")
        assert row.dram_words_per_mac == report.traffic("dram") / report.macs
        assert row.dram_bytes_per_mac == report.traffic("dram", unit="bytes") / report.macs
        if row.edp_ratio is not None and row.energy_ratio is not None:
            assert row.cycles_ratio is not None
            assert row.edp_ratio == pytest.approx(row.energy_ratio * row.cycles_ratio)


@settings(max_examples=60, deadline=None)
@given(comparisons())
def test_energies_by_place_and_tensor_are_parts_of_the_energy(comparison: Comparison) -> None:
    for row, report in ran(comparison):
        places, tensors = row.energy_by_place(), row.energy_by_tensor()
        assert sum(places.values()) == pytest.approx(report.energy)
        assert sum(tensors.values()) == pytest.approx(report.energy)
        for unit in ("mac", "vector", "leakage"):
            assert places[unit] == tensors[unit]
        flat = row.to_row()
        moved = ("dram", "buffers", "networks", "registers")
        assert sum(flat[f"energy.{p}"] for p in moved) == pytest.approx(
            sum(flat[f"energy.{t}"] for t in ("inputs", "weights", "outputs"))
        )


@settings(max_examples=60, deadline=None)
@given(comparisons())
def test_printed_tables_say_what_the_reports_say(comparison: Comparison) -> None:
    text = comparison.to_text(width=400)
    totals, traffic, *shares = read_tables(text)
    for table in (totals, traffic, *shares):
        assert [cells[2] for cells in table] == [row.dataflow for row in comparison.rows]
    for row, cells, more in zip(comparison.rows, totals, traffic, strict=True):
        report = row.report
        if report is None:
            assert cells[3] == "cannot run"
            assert set(cells[4:]) | set(more[3:]) == {"-"}
            assert f"cannot run: {row.reason}" in text
            continue
        unit, scale = UNITS_OF_MEASURE[report.energy_unit]
        assert close(cells[3], report.energy_per_inference * scale, unit)
        assert close(cells[5], report.cycles, "")
        delay = "cycles" if report.seconds is None else "s"
        assert close(cells[8], report.edp * scale, f"{unit} {delay}")
        if report.seconds is not None:
            assert close(cells[6], report.seconds, "s")
        assert close(more[5], report.traffic("dram"), "")
        assert close(more[8], report.traffic("dram", unit="bytes"), "B")
        for cell, value in ((cells[4], row.energy_ratio), (cells[7], row.cycles_ratio)):
            assert cell == "n/a" if value is None else cell.endswith("x")
            if value is not None:
                assert float(cell[:-1]) == pytest.approx(value, rel=5.1e-3, abs=5.1e-3)


@settings(max_examples=60, deadline=None)
@given(comparisons())
def test_printed_shares_sum_to_all(comparison: Comparison) -> None:
    for table in read_tables(comparison.to_text(width=400))[2:]:
        for row, cells in zip(comparison.rows, table, strict=True):
            if row.report is None:
                continue
            low = high = 0.0
            for cell in cells[4:]:
                shown = 0.0 if cell in ("-", "<0.1", "0") else float(cell)
                low += max(0.0, shown - 0.0501)
                high += 0.0 if cell in ("-", "0") else shown + 0.0501
            assert low <= 100 <= high


@settings(max_examples=60, deadline=None)
@given(comparisons())
def test_layers_add_up_and_the_least_is_the_least(comparison: Comparison) -> None:
    if not ran(comparison):
        assert len(comparison.layers()) == 0
        return
    (network,) = comparison.layers()
    assert [row.dataflow for row in network.columns] == [row.dataflow for row, _ in ran(comparison)]
    for figure in ("energy", "cycles", "dram_words"):
        sums = [sum(row.figures[figure][i] or 0 for row in network.rows) for i in range(len(network.columns))]
        assert sums == pytest.approx(list(network.total.figures[figure]))
        for row in (*network.rows, network.total):
            values = row.figures[figure]
            same = network.comparable(figure)
            for value, each, ok in zip(values, network.ratios(row, figure), same, strict=True):
                assert each == (value / values[0] if ok and values[0] else None)
            known = [value for value, ok in zip(values, same, strict=True) if ok]
            least = {i for i, value in enumerate(values) if same[i] and value == min(known)}
            assert set(network.least(row, figure)) == (least if any(known) else set())


@settings(max_examples=30, deadline=None)
@given(comparisons(), st.sampled_from(["energy", "cycles", "dram_words"]))
def test_sorted_layers_are_the_same_layers(comparison: Comparison, sort: str) -> None:
    for network in comparison.layers(sort):
        values = [row.figures[sort][0] for row in network.sorted_rows(sort)]
        assert values == sorted(values, reverse=True)
        assert {row.name for row in network.sorted_rows(sort)} == {row.name for row in network.rows}
    text = comparison.layers(sort).to_text(width=400)
    for table, figure in zip(read_tables(text), ("energy", "cycles", "dram_words"), strict=False):
        total = ran(comparison)[0][1]
        unit, scale = UNITS_OF_MEASURE[total.energy_unit] if figure == "energy" else ("", 1.0)
        value = {"energy": total.energy, "cycles": total.cycles, "dram_words": total.traffic("dram")}[figure]
        assert table[-1][0] == "total"
        assert close(table[-1][1], value * scale, unit)


@settings(max_examples=30, deadline=None)
@given(comparisons())
def test_json_csv_and_frame_agree(comparison: Comparison) -> None:
    import csv
    import io
    import json

    read = json.loads(comparison.to_json())
    rows = list(csv.DictReader(io.StringIO(comparison.to_csv())))
    frame = comparison.to_dataframe()
    assert list(frame.columns) == list(rows[0])
    for plain, flat, row in zip(read["rows"], rows, comparison.rows, strict=True):
        assert plain["dataflow"] == flat["dataflow"] == row.dataflow
        for key in ("energy", "edp", "dram_words", "dram_bytes_per_mac", "energy_ratio"):
            assert flat[key] == ("" if plain[key] is None else str(plain[key]))
        for part, spent in (plain["energy_by_place"] | plain["energy_by_tensor"]).items():
            assert float(flat[f"energy.{part}"]) == spent
    ran_count = len(ran(comparison))
    assert len(read["layers"]) == ran_count * 4


def test_a_comparison_says_what_single_simulations_say() -> None:
    nets, chips, flows = ["lenet5", "alexnet"], ["eyeriss", "tpu_v1", "gemmini"], ["ws", "os", "rs"]
    made = da.compare(nets, chips, flows, objective="latency", effort="quick")
    found = {(row.network, row.chip, row.dataflow): row for row in made.rows}
    assert len(found) == len(made) == 18
    for (net, chip, flow), row in found.items():
        if row.report is None:
            with pytest.raises((da.DataflowError, da.MappingError)) as caught:
                da.simulate(net, chip, dataflow=flow, objective="latency", effort="quick")
            assert row.reason == str(caught.value)
            continue
        report = da.simulate(net, chip, dataflow=flow, objective="latency", effort="quick")
        assert row.report == report
        assert [layer.optimal for layer in report] == [layer.optimal for layer in row.report]


def test_the_answer_does_not_depend_on_threads() -> None:
    texts = [da.compare("lenet5", "eyeriss", ["ws", "os", "osa"], threads=n).to_json() for n in (1, 2, 5)]
    assert len(set(texts)) == 1


def test_equal_searches_of_combinations_are_done_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from dnnaccel import _core, _search_run

    monkeypatch.setenv("DNNACCEL_CACHE", "0")
    real, calls = _core.search, []

    def search(*given: object) -> object:
        calls.append(given)
        return real(*given)

    monkeypatch.setattr(_search_run._core, "search", search)
    da.compare("lenet5", "eyeriss", ["os"])
    alone = len(calls)
    da.compare(["lenet5", "lenet5"], ["eyeriss", "eyeriss"], ["os", "osa", "osb", "osc"])
    assert len(calls) == 2 * alone


def test_an_interrupt_stops_a_comparison() -> None:
    def progress(done: int, total: int, what: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        da.compare("lenet5", "eyeriss", ["ws", "os"], progress=progress)
