# %% [markdown]
"""How should 200 kB of memory be shared out between a chip's buffer and its processing elements?

Sweeps the global buffer of an Eyeriss and the filter scratchpads of its 168 processing elements over log
ranges, keeps what is within 200 kB in all, and draws the points that no other beats (the Pareto front). The
picture needs `pip install 'dnnaccel[plot]'`.

    python examples/buffer_sweep.py
    python examples/buffer_sweep.py --out DIR    # keeps DIR/buffer_sweep.png; else it is not kept
"""

# %%
from __future__ import annotations

import tempfile
from pathlib import Path

import dnnaccel as da

scratch = tempfile.TemporaryDirectory()
folder = Path(scratch.name)

# %% tags=["active-py"]
import argparse

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
parser.add_argument("--out", type=Path, default=folder, help="where buffer_sweep.png is written")
folder = parser.parse_args().out
folder.mkdir(parents=True, exist_ok=True)

# %% [markdown]
# The preset states its energies as numbers, which do not change with a memory's size. With components in
# their place, what the two memories are made of, each size has a price of its own.

# %%
chip = da.arch.load("eyeriss").override(
    {
        "glb.component": {"kind": "sram", "width_bits": 64},
        "filter_spad.component": {"kind": "regfile"},
    }
)
found = da.sweep(
    "alexnet",
    chip,
    {"glb.size_bytes": "16384..262144*2", "filter_spad.size_bytes": "56..448*2"},
    on_chip_bytes=200_000,
)
print(found)

# %% [markdown]
# The front of energy and memory: each step takes more memory and spends less energy.

# %%
front = found.pareto("on_chip_bytes", "energy")
print("on chip         buffer      scratchpads   energy per inference")
for point in sorted(front, key=lambda point: point["on_chip_bytes"]):
    sizes = f"{point['glb.size_bytes']:8,} B    168 x {point['filter_spad.size_bytes']:3} B"
    print(f"{point['on_chip_bytes']:7,} B  {sizes}   {point['energy'] * 1e-9:.3f} mJ")
best = found.best("energy")
spare = 200_000 - best["on_chip_bytes"]
print(f"least energy: {best['energy'] * 1e-9:.3f} mJ, with {spare:,} of the 200,000 B to spare")

picture = folder / "buffer_sweep.png"
found.plot("on_chip_bytes", "energy", picture)

# %% tags=["active-ipynb"]
# from IPython.display import Image
# Image(data=picture.read_bytes())

# %%
scratch.cleanup()
