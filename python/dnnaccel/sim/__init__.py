"""The simulators: the same layer, chip and mapping as the cost model, tile by tile or cycle by cycle."""

from dnnaccel.sim.tile import simulate_tiles

__all__ = ["simulate_tiles"]
