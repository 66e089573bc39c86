"""Run again what a page was made of: the inputs that it holds as JSON."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from dnnaccel._files import read_text
from dnnaccel.errors import DnnAccelError, did_you_mean
from dnnaccel.report.html.shell import INPUTS_ID

if TYPE_CHECKING:
    from dnnaccel.arch import Chip
    from dnnaccel.compare import Comparison
    from dnnaccel.dataflow import Dataflow
    from dnnaccel.dram import Dram
    from dnnaccel.layers import Layer
    from dnnaccel.mapper import Progress
    from dnnaccel.network import Network
    from dnnaccel.report import Report

__all__ = ["read_inputs", "rerun"]

_MAX_BYTES = 50_000_000
_DATA = re.compile(rf'<script type="application/json" id="{INPUTS_ID}">([^<]*)</script>')
_NUMBER = (int, float)
_Kinds = tuple[type, ...]
_ANY_PAGE: dict[str, _Kinds] = {"version": (str,), "job": (str,), "command": (str,), "python": (str,)}
_SIMULATE: dict[str, _Kinds] = _ANY_PAGE | {
    "network": (str,),
    "layer": (str,),
    "chip": (str,),
    "dataflow": (str,),
    "objective": (str,),
    "effort": (str,),
    "fidelity": (str,),
    "batch": (int,),
    "density": (*_NUMBER, dict, type(None)),
    "dram": (str, type(None)),
    "fuse": (bool,),
    "mappings": (dict,),
}
_COMPARE: dict[str, _Kinds] = _ANY_PAGE | {
    "networks": (list,),
    "chips": (list,),
    "dataflows": (list,),
    "objective": (str,),
    "effort": (str,),
    "density": (*_NUMBER, dict, type(None)),
    "equal_area": (bool, str, dict),
}
_JOBS = {"simulate": _SIMULATE, "compare": _COMPARE}
_OPTIONAL = {"version", "command", "python", "layer", "batch"}


def rerun(
    path: str | os.PathLike[str], *, threads: int | None = None, progress: Progress | None = None
) -> Report | Comparison:
    """Do again what the page at `path` was made of: a report or a comparison, equal to the one it shows.

    The page's embedded inputs alone are read, as data: nothing in the page is run, and no other file is
    opened. `threads` and `progress` are those of `simulate` and `compare`.

    Raises `DnnAccelError` for a file that is no page of these, or holds inputs that are not sound.
    """
    name = os.fspath(path)
    inputs = read_inputs(path)
    _check(inputs, name)
    job = _simulate if inputs["job"] == "simulate" else _compare
    try:
        return job(inputs, threads, progress)
    except DnnAccelError as error:
        raise type(error)(f"{name}: {error}") from None


def _simulate(inputs: Mapping[str, Any], threads: int | None, progress: Progress | None) -> Report:
    from dnnaccel.mapping import Mapping as LoopNest
    from dnnaccel.simulate import simulate

    return simulate(
        _network(inputs),
        _chip(inputs["chip"]),
        dataflow=_dataflow(inputs["dataflow"]),
        objective=inputs["objective"],
        fidelity=inputs["fidelity"],
        mapping={layer: LoopNest.parse(text) for layer, text in inputs["mappings"].items()},
        density=inputs["density"],
        effort=inputs["effort"],
        dram=_dram(inputs["dram"]),
        fuse=inputs["fuse"],
        threads=threads,
        progress=progress,
    )


def _compare(inputs: Mapping[str, Any], threads: int | None, progress: Progress | None) -> Comparison:
    from dnnaccel.compare import compare

    return compare(
        [_network(one) for one in inputs["networks"]],
        [_chip(text) for text in inputs["chips"]],
        [_dataflow(text) for text in inputs["dataflows"]] or None,
        objective=inputs["objective"],
        density=inputs["density"],
        effort=inputs["effort"],
        equal_area=inputs["equal_area"],
        threads=threads,
        progress=progress,
    )


def read_inputs(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the inputs that a page holds, as plain values and not yet checked.

    Raises `DnnAccelError` for a file that cannot be read, or holds no inputs.
    """
    name = os.fspath(path)
    text = read_text(
        path, kind="page", usual_size="a few megabytes", max_bytes=_MAX_BYTES, error=DnnAccelError
    )
    found = _DATA.findall(text)
    if len(found) != 1:
        raise DnnAccelError(
            f"{name}: holds no inputs to run again; give a page that 'dnnaccel simulate' or 'compare' wrote"
        )
    try:
        inputs = json.loads(found[0], parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise DnnAccelError(f"{name}: its inputs are no sound JSON: {error}") from None
    if not isinstance(inputs, dict):
        raise DnnAccelError(f"{name}: its inputs are no JSON object")
    return inputs


def _refuse(word: str) -> float:
    raise ValueError(f"{word} is no number of JSON")


def _check(inputs: Mapping[str, Any], name: str) -> None:
    """Refuse inputs that no page of ours holds, one sentence for the first fault."""

    def fault(sentence: str) -> DnnAccelError:
        return DnnAccelError(f"{name}: inputs: {sentence}")

    if "job" not in inputs:
        why = inputs.get("density")
        raise fault(f"they are not all there to run again{f': densities {why}' * isinstance(why, str)}")
    keys = _JOBS.get(inputs["job"]) if isinstance(inputs["job"], str) else None
    if keys is None:
        raise fault(f"job is {_short(inputs['job'])}; only {' and '.join(_JOBS)} can be run again")
    for key, value in inputs.items():
        if key not in keys:
            raise fault(f"unknown key {key!r}; {did_you_mean(key, keys)}")
        # Python takes True for a whole number.
        if not isinstance(value, keys[key]) or (isinstance(value, bool) and bool not in keys[key]):
            raise fault(f"{key} is {_short(value)}, which is of the wrong kind")
    for key in keys.keys() - _OPTIONAL - inputs.keys():
        raise fault(f"{key} is missing")
    for layer, text in inputs.get("mappings", {}).items():
        if not isinstance(text, str):
            raise fault(f"mappings.{layer} is {_short(text)}; it must be the text of a mapping")
    for key in ("chips", "dataflows"):
        if not all(isinstance(text, str) for text in inputs.get(key, ())):
            raise fault(f"{key} must be the texts of files")
    for one in inputs.get("networks", ()):
        sound = isinstance(one, dict) and "network" in one and one.keys() <= {"network", "layer"}
        if not sound or not all(isinstance(text, str) for text in one.values()):
            raise fault("networks must be the texts of files, each with its layer if it is of one")
    scaled = inputs.get("equal_area")
    if isinstance(scaled, dict) and not all(isinstance(key, str) for key in scaled.values()):
        raise fault("equal_area must be the keys that are scaled, by chip")
    _check_density(inputs["density"], inputs["job"], fault)


def _check_density(density: Any, job: str, fault: Callable[[str], DnnAccelError]) -> None:
    """Refuse all but numbers: by name, a density would be a file to open."""
    if not isinstance(density, dict):
        return
    layers = density if job == "simulate" else {"all": density}
    for layer, tensors in layers.items():
        if not isinstance(tensors, dict):
            raise fault(f"density.{layer} is {_short(tensors)}; it must be numbers by tensor")
        for tensor, value in tensors.items():
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise fault(f"density.{layer}.{tensor} is {_short(value)}; it must be a number")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _network(inputs: Mapping[str, Any]) -> Network | Layer:
    from dnnaccel.network import Network

    net = Network.from_yaml(inputs["network"])
    return net[inputs["layer"]] if "layer" in inputs else net


def _chip(text: str) -> Chip:
    from dnnaccel._yaml import parse, place_faults
    from dnnaccel.arch.chip import build
    from dnnaccel.errors import ArchitectureError

    data, lines = parse(text, "chip", noun="chip", error=ArchitectureError)
    # Built as it stands: what "extends" another would open a file.
    chip, faults = build(data)
    if chip is None:
        raise ArchitectureError(place_faults(faults, "chip", lines))
    return chip


def _dataflow(text: str) -> Dataflow:
    from dnnaccel import dataflow
    from dnnaccel._yaml import parse
    from dnnaccel.errors import DataflowError

    if text in dataflow.names():
        return dataflow.get(text)
    return dataflow.Dataflow.from_dict(parse(text, "dataflow", noun="dataflow", error=DataflowError)[0])


def _dram(text: str | None) -> Dram | None:
    from dnnaccel import dram
    from dnnaccel._yaml import parse, place_faults
    from dnnaccel.dram.memory import build
    from dnnaccel.errors import DramError

    if text is None or text in dram.names():
        return None if text is None else dram.load(text)
    data, lines = parse(text, "DRAM", noun="DRAM", error=DramError)
    found, faults = build(data)
    if found is None:
        raise DramError(place_faults(faults, "DRAM", lines))
    return found
