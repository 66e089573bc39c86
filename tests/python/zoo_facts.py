"""The zoo against the recorded facts: which network is which, and when two graphs are the same.

Two graphs are the same if their nodes can be paired such that paired nodes do the same (operation,
parameters, output shape) to paired inputs. Both are brought to one form first (`canonical`): what one author
writes as a global pooling, a nested concatenation or two slices, another writes differently.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

from dnnaccel import layers as kinds
from dnnaccel.network import Network

FACTS: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parent / "data" / "network_facts.json").read_text()
)["networks"]

# Fact tag: name in the zoo, and options.
ZOO_TAGS: dict[str, tuple[str, dict[str, Any]]] = {
    "lenet5_1998": ("lenet5", {}),
    "lenet_caffe": ("lenet_caffe", {}),
    "alexnet": ("alexnet", {}),
    "alexnet_onegpu_pytorchcv": ("alexnet_torchvision", {}),
    "zfnet": ("zfnet", {}),
    "overfeat_fast": ("overfeat_fast", {}),
    "overfeat_accurate": ("overfeat_accurate", {}),
    "vgg16": ("vgg16", {}),
    "vgg19": ("vgg19", {}),
    "googlenet_v1": ("googlenet", {}),
    "inception_v2_bn": ("inception_v2", {}),
    "inception_v3": ("inception_v3", {}),
    "inception_v4": ("inception_v4", {}),
    "inception_resnet_v2": ("inception_resnet_v2", {}),
    "resnet34": ("resnet34", {}),
    "resnet50": ("resnet50", {}),
    "resnet50_v1_5": ("resnet50_v1_5", {}),
    "resnet152": ("resnet152", {}),
    "resnet1202_cifar": ("resnet1202", {}),
    "densenet121": ("densenet121", {}),
    "densenet161": ("densenet161", {}),
    "densenet169": ("densenet169", {}),
    "densenet201": ("densenet201", {}),
    "wide_resnet50_2": ("wide_resnet50_2", {}),
    "wrn28_10_cifar": ("wrn28_10", {}),
    "resnext50_32x4d": ("resnext50_32x4d", {}),
    "resnext101_32x4d": ("resnext101_32x4d", {}),
    "resnext101_64x4d": ("resnext101_64x4d", {}),
    "resnext101_64x4d_320": ("resnext101_64x4d", {"image_size": 320}),
    "squeezenet_v1_0": ("squeezenet_v1_0", {}),
    "squeezenet_v1_1": ("squeezenet_v1_1", {}),
    "xception": ("xception", {}),
    "mobilenet_v1": ("mobilenet_v1", {}),
    "mobilenet_v1_0.5_160": ("mobilenet_v1", {"width": 0.5, "image_size": 160}),
    "shufflenet_v1_1x_g3": ("shufflenet_v1", {}),
    "shufflenet_v1_2x_g3": ("shufflenet_v1", {"width": 2.0}),
    "nasnet_a_4_1056": ("nasnet_a_4_1056", {}),
    "nasnet_a_6_4032": ("nasnet_a_6_4032", {}),
    "polynet": ("polynet", {}),
    "dpn131": ("dpn131", {}),
    "dpn131_224": ("dpn131", {"image_size": 224}),
}

# What the traces fold into the layer before it, or what only renames: the reader sees the layer before.
_FOLDED = (
    *(kinds.BatchNorm, kinds.ReLU, kinds.ReLU6, kinds.Tanh, kinds.Sigmoid, kinds.GELU),
    *(kinds.Flatten, kinds.Softmax),
)


@dataclasses.dataclass(frozen=True)
class Node:
    """One operation: `out` is its output shape without the batch, `inputs` are positions of earlier nodes."""

    op: str
    inputs: tuple[int, ...]
    out: tuple[int, ...]
    parameters: tuple[Any, ...] = ()


def recorded_nodes(tag: str) -> list[Node]:
    """Read the recorded graph; Tanh, the one activation that the traces keep, is folded as the others are."""
    nodes: list[Node] = []
    position: list[int] = []
    for op, inputs, out, *given in FACTS[tag]["nodes"]:
        sources = tuple(position[index] for index in inputs)
        if op == "tanh":
            position.append(sources[0])
            continue
        position.append(len(nodes))
        nodes.append(_recorded_node(op, sources, tuple(out), given))
    return nodes


def _recorded_node(op: str, inputs: tuple[int, ...], out: tuple[int, ...], given: list[Any]) -> Node:
    if op in ("conv", "maxpool", "avgpool"):
        windows = [tuple(value) if isinstance(value, list) else (value, value) for value in given[:3]]
        return Node(op, inputs, out, (*windows, *given[3:]))
    if op == "slice":
        return Node("window", inputs, out, tuple(given[0]))
    if op == "zeropad":
        left, _, top, _ = given[0]
        return Node("window", inputs, out, (0, -top, -left))
    return Node(op, inputs, out, tuple(given))


def network_nodes(net: Network) -> list[Node]:
    """Describe `net` in the words of the recorded graphs."""
    nodes = [Node("input", (), shape[1:]) for shape in net.inputs.values()]
    position = {name: index for index, name in enumerate(net.inputs)}
    for layer in net:
        sources = tuple(position[name] for name in layer.inputs)
        if isinstance(layer, _FOLDED):
            position[layer.name] = sources[0]
            continue
        position[layer.name] = len(nodes)
        op, given = _operation(layer)
        nodes.append(Node(op, sources, layer.output_shape[1:], given))
    return nodes


def _operation(layer: kinds.Layer) -> tuple[str, tuple[Any, ...]]:
    match layer:
        case kinds.Conv2d() | kinds.DepthwiseConv2d():
            groups = layer.groups if isinstance(layer, kinds.Conv2d) else layer.input_shapes[0][1]
            assert layer.dilation == (1, 1)
            return "conv", (layer.kernel, layer.stride, layer.padding, groups, int(layer.bias))
        case kinds.MaxPool2d():
            return "maxpool", (layer.kernel, layer.stride, layer.padding)
        case kinds.AvgPool2d():
            return "avgpool", (layer.kernel, layer.stride, layer.padding)
        case kinds.Linear():
            return "fc", (int(layer.bias),)
        case kinds.Slice():
            axis = layer.axis % len(layer.output_shape)
            return "window", tuple(layer.start if axis == each else 0 for each in (1, 2, 3))
        case kinds.Pad2d():
            return "window", (0, -layer.rows[0], -layer.columns[0])
        case kinds.ChannelShuffle():
            return "channel_shuffle", (layer.groups,)
    plain = {"global_avg_pool": "global_avgpool", "global_max_pool": "global_maxpool"}
    return plain.get(layer.kind, layer.kind), ()


def canonical(nodes: list[Node]) -> Counter[tuple[Any, ...]]:
    """Return every node's value, in which its inputs' digests stand for them, and how often each occurs.

    Poolings whose window is the whole image are global ones. A concatenation that only concatenations read
    and an addition that only one addition reads are parts of what reads them. Slices and paddings are windows
    on what they read; windows on windows are one, and one window counts once however often it is written.
    Additions do not care about order. The ceil mode of a pooling shows in its shape, the input channels of a
    convolution in its input's.
    """
    readers: list[list[str]] = [[] for _ in nodes]
    for node in nodes:
        for index in node.inputs:
            readers[index].append(node.op)
    parts = [_is_part(node.op, readers[index]) for index, node in enumerate(nodes)]
    counts: Counter[tuple[Any, ...]] = Counter()
    digests: list[str] = []
    for index, node in enumerate(nodes):
        inputs, given = _looked_through(node, nodes, parts)
        read = [digests[each] for each in inputs]
        if node.op == "add":
            read.sort()
        value = (_operation_name(node, nodes), node.out, given, tuple(read))
        digests.append(hashlib.sha256(repr(value).encode()).hexdigest())
        if not parts[index] and not (node.op == "window" and value in counts):
            counts[value] += 1
    return counts


def _is_part(op: str, readers: list[str]) -> bool:
    if op == "add":
        return readers == ["add"]
    return op in ("concat", "window") and set(readers) == {op}


def _is_global(node: Node, nodes: list[Node]) -> bool:
    if node.op not in ("avgpool", "maxpool") or node.out[1:] != (1, 1):
        return False
    kernel, _, padding = node.parameters
    return bool(kernel == nodes[node.inputs[0]].out[1:] and padding == (0, 0))


def _operation_name(node: Node, nodes: list[Node]) -> str:
    return f"global_{node.op}" if _is_global(node, nodes) else node.op


def _looked_through(node: Node, nodes: list[Node], parts: list[bool]) -> tuple[list[int], tuple[Any, ...]]:
    """Return what `node` reads behind its own parts, and its parameters."""
    if node.op == "window":
        index, starts = node.inputs[0], node.parameters
        while nodes[index].op == "window":
            starts = tuple(mine + inner for mine, inner in zip(starts, nodes[index].parameters, strict=True))
            index = nodes[index].inputs[0]
        return [index], starts
    found: list[int] = []
    for index in node.inputs:
        if parts[index] and nodes[index].op == node.op:
            found += _looked_through(nodes[index], nodes, parts)[0]
        else:
            found.append(index)
    return found, () if _is_global(node, nodes) else node.parameters


def difference(mine: list[Node], theirs: list[Node]) -> list[str]:
    """Return, for two graphs that differ, the first nodes of each that the other has not; else nothing."""
    own, other = canonical(mine), canonical(theirs)
    lines = []
    for title, surplus in (("only in the zoo", own - other), ("only in the facts", other - own)):
        for op, out, given, read in list(surplus)[:3]:
            lines.append(f"{title}: {op} {given} to {out} of {len(read)} inputs")
    return lines
