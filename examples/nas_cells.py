# %% [markdown]
"""Does the cell with the fewest MACs cost least? Eight random cells, ranked by MACs and by two chips.

Draws cells as neural architecture search does, builds a network of each, and ranks them by MACs, by energy
and by time, on a chip for convolutions (Eyeriss) and on a large systolic array (TPU v1). Accuracy is not
looked at: take the cells to be those that a search found equally good.

    python examples/nas_cells.py
"""

# %%
from __future__ import annotations

import itertools
import random

import dnnaccel as da
from dnnaccel.zoo import nas

CHIPS = ("eyeriss", "tpu_v1")
CELLS, COMBINATIONS = 8, 3
OPERATIONS = ("identity", "1x1", "3x3", "1x3 then 3x1", "separable 3x3", "separable 5x5", "max 3x3")

# %% [markdown]
# A cell: each combination adds two operations on states that are there by then.


# %%
def draw(rng: random.Random) -> nas.Cell:
    """Return a random cell; all its combinations are concatenated."""
    states, made = ["h", "h_prev"], []
    for number in range(COMBINATIONS):
        (left, left_op), (right, right_op) = [(rng.choice(states), rng.choice(OPERATIONS)) for _ in range(2)]
        made.append(nas.Combination(left=left, left_op=left_op, right=right, right_op=right_op))
        states.append(str(number))
    return nas.Cell(combinations=tuple(made), concatenates=tuple(states[2:]))


def network(name: str, cell: nas.Cell) -> da.Network:
    """Return a network for images of 32x32: a stem, the cell three times, the second halving the image."""
    b = da.NetworkBuilder(name, input_shape=(1, 3, 32, 32))
    b.conv2d("stem_conv", out_channels=32, kernel=3, padding=1, bias=False)
    stem = b.batch_norm("stem_norm")
    add = nas.CellBuilder(b).cell
    first = add("first", cell, h=stem, h_prev=stem, channels=32)
    second = add("second", cell, h=first, h_prev=stem, channels=64, stride=2)
    add("third", cell, h=second, h_prev=first, channels=64)
    b.global_avg_pool("pool")
    b.flatten("flatten")
    b.linear("classifier", out_features=10)
    return b.build()


rng = random.Random(0)
nets = [network(f"cell{number}", draw(rng)) for number in range(1, CELLS + 1)]
comparison = da.compare(nets, CHIPS)

# %% [markdown]
# Every figure with its rank; 1 is the least.

# %%
figures = {"MACs": {net.name: net.total_macs * 1e-6 for net in nets}}
for chip in CHIPS:
    reports = {row.network: row.report for row in comparison.rows if row.chip == chip and row.report}
    figures[f"{chip} energy"] = {name: report.energy_pj * 1e-6 for name, report in reports.items()}
    figures[f"{chip} time"] = {name: report.seconds * 1e3 for name, report in reports.items()}
orders = {name: sorted(values, key=values.__getitem__) for name, values in figures.items()}
units = ("M", *("uJ", "ms") * len(CHIPS))

print("network" + "".join(f"{name:>18}" for name in figures))
for net in nets:
    cells = (
        f"{values[net.name]:9.2f} {unit:2} ({orders[name].index(net.name) + 1})"
        for (name, values), unit in zip(figures.items(), units, strict=True)
    )
    print(f"{net.name:7}" + "".join(f"{cell:>18}" for cell in cells))
print()
pairs = list(itertools.combinations(orders["MACs"], 2))
for name, order in orders.items():
    turned = sum(order.index(fewer) > order.index(more) for fewer, more in pairs)
    print(
        f"by {name:16} {order[0]} is best; {turned:2} of {len(pairs)} pairs the other way round than by MACs"
    )
