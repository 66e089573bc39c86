"""SCALE-Sim's figures and ours, side by side in one run: how many are equal, and how long each takes.

    python bench/scalesim.py --scalesim-python .venv-scalesim/bin/python

bench/README.md says what is run and timed. Without SCALE-Sim, only our own times are taken.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from peers import SCALESIM, PeerProcess, cpu_model, load, running

import dnnaccel as da
from dnnaccel.conventions import scalesim

DATAFLOWS = ("os", "ws", "is")
ARRAYS = ((8, 8), (16, 16), (32, 32), (32, 64), (64, 16), (128, 128), (256, 256))
USER_ARRAYS = ((16, 16), (32, 64))  # SCALE-Sim takes several times as long in this mode
# In kB of ifmap, filter and ofmap: filled many times, by some operands alone, and never.
MEMORIES = ((1, 1, 1), (2, 16, 1), (256, 256, 128))
CONVOLUTIONS = """\
Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,
large_filter, 35, 35, 11, 11, 3, 16, 4,
seven_partial, 30, 30, 7, 7, 3, 24, 2,
three, 14, 14, 3, 3, 24, 40, 1,
three_partial, 15, 16, 3, 3, 16, 33, 2,
one, 14, 14, 1, 1, 64, 50, 1,
one_past_the_edge, 14, 14, 1, 1, 32, 48, 2,
five_uneven, 12, 17, 5, 4, 8, 20, 3,
depthwiseDP, 9, 9, 3, 3, 2, 3, 1,
"""
PRODUCTS = """\
Layer, M, N, K,
product, 37, 65, 130,
vector, 1, 100, 300,
"""
RESNET_ARRAY = (128, 128)
RESNET_MEMORY = (1024, 1024, 1024)


@dataclass
class Tally:
    """What was compared, and the CPU seconds of both."""

    runs: int = 0
    equal_runs: int = 0
    figures: int = 0
    equal_figures: int = 0
    ours: float = 0.0
    theirs: float = 0.0
    differences: list[str] = field(default_factory=list)


def config_text(
    rows: int, columns: int, dataflow: str, memory: tuple[int, int, int], mode: str = "CALC"
) -> str:
    """Return a configuration that both read."""
    ifmap, filter, ofmap = memory
    return f"""\
[general]
run_name = bench
[architecture_presets]
ArrayHeight = {rows}
ArrayWidth = {columns}
IfmapSramSzkB = {ifmap}
FilterSramSzkB = {filter}
OfmapSramSzkB = {ofmap}
IfmapOffset = 0
FilterOffset = 10000000
OfmapOffset = 20000000
Dataflow = {dataflow}
Bandwidth = 10
ReadRequestBuffer = 64
WriteRequestBuffer = 64
[layout]
IfmapCustomLayout = False
IfmapSRAMBankBandwidth = 10
IfmapSRAMBankNum = 10
IfmapSRAMBankPort = 2
FilterCustomLayout = False
FilterSRAMBankBandwidth = 10
FilterSRAMBankNum = 10
FilterSRAMBankPort = 2
[sparsity]
SparsitySupport = false
[run_presets]
InterfaceBandwidth = {mode}
UseRamulatorTrace = False
"""


def ours(config: str, topology: str, kind: str, folder: Path) -> tuple[dict[str, str], float]:
    """Read the two files, count, and write the reports; return their texts and the CPU seconds."""
    (folder / "run.cfg").write_text(config, encoding="utf-8")
    (folder / "topology.csv").write_text(topology, encoding="utf-8")
    start = time.process_time()
    report = scalesim.simulate(folder / "topology.csv", folder / "run.cfg", kind=kind)
    paths = report.write(folder)
    seconds = time.process_time() - start
    return {path.name: path.read_text(encoding="utf-8") for path in paths}, seconds


def theirs(peer: PeerProcess, config: str, topology: str, kind: str) -> tuple[dict[str, str], float]:
    """Have SCALE-Sim do the same, without traces on disk."""
    answer = peer.ask({"config": config, "topology": topology, "gemm": kind == "gemm"})
    assert answer is not None
    if "error" in answer:
        raise SystemExit(f"SCALE-Sim failed:\n{answer['error']}")
    return answer["reports"], answer["seconds"]


def compare(tally: Tally, label: str, mine: dict[str, str], other: dict[str, str]) -> None:
    """Compare every figure of every layer, as text."""
    if mine.keys() != other.keys():
        raise SystemExit(f"{label}: reports {sorted(mine)} here, {sorted(other)} in SCALE-Sim")
    if any(mine[name].splitlines()[0] != other[name].splitlines()[0] for name in mine):
        raise SystemExit(f"{label}: the headers of the reports differ")
    layers = [
        [[cell.strip() for cell in line.split(",")[1:-1]] for line in text.splitlines()[1:]]
        for texts in (mine, other)
        for text in (texts[name] for name in sorted(texts))
    ]
    half = len(layers) // 2
    for index in range(len(layers[0])):
        here = [cell for report in layers[:half] for cell in report[index]]
        there = [cell for report in layers[half:] for cell in report[index]]
        same = sum(a == b for a, b in zip(here, there, strict=True))
        tally.runs += 1
        tally.figures += len(here)
        tally.equal_figures += same
        tally.equal_runs += same == len(here)
        if same != len(here):
            tally.differences.append(f"{label}, layer {index}: {len(here) - same} figures differ")


def cases(mode: str) -> Iterator[tuple[str, str, str, str]]:
    """Give label, configuration, topology and kind of every case."""
    for rows, columns in ARRAYS if mode == "CALC" else USER_ARRAYS:
        for dataflow in DATAFLOWS:
            for memory in MEMORIES if mode == "CALC" else MEMORIES[1:]:
                config = config_text(rows, columns, dataflow, memory, mode)
                label = f"{mode} {rows}x{columns} {dataflow} {'/'.join(map(str, memory))} kB"
                yield label, config, CONVOLUTIONS, "conv"
                yield f"{label} gemm", config, PRODUCTS, "gemm"


def run_cases(peer: PeerProcess | None, mode: str, folder: Path) -> Tally:
    """Run all cases, both by turns."""
    tally = Tally()
    for turn, (label, config, topology, kind) in enumerate(cases(mode)):
        found: dict[str, tuple[dict[str, str], float]] = {}
        for who in ("ours", "theirs") if turn % 2 else ("theirs", "ours"):
            if who == "ours":
                found[who] = ours(config, topology, kind, folder)
            elif peer is not None:
                found[who] = theirs(peer, config, topology, kind)
        tally.ours += found["ours"][1]
        if "theirs" in found:
            tally.theirs += found["theirs"][1]
            compare(tally, label, found["ours"][0], found["theirs"][0])
    return tally


def run_resnet(peer: PeerProcess | None, dataflow: str, repeats: int, folder: Path) -> dict[str, Any]:
    """Run ResNet-18, ours some times before and some times after SCALE-Sim."""
    rows = scalesim.rows_of(da.zoo.load("resnet18"))
    topology = scalesim.topology_text(rows)
    config = config_text(*RESNET_ARRAY, dataflow, RESNET_MEMORY)
    times: list[float] = []
    reports: dict[str, str] = {}
    tally = Tally()
    for half in range(2):
        for _ in range(repeats):
            reports, seconds = ours(config, topology, "conv", folder)
            times.append(seconds)
        if half == 0 and peer is not None:
            other, tally.theirs = theirs(peer, config, topology, "conv")
            compare(tally, f"ResNet-18 {dataflow}", reports, other)
    times.sort()
    return {
        "dataflow": dataflow,
        "layers": len(rows),
        "ours_best": times[0],
        "ours_median": times[len(times) // 2],
        "theirs": tally.theirs if peer is not None else None,
        "equal_figures": tally.equal_figures,
        "figures": tally.figures,
    }


def show(mode: str, tally: Tally) -> None:
    """Print one mode's comparison."""
    if tally.runs:
        print(
            f"{mode} mode: {tally.equal_figures} of {tally.figures} figures equal as text, "
            f"{tally.equal_runs} of {tally.runs} layer-runs in all their figures"
        )
        print(
            f"  CPU seconds: SCALE-Sim {tally.theirs:.2f}, dnnaccel {tally.ours:.4f}, "
            f"{tally.theirs / tally.ours:,.0f}x"
        )
    else:
        print(f"{mode} mode: dnnaccel {tally.ours:.4f} CPU seconds")
    for difference in tally.differences[:10]:
        print(f"  {difference}")


def main() -> None:
    """Run, print, and fail if a figure differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scalesim-python", metavar="PATH", help="Python of an environment with SCALE-Sim")
    parser.add_argument("--quick", action="store_true", help="leave ResNet-18 out for SCALE-Sim (a minute)")
    parser.add_argument("--full", action="store_true", help="ResNet-18 under all three dataflows")
    parser.add_argument("--repeats", type=int, default=20, help="half of our runs of ResNet-18 (default 20)")
    parser.add_argument("--json", metavar="FILE", help="write the figures to FILE too")
    options = parser.parse_args()
    print(f"{cpu_model()}; load average {load()} at the start; one thread each")
    with running(SCALESIM, options.scalesim_python) as peer, tempfile.TemporaryDirectory() as name:
        if peer is None:
            print(SCALESIM.how_to_get("scalesim"))
        folder = Path(name)
        tallies = {}
        for mode in ("CALC", "USER"):
            tallies[mode] = run_cases(peer, mode, folder)
            show(mode, tallies[mode])
        resnets = []
        for dataflow in DATAFLOWS if options.full else ("os",):
            found = run_resnet(None if options.quick else peer, dataflow, options.repeats, folder)
            resnets.append(found)
            best, median = (f"{1e3 * found[key]:.2f} ms" for key in ("ours_best", "ours_median"))
            what = f"ResNet-18 ({found['layers']} layers) on 128x128 {dataflow}"
            print(f"{what}: dnnaccel best {best}, median {median}")
            if found["theirs"]:
                print(
                    f"  SCALE-Sim {found['theirs']:.1f} s, {found['theirs'] / found['ours_median']:,.0f}x; "
                    f"{found['equal_figures']} of {found['figures']} figures equal"
                )
    if options.json:
        modes = {mode: vars(tally) for mode, tally in tallies.items()}
        Path(options.json).write_text(json.dumps({"modes": modes, "resnet18": resnets}, indent=2) + "\n")
    if any(tally.differences for tally in tallies.values()):
        sys.exit(1)


if __name__ == "__main__":
    main()
