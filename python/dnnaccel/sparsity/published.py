"""Densities from the literature, by the names of the zoo's layers; the figures are in published.json."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from dnnaccel.errors import DensityError, unknown_name
from dnnaccel.sparsity.density import Density

__all__ = ["published", "published_names"]


@dataclass(slots=True)
class _Found:
    """Densities and sources of one layer while they are put together."""

    densities: dict[str, float] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)

    def add(self, tensor: str, density: float, source: str) -> None:
        self.densities[tensor] = density
        self.sources[tensor] = source

    def density(self) -> Density:
        dense = Density()
        value = {role: self.densities.get(role, 1.0) for role in ("inputs", "weights", "outputs")}
        said = {role: self.sources.get(role, dense.source(role)) for role in value}
        return Density(
            inputs=value["inputs"],
            weights=value["weights"],
            outputs=value["outputs"],
            inputs_source=said["inputs"],
            weights_source=said["weights"],
            outputs_source=said["outputs"],
        )


def _sets() -> dict[str, Any]:
    text = (resources.files("dnnaccel.sparsity") / "published.json").read_text(encoding="utf-8")
    data: dict[str, Any] = json.loads(text)
    return data


def published_names() -> dict[str, tuple[str, ...]]:
    """Return the networks of each published set, by the name of the set."""
    return {name: tuple(data["networks"]) for name, data in _sets().items()}


def published(name: str, network: str) -> dict[str, Density]:
    """Return the densities that a published set gives for a network of the zoo, by layer name.

    "eyeriss_jssc17" has input activations as the Eyeriss chip met them, "han15" weights left after pruning
    (from memory, unverified: its sources say so). Sets are joined with +: "eyeriss_jssc17+han15".

    Where inputs are known, a layer's outputs have the density of the next layer's inputs. Max pooling between
    the two leaves fewer zeros than it meets, so that is an upper bound there, as the source says. A tensor
    that no set speaks of is taken as dense.

    Raises `UnknownNameError` for a set or a network that is not there, `DensityError` for two sets that speak
    of the same tensor.

    Examples
    --------
    >>> round(published("eyeriss_jssc17", "alexnet")["conv3"].inputs, 3)
    0.275
    """
    sets = _sets()
    found: dict[str, _Found] = {}
    spoken: dict[str, str] = {}
    for part in str(name).split("+"):
        if part not in sets:
            raise unknown_name("set of densities", part, sets)
        data = sets[part]
        if network not in data["networks"]:
            raise unknown_name(f"network of the densities {part}", network, data["networks"])
        if data["tensor"] in spoken:
            raise DensityError(
                f"{part} and {spoken[data['tensor']]} both speak of {data['tensor']}; join others"
            )
        spoken[data["tensor"]] = part
        _add(found, data, data["networks"][network])
    return {layer: parts.density() for layer, parts in found.items()}


def _add(found: dict[str, _Found], data: dict[str, Any], figures: dict[str, Any]) -> None:
    source = data["source"] if data["verified"] else f"{data['source']} (from memory, unverified)"
    zeros: dict[str, float] = figures["zeros_percent"]
    for layer, percent in zeros.items():
        found.setdefault(layer, _Found()).add(data["tensor"], _density(percent), source)
    if data["tensor"] != "inputs":
        return
    for layer, following in itertools.pairwise(zeros):
        what = f"inputs of {following}: {source}"
        if following in figures["behind_max_pooling"]:
            what = f"at most that of the {what}, behind max pooling, which leaves fewer zeros"
        found[layer].add("outputs", _density(zeros[following]), what)


def _density(zeros_percent: float) -> float:
    # Rounded to what was printed: 100 - 72.5 is 27.5, and 0.275 of it.
    return round(1 - zeros_percent / 100, 6)
