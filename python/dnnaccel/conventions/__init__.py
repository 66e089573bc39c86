"""Others' ways of counting, each exactly as its source has it, in a module of its own.

The package's own counts are the honest walk of docs/counting.md; these are here so that it can be checked
against what is published.
"""

from __future__ import annotations

from dnnaccel.conventions import isca16

__all__ = ["isca16", "scalesim"]
