"""Do mappings read back as they print, and does a wrong one say its line, level, tensor and words?"""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dnnaccel as da
from dnnaccel import arch
from dnnaccel.arch import Chip
from dnnaccel.layers import Conv2d, Linear
from dnnaccel.mapping import LevelMapping, Loop, Mapping
from dnnaccel.problem import DIMS, ROLES

LAYER = Conv2d(name="conv", input_shapes=((1, 4, 12, 12),), out_channels=8, kernel=3, padding=(1, 1))

# M 8, C 4, P 12, Q 12, R 3, S 3.
NEST = """\
dram [inputs, weights, outputs]
  for M in 0..8 step 4
  for P in 0..12 step 6
glb [inputs, outputs]
  for P in 0..6 step 1
  for C in 0..4 step 1
pe_array.rows
  par R in 0..3 step 1
pe_array.columns
  par M in 0..4 step 1
rf [inputs, weights, outputs]
  for Q in 0..12 step 1
  for S in 0..3 step 1
mac"""


def chip(**changes: object) -> Chip:
    return arch.load("example").override({key.replace("__", "."): value for key, value in changes.items()})


def cost(text: str, on: Chip | None = None) -> da.LayerReport:
    return da.evaluate(LAYER, on or chip(), text)


# ------------------------------------------------------------------------------------------------------------
# Round trips

loops = st.builds(
    Loop, st.sampled_from(DIMS), st.integers(1, 10**18 - 1), st.none() | st.integers(1, 10**18 - 1)
)
level_names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}(\.(rows|columns))?", fullmatch=True).filter(
    lambda name: name not in ("mac", "for", "par")
)
nests = st.builds(
    lambda levels: Mapping(tuple(levels)),
    st.lists(
        st.builds(
            LevelMapping,
            level_names,
            st.lists(loops, max_size=5).map(tuple),
            st.none() | st.frozensets(st.sampled_from(ROLES)),
        ),
        min_size=1,
        max_size=6,
    ),
)


@settings(deadline=None)
@given(nests)
def test_what_is_printed_reads_back_equal(mapping: Mapping) -> None:
    assert Mapping.parse(str(mapping)) == mapping


@settings(deadline=None)
@given(nests, st.randoms(use_true_random=False))
def test_layout_and_comments_do_not_matter(mapping: Mapping, rng: random.Random) -> None:
    lines = []
    for line in str(mapping).splitlines():
        loose = line.replace(", ", rng.choice([",", "  ,  ", " "])) if "[" in line else line
        lines.append(" " * rng.randrange(6) + loose + rng.choice(["", "   ", " # said for the reader", "#x"]))
        lines += [""] * rng.randrange(2)
    assert Mapping.parse(rng.choice(["\n", "\r\n"]).join(lines)) == mapping


def test_a_nest_prints_as_a_person_writes_it() -> None:
    assert str(Mapping.parse(NEST)) == NEST


def test_extents_may_be_left_out() -> None:
    bare = "\n".join(line.split(" in ")[0] + " step " + line.split(" step ")[1] if " in " in line else line
                     for line in NEST.splitlines())  # fmt: skip
    assert " in " not in bare
    assert Mapping.parse(bare) != Mapping.parse(NEST)
    given, left_out = cost(NEST), cost(bare)
    assert (given.levels, given.networks, given.cycles) == (
        left_out.levels,
        left_out.networks,
        left_out.cycles,
    )


def test_levels_are_found_by_name() -> None:
    mapping = Mapping.parse(NEST)
    assert mapping.level("glb").keeps == {"inputs", "outputs"}
    assert mapping.level("pe_array.rows").loops == (Loop("R", 1, 3),)
    with pytest.raises(da.MappingError, match="no level 'glbb'; did you mean 'glb'"):
        mapping.level("glbb")


def test_text_and_mapping_cost_the_same() -> None:
    assert cost(NEST) == da.evaluate(LAYER, chip(), Mapping.parse(NEST))


# ------------------------------------------------------------------------------------------------------------
# Malformed text

MALFORMED = {
    "loop before a level": ("for M step 1\ndram [inputs]", 1, "before the first level"),
    "no step": ("dram [inputs]\n  for M in 0..8", 2, "neither a level"),
    "no tile": ("dram [inputs]\n  for M step", 2, "neither a level"),
    "tile 0": ("dram [inputs]\n\n  for M step 0", 3, "at least 1"),
    "negative tile": ("dram [inputs]\n  for M step -2", 2, "neither a level"),
    "tile not whole": ("dram [inputs]\n  for M step 1.5", 2, "neither a level"),
    "tile too long": (f"dram [inputs]\n  for M step {'9' * 30}", 2, "neither a level"),
    "unknown dim": ("dram [inputs]\n  for K step 1", 2, "unknown dim 'K'"),
    "small dim": ("dram [inputs]\n  for m step 1", 2, "did you mean 'M'"),
    "half an extent": ("dram [inputs]\n  for M in 0.. step 1", 2, "neither a level"),
    "extent from 1": ("dram [inputs]\n  for M in 1..8 step 1", 2, "neither a level"),
    "par in a memory": ("dram [inputs]\n# here\n  par M step 1", 3, "written 'for'"),
    "for in an array": ("dram [inputs]\npe.rows\n  for M step 1", 3, "written 'par'"),
    "unknown tensor": ("dram [inputs]\nglb [wieghts]", 2, "did you mean 'weights'"),
    "open bracket": ("dram [inputs\nglb [outputs]", 1, "neither a level"),
    "two words": ("dram [inputs]\nglb rf", 2, "neither a level"),
    "something else": ("dram [inputs]\n  while M", 2, "neither a level"),
    "no letters": ("dram [inputs]\n  %%", 2, "neither a level"),
    "null": ("dram [inputs]\n  \0", 2, "neither a level"),
    "other digits": ("dram [inputs]\n  for M step ²", 2, "neither a level"),
}


@pytest.mark.parametrize(("text", "line", "what"), MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_text_names_the_line(text: str, line: int, what: str) -> None:
    with pytest.raises(da.MappingError) as caught:
        Mapping.parse(text)
    assert f"line {line}:" in str(caught.value)
    assert what in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "\n\n", "mac", "# nothing"])
def test_an_empty_mapping_is_refused(text: str) -> None:
    with pytest.raises(da.MappingError, match="at least one level"):
        Mapping.parse(text)


def test_an_endless_text_is_refused() -> None:
    with pytest.raises(da.MappingError, match="at most 1000000"):
        Mapping.parse("dram [inputs]\n" * 100_000)


# ------------------------------------------------------------------------------------------------------------
# Mappings that do not belong to the layer or the chip

MISPLACED = {
    "unknown level": (NEST.replace("glb", "gbl"), "level 'gbl'", "did you mean 'glb'"),
    "level twice": (NEST.replace("rf [", "glb ["), "glb stands twice or too late", "dram, glb"),
    "wrong order": ("glb [inputs]\ndram [inputs, weights, outputs]", "dram stands twice or too late"),
    "array as a level": (NEST.replace("pe_array.rows", "pe_array"), "pe_array", "pe_array.rows"),
    "memory without keeps": ("dram\nglb [inputs]", "level dram is a memory", "'dram [inputs]'"),
    "array that keeps": (NEST.replace("pe_array.rows", "pe_array.rows [inputs]").replace("par R", "for R"),
                         "pe_array.rows is part of an array"),
    "wrong extent": (NEST.replace("0..6 step 1", "0..5 step 1"), "glb: P runs to 5", "6 of it are left"),
    "what is left over": (NEST.replace("  for S in 0..3 step 1\n", ""), "S"),
    "outermost keeps less": (NEST.replace("dram [inputs, weights,", "dram [inputs,"), "dram", "weights"),
    "keeps what it cannot": (NEST, "rf", "weights"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "words"), [(t, w) for t, *w in MISPLACED.values()], ids=MISPLACED.keys())
def test_a_mapping_of_another_chip_or_layer_is_refused(text: str, words: list[str]) -> None:
    on = chip(rf__keeps=["inputs", "outputs"]) if words == ["rf", "weights"] else chip()
    with pytest.raises(da.MappingError) as caught:
        cost(text, on)
    said = str(caught.value)
    assert said.startswith("layer 'conv' on example: ") or "mapping" in said or "level" in said
    assert "\n" not in said
    for word in words:
        assert word in said


def test_a_dim_that_the_layer_has_not() -> None:
    product = da.layers.MatMul(name="scores", input_shapes=((1, 4, 6), (1, 6, 5)))
    with pytest.raises(da.MappingError, match=r"loops over R, which the layer has not; it has G, M, C, P"):
        da.evaluate(product, chip(), "dram [inputs, weights, outputs]\n  for R step 1")


def test_a_loop_that_does_not_cut_is_harmless() -> None:
    again = NEST.replace("  for Q in 0..12 step 1\n", "  for Q in 0..12 step 12\n  for Q in 0..12 step 1\n")
    assert cost(again).levels == cost(NEST).levels
    larger = NEST.replace("  for Q in 0..12 step 1\n", "  for Q step 500\n  for Q in 0..12 step 1\n")
    assert cost(larger).levels == cost(NEST).levels


# ------------------------------------------------------------------------------------------------------------
# Capacity, to the word

# Of 4 output channels, 4 input channels and 6 output rows: 4 x 8 x 12 padded less one clipped row of inputs
# (rows -1..6 less row -1, columns -1..12 less two) is 4 x 7 x 12; outputs 4 x 6 x 12.
GLB_INPUTS, GLB_OUTPUTS = 4 * 7 * 12, 4 * 6 * 12
# In a PE: one input row of 12 words, one filter row of 3, one row of 12 sums.
RF_INPUTS, RF_WEIGHTS, RF_OUTPUTS = 12, 3, 12


def test_tile_words_are_what_is_touched() -> None:
    tiles = {(count.level, count.tensor): count.tile_words for count in cost(NEST).levels}
    assert tiles["glb", "inputs"] == GLB_INPUTS
    assert tiles["glb", "weights"] == 0
    assert tiles["glb", "outputs"] == GLB_OUTPUTS
    assert (tiles["rf", "inputs"], tiles["rf", "weights"], tiles["rf", "outputs"]) == (
        RF_INPUTS,
        RF_WEIGHTS,
        RF_OUTPUTS,
    )


@pytest.mark.parametrize(
    ("level", "tiles"),
    [
        ("glb", {"inputs": GLB_INPUTS, "outputs": GLB_OUTPUTS}),
        ("rf", {"inputs": RF_INPUTS, "weights": RF_WEIGHTS, "outputs": RF_OUTPUTS}),
    ],
)
@pytest.mark.parametrize(("buffering", "copies"), [("single", 1), ("stream", 1), ("double", 2)])
def test_tiles_fit_at_their_size_and_not_in_a_word_less(
    level: str, tiles: dict[str, int], buffering: str, copies: int
) -> None:
    needed = copies * sum(tiles.values())
    word_bytes = 2
    exact = chip().override({f"{level}.buffering": buffering, f"{level}.size_bytes": needed * word_bytes})
    assert cost(NEST, exact).macs == LAYER.macs
    tight = exact.override({f"{level}.size_bytes": (needed - 1) * word_bytes})
    with pytest.raises(da.MappingError) as caught:
        cost(NEST, tight)
    said = str(caught.value)
    assert f"level {level} needs {needed} words" in said
    assert f"has {needed - 1}" in said
    for role, words in tiles.items():
        assert f"{role} {words}" in said
    assert f"most for {max(tiles, key=lambda role: tiles[role])}" in said


def test_a_byte_less_is_a_word_less() -> None:
    needed = 2 * (GLB_INPUTS + GLB_OUTPUTS)
    cost(NEST, chip(glb__buffering="single", glb__size_bytes=needed))
    with pytest.raises(da.MappingError, match=f"has {GLB_INPUTS + GLB_OUTPUTS - 1}"):
        cost(NEST, chip(glb__buffering="single", glb__size_bytes=needed - 1))


def test_arrays_hold_as_many_chunks_as_they_have_instances() -> None:
    layer = Linear(name="fc", input_shapes=((1, 16),), out_features=9)
    nest = (
        "dram [inputs, weights, outputs]\nfor C step 1\npe_array.columns\npar M step 2\nrf []\nfor M step 1"
    )
    assert da.evaluate(layer, chip(pe_array__columns=5), nest).active_pes == 5
    with pytest.raises(da.MappingError) as caught:
        da.evaluate(layer, chip(pe_array__columns=4), nest)
    assert "pe_array" in str(caught.value)
    assert "5" in str(caught.value)
    assert "4" in str(caught.value)


# ------------------------------------------------------------------------------------------------------------
# Garbage

PIECES = [
    "for", "par", "step", "in", "0..", "M", "C", "Q", "1", "3", "99999999999", "dram", "glb", "rf", "mac",
    "pe_array.rows", "[inputs]", "[weights, outputs]", "[", "]", "#", "\n", "\n", "\t", ":", "", "\0", "-1",
]  # fmt: skip


def is_one_line(error: Exception) -> None:
    assert str(error)
    assert "\n" not in str(error)


@pytest.mark.parametrize("seed", range(200))
def test_mutated_mappings_never_raise_anything_else(seed: int) -> None:
    rng = random.Random(seed)
    words = NEST.replace("\n", " \n ").split(" ")
    for _ in range(rng.randrange(1, 6)):
        at = rng.randrange(len(words))
        change = rng.randrange(4)
        if change == 0:
            words[at] = rng.choice(PIECES)
        elif change == 1:
            words.insert(at, rng.choice(PIECES))
        elif change == 2:
            del words[at]
        else:
            other = rng.randrange(len(words))
            words[at], words[other] = words[other], words[at]
    text = " ".join(words)
    if rng.randrange(4) == 0:
        at = rng.randrange(len(text))
        text = text[:at] + chr(rng.randrange(1, 0x3000)) + text[at + 1 :]
    try:
        report = cost(text)
    except da.DnnAccelError as error:
        is_one_line(error)
    else:
        assert report.macs == LAYER.macs


def test_huge_tiles_and_extents_are_harmless() -> None:
    whole = f"dram [inputs, weights, outputs]\n  for M step {10**18 - 1}\n"
    with pytest.raises(da.MappingError):
        cost(whole)
