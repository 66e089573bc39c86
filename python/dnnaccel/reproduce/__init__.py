"""Published results, reproduced: each paper is one function that gives ours beside the published figures."""

from __future__ import annotations

from dnnaccel.reproduce.isca16_job import isca16
from dnnaccel.reproduce.isca16_report import Isca16Comparison
from dnnaccel.reproduce.jssc17_job import Jssc17Comparison, jssc17

__all__ = ["Isca16Comparison", "Jssc17Comparison", "isca16", "jssc17"]
