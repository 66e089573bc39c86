"""DRAM timing, command by command: presets and YAML files, request patterns, bandwidth and energy.

``dram.simulate(dram.load("ddr4_2400"), dram.patterns.random())`` says what bandwidth random reads achieve.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path

from dnnaccel._yaml import is_path, place_faults, read
from dnnaccel.dram import limits, patterns
from dnnaccel.dram.limits import Limit
from dnnaccel.dram.memory import Dram, Energy, Organization, Rail, Timing, build
from dnnaccel.dram.patterns import Pattern
from dnnaccel.dram.report import Command, DramReport, DramTable
from dnnaccel.dram.runs import simulate, survey, usual_patterns
from dnnaccel.errors import DramError, UnknownNameError, did_you_mean

__all__ = [
    "Command",
    "Dram",
    "DramReport",
    "DramTable",
    "Energy",
    "Limit",
    "Organization",
    "Pattern",
    "Rail",
    "Timing",
    "limits",
    "load",
    "names",
    "patterns",
    "simulate",
    "survey",
    "usual_patterns",
]

_PRESETS = Path(__file__).parent / "presets"


def names() -> list[str]:
    """Return the names of the presets, sorted."""
    return sorted(path.stem for path in _PRESETS.glob("*.yaml"))


def load(name_or_path: str | os.PathLike[str]) -> Dram:
    """Return a preset by its name, or the DRAM of a YAML file by its path.

    Text that holds a path separator or ends in .yaml or .yml is a path. Raises `UnknownNameError` for a
    preset that does not exist and `DramError` for a file that cannot be read or is malformed.
    """
    text = os.fspath(name_or_path)
    if is_path(name_or_path):
        return _read(text)
    if text not in names():
        raise UnknownNameError(
            f"unknown DRAM {text!r}; {did_you_mean(text, names())} (or a file's path, ending in .yaml)"
        )
    return _load_preset(text)


@functools.cache
def _load_preset(name: str) -> Dram:
    return _read(str(_PRESETS / f"{name}.yaml"))


def _read(path: str) -> Dram:
    data, lines = read(path, noun="DRAM", error=DramError)
    try:
        dram, faults = build(data)
    except DramError as error:
        raise DramError(f"{path}: {error}") from None
    if dram is None:
        raise DramError(place_faults(faults, path, lines))
    return dram
