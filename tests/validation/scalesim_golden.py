"""Writes data/scalesim.json, what SCALE-Sim 3.0.0 reports of some layers; test_scalesim_reports.py holds it.

    python tests/validation/scalesim_golden.py .venv-scalesim/bin/python

The environment is that of bench/README.md (numpy below 2.4). It takes some minutes.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
WORKER = HERE.parents[1] / "bench" / "peer_scalesim" / "worker.py"
DATA = HERE / "data" / "scalesim.json"

HEADER = (
    "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,\n"
)
CONVOLUTIONS = (
    "large, 23, 25, 11, 11, 3, 12, 4,",
    "partial, 16, 17, 7, 7, 3, 20, 2,",
    "three, 10, 10, 3, 3, 16, 24, 1,",
    "one, 9, 9, 1, 1, 48, 40, 1,",
    "past_the_edge, 10, 12, 1, 1, 20, 30, 2,",
    "uneven, 9, 14, 5, 2, 8, 17, 3,",
    "depthDP, 8, 7, 3, 3, 2, 3, 1,",
)
PRODUCTS = "Layer, M, N, K,\nproduct, 21, 45, 70,\nvector, 1, 50, 130,\n"
SPARSE = ("2:4", "1:4", "3:5", "4:4", "1:2", "2:7", "1:3")
TOPOLOGIES = {
    "dense": HEADER + "".join(f"{line}\n" for line in CONVOLUTIONS),
    "sparse": HEADER
    + "".join(f"{line} {ratio},\n" for line, ratio in zip(CONVOLUTIONS, SPARSE, strict=True)),
    "gemm": PRODUCTS,
}
ARRAYS = ((8, 8), (16, 16), (5, 7), (32, 64), (64, 16), (128, 128))
MEMORIES = ((1, 1, 1), (2, 1, 2), (64, 64, 64))


def config(**changes: Any) -> str:
    """Return a configuration file."""
    values = {
        "rows": 8,
        "columns": 8,
        "kb": (1, 1, 1),
        "dataflow": "os",
        "mode": "CALC",
        "sparse": "",
    } | changes
    values = {"bandwidth": (10, 10, 10)} | values
    ifmap, filter, ofmap = values["kb"]
    ifmap_bandwidth, filter_bandwidth, bandwidth = values["bandwidth"]
    return f"""\
[general]
run_name = golden
[architecture_presets]
ArrayHeight: {values["rows"]}
ArrayWidth: {values["columns"]}
IfmapSramSzkB: {ifmap}
FilterSramSzkB: {filter}
OfmapSramSzkB: {ofmap}
IfmapOffset: 0
FilterOffset: 10000000
OfmapOffset: 20000000
Dataflow: {values["dataflow"]}
Bandwidth: {bandwidth}
ReadRequestBuffer: 64
WriteRequestBuffer: 64
[layout]
IfmapCustomLayout: False
IfmapSRAMBankBandwidth: {ifmap_bandwidth}
IfmapSRAMBankNum: 1
IfmapSRAMBankPort: 2
FilterCustomLayout: False
FilterSRAMBankBandwidth: {filter_bandwidth}
FilterSRAMBankNum: 1
FilterSRAMBankPort: 2
[sparsity]
SparsitySupport: {"true" if values["sparse"] else "false"}
SparseRep: {values["sparse"] or "csr"}
OptimizedMapping: false
BlockSize: 4
RandomNumberGeneratorSeed: 40
[run_presets]
InterfaceBandwidth: {values["mode"]}
UseRamulatorTrace: False
"""


def cases() -> Iterator[dict[str, Any]]:
    """Give name, configuration, topology and kind of each case."""
    chance = random.Random(6)
    for dataflow in ("os", "ws", "is"):
        for number, (rows, columns) in enumerate(ARRAYS):
            common = {"rows": rows, "columns": columns, "dataflow": dataflow}
            for kb in (MEMORIES[number % 3], MEMORIES[(number + 1) % 3]):
                name = f"{dataflow} {rows}x{columns} {'/'.join(map(str, kb))}"
                yield {"name": name, "config": config(kb=kb, **common), "topology": "dense"}
            name = f"{dataflow} {rows}x{columns} gemm"
            yield {"name": name, "config": config(**common), "topology": "gemm"}
        for rows, columns in ARRAYS[:4]:
            bandwidth = tuple(chance.choice((1, 3, 10, 20)) for _ in range(3))
            text = config(rows=rows, columns=columns, dataflow=dataflow, mode="USER", bandwidth=bandwidth)
            name = f"{dataflow} {rows}x{columns} USER {'/'.join(map(str, bandwidth))}"
            yield {"name": name, "config": text, "topology": "dense"}
        for format in ("csr", "csc", "ellpack_block"):
            text = config(dataflow=dataflow, sparse=format)
            yield {"name": f"{dataflow} {format}", "config": text, "topology": "sparse"}


def main() -> None:
    """Ask SCALE-Sim, and write what it says."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    process = subprocess.Popen(
        [sys.argv[1], str(WORKER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    found = []
    for case in cases():
        topology = case["topology"]
        asked = case | {"topology": TOPOLOGIES[topology], "gemm": topology == "gemm"}
        process.stdin.write(json.dumps(asked) + "\n")
        process.stdin.flush()
        answer = json.loads(process.stdout.readline())
        if "error" in answer:
            sys.exit(f"{case['name']}: {answer['error']}")
        found.append(case | {"reports": answer["reports"]})
    process.stdin.close()
    data = {"scalesim": "3.0.0", "topologies": TOPOLOGIES, "cases": found}
    DATA.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
