"""Which presets a test that loops over them takes: a few by default, each other one marked slow.

The few have between them every dataflow but `osb`, one to two arrays, registers that hand on to neighbours,
memories side by side, bypass, and two energy units; `pytest -m slow` covers all the others.
"""

from __future__ import annotations

import pytest

from dnnaccel import arch

ALL = tuple(name for name in arch.names() if name != arch.HOST)
"""Every preset that is a file: this machine is no chip of which a test knows what to expect."""

QUICK = ("example", "eyeriss", "eyeriss_isca16_ws", "shidiannao", "simba", "tpu_v1")


def marks(chip: str) -> tuple[pytest.MarkDecorator, ...]:
    """The marks of a test of this chip: slow, unless it is one of the quick ones."""
    return () if chip in QUICK else (pytest.mark.slow,)


every_chip = pytest.mark.parametrize("chip", [pytest.param(name, marks=marks(name)) for name in ALL])
"""Parametrizes a test by `chip`, the name of a preset."""
