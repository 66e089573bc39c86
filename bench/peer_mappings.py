"""Write the best mappings that ZigZag and AccelForge find as data for tests/validation/test_peer_mappings.py.

    python bench/peer_mappings.py --zigzag-python Z/bin/python --accelforge-python A/bin/python

One file for each peer, with its version. A search that takes longer than --timeout is made again over fewer
of the peer's templates (AccelForge), or left out; what was searched is in the file.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

from mapper import HERE, chip_of, layer_of
from peer_machines import accelforge_machine, zigzag_machine, zigzag_mapping
from peers import ACCELFORGE, ZIGZAG, PeerProcess, running

from dnnaccel.arch import Array
from dnnaccel.layers import Layer

DATA = HERE.parent / "tests" / "validation" / "data"
LAYERS = (
    "matmul256",
    "matmul1024",
    "resnet50:conv2_1b",
    "resnet50:conv2_1c",
    "alexnet:conv2",
    "alexnet:conv3",
    "alexnet:conv5",
)
CHIP = "machine"
TEMPLATES = (None, 1)
"""How many templates AccelForge may search; None: all. The first that ends in time is taken."""


def from_zigzag(found: dict[str, Any], layer: Layer) -> list[list[Any]]:
    """Return ZigZag's mapping as a list, outermost first: what memories hold, and loops with their tiles.

    Its array stands nowhere among the loops, and tensors may leave the buffer further in than others enter
    the elements: then they are held further out, before the array. That takes capacity and spares transfers.
    """
    assert layer.problem is not None
    levels = chip_of(CHIP).levels
    array = next(i for i, level in enumerate(levels) if isinstance(level, Array))
    outside = [level.name for level in levels[:array]]
    inside = [level.name for level in levels[array + 1 :]]
    loops, holds = found["loops"], found["holds"]
    spread = max((count for memory, _, count in holds if memory in inside), default=0)
    bounds, tiles = dict(layer.problem.bounds), dict.fromkeys(layer.problem.dims, 1)
    nest: list[list[Any]] = []  # innermost first

    def add(dim: str, size: float, axis: str = "") -> None:
        nest.append(["for", dim, tiles[dim], axis])
        tiles[dim] = min(bounds[dim], tiles[dim] * math.ceil(size - 1e-9))

    for place in range(len(loops) + 1):
        nest += [
            ["hold", memory, [role]]
            for name in reversed(inside)
            for memory, role, count in holds
            if memory == name and count == place
        ]
        if place == spread:
            for axis in ("columns", "rows"):
                for dim, size in found[axis]:
                    add(dim, size, axis)
        if place >= spread:
            nest += [
                ["hold", memory, [role]]
                for name in reversed(outside)
                for memory, role, count in holds
                if memory == name and max(count, spread) == place
            ]
        if place < len(loops):
            add(*loops[place])
    return nest[::-1]


def best_of_zigzag(
    process: PeerProcess, layer: Layer, objective: str, timeout: float
) -> dict[str, Any] | None:
    """Return the better of its even and uneven mappings as data; None if there is none in time."""
    best = None
    for temporal in ("uneven", "even"):
        for spread in ((None, None), ({"C": 16}, {"M": 16})):
            request = {
                "machine": zigzag_machine(chip_of(CHIP)),
                "mapping": zigzag_mapping(*spread),
                "spatial_mappings": 3,
                "temporal": temporal,
                "objective": objective,
                "nest": True,
            }
            found = process.search(layer, request, timeout)
            if found is None or "error" in found:
                print(f"  {temporal}, {spread}: {'out of time' if found is None else found['error'][:200]}")
                continue
            figure = found["energy" if objective == "energy" else "cycles"]
            print(f"  {temporal}, {spread}: {figure:.6g}", flush=True)
            yours = {
                "nest": from_zigzag(found["nest"], layer),
                "searched": f"{temporal}, all of LOMA at 6 factors",
            }
            entry = {name: found[name] for name in ("energy", "cycles", "version")} | yours
            if best is None or figure < best[0]:
                best = figure, entry
    return None if best is None else best[1]


def best_of_accelforge(
    process: PeerProcess, layer: Layer, objective: str, timeout: float
) -> dict[str, Any] | None:
    """Return its best mapping as data, over as many templates as it can search in time."""
    bounds = layer.problem.bounds if layer.problem else {}
    # All templates of a layer with windows take it hours.
    tries = TEMPLATES[1:] if bounds["R"] * bounds["S"] > 1 else TEMPLATES
    best = None
    for bypass in (False, True):
        for templates in tries:
            request = {
                "machine": accelforge_machine(chip_of(CHIP), bypass=bypass),
                "whole": True,
                "templates": templates,
                "objective": objective,
                "nest": True,
            }
            found = process.search(layer, request, timeout)
            if found is None or "error" in found:
                print(
                    f"  {templates}: {'out of time' if found is None else found['error'][:200]}", flush=True
                )
                continue
            searched = "all templates" if templates is None else f"the first {templates} templates"
            searched += ", memories of the elements may be left out" if bypass else ""
            figure = found["energy" if objective == "energy" else "cycles"]
            print(f"  {searched}: {figure:.6g}", flush=True)
            if best is None or figure < best[0]:
                entry = {name: found[name] for name in ("energy", "cycles", "version") if name in found}
                best = figure, entry | {"nest": found["nest"], "searched": searched}
            break
    return None if best is None else best[1]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--zigzag-python", metavar="PATH", help="Python that has zigzag-dse and six")
    parser.add_argument("--accelforge-python", metavar="PATH", help="Python that has accelforge")
    parser.add_argument("--timeout", type=float, default=60, help="seconds for a search (default 60)")
    options = parser.parse_args()
    for peer, python, search in (
        (ZIGZAG, options.zigzag_python, best_of_zigzag),
        (ACCELFORGE, options.accelforge_python, best_of_accelforge),
    ):
        with running(peer, python) as process:
            if process is None:
                print(peer.how_to_get("peer_mappings"))
                continue
            entries: list[dict[str, Any]] = []
            for objective in ("energy", "latency"):
                for name in LAYERS:
                    print(f"{peer.name}, {name}, {objective}", flush=True)
                    found = search(process, layer_of(name), objective, options.timeout)
                    if found is not None:
                        entries.append({"layer": name, "chip": CHIP, "objective": objective} | found)
                        write(DATA / f"{peer.module}.json", peer.name, entries)  # kept if this run is stopped


def write(file: Path, peer: str, entries: list[dict[str, Any]]) -> None:
    """Write a file that a person can read: a line for each loop."""
    versions = {entry["version"] for entry in entries}
    head = {
        "tool": peer,
        "version": ", ".join(sorted(versions)),
        "made_by": "python bench/peer_mappings.py, which see; energies and cycles are the tool's own",
    }
    parts = []
    for entry in entries:
        nest = ",\n   ".join(json.dumps(item) for item in entry["nest"])
        rest = {name: value for name, value in entry.items() if name not in ("nest", "version")}
        parts.append(f'{json.dumps(rest)[:-1]},\n  "nest": [\n   {nest}]}}')
    body = ",\n ".join(parts)
    file.parent.mkdir(exist_ok=True)
    file.write_text(f'{json.dumps(head)[:-1]}, "mappings": [\n {body}\n]}}\n', encoding="utf-8")


if __name__ == "__main__":
    main()
