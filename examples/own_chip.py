# %% [markdown]
"""A chip of your own in 30 lines of YAML: how fast is it, and what would make it better?

The chip is own_chip.yaml, an 8x8 array for small devices; the network, of your own too, spots keywords in a
second of speech, a spectrogram of 49 steps by 10 bands.

    python examples/own_chip.py
    dnnaccel simulate mobilenet_v1 --arch examples/own_chip.yaml
"""

# %%
from __future__ import annotations

from pathlib import Path

import dnnaccel as da

# A notebook has no file of its own: it is started in its folder, one below the examples.
folder = Path(__file__).parent if "__file__" in globals() else Path("..")
file = folder / "own_chip.yaml"
print(file.read_text(encoding="utf-8"))

# %% [markdown]
# Loading checks the file, and fills in what it leaves out. What is wrong is said with its line.

# %%
chip = da.arch.load(file)
print(chip)

# %% [markdown]
# The network: layers one after another, each known by its name.

# %%
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

report = da.simulate(net, chip)
print(report)

# %% [markdown]
# What would a change of the chip bring? `override` changes any key of the file. Estimates are made anew, so a
# smaller buffer costs less for each word.

# %%
CHANGES = (
    {},
    {"buffer.size_bytes": 8192},
    {"dram.bytes_per_cycle": 8},
    {"grid.columns": 16},
    {"grid.columns": 16, "dram.bytes_per_cycle": 8},
)
print(f"{'change':46} {'time':>10} {'energy':>11} {'busy':>6}")
for change in CHANGES:
    report = da.simulate(net, chip.override(change))
    what = ", ".join(f"{key} = {value}" for key, value in change.items()) or "as it is"
    spent = f"{report.seconds * 1e6:7.1f} us {report.energy_pj * 1e-6:8.2f} uJ"
    print(f"{what:46} {spent} {report.utilization:6.1%}")
