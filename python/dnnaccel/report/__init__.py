"""Results: what a simulation found, as a table, a page, a plot, a file or plain numbers."""

from __future__ import annotations

from dnnaccel.report.result import Report, ReportJob

__all__ = ["Report", "ReportJob"]
