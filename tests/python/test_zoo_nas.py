"""Cells of architecture search: operations by layer arithmetic, a cell of one's own, bad cells refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

import pytest

from dnnaccel import zoo
from dnnaccel.builder import NetworkBuilder
from dnnaccel.errors import NetworkError, UnknownNameError
from dnnaccel.network import Network
from dnnaccel.zoo.nas import OPERATIONS, Cell, CellBuilder, Combination
from dnnaccel.zoo.nasnet import NORMAL_A, REDUCTION_A, nasnet, nasnet_a

CHANNELS, SIZE = 6, 8


def pair(left: str, left_op: str, right: str, right_op: str, combine: str = "add") -> Combination:
    return Combination(left=left, left_op=left_op, right=right, right_op=right_op, combine=combine)


ONES = pair("h", "1x1", "h", "1x1")
# As the paper's appendix describes NASNet-B's: four states in, four made, and all of them handed on. Which
# operations it has is made up.
FOUR = Cell(
    combinations=(
        pair("a", "separable 3x3", "b", "identity"),
        pair("c", "1x3 then 3x1", "d", "max 3x3"),
        pair("0", "1x1", "a", "average 3x3"),
        pair("d", "identity", "1", "3x3"),
    ),
    inputs=("a", "b", "c", "d"),
)


def one_cell(cell: Cell, *, stride: int = 1, size: int = SIZE) -> Network:
    b = NetworkBuilder("cell", input_shape=(1, 3, size, size))
    CellBuilder(b).cell("c", cell, h="input", h_prev="input", channels=CHANNELS, stride=stride)
    return b.build()


def macs_of(operation: str) -> int:
    """Multiply-accumulates per output pixel, from the operation's name, at CHANNELS in and out."""
    kernels = [int(size) for size in re.findall(r"(\d)x", operation)]
    if operation == "identity" or operation.startswith(("average", "max")):
        return 0
    if operation.startswith("separable"):
        return 2 * (CHANNELS * kernels[0] ** 2 + CHANNELS**2)
    if "then" in operation:
        return 2 * CHANNELS**2 * max(kernels)
    return CHANNELS**2 * kernels[0] ** 2


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_operation_by_layer_arithmetic(operation: str) -> None:
    with_it = one_cell(Cell(combinations=(pair("h", operation, "h_prev", "identity"),)))
    without = one_cell(Cell(combinations=(pair("h", "identity", "h_prev", "identity"),)))
    assert list(with_it.outputs.values()) == [(1, CHANNELS, SIZE, SIZE)]
    assert with_it.total_macs - without.total_macs == macs_of(operation) * SIZE**2


@pytest.mark.parametrize("size", [8, 9])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_operation_halves_even_and_odd_images(operation: str, size: int) -> None:
    net = one_cell(Cell(combinations=(pair("h", operation, "h_prev", "max 3x3"),)), stride=2, size=size)
    assert list(net.outputs.values()) == [(1, CHANNELS, -(-size // 2), -(-size // 2))]


def test_a_cell_of_ones_own() -> None:
    cell = Cell(
        combinations=(
            pair("h", "separable 3x3", "h_prev", "identity"),
            pair("0", "1x7 then 7x1", "h", "average 3x3", combine="concat"),
            pair("h_prev", "3x3 dilated", "h_prev", "max 5x5"),
        )
    )
    assert cell.outputs == ("1", "2")
    net = one_cell(cell)
    assert list(net.outputs.values()) == [(1, 3 * CHANNELS, SIZE, SIZE)]
    assert net["c_1"].kind == "concat"
    whole = nasnet(cell, REDUCTION_A, name="mine", cells=1, filters=24 * 8, stem=8, image_size=64)
    assert list(whole.outputs.values()) == [(1, 1000)]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pair("h", "separabl 3x3", "h", "identity"), r"did you mean 'separable 3x3'\?"),
        (lambda: pair("h", "1x1", "h", "1x1", combine="sum"), "joined by 'add' or 'concat', given 'sum'"),
        (lambda: pair("h", ["1x1"], "h", "1x1"), r"unknown operation \['1x1'\] of a cell"),  # type: ignore[arg-type]
        (lambda: Cell(combinations=()), "needs one combination at least and 100 at most, given 0"),
        (lambda: Cell(combinations=(ONES,) * 101), "100 at most, given 101"),
        (lambda: Cell(combinations=("1x1",)), "0 of a cell must be a Combination, given '1x1'"),  # type: ignore[arg-type]
        (lambda: Cell(combinations=ONES), "combinations of a cell must be a tuple"),  # type: ignore[arg-type]
        (lambda: Cell(combinations=(ONES,), concatenates="0"), "must be a tuple, given '0'"),  # type: ignore[arg-type]
        (lambda: Cell(combinations=(ONES,), concatenates=()), "concatenates one state at least"),
        (lambda: Cell(combinations=(ONES,), inputs=("h", "1")), "a name that is no number, given '1'"),
        (lambda: Cell(combinations=(ONES,), inputs=("h", "h")), "inputs of different names"),
        (lambda: Cell(combinations=(ONES,), inputs=()), "inputs of different names"),
        (lambda: one_cell(FOUR), "reads a, b, c, d, not h and h_prev; `states` adds such a cell"),
        (
            lambda: Cell(combinations=(pair("h", "1x1", "0", "1x1"),)),
            "reads '0'; there are h, h_prev by then",
        ),
        (
            lambda: Cell(combinations=(pair("h", "1x1", "h", "1x1"),), concatenates=("1",)),
            "concatenates '1'; it has h, h_prev, 0",
        ),
        *(
            (partial(nasnet_a, cells=cells), "cells of a stage must be a whole number from 1 to 100")
            for cells in (0, 101, True, 2.5, [4])
        ),
        *(
            (partial(nasnet_a, filters=filters), "filters must be a whole number, 96 at least")
            for filters in (0, 95, 1056.0, 2**31)
        ),
    ],
)
def test_bad_cells_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(NetworkError, match=message):
        make()


def test_the_builder_tells_shapes_and_unknown_names() -> None:
    b = NetworkBuilder("shapes", input_shape=(1, 3, 8, 8))
    b.conv2d("conv", out_channels=4, kernel=3)
    assert (b.shape("input"), b.shape("conv")) == ((1, 3, 8, 8), (1, 4, 6, 6))
    with pytest.raises(UnknownNameError, match="did you mean 'conv'"):
        b.shape("conf")


def test_cells_of_nasnet_a_are_repeated() -> None:
    four, six = zoo.load("nasnet_a_4_1056"), zoo.load("nasnet_a_6_4032")
    for net, cells in ((four, 4), (six, 6)):
        for stage in (1, 2, 3):
            assert f"cell{stage}_{cells}_out" in net
            assert f"cell{stage}_{cells + 1}_out" not in net
        # Every stage has twice the channels of the one before.
        widths = [net[f"cell{stage}_1_out"].output_shape[1] for stage in (1, 2, 3)]
        assert widths[1] == 2 * widths[0]
        assert widths[2] == 4 * widths[0]
    assert four["cell3_4_out"].output_shape[1] == 1056
    assert six["cell3_6_out"].output_shape[1] == 4032


def test_cells_of_four_states_hand_all_of_them_on() -> None:
    b = NetworkBuilder("four", input_shape=(1, CHANNELS, SIZE, SIZE))
    build = CellBuilder(b)
    states = dict.fromkeys(FOUR.inputs, "input")
    for number, stride in enumerate((1, 2, 1)):
        made = build.states(f"cell{number}", FOUR, states, channels=CHANNELS, stride=stride)
        states = {name: made[str(state)] for state, name in enumerate(FOUR.inputs)}
    b.concat("out", after=list(states.values()))
    net = b.build()
    assert list(net.outputs.values()) == [(1, 4 * CHANNELS, SIZE // 2, SIZE // 2)]
    work = macs_of("separable 3x3") + macs_of("1x3 then 3x1") + macs_of("1x1") + macs_of("3x3")
    assert sum(layer.macs for layer in net if layer.name.startswith("cell2")) == work * (SIZE // 2) ** 2


def test_states_that_a_cell_does_not_get_are_named() -> None:
    b = NetworkBuilder("four", input_shape=(1, CHANNELS, SIZE, SIZE + 1))
    with pytest.raises(NetworkError, match="cell 'c' reads a, b, c, d; given a, z"):
        CellBuilder(b).states("c", FOUR, {"a": "input", "z": "input"}, channels=CHANNELS)
    with pytest.raises(NetworkError, match="cell 'c' can halve square images alone, given 8x9"):
        CellBuilder(b).states("c", FOUR, dict.fromkeys("abcd", "input"), channels=CHANNELS, stride=2)


def test_the_least_of_nasnet_a_can_be_built() -> None:
    net = nasnet_a(cells=1, filters=96, image_size=32)
    assert net.name == "nasnet_a_1_96"
    assert list(net.outputs.values()) == [(1, 1000)]
    assert "quoted_macs" not in net.metadata
    assert nasnet_a() == zoo.load("nasnet_a_4_1056")


@pytest.mark.parametrize(("cells", "filters"), [(5, 1538), (7, 1920)])
def test_notes_say_how_far_the_quoted_totals_are(cells: int, filters: int) -> None:
    released = zoo.load(f"nasnet_a_{cells}_{filters}")
    drawn = nasnet(
        Cell(combinations=NORMAL_A.combinations),
        Cell(combinations=REDUCTION_A.combinations),
        name="drawn",
        cells=cells,
        filters=filters,
        stem=96,
        skip=True,
        image_size=299,
    )
    quoted_weights, quoted_macs = released.metadata["quoted_weights"], released.metadata["quoted_macs"]
    computed = [
        round(abs(100 * (total / quoted - 1)))
        for net in (released, drawn)
        for total, quoted in ((net.total_parameters, quoted_weights), (net.total_macs, quoted_macs))
    ]
    assert [int(said) for said in re.findall(r"(\d+) %", str(released.metadata["note"]))] == computed
