"""What a kind of picture is: what draws it, and what may be chosen."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dnnaccel.errors import DnnAccelError, unknown_name
from dnnaccel.report.plots.style import save_figure, style, width_in

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Kind", "Options", "check_kind", "draw"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a person chose: how parts are split ("": as the kind likes), at which level, and inches."""

    by: str = ""
    level: str | None = None
    width: float = 7.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of picture: what draws it, the ways to split it, and what it is like if nobody says."""

    draw: Callable[[Any, Options], Figure]
    by: tuple[str, ...] = ()
    at_level: bool = False
    width: str = "page"


def draw(
    subject: object,
    kinds: Mapping[str, Kind],
    kind: str,
    path: str | os.PathLike[str] | None,
    *,
    by: str | None = None,
    level: str | None = None,
    width: str | None = None,
) -> Figure:
    """Draw `subject` as one of `kinds`, and save it if `path` is given.

    Raises `UnknownNameError` for another kind, way to split or width, `DnnAccelError` for a choice that the
    kind has not, `MissingExtraError` without matplotlib.
    """
    options = check_kind(kinds, kind, by=by, level=level, width=width)
    with style():
        figure = kinds[kind].draw(subject, options)
    if path is not None:
        save_figure(figure, path)
    return figure


def check_kind(
    kinds: Mapping[str, Kind], kind: str, *, by: str | None, level: str | None, width: str | None
) -> Options:
    """Return the choices as a kind takes them, with what it takes where none was made; raises as `draw`."""
    if kind not in kinds:
        raise unknown_name("kind of plot", kind, kinds)
    chosen = kinds[kind]
    if by is not None and by not in chosen.by:
        if not chosen.by:
            raise DnnAccelError(f"a plot of {kind} is not split: leave out by={by!r}")
        raise unknown_name("way to split a plot", by, chosen.by)
    if level is not None and not chosen.at_level:
        raise DnnAccelError(f"a plot of {kind} is of no single level: leave out level={level!r}")
    return Options(by=by or "", level=level, width=width_in(width or chosen.width))
