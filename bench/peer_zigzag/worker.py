"""Runs ZigZag for `../peers.py`, in whatever Python has it.

Reads one layer per line on standard input (JSON) and answers each with one line of JSON. Imports nothing of
dnnaccel.
"""

from __future__ import annotations

import json
import logging
import os
import sys
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
from zigzag.stages.results.reduce_stages import MinimalEnergyStage
from zigzag.stages.stage import Stage
from zigzag.stages.workload_iterator import WorkloadStage

HERE = Path(__file__).parent
LPF_LIMIT = 6  # of its loop-order search: the default of its API


class Timed(Stage):
    """Takes the time of everything below it: the search of one layer, and no parsing, plots or files."""

    seconds = 0.0

    def run(self):
        start = time.process_time()
        found = list(self.list_of_callables[0](self.list_of_callables[1:], **self.kwargs).run())
        Timed.seconds += time.process_time() - start
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
    names = {"B": "N", "G": "G", "K": "M", "C": "C", "OY": "P", "OX": "Q", "FY": "R", "FX": "S"}
    return {
        "id": 0,
        "name": layer["name"],
        "operator_type": "Conv",
        "equation": "O[b][g][k][oy][ox]+=W[g][k][c][fy][fx]*I[b][g][c][iy][ix]",
        "dimension_relations": [
            f"iy={factor['P']}*oy+{factor['R']}*fy",
            f"ix={factor['Q']}*ox+{factor['S']}*fx",
        ],
        "loop_dims": list(names),
        "loop_sizes": [bounds[ours] for ours in names.values()],
        "operand_precision": {"W": 16, "I": 16, "O": 16, "O_final": 16},
        "operand_source": {"W": 0, "I": 0},
        "pr_loop_dims": ["IY", "IX"],
        "pr_loop_sizes": layer["input_size"],
        "padding": [[side, side] for side in layer["padding"]],
    }


def search(layer: dict[str, Any]) -> dict[str, object]:
    """Search one layer for least energy as ZigZag's own API does, without its stages that write files."""
    Timed.seconds, Counted.evaluated = 0.0, 0
    stages = [
        WorkloadParserStage,
        AcceleratorParserStage,
        WorkloadStage,
        Timed,
        MinimalEnergyStage,
        SpatialMappingGeneratorStage,
        MinimalEnergyStage,
        TemporalMappingGeneratorStage,
        Counted,
        CostModelStage,
    ]
    (best, _), *_ = MainStage(
        list_of_callables=stages,
        workload=[workload(layer)],
        accelerator=str(HERE / "machine.yaml"),
        mapping=str(HERE / "mapping.yaml"),
        loma_lpf_limit=LPF_LIMIT,
        loma_show_progress_bar=False,
        nb_mappings_generated=1,
        access_same_data_considered_as_no_access=True,
        temporal_mapping_type=TemporalMappingType.UNEVEN,
    ).run()
    return {
        "evaluated": Counted.evaluated,
        "seconds": Timed.seconds,
        "energy": float(best.energy_total),
        "cycles": float(best.latency_total2),
        "macs": int(best.layer.total_mac_count),
    }


def main() -> None:
    logging.disable(logging.CRITICAL)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    # Whatever ZigZag prints must not stand among the answers.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    for line in sys.stdin:
        answers.write(json.dumps(search(json.loads(line))) + "\n")


if __name__ == "__main__":
    main()
