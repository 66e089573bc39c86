"""Pages without a browser: whole, escaped, true to their reports, and good to run again."""

from __future__ import annotations

import contextlib
import json
import re
import tempfile
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_factory import make_conv, make_report

import dnnaccel as da
from dnnaccel._text import Column
from dnnaccel._units import count, energy, percent
from dnnaccel.cli import run
from dnnaccel.report import html
from dnnaccel.report.html.axes import axis, short
from dnnaccel.report.html.shell import INPUTS_ID
from dnnaccel.report.html.tables import _shown_number
from dnnaccel.rerun import read_inputs

# What ends an element, an attribute, a script or a comment, and characters that browsers or JSON treat apart.
_SPARKS = [
    "<",
    ">",
    "&",
    '"',
    "'",
    "`",
    "=",
    "/",
    "\\",
    "\n",
    "\x00",
    "\u2028",
    "</script>",
    "<script>",
    "<!--",
    "-->",
]
_SPARKS += ["]]>", "&lt;", "&#60;", "onload=x", "javascript:x", "</title>", "</style>", "{{", "😀", "\ud800"]
texts = st.lists(st.one_of(st.sampled_from(_SPARKS), st.text(max_size=5)), max_size=8).map("".join)


class Reader(HTMLParser):
    """The elements, attributes and texts of a page, and whether every element is closed."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs)
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "input", "rect", "line", "circle", "polyline", "path"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if self.open and self.open[-1] == tag:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def shape(self) -> list[tuple[str, list[str]]]:
        """Elements with the names of their attributes: what no name in a file may change."""
        return [(tag, sorted(attributes)) for tag, attributes in self.tags]


def every_block(name: str) -> list[str]:
    """One of each block, `name` wherever text can stand."""
    points = [html.ScatterPoint(x, x, name, note=name, group=name, link="#a") for x in (1.0, 20.0)]
    axes = {"x_label": name, "y_label": name, "title": name}
    return [
        html.section(name, html.details(name, html.paragraph(name), anchor=name), anchor=name),
        html.subtitle(name),
        html.preformatted(name),
        html.facts([(name, name)]),
        html.tiles([(name, name, name)]),
        html.table([Column(name, [name, name], left=True)], total=True, links=["#a"], anchor=name),
        html.table([Column(name, [name, "1"])], sort_values=[[name, 1.0]], searchable=True),
        html.heat_map([name], [name], [[1.0]], unit_text=lambda _: name, title=name),
        html.stacked_bars(
            [(name, {name: 1.0})], unit_text=lambda _: name, title=name, x_label=name, notes=[name]
        ),
        html.scatter(points, x_text=lambda _: name, y_text=lambda _: name, **axes),
        html.lines({name: [(1.0, 1.0), (2.0, 2.0)]}, **axes),
        html.roofline(points, peak=8.0, slopes={name: 1.0}, **axes),
        html.bump([name, name], {name: [1, 2]}, title=name),
    ]


PLAIN = Reader(
    html.page("n", every_block("n"), inputs={"n": "n", "list": ["n" * 9] * 40, "long": {"n": "n\n" * 40}})
).shape


@given(texts.map(lambda text: "n" + text))
def test_no_text_changes_the_elements_of_a_page(name: str) -> None:
    line = name[:90].replace("\n", " ")
    inputs = {name: line, "list": [line] * 40, "long": {name: f"{name}\n" * 40}}
    page = html.page(name, every_block(name), inputs=inputs)
    page.encode("utf-8")
    read = Reader(page)
    assert read.shape == PLAIN
    data = page.split(f'id="{INPUTS_ID}">')[1].split("</script>")[0]
    assert "<" not in data
    assert json.loads(data) == inputs
    assert Reader(html.fragment(*every_block(name))).shape == Reader(html.fragment(*every_block("n"))).shape


@given(texts)
def test_text_is_shown_as_it_is(text: str) -> None:
    for block in (html.paragraph(text), html.preformatted(text), html.facts([(text, "")])):
        assert "".join(Reader(block).texts).replace("\n", "") == text.replace("\n", "")


@given(texts.map(lambda text: "n" + text))
@settings(max_examples=30)
def test_names_of_networks_chips_and_layers_stay_text(name: str) -> None:
    report = replace(
        make_report(layers=(make_conv(name), make_conv("b"))), network=name, chip=name, dataflow=name
    )
    plain = make_report(layers=(make_conv("a"), make_conv("b")))
    assert Reader(report.to_html()).shape == Reader(plain.to_html()).shape
    assert Reader(report._repr_html_()).shape == Reader(plain._repr_html_()).shape


@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", "//elsewhere", "http://a.b", "data:text/html,x", "/etc", "a:b"]
)
def test_links_stay_in_the_page_or_beside_it(link: str) -> None:
    with pytest.raises(da.DnnAccelError, match="cannot link to"):
        html.table([Column("a", ["b"])], links=[link])
    with pytest.raises(da.DnnAccelError, match="cannot link to"):
        html.scatter([html.ScatterPoint(1, 1, "a", link=link)], x_label="", y_label="")
    assert 'href="alexnet.html#layer-1"' in html.table([Column("a", ["b"])], links=["alexnet.html#layer-1"])


sizes = st.floats(1e-14, 1e17)


@given(sizes)
def test_cells_sort_by_the_number_they_show(value: float) -> None:
    shown = {
        count(value): value,
        energy(value, "pJ"): value * 1e-12,
        energy(value, "MAC"): value,
        f"{value:.4g} mm2": value,
        f"{count(value)} frames/s": value,
        f"{count(value)} cycles": value,
    }
    for text, meant in shown.items():
        if 1e-15 < meant < 1e18:
            assert _shown_number(text) == pytest.approx(meant, rel=1e-3, abs=0)


def test_cells_without_a_number_sort_by_their_text() -> None:
    assert [
        _shown_number(text) for text in ("-", "n/a", "conv1", "1x1/2", "(1, 3)", "compute 2.94x", "")
    ] == [None] * 7
    assert _shown_number("<0.1") < _shown_number("0.1")
    assert (_shown_number("61.2"), _shown_number("1.25x"), _shown_number("1,024")) == (61.2, 1.25, 1024)


@given(st.lists(st.floats(1e-9, 1e15), min_size=1), st.booleans(), st.booleans())
def test_axes_hold_their_values_and_their_ticks(values: list[float], log: bool, zero: bool) -> None:
    found = axis(values, log=log, zero=zero)
    places = [found.place(value) for value in (*values, *found.ticks)]
    assert min(places) >= -1e-9
    assert max(places) <= 1 + 1e-9
    assert list(found.ticks) == sorted(set(found.ticks))
    assert 2 <= len(found.ticks) <= 9
    if zero and not log:
        assert found.place(0.0) == 0


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_an_axis_refuses_what_it_cannot_show(value: float) -> None:
    with pytest.raises(da.DnnAccelError, match="axis cannot show the value"):
        axis([1.0, value], log=True)


def test_ticks_leave_out_what_says_nothing() -> None:
    said = {"2.500 mJ": "2.5 mJ", "4.000M cycles": "4M", "0 J": "0 J", "100": "100", "168 MACs/cycle": "168"}
    assert {text: short(text) for text in said} == said


def rows_of(page: str, number: int) -> list[list[str]]:
    """Texts of the cells of a page's sortable table, the total last."""
    table = re.findall(r'<table class="sortable">.*?</table>', page, re.DOTALL)[number]
    rows = re.findall(r"<tr(?: class=\"total\")?>(.*?)</tr>", table, re.DOTALL)
    return [re.findall(r"<td[^>]*>(?:<a [^>]*>)?(.*?)(?:</a>)?</td>", row) for row in rows[1:]]


def test_numbers_of_a_page_are_those_of_the_report() -> None:
    report = da.simulate("alexnet", "eyeriss")
    page = report.to_html()
    work, spent = rows_of(page, 0), rows_of(page, 1)
    assert [row[0] for row in work] == [*(layer.name for layer in report), "total"]
    assert [row[4] for row in work[:-1]] == [count(layer.cycles) if layer.cycles else "-" for layer in report]
    assert work[-1][2:6] == [
        count(report.macs),
        count(report.ops),
        count(report.cycles),
        percent(report.utilization),
    ]
    assert [row[1] for row in spent] == [
        energy(x, "pJ") for x in (*(layer.energy for layer in report), report.energy)
    ]
    for figure in (
        energy(report.energy, "pJ"),
        f"{count(report.cycles)} cycles",
        f"{percent(report.utilization)} %",
    ):
        assert figure in page


def bars_of(page: str, number: int) -> dict[str, list[tuple[float, str]]]:
    """Width in percent and tooltip of every part of every bar of a page's chart."""
    chart = re.findall(r'<figure class="chart">.*?</figure>', page, re.DOTALL)[number]
    bar = r'<svg class="bar" role="group" aria-label="([^"]*)">(.*?)</svg>'
    part = r'width="([\d.e-]+)%" height="100%"><title>(.*?)</title>'
    return {
        name: [(float(width), unescape(tip)) for width, tip in re.findall(part, parts, re.DOTALL)]
        for name, parts in re.findall(bar, chart, re.DOTALL)
    }


@pytest.mark.parametrize("fidelity", ["analytical", "tile"])
def test_bars_are_as_long_as_the_report_says(fidelity: str) -> None:
    report = da.simulate("alexnet", "eyeriss", fidelity=fidelity)
    page = report.to_html()
    top = axis([layer.energy for layer in report], zero=True).high
    for number, by in ((0, "energy_by_level"), (1, "energy_by_tensor")):
        bars = bars_of(page, number)
        order = list(getattr(report, by)())
        for layer in report:
            split = getattr(layer, by)()
            expected = [(name, split[name]) for name in order if split.get(name)]
            drawn = bars.get(layer.name, [])
            assert [width for width, _ in drawn] == pytest.approx(
                [100 * x / top for _, x in expected], rel=1e-3
            )
            assert [tip for _, tip in drawn] == [
                f"{layer.name}\n{name}: {energy(spent, 'pJ')} ({percent(spent / layer.energy)} %)"
                for name, spent in expected
            ]
    top = axis([float(layer.cycles) for layer in report], zero=True).high
    for name, parts in bars_of(page, 2).items():
        assert sum(width for width, _ in parts) == pytest.approx(100 * report[name].cycles / top, rel=1e-3)


def test_the_page_of_resnet50_is_small_and_alone() -> None:
    report = da.simulate("resnet50", "eyeriss")
    page = report.to_html()
    assert len(page.encode()) < 2_000_000
    read = Reader(page)
    for tag, attributes in read.tags:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base", "form", "image", "use")
        assert "src" not in attributes
        assert "style" not in attributes
        assert attributes.get("href", "#").startswith("#")
        assert not any(name.startswith("on") for name in attributes)
    assert "default-src 'none'" in page
    style = page.split("<style>")[1].split("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style
    assert page == da.simulate("resnet50", "eyeriss", threads=1).to_html()
    ids = [attributes["id"] for _, attributes in read.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = {str(attributes["href"])[1:] for tag, attributes in read.tags if tag == "a"}
    assert links == {f"layer-{index}" for index, layer in enumerate(report) if layer.mapping} <= set(ids)


def test_fragments_share_a_notebook() -> None:
    net, chip = da.zoo.load("lenet5"), da.arch.load("eyeriss")
    report = da.simulate(net, chip, fidelity="cycle")
    found = da.search(net["conv2"], chip, objective="pareto")
    results = [net, chip, report, report["conv1"], report["conv1"].activity, report.provenance()]
    results += [found, found.mapping, da.explain(net, chip), da.compare(net, chip)]
    results += [
        da.sweep("lenet5", "eyeriss", {"pe_array.rows": [8, 12]}),
        da.systolic.simulate(net, rows=8, cols=8),
    ]
    for result in results:
        shown = result._repr_html_()
        assert shown.startswith('<div class="dnnaccel">')
        assert len(shown) < 100_000
        read = Reader(shown)
        assert not [tag for tag, attributes in read.tags if tag == "script"]
        assert not [tag for tag, attributes in read.tags if "theme" in attributes.get("class", "").split()]
        assert not [attributes for _, attributes in read.tags if "id" in attributes]
        style = shown.split("<style>")[1].split("</style>")[0]
        selectors = re.findall(r"^([^\s@}/][^{]*)\{", style, re.MULTILINE)
        assert len(selectors) > 20
        assert all(
            part.strip().startswith(".dnnaccel")
            for chosen in selectors
            for part in re.split(r",(?![^(]*\))", chosen)
        )


@given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=8), st.booleans(), st.sampled_from([None, 1.0]))
def test_heat_is_stronger_for_more(values: list[float], log: bool, middle: float | None) -> None:
    page = html.heat_map(
        ["a"], list("abcdefgh")[: len(values)], [values], unit_text=str, log=log, middle=middle
    )
    cells = re.findall(r'<td class="h(\d)( above)?">(.*?)</td>', page)
    assert [float(text) for _, _, text in cells] == values
    for (step, above, _), value in zip(cells, values, strict=True):
        assert (above != "") is (middle is not None and value > middle)
        for (other, other_above, _), farther in zip(cells, values, strict=True):
            if above == other_above and (value < farther) is (middle is None or above != ""):
                assert value == farther or int(step) <= int(other)


EYERISS = da.arch.load("eyeriss")
SMALLER = EYERISS.override({"pe_array.rows": 8})
ALEXNET = da.zoo.load("alexnet")
JOBS: dict[str, dict[str, Any]] = {
    "a network": {"net": "alexnet", "chip": "eyeriss"},
    "a batch": {"net": da.zoo.load("lenet5", batch=3), "chip": "tpu_v1"},
    "a layer": {"net": ALEXNET["conv2"], "chip": "eyeriss", "dataflow": "ws", "objective": "latency"},
    "a chip of one's own": {"net": "lenet5", "chip": SMALLER},
    "densities by name": {"net": "alexnet", "chip": "eyeriss", "density": "eyeriss_jssc17"},
    "one density": {"net": "lenet5", "chip": "eyeriss", "density": 0.5},
    "densities by tensor": {
        "net": "lenet5",
        "chip": "eyeriss",
        "density": {"inputs": 0.4},
        "fidelity": "tile",
    },
    "a dataflow of one's own": {
        "net": "lenet5",
        "chip": "eyeriss",
        "dataflow": da.dataflow.get("rs").constrained(forbid=["M@pe_array.columns"]),
    },
    "a mapping": {
        "net": ALEXNET["conv2"],
        "chip": EYERISS,
        "mapping": da.search(ALEXNET["conv2"], EYERISS).mapping,
    },
    "a DRAM": {"net": "lenet5", "chip": "eyeriss", "fidelity": "tile", "dram": da.dram.load("ddr4_2400")},
    "a DRAM by name": {"net": "lenet5", "chip": "eyeriss", "fidelity": "cycle", "dram": "ddr4_2400"},
    "nothing fused": {"net": "lenet5", "chip": "eyeriss", "fuse": False},
}


@pytest.mark.parametrize("name", JOBS)
def test_a_page_runs_again_to_an_equal_report(name: str, tmp_path: Path) -> None:
    report = da.simulate(**JOBS[name])
    page = tmp_path / "page.html"
    report.save(page)
    again = da.rerun(page)
    assert again == report
    assert again.to_json() == report.to_json()
    assert again.to_html() == report.to_html()


@pytest.mark.parametrize(
    "asked",
    [
        {"networks": ["lenet5", ALEXNET["conv2"]], "chips": EYERISS, "dataflows": ["rs", "os", "ws"]},
        {"networks": "lenet5", "chips": [EYERISS, SMALLER], "density": 0.5},
        {"networks": "lenet5", "chips": ["eyeriss", "tpu_v1"], "density": {"inputs": 0.4}, "effort": "quick"},
        {
            "networks": "lenet5",
            "chips": [EYERISS, EYERISS.override({"pe_array.rows": 8})],
            "equal_area": True,
        },
    ],
)
def test_a_page_of_a_comparison_runs_again(asked: dict[str, Any], tmp_path: Path) -> None:
    found = da.compare(**asked)
    found.save(tmp_path / "page.html")
    again = da.rerun(tmp_path / "page.html")
    assert again == found
    assert again.to_json() == found.to_json()
    assert again.to_html() == found.to_html()


def test_a_comparison_with_densities_by_name_cannot_be_run_again(tmp_path: Path) -> None:
    da.compare("alexnet", "eyeriss", density="eyeriss_jssc17").save(tmp_path / "page.html")
    with pytest.raises(da.DnnAccelError, match="densities were given by layer or by name"):
        da.rerun(tmp_path / "page.html")


def test_the_command_in_a_page_gives_its_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.html"
    given = ["lenet5", "--arch", "eyeriss", "--fidelity", "tile", "--html", str(page), "--quiet"]
    assert run(["simulate", *given, "--format", "json"]) == 0
    said = capsys.readouterr().out
    command = read_inputs(page)["command"].split()
    assert command[:3] == ["dnnaccel", "simulate", "lenet5"]
    assert run([*command[1:], "--format", "json"]) == 0
    assert capsys.readouterr().out == said
    assert run(["rerun", str(page), "--format", "json", "--quiet"]) == 0
    assert capsys.readouterr().out == said


def test_measured_densities_cannot_be_run_again(tmp_path: Path) -> None:
    import numpy as np

    layer = ALEXNET["conv2"]
    tensors = {"conv2.inputs": np.ones(layer.input_shapes[0], dtype=np.float32)}
    np.savez(tmp_path / "tensors.npz", **tensors)
    page = tmp_path / "page.html"
    da.simulate(layer, "eyeriss", density=tmp_path / "tensors.npz").save(page)
    with pytest.raises(da.DnnAccelError, match="densities were measured in tensors"):
        da.rerun(page)


def page_with(inputs: object, path: Path) -> Path:
    path.write_text(
        html.page("x", [], inputs={}).replace(">{}<", f">{json.dumps(inputs)}<"), encoding="utf-8"
    )
    return path


GOOD = json.loads(
    da.simulate("lenet5", "eyeriss").to_html().split(f'id="{INPUTS_ID}">')[1].split("</script>")[0]
)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"job": "sweep"}, "job is 'sweep'; only simulate and compare"),
        ({"chip": "format: 1\nextends: /etc/passwd\n"}, "extends"),
        ({"chip": "name: [1"}, "not valid YAML"),
        ({"chip": 3}, "chip is 3, which is of the wrong kind"),
        ({"network": "name: x"}, "dnnaccel_network"),
        ({"layer": "conv9"}, "conv9"),
        ({"dataflow": "/etc/passwd"}, "dataflow"),
        ({"dataflow": "rss"}, "dataflow"),
        ({"density": "/etc/passwd"}, "which is of the wrong kind"),
        ({"density": {"conv1": {"inputs": "/etc/passwd"}}}, "density.conv1.inputs"),
        ({"density": {"inputs": 7}}, "must be numbers by tensor"),
        ({"dram": "/etc/passwd"}, "DRAM"),
        ({"mappings": {"conv1": "/etc/passwd"}}, "passwd"),
        ({"mappings": {"conv1": 1}}, "must be the text of a mapping"),
        ({"fuse": 1}, "fuse is 1"),
        ({"batch": True}, "batch is True"),
        ({"objective": "energie"}, "energy"),
        ({"job": "compare"}, "unknown key 'network'"),
        ({"exec": "x"}, "unknown key 'exec'"),
    ],
)
def test_pages_with_unsound_inputs_are_refused(
    change: dict[str, object], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = page_with(GOOD | change, tmp_path / "page.html")
    assert run(["rerun", str(page)]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert str(page) in told
    assert "root:" not in told


@pytest.mark.parametrize(
    "text", ["", "<html></html>", "{}", f'<script type="application/json" id="{INPUTS_ID}">[}}</script>']
)
def test_files_that_are_no_page_are_refused(text: str, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(text)
    with pytest.raises(da.DnnAccelError, match=r"page\.html: "):
        da.rerun(page)
    with pytest.raises(da.DnnAccelError, match="no such file"):
        da.rerun(tmp_path / "nowhere.html")


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(sorted(set(GOOD) - {"version", "command", "python"})), values)
@settings(max_examples=60, deadline=None)
def test_any_input_is_run_or_refused(key: str, value: object) -> None:
    with tempfile.TemporaryDirectory() as folder:
        page = page_with(GOOD | {key: value}, Path(folder) / "page.html")
        with contextlib.suppress(da.DnnAccelError):
            da.rerun(page)


def test_html_is_written_beside_what_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    eyeriss = ["--arch", "eyeriss", "--quiet"]
    jobs = {
        "simulate": ["lenet5", *eyeriss],
        "compare": ["lenet5", *eyeriss, "--dataflows", "ws,rs"],
        "sweep": ["lenet5", *eyeriss, "--set", "pe_array.rows=8,12"],
        "explain": ["lenet5", *eyeriss, "--no-what-if"],
        "search": ["lenet5:conv2", *eyeriss],
    }
    for job, words in jobs.items():
        page = tmp_path / f"{job}.html"
        assert run([job, *words, "--html", str(page)]) == 0
        assert "<!DOCTYPE" not in capsys.readouterr().out
        assert page.read_text("utf-8").startswith("<!DOCTYPE html>")
        assert run([job, *words, "--html", str(tmp_path / "none" / "x.html")]) == 2
        assert "there is no directory" in capsys.readouterr().err
