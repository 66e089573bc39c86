"""What every picture shares: sizes, type, hatches, units of axes, legends, and files with equal bytes."""

from __future__ import annotations

import contextlib
import io
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dnnaccel._text import clean
from dnnaccel._units import prefix, prefix_exponent
from dnnaccel.errors import DnnAccelError, MissingExtraError, unknown_name
from dnnaccel.report.files import check_writable, write_atomically
from dnnaccel.report.palette import colours

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "HEAT",
    "MARKERS",
    "SMALL",
    "WIDTHS",
    "check_picture",
    "fills",
    "legend_above",
    "new_figure",
    "save_figure",
    "scaled_axis",
    "short",
    "style",
    "width_in",
]

WIDTHS = {"column": 3.4, "page": 7.2}
"""Widths of a picture by name, in inches: one column of a paper in two, and both."""

SMALL = 6.0
"""Points of what stands many times in a picture: names of layers, labels of points."""

MARKERS = "osD^vP*X"
"""Shapes of points, which tell groups apart without colour."""

HEAT = "cividis"
"""Colours of heat maps: they read the same in grey print and to every colour vision."""

FORMATS = ("pdf", "svg", "png")
"""Suffixes of pictures. Of other formats matplotlib cannot leave out the date."""

# Parts that are many are told apart by hatches too.
_HATCHES = ("", "/////", "", "\\\\\\\\\\", "", "-----", "", "xxxxx")
_FEW = 4

# What matplotlib sets is its default, not the user's: the same report gives the same bytes everywhere.
_STYLE: Any = {
    "font.family": "DejaVu Sans",  # comes with matplotlib
    "mathtext.fontset": "dejavusans",
    "font.size": 7.0,
    "axes.titlesize": 8.0,
    "axes.labelsize": 7.5,
    "xtick.labelsize": 7.0,
    "ytick.labelsize": 7.0,
    "legend.fontsize": 7.0,
    "legend.title_fontsize": 8.0,
    "legend.frameon": False,
    "legend.handlelength": 1.4,
    "legend.handleheight": 0.9,
    "legend.columnspacing": 1.2,
    "legend.labelspacing": 0.35,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.4,
    "hatch.linewidth": 0.5,
    "pdf.fonttype": 42,  # TrueType, embedded: what publishers ask for
    "ps.fonttype": 42,
    "svg.fonttype": "path",  # needs no font where it is shown
    "svg.hashsalt": "dnnaccel",
}
_DATES: dict[str, dict[str, Any]] = {"pdf": {"CreationDate": None}, "svg": {"Date": None}, "png": {}}

# Units that take an SI prefix, and what one of them is in the unit shown. All others are counted.
_PREFIXED = {
    "pJ": ("J", 1e-12),
    "pJ s": ("J s", 1e-12),
    "pJ cycles": ("J cycles", 1e-12),
    "s": ("s", 1.0),
    "W": ("W", 1.0),
    "B": ("B", 1.0),
}


@contextlib.contextmanager
def style() -> Iterator[None]:
    """Draw as all pictures of the package are drawn; raises `MissingExtraError` without matplotlib."""
    try:
        from matplotlib import rc_context, rcdefaults, rcParams
        from matplotlib.figure import Figure  # noqa: F401  # with it, all that is drawn with is there
    except ImportError:
        raise MissingExtraError("plots need matplotlib: pip install 'dnnaccel[plot]'") from None
    with rc_context():
        rcdefaults()
        rcParams.update(_STYLE)
        yield


def width_in(width: str) -> float:
    """Return the inches of a width by name; raises `UnknownNameError` for one that there is not."""
    if width not in WIDTHS:
        raise unknown_name("width of a plot", width, WIDTHS)
    return WIDTHS[width]


def new_figure(inches: tuple[float, float]) -> Figure:
    """Return an empty figure of that width and height, inside `style`.

    It is its own, not pyplot's: nothing is left open, and no display is asked for.
    """
    from matplotlib.figure import Figure

    return Figure(figsize=inches, layout="constrained")


def check_picture(path: str | os.PathLike[str]) -> None:
    """Refuse a picture that cannot be drawn or written, before the work is done and not after."""
    with style():
        _format_of(path)
    check_writable(path)


def save_figure(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write a figure as the suffix of `path` says; raises `DnnAccelError` for one that is no picture.

    Equal figures give equal bytes: no dates, and the names inside an SVG do not change.
    """
    suffix = _format_of(path)
    image = io.BytesIO()
    with style():
        figure.savefig(image, format=suffix, dpi=300, metadata=_DATES[suffix])
    write_atomically(path, image.getvalue())


def _format_of(path: str | os.PathLike[str]) -> str:
    suffix = Path(path).suffix.removeprefix(".").lower()
    if suffix not in FORMATS:
        raise DnnAccelError(
            f"cannot save the plot {os.fspath(path)}: the suffix says the format ({', '.join(FORMATS)})"
        )
    return suffix


def short(name: str) -> str:
    """Return a name fit for a tick or a label: at most 20 characters, none of them mathematics."""
    return clean(name, longest=20).replace("$", r"\$")


def fills(names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Give each part its colour, and a hatch where the parts are many, as arguments of a patch."""
    hatched = len(names) > _FEW
    return {
        name: {
            "facecolor": colour,
            # Where the colours begin anew, the hatches do not.
            "hatch": _HATCHES[(index + index // 16) % len(_HATCHES)] if hatched else "",
            "edgecolor": "white",
            "linewidth": 0.0,  # an edge would hide what is thin; the hatch takes its colour
        }
        for index, (name, colour) in enumerate(colours(list(names)).items())
    }


def scaled_axis(what: str, unit: str, largest: float) -> tuple[float, str]:
    """Return what to multiply a figure in `unit` with, and the label of its axis, which says the unit.

    Energies in pJ, seconds, watts and bytes take the prefix that suits `largest`, what is counted a power of
    ten; "%" takes fractions.
    """
    if unit == "%":
        return 100.0, f"{what} (%)"
    shown, base = _PREFIXED.get(unit, (unit, 1.0))
    exponent = prefix_exponent(abs(largest) * base)
    if unit in _PREFIXED:
        return base / 10.0**exponent, f"{what} ({prefix(exponent)}{shown})"
    scale = f"$10^{{{exponent}}}$ " if exponent else ""
    return 1.0 / 10.0**exponent, f"{what} ({scale}{shown})"


def legend_above(figure: Figure, entries: Mapping[str, Any], title: str) -> None:
    """Put a title and, below it, a legend above all axes; `entries` are handles by what they stand for."""
    room = figure.get_figwidth() - 0.1
    # A handle of 1.4 letters, and the gaps beside it and to the next column, take 0.33 inches.
    widest = max((_inches(figure, name, 7.0) for name in entries), default=0.0) + 0.33
    rows = math.ceil(len(entries) / max(1, int((room + 0.12) / widest))) or 1
    columns = math.ceil(len(entries) / rows) or 1
    # matplotlib fills a column before the next one; a person reads rows.
    order = [row * columns + column for column in range(columns) for row in range(rows)]
    names = [list(entries)[index] for index in order if index < len(entries)]
    figure.legend(
        [entries[name] for name in names],
        names,
        title="\n".join(part for line in title.splitlines() for part in _wrapped(figure, line, room)),
        loc="outside upper left",
        ncols=columns,
        alignment="left",
        borderaxespad=0.2,
        borderpad=0.1,
    )


def _inches(figure: Figure, text: str, size: float) -> float:
    """Return how wide a text is."""
    shown = figure.text(0, 0, text, size=size)
    width = shown.get_window_extent().width / figure.dpi
    shown.remove()
    return float(width)


def _wrapped(figure: Figure, line: str, room: float) -> list[str]:
    """Break a title of 8 points into lines that fit `room` inches."""
    lines: list[str] = []
    for word in line.split():
        if lines and _inches(figure, f"{lines[-1]} {word}", 8.0) <= room:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines
