# %% [markdown]
"""Which dataflow spends least? The comparison of Eyeriss (ISCA 2016), as published and as we count.

AlexNet at batch 16 on six machines of equal area, each with the memories that suit its dataflow; energies are
in units of one MAC. `dnnaccel reproduce isca16` prints all of it; docs/reproduce.md explains the differences.

    python examples/compare_dataflows.py
"""

# %%
from __future__ import annotations

import dnnaccel as da

BATCH = 16

study = da.reproduce.isca16(batches=(BATCH,))
honest = {bar.dataflow: bar for bar in study.honest}
print("energy per MAC of the convolutions, in energies of one MAC")
print("dataflow  published  counted so  difference  our count")
for bar in study.bars:
    published = sum(bar.published.values())
    ours = honest[bar.dataflow].energy
    print(f"{bar.dataflow:8} {published:10.3f} {bar.energy:11.3f} {bar.difference:+11.2%} {ours:10.3f}")
for whose, ranking in (
    ("the paper", study.published_ranking(BATCH)),
    ("its count", study.ranking(BATCH)),
    ("our count", study.honest_ranking(BATCH)),
):
    print(f"{whose}: {' < '.join(ranking)}")

# %% [markdown]
# The same machines are presets, so that any network can be compared; here layer by layer, fully connected
# ones included, by our count.

# %%
net = da.zoo.load("alexnet", batch=BATCH)
chips = [f"eyeriss_isca16_{bar.dataflow}" for bar in study.bars]
comparison = da.compare(net, chips)
print(comparison)
print()

reports = {row.chip.rpartition("_")[2]: row.report for row in comparison.rows if row.report is not None}
print("energy per MAC, in energies of one MAC")
print("layer   " + "".join(f"{flow:>8}" for flow in reports) + "  best")
for layer in net:
    if layer.macs == 0:
        continue
    spent = {flow: report[layer.name].energy / layer.macs for flow, report in reports.items()}
    cells = "".join(f"{energy:8.2f}" for energy in spent.values())
    print(f"{layer.name:8}{cells}  {min(spent, key=spent.__getitem__)}")
