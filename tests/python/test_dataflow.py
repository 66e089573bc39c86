"""Is a dataflow, built in or a user's own, obeyed in every mapping found, and refused where it cannot be?"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import dnnaccel as da
import presets
from dnnaccel import arch, mapper
from dnnaccel.arch import Array, Chip, Memory
from dnnaccel.dataflow import Dataflow, LevelConstraint
from dnnaccel.layers import Conv2d, Layer, Linear
from dnnaccel.mapping import LevelMapping, Mapping
from dnnaccel.mapspace import LevelRule, constrain
from dnnaccel.problem import DIMS, ROLES

LAYER = Conv2d(name="conv", input_shapes=((2, 8, 14, 14),), out_channels=24, kernel=(3, 3), padding=(1, 1))
GROUPED = Conv2d(
    name="conv", input_shapes=((1, 8, 9, 9),), out_channels=12, kernel=(5, 3), groups=4, stride=(2, 2)
)
FC = Linear(name="fc", input_shapes=((1, 60),), out_features=30)


@pytest.fixture(autouse=True, scope="module")
def quick() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mapper, "_EFFORT", {"exhaustive_limit": 500, "starts": 2, "proposals": 600})
        yield


def example() -> Chip:
    return arch.load("example")


def find(
    flow: str | Dataflow, layer: Layer = LAYER, chip: Chip | None = None, objective: str = "energy"
) -> Mapping:
    return da.search(layer, chip or example(), flow, objective).mapping


def dims_at(mapping: Mapping, level: str) -> list[str]:
    return [loop.dim for loop in mapping.level(level).loops]


def is_in_order(dims: list[str], order: tuple[str, ...]) -> bool:
    """Whether the dims named by `order` stand in that order, inside all the others."""
    named = [dim for dim in dims if dim in order]
    return named == [dim for dim in order if dim in dims] and dims[len(dims) - len(named) :] == named


# ------------------------------------------------------------------------------------------------------------
# The built-in ones, as DESIGN.md section 6 puts them

PE = {
    "ws": ({"weights"}, {"C"}, {"M"}),
    "osa": ({"outputs"}, {"P"}, {"Q"}),
    "osb": ({"outputs"}, {"M"}, {"N", "P", "Q"}),
    "osc": ({"outputs"}, {"M"}, {"M", "N"}),
    "is": ({"inputs"}, {"C"}, {"P", "Q"}),
    "rs": (set(ROLES), {"R", "C", "M", "G", "P"}, {"P", "M", "C", "G"}),
    "nlr": (set(), {"C"}, {"M"}),
}
# Dims whose loops stand just outside the PE, where what is stationary does not move.
OUTSIDE = {"ws": "NPQ", "osa": "CRS", "osb": "CRS", "osc": "CRS", "is": "MRS", "rs": "Q"}


@pytest.mark.parametrize("objective", mapper.OBJECTIVES)
@pytest.mark.parametrize("layer", [LAYER, GROUPED, FC], ids=["conv", "grouped", "fc"])
@pytest.mark.parametrize("flow", PE)
def test_a_built_in_dataflow_is_what_its_name_says(flow: str, layer: Layer, objective: str) -> None:
    stationary, rows, columns = PE[flow]
    mapping = find(flow, layer, objective=objective)
    assert mapping.level("rf").keeps == stationary
    assert set(dims_at(mapping, "pe_array.rows")) <= rows
    assert set(dims_at(mapping, "pe_array.columns")) <= columns
    outside = set(OUTSIDE.get(flow, ""))
    around = [dim in outside for dim in dims_at(mapping, "glb")]
    assert around == sorted(around), "these loops stand inside all others of the level around the array"


def test_row_stationary_keeps_rows_whole_and_down_the_array() -> None:
    for layer in (LAYER, GROUPED):
        mapping = find("rs", layer, arch.load("eyeriss"))
        kernel = layer.problem.bounds["R"]  # type: ignore[union-attr]
        rows = {loop.dim: loop for loop in mapping.level("pe_array.rows").loops}
        assert (rows["R"].extent, rows["R"].tile) == (kernel, 1)
        for level in mapping.levels:
            if level.level != "pe_array.rows":
                assert "R" not in [loop.dim for loop in level.loops]


def test_output_stationary_says_which_variant_won() -> None:
    assert da.search(LAYER, example(), "os").dataflow in ("osa", "osb", "osc")


def test_names_are_stable_and_resolve() -> None:
    assert da.dataflow.names() == ["ws", "os", "osa", "osb", "osc", "is", "rs", "nlr", "free"]
    for name in da.dataflow.names():
        assert da.dataflow.get(name).name == name
        assert da.dataflow.get(da.dataflow.get(name)) is da.dataflow.get(name)
        assert str(da.dataflow.get(name)).startswith(f"{name}: ")
    with pytest.raises(da.UnknownNameError, match="unknown dataflow 'wss'; did you mean 'ws'"):
        da.dataflow.get("wss")


def test_every_rule_allows_only_what_the_chip_has() -> None:
    assert LAYER.problem is not None
    for name in presets.ALL:
        chip = arch.load(name)
        for flow in da.dataflow.names():
            for variant in da.dataflow.get(flow).expand():
                try:
                    rules = constrain(variant, chip, LAYER.problem)
                except da.DataflowError:
                    continue
                assert len(rules) == len(chip.levels)
                for rule, level in zip(rules, chip.levels, strict=True):
                    check_rule(rule, level)


def check_rule(rule: LevelRule, level: Memory | Array) -> None:
    if isinstance(level, Array):
        assert len(rule.dims) == len(rule.tiles) == 2
        assert not rule.keeps | rule.optional
    else:
        assert len(rule.dims) == len(rule.tiles) == 1
        assert rule.keeps | rule.optional <= set(level.keeps)
        assert not rule.keeps & rule.optional
    for dims in rule.dims:
        assert dims <= set(DIMS)


# ------------------------------------------------------------------------------------------------------------
# A user's own


def own(**levels: LevelConstraint) -> Dataflow:
    return Dataflow(name="mine", levels={name.replace("__", "."): rule for name, rule in levels.items()})


@pytest.mark.parametrize("objective", mapper.OBJECTIVES)
@pytest.mark.parametrize(
    "order", [("Q",), ("C", "P"), ("P", "C"), ("M", "C", "P", "Q"), ("S", "R", "N", "Q", "P", "C", "M")]
)
def test_a_partial_order_is_obeyed(order: tuple[str, ...], objective: str) -> None:
    mapping = find(own(glb=LevelConstraint(order=order)), objective=objective)
    assert is_in_order(dims_at(mapping, "glb"), order), dims_at(mapping, "glb")


def test_orders_of_several_levels_are_obeyed() -> None:
    flow = own(
        dram=LevelConstraint(order=("M", "P")),
        glb=LevelConstraint(order=("Q", "C")),
        rf=LevelConstraint(order=("S", "R")),
    )
    mapping = find(flow)
    for level, order in (("dram", ("M", "P")), ("glb", ("Q", "C")), ("rf", ("S", "R"))):
        assert is_in_order(dims_at(mapping, level), order)


def test_orders_matter() -> None:
    """Of two opposite orders each gives a mapping that the other forbids."""
    chip = example().override({"glb.size_bytes": 8192})
    results = {}
    for order in (("M", "P"), ("P", "M")):
        # Both loops run at the outermost level, with tiles that leave work for them.
        flow = own(dram=LevelConstraint(dims=("M", "P"), order=order, tiles={"M": 6, "P": 2}))
        found = da.search(LAYER, chip, flow)
        assert dims_at(found.mapping, "dram") == list(order)
        results[order] = found.cost
    assert results["M", "P"].traffic("dram") != results["P", "M"].traffic("dram")


def tile_after(mapping: Mapping, level: str, dim: str, bound: int) -> int:
    """What of a dim is left below a level."""
    left = bound
    for part in mapping.levels:
        for loop in part.loops:
            if loop.dim == dim:
                left = loop.tile
        if part.level == level:
            return left
    raise AssertionError(level)


@pytest.mark.parametrize("tile", [1, 2, 5, 8, 24, 1000])
@pytest.mark.parametrize("level", ["dram", "glb", "pe_array.columns"])
def test_a_fixed_tile_is_obeyed(level: str, tile: int) -> None:
    flow = Dataflow(name="mine", levels={level: LevelConstraint(tiles={"M": tile})})
    mapping = find(flow)
    left = tile_after(mapping, level, "M", 24)
    # A tile larger than what is left there cuts nothing.
    assert left == tile if level == "dram" and tile <= 24 else left <= tile
    cuts = [loop.tile for loop in mapping.level(level).loops if loop.dim == "M"]
    assert cuts in ([], [tile])


@pytest.mark.parametrize("tile", [1, 2, 23])
def test_a_tile_of_an_axis_of_one_instance_is_refused(tile: int) -> None:
    flow = own(pe_array__columns=LevelConstraint(tiles={"M": tile}))
    chip = example().override({"pe_array.columns": 1})
    with pytest.raises(da.DataflowError) as caught:
        da.search(LAYER, chip, flow)
    assert f"pe_array.columns fixes M to chunks of {tile}, and is 1 wide" in str(caught.value)


@pytest.mark.parametrize("tiles", [(24, None), (1000, None), (6, 6)])
def test_a_tile_that_cuts_nothing_may_stand_at_an_axis_of_one_instance(tiles: tuple[int, int | None]) -> None:
    inner, outer = tiles
    flow = own(
        dram=LevelConstraint(tiles={} if outer is None else {"M": outer}),
        pe_array__columns=LevelConstraint(tiles={"M": inner}),
    )
    chip = example().override({"pe_array.columns": 1})
    found = da.search(LAYER, chip, flow)
    assert "M" not in dims_at(found.mapping, "pe_array.columns")


def test_fixed_tiles_of_several_dims_and_levels_are_obeyed() -> None:
    flow = own(
        dram=LevelConstraint(tiles={"P": 7, "M": 12}),
        pe_array__rows=LevelConstraint(tiles={"P": 1}, dims=("P",)),
        pe_array__columns=LevelConstraint(tiles={"M": 1}, dims=("M",)),
        rf=LevelConstraint(keeps=("outputs",)),
    )
    mapping = find(flow)
    assert tile_after(mapping, "dram", "P", 14) == 7
    assert tile_after(mapping, "dram", "M", 24) == 12
    assert set(dims_at(mapping, "pe_array.rows")) <= {"P"}
    assert set(dims_at(mapping, "pe_array.columns")) <= {"M"}
    assert tile_after(mapping, "pe_array.rows", "P", 14) == 1
    assert tile_after(mapping, "pe_array.columns", "M", 24) == 1
    assert mapping.level("rf").keeps == {"outputs"}


@pytest.mark.parametrize("dims", [(), ("M",), ("C", "M"), ("P", "Q", "R", "S")])
@pytest.mark.parametrize("level", ["glb", "rf", "pe_array.rows", "pe_array.columns"])
def test_dims_of_a_level_are_obeyed(level: str, dims: tuple[str, ...]) -> None:
    mapping = find(Dataflow(name="mine", levels={level: LevelConstraint(dims=dims)}))
    assert set(dims_at(mapping, level)) <= set(dims)


@pytest.mark.parametrize("keeps", [(), ("inputs",), ("weights", "outputs"), ROLES])
@pytest.mark.parametrize("level", ["glb", "rf"])
def test_what_a_level_keeps_is_obeyed(level: str, keeps: tuple[str, ...]) -> None:
    mapping = find(Dataflow(name="mine", levels={level: LevelConstraint(keeps=keeps)}))
    assert mapping.level(level).keeps == set(keeps)


def test_rows_columns_and_stationary_of_a_users_own() -> None:
    flow = Dataflow(name="mine", stationary=("inputs",), inside=("C",), rows=("Q",), columns=("P", "N"))
    mapping = find(flow)
    assert mapping.level("rf").keeps == {"inputs"}
    assert set(dims_at(mapping, "rf")) <= {"C"}
    assert set(dims_at(mapping, "pe_array.rows")) <= {"Q"}
    assert set(dims_at(mapping, "pe_array.columns")) <= {"P", "N"}


def test_a_whole_mapping_can_be_dictated() -> None:
    """With every tile and order fixed, one mapping is left, and it costs what `evaluate` says."""
    flow = own(
        dram=LevelConstraint(dims=("N", "M"), order=("N", "M"), tiles={"N": 1, "M": 8}),
        glb=LevelConstraint(dims=("C", "P"), order=("P", "C"), tiles={"C": 1, "P": 2}, keeps=ROLES),
        pe_array__rows=LevelConstraint(dims=("R",), tiles={"R": 1}),
        pe_array__columns=LevelConstraint(dims=("M",), tiles={"M": 1}),
        rf=LevelConstraint(dims=("P", "Q", "S"), order=("P", "Q", "S"), keeps=ROLES),
    )
    found = da.search(LAYER, example(), flow)
    assert found.optimal
    assert found.evaluated == 1
    text = """
        dram [inputs, weights, outputs]
          for N step 1
          for M step 8
        glb [inputs, weights, outputs]
          for P step 2
          for C step 1
        pe_array.rows
          par R step 1
        pe_array.columns
          par M step 1
        rf [inputs, weights, outputs]
          for P step 1
          for Q step 1
          for S step 1
    """
    given = da.evaluate(LAYER, example(), text)
    assert (found.cost.energy, found.cost.cycles, found.cost.levels) == (
        given.energy,
        given.cycles,
        given.levels,
    )


def test_a_users_own_dataflow_runs_a_network() -> None:
    flow = Dataflow(name="mine", stationary=("weights",), rows=("C",), columns=("M",))
    report = da.simulate("lenet5", "example", dataflow=flow)
    assert report.dataflow == "mine"
    assert report.macs == da.zoo.load("lenet5").total_macs


# ------------------------------------------------------------------------------------------------------------
# What contradicts itself or the chip


def says(error: Exception, *words: str) -> None:
    for word in words:
        assert word in str(error)


def refusal(flow: Dataflow, layer: Layer = LAYER, chip: Chip | None = None) -> str:
    with pytest.raises((da.DataflowError, da.MappingError)) as caught:
        da.search(layer, chip or example(), flow)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_an_unknown_level_is_refused() -> None:
    said = refusal(own(glbb=LevelConstraint(dims=("M",))))
    assert "'glbb'" in said
    assert "did you mean 'glb'" in said
    assert "'pe_array'" in refusal(own(pe_array=LevelConstraint(dims=("M",))))


def test_an_order_or_storage_of_an_array_is_refused() -> None:
    for rule in (LevelConstraint(order=("M",)), LevelConstraint(keeps=("inputs",))):
        assert "pe_array.rows is spatial" in refusal(own(pe_array__rows=rule))


def test_keeping_what_a_memory_cannot_is_refused() -> None:
    chip = example().override({"rf.keeps": ["weights"]})
    said = refusal(own(rf=LevelConstraint(keeps=("inputs", "weights"))), chip=chip)
    assert "level rf cannot keep inputs" in said
    said = refusal(Dataflow(name="mine", stationary=("outputs",)), chip=chip)
    assert "mine keeps outputs inside the PEs, and example cannot: its rf cannot keep them" in said


def test_leaving_the_outermost_memory_is_refused() -> None:
    said = refusal(own(dram=LevelConstraint(keeps=("inputs", "weights"))))
    assert "dram" in said
    assert "outputs" in said


def test_a_chip_without_memory_in_its_elements_is_refused() -> None:
    data = example().to_dict()
    data["levels"] = data["levels"][:3]
    chip = Chip.from_dict(data)
    said = refusal(da.dataflow.get("ws"), chip=chip)
    assert "its PEs have no memory at all" in said
    assert da.search(LAYER, chip, "nlr").cost.macs == LAYER.macs


def test_a_dim_that_no_level_may_split_is_named() -> None:
    nothing = LevelConstraint(dims=())
    flow = own(
        dram=nothing,
        glb=nothing,
        rf=nothing,
        pe_array__rows=nothing,
        pe_array__columns=LevelConstraint(dims=("M",)),
    )
    assert "no level may split dim N" in refusal(flow)


def test_tiles_that_spread_too_wide_are_refused() -> None:
    rest = LevelConstraint(dims=tuple("NGCPQRS"))
    flow = own(dram=rest, glb=rest, rf=rest, pe_array__rows=LevelConstraint(dims=()),
               pe_array__columns=LevelConstraint(dims=("M",), tiles={"M": 1}))  # fmt: skip
    said = refusal(flow)
    assert "24" in said or "array" in said


@pytest.mark.parametrize("limit", [0, 1_000_000])
def test_fixed_tiles_that_contradict_each_other_are_never_broken_silently(
    limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tile is no larger than what is left: of two that grow inwards the inner one cuts nothing."""
    monkeypatch.setattr(mapper, "_EFFORT", {"exhaustive_limit": limit, "starts": 2, "proposals": 600})
    flow = own(dram=LevelConstraint(tiles={"M": 2}), glb=LevelConstraint(tiles={"M": 4}))
    try:
        mapping = find(flow, Linear(name="fc", input_shapes=((1, 2),), out_features=8))
    except (da.DataflowError, da.MappingError) as error:
        says(error, "M", "glb")
    else:
        assert tile_after(mapping, "dram", "M", 8) == 2
        assert tile_after(mapping, "glb", "M", 8) == 2


def test_a_mapping_is_found_wherever_there_is_one() -> None:
    """Whole below the buffer, 24 channels go over 16 columns only in tiles of 2, not the smallest ones."""
    flow = own(glb=LevelConstraint(tiles={"M": 24}))
    exists = """
        dram [inputs, weights, outputs]
          for N step 1
          for P step 1
        glb [inputs, weights, outputs]
          for C step 1
          for Q step 1
        pe_array.columns
          par M step 2
        rf [inputs, weights, outputs]
          for R step 1
          for S step 1
          for M step 1
    """
    assert da.evaluate(LAYER, example(), exists).macs == LAYER.macs
    mapping = find(flow)
    assert tile_after(mapping, "glb", "M", 24) == 24


def test_a_tile_that_does_not_fit_says_where() -> None:
    chip = example().override({"glb.size_bytes": 1024})
    said = refusal(own(dram=LevelConstraint(tiles={"C": 8, "M": 24, "P": 14, "Q": 14})), chip=chip)
    for words in ("'conv'", "level glb needs", "words", "has 512"):
        assert words in said


MALFORMED = {
    "unknown dim": (lambda: LevelConstraint(dims=("K",)), "unknown dim 'K'"),
    "lower case": (lambda: LevelConstraint(order=("q",)), "did you mean 'Q'"),
    "unknown tile": (lambda: LevelConstraint(tiles={"Z": 1}), "unknown dim 'Z'"),
    "tile 0": (lambda: LevelConstraint(tiles={"M": 0}), "M has tile 0; it must be at least 1"),
    "unknown tensor": (lambda: LevelConstraint(keeps=("weight",)), "did you mean 'weights'"),
    "unknown role": (
        lambda: Dataflow(name="x", stationary=("sums",)),
        "'x': stationary: unknown tensor 'sums'",
    ),
    "unknown rows": (lambda: Dataflow(name="x", rows=("K",)), "'x': rows: unknown dim 'K'"),
    "whole elsewhere": (
        lambda: Dataflow(name="x", rows=("C",), whole_rows=("R",)),
        "R is to be whole along the rows",
    ),
    "unknown variant": (
        lambda: Dataflow(name="x", variants=("osd",)),
        "unknown variant 'osd'; did you mean 'os",
    ),
}


@pytest.mark.parametrize(("make", "words"), MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_dataflow_is_refused(make: object, words: str) -> None:
    with pytest.raises(da.DataflowError) as caught:
        make()  # type: ignore[operator]
    assert words in str(caught.value)


def test_a_dataflow_is_its_contents() -> None:
    assert own(glb=LevelConstraint(dims=("M",))) == own(glb=LevelConstraint(dims=("M",)))
    assert own(glb=LevelConstraint(dims=("M",))) != own(glb=LevelConstraint(dims=("C",)))


def test_levels_of_a_mapping_are_all_there() -> None:
    mapping = find("free")
    assert [level.level for level in mapping.levels] == list(example().level_names)
    assert all(isinstance(level, LevelMapping) for level in mapping.levels)
