"""Colours and shapes of what is drawn, and the key that names them."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

__all__ = ["colour", "legend", "shape"]

_COLOURS = 8
_SQUARE = "M-5,-5h10v10h-10Z"
# Shapes of about the same area around (0, 0), in pixels: groups differ by more than colour.
_SHAPES = (
    "M-4.5,0a4.5,4.5 0 1,0 9,0a4.5,4.5 0 1,0 -9,0Z",
    "M-4,-4h8v8h-8Z",
    "M0,-5.6L5.6,0L0,5.6L-5.6,0Z",
    "M0,-5.2L5.2,4.2H-5.2Z",
    "M0,5.2L5.2,-4.2H-5.2Z",
    "M-1.7,-5.2h3.4v3.5h3.5v3.4h-3.5v3.5h-3.4v-3.5h-3.5v-3.4h3.5Z",
    "M-5,-2.6L-2.6,-5L0,-2.4L2.6,-5L5,-2.6L2.4,0L5,2.6L2.6,5L0,2.4L-2.6,5L-5,2.6L-2.4,0Z",
    "M0,-5.8L1.6,-1.8L5.6,-1.8L2.5,0.9L3.6,5L0,2.6L-3.6,5L-2.5,0.9L-5.6,-1.8L-1.6,-1.8Z",
)


def colour(index: int) -> str:
    """Return the style class of the colour of a plot's group number `index`."""
    return f"c{index % _COLOURS}"


def legend(names: Sequence[str], *, shapes: bool = False) -> str:
    """Return the key of colours, and of `shapes` with it; none for a single nameless group."""
    if not any(names):
        return ""
    items = "".join(
        f'<li><svg width="12" height="12" viewBox="-6 -6 12 12" class="{shade}" aria-hidden="true">'
        f'<path d="{shape(index) if shapes else _SQUARE}"/></svg>{escape(name)}</li>'
        for index, name in enumerate(names)
        for shade in (colour(index) if shapes else f"c{index % 16}",)
    )
    return f'<ul class="legend">{items}</ul>'


def shape(index: int) -> str:
    """Return the path of the shape of a plot's group number `index`, around (0, 0), about 10 pixels wide."""
    # Beyond as many groups as colours, each colour comes again with another shape.
    return _SHAPES[(index + index // _COLOURS) % len(_SHAPES)]
