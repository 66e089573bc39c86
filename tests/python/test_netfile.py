"""Network files: what is written reads back equal, and every mistake is told with its line."""

from __future__ import annotations

import random
import string
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnnaccel import DnnAccelError, Network, NetworkBuilder, NetworkError, importers, layers, zoo
from dnnaccel.cli import run as run_command
from dnnaccel.errors import ImportedFileError

SMALL = """\
dnnaccel_network: 1
name: small
inputs:
  image: [1, 3, 8, 8]
metadata:
  title: A small one
layers:
- {name: conv, kind: conv2d, inputs: [image], kernel: 3, padding: 1, out_channels: 4}
- {name: relu, kind: relu, inputs: [conv]}
- {name: sum, kind: add, inputs: [relu, conv]}
"""


def load_text(tmp_path: Path, text: str) -> Network:
    path = tmp_path / "net.yaml"
    path.write_text(text, encoding="utf-8")
    return Network.load(path)


def mistakes(tmp_path: Path, text: str) -> list[str]:
    """The lines of the error, each without the directory."""
    with pytest.raises(NetworkError) as caught:
        load_text(tmp_path, text)
    return [line.replace(f"{tmp_path}/", "") for line in str(caught.value).splitlines()]


def same(one: Network, other: Network) -> bool:
    # A network compares metadata too; the order of inputs is part of its file as well.
    return (
        one == other and list(one.inputs) == list(other.inputs) and dict(one.metadata) == dict(other.metadata)
    )


@pytest.mark.parametrize("name", zoo.names())
def test_every_network_of_the_zoo_comes_back_equal(name: str, tmp_path: Path) -> None:
    net = zoo.load(name, batch=2)
    net.save(tmp_path / "net.yaml")
    assert same(Network.load(tmp_path / "net.yaml"), net)


def test_the_file_is_what_a_person_would_write(tmp_path: Path) -> None:
    net = load_text(tmp_path, SMALL)
    net.save(tmp_path / "again.yaml")
    assert (tmp_path / "again.yaml").read_text("utf-8") == SMALL
    assert net["conv"].macs == 4 * 64 * 27


def test_the_longest_network_loads_in_seconds(tmp_path: Path) -> None:
    net = zoo.load("resnet1202")
    net.save(tmp_path / "net.yaml")
    began = time.process_time()
    assert len(Network.load(tmp_path / "net.yaml")) == len(net) > 3000
    print(f"{(tmp_path / 'net.yaml').stat().st_size} bytes in {time.process_time() - began:.2f} s")


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ("kind: relu", "kind: rleu", "net.yaml:9: layers.1.kind: unknown kind 'rleu'; did you mean 'relu'?"),
        (
            "padding: 1",
            "paddin: 1",
            "net.yaml:8: layers.0.paddin: unknown field of conv2d; did you mean 'padding'?",
        ),
        ("kernel: 3, ", "", "net.yaml:8: layers.0: conv2d needs the field kernel"),
        ("kind: relu, ", "", "net.yaml:9: layers.1.kind: has no kind; "),
        (
            "[relu, conv]",
            "[rellu, conv]",
            "net.yaml:10: layers.2.inputs: 'rellu' does not exist; did you mean",
        ),
        ("inputs: [conv]", "inputs: [sum]", "net.yaml:9: layers.1.inputs: 'sum' stands below; "),
        ("inputs: [conv]", "inputs: []", "net.yaml:9: layers.1: 'relu' reads nothing; "),
        ("name: relu", "name: conv", "net.yaml:9: layers.1.name: a layer or input 'conv' stands above; "),
        ("kernel: 3", "kernel: 30", "net.yaml:8: layers.0: conv2d 'conv': kernel 30x30 does not fit"),
        ("kernel: 3", "kernel: no", "net.yaml:8: layers.0: conv2d 'conv': kernel must be a whole number"),
        ("padding: 1", "bias: 1", "net.yaml:8: layers.0.bias: must be true or false, given 1"),
        ("[conv]}", "[conv], weights_from: 3}", "net.yaml:9: layers.1.weights_from: must be the name"),
        ("[conv]}", "[conv], weights_from: x}", "net.yaml:9: layers.1: network 'small': layer 'relu' uses"),
        (
            "[1, 3, 8, 8]",
            "[1, 3, 8, x]",
            "net.yaml:4: inputs.image: network 'small': input 'image' has shape",
        ),
        (
            "  image: [1, 3, 8, 8]",
            "  image: [1, 3, 8, 8]\n  b: [2, 3]",
            "net.yaml:3: inputs: network 'small': all",
        ),
        (
            "  image: [1, 3, 8, 8]",
            "  image: [1, 3, 8, 8]\n  b: [1, 3]",
            "net.yaml:5: inputs.b: no layer reads",
        ),
        ("name: small", "nam: small", "net.yaml:2: nam: unknown key; did you mean 'name'?"),
        ("name: small", "name: 3", "net.yaml:2: name: must be the network's name"),
        (
            "network: 1",
            "network: 2",
            "net.yaml:1: dnnaccel_network: must be 1, the version that is read here",
        ),
        ("dnnaccel_network: 1\n", "", "net.yaml:1: dnnaccel_network: must be 1, "),
        (
            "title: A small one",
            "title: [1]",
            "net.yaml:6: metadata.title: must be a text or a number, given [1]",
        ),
        ("title: A small one", "title: &a one", "net.yaml:6: anchors (&name) are not read; "),
        ("title: A small one", "title: !!python/none x", "net.yaml:6: tags (tag:yaml.org,2002:python/none) "),
        ("[relu, conv]", "[relu, conv", "net.yaml:10: is not valid YAML: "),
    ],
)
def test_a_mistake_is_told_with_its_line(old: str, new: str, wanted: str, tmp_path: Path) -> None:
    assert old in SMALL
    found = mistakes(tmp_path, SMALL.replace(old, new, 1))
    assert any(line.startswith(wanted) for line in found), found


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = SMALL.replace("kind: relu", "kind: rleu").replace("padding: 1", "paddin: 1").replace("add", "ad")
    found = mistakes(tmp_path, text)
    assert [line.split(":")[1] for line in found] == ["8", "9", "10"]


@pytest.mark.parametrize("text", ["", "3", "[1]", "a: b", "dnnaccel_network: 1"])
def test_a_file_that_holds_no_network_is_told_so(text: str, tmp_path: Path) -> None:
    assert mistakes(tmp_path, text)[0].startswith("net.yaml:")


def test_files_that_cannot_be_read_or_written(tmp_path: Path) -> None:
    net = load_text(tmp_path, SMALL)
    with pytest.raises(NetworkError, match="no such file"):
        Network.load(tmp_path / "absent.yaml")
    with pytest.raises(NetworkError, match="is a directory"):
        Network.load(tmp_path)
    with pytest.raises(DnnAccelError, match="there is no directory"):
        net.save(tmp_path / "absent" / "net.yaml")
    (tmp_path / "long.yaml").write_text("#" * 8_000_001)
    with pytest.raises(NetworkError, match="larger than 8000000 bytes"):
        Network.load(tmp_path / "long.yaml")
    (tmp_path / "deep.yaml").write_text("[" * 100_000)
    with pytest.raises(NetworkError, match="nested more than 20 deep"):
        Network.load(tmp_path / "deep.yaml")
    (tmp_path / "many.yaml").write_text("[" + "1," * 500_000 + "]")
    with pytest.raises(NetworkError, match="more than 500000 values"):
        Network.load(tmp_path / "many.yaml")


@pytest.mark.parametrize("value", [[1], float("nan"), float("inf"), 10**30, "half \ud800 character"])
def test_metadata_that_a_file_cannot_hold_is_refused_and_nothing_written(value: Any, tmp_path: Path) -> None:
    net = load_text(tmp_path, SMALL)
    odd = Network(net.name, net.layers, inputs=net.inputs, metadata={"key": value})
    with pytest.raises(NetworkError, match="written"):
        odd.save(tmp_path / "odd.yaml")
    assert [path.name for path in tmp_path.iterdir()] == ["net.yaml"]


def test_names_that_a_file_cannot_hold_are_refused(tmp_path: Path) -> None:
    net = load_text(tmp_path, SMALL)
    with pytest.raises(NetworkError, match="half a character"):
        Network("\udc00", net.layers, inputs=net.inputs).save(tmp_path / "odd.yaml")
    with pytest.raises(NetworkError, match="to be written"):
        Network("a", net.layers, inputs=net.inputs, metadata={"\udc00": 1}).save(tmp_path / "odd.yaml")


@pytest.mark.parametrize("seed", range(100))
def test_a_damaged_file_never_crashes(seed: int, tmp_path: Path) -> None:
    chosen = random.Random(seed)
    name = chosen.choice(["lenet5", "squeezenet_v1_1", "shufflenet_v1", "lstm_language_model"])
    zoo.load(name if name in zoo.names() else "alexnet").save(tmp_path / "net.yaml")
    text = list((tmp_path / "net.yaml").read_text("utf-8"))
    for _ in range(chosen.randrange(1, 12)):
        at = chosen.randrange(len(text))
        match chosen.randrange(4):
            case 0:
                text[at] = chosen.choice(string.printable + "\u2028\x00é")
            case 1:
                del text[at : at + chosen.randrange(1, 40)]
            case 2:
                text[at:at] = list(
                    chosen.choice(["[", "{", "}", "]", ": ", ", ", "null", "1e9", "-1", "true", "\n"])
                )
            case _:
                other = chosen.randrange(len(text))
                text[at:at] = text[other : other + 30]
    told = f"{tmp_path}/net.yaml"
    try:
        net = load_text(tmp_path, "".join(text))
    except NetworkError as error:
        told = str(error)
    else:
        net.save(tmp_path / "again.yaml")
        assert same(Network.load(tmp_path / "again.yaml"), net)
    assert all(line.startswith(f"{tmp_path}/net.yaml") for line in told.splitlines())


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=120)
names = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Cf", "Zl", "Zp", "Co", "Cn"]), min_size=1
).filter(str.isprintable)
values = st.one_of(
    texts,
    st.none(),
    st.booleans(),
    st.integers(-(10**29), 10**29),
    st.floats(allow_nan=False, allow_infinity=False),
)
pairs = st.one_of(st.integers(1, 3), st.tuples(st.integers(1, 3), st.integers(1, 3)))


def add_layer(b: NetworkBuilder, name: str, draw: Any) -> None:
    """Add a layer, whatever fits an image of any size, with fields drawn at random."""
    match draw(st.integers(0, 7)):
        case 0:
            b.conv2d(
                name,
                out_channels=draw(st.sampled_from([6, 12])),
                kernel=draw(pairs),
                stride=draw(pairs),
                padding=2,
                dilation=draw(st.integers(1, 2)),
                groups=draw(st.sampled_from([1, 2, 3, 6])),
                bias=draw(st.booleans()),
            )
        case 1:
            b.depthwise(name, kernel=draw(pairs), padding=draw(st.integers(1, 2)), bias=draw(st.booleans()))
        case 2:
            b.max_pool(
                name, kernel=2, stride=draw(st.none() | pairs), padding=1, ceil_mode=draw(st.booleans())
            )
        case 3:
            b.avg_pool(name, kernel=2, padding=1, count_include_pad=draw(st.booleans()))
        case 4:
            b.scale(name, factor=draw(st.floats(allow_nan=False, allow_infinity=False)))
        case 5:
            b.pad(name, rows=(draw(st.integers(0, 2)), 1), columns=draw(st.integers(0, 2)))
        case 6:
            b.append(layers.Opaque(name=name, inputs=("image",), operator=draw(names), shape=(1, 6, 5, 5)))
        case _:
            b.channel_shuffle(name, groups=draw(st.sampled_from([1, 2, 3])))


@st.composite
def networks(draw: Any) -> Network:
    metadata = draw(st.dictionaries(texts, values, max_size=4))
    b = NetworkBuilder(draw(texts), input_name="image", input_shape=(1, 6, 9, 7), metadata=metadata)
    for name in draw(
        st.lists(names.filter(lambda name: name != "image"), min_size=1, max_size=8, unique=True)
    ):
        add_layer(b, name, draw)
    b.relu("last of all" + "'")
    return b.build()


@settings(max_examples=200, deadline=None)
@given(networks())
def test_any_network_comes_back_equal(tmp_path_factory: pytest.TempPathFactory, net: Network) -> None:
    path = tmp_path_factory.mktemp("nets") / "net.yaml"
    net.save(path)
    again = Network.load(path)
    assert same(again, net)
    assert len(path.read_text("utf-8").split("layers:\n")[-1].splitlines()) == len(net)


def test_reading_and_writing_is_what_loads_yaml() -> None:
    probe = "import sys, dnnaccel; dnnaccel.zoo.load('lenet5'); print('yaml' in sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True, timeout=60
    )
    assert run.stdout == "False\n"


def test_the_shell_and_read_network_take_it(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    net = zoo.load("lenet5")
    net.save(path)
    assert importers.read_network(path) == net
    assert importers.read_network(path, name="mine").name == "mine"
    with pytest.raises(ImportedFileError, match="leave dims out"):
        importers.read_network(path, dims={"batch": 2})
    assert run_command(["simulate", f"{path}:fc5", "--arch", "example", "--quiet"]) == 0
