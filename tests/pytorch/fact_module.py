"""A recorded graph of a network as a torch module: every node is an operation of torch's own."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional
from zoo_facts import Node


class Shuffle(nn.Module):
    """ShuffleNet's shuffle as it is written in PyTorch: a view, an exchange of two axes, a view."""

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, channels, rows, columns = x.shape
        split = x.view(batch, self.groups, channels // self.groups, rows, columns)
        return split.transpose(1, 2).contiguous().view(batch, channels, rows, columns)


class Window(nn.Module):
    """The part of an image from `starts` on, of size `out`; what lies outside is zero."""

    def __init__(self, starts: tuple[int, ...], out: tuple[int, ...]) -> None:
        super().__init__()
        self.starts, self.out = starts, out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pads: list[int] = []
        for axis, (start, size) in enumerate(zip(self.starts, self.out, strict=True), start=1):
            if start > 0:
                x = x.narrow(axis, start, x.shape[axis] - start)
            before = max(-start, 0)
            after = size - before - x.shape[axis]
            if after < 0:
                x = x.narrow(axis, 0, size - before)
            pads = [before, max(after, 0), *pads]
        return functional.pad(x, pads[:4]) if any(pads) else x


class Join(nn.Module):
    """A concatenation of channels, or a sum."""

    def __init__(self, op: str) -> None:
        super().__init__()
        self.op = op

    def forward(self, *given: torch.Tensor) -> torch.Tensor:
        if self.op == "concat":
            return torch.cat(given, 1)
        total = given[0]
        for one in given[1:]:
            total = total + one
        return total


class Scaled(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * 0.1


def overhangs(node: Node, x: torch.Tensor) -> bool:
    """Whether the recorded pooling has more windows than fit: the records do not say the mode itself."""
    kernel, stride, padding = node.parameters
    fit = tuple(
        (size + 2 * p - k) // s + 1
        for size, k, s, p in zip(x.shape[2:], kernel, stride, padding, strict=True)
    )
    return fit != node.out[1:]


def operation(node: Node, given: list[torch.Tensor]) -> nn.Module:
    """The module of one node; of its recorded shape only what is a parameter is used, the output channels."""
    x = given[0]
    match node.op:
        case "conv":
            kernel, stride, padding, groups, bias = node.parameters
            return nn.Conv2d(x.shape[1], node.out[0], kernel, stride, padding, groups=groups, bias=bool(bias))
        case "fc":
            features = x.flatten(1).shape[1]
            return nn.Sequential(
                nn.Flatten(), nn.Linear(features, node.out[0], bias=bool(node.parameters[0]))
            )
        case "maxpool" | "avgpool":
            pool = nn.MaxPool2d if node.op == "maxpool" else nn.AvgPool2d
            return pool(*node.parameters, ceil_mode=overhangs(node, x))
        case "global_avgpool":
            return nn.AdaptiveAvgPool2d(1)
        case "global_maxpool":
            return nn.AdaptiveMaxPool2d(1)
        case "lrn":
            return nn.LocalResponseNorm(5)
        case "channel_shuffle":
            return Shuffle(node.parameters[0])
        case "window":
            return Window(node.parameters, node.out)
        case "scale":
            return Scaled()
        case "concat" | "add":
            return Join(node.op)
    raise AssertionError(f"no module for {node.op}")


class FactModule(nn.Module):
    """The graph that `nodes` describe; `shapes` are those of every node's output, as torch computes them."""

    def __init__(self, nodes: list[Node]) -> None:
        super().__init__()
        self.nodes = nodes
        self.input_shape = (1, *nodes[0].out)
        self.steps = nn.ModuleList()
        values = [torch.empty(self.input_shape, device="meta")]
        for node in nodes[1:]:
            given = [values[index] for index in node.inputs]
            with torch.device("meta"):
                step = operation(node, given)
            self.steps.append(step)
            values.append(step(*given))
        self.shapes = [tuple(value.shape[1:]) for value in values]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        values = [x]
        for node, step in zip(self.nodes[1:], self.steps, strict=True):
            values.append(step(*(values[index] for index in node.inputs)))
        return values[-1]
