"""The job: every network on every chip, kept in a store as it is done."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dnnaccel._effort import EFFORTS
from dnnaccel._search_cache import atlas_store, fingerprint
from dnnaccel.atlas.result import Atlas, AtlasChip, AtlasRow
from dnnaccel.errors import SweepError, unknown_name
from dnnaccel.mapper import OBJECTIVES
from dnnaccel.sweeping.layers import LayerGroup
from dnnaccel.sweeping.run import Crew, Progress
from dnnaccel.sweeping.store import Store, open_store
from dnnaccel.sweeping.work import FIGURES, Task

if TYPE_CHECKING:
    from dnnaccel.arch import Chip
    from dnnaccel.network import Network

__all__ = ["atlas"]


def atlas(
    networks: Iterable[Network | str] | str | None = None,
    chips: Iterable[Chip | str | os.PathLike[str]] | str | None = None,
    *,
    objective: str = "edp",
    effort: str = "quick",
    executor: Executor | None = None,
    store: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> Atlas:
    """Simulate every network on every chip, each under its own dataflow, and put them side by side.

    Parameters
    ----------
    networks
        Networks, or names of the zoo; None for all of it, at batch 1.
    chips
        Chips, names of presets, or paths of YAML files; None for all presets.
    objective
        As `simulate` takes it; "edp", energy x delay, because the atlas ranks by both: mappings of the least
        energy are often several times slower than others that take a few per cent more.
    effort
        As `simulate` takes it; "quick", because the atlas has some 20,000 different layers to map.
    executor
        Anything with the interface of `concurrent.futures.Executor`; None: a thread for each core.
    store
        A file for what is done, from which a run that was broken off resumes; None: one in the user's cache
        directory, beside what searches found (docs/cache.md), or no file where that is turned off.
    progress
        Called with combinations done, combinations in all, and a text with the rate and the time left.

    `host_cpu` is this machine as it is measured when a store first asks for it; the store keeps the figures,
    so that the same store gives the same atlas.

    Raises
    ------
    SweepError
        For a store that cannot be used, no networks or chips, or two of one name.
    DnnAccelError
        For an unknown name. What cannot run is a row with its reason.

    Examples
    --------
    >>> from dnnaccel import atlas
    >>> found = atlas(["lenet5", "mlp"], ["eyeriss", "tpu_v1"])
    >>> found
    <Atlas: 2 networks on 2 chips, 4 of 4 combinations ran>
    """
    from dnnaccel import arch, zoo

    if objective not in OBJECTIVES:
        raise unknown_name("objective", objective, OBJECTIVES)
    if effort not in EFFORTS:
        raise unknown_name("effort", effort, EFFORTS)
    named = _several(networks, zoo.names(), "network")
    nets = [zoo.load(net) if isinstance(net, str) else net for net in named]
    wanted = _several(chips, arch.names(), "chip")
    for what, names in (("network", [net.name for net in nets]), ("chip", [_name(chip) for chip in wanted])):
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise SweepError(f"an atlas has every {what} once; {twice!r} is given twice")
    build = fingerprint() or "unknown"
    with open_store(_usual_store() if store is None else store) as kept:
        targets = [_chip(chip, kept, build) for chip in wanted]
        # Chip by chip: networks share layers, and a worker remembers what it has just searched for.
        tasks = {
            (net.name, chip.name): Task(
                net=net,
                chip=chip,
                dataflow=None,
                objective=objective,
                density=None,
                effort=effort,
                by_layer=True,
            )
            for chip in targets
            for net in nets
        }
        keys = {pair: task.key(build) for pair, task in tasks.items()}
        wanted_tasks = {keys[pair]: task for pair, task in tasks.items()}
        with Crew(kept, executor, progress, len(wanted_tasks)) as crew:
            crew.want(wanted_tasks)
            crew.wait(list(wanted_tasks))
        results = crew.results
    return Atlas(
        networks=tuple(zoo.NetworkRow.of(net) for net in nets),
        chips=tuple(AtlasChip.of(chip) for chip in targets),
        rows=tuple(
            _row(net.name, chip.name, results[keys[net.name, chip.name]]) for net in nets for chip in targets
        ),
        objective=objective,
        effort=effort,
    )


def _usual_store() -> Path | None:
    """Return the store in the user's cache directory, or None if that is turned off or cannot be made."""
    path = atlas_store()
    if path is not None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError:
            return None
    return path


def _several(given: Any, all_of_them: Sequence[str], what: str) -> list[Any]:
    if given is None:
        return list(all_of_them)
    one = isinstance(given, (str, os.PathLike)) or not isinstance(given, Iterable)
    items = [given] if one else list(given)
    if not items:
        raise SweepError(f"an atlas needs at least one {what}; the list of {what}s is empty")
    return items


def _name(chip: Chip | str | os.PathLike[str]) -> str:
    return os.fspath(chip) if isinstance(chip, (str, os.PathLike)) else chip.name


def _chip(given: Chip | str | os.PathLike[str], store: Store, build: str) -> Chip:
    """Return the chip; this machine as the store has it, if it was measured before."""
    from dnnaccel import arch
    from dnnaccel.arch.host_system import describe_system
    from dnnaccel.errors import ArchitectureError

    if isinstance(given, arch.Chip):
        return given
    if os.fspath(given) != arch.HOST:
        return arch.load(given)
    key = f"{arch.HOST} {describe_system()!r} {build}"
    kept = store.note(key)
    if kept is not None and "extends" not in kept:
        with contextlib.suppress(ArchitectureError):
            return arch.Chip.from_dict(kept)
    chip = arch.load(given)
    store.keep_note(key, chip.to_dict())
    return chip


def _row(network: str, chip: str, result: dict[str, Any]) -> AtlasRow:
    """Return the row of a result; raises `SweepError` if it is one without layers, or energy, or cycles."""
    if "reason" in result:
        return AtlasRow(network=network, chip=chip, figures={}, layers=(), reason=result["reason"])
    if "layers" not in result or result["energy"] is None or result["cycles"] is None:
        raise SweepError(
            f"what the store has of {network} on {chip} is damaged; remove the store and run again"
        )
    return AtlasRow(
        network=network,
        chip=chip,
        figures={name: result[name] for name in FIGURES},
        layers=tuple(map(LayerGroup.from_row, result["layers"])),
    )
