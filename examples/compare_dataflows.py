"""Which dataflow suits which layer? Convolutions and fully connected layers of AlexNet under six dataflows.

The machine is that of the ISCA 2016 comparison: 256 processing elements, energies in units of one MAC. Under
"free" the search may choose anything; what it finds there is good, and not proved to be the best.

    python examples/compare_dataflows.py
"""

from __future__ import annotations

import dnnaccel as da

FLOWS = ["ws", "os", "is", "rs", "nlr", "free"]

net = da.zoo.load("alexnet", batch=16)
chip = da.arch.load("eyeriss_isca16_rs")

comparison = da.compare([net], [chip], FLOWS)
print(comparison)
print()

reports = {row.dataflow: row.report for row in comparison.rows if row.report is not None}
print(f"energy per MAC, in {chip.energy_unit} energies")
print("layer   " + "".join(f"{flow:>8}" for flow in reports) + "  best")
for layer in net:
    if layer.macs == 0:
        continue
    spent = {flow: report[layer.name].energy / layer.macs for flow, report in reports.items()}
    named = {flow: energy for flow, energy in spent.items() if flow != "free"}
    cells = "".join(f"{energy:8.2f}" for energy in spent.values())
    print(f"{layer.name:8}{cells}  {min(named, key=lambda flow: named[flow])}")
