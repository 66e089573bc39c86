"""The simulators: the same layer, chip and mapping as the cost model, tile by tile or cycle by cycle."""

from dnnaccel.sim.row_stationary import simulate_row_stationary
from dnnaccel.sim.tile import simulate_tiles

__all__ = ["simulate_row_stationary", "simulate_tiles"]
