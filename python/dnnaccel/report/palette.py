"""Colours that people of every colour vision can tell apart."""

from __future__ import annotations

__all__ = ["colours"]

# Okabe & Ito, "Color Universal Design" (2008), no black; then Tol's "light" scheme (2021) for more parts.
_COLOURS = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#D55E00",
    "#F0E442",
    "#666666",
    "#77AADD",
    "#EE8866",
    "#44BB99",
    "#FFAABB",
    "#BBCC33",
    "#AAAA00",
    "#99DDFF",
    "#DDDDDD",
)


def colours(names: list[str]) -> dict[str, str]:
    """Give each name a colour, in order; beyond 16 names they repeat."""
    return {name: _COLOURS[index % len(_COLOURS)] for index, name in enumerate(names)}
