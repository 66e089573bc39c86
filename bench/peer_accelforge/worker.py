"""Runs AccelForge for `../peers.py`, in whatever Python has it.

Reads one layer per line on standard input (JSON) and answers each with one line of JSON. Imports nothing of
dnnaccel. Its mapper is asked for
its first template only, unless `whole`: all of them take it hours for some layers.
"""

from __future__ import annotations

import importlib.metadata
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
from accelforge.mapper.FFM import join_pmappings, make_pmappings
from accelforge.util.parallel import set_n_parallel_jobs

HERE = Path(__file__).parent
TEMPLATES = 1
TENSORS = {"I": "inputs", "F": "weights", "O": "outputs"}
METRICS = {
    "energy": accelforge.Metrics.ENERGY,
    "latency": accelforge.Metrics.LATENCY,
    "edp": accelforge.Metrics.ENERGY | accelforge.Metrics.LATENCY,
}


def workload(layer: dict[str, Any]) -> str:
    """Return a convolution as AccelForge's YAML; dims of one position are left out."""
    bounds, factor = layer["bounds"], layer["factor"]
    live = {dim for dim, bound in bounds.items() if bound > 1}
    sizes = {dim: bound for dim, bound in bounds.items() if dim in live}

    windows, extent = [], {}
    for axis, p, r in (("H", "P", "R"), ("W", "Q", "S")):
        terms = [f"{factor[dim]} * {dim.lower()}" for dim in (p, r) if dim in live]
        if terms:
            windows.append(f"{axis}: {' + '.join(terms)}")
            extent[axis] = factor[p] * (bounds[p] - 1) + factor[r] * (bounds[r] - 1) + 1

    def plain(*dims: str) -> str:
        return ", ".join(f"{dim}: {dim.lower()}" for dim in dims if dim in live)

    inputs = ", ".join(part for part in (plain("N", "G", "C"), *windows) if part)
    ranks = ", ".join(f"{rank}: {size}" for rank, size in (sizes | extent).items())
    return f"""\
workload:
  rank_sizes: {{{ranks}}}
  bits_per_value: {{All: {layer.get("word_bits", 16)}}}
  einsums:
  - name: conv
    tensor_accesses:
    - {{name: I, projection: {{{inputs}}}}}
    - {{name: F, projection: {{{plain("G", "M", "C", "R", "S")}}}}}
    - {{name: O, projection: {{{plain("N", "G", "M", "P", "Q")}}}, output: True}}
    renames: {{input: I, weight: F, output: O}}
"""


def nest(mapping: Any, names: dict[str, str]) -> list[list[Any]]:
    """Return the mapping found as a list, outermost first: what memories hold, and loops with their tiles."""
    items: list[list[Any]] = []

    def visit(nodes: Any) -> None:
        for node in nodes:
            kind = type(node).__name__
            if hasattr(node, "nodes"):
                visit(node.nodes)
            elif kind in ("Storage", "Toll"):
                roles = sorted(TENSORS[str(tensor)] for tensor in node.tensors)
                items.append(["hold", str(node.component), roles])
            elif kind in ("Temporal", "Spatial"):
                variable = node.rank_variable
                dim = names[str(variable if isinstance(variable, str) else next(iter(variable)))]
                where = str(node.name) if kind == "Spatial" else ""
                items.append(["for", dim, int(node.tile_shape), where])

    visit(mapping.nodes)
    return items


def search(layer: dict[str, Any]) -> dict[str, object]:
    """Search a layer for the least of the objective; parsing is not timed.

    Without `whole` the mappings of the first template are evaluated, and none is chosen.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "workload.yaml"
        file.write_text(workload(layer), encoding="utf-8")
        machine = HERE / "machine.yaml"
        if "machine" in layer:
            machine = Path(folder) / "machine.yaml"
            machine.write_text(layer["machine"], encoding="utf-8")
        spec = accelforge.Spec.from_yaml(str(machine), str(file))
    spec.mapper.metrics = METRICS[layer.get("objective", "energy")]
    templates = layer.get("templates") if layer.get("whole") else TEMPLATES
    if templates is not None:
        spec.mapper.max_pmapping_templates_per_einsum = templates
    start, began = time.process_time(), time.perf_counter()
    found = make_pmappings(spec, print_progress=False)
    if layer.get("whole"):
        best = join_pmappings(found, metrics=spec.mapper.metrics, print_progress=False)
    answer: dict[str, object] = {
        "seconds": time.process_time() - start,
        "wall": time.perf_counter() - began,
        "evaluated": int(found.n_evaluated_pmappings()),
        "macs": math.prod(layer["bounds"].values()),
    }
    if layer.get("nest"):
        names = {dim.lower(): dim for dim in layer["bounds"]}
        answer["nest"] = nest(best.data.iloc[0]["Total<SEP>mapping"](), names)
        answer["version"] = importlib.metadata.version("accelforge")
        for figure, column in (("energy", "Total<SEP>energy"), ("cycles", "Total<SEP>latency")):
            if column in best.data:
                answer[figure] = float(best.data.iloc[0][column])
    return answer


def main() -> None:
    logging.disable(logging.CRITICAL)
    set_n_parallel_jobs(1)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    # Whatever AccelForge prints must not stand among the answers.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    for line in sys.stdin:
        try:
            answer = search(json.loads(line))
        except Exception as error:  # whatever it is, the next layer may do
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
