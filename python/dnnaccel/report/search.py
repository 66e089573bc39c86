"""What a search found, as the text that a person wants to see first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnnaccel._nest import cost_pairs, nest_text
from dnnaccel._text import DEFAULT_WIDTH, pairs
from dnnaccel._units import count, percent, quantity
from dnnaccel.report.front import front_text

if TYPE_CHECKING:
    from dnnaccel.search_result import SearchResult

__all__ = ["search_facts", "search_text"]

_SAYS_NOTHING = 0.999
"""Gap from which on a bound, such as the energy of a layer's vector operations alone, is not worth a word."""

# What is said of the best, and of what would be better.
_WORDS = {
    "energy": ("least energy", "less energy"),
    "latency": ("fewest cycles", "fewer cycles"),
    "edp": ("least energy x delay", "less energy x delay"),
}


def search_text(found: SearchResult, *, width: int = DEFAULT_WIDTH) -> str:
    """Return the nest with its counts, time and energy, and what is proved; for "pareto" the front first."""
    said = search_facts(found)
    if found.seconds:  # in a line of its own: all else is the same in every run
        said.append(("search time", quantity(found.seconds, "s")))
    if found.objective == "pareto":
        return f"{front_text(found, width=width)}\n\n{pairs(said, width=width)}"
    if found.cost.chip is None:
        return f"{found.mapping}\n\n{pairs(said, width=width)}"
    summary = pairs([*cost_pairs(found.cost), *said], width=width)
    return f"{nest_text(found.cost, width=width)}\n\n{summary}"


def search_facts(found: SearchResult) -> list[tuple[str, str]]:
    """Return what is proved and how many mappings that took, as names and values."""
    return [("result", _proof(found)), ("search", _effort(found))]


def _proof(found: SearchResult) -> str:
    flow = f"dataflow {found.dataflow}"
    if found.objective == "pareto":
        proof = "the whole front, proved" if found.optimal else "the best found, nothing proved"
        return f"{count(len(found.pareto))} points under {flow}: {proof}"
    least, less = _WORDS[found.objective]
    if found.optimal:
        return f"optimal: no mapping under {flow} takes {less}, proved"
    if found.gap > _SAYS_NOTHING:
        return f"{least} found under {flow}, nothing proved"
    return f"{least} found; none under {flow} takes over {percent(found.gap)} % {less}, proved"


def _effort(found: SearchResult) -> str:
    points = f" of {_points(found.mapspace)}" if found.mapspace else ""
    return f"{count(found.evaluated)}{points} mappings costed"


def _points(number: float) -> str:
    """Return a number that may be beyond every prefix."""
    return count(number) if number < 1e15 else f"{number:.3e}".replace("e+", " x 10^")
