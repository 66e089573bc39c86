"""Does the printed nest say what the mapping does, what each level counts, and fit the terminal?"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from report_factory import make_conv

import dnnaccel as da
from dnnaccel import arch, sparsity
from dnnaccel._units import count
from dnnaccel.arch import Chip
from dnnaccel.cost import LayerReport
from dnnaccel.layers import Conv2d, Layer, Linear
from dnnaccel.mapper import ParetoPoint, SearchResult
from dnnaccel.mapping import Mapping
from dnnaccel.problem import ROLES

LAYER = Conv2d(name="conv", input_shapes=((1, 4, 12, 12),), out_channels=8, kernel=3, padding=(1, 1))

NEST = """\
dram [inputs, weights, outputs]
  for M in 0..8 step 4
  for P in 0..12 step 5
glb [inputs, outputs]
  for P in 0..5 step 1
  for C in 0..4 step 1
pe_array.rows
  par R in 0..3 step 1
pe_array.columns
  par M in 0..4 step 1
rf [inputs, weights, outputs]
  for Q in 0..12 step 1
  for S in 0..3 step 1
mac"""


def example(**changes: object) -> Chip:
    return arch.load("example").override({key.replace("__", "."): value for key, value in changes.items()})


def cost(text: str = NEST, layer: Layer = LAYER, **changes: object) -> LayerReport:
    return da.evaluate(layer, example(**changes), text)


def code(text: str) -> list[str]:
    """The left column of a printed nest: its lines without the counts."""
    start = text.splitlines()[2].index("tensor")
    body = text.split("\n\n")[1].splitlines()[2:]
    return [line[:start].rstrip() for line in body if line[:start].strip()]


def beside(text: str) -> dict[str, list[list[str]]]:
    """What stands beside each level: the words of every line."""
    start = text.splitlines()[2].index("tensor")
    found: dict[str, list[list[str]]] = {}
    level = ""
    for line in text.split("\n\n")[1].splitlines()[2:]:
        level = line[:start].split("#")[0].strip() or level
        if line[start:].strip():
            found.setdefault(level, []).append(line[start:].split())
    return found


# ------------------------------------------------------------------------------------------------------------
# What is written


def test_the_nest_reads_as_an_architect_writes_it() -> None:
    assert code(str(cost())) == [
        "dram",
        "for m1 in 0..2",
        "  for p1 in 0..3  # 5 each, last 2",
        "    glb  # 1.8 % full",
        "    for p0 in 0..5",
        "      for c in 0..4",
        "        pe_array  # 3 x 4 of 16 x 16",
        "        parallel-for r in 0..3  # rows",
        "          parallel-for m0 in 0..4  # columns",
        "            rf  # 10.5 % full",
        "            for q in 0..12",
        "              for s in 0..3",
        "                mac",
    ]


def test_the_counts_of_each_level_stand_beside_it() -> None:
    report = cost()
    found = beside(str(report))
    for level in ("dram", "glb", "rf"):
        counts = [each for each in report.levels if each.level == level and each.tile_words]
        assert [row[:4] for row in found[level]] == [
            [each.tensor, count(each.tile_words), count(each.reads), count(each.writes)] for each in counts
        ]
    assert [row[0] for row in found["glb"]] == ["inputs", "outputs"]
    inputs, _, outputs = report.networks
    assert found["pe_array"][0][1:5] == [count(inputs.sent), "sent,", count(inputs.delivered), "arrive"]
    assert found["pe_array"][2][1:5] == [count(outputs.delivered), "leave,", count(outputs.sent), "arrive"]
    assert found["mac"][0][:2] == ["41.47k", "MACs"]


def test_the_shares_are_of_all_energy() -> None:
    report = cost()
    shares = [float(row[-1].replace("<", "")) for rows in beside(str(report)).values() for row in rows]
    assert sum(shares) == pytest.approx(100, abs=0.05 * len(shares))
    (mac,) = beside(str(report))["mac"]
    assert float(mac[-1]) == pytest.approx(100 * report.mac_energy / report.energy, abs=0.05)


def test_headline_and_totals_have_their_units() -> None:
    report = cost()
    text = str(report)
    assert text.startswith("conv on example: 41.47k MACs = M 8, C 4, P 12, Q 12, R 3, S 3\n")
    assert f"{count(report.cycles)} cycles = " in text
    assert "s at 500 MHz; bound by " in text
    assert "J per MAC" in text
    assert "% of 256 MACs per cycle; 12 of 256 PEs at work" in text
    assert "cycles; bound by" in str(cost(clock_mhz=None))


def test_an_energy_without_a_unit_of_joules_keeps_its_own() -> None:
    assert "MAC per MAC" in str(cost(energy_unit="MAC"))


def test_leakage_is_named_where_there_is_some() -> None:
    assert "leakage" not in str(cost())
    assert "; with leakage " in str(cost(leakage_mw=5))


def test_extents_that_were_left_out_are_filled_in() -> None:
    bare = re.sub(r" in 0\.\.\d+", "", NEST)
    assert cost(bare) == cost()
    assert str(cost(bare)) == str(cost())
    assert cost(bare).mapping == Mapping.parse(NEST)


def test_a_loop_of_one_trip_is_not_written() -> None:
    product = Linear(name="fc", input_shapes=((1, 6),), out_features=4)
    nest = "dram [inputs, weights, outputs]\nfor M step 9\nfor M step 4\nfor C step 1\nrf [outputs]\n"
    report = da.evaluate(product, example(), f"{nest}for M step 1")
    assert [line.strip() for line in code(str(report)) if "for" in line] == ["for c in 0..6", "for m in 0..4"]
    assert "glb  # holds nothing" in str(report)


def test_two_tiles_of_a_double_buffered_memory_fill_it() -> None:
    def filled(text: str) -> float:
        found = re.search(r"glb  # ([0-9.]+) % full", text)
        assert found is not None
        return float(found[1])

    assert filled(str(cost())) == pytest.approx(2 * filled(str(cost(glb__buffering="single"))), abs=0.11)


def test_a_tile_that_fits_compressed_alone_is_said_to() -> None:
    chip = example(glb__formats={"inputs": "rlc"}, glb__buffering="single")
    report = da.evaluate(LAYER, chip, NEST, density=sparsity.uniform(inputs=0.05))
    words = sum(each.tile_words for each in report.levels if each.level == "glb")
    small = replace(report, chip=chip.override({"glb.size_bytes": 2 * words - 2}))
    assert "glb  # held compressed" in small.to_text()
    assert "Words are counted as if none were zero" in report.to_text()
    assert "Words are counted" not in str(cost())


def test_a_report_without_a_nest_is_one_line() -> None:
    assert str(make_conv()) == repr(make_conv())
    pool = da.simulate("alexnet", "example").layers[3]
    assert pool.mapping is None
    assert str(pool) == repr(pool)


# ------------------------------------------------------------------------------------------------------------
# Of what a search finds


def nests() -> Iterator[tuple[str, str, str]]:
    yield "alexnet:conv2", "eyeriss", "rs"
    yield "alexnet:fc7", "eyeriss", "free"
    yield "mobilenet_v1:conv2_dw", "tpu_v1", "ws"
    yield "lstm:lstm", "simba", "free"
    yield "vit_b16:block1.attention.scores", "example", "os"


def found_for(case: tuple[str, str, str]) -> SearchResult:
    name, chip, flow = case
    network, _, layer = name.partition(":")
    net = da.zoo.load(network)
    mapped = [each.name for each in net if each.problem is not None]
    return da.search(net[layer if layer in mapped else mapped[0]], arch.load(chip), flow)


@pytest.fixture(scope="module", params=list(nests()), ids=lambda case: "-".join(case).replace(":", "-"))
def found(request: pytest.FixtureRequest) -> SearchResult:
    return found_for(request.param)


def test_the_loops_of_a_found_nest_cover_the_layer(found: SearchResult) -> None:
    lines = code(found.to_text(width=200))
    trips: dict[str, list[int]] = {}
    for line in lines:
        if loop := re.match(r" *(?:parallel-)?for ([a-z])\d* in 0\.\.(\d+)", line):
            trips.setdefault(loop[1].upper(), []).append(int(loop[2]))
    bounds: dict[str, int] = {}
    for level in found.mapping.levels:
        for each in level.loops:
            assert each.extent is not None
            bounds.setdefault(each.dim, each.extent)
    for dim, bound in bounds.items():
        assert math.prod(trips.get(dim, [1])) >= bound
    # Variables are numbered down to 0 from the outside in, so that no two loops share a name.
    names = [match[1] for line in lines if (match := re.search(r"for (\w+) in", line))]
    assert len(names) == len(set(names))
    depths = [len(line) - len(line.lstrip()) for line in lines if " in 0.." in line]
    assert depths == [2 * depth for depth in range(len(depths))]


@pytest.mark.parametrize("width", [60, 80, 100, 120])
def test_lines_fit_the_terminal(found: SearchResult, width: int) -> None:
    text = found.to_text(width=width)
    assert max(len(line) for line in text.splitlines()) <= width
    assert all(line == line.rstrip() for line in text.splitlines())


def test_narrow_and_wide_say_the_same(found: SearchResult) -> None:
    wide, narrow = (sorted(found.cost.to_text(width=width).split()) for width in (200, 60))
    rule = re.compile("─+")
    assert [word for word in wide if not rule.fullmatch(word)] == [
        word for word in narrow if not rule.fullmatch(word)
    ]


def test_a_result_prints_its_nest_and_what_is_proved(found: SearchResult) -> None:
    text = str(found)
    assert text.startswith(found.cost.to_text())
    assert ("optimal: no mapping" in text) == found.optimal
    assert f"under dataflow {found.dataflow}" in text
    assert re.search(rf"search +{re.escape(count(found.evaluated))}( of \S+)?.* mappings costed", text)
    assert "search time" in text
    assert "search time" not in str(replace(found, seconds=0.0))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"optimal": True}, "optimal: no mapping under dataflow free takes less energy, proved"),
        ({"optimal": True, "objective": "latency"}, "takes fewer cycles, proved"),
        ({"optimal": True, "objective": "edp"}, "takes less energy x delay, proved"),
        ({"optimal": False, "bound": 0.0}, "least energy found under dataflow free, nothing proved"),
        ({"optimal": False, "bound": 1e-6}, "least energy found under dataflow free, nothing proved"),
        ({"mapspace": 3.2e21}, " of 3.200 x 10^21 mappings costed"),
        ({"mapspace": 45_000.0}, " of 45.00k mappings costed"),
    ],
)
def test_what_is_proved_is_said_in_words(changes: dict[str, object], said: str) -> None:
    fc = Linear(name="fc", input_shapes=((1, 6),), out_features=4)
    result = replace(da.search(fc, example(), "free"), **changes)  # type: ignore[arg-type]
    assert said in str(result)
    near = replace(result, optimal=False, objective="energy", bound=0.8 * result.cost.energy)
    assert "none under dataflow free takes over 20.0 % less energy, proved" in str(near)


def test_a_result_is_plain_data_and_the_same_in_every_run() -> None:
    fc = Linear(name="fc", input_shapes=((1, 6),), out_features=4)
    result = da.search(fc, example(), "free")
    data = json.loads(result.to_json())
    assert data == json.loads(json.dumps(result.to_dict()))
    assert data["mapping"] == str(result.mapping)
    assert data["cost"] == json.loads(result.cost.to_json())
    assert data["pareto"][0]["energy"] == result.pareto[0].energy
    assert "seconds" not in data
    assert da.search(fc, example(), "free", threads=1).to_json() == result.to_json()
    assert json.loads(replace(result, mapspace=math.inf).to_json())["mapspace"] is None
    assert repr(result).startswith("<SearchResult fc: ")


# ------------------------------------------------------------------------------------------------------------
# The front


def front_result(points: int = 3, **changes: object) -> SearchResult:
    report = cost()
    pareto = tuple(
        ParetoPoint(1e6 * (1 + 0.1 * index), 8000 // 2**index, Mapping.parse(NEST)) for index in range(points)
    )
    result = SearchResult(
        mapping=Mapping.parse(NEST),
        cost=report,
        optimal=True,
        evaluated=10,
        pruned=0,
        pareto=pareto,
        objective="pareto",
        dataflow="free",
    )
    return replace(result, **changes)  # type: ignore[arg-type]


def test_the_front_is_a_table_with_ratios_to_the_best() -> None:
    rows = [line.split(maxsplit=6) for line in str(front_result()).splitlines()[5:8]]
    assert [row[:3] for row in rows] == [
        ["1.000", "µJ", "8.000k"],
        ["1.100", "µJ", "4.000k"],
        ["1.200", "µJ", "2.000k"],
    ]
    assert [row[5].split()[0] for row in rows] == ["1.000x", "1.100x", "1.200x"]
    assert str(front_result()).splitlines()[5].endswith("1.000x    4.000x  least energy")
    assert str(front_result()).splitlines()[7].endswith("1.000x  least energy x delay, fewest cycles")
    assert "3 points under dataflow free: the whole front, proved" in str(front_result())
    assert "nothing proved" in str(front_result(optimal=False))


def test_a_front_of_one_point_is_best_in_everything() -> None:
    assert "least energy, least energy x delay, fewest cycles" in str(front_result(1))


@pytest.mark.parametrize("points", [1, 2, 40])
@pytest.mark.parametrize("suffix", ["pdf", "svg", "png"])
def test_the_front_is_drawn(points: int, suffix: str, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    result = front_result(min(points, 12))
    path = tmp_path / f"front.{suffix}"
    figure = result.plot("pareto", path)
    assert path.stat().st_size > 1000
    (axes,) = figure.axes
    line = axes.lines[1]
    assert list(line.get_xdata()) == pytest.approx([point.cycles / 1e3 for point in result.pareto])
    assert axes.get_xlabel() == "time ($10^{3}$ cycles)"
    assert axes.get_ylabel() == "energy (µJ)"


def test_a_picture_of_another_kind_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    with pytest.raises(da.DnnAccelError, match="the suffix says the format"):
        front_result().plot("pareto", tmp_path / "front.docx")
    with pytest.raises(da.DnnAccelError, match="no directory"):
        front_result().plot("pareto", tmp_path / "none" / "front.pdf")


def test_roles_are_the_words_of_the_table() -> None:
    assert {row[0] for rows in beside(str(cost())).values() for row in rows} - {"41.47k"} == set(ROLES)
