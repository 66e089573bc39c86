"""What a search found for one layer, and the ways out of it."""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dnnaccel._text import DEFAULT_WIDTH
from dnnaccel.cost import LayerReport
from dnnaccel.mapping import Mapping

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["ParetoPoint", "SearchResult", "rank"]


@dataclass(frozen=True, slots=True)
class ParetoPoint:
    """A mapping that no other one seen beats in both energy (chip's unit) and cycles."""

    energy: float
    cycles: int
    mapping: Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """What a search found for one layer.

    `optimal` is True only if every mapping of the mapspace was costed or shown not to be better. `evaluated`
    mappings were costed, `pruned` ones dropped before that. `pareto` is the front of energy against cycles
    among those costed, by energy. A proof of one figure may leave mappings out that are on the true front:
    `pareto` is known to be that one only for `objective` "pareto", where `optimal` says that the whole
    mapspace was enumerated. `bound`, in the objective's unit, is proved: no mapping of the mapspace, which
    has `mapspace` points, has less.

    Where a dataflow has variants, `dataflow` is the one that won; the counts and `mapspace` are sums over all
    of them, `bound` is the least of theirs, and `optimal` and `pareto` are about all.

    `objective` "pareto" asks for the front; `mapping` is then the one of least energy. `seconds` is how long
    the search took, and no part of what makes two results equal.
    """

    mapping: Mapping
    cost: LayerReport
    optimal: bool
    evaluated: int
    pruned: int
    pareto: tuple[ParetoPoint, ...]
    objective: str
    dataflow: str
    bound: float = 0.0
    mapspace: float = 0.0
    seconds: float = field(default=0.0, compare=False)

    @property
    def figure(self) -> float:
        """What was minimised, of the mapping found: energy (for "pareto" too), cycles, or their product."""
        return rank(self.objective, self.cost.energy, self.cost.cycles)[0]

    @property
    def gap(self) -> float:
        """How far the mapping may be from the optimum, at most, as a part of its figure: 0 if optimal."""
        return 0.0 if self.optimal or self.figure == 0 else max(0.0, 1 - self.bound / self.figure)

    def to_text(self, *, width: int = DEFAULT_WIDTH) -> str:
        """Return the loop nest with its counts, its cost, and what is proved; for "pareto" the front.

        For lines of `width` characters; `str()` takes 120.
        """
        from dnnaccel.report.search import search_text

        return search_text(self, width=width)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain numbers, strings, lists and dicts, ready for JSON.

        Without `seconds`, so that equal searches give equal text. What is infinite is None.
        """
        return {
            "layer": self.cost.name,
            "chip": None if self.cost.chip is None else self.cost.chip.name,
            "dataflow": self.dataflow,
            "objective": self.objective,
            "optimal": self.optimal,
            "figure": self.figure,
            "bound": self.bound,
            "gap": self.gap,
            "mapspace": self.mapspace if math.isfinite(self.mapspace) else None,
            "evaluated": self.evaluated,
            "pruned": self.pruned,
            "energy_unit": self.cost.energy_unit,
            "mapping": str(self.mapping),
            "cost": self.cost.to_dict(),
            "pareto": [
                {"energy": point.energy, "cycles": point.cycles, "mapping": str(point.mapping)}
                for point in self.pareto
            ],
        }

    def to_json(self) -> str:
        """Return `to_dict()` as JSON text, indented by two blanks."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False) + "\n"

    def to_html(self) -> str:
        """Return a page that needs no other file: the loop nest, its cost, what is proved, and the front."""
        from dnnaccel.report.html.search import search_page

        return search_page(self)

    def _repr_html_(self) -> str:
        from dnnaccel.report.html import fragment
        from dnnaccel.report.html.search import search_blocks

        return fragment(*search_blocks(self))

    def plot(
        self,
        kind: str | None = None,
        path: str | os.PathLike[str] | None = None,
        *,
        width: str | None = None,
    ) -> Figure:
        """Draw what was found and return the matplotlib figure; with `path` it is saved, as its suffix says.

        `kind` is "nest": the loop nest of `mapping` over the chip's levels; or "pareto": the front of energy
        against cycles, of which a search for another objective than "pareto" has only the part that it came
        upon. None takes "pareto" for that objective, else "nest". `path` and `width` are as `Report.plot`
        takes them, which says what is raised.
        """
        from dnnaccel.report.plots.kind import draw
        from dnnaccel.report.plots.kinds import SEARCH_KINDS

        usual = "pareto" if self.objective == "pareto" else "nest"
        return draw(self, SEARCH_KINDS, usual if kind is None else kind, path, width=width)

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        proof = "optimal" if self.optimal else "best found"
        return (
            f"<SearchResult {self.cost.name}: {proof} of {self.evaluated} costed under {self.dataflow}, "
            f"{self.cost.energy:.4g} {self.cost.energy_unit}, {self.cost.cycles} cycles>"
        )


def rank(objective: str, energy: float, cycles: int) -> tuple[float, float]:
    """Return what a search minimises, and the other figure, which breaks ties: less is better."""
    if objective in ("energy", "pareto"):
        return (energy, float(cycles))
    return (float(cycles), energy) if objective == "latency" else (energy * cycles, energy)
