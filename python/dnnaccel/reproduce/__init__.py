"""Published results, reproduced: each paper is one function that prints ours beside the published figures."""

from __future__ import annotations

from dnnaccel.reproduce.isca16_job import isca16
from dnnaccel.reproduce.isca16_report import Isca16Comparison

__all__ = ["Isca16Comparison", "isca16"]
