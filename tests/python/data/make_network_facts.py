"""Rebuild network_facts.json: python make_network_facts.py DIRECTORY.

DIRECTORY holds networks.json (totals, and what the literature says) and network_graphs/TAG.json (the traced
graph of each network). Kept: totals, literature, and of every node operation, inputs, output shape and
parameters.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

PROVENANCE = (
    "Totals: layer arithmetic on models traced elsewhere (PyTorch models of pytorchcv, and models "
    "hand-written from the papers; `source` says which). Literature: as marked, mostly from memory. Nodes: "
    "the traced dataflow graph; activations, normalisations and dropout folded away; shapes without batch."
)
FORMAT = (
    "A node is [operation, positions of its inputs, output shape, parameters...]. conv: kernel, stride, "
    "padding, groups, bias; maxpool and avgpool: kernel, stride, padding; fc: bias; slice: start of every "
    "axis; zeropad: left, right, top, bottom; channel_shuffle: groups. A pair of equal numbers is one "
    "number. No convolution is dilated."
)
# The words of the traces, where they differ from ours.
WORDS = {
    "AdaptiveAvgPool2d": "global_avgpool",
    "AdaptiveMaxPool2d": "global_maxpool",
    "LocalResponseNorm": "lrn",
    "local_response_norm": "lrn",
    "Tanh": "tanh",
    "getitem": "slice",
    "mul": "scale",
}


def pair(value: list[int]) -> int | list[int]:
    return value[0] if value[0] == value[1] else value


def starts(index: str) -> list[int]:
    """Read where every axis but the batch starts from "(slice(None, None, None), slice(8, ...), ...)"."""
    found = re.findall(r"slice\((None|\d+), (?:None|\d+), None\)", index)
    assert len(found) == 4, index
    assert found[0] == "None", index
    return [0 if start == "None" else int(start) for start in found[1:]]


def parameters(node: dict[str, Any], shapes: list[list[int]]) -> list[Any]:
    match node["op"]:
        case "conv":
            assert node["dil"] == [1, 1]
            assert [node["cin"], node["cout"]] == [shapes[0][0], node["out"][0]]
            return [pair(node["k"]), pair(node["s"]), pair(node["p"]), node["g"], int(node["bias"])]
        case "maxpool" | "avgpool":
            return [pair(node["k"]), pair(node["s"]), pair(node["p"])]
        case "fc":
            return [int(node["bias"])]
        case "getitem":
            return [starts(node["index"])]
        case "zeropad":
            return [node["pad_lrtb"]]
        case "channel_shuffle":
            return [node["groups"]]
        case "mul" | "AdaptiveAvgPool2d" | "AdaptiveMaxPool2d":
            # A product with a constant, poolings to one element: nothing else is traced.
            assert len(shapes) == 1
            assert node["op"] == "mul" or node["out"][1:] == [1, 1]
            return []
        case "input" | "add" | "concat" | "Tanh" | "LocalResponseNorm" | "local_response_norm":
            return []
    raise ValueError(f"unknown operation {node['op']!r}")


def compact(graph: list[dict[str, Any]]) -> list[list[Any]]:
    position = {node["name"]: index for index, node in enumerate(graph)}
    nodes = []
    for node in graph:
        inputs = [position[name] for name in node["inputs"]]
        given = parameters(node, [graph[index]["out"] for index in inputs])
        nodes.append([WORDS.get(node["op"], node["op"]), inputs, node["out"], *given])
    return nodes


def main(facts: Path) -> None:
    lines = []
    for network in json.loads((facts / "networks.json").read_text())["networks"]:
        graph = json.loads((facts / "network_graphs" / f"{network['tag']}.json").read_text())["graph"]
        entry = {
            "title": network["name"],
            "totals": network["computed"],
            "literature": network["literature"],
            "nodes": compact(graph),
        }
        lines.append(f"{json.dumps(network['tag'])}: {json.dumps(entry, separators=(',', ':'))}")
    head = f'{{\n"provenance": {json.dumps(PROVENANCE)},\n"format": {json.dumps(FORMAT)},\n"networks": {{\n'
    text = head + ",\n".join(lines) + "\n}}\n"
    (Path(__file__).parent / "network_facts.json").write_text(text)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
