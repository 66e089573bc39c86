"""Runs AccelForge for `../peers.py`, in whatever Python has it.

Reads one layer per line on standard input (JSON) and answers each with one line of JSON. Imports nothing of
dnnaccel. Its mapper is asked for its first template only: all of them take it hours for one layer.
"""

from __future__ import annotations

import json
import logging
import math
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import accelforge
from accelforge.mapper.FFM import make_pmappings
from accelforge.util.parallel import set_n_parallel_jobs

HERE = Path(__file__).parent
TEMPLATES = 1


def workload(layer: dict[str, Any]) -> str:
    """Return a convolution as AccelForge's YAML; dims of one position are left out."""
    bounds, factor = layer["bounds"], layer["factor"]
    live = {dim for dim, bound in bounds.items() if bound > 1}
    sizes = {dim: bound for dim, bound in bounds.items() if dim in live}

    def window(p: str, r: str) -> str:
        return " + ".join(f"{factor[dim]} * {dim.lower()}" for dim in (p, r) if dim in live) or "0"

    extent = {
        axis: factor[p] * (bounds[p] - 1) + factor[r] * (bounds[r] - 1) + 1
        for axis, p, r in (("H", "P", "R"), ("W", "Q", "S"))
    }

    def plain(*dims: str) -> str:
        return ", ".join(f"{dim}: {dim.lower()}" for dim in dims if dim in live)

    inputs = f"{plain('N', 'G', 'C')}, H: {window('P', 'R')}, W: {window('Q', 'S')}".lstrip(", ")
    ranks = ", ".join(f"{rank}: {size}" for rank, size in (sizes | extent).items())
    return f"""\
workload:
  rank_sizes: {{{ranks}}}
  bits_per_value: {{All: 16}}
  einsums:
  - name: conv
    tensor_accesses:
    - {{name: I, projection: {{{inputs}}}}}
    - {{name: F, projection: {{{plain("G", "M", "C", "R", "S")}}}}}
    - {{name: O, projection: {{{plain("N", "G", "M", "P", "Q")}}}, output: True}}
    renames: {{input: I, weight: F, output: O}}
"""


def search(layer: dict[str, Any]) -> dict[str, object]:
    """Evaluate the mappings of the first template, for least energy; parsing is not timed."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "workload.yaml"
        file.write_text(workload(layer), encoding="utf-8")
        spec = accelforge.Spec.from_yaml(str(HERE / "machine.yaml"), str(file))
    spec.mapper.metrics = accelforge.Metrics.ENERGY
    spec.mapper.max_pmapping_templates_per_einsum = TEMPLATES
    start = time.process_time()
    found = make_pmappings(spec, print_progress=False)
    seconds = time.process_time() - start
    return {
        "evaluated": int(found.n_evaluated_pmappings()),
        "seconds": seconds,
        "macs": math.prod(layer["bounds"].values()),
    }


def main() -> None:
    logging.disable(logging.CRITICAL)
    set_n_parallel_jobs(1)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    # Whatever AccelForge prints must not stand among the answers.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    for line in sys.stdin:
        answers.write(json.dumps(search(json.loads(line))) + "\n")


if __name__ == "__main__":
    main()
