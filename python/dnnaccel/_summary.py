"""A network as the table of its layers, with totals and the memory that its words take."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dnnaccel._text import Column, pairs
from dnnaccel._units import quantity
from dnnaccel.errors import NetworkError
from dnnaccel.layers import Layer, whole_number

if TYPE_CHECKING:
    from dnnaccel.network import Network

__all__ = ["summary_columns", "summary_text"]

_HEAD = (
    *("layer", "kind", "filter", "input shape", "output shape"),
    *("parameters", "weights", "MACs", "vector ops"),
)
_TEXTS = 5
_WIDEST_WORD = 1024


def summary_text(net: Network, *, word_bits: int = 32) -> str:
    """Return the layers with shapes and sizes, the totals, and the memory of words of `word_bits` bits.

    Raises `NetworkError` for a word that is not 1 to 1024 bits wide.
    """
    bits = whole_number(word_bits, minimum=1)
    if bits is None or bits > _WIDEST_WORD:
        raise NetworkError(
            f"summary: word_bits must be a whole number from 1 to {_WIDEST_WORD}, given {word_bits!r}"
        )
    body = [_cells(layer) for layer in net.layers]
    foot = _foot(net)
    widths = [max(map(len, column)) for column in zip(_HEAD, foot, *body, strict=True)]
    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    title = net.metadata.get("title") or net.name
    given = ", ".join(f"{name} {shape}" for name, shape in net.inputs.items())
    return "\n".join(
        [
            f"{title}: input {given}",
            rule,
            _row(_HEAD, widths),
            rule,
            *(_row(row, widths) for row in body),
            rule,
            _row(foot, widths),
            *_remarks(net),
            rule,
            pairs(_memory(net, bits)),
        ]
    )


def summary_columns(net: Network) -> list[Column]:
    """Return the table of layers as columns; its last row is the total."""
    rows = [*(_cells(layer) for layer in net.layers), _foot(net)]
    columns = enumerate(zip(_HEAD, zip(*rows, strict=True), strict=True))
    return [Column(head, cells, left=index < _TEXTS) for index, (head, cells) in columns]


def _foot(net: Network) -> tuple[str, ...]:
    totals = (net.total_parameters, net.total_weights, net.total_macs, sum(layer.ops for layer in net))
    return ("total", f"{len(net)} layers", "", "", "", *(f"{number:,}" for number in totals))


def _cells(layer: Layer) -> tuple[str, ...]:
    learned = (layer.parameters, layer.weights)
    # Numbers that belong to another layer stand in parentheses: the total does not count them again.
    shared = layer.weights_from is not None
    return (
        layer.name,
        layer.kind,
        _filter(layer),
        _inputs(layer),
        str(layer.output_shape),
        *(f"({number:,})" if shared and number else f"{number:,}" for number in learned),
        *(f"{number:,}" for number in (layer.macs, layer.ops)),
    )


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    texts = [cell.ljust(width) for cell, width in zip(cells[:_TEXTS], widths, strict=False)]
    numbers = [cell.rjust(width) for cell, width in zip(cells[_TEXTS:], widths[_TEXTS:], strict=True)]
    return "  ".join([*texts, *numbers]).rstrip()


def _filter(layer: Layer) -> str:
    kernel, stride = getattr(layer, "kernel", None), getattr(layer, "stride", None)
    if kernel is None or stride is None:
        return ""
    step = str(stride[0]) if stride[0] == stride[1] else f"{stride[0]}x{stride[1]}"
    return f"{kernel[0]}x{kernel[1]}/{step}"


def _inputs(layer: Layer) -> str:
    shapes = layer.input_shapes
    if len(shapes) == 1:
        return str(shapes[0])
    return f"{len(shapes)} x {shapes[0]}" if len(set(shapes)) == 1 else f"{shapes[0]}, ..."


def _remarks(net: Network) -> list[str]:
    said = []
    if any(layer.weights_from is not None and layer.parameters for layer in net):
        said.append("in parentheses: shared with an earlier layer, counted once in the total")
    # Where the literature's totals differ from the computed ones, the reader should see both.
    weights, macs = net.metadata.get("quoted_weights"), net.metadata.get("quoted_macs")
    if weights is not None and macs is not None:
        source = net.metadata.get("quoted_source", "the literature")
        said.append(f"quoted at batch 1: {weights:,} weights, {macs:,} MACs ({source})")
    if "unknown_operators" in net.metadata:
        said.append(f"counted by their traffic alone: {net.metadata['unknown_operators']}")
    return said


def _memory(net: Network, word_bits: int) -> list[tuple[str, str]]:
    sizes = {
        "parameters": net.total_parameters,
        "network inputs": sum(math.prod(shape) for shape in net.inputs.values()),
        # A view has no words of its own.
        "layer outputs": sum(math.prod(layer.output_shape) for layer in net if not layer.is_view),
        "largest layer, in and out": max(
            sum(math.prod(shape) for shape in (*layer.input_shapes, layer.output_shape)) for layer in net
        ),
    }
    return [
        (what, f"{words:,} words, {quantity(words * word_bits / 8, 'B')} at {word_bits} bits each")
        for what, words in sizes.items()
    ]
