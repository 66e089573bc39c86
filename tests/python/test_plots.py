"""Pictures: what is drawn is what the results say, with units, and twice the same bytes."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_factory import make_conv, make_report

import dnnaccel as da
from dnnaccel._nest import nest_parts
from dnnaccel._units import count, ratio
from dnnaccel.bounds import idle, roofs
from dnnaccel.errors import DnnAccelError, MappingError, MissingExtraError, SweepError, UnknownNameError
from dnnaccel.problem import ROLES
from dnnaccel.report import Report
from dnnaccel.report.plots.bars import shown_layers
from dnnaccel.report.plots.kinds import (
    COMPARISON_KINDS,
    COST_KINDS,
    MAPPING_KINDS,
    REPORT_KINDS,
    SEARCH_KINDS,
)
from dnnaccel.report.plots.labels import place_labels
from dnnaccel.report.plots.pes import active_pes
from dnnaccel.report.plots.style import WIDTHS, new_figure, scaled_axis, style
from dnnaccel.report.plots.utilization import REASONS

pytest.importorskip("matplotlib")
from matplotlib.patches import Rectangle

SIZES = {"glb.size_bytes": [4096, 65536], "pe_array.rows": [4, 12]}


@pytest.fixture(scope="module")
def report() -> Report:
    return da.simulate("lenet5", "eyeriss")


@pytest.fixture(scope="module")
def comparison() -> da.Comparison:
    return da.compare("lenet5", "eyeriss", ["ws", "rs", "nlr"])


@pytest.fixture(scope="module")
def found() -> da.SearchResult:
    return da.search(da.zoo.load("lenet5")["conv2"], da.arch.load("eyeriss"), objective="pareto")


@pytest.fixture(scope="module")
def sweep() -> da.Sweep:
    return da.sweep("lenet5", "eyeriss", SIZES)


@pytest.fixture(scope="module")
def activity() -> Any:
    layer = da.simulate(da.zoo.load("lenet5")["conv2"], "eyeriss", fidelity="cycle").layers[0]
    assert layer.activity is not None
    return layer.activity


Draw = Callable[..., Any]

# Every kind of every table, so that a new one is tested without a word here.
PICTURES = [
    *(("report", kind, by) for kind, of in REPORT_KINDS.items() for by in of.by or (None,)),
    *(("comparison", kind, by) for kind, of in COMPARISON_KINDS.items() for by in of.by or (None,)),
    *(("found", kind, None) for kind in SEARCH_KINDS),
    *(("found.cost", kind, None) for kind in COST_KINDS),
    *(("found.mapping", kind, None) for kind in MAPPING_KINDS),
    ("sweep", None, None),
    ("activity", None, None),
]


@pytest.fixture
def draw(request: pytest.FixtureRequest) -> Draw:
    def drawn(what: str, kind: str | None, by: str | None, path: Path | None = None, **choices: Any) -> Any:
        name, _, part = what.partition(".")
        subject = request.getfixturevalue(name)
        subject = getattr(subject, part) if part else subject
        if by is not None:
            choices["by"] = by
        if kind is not None:
            choices["kind"] = kind
        return subject.plot(path=path, **choices)

    return drawn


def texts(figure: Any) -> list[str]:
    """All that is written on the axes and in the legend."""
    found = [text.get_text() for axes in figure.axes for text in axes.texts]
    for legend in figure.legends:
        found += [legend.get_title().get_text(), *(text.get_text() for text in legend.get_texts())]
    return found


@pytest.mark.parametrize(("what", "kind", "by"), PICTURES)
def test_the_same_result_gives_the_same_bytes(
    what: str, kind: str | None, by: str | None, draw: Draw, tmp_path: Path
) -> None:
    for suffix in ("svg", "pdf") if kind in ("energy", "nest", "pareto") else ("svg",):
        paths = [tmp_path / f"{turn}.{suffix}" for turn in (1, 2)]
        for path in paths:
            draw(what, kind, by, path)
        first, second = (path.read_bytes() for path in paths)
        assert first == second
        assert len(first) > 2000
        if suffix == "pdf":
            assert b"/CIDFontType2" in first or b"/TrueType" in first  # embedded outlines, no bitmaps
            assert b"/Type3" not in first
            assert b"CreationDate" not in first
        else:
            assert b"<dc:date>" not in first


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(("what", "kind", "by"), PICTURES)
def test_every_axis_says_its_unit_and_nothing_is_cut_off(
    what: str, kind: str | None, by: str | None, width: str, draw: Draw
) -> None:
    figure = draw(what, kind, by, width=width)
    assert figure.get_figwidth() == pytest.approx(WIDTHS[width])
    with style():
        figure.draw_without_rendering()
        whole = figure.bbox
        extents = [axes.get_tightbbox() for axes in figure.axes]
        extents += [legend.get_window_extent() for legend in figure.legends]
    for box in extents:
        assert box.x0 >= whole.x0 - 1
        assert box.x1 <= whole.x1 + 1
        assert box.y0 >= whole.y0 - 1
        assert box.y1 <= whole.y1 + 1
    labelled = 0
    for axes in figure.axes:
        if not axes.axison:
            assert any("words held" in text or "tensors kept" in text for text in texts(figure))
            continue
        for axis in (axes.xaxis, axes.yaxis):
            names = [text.get_text() for text in axis.get_ticklabels()]
            label = axis.get_label().get_text()
            if not names or any(re.search("[a-z]", name) for name in names if "math" not in name):
                continue  # names, not numbers
            if axes.get_label() == "<colorbar>" and axis is axes.xaxis:
                continue
            assert re.search(r"\(.+\)", label), (axes, names, label)
            labelled += 1
    assert labelled or kind in ("nest", "utilization")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda r: r.plot("latncy"), "unknown kind of plot 'latncy'; did you mean 'latency'?"),
        (
            lambda r: r.plot("energy", by="tensr"),
            "unknown way to split a plot 'tensr'; did you mean 'tensor'?",
        ),
        (lambda r: r.plot("roofline", level="glob"), "unknown level 'glob'; did you mean 'glb'?"),
        (lambda r: r.plot("energy", width="pages"), "unknown width of a plot 'pages'; did you mean 'page'?"),
        (lambda r: r.plot("utilization", by="pe", level="pe_arry"), "did you mean 'pe_array'?"),
    ],
)
def test_unknown_names_are_refused_with_the_nearest(
    wrong: Callable[[Report], object], says: str, report: Report
) -> None:
    with pytest.raises(UnknownNameError, match=re.escape(says)):
        wrong(report)


def test_choices_that_a_kind_has_not_are_refused(report: Report, found: da.SearchResult) -> None:
    with pytest.raises(DnnAccelError, match="a plot of latency is not split"):
        report.plot("latency", by="level")
    with pytest.raises(DnnAccelError, match="of no single level"):
        report.plot("energy", level="glb")
    with pytest.raises(DnnAccelError, match="leave out level="):
        report.plot("utilization", level="pe_array")
    with pytest.raises(UnknownNameError, match="did you mean 'nest'"):
        found.plot("nst")
    with pytest.raises(UnknownNameError, match="did you mean 'pareto'"):
        found.plot("parto")
    with pytest.raises(DnnAccelError, match=r"the suffix says the format \(pdf, svg, png\)"):
        report.plot("energy", "energy.eps")


def test_without_matplotlib_each_picture_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, report: Report, sweep: da.Sweep, found: da.SearchResult
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    for drawn in (report.plot, sweep.plot, found.plot, found.mapping.plot):
        with pytest.raises(MissingExtraError, match=r"pip install 'dnnaccel\[plot\]'"):
            drawn()


def bars_by_name(axes: Any) -> dict[str, float]:
    """The height of all that is stacked above each name of an axis."""
    names = [text.get_text() for text in axes.get_xticklabels()]
    sums = dict.fromkeys(names, 0.0)
    for bar in axes.patches:
        sums[names[round(bar.get_x() + bar.get_width() / 2)]] += bar.get_height()
    return sums


@pytest.mark.parametrize("by", ["level", "tensor"])
def test_energy_is_stacked_layer_by_layer(report: Report, by: str) -> None:
    (axes,) = report.plot("energy", by=by).axes
    factor, label = scaled_axis("energy", "pJ", max(layer.energy for layer in report))
    assert axes.get_ylabel() == label
    sums = {
        shown.name: factor * sum(layer.energy for layer in shown.layers) for shown in shown_layers(report)
    }
    assert bars_by_name(axes) == pytest.approx(sums)
    assert sum(sums.values()) == pytest.approx(factor * report.energy)  # with the fused layers'
    legend = [text.get_text() for text in axes.figure.legends[0].get_texts()]
    split = report.energy_by_level() if by == "level" else report.energy_by_tensor()
    assert sorted(legend) == sorted(name for name, spent in split.items() if spent)
    # Each part of the legend is drawn as large as the report says.
    handles = dict(zip(legend, axes.figure.legends[0].legend_handles, strict=True))
    for name, handle in handles.items():
        drawn = sum(
            bar.get_height()
            for bar in axes.patches
            if (bar.get_facecolor(), bar.get_hatch()) == (handle.get_facecolor(), handle.get_hatch())
        )
        assert drawn == pytest.approx(factor * split[name])


def test_many_layers_take_several_rows_on_one_scale() -> None:
    names = [f"layer{index}" for index in range(90)]
    report = make_report()
    many = replace(report, layers=tuple(make_conv(name, scale=1 + len(name)) for name in names))
    figure = many.plot("energy", width="column")
    assert len(figure.axes) == 4
    assert len({axes.get_ylim() for axes in figure.axes}) == 1
    assert len({axes.get_xlim() for axes in figure.axes}) == 1
    assert [text.get_text() for axes in figure.axes for text in axes.get_xticklabels()] == names


def test_latency_is_drawn_with_its_bounds(report: Report) -> None:
    (axes,) = report.plot("latency").axes
    shown = [each for each in shown_layers(report) if each.cycles]
    factor, label = scaled_axis("latency", "cycles", max(each.cycles for each in shown))
    assert axes.get_ylabel() == label
    assert bars_by_name(axes) == pytest.approx({each.name: each.cycles * factor for each in shown})
    marks = {line.get_label(): dict(zip(*line.get_data(), strict=True)) for line in axes.lines}
    for index, each in enumerate(shown):
        layer = each.layers[0]
        assert marks["compute" if layer.macs else "vector"][index] == pytest.approx(
            layer.compute_cycles * factor
        )
        for name, cycles in layer.level_cycles:
            if cycles:
                assert marks[name][index] == pytest.approx(cycles * factor)
    # A bar has the colour that the legend gives to what bounds it.
    legend = axes.figure.legends[0]
    names = [text.get_text() for text in legend.get_texts()]
    colours = [
        handle.get_facecolor() for handle in legend.findobj(Rectangle) if handle is not legend.legendPatch
    ]
    wanted = dict(zip(names, colours, strict=True))
    for bar, each in zip(axes.patches, shown, strict=True):
        assert bar.get_facecolor() == wanted[each.layers[0].bound_by]


@pytest.mark.parametrize("level", ["dram", "glb"])
def test_points_are_under_the_roof(report: Report, level: str) -> None:
    (axes,) = report.plot("roofline", level=level).axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    drawn = {
        (x, y)
        for line in axes.lines
        if line.get_marker() != "None" and line.get_linestyle() == "None"
        for x, y in zip(*line.get_data(), strict=True)
    }
    wanted = set()
    for layer in report:
        if layer.macs:
            all_roofs = roofs([layer], report.memories, report.peak_macs_per_cycle)
            roof = all_roofs[report.memories.index(level)]
            assert roof.intensity is not None
            assert roof.intensity == layer.macs / layer.traffic(level, unit="bytes")
            assert roof.achieved <= roof.attainable * (1 + 1e-9)
            wanted.add((roof.intensity, layer.macs / layer.cycles))
    assert drawn == wanted
    assert any(text.get_text() == "peak 168 MACs/cycle" for text in axes.texts)
    bandwidth = {"dram": "dram 2.4 B/cycle", "glb": "glb 26 B/cycle"}[level]
    assert bandwidth in [text.get_text() for text in axes.texts]


def test_utilization_is_where_the_cycles_go(report: Report) -> None:
    axes = report.plot("utilization").axes[0]
    values = np.asarray(axes.images[0].get_array())
    shown = [each for each in shown_layers(report) if each.layers[0].macs]
    assert [text.get_text() for text in axes.get_xticklabels()] == [each.name for each in shown]
    for column, each in enumerate(shown):
        parts = idle(each.layers, report.peak_macs_per_cycle)
        assert values[:, column] == pytest.approx([100 * getattr(parts, reason) for reason in REASONS])
    assert values.sum(axis=0) == pytest.approx(100)


@pytest.mark.parametrize("chip", ["eyeriss", "tpu_v1", "nvdla_large"])
def test_as_many_pes_are_coloured_as_work(chip: str) -> None:
    report = da.simulate("lenet5", chip)
    machine = da.arch.load(chip)
    (array,) = (level for level in machine.levels if isinstance(level, da.arch.Array))
    layers = [layer for layer in report if layer.mapping is not None]
    for layer in layers:
        assert layer.mapping is not None
        assert active_pes(layer.mapping, array).sum() == layer.active_pes
    (axes,) = report.plot("utilization", by="pe").axes
    drawn = [int(np.asarray(mesh.get_array()).sum()) for mesh in axes.collections]
    assert drawn == [layer.active_pes for layer in layers]
    assert [f"{layer.active_pes}/{array.instances}" for layer in layers] == [
        text.get_text() for text in axes.texts[1::2]
    ]


def test_places_of_uneven_shares_are_not_all_at_work() -> None:
    array = da.arch.Array(name="pe_array", rows=6, columns=4, energy=0.0)
    nest = da.Mapping.parse(
        "dram [inputs, weights, outputs]\n"
        "pe_array.rows\n  par M in 0..10 step 4\n  par M in 0..4 step 2\n"
        "pe_array.columns\n  par C in 0..3 step 1\nmac"
    )
    works = active_pes(nest, array)
    # Chunks of 4, 4 and 2 are cut into 2 + 2, 2 + 2 and 2: the sixth row has none.
    assert works.sum(axis=0).tolist() == [5, 5, 5, 0]


@given(
    st.lists(
        st.tuples(st.floats(0, 1), st.floats(0, 1), st.text("abcdefgh", min_size=1, max_size=12)),
        min_size=1,
        max_size=40,
    )
)
@settings(max_examples=12, deadline=None)
def test_labels_do_not_overlap_and_stay_inside(points: list[tuple[float, float, str]]) -> None:
    with style():
        figure = new_figure((3.4, 2.5))
        axes = figure.subplots()
        axes.plot([x for x, _, _ in points], [y for _, y, _ in points], "o")
        axes.set_xlim(-0.3, 1.3)
        axes.set_ylim(-0.1, 1.1)
        written = place_labels(axes, points)
        figure.draw_without_rendering()
        labels = [text for text in axes.texts if text.get_text()]
        assert [text.get_text() for text in labels] == written
        # The first point always has room; those that share its spot, too.
        assert written
        assert written[0].split(" +")[0] == points[0][2]
        inside = axes.get_window_extent()
        boxes = [text.get_window_extent() if text.arrow_patch is None else plain_box(text) for text in labels]
        for index, box in enumerate(boxes):
            assert box.x0 >= inside.x0 - 1
            assert box.x1 <= inside.x1 + 1
            assert box.y0 >= inside.y0 - 1
            assert box.y1 <= inside.y1 + 1
            for other in boxes[:index]:
                overlap = [min(box.x1, other.x1) - max(box.x0, other.x0)]
                overlap.append(min(box.y1, other.y1) - max(box.y0, other.y0))
                assert min(overlap) < 1.0  # less than a pixel


def plain_box(text: Any) -> Any:
    """The place of an annotation's text, without the line to its point."""
    from matplotlib.text import Text

    return Text.get_window_extent(text)


def test_a_nest_shows_loops_and_words_held(found: da.SearchResult) -> None:
    cost = found.cost
    assert cost.mapping is not None
    assert cost.chip is not None
    figure = cost.plot()
    said = texts(figure)
    for part in nest_parts(cost.mapping):
        assert part.name in said
        for line in part.loops:
            assert line.code in said
    held = [
        count(level.tile_words)
        for level in cost.levels
        if level.tensor in (cost.mapping.level(level.level).keeps or ())
    ]
    for words in held:
        assert words in said
    (axes,) = figure.axes
    dashed = [patch for patch in axes.patches if patch.get_linestyle() not in ("-", "solid")]
    memories = [level for level in cost.mapping.levels if level.keeps is not None]
    assert len(dashed) == sum(len(ROLES) - len(level.keeps or ()) for level in memories)
    # The filled part of a cell is the tile's part of the capacity.
    filled = [patch.get_width() for patch in axes.patches if patch.get_alpha() is not None]
    cell = max(patch.get_width() for patch in dashed)
    parts = []
    for level in memories:
        capacity = cost.chip.memory(level.level).capacity_words
        for role in ROLES:
            if role in (level.keeps or ()):
                (tile,) = (c.tile_words for c in cost.levels if (c.level, c.tensor) == (level.level, role))
                parts.append(tile / capacity if capacity else 0.0)
    assert [width / cell for width in filled] == pytest.approx(parts)


def test_a_mapping_that_does_not_say_what_it_cuts_is_refused(found: da.SearchResult) -> None:
    with pytest.raises(MappingError, match="with_extents"):
        da.Mapping.parse("dram [inputs]\n  for M step 4\nmac").plot()
    assert "tensors kept" in texts(found.mapping.plot())
    pool = next(layer for layer in da.simulate("lenet5", "eyeriss") if not layer.macs)
    with pytest.raises(MappingError, match="no loop nest"):
        pool.plot()


@pytest.mark.parametrize("kind", COMPARISON_KINDS)
def test_a_comparison_has_a_bar_for_each_combination(comparison: da.Comparison, kind: str) -> None:
    (axes,) = comparison.plot(kind).axes
    assert [text.get_text() for text in axes.get_xticklabels()] == ["ws", "rs", "nlr"]
    assert axes.get_xlabel() == "dataflow"
    figures: dict[str, Callable[[Report], float]] = {
        "energy": lambda r: r.energy,
        "words": lambda r: float(sum(r.traffic(level) for level in r.memories)),
        "cycles": lambda r: float(r.cycles),
        "dram": lambda r: r.traffic("dram") / r.macs,
        "edp": lambda r: r.edp,
        "utilization": lambda r: 1.0,
    }
    reports = [row.report for row in comparison.rows]
    wanted = [figures[kind](report) for report in reports if report is not None]
    drawn = list(bars_by_name(axes).values())
    assert [height / drawn[0] for height in drawn] == pytest.approx([value / wanted[0] for value in wanted])
    if kind != "utilization":
        assert [text.get_text() for text in axes.texts] == [ratio(value / wanted[0]) for value in wanted]
    if kind in ("energy", "cycles", "edp"):  # what the table says
        ratios = [getattr(row, f"{kind}_ratio") for row in comparison.rows]
        assert [text.get_text() for text in axes.texts] == [ratio(value) for value in ratios]


def test_what_cannot_run_leaves_its_place_empty(comparison: da.Comparison) -> None:
    first, *others = comparison.rows
    broken = da.Comparison(rows=(replace(first, report=None, reason="too small"), *others))
    (axes,) = broken.plot().axes
    drawn = bars_by_name(axes)
    assert drawn["ws"] == 0
    assert drawn["rs"] > 0
    assert " cannot run" in texts(axes.figure)
    assert "1.00x" in texts(axes.figure)
    none = da.Comparison(rows=(replace(first, report=None, reason="too small"),))
    with pytest.raises(DnnAccelError, match="could run"):
        none.plot()


def test_networks_have_panels_of_their_own_and_units_are_not_mixed(comparison: da.Comparison) -> None:
    other = tuple(replace(row, network="other", network_number=1) for row in comparison.rows)
    both = da.Comparison(rows=(*comparison.rows, *other))
    figure = both.plot(width="page")
    assert [axes.get_title() for axes in figure.axes] == ["lenet5", "other"]
    macs = make_report(energy_unit="MAC")
    # With several chips energy is split by what all chips have.
    chips = da.Comparison(rows=(*comparison.rows, replace(comparison.rows[0], chip="another")))
    assert "buffers" in texts(chips.plot())
    assert "glb" in texts(chips.plot(by="level"))
    mixed = (*comparison.rows, replace(comparison.rows[0], report=macs))
    with pytest.raises(DnnAccelError, match="different units"):
        da.Comparison(rows=mixed).plot()
    assert da.Comparison(rows=mixed).plot("cycles").axes


def test_a_sweep_is_drawn_with_its_front(sweep: da.Sweep) -> None:
    (axes,) = sweep.plot("on_chip_bytes", "energy").axes
    points, step, front = axes.lines
    ran = [point for point in sweep if point.reason is None]
    assert len(points.get_xdata()) == len(ran)
    x, _ = scaled_axis("", "B", max(point["on_chip_bytes"] for point in ran))
    y, _ = scaled_axis("", "pJ", max(point["energy"] for point in ran))
    wanted = sorted(
        (p["on_chip_bytes"] * x, p["energy"] * y) for p in sweep.pareto("on_chip_bytes", "energy")
    )
    assert np.array(sorted(zip(*front.get_data(), strict=True))) == pytest.approx(np.array(wanted))
    assert step.get_drawstyle() == "steps-post"
    assert axes.get_xlabel().startswith("memory on the chip (")
    labels = [text.get_text() for text in axes.texts if text.get_text()]
    assert labels
    assert all(re.match(r"\d+ KiB / \d+( \+\d+)?$", label) for label in labels)
    # More frames are better: what a chip can do at least is known up to the next point on the left.
    assert sweep.plot("utilization", "energy").axes[0].lines[1].get_drawstyle() == "steps-pre"
    with pytest.raises(SweepError, match="no point"):
        replace(sweep, points=()).plot()
    with pytest.raises(UnknownNameError):
        sweep.plot("cycels", "energy")


def test_names_from_outside_are_no_mathematics(tmp_path: Path) -> None:
    hostile = "$\\frac{<script>&\x00\n" + "x" * 60
    report = make_report()
    layers = (make_conv(hostile), make_conv("plain"))
    odd = replace(report, network=hostile, chip="$^", dataflow="a_b$", layers=layers)
    for kind in ("energy", "latency", "roofline"):
        odd.plot(kind, tmp_path / "odd.svg")
        assert (tmp_path / "odd.svg").stat().st_size > 1000
