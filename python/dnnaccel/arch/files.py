"""Chip files: YAML in and out, each fault with its file and line, and the presets by name."""

from __future__ import annotations

import os
from typing import Any

from dnnaccel._yaml import dump, parse, place_merged_faults
from dnnaccel.arch.chip import Chip, build
from dnnaccel.arch.inherit import level_places, read_merged
from dnnaccel.errors import ArchitectureError

__all__ = ["dump", "parse_value", "read_chip"]


def read_chip(path: str | os.PathLike[str]) -> Chip:
    """Return the chip that the YAML file at `path` describes, together with the files that it extends.

    Raises `ArchitectureError`: one sentence if a file cannot be read, otherwise one line for each fault,
    ``file:line: path: what is wrong and what would be right``.
    """
    name = os.fspath(path)
    data, origins = read_merged(name)
    chip, faults = build(data)
    if chip is None:
        merged = any(file != name for file, _ in origins.values())
        raise ArchitectureError(place_merged_faults(faults, origins, level_places(data) if merged else None))
    return chip


def parse_value(text: str) -> Any:
    """Return the value that `text` means in a chip file: a number, a word, ``[C, R]`` or ``{inputs: hop}``.

    For keys set from a command line. Raises `ArchitectureError` if it is no YAML.
    """
    return parse(text, "value", noun="chip", error=ArchitectureError)[0]
