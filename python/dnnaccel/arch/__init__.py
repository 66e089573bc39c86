"""Chips: presets by name, YAML files by path, and the classes they are made of.

``arch.load("eyeriss")`` loads a preset and ``arch.load("my_chip.yaml")`` a file; `arch.names()` lists the
presets. One of them, ``host_cpu``, is no file: it is this machine, measured when it is loaded.
"""

from __future__ import annotations

import functools
import os

from dnnaccel._yaml import is_path
from dnnaccel.arch.chip import Chip

# Behind what loads the module of the same name: this binds the function over it.
from dnnaccel.arch.editors import schema
from dnnaccel.arch.files import parse_value, read_chip
from dnnaccel.arch.host import HOST, HostFigures, HostMemory, host_chip, measure_host
from dnnaccel.arch.inherit import PRESETS, preset_names
from dnnaccel.arch.levels import Array, Level, Mac, Memory, Vector
from dnnaccel.errors import UnknownNameError, did_you_mean

__all__ = [
    "HOST",
    "Array",
    "Chip",
    "HostFigures",
    "HostMemory",
    "Level",
    "Mac",
    "Memory",
    "Vector",
    "load",
    "measure_host",
    "names",
    "parse_value",
    "schema",
]


def names() -> list[str]:
    """Return the names of the presets, sorted; `host_cpu`, this machine, is among them."""
    return sorted([HOST, *preset_names()])


def load(name_or_path: str | os.PathLike[str]) -> Chip:
    """Return a preset by its name, or the chip of a YAML file by its path.

    Text that holds a path separator or ends in .yaml or .yml is a path. Raises `UnknownNameError` for a
    preset that does not exist and `ArchitectureError` for a file that cannot be read or is malformed.
    """
    text = os.fspath(name_or_path)
    if is_path(name_or_path):
        return read_chip(text)
    known = names()
    if text not in known:
        raise UnknownNameError(
            f"unknown chip {text!r}; {did_you_mean(text, known)} (or a file's path, ending in .yaml)"
        )
    return _load_preset(text)


@functools.cache
def _load_preset(name: str) -> Chip:
    if name == HOST:
        return host_chip()
    return read_chip(PRESETS / f"{name}.yaml")
