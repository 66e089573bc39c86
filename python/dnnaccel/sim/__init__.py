"""The simulators: the same layer, chip and mapping as the cost model, tile by tile or cycle by cycle."""

from dnnaccel.sim.cycle import cycle_array, simulate_cycles
from dnnaccel.sim.row_stationary import simulate_row_stationary
from dnnaccel.sim.tile import simulate_tiles
from dnnaccel.sim.values import ValuesRun, random_tensors, run_values, tensor_shapes

__all__ = [
    "ValuesRun",
    "cycle_array",
    "random_tensors",
    "run_values",
    "simulate_cycles",
    "simulate_row_stationary",
    "simulate_tiles",
    "tensor_shapes",
]
