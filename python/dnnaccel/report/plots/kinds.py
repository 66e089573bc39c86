"""The kinds of pictures, one entry each: a new kind is a file of its own and a line here."""

from __future__ import annotations

from dnnaccel.report.plots import comparison, front
from dnnaccel.report.plots.kind import Kind
from dnnaccel.report.plots.latency import draw_latency
from dnnaccel.report.plots.nest import draw_cost, draw_mapping
from dnnaccel.report.plots.roofline import draw_roofline
from dnnaccel.report.plots.stacks import draw_cycles, draw_energy, draw_words
from dnnaccel.report.plots.utilization import draw_utilization

__all__ = ["COMPARISON_KINDS", "COST_KINDS", "MAPPING_KINDS", "REPORT_KINDS", "SEARCH_KINDS"]

REPORT_KINDS: dict[str, Kind] = {
    "energy": Kind(draw=draw_energy, by=("level", "tensor")),
    "words": Kind(draw=draw_words, by=("level", "tensor")),
    "cycles": Kind(draw=draw_cycles),
    "latency": Kind(draw=draw_latency),
    "roofline": Kind(draw=draw_roofline, at_level=True, width="column"),
    "utilization": Kind(draw=draw_utilization, by=("reason", "pe"), at_level=True),
}
"""What `Report.plot` draws."""

COST_KINDS: dict[str, Kind] = {"nest": Kind(draw=draw_cost, width="column")}
"""What `LayerReport.plot` draws."""

MAPPING_KINDS: dict[str, Kind] = {"nest": Kind(draw=draw_mapping, width="column")}
"""What `Mapping.plot` draws."""

SEARCH_KINDS: dict[str, Kind] = {
    "nest": Kind(draw=lambda found, options: draw_cost(found.cost, options), width="column"),
    "pareto": Kind(draw=front.draw_search, width="column"),
}
"""What `SearchResult.plot` draws."""

COMPARISON_KINDS: dict[str, Kind] = {
    "energy": Kind(draw=comparison.draw_energy, by=("level", "tensor", "place"), width="column"),
    "words": Kind(draw=comparison.draw_words, by=("level", "tensor"), width="column"),
    "cycles": Kind(draw=comparison.draw_cycles, width="column"),
    "dram": Kind(draw=comparison.draw_dram, width="column"),
    "edp": Kind(draw=comparison.draw_edp, width="column"),
    "utilization": Kind(draw=comparison.draw_utilization, width="column"),
}
"""What `Comparison.plot` draws."""
