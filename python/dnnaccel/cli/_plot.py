"""The options of commands that draw what they found: `--plot FILE --plot-kind KIND`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from dnnaccel.cli._output import wrote
from dnnaccel.errors import DnnAccelError

if TYPE_CHECKING:
    from dnnaccel.compare import Comparison
    from dnnaccel.cost import LayerReport
    from dnnaccel.report import Report
    from dnnaccel.report.plots.kind import Kind
    from dnnaccel.search_result import SearchResult

__all__ = ["Picture", "plot_options"]

_Command = Callable[..., None]


@dataclass(frozen=True, slots=True)
class Picture:
    """What picture a person asks for; `choices` are further arguments of `plot`, those that were given."""

    path: str | None
    kind: str | None
    choices: Mapping[str, str]

    def check(self, kinds: Mapping[str, Kind], usual: str) -> Picture:
        """Refuse what cannot be drawn or written before the work is done; fill in the usual kind."""
        from dnnaccel.report.plots.kind import check_kind
        from dnnaccel.report.plots.style import check_picture

        if self.path is None:
            for name in ("kind" if self.kind else "", *self.choices):
                if name:
                    raise DnnAccelError(f"--plot-{name} says how to draw; give --plot FILE to draw into")
            return self
        kind = self.kind or usual
        check_kind(kinds, kind, **{"by": None, "level": None, "width": None, **self.choices})
        check_picture(self.path)
        return Picture(self.path, kind, self.choices)

    def draw(self, result: Report | Comparison | SearchResult | LayerReport, *, quiet: bool) -> None:
        """Draw `result` into the file, if one was asked for."""
        if self.path is not None:
            assert self.kind is not None, "check fills it in"
            draw: Callable[..., object] = result.plot
            draw(self.kind, self.path, **self.choices)
            wrote(self.path, quiet=quiet)


def plot_options(kinds: str, *choices: str) -> Callable[[_Command], _Command]:
    """Return what adds the options of a picture; the command gets them as one, its `picture`.

    `kinds` lists the kinds for the help; `choices` are those of "by" and "level" that the command has beside
    the width.
    """

    def add(command: _Command) -> _Command:
        @functools.wraps(command)
        def gathered(*, plot: str | None, plot_kind: str | None, **others: Any) -> None:
            given = {name: others.pop(f"plot_{name}") for name in (*choices, "width")}
            picture = Picture(plot, plot_kind, {name: value for name, value in given.items() if value})
            command(picture=picture, **others)

        options = [
            click.option(
                "--plot", type=click.Path(), metavar="FILE", help="Draw into FILE (.pdf, .svg or .png)."
            ),
            click.option("--plot-kind", metavar="KIND", help=f"What to draw: {kinds}."),
            *(_CHOICES[name] for name in choices),
            click.option(
                "--plot-width",
                metavar="WIDTH",
                help="Width of it: column (3.4 in) or page (7.2 in).",
            ),
        ]
        result: _Command = gathered
        for option in reversed(options):
            result = option(result)
        return result

    return add


_CHOICES = {
    "by": click.option("--plot-by", metavar="PARTS", help="How it is split, such as level or tensor."),
    "level": click.option("--plot-level", metavar="LEVEL", help="Memory of a roofline, or array of PEs."),
}
