"""The main job: what does AlexNet cost on Eyeriss, and where does its energy go?

python examples/quickstart.py
"""

from __future__ import annotations

import dnnaccel as da

net = da.zoo.load("alexnet")
chip = da.arch.load("eyeriss")
report = da.simulate(net, chip)

print(report)
print()
print("Energy by place:")
for place, energy in report.energy_by_level().items():
    print(f"  {place:12} {energy / report.energy:6.1%}")

busiest = max(report, key=lambda layer: layer.energy)
print(f"Most energy goes into {busiest.name}, which is bound by {busiest.bound_by}.")
