"""The published figures that are reproduced: JSON files beside this module, each with its source."""

from __future__ import annotations

import functools
import json
from importlib import resources
from typing import Any

__all__ = ["figures"]


@functools.cache
def figures(paper: str) -> dict[str, Any]:
    """Return the figures of a paper, "isca16" or "jssc17", as its file has them; not to be changed."""
    text = (resources.files("dnnaccel.reproduce") / f"{paper}.json").read_text(encoding="utf-8")
    data: dict[str, Any] = json.loads(text)
    return data
