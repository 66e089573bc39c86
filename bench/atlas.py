"""What the atlas costs: every network of the zoo on every preset, from nothing and from its store.

python bench/atlas.py [--networks 'resnet*,lenet5'] [--arch eyeriss,tpu_v1] [--page atlas.html]
python bench/atlas.py --efforts        # how far quick searches are from full ones
"""

from __future__ import annotations

import argparse
import math
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

# Before the package looks: nothing is read from a cache, nothing is left in one.
os.environ["DNNACCEL_CACHE"] = "0"

import dnnaccel as da

NETWORKS = ("lenet5", "alexnet", "mobilenet_v1", "resnet50", "bert_base")
CHIPS = ("eyeriss", "tpu_v1", "nvdla_large", "eyeriss_v2", "scnn", "eie", "shidiannao", "simba")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--networks", help="names of the zoo, with commas between")
    parser.add_argument("--arch", help="chips, with commas between")
    parser.add_argument("--objective", default="edp", help="energy, latency or edp")
    parser.add_argument("--page", help="write the page here")
    parser.add_argument(
        "--efforts", action="store_true", help="compare quick searches with full ones instead"
    )
    asked = parser.parse_args()
    networks = None if asked.networks is None else asked.networks.split(",")
    chips = None if asked.arch is None else asked.arch.split(",")
    if asked.efforts:
        compare_efforts(networks or NETWORKS, chips or CHIPS, asked.objective)
        return
    with tempfile.TemporaryDirectory() as place:
        store = Path(place) / "atlas.sqlite"
        print(f"{len(os.sched_getaffinity(0))} cores; wall and processor seconds, of this process")
        for state in ("from nothing", "from its store"):
            wall, busy = time.perf_counter(), time.process_time()
            found = da.atlas(networks, chips, objective=asked.objective, store=store)
            wall, busy = time.perf_counter() - wall, time.process_time() - busy
            print(f"{state:16} {wall:8.1f} s {busy:8.1f} s   {found!r}", flush=True)
        print(f"store  {store.stat().st_size / 1e6:.1f} MB")
        wall = time.perf_counter()
        text = found.to_html()
        print(f"page   {len(text.encode()) / 1e6:.1f} MB, {time.perf_counter() - wall:.1f} s")
        layers = [group for row in found for group in row.layers if group.optimal is not None]
        proved = sum(group.layers for group in layers if group.optimal) / sum(
            group.layers for group in layers
        )
        print(f"proved {100 * proved:.1f} % of the mappings\n")
        print(found)
        if asked.page:
            found.save(asked.page)


FIGURES: dict[str, Callable[[da.Report | da.LayerReport], float]] = {
    "energy": lambda report: report.energy,
    "latency": lambda report: report.cycles,
    "edp": lambda report: report.energy * report.cycles,
}


def compare_efforts(networks: Sequence[str], chips: Sequence[str], objective: str) -> None:
    """Print how much more of the objective quick searches find than full ones, and how much sooner."""
    of = FIGURES[objective]
    heads = ("quick", "full", objective, "at most", "of a layer", "at most", "proved", "in full")
    print(f"{'chip':12}" + "".join(f"{head:>11}" for head in heads))
    every: list[float] = []
    for chip in chips:
        wholes: list[float] = []
        parts: list[float] = []
        spent = {"quick": 0.0, "full": 0.0}
        proved = {"quick": 0, "full": 0}
        mapped = 0
        for network in networks:
            reports = {}
            for effort in spent:
                began = time.process_time()
                reports[effort] = da.simulate(network, chip, objective=objective, effort=effort, threads=1)
                spent[effort] += time.process_time() - began
                proved[effort] += sum(bool(layer.optimal) for layer in reports[effort])
            mapped += sum(layer.optimal is not None for layer in reports["full"])
            wholes.append(of(reports["quick"]) / of(reports["full"]))
            parts += [
                of(quick) / of(full)
                for quick, full in zip(reports["quick"], reports["full"], strict=True)
                if full.macs
            ]
        every += wholes
        seconds = [f"{spent[effort]:.1f} s" for effort in spent]
        energies = [over(far(ratios)) for ratios in (wholes, parts) for far in (mean, max)]
        proofs = [f"{100 * proved[effort] / mapped:.0f} %" for effort in spent]
        print(f"{chip:12}" + "".join(f"{cell:>11}" for cell in (*seconds, *energies, *proofs)), flush=True)
    print(f"all networks on all chips: {over(mean(every))} more {objective}, at most {over(max(every))}")


def mean(ratios: list[float]) -> float:
    """Return the geometric mean."""
    return math.exp(sum(map(math.log, ratios)) / len(ratios))


def over(ratio: float) -> str:
    """Return by how much a ratio is over 1."""
    return f"{100 * (ratio - 1):.2f} %"


if __name__ == "__main__":
    main()
