"""The zoo's summary table: its figures are the networks' own, and every way of printing shows them."""

from __future__ import annotations

import csv
import dataclasses
import io
import json

import pytest

from dnnaccel import zoo
from dnnaccel.builder import NetworkBuilder
from dnnaccel.cli import run
from dnnaccel.errors import UnknownNameError
from dnnaccel.network import Network
from dnnaccel.zoo import NetworkRow


def small(**metadata: str | int | float) -> Network:
    """Two convolutions (one depthwise), two linear layers of which one shares its weights, a product."""
    b = NetworkBuilder("small", input_shape=(1, 3, 8, 8), metadata=metadata)
    b.conv2d("conv", out_channels=6, kernel=(1, 7), stride=2, padding=(0, 3))
    b.depthwise("depthwise", kernel=3, padding=1)
    flat = b.flatten("flat")
    first = b.linear("first", out_features=4)
    b.reshape("row", shape=(1, 1, 4), after=first)
    b.reshape("column", shape=(1, 4, 1), after=first)
    b.matmul("product", after=("row", "column"))
    b.linear("second", out_features=4, after=flat)
    return b.build()


def test_a_row_sorts_layers_into_convolutions_fully_connected_and_others() -> None:
    row = NetworkRow.of(small())
    assert (row.conv_layers, row.fc_layers, row.layers) == (2, 2, 8)
    assert row.filter_sizes == ((1, 7), (3, 3))
    assert row.strides == ((1, 1), (2, 2))
    assert row.channels == (3, 6)
    assert row.filters == (6, 6)
    assert (row.conv_weights, row.conv_macs) == (126 + 54, 16 * (126 + 54))
    assert (row.fc_weights, row.fc_macs) == (2 * 96 * 4, 2 * 96 * 4)
    assert (row.other_weights, row.other_macs) == (0, 4)
    assert row.input == "3x8x8"
    assert row.year is None
    assert row.title == "small"


def test_weights_that_layers_share_count_once() -> None:
    net = small()
    shared = dataclasses.replace(net["second"], weights_from="first")
    layers = tuple(shared if layer.name == "second" else layer for layer in net)
    row = NetworkRow.of(Network("small", layers, inputs=net.inputs))
    assert (row.fc_layers, row.fc_weights, row.fc_macs) == (2, 96 * 4, 2 * 96 * 4)


@pytest.mark.parametrize("name", zoo.names())
def test_parts_of_every_network_sum_to_its_totals(name: str) -> None:
    net = zoo.load(name)
    (row,) = zoo.table(name)
    assert row.weights == net.total_weights
    assert row.macs == net.total_macs
    assert row.parameters == net.total_parameters
    assert row.year is not None
    assert row.source


@pytest.mark.parametrize(
    ("quoted", "differs"),
    [(950, False), (949, True), (900, False), (951, True), (1000, False), (2000, True), (952, True)],
)
def test_a_quoted_total_differs_if_the_computed_one_does_not_round_to_it(quoted: int, differs: bool) -> None:
    weights = NetworkRow.of(small()).weights
    assert weights == 948
    # 950 stands for 945 to 955, 949 for itself, 900 for 850 to 950, 1000 for 500 to 1500.
    assert NetworkRow.of(small(quoted_weights=quoted)).quoted_differs is differs


def test_quoted_totals_stand_beside_the_computed_and_details_say_why() -> None:
    table = zoo.table("lenet5")
    assert "60.00k/341.0k" in table.to_text()
    details = table.to_text(details=True)
    assert "quoted 60.00k weights, 341.0k MACs" in details
    assert table.rows[0].note
    assert table.rows[0].note in " ".join(details.split())


@pytest.mark.parametrize("width", [40, 60, 80, 120, 240])
def test_tables_fit_their_width(width: int) -> None:
    table = zoo.table()
    # A block of the details has two columns at least, and the widest two take more than 40.
    for details in (False, True) if width >= 60 else (False,):
        lines = table.to_text(width=width, details=details).splitlines()
        assert max(map(len, lines)) <= width
    assert table.to_text(width=width).count("\nalexnet ") == 1


def test_patterns_keep_the_order_of_the_zoo_and_take_each_network_once() -> None:
    assert [row.name for row in zoo.table(["vgg*", "alexnet", "vgg16"])] == ["alexnet", "vgg16", "vgg19"]
    assert len(zoo.table()) == len(zoo.names())
    with pytest.raises(UnknownNameError, match=r"unknown network 'vgg15\*'; did you mean 'vgg1"):
        zoo.table(["alexnet", "vgg15*"])


def test_csv_json_and_markdown_tell_the_same() -> None:
    table = zoo.table(["alexnet", "vgg16"])
    cells = list(csv.DictReader(io.StringIO(table.to_csv())))
    records = json.loads(table.to_json())
    assert [record["name"] for record in records] == ["alexnet", "vgg16"]
    for row, cell, record in zip(table, cells, records, strict=True):
        assert int(cell["macs"]) == record["macs"] == row.macs
        assert cell["filter_sizes"].split() == [f"{a}x{b}" for a, b in record["filter_sizes"]]
    lines = table.to_markdown().splitlines()
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| alexnet", "| vgg16"]
    assert len({line.count("|") for line in lines}) == 1
    assert "<td>vgg16</td>" in table._repr_html_()


def test_dataframe_has_one_row_per_network() -> None:
    pytest.importorskip("pandas")
    frame = zoo.table(["alexnet", "vgg16"]).to_dataframe()
    assert list(frame["name"]) == ["alexnet", "vgg16"]
    assert frame["macs"].sum() == sum(zoo.load(name).total_macs for name in ("alexnet", "vgg16"))


def test_command_lists_networks_that_fit(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["networks", "vgg1*"]) == 0
    printed = capsys.readouterr().out
    assert "vgg16 " in printed
    assert "alexnet" not in printed
    for name, shown in (("csv", "name,title"), ("json", "[\n"), ("md", "| network |")):
        assert run(["networks", "vgg1*", "--format", name]) == 0
        assert capsys.readouterr().out.startswith(shown)
    assert run(["networks", "vgg166"]) == 2
    assert "did you mean 'vgg16'?" in capsys.readouterr().err
