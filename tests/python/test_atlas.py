"""The atlas: every network on every chip, its orders, its page, and that a killed run resumes."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import os
import re
import signal
import sqlite3
import subprocess
import sys
import textwrap
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dnnaccel as da
from dnnaccel.atlas import Atlas, AtlasRow
from dnnaccel.atlas import ranks as orders
from dnnaccel.atlas.data import GROUPS, group_of
from dnnaccel.atlas.result import PAIRS
from dnnaccel.cli import run
from dnnaccel.errors import DnnAccelError, SweepError, UnknownNameError
from dnnaccel.sweeping.layers import LayerGroup, layer_groups

NETS = ["lenet5", "mlp", "squeezenet_v1_1"]
CHIPS = ["eyeriss", "eyeriss_isca16_ws"]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("atlas") / "atlas.sqlite"


@pytest.fixture(scope="module")
def found(store: Path) -> Atlas:
    return da.atlas(NETS, CHIPS, store=store)


values = st.lists(st.integers(0, 5) | st.floats(0, 5), max_size=12)


@given(st.data())
def test_orders_are_those_of_brute_force(data: st.DataObject) -> None:
    one = data.draw(values)
    other = data.draw(st.lists(st.integers(0, 5), min_size=len(one), max_size=len(one)))
    ranks = orders.ranks(one)
    for value, rank in zip(one, ranks, strict=True):
        less, same = sum(x < value for x in one), one.count(value)
        assert rank == less + (same + 1) / 2
    pairs = list(itertools.combinations(range(len(one)), 2))
    products = [(one[a] > one[b]) - (one[a] < one[b]) for a, b in pairs]
    others = [(other[a] > other[b]) - (other[a] < other[b]) for a, b in pairs]
    both = [p * q for p, q in zip(products, others, strict=True)]
    assert orders.swapped(one, other) == (both.count(-1) / len(both) if pairs else None)
    ties = [[abs(x) for x in side].count(0) for side in (products, others)]
    base = math.sqrt((len(pairs) - ties[0]) * (len(pairs) - ties[1]))
    expected = (both.count(1) - both.count(-1)) / base if base else None
    assert orders.kendall(one, other) == pytest.approx(expected)


@settings(deadline=None)  # the first call imports pandas
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=2, max_size=15))
def test_correlations_are_those_of_pandas(pairs: list[tuple[int, int]]) -> None:
    pd = pytest.importorskip("pandas")
    one, other = [a for a, _ in pairs], [b for _, b in pairs]
    spearman = orders.spearman(one, other)
    # Pearson's of pandas' own ranks: its "spearman" asks for scipy.
    expected = pd.Series(one).rank().corr(pd.Series(other).rank())
    if spearman is None:
        assert len(set(one)) == 1 or len(set(other)) == 1
    else:
        assert spearman == pytest.approx(expected, abs=1e-12)
    assert orders.ranks(one) == list(pd.Series(one).rank())


def test_extreme_orders() -> None:
    rising, falling = [1, 2, 3, 4], [8, 6, 4, 2]
    assert (orders.kendall(rising, rising), orders.spearman(rising, rising)) == (1, pytest.approx(1))
    assert (orders.kendall(rising, falling), orders.spearman(rising, falling)) == (-1, pytest.approx(-1))
    assert orders.swapped(rising, falling) == 1
    assert orders.kendall([1], [2]) is orders.spearman([1], [2]) is orders.swapped([], []) is None


def test_rows_agree_with_simulate(found: Atlas) -> None:
    assert [(row.network, row.chip) for row in found] == list(itertools.product(NETS, CHIPS))
    for row in found:
        report = da.simulate(row.network, row.chip, effort="quick", objective="edp")
        assert (row.energy, row.cycles, row.seconds) == (report.energy, report.cycles, report.seconds)
        assert row.figures["utilization"] == report.utilization
        assert sum(group.cycles for group in row.layers) == report.cycles
        assert sum(group.macs for group in row.layers) == report.macs
        assert math.isclose(sum(group.energy for group in row.layers), report.energy, rel_tol=1e-12)
        mapped = [layer.optimal for layer in report.layers if layer.optimal is not None]
        assert row.proved == sum(mapped) / len(mapped)
        bound = {layer.bound_by for layer in report.layers if layer.cycles}
        assert {group.bound_by for group in row.layers if group.cycles} <= bound


def test_groups_hold_equal_layers_only() -> None:
    net = da.zoo.load("squeezenet_v1_1")
    report = da.simulate(net, "eyeriss", effort="quick", objective="edp")
    groups = {group.name: group for group in layer_groups(net, report)}
    layers = {layer.name: layer for layer in net.layers}
    for name, group in groups.items():
        if not group.macs:
            continue
        same = [cost for cost in report.layers if layers[cost.name].problem == layers[name].problem]
        assert group.layers == len(same)
        assert {cost.cycles for cost in same} == {report[name].cycles}
        assert group.utilization == pytest.approx(report[name].utilization)


def test_ranks_and_correlations_are_of_the_rows(found: Atlas) -> None:
    for chip in CHIPS:
        ranks = found.ranks(chip)
        for figure, of in (("energy", "energy"), ("latency", "cycles")):
            by_value = sorted(NETS, key=lambda name: getattr(found[name, chip], of))
            assert sorted(NETS, key=lambda name: ranks[figure][name]) == by_value
        assert ranks["macs"] == {"lenet5": 1, "mlp": 2, "squeezenet_v1_1": 3}
    of = {(one.chip, one.first, one.second): one for one in found.correlations()}
    assert set(of) == {(chip, *pair) for chip in CHIPS for pair in PAIRS}
    for (chip, first, second), one in of.items():
        figures = found.figures(chip)
        pair = [list(figures[name].values()) for name in (first, second)]
        assert (one.kendall, one.spearman) == (orders.kendall(*pair), orders.spearman(*pair))
        assert one.networks == 3
    assert found.main_dataset() == "MNIST"
    assert {one.networks for one in found.correlations("MNIST")} == {2}
    spread = [found["lenet5", "eyeriss"].cycles / 416520, found["mlp", "eyeriss"].cycles / 519500]  # type: ignore[operator]
    assert found.spread("latency", "eyeriss", "MNIST") == pytest.approx(max(spread) / min(spread))


def test_chips_are_held_against_each_other(found: Atlas) -> None:
    for figure in ("energy", "latency", "macs"):
        matrix = found.between_chips(figure)
        for one, other in itertools.product(range(len(CHIPS)), repeat=2):
            pair = [list(found.figures(CHIPS[index])[figure].values()) for index in (one, other)]
            assert matrix[one][other] == orders.kendall(*pair) == matrix[other][one]
            assert one != other or matrix[one][other] == 1
    with pytest.raises(UnknownNameError, match="figure"):
        found.between_chips("power")


def test_what_is_kept_gives_the_same_bytes(
    found: Atlas, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("it is in the store")

    monkeypatch.setattr(sys.modules["dnnaccel.simulate"], "simulate", never)
    again = da.atlas(NETS, CHIPS, store=store)
    assert again == found
    for format in ("to_json", "to_csv", "to_text", "to_html"):
        assert getattr(again, format)() == getattr(found, format)()


def test_it_is_kept_in_the_cache_directory_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DNNACCEL_CACHE", str(tmp_path / "cache"))
    da.atlas("mlp", "eyeriss_isca16_ws")
    assert (tmp_path / "cache" / "atlas.sqlite").is_file()
    assert run(["cache"]) == 0
    assert "atlas.sqlite" in capsys.readouterr().out
    assert run(["cache", "--clear"]) == 0
    assert "removed the atlas" in capsys.readouterr().out
    assert not list((tmp_path / "cache").glob("atlas*"))
    monkeypatch.setenv("DNNACCEL_CACHE", "off")
    assert len(da.atlas("mlp", "eyeriss_isca16_ws")) == 1


def test_this_machine_is_measured_once_in_a_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = da.atlas("mlp", "host_cpu", store=tmp_path / "a.sqlite")
    other = da.arch.load("host_cpu").override({"clock_mhz": 1234})
    monkeypatch.setattr("dnnaccel.arch.load", lambda _: other)
    assert da.atlas("mlp", "host_cpu", store=tmp_path / "a.sqlite") == first
    assert da.atlas("mlp", "host_cpu", store=tmp_path / "b.sqlite").chips[0].clock_mhz == 1234


def test_what_cannot_run_is_a_row_with_its_reason(tmp_path: Path) -> None:
    tiny = da.arch.load("eyeriss").override({"glb.size_bytes": 8})
    found = da.atlas(["lenet5", "mlp"], [tiny], store=tmp_path / "a.sqlite")
    row, other = found
    assert found.ran == (other,)
    assert row.reason
    assert row.energy is row.cycles is row.seconds is row.bound_by is row.proved is None
    assert row.layers == ()
    assert found.correlations()[0].kendall is None
    assert "cannot run lenet5" in found.to_text()
    assert "cannot run" in found.to_html()
    assert json.loads(found.to_json())["rows"][0]["reason"]


SCRIPT = """
    import sys
    import dnnaccel as da

    nets = ["lenet5", "lenet_caffe", "lenet5_sparse", "mlp"]
    found = da.atlas(nets, ["eyeriss", "eyeriss_v2", "eie"], store=sys.argv[1])
    print(found.to_json(), end="")
"""


def test_a_killed_run_resumes(tmp_path: Path) -> None:
    script = tmp_path / "job.py"
    script.write_text(textwrap.dedent(SCRIPT), encoding="utf-8")

    def start(store: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, str(script), str(tmp_path / store)],
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def kept() -> int:
        path = tmp_path / "broken.sqlite"
        if not path.exists():
            return 0
        try:
            with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
                return int(database.execute("SELECT count(*) FROM points").fetchone()[0])
        except sqlite3.Error:
            return 0

    whole, _ = start("whole.sqlite").communicate()
    job = start("broken.sqlite")
    while job.poll() is None and kept() < 3:
        pass
    assert job.poll() is None, "it was done before it could be killed"
    os.killpg(job.pid, signal.SIGKILL)
    job.communicate()
    before = kept()
    assert 3 <= before < 12
    resumed, _ = start("broken.sqlite").communicate()
    assert resumed == whole
    assert kept() == 12


class Page(HTMLParser):
    """The texts, the elements and the embedded data of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.data: Any = None
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = dict(attrs).get("id") or ""

    def handle_data(self, data: str) -> None:
        if self._inside == "atlas-data" and data.strip():
            self.data = json.loads(data)
            self._inside = ""


def test_the_page_has_the_numbers_of_the_reports(found: Atlas) -> None:
    data = Page(found.to_html()).data
    assert [net["name"] for net in data["networks"]] == NETS
    assert [chip["name"] for chip in data["chips"]] == CHIPS
    for place, (row, kept) in enumerate(zip(data["rows"], found, strict=True)):
        net, chip, energy, cycles, utilization, bound, proved, groups = row
        assert place == net * len(CHIPS) + chip
        assert (NETS[net], CHIPS[chip]) == (kept.network, kept.chip)
        report = da.simulate(kept.network, kept.chip, effort="quick", objective="edp")
        assert (energy, cycles) == (report.energy, report.cycles)
        assert utilization == pytest.approx(report.utilization, rel=1e-3)
        assert data["bounds"][bound] == kept.bound_by
        assert proved == pytest.approx(kept.proved, rel=1e-3)
        assert sum(group[1] for group in groups) == report.cycles
        assert sum(group[2] for group in groups) == pytest.approx(report.energy, rel=1e-3)
        layers = data["networks"][net]["layers"]
        assert sum(layers[group[0]][3] for group in groups) == report.macs
    for scope in data["scopes"]:
        expected = [[one.first, one.second] for one in found.correlations(scope["dataset"])]
        assert [row[:2] for chip in scope["orders"] for row in chip] == expected


def test_the_page_needs_nothing_from_elsewhere(found: Atlas) -> None:
    page = Page(found.to_html())
    assert not [tag for tag in page.tags if tag[0] in ("link", "img", "iframe", "base")]
    for tag, attributes in page.tags:
        assert "src" not in attributes, tag
        assert not (attributes.get("href") or "#").startswith(("http", "//", "javascript")), attributes
        assert "style" not in attributes, "the page's policy forbids styles in attributes"


def test_texts_from_files_are_escaped(tmp_path: Path) -> None:
    bad = "</script><script>alert(1)</script>&\"'"
    net = da.zoo.load("mlp")
    title = {**net.metadata, "title": bad, "dataset": bad, "accuracy_source": bad, "top1": 1.0}
    evil = dataclasses.replace(net, metadata=title)
    found = da.atlas([evil], ["eyeriss_isca16_ws"], store=tmp_path / "a.sqlite")
    (row,) = found.rows
    reason = AtlasRow(network="mlp", chip=row.chip, figures={}, layers=(), reason=bad)
    for one in (
        found,
        Atlas(networks=found.networks, chips=found.chips, rows=(reason,), objective=bad, effort=bad),
    ):
        text = one.to_html()
        assert "<script>alert" not in text
        assert text.count("</script>") == 3  # the inputs, the data, and the page's own
        assert Page(text).data["networks"][0]["title"] == bad


def test_kinds_of_networks_cover_the_zoo() -> None:
    other = len(GROUPS) - 1
    names = [name for name in da.zoo.names() if group_of(name) == other]
    assert names == ["lenet5", "lenet5_sparse", "lenet_caffe", "mlp"]
    assert group_of("something new") == other


@pytest.mark.parametrize(
    "row",
    [
        None,
        [],
        ["a", "b", 1, 1, 1, 1.0, 1.0, "dram"],
        ["a", "b", True, 1, 1, 1.0, 1.0, "dram", None],
        ["a", "b", 1, 1, "1", 1.0, 1.0, "dram", None],
        ["a", 2, 1, 1, 1, 1.0, 1.0, "dram", None],
        ["a", "b", 1, 1, 1, 1.0, 1.0, "dram", 1],
    ],
)
def test_stored_rows_are_checked(row: object) -> None:
    with pytest.raises(ValueError, match="group of layers"):
        LayerGroup.from_row(row)


def test_stored_rows_come_back_as_they_were(found: Atlas) -> None:
    for row in found:
        for group in row.layers:
            assert LayerGroup.from_row(json.loads(json.dumps(group.to_row()))) == group


@pytest.mark.parametrize("damage", ["broken", "layers", "figure", "energy"])
def test_a_damaged_store_is_not_believed(damage: str, tmp_path: Path) -> None:
    store = tmp_path / "a.sqlite"
    found = da.atlas("mlp", "eyeriss_isca16_ws", store=store)
    with sqlite3.connect(store) as database:
        (text,) = database.execute("SELECT result FROM points").fetchone()
        result = json.loads(text)
        if damage == "layers":
            result["layers"][0][4] = "many"
        elif damage == "figure":
            result["cycles"] = True
        elif damage == "energy":
            result["energy"] = None
        text = "{" if damage == "broken" else json.dumps(result)
        database.execute("UPDATE points SET result = ?", (text,))
    if damage == "energy":  # a chip of a sweep need not have it
        with pytest.raises(SweepError, match=r"mlp on eyeriss_isca16_ws is damaged.*remove the store"):
            da.atlas("mlp", "eyeriss_isca16_ws", store=store)
    else:
        assert da.atlas("mlp", "eyeriss_isca16_ws", store=store) == found


@pytest.mark.parametrize("note", ["{", "[]", '{"levels": 3}', '{"extends": "/etc/passwd"}'])
def test_a_damaged_chip_is_measured_again(note: str, tmp_path: Path) -> None:
    store = tmp_path / "a.sqlite"
    found = da.atlas("mlp", "host_cpu", store=store)
    with sqlite3.connect(store) as database:
        database.execute("UPDATE notes SET value = ?", (note,))
    assert da.atlas("mlp", "host_cpu", store=store) == found  # this process measures once


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        (("lenet", "eyeriss"), UnknownNameError, "lenet5"),
        (("lenet5", "eyerisss"), UnknownNameError, "eyeriss"),
        (([], "eyeriss"), SweepError, "at least one network"),
        (("lenet5", []), SweepError, "at least one chip"),
        ((["mlp", "mlp"], "eyeriss"), SweepError, "'mlp' is given twice"),
        (("mlp", ["eyeriss", "eyeriss"]), SweepError, "'eyeriss' is given twice"),
    ],
)
def test_what_makes_no_sense_is_refused(
    arguments: tuple[Any, Any], error: type[DnnAccelError], says: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=says):
        da.atlas(*arguments, store=tmp_path / "a.sqlite")


def test_options_and_names_are_checked(found: Atlas, tmp_path: Path) -> None:
    for option in ("objective", "effort"):
        with pytest.raises(UnknownNameError, match=option):
            da.atlas("mlp", "eyeriss", store=tmp_path / "a.sqlite", **{option: "x"})
    with pytest.raises(UnknownNameError, match="network"):
        found["lenet", "eyeriss"]
    with pytest.raises(UnknownNameError, match="chip"):
        found.ranks("eyeris")
    with pytest.raises(UnknownNameError, match="figure"):
        found.spread("power", "eyeriss")


def test_the_command_prints_and_writes(
    store: Path, found: Atlas, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ["atlas", "-n", ",".join(NETS), "-a", ",".join(CHIPS), "--store", str(store)]
    assert run(common) == 0
    assert capsys.readouterr().out == found.to_text(width=120) + "\n"
    assert run([*common, "-o", str(tmp_path / "a.html")]) == 0
    assert (tmp_path / "a.html").read_text("utf-8") == found.to_html()
    assert run([*common, "--format", "csv"]) == 0
    out = capsys.readouterr().out
    assert out == found.to_csv()
    assert len(out.splitlines()) == 7
    assert run(["atlas", "-n", "lenex*", "-a", "eyeriss"]) == 2
    assert re.search("unknown network.*lenex", capsys.readouterr().err)
    assert list(found.to_dataframe()["cycles"]) == [row.cycles for row in found]
