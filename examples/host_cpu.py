# %% [markdown]
"""How near does the cost model come to a processor? Predicted and measured times of layers, on this machine.

`host_cpu` is this machine as a chip: its caches as the system describes them, its speeds measured. The cost
model says what the loop nests of the native kernels take on it, and the kernels are timed. Times differ from
run to run and from machine to machine; on one that is busy with other work they say little.

    python examples/host_cpu.py
"""

# %%
from __future__ import annotations

import math

import dnnaccel as da

print(da.arch.load("host_cpu"))

# %% [markdown]
# Each distinct convolution and matrix product, with one thread, the best of five turns. Predictions know
# which loops the kernels run; nothing in them is fitted to the times.

# %%
found = da.benchmark.run(["squeezenet_v1_1"], threads=[1], rounds=5, peers=())

print("layer                                   M MACs  predicted   measured  ratio  bound by")
ratios = []
for timing in found.timings:
    if timing.predicted_seconds is None:
        continue  # a plan that does not say how it is tiled
    ratios.append(timing.predicted_seconds / timing.best_seconds)
    print(
        f"{timing.layer:38} {timing.macs * 1e-6:7.1f} {timing.predicted_seconds * 1e6:7.1f} us "
        f"{timing.best_seconds * 1e6:7.1f} us {ratios[-1]:5.2f}x  {timing.bound_by}"
    )

mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
off = math.exp(sum(abs(math.log(ratio)) for ratio in ratios) / len(ratios))
print(f"{len(ratios)} layers: predicted / measured {mean:.2f}x on average, typically {off:.2f}x off")
