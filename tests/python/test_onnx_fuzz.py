"""Two hundred broken ONNX files: a network or one clear sentence, never a crash, a hang or a full memory."""

from __future__ import annotations

import math
import random
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import dnnaccel
from dnnaccel import importers, zoo
from dnnaccel.errors import DnnAccelError
from dnnaccel.importers.onnx.build import OPERATORS
from dnnaccel.importers.onnx.fold import VIEWS
from dnnaccel.network import Network

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper  # noqa: E402
from onnx_export import to_model  # noqa: E402

FILES = 200
SECONDS_PER_FILE = 2.0
MEMORY_BYTES = 64 * 2**20

SOURCES = ("lenet5", "lstm", "resnet50", "gpt2_small_decode")


def flip_bytes(data: bytes, rng: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(rng.choice((1, 3, 30))):
        out[rng.randrange(len(out))] = rng.randrange(256)
    return bytes(out)


def cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(1, len(data))]


def lie_about_length(data: bytes, rng: random.Random) -> bytes:
    """A tag and a length that reaches beyond the end, or overflows, somewhere in the file."""
    at = rng.randrange(len(data))
    lie = rng.choice((b"\x3a\xff\xff\xff\xff\x07", b"\x2a" + b"\xff" * 9 + b"\x01", b"\x0a" + b"\x80" * 12))
    return data[:at] + lie + data[at:]


def repeat_part(data: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(data))
    part = data[start : start + rng.randrange(1, 400)]
    return data[:start] + part * rng.choice((2, 50)) + data[start:]


def deep_nesting(data: bytes, rng: random.Random) -> bytes:
    """A node whose attribute holds a graph with a node with such an attribute, and so on."""
    # Fields: NodeProto has outputs (2), op_type (4), attributes (5); AttributeProto name (1), g (6) and
    # type (20); GraphProto has nodes (1); ModelProto has graph (7), whose parts are joined if it comes twice.
    node = field(2, b"deep") + field(4, b"If")
    for _ in range(rng.choice((5, 20, 200))):
        branch = field(1, b"then_branch") + field(6, field(1, node)) + b"\xa0\x01\x05"
        node = field(2, b"deep") + field(4, b"If") + field(5, branch)
    return data + field(7, field(1, node))


def field(number: int, content: bytes) -> bytes:
    """A field of bytes in protobuf's wire format."""
    length, size = len(content), b""
    while length >= 128:
        size, length = size + bytes([length & 127 | 128]), length >> 7
    return bytes([number << 3 | 2]) + size + bytes([length]) + content


def edited(change: Callable[[Any, random.Random], None]) -> Callable[[bytes, random.Random], bytes]:
    def mutate(data: bytes, rng: random.Random) -> bytes:
        model = onnx.ModelProto()
        model.ParseFromString(data)
        for _ in range(rng.choice((1, 2, 8))):
            change(model.graph, rng)
        return bytes(model.SerializeToString())

    mutate.__name__ = change.__name__
    return mutate


def bend_edge(graph: Any, rng: random.Random) -> None:
    """A node reads what another one gives, before or after it: often a cycle."""
    node = rng.choice([one for one in graph.node if one.input])
    node.input[rng.randrange(len(node.input))] = rng.choice(rng.choice(graph.node).output)


def huge_sizes(graph: Any, rng: random.Random) -> None:
    tensor = rng.choice(graph.initializer)
    tensor.dims[:] = [rng.choice((0, -1, 1, 2**31 - 1, 2**31, 2**62)) for _ in range(rng.randrange(1, 6))]


def other_rank(graph: Any, rng: random.Random) -> None:
    shape = rng.choice(graph.input).type.tensor_type.shape
    if rng.random() < 0.5 and shape.dim:
        del shape.dim[-1]
    for _ in range(rng.choice((0, 1, 40))):
        shape.dim.add(dim_value=rng.choice((1, 7, 2**40)))


def other_numbers(graph: Any, rng: random.Random) -> None:
    """Attributes and small tensors with numbers that are zero, negative or huge."""
    values = (0, -1, 1, 7, 2**31, 2**62, -(2**63))
    given = [one for node in graph.node for one in node.attribute if one.ints]
    if given and rng.random() < 0.6:
        ints = rng.choice(given).ints
        ints[rng.randrange(len(ints))] = rng.choice(values)
    kept = [one for one in graph.initializer if one.raw_data and one.data_type == onnx.TensorProto.INT64]
    if kept:
        tensor = rng.choice(kept)
        tensor.raw_data = b"".join(
            rng.choice(values).to_bytes(8, "little", signed=True) for _ in range(len(tensor.raw_data) // 8)
        )


def other_operator(graph: Any, rng: random.Random) -> None:
    node = rng.choice(graph.node)
    node.op_type = rng.choice(
        ("Frobnicate", "", "x" * 500, "a\nb", "Loop", "Concat", "Reshape", "Range", "Expand", "LSTM", "Tile",
         "ConstantOfShape", "Gather", "Where", "Shape", "Split", "Erf", "OneHot", "Conv")
    )  # fmt: skip


def no_inputs(graph: Any, rng: random.Random) -> None:
    node = rng.choice(graph.node)
    del node.input[rng.randrange(len(node.input) + 1) :]
    if rng.random() < 0.3:
        del node.output[:]


def bad_names(graph: Any, rng: random.Random) -> None:
    node = rng.choice(graph.node)
    node.name = rng.choice(("a\nb", "x" * 100_000, "\u202e", graph.node[0].name))
    if node.output and rng.random() < 0.3:
        node.output[0] = rng.choice(("\n", "y" * 100_000, graph.input[0].name))


MUTATIONS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    flip_bytes,
    cut,
    lie_about_length,
    repeat_part,
    deep_nesting,
    *map(
        edited,
        (bend_edge, huge_sizes, other_rank, other_numbers, other_operator, no_inputs, bad_names),
    ),
)


@pytest.fixture(scope="module")
def sources() -> list[bytes]:
    return [bytes(to_model(zoo.load(name)).SerializeToString()) for name in SOURCES]


def outcome(path: Path) -> str:
    """Return "read", or the error's text."""
    try:
        assert isinstance(dnnaccel.from_onnx(path), Network)
    except DnnAccelError as error:
        return str(error)
    return "read"


def test_broken_files(sources: list[bytes], tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(sources[0])
    assert outcome(path) == "read"
    refused: dict[str, int] = {}
    tracemalloc.start()
    try:
        for seed in range(FILES):
            rng = random.Random(seed)
            mutate = MUTATIONS[seed % len(MUTATIONS)]
            path.write_bytes(mutate(rng.choice(sources), rng))
            tracemalloc.reset_peak()
            began = time.perf_counter()
            said = outcome(path)
            took, peak = time.perf_counter() - began, tracemalloc.get_traced_memory()[1]
            where = f"{mutate.__name__}, seed {seed}"
            assert took < SECONDS_PER_FILE, where
            assert peak < MEMORY_BYTES, where
            assert said.isprintable(), f"{where}: {said!r}"
            assert len(said) < 1000, f"{where}: {said[:200]}"
            refused[mutate.__name__] = refused.get(mutate.__name__, 0) + (said != "read")
    finally:
        tracemalloc.stop()
    # Each way of breaking a file breaks some: the test is about broken files.
    assert all(refused.values()), refused
    assert sum(refused.values()) > FILES // 3, refused


# What operators take as attributes, and what they may be given; half of it is wrong for most of them.
ATTRIBUTES = (
    *("axis", "axes", "pads", "strides", "dilations", "kernel_shape", "group", "auto_pad", "perm"),
    *("keepdims", "to", "hidden_size", "direction", "layout", "transA", "transB", "ceil_mode", "allowzero"),
    *("value_int", "value_ints", "value_float", "size", "min", "max", "split", "start", "end"),
    *("shape", "starts", "ends", "steps", "mode"),
)
GIVEN: tuple[Any, ...] = (
    *(0, 1, 2, 3, -1, -2, 2**40, 1.5, float("inf"), "SAME_UPPER", "bidirectional", "reverse", "no such"),
    *([1], [0, 1], [1, 1], [2, 2, 2, 2], [3, 3], [0, 2, 1], [0, 1, 2, 3], [-1], [2, 3], [1.5, 2.0]),
)
UNKNOWN = ("Resize", "TopK", "OneHot", "Tile", "Einsum", "LeakyRelu", "Frobnicate", "Loop", "Range")


def random_model(rng: random.Random) -> Any:
    """A graph of operators picked at random on inputs picked at random: sound protobuf, seldom a network."""
    operators = sorted(
        {*OPERATORS, *VIEWS, "Shape", "Size", "Constant", "Range", "ConstantOfShape", *UNKNOWN}
    )
    batch = rng.choice((1, 2))
    inputs = {
        f"x{index}": (batch, *rng.choices((1, 2, 3, 4, 8), k=rng.randrange(1, 5))) for index in range(3)
    }
    tensors = [random_tensor(f"w{index}", rng) for index in range(8)]
    names = [*inputs, *(tensor.name for tensor in tensors)]
    nodes = []
    for index in range(rng.randrange(1, 12)):
        given = [
            rng.choice([*inputs, *names[-6:]]),
            *rng.choices([*names, ""], k=rng.choice((0, 1, 1, 2, 4))),
        ]
        outputs = [f"n{index}", f"n{index}b"][: rng.choice((1, 1, 2))]
        some = rng.sample(ATTRIBUTES, rng.choice((0, 1, 1, 2)))
        attributes = {name: rng.choice(GIVEN) for name in some}
        nodes.append(helper.make_node(rng.choice(operators), given, outputs, outputs[0], **attributes))
        names += outputs
    graph = helper.make_graph(
        nodes,
        "random",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.FLOAT, None)],
        initializer=tensors,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", rng.choice((8, 11, 13, 20)))])


def random_tensor(name: str, rng: random.Random) -> Any:
    shape = rng.choices((1, 2, 3, 4, 8), k=rng.randrange(5))
    if rng.random() < 0.2:
        vast = rng.choices((0, 1, 8, 2**20, 2**31 - 1), k=4)
        return TensorProto(name=name, data_type=TensorProto.FLOAT, dims=vast)
    size = math.prod(shape)
    if rng.random() < 0.5:
        return helper.make_tensor(name, TensorProto.INT64, shape, rng.choices(range(-1, 5), k=size))
    return helper.make_tensor(name, TensorProto.FLOAT, shape, [rng.random() for _ in range(size)])


def test_random_graphs(tmp_path: Path) -> None:
    path = tmp_path / "random.onnx"
    said = []
    for seed in range(FILES):
        path.write_bytes(random_model(random.Random(seed)).SerializeToString())
        began = time.perf_counter()
        said.append(outcome(path))
        assert time.perf_counter() - began < SECONDS_PER_FILE, f"seed {seed}"
        assert said[-1].isprintable(), f"seed {seed}: {said[-1]!r}"
        assert len(said[-1]) < 1000, f"seed {seed}: {said[-1][:200]}"
    assert FILES // 10 < said.count("read") < FILES


def test_weights_of_broken_files(sources: list[bytes], tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    said: list[str] = []
    for seed in range(60):
        rng = random.Random(seed)
        path.write_bytes(MUTATIONS[seed % len(MUTATIONS)](rng.choice(sources), rng))
        try:
            importers.load_onnx_weights(path)
        except DnnAccelError as error:
            said.append(str(error))
    assert len(said) > 30
    assert all(map(str.isprintable, said))
