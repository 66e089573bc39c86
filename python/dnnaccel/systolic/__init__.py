"""Layers on a systolic array, cycle by cycle: any grid, three dataflows, with or without numbers."""

from dnnaccel.systolic.job import DATAFLOWS, simulate
from dnnaccel.systolic.report import Fold, SystolicLayer, SystolicReport

__all__ = ["DATAFLOWS", "Fold", "SystolicLayer", "SystolicReport", "simulate"]
