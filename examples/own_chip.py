"""A chip of your own from YAML, a network of your own, and what a larger buffer and array would bring.

python examples/own_chip.py
"""

from __future__ import annotations

from pathlib import Path

import dnnaccel as da

b = da.NetworkBuilder("keyword_spotting", input_shape=(1, 1, 49, 10))
b.conv2d("stem", out_channels=64, kernel=(10, 4), stride=2, padding=(5, 1))
b.relu("stem_relu")
for block in (1, 2, 3, 4):
    b.depthwise(f"depthwise{block}", kernel=3, padding=1)
    b.relu(f"depthwise{block}_relu")
    b.conv2d(f"pointwise{block}", out_channels=64, kernel=1)
    b.relu(f"pointwise{block}_relu")
b.global_avg_pool("pool")
b.flatten("flatten")
b.linear("classifier", out_features=12)
net = b.build()

chip = da.arch.load(Path(__file__).parent / "own_chip.yaml")
print(chip)
print()
print(da.simulate(net, chip))
print()
for change in ({}, {"buffer.size_bytes": 4096}, {"grid.columns": 16}):
    report = da.simulate(net, chip.override(change))
    what = ", ".join(f"{key} = {value}" for key, value in change.items()) or "as it is"
    cost = f"{report.seconds * 1e6:7.1f} us  {report.energy_pj / 1e6:6.2f} uJ"
    print(f"{what:28} {cost}  {report.utilization:5.1%} busy")
