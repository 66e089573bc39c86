"""A network as a picture: DOT text for Graphviz, or SVG with a layout of our own."""

from __future__ import annotations

import html
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dnnaccel._layered import Layout, place
from dnnaccel._text import clean
from dnnaccel._units import count
from dnnaccel.errors import NetworkError, did_you_mean

if TYPE_CHECKING:
    from dnnaccel.layers import Layer
    from dnnaccel.network import Network

__all__ = ["draw", "dot_text", "svg_text"]

_LINE = 14.0
_CHARACTER = 6.6
_PADDING = 8.0
_MARGIN = 12.0
_BOLD = ' font-weight="bold"'

# Light tints of Okabe & Ito's colours ("Color Universal Design", 2008), on which black text is read well. The
# kind stands in every box in words too.
_BLUE, _ORANGE, _GREEN, _PINK, _YELLOW = "#b3dcf5", "#f7d08a", "#a3dcc6", "#e6bfd4", "#f7f2b0"
_GREY, _WHITE = "#e6e6e6", "#ffffff"
_FILLS = {
    "conv2d": _BLUE,
    "depthwise": _YELLOW,
    "linear": _ORANGE,
    "matmul": _ORANGE,
    "max_pool": _GREEN,
    "avg_pool": _GREEN,
    "global_avg_pool": _GREEN,
    "global_max_pool": _GREEN,
    "add": _PINK,
    "multiply": _PINK,
    "concat": _PINK,
    "input": _WHITE,
}


@dataclass(frozen=True, slots=True)
class _Box:
    kind: str
    lines: tuple[str, ...]
    tip: str

    @property
    def fill(self) -> str:
        return _FILLS.get(self.kind, _GREY)

    @property
    def width(self) -> float:
        return max(map(len, self.lines)) * _CHARACTER + 2 * _PADDING

    @property
    def height(self) -> float:
        return len(self.lines) * _LINE + 2 * _PADDING


def draw(
    net: Network, path: str | os.PathLike[str] | None, *, format: str | None = None, fold: bool = True
) -> str:
    """Return the picture, and write it to `path` unless that is None; see `Network.draw`."""
    if format is None:
        suffix = "" if path is None else Path(path).suffix.lower()
        format = "dot" if suffix in (".dot", ".gv") else "svg"
    if format not in ("svg", "dot"):
        nearest = did_you_mean(str(format), ("svg", "dot"))
        raise NetworkError(f"unknown format {format!r} of a drawing; {nearest}")
    text = svg_text(net, fold=fold) if format == "svg" else dot_text(net, fold=fold)
    if path is not None:
        try:
            Path(path).write_text(text, encoding="utf-8")
        except OSError as error:
            raise NetworkError(f"cannot write {os.fspath(path)}: {error.strerror}") from error
    return text


def dot_text(net: Network, *, fold: bool = True) -> str:
    """Return the graph as DOT text: what `dot -Tpdf` of Graphviz reads."""
    boxes, edges = _graph(net, fold)
    lines = [
        f"digraph {_quoted(net.name)} {{",
        '  node [shape=box, style="filled,rounded", fontname="sans-serif", fontsize=11];',
    ]
    for index, box in enumerate(boxes):
        label = "\\n".join(_escaped(line) for line in box.lines)
        lines.append(f'  n{index} [label="{label}", fillcolor="{box.fill}", tooltip={_quoted(box.tip)}];')
    lines += [f"  n{source} -> n{target};" for source, target in edges]
    return "\n".join([*lines, "}", ""])


def svg_text(net: Network, *, fold: bool = True) -> str:
    """Return the graph as an SVG picture that needs nothing else: no font, style sheet or script."""
    boxes, edges = _graph(net, fold)
    layout = place([box.width for box in boxes], [box.height for box in boxes], edges)
    width, height = layout.width + 2 * _MARGIN, layout.height + 2 * _MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" font-family="sans-serif" font-size="11">',
        f"<title>{html.escape(net.name)}</title>",
        '<rect width="100%" height="100%" fill="white"/>',
        '<defs><marker id="tip" markerWidth="7" markerHeight="7" refX="6" refY="3" orient="auto">'
        '<path d="M0,0 L7,3 L0,6 z" fill="#555555"/></marker></defs>',
        f'<g transform="translate({_MARGIN:.0f},{_MARGIN:.0f})">',
        '<g fill="none" stroke="#555555">',
        *(_edge(layout, boxes, number, edge) for number, edge in enumerate(edges)),
        "</g>",
        *(_box(layout, index, box) for index, box in enumerate(boxes)),
        "</g>",
        "</svg>",
        "",
    ]
    return "\n".join(lines)


def _edge(layout: Layout, boxes: list[_Box], number: int, edge: tuple[int, int]) -> str:
    source, target = edge
    x, y = layout.centres[source], layout.tops[source] + boxes[source].height
    steps = [f"M{x:.1f},{y:.1f}"]
    end = (layout.centres[target], layout.tops[target], layout.tops[target])
    for next_x, top, bottom in (*layout.passages[number], end):
        # A curve from row to row that leaves and arrives upright, then straight past the row's boxes.
        middle = (y + top) / 2
        steps.append(f"C{x:.1f},{middle:.1f} {next_x:.1f},{middle:.1f} {next_x:.1f},{top:.1f}")
        if bottom > top:
            steps.append(f"L{next_x:.1f},{bottom:.1f}")
        x, y = next_x, bottom
    way = " ".join(steps)
    return f'<path d="{way}" marker-end="url(#tip)"/>'


def _box(layout: Layout, index: int, box: _Box) -> str:
    centre, top = layout.centres[index], layout.tops[index]
    texts = "".join(
        f'<text x="{centre:.1f}" y="{top + _PADDING + _LINE * (row + 0.8):.1f}" text-anchor="middle"'
        f"{_BOLD if row == 0 else ''}>{html.escape(line)}</text>"
        for row, line in enumerate(box.lines)
    )
    return (
        f"<g><title>{html.escape(box.tip)}</title>"
        f'<rect x="{centre - box.width / 2:.1f}" y="{top:.1f}" width="{box.width:.1f}" '
        f'height="{box.height:.1f}" rx="4" fill="{box.fill}" stroke="#333333"/>{texts}</g>'
    )


def _graph(net: Network, fold: bool) -> tuple[list[_Box], list[tuple[int, int]]]:
    """Return the boxes and which reads which; a layer that is folded stands in its producer's box."""
    groups: list[list[Layer]] = []
    place_of: dict[str, int] = {name: index for index, name in enumerate(net.inputs)}
    for layer in net.layers:
        source = layer.inputs[0]
        folded = fold and layer.fusable and source in net and len(net.consumers(source)) == 1
        if folded:
            groups[place_of[source] - len(net.inputs)].append(layer)
            place_of[layer.name] = place_of[source]
        else:
            place_of[layer.name] = len(net.inputs) + len(groups)
            groups.append([layer])
    boxes = [
        _Box("input", (clean(name), "input", _shape(shape)), f"{name}: input {shape}")
        for name, shape in net.inputs.items()
    ]
    boxes += [_box_of(group) for group in groups]
    edges = dict.fromkeys(
        (place_of[name], place_of[group[0].name]) for group in groups for name in group[0].inputs
    )
    return boxes, list(edges)


def _box_of(group: list[Layer]) -> _Box:
    first = group[0]
    kernel, stride = getattr(first, "kernel", None), getattr(first, "stride", None)
    what = first.kind
    if kernel is not None and stride is not None:
        step = str(stride[0]) if stride[0] == stride[1] else f"{stride[0]}x{stride[1]}"
        what += f" {kernel[0]}x{kernel[1]}/{step}"
    after = [" + ".join(layer.kind for layer in group[1:])] if len(group) > 1 else []
    tip = f"{', '.join(layer.name for layer in group)}: {count(sum(layer.macs for layer in group))} MACs, "
    tip += f"{count(sum(layer.parameters for layer in group))} parameters"
    return _Box(first.kind, (clean(first.name), what, *after, _shape(group[-1].output_shape)), tip)


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape[1:]))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _quoted(text: str) -> str:
    return f'"{_escaped(text)}"'
