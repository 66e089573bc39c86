"""The parts of `dnnaccel.sweep`: points, their constraints, the store, the workers and the result."""
