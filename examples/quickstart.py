# %% [markdown]
"""What does AlexNet cost on Eyeriss, and where does its energy go?

The main job of the package: a network of the zoo meets a preset chip, and the report says cycles, words over
every memory and picojoules, layer by layer.

    python examples/quickstart.py
"""

# %%
from __future__ import annotations

import dnnaccel as da

net = da.zoo.load("alexnet")
chip = da.arch.load("eyeriss")
report = da.simulate(net, chip)
print(report)

# %% [markdown]
# The report holds the numbers behind its tables: totals, sums by level or tensor, and every layer.

# %%
print("Energy by place:")
for place, energy in report.energy_by_level().items():
    print(f"  {place:13} {energy / report.energy:6.1%}")

busiest = max(report, key=lambda layer: layer.energy)
share = busiest.energy / report.energy
print(f"Most energy goes into {busiest.name}, {share:.1%} of all; its time is bound by {busiest.bound_by}.")
