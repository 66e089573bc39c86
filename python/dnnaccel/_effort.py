"""How thorough a search is: what an effort stands for in the core's terms."""

from __future__ import annotations

from collections.abc import Mapping

from dnnaccel.errors import unknown_name

__all__ = ["EFFORTS", "FULL", "PATIENCE", "QUICK", "core_effort"]

# Mapspaces of at most `exhaustive_limit` points are enumerated. In larger ones energy is proved after a short
# look, with at most `proof` mappings costed; `starts` of `proposals` each is how thoroughly one is annealed
# where that does not succeed, and for what is not proved that way: about 0.3 s of one core for a convolution.
FULL: dict[str, int] = {"exhaustive_limit": 20_000, "starts": 24, "proposals": 20_000, "proof": 300_000}

# Some 20 ms of one core for a convolution; docs/search.md says how far its energies are from those of `FULL`.
QUICK: dict[str, int] = {"exhaustive_limit": 2_000, "starts": 8, "proposals": 4_000, "proof": 2_000}

# A person who asks for one layer waits this many times as long for a proof as a network's layer does.
PATIENCE = 10

EFFORTS: tuple[str, ...] = ("full", "quick")
"""How thoroughly mappings are searched for."""


def core_effort(effort: str, full: Mapping[str, int], objective: str, patience: int) -> dict[str, int]:
    """Return what makes the core's effort; `full` is what "full" stands for.

    A full search waits `patience` times as long for a proof. Bounds prove one figure: a front of "pareto" is
    enumerated or not proved. Raises `UnknownNameError` for another effort.
    """
    if effort not in EFFORTS:
        raise unknown_name("effort", effort, EFFORTS)
    chosen = full if effort == "full" else QUICK
    proof = 0 if objective == "pareto" else chosen.get("proof", 0) * (patience if effort == "full" else 1)
    return {**chosen, "proof": proof}
