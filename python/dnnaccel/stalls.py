"""Why the MACs of a simulated layer stood still, for how long, and what made them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["CAUSES", "Stall"]

CAUSES: dict[str, str] = {
    "fill": "the first tiles come in",
    "refill": "a single-buffered memory takes its next tile between two others",
    "bandwidth": "a tile was fetched or drained ahead, and not in time",
    "port": "the MACs ask the memories beside them for more words than those give",
    "array": "the array itself: skew, loads and drains between its folds",
    "drain": "after the last MAC the outputs leave",
}
"""The causes of stalls, and what each means."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stall:
    """Cycles in which the MACs stood still, for one cause.

    `memory` is the level whose tile was late ("" if the MACs did not wait for one), `owner` the level whose
    port or network was too slow ("" if none was), and `port` which of it: "read", "write", "shared", or the
    tensor on a network.
    """

    cause: str
    memory: str
    owner: str
    port: str
    cycles: float

    def to_dict(self) -> dict[str, Any]:
        """Return the fields by name."""
        return {name: getattr(self, name) for name in Stall.__slots__}
