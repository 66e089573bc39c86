"""Runs ZigZag for `../peers.py`, in whatever Python has it.

Reads one layer per line on standard input (JSON) and answers each with one line of JSON. Imports nothing of
dnnaccel.
"""

from __future__ import annotations

import importlib.metadata
import json
import logging
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from zigzag.mapping.temporal_mapping import TemporalMappingType
from zigzag.stages.evaluation.cost_model_evaluation import CostModelStage
from zigzag.stages.main import MainStage
from zigzag.stages.mapping.spatial_mapping_generation import SpatialMappingGeneratorStage
from zigzag.stages.mapping.temporal_mapping_generator_stage import TemporalMappingGeneratorStage
from zigzag.stages.parser.accelerator_parser import AcceleratorParserStage
from zigzag.stages.parser.workload_parser import WorkloadParserStage
from zigzag.stages.results.reduce_stages import MinimalEDPStage, MinimalEnergyStage, MinimalLatencyStage
from zigzag.stages.stage import Stage
from zigzag.stages.workload_iterator import WorkloadStage

HERE = Path(__file__).parent
LPF_LIMIT = 6  # of its loop-order search: the default of its API
DIMS = {"N": "B", "G": "G", "M": "K", "C": "C", "P": "OY", "Q": "OX", "R": "FY", "S": "FX"}
ROLES = {"I": "inputs", "W": "weights", "O": "outputs"}
LEAST = {"energy": MinimalEnergyStage, "latency": MinimalLatencyStage, "edp": MinimalEDPStage}


class Timed(Stage):
    """Takes the time of everything below it: the search of one layer, and no parsing, plots or files."""

    seconds = 0.0  # of this process
    wall = 0.0

    def run(self):
        start, began = time.process_time(), time.perf_counter()
        found = list(self.list_of_callables[0](self.list_of_callables[1:], **self.kwargs).run())
        Timed.seconds += time.process_time() - start
        Timed.wall += time.perf_counter() - began
        yield from found


class Counted(Stage):
    """Counts the results that come up from the cost model, one for each temporal mapping evaluated."""

    evaluated = 0

    def run(self):
        for found in self.list_of_callables[0](self.list_of_callables[1:], **self.kwargs).run():
            Counted.evaluated += 1
            yield found


def workload(layer: dict[str, Any]) -> dict[str, Any]:
    """Return a convolution in ZigZag's own form."""
    bounds, factor = layer["bounds"], layer["factor"]
    return {
        "id": 0,
        "name": layer["name"],
        "operator_type": "Conv",
        "equation": "O[b][g][k][oy][ox]+=W[g][k][c][fy][fx]*I[b][g][c][iy][ix]",
        "dimension_relations": [
            f"iy={factor['P']}*oy+{factor['R']}*fy",
            f"ix={factor['Q']}*ox+{factor['S']}*fx",
        ],
        "loop_dims": list(DIMS.values()),
        "loop_sizes": [bounds[dim] for dim in DIMS],
        "operand_precision": dict.fromkeys(("W", "I", "O", "O_final"), layer.get("word_bits", 16)),
        "operand_source": {"W": 0, "I": 0},
        "pr_loop_dims": ["IY", "IX"],
        "pr_loop_sizes": layer["input_size"],
        "padding": [[side, side] for side in layer["padding"]],
    }


def nest(best: Any) -> dict[str, Any]:
    """Return the mapping found: one order of loops, innermost first, and how many run below each memory.

    Operands share the order, and each has its own place in it for each of its memories (an uneven mapping).
    Spatial factors may be fractions: a bound over a whole number of passes.
    """
    ours = {theirs: dim for dim, theirs in DIMS.items()}
    loops: list[list[Any]] = []
    holds = []
    for operand, levels in best.temporal_mapping.mapping_dic_origin.items():
        flat = [[ours[str(dim)], int(size)] for level in levels for dim, size in level]
        if loops and flat != loops:
            raise ValueError("operands of one mapping have their loops in different orders")
        loops = flat
        link = best.layer.memory_operand_links.layer_to_mem_op(operand)
        memories = best.accelerator.memory_hierarchy.get_memory_levels(link)
        count = 0
        for memory, level in zip(memories, levels, strict=True):
            count += len(level)
            holds.append([memory.memory_instance.name, ROLES[str(operand)], count])
    axes = {
        str(axis): [[ours[str(dim)], float(size)] for dim, size in dims.items()]
        for axis, dims in best.layer.spatial_mapping.items()
    }
    return {"loops": loops, "holds": holds, "rows": axes.get("D1", []), "columns": axes.get("D2", [])}


def given(text: str | None, default: str, folder: str) -> str:
    """Return the path of a description: the one sent along, or the default file."""
    if text is None:
        return str(HERE / default)
    file = Path(folder) / default
    file.write_text(text, encoding="utf-8")
    return str(file)


def search(layer: dict[str, Any]) -> dict[str, object]:
    """Search one layer as ZigZag's own API does, without its stages that write files."""
    Timed.seconds, Timed.wall, Counted.evaluated = 0.0, 0.0, 0
    least = LEAST[layer.get("objective", "energy")]
    stages = [
        WorkloadParserStage,
        AcceleratorParserStage,
        WorkloadStage,
        Timed,
        least,
        SpatialMappingGeneratorStage,
        least,
        TemporalMappingGeneratorStage,
        Counted,
        CostModelStage,
    ]
    with tempfile.TemporaryDirectory() as folder:
        (best, _), *_ = MainStage(
            list_of_callables=stages,
            workload=[workload(layer)],
            accelerator=given(layer.get("machine"), "machine.yaml", folder),
            mapping=given(layer.get("mapping"), "mapping.yaml", folder),
            loma_lpf_limit=LPF_LIMIT,
            loma_show_progress_bar=False,
            nb_mappings_generated=layer.get("spatial_mappings", 1),
            access_same_data_considered_as_no_access=True,
            temporal_mapping_type=TemporalMappingType(layer.get("temporal", "uneven")),
        ).run()
    answer = {
        "evaluated": Counted.evaluated,
        "seconds": Timed.seconds,
        "wall": Timed.wall,
        "energy": float(best.energy_total),
        "cycles": float(best.latency_total2),
        "macs": int(best.layer.total_mac_count),
    }
    if layer.get("nest"):
        answer["nest"] = nest(best)
        answer["version"] = importlib.metadata.version("zigzag-dse")
    return answer


def main() -> None:
    logging.disable(logging.CRITICAL)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    # Whatever ZigZag prints must not stand among the answers.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    for line in sys.stdin:
        try:
            answer = search(json.loads(line))
        except Exception as error:  # whatever it is, the next layer may do
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
