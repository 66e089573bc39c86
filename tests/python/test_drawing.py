"""Drawings: no box on another, no edge through a box, names escaped, and big graphs that come to an end."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnnaccel import zoo
from dnnaccel._layered import place
from dnnaccel.builder import NetworkBuilder
from dnnaccel.cli import run
from dnnaccel.errors import NetworkError
from dnnaccel.layers import ReLU
from dnnaccel.network import Network

SVG = "{http://www.w3.org/2000/svg}"


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[float], list[tuple[int, int]]]:
    """Sizes of boxes, and edges that lead from a box to a later one."""
    widths = draw(st.lists(st.floats(10, 200), min_size=1, max_size=14))
    pairs = [(a, b) for b in range(len(widths)) for a in range(b)]
    edges = draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []
    return widths, edges


@settings(max_examples=200, deadline=None)
@given(graphs())
def test_no_box_lies_on_another_and_no_edge_crosses_one(
    graph: tuple[list[float], list[tuple[int, int]]],
) -> None:
    widths, edges = graph
    heights = [20.0 + index for index in range(len(widths))]
    layout = place(widths, heights, edges)
    spans = [
        (centre - width / 2, centre + width / 2, top, top + height)
        for centre, width, top, height in zip(layout.centres, widths, layout.tops, heights, strict=True)
    ]
    for index, (left, right, top, bottom) in enumerate(spans):
        assert left >= -1e-6
        assert right <= layout.width + 1e-6
        assert top >= 0
        assert bottom <= layout.height + 1e-6
        for other in spans[:index]:
            apart = left >= other[1] or other[0] >= right or top >= other[3] or other[2] >= bottom
            assert apart
        for passages in layout.passages:
            for x, row_top, row_bottom in passages:
                same_row = row_top <= top and bottom <= row_bottom
                assert not (same_row and left < x < right)
    for source, target in edges:
        assert spans[source][3] < spans[target][2]


def boxes(svg: str) -> list[list[str]]:
    """Return the lines of text in every box."""
    groups = [group for group in ET.fromstring(svg).iter(f"{SVG}g") if group.find(f"{SVG}rect") is not None]
    return [[text.text or "" for text in group.findall(f"{SVG}text")] for group in groups]


def test_activations_stand_in_the_box_of_their_producer() -> None:
    net = zoo.load("resnet50")
    found = boxes(net.draw())
    assert ["conv1", "conv2d 7x7/2", "batch_norm + relu", "64x112x112"] in found
    alone = boxes(net.draw(fold=False))
    assert len(alone) == len(net) + 1
    assert ["relu1", "relu", "64x112x112"] in alone
    fused = sum(layer.fusable for layer in net)
    assert len(found) == len(alone) - fused


def test_a_layer_that_two_read_keeps_its_activation_apart() -> None:
    b = NetworkBuilder("fork", input_shape=(1, 4, 4, 4))
    conv = b.conv2d("conv", out_channels=4, kernel=1)
    b.relu("relu")
    b.add("sum", after=(conv, "relu"))
    assert [lines[0] for lines in boxes(b.build().draw())] == ["input", "conv", "relu", "sum"]


def test_dot_has_every_box_and_edge() -> None:
    net = zoo.load("resnet50")
    dot = net.draw(format="dot", fold=False)
    assert len(re.findall(r"^  n\d+ \[label=", dot, re.MULTILINE)) == len(net) + 1
    edges = {(name, layer.name) for layer in net for name in layer.inputs}
    assert len(re.findall(r"^  n\d+ -> n\d+;$", dot, re.MULTILINE)) == len(edges)
    assert dot.startswith('digraph "resnet50" {')
    assert dot.endswith("}\n")


def test_names_are_escaped() -> None:
    name = 'a"\\<script>&'
    net = Network(name, (ReLU(name=name, inputs=("x",)),), inputs={"x": (1, 4)})
    assert boxes(net.draw())[1][0] == name
    assert 'label="a\\"\\\\<script>&\\nrelu\\n4"' in net.draw(format="dot")


def test_files_are_written_as_their_suffix_says(tmp_path: Path) -> None:
    net = zoo.load("lenet5")
    for name, begins in (("x.svg", "<svg"), ("x.dot", "digraph"), ("x.gv", "digraph"), ("x", "<svg")):
        assert net.draw(tmp_path / name) == (tmp_path / name).read_text("utf-8")
        assert (tmp_path / name).read_text("utf-8").startswith(begins)
    with pytest.raises(NetworkError, match=r"cannot write .*none/x.svg: No such file"):
        net.draw(tmp_path / "none" / "x.svg")
    with pytest.raises(NetworkError, match=r"unknown format 'swg' of a drawing; did you mean 'svg'\?"):
        net.draw(format="swg")


def test_thousands_of_layers_are_drawn() -> None:
    b = NetworkBuilder("long", input_shape=(1, 2, 4, 4))
    tip = b.conv2d("first", out_channels=2, kernel=1)
    for block in range(1000):
        body = b.conv2d(f"conv{block}", out_channels=2, kernel=3, padding=1, after=tip)
        tip = b.add(f"add{block}", after=(tip, body))
    assert len(boxes(b.build().draw())) == 2002


def test_command_draws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["draw", "lenet5", "-o", str(tmp_path / "l.svg")]) == 0
    assert len(boxes((tmp_path / "l.svg").read_text("utf-8"))) == len(boxes(zoo.load("lenet5").draw()))
    assert run(["draw", "lenet5", "--format", "dot", "--all"]) == 0
    assert capsys.readouterr().out.startswith('digraph "lenet5"')
    assert run(["draw", "lenet6"]) == 2
    assert "did you mean 'lenet5'?" in capsys.readouterr().err
