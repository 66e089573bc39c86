"""What can go wrong, by whose fault it is; every error of the package is a `DnnAccelError`.

`SearchInterrupted` is none: it is Ctrl-C, with what was found until then.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dnnaccel.search_result import SearchResult

__all__ = [
    "ArchitectureError",
    "DataflowError",
    "DatasetError",
    "DensityError",
    "DnnAccelError",
    "DramError",
    "ImportedFileError",
    "KernelError",
    "LayerError",
    "MappingError",
    "MissingExtraError",
    "NetworkError",
    "ReportError",
    "RuntimeModelError",
    "SearchInterrupted",
    "SweepError",
    "UnknownNameError",
    "WeightsError",
]


_MOST_SHOWN = 30
"""Longest list of valid names that an error prints: every dataflow and chip, not every network."""


class DnnAccelError(Exception):
    """Base of every error that dnnaccel raises on purpose; its text is one clear sentence."""


class UnknownNameError(DnnAccelError, KeyError):
    """A network, chip, dataflow, layer or level that does not exist; says the nearest name that does."""

    def __str__(self) -> str:
        return str(self.args[0])


class LayerError(DnnAccelError, ValueError):
    """A layer that makes no sense by itself, or whose input shapes do not meet."""


class NetworkError(DnnAccelError, ValueError):
    """A graph that is no network: a cycle, a dangling name, two layers of one name."""


class ArchitectureError(DnnAccelError, ValueError):
    """A chip description that is malformed; the message lists every error with its line."""


class MappingError(DnnAccelError, ValueError):
    """A mapping that cannot be read, does not belong to the problem, or does not fit the chip."""


class DataflowError(DnnAccelError, ValueError):
    """A dataflow that contradicts itself, or that a chip cannot run; says why."""


class DensityError(DnnAccelError, ValueError):
    """A density out of range, a compressed format that makes no sense, or a tensor of another shape."""


class DatasetError(DnnAccelError, ValueError):
    """A file of a dataset that is missing, cut short, too large, or not what its header says."""


class DramError(DnnAccelError, ValueError):
    """A DRAM description that is malformed, or requests that it cannot take."""


class ImportedFileError(DnnAccelError, ValueError):
    """A file of another tool that is corrupt, cut short, too large, or leaves something open; says what."""


class KernelError(DnnAccelError, ValueError):
    """A kernel asked for a shape that makes no sense, or given an array that does not fit its plan."""


class ReportError(DnnAccelError, ValueError):
    """A file of a report that is malformed or too large, or whose numbers do not add up."""


class RuntimeModelError(DnnAccelError, ValueError):
    """A network that the runtime cannot run, or an input that it cannot take."""


class SweepError(DnnAccelError, ValueError):
    """A sweep that makes no sense, or a store of results that cannot be used."""


class WeightsError(DnnAccelError, ValueError):
    """Weights that are missing, have another shape than their layer, or cannot be told apart."""


class MissingExtraError(DnnAccelError, ImportError):
    """An optional dependency is absent; says which `pip install` brings it."""


class SearchInterrupted(KeyboardInterrupt):
    """Ctrl-C while one layer was searched; `result` is the best found until then, and proves nothing."""

    def __init__(self, result: SearchResult) -> None:
        super().__init__(result)
        self.result = result

    def __str__(self) -> str:
        return f"the search was interrupted; best so far: {self.result!r}"


def unknown_name(kind: str, name: object, valid: Iterable[str]) -> UnknownNameError:
    """Build the error for a name that is not among `valid`, with the nearest valid one.

    `kind` is the word for what was looked up ("network", "chip", "level", ...).
    """
    names = list(valid)
    return UnknownNameError(f"unknown {kind} {name!r}; {did_you_mean(str(name), names)}")


def did_you_mean(name: str, valid: Iterable[str]) -> str:
    """Return "did you mean 'x'?" for the nearest of `valid`, or the list of them when none is near."""
    import difflib  # only a mistake needs it

    names = list(valid)
    lowered = {candidate.lower(): candidate for candidate in names}
    near = difflib.get_close_matches(name.lower(), list(lowered), n=1, cutoff=0.6)
    if near:
        return f"did you mean {lowered[near[0]]!r}?"
    shown = names if len(names) <= _MOST_SHOWN else names[:_MOST_SHOWN]
    more = len(names) - len(shown)
    return "valid: " + ", ".join(shown) + (f" and {more} more" if more else "")
