# %% [markdown]
"""What are zeros worth? A small network, dense and with its zeros, on chips that use them in different ways.

Eyeriss gates its multipliers where an input is zero, which saves energy; Eyeriss v2 and SCNN skip zeros of
inputs and weights, which saves time too; all three compress what they move. Densities (the share of words
that are not zero) are guessed, and measured in the network as it runs, with pruned weights.

    python examples/sparsity.py
"""

# %%
from __future__ import annotations

import numpy as np

import dnnaccel as da

b = da.NetworkBuilder("small", input_shape=(1, 3, 16, 16))
b.conv2d("conv1", out_channels=16, kernel=3, padding=1)
b.relu("relu1")
b.conv2d("conv2", out_channels=32, kernel=3, stride=2, padding=1)
b.relu("relu2")
b.flatten("flatten")
b.linear("fc", out_features=10)
net = b.build()

# %% [markdown]
# Three quarters of each layer's weights are pruned, those nearest to zero. Activations are zero where a ReLU
# cut them: the network runs on the native kernels, and the zeros are counted.

# %%
weights = dict(da.runtime.random_weights(net, seed=0))
for name, array in weights.items():
    if name.endswith(".weight"):
        weights[name] = np.where(np.abs(array) < np.quantile(np.abs(array), 0.75), 0, array)
image = np.random.default_rng(0).standard_normal((1, 3, 16, 16), dtype=np.float32)
measured = da.runtime.compile(net, weights).zeros(image)

print("share of words that are not zero, measured")
print("layer    inputs  weights  outputs")
for layer, density in measured.items():
    print(f"{layer:7} {density.inputs:7.1%}  {density.weights:7.1%}  {density.outputs:7.1%}")

# %% [markdown]
# Each chip keeps the mappings that are best for the dense network, so that all differences come from zeros.

# %%
DENSITIES = {"guessed": {"inputs": 0.5, "weights": 0.25}, "measured": measured}
print("chip        densities     energy  of dense       time  of dense  moved over DRAM")
for chip in ("eyeriss", "eyeriss_v2", "scnn"):
    dense = da.simulate(net, chip)
    mappings = {layer.name: layer.mapping for layer in dense if layer.mapping is not None}
    reports = {"dense": dense} | {
        name: da.simulate(net, chip, mapping=mappings, density=density) for name, density in DENSITIES.items()
    }
    for name, report in reports.items():
        print(
            f"{chip:11} {name:9} {report.energy_pj * 1e-6:7.3f} uJ  {report.energy / dense.energy:7.2f}x "
            f"{report.seconds * 1e6:7.1f} us  {report.seconds / dense.seconds:7.2f}x "
            f"{report.traffic('dram', unit='bytes') * 1e-3:13.2f} kB"
        )
