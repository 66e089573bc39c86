"""Run again what a page was made of: the inputs that it holds as JSON."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
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
_KEYS: dict[str, type | tuple[type, ...]] = {
    "version": str,
    "job": str,
    "command": str,
    "python": str,
    "network": str,
    "layer": str,
    "chip": str,
    "dataflow": str,
    "objective": str,
    "effort": str,
    "fidelity": str,
    "batch": int,
    "density": (int, float, dict, type(None)),
    "dram": (str, type(None)),
    "fuse": bool,
    "mappings": dict,
}
_NEEDED = ("job", "network", "chip", "dataflow", "objective", "fidelity")
_KEYS_OF_A_COMPARISON: dict[str, type | tuple[type, ...]] = {
    "version": str,
    "job": str,
    "command": str,
    "networks": list,
    "chips": list,
    "dataflows": (list, type(None)),
    "objective": str,
    "effort": str,
    "density": (int, float, type(None)),
    "equal_area": (bool, str, dict),
}
_NEEDED_OF_A_COMPARISON = ("job", "networks", "chips", "dataflows", "objective")


def rerun(
    path: str | os.PathLike[str], *, threads: int | None = None, progress: Progress | None = None
) -> Report | Comparison:
    """Simulate again what the page at `path` was made of, and return a result equal to the page's own.

    That is a report, or a comparison. The page's embedded inputs alone are read, as data: nothing in the page
    is run, and no other file is opened. `threads` and `progress` are those of `simulate`.

    Raises `DnnAccelError` for a file that is no such page, or holds inputs that are not sound.
    """
    name = os.fspath(path)
    inputs = read_inputs(path)
    compared = inputs.get("job") == "compare"
    (_check_comparison if compared else _check)(inputs, name)
    try:
        return (_compare if compared else _simulate)(inputs, threads, progress)
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
        mapping={layer: LoopNest.parse(text) for layer, text in inputs.get("mappings", {}).items()},
        density=inputs.get("density"),
        effort=inputs.get("effort", "full"),
        dram=_dram(inputs.get("dram")),
        fuse=inputs.get("fuse", True),
        threads=threads,
        progress=progress,
    )


def _compare(inputs: Mapping[str, Any], threads: int | None, progress: Progress | None) -> Comparison:
    from dnnaccel.compare import compare

    flows = inputs["dataflows"]
    return compare(
        [_network(net) for net in inputs["networks"]],
        [_chip(text) for text in inputs["chips"]],
        None if flows is None else [_dataflow(text) for text in flows],
        objective=inputs["objective"],
        density=inputs.get("density"),
        effort=inputs.get("effort", "full"),
        equal_area=inputs.get("equal_area", False),
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
            f"{name}: holds no inputs to run again; give a page that 'dnnaccel simulate --html' or "
            "'dnnaccel compare --html' wrote"
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
    """Refuse inputs that are not of a simulation, one sentence for the first fault."""
    fault = _faults(name)
    if "job" not in inputs:
        why = inputs.get("density")
        raise fault(f"they are not all there to run again{f': densities {why}' * isinstance(why, str)}")
    if inputs["job"] != "simulate":
        raise fault(f"job is {_short(inputs['job'])}; pages of 'simulate' and 'compare' can be run again")
    _check_keys(inputs, _KEYS, _NEEDED, fault)
    for layer, text in inputs.get("mappings", {}).items():
        if not isinstance(text, str):
            raise fault(f"mappings.{layer} is {_short(text)}; it must be the text of a mapping")
    _check_density(inputs.get("density"), fault)


def _check_comparison(inputs: Mapping[str, Any], name: str) -> None:
    """Refuse inputs that are not of a comparison, one sentence for the first fault."""
    fault = _faults(name)
    if isinstance(why := inputs.get("density"), str):
        raise fault(f"they are not all there to run again: {why}")
    _check_keys(inputs, _KEYS_OF_A_COMPARISON, _NEEDED_OF_A_COMPARISON, fault)
    for index, net in enumerate(inputs["networks"]):
        if not isinstance(net, dict) or not {"network"} <= net.keys() <= {"network", "layer"}:
            raise fault(f"networks.{index} is {_short(net)}; it must have a network, and may have a layer")
    texts = [text for net in inputs["networks"] for text in net.values()]
    texts += [*inputs["chips"], *(inputs["dataflows"] or ())]
    keys = inputs.get("equal_area")
    texts += keys.values() if isinstance(keys, dict) else ()
    for text in texts:
        if not isinstance(text, str):
            raise fault(f"{_short(text)} is no description; it must be text")


def _faults(name: str) -> Callable[[str], DnnAccelError]:
    return lambda sentence: DnnAccelError(f"{name}: inputs: {sentence}")


def _check_keys(
    inputs: Mapping[str, Any],
    keys: Mapping[str, type | tuple[type, ...]],
    needed: Sequence[str],
    fault: Callable[[str], DnnAccelError],
) -> None:
    """Refuse keys that are not known, of the wrong kind, or missing."""
    for key, value in inputs.items():
        if key not in keys:
            raise fault(f"unknown key {key!r}; {did_you_mean(key, keys)}")
        listed = keys[key]
        kinds = listed if isinstance(listed, tuple) else (listed,)
        # A bool is an int for Python, and no number for us; NaN and infinities did not pass the reader.
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise fault(f"{key} is {_short(value)}, which is of the wrong kind")
    for key in needed:
        if key not in inputs:
            raise fault(f"{key} is missing")


def _check_density(density: Any, fault: Callable[[str], DnnAccelError]) -> None:
    """Refuse all but numbers: by name, a density would be a file to open."""
    layers = density.items() if isinstance(density, dict) else ()
    for layer, tensors in layers:
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
