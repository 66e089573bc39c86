"""Do constraints hold in every mapping found, only ever take mappings away, and contradict with a reason?"""

from __future__ import annotations

import copy
import json
import math
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import dnnaccel as da
from dnnaccel import Dataflow, arch, mapper
from dnnaccel._core import spatial_factors
from dnnaccel.arch import Chip
from dnnaccel.cli import run
from dnnaccel.constraint_text import read_forbidden, read_level, read_where
from dnnaccel.constraints import merge, parse_where
from dnnaccel.dataflow import LevelConstraint
from dnnaccel.layers import Conv2d, Layer, Linear
from dnnaccel.mapping import Mapping
from dnnaccel.mapspace import constrain, required_units
from dnnaccel.problem import DIMS, ROLES

LAYER = Conv2d(name="conv", input_shapes=((2, 8, 14, 14),), out_channels=24, kernel=(3, 3), padding=(1, 1))
FC = Linear(name="fc", input_shapes=((1, 60),), out_features=30)
CALM = settings(
    deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


@pytest.fixture(autouse=True, scope="module")
def quick() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mapper, "_EFFORT", {"exhaustive_limit": 500, "starts": 2, "proposals": 600})
        yield


def rs(**limits: Any) -> Dataflow:
    return da.dataflow.get("rs").constrained(**limits)


def free(**limits: Any) -> Dataflow:
    return da.dataflow.get("free").constrained(**limits)


def found(
    flow: Dataflow, chip: str | Chip = "example", layer: Layer = LAYER, objective: str = "energy"
) -> list[Mapping]:
    """Return every mapping that a search hands out."""
    result = da.search(layer, arch.load(chip) if isinstance(chip, str) else chip, flow, objective)
    return [result.mapping, *(point.mapping for point in result.pareto)]


def dims_at(mapping: Mapping, level: str) -> list[str]:
    return [loop.dim for loop in mapping.level(level).loops]


def runs_in_order(mapping: Mapping, level: str, order: tuple[str, ...]) -> bool:
    """Whether the loops that `order` names stand in that order."""
    named = [dim for dim in dims_at(mapping, level) if dim in order]
    return named == [dim for dim in order if dim in named]


def tile_after(mapping: Mapping, level: str, dim: str, bound: int) -> int:
    """What of a dim is left below a level."""
    left = bound
    for part in mapping.levels:
        left = next((loop.tile for loop in part.loops if loop.dim == dim), left)
        if part.level == level:
            return left
    raise AssertionError(level)


def holds(flow: Dataflow, mapping: Mapping, layer: Layer, chip: Chip) -> None:
    """Assert that a mapping is all that a dataflow's constraints ask for."""
    assert layer.problem is not None
    for level, asked in flow.where.items():
        assert runs_in_order(mapping, level, asked.order)
        if asked.dims is not None:
            assert set(dims_at(mapping, level)) <= {*asked.dims, *asked.tiles}
        for dim, tile in asked.tiles.items():
            bound = layer.problem.bounds.get(dim, 1)
            assert tile_after(mapping, level, dim, bound) == min(tile, bound)
        if asked.keeps is not None:
            assert mapping.level(level).keeps == set(asked.keeps)
    for dim, level in flow.forbid:
        for at in (name for name in chip.level_names if name.partition(".")[0] == level or name == level):
            assert dim not in dims_at(mapping, at)
    assert da.evaluate(layer, chip, mapping).active_pes >= required_units(flow, chip)


# ------------------------------------------------------------------------------------------------------------
# They hold

ASKED: dict[str, tuple[str, str, dict[str, Any]]] = {
    "an order": ("rs", "eyeriss", {"where": {"dram": "order C, M"}}),
    "the other": ("rs", "eyeriss", {"where": {"dram": "order: M C"}}),
    "inside what the dataflow fixes": ("rs", "example", {"where": {"glb": "order M, C"}}),
    "orders of two levels": ("free", "example", {"where": {"dram": "order Q M", "rf": "order S R C"}}),
    "a tile": ("ws", "example", {"where": {"glb": "tiles M=8", "dram": "tiles P=7"}}),
    "a tile of an axis": ("ws", "example", {"where": {"pe_array.columns": "tiles M=2"}}),
    "splits": ("free", "example", {"where": {"glb": "splits C, P", "pe_array.rows": "splits nothing"}}),
    "what is kept": ("free", "example", {"where": {"glb": "keeps inputs, outputs", "rf": "keeps weights"}}),
    "a forbidden split": ("rs", "eyeriss", {"forbid": ["M at pe_array.columns", "C at pe_array.rows"]}),
    "no split in an array": ("free", "example", {"forbid": [("M", "pe_array"), ("C", "pe_array")]}),
    "no split in a buffer": ("os", "example", {"forbid": ["C,R,S@glb", "M at rf"]}),
    "units": ("rs", "eyeriss", {"min_utilization": 0.5}),
    "few units": ("free", "example", {"min_utilization": 1e-9}),
    "all at once": (
        "rs",
        "eyeriss",
        {
            "where": {"dram": "order M C; tiles M=12", "psum_spad": "splits C, S"},
            "forbid": ["M at pe_array.columns"],
            "min_utilization": 0.4,
        },
    ),
}


@pytest.mark.parametrize("objective", mapper.OBJECTIVES)
@pytest.mark.parametrize(("name", "chip", "limits"), ASKED.values(), ids=ASKED)
def test_constraints_hold_in_every_mapping_found(
    name: str, chip: str, limits: dict[str, Any], objective: str
) -> None:
    flow = da.dataflow.get(name).constrained(**limits)
    target = arch.load(chip)
    for mapping in found(flow, target, objective=objective):
        holds(flow, mapping, LAYER, target)


def test_a_constrained_dataflow_is_still_the_dataflow() -> None:
    for mapping in found(rs(where={"glb": "order M, C"})):
        around = [dim == "Q" for dim in dims_at(mapping, "glb")]
        assert around == sorted(around), "row stationary has Q inside all other loops there"
        assert mapping.level("rf").keeps == set(ROLES)


def test_the_best_of_several_is_constrained_in_each() -> None:
    flow = da.dataflow.get("os").constrained(forbid=["Q at pe_array.columns"], where={"dram": "order M, P"})
    assert [variant.name for variant in flow.expand()] == [f"os{x}-constrained" for x in "abc"]
    result = da.search(LAYER, arch.load("example"), flow)
    assert result.dataflow in [variant.name for variant in flow.expand()]
    assert flow.name == "os-constrained"
    holds(flow, result.mapping, LAYER, arch.load("example"))


def test_a_network_is_simulated_under_constraints() -> None:
    flow = da.dataflow.get("ws").constrained(where={"dram": "order M, C"}, forbid=["P at rf"])
    report = da.simulate("lenet5", "example", dataflow=flow)
    assert report.dataflow == "ws-constrained"
    assert report.macs == da.zoo.load("lenet5").total_macs


@pytest.mark.parametrize(
    ("part", "units"), [(0, 0), (0.5, 84), (0.8, 135), (1, 168), (1e-12, 1), (0.125, 21), (0.1, 17)]
)
def test_a_part_of_the_units_is_a_number_of_them(part: float, units: int) -> None:
    assert required_units(rs(min_utilization=part), arch.load("eyeriss")) == units


def test_a_part_is_the_decimal_that_is_written() -> None:
    chip = arch.load("example").override({"pe_array.rows": 10, "pe_array.columns": 10})
    assert math.ceil(0.07 * 100) == 8, "what a float product would ask for"
    assert required_units(free(min_utilization=0.07), chip) == 7


def test_an_answer_on_disk_is_one_for_the_same_constraints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DNNACCEL_CACHE", str(tmp_path))
    chip = arch.load("example")
    flows = [free(min_utilization=part) for part in (0, 0.5, 0.85)]
    first = [da.search(FC, chip, flow) for flow in flows]
    assert any(tmp_path.iterdir())
    assert [da.search(FC, chip, flow) for flow in flows] == first
    for flow, found_ in zip(flows, first, strict=True):
        holds(flow, found_.mapping, FC, chip)


# ------------------------------------------------------------------------------------------------------------
# They only take mappings away


def tiny_chip(rows: int, columns: int) -> Chip:
    """A chip whose mapspaces are small, and whose energies add up exactly."""
    source = "made up for this test"
    return Chip.from_dict(
        {
            "format": 1,
            "name": "tiny",
            "word_bits": 16,
            "energy_unit": "pJ",
            "levels": [
                {"memory": "ram", "read_energy": 100, "write_energy": 90, "bytes_per_cycle": 4},
                {
                    "memory": "buffer",
                    "size_bytes": 64,
                    "may_bypass": ["weights"],
                    "read_energy": 6,
                    "write_energy": 5,
                },
                {
                    "array": "pes",
                    "rows": rows,
                    "columns": columns,
                    "reduce": ["C"],
                    "charge": {"inputs": "delivery", "weights": "delivery", "outputs": "hop"},
                    "energy": 1.5,
                },
                {
                    "memory": "rf",
                    "size_bytes": 16,
                    "keeps": ["weights", "outputs"],
                    "read_energy": 1,
                    "write_energy": 0.5,
                },
            ],
            "mac": {"energy": 2, "source": source},
            "vector": {"lanes": 1, "op_energy": 1, "memory": "buffer", "source": source},
        }
    )


POWERS = st.sampled_from([1, 2, 4])
SIZES = [(4, 2, 1), (2, 4, 1), (2, 2, 2), (4, 1, 2), (1, 4, 2), (4, 4, 1)]
"""Output channels, input channels and rows of small layers."""
LEVELS = ("ram", "buffer", "pes.rows", "pes.columns", "rf")


@st.composite
def limits(draw: st.DrawFn) -> dict[str, Any]:
    """Constraints on the tiny chip, contradictory ones too."""
    used = st.sampled_from("MCP")
    where = {}
    for level in draw(st.lists(st.sampled_from(LEVELS), unique=True, max_size=2)):
        asked: dict[str, Any] = {}
        if draw(st.booleans()):
            asked["tiles"] = draw(st.dictionaries(used, POWERS, max_size=2))
        if draw(st.integers(0, 3)) == 0:
            asked["dims"] = draw(st.lists(used, unique=True))
        if "." not in level:
            asked["order"] = draw(st.permutations("MCP").map(lambda dims: dims[:2]) | st.just([]))
            if draw(st.integers(0, 3)) == 0:
                asked["keeps"] = draw(st.lists(st.sampled_from(ROLES), unique=True))
        where[level] = LevelConstraint(**asked)
    splits = st.tuples(used, st.sampled_from([*LEVELS, "pes"]))
    return {
        "where": where,
        "forbid": draw(st.lists(splits, max_size=2)),
        "min_utilization": draw(st.sampled_from([0, 0, 0.25, 0.5, 1])),
    }


def score(objective: str, energy: float, cycles: int) -> float:
    return {"energy": energy, "latency": float(cycles), "edp": energy * cycles}[objective]


@pytest.mark.parametrize("objective", mapper.OBJECTIVES)
@settings(CALM, max_examples=60)
@given(
    sizes=st.sampled_from(SIZES),
    array=st.tuples(POWERS, st.sampled_from([1, 2])),
    name=st.sampled_from(["free", "ws", "osc", "rs"]),
    limits=limits(),
)
def test_a_constrained_optimum_is_never_better_than_the_free_one(
    objective: str, sizes: tuple[int, int, int], array: tuple[int, int], name: str, limits: dict[str, Any]
) -> None:
    """Sizes are powers of two: a fixed tile that does not divide its dim may cut as no free factor does."""
    out, inner, rows = sizes
    layer = Conv2d(name="l", input_shapes=((1, inner, rows, 1),), out_channels=out, kernel=(1, 1))
    chip = tiny_chip(*array)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mapper, "_EFFORT", {"exhaustive_limit": 3_000_000, "starts": 1, "proposals": 1})
        own = da.dataflow.get(name)
        try:
            before = da.search(layer, chip, own, objective)
            flow = own.constrained(**limits)
            after = da.search(layer, chip, flow, objective)
        except (da.DataflowError, da.MappingError):
            assume(False)
        assert before.optimal
        assert after.optimal
        assert after.figure >= before.figure
        for mapping in (after.mapping, *(point.mapping for point in after.pareto)):
            holds(flow, mapping, layer, chip)


@pytest.mark.parametrize("objective", mapper.OBJECTIVES)
@pytest.mark.parametrize("sizes", SIZES)
def test_an_optimum_that_constraints_allow_stays_the_optimum(
    sizes: tuple[int, int, int], objective: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that is true of the best mapping is asked for, one thing at a time and together."""
    monkeypatch.setattr(mapper, "_EFFORT", {"exhaustive_limit": 3_000_000, "starts": 1, "proposals": 1})
    out, inner, rows = sizes
    layer = Conv2d(name="l", input_shapes=((1, inner, rows, 1),), out_channels=out, kernel=(1, 1))
    chip = tiny_chip(2, 2)
    best = da.search(layer, chip, "free", objective)
    assert best.optimal
    where, forbid = {}, []
    for level in best.mapping.levels:
        kept = level.keeps
        where[level.level] = LevelConstraint(
            order=() if kept is None else tuple(loop.dim for loop in level.loops),
            tiles={loop.dim: loop.tile for loop in level.loops},
            keeps=None if kept is None else tuple(kept),
        )
        dims = [loop.dim for loop in level.loops]
        forbid += [(dim, level.level) for dim in "MCP" if dim not in dims]
    part = best.cost.active_pes / 4
    for flow in (
        free(where=where),
        free(forbid=forbid),
        free(min_utilization=part),
        free(where=where, forbid=forbid, min_utilization=part),
    ):
        again = da.search(layer, chip, flow, objective)
        assert again.optimal
        assert again.figure == best.figure
        holds(flow, again.mapping, layer, chip)


@given(positions=st.integers(1, 300), room=st.integers(1, 40))
def test_spatial_factors_fill_an_axis_in_even_shares(positions: int, room: int) -> None:
    factors = set(spatial_factors(positions, room))
    assert {1, *(n for n in range(1, room + 1) if positions % n == 0)} <= factors
    assert max(factors) <= min(positions, room)
    passes = math.ceil(positions / min(positions, room))
    assert math.ceil(positions / passes) in factors
    for n in factors:
        # Each is the share of some number of passes: no smaller one needs as few.
        assert n == math.ceil(positions / math.ceil(positions / n))
    if positions == 55 and room == 14:
        assert factors == {1, 5, 7, 11, 14}


@settings(CALM, max_examples=40)
@given(sizes=st.tuples(st.integers(1, 9), st.integers(1, 9)), array=st.tuples(*[st.integers(1, 4)] * 2))
def test_what_is_said_to_be_reached_is_reached_and_no_more(
    sizes: tuple[int, int], array: tuple[int, int]
) -> None:
    """Weight stationary spreads C over the rows and M over the columns, each by itself."""
    out, inner = sizes
    rows, columns = array
    layer, chip = Linear(name="l", input_shapes=((1, inner),), out_features=out), tiny_chip(rows, columns)
    most = max(spatial_factors(inner, rows)) * max(spatial_factors(out, columns))
    units = rows * columns

    def asks(working: int) -> Dataflow:
        return da.dataflow.get("ws").constrained(min_utilization=working / units)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mapper, "_EFFORT", {"exhaustive_limit": 3_000_000, "starts": 1, "proposals": 1})
        assert da.search(layer, chip, asks(most)).cost.active_pes == most
        if most < units:
            with pytest.raises(da.DataflowError, match=f"at most {most} can work on this layer"):
                da.search(layer, chip, asks(most + 1))


# ------------------------------------------------------------------------------------------------------------
# What contradicts itself

CONTRADICTORY: dict[str, tuple[Callable[[], Dataflow], tuple[str, ...]]] = {
    "unknown level": (
        lambda: rs(where={"glbb": "order M"}),
        ("constrains level 'glbb', which eyeriss has not", "did you mean 'glb'"),
    ),
    "unknown level to forbid": (
        lambda: rs(forbid=["M at pe_aray.rows"]),
        ("forbids M at 'pe_aray.rows', which eyeriss has not", "did you mean 'pe_array.rows'"),
    ),
    "unknown dim": (lambda: rs(where={"glb": "order K"}), ("glb: order: unknown dim 'K'; did you mean 'M'",)),
    "unknown dim to forbid": (
        lambda: rs(forbid=["W at glb"]),
        ("W at glb: unknown dim 'W'; did you mean 'Q'",),
    ),
    "a dim twice": (lambda: rs(where={"glb": "order M, M"}), ("glb: order: M stands there twice",)),
    "an order against the dataflow's": (
        lambda: rs(where={"filter_buffer": "order Q, M"}),
        ("filter_buffer: order has Q outside M, and the dataflow Q inside M",),
    ),
    "an order against an order": (
        lambda: rs(where={"glb": "order M, C"}).constrained(where={"glb": "order C, M"}),
        ("where: glb: order: M cannot run inside C beside order M, C: C is to run inside M",),
    ),
    "an order beside an order": (
        lambda: rs(where={"glb": "order M, C"}).constrained(where={"glb": "order C, P"}),
        ("P cannot run inside C beside order M, C", "what an order does not name runs outside"),
    ),
    "an order where no loop runs": (
        lambda: rs(where={"filter_spad": "order M, C"}),
        ("filter_spad: order names loops, and under this dataflow none runs there",),
    ),
    "an order of an axis": (lambda: rs(where={"pe_array.rows": "order M"}), ("pe_array.rows", "are spatial")),
    "an order of what is not split": (
        lambda: rs(where={"glb": "order M, C; splits C, P"}),
        ("where: glb: order names M, which dims leaves out",),
    ),
    "an order of what is forbidden": (
        lambda: rs(where={"glb": "order M, C"}, forbid=["M at glb"]),
        ("glb: order names M, and forbid says",),
    ),
    "tiles that grow inwards": (
        lambda: rs(where={"dram": "tiles M=4", "glb": "tiles M=8"}),
        ("glb fixes M to chunks of 8, and dram outside it to chunks of 4",),
    ),
    "a tile that leaves whole what is cut": (
        lambda: rs(where={"dram": "tiles M=4", "glb": "tiles M=500"}),
        ("dram: M is cut into chunks of 4, and may not be split",),
    ),
    "two tiles": (
        lambda: rs(where={"glb": "tiles M=4"}).constrained(where={"glb": "tiles M=6"}),
        ("where: glb: tiles: M is to be cut into chunks of 4 and of 6",),
    ),
    "a tile against the dataflow's": (
        lambda: Dataflow(name="x", levels={"glb": "tiles M=4"}).constrained(where={"glb": "tiles M=6"}),
        ("where: glb: contradicts what levels says", "M is to be cut into chunks of 4 and of 6"),
    ),
    "a tile of what the dataflow does not split": (
        lambda: rs(where={"pe_array.columns": "tiles Q=2"}),
        ("pe_array.columns: Q cannot be cut into chunks of 2: the dataflow does not split it at this level",),
    ),
    "a tile of what is forbidden": (
        lambda: rs(where={"glb": "tiles M=4"}, forbid=["M at glb"]),
        ("where: glb: tiles fixes M, and forbid says that it may not be split there",),
    ),
    "a tile of an axis of a forbidden array": (
        lambda: rs(where={"pe_array.rows": "tiles M=4"}, forbid=["M at pe_array"]),
        ("pe_array.rows: tiles fixes M, and forbid says",),
    ),
    "nowhere to run": (
        lambda: rs(forbid=["R at pe_array.rows"]),
        ("no level may split dim R: where and forbid take pe_array.rows from it, and no other is left",),
    ),
    "nowhere but a small array": (
        lambda: free(forbid=[("M", name) for name in arch.load("eyeriss").level_names if "." not in name]),
        ("384 chunks of M are left to pe_array.rows (12), pe_array.columns (14), room for 168",
         "it may not be split at dram, glb"),
    ),
    "too little is spread": (
        lambda: rs(min_utilization=0.9, where={"pe_array.columns": "splits nothing"}),
        ("min_utilization 0.9 asks for 152 of 168 MAC units, and at most 12 can work on this layer",
         "pe_array.rows 12 of 12 (", "pe_array.columns 1 of 14 (no dim)"),
    ),
    "too few of a dim": (
        lambda: rs(min_utilization=0.95, where={"pe_array.columns": "splits P"}),
        ("at most 156 can work on this layer", "pe_array.columns 13 of 14 (P)"),
    ),
    "no even share": (
        # Rows of R = 3 alone; with P = 13 on top there is no room for a second row of them.
        lambda: rs(min_utilization=0.5, where={"pe_array.rows": "splits R"}),
        ("at most 42 can work on this layer: pe_array.rows 3 of 12 (R); pe_array.columns 14 of 14",),
    ),
    "more than all units": (
        lambda: rs(min_utilization=1.5),
        ("min_utilization: must be from 0 to 1, a part of the chip's MAC units, not 1.5",),
    ),
    "kept against the chip": (
        lambda: rs(where={"filter_spad": "keeps inputs"}),
        ("filter_spad: keeps: it cannot keep inputs",),
    ),
    "kept against the dataflow": (
        lambda: da.dataflow.get("ws").constrained(where={"psum_spad": "keeps outputs"}),
        ("psum_spad: keeps: it does not keep outputs under this dataflow",),
    ),
    "not kept": (
        lambda: rs(where={"psum_spad": "keeps nothing"}),
        ("psum_spad: keeps: it must keep outputs, under this dataflow and on this chip",),
    ),
    "two that are kept": (
        lambda: rs(where={"glb": "keeps inputs"}).constrained(where={"glb": "keeps outputs"}),
        ("glb: keeps: exactly inputs and exactly outputs cannot both be kept",),
    ),
}  # fmt: skip
CONV3 = da.zoo.load("alexnet")["conv3"]


@pytest.mark.parametrize(("make", "words"), CONTRADICTORY.values(), ids=CONTRADICTORY)
def test_contradictory_constraints_are_refused_with_the_reason(
    make: Callable[[], Dataflow], words: tuple[str, ...]
) -> None:
    with pytest.raises(da.DataflowError) as caught:
        da.search(CONV3, arch.load("eyeriss"), make())
    said = str(caught.value)
    assert said.startswith("dataflow '")
    assert "\n" not in said
    for word in words:
        assert word in said


def test_a_layer_that_cannot_is_named_with_its_own_reason() -> None:
    """conv1 of AlexNet puts 11 x 14 units to work, one row each of its filter; fc6 has one pixel only."""
    net = da.zoo.load("alexnet")
    flow = rs(where={"pe_array.columns": "splits P"}, min_utilization=0.3)
    with pytest.raises(da.MappingError) as caught:
        da.simulate(net, "eyeriss", dataflow=flow)
    said = str(caught.value)
    assert "layer 'fc6': dataflow 'rs-constrained': min_utilization 0.3 asks for 51" in said
    assert "'conv1'" not in said


def test_what_a_layer_has_not_is_no_contradiction() -> None:
    """A fully connected layer has one row and column of everything: what is asked of them holds by itself."""
    flow = rs(
        where={"dram": "order P, M; tiles R=4, Q=2", "pe_array.columns": "tiles P=7"},
        forbid=["S at psum_spad"],
    )
    for mapping in found(flow, "eyeriss", FC):
        holds(flow, mapping, FC, arch.load("eyeriss"))


def test_steps_that_wait_stay_outermost() -> None:
    cell = next(layer for layer in da.zoo.load("lstm") if layer.problem and layer.problem.waiting)
    chip = arch.load("example")
    assert cell.problem is not None
    (step,) = cell.problem.waiting
    with pytest.raises(
        da.DataflowError, match=f"dram: order has M outside {step}, and the dataflow M inside"
    ):
        constrain(free(where={"dram": f"order M, {step}"}), chip, cell.problem)
    with pytest.raises(
        da.DataflowError, match=f"dram: {step} cannot be cut into chunks of 2: the chunks are 1"
    ):
        constrain(free(where={"dram": f"tiles {step}=2"}), chip, cell.problem)
    with pytest.raises(da.DataflowError, match=f"dram: {step} is cut into chunks of 1, and may not be split"):
        constrain(free(forbid=[(step, "dram")]), chip, cell.problem)
    constrain(free(where={"dram": f"order {step}, M"}), chip, cell.problem)


MALFORMED: dict[str, tuple[dict[str, Any], str]] = {
    "where is no mapping": ({"where": ["glb: order M"]}, "where: must give a LevelConstraint by level"),
    "where of numbers": ({"where": {"glb": 3}}, "where: glb: must be a LevelConstraint, not 3"),
    "a level that is no name": ({"where": {3: "order M"}}, "where: must name levels such as 'glb', not 3"),
    "a text": ({"forbid": "M at glb"}, "forbid: must be a list such as ['M at glb'] or [('M', 'glb')]"),
    "a number": ({"forbid": [3]}, "forbid: 3 is neither 'M at glb' nor ('M', 'glb')"),
    "three": ({"forbid": [("M", "glb", "rf")]}, "is neither 'M at glb' nor"),
    "no level": ({"forbid": ["M"]}, "forbid: 'M' is not DIM at LEVEL, for instance 'M at pe_array.columns'"),
    "no dim": ({"forbid": ["@glb"]}, "forbid: '@glb' is not DIM at LEVEL"),
    "a percentage": ({"min_utilization": "80%"}, "must be from 0 to 1"),
    "80": ({"min_utilization": 80}, "must be from 0 to 1, a part of the chip's MAC units, not 80"),
    "below 0": ({"min_utilization": -0.1}, "must be from 0 to 1"),
    "no number": ({"min_utilization": math.nan}, "must be from 0 to 1"),
    "true": ({"min_utilization": True}, "must be from 0 to 1"),
    "a name": ({"name": "my flow"}, "a dataflow's name is made of letters"),
}


@pytest.mark.parametrize(("given_", "words"), MALFORMED.values(), ids=MALFORMED)
def test_malformed_constraints_are_refused(given_: dict[str, Any], words: str) -> None:
    with pytest.raises(da.DataflowError) as caught:
        rs(**given_)
    assert words in str(caught.value)


# ------------------------------------------------------------------------------------------------------------
# As text


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("order M, C", {"order": ("M", "C")}),
        ("order: M C", {"order": ("M", "C")}),
        ("  ORDER:M,C ;", {"order": ("M", "C")}),
        ("tiles P=1", {"tiles": {"P": 1}}),
        ("tiles: P = 1, M=4", {"tiles": {"P": 1, "M": 4}}),
        ("dims M; keeps nothing", {"dims": ("M",), "keeps": ()}),
        ("splits none; keep inputs outputs", {"dims": (), "keeps": ("inputs", "outputs")}),
    ],
)
def test_text_says_what_a_level_may_do(text: str, asked: dict[str, Any]) -> None:
    assert read_level(text) == asked
    constraint = LevelConstraint.parse(text)
    assert constraint == LevelConstraint(**asked)
    assert LevelConstraint.parse(str(constraint)) == constraint


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "asks for nothing; write, for instance, 'order M, C'"),
        ("ordr M", "'ordr M' does not begin with one of dims, order, tiles, keeps; did you mean 'order'?"),
        ("=", "'=' does not begin with one of"),
        ("order", "order names nothing; write, for instance, 'order M, C'"),
        ("order M; order C", "order stands there twice"),
        ("tiles M", "tiles: 'M' is not DIM=NUMBER, for instance M=4"),
        ("tiles M=-4", "tiles: 'M=-4' is not DIM=NUMBER"),
        ("tiles M=4, M=5", "tiles: M stands there twice"),
        ("tiles M=0", "tiles: M has tile 0; it must be at least 1"),
        ("order M" * 1000, "a text of 7000 characters; at most 1000"),
    ],
)
def test_text_that_says_nothing_is_refused(text: str, words: str) -> None:
    with pytest.raises(da.DataflowError) as caught:
        LevelConstraint.parse(text)
    assert words in str(caught.value)


def test_a_shell_says_the_level_too() -> None:
    assert read_where("pe_array.columns: tiles: P=1") == ("pe_array.columns", {"tiles": {"P": 1}})
    assert parse_where(["glb: order M,C", "rf: keeps none", "glb: tiles M=4"]) == {
        "glb": LevelConstraint(order=("M", "C"), tiles={"M": 4}),
        "rf": LevelConstraint(keeps=()),
    }
    for text in ("order M, C", ": order M", "glb order: M", ""):
        with pytest.raises(da.DataflowError, match="is not LEVEL: WHAT, for instance 'glb: order M, C'"):
            parse_where([text])
    with pytest.raises(da.DataflowError, match="glb: 'ordr M'"):
        read_where("glb: ordr M")


@pytest.mark.parametrize("text", ["M@pe_array.columns", "M at pe_array.columns", " M @ pe_array.columns "])
def test_a_forbidden_split_is_a_dim_at_a_level(text: str) -> None:
    assert read_forbidden(text) == (("M", "pe_array.columns"),)
    assert read_forbidden("M,C at glb") == (("M", "glb"), ("C", "glb"))


# ------------------------------------------------------------------------------------------------------------
# Values, and files

TEXTS = ["order M, C", "tiles M=4", "splits M, C; tiles P=1", "keeps inputs", "splits nothing"]


@st.composite
def constrained_flows(draw: st.DrawFn) -> Dataflow:
    levels = st.sampled_from(["dram", "glb", "rf"])
    where = draw(st.dictionaries(levels, st.sampled_from(TEXTS)))
    forbid = draw(st.lists(st.tuples(st.sampled_from("NGQRS"), levels)))
    part = draw(st.floats(0, 1))
    name = draw(st.sampled_from(["rs", "os", "free"]))
    if name == "os" or draw(st.booleans()):
        return da.dataflow.get(name).constrained(where=where, forbid=forbid, min_utilization=part)
    return Dataflow(name="x", variants=(name,), where=where, forbid=forbid, min_utilization=part)


@settings(deadline=None)
@given(flow=constrained_flows())
def test_a_constrained_dataflow_is_a_value(flow: Dataflow, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "constrained.yaml"
    path.write_text(flow.to_yaml(), encoding="utf-8")
    for other in (
        da.dataflow.load(path),
        Dataflow.from_dict(json.loads(json.dumps(flow.to_dict()))),
        pickle.loads(pickle.dumps(flow)),
        copy.deepcopy(flow),
        eval(repr(flow), {"Dataflow": Dataflow, "LevelConstraint": LevelConstraint}),
        flow.constrained(name=flow.name),
    ):
        assert other == flow
        assert hash(other) == hash(flow)
        assert other.to_yaml() == flow.to_yaml()


def test_the_order_in_which_splits_are_forbidden_is_no_matter() -> None:
    one = rs(forbid=["M at glb", ("C", "dram"), "M@glb"])
    other = rs(forbid=[("C", "dram")]).constrained(forbid=[("M", "glb")])
    assert one == other
    assert one.forbid == (("C", "dram"), ("M", "glb"))
    assert one.name == other.name == "rs-constrained"


def test_constraints_add_up() -> None:
    flow = rs(where={"glb": "order M, C; splits M, C, P, Q"}, min_utilization=0.5).constrained(
        where={"glb": "order P, M, C; splits M, P, C; tiles M=4", "dram": "tiles M=8"}, min_utilization=0.25
    )
    assert str(flow.where["glb"]) == "splits M, C, P; order P, M, C; tiles M=4"
    assert flow.min_utilization == 0.5
    assert flow.where["dram"] == LevelConstraint(tiles={"M": 8})


@given(
    orders=st.tuples(*[st.permutations(DIMS).flatmap(lambda p: st.integers(0, 4).map(lambda n: p[:n]))] * 2)
)
def test_merged_orders_are_both(orders: tuple[list[str], list[str]]) -> None:
    one, other = (LevelConstraint(order=tuple(order)) for order in orders)
    try:
        both = merge(one, other).order
    except da.DataflowError:
        return
    for order in orders:
        assert [dim for dim in both if dim in order] == order
    assert set(both) == {*orders[0], *orders[1]}


FILE = """\
format: 1
name: mine
variants: [rs]
where:
  glb: order M, C
  pe_array.columns: {dims: [P, M], tiles: {P: 1}}
forbid:
- M at dram
- [C, pe_array.rows]
min_utilization: 0.5
"""


def test_a_file_constrains_a_built_in_dataflow(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(FILE)
    flow = da.dataflow.load(path)
    assert flow.where == {
        "glb": LevelConstraint(order=("M", "C")),
        "pe_array.columns": LevelConstraint(dims=("P", "M"), tiles={"P": 1}),
    }
    assert flow.forbid == (("M", "dram"), ("C", "pe_array.rows"))
    assert flow.min_utilization == 0.5
    (own,) = flow.expand()
    assert own == da.dataflow.get("rs").constrained(
        where=flow.where, forbid=flow.forbid, min_utilization=0.5, name="mine"
    )


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("glb: order M, C", "glb: ordr M, C", 5, "where.glb: 'ordr M, C' does not begin with one of"),
        ("glb: order M, C", "glb: order M, K", 5, "where.glb.order.1: unknown dim 'K'; did you mean 'M'"),
        ("glb: order M, C", "glb: order M, M", 5, "where.glb.order: M stands there twice"),
        ("glb: order M, C", "glb: {orders: [M]}", 5, "where.glb.orders: unknown key; did you mean order?"),
        ("glb: order M, C", "dram: tiles M=4", 5, "where.dram: tiles fixes M, and forbid says"),
        ("glb: order M, C", "pe_array.rows: order M", 5, "where.pe_array.rows: an array's rows and columns"),
        ("where:", "constraints:", 4, "constraints: unknown key; did you mean where?"),
        ("- M at dram", "- K at dram", 7, "forbid: K at dram: unknown dim 'K'"),
        ("- M at dram", "- M", 7, "forbid: 'M' is not DIM at LEVEL"),
        ("forbid:", "forbidden:", 7, "forbidden: unknown key; did you mean forbid?"),
        ("0.5", "50", 10, "min_utilization: must be from 0 to 1"),
        ("0.5", "half", 10, "min_utilization: must be from 0 to 1"),
        ("min_utilization", "utilization", 10, "utilization: unknown key; did you mean min_utilization?"),
    ],
)
def test_one_mistake_in_a_file_is_one_line(tmp_path: Path, old: str, new: str, line: int, words: str) -> None:
    path = tmp_path / "mine.yaml"
    assert old in FILE
    path.write_text(FILE.replace(old, new, 1))
    with pytest.raises(da.DataflowError) as caught:
        da.dataflow.load(path)
    said = str(caught.value).replace(f"{tmp_path}/", "")
    assert said.startswith(f"mine.yaml:{line}: ")
    assert words in said
    assert "\n" not in said


def test_a_dataflow_shows_its_constraints() -> None:
    from dnnaccel.report.listing import dataflow_text

    shown = dataflow_text(
        rs(where={"glb": "order M, C; tiles P=1"}, forbid=["M at dram"], min_utilization=0.8)
    )
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert lines[-3:] == [
        "where glb order M, C; tiles P=1",
        "forbidden M at dram",
        "MAC units at work 80.0% of the chip's at least",
    ]


# ------------------------------------------------------------------------------------------------------------
# From a shell


def shell(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = run(["search", "lenet5:conv2", "--arch", "eyeriss", "--quiet", *arguments])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_a_shell_asks_for_the_same(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, _, err = shell(
        capsys,
        *("--where", "dram: order M,C", "--where", "dram: tiles M=8", "--where", "psum_spad: splits S, C"),
        *("--forbid", "M@pe_array.columns", "--forbid", "M,C at pe_array.rows"),
        *("--min-utilization", "0.2", "--save", str(tmp_path / "mapping.txt")),
    )
    assert (code, err) == (0, "")
    flow = rs(
        where={"dram": "order M, C; tiles M=8", "psum_spad": "splits S, C"},
        forbid=["M at pe_array.columns", "M at pe_array.rows", "C at pe_array.rows"],
        min_utilization=0.2,
    )
    layer, chip = da.zoo.load("lenet5")["conv2"], arch.load("eyeriss")
    mapping = Mapping.load(tmp_path / "mapping.txt")
    assert mapping == da.search(layer, chip, flow).mapping
    holds(flow, mapping, layer, chip)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--where", "order M"), "--where 'order M' is not LEVEL: WHAT, for instance 'glb: order M, C'"),
        (("--where", "glb: ordr M"), "--where glb: 'ordr M' does not begin with one of"),
        (("--where", "glb: order K"), "--where glb: order: unknown dim 'K'; did you mean 'M'"),
        (
            ("--where", "glb: order M,C", "--where", "glb: order C,M"),
            "--where glb: order: M cannot run inside C beside order M, C: C is to run inside M",
        ),
        (("--where", "gbl: order M"), "constrains level 'gbl', which eyeriss has not; did you mean 'glb'?"),
        (("--forbid", "M"), "forbid: 'M' is not DIM at LEVEL"),
        (("--min-utilization", "80"), "min_utilization: must be from 0 to 1"),
        (("--min-utilization", "1"), "min_utilization 1 asks for 168 of 168 MAC units, and at most"),
    ],
)
def test_a_shell_says_what_is_wrong(
    arguments: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = shell(capsys, *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("dnnaccel: error: ")
    assert words in err
    assert err.count("\n") == 1
